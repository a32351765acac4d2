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
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from pipeline.geostatistics.layers import LayeredKriging

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

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


class Apart:
    """Which places lie far enough from those chosen; a place is never chosen twice.

    Parameters
    ----------
    easting_m, northing_m : (n,) arrays
    min_distance_m : float
    """

    def __init__(self, easting_m: Array, northing_m: Array, min_distance_m: float) -> None:
        self._places_m, self._min_distance_m = np.column_stack([easting_m, northing_m]), max(min_distance_m, np.finfo(float).tiny)

    def __call__(self, chosen: list[int]) -> Mask:
        """(n,) whether each lies far enough from the chosen ones, given by their numbers."""
        free = np.ones(len(self._places_m), dtype=bool)
        for number in chosen:
            free &= np.hypot(*(self._places_m - self._places_m[number]).T) >= self._min_distance_m
        return free


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

    def reached_layers(self) -> Integers:
        """Numbers of the layers that a new core shows."""
        return self._kriging.layers[self._reached]

    def noise(self) -> Array:
        """(layers, layers) covariance of what the composites of a new core differ by from the means of the blocks that they stand in.

        What varies inside a block, the nugget and the error of the core, in units of value squared; of the layers that it reaches.
        """
        sd = self._kriging.statistics.sd[self._kriging.layers][self._reached]
        inside = self._covariance - self._kriging.between_blocks()[np.ix_(self._reached, self._reached)]
        return np.asarray(inside * np.outer(sd, sd))

    def reductions(self, cells: Integers) -> Array:
        """Part of the variance of the total that one core alone takes away, for each of the cells (flat numbers), in units of value squared."""
        found = [_explained(with_total, covariance) for _, with_total, covariance in self._tiles(cells)]
        return np.concatenate(found) if found else np.empty(0)

    def joint(self, cells: Integers) -> Array:
        """Part that cores in these cells take away, each together with all before it."""
        candidates = self._candidates(cells)
        return np.cumsum([candidates.take(number) for number in range(len(cells))])

    def greedy(self, cells: Integers, count: int, min_distance_m: float, may_follow: Callable[[list[int]], Mask] | None = None) -> Greedy:
        """Choose cores one after the other, each where it takes most away given those before it: a good set, not provably the best one.

        Parameters
        ----------
        cells : (n,) int array
            Where a core may stand.
        count : int
            Cores wanted; fewer come back where no cell is left that is far enough from those chosen.
        min_distance_m : float
            Between chosen cores.
        may_follow : callable, optional
            A further condition: for the positions in ``cells`` of those chosen so far, which (n,) may be chosen next.
        """
        apart = Apart(self._easting_m[cells], self._northing_m[cells], min_distance_m)

        def both(chosen: list[int]) -> Mask:
            return apart(chosen) if may_follow is None else apart(chosen) & may_follow(chosen)

        chosen, reduction = self._candidates(cells).choose(count, both)
        return Greedy(cells[np.array(chosen, dtype=np.int64)], reduction)

    def _candidates(self, cells: Integers) -> Candidates:
        layers = len(self._covariance)
        with_total, own = np.empty((len(cells), layers)), np.empty((len(cells), layers, layers))
        for here, found, covariance in self._tiles(cells):
            with_total[here], own[here] = found, covariance
        return Candidates(with_total, own, lambda number: self._with_one(cells, int(cells[number])))

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


class Candidates:
    """Covariances of many possible cores, given the data and the cores taken so far.

    Parameters
    ----------
    with_total : (candidates, composites) array
        Covariance of their composites with the total.
    own : (candidates, composites, composites) array
        Of the composites of each.
    cross : callable
        Gives, for the number of a candidate, the (candidates, composites, composites) covariance of the composites of all with those of that one,
        errors apart.
    """

    def __init__(self, with_total: Array, own: Array, cross: Callable[[int], Array]) -> None:
        self._with_total, self._own, self._cross = with_total, own, cross
        self._taken: list[Array] = []

    def worth(self) -> Array:
        """What each takes away of the variance that is left."""
        return _explained(self._with_total, self._own)

    def take(self, number: int) -> float:
        """Add one of them to the data, and return what it takes away."""
        root = np.linalg.cholesky(self._own[number])
        told = np.linalg.solve(root, self._with_total[number])
        cross = self._cross(number)
        for before in self._taken:
            cross = cross - before @ before[number].T
        # Covariance with the core taken, in its principal directions.
        shared = np.asarray(np.linalg.solve(root, cross.swapaxes(1, 2)).swapaxes(1, 2), dtype=np.float64)
        self._taken.append(shared)
        self._with_total = self._with_total - shared @ told
        self._own = self._own - shared @ shared.swapaxes(1, 2)
        return float(told @ told)

    def choose(self, count: int, may_follow: Callable[[list[int]], Mask]) -> tuple[list[int], Array]:
        """Take them one after the other, each where it takes most away given those before it.

        Parameters
        ----------
        count : int
            Wanted; fewer come back where none may follow.
        may_follow : callable
            Gives, for the numbers of those taken so far, which (candidates,) may be taken next.

        Returns
        -------
        numbers : list of int
        reduction : (chosen,) array
            By each and all before it together.
        """
        chosen: list[int] = []
        reduction = [0.0]
        while len(chosen) < count:
            free = may_follow(chosen)
            if not free.any():
                break
            worth = np.where(free, self.worth(), -np.inf)
            best = int(np.argmax(worth >= worth.max() - _EQUAL * abs(worth.max())))
            reduction.append(reduction[-1] + self.take(best))
            chosen.append(best)
        return chosen, np.array(reduction[1:])


