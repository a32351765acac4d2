import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.scores import (
    Score,
    accuracy,
    bias,
    crps_gaussian,
    crps_sample,
    mean_absolute_error,
    mean_score,
    mean_squared_deviation_ratio,
    paired_gain,
    probability_below_gaussian,
    probability_below_sample,
    root_mean_square_error,
    skill,
)

ESTIMATE, TRUTH = np.array([1.0, 2.0, np.nan, 4.0]), np.array([0.0, 5.0, 1.0, np.nan])


def test_errors_are_those_of_the_complete_pairs():
    assert bias(ESTIMATE, TRUTH) == Score(-1.0, 2, 2)
    assert mean_absolute_error(ESTIMATE, TRUTH) == Score(2.0, 2, 2)
    assert root_mean_square_error(ESTIMATE, TRUTH) == Score(pytest.approx(np.sqrt(5)), 2, 2)


def test_deviation_ratio_is_the_squared_error_in_stated_variances():
    assert mean_squared_deviation_ratio(ESTIMATE, np.array([2.0, 3.0, 1.0, 1.0]), TRUTH) == Score(pytest.approx((1 / 4 + 1) / 2), 2, 2)


def test_deviation_ratio_of_a_right_spread_is_one_and_of_a_halved_one_is_four():
    rng = np.random.default_rng(0)
    sd = rng.uniform(1, 5, 20_000)
    truth = rng.normal(0, sd)
    assert mean_squared_deviation_ratio(np.zeros(20_000), sd, truth).value == pytest.approx(1, abs=0.04)
    assert mean_squared_deviation_ratio(np.zeros(20_000), sd / 2, truth).value == pytest.approx(4, abs=0.15)


def test_an_exact_estimate_without_spread_has_no_ratio_and_a_wrong_one_an_infinite_one():
    assert mean_squared_deviation_ratio(np.array([1.0, 1.0]), np.array([0.0, 1.0]), np.array([1.0, 2.0])) == Score(1.0, 1, 1)
    assert mean_squared_deviation_ratio(np.array([1.0]), np.array([0.0]), np.array([2.0])).value == np.inf


def crps_by_definition(cdf, truth):
    """Integral of (F(x) - 1[x >= z])²."""
    below, above = quad(lambda x: cdf(x) ** 2, -60, truth)[0], quad(lambda x: (1 - cdf(x)) ** 2, truth, 60)[0]
    return below + above


@pytest.mark.parametrize(("mean", "sd", "truth"), [(0.0, 1.0, 0.0), (1.0, 2.0, -3.0), (5.0, 0.5, 5.2), (2.0, 3.0, 9.0)])
def test_gaussian_crps_is_the_integral_of_the_squared_distance_of_distributions(mean, sd, truth):
    expected = crps_by_definition(lambda x: norm.cdf(x, mean, sd), truth)
    assert crps_gaussian(np.array([mean]), np.array([sd]), np.array([truth]))[0] == pytest.approx(expected, rel=1e-6)


def test_gaussian_crps_at_the_mean_is_the_closed_form():
    sd = np.array([0.5, 2.0])
    np.testing.assert_allclose(crps_gaussian(np.ones(2), sd, np.ones(2)), sd * (np.sqrt(2) - 1) / np.sqrt(np.pi))


def test_crps_of_a_point_is_its_absolute_error():
    np.testing.assert_allclose(crps_gaussian(np.zeros(3), np.array([0.0, 1e-12, np.nan]), np.full(3, 4.0)), [4.0, 4.0, np.nan])
    np.testing.assert_allclose(crps_sample(np.full((1, 5), 3.0), np.array([7.0])), [4.0])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.floats(-1e3, 1e3))
def test_sample_crps_equals_the_double_sum(members, truth):
    x = np.array(members)
    expected = np.abs(x - truth).mean() - np.abs(x[:, None] - x[None, :]).mean() / 2
    assert crps_sample(x[None], np.array([truth]))[0] == pytest.approx(expected, abs=1e-9)


