"""Normal scores: values made standard normal by their ranks, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from scipy.special import ndtr, ndtri

from pipeline.errors import TooFewSamples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

UpperTail = Literal["none", "linear", "hyperbolic"]

_LIGHTEST = 1e-12  # a smaller share moves no score by more than its rounding
_NARROW = 1e-6  # below this share the mean score of a class is lost to cancellation; its middle is as good


def distinct_values(values: Array, weights: Array | None = None) -> tuple[Array, Array]:
    """Sorted distinct values and the share of the weight each of them carries.

    Parameters
    ----------
    values : (n,) array
        NaN is left out together with its weight, and so is a value with less than 1e-12 of the weight: neither says anything about the
        distribution.
    weights : (n,) array, optional
        Declustering weights, not negative; only ratios matter. Equal by default.

    Returns
    -------
    values, shares : (distinct,) arrays
        Shares sum to 1.

    Raises
    ------
    TooFewSamples
        No value carries weight.
    ValueError
        A weight is negative or not finite, a value is infinite, or their numbers differ.

    Examples
    --------
    >>> [part.tolist() for part in distinct_values(np.array([3.0, 1.0, 3.0, np.nan]))]
    [[1.0, 3.0], [0.333..., 0.666...]]
    """
    weights = np.ones(len(values)) if weights is None else weights
    if np.shape(weights) != np.shape(values):
        msg = f"{np.shape(values)} values came with {np.shape(weights)} weights; give one weight per value"
        raise ValueError(msg)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        msg = f"{np.sum(~(np.isfinite(weights) & (weights >= 0)))} weights are negative or not finite; weights are shares of the region"
        raise ValueError(msg)
    used = ~np.isnan(values) & (weights > 0)
    if not used.any():
        msg = f"none of {len(values)} values carries weight: a distribution needs at least one"
        raise TooFewSamples(msg)
    distinct, owner = np.unique(values[used], return_inverse=True)
    if not np.isfinite(distinct).all():
        msg = "a value is infinite; leave it out or correct it"
        raise ValueError(msg)
    sums = np.bincount(owner, weights=weights[used])
    heavy = sums > _LIGHTEST * sums.sum()
    return distinct[heavy], sums[heavy] / sums[heavy].sum()


def class_bounds(shares: Array) -> Array:
    """Scores that part the classes of a standard normal with these shares, from -inf to +inf: a (classes + 1,) array."""
    inner = _score(np.cumsum(shares[:-1]), np.cumsum(shares[:0:-1])[::-1])
    return np.concatenate([[-np.inf], inner, [np.inf]])


@dataclass(frozen=True)
class NormalScore:
    r"""Table of values and their normal scores (Deutsch & Journel 1998: nscore and backtr).

    Each distinct value owns a class of the standard normal as wide as its share of the weight, and gets the mean score of that class,

    .. math:: y_i = E[Y \mid b_{i-1} < Y < b_i] = \frac{g(b_{i-1}) - g(b_i)}{p_i}, \qquad \Phi(b_i) = \sum_{j \le i} p_j

    with :math:`g, \Phi` the standard normal density and distribution. Equal values so have equal scores, without chance and without bias. The
    weighted mean of the scores is 0; their variance falls short of 1 by that inside the classes (0.64 for two data, 0.99 for 25). nscore takes the
    score at the middle of the class, whose variance falls shorter still, and parts ties by chance.

    Parameters
    ----------
    values, scores : (distinct,) arrays
        Rising.
    shares : (distinct,) array
        Weight of each value; sum to 1.

    Examples
    --------
    >>> table = NormalScore.of(np.array([1.0, 10.0, 100.0]))
    >>> table.transform(np.array([1.0, 10.0, 55.0])).round(3).tolist()
    [-1.091, 0.0, 0.545]
    >>> table.back_transform(np.array([-1.0908, 0.0, 9.0])).round(1).tolist()
    [1.0, 10.0, 100.0]
    """

    values: Array
    scores: Array
    shares: Array

    @classmethod
    def of(cls, values: Array, weights: Array | None = None) -> Self:
        """Build from data and declustering weights; NaN, weight 0 and errors as in :func:`distinct_values`. A single value has the score 0."""
        distinct, shares = distinct_values(values, weights)
        bounds = class_bounds(shares)
        density = np.exp(-0.5 * bounds**2) / np.sqrt(2 * np.pi)
        middle = _score(np.cumsum(shares) - shares / 2, np.cumsum(shares[::-1])[::-1] - shares / 2)
        return cls(distinct, np.where(shares > _NARROW, (density[:-1] - density[1:]) / shares, middle), shares)

    @property
    def variance(self) -> float:
        """Weighted variance of the scores; below 1, 0 for a single value."""
        return float(self.shares @ self.scores**2)

    def transform(self, values: ArrayLike) -> Array:
        """Scores of values of any shape; linear between data, the outermost score beyond them, NaN stays NaN."""
        return _between(values, self.values, self.scores)

    def back_transform(
        self,
        scores: ArrayLike,
        *,
        minimum: float | None = None,
        upper: UpperTail = "none",
        maximum: float | None = None,
        omega: float = 1.5,
    ) -> Array:
        r"""Values of scores of any shape; exact at the data, linear in the score between them, NaN stays NaN (Deutsch & Journel 1998, tail options).

        Beyond the outermost data, with :math:`p = \Phi(y)` and :math:`p_1, p_k` that of the outermost scores, the value is

        * below: that of the lowest datum, or with ``minimum`` linear in :math:`p` down to it, :math:`z_{min} + (z_1 - z_{min})\,p/p_1`;
        * above, ``"none"``: that of the highest datum;
        * ``"linear"``: :math:`z_k + (z_{max} - z_k)(p - p_k)/(1 - p_k)` up to ``maximum``;
        * ``"hyperbolic"``: :math:`z_k\,((1 - p_k)/(1 - p))^{1/\omega}`, cut at ``maximum`` where one is given. The smaller :math:`\omega`, the
          heavier the tail; its mean exists only for :math:`\omega > 1`.

        Parameters
        ----------
        scores : array
        minimum : float, optional
        upper : {"none", "linear", "hyperbolic"}
        maximum : float, optional
        omega : float
            For the hyperbolic tail.

        Raises
        ------
        ValueError
            ``minimum`` lies above the lowest datum or ``maximum`` below the highest, ``"linear"`` without ``maximum``, ``omega`` of at most 1, or a
            hyperbolic tail on values that are not positive.
        """
        lowest, highest = float(self.values[0]), float(self.values[-1])
        self._refuse_tails(minimum, upper, maximum, omega)
        y = np.asarray(scores, dtype=float)
        z = _between(y, self.scores, self.values)
        if minimum is not None:
            z = np.where(y < self.scores[0], minimum + (lowest - minimum) * ndtr(y) / ndtr(self.scores[0]), z)
        if upper == "none":
            return z
        beyond, top = y > self.scores[-1], np.maximum(y, self.scores[-1])
        # ndtr(-y) keeps its digits where 1 - ndtr(y) has none left.
        left = ndtr(-top) / ndtr(-self.scores[-1])
        if upper == "linear" and maximum is not None:
            return np.where(beyond, highest + (maximum - highest) * (1 - left), z)
        with np.errstate(divide="ignore"):
            tail = highest * left ** (-1 / omega)
        return np.where(beyond, tail if maximum is None else np.minimum(tail, maximum), z)

    def _refuse_tails(self, minimum: float | None, upper: UpperTail, maximum: float | None, omega: float) -> None:
        """Refuse tails that would not be monotone."""
        lowest, highest = self.values[0], self.values[-1]
        if minimum is not None and not minimum <= lowest:
            msg = f"minimum is {minimum}, above the lowest datum {lowest}; give one at or below it, or None"
            raise ValueError(msg)
        if upper not in ("none", "linear", "hyperbolic"):
            msg = f"unknown upper tail {upper!r}; known are none, linear, hyperbolic"
            raise ValueError(msg)
        if upper != "none" and maximum is not None and not maximum >= highest:
            msg = f"maximum is {maximum}, below the highest datum {highest}; give one at or above it"
            raise ValueError(msg)
        if upper == "linear" and maximum is None:
            msg = "a linear upper tail needs the maximum it leads to; give maximum, or upper='none'"
            raise ValueError(msg)
        if upper == "hyperbolic" and not (omega > 1 and highest > 0):
            msg = f"a hyperbolic tail needs omega above 1 (it is {omega}) and a positive highest datum (it is {highest}); use linear or none"
            raise ValueError(msg)


def _between(at: ArrayLike, known: Array, wanted: Array) -> Array:
    """Linear interpolation that no rounding carries beyond the table."""
    return np.asarray(np.clip(np.interp(np.asarray(at, dtype=float), known, wanted), wanted[0], wanted[-1]))


def _score(below: Array, above: Array) -> Array:
    """Standard normal score with this probability below and above it; far up, 1 - p has lost its digits, so the upper half counts from above."""
    return np.where(below < above, ndtri(np.minimum(below, 0.5)), -ndtri(np.minimum(above, 0.5)))
