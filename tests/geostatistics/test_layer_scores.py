"""Scores of layers: there and back without loss, rising, thin layers shaped like all, tails by their rule."""

import numpy as np
import pytest
from scipy import stats

from pipeline.geostatistics.layer_scores import LayerScores
from pipeline.geostatistics.normal_score import NormalScore


def survey(counts=(40, 40, 2), seed=1):
    """Skew values whose level and spread change with the layer."""
    rng = np.random.default_rng(seed)
    layer = np.repeat(np.arange(len(counts)), counts)
    values = np.exp(3.0 + 0.3 * layer + (0.4 + 0.1 * layer) * (rng.gamma(2.0, size=layer.size) - 2.0))
    return values, layer, rng.uniform(0.5, 2.0, layer.size)


def scores_of(values, layer, weights, *, min_cores=3, shape_cores=25.0, **rules):
    return LayerScores.of(values, layer, weights, int(layer.max()) + 1, min_cores, shape_cores=shape_cores, **rules)


@pytest.mark.parametrize("tail", ["lognormal", "none"])
def test_values_survive_the_way_there_and_back(tail):
    values, layer, weights = survey()
    table = scores_of(values, layer, weights, upper_tail=tail)
    assert table.values(table.scores(values, layer), layer) == pytest.approx(values, rel=1e-9)


def test_values_rise_with_the_score_in_every_layer():
    values, layer, weights = survey()
    values[:7] = values[7]
    for tail in ("lognormal", "none"):
        assert np.all(np.diff(scores_of(values, layer, weights, upper_tail=tail).table(), axis=1) > 0)


def test_without_borrowing_a_layer_has_its_own_normal_scores():
    values, layer, weights = survey()
    table = scores_of(values, layer, weights, shape_cores=0.0)
    own = layer == 0
    expected = NormalScore.of(np.log(values[own]), weights[own]).transform(np.log(values[own]))
    # Shapes are linear between knots 0.01 apart: a corner in between moves a score by at most one step.
    assert np.abs(table.scores(values[own], layer[own]) - expected).max() <= 0.01


def test_layer_of_two_data_has_the_shape_of_all():
    values, layer, weights = survey()
    table = scores_of(values, layer, weights)
    standard = (np.log(values) - table.statistics.mean[layer]) / table.statistics.sd[layer]
    pooled = NormalScore.of(standard, weights)
    inside = (table.knots > pooled.scores[0]) & (table.knots < pooled.scores[-1])
    # 1e-9 times a score below 8 keeps equal data apart.
    assert np.abs(table.shapes[2] - np.interp(table.knots, pooled.scores, pooled.values))[inside].max() < 1e-8
    assert np.abs(table.shapes[0] - table.shapes[2]).max() > 0.05


def test_shape_weighs_the_layer_by_its_cores_and_all_by_the_setting():
    values, layer, weights = survey((30, 10))
    own, all_, both = (scores_of(values, layer, weights, shape_cores=k).shapes for k in (0.0, 1e12, 25.0))
    assert both[0] == pytest.approx((30 * own[0] + 25 * all_[0]) / 55, abs=1e-9)
    assert both[1] == pytest.approx((10 * own[1] + 25 * all_[1]) / 35, abs=1e-9)


def test_lognormal_tail_goes_on_with_slope_1_and_the_other_stays_at_the_highest_datum():
    values, layer, weights = survey((30, 30))
    for tail, slope in (("lognormal", 1.0), ("none", 0.0)):
        table = scores_of(values, layer, weights, upper_tail=tail)
        top = table.scores(values, layer).max()
        logs = np.log(table.values(np.array([top + 1, top + 2]), np.array([0, 0])))
        # The flat tail rises by 1e-6 a unit so that it can be inverted.
        assert np.diff(logs)[0] == pytest.approx(slope * table.statistics.sd[0], abs=2e-6 * table.statistics.sd[0])
        low = table.scores(values, layer).min()
        below = np.log(table.values(np.array([low - 2, low - 1]), np.array([1, 1])))
        assert np.diff(below)[0] == pytest.approx(table.statistics.sd[1], rel=1e-6)


def test_other_upper_tail_changes_nothing_up_to_the_highest_datum():
    values, layer, weights = survey((30, 30))
    table = scores_of(values, layer, weights, upper_tail="lognormal")
    found = table.scores(values, layer)
    highest = np.array([found[layer == number].max() for number in range(2)])
    flat = table.with_upper_tail("none", highest)
    assert flat.values(found, layer) == pytest.approx(values, rel=0.01 * table.statistics.sd.max())
    below = table.knots[None, :] <= highest[:, None]
    assert np.array_equal(flat.shapes[below], table.shapes[below])
    at = np.array([5.0, 5.0])
    assert np.all(flat.values(at, np.arange(2)) < table.values(at, np.arange(2)))
    # From the knot below a highest score to the one above it, a tail begins: at most one step of the scores.
    assert flat.values(at, np.arange(2)) == pytest.approx([values[layer == number].max() for number in range(2)], rel=1e-4)


def test_lognormal_has_the_stated_mean_and_spread():
    table = LayerScores.lognormal(0.55, 0.4, 3)
    assert table.values(np.zeros(3), np.arange(3)) == pytest.approx(np.full(3, 0.55 * np.exp(-0.08)), rel=1e-12)
    middles = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    drawn = table.values(middles, np.full(middles.size, 2))
    # What the outermost of 200,000 classes hide of a lognormal mean is below 1e-5 of it.
    assert drawn.mean() == pytest.approx(0.55, rel=2e-5)
    assert np.log(drawn).std() == pytest.approx(0.4, rel=1e-3)


def test_layers_in_any_shape_broadcast_and_nan_stays():
    values, layer, weights = survey()
    table = scores_of(values, layer, weights)
    scores = np.array([[-1.0, np.nan, 2.0]] * 3)
    found = table.values(scores, np.arange(3)[:, None])
    assert np.isnan(found[:, 1]).all()
    assert found[1, 2] == table.values(np.array([2.0]), np.array([1]))[0]
    assert np.isnan(table.scores(np.array([np.nan]), np.array([0])))[0]


def test_equal_values_have_equal_scores():
    values, layer, weights = survey((20, 20))
    values[layer == 0] = np.repeat([10.0, 20.0], 10)
    found = scores_of(values, layer, weights).scores(values, layer)
    assert len(np.unique(found[layer == 0])) == 2


@pytest.mark.parametrize("bad", [0.0, -3.0])
def test_value_without_a_logarithm_is_refused(bad):
    values, layer, weights = survey()
    values[4] = bad
    with pytest.raises(ValueError, match=f"a value is {bad:g}; logarithms need positive ones"):
        scores_of(values, layer, weights)