def test_sample_crps_of_many_members_is_the_gaussian_one():
    members = norm.ppf((np.arange(5_000) + 0.5) / 5_000)[None] * 2 + 1
    assert crps_sample(members, np.array([3.5]))[0] == pytest.approx(crps_gaussian(np.array([1.0]), np.array([2.0]), np.array([3.5]))[0], rel=1e-3)


def test_sample_crps_in_pieces_is_the_same():
    rng = np.random.default_rng(1)
    sample, truth = rng.normal(size=(40, 150_000)), rng.normal(size=40)
    np.testing.assert_allclose(crps_sample(sample, truth)[[0, 39]], [crps_sample(sample[i : i + 1], truth[i : i + 1])[0] for i in (0, 39)])


def test_the_right_forecast_has_the_lowest_crps():
    truth = np.random.default_rng(2).normal(3, 2, 5_000)
    scores = {(m, s): crps_gaussian(np.full(5_000, m), np.full(5_000, s), truth).mean() for m in (2.0, 3.0, 4.0) for s in (1.0, 2.0, 4.0)}
    assert min(scores, key=scores.__getitem__) == (3.0, 2.0)


def test_missing_members_make_the_score_missing():
    sample = np.array([[0.0, np.nan], [0.0, 2.0], [0.0, 2.0]])
    for score in (crps_sample, probability_below_sample):
        assert np.isnan(score(sample, np.array([1.0, np.nan, 1.0]))).tolist() == [True, True, False]


def test_probability_below_is_that_of_the_forecast():
    np.testing.assert_allclose(probability_below_gaussian(np.array([1.0]), np.array([2.0]), np.array([2.0])), norm.cdf(0.5))
    assert probability_below_gaussian(np.ones(4), np.array([0.0, 0.0, 0.0, np.nan]), np.array([0.0, 1.0, 2.0, 1.0]))[:3].tolist() == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(probability_below_sample(np.array([[1.0, 2.0, 2.0, 5.0]]), np.array([2.0])), 0.5)


def test_an_honest_forecast_lies_on_the_diagonal():
    rng = np.random.default_rng(3)
    sd = rng.uniform(1, 3, 10_000)
    below = probability_below_gaussian(np.zeros(10_000), sd, rng.normal(0, sd))
    result = accuracy(below)
    np.testing.assert_allclose(result.share, result.probability, atol=0.02)
    assert result.goodness > 0.98


def test_goodness_of_perfect_uniform_probabilities_is_one():
    assert accuracy((np.arange(10_000) + 0.5) / 10_000).goodness == pytest.approx(1, abs=1e-3)


def test_too_wide_costs_half_and_too_narrow_all():
    """Deutsch's bounds: G = 1/2 where every interval holds every truth, 0 where none does."""
    assert accuracy(np.full(50, 0.5)).goodness == pytest.approx(0.5, abs=1e-3)
    assert accuracy(np.tile([0.0, 1.0], 25)).goodness == pytest.approx(0, abs=1e-3)


def test_goodness_equals_the_integral_of_its_definition():
    below = np.array([0.1, 0.45, 0.8, 0.99])

    def integrand(p):
        share = np.mean(np.abs(2 * below - 1) <= p)
        return (3 * (share >= p) - 2) * (share - p)

    breaks = sorted({*np.abs(2 * below - 1).tolist(), 0.25, 0.5, 0.75})
    expected = 1 - quad(integrand, 0, 1, points=breaks, limit=200)[0]
    assert accuracy(below).goodness == pytest.approx(expected, abs=2e-3)


def test_shares_count_truths_inside_each_interval():
    result = accuracy(np.array([0.5, 0.25, 0.95, np.nan]), [0.5, 0.9, 0.0, 1.0])
    np.testing.assert_allclose(result.share, [2 / 3, 1.0, 1 / 3, 1.0])
    assert (result.pairs, result.left_out) == (3, 1)


