"""Layered simulation: moments of kriging and of lognormal sums in closed form, the nugget inside blocks, and no bit that depends on order.

Chances of a false alarm are those of 4.5 standard errors (7e-6 each) unless said otherwise.
"""

from types import SimpleNamespace

import numba
import numpy as np
import pytest
import textbook

from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.layer_sampler import HorizontalModels, LayerDraws
from pipeline.geostatistics.layer_scores import LayerScores
from pipeline.geostatistics.layered_simulation import LayeredSimulation, LayeredVariable, frozen

COUNT = 4_000
SHAPE, CELL_M, ORIGIN_M, NODES = (5, 6), 500.0, (10_250.0, 52_250.0), 3
RANGE_M, NUGGET = 2_500.0, 0.3
MODELS = HorizontalModels("exponential", np.array([RANGE_M]), np.array([NUGGET]), np.zeros((1, 1)))
MODEL = CovarianceModel(NUGGET, (Structure("exponential", 1 - NUGGET, RANGE_M),))
MEAN, COVARIANCE = np.array([0.3, -0.2]), np.array([[1.0, 0.5], [0.5, 0.8]])
GRADE_PPM, LOG_SD, DENSITY_T_M3 = 30.0, 0.9, 0.5
LOG_GRADE = np.log(GRADE_PPM) - LOG_SD**2 / 2


def cores(count=7, seed=1):
    rng = np.random.default_rng(seed)
    positions_m = np.array([10_000.0, 50_000.0]) + rng.uniform(0, [3_000.0, 2_500.0], (count, 2))
    return positions_m, rng.standard_normal((count, 2)) @ np.linalg.cholesky(COVARIANCE).T + MEAN


POSITIONS_M, VALUES = cores()


def draws_of(count, values=VALUES, mean=MEAN, covariance=COVARIANCE, slopes=()):
    """Draws of known parameters, all alike."""
    return LayerDraws(
        np.zeros(count, dtype=np.int64), np.tile(mean, (count, 1)), np.tile(np.linalg.cholesky(covariance), (count, 1, 1)),
        np.tile(np.array(slopes, dtype=float).reshape(1, -1), (count, 1)), np.tile(values, (count, 1, 1)),
    )  # fmt: skip


def grade_of(count, **changes):
    return LayeredVariable(LayerScores.lognormal(GRADE_PPM, LOG_SD, 2), draws_of(count), **changes)


def constant_density(count):
    """0.5 t/m3 everywhere."""
    return LayeredVariable(LayerScores.lognormal(DENSITY_T_M3, 0.0, 2), draws_of(count, slopes=(0.0,)), is_conditional=False, varies=False)


def simulated(variables, **changes):
    return LayeredSimulation(variables, MODELS, POSITIONS_M, ORIGIN_M, SHAPE, CELL_M, NODES, 7, **changes)


def block_points_m(side=NODES):
    """(cells, nodes, 3) points of all blocks and their weights: Gauss-Legendre, or the centres of side x side parts."""
    nodes, weights = np.polynomial.legendre.leggauss(side)
    x, y = np.meshgrid(nodes * CELL_M / 2, nodes * CELL_M / 2)
    rows, columns = np.indices(SHAPE).reshape(2, -1)
    centres_m = np.column_stack([ORIGIN_M[0] + CELL_M * columns, ORIGIN_M[1] - CELL_M * rows])
    points_m = centres_m[:, None] + np.column_stack([x.ravel(), y.ravel()])
    return np.concatenate([points_m, np.zeros((*points_m.shape[:2], 1))], axis=2), np.outer(weights, weights).ravel() / 4


