"""Worth of new cores: what kriging says once they are there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.geostatistics.coregionalisation import Coregionalisation
from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_nodes
from pipeline.geostatistics.data_worth import DataWorth, NewCores, updated_total
from pipeline.geostatistics.kriging_system import Kriging
from pipeline.geostatistics.layers import LayeredKriging, LayeredVariable, layer_statistics

MODEL = CovarianceModel(0.1, (Structure("exponential", 0.7, 3_000.0, 2.0), Structure("spherical", 0.2, 4_000.0, np.inf)))
EXACT = replace(MODEL, nugget=0.0)
LAYERS, BLOCK_M, NODES = 4, 500.0, 3
DEPTHS_M = np.arange(LAYERS) + 0.5


def survey(seed=0, cores=7):
    """Composites of a few cores, some of them short."""
    random = np.random.default_rng(seed)
    rows = [
        (x, y, depth, layer)
        for number, (x, y) in enumerate(random.uniform(0, 3_000, (cores, 2)))
        for layer, depth in enumerate(DEPTHS_M[: LAYERS - number % 2])
    ]
    table = np.array(rows)
    layer = table[:, 3].astype(np.int64)
    values = 10 * (layer + 1) + random.normal(0, layer + 1.0)
    return LayeredVariable(table[:, :3], values, layer, layer_statistics(values, layer, np.ones(len(values)), LAYERS, min_cores=2))


def kriging_of(variable, model=MODEL, **more):
    return LayeredKriging(
        variable.positions_m, variable.values, variable.layer, variable.statistics, model, DEPTHS_M - 0.5, 1.0, BLOCK_M, NODES, **more
    )


def with_core(variable, place_m, layers=range(LAYERS)):
    """The data with one more core, whatever it shows; layer means and spreads as they were."""
    rows = np.array([[*place_m, DEPTHS_M[layer]] for layer in layers])
    values = np.concatenate([variable.values, np.full(len(rows), 17.0)])
    return replace(
        variable, positions_m=np.vstack([variable.positions_m, rows]), values=values, layer=np.concatenate([variable.layer, np.array(list(layers))])
    )


EASTING_M, NORTHING_M = np.meshgrid(250 + BLOCK_M * np.arange(6), 250 + BLOCK_M * np.arange(5)[::-1])
CELLS = np.arange(EASTING_M.size)
SHARE = np.random.default_rng(3).uniform(0.2, 1, EASTING_M.shape) * (np.arange(EASTING_M.size) % 7 > 0).reshape(EASTING_M.shape)
INSIDE = SHARE > 0


def place_of(cell):
    return EASTING_M.ravel()[cell], NORTHING_M.ravel()[cell]


def total_variance(kriging, drift=None):
    covariance = kriging.sum_covariance(EASTING_M[INSIDE], NORTHING_M[INSIDE])
    return kriging.total(SHARE, covariance, drift if drift is None else drift[INSIDE])[1]


def worth_of(kriging, **more):
    return DataWorth(kriging, EASTING_M, NORTHING_M, SHARE, **more)


def by_kriging_again(variable, cells, model=MODEL, layers=range(LAYERS)):
    """Reduction of the total's variance, by kriging with the hypothetical cores among the data."""
    before = total_variance(kriging_of(variable, model))
    for cell in cells:
        variable = with_core(variable, place_of(cell), layers)
    return before - total_variance(kriging_of(variable, model))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_worth_of_a_core_is_what_kriging_with_it_takes_away(seed):
    variable = survey(seed)
    expected = [by_kriging_again(variable, [cell]) for cell in CELLS]
    np.testing.assert_allclose(worth_of(kriging_of(variable)).reductions(CELLS), expected, rtol=1e-8)


def test_joint_worth_of_a_chosen_set_is_what_kriging_with_all_of_it_takes_away():
    variable = survey(1)
    chosen = worth_of(kriging_of(variable)).greedy(CELLS, 3, 1_000.0)
    expected = [by_kriging_again(variable, chosen.cells[: number + 1]) for number in range(3)]
    np.testing.assert_allclose(chosen.reduction, expected, rtol=1e-8)


def test_joint_worth_of_named_cores_is_that_of_the_same_cores_chosen():
    worth = worth_of(kriging_of(survey(2)))
    chosen = worth.greedy(CELLS, 4, 0.0)
    np.testing.assert_allclose(worth.joint(chosen.cells), chosen.reduction, rtol=1e-12)


