"""Check assays, and what they say of laboratories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from survey_frame import core, shuffled, table

from pipeline.intake.check_assays import laboratory_bias, split_duplicates


def paired(original_ppm, check_ppm, originals_by="A", checks_by="B"):
    """Originals and check assays of as many intervals as there are grades."""
    tops_m = np.arange(len(original_ppm)) / 2
    rows = core("A", tops_m=tops_m, laboratory=originals_by) + core("A", tops_m=tops_m, file="cores/b.csv", laboratory=checks_by, qc_type="duplicate")
    for row, grade in zip(rows, [*original_ppm, *check_ppm], strict=True):
        row["dy_ppm"] = grade
    return table(*rows)


def bias(frame, elements=("dy",)):
    originals, duplicates, refusals = split_duplicates(frame)
    assert refusals == []
    return laboratory_bias(originals, duplicates, elements)


def test_survey_without_kinds_holds_originals_only():
    for frame in (table(*core("A")), table(*core("A")).drop(columns="qc_type"), table(*core("A", qc_type="original"))):
        originals, duplicates, refusals = split_duplicates(frame)
        pd.testing.assert_frame_equal(originals, frame)
        assert duplicates.empty
        assert refusals == []


def test_check_assay_is_taken_out_of_the_estimates():
    frame = paired([40.0, 50.0], [41.0, 52.0])
    originals, duplicates, refusals = split_duplicates(frame)
    assert originals["dy_ppm"].tolist() == [40.0, 50.0]
    assert duplicates["dy_ppm"].tolist() == [41.0, 52.0]
    assert refusals == []


@pytest.mark.parametrize("written", ["duplicate", "Duplicate", " DUPLICATE ", "ｄｕｐｌｉｃａｔｅ"])
def test_kind_may_be_written_in_any_case_and_width(written):
    rows = core("A", tops_m=(0.0,))
    assert len(split_duplicates(table(*rows, {**rows[0], "source_row": 3, "qc_type": written}))[1]) == 1


@pytest.mark.parametrize("written", ["blank", "standard", "dup", "1", "duplicate?"])
def test_unknown_kind_is_refused_with_what_is_allowed(written):
    rows = core("A")
    rows[1]["qc_type"] = written
    originals, duplicates, [refusal] = split_duplicates(table(*rows))
    assert refusal[:4] == ("cores/a.csv", 3, "qc_type", written)
    assert "write original or duplicate, or leave the cell empty" in refusal.reason
    assert (len(originals), len(duplicates)) == (2, 0)


@pytest.mark.parametrize("cells", [{"from_m": 0.1}, {"to_m": 0.6}, {"core_id": "B"}])
def test_check_assay_without_original_is_refused(cells):
    row = core("A", tops_m=(0.0,))[0]
    originals, duplicates, [refusal] = split_duplicates(table(row, {**row, "source_row": 3, "qc_type": "duplicate", **cells}))
    assert refusal[:4] == ("cores/a.csv", 3, "qc_type", "duplicate")
    assert "has no original: no accepted row holds interval" in refusal.reason
    assert (len(originals), len(duplicates)) == (1, 0)


def test_two_check_assays_are_no_original_of_each_other():
    row = core("A", tops_m=(0.0,), qc_type="duplicate")[0]
    assert len(split_duplicates(table(row, {**row, "source_row": 3}))[2]) == 2


def test_depths_may_differ_by_rounding():
    frame = paired([40.0], [41.0])
    frame.loc[1, "to_m"] += 5e-10
    assert len(split_duplicates(frame)[1]) == 1
    frame.loc[1, "to_m"] += 1e-6
    assert len(split_duplicates(frame)[1]) == 0


def test_bias_and_its_interval_have_the_closed_form():
    original, check = np.array([40.0, 50.0, 60.0, 20.0]), np.array([44.0, 52.0, 69.0, 23.0])
    [found] = bias(paired(original, check))
    log_ratio = np.log(check / original)
    low, high = stats.t.interval(0.95, 3, log_ratio.mean(), stats.sem(log_ratio))
    assert (found["pairs"], found["original_laboratory"], found["check_laboratory"]) == (4, "A", "B")
    assert [found[key] for key in ("mean_log_ratio", "low_log_ratio", "high_log_ratio")] == pytest.approx([log_ratio.mean(), low, high], rel=1e-12)
    assert found["relative_sd_percent"] == pytest.approx(100 * log_ratio.std(ddof=1) / np.sqrt(2), rel=1e-12)
    assert found["mean_relative_difference_percent"] == pytest.approx(np.mean(200 * (check - original) / (check + original)), rel=1e-12)
    cv = [100 * np.std([a, b], ddof=1) / np.mean([a, b]) for a, b in zip(original, check, strict=True)]
    assert found["rms_cv_percent"] == pytest.approx(np.sqrt(np.mean(np.square(cv))), rel=1e-12)


def test_planted_bias_and_precision_are_recovered():
    random = np.random.default_rng(1)
    truth = random.uniform(20, 90, 2000)
    [found] = bias(paired(truth * random.lognormal(0, 0.04, 2000), 1.10 * truth * random.lognormal(0, 0.04, 2000)))
    assert found["mean_log_ratio"] == pytest.approx(np.log(1.10), abs=4 * 0.04 * np.sqrt(2 / 2000))
    assert found["relative_sd_percent"] == pytest.approx(4.0, rel=0.08)
    assert found["verdict"] == "biased"
    assert "dy: laboratory B gives 1" in found["warning"]
    assert "% more than laboratory A in 2,000 check assays (95 % interval +" in found["warning"]


def test_interval_covers_no_bias_in_about_95_of_100_comparisons():
    """Each column stands for one comparison of six pairs."""
    names = [f"x{number}" for number in range(2000)]
    grades = pd.DataFrame(np.random.default_rng(2).lognormal(3.5, 0.05, (12, 2000)), columns=[f"{name}_ppm" for name in names])
    verdicts = [line["verdict"] for line in bias(pd.concat([paired(np.ones(6), np.ones(6)), grades], axis=1), names)]
    assert set(verdicts) == {"biased", "no bias shown"}
    assert stats.binomtest(verdicts.count("biased"), 2000, 0.05).pvalue > 1e-3


def test_equal_assays_show_no_bias():
    [found] = bias(paired([40.0, 50.0, 61.3], [40.0, 50.0, 61.3]))
    assert (found["verdict"], found["mean_log_ratio"], found["relative_sd_percent"], found["warning"]) == ("no bias shown", 0.0, 0.0, "")


def test_one_pair_says_nothing_of_bias():
    [found] = bias(paired([40.0], [80.0]))
    assert (found["pairs"], found["verdict"], found["mean_log_ratio"], found["warning"]) == (1, "unknown", None, "")


@pytest.mark.parametrize("useless", [0.0, np.nan])
def test_pairs_without_two_positive_grades_do_not_count(useless):
    [found] = bias(paired([40.0, 50.0, useless, 30.0], [44.0, 54.0, 60.0, useless]))
    assert found["pairs"] == 2


def test_element_that_nobody_checked_gives_no_line():
    assert bias(paired([40.0, 50.0], [np.nan, np.nan]), ["dy", "tb"]) == []


def test_pairs_of_laboratories_are_kept_apart_and_ordered():
    parts = [([44.0, 55.0], "A", "B"), ([36.0, 45.0], "B", "A"), ([40.0, 50.5], "", "")]
    frame = pd.concat([paired([40.0, 50.0], *part).assign(core_id=core_id) for part, core_id in zip(parts, "ABC", strict=True)])
    found = {(line["original_laboratory"], line["check_laboratory"]): line for line in bias(shuffled(frame))}
    assert list(found) == [("", ""), ("A", "B"), ("B", "A")]
    assert found["A", "B"]["mean_log_ratio"] == pytest.approx(np.log(1.1))
    assert found["B", "A"]["mean_log_ratio"] == pytest.approx(np.log(0.9))
    assert "laboratory A gives 10 % less than laboratory B" in found["B", "A"]["warning"]


def test_bias_inside_one_laboratory_and_without_names_is_worded():
    [same], [nameless] = (bias(paired([40.0, 50.0, 60.0], [44.0, 55.1, 66.0], name, name)) for name in ("A", ""))
    assert "dy: check assays of laboratory A give 10 % more than its own originals in 3 check assays" in same["warning"]
    assert "check assays of a laboratory that is not named" in nameless["warning"]


def test_order_of_rows_makes_no_difference_to_bias():
    frame = paired([40.0, 50.0, 60.0], [44.0, 52.0, 69.0])
    assert bias(shuffled(frame, 4)) == bias(frame)
