import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_covariance, block_nodes, block_variance
from pipeline.geostatistics.kriging import Kriging
from pipeline.geostatistics.support import (
    DiscreteGaussian,
    affine_correction,
    box_gammabar,
    change_of_support_coefficient,
    dispersion_variance,
    gammabar,
    hermite,
    hermite_coefficients,
    indirect_lognormal_correction,
    kriging_efficiency,
    slope_of_regression,
    support_factor,
)

LINE = CovarianceModel(0.0, (Structure("spherical", 1.0, 10.0, 10.0),))
NESTED = CovarianceModel(0.1, (Structure("exponential", 0.6, 900.0, 3.0), Structure("spherical", 0.3, 700.0, np.inf)))
CUTOFFS = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 15.0])


def lognormal(log_mean, log_sd, count=2_000):
    """Means of ``count`` equal classes of a lognormal, whose own mean they keep."""
    bounds = norm.ppf(np.arange(count + 1) / count)
    return np.exp(log_mean + log_sd**2 / 2) * np.diff(norm.cdf(bounds - log_sd)) * count


def test_mean_semivariance_of_a_line_is_the_published_one():
    """A 5 m line under a spherical model of range 10 and sill 1: 3/2 E|h|/10 - 1/2 E|h|^3/1000 = 0.24375."""
    assert box_gammabar(LINE, (5.0, 0.0, 0.0)) == pytest.approx(0.24375, abs=1e-13)
    assert box_gammabar(LINE, (0.0, 0.0, 5.0), nodes=3) == pytest.approx(0.24375, abs=1e-13)
    assert gammabar(LINE, *block_nodes((5.0, 0.0, 0.0), (200, 1, 1))) == pytest.approx(0.24375, abs=1e-5)


def test_the_double_sum_converges_with_the_square_of_the_nodes():
    """Counting nodes with themselves at lag 0 makes the sum too small; four times less for each doubling."""
    errors = [gammabar(LINE, *block_nodes((5.0, 0.0, 0.0), (count, 1, 1))) - 0.24375 for count in (8, 16, 32, 64)]
    assert max(errors) < 0
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 4, rtol=0.07)


def test_double_sum_and_lag_integral_agree_in_a_plane():
    exact = box_gammabar(NESTED, (500.0, 300.0, 0.0))
    assert gammabar(NESTED, *block_nodes((500.0, 300.0, 0.0), (30, 30, 1))) == pytest.approx(exact, rel=2e-4)
    assert box_gammabar(NESTED, (500.0, 300.0, 0.0), nodes=48) == pytest.approx(exact, rel=1e-6)


def test_lag_integral_equals_random_pairs_in_a_box():
    rng = np.random.default_rng(0)
    size_m = np.array([500.0, 300.0, 2.0])
    lag_m = (rng.uniform(0, 1, (200_000, 3)) - rng.uniform(0, 1, (200_000, 3))) * size_m
    covariance = NESTED.between(lag_m, np.zeros((1, 3)))[:, 0]
    error = covariance.std() / np.sqrt(len(covariance))
    assert abs(NESTED.sill - covariance.mean() - box_gammabar(NESTED, tuple(size_m))) < 4 * error


def test_a_vanishing_block_keeps_the_nugget_inside():
    assert box_gammabar(NESTED, (0.0, 0.0, 0.0)) == pytest.approx(NESTED.nugget)
    assert support_factor(NESTED, np.zeros((1, 3)), np.ones(1)) == pytest.approx(1 - NESTED.nugget / NESTED.sill)


def test_dispersion_variances_add_up():
    """Krige's relation: point in panel = point in block + block in panel."""
    block, panel = block_nodes((50.0, 50.0, 1.0), (3, 3, 2)), block_nodes((500.0, 500.0, 4.0), (6, 6, 3))
    whole = dispersion_variance(NESTED, None, panel)
    assert whole == pytest.approx(dispersion_variance(NESTED, None, block) + dispersion_variance(NESTED, block, panel), rel=1e-14)
    assert whole == pytest.approx(gammabar(NESTED, *panel))
    assert support_factor(NESTED, *block) == pytest.approx(1 - gammabar(NESTED, *block) / NESTED.sill)