def test_each_core_chosen_is_the_best_one_after_those_before_it():
    variable = survey(3)
    chosen = worth_of(kriging_of(variable)).greedy(CELLS, 2, 0.0)
    alone = [by_kriging_again(variable, [cell]) for cell in CELLS]
    assert chosen.cells[0] == np.argmax(alone)
    together = [by_kriging_again(variable, [chosen.cells[0], cell]) for cell in CELLS]
    assert chosen.cells[1] == np.argmax(together)


def test_two_cores_together_are_worth_less_than_the_sum_of_each_where_they_are_near():
    worth = worth_of(kriging_of(survey()))
    near = np.array([8, 9])
    assert worth.joint(near)[1] < worth.reductions(near).sum()


def test_a_short_core_is_worth_what_its_composites_take_away():
    variable = survey(1)
    worth = worth_of(kriging_of(variable), reached=np.arange(LAYERS) < 2)
    expected = [by_kriging_again(variable, [cell], layers=range(2)) for cell in CELLS]
    np.testing.assert_allclose(worth.reductions(CELLS), expected, rtol=1e-8)
    assert np.all(worth.reductions(CELLS) < worth_of(kriging_of(variable)).reductions(CELLS))


@pytest.mark.parametrize("model", [MODEL, EXACT])
def test_errors_of_the_new_core_are_those_of_a_system_with_error_variances(model):
    """Another road: one system over data and new core, in residuals, the total's covariance as a sum over every node of every block."""
    variable = survey(2)
    sd = variable.statistics.sd
    error = np.array([0.5, 0.1, 2.0, 0.0]) * sd**2
    offsets_m, weights = block_nodes((BLOCK_M, BLOCK_M, 0.0), (NODES, NODES, 1))
    blocks = [(x, y, w, layer) for x, y, w in zip(EASTING_M.ravel(), NORTHING_M.ravel(), SHARE.ravel(), strict=True) for layer in range(LAYERS)]
    nodes_m = np.concatenate([np.array([x, y, DEPTHS_M[layer]]) + offsets_m for x, y, _, layer in blocks])
    node_weights = np.concatenate([w * sd[layer] * weights for _, _, w, layer in blocks])
    total_drift = (SHARE.sum() * np.ones(LAYERS))[None, :]

    def explained(data, errors):
        system = Kriging(data.positions_m, model, data.means, errors)
        covariance = (node_weights @ model.between(nodes_m, data.positions_m))[None, :]
        weights_, multipliers = system.dual(covariance, total_drift)
        return float((covariance @ weights_.T - total_drift @ multipliers.T)[0, 0])

    none = np.zeros(len(variable.values))
    reductions = worth_of(kriging_of(variable, model), error_variance=error).reductions(CELLS)
    for cell in CELLS[::4]:
        after = explained(with_core(variable, place_of(cell)), np.concatenate([none, error / sd**2]))
        assert reductions[cell] == pytest.approx(after - explained(variable, none), rel=1e-8)


def test_drift_is_part_of_the_worth():
    variable = survey(4)

    def depth(easting_m, northing_m):
        return 5_000 + 0.2 * easting_m + 100 * np.sin(northing_m / 900)

    cells = depth(EASTING_M, NORTHING_M)[:, :, None]
    kriging = kriging_of(variable, drift=depth(*variable.positions_m[:, :2].T)[:, None])
    reductions = worth_of(kriging, drift=cells).reductions(CELLS)
    for cell in CELLS[::4]:
        more = with_core(variable, place_of(cell))
        after = kriging_of(more, drift=depth(*more.positions_m[:, :2].T)[:, None])
        assert reductions[cell] == pytest.approx(total_variance(kriging, cells) - total_variance(after, cells), rel=1e-8)


def test_under_cokriging_the_other_variable_stays_among_the_data():
    one, other = survey(5), survey(6)
    sills = np.array([[[0.7, 0.4], [0.4, 0.5]], [[0.2, 0.1], [0.1, 0.3]]])
    joint = Coregionalisation(np.array([[0.1, 0.03], [0.03, 0.2]]), tuple(replace(part, sill=1.0) for part in MODEL.structures), sills)
    kriging = kriging_of(one, joint, others=[other])
    reductions = worth_of(kriging).reductions(CELLS)
    for cell in CELLS[::4]:
        after = kriging_of(with_core(one, place_of(cell)), joint, others=[other])
        assert reductions[cell] == pytest.approx(total_variance(kriging) - total_variance(after), rel=1e-8)


