"""Simulate the deposit many times over: what its tonnes, percentiles, probabilities and classes are drawn from.

Joint conditional simulation of grades and density with parameters drawn anew for every realisation. One pass feeds every reducer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipeline.artefacts import (
    NOT_KEPT,
    QUANTILES,
    STEP_PROBABILITY,
    Beside,
    Classes,
    Composites,
    Density,
    DomainFiles,
    Grade,
    Horizon,
    Keep,
    Marks,
    PanelTotals,
    RecoverableTotals,
    Seafloor,
    SimulatedColumns,
    SimulatedGrade,
    Simulation,
    Squares,
    SquareTotals,
    Variogram,
    on_steps,
)
from pipeline.config import (
    ClassSettings,
    CutoffSettings,
    DensitySettings,
    GradeSettings,
    PlaceSettings,
    ProductionSettings,
    RecoverableSettings,
    RegionSettings,
    SimulationSettings,
    TonnageSettings,
    VariogramSettings,
)
from pipeline.core_columns import ColumnReducer
from pipeline.deposit import SOURCES, Deposit, deposit_of
from pipeline.deposit_in_domains import DomainDeposit, checked_in_domains, deposit_in_domains, not_simulated_in_domains, soft_deposit
from pipeline.domains import own_cells, regions_of
from pipeline.field import estimated_cells, inside_hull, step_ppm
from pipeline.geostatistics.block_reducers import Distribution, group_totals, totals
from pipeline.grid import require_same_grid
from pipeline.horizon import MarkerDraws
from pipeline.mining.panels import panel_reducer
from pipeline.mining.recoverable import recoverable_reducer
from pipeline.realisations import realisations
from pipeline.simulation_checks import Coarse, accuracy, parameters, reproduction, source_shares, tail_sensitivity
from pipeline.tiles import HERE, Workers
from pipeline.units import KM2_PER_M2, TONNE_PER_GRAM

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.geostatistics.layered_simulation import Blocks
    from pipeline.grid import Grid

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_BLOCK_CLASSES = 160
_COLUMN_CLASSES = 400
_SPAN = 5.0  # times beyond the measured grades: percentiles are sought between
_COARSE_CELLS = 1500
_QUARTERS = 4
_MOST_SQUARES = 400  # so that a page can carry them
_KEYS = ["realisation", "element", "region", "cutoff_ppm"]


def run(
    composites: Composites,
    variograms: list[Variogram],
    grades: list[Grade],
    seafloor: Seafloor,
    settings: SimulationSettings,
    density: DensitySettings,
    cutoffs: CutoffSettings,
    grade_settings: GradeSettings,
    tonnage_settings: TonnageSettings,
    variogram_settings: VariogramSettings,
    classes: ClassSettings,
    kriged_density: Density,
    domains: DomainFiles,
    region: RegionSettings,
    place: PlaceSettings,
    recoverable: RecoverableSettings,
    production: ProductionSettings,
    keep: Keep = NOT_KEPT,
    horizon: Horizon | None = None,
    workers: Workers = HERE,
) -> Simulation:
    """Draw realisations and keep what they leave behind; where layers are relative to a marker, each realisation has a depth of it too."""
    seafloor = seafloor.over(horizon)
    grid = require_same_grid(seafloor.grid, kriged_density.grid, *(grade.grid for grade in grades))
    reasons = not_simulated_in_domains(composites, variograms, seafloor)
    near = estimated_cells(composites, seafloor, grade_settings.max_distance_spacings)
    supported = near & inside_hull(composites, seafloor, tonnage_settings.hull_buffer_spacings)
    for grade in grades:
        supported &= grade.slope_of_regression >= tonnage_settings.min_slope_of_regression
    if len(reasons) == len(composites.elements):
        return _nothing(composites, seafloor, near, reasons, settings)
    boundary = "none" if seafloor.domains is None else seafloor.domains.boundary
    given = composites, variograms, seafloor, settings, density, variogram_settings
    deposit: Deposit | DomainDeposit
    deposit = deposit_of(*given) if boundary == "none" else soft_deposit(*given) if boundary == "soft" else deposit_in_domains(*given)
    off = {source for source in SOURCES if not getattr(settings, source)}
    regions = regions_of(near, supported, seafloor)
    seen = _Reducers(deposit, seafloor, regions, cutoffs, _Panel.of(deposit, seafloor, classes), settings)
    simulation = deposit.simulation(_origin_m(grid), grid.shape, grid.cell_m, grade_settings.block_nodes, settings.seed, off)
    funnel = recoverable_reducer(
        deposit.elements, deposit.layers, regions, seafloor, grades, kriged_density, domains, region, cutoffs, place, recoverable, production
    )
    others: list[Reducer] = [
        funnel,
        panel_reducer(funnel, deposit.layers, seafloor, grades, kriged_density, place, production),
        ColumnReducer(deposit.elements, deposit.layers, near, seafloor, cutoffs, settings.realisations),
    ]
    values = (1 + len(deposit.elements)) * deposit.layers.size * math.prod(grid.shape)
    draws = realisations(simulation, settings.realisations, values, workers)
    marker = MarkerDraws.of(seafloor, deposit.layers, grade_settings.block_nodes, settings.seed)
    draws = draws if marker is None else marker.of_all(draws)
    for blocks in keep.storing(draws, settings.realisations, deposit.elements, deposit.layers, seafloor, composites.marks):
        here = seen.add(blocks)
        for reducer in others:
            reducer.add(blocks, here)
    found = {element: seen.grade(number, near, step_ppm(composites, element)) for number, element in enumerate(deposit.elements)}
    hull = inside_hull(composites, seafloor, tonnage_settings.hull_buffer_spacings)
    half_widths = seen.half_widths(near, classes)
    parts = seen.panel.year_parts, seen.panel.quarter_parts
    # One cell is tested first: what fails there fails in the smaller volume too, and only what passes is divided.
    is_divided = [part > 1 and bool(np.any(supported & (half_widths[0] <= classes.half_width_share))) for part in parts]
    for period in range(2):
        if is_divided[period]:
            half_widths[period] = _in_parts(deposit, seafloor, near, parts[period], settings, grade_settings.block_nodes, off, classes, marker)
    classified = _classes(half_widths[0], half_widths[1], near, hull, supported, classes)
    summary = {
        "not_simulated": reasons,
        "elements": list(deposit.elements),
        "realisations": settings.realisations,
        "seed": settings.seed,
        "switched_off": sorted(off),
        "covariance_error": simulation.covariance_error,
        **_classes_said(seen.panel, half_widths, is_divided, supported, grid.cell_m, classes),
    }
    if isinstance(deposit, DomainDeposit):
        checked = checked_in_domains(composites, seafloor, settings)
        summary["domains"] = {
            name: _checks(part, own_cells(seafloor, name), near, checked[name], grade_settings.block_nodes, off)
            for name, part in deposit.deposits.items()
        }
    else:
        summary |= _checks(deposit, seafloor, near, settings, grade_settings.block_nodes, off)
    said = tuple(f"{element}: no interval is given: {reason}" for element, reason in sorted(reasons.items()))
    return Simulation(
        grid, seafloor.layers, seen.table(), found, classified, summary, composites.marks, said, keep.path is not None,
        seen.squares(composites.marks), tuple(reducer.artefact(composites.marks) for reducer in others),
    )  # fmt: skip


def _checks(deposit: Deposit, seafloor: Seafloor, near: Mask, settings: SimulationSettings, nodes: int, off: set[str]) -> dict[str, Any]:
    """What is found of the simulation of a deposit itself."""
    found = {"parameters": parameters(deposit)}
    if not settings.checks:
        return found
    coarse = Coarse.of(deposit, seafloor, near, settings, nodes)
    whole = coarse.simulation(off)
    if deposit.soft is not None:
        # Realisations at points, and other tails, are held against one distribution of all composites: there is none across domains.
        return found | {"sources": source_shares(coarse, whole), "accuracy": accuracy(deposit)}
    return found | {
        "sources": source_shares(coarse, whole),
        "tail": tail_sensitivity(coarse, whole),
        "checks": reproduction(coarse, whole),
        "accuracy": accuracy(deposit),
    }


def _origin_m(grid: Grid) -> tuple[float, float]:
    """Centre of the north-western cell."""
    return float(grid.transform.c) + grid.cell_m / 2, float(grid.transform.f) - grid.cell_m / 2


def _nothing(composites: Composites, seafloor: Seafloor, near: Mask, reasons: dict[str, str], settings: SimulationSettings) -> Simulation:
    import pandas as pd

    code = np.where(near, 0.0, np.nan)
    unknown = np.full(seafloor.grid.shape, np.nan)
    columns = ["realisation", "element", "region", "cutoff_ppm", "area_km2", "dry_mud_t", "metal_t"]
    said = tuple(f"{element}: no interval is given: {reason}" for element, reason in sorted(reasons.items()))
    return Simulation(
        seafloor.grid, seafloor.layers, pd.DataFrame(columns=columns), {}, Classes(code, code, unknown, unknown), {"not_simulated": reasons},
        composites.marks, said, squares=Squares(_square_cells(seafloor.grid, settings), seafloor.grid, {}, composites.marks),
        beside=(RecoverableTotals.nothing(composites.marks), PanelTotals.nothing(composites.marks), SimulatedColumns.nothing(composites.marks)),
    )  # fmt: skip


def _square_cells(grid: Grid, settings: SimulationSettings) -> int:
    """Cells along the side of a square: as near to the settings' as whole cells come, and more where squares would be too many."""
    side = max(1, round(settings.squares_side_m / grid.cell_m))
    while math.prod(-(-count // side) for count in grid.shape) > _MOST_SQUARES:
        side += 1
    return side


def _in_parts(
    deposit: Deposit | DomainDeposit,
    seafloor: Seafloor,
    near: Mask,
    parts: int,
    settings: SimulationSettings,
    nodes: int,
    off: set[str],
    classes: ClassSettings,
    marker: MarkerDraws | None = None,
) -> Array:
    """Half-width of the worst part of each cell, divided into parts x parts columns, over the mean; NaN outside the estimated cells."""
    grid = seafloor.grid
    rows, columns = (count * parts for count in grid.shape)
    part_m = grid.cell_m / parts
    origin_m = float(grid.transform.c) + part_m / 2, float(grid.transform.f) - part_m / 2
    panel = _Panel((rows, columns), 1, 1, 1, 1)
    found = [panel.distributions(deposit, number, rows * columns)[:1] for number in range(len(deposit.elements))]
    sums = np.zeros((len(deposit.elements), rows * columns))
    for blocks in deposit.simulation(origin_m, (rows, columns), part_m, nodes, settings.seed, off).draws(settings.realisations):
        metals = blocks.metal_g_m3
        if marker is not None:
            # ASSUME: inside a cell the marker lies at its mean depth.
            share = marker.share(marker.surface.realisation(blocks.number))
            metals = metals * np.repeat(np.repeat(share, parts, axis=1), parts, axis=2)
        for number, metal in enumerate(metals):
            in_column = metal.sum(axis=0).ravel()
            found[number][0].add(in_column)
            sums[number] += in_column
    widest = np.max([_half_width(part[0], total / settings.realisations, classes) for part, total in zip(found, sums, strict=True)], axis=0)
    return np.where(near, widest.reshape(grid.shape[0], parts, grid.shape[1], parts).max(axis=(1, 3)), np.nan)


def _half_width(distribution: Distribution, mean: Array, settings: ClassSettings) -> Array:
    """Half of the width of the interval of the settings' confidence, over the mean."""
    tail = (1 - settings.confidence) / 2
    low, high = distribution.percentiles([tail, 1 - tail])
    with np.errstate(invalid="ignore", divide="ignore"):  # below a marker there are columns of which nothing is left
        return np.asarray((high - low) / 2 / mean)


def _classes(year: Array, quarter: Array, near: Mask, hull: Mask, supported: Mask, settings: ClassSettings) -> Classes:
    """Class of each cell, by how well the metal of a year's and of a quarter's production is known (Parker & Dohm 2014)."""
    code = np.select([~supported, ~(year <= settings.half_width_share), ~(quarter <= settings.half_width_share)], [0.0, 1.0, 2.0], 3.0)
    reason = np.select([~hull, ~supported, code == 1, code == 2], [1.0, 2.0, 3.0, 4.0], 5.0)
    return Classes(np.where(near, code, np.nan), np.where(near, reason, np.nan), year, quarter)


def _classes_said(
    panel: _Panel, half_widths: list[Array], is_divided: list[bool], supported: Mask, cell_m: float, settings: ClassSettings
) -> dict[str, Any]:
    """By how much the test of the classes is missed, for the reader of the JSON."""
    out: dict[str, Any] = {"limit_half_width_share": settings.half_width_share, "confidence": settings.confidence}
    sizes = (panel.year_cells, panel.year_parts), (panel.quarter_cells, panel.quarter_parts)
    for name, (cells, parts), found, divided in zip(("year", "quarter"), sizes, half_widths, is_divided, strict=True):
        inside = found[supported & np.isfinite(found)]
        whole = "cells" if parts == 1 else "one whole cell, a larger volume: it fails already"
        out[name] = {
            "side_of_volume_m": cell_m * cells / parts,
            "tested_on": "parts of a cell" if divided else whole,
            "smallest_half_width_share": float(inside.min()) if inside.size else None,
            "median_half_width_share": float(np.median(inside)) if inside.size else None,
            "share_of_cells_passing": float(np.mean(inside <= settings.half_width_share)) if inside.size else 0.0,
        }
    return {"production_volume": out}


class Reducer(Protocol):
    """What else is kept of every realisation, and becomes a file of its own beside the totals."""

    def add(self, blocks: Blocks, totals: list[Array]) -> None:
        """Take in one realisation, and what :meth:`_Reducers.add` found in it."""

    def artefact(self, marks: Marks) -> Beside:
        """What is written."""


class _Reducers:
    """What one pass over the realisations keeps; one call of :meth:`add` for each, in order."""

    def __init__(
        self,
        deposit: Deposit | DomainDeposit,
        seafloor: Seafloor,
        regions: dict[str, Mask],
        cutoffs: CutoffSettings,
        panel: _Panel,
        settings: SimulationSettings,
    ) -> None:
        self.deposit, self.seafloor, self.regions, self.panel, self.settings = deposit, seafloor, regions, panel, settings
        cells, layers = int(np.prod(seafloor.grid.shape)), deposit.layers.size
        self.cutoffs_ppm = [cutoffs.of(element) for element in deposit.elements]
        self.shares = np.array([np.where(mask, seafloor.region_share, 0.0).ravel() for mask in regions.values()])
        self.blocks, self.columns, self.panels = [], [], []
        for number, limits in enumerate(self.cutoffs_ppm):
            low, high = _span(deposit, number)
            self.blocks.append(Distribution(layers * cells, low, high, _BLOCK_CLASSES, limits))
            self.columns.append(Distribution(cells, low, high, _COLUMN_CLASSES, limits))
            self.panels.append(panel.distributions(deposit, number, cells))
        self.density_sum = np.zeros((layers, cells))
        self.metal_sum = np.zeros((len(deposit.elements), layers, cells))
        self.column_sum, self.column_squares = (np.zeros((len(deposit.elements), cells)) for _ in range(2))
        self.column_count = np.zeros(cells)
        self.totals: list[Array] = []
        self.square_cells = _square_cells(seafloor.grid, settings)
        row, column = (np.arange(count) // self.square_cells for count in seafloor.grid.shape)
        self.square_of = (row[:, None] * (column[-1] + 1) + column[None, :]).ravel()
        self.square_totals: list[list[Array]] = [[] for _ in deposit.elements]

    def add(self, blocks: Blocks) -> list[Array]:
        """Take in one realisation.

        Returns
        -------
        list of (regions, cutoffs, 3) arrays
            Of each element: cells that hold a block over the cut-off, density and metal of the blocks over it, each cell by its share inside.
        """
        layers = len(blocks.density_t_m3)
        density, metals = blocks.density_t_m3.reshape(layers, -1), blocks.metal_g_m3.reshape(len(self.blocks), layers, -1)
        self.density_sum += density
        self.metal_sum += metals
        mud = density.sum(axis=0)
        # Below a marker a column, or a layer of it, may lie above the seafloor in some realisations: its grade is that of the others.
        is_there = mud > 0
        self.column_count += is_there
        found = []
        for number, metal in enumerate(metals):
            in_column = metal.sum(axis=0)
            with np.errstate(invalid="ignore"):  # a layer that is not simulated in a domain has no mud there, and no grade
                self.blocks[number].add(metal / density)
                column_ppm = in_column / mud
            self.columns[number].add(column_ppm)
            self.column_sum[number] += np.where(is_there, column_ppm, 0)
            self.column_squares[number] += np.where(is_there, np.square(column_ppm, dtype=np.float64), 0)
            self.panel.add(self.panels[number], in_column)
            limits = np.array(self.cutoffs_ppm[number])
            found.append(totals(density, metal, self.shares, limits))
            if len(self.totals) < self.settings.squares_realisations:
                here = group_totals(density, metal, self.shares[0], self.square_of, int(self.square_of[-1]) + 1, limits)
                self.square_totals[number].append(here.astype(np.float32))
        self.totals.append(np.concatenate([part.reshape(len(self.shares), -1) for part in found], axis=1))
        return found

    def table(self) -> pd.DataFrame:
        """Totals of every realisation."""
        import pandas as pd

        grid, layer_m = self.seafloor.grid, self.seafloor.layers.layer_m
        block_m3 = grid.cell_area_m2 * layer_m
        units = np.array([grid.cell_area_m2 * KM2_PER_M2, block_m3, block_m3 * TONNE_PER_GRAM])
        values = np.array(self.totals)
        domains = () if self.seafloor.domains is None else self.seafloor.domains.names
        named = [number for number, region in enumerate(self.regions) if region in domains]
        parts, at = [], 0
        for element, limits in zip(self.deposit.elements, self.cutoffs_ppm, strict=True):
            here = values[:, :, at : at + 3 * len(limits)].reshape(len(values), len(self.shares), len(limits), 3) * units
            if named:
                # Summed here once more, so that the domains of every realisation add up to the last bit.
                here[:, 0] = here[:, named].sum(axis=1)
            at += 3 * len(limits)
            for number, region in enumerate(self.regions):
                if not self.shares[number].any():
                    continue
                index = pd.MultiIndex.from_product([range(len(values)), [element], [region], limits], names=_KEYS)
                parts.append(pd.DataFrame(here[:, number].reshape(-1, 3), index=index, columns=["area_km2", "dry_mud_t", "metal_t"]).reset_index())
        return pd.concat(parts).sort_values(_KEYS, ignore_index=True)

    def squares(self, marks: Marks) -> Squares:
        """Tonnes in squares, of the first realisations."""
        grid = self.seafloor.grid
        block_m3 = grid.cell_area_m2 * self.seafloor.layers.layer_m
        out = Squares(self.square_cells, grid, {}, marks)
        for element, limits, found in zip(self.deposit.elements, self.cutoffs_ppm, self.square_totals, strict=True):
            values = np.array(found, dtype=np.float64).reshape(len(found), len(limits), *out.shape, 2)
            out.grades[element] = SquareTotals(tuple(limits), values[..., 0] * block_m3, values[..., 1] * (block_m3 * TONNE_PER_GRAM))
        return out

    def half_widths(self, near: Mask, settings: ClassSettings) -> list[Array]:
        """(rows, columns) relative half-width for the panels of a year and of a quarter, the largest over the elements."""
        out = []
        for period, side in enumerate((self.panel.year_cells, self.panel.quarter_cells)):
            found = []
            for panels, sums in zip(self.panels, self.metal_sum, strict=True):
                mean = _panel_means((sums.sum(axis=0) / panels[period].count).reshape(near.shape), side).ravel()
                found.append(_half_width(panels[period], mean, settings))
            out.append(np.where(near, np.max(found, axis=0).reshape(near.shape), np.nan))
        return out

    def grade(self, number: int, near: Mask, step: float) -> SimulatedGrade:
        """What is kept of the grade of one element, in whole steps."""
        count = self.column_count
        shares = list(QUANTILES.values())
        with np.errstate(invalid="ignore"):  # as in add
            mean = self.column_sum[number] / count
            sd = np.sqrt(np.maximum(self.column_squares[number] / count - mean**2, 0.0) * count / np.maximum(count - 1, 1))
            mean_blocks = self.metal_sum[number] / self.density_sum
        blocks, columns, in_cells, in_layers = self.blocks[number], self.columns[number], self._in_cells, self._in_layers
        return SimulatedGrade(
            tuple(self.cutoffs_ppm[number]),
            on_steps(in_cells(columns.percentiles(shares), near), step),
            on_steps(in_cells(mean, near), step),
            on_steps(in_cells(sd, near), step),
            on_steps(in_layers(blocks.percentiles(shares), near), step),
            on_steps(in_layers(mean_blocks.ravel(), near), step),
            on_steps(in_cells(columns.probabilities(), near), STEP_PROBABILITY),
            on_steps(in_layers(blocks.probabilities(), near), STEP_PROBABILITY),
            step,
        )

    def _in_cells(self, values: Array, near: Mask) -> Array:
        """(…, rows, columns), NaN outside the estimated cells."""
        return np.where(near, values.reshape(*values.shape[:-1], *near.shape), np.nan)

    def _in_layers(self, values: Array, near: Mask) -> Array:
        """(…, layers, rows, columns) of (…, layers simulated x cells) values, with all layers; NaN in those not simulated."""
        layers = self.deposit.layers
        found = self._in_cells(values.reshape(*values.shape[:-1], layers.size, -1), near)
        out = np.full((*found.shape[:-3], self.seafloor.layers.count, *near.shape), np.nan)
        out[..., layers, :, :] = found
        return out


@dataclass(frozen=True)
class _Panel:
    """Square of cells, or of parts of one, that holds what a time of production mines.

    Parameters
    ----------
    year_cells, quarter_cells : int
        Cells along its side, at least 1.
    year_parts, quarter_parts : int
        Parts of a cell's side that it is as wide as, at least 1.
    """

    shape: tuple[int, int]
    year_cells: int
    quarter_cells: int
    year_parts: int
    quarter_parts: int

    @classmethod
    def of(cls, deposit: Deposit | DomainDeposit, seafloor: Seafloor, classes: ClassSettings) -> _Panel:
        """Panels of a year and of a quarter."""
        # ASSUME: the whole simulated column is mined, at the mean density of the measured composites.
        mud_t_m2 = deposit.mean_density_t_m3 * deposit.layers.size * seafloor.layers.layer_m
        side_m = math.sqrt(classes.production_dry_t_day * classes.production_days_year / mud_t_m2)
        sides = [side_m, side_m / math.sqrt(_QUARTERS)]
        cell_m = seafloor.grid.cell_m
        # Rounded so that the volume tested is never the larger one: a larger volume is better known.
        cells = [max(1, math.floor(side / cell_m + 1e-9)) for side in sides]
        parts = [max(1, math.ceil(cell_m / side - 1e-9)) for side in sides]
        return cls(seafloor.grid.shape, *cells, *parts)

    def distributions(self, deposit: Deposit | DomainDeposit, number: int, cells: int) -> list[Distribution]:
        """Room for the metal of a year and of a quarter around every cell."""
        low, high = _span(deposit, number)
        layers, density = deposit.layers.size, 0.5
        return [Distribution(cells, low * density * layers / _SPAN, high * density * layers * _SPAN, _COLUMN_CLASSES) for _ in range(2)]

    def add(self, distributions: list[Distribution], metal: NDArray[np.float32]) -> None:
        """Count the mean metal of the panels of one realisation, for each of their cells."""
        for distribution, side in zip(distributions, (self.year_cells, self.quarter_cells), strict=True):
            distribution.add(_panel_means(metal.reshape(self.shape), side).ravel() if side > 1 else metal)


def _panel_means(values: NDArray[Any], side: int) -> Array:
    """Mean over the square of cells that holds each cell; squares start in the north-west, those at the far edges are cut."""
    rows, columns = (np.arange(0, count, side) for count in values.shape)
    total = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    counts = np.diff(np.append(rows, values.shape[0]))[:, None] * np.diff(np.append(columns, values.shape[1]))[None, :]
    means = total / counts
    return np.asarray(np.repeat(np.repeat(means, side, axis=0), side, axis=1)[: values.shape[0], : values.shape[1]], dtype=np.float64)


def _span(deposit: Deposit | DomainDeposit, number: int) -> tuple[float, float]:
    """Grades of an element between which percentiles are sought."""
    grades_ppm = deposit.grades_ppm(number)
    return float(np.nanmin(grades_ppm)) / _SPAN, float(np.nanmax(grades_ppm)) * _SPAN
