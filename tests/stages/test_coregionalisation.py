"""The joint model: what it says of planted variables, and what it does where there is little to say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assess import assess, with_settings
from planted import SETTINGS, cores_on_a_grid, csv_text, unrelated_ppm, varied_density_t_m3, varied_ppm

from pipeline.artefacts import JointModel
from pipeline.config import VariogramSettings
from pipeline.stages import coregionalisation


def test_variables_are_the_elements_and_density_with_the_statistics_of_their_variograms(varied):
    assert list(varied.joint.statistics) == ["dy", "gd", "density"]
    for variogram in varied.variograms:
        part = varied.joint.statistics[variogram.subject]
        assert np.array_equal(part.mean, variogram.layer_mean, equal_nan=True)
        assert np.array_equal(part.sd, variogram.layer_sd, equal_nan=True)
        assert np.array_equal(part.pool, variogram.layer_pool)
    assert varied.joint.fit["left_out"] == {}


def test_every_sill_matrix_is_positive_semidefinite(reference):
    model = reference.joint.model
    for matrix in (model.nugget, *model.sills):
        assert np.linalg.eigvalsh(matrix).min() > -1e-9
    assert [part.sill for part in model.structures] == [1.0, 1.0]


def test_marginal_models_keep_the_variance_of_each_variable(reference):
    """Ranges are shared and so a compromise; the sill of each variable stays near that of its own fit."""
    for number, subject in enumerate(reference.joint.statistics):
        own = next(variogram.model for variogram in reference.variograms if variogram.subject == subject)
        assert reference.joint.model.marginal(number).sill == pytest.approx(own.sill, rel=0.35)


def test_elements_of_the_reference_survey_vary_nearly_as_one(reference):
    names = list(reference.joint.statistics)
    correlation = np.array(reference.joint.fit["correlation"])
    assert correlation[names.index("dy"), names.index("gd")] > 0.97
    assert 0.2 < correlation[names.index("dy"), names.index("density")] < 0.9


def test_unrelated_variables_hardly_correlate(varied):
    """Accumulation is grade x density, so it follows density; the two grades do not follow each other by more than that."""
    correlation = np.array(varied.joint.fit["correlation"])
    assert np.diag(correlation) == pytest.approx(1)
    assert abs(correlation[0, 1]) < 0.5


def test_an_element_that_is_another_times_a_factor_has_the_same_model(plant):
    result = assess(plant(cores_on_a_grid(varied_ppm, varied_density_t_m3, lambda *place: 3 * varied_ppm(*place))))
    model = result.joint.model
    for matrix in (model.nugget, *model.sills):
        assert matrix[0, 0] == pytest.approx(matrix[1, 1], abs=1e-7)
        assert matrix[0, 0] == pytest.approx(matrix[0, 1], abs=1e-7)


def test_every_direct_and_cross_variogram_is_kept_with_its_pairs(varied):
    pairs = {(row["one"], row["other"]) for row in varied.joint.experimental}
    assert pairs == {("dy", "dy"), ("gd", "dy"), ("gd", "gd"), ("density", "dy"), ("density", "gd"), ("density", "density")}
    assert all(row["pairs"] > 0 and row["lag_m"] > 0 for row in varied.joint.experimental)
    assert {row["direction"] for row in varied.joint.experimental} == {"vertical", "horizontal"}


def test_variables_known_at_different_cores_have_a_model(plant):
    """Odd cores carry dy, even ones gd: no pair knows both, and their covariance is as small as the fit allows."""
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm)
    rows = [{**row, ("dy_ppm" if sum(map(int, str(row["core_id"])[1:])) % 2 else "gd_ppm"): None} for row in rows]
    result = assess(plant(rows))
    assert list(result.joint.statistics) == ["dy", "gd", "density"]
    assert not [row for row in result.joint.experimental if {row["one"], row["other"]} == {"dy", "gd"}]
    assert all(np.isfinite(matrix).all() for matrix in (result.joint.model.nugget, *result.joint.model.sills))


def test_one_element_without_density_gives_a_model_of_one_variable(plant):
    rows = [{**row, "dry_bulk_density_t_m3": None} for row in cores_on_a_grid(varied_ppm)]
    result = assess(plant(rows, with_settings(SETTINGS, assessed='["dy"]')))
    assert result.joint.model.variables == 1
    assert result.joint.fit["left_out"] == {"density": "nothing was measured"}


def test_a_variable_without_spread_has_no_part_in_the_model(plant):
    result = assess(plant(cores_on_a_grid(varied_ppm, varied_density_t_m3, lambda *place: 20.0 / varied_density_t_m3(*place))))
    assert list(result.joint.statistics) == ["dy", "density"]
    assert result.joint.fit["left_out"] == {"gd": "all values are equal"}


def test_where_nothing_varies_there_is_no_model(plant, tmp_path):
    result = assess(plant(cores_on_a_grid(lambda *_: 50.0)))
    assert result.joint.model is None
    assert set(result.joint.fit["left_out"]) == {"dy", "gd", "density"}
    result.joint.write(tmp_path / "coregionalisation.json")
    assert JointModel.read(tmp_path / "coregionalisation.json") == result.joint


def test_order_of_the_composites_changes_no_bit(varied):
    turned = replace(varied.composites, frame=varied.composites.frame.sample(frac=1, random_state=3))
    again = coregionalisation.run(turned, varied.variograms[::-1], varied.seafloor, varied.settings.variogram)
    assert again.model.to_dict() == varied.joint.model.to_dict()
    assert again.experimental == varied.joint.experimental


def test_shape_of_the_model_follows_the_settings(varied):
    found = coregionalisation.run(varied.composites, varied.variograms, varied.seafloor, VariogramSettings(model="spherical"))
    assert {part.kind for part in found.model.structures} == {"spherical"}


def test_a_layer_that_every_core_lacks_is_no_obstacle(plant):
    rows = [row for row in cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm) if not 1 <= float(str(row["from_m"])) < 2]
    result = assess(plant({"survey.csv": csv_text(rows)}))
    assert result.joint.statistics["dy"].pool.tolist() == [0, -1, 2, 3]
    assert np.isnan(result.joint.statistics["dy"].mean[1])
