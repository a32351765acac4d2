"""Fields on a grid have the covariance of their model: exactly by their spectrum, and within chance by their draws."""

import numpy as np
import pytest
import textbook
from scipy import stats

from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_nodes
from pipeline.geostatistics.random_fields import CirculantEmbedding, white_noise

KINDS = ["spherical", "exponential", "gaussian", "cubic", "matern32", "matern52"]


def grid_m(shape, spacing_m):
    """(nodes, 3) positions in the order of a raveled field: rows run south, layers down."""
    layers, rows, columns = (1,) * (3 - len(shape)) + tuple(shape)
    east, north, down = (*spacing_m, 1.0)[:3]
    z, y, x = np.meshgrid(np.arange(layers) * down, -np.arange(rows) * north, np.arange(columns) * east, indexing="ij")
    return np.stack([x, y, z], axis=-1).reshape(-1, 3)


def covariance_of(embedding):
    """(nodes, nodes) covariance of the nodes of the grid, from that of the torus."""
    index = np.stack(np.unravel_index(np.arange(np.prod(embedding.shape)), embedding.shape), axis=-1)
    return embedding.covariance[tuple(np.moveaxis(index[:, None] - index, -1, 0))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "spacing_m"), [((9, 14), (10.0, 12.0)), ((4, 7, 9), (10.0, 12.0, 0.5))], ids=["plane", "space"])
def test_covariance_between_all_nodes_is_that_of_the_model(kind, shape, spacing_m):
    structures = (
        Structure(kind, 1.5, 70.0, 1.5, minor_range_m=30.0, azimuth_deg=35.0, dip_deg=0.3, rake_deg=20.0),
        Structure("spherical", 0.5, 40.0, minor_range_m=60.0, azimuth_deg=110.0),
    )
    if len(shape) == 2:
        structures = (Structure(kind, 1.5, 70.0, minor_range_m=30.0, azimuth_deg=35.0), structures[1])
    model = CovarianceModel(0.3, structures)
    embedding = CirculantEmbedding.of_model(model, shape, spacing_m)
    nodes_m = grid_m(shape, spacing_m)
    found = np.abs(covariance_of(embedding) - textbook.covariance(model, nodes_m, nodes_m)).max() / 2.0
    assert found == pytest.approx(embedding.covariance_error, rel=1e-4, abs=1e-8)
    assert found < 1e-3
    assert 0 <= embedding.clipped_share < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_short_ranges_are_embedded_to_rounding(kind):
    embedding = CirculantEmbedding.of_model(CovarianceModel(0.0, (Structure(kind, 1.0, 10.0),)), (40, 50), 1.0)
    assert embedding.covariance_error < 1e-6
    assert embedding.torus[0] <= 80


def test_a_torus_is_no_larger_than_grid_and_range():
    embedding = CirculantEmbedding.of_model(CovarianceModel(0.0, (Structure("cubic", 1.0, 12.0),)), (100, 150), 1.0)
    assert embedding.torus == (112, 162)


@pytest.mark.parametrize("kind", KINDS)
def test_ranges_of_ten_times_the_extent_are_embedded(kind):
    embedding = CirculantEmbedding.of_model(CovarianceModel(0.0, (Structure(kind, 1.0, 300.0),)), (30, 30), 1.0)
    nodes_m = grid_m((30, 30), (1.0, 1.0))
    wanted = textbook.covariance(CovarianceModel(0.0, (Structure(kind, 1.0, 300.0),)), nodes_m, nodes_m)
    assert np.abs(covariance_of(embedding) - wanted).max() < 1e-3
    assert embedding.variance == pytest.approx(1.0, abs=1e-12)


def test_a_zonal_structure_is_the_same_in_every_layer():
    model = CovarianceModel(0.0, (Structure("spherical", 1.0, 5.0),))
    field = CirculantEmbedding.of_model(model, (3, 8, 9), (1.0, 1.0, 1.0)).draw(np.random.default_rng(1), 1, dtype=np.float64)[0]
    np.testing.assert_allclose(field - field[:1], 0.0, atol=1e-12)


