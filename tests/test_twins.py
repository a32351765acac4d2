"""The synthetic twins: what is planted is found again, the truth is right, the surveys obey the plan, and no drawn number changes unnoticed."""

from __future__ import annotations

import cmath
import csv
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import shapely
import twins
from assess import read_samples

from pipeline.config import Settings, read_settings
from pipeline.grid import layers_of, region_grid, region_lonlat, region_share
from pipeline.reference_survey import node_grid, truth_of

RAW = Path(__file__).parents[1] / "data" / "raw"
SEEDS = range(18)

# Truth and survey of version 1 for (seed, layout): departure, ΣREY grade ppm, Dy and Gd tonnes, samples, sum of the samples' Dy in ppm.
RECORDED = {
    (0, 12): ("", 432.32781, 208511.299, 247113.998, 238, 2783.1),
    (5, 12): ("spherical", 1255.22245, 786764.857, 862543.587, 235, 9367.9),
    (1, 25): ("", 1046.04087, 557145.422, 628594.268, 498, 14022.1),
    (14, 25): ("heavy_tailed", 1282.86591, 684955.972, 735147.426, 494, 19266.5),
    (2, 49): ("smooth", 698.853026, 409542.952, 404653.863, 923, 22103.3),
    (17, 49): ("patchy", 1241.68861, 790805.82, 736050.823, 930, 40289.2),
}


def on_cells(cell_m: float) -> Settings:
    settings = read_settings(RAW / "assessment.toml")
    return settings.model_copy(update={"grid": settings.grid.model_copy(update={"cell_m": cell_m})})


@pytest.fixture(scope="module")
def settings() -> Settings:
    return on_cells(2000.0)


@pytest.fixture(scope="module")
def drawn(settings):
    """Twins of every layout: 18 seeds hold each departure once."""
    return {layout: [twins.draw(seed, layout, settings) for seed in SEEDS] for layout in twins.LAYOUTS}


@pytest.fixture(scope="module")
def small():
    """A coarse grid, its layers, shares and area."""
    settings = on_cells(6000.0)
    grid = region_grid(settings.region, settings.grid)
    share = region_share(grid, settings.region)
    return grid, layers_of(settings.grid), share, float(share.sum()) * grid.cell_area_m2


def planted(range_m: float, area_m2: float, **inputs) -> twins.TwinParameters:
    """Background alone, of known log mean and variance, nowhere near the cap, with no trend unless given."""
    plain = {"peaks": (), "rey_mean_ppm": 500.0, "trend_log": 0.0, "anisotropy": 1.0, "nugget": 0.0, "zonal_log_sd": 0.0, "background_log_sd": 0.3}
    spacing_m = math.sqrt(area_m2 / 25)
    return replace(twins.draw_parameters(0, 25), **(plain | {"spacing_ratio": range_m / spacing_m, "vertical_range_m": 1.0} | inputs))


def log_background(small, parameters, draws: int, step: int = 6) -> np.ndarray:
    """Standardised log grade, (draws, slabs, node rows, node columns); every sixth slab is nearly independent of the one above."""
    grid, layers, _, area_m2 = small
    variance = parameters.background_log_sd**2 + parameters.zonal_log_sd**2
    found = [
        np.log(twins.draw_deposit(np.random.default_rng([5, number]), grid, layers, parameters, area_m2).grade_ppm["rey"][::step])
        for number in range(draws)
    ]
    return (np.array(found) - math.log(parameters.rey_mean_ppm) + variance / 2) / math.sqrt(variance)


def lagged(fields: np.ndarray, down: int, right: int) -> tuple[float, float]:
    """Mean product of values some rows down and columns to the right (may be negative), and its standard error over the first axis."""
    if right < 0:
        fields, right = fields[..., ::-1], -right
    rows, columns = fields.shape[-2:]
    product = fields[..., : rows - down, : columns - right] * fields[..., down:, right:]
    each = product.reshape(len(fields), -1).mean(axis=1)
    return float(each.mean()), float(each.std(ddof=1) / math.sqrt(len(each)))


def expected_correlation(parameters, range_m: float, node_m: float, down: int, right: int) -> float:
    """Closed form; the lag is turned into the frame of the major axis as a complex number, east + i north."""
    if down == right == 0:
        return 1.0
    turned = node_m * complex(right, -down) / cmath.exp(1j * math.radians(90 - parameters.azimuth_deg))
    h = math.hypot(turned.real / math.sqrt(parameters.anisotropy), turned.imag * math.sqrt(parameters.anisotropy)) / range_m
    return (1 - parameters.nugget) * float(twins.correlation(parameters.covariance, np.array(h)))


