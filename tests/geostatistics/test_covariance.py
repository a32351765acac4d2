import numpy as np
import pytest

from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_covariance, block_nodes, block_variance, column_covariance

NESTED = CovarianceModel(0.1, (Structure("spherical", 0.5, 900.0, 3.0), Structure("exponential", 0.4, 2_000.0, np.inf)))


def test_mean_semivariance_of_a_line_is_the_published_one():
    """A 5 m line under a spherical model of range 10 and sill 1: 3/2 E|h|/10 - 1/2 E|h|^3/1000 = 0.24375."""
    model = CovarianceModel(0.0, (Structure("spherical", 1.0, 10.0, 10.0),))
    offsets_m, weights = block_nodes((5.0, 0.0, 0.0), (200, 1, 1))
    assert 1 - block_variance(model, offsets_m, weights) == pytest.approx(0.24375, abs=1e-5)


def test_practical_range_of_the_exponential_is_at_five_percent():
    model = CovarianceModel(0.0, (Structure("exponential", 1.0, 100.0, 100.0),))
    assert model.at_lag(np.array(100.0), np.array(0.0)) == pytest.approx(np.exp(-3))


def test_spherical_vanishes_at_its_range():
    model = CovarianceModel(0.0, (Structure("spherical", 1.0, 100.0, 5.0),))
    assert np.all(model.at_lag(np.array([100.0, 0.0, 80.0]), np.array([0.0, 5.0, 4.0])) == 0)


def test_infinite_vertical_range_does_not_decorrelate_downwards():
    model = CovarianceModel(0.0, (Structure("exponential", 1.0, 100.0, np.inf),))
    assert model.at_lag(np.array(0.0), np.array(1e6)) == 1.0


def test_compiled_covariance_equals_the_formula():
    rng = np.random.default_rng(1)
    one, other = rng.uniform(0, 1_000, (20, 3)), rng.uniform(0, 1_000, (30, 3))
    lag = one[:, None, :] - other[None, :, :]
    expected = NESTED.at_lag(np.hypot(lag[..., 0], lag[..., 1]), np.abs(lag[..., 2]))
    np.testing.assert_allclose(NESTED.between(one, other), expected, rtol=1e-12, atol=1e-14)


def test_block_covariance_is_the_mean_over_its_nodes():
    offsets_m, weights = block_nodes((500.0, 500.0, 0.0), (4, 4, 1))
    centre, datum = np.array([[0.0, 0.0, 1.0]]), np.array([[300.0, 100.0, 2.0]])
    nodes = NESTED.between(centre + offsets_m, datum)[:, 0] @ weights
    assert block_covariance(NESTED, centre, datum, offsets_m, weights)[0, 0] == pytest.approx(nodes, rel=1e-14)


def test_column_table_equals_block_covariance():
    rng = np.random.default_rng(2)
    centres_m, cores_m, lags_m = rng.uniform(0, 3_000, (7, 2)), rng.uniform(0, 3_000, (5, 2)), np.array([0.0, 1.0, 4.0])
    offsets_m, weights = block_nodes((500.0, 500.0, 0.0), (4, 4, 1))
    table = column_covariance(NESTED, centres_m, cores_m, lags_m, offsets_m[:, :2], weights)
    for index, lag_m in enumerate(lags_m):
        one = np.column_stack([centres_m, np.full(7, lag_m)])
        expected = block_covariance(NESTED, one, np.column_stack([cores_m, np.zeros(5)]), offsets_m, weights)
        np.testing.assert_allclose(table[:, index], expected, rtol=1e-13)


def test_nodes_weigh_one_and_integrate_a_cubic():
    offsets_m, weights = block_nodes((4.0, 2.0, 0.0), (4, 4, 1))
    assert weights.sum() == pytest.approx(1)
    assert weights @ offsets_m[:, 0] ** 2 == pytest.approx(4.0**2 / 12)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("cubical", 1.0, 1.0, 1.0), "unknown covariance 'cubical'; known are cubic, exponential, gaussian, matern32, matern52, spherical"),
        (("spherical", -1.0, 1.0, 1.0), "sill is -1.0"),
        (("spherical", 1.0, 0.0, 1.0), "all must be positive"),
    ],
)
def test_a_model_that_is_not_positive_definite_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        Structure(*arguments)


def test_model_survives_its_dictionary():
    assert CovarianceModel.from_dict(NESTED.to_dict()) == NESTED
