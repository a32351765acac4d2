"""Draws from the posterior of a layered field: the closed form where there is one, brute-force conditioning where there is not.

Chances of a false alarm are those of |t| > 5 with 9 degrees of freedom (7e-4) between the ten chains, or of 4.5 standard errors (7e-6).
"""

import itertools

import numba
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp, multigammaln

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.layer_sampler import HorizontalModels, LayerDraws, left_out_probabilities, sample_layers

MEAN_CORES = 0.1
ZONAL, LENGTHS_M = (0.05, 0.2, 0.4, 0.6, 0.8), (0.35, 0.7, 1.4, 2.8)
PRIOR_CORES = (6.0, 12.0, 24.0, 48.0, 96.0)


def models_of(ranges_m=(2_000.0,), nuggets=(0.1,), kind="exponential"):
    return HorizontalModels(kind, np.array(ranges_m), np.array(nuggets), np.zeros((len(ranges_m), len(nuggets))))


def places(count, seed=1, side_m=6_000.0):
    return np.random.default_rng(seed).uniform(0, side_m, (count, 2))


def with_nugget(models, number, positions_m):
    return models.correlation(number, positions_m, positions_m) + models.of(number)[1] * np.eye(len(positions_m))


def planted(positions_m, covariance, mean, models, number, seed):
    """A field with the given covariance of layers at the cores."""
    noise = np.random.default_rng(seed).standard_normal((len(positions_m), len(mean)))
    return mean + np.linalg.cholesky(with_nugget(models, number, positions_m)) @ noise @ np.linalg.cholesky(covariance).T


def sampled(positions_m, observed, models, draws, *, others=(), errors=None, seed=(1, 2), **changes):
    errors = np.zeros(observed.shape) if errors is None else errors
    return sample_layers(positions_m, observed, errors, np.arange(observed.shape[1]) + 0.5, models, list(others), draws, list(seed), **changes)


def layered_covariance(layers, rho=0.6, sd=1.0):
    return sd**2 * rho ** np.abs(np.subtract.outer(np.arange(layers), np.arange(layers)))


def t_of_chains(samples, expected):
    """Distance of the mean of ten chains from what is expected, in standard errors between chains; draw k is of chain k % 10."""
    means = np.array([samples[chain::10].mean(axis=0) for chain in range(10)])
    return (means.mean(axis=0) - expected) / (means.std(axis=0, ddof=1) / np.sqrt(10))


def posterior(positions_m, Y, models, prior_cores):
    """Means of model probabilities, mean and covariance of layers, from sums over all models and priors and a quadrature over the scale."""
    cores, layers = Y.shape
    depths_m = np.arange(layers) + 0.5
    lag_m = np.abs(depths_m[:, None] - depths_m)
    log_v = np.linspace(-7, 7, 400)
    found = []
    for number, c, zonal, length_m in itertools.product(range(models.log_prior.size), prior_cores, ZONAL, LENGTHS_M):
        R, one = with_nugget(models, number, positions_m), np.ones(cores)
        Q = np.linalg.inv(R)
        q = one @ Q @ one + MEAN_CORES
        S = Y.T @ Q @ Y - np.outer(Y.T @ Q @ one, one @ Q @ Y) / q
        freedom = c + layers + 1
        K = zonal + (1 - zonal) * np.exp(-lag_m / length_m)
        # The likelihood with mean and covariance of layers integrated out, times 1/v: one in the logarithm of v.
        base = models.log_prior.ravel()[number] - layers / 2 * (np.linalg.slogdet(R)[1] + np.log(q))
        base += freedom / 2 * np.linalg.slogdet(c * K)[1] + multigammaln((freedom + cores) / 2, layers) - multigammaln(freedom / 2, layers)
        for log_scale in log_v:
            scale = S + c * np.exp(log_scale) * K
            weight = base + freedom * layers / 2 * log_scale - (freedom + cores) / 2 * np.linalg.slogdet(scale)[1]
            found.append((weight, number, scale / (freedom + cores - layers - 1), Y.T @ Q @ one / q))
    weights = np.array([row[0] for row in found])
    weights = np.exp(weights - logsumexp(weights))
    number = np.bincount([row[1] for row in found], weights, minlength=models.log_prior.size)
    return number, np.einsum("w,wi->i", weights, [row[3] for row in found]), np.einsum("w,wij->ij", weights, [row[2] for row in found])


