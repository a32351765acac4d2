"""Cross-validation that leaves out whole cores, in blocks that lie together, and where in the region its result may be relied on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from pipeline.errors import TooFewSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    FoldEstimator = Callable[[Integers, Integers], tuple[Array, Array]]

_CHUNK = 2**22
_WHISKER = 1.5


def leave_one_core_out(cores: NDArray[Any]) -> Integers:
    """One fold for each core, numbered in the order of the labels: an (n,) int array.

    Parameters
    ----------
    cores : (n,) array
        Label of each datum's core.

    Returns
    -------
    (n,) int array
        Number of each datum's fold.

    Raises
    ------
    TooFewSamples
        Fewer than two cores.

    Examples
    --------
    >>> leave_one_core_out(np.array(["PC-02", "PC-01", "PC-02"])).tolist()
    [1, 0, 1]
    """
    labels, fold = np.unique(cores, return_inverse=True)
    if labels.size < 2:
        msg = f"{labels.size} core cannot be left out: nothing would remain. Cross-validation needs at least two"
        raise TooFewSamples(msg)
    return np.asarray(fold).ravel().astype(np.int64)


def spatial_folds(positions_m: Array, cores: NDArray[Any], folds: int) -> Integers:
    """Folds of whole cores that lie together, about equally many in each.

    The cores are halved across the longer side of their bounding box, and each half again, until there are enough blocks (recursive bisection;
    Bentley 1975). Nothing is drawn: neither chance nor the order of the data has a part. Cores at one position (replicates) stay in one fold, for
    else one would foretell the other. With as many folds as positions every position is left out alone.

    Parameters
    ----------
    positions_m : (n, 2) array
        Easting and northing of each sample in metres; a core that leans is placed at its westernmost sample.
    cores : (n,) array
        Label of each sample's core.
    folds : int
        At least 2.

    Returns
    -------
    (n,) int array
        Fold of each sample, from 0; neighbouring folds have neighbouring numbers.

    Raises
    ------
    TooFewSamples
        There are fewer distinct core positions than folds.
    ValueError
        Fewer than two folds, a position is not finite, or shapes differ.

    Examples
    --------
    >>> at_m = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [9.0, 0.0], [8.0, 0.0]])
    >>> spatial_folds(at_m, np.array(["a", "a", "b", "c", "d"]), 2).tolist()
    [0, 0, 0, 1, 1]
    """
    if folds < 2:
        msg = f"folds is {folds}; cross-validation needs at least 2"
        raise ValueError(msg)
    if np.shape(positions_m) != (len(cores), 2) or not np.isfinite(positions_m).all():
        msg = f"positions_m is {np.shape(positions_m)} for {len(cores)} samples; give a finite easting and northing for each"
        raise ValueError(msg)
    _, core = np.unique(cores, return_inverse=True)
    core = np.asarray(core).ravel()
    order = np.lexsort((positions_m[:, 1], positions_m[:, 0], core))
    _, first = np.unique(core[order], return_index=True)
    sites_m, site = np.unique(positions_m[order[first]], axis=0, return_inverse=True)
    if len(sites_m) < folds:
        msg = f"{folds} folds were asked of cores at {len(sites_m)} distinct positions; ask for {len(sites_m)} or fewer, or add cores"
        raise TooFewSamples(msg)
    block = np.empty(len(sites_m), dtype=np.int64)
    _bisect(sites_m, np.arange(len(sites_m)), 0, folds, block)
    return block[np.asarray(site).ravel()[core]]


def _bisect(sites_m: Array, members: Integers, first: int, folds: int, block: Integers) -> None:
    """Number the members from ``first`` in ``folds`` blocks."""
    if folds == 1:
        block[members] = first
        return
    longer = int(np.argmax(np.ptp(sites_m[members], axis=0)))
    order = members[np.lexsort((sites_m[members, 1 - longer], sites_m[members, longer]))]
    left = folds // 2
    cut = (2 * len(order) * left + folds) // (2 * folds)
    _bisect(sites_m, order[:cut], first, left, block)
    _bisect(sites_m, order[cut:], first + left, folds - left, block)


@dataclass(frozen=True)
class CrossValidation:
    """Estimates of every sample by the samples of other folds.

    Parameters
    ----------
    estimate, sd : (n,) arrays
        NaN where the rest could not estimate the sample.
    fold : (n,) int array
    """

    estimate: Array
    sd: Array
    fold: Integers


def cross_validate(estimator: FoldEstimator, fold: Integers) -> CrossValidation:
    """Estimate every sample from all samples outside its fold.

    Parameters
    ----------
    estimator : callable
        ``estimator(train, test) -> (estimate, sd)``, from index arrays to two arrays as long as ``test``. Whatever is fitted (variogram, layer
        means, declustering) belongs inside and sees ``train`` alone; a model fitted to all data makes every score too good.
    fold : (n,) int array
        From :func:`spatial_folds` or :func:`leave_one_core_out`.

    Returns
    -------
    CrossValidation

    Raises
    ------
    TooFewSamples
        There is only one fold.
    ValueError
        The estimator returns another number of values than it was asked for, or a negative sd.

    Examples
    --------
    >>> values = np.array([1.0, 3.0, 5.0])
    >>> mean = lambda train, test: (np.full(test.size, values[train].mean()), np.full(test.size, values[train].std()))
    >>> cross_validate(mean, np.arange(3)).estimate.tolist()
    [4.0, 3.0, 2.0]
    """
    numbers = np.unique(fold)
    if numbers.size < 2:
        msg = f"{numbers.size} fold leaves nothing to estimate from; give at least two"
        raise TooFewSamples(msg)
    estimate, sd = np.full(len(fold), np.nan), np.full(len(fold), np.nan)
    for number in numbers:
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        one, spread = estimator(train, test)
        if np.shape(one) != test.shape or np.shape(spread) != test.shape or (np.asarray(spread) < 0).any():
            msg = (
                f"fold {number}: the estimator returned shapes {np.shape(one)} and {np.shape(spread)} for {test.size} samples; "
                "it must return one estimate and one sd, not negative, for each"
            )
            raise ValueError(msg)
        estimate[test], sd[test] = one, spread
    return CrossValidation(estimate, sd, fold)


@dataclass(frozen=True)
class Applicability:
    """How unlike the training data new places are, and whether cross-validation speaks for them (Meyer & Pebesma 2021).

    Parameters
    ----------
    dissimilarity : (m,) array
        Dissimilarity index DI of the new places; NaN where a predictor is NaN.
    inside : (m,) bool array
        DI is at most the threshold; False where it is NaN.
    threshold : float
    training_dissimilarity : (n,) array
        DI of the training data from other folds.
    """

    dissimilarity: Array
    inside: NDArray[np.bool_]
    threshold: float
    training_dissimilarity: Array


def area_of_applicability(training: Array, new: Array, fold: Integers, weights: Array | None = None) -> Applicability:
    r"""Where new places resemble the training data as much as folds of those resemble each other (Meyer & Pebesma 2021).

    Predictors :math:`p` are standardised by their mean and standard deviation in training and multiplied by their weights. In that space

    .. math:: DI = d_{min} / \bar d

    is the distance to the nearest training datum over the mean distance of all pairs of training data. The same is taken for each training datum to
    the nearest of another fold. The threshold is the largest of these that is no outlier, that is at most :math:`Q_{75} + 1.5\,(Q_{75} - Q_{25})`.

    Parameters
    ----------
    training : (n, predictors) array
        Coordinates and covariates of the training data.
    new : (m, predictors) array
    fold : (n,) int array
        The folds of the cross-validation whose result is to be carried over.
    weights : (predictors,) array, optional
        Importance of each predictor, not negative; equal by default.

    Returns
    -------
    Applicability

    Raises
    ------
    TooFewSamples
        There is only one fold.
    ValueError
        A training predictor is not finite or does not vary (give it weight 0 or leave it out), weights are negative or all zero, shapes differ.

    Examples
    --------
    >>> cores_km, fold = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> found = area_of_applicability(cores_km, np.array([[1.5], [9.0]]), fold)
    >>> found.inside.tolist()
    [True, False]
    """
    predictors = np.shape(training)[-1]
    weights = np.ones(predictors) if weights is None else np.asarray(weights, dtype=float)
    _refuse_predictors(training, new, fold, weights)
    used = weights > 0
    centre, scale = training[:, used].mean(axis=0), training[:, used].std(axis=0, ddof=1)
    known, asked = ((part[:, used] - centre) / scale * weights[used] for part in (training, new))
    mean_m = _mean_distance(known)
    of_training = np.empty(len(known))
    for number in np.unique(fold):
        of_training[fold == number] = np.asarray(cKDTree(known[fold != number]).query(known[fold == number])[0])
    of_training /= mean_m
    low, high = np.percentile(of_training, [25, 75])
    threshold = float(of_training[of_training <= high + _WHISKER * (high - low)].max())
    dissimilarity = np.full(len(asked), np.nan)
    finite = np.isfinite(asked).all(axis=1)
    dissimilarity[finite] = np.asarray(cKDTree(known).query(asked[finite])[0]) / mean_m
    return Applicability(dissimilarity, dissimilarity <= threshold, threshold, of_training)


def _mean_distance(points: Array) -> float:
    """Mean distance of all pairs of different rows, in pieces of bounded memory."""
    rows = max(1, _CHUNK // len(points))
    total = sum(float(cdist(points[start : start + rows], points).sum()) for start in range(0, len(points), rows))
    return total / (len(points) * (len(points) - 1))


def _refuse_predictors(training: Array, new: Array, fold: Integers, weights: Array) -> None:
    """Refuse what has no dissimilarity, with the cure."""
    shapes = np.shape(training), np.shape(new), np.shape(fold), np.shape(weights)
    if np.ndim(training) != 2 or np.ndim(new) != 2 or shapes[1][1:] + shapes[3] != 2 * shapes[0][1:] or shapes[2] != shapes[0][:1]:
        msg = f"training, new, fold and weights are {shapes}; give (n, predictors), (m, predictors), (n,) and (predictors,)"
        raise ValueError(msg)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        msg = f"weights are {weights.tolist()}; they must be finite, not negative and not all zero"
        raise ValueError(msg)
    if np.unique(fold).size < 2:
        msg = f"{np.unique(fold).size} fold of training data; the threshold compares folds, give at least two"
        raise TooFewSamples(msg)
    used = training[:, weights > 0]
    if not np.isfinite(used).all():
        msg = f"{np.sum(~np.isfinite(used).all(axis=1))} training data lack a predictor; leave them out"
        raise ValueError(msg)
    flat = np.flatnonzero(np.ptp(training, axis=0) == 0)
    flat = flat[weights[flat] > 0]
    if flat.size:
        msg = f"predictor {flat.tolist()} does not vary in training, so no distance in it can be judged; give it weight 0 or leave it out"
        raise ValueError(msg)
