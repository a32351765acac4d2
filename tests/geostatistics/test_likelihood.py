import re

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.stats import chi2, multivariate_normal

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.likelihood import RestrictedLikelihood, Shape, fit_likelihood, profile_interval

LAYERED = CovarianceModel(0.2, (Structure("exponential", 0.6, 12_000.0, 3.0), Structure("exponential", 0.3, 12_000.0, np.inf)))
HORIZONTAL_M, VERTICAL_M = (1_000.0, 80_000.0), (0.5, 30.0)


def survey(cores=20, layers=5, seed=0, model=LAYERED, error_variance=0.0):
    """Positions and one draw of a planted field at them."""
    rng = np.random.default_rng(seed)
    positions_m = np.column_stack([np.repeat(rng.uniform(0, 40_000, (cores, 2)), layers, axis=0), np.tile(np.arange(layers) + 0.5, cores)])
    return positions_m, draw(positions_m, model, seed + 1, error_variance)


def draw(positions_m, model, seed, error_variance=0.0):
    n = len(positions_m)
    covariance = model.between(positions_m, positions_m) + (model.nugget + error_variance) * np.eye(n)
    return np.linalg.cholesky(covariance) @ np.random.default_rng(seed).normal(size=n)


def drift_of(positions_m):
    return np.column_stack([np.ones(len(positions_m)), positions_m[:, 0] / 1e4, positions_m[:, 2]])


def flat_survey(n=60, seed=0):
    """Scattered points in one layer and a model without vertical range."""
    positions_m = np.column_stack([np.random.default_rng(seed).uniform(0, 1_000, (n, 2)), np.zeros(n)])
    return positions_m, CovarianceModel(0.2, (Structure("exponential", 0.8, 400.0),))


@pytest.mark.parametrize("error_variance", [None, 0.3])
def test_log_likelihood_is_the_density_of_the_error_contrasts(error_variance):
    """Orthonormal contrasts A with A'F = 0: ln N(A'y; 0, A'KA)."""
    positions_m, values = survey()
    drift = drift_of(positions_m)
    errors = None if error_variance is None else np.linspace(0, error_variance, len(values))
    covariance = LAYERED.between(positions_m, positions_m) + np.diag(np.full(len(values), LAYERED.nugget) + (0 if errors is None else errors))
    contrasts = null_space(drift.T)
    expected = multivariate_normal.logpdf(contrasts.T @ values, cov=contrasts.T @ covariance @ contrasts)
    assert RestrictedLikelihood(positions_m, values, drift, errors).log_likelihood(LAYERED) == pytest.approx(expected, rel=1e-10)


def test_log_likelihood_is_its_textbook_formula():
    positions_m, values = survey()
    drift = drift_of(positions_m)
    covariance = LAYERED.between(positions_m, positions_m) + LAYERED.nugget * np.eye(len(values))
    inverse = np.linalg.inv(covariance)
    information = drift.T @ inverse @ drift
    projector = inverse - inverse @ drift @ np.linalg.inv(information) @ drift.T @ inverse
    log_dets = [np.linalg.slogdet(matrix)[1] for matrix in (covariance, information, drift.T @ drift)]
    expected = -0.5 * ((len(values) - 3) * np.log(2 * np.pi) + log_dets[0] + log_dets[1] - log_dets[2] + values @ projector @ values)
    assert RestrictedLikelihood(positions_m, values, drift).log_likelihood(LAYERED) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("kind", ["spherical", "exponential", "gaussian", "cubic", "matern32", "matern52"])
@pytest.mark.parametrize("concentrated", [True, False])
def test_gradient_is_that_of_the_log_likelihood(kind, concentrated):
    positions_m, values = survey()
    likelihood = RestrictedLikelihood(positions_m, values, drift_of(positions_m))
    shape = Shape(kind, True, True)
    logs = np.log([0.3, 0.7, 15_000.0, 2.5, 0.2])
    _, gradient, _ = likelihood.of_logs(shape, logs, concentrated)
    for k in range(5):
        step = 1e-4 * (np.arange(5) == k)
        slope = (likelihood.of_logs(shape, logs + step, concentrated)[0] - likelihood.of_logs(shape, logs - step, concentrated)[0]) / 2e-4
        assert gradient[k] == pytest.approx(slope, rel=1e-4, abs=1e-5)
    if concentrated:
        assert gradient[[0, 1, 4]].sum() == pytest.approx(0, abs=1e-9), "the variance as a whole is at its best"


