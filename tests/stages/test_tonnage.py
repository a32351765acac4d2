"""Tonnage: sums that can be counted again, and what must hold between rows."""

from __future__ import annotations

import numpy as np
import pytest
from assess import assess, with_settings
from planted import SETTINGS, cores_on_a_grid, csv_text, varied_density_t_m3, varied_ppm

from pipeline.artefacts import Density, Grade, Seafloor

CUTOFFS = (0.0, 20.0, 40.0, 60.0, 80.0)
PERCENTILES = ("p05", "p10", "p50", "p90", "p95")


@pytest.fixture(scope="module")
def varied(plant):
    """Grade and density vary and are unrelated."""
    return assess(plant(cores_on_a_grid(varied_ppm, varied_density_t_m3)))


@pytest.fixture(scope="module")
def prior_only(plant):
    """No sample carries density."""
    return assess(plant([{**row, "dry_bulk_density_t_m3": None} for row in cores_on_a_grid(varied_ppm)]))


def area_m2(result):
    estimated = np.isfinite(result.grades[0].mean_ppm)
    return float(result.seafloor.region_share[estimated].sum()) * result.seafloor.grid.cell_area_m2


def test_a_constant_that_compositing_rounds_has_no_model_of_its_last_bits(plant):
    """0.5 t/m3 everywhere: no variogram may be fitted to rounding noise, and mud has no spread."""
    result = assess(plant(cores_on_a_grid(varied_ppm)))
    density = next(variogram for variogram in result.variograms if variogram.subject == "density")
    assert density.model.sill == 0
    assert result.tonnes("dy", "sd", "dry_mud_t") < 1e-9 * result.tonnes("dy", "mean", "dry_mud_t")


def test_constant_grade_and_density_give_the_product(plant):
    result = assess(plant(cores_on_a_grid(lambda *_: 50.0)))
    mud_t = area_m2(result) * 4.0 * 0.5
    assert result.tonnes("dy", "mean", "dry_mud_t") == pytest.approx(mud_t, rel=1e-9)
    assert result.tonnes("dy", "mean") == pytest.approx(mud_t * 50e-6, rel=1e-9)
    assert result.tonnes("dy", "mean", "area_km2") == pytest.approx(area_m2(result) / 1e6, rel=1e-9)
    assert result.tonnes("dy", "sd") == pytest.approx(0, abs=1e-6 * mud_t * 50e-6)
    assert result.tonnes("dy", "p95") == pytest.approx(mud_t * 50e-6, rel=1e-5)


def test_whole_region_is_counted_when_every_cell_is_estimated(varied):
    assert varied.tonnes("dy", "mean", "area_km2") == pytest.approx(varied.seafloor.region_share.sum() * 25, rel=1e-9)


def test_doubling_density_doubles_mud_and_metal_but_not_grade(plant, varied):
    double = assess(plant(cores_on_a_grid(varied_ppm, lambda *place: 2 * varied_density_t_m3(*place))))
    for statistic in ("kriged", "mean", "sd", *PERCENTILES):
        for column, factor in (("dry_mud_t", 2), ("metal_t", 2), ("oxide_t", 2), ("grade_ppm", 1)):
            assert double.tonnes("dy", statistic, column) == pytest.approx(factor * varied.tonnes("dy", statistic, column), rel=1e-9)


def test_doubling_grades_and_cutoffs_doubles_metal_and_sd(plant, varied):
    settings = with_settings(SETTINGS, dy_ppm=str([2 * cutoff for cutoff in CUTOFFS]))
    double = assess(plant(cores_on_a_grid(lambda *place: 2 * varied_ppm(*place), varied_density_t_m3), settings))
    for statistic in ("mean", "sd", *PERCENTILES):
        for column, factor in (("dry_mud_t", 1), ("metal_t", 2), ("oxide_t", 2), ("grade_ppm", 2)):
            assert double.tonnes("dy", statistic, column) == pytest.approx(factor * varied.tonnes("dy", statistic, column), rel=1e-9)
    for cutoff_ppm in CUTOFFS:
        for column, factor in (("area_km2", 1), ("dry_mud_t", 1), ("metal_t", 2)):
            twin = double.tonnes("dy", "kriged", column, cutoff_ppm=2 * cutoff_ppm)
            assert twin == pytest.approx(factor * varied.tonnes("dy", "kriged", column, cutoff_ppm=cutoff_ppm), rel=1e-9)


