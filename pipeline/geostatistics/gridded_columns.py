"""Layered kriging on the blocks of a large grid: the numbers of :class:`~pipeline.geostatistics.layers.LayeredKriging`, in a fraction of the time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import blas

from pipeline.geostatistics.covariance import column_covariance
from pipeline.geostatistics.kriging_system import Estimate, blas_threads
from pipeline.geostatistics.smooth_surfaces import on_block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.geostatistics.layers import LayeredKriging

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]


class _Data(NamedTuple):
    """Data that some points correlate with.

    Parameters
    ----------
    near : (cores,) array
        Their cores.
    root : (data, data) array
        Upper root R of their part of the inverse, :math:`R^T R`.
    linear : (data, 1 + drifts) array
        Dual solution, and solved drift.
    """

    near: Mask
    root: Array
    linear: Array


class GriddedColumns:
    r"""Kriging of columns of blocks on a regular grid, one block of 64 x 64 columns at a time.

    What kriging takes from the covariance :math:`c` of a target with the data are a few sums: the residual :math:`c^T K^{-1} r`, the quadratic form
    :math:`c^T K^{-1} c` and, for each drift, :math:`c^T K^{-1} F`. They depend on the place of the target alone and are smooth between the cores, so
    that :func:`~pipeline.geostatistics.smooth_surfaces.on_block` finds them for whole blocks from few evaluations, to 1e-11 of the spread and of the
    sill. The external drift of a cell, which need not be smooth, enters afterwards.

    A covariance that ends at its range (spherical, cubic) is not smooth there, on a circle around every core: then every column is evaluated, with
    the data in reach of it alone.

    Parameters
    ----------
    kriging : LayeredKriging
    """

    def __init__(self, kriging: LayeredKriging) -> None:
        self.kriging = kriging
        tables, structures = kriging._tables, [part for part in kriging.model.structures if part.sill > 0]
        ends = np.cumsum([len(table.cores_m) for table in tables]).tolist()
        self._cores = list(zip([0, *ends[:-1]], ends, strict=True))
        self._core_m = np.concatenate([table.cores_m for table in tables])
        self._core_of = np.concatenate([table.core_of + begin for table, (begin, _) in zip(tables, self._cores, strict=True)])
        self._is_finite = kriging.model.kernel().is_finite
        self._reach_m = max((part.horizontal_range_m for part in structures), default=0.0)
        self._rough_m = np.full((1, 2), np.nan) if any(part.is_finite for part in structures) else self._core_m
        # As large as what a sum is made of: standardised residuals, a variance of the size of the sill, the drift at the data.
        each = [np.abs(kriging._residuals).max(), kriging.model.sill, *np.abs(kriging._system.drift).max(axis=0, initial=0.0)]
        whole = kriging._sd.sum() * np.array(each)
        whole[1] *= kriging._sd.sum()
        self._scale = np.concatenate([np.tile(each, kriging.layers.size), whole])
        with blas_threads().limit(limits=1, user_api="blas"):
            self._all = self._data(np.ones(len(self._core_m), dtype=bool))
        self._column_variance = kriging._column_variance()

    def block(self, centre_m: tuple[float, float], wanted: Mask, drift: Array | None = None) -> tuple[Estimate, Estimate]:
        """Krige the wanted columns of one block: what :meth:`LayeredKriging.columns` gives for them.

        Parameters
        ----------
        centre_m : (easting, northing)
            Centre of the north-western column.
        wanted : (64, 64) array
        drift : (columns, drifts) array, optional
            Of the wanted columns, in row-major order.

        Returns
        -------
        blocks, sums : Estimate
            Of the wanted columns, in row-major order.
        """
        with blas_threads().limit(limits=1, user_api="blas"):
            return self._kriged(centre_m, wanted, drift)

    def _kriged(self, centre_m: tuple[float, float], wanted: Mask, drift: Array | None) -> tuple[Estimate, Estimate]:
        kriging, system = self.kriging, self.kriging._system
        sums = on_block(self._sums, self._scale, centre_m, kriging.block_m, self._rough_m, wanted)[wanted]
        count, layers = len(sums), kriging.layers.size
        parts = np.ascontiguousarray(sums.reshape(count, layers + 1, -1))
        means, external = kriging._means(), kriging._scaled(kriging._external(count, drift))
        block_drift = np.hstack([np.tile(means, (count, 1)), np.repeat(external, layers, axis=0)])
        inside = parts[:, :layers].reshape(count * layers, -1)
        blocks = system.estimate_from(kriging._residuals, inside[:, 0], inside[:, 1], inside[:, 2:], block_drift, kriging._block_variance)
        whole = parts[:, layers]
        sum_drift = np.hstack([np.tile(kriging._sd @ means, (count, 1)), kriging._sd.sum() * external])
        summed = system.estimate_from(kriging._residuals, whole[:, 0], whole[:, 1], whole[:, 2:], sum_drift, self._column_variance)
        return (
            Estimate(
                blocks.value.reshape(count, layers) * kriging._sd + kriging._offset,
                blocks.variance.reshape(count, layers) * kriging._sd**2,
                blocks.slope_of_regression.reshape(count, layers),
            ),
            replace(summed, value=summed.value + kriging._offset.sum()),
        )

    def _sums(self, easting_m: Array, northing_m: Array) -> Array:
        """(points, surfaces): for every layer, and last for their sum, the residual, the quadratic form and the shared drifts."""
        data = self._in_reach(easting_m, northing_m)
        covariance = self._covariance(easting_m, northing_m, data)
        points, layers, held = covariance.shape
        sd = self.kriging._sd
        flat = covariance.reshape(points * layers, held)
        linear = (flat @ data.linear).reshape(points, layers, -1)
        # The root is triangular: a quadratic form in half the work. That of a sum is the root of a sum.
        root = blas.dtrmm(1.0, data.root, flat.T).T.reshape(points, layers, held) if held else np.zeros((points, layers, 0))
        out = np.empty((points, layers + 1, 1 + linear.shape[2]))
        out[:, :layers, 0], out[:, :layers, 2:] = linear[:, :, 0], linear[:, :, 1:]
        out[:, :layers, 1] = np.einsum("pld,pld->pl", root, root)
        linear_sum, root_sum = np.einsum("plk,l->pk", linear, sd), np.einsum("pld,l->pd", root, sd)
        out[:, layers, 0], out[:, layers, 2:] = linear_sum[:, 0], linear_sum[:, 1:]
        out[:, layers, 1] = np.einsum("pd,pd->p", root_sum, root_sum)
        return out.reshape(points, -1)

    def _in_reach(self, easting_m: Array, northing_m: Array) -> _Data:
        """Data of the cores within the range of the box around some points: all others would add zeros."""
        if not self._is_finite:
            return self._all
        low, high = np.array([easting_m.min(), northing_m.min()]), np.array([easting_m.max(), northing_m.max()])
        beside_m = np.maximum(np.maximum(low - self._core_m, self._core_m - high), 0.0)
        near = np.hypot(*beside_m.T) < self._reach_m + self.kriging.block_m
        return self._data(near)

    def _data(self, near: Mask) -> _Data:
        """Data of some of the cores."""
        system = self.kriging._system
        number = np.flatnonzero(near[self._core_of])
        root = np.linalg.cholesky(system._inverse[np.ix_(number, number)]).T if number.size else np.zeros((0, 0))
        linear = np.column_stack([system.solved(self.kriging._residuals), system._solved_drift])[number]
        return _Data(near, np.asfortranarray(root), np.ascontiguousarray(linear))

    def _covariance(self, easting_m: Array, northing_m: Array, data: _Data) -> Array:
        """(points, layers, data) covariance of blocks with some of the data, without nugget."""
        kriging, centres_m = self.kriging, np.column_stack([easting_m, northing_m])
        parts = []
        for sills, table, (begin, end) in zip(kriging._sills, kriging._tables, self._cores, strict=True):
            near = data.near[begin:end]
            found = column_covariance(
                kriging.model, centres_m, table.cores_m[near], table.lags_m, kriging._offsets_m[:, :2], kriging._node_weights, sills
            )
            held = near[table.core_of]
            place = np.cumsum(near) - 1
            parts.append(found[:, table.lag_of[:, held], place[table.core_of[held]][None, :]])
        return np.ascontiguousarray(np.concatenate(parts, axis=2) if len(parts) > 1 else parts[0])
