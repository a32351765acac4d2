"""Production: mud, metal and oxide a year at each rate, from the planned panels and from all that is recoverable, with its range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import (
    PRODUCTION_COLUMNS,
    START_PANEL_COLUMNS,
    PanelPlan,
    PanelTotals,
    Production,
    RecoverableTotals,
    Reserve,
    Seafloor,
)
from pipeline.config import ProductionSettings, RecoverableSettings
from pipeline.units import (
    BASES,
    Basis,
    Pores,
    grade_ppm_of,
    metal_t_of,
    mud_volume_m3,
    oxide_t_of,
    t_year_of_rate,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_PERCENTILES = {"p05": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95}
Row = dict[str, object]


@dataclass(frozen=True)
class _Winning:
    """What becomes of the metal after the mud is dug; ``None``: nothing is known.

    Parameters
    ----------
    extraction_share : float
        Of the mud of a panel that reaches the ship; 1 where it is unknown.
    leached_share, leached_least_share : float or None
        Of the metal that reaches the ship, after upgrading and leaching: as set, and with the least leaching that is tried.
    """

    extraction_share: float
    leached_share: float | None
    leached_least_share: float | None

    @classmethod
    def of(cls, settings: RecoverableSettings) -> _Winning:
        """As the settings say."""
        # ASSUME: what is unknown takes nothing away: the figures are then upper bounds, and say so.
        extraction, upgrading = (1.0 if share == "unknown" else float(share) for share in (settings.extraction_share, settings.upgrading_metal_share))
        if settings.leaching_share == "unknown":
            return cls(extraction, None, None)
        least = min([settings.leaching_share, *settings.tried_leaching_share])
        return cls(extraction, upgrading * settings.leaching_share, upgrading * least)


@dataclass(frozen=True)
class _Lot:
    """Some mud: one panel, all panels, or all that is recoverable.

    Parameters
    ----------
    dry_mud_t, metal_t : (realisations,) arrays
    kriged_dry_mud_t, kriged_metal_t : float
    volume_m3, area_km2 : float
        The same in every realisation: the lot is planned once.
    depth_m, port_km, island_km : float or None
    """

    dry_mud_t: Array
    metal_t: Array
    kriged_dry_mud_t: float
    kriged_metal_t: float
    volume_m3: float
    area_km2: float
    depth_m: float | None
    port_km: float | None
    island_km: float | None


def run(
    panels: PanelTotals,
    recoverable_totals: RecoverableTotals,
    seafloor: Seafloor,
    settings: ProductionSettings,
    recoverable: RecoverableSettings,
) -> Production:
    """Production a year of every scenario, wet and dry, with its range.

    A rate is tonnes of mud on its basis; what varies from one realisation to the next is what a tonne of it holds and how much seabed it takes. Every
    figure is computed in each realisation before a percentile is taken: no percentile is the ratio or the product of others.
    """
    import pandas as pd

    winning, pores = _Winning.of(recoverable), Pores(settings.grain_density_t_m3, settings.seawater_density_t_m3)
    elements = sorted({str(element) for element in panels.frame["element"]})
    rows: list[Row] = []
    years: list[Row] = []
    totals = _planned_totals(recoverable_totals)
    scenarios = [(rate_t_day, basis) for rate_t_day in settings.rates_t_day for basis in BASES]
    plans = {(plan.rate_t_day, plan.basis): plan for plan in panels.plans}
    for rate_t_day, basis in scenarios:
        year_t = t_year_of_rate(rate_t_day=rate_t_day, days_year=settings.days_year)
        plan = plans.get((rate_t_day, basis))
        for element in elements:
            key: Row = {"rate_t_day": rate_t_day, "basis": basis, "element": element, "data_kind": panels.marks.text()}
            lots = _year_lots(panels, plan, element) if plan is not None else []
            if lots:
                rows += _rows({**key, "where": "start_panels"}, _together(lots), year_t, basis, pores, winning)
            if panels.reserve is not None and element in totals:
                lot = _reserve_lot(panels.reserve, totals[element], element)
                rows += _rows({**key, "where": "recoverable_average"}, lot, year_t, basis, pores, winning)
            for number, one in enumerate(lots, start=1):
                years += _rows({**key, "year": number}, one, year_t, basis, pores, winning)
    first_year, mined_share = {}, {}
    for scenario, plan in plans.items():
        first_year[scenario], mined_share[scenario] = _rasters(plan, seafloor.grid.shape)
    notes = () if rows else ("production: nothing is told: nothing was simulated, or nothing is recoverable under the settings",)
    frame, by_year = pd.DataFrame(rows, columns=list(PRODUCTION_COLUMNS)), pd.DataFrame(years, columns=list(START_PANEL_COLUMNS))
    return Production(frame, by_year, seafloor.grid, first_year, mined_share, panels.marks, notes)


def _planned_totals(totals: RecoverableTotals) -> dict[str, tuple[Array, Array]]:
    """Mud and metal of the columns planned, by element, one value for each realisation."""
    frame = totals.frame
    if frame.empty:
        return {}
    headline = totals.notes["headline"]
    chosen = (frame["step"] == "connected") & (frame["selection"] == "planned") & (frame["slope"] == "applied") & (frame["tried"] == "")
    chosen &= (frame["region"] == headline["region"]) & (frame["cutoff_ppm"] == headline["cutoff_ppm"])
    parts = frame[chosen].sort_values("realisation").groupby("element", sort=True)
    return {str(element): (part["dry_mud_t"].to_numpy(dtype=float), part["metal_t"].to_numpy(dtype=float)) for element, part in parts}


def _reserve_lot(reserve: Reserve, totals: tuple[Array, Array], element: str) -> _Lot:
    kriged = reserve.kriged_dry_mud_t, reserve.kriged_metal_t[element]
    return _Lot(*totals, *kriged, reserve.volume_m3, reserve.area_km2, reserve.depth_m, reserve.port_km, reserve.island_km)


def _year_lots(panels: PanelTotals, plan: PanelPlan, element: str) -> list[_Lot]:
    """The panel of each year."""
    frame = panels.frame
    mine = frame[(frame["rate_t_day"] == plan.rate_t_day) & (frame["basis"] == plan.basis) & (frame["element"] == element)]
    mine = mine.sort_values(["year", "realisation"])
    count = len(plan.shares)
    mud_t, metal_t = (mine[name].to_numpy(dtype=float).reshape(count, -1) for name in ("dry_mud_t", "metal_t"))
    return [
        _Lot(
            mud_t[year], metal_t[year], plan.kriged_dry_mud_t[year], plan.kriged_metal_t[element][year], plan.volume_m3[year], plan.area_km2[year],
            plan.depth_m[year], plan.port_km[year], plan.island_km[year],
        )
        for year in range(count)
    ]  # fmt: skip


def _together(lots: Sequence[_Lot]) -> _Lot:
    """All panels as one lot; depth and distances at their means by volume."""
    volumes_m3 = np.array([lot.volume_m3 for lot in lots])

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.average(known, weights=volumes_m3)) if len(known) == len(lots) else None

    return _Lot(
        np.sum([lot.dry_mud_t for lot in lots], axis=0), np.sum([lot.metal_t for lot in lots], axis=0),
        sum(lot.kriged_dry_mud_t for lot in lots), sum(lot.kriged_metal_t for lot in lots),
        float(volumes_m3.sum()), sum(lot.area_km2 for lot in lots),
        *(mean([getattr(lot, name) for lot in lots]) for name in ("depth_m", "port_km", "island_km")),
    )  # fmt: skip


def _rows(key: Row, lot: _Lot, year_t: float, basis: Basis, pores: Pores, winning: _Winning) -> list[Row]:
    """One row for each statistic."""
    element = str(key["element"])
    drawn = _quantities(lot, lot.dry_mud_t, lot.metal_t, element, year_t, basis, pores, winning)
    kriged = _quantities(lot, np.array([lot.kriged_dry_mud_t]), np.array([lot.kriged_metal_t]), element, year_t, basis, pores, winning)
    told = {name: np.nan if value is None else value for name, value in (("lifting_depth_m", lot.depth_m), *_distances(lot))}
    rows: list[Row] = [{**key, "statistic": "kriged", **{name: float(values[0]) for name, values in kriged.items()}, **told}]
    mean = {name: float(values.mean()) for name, values in drawn.items()}
    # Of all metal over all mud, as everywhere; not the mean of grades.
    mean["grade_ppm"] = float(grade_ppm_of(metal_t=lot.metal_t.mean(), dry_mud_t=lot.dry_mud_t.mean())) if lot.dry_mud_t.any() else np.nan
    rows.append({**key, "statistic": "mean", **mean, **told})
    rows.append({**key, "statistic": "sd", **{name: _sd(values) for name, values in drawn.items()}, **dict.fromkeys(told, 0.0)})
    for name, share in _PERCENTILES.items():
        rows.append({**key, "statistic": name, **{one: _quantile(values, share) for one, values in drawn.items()}, **told})
    return rows


def _distances(lot: _Lot) -> tuple[tuple[str, float | None], tuple[str, float | None]]:
    return ("distance_to_port_km", lot.port_km), ("distance_to_island_km", lot.island_km)


def _quantile(values: Array, share: float) -> float:
    """Value below which a share of the realisations lie (Weibull 1939); exactly the value where all are equal."""
    return float(values[0]) if np.ptp(values) == 0 else float(np.quantile(values, share, method="weibull"))


def _sd(values: Array) -> float:
    """Standard deviation over the realisations: exactly 0 where all are equal, NaN for a single one or where one is not known."""
    if values.size < 2 or not np.isfinite(values).all():
        return np.nan
    return float(values.std(ddof=1)) if np.ptp(values) > 0 else 0.0


def _quantities(
    lot: _Lot, dry_mud_t: Array, metal_t: Array, element: str, year_t: float, basis: Basis, pores: Pores, winning: _Winning
) -> dict[str, Array]:
    """Every figure in each realisation."""
    # A realisation without mud has no grade; its figures are not known.
    dry_mud_t = np.where(dry_mud_t > 0, dry_mud_t, np.nan)
    density_t_m3 = dry_mud_t / lot.volume_m3
    in_year = np.full(dry_mud_t.shape, year_t)
    dry_year_t = in_year if basis == "dry" else pores.dry_mud_t(wet_mud_t=in_year, dry_bulk_density_t_m3=density_t_m3)
    wet_year_t = in_year if basis == "wet" else pores.wet_mud_t(dry_mud_t=in_year, dry_bulk_density_t_m3=density_t_m3)
    grade_ppm = grade_ppm_of(metal_t=metal_t, dry_mud_t=dry_mud_t)
    metal_year_t = metal_t_of(dry_mud_t=dry_year_t, grade_ppm=grade_ppm)
    # Mud that is lost on the way up is dug too.
    volume_year_m3 = mud_volume_m3(dry_mud_t=dry_year_t, dry_bulk_density_t_m3=density_t_m3) / winning.extraction_share
    on_ship_t = metal_t * winning.extraction_share
    leached, least = (np.nan if share is None else share for share in (winning.leached_share, winning.leached_least_share))
    return {
        "dry_mud_t_year": dry_year_t,
        "wet_mud_t_year": wet_year_t,
        "grade_ppm": grade_ppm,
        "metal_t_year": metal_year_t,
        "oxide_t_year": _oxide_t(element, metal_year_t),
        "leached_metal_t_year": metal_year_t * leached,
        "leached_oxide_t_year": _oxide_t(element, metal_year_t * leached),
        "leached_oxide_least_t_year": _oxide_t(element, metal_year_t * least),
        "area_km2_year": volume_year_m3 * (lot.area_km2 / lot.volume_m3),
        "volume_m3_year": volume_year_m3,
        "life_years": dry_mud_t * winning.extraction_share / dry_year_t,
        "metal_t": on_ship_t,
        "leached_metal_t": on_ship_t * leached,
    }


def _oxide_t(element: str, metal_t: Array) -> Array:
    oxide_t = oxide_t_of(element, metal_t=metal_t)
    return np.full(metal_t.shape, np.nan) if oxide_t is None else oxide_t


def _rasters(plan: PanelPlan, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Year in which each cell of a plan begins to be mined, and the share of it that is."""
    first_year, mined_share = np.full(shape, np.nan), np.full(shape, np.nan)
    shares = np.array(plan.shares)
    first_year[plan.rows, plan.columns] = np.where(shares.any(axis=0), 1 + np.argmax(shares > 0, axis=0), np.nan)
    mined_share[plan.rows, plan.columns] = shares.sum(axis=0)
    return first_year, mined_share