def test_concentrating_out_the_variance_gives_the_best_common_factor():
    positions_m, values = survey()
    likelihood = RestrictedLikelihood(positions_m, values, drift_of(positions_m))
    shape, logs = Shape("exponential", True, True), np.log([0.3, 0.7, 15_000.0, 2.5, 0.2])
    best, _, factor = likelihood.of_logs(shape, logs, True)
    variances = np.array([True, True, False, False, True])
    at = [likelihood.of_logs(shape, logs + np.log(factor * share) * variances, False)[0] for share in (1.0, 0.99, 1.01)]
    assert at[0] == pytest.approx(best, rel=1e-12)
    assert at[0] > max(at[1:])


def test_a_drift_added_to_the_data_changes_nothing():
    positions_m, values = survey()
    drift = drift_of(positions_m)
    shifted = values + drift @ np.array([50.0, -7.0, 3.0])
    one, other = (RestrictedLikelihood(positions_m, part, drift) for part in (values, shifted))
    assert other.log_likelihood(LAYERED) == pytest.approx(one.log_likelihood(LAYERED), rel=1e-9)
    fits = [fit_likelihood(part, LAYERED, HORIZONTAL_M, VERTICAL_M) for part in (one, other)]
    np.testing.assert_allclose(fits[1].estimates, fits[0].estimates, rtol=1e-3)


def test_order_of_the_data_changes_no_bit():
    positions_m, values = survey()
    shuffle = np.random.default_rng(5).permutation(len(values))
    fits = [
        fit_likelihood(RestrictedLikelihood(positions_m[o], values[o], drift_of(positions_m[o])), LAYERED, HORIZONTAL_M, VERTICAL_M)
        for o in (slice(None), shuffle)
    ]
    np.testing.assert_array_equal(fits[0].estimates, fits[1].estimates)
    np.testing.assert_array_equal(fits[0].log_covariance, fits[1].log_covariance)


def test_a_nugget_alone_is_the_unbiased_sample_variance():
    """Independent data with one mean: S^2 / (n - 1), with a chi-squared profile known in closed form."""
    values = np.random.default_rng(3).normal(5.0, 2.0, 25)
    positions_m = np.column_stack([np.arange(25.0), np.zeros((25, 2))])
    likelihood = RestrictedLikelihood(positions_m, values, np.ones((25, 1)))
    fit = fit_likelihood(likelihood, CovarianceModel(1.0, ()), HORIZONTAL_M, VERTICAL_M)
    assert fit.parameters == ("nugget",)
    assert fit.model.nugget == pytest.approx(values.var(ddof=1), rel=1e-8)
    assert fit.log_covariance[0, 0] == pytest.approx(2 / 24, rel=1e-4)
    assert fit.log_likelihood == pytest.approx(-12 * (np.log(2 * np.pi * values.var(ddof=1)) + 1), rel=1e-9)
    ends = np.array(profile_interval(likelihood, fit, "nugget")) / fit.model.nugget
    np.testing.assert_allclose(24 * (np.log(ends) + 1 / ends - 1), chi2.ppf(0.95, 1), rtol=0.05)


def test_units_of_the_values_scale_sills_and_leave_ranges():
    positions_m, values = survey()
    drift = drift_of(positions_m)
    start = CovarianceModel(
        0.2e6, tuple(Structure(part.kind, 1e6 * part.sill, part.horizontal_range_m, part.vertical_range_m) for part in LAYERED.structures)
    )
    one = fit_likelihood(RestrictedLikelihood(positions_m, values, drift), LAYERED, HORIZONTAL_M, VERTICAL_M)
    other = fit_likelihood(RestrictedLikelihood(positions_m, 1_000 * values, drift), start, HORIZONTAL_M, VERTICAL_M)
    factors = np.array([1e6 if "range" not in name else 1.0 for name in one.parameters])
    np.testing.assert_allclose(other.estimates, one.estimates * factors, rtol=1e-4)
    np.testing.assert_allclose(other.log_covariance, one.log_covariance, rtol=1e-2, atol=1e-6)
    assert other.at_bounds == one.at_bounds
    assert other.log_likelihood == pytest.approx(one.log_likelihood - (len(values) - 3) * np.log(1_000), rel=1e-9)


def test_no_nearby_model_is_more_likely():
    positions_m, values = survey()
    likelihood = RestrictedLikelihood(positions_m, values, drift_of(positions_m))
    fit = fit_likelihood(likelihood, LAYERED, HORIZONTAL_M, VERTICAL_M)
    shape = Shape.of(fit.model)
    assert likelihood.log_likelihood(fit.model) == pytest.approx(fit.log_likelihood, rel=1e-9)
    assert fit.log_likelihood >= likelihood.log_likelihood(LAYERED)
    rng = np.random.default_rng(2)
    for _ in range(100):
        estimates = np.clip(fit.estimates * np.exp(rng.normal(0, rng.choice([0.02, 0.3]), len(fit.estimates))), *fit.bounds.T)
        assert likelihood.log_likelihood(shape.model(estimates)) <= fit.log_likelihood + 1e-6


