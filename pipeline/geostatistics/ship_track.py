"""Shortest round trip of a ship from a start through some stations and back.

Exact for few stations (Held & Karp 1962), else the nearest station first and then pairs of legs uncrossed until none is left that shortens it (2-opt,
Croes 1958): at most some per cent longer than the shortest, as a rule.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_MOST_EXACT = 9
_EQUAL = 1e-9  # a change that gains less is none


def track_km(distance_km: Array, order: list[int]) -> float:
    """Length of the round trip through the stations in an order.

    Parameters
    ----------
    distance_km : (1 + stations, 1 + stations) array
        Between any two, the start first; symmetric.
    order : list of int
        Numbers of the stations, from 1.

    Examples
    --------
    >>> track_km(np.abs(np.subtract.outer([0.0, 3.0, 5.0], [0.0, 3.0, 5.0])), [1, 2])
    10.0
    """
    stops = [0, *order, 0]
    return float(distance_km[stops[:-1], stops[1:]].sum())


def shortest_track(distance_km: Array) -> list[int]:
    """Order of the stations along the shortest round trip that was found; of its two directions the one that begins at the lower number.

    Parameters
    ----------
    distance_km : (1 + stations, 1 + stations) array
        Between any two, the start first; symmetric, and no way round is shorter than the way there.

    Examples
    --------
    >>> x_km, y_km = np.array([0.0, 4.0, 0.0, 4.0]), np.array([0.0, 3.0, 3.0, 0.0])
    >>> shortest_track(np.hypot(np.subtract.outer(x_km, x_km), np.subtract.outer(y_km, y_km)))
    [2, 1, 3]
    """
    stations = len(distance_km) - 1
    if stations < 2:
        return list(range(1, stations + 1))
    order = _exact(distance_km) if stations <= _MOST_EXACT else _improved(distance_km, _nearest_first(distance_km))
    return order if order[0] < order[-1] else order[::-1]


def detour_km(distance_km: Array, order: list[int], to_others_km: Array) -> Array:
    """By how much a round trip grows at least cost of place for each of some further stations: none is moved for it.

    Parameters
    ----------
    distance_km : (1 + stations, 1 + stations) array
        Of the round trip so far.
    order : list of int
    to_others_km : (1 + stations, others) array
        From each of its stops to the further stations.

    Returns
    -------
    (others,) array
    """
    stops = [0, *order, 0]
    legs = pairwise(stops)
    return np.asarray(np.min([to_others_km[one] + to_others_km[other] - distance_km[one, other] for one, other in legs], axis=0))


def _exact(distance_km: Array) -> list[int]:
    """Dynamic programming over the sets of stations that have been visited."""
    stations = range(1, len(distance_km))
    best: dict[tuple[frozenset[int], int], tuple[float, list[int]]] = {
        (frozenset([one]), one): (float(distance_km[0, one]), [one]) for one in stations
    }
    for size in range(2, len(distance_km)):
        for visited in map(frozenset, combinations(stations, size)):
            for last in sorted(visited):
                before = visited - {last}
                ways = ((best[before, one][0] + float(distance_km[one, last]), best[before, one][1]) for one in sorted(before))
                length, order = min(ways, key=lambda way: way[0])
                best[visited, last] = length, [*order, last]
    everything = frozenset(stations)
    return min((best[everything, last] for last in stations), key=lambda way: way[0] + float(distance_km[way[1][-1], 0]))[1]


def _nearest_first(distance_km: Array) -> list[int]:
    left, order, at = list(range(1, len(distance_km))), [], 0
    while left:
        at = min(left, key=lambda station: distance_km[at, station])
        left.remove(at)
        order.append(at)
    return order


def _improved(distance_km: Array, order: list[int]) -> list[int]:
    """Turn stretches round while that shortens the trip."""
    stops, is_shorter = [0, *order, 0], True
    while is_shorter:
        is_shorter = False
        for first, last in combinations(range(1, len(stops) - 1), 2):
            before, after = stops[first - 1], stops[last + 1]
            old = distance_km[before, stops[first]] + distance_km[stops[last], after]
            new = distance_km[before, stops[last]] + distance_km[stops[first], after]
            if new < old - _EQUAL * max(old, 1.0):
                stops[first : last + 1] = stops[first : last + 1][::-1]
                is_shorter = True
    return stops[1:-1]
