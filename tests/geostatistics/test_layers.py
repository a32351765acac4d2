from dataclasses import replace

import numpy as np
import pytest
import textbook

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.coregionalisation import Coregionalisation
from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_nodes
from pipeline.geostatistics.layers import LayeredKriging, LayeredVariable, layer_statistics

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


# ------------------------------------------------------------------ external drift

SHAPES = tuple(replace(part, sill=1.0) for part in MODEL.structures)
AT = np.array([1_000.0, 3_300.0, 150.0]), np.array([2_000.0, 700.0, 3_800.0])


def relief(easting_m, northing_m):
    """A depth and a slope that bend, in their own units."""
    return np.column_stack([5_700 + easting_m / 50 - northing_m**2 / 1e5, 2 + np.sin(easting_m / 700)])


def system_of(variable, model=MODEL, **more):
    parts = variable.positions_m, variable.values, variable.layer, variable.statistics
    return LayeredKriging(*parts, model, TOPS_M, 1.0, BLOCK_M, 2, **more)


def variable_of(seed=0, cores=9, factor=1.0):
    positions_m, values, layer = survey(seed, cores)
    return LayeredVariable(positions_m, factor * values, layer, layer_statistics(factor * values, layer, np.ones(len(values)), LAYERS, min_cores=2))


def assert_equal_estimates(one, other, rtol):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.value, b.value, rtol=rtol)
        np.testing.assert_allclose(a.variance, b.variance, rtol=rtol)
        np.testing.assert_allclose(a.slope_of_regression, b.slope_of_regression, rtol=rtol)


def test_a_drift_that_is_the_same_at_all_cores_is_no_drift():
    variable = variable_of()
    flat = np.full((len(variable.values), 1), 5_700.0)
    without, with_drift = system_of(variable), system_of(variable, drift=flat)
    assert_equal_estimates(with_drift.columns(*AT, np.array([[5_700.0], [5_600.0], [0.0]])), without.columns(*AT), rtol=0)
    share = np.ones((1, 3))
    covariance = without.sum_covariance(*AT)
    assert with_drift.total(share, covariance, np.full((3, 1), 5_000.0)) == without.total(share, covariance)


def textbook_parts(variable, drift):
    """Covariance in raw units, and drift: one column per layer, and the external ones times the layer's spread."""
    sd = variable.statistics.sd[variable.layer]
    joint = textbook.covariance(MODEL, variable.positions_m, variable.positions_m) + MODEL.nugget * np.eye(len(sd))
    columns = np.hstack([(variable.layer[:, None] == np.arange(LAYERS)).astype(float), sd[:, None] * drift])
    return joint * np.outer(sd, sd), columns, sd


def test_drift_equals_the_textbook_system():
    variable = variable_of(1)
    at_data, at_targets = relief(*variable.positions_m[:, :2].T), relief(*AT)
    system = system_of(variable, drift=at_data)
    blocks, sums = system.columns(*AT, at_targets)
    total, total_variance = system.total(np.array([[0.3, 1.0, 0.7]]), system.sum_covariance(*AT), at_targets)
    data, columns, sd_of_datum = textbook_parts(variable, at_data)
    offsets_m, weights = block_nodes((BLOCK_M, BLOCK_M, 0.0), (2, 2, 1))
    sd = variable.statistics.sd
    c, f = np.zeros((3, LAYERS, len(sd_of_datum))), np.zeros((3, LAYERS, columns.shape[1]))
    for i in range(3):
        for layer in range(LAYERS):
            nodes_m = np.array([AT[0][i], AT[1][i], layer + 0.5]) + offsets_m
            c[i, layer] = weights @ textbook.covariance(MODEL, nodes_m, variable.positions_m) * sd_of_datum * sd[layer]
            f[i, layer] = np.concatenate([np.arange(LAYERS) == layer, sd[layer] * at_targets[i]])
            inside = weights @ textbook.covariance(MODEL, nodes_m, nodes_m) @ weights * sd[layer] ** 2
            value, variance, _ = textbook.solve(data, variable.values, columns, c[i, layer], f[i, layer], inside)
            assert blocks.value[i, layer] == pytest.approx(value, rel=1e-9)
            assert blocks.variance[i, layer] == pytest.approx(variance, rel=1e-8)
        value, _, _ = textbook.solve(data, variable.values, columns, c[i].sum(axis=0), f[i].sum(axis=0), 0.0)
        assert sums.value[i] == pytest.approx(value, rel=1e-9)
    cells = np.array([0.3, 1.0, 0.7])
    value, explained, _ = textbook.solve(data, variable.values, columns, cells @ c.sum(axis=1), cells @ f.sum(axis=1), 0.0)
    assert total == pytest.approx(value, rel=1e-9)
    assert total_variance - explained == pytest.approx(system._total_variance(cells[None, :]), rel=1e-8)


