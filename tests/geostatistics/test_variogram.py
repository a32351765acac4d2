from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_data import meuse_samples

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.variogram import (
    Experimental,
    automatic_lag_edges_m,
    correlation,
    cross_variogram,
    directional_variogram,
    downcore_variogram,
    experimental_cross_variogram,
    experimental_variogram,
    fit_model,
    fit_variogram,
    lag_edges_m,
    omnidirectional_variogram,
)

EDGES_M = np.array([0.0, 30.0, 60.0, 90.0, 120.0])


def scattered(n=400, seed=3, axes=3):
    """Positions on a lattice, so that lags fall on edges, and two correlated variables, some unknown."""
    rng = np.random.default_rng(seed)
    positions_m = rng.integers(0, 20, (n, axes)) * 10.0
    one = rng.normal(size=n)
    other = 0.6 * one + rng.normal(size=n)
    one[:7], other[3:12] = np.nan, np.nan
    return positions_m, one, other


def by_definition(positions_m, one, other, edges_m, chosen=None, distance_m=None):
    """Lag, semivariance and number of pairs by the definition, over arrays of all pairs; the first row is zero distance."""
    known = np.isfinite(one) & np.isfinite(other)
    i, j = np.triu_indices(len(one), k=1)
    both = known[i] & known[j] & (True if chosen is None else chosen)
    lag_m = np.linalg.norm(positions_m[i] - positions_m[j], axis=1) if distance_m is None else distance_m
    rows = []
    for low, high in ((-1.0, 0.0), *pairwise(edges_m)):
        members = both & (lag_m > low) & (lag_m <= high)
        if members.any():
            product = (one[i] - one[j])[members] * (other[i] - other[j])[members]
            rows.append((lag_m[members].mean(), 0.5 * product.mean(), members.sum()))
    return np.array(rows)


def assert_equals(found, expected):
    np.testing.assert_array_equal(np.append(found.coincident_pairs, found.pairs), expected[:, 2])
    np.testing.assert_allclose(np.append(0, found.lag_m), expected[:, 0], rtol=1e-12)
    np.testing.assert_allclose(np.append(found.coincident_semivariance, found.semivariance), expected[:, 1], rtol=1e-10)


def log_zinc():
    rows = meuse_samples()
    return np.array([[easting_m, northing_m] for easting_m, northing_m, _ in rows]), np.log([zinc_ppm for *_, zinc_ppm in rows])


def test_experimental_variogram_equals_the_definition():
    positions_m = np.array([[0.0, 0, 0.5], [0, 0, 1.5], [0, 0, 2.5], [1_000, 0, 0.5], [1_000, 0, 1.5], [0, 3_000, 0.5]])
    values, cores = np.array([1.0, 3, 2, 5, 1, 9]), np.array(["a", "a", "a", "b", "b", "c"])
    result = experimental_variogram(positions_m, values, cores, 1.0, np.array([0.0, 2_000.0, 4_000.0]))
    rows = list(zip(result.horizontal_m, result.vertical_m, result.semivariance, result.pairs, strict=True))
    assert rows[0] == (0.0, 1.0, pytest.approx((4 + 1 + 16) / 2 / 3), 3)
    assert rows[1] == (0.0, 2.0, pytest.approx(1 / 2), 1)
    assert rows[2] == (1_000.0, 0.0, pytest.approx((16 + 4) / 2 / 2), 2)
    assert rows[3] == (pytest.approx((3_000 + np.hypot(1_000, 3_000)) / 2), 0.0, pytest.approx((64 + 16) / 2 / 2), 2)


