"""Rasters written window by window, for grids that no memory holds."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts.formats import OVERVIEW_TILE, unit_of_band
from pipeline.files import atomic_path
from pipeline.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.grid import Grid

_TILE = 64  # no window is smaller, and none cuts a tile
_CACHE_BYTES = 2**26


@contextmanager
def raster_in_windows(
    out: Path, grid: Grid, bands: Sequence[str], tags: Mapping[str, str]
) -> Iterator[Callable[[tuple[slice, slice], NDArray[np.float32]], None]]:
    """Cloud-optimised GeoTIFF as :func:`~pipeline.artefacts.formats.write_raster` makes it, with overviews where it is large, from windows in turn.

    Windows go into a plain tiled file beside it first, for a cloud-optimised one can only be made from a whole raster. What is not written stays NaN.

    Parameters
    ----------
    out : Path
    grid : Grid
    bands : sequence of str
        Names; the unit is the last word.
    tags : mapping of str to str

    Yields
    ------
    callable
        Takes the rows and columns of a window, as slices at whole multiples of 64 cells, and its (bands, rows, columns) array.
    """
    import rasterio
    import rasterio.shutil
    from rasterio.crs import CRS as RasterioCRS
    from rasterio.windows import Window

    def check(path: Path) -> None:
        with rasterio.open(path) as written:
            if (written.descriptions, written.shape) != (tuple(bands), grid.shape):
                msg = "its bands are not those meant"
                raise ValueError(msg)

    profile: dict[str, Any] = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": len(bands),
        "height": grid.shape[0],
        "width": grid.shape[1],
        "crs": RasterioCRS.from_wkt(grid.crs.to_wkt()),
        "transform": grid.transform,
        "nodata": np.nan,
        "tiled": True,
        "blockxsize": _TILE,
        "blockysize": _TILE,
        "interleave": "BAND",
        "bigtiff": "YES",
        "sparse_ok": True,
    }
    # What GDAL keeps of a raster follows the memory of the machine unless it is told.
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES), atomic_path(out, check) as temporary:
        whole = temporary.with_name(f"{temporary.name}.windows.tif")
        with rasterio.open(whole, "w", **profile) as raster:
            for number, name in enumerate(bands, start=1):
                raster.set_band_description(number, name)
                raster.set_band_unit(number, unit_of_band(name))
            raster.update_tags(**{name: printable(text) for name, text in tags.items()})

            def write(at: tuple[slice, slice], values: NDArray[np.float32]) -> None:
                rows, columns = at
                raster.write(values, window=Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start))

            yield write
        rasterio.shutil.copy(
            whole, temporary, driver="COG", compress="DEFLATE", predictor="YES", interleave="PIXEL", blocksize=OVERVIEW_TILE, num_threads=1,
            overviews="IGNORE_EXISTING" if max(grid.shape) > OVERVIEW_TILE else "NONE", overview_resampling="NEAREST", bigtiff="IF_SAFER",
        )  # fmt: skip
        whole.unlink()