def test_a_core_on_top_of_an_exact_one_is_worth_nothing():
    variable = with_core(survey(), place_of(14))
    worth = worth_of(kriging_of(variable, EXACT))
    reductions = worth.reductions(CELLS)
    assert reductions[14] < 1e-9 * worth.variance
    assert np.all(reductions[np.arange(CELLS.size) != 14] > 1e-4 * worth.variance)


def test_a_core_on_top_of_another_only_halves_its_nugget():
    variable = with_core(survey(), place_of(14))
    reduction = worth_of(kriging_of(variable)).reductions(np.array([14]))[0]
    assert reduction == pytest.approx(by_kriging_again(variable, [14]), rel=1e-8)
    halved = worth_of(kriging_of(variable, replace(MODEL, nugget=0.05))).reductions(np.array([14]))[0]
    assert halved < reduction
    assert reduction < 0.1 * worth_of(kriging_of(variable)).reductions(CELLS).max()


def test_more_error_makes_a_core_worth_less():
    kriging = kriging_of(survey())
    worths = [worth_of(kriging, error_variance=np.full(LAYERS, error)).reductions(CELLS) for error in (0.0, 1.0, 1e6)]
    assert np.all(worths[0] > worths[1])
    assert np.all(worths[1] > worths[2])
    assert worths[2].max() < 1e-3 * worths[0].max()


def test_a_symmetric_survey_gives_a_symmetric_map():
    corners = [(0.0, 0.0), (0.0, 4_000.0), (4_000.0, 0.0), (4_000.0, 4_000.0)]
    variable = survey()
    rows = np.array([[*corner, depth] for corner in corners for depth in DEPTHS_M])
    layer = np.tile(np.arange(LAYERS), 4)
    variable = replace(variable, positions_m=rows, values=np.random.default_rng(0).normal(20, 3, len(rows)), layer=layer)
    easting_m, northing_m = np.meshgrid(250 + BLOCK_M * np.arange(8), 250 + BLOCK_M * np.arange(8)[::-1])
    worth = DataWorth(kriging_of(variable), easting_m, northing_m, np.ones(easting_m.shape))
    found = worth.reductions(np.arange(64)).reshape(8, 8)
    for other in (found[::-1], found[:, ::-1], found.T):
        np.testing.assert_allclose(other, found, rtol=1e-9)
    assert np.unravel_index(found.argmax(), found.shape)[0] in (3, 4)
    # Of equal cells the first is taken.
    assert worth.greedy(np.arange(64), 1, 0.0).cells[0] == np.flatnonzero(found >= found.max() * (1 - 1e-9))[0]


def test_chosen_cores_keep_their_distance_or_are_fewer():
    worth = worth_of(kriging_of(survey()))
    chosen = worth.greedy(CELLS, 20, 1_200.0)
    places_m = np.array([place_of(cell) for cell in chosen.cells])
    apart_m = np.hypot(*(places_m[:, None] - places_m[None, :]).transpose(2, 0, 1))[np.triu_indices(len(places_m), 1)]
    assert 2 <= len(places_m) < 20
    assert apart_m.min() >= 1_200.0
    assert worth.greedy(CELLS[:0], 3, 0.0).cells.size == 0


def test_worth_does_not_depend_on_the_cells_asked_for(monkeypatch):
    worth = worth_of(kriging_of(survey()))
    whole = worth.reductions(CELLS)
    monkeypatch.setattr("pipeline.geostatistics.data_worth._TILE_COMPOSITES", 3 * LAYERS)
    np.testing.assert_allclose(worth.reductions(CELLS[3:17]), whole[3:17], rtol=1e-11)
    assert worth.reductions(CELLS[:0]).size == 0


PLACES_M = np.array([[1_100.0, 900.0], [2_333.0, 1_777.0]])
"""Two new cores, in the middle of no cell."""


def updated(kriging, values, places_m=PLACES_M, **more):
    return updated_total(kriging, EASTING_M, NORTHING_M, SHARE, NewCores(places_m, values), **more)


def kriged_total(kriging):
    return kriging.total(SHARE, kriging.sum_covariance(EASTING_M[INSIDE], NORTHING_M[INSIDE]))


def with_values(variable, values, places_m=PLACES_M):
    core, layer = np.nonzero(np.isfinite(values))
    rows = np.column_stack([places_m[core], DEPTHS_M[layer]])
    return replace(
        variable,
        positions_m=np.vstack([variable.positions_m, rows]),
        values=np.concatenate([variable.values, values[core, layer]]),
        layer=np.concatenate([variable.layer, layer]),
    )


SHOWN = np.array([[14.0, 25.0, np.nan, np.nan], [9.0, 18.0, 33.0, 38.0]])
"""What they show: the first one is short."""