# Two lags along the major axis of azimuth 30, two across it, one beside the point, and the point itself.
LAGS = [(0, 0), (0, 1), (3, -2), (5, -3), (2, 3), (3, 5)]
# Opposite edges share 1 % (docstring of twins), the slabs 5 % at most: neither is error of sampling.
WRAP = 0.015


@pytest.mark.parametrize("kind", ["exponential", "spherical", "gaussian", "matern32"])
def test_fields_have_the_planted_kind_range_anisotropy_and_nugget(small, kind):
    grid, _, _, area_m2 = small
    nodes, range_m = node_grid(grid, twins.NODES_PER_CELL), 18_000.0
    parameters = planted(range_m, area_m2, covariance=kind, anisotropy=2.5, azimuth_deg=30.0, nugget=0.15)
    random, fields = np.random.default_rng(3), twins.Fields(nodes, parameters.range_m(area_m2), parameters)
    values = np.array([field for _ in range(400) for field in fields.pair(random)])
    for lag in LAGS:
        found, error = lagged(values, *lag)
        assert error < 0.02
        assert found == pytest.approx(expected_correlation(parameters, range_m, nodes.cell_m, *lag), abs=4 * error + WRAP), lag


def test_opposite_edges_do_not_see_each_other_even_at_the_longest_range(small):
    grid, _, _, area_m2 = small
    parameters = replace(twins.draw_parameters(2, 12), spacing_ratio=3.0, anisotropy=2.0, azimuth_deg=90.0, covariance="gaussian", nugget=0.0)
    nodes = node_grid(grid, twins.NODES_PER_CELL)
    random, fields = np.random.default_rng(4), twins.Fields(nodes, parameters.range_m(area_m2), parameters)
    values = np.array([field for _ in range(400) for field in fields.pair(random)])
    h = nodes.cell_m * (nodes.shape[0] - 1) / (parameters.range_m(area_m2) / math.sqrt(2))
    found, error = lagged(values, nodes.shape[0] - 1, 0)
    assert error < 0.03
    assert found == pytest.approx(math.exp(-3 * h**2), abs=4 * error + WRAP)


def test_the_log_background_of_a_deposit_has_the_planted_range_anisotropy_and_nugget(small):
    area_m2, range_m = small[-1], 15_000.0
    parameters = planted(range_m, area_m2, anisotropy=2.5, azimuth_deg=30.0, nugget=0.2)
    values = log_background(small, parameters, draws=40)
    for lag in LAGS:
        found, error = lagged(values, *lag)
        assert error < 0.015
        assert found == pytest.approx(expected_correlation(parameters, range_m, 2000.0, *lag), abs=4 * error + WRAP), lag


def test_the_nugget_belongs_to_whole_columns(small):
    """Means over depth keep it: white noise in depth would lose nine tenths of it."""
    parameters = planted(20_000.0, small[-1], nugget=0.2)
    values = log_background(small, parameters, draws=60, step=1).mean(axis=1)
    (variance, _), (beside, _) = lagged(values, 0, 0), lagged(values, 0, 1)
    assert beside / variance == pytest.approx(0.8 * math.exp(-3 * 2 / 20), abs=0.04)


def test_depth_and_whole_columns_have_the_planted_correlation(small):
    parameters = planted(8_000.0, small[-1], zonal_log_sd=0.3, background_log_sd=0.4, vertical_range_m=1.2)
    values = log_background(small, parameters, draws=60, step=1)
    for slabs in (1, 3, 20):
        each = (values[:, slabs:] * values[:, :-slabs]).mean(axis=(1, 2, 3))
        error = each.std(ddof=1) / math.sqrt(len(each))
        expected = (0.16 * math.exp(-3 * 0.2 * slabs / 1.2) + 0.09) / 0.25
        assert error < 0.02
        assert each.mean() == pytest.approx(expected, abs=4 * error)