def test_unit_and_datum_of_a_drift_change_nothing():
    variable = variable_of()
    drift, target = relief(*variable.positions_m[:, :2].T), relief(*AT)
    one = system_of(variable, drift=drift).columns(*AT, target)
    other = system_of(variable, drift=1_000 * drift - 40_000).columns(*AT, 1_000 * target - 40_000)
    assert_equal_estimates(other, one, rtol=1e-9)


def test_a_field_that_is_its_drift_is_found_everywhere():
    """Values are layer mean plus layer spread times a multiple of the drift: nothing else is left to krige."""
    variable = variable_of(2, cores=12)
    drift, target = relief(*variable.positions_m[:, :2].T)[:, :1], relief(*AT)[:, :1]
    statistics = variable.statistics
    values = (statistics.mean + 3 * statistics.sd)[variable.layer] + statistics.sd[variable.layer] * 0.02 * drift[:, 0]
    blocks, _ = system_of(replace(variable, values=values), drift=drift).columns(*AT, target)
    expected = statistics.mean + 3 * statistics.sd + statistics.sd * 0.02 * target
    np.testing.assert_allclose(blocks.value, expected, rtol=1e-9)


def test_drifts_that_depend_on_each_other_are_refused():
    variable = variable_of()
    depth_m = relief(*variable.positions_m[:, :2].T)[:, :1]
    with pytest.raises(TooFewSamples, match="do not determine the 6 drift functions"):
        system_of(variable, drift=np.hstack([depth_m, 2 * depth_m + 1]))


def test_a_drift_must_come_with_its_targets():
    variable = variable_of()
    system = system_of(variable, drift=relief(*variable.positions_m[:, :2].T))
    with pytest.raises(ValueError, match="the data have 2 drifts; 3 targets need as many columns"):
        system.columns(*AT)


# ------------------------------------------------------------------ composites of cores left out


def test_composites_equal_the_textbook_system_with_their_own_nugget():
    variable = variable_of(3)
    drift = relief(*variable.positions_m[:, :2].T)
    left = np.all(variable.positions_m[:, :2] == variable.positions_m[0, :2], axis=1)
    rest = replace(variable, positions_m=variable.positions_m[~left], values=variable.values[~left], layer=variable.layer[~left])
    found = system_of(rest, drift=drift[~left]).composites(variable.positions_m[left], variable.layer[left], drift[left])
    data, columns, sd_of_datum = textbook_parts(rest, drift[~left])
    for i, layer in enumerate(variable.layer[left]):
        sd = variable.statistics.sd[layer]
        c = textbook.covariance(MODEL, variable.positions_m[left][i : i + 1], rest.positions_m)[0] * sd_of_datum * sd
        f = np.concatenate([np.arange(LAYERS) == layer, sd * drift[left][i]])
        value, variance, _ = textbook.solve(data, rest.values, columns, c, f, MODEL.sill * sd**2)
        assert found.value[i] == pytest.approx(value, rel=1e-9)
        assert found.variance[i] == pytest.approx(variance, rel=1e-9)


