"""The spatial model of one variable: what a survey says of it, and how little a small one does."""

from __future__ import annotations

import numpy as np
import pytest
from assess import listed, read_samples
from planted import cores_on_a_grid, varied_density_t_m3, varied_ppm

from pipeline.artefacts import BathymetryFiles, Subject, Variogram
from pipeline.config import VariogramSettings, read_settings
from pipeline.errors import SettingsError, TooFewSamples
from pipeline.stages import composites, seafloor, variogram

PARAMETERS = {"nugget", "sill", "horizontal range", "vertical range", "zonal sill"}


def composed(raw):
    """Composites and seafloor of a folder RAW."""
    settings = read_settings(raw / "assessment.toml")
    floor = seafloor.run(listed(BathymetryFiles, raw, ".nc", ".tif"), settings.region, settings.grid)
    return composites.run(read_samples(raw), floor, settings.region, settings.composites, settings.density, settings.elements), floor


@pytest.fixture(scope="module")
def planted_survey(plant):
    return composed(plant(cores_on_a_grid(varied_ppm, varied_density_t_m3, side=5)))


@pytest.fixture(scope="module")
def shipped(reference_raw):
    return composed(reference_raw)


def fitted(survey, subject="dy", **changes):
    return variogram.run(*survey, Subject(subject), VariogramSettings(**changes))


@pytest.mark.parametrize("subject", ["dy", "gd", "density"])
def test_how_much_the_survey_says_of_each_parameter_is_always_recorded(shipped, subject):
    result = fitted(shipped, subject)
    uncertainty = result.fit["uncertainty"]
    assert set(uncertainty["parameters"]) == PARAMETERS
    assert result.fit["semivariance"] == "matheron"
    low_m, high_m = uncertainty["horizontal_range_interval_m"]
    assert low_m < uncertainty["parameters"]["horizontal range"]["estimate"] < high_m
    assert high_m / low_m > 2, "25 stations do not pin the range"
    for name, parameter in uncertainty["parameters"].items():
        assert (parameter["log_sd"] is None) == (name in uncertainty["at_bounds"])


@pytest.mark.parametrize("subject", ["dy", "gd", "density"])
def test_the_planted_ranges_are_inside_the_interval(shipped, subject):
    """The reference survey is made of exponential fields with practical ranges of 15 km and 20 km."""
    low_m, high_m = fitted(shipped, subject).fit["uncertainty"]["horizontal_range_interval_m"]
    assert low_m < 15_000
    assert high_m > 20_000


def test_the_default_model_is_what_it_was_before_uncertainty_was_stated(shipped):
    result = fitted(shipped)
    assert result.fit["method"] == "weighted least squares (Cressie 1985) on residuals standardised by layer"
    assert result.fit["at_bounds"] == ["nugget"]
    assert result.fit["weighted_sum_of_squares"] == pytest.approx(38.665192405, rel=1e-7)
    first, zonal = result.model.structures
    assert (first.sill, zonal.sill) == pytest.approx((0.6611430, 0.1285089), rel=1e-4)
    assert (first.horizontal_range_m, first.vertical_range_m) == pytest.approx((21_225.085, 1.2921850), rel=1e-4)


def test_restricted_maximum_likelihood_is_used_where_it_is_asked_for(shipped):
    least, likely = fitted(shipped), fitted(shipped, fit="reml")
    assert likely.fit["method"].startswith("restricted maximum likelihood")
    assert likely.fit["uncertainty"] == least.fit["uncertainty"]
    assert likely.model != least.model
    parameters = likely.fit["uncertainty"]["parameters"]
    assert likely.model.nugget == parameters["nugget"]["estimate"]
    assert likely.model.structures[0].horizontal_range_m == parameters["horizontal range"]["estimate"]
    assert likely.model.structures[1].sill == parameters["zonal sill"]["estimate"]
    assert likely.fit["at_bounds"] == likely.fit["uncertainty"]["at_bounds"]
    np.testing.assert_array_equal(likely.layer_mean, least.layer_mean)


def test_the_robust_estimator_is_used_where_it_is_asked_for(planted_survey):
    classical, robust = fitted(planted_survey), fitted(planted_survey, semivariance="cressie_hawkins")
    assert robust.fit["semivariance"] == "cressie_hawkins"
    assert [row["pairs"] for row in robust.experimental] == [row["pairs"] for row in classical.experimental]
    assert [row["semivariance"] for row in robust.experimental] != [row["semivariance"] for row in classical.experimental]


@pytest.mark.parametrize("model", ["spherical", "exponential", "cubic", "gaussian", "matern32", "matern52"])
def test_no_shape_fits_worse_than_a_pure_nugget(planted_survey, model):
    result = fitted(planted_survey, model=model)
    assert {part.kind for part in result.model.structures} == {model}
    semivariance, pairs = (np.array([row[key] for row in result.experimental]) for key in ("semivariance", "pairs"))
    constants = np.linspace(0.1, 3.0, 1_000)[:, None]
    best_constant = np.min(np.sum(pairs * (semivariance / constants - 1) ** 2, axis=1))
    assert result.fit["weighted_sum_of_squares"] <= best_constant


@pytest.mark.parametrize("fit", ["least_squares", "reml"])
def test_values_that_do_not_vary_have_no_sill_and_nothing_uncertain(plant, fit):
    result = fitted(composed(plant(cores_on_a_grid(lambda *_: 40.0, side=3))), fit=fit)
    assert result.model.sill == 0
    assert result.fit["uncertainty"] == {"remarks": ["the values do not vary: there is nothing to be uncertain about"]}


def test_the_file_holds_what_the_stage_said(planted_survey, tmp_path):
    result = fitted(planted_survey, fit="reml")
    result.write(tmp_path / "variogram_dy.json")
    assert Variogram.read(tmp_path / "variogram_dy.json").fit == result.fit
    assert "NaN" not in (tmp_path / "variogram_dy.json").read_text(encoding="utf-8")


def test_four_cores_in_a_square_need_longer_lags(plant):
    """No two of them are within half the diagonal: that was once fitted as a field without variance."""
    places = [(153.6, 21.9), (153.7, 21.9), (153.6, 22.0), (153.7, 22.0)]
    rows = [
        {**row, "core_id": f"S{k}", "longitude_deg": longitude, "latitude_deg": latitude, "dy_ppm": varied_ppm(longitude, latitude, row["from_m"])}
        for k, (longitude, latitude) in enumerate(places)
        for row in cores_on_a_grid(varied_ppm, side=2)[:8]
    ]
    survey = composed(plant(rows))
    with pytest.raises(
        TooFewSamples, match=r"variogram of dy: no two of its 4 cores are within \d+ m of each other in one layer\. Raise \[variogram\] max_lag_share"
    ):
        fitted(survey)
    assert fitted(survey, max_lag_share=1.0).model.sill > 0


def test_too_many_composites_for_a_likelihood_are_told_so(planted_survey, monkeypatch):
    monkeypatch.setattr(variogram, "_MOST_FOR_UNCERTAINTY", 50)
    monkeypatch.setattr(variogram, "_MOST_FOR_FIT", 60)
    assert fitted(planted_survey).fit["uncertainty"] == {"remarks": ["not computed: 100 composites, more than 50"]}
    with pytest.raises(SettingsError, match=r'\[variogram\] fit = "reml" takes up to 60 composites and there are 100\. Set fit = "least_squares"'):
        fitted(planted_survey, fit="reml")
