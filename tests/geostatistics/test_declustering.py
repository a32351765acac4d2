import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.declustering import (
    cell_declustering,
    cell_sizes_m,
    cell_weights,
    declustered_means,
    density_association,
    polygonal_weights,
)

REGION = shapely.box(0, 0, 100, 100)


def test_weights_are_the_shares_of_the_region():
    weights = polygonal_weights(np.array([10.0, 30.0]), np.array([50.0, 50.0]), REGION)
    np.testing.assert_allclose(weights, [0.2, 0.8])


def test_order_follows_the_positions_given():
    easting_m, northing_m = np.random.default_rng(0).uniform(0, 100, (2, 12))
    weights = polygonal_weights(easting_m, northing_m, REGION)
    turned = np.arange(12)[::-1]
    np.testing.assert_allclose(polygonal_weights(easting_m[turned], northing_m[turned], REGION), weights[turned])
    assert weights.sum() == pytest.approx(1)


def test_coincident_positions_share_their_polygon():
    weights = polygonal_weights(np.array([25.0, 25.0, 75.0]), np.array([50.0, 50.0, 50.0]), REGION)
    np.testing.assert_allclose(weights, [0.25, 0.25, 0.5])


def test_far_outside_the_region_weights_are_equal_among_those_that_do_not_touch_it():
    assert polygonal_weights(np.array([5.0]), np.array([5.0]), REGION).tolist() == [1.0]


def test_a_crowded_corner_counts_less():
    crowd = np.linspace(5, 15, 9)
    weights = polygonal_weights(np.append(crowd, 80.0), np.append(crowd, 80.0), REGION)
    assert weights[-1] > 0.5


def square_grid(side=7, spacing_m=15.0, jitter_m=0.0, seed=0):
    axis = spacing_m * np.arange(side)
    grid_m = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return grid_m + np.random.default_rng(seed).uniform(-jitter_m, jitter_m, grid_m.shape)


def brute_force_weights(positions_m, cell_m, shifts):
    """The definition, with dictionaries: cells share alike, cores share their cell, data share their core."""
    total = np.zeros(len(positions_m))
    for shift in shifts:
        cells: dict[tuple[int, ...], set[tuple[float, ...]]] = {}
        keys = [tuple(np.floor((p - positions_m.min(axis=0)) / cell_m + shift).astype(int).tolist()) for p in positions_m]
        for key, position in zip(keys, positions_m, strict=True):
            cells.setdefault(key, set()).add(tuple(position))
        for i, key in enumerate(keys):
            copies = sum(tuple(p) == tuple(positions_m[i]) for p in positions_m)
            total[i] += 1 / len(cells) / len(cells[key]) / copies
    return total / len(shifts)


def test_cell_weights_equal_the_definition():
    positions_m = np.round(np.random.default_rng(1).uniform(0, 10, (30, 2)))
    halves, thirds = np.array([0, 1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8, 3 / 8, 7 / 8]), np.array([0, 3, 6, 1, 4, 7, 2, 5]) / 9
    expected = brute_force_weights(positions_m, 3.0, np.column_stack([halves, thirds]))
    np.testing.assert_allclose(cell_weights(positions_m, 3.0), expected, rtol=1e-12)


def test_tiny_cells_and_huge_cells_give_every_core_the_same():
    positions_m = np.random.default_rng(2).uniform(0, 100, (20, 2))
    for cell_m in (1e-3, 1e9):
        np.testing.assert_allclose(cell_weights(positions_m, cell_m, origins=8), 1 / 20, rtol=1e-9)


def test_coincident_cores_share_the_weight_of_one():
    once_m = np.random.default_rng(3).uniform(0, 100, (12, 2))
    once, thrice = cell_weights(once_m, 20.0), cell_weights(np.vstack([once_m, once_m[:1], once_m[:1]]), 20.0)
    np.testing.assert_allclose(thrice[1:12], once[1:], rtol=1e-12)
    np.testing.assert_allclose(thrice[[0, 12, 13]], once[0] / 3, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 60)] * 3), min_size=1, max_size=25),
    st.floats(0.5, 200.0),
    st.randoms(use_true_random=False),
)
def test_cell_weights_sum_to_one_and_follow_the_data_moved_or_reordered(rows, cell_m, chance):
    positions_m = np.array(rows, dtype=float)
    weights = cell_weights(positions_m, cell_m)
    order = np.array(chance.sample(range(len(rows)), len(rows)))
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()
    assert np.array_equal(cell_weights(positions_m[order], cell_m), weights[order])
    assert np.array_equal(cell_weights(positions_m + 4096.0, cell_m), weights)


