import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.normal_score import NormalScore, class_bounds, distinct_values

SKEWED = np.random.default_rng(0).lognormal(3, 1, 200)
WEIGHTS = np.random.default_rng(1).uniform(0.1, 3, 200)

data = st.lists(st.tuples(st.floats(-1e6, 1e6, allow_subnormal=False), st.floats(0, 10, allow_subnormal=False)), min_size=1, max_size=40).filter(
    lambda rows: sum(weight for _, weight in rows) > 0
)


def test_scores_are_the_mean_of_their_class():
    """Against numerical integration of the normal density over each class."""
    table = NormalScore.of(np.array([1.0, 2.0, 5.0]), np.array([2.0, 1.0, 1.0]))
    bounds = norm.ppf([0, 0.5, 0.75, 1])
    for i, score in enumerate(table.scores):
        mass = quad(norm.pdf, bounds[i], bounds[i + 1])[0]
        assert score == pytest.approx(quad(lambda y: y * norm.pdf(y), bounds[i], bounds[i + 1])[0] / mass, abs=1e-9)


def test_two_equal_data_have_the_mean_of_half_a_normal():
    np.testing.assert_allclose(NormalScore.of(np.array([1.0, 2.0])).scores, [-np.sqrt(2 / np.pi), np.sqrt(2 / np.pi)])


@settings(max_examples=200, deadline=None)
@given(data)
def test_scores_rise_and_have_mean_zero_and_variance_of_at_most_one(rows):
    values, weights = np.array(rows).T
    table = NormalScore.of(values, weights)
    assert (np.diff(table.scores) > 0).all()
    assert table.shares @ table.scores == pytest.approx(0, abs=1e-6)
    assert 0 <= table.variance <= 1 + 1e-6


@settings(max_examples=200, deadline=None)
@given(data)
def test_back_and_forth_is_exact_at_the_data(rows):
    values, weights = np.array(rows).T
    table = NormalScore.of(values, weights)
    assert np.array_equal(table.back_transform(table.transform(table.values)), table.values)
    kept = np.isin(values, table.values)
    assert np.array_equal(table.back_transform(table.transform(values[kept])), values[kept])


@settings(max_examples=200, deadline=None)
@given(data, st.lists(st.floats(-9, 9), min_size=2, max_size=30), st.sampled_from(["none", "linear", "hyperbolic"]))
def test_back_transform_never_falls(rows, scores, upper):
    values, weights = np.array(rows).T
    table = NormalScore.of(values + 1e6 + 1, weights)
    result = table.back_transform(np.sort(scores), minimum=0.0, upper=upper, maximum=1e7)
    assert (np.diff(result) >= -1e-9 * np.abs(result[1:])).all()
    assert ((result >= 0) & (result <= 1e7)).all()


@settings(max_examples=100, deadline=None)
@given(data, st.lists(st.floats(-2e6, 2e6), min_size=2, max_size=30))
@example([(2e-73, 2.171875), (-1.0, 2.0)], [0.0, 0.0])
def test_transform_never_falls_and_stays_inside_the_table(rows, other):
    table = NormalScore.of(*np.array(rows).T)
    scores = table.transform(np.sort(other))
    assert (np.diff(scores) >= -1e-12).all()
    assert ((scores >= table.scores[0]) & (scores <= table.scores[-1])).all()


def test_order_and_scale_of_the_weights_do_not_matter():
    turned = np.random.default_rng(2).permutation(200)
    one, other = NormalScore.of(SKEWED, WEIGHTS), NormalScore.of(SKEWED[turned], 7 * WEIGHTS[turned])
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-12)


def test_an_integer_weight_is_that_many_copies():
    values, times = np.array([4.0, 1.0, 9.0, 3.0]), np.array([1, 3, 2, 5])
    one, other = NormalScore.of(values, times.astype(float)), NormalScore.of(np.repeat(values, times))
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-12)


def test_a_monotone_change_of_units_leaves_the_scores():
    np.testing.assert_allclose(NormalScore.of(np.log(SKEWED), WEIGHTS).scores, NormalScore.of(SKEWED, WEIGHTS).scores)


def test_a_tie_gets_one_score_whose_side_is_free_of_bias():
    """Half of the data at the detection limit: the scores stay centred, and the tie has the mean of the lower half of a normal."""
    table = NormalScore.of(np.concatenate([np.full(50, 2.0), np.arange(3.0, 53.0)]))
    assert table.transform(2.0) == pytest.approx(-np.sqrt(2 / np.pi))
    assert table.shares @ table.scores == pytest.approx(0, abs=1e-12)


def test_the_declustered_distribution_comes_back():
    """Back-transformed standard normals have the weighted mean and the weighted quantiles of the data."""
    table = NormalScore.of(SKEWED, WEIGHTS)
    drawn = table.back_transform(norm.ppf((np.arange(200_000) + 0.5) / 200_000))
    assert drawn.mean() == pytest.approx(np.average(SKEWED, weights=WEIGHTS), rel=0.01)
    order = np.argsort(SKEWED)
    for p in (0.1, 0.5, 0.9):
        expected = SKEWED[order][np.searchsorted(np.cumsum(WEIGHTS[order]) / WEIGHTS.sum(), p)]
        assert np.quantile(drawn, p) == pytest.approx(expected, rel=0.05)


