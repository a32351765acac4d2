"""A layered field below the seafloor: layer means and spreads, and kriging of blocks, columns and totals on standardised residuals.

Layers of a draped deposit differ in mean and spread. Values are divided by the spread of their layer and kriged in three dimensions with one unknown
mean per layer (or pool of thin layers), so that the uncertainty of those means is part of every variance. This is ordinary kriging on residuals from
per-layer means: subtracting any constant per layer first changes nothing. An external drift and further variables (cokriging) may be added.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from scipy.linalg import block_diag

from pipeline.geostatistics.coregionalisation import Coregionalisation
from pipeline.geostatistics.covariance import POINT, Block, CovarianceModel, block_nodes, block_variance, column_covariance, covariance_table
from pipeline.geostatistics.kriging import Estimate, Kriging

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    Returns
    -------
    LayerStatistics

    Examples
    --------
    >>> values, layer = np.array([1.0, 3.0, 5.0, 4.0, 7.0]), np.array([0, 0, 0, 1, 1])
    >>> found = layer_statistics(values, layer, np.ones(5), layers=2, min_cores=3)
    >>> found.mean.tolist(), found.pool.tolist()
    ([4.0, 4.0], [0, 0])
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


@dataclass(frozen=True)
class LayeredVariable:
    """Composites of one variable, and the layer statistics by which they are standardised.

    Parameters
    ----------
    positions_m : (n, 3) array
        Easting, northing and depth of the composites' centres in metres.
    values : (n,) array
    layer : (n,) int array
    statistics : LayerStatistics

    Examples
    --------
    >>> statistics = layer_statistics(np.array([1.0, 3.0, 5.0]), np.zeros(3, dtype=np.int64), np.ones(3), layers=1, min_cores=3)
    >>> variable = LayeredVariable(np.zeros((3, 3)), np.array([1.0, 3.0, 5.0]), np.zeros(3, dtype=np.int64), statistics)
    >>> variable.residuals.round(6).tolist()
    [-1.0, 0.0, 1.0]
    """

    positions_m: Array
    values: Array
    layer: Integers
    statistics: LayerStatistics

    @property
    def residuals(self) -> Array:
        """(n,) values less the mean of their layer, over its spread."""
        residuals: Array = (self.values - self.statistics.mean[self.layer]) / self.statistics.sd[self.layer]
        return residuals

    @property
    def means(self) -> Array:
        """(n, pools) drift of the residuals: each pool has an unknown mean on the scale of the values."""
        pools = np.unique(self.statistics.pool[self.statistics.pool >= 0])
        means: Array = (self.statistics.pool[self.layer][:, None] == pools[None, :]) / self.statistics.sd[self.layer][:, None]
        return means


class LayeredKriging:
    r"""Kriging of a layered field from composites, on a regular grid of blocks.

    With :math:`m_l, \sigma_l` the mean and spread of layer :math:`l`, :math:`e` of unit scale and the covariance of the model, and
    :math:`q_k` the external drifts,

    .. math:: x = m_l + \delta_l + \sigma_l\Big(\sum_k \beta_k\,q_k + e\Big)

    The :math:`\delta_l` (one for each pool) and :math:`\beta_k` are unknown. A drift has one coefficient for all layers: it acts on standardised
    residuals, so that its effect on a layer is in proportion to the spread of that layer.

    Parameters
    ----------
    positions_m : (n, 3) array
        Easting, northing and depth of the composites' centres in metres; coincident ones in one layer are averaged.
    values : (n,) array
    layer : (n,) int array
    statistics : LayerStatistics
    model : CovarianceModel or Coregionalisation
        Of the standardised residuals. The first variable of a coregionalisation is the one estimated.
    tops_m, layer_m
        Layers, metres below the seafloor.
    block_m : float
        Horizontal side of a block in metres.
    nodes : int
        Gauss-Legendre nodes along each horizontal side of a block. Composites and blocks share their vertical support, one layer, so that one node is
        enough vertically.
    drift : (n, drifts) array, optional
        External drift at the composites, in any unit: it is shifted and scaled here. A drift that is the same at all of them adds nothing and is
        left out.
    others : sequence of LayeredVariable
        The other variables of the coregionalisation, in its order; they need not be known where the first one is (cokriging; each with unknown means
        of its own).

    Raises
    ------
    TooFewSamples
        The data do not determine the drift, or the system is singular: for instance two variables that vary as one.
    ValueError
        The model is of another number of variables, or depends on the direction of a horizontal lag.

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import Structure
    >>> positions_m = np.array([[0.0, 0.0, 0.5], [2_000.0, 0.0, 0.5], [0.0, 2_000.0, 0.5]])
    >>> values, layer = np.array([90.0, 110.0, 130.0]), np.zeros(3, dtype=np.int64)
    >>> statistics = layer_statistics(values, layer, np.ones(3), layers=1, min_cores=3)
    >>> model = CovarianceModel(0.1, (Structure("exponential", 0.9, 3_000.0),))
    >>> kriging = LayeredKriging(positions_m, values, layer, statistics, model, np.array([0.0]), 1.0, 500.0, 3)
    >>> blocks, columns = kriging.columns(np.array([500.0]), np.array([500.0]))
    >>> blocks.value.shape, columns.value.round(2).tolist()
    ((1, 1), [104.55])
    """

    def __init__(
        self,
        positions_m: Array,
        values: Array,
        layer: Integers,
        statistics: LayerStatistics,
        model: CovarianceModel | Coregionalisation,
        tops_m: Array,
        layer_m: float,
        block_m: float,
        nodes: int,
        *,
        drift: Array | None = None,
        others: Sequence[LayeredVariable] = (),
    ) -> None:
        if 1 + len(others) != (model.variables if isinstance(model, Coregionalisation) else 1):
            msg = f"the data are of {1 + len(others)} variables, the model is of another number"
            raise ValueError(msg)
        given = _at_shared_positions([LayeredVariable(positions_m, values, layer, statistics), *others])
        external = np.zeros((len(values), 0)) if drift is None else np.asarray(drift, dtype=np.float64)
        merged = [_merged(part, external if number == 0 else np.zeros((len(part.values), 0))) for number, part in enumerate(given)]
        if isinstance(model, CovarianceModel) and model.sill == 0:
            # All values are equal: a nugget of no size keeps the system solvable, estimates are the means and variances vanish.
            model = CovarianceModel(_NO_VARIANCE, ())
        self.model = model if isinstance(model, CovarianceModel) else model.marginal(0)
        self.statistics = statistics
        self.depths_m, self.block_m = tops_m + layer_m / 2, block_m
        self.layers = np.flatnonzero(statistics.pool >= 0)
        self._pools, self._drift_of_layer = np.unique(statistics.pool[self.layers], return_inverse=True)
        self._offsets_m, self._node_weights = block_nodes((block_m, block_m, 0.0), (nodes, nodes, 1))
        self._block_variance = block_variance(self.model, self._offsets_m, self._node_weights)
        self._sd = statistics.sd[self.layers]
        self._offset = statistics.mean[self.layers]
        external = merged[0].drift
        self._drift_middle, spread = external.mean(axis=0), external.std(axis=0)
        self._drift_varies = spread > 1e-12 * np.abs(self._drift_middle)
        self._drift_spread = np.where(self._drift_varies, spread, 1.0)
        self._residuals = np.concatenate([part.variable.residuals for part in merged])
        self._sills = [self.model.kernel().sills[:, 0, 0]] if isinstance(model, CovarianceModel) else list(model.sills[:, 0].T)
        self._data_m = [part.variable.positions_m for part in merged]
        self._tables = [_Table.of(positions_m, self.depths_m[self.layers]) for positions_m in self._data_m]
        self._variable = np.repeat(np.arange(len(merged)), [len(part.copies) for part in merged])
        copies = np.concatenate([part.copies for part in merged])
        data_m = np.concatenate([part.variable.positions_m for part in merged])
        means = block_diag(*(part.variable.means for part in merged))
        scaled = np.zeros((len(copies), int(self._drift_varies.sum())))
        scaled[: len(external)] = self._scaled(external)
        columns = np.hstack([means, scaled])
        self._other_means = means.shape[1] - self._pools.size
        if isinstance(model, CovarianceModel):
            # The nugget of an average of coincident composites is smaller: the rest is taken back as a negative error.
            self._system = Kriging(data_m, model, columns, model.nugget * (1 / copies - 1))
        else:
            replicated, number = _replicated(model, self._variable, copies)
            self._system = Kriging(data_m, replicated, columns, variable=number)

    def among(self, strata: Integers) -> Self:
        """The same system for some of its layers alone, which are numbered anew from 0.

        Layers need not lie at different depths: those of several domains, one domain after the other, are the strata of one field, of which each
        domain holds its own.

        Parameters
        ----------
        strata : (layers,) int array
            Layers of this system, rising.
        """
        view, kept = copy(self), np.isin(self.layers, strata)
        statistics = self.statistics
        view.statistics = LayerStatistics(statistics.mean[strata], statistics.sd[strata], statistics.pool[strata])
        view.depths_m, view.layers = self.depths_m[strata], np.searchsorted(strata, self.layers[kept])
        view._drift_of_layer, view._sd, view._offset = self._drift_of_layer[kept], self._sd[kept], self._offset[kept]
        view._tables = [_Table.of(positions_m, view.depths_m[view.layers]) for positions_m in self._data_m]
        return view

    def columns(self, easting_m: Array, northing_m: Array, drift: Array | None = None, weights: Array | None = None) -> tuple[Estimate, Estimate]:
        """Krige every block of the given columns, and the sum over their layers.

        Parameters
        ----------
        easting_m, northing_m : (columns,) arrays
            Centres in metres.
        drift : (columns, drifts) array, optional
            External drift, finite; needed where the data have one.
        weights : (columns, layers estimated) array, optional
            Of each layer in the sum, where it is not 1: the share of it that exists.

        Returns
        -------
        blocks : Estimate
            ``value`` and ``variance`` are (columns, layers estimated).
        sums : Estimate
            Of the (weighted) sum over the estimated layers, (columns,): its variance includes the covariance between layers.
        """
        count = len(easting_m)
        value, variance, slope = (np.empty((count, self.layers.size)) for _ in range(3))
        sum_value, sum_variance, sum_slope = (np.empty(count) for _ in range(3))
        data = len(self._system.positions_m)
        column_variance = self._column_variance()
        between = self.between_blocks() if weights is not None else np.empty((0, 0))
        means, external = self._means(), self._scaled(self._external(count, drift))
        for tile in self._tiles(count):
            covariance = self._block_covariance(easting_m[tile], northing_m[tile])
            n = len(covariance)
            block_drift = np.hstack([np.tile(means, (n, 1)), np.repeat(external[tile], self.layers.size, axis=0)])
            blocks = self._system.estimate(self._residuals, covariance.reshape(-1, data), block_drift, self._block_variance)
            value[tile] = blocks.value.reshape(n, -1) * self._sd + self._offset
            variance[tile] = blocks.variance.reshape(n, -1) * self._sd**2
            slope[tile] = blocks.slope_of_regression.reshape(n, -1)
            if weights is None:
                summed = np.tensordot(covariance, self._sd, axes=(1, 0))
                sum_drift = np.hstack([np.tile(self._sd @ means, (n, 1)), self._sd.sum() * external[tile]])
                prior, offset = column_variance, self._offset.sum()
            else:
                scaled = weights[tile] * self._sd
                summed = np.einsum("cl,cld->cd", scaled, covariance)
                sum_drift = np.hstack([scaled @ means, scaled.sum(axis=1)[:, None] * external[tile]])
                prior, offset = np.einsum("cl,lm,cm->c", scaled, between, scaled), weights[tile] @ self._offset
            sums = self._system.estimate(self._residuals, summed, sum_drift, prior)
            sum_value[tile] = sums.value + offset
            sum_variance[tile], sum_slope[tile] = sums.variance, sums.slope_of_regression
        return Estimate(value, variance, slope), Estimate(sum_value, sum_variance, sum_slope)

    def composites(self, positions_m: Array, layer: Integers, drift: Array | None = None) -> Estimate:
        """Krige composites of other cores: what a new core would measure, its nugget included, also where a core stands already.

        Parameters
        ----------
        positions_m : (n, 3) array
        layer : (n,) int array
        drift : (n, drifts) array, optional
            As in :meth:`columns`.

        Returns
        -------
        Estimate
            NaN in layers that are not estimated.
        """
        estimate = Estimate(*(np.full(len(layer), np.nan) for _ in range(3)))
        known = np.isin(layer, self.layers)
        if not known.any():
            return estimate
        at = np.searchsorted(self.layers, layer[known])
        target_drift = np.hstack([self._means()[at], self._scaled(self._external(len(layer), drift))[known]])
        sills = np.stack(self._sills, axis=1)[:, self._variable]
        covariance = covariance_table(self.model.kernel(), sills, positions_m[known], self._system.positions_m, *POINT)
        found = self._system.estimate(self._residuals, covariance, target_drift, self.model.sill)
        estimate.value[known] = found.value * self._sd[at] + self._offset[at]
        estimate.variance[known] = found.variance * self._sd[at] ** 2
        estimate.slope_of_regression[known] = found.slope_of_regression
        return estimate

    def sum_covariance(self, easting_m: Array, northing_m: Array) -> Array:
        """Covariance of the sums over the layers with the data, (columns, data), in units of value; feeds :meth:`total`."""
        tiles = self._tiles(len(easting_m))
        parts = [np.tensordot(self._block_covariance(easting_m[tile], northing_m[tile]), self._sd, axes=(1, 0)) for tile in tiles]
        return np.concatenate(parts) if parts else np.empty((0, len(self._system.positions_m)))

    def total(self, share: Array, sum_covariance: Array, drift: Array | None = None) -> tuple[float, float]:
        r"""Krige the sum over a region: :math:`\sum_{cells} w \sum_{layers} z`, and its variance with all covariances.

        Parameters
        ----------
        share : (rows, columns) array
            Weight of each column of blocks, 0 outside the region.
        sum_covariance : (columns, data) array
            From :meth:`sum_covariance`, one row per cell with a weight above 0, in row-major order.
        drift : (columns, drifts) array, optional
            As in :meth:`columns`, one row per cell with a weight above 0.

        Returns
        -------
        value, variance : float
            In units of value and of value squared. Independent cells are never assumed.
        """
        covariance, total_drift = self._total(share, sum_covariance, drift)
        total = self._system.estimate(self._residuals, covariance, total_drift, self._total_variance(share))
        return float(total.value[0] + share[share > 0].sum() * self._offset.sum()), float(total.variance[0])

    def _total(self, share: Array, sum_covariance: Array, drift: Array | None) -> tuple[Array, Array]:
        """(1, data) covariance with the data and (1, drifts) drift of the sum over a region; arguments as in :meth:`total`."""
        weights = share[share > 0]
        external = self._sd.sum() * (weights @ self._scaled(self._external(weights.size, drift)))
        return (weights @ sum_covariance)[None, :], np.concatenate([weights.sum() * (self._sd @ self._means()), external])[None, :]

    def joint_total(self, parts: Sequence[tuple[Self, Array, Array, Array | None]]) -> tuple[float, float]:
        r"""Krige the sum over regions of several views (:meth:`among`) of this system, and its variance with all covariances, also between them.

        .. math:: \mathrm{Var} = \sum_{d, d'} \sum_{l, l'} \sigma_{dl}\,\sigma_{d'l'} \sum_{\Delta} (w_d \star w_{d'})(\Delta)\,\bar C(\Delta) -
            \text{what the data tell}

        Parameters
        ----------
        parts : sequence of (view, share, sum_covariance, drift)
            Each as :meth:`total` takes them.
        """
        found = [view._total(share, covariance, drift) for view, share, covariance, drift in parts]
        prior = sum(view._total_variance(share) for view, share, _, _ in parts)
        for (one, share, _, _), (other, another, _, _) in combinations(parts, 2):
            prior += 2 * one._total_covariance(share, other, another)
        covariance, drift = (np.sum([part[place] for part in found], axis=0) for place in range(2))
        total = self._system.estimate(self._residuals, covariance, drift, prior)
        return float(total.value[0] + sum(share[share > 0].sum() * view._offset.sum() for view, share, _, _ in parts)), float(total.variance[0])

    def total_dual(self, share: Array, sum_covariance: Array, drift: Array | None = None) -> tuple[Array, Array]:
        """Weights and multipliers (:meth:`Kriging.dual`) of the sum over a region; arguments as in :meth:`total`."""
        return self._system.dual(*self._total(share, sum_covariance, drift))

    def total_with_cores(self, share: Array) -> Array:
        """Covariance of the sum over a region with the residuals of a core in the middle of each cell, by convolution.

        Parameters
        ----------
        share : (rows, columns) array
            Weight of each column of blocks.

        Returns
        -------
        (rows, columns, layers estimated) array
            In units of value.
        """
        rows, columns = share.shape
        lags_m, lag_of = self._vertical_lags_m()
        down, across = (np.arange(count) * self.block_m for count in (rows, columns))
        at_m = np.column_stack([np.tile(across, rows), np.repeat(down, columns)])
        table = column_covariance(self.model, at_m, np.zeros((1, 2)), lags_m, self._offsets_m[:, :2], self._node_weights)[:, :, 0]
        spectrum = np.fft.rfft2(share, (2 * rows - 1, 2 * columns - 1))
        out = np.zeros((rows, columns, self.layers.size))
        for number in range(len(lags_m)):
            # Lags of both signs have equal covariance: the quadrant is mirrored, and wraps around at the end of the padded array.
            kernel = table[:, number].reshape(rows, columns)
            kernel = np.concatenate([kernel, kernel[:0:-1]], axis=0)
            kernel = np.concatenate([kernel, kernel[:, :0:-1]], axis=1)
            found = np.fft.irfft2(np.fft.rfft2(kernel) * spectrum, kernel.shape)[:rows, :columns]
            out += found[:, :, None] * (self._sd @ (lag_of == number))
        return out

    def sum_with_cores(self, share: Array, easting_m: Array, northing_m: Array, cores_m: Array) -> Array:
        """Covariance of the sum over a region with the residuals of cores at any places: what :meth:`total_with_cores` gives in the middle of cells.

        Parameters
        ----------
        share, easting_m, northing_m : (rows, columns) arrays
            Weight and centre of each column of blocks.
        cores_m : (cores, 2) array

        Returns
        -------
        (cores, layers estimated) array
            In units of value.
        """
        lags_m, lag_of = self._vertical_lags_m()
        weighted, summed = np.flatnonzero(share), np.zeros((len(lags_m), len(cores_m)))
        centres_m = np.column_stack([easting_m.ravel()[weighted], northing_m.ravel()[weighted]])
        for tile in self._tiles(len(weighted)):
            table = column_covariance(self.model, centres_m[tile], cores_m, lags_m, self._offsets_m[:, :2], self._node_weights)
            summed += np.tensordot(share.ravel()[weighted[tile]], table, axes=1)
        return np.asarray(np.einsum("bac,b->ca", summed[lag_of], self._sd))

    def cores(self, easting_m: Array, northing_m: Array, drift: Array | None = None) -> tuple[Array, Array]:
        """Residuals of new cores, one composite in each estimated layer: how they vary with the data.

        Parameters
        ----------
        easting_m, northing_m : (cores,) arrays
        drift : (cores, drifts) array, optional
            As in :meth:`columns`.

        Returns
        -------
        covariance : (cores, layers estimated, data) array
            Without nugget: that of a new composite is its own, also where a core stands already.
        drift : (cores, layers estimated, drifts) array
        """
        external = self._scaled(self._external(len(easting_m), drift))
        shape = (len(easting_m), self.layers.size)
        means, further = (
            np.broadcast_to(self._means(), (*shape, self._means().shape[1])),
            np.broadcast_to(external[:, None], (*shape, external.shape[1])),
        )
        return self._covariance(easting_m, northing_m, POINT), np.concatenate([means, further], axis=2)

    def between_cores(self, easting_m: Array, northing_m: Array, at_m: Array) -> Array:
        """(cores, layers, layers) covariance, without nugget, of the residuals of new cores with those of the core at a position (2,)."""
        lags_m, lag_of = self._vertical_lags_m()
        table = column_covariance(self.model, np.column_stack([easting_m, northing_m]), at_m[None, :], lags_m, POINT.offsets_m[:, :2], POINT.weights)
        return table[:, lag_of, 0]

    def errors(self, covariance: Array, drift: Array) -> tuple[Array, Array]:
        """Weights and multipliers (:meth:`Kriging.dual`) of targets given as :meth:`cores` gives them, (…, data) and (…, drifts)."""
        weights, multipliers = self._system.dual(covariance.reshape(-1, covariance.shape[-1]), drift.reshape(-1, drift.shape[-1]))
        return weights.reshape(covariance.shape), multipliers.reshape(drift.shape)

    def between_blocks(self) -> Array:
        """(layers, layers) covariance, without nugget, of the residuals of the blocks of one column."""
        lags_m, lag_of = self._vertical_lags_m()
        shifted = [self._offsets_m + np.array([0.0, 0.0, lag_m]) for lag_m in lags_m]
        found = np.array([self._node_weights @ self.model.between(self._offsets_m, nodes_m) @ self._node_weights for nodes_m in shifted])
        return np.asarray(found[lag_of])

    def predicted(self, weights: Array) -> Array:
        """Kriged residuals of targets with the given weights on the data (:meth:`errors`)."""
        return np.asarray(weights @ self._residuals)

    def _vertical_lags_m(self) -> tuple[Array, Integers]:
        """Distinct vertical lags between estimated layers, and which of them lies between each two."""
        depths_m = self.depths_m[self.layers]
        lags_m, lag_of = np.unique(np.abs(depths_m[:, None] - depths_m[None, :]).round(6), return_inverse=True)
        return np.asarray(lags_m, dtype=np.float64), np.asarray(lag_of).reshape(depths_m.size, depths_m.size)

    def _tiles(self, count: int) -> list[slice]:
        """Runs of columns small enough that memory does not grow with the grid."""
        step = max(1, _TILE_BLOCKS // (self.layers.size * len(self._tables)))
        return [slice(start, start + step) for start in range(0, count, step)]

    def _block_covariance(self, easting_m: Array, northing_m: Array) -> Array:
        """(columns, layers estimated, data) covariance of blocks with data, without nugget."""
        return self._covariance(easting_m, northing_m, Block(self._offsets_m, self._node_weights))

    def _covariance(self, easting_m: Array, northing_m: Array, support: Block) -> Array:
        """(columns, layers estimated, data) covariance of blocks or points with data, without nugget."""
        centres_m = np.column_stack([easting_m, northing_m])
        parts = []
        for sills, data in zip(self._sills, self._tables, strict=True):
            table = column_covariance(self.model, centres_m, data.cores_m, data.lags_m, support.offsets_m[:, :2], support.weights, sills)
            parts.append(table[:, data.lag_of, data.core_of[None, :]])
        return np.concatenate(parts, axis=2) if len(parts) > 1 else parts[0]

    def _means(self) -> Array:
        """(layers, pools of all variables) drift of standardised blocks, without external drift."""
        own = (self._drift_of_layer[:, None] == np.arange(self._pools.size)[None, :]) / self._sd[:, None]
        return np.hstack([own, np.zeros((len(own), self._other_means))])

    def _external(self, count: int, drift: Array | None) -> Array:
        """External drift of so many targets, after a check that it is the data's."""
        given = np.zeros((count, 0)) if drift is None else np.asarray(drift, dtype=np.float64)
        if given.shape != (count, self._drift_middle.size):
            msg = f"the data have {self._drift_middle.size} drifts; {count} targets need as many columns, got {given.shape}"
            raise ValueError(msg)
        return given

    def _scaled(self, external: Array) -> Array:
        """Drifts that vary over the data, shifted and scaled alike at data and targets, so that a solve keeps its digits."""
        scaled: Array = ((external - self._drift_middle) / self._drift_spread)[:, self._drift_varies]
        return scaled

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

    def _total_covariance(self, share: Array, other: Self, another: Array) -> float:
        """Prior covariance of the weighted sum over blocks with that of another view, by cross-correlation; nodes as in :meth:`_total_variance`."""
        refine = _VARIANCE_NODES
        fine = [np.kron(part, np.full((refine, refine), 1 / refine**2)) for part in (share, another)]
        shape = tuple(2 * n - 1 for n in fine[0].shape)
        one, two = (np.fft.rfft2(part, shape) for part in fine)
        pairs = np.fft.irfft2(np.conj(one) * two, shape)
        rows, columns = (np.minimum(np.arange(2 * n - 1), 2 * n - 1 - np.arange(2 * n - 1)) * self.block_m / refine for n in fine[0].shape)
        lag_m = np.hypot(rows[:, None], columns[None, :])
        depths_m = self.depths_m[self.layers][:, None], other.depths_m[other.layers][None, :]
        steps_m, step_of = np.unique(np.round(np.abs(depths_m[0] - depths_m[1]), 9), return_inverse=True)
        by_step = np.array([np.sum(pairs * self.model.at_lag(lag_m, step_m)) for step_m in steps_m])
        return float(self._sd @ by_step[np.asarray(step_of).reshape(self._sd.size, other._sd.size)] @ other._sd)


class _Table(NamedTuple):
    """Where the data of one variable lie among columns of blocks: distinct cores, distinct vertical lags, and which of them belong to a datum."""

    cores_m: Array
    lags_m: Array
    lag_of: Integers
    core_of: Integers

    @classmethod
    def of(cls, positions_m: Array, depths_m: Array) -> Self:
        """Table of the data at these positions for blocks at these depths."""
        cores_m, core_of = np.unique(positions_m[:, :2], axis=0, return_inverse=True)
        apart_m = np.asarray(np.abs(depths_m[:, None] - positions_m[None, :, 2]).round(6), dtype=np.float64)
        lags_m, lag_of = np.unique(apart_m, return_inverse=True)
        return cls(cores_m, np.asarray(lags_m, dtype=np.float64), np.asarray(lag_of).reshape(apart_m.shape), np.asarray(core_of).ravel())


def _at_shared_positions(variables: list[LayeredVariable]) -> list[LayeredVariable]:
    """Positions that are equal to the millimetre become equal to the bit: there variables share their nugget."""
    if len(variables) == 1:
        return variables
    positions_m = np.concatenate([part.positions_m for part in variables])
    order = np.lexsort(positions_m.T[::-1])
    _, first, index = np.unique(np.round(positions_m[order], 3), axis=0, return_index=True, return_inverse=True)
    positions_m[order] = positions_m[order][first][np.asarray(index).ravel()]
    ends = np.cumsum([len(part.values) for part in variables])
    return [replace(part, positions_m=positions_m[end - len(part.values) : end]) for part, end in zip(variables, ends, strict=True)]


class _Merged(NamedTuple):
    """One variable without coincident composites: how many each datum stands for, and its external drift."""

    variable: LayeredVariable
    copies: Array
    drift: Array


def _merged(variable: LayeredVariable, drift: Array) -> _Merged:
    """Average composites that share position and layer (replicate cores) and count them; sorted by position, so order never matters."""
    positions_m, values = variable.positions_m, variable.values
    order = np.lexsort((values, positions_m[:, 2], positions_m[:, 1], positions_m[:, 0]))
    positions_m, values, layer = positions_m[order], values[order], variable.layer[order]
    _, first, index, copies = np.unique(np.round(positions_m, 3), axis=0, return_index=True, return_inverse=True, return_counts=True)
    sums = np.bincount(np.asarray(index).ravel(), weights=values)
    merged = replace(variable, positions_m=positions_m[first], values=sums / copies, layer=layer[first])
    return _Merged(merged, copies.astype(float), drift[order][first])


def _replicated(model: Coregionalisation, variable: Integers, copies: Array) -> tuple[Coregionalisation, Integers]:
    """Model in which averages of n composites are variables of their own, with a smaller nugget, and the number of each datum's variable.

    The nugget between an average of n composites of one variable and one of n' of another is that of single ones over the larger number: the cores
    with the rarer variable carry the other too.
    """
    kinds, number = np.unique(np.column_stack([variable, copies.astype(np.int64)]), axis=0, return_inverse=True)
    of, times = kinds[:, 0], kinds[:, 1]
    nugget = model.nugget[np.ix_(of, of)] / np.maximum.outer(times, times)
    return replace(model, nugget=nugget, sills=model.sills[:, of][:, :, of]), np.asarray(number, dtype=np.int64).ravel()