def test_one_layer_has_the_posterior_of_the_textbook():
    """Scatter over variance is chi-squared with as many degrees as cores; the mean given the variance is normal (flat in the logarithm)."""
    positions_m, models = places(9), models_of()
    Y = planted(positions_m, np.array([[1.5]]), np.array([0.4]), models, 0, seed=3)
    draws = sampled(positions_m, Y, models, 4_000)
    Q, one = np.linalg.inv(with_nugget(models, 0, positions_m)), np.ones(9)
    q = one @ Q @ one + MEAN_CORES
    middle = one @ Q @ Y[:, 0] / q
    scatter = Y[:, 0] @ Q @ Y[:, 0] - q * middle**2
    variance = draws.root[:, 0, 0] ** 2
    assert abs(t_of_chains(variance, scatter / 7)) < 5
    assert abs(t_of_chains(scatter / variance, 9.0)) < 5
    assert abs(t_of_chains((scatter / variance - 9) ** 2, 18.0)) < 5
    # Given the variance the mean is drawn anew at every step.
    standard = (draws.mean[:, 0] - middle) / np.sqrt(variance / q)
    assert stats.kstest(standard, "norm").pvalue > 1e-4


def test_mean_and_covariance_of_layers_have_the_normal_inverse_wishart_posterior():
    """The scale of its prior is summed over by quadrature, its shape and weight in cores by enumeration."""
    positions_m, models = places(7), models_of()
    Y = planted(positions_m, layered_covariance(3), np.array([0.5, 0.0, -0.5]), models, 0, seed=4)
    _, mean, covariance = posterior(positions_m, Y, models, (6.0, 24.0))
    draws = sampled(positions_m, Y, models, 3_000, prior_cores=(6.0, 24.0))
    drawn = draws.root @ draws.root.transpose(0, 2, 1)
    assert np.abs(t_of_chains(draws.mean, mean)).max() < 5
    at = np.tril_indices(3)
    assert np.abs(t_of_chains(drawn[:, at[0], at[1]], covariance[at])).max() < 5


def test_probabilities_of_models_are_those_of_their_integrated_likelihoods():
    positions_m = places(8)
    models = HorizontalModels.log_normal("exponential", np.array([800.0, 3_000.0, 12_000.0]), np.array([0.0, 0.3]), 3_000.0, 1.0, 0.2)
    Y = planted(positions_m, layered_covariance(2), np.zeros(2), models, 2, seed=5)
    probability, mean, _ = posterior(positions_m, Y, models, (12.0,))
    draws = sampled(positions_m, Y, models, 3_000, prior_cores=(12.0,))
    assert probability.min() > 0.01
    assert np.abs(t_of_chains(draws.model[:, None] == np.arange(6), probability)).max() < 5
    assert np.abs(t_of_chains(draws.mean, mean)).max() < 5


def test_planted_range_and_nugget_are_found():
    positions_m = places(70, seed=6, side_m=10_000.0)
    models = models_of(np.geomspace(500, 32_000, 7), (0.0, 0.2, 0.6))
    for number in (0, 9, 14):
        Y = planted(positions_m, layered_covariance(4, 0.3), np.zeros(4), models, number, seed=number)
        found = np.array([models.of(int(model)) for model in sampled(positions_m, Y, models, 200).model])
        for at, truth in enumerate(models.of(number)):
            low, high = np.quantile(found[:, at], [0.01, 0.99])
            assert low <= truth <= high
        # The prior, flat in the logarithm, has a spread of 1.39; 280 values tell more.
        assert np.log(found[:, 0]).std() < 0.7


def conditional(positions_m, known, errors, observed, mean, covariance, R):
    """Mean and covariance of all layers of core 0 given every other value and its own measurements, all layers of all cores in one matrix."""
    layers = len(mean)
    joint = np.kron(R, covariance)
    seen = np.isfinite(observed).ravel()
    data = np.where(np.arange(seen.size) < layers, observed.ravel(), known.ravel())[seen]
    among = joint[np.ix_(seen, seen)] + np.diag(errors.ravel()[seen])
    weights = np.linalg.solve(among, joint[seen, :layers]).T
    return mean[:layers] + weights @ (data - np.tile(mean, len(R))[seen]), joint[:layers, :layers] - weights @ joint[seen, :layers]


