import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.cross_validation import area_of_applicability, cross_validate, leave_one_core_out, spatial_folds
from pipeline.geostatistics.kriging import Kriging


def survey(seed=0, cores=24, samples=3):
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(cores), samples)
    return rng.uniform(0, [9_000, 4_000], (cores, 2))[label], label


spots = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=40)


@settings(max_examples=150, deadline=None)
@given(spots, st.integers(2, 12), st.randoms(use_true_random=False))
def test_folds_are_whole_balanced_and_free_of_order(rows, folds, chance):
    positions_m = np.repeat(np.array(rows, dtype=float), 2, axis=0)
    cores = np.repeat(np.arange(len(rows)), 2)
    sites = len(set(rows))
    folds = min(folds, sites)
    if folds < 2:
        with pytest.raises(TooFewSamples, match="add cores"):
            spatial_folds(positions_m, cores, 2)
        return
    fold = spatial_folds(positions_m, cores, folds)
    assert np.unique(fold).tolist() == list(range(folds))
    # Whole cores, and replicates together: a position has one fold.
    assert len({(*row, number) for row, number in zip(positions_m.tolist(), fold.tolist(), strict=True)}) == sites
    counts = [len(np.unique(positions_m[fold == number], axis=0)) for number in range(folds)]
    assert max(counts) - min(counts) <= 2
    order = np.array(chance.sample(range(len(fold)), len(fold)))
    names = np.array([f"core {(7 * label) % 101}" for label in cores])
    assert np.array_equal(spatial_folds(positions_m[order], names[order], folds), fold[order])


def test_folds_lie_together():
    """Four folds of a grid are its four quarters."""
    axis = np.arange(6) * 1_000.0
    positions_m = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    fold = spatial_folds(positions_m, np.arange(36), 4)
    quarter = 2 * (positions_m[:, 0] > 2_500) + (positions_m[:, 1] > 2_500)
    assert len(set(zip(fold.tolist(), quarter.tolist(), strict=True))) == 4


def test_leaving_blocks_out_is_harder_than_leaving_cores_out():
    """The nearest datum outside the fold lies farther away: what a block fold asks, and single cores do not."""
    positions_m, cores = survey()

    def nearest_m(fold):
        distance_m = cdist(positions_m, positions_m)
        return np.where(fold[:, None] != fold[None, :], distance_m, np.inf).min(axis=1).mean()

    assert nearest_m(spatial_folds(positions_m, cores, 4)) > 1.5 * nearest_m(leave_one_core_out(cores))


def test_as_many_folds_as_positions_leave_each_core_out():
    positions_m, cores = survey()
    fold = spatial_folds(positions_m, cores, 24)
    pairs = set(zip(fold.tolist(), leave_one_core_out(cores).tolist(), strict=True))
    assert len(pairs) == 24


def test_collinear_cores_are_cut_along_the_line():
    positions_m = np.column_stack([np.zeros(6), np.array([5.0, 1, 3, 0, 4, 2])])
    assert spatial_folds(positions_m, np.arange(6), 3).tolist() == [2, 0, 1, 0, 2, 1]


def test_a_leaning_core_stays_whole():
    positions_m = np.array([[0.0, 0], [100, 0], [10, 0], [20, 0], [1_000, 0]])
    fold = spatial_folds(positions_m, np.array(["a", "a", "b", "c", "d"]), 2)
    assert fold.tolist() == [0, 0, 0, 1, 1]


def test_every_sample_is_estimated_once_and_never_from_its_core():
    positions_m, cores = survey()
    seen = []

    def estimator(train, test):
        assert not set(cores[train]) & set(cores[test])
        assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(len(cores)))
        seen.extend(test)
        return test.astype(float), np.ones(test.size)

    result = cross_validate(estimator, spatial_folds(positions_m, cores, 5))
    assert sorted(seen) == list(range(len(cores)))
    assert np.array_equal(result.estimate, np.arange(len(cores)))