@pytest.fixture(scope="module")
def kriged():
    """Simple kriging of the blocks with known means, from the textbook: estimate (layers, cells), and covariance of errors (cells, cells)."""
    points_m, weights = block_points_m()
    cells = len(points_m)
    data_m = np.column_stack([POSITIONS_M, np.zeros(len(POSITIONS_M))])
    flat = points_m.reshape(-1, 3)
    among = np.einsum("k,akbm,m->ab", weights, textbook.covariance(MODEL, flat, flat).reshape(cells, weights.size, cells, weights.size), weights)
    to_data = np.einsum("k,akd->ad", weights, textbook.covariance(MODEL, flat, data_m).reshape(cells, weights.size, -1))
    solved = np.linalg.solve(textbook.covariance(MODEL, data_m, data_m) + NUGGET * np.eye(len(data_m)), to_data.T).T
    told = solved @ to_data.T
    return SimpleNamespace(
        estimate=MEAN[:, None] + (solved @ (VALUES - MEAN)).T, error=among - told, unknown=1 - np.diag(told), inside=1 - among[0, 0], solved=solved
    )


@pytest.fixture(scope="module")
def many():
    """(realisations, layers, cells) metal with known parameters and a constant density."""
    simulation = simulated([grade_of(COUNT), constant_density(COUNT)])
    return np.array([blocks.metal_g_m3[0].reshape(2, -1) for blocks in simulation.draws(COUNT)], dtype=np.float64)


@pytest.fixture(scope="module")
def fields(many, kriged):
    """The same on the Gaussian scale: what varies inside a block raises its mean by half of its log variance."""
    raised = LOG_SD**2 * kriged.inside * np.diag(COVARIANCE)[:, None] / 2
    return (np.log(many / DENSITY_T_M3) - LOG_GRADE - raised) / LOG_SD


def test_mean_over_realisations_is_kriging(fields, kriged):
    error = np.sqrt(np.diag(COVARIANCE)[:, None] * np.diag(kriged.error) / COUNT)
    assert np.abs((fields.mean(axis=0) - kriged.estimate) / error).max() < 4.5


def test_covariance_over_realisations_is_that_of_kriging_errors(fields, kriged):
    """All pairs of blocks and layers; beside Monte-Carlo error the 0.003 of the sill to which values at data follow from nodes around them."""
    expected = np.kron(COVARIANCE, kriged.error)
    found = np.cov(fields.reshape(COUNT, -1).T)
    variance = np.diag(expected)
    error = np.sqrt((np.outer(variance, variance) + expected**2) / COUNT)
    assert np.all(np.abs(found - expected) < 4.5 * error + 0.003)


def variance_in_errors(totals, expected):
    """Sample variance less the expected one, in its standard errors: from the fourth moment."""
    centred = totals - totals.mean()
    error = np.sqrt((np.mean(centred**4) - np.mean(centred**2) ** 2) / len(totals))
    return (totals.var(ddof=1) - expected) / error


def test_variance_of_the_total_is_the_closed_form_on_the_gaussian_scale(fields, kriged):
    """An identity transform, fixed parameters, grade only: 3 standard errors, as science asks."""
    assert abs(variance_in_errors(fields.sum(axis=(1, 2)), kriged.error.sum() * COVARIANCE.sum())) < 3


def test_mean_and_variance_of_the_total_metal_are_those_of_a_sum_of_lognormals(many, kriged):
    joint = LOG_SD**2 * np.kron(COVARIANCE, kriged.error)
    inside = LOG_SD**2 * np.repeat(np.diag(COVARIANCE), kriged.estimate.shape[1]) * kriged.inside
    mean = DENSITY_T_M3 * np.exp(LOG_GRADE + LOG_SD * kriged.estimate.ravel() + (np.diag(joint) + inside) / 2)
    variance = mean @ np.expm1(joint) @ mean
    totals = many.sum(axis=(1, 2))
    assert abs(totals.mean() - mean.sum()) < 3 * np.sqrt(variance / COUNT)
    assert abs(variance_in_errors(totals, variance)) < 3


