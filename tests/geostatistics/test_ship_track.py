"""Round trips: the shortest of all orders, no crossing legs, and what a further station costs."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from pipeline.geostatistics.ship_track import detour_km, shortest_track, track_km


def distances(places_km):
    return np.linalg.norm(places_km[:, None] - places_km[None, :], axis=-1)


def places(stations, seed):
    return np.random.default_rng(seed).uniform(0, 100, (1 + stations, 2))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("stations", [1, 2, 4, 6])
def test_a_short_trip_is_the_shortest_of_all_orders(stations, seed):
    distance_km = distances(places(stations, seed))
    least_km = min(track_km(distance_km, list(order)) for order in permutations(range(1, stations + 1)))
    assert track_km(distance_km, shortest_track(distance_km)) == pytest.approx(least_km, rel=1e-12)


def test_a_long_trip_visits_every_station_once_and_cannot_be_shortened_by_turning_a_stretch_round():
    distance_km = distances(places(40, 3))
    order = shortest_track(distance_km)
    assert sorted(order) == list(range(1, 41))
    length_km = track_km(distance_km, order)
    for first in range(40):
        for last in range(first + 1, 40):
            turned = order[:first] + order[first : last + 1][::-1] + order[last + 1 :]
            assert track_km(distance_km, turned) >= length_km * (1 - 1e-9)


def test_stations_on_a_circle_around_are_visited_in_turn():
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    order = shortest_track(distances(np.column_stack([np.cos(angle), np.sin(angle)])))
    assert order == list(range(1, 24))


def test_no_station_is_no_trip_and_the_order_of_the_stations_does_not_change_the_length():
    assert shortest_track(np.zeros((1, 1))) == []
    assert track_km(np.zeros((1, 1)), []) == 0
    where, again = places(6, 9), np.array([0, 4, 2, 6, 1, 5, 3])
    lengths = [track_km(distance_km, shortest_track(distance_km)) for distance_km in (distances(where), distances(where[again]))]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-12)


def test_a_detour_is_what_the_best_place_in_the_trip_costs():
    where = places(8, 4)
    distance_km = distances(where[:6])
    order = shortest_track(distance_km)
    others = np.linalg.norm(where[:6, None] - where[None, 6:], axis=-1)
    for number, found in enumerate(detour_km(distance_km, order, others)):
        longer = distances(where[[*range(6), 6 + number]])
        every = [track_km(longer, [*order[:at], 6, *order[at:]]) for at in range(6)]
        assert found == pytest.approx(min(every) - track_km(distance_km, order), rel=1e-9)
        assert track_km(longer, shortest_track(longer)) <= min(every) + 1e-9
    np.testing.assert_allclose(detour_km(np.zeros((1, 1)), [], np.array([[3.0, 5.0]])), [6.0, 10.0])
