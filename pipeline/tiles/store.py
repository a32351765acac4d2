"""Finished tiles on disk: a Zarr archive each, named by the hash of all that it depends on."""

from __future__ import annotations

import shutil
import time
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import ArtefactError
from pipeline.files import atomic_path
from pipeline.tiles.content import content_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

_PATIENCE_S = 60.0
"""A shared folder may show a file later here than where it was written."""


@dataclass(frozen=True)
class TileStore:
    """A folder of finished tiles, the same for all that work on them.

    Each is one file, written beside its place and renamed when it is whole, and holds the hash of its content: half a tile never counts.

    Parameters
    ----------
    folder : Path
    """

    folder: Path

    def write(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep the arrays of a tile under its key."""
        with atomic_path(self._path(key)) as temporary:
            _write_archive(temporary, arrays)

    def read(self, key: str) -> Arrays | None:
        """Arrays of a finished tile; None if there is none, or what is there is not whole."""
        if not self._path(key).is_file():
            return None
        try:
            return _read_archive(self._path(key))
        except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
            return None

    def written(self, key: str) -> Arrays:
        """Arrays of a tile that some worker says it has finished.

        Raises
        ------
        ArtefactError
            It does not arrive.
        """
        path, until = self._path(key), time.monotonic() + _PATIENCE_S
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.05)
        arrays = self.read(key)
        if arrays is None:
            msg = f"{path}: a worker has written this tile; here it cannot be read. Check the disk and the shared folder, then type make all again."
            raise ArtefactError(msg)
        return arrays

    def forget(self) -> None:
        """Remove all tiles: what they were for is made."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.zarr.zip"


def _write_archive(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    import zarr

    path.unlink(missing_ok=True)  # the reserved name: an archive is made anew
    with zarr.storage.ZipStore(path, mode="w") as archive:
        group = zarr.create_group(archive, attributes={"sha256": content_sha256(dict(arrays))})
        for name, values in arrays.items():
            # One chunk: whoever wants part of it takes smaller tiles.
            group.create_array(name, data=values, chunks=tuple(max(1, count) for count in values.shape) or "auto")


def _read_archive(path: Path) -> Arrays:
    import zarr

    archive = zarr.storage.ZipStore(path, mode="r")
    group = zarr.open_group(archive, mode="r")  # opens the archive too
    with closing(archive):
        arrays = {name: np.asarray(array[...]) for name, array in group.arrays()}
    if group.attrs["sha256"] != content_sha256(arrays):
        msg = "its content is not what was written"
        raise ValueError(msg)
    return arrays
