"""Production: the plan of starting panels with what every realisation holds in them, and the tables of production and supply."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np

from pipeline.artefacts.formats import plain, read_csv, read_table, write_csv, write_raster, write_table
from pipeline.artefacts.survey import Marks

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.grid import Grid
    from pipeline.units import Basis

    Array = NDArray[np.float64]

PANEL_COLUMNS: Final = {
    "realisation": "int64",
    "rate_t_day": "double",
    "basis": "string",
    "year": "int64",
    "element": "string",
    "dry_mud_t": "double",
    "metal_t": "double",
}
"""Columns of ``panels.parquet``; the first five identify a row."""

WHERES: Final = ("start_panels", "recoverable_average")
"""Mud that a scenario is told for: that of the planned panels, or all that is recoverable, at its mean."""

_QUANTITIES: Final = (
    "dry_mud_t_year", "wet_mud_t_year", "grade_ppm", "metal_t_year", "oxide_t_year", "leached_metal_t_year", "leached_oxide_t_year",
    "leached_oxide_least_t_year", "area_km2_year", "volume_m3_year", "life_years", "metal_t", "leached_metal_t", "lifting_depth_m",
    "distance_to_port_km", "distance_to_island_km",
)  # fmt: skip

PRODUCTION_COLUMNS: Final = ("rate_t_day", "basis", "where", "element", "statistic", *_QUANTITIES, "data_kind")
"""Columns of ``production.csv``; the first five identify a row."""

START_PANEL_COLUMNS: Final = ("rate_t_day", "basis", "year", "element", "statistic", *_QUANTITIES, "data_kind")
"""Columns of ``start_panels.csv``; the first five identify a row."""

SUPPLY_COLUMNS: Final = (
    "rate_t_day", "basis", "where", "element", "question", "value_low", "value", "value_high", "unit", "state", "why", "numerator",
    "denominator_id", "denominator_value", "denominator_unit", "denominator_low", "denominator_high", "denominator_date", "denominator_source",
    "denominator_doi_or_reference", "denominator_status", "data_kind",
)  # fmt: skip
"""Columns of ``supply.csv``; the first five identify a row."""

WHYS: Final = {
    "no_row": "no such row in data/raw/published",
    "no_value": "no value is published",
    "no_unit": "its unit is no mass of an element, an oxide or REO (as in t Dy/year, t Dy2O3/year)",
    "no_period": "its unit does not say the time that it is of (as in t Dy/year)",
    "other_element": "its unit names another element",
    "one_element": "its unit names one element where all rare earths are meant",
    "all_rare_earths": "its unit counts all rare earths together, of which this element's share is not known",
    "range": "a range is published",
    "unsaid": "its unit does not say whether it counts metal or oxide: both readings lie in the range",
    "pattern": "it counts oxides, whose factor depends on the pattern of the rare earths: the least and the greatest lie in the range",
}
"""Why a figure of the supply lens is unknown, or a range beyond that of its numerator."""

_SUPPLY_NUMBERS: Final = ("rate_t_day", "value_low", "value", "value_high", "denominator_value", "denominator_low", "denominator_high")


@dataclass(frozen=True)
class PanelPlan:
    """Order of mining of one scenario, planned on the kriged estimate.

    Parameters
    ----------
    rate_t_day : float
        Mud lifted a day.
    basis : str
        Whether that mud is counted ``wet`` or ``dry``.
    year_t : float
        Mud of a year, on that basis.
    rows, columns : list of int
        Cells in the order in which they are mined.
    shares : list of list of float
        For each year, the share of each cell that it takes.
    volume_m3, area_km2 : list of float
        Of each year's panel: mud in place, and seabed.
    depth_m, port_km, island_km : list of float or None
        Of each year's panel: mean water depth; distances of its middle from the port and the island, ``None`` where the settings name none.
    kriged_dry_mud_t : list of float
        Of each year's panel.
    kriged_metal_t : dict of str to list of float
        The same by element.
    discounted_ppm : float
        Grade of the plan, its years weighted by their order.
    bound_share : float
        By how much of its discounted metal another order of cells could at most be better; 0: the plan is proven to be the best.
    """

    rate_t_day: float
    basis: Basis
    year_t: float
    rows: list[int]
    columns: list[int]
    shares: list[list[float]]
    volume_m3: list[float]
    area_km2: list[float]
    depth_m: list[float | None]
    port_km: list[float | None]
    island_km: list[float | None]
    kriged_dry_mud_t: list[float]
    kriged_metal_t: dict[str, list[float]]
    discounted_ppm: float
    bound_share: float


@dataclass(frozen=True)
class Reserve:
    """All columns that the plan could choose from: what is recoverable, as planned on the kriged estimate.

    Parameters
    ----------
    volume_m3, area_km2 : float
    depth_m, port_km, island_km : float or None
        Mean over the columns by volume.
    kriged_dry_mud_t : float
    kriged_metal_t : dict of str to float
    """

    volume_m3: float
    area_km2: float
    depth_m: float | None
    port_km: float | None
    island_km: float | None
    kriged_dry_mud_t: float
    kriged_metal_t: dict[str, float]


@dataclass(frozen=True)
class PanelTotals:
    """The plans, and mud and metal of each year's panel in every realisation.

    Parameters
    ----------
    frame : DataFrame
        Columns as in ``PANEL_COLUMNS``; empty where nothing was simulated or nothing is planned.
    plans : list of PanelPlan
        One for each scenario that has one.
    reserve : Reserve or None
        ``None`` where nothing is recoverable.
    lead_element : str
        Element whose metal the plans follow; empty without plans.
    marks : Marks
    """

    NAME: ClassVar[str] = "panels.parquet"
    frame: pd.DataFrame
    plans: list[PanelPlan]
    reserve: Reserve | None
    lead_element: str
    marks: Marks

    @classmethod
    def nothing(cls, marks: Marks) -> Self:
        """Without realisations or plans."""
        import pandas as pd

        return cls(pd.DataFrame(columns=list(PANEL_COLUMNS)), [], None, "", marks)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == cls.NAME

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the table, and the plans from its notes."""
        frame, notes = read_table(path)
        reserve = Reserve(**notes["reserve"]) if notes["reserve"] is not None else None
        return cls(frame, [PanelPlan(**plan) for plan in notes["plans"]], reserve, notes["lead_element"], Marks.from_tags(notes))

    def write(self, out: Path) -> None:
        """Write ``panels.parquet``."""
        told = {
            "plans": [plain(asdict(plan)) for plan in self.plans],
            "reserve": plain(asdict(self.reserve)) if self.reserve is not None else None,
            "lead_element": self.lead_element,
        }
        write_table(self.frame, PANEL_COLUMNS, {**self.marks.tags(), **told}, out)