def test_leaving_cores_out_one_by_one_equals_the_fast_kriging_formula():
    positions_m, cores = survey(1, cores=8)
    positions_m = np.column_stack([positions_m, np.tile([0.5, 1.5, 2.5], 8)])
    values = np.random.default_rng(2).normal(size=24)
    model = CovarianceModel(0.1, (Structure("exponential", 0.9, 5_000.0, 3.0),))

    def kriging(train, test):
        system = Kriging(positions_m[train], model, np.ones((train.size, 1)))
        result = system.estimate(values[train], model.between(positions_m[test], positions_m[train]), np.ones((test.size, 1)), model.sill)
        return result.value, np.sqrt(result.variance)

    result = cross_validate(kriging, leave_one_core_out(cores))
    estimate, variance = Kriging(positions_m, model, np.ones((24, 1))).leave_one_out(values, cores)
    np.testing.assert_allclose(result.estimate, estimate, rtol=1e-9)
    np.testing.assert_allclose(result.sd**2, variance, rtol=1e-9)


def test_what_cannot_be_estimated_stays_missing():
    result = cross_validate(lambda _train, test: (np.full(test.size, np.nan), np.full(test.size, np.nan)), np.array([0, 1]))
    assert np.isnan(result.estimate).all()


def applicability_by_brute_force(training, new, fold, weights):
    """The definition, pair by pair."""
    centre, scale = training.mean(axis=0), training.std(axis=0, ddof=1)
    known, asked = (training - centre) / scale * weights, (new - centre) / scale * weights
    mean = pdist(known).mean()
    inner = np.where(fold[:, None] != fold[None, :], cdist(known, known), np.inf).min(axis=1) / mean
    fence = np.quantile(inner, 0.75) + 1.5 * (np.quantile(inner, 0.75) - np.quantile(inner, 0.25))
    return cdist(asked, known).min(axis=1) / mean, inner, max(value for value in inner if value <= fence)


def test_applicability_equals_the_definition():
    rng = np.random.default_rng(3)
    training, new = rng.normal(size=(60, 3)) * [1, 100, 0.01], 2 * rng.normal(size=(200, 3)) * [1, 100, 0.01]
    fold, weights = np.repeat(np.arange(6), 10), np.array([1.0, 0.5, 2.0])
    result = area_of_applicability(training, new, fold, weights)
    outer, inner, threshold = applicability_by_brute_force(training, new, fold, weights)
    np.testing.assert_allclose(result.dissimilarity, outer, rtol=1e-10)
    np.testing.assert_allclose(result.training_dissimilarity, inner, rtol=1e-10)
    assert result.threshold == pytest.approx(threshold)
    assert np.array_equal(result.inside, outer <= threshold)
    assert 0 < result.inside.sum() < 200


def test_an_outlier_does_not_widen_the_area():
    rng = np.random.default_rng(4)
    training, fold = rng.normal(size=(60, 2)), np.tile(np.arange(6), 10)
    far = np.vstack([training, [[40.0, 40.0]]])
    result = area_of_applicability(far, np.array([[40.0, -40.0], [0.0, 0.0]]), np.append(fold, 0))
    assert result.threshold < result.training_dissimilarity[-1]
    assert result.inside.tolist() == [False, True]


def test_training_places_are_inside_and_units_do_not_matter():
    rng = np.random.default_rng(5)
    training, new, fold = rng.normal(size=(40, 2)), rng.normal(size=(50, 2)), np.tile(np.arange(4), 10)
    metres, kilometres = area_of_applicability(training, new, fold), area_of_applicability(training * [1e3, 1] + 7, new * [1e3, 1] + 7, fold)
    np.testing.assert_allclose(metres.dissimilarity, kilometres.dissimilarity, rtol=1e-9)
    at_training = area_of_applicability(training, training, fold)
    assert at_training.inside.all()
    assert at_training.dissimilarity.max() == 0


def test_blocked_folds_widen_the_area():
    """Folds that lie together are farther apart than folds drawn by lot, so the model was tested for more."""
    positions_m, cores = survey(6, cores=60, samples=1)
    lot = np.random.default_rng(7).permutation(np.arange(60) % 5)
    blocked, drawn = (area_of_applicability(positions_m, positions_m, fold).threshold for fold in (spatial_folds(positions_m, cores, 5), lot))
    assert blocked > 1.5 * drawn