def test_a_second_core_at_one_place_is_not_foretold_without_error():
    variable = variable_of()
    again = system_of(variable).composites(variable.positions_m, variable.layer)
    assert np.all(np.abs(again.value - variable.values) > 0)
    assert np.all(again.variance > MODEL.nugget * variable.statistics.sd[variable.layer] ** 2)


def test_composites_of_a_layer_without_data_are_unknown():
    variable = variable_of()
    top = variable.layer < 3
    values, layer = variable.values[top], variable.layer[top]
    statistics = layer_statistics(values, layer, np.ones(len(values)), LAYERS, min_cores=2)
    found = system_of(LayeredVariable(variable.positions_m[top], values, layer, statistics)).composites(variable.positions_m, variable.layer)
    assert np.array_equal(np.isnan(found.value), variable.layer == 3)
    assert np.array_equal(np.isnan(found.variance), variable.layer == 3)


# ------------------------------------------------------------------ cokriging

MIXED = np.array([[1.0, 0.6, -0.3], [0.6, 1.0, 0.1], [-0.3, 0.1, 1.0]])


def lmc(matrices):
    """Nugget 0.1, and the sills of MODEL, each times its matrix."""
    return Coregionalisation(0.1 * matrices[0], SHAPES, np.array([0.7 * matrices[1], 0.2 * matrices[2]]))


def test_cokriging_of_one_variable_is_kriging():
    variable = variable_of()
    assert_equal_estimates(system_of(variable, lmc([np.eye(1)] * 3)).columns(*AT), system_of(variable).columns(*AT), rtol=1e-12)


def test_uncorrelated_variables_say_nothing_of_each_other():
    variable, others = variable_of(), (variable_of(1, 7), variable_of(2, 5))
    system, alone = system_of(variable, lmc([np.eye(3)] * 3), others=others), system_of(variable)
    assert_equal_estimates(system.columns(*AT), alone.columns(*AT), rtol=1e-10)
    assert_equal_estimates(
        [system.composites(variable.positions_m, variable.layer)], [alone.composites(variable.positions_m, variable.layer)], rtol=1e-9
    )


def test_cokriging_is_kriging_where_all_variables_are_known_and_vary_alike():
    """Isotopic data of intrinsically correlated variables (Wackernagel 2003, ch. 25): the others are screened off."""
    variable = variable_of()
    others = tuple(replace(variable, values=np.random.default_rng(i).permutation(variable.values)) for i in (1, 2))
    system = system_of(variable, lmc([MIXED] * 3), others=others)
    assert_equal_estimates(system.columns(*AT), system_of(variable).columns(*AT), rtol=1e-8)
    share = np.ones((1, 3))
    np.testing.assert_allclose(
        system.total(share, system.sum_covariance(*AT)), system_of(variable).total(share, system_of(variable).sum_covariance(*AT)), rtol=1e-8
    )


def test_cokriging_equals_the_textbook_system():
    """Heterotopic data, sill matrices that differ and partly change sign."""
    opposed = MIXED * np.array([[1, -1, 1], [-1, 1, -1], [1, -1, 1]])
    model = lmc([np.eye(3), MIXED, opposed])
    variables = variable_of(), variable_of(1, 7), variable_of(2, 5)
    system = system_of(variables[0], model, others=variables[1:])
    blocks, sums = system.columns(*AT)
    positions_m = np.concatenate([part.positions_m for part in variables])
    number = np.repeat(np.arange(3), [len(part.values) for part in variables])
    layer = np.concatenate([part.layer for part in variables])
    sd = np.concatenate([part.statistics.sd[part.layer] for part in variables])
    data = textbook.joint_covariance(model, positions_m, number, positions_m, number) + np.diag(np.diag(model.nugget)[number])
    data *= np.outer(sd, sd)
    columns = (number * LAYERS + layer)[:, None] == np.arange(3 * LAYERS)[None, :]
    values = np.concatenate([part.values for part in variables])
    own = variables[0].statistics.sd
    offsets_m, weights = block_nodes((BLOCK_M, BLOCK_M, 0.0), (2, 2, 1))
    zeros = np.zeros(len(weights), dtype=int)
    for i in range(3):
        whole, wanted = np.zeros(len(values)), np.zeros(3 * LAYERS)
        for depth in range(LAYERS):
            nodes_m = np.array([AT[0][i], AT[1][i], depth + 0.5]) + offsets_m
            c = weights @ textbook.joint_covariance(model, nodes_m, zeros, positions_m, number) * sd * own[depth]
            inside = weights @ textbook.joint_covariance(model, nodes_m, zeros, nodes_m, zeros) @ weights * own[depth] ** 2
            value, variance, _ = textbook.solve(data, values, columns.astype(float), c, (np.arange(3 * LAYERS) == depth).astype(float), inside)
            assert blocks.value[i, depth] == pytest.approx(value, rel=1e-9)
            assert blocks.variance[i, depth] == pytest.approx(variance, rel=1e-8)
            whole, wanted = whole + c, wanted + (np.arange(3 * LAYERS) == depth)
        value, _, _ = textbook.solve(data, values, columns.astype(float), whole, wanted, 0.0)
        assert sums.value[i] == pytest.approx(value, rel=1e-9)


