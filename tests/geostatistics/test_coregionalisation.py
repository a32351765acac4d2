import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.coregionalisation import (
    Coregionalisation,
    direct_and_cross_variograms,
    fit_coregionalisation,
    shared_structures,
)
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.variogram import Experimental, experimental_variogram

STRUCTURES = (Structure("exponential", 1.0, 20_000.0, 3.0), Structure("exponential", 1.0, 20_000.0, np.inf))
HORIZONTAL_M = np.append(np.zeros(9), np.linspace(1_000, 60_000, 25))
VERTICAL_M = np.append(np.arange(1.0, 10), np.zeros(25))
PLANTED = Coregionalisation(np.array([[0.2, 0.05], [0.05, 0.3]]), STRUCTURES, np.array([[[1.0, 0.6], [0.6, 0.5]], [[0.4, -0.3], [-0.3, 0.9]]]))


def exact(model, pairs=100, noise=None):
    """Direct and cross variograms of a model at fixed lags, with noise (variables, variables, lags) if given."""

    def between(i, j):
        value = model.nugget[i, j] + sum(
            sill[i, j] * (1 - CovarianceModel(0.0, (part,)).at_lag(HORIZONTAL_M, VERTICAL_M))
            for part, sill in zip(model.structures, model.sills, strict=True)
        )
        return Experimental(HORIZONTAL_M, VERTICAL_M, value + (0.0 if noise is None else noise[i, j]), np.full(34, pairs))

    return [[between(i, j) for j in range(i + 1)] for i in range(model.variables)]


def survey(n_cores=30, variables=2, seed=1):
    rng = np.random.default_rng(seed)
    core = np.repeat(np.arange(n_cores), 8)
    positions_m = np.column_stack([np.repeat(rng.uniform(0, 50_000, (n_cores, 2)), 8, axis=0), np.tile(np.arange(8) + 0.5, n_cores)])
    covariance = CovarianceModel(0.0, STRUCTURES).between(positions_m, positions_m) + 0.3 * np.eye(len(core))
    values = np.linalg.cholesky(covariance) @ rng.normal(size=(len(core), variables)) @ rng.normal(size=(variables, variables))
    return positions_m, values, core


@pytest.mark.parametrize("weights", ["pairs", "cressie"])
def test_a_planted_model_is_recovered_from_its_exact_variograms(weights):
    found = fit_coregionalisation(exact(PLANTED), STRUCTURES, weights)
    np.testing.assert_allclose(found.model.nugget, PLANTED.nugget, atol=1e-6)
    np.testing.assert_allclose(found.model.sills, PLANTED.sills, atol=1e-6)
    assert found.cost < 1e-9
    assert found.model.structures == STRUCTURES


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0.01, 3.0), st.sampled_from(["pairs", "cressie"]))
def test_whatever_is_measured_every_matrix_is_positive_semi_definite(seed, variables, spread, weights):
    """Noise as large as the variogram itself; the class would refuse an indefinite matrix, the eigenvalues say it again."""
    rng = np.random.default_rng(seed)
    flat = Coregionalisation(np.eye(variables), STRUCTURES, np.zeros((2, variables, variables)))
    noisy = exact(flat, noise=spread * rng.normal(size=(variables, variables, 34)))
    noisy = [
        [replace(part, semivariance=np.abs(part.semivariance) if i == j else part.semivariance) for j, part in enumerate(row)]
        for i, row in enumerate(noisy)
    ]
    model = fit_coregionalisation(noisy, STRUCTURES, weights).model
    for matrix in (model.nugget, *model.sills):
        np.testing.assert_array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() >= -1e-9 * np.trace(model.variance)


def test_one_variable_is_fitted_by_least_squares_with_sills_not_negative():
    rng = np.random.default_rng(3)
    for _ in range(5):
        pairs = rng.integers(5, 200, 34)
        measured = Experimental(HORIZONTAL_M, VERTICAL_M, rng.uniform(0, 2, 34), pairs)
        shapes = np.column_stack([np.ones(34), *(1 - CovarianceModel(0.0, (part,)).at_lag(HORIZONTAL_M, VERTICAL_M) for part in STRUCTURES)])
        root = np.sqrt(pairs)
        sills, miss = nnls(root[:, None] * shapes, root * measured.semivariance)
        found = fit_coregionalisation([[measured]], STRUCTURES, "pairs")
        np.testing.assert_allclose([found.model.nugget[0, 0], *found.model.sills[:, 0, 0]], sills, atol=1e-7)
        assert found.cost == pytest.approx(miss**2 / np.average(measured.semivariance, weights=pairs) ** 2, rel=1e-9)


