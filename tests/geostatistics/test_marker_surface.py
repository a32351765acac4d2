"""The surface of a marker: it honours its picks, its draws scatter as it says, and what exists of a layer is what integration finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.marker_surface import (
    MarkerSurface,
    Picks,
    SurfaceDraws,
    expected_depth_m,
    fit_marker_surface,
    thickness_share,
)

TOPS_M = np.array([-3.0, -2.0, -1.0, 0.0, 1.0])
CELL_M, SHAPE, ORIGIN_M = 1_000.0, (12, 10), (500.0, 11_500.0)


def picks(count=25, dip=1.5e-4, error_m=0.0, seed=4):
    random = np.random.default_rng(seed)
    at_m = random.uniform(0, 10_000, (count, 2))
    marker_m = 2.0 + dip * at_m[:, 0] + 0.3 * np.sin(at_m[:, 1] / 1_500) + error_m * random.standard_normal(count)
    return Picks.of(at_m, marker_m, np.full(count, error_m))


@pytest.fixture(scope="module")
def surface():
    return MarkerSurface(picks(), CovarianceModel(0.01, (Structure("exponential", 0.09, 4_000.0),)), has_plane=True)


@pytest.mark.parametrize(("mean_m", "sd_m"), [(2.4, 0.0), (2.4, 0.5), (0.3, 1.1), (-1.5, 0.8), (2.0, 0.0)])
def test_what_exists_of_a_layer_is_what_integration_finds(mean_m, sd_m):
    """The expected thickness of each layer, against the integral of what is left of it over the distribution of the marker."""
    found = thickness_share(np.array([mean_m]), sd_m, TOPS_M, 1.0)[:, 0]
    for top_m, share in zip(TOPS_M, found, strict=True):

        def left_m(marker_m, top_m=top_m):
            return max(0.0, marker_m + top_m + 1.0) - max(0.0, marker_m + top_m)

        if sd_m == 0:
            expected = left_m(mean_m)
        else:
            corners = [corner for corner in (-top_m, -top_m - 1) if abs(corner - mean_m) < 8 * sd_m]
            span = mean_m - 9 * sd_m, mean_m + 9 * sd_m
            expected = quad(lambda h, left_m=left_m: left_m(h) * norm.pdf(h, mean_m, sd_m), *span, points=corners, limit=200)[0]
        # Shares nearer to 0 or 1 than a millionth are taken for that.
        assert share == pytest.approx(expected, abs=1.1e-6)


def test_shares_add_up_to_the_depth_of_the_base():
    """What exists of all layers is the distance from the seafloor, or the top of the interval, to its base."""
    marker_m = np.linspace(-4, 6, 41)
    for sd_m in (0.0, 0.7):
        whole_m = expected_depth_m(marker_m, sd_m, 2.0) - expected_depth_m(marker_m, sd_m, -3.0)
        np.testing.assert_allclose(thickness_share(marker_m, sd_m, TOPS_M, 1.0).sum(axis=0), whole_m, atol=1e-5)


def test_a_known_marker_gives_whole_shares():
    share = thickness_share(np.array([[3.0, np.nan]]), 0.0, TOPS_M, 1.0)
    assert share[:, 0, 0].tolist() == [1.0] * 5
    assert np.isnan(share[:, 0, 1]).all()


def test_the_surface_honours_picks_without_error(surface):
    marker_m, sd_m = surface.points(surface.picks.positions_m)
    np.testing.assert_allclose(marker_m, surface.picks.marker_m, atol=1e-9)
    np.testing.assert_allclose(sd_m, 0, atol=1e-6)


def test_a_pick_left_out_is_foretold_from_the_others(surface):
    """Error and standard deviation are those of a surface without the pick; the pick's own nugget is in its variance."""
    errors_m, left_out_sd_m = surface.leave_one_out()
    given = surface.picks
    for number in (0, 7):
        others = np.arange(len(given.marker_m)) != number
        without = replace(surface, picks=Picks(given.positions_m[others], given.marker_m[others], given.error_variance[others]))
        marker_m, sd_m = without.points(given.positions_m[[number]])
        assert errors_m[number] == pytest.approx(given.marker_m[number] - marker_m[0], abs=1e-8)
        assert left_out_sd_m[number] == pytest.approx(sd_m[0], rel=1e-8)