@pytest.mark.parametrize("azimuth_deg", [0.0, 60.0, 250.0])
def test_a_planted_trend_is_found_in_its_direction(small, azimuth_deg):
    grid, _, _, area_m2 = small
    easting_m, northing_m = node_grid(grid, twins.NODES_PER_CELL).centres_m()
    plane = np.column_stack([np.ones(easting_m.size), easting_m.ravel(), northing_m.ravel()])
    parameters = planted(6_000.0, area_m2, trend_log=0.8, trend_azimuth_deg=azimuth_deg)
    log_grade = log_background(small, parameters, draws=30).mean(axis=1) * 0.3
    slopes = np.array([np.linalg.lstsq(plane, field.ravel(), rcond=None)[0][1:] for field in log_grade])
    away = np.array([math.sin(math.radians(azimuth_deg)), math.cos(math.radians(azimuth_deg))])
    extent_m = np.ptp(plane[:, 1:] @ away)
    rise, sideways = slopes @ away * extent_m, slopes @ np.array([away[1], -away[0]]) * extent_m
    assert rise.mean() == pytest.approx(0.8, abs=0.05)
    assert sideways.mean() == pytest.approx(0.0, abs=0.05)


def test_a_patchy_horizon_covers_its_share_and_leaves_the_rest():
    normal = np.random.default_rng(1).standard_normal(200_000)
    for share, sharpness in ((0.15, 10.0), (0.6, 3.0)):
        presence = twins.patches(normal, share, sharpness)
        assert presence.mean() == pytest.approx(share, abs=0.005)
        assert (presence > 0.5).mean() == pytest.approx(share, abs=0.03)


def test_heavy_tails_are_heavy_and_keep_the_median_horizon():
    normal = np.random.default_rng(2).standard_normal(200_000)
    heavy = twins.tailed(normal, 3.0, 0.65)
    assert np.median(heavy) == pytest.approx(0.0, abs=0.01)
    assert np.quantile(heavy, 0.99) == pytest.approx(4.541, rel=0.05)  # table of Student's t
    assert np.isfinite(np.exp(0.65 * twins.tailed(np.array([-9.0, 9.0]), 3.0, 0.65))).all()
    assert twins.tailed(normal, math.inf, 0.65) is normal


def test_correlations_at_half_the_range_are_the_textbook_ones():
    half = np.array(0.5)
    assert twins.correlation("exponential", half) == pytest.approx(math.exp(-1.5))
    assert twins.correlation("gaussian", half) == pytest.approx(math.exp(-0.75))
    assert twins.correlation("spherical", half) == pytest.approx(0.3125)
    assert twins.correlation("matern32", half) == pytest.approx(0.3146, abs=1e-4)
    with pytest.raises(ValueError, match="unknown covariance 'cosine'"):
        twins.correlation("cosine", half)


def test_truth_is_what_a_recount_node_by_node_gives():
    settings = on_cells(9000.0)
    grid, layers = region_grid(settings.region, settings.grid), layers_of(settings.grid)
    share = region_share(grid, settings.region)
    deposit = twins.draw_deposit(np.random.default_rng(4), grid, layers, twins.draw_parameters(5, 12), float(share.sum()) * grid.cell_area_m2)
    cutoff_ppm, mud_t, metal_t = 30.0, 0.0, 0.0
    side = twins.NODES_PER_CELL
    for row, column in np.ndindex(grid.shape):
        for layer in range(layers.count):
            block_mud = block_metal = 0.0
            for slab in range(5 * layer, 5 * layer + 5):
                for down, right in np.ndindex(side, side):
                    at = (slab, side * row + down, side * column + right)
                    mass_t = 0.2 * (grid.cell_m / side) ** 2 * deposit.density_t_m3[at]
                    block_mud += mass_t
                    block_metal += mass_t * deposit.grade_ppm["gd"][at] * 1e-6
            if block_metal / block_mud * 1e6 >= cutoff_ppm:
                mud_t += share[row, column] * block_mud
                metal_t += share[row, column] * block_metal
    truth = truth_of(deposit, grid, layers, share)
    assert 0 < metal_t < truth.over("gd").metal_t
    over = truth.over("gd", cutoff_ppm)
    assert (over.dry_mud_t, over.metal_t) == pytest.approx((mud_t, metal_t), rel=1e-12)


@pytest.mark.parametrize("layout", twins.LAYOUTS)
def test_each_stratum_of_the_region_holds_one_core(drawn, settings, layout):
    region = region_lonlat(settings.region)
    west, south, east, north = region.bounds
    rows, columns = twins.LAYOUTS[layout]
    for survey, _, _ in drawn[layout]:
        assert survey.penetration_m.size == layout
        assert shapely.contains_xy(region, survey.longitude_deg, survey.latitude_deg).all()
        row = np.floor((north - survey.latitude_deg) / (north - south) * rows)
        column = np.floor((survey.longitude_deg - west) / (east - west) * columns)
        assert (row * columns + column).tolist() == list(range(layout))


