"""A layered field below the seafloor: layer means and spreads, and kriging of blocks, columns and totals on standardised residuals.

Layers of a draped deposit differ in mean and spread. Values are divided by the spread of their layer and kriged in three dimensions with one unknown
mean per layer (or pool of thin layers), so that the uncertainty of those means is part of every variance. This is ordinary kriging on residuals from
per-layer means: subtracting any constant per layer first changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.geostatistics.covariance import CovarianceModel, block_nodes, block_variance, column_covariance
from pipeline.geostatistics.kriging import Estimate, Kriging

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

_TILE_BLOCKS = 20_000
_VARIANCE_NODES = 4
_NO_VARIANCE = 1e-24
_ROUNDING = 1e-9


@dataclass(frozen=True)
class LayerStatistics:
    """Mean and spread of each layer.

    Parameters
    ----------
    mean, sd : (layers,) arrays
        Declustered mean, and vertically smoothed standard deviation; NaN in layers without data, 1 everywhere if all values are equal.
    pool : (layers,) int array
        Layers with the same number share one unknown mean; -1 without data.
    """

    mean: Array
    sd: Array
    pool: Integers


def layer_statistics(values: Array, layer: Integers, weights: Array, layers: int, min_cores: int) -> LayerStatistics:
    """Declustered mean and smoothed spread of each layer.

    Layers with fewer than ``min_cores`` data are pooled with the next layer above that has enough (or below, where none is above). Spreads are
    smoothed with weights 1/4, 1/2, 1/4 times the number of data, on variances.

    Parameters
    ----------
    values : (n,) array
    layer : (n,) int array
        Layer of each value, from 0.
    weights : (n,) array
        Declustering weights; only their ratios inside a layer matter.
    layers : int
        Number of layers.
    min_cores : int
    """
    counts = np.bincount(layer, minlength=layers)
    pool = np.full(layers, -1, dtype=np.int64)
    rich = np.flatnonzero(counts >= min_cores)
    for index in np.flatnonzero(counts > 0):
        if rich.size == 0:
            pool[index] = int(np.flatnonzero(counts > 0)[0])
        else:
            above, below = rich[rich <= index], rich[rich > index]
            pool[index] = above[-1] if above.size else below[0]
    mean, variance, share = np.full(layers, np.nan), np.zeros(layers), np.zeros(layers)
    for number in np.unique(pool[pool >= 0]):
        members = pool[layer] == number
        w = weights[members] / weights[members].sum()
        pooled_mean = w @ values[members]
        degrees = max(1 - w @ w, 1e-12)
        pooled_variance = w @ (values[members] - pooled_mean) ** 2 / degrees if members.sum() > 1 else 0.0
        if pooled_variance <= (_ROUNDING * pooled_mean) ** 2:
            # Equal values differ in their last bits after compositing: that is no spread.
            pooled_variance = 0.0
        mean[pool == number] = pooled_mean
        variance[pool == number], share[pool == number] = pooled_variance, counts[pool == number]
    smooth = np.full(layers, np.nan)
    overall = np.average(variance[pool >= 0], weights=share[pool >= 0])
    for index in np.flatnonzero(pool >= 0):
        near = np.array([i for i in (index - 1, index, index + 1) if 0 <= i < layers and pool[i] >= 0])
        kernel = share[near] * np.where(near == index, 0.5, 0.25)
        # A layer of near-equal values keeps a hundredth of the overall variance: a zero spread cannot be divided by.
        smooth[index] = max(np.average(variance[near], weights=kernel), 0.01 * overall) if overall > 0 else 1.0
    return LayerStatistics(mean, np.sqrt(smooth), pool)


class LayeredKriging:
    """Kriging of a layered field from composites, on a regular grid of blocks.

    Parameters
    ----------
    positions_m : (n, 3) array
        Easting, northing and depth of the composites' centres in metres; coincident ones in one layer are averaged.
    values : (n,) array
    layer : (n,) int array
    statistics : LayerStatistics
    model : CovarianceModel
        Of the standardised residuals.
    tops_m, layer_m
        Layers, metres below the seafloor.
    block_m : float
        Horizontal side of a block in metres.
    nodes : int
        Gauss-Legendre nodes along each horizontal side of a block. Composites and blocks share their vertical support, one layer, so that one node is
        enough vertically.
    """

    def __init__(
        self,
        positions_m: Array,
        values: Array,
        layer: Integers,
        statistics: LayerStatistics,
        model: CovarianceModel,
        tops_m: Array,
        layer_m: float,
        block_m: float,
        nodes: int,
    ) -> None:
        positions_m, values, layer, copies = _merged(positions_m, values, layer)
        if model.sill == 0:
            # All values are equal: a nugget of no size keeps the system solvable, estimates are the means and variances vanish.
            model = CovarianceModel(_NO_VARIANCE, ())
        self.statistics, self.model = statistics, model
        self.depths_m, self.block_m = tops_m + layer_m / 2, block_m
        self.layers = np.flatnonzero(statistics.pool >= 0)
        self._pools, self._drift_of_layer = np.unique(statistics.pool[self.layers], return_inverse=True)
        self._offsets_m, self._node_weights = block_nodes((block_m, block_m, 0.0), (nodes, nodes, 1))
        self._block_variance = block_variance(model, self._offsets_m, self._node_weights)
        self._sd = statistics.sd[self.layers]
        self._offset = statistics.mean[self.layers]
        self._residuals = (values - statistics.mean[layer]) / statistics.sd[layer]
        self._cores_m, core_of_datum = np.unique(positions_m[:, :2], axis=0, return_inverse=True)
        self._core_of_datum = np.asarray(core_of_datum).ravel()
        apart_m = np.asarray(np.abs(self.depths_m[self.layers][:, None] - positions_m[None, :, 2]).round(6), dtype=np.float64)
        lags_m, lag_of = np.unique(apart_m, return_inverse=True)
        self._lags_m = np.asarray(lags_m, dtype=np.float64)
        self._lag_of = np.asarray(lag_of).reshape(apart_m.shape)
        drift = (statistics.pool[layer][:, None] == self._pools[None, :]) / statistics.sd[layer][:, None]
        # The nugget of an average of coincident composites is smaller: the rest is taken back as a negative error.
        self._system = Kriging(positions_m, model, drift, model.nugget * (1 / copies - 1))

    def columns(self, easting_m: Array, northing_m: Array) -> tuple[Estimate, Estimate]:
        """Krige every block of the given columns, and the sum over their layers.

        Parameters
        ----------
        easting_m, northing_m : (columns,) arrays
            Centres in metres.

        Returns
        -------
        blocks : Estimate
            ``value`` and ``variance`` are (columns, layers estimated).
        sums : Estimate
            Of the sum over the estimated layers, (columns,): its variance includes the covariance between layers.
        """
        count = len(easting_m)
        value, variance, slope = (np.empty((count, self.layers.size)) for _ in range(3))
        sum_value, sum_variance, sum_slope = (np.empty(count) for _ in range(3))
        data = len(self._system.positions_m)
        column_variance = self._column_variance()
        for tile in self._tiles(count):
            covariance = self._block_covariance(easting_m[tile], northing_m[tile])
            n = len(covariance)
            drift = np.tile(self._drift(), (n, 1))
            blocks = self._system.estimate(self._residuals, covariance.reshape(-1, data), drift, self._block_variance)
            value[tile] = blocks.value.reshape(n, -1) * self._sd + self._offset
            variance[tile] = blocks.variance.reshape(n, -1) * self._sd**2
            slope[tile] = blocks.slope_of_regression.reshape(n, -1)
            summed = np.tensordot(covariance, self._sd, axes=(1, 0))
            sums = self._system.estimate(self._residuals, summed, np.tile(self._sd @ self._drift(), (n, 1)), column_variance)
            sum_value[tile] = sums.value + self._offset.sum()
            sum_variance[tile], sum_slope[tile] = sums.variance, sums.slope_of_regression
        return Estimate(value, variance, slope), Estimate(sum_value, sum_variance, sum_slope)

    def sum_covariance(self, easting_m: Array, northing_m: Array) -> Array:
        """Covariance of the sums over the layers with the data, (columns, data), in units of value; feeds :meth:`total`."""
        tiles = self._tiles(len(easting_m))
        parts = [np.tensordot(self._block_covariance(easting_m[tile], northing_m[tile]), self._sd, axes=(1, 0)) for tile in tiles]
        return np.concatenate(parts) if parts else np.empty((0, len(self._system.positions_m)))

    def total(self, share: Array, sum_covariance: Array) -> tuple[float, float]:
        r"""Krige the sum over a region: :math:`\sum_{cells} w \sum_{layers} z`, and its variance with all covariances.

        Parameters
        ----------
        share : (rows, columns) array
            Weight of each column of blocks, 0 outside the region.
        sum_covariance : (columns, data) array
            From :meth:`sum_covariance`, one row per cell with a weight above 0, in row-major order.

        Returns
        -------
        value, variance : float
            In units of value and of value squared. Independent cells are never assumed.
        """
        weights = share[share > 0]
        covariance = (weights @ sum_covariance)[None, :]
        drift = weights.sum() * (self._sd @ self._drift())[None, :]
        total = self._system.estimate(self._residuals, covariance, drift, self._total_variance(share))
        return float(total.value[0] + weights.sum() * self._offset.sum()), float(total.variance[0])

    def _tiles(self, count: int) -> list[slice]:
        """Runs of columns small enough that memory does not grow with the grid."""
        step = max(1, _TILE_BLOCKS // self.layers.size)
        return [slice(start, start + step) for start in range(0, count, step)]

    def _block_covariance(self, easting_m: Array, northing_m: Array) -> Array:
        """(columns, layers estimated, data) covariance of blocks with data, without nugget."""
        centres_m = np.column_stack([easting_m, northing_m])
        table = column_covariance(self.model, centres_m, self._cores_m, self._lags_m, self._offsets_m[:, :2], self._node_weights)
        covariance: Array = table[:, self._lag_of, self._core_of_datum[None, :]]
        return covariance

    def _drift(self) -> Array:
        """(layers, pools) drift of standardised blocks."""
        drift: Array = (self._drift_of_layer[:, None] == np.arange(self._pools.size)[None, :]) / self._sd[:, None]
        return drift

    def _column_variance(self) -> float:
        """Prior variance of the sum over the layers of one column of blocks."""
        depths_m = self.depths_m[self.layers]
        total = 0.0
        for i, one in enumerate(depths_m):
            for j, other in enumerate(depths_m):
                shifted = self._offsets_m + np.array([0.0, 0.0, other - one])
                total += self._sd[i] * self._sd[j] * float(self._node_weights @ self.model.between(self._offsets_m, shifted) @ self._node_weights)
        return total

    def _total_variance(self, share: Array) -> float:
        r"""Prior variance of the weighted sum over all blocks, :math:`\sum_{\Delta} (w \star w)(\Delta)\,\bar C(\Delta)`, by autocorrelation.

        Blocks are represented by midpoint nodes at a quarter of their side, so that neighbouring blocks are not taken for points.
        """
        refine = _VARIANCE_NODES
        fine = np.kron(share, np.full((refine, refine), 1 / refine**2))
        shape = tuple(2 * n - 1 for n in fine.shape)
        spectrum = np.fft.rfft2(fine, shape)
        pairs = np.fft.irfft2(np.abs(spectrum) ** 2, shape)
        # Lags of opposite sign have equal covariance: fold them together.
        for axis, n in enumerate(fine.shape):
            pairs = np.moveaxis(pairs, axis, 0)
            pairs = np.moveaxis(np.concatenate([pairs[:1], pairs[1:n] + pairs[:-n:-1]]), 0, axis)
        rows, columns = (np.arange(n) * self.block_m / refine for n in fine.shape)
        lag_m = np.hypot(rows[:, None], columns[None, :])
        depths_m = self.depths_m[self.layers]
        steps_m, step_of = np.unique(np.round(np.abs(depths_m[:, None] - depths_m[None, :]), 9), return_inverse=True)
        by_step = np.array([np.sum(pairs * self.model.at_lag(lag_m, step_m)) for step_m in steps_m])
        return float(self._sd @ by_step[np.asarray(step_of).reshape(depths_m.size, depths_m.size)] @ self._sd)


def _merged(positions_m: Array, values: Array, layer: Integers) -> tuple[Array, Array, Integers, Array]:
    """Average composites that share position and layer (replicate cores) and count them; sorted by position, so order never matters."""
    order = np.lexsort((values, positions_m[:, 2], positions_m[:, 1], positions_m[:, 0]))
    positions_m, values, layer = positions_m[order], values[order], layer[order]
    _, first, index, copies = np.unique(np.round(positions_m, 3), axis=0, return_index=True, return_inverse=True, return_counts=True)
    sums = np.bincount(np.asarray(index).ravel(), weights=values)
    return positions_m[first], sums / copies, layer[first], copies.astype(float)
