"""From composites to a joint simulation of a deposit: which variables, from which data, with which draws of what the data leave open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import pdist

from pipeline.artefacts import DENSITY, Composites, Seafloor, Variogram
from pipeline.field import composite_positions_m, known_values, supplied_share
from pipeline.geostatistics.layer_sampler import HorizontalModels, LayerDraws, sample_layers
from pipeline.geostatistics.layer_scores import LayerScores
from pipeline.geostatistics.layered_simulation import LayeredSimulation, LayeredVariable, frozen
from pipeline.geostatistics.soft_boundaries import SoftDomains, SoftSimulation

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

    from pipeline.config import DensitySettings, SimulationSettings, VariogramSettings
    from pipeline.grid import Grid

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

SOURCES = ("grade_field", "density", "assay_error", "unsampled_layers", "mean_and_spread", "variogram")
"""Sources of uncertainty, as the settings name their switches."""

_RANGES = 14
_RANGE_EXTENTS = (0.05, 2.0)
_EQUAL = 1e-9
_NUGGETS = (0.0, 0.05, 0.15, 0.3, 0.5)


@dataclass(frozen=True)
class Measured:
    """One variable at the cores.

    Parameters
    ----------
    name : str
        Element, ``density``, or the element of a ratio.
    scores : LayerScores
    observed : (cores, layers) array
        Normal scores; NaN where not measured.
    error_variance : (cores, layers) array
        Of the scores, by assay and sampling.
    values : (cores, layers) array
        What was measured.
    weights : (cores, layers) array
        Declustering weights.
    """

    name: str
    scores: LayerScores
    observed: Array
    error_variance: Array
    values: Array
    weights: Array


@dataclass(frozen=True)
class Soft:
    """Domains with soft boundaries: one field in all of them.

    Parameters
    ----------
    grid : Grid
    of_cell : (rows, columns) int array
        Domain of each cell; -1 where none is simulated.
    of_core : (cores,) int array
    scores : list of list of LayerScores
        Of every domain, by variable.
    shifts : list of (draws, domains) arrays
        Of every variable.
    layers : (domains, layers) bool array
        Layers known in each domain.
    """

    grid: Grid
    of_cell: Integers
    of_core: Integers
    scores: list[list[LayerScores]]
    shifts: list[Array]
    layers: NDArray[np.bool_]

    def indicators(self, draws: int, cores: int, layers: int) -> list[Array]:
        """Of every domain a (draws, cores, layers) array that is 1 at its cores."""
        return [np.broadcast_to((self.of_core == domain)[None, :, None] * 1.0, (draws, cores, layers)) for domain in range(len(self.scores))]

    def on(self, origin_m: tuple[float, float], shape: tuple[int, int], cell_m: float, draws: list[LayerDraws], *, fixed: bool) -> SoftDomains:
        """The same on another grid; with the shifts held at their means, if they are fixed."""
        shifts = [np.broadcast_to(shift.mean(axis=0), shift.shape) if fixed else shift for shift in self.shifts]
        shifts = [shift[: len(part.model)] for shift, part in zip(shifts, draws, strict=True)]
        return SoftDomains(self.of_core, nearest_cells(self.grid, self.of_cell, origin_m, shape, cell_m).ravel(), self.scores, shifts, self.layers)


def nearest_cells(grid: Grid, values: Integers, origin_m: tuple[float, float], shape: tuple[int, int], cell_m: float) -> Integers:
    """(rows, columns) value of the cell that holds the centre of each cell of another grid in the same projection; -1 outside."""
    west, _, _, north = grid.bounds_m
    row = np.floor((north - origin_m[1] + cell_m * np.arange(shape[0])) / grid.cell_m).astype(np.int64)
    column = np.floor((origin_m[0] + cell_m * np.arange(shape[1]) - west) / grid.cell_m).astype(np.int64)
    rows, columns = grid.shape
    inside = ((row >= 0) & (row < rows))[:, None] & ((column >= 0) & (column < columns))[None, :]
    found = values[np.clip(row, 0, rows - 1)[:, None], np.clip(column, 0, columns - 1)[None, :]]
    return np.where(inside, found, -1)


@dataclass(frozen=True)
class Deposit:
    """All that realisations are drawn from.

    Parameters
    ----------
    elements : tuple of str
        Those simulated, the first one by its grade, the others by their ratio to it.
    layers : (layers,) int array
        Layers simulated.
    positions_m : (cores, 2) array
        Distinct places of cores.
    models : HorizontalModels
    measured : list of Measured
        First element, density, ratios.
    draws : list of LayerDraws
        One for each of them, with every source of uncertainty on.
    density_factor : (realisations,) array
        Unknown factor of the deposit's density.
    is_density_measured : bool
    soft : Soft, optional
        Domains with soft boundaries, where there are any.
    """

    elements: tuple[str, ...]
    layers: Integers
    positions_m: Array
    models: HorizontalModels
    measured: list[Measured]
    draws: list[LayerDraws]
    density_factor: Array
    is_density_measured: bool
    soft: Soft | None = None

    def grades_ppm(self, number: int) -> Array:
        """(cores, layers) measured grades of an element by its number; NaN where there is none."""
        first = self.measured[0].values
        return first if number == 0 else first * self.measured[number + 1].values

    @property
    def mean_density_t_m3(self) -> float:
        """Mean of the measured composites, else that of the prior."""
        measured = self.measured[1]
        return float(np.nanmean(measured.values) if self.is_density_measured else np.exp(measured.scores.statistics.mean).mean())

    def simulation(
        self,
        origin_m: tuple[float, float],
        shape: tuple[int, int],
        cell_m: float,
        nodes: int,
        seed: int,
        off: set[str],
        *,
        like: LayeredSimulation | None = None,
        scores: LayerScores | None = None,
    ) -> LayeredSimulation:
        """Simulation on a grid, with some sources of uncertainty off, and with other scores of the first element where they are given."""
        variables = self.variables(off, scores)
        factor = np.ones_like(self.density_factor) if "density" in off else self.density_factor
        if self.soft is not None:
            fixed = "mean_and_spread" in off
            domains = self.soft.on(origin_m, shape, cell_m, [variable.draws for variable in variables], fixed=fixed)
            rest = (self.models, self.positions_m, origin_m, shape, cell_m, nodes, seed)
            return SoftSimulation(variables, *rest, domains=domains, density_factor=factor, like=like)
        return LayeredSimulation(variables, self.models, self.positions_m, origin_m, shape, cell_m, nodes, seed, density_factor=factor, like=like)

    def variables(self, off: set[str], scores: LayerScores | None = None) -> list[LayeredVariable]:
        """What is simulated: first element, density, ratios; arguments as of :meth:`simulation`."""
        variables = []
        for number, (measured, draws) in enumerate(zip(self.measured, self.draws, strict=True)):
            is_density = number == 1
            values = self._held(measured, draws, off)
            held = frozen(
                draws,
                values=values,
                model="variogram" in off or (is_density and "density" in off),
                parameters="mean_and_spread" in off or (is_density and "density" in off),
            )
            varies = "density" not in off if is_density else "grade_field" not in off
            table = scores if number == 0 and scores is not None else measured.scores
            variables.append(LayeredVariable(table, held, not is_density or self.is_density_measured, varies))
        return variables

    def conditions(self, number: int) -> tuple[LayerDraws, list[Array]]:
        """Draws of a variable and the fields that it depends on, those that tell the domains apart included."""
        draws, others = self.draws[number], [part.values for part in self.draws[:number]]
        if self.soft is None:
            return draws, others
        whole = replace(draws, slopes=np.hstack([draws.slopes, self.soft.shifts[number]]))
        return whole, [*others, *self.soft.indicators(*draws.values.shape)]

    def _held(self, measured: Measured, draws: LayerDraws, off: set[str]) -> Array | None:
        """Fields at the cores where errors of assay, or layers unseen, are taken as known."""
        if not off & {"assay_error", "unsampled_layers"}:
            return None
        values = draws.values.copy()
        seen = np.isfinite(measured.observed)
        if "assay_error" in off:
            values[:, seen] = measured.observed[seen]
        if "unsampled_layers" in off:
            values[:, ~seen] = draws.values[:, ~seen].mean(axis=0)
        return values


@dataclass(frozen=True)
class Lent:
    """What one domain of several takes from the others; an assessment of its own takes nothing.

    Parameters
    ----------
    scores : dict of str to LayerScores
        By the name of the variable, of all layers: spreads and shapes that a domain with few cores varies by around its own mean.
    extent_m : float, optional
        Largest distance between cores that its prior of the range is scaled with; its own unless given.
    seed : int, optional
        Of the one unknown factor of the density prior, which all domains share; its own unless given.
    order : tuple of str
        Elements in the order in which all domains simulate them; its own unless given.
    """

    scores: dict[str, LayerScores] = field(default_factory=dict)
    extent_m: float | None = None
    seed: int | None = None
    order: tuple[str, ...] = ()


ALONE = Lent()


def not_simulated(composites: Composites, variograms: list[Variogram]) -> dict[str, str]:
    """Elements for which no interval can be given, and why."""
    reasons = {}
    by_subject = {variogram.subject: variogram for variogram in variograms}
    for element in composites.elements:
        model = by_subject[element].model
        values = known_values(composites.frame, element)
        if model is None:
            reasons[element] = "nothing was measured"
        elif model.sill == 0:
            reasons[element] = "all values are equal: nothing tells how far others may lie from them"
        elif not np.any(values > 0):
            reasons[element] = "no grade is above zero"
    first, *others = by_composites(composites, reasons) or [""]
    for element in others:
        if not np.any(composites.frame[[f"{first}_ppm", f"{element}_ppm"]].notna().all(axis=1)):
            reasons[element] = f"it was never measured together with {first}, whose ratio to it is simulated"
    return reasons


def by_composites(composites: Composites, excluded: Container[str]) -> list[str]:
    """Elements with the best known one first: the one with most composites, or the first named of several."""
    frame = composites.frame
    return sorted((e for e in composites.elements if e not in excluded), key=lambda e: -int(frame[f"{e}_ppm"].notna().sum()))


@dataclass(frozen=True)
class Known:
    """What was measured in a deposit.

    Parameters
    ----------
    elements, layers, positions_m
        As in :class:`Deposit`.
    grade : Measured
    density : Measured or None
    ratios : list of Measured
    soft : Soft, optional
        Domains with soft boundaries, their shifts not drawn yet.
    """

    elements: tuple[str, ...]
    layers: Integers
    positions_m: Array
    grade: Measured
    density: Measured | None
    ratios: list[Measured]
    soft: Soft | None = None

    @property
    def variables(self) -> list[Measured]:
        """Those that were measured."""
        return [self.grade, *([self.density] if self.density is not None else []), *self.ratios]


def known_of(
    composites: Composites,
    variograms: list[Variogram],
    seafloor: Seafloor,
    settings: SimulationSettings,
    variogram_settings: VariogramSettings,
    lent: Lent = ALONE,
) -> Known:
    """Normal scores and errors of every variable at the cores.

    Raises
    ------
    ValueError
        No element can be simulated (:func:`not_simulated`).
    """
    elements = lent.order or tuple(by_composites(composites, not_simulated(composites, variograms)))
    if not elements:
        msg = "no element can be simulated"
        raise ValueError(msg)
    frame = composites.frame.sort_values(["core_id", "layer"])
    first = next(variogram for variogram in variograms if variogram.subject == elements[0])
    layers = np.flatnonzero(first.layer_pool >= 0)
    positions_m, place = _places(composite_positions_m(frame, seafloor.grid)[:, :2])
    table = _Table(frame, place, len(positions_m), layers, settings, variogram_settings.min_layer_cores, lent.scores)
    grades = {element: frame[f"{element}_ppm"].to_numpy(dtype=float) for element in elements}
    grade = table.measured(elements[0], grades[elements[0]], f"{elements[0]}_log_variance", 1)
    density = table.measured(DENSITY, known_values(frame, DENSITY), "density_log_variance", 0)
    ratios = []
    for element in elements[1:]:
        below = np.where(grades[elements[0]] > 0, grades[elements[0]], np.nan)
        # Composites hold the variance of ratios to the element named first; that of its ratio to another is the same.
        varies = elements[0] if element == composites.elements[0] else element
        ratio = table.measured(element, grades[element] / below, f"{varies}_ratio_log_variance", 2)
        assert ratio is not None
        ratios.append(ratio)
    assert grade is not None
    return Known(elements, layers, positions_m, grade, density, ratios)


def deposit_of(
    composites: Composites,
    variograms: list[Variogram],
    seafloor: Seafloor,
    settings: SimulationSettings,
    prior: DensitySettings,
    variogram_settings: VariogramSettings,
    lent: Lent = ALONE,
    known: Known | None = None,
) -> Deposit:
    """Draw what the data leave open, one draw for each realisation; of the composites, unless what is known of them is given.

    Raises
    ------
    ValueError
        No element can be simulated (:func:`not_simulated`).
    """
    data = _of_two_cores(known or known_of(composites, variograms, seafloor, settings, variogram_settings, lent), lent)
    elements, layers, positions_m, grade, density, ratios = data.elements, data.layers, data.positions_m, data.grade, data.density, data.ratios
    models = _models(lent.extent_m or float(pdist(positions_m).max()), settings, variogram_settings)
    count, depths_m = settings.realisations, (seafloor.layers.tops_m + seafloor.layers.bottoms_m)[layers] / 2
    draws: list[LayerDraws] = []
    shifts: list[Array] = []
    domains = 0 if data.soft is None else len(data.soft.scores)

    def sample(number: int, part: Measured, others: list[Array]) -> LayerDraws:
        if not np.nanmax(np.abs(part.observed)) > _EQUAL:
            # Equal values tell nothing of a spread: they are held.
            held = np.repeat(_EQUAL * np.eye(layers.size)[None], count, axis=0)
            nothing = np.zeros((count, layers.size))
            shifts.append(np.zeros((count, domains)))
            return LayerDraws(draws[0].model, nothing, held, np.zeros((count, len(others))), np.zeros((count, *part.observed.shape)))
        # ASSUME: how far the mean of a domain lies from what its cores show is one shift of its scores, the same in all layers.
        apart = [] if data.soft is None else data.soft.indicators(count, len(positions_m), layers.size)
        found = sample_layers(positions_m, part.observed, part.error_variance, depths_m, models, [*others, *apart], count, [settings.seed, 0, number])
        shifts.append(found.slopes[:, len(others) :])
        return replace(found, slopes=found.slopes[:, : len(others)]) if apart else found

    draws.append(sample(0, grade, []))
    random = np.random.default_rng([settings.seed if lent.seed is None else lent.seed, 1])
    # ASSUME: the prior's mean density is one unknown factor for the whole deposit, lognormal and independent of the grade.
    log_sd = float(np.sqrt(np.log1p((prior.mean_sd_t_m3 / prior.dry_bulk_density_t_m3) ** 2)))
    log_sd *= supplied_share(composites, elements[0], prior)
    factor = np.exp(log_sd * random.standard_normal(count) - log_sd**2 / 2)
    if density is not None:
        draws.append(sample(1, density, [draws[0].values]))
    else:
        # ASSUME: where no density was measured, it varies in space as the grade does, and independently of it.
        log_sd = float(np.sqrt(np.log1p((prior.sample_sd_t_m3 / prior.dry_bulk_density_t_m3) ** 2)))
        nothing = np.full((len(positions_m), layers.size), np.nan)
        scores = LayerScores.lognormal(prior.dry_bulk_density_t_m3, log_sd, layers.size)
        density = Measured(DENSITY, scores, nothing, np.zeros_like(nothing), nothing, np.zeros_like(nothing))
        spread = np.sqrt((draws[0].root ** 2).sum(axis=2, keepdims=True))
        shifts.append(np.zeros((count, domains)))
        draws.append(
            LayerDraws(draws[0].model, np.zeros_like(draws[0].mean), draws[0].root / spread, np.zeros((count, 1)), np.zeros_like(draws[0].values))
        )
    variables = [grade, density]
    for number, ratio in enumerate(ratios):
        draws.append(sample(2 + number, ratio, [part.values for part in draws]))
        variables.append(ratio)
    soft = None if data.soft is None else replace(data.soft, shifts=shifts, scores=_with_density(data.soft.scores, data.density, density))
    is_density_measured = bool(np.isfinite(density.observed).any())
    return Deposit(elements, layers, positions_m, models, variables, draws, factor, is_density_measured, soft)


def _with_density(scores: list[list[LayerScores]], measured: Measured | None, density: Measured) -> list[list[LayerScores]]:
    """Transforms of every domain with that of the density in its place, where no domain has a measured one."""
    return scores if measured is not None else [[own[0], density.scores, *own[1:]] for own in scores]


def _places(positions_m: Array) -> tuple[Array, Integers]:
    """Distinct places (to a metre), and the number of the place of each row."""
    _, first, place = np.unique(np.round(positions_m), axis=0, return_index=True, return_inverse=True)
    return positions_m[first], place.reshape(-1)


def _of_two_cores(known: Known, lent: Lent) -> Known:
    """A single core, and beside it a place where nothing was seen: what is drawn there says nothing that the one core did not say."""
    if len(known.positions_m) > 1:
        return known
    elsewhere_m = known.positions_m + np.array([[lent.extent_m or 1.0, 0.0]])

    def with_unseen(part: Measured) -> Measured:
        unseen = np.full((1, known.layers.size), np.nan)
        none = np.zeros_like(unseen)
        return replace(
            part,
            observed=np.vstack([part.observed, unseen]),
            error_variance=np.vstack([part.error_variance, none]),
            values=np.vstack([part.values, unseen]),
            weights=np.vstack([part.weights, none]),
        )

    density = None if known.density is None else with_unseen(known.density)
    return Known(
        known.elements, known.layers, np.vstack([known.positions_m, elsewhere_m]), with_unseen(known.grade), density,
        [with_unseen(ratio) for ratio in known.ratios],
    )  # fmt: skip


def _models(extent_m: float, settings: SimulationSettings, variogram_settings: VariogramSettings) -> HorizontalModels:
    ranges_m = np.geomspace(_RANGE_EXTENTS[0] * extent_m, _RANGE_EXTENTS[1] * extent_m, _RANGES)
    return HorizontalModels.log_normal(
        variogram_settings.model,
        ranges_m,
        np.array(_NUGGETS),
        settings.prior_range_extents * extent_m,
        settings.prior_range_log_sd,
        settings.prior_nugget_share,
    )


class _Table:
    """Composites as matrices of cores and layers."""

    def __init__(
        self,
        frame: gpd.GeoDataFrame,
        place: Integers,
        cores: int,
        layers: Integers,
        settings: SimulationSettings,
        min_layer_cores: int,
        lent: Mapping[str, LayerScores],
    ) -> None:
        self.frame, self.cores, self.layers, self.settings, self.min_layer_cores, self.lent = frame, cores, layers, settings, min_layer_cores, lent
        layer = frame["layer"].to_numpy(dtype=np.int64)
        self.inside = np.isin(layer, layers)
        self.at = place[self.inside], np.searchsorted(layers, layer[self.inside])

    def matrix(self, values: Any) -> Array:
        """(cores, layers) mean of the values of each core and layer; NaN where there is none."""
        values = np.asarray(values, dtype=np.float64)[self.inside]
        known = np.isfinite(values)
        total, count = np.zeros((self.cores, self.layers.size)), np.zeros((self.cores, self.layers.size))
        np.add.at(total, (self.at[0][known], self.at[1][known]), values[known])
        np.add.at(count, (self.at[0][known], self.at[1][known]), 1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def total(self, values: Any) -> Array:
        """(cores, layers) sum of the values of each core and layer; 0 where there is none."""
        out = np.zeros((self.cores, self.layers.size))
        np.add.at(out, self.at, np.asarray(values, dtype=np.float64)[self.inside])
        return out

    def measured(self, name: str, values: Array, variance: str, assays: int) -> Measured | None:
        """Normal scores and errors of one variable, with the column of the variance between its samples and the number of assays that it rests on.

        ``None`` where nothing was measured.
        """
        found = self.matrix(values)
        if not np.isfinite(found).any():
            return None
        # ASSUME: a grade of zero counts as half of the smallest one above zero: a logarithm needs a positive number.
        found = np.where(found <= 0, np.min(found[found > 0]) / 2, found)
        seen = np.isfinite(found)
        is_constant = float(np.ptp(np.log(found[seen]))) < _EQUAL
        log_error = np.zeros(found.shape) if is_constant else self._log_error_variance(name, variance, assays, seen)
        weights = np.where(seen, self.total(self.frame["declustering_weight"]), 0.0)
        layer = np.broadcast_to(np.arange(self.layers.size), found.shape)
        # An error that leaves the mean grade right makes its logarithm too low by half of its variance.
        right = found * np.exp(log_error / 2)
        scores = LayerScores.of(
            right[seen], layer[seen], weights[seen], self.layers.size, self.min_layer_cores,
            shape_cores=self.settings.shape_cores, upper_tail=self.settings.upper_tail,
        )  # fmt: skip
        if name in self.lent:
            scores = scores.varying_as(self.lent[name].of_layers(self.layers))
        observed = np.full(found.shape, np.nan)
        observed[seen] = scores.scores(right[seen], layer[seen])
        sd = np.where(np.isfinite(scores.statistics.sd), scores.statistics.sd, 1.0)
        return Measured(name, scores, observed, log_error / sd**2, found, weights)

    def _log_error_variance(self, name: str, column: str, assays: int, seen: NDArray[np.bool_]) -> Array:
        r"""(cores, layers) variance of the error of the logarithm of a composite: of its assays, and of the parts of the layer not sampled.

        .. math:: \tau^2 = \frac{c\,(1 - f)^2}{6\,n^2} + \frac{a^2}{n}, \qquad c = \frac{3\,n}{n + 1}\,(s^2 - a^2)_+

        with n samples spread evenly over the layer, of which they cover the share f, :math:`s^2` the variance between the samples of one core and
        layer (pooled over cores) and a the relative error of an assay: the extension variance of a segment known at regular places under a linear
        variogram of rise c over the layer (Matheron 1971, ch. 2). Between evenly spread samples that variance is :math:`c\,(n + 1)/(3\,n)`.
        """
        if not self.settings.assay_error:
            return np.zeros(seen.shape)
        # ASSUME: a ratio carries the errors of two assays, a density no assay.
        assay = assays * self.settings.assay_relative_sd**2
        count, each = self.total(self.frame[f"{name}_samples"]), self.matrix(self.frame[f"{name}_samples"])
        variance = self.matrix(self.frame[column])
        share = np.minimum(self.matrix(self.frame["sampled_share" if name == DENSITY else f"{name}_sampled_share"]), 1.0)
        degrees = np.where(np.isfinite(variance), np.nan_to_num(each) - 1, 0.0)
        rise = np.nan_to_num(np.maximum(variance - assay, 0.0) * 3 * each / (each + 1))
        total, freedom = (rise * degrees).sum(axis=0), degrees.sum(axis=0)
        # Of three layers the middle one counts twice.
        total, freedom = (np.convolve(part, [0.25, 0.5, 0.25])[1:-1] for part in (total, freedom))
        overall = total.sum() / freedom.sum() if freedom.sum() > 0 else 0.0
        # A layer in which no core has two samples takes the mean of all.
        rise = np.where(freedom > 0, total / np.where(freedom > 0, freedom, 1.0), overall)
        error = rise * (1 - share) ** 2 / (6 * np.maximum(count, 1) ** 2) + assay / np.maximum(count, 1)
        return np.where(seen, np.nan_to_num(error), 0.0)