def test_layer_unseen_or_measured_with_error_is_drawn_as_brute_force_conditioning_says():
    """Given its own parameters each draw of the one incomplete core is new: standardised by them, draws are independent standard normals."""
    positions_m, models = places(8), models_of()
    Y = planted(positions_m, layered_covariance(4), np.array([0.5, 0.0, -0.5, 1.0]), models, 0, seed=7)
    observed, errors = Y.copy(), np.zeros(Y.shape)
    observed[0, 1], errors[0, 2] = np.nan, 0.3
    count = 3_000
    draws = sampled(positions_m, observed, models, count, errors=errors)
    R = with_nugget(models, 0, positions_m)
    standard = np.empty((count, 2))
    for k in range(count):
        mean, covariance = conditional(positions_m, Y, errors, observed, draws.mean[k], draws.root[k] @ draws.root[k].T, R)
        root = np.linalg.cholesky(covariance[1:3, 1:3])
        standard[k] = np.linalg.solve(root, draws.values[k, 0, 1:3] - mean[1:3])
    assert np.abs(standard.mean(axis=0) * np.sqrt(count)).max() < 4.5
    assert np.abs(np.cov(standard.T) - np.eye(2)).max() < 4.5 * np.sqrt(2 / count)
    assert min(stats.kstest(part, "norm").pvalue for part in standard.T) > 1e-4


def test_slope_is_drawn_from_its_posterior_given_model_and_covariance():
    """Mean of layers integrated out; with complete data each draw is new given the covariance drawn with it. Prior N(0, 1)."""
    positions_m, models = places(12), models_of((1_500.0, 5_000.0), (0.0, 0.3))
    count, truth = 2_000, np.array([0.7, -0.4])
    X = np.random.default_rng(8).standard_normal((2, 12, 2))
    Y = planted(positions_m, layered_covariance(2, 0.5, 0.5), np.zeros(2), models, 0, seed=9) + np.einsum("j,jil->il", truth, X)
    draws = sampled(positions_m, Y, models, count, others=[np.repeat(x[None], count, axis=0) for x in X])
    standard, spread = np.empty((count, 2)), np.empty((count, 2))
    flat = X.reshape(2, -1).T
    for k in range(count):
        R = with_nugget(models, int(draws.model[k]), positions_m) + 1 / MEAN_CORES
        half = np.linalg.solve(np.kron(R, draws.root[k] @ draws.root[k].T), flat)
        precision = flat.T @ half + np.eye(2)
        standard[k] = np.linalg.cholesky(precision).T @ (draws.slopes[k] - np.linalg.solve(precision, half.T @ Y.ravel()))
        spread[k] = np.sqrt(np.diag(np.linalg.inv(precision)))
    assert np.abs(standard.mean(axis=0) * np.sqrt(count)).max() < 4.5
    assert np.abs(np.cov(standard.T) - np.eye(2)).max() < 4.5 * np.sqrt(2 / count)
    assert np.abs((draws.slopes.mean(axis=0) - truth) / draws.slopes.std(axis=0)).max() < 4.5
    assert draws.slopes.std(axis=0).max() < 0.3


def gappy(positions_m, models, seed=10):
    """Cores of which some end early, one unseen altogether, and some errors."""
    Y = planted(positions_m, layered_covariance(3), np.zeros(3), models, 0, seed)
    Y[1, 2], Y[2, 1:], Y[4] = np.nan, np.nan, np.nan
    errors = np.zeros(Y.shape)
    errors[3] = 0.2
    return Y, errors


def test_exact_values_are_kept_and_all_others_are_drawn():
    positions_m, models = places(8), models_of()
    observed, errors = gappy(positions_m, models)
    values = sampled(positions_m, observed, models, 12, errors=errors).values
    exact = np.isfinite(observed) & (errors == 0)
    assert np.all(values[:, exact] == observed[exact])
    assert np.isfinite(values).all()
    assert values[:, ~exact].std(axis=0).min() > 0


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("model", "mean", "root", "slopes", "values"))


def first(draws, count):
    return LayerDraws(draws.model[:count], draws.mean[:count], draws.root[:count], draws.slopes[:count], draws.values[:count])


@pytest.mark.parametrize("count", [4, 10, 17])
def test_draw_of_a_longer_run_is_that_of_a_shorter_one(count):
    positions_m, models = places(8), models_of((1_500.0, 5_000.0), (0.0, 0.3))
    observed, errors = gappy(positions_m, models)
    X = np.random.default_rng(11).standard_normal((43, 8, 3))
    whole, part = (sampled(positions_m, observed, models, number, others=[X[:number]], errors=errors) for number in (43, count))
    assert same(first(whole, count), part)
    assert not same(part, sampled(positions_m, observed, models, count, others=[X[:count]], errors=errors, seed=(1, 3)))


