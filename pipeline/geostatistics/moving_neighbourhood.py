"""Kriging from the data near each target: a search ellipsoid, and small systems that are solved many at a time.

Every target gets exactly the data that the rules of its own neighbourhood name, so tiles leave no seams. Targets of one tile that share a
neighbourhood share its factorisation; different systems are solved side by side in the lanes of vector instructions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np
from scipy.spatial import cKDTree

from pipeline.geostatistics.compiled import CACHE
from pipeline.geostatistics.covariance import POINT, Block, CovarianceModel, Kernel, add_covariance, contiguous, ellipsoid_reduction
from pipeline.geostatistics.kriging_system import Estimate, solvable_kernel, target_variance
from pipeline.geostatistics.lanes import LANES, dot, factorise, fit_drift, solve_lower, solve_small
from pipeline.geostatistics.target_tiles import sorted_by_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.geostatistics.coregionalisation import Coregionalisation

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_TILE_TARGETS = 128
_UNLIMITED = 2**62
_HAIR = 1e-9  # relative; search radii grow by it, so that rounding loses no candidate


@dataclass(frozen=True)
class Neighbourhood:
    """Which data estimate a target.

    Data are taken in the order of their distance from the target, measured in the search ellipsoid (equal distances: in the order of their
    position), as far as the limits let them. With all radii infinite the distance is that of the model's first structure.

    Parameters
    ----------
    max_data : int
        At most so many data.
    min_data : int
        With fewer the target stays NaN.
    horizontal_radius_m, vertical_radius_m : float
        Of the search ellipsoid along its major and its third axis; a datum on it is taken.
    minor_radius_m : float, optional
        Across the major axis; the same as along it unless given.
    azimuth_deg, dip_deg, rake_deg : float
        Of the ellipsoid, as in :class:`~pipeline.geostatistics.covariance.Structure`.
    max_per_core : int, optional
        At most so many data of one core.
    max_per_octant : int, optional
        At most so many data in one octant around the target, along the ellipsoid's axes.

    Raises
    ------
    ValueError
        A number or a radius is not positive, or some radii are infinite and others are not.

    Examples
    --------
    At most two data of one core, from no farther than 5 km along and 2 m down:

    >>> rules = Neighbourhood(max_data=16, max_per_core=2, horizontal_radius_m=5_000.0, vertical_radius_m=2.0)
    >>> rules.is_limited
    True
    """

    max_data: int = 24
    min_data: int = 1
    horizontal_radius_m: float = np.inf
    vertical_radius_m: float = np.inf
    minor_radius_m: float | None = None
    azimuth_deg: float = 0.0
    dip_deg: float = 0.0
    rake_deg: float = 0.0
    max_per_core: int | None = None
    max_per_octant: int | None = None

    def __post_init__(self) -> None:
        """Refuse rules that no datum can follow."""
        for name in ("max_data", "min_data", "max_per_core", "max_per_octant"):
            value = getattr(self, name)
            if value is not None and value < 1:
                msg = f"{name} is {value}; it must be at least 1"
                raise ValueError(msg)
        if self.min_data > self.max_data:
            msg = f"min_data {self.min_data} is above max_data {self.max_data}"
            raise ValueError(msg)
        if not all(radius_m > 0 for radius_m in self.radii_m):
            msg = f"search radii are {self.radii_m} m; all must be positive"
            raise ValueError(msg)
        if not self.is_limited and not np.all(np.isinf(self.radii_m)):
            msg = f"search radii are {self.radii_m} m; give all of them or none (a very long one does not limit its direction)"
            raise ValueError(msg)

    @property
    def radii_m(self) -> tuple[float, float, float]:
        """Along the major, the minor and the third axis."""
        return self.horizontal_radius_m, self.minor_radius_m or self.horizontal_radius_m, self.vertical_radius_m

    @property
    def is_limited(self) -> bool:
        """Whether the ellipsoid has an end."""
        return bool(np.all(np.isfinite(self.radii_m)))

    def metric(self, kernel: Kernel) -> Array:
        """(3, 3) matrix that turns a lag in metres into one whose length is the search distance."""
        if self.is_limited:
            return ellipsoid_reduction(self.radii_m, self.azimuth_deg, self.dip_deg, self.rake_deg)
        return kernel.reductions[0] if kernel.kinds.size else np.eye(3)


def krige_moving(
    data_m: Array,
    values: Array,
    model: CovarianceModel | Coregionalisation,
    drift: Array,
    targets_m: Array,
    target_drift: Array,
    neighbourhood: Neighbourhood,
    *,
    error_variance: Array | None = None,
    support: Block = POINT,
    cores: Integers | None = None,
    variable: Integers | None = None,
    target_variable: int = 0,
) -> Estimate:
    """Krige points or blocks, each from its own neighbourhood.

    Parameters
    ----------
    data_m : (data, 3) array
        Sorted: equal search distances are decided by the order.
    values : (data,) array
    model : CovarianceModel or Coregionalisation
    drift : (data, drifts) array
        As in :class:`~pipeline.geostatistics.kriging_system.Kriging`.
    targets_m : (targets, 3) array
    target_drift : (targets, drifts) array
    neighbourhood : Neighbourhood
    error_variance : (data,) array, optional
    support : Block
    cores : (data,) int array, optional
        Number of each datum's core, for ``max_per_core``.
    variable, target_variable : (data,) int array, int
        In a model of coregionalisation.

    Returns
    -------
    Estimate
        NaN where a neighbourhood holds too few data, cannot tell its drift apart, or has coincident data without nugget.
    """
    kernel = solvable_kernel(model)
    count = len(data_m)
    variable = np.zeros(count, dtype=np.int64) if variable is None else variable
    errors = np.zeros(count) if error_variance is None else error_variance
    metric = neighbourhood.metric(kernel)
    # Coordinates of a map projection are large numbers: lags keep more digits near zero.
    data_m, targets_m = data_m - data_m[0], targets_m - data_m[0]
    order, starts = sorted_by_box(metric, targets_m, _TILE_TARGETS)
    is_greedy = neighbourhood.max_per_core is not None or neighbourhood.max_per_octant is not None
    candidates, first = _candidates(neighbourhood, metric, data_m, targets_m, order, starts, nearest_only=not is_greedy)
    nugget = kernel.nugget[target_variable, variable] if len(support.weights) == 1 else np.zeros(count)
    value, variance, slope = (np.full(len(targets_m), np.nan) for _ in range(3))
    data_m, values, drift, targets_m, target_drift, errors, nugget = contiguous(data_m, values, drift, targets_m, target_drift, errors, nugget)
    offsets_m, node_weights = contiguous(*support)
    _krige_tiles_moving(
        kernel.kinds, kernel.reductions, kernel.sills, kernel.nugget, target_variable, np.ascontiguousarray(variable), nugget, errors,
        np.zeros(count, dtype=np.int64) if cores is None else np.ascontiguousarray(cores), data_m, values, drift, targets_m, target_drift, order,
        starts, candidates, first, metric, neighbourhood.is_limited, min(neighbourhood.max_data, count), neighbourhood.min_data,
        neighbourhood.max_per_core or _UNLIMITED, neighbourhood.max_per_octant or _UNLIMITED, is_greedy,
        offsets_m, node_weights, target_variance(kernel, support, target_variable), value, variance, slope,
    )  # fmt: skip
    return Estimate(value, variance, slope)


def _candidates(
    neighbourhood: Neighbourhood, metric: Array, data_m: Array, targets_m: Array, order: Integers, starts: Integers, *, nearest_only: bool
) -> tuple[Integers, Integers]:
    """Data that can enter the neighbourhood of any target of a tile, in rising order: numbers, and where each tile's begin."""
    centres, radius = _tile_spheres(metric, np.ascontiguousarray(targets_m, dtype=np.float64), order, starts)
    reduced = data_m @ metric.T
    tree = cKDTree(reduced)
    reach = np.full(len(centres), np.inf)
    if nearest_only and neighbourhood.max_data < len(data_m):
        # From anywhere in the tile, so many data are no farther than this: triangle inequality, there and back.
        reach = np.asarray(tree.query(centres, k=[neighbourhood.max_data])[0])[:, 0] + 2 * radius
    if neighbourhood.is_limited:
        reach = np.minimum(reach, 1.0 + radius)
    if np.isinf(reach).any():
        return np.tile(np.arange(len(data_m)), len(centres)), np.arange(len(centres) + 1) * len(data_m)
    lists = tree.query_ball_point(centres, reach * (1 + _HAIR) + _HAIR, return_sorted=True)
    first = np.concatenate([[0], np.cumsum([len(found) for found in lists])])
    return np.concatenate([np.asarray(found, dtype=np.int64) for found in lists]), first.astype(np.int64)


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _tile_spheres(m: Array, targets_m: Array, order: Integers, starts: Integers) -> tuple[Array, Array]:  # pragma: no cover - compiled
    """Centre of each tile's bounding box in the search metric, and half its diagonal."""
    tiles = starts.size - 1
    centres, radius = np.empty((tiles, 3)), np.empty(tiles)
    for tile in range(tiles):
        diagonal2 = 0.0
        for axis in range(3):
            low, high = np.inf, -np.inf
            for c in range(starts[tile], starts[tile + 1]):
                i = order[c]
                u = m[axis, 0] * targets_m[i, 0] + m[axis, 1] * targets_m[i, 1] + m[axis, 2] * targets_m[i, 2]
                low, high = min(low, u), max(high, u)
            centres[tile, axis] = 0.5 * (low + high)
            diagonal2 += (high - low) ** 2
        radius[tile] = 0.5 * np.sqrt(diagonal2)
    return centres, radius


