"""From composites to a joint simulation of a deposit: which variables, from which data, with which draws of what the data leave open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import pdist

from pipeline.artefacts import DENSITY, Composites, Seafloor, Variogram
from pipeline.field import composite_positions_m, known_values, supplied_share
from pipeline.geostatistics.layer_sampler import HorizontalModels, LayerDraws, sample_layers
from pipeline.geostatistics.layer_scores import LayerScores
from pipeline.geostatistics.layered_simulation import LayeredSimulation, LayeredVariable, frozen

if TYPE_CHECKING:
    from collections.abc import Container

    import geopandas as gpd
    from numpy.typing import NDArray

    from pipeline.config import DensitySettings, SimulationSettings, VariogramSettings

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
    """

    elements: tuple[str, ...]
    layers: Integers
    positions_m: Array
    models: HorizontalModels
    measured: list[Measured]
    draws: list[LayerDraws]
    density_factor: Array
    is_density_measured: bool

    def grades_ppm(self, number: int) -> Array:
        """(cores, layers) measured grades of an element by its number; NaN where there is none."""
        first = self.measured[0].values
        return first if number == 0 else first * self.measured[number + 1].values

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
        factor = np.ones_like(self.density_factor) if "density" in off else self.density_factor
        return LayeredSimulation(variables, self.models, self.positions_m, origin_m, shape, cell_m, nodes, seed, density_factor=factor, like=like)

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
    first, *others = _by_composites(composites, reasons) or [""]
    for element in others:
        if not np.any(composites.frame[[f"{first}_ppm", f"{element}_ppm"]].notna().all(axis=1)):
            reasons[element] = f"it was never measured together with {first}, whose ratio to it is simulated"
    return reasons


def _by_composites(composites: Composites, excluded: Container[str]) -> list[str]:
    """Elements with the best known one first: the one with most composites, or the first named of several."""
    frame = composites.frame
    return sorted((e for e in composites.elements if e not in excluded), key=lambda e: -int(frame[f"{e}_ppm"].notna().sum()))


def deposit_of(
    composites: Composites,
    variograms: list[Variogram],
    seafloor: Seafloor,
    settings: SimulationSettings,
    prior: DensitySettings,
    variogram_settings: VariogramSettings,
) -> Deposit:
    """Draw what the data leave open, one draw for each realisation.

    Raises
    ------
    ValueError
        No element can be simulated (:func:`not_simulated`).
    """
    elements = tuple(_by_composites(composites, not_simulated(composites, variograms)))
    if not elements:
        msg = "no element can be simulated"
        raise ValueError(msg)
    frame = composites.frame.sort_values(["core_id", "layer"])
    first = next(variogram for variogram in variograms if variogram.subject == elements[0])
    layers = np.flatnonzero(first.layer_pool >= 0)
    positions_m, place = _places(composite_positions_m(frame, seafloor.grid)[:, :2])
    table = _Table(frame, place, len(positions_m), layers, settings, variogram_settings.min_layer_cores)
    grades = {element: frame[f"{element}_ppm"].to_numpy(dtype=float) for element in elements}
    grade = table.measured(elements[0], grades[elements[0]], f"{elements[0]}_log_variance", 1)
    density = table.measured(DENSITY, known_values(frame, DENSITY), "density_log_variance", 0)
    ratios = []
    for element in elements[1:]:
        below = np.where(grades[elements[0]] > 0, grades[elements[0]], np.nan)
        # Composites hold the variance of ratios to the element named first; that of its ratio to another is the same.
        varies = elements[0] if element == composites.elements[0] else element
        ratios.append(table.measured(element, grades[element] / below, f"{varies}_ratio_log_variance", 2))
    models = _models(positions_m, settings, variogram_settings)
    count, depths_m = settings.realisations, (seafloor.layers.tops_m + seafloor.layers.bottoms_m)[layers] / 2
    draws: list[LayerDraws] = []

    def sample(number: int, part: Measured, others: list[Array]) -> LayerDraws:
        if not np.nanmax(np.abs(part.observed)) > _EQUAL:
            # Equal values tell nothing of a spread: they are held.
            held = np.repeat(_EQUAL * np.eye(layers.size)[None], count, axis=0)
            nothing = np.zeros((count, layers.size))
            return LayerDraws(draws[0].model, nothing, held, np.zeros((count, len(others))), np.zeros((count, *part.observed.shape)))
        return sample_layers(positions_m, part.observed, part.error_variance, depths_m, models, others, count, [settings.seed, 0, number])

    assert grade is not None
    draws.append(sample(0, grade, []))
    random = np.random.default_rng([settings.seed, 1])
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
        draws.append(
            LayerDraws(draws[0].model, np.zeros_like(draws[0].mean), draws[0].root / spread, np.zeros((count, 1)), np.zeros_like(draws[0].values))
        )
    known = [grade, density]
    for number, ratio in enumerate(ratios):
        assert ratio is not None
        draws.append(sample(2 + number, ratio, [part.values for part in draws]))
        known.append(ratio)
    return Deposit(elements, layers, positions_m, models, known, draws, factor, bool(np.isfinite(density.observed).any()))


def _places(positions_m: Array) -> tuple[Array, Integers]:
    """Distinct places (to a metre), and the number of the place of each row."""
    _, first, place = np.unique(np.round(positions_m), axis=0, return_index=True, return_inverse=True)
    return positions_m[first], place.reshape(-1)


def _models(positions_m: Array, settings: SimulationSettings, variogram_settings: VariogramSettings) -> HorizontalModels:
    extent_m = float(pdist(positions_m).max())
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
        self, frame: gpd.GeoDataFrame, place: Integers, cores: int, layers: Integers, settings: SimulationSettings, min_layer_cores: int
    ) -> None:
        self.frame, self.cores, self.layers, self.settings, self.min_layer_cores = frame, cores, layers, settings, min_layer_cores
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
