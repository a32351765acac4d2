import numpy as np
import pytest

from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.variogram import Experimental, experimental_variogram, fit_variogram, lag_edges_m


def test_experimental_variogram_equals_the_definition():
    positions_m = np.array([[0.0, 0, 0.5], [0, 0, 1.5], [0, 0, 2.5], [1_000, 0, 0.5], [1_000, 0, 1.5], [0, 3_000, 0.5]])
    values, cores = np.array([1.0, 3, 2, 5, 1, 9]), np.array(["a", "a", "a", "b", "b", "c"])
    result = experimental_variogram(positions_m, values, cores, 1.0, np.array([0.0, 2_000.0, 4_000.0]))
    rows = list(zip(result.horizontal_m, result.vertical_m, result.semivariance, result.pairs, strict=True))
    assert rows[0] == (0.0, 1.0, pytest.approx((4 + 1 + 16) / 2 / 3), 3)
    assert rows[1] == (0.0, 2.0, pytest.approx(1 / 2), 1)
    assert rows[2] == (1_000.0, 0.0, pytest.approx((16 + 4) / 2 / 2), 2)
    assert rows[3] == (pytest.approx((3_000 + np.hypot(1_000, 3_000)) / 2), 0.0, pytest.approx((64 + 16) / 2 / 2), 2)


@pytest.mark.parametrize("kind", ["spherical", "exponential"])
def test_a_planted_model_is_fitted_back(kind):
    horizontal_m = np.concatenate([np.zeros(9), np.linspace(1_000, 60_000, 25)])
    vertical_m = np.concatenate([np.arange(1.0, 10), np.zeros(25)])
    model = CovarianceModel(0.1, (Structure(kind, 0.6, 20_000.0, 3.0), Structure(kind, 0.3, 20_000.0, np.inf)))
    exact = Experimental(horizontal_m, vertical_m, model.semivariance(horizontal_m, vertical_m), np.full(34, 100))
    fitted = fit_variogram(exact, kind, (2_000.0, 100_000.0), (0.5, 30.0))
    assert fitted.at_bounds == ()
    np.testing.assert_allclose(fitted.model.semivariance(horizontal_m, vertical_m), exact.semivariance, rtol=1e-3)
    assert fitted.model.structures[0].horizontal_range_m == pytest.approx(20_000, rel=0.01)
    assert fitted.model.nugget == pytest.approx(0.1, abs=0.01)


def test_values_without_variance_give_a_model_without_sill():
    flat = Experimental(np.array([1_000.0]), np.array([0.0]), np.array([0.0]), np.array([10]))
    assert fit_variogram(flat, "exponential", (1.0, 10.0), (1.0, 10.0)).model.sill == 0


def test_one_layer_has_no_vertical_part():
    horizontal_m = np.linspace(100, 2_000, 10)
    model = CovarianceModel(0.05, (Structure("spherical", 0.6, 900.0, np.inf),))
    exact = Experimental(horizontal_m, np.zeros(10), model.semivariance(horizontal_m, np.zeros(10)), np.full(10, 50))
    fitted = fit_variogram(exact, "spherical", (100.0, 5_000.0), (0.1, 1.0)).model
    assert len(fitted.structures) == 1
    assert fitted.structures[0].horizontal_range_m == pytest.approx(900, rel=1e-3)


def test_lags_reach_the_asked_share_of_the_extent():
    edges_m = lag_edges_m(np.array([[0.0, 0, 0], [3_000, 4_000, 0], [0, 1_000, 0]]), 10, 0.5)
    assert len(edges_m) == 11
    assert edges_m[-1] == pytest.approx(2_500)
