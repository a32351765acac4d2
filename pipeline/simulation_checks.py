"""What is asked of a simulation beside its results: which source makes how much of the uncertainty, and whether realisations look like the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.deposit import SOURCES, Deposit, Measured
from pipeline.geostatistics import scores
from pipeline.geostatistics.layer_sampler import LayerDraws, left_out_probabilities
from pipeline.horizon import MarkerDraws
from pipeline.units import TONNE_PER_GRAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pipeline.artefacts import Seafloor
    from pipeline.config import SimulationSettings
    from pipeline.geostatistics.layered_simulation import Blocks, LayeredSimulation

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]
    Content = dict[str, Any]

_CELLS = 1500  # the total hardly depends on the size of cells: 8,000 or 1,500 of them differ by less than its Monte-Carlo error
_REALISATIONS = 300
_BOOTSTRAP = 1000
_FEW = 200
_CHECKED = 100
_POINTS = 300
_PAIRS = 400
_LAGS = 8
_SHARES = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)
_BAND = (0.05, 0.50, 0.95)


@dataclass(frozen=True)
class Coarse:
    """The deposit on larger cells: what does not depend on their size is asked here.

    Parameters
    ----------
    deposit : Deposit
    settings : SimulationSettings
    origin_m, shape, cell_m
        Its grid.
    nodes : int
        Nodes along each side of a block.
    share : (cells,) array
        Share of each cell that is estimated and inside the region.
    layer_m : float
    marker : MarkerDraws, optional
        The marker that the layers are relative to.
    """

    deposit: Deposit
    settings: SimulationSettings
    origin_m: tuple[float, float]
    shape: tuple[int, int]
    cell_m: float
    nodes: int
    share: Array
    layer_m: float
    marker: MarkerDraws | None = None

    @classmethod
    def of(cls, deposit: Deposit, seafloor: Seafloor, near: Mask, settings: SimulationSettings, nodes: int) -> Coarse:
        """Cells of the grid, several in one where they are many."""
        grid = seafloor.grid
        side = max(1, math.ceil(math.sqrt(near.size / _CELLS)))
        rows, columns = (math.ceil(count / side) for count in grid.shape)
        share = np.zeros((rows * side, columns * side))
        share[: grid.shape[0], : grid.shape[1]] = np.where(near, seafloor.region_share, 0.0)
        share = share.reshape(rows, side, columns, side).mean(axis=(1, 3)).ravel()
        cell_m = grid.cell_m * side
        origin_m = float(grid.transform.c) + cell_m / 2, float(grid.transform.f) - cell_m / 2
        marker = MarkerDraws.of(seafloor, deposit.layers, nodes, settings.seed, side)
        return cls(deposit, settings, origin_m, (rows, columns), cell_m, nodes, share, seafloor.layers.layer_m, marker)

    @property
    def off(self) -> set[str]:
        """Sources that the settings switch off."""
        return {source for source in SOURCES if not getattr(self.settings, source)}

    def simulation(self, off: set[str], **changes: Any) -> LayeredSimulation:
        """Simulation with these sources off."""
        return self.deposit.simulation(self.origin_m, self.shape, self.cell_m, self.nodes, self.settings.seed, off, **changes)

    def totals_t(self, simulation: LayeredSimulation, *, marker_held: bool = False) -> Array:
        """(realisations, elements) metal of all that is estimated; with the marker held, of what is expected to exist of each block."""
        unit = self.cell_m**2 * self.layer_m * TONNE_PER_GRAM
        count = min(self.settings.realisations, _REALISATIONS)
        draws: Iterator[Blocks] = simulation.draws(count)
        if self.marker is not None:
            draws = self.marker.held(draws) if marker_held else self.marker.of_all(draws)
        found = [blocks.metal_g_m3.sum(axis=1, dtype=np.float64).reshape(-1, self.share.size) @ self.share for blocks in draws]
        return np.array(found) * unit


def source_shares(coarse: Coarse, whole: LayeredSimulation) -> Content:
    """How much smaller the variance of the total is with one source off, the random numbers being the same.

    The decreases need not add up to the variance: what is missing, or too much, is the interaction. Intervals are of 95 %, from a bootstrap over
    realisations.
    """
    # ASSUME: a source that is off is held at the mean of its draws, and a field at its expectation.
    totals = coarse.totals_t(whole)
    random = np.random.default_rng([coarse.settings.seed, 2])
    picks = random.integers(0, len(totals), (_BOOTSTRAP, len(totals)))
    out: Content = {element: {} for element in coarse.deposit.elements}
    held = [source for source in SOURCES if source not in coarse.off and source != "variogram"]
    without = {source: coarse.totals_t(coarse.simulation(coarse.off | {source}, like=whole)) for source in held}
    if coarse.marker is not None:
        without["marker"] = coarse.totals_t(whole, marker_held=True)
    for number, element in enumerate(coarse.deposit.elements):
        here = totals[:, number]
        variance = here.var(ddof=1)
        sampled = here[picks].var(axis=1, ddof=1)
        rows, decreases = {}, []
        for source, other in without.items():
            share = 1 - other[:, number].var(ddof=1) / variance
            low, high = np.quantile(1 - other[picks, number].var(axis=1, ddof=1) / sampled, [0.025, 0.975])
            rows[source] = {"share_of_variance": float(share), "low": float(low), "high": float(high)}
            decreases.append(share)
        if "variogram" not in coarse.off:
            model = coarse.deposit.draws[0].model[: len(totals)]
            # One model alone may leave more than all together; known, it leaves their mean (law of total variance).
            share = 1 - _variance_within(here, model) / variance
            # Halves drawn without replacement scatter as the whole does; a bootstrap would find its repeats alike in their groups.
            halves = [random.permutation(len(here))[: len(here) // 2] for _ in range(_FEW)]
            scatter = np.std([_variance_within(here[half], model[half]) / here[half].var(ddof=1) for half in halves])
            rows["variogram"] = {"share_of_variance": float(share), "low": float(share - 1.96 * scatter), "high": float(share + 1.96 * scatter)}
            decreases.append(share)
        out[element] = {
            "sd_t": float(np.sqrt(variance)),
            "realisations": len(totals),
            "one_off": rows,
            "switched_off": sorted(coarse.off),
            "interaction_share_of_variance": float(1 - sum(decreases)),
        }
    return out


def _variance_within(values: Array, groups: Integers) -> float:
    """Pooled variance inside groups of two or more."""
    _, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
    means = np.bincount(number, values) / counts
    degrees = float(np.sum(counts - 1))
    return float(np.sum((values - means[number]) ** 2) / degrees) if degrees > 0 else float(np.var(values))


def tail_sensitivity(coarse: Coarse, whole: LayeredSimulation) -> Content:
    """Total with the other rule for what lies above the highest datum of a layer."""
    first = coarse.deposit.measured[0]
    highest = np.nanmax(np.where(np.isfinite(first.observed), first.observed, -np.inf), axis=0)
    other: Any = "none" if coarse.settings.upper_tail == "lognormal" else "lognormal"
    changed = coarse.totals_t(coarse.simulation(coarse.off, like=whole, scores=first.scores.with_upper_tail(other, highest)))
    totals = coarse.totals_t(whole)
    return {
        element: {
            rule: {"mean_t": float(part[:, number].mean()), **_percentiles(part[:, number])}
            for rule, part in ((coarse.settings.upper_tail, totals), (other, changed))
        }
        for number, element in enumerate(coarse.deposit.elements)
    }


def _percentiles(values: Array) -> dict[str, float]:
    return {f"p{round(100 * share):02d}_t": float(np.quantile(values, share, method="weibull")) for share in (0.05, 0.95)}


def reproduction(coarse: Coarse, whole: LayeredSimulation) -> Content:
    """Histogram, variogram and correlations of realisations at points, beside those of the composites.

    A band holds 5 to 95 % of the realisations. The composites weigh by declustering; every layer counts as one.
    """
    deposit = coarse.deposit
    random = np.random.default_rng([coarse.settings.seed, 3])
    inside = np.flatnonzero(coarse.share > 0.5) if np.any(coarse.share > 0.5) else np.flatnonzero(coarse.share > 0)
    cells = np.sort(random.choice(inside, min(_POINTS, inside.size), replace=False))
    # As they would be measured: the composites that they are held against hold errors of assay and sampling.
    drawn = [_as_measured(whole.points(number, cells), deposit, random) for number in range(min(coarse.settings.realisations, _CHECKED))]
    weights = deposit.measured[0].weights
    names = [deposit.elements[0], "density", *(f"{element}_over_{deposit.elements[0]}" for element in deposit.elements[1:])]
    out: Content = {"histogram": {}, "correlation": {}, "variogram": {}, "composites": {}}
    for number, (name, measured) in enumerate(zip(names, deposit.measured, strict=True)):
        if not np.isfinite(measured.observed).any():
            continue
        known = np.isfinite(measured.values)
        data = _weighted_quantiles(measured.values[known], weights[known])
        simulated = np.array([np.quantile(part[number], _SHARES) for part in drawn])
        out["histogram"][name] = _beside(_SHARES, data, simulated, "share")
        out["composites"][name] = _honoured(measured, deposit.draws[number])
        out["variogram"][name] = _variograms(coarse, number, cells, drawn, random)
    for number, element in enumerate(deposit.elements[1:], start=2):
        both = np.isfinite(deposit.measured[0].values) & np.isfinite(deposit.measured[number].values)
        first, ratio = deposit.measured[0].values[both], deposit.measured[number].values[both]
        simulated = np.array([np.corrcoef(np.log(part[0].ravel()), np.log((part[0] * part[number]).ravel()))[0, 1] for part in drawn])
        out["correlation"][f"{deposit.elements[0]} {element}"] = {
            "data": _weighted_correlation(np.log(first), np.log(first * ratio), weights[both]),
            **dict(zip(("p05", "p50", "p95"), np.quantile(simulated, _BAND).tolist(), strict=True)),
        }
    return out


def _as_measured(values: Array, deposit: Deposit, random: np.random.Generator) -> Array:
    """Values of all variables, (variables, layers, cells), with the errors that composites of the layer have in the mean."""
    out = values.copy()
    for number, measured in enumerate(deposit.measured):
        seen = np.isfinite(measured.observed)
        counts = np.maximum(seen.sum(axis=0), 1)
        log_variance = np.where(seen, measured.error_variance, 0.0).sum(axis=0) / counts * measured.scores.statistics.sd**2
        out[number] *= np.exp(np.sqrt(log_variance)[:, None] * random.standard_normal(values[number].shape) - log_variance[:, None] / 2)
    return out


def _honoured(measured: Measured, draws: LayerDraws) -> Content:
    """How far the fields at the cores lie from what was measured: nothing where it was exact, else at most what its error allows."""
    seen, errs = np.isfinite(measured.observed), measured.error_variance > 0
    missed = draws.values - measured.observed
    exact, erring = missed[:, seen & ~errs], missed[:, seen & errs] / np.sqrt(measured.error_variance[seen & errs])
    return {
        "largest_miss_where_exact": float(np.max(np.abs(exact))) if exact.size else None,
        "standardised_residual_variance": float(np.mean(erring**2)) if erring.size else None,
    }


def _beside(at: Any, data: Array, simulated: Array, name: str) -> list[Content]:
    """Rows of data and band, and whether the data lie inside."""
    band = np.quantile(simulated, _BAND, axis=0)
    return [
        {name: float(x), "data": float(d), "p05": float(low), "p50": float(mid), "p95": float(high), "inside": bool(low <= d <= high)}
        for x, d, low, mid, high in zip(at, data, *band, strict=True)
        if np.isfinite(d)
    ]


def _weighted_quantiles(values: Array, weights: Array) -> Array:
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - weights[order] / 2
    return np.asarray(np.interp(_SHARES, below / weights.sum(), values[order]))


def _weighted_correlation(one: Array, other: Array, weights: Array) -> float:
    covariance = np.cov(np.stack([one, other]), aweights=weights)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def _variograms(coarse: Coarse, number: int, cells: Integers, drawn: list[Array], random: np.random.Generator) -> Content:
    """Semivariances of standardised logarithms, level and down the column."""
    deposit = coarse.deposit
    statistics = deposit.measured[number].scores.statistics
    rows, columns = np.divmod(cells, coarse.shape[1])
    places_m = np.column_stack([columns, -rows]) * coarse.cell_m
    data_m, values = deposit.positions_m, deposit.measured[number].values
    data = (np.log(values) - statistics.mean) / statistics.sd
    simulated = [(np.log(part[number].T) - statistics.mean) / statistics.sd for part in drawn]
    i, j = np.triu_indices(len(data_m), 1)
    data_lag_m = np.hypot(*(data_m[i] - data_m[j]).T)
    k, m = np.triu_indices(len(places_m), 1)
    point_lag_m = np.hypot(*(places_m[k] - places_m[m]).T)
    edges_m = np.linspace(0.0, data_lag_m.max() / 2, _LAGS + 1)
    level = []
    for low, high in pairwise(edges_m):
        near, far = np.flatnonzero((data_lag_m > low) & (data_lag_m <= high)), np.flatnonzero((point_lag_m > low) & (point_lag_m <= high))
        if near.size == 0 or far.size == 0:
            continue
        squares = (data[i[near]] - data[j[near]]) ** 2 / 2
        if not np.isfinite(squares).any():
            continue
        far = far if far.size <= _PAIRS else np.sort(random.choice(far, _PAIRS, replace=False))
        band = np.array([np.mean((part[k[far]] - part[m[far]]) ** 2) / 2 for part in simulated])
        found = _beside([(low + high) / 2], np.array([np.nanmean(squares)]), band[:, None], "lag_m")
        level += [{**row, "pairs": int(np.isfinite(squares).sum())} for row in found]
    down = []
    for lag in range(1, min(data.shape[1], 6)):
        squares = (data[:, lag:] - data[:, :-lag]) ** 2 / 2
        if np.isfinite(squares).any():
            band = np.array([np.mean((part[:, lag:] - part[:, :-lag]) ** 2) / 2 for part in simulated])
            found = _beside([lag * coarse.layer_m], np.array([np.nanmean(squares)]), band[:, None], "lag_m")
            down += [{**row, "pairs": int(np.isfinite(squares).sum())} for row in found]
    return {"horizontal": level, "vertical": down}


def accuracy(deposit: Deposit) -> Content:
    """Share of the measured layers of left-out cores inside their symmetric intervals, and the goodness (Deutsch 1997)."""
    out: Content = {}
    for number, (name, measured) in enumerate(zip((deposit.elements[0], "density", *deposit.elements[1:]), deposit.measured, strict=True)):
        if not np.isfinite(measured.observed).any():
            continue
        draws, others = deposit.conditions(number)
        below = left_out_probabilities(draws, deposit.models, deposit.positions_m, measured.observed, measured.error_variance, others)
        found = scores.accuracy(below, np.arange(1, 20) / 20)
        out[name] = {
            "goodness": found.goodness,
            "intervals": [{"probability": float(p), "share_inside": float(share)} for p, share in zip(found.probability, found.share, strict=True)],
            "values": found.pairs,
        }
    return out


def parameters(deposit: Deposit) -> Content:
    """What the draws say of the parameters: percentiles of range and nugget, of the spread of layers, and how many models there are."""
    out: Content = {}
    for name, draws in zip((deposit.elements[0], "density", *deposit.elements[1:]), deposit.draws, strict=True):
        ranges_m, nuggets = np.array([deposit.models.of(int(model)) for model in draws.model]).T
        out[name] = {
            "horizontal_range_m": np.quantile(ranges_m, _BAND).tolist(),
            "nugget_share": np.quantile(nuggets, _BAND).tolist(),
            "horizontal_models": len(np.unique(draws.model)),
            "percentiles": list(_BAND),
        }
    return out
