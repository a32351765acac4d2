"""Calibration: its statistics are right, a wrong method is found out, a stopped run goes on; and the short form of the measurement itself."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import calibrate
import calibration_report as report
import numpy as np
import pandas as pd
import pytest
import twins
from calibrate import Task
from scipy.stats import lognorm

from pipeline.config import CutoffSettings, read_settings

RAW = Path(__file__).parents[1] / "data" / "raw"
LOG_SD = 0.06  # of the totals below

# ------------------------------------------------------------------ one interval


def test_exact_bounds_are_the_published_and_the_closed_ones():
    assert report.Coverage(2, 10).bounds(0.95) == pytest.approx((0.0252, 0.5561), abs=5e-5)
    assert report.Coverage(200, 200).bounds(0.99) == pytest.approx((0.005 ** (1 / 200), 1.0))
    assert report.Coverage(0, 200).bounds(0.99) == pytest.approx((0.0, 1 - 0.005 ** (1 / 200)))
    assert report.Coverage(0, 0).bounds(0.99) == (0.0, 1.0)


@pytest.mark.parametrize(("held", "says"), [(166, "too rarely"), (169, "yes"), (180, "yes"), (189, "yes"), (192, "too often")])
def test_of_200_intervals_90_percent_is_believed_within_its_exact_bounds_only(held, says):
    assert report.Coverage(held, 200).verdict(0.9) == says


def test_interval_score_is_width_and_a_fine_for_what_is_missed():
    low, high, truth = np.array([1.0, 1.0, 1.0]), np.array([3.0, 3.0, 3.0]), np.array([2.0, 0.5, 3.1])
    assert report.interval_score(low, high, truth, 0.9) == pytest.approx([2.0, 2 + 20 * 0.5, 2 + 20 * 0.1])
    assert report.interval_score(low, high, truth, 0.5) == pytest.approx([2.0, 2 + 4 * 0.5, 2 + 4 * 0.1])


def test_no_interval_scores_better_than_the_right_one():
    truth = np.exp(LOG_SD * np.random.default_rng(1).standard_normal(200_000))
    half = 1.6449 * LOG_SD

    def score(factor):
        return report.interval_score(np.exp([-factor * half]), np.exp([factor * half]), truth, 0.9).mean()

    assert score(1.0) < min(score(0.7), score(1.4))


def test_where_every_core_saw_every_layer_the_mean_is_that_of_their_accumulations():
    values = np.random.default_rng(2).lognormal(size=(25, 10))
    column = values.sum(axis=1)
    expected = column.mean(), column.std(ddof=1) / 5, 24
    assert report.layered_mean(values) == pytest.approx(expected)
    assert report.layered_mean(values, whole=True) == pytest.approx(expected)


def test_a_short_core_counts_in_the_layers_that_it_saw_and_not_among_whole_cores():
    values = np.array([[1.0, 10.0], [3.0, 14.0], [8.0, np.nan]])
    total, error, degrees = report.layered_mean(values)
    assert (total, degrees) == (4 + 12, 2)
    # Influences by hand: (1 - 4) / 3 + (10 - 12) / 2, (3 - 4) / 3 + (14 - 12) / 2, (8 - 4) / 3.
    assert error == pytest.approx(math.sqrt(3 / 2 * (4 + 4 / 9 + 16 / 9)))
    assert report.layered_mean(values, whole=True) == pytest.approx((14, 3, 1))


def test_the_t_interval_of_short_cores_holds_the_mean_as_often_as_it_claims():
    """Layers of a core are alike, and a third of the cores does not reach the lower ones."""
    random, held = np.random.default_rng(3), 0
    for _ in range(2000):
        values = random.standard_normal((25, 1)) + 0.5 * random.standard_normal((25, 10))
        values[:8, 6:] = np.nan
        quantiles = report.t_quantiles(*report.layered_mean(values))
        held += quantiles["p05_t"] <= 0 <= quantiles["p95_t"]
    assert held / 2000 == pytest.approx(0.90, abs=0.025)


def test_one_core_has_no_t_interval_and_none_holds_the_truth():
    quantiles = report.t_quantiles(*report.layered_mean(np.array([[1.0, 2.0]])))
    assert quantiles["mean_t"] == 3
    assert math.isnan(quantiles["p05_t"])


def test_lognormal_quantiles_have_the_mean_and_the_spread():
    quantiles = report.lognormal_quantiles(100.0, 30.0)
    distribution = lognorm(s=math.log(quantiles["p95_t"] / quantiles["p50_t"]) / 1.6448536269514722, scale=quantiles["p50_t"])
    assert (distribution.mean(), distribution.std()) == pytest.approx((100.0, 30.0))


# ------------------------------------------------------------------ against the truth


def test_percentiles_of_a_right_simulator_hold_90_in_100_however_few_realisations_there_are():
    """Exact for i / (n + 1); the usual rule would hold 78 % with 15."""
    draws = np.random.default_rng(4).standard_normal((4000, 20))
    found = [calibrate.against(float(truth), simulated) for truth, *simulated in draws for simulated in [np.array(simulated)]]
    held = np.mean([row["p05_t"] <= row["truth_t"] <= row["p95_t"] for row in found])
    assert held == pytest.approx(0.9, abs=0.015)
    counts, probability = report.rank_histogram(np.array([row["below"] for row in found]))
    assert sum(counts) == 4000
    assert probability > 0.001


def test_the_place_of_a_truth_that_equals_realisations_is_the_middle_of_them():
    assert calibrate.against(0.0, np.zeros(99))["below"] == pytest.approx(0.5)
    assert calibrate.against(5.0, np.zeros(99))["below"] == pytest.approx(0.995)


@pytest.fixture(scope="module")
def truth():
    settings = read_settings(RAW / "assessment.toml")
    coarse = settings.model_copy(update={"grid": settings.grid.model_copy(update={"cell_m": 6000.0})})
    return twins.draw(9000, 12, coarse)[1]


def test_the_truth_over_a_cutoff_is_the_deposits_own_and_stops_at_the_estimated_blocks(truth):
    everywhere = np.ones(truth.density_t_m3.shape, dtype=bool)
    for cutoff_ppm in (0.0, 30.0):
        assert calibrate.metal_over_t(truth, "dy", everywhere, cutoff_ppm) == pytest.approx(truth.over("dy", cutoff_ppm).metal_t)
    west = everywhere.copy()
    west[..., truth.share.shape[1] // 2 :] = False
    parts = [calibrate.metal_over_t(truth, "dy", part, 30.0) for part in (west, ~west)]
    assert min(parts) > 0
    assert sum(parts) == pytest.approx(truth.over("dy", 30.0).metal_t)


def test_block_coverage_counts_estimated_blocks_alone():
    true_ppm = np.array([[[1.0, 2.0, 3.0, 99.0]]])
    quantiles = np.broadcast_to(np.array([0.5, 0.6, 1.5, 2.0, 2.5, 2.8, 3.0])[:, None, None, None], (7, 1, 1, 4))
    known = np.array([[[True, True, True, False]]])
    found = calibrate.block_comparison(true_ppm, quantiles, np.full((1, 1, 4), 2.2), known, np.ones((1, 4)))
    assert (found["count"], found["50"], found["80"], found["90"]) == (3, pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0)
    assert found["bias"] == pytest.approx(0.1)
    assert found["width"] == pytest.approx(1.25)


def test_every_realisation_must_have_a_total():
    frame = pd.DataFrame({"realisation": [2, 0, 1], "cutoff_ppm": 10.0, "metal_t": [3.0, 1.0, 2.0]})
    assert calibrate.realised_t(frame, 10.0, 3).tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="2 totals over 10 ppm for 3 realisations"):
        calibrate.realised_t(frame.iloc[:2], 10.0, 3)


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory):
    """A twin that is known and the stages before the simulation."""
    raw = tmp_path_factory.mktemp("twin")
    truth, _ = twins.write_raw(raw, 9001, 25)
    return truth, calibrate.Survey.of(raw)


def test_cutoffs_are_those_of_the_cores(surveyed):
    """The settings take them, the median halves the mass of the composites, and multiples are of the mean grade by mass."""
    _, survey = surveyed
    cutoffs = calibrate.cutoffs_ppm(survey.composites, "dy")
    assert CutoffSettings(dy_ppm=sorted(set(cutoffs.values()))).of("dy")[0] == 0
    frame = survey.composites.frame
    mass = frame["declustering_weight"] * frame["dry_bulk_density_t_m3"]
    assert mass[frame["dy_ppm"] <= cutoffs["median"]].sum() / mass.sum() == pytest.approx(0.5, abs=0.02)
    assert cutoffs["1"] == pytest.approx((mass * frame["dy_ppm"]).sum() / mass.sum(), abs=1e-3)
    assert cutoffs["2"] == pytest.approx(2 * cutoffs["1"], abs=1e-3)
    assert cutoffs["median"] < cutoffs["1"]


def test_intervals_without_simulation_lie_around_the_truth(surveyed):
    truth, survey = surveyed
    known = np.broadcast_to(survey.seafloor.region_share > 0, truth.density_t_m3.shape)
    true_t = truth.over("dy").metal_t
    cores = calibrate._in_tonnes(report.layered_mean(calibrate.accumulations_g_m3(survey.composites, "dy")), survey, known)
    for interval in (report.t_quantiles(*cores), calibrate.plug_in(survey, "dy", known)):
        assert interval["mean_t"] == pytest.approx(true_t, rel=0.3)
        assert 0.01 < (interval["p95_t"] - interval["p05_t"]) / true_t < 0.6


def blocks_of(truth, ppm):
    """A simulation's product for one element: all quantiles the same."""
    return SimpleNamespace(block_ppm=np.broadcast_to(ppm, (7, *ppm.shape)), block_mean_ppm=ppm)


