"""Where to core next: how much one more core in each cell would tell of total metal, and the best few together."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pipeline.artefacts.formats import plain, read_raster, write_json, write_raster
from pipeline.artefacts.survey import Marks

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from pipeline.grid import Grid

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class NextCores:
    """Worth of further cores.

    Parameters
    ----------
    cores : list of dict
        Best first: ``rank, longitude_deg, latitude_deg, water_depth_m, element`` (the one that drove the choice), ``sd_before_t, sd_after_t``
        (standard deviation of its total metal before any new core, and after this one and those before it), ``reduction_share`` (of the variance, by
        all of them together), and the last three ``by_element``. Empty where nothing could be chosen; then ``summary["reason"]`` says why.
    reduction_share : dict of str to (rows, columns) array
        By element: share of the variance of its total metal that one more core in each cell would take away; NaN outside the estimated cells.
    summary : dict
        How it was reckoned, and ``not_computed``: the reason by element.
    """

    grid: Grid
    cores: list[dict[str, Any]]
    reduction_share: dict[str, Array]
    summary: dict[str, Any]
    marks: Marks
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact; the rasters beside it are read with it."""
        return path.name == "next_cores.json" and path.parent.name != ".settings"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the list and, from beside it, the raster of each element."""
        content = json.loads(path.read_text(encoding="utf-8"))
        shares: dict[str, Array] = {}
        for element in content["elements"]:
            grid, bands, _ = read_raster(_raster(path, element))
            (shares[element],) = bands.values()
        return cls(grid, content["cores"], shares, content["summary"], Marks.from_tags(content))

    def write(self, out: Path) -> None:
        """Write ``next_cores.json``, and ``next_cores_<element>.tif`` beside it."""
        for element, share in self.reduction_share.items():
            tags = {**self.marks.tags(), "element": element}
            write_raster(_raster(out, element), self.grid, {"reduction_of_variance_share": share}, tags)
        # Last: it stands for the whole group.
        content = {**self.marks.tags(), "elements": list(self.reduction_share), "cores": self.cores, "summary": self.summary}
        write_json(plain(content), out)


def _raster(path: Path, element: str) -> Path:
    return path.with_name(f"next_cores_{element}.tif")
