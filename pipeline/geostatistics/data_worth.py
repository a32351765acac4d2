r"""What one more core would tell of a total: the part of its kriging variance that the core would take away, before it is drilled.

A core is a column of composites y, each with an error of variance R of its own. With the model of the field held fixed, the total T of the field is
a linear functional of it, and the variance that is left does not depend on what the core will show:

.. math:: \mathrm{Var}(T \mid z) - \mathrm{Var}(T \mid z, y) = c^T (\Sigma + R)^{-1} c, \qquad
    c = \mathrm{Cov}(T, y \mid z), \quad \Sigma = \mathrm{Cov}(y \mid z)

the update of kriging by new data (Chilès & Delfiner 2012, ch. 3; Emery 2009). Unknown means and drifts are part of every term: "given z" is the
covariance of kriging errors. Of several cores the joint reduction is the sum over them, each given those before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pipeline.geostatistics.layers import LayeredKriging

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

_TILE_COMPOSITES = 20_000
_NO_VARIANCE = 1e-12  # of the sill: two exact cores at one place are one
_EQUAL = 1e-9  # cells whose worth differs by less are equal: the first of them is taken, whatever the last bits say


@dataclass(frozen=True)
class Greedy:
    """Cores chosen one after the other.

    Parameters
    ----------
    cells : (cores,) int array
        Flat numbers of their cells.
    reduction : (cores,) array
        Of the variance of the total, by each core and all before it together.
    """

    cells: Integers
    reduction: Array


class DataWorth:
    """Worth of new cores in the middle of the cells of a grid, for the total of a layered field.

    Parameters
    ----------
    kriging : LayeredKriging
        Of the cores that there are.
    easting_m, northing_m : (rows, columns) arrays
        Centres of the cells.
    share : (rows, columns) array
        Weight of each column of blocks in the total; 0 where nothing is estimated.
    drift : (rows, columns, drifts) array, optional
        As :meth:`LayeredKriging.columns` takes it; finite where the share is not 0, and wherever a core may stand.
    error_variance : (layers estimated,) array, optional
        Of a new composite beyond the nugget of the model, in units of value squared.
    reached : (layers estimated,) bool array, optional
        Layers that a new core reaches; all of them by default.
    """

    def __init__(
        self,
        kriging: LayeredKriging,
        easting_m: Array,
        northing_m: Array,
        share: Array,
        *,
        drift: Array | None = None,
        error_variance: Array | None = None,
        reached: NDArray[np.bool_] | None = None,
    ) -> None:
        self._kriging = kriging
        self._easting_m, self._northing_m = easting_m.ravel(), northing_m.ravel()
        self._drift = None if drift is None else drift.reshape(share.size, -1)
        self._reached = np.ones(kriging.layers.size, dtype=bool) if reached is None else reached
        sd = kriging.statistics.sd[kriging.layers]
        error = np.zeros(sd.size) if error_variance is None else error_variance / sd**2
        own = kriging.model.nugget + error + _NO_VARIANCE * kriging.model.sill
        at_m = np.zeros(1)
        covariance = kriging.between_cores(at_m, at_m, np.zeros(2))[0] + np.diag(own)
        self._covariance = covariance[np.ix_(self._reached, self._reached)]
        weighted = np.flatnonzero(share.ravel() > 0)
        with_data = kriging.sum_covariance(self._easting_m[weighted], self._northing_m[weighted])
        self.variance = kriging.total(share, with_data, self._drift_of(weighted))[1]
        self._weights, self._multipliers = (part[0] for part in kriging.total_dual(share, with_data, self._drift_of(weighted)))
        self._with_total = kriging.total_with_cores(share).reshape(share.size, -1)[:, self._reached]

    def reductions(self, cells: Integers) -> Array:
        """Part of the variance of the total that one core alone takes away, for each of the cells (flat numbers), in units of value squared."""
        found = [_explained(with_total, covariance) for _, with_total, covariance in self._tiles(cells)]
        return np.concatenate(found) if found else np.empty(0)

    def joint(self, cells: Integers) -> Array:
        """Part that cores in these cells take away, each together with all before it."""
        candidates = _Candidates(self, cells)
        return np.cumsum([candidates.take(number) for number in range(len(cells))])

    def greedy(self, cells: Integers, count: int, min_distance_m: float) -> Greedy:
        """Choose cores one after the other, each where it takes most away given those before it: a good set, not provably the best one.

        Parameters
        ----------
        cells : (n,) int array
            Where a core may stand.
        count : int
            Cores wanted; fewer come back where no cell is left that is far enough from those chosen.
        min_distance_m : float
            Between chosen cores.
        """
        candidates, free = _Candidates(self, cells), np.ones(len(cells), dtype=bool)
        chosen: list[int] = []
        reduction = [0.0]
        while len(chosen) < count and free.any():
            worth = np.where(free, candidates.worth(), -np.inf)
            best = int(np.argmax(worth >= worth.max() * (1 - _EQUAL)))
            reduction.append(reduction[-1] + candidates.take(best))
            chosen.append(int(cells[best]))
            east_m, north_m = self._easting_m[cells] - self._easting_m[cells[best]], self._northing_m[cells] - self._northing_m[cells[best]]
            free &= np.hypot(east_m, north_m) >= max(min_distance_m, np.finfo(float).tiny)
        return Greedy(np.array(chosen, dtype=np.int64), np.array(reduction[1:]))

    def _drift_of(self, cells: Integers) -> Array | None:
        return None if self._drift is None else self._drift[cells]

    def _cores(self, cells: Integers) -> tuple[Array, Array]:
        """Covariance with the data and drift of the composites of cores in cells, (cells, layers reached, …)."""
        covariance, drift = self._kriging.cores(self._easting_m[cells], self._northing_m[cells], self._drift_of(cells))
        return covariance[:, self._reached], drift[:, self._reached]

    def _tiles(self, cells: Integers) -> Iterator[tuple[slice, Array, Array]]:
        """Runs of cells, with the covariance, given the data, of their cores with the total and of each core, (cells, layers) and (…, layers)."""
        step = max(1, _TILE_COMPOSITES // len(self._covariance))
        for start in range(0, len(cells), step):
            here = slice(start, start + step)
            covariance, drift = self._cores(cells[here])
            weights, multipliers = self._kriging.errors(covariance, drift)
            own = self._covariance - covariance @ weights.swapaxes(1, 2) + drift @ multipliers.swapaxes(1, 2)
            yield here, self._with_total[cells[here]] - covariance @ self._weights + drift @ self._multipliers, own

    def _with_one(self, cells: Integers, cell: int) -> Array:
        """(cells, layers, layers) covariance of cores with the core in one cell, given the data."""
        weights, multipliers = (part[0] for part in self._kriging.errors(*self._cores(np.array([cell]))))
        at_m = np.array([self._easting_m[cell], self._northing_m[cell]])
        step, parts = max(1, _TILE_COMPOSITES // len(self._covariance)), []
        for start in range(0, len(cells), step):
            here = cells[start : start + step]
            covariance, drift = self._cores(here)
            between = self._kriging.between_cores(self._easting_m[here], self._northing_m[here], at_m)[:, self._reached][:, :, self._reached]
            parts.append(between - covariance @ weights.T + drift @ multipliers.T)
        return np.concatenate(parts)


class _Candidates:
    """Covariances of many possible cores, given the data and the cores taken so far."""

    def __init__(self, worth: DataWorth, cells: Integers) -> None:
        layers = len(worth._covariance)
        self._worth, self._cells = worth, cells
        self._with_total, self._own = np.empty((len(cells), layers)), np.empty((len(cells), layers, layers))
        for here, with_total, own in worth._tiles(cells):
            self._with_total[here], self._own[here] = with_total, own
        self._taken: list[Array] = []

    def worth(self) -> Array:
        """What each takes away of the variance that is left."""
        return _explained(self._with_total, self._own)

    def take(self, number: int) -> float:
        """Add one of them to the data, and return what it takes away."""
        root = np.linalg.cholesky(self._own[number])
        told = np.linalg.solve(root, self._with_total[number])
        cross = self._worth._with_one(self._cells, int(self._cells[number]))
        for before in self._taken:
            cross -= before @ before[number].T
        # Covariance with the core taken, in its principal directions.
        shared = np.asarray(np.linalg.solve(root, cross.swapaxes(1, 2)).swapaxes(1, 2), dtype=np.float64)
        self._taken.append(shared)
        self._with_total = self._with_total - shared @ told
        self._own = self._own - shared @ shared.swapaxes(1, 2)
        return float(told @ told)


def _explained(with_total: Array, own: Array) -> Array:
    """Variance of the total that each core explains."""
    solved = np.linalg.solve(own, with_total[:, :, None])[:, :, 0]
    return np.asarray(np.einsum("nl,nl->n", with_total, solved))