def _explained(with_total: Array, own: Array) -> Array:
    """Variance of the total that each core explains."""
    solved = np.linalg.solve(own, with_total[:, :, None])[:, :, 0]
    return np.asarray(np.einsum("nl,nl->n", with_total, solved))


@dataclass(frozen=True)
class NewCores:
    """Cores beside those that were kriged, and what they showed.

    Parameters
    ----------
    positions_m : (cores, 2) array
    values : (cores, layers estimated) array
        NaN where a core shows nothing of a layer.
    drift : (cores, drifts) array, optional
        As :meth:`LayeredKriging.columns` takes it.
    """

    positions_m: Array
    values: Array
    drift: Array | None = None


@dataclass(frozen=True)
class UpdatedTotal:
    """A total without some cores and with them, under one model.

    Parameters
    ----------
    mean_without, variance_without, mean_with, variance_with : float
        In units of value and of value squared.
    predicted, sd : (cores, layers estimated) arrays
        What the other cores predict of the composites of these, and the standard deviation of what they miss; NaN where the values are.
    """

    mean_without: float
    variance_without: float
    mean_with: float
    variance_with: float
    predicted: Array
    sd: Array


def updated_total(
    kriging: LayeredKriging,
    easting_m: Array,
    northing_m: Array,
    share: Array,
    cores: NewCores,
    *,
    drift: Array | None = None,
    error_variance: Array | None = None,
) -> UpdatedTotal:
    r"""What some cores change in the kriged total of a region, with the model held fixed.

    With :math:`y^*` the kriging of the composites y of the cores from the data z without them,

    .. math:: E(T \mid z, y) = E(T \mid z) + c^T (\Sigma + R)^{-1} (y - y^*)

    and the variance as in :mod:`~pipeline.geostatistics.data_worth`: the same numbers as kriging with them among the data. A core that shows what
    was predicted leaves the mean and narrows the interval. Read backwards, it is what taking the cores away changes.

    Parameters
    ----------
    kriging : LayeredKriging
        Of the data without the cores.
    easting_m, northing_m, share, drift, error_variance
        As :class:`DataWorth` takes them.
    cores : NewCores
        At any places.
    """
    weighted = np.flatnonzero(share.ravel() > 0)
    region_drift = None if drift is None else drift.reshape(share.size, -1)[weighted]
    with_data = kriging.sum_covariance(easting_m.ravel()[weighted], northing_m.ravel()[weighted])
    mean, variance = kriging.total(share, with_data, region_drift)
    seen = np.isfinite(cores.values)
    predicted, sd = np.full(cores.values.shape, np.nan), np.full(cores.values.shape, np.nan)
    if not seen.any():
        return UpdatedTotal(mean, variance, mean, variance, predicted, sd)
    spread, offset = kriging.statistics.sd[kriging.layers], kriging.statistics.mean[kriging.layers]
    easting_there_m, northing_there_m = cores.positions_m.T
    covariance, core_drift = (part[seen] for part in kriging.cores(easting_there_m, northing_there_m, cores.drift))
    weights, multipliers = kriging.errors(covariance, core_drift)
    between = np.stack([kriging.between_cores(easting_there_m, northing_there_m, at_m) for at_m in cores.positions_m], axis=2)[seen][:, seen]
    error = np.zeros(spread.size) if error_variance is None else error_variance / spread**2
    own = kriging.model.nugget + np.broadcast_to(error, seen.shape)[seen] + _NO_VARIANCE * kriging.model.sill
    known = between + np.diag(own) - covariance @ weights.T + core_drift @ multipliers.T
    total_weights, total_multipliers = (part[0] for part in kriging.total_dual(share, with_data, region_drift))
    with_total = kriging.sum_with_cores(share, easting_m, northing_m, cores.positions_m)[seen]
    with_total = with_total - covariance @ total_weights + core_drift @ total_multipliers
    gain = np.linalg.solve(known, with_total)
    scale, middle = (np.broadcast_to(part, seen.shape)[seen] for part in (spread, offset))
    predicted[seen] = kriging.predicted(weights) * scale + middle
    sd[seen] = np.sqrt(np.diag(known)) * scale
    surprise = (cores.values[seen] - predicted[seen]) / scale
    return UpdatedTotal(mean, variance, mean + float(gain @ surprise), variance - float(gain @ with_total), predicted, sd)
