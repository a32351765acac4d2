import numpy as np
import pytest

from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_nodes
from pipeline.geostatistics.layers import LayeredKriging, layer_statistics

MODEL = CovarianceModel(0.1, (Structure("exponential", 0.7, 6_000.0, 2.0), Structure("exponential", 0.2, 6_000.0, np.inf)))
LAYERS, BLOCK_M = 4, 500.0
TOPS_M = np.arange(LAYERS, dtype=float)


def survey(seed: int = 0, cores: int = 9):
    """Composites of a few cores, some of them short."""
    rng = np.random.default_rng(seed)
    spots_m = rng.uniform(0, 4_000, (cores, 2))
    rows = [(x, y, layer + 0.5, layer) for i, (x, y) in enumerate(spots_m) for layer in range(LAYERS - i % 2)]
    table = np.array(rows)
    layer = table[:, 3].astype(np.int64)
    return table[:, :3], 10 * (layer + 1) + rng.normal(0, layer + 1.0), layer


def kriging(positions_m, values, layer, model=MODEL, nodes=2):
    statistics = layer_statistics(values, layer, np.ones(len(values)), LAYERS, min_cores=2)
    return LayeredKriging(positions_m, values, layer, statistics, model, TOPS_M, 1.0, BLOCK_M, nodes)


def grid(rows=6, columns=7):
    easting_m, northing_m = np.meshgrid(250 + BLOCK_M * np.arange(columns), 250 + BLOCK_M * np.arange(rows)[::-1])
    return easting_m, northing_m


def test_column_sum_is_the_sum_of_its_blocks():
    system = kriging(*survey())
    easting_m, northing_m = (axis.ravel() for axis in grid())
    blocks, sums = system.columns(easting_m, northing_m)
    np.testing.assert_allclose(sums.value, blocks.value.sum(axis=1), rtol=1e-12)


def test_column_variance_includes_the_covariance_between_layers():
    system = kriging(*survey())
    easting_m, northing_m = (axis.ravel() for axis in grid())
    blocks, sums = system.columns(easting_m, northing_m)
    assert np.all(sums.variance > blocks.variance.sum(axis=1))


def test_total_equals_the_textbook_system_over_all_nodes():
    """Brute force: one augmented system in raw units, the total's covariances as double sums over every node of every block."""
    positions_m, values, layer = survey(1)
    statistics = layer_statistics(values, layer, np.ones(len(values)), LAYERS, min_cores=2)
    system = LayeredKriging(positions_m, values, layer, statistics, MODEL, TOPS_M, 1.0, BLOCK_M, 4)
    easting_m, northing_m = grid(3, 4)
    share = np.random.default_rng(3).uniform(0.2, 1, easting_m.shape)
    value, variance = system.total(share, system.sum_covariance(easting_m.ravel(), northing_m.ravel()))

    sd, n = statistics.sd, len(values)
    offsets_m, weights = block_nodes((BLOCK_M, BLOCK_M, 0.0), (4, 4, 1))
    regular_m = (np.arange(4) + 0.5) / 4 * BLOCK_M - BLOCK_M / 2
    fine_m = np.array([[x, y, 0.0] for x in regular_m for y in regular_m])

    def nodes(offsets_m, node_weights):
        parts = [
            (np.array([e, n_, depth + 0.5]) + offsets_m, w * node_weights * sd[depth])
            for e, n_, w in zip(easting_m.ravel(), northing_m.ravel(), share.ravel(), strict=True)
            for depth in range(LAYERS)
        ]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    at_m, w = nodes(offsets_m, weights)
    covariance = (w @ MODEL.between(at_m, positions_m)) * sd[layer]
    fine_at_m, fine_w = nodes(fine_m, np.full(16, 1 / 16))
    prior = fine_w @ MODEL.between(fine_at_m, fine_at_m) @ fine_w
    augmented = np.zeros((n + LAYERS, n + LAYERS))
    augmented[:n, :n] = (MODEL.between(positions_m, positions_m) + MODEL.nugget * np.eye(n)) * np.outer(sd[layer], sd[layer])
    drift = (layer[:, None] == np.arange(LAYERS)[None, :]).astype(float)
    augmented[:n, n:], augmented[n:, :n] = drift, drift.T
    target_drift = np.full(LAYERS, share.sum())
    solution = np.linalg.solve(augmented, np.concatenate([covariance, target_drift]))
    assert value == pytest.approx(solution[:n] @ values, rel=1e-10)
    assert variance == pytest.approx(prior - solution[:n] @ covariance - solution[n:] @ target_drift, rel=1e-8)


def test_total_is_the_weighted_sum_of_columns():
    system = kriging(*survey())
    easting_m, northing_m = grid()
    share = np.ones(easting_m.shape)
    share[0, :] = 0
    inside = share.ravel() > 0
    at = easting_m.ravel()[inside], northing_m.ravel()[inside]
    _, sums = system.columns(*at)
    value, _ = system.total(share, system.sum_covariance(*at))
    assert value == pytest.approx(sums.value.sum(), rel=1e-12)