def test_a_larger_block_varies_less():
    factors = [support_factor(NESTED, *block_nodes((side, side, 0.0), (6, 6, 1))) for side in (1.0, 100.0, 500.0, 5_000.0)]
    assert (np.diff(factors) < 0).all()
    assert 0 < factors[-1] < factors[0] <= 1


def test_nothing_that_varies_has_factor_one():
    assert support_factor(CovarianceModel(0.0, ()), np.zeros((1, 3)), np.ones(1)) == 1


def test_slope_and_efficiency_equal_brute_force():
    """Against weights from one augmented system: Cov(Z, Z*) = w'c, Var(Z*) = w'Cw, on a block with nugget, off-centre so that the bias shows."""
    rng = np.random.default_rng(1)
    data_m = np.column_stack([rng.uniform(0, 900, (8, 2)), np.zeros(8)])
    block = block_nodes((200.0, 200.0, 0.0), (4, 4, 1))
    centre_m = np.array([[1_100.0, 950.0, 0.0]])
    covariance = block_covariance(NESTED, centre_m, data_m, *block)[0]
    of_block = block_variance(NESTED, *block)
    matrix = NESTED.between(data_m, data_m) + NESTED.nugget * np.eye(8)
    augmented = np.block([[matrix, np.ones((8, 1))], [np.ones((1, 8)), np.zeros((1, 1))]])
    *w, mu = np.linalg.solve(augmented, np.append(covariance, 1.0))
    w = np.array(w)
    kriging_variance = of_block - w @ covariance - mu
    cov, var = w @ covariance, w @ matrix @ w
    assert abs(mu) > 0.01
    assert slope_of_regression(of_block, kriging_variance, mu) == pytest.approx(cov / var, rel=1e-10)
    assert kriging_efficiency(of_block, kriging_variance) == pytest.approx((of_block - (of_block - 2 * cov + var)) / of_block, rel=1e-10)
    result = Kriging(data_m, NESTED, np.ones((8, 1))).estimate(np.zeros(8), covariance[None], np.ones((1, 1)), of_block)
    assert result.slope_of_regression[0] == pytest.approx(cov / var, rel=1e-10)
    assert result.variance[0] == pytest.approx(kriging_variance, rel=1e-10)


def test_slope_and_efficiency_of_a_block_known_exactly_are_one():
    assert kriging_efficiency([2.0, 2.0, 0.0], [0.0, 2.0, 0.0]).tolist()[:2] == [1.0, 0.0]
    assert slope_of_regression(2.0, 0.0, 0.0) == 1
    assert np.isnan(kriging_efficiency(0.0, 0.0))
    assert np.isnan(slope_of_regression(1.0, 1.0, 0.0))
    assert np.isnan(slope_of_regression(np.nan, 1.0, 0.0))


def test_affine_correction_keeps_the_mean_and_scales_the_variance():
    values, weights = np.array([1.0, 4.0, 10.0, np.nan]), np.array([0.5, 0.3, 0.2])
    mean = weights @ values[:3]
    corrected = affine_correction(values, mean, 0.4)
    assert weights @ corrected[:3] == pytest.approx(mean)
    assert weights @ (corrected[:3] - mean) ** 2 == pytest.approx(0.4 * (weights @ (values[:3] - mean) ** 2))
    assert np.isnan(corrected[3])


def test_indirect_correction_of_lognormal_values_is_the_lognormal_of_the_block():
    """exp(m + s²/2) and coefficient of variation √f v: the closed form of the lognormal shortcut."""
    values = lognormal(1.0, 0.7)
    corrected = indirect_lognormal_correction(values, 0.5)
    variation2 = values.var() / values.mean() ** 2
    assert corrected.mean() == pytest.approx(values.mean(), rel=1e-12)
    assert corrected.var() / corrected.mean() ** 2 == pytest.approx(0.5 * variation2, rel=1e-2)
    log_sd = np.sqrt(np.log1p(0.5 * np.expm1(0.7**2)))
    assert np.std(np.log(corrected)) == pytest.approx(log_sd, rel=1e-2)