def test_deep_layers_are_unseen_in_a_fifth_to_two_fifths_of_the_cores(drawn):
    shares = []
    for layout, twins_of in drawn.items():
        for survey, _, parameters in twins_of:
            deepest_m = np.array([survey.to_m[survey.core == core].max() for core in range(layout)])
            unseen = (deepest_m <= 9.0).mean()
            assert unseen == parameters.short_cores / layout
            shares.append(unseen)
            assert deepest_m.min() > 3.0
    assert 0.2 <= min(shares) <= 0.26
    assert 0.34 <= max(shares) <= 0.4


def test_every_third_seed_lies_outside_and_the_departures_take_turns():
    for layout in twins.LAYOUTS:
        found = [twins.draw_parameters(seed, layout) for seed in range(36)]
        assert [parameters.outside for parameters in found] == [False, False, True] * 12
        assert [parameters.departure for parameters in found if parameters.outside] == list(twins.DEPARTURES) * 2


# What a sensible estimator assumes, written again: a departure must break its own line and no other.
PRIOR = {
    "covariance": lambda p: p.covariance == "exponential",
    "anisotropic": lambda p: 1 <= p.anisotropy <= 2,
    "trend": lambda p: 0 <= p.trend_log <= 0.4,
    "heavy_tailed": lambda p: math.isinf(p.amplitude_df) and p.rey_cap_ppm == 8000,
    "patchy": lambda p: p.patch_share >= 0.4 and not max(p.peaks, key=lambda peak: peak.amplitude_ppm).patchy,
}
ALWAYS = {
    "spacing_ratio": (0.75, 3.0),
    "nugget": (0.0, 0.2),
    "vertical_range_m": (0.8, 2.0),
    "background_log_sd": (0.25, 0.45),
    "zonal_log_sd": (0.20, 0.40),
    "share_log_sd": (0.03, 0.08),
    "density_t_m3": (0.50, 0.60),
    "station_jitter": (0.25, 0.35),
}


def test_inputs_fill_the_stated_ranges_and_a_departure_breaks_the_prior_in_its_own_way_alone():
    found = [twins.draw_parameters(seed, layout) for layout in twins.LAYOUTS for seed in range(360)]
    for parameters in found:
        broken = {line for line, holds in PRIOR.items() if not holds(parameters)}
        expected = "covariance" if parameters.departure in ("smooth", "spherical") else parameters.departure
        assert broken == ({expected} if parameters.outside else set())
    for name, (low, high) in ALWAYS.items():
        values = np.array([getattr(parameters, name) for parameters in found])
        assert low <= values.min() < low + 0.02 * (high - low), name
        assert high - 0.02 * (high - low) < values.max() <= high, name
    assert {len(parameters.peaks) for parameters in found} == {1, 2, 3}
    for parameters in found:
        depth_m = np.array([peak.depth_m for peak in parameters.peaks])
        assert 1 <= depth_m[0] <= depth_m[-1] <= 9
        assert (np.diff(depth_m) >= 1.5).all()


def test_where_patches_are_the_departure_the_strongest_horizon_is_patchy():
    first = 3 * twins.DEPARTURES.index("patchy") + 2
    for seed in range(first, 18_000, 18):
        parameters = twins.draw_parameters(seed, 25)
        strongest = max(parameters.peaks, key=lambda peak: peak.amplitude_ppm)
        assert parameters.departure == "patchy"
        assert strongest.patchy
        assert 2000 <= strongest.amplitude_ppm <= 4000


def test_the_target_of_the_mean_grade_is_lognormal():
    log_ppm = np.log([twins.draw_parameters(seed, 25).rey_mean_ppm for seed in range(600)])
    assert log_ppm.mean() == pytest.approx(math.log(960), abs=4 * 0.3 / math.sqrt(600))
    assert log_ppm.std() == pytest.approx(0.3, abs=0.035)


def test_the_range_is_in_spacings_of_the_layout(small):
    parameters = twins.draw_parameters(7, 49)
    assert parameters.range_m(49e8) == pytest.approx(1e4 * parameters.spacing_ratio)


