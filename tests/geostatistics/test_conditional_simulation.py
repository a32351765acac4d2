"""Conditional fields: mean and variance are those of kriging, data are honoured, and no bit depends on threads or order."""

import itertools

import numpy as np
import pytest
import textbook

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.conditional_simulation import ConditionalSimulation
from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_covariance, block_nodes
from pipeline.geostatistics.kriging import krige

ORIGIN_M, SHAPE, SPACING_M = (1_005.0, 5_195.0), (20, 24), 10.0
PLANE = CovarianceModel(0.0, (Structure("spherical", 1.0, 90.0, minor_range_m=60.0, azimuth_deg=40.0),))


def cells_m(origin_m, shape, spacing_m):
    """(cells, 3) centres in the order of a raveled field."""
    layers, rows, columns = (1,) * (3 - len(shape)) + tuple(shape)
    east, north, down = np.broadcast_to(spacing_m, (len(shape),)).tolist() + [1.0] * (3 - len(shape))
    z, y, x = np.meshgrid(np.arange(layers) * down, -np.arange(rows) * north, np.arange(columns) * east, indexing="ij")
    return np.stack([x, y, z], axis=-1).reshape(-1, 3) + np.array([*origin_m, 0.0])[:3]


def survey(count, seed=1, dimensions=2):
    """Scattered data, some just outside the grid, and one on a cell's centre."""
    rng = np.random.default_rng(seed)
    positions_m = np.column_stack([rng.uniform(990, 1_260, count), rng.uniform(4_985, 5_210, count), rng.uniform(0, 5, count)])
    positions_m[0] = [1_045.0, 5_125.0, 2.0]
    return positions_m[:, :dimensions], rng.normal(size=count)


def deep(positions_m):
    return np.column_stack([positions_m, np.zeros((len(positions_m), 3 - positions_m.shape[1]))])


def moments(simulation, count):
    """Mean and variance over realisations."""
    total, squares = np.zeros(simulation.shape), np.zeros(simulation.shape)
    for drawn in simulation.draws(count):
        total += drawn
        squares += drawn.astype(np.float64) ** 2
    mean = total / count
    return mean.ravel(), (squares / count - mean**2).ravel() * count / (count - 1)


@pytest.mark.parametrize("mean", ["unknown", 0.4])
@pytest.mark.parametrize("case", ["point", "nugget", "block", "error", "exponential"])
def test_mean_and_variance_over_realisations_are_those_of_kriging(case, mean):
    positions_m, values = survey(30)
    model, options = PLANE, {}
    if case == "nugget":
        model = CovarianceModel(0.3, PLANE.structures)
    if case == "exponential":
        model = CovarianceModel(0.1, (Structure("exponential", 0.6, 150.0), *PLANE.structures))
    if case == "block":
        options = {"block_nodes": block_nodes((10.0, 10.0, 0.0), (4, 4, 1))}
    if case == "error":
        options = {"error_variance": np.linspace(0.0, 0.5, 30)}
    simulation = ConditionalSimulation(positions_m, values, model, ORIGIN_M, SHAPE, SPACING_M, mean=mean, seed=3, **options)
    count = 3_000
    found, spread = moments(simulation, count)
    known = {} if mean == "unknown" else {"mean": mean}
    if case == "block":
        known["block"] = options["block_nodes"]
    if case == "error":
        known["error_variance"] = options["error_variance"]
    wanted = krige(deep(positions_m), values, model, cells_m(ORIGIN_M, SHAPE, SPACING_M), **known)
    error = np.sqrt(wanted.variance / count)
    # 480 cells that depend on each other: the largest of their standardised errors is below 4.5 but once in 10^3; 1e-6 is single precision.
    assert np.all(np.abs(found - wanted.value) < 4.5 * error + 1e-3)
    # Monte-Carlo error of a variance, and 3e-3 of the sill for what the nodes around a datum do not screen.
    assert np.all(np.abs(spread - wanted.variance) < 5 * wanted.variance * np.sqrt(2 / count) + 3e-3 * model.sill)
    # The average over the grid, which chance moves little.
    assert np.mean(spread) == pytest.approx(np.mean(wanted.variance), rel=0.01)


