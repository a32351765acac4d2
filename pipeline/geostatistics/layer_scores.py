"""Normal scores of a layered variable: the logarithms of each layer, standardised, and made normal by a shape that thin layers borrow from all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from pipeline.geostatistics.layers import LayerStatistics, layer_statistics
from pipeline.geostatistics.normal_score import NormalScore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

LayerTail = Literal["lognormal", "none"]

_HIGHEST = 8.0
_KNOTS = 1601
_FLAT = 1e-6  # slope of a tail that stays at the outermost datum: the table must rise to be inverted
_FEWEST = 3


@dataclass(frozen=True)
class LayerScores:
    r"""Transform between values and standard normal scores, layer by layer.

    .. math:: \ln x = m_l + s_l\,\big[w_l\,\phi_l(y) + (1 - w_l)\,\phi(y)\big], \qquad w_l = n_l / (n_l + k)

    with :math:`m_l, s_l` of :class:`~pipeline.geostatistics.layers.LayerStatistics` of the logarithms, :math:`\phi` the normal scores
    (:class:`~pipeline.geostatistics.normal_score.NormalScore`) of all standardised logarithms and :math:`\phi_l` those of one layer. Beyond the
    outermost datum a tail of slope 1 is lognormal; one of slope 0 stays at that datum.

    Parameters
    ----------
    statistics : LayerStatistics
        Of the logarithms.
    knots : (knots,) array
        Scores, evenly spaced.
    shapes : (layers, knots) array
        Standardised logarithm at each knot, rising; linear in between.
    """

    statistics: LayerStatistics
    knots: Array
    shapes: Array

    @classmethod
    def of(
        cls, values: Array, layer: Integers, weights: Array, layers: int, min_cores: int, *, shape_cores: float, upper_tail: LayerTail = "lognormal"
    ) -> Self:
        """Build from composites.

        Parameters
        ----------
        values : (n,) array
            Positive.
        layer : (n,) int array
        weights : (n,) array
            Declustering weights.
        layers, min_cores : int
            As in :func:`~pipeline.geostatistics.layers.layer_statistics`.
        shape_cores : float
            Number of cores k at which a layer's own shape weighs as much as that of all layers.
        upper_tail : {"lognormal", "none"}

        Raises
        ------
        ValueError
            A value is not positive.
        """
        if not np.all(values > 0):
            msg = f"a value is {np.min(values):g}; logarithms need positive ones"
            raise ValueError(msg)
        logs = np.log(values)
        statistics = _everywhere(layer_statistics(logs, layer, weights, layers, min_cores))
        knots = np.linspace(-_HIGHEST, _HIGHEST, _KNOTS)
        standard = (logs - statistics.mean[layer]) / statistics.sd[layer]
        pooled = _shape(NormalScore.of(standard, weights), knots, upper_tail)
        shapes = np.tile(pooled, (layers, 1))
        for number in range(layers):
            members = layer == number
            count = int(members.sum())
            if count >= _FEWEST:
                own = _shape(NormalScore.of(standard[members], weights[members]), knots, upper_tail)
                shapes[number] = (count * own + shape_cores * pooled) / (count + shape_cores)
        return cls(statistics, knots, shapes)

    @classmethod
    def lognormal(cls, mean: float, log_sd: float, layers: int) -> Self:
        """Lognormal in every layer, with the given mean."""
        knots = np.linspace(-_HIGHEST, _HIGHEST, _KNOTS)
        statistics = LayerStatistics(np.full(layers, np.log(mean) - log_sd**2 / 2), np.full(layers, log_sd), np.zeros(layers, dtype=np.int64))
        return cls(statistics, knots, np.tile(knots, (layers, 1)))

    @classmethod
    def pooled(cls, given: Sequence[tuple[Integers, LayerScores, float]], layers: int) -> Self:
        """Spreads and shapes of several sets of data around their own means, each by its weight; of all layers in one that none of them has.

        Parameters
        ----------
        given : sequence of (layers, scores, weight)
            Numbers of the layers that each transform is of.
        layers : int
            Number of layers of the result, which has no means.
        """
        knots = given[0][1].knots
        variance, shapes, weight = np.zeros(layers), np.zeros((layers, knots.size)), np.zeros(layers)
        for at, scores, count in given:
            variance[at] += count * scores.statistics.sd**2
            shapes[at] += count * scores.shapes
            weight[at] += count
        some = weight > 0
        sd = np.where(some, np.sqrt(variance / np.where(some, weight, 1.0)), np.sqrt(variance.sum() / weight.sum()))
        own, overall = shapes / np.where(some, weight, 1.0)[:, None], shapes.sum(axis=0) / weight.sum()
        statistics = LayerStatistics(np.full(layers, np.nan), sd, np.zeros(layers, dtype=np.int64))
        return cls(statistics, knots, np.where(some[:, None], own, overall))

    def around(self, mean: float) -> Self:
        """The same spreads and shapes around one mean of the logarithms in all layers."""
        return replace(self, statistics=replace(self.statistics, mean=np.full(self.statistics.sd.size, mean)))

    def spread_to(self, layers: Integers, other: LayerScores) -> Self:
        """The transform in the layers that it is given for, and another one in the others, of which it knows nothing."""
        mean, sd, shapes = other.statistics.mean.copy(), other.statistics.sd.copy(), other.shapes.copy()
        mean[layers], sd[layers], shapes[layers] = self.statistics.mean, self.statistics.sd, self.shapes
        return replace(self, statistics=LayerStatistics(mean, sd, other.statistics.pool), shapes=shapes)

    def varying_as(self, other: LayerScores) -> Self:
        """The same means with the spreads and shapes of another transform of as many layers."""
        return replace(self, statistics=replace(self.statistics, sd=other.statistics.sd), shapes=other.shapes)

    def of_layers(self, layers: Integers) -> Self:
        """The transform of some layers alone."""
        kept = LayerStatistics(self.statistics.mean[layers], self.statistics.sd[layers], self.statistics.pool[layers])
        return replace(self, statistics=kept, shapes=self.shapes[layers])

    def scores(self, values: ArrayLike, layer: Integers) -> Array:
        """Normal scores of positive values in their layers; NaN stays NaN."""
        x = (np.log(np.asarray(values, dtype=float)) - self.statistics.mean[layer]) / self.statistics.sd[layer]
        out = np.full(x.shape, np.nan)
        for number in np.unique(layer):
            members = (layer == number) & np.isfinite(x)
            out[members] = np.interp(x[members], self.shapes[number], self.knots)
        return out

    def values(self, scores: Array, layer: Integers) -> Array:
        """Values of scores in their layers, of any shapes that broadcast; NaN stays NaN."""
        at = np.clip((np.asarray(scores) + _HIGHEST) / (self.knots[1] - self.knots[0]), 0.0, _KNOTS - 1.000001)
        low = np.where(np.isfinite(at), at, 0).astype(np.int64)
        share = at - low
        shape = self.shapes[layer, low] * (1 - share) + self.shapes[layer, low + 1] * share
        return np.asarray(np.exp(self.statistics.mean[layer] + self.statistics.sd[layer] * shape))

    def with_upper_tail(self, upper_tail: LayerTail, highest: Array) -> Self:
        """The same between and below the data, with another tail above the highest score of each layer, (layers,)."""
        slope = 1.0 if upper_tail == "lognormal" else _FLAT
        above = np.maximum(self.knots - highest[:, None], 0.0)
        at = np.array([np.interp(top, self.knots, shape) for top, shape in zip(highest, self.shapes, strict=True)])
        return replace(self, shapes=np.where(above > 0, at[:, None] + slope * above, self.shapes))

    def table(self) -> Array:
        """(layers, knots) value at each knot."""
        return np.exp(self.statistics.mean[:, None] + self.statistics.sd[:, None] * self.shapes)


def _everywhere(statistics: LayerStatistics) -> LayerStatistics:
    """Layers without data get the mean of the others, and their spread with that between them."""
    # ASSUME: a layer in which a variable was never measured is like the mean of the others.
    empty = statistics.pool < 0
    mean, variance = statistics.mean[~empty], statistics.sd[~empty] ** 2
    return LayerStatistics(
        np.where(empty, mean.mean(), statistics.mean), np.where(empty, np.sqrt(variance.mean() + mean.var()), statistics.sd), statistics.pool
    )


def _shape(scores: NormalScore, knots: Array, upper_tail: LayerTail) -> Array:
    """Values at the knots: linear between data, beyond them with the slope of the tail."""
    low, high = scores.scores[0], scores.scores[-1]
    # ASSUME: below the lowest datum the field goes on lognormally: there is hardly any metal.
    above = 1.0 if upper_tail == "lognormal" else _FLAT
    inside = np.interp(knots, scores.scores, scores.values) if scores.scores.size > 1 else np.full(knots.shape, scores.values[0])
    # A hair of slope between equal data keeps the table invertible.
    return np.asarray(inside + np.minimum(knots - low, 0.0) + above * np.maximum(knots - high, 0.0) + 1e-9 * knots)
