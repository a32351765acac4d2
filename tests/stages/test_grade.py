"""Grade: what must hold whatever the deposit is."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from assess import assess, with_settings
from planted import SETTINGS, cores_on_a_grid, csv_text, varied_density_t_m3, varied_ppm

from pipeline.artefacts import Grade, step_ppm_of
from pipeline.config import CrossValidationSettings
from pipeline.stages import cross_validation
from pipeline.stages import grade as grade_stage


@pytest.fixture(scope="module")
def varied(plant):
    """Grade and density vary and are unrelated."""
    return assess(plant(cores_on_a_grid(varied_ppm, varied_density_t_m3)))


def known(values):
    return values[np.isfinite(values)]


@pytest.mark.parametrize("density", [None, varied_density_t_m3], ids=["constant density", "varied density"])
def test_constant_grade_is_found_everywhere_without_doubt(plant, density):
    result = assess(plant(cores_on_a_grid(lambda *_: 50.0, density)))
    for grade in result.grades:
        estimated = np.isfinite(grade.mean_ppm)
        assert estimated.sum() > 50
        assert np.isfinite(grade.layer_ppm[:, estimated]).all()
        assert known(grade.layer_ppm) == pytest.approx(50, rel=1e-9)
        assert known(grade.mean_ppm) == pytest.approx(50, rel=1e-9)
        # The error of a ratio is a difference of near-equal squares: its root keeps half of the digits.
        assert known(grade.layer_sd_ppm) == pytest.approx(0, abs=1e-5)
        assert known(grade.sd_ppm) == pytest.approx(0, abs=1e-5)


def test_doubling_density_changes_no_grade(plant, varied):
    double = assess(plant(cores_on_a_grid(varied_ppm, lambda *place: 2 * varied_density_t_m3(*place))))
    for one, other in zip(varied.grades, double.grades, strict=True):
        assert known(other.layer_ppm) == pytest.approx(known(one.layer_ppm), rel=1e-9)
        assert known(other.mean_ppm) == pytest.approx(known(one.mean_ppm), rel=1e-9)
        assert known(other.sd_ppm) == pytest.approx(known(one.sd_ppm), rel=1e-9)
    assert known(double.density.layer_t_m3) == pytest.approx(2 * known(varied.density.layer_t_m3), rel=1e-9)
    assert known(double.density.column_sd_t_m3) == pytest.approx(2 * known(varied.density.column_sd_t_m3), rel=1e-9)


def test_ten_times_the_grades_give_ten_times_estimate_and_sd(plant, varied):
    """Also to the last step, which is ten times as large: a unit changes no digit."""
    tenfold = assess(plant(cores_on_a_grid(lambda *place: 10 * varied_ppm(*place), varied_density_t_m3)))
    for one, other in zip(varied.grades, tenfold.grades, strict=True):
        assert other.step_ppm == 10 * one.step_ppm
        assert known(other.layer_ppm) == pytest.approx(10 * known(one.layer_ppm), rel=1e-9)
        assert known(other.layer_sd_ppm) == pytest.approx(10 * known(one.layer_sd_ppm), rel=1e-9)
        assert known(other.sd_ppm) == pytest.approx(10 * known(one.sd_ppm), rel=1e-9)
        assert known(other.slope_of_regression) == pytest.approx(known(one.slope_of_regression), rel=1e-9)


def test_grades_are_whole_steps_and_a_file_gives_back_what_was_in_memory(varied, tmp_path):
    for grade in varied.grades:
        assert grade.step_ppm == step_ppm_of(varied.composites.frame[f"{grade.element}_ppm"].max())
        grade.write(tmp_path / f"grade_{grade.element}.tif")
        again = Grade.read(tmp_path / f"grade_{grade.element}.tif")
        assert again.step_ppm == grade.step_ppm
        for name in ("mean_ppm", "sd_ppm", "layer_ppm", "layer_sd_ppm"):
            values = getattr(grade, name)
            assert np.array_equal(getattr(again, name), values, equal_nan=True)
            steps = known(values) / grade.step_ppm
            np.testing.assert_allclose(steps, np.rint(steps), atol=1e-9)


def test_names_of_cores_do_not_matter(plant, varied):
    renamed = [{**row, "core_id": str(row["core_id"])[::-1]} for row in cores_on_a_grid(varied_ppm, varied_density_t_m3)]
    for one, other in zip(varied.grades, assess(plant(renamed)).grades, strict=True):
        assert known(other.mean_ppm) == pytest.approx(known(one.mean_ppm), rel=1e-9)
        assert known(other.sd_ppm) == pytest.approx(known(one.sd_ppm), rel=1e-7)


def test_mean_is_the_mass_weighted_mean_of_the_layers(varied):
    """To a step: half of one for the mean, and up to half of one for what the layers lost."""
    for grade in varied.grades:
        mass = varied.density.layer_t_m3
        weighted = (grade.layer_ppm * mass).sum(axis=0) / mass.sum(axis=0)
        assert known(grade.mean_ppm) == pytest.approx(known(weighted), abs=grade.step_ppm)


def test_sd_of_the_column_mean_knows_that_layers_are_related(reference):
    """Layers of one core resemble each other: their errors add up more than independent ones would."""
    for grade in reference.grades:
        mass = reference.density.layer_t_m3
        independent_ppm = np.sqrt(((grade.layer_sd_ppm * mass) ** 2).sum(axis=0)) / mass.sum(axis=0)
        assert np.nanmin(grade.sd_ppm / independent_ppm) > 1


def test_estimate_varies_less_than_the_samples(varied):
    for grade in varied.grades:
        samples = varied.composites.frame[f"{grade.element}_ppm"]
        assert np.nanmin(grade.layer_ppm) > 0
        assert np.nanstd(grade.layer_ppm[0]) < samples[varied.composites.frame["layer"] == 0].std()
        assert samples.min() < np.nanmean(grade.mean_ppm) < samples.max()


def test_sd_is_smallest_beside_a_core(reference):
    frame = reference.composites.frame.drop_duplicates("core_id")
    for grade in reference.grades:
        easting_m, northing_m = grade.grid.centres_m()
        core_east_m, core_north_m = grade.grid.from_lonlat(frame["longitude_deg"].to_numpy(), frame["latitude_deg"].to_numpy())
        apart_m = np.hypot(easting_m[..., None] - core_east_m, northing_m[..., None] - core_north_m).min(axis=-1)
        beside, far = (np.nanmean(grade.sd_ppm[which]) for which in (apart_m < 1_500, apart_m > 6_000))
        assert beside < 0.8 * far


def test_planted_trend_with_depth_is_recovered(plant):
    """Grade rises by 10 ppm a metre in every core: the layers must show it, without error."""
    result = assess(plant(cores_on_a_grid(lambda _, __, depth_m: 40 + 10 * depth_m)))
    for grade in result.grades:
        for layer in range(4):
            assert known(grade.layer_ppm[layer]) == pytest.approx(45 + 10 * layer, rel=1e-6)


def test_layer_that_no_core_reaches_is_missing_not_zero(plant):
    result = assess(plant(cores_on_a_grid(varied_ppm, varied_density_t_m3, bottom_m=3.0)))
    for grade in result.grades:
        assert np.isnan(grade.layer_ppm[3]).all()
        assert np.isnan(grade.layer_sd_ppm[3]).all()
        reached = np.isfinite(grade.mean_ppm)
        assert np.isfinite(grade.layer_ppm[:3, reached]).all()
        mass = result.density.layer_t_m3[:3]
        weighted = (grade.layer_ppm[:3] * mass).sum(axis=0) / mass.sum(axis=0)
        assert known(grade.mean_ppm) == pytest.approx(known(weighted), abs=grade.step_ppm)
    mud_t = result.tonnes("dy", "kriged", "dry_mud_t")
    cells_m2 = np.where(np.isfinite(result.grades[0].mean_ppm), result.seafloor.region_share, 0) * result.seafloor.grid.cell_area_m2
    assert mud_t == pytest.approx(np.nansum(cells_m2 * result.density.layer_t_m3[:3]), rel=1e-9)


def test_cells_far_from_every_core_stay_empty(plant):
    rows = [row for row in cores_on_a_grid(varied_ppm) if row["longitude_deg"] < 153.7]
    wide = assess(plant({"survey.csv": csv_text(rows)}, with_settings(SETTINGS, east_deg="155.0")))
    longitude_deg, _ = wide.seafloor.grid.to_lonlat(*wide.seafloor.grid.centres_m())
    for values in (wide.grades[0].mean_ppm, wide.density.column_t_m3):
        assert np.isnan(values[longitude_deg > 154.2]).all()
        assert np.isfinite(values[(longitude_deg < 153.7) & (wide.seafloor.region_share == 1)]).all()


def test_nothing_is_estimated_outside_the_region(plant):
    triangle = {"type": "Polygon", "coordinates": [[[153.5, 21.8], [153.9, 21.8], [153.5, 22.2], [153.5, 21.8]]]}
    head, grid = SETTINGS.split("[region]")[0], SETTINGS[SETTINGS.index("[grid]") :]
    raw = plant(cores_on_a_grid(varied_ppm), f'{head}[region]\npolygon = "region.geojson"\n\n{grid}')
    (raw / "region.geojson").write_text(json.dumps(triangle), encoding="utf-8")
    result = assess(raw)
    outside = result.seafloor.region_share == 0
    assert 0.2 < outside.mean() < 0.6
    for grade in result.grades:
        assert np.isnan(grade.mean_ppm[outside]).all()
        assert np.isfinite(grade.mean_ppm[~outside]).all()


def test_prior_uncertainty_of_density_leaves_grade_alone(plant):
    rows = [{**row, "dry_bulk_density_t_m3": None} for row in cores_on_a_grid(varied_ppm)]
    small, large = (assess(plant(rows, with_settings(SETTINGS, mean_sd_t_m3=value))) for value in ("0.01", "0.2"))
    for one, other in zip(small.grades, large.grades, strict=True):
        assert np.array_equal(one.mean_ppm, other.mean_ppm, equal_nan=True)
        assert np.array_equal(one.sd_ppm, other.sd_ppm, equal_nan=True)
        assert np.nanmin(one.sd_ppm) > 0
    assert known(large.density.column_sd_t_m3) == pytest.approx(0.2)
    assert known(large.density.column_t_m3) == pytest.approx(0.55)


@pytest.mark.parametrize("name", ["ordinary", "drift"])
def test_raster_tells_what_it_was_kriged_with(plant, tmp_path, name):
    result = assess(plant(cores_on_a_grid(varied_ppm, varied_density_t_m3), SETTINGS + f'\n[cross_validation]\nestimator = "{name}"\n'))
    result.grades[0].write(tmp_path / "grade_dy.tif")
    with rasterio.open(tmp_path / "grade_dy.tif") as raster:
        assert {key.lower(): value for key, value in raster.tags().items()}["estimator"] == name


def test_under_a_drift_cells_without_depth_stay_empty(varied):
    """Half of the region has no bathymetry: no block there has a grade, and none of it counts as estimated."""
    estimator = cross_validation.run(
        varied.composites, varied.variograms, varied.joint, varied.seafloor, CrossValidationSettings(estimator="drift"), varied.settings.variogram
    )
    depth_m = varied.seafloor.depth_m.copy()
    bare = np.ones(depth_m.shape, dtype=bool)
    easting_m, northing_m = varied.seafloor.grid.from_lonlat(*varied.composites.frame[["longitude_deg", "latitude_deg"]].to_numpy().T)
    west, _, _, north = varied.seafloor.grid.bounds_m
    cell_m = varied.seafloor.grid.cell_m
    bare[((north - northing_m) // cell_m).astype(int), ((easting_m - west) // cell_m).astype(int)] = False
    depth_m[bare] = np.nan
    floor = replace(varied.seafloor, depth_m=depth_m)
    found = grade_stage.run(
        varied.composites, [varied.variograms[0], varied.variograms[-1]], varied.joint, estimator, varied.density, floor, varied.settings.grade
    )
    assert np.array_equal(np.isfinite(found.mean_ppm), ~bare & np.isfinite(varied.grades[0].mean_ppm))