def test_cells_may_be_flat():
    """Three samples of one core within a cell's height count as much as the one of another core."""
    positions_m = np.array([[0.0, 0, 0.1], [0, 0, 0.2], [0, 0, 0.3], [500, 0, 0.1]])
    np.testing.assert_allclose(cell_weights(positions_m, (100.0, 100.0, 50.0), origins=200), [1 / 6, 1 / 6, 1 / 6, 1 / 2], atol=2e-3)


def test_a_single_core_weighs_one():
    assert cell_weights(np.array([[3.0, 4.0]]), 10.0).tolist() == [1.0]
    assert cell_declustering(np.array([[3.0, 4.0]]), np.array([5.0])).weights.tolist() == [1.0]


def test_two_cores_weigh_the_same():
    result = cell_declustering(np.array([[0.0, 0.0], [9.0, 0.0]]), np.array([1.0, 2.0]))
    assert result.weights.tolist() == [0.5, 0.5]
    assert result.association.p_value == 1


def test_sizes_span_from_the_spacing_to_half_the_survey():
    sizes_m = cell_sizes_m(square_grid(), 5)
    assert sizes_m[[0, -1]] == pytest.approx([15.0, 45.0])
    np.testing.assert_allclose(sizes_m[1:] / sizes_m[:-1], 3 ** (1 / 4))


def crowded_on_the_rich_side(seed):
    """A regular grid and a dense infill of the ground whose planted grade, 10 + easting / 10, is high."""
    rng = np.random.default_rng(seed)
    infill_m = np.column_stack([rng.uniform(65, 90, 40), rng.uniform(0, 90, 40)])
    positions_m = np.vstack([square_grid(), infill_m])
    return positions_m, 10 + positions_m[:, 0] / 10 + rng.normal(0, 0.5, len(positions_m))


def test_a_planted_preference_for_rich_ground_is_undone():
    truth = 10 + 45 / 10
    for seed in range(5):
        positions_m, values = crowded_on_the_rich_side(seed)
        result = cell_declustering(positions_m, values)
        assert result.method == "smallest mean"
        assert abs(result.weights @ values - truth) < 0.35 * abs(values.mean() - truth)
        assert result.weights @ values == pytest.approx(result.means.min())


def test_preference_for_poor_ground_takes_the_largest_mean():
    positions_m, values = crowded_on_the_rich_side(0)
    one, other = cell_declustering(positions_m, values), cell_declustering(positions_m, -values)
    assert other.method == "largest mean"
    assert np.array_equal(one.weights, other.weights)
    assert "lower where cores stand closer" in other.reason


def smooth_field(positions_m, range_m, rng):
    covariance = np.exp(-3 * np.linalg.norm(positions_m[:, None] - positions_m[None], axis=-1) / range_m)
    return np.linalg.cholesky(covariance + 1e-9 * np.eye(len(positions_m))) @ rng.standard_normal(len(positions_m))


def test_on_a_near_regular_survey_the_smallest_mean_is_biased_and_not_taken():
    """In standard deviations of the values: the bias that the rule is there for, and its absence from the result."""
    rng = np.random.default_rng(4)
    smallest, taken = [], []
    for seed in range(60):
        positions_m = square_grid(5, jitter_m=4.0, seed=seed)
        values = 10 + smooth_field(positions_m, 30.0, rng)
        result = cell_declustering(positions_m, values)
        smallest.append(result.means.min() - values.mean())
        taken.append(result.weights @ values - values.mean())
    assert np.mean(smallest) < -0.04
    assert abs(np.mean(taken)) < 0.02