def test_draws_honour_the_picks_and_scatter_as_kriging_says(surface):
    """At a pick every draw is the pick; elsewhere mean and variance over draws are those of kriging with the plane."""
    draws = SurfaceDraws(surface, ORIGIN_M, SHAPE, CELL_M, 3, seed=11)
    count = 600
    drawn_m = np.array([draws.realisation(number) for number in range(count)])
    for number in (0, 5):
        np.testing.assert_allclose(draws.at_picks(number), surface.picks.marker_m, atol=1e-8)
    kriged_m, sd_m = draws.kriged_cells_m
    error = (drawn_m.mean(axis=0) - kriged_m) / (sd_m / np.sqrt(count))
    assert np.sqrt(np.mean(error**2)) < 1.6  # neighbouring cells err together
    ratio = drawn_m.std(axis=0, ddof=1) / sd_m
    assert np.median(ratio) == pytest.approx(1, abs=0.04)
    assert (np.abs(ratio - 1) < 0.2).all()
    # A draw depends on its number alone.
    again = SurfaceDraws(surface, ORIGIN_M, SHAPE, CELL_M, 3, seed=11)
    assert np.array_equal(again.realisation(7), drawn_m[7])


def test_picks_with_errors_are_not_honoured_but_weighed():
    surface = MarkerSurface(picks(error_m=0.2), CovarianceModel(0.0, (Structure("exponential", 0.09, 4_000.0),)), has_plane=True)
    marker_m, sd_m = surface.points(surface.picks.positions_m)
    assert np.abs(marker_m - surface.picks.marker_m).max() > 0.05
    assert (sd_m > 0.03).all()
    assert (sd_m < 0.2).all()
    draws = SurfaceDraws(surface, ORIGIN_M, SHAPE, CELL_M, 2, seed=1)
    scatter_m = np.array([draws.at_picks(number) for number in range(400)]).std(axis=0)
    assert np.median(scatter_m / sd_m) == pytest.approx(1, abs=0.08)


def test_a_plane_is_found_and_its_direction_told():
    """Picks on a plane that dips to the east: no spread is left, and between them the surface is the plane."""
    at_m = picks().positions_m
    given = Picks.of(at_m, 1.0 + 2e-4 * at_m[:, 0], np.zeros(len(at_m)))
    surface, fit = fit_marker_surface(given, "exponential", (500.0, 20_000.0), has_plane=True, likelihood=True, lags=8, max_lag_share=0.5)
    assert not surface.varies
    assert fit["dip_m_per_km"] == pytest.approx(0.2)
    assert fit["dip_azimuth_deg"] == pytest.approx(90)
    marker_m, sd_m = surface.blocks(np.array([5_000.0, 20_000.0]), np.array([0.0, 0.0]), 500.0, 3)
    np.testing.assert_allclose(marker_m, [2.0, 5.0], atol=1e-9)
    assert sd_m.tolist() == [0, 0]


def test_a_plane_lets_a_marker_be_foretold_beyond_its_picks():
    """Beyond the picks of a dipping marker, kriging with one unknown mean falls back to it; with a plane it goes on."""
    given = picks()
    beyond_m = np.array([[14_000.0, 5_000.0]])
    truth_m = 2.0 + 1.5e-4 * 14_000 + 0.3 * np.sin(5_000 / 1_500)
    found = {}
    for has_plane in (True, False):
        surface, _ = fit_marker_surface(given, "exponential", (500.0, 20_000.0), has_plane=has_plane, likelihood=True, lags=8, max_lag_share=0.5)
        found[has_plane] = abs(float(surface.points(beyond_m)[0][0]) - truth_m)
    assert found[True] < 0.5 * found[False]


def test_order_and_copies_of_picks_do_not_matter():
    given = picks()
    order = np.random.default_rng(0).permutation(len(given.marker_m))
    shuffled = Picks.of(given.positions_m[order], given.marker_m[order], np.zeros(len(order)))
    assert np.array_equal(shuffled.marker_m, given.marker_m)
    twice = Picks.of(np.vstack([given.positions_m[:1]] * 2), np.array([2.0, 3.0]), np.array([0.2, 0.2]))
    assert twice.marker_m.tolist() == [2.5]
    assert twice.error_variance.tolist() == pytest.approx([0.02])


def test_picks_on_a_line_determine_no_plane():
    at_m = np.column_stack([np.arange(6) * 1_000.0, np.arange(6) * 500.0])
    with pytest.raises(TooFewSamples, match=r'do not determine a plane .* trend = "none"'):
        fit_marker_surface(
            Picks.of(at_m, np.arange(6.0), np.zeros(6)), "exponential", (100.0, 9_000.0), has_plane=True, likelihood=True, lags=5, max_lag_share=0.5
        )
