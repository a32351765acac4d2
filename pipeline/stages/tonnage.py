"""Tonnes: what the realisations add up to over every cut-off, and beside them the sum of kriged blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import (
    CLASSES,
    DENSITY,
    ORDINARY,
    TONNAGE_COLUMNS,
    Composites,
    CrossValidation,
    Density,
    Estimator,
    Grade,
    Horizon,
    JointModel,
    Seafloor,
    Simulation,
    Tonnage,
    Variogram,
)
from pipeline.config import CutoffSettings, DensitySettings, GradeSettings, TonnageSettings
from pipeline.domains import Part, own_composites, parts_of, regions_of, without_cores
from pipeline.field import (
    PartKriging,
    cell_drift,
    density_in,
    estimated_cells,
    inside_hull,
    krigings_of,
    nowhere,
    prior_in,
    supplied_share,
    variogram_of,
)
from pipeline.geostatistics.layers import LayeredKriging
from pipeline.grid import require_same_grid
from pipeline.units import KM2_PER_M2, TONNE_PER_GRAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_PERCENTILES = {"p05": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95}
Row = dict[str, object]


@dataclass(frozen=True)
class _Summed:
    """Layers that count alike in the sums of one variable over the columns of near cells: all, or below a marker each by what exists of it."""

    kriging: LayeredKriging
    exists: Array
    covariance: Array


@dataclass(frozen=True)
class _Kriged:
    """One variable in a part of the region: its near cells, their drift, and the sums over their layers; no sum where nothing is kriged."""

    cells: Mask
    drift: Array
    sums: list[_Summed]

    def of(self, share: Array) -> Iterator[tuple[LayeredKriging, Array, Array, Array]]:
        """What :meth:`LayeredKriging.total` takes for the given share of each cell."""
        for summed in self.sums:
            own = np.where(self.cells, share * summed.exists, 0.0)
            rows_of = own[self.cells] > 0
            if rows_of.any():
                yield summed.kriging, own, summed.covariance[rows_of], self.drift[rows_of]


@dataclass(frozen=True)
class _Deposit:
    """What the rows of one element are computed from; arrays (layers, rows, columns) hold NaN where nothing is estimated."""

    composites: Composites
    seafloor: Seafloor
    grade: Grade
    density: Density
    kriged: list[_Kriged]
    density_kriged: list[_Kriged]
    correlations: list[float]
    prior_cvs: list[float]
    is_soft: bool


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
    horizon: Horizon | None = None,
) -> Tonnage:
    """Tonnes per element, region, cut-off and statistic.

    Rows ``mean, sd, p05 ...`` describe the totals of the realisations, each column on its own. ``kriged`` rows add up blocks whose kriged grade
    reaches the cut-off: kriged blocks are smooth, so this is no unbiased recoverable tonnage. ``sd_closed_form``, at cut-off 0, is the standard
    deviation of the kriged total with every covariance between blocks; it takes the spatial model as known, and values as they are, not their
    logarithms, so that it is no estimate of ``sd``. An element that was not simulated has ``kriged`` rows alone, and a note says why.

    Below a marker both take of each block the share that is expected to lie below the seafloor; the realisations have a marker of their own each.
    """
    import pandas as pd

    seafloor = seafloor.over(horizon)

    require_same_grid(seafloor.grid, density.grid, simulation.grid, *(grade.grid for grade in grades))
    rows: list[Row] = []
    near = estimated_cells(composites, seafloor, grade_settings.max_distance_spacings)
    supported = inside_hull(composites, seafloor, settings.hull_buffer_spacings)
    for grade in grades:
        supported &= grade.slope_of_regression >= settings.min_slope_of_regression
    density_variogram = variogram_of(variograms, DENSITY)
    nodes, is_soft = grade_settings.block_nodes, seafloor.domains is not None and seafloor.domains.boundary == "soft"
    parts = parts_of(composites, seafloor)
    density_krigings = (
        krigings_of(composites, density_variogram, seafloor, nodes) if density_variogram.model is not None else nowhere(composites, seafloor)
    )
    density_kriged = [_kriged_in(part, ORDINARY, seafloor, near) for part in density_krigings]
    for grade in sorted(grades, key=lambda grade: grade.element):
        variogram, estimator = variogram_of(variograms, grade.element), cross_validation.estimator(grade.element)
        kriged = [_kriged_in(part, estimator, seafloor, near) for part in krigings_of(composites, variogram, seafloor, nodes, estimator, joint)]
        correlations = [density_in(part, composites, variogram, density_variogram, seafloor.grid)[0] for part in parts]
        prior_cvs = [_prior_cv(part, composites, grade.element, prior) for part in parts]
        deposit = _Deposit(composites, seafloor, grade, density, kriged, density_kriged, correlations, prior_cvs, is_soft)
        drift = cell_drift(seafloor, estimator.drift, near)
        cells = near.copy()
        cells[near] = np.isfinite(drift).all(axis=1)
        totals = simulation.totals[simulation.totals["element"] == grade.element]
        for region, chosen in _regions(cells, cells & supported, seafloor, simulation, totals).items():
            rows += [_kriged(deposit, region, chosen, cutoff_ppm) for cutoff_ppm in cutoffs.of(grade.element)]
            here = totals[totals["region"] == region]
            if len(here) and chosen.any():
                rows.append(_closed_form(deposit, region, chosen))
            rows += _simulated(deposit, region, here)
    notes = without_cores(composites, seafloor) + _missing(variograms, seafloor) + _barren(grades) + _without_interval(grades, simulation)
    return Tonnage(pd.DataFrame(rows, columns=list(TONNAGE_COLUMNS)), tuple(notes))


def _regions(cells: Mask, supported: Mask, seafloor: Seafloor, simulation: Simulation, totals: pd.DataFrame) -> dict[str, Mask]:
    """Cells of each region: the two that are always there, the domains of which anything is estimated, and the classes that have totals."""
    regions = regions_of(cells, supported, seafloor)
    named = {name: cells & (simulation.classes.code == code) for code, name in CLASSES.items()}
    return {**regions, **{name: mask for name, mask in named.items() if (totals["region"] == name).any()}}


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
            "sd": [_scatter(part) for part in columns],
            **{name: [np.quantile(part, share, method="weibull") for part in columns] for name, share in _PERCENTILES.items()},
        }
        rows += [_row(deposit, region, float(str(cutoff_ppm)), name, *map(float, figures)) for name, figures in statistics.items()]
    return rows


def _scatter(draws: Array) -> float:
    """Standard deviation over the realisations: exactly 0 where all are equal, NaN for a single one."""
    if draws.size < 2 or not np.isfinite(draws).all():
        return np.nan
    return float(draws.std(ddof=1)) if np.ptp(draws) > 0 else 0.0


def _missing(variograms: list[Variogram], seafloor: Seafloor) -> list[str]:
    """Layers that no tonnage contains, because no core carries the element there."""
    said = []
    for variogram in variograms:
        for name, part in variogram.domains.items() or [("", variogram)]:
            empty = [seafloor.layers.label(layer) for layer in range(seafloor.layers.count) if part.layer_pool[layer] < 0]
            if variogram.subject != DENSITY and empty:
                where, whose = (f" in the domain {name}", "its tonnage") if name else ("", "every tonnage")
                said.append(f"{variogram.subject}: no core reaches {', '.join(empty)}{where}; these layers are missing from {whose}, not zero")
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
    exists = deposit.seafloor.thickness_share
    mud_t = np.where(over, deposit.density.layer_t_m3 * share * grid.cell_area_m2 * layers.layer_m * exists, 0.0)
    metal_t = float(np.sum(np.where(over, mud_t * deposit.grade.layer_ppm * TONNE_PER_GRAM, 0.0)))
    area_km2 = float(np.sum(share * over.any(axis=0))) * grid.cell_area_m2 * KM2_PER_M2
    return _row(deposit, region, cutoff_ppm, "kriged", area_km2, float(mud_t.sum()), metal_t)


def _closed_form(deposit: _Deposit, region: str, chosen: Mask) -> Row:
    """Standard deviation of the kriged totals at cut-off 0, with every covariance.

    Behind hard boundaries the errors of the domains are independent: their variances add up. Across soft ones they share one field.
    """
    seafloor = deposit.seafloor
    share = np.where(chosen, seafloor.region_share, 0.0)
    total = _kriged(deposit, region, chosen, 0.0)
    mud_t, metal_t = (float(str(total[key])) for key in ("dry_mud_t", "metal_t"))
    metal_t2, mud_t2, ratio_t2, ratio = 0.0, 0.0, 0.0, metal_t / mud_t
    for metal_sd_t, mud_sd_t, r in _independent(deposit, share):
        metal_t2, mud_t2 = metal_t2 + metal_sd_t**2, mud_t2 + mud_sd_t**2
        ratio_t2 += metal_sd_t**2 + (ratio * mud_sd_t) ** 2 - 2 * ratio * r * metal_sd_t * mud_sd_t
    # ASSUME: the prior's mean density is one unknown factor for the whole deposit, independent of the grade.
    prior_metal_t, prior_mud_t = _prior_sd_t(deposit, chosen, metal_t, mud_t)
    metal_sd_t, mud_sd_t = float(np.hypot(np.sqrt(metal_t2), prior_metal_t)), float(np.hypot(np.sqrt(mud_t2), prior_mud_t))
    return _row(deposit, region, 0.0, "sd_closed_form", 0.0, mud_sd_t, metal_sd_t, np.sqrt(max(ratio_t2, 0.0)) / mud_t / TONNE_PER_GRAM)


def _independent(deposit: _Deposit, share: Array) -> Iterator[tuple[float, float, float]]:
    """Standard deviations of metal and mud, and their correlation, of every set of parts whose errors are independent of those of the others."""
    block_m3 = deposit.seafloor.grid.cell_area_m2 * deposit.seafloor.layers.layer_m
    pairs = list(zip(deposit.kriged, deposit.density_kriged, deposit.correlations, strict=True))
    inside = [(metal, mud, r) for metal, mud, r in pairs if np.any(share[metal.cells] > 0)]
    for together in [inside] if deposit.is_soft else [[pair] for pair in inside]:
        metal = _sd([metal for metal, _, _ in together], share) * block_m3 * TONNE_PER_GRAM
        yield metal, _sd([mud for _, mud, _ in together], share) * block_m3, together[0][2]


def _sd(kriged: list[_Kriged], share: Array) -> float:
    """Standard deviation of the sum over all layers of one variable; nothing where no part of it is kriged."""
    known = [summed for part in kriged for summed in part.of(share)]
    if not known:
        return 0.0
    first = known[0]
    return float(np.sqrt((first[0].joint_total(known) if len(known) > 1 else first[0].total(*first[1:]))[1]))


def _prior_sd_t(deposit: _Deposit, chosen: Mask, metal_t: float, mud_t: float) -> tuple[float, float]:
    """What the prior's mean density adds to the standard deviations of metal and mud, in every part as far as it stands there."""
    if len(deposit.kriged) == 1:
        return deposit.prior_cvs[0] * metal_t, deposit.prior_cvs[0] * mud_t
    metal_sd_t, mud_sd_t = 0.0, 0.0
    for part, cv in zip(deposit.kriged, deposit.prior_cvs, strict=True):
        own = _kriged(deposit, "", chosen & part.cells, 0.0)
        metal_sd_t, mud_sd_t = metal_sd_t + cv * float(str(own["metal_t"])), mud_sd_t + cv * float(str(own["dry_mud_t"]))
    return metal_sd_t, mud_sd_t


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


