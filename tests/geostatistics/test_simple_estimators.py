from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.cross_validation import cross_validate, leave_one_core_out, spatial_folds
from pipeline.geostatistics.scores import crps_gaussian, mean_squared_deviation_ratio
from pipeline.geostatistics.simple_estimators import (
    declustered_mean,
    depth_pool,
    inverse_distance,
    nearest_neighbour,
    polygonal,
    residuals_in_folds,
    sd_from_training_folds,
    with_sd,
)

EDGES_M = np.array([1.0, 2.0])
ESTIMATORS = {
    "nearest_neighbour": partial(nearest_neighbour, anisotropy=100.0),
    "polygonal": partial(polygonal, edges_m=EDGES_M),
    "inverse_distance": partial(inverse_distance, anisotropy=100.0),
    "inverse_distance of 4": partial(inverse_distance, anisotropy=100.0, max_data=4),
    "declustered_mean": partial(declustered_mean, edges_m=EDGES_M),
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def survey(seed=0, cores=12):
    """Cores with one sample in each of three layers."""
    rng = np.random.default_rng(seed)
    spots_m = rng.uniform(0, 1_000, (cores, 2))
    positions_m = np.column_stack([np.repeat(spots_m, 3, axis=0), np.tile([0.5, 1.5, 2.5], cores)])
    return positions_m, rng.normal(10, 2, 3 * cores), np.repeat(np.arange(cores), 3)


@every_estimator
def test_a_target_at_a_datum_gets_the_datum(name):
    positions_m, values, _ = survey()
    estimate = ESTIMATORS[name](positions_m, values, positions_m)
    if name == "declustered_mean":
        expected = [values[layer::3].mean() for layer in range(3)]
        np.testing.assert_allclose(estimate, np.tile(expected, 12))
    else:
        np.testing.assert_allclose(estimate, values, rtol=1e-14)


@every_estimator
@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2), st.floats(-5, 5)), min_size=1, max_size=25),
    seed=st.integers(0, 99),
)
def test_order_of_data_changes_no_bit_and_estimates_stay_within_the_data(name, rows, seed):
    table = np.array(rows, dtype=float)
    positions_m, values = table[:, :3] * [100, 100, 1] + [0, 0, 0.5], table[:, 3]
    targets_m = np.random.default_rng(seed).uniform(0, [400, 400, 3], (20, 3)).round(-1 if seed % 2 else 3)
    order = np.random.default_rng(seed).permutation(len(values))
    one, other = ESTIMATORS[name](positions_m, values, targets_m), ESTIMATORS[name](positions_m[order], values[order], targets_m)
    assert np.array_equal(one, other, equal_nan=True)
    known = one[np.isfinite(one)]
    assert ((known >= values.min() - 1e-12) & (known <= values.max() + 1e-12)).all()


@every_estimator
def test_missing_data_are_left_out_and_missing_targets_stay_missing(name):
    positions_m, values, _ = survey()
    targets_m = np.vstack([positions_m[:4] + 10.0 * np.array([1, 1, 0]), [[np.nan, 0, 0.5], [0, 0, np.nan]]])
    holes = np.where(np.arange(36) % 5 == 0, np.nan, values)
    with_holes, without = (ESTIMATORS[name](positions_m[rows], holes[rows], targets_m) for rows in (slice(None), np.isfinite(holes)))
    np.testing.assert_array_equal(with_holes, without)
    assert np.isnan(with_holes).tolist() == [False] * 4 + [True] * 2


@every_estimator
def test_replicates_are_one_datum(name):
    """A core taken twice, 2 above and 2 below: the same estimates, for nothing but its place counts."""
    positions_m, values, _ = survey(1)
    twice_m, both = np.vstack([positions_m, positions_m[:3]]), np.concatenate([values, values[:3] - 2])
    both[:3] += 2
    targets_m = np.add(positions_m, [30.0, -20.0, 0.0])
    if name == "declustered_mean":
        weights = np.ones(39)
        weights[:3] = weights[36:] = 0.5
        np.testing.assert_allclose(declustered_mean(twice_m, both, targets_m, EDGES_M, weights), ESTIMATORS[name](positions_m, values, targets_m))
    else:
        np.testing.assert_allclose(ESTIMATORS[name](twice_m, both, targets_m), ESTIMATORS[name](positions_m, values, targets_m))