def test_number_of_threads_changes_no_bit():
    positions_m, models = places(8), models_of((1_500.0, 5_000.0), (0.0, 0.3))
    observed, errors = gappy(positions_m, models)
    threads, found = numba.get_num_threads(), []
    try:
        for number in (1, threads):
            numba.set_num_threads(number)
            found.append(sampled(positions_m, observed, models, 20, errors=errors))
    finally:
        numba.set_num_threads(threads)
    assert same(*found)


def test_order_of_cores_changes_nothing_that_is_not_random():
    """Probabilities of two models far apart, whichever way the cores are listed."""
    positions_m, models = places(30), models_of((600.0, 20_000.0), (0.0,))
    Y = planted(positions_m, layered_covariance(2), np.zeros(2), models, 1, seed=12)
    for order in (np.arange(30), np.arange(30)[::-1]):
        assert np.all(sampled(positions_m[order], Y[order], models, 20).model == 1)


def test_one_core_is_not_enough():
    with pytest.raises(TooFewSamples, match="1 core says nothing about how the field varies; at least 2 are needed"):
        sampled(places(1), np.zeros((1, 3)), models_of(), 10)


def test_prior_of_models_is_lognormal_in_the_range_and_exponential_in_the_nugget():
    ranges_m, nuggets = np.geomspace(100.0, 10_000.0, 9), np.array([0.0, 0.1, 0.4])
    models = HorizontalModels.log_normal("spherical", ranges_m, nuggets, 1_000.0, 0.7, 0.2)
    across = np.exp(models.log_prior[:, 0] - models.log_prior[4, 0])
    assert across == pytest.approx(stats.norm.pdf(np.log(ranges_m / 1_000.0) / 0.7) / stats.norm.pdf(0), rel=1e-9)
    shares = np.diff(stats.expon.cdf([0.0, 0.05, 0.25, 1.0], scale=0.2))
    assert np.exp(models.log_prior[4] - models.log_prior[4, 0]) == pytest.approx(shares / shares[0], rel=1e-9)
    assert [models.of(number) for number in (0, 5, 26)] == [(ranges_m[0], 0.0), (ranges_m[1], 0.4), (ranges_m[8], 0.4)]


def test_correlation_of_a_model_leaves_out_its_nugget():
    models = models_of((1_000.0,), (0.25,))
    at_m = np.array([[0.0, 0.0], [300.0, 400.0]])
    assert models.correlation(0, at_m, at_m) == pytest.approx(0.75 * np.exp(-3 * np.array([[0, 0.5], [0.5, 0]])), rel=1e-9)


def test_left_out_probabilities_are_those_of_leaving_every_core_out():
    positions_m, models = places(6), models_of((1_500.0, 5_000.0), (0.0, 0.3))
    observed = planted(positions_m, layered_covariance(3), np.array([0.5, 0.0, -0.5]), models, 0, seed=13)
    observed[2, 1] = np.nan
    errors = np.full(observed.shape, 0.1)
    X = np.random.default_rng(14).standard_normal((11, 6, 3))
    draws = sampled(positions_m, observed, models, 11, others=[X], errors=errors)
    expected = np.zeros(observed.shape)
    for k, i in itertools.product(range(11), range(6)):
        R = with_nugget(models, int(draws.model[k]), positions_m)
        rest = np.arange(6) != i
        weights = np.linalg.solve(R[np.ix_(rest, rest)], R[rest, i])
        base = draws.mean[k] + draws.slopes[k, 0] * X[k]
        mean = base[i] + weights @ (draws.values[k] - base)[rest]
        variance = (1 - weights @ R[rest, i]) * np.diag(draws.root[k] @ draws.root[k].T) + errors[i]
        expected[i] += stats.norm.cdf(observed[i], mean, np.sqrt(variance)) / 11
    found = left_out_probabilities(draws, models, positions_m, observed, errors, [X])
    assert found == pytest.approx(expected, rel=1e-9, nan_ok=True)
    assert np.isnan(found).sum() == 1


def test_left_out_values_of_a_planted_field_are_uniform():
    """100 fields of the model itself, parameters known: probabilities of single layers, one core of each, are independent and uniform."""
    positions_m, models, below = places(12), models_of(), []
    root = np.linalg.cholesky(layered_covariance(2))
    for seed in range(100):
        Y = planted(positions_m, root @ root.T, np.zeros(2), models, 0, seed)
        draws = LayerDraws(np.zeros(1, dtype=np.int64), np.zeros((1, 2)), root[None], np.zeros((1, 0)), Y[None])
        below.append(left_out_probabilities(draws, models, positions_m, Y, np.zeros(Y.shape), [])[seed % 12, 0])
    assert stats.kstest(below, "uniform").pvalue > 1e-4
