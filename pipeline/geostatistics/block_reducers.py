"""What is kept of realisations of blocks while they pass: totals over cut-offs, counts for percentiles and probabilities, sums for means.

Memory depends on the number of blocks, not on that of realisations. Counts are integers and sums run in a fixed order: no bit depends on threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from pipeline.geostatistics.compiled import CACHE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

_MOST = np.iinfo(np.uint16).max


def totals(density: NDArray[np.float32], metal: NDArray[np.float32], shares: Array, cutoffs: Array) -> Array:
    """Area, mud and metal of the blocks at or over each cut-off, of one realisation.

    Parameters
    ----------
    density, metal : (layers, cells) arrays
        Mass of mud, and of metal, by volume of block; their ratio times the unit of the cut-offs is the grade. NaN or 0 mud is no block.
    shares : (regions, cells) array
        Share of each cell in each region.
    cutoffs : (cutoffs,) array
        Rising.

    Returns
    -------
    (regions, cutoffs, 3) array
        Sum of the shares of the cells that hold at least one such block, and of density and metal by share over those blocks.
    """
    out = np.zeros((len(shares), len(cutoffs) + 1, 3))
    _add_totals(density, metal, shares, np.asarray(cutoffs, dtype=np.float64), out)
    # Everything over a cut-off is also over the lower ones.
    return np.ascontiguousarray(np.cumsum(out[:, :0:-1], axis=1)[:, ::-1])


def group_totals(density: NDArray[np.float32], metal: NDArray[np.float32], share: Array, group_of: Integers, groups: int, cutoffs: Array) -> Array:
    """Mud and metal of the blocks at or over each cut-off, of one realisation, in groups of cells.

    Parameters
    ----------
    density, metal, cutoffs
        As in :func:`totals`.
    share : (cells,) array
        Share of each cell that counts.
    group_of : (cells,) int array
        Group of each cell.
    groups : int

    Returns
    -------
    (cutoffs, groups, 2) array
        Sum of density and of metal, by share.
    """
    out = np.zeros((len(cutoffs) + 1, groups, 2))
    _add_groups(density, metal, share, group_of, np.asarray(cutoffs, dtype=np.float64), out)
    return np.ascontiguousarray(np.cumsum(out[:0:-1], axis=0)[::-1])


@dataclass
class Distribution:
    r"""Percentiles of many values over realisations, from counts in classes of equal width of the logarithm.

    The percentile p is the value below which :math:`p\,(n + 1)` of n realisations lie (Weibull 1939): the next value drawn lies below it with
    probability p. Linear in the logarithm inside a class, so that it is off by less than a class is wide.

    Parameters
    ----------
    items : int
        Number of values.
    low, high : float
        Classes lie between them; what lies outside is counted in the outermost.
    classes : int
    cutoffs : sequence of float
        Rising; values at or over each are counted exactly.
    """

    items: int
    low: float
    high: float
    classes: int
    cutoffs: Sequence[float] = ()
    count: int = field(default=0, init=False)
    counts: NDArray[np.uint16] = field(init=False)
    over: NDArray[np.uint16] = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing counted."""
        self.counts = np.zeros((self.items, self.classes), dtype=np.uint16)
        self.over = np.zeros((self.items, len(self.cutoffs) + 1), dtype=np.uint16)

    def add(self, values: NDArray[Any]) -> None:
        """Count one realisation, an (items,) array; what is NaN is not there in it, and percentiles and probabilities are of the others."""
        if self.count == _MOST:
            msg = f"percentiles take up to {_MOST:,} realisations"
            raise ValueError(msg)
        self.count += 1
        step = np.log(self.high / self.low) / self.classes
        _count(values.reshape(-1), np.log(self.low), 1 / step, np.array(self.cutoffs, dtype=np.float64), self.counts, self.over)

    def percentiles(self, shares: Sequence[float]) -> Array:
        """(shares, items) values below which the given shares of realisations lie; NaN for what was in none."""
        step = np.log(self.high / self.low) / self.classes
        out = np.empty((len(shares), self.items))
        _percentiles(self.counts, np.array(shares, dtype=np.float64), np.log(self.low), step, out)
        return out

    def probabilities(self) -> Array:
        """(cutoffs, items) share of the realisations at or over each cut-off; NaN for what was in none."""
        over = np.cumsum(self.over[:, ::-1], axis=1, dtype=np.int64)
        with np.errstate(invalid="ignore"):
            return np.asarray(over[:, -2::-1].T / over[:, -1])


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _add_totals(density: Any, metal: Any, shares: Array, cutoffs: Array, out: Array) -> None:  # pragma: no cover - compiled
    layers, cells = density.shape
    for cell in range(cells):
        highest = -1
        for layer in range(layers):
            mud = density[layer, cell]
            if not mud > 0:
                continue
            grade = metal[layer, cell] / mud
            over = 0
            for cutoff in cutoffs:
                if grade >= cutoff:
                    over += 1
            highest = max(highest, over)
            for region in range(shares.shape[0]):
                share = shares[region, cell]
                if share > 0:
                    out[region, over, 1] += share * mud
                    out[region, over, 2] += share * metal[layer, cell]
        if highest >= 0:
            for region in range(shares.shape[0]):
                out[region, highest, 0] += shares[region, cell]


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _add_groups(density: Any, metal: Any, share: Array, group_of: Any, cutoffs: Array, out: Array) -> None:  # pragma: no cover - compiled
    layers, cells = density.shape
    for cell in range(cells):
        if not share[cell] > 0:
            continue
        group = group_of[cell]
        for layer in range(layers):
            mud = density[layer, cell]
            if not mud > 0:
                continue
            grade = metal[layer, cell] / mud
            over = 0
            for cutoff in cutoffs:
                if grade >= cutoff:
                    over += 1
            out[over, group, 0] += share[cell] * mud
            out[over, group, 1] += share[cell] * metal[layer, cell]


# Not parallel: it runs beside the threads that make the next realisations, and would wait for them.
@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _count(values: Any, low: float, scale: float, cutoffs: Array, counts: Any, over: Any) -> None:  # pragma: no cover - compiled
    last = counts.shape[1] - 1
    for i in range(values.size):
        value = values[i]
        if np.isnan(value):
            continue
        number = 0
        if value > 0:
            number = min(max(int((np.log(value) - low) * scale), 0), last)
        counts[i, number] += np.uint16(1)
        above = 0
        for cutoff in cutoffs:
            if value >= cutoff:
                above += 1
        over[i, above] += np.uint16(1)


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _ranked(counts: Any, rank: int) -> float:  # pragma: no cover - compiled
    """Where the value of a rank, from 1, lies in the classes: the k-th of n values in a class lies at (k - 1/2) / n of it."""
    below = 0
    for number in range(counts.size):
        here = int(counts[number])
        if here > 0 and below + here >= rank:
            return number + (rank - below - 0.5) / here
        below += here
    return np.nan


@numba.njit(parallel=True, cache=CACHE, nogil=True, error_model="numpy")
def _percentiles(counts: Any, shares: Array, low: float, step: float, out: Array) -> None:  # pragma: no cover - compiled
    for i in numba.prange(counts.shape[0]):
        count = 0
        for number in range(counts.shape[1]):
            count += int(counts[i, number])
        for s in range(shares.size):
            wanted = min(max(shares[s] * (count + 1), 1.0), float(count))
            rank = int(wanted)
            lower, upper = _ranked(counts[i], rank), _ranked(counts[i], min(rank + 1, count))
            out[s, i] = np.exp(low + step * (lower + (wanted - rank) * (upper - lower)))
