"""Scores of estimates and of stated uncertainty against the truth.

Pairs in which anything is NaN are left out of every summary and counted. Lower is better, except for skill and gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from pipeline.errors import TooFewSamples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_MIDPOINTS = (np.arange(1_000) + 0.5) / 1_000
_CHUNK = 2**22


@dataclass(frozen=True)
class Score:
    """A summary and what it rests on.

    Parameters
    ----------
    value : float
    pairs : int
        Pairs of estimate and truth that count.
    left_out : int
        Pairs in which something is NaN.
    """

    value: float
    pairs: int
    left_out: int


def mean_score(per_pair: ArrayLike) -> Score:
    """Mean of a score that was computed pair by pair, such as :func:`crps_gaussian`.

    Parameters
    ----------
    per_pair : array
        NaN is left out and counted.

    Returns
    -------
    Score

    Raises
    ------
    TooFewSamples
        No pair is left.

    Examples
    --------
    >>> mean_score(np.array([1.0, 3.0, np.nan]))
    Score(value=2.0, pairs=2, left_out=1)
    """
    scores = np.asarray(per_pair, dtype=float).ravel()
    known = scores[~np.isnan(scores)]
    if known.size == 0:
        msg = f"none of {scores.size} pairs of estimate and truth is complete; a score needs at least one"
        raise TooFewSamples(msg)
    return Score(float(known.mean()), int(known.size), int(scores.size - known.size))


def bias(estimate: Array, truth: Array) -> Score:
    """Mean of estimate minus truth, in the unit of both: positive where too much is estimated.

    Parameters
    ----------
    estimate, truth : arrays of one shape
        A pair with a NaN is left out and counted.

    Returns
    -------
    Score

    Raises
    ------
    TooFewSamples
        No pair is left.
    ValueError
        Shapes differ.

    Examples
    --------
    >>> bias(np.array([2.0, 5.0]), np.array([1.0, 4.0]))
    Score(value=1.0, pairs=2, left_out=0)
    """
    return mean_score(_error(estimate, truth))


def mean_absolute_error(estimate: Array, truth: Array) -> Score:
    """Mean of the absolute error (MAE), in the unit of both.

    Parameters
    ----------
    estimate, truth : arrays of one shape
        A pair with a NaN is left out and counted.

    Returns
    -------
    Score

    Raises
    ------
    TooFewSamples
        No pair is left.
    ValueError
        Shapes differ.

    Examples
    --------
    >>> mean_absolute_error(np.array([2.0, 5.0]), np.array([1.0, 8.0]))
    Score(value=2.0, pairs=2, left_out=0)
    """
    return mean_score(np.abs(_error(estimate, truth)))


def root_mean_square_error(estimate: Array, truth: Array) -> Score:
    """Root of the mean squared error (RMSE), in the unit of both.

    Parameters
    ----------
    estimate, truth : arrays of one shape
        A pair with a NaN is left out and counted.

    Returns
    -------
    Score

    Raises
    ------
    TooFewSamples
        No pair is left.
    ValueError
        Shapes differ.

    Examples
    --------
    >>> root_mean_square_error(np.array([2.0, 5.0]), np.array([1.0, 12.0]))
    Score(value=5.0, pairs=2, left_out=0)
    """
    squared = mean_score(_error(estimate, truth) ** 2)
    return Score(float(np.sqrt(squared.value)), squared.pairs, squared.left_out)


def mean_squared_deviation_ratio(estimate: Array, sd: Array, truth: Array) -> Score:
    r"""Mean of squared error over stated variance (MSDR): 1 where the stated spread is right, above 1 where it is too narrow.

    .. math:: \frac1n \sum_i (z_i^* - z_i)^2/\sigma_i^2

    Parameters
    ----------
    estimate, sd, truth : arrays of one shape
        An exact estimate with sd 0 has no ratio and is left out; an error with sd 0 makes the ratio infinite.

    Returns
    -------
    Score

    Raises
    ------
    TooFewSamples
        No pair is left.
    ValueError
        An sd is negative, or shapes differ.

    Examples
    --------
    >>> mean_squared_deviation_ratio(np.array([2.0, 5.0]), np.array([1.0, 2.0]), np.array([1.0, 9.0]))
    Score(value=2.5, pairs=2, left_out=0)
    """
    _refuse_negative(sd)
    error = np.abs(_error(estimate, truth, sd))
    with np.errstate(divide="ignore", invalid="ignore"):
        return mean_score((error / sd) ** 2)


def crps_gaussian(estimate: Array, sd: Array, truth: Array) -> Array:
    r"""Continuous ranked probability score of a normal forecast, pair by pair (Gneiting & Raftery 2007, sec. 4.2, signed as an error).

    .. math:: \sigma\big(u\,(2\Phi(u) - 1) + 2 g(u) - \pi^{-1/2}\big), \qquad u = (z - z^*)/\sigma

    Parameters
    ----------
    estimate, sd, truth : arrays of one shape
        With sd 0 the score is the absolute error.

    Returns
    -------
    array
        In the unit of the estimate, not negative; NaN where anything is NaN.

    Raises
    ------
    ValueError
        An sd is negative, or shapes differ.

    Examples
    --------
    >>> crps_gaussian(np.zeros(2), np.array([1.0, 0.0]), np.array([0.0, 3.0])).round(4).tolist()
    [0.2337, 3.0]
    """
    _refuse_negative(sd)
    error = np.abs(_error(estimate, truth, sd))
    spread = np.where(sd > 0, sd, 1.0)
    u = error / spread
    density = np.exp(-0.5 * u**2) / np.sqrt(2 * np.pi)
    score = spread * (u * (2 * ndtr(u) - 1) + 2 * density - 1 / np.sqrt(np.pi))
    # Far out the terms cancel to a rounding below zero at most.
    return np.where(sd == 0, error, np.where(np.isnan(sd), np.nan, np.maximum(score, 0.0)))


def crps_sample(sample: Array, truth: Array) -> Array:
    r"""Continuous ranked probability score of an empirical forecast, pair by pair (Gneiting & Raftery 2007, sec. 4.2, signed as an error).

    .. math:: \frac1m \sum_i |x_i - z| - \frac{1}{2m^2} \sum_{ij} |x_i - x_j|

    The double sum runs over sorted members in one pass. This scores the m members as the whole forecast: as a sample of a larger population they
    are charged about 1/m of their spread, so compare ensembles of one size.

    Parameters
    ----------
    sample : (pairs, members) array
    truth : (pairs,) array

    Returns
    -------
    (pairs,) array
        In the unit of the truth; NaN where the truth or a member is NaN.

    Raises
    ------
    TooFewSamples
        There is no member.
    ValueError
        Shapes do not fit.

    Examples
    --------
    >>> crps_sample(np.array([[0.0, 2.0]]), np.array([1.0])).tolist()
    [0.5]
    """
    members = _members(sample, truth)
    rows = max(1, _CHUNK // members)
    rank = 2 * np.arange(1, members + 1) - members - 1
    parts = []
    for start in range(0, len(truth), rows):
        part = np.sort(sample[start : start + rows], axis=1)
        distance = np.abs(part - truth[start : start + rows, None]).mean(axis=1)
        parts.append(distance - np.sum(part * rank, axis=1) / members**2)
    return np.concatenate(parts) if parts else np.empty(0)


def probability_below_gaussian(estimate: Array, sd: Array, truth: Array) -> Array:
    """Probability that a normal forecast gave to values below the truth (probability integral transform), pair by pair.

    Parameters
    ----------
    estimate, sd, truth : arrays of one shape
        With sd 0 it is 0, 1/2 or 1: truth below, at or above the estimate. NaN where anything is NaN.

    Returns
    -------
    array of that shape
        In 0 to 1.

    Raises
    ------
    ValueError
        An sd is negative, or shapes differ.

    Examples
    --------
    >>> probability_below_gaussian(np.zeros(2), np.ones(2), np.array([0.0, 1.6448536])).round(4).tolist()
    [0.5, 0.95]
    """
    _refuse_negative(sd)
    error = _error(truth, estimate, sd)
    at = ndtr(error / np.where(sd > 0, sd, 1.0))
    return np.where(sd == 0, 0.5 + 0.5 * np.sign(error), np.where(np.isnan(sd), np.nan, at))


def probability_below_sample(sample: Array, truth: Array) -> Array:
    """Share of the members below the truth, ties counted half, pair by pair.

    Parameters
    ----------
    sample : (pairs, members) array
    truth : (pairs,) array

    Returns
    -------
    (pairs,) array
        NaN where the truth or a member is NaN.

    Raises
    ------
    TooFewSamples
        There is no member.
    ValueError
        Shapes do not fit.

    Examples
    --------
    >>> probability_below_sample(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([3.0])).tolist()
    [0.625]
    """
    _members(sample, truth)
    return np.asarray(0.5 + 0.5 * np.sign(truth[:, None] - sample).mean(axis=1))


@dataclass(frozen=True)
class Accuracy:
    """Accuracy plot: how often symmetric intervals hold the truth (Deutsch 1997).

    Parameters
    ----------
    probability : (intervals,) array
        Of the intervals, in 0 to 1.
    share : (intervals,) array
        Share of the truths inside; on the diagonal where the stated uncertainty is right, below it where too narrow.
    goodness : float
        1 on the diagonal, 1/2 where every interval holds every truth, 0 where none holds any.
    pairs, left_out : int
    """

    probability: Array
    share: Array
    goodness: float
    pairs: int
    left_out: int


def accuracy(probability_below: Array, probability: ArrayLike = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)) -> Accuracy:
    r"""Accuracy plot and goodness from the probability that each forecast gave to values below the truth (Deutsch 1997).

    The p-interval, from quantile :math:`(1-p)/2` to :math:`(1+p)/2`, holds the truth where :math:`|2u - 1| \le p`. With :math:`\bar\xi(p)` its share,

    .. math:: G = 1 - \int_0^1 [3 a(p) - 2]\,[\bar\xi(p) - p]\,dp, \qquad a(p) = 1 \text{ where } \bar\xi(p) \ge p, \text{ else } 0

    so that intervals that are too narrow cost twice as much as those too wide. Integrated over 1,000 midpoints.

    Parameters
    ----------
    probability_below : (pairs,) array
        From :func:`probability_below_gaussian` or :func:`probability_below_sample`; NaN is left out and counted.
    probability : (intervals,) array
        Intervals to return.

    Returns
    -------
    Accuracy

    Raises
    ------
    TooFewSamples
        No pair is left.
    ValueError
        A probability lies outside 0 to 1.

    Examples
    --------
    >>> found = accuracy((np.arange(100) + 0.5) / 100, probability=[0.5, 0.9])
    >>> found.share.tolist(), round(found.goodness, 2)
    ([0.5, 0.9], 0.99)
    """
    below, asked = np.asarray(probability_below, dtype=float).ravel(), np.asarray(probability, dtype=float).ravel()
    for name, given in (("probability_below", below[~np.isnan(below)]), ("probability", asked)):
        if not ((given >= 0) & (given <= 1)).all():
            msg = f"{name} holds values outside 0 to 1; give probabilities, not percent or scores"
            raise ValueError(msg)
    summary = mean_score(below)
    needed = np.sort(np.abs(2 * below[~np.isnan(below)] - 1))
    # A width that is p itself, up to its last bits, still holds the truth.
    share, fine = (np.searchsorted(needed, p + 1e-12, side="right") / needed.size for p in (asked, _MIDPOINTS))
    excess = fine - _MIDPOINTS
    goodness = 1 - float(np.mean(np.where(excess >= 0, excess, -2 * excess)))
    return Accuracy(asked, share, goodness, summary.pairs, summary.left_out)


def skill(score: float, reference: float) -> float:
    """Share of the reference's score that is saved, 1 - score/reference: 1 perfect, 0 no better, negative worse.

    Parameters
    ----------
    score, reference : float
        Of a method and of the method it is measured against, on the same pairs; lower is better.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        The reference is not positive: nothing can be saved on it.

    Examples
    --------
    >>> skill(3.0, 4.0)
    0.25
    """
    if not reference > 0:
        msg = f"the reference score is {reference}; skill needs a positive one"
        raise ValueError(msg)
    return 1 - score / reference


@dataclass(frozen=True)
class Gain:
    """How much lower one score is than another, by core.

    Parameters
    ----------
    mean : float
        Mean over cores of the core's mean difference; positive where the first method is better.
    standard_error : float
        Over cores; NaN for a single core.
    cores : int
    pairs, left_out : int
        Samples that count, and those in which one of the scores is NaN.
    """

    mean: float
    standard_error: float
    cores: int
    pairs: int
    left_out: int


def paired_gain(scores: Array, reference_scores: Array, cores: NDArray[Any]) -> Gain:
    r"""Gain of one method over a reference, and its standard error over cores.

    .. math:: \bar d = \frac1G \sum_g d_g, \qquad d_g = \frac{1}{n_g}\sum_{i \in g} (s^{ref}_i - s_i), \qquad
        SE = \sqrt{\frac{\sum_g (d_g - \bar d)^2}{G (G - 1)}}

    Samples of one core resemble each other: the core is the unit that repeats. Cores near each other do so too, therefore the error is a lower
    bound where scores are correlated between cores.

    Parameters
    ----------
    scores, reference_scores : (n,) arrays
        Sample by sample, such as :func:`crps_gaussian`; a sample with a NaN in either is left out of both.
    cores : (n,) array
        Label of each sample's core.

    Returns
    -------
    Gain

    Raises
    ------
    TooFewSamples
        No sample has both scores.
    ValueError
        Shapes differ.

    Examples
    --------
    >>> paired_gain(np.array([1.0, 1.0, 2.0]), np.array([2.0, 4.0, 2.0]), np.array(["a", "a", "b"]))
    Gain(mean=1.0, standard_error=1.0, cores=2, pairs=3, left_out=0)
    """
    difference = _error(reference_scores, scores, cores)
    used = ~np.isnan(difference)
    if not used.any():
        msg = f"none of {difference.size} samples has both scores; a gain needs at least one"
        raise TooFewSamples(msg)
    _, core, samples = np.unique(cores[used], return_inverse=True, return_counts=True)
    by_core = np.bincount(core, weights=difference[used]) / samples
    error = float(by_core.std(ddof=1) / np.sqrt(by_core.size)) if by_core.size > 1 else np.nan
    return Gain(float(by_core.mean()), error, int(by_core.size), int(used.sum()), int(np.sum(~used)))


def _error(estimate: Array, truth: Array, *others: NDArray[Any]) -> Array:
    """Their difference; shapes must be equal, for a broadcast would count pairs that do not exist."""
    shapes = {np.shape(part) for part in (estimate, truth, *others)}
    if len(shapes) > 1:
        msg = f"shapes {sorted(shapes)} differ; scores compare pairs, one truth for each estimate"
        raise ValueError(msg)
    return np.subtract(estimate, truth, dtype=np.float64)


def _refuse_negative(sd: Array) -> None:
    if (np.asarray(sd) < 0).any():
        msg = f"{np.sum(np.asarray(sd) < 0)} standard deviations are negative; were variances or errors passed?"
        raise ValueError(msg)


def _members(sample: Array, truth: Array) -> int:
    """Number of members, after the shapes were checked."""
    if np.ndim(sample) != 2 or np.shape(truth) != np.shape(sample)[:1]:
        msg = f"sample is {np.shape(sample)} and truth {np.shape(truth)}; give (pairs, members) and (pairs,)"
        raise ValueError(msg)
    if sample.shape[1] == 0:
        msg = "the forecasts have no member; a sample needs at least one"
        raise TooFewSamples(msg)
    return int(sample.shape[1])
