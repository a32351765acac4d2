"""Where to core next: how much one more core in each cell would tell of metal, and the best few together."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from pipeline.artefacts.formats import plain, read_raster, write_csv, write_json, write_raster
from pipeline.artefacts.survey import Marks

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.grid import Grid

    Array = NDArray[np.float64]

TOTAL_METAL: Final = "total_metal"
"""Objective: total metal, in closed form."""

OVER_CUTOFF: Final = "metal_over_cutoff"
"""Objective: metal in the blocks over a cut-off, by regression over the realisations; approximate."""

NEXT_CORES_COLUMNS: Final = (
    "objective", "rank", "element", "longitude_deg", "latitude_deg", "water_depth_m", "cutoff_ppm", "sd_before_t", "sd_after_t", "reduction_share",
    "reduction_error_share", "width_before_t", "width_after_t", "narrowing_t", "station_number", "leg_km", "data_kind",
)  # fmt: skip
"""Columns of ``next_cores.csv``; the first three identify a row."""

_BANDS = ("reduction_of_variance_share", "over_cutoff_reduction_of_variance_share", "over_cutoff_error_share")


@dataclass(frozen=True)
class NextCores:
    """Worth of further cores.

    Parameters
    ----------
    cores : list of dict
        Best first, for total metal: ``rank, longitude_deg, latitude_deg, water_depth_m, element`` (the one that drove the choice), ``sd_before_t,
        sd_after_t`` (standard deviation of its total metal before any new core, and after this one and those before it), ``reduction_share`` (of the
        variance, by all of them together), and ``by_element`` the same of each element, with ``width_before_t, width_after_t, narrowing_t`` (of the
        interval between low and high) where it was simulated. Empty where nothing could be chosen; then ``summary["reason"]`` says why.
    reduction_share : dict of str to (rows, columns) array
        By element: share of the variance of its total metal that one more core in each cell would take away; NaN outside the estimated cells.
    summary : dict
        How it was reckoned, and ``not_computed``: the reason by element.
    marks : Marks
    cutoff_cores : list of dict
        As ``cores``, for metal over a cut-off (``cutoff_ppm``), each share with its Monte-Carlo error ``reduction_error_share``. Empty where nothing
        could be chosen; then ``summary["over_cutoff"]["reason"]`` says why.
    cutoff_share, cutoff_error_share : dict of str to (rows, columns) array
        As ``reduction_share``, for metal over the cut-off, and its Monte-Carlo error.
    tracks : dict of str to dict
        By objective: the ship's round trip; without those of no core or no start.
    """

    grid: Grid
    cores: list[dict[str, Any]]
    reduction_share: dict[str, Array]
    summary: dict[str, Any]
    marks: Marks
    cutoff_cores: list[dict[str, Any]] = field(default_factory=list)
    cutoff_share: dict[str, Array] = field(default_factory=dict)
    cutoff_error_share: dict[str, Array] = field(default_factory=dict)
    tracks: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def sets(self) -> dict[str, list[dict[str, Any]]]:
        """Cores by objective."""
        return {TOTAL_METAL: self.cores, OVER_CUTOFF: self.cutoff_cores}

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each objective, core and element: what is known with it and all before it."""
        import pandas as pd

        rows = []
        for objective, cores in self.sets.items():
            track = self.tracks.get(objective, {"ranks": [], "legs_km": []})
            legs = {rank: (number + 1, leg) for number, (rank, leg) in enumerate(zip(track["ranks"], track["legs_km"], strict=False))}
            for core in cores:
                station, leg_km = legs.get(core["rank"], (None, None))
                said = {**core, "objective": objective, "station_number": station, "leg_km": leg_km, "data_kind": self.marks.data_kind}
                rows += [{**said, "cutoff_ppm": 0.0, **found, "element": element} for element, found in sorted(core["by_element"].items())]
        return pd.DataFrame(rows, columns=list(NEXT_CORES_COLUMNS)).astype({"station_number": "Int64"})

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact; the rasters beside it are read with it."""
        return path.name == "next_cores.json" and path.parent.name != ".settings"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the list and, from beside it, the raster of each element."""
        content = json.loads(path.read_text(encoding="utf-8"))
        bands: dict[str, list[Array]] = {}
        for element in content["elements"]:
            grid, found, _ = read_raster(_raster(path, element))
            bands[element] = list(found.values())
        shares = [{element: found[number] for element, found in bands.items()} for number in range(len(_BANDS))]
        return cls(
            grid, content["cores"], shares[0], content["summary"], Marks.from_tags(content), content["cutoff_cores"], shares[1], shares[2],
            content["tracks"],
        )  # fmt: skip

    def write(self, out: Path) -> None:
        """Write ``next_cores.json``, and ``next_cores.csv`` and ``next_cores_<element>.tif`` beside it."""
        cutoff_ppm = (self.summary.get("over_cutoff") or {}).get("cutoff_ppm")
        for element, share in self.reduction_share.items():
            nothing = np.full(share.shape, np.nan)
            bands = (share, self.cutoff_share.get(element, nothing), self.cutoff_error_share.get(element, nothing))
            said = {"over_cutoff": "by regression over realisations: approximate; the error is that of the Monte Carlo"}
            tags = {**self.marks.tags(), "element": element, **said, "cutoff_ppm": "" if cutoff_ppm is None else f"{cutoff_ppm:g}"}
            write_raster(_raster(out, element), self.grid, dict(zip(_BANDS, bands, strict=True)), tags)
        write_csv(self.frame, out.with_suffix(".csv"))
        # Last: it stands for the whole group.
        sets = {"cores": self.cores, "cutoff_cores": self.cutoff_cores, "tracks": self.tracks}
        content = {**self.marks.tags(), "elements": list(self.reduction_share), **sets, "summary": self.summary}
        write_json(plain(content), out)


def _raster(path: Path, element: str) -> Path:
    return path.with_name(f"next_cores_{element}.tif")