def _kriged_in(found: PartKriging, estimator: Estimator, seafloor: Seafloor, near: Mask) -> _Kriged:
    part, kriging = found
    cells = near & part.cells
    easting_m, northing_m = (axis[cells] for axis in seafloor.grid.centres_m())
    sums: list[_Summed] = []
    if kriging is not None:
        # Below a marker what exists of a layer differs from cell to cell, and from layer to layer.
        each = [(kriging, np.ones((1, 1)))]
        if seafloor.horizon is not None:
            each = [(kriging.among(np.array([layer])), seafloor.thickness_share[layer]) for layer in kriging.layers]
        sums = [_Summed(part, exists, part.sum_covariance(easting_m, northing_m)) for part, exists in each]
    return _Kriged(cells, cell_drift(seafloor, estimator.drift, cells), sums)


def _prior_cv(part: Part, composites: Composites, element: str, prior: DensitySettings) -> float:
    """Coefficient of variation that the prior's mean density adds to totals: nothing where every density is measured."""
    if not part.name:
        return supplied_share(composites, element, prior) * prior.mean_sd_t_m3 / prior.dry_bulk_density_t_m3
    own, given = own_composites(composites, part.name), prior_in(part, composites, prior)
    if own.frame[f"{element}_g_m3"].isna().all():
        return 0.0
    return supplied_share(own, element, given) * given.mean_sd_t_m3 / given.dry_bulk_density_t_m3
