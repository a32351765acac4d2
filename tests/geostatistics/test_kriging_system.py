import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_data import meuse_samples

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_covariance, block_nodes, block_variance
from pipeline.geostatistics.kriging import Kriging

MEUSE_MODEL = CovarianceModel(0.0507, (Structure("spherical", 0.5906, 897.02, np.inf),))


@pytest.fixture(scope="module")
def meuse():
    rows = meuse_samples()
    return np.array([[easting_m, northing_m, 0.1] for easting_m, northing_m, _ in rows]), np.log([zinc_ppm for *_, zinc_ppm in rows])


def random_case(seed: int, drifts: int = 1):
    """Positions, values, model, drift and measurement errors of a random three-dimensional case."""
    rng = np.random.default_rng(seed)
    positions_m = rng.uniform(0, [5_000, 5_000, 10], (25, 3))
    kind = ("spherical", "exponential")[seed % 2]
    model = CovarianceModel(
        rng.uniform(0, 0.3), (Structure(kind, 1.0, rng.uniform(500, 8_000), rng.uniform(0.5, 20)), Structure(kind, 0.3, 3_000, np.inf))
    )
    drift = np.column_stack([np.ones(25), positions_m[:, 0] / 5_000, positions_m[:, 2]])[:, :drifts]
    return positions_m, rng.normal(10, 2, 25), model, drift, rng.uniform(0, 0.2, 25)


def brute_force(positions_m, values, model, drift, error_variance, covariance, target_drift, target_variance):
    """Solve the augmented system of one target as it stands in the textbook."""
    n, p = drift.shape
    system = np.zeros((n + p, n + p))
    system[:n, :n] = model.between(positions_m, positions_m) + np.diag(model.nugget + error_variance)
    system[:n, n:], system[n:, :n] = drift, drift.T
    solution = np.linalg.solve(system, np.concatenate([covariance, target_drift]))
    weights, multipliers = solution[:n], solution[n:]
    spread = weights @ system[:n, :n] @ weights
    return weights @ values, target_variance - weights @ covariance - multipliers @ target_drift, weights @ covariance / spread


def test_meuse_point_block_and_leave_one_out_are_the_published_ones(meuse):
    positions_m, log_zinc = meuse
    system = Kriging(positions_m, MEUSE_MODEL, np.ones((155, 1)))
    node = np.array([[181180.0, 333740.0, 0.1]])
    point = system.estimate(log_zinc, MEUSE_MODEL.between(node, positions_m), np.ones((1, 1)), MEUSE_MODEL.sill)
    assert point.value[0] == pytest.approx(6.4996075, abs=1e-6)
    assert point.variance[0] == pytest.approx(0.3198549, abs=1e-6)
    offsets_m, weights = block_nodes((40.0, 40.0, 0.0), (4, 4, 1))
    covariance = block_covariance(MEUSE_MODEL, node, positions_m, offsets_m, weights)
    block = system.estimate(log_zinc, covariance, np.ones((1, 1)), block_variance(MEUSE_MODEL, offsets_m, weights))
    assert block.value[0] == pytest.approx(6.4991413, abs=1e-6)
    assert block.variance[0] == pytest.approx(0.2493199, abs=1e-6)
    estimate, _ = system.leave_one_out(log_zinc, np.arange(155))
    assert np.sqrt(np.mean((estimate - log_zinc) ** 2)) == pytest.approx(0.3918067, abs=1e-6)


@given(st.integers(0, 10_000), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_kriging_equals_the_textbook_system(seed, drifts):
    positions_m, values, model, drift, error_variance = random_case(seed, drifts)
    target = np.random.default_rng(seed + 1).uniform(0, [5_000, 5_000, 10], (1, 3))
    covariance = model.between(target, positions_m)
    target_drift = np.column_stack([np.ones(1), target[:, 0] / 5_000, target[:, 2]])[:, :drifts]
    result = Kriging(positions_m, model, drift, error_variance).estimate(values, covariance, target_drift, model.sill)
    value, variance, slope = brute_force(positions_m, values, model, drift, error_variance, covariance[0], target_drift[0], model.sill)
    assert result.value[0] == pytest.approx(value, rel=1e-9)
    assert result.variance[0] == pytest.approx(variance, rel=1e-9, abs=1e-10)
    assert result.slope_of_regression[0] == pytest.approx(slope, rel=1e-8)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_weights_sum_to_one_and_give_the_estimate(seed):
    positions_m, values, model, drift, error_variance = random_case(seed)
    targets = np.random.default_rng(seed).uniform(0, [5_000, 5_000, 10], (5, 3))
    system = Kriging(positions_m, model, drift, error_variance)
    covariance = model.between(targets, positions_m)
    weights = system.weights(covariance, np.ones((5, 1)))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-10)
    np.testing.assert_allclose(weights @ values, system.estimate(values, covariance, np.ones((5, 1)), model.sill).value, rtol=1e-10)