def test_mean_and_variance_are_those_of_kriging_in_space():
    positions_m, values = survey(40, dimensions=3)
    model = CovarianceModel(0.05, (Structure("spherical", 0.7, 80.0, 4.0), Structure("exponential", 0.25, 120.0)))
    origin_m, shape, spacing_m = (*ORIGIN_M, 0.5), (5, 20, 24), (10.0, 10.0, 1.0)
    simulation = ConditionalSimulation(positions_m, values, model, origin_m, shape, spacing_m, seed=4)
    found, spread = moments(simulation, 1_500)
    wanted = krige(positions_m, values, model, cells_m(origin_m, shape, spacing_m))
    assert np.all(np.abs(found - wanted.value) < 5 * np.sqrt(wanted.variance / 1_500))
    assert np.all(np.abs(spread - wanted.variance) < 5.5 * wanted.variance * np.sqrt(2 / 1_500) + 0.01)
    assert np.mean(spread) == pytest.approx(np.mean(wanted.variance), rel=0.01)


@pytest.mark.parametrize("kind", ["spherical", "exponential", "gaussian", "matern32"])
@pytest.mark.parametrize("size_m", [0.0, 10.0], ids=["points", "blocks"])
def test_unconditional_values_at_data_have_the_covariances_of_the_model(kind, size_m):
    positions_m, values = survey(25)
    model = CovarianceModel(0.01, (Structure(kind, 1.0, 90.0),))
    block = block_nodes((size_m, size_m, 0.0), (4, 4, 1)) if size_m else block_nodes((0.0, 0.0, 0.0), (1, 1, 1))
    simulation = ConditionalSimulation(positions_m, values, model, ORIGIN_M, SHAPE, SPACING_M, block_nodes=block)
    embedding, order = simulation.embedding, simulation._order
    # A datum's weights on all nodes of the simulated grid.
    weights = np.zeros((25, np.prod(embedding.shape)))
    np.put_along_axis(weights, simulation._begin[:, None] + simulation._window, simulation._weights, axis=1)
    index = np.stack(np.unravel_index(np.arange(np.prod(embedding.shape)), embedding.shape), axis=-1)
    nodes = embedding.covariance[tuple(np.moveaxis(index[:, None] - index, -1, 0))]
    data_m = deep(positions_m)[order]
    between_data = weights @ nodes @ weights.T + simulation._left @ simulation._left.T
    # Measured: 1.2e-3 at most, where data lie a few nodes apart; the variances are exact.
    np.testing.assert_allclose(between_data, textbook.covariance(model, data_m, data_m), atol=2e-3)
    np.testing.assert_allclose(np.diag(between_data), 1.0, atol=3e-4)
    inside = np.zeros(embedding.shape, dtype=bool)
    inside[simulation._inside] = True
    with_cells = (weights @ nodes)[:, inside.ravel()]
    wanted = block_covariance(model, cells_m(ORIGIN_M, SHAPE, SPACING_M), data_m, *block).T
    # Measured: 2e-3 at points and 4e-3 in blocks at most, 5e-4 on average.
    assert np.abs(with_cells - wanted).max() < 5e-3
    assert np.sqrt(np.mean((with_cells - wanted) ** 2)) < 1e-3


def test_data_are_honoured():
    positions_m, values = survey(40)
    model = CovarianceModel(0.2, PLANE.structures)
    simulation = ConditionalSimulation(positions_m, values, model, ORIGIN_M, SHAPE, SPACING_M, seed=2)
    for number in (0, 5):
        np.testing.assert_allclose(simulation.at_data(number), values, atol=1e-6)
        # The first datum lies on a cell's centre: the cell has its value, nugget included.
        assert simulation.realisation(number)[7, 4] == pytest.approx(values[0], abs=1e-6)


def test_cells_next_to_a_datum_have_nearly_its_value():
    model = CovarianceModel(0.0, (Structure("gaussian", 1.0, 100.0),))
    simulation = ConditionalSimulation(np.array([[1_046.0, 5_124.0]]), np.array([2.5]), model, ORIGIN_M, SHAPE, SPACING_M, mean=0.0, dtype=np.float64)
    near = np.array([drawn[7, 4] for drawn in simulation.draws(50)])
    assert np.abs(near - 2.5).max() < 4 * np.sqrt(1 - np.exp(-3 * 2 / 100**2) ** 2) + 0.01