def test_a_simulation_that_knows_the_truth_is_seen_to(surveyed, monkeypatch):
    truth, survey = surveyed

    def know_all(survey, task, off, cutoffs):
        rows = [
            {"element": element, "region": "all", "realisation": number, "cutoff_ppm": cutoff, "metal_t": truth.over(element, cutoff).metal_t}
            for element, values in cutoffs.items()
            for cutoff in values.values()
            for number in range(task.realisations)
        ]
        return SimpleNamespace(totals=pd.DataFrame(rows), grades={element: blocks_of(truth, truth.grade_ppm[element]) for element in cutoffs})

    monkeypatch.setattr(calibrate, "simulated", know_all)
    found = calibrate.compared(survey, truth, Task(25, 9001, 30), "")
    for element in ("dy", "gd"):
        for row in found[element]["totals"].values():
            assert row["p05_t"] == pytest.approx(row["truth_t"])
            assert row["sd_t"] == pytest.approx(0, abs=1e-6)
        assert found[element]["blocks"]["90"] == 1.0
        assert found[element]["blocks"]["bias"] == pytest.approx(0, abs=1e-12)
    without = calibrate.compared(survey, truth, Task(25, 9001, 30), "density")
    assert list(without["dy"]) == ["totals"]
    assert list(without["dy"]["totals"]) == ["0"]
    json.dumps(found)