def test_without_nugget_kriging_honours_the_data():
    positions_m, values, _, drift, _ = random_case(3)
    model = CovarianceModel(0.0, (Structure("exponential", 1.0, 3_000.0, 4.0),))
    result = Kriging(positions_m, model, drift).estimate(values, model.between(positions_m, positions_m), drift, model.sill)
    np.testing.assert_allclose(result.value, values, rtol=1e-9)
    np.testing.assert_allclose(result.variance, 0, atol=1e-9)


def test_far_from_the_data_the_estimate_is_the_least_squares_mean():
    positions_m, values, model, drift, _ = random_case(4)
    model = CovarianceModel(model.nugget, (Structure("spherical", 1.0, 2_000.0, 5.0),))
    system = Kriging(positions_m, model, drift)
    result = system.estimate(values, np.zeros((1, 25)), np.ones((1, 1)), model.sill)
    assert result.value[0] == pytest.approx(system.coefficients(values)[0])
    assert result.variance[0] > model.sill


def test_block_estimate_is_the_mean_of_its_points():
    positions_m, values, model, drift, error_variance = random_case(5)
    offsets_m, weights = block_nodes((500.0, 500.0, 0.0), (4, 4, 1))
    centre = np.array([[2_500.0, 2_500.0, 5.0]])
    system = Kriging(positions_m, model, drift, error_variance)
    block = system.estimate(values, block_covariance(model, centre, positions_m, offsets_m, weights), np.ones((1, 1)), 1.0)
    points = system.estimate(values, model.between(centre + offsets_m, positions_m), np.ones((16, 1)), 1.0)
    assert block.value[0] == pytest.approx(weights @ points.value, rel=1e-12)


def test_leaving_cores_out_equals_refitting_without_them():
    positions_m, values, model, drift, error_variance = random_case(6, drifts=2)
    cores = np.repeat(np.arange(5), 5)
    estimate, variance = Kriging(positions_m, model, drift, error_variance).leave_one_out(values, cores)
    for core in range(5):
        out, rest = cores == core, cores != core
        system = Kriging(positions_m[rest], model, drift[rest], error_variance[rest])
        covariance = model.between(positions_m[out], positions_m[rest])
        # The left-out datum itself is predicted: nugget and its own measurement error belong to it.
        refit = system.estimate(values[rest], covariance, drift[out], model.sill + error_variance[out])
        np.testing.assert_allclose(estimate[out], refit.value, rtol=1e-10)
        np.testing.assert_allclose(variance[out], refit.variance, rtol=1e-10)


def test_a_core_alone_in_its_drift_cannot_be_left_out():
    positions_m, values, model, _, _ = random_case(7)
    drift = np.column_stack([np.arange(25) < 20, np.arange(25) >= 20]).astype(float)
    cores = np.where(np.arange(25) < 20, np.arange(25) // 5, 4)
    estimate, _ = Kriging(positions_m, model, drift).leave_one_out(values, cores)
    assert np.isnan(estimate[20:]).all()
    assert np.isfinite(estimate[:20]).all()


def test_scaling_values_scales_the_estimate_and_leaves_weights():
    positions_m, values, model, drift, error_variance = random_case(8)
    target = np.array([[1_000.0, 1_000.0, 3.0]])
    system = Kriging(positions_m, model, drift, error_variance)
    covariance = model.between(target, positions_m)
    one, thousand = (system.estimate(values * factor, covariance, np.ones((1, 1)), 1.0).value[0] for factor in (1.0, 1_000.0))
    assert thousand == pytest.approx(1_000 * one, rel=1e-12)


def test_coincident_data_without_nugget_are_explained():
    model = CovarianceModel(0.0, (Structure("spherical", 1.0, 1_000.0, 5.0),))
    positions_m = np.array([[0.0, 0, 0], [0.0, 0, 0], [500.0, 0, 0]])
    with pytest.raises(TooFewSamples, match="coincide without nugget"):
        Kriging(positions_m, model, np.ones((3, 1)))
