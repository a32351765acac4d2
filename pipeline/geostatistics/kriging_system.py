"""The kriging system of all data, factorised once for any number of targets, from points to whole regions.

A target is any linear functional of the field (a point, a block, a column, a total); it enters by its covariance with the data, its own variance and
its drift. Ordinary kriging is the case of a constant drift, simple kriging that of none (Matheron 1963; Journel & Huijbregts 1978, ch. V; Chilès &
Delfiner 2012, ch. 3). Data may be of several variables: then the model is a linear model of coregionalisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numba
import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, lapack
from threadpoolctl import ThreadpoolController

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.compiled import CACHE
from pipeline.geostatistics.covariance import POINT, CovarianceModel, Kernel, add_covariance, contiguous, covariance_table, kernel_of
from pipeline.geostatistics.target_tiles import sorted_by_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.geostatistics.coregionalisation import Coregionalisation
    from pipeline.geostatistics.covariance import Block

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

_SINGULAR = 1e-14  # reciprocal condition below which no digit of a solution is left
_NO_VARIANCE = 1e-24  # stands for a zero variance in a system that must be solved
_LANES = 16  # targets of a tile are filled up to whole vectors, so that every target takes the same instructions
_TILE_TARGETS = 256
_TILE_COVARIANCES = 2**19  # covariances of one tile: they stay in a processor's cache


@dataclass(frozen=True)
class Estimate:
    """Result of kriging.

    Parameters
    ----------
    value : (targets,) or (targets, variables) array
    variance : (targets,) array
        Kriging variance, not negative.
    slope_of_regression : (targets,) array
        Of the true value on the estimate under the model, Cov(Z, Z*) / Var(Z*); NaN where the estimate does not vary.
    """

    value: Array
    variance: Array
    slope_of_regression: Array


class Kriging:
    r"""Kriging system of a set of data, factorised once.

    With :math:`K` the covariance of the data, :math:`F` their drift, :math:`c` the covariance of target and data, :math:`f` the drift of the target,

    .. math::
        A = F^T K^{-1} F, \quad d = f - F^T K^{-1} c, \quad \lambda = K^{-1} c + K^{-1} F A^{-1} d, \quad
        \sigma^2 = C_{vv} - c^T K^{-1} c + d^T A^{-1} d

    A model without variance is solved with a nugget of no size: the estimate is the drift, the variance 0.

    Parameters
    ----------
    positions_m : (data, 3) array
        Easting, northing, depth below the seafloor in metres.
    model : CovarianceModel or Coregionalisation
    drift : (data, drifts) array
        Columns of known functions; a column of ones is ordinary kriging, no column simple kriging of residuals.
    error_variance : (data,) array, optional
        Variance of the measurement error of each datum; unlike the nugget it never belongs to the target.
    variable : (data,) int array, optional
        Number of each datum's variable in a model of coregionalisation.

    Raises
    ------
    TooFewSamples
        Two data coincide without nugget or error, the data do not determine the drift, or the system is singular to rounding.

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import CovarianceModel, Structure
    >>> data_m, values = np.array([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0], [90.0, 0.0, 0.0]]), np.array([1.0, 3.0, 2.0])
    >>> system = Kriging(data_m, CovarianceModel(0.1, (Structure("spherical", 0.9, 100.0),)), np.ones((3, 1)))
    >>> system.at(values, np.array([[25.0, 0.0, 0.0]]), np.ones((1, 1))).value.round(4).tolist()
    [1.9926]
    >>> estimates, variances = system.leave_one_out(values, np.arange(3))
    >>> estimates.round(4).tolist()
    [2.7194, 1.5545, 2.5228]
    """

    def __init__(
        self,
        positions_m: Array,
        model: CovarianceModel | Coregionalisation,
        drift: Array,
        error_variance: Array | None = None,
        variable: Integers | None = None,
    ) -> None:
        self.positions_m, self.model, self.drift = positions_m, model, drift
        self.kernel = solvable_kernel(model)
        self.variable = np.zeros(len(positions_m), dtype=np.int64) if variable is None else variable
        covariance = data_covariance(self.kernel, positions_m, self.variable)
        covariance[np.diag_indices(len(positions_m))] += 0.0 if error_variance is None else error_variance
        # A solve differs in its last bits with the number of BLAS threads.
        with blas_threads().limit(limits=1, user_api="blas"):
            self._factor = _factor(covariance, "data coincide without nugget or measurement error, or lie far closer together than the range")
            self._solved_drift = np.asarray(cho_solve(self._factor, drift))
            self._drift_factor = _drift_factor(drift.T @ self._solved_drift)

    @cached_property
    def _half_inverse(self) -> Array:
        """Lower triangle of the inverse, doubled off the diagonal: a quadratic form in half the work. What is above is not set."""
        with blas_threads().limit(limits=1, user_api="blas"):
            half = np.asarray(lapack.dpotri(self._factor[0], lower=0)[0]).T  # an upper triangle by columns is a lower one by rows
        half *= 2
        half[np.diag_indices(len(half))] /= 2
        return half

    @cached_property
    def _inverse(self) -> Array:
        lower = np.tril(self._half_inverse)
        return np.asarray(0.5 * (lower + lower.T))

    def weights(self, covariance: Array, target_drift: Array) -> Array:
        """Weights (targets, data) for targets with the given covariance (targets, data) and drift (targets, drifts)."""
        return self.dual(covariance, target_drift)[0]

    def dual(self, covariance: Array, target_drift: Array) -> tuple[Array, Array]:
        r"""Weights and multipliers, which give the covariance of two kriging errors.

        With :math:`\lambda_b, \mu_b` those of a target b, :math:`c_a, f_a` the covariance with the data and the drift of a target a, and
        :math:`C_{ab}` the covariance of the two,

        .. math:: \mathrm{Cov}(a - a^*, b - b^*) = C_{ab} - c_a^T \lambda_b + f_a^T \mu_b, \qquad \mu_b = A^{-1} d_b

        Returns
        -------
        weights : (targets, data) array
        multipliers : (targets, drifts) array
        """
        multipliers = np.asarray(cho_solve(self._drift_factor, (target_drift - covariance @ self._solved_drift).T)).T
        return covariance @ self._inverse + multipliers @ self._solved_drift.T, multipliers

    def coefficients(self, values: Array) -> Array:
        """Generalised least-squares coefficients of the drift."""
        return np.asarray(cho_solve(self._drift_factor, self._solved_drift.T @ values))

    def estimate(self, values: Array, covariance: Array, target_drift: Array, target_variance: Array | float) -> Estimate:
        """Krige targets that are given by their covariance with the data.

        Parameters
        ----------
        values : (data,) or (data, variables) array
        covariance : (targets, data) array
            Between target and data, without nugget for blocks; for a point that coincides with a datum the caller adds the nugget.
        target_drift : (targets, drifts) array
        target_variance : (targets,) array or float
        """
        shared = covariance @ self._solved_drift
        explained = np.einsum("td,td->t", covariance @ self._inverse, covariance)
        return self.estimate_from(values, covariance @ self.solved(values), explained, shared, target_drift, target_variance)

    def solved(self, values: Array) -> Array:
        """Dual form: residuals from the drift solved once, whose product with the covariance of a target is its kriged residual."""
        return np.asarray(self._inverse @ (values - self.drift @ self.coefficients(values)))

    def estimate_from(
        self, values: Array, residual: Array, explained: Array, shared: Array, target_drift: Array, target_variance: Array | float
    ) -> Estimate:
        r"""Krige targets of which only sums over the data are given: all that :meth:`estimate` takes from their covariance :math:`c`.

        Parameters
        ----------
        values : (data,) or (data, variables) array
        residual : (targets,) or (targets, variables) array
            Product of :math:`c` and :meth:`solved`.
        explained : (targets,) array
            The quadratic form :math:`c^T K^{-1} c`.
        shared : (targets, drifts) array
            The product :math:`F^T K^{-1} c`.
        target_drift, target_variance
            As in :meth:`estimate`.
        """
        residual_drift = target_drift - shared
        corrected = np.asarray(cho_solve(self._drift_factor, residual_drift.T)).T
        drift_part = np.einsum("tp,tp->t", corrected, residual_drift)
        cross = np.einsum("tp,tp->t", corrected, shared)
        value = residual + target_drift @ self.coefficients(values)
        spread = explained + 2 * cross + drift_part
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(spread > 0, (explained + cross) / spread, np.nan)
        return Estimate(value, np.maximum(target_variance - explained + drift_part, 0.0), slope)

    def at(self, values: Array, targets_m: Array, target_drift: Array, support: Block = POINT, variable: int = 0) -> Estimate:
        """Krige points or blocks at positions, in compiled code: what :meth:`estimate` gives, without a table of covariances.

        Targets that lie together form a tile. Where every structure ends at its range, only the data in reach of a tile enter its sums; all others
        would add zeros. A target's result does not depend on the tile, the other targets or the number of threads.

        Parameters
        ----------
        values : (data,) or (data, columns) array
        targets_m : (targets, 3) array
        target_drift : (targets, drifts) array
            NaN gives NaN.
        support : Block
            Nodes of a block; one node at the centre is a point, whose variance contains the nugget.
        variable : int
            The variable estimated, in a model of coregionalisation.
        """
        columns = np.ascontiguousarray(values, dtype=np.float64).reshape(len(values), -1)
        coefficients = self.coefficients(columns)
        dual = cho_solve(self._factor, columns - self.drift @ coefficients)
        inverse_drift = np.asarray(cho_solve(self._drift_factor, np.eye(self.drift.shape[1])))
        targets_m, target_drift = contiguous(targets_m, target_drift)
        order, starts = _tiles_of(self.kernel, targets_m, _tile_size(len(self.positions_m)))
        nugget = self.kernel.nugget[variable, self.variable]
        value = np.empty((len(targets_m), columns.shape[1]))
        variance, slope = np.empty(len(targets_m)), np.empty(len(targets_m))
        sills, data_m, offsets_m, node_weights = contiguous(
            self.kernel.sills[:, variable][:, self.variable], self.positions_m, support.offsets_m, support.weights
        )
        dual, solved_drift, inverse_drift, coefficients, nugget = contiguous(dual, self._solved_drift, inverse_drift, coefficients, nugget)
        _krige_tiles(
            self.kernel.kinds, self.kernel.reductions, self.kernel.is_finite, len(support.weights) == 1, sills, nugget, data_m, targets_m, order,
            starts, offsets_m, node_weights, self._half_inverse, dual, solved_drift, inverse_drift, coefficients, target_drift,
            target_variance(self.kernel, support, variable), value, variance, slope,
        )  # fmt: skip
        return Estimate(value[:, 0] if np.ndim(values) == 1 else value, variance, slope)

    def leave_one_out(self, values: Array, groups: Array) -> tuple[Array, Array]:
        r"""Estimate each datum from all data outside its group (a core), from the one factorisation.

        With :math:`Q` the matrix that maps data to generalised residuals, :math:`Q = K^{-1} - K^{-1}F A^{-1}F^T K^{-1}`, the errors of a left-out
        group :math:`g` are :math:`Q_{gg}^{-1} (Qz)_g` and their covariance is :math:`Q_{gg}^{-1}` (Dubrule 1983, for single data).

        Parameters
        ----------
        values : (data,) array
        groups : (data,) array
            Data with equal labels are left out together.

        Returns
        -------
        estimate, variance : (data,) arrays
            NaN where the rest cannot estimate the group (its drift has no other datum).
        """
        projector = self._inverse - self._solved_drift @ cho_solve(self._drift_factor, self._solved_drift.T)
        residuals = projector @ values
        estimate, variance = np.full(len(values), np.nan), np.full(len(values), np.nan)
        for group in np.unique(groups):
            members = np.flatnonzero(groups == group)
            block = projector[np.ix_(members, members)]
            # A drift that lives in this group alone makes its block singular: the rest says nothing about it.
            if np.linalg.matrix_rank(block, hermitian=True) < members.size:
                continue
            inverse = np.linalg.inv(block)
            estimate[members] = values[members] - inverse @ residuals[members]
            variance[members] = np.diag(inverse)
        return estimate, variance


@cache
def blas_threads() -> ThreadpoolController:
    """What holds BLAS to a number of threads; found once, because looking for it takes long."""
    return ThreadpoolController()


def solvable_kernel(model: CovarianceModel | Coregionalisation) -> Kernel:
    """Arrays of a model; a variable without variance gets a nugget of no size."""
    kernel = model.kernel() if isinstance(model, CovarianceModel) else kernel_of(model.structures, model.sills, model.nugget)
    variance = np.diag(kernel.nugget + kernel.sills.sum(axis=0))
    return kernel._replace(nugget=kernel.nugget + np.diag(np.where(variance > 0, 0.0, _NO_VARIANCE)))


def data_covariance(kernel: Kernel, positions_m: Array, variable: Integers) -> Array:
    """(data, data) covariance, nugget included: on the diagonal, and between different variables at one position."""
    out = np.empty((len(positions_m), len(positions_m)))
    for number in np.unique(variable):
        rows = variable == number
        out[rows] = covariance_table(kernel, kernel.sills[:, number][:, variable], positions_m[rows], positions_m, *POINT)
    out[np.diag_indices(len(positions_m))] += kernel.nugget[variable, variable]
    if len(kernel.nugget) > 1:
        _, place = np.unique(positions_m, axis=0, return_inverse=True)
        place = np.asarray(place).ravel()
        order = np.argsort(place, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(place[order])) + 1):
            for i in members:
                others = members[variable[members] != variable[i]]
                out[i, others] += kernel.nugget[variable[i], variable[others]]
    return out


def target_variance(kernel: Kernel, support: Block, variable: int) -> float:
    """Variance of a point with its nugget, or of a block without."""
    if len(support.weights) == 1:
        return float(kernel.nugget[variable, variable] + kernel.sills[:, variable, variable].sum())
    sills = np.repeat(kernel.sills[:, variable, variable][:, None], len(support.weights), axis=1)
    return float(support.weights @ covariance_table(kernel, sills, support.offsets_m, support.offsets_m, *POINT) @ support.weights)


def _factor(covariance: Array, why: str) -> tuple[Array, bool]:
    """Cholesky factor of a covariance.

    Raises
    ------
    TooFewSamples
        It is singular, exactly or to rounding.
    """
    try:
        factor, lower = cho_factor(covariance, lower=False)
        rcond = float(lapack.dpocon(factor, np.abs(covariance).sum(axis=0).max(), uplo="U")[0]) if len(covariance) else 1.0
    except LinAlgError:
        rcond = 0.0
    if rcond < _SINGULAR:
        msg = (
            f"the kriging system of {len(covariance)} data has no unique solution (reciprocal condition {rcond:.0e}): {why}. "
            "Merge coincident samples, give the model a nugget, or add data."
        )
        raise TooFewSamples(msg)
    return np.asarray(factor), bool(lower)


def _drift_factor(normal: Array) -> tuple[Array, bool]:
    """Cholesky factor of the drift's normal matrix; scaled columns show whether they can be told apart."""
    scale = np.sqrt(np.diag(normal))
    if normal.size and (not np.all(scale > 0) or np.linalg.cond(normal / np.outer(scale, scale)) > 1 / _SINGULAR):
        msg = (
            f"the data do not determine the {len(normal)} drift functions: one has no data, or their columns depend on each other "
            "(for instance a slope across cores on one line). Leave a drift out, or add data."
        )
        raise TooFewSamples(msg)
    return cho_factor(normal, lower=True) if normal.size else (normal, True)


