"""What the report is told from, and the few look-ups that chapters share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pipeline.artefacts import CLASSES, DENSITY
from pipeline.number_ids import number_id
from pipeline.report_page.blocks import Cell, Text, both, shown
from pipeline.text import printable
from pipeline.web.terms import MUD
from pipeline.web.texts import element_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pipeline.artefacts import (
        Composites,
        CrossValidation,
        Density,
        Grade,
        JointModel,
        Marks,
        NextCores,
        PanelTotals,
        Production,
        Provenance,
        PublishedFiles,
        PublishedMethod,
        Recoverable,
        Samples,
        Seafloor,
        Supply,
        Table1,
        Tonnage,
        Validation,
        Variogram,
    )

COLUMNS: Final = ("area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t")
PERCENTILES: Final = ("p05", "p10", "p50", "p90", "p95")
STATISTICS: Final = ("mean", *PERCENTILES)

_REGIONS: Final = {
    "supported": both("supported by cores", "コアで裏付けられた範囲"),
    "all": both("all estimated cells", "推定した全範囲"),
    "measured": both("measured", "確定（measured）"),
    "indicated": both("indicated", "推定（indicated）"),
    "inferred": both("inferred", "予測（inferred）"),
}
_DENSITY_NAME: Final = both("dry bulk density", "乾燥かさ密度")
_REASONS: Final = {
    "nothing was measured": "測定値がありません",
    "all values are equal: nothing tells how far others may lie from them": "すべて同じ値で、ばらつきが分かりません",
    "all values are equal": "すべて同じ値です",
    "no grade is above zero": "0を超える品位がありません",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """Every artefact that a chapter may tell of."""

    samples: Samples
    composites: Composites
    seafloor: Seafloor
    variograms: Mapping[str, Variogram]
    joint: JointModel
    cross_validation: CrossValidation
    validation: Validation
    tonnage: Tonnage
    grades: Mapping[str, Grade]
    density: Density
    published: PublishedFiles
    provenance: Provenance
    table1: Table1
    next_cores: NextCores
    recoverable: Recoverable
    panels: PanelTotals
    production: Production
    supply: Supply
    published_method: PublishedMethod
    elements: tuple[str, ...]
    title: str
    colour_map: str
    deposit: str = MUD

    @property
    def marks(self) -> Marks:
        """Marks of the samples."""
        return self.samples.marks

    @property
    def simulation(self) -> dict[str, Any]:
        """What the simulation says of itself; without realisations next to nothing."""
        found: dict[str, Any] = self.validation.content.get("simulation", {})
        return found

    @cached_property
    def rows(self) -> dict[tuple[str, str, float, str], Row]:
        """Rows of the tonnage table by element, region, cut-off and statistic."""
        rows: list[Row] = [{str(key): value for key, value in row.items()} for row in self.tonnage.frame.to_dict("records")]
        return {(row["element"], row["region"], float(row["cutoff_ppm"]), row["statistic"]): row for row in rows}

    def checks(self, element: str) -> dict[str, Any]:
        """Part of ``validation.json`` about an element; empty where there is none."""
        found: dict[str, Any] = self.validation.content.get("elements", {}).get(element, {})
        return found

    def regions(self, element: str) -> list[str]:
        """Regions with a total, the headline first, named ones last."""
        found = {region for name, region, cutoff, _ in self.rows if name == element and cutoff == 0}
        found = {region for region in found if self._area_km2(element, region) > 0}
        first = [name for name in ("supported", "all") if name in found]
        return [*first, *sorted(found - set(first))]

    def _area_km2(self, element: str, region: str) -> float:
        row = self.row(element, region, "mean") or self.row(element, region, "kriged")
        return float(row["area_km2"]) if row else 0.0

    def row(self, element: str, region: str, statistic: str, cutoff_ppm: float = 0.0) -> Row | None:
        """One row of the tonnage table."""
        return self.rows.get((element, region, cutoff_ppm, statistic))

    def is_simulated(self, element: str) -> bool:
        """Whether the element's totals have an interval."""
        return any(self.row(element, region, "p05") for region in self.regions(element))

    def cutoffs_ppm(self, element: str) -> list[float]:
        """Cut-offs of the tonnage table, from the lowest."""
        return sorted({cutoff for name, _, cutoff, _ in self.rows if name == element})

    def not_simulated(self, element: str | None = None) -> Text:
        """Why there is no interval."""
        reasons: dict[str, str] = self.simulation.get("not_simulated", {}) or {}
        reason = reasons.get(element) if element else next(iter(reasons.values()), None)
        if reason is None:
            return both("no realisation was drawn", "シミュレーションが行われていません")
        reason = printable(reason)
        return both(f"nothing could be simulated ({reason})", f"シミュレーションできません（{_REASONS.get(reason, reason)}）")

    @cached_property
    def cores(self) -> pd.DataFrame:
        """One row per core: position, water depth, penetration, samples, deepest sample."""
        frame = self.samples.frame
        found: pd.DataFrame = frame.groupby("core_id", sort=True).agg(
            longitude_deg=("longitude_deg", "first"),
            latitude_deg=("latitude_deg", "first"),
            samples=("from_m", "size"),
            deepest_m=("to_m", "max"),
            source_file=("source_file", "first"),
        )
        for column in ("water_depth_m", "penetration_m"):
            found[column] = frame.groupby("core_id", sort=True)[column].first() if column in frame else math.nan
        return found

    def setting(self, section: str, key: str) -> Any:
        """Value of a setting, as the provenance holds it."""
        return self.provenance.content.get("settings", {}).get(section, {}).get(key)


def region_name(region: str) -> Text:
    """A region as a person reads it; that of a user by the name that he gave."""
    return _REGIONS.get(region) or both(printable(region), printable(region))


def is_class(region: str) -> bool:
    """Whether a region is a class of confidence."""
    return region in tuple(CLASSES.values())[1:]


def subject_name(subject: str) -> Text:
    """Name of an element, or of the density."""
    return _DENSITY_NAME if subject == DENSITY else element_name(subject)


def figure_cell(row: Row | None, column: str, scale: float = 1.0, digits: int = 4) -> Cell:
    """Cell with a number of the tonnage table: shown rounded, carried whole."""
    value = float("nan") if row is None else float(row[column])
    if row is None or not math.isfinite(value):
        return Cell("–", is_number=True)
    place = number_id("tonnage", row["element"], row["region"], float(row["cutoff_ppm"]), row["statistic"], column=column)
    return Cell(shown(value * scale, digits), repr(value), place, is_number=True)
