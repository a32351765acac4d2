"""Facts that pages show and no table holds: counts of samples and cores, the area of the region, depths; each is taken from its product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.artefacts import Samples, Seafloor


@dataclass(frozen=True)
class Fact:
    """A number of a product.

    Parameters
    ----------
    product : str
    formula : dict of str to str
    value : function
        From the folder of products.
    """

    product: str
    formula: dict[str, str]
    value: Callable[[Path], float]


def _samples(processed: Path) -> Samples:
    from pipeline.artefacts import Samples

    return Samples.read(processed / "samples.parquet")


def _seafloor(processed: Path) -> Seafloor:
    from pipeline.artefacts import Seafloor

    return Seafloor.read(processed / "seafloor.tif")


def region_area_km2(seafloor: Seafloor) -> float:
    """Area of the region: its share of each cell, summed."""
    import numpy as np

    from pipeline.units import KM2_PER_M2

    return float(np.nansum(seafloor.region_share)) * seafloor.grid.cell_area_m2 * KM2_PER_M2


def _depth_m(seafloor: Seafloor, *, deepest: bool) -> float:
    import numpy as np

    wet = seafloor.depth_m[np.isfinite(seafloor.depth_m) & (seafloor.region_share > 0)]
    return float(wet.max() if deepest else wet.min()) if wet.size else float("nan")


FACTS: Final[dict[str, Fact]] = {
    "samples/count": Fact(
        "samples.parquet",
        {"en": "number of accepted intervals, check assays apart", "ja": "受理した区間の数（再分析を除く）"},
        lambda processed: len(_samples(processed).frame),
    ),
    "samples/cores": Fact(
        "samples.parquet",
        {"en": "number of cores with an accepted interval", "ja": "受理した区間をもつコアの数"},
        lambda processed: int(_samples(processed).frame["core_id"].nunique()),
    ),
    "samples/rows_left_out": Fact(
        "samples.parquet",
        {"en": "number of refused rows ([intake] on_refused = leave_out)", "ja": "受理しなかった行の数（[intake] on_refused = leave_out）"},
        lambda processed: _samples(processed).marks.rows_left_out,
    ),
    "seafloor/area_km2": Fact(
        "seafloor.tif",
        {"en": "Σ over cells of region_share × cell_m²", "ja": "セルについての Σ region_share × cell_m²"},
        lambda processed: region_area_km2(_seafloor(processed)),
    ),
    "seafloor/shallowest_m": Fact(
        "seafloor.tif",
        {"en": "least depth_m of the cells in the region", "ja": "対象域のセルの最小水深"},
        lambda processed: _depth_m(_seafloor(processed), deepest=False),
    ),
    "seafloor/deepest_m": Fact(
        "seafloor.tif",
        {"en": "greatest depth_m of the cells in the region", "ja": "対象域のセルの最大水深"},
        lambda processed: _depth_m(_seafloor(processed), deepest=True),
    ),
    "seafloor/source_resolution_m": Fact(
        "seafloor.tif",
        {"en": "coarsest node spacing of the bathymetry used in the region", "ja": "対象域で用いた水深データの最も粗い間隔"},
        lambda processed: _seafloor(processed).source_resolution_m,
    ),
    "provenance/numbers_listed": Fact(
        "provenance.json",
        {"en": "number of figures of tonnage.csv that provenance.json lists", "ja": "provenance.json に記載した tonnage.csv の数値の数"},
        lambda processed: _numbers_listed(processed),
    ),
}
"""By name."""


def _numbers_listed(processed: Path) -> int:
    import json

    return len(json.loads((processed / "provenance.json").read_text(encoding="utf-8"))["numbers"])