# ------------------------------------------------------------------ tiles of targets


def _tile_size(data: int) -> int:
    return int(np.clip(_TILE_COVARIANCES // max(data, 1), 2 * _LANES, _TILE_TARGETS)) // _LANES * _LANES


def _tiles_of(kernel: Kernel, targets_m: Array, size: int) -> tuple[Integers, Integers]:
    """Tiles of targets; without finite ranges no tile is better than another: runs of targets as they come."""
    count = len(targets_m)
    if not kernel.is_finite or not kernel.kinds.size or count <= size:
        return np.arange(count), np.append(np.arange(0, count, size), count)
    return sorted_by_box(kernel.reductions[0], targets_m, size)


@numba.njit(cache=CACHE, parallel=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _krige_tiles(
    kinds: Integers, reductions: Array, is_finite: bool, is_point: bool, sills: Array, nugget: Array, data_m: Array, targets_m: Array,
    order: Integers, starts: Integers, offsets_m: Array, node_weights: Array, half_inverse: Array, dual: Array, solved_drift: Array,
    inverse_drift: Array, coefficients: Array, target_drift: Array, target_variance: float, value: Array, variance: Array, slope: Array,
) -> None:  # fmt: skip # pragma: no cover - compiled
    n, structures, drifts, columns = data_m.shape[0], kinds.size, solved_drift.shape[1], dual.shape[1]
    centre = data_m[0]
    reduced_data = np.empty((structures, 3, n))
    reduced_nodes = np.empty((structures, 3, node_weights.size))
    for s in range(structures):
        for axis in range(3):
            m = reductions[s, axis]
            for j in range(n):
                reduced_data[s, axis, j] = m[0] * (data_m[j, 0] - centre[0]) + m[1] * (data_m[j, 1] - centre[1]) + m[2] * (data_m[j, 2] - centre[2])
            for k in range(node_weights.size):
                reduced_nodes[s, axis, k] = m[0] * offsets_m[k, 0] + m[1] * offsets_m[k, 1] + m[2] * offsets_m[k, 2]
    for tile in numba.prange(starts.size - 1):
        begin, held = starts[tile], starts[tile + 1] - starts[tile]
        width = (held + _LANES - 1) // _LANES * _LANES
        at = np.empty((structures, 3, width))
        for s in range(structures):
            for axis in range(3):
                m = reductions[s, axis]
                for c in range(width):
                    i = order[begin + min(c, held - 1)]
                    at[s, axis, c] = (
                        m[0] * (targets_m[i, 0] - centre[0]) + m[1] * (targets_m[i, 1] - centre[1]) + m[2] * (targets_m[i, 2] - centre[2])
                    )
        chosen, count = _in_reach(is_finite, reduced_data, reduced_nodes, at)
        covariance = np.zeros((count, width))
        h2 = np.empty(width)
        for s in range(structures):
            for row in range(count):
                j = chosen[row]
                for k in range(node_weights.size):
                    x = reduced_data[s, 0, j] - reduced_nodes[s, 0, k]
                    y = reduced_data[s, 1, j] - reduced_nodes[s, 1, k]
                    z = reduced_data[s, 2, j] - reduced_nodes[s, 2, k]
                    for c in range(width):
                        u, v, w = at[s, 0, c] - x, at[s, 1, c] - y, at[s, 2, c] - z
                        h2[c] = u * u + v * v + w * w
                    add_covariance(kinds[s], sills[s, j] * node_weights[k], h2, width, covariance[row])
        if is_point:
            _add_nugget(nugget, data_m, chosen, count, targets_m, order, begin, held, covariance)
        half = half_inverse
        if count < n:
            half = np.empty((count, count))
            for row in range(count):
                for column in range(row + 1):
                    half[row, column] = half_inverse[chosen[row], chosen[column]]
        explained = np.empty(width)
        quadratic_form(half, covariance, count, width, explained)
        sums = np.zeros((columns + drifts, width))
        for row in range(count):
            j = chosen[row]
            for q in range(columns):
                for c in range(width):
                    sums[q, c] += dual[j, q] * covariance[row, c]
            for p in range(drifts):
                for c in range(width):
                    sums[columns + p, c] += solved_drift[j, p] * covariance[row, c]
        for c in range(held):
            i = order[begin + c]
            drift_part, cross = 0.0, 0.0
            for p in range(drifts):
                corrected = 0.0
                for r in range(drifts):
                    corrected += inverse_drift[p, r] * (target_drift[i, r] - sums[columns + r, c])
                drift_part += corrected * (target_drift[i, p] - sums[columns + p, c])
                cross += corrected * sums[columns + p, c]
            for q in range(columns):
                total = sums[q, c]
                for p in range(drifts):
                    total += target_drift[i, p] * coefficients[p, q]
                value[i, q] = total
            left = target_variance - explained[c] + drift_part
            variance[i] = left if not left < 0.0 else 0.0
            spread = explained[c] + 2.0 * cross + drift_part
            slope[i] = (explained[c] + cross) / spread if spread > 0.0 else np.nan


@numba.njit(nogil=True, error_model="numpy")
def _in_reach(is_finite: bool, reduced_data: Array, reduced_nodes: Array, at: Array) -> tuple[Integers, int]:  # pragma: no cover - compiled
    """Numbers of the data within the range of any structure from the box around a tile, in rising order."""
    structures, _, n = reduced_data.shape
    chosen = np.empty(n, dtype=np.int64)
    if not is_finite:
        for j in range(n):
            chosen[j] = j
        return chosen, n
    low, high = np.empty((structures, 3)), np.empty((structures, 3))
    for s in range(structures):
        for axis in range(3):
            low[s, axis] = at[s, axis].min() + reduced_nodes[s, axis].min()
            high[s, axis] = at[s, axis].max() + reduced_nodes[s, axis].max()
    count = 0
    for j in range(n):
        for s in range(structures):
            h2 = 0.0
            for axis in range(3):
                u = reduced_data[s, axis, j]
                away = max(low[s, axis] - u, u - high[s, axis], 0.0)
                h2 += away * away
            if h2 < 1.0:
                chosen[count] = j
                count += 1
                break
    return chosen, count


@numba.njit(nogil=True, error_model="numpy")
def _add_nugget(
    nugget: Array, data_m: Array, chosen: Integers, count: int, targets_m: Array, order: Integers, begin: int, held: int, covariance: Array
) -> None:  # pragma: no cover - compiled
    """A point that coincides with a datum shares its nugget: kriging honours the datum."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for c in range(held):
        for axis in range(3):
            x = targets_m[order[begin + c], axis]
            low[axis], high[axis] = min(low[axis], x), max(high[axis], x)
    for row in range(count):
        j = chosen[row]
        x, y, z = data_m[j, 0], data_m[j, 1], data_m[j, 2]
        if low[0] <= x <= high[0] and low[1] <= y <= high[1] and low[2] <= z <= high[2]:
            for c in range(held):
                i = order[begin + c]
                if targets_m[i, 0] == x and targets_m[i, 1] == y and targets_m[i, 2] == z:
                    covariance[row, c] += nugget[j]


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def quadratic_form(half: Array, x: Array, n: int, width: int, out: Array) -> None:  # pragma: no cover - compiled
    """Quadratic forms x' S x for many x at once, S given by its lower triangle doubled off the diagonal.

    Four rows and four columns of S are held in registers while the targets stream by. Every sum is a chain in the order of the data, so that a
    row of zeros changes no bit.

    Parameters
    ----------
    half : (n, n) array
    x : (n, width) array
        One column per target.
    n, width : int
    out : (width,) array
    """
    sums = np.empty((4, width))
    s0, s1, s2, s3 = sums[0], sums[1], sums[2], sums[3]
    for c in range(width):
        out[c] = 0.0
    whole = n // 4 * 4
    for i in range(0, whole, 4):
        for c in range(width):
            s0[c] = s1[c] = s2[c] = s3[c] = 0.0
        for j in range(0, i, 4):
            a0, a1, a2, a3 = half[i, j], half[i, j + 1], half[i, j + 2], half[i, j + 3]
            b0, b1, b2, b3 = half[i + 1, j], half[i + 1, j + 1], half[i + 1, j + 2], half[i + 1, j + 3]
            d0, d1, d2, d3 = half[i + 2, j], half[i + 2, j + 1], half[i + 2, j + 2], half[i + 2, j + 3]
            e0, e1, e2, e3 = half[i + 3, j], half[i + 3, j + 1], half[i + 3, j + 2], half[i + 3, j + 3]
            for c in range(width):
                x0, x1, x2, x3 = x[j, c], x[j + 1, c], x[j + 2, c], x[j + 3, c]
                s0[c] = s0[c] + a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
                s1[c] = s1[c] + b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
                s2[c] = s2[c] + d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3
                s3[c] = s3[c] + e0 * x0 + e1 * x1 + e2 * x2 + e3 * x3
        a0 = half[i, i]
        b0, b1 = half[i + 1, i], half[i + 1, i + 1]
        d0, d1, d2 = half[i + 2, i], half[i + 2, i + 1], half[i + 2, i + 2]
        e0, e1, e2, e3 = half[i + 3, i], half[i + 3, i + 1], half[i + 3, i + 2], half[i + 3, i + 3]
        for c in range(width):
            x0, x1, x2, x3 = x[i, c], x[i + 1, c], x[i + 2, c], x[i + 3, c]
            t0 = s0[c] + a0 * x0
            t1 = s1[c] + b0 * x0 + b1 * x1
            t2 = s2[c] + d0 * x0 + d1 * x1 + d2 * x2
            t3 = s3[c] + e0 * x0 + e1 * x1 + e2 * x2 + e3 * x3
            out[c] = out[c] + x0 * t0 + x1 * t1 + x2 * t2 + x3 * t3
    for i in range(whole, n):
        for c in range(width):
            s0[c] = 0.0
        for j in range(i + 1):
            for c in range(width):
                s0[c] += half[i, j] * x[j, c]
        for c in range(width):
            out[c] += x[i, c] * s0[c]