# ------------------------------------------------------------------ many made-up deposits


def made_up(count=200, layout=25, spread=1.0, bias=0.0, off=(), first=0):
    """Records of deposits whose total is lognormal around what the cores say; a stated spread times too wide, or a bias, makes the method wrong."""
    random = np.random.default_rng([5, layout, first])
    records = []
    for seed in range(first, first + count):
        truth_t = 1e5 * math.exp(LOG_SD * random.standard_normal())
        draws = random.standard_normal(200)
        departure = twins.draw_parameters(seed, layout).departure
        about = {"layout": layout, "seed": seed, "departure": departure, "spacing_ratio": 0.75 + 2.25 * (seed % 100) / 99, "nugget": 0.1}
        about |= {"realisations": 200, "generator": 1, "machine": "a machine, 2 cores, 24 GiB", "seconds": 4.0}
        for name in ("", *off):
            # Sources that add up: each has a sixth of the variance.
            log_sd = spread * LOG_SD * (math.sqrt(5 / 6) if name else 1)
            total = calibrate.against(truth_t, 1e5 * (1 + bias) * np.exp(log_sd * draws))
            part = {"totals": {cutoff: total | {"cutoff_ppm": 0.0} for cutoff in ("0", "median", "1", "1.5", "2", "2.5", "3")}}
            part |= {
                "blocks": {"count": 8000, "50": 0.5, "80": 0.8, "90": 0.9, "bias": bias, "width": 1.5},
                "kriging": report.lognormal_quantiles(1e5, 0.6 * LOG_SD * 1e5),
                "cores": report.t_quantiles(1e5, 1.5 * LOG_SD * 1e5, layout - 1),
                "whole_cores": report.t_quantiles(1e5, 1.8 * LOG_SD * 1e5, layout - 4),
            }
            records.append(about | {"off": name, "elements": {"dy": part, "gd": part}})
    return records


