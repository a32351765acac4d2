"""Reducers: what a loop counts, they count; percentiles are numpy's to within a class."""

import itertools

import numpy as np
import pytest

from pipeline.geostatistics.block_reducers import Distribution, totals

CUTOFFS = np.array([0.0, 10.0, 20.0, 1e6])


def blocks(seed=1, layers=3, cells=40):
    """Mud and metal in single precision, some blocks absent, some cells without any."""
    rng = np.random.default_rng(seed)
    density = rng.uniform(0.3, 0.8, (layers, cells)).astype(np.float32)
    metal = (density * rng.uniform(0, 30, density.shape)).astype(np.float32)
    density[0, :10], density[1, 5:8], density[:, 3] = np.nan, 0.0, np.nan
    shares = np.stack([rng.uniform(0, 1, cells), (rng.random(cells) < 0.5).astype(float)])
    return density, metal, shares


def counted(density, metal, shares, cutoffs):
    out = np.zeros((len(shares), len(cutoffs), 3))
    for (r, share), (c, cutoff) in itertools.product(enumerate(shares), enumerate(cutoffs)):
        for cell in range(density.shape[1]):
            over = [layer for layer in range(len(density)) if density[layer, cell] > 0 and metal[layer, cell] / density[layer, cell] >= cutoff]
            out[r, c, 0] += share[cell] * bool(over)
            out[r, c, 1] += sum(share[cell] * float(density[layer, cell]) for layer in over)
            out[r, c, 2] += sum(share[cell] * float(metal[layer, cell]) for layer in over)
    return out


def test_totals_are_those_of_a_loop_over_blocks():
    for seed in range(3):
        density, metal, shares = blocks(seed)
        # 120 sums in double precision in another order.
        assert totals(density, metal, shares, CUTOFFS) == pytest.approx(counted(density, metal, shares, CUTOFFS), rel=1e-12)


def test_cut_off_0_holds_everything_and_higher_ones_hold_less():
    density, metal, shares = blocks()
    found = totals(density, metal, shares, CUTOFFS)
    known = density > 0
    assert found[:, 0, 1] == pytest.approx(np.where(known, density, 0).astype(float).sum(axis=0) @ shares.T, rel=1e-12)
    assert found[:, 0, 2] == pytest.approx(np.where(known, metal, 0).astype(float).sum(axis=0) @ shares.T, rel=1e-12)
    assert found[:, 0, 0] == pytest.approx(known.any(axis=0) @ shares.T, rel=1e-12)
    assert np.all(np.diff(found, axis=1) <= 0)
    assert np.all(found[:, 1, 1:] < found[:, 0, 1:])


def test_no_block_over_the_cut_off_is_0_tonnes():
    assert np.all(totals(*blocks(), CUTOFFS)[:, -1] == 0)


def test_grade_at_the_cut_off_is_over_it():
    one, share = np.ones((1, 1), dtype=np.float32), np.ones((1, 1))
    assert totals(one, 20 * one, share, CUTOFFS)[0, :, 1].tolist() == [1.0, 1.0, 1.0, 0.0]


def test_no_blocks_make_no_totals():
    empty = np.zeros((0, 5), dtype=np.float32)
    assert np.all(totals(empty, empty, np.ones((2, 5)), CUTOFFS) == 0)
    assert np.all(totals(np.full((2, 5), np.nan, dtype=np.float32), np.ones((2, 5), dtype=np.float32), np.ones((2, 5)), CUTOFFS) == 0)


SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def filled(values, classes=400, **options):
    """Distribution of (realisations, items) values."""
    out = Distribution(values.shape[1], 1.0, 1e4, classes, **options)
    for row in values:
        out.add(row)
    return out


def step(classes=400):
    return np.log(1e4) / classes