@pytest.mark.parametrize("region", ["all", "supported"])
def test_tonnes_fall_and_grade_rises_with_the_cutoff(reference, region):
    cutoffs = reference.settings.cutoffs.of("dy")
    for column in ("area_km2", "dry_mud_t", "metal_t"):
        assert np.all(np.diff([reference.tonnes("dy", "kriged", column, region, cutoff) for cutoff in cutoffs]) <= 0)
    grades = np.array([reference.tonnes("dy", "kriged", "grade_ppm", region, cutoff) for cutoff in cutoffs])
    some = np.isfinite(grades)
    assert np.all(np.diff(grades[some]) >= 0)
    assert np.all(grades[some] >= np.array(cutoffs)[some])


def test_cutoff_beyond_every_block_leaves_nothing_and_no_grade(plant):
    result = assess(plant(cores_on_a_grid(varied_ppm), with_settings(SETTINGS, dy_ppm="[0.0, 5000.0]")))
    for column in ("area_km2", "dry_mud_t", "metal_t", "oxide_t"):
        assert result.tonnes("dy", "kriged", column, cutoff_ppm=5000.0) == 0
    assert np.isnan(result.tonnes("dy", "kriged", "grade_ppm", cutoff_ppm=5000.0))


@pytest.mark.parametrize("column", ["area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t"])
def test_kriged_row_at_cutoff_0_is_the_mean(reference, column):
    for element in ("dy", "gd"):
        for region in ("all", "supported"):
            assert reference.tonnes(element, "kriged", column, region) == reference.tonnes(element, "mean", column, region)


@pytest.mark.parametrize("cutoff_ppm", [0.0, 30.0, 60.0])
def test_kriged_metal_equals_the_count_from_the_rasters(reference, tmp_path, cutoff_ppm):
    artefacts = {"seafloor.tif": reference.seafloor, "density.tif": reference.density, "grade_dy.tif": reference.grades[0]}
    for name, artefact in artefacts.items():
        artefact.write(tmp_path / name)
    floor, density, grade = (kind.read(tmp_path / name) for kind, name in zip((Seafloor, Density, Grade), artefacts, strict=True))
    block_m3 = floor.grid.cell_area_m2 * floor.layers.layer_m * floor.region_share
    over = grade.layer_ppm >= cutoff_ppm
    mud_t = np.where(over, density.layer_t_m3 * block_m3, 0)
    assert reference.tonnes("dy", "kriged", "dry_mud_t", cutoff_ppm=cutoff_ppm) == pytest.approx(np.nansum(mud_t), rel=1e-6)
    metal_t = np.nansum(np.where(over, mud_t * grade.layer_ppm, 0)) * 1e-6
    assert reference.tonnes("dy", "kriged", cutoff_ppm=cutoff_ppm) == pytest.approx(metal_t, rel=1e-6)
    area_km2 = (over.any(axis=0) * floor.region_share).sum() * floor.grid.cell_area_m2 / 1e6
    assert reference.tonnes("dy", "kriged", "area_km2", cutoff_ppm=cutoff_ppm) == pytest.approx(area_km2, rel=1e-6)


@pytest.mark.parametrize(("element", "ratio"), [("dy", 1.14768), ("gd", 1.15261)])
def test_oxide_is_metal_times_the_published_factor(reference, element, ratio):
    frame = reference.tonnage.frame.query("element == @element and metal_t > 0")
    assert len(frame) > 10
    assert (frame["oxide_t"] / frame["metal_t"]).to_numpy() == pytest.approx(ratio, abs=1e-5)


def test_element_without_an_oxide_leaves_the_column_empty(plant):
    rows = [{**row, "zn_ppm": row["dy_ppm"]} for row in cores_on_a_grid(varied_ppm)]
    result = assess(plant(rows, with_settings(SETTINGS, assessed='["zn"]', dy_ppm="[0.0]")))
    assert set(result.tonnage.frame["element"]) == {"zn"}
    assert result.tonnage.frame["oxide_t"].isna().all()
    assert set(result.tonnage.frame["cutoff_ppm"]) == {0.0}


@pytest.mark.parametrize("statistic", ["kriged", "mean", "sd", *PERCENTILES])
def test_dry_mud_is_the_same_whatever_element_is_asked_for(reference, statistic):
    for column in ("dry_mud_t", "area_km2"):
        assert reference.tonnes("dy", statistic, column) == reference.tonnes("gd", statistic, column)


