"""Fields of waves: their spectra, their covariance with blocks, and realisations made of them."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import j0

from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_covariance, block_nodes, block_variance, correlation
from pipeline.geostatistics.layer_sampler import HorizontalModels, LayerDraws
from pipeline.geostatistics.layer_scores import LayerScores
from pipeline.geostatistics.layered_simulation import LayeredSimulation, LayeredVariable
from pipeline.geostatistics.smooth_surfaces import BLOCK_CELLS
from pipeline.geostatistics.spectral_fields import SpectralFields, spectral_radius
from pipeline.geostatistics.spectral_simulation import SpectralSimulation

KINDS = ("exponential", "spherical", "cubic", "gaussian", "matern32", "matern52")
RANGE_M, CELL_M = 100e3, 2_000.0
SUPPORT = block_nodes((CELL_M, CELL_M, 0.0), (4, 4, 1))
LAGS_M = np.array([[0.0, 0.0], [2e3, 0.0], [10e3, 6e3], [0.0, 40e3], [70e3, 70e3], [0.0, 200e3]])
WHOLE = np.ones((BLOCK_CELLS, BLOCK_CELLS), dtype=bool)


class Shifted:
    """Stands for a source of randomness whose first two numbers, the shift of the lattice, are given."""

    def __init__(self, shift):
        self.shift = np.array(shift)

    def random(self, count):
        return self.shift[:count]

    def standard_normal(self, shape):
        return np.zeros(shape)


@pytest.mark.parametrize("kind", KINDS)
def test_the_share_of_variance_below_a_frequency_gives_back_the_correlation(kind):
    # In the plane a correlation is the mean of J0(k h) over the radius k (Chilès & Delfiner 2012, § 2.3): a closed form beside the table.
    shares = (np.arange(40_000) + 0.5) / 40_000
    radius = spectral_radius(kind, shares)
    lags = np.array([0.0, 0.003, 0.03, 0.2, 0.5, 0.8, 1.0, 1.3])
    assert np.all(np.diff(radius) >= 0)
    assert np.array([j0(radius * lag).mean() for lag in lags]) == pytest.approx(correlation(kind, lags**2), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_covariances_of_blocks_and_points_are_the_models_over_all_frequencies(kind):
    model = CovarianceModel(0.0, (Structure(kind, 1.0, RANGE_M),))
    # Shifts in place of random ones: a quadrature of their mean, close in direction, where long lags turn often.
    shifts = [(u, v) for u in (np.arange(4) + 0.5) / 4 for v in (np.arange(128) + 0.5) / 128]
    waves_m = np.concatenate([SpectralFields(kind, RANGE_M, 1, 256, Shifted(shift)).waves_m for shift in shifts])
    factor = np.cos(waves_m @ SUPPORT.offsets_m[:, :2].T) @ SUPPORT.weights
    centre, flat = np.zeros((1, 3)), np.column_stack([LAGS_M, np.zeros(len(LAGS_M))])
    with_points = block_covariance(model, centre, flat, *SUPPORT)[0]
    between = sum(weight * block_covariance(model, centre + offset, flat, *SUPPORT)[0] for offset, weight in zip(*SUPPORT, strict=True))
    turning = np.cos(LAGS_M @ waves_m.T)
    assert between[0] == pytest.approx(block_variance(model, *SUPPORT), abs=1e-12)
    assert (turning * factor).mean(axis=1) == pytest.approx(with_points, abs=5e-4)
    assert (turning * factor**2).mean(axis=1) == pytest.approx(between, abs=5e-4)


@pytest.mark.parametrize("kind", ["exponential", "spherical", "matern52"])
def test_one_realisation_misses_the_covariance_by_less_than_independent_frequencies_would(kind):
    expected = correlation(kind, (LAGS_M**2).sum(axis=1) / RANGE_M**2)
    rms = {}
    for count in (512, 4096):
        fields = [SpectralFields(kind, RANGE_M, 1, count, np.random.default_rng(seed)) for seed in range(40)]
        missed = np.array([np.cos(LAGS_M @ field.waves_m.T).mean(axis=1) - expected for field in fields])
        rms[count] = np.sqrt((missed**2).mean(axis=0)).max()
        assert rms[count] < 0.75 / np.sqrt(2 * count), count
    assert rms[4096] < rms[512] / np.sqrt(8)


def test_a_field_is_standard_normal_at_a_point_and_in_its_differences():
    # Exactly normal given the frequencies; over them a difference is a mixture, whose excess kurtosis is 3 Var(V) / E(V)^2.
    here_m = np.array([[3e3, 5e3], [9e3, 5e3]])
    values = np.concatenate([SpectralFields("exponential", RANGE_M, 100, 1024, np.random.default_rng(seed)).at(here_m) for seed in range(40)])
    step = (values[:, 0] - values[:, 1]) / np.sqrt(2 * (1 - np.exp(-3 * 6e3 / RANGE_M)))
    for drawn in (values[:, 0], step):
        assert stats.kstest(drawn, "norm").pvalue > 1e-3
        assert abs(stats.kurtosis(drawn)) < 4 * np.sqrt(24 / drawn.size)
    variances = [
        2 - 2 * np.cos(SpectralFields("exponential", RANGE_M, 1, 4096, np.random.default_rng(seed)).waves_m @ (here_m[0] - here_m[1])).mean()
        for seed in range(40)
    ]
    assert 3 * np.var(variances) / np.mean(variances) ** 2 < 1e-3


def test_interpolated_waves_are_those_evaluated_in_every_cell():
    fields = SpectralFields("exponential", 30e3, 3, 1024, np.random.default_rng(5))
    found = fields.on_blocks(CELL_M, SUPPORT).block((40e3, -20e3))
    row, column = np.array([0, 0, 17, 63, 40]), np.array([0, 63, 30, 11, 2])
    centres_m = np.column_stack([40e3 + CELL_M * column, -20e3 - CELL_M * row])
    nodes_m = (centres_m[:, None] + SUPPORT.offsets_m[None, :, :2]).reshape(-1, 2)
    expected = fields.at(nodes_m).reshape(3, 5, -1) @ SUPPORT.weights
    assert np.abs(found[:, row, column] - expected).max() < 1e-5


# ------------------------------------------------------------------ conditional realisations


CORES_M = np.array([[-30e3, 10e3], [0.0, -20e3], [25e3, 30e3], [60e3, -5e3], [95e3, -70e3], [40e3, -60e3]])
MODELS = HorizontalModels("exponential", np.array([60e3, 150e3]), np.array([0.0, 0.2]), np.zeros((2, 2)))


def variable(layers, count, model, values, slopes=0):
    """A variable with one posterior draw repeated: mean 0, independent layers of variance 1, scores that are normal."""
    draws = LayerDraws(
        np.full(count, model), np.zeros((count, layers)), np.repeat(np.eye(layers)[None], count, axis=0), np.zeros((count, slopes)),
        np.repeat(values[None], count, axis=0),
    )  # fmt: skip
    return LayeredVariable(LayerScores.lognormal(20.0, 0.4, layers), draws)


def spectral(variables, frequencies=1024, cell_m=CELL_M, factor=None):
    count = len(variables[0].draws.model)
    return SpectralSimulation(variables, MODELS, CORES_M, cell_m, 4, frequencies, 11, np.ones(count) if factor is None else factor)


def test_realisations_honour_the_cores():
    values = np.random.default_rng(1).normal(size=(len(CORES_M), 3))
    simulation = spectral([variable(3, 2, 0, values)])
    for number in range(2):
        assert pytest.approx(values, abs=1e-10) == simulation.scores_at(number, 0, CORES_M).T


@pytest.mark.parametrize("model", [0, 3])
def test_mean_of_realisations_is_kriging_and_their_variance_that_of_kriging(model):
    # 200 independent layers with the same data, in 12 realisations of other frequencies: 2,400 draws.
    layers, count = 200, 12
    data = np.array([1.2, -0.7, 0.3, 1.9, -1.4, 0.1])
    simulation = spectral([variable(layers, count, model, np.repeat(data[:, None], layers, axis=1))])
    at_m = np.array([[5e3, 5e3], [70e3, -30e3], [20e3, 20e3], [300e3, 300e3]])
    drawn = np.concatenate([simulation.scores_at(number, 0, at_m) for number in range(count)])
    range_m, nugget = MODELS.of(model)

    def covariance(one, other):
        return (1 - nugget) * np.exp(-3 * np.linalg.norm(one[:, None] - other[None], axis=2) / range_m)

    weights = np.linalg.solve(covariance(CORES_M, CORES_M) + nugget * np.eye(len(CORES_M)), covariance(CORES_M, at_m))
    expected, variance = data @ weights, 1 - nugget - np.einsum("dt,dt->t", weights, covariance(CORES_M, at_m))
    z = (drawn.mean(axis=0) - expected) / np.sqrt(variance / len(drawn))
    assert np.abs(z).max() < 4
    assert drawn.var(axis=0) / variance == pytest.approx(1, abs=4 * np.sqrt(2 / len(drawn)))


def three_variables(layers, count):
    random = np.random.default_rng(3)
    return [variable(layers, count, model, random.normal(size=(len(CORES_M), layers)), k) for k, model in enumerate((1, 0, 2))]


def test_a_block_is_the_same_whoever_asks_for_it():
    simulation = spectral(three_variables(2, 3))
    block_m = BLOCK_CELLS * CELL_M
    centres = [(-block_m, block_m), (0.0, block_m), (0.0, 0.0)]
    together = list(simulation.blocks(centres, [WHOLE] * 3, range(3)))
    some = WHOLE & (np.arange(BLOCK_CELLS) % 3 == 0)
    (density, metal) = next(iter(spectral(three_variables(2, 3)).blocks(centres[1:2], [some], [2])))
    place = BLOCK_CELLS**2 + np.flatnonzero(some)
    assert np.array_equal(density, together[2][0][:, place])
    assert np.array_equal(metal, together[2][1][..., place])


def test_totals_are_distributed_as_those_on_a_torus():
    # The same posterior draws, once by waves, once on a circulant torus; the fields are independent, so that means differ by Monte-Carlo error alone.
    layers, count, cell_m = 1, 200, 8_000.0
    variables = three_variables(layers, count)[:2]
    rows, columns = 14, 16
    origin_m = (-40e3, 50e3)
    torus = LayeredSimulation(variables, MODELS, CORES_M, origin_m, (rows, columns), cell_m, 4, 5, density_factor=np.ones(count))
    wanted = np.zeros((BLOCK_CELLS, BLOCK_CELLS), dtype=bool)
    wanted[:rows, :columns] = True
    waves = spectral(variables, 512, cell_m).blocks([origin_m], [wanted], range(count))
    one = np.array([metal.sum(axis=(1, 2), dtype=np.float64) for _, metal in waves])
    other = np.array([blocks.metal_g_m3.sum(axis=(1, 2, 3), dtype=np.float64) for blocks in torus.draws(count)])
    error = np.sqrt((one.var() + other.var()) / count)
    assert abs(one.mean() - other.mean()) < 4 * error
    assert one.std() / other.std() == pytest.approx(1, abs=4 * np.sqrt(1 / count))
    assert stats.ks_2samp(one[:, 0], other[:, 0]).pvalue > 1e-3