def test_percentiles_of_many_are_numpys_to_a_class():
    """Two classes: one of the value itself, and the gaps between neighbours, which 3,000 values leave below one class at 5 to 95 %."""
    values = np.exp(np.random.default_rng(1).normal(4.0, 0.8, (3_000, 6)))
    found = filled(values).percentiles(SHARES)
    assert np.abs(np.log(found / np.quantile(values, SHARES, axis=0, method="weibull"))).max() < 2 * step()


@pytest.mark.parametrize("count", [9, 60])
def test_percentiles_of_few_lie_between_numpys_neighbours(count):
    """A percentile lies between two values in order of size; the one found may leave their interval by a class."""
    values = np.sort(np.exp(np.random.default_rng(2).normal(4.0, 0.8, (count, 6))), axis=0)
    found = filled(values).percentiles(SHARES)
    for share, row in zip(SHARES, found, strict=True):
        at = np.clip(share * (count + 1) - 1, 0, count - 1)
        assert np.all(np.log(row) > np.log(values[int(np.floor(at))]) - step())
        assert np.all(np.log(row) < np.log(values[int(np.ceil(at))]) + step())


def test_percentiles_of_few_are_numpys_to_a_class():
    """The 5 % point of 100 values lies a twentieth of the way from the fifth to the sixth, however far apart they are."""
    logs = np.random.default_rng(3).normal(4.0, 0.8, (100, 50))
    found = filled(np.exp(logs)).percentiles(SHARES)
    assert np.abs(np.log(found) - np.quantile(logs, SHARES, axis=0, method="weibull")).max() < step()


def test_percentiles_rise_and_keep_inside_the_classes():
    values = np.exp(np.random.default_rng(4).normal(4.0, 5.0, (200, 30)))
    found = filled(values, classes=50).percentiles(SHARES)
    assert np.all(np.diff(found, axis=0) >= 0)
    assert found.min() >= 1.0
    assert found.max() <= 1e4 * (1 + 1e-12)


def test_values_below_all_classes_and_zero_count_in_the_lowest():
    found = filled(np.array([[0.0], [1e-9], [0.5], [3.0]]))
    assert found.counts[0, 0] == 3
    assert found.counts.sum() == 4


def test_nan_is_counted_nowhere():
    found = filled(np.array([[np.nan, 5.0], [np.nan, 6.0]]), cutoffs=(0.0,))
    assert np.isnan(found.percentiles([0.5])[0, 0])
    assert np.isfinite(found.percentiles([0.5])[0, 1])
    # What is in no realisation reaches nothing, and misses nothing either.
    assert np.isnan(found.probabilities()[0, 0])
    assert found.probabilities()[0, 1] == 1.0


def test_probabilities_are_counts_of_the_values_themselves():
    values = np.random.default_rng(5).uniform(1, 100, (70, 20))
    values[0, 0] = 50.0
    limits = (0.0, 20.0, 50.0, 200.0)
    assert np.array_equal(filled(values, cutoffs=limits).probabilities(), [(values >= limit).mean(axis=0) for limit in limits])


def test_memory_does_not_grow_with_realisations():
    few, many = (filled(np.random.default_rng(6).uniform(1, 100, (count, 8)), cutoffs=(0.0, 10.0)) for count in (3, 300))
    assert (few.counts.nbytes, few.over.nbytes) == (many.counts.nbytes, many.over.nbytes)


def test_more_realisations_than_a_count_holds_are_refused():
    full = filled(np.array([[5.0]]))
    full.count = 65_535
    with pytest.raises(ValueError, match="65,535 realisations"):
        full.add(np.array([5.0]))


def test_order_of_realisations_changes_no_bit():
    values = np.random.default_rng(7).uniform(1, 100, (40, 8))
    one, other = filled(values, cutoffs=(0.0, 50.0)), filled(values[::-1], cutoffs=(0.0, 50.0))
    assert np.array_equal(one.percentiles(SHARES), other.percentiles(SHARES))
    assert np.array_equal(one.probabilities(), other.probabilities())