def test_no_other_positive_semi_definite_model_fits_better():
    """The problem is convex: no small step inside the cone lowers the sum of squares."""
    rng = np.random.default_rng(4)
    noisy = exact(PLANTED, noise=0.3 * rng.normal(size=(2, 2, 34)))
    best = fit_coregionalisation(noisy, STRUCTURES, "pairs")
    scales = [np.sqrt(noisy[i][i].semivariance.mean()) for i in range(2)]

    def cost(model):
        modelled = exact(model)
        return sum(
            100 * (1 + (i != j)) * np.sum((noisy[i][j].semivariance - modelled[i][j].semivariance) ** 2) / (scales[i] * scales[j]) ** 2
            for i in range(2)
            for j in range(i + 1)
        )

    assert cost(best.model) == pytest.approx(best.cost, rel=1e-9)
    for _ in range(200):
        roots = rng.normal(size=(3, 2, 2))
        others = roots @ roots.transpose(0, 2, 1)
        for share in (1e-4, 1e-2, 0.3):
            mixed = Coregionalisation(
                (1 - share) * best.model.nugget + share * others[0], STRUCTURES, (1 - share) * best.model.sills + share * others[1:]
            )
            assert cost(mixed) >= best.cost * (1 - 1e-9)


@pytest.mark.parametrize("weights", ["pairs", "cressie"])
def test_units_of_one_variable_scale_its_sills_and_nothing_else(weights):
    positions_m, values, core = survey()
    factors = np.array([1.0, 1_000.0])
    one, other = (
        fit_coregionalisation(direct_and_cross_variograms(positions_m, part, core, 1.0, np.linspace(0, 30_000, 11)), STRUCTURES, weights)
        for part in (values, values * factors)
    )
    expected = one.model.scaled(factors)
    size = np.outer(factors, factors)
    np.testing.assert_allclose(other.model.nugget / size, expected.nugget / size, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(other.model.sills / size, expected.sills / size, rtol=1e-8, atol=1e-9)
    assert other.cost == pytest.approx(one.cost, rel=1e-8)


def test_perfectly_correlated_variables_stay_perfectly_correlated():
    positions_m, values, core = survey()
    twins = np.column_stack([values[:, 0], -3 * values[:, 0]])
    model = fit_coregionalisation(direct_and_cross_variograms(positions_m, twins, core, 1.0, np.linspace(0, 30_000, 11)), STRUCTURES).model
    single = fit_coregionalisation([[experimental_variogram(positions_m, values[:, 0], core, 1.0, np.linspace(0, 30_000, 11))]], STRUCTURES).model
    pattern = np.array([[1.0, -3.0], [-3.0, 9.0]])
    np.testing.assert_allclose(model.nugget, single.nugget[0, 0] * pattern, atol=1e-6)
    np.testing.assert_allclose(model.sills, single.sills[:, :1, :1] * pattern, atol=1e-6)


def test_variables_known_at_different_places_are_fitted_where_both_are_known():
    positions_m, values, core = survey(n_cores=60)
    values[core < 20, 1] = np.nan
    experimental = direct_and_cross_variograms(positions_m, values, core, 1.0, np.linspace(0, 30_000, 11))
    known = core >= 20
    alone = experimental_variogram(positions_m[known], values[known, 1], core[known], 1.0, np.linspace(0, 30_000, 11))
    np.testing.assert_array_equal(experimental[1][1].semivariance, alone.semivariance)
    assert experimental[0][0].pairs.sum() > experimental[1][0].pairs.sum()
    fit_coregionalisation(experimental, STRUCTURES)


def test_variables_never_known_together_get_no_covariance():
    nothing = Experimental(np.empty(0), np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))
    one, _, other = (part for row in exact(PLANTED) for part in row)
    model = fit_coregionalisation([[one], [nothing, other]], STRUCTURES).model
    np.testing.assert_allclose(model.nugget, np.diag(np.diag(PLANTED.nugget)), atol=1e-6)
    np.testing.assert_allclose(model.sills[:, 0, 1], 0, atol=1e-12)


def test_shared_ranges_are_those_planted_whatever_the_units():
    true = Coregionalisation(PLANTED.nugget, STRUCTURES, np.array([[[1.0, 0.6], [0.6, 0.5]], [[0.4, 0.3], [0.3, 0.9]]]))
    for factors in ([1.0, 1.0], [1e-3, 50.0]):
        found = shared_structures(exact(true.scaled(np.array(factors))), "exponential", (1_000.0, 100_000.0), (0.5, 30.0))
        assert [part.sill for part in found] == [1.0, 1.0]
        assert found[0].horizontal_range_m == pytest.approx(20_000, rel=0.05)
        assert found[1].vertical_range_m == np.inf