def test_skill_is_the_share_of_the_reference_that_is_saved():
    assert [skill(score, 2.0) for score in (0.0, 2.0, 3.0)] == [1.0, 0.0, -0.5]


def test_gain_weighs_cores_alike_and_takes_its_error_over_cores():
    """Three cores with 1, 2 and 3 samples, of differences 1, 2 and 6."""
    cores = np.array(["a", "b", "b", "c", "c", "c", "d"])
    reference = np.array([2.0, 3.0, 5.0, 7.0, 8.0, 9.0, np.nan])
    score = reference - np.array([1.0, 1.0, 3.0, 6.0, 6.0, 6.0, 1.0])
    gain = paired_gain(score, reference, cores)
    assert gain.mean == pytest.approx(3)
    assert gain.standard_error == pytest.approx(np.std([1, 2, 6], ddof=1) / np.sqrt(3))
    assert (gain.cores, gain.pairs, gain.left_out) == (3, 6, 1)


def test_gain_of_a_method_over_itself_is_nothing_and_over_another_changes_sign():
    rng = np.random.default_rng(4)
    one, other, cores = rng.random(40), rng.random(40), np.repeat(np.arange(8), 5)
    assert paired_gain(one, one, cores).mean == 0
    assert paired_gain(one, other, cores).mean == pytest.approx(-paired_gain(other, one, cores).mean)


def test_samples_of_a_core_are_not_independent():
    """Repeating every sample of every core ten times must not make the gain look ten times better known."""
    rng = np.random.default_rng(5)
    one, other, cores = rng.random(12), rng.random(12), np.arange(12)
    once, often = paired_gain(one, other, cores), paired_gain(*(np.repeat(part, 10) for part in (one, other, cores)))
    assert often.standard_error == pytest.approx(once.standard_error)


def test_a_single_core_has_a_gain_and_no_error():
    gain = paired_gain(np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.array(["a", "a"]))
    assert gain.mean == 1.5
    assert np.isnan(gain.standard_error)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: mean_score(np.array([np.nan])), TooFewSamples, "none of 1 pairs"),
        (lambda: bias(np.array([]), np.array([])), TooFewSamples, "none of 0 pairs"),
        (lambda: bias(np.ones(3), np.ones((3, 1))), ValueError, "one truth for each estimate"),
        (lambda: crps_gaussian(np.ones(1), -np.ones(1), np.ones(1)), ValueError, "1 standard deviations are negative"),
        (lambda: mean_squared_deviation_ratio(np.ones(1), -np.ones(1), np.ones(1)), ValueError, "negative"),
        (lambda: crps_sample(np.ones((2, 3)), np.ones(3)), ValueError, r"give \(pairs, members\)"),
        (lambda: crps_sample(np.ones((2, 0)), np.ones(2)), TooFewSamples, "no member"),
        (lambda: probability_below_sample(np.ones(3), np.ones(3)), ValueError, r"give \(pairs, members\)"),
        (lambda: accuracy(np.array([np.nan])), TooFewSamples, "none of 1 pairs"),
        (lambda: accuracy(np.array([1.5])), ValueError, "probability_below holds values outside"),
        (lambda: accuracy(np.array([0.5]), [90.0]), ValueError, "not percent"),
        (lambda: skill(1.0, 0.0), ValueError, "positive"),
        (lambda: skill(1.0, np.nan), ValueError, "reference score is nan"),
        (lambda: paired_gain(np.array([np.nan]), np.ones(1), np.zeros(1)), TooFewSamples, "none of 1 samples"),
        (lambda: paired_gain(np.ones(2), np.ones(2), np.zeros(3)), ValueError, "differ"),
    ],
)
def test_what_cannot_be_scored_is_explained(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_no_pair_at_all_gives_no_crps():
    assert crps_sample(np.empty((0, 3)), np.empty(0)).shape == (0,)