@pytest.mark.parametrize("kind", ["spherical", "exponential"])
def test_a_planted_model_is_fitted_back(kind):
    horizontal_m = np.concatenate([np.zeros(9), np.linspace(1_000, 60_000, 25)])
    vertical_m = np.concatenate([np.arange(1.0, 10), np.zeros(25)])
    model = CovarianceModel(0.1, (Structure(kind, 0.6, 20_000.0, 3.0), Structure(kind, 0.3, 20_000.0, np.inf)))
    exact = Experimental(horizontal_m, vertical_m, model.semivariance(horizontal_m, vertical_m), np.full(34, 100))
    fitted = fit_variogram(exact, kind, (2_000.0, 100_000.0), (0.5, 30.0))
    assert fitted.at_bounds == ()
    np.testing.assert_allclose(fitted.model.semivariance(horizontal_m, vertical_m), exact.semivariance, rtol=1e-3)
    assert fitted.model.structures[0].horizontal_range_m == pytest.approx(20_000, rel=0.01)
    assert fitted.model.nugget == pytest.approx(0.1, abs=0.01)


def test_values_without_variance_give_a_model_without_sill():
    flat = Experimental(np.array([1_000.0]), np.array([0.0]), np.array([0.0]), np.array([10]))
    assert fit_variogram(flat, "exponential", (1.0, 10.0), (1.0, 10.0)).model.sill == 0


def test_one_layer_has_no_vertical_part():
    horizontal_m = np.linspace(100, 2_000, 10)
    model = CovarianceModel(0.05, (Structure("spherical", 0.6, 900.0, np.inf),))
    exact = Experimental(horizontal_m, np.zeros(10), model.semivariance(horizontal_m, np.zeros(10)), np.full(10, 50))
    fitted = fit_variogram(exact, "spherical", (100.0, 5_000.0), (0.1, 1.0)).model
    assert len(fitted.structures) == 1
    assert fitted.structures[0].horizontal_range_m == pytest.approx(900, rel=1e-3)


def test_lags_reach_the_asked_share_of_the_extent():
    edges_m = lag_edges_m(np.array([[0.0, 0, 0], [3_000, 4_000, 0], [0, 1_000, 0]]), 10, 0.5)
    assert len(edges_m) == 11
    assert edges_m[-1] == pytest.approx(2_500)