def test_indirect_correction_equals_its_formula():
    values, weights, factor = np.array([0.0, 1.0, 4.0, 10.0]), np.array([0.1, 0.4, 0.3, 0.2]), 0.6
    m = weights @ values
    v2 = weights @ (values - m) ** 2 / m**2
    b = np.sqrt(np.log(factor * v2 + 1) / np.log(v2 + 1))
    a = m / np.sqrt(factor * v2 + 1) * (np.sqrt(v2 + 1) / m) ** b
    prime = a * values**b
    np.testing.assert_allclose(indirect_lognormal_correction(values, factor, weights), prime * m / (weights @ prime), rtol=1e-12)


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0])
def test_corrections_leave_equal_values_alone(factor):
    np.testing.assert_allclose(affine_correction(np.full(3, 7.0), 7.0, factor), 7.0)
    np.testing.assert_allclose(indirect_lognormal_correction(np.full(3, 7.0), factor), 7.0)
    assert indirect_lognormal_correction(np.zeros(3), factor).tolist() == [0.0, 0.0, 0.0]


def test_factor_one_corrects_nothing_and_factor_zero_leaves_the_mean():
    values = np.array([1.0, 4.0, np.nan, 10.0])
    np.testing.assert_allclose(indirect_lognormal_correction(values, 1.0), values)
    np.testing.assert_allclose(indirect_lognormal_correction(values, 0.0)[[0, 1, 3]], 5.0)


