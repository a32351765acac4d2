"""The synthetic reference survey: its truth is right, its cores obey the plan, its files come back byte for byte."""

from __future__ import annotations

import csv
import json
import math
import shutil
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline import reference_survey as rs
from pipeline.config import Settings, read_settings
from pipeline.errors import BathymetryError
from pipeline.grid import layers_of, region_grid, region_share

RAW = Path(__file__).parents[1] / "data" / "raw"
WRITTEN = ("cores/reference_survey.csv", "cores/reference_survey.toml", "truth/reference_survey.json")


def coarse(settings: Settings, **grid: float) -> Settings:
    return settings.model_copy(update={"grid": settings.grid.model_copy(update={"cell_m": 2000.0, **grid})})


@pytest.fixture(scope="module")
def settings() -> Settings:
    return read_settings(RAW / "assessment.toml")


@pytest.fixture(scope="module")
def drawn(settings) -> list[tuple[rs.Survey, rs.Truth]]:
    return [rs.draw(seed, coarse(settings)) for seed in (1, 2, 3)]


@pytest.fixture
def raw(tmp_path) -> Path:
    shutil.copytree(RAW / "bathymetry", tmp_path / "bathymetry")
    shutil.copy(RAW / "assessment.toml", tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def committed() -> list[dict[str, str]]:
    with (RAW / WRITTEN[0]).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def record() -> dict:
    return json.loads((RAW / WRITTEN[2]).read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_committed_files_come_back_byte_for_byte(raw):
    assert sorted(rs.write(raw)) == sorted(raw / name for name in WRITTEN)
    for name in WRITTEN:
        assert (raw / name).read_bytes() == (RAW / name).read_bytes(), f"{name} differs: run make reference-survey"


def test_truth_is_what_a_recount_node_by_node_gives(settings):
    small = coarse(settings, cell_m=8000.0, bottom_m=6.0, layer_m=1.5)
    parameters = replace(rs.ReferenceParameters(), slab_m=0.25, long_core_m=(10.0, 11.0))
    grid, layers = region_grid(small.region, small.grid), layers_of(small.grid)
    share = region_share(grid, small.region)
    deposit = rs.draw_deposit(np.random.default_rng(4), grid, layers, share, parameters)
    truth = rs.truth_of(deposit, grid, layers, share)
    cutoff_ppm, area_km2, mud_t, metal_t = 30.0, 0.0, 0.0, 0.0
    for row in range(grid.shape[0]):
        for column in range(grid.shape[1]):
            found = False
            for layer in range(layers.count):
                block_mud = block_metal = 0.0
                for slab in range(6 * layer, 6 * layer + 6):
                    for node_row in (2 * row, 2 * row + 1):
                        for node_column in (2 * column, 2 * column + 1):
                            at = (slab, node_row, node_column)
                            mass = 0.25 * (grid.cell_m / 2) ** 2 * deposit.density_t_m3[at]
                            block_mud += mass
                            block_metal += mass * deposit.grade_ppm["dy"][at] * 1e-6
                if block_metal / block_mud * 1e6 >= cutoff_ppm:
                    found = True
                    mud_t += share[row, column] * block_mud
                    metal_t += share[row, column] * block_metal
            area_km2 += found * share[row, column] * grid.cell_m**2 * 1e-6
    assert 0 < metal_t < truth.over("dy").metal_t
    assert truth.over("dy", cutoff_ppm) == pytest.approx((area_km2, mud_t, metal_t / mud_t * 1e6, metal_t), rel=1e-12)


@pytest.mark.parametrize("element", rs.ELEMENTS)
def test_cutoff_zero_is_everything_and_layers_sum_to_it(drawn, element):
    for _, truth in drawn:
        total = truth.over(element)
        layers = [truth.in_layer(element, layer) for layer in range(truth.layers.count)]
        assert truth.over(element, 0.0) == total
        assert sum(layer.metal_t for layer in layers) == pytest.approx(total.metal_t, rel=1e-12)
        assert sum(layer.dry_mud_t for layer in layers) == pytest.approx(total.dry_mud_t, rel=1e-12)
        assert total.metal_t == pytest.approx(total.dry_mud_t * total.grade_ppm * 1e-6, rel=1e-12)


def test_a_higher_cutoff_leaves_less_and_richer(drawn):
    for _, truth in drawn:
        rising = [truth.over("gd", cutoff_ppm) for cutoff_ppm in (0, 20, 40, 60, 80)]
        for lower, higher in pairwise(rising):
            assert higher.area_km2 <= lower.area_km2
            assert higher.dry_mud_t < lower.dry_mud_t
            assert higher.metal_t < lower.metal_t
            assert higher.grade_ppm > lower.grade_ppm
        assert truth.over("gd", 1e6).metal_t == 0
        assert math.isnan(truth.over("gd", 1e6).grade_ppm)


def test_the_deposit_meets_its_inputs(drawn):
    for _, truth in drawn:
        assert truth.over("rey").grade_ppm == pytest.approx(960, rel=0.001)
        assert truth.over("dy").grade_ppm / truth.over("rey").grade_ppm == pytest.approx(0.033, rel=0.02)
        assert truth.over("gd").grade_ppm / truth.over("rey").grade_ppm == pytest.approx(0.036, rel=0.02)
        assert 7000 <= truth.highest_rey_ppm <= 8500
        total = truth.over("rey")
        assert total.dry_mud_t / (total.area_km2 * 1e6 * 10) == pytest.approx(0.55, abs=0.02)


def test_two_horizons_stand_out_in_the_layer_means(drawn):
    for _, truth in drawn:
        mean_ppm = np.array([truth.in_layer("rey", layer).grade_ppm for layer in range(10)])
        assert mean_ppm[2:4].max() > 1.5 * mean_ppm[[0, 9]].max()  # near 3 m
        assert mean_ppm[7:9].max() > 1.2 * mean_ppm[[0, 9]].max()  # near 8 m


def test_cores_follow_the_plan(drawn):
    for survey, _ in drawn:
        long = survey.penetration_m >= 10
        assert survey.penetration_m.size == 25
        assert 18 <= long.sum() <= 20
        assert survey.penetration_m[long].max() <= 20
        assert ((survey.penetration_m[~long] >= 4) & (survey.penetration_m[~long] <= 9)).all()


def test_samples_are_short_spaced_and_within_their_core(drawn):
    for survey, _ in drawn:
        assert survey.to_m - survey.from_m == pytest.approx(0.2)
        assert (survey.to_m <= survey.penetration_m[survey.core]).all()
        same_core = survey.core[1:] == survey.core[:-1]
        assert (survey.from_m[1:] - survey.to_m[:-1])[same_core].min() > 0.09
        assert np.diff(survey.from_m)[same_core].mean() == pytest.approx(0.5, abs=0.02)


def test_errors_and_missing_densities_are_as_stated(drawn):
    for survey, _ in drawn:
        dy, gd, rey = (np.log(survey.grade_ppm[element]) for element in ("dy", "gd", "rey"))
        density = survey.dry_bulk_density_t_m3
        measured = np.isfinite(density)
        assert 0.05 <= 1 - measured.mean() <= 0.08
        assert np.corrcoef(dy, gd)[0, 1] > 0.95
        assert 0.04 < (dy - rey).std() < 0.08  # 5 % of natural scatter, and two assays of 3 %
        assert 0.35 < np.corrcoef(dy - rey, gd - rey)[0, 1] < 0.85
        assert np.corrcoef(rey[measured], density[measured])[0, 1] > 0.4
        assert density[measured].min() > 0.36
        assert density[measured].max() < 0.74


def test_a_sample_is_the_deposit_of_its_interval_when_nothing_errs(settings):
    parameters = replace(rs.ReferenceParameters(), assay_relative_sd=0.0, density_error_sd_t_m3=0.0, density_missing=0.0)
    grid, layers = region_grid(coarse(settings).region, coarse(settings).grid), layers_of(settings.grid)
    nodes = rs.node_grid(grid, parameters.nodes_per_cell)
    deposit = rs.draw_deposit(np.random.default_rng(1), grid, layers, region_share(grid, settings.region), parameters)
    survey = rs.draw_survey(np.random.default_rng(2), deposit, nodes, (153.5, 21.8, 154.1, 22.25), parameters)
    easting_m, northing_m = nodes.from_lonlat(survey.longitude_deg, survey.latitude_deg)
    for sample in range(0, survey.core.size, 37):
        core, first = survey.core[sample], round(survey.from_m[sample] / 0.1)
        row = int((nodes.transform.f - northing_m[core]) // nodes.cell_m)
        column = int((easting_m[core] - nodes.transform.c) // nodes.cell_m)
        at = (slice(first, first + 2), row, column)
        density = deposit.density_t_m3[at]
        assert survey.dry_bulk_density_t_m3[sample] == pytest.approx(density.mean(), abs=6e-4)
        assert survey.grade_ppm["gd"][sample] == pytest.approx(np.average(deposit.grade_ppm["gd"][at], weights=density), abs=0.06)


def test_fields_have_unit_variance_and_the_stated_covariance(settings):
    nodes = rs.node_grid(region_grid(settings.region, coarse(settings).grid), 1)
    random, fields = np.random.default_rng(7), rs._Fields(nodes, 12_000.0)
    drawn = np.array([field for _ in range(400) for field in fields.pair(random)])
    assert drawn.var() == pytest.approx(1.0, abs=0.05)
    assert (drawn[:, :, :-3] * drawn[:, :, 3:]).mean() == pytest.approx(math.exp(-3 * 6 / 12), abs=0.03)
    assert (drawn[:, 0] * drawn[:, -1]).mean() == pytest.approx(0.0, abs=0.05)  # opposite edges do not see each other


def test_another_seed_is_another_deposit_and_the_same_seed_is_the_same(drawn, settings):
    (one, _), (other, _), _ = drawn
    assert not np.array_equal(one.longitude_deg, other.longitude_deg)
    assert one.grade_ppm["dy"][:20].tolist() != other.grade_ppm["dy"][:20].tolist()
    again, truth = rs.draw(1, coarse(settings))
    assert np.array_equal(again.dry_bulk_density_t_m3, one.dry_bulk_density_t_m3, equal_nan=True)
    assert truth.over("dy", 40.0) == drawn[0][1].over("dy", 40.0)


def test_committed_cores_are_plainly_no_measurements(committed):
    note = tomllib.loads((RAW / WRITTEN[1]).read_text(encoding="utf-8"))
    assert note["synthetic"] is True
    assert note["seed"] == rs.SEED
    assert any("960" in line and "INPUT" in line for line in note["inputs"])
    assert {row["cruise"] for row in committed} == {"COMPUTER-DRAWN-1"}
    assert all("computer-drawn" in row[column] for row in committed for column in ("device", "laboratory", "method", "note"))


def test_committed_cores_lie_in_the_survey_box_on_real_depths(committed):
    assert len({row["core_id"] for row in committed}) == 25
    for row in committed:
        assert 153.5 < float(row["longitude_deg"]) < 154 + 7 / 60
        assert 21.8 < float(row["latitude_deg"]) < 22.25
        assert 5200 < float(row["water_depth_m"]) < 5900


def test_committed_truth_belongs_to_the_committed_settings(record, settings):
    assert record["synthetic"] is True
    assert record["assessment"]["grid"] == settings.grid.model_dump(mode="json")
    for element in settings.elements.assessed:
        assert [row["cutoff_ppm"] for row in record["elements"][element]["cutoffs"]] == settings.cutoffs.of(element)
    total = record["elements"]["rey"]["total"]
    assert total["grade_ppm"] == pytest.approx(960, rel=0.02)
    assert 7000 <= record["rey_highest_node_ppm"] <= 8500


def test_a_missing_depth_grid_is_explained(raw):
    (raw / rs.BATHYMETRY).unlink()
    with pytest.raises(BathymetryError, match="is missing from"):
        rs.water_depth_m(raw / rs.BATHYMETRY, np.array([154.0]), np.array([22.0]))


def test_a_station_off_the_depth_grid_is_explained():
    with pytest.raises(BathymetryError, match=r"no depth at 22.000 N 120.000 E"):
        rs.water_depth_m(RAW / rs.BATHYMETRY, np.array([120.0]), np.array([22.0]))


def test_water_depth_is_bilinear_and_positive_down():
    depth_m = rs.water_depth_m(RAW / rs.BATHYMETRY, np.array([153.9, 154.0, 153.95]), np.array([22.0, 22.0, 22.0]))
    assert depth_m[2] == pytest.approx(depth_m[:2].mean(), abs=1e-6)
    assert (depth_m > 5000).all()


@pytest.mark.parametrize("path", sorted((RAW / "published").glob("*.csv")), ids=lambda path: path.stem)
def test_every_published_figure_has_a_source_and_an_honest_status(path):
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    for row in rows:
        assert row["source"], row["id"]
        assert row["doi_or_reference"], row["id"]
        assert row["status"] in {"published", "derived", "assumption", "unknown"}, row["id"]
        assert (row["status"] == "unknown") == (row["value"] == row["low"] == row["high"] == ""), row["id"]
        numbers = [float(row[column]) for column in ("low", "value", "high") if row[column]]
        assert numbers == sorted(numbers), row["id"]