@dataclass(frozen=True)
class Production:
    """What each scenario would lift.

    Parameters
    ----------
    frame : DataFrame
        Columns as in ``PRODUCTION_COLUMNS``.
    years : DataFrame
        Columns as in ``START_PANEL_COLUMNS``: the panel of each year.
    grid : Grid
    first_year, mined_share : dict of (rate_t_day, basis) to (rows, columns) array
        Year in which a cell begins to be mined, and the share of it that the plan mines; NaN where it is not in the plan.
    marks : Marks
    warnings : tuple of str
    """

    frame: pd.DataFrame
    years: pd.DataFrame
    grid: Grid
    first_year: dict[tuple[float, Basis], Array]
    mined_share: dict[tuple[float, Basis], Array]
    marks: Marks
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact; the table and the raster beside it are read with it."""
        return path.name == "production.csv"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read both tables and the raster."""
        from pipeline.artefacts.formats import read_raster

        tables = []
        for place, columns in ((path, PRODUCTION_COLUMNS), (path.with_name("start_panels.csv"), START_PANEL_COLUMNS)):
            numbers = [name for name in columns if name == "rate_t_day" or name in _QUANTITIES]
            kinds = {name: "float64" if name in numbers else "int64" if name == "year" else "str" for name in columns}
            tables.append(read_csv(place, dtype=kinds, na_values={name: [""] for name in numbers}))
        grid, bands, tags = read_raster(path.with_name("start_panels.tif"))
        first_year: dict[tuple[float, Basis], Array] = {}
        mined_share: dict[tuple[float, Basis], Array] = {}
        for name, values in bands.items():
            found = _scenario_of(name)
            if found is not None:
                (first_year if name.endswith("year") else mined_share)[found] = values
        return cls(tables[0], tables[1], grid, first_year, mined_share, Marks.from_tags(tags))

    def write(self, out: Path) -> None:
        """Write ``production.csv``, and ``start_panels.csv`` and ``start_panels.tif`` beside it."""
        bands = {}
        for scenario in self.first_year:
            bands[_band(scenario, "first_year")] = self.first_year[scenario]
            bands[_band(scenario, "mined_share")] = self.mined_share[scenario]
        # A raster needs a band.
        bands = bands or {"no_plan_code": np.full(self.grid.shape, np.nan)}
        write_raster(out.with_name("start_panels.tif"), self.grid, bands, {**self.marks.tags(), "first_year": "1: mined from the first year on"})
        write_csv(self.years.loc[:, list(START_PANEL_COLUMNS)], out.with_name("start_panels.csv"))
        # Last: it stands for the group.
        write_csv(self.frame.loc[:, list(PRODUCTION_COLUMNS)], out)


def _band(scenario: tuple[float, Basis], what: str) -> str:
    rate_t_day, basis = scenario
    return f"rate_{rate_t_day:.10g}_t_day_{basis}_{what}"


def _scenario_of(band: str) -> tuple[float, Basis] | None:
    """Read back what :func:`_band` made; ``None`` for another band."""
    parts = band.split("_")
    if len(parts) != 7 or parts[0] != "rate":
        return None
    return float(parts[1]), "wet" if parts[4] == "wet" else "dry"


@dataclass(frozen=True)
class Supply:
    """What production means beside what is used: columns as in ``SUPPLY_COLUMNS``, one row per scenario, element and question."""

    frame: pd.DataFrame
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "supply.csv" and path.parent.name != "published"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the table."""
        kinds = {name: "float64" if name in _SUPPLY_NUMBERS else "str" for name in SUPPLY_COLUMNS}
        return cls(read_csv(path, dtype=kinds, na_values={name: [""] for name in _SUPPLY_NUMBERS}))

    def write(self, out: Path) -> None:
        """Write ``supply.csv``."""
        write_csv(self.frame.loc[:, list(SUPPLY_COLUMNS)], out)