def test_residuals_of_data_with_errors_are_not_larger_than_the_errors():
    positions_m, values = survey(40)
    errors = np.linspace(0.05, 0.6, 40)
    simulation = ConditionalSimulation(positions_m, values, PLANE, ORIGIN_M, SHAPE, SPACING_M, error_variance=errors, mean=0.0)
    count = 1_000
    drawn = np.array([simulation.at_data(number) for number in range(count)])
    # Closed form: with S the covariance without errors E, data have the covariance E - E (S + E)^-1 E, which is at most E.
    covariance = textbook.covariance(PLANE, deep(positions_m), deep(positions_m)) + np.diag(errors)
    wanted = errors - errors**2 * np.diag(np.linalg.inv(covariance))
    assert np.all(np.abs(np.var(drawn, axis=0) / wanted - 1) < 4.5 * np.sqrt(2 / count))
    assert np.all(np.abs(drawn.mean(axis=0) - (values - errors * np.linalg.solve(covariance, values))) < 4.5 * np.sqrt(wanted / count))
    # Over surveys that the model makes, the misfit of a realisation has the variance of the errors.
    root, random = np.linalg.cholesky(covariance), np.random.default_rng(9)
    misfits = []
    for seed in range(60):
        planted = root @ random.normal(size=40)
        again = ConditionalSimulation(positions_m, planted, PLANE, ORIGIN_M, SHAPE, SPACING_M, error_variance=errors, mean=0.0, seed=seed)
        misfits.append((again.at_data(0) - planted) / np.sqrt(errors))
    assert np.var(misfits) < 1 + 4 * np.sqrt(2 / np.size(misfits))