def test_standard_errors_are_the_curvature_of_the_log_likelihood():
    positions_m, model = flat_survey(n=150)
    likelihood = RestrictedLikelihood(positions_m, draw(positions_m, model, 1), np.ones((150, 1)))
    fit = fit_likelihood(likelihood, model, (20.0, 3_000.0), (1.0, 2.0))
    assert fit.parameters == ("nugget", "sill", "horizontal range")
    assert (fit.at_bounds, fit.remarks) == ((), ())
    shape, step, curvature = Shape.of(fit.model), 0.01, np.empty((3, 3))
    at = lambda a, b: likelihood.log_likelihood(shape.model(fit.estimates * np.exp(a + b)))  # noqa: E731
    for i in range(3):
        for j in range(3):
            a, b = step * np.eye(3)[i], step * np.eye(3)[j]
            curvature[i, j] = -(at(a, b) - at(a, -b) - at(-a, b) + at(-a, -b)) / (4 * step**2)
    np.testing.assert_allclose(fit.log_covariance, np.linalg.inv(curvature), rtol=0.02)


def test_interval_ends_are_where_the_profile_has_lost_half_the_chi_squared_quantile():
    positions_m, model = flat_survey(n=80)
    likelihood = RestrictedLikelihood(positions_m, draw(positions_m, model, 1), np.ones((80, 1)))
    fit = fit_likelihood(likelihood, model, (20.0, 3_000.0), (1.0, 2.0))
    for level in (0.5, 0.95):
        for end in profile_interval(likelihood, fit, "horizontal range", level):
            held = fit_likelihood(likelihood, fit.model, (end * (1 - 1e-9), end * (1 + 1e-9)), (1.0, 2.0))
            assert 2 * (fit.log_likelihood - held.log_likelihood) == pytest.approx(chi2.ppf(level, 1), rel=0.05)


@pytest.mark.slow
def test_intervals_hold_the_planted_range_about_as_often_as_they_say():
    """40 fields of 80 points: a 95 % interval holds the truth 38 times on average, 34 or more with probability 0.986."""
    positions_m, model = flat_survey(n=80)
    held = {"horizontal range": 0, "sill": 0}
    errors = []
    for seed in range(40):
        likelihood = RestrictedLikelihood(positions_m, draw(positions_m, model, 100 + seed), np.ones((80, 1)))
        fit = fit_likelihood(likelihood, model, (20.0, 20_000.0), (1.0, 2.0))
        errors.append(np.log(fit.model.sill / model.sill))
        for name, truth in (("horizontal range", 400.0), ("sill", 0.8)):
            low, high = profile_interval(likelihood, fit, name)
            held[name] += low <= truth <= high
    assert min(held.values()) >= 34
    assert abs(np.median(errors)) < 0.25


def test_a_layered_model_is_recovered_from_many_cores():
    positions_m, values = survey(cores=60, layers=6, seed=4)
    likelihood = RestrictedLikelihood(positions_m, values, np.ones((len(values), 1)))
    start = CovarianceModel(0.5, (Structure("exponential", 0.5, 40_000.0, 10.0), Structure("exponential", 0.1, 40_000.0)))
    fit = fit_likelihood(likelihood, start, HORIZONTAL_M, VERTICAL_M)
    assert fit.parameters == ("nugget", "sill", "horizontal range", "vertical range", "zonal sill")
    truth = np.array([0.2, 0.6, 12_000.0, 3.0, 0.3])
    free = np.array([name not in fit.at_bounds for name in fit.parameters])
    assert np.all(np.abs(np.log(fit.estimates / truth))[free] < 2.5 * fit.log_sd[free])
    low_m, high_m = profile_interval(likelihood, fit, "horizontal range")
    assert low_m < 12_000 < high_m


def test_known_measurement_errors_are_told_from_the_nugget():
    """Half of the data are measured badly: with their error known the nugget stays what it is."""
    positions_m, model = flat_survey(n=200)
    errors = np.where(np.arange(200) % 2, 1.0, 0.0)
    values = draw(positions_m, model, 7) + np.sqrt(errors) * np.random.default_rng(8).normal(size=200)
    with_errors, without = (
        fit_likelihood(RestrictedLikelihood(positions_m, values, np.ones((200, 1)), part), model, (20.0, 3_000.0), (1.0, 2.0))
        for part in (errors, None)
    )
    assert with_errors.model.nugget == pytest.approx(0.2, abs=0.15)
    assert without.model.nugget > 0.5
    zero = fit_likelihood(RestrictedLikelihood(positions_m, values, np.ones((200, 1)), np.full(200, 1e-12)), model, (20.0, 3_000.0), (1.0, 2.0))
    np.testing.assert_allclose(zero.estimates, without.estimates, rtol=2e-3)


