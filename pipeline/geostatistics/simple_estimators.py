"""Estimators that need no model: what kriging must beat to be worth its assumptions.

Each is a function of the positions of the data (n, 3), their values (n,) and the positions of the targets (m, 3): easting, northing and depth below
the seafloor in metres. Options are bound with :func:`functools.partial`. Four rules hold for all:

* data with a NaN value are left out; a target whose position is not finite has a NaN estimate;
* data at one position are one datum, their mean; a target at a datum gets the datum (not from a mean, which honours nothing);
* the order of the data does not change a bit of the estimate;
* no data at all is :class:`pipeline.errors.TooFewSamples`, and shapes that do not fit or options out of range are a ``ValueError``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.cross_validation import spatial_folds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pipeline.geostatistics.cross_validation import FoldEstimator

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Estimator = Callable[..., Array]

_TIES = 8  # corners of a cube around its centre: more data at equal distance do not occur on regular surveys
_TIE = 1e-9
_CHUNK = 2**22
_FEWEST_RESIDUALS = 5


def nearest_neighbour(positions_m: Array, values: Array, targets_m: Array, anisotropy: float = 1.0) -> Array:
    """Value of the nearest datum in three dimensions; the mean of up to 8 that are equally near.

    Parameters
    ----------
    positions_m, values, targets_m : (n, 3), (n,), (m, 3) arrays
    anisotropy : float
        Metres along the seafloor that count as far as one metre of depth (horizontal over vertical range).

    Returns
    -------
    (m,) array

    Examples
    --------
    >>> cores_m = np.array([[0.0, 0.0, 1.0], [900.0, 0.0, 1.0]])
    >>> nearest_neighbour(cores_m, np.array([3.0, 5.0]), np.array([[100.0, 0.0, 1.0], [450.0, 0.0, 1.0]])).tolist()
    [3.0, 4.0]
    """
    sites_m, mean = _merged(positions_m, values, targets_m)
    scale = _scale(anisotropy)
    return _where_finite(targets_m, lambda finite_m: _nearest(sites_m * scale, mean, finite_m * scale)[0])


def polygonal(positions_m: Array, values: Array, targets_m: Array, edges_m: ArrayLike, max_distance_m: float = np.inf) -> Array:
    """Value of the nearest core in the same layer (polygons of influence; Isaaks & Srivastava 1989, p. 238), beyond a distance the layer's mean.

    Parameters
    ----------
    positions_m, values, targets_m : (n, 3), (n,), (m, 3) arrays
        Several data of one core in one layer are one datum, their mean.
    edges_m : (edges,) array
        Depths between layers, as for :func:`depth_pool`.
    max_distance_m : float
        Farther from every core of the layer the estimate is the mean of its cores.

    Returns
    -------
    (m,) array
        NaN in a layer without data: missing is missing.

    Examples
    --------
    >>> positions_m = np.array([[0.0, 0.0, 0.5], [100.0, 0.0, 0.5], [0.0, 0.0, 1.5]])
    >>> polygonal(positions_m, np.array([1.0, 2.0, 3.0]), np.array([[80.0, 0.0, 0.5], [80.0, 0.0, 1.5]]), [1.0]).tolist()
    [2.0, 3.0]
    """
    if not max_distance_m >= 0:
        msg = f"max_distance_m is {max_distance_m}; a distance is not negative"
        raise ValueError(msg)
    _merged(positions_m, values, targets_m)
    estimate = np.full(len(targets_m), np.nan)
    of_datum, of_target = depth_pool(positions_m[:, 2], edges_m), depth_pool(targets_m[:, 2], edges_m)
    for pool in np.unique(of_target):
        data, asked = (of_datum == pool) & np.isfinite(values), np.flatnonzero(of_target == pool)
        if not data.any():
            continue
        sites_m, mean = _merged(positions_m[data, :2], values[data], targets_m[asked, :2])
        estimate[asked] = _where_finite(targets_m[asked, :2], partial(_nearest_within, sites_m, mean, max_distance_m))
    return np.where(np.isfinite(targets_m[:, 2]), estimate, np.nan)


def inverse_distance(
    positions_m: Array, values: Array, targets_m: Array, power: float = 2.0, anisotropy: float = 1.0, max_data: int | None = None
) -> Array:
    r"""Mean of the data weighted by a power of the inverse distance (Shepard 1968), :math:`\sum_i d_i^{-p} z_i / \sum_i d_i^{-p}`.

    Parameters
    ----------
    positions_m, values, targets_m : (n, 3), (n,), (m, 3) arrays
    power : float
        Positive; 0 would be the mean, infinity the nearest datum.
    anisotropy : float
        Metres along the seafloor that count as far as one metre of depth.
    max_data : int, optional
        Only so many nearest data; all by default. Of data equally far at the end some are taken, the same in any order of the data.

    Returns
    -------
    (m,) array

    Examples
    --------
    >>> positions_m = np.array([[0.0, 0.0, 0.0], [30.0, 0.0, 0.0]])
    >>> inverse_distance(positions_m, np.array([1.0, 6.0]), np.array([[10.0, 0.0, 0.0]])).tolist()
    [2.0]
    """
    if not (np.isfinite(power) and power > 0):
        msg = f"power is {power}; it must be positive and finite, usually 2"
        raise ValueError(msg)
    if max_data is not None and max_data < 1:
        msg = f"max_data is {max_data}; give at least 1, or None for all data"
        raise ValueError(msg)
    sites_m, mean = _merged(positions_m, values, targets_m)
    scale = _scale(anisotropy)
    sites_m = sites_m * scale
    if max_data is not None and max_data < len(sites_m):
        tree, count = cKDTree(sites_m), np.arange(1, max_data + 1)

        def weighted(finite_m: Array) -> Array:
            distance_m, index = tree.query(finite_m * scale, k=count)
            return np.asarray(np.sum(_inverse(np.asarray(distance_m), power) * mean[index], axis=1))

        return _where_finite(targets_m, weighted)
    return _where_finite(targets_m, partial(_weighted_by_all, sites_m, mean, power, scale), _CHUNK // len(sites_m))


def declustered_mean(positions_m: Array, values: Array, targets_m: Array, edges_m: ArrayLike, weights: Array | None = None) -> Array:
    """Weighted mean of the data in the target's layer or pool of layers: the reference against which skill is reported.

    Parameters
    ----------
    positions_m, values, targets_m : (n, 3), (n,), (m, 3) arrays
    edges_m : (edges,) array
        Depths between layers or pools, as for :func:`depth_pool`; empty for one mean.
    weights : (n,) array, optional
        Declustering weights, not negative; only ratios inside a pool matter. Equal by default.

    Returns
    -------
    (m,) array
        NaN in a pool whose data carry no weight.

    Examples
    --------
    >>> positions_m = np.array([[0.0, 0.0, 0.5], [100.0, 0.0, 0.5], [0.0, 0.0, 1.5]])
    >>> declustered_mean(positions_m, np.array([1.0, 2.0, 3.0]), np.array([[0.0, 0.0, 0.2]]), [1.0], np.array([3.0, 1.0, 1.0])).tolist()
    [1.25]
    """
    weights = np.ones(len(values)) if weights is None else weights
    if np.shape(weights) != np.shape(values) or not (np.isfinite(weights).all() and (weights >= 0).all()):
        msg = f"weights are {np.shape(weights)} for {np.shape(values)} values; give one for each, finite and not negative"
        raise ValueError(msg)
    _merged(positions_m, values, targets_m)
    order = np.lexsort((weights, values, positions_m[:, 2], positions_m[:, 1], positions_m[:, 0]))
    order = order[np.isfinite(values[order])]
    pools = np.size(edges_m) + 1
    pool = depth_pool(positions_m[order, 2], edges_m)
    sums, total = (np.bincount(pool, weights=part, minlength=pools) for part in (weights[order] * values[order], weights[order]))
    mean = np.divide(sums, total, out=np.full(pools, np.nan), where=total > 0)
    return np.where(np.isfinite(targets_m).all(axis=1), mean[depth_pool(targets_m[:, 2], edges_m)], np.nan)


def depth_pool(depth_m: Array, edges_m: ArrayLike) -> Integers:
    """Number of the layer or pool of layers at each depth; a depth on an edge lies below it.

    Parameters
    ----------
    depth_m : (n,) array
        Metres below the seafloor.
    edges_m : (edges,) array
        Rising depths between pools, without the seafloor and the bottom; empty for a single pool.

    Returns
    -------
    (n,) int array
        From 0, the shallowest.

    Raises
    ------
    ValueError
        Edges do not rise.

    Examples
    --------
    >>> depth_pool(np.array([0.5, 1.5, 2.0, 9.5]), [1.0, 2.0]).tolist()
    [0, 1, 2, 2]
    """
    edges = np.asarray(edges_m, dtype=float).ravel()
    if not (np.diff(edges) > 0).all() or np.isnan(edges).any():
        msg = f"edges_m is {edges.tolist()}; depths between layers must rise"
        raise ValueError(msg)
    return np.searchsorted(edges, depth_m, side="right").astype(np.int64)


def residuals_in_folds(estimator: Estimator, positions_m: Array, values: Array, fold: Integers, weights: Array | None = None) -> Array:
    """Estimate minus value of each datum, estimated from the data outside its fold.

    Parameters
    ----------
    estimator : callable
        ``estimator(positions_m, values, targets_m)``; with ``weights`` given it is called with those of its data as a keyword.
    positions_m, values : (n, 3), (n,) arrays
    fold : (n,) int array
        Of whole cores, such as :func:`pipeline.geostatistics.cross_validation.spatial_folds`.
    weights : (n,) array, optional

    Returns
    -------
    (n,) array
        NaN where a value is NaN or the rest cannot estimate it.

    Raises
    ------
    TooFewSamples
        There is only one fold.
    """
    numbers = np.unique(fold)
    if numbers.size < 2:
        msg = f"{numbers.size} fold leaves no data to estimate from; give at least two folds of whole cores"
        raise TooFewSamples(msg)
    residual = np.full(len(values), np.nan)
    for number in numbers:
        rest, out = fold != number, fold == number
        if np.isfinite(values[rest]).any():
            extra = {} if weights is None else {"weights": weights[rest]}
            residual[out] = estimator(positions_m[rest], values[rest], positions_m[out], **extra) - values[out]
    return residual


def sd_from_training_folds(
    estimator: Estimator, positions_m: Array, values: Array, fold: Integers, *, edges_m: ArrayLike = (), weights: Array | None = None
) -> Array:
    """Standard deviation that an estimator may claim: the root mean square of its own residuals in folds of whole cores.

    A bare number scored by CRPS loses to any honest distribution by construction; with this spread it is a fair opponent. Root mean square, not the
    spread around the mean residual: a bias is part of the error. Folds leave fewer data than the final estimate has, so the spread is a little wide.

    Parameters
    ----------
    estimator, positions_m, values, fold, weights
        As for :func:`residuals_in_folds`.
    edges_m : (edges,) array
        Depths between pools that have their own spread; a pool with fewer than 5 residuals takes that of all.

    Returns
    -------
    (edges + 1,) array
        By :func:`depth_pool`, in the unit of the values; a single one without edges.

    Raises
    ------
    TooFewSamples
        There is only one fold, or no residual.
    """
    residual = residuals_in_folds(estimator, positions_m, values, fold, weights)
    known = np.isfinite(residual)
    if not known.any():
        msg = f"none of {residual.size} data could be estimated from the other folds; fewer or other folds are needed"
        raise TooFewSamples(msg)
    pools = np.size(edges_m) + 1
    pool = depth_pool(positions_m[known, 2], edges_m)
    sums, counts = np.bincount(pool, weights=residual[known] ** 2, minlength=pools), np.bincount(pool, minlength=pools)
    rich = counts >= _FEWEST_RESIDUALS
    return np.sqrt(np.where(rich, sums / np.maximum(counts, 1), sums.sum() / counts.sum()))


def with_sd(
    estimator: Estimator,
    positions_m: Array,
    values: Array,
    cores: NDArray[Any],
    folds: int,
    *,
    edges_m: ArrayLike = (),
    weights: Array | None = None,
) -> FoldEstimator:
    """Opponent for :func:`pipeline.geostatistics.cross_validation.cross_validate`: estimate and spread, both from the training data alone.

    Parameters
    ----------
    estimator, positions_m, values, edges_m, weights
        As for :func:`sd_from_training_folds`; all data of the cross-validation.
    cores : (n,) array
        Label of each datum's core.
    folds : int
        Inner folds of the training cores.

    Returns
    -------
    callable
        ``(train, test) -> (estimate, sd)`` from index arrays.
    """

    def estimate_and_sd(train: Integers, test: Integers) -> tuple[Array, Array]:
        inner = spatial_folds(positions_m[train, :2], cores[train], folds)
        of_train = None if weights is None else weights[train]
        sd = sd_from_training_folds(estimator, positions_m[train], values[train], inner, edges_m=edges_m, weights=of_train)
        extra = {} if of_train is None else {"weights": of_train}
        estimate = estimator(positions_m[train], values[train], positions_m[test], **extra)
        return estimate, sd[depth_pool(positions_m[test, 2], edges_m)]

    return estimate_and_sd


def _merged(positions_m: Array, values: Array, targets_m: Array) -> tuple[Array, Array]:
    """Distinct positions in rising order and the mean of the known values at each."""
    shapes = np.shape(positions_m), np.shape(values), np.shape(targets_m)
    if len(shapes[0]) != 2 or len(shapes[2]) != 2 or shapes[0][1] != shapes[2][1] or shapes[1] != shapes[0][:1]:
        msg = f"positions_m, values and targets_m are {shapes}; give (n, 3), (n,) and (m, 3)"
        raise ValueError(msg)
    known = np.isfinite(values)
    if not known.any():
        msg = f"none of {len(values)} data has a value to estimate from; give at least one"
        raise TooFewSamples(msg)
    if not np.isfinite(positions_m[known]).all():
        msg = f"{np.sum(~np.isfinite(positions_m[known]).all(axis=1))} data have a value and no finite position; leave them out"
        raise ValueError(msg)
    # Sorted by value too, so that a mean of replicates has the same last bit in any order.
    order = np.argsort(values[known], kind="stable")
    sites_m, site, times = np.unique(positions_m[known][order], axis=0, return_inverse=True, return_counts=True)
    return sites_m, np.bincount(np.asarray(site).ravel(), weights=values[known][order]) / times


def _scale(anisotropy: float) -> Array:
    if not (np.isfinite(anisotropy) and anisotropy > 0):
        msg = f"anisotropy is {anisotropy}; it must be positive and finite: metres along the seafloor for one metre of depth"
        raise ValueError(msg)
    return np.array([1.0, 1.0, anisotropy])


def _where_finite(targets_m: Array, estimate_at: Callable[[Array], Array], rows: int = _CHUNK) -> Array:
    """Estimate at the targets with a position, in pieces of ``rows``; NaN elsewhere."""
    estimate = np.full(len(targets_m), np.nan)
    finite = np.flatnonzero(np.isfinite(targets_m).all(axis=1))
    for start in range(0, finite.size, max(1, rows)):
        part = finite[start : start + max(1, rows)]
        estimate[part] = estimate_at(targets_m[part])
    return estimate


def _nearest(sites_m: Array, values: Array, targets_m: Array) -> tuple[Array, Array]:
    """Mean of the values equally near to each target, and their distance."""
    distance_m, index = (np.asarray(part) for part in cKDTree(sites_m).query(targets_m, k=np.arange(1, min(_TIES, len(sites_m)) + 1)))
    tied = distance_m <= distance_m[:, :1] * (1 + _TIE)
    # Tied data are summed in the order of their positions, not in that of the tree.
    order = np.argsort(index, axis=1)
    tied, index = np.take_along_axis(tied, order, axis=1), np.take_along_axis(index, order, axis=1)
    return np.sum(tied * values[index], axis=1) / tied.sum(axis=1), distance_m[:, 0]


def _nearest_within(sites_m: Array, values: Array, max_distance_m: float, targets_m: Array) -> Array:
    """Value nearest to each target, and the mean of all beyond a distance."""
    nearest, distance_m = _nearest(sites_m, values, targets_m)
    return np.where(distance_m <= max_distance_m, nearest, values.mean())


def _weighted_by_all(sites_m: Array, values: Array, power: float, scale: Array, targets_m: Array) -> Array:
    """Mean of all values weighted by inverse distance; a sum, for the last bits of a matrix product differ with the number of threads."""
    return np.asarray(np.sum(_inverse(cdist(targets_m * scale, sites_m), power) * values, axis=1))


def _inverse(distance_m: Array, power: float) -> Array:
    """Weights that sum to 1 in each row; relative to the nearest, so that no power overflows."""
    nearest_m = distance_m.min(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(nearest_m > 0, (nearest_m / distance_m) ** power, distance_m == 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