def test_a_variable_known_at_more_places_sharpens_cokriging():
    variable, dense = variable_of(), variable_of(1, 40)
    model = lmc([np.eye(2), np.array([[1, 0.95], [0.95, 1]]), np.array([[1, 0.95], [0.95, 1]])])
    together, alone = (system.columns(*AT)[1].variance for system in (system_of(variable, model, others=(dense,)), system_of(variable)))
    assert np.all(together < 0.8 * alone)


def test_units_of_another_variable_change_nothing():
    variable, other = variable_of(), variable_of(1, 12)
    model = lmc([MIXED[:2, :2]] * 3)
    grams, milligrams = (system_of(variable, model, others=(variable_of(1, 12, factor),)).columns(*AT) for factor in (1.0, 1_000.0))
    assert_equal_estimates(milligrams, grams, rtol=1e-9)
    assert other.statistics.sd[0] > 0


def test_replicate_cores_in_cokriging_equal_their_means_with_half_the_nugget():
    """Also of the other variable: what both share in the nugget is halved with it."""
    model = lmc([MIXED[:2, :2], MIXED[:2, :2], np.eye(2)])
    variable = variable_of()
    other = replace(variable, values=variable.values[::-1].copy())
    shift = np.where(np.arange(len(variable.values)) % 2, 0.5, -0.5)

    def twice(part):
        values = np.concatenate([part.values + shift, part.values - shift])
        return replace(part, positions_m=np.vstack([part.positions_m] * 2), values=values, layer=np.tile(part.layer, 2))

    halved = replace(model, nugget=model.nugget / 2)
    expected = system_of(variable, halved, others=(other,)).columns(*AT)
    assert_equal_estimates(system_of(twice(variable), model, others=(twice(other),)).columns(*AT), expected, rtol=1e-9)


def test_two_variables_that_vary_as_one_are_refused():
    variable = variable_of()
    with pytest.raises(TooFewSamples, match="no unique solution"):
        system_of(variable, lmc([np.ones((2, 2))] * 3), others=(variable,))


def test_a_model_of_another_number_of_variables_is_refused():
    with pytest.raises(ValueError, match="the data are of 1 variables"):
        system_of(variable_of(), lmc([MIXED] * 3))


def test_order_of_the_data_changes_no_bit_of_cokriging():
    variable, other, model = variable_of(), variable_of(1, 12), lmc([MIXED[:2, :2]] * 3)

    def turned(part):
        order = np.random.default_rng(9).permutation(len(part.values))
        return replace(part, positions_m=part.positions_m[order], values=part.values[order], layer=part.layer[order])

    one, two = system_of(variable, model, others=(other,)).columns(*AT), system_of(turned(variable), model, others=(turned(other),)).columns(*AT)
    assert np.array_equal(one[0].value, two[0].value)
    assert np.array_equal(one[1].variance, two[1].variance)