def test_a_parameter_on_its_bound_has_no_standard_error_and_says_so():
    """A field smoother than the model: the nugget ends on its lower bound, the others keep their errors."""
    positions_m, model = flat_survey(n=80)
    smooth = CovarianceModel(1e-9, (Structure("matern52", 0.8, 400.0),))
    likelihood = RestrictedLikelihood(positions_m, draw(positions_m, smooth, 4), np.ones((80, 1)))
    fit = fit_likelihood(likelihood, model, (20.0, 3_000.0), (1.0, 2.0))
    assert fit.at_bounds == ("nugget",)
    assert fit.remarks == ("nugget is on a bound: no standard error",)
    assert np.isnan(fit.log_sd).tolist() == [True, False, False]
    assert profile_interval(likelihood, fit, "nugget")[0] == 0


def test_a_range_that_the_data_do_not_limit_has_an_open_interval():
    positions_m, model = flat_survey(n=15)
    likelihood = RestrictedLikelihood(positions_m, draw(positions_m, model, 3), np.ones((15, 1)))
    fit = fit_likelihood(likelihood, model, (50.0, 1_000.0), (1.0, 2.0))
    low_m, high_m = profile_interval(likelihood, fit, "horizontal range")
    assert high_m == np.inf
    assert low_m == 0 or 50 <= low_m < 1_000


def test_data_that_do_not_vary_give_a_model_without_sill():
    positions_m, model = flat_survey(n=12)
    likelihood = RestrictedLikelihood(positions_m, np.full(12, 0.1 + 0.2), np.ones((12, 1)))
    fit = fit_likelihood(likelihood, model, (50.0, 1_000.0), (1.0, 2.0))
    assert fit.model.sill == 0
    assert fit.log_likelihood == np.inf
    assert fit.remarks == ("the data do not vary: there is nothing to fit",)
    assert np.isnan(profile_interval(likelihood, fit, "horizontal range")).all()


def test_coincident_data_are_fitted_but_no_model_without_nugget_is_evaluated():
    positions_m, model = flat_survey(n=30)
    twice_m = np.concatenate([positions_m, positions_m])
    values = np.concatenate([draw(positions_m, model, 1)] * 2) + 0.3 * np.random.default_rng(2).normal(size=60)
    likelihood = RestrictedLikelihood(twice_m, values, np.ones((60, 1)))
    assert fit_likelihood(likelihood, model, (20.0, 3_000.0), (1.0, 2.0)).model.nugget > 0.03
    with pytest.raises(TooFewSamples, match="data coincide without nugget. Merge coincident samples".replace(".", r"\.")):
        likelihood.log_likelihood(CovarianceModel(0.0, model.structures))


def test_input_that_cannot_be_used_is_refused():
    positions_m, model = flat_survey(n=10)
    with pytest.raises(TooFewSamples, match="likelihood of 10 data with 2 drift functions: the data cannot tell them apart"):
        RestrictedLikelihood(positions_m, np.arange(10.0), np.ones((10, 2)))
    with pytest.raises(TooFewSamples, match="likelihood of 1 data with 1 drift functions"):
        RestrictedLikelihood(positions_m[:1], np.arange(1.0), np.ones((1, 1)))
    for values, errors in ((np.full(10, np.nan), None), (np.arange(10.0), np.full(10, -1.0))):
        with pytest.raises(ValueError, match="must be finite"):
            RestrictedLikelihood(positions_m, values, np.ones((10, 1)), errors)
    likelihood = RestrictedLikelihood(positions_m, np.arange(10.0), np.ones((10, 1)))
    two = CovarianceModel(0.1, (Structure("spherical", 1.0, 100.0), Structure("spherical", 1.0, 900.0)))
    with pytest.raises(ValueError, match=re.escape("a zonal one of the same kind and horizontal range; the model has others")):
        fit_likelihood(likelihood, two, (20.0, 3_000.0), (1.0, 2.0))
    fit = fit_likelihood(likelihood, model, (20.0, 3_000.0), (1.0, 2.0))
    with pytest.raises(ValueError, match="no parameter 'vertical range'; the model has nugget, sill, horizontal range"):
        profile_interval(likelihood, fit, "vertical range")