@every_estimator
def test_one_datum_is_the_estimate_of_its_layer(name):
    estimate = ESTIMATORS[name](np.array([[0.0, 0.0, 0.5]]), np.array([7.0]), np.array([[0.0, 0.0, 0.5], [900.0, 0.0, 0.2]]))
    assert estimate.tolist() == [7.0, 7.0]


@every_estimator
def test_equal_values_come_back(name):
    positions_m, values, _ = survey()
    np.testing.assert_allclose(ESTIMATORS[name](positions_m, np.full_like(values, 3.0), positions_m + 5.0 * np.array([1, 1, 0])), 3.0)


@every_estimator
def test_no_target_gives_no_estimate(name):
    positions_m, values, _ = survey()
    assert ESTIMATORS[name](positions_m, values, np.empty((0, 3))).shape == (0,)


def test_nearest_neighbour_equals_brute_force():
    positions_m, values, _ = survey(2)
    targets_m = np.random.default_rng(3).uniform(0, [1_000, 1_000, 3], (200, 3))
    distance_m = np.linalg.norm((targets_m[:, None] - positions_m[None]) * [1, 1, 250.0], axis=-1)
    np.testing.assert_array_equal(nearest_neighbour(positions_m, values, targets_m, 250.0), values[distance_m.argmin(axis=1)])


def test_anisotropy_decides_between_the_layer_and_the_core():
    positions_m, values = np.array([[0.0, 0.0, 5.0], [100.0, 0.0, 1.0]]), np.array([1.0, 2.0])
    target_m = np.array([[0.0, 0.0, 1.0]])
    assert [nearest_neighbour(positions_m, values, target_m, factor)[0] for factor in (1.0, 24.0, 26.0)] == [1.0, 1.0, 2.0]


def test_equally_near_data_share():
    """The centre of a cube has eight nearest corners."""
    corners_m = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
    values = np.arange(8.0)
    assert nearest_neighbour(corners_m, values, np.full((1, 3), 0.5))[0] == 3.5
    assert nearest_neighbour(corners_m, values, np.array([[0.5, 0.0, 0.0]]))[0] == 2.0


def test_polygonal_is_the_nearest_core_of_the_layer_however_far():
    positions_m = np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 1.5], [100.0, 0.0, 0.5], [900.0, 0.0, 1.5]])
    values, targets_m = np.array([1.0, 2.0, 3.0, 4.0]), np.array([[90.0, 0.0, 0.5], [90.0, 0.0, 1.5], [90.0, 0.0, 2.5]])
    np.testing.assert_array_equal(polygonal(positions_m, values, targets_m, EDGES_M), [3.0, 2.0, np.nan])


def test_polygonal_falls_back_to_the_mean_of_the_layer():
    positions_m = np.array([[0.0, 0.0, 0.5], [100.0, 0.0, 0.5], [100.0, 0.0, 0.7], [0.0, 0.0, 1.5]])
    values = np.array([1.0, 4.0, 6.0, 99.0])
    targets_m = np.array([[60.0, 0.0, 0.5], [500.0, 0.0, 0.5]])
    # The core at 100 m has two samples in the layer: it counts once, as 5.
    assert polygonal(positions_m, values, targets_m, EDGES_M, max_distance_m=50.0).tolist() == [5.0, 3.0]


def test_inverse_distance_equals_its_formula():
    positions_m, values, _ = survey(4)
    targets_m = np.random.default_rng(5).uniform(0, [1_000, 1_000, 3], (50, 3))
    distance_m = np.linalg.norm((targets_m[:, None] - positions_m[None]) * [1, 1, 80.0], axis=-1)
    for power in (1.0, 2.0, 3.5):
        weights = distance_m**-power
        expected = weights @ values / weights.sum(axis=1)
        np.testing.assert_allclose(inverse_distance(positions_m, values, targets_m, power, 80.0), expected, rtol=1e-12)
    nearest = np.argsort(distance_m, axis=1)[:, :5]
    weights = np.take_along_axis(distance_m, nearest, axis=1) ** -2.0
    expected = np.sum(weights * values[nearest], axis=1) / weights.sum(axis=1)
    np.testing.assert_allclose(inverse_distance(positions_m, values, targets_m, 2.0, 80.0, max_data=5), expected, rtol=1e-12)


def test_as_many_data_as_there_are_is_all_data():
    positions_m, values, _ = survey()
    targets_m = positions_m + 3.0
    one, other = inverse_distance(positions_m, values, targets_m, max_data=36), inverse_distance(positions_m, values, targets_m)
    assert np.array_equal(one, other)