def test_hermite_polynomials_are_orthonormal():
    """Gauss-Hermite of 60 nodes integrates products up to order 119 exactly."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    polynomials = hermite(nodes, 30)
    np.testing.assert_allclose(polynomials * weights / np.sqrt(2 * np.pi) @ polynomials.T, np.eye(31), atol=1e-10)


def test_hermite_polynomials_are_those_of_numpy():
    y = np.linspace(-3, 3, 12).reshape(3, 4)
    for order in range(8):
        expected = np.polynomial.hermite_e.hermeval(y, np.eye(8)[order]) / math.sqrt(math.factorial(order))
        np.testing.assert_allclose(hermite(y, 7)[order], expected, atol=1e-12)


def test_coefficients_of_a_lognormal_are_the_closed_form():
    r"""\phi_n = m s^n / sqrt(n!) for z = exp(mu + s y)."""
    expected = np.array([np.exp(1 + 0.4**2 / 2) * 0.4**n / math.sqrt(math.factorial(n)) for n in range(7)])
    errors = [np.abs(hermite_coefficients(lognormal(1.0, 0.4, count), orders=6) - expected) for count in (2_000, 20_000)]
    assert (errors[1] < 3e-3).all()
    assert (errors[1][1:] < 0.5 * errors[0][1:]).all()


def test_coefficients_equal_integration_of_the_step_function():
    values, weights = np.array([1.0, 3.0, 10.0]), np.array([0.5, 0.3, 0.2])
    y = np.linspace(-9, 9, 180_001)
    steps = values[np.searchsorted(norm.ppf([0.5, 0.8]), y)]
    expected = [np.trapezoid(steps * polynomial * norm.pdf(y), y) for polynomial in hermite(y, 5)]
    np.testing.assert_allclose(hermite_coefficients(values, weights, 5), expected, atol=1e-3)


def test_squares_of_the_coefficients_approach_the_variance_from_below():
    values = lognormal(0.0, 0.8, 300)
    sums = [np.sum(hermite_coefficients(values, orders=orders)[1:] ** 2) for orders in (5, 50, 500)]
    assert sums[0] < sums[1] < sums[2] < values.var()
    assert sums[2] == pytest.approx(values.var(), rel=0.01)


def test_change_of_support_of_a_lognormal_is_the_closed_form():
    r"""Var(Z_v) = m² (exp(s² r²) - 1), so r follows from any block variance."""
    mean, s = np.exp(0.32), 0.8
    coefficients = np.array([mean * s**n / math.sqrt(math.factorial(n)) for n in range(40)])
    for r in (0.0, 0.3, 0.7, 0.99, 1.0):
        assert change_of_support_coefficient(coefficients, mean**2 * np.expm1(s**2 * r**2)) == pytest.approx(r, abs=1e-7)


def test_lognormal_blocks_have_the_closed_form_of_grade_and_tonnage():
    """Permanence of lognormality in the discrete Gaussian model: block log sd is r s."""
    s, factor = 0.8, 0.5
    values = lognormal(1.0, s)
    mean = np.exp(1 + s**2 / 2)
    block_sd = np.sqrt(np.log1p(factor * np.expm1(s**2)))
    model = DiscreteGaussian.of(values, factor)
    assert model.r == pytest.approx(block_sd / s, rel=1e-3)
    result = model.grade_tonnage(CUTOFFS)
    u = np.log(np.maximum(CUTOFFS, 1e-300) / mean) / block_sd
    np.testing.assert_allclose(result.tonnage_share, norm.sf(u + block_sd / 2), atol=5e-4)
    np.testing.assert_allclose(result.metal, mean * norm.sf(u - block_sd / 2), atol=1e-3 * mean)


def test_metal_is_the_integral_of_the_block_anamorphosis():
    model = DiscreteGaussian.of(np.array([1.0, 2.0, 4.0, 9.0]), 0.4)
    cutoffs = np.array([2.0, 3.33, 5.0, 7.5])
    result = model.grade_tonnage(cutoffs)
    for cutoff, share, metal in zip(cutoffs, result.tonnage_share, result.metal, strict=True):
        y = brentq(lambda score, over=cutoff: float(model.block_grade(score)) - over, -8, 8, xtol=1e-13)
        assert share == pytest.approx(norm.sf(y), rel=1e-5)
        assert metal == pytest.approx(quad(lambda score: float(model.block_grade(score)) * norm.pdf(score), y, 8)[0], rel=1e-5)


def test_blocks_have_the_variance_asked_for():
    values = np.random.default_rng(2).lognormal(0, 1, 80)
    weights = np.random.default_rng(3).uniform(0.2, 1, 80)
    for factor in (0.2, 0.6, 0.95):
        model = DiscreteGaussian.of(values, factor, weights)
        grades = model.block_grade(norm.ppf((np.arange(20_000) + 0.5) / 20_000))
        mean = np.average(values, weights=weights)
        assert grades.mean() == pytest.approx(mean, rel=1e-4)
        assert grades.var() == pytest.approx(factor * np.average((values - mean) ** 2, weights=weights), rel=5e-3)


def test_the_series_with_all_orders_is_the_closed_block_anamorphosis():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    model = DiscreteGaussian.of(values, 0.4)
    y = np.linspace(-3, 3, 13)
    series = (hermite_coefficients(values, orders=150) * model.r ** np.arange(151)) @ hermite(y, 150)
    np.testing.assert_allclose(model.block_grade(y), series, atol=1e-6)


def test_point_support_is_the_data():
    values, weights = np.array([1.0, 3.0, 3.0, 10.0]), np.array([2.0, 1.0, 1.0, 1.0])
    model = DiscreteGaussian.of(values, 1.0, weights)
    result = model.grade_tonnage([0.0, 1.0, 2.0, 3.0, 10.0, 11.0])
    assert model.r == 1
    np.testing.assert_allclose(result.tonnage_share, [1, 1, 0.6, 0.6, 0.2, 0])
    np.testing.assert_allclose(result.metal, [3.6, 3.6, 3.2, 3.2, 2, 0])
    np.testing.assert_allclose(result.mean_grade, [3.6, 3.6, 16 / 3, 16 / 3, 10, np.nan])
    assert model.block_grade([-5.0, 0.0, 5.0, np.nan]).tolist()[:3] == [1.0, 3.0, 10.0]
    assert np.isnan(model.block_grade(np.nan))


def test_nearly_point_support_is_nearly_the_data():
    values = np.array([1.0, 3.0, 10.0])
    points, blocks = (DiscreteGaussian.of(values, factor).grade_tonnage([2.0, 5.0]) for factor in (1.0, 0.9999))
    np.testing.assert_allclose(blocks.tonnage_share, points.tonnage_share, atol=0.01)
    np.testing.assert_allclose(blocks.metal, points.metal, atol=0.05)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0.01, 1)), min_size=1, max_size=30),
    st.floats(0, 1),
    st.lists(st.floats(0, 1.2e4), min_size=1, max_size=12),
)
def test_grade_tonnage_curves_are_monotone_and_hold_the_mean(rows, factor, cutoffs):
    values, weights = np.array(rows).T
    model = DiscreteGaussian.of(values, factor, weights)
    result = model.grade_tonnage(np.concatenate([[0.0], np.sort(cutoffs)]))
    tiny = 1e-9 * (1 + model.mean)
    assert model.mean == pytest.approx(np.average(values, weights=weights))
    assert result.tonnage_share[0] == pytest.approx(1, abs=1e-12)
    assert result.metal[0] == pytest.approx(model.mean, rel=1e-12)
    assert (np.diff(result.tonnage_share) <= 1e-12).all()
    assert (np.diff(result.metal) <= tiny).all()
    reached = result.tonnage_share > 1e-12
    assert (result.mean_grade[reached] >= result.cutoff[reached] * (1 - 1e-4) - tiny).all()


def test_larger_blocks_select_less():
    """Over a cut-off above the mean, metal falls with the support: the more a block averages, the less there is to select."""
    values = lognormal(0.0, 1.0, 300)
    metal = [DiscreteGaussian.of(values, factor).grade_tonnage(4.0).metal[0] for factor in (1.0, 0.7, 0.4, 0.1)]
    assert (np.diff(metal) < 0).all()


def test_equal_values_have_one_grade_on_any_support():
    result = DiscreteGaussian.of(np.full(5, 7.0), 0.3).grade_tonnage([0.0, 7.0, 8.0])
    assert result.tonnage_share.tolist() == [1.0, 1.0, 0.0]
    assert result.metal.tolist() == [7.0, 7.0, 0.0]
    assert np.isnan(result.mean_grade[2])


def test_a_region_so_large_that_nothing_varies_has_the_mean_grade():
    model = DiscreteGaussian.of(np.array([1.0, 5.0, 9.0]), 0.0)
    assert model.r == 0
    np.testing.assert_allclose(model.grade_tonnage([4.9, 5.1]).metal, [5.0, 0.0])


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: box_gammabar(LINE, (-1.0, 0.0, 0.0)), ValueError, "not negative"),
        (lambda: affine_correction(np.ones(2), 1.0, 1.2), ValueError, "factor is 1.2"),
        (lambda: indirect_lognormal_correction(np.array([-1.0, 2.0]), 0.5), ValueError, "Use the affine one"),
        (lambda: indirect_lognormal_correction(np.array([np.nan]), 0.5), TooFewSamples, "at least one"),
        (lambda: DiscreteGaussian.of(np.ones(3), -0.1), ValueError, "factor is -0.1"),
        (lambda: DiscreteGaussian.of(np.array([]), 0.5), TooFewSamples, "at least one"),
        (lambda: change_of_support_coefficient(np.array([1.0, 1.0]), 1.1), ValueError, "between 0 and the variance of points"),
        (lambda: change_of_support_coefficient(np.array([1.0, 1.0]), np.nan), ValueError, "block variance is nan"),
        (lambda: DiscreteGaussian.of(np.ones(3), 0.5).grade_tonnage([np.nan]), ValueError, "cut-off is NaN"),
    ],
)
def test_what_has_no_support_is_explained(call, error, says):
    with pytest.raises(error, match=says):
        call()