def verdicts(records):
    """Whether each target is met, by what is wanted."""
    (found,) = report.summaries(records)
    return {row.wanted: row.is_met for row in report.targets(found)}


def test_a_right_method_meets_every_target():
    met = verdicts(made_up(off=calibrate.SOURCES))
    assert len(met) > 30
    assert [wanted for wanted, is_met in met.items() if not is_met] == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"spread": 0.6}, "Dy: 90 % interval of the total holds the truth in 86–94 %"),
        ({"spread": 0.6}, "Gd: coverage of the total may be 90 %"),
        ({"spread": 0.6}, "Gd: coverage over 2 × the mean grade may be 90 %"),
        ({"spread": 2.0}, "Dy: median width at most 0.80 of the t-interval, all twins"),
        ({"spread": 2.0}, "Gd: coverage of the total may be 90 %"),
        ({"bias": 0.05}, "Dy: median bias of the total under 2 %"),
    ],
)
def test_a_wrong_method_is_found_out(fault, says):
    assert verdicts(made_up(**fault))[says] is False


def test_sources_that_were_not_switched_off_are_not_said_to_be_met():
    assert verdicts(made_up())["Dy: each source off lowers the variance of the total"] is None


def test_sources_that_add_up_leave_no_interaction():
    (found,) = report.summaries(made_up(off=calibrate.SOURCES))
    sources = found["elements"]["dy"]["sources"]
    assert sources["density"]["mean"] == pytest.approx(1 / 6, abs=0.01)
    assert sources["density"]["lower_in"] == 200
    assert sources["interaction"]["mean"] == pytest.approx(0, abs=0.03)
    assert sources["none"]["coverage_90"] > sources["density"]["coverage_90"] - 1e-12


def test_sources_are_compared_on_deposits_that_have_all_of_them():
    (found,) = report.summaries([*made_up(count=100), *made_up(count=20, off=("density", "variogram"), first=500)])
    assert found["twins"] == 120
    assert found["elements"]["dy"]["sources"]["density"]["twins"] == 20


def test_the_promise_ends_at_the_first_cutoff_that_fails_though_a_later_one_holds():
    (found,) = report.summaries(made_up())
    cutoffs = found["elements"]["dy"]["cutoffs"]
    assert report.promise(cutoffs) == 3.0
    cutoffs["2"]["90"]["may_be_nominal"] = "too rarely"
    assert report.promise(cutoffs) == 1.5
    cutoffs["0"]["90"]["may_be_nominal"] = "too often"
    assert report.promise(cutoffs) is None


def test_every_deposit_lies_in_one_class_of_range_and_one_side_of_the_prior():
    (found,) = report.summaries(made_up())
    part = found["elements"]["gd"]
    assert sum(row["twins"] for name, row in part["width_to_cores"].items() if name != "all") == 200
    count = {name: row["levels"]["90"]["count"] for name, row in part["groups"].items()}
    assert count["inside"] + count["outside"] == 200
    assert sum(count[departure] for departure in twins.DEPARTURES) == count["outside"]


def test_narrower_intervals_and_lower_scores_are_told_apart():
    """Too narrow an interval beats a right one in width, not in score."""
    (found,) = report.summaries(made_up())
    ours, plug_in = (found["elements"]["dy"]["methods"][method]["levels"]["90"] for method in ("simulated", "kriging"))
    assert plug_in["width_median"] < ours["width_median"]
    assert plug_in["score"] > ours["score"]
    assert plug_in["may_be_nominal"] == "too rarely"


def test_a_refused_deposit_is_counted_and_not_scored():
    records = made_up(count=30)
    records[3] |= {"elements": {}, "refused": "fewer than 4 cores"}
    (found,) = report.summaries(records)
    assert (found["twins"], found["refused"], found["elements"]["dy"]["twins"]) == (30, 1, 29)