def test_totals_differ_between_twins_and_grades_scatter_around_their_targets(drawn):
    for twins_of in drawn.values():
        totals_t = [truth.over("dy").metal_t for _, truth, _ in twins_of]
        assert 0.15 < np.log(totals_t).std() < 0.6
        ratio = np.log([truth.over("rey").grade_ppm / parameters.rey_mean_ppm for _, truth, parameters in twins_of])
        assert ratio.std() > 0.03  # nothing is scaled to the realised mean
        assert abs(ratio.mean()) < 0.12
        for _, truth, parameters in twins_of:
            assert truth.highest_rey_ppm <= parameters.rey_cap_ppm
            assert truth.over("dy").grade_ppm / truth.over("rey").grade_ppm == pytest.approx(parameters.dy_share, rel=0.05)
            assert truth.over("gd").grade_ppm / truth.over("rey").grade_ppm == pytest.approx(parameters.gd_share, rel=0.05)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_or_layout_does_not(tmp_path):
    for name, seed, layout in (("one", 4, 12), ("again", 4, 12), ("other", 5, 12), ("wider", 4, 25)):
        twins.write_raw(tmp_path / name, seed, layout)
    one, again, other, wider = (files(tmp_path / name) for name in ("one", "again", "other", "wider"))
    assert one == again
    for different in (other, wider):
        assert one["cores/twin.csv"] != different["cores/twin.csv"]
        assert one["assessment.toml"] == different["assessment.toml"]


def test_an_older_twin_in_the_folder_is_replaced(tmp_path):
    for seed in (8, 9):
        twins.write_raw(tmp_path / "both", seed, 12)
    twins.write_raw(tmp_path / "last", 9, 12)
    assert files(tmp_path / "both") == files(tmp_path / "last")


def test_ground_does_not_depend_on_the_survey_nor_the_survey_on_the_ground(settings, monkeypatch):
    survey, truth, _ = twins.draw(3, 12, settings)
    inputs = twins.draw_parameters(3, 12)
    monkeypatch.setattr(twins, "draw_parameters", lambda *_: replace(inputs, short_cores=inputs.short_cores + 2, station_jitter=0.0))
    _, same_ground, _ = twins.draw(3, 12, settings)
    assert np.array_equal(same_ground.grade_ppm["dy"], truth.grade_ppm["dy"])
    monkeypatch.setattr(twins, "draw_parameters", lambda *_: replace(inputs, peaks=(), vertical_range_m=1.1))
    same_stations, other_ground, _ = twins.draw(3, 12, settings)
    assert not np.array_equal(other_ground.grade_ppm["dy"], truth.grade_ppm["dy"])
    assert np.array_equal(same_stations.longitude_deg, survey.longitude_deg)
    assert np.array_equal(same_stations.from_m, survey.from_m)


@pytest.mark.parametrize("layout", twins.LAYOUTS)
def test_a_written_survey_is_accepted_whole_and_called_synthetic(tmp_path, drawn, layout):
    truth, parameters = twins.write_raw(tmp_path, 2, layout)
    survey, drawn_truth, drawn_parameters = drawn[layout][2]
    samples = read_samples(tmp_path)
    assert samples.rejected.empty
    assert samples.marks.data_kind == "synthetic"
    assert not any("outside" in warning for warning in samples.warnings)
    assert samples.frame["core_id"].nunique() == layout
    assert len(samples.frame) == survey.core.size
    assert parameters == drawn_parameters
    assert truth.over("dy") == drawn_truth.over("dy")
    assert not (tmp_path / "truth").exists()
    with (tmp_path / "cores" / "twin.csv").open(encoding="utf-8") as file:
        assert [float(row["dy_ppm"]) for row in csv.DictReader(file)] == survey.grade_ppm["dy"].tolist()


@pytest.mark.parametrize(("seed", "layout"), RECORDED)
def test_no_drawn_number_changes_without_a_new_version(drawn, seed, layout):
    assert twins.VERSION == 1, "record the new version's numbers"
    survey, truth, parameters = drawn[layout][seed]
    dy_t, gd_t = (truth.over(element).metal_t for element in ("dy", "gd"))
    found = (truth.over("rey").grade_ppm, dy_t, gd_t, survey.core.size, float(survey.grade_ppm["dy"].sum()))
    departure, *numbers = RECORDED[seed, layout]
    assert parameters.departure == departure
    assert found == pytest.approx(numbers, rel=1e-6)


def test_parameters_are_plain_numbers_that_can_be_recorded():
    for seed in SEEDS:
        for value in asdict(twins.draw_parameters(seed, 25)).values():
            assert type(value) in (int, float, str, tuple), value


def test_an_unknown_layout_is_explained():
    with pytest.raises(ValueError, match="layout is 24; known are 12, 25, 49 cores"):
        twins.draw_parameters(1, 24)