@pytest.mark.parametrize("model", [MODEL, EXACT])
def test_the_total_with_new_cores_is_that_of_kriging_with_them(model):
    variable = survey(2)
    found = updated(kriging_of(variable, model), SHOWN)
    assert (found.mean_without, found.variance_without) == kriged_total(kriging_of(variable, model))
    mean, variance = kriged_total(kriging_of(with_values(variable, SHOWN), model))
    assert found.mean_with == pytest.approx(mean, rel=1e-10)
    assert found.variance_with == pytest.approx(variance, rel=1e-8)


def test_cores_that_show_what_was_predicted_leave_the_total_and_narrow_it():
    kriging = kriging_of(survey(3))
    predicted = updated(kriging, np.where(np.isnan(SHOWN), np.nan, 0.0)).predicted
    found = updated(kriging, predicted)
    assert abs(found.mean_with / found.mean_without - 1) < 1e-12
    assert found.variance_with < 0.99 * found.variance_without
    mean, _ = kriged_total(kriging_of(with_values(survey(3), predicted)))
    assert abs(mean / found.mean_without - 1) < 1e-8


def test_cores_far_above_their_prediction_raise_the_total_in_proportion():
    kriging = kriging_of(survey(3))
    first = updated(kriging, SHOWN)
    up = [updated(kriging, first.predicted + times * first.sd) for times in (1.0, 2.0)]
    assert up[0].mean_with > first.mean_without
    assert up[1].mean_with - first.mean_without == pytest.approx(2 * (up[0].mean_with - first.mean_without), rel=1e-9)
    assert up[0].variance_with == up[1].variance_with == first.variance_with


def test_taking_a_core_away_undoes_what_adding_it_did():
    variable = with_values(survey(4), SHOWN)
    whole = kriged_total(kriging_of(variable))
    found = updated(kriging_of(survey(4)), SHOWN)
    assert (found.mean_with, found.variance_with) == pytest.approx(whole, rel=1e-8)
    assert (found.mean_without, found.variance_without) == kriged_total(kriging_of(survey(4)))


def test_the_update_by_a_core_in_the_middle_of_a_cell_is_its_worth():
    kriging, error = kriging_of(survey(5)), np.array([0.5, 0.1, 2.0, 0.0])
    for cell in (3, 14):
        found = updated(kriging, np.full((1, LAYERS), 20.0), np.array([place_of(cell)]), error_variance=error)
        worth = worth_of(kriging, error_variance=error).reductions(np.array([cell]))[0]
        assert found.variance_without - found.variance_with == pytest.approx(worth, rel=1e-8)


def test_what_is_predicted_of_a_core_is_kriging_at_its_composites():
    kriging = kriging_of(survey(6))
    found = updated(kriging, SHOWN)
    seen = np.isfinite(SHOWN)
    core, layer = np.nonzero(seen)
    expected = kriging.composites(np.column_stack([PLACES_M[core], DEPTHS_M[layer]]), layer)
    np.testing.assert_allclose(found.predicted[seen], expected.value, rtol=1e-10)
    np.testing.assert_allclose(found.sd[seen] ** 2, expected.variance, rtol=1e-8)
    assert np.isnan(found.predicted[~seen]).all()


def test_an_update_under_a_drift_is_that_of_kriging_with_it():
    variable = survey(4)

    def depth(easting_m, northing_m):
        return 5_000 + 0.2 * easting_m + 100 * np.sin(northing_m / 900)

    cells = depth(EASTING_M, NORTHING_M)[:, :, None]
    kriging = kriging_of(variable, drift=depth(*variable.positions_m[:, :2].T)[:, None])
    cores = NewCores(PLACES_M, SHOWN, depth(*PLACES_M.T)[:, None])
    found = updated_total(kriging, EASTING_M, NORTHING_M, SHARE, cores, drift=cells)
    more = with_values(variable, SHOWN)
    after = kriging_of(more, drift=depth(*more.positions_m[:, :2].T)[:, None])
    mean, variance = after.total(SHARE, after.sum_covariance(EASTING_M[INSIDE], NORTHING_M[INSIDE]), cells[INSIDE])
    assert (found.mean_with, found.variance_with) == pytest.approx((mean, variance), rel=1e-8)


def test_cores_that_show_nothing_change_nothing():
    found = updated(kriging_of(survey()), np.full((2, LAYERS), np.nan))
    assert (found.mean_with, found.variance_with) == (found.mean_without, found.variance_without)
