"""Declustering: weights that undo the preference of surveys for some places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist, squareform
from scipy.stats import qmc, rankdata, t

from pipeline.errors import TooFewSamples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from shapely.geometry.base import BaseGeometry

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

_ORIGINS = 8
_SIZES = 24
_NEIGHBOUR = 2  # on a square grid every core, corners too, has two neighbours one spacing away: no edge shows as thin density
_ROUNDING = 1e-6  # spacings that differ by less, relative to the median, are equal


def polygonal_weights(easting_m: Array, northing_m: Array, region: BaseGeometry) -> Array:
    """Share of the region that is nearest to each position (polygons of influence; Isaaks & Srivastava 1989, p. 238).

    Parameters
    ----------
    easting_m, northing_m : (n,) arrays
        Positions in metres; coincident ones share their polygon equally.
    region : shapely geometry
        The region in the same coordinates, metres.

    Returns
    -------
    (n,) array
        Weights that sum to 1; equal weights where no polygon touches the region.

    Examples
    --------
    >>> from shapely import box
    >>> polygonal_weights(np.array([100.0, 200.0, 900.0]), np.full(3, 500.0), box(0.0, 0.0, 1_000.0, 1_000.0)).round(3).tolist()
    [0.15, 0.4, 0.45]
    """
    positions, owner, times = np.unique(np.column_stack([easting_m, northing_m]), axis=0, return_inverse=True, return_counts=True)
    owner = np.asarray(owner).ravel()
    if len(positions) == 1:
        return np.full(len(easting_m), 1 / len(easting_m))
    polygons = shapely.voronoi_polygons(shapely.MultiPoint(positions), extend_to=region.envelope, ordered=True)
    area = shapely.area(shapely.intersection(shapely.get_parts(polygons), region))
    if area.sum() <= 0:
        return np.full(len(easting_m), 1 / len(easting_m))
    weights = (area / times)[owner]
    return np.asarray(weights / weights.sum())


def cell_weights(positions_m: Array, cell_m: ArrayLike, origins: int = _ORIGINS) -> Array:
    r"""Weights by cell declustering: every occupied cell counts the same, and so does every core inside it (Deutsch 1989).

    .. math:: w_i = \frac1M \sum_{m=1}^{M} \frac{1}{B_m\,n_m(i)\,k_i}

    with :math:`B_m` the occupied cells of origin :math:`m`, :math:`n_m(i)` the distinct positions in the cell of :math:`i` and :math:`k_i` the data
    that share its position. The origins are the first points of the Halton sequence (Halton 1960): even in every direction, and without chance.

    Parameters
    ----------
    positions_m : (n, 2) or (n, 3) array
        Easting, northing and, if given, depth in metres.
    cell_m : float or (2,) or (3,) array
        Side of a cell in metres, one for all directions or one for each.
    origins : int
        Origins to average over, at least 8: with one, the weights depend on where the cells happen to begin.

    Returns
    -------
    (n,) array
        Weights that sum to 1. Equal among distinct positions where each has its own cell, or all share one.

    Raises
    ------
    TooFewSamples
        There is no position.
    ValueError
        A position is not finite, a side is not positive and finite, or there are fewer than 8 origins.

    Examples
    --------
    >>> cell_weights(np.array([[0.0, 0.0], [1.0, 0.0], [900.0, 0.0]]), 100.0).round(2).tolist()
    [0.25, 0.25, 0.5]
    """
    sites_m, site, times = _sites(positions_m)
    side_m = np.broadcast_to(np.asarray(cell_m, dtype=float), sites_m.shape[1:])
    if not (np.isfinite(side_m).all() and (side_m > 0).all()):
        msg = f"cell_m is {side_m.tolist()}; the side of a cell must be positive and finite, in metres"
        raise ValueError(msg)
    if origins < _ORIGINS:
        msg = f"origins is {origins}; weights depend on chance with fewer than {_ORIGINS}. Ask for {_ORIGINS} or more"
        raise ValueError(msg)
    inside = (sites_m - sites_m.min(axis=0)) / side_m
    share = np.zeros(len(sites_m))
    for shift in qmc.Halton(sites_m.shape[1], scramble=False).random(origins):
        _, cell, crowd = np.unique(np.floor(inside + shift), axis=0, return_inverse=True, return_counts=True)
        share += 1 / (crowd.size * crowd[np.asarray(cell).ravel()])
    return np.asarray((share / origins / times)[site])


def cell_sizes_m(positions_m: Array, sizes: int = _SIZES) -> Array:
    """Cell sides for a sweep, in geometric steps from the median distance to the nearest core to half the longest side of the survey.

    Parameters
    ----------
    positions_m : (n, 2) or (n, 3) array
    sizes : int

    Returns
    -------
    (sizes,) array
        Metres; of length 1 where the spacing is already that wide.

    Raises
    ------
    TooFewSamples
        Fewer than two distinct positions.
    """
    sites_m, _, _ = _sites(positions_m)
    if len(sites_m) < 2:
        msg = "cells cannot be sized from fewer than two distinct positions; give cells_m, or use equal weights"
        raise TooFewSamples(msg)
    nearest_m = float(np.median(_distance_m(sites_m, neighbour=1)))
    widest_m = float(np.ptp(sites_m, axis=0).max()) / 2
    return np.geomspace(nearest_m, widest_m, sizes) if widest_m > nearest_m else np.array([nearest_m])


def declustered_means(positions_m: Array, values: Array, cells_m: Array, origins: int = _ORIGINS) -> Array:
    """Mean of the values under cell weights, for each cell side.

    Parameters
    ----------
    positions_m : (n, 2) or (n, 3) array
    values : (n,) array
        NaN makes every mean NaN; leave such data out.
    cells_m : (sizes,) array
    origins : int

    Returns
    -------
    (sizes,) array
    """
    return np.array([cell_weights(positions_m, cell_m, origins) @ values for cell_m in cells_m])


@dataclass(frozen=True)
class Association:
    """Rank correlation between value and core density, and whether it is more than chance.

    Parameters
    ----------
    correlation : float
        Spearman's; positive where high values are cored more densely. NaN where values or density do not vary.
    effective_cores : float
        Independent cores that would be worth as much, given that both vary smoothly (Dutilleul 1993).
    p_value : float
        Two-sided; 1 where nothing can be shown.
    """

    correlation: float
    effective_cores: float
    p_value: float


def density_association(positions_m: Array, values: Array) -> Association:
    r"""Whether cores stand closer where values are high or low.

    Density at a core is :math:`2/(\pi d_2^2)`, with :math:`d_2` the distance to the second nearest other core: only ranks matter, so :math:`-d_2` is
    ranked. Two smooth fields correlate by chance far more often than independent pairs do. Spearman's :math:`r` is therefore tested by

    .. math:: t = r \sqrt{\frac{\nu}{1 - r^2}}, \qquad \nu = n_e - 2, \qquad
        n_e = 1 + \frac{\mathrm{tr}(B\Sigma_x)\,\mathrm{tr}(B\Sigma_y)}{\mathrm{tr}(B\Sigma_x B\Sigma_y)}

    with :math:`B = I - 11^T/n` and :math:`\Sigma` the autocovariance of the ranks by distance class (Clifford, Richardson & Hémon 1989; Dutilleul
    1993). :math:`n_e` is never taken above the number of cores.

    Parameters
    ----------
    positions_m : (n, 2) or (n, 3) array
        In metres. Data at one position are one core, with their mean value.
    values : (n,) array
        Finite.

    Returns
    -------
    Association

    Raises
    ------
    TooFewSamples
        There is no position.
    ValueError
        A position or value is not finite.

    Examples
    --------
    >>> easting_m = np.array([0.0, 10.0, 20.0, 35.0, 60.0, 100.0, 160.0, 250.0])
    >>> positions_m = np.column_stack([easting_m, np.zeros(8)])
    >>> round(density_association(positions_m, -easting_m).correlation, 3)
    0.929
    """
    sites_m, site, times = _sites(positions_m)
    _refuse_missing(values)
    if len(sites_m) <= _NEIGHBOUR:
        return Association(np.nan, float(len(sites_m)), 1.0)
    mean = np.bincount(site, weights=values) / times
    distance_m = _distance_m(sites_m, _NEIGHBOUR)
    ranks = rankdata(mean), -rankdata(np.round(distance_m / np.median(distance_m) / _ROUNDING))
    if min(np.ptp(rank) for rank in ranks) == 0:
        return Association(np.nan, float(len(sites_m)), 1.0)
    correlation = float(np.corrcoef(*ranks)[0, 1])
    effective = _effective_size(sites_m, *ranks)
    if effective <= 2:
        return Association(correlation, effective, 1.0)
    statistic = abs(correlation) * np.sqrt((effective - 2) / max(1 - correlation**2, np.finfo(float).eps))
    return Association(correlation, effective, float(2 * t.sf(statistic, effective - 2)))


@dataclass(frozen=True)
class Declustering:
    """Declustering weights, and why these.

    Parameters
    ----------
    weights : (n,) array
        Sum to 1.
    method : {"smallest mean", "largest mean", "given", "equal"}
        Cell weights at the smallest or largest mean of the sweep, else the weights that were given, else equal ones.
    reason : str
        One sentence for a reader.
    cell_m : float
        Chosen side in metres; NaN where no cells are used.
    cells_m, means : (sizes,) arrays
        The sweep.
    association : Association
    """

    weights: Array
    method: str
    reason: str
    cell_m: float
    cells_m: Array
    means: Array
    association: Association


def cell_declustering(
    positions_m: Array,
    values: Array,
    cells_m: Array | None = None,
    *,
    otherwise: Array | None = None,
    significance: float = 0.05,
    origins: int = _ORIGINS,
) -> Declustering:
    """Cell declustering that takes the extreme mean of the sweep only where coring is shown to follow the values.

    The smallest of many means lies below the true one even where cores stand evenly (-5.5 % in a trial). So it is taken only where values are higher
    in densely cored ground, and the largest only where they are lower, with a ``p_value`` of :func:`density_association` of at most
    ``significance``. Otherwise the weights given as ``otherwise`` are returned, or equal ones, and ``reason`` says so.

    Parameters
    ----------
    positions_m : (n, 2) or (n, 3) array
        In metres.
    values : (n,) array
        Finite.
    cells_m : (sizes,) array, optional
        Cell sides; by default :func:`cell_sizes_m`.
    otherwise : (n,) array, optional
        Weights, such as :func:`polygonal_weights`; they are scaled to sum to 1.
    significance : float
    origins : int

    Returns
    -------
    Declustering

    Raises
    ------
    TooFewSamples
        There is no position.
    ValueError
        A position or value is not finite, a cell side is not positive, or the weights given sum to nothing.

    Examples
    --------
    >>> evenly_m = np.array([[x, y] for x in range(0, 400, 100) for y in range(0, 400, 100)], dtype=float)
    >>> found = cell_declustering(evenly_m, np.arange(16.0))
    >>> found.method, round(float(found.weights @ np.arange(16.0)), 6)
    ('equal', 7.5)
    """
    association = density_association(positions_m, values)
    if cells_m is None:
        cells_m = cell_sizes_m(positions_m) if len(np.unique(positions_m, axis=0)) > 1 else np.empty(0)
    means = declustered_means(positions_m, values, cells_m, origins)
    p_value, correlation = association.p_value, association.correlation
    if not (p_value <= significance and means.size):
        weights, method = _scaled(otherwise, len(values)), "equal" if otherwise is None else "given"
        found = "core density or value does not vary" if np.isnan(correlation) else f"rank correlation {correlation:.2f}, p = {p_value:.2g}"
        reason = f"Values are not shown to follow core density ({found}): {method} weights."
        return Declustering(weights, method, reason, np.nan, cells_m, means, association)
    method = "smallest mean" if correlation > 0 else "largest mean"
    best = int(np.argmin(means) if correlation > 0 else np.argmax(means))
    side = "higher" if correlation > 0 else "lower"
    at_end = " The sweep ends there: widen it." if len(cells_m) > 1 and best in (0, len(cells_m) - 1) else ""
    reason = (
        f"Values are {side} where cores stand closer (rank correlation {correlation:.2f}, p = {p_value:.2g}): "
        f"{method}, at cells of {cells_m[best]:.6g} m.{at_end}"
    )
    return Declustering(cell_weights(positions_m, cells_m[best], origins), method, reason, float(cells_m[best]), cells_m, means, association)


def _sites(positions_m: Array) -> tuple[Array, Integers, Integers]:
    """Distinct positions, the number of the one each datum stands at, and how many data share each."""
    if len(positions_m) == 0:
        msg = "there is no position to weigh; give at least one core"
        raise TooFewSamples(msg)
    if not np.isfinite(positions_m).all():
        msg = f"{np.sum(~np.isfinite(positions_m).all(axis=1))} positions are not finite; leave them out"
        raise ValueError(msg)
    sites_m, site, times = np.unique(positions_m, axis=0, return_inverse=True, return_counts=True)
    return sites_m, np.asarray(site).ravel(), times


def _distance_m(sites_m: Array, neighbour: int) -> Array:
    """Distance from each site to its n-th nearest other one."""
    return np.asarray(cKDTree(sites_m).query(sites_m, k=neighbour + 1)[0])[:, -1]


def _refuse_missing(values: Array) -> None:
    if not np.isfinite(values).all():
        msg = f"{np.sum(~np.isfinite(values))} of {len(values)} values are not finite; leave them and their positions out"
        raise ValueError(msg)


def _scaled(weights: Array | None, count: int) -> Array:
    if weights is None:
        return np.full(count, 1 / count)
    total = float(np.sum(weights))
    if weights.shape != (count,) or not (np.isfinite(total) and total > 0 and (weights >= 0).all()):
        msg = f"weights given have shape {weights.shape} and sum {total}; one weight per value, none negative, not all zero"
        raise ValueError(msg)
    return weights / total


def _effective_size(sites_m: Array, one: Array, other: Array) -> float:
    """Effective number of independent pairs (Dutilleul 1993), with Sturges' number of distance classes; at most the number of sites."""
    distance_m = pdist(sites_m)
    classes = int(np.ceil(1 + np.log2(distance_m.size)))
    of_pair = np.minimum((distance_m / distance_m.max() * classes).astype(np.int64), classes - 1)
    covariances = [_centred(_autocovariance(rank - rank.mean(), of_pair, classes)) for rank in (one, other)]
    product = float(np.sum(covariances[0] * covariances[1]))
    if product <= 0:
        return float(len(sites_m))
    traces = float(np.trace(covariances[0]) * np.trace(covariances[1]))
    return float(np.clip(1 + traces / product, 1.0, len(sites_m)))


def _autocovariance(deviations: Array, of_pair: Integers, classes: int) -> Array:
    """(n, n) covariance of every pair, estimated as the mean product over its distance class."""
    upper = np.triu_indices(deviations.size, k=1)
    sums = np.bincount(of_pair, weights=deviations[upper[0]] * deviations[upper[1]], minlength=classes)
    by_class = sums / np.maximum(np.bincount(of_pair, minlength=classes), 1)
    matrix = squareform(by_class[of_pair])
    np.fill_diagonal(matrix, np.mean(deviations**2))
    return np.asarray(matrix)


def _centred(matrix: Array) -> Array:
    """B matrix B with B = I - 11'/n."""
    return np.asarray(matrix - matrix.mean(axis=0) - matrix.mean(axis=1)[:, None] + matrix.mean())