def test_a_variable_that_does_not_vary_has_no_sill():
    still = [[replace(part, semivariance=part.semivariance * (0.0 if i == 1 else 1.0)) for part in row] for i, row in enumerate(exact(PLANTED))]
    model = fit_coregionalisation(still, STRUCTURES).model
    assert model.variance[1, 1] == pytest.approx(0, abs=1e-9)
    assert model.variance[0, 0] == pytest.approx(PLANTED.variance[0, 0], rel=1e-6)


def test_a_variable_without_pairs_is_refused_with_a_cure():
    nothing = Experimental(np.empty(0), np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))
    with pytest.raises(TooFewSamples, match=r"variable 1 of a coregionalisation has no pair in any lag\. Add samples that carry it"):
        fit_coregionalisation([[exact(PLANTED)[0][0]], [nothing, nothing]], STRUCTURES)


def test_the_model_gives_marginals_covariances_and_round_trips():
    marginal = PLANTED.marginal(1)
    assert marginal == CovarianceModel(0.3, (replace(STRUCTURES[0], sill=0.5), replace(STRUCTURES[1], sill=0.9)))
    lag_m = np.array([[0.0, 0.0, 0.0], [3_000.0, -4_000.0, 2.0]])
    np.testing.assert_allclose(PLANTED.at(lag_m, 1, 1), marginal.at(lag_m), rtol=1e-14)
    h = [np.hypot(5_000 / 20_000, 2 / 3), 5_000 / 20_000]
    np.testing.assert_allclose(PLANTED.at(lag_m, 0, 1), [0.6 - 0.3, 0.6 * np.exp(-3 * h[0]) - 0.3 * np.exp(-3 * h[1])], rtol=1e-13)
    np.testing.assert_array_equal(PLANTED.at(lag_m, 0, 1), PLANTED.at(lag_m, 1, 0))
    assert PLANTED.variables == 2
    np.testing.assert_allclose(PLANTED.variance, [[1.6, 0.35], [0.35, 1.7]])
    again = Coregionalisation.from_dict(json.loads(json.dumps(PLANTED.to_dict())))
    np.testing.assert_array_equal(again.nugget, PLANTED.nugget)
    np.testing.assert_array_equal(again.sills, PLANTED.sills)
    assert again.structures == STRUCTURES
    nugget_only = Coregionalisation.from_dict(json.loads(json.dumps(Coregionalisation(np.eye(3), (), np.zeros((0, 3, 3))).to_dict())))
    assert nugget_only.sills.shape == (0, 3, 3)


def test_scaling_multiplies_each_variable_by_its_factor():
    scaled = PLANTED.scaled(np.array([2.0, -10.0]))
    assert scaled.nugget.tolist() == [[0.8, -1.0], [-1.0, 30.0]]
    np.testing.assert_allclose(scaled.sills[1], [[1.6, 6.0], [6.0, 90.0]])
    assert scaled.marginal(0).sill == pytest.approx(4 * PLANTED.marginal(0).sill)


BAD = [
    ("nugget is not symmetric", [[1.0, 0.2], [0.1, 1.0]], np.zeros((1, 2, 2))),
    ("structure 0 has the eigenvalue -", [[1.0, 0.0], [0.0, 1.0]], [[[1.0, 1.1], [1.1, 1.0]]]),
    ("nugget has the eigenvalue -", [[-0.1, 0.0], [0.0, 1.0]], np.zeros((1, 2, 2))),
    ("nugget is not finite", [[np.nan, 0.0], [0.0, 1.0]], np.zeros((1, 2, 2))),
    (r"must be \(variables, variables\)", np.eye(2), np.zeros((1, 3, 3))),
    (r"must be \(variables, variables\)", np.eye(2), np.zeros((2, 2, 2))),
]


@pytest.mark.parametrize(("says", "nugget", "sills"), BAD)
def test_what_is_not_positive_semi_definite_is_refused(says, nugget, sills):
    with pytest.raises(ValueError, match=says):
        Coregionalisation(np.array(nugget), STRUCTURES[:1], np.array(sills))


def test_refusal_does_not_depend_on_units():
    """In these units the whole trace belongs to the first variable; a correlation of 2 is refused all the same."""
    factors = np.diag([1e9, 1.0])
    with pytest.raises(ValueError, match="structure 0 has the eigenvalue -"):
        Coregionalisation(factors @ np.eye(2) @ factors, STRUCTURES[:1], [factors @ np.array([[1.0, 2.0], [2.0, 1.0]]) @ factors])


def test_a_structure_with_a_sill_of_its_own_is_refused():
    with pytest.raises(ValueError, match=r"sills of the structures are \[0\.5\]; each must be 1"):
        Coregionalisation(np.eye(2), (replace(STRUCTURES[0], sill=0.5),), np.zeros((1, 2, 2)))