@numba.njit(cache=CACHE, parallel=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _krige_tiles_moving(
    kinds: Integers, reductions: Array, sills: Array, nugget: Array, target_variable: int, variable: Integers, target_nugget: Array,
    errors: Array, cores: Integers, data_m: Array, values: Array, drift: Array, targets_m: Array, target_drift: Array, order: Integers,
    starts: Integers, candidates: Integers, first: Integers, metric: Array, is_limited: bool, max_data: int, min_data: int, max_per_core: int,
    max_per_octant: int, is_greedy: bool, offsets_m: Array, node_weights: Array, target_variance: float, value: Array, variance: Array,
    slope: Array,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """A lane holds one system at a time and works off the targets that share it."""
    structures, drifts = kinds.size, drift.shape[1]
    lanes = max(8, min(LANES, 2**18 // (max_data * max_data) // 8 * 8))
    for tile in numba.prange(starts.size - 1):
        near = candidates[first[tile] : first[tile + 1]]
        begin, held = starts[tile], starts[tile + 1] - starts[tile]
        members, size, head, following, systems = _neighbourhoods(
            near, begin, held, order, targets_m, data_m, cores, metric, is_limited, max_data, min_data, max_per_core, max_per_octant, is_greedy
        )
        used, covariance = _covariance_of_used(near, members, size, systems, kinds, reductions, sills, nugget, variable, errors, data_m)
        factor = np.empty((max_data, max_data, lanes))
        solved = np.empty((drifts + 1, max_data, lanes))
        places, target = np.empty((structures, 3, max_data, lanes)), np.empty((structures, 3, lanes))
        sill = np.empty((structures, max_data, lanes))
        cross, h2, part = np.empty((max_data, lanes)), np.empty(max_data * lanes), np.empty(max_data * lanes)
        normal, coefficients = np.empty((lanes, drifts, drifts)), np.empty((lanes, drifts))
        explained, shared = np.empty(lanes), np.empty((drifts + 1, lanes))
        residual, corrected, work = np.empty(drifts), np.empty(drifts), np.empty(lanes)
        is_bad = np.empty(lanes, dtype=np.bool_)
        system_of, cursor = np.empty(lanes, dtype=np.int64), np.empty(lanes, dtype=np.int64)
        by_share = _by_share(head, following, systems)
        for start in range(0, systems, lanes):
            filled = min(lanes, systems - start)
            width = (filled + 7) // 8 * 8  # whole vectors: the last system is repeated in lanes that nobody reads
            largest = 0
            for lane in range(width):
                system_of[lane] = by_share[start + min(lane, filled - 1)]
                cursor[lane] = head[system_of[lane]]
                largest = max(largest, size[system_of[lane]])
            for lane in range(width):
                u = system_of[lane]
                _load(lane, members[u], size[u], largest, used, covariance, data_m, values, drift, reductions, sills[:, target_variable], variable,
                      factor, solved, sill, places)  # fmt: skip
            factorise(factor, largest, width, work, is_bad)
            for p in range(drifts + 1):
                solve_lower(factor, solved[p], largest, width, work)
            fit_drift(solved, drifts, largest, width, normal, coefficients, is_bad)
            while True:
                left = 0
                for lane in range(width):
                    if cursor[lane] >= 0:
                        left += lane < filled
                        _aim(targets_m[order[begin + cursor[lane]]], reductions, lane, target)
                if left == 0:
                    break
                _cross_covariance(kinds, reductions, sill, places, target, offsets_m, node_weights, largest, width, h2, part, cross)
                for lane in range(filled):
                    if cursor[lane] >= 0:
                        u = system_of[lane]
                        _share_nugget(targets_m[order[begin + cursor[lane]]], members[u], size[u], used, data_m, target_nugget, lane, cross)
                solve_lower(factor, cross, largest, width, work)
                dot(cross, cross, largest, width, explained)
                for p in range(drifts + 1):
                    dot(cross, solved[p], largest, width, shared[p])
                for lane in range(width):
                    if cursor[lane] < 0:
                        continue
                    i = order[begin + cursor[lane]]
                    cursor[lane] = following[cursor[lane]]
                    if lane >= filled or is_bad[lane]:
                        continue
                    total, drift_part, between = shared[drifts, lane], 0.0, 0.0
                    for p in range(drifts):
                        residual[p] = target_drift[i, p] - shared[p, lane]
                        total += target_drift[i, p] * coefficients[lane, p]
                        if normal[lane, p, p] == 0.0 and target_drift[i, p] != 0.0:
                            total = np.nan  # a drift of which the neighbourhood knows nothing
                    if total != total:
                        continue
                    solve_small(normal[lane], drifts, residual, corrected)
                    for p in range(drifts):
                        drift_part += corrected[p] * residual[p]
                        between += corrected[p] * shared[p, lane]
                    rest = target_variance - explained[lane] + drift_part
                    spread = explained[lane] + 2.0 * between + drift_part
                    value[i] = total
                    variance[i] = rest if not rest < 0.0 else 0.0
                    slope[i] = (explained[lane] + between) / spread if spread > 0.0 else np.nan


@numba.njit(nogil=True, error_model="numpy")
def _load(
    lane: int, members: Integers, size: int, largest: int, used: Integers, covariance: Array, data_m: Array, values: Array, drift: Array,
    reductions: Array, sills: Array, variable: Integers, factor: Array, solved: Array, sill: Array, places: Array,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Put one system into a lane, filled up to the largest with data that are independent of all else and weigh nothing."""
    structures, drifts = sill.shape[0], solved.shape[0] - 1
    for i in range(size):
        j = used[members[i]]
        for t in range(i + 1):
            factor[i, t, lane] = covariance[members[i], members[t]]
        for p in range(drifts):
            solved[p, i, lane] = drift[j, p]
        solved[drifts, i, lane] = values[j]
        for s in range(structures):
            sill[s, i, lane] = sills[s, variable[j]]
            for axis in range(3):
                m = reductions[s, axis]
                places[s, axis, i, lane] = m[0] * data_m[j, 0] + m[1] * data_m[j, 1] + m[2] * data_m[j, 2]
    for i in range(size, largest):
        for t in range(i):
            factor[i, t, lane] = 0.0
        factor[i, i, lane] = 1.0
        for p in range(drifts + 1):
            solved[p, i, lane] = 0.0
        for s in range(structures):
            sill[s, i, lane] = 0.0
            for axis in range(3):
                places[s, axis, i, lane] = 0.0


@numba.njit(nogil=True, error_model="numpy")
def _aim(target_m: Array, reductions: Array, lane: int, target: Array) -> None:  # pragma: no cover - compiled
    """Reduced coordinates of a lane's next target, in every structure."""
    for s in range(reductions.shape[0]):
        for axis in range(3):
            m = reductions[s, axis]
            target[s, axis, lane] = m[0] * target_m[0] + m[1] * target_m[1] + m[2] * target_m[2]


@numba.njit(nogil=True, error_model="numpy")
def _share_nugget(
    target_m: Array, members: Integers, size: int, used: Integers, data_m: Array, nugget: Array, lane: int, cross: Array
) -> None:  # pragma: no cover - compiled
    """A point that coincides with a datum shares its nugget: kriging honours the datum."""
    for i in range(size):
        j = used[members[i]]
        if nugget[j] != 0.0 and target_m[0] == data_m[j, 0] and target_m[1] == data_m[j, 1] and target_m[2] == data_m[j, 2]:
            cross[i, lane] += nugget[j]


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _neighbourhoods(
    near: Integers, begin: int, held: int, order: Integers, targets_m: Array, data_m: Array, cores: Integers, metric: Array, is_limited: bool,
    max_data: int, min_data: int, max_per_core: int, max_per_octant: int, is_greedy: bool,
) -> tuple[Integers, Integers, Integers, Integers, int]:  # fmt: skip # pragma: no cover - compiled
    """Distinct neighbourhoods of a tile (rising numbers in ``near``) and the targets of each as a chain from ``head`` by ``following``."""
    members = np.empty((held, max_data), dtype=np.int64)
    size, head, following = np.zeros(held, dtype=np.int64), np.full(held, -1), np.full(held, -1)
    slots, hashes = np.full(4 * held, -1), np.empty(held, dtype=np.uint64)
    reduced = np.empty((3, near.size))
    for axis in range(3):
        m = metric[axis]
        for j in range(near.size):
            datum = data_m[near[j]]
            reduced[axis, j] = m[0] * datum[0] + m[1] * datum[1] + m[2] * datum[2]
    distance2, work = np.empty(near.size), np.empty(near.size)
    is_chosen = np.zeros(near.size, dtype=np.bool_)
    taken = np.empty(max_data, dtype=np.int64)
    core_of, taken_of_core, in_octant = np.empty(near.size, dtype=np.int64), np.zeros(near.size, dtype=np.int64), np.zeros(8, dtype=np.int64)
    if is_greedy:
        _number_cores(cores, near, core_of)
    systems = 0
    for c in range(held):
        i = order[begin + c]
        x = metric[0, 0] * targets_m[i, 0] + metric[0, 1] * targets_m[i, 1] + metric[0, 2] * targets_m[i, 2]
        y = metric[1, 0] * targets_m[i, 0] + metric[1, 1] * targets_m[i, 1] + metric[1, 2] * targets_m[i, 2]
        z = metric[2, 0] * targets_m[i, 0] + metric[2, 1] * targets_m[i, 1] + metric[2, 2] * targets_m[i, 2]
        for j in range(near.size):
            u, v, w = reduced[0, j] - x, reduced[1, j] - y, reduced[2, j] - z
            distance2[j] = u * u + v * v + w * w
        if is_greedy:
            count = _greedy(
                distance2, reduced, x, y, z, core_of, taken_of_core, in_octant, is_limited, max_data, max_per_core, max_per_octant, is_chosen
            )
        else:
            count = _nearest(distance2, work, is_limited, max_data, is_chosen)
        if count < min_data or count == 0:
            for j in range(near.size):
                is_chosen[j] = False
            continue
        key, k = np.uint64(count), 0
        for j in range(near.size):
            if is_chosen[j]:
                is_chosen[j] = False
                taken[k] = j
                k += 1
                key = (key ^ np.uint64(j)) * np.uint64(0x9E3779B97F4A7C15)
                key ^= key >> np.uint64(29)
        slot = np.int64(key % np.uint64(slots.size))
        while True:
            found = slots[slot]
            if found < 0:
                slots[slot], found = systems, systems
                hashes[systems], size[systems] = key, count
                for k in range(count):
                    members[systems, k] = taken[k]
                systems += 1
                break
            if hashes[found] == key and size[found] == count:
                is_same = True
                for k in range(count):
                    if members[found, k] != taken[k]:
                        is_same = False
                        break
                if is_same:
                    break
            slot = (slot + 1) % slots.size
        following[c] = head[found]
        head[found] = c
    return members, size, head, following, systems


@numba.njit(nogil=True, error_model="numpy")
def _nearest(distance2: Array, work: Array, is_limited: bool, max_data: int, is_chosen: Flags) -> int:  # pragma: no cover - compiled
    """Mark the nearest data; of equal distances the first."""
    n = distance2.size
    limit = 1.0 if is_limited else np.inf
    inside = 0
    for j in range(n):
        if distance2[j] <= limit:
            work[inside] = distance2[j]
            inside += 1
    if inside > max_data:
        limit = _kth_smallest(work, inside, max_data - 1)
    count, ties = 0, max_data
    for j in range(n):
        if distance2[j] < limit:
            ties -= 1
    for j in range(n):
        if distance2[j] < limit or (distance2[j] == limit and ties > 0):
            if distance2[j] == limit:
                ties -= 1
            is_chosen[j] = True
            count += 1
    return count


@numba.njit(nogil=True, error_model="numpy")
def _kth_smallest(work: Array, n: int, k: int) -> float:  # pragma: no cover - compiled
    """Value of rank k (from 0), by Hoare's selection; the array is reordered."""
    low, high = 0, n - 1
    while low < high:
        pivot = work[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while work[i] < pivot:
                i += 1
            while pivot < work[j]:
                j -= 1
            if i <= j:
                work[i], work[j] = work[j], work[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return float(work[k])


@numba.njit(nogil=True, error_model="numpy")
def _greedy(
    distance2: Array, reduced: Array, x: float, y: float, z: float, core_of: Integers, taken_of_core: Integers, in_octant: Integers,
    is_limited: bool, max_data: int, max_per_core: int, max_per_octant: int, is_chosen: Flags,
) -> int:  # fmt: skip # pragma: no cover - compiled
    """Mark data by rising distance while their core and octant have room."""
    taken_of_core[:], in_octant[:] = 0, 0
    count = 0
    for j in np.argsort(distance2, kind="mergesort"):
        if count == max_data or (is_limited and distance2[j] > 1.0):
            break
        octant = (reduced[0, j] >= x) + 2 * (reduced[1, j] >= y) + 4 * (reduced[2, j] >= z)
        if taken_of_core[core_of[j]] < max_per_core and in_octant[octant] < max_per_octant:
            taken_of_core[core_of[j]] += 1
            in_octant[octant] += 1
            is_chosen[j] = True
            count += 1
    return count


@numba.njit(nogil=True, error_model="numpy")
def _number_cores(cores: Integers, near: Integers, core_of: Integers) -> None:  # pragma: no cover - compiled
    """Number the cores of a tile's candidates from 0."""
    numbers = np.unique(cores[near])
    for j in range(near.size):
        core_of[j] = np.searchsorted(numbers, cores[near[j]])


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _covariance_of_used(
    near: Integers, members: Integers, size: Integers, systems: int, kinds: Integers, reductions: Array, sills: Array, nugget: Array,
    variable: Integers, errors: Array, data_m: Array,
) -> tuple[Integers, Array]:  # fmt: skip # pragma: no cover - compiled
    """Covariance of all data that any target of the tile uses; ``members`` is renumbered to them."""
    number = np.full(near.size, -1)
    for u in range(systems):
        for k in range(size[u]):
            number[members[u, k]] = 0
    used = np.empty(near.size, dtype=np.int64)
    count = 0
    for j in range(near.size):
        if number[j] == 0:
            number[j] = count
            used[count] = near[j]
            count += 1
    for u in range(systems):
        for k in range(size[u]):
            members[u, k] = number[members[u, k]]
    covariance = np.zeros((count, count))
    h2, part = np.empty(count), np.empty(count)
    reduced = np.empty((3, count))
    for s in range(kinds.size):
        for axis in range(3):
            m = reductions[s, axis]
            for a in range(count):
                datum = data_m[used[a]]
                reduced[axis, a] = m[0] * datum[0] + m[1] * datum[1] + m[2] * datum[2]
        for a in range(count):
            for b in range(a + 1):
                u, v, w = reduced[0, a] - reduced[0, b], reduced[1, a] - reduced[1, b], reduced[2, a] - reduced[2, b]
                h2[b] = u * u + v * v + w * w
                part[b] = 0.0
            add_covariance(kinds[s], 1.0, h2, a + 1, part)
            for b in range(a + 1):
                covariance[a, b] += sills[s, variable[used[a]], variable[used[b]]] * part[b]
    for a in range(count):
        j = used[a]
        covariance[a, a] += nugget[variable[j], variable[j]] + errors[j]
        if nugget.shape[0] > 1:
            for b in range(a):
                k = used[b]
                if variable[j] != variable[k] and data_m[j, 0] == data_m[k, 0] and data_m[j, 1] == data_m[k, 1] and data_m[j, 2] == data_m[k, 2]:
                    covariance[a, b] += nugget[variable[j], variable[k]]
    return used, covariance


@numba.njit(nogil=True, error_model="numpy")
def _by_share(head: Integers, following: Integers, systems: int) -> Integers:  # pragma: no cover - compiled
    """Systems by falling number of targets: lanes that run side by side end together."""
    shares = np.zeros(systems, dtype=np.int64)
    for u in range(systems):
        c = head[u]
        while c >= 0:
            shares[u] -= 1
            c = following[c]
    return np.argsort(shares, kind="mergesort")


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _cross_covariance(
    kinds: Integers, reductions: Array, sill: Array, places: Array, target: Array, offsets_m: Array, node_weights: Array, n: int, width: int,
    h2: Array, part: Array, cross: Array,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Covariance of each lane's target with each lane's data, without nugget."""
    for i in range(n):
        for lane in range(width):
            cross[i, lane] = 0.0
    for s in range(kinds.size):
        for c in range(n * width):
            part[c] = 0.0
        for k in range(node_weights.size):
            x = reductions[s, 0, 0] * offsets_m[k, 0] + reductions[s, 0, 1] * offsets_m[k, 1] + reductions[s, 0, 2] * offsets_m[k, 2]
            y = reductions[s, 1, 0] * offsets_m[k, 0] + reductions[s, 1, 1] * offsets_m[k, 1] + reductions[s, 1, 2] * offsets_m[k, 2]
            z = reductions[s, 2, 0] * offsets_m[k, 0] + reductions[s, 2, 1] * offsets_m[k, 1] + reductions[s, 2, 2] * offsets_m[k, 2]
            for i in range(n):
                for lane in range(width):
                    u = target[s, 0, lane] + x - places[s, 0, i, lane]
                    v = target[s, 1, lane] + y - places[s, 1, i, lane]
                    w = target[s, 2, lane] + z - places[s, 2, i, lane]
                    h2[i * width + lane] = u * u + v * v + w * w
            add_covariance(kinds[s], node_weights[k], h2, n * width, part)
        for i in range(n):
            for lane in range(width):
                cross[i, lane] += sill[s, i, lane] * part[i * width + lane]