def test_document_and_figures_come_back_byte_for_byte_and_hold_no_path(tmp_path):
    records = [*made_up(off=calibrate.SOURCES, count=60), *made_up(count=40, layout=12)]
    texts = []
    for name in ("one", "other"):
        page, figures = tmp_path / f"{name}.md", tmp_path / f"{name}.json"
        assert report.write(records[:: 1 if name == "one" else -1], "ab" * 32, page, figures) == [page, figures]
        texts.append((page.read_text(encoding="utf-8"), figures.read_text(encoding="utf-8")))
    assert texts[0] == texts[1]
    page, figures = texts[0]
    for expected in ("## 12 cores", "## 25 cores", "24 GiB", "200 realisations", "version 1", "| met |", "left over (interaction)", "outside"):
        assert expected in page
    assert "nan" not in page
    assert str(Path.home()) not in page + figures
    content = json.loads(figures)
    assert list(content) == sorted(content) == ["generator", "program", "runs"]
    assert [(run["layout"], run["twins"]) for run in content["runs"]] == [(12, 40), (25, 60)]
    assert len(figures) < 20_000


def test_lines_for_the_screen_name_every_target():
    said = report.lines(made_up(count=40))
    assert said[0].startswith("25 cores: 40 twins, 0 refused")
    assert sum("median width" in line for line in said) == 8


# ------------------------------------------------------------------ records


def test_a_stopped_run_goes_on_where_it_was(tmp_path, monkeypatch):
    path, done = tmp_path / "records" / "run.jsonl", []

    def stop_after(count):
        def assessed(tasks, jobs):
            for number, task in enumerate(tasks):
                if number == count:
                    raise KeyboardInterrupt
                done.append((task.seed, task.off))
                yield [record for record in made_up(1, off=calibrate.SOURCES, first=task.seed) if record["off"] in task.off]

        return assessed

    tasks = [Task(25, seed) for seed in range(9000, 9004)]
    monkeypatch.setattr(calibrate, "assessed", stop_after(2))
    with pytest.raises(KeyboardInterrupt):
        calibrate.run(tasks, path, jobs=1)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"layout": 25, "se')  # cut off in the middle
    monkeypatch.setattr(calibrate, "assessed", stop_after(99))
    records = calibrate.run(tasks, path, jobs=1)
    assert [record["seed"] for record in records] == [9000, 9001, 9002, 9003]
    assert done == [(seed, ("",)) for seed in range(9000, 9004)]
    # Only what is missing of a twin is computed again.
    both = [replace(task, off=("", "density")) for task in tasks[:1]]
    assert len(calibrate.run(both, path, jobs=1)) == 2
    assert done[-1] == (9000, ("density",))
    assert len(calibrate.run(tasks, path, jobs=1)) == 4
    assert len(done) == 5


def test_records_of_another_program_are_another_file(tmp_path, monkeypatch):
    here = calibrate.record_file(200, tmp_path)
    assert here == calibrate.record_file(200, tmp_path)
    assert here != calibrate.record_file(100, tmp_path)
    monkeypatch.setattr(calibrate, "program_hash", lambda: "another")
    assert here != calibrate.record_file(200, tmp_path)


def test_a_switch_that_is_not_there_is_not_passed_over():
    settings = read_settings(RAW / "assessment.toml").simulation
    with pytest.raises(ValueError, match=r"\[simulation\] has no switch tides"):
        calibrate.without(settings, "tides")


# ------------------------------------------------------------------ short form


@pytest.mark.slow
def test_intervals_of_12_twins_hold_the_truth(tmp_path, record_property):
    """12 deposits of 25 cores, 100 realisations.

    If the coverage is 90 %, fewer than 8 of 12 intervals hold the truth with probability 0.4 % (binomial); if that of 50 % intervals is 50 %, none or
    all do with 0.05 %. Bounds of blocks, bias and width are far beyond what a right method strays; ``make calibrate`` measures the rest.
    """
    records = calibrate.run([Task(25, seed, realisations=100) for seed in range(9100, 9112)], tmp_path / "short.jsonl", jobs=2)
    (found,) = report.summaries(records)
    assert (found["twins"], found["refused"]) == (12, 0)
    for element in ("dy", "gd"):
        part = found["elements"][element]
        total = part["methods"]["simulated"]
        record_property(f"{element} held", total["levels"]["90"]["held"])
        assert part["twins"] == 12
        assert total["levels"]["90"]["held"] >= 8
        assert 0 < total["levels"]["50"]["held"] < 12
        assert abs(total["bias_median"]) < 0.10
        assert 0.80 < part["blocks"]["90"]["mean"] < 0.97
        assert part["width_to_cores"]["all"]["median"] < 1.2
