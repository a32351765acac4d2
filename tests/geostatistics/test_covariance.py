import numpy as np
import pytest
import textbook
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.geostatistics.covariance import (
    CovarianceModel,
    Structure,
    block_covariance,
    block_nodes,
    block_variance,
    column_covariance,
    exponential,
)

KINDS = ("spherical", "cubic", "exponential", "gaussian", "matern32", "matern52")

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


@given(
    st.sampled_from(KINDS),
    st.tuples(*[st.floats(50, 5_000)] * 3),
    st.tuples(st.floats(0, 360), st.floats(-90, 90), st.floats(-180, 180)),
    st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_compiled_structure_equals_the_formula_in_any_direction(kind, ranges_m, angles_deg, seed):
    part = Structure(kind, 0.7, *ranges_m, *angles_deg)
    rng = np.random.default_rng(seed)
    one, other = rng.uniform(0, 2_000, (6, 3)), rng.uniform(0, 2_000, (5, 3))
    np.testing.assert_allclose(
        CovarianceModel(0.3, (part,)).between(one, other), 0.7 * textbook.correlation(part, one, other), rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize(
    ("angles_deg", "lag_m"),
    [
        ((0.0, 0.0, 0.0), (0.0, 100.0, 0.0)),  # azimuth 0: north
        ((90.0, 0.0, 0.0), (100.0, 0.0, 0.0)),  # azimuth 90: east
        ((0.0, 30.0, 0.0), (0.0, 100 * np.cos(np.pi / 6), 50.0)),  # dip: north and down, depth grows downwards
        ((0.0, 0.0, 0.0), (40.0, 0.0, 0.0)),  # across, to the east
        ((0.0, 0.0, 90.0), (0.0, 0.0, 40.0)),  # rake turns the minor axis down
        ((0.0, 0.0, 0.0), (0.0, 0.0, 5.0)),
    ],
)
def test_ranges_lie_along_their_axes(angles_deg, lag_m):
    """At the end of each range a spherical is exactly zero, and just short of it not."""
    model = CovarianceModel(0.0, (Structure("spherical", 1.0, 100.0, 5.0, 40.0, *angles_deg),))
    lag_m = np.array(lag_m)
    assert model.at(lag_m * (1 + 1e-9)) == 0
    assert model.at(lag_m * 0.99) == pytest.approx(1 - 1.5 * 0.99 + 0.5 * 0.99**3)


@pytest.mark.parametrize("kind", ["exponential", "gaussian", "matern32", "matern52"])
def test_five_percent_of_the_sill_is_left_at_the_practical_range(kind):
    model = CovarianceModel(0.0, (Structure(kind, 2.0, 100.0),))
    assert model.at_lag(np.array(100.0), np.array(0.0)) == pytest.approx(0.1, rel=0.005 if kind in ("exponential", "gaussian") else 1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_covariance_matrices_are_positive_definite(kind):
    rng = np.random.default_rng(4)
    positions_m = rng.uniform(0, [3_000, 3_000, 10], (120, 3))
    model = CovarianceModel(0.0, (Structure(kind, 1.0, 1_500.0, 4.0, 700.0, 25.0, 10.0, 5.0),))
    eigenvalues = np.linalg.eigvalsh(model.between(positions_m, positions_m))
    assert eigenvalues.min() > -1e-12 * eigenvalues.max()


def test_own_exponential_is_right_to_the_last_digits():
    x = np.concatenate([-np.logspace(-12, np.log10(699.9), 20_000), [0.0, -1e5]])
    np.testing.assert_allclose([exponential(value) for value in x[:-1]], np.exp(x[:-1]), rtol=1e-15)
    assert exponential(-1e5) < 1e-300


def test_a_model_that_knows_directions_is_not_asked_for_distances():
    model = CovarianceModel(0.0, (Structure("spherical", 1.0, 100.0, minor_range_m=50.0),))
    with pytest.raises(ValueError, match="depends on the direction of the horizontal lag"):
        model.at_lag(np.array(1.0), np.array(0.0))


def test_midpoint_nodes_are_centres_of_equal_parts():
    offsets_m, weights = block_nodes((4.0, 2.0, 0.0), (4, 2, 1), "midpoint")
    assert sorted(set(offsets_m[:, 0])) == [-1.5, -0.5, 0.5, 1.5]
    assert sorted(set(offsets_m[:, 1])) == [-0.5, 0.5]
    np.testing.assert_allclose(weights, 1 / 8)
    with pytest.raises(ValueError, match="known are gauss, midpoint"):
        block_nodes((1.0, 1.0, 1.0), (1, 1, 1), "simpson")


def test_a_turned_model_survives_its_dictionary():
    model = CovarianceModel(0.1, (Structure("cubic", 0.5, np.inf, 3.0, 200.0, 30.0, 5.0, -7.0), Structure("gaussian", 0.4, 2_000.0)))
    assert CovarianceModel.from_dict(model.to_dict()) == model