def test_layered_variogram_equals_the_definition_on_many_cores_and_needs_no_pair_array():
    rng = np.random.default_rng(5)
    core = np.repeat(np.arange(60), 12)
    positions_m = np.column_stack([np.repeat(rng.uniform(0, 500, (60, 2)), 12, axis=0), np.tile(np.arange(12) + 0.5, 60)])
    positions_m[core == 7, :2] = positions_m[core == 8, :2]
    one, other = rng.normal(size=(2, 720))
    one[::17] = np.nan
    found = experimental_cross_variogram(positions_m, one, other, core.astype(str), 1.0, EDGES_M)
    i, j = np.triu_indices(720, k=1)
    across_m, down_m = np.linalg.norm((positions_m[i] - positions_m[j])[:, :2], axis=1), np.abs(positions_m[i, 2] - positions_m[j, 2])
    same = core[i] == core[j]
    down = by_definition(positions_m, one, other, np.arange(12) + 0.5, same & (down_m > 0), down_m)
    across = by_definition(positions_m, one, other, EDGES_M, ~same & (down_m == 0) & (across_m > 0), across_m)
    np.testing.assert_array_equal(found.pairs, np.append(down[:, 2], across[:, 2]))
    np.testing.assert_allclose(found.semivariance, np.append(down[:, 1], across[:, 1]), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(found.vertical_m[:11], down[:, 0], rtol=1e-12)
    np.testing.assert_allclose(found.horizontal_m[11:], across[:, 0], rtol=1e-12)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("edges_m", [EDGES_M, np.array([0.0, 10.0, 20.0, 50.0, 55.0, 150.0]), np.array([20.0, 40.0, 70.0])])
def test_every_pair_is_counted_in_its_lag_even_on_an_edge(axes, edges_m):
    positions_m, one, other = scattered(axes=axes)
    assert_equals(omnidirectional_variogram(positions_m, other, edges_m), by_definition(positions_m, other, other, edges_m))
    assert_equals(cross_variogram(positions_m, one, other, edges_m), by_definition(positions_m, one, other, edges_m))


def test_a_flat_survey_in_three_coordinates_equals_one_in_two():
    positions_m, _, values = scattered(axes=2)
    raised = np.column_stack([positions_m, np.full(len(values), 7.5)])
    one, other = omnidirectional_variogram(positions_m, values, EDGES_M), omnidirectional_variogram(raised, values, EDGES_M)
    np.testing.assert_array_equal(one.semivariance, other.semivariance)


@pytest.mark.parametrize(("azimuth_deg", "dip_deg", "tolerance_deg", "bandwidth_m"), [(30, 0, 22.5, np.inf), (120, 40, 30, 25.0), (0, 90, 45, 40.0)])
def test_directional_variogram_equals_the_definition(azimuth_deg, dip_deg, tolerance_deg, bandwidth_m):
    positions_m, _, values = scattered()
    azimuth, dip = np.deg2rad(azimuth_deg), np.deg2rad(dip_deg)
    unit = np.array([np.sin(azimuth) * np.cos(dip), np.cos(azimuth) * np.cos(dip), np.sin(dip)])
    i, j = np.triu_indices(len(values), k=1)
    lag_m = positions_m[i] - positions_m[j]
    length_m, along_m = np.linalg.norm(lag_m, axis=1), np.abs(lag_m @ unit)
    angle_deg = np.rad2deg(np.arccos(np.minimum(along_m / np.maximum(length_m, 1e-9), 1)))
    aside_m = np.sqrt(np.maximum(length_m**2 - along_m**2, 0))
    chosen = (length_m == 0) | ((angle_deg <= tolerance_deg + 1e-9) & (aside_m <= bandwidth_m + 1e-6))
    found = directional_variogram(positions_m, values, EDGES_M, azimuth_deg, dip_deg, tolerance_deg, bandwidth_m)
    assert_equals(found, by_definition(positions_m, values, values, EDGES_M, chosen))


def test_a_tolerance_of_a_right_angle_takes_every_direction():
    positions_m, _, values = scattered()
    every, found = omnidirectional_variogram(positions_m, values, EDGES_M), directional_variogram(positions_m, values, EDGES_M, 33, 12, 90)
    np.testing.assert_array_equal(every.pairs, found.pairs)
    np.testing.assert_allclose(every.semivariance, found.semivariance, rtol=1e-12)


def test_turning_the_survey_turns_its_directional_variogram():
    rng = np.random.default_rng(8)
    positions_m, values = rng.uniform(0, 200, (300, 2)), rng.normal(size=300)
    azimuth = np.deg2rad(35)
    # North turned clockwise by 35 degrees.
    turned_m = positions_m @ np.array([[np.cos(azimuth), -np.sin(azimuth)], [np.sin(azimuth), np.cos(azimuth)]])
    one, other = directional_variogram(positions_m, values, EDGES_M, 20, 0, 25), directional_variogram(turned_m, values, EDGES_M, 55, 0, 25)
    np.testing.assert_array_equal(one.pairs, other.pairs)
    np.testing.assert_allclose(one.semivariance, other.semivariance, rtol=1e-9)
    back = directional_variogram(positions_m, values, EDGES_M, 200, 0, 25)
    np.testing.assert_array_equal(one.semivariance, back.semivariance)


def test_downcore_variogram_counts_pairs_of_one_core_by_vertical_distance():
    rng = np.random.default_rng(4)
    core = rng.integers(0, 30, 500)
    positions_m, values = np.column_stack([rng.uniform(0, 100, (500, 2)), rng.integers(0, 40, 500) / 4]), rng.normal(size=500)
    values[:9] = np.nan
    i, j = np.triu_indices(500, k=1)
    edges_m = np.array([0.0, 0.5, 1.0, 2.0, 5.0])
    expected = by_definition(positions_m, values, values, edges_m, core[i] == core[j], np.abs(positions_m[i, 2] - positions_m[j, 2]))
    assert_equals(downcore_variogram(positions_m, values, core, edges_m), expected)


def test_the_robust_estimator_has_the_published_form_and_shrugs_off_an_outlier():
    positions_m, _, values = scattered()
    i, j = np.triu_indices(len(values), k=1)
    lag_m, root = np.linalg.norm(positions_m[i] - positions_m[j], axis=1), np.sqrt(np.abs(values[i] - values[j]))
    found = omnidirectional_variogram(positions_m, values, EDGES_M, "cressie_hawkins")
    for k, (low, high) in enumerate(pairwise(EDGES_M)):
        members = (lag_m > low) & (lag_m <= high) & np.isfinite(root)
        n = members.sum()
        assert found.semivariance[k] == pytest.approx(root[members].mean() ** 4 / (0.457 + 0.494 / n + 0.045 / n**2) / 2, rel=1e-10)
    spoilt = np.where(np.arange(len(values)) == 100, 50.0, values)
    robust, classical = (omnidirectional_variogram(positions_m, spoilt, EDGES_M, name).semivariance for name in ("cressie_hawkins", "matheron"))
    assert np.all(robust < 1.3 * found.semivariance)
    assert np.all(classical > 3 * found.semivariance)


def test_both_estimators_are_unbiased_for_independent_normal_pairs():
    """1,000 lags of 8 disjoint pairs each: the mean over lags must be the variance, 1."""
    distance_m = np.repeat(np.arange(1.0, 1_001.0), 8)
    start_m = 10_000.0 * np.arange(8_000)
    positions_m = np.column_stack([np.append(start_m, start_m + distance_m), np.zeros(16_000)])
    values = np.random.default_rng(11).normal(size=16_000)
    for estimator in ("matheron", "cressie_hawkins"):
        found = omnidirectional_variogram(positions_m, values, np.arange(0.5, 1_001.0), estimator)
        assert set(found.pairs) == {8}
        assert found.semivariance.mean() == pytest.approx(1.0, abs=4 * found.semivariance.std() / np.sqrt(1_000))


def test_cross_variogram_of_a_variable_with_itself_is_its_variogram_and_it_is_bilinear():
    positions_m, one, other = scattered()
    direct = omnidirectional_variogram(positions_m, one, EDGES_M)
    np.testing.assert_array_equal(cross_variogram(positions_m, one, one, EDGES_M).semivariance, direct.semivariance)
    mixed = cross_variogram(positions_m, one, other, EDGES_M).semivariance
    np.testing.assert_allclose(cross_variogram(positions_m, 3 * other, -2 * one, EDGES_M).semivariance, -6 * mixed, rtol=1e-10, atol=1e-13)
    both = np.isfinite(one) & np.isfinite(other)
    one, other, positions_m = one[both], other[both], positions_m[both]
    total, apart = (omnidirectional_variogram(positions_m, values, EDGES_M).semivariance for values in (one + other, one - other))
    np.testing.assert_allclose((total - apart) / 4, cross_variogram(positions_m, one, other, EDGES_M).semivariance, rtol=1e-9)


@pytest.mark.parametrize("estimator", ["matheron", "cressie_hawkins"])
def test_order_of_the_data_and_number_of_threads_change_no_bit(estimator):
    rng = np.random.default_rng(2)
    positions_m, values, core = rng.uniform(0, 1_000, (3_000, 3)), rng.normal(size=3_000), rng.integers(0, 200, 3_000)
    edges_m, shuffle = np.linspace(0, 600, 12), rng.permutation(3_000)
    first = omnidirectional_variogram(positions_m, values, edges_m, estimator)
    threads = numba.get_num_threads()
    try:
        for count in range(1, threads + 1):
            numba.set_num_threads(count)
            again = omnidirectional_variogram(positions_m[shuffle], values[shuffle], edges_m, estimator)
            np.testing.assert_array_equal(first.semivariance, again.semivariance)
            np.testing.assert_array_equal(first.lag_m, again.lag_m)
    finally:
        numba.set_num_threads(threads)
    down = [downcore_variogram(positions_m[o], values[o], core[o], edges_m, estimator).semivariance for o in (slice(None), shuffle)]
    np.testing.assert_array_equal(*down)
    layered = [experimental_variogram(positions_m[o], values[o], core[o], 100.0, edges_m, estimator).semivariance for o in (slice(None), shuffle)]
    np.testing.assert_array_equal(*layered)


def test_skipping_far_blocks_loses_no_pair():
    """Enough points for many blocks, and lags far shorter than the survey."""
    rng = np.random.default_rng(6)
    positions_m, values = rng.uniform(0, 1_000, (2_500, 3)), rng.normal(size=2_500)
    found = omnidirectional_variogram(positions_m, values, np.array([0.0, 5.0, 20.0, 60.0]))
    expected = by_definition(positions_m, values, values, np.array([0.0, 5.0, 20.0, 60.0]))
    np.testing.assert_array_equal(found.pairs, expected[:, 2])
    np.testing.assert_allclose(found.semivariance, expected[:, 1], rtol=1e-10)


def test_meuse_log_zinc_has_the_published_variogram_of_gstat():
    """Pebesma (2004): 15 lags up to a third of the diagonal of the bounding box; spherical, weights N / h^2."""
    positions_m, values = log_zinc()
    found = omnidirectional_variogram(positions_m, values, np.linspace(0, np.hypot(*np.ptp(positions_m, axis=0)) / 3, 16))
    assert found.pairs.tolist() == [57, 299, 419, 457, 547, 533, 574, 564, 589, 543, 500, 477, 452, 457, 415]
    fitted = fit_model(found.lag_m, found.semivariance, found.pairs, ["spherical"], "gstat")
    assert fitted.at_bounds == ()
    assert fitted.model.nugget == pytest.approx(0.05066243, rel=1e-3)
    assert fitted.model.structures[0].sill == pytest.approx(0.59060780, rel=1e-3)
    assert fitted.model.structures[0].horizontal_range_m == pytest.approx(897.0209, rel=1e-3)
    residual = found.semivariance - fitted.model.semivariance(found.lag_m, np.zeros(15))
    assert fitted.cost == pytest.approx(np.sum(found.pairs / found.lag_m**2 * residual**2), rel=1e-9)
    assert fitted.cost == pytest.approx(9.011194e-06, rel=1e-5)


@pytest.mark.parametrize("weights", ["cressie", "gstat", "pairs"])
@pytest.mark.parametrize(
    "kinds", [["spherical"], ["exponential"], ["matern32"], ["cubic"], ["gaussian"], ["spherical", "spherical"], ["exponential", "spherical"]]
)
def test_a_planted_isotropic_model_is_fitted_back(kinds, weights):
    lag_m = np.linspace(40, 2_000, 40)
    true = CovarianceModel(0.2, tuple(Structure(kind, 1.0 - 0.4 * k, 300.0 + 900.0 * k, 300.0 + 900.0 * k) for k, kind in enumerate(kinds)))
    exact = true.semivariance(lag_m, np.zeros(40))
    fitted = fit_model(lag_m, exact, np.full(40, 100), kinds, weights)
    np.testing.assert_allclose(fitted.model.semivariance(lag_m, np.zeros(40)), exact, rtol=2e-3)
    if len(kinds) == 1:
        assert fitted.model.structures[0].horizontal_range_m == pytest.approx(300, rel=1e-3)
        assert fitted.model.nugget == pytest.approx(0.2, rel=1e-3)


def test_the_fit_changes_with_units_as_it_should():
    positions_m, values = log_zinc()
    edges_m = np.linspace(0, 1_500, 16)
    one, other = (omnidirectional_variogram(factor * positions_m, 1_000 * factor * values, factor * edges_m) for factor in (1.0, 10.0))
    fits = [fit_model(part.lag_m, part.semivariance, part.pairs, ["spherical"]).model for part in (one, other)]
    assert fits[1].nugget == pytest.approx(100 * fits[0].nugget, rel=1e-4)
    assert fits[1].structures[0].sill == pytest.approx(100 * fits[0].structures[0].sill, rel=1e-4)
    assert fits[1].structures[0].horizontal_range_m == pytest.approx(10 * fits[0].structures[0].horizontal_range_m, rel=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=6, max_size=6).filter(lambda values: sum(values) > 0), st.sampled_from(["cressie", "gstat", "pairs"]))
