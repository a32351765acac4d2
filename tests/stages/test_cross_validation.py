"""Cross-validation: scores that can be counted again, an honest choice, and a clear word where there is too little to say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import textbook
from assess import assess, listed, read_samples
from planted import SETTINGS, cores_on_a_grid, csv_text, unrelated_ppm, varied_density_t_m3, varied_ppm
from scipy.stats import norm

from pipeline.artefacts import CrossValidation, DomainFiles, Subject
from pipeline.config import CrossValidationSettings, GridSettings, RegionSettings, read_settings
from pipeline.errors import TooFewSamples
from pipeline.field import layer_data, variogram_of
from pipeline.geostatistics.layers import layer_statistics
from pipeline.grid import region_grid
from pipeline.stages import composites, coregionalisation, cross_validation, density, grade, simulation, tonnage, variogram

METHODS = {"nearest_neighbour", "polygonal", "inverse_distance", "declustered_mean", "ordinary", "drift", "cokriging"}
SCORES = {"rmse_g_m3", "mae_g_m3", "bias_g_m3", "crps_g_m3", "msdr", "skill"}


def compared(result, **settings):
    """Cross-validation of an assessment under other settings."""
    asked = CrossValidationSettings(**settings)
    return cross_validation.run(result.composites, result.variograms, result.joint, result.seafloor, asked, result.settings.variogram)


# ------------------------------------------------------------------ scores


def test_every_estimator_is_scored_on_the_same_composites(reference):
    for part in reference.cross_validation.comparisons.values():
        assert set(part.scores) == METHODS
        assert all(set(row) == SCORES and None not in row.values() for row in part.scores.values())
        assert part.scored == part.composites
        assert part.notes == {}


def test_folds_are_whole_cores_each_in_one(reference):
    folds = reference.cross_validation.folds
    cores = [core for fold in folds for core in fold]
    assert len(folds) == 5
    assert sorted(cores) == sorted(set(reference.composites.frame["core_id"]))


def crps(estimate, sd, truth):
    u = (truth - estimate) / sd
    return sd * (u * (2 * norm.cdf(u) - 1) + 2 * norm.pdf(u) - 1 / np.sqrt(np.pi))


def refitted(result, subject, kept):
    """Data of one variable at the kept cores, with layer statistics of their own."""
    data = layer_data(result.composites, subject, result.seafloor.grid)
    chosen = np.isin(data.cores, kept)
    layers, fewest = result.seafloor.layers.count, result.settings.variogram.min_layer_cores
    return data, chosen, layer_statistics(data.values[chosen], data.layer[chosen], data.weights[chosen], layers, fewest)


def drift_of(result, positions_m):
    west, _, _, north = result.seafloor.grid.bounds_m
    cell_m = result.seafloor.grid.cell_m
    rows, columns = ((north - positions_m[:, 1]) // cell_m).astype(int), ((positions_m[:, 0] - west) // cell_m).astype(int)
    return result.seafloor.depth_m[rows, columns][:, None]


@pytest.mark.parametrize("estimator", ["ordinary", "drift", "cokriging"])
def test_scores_equal_a_brute_force_refit(tiny, estimator):
    """Each fold by the textbook: statistics of the other cores, one augmented system per composite, in the units of the values."""
    compare = tiny.cross_validation
    own = layer_data(tiny.composites, "gd", tiny.seafloor.grid)
    names, model = ["gd"], variogram_of(tiny.variograms, "gd").model
    if estimator == "cokriging":
        names, model = list(tiny.joint.statistics), tiny.joint.model
    elif estimator == "drift":
        model = compared(tiny, estimator="drift").comparisons["gd"].estimator.model
    estimate, sd = np.full((2, own.values.size), np.nan)
    for fold in compare.folds:
        kept = sorted({core for other in compare.folds if other is not fold for core in other})
        parts = [refitted(tiny, name, kept) for name in names]
        positions_m = np.concatenate([data.positions_m[chosen] for data, chosen, _ in parts])
        number = np.repeat(np.arange(len(parts)), [chosen.sum() for _, chosen, _ in parts])
        values = np.concatenate([data.values[chosen] for data, chosen, _ in parts])
        spread = np.concatenate([part.sd[data.layer[chosen]] for data, chosen, part in parts])
        pool = np.concatenate([100 * i + part.pool[data.layer[chosen]] for i, (data, chosen, part) in enumerate(parts)])
        pools = np.unique(pool)
        offset = np.concatenate([part.mean[data.layer[chosen]] for data, chosen, part in parts])
        columns = (pool[:, None] == pools).astype(float)
        subject = names.index("gd")
        if estimator == "cokriging":
            covariance = textbook.joint_covariance(model, positions_m, number, positions_m, number)
            same = np.all(positions_m[:, None, :] == positions_m[None, :, :], axis=2)
            covariance += same * model.nugget[np.ix_(number, number)]
            sill = model.variance[subject, subject]
        else:
            covariance = textbook.covariance(model, positions_m, positions_m) + model.nugget * np.eye(len(values))
            sill = model.sill
        covariance = covariance * np.outer(spread, spread)
        middle, width = 0.0, 1.0
        if estimator == "drift":
            at_data = drift_of(tiny, positions_m)
            middle, width = at_data.mean(), at_data.std()
            columns = np.hstack([columns, spread[:, None] * (at_data - middle) / width])
        for i in np.flatnonzero(np.isin(own.cores, fold)):
            statistics = parts[subject][2]
            here = own.positions_m[i : i + 1]
            own_sd = statistics.sd[own.layer[i]]
            if estimator == "cokriging":
                c = textbook.joint_covariance(model, here, np.array([subject]), positions_m, number)[0]
            else:
                c = textbook.covariance(model, here, positions_m)[0]
            wanted = (pools == 100 * subject + statistics.pool[own.layer[i]]).astype(float)
            if estimator == "drift":
                wanted = np.append(wanted, own_sd * (drift_of(tiny, here)[0, 0] - middle) / width)
            found, variance, _ = textbook.solve(covariance, values - offset, columns, c * spread * own_sd, wanted, sill * own_sd**2)
            estimate[i], sd[i] = found + statistics.mean[own.layer[i]], np.sqrt(variance)
    error = estimate - own.values
    expected = {
        "rmse_g_m3": np.sqrt(np.mean(error**2)),
        "mae_g_m3": np.mean(np.abs(error)),
        "bias_g_m3": np.mean(error),
        "crps_g_m3": np.mean(crps(estimate, sd, own.values)),
        "msdr": np.mean((error / sd) ** 2),
    }
    scores = compare.comparisons["gd"].scores
    for key, value in expected.items():
        assert scores[estimator][key] == pytest.approx(value, rel=1e-7), key
    assert scores[estimator]["skill"] == pytest.approx(1 - expected["crps_g_m3"] / scores["declustered_mean"]["crps_g_m3"], rel=1e-6, abs=1e-7)


def test_value_of_a_left_out_core_does_not_reach_its_own_estimate(varied):
    """One core made ten times as rich, models kept: only its own errors and those of other folds change, in no estimate of its own fold."""
    result = varied
    frame = result.composites.frame.copy()
    changed = frame["core_id"] == "C11"
    for column in ("dy_g_m3", "gd_g_m3"):
        frame.loc[changed, column] *= 10
    other = replace(result, composites=replace(result.composites, frame=frame))
    fold = next(fold for fold in result.cross_validation.folds if "C11" in fold)
    for name in ("ordinary", "cokriging", "drift"):
        found = []
        for case in (result, other):
            data = layer_data(case.composites, "dy", case.seafloor.grid)
            fold_of = {core: number for number, cores in enumerate(result.cross_validation.folds) for core in cores}
            inner = cross_validation._Case(
                case.composites, case.variograms[0], case.joint, case.seafloor, data, fold_of, case.settings.cross_validation, case.settings.variogram
            )
            estimator = compared(result, estimator=name).comparisons["dy"].estimator
            found.append(cross_validation._kriged(inner, estimator, np.empty(0), np.flatnonzero(np.isin(data.cores, fold))))
        assert np.array_equal(found[0][0], found[1][0])
        assert np.array_equal(found[0][1], found[1][1])


def test_skill_is_measured_against_the_declustered_mean(reference):
    for part in reference.cross_validation.comparisons.values():
        assert part.scores["declustered_mean"]["skill"] == 0
        for row in part.scores.values():
            assert row["skill"] == pytest.approx(1 - row["crps_g_m3"] / part.scores["declustered_mean"]["crps_g_m3"])


def test_a_thousandfold_unit_scales_the_scores_and_nothing_else(plant, varied):
    """Milligrams for grams of one element: its scores grow with the unit, skill and the other element stay, to eight digits."""
    rows = [{**row, "gd_ppm": 1_000 * float(str(row["gd_ppm"]))} for row in cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm)]
    large = assess(plant(rows, SETTINGS.replace("[intake]\n", "[intake]\nmax_rare_earth_ppm = 1000000.0\n")))
    for element, factor in (("dy", 1), ("gd", 1_000)):
        one, other = (part.cross_validation.comparisons[element] for part in (varied, large))
        assert one.estimator == other.estimator
        for name, row in one.scores.items():
            for key, value in row.items():
                scale = factor if key.endswith("g_m3") else 1
                assert other.scores[name][key] == pytest.approx(value * scale, rel=1e-8, abs=1e-8 * scale), (name, key)


def test_same_input_gives_the_same_scores_in_any_order(varied):
    turned = replace(varied.composites, frame=varied.composites.frame.sample(frac=1, random_state=3))
    again = compared(replace(varied, composites=turned, variograms=varied.variograms[::-1]))
    assert again == varied.cross_validation


# ------------------------------------------------------------------ the choice


GRID = region_grid(RegionSettings(west_deg=153.5, east_deg=153.9, south_deg=21.8, north_deg=22.2), GridSettings(cell_m=5000.0, bottom_m=4.0))
ROUGH = np.random.default_rng(11).normal(size=GRID.shape)


def rough(longitude_deg, latitude_deg):
    """A relief without any smoothness: one number for each cell of the planted grid."""
    west, _, _, north = GRID.bounds_m
    easting_m, northing_m = (float(part) for part in GRID.from_lonlat(np.array(longitude_deg), np.array(latitude_deg)))
    return float(ROUGH[int((north - northing_m) // GRID.cell_m), int((easting_m - west) // GRID.cell_m)])


def on_a_rough_floor(plant, dy, **settings):
    """Assessment of 36 cores on a floor whose depth is the rough relief."""
    raw = plant(cores_on_a_grid(dy, side=6))
    resolved = read_settings(raw / "assessment.toml")
    asked = resolved.model_copy(update={"cross_validation": CrossValidationSettings(**settings)})
    floor = assess(raw).seafloor
    assert floor.grid.shape == GRID.shape
    floor = replace(floor, depth_m=5_700 + 100 * ROUGH)
    layered = composites.run(read_samples(raw), floor, asked.region, asked.composites, asked.density, asked.elements)
    models = [variogram.run(layered, floor, Subject(subject), asked.variogram) for subject in ("dy", "gd", "density")]
    joint = coregionalisation.run(layered, models, floor, asked.variogram)
    chosen = cross_validation.run(layered, models, joint, floor, asked.cross_validation, asked.variogram)
    mud = density.run(layered, models[-1], floor, asked.grade, asked.density)
    map_ = grade.run(layered, [models[0], models[-1]], joint, chosen, mud, floor, asked.grade)
    realisations = simulation.run(
        layered, models, [map_], floor, asked.simulation, asked.density, asked.cutoffs, asked.grade, asked.tonnage, asked.variogram, asked.classes,
        mud, listed(DomainFiles, raw, ".geojson"), asked.region, asked.place, asked.recoverable, asked.production,
    )  # fmt: skip
    table = tonnage.run(layered, models, joint, chosen, [map_], mud, floor, realisations, asked.cutoffs, asked.tonnage, asked.grade, asked.density)
    return chosen, map_, table


def follows_the_floor(longitude_deg, latitude_deg, depth_m):
    return 60.0 + 12.0 * rough(longitude_deg, latitude_deg) + 0.05 * varied_ppm(longitude_deg, latitude_deg, depth_m)


@pytest.fixture(scope="module")
def drifting(plant):
    """Grades follow the rough floor: once with a free choice, once with ordinary kriging named."""
    return [on_a_rough_floor(plant, follows_the_floor, estimator=name) for name in ("auto", "ordinary")]


def test_a_drift_that_the_grades_follow_is_chosen_and_better(drifting):
    part = drifting[0][0].comparisons["dy"]
    assert (part.estimator.name, part.estimator.drift, part.verdict) == ("drift", ("depth_m",), "replaced")
    assert part.scores["drift"]["rmse_g_m3"] < 0.2 * part.scores["ordinary"]["rmse_g_m3"]
    assert part.gains["drift"]["mean_g_m3"] > part.gains["drift"]["standard_error_g_m3"]
    assert "kriging with drift: its gain exceeds 1 standard error" in part.reason
    truth_ppm = 60 + 12 * ROUGH + 0.05 * 45
    error_ppm = [np.sqrt(np.nanmean((map_.mean_ppm - truth_ppm) ** 2)) for _, map_, _ in drifting]
    assert error_ppm[0] < 0.1 * error_ppm[1]
    assert [map_.estimator for _, map_, _ in drifting] == ["drift", "ordinary"]


def test_the_model_under_a_drift_is_that_of_what_it_leaves(drifting):
    """Grades vary hundredfold more than they do around the drift; the stated spread is of the size of the errors."""
    part = drifting[0][0].comparisons["dy"]
    assert part.estimator.model.sill < 0.01
    assert 0.4 < part.scores["drift"]["msdr"] < 2.5


def test_tonnage_uses_the_estimator_of_the_grades(drifting):
    """The spread of the total shrinks with that of the blocks."""
    sd_t = [float(table.frame.query("region == 'all' and statistic == 'sd_closed_form'")["metal_t"].item()) for _, _, table in drifting]
    assert sd_t[0] < 0.1 * sd_t[1]


def test_a_covariate_that_says_nothing_leaves_ordinary_kriging(plant):
    part = on_a_rough_floor(plant, varied_ppm)[0].comparisons["dy"]
    assert (part.estimator.name, part.verdict) == ("ordinary", "kept")
    gain = part.gains["drift"]
    assert gain["mean_g_m3"] <= gain["standard_error_g_m3"]
    assert "no other one gains more than 1 standard error (mean gain in CRPS over cores: kriging with drift" in part.reason


def test_a_drift_is_unknown_where_the_floor_is(plant, drifting):
    """Cells without depth stay empty under a drift, and are in no total."""
    chosen, map_, table = drifting[0]
    assert np.isfinite(map_.mean_ppm).sum() > 50
    assert float(table.frame.query("region == 'all' and statistic == 'mean' and cutoff_ppm == 0")["area_km2"].item()) > 0
    assert chosen.comparisons["dy"].applicability["predictors"] == ["easting_m", "northing_m", "depth_m"]
    assert 0 < chosen.comparisons["dy"].applicability["inside_share"] <= 1


@pytest.mark.parametrize("name", ["ordinary", "drift", "cokriging"])
def test_a_named_estimator_is_used_and_says_so(varied, plant, name):
    raw = plant(cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm), SETTINGS + f'\n[cross_validation]\nestimator = "{name}"\n')
    result = assess(raw)
    for part in result.cross_validation.comparisons.values():
        assert (part.estimator.name, part.verdict) == (name, "named")
        assert "named by the settings (mean gain in CRPS" in part.reason
    assert {map_.estimator for map_ in result.grades} == {name}
    assert np.isfinite(result.grades[0].mean_ppm).sum() > 50
    assert result.tonnes("dy", "sd") > 0


def test_a_higher_bar_keeps_ordinary_kriging(varied):
    bars = [compared(varied, min_gain_standard_errors=bar).comparisons["dy"] for bar in (0.0, 10.0)]
    assert bars[1].estimator.name == "ordinary"
    best = max(bars[0].gains.values(), key=lambda gain: gain["mean_g_m3"])
    assert (bars[0].verdict == "replaced") == (best["mean_g_m3"] > 0)


def test_choice_is_written_with_its_settings_and_read_back(varied, tmp_path):
    varied.cross_validation.write(tmp_path / "cross_validation.json")
    again = CrossValidation.read(tmp_path / "cross_validation.json")
    assert again == varied.cross_validation
    assert again.settings["folds"] == 5


# ------------------------------------------------------------------ too little to say


def test_few_cores_are_not_scored_and_ordinary_kriging_is_used(plant):
    result = assess(plant(cores_on_a_grid(varied_ppm, side=2)))
    for element, part in result.cross_validation.comparisons.items():
        assert (part.estimator.name, part.verdict, part.scores, part.gains) == ("ordinary", "unscored", {}, {})
        assert f"4 core positions carry {element} and 8 are needed ([cross_validation] min_cores)" in part.reason
    assert result.cross_validation.folds == []


def test_an_estimator_named_for_few_cores_is_used_unscored(plant):
    raw = plant(cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm, side=2), SETTINGS + '\n[cross_validation]\nestimator = "cokriging"\n')
    part = assess(raw).cross_validation.comparisons["dy"]
    assert (part.estimator.name, part.verdict, part.scores) == ("cokriging", "named", {})
    assert "4 core positions carry dy and 8 are needed" in part.reason


@pytest.mark.parametrize("cores", [1, 2])
def test_one_or_two_cores_are_refused_with_what_is_needed(plant, cores):
    rows = [row for row in cores_on_a_grid(varied_ppm, side=2) if row["core_id"] in ("C00", "C11")[:cores]]
    with pytest.raises(TooFewSamples, match=rf"variogram of dy: {cores} core positions carry it, 4 are needed .*Add cores"):
        assess(plant(rows))


def test_two_cores_are_kriged_where_the_settings_allow_them(plant):
    rows = [row for row in cores_on_a_grid(varied_ppm, varied_density_t_m3, side=2) if row["core_id"] in ("C00", "C11")]
    result = assess(plant(rows, SETTINGS + "\n[variogram]\nmin_cores = 2\nmax_lag_share = 1.0\n"))
    assert result.cross_validation.comparisons["dy"].verdict == "unscored"
    assert np.isfinite(result.grades[0].mean_ppm).any()


def test_equal_grades_are_not_scored(plant):
    result = assess(plant(cores_on_a_grid(lambda *_: 50.0)))
    for element, part in result.cross_validation.comparisons.items():
        assert (part.estimator.name, part.verdict) == ("ordinary", "unscored")
        assert f"all values of {element} are equal" in part.reason


def test_one_element_without_spread_leaves_the_other_its_scores(plant):
    result = assess(plant(cores_on_a_grid(varied_ppm, None, lambda *_: 20.0)))
    dy, gd = (result.cross_validation.comparisons[element] for element in ("dy", "gd"))
    assert gd.verdict == "unscored"
    assert dy.scores["ordinary"]["crps_g_m3"] > 0
    assert dy.notes["cokriging"] == "dy is the only variable that varies"


def test_elements_that_vary_as_one_are_not_cokriged(plant):
    """gd is dy: the joint system is singular, which is told, and no reason to fail."""
    result = assess(plant(cores_on_a_grid(varied_ppm)))
    part = result.cross_validation.comparisons["dy"]
    assert "no unique solution" in part.notes["cokriging"]
    assert set(part.scores) == METHODS - {"cokriging"}


def test_an_estimator_that_the_data_do_not_allow_is_refused_by_name(plant):
    raw = plant(cores_on_a_grid(varied_ppm), SETTINGS + '\n[cross_validation]\nestimator = "cokriging"\n')
    with pytest.raises(TooFewSamples, match=r'\[cross_validation\] estimator = "cokriging" cannot krige dy: .*Choose "ordinary" or "auto"'):
        assess(raw)


def test_coincident_cores_with_different_values_stay_in_one_fold(plant):
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm)
    twins = [{**row, "core_id": "T", "dy_ppm": 1.5 * float(str(row["dy_ppm"]))} for row in rows if row["core_id"] == "C12"]
    result = assess(plant([*rows, *twins]))
    assert next(fold for fold in result.cross_validation.folds if "T" in fold).count("C12") == 1
    part = result.cross_validation.comparisons["dy"]
    assert set(part.scores) == METHODS
    assert all(np.isfinite(row["crps_g_m3"]) for row in part.scores.values())
    assert np.isfinite(result.grades[0].mean_ppm).sum() > 50


def on_a_line(row):
    number = int(str(row["core_id"])[1:], 4)
    return {**row, "longitude_deg": 153.52 + 0.36 * number / 15, "latitude_deg": 22.0}


def test_cores_on_one_line_are_kriged_and_drifts_that_cannot_be_told_apart_are_not(plant, varied):
    rows = [on_a_line(row) for row in cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm)]
    result = assess(plant(rows))
    part = result.cross_validation.comparisons["dy"]
    assert {"ordinary", "declustered_mean", "polygonal"} <= set(part.scores)
    assert np.isfinite(result.grades[0].mean_ppm).sum() > 10
    # A slope that is a multiple of the depth: two drifts that are one.
    floor = replace(result.seafloor, slope_deg=result.seafloor.depth_m / 1_000)
    twofold = compared(replace(result, seafloor=floor), drift=["depth_m", "slope_deg"]).comparisons["dy"]
    assert "do not determine the" in twofold.notes["drift"]
    assert twofold.scores["ordinary"] == part.scores["ordinary"]


def test_a_flat_floor_offers_no_drift(varied):
    floor = replace(varied.seafloor, depth_m=np.full_like(varied.seafloor.depth_m, 5_700.0))
    part = compared(replace(varied, seafloor=floor)).comparisons["dy"]
    assert part.notes["drift"] == "depth_m is the same at every core"
    assert "drift" not in part.scores
    with pytest.raises(TooFewSamples, match='"drift" cannot krige dy: depth_m is the same at every core'):
        compared(replace(varied, seafloor=floor), estimator="drift")


def test_a_core_outside_the_bathymetry_has_no_drift(varied):
    depth_m = varied.seafloor.depth_m.copy()
    depth_m[: depth_m.shape[0] // 3] = np.nan
    part = compared(replace(varied, seafloor=replace(varied.seafloor, depth_m=depth_m))).comparisons["dy"]
    assert "is not known at" in part.notes["drift"]
    assert "Widen [region]" in part.notes["drift"]
    assert set(part.scores) == METHODS - {"drift"}


def test_no_drift_is_tried_where_the_settings_name_none(varied):
    part = compared(varied, drift=[]).comparisons["dy"]
    assert part.notes["drift"] == "no drift is named ([cross_validation] drift)"
    assert set(part.gains) <= {"cokriging"}


def test_cokriging_of_many_composites_is_tried_only_where_it_is_named(varied, monkeypatch):
    monkeypatch.setattr(cross_validation, "_MOST_COKRIGED", 100)
    free, named = (compared(varied, estimator=name).comparisons["dy"] for name in ("auto", "cokriging"))
    assert free.notes["cokriging"].startswith("192 composites of all variables, more than 100, take long")
    assert "cokriging" not in free.scores
    assert "cokriging" in named.scores


def test_a_core_with_one_interval_is_scored_with_the_others(plant):
    rows = [row for row in cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm) if row["core_id"] != "C22" or row["from_m"] == 0.5]
    part = assess(plant(rows)).cross_validation.comparisons["dy"]
    assert (part.cores, part.composites, part.scored) == (16, 15 * 4 + 1, 15 * 4 + 1)
    assert set(part.scores) == METHODS


def test_a_layer_that_every_core_lacks_is_left_out_of_the_scores(plant):
    rows = [row for row in cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm) if not 1 <= float(str(row["from_m"])) < 2]
    result = assess(plant({"survey.csv": csv_text(rows)}))
    part = result.cross_validation.comparisons["dy"]
    assert part.scored == part.composites == 16 * 3
    assert set(part.scores) == METHODS


def test_one_composite_less_in_every_layer_is_no_obstacle(plant):
    """Each layer lacks another core."""
    gone = {("C00", 0), ("C11", 1), ("C22", 2), ("C33", 3)}
    rows = [
        row for row in cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm) if (row["core_id"], int(float(str(row["from_m"])))) not in gone
    ]
    part = assess(plant({"survey.csv": csv_text(rows)})).cross_validation.comparisons["dy"]
    assert part.scored == part.composites == 16 * 4 - 4


def test_a_layer_known_in_one_fold_alone_counts_for_no_estimator(plant):
    """Three neighbouring cores reach the lowest layer: without their fold nothing is known of it, so it is pooled and still scored."""
    deep = {"C00", "C01", "C10"}
    rows = [row for row in cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm) if row["core_id"] in deep or float(str(row["from_m"])) < 3]
    result = assess(plant({"survey.csv": csv_text(rows)}))
    part = result.cross_validation.comparisons["dy"]
    assert part.composites == 16 * 3 + 3
    assert part.scored >= 16 * 3


def test_two_elements_that_few_cores_carry_together(plant):
    """gd is known in six cores only: dy is scored, gd is not, and both are kriged."""
    rows = [{**row, "gd_ppm": row["gd_ppm"] if str(row["core_id"]) < "C12" else None} for row in cores_on_a_grid(varied_ppm, varied_density_t_m3)]
    result = assess(plant(rows))
    assert result.cross_validation.comparisons["dy"].scores
    assert "6 core positions carry gd and 8 are needed" in result.cross_validation.comparisons["gd"].reason
