"""Validation: every check can be counted again, and none of them touches an estimate."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest
from assess import assess
from planted import cores_on_a_grid, varied_density_t_m3, varied_ppm

from pipeline.artefacts import Calibration, TruthFiles, Validation
from pipeline.geostatistics.covariance import block_nodes, block_variance
from pipeline.stages import (
    composites,
    coregionalisation,
    cross_validation,
    density,
    grade,
    samples,
    seafloor,
    simulation,
    tonnage,
    validation,
    variogram,
)

ESTIMATING = (composites, coregionalisation, cross_validation, density, grade, samples, seafloor, simulation, tonnage, variogram)


@pytest.fixture(scope="module")
def content(reference):
    return reference.validation.content


def test_no_estimating_stage_takes_the_truth():
    for stage in ESTIMATING:
        assert TruthFiles not in get_type_hints(stage.run).values(), stage.__name__
    assert TruthFiles in get_type_hints(validation.run).values()


def test_truth_and_calibration_change_nothing_but_this_file():
    """Nothing downstream of an estimate flows back: no other stage takes what this one makes."""
    for stage in ESTIMATING:
        assert Validation not in get_type_hints(stage.run).values(), stage.__name__
        assert "calibration" not in inspect.signature(stage.run).parameters


def test_scores_are_those_of_cross_validation(reference, content):
    for element, part in content["elements"].items():
        assert part["cross_validation"]["scores"] == reference.cross_validation.comparisons[element].scores
        assert part["cross_validation"]["estimator"] == reference.cross_validation.comparisons[element].estimator.name


def test_what_the_simulation_says_of_itself_is_copied_through(reference):
    said = {"checks": {"a": 1.0}, "accuracy": [2.0], "sources": {}, "closed_form": 3.0, "tail": None, "not_simulated": {}, "seconds": 9.0}
    told = reference.validation_of(replace(reference.simulation, summary=said), reference.tonnage).content["simulation"]
    assert told == {key: value for key, value in said.items() if key != "seconds"}


def test_both_standard_deviations_of_the_total_are_told(reference, content):
    for element, part in content["elements"].items():
        expected = {"sd_t": reference.tonnes(element, "sd"), "sd_closed_form_t": reference.tonnes(element, "sd_closed_form")}
        assert part["closed_form"] == expected


def test_discrete_gaussian_at_cutoff_0_is_the_declustered_mean_times_the_kriged_mud(reference, content):
    frame = reference.composites.frame
    for grade_ in reference.grades:
        rows = frame[frame[f"{grade_.element}_g_m3"].notna()]
        mud_t = np.nansum(reference.density.layer_t_m3 * reference.seafloor.region_share * 2000.0**2, axis=(1, 2))
        metal_t = 0.0
        for layer, here in rows.groupby("layer"):
            pooled = reference.variograms[[v.subject for v in reference.variograms].index(grade_.element)].layer_pool
            here = rows[pooled[rows["layer"]] == pooled[layer]]
            weight = here["declustering_weight"] / here.groupby("layer")["declustering_weight"].transform("sum")
            mean_ppm = (weight * here[f"{grade_.element}_g_m3"]).sum() / (weight * here["dry_bulk_density_t_m3"]).sum()
            metal_t += mud_t[layer] * mean_ppm * 1e-6
        first = content["elements"][grade_.element]["discrete_gaussian"][0]
        assert first["cutoff_ppm"] == 0
        assert first["dgm"]["dry_mud_t"] == pytest.approx(reference.tonnes(grade_.element, "kriged", "dry_mud_t"), rel=1e-9)
        assert first["dgm"]["metal_t"] == pytest.approx(metal_t, rel=1e-6)


def test_discrete_gaussian_falls_with_the_cutoff_and_stands_beside_the_rows_of_the_table(reference, content):
    for element, part in content["elements"].items():
        rows = part["discrete_gaussian"]
        assert [row["cutoff_ppm"] for row in rows] == reference.settings.cutoffs.of(element)
        for column in ("dry_mud_t", "metal_t"):
            assert np.all(np.diff([row["dgm"][column] for row in rows]) <= 0)
            for row in rows:
                for statistic in ("mean", "kriged"):
                    assert row[statistic][column] == reference.tonnes(element, statistic, column, cutoff_ppm=row["cutoff_ppm"])
        for row in rows:
            assert row["dgm"]["grade_ppm"] is None or row["dgm"]["grade_ppm"] >= row["cutoff_ppm"]


def test_support_factor_is_the_variance_of_a_block_over_that_of_a_composite(reference, content):
    model = next(v.model for v in reference.variograms if v.subject == "dy")
    nodes = reference.settings.grade.block_nodes
    block = block_nodes((2000.0, 2000.0, 0.0), (nodes, nodes, 1))
    assert content["elements"]["dy"]["discrete_gaussian"][0]["support_factor"] == pytest.approx(block_variance(model, *block) / model.sill)


@pytest.mark.parametrize(("name", "slices"), [("easting_m", 8), ("northing_m", 8), ("depth_m", 10)])
def test_swaths_of_kriged_blocks_average_to_the_kriged_mean(reference, content, name, slices):
    profile = content["elements"]["dy"]["swaths"][name]
    assert len(profile) == slices
    assert np.all(np.diff([part["middle_m"] for part in profile]) > 0)
    assert sum(part["composites"] for part in profile) == reference.composites.frame["dy_g_m3"].notna().sum()
    values = [part["kriged_ppm"] for part in profile]
    assert min(values) < reference.tonnes("dy", "kriged", "grade_ppm") < max(values)
    for part in profile:
        assert part["simulated_block_p05_ppm"] < part["simulated_mean_ppm"] < part["simulated_block_p95_ppm"]


def test_swath_down_the_layers_is_the_mean_of_each_layer(reference, content):
    kriged = reference.grades[0]
    mud = reference.density.layer_t_m3 * reference.seafloor.region_share
    frame = reference.composites.frame
    for layer, part in enumerate(content["elements"]["dy"]["swaths"]["depth_m"]):
        assert part["middle_m"] == layer + 0.5
        assert part["kriged_ppm"] == pytest.approx(np.nansum(mud[layer] * kriged.layer_ppm[layer]) / np.nansum(mud[layer]))
        here = frame[(frame["layer"] == layer) & frame["dy_g_m3"].notna()]
        expected = (here["declustering_weight"] * here["dy_g_m3"]).sum() / (here["declustering_weight"] * here["dry_bulk_density_t_m3"]).sum()
        assert part["data_ppm"] == pytest.approx(expected)


def test_top_cut_takes_from_the_mean_what_lies_over_the_99th_percentile(reference, content):
    frame = reference.composites.frame
    frame = frame[frame["dy_g_m3"].notna()]
    weight = frame["declustering_weight"] / frame.groupby("layer")["declustering_weight"].transform("sum") * frame["dry_bulk_density_t_m3"]
    found = content["elements"]["dy"]["top_cut"]
    over = frame["dy_ppm"] > found["cap_ppm"]
    assert 0 < weight[over].sum() / weight.sum() <= 0.01
    assert found["capped_composites"] == over.sum()
    assert found["mean_ppm"] == pytest.approx((weight * frame["dy_ppm"]).sum() / weight.sum())
    assert found["capped_mean_ppm"] == pytest.approx((weight * frame["dy_ppm"].clip(upper=found["cap_ppm"])).sum() / weight.sum())
    assert found["change_share"] == pytest.approx(found["capped_mean_ppm"] / found["mean_ppm"] - 1)
    assert -0.1 < found["change_share"] < 0


def test_truth_lies_where_it_lies_among_the_realisations(reference, content, reference_raw):
    known = json.loads((reference_raw / "truth" / "reference_survey.json").read_text(encoding="utf-8"))["elements"]["dy"]
    totals = reference.simulation.totals.query("element == 'dy' and region == 'all'")
    rows = content["elements"]["dy"]["truth"]
    assert [row["cutoff_ppm"] for row in rows] == [part["cutoff_ppm"] for part in known["cutoffs"]]
    for row, part in zip(rows, known["cutoffs"], strict=True):
        draws = totals.loc[totals["cutoff_ppm"] == row["cutoff_ppm"], "metal_t"]
        metal = row["metal_t"]
        assert metal["truth"] == part["metal_t"]
        assert metal["share_below"] == (draws < part["metal_t"]).mean()
        for statistic in ("mean", "p05", "p95", "kriged"):
            assert metal[statistic] == pytest.approx(reference.tonnes("dy", statistic, cutoff_ppm=row["cutoff_ppm"]))
        assert metal["inside"] == (metal["p05"] <= part["metal_t"] <= metal["p95"])


def test_a_truth_that_every_realisation_meets_lies_in_the_middle(reference):
    totals = reference.simulation.totals.assign(metal_t=545665.2)
    metal = reference.validation_of(replace(reference.simulation, totals=totals), reference.tonnage).content["elements"]["dy"]["truth"][0]["metal_t"]
    assert metal["share_below"] == 0.5
    assert metal["inside"]


def test_a_truth_rounded_in_its_file_is_met_by_the_realisations_it_was_rounded_from(content):
    area = content["elements"]["dy"]["truth"][0]["area_km2"]
    assert area["truth"] != area["mean"]
    assert area["inside"]
    assert area["share_below"] == 0.5


def test_measured_cores_are_compared_with_no_truth(reference):
    from pipeline.artefacts import Marks

    measured = replace(reference, composites=replace(reference.composites, marks=Marks("partly synthetic")))
    found = measured.validation_of(reference.simulation, reference.tonnage).content
    assert {part["truth"] for part in found["elements"].values()} == {None}
    assert found["data_kind"] == "partly synthetic"


def test_calibration_is_told_or_its_absence(reference):
    told = reference.validation_of(reference.simulation, reference.tonnage, Calibration({"program": "abc", "runs": [1]}))
    assert told.content["calibration"] == {"state": "calibrated", "program": "abc", "runs": [1]}
    assert told.warnings == ()
    assert reference.validation.content["calibration"] == {"state": "not calibrated"}
    assert reference.validation.warnings == ("intervals are not calibrated on drawn deposits: make calibrate",)


def test_an_element_without_realisations_is_validated_as_far_as_it_goes(reference):
    totals, grades = reference.simulation.totals, reference.simulation.grades
    part = replace(
        reference.simulation,
        totals=totals[totals["element"] == "gd"],
        grades={"gd": grades["gd"]},
        summary={"not_simulated": {"dy": "all values are equal"}},
    )
    found = reference.validation_of(part, reference.tonnage_of(part)).content
    assert found["simulation"]["not_simulated"] == {"dy": "all values are equal"}
    dy = found["elements"]["dy"]
    assert dy["closed_form"] is None
    assert {row["mean"] is None for row in dy["discrete_gaussian"]} == {True}
    assert set(dy["truth"][0]["metal_t"]) == {"truth", "kriged"}
    assert "simulated_mean_ppm" not in dy["swaths"]["depth_m"][0]


def test_a_constant_deposit_is_validated(plant):
    result = assess(plant(cores_on_a_grid(lambda *_: 50.0, varied_density_t_m3)))
    part = result.validation.content["elements"]["dy"]
    assert part["top_cut"]["change_share"] == pytest.approx(0, abs=1e-12)
    assert [row["dgm"]["metal_t"] > 0 for row in part["discrete_gaussian"]] == [True, True, True, False, False]
    assert {round(row["kriged_ppm"], 6) for row in part["swaths"]["depth_m"]} == {50.0}


def test_a_core_beyond_the_grid_belongs_to_the_outermost_slice(plant):
    rows = cores_on_a_grid(varied_ppm)
    far = max(row["longitude_deg"] for row in rows)
    moved = [{**row, "longitude_deg": 154.0 if row["longitude_deg"] == far else row["longitude_deg"]} for row in rows]
    result = assess(plant(moved))
    profile = pd.DataFrame(result.validation.content["elements"]["dy"]["swaths"]["easting_m"])
    assert profile["composites"].sum() == len(result.composites.frame)