def test_block_is_the_mean_of_its_points_nugget_included(many, kriged):
    """64 points of the block farthest from all cores, drawn by Cholesky given these, back-transformed, averaged; without the nugget too low."""
    points_m, weights = block_points_m(8)
    data_m = np.column_stack([POSITIONS_M, np.zeros(len(POSITIONS_M))])
    cell = int(np.argmax(kriged.unknown))
    to_data = textbook.covariance(MODEL, points_m[cell], data_m)
    solved = np.linalg.solve(textbook.covariance(MODEL, data_m, data_m) + NUGGET * np.eye(len(data_m)), to_data.T).T
    error = textbook.covariance(MODEL, points_m[cell], points_m[cell]) - solved @ to_data.T
    random = np.random.default_rng(2)
    for layer in range(2):
        smooth = np.linalg.cholesky(error + 1e-9 * np.eye(64)) @ random.standard_normal((64, 20_000))
        centre = MEAN[layer] + solved @ (VALUES[:, layer] - MEAN[layer])
        spread = np.sqrt(COVARIANCE[layer, layer])
        means = []
        for nugget in (NUGGET, 0.0):
            points = centre[:, None] + spread * (smooth + np.sqrt(nugget) * random.standard_normal(smooth.shape))
            means.append(weights @ np.exp(LOG_GRADE + LOG_SD * points) * DENSITY_T_M3)
        found = many[:, layer, cell]
        combined = np.sqrt(found.var() / COUNT + means[0].var() / 20_000)
        assert abs(found.mean() - means[0].mean()) < 4.5 * combined
        assert found.mean() - means[1].mean() > 4.5 * combined


def test_without_the_field_a_block_has_its_expectation_given_the_cores(kriged):
    """Five Gauss-Hermite nodes leave 1e-5 of a lognormal of log variance 0.8, the table of scores 1e-5, single precision 1e-6."""
    found = simulated([grade_of(2, varies=False), constant_density(2)]).realisation(1).metal_g_m3[0].reshape(2, -1)
    raised = LOG_SD**2 * kriged.unknown * np.diag(COVARIANCE)[:, None] / 2
    assert found == pytest.approx(DENSITY_T_M3 * np.exp(LOG_GRADE + LOG_SD * kriged.estimate + raised), rel=3e-5)


def test_variable_that_was_not_measured_has_its_mean_everywhere():
    density = LayeredVariable(LayerScores.lognormal(0.55, 0.3, 2), draws_of(600, mean=np.zeros(2), slopes=(0.0,)), is_conditional=False)
    drawn = np.array([blocks.density_t_m3.reshape(2, -1) for blocks in simulated([grade_of(600), density]).draws(600)], dtype=np.float64)
    # Scores of the second layer have the variance 0.8.
    expected = 0.55 * np.exp(-(0.3**2) / 2 * (1 - np.diag(COVARIANCE)))[:, None]
    assert np.abs((drawn.mean(axis=0) - expected) / drawn.std(axis=0) * np.sqrt(600)).max() < 4.5


def test_realisation_near_a_core_has_its_values():
    """Cells of 1 m and a cubic model of 300 m without nugget: what a block may miss of the core in its middle has a spread below 0.01."""
    models = HorizontalModels("cubic", np.array([300.0]), np.array([0.0]), np.zeros((1, 1)))
    positions_m, slopes = np.array([[3.0, -2.0], [40.0, 20.0]]), ((), (-0.5,), (0.4, 0.3))
    values = np.random.default_rng(3).standard_normal((3, 2, 2))
    tables = [LayerScores.lognormal(mean, 0.5, 2) for mean in (GRADE_PPM, DENSITY_T_M3, 1.2)]
    variables = [LayeredVariable(table, draws_of(20, own, slopes=part)) for table, own, part in zip(tables, values, slopes, strict=True)]
    simulation = LayeredSimulation(variables, models, positions_m, (0.0, 0.0), (5, 6), 1.0, 2, 3)
    expected = np.array([table.values(own[0], np.arange(2)) for table, own in zip(tables, values, strict=True)])
    for blocks in simulation.draws(20):
        mud, metal = blocks.density_t_m3[:, 2, 3], blocks.metal_g_m3[:, :, 2, 3]
        found = np.array([metal[0] / mud, mud, metal[1] / metal[0]])
        # Five times 0.01 on the Gaussian scale, of logarithms half as wide; slopes add up to less than that again.
        assert np.abs(np.log(found / expected)).max() < 0.05


