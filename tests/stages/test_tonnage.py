"""Tonnage: sums that can be counted again, and what must hold between rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from assess import assess, with_settings
from planted import SETTINGS, cores_on_a_grid, csv_text, varied_density_t_m3, varied_ppm

from pipeline.artefacts import Density, Grade, Seafloor, Simulation

CUTOFFS = (0.0, 20.0, 40.0, 60.0, 80.0)
PERCENTILES = {"p05": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95}
SIMULATED = ("mean", "sd", *PERCENTILES)
KEYS = ["element", "region", "cutoff_ppm"]


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
    assert result.tonnes("dy", "sd_closed_form", "dry_mud_t") < 1e-9 * result.tonnes("dy", "kriged", "dry_mud_t")


def test_constant_grade_and_density_give_the_product_and_no_interval(plant):
    result = assess(plant(cores_on_a_grid(lambda *_: 50.0)))
    mud_t = area_m2(result) * 4.0 * 0.5
    assert result.tonnes("dy", "kriged", "dry_mud_t") == pytest.approx(mud_t, rel=1e-9)
    assert result.tonnes("dy", "kriged") == pytest.approx(mud_t * 50e-6, rel=1e-9)
    assert result.tonnes("dy", "kriged", "area_km2") == pytest.approx(area_m2(result) / 1e6, rel=1e-9)
    assert set(result.tonnage.frame["statistic"]) == {"kriged"}
    for element in ("dy", "gd"):
        assert any(note.startswith(f"{element}: no interval is given: ") for note in result.tonnage.warnings)


def test_whole_region_is_counted_when_every_cell_is_estimated(varied):
    for statistic in ("kriged", "mean"):
        assert varied.tonnes("dy", statistic, "area_km2") == pytest.approx(varied.seafloor.region_share.sum() * 25, rel=1e-9)


def test_doubling_density_doubles_mud_and_metal_but_not_grade(plant, varied):
    double = assess(plant(cores_on_a_grid(varied_ppm, lambda *place: 2 * varied_density_t_m3(*place))))
    for statistic in ("kriged", "sd_closed_form"):
        for column, factor in (("dry_mud_t", 2), ("metal_t", 2), ("oxide_t", 2), ("grade_ppm", 1)):
            assert double.tonnes("dy", statistic, column) == pytest.approx(factor * varied.tonnes("dy", statistic, column), rel=1e-9)


def test_ten_times_the_grades_and_cutoffs_give_ten_times_metal_and_sd(plant, varied):
    """To what a fit of the variogram to other numbers keeps."""
    settings = with_settings(SETTINGS, dy_ppm=str([10 * cutoff for cutoff in CUTOFFS]))
    tenfold = assess(plant(cores_on_a_grid(lambda *place: 10 * varied_ppm(*place), varied_density_t_m3), settings))
    for statistic in ("kriged", "sd_closed_form"):
        for column, factor in (("dry_mud_t", 1), ("metal_t", 10), ("oxide_t", 10), ("grade_ppm", 10)):
            assert tenfold.tonnes("dy", statistic, column) == pytest.approx(factor * varied.tonnes("dy", statistic, column), rel=1e-7)
    for cutoff_ppm in CUTOFFS:
        for column, factor in (("area_km2", 1), ("dry_mud_t", 1), ("metal_t", 10)):
            twin = tenfold.tonnes("dy", "kriged", column, cutoff_ppm=10 * cutoff_ppm)
            assert twin == pytest.approx(factor * varied.tonnes("dy", "kriged", column, cutoff_ppm=cutoff_ppm), rel=1e-7)


@pytest.mark.parametrize("region", ["all", "supported"])
def test_tonnes_fall_and_grade_rises_with_the_cutoff(reference, region):
    cutoffs = reference.settings.cutoffs.of("dy")
    for statistic in ("kriged", "mean", *PERCENTILES):
        for column in ("area_km2", "dry_mud_t", "metal_t"):
            assert np.all(np.diff([reference.tonnes("dy", statistic, column, region, cutoff) for cutoff in cutoffs]) <= 0)
    grades = np.array([reference.tonnes("dy", "kriged", "grade_ppm", region, cutoff) for cutoff in cutoffs])
    some = np.isfinite(grades)
    assert np.all(np.diff(grades[some]) >= 0)
    assert np.all(grades[some] >= np.array(cutoffs)[some])


def test_cutoff_beyond_every_block_leaves_nothing_and_no_grade(plant):
    result = assess(plant(cores_on_a_grid(varied_ppm), with_settings(SETTINGS, dy_ppm="[0.0, 5000.0]")))
    for column in ("area_km2", "dry_mud_t", "metal_t", "oxide_t"):
        assert result.tonnes("dy", "kriged", column, cutoff_ppm=5000.0) == 0
    assert np.isnan(result.tonnes("dy", "kriged", "grade_ppm", cutoff_ppm=5000.0))


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


@pytest.mark.parametrize("statistic", ["kriged", "sd_closed_form", *SIMULATED])
def test_dry_mud_is_the_same_whatever_element_is_asked_for(reference, statistic):
    for column in ("dry_mud_t", "area_km2"):
        for region in ("all", "supported"):
            dy, gd = (reference.tonnes(element, statistic, column, region) for element in ("dy", "gd"))
            assert dy == pytest.approx(gd, rel=1e-12 if statistic in ("kriged", "sd_closed_form") else 1e-6, abs=1e-9)


@pytest.mark.parametrize("column", ["dry_mud_t", "grade_ppm", "metal_t", "oxide_t"])
def test_percentiles_rise_around_the_mean(reference, column):
    for element in ("dy", "gd"):
        for region in ("all", "supported"):
            values = [reference.tonnes(element, statistic, column, region) for statistic in PERCENTILES]
            assert np.all(np.diff(values) > 0)
            mean, sd = (reference.tonnes(element, statistic, column, region) for statistic in ("mean", "sd"))
            assert values[1] < mean < values[3]
            # About a normal's: a sign that both are of the same realisations.
            assert 1.645 * 2 * sd == pytest.approx(values[4] - values[0], rel=0.25)


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
    assert open_.tonnes("dy", "kriged", "area_km2", "supported") == open_.tonnes("dy", "kriged", "area_km2", "all")
    assert tight.tonnes("dy", "kriged", "area_km2", "supported") < 0.7 * tight.tonnes("dy", "kriged", "area_km2", "all")


def test_prior_density_alone_gives_mud_its_spread(prior_only):
    mud_t, sd_t = (prior_only.tonnes("dy", statistic, "dry_mud_t") for statistic in ("kriged", "sd_closed_form"))
    assert sd_t / mud_t == pytest.approx(0.06 / 0.55, rel=1e-9)
    assert mud_t == pytest.approx(area_m2(prior_only) * 4 * 0.55, rel=1e-9)


def test_prior_density_adds_to_the_closed_form_in_squares_and_not_to_grade(plant, prior_only):
    rows = [{**row, "dry_bulk_density_t_m3": None} for row in cores_on_a_grid(varied_ppm)]
    certain = assess(plant(rows, with_settings(SETTINGS, mean_sd_t_m3="0.0")))
    assert certain.tonnes("dy", "sd_closed_form", "dry_mud_t") == 0
    same = (part.tonnes("dy", "sd_closed_form", "grade_ppm") for part in (prior_only, certain))
    assert next(same) == pytest.approx(next(same), rel=1e-12)
    metal_t = prior_only.tonnes("dy", "kriged")
    expected = np.hypot(certain.tonnes("dy", "sd_closed_form"), metal_t * 0.06 / 0.55)
    assert prior_only.tonnes("dy", "sd_closed_form") == pytest.approx(expected, rel=1e-9)


def test_measured_density_makes_the_prior_of_the_mean_idle(plant, varied):
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
    assert fine.tonnes("dy", "kriged", "dry_mud_t") == pytest.approx(coarse.tonnes("dy", "kriged", "dry_mud_t"), rel=5e-3)
    assert fine.tonnes("dy", "kriged") == pytest.approx(coarse.tonnes("dy", "kriged"), rel=5e-3)
    assert fine.tonnes("dy", "sd_closed_form") == pytest.approx(coarse.tonnes("dy", "sd_closed_form"), rel=0.03)


# ------------------------------------------------------------------ from realisations to rows


def test_rows_are_the_percentiles_of_the_totals_counted_again(reference):
    """Every row of every statistic, from totals.parquet by plain loops."""
    frame = reference.tonnage.frame.set_index([*KEYS, "statistic"])
    ratios = {"dy": 1.14768, "gd": 1.15261}
    for key, draws in reference.simulation.totals.groupby(KEYS):
        found = {name: sorted(draws[name].tolist()) for name in ("area_km2", "dry_mud_t", "metal_t")}
        found["oxide_t"] = [ratios[key[0]] * metal for metal in found["metal_t"]]
        pairs = list(zip(draws["metal_t"], draws["dry_mud_t"], strict=True))
        found["grade_ppm"] = sorted(1e6 * metal / mud for metal, mud in pairs if mud > 0)
        if 2 * len(found["grade_ppm"]) < len(draws):
            found["grade_ppm"] = []
        for column, values in found.items():
            for name, share in PERCENTILES.items():
                assert frame.loc[(*key, name), column] == pytest.approx(quantile(values, share), rel=1e-5, nan_ok=True)
            mean = sum(values) / len(values) if values else np.nan
            if column != "grade_ppm":
                assert frame.loc[(*key, "mean"), column] == pytest.approx(mean, rel=1e-5)
            sd = np.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1)) if values else np.nan
            assert frame.loc[(*key, "sd"), column] == pytest.approx(sd, rel=1e-5, abs=1e-9 * mean if values else None, nan_ok=True)
        metal_t, mud_t = (frame.loc[(*key, "mean"), column] for column in ("metal_t", "dry_mud_t"))
        if found["grade_ppm"]:
            assert frame.loc[(*key, "mean"), "grade_ppm"] == pytest.approx(1e6 * metal_t / mud_t, rel=1e-9)


def quantile(values, share):
    """The value below which share x (n + 1) of n values lie (Weibull 1939), linear in between."""
    if not values:
        return np.nan
    at = min(max(share * (len(values) + 1) - 1, 0), len(values) - 1)
    low = int(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def test_tonnes_fall_with_the_cutoff_in_every_realisation(reference):
    totals = reference.simulation.totals
    for column in ("area_km2", "dry_mud_t", "metal_t"):
        wide = totals.pivot_table(index=["realisation", "element", "region"], columns="cutoff_ppm", values=column, sort=True)
        values = wide.to_numpy()
        assert values.shape[1] == len(reference.settings.cutoffs.of("dy"))
        assert np.all(np.diff(values, axis=1) <= 0)


def test_metal_over_a_cutoff_has_at_least_that_grade_in_every_realisation(reference):
    totals = reference.simulation.totals
    some = totals[totals["dry_mud_t"] > 0]
    assert np.all(1e6 * some["metal_t"] / some["dry_mud_t"] >= some["cutoff_ppm"] * (1 - 1e-6))


def test_cutoff_0_leaves_out_no_block(reference):
    """At cut-off 0 the mud is that of the region, whatever the element, in every realisation."""
    totals = reference.simulation.totals
    totals = totals[totals["cutoff_ppm"] == 0]
    for region in ("all", "supported"):
        by_element = totals[totals["region"] == region].pivot_table(index="realisation", columns="element", values="dry_mud_t")
        np.testing.assert_allclose(by_element["dy"], by_element["gd"], rtol=1e-6)
        kriged_km2 = reference.tonnes("dy", "kriged", "area_km2", region)
        np.testing.assert_allclose(totals.loc[totals["region"] == region, "area_km2"], kriged_km2, rtol=1e-5)


def with_empty(result, empty):
    """The simulation with so many realisations that hold no block over 80 ppm."""
    totals = result.simulation.totals.copy()
    chosen = (totals["cutoff_ppm"] == 80) & (totals["realisation"] < empty)
    totals.loc[totals["cutoff_ppm"] == 80, ["area_km2", "dry_mud_t", "metal_t"]] = (3.0, 2e6, 170.0)
    totals.loc[chosen, ["area_km2", "dry_mud_t", "metal_t"]] = 0.0
    frame = result.tonnage_of(replace(result.simulation, totals=totals)).frame
    return frame[(frame["element"] == "dy") & (frame["region"] == "all") & (frame["cutoff_ppm"] == 80)].set_index("statistic")


def test_a_realisation_without_a_block_over_the_cutoff_has_no_tonnes_and_no_grade(varied):
    count = varied.simulation.totals["realisation"].nunique()
    rows = with_empty(varied, count // 4)
    assert rows.loc["p10", "metal_t"] == 0
    assert rows.loc["mean", "metal_t"] == pytest.approx(170 * (1 - (count // 4) / count))
    # Grade is that of the realisations that have mud, not an average with zeros.
    assert rows.loc[["mean", *PERCENTILES], "grade_ppm"].to_numpy(dtype=float) == pytest.approx(85.0)


@pytest.mark.parametrize(("empty_share", "told"), [(0.5, True), (0.51, False), (1.0, False)])
def test_grade_is_empty_where_less_than_half_of_the_realisations_have_mud(varied, empty_share, told):
    count = varied.simulation.totals["realisation"].nunique()
    assert count % 100 == 0
    rows = with_empty(varied, round(empty_share * count))
    assert rows.loc[list(SIMULATED), "grade_ppm"].notna().all() == told
    assert rows.loc[list(SIMULATED), "grade_ppm"].isna().all() != told
    assert rows.loc[list(SIMULATED), ["area_km2", "dry_mud_t", "metal_t"]].notna().all(axis=None)


def test_a_single_realisation_has_no_spread(varied):
    totals = varied.simulation.totals
    frame = varied.tonnage_of(replace(varied.simulation, totals=totals[totals["realisation"] == 0])).frame
    assert frame.loc[frame["statistic"] == "sd", ["dry_mud_t", "metal_t"]].isna().all(axis=None)
    rows = frame[(frame["region"] == "all") & (frame["cutoff_ppm"] == 0) & (frame["element"] == "dy")].set_index("statistic")
    assert rows.loc["p05", "metal_t"] == rows.loc["p95", "metal_t"] == rows.loc["mean", "metal_t"]


def test_an_element_that_was_not_simulated_has_kriged_rows_and_a_reason(varied):
    totals = varied.simulation.totals
    part = replace(varied.simulation, totals=totals[totals["element"] == "dy"], summary={"not_simulated": {"gd": "all values are equal"}})
    table = varied.tonnage_of(part)
    assert set(table.frame.loc[table.frame["element"] == "gd", "statistic"]) == {"kriged"}
    assert set(table.frame.loc[table.frame["element"] == "dy", "statistic"]) == {"kriged", "sd_closed_form", *SIMULATED}
    assert "gd: no interval is given: all values are equal" in table.warnings
    assert not any("dy: no interval" in note for note in table.warnings)


def test_a_class_with_totals_is_a_region_with_kriged_rows(varied):
    totals = varied.simulation.totals
    inferred = totals[totals["region"] == "supported"].assign(region="inferred")
    joined = pd.concat([totals[totals["region"] != "inferred"], inferred], ignore_index=True)
    table = varied.tonnage_of(replace(varied.simulation, totals=joined)).frame
    known = varied.simulation.classes.code == 1
    area_km2 = float(varied.seafloor.region_share[known].sum()) * 25
    rows = table[(table["region"] == "inferred") & (table["element"] == "dy") & (table["cutoff_ppm"] == 0)].set_index("statistic")
    assert rows.loc["kriged", "area_km2"] == pytest.approx(area_km2)
    assert {"mean", "p05", "sd_closed_form"} <= set(rows.index)


def test_closed_form_stands_beside_the_simulated_spread_and_is_not_equated(reference):
    for element in ("dy", "gd"):
        simulated, closed = (reference.tonnes(element, statistic) for statistic in ("sd", "sd_closed_form"))
        assert 0.3 < closed / simulated < 3
        assert closed != simulated
    frame = reference.tonnage.frame
    assert set(frame.loc[frame["statistic"] == "sd_closed_form", "cutoff_ppm"]) == {0.0}


def test_a_simulation_read_from_its_files_gives_the_same_table(reference, tmp_path):
    reference.simulation.write(tmp_path / "totals.parquet")
    again = reference.tonnage_of(Simulation.read(tmp_path / "totals.parquet"))
    assert again.frame.equals(reference.tonnage.frame)
