"""Worth of new cores for tonnes over a cut-off: regression over realisations, against closed forms and against simulating again."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.geostatistics.cutoff_worth import CutoffWorth, cross_validated, explained

NOISE = np.diag([0.3, 0.6])


def linear_world(realisations, seed=0, composites=2, slope=1.0):
    """Scores of a few places, and tonnes that follow those of the first one."""
    random = np.random.default_rng(seed)
    scores = random.standard_normal((3, realisations, composites)) @ np.array([[1.0, 0.5], [0.0, 0.8]])[:composites, :composites]
    return scores, slope * scores[0].sum(axis=1) + random.standard_normal(realisations)


def test_the_share_of_a_linear_world_is_its_closed_form():
    scores, tonnes = linear_world(200_000)
    spread = np.array([[1.0, 0.5], [0.5, 0.89]])
    shared = spread.sum(axis=1)
    expected = shared @ np.linalg.solve(spread + NOISE, shared) / (spread.sum() + 1)
    found = explained(tonnes, scores, NOISE)
    np.testing.assert_allclose(found.share, [expected, 0, 0], atol=4 * found.error.max())
    assert found.error.max() < 0.005


def test_without_noise_the_share_is_the_adjusted_coefficient_of_determination():
    scores, tonnes = linear_world(60, seed=3)
    design = np.column_stack([np.ones(60), scores[0]])
    left = tonnes - design @ np.linalg.lstsq(design, tonnes, rcond=None)[0]
    expected = 1 - (left @ left / (60 - 3)) / tonnes.var(ddof=1)
    assert explained(tonnes, scores[:1], np.zeros((2, 2))).share[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0])
def test_the_share_is_right_on_average_and_its_error_is_that_of_many_samples(slope):
    many = [explained(tonnes, scores[:1], NOISE) for scores, tonnes in (linear_world(100, seed, slope=slope) for seed in range(1_500))]
    shares, errors = (np.concatenate(part) for part in zip(*many, strict=True))
    scores, tonnes = linear_world(400_000, 7, slope=slope)
    truth = explained(tonnes, scores[:1], NOISE).share[0]
    assert shares.mean() == pytest.approx(truth, abs=0.15 * shares.std())
    # Near a share of 0, whose estimates lie on one side, the error is a little too large.
    assert 0.9 < np.sqrt((errors**2).mean()) / shares.std() < 1.3


def test_shares_have_no_unit():
    scores, tonnes = linear_world(50)
    found, other = explained(tonnes, scores, NOISE), explained(1e6 + 1e3 * tonnes, 5 + 10 * scores, 100 * NOISE)
    np.testing.assert_allclose(other.share, found.share, rtol=1e-9)
    np.testing.assert_allclose(other.error, found.error, rtol=1e-8)


def test_tonnes_that_do_not_vary_leave_nothing_to_find_out_and_few_realisations_tell_nothing():
    scores, tonnes = linear_world(50)
    assert np.all(explained(np.full(50, 3.0), scores, NOISE).share == 0)
    assert np.isnan(explained(tonnes[:5], scores[:, :5], NOISE).share).all()


# A deposit of one layer along a line: lognormal blocks, an exponential covariance, three cores; a new core is a point in a block with an error.

BLOCKS, CUTOFF, ERROR = 30, 1.0, 0.3
COVARIANCE = np.exp(-np.abs(np.subtract.outer(np.arange(BLOCKS), np.arange(BLOCKS))) / 6)
CORES = np.array([2, 10, 26])


def deposit():
    """Mean and covariance of the scores of the blocks, given the cores."""
    weights = np.linalg.solve(COVARIANCE[np.ix_(CORES, CORES)], COVARIANCE[CORES]).T
    shown = np.array([0.8, -0.3, 0.4])
    return weights @ shown, COVARIANCE - weights @ COVARIANCE[CORES] + 1e-10 * np.eye(BLOCKS)


def tonnes_of(blocks, cutoff):
    """(...) metal of the blocks over the cut-off."""
    return np.where(blocks >= cutoff, blocks, 0.0).sum(axis=-1)


def simulated(realisations, seed, log_sd):
    mean, covariance = deposit()
    drawn = mean + np.random.default_rng(seed).standard_normal((realisations, BLOCKS)) @ np.linalg.cholesky(covariance).T
    return drawn, np.exp(log_sd * drawn)


def by_simulating_again(cells, cutoff, log_sd, outer=500, inner=400):
    """Share of the variance that goes on average once the cores are drilled: nested Monte Carlo, every hypothetical core conditioned upon."""
    mean, covariance = deposit()
    random = np.random.default_rng(11)
    # An error of the score: the new core shows exp(log_sd * (its block + error)).
    seen = covariance[np.ix_(cells, cells)] + ERROR**2 * np.eye(len(cells))
    weights = np.linalg.solve(seen, covariance[cells]).T
    root = np.linalg.cholesky(covariance - weights @ covariance[cells] + 1e-10 * np.eye(BLOCKS))
    drawn, _ = simulated(outer, 12, log_sd)
    shown = drawn[:, cells] + ERROR * random.standard_normal((outer, len(cells)))
    left = []
    for centre in mean + (shown - mean[cells]) @ weights.T:
        again = np.exp(log_sd * (centre + random.standard_normal((inner, BLOCKS)) @ root.T))
        left.append(tonnes_of(again, cutoff).var(ddof=1))
    before = tonnes_of(simulated(100_000, 13, log_sd)[1], cutoff).var(ddof=1)
    return 1 - np.mean(left) / before, np.std(left) / np.sqrt(outer) / before


def by_regression(cells, cutoff, log_sd, realisations=2_000):
    """The same by regression of the tonnes of realisations on what they hold at the cores."""
    _, blocks = simulated(realisations, 5, log_sd)
    # Of exp(log_sd * error): its mean, and its variance for a block of 1.
    grows = np.exp((log_sd * ERROR) ** 2 / 2)
    scores = grows * blocks[:, cells].T[:, :, None]
    noise = np.array([[(blocks[:, cells] ** 2).mean() * grows**2 * (grows**2 - 1)]])
    found = CutoffWorth(tonnes_of(blocks, cutoff), scores, noise).joint(list(range(len(cells))))
    return found.share[-1], found.error[-1]


@pytest.mark.parametrize(("log_sd", "cutoff"), [(0.25, 0.0), (0.25, CUTOFF), (0.25, 1.3), (0.5, CUTOFF), (0.5, 1.5)])
@pytest.mark.parametrize("cells", [[18], [6, 18]])
def test_regression_agrees_with_simulating_again_after_the_cores(cells, log_sd, cutoff):
    """Nested Monte Carlo says what cores are worth. A line says all of it where tonnes follow the grade, and nine tenths at least over a cut-off."""
    share, error = by_regression(cells, cutoff, log_sd)
    expected, noise = by_simulating_again(np.array(cells), cutoff, log_sd)
    chance = 3 * np.hypot(error, noise)
    assert 0.1 < expected < 0.9
    assert (1.0 if cutoff == 0 else 0.9) * expected - chance < share < expected + chance


def line_world(realisations=500, seed=5):
    _, blocks = simulated(realisations, seed, 0.5)
    return CutoffWorth(tonnes_of(blocks, CUTOFF), blocks.T[:, :, None], np.array([[0.05]]))


def anywhere(chosen):
    free = np.ones(BLOCKS, dtype=bool)
    free[chosen] = False
    return free


def test_each_core_chosen_adds_most_to_those_before_it():
    world = line_world()
    chosen = world.greedy(3, anywhere)
    for number in range(3):
        together = [world.joint([*chosen[:number], cell]).share[-1] for cell in range(BLOCKS) if cell not in chosen[:number]]
        assert world.joint(chosen[: number + 1]).share[-1] == pytest.approx(max(together), rel=1e-9)
    assert chosen[0] == int(np.argmax(world.alone().share))


def test_a_set_is_chosen_only_among_those_that_may_follow_and_ends_where_none_may():
    chosen = line_world().greedy(9, lambda chosen: anywhere(chosen) & (np.arange(BLOCKS) < 4))
    assert sorted(chosen) == [0, 1, 2, 3]


def test_realisations_that_had_no_say_in_the_choice_find_nothing_where_there_is_nothing():
    """Many places that tell nothing: the best of them by chance looks useful, and is not."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(20):
        world = CutoffWorth(random.standard_normal(100), random.standard_normal((150, 100, 1)), np.zeros((1, 1)))

        def free(chosen):
            return ~np.isin(np.arange(150), chosen)

        (honest,) = cross_validated(world, [world], 2, free)
        found.append((world.joint(world.greedy(2, free)).share[-1], honest.share[-1]))
    flattering, honest = np.mean(found, axis=0)
    assert flattering > 0.08
    assert honest < 0.01


def test_what_is_left_out_finds_as_much_as_a_closed_form_where_there_is_no_choice():
    """One place, its tonnes, an error: nothing is chosen, and both ways must agree with what many realisations say."""
    scores, tonnes = linear_world(2_000)
    world = CutoffWorth(tonnes, scores[:1], NOISE)
    (found,) = cross_validated(world, [world], 1, lambda chosen: np.full(1, not chosen))
    many_scores, many_tonnes = linear_world(200_000, seed=9)
    expected = explained(many_tonnes, many_scores[:1], NOISE).share[0]
    assert found.share[0] == pytest.approx(expected, abs=3 * found.error[0])
    assert found.error[0] == pytest.approx(explained(tonnes, scores[:1], NOISE).error[0], rel=0.2)


def test_other_tonnes_are_predicted_by_the_same_sets():
    world = line_world()
    twice = CutoffWorth(2 * world.tonnes, world.scores, world.noise)
    same, other = cross_validated(world, [world, twice], 3, anywhere)
    np.testing.assert_allclose(other.share, same.share, rtol=1e-9)
    assert len(same.share) == 3
    assert same.share[0] > 0.2
    assert np.all(same.share <= world.joint(world.greedy(3, anywhere)).share + same.error)