def three(count, **changes):
    """Grade, density that follows it, a ratio that follows both: all vary."""
    random = np.random.default_rng(4)
    density = LayeredVariable(LayerScores.lognormal(0.5, 0.2, 2), draws_of(count, random.standard_normal((7, 2)), slopes=(-0.5,)))
    ratio = LayeredVariable(LayerScores.lognormal(1.2, 0.15, 2), draws_of(count, random.standard_normal((7, 2)), slopes=(0.4, 0.3)))
    return [grade_of(count, **changes), density, ratio]


def test_metal_is_the_expectation_of_the_product_over_what_varies_inside(kriged):
    """Lognormal variables: the quadrature over the first, the others' own variation averaged out, in closed form (ASSUME of the module)."""
    simulation = simulated(three(3))
    blocks, (first, density, ratio) = simulation.realisation(2), simulation._fields(2).astype(np.float64)
    variance = kriged.inside * np.diag(COVARIANCE)[:, None]
    b, c, d = -0.5, 0.4, 0.3
    log_density, log_ratio = np.log(0.5) - 0.2**2 / 2, np.log(1.2) - 0.15**2 / 2
    own = 0.2**2 * variance / 2
    at_first, rest = LOG_SD + 0.2 * b, LOG_GRADE + log_density + 0.2 * density + own
    dy = np.exp(at_first * first + at_first**2 * variance / 2 + rest)
    at_all = at_first + 0.15 * (c + d * b)
    gd = np.exp(at_all * first + at_all**2 * variance / 2 + rest + log_ratio + 0.15 * (ratio + d * density) + 0.15**2 * variance * (1 + d**2) / 2)
    mud = np.exp(0.2 * b * first + (0.2 * b) ** 2 * variance / 2 + log_density + 0.2 * density + own)
    # As above: quadrature, table and single precision.
    assert blocks.density_t_m3.reshape(2, -1) == pytest.approx(mud, rel=3e-5)
    assert blocks.metal_g_m3.reshape(2, 2, -1) == pytest.approx(np.array([dy, gd]), rel=3e-5)


def test_metal_and_mud_are_positive_and_shaped_like_the_grid():
    for blocks in simulated(three(5)).draws(5):
        assert blocks.density_t_m3.shape == (2, *SHAPE)
        assert blocks.metal_g_m3.shape == (2, 2, *SHAPE)
        assert blocks.metal_g_m3.min() > 0
        assert blocks.density_t_m3.min() > 0


def test_factor_of_the_density_scales_mud_and_metal_of_its_realisation():
    plain, scaled = simulated(three(3)), simulated(three(3), density_factor=np.array([1.0, 2.0, 0.5]))
    for number, factor in enumerate((1, 2, 0.5)):
        one, other = plain.realisation(number), scaled.realisation(number)
        assert np.array_equal(other.density_t_m3, one.density_t_m3 * np.float32(factor))
        assert np.array_equal(other.metal_g_m3, one.metal_g_m3 * np.float32(factor))


def same(one, other):
    return one.number == other.number and np.array_equal(one.density_t_m3, other.density_t_m3) and np.array_equal(one.metal_g_m3, other.metal_g_m3)


def test_realisation_is_the_same_to_the_bit_in_any_order_on_any_threads():
    simulation, threads = simulated(three(9)), numba.get_num_threads()
    try:
        for number in (1, threads):
            numba.set_num_threads(number)
            drawn = list(simulation.draws(9))
            assert [blocks.number for blocks in drawn] == list(range(9))
            for k in (8, 3, 0):
                assert same(drawn[k], simulated(three(9)).realisation(k))
            assert all(same(one, other) for one, other in zip(simulation.draws(4, first=5), drawn[5:], strict=True))
    finally:
        numba.set_num_threads(threads)


