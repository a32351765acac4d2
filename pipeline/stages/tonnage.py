"""Tonnes: what the realisations add up to over every cut-off, and beside them the sum of kriged blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import (
    CLASSES,
    DENSITY,
    TONNAGE_COLUMNS,
    Composites,
    CrossValidation,
    Density,
    Grade,
    JointModel,
    Seafloor,
    Simulation,
    Tonnage,
    Variogram,
)
from pipeline.config import CutoffSettings, DensitySettings, GradeSettings, TonnageSettings
from pipeline.field import cell_drift, correlation, estimated_cells, inside_hull, kriging_of, supplied_share, variogram_of
from pipeline.geostatistics.layers import LayeredKriging
from pipeline.grid import require_same_grid
from pipeline.units import KM2_PER_M2, TONNE_PER_GRAM

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_PERCENTILES = {"p05": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95}
Row = dict[str, object]


@dataclass(frozen=True)
class _Deposit:
    """What the rows of one element are computed from; arrays (layers, rows, columns) hold NaN where nothing is estimated."""

    composites: Composites
    seafloor: Seafloor
    grade: Grade
    density: Density
    kriging: LayeredKriging
    density_kriging: LayeredKriging | None
    covariance: Array
    drift: Array
    density_covariance: Array
    correlation: float
    prior_cv: float


def run(
    composites: Composites,
    variograms: list[Variogram],
    joint: JointModel,
    cross_validation: CrossValidation,
    grades: list[Grade],
    density: Density,
    seafloor: Seafloor,
    simulation: Simulation,
    cutoffs: CutoffSettings,
    settings: TonnageSettings,
    grade_settings: GradeSettings,
    prior: DensitySettings,
) -> Tonnage:
    """Tonnes per element, region, cut-off and statistic.

    Rows ``mean, sd, p05 ...`` describe the totals of the realisations, each column on its own. ``kriged`` rows add up blocks whose kriged grade
    reaches the cut-off: kriged blocks are smooth, so this is no unbiased recoverable tonnage. ``sd_closed_form``, at cut-off 0, is the standard
    deviation of the kriged total with every covariance between blocks; it takes the spatial model as known, and values as they are, not their
    logarithms, so that it is no estimate of ``sd``. An element that was not simulated has ``kriged`` rows alone, and a note says why.
    """
    import pandas as pd

    require_same_grid(seafloor.grid, density.grid, simulation.grid, *(grade.grid for grade in grades))
    rows: list[Row] = []
    near = estimated_cells(composites, seafloor, grade_settings.max_distance_spacings)
    supported = inside_hull(composites, seafloor, settings.hull_buffer_spacings)
    for grade in grades:
        supported &= grade.slope_of_regression >= settings.min_slope_of_regression
    density_variogram = variogram_of(variograms, DENSITY)
    density_kriging, density_covariance = None, np.empty((0, 0))
    if density_variogram.model is not None:
        density_kriging = kriging_of(composites, density_variogram, seafloor, grade_settings.block_nodes)
        density_covariance = _column_covariance(density_kriging, seafloor, near)
    for grade in sorted(grades, key=lambda grade: grade.element):
        variogram, estimator = variogram_of(variograms, grade.element), cross_validation.estimator(grade.element)
        kriging = kriging_of(composites, variogram, seafloor, grade_settings.block_nodes, estimator, joint)
        r = correlation(composites, seafloor.grid, variogram, density_variogram) if density_kriging is not None else 0.0
        covariance, drift = _column_covariance(kriging, seafloor, near), cell_drift(seafloor, estimator.drift, near)
        prior_cv = _prior_cv(composites, grade.element, prior)
        deposit = _Deposit(composites, seafloor, grade, density, kriging, density_kriging, covariance, drift, density_covariance, r, prior_cv)
        cells = near.copy()
        cells[near] = np.isfinite(drift).all(axis=1)
        totals = simulation.totals[simulation.totals["element"] == grade.element]
        for region, chosen in _regions(cells, cells & supported, simulation, totals).items():
            rows += [_kriged(deposit, region, chosen, cutoff_ppm) for cutoff_ppm in cutoffs.of(grade.element)]
            here = totals[totals["region"] == region]
            if len(here) and chosen.any():
                rows.append(_closed_form(deposit, region, chosen, near))
            rows += _simulated(deposit, region, here)
    notes = _missing(variograms, seafloor) + _barren(grades) + _without_interval(grades, simulation)
    return Tonnage(pd.DataFrame(rows, columns=list(TONNAGE_COLUMNS)), tuple(notes))


def _regions(cells: Mask, supported: Mask, simulation: Simulation, totals: pd.DataFrame) -> dict[str, Mask]:
    """Cells of each region: the two that are always there, and the classes that have totals."""
    named = {name: cells & (simulation.classes.code == code) for code, name in CLASSES.items()}
    return {"all": cells, "supported": supported, **{name: mask for name, mask in named.items() if (totals["region"] == name).any()}}


def _without_interval(grades: list[Grade], simulation: Simulation) -> list[str]:
    """Elements for which no interval is given, and why."""
    reasons = simulation.summary.get("not_simulated", {})
    missing = sorted(grade.element for grade in grades if grade.element not in set(simulation.totals["element"]))
    return [f"{element}: no interval is given: {reasons.get(element, 'it was not simulated')}" for element in missing]


def _simulated(deposit: _Deposit, region: str, totals: pd.DataFrame) -> list[Row]:
    """Rows of one region over its cut-offs, from one row per realisation."""
    rows: list[Row] = []
    for cutoff_ppm, draws in totals.groupby("cutoff_ppm", sort=True):
        area_km2, mud_t, metal_t = (draws[name].to_numpy(dtype=float) for name in ("area_km2", "dry_mud_t", "metal_t"))
        some = mud_t > 0
        # A grade of few realisations would be a grade of the rich ones.
        told = 2 * np.count_nonzero(some) >= some.size
        grade_ppm = metal_t[some] / mud_t[some] / TONNE_PER_GRAM if told else np.full(1, np.nan)
        columns = (area_km2, mud_t, metal_t, grade_ppm)
        statistics = {
            "mean": [*(part.mean() for part in columns[:3]), metal_t.sum() / mud_t.sum() / TONNE_PER_GRAM if told else np.nan],
            "sd": [_sd(part) for part in columns],
            **{name: [np.quantile(part, share, method="weibull") for part in columns] for name, share in _PERCENTILES.items()},
        }
        rows += [_row(deposit, region, float(str(cutoff_ppm)), name, *map(float, figures)) for name, figures in statistics.items()]
    return rows


def _sd(draws: Array) -> float:
    """Standard deviation over the realisations: exactly 0 where all are equal, NaN for a single one."""
    if draws.size < 2 or not np.isfinite(draws).all():
        return np.nan
    return float(draws.std(ddof=1)) if np.ptp(draws) > 0 else 0.0


def _missing(variograms: list[Variogram], seafloor: Seafloor) -> list[str]:
    """Layers that no tonnage contains, because no core carries the element there."""
    said = []
    for variogram in variograms:
        empty = [seafloor.layers.label(layer) for layer in range(seafloor.layers.count) if variogram.layer_pool[layer] < 0]
        if variogram.subject != DENSITY and empty:
            said.append(f"{variogram.subject}: no core reaches {', '.join(empty)}; these layers are missing from every tonnage, not zero")
    return said


def _barren(grades: list[Grade]) -> list[str]:
    """Blocks whose kriged grade fell below zero and counts as zero, which lifts the sum above the kriged total, or to less than half a step."""
    counts = {grade.element: (int(np.sum(grade.layer_ppm == 0)), grade.step_ppm) for grade in grades}
    return [
        f"{element}: {count:,} blocks have a kriged grade of zero: below zero, which counts as zero, or below half a step of {step_ppm:g} ppm"
        for element, (count, step_ppm) in counts.items()
        if count
    ]


def _kriged(deposit: _Deposit, region: str, chosen: Mask, cutoff_ppm: float) -> Row:
    """Sum of the blocks whose kriged grade is at least the cut-off."""
    grid, layers = deposit.seafloor.grid, deposit.seafloor.layers
    share = np.where(chosen, deposit.seafloor.region_share, 0.0)
    over = np.isfinite(deposit.grade.layer_ppm) & (deposit.grade.layer_ppm >= cutoff_ppm) & chosen
    mud_t = np.where(over, deposit.density.layer_t_m3 * share * grid.cell_area_m2 * layers.layer_m, 0.0)
    metal_t = float(np.sum(np.where(over, mud_t * deposit.grade.layer_ppm * TONNE_PER_GRAM, 0.0)))
    area_km2 = float(np.sum(share * over.any(axis=0))) * grid.cell_area_m2 * KM2_PER_M2
    return _row(deposit, region, cutoff_ppm, "kriged", area_km2, float(mud_t.sum()), metal_t)


def _closed_form(deposit: _Deposit, region: str, chosen: Mask, near: Mask) -> Row:
    """Standard deviation of the kriged totals at cut-off 0; the covariances are those of the near cells."""
    seafloor = deposit.seafloor
    share = np.where(chosen, seafloor.region_share, 0.0)
    block_m3 = seafloor.grid.cell_area_m2 * seafloor.layers.layer_m
    total = _kriged(deposit, region, chosen, 0.0)
    mud_t, metal_t = (float(str(total[key])) for key in ("dry_mud_t", "metal_t"))
    rows_of = chosen[near]
    _, metal_variance = deposit.kriging.total(share, deposit.covariance[rows_of], deposit.drift[rows_of])
    metal_sd_t = float(np.hypot(np.sqrt(metal_variance) * block_m3 * TONNE_PER_GRAM, deposit.prior_cv * metal_t))
    # ASSUME: the prior's mean density is one unknown factor for the whole deposit, independent of the grade.
    if deposit.density_kriging is None:
        mud_sd_t = deposit.prior_cv * mud_t
        grade_sd_ppm = np.sqrt(metal_variance) * block_m3 * TONNE_PER_GRAM / mud_t / TONNE_PER_GRAM
    else:
        _, mud_variance = deposit.density_kriging.total(share, deposit.density_covariance[rows_of])
        kriged_metal_sd_t, kriged_mud_sd_t = np.sqrt(metal_variance) * block_m3 * TONNE_PER_GRAM, np.sqrt(mud_variance) * block_m3
        mud_sd_t = float(np.hypot(kriged_mud_sd_t, deposit.prior_cv * mud_t))
        ratio = metal_t / mud_t
        variance = kriged_metal_sd_t**2 + (ratio * kriged_mud_sd_t) ** 2 - 2 * ratio * deposit.correlation * kriged_metal_sd_t * kriged_mud_sd_t
        grade_sd_ppm = np.sqrt(max(variance, 0.0)) / mud_t / TONNE_PER_GRAM
    return _row(deposit, region, 0.0, "sd_closed_form", 0.0, mud_sd_t, metal_sd_t, grade_sd_ppm)


def _row(
    deposit: _Deposit,
    region: str,
    cutoff_ppm: float,
    statistic: str,
    area_km2: float,
    mud_t: float,
    metal_t: float,
    grade_ppm: float | None = None,
) -> Row:
    factor = deposit.composites.oxide_per_metal(deposit.grade.element)
    if grade_ppm is None:
        grade_ppm = metal_t / mud_t / TONNE_PER_GRAM if mud_t > 0 else np.nan
    return {
        "element": deposit.grade.element,
        "region": region,
        "cutoff_ppm": cutoff_ppm,
        "statistic": statistic,
        "area_km2": area_km2,
        "dry_mud_t": mud_t,
        "grade_ppm": grade_ppm,
        "metal_t": metal_t,
        "oxide_t": metal_t * factor if factor is not None else np.nan,
        "data_kind": deposit.composites.marks.text(),
    }


def _column_covariance(kriging: LayeredKriging, seafloor: Seafloor, cells: Mask) -> Array:
    easting_m, northing_m = (axis[cells] for axis in seafloor.grid.centres_m())
    return kriging.sum_covariance(easting_m, northing_m)


def _prior_cv(composites: Composites, element: str, prior: DensitySettings) -> float:
    """Coefficient of variation that the prior's mean density adds to totals: nothing where every density is measured."""
    return supplied_share(composites, element, prior) * prior.mean_sd_t_m3 / prior.dry_bulk_density_t_m3