def test_smooth_values_are_not_mistaken_for_preferential_coring():
    """Independent smooth values on scattered cores: the plain test cries wolf in a fifth of the surveys, this one in about one of twenty."""
    rng = np.random.default_rng(5)
    plain, honest = 0, 0
    for _ in range(100):
        positions_m = rng.uniform(0, 100, (50, 2))
        values = smooth_field(positions_m, 100.0, rng)
        distance_m = np.sort(np.linalg.norm(positions_m[:, None] - positions_m[None], axis=-1), axis=1)[:, 2]
        result = density_association(positions_m, values)
        expected = spearmanr(values, -distance_m)
        assert result.correlation == pytest.approx(expected.statistic)
        plain += expected.pvalue <= 0.05
        honest += result.p_value <= 0.05
    assert plain >= 15
    assert honest <= 12


def test_without_smoothness_the_test_is_the_plain_one():
    """Independent values keep nearly all of their cores, so that the p-value comes close to Spearman's."""
    rng = np.random.default_rng(6)
    sizes = [density_association(rng.uniform(0, 100, (80, 2)), rng.standard_normal(80)).effective_cores for _ in range(20)]
    assert 65 < np.mean(sizes) <= 80


def test_corners_of_a_regular_grid_do_not_look_thinly_cored():
    """A dome on a square grid: the rim is low, and must not count as sparse."""
    positions_m = square_grid()
    result = cell_declustering(positions_m, -np.sum((positions_m - 45) ** 2, axis=1))
    assert np.isnan(result.association.correlation)
    assert result.method == "equal"
    assert "does not vary" in result.reason


def test_weights_given_stand_where_no_preference_is_shown():
    positions_m = square_grid()
    given = polygonal_weights(positions_m[:, 0], positions_m[:, 1], REGION)
    result = cell_declustering(positions_m, np.random.default_rng(7).standard_normal(49), otherwise=3 * given)
    assert result.method == "given"
    np.testing.assert_allclose(result.weights, given)
    assert np.isnan(result.cell_m)


def test_equal_values_show_no_preference():
    result = cell_declustering(crowded_on_the_rich_side(0)[0], np.full(89, 7.0))
    assert result.method == "equal"
    np.testing.assert_allclose(result.means, 7)


def test_collinear_cores_are_declustered_too():
    easting_m = np.concatenate([np.arange(0, 100, 10.0), np.arange(91, 99.5, 0.5)])
    positions_m = np.column_stack([easting_m, np.zeros_like(easting_m)])
    assert cell_weights(positions_m, 10.0)[:9].sum() > 0.7
    assert np.isfinite(cell_declustering(positions_m, easting_m).weights).all()


def test_a_minimum_at_the_end_of_the_sweep_is_told():
    positions_m, values = crowded_on_the_rich_side(0)
    assert "widen it" in cell_declustering(positions_m, values, np.array([3.0, 4.0, 5.0])).reason


def test_means_are_the_weighted_values():
    positions_m, values = crowded_on_the_rich_side(1)
    expected = [cell_weights(positions_m, cell_m) @ values for cell_m in (10.0, 25.0)]
    assert declustered_means(positions_m, values, np.array([10.0, 25.0])).tolist() == expected


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: cell_weights(np.empty((0, 2)), 5.0), TooFewSamples, "at least one core"),
        (lambda: cell_weights(np.array([[np.nan, 0.0]]), 5.0), ValueError, "1 positions are not finite"),
        (lambda: cell_weights(np.zeros((2, 2)), 0.0), ValueError, "must be positive"),
        (lambda: cell_weights(np.zeros((2, 2)), np.inf), ValueError, "must be positive and finite"),
        (lambda: cell_weights(np.zeros((2, 2)), 5.0, origins=1), ValueError, "Ask for 8 or more"),
        (lambda: cell_sizes_m(np.zeros((3, 2))), TooFewSamples, "two distinct positions"),
        (lambda: density_association(np.eye(2), np.array([1.0, np.nan])), ValueError, "1 of 2 values are not finite"),
        (lambda: cell_declustering(np.eye(2), np.ones(2), otherwise=np.zeros(2)), ValueError, "not all zero"),
        (lambda: cell_declustering(np.eye(2), np.ones(2), otherwise=np.ones(3)), ValueError, "one weight per value"),
    ],
)
def test_what_cannot_be_weighed_is_explained(call, error, says):
    with pytest.raises(error, match=says):
        call()