def test_whatever_is_measured_the_model_is_positive_definite(semivariance, weights):
    lag_m = np.linspace(10, 60, 6)
    model = fit_model(lag_m, np.array(semivariance), np.full(6, 30), ["spherical"], weights).model
    line_m = np.column_stack([np.linspace(0, 100, 30), np.zeros(30), np.zeros(30)])
    covariance = model.between(line_m, line_m) + model.nugget * np.eye(30)
    assert np.linalg.eigvalsh(covariance).min() >= -1e-9 * max(model.sill, 1)


def test_coincident_pairs_are_in_no_lag_but_pull_the_nugget():
    """Duplicates that differ by the nugget alone: their half mean square is it."""
    rng = np.random.default_rng(9)
    positions_m = np.repeat(rng.uniform(0, 1_000, (150, 2)), 2, axis=0)
    values = np.repeat(np.zeros(150), 2) + rng.normal(0, 0.5, 300)
    found = omnidirectional_variogram(positions_m, values, np.linspace(0, 500, 11))
    assert found.coincident_pairs == 150
    assert found.coincident_semivariance == pytest.approx(np.mean((values[::2] - values[1::2]) ** 2) / 2)
    lag_m, steep = np.linspace(100, 500, 10), np.linspace(0.5, 1.0, 10)
    without = fit_model(lag_m, steep, np.full(10, 50), ["exponential"], "pairs").model
    told = fit_model(lag_m, steep, np.full(10, 50), ["exponential"], "pairs", coincident=(0.1, 100_000)).model
    assert told.nugget == pytest.approx(0.1, abs=0.01)
    assert abs(without.nugget - 0.1) > 0.1