def test_tails_follow_their_formulas():
    table = NormalScore.of(np.array([2.0, 4.0, 8.0]))
    p_1, p_k = norm.cdf(table.scores[[0, -1]])
    low, high = -2.5, 2.5
    below = table.back_transform(low, minimum=1.0)
    assert below == pytest.approx(1 + (2 - 1) * norm.cdf(low) / p_1)
    linear = table.back_transform(high, upper="linear", maximum=20.0)
    assert linear == pytest.approx(8 + 12 * (norm.cdf(high) - p_k) / (1 - p_k))
    hyperbolic = table.back_transform(high, upper="hyperbolic", omega=2.0)
    assert hyperbolic == pytest.approx(8 * np.sqrt((1 - p_k) / norm.sf(high)))
    assert table.back_transform([low, high]).tolist() == [2.0, 8.0]


def test_a_hyperbolic_tail_is_a_pareto_law():
    """P(Z > z) = (1 - p_k)(z_k / z)^omega: omega 2.5 loses a factor 2^2.5 when z doubles."""
    table = NormalScore.of(np.array([1.0, 2.0, 4.0]))
    z = table.back_transform(norm.isf([1e-3, 1e-3 / 2**2.5, 1e-6]), upper="hyperbolic", omega=2.5)
    assert z[1] / z[0] == pytest.approx(2)
    assert z[2] > 10 * z[0]


def test_tails_end_at_their_limits_and_start_at_the_data():
    table = NormalScore.of(np.array([2.0, 4.0, 8.0]))
    assert table.back_transform([-np.inf, np.inf], minimum=1.0, upper="linear", maximum=20.0).tolist() == [1.0, 20.0]
    assert table.back_transform(np.inf, upper="hyperbolic", maximum=15.0) == 15.0
    assert table.back_transform(np.inf, upper="hyperbolic") == np.inf
    for upper in ("linear", "hyperbolic"):
        assert table.back_transform(table.scores[-1] + 1e-12, upper=upper, maximum=20.0) == pytest.approx(8)


def test_missing_stays_missing_in_any_shape():
    table = NormalScore.of(np.array([1.0, np.nan, 3.0]))
    assert table.values.tolist() == [1.0, 3.0]
    grid = np.array([[np.nan, 1.0], [3.0, 2.0]])
    scores = table.transform(grid)
    assert scores.shape == (2, 2)
    assert np.isnan(scores[0, 0])
    for upper in ("none", "linear", "hyperbolic"):
        back = table.back_transform(scores, minimum=0.0, upper=upper, maximum=9.0)
        np.testing.assert_allclose(back, grid)


def test_a_single_value_has_score_zero():
    for values in (np.array([5.0]), np.full(4, 5.0)):
        table = NormalScore.of(values)
        assert table.scores.tolist() == [0.0]
        assert table.transform([1.0, 5.0, 9.0]).tolist() == [0.0, 0.0, 0.0]
        assert table.back_transform([-3.0, 0.0, 3.0]).tolist() == [5.0, 5.0, 5.0]


def test_a_value_without_weight_says_nothing():
    with_it, without = NormalScore.of(np.array([1.0, 50.0, 2.0]), np.array([1.0, 0.0, 1.0])), NormalScore.of(np.array([1.0, 2.0]))
    assert np.array_equal(with_it.values, without.values)
    assert with_it.transform(50.0) == without.scores[-1]


def test_far_classes_keep_apart():
    """Ten values share 1e-10 of the weight at the top: counted from above, their bounds still differ."""
    bounds = class_bounds(np.append(1 - 1e-10, np.full(10, 1e-11)))
    assert (np.diff(bounds) > 0).all()
    np.testing.assert_allclose(bounds[1:-1], norm.isf(1e-11 * np.arange(10, 0, -1)), rtol=1e-6)


def test_distinct_values_carry_the_weight_of_their_copies():
    values, shares = distinct_values(np.array([3.0, 1.0, 3.0]), np.array([1.0, 2.0, 1.0]))
    assert values.tolist() == [1.0, 3.0]
    assert shares.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("values", "weights", "error", "says"),
    [
        ([], None, TooFewSamples, "at least one"),
        ([np.nan], None, TooFewSamples, "none of 1 values"),
        ([1.0, 2.0], [0.0, 0.0], TooFewSamples, "none of 2 values"),
        ([1.0, 2.0], [1.0, -1.0], ValueError, "1 weights are negative"),
        ([1.0, 2.0], [1.0, np.nan], ValueError, "1 weights are negative or not finite"),
        ([1.0, np.inf], None, ValueError, "infinite"),
        ([1.0, 2.0], [1.0], ValueError, "one weight per value"),
    ],
)
def test_what_has_no_distribution_is_explained(values, weights, error, says):
    with pytest.raises(error, match=says):
        NormalScore.of(np.array(values), None if weights is None else np.array(weights))


@pytest.mark.parametrize(
    ("tails", "says"),
    [
        ({"minimum": 1.5}, "above the lowest datum"),
        ({"minimum": np.nan}, "above the lowest datum"),
        ({"upper": "linear"}, "give maximum"),
        ({"upper": "linear", "maximum": 1.5}, "below the highest datum"),
        ({"upper": "hyperbolic", "omega": 1.0}, "omega above 1"),
        ({"upper": "power"}, "known are none, linear, hyperbolic"),
    ],
)
def test_tails_that_would_fall_are_refused(tails, says):
    with pytest.raises(ValueError, match=says):
        NormalScore.of(np.array([1.0, 2.0])).back_transform(0.0, **tails)


def test_a_hyperbolic_tail_needs_positive_values():
    with pytest.raises(ValueError, match="positive highest datum"):
        NormalScore.of(np.array([-2.0, -1.0])).back_transform(0.0, upper="hyperbolic")