def test_simulation_set_up_like_another_gives_the_same_bits():
    one, other = simulated(three(3)), simulated(three(3), like=simulated([grade_of(1), constant_density(1)]))
    assert all(same(one.realisation(k), other.realisation(k)) for k in range(3))


def test_realisations_differ_and_so_do_seeds():
    one = simulated(three(2))
    assert not np.array_equal(one.realisation(0).metal_g_m3, one.realisation(1).metal_g_m3)
    other = LayeredSimulation(three(2), MODELS, POSITIONS_M, ORIGIN_M, SHAPE, CELL_M, NODES, 8)
    assert not np.array_equal(one.realisation(0).metal_g_m3, other.realisation(0).metal_g_m3)


def test_covariance_of_blocks_is_embedded_to_a_thousandth():
    assert simulated(three(1)).covariance_error <= 1e-3


def point_scores(kriged, count=1_500):
    """(realisations, layers, 2) scores at points of two blocks far apart, less their expectation, over the spread of a field of variance 1."""
    simulation, cells = simulated([grade_of(count), constant_density(count)]), np.array([0, 29])
    drawn = np.array([simulation.points(number, cells)[0] for number in range(count)])
    centred = (np.log(drawn) - LOG_GRADE) / LOG_SD - kriged.estimate[:, cells]
    return centred / np.sqrt(kriged.unknown[cells])


def test_points_of_blocks_have_mean_and_variance_of_the_field(kriged):
    """Of the 0.003 of the sill by which a simulated variance may be off (values at data), 0.006 is left after division by 1/2 or more."""
    scores = point_scores(kriged)
    variance = np.diag(COVARIANCE)[:, None]
    assert np.abs(scores.mean(axis=0) / np.sqrt(variance) * np.sqrt(len(scores))).max() < 4.5
    assert np.all(np.abs(scores.var(axis=0) / variance - 1) < 4.5 * np.sqrt(2 / len(scores)) + 0.006 / variance)


def test_points_of_one_core_vary_together_down_the_column(kriged):
    """The nugget is one of whole cores: layers at a point have the covariance of layers."""
    scores = point_scores(kriged)
    error = np.sqrt((COVARIANCE[0, 0] * COVARIANCE[1, 1] + COVARIANCE[0, 1] ** 2) / len(scores))
    for cell in range(2):
        assert abs(np.cov(scores[:, :, cell].T)[0, 1] - COVARIANCE[0, 1]) < 4.5 * error + 0.006


def varied_draws(count=6, seed=5):
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(np.array([COVARIANCE * scale for scale in rng.uniform(0.5, 2, count)]))
    return LayerDraws(
        np.array([3, 1, 3, 0, 3, 1]), rng.standard_normal((count, 2)), root, rng.standard_normal((count, 1)), rng.standard_normal((count, 7, 2))
    )


def test_frozen_parameters_are_the_means_over_draws():
    draws = varied_draws()
    held = frozen(draws, parameters=True)
    covariance = (draws.root @ draws.root.transpose(0, 2, 1)).mean(axis=0)
    for k in range(6):
        assert held.mean[k] == pytest.approx(draws.mean.mean(axis=0))
        assert held.slopes[k] == pytest.approx(draws.slopes.mean(axis=0))
        assert held.root[k] @ held.root[k].T == pytest.approx(covariance)
        assert np.triu(held.root[k], 1).max() == 0
    assert np.array_equal(held.model, draws.model)
    assert np.array_equal(held.values, draws.values)


def test_frozen_model_is_the_one_drawn_most_often():
    draws = varied_draws()
    held = frozen(draws, model=True)
    assert held.model.tolist() == [3] * 6
    assert np.array_equal(held.mean, draws.mean)
    assert np.array_equal(held.root, draws.root)


def test_frozen_values_are_those_given_and_nothing_else_changes():
    draws = varied_draws()
    held = frozen(draws, values=np.zeros((6, 7, 2)))
    assert not held.values.any()
    assert np.array_equal(held.root, draws.root)
    assert frozen(draws) is draws