def test_a_predictor_of_weight_zero_is_no_predictor():
    rng = np.random.default_rng(8)
    training, new, fold = rng.normal(size=(30, 2)), rng.normal(size=(20, 2)), np.tile(np.arange(3), 10)
    flat = np.column_stack([training, np.full(30, 7.0)]), np.column_stack([new, np.full(20, np.nan)])
    one, other = area_of_applicability(training, new, fold), area_of_applicability(*flat, fold, np.array([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(one.dissimilarity, other.dissimilarity, rtol=1e-12)


def test_places_without_a_predictor_are_not_inside():
    rng = np.random.default_rng(9)
    result = area_of_applicability(rng.normal(size=(30, 2)), np.array([[0.0, np.nan], [0.0, 0.0]]), np.tile(np.arange(3), 10))
    assert np.isnan(result.dissimilarity).tolist() == [True, False]
    assert result.inside.tolist() == [False, True]


def test_distances_in_pieces_are_the_same():
    training = np.random.default_rng(10).normal(size=(2_500, 2))
    result = area_of_applicability(training, training[:3] + 0.5, np.arange(2_500) % 5)
    expected = cdist((training[:3] + 0.5) / training.std(axis=0, ddof=1), training / training.std(axis=0, ddof=1)).min(axis=1)
    mean = pdist(training / training.std(axis=0, ddof=1)).mean()
    np.testing.assert_allclose(result.dissimilarity, expected / mean, rtol=1e-9)


def applicability(training=None, new=None, fold=None, weights=None):
    standard = np.random.default_rng(11).normal(size=(8, 2)), np.zeros((1, 2)), np.arange(8) % 2
    training, new, fold = (given if given is not None else usual for given, usual in zip((training, new, fold), standard, strict=True))
    return area_of_applicability(training, new, fold, weights)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: leave_one_core_out(np.array(["a", "a"])), TooFewSamples, "at least two"),
        (lambda: leave_one_core_out(np.array([])), TooFewSamples, "0 core"),
        (lambda: spatial_folds(np.eye(2), np.arange(2), 1), ValueError, "at least 2"),
        (lambda: spatial_folds(np.zeros((3, 2)), np.arange(3), 2), TooFewSamples, "1 distinct positions"),
        (lambda: spatial_folds(np.zeros((3, 3)), np.arange(3), 2), ValueError, "finite easting and northing"),
        (lambda: spatial_folds(np.array([[np.nan, 0.0], [1.0, 1.0]]), np.arange(2), 2), ValueError, "finite easting and northing"),
        (lambda: cross_validate(lambda train, test: (train, test), np.zeros(3)), TooFewSamples, "at least two"),
        (lambda: cross_validate(lambda *_: (np.ones(1), np.ones(1)), np.array([0, 1, 1])), ValueError, "fold 1"),
        (lambda: cross_validate(lambda _train, test: (np.ones(test.size), -np.ones(test.size)), np.arange(2)), ValueError, "not negative"),
        (lambda: applicability(fold=np.zeros(8)), TooFewSamples, "at least two"),
        (lambda: applicability(training=np.column_stack([np.arange(8.0), np.ones(8)])), ValueError, r"predictor \[1\] does not vary"),
        (lambda: applicability(training=np.full((8, 2), np.nan)), ValueError, "8 training data lack a predictor"),
        (lambda: applicability(weights=np.zeros(2)), ValueError, "not all zero"),
        (lambda: applicability(weights=np.array([1.0, -1.0])), ValueError, "not negative"),
        (lambda: applicability(new=np.zeros((1, 3))), ValueError, "give"),
        (lambda: applicability(weights=np.ones(3)), ValueError, "give"),
    ],
)
def test_what_cannot_be_validated_is_explained(call, error, says):
    with pytest.raises(error, match=says):
        call()