def test_without_a_nugget_the_model_has_none():
    lag_m = np.linspace(10, 200, 12)
    exact = CovarianceModel(0.0, (Structure("spherical", 2.0, 90.0, 90.0),)).semivariance(lag_m, np.zeros(12))
    model = fit_model(lag_m, exact, np.full(12, 40), ["spherical"], fit_nugget=False).model
    assert model.nugget == 0
    assert model.structures[0].horizontal_range_m == pytest.approx(90, rel=1e-4)


def test_equal_values_fit_a_model_without_sill():
    positions_m, _ = log_zinc()
    found = omnidirectional_variogram(positions_m, np.full(155, 0.1 + 0.2), np.linspace(0, 1_500, 16))
    fitted = fit_model(found.lag_m, found.semivariance, found.pairs, ["spherical"])
    assert fitted.model.sill == 0
    assert fitted.at_bounds == ("sill",)


@pytest.mark.parametrize("kind", ["spherical", "exponential", "gaussian", "cubic", "matern32", "matern52"])
def test_correlation_for_fits_is_that_of_the_covariance(kind):
    lag_m = np.linspace(0, 250, 101)
    expected = CovarianceModel(0.0, (Structure(kind, 1.0, 100.0, 100.0),)).at_lag(lag_m, np.zeros(101))
    np.testing.assert_allclose(correlation(kind, (lag_m / 100.0) ** 2), expected, rtol=1e-13, atol=1e-15)