def test_total_is_more_uncertain_than_independent_blocks_would_make_it():
    system = kriging(*survey())
    easting_m, northing_m = grid()
    at = easting_m.ravel(), northing_m.ravel()
    blocks, _ = system.columns(*at)
    _, variance = system.total(np.ones(easting_m.shape), system.sum_covariance(*at))
    assert variance > 4 * blocks.variance.sum()


def test_order_of_composites_does_not_change_a_bit():
    positions_m, values, layer = survey()
    turned = np.random.default_rng(9).permutation(len(values))
    statistics = layer_statistics(values, layer, np.ones(len(values)), LAYERS, min_cores=2)
    results = []
    for order in (np.arange(len(values)), turned):
        system = LayeredKriging(positions_m[order], values[order], layer[order], statistics, MODEL, TOPS_M, 1.0, BLOCK_M, 2)
        results.append(system.columns(np.array([1_000.0]), np.array([2_000.0]))[0])
    assert np.array_equal(results[0].value, results[1].value)
    assert np.array_equal(results[0].variance, results[1].variance)


def test_units_change_estimates_and_not_the_map():
    positions_m, values, layer = survey()
    one, thousand = (kriging(positions_m, values * factor, layer).columns(np.array([1_000.0]), np.array([2_000.0]))[0] for factor in (1.0, 1_000.0))
    np.testing.assert_allclose(thousand.value, 1_000 * one.value, rtol=1e-9)
    np.testing.assert_allclose(thousand.variance, 1e6 * one.variance, rtol=1e-9)


def test_replicate_cores_equal_their_mean_with_half_the_nugget():
    positions_m, values, layer = survey()
    shift = np.where(np.arange(len(values)) % 2, 0.5, -0.5)
    statistics = layer_statistics(values, layer, np.ones(len(values)), LAYERS, min_cores=2)
    twice = LayeredKriging(
        np.vstack([positions_m, positions_m]),
        np.concatenate([values + shift, values - shift]),
        np.tile(layer, 2),
        statistics,
        MODEL,
        TOPS_M,
        1.0,
        BLOCK_M,
        2,
    )
    halved = CovarianceModel(MODEL.nugget / 2, MODEL.structures)
    once = LayeredKriging(positions_m, values, layer, statistics, halved, TOPS_M, 1.0, BLOCK_M, 2)
    at = (np.array([1_000.0]), np.array([2_000.0]))
    np.testing.assert_allclose(twice.columns(*at)[0].value, once.columns(*at)[0].value, rtol=1e-10)


def test_equal_values_come_back_without_variance():
    positions_m, values, layer = survey()
    flat = CovarianceModel(0.0, (Structure("exponential", 0.0, 1.0, 1.0),))
    blocks, sums = kriging(positions_m, np.full_like(values, 7.0), layer, flat).columns(np.array([1_000.0]), np.array([2_000.0]))
    np.testing.assert_allclose(blocks.value, 7.0)
    np.testing.assert_allclose(sums.variance, 0.0, atol=1e-12)


def test_planted_field_is_recovered_between_cores():
    """A smooth planted field on dense cores: the estimate between them stays within a twentieth of its spread."""
    spots_m = np.array([[x, y] for x in range(0, 4_001, 400) for y in range(0, 4_001, 400)], dtype=float)

    def field(x, y):
        return 20 + 5 * np.sin(x / 900) * np.cos(y / 900)

    layer = np.zeros(len(spots_m), dtype=np.int64)
    values = field(spots_m[:, 0], spots_m[:, 1])
    statistics = layer_statistics(values, layer, np.ones(len(values)), 1, min_cores=2)
    model = CovarianceModel(0.0, (Structure("spherical", 1.0, 4_000.0, np.inf),))
    system = LayeredKriging(np.column_stack([spots_m, np.full(len(values), 0.5)]), values, layer, statistics, model, np.zeros(1), 1.0, 10.0, 2)
    at_m = np.random.default_rng(0).uniform(500, 3_500, (200, 2))
    blocks, _ = system.columns(at_m[:, 0], at_m[:, 1])
    assert np.max(np.abs(blocks.value[:, 0] - field(at_m[:, 0], at_m[:, 1]))) < 0.05 * 10


def test_thin_layers_share_the_mean_of_their_neighbours():
    values, layer = np.array([1.0, 2, 3, 10, 12, 14, 50]), np.array([0, 0, 0, 1, 1, 1, 2])
    statistics = layer_statistics(values, layer, np.ones(7), 4, min_cores=3)
    assert statistics.pool.tolist() == [0, 1, 1, -1]
    assert statistics.mean[2] == statistics.mean[1] == pytest.approx(np.mean([10, 12, 14, 50]))
    assert np.isnan(statistics.mean[3])


def test_layer_mean_is_declustered():
    statistics = layer_statistics(np.array([1.0, 5.0]), np.array([0, 0]), np.array([0.75, 0.25]), 1, min_cores=2)
    assert statistics.mean[0] == pytest.approx(2.0)


def test_values_that_differ_in_their_last_bits_have_no_spread():
    values = 0.5 + np.array([0.0, 1.0, -1.0, 1.0]) * 1e-16
    statistics = layer_statistics(values, np.array([0, 0, 1, 1]), np.ones(4), 2, min_cores=2)
    assert statistics.sd.tolist() == [1.0, 1.0]
