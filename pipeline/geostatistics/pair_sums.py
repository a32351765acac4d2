"""Sums over all pairs of data by distance, without a list of pairs: the heart of experimental variograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from pipeline.geostatistics.compiled import CACHE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

_BLOCK_POINTS = 128
_CURVE_BITS = 10
_LANES = 4
_MAX_CELLS = 4096


def pair_sums(positions_m: Array, one: Array, other: Array, bounds_m: Array, direction: Array | None, *, robust: bool) -> Array:
    """Count, sum of lags and sum of products of differences of all pairs, by group of distance.

    Data are sorted along a curve through space and cut into blocks; blocks that lie too far apart are passed over together. Neither the order of the
    data nor the number of threads changes a bit.

    Parameters
    ----------
    positions_m : (n, 3) array
    one, other : (n,) arrays
        The two variables; the same for a variogram.
    bounds_m : (groups + 1,) array
        A pair belongs to the group with lower bound < distance <= upper bound; the first is negative, the last infinite.
    direction : (5,) array, optional
        Unit vector, least cosine, and squared width of the band; pairs outside count as infinitely far.
    robust : bool
        Sum the roots of absolute differences of ``one`` in place of the products.

    Returns
    -------
    (groups, 4) array
        The fourth column only pads.
    """
    order = np.lexsort((other, one, *positions_m.T, _curve(positions_m)))
    # A flat survey needs two coordinates only.
    axes = 3 if direction is not None or np.ptp(positions_m[:, 2]) > 0 else 2
    at = np.ascontiguousarray(positions_m[order, :axes].T)
    starts = np.append(np.arange(0, len(one), _BLOCK_POINTS), len(one))
    boxes = np.stack([np.minimum.reduceat(at, starts[:-1], axis=1), np.maximum.reduceat(at, starts[:-1], axis=1)])
    lags_m = bounds_m[(bounds_m >= 0) & np.isfinite(bounds_m)]
    cells_per_m = min(1 / float(np.diff(lags_m).min()), _MAX_CELLS / float(lags_m[-1]))
    cells = np.arange(int(lags_m[-1] * cells_per_m) + 2) / cells_per_m
    first_group = np.minimum(np.searchsorted(bounds_m, cells, side="right") - 1, len(bounds_m) - 2)
    one, other = (np.ascontiguousarray(values[order], dtype=float) for values in (one, other))
    aimed = np.empty(0) if direction is None else direction
    sums = _pair_sums(at, one, other, robust, starts, boxes, bounds_m, first_group, cells_per_m, aimed)
    return np.asarray(sums.sum(axis=(0, 2)))


def _curve(positions_m: Array) -> Integers:
    """Place of each position along a curve that keeps neighbours together (Morton 1966)."""
    extent_m = float(np.ptp(positions_m, axis=0).max()) or 1.0
    cells = ((positions_m - positions_m.min(axis=0)) / extent_m * (2**_CURVE_BITS - 1)).astype(np.int64)
    axes = cells.shape[1]
    place = np.zeros(len(cells), dtype=np.int64)
    for bit in range(_CURVE_BITS):
        for axis in range(axes):
            place |= ((cells[:, axis] >> bit) & 1) << (bit * axes + axis)
    return place


@numba.njit(cache=CACHE, parallel=True, nogil=True, error_model="numpy")
def _pair_sums(
    at: Array,
    one: Array,
    other: Array,
    robust: bool,
    starts: Integers,
    boxes: Array,
    bounds_m: Array,
    first_group: Integers,
    cells_per_m: float,
    direction: Array,
) -> Array:  # pragma: no cover - compiled
    """(blocks, groups, lanes, 4) sums of count, lag and part over the pairs of each block with itself and later ones.

    Each block has sums of its own, so that threads do not change a bit; the fourth place only pads.
    """
    blocks = starts.size - 1
    sums = np.zeros((blocks, bounds_m.size - 1, _LANES, 4))
    for turn in numba.prange(blocks):
        # Early blocks have more partners: long and short turns alternate.
        block = turn // 2 if turn % 2 == 0 else blocks - 1 - turn // 2
        _add_block(block, at, one, other, robust, starts, boxes, bounds_m, first_group, cells_per_m, direction, sums[block])
    return sums


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _add_block(
    block: int,
    at: Array,
    one: Array,
    other: Array,
    robust: bool,
    starts: Integers,
    boxes: Array,
    bounds_m: Array,
    first_group: Integers,
    cells_per_m: float,
    direction: Array,
    sums: Array,
) -> None:  # pragma: no cover - compiled
    """Lags and parts of a run of pairs are computed first, in vector instructions, then sorted into groups."""
    last_cell = first_group.size - 1
    lag_m, part = np.empty(_BLOCK_POINTS), np.empty(_BLOCK_POINTS)
    cell = np.empty(_BLOCK_POINTS, dtype=np.int32)
    for partner in range(block, starts.size - 1):
        if _gap_m(boxes, block, partner) > bounds_m[-2]:
            continue
        for i in range(starts[block], starts[block + 1]):
            first = max(i + 1, starts[partner])
            count = starts[partner + 1] - first
            _fill_lags(at, i, first, count, lag_m)
            if direction.size:
                _drop_other_directions(at, direction, i, first, count, lag_m)
            _fill_parts(one, other, robust, i, first, count, part)
            for j in range(count):
                cell[j] = np.int32(min(lag_m[j] * cells_per_m, last_cell))
            for j in range(count):
                group = first_group[cell[j]]
                while lag_m[j] > bounds_m[group + 1]:
                    group += 1
                while lag_m[j] <= bounds_m[group]:
                    group -= 1
                # Neighbouring pairs add to different lanes: none waits for the sum before it.
                lane = j & (_LANES - 1)
                sums[group, lane, 0] += 1.0
                sums[group, lane, 1] += lag_m[j]
                sums[group, lane, 2] += part[j]


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _gap_m(boxes: Array, block: int, partner: int) -> float:  # pragma: no cover - compiled
    """Shortest distance between the boxes around two blocks."""
    total = 0.0
    for axis in range(boxes.shape[1]):
        gap = max(boxes[0, axis, partner] - boxes[1, axis, block], boxes[0, axis, block] - boxes[1, axis, partner], 0.0)
        total += gap * gap
    return float(np.sqrt(total))


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _fill_lags(at: Array, i: int, first: int, count: int, lag_m: Array) -> None:  # pragma: no cover - compiled
    x, y = at[0, i], at[1, i]
    if at.shape[0] == 2:
        for j in range(count):
            dx, dy = at[0, first + j] - x, at[1, first + j] - y
            lag_m[j] = np.sqrt(dx * dx + dy * dy)
    else:
        z = at[2, i]
        for j in range(count):
            dx, dy, dz = at[0, first + j] - x, at[1, first + j] - y, at[2, first + j] - z
            lag_m[j] = np.sqrt(dx * dx + dy * dy + dz * dz)


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _drop_other_directions(at: Array, direction: Array, i: int, first: int, count: int, lag_m: Array) -> None:  # pragma: no cover - compiled
    """A pair outside the cone or the band is put beyond the last lag."""
    a, b, c, narrow, band2_m2 = direction[0], direction[1], direction[2], direction[3], direction[4]
    for j in range(count):
        dx, dy, dz = at[0, first + j] - at[0, i], at[1, first + j] - at[1, i], at[2, first + j] - at[2, i]
        along = abs(dx * a + dy * b + dz * c)
        across_x, across_y, across_z = dy * c - dz * b, dz * a - dx * c, dx * b - dy * a
        aside2 = across_x * across_x + across_y * across_y + across_z * across_z
        if along < narrow * lag_m[j] or aside2 > band2_m2:
            lag_m[j] = np.inf


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _fill_parts(one: Array, other: Array, robust: bool, i: int, first: int, count: int, part: Array) -> None:  # pragma: no cover - compiled
    a, b = one[i], other[i]
    if robust:
        for j in range(count):
            part[j] = np.sqrt(abs(one[first + j] - a))
    else:
        for j in range(count):
            part[j] = (one[first + j] - a) * (other[first + j] - b)