@pytest.mark.parametrize("rule", ["gauss", "midpoint"])
def test_fields_of_blocks_have_the_covariance_of_block_means(rule):
    model = CovarianceModel(0.2, (Structure("exponential", 1.0, 40.0, 3.0, minor_range_m=20.0, azimuth_deg=60.0),))
    block = block_nodes((5.0, 5.0, 1.0), (3, 2, 2), rule)
    shape, spacing_m = (3, 5, 6), (5.0, 5.0, 1.0)
    embedding = CirculantEmbedding.of_model(model, shape, spacing_m, block_nodes=block)
    nodes_m = (grid_m(shape, spacing_m)[:, None] + block.offsets_m).reshape(-1, 3)
    means = np.kron(np.eye(np.prod(shape)), block.weights)
    np.testing.assert_allclose(covariance_of(embedding), means @ textbook.covariance(model, nodes_m, nodes_m) @ means.T, atol=1e-3)
    assert embedding.variance < 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_covariances_of_draws_lie_in_their_bands(dtype):
    model = CovarianceModel(0.0, (Structure("spherical", 2.0, 6.0, minor_range_m=3.0, azimuth_deg=30.0),))
    embedding = CirculantEmbedding.of_model(model, (7, 9), 1.0)
    count = 20_000
    fields = embedding.draw(np.random.default_rng(5), count, dtype=dtype).reshape(count, -1).astype(np.float64)
    wanted = textbook.covariance(model, grid_m((7, 9), (1.0, 1.0)), grid_m((7, 9), (1.0, 1.0)))
    found = fields.T @ fields / count
    # Standard error of a covariance of normals; 1,953 pairs that depend on each other: 5 of them are not exceeded by chance.
    error = np.sqrt((wanted**2 + np.outer(np.diag(wanted), np.diag(wanted))) / count)
    assert np.abs((found - wanted) / error).max() < 5
    assert np.abs(fields.mean(axis=0) / np.sqrt(2.0 / count)).max() < 4.5


def test_variance_of_a_sum_over_the_grid_is_that_of_the_closed_form():
    model = CovarianceModel(0.0, (Structure("exponential", 1.0, 30.0),))
    embedding = CirculantEmbedding.of_model(model, (20, 20), 1.0)
    nodes_m = grid_m((20, 20), (1.0, 1.0))
    wanted = textbook.covariance(model, nodes_m, nodes_m).sum()
    found = np.var(embedding.draw(np.random.default_rng(6), 5_000).sum(axis=(1, 2), dtype=np.float64))
    assert abs(found / wanted - 1) < 3 * np.sqrt(2 / 5_000)


def test_fields_do_not_depend_on_how_many_are_drawn_at_a_time():
    embedding = CirculantEmbedding.of_model(CovarianceModel(0.0, (Structure("matern32", 1.0, 4.0),)), (2, 11, 13), 1.0)
    at_once = embedding.draw(np.random.default_rng(7), 5)
    random = np.random.default_rng(7)
    assert np.array_equal(at_once, np.concatenate([embedding.draw(random, 2), embedding.draw(random, 3)]))


@pytest.mark.parametrize("size", [200_000, 200_001])
def test_white_noise_is_normal_and_independent(size):
    noise = np.empty(size, dtype=np.float32)
    white_noise(np.random.default_rng(8), 2.0, noise)
    scores = noise.astype(np.float64) / 2.0
    assert stats.kstest(scores, "norm").pvalue > 1e-3
    assert abs(stats.kurtosis(scores)) < 4 * np.sqrt(24 / size)
    assert abs(np.mean(scores[::2][: size // 2] * scores[1::2][: size // 2])) < 4 / np.sqrt(size // 2)
    assert abs(np.mean(scores[::2][: size // 2] ** 2 * scores[1::2][: size // 2] ** 2) - 1) < 4 * np.sqrt(8 / (size // 2))


def test_a_model_of_nugget_alone_has_no_correlated_field():
    embedding = CirculantEmbedding.of_model(CovarianceModel(1.0, ()), (4, 5), 1.0)
    assert np.array_equal(embedding.draw(np.random.default_rng(1), 2), np.zeros((2, 4, 5)))


@pytest.mark.parametrize(
    ("shape", "spacing_m", "says"),
    [((5,), 1.0, "rows, columns"), ((5, 0), 1.0, "at least 1"), ((5, 5), 0.0, "positive"), ((5, 5), (1.0, 1.0, 1.0), "2 axes")],
)
def test_a_bad_grid_is_explained(shape, spacing_m, says):
    with pytest.raises(ValueError, match=says):
        CirculantEmbedding.of_model(CovarianceModel(0.0, (Structure("spherical", 1.0, 5.0),)), shape, spacing_m)


def test_a_covariance_that_no_torus_holds_is_refused():
    aslant = Structure("gaussian", 1.0, np.inf, minor_range_m=30.0, azimuth_deg=20.0)
    with pytest.raises(ValueError, match="too long for the grid"):
        CirculantEmbedding.of_model(CovarianceModel(0.0, (aslant,)), (10, 10), 1.0)