def test_a_high_power_becomes_the_nearest_neighbour_without_overflow():
    positions_m, values, _ = survey(6)
    targets_m = np.add(positions_m[:5], [3.0, 4.0, 0.0])
    np.testing.assert_allclose(
        inverse_distance(positions_m, values, targets_m, 2_000.0, 100.0), nearest_neighbour(positions_m, values, targets_m, 100.0)
    )


def test_a_target_almost_at_a_datum_gets_almost_the_datum():
    positions_m, values, _ = survey()
    np.testing.assert_allclose(inverse_distance(positions_m, values, np.add(positions_m, [1e-9, 0, 0]), 2.0), values, rtol=1e-9)


def test_declustered_mean_weighs_inside_its_pool():
    positions_m = np.array([[0.0, 0.0, 0.5], [1.0, 0.0, 0.5], [0.0, 0.0, 1.5], [1.0, 0.0, 2.5]])
    estimate = declustered_mean(positions_m, np.array([1.0, 5.0, 7.0, 9.0]), positions_m, [1.0], np.array([0.75, 0.25, 2.0, 6.0]))
    assert estimate.tolist() == [2.0, 2.0, 8.5, 8.5]


def test_a_pool_without_weight_has_no_mean():
    positions_m = np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 1.5]])
    np.testing.assert_array_equal(declustered_mean(positions_m, np.array([1.0, 2.0]), positions_m, [1.0], np.array([1.0, 0.0])), [1.0, np.nan])


def test_a_single_pool_has_the_mean_of_all():
    positions_m, values, _ = survey()
    np.testing.assert_allclose(declustered_mean(positions_m, values, positions_m, []), values.mean())


def test_a_planted_plane_is_followed_by_all_but_the_mean():
    """Values that rise eastwards: each estimator but the mean orders two targets as the plane does."""
    positions_m, _, _ = survey(7, cores=60)
    targets_m = np.array([[200.0, 500.0, 1.5], [800.0, 500.0, 1.5]])
    for name, estimator in ESTIMATORS.items():
        west, east = estimator(positions_m, positions_m[:, 0] / 100, targets_m)
        assert east - west == pytest.approx(0, abs=1e-12) if name == "declustered_mean" else east - west > 2


def test_residuals_are_those_of_refitting_without_the_fold():
    positions_m, values, cores = survey(8)
    fold, weights = spatial_folds(positions_m[:, :2], cores, 4), np.random.default_rng(9).random(36)
    estimator = partial(declustered_mean, edges_m=EDGES_M)
    residual = residuals_in_folds(estimator, positions_m, values, fold, weights)
    for number in range(4):
        rest, out = fold != number, fold == number
        expected = declustered_mean(positions_m[rest], values[rest], positions_m[out], EDGES_M, weights[rest]) - values[out]
        np.testing.assert_array_equal(residual[out], expected)


def test_spread_is_the_root_mean_square_by_pool():
    positions_m, values, cores = survey(10)
    fold = leave_one_core_out(cores)
    estimator = ESTIMATORS["inverse_distance"]
    residual = residuals_in_folds(estimator, positions_m, values, fold)
    np.testing.assert_allclose(sd_from_training_folds(estimator, positions_m, values, fold), np.sqrt(np.mean(residual**2)))
    by_pool = sd_from_training_folds(estimator, positions_m, values, fold, edges_m=EDGES_M)
    np.testing.assert_allclose(by_pool, [np.sqrt(np.mean(residual[layer::3] ** 2)) for layer in range(3)])


def test_a_thin_pool_takes_the_spread_of_all():
    positions_m, values, cores = survey(11)
    few = (np.arange(36) % 3 < 2) | (np.arange(36) < 12)
    sd = sd_from_training_folds(ESTIMATORS["polygonal"], positions_m[few], values[few], leave_one_core_out(cores[few]), edges_m=EDGES_M)
    whole = sd_from_training_folds(ESTIMATORS["polygonal"], positions_m[few], values[few], leave_one_core_out(cores[few]))
    assert sd[2] == whole[0]
    assert sd[0] != whole[0]


def test_a_bias_is_part_of_the_spread():
    positions_m, values, cores = survey(12)
    sd = sd_from_training_folds(lambda _m, _z, targets_m: np.full(len(targets_m), 100.0), positions_m, values, leave_one_core_out(cores))
    assert sd[0] == pytest.approx(np.sqrt(np.mean((100 - values) ** 2)))


