"""Support: what a block varies less than a point, and which grades and tonnages blocks of that size would show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from pipeline.geostatistics.covariance import block_variance
from pipeline.geostatistics.normal_score import class_bounds, distinct_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from pipeline.geostatistics.covariance import Block, CovarianceModel

    Array = NDArray[np.float64]

_ORDERS = 200
_ROUNDING = 1e-9
_WIDEST = 8.0  # scores of the numerical integration; 1e-15 of a normal lies beyond
_STEPS = 4_096
_CHUNK = 2**21


def gammabar(model: CovarianceModel, offsets_m: Array, weights: Array) -> float:
    r"""Mean semivariance between the nodes of a block (Journel & Huijbregts 1978, p. 55).

    .. math:: \bar\gamma(v,v) = C(0) - \bar C(v,v), \qquad \bar C(v,v) = \sum_{kl} w_k w_l\,C(o_k - o_l)

    :math:`C(0)` holds the nugget and :math:`\bar C(v,v)` does not: a block, however small, averages it out. The sum counts each node with itself, at
    lag 0, where a semivariogram has its kink: with n nodes along a side the result is too small by about a constant over n². Use
    :func:`box_gammabar` for the exact mean, this for the nodes that kriging uses.

    Parameters
    ----------
    model : CovarianceModel
    offsets_m : (nodes, 3) array
    weights : (nodes,) array
        Sum to 1.

    Returns
    -------
    float
        In squared units of the data, nugget included.

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_nodes
    >>> model = CovarianceModel(0.0, (Structure("spherical", 1.0, 10.0, 10.0),))
    >>> round(gammabar(model, *block_nodes((5.0, 0.0, 0.0), (10, 1, 1), rule="midpoint")), 4)
    0.2414
    """
    return model.sill - block_variance(model, offsets_m, weights)


def box_gammabar(model: CovarianceModel, size_m: tuple[float, float, float], nodes: int = 24) -> float:
    r"""Mean semivariance inside a box, integrated over the lag instead of over pairs of nodes.

    Lags :math:`h` inside a box of sides :math:`L` have the density :math:`\prod_i (1 - |h_i|/L_i)/L_i` (geometric covariogram;
    Matheron 1965; Chilès & Delfiner 2012, ch. 2):

    .. math:: \bar\gamma(v,v) = C(0) - \int C(h) \prod_i \frac{1 - |h_i|/L_i}{L_i}\,dh

    by Gauss-Legendre on both sides of 0 along each axis, so that no node falls on the kink: exact to rounding for a line inside the range of a
    spherical model.

    Parameters
    ----------
    model : CovarianceModel
    size_m : (easting, northing, depth)
        Sides in metres; a zero side is a point in that direction.
    nodes : int
        On each side of 0 along each axis.

    Returns
    -------
    float
        In squared units of the data, nugget included.

    Raises
    ------
    ValueError
        A side is negative or not finite.

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import CovarianceModel, Structure
    >>> model = CovarianceModel(0.0, (Structure("spherical", 1.0, 10.0, 10.0),))
    >>> round(box_gammabar(model, (5.0, 0.0, 0.0)), 12)
    0.24375
    """
    if not all(np.isfinite(side) and side >= 0 for side in size_m):
        msg = f"size_m is {size_m}; sides are metres, not negative"
        raise ValueError(msg)
    lags = [_lags(float(side), nodes) for side in size_m]
    at_m = np.stack(np.meshgrid(*(lag for lag, _ in lags), indexing="ij"), axis=-1).reshape(-1, 3)
    density = np.einsum("i,j,k->ijk", *(part for _, part in lags)).ravel()
    return model.sill - float(np.sum(density * model.between(at_m, np.zeros((1, 3)))[:, 0]))


def _lags(side_m: float, nodes: int) -> tuple[Array, Array]:
    """Nodes of the lag along one side and their weights, which sum to 1."""
    if side_m == 0:
        return np.zeros(1), np.ones(1)
    at, width = np.polynomial.legendre.leggauss(nodes)
    share = (at + 1) / 2
    weight = width / 2 * (1 - share)
    return np.concatenate([-share, share]) * side_m, np.concatenate([weight, weight])


def dispersion_variance(model: CovarianceModel, small: Block | None, large: Block) -> float:
    r"""Variance of the small support inside the large one, :math:`D^2(v|V) = \bar C(v,v) - \bar C(V,V)` (Journel & Huijbregts 1978, ch. II).

    Additive (Krige's relation): :math:`D^2(0|V) = D^2(0|v) + D^2(v|V)`.

    Parameters
    ----------
    model : CovarianceModel
    small : Block or None
        None is a point, whose variance holds the nugget.
    large : Block

    Returns
    -------
    float

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_nodes
    >>> model = CovarianceModel(0.1, (Structure("spherical", 0.9, 1_000.0),))
    >>> block, panel = (block_nodes((side_m, side_m, 0.0), (8, 8, 1)) for side_m in (500.0, 2_000.0))
    >>> of_points, of_blocks = dispersion_variance(model, None, panel), dispersion_variance(model, block, panel)
    >>> round(abs(of_points - of_blocks - dispersion_variance(model, None, block)), 12)
    0.0
    """
    return (model.sill if small is None else block_variance(model, *small)) - block_variance(model, *large)


def support_factor(model: CovarianceModel, offsets_m: Array, weights: Array) -> float:
    r"""Variance of a block over that of a point, :math:`f = \bar C(v,v)/C(0)`, nugget in :math:`C(0)` alone (Journel & Huijbregts 1978).

    Parameters
    ----------
    model : CovarianceModel
    offsets_m, weights : (nodes, 3) and (nodes,) arrays
        Nodes of the block.

    Returns
    -------
    float
        In 0 to 1; 1 where nothing varies.

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_nodes
    >>> model = CovarianceModel(0.1, (Structure("spherical", 0.9, 2_000.0),))
    >>> round(support_factor(model, *block_nodes((500.0, 500.0, 0.0), (4, 4, 1))), 3)
    0.727
    """
    return block_variance(model, offsets_m, weights) / model.sill if model.sill > 0 else 1.0


def kriging_efficiency(block_variance: ArrayLike, kriging_variance: ArrayLike) -> Array:
    """(BV - KV)/BV (Krige 1996): 1 for a block known exactly, 0 or less where the mean would do as well; NaN where BV is not positive.

    Parameters
    ----------
    block_variance, kriging_variance : arrays
        Broadcast against each other; NaN stays NaN.

    Returns
    -------
    array

    Examples
    --------
    >>> kriging_efficiency(0.8, [0.0, 0.2, 0.8]).round(6).tolist()
    [1.0, 0.75, 0.0]
    """
    block, kriged = (np.asarray(part, dtype=float) for part in (block_variance, kriging_variance))
    return _ratio(block - kriged, block)


def slope_of_regression(block_variance: ArrayLike, kriging_variance: ArrayLike, multiplier: ArrayLike) -> Array:
    r"""Slope of the true block on its ordinary kriging estimate, :math:`\mathrm{Cov}(Z, Z^*)/\mathrm{Var}(Z^*)` under the model.

    .. math:: b = \frac{BV - KV - \mu}{BV - KV - 2\mu}

    in the convention :math:`C\lambda + \mu 1 = c` (Journel & Huijbregts 1978 write the multiplier with the other sign; Rivoirard 1987): then
    :math:`\lambda^T c = BV - KV - \mu` and :math:`\lambda^T C \lambda = \lambda^T c - \mu`.

    Parameters
    ----------
    block_variance, kriging_variance, multiplier : arrays
        Broadcast against each other; NaN stays NaN.

    Returns
    -------
    array
        1 without conditional bias; NaN where the estimate does not vary.

    Examples
    --------
    >>> slope_of_regression(0.8, 0.2, [0.0, -0.1]).round(6).tolist()
    [1.0, 0.875]
    """
    block, kriged, mu = (np.asarray(part, dtype=float) for part in (block_variance, kriging_variance, multiplier))
    return _ratio(block - kriged - mu, block - kriged - 2 * mu)


def _ratio(above: Array, below: Array) -> Array:
    """Their ratio, NaN where the lower one is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def affine_correction(values: Array, mean: float, factor: float) -> Array:
    r"""Values drawn towards the mean so that their variance shrinks by ``factor``: :math:`m + \sqrt f (z - m)` (Isaaks & Srivastava 1989, p. 471).

    Keeps the mean and the shape, skewness included: good for f above about 0.7.

    Parameters
    ----------
    values : array
        NaN stays NaN.
    mean : float
        Declustered mean of the values.
    factor : float
        f in 0 to 1.

    Returns
    -------
    array

    Raises
    ------
    ValueError
        ``factor`` lies outside 0 to 1.

    Examples
    --------
    >>> affine_correction(np.array([10.0, 20.0, 60.0]), mean=30.0, factor=0.64).tolist()
    [14.0, 22.0, 54.0]
    """
    _refuse_factor(factor)
    return np.asarray(mean + np.sqrt(factor) * (values - mean))


def indirect_lognormal_correction(values: Array, factor: float, weights: Array | None = None) -> Array:
    r"""Values of blocks as if points and blocks were lognormal, scaled to keep the mean (Isaaks & Srivastava 1989, p. 472).

    .. math:: z_v = \frac{m}{m'}\,a z^b, \quad b = \sqrt{\frac{\ln(f\,v^2 + 1)}{\ln(v^2 + 1)}}, \quad
        a = \frac{m}{\sqrt{f v^2 + 1}} \Big(\frac{\sqrt{v^2 + 1}}{m}\Big)^b

    with :math:`m, v` the weighted mean and coefficient of variation, and :math:`m'` the mean of :math:`a z^b`. Skewness shrinks too. Mean exact;
    the variance shrinks by f where values are lognormal, by about f elsewhere.

    Parameters
    ----------
    values : (n,) array
        Not negative; NaN stays NaN.
    factor : float
        f in 0 to 1.
    weights : (n,) array, optional

    Returns
    -------
    (n,) array

    Raises
    ------
    TooFewSamples
        No value carries weight.
    ValueError
        ``factor`` lies outside 0 to 1, or a value is negative.

    Examples
    --------
    >>> values = np.array([10.0, 20.0, 60.0])
    >>> corrected = indirect_lognormal_correction(values, 0.64)
    >>> corrected.round(2).tolist(), round(float(abs(corrected.mean() - values.mean())), 9)
    ([12.52, 22.24, 55.24], 0.0)
    """
    _refuse_factor(factor)
    distinct, shares = distinct_values(values, weights)
    if np.nanmin(values) < 0:
        msg = f"a value is {np.nanmin(values)}; a lognormal correction needs values that are not negative. Use the affine one"
        raise ValueError(msg)
    mean = float(shares @ distinct)
    variation2 = float(shares @ (distinct - mean) ** 2) / mean**2 if mean > 0 else 0.0
    if variation2 == 0:
        return np.array(values, dtype=float)
    power = np.sqrt(np.log1p(factor * variation2) / np.log1p(variation2))
    # The factor a is the same for every value: it leaves with the scaling.
    return np.asarray(mean / (shares @ distinct**power) * values**power)


def _refuse_factor(factor: float) -> None:
    if not 0 <= factor <= 1:
        msg = f"factor is {factor}; the variance of a block is 0 to 1 times that of a point"
        raise ValueError(msg)


def hermite(scores: ArrayLike, orders: int) -> Array:
    r"""Normalised Hermite polynomials, orthonormal under the standard normal.

    .. math:: \chi_0 = 1, \quad \chi_1 = y, \quad \sqrt{n+1}\,\chi_{n+1} = y\,\chi_n - \sqrt n\,\chi_{n-1}

    Chilès & Delfiner (2012) give :math:`(-1)^n` times these; only squares enter a change of support.

    Parameters
    ----------
    scores : array of any shape
    orders : int
        Highest order.

    Returns
    -------
    (orders + 1, ...) array

    Examples
    --------
    >>> hermite(2.0, 2).round(4).tolist()
    [1.0, 2.0, 2.1213]
    """
    return np.array(list(_hermite(np.asarray(scores, dtype=float), orders)))


def _hermite(y: Array, orders: int) -> Iterator[Array]:
    """Orders one by one, so that the coefficients of long tables need no matrix."""
    before, now = np.zeros_like(y), np.ones_like(y)
    yield now
    for n in range(orders):
        before, now = now, (y * now - np.sqrt(n) * before) / np.sqrt(n + 1)
        yield now


def hermite_coefficients(values: Array, weights: Array | None = None, orders: int = _ORDERS) -> Array:
    r"""Coefficients of the anamorphosis :math:`z = \sum_n \phi_n \chi_n(y)` that makes a standard normal score the value of a datum.

    The empirical anamorphosis is a step function: :math:`z_i` between the scores :math:`b_{i-1}` and :math:`b_i` that part the normal by weight. Its
    coefficients are exact integrals, because :math:`\int_{-\infty}^{b} \chi_n g = -\chi_{n-1}(b)\,g(b)/\sqrt n` (Chilès & Delfiner 2012, ch. 6):

    .. math:: \phi_0 = \sum_i p_i z_i, \qquad \phi_n = \frac{1}{\sqrt n}\sum_i (z_{i+1} - z_i)\,\chi_{n-1}(b_i)\,g(b_i)

    Parameters
    ----------
    values : (n,) array
        NaN and weights as in :func:`pipeline.geostatistics.normal_score.distinct_values`, and so the errors.
    weights : (n,) array, optional
    orders : int
        Highest order.

    Returns
    -------
    (orders + 1,) array
        The first is the weighted mean; the squares of the others sum to the weighted variance as ``orders`` grows.
    """
    distinct, shares = distinct_values(values, weights)
    bounds = class_bounds(shares)[1:-1]
    step = np.diff(distinct) * np.exp(-0.5 * bounds**2) / np.sqrt(2 * np.pi)
    sums = [float(np.sum(step * polynomial)) / np.sqrt(n) for n, polynomial in enumerate(_hermite(bounds, orders - 1), start=1)]
    return np.array([float(shares @ distinct), *sums[:orders]])


def change_of_support_coefficient(coefficients: Array, block_variance: float) -> float:
    r"""Root r of :math:`\sum_{n \ge 1} \phi_n^2 r^{2n} = \mathrm{Var}(Z_v)` (Matheron 1976; Chilès & Delfiner 2012, ch. 6).

    Parameters
    ----------
    coefficients : (orders + 1,) array
        Of the anamorphosis, from order 0.
    block_variance : float

    Returns
    -------
    float
        In 0 to 1; 1 for a block as variable as a point, and where nothing varies.

    Raises
    ------
    ValueError
        The block variance is negative, or larger than that of points.
    """
    squares = np.asarray(coefficients)[1:] ** 2
    point_variance = float(squares.sum())
    if not 0 <= block_variance <= point_variance * (1 + _ROUNDING):
        msg = f"block variance is {block_variance}; it must lie between 0 and the variance of points, {point_variance}"
        raise ValueError(msg)
    if block_variance >= point_variance * (1 - np.finfo(float).eps):
        return 1.0
    powers = 2 * np.arange(1, squares.size + 1)
    return float(brentq(lambda r: float(squares @ r**powers) - block_variance, 0.0, 1.0, xtol=1e-14))


@dataclass(frozen=True)
class GradeTonnage:
    """What lies at or over a cut-off.

    Parameters
    ----------
    cutoff : (cutoffs,) array
    tonnage_share : (cutoffs,) array
        Share of the blocks at or over the cut-off.
    metal : (cutoffs,) array
        Their grade summed over all blocks, divided by the number of all blocks: at cut-off 0 the mean grade.
    mean_grade : (cutoffs,) array
        Mean grade over the cut-off; NaN where no block reaches it.
    """

    cutoff: Array
    tonnage_share: Array
    metal: Array
    mean_grade: Array


@dataclass(frozen=True)
class DiscreteGaussian:
    r"""Distribution of block grades by the discrete Gaussian model (Matheron 1976; Chilès & Delfiner 2012, ch. 6).

    A point in a block and the block are bivariate normal with correlation r, :math:`Y = r\,Y_v + \sqrt{1 - r^2}\,U`. The grade of a block is the mean
    of its points, and for the step-shaped anamorphosis of data

    .. math:: \phi_v(y) = E[\phi(r y + \sqrt{1 - r^2}\,U)] = z_1 + \sum_i (z_{i+1} - z_i)\,\Phi\Big(\frac{r y - b_i}{\sqrt{1 - r^2}}\Big)

    This is :math:`\sum_n \phi_n r^n \chi_n(y)` with all its orders, so that it rises everywhere; a truncated series does not. The model holds the
    global distribution, selection on true block grades and no information effect; it says nothing of where the blocks lie.

    Parameters
    ----------
    values, shares : (distinct,) arrays
        Rising values and the weight of each; shares sum to 1.
    r : float
        Change-of-support coefficient; 1 is point support.

    Examples
    --------
    >>> blocks = DiscreteGaussian.of(np.array([50.0, 80.0, 120.0, 200.0, 450.0]), factor=0.6)
    >>> found = blocks.grade_tonnage([0.0, 150.0])
    >>> round(blocks.mean, 6), found.tonnage_share.round(2).tolist(), found.mean_grade.round(0).tolist()
    (180.0, [1.0, 0.48], [180.0, 273.0])
    """

    values: Array
    shares: Array
    r: float

    @classmethod
    def of(cls, values: Array, factor: float, weights: Array | None = None, orders: int = _ORDERS) -> Self:
        """Build from data, the change-of-support factor f of :func:`support_factor` and declustering weights.

        The variance that the series lacks (steps converge slowly) is counted at the next order: r is 1 at f = 1 exactly, and elsewhere off by less
        than that share of the variance times r to twice the order.

        Raises
        ------
        TooFewSamples
            No value carries weight.
        ValueError
            ``factor`` lies outside 0 to 1, or a weight or value is not allowed.
        """
        _refuse_factor(factor)
        distinct, shares = distinct_values(values, weights)
        variance = float(shares @ (distinct - shares @ distinct) ** 2)
        coefficients = hermite_coefficients(values, weights, orders)
        rest = max(variance - float(coefficients[1:] @ coefficients[1:]), 0.0)
        complete = np.append(coefficients, np.sqrt(rest))
        return cls(distinct, shares, change_of_support_coefficient(complete, factor * float(complete[1:] @ complete[1:])))

    @property
    def mean(self) -> float:
        """Declustered mean, the same on any support."""
        return float(self.shares @ self.values)

    def block_grade(self, scores: ArrayLike) -> Array:
        """Block grade at standard normal scores of any shape; rising, NaN stays NaN."""
        y, bounds = np.asarray(scores, dtype=float), class_bounds(self.shares)[1:-1]
        if self.r == 1:
            at = np.searchsorted(bounds, np.where(np.isnan(y), 0.0, y), side="right")
            return np.where(np.isnan(y), np.nan, self.values[at])
        step, width = np.diff(self.values), np.sqrt(1 - self.r**2)
        parts = np.array_split(y.ravel(), 1 + y.size * step.size // _CHUNK)
        grades = [self.values[0] + np.sum(ndtr((self.r * part[:, None] - bounds) / width) * step, axis=1) for part in parts]
        return np.concatenate(grades).reshape(y.shape)

    def grade_tonnage(self, cutoffs: ArrayLike) -> GradeTonnage:
        """Tonnage share, metal and mean grade at or over each cut-off.

        Numerical integration of the block anamorphosis over scores (trapezoids of 1/256 score, linear inside one); at point support the sums over
        the data. Cut-offs at or below the lowest block give share 1 and the mean grade.

        Parameters
        ----------
        cutoffs : (cutoffs,) array
            In the unit of the values.

        Raises
        ------
        ValueError
            A cut-off is NaN.
        """
        cutoff = np.atleast_1d(np.asarray(cutoffs, dtype=float))
        if np.isnan(cutoff).any():
            msg = "a cut-off is NaN; leave it out"
            raise ValueError(msg)
        if self.r == 1:
            at = np.searchsorted(self.values, cutoff, side="left")
            share, metal = (_tail(part)[at] for part in (self.shares, self.shares * self.values))
        else:
            share, metal = self._blocks_over(cutoff)
        return GradeTonnage(cutoff, share, metal, _ratio(metal, share))

    def _blocks_over(self, cutoff: Array) -> tuple[Array, Array]:
        """Share of the blocks over each cut-off, and their metal."""
        y = np.linspace(-_WIDEST, _WIDEST, _STEPS + 1)
        density, grade = np.exp(-0.5 * y**2), np.maximum.accumulate(self.block_grade(y))
        share = (density[1:] + density[:-1]) / np.sum(density[1:] + density[:-1])
        metal = share * (grade[1:] + grade[:-1]) / 2
        scale = self.mean / metal.sum() if metal.sum() != 0 else 1.0
        at = np.searchsorted(grade, cutoff, side="left")
        inside = (at > 0) & (at < y.size)
        cut = np.clip(at, 1, y.size - 1) - 1
        # Of the interval that holds the cut-off, the part over it.
        width = np.where(inside, grade[cut + 1] - grade[cut], 1.0)
        over = share[cut] * np.where(inside, (grade[cut + 1] - cutoff) / width, 0.0)
        rest = np.minimum(at, y.size - 1)
        return _tail(share)[rest] + over, scale * (_tail(metal)[rest] + over * (cutoff + grade[cut + 1]) / 2)


def _tail(parts: Array) -> Array:
    """Sums from each part to the last, and 0 after it."""
    return np.append(np.cumsum(parts[::-1])[::-1], 0.0)