def test_no_bit_depends_on_threads_batches_or_order():
    positions_m, values = survey(40)
    model = CovarianceModel(0.1, (Structure("exponential", 0.9, 90.0),))
    one, two = (ConditionalSimulation(positions_m, values, model, ORIGIN_M, SHAPE, SPACING_M, seed=5, threads=threads) for threads in (1, 3))
    drawn = list(one.draws(37))
    assert all(np.array_equal(a, b) for a, b in zip(drawn, two.draws(37), strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(drawn[9:20], two.draws(11, first=9), strict=True))
    assert np.array_equal(two.realisations(11, first=9), drawn[9:20])
    for number in (36, 0, 17):
        assert np.array_equal(two.realisation(number), drawn[number])
    mixed = np.random.default_rng(1).permutation(40)
    other = ConditionalSimulation(positions_m[mixed], values[mixed], model, ORIGIN_M, SHAPE, SPACING_M, seed=5)
    assert np.array_equal(other.realisation(3), drawn[3])
    assert np.array_equal(other.at_data(3), one.at_data(3)[mixed])
    assert not np.array_equal(ConditionalSimulation(positions_m, values, model, ORIGIN_M, SHAPE, SPACING_M, seed=6).realisation(3), drawn[3])


def test_realisations_stream():
    positions_m, values = survey(5)
    simulation = ConditionalSimulation(positions_m, values, PLANE, ORIGIN_M, SHAPE, SPACING_M)
    assert len(list(itertools.islice(simulation.draws(10_000_000), 3))) == 3


@pytest.mark.parametrize("size_m", [0.0, 10.0], ids=["points", "blocks"])
def test_variance_of_a_total_is_that_of_the_closed_form(size_m):
    positions_m, values = survey(12)
    shape, count = (15, 15), 4_000
    model = CovarianceModel(0.1, (Structure("exponential", 0.9, 120.0),))
    block = block_nodes((size_m, size_m, 0.0), (3, 3, 1)) if size_m else block_nodes((0.0, 0.0, 0.0), (1, 1, 1))
    simulation = ConditionalSimulation(positions_m, values, model, ORIGIN_M, shape, SPACING_M, mean=0.0, seed=8, block_nodes=block)
    totals = np.array([drawn.sum(dtype=np.float64) for drawn in simulation.draws(count)])
    cells, data_m = cells_m(ORIGIN_M, shape, SPACING_M), deep(positions_m)
    nodes_m = (cells[:, None] + block.offsets_m).reshape(-1, 3)
    weights = np.tile(block.weights, len(cells))
    is_node = np.all(cells[:, None] == data_m, axis=-1) & (size_m == 0)
    cross = weights @ textbook.covariance(model, nodes_m, data_m) + 0.1 * is_node.sum(axis=0)
    among = textbook.covariance(model, data_m, data_m) + 0.1 * np.eye(12)
    own = weights @ textbook.covariance(model, nodes_m, nodes_m) @ weights + (0.1 * len(cells) if size_m == 0 else 0.0)
    variance = own - cross @ np.linalg.solve(among, cross)
    assert abs(np.var(totals) / variance - 1) < 3 * np.sqrt(2 / count)
    assert abs(totals.mean() - cross @ np.linalg.solve(among, values)) < 3 * np.sqrt(variance / count)


def test_nugget_is_white_noise_at_points_and_absent_from_blocks():
    positions_m, values = survey(3)
    model = CovarianceModel(1.0, ())
    point = ConditionalSimulation(positions_m, values, model, ORIGIN_M, SHAPE, SPACING_M, mean=0.0).realisation(0)
    assert np.var(point) == pytest.approx(1.0, abs=4 * np.sqrt(2 / point.size))
    blocks = ConditionalSimulation(
        positions_m, values, model, ORIGIN_M, SHAPE, SPACING_M, mean=0.0, block_nodes=block_nodes((10.0, 10.0, 0.0), (2, 2, 1))
    )
    assert np.array_equal(blocks.realisation(0), np.zeros(SHAPE))


def test_an_unknown_mean_widens_what_is_far_from_all_data():
    one = np.array([[1_005.0, 5_195.0]]), np.array([3.0])
    far = {
        mean: np.array([drawn[-1, -1] for drawn in ConditionalSimulation(*one, PLANE, ORIGIN_M, SHAPE, SPACING_M, mean=mean).draws(2_000)])
        for mean in (0.0, "unknown")
    }
    assert np.var(far[0.0]) == pytest.approx(1.0, abs=4 * np.sqrt(2 / 2_000))
    assert far[0.0].mean() == pytest.approx(0.0, abs=4 / np.sqrt(2_000))
    # Ordinary kriging from one datum out of reach: its value, and twice the sill.
    assert np.var(far["unknown"]) == pytest.approx(2.0, abs=8 * np.sqrt(2 / 2_000))
    assert far["unknown"].mean() == pytest.approx(3.0, abs=4 * np.sqrt(2 / 2_000))


def test_long_ranges_are_simulated():
    positions_m, values = survey(8)
    model = CovarianceModel(0.0, (Structure("exponential", 1.0, 2_400.0),))
    simulation = ConditionalSimulation(positions_m, values, model, ORIGIN_M, SHAPE, SPACING_M, seed=1)
    assert simulation.embedding.covariance_error < 1e-3
    _, spread = moments(simulation, 1_500)
    wanted = krige(deep(positions_m), values, model, cells_m(ORIGIN_M, SHAPE, SPACING_M))
    assert np.mean(spread) == pytest.approx(np.mean(wanted.variance), rel=0.03)


def test_data_far_outside_the_grid_do_not_enlarge_it_without_end():
    positions_m = np.array([[1_100.0, 5_100.0], [9e6, -4e6]])
    simulation = ConditionalSimulation(positions_m, np.array([1.0, -1.0]), PLANE, ORIGIN_M, SHAPE, SPACING_M)
    assert np.prod(simulation.embedding.shape) <= np.prod(np.array(SHAPE) + 8)
    np.testing.assert_allclose(simulation.at_data(1), [1.0, -1.0], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"positions_m": np.zeros((2, 4))}, "2 axes"),
        ({"values": np.array([1.0, np.nan])}, "a value is not finite"),
        ({"origin_m": (0.0, np.inf)}, "the origin is not finite"),
        ({"error_variance": np.array([0.1, -0.1])}, "not negative"),
        ({"error_variance": np.array([0.1])}, "one per value"),
        ({"mean": "known"}, "unknown"),
        ({"mean": np.nan}, "give a number"),
        ({"seed": -1}, "from 0 on"),
        ({"dtype": np.int64}, "float32 or float64"),
        ({"shape": (20,)}, "rows, columns"),
    ],
)
def test_bad_input_is_explained(change, says):
    given = {
        "positions_m": np.array([[1_000.0, 5_000.0], [1_100.0, 5_100.0]]), "values": np.array([0.0, 1.0]), "model": PLANE, "origin_m": ORIGIN_M,
        "shape": SHAPE, "spacing_m": SPACING_M,
    }  # fmt: skip
    with pytest.raises(ValueError, match=says):
        ConditionalSimulation(**{**given, **change})


def test_too_few_data_are_explained():
    with pytest.raises(TooFewSamples, match="no datum"):
        ConditionalSimulation(np.zeros((0, 2)), np.zeros(0), PLANE, ORIGIN_M, SHAPE, SPACING_M)
    with pytest.raises(TooFewSamples, match="coincide"):
        ConditionalSimulation(np.zeros((2, 2)), np.zeros(2), PLANE, ORIGIN_M, SHAPE, SPACING_M)