@pytest.mark.parametrize("column", ["dry_mud_t", "grade_ppm", "metal_t", "oxide_t"])
def test_percentiles_rise_around_the_mean(reference, column):
    for element in ("dy", "gd"):
        for region in ("all", "supported"):
            values = [reference.tonnes(element, statistic, column, region) for statistic in PERCENTILES]
            assert np.all(np.diff(values) > 0)
            mean, sd = (reference.tonnes(element, statistic, column, region) for statistic in ("mean", "sd"))
            assert values[1] < mean < values[3]
            assert 1.645 * 2 * sd == pytest.approx(values[4] - values[0], rel=0.05)


def test_supported_part_is_no_larger_than_all(reference):
    for element in ("dy", "gd"):
        for statistic in ("kriged", "mean"):
            for column in ("area_km2", "dry_mud_t", "metal_t"):
                assert reference.tonnes(element, statistic, column, "supported") <= reference.tonnes(element, statistic, column, "all")


def test_support_ends_at_the_hull_of_the_cores(plant):
    rows = [row for row in cores_on_a_grid(varied_ppm) if row["longitude_deg"] < 153.7]
    open_, tight = (
        assess(plant({"survey.csv": csv_text(rows)}, SETTINGS + f"\n[tonnage]\nhull_buffer_spacings = {buffer}\nmin_slope_of_regression = 0.0\n"))
        for buffer in (50.0, 0.0)
    )
    assert open_.tonnes("dy", "mean", "area_km2", "supported") == open_.tonnes("dy", "mean", "area_km2", "all")
    assert tight.tonnes("dy", "mean", "area_km2", "supported") < 0.7 * tight.tonnes("dy", "mean", "area_km2", "all")


def test_prior_density_alone_gives_mud_its_spread(prior_only):
    mud_t, sd_t = (prior_only.tonnes("dy", statistic, "dry_mud_t") for statistic in ("mean", "sd"))
    assert sd_t / mud_t == pytest.approx(0.06 / 0.55, rel=1e-9)
    assert mud_t == pytest.approx(area_m2(prior_only) * 4 * 0.55, rel=1e-9)


def test_prior_density_adds_to_metal_in_squares_and_not_to_grade(plant, prior_only):
    rows = [{**row, "dry_bulk_density_t_m3": None} for row in cores_on_a_grid(varied_ppm)]
    certain = assess(plant(rows, with_settings(SETTINGS, mean_sd_t_m3="0.0")))
    assert certain.tonnes("dy", "sd", "dry_mud_t") == 0
    for statistic in ("sd", *PERCENTILES):
        assert prior_only.tonnes("dy", statistic, "grade_ppm") == pytest.approx(certain.tonnes("dy", statistic, "grade_ppm"), rel=1e-12)
    metal_t = prior_only.tonnes("dy", "mean")
    expected = np.hypot(certain.tonnes("dy", "sd"), metal_t * 0.06 / 0.55)
    assert prior_only.tonnes("dy", "sd") == pytest.approx(expected, rel=1e-9)


def test_measured_density_makes_the_prior_idle(plant, varied):
    other = assess(plant(cores_on_a_grid(varied_ppm, varied_density_t_m3), with_settings(SETTINGS, dry_bulk_density_t_m3="0.9", mean_sd_t_m3="0.3")))
    assert other.tonnage.frame.equals(varied.tonnage.frame)


def test_total_is_surer_than_a_block_but_far_less_than_if_blocks_were_independent(reference):
    for grade in reference.grades:
        relative_total = reference.tonnes(grade.element, "sd", "grade_ppm") / reference.tonnes(grade.element, "mean", "grade_ppm")
        relative_cell = grade.sd_ppm / grade.mean_ppm
        assert relative_total < np.nanmean(relative_cell)
        assert relative_total > 3 * np.nanmean(relative_cell) / np.sqrt(np.isfinite(grade.mean_ppm).sum())


def test_cell_size_hardly_changes_the_total(plant):
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3)
    coarse, fine = (assess(plant(rows, with_settings(SETTINGS, cell_m=cell_m))) for cell_m in ("5000.0", "2500.0"))
    assert fine.tonnes("dy", "mean", "dry_mud_t") == pytest.approx(coarse.tonnes("dy", "mean", "dry_mud_t"), rel=5e-3)
    assert fine.tonnes("dy", "mean") == pytest.approx(coarse.tonnes("dy", "mean"), rel=5e-3)
    assert fine.tonnes("dy", "sd") == pytest.approx(coarse.tonnes("dy", "sd"), rel=0.03)
