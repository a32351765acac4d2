"""Experimental variograms down, across and through cores, cross-variograms, and the models fitted to them.

A lag class holds the pairs with lower edge < distance <= upper edge. Pairs at zero distance are in no class; they are counted apart, because
half their mean squared difference estimates the nugget.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.optimize import least_squares, nnls
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist, pdist

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import CovarianceModel, Structure, correlation
from pipeline.geostatistics.pair_sums import pair_sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

Estimator = Literal["matheron", "cressie_hawkins"]
Weights = Literal["cressie", "gstat", "pairs"]

_ROUNDING = 1e-20  # values are standardised: a variance this small is their last bits
_START_RANGES = (0.1, 0.3, 0.9)
_NESTED_START_RANGES = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
_REFINED = 3
_BLOCK_PAIRS = 4_000_000


@dataclass(frozen=True)
class Experimental:
    """Semivariance of pairs down and across cores, by lag.

    Parameters
    ----------
    horizontal_m, vertical_m : (lags,) arrays
        Mean lag of the pairs in metres; one of them is 0.
    semivariance : (lags,) array
    pairs : (lags,) int array
    """

    horizontal_m: Array
    vertical_m: Array
    semivariance: Array
    pairs: Integers


@dataclass(frozen=True)
class LagVariogram:
    """Semivariance of pairs by distance; lags without a pair are left out.

    Parameters
    ----------
    lag_m : (lags,) array
        Mean distance of the pairs in metres.
    semivariance : (lags,) array
    pairs : (lags,) int array
    coincident_semivariance : float
        Of the pairs at zero distance: an estimate of the nugget; NaN without such pairs.
    coincident_pairs : int
    """

    lag_m: Array
    semivariance: Array
    pairs: Integers
    coincident_semivariance: float
    coincident_pairs: int


@dataclass(frozen=True)
class Fit:
    """A fitted model and what a reader must know about it.

    Parameters
    ----------
    model : CovarianceModel
    cost : float
        Weighted sum of squares.
    at_bounds : tuple of str
        Parameters that ended on a bound: the data do not say more.
    """

    model: CovarianceModel
    cost: float
    at_bounds: tuple[str, ...]


def experimental_variogram(
    positions_m: Array, values: Array, cores: NDArray[Any], layer_m: float, lag_edges_m: Array, estimator: Estimator = "matheron"
) -> Experimental:
    """Down-core pairs by whole layers, and pairs of different cores at equal depth by horizontal lag.

    Parameters
    ----------
    positions_m : (n, 3) array
        Easting, northing, depth below the seafloor in metres.
    values : (n,) array
        NaN where unknown; such data are left out.
    cores : (n,) array
        Label of each datum's core.
    layer_m : float
        Step of the vertical lags in metres.
    lag_edges_m : (lags + 1,) array
        Edges of the horizontal lags in metres; lags without a pair are left out, and so are pairs of different cores at one position.
    estimator : {"matheron", "cressie_hawkins"}
        See :func:`omnidirectional_variogram`.

    Returns
    -------
    Experimental

    Raises
    ------
    TooFewSamples
        No pair lies in any lag.
    ValueError
        The estimator is unknown.

    Examples
    --------
    >>> positions_m = np.array([[x, 0.0, depth] for x in (0.0, 100.0, 200.0) for depth in (0.5, 1.5)])
    >>> cores = np.repeat(["a", "b", "c"], 2)
    >>> found = experimental_variogram(positions_m, np.array([1.0, 2.0, 2.0, 4.0, 3.0, 3.0]), cores, 1.0, np.array([0.0, 150.0, 250.0]))
    >>> found.vertical_m.tolist(), found.horizontal_m.tolist(), found.pairs.tolist()
    ([1.0, 0.0, 0.0], [0.0, 100.0, 200.0], [3, 4, 2])
    >>> found.semivariance.round(4).tolist()
    [0.8333, 0.875, 1.25]
    """
    return _layered(positions_m, values, values, cores, layer_m, lag_edges_m, estimator)


def experimental_cross_variogram(
    positions_m: Array, one: Array, other: Array, cores: NDArray[Any], layer_m: float, lag_edges_m: Array
) -> Experimental:
    r"""Cross-variogram of two variables down and across cores, with the lags of :func:`experimental_variogram`.

    .. math:: \hat\gamma_{ij}(h) = \frac{1}{2N}\sum_{\text{pairs}} (z_i - z_i')(z_j - z_j')

    over pairs at which both variables are known (Journel & Huijbregts 1978, p. 40; Wackernagel 2003, ch. 20). It may be negative.

    Parameters
    ----------
    positions_m : (n, 3) array
        Easting, northing, depth below the seafloor in metres.
    one, other : (n,) arrays
        The variables at the same positions; NaN where unknown.
    cores, layer_m, lag_edges_m
        As for :func:`experimental_variogram`.

    Returns
    -------
    Experimental

    Raises
    ------
    TooFewSamples
        No pair lies in any lag.

    Examples
    --------
    >>> positions_m = np.array([[0.0, 0.0, 0.5], [100.0, 0.0, 0.5], [200.0, 0.0, 0.5]])
    >>> one, other = np.array([1.0, 2.0, 4.0]), np.array([5.0, 4.0, 1.0])
    >>> experimental_cross_variogram(positions_m, one, other, np.array(["a", "b", "c"]), 1.0, np.array([0.0, 150.0])).semivariance.tolist()
    [-1.75]
    """
    return _layered(positions_m, one, other, cores, layer_m, lag_edges_m, "matheron")


def _layered(
    positions_m: Array, one: Array, other: Array, cores: NDArray[Any], layer_m: float, lag_edges_m: Array, estimator: Estimator
) -> Experimental:
    """Data are sorted first, so that their order does not matter; pairs are taken in blocks, so that memory does not grow with their number."""
    known = np.isfinite(one) & np.isfinite(other)
    (x, y, depth_m), core = positions_m[known].T, np.unique(cores[known], return_inverse=True)[1]
    columns = np.stack([x, y, depth_m, one[known], other[known], core.astype(float)])
    x, y, depth_m, one, other, core = columns[:, np.lexsort((*columns[[4, 3, 1, 0]], depth_m, core))]
    steps = 1 + int(np.rint(np.ptp(depth_m) / layer_m)) if depth_m.size else 1
    down, across = np.zeros((steps, 3)), np.zeros((len(lag_edges_m) + 1, 3))
    for i, j in _pairs_down(core):
        vertical_m = depth_m[j] - depth_m[i]
        _add(down, np.rint(vertical_m / layer_m).astype(np.int64), vertical_m, _pair_part(one[j] - one[i], other[j] - other[i], estimator))
    x, y, depth_m, one, other, core = columns[:, np.lexsort((*columns[[4, 3, 5, 1, 0]], columns[2]))]
    for i, j in _pairs_beside(depth_m, 0.5 * layer_m):
        horizontal_m = np.sqrt((x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2)
        apart = (core[i] != core[j]) & (horizontal_m > 0)
        lag = np.where(apart, np.digitize(horizontal_m, lag_edges_m, right=True), 0)
        _add(across, lag, horizontal_m, _pair_part(one[j] - one[i], other[j] - other[i], estimator))
    down_m, down_semivariance, down_pairs = _means(down[1:], estimator)
    across_m, across_semivariance, across_pairs = _means(across[1:-1], estimator)
    pairs = np.concatenate([down_pairs, across_pairs])
    if not pairs.size:
        raise TooFewSamples(_no_pair(len(one), float(lag_edges_m[-1])))
    return Experimental(
        np.concatenate([np.zeros(down_m.size), across_m]),
        np.concatenate([down_m, np.zeros(across_m.size)]),
        np.concatenate([down_semivariance, across_semivariance]),
        pairs,
    )


def _pairs_down(core: NDArray[Any]) -> Iterator[tuple[Integers, Integers]]:
    """Pairs of one core, for data sorted by core: those next to each other, then those two places apart, and so on."""
    longest = int(np.unique(core, return_counts=True)[1].max(initial=0))
    for places in range(1, longest):
        upper = np.flatnonzero(core[places:] == core[:-places])
        yield upper, upper + places


def _pairs_beside(depth_m: Array, reach_m: float) -> Iterator[tuple[Integers, Integers]]:
    """Pairs at about equal depth, for data sorted by depth, some millions at a time."""
    partners = np.searchsorted(depth_m, depth_m + reach_m * (1 + 1e-9), side="right") - np.arange(1, len(depth_m) + 1)
    before = np.concatenate([[0], np.cumsum(partners)])
    start = 0
    while start < len(depth_m):
        stop = max(int(np.searchsorted(before, before[start] + _BLOCK_PAIRS, side="right")) - 1, start + 1)
        i = np.repeat(np.arange(start, stop), partners[start:stop])
        yield i, np.arange(before[start], before[stop]) - before[i] + i + 1
        start = stop


def _pair_part(one: Array, other: Array, estimator: Estimator) -> Array:
    """What a pair with these differences adds to the sum of its lag."""
    if estimator == "cressie_hawkins":
        return np.sqrt(np.abs(one))
    _refuse_unknown("estimator", estimator, ("cressie_hawkins", "matheron"))
    return one * other


def _add(sums: Array, group: Integers, lag_m: Array, part: Array) -> None:
    """Add pairs to the (groups, 3) sums of count, lag and part."""
    for column, weight in enumerate((np.ones_like(lag_m), lag_m, part)):
        sums[:, column] += np.bincount(group, weights=weight, minlength=len(sums))


def _means(sums: Array, estimator: Estimator) -> tuple[Array, Array, Integers]:
    """Mean lag, semivariance and number of pairs from sums (lags, 3) of count, lag and part; empty lags are left out."""
    sums = sums[sums[:, 0] > 0]
    pairs, mean = sums[:, 0], sums[:, 2] / sums[:, 0]
    semivariance = 0.5 * mean
    if estimator == "cressie_hawkins":
        semivariance = 0.5 * mean**4 / (0.457 + 0.494 / pairs + 0.045 / pairs**2)
    return sums[:, 1] / pairs, semivariance, pairs.astype(np.int64)


def _no_pair(data: int, reach_m: float) -> str:
    return f"a variogram of {data} data: no pair lies in any lag up to {reach_m:g} m. Let the lags reach farther (max_lag_share), or add samples."


def omnidirectional_variogram(positions_m: Array, values: Array, lag_edges_m: Array, estimator: Estimator = "matheron") -> LagVariogram:
    r"""Variogram over pairs in every direction.

    .. math::
        \hat\gamma(h) = \frac{1}{2N}\sum_{\text{pairs}} (z - z')^2, \qquad
        \hat\gamma_{CH}(h) = \frac12\,\frac{\big(\frac1N\sum |z - z'|^{1/2}\big)^4}{0.457 + 0.494/N + 0.045/N^2}

    Matheron (1963), and the robust estimator of Cressie & Hawkins (1980), unbiased to order :math:`1/N^2` for independent normal differences.

    The result does not depend, bit for bit, on the order of the data or on the number of threads. No array of pairs is made: time grows with the
    square of the data (blocks of points farther apart than the last edge are skipped), memory does not.

    Parameters
    ----------
    positions_m : (n, 2) or (n, 3) array
        Easting, northing, depth in metres; finite.
    values : (n,) array
        NaN where unknown; such data are left out.
    lag_edges_m : (lags + 1,) array
        Edges in metres, rising, not negative; a pair on an edge belongs to the shorter lag.
    estimator : {"matheron", "cressie_hawkins"}

    Returns
    -------
    LagVariogram

    Raises
    ------
    TooFewSamples
        No pair lies in any lag.
    ValueError
        Edges do not rise, a position is not finite, or the estimator is unknown.

    Examples
    --------
    >>> line_m = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    >>> omnidirectional_variogram(line_m, np.array([1.0, 3.0, 2.0]), np.array([0.0, 1.5, 3.0])).semivariance
    array([1.25, 0.5 ])
    """
    return _through_space(positions_m, values, values, lag_edges_m, estimator, None)


def cross_variogram(positions_m: Array, one: Array, other: Array, lag_edges_m: Array) -> LagVariogram:
    """Cross-variogram of two variables over pairs in every direction; see :func:`experimental_cross_variogram` for the formula.

    Parameters
    ----------
    positions_m : (n, 2) or (n, 3) array
        Easting, northing, depth in metres; finite.
    one, other : (n,) arrays
        The variables at the same positions; NaN where unknown. Pairs count where both are known.
    lag_edges_m : (lags + 1,) array
        As for :func:`omnidirectional_variogram`.

    Returns
    -------
    LagVariogram

    Raises
    ------
    TooFewSamples
        No pair lies in any lag.
    ValueError
        Edges do not rise, or a position is not finite.

    Examples
    --------
    >>> line_m = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    >>> cross_variogram(line_m, np.array([1.0, 2.0, 4.0]), np.array([5.0, 4.0, 1.0]), np.array([0.0, 1.5])).semivariance.tolist()
    [-1.75]
    """
    return _through_space(positions_m, one, other, lag_edges_m, "matheron", None)


def directional_variogram(
    positions_m: Array,
    values: Array,
    lag_edges_m: Array,
    azimuth_deg: float,
    dip_deg: float,
    tolerance_deg: float,
    bandwidth_m: float = np.inf,
    estimator: Estimator = "matheron",
) -> LagVariogram:
    """Variogram over pairs near one direction of space, or its opposite.

    Parameters
    ----------
    positions_m : (n, 2) or (n, 3) array
        Easting, northing, depth in metres; finite.
    values, lag_edges_m, estimator
        As for :func:`omnidirectional_variogram`.
    azimuth_deg : float
        Clockwise from north.
    dip_deg : float
        Below the horizontal, 90 is straight down.
    tolerance_deg : float
        Largest angle between pair and direction, above 0; 90 takes every pair. A pair at the very angle is taken.
    bandwidth_m : float
        Largest distance of one point from the line through the other along the direction, metres (Deutsch & Journel 1998, p. 49).

    Returns
    -------
    LagVariogram

    Raises
    ------
    TooFewSamples
        No pair lies in any lag.
    ValueError
        Edges do not rise, a position is not finite, the estimator is unknown, or the tolerance is not within 0 to 90.

    Examples
    --------
    >>> corners_m = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> values, edges_m = np.array([1.0, 1.0, 3.0, 3.0]), np.array([0.0, 1.2])
    >>> [directional_variogram(corners_m, values, edges_m, azimuth_deg, 0.0, 10.0).semivariance.tolist() for azimuth_deg in (0.0, 90.0)]
    [[2.0], [0.0]]
    """
    if not (0 < tolerance_deg <= 90 and bandwidth_m > 0):
        msg = f"tolerance_deg is {tolerance_deg} and bandwidth_m {bandwidth_m}; allowed are above 0 to 90, and above 0"
        raise ValueError(msg)
    azimuth, dip = np.deg2rad(azimuth_deg), np.deg2rad(dip_deg)
    # Rounding must not decide on a pair that lies exactly at the tolerance or the bandwidth.
    narrow = 0.0 if tolerance_deg == 90 else float(np.cos(np.deg2rad(tolerance_deg))) * (1 - 1e-12)
    direction = np.array([np.sin(azimuth) * np.cos(dip), np.cos(azimuth) * np.cos(dip), np.sin(dip), narrow, bandwidth_m**2 * (1 + 1e-12)])
    return _through_space(positions_m, values, values, lag_edges_m, estimator, direction)


def downcore_variogram(positions_m: Array, values: Array, cores: NDArray[Any], lag_edges_m: Array, estimator: Estimator = "matheron") -> LagVariogram:
    """Variogram over pairs of one core, by vertical distance.

    Parameters
    ----------
    positions_m : (n, 3) array
        Easting, northing, depth in metres; only the depth counts.
    values : (n,) array
        NaN where unknown; such data are left out.
    cores : (n,) array
        Label of each datum's core.
    lag_edges_m, estimator
        As for :func:`omnidirectional_variogram`, vertical.

    Returns
    -------
    LagVariogram

    Raises
    ------
    TooFewSamples
        No core holds a pair in any lag.
    ValueError
        Edges do not rise, a depth is not finite, or the estimator is unknown.

    Examples
    --------
    >>> positions_m = np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 1.5], [50.0, 0.0, 0.5], [50.0, 0.0, 1.5]])
    >>> downcore_variogram(positions_m, np.array([1.0, 2.0, 5.0, 8.0]), np.array(["a", "a", "b", "b"]), np.array([0.0, 1.5])).semivariance.tolist()
    [2.5]
    """
    bounds_m = _bounds_m(lag_edges_m)
    known = np.isfinite(values)
    depth_m, values, core = positions_m[known, 2], values[known], np.unique(cores[known], return_inverse=True)[1]
    _refuse_infinite(depth_m)
    order = np.lexsort((values, depth_m, core))
    depth_m, values, core = depth_m[order], values[order], core[order]
    sums = np.zeros((len(bounds_m) - 1, 3))
    for i, j in _pairs_down(core):
        difference = values[j] - values[i]
        _add(sums, np.searchsorted(bounds_m, depth_m[j] - depth_m[i]) - 1, depth_m[j] - depth_m[i], _pair_part(difference, difference, estimator))
    return _lag_variogram(sums, bounds_m, lag_edges_m, estimator, len(values))


def _through_space(positions_m: Array, one: Array, other: Array, lag_edges_m: Array, estimator: Estimator, direction: Array | None) -> LagVariogram:
    """Variogram of all pairs, or of those in one direction."""
    bounds_m = _bounds_m(lag_edges_m)
    _refuse_unknown("estimator", estimator, ("cressie_hawkins", "matheron"))
    known = np.isfinite(one) & np.isfinite(other)
    positions_m, one, other = np.asarray(positions_m, dtype=float)[known], one[known], other[known]
    _refuse_infinite(positions_m)
    if len(one) < 2:
        raise TooFewSamples(_no_pair(len(one), float(lag_edges_m[-1])))
    if positions_m.shape[1] == 2:
        positions_m = np.column_stack([positions_m, np.zeros(len(one))])
    sums = pair_sums(positions_m, one, other, bounds_m, direction, robust=estimator == "cressie_hawkins")
    return _lag_variogram(sums, bounds_m, lag_edges_m, estimator, len(one))


def _bounds_m(lag_edges_m: Array) -> Array:
    """Bounds of all groups of pairs: zero distance, shorter than the first edge, the lags, beyond the last edge."""
    edges_m = np.asarray(lag_edges_m, dtype=float)
    if edges_m.ndim != 1 or edges_m.size < 2 or not np.isfinite(edges_m).all() or edges_m[0] < 0 or not (np.diff(edges_m) > 0).all():
        msg = f"lag_edges_m is {edges_m.tolist()}; two or more rising distances from 0 up are needed"
        raise ValueError(msg)
    return np.concatenate([[-1.0], np.unique([0.0, *edges_m]), [np.inf]])


def _refuse_infinite(positions_m: Array) -> None:
    if not np.isfinite(positions_m).all():
        msg = "a position of a known value is not finite; leave such data out"
        raise ValueError(msg)


def _refuse_unknown(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        msg = f"unknown {what} {value!r}; known are {', '.join(known)}"
        raise ValueError(msg)


def _lag_variogram(sums: Array, bounds_m: Array, lag_edges_m: Array, estimator: Estimator, data: int) -> LagVariogram:
    """From sums (groups, 3) over all groups of :func:`_bounds_m`."""
    _, zero, zero_pairs = _means(sums[:1], estimator)
    first = int(np.searchsorted(bounds_m, lag_edges_m[0]))
    lag_m, semivariance, pairs = _means(sums[first:-1], estimator)
    if not pairs.size:
        raise TooFewSamples(_no_pair(data, float(lag_edges_m[-1])))
    return LagVariogram(lag_m, semivariance, pairs, float(zero[0]) if zero.size else np.nan, int(zero_pairs.sum()))


def lag_edges_m(positions_m: Array, lags: int, max_lag_share: float) -> Array:
    """Edges of equally wide horizontal lags up to a share of the largest distance.

    Parameters
    ----------
    positions_m : (n, 2) or (n, 3) array
        Easting and northing in metres; a depth is not looked at.
    lags : int
    max_lag_share : float
        Longest lag as a share of the largest distance.

    Returns
    -------
    (lags + 1,) array
        From 0, in metres.

    Examples
    --------
    >>> lag_edges_m(np.array([[0.0, 0.0], [300.0, 400.0], [100.0, 0.0]]), 2, 0.5).tolist()
    [0.0, 125.0, 250.0]
    """
    return np.linspace(0.0, _largest_distance_m(positions_m[:, :2]) * max_lag_share, lags + 1)


def _largest_distance_m(places_m: Array) -> float:
    """In blocks: no array of all pairs."""
    if len(places_m) * len(places_m) <= _BLOCK_PAIRS:
        return float(pdist(places_m).max())
    rows = max(1, _BLOCK_PAIRS // len(places_m))
    return max(float(cdist(places_m[start : start + rows], places_m[start:]).max()) for start in range(0, len(places_m), rows))


def automatic_lag_edges_m(positions_m: Array, min_pairs: int = 30, max_lag_share: float = 0.5, max_lags: int = 25) -> Array:
    """Edges of horizontal lags that suit the survey: as fine as its spacing, none too thin.

    Lags start a quarter of the median nearest-neighbour distance wide, or wider so that there are at most ``max_lags``, and reach to a share of the
    largest distance; each is joined with the next until it holds ``min_pairs`` pairs of positions (Journel & Huijbregts 1978, p. 194: at least
    30 pairs, up to half the extent). Distinct positions count, not data: the layers of a pair of cores repeat each other.

    Where fewer than three lags can hold that many, the minimum is a third of all pairs within reach, so that up to three lags remain; where fewer
    than three pairs are within reach, the lags reach to the largest distance. The numbers of pairs tell the reader.

    Parameters
    ----------
    positions_m : (n, 2) or (n, 3) array
        Easting and northing in metres; a depth is not looked at. Positions within a millimetre are one.
    min_pairs : int
    max_lag_share : float
        Longest lag as a share of the largest distance, above 0 to 1.
    max_lags : int
        Largest number of lags before joining.

    Returns
    -------
    (lags + 1,) array
        From 0, in metres.

    Raises
    ------
    TooFewSamples
        All data are at one position.

    Examples
    --------
    >>> grid_m = np.array([[x, y] for x in range(0, 5_000, 1_000) for y in range(0, 5_000, 1_000)], dtype=float)
    >>> automatic_lag_edges_m(grid_m).round(0).tolist()
    [0.0, 1029.0, 1543.0, 2057.0, 2828.0]
    """
    places_m = np.unique(np.round(np.asarray(positions_m, dtype=float)[:, :2], 3), axis=0)
    if len(places_m) < 2:
        msg = f"lags of {len(positions_m)} data at {len(places_m)} position: a variogram needs two positions or more. Add cores elsewhere."
        raise TooFewSamples(msg)
    tree = cKDTree(places_m)
    spacing_m = float(np.median(np.asarray(tree.query(places_m, k=2)[0])[:, 1]))
    # Rounding to a millimetre must not lose the longest pair.
    extent_m = _largest_distance_m(places_m) + 0.002

    def fine(reach_m: float) -> tuple[Array, Integers]:
        edges_m = np.linspace(0.0, reach_m, int(np.clip(reach_m / (0.25 * spacing_m), 1, max_lags)) + 1)
        # Both orders of a pair and each point with itself are counted.
        within = (np.asarray(tree.count_neighbors(tree, edges_m)) - len(places_m)) // 2
        return edges_m, np.diff(within)

    edges_m, pairs = fine(max_lag_share * extent_m)
    if pairs.sum() < 3:
        edges_m, pairs = fine(extent_m)
    wanted = min(min_pairs, max(int(pairs.sum()) // 3, 1))
    kept, held = [0], 0
    for lag, count in enumerate(pairs, start=1):
        held += int(count)
        if held >= wanted:
            kept.append(lag)
            held = 0
    # A thin rest joins the last lag.
    kept[-1] = len(pairs)
    return np.asarray(edges_m[kept])


def fit_model(
    lag_m: Array,
    semivariance: Array,
    pairs: Integers,
    kinds: Sequence[str],
    weights: Weights = "cressie",
    fit_nugget: bool = True,
    range_bounds_m: tuple[float, float] | None = None,
    coincident: tuple[float, int] | None = None,
) -> Fit:
    r"""Fit a nugget and nested isotropic structures by weighted least squares.

    .. math:: \sum_j w_j\,(\hat\gamma_j - \gamma(h_j))^2, \qquad
        w_j = N_j/\gamma(h_j)^2\ (\text{cressie}),\quad N_j/h_j^2\ (\text{gstat}),\quad N_j\ (\text{pairs})

    Cressie (1985), eq. 17; Pebesma (2004), the default of gstat. Several starts, the best wins. Nugget and sills lie between 0 and ten times the
    pair-weighted mean semivariance, ranges between their bounds: positive definite by construction.

    Parameters
    ----------
    lag_m, semivariance : (lags,) arrays
        For instance of :func:`omnidirectional_variogram`.
    pairs : (lags,) int array
    kinds : sequence of str
        Shape of each nested structure, as :class:`Structure` names them.
    weights : {"cressie", "gstat", "pairs"}
    fit_nugget : bool
        Without, the nugget is 0.
    range_bounds_m : (lowest, highest), optional
        Of every range, in metres; by default half the shortest lag and ten times the longest.
    coincident : (semivariance, pairs), optional
        Of the pairs at zero distance: there the model is its nugget. The weight ``gstat`` of these pairs is that of the shortest lag.

    Returns
    -------
    Fit
        If every semivariance is 0 (all values equal), a model without sill.

    Raises
    ------
    TooFewSamples
        Fewer lags than parameters.
    ValueError
        A lag is not positive, there is no structure, or the weights are unknown.

    Examples
    --------
    >>> model = CovarianceModel(0.2, (Structure("spherical", 0.8, 1_000.0),))
    >>> lag_m = np.arange(100.0, 2_000.0, 100.0)
    >>> fit = fit_model(lag_m, model.semivariance(lag_m, 0 * lag_m), np.full(lag_m.size, 50), ["spherical"])
    >>> round(fit.model.nugget, 4), round(fit.model.structures[0].sill, 4), round(fit.model.structures[0].horizontal_range_m, 1)
    (0.2, 0.8, 1000.0)
    """
    _refuse_unknown("weights", weights, ("cressie", "gstat", "pairs"))
    if not kinds or not (np.asarray(lag_m) > 0).all():
        msg = f"{len(kinds)} structures and a shortest lag of {np.min(lag_m, initial=np.inf)} m; at least one structure and positive lags are needed"
        raise ValueError(msg)
    at_m, measured, count = (np.asarray(column, dtype=float) for column in (lag_m, semivariance, pairs))
    distance_m = at_m
    if coincident is not None and coincident[1] > 0 and fit_nugget:
        at_m, measured, count = (np.append(column, extra) for column, extra in zip((at_m, measured, count), (0.0, *coincident), strict=True))
        distance_m = np.append(distance_m, distance_m.min(initial=np.inf))
    free = 2 * len(kinds) + fit_nugget
    if len(at_m) < free:
        msg = f"{len(at_m)} lags cannot fix {free} parameters of a variogram model. Take narrower lags, fewer structures, no nugget, or more samples."
        raise TooFewSamples(msg)
    low, high = np.log(range_bounds_m if range_bounds_m is not None else (0.5 * distance_m.min(), 10 * distance_m.max()))
    scale = float(np.average(measured, weights=count))
    if scale <= 0:
        return Fit(CovarianceModel(0.0, (Structure(kinds[0], 0.0, float(np.exp(high)), float(np.exp(high))),)), 0.0, ("sill",))
    # A column of ones is the nugget: present at every lag, zero distance included.
    ones = np.ones((len(at_m), int(fit_nugget)))

    def shapes(log_ranges: Array) -> Array:
        parts = [1 - correlation(kind, (at_m * np.exp(-log_range)) ** 2) for kind, log_range in zip(kinds, log_ranges, strict=True)]
        return np.column_stack([ones, *parts])

    def misfit(parameters: Array) -> Array:
        modelled = shapes(parameters[-len(kinds) :]) @ parameters[: -len(kinds)]
        if weights == "cressie":
            return np.asarray(np.sqrt(count) * (measured / scale / np.maximum(modelled, 1e-6) - 1))
        return np.asarray(root * (measured / scale - modelled))

    root = np.sqrt(count) / (distance_m if weights == "gstat" else 1.0)
    unit = 1.0 if weights == "cressie" else float(root.max())
    root = root / unit
    sills = len(kinds) + fit_nugget
    lower, upper = np.repeat([0.0, low], [sills, len(kinds)]), np.repeat([10.0, high], [sills, len(kinds)])
    guesses = []
    choose = combinations if len(set(kinds)) == 1 else permutations
    for shares in choose(_NESTED_START_RANGES, len(kinds)):
        ranges = low + np.array(shares) * (high - low)
        guess, miss = nnls(root[:, None] * shapes(ranges), root * measured / scale)
        guesses.append((miss, tuple(np.clip(guess, 1e-3, 9.0)), tuple(ranges)))
    # For given ranges the best sills are known: only the most promising ranges are refined.
    starts = [np.array([*sill, *ranges]) for _, sill, ranges in sorted(guesses)[:_REFINED]]
    fits = [least_squares(misfit, start, bounds=(lower, upper), x_scale="jac", xtol=1e-10, ftol=1e-12, max_nfev=200) for start in starts]
    best = min(fits, key=lambda result: result.cost)
    touched = np.isclose(best.x, lower, atol=1e-5) | np.isclose(best.x, upper, atol=1e-5)
    ends = [""] if len(kinds) == 1 else [f" {k + 1}" for k in range(len(kinds))]
    names = ["nugget"] * fit_nugget + [f"sill{end}" for end in ends] + [f"range{end}" for end in ends]
    found = best.x[:sills] * scale
    structures = tuple(
        Structure(kind, float(sill), float(np.exp(a)), float(np.exp(a)))
        for kind, sill, a in zip(kinds, found[int(fit_nugget) :], best.x[sills:], strict=True)
    )
    cost = 2 * float(best.cost) * (1.0 if weights == "cressie" else (unit * scale) ** 2)
    model = CovarianceModel(float(found[0]) if fit_nugget else 0.0, structures)
    return Fit(model, cost, tuple(name for name, on in zip(names, touched, strict=True) if on))


def fit_variogram(experimental: Experimental, kind: str, horizontal_range_m: tuple[float, float], vertical_range_m: tuple[float, float]) -> Fit:
    r"""Fit nugget, one anisotropic structure and one zonal structure by weighted least squares.

    .. math:: \gamma(d_h, d_v) = c_0 + c_1\,\gamma_1\!\big(\sqrt{(d_h/a_h)^2 + (d_v/a_v)^2}\big) + c_2\,\gamma_1(d_h/a_h)

    minimises :math:`\sum_j N_j (\hat\gamma_j/\gamma_j - 1)^2` (Cressie 1985). The zonal part :math:`c_2` differs between cores and not within
    one: without vertical lags it is left out. Several starts, the best wins; positive definite by construction.

    Parameters
    ----------
    experimental : Experimental
        Of standardised values, whose variance is near 1, or 0 where nothing varies.
    kind : str
        Shape of both structures, as :class:`Structure` names it.
    horizontal_range_m, vertical_range_m : (lowest, highest)
        Bounds in metres.

    Returns
    -------
    Fit

    Examples
    --------
    >>> model = CovarianceModel(0.2, (Structure("exponential", 0.8, 5_000.0, vertical_range_m=4.0),))
    >>> horizontal_m, vertical_m = np.array([0.0, 0.0, 0.0, 1_000.0, 3_000.0, 6_000.0]), np.array([1.0, 2.0, 4.0, 0.0, 0.0, 0.0])
    >>> experimental = Experimental(horizontal_m, vertical_m, model.semivariance(horizontal_m, vertical_m), np.full(6, 40))
    >>> fit = fit_variogram(experimental, "exponential", (500.0, 50_000.0), (0.5, 50.0))
    >>> round(fit.model.nugget, 2), round(fit.model.structures[0].vertical_range_m, 1), fit.at_bounds
    (0.2, 4.0, ('zonal sill',))
    """
    has_vertical = bool((experimental.vertical_m > 0).any())
    scale = float(np.average(experimental.semivariance, weights=experimental.pairs)) if experimental.pairs.sum() else 0.0
    low_h, high_h = np.log(horizontal_range_m)
    low_v, high_v = np.log(vertical_range_m)
    names = ["nugget", "sill", "horizontal range", "vertical range", "zonal sill"]
    free = np.array([True, True, True, has_vertical, has_vertical])
    lower = np.array([0.0, 0.0, low_h, low_v, 0.0])
    upper = np.array([10.0, 10.0, high_h, high_v, 10.0])
    if scale <= _ROUNDING:
        flat = CovarianceModel(0.0, (Structure(kind, 0.0, horizontal_range_m[1], vertical_range_m[1]),))
        return Fit(flat, 0.0, ("sill",))

    def complete(reduced: Array) -> tuple[float, ...]:
        full = np.array([0.0, 0.0, 0.0, 0.5 * (low_v + high_v), 0.0])
        full[free] = reduced
        return tuple(float(value) for value in full)

    def misfit(reduced: Array) -> Array:
        nugget, sill, horizontal, vertical, zonal = complete(reduced)
        h2, v2 = (experimental.horizontal_m * np.exp(-horizontal)) ** 2, (experimental.vertical_m * np.exp(-vertical)) ** 2
        modelled = scale * (nugget + sill * (1 - correlation(kind, h2 + v2)) + zonal * (1 - correlation(kind, h2)))
        return np.sqrt(experimental.pairs) * (experimental.semivariance / np.maximum(modelled, 1e-6 * scale) - 1)

    starts = (np.array([0.1, 0.7, low_h + share * (high_h - low_h), low_v + 0.5 * (high_v - low_v), 0.2])[free] for share in _START_RANGES)
    fits = [
        least_squares(misfit, start, bounds=(lower[free], upper[free]), x_scale=np.maximum(upper - lower, 1.0)[free], xtol=1e-12) for start in starts
    ]
    best = min(fits, key=lambda result: result.cost)
    touched = np.isclose(best.x, lower[free], atol=1e-5) | np.isclose(best.x, upper[free], atol=1e-5)
    at_bounds = tuple(str(name) for name, on in zip(np.array(names)[free], touched, strict=True) if on)
    nugget, sill, horizontal, vertical, zonal = complete(best.x)
    parts = [Structure(kind, sill * scale, float(np.exp(horizontal)), float(np.exp(vertical)) if has_vertical else np.inf)]
    if has_vertical:
        parts.append(Structure(kind, zonal * scale, float(np.exp(horizontal)), np.inf))
    return Fit(CovarianceModel(nugget * scale, tuple(parts)), float(2 * best.cost), at_bounds)