def test_opponents_see_the_training_data_alone():
    """Changing the values of a fold must not change its own estimates or spread."""
    positions_m, values, cores = survey(13)
    fold, weights = spatial_folds(positions_m[:, :2], cores, 3), np.ones(36)
    estimator = partial(declustered_mean, edges_m=EDGES_M)
    spoiled = np.where(fold == 1, 1e6, values)
    one, other = (
        cross_validate(with_sd(estimator, positions_m, given, cores, 3, edges_m=EDGES_M, weights=weights), fold) for given in (values, spoiled)
    )
    assert np.array_equal(one.estimate[fold == 1], other.estimate[fold == 1])
    assert np.array_equal(one.sd[fold == 1], other.sd[fold == 1])
    assert not np.array_equal(one.estimate[fold == 0], other.estimate[fold == 0])


def test_the_spread_makes_a_fair_opponent_of_a_bare_number():
    """With its own spread the estimator has a deviation ratio near 1 and a lower CRPS than as a point."""
    positions_m, values, cores = survey(14, cores=40)
    fold = spatial_folds(positions_m[:, :2], cores, 5)
    result = cross_validate(with_sd(ESTIMATORS["inverse_distance"], positions_m, values, cores, 5), fold)
    assert mean_squared_deviation_ratio(result.estimate, result.sd, values).value == pytest.approx(1, abs=0.25)
    assert crps_gaussian(result.estimate, result.sd, values).mean() < np.abs(result.estimate - values).mean()


def test_a_fold_whose_rest_has_no_value_stays_missing():
    positions_m, values = np.array([[0.0, 0.0, 0.5], [1.0, 0.0, 0.5]]), np.array([1.0, np.nan])
    assert np.isnan(residuals_in_folds(nearest_neighbour, positions_m, values, np.array([0, 1]))).all()


def test_depths_on_an_edge_lie_below_it():
    assert depth_pool(np.array([0.0, 0.999, 1.0, 5.0]), EDGES_M).tolist() == [0, 0, 1, 2]


POINT = np.zeros((1, 3))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: nearest_neighbour(POINT, np.array([np.nan]), POINT), TooFewSamples, "none of 1 data"),
        (lambda: inverse_distance(np.empty((0, 3)), np.empty(0), POINT), TooFewSamples, "none of 0 data"),
        (lambda: declustered_mean(POINT, np.array([np.nan]), POINT, []), TooFewSamples, "none of 1 data"),
        (lambda: polygonal(POINT, np.array([np.nan]), POINT, []), TooFewSamples, "none of 1 data"),
        (lambda: nearest_neighbour(np.full((1, 3), np.nan), np.ones(1), POINT), ValueError, "no finite position"),
        (lambda: nearest_neighbour(POINT, np.ones(2), POINT), ValueError, r"give \(n, 3\)"),
        (lambda: nearest_neighbour(POINT, np.ones(1), POINT, anisotropy=0.0), ValueError, "anisotropy is 0.0"),
        (lambda: inverse_distance(POINT, np.ones(1), POINT, power=0.0), ValueError, "power is 0.0"),
        (lambda: inverse_distance(POINT, np.ones(1), POINT, max_data=0), ValueError, "at least 1"),
        (lambda: polygonal(POINT, np.ones(1), POINT, [], max_distance_m=-1.0), ValueError, "not negative"),
        (lambda: polygonal(POINT, np.ones(1), POINT, [2.0, 1.0]), ValueError, "must rise"),
        (lambda: declustered_mean(POINT, np.ones(1), POINT, [], -np.ones(1)), ValueError, "not negative"),
        (lambda: declustered_mean(POINT, np.ones(1), POINT, [], np.ones(2)), ValueError, "one for each"),
        (lambda: depth_pool(np.zeros(1), [np.nan]), ValueError, "must rise"),
        (lambda: residuals_in_folds(nearest_neighbour, POINT, np.ones(1), np.zeros(1)), TooFewSamples, "at least two folds"),
        (
            lambda: sd_from_training_folds(nearest_neighbour, np.eye(3)[:2], np.array([1.0, np.nan]), np.arange(2)),
            TooFewSamples,
            "none of 2 data could be estimated",
        ),
    ],
)
def test_what_cannot_be_estimated_is_explained(call, error, says):
    with pytest.raises(error, match=says):
        call()
