"""Sample what the data leave open of a layered Gaussian field: means, spreads and correlations of layers, range and nugget, unseen layers.

The field is taken at the places of the cores: one row per core, one column per layer. A deposit of few cores says little about its parameters, and
a core that ends early says nothing about what lies below it; both are drawn from their joint posterior instead of being fixed at one value.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gammaln, multigammaln, ndtr
from threadpoolctl import threadpool_limits

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.compiled import CACHE
from pipeline.geostatistics.covariance import correlation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

_CHAINS = 10
_BURN_IN = 60
_THIN = 6
_ZONAL = (0.05, 0.2, 0.4, 0.6, 0.8)
_LENGTHS = (0.35, 0.7, 1.4, 2.8)


@dataclass(frozen=True)
class HorizontalModels:
    r"""Horizontal correlations that are weighed against each other: every range with every share of the nugget.

    .. math:: R_{ij} = (1 - \eta)\,\rho(h_{ij} / a) + \eta\,\delta_{ij}

    Parameters
    ----------
    kind : str
        Shape of the correlation, as in :class:`~pipeline.geostatistics.covariance.Structure`.
    ranges_m : (ranges,) array
    nuggets : (nuggets,) array
        Shares of the variance, from 0 to below 1.
    log_prior : (ranges, nuggets) array
        Up to a constant.
    """

    kind: str
    ranges_m: Array
    nuggets: Array
    log_prior: Array

    @classmethod
    def log_normal(cls, kind: str, ranges_m: Array, nuggets: Array, median_m: float, log_sd: float, mean_nugget: float) -> HorizontalModels:
        """Lognormal prior of the range, ranges being spaced evenly in the logarithm, and exponential prior of the share of the nugget."""
        of_range = -0.5 * (np.log(ranges_m / median_m) / log_sd) ** 2
        # Each share stands for those half-way to its neighbours.
        middles = np.concatenate([[0.0], (nuggets[1:] + nuggets[:-1]) / 2, [1.0]])
        of_nugget = np.log(-np.diff(np.exp(-middles / mean_nugget)))
        return cls(kind, ranges_m, nuggets, of_range[:, None] + of_nugget[None, :])

    def of(self, number: int) -> tuple[float, float]:
        """Range in metres and share of the nugget of one model, by its number."""
        return float(self.ranges_m[number // len(self.nuggets)]), float(self.nuggets[number % len(self.nuggets)])

    def correlation(self, number: int, one_m: Array, other_m: Array) -> Array:
        """(one, other) correlation between positions (n, 2); the nugget is absent, also at distance 0."""
        range_m, nugget = self.of(number)
        return (1 - nugget) * _correlation(self.kind, cdist(one_m, other_m) / range_m)


@dataclass(frozen=True)
class LayerDraws:
    r"""Draws from the posterior of a layered Gaussian field at its cores.

    .. math:: Y_{il} = \mu_l + \sum_j b_j\,X^j_{il} + E_{il}, \qquad \mathrm{Cov}(E_{il}, E_{jm}) = R_{ij}\,\Lambda_{lm}

    Parameters
    ----------
    model : (draws,) int array
        Number of the horizontal model.
    mean : (draws, layers) array
        The mean :math:`\mu`.
    root : (draws, layers, layers) array
        Lower Cholesky root of the covariance of layers :math:`\Lambda`.
    slopes : (draws, others) array
        The slopes b.
    values : (draws, cores, layers) array
        The field at the cores: what was measured, less its error, and draws of what was not.
    """

    model: Integers
    mean: Array
    root: Array
    slopes: Array
    values: Array


def sample_layers(
    positions_m: Array,
    observed: Array,
    error_variance: Array,
    depths_m: Array,
    models: HorizontalModels,
    others: Sequence[Array],
    draws: int,
    seed: Sequence[int],
    *,
    prior_cores: Sequence[float] = (6.0, 12.0, 24.0, 48.0, 96.0),
    mean_cores: float = 0.1,
) -> LayerDraws:
    r"""Sample a layered Gaussian field at its cores by Gibbs sampling with data augmentation (Tanner & Wong 1987).

    A sweep draws, each given the rest: the field of every core in layers unseen or measured with error; the slopes; the horizontal model, with mean
    and covariance of layers integrated out; that covariance (inverse Wishart); the mean; and the scale :math:`v`, the correlation length and the
    zonal share of the prior of the covariance,

    .. math:: \Lambda \sim \mathrm{IW}\big(c\,v\,K,\ c + L + 1\big), \quad K_{lm} = z + (1 - z)\,e^{-|d_l - d_m|/t}, \quad \mu \sim N(0, \Lambda/k)

    (Gelman et al. 2013, ch. 3.6). With few cores the covariance of layers so leans on a smooth one, with many it follows the data.

    Parameters
    ----------
    positions_m : (cores, 2) array
        Easting and northing in metres, all distinct.
    observed : (cores, layers) array
        Measured values on the Gaussian scale; NaN where a layer was not seen.
    error_variance : (cores, layers) array
        Variance of the error of each; 0 where exact.
    depths_m : (layers,) array
        Middles of the layers.
    models : HorizontalModels
    others : sequence of (draws, cores, layers) arrays
        Fields X that this one depends on, draw by draw.
    draws : int
    seed : sequence of int
        Draw k of a longer run is draw k of a shorter one.
    prior_cores : float
        Weight c of the prior of the covariance of layers, in cores.
    mean_cores : float
        Weight k of the prior of the mean, in cores.

    Returns
    -------
    LayerDraws

    Raises
    ------
    TooFewSamples
        Fewer than two cores.
    """
    cores, layers = observed.shape
    if cores < 2:
        msg = f"{cores} core says nothing about how the field varies; at least 2 are needed"
        raise TooFewSamples(msg)
    spectra, vectors = _spectra(models, positions_m)
    vertical = _vertical_priors(depths_m)
    x = np.array(others).reshape(len(others), draws, cores, layers).transpose(1, 0, 2, 3)
    weights = _prior_weights(np.array(prior_cores), layers)
    chains = min(_CHAINS, draws)
    parts: list[Any] = [None] * chains

    def run(chain: int) -> None:
        random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([*seed, chain])))
        parts[chain] = _chain(
            random, observed, error_variance, np.ascontiguousarray(x[chain::chains]), spectra, vectors, models.nuggets, models.log_prior, *vertical,
            *weights, mean_cores, _BURN_IN, _THIN,
        )  # fmt: skip

    with threadpool_limits(1), ThreadPoolExecutor(max_workers=numba.get_num_threads()) as pool:
        list(pool.map(run, range(chains)))
    out = LayerDraws(
        np.empty(draws, dtype=np.int64), np.empty((draws, layers)), np.empty((draws, layers, layers)), np.empty((draws, len(others))),
        np.empty((draws, cores, layers)),
    )  # fmt: skip
    for chain, part in enumerate(parts):
        out.model[chain::chains], out.mean[chain::chains], out.root[chain::chains], out.slopes[chain::chains], out.values[chain::chains] = part
    return out


def left_out_probabilities(
    draws: LayerDraws, models: HorizontalModels, positions_m: Array, observed: Array, error_variance: Array, others: Sequence[Array]
) -> Array:
    r"""Probability below each measured value, from the other cores alone: uniform if the intervals of a new core are right.

    A core left out whole has the mean :math:`-\sum_{j \ne i} Q_{ij} E_j / Q_{ii}` and the covariance :math:`\Lambda / Q_{ii}` with
    :math:`Q = R^{-1}` (Dubrule 1983). The parameters stay those drawn from all cores.

    Parameters
    ----------
    draws, models, positions_m, observed, error_variance, others
        As of :func:`sample_layers`.

    Returns
    -------
    (cores, layers) array
        NaN where nothing was measured.
    """
    total = np.zeros(observed.shape)
    for number in range(len(draws.model)):
        model = int(draws.model[number])
        R = models.correlation(model, positions_m, positions_m) + models.of(model)[1] * np.eye(len(positions_m))
        Q = np.linalg.inv(R)
        base = draws.mean[number] + sum(draws.slopes[number, j] * x[number] for j, x in enumerate(others))
        E = draws.values[number] - base
        pivot = np.diag(Q)[:, None]
        mean = base - (Q @ E - pivot * E) / pivot
        variance = (draws.root[number] ** 2).sum(axis=1) / pivot + error_variance
        total += ndtr((observed - mean) / np.sqrt(variance))
    return np.where(np.isfinite(observed), total / len(draws.model), np.nan)


def _spectra(models: HorizontalModels, positions_m: Array) -> tuple[Array, Array]:
    """(ranges, cores) eigenvalues and (ranges, cores, cores) eigenvectors in columns of the correlation without nugget, for every range."""
    distance_m = cdist(positions_m, positions_m)
    found = [np.linalg.eigh(_correlation(models.kind, distance_m / range_m)) for range_m in models.ranges_m]
    # Rounding may leave a hair below zero where cores nearly coincide.
    return np.array([np.maximum(values, 1e-10) for values, _ in found]), np.array([np.ascontiguousarray(vectors) for _, vectors in found])


def _correlation(kind: str, reduced_lag: Array) -> Array:
    return correlation(kind, reduced_lag.ravel() ** 2).reshape(reduced_lag.shape)


def _vertical_priors(depths_m: Array) -> tuple[Array, Array]:
    """Prior correlations of layers, (shapes, layers, layers), and their log determinants."""
    lag_m = np.abs(depths_m[:, None] - depths_m[None, :])
    shapes = [zonal + (1 - zonal) * np.exp(-lag_m / length_m) for zonal in _ZONAL for length_m in _LENGTHS]
    return np.array(shapes), np.array([np.linalg.slogdet(K)[1] for K in shapes])


def _prior_weights(prior_cores: Array, layers: int) -> tuple[Array, Array]:
    r"""Weights c of the prior of the covariance of layers, and the part of its log density that depends on c alone, its scale integrated out."""
    freedom = prior_cores + layers + 1
    return prior_cores, gammaln(freedom * layers / 2) - np.array([multigammaln(half, layers) for half in freedom / 2])


@numba.njit(cache=CACHE, nogil=True)
def _cholesky(A: Array) -> Array:
    """Lower root of a small positive definite matrix."""
    n = A.shape[0]
    L = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            if i == j:
                L[i, i] = np.sqrt(max(s, 1e-14))
            else:
                L[i, j] = s / L[j, j]
    return L


@numba.njit(cache=CACHE, nogil=True)
def _lower_inverse(L: Array) -> Array:
    n = L.shape[0]
    M = np.zeros((n, n))
    for j in range(n):
        M[j, j] = 1 / L[j, j]
        for i in range(j + 1, n):
            s = 0.0
            for k in range(j, i):
                s -= L[i, k] * M[k, j]
            M[i, j] = s / L[i, i]
    return M


@numba.njit(cache=CACHE, nogil=True)
def _inverse_wishart_root(random: Any, scale: Array, freedom: float) -> Array:
    """Lower root of a draw from the inverse Wishart distribution, by the decomposition of Bartlett (1933)."""
    n = scale.shape[0]
    # Lambda^-1 = T A A' T' with T T' = scale^-1 and A of Bartlett; so Lambda = (T^-T A^-T) (...)'.
    T = _lower_inverse(_cholesky(scale))  # scale^-1 = T' T
    A = np.zeros((n, n))
    for i in range(n):
        A[i, i] = np.sqrt(random.chisquare(freedom - i))
        for j in range(i):
            A[i, j] = random.standard_normal()
    W = T.T @ A
    return _cholesky(np.linalg.inv(W @ W.T).astype(np.float64))


@numba.njit(cache=CACHE, nogil=True)
def _pick(random: Any, log_weight: Array) -> int:
    """Index drawn with the given log weights."""
    weight = np.exp(log_weight - log_weight.max())
    at = random.random() * weight.sum()
    for i in range(weight.size):
        at -= weight[i]
        if at <= 0:
            return i
    return int(weight.size - 1)


@numba.njit(cache=CACHE, nogil=True)
def _chain(
    random: Any, observed: Array, error_variance: Array, others: Array, spectra: Array, vectors: Array, nuggets: Array, log_prior: Array,
    shapes: Array, log_determinants: Array, strengths: Array, log_strengths: Array, mean_cores: float, burn_in: int, thin: int,
) -> tuple[Integers, Array, Array, Array, Array]:  # fmt: skip
    draws, count = others.shape[0], others.shape[1]
    cores, layers = observed.shape
    models = np.empty(draws, dtype=np.int64)
    means, roots, slopes = np.empty((draws, layers)), np.empty((draws, layers, layers)), np.zeros((draws, count))
    fields = np.empty((draws, cores, layers))

    # Start: unseen layers at 0, which is the mean of their layer.
    Y = np.where(np.isnan(observed), 0.0, observed)
    b = np.zeros(count)
    shape, scale, strength = shapes.shape[0] // 2, 1.0, strengths.size // 2
    ones = np.empty((spectra.shape[0], cores))
    for r in range(spectra.shape[0]):
        ones[r] = vectors[r].sum(axis=0)
    S = np.zeros((layers, layers))
    n_models = spectra.shape[0] * nuggets.size
    log_weight = np.empty(n_models)
    for step in range(burn_in + draws * thin):
        d = max(step - burn_in, 0) // thin
        X = others[d]
        prior_cores = strengths[strength]
        freedom = prior_cores + layers + 1
        Z = Y.copy()
        for j in range(count):
            Z -= b[j] * X[j]

        # Horizontal model, means and covariance of layers integrated out.
        for r in range(spectra.shape[0]):
            turned = vectors[r].T @ Z
            for k in range(nuggets.size):
                weight = 1 / ((1 - nuggets[k]) * spectra[r] + nuggets[k])
                S = _scatter(turned, ones[r], weight, mean_cores) + prior_cores * scale * shapes[shape]
                root = _cholesky(S)
                q = np.sum(weight * ones[r] ** 2) + mean_cores
                log_weight[r * nuggets.size + k] = (
                    log_prior[r, k]
                    + 0.5 * layers * np.sum(np.log(weight))
                    - 0.5 * layers * np.log(q)
                    - (freedom + cores) * np.sum(np.log(np.diag(root)))
                )
        model = _pick(random, log_weight)
        r, k = model // nuggets.size, model % nuggets.size
        weight = 1 / ((1 - nuggets[k]) * spectra[r] + nuggets[k])
        turned = vectors[r].T @ Z
        q = np.sum(weight * ones[r] ** 2) + mean_cores
        S = _scatter(turned, ones[r], weight, mean_cores) + prior_cores * scale * shapes[shape]
        root = _inverse_wishart_root(random, S, freedom + cores)

        # Mean of every layer.
        mean = np.zeros(layers)
        for i in range(cores):
            mean += weight[i] * ones[r, i] * turned[i]
        mean /= q
        noise = np.empty(layers)
        for i in range(layers):
            noise[i] = random.standard_normal()
        mean += root @ noise / np.sqrt(q)

        # Prior of the covariance of layers: its shape, then its scale.
        inverse_root = _lower_inverse(root)
        inverse = inverse_root.T @ inverse_root
        log_volume = 2 * np.sum(np.log(np.diag(root)))
        trace = np.empty(shapes.shape[0])
        log_shape = np.empty(shapes.shape[0] * strengths.size)
        for h in range(shapes.shape[0]):
            trace[h] = np.sum(shapes[h] * inverse)
            for c in range(strengths.size):
                half = 0.5 * (strengths[c] + layers + 1)
                log_shape[h * strengths.size + c] = (
                    log_strengths[c] + half * (log_determinants[h] - layers * np.log(trace[h])) - (half + 0.5 * (layers + 1)) * log_volume
                )
        picked = _pick(random, log_shape)
        shape, strength = picked // strengths.size, picked % strengths.size
        # Scale integrated out above (prior 1/v); a gamma given the shape and the weight.
        freedom = strengths[strength] + layers + 1
        scale = random.gamma(0.5 * freedom * layers) / (0.5 * strengths[strength] * trace[shape])

        # Slopes on the other fields, means integrated out.
        if count > 0:
            b = _draw_slopes(random, X, Y, vectors[r], ones[r], weight, inverse, mean_cores)
            # The mean follows the new slopes.
            Z = Y.copy()
            for j in range(count):
                Z -= b[j] * X[j]
            turned = vectors[r].T @ Z
            mean[:] = 0.0
            for i in range(cores):
                mean += weight[i] * ones[r, i] * turned[i]
            mean /= q
            for i in range(layers):
                noise[i] = random.standard_normal()
            mean += root @ noise / np.sqrt(q)

        # What was not seen, or seen with error, core by core given the others.
        precision = (vectors[r] * weight) @ vectors[r].T
        _draw_fields(random, Y, observed, error_variance, X, b, mean, root, precision)

        if step >= burn_in and (step - burn_in) % thin == thin - 1:
            models[d], means[d], roots[d], slopes[d], fields[d] = model, mean, root, b, Y
    return models, means, roots, slopes, fields


@numba.njit(cache=CACHE, nogil=True)
def _scatter(turned: Array, ones: Array, weight: Array, mean_cores: float) -> Array:
    """Weighted scatter of the layers around their means, which lean on 0 by ``mean_cores``."""
    cores, layers = turned.shape
    S = np.zeros((layers, layers))
    total = np.zeros(layers)
    q = mean_cores
    for i in range(cores):
        w = weight[i]
        q += w * ones[i] * ones[i]
        for a in range(layers):
            t = w * turned[i, a]
            total[a] += t * ones[i]
            for c in range(a + 1):
                S[a, c] += t * turned[i, c]
    for a in range(layers):
        for c in range(a + 1):
            S[a, c] -= total[a] * total[c] / q
            S[c, a] = S[a, c]
    return S


@numba.njit(cache=CACHE, nogil=True)
def _draw_slopes(random: Any, X: Array, Y: Array, vectors: Array, ones: Array, weight: Array, inverse: Array, mean_cores: float) -> Array:
    count = X.shape[0]
    cores = Y.shape[0]
    turned = np.empty((count + 1, cores, Y.shape[1]))
    for j in range(count):
        turned[j] = vectors.T @ X[j]
    turned[count] = vectors.T @ Y
    q = np.sum(weight * ones**2) + mean_cores
    sums = np.zeros((count + 1, Y.shape[1]))
    for j in range(count + 1):
        for i in range(cores):
            sums[j] += weight[i] * ones[i] * turned[j, i]
    A = np.zeros((count, count + 1))
    for j in range(count):
        for m in range(count + 1):
            s = 0.0
            for i in range(cores):
                s += weight[i] * np.sum(turned[j, i] * (inverse @ turned[m, i]))
            A[j, m] = s - np.sum(sums[j] * (inverse @ sums[m])) / q
    # A slope of 1 is large on this scale: a weak prior keeps a field that does not vary from having any slope.
    P = A[:, :count].copy() + np.eye(count)
    mean = np.linalg.solve(P, A[:, count].copy())
    noise = np.empty(count)
    for j in range(count):
        noise[j] = random.standard_normal()
    return mean + np.linalg.solve(_cholesky(P).T.copy(), noise)


@numba.njit(cache=CACHE, nogil=True)
def _draw_fields(
    random: Any, Y: Array, observed: Array, error_variance: Array, X: Array, b: Array, mean: Array, root: Array, precision: Array
) -> None:
    """Overwrite what was not measured exactly."""
    cores, layers = Y.shape
    covariance = root @ root.T
    base = np.empty((cores, layers))
    for i in range(cores):
        base[i] = mean
        for j in range(X.shape[0]):
            base[i] += b[j] * X[j, i]
    known = np.empty(layers, dtype=np.int64)
    noise = np.empty(layers)
    for i in range(cores):
        count, exact = 0, True
        for a in range(layers):
            if not np.isnan(observed[i, a]):
                known[count] = a
                count += 1
                exact = exact and error_variance[i, a] == 0
        if count == layers and exact:
            continue
        expected = np.zeros(layers)
        for j in range(cores):
            if j != i:
                expected -= precision[i, j] * (Y[j] - base[j])
        expected = base[i] + expected / precision[i, i]
        share = 1 / precision[i, i]
        for a in range(layers):
            noise[a] = random.standard_normal()
        drawn = expected + np.sqrt(share) * (root @ noise)
        if count > 0:
            K = np.empty((count, count))
            miss = np.empty(count)
            for a in range(count):
                error = error_variance[i, known[a]]
                for c in range(count):
                    K[a, c] = share * covariance[known[a], known[c]]
                K[a, a] += error
                miss[a] = observed[i, known[a]] - drawn[known[a]] - np.sqrt(error) * random.standard_normal()
            half = _lower_inverse(_cholesky(K))
            pull = half.T @ (half @ miss)
            for a in range(layers):
                for c in range(count):
                    drawn[a] += share * covariance[a, known[c]] * pull[c]
            for a in range(count):
                if error_variance[i, known[a]] == 0:
                    drawn[known[a]] = observed[i, known[a]]
        Y[i] = drawn