def test_automatic_lags_hold_thirty_pairs_each_up_to_half_the_extent():
    rng = np.random.default_rng(1)
    positions_m = np.column_stack([(np.indices((5, 5)).reshape(2, -1).T * 10_000.0 + rng.uniform(-2_000, 2_000, (25, 2))), np.zeros(25)])
    edges_m = automatic_lag_edges_m(positions_m)
    counts = omnidirectional_variogram(positions_m, rng.normal(size=25), edges_m).pairs
    assert edges_m[0] == 0
    assert edges_m[-1] == pytest.approx(lag_edges_m(positions_m, 1, 0.5)[-1])
    assert len(counts) == len(edges_m) - 1 >= 3
    assert counts.min() >= 30
    layered = np.concatenate([positions_m + np.array([0.0, 0.0, depth]) for depth in range(5)])
    np.testing.assert_array_equal(automatic_lag_edges_m(layered), edges_m)


def test_automatic_lags_of_many_stations_stay_few():
    rng = np.random.default_rng(1)
    edges_m = automatic_lag_edges_m(rng.uniform(0, 1_000, (3_000, 2)))
    np.testing.assert_allclose(np.diff(edges_m), edges_m[-1] / 25, rtol=1e-9)


@pytest.mark.parametrize("n", [2, 3, 4, 6, 9])
def test_automatic_lags_of_few_stations_keep_up_to_three_lags_with_pairs(n):
    """Fewer pairs than thirty: a third of those within reach in each lag."""
    positions_m = np.random.default_rng(n).uniform(0, 1_000, (n, 2))
    found = omnidirectional_variogram(positions_m, np.arange(n) ** 2.0, automatic_lag_edges_m(positions_m))
    assert 1 <= len(found.pairs) <= 3
    assert len(found.pairs) == len(automatic_lag_edges_m(positions_m)) - 1
    assert found.pairs.min() >= max(found.pairs.sum() // 3, 1)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_data_without_a_pair_are_refused_with_a_cure(n):
    positions_m, values = np.array([[0.0, 0, 0], [500.0, 0, 0]])[:n], np.arange(2.0)[:n]
    cure = r"no pair lies in any lag up to 100 m\. Let the lags reach farther .* or add samples"
    with pytest.raises(TooFewSamples, match=rf"a variogram of {n} data: {cure}"):
        omnidirectional_variogram(positions_m, values, np.array([0.0, 100.0]))
    with pytest.raises(TooFewSamples, match=cure):
        downcore_variogram(positions_m, values, np.arange(n), np.array([0.0, 100.0]))
    with pytest.raises(TooFewSamples, match=cure):
        experimental_variogram(positions_m, values, np.arange(n), 1.0, np.array([0.0, 100.0]))


def test_one_position_has_no_lags_and_few_lags_no_model():
    with pytest.raises(TooFewSamples, match=r"two positions or more. Add cores elsewhere"):
        automatic_lag_edges_m(np.zeros((4, 3)))
    with pytest.raises(TooFewSamples, match="2 lags cannot fix 3 parameters"):
        fit_model(np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.array([5, 5]), ["spherical"])


@pytest.mark.parametrize("edges_m", [[0.0], [0.0, 1.0, 1.0], [-1.0, 1.0], [0.0, np.inf], [2.0, 1.0]])
def test_edges_that_do_not_rise_are_refused(edges_m):
    with pytest.raises(ValueError, match="two or more rising distances from 0 up are needed"):
        omnidirectional_variogram(np.zeros((3, 2)), np.arange(3.0), np.array(edges_m))


def test_what_is_unknown_or_not_finite_is_refused():
    positions_m, values = np.array([[0.0, 0, 0], [1.0, np.nan, 0]]), np.arange(2.0)
    with pytest.raises(ValueError, match="a position of a known value is not finite"):
        omnidirectional_variogram(positions_m, values, EDGES_M)
    with pytest.raises(ValueError, match="unknown estimator 'dowd'; known are cressie_hawkins, matheron"):
        omnidirectional_variogram(positions_m[:, :1], values, EDGES_M, "dowd")
    with pytest.raises(ValueError, match="unknown weights 'equal'; known are cressie, gstat, pairs"):
        fit_model(values, values, values, ["spherical"], "equal")
    with pytest.raises(ValueError, match="tolerance_deg is 120"):
        directional_variogram(positions_m, values, EDGES_M, 0, 0, 120)
