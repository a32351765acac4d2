"""Tiles: targets that lie together, so that they see the same few data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from pipeline.geostatistics.compiled import CACHE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

_PART = 2**14  # targets that one thread looks through at a time


def sorted_by_box(reduction: Array, targets_m: Array, size: int) -> tuple[Integers, Integers]:
    """Order of targets by boxes of equal sides in a metric, and where each box starts: no more than ``size`` targets in any.

    Parameters
    ----------
    reduction : (3, 3) array
        Turns a lag in metres into one in the metric.
    targets_m : (targets, 3) array
    size : int
    """
    targets_m = np.ascontiguousarray(targets_m, dtype=np.float64)
    key, bins = _tile_keys(reduction, targets_m, size)
    return _sorted_by_tile(key, bins, size)


def _tile_keys(reduction: Array, targets_m: Array, size: int) -> tuple[Integers, int]:
    """Number of the box that holds each target, and how many boxes there are."""
    low, high = _reduced_bounds(reduction, targets_m)
    extent = high - low
    boxes = np.ones(3, dtype=np.int64)
    wide = extent > 0
    # Sides are equal; a direction that is thinner than the side drops out and the others share its boxes.
    for _ in range(3):
        if not wide.any():
            break
        side = (np.prod(extent[wide]) * size / len(targets_m)) ** (1 / wide.sum())
        boxes = np.where(wide, np.maximum(np.rint(extent / side), 1), 1).astype(np.int64)
        thin = wide & (extent < side)
        if not thin.any():
            break
        wide &= ~thin
    step = np.where(boxes > 1, boxes / np.where(extent > 0, extent, 1.0), 0.0)
    return _box_numbers(reduction, targets_m, low, step, boxes), int(boxes.prod())


@numba.njit(cache=CACHE, nogil=True, parallel=True, error_model="numpy")
def _reduced_bounds(m: Array, targets_m: Array) -> tuple[Array, Array]:  # pragma: no cover - compiled
    """Lowest and highest coordinate of the targets along each axis of a metric."""
    parts = (targets_m.shape[0] + _PART - 1) // _PART
    low, high = np.full((parts, 3), np.inf), np.full((parts, 3), -np.inf)
    for part in numba.prange(parts):
        for i in range(part * _PART, min((part + 1) * _PART, targets_m.shape[0])):
            for axis in range(3):
                u = m[axis, 0] * targets_m[i, 0] + m[axis, 1] * targets_m[i, 1] + m[axis, 2] * targets_m[i, 2]
                low[part, axis], high[part, axis] = min(low[part, axis], u), max(high[part, axis], u)
    lowest, highest = np.full(3, np.inf), np.full(3, -np.inf)
    for part in range(parts):
        for axis in range(3):
            lowest[axis], highest[axis] = min(lowest[axis], low[part, axis]), max(highest[axis], high[part, axis])
    return lowest, highest


@numba.njit(cache=CACHE, nogil=True, parallel=True, error_model="numpy")
def _box_numbers(m: Array, targets_m: Array, low: Array, step: Array, boxes: Integers) -> Integers:  # pragma: no cover - compiled
    key = np.empty(targets_m.shape[0], dtype=np.int64)
    for i in numba.prange(targets_m.shape[0]):
        number = 0
        for axis in range(3):
            u = m[axis, 0] * targets_m[i, 0] + m[axis, 1] * targets_m[i, 1] + m[axis, 2] * targets_m[i, 2]
            number = number * boxes[axis] + max(0, min(boxes[axis] - 1, int((u - low[axis]) * step[axis])))
        key[i] = number
    return key


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _sorted_by_tile(key: Integers, bins: int, size: int) -> tuple[Integers, Integers]:  # pragma: no cover - compiled
    """Stable counting sort; boxes that hold more than ``size`` targets are cut into equal tiles."""
    first = np.zeros(bins + 1, dtype=np.int64)
    for k in key:
        first[k + 1] += 1
    tiles = 0
    for b in range(bins):
        tiles += (first[b + 1] + size - 1) // size
        first[b + 1] += first[b]
    starts = np.empty(tiles + 1, dtype=np.int64)
    tile = 0
    for b in range(bins):
        held = first[b + 1] - first[b]
        parts = (held + size - 1) // size
        for part in range(parts):
            starts[tile] = first[b] + held * part // parts
            tile += 1
    starts[tiles] = key.size
    order = np.empty(key.size, dtype=np.int64)
    for i in range(key.size):
        order[first[key[i]]] = i
        first[key[i]] += 1
    return order, starts
