"""The report: its numbers are those of the files, it says what is missing and why, and words of a user stay words."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from assess import assess, listed
from planted import SETTINGS, cores_on_a_grid, csv_text, unrelated_ppm, varied_density_t_m3, varied_ppm

from pipeline.artefacts import (
    RECOVERABLE_COLUMNS,
    SENSITIVITY_COLUMNS,
    Comparison,
    Estimator,
    Marks,
    PanelTotals,
    PublishedFiles,
    Validation,
)
from pipeline.config import MapSettings
from pipeline.number_ids import number_id
from pipeline.published_comparison import published_comparison
from pipeline.report_page import figures
from pipeline.report_page.blocks import both, fixed, percent, shown, signed
from pipeline.report_page.data import layer_means
from pipeline.report_page.judged import estimating_program_sha256
from pipeline.report_page.model import verdict
from pipeline.stages import report, supply, table1

CHAPTERS = (
    "summary", "data", "composites", "declustering", "variograms", "cross-validation", "swaths", "reproduction", "grade-tonnage", "sources", "tail",
    "classes", "recoverable", "production", "supply", "published", "truth", "calibration", "next-cores", "limits", "table1", "settings",
)  # fmt: skip


def facts_of(assessment, published, **changes):
    """What the stage takes, some of it replaced."""
    given = assessment.settings
    origin = assessment.provenance
    # Others may work on the program while tests run.
    origin = replace(origin, content={**origin.content, "code_sha256": "0123" * 16})
    facts = {
        "samples": assessment.samples,
        "composites": assessment.composites,
        "seafloor": assessment.seafloor,
        "variograms": assessment.variograms,
        "joint": assessment.joint,
        "cross_validation": assessment.cross_validation,
        "validation": assessment.validation,
        "tonnage": assessment.tonnage,
        "published": published,
        "provenance": origin,
        "next_cores": assessment.next_cores,
    } | changes
    checklist = table1.run(**facts, classes=assessment.simulation.classes)
    rest = {
        "table1": checklist,
        "grades": assessment.grades,
        "density": assessment.density,
        "recoverable": assessment.recoverable,
        "panels": assessment.beside(PanelTotals),
        "production": assessment.production,
        "supply": supply.run(assessment.production, published),
        "published_method": assessment.published_method_of(published),
        "elements": given.elements,
        "assessment": given.assessment,
        "maps": MapSettings(),
    }
    return {**facts, **rest, **{name: value for name, value in changes.items() if name in rest}}


def html_of(assessment, published, **changes):
    return with_whole_names(report.run(**facts_of(assessment, published, **changes)).html)


def with_whole_names(html):
    """The page with the names of its numbers written out, where a row tells once how all of them begin."""

    def whole(row):
        return row[0].replace('data-name="', f'data-figure="{row[1]}')

    return re.sub(r'<tr data-under="([^"]*)".*?</tr>', whole, html, flags=re.DOTALL)


@pytest.fixture(scope="module")
def published(reference_raw):
    return listed(PublishedFiles, reference_raw, ".csv")


@pytest.fixture(scope="module")
def html(reference, published):
    return html_of(reference, published)


@pytest.fixture(scope="module")
def measured(plant):
    """Measured samples of two laboratories, with check assays and a value below the detection limit."""
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3)
    for position, row in enumerate(rows):
        row |= {"laboratory": "Lab A", "detection_limit_ppm": 0.5, "dy_ppm": "<0.5" if position == 0 else row["dy_ppm"]}
    checks = [{**row, "qc_type": "duplicate", "laboratory": "Lab B", "dy_ppm": 1.1 * row["dy_ppm"]} for row in rows[1:9]]
    return assess(plant({"survey.csv": csv_text(rows), "checks.csv": csv_text(checks)}))


def section(html, name):
    """One chapter."""
    found = re.search(rf'<section id="{name}" .*?</section>', html, re.DOTALL)
    return found[0] if found else None


def without_marks(html):
    """The page without the names of its numbers."""
    return re.sub(r'<span data-(?:n|figure)="[^"]*">([^<]*)</span>', r"\1", html)


def words(html):
    """What a reader sees in English, tags gone."""
    html = without_marks(html)
    return unescape(
        re.sub(r"<[^>]+>", " ", re.sub(r'<(span|text)([^>]*) lang="ja"[^>]*>.*?</\1>|<(span|text) lang="ja"[^>]*>.*?</\3>', "", html))
    ).replace("\xa0", " ")


def drawn(svg, name):
    """Points of a series, in units of the drawing."""
    path = re.search(rf'data-series="{name}"[^>]*>.*? d="([^"]*)"', svg, re.DOTALL)[1]
    return np.array([float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", path)]).reshape(-1, 2)


def same_up_to_scale(found, values):
    """Whether drawn coordinates are an affine picture of values: the axis is linear, so nothing else may move a point."""
    values = np.asarray(values, dtype=float)
    scale, start = np.polyfit(values, found, 1)
    return np.allclose(scale * values + start, found, atol=0.01)


# --- numbers ---------------------------------------------------------------------------------------------------------------------------------------


def test_every_tonnage_of_the_page_is_the_files_to_the_last_digit(reference, html):
    frame = reference.tonnage.frame
    rows = {(row["element"], row["region"], f"{row['cutoff_ppm']:g}", row["statistic"]): row for row in frame.to_dict("records")}
    found = re.findall(r'<data value="([^"]*)" data-figure="tonnage/((?:dy|gd)/[^"]*)">([^<]*)</data>', html)
    seen = set()
    for value, place, text in found:
        *key, column = place.split("/")
        exact = rows[tuple(key)][column]
        assert float(value) == exact, place
        assert text == shown(exact * (1e-6 if column == "dry_mud_t" else 1)), place
        seen.add(tuple(key))
    wanted = {key for key in rows if key[3] in ("kriged", "mean", "p10", "p50", "p90")}
    assert wanted <= seen


def test_truth_sources_and_variograms_are_those_of_the_files(reference, html):
    values = {place: float(value) for value, place in re.findall(r'<data value="([^"]*)" data-figure="([^"]*)"', html)}
    checks = reference.validation.content
    for element in ("dy", "gd"):
        for position, row in enumerate(checks["elements"][element]["truth"]):
            assert values[f"validation/elements/{element}/truth/{position}/metal_t/truth"] == row["metal_t"]["truth"]
        for source, part in checks["simulation"]["sources"][element]["one_off"].items():
            assert values[f"validation/simulation/sources/{element}/one_off/{source}/share_of_variance"] == part["share_of_variance"]
    for variogram in reference.variograms:
        for position, lag in enumerate(variogram.experimental):
            assert values[f"variogram_{variogram.subject}/experimental/{position}/semivariance"] == lag["semivariance"]
    for core in reference.next_cores.cores:
        assert values[f"next_cores/total_metal/{core['rank']}/{core['element']}/sd_after_t"] == core["sd_after_t"]
    for core in reference.next_cores.cutoff_cores:
        assert values[f"next_cores/metal_over_cutoff/{core['rank']}/{core['element']}/narrowing_t"] == core["narrowing_t"]


def test_steps_from_the_published_estimate_add_up_on_the_page(reference, published, html):
    for element in ("dy", "gd"):
        comparison = published_comparison(element, published.figures(), reference.tonnage, reference.samples, reference.seafloor)
        table = re.search(rf'<table id="table-waterfall-{element}"[^>]*>.*?</table>', html, re.DOTALL)[0]
        added = [float(row[0]) for row in (re.findall(r'<data value="([^"]*)">[+−0]', line) for line in table.split("</tr>")) if row]
        assert math.fsum(added) == comparison.end - comparison.start
        assert len(added) == len(comparison.steps)
        assert table.count("verdict part") == sum(step.circular for step in comparison.steps)


def test_declustered_means_per_layer_weigh_metal_and_mud_alike(reference):
    """Declustered grade of a layer is declustered accumulation over declustered density."""

    class Here:
        composites = reference.composites

    _, weighted = layer_means(Here, "dy")
    frame = reference.composites.frame
    for layer in range(reference.composites.layers.count):
        part = frame[(frame["layer"] == layer) & frame["dy_g_m3"].notna()]
        expected = (part["dy_g_m3"] * part["declustering_weight"]).sum() / (part["dry_bulk_density_t_m3"] * part["declustering_weight"]).sum()
        assert weighted[layer] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (shown(None), "–"), (shown(-1234.5, 2), "−1,200"), (shown(0.0), "0"), (fixed(-0.001), "0.00"), (percent(None), "–"),
        (percent(0.125, 1), "12.5\xa0%"), (signed(0.0), "0"), (signed(-2.5, 2), "−2.5"), (both("5 km and 3 %", "5 km")["en"], "5\xa0km and 3\xa0%"),
        (both("25 metres", "")["en"], "25 metres"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_write_them(text, expected):
    assert text == expected


# --- chapters --------------------------------------------------------------------------------------------------------------------------------------


def test_every_chapter_is_there_and_shows_something_or_says_why_not(html):
    assert tuple(re.findall(r'<section id="([^"]*)"', html)) == CHAPTERS
    assert tuple(re.findall(r'<li><a href="#([^"]*)">', html)) == CHAPTERS
    for name in CHAPTERS:
        part = section(html, name)
        assert re.search(r"<table|<figure|<ul|class=\"missing\"", part), name


def test_every_text_is_there_in_both_languages(html):
    page = html[html.index("<body") :]
    assert len(re.findall(r'<span lang="en">', page)) == len(re.findall(r'<span lang="ja">', page)) > 1000
    assert len(re.findall(r'<text lang="en"', page)) == len(re.findall(r'<text lang="ja"', page)) > 50
    english = re.findall(r'<(?:span|text) lang="en"[^>]*>([^<]*)<', page)
    assert [text for text in english if re.search("[\u3040-\u30ff\u4e00-\u9fff]", text)] == []


def test_the_same_facts_make_the_same_bytes(reference, published, html):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.grid": False, "svg.fonttype": "path"}):
        assert html_of(reference, published) == html


def test_synthetic_data_are_named_and_compared_with_their_truth(html):
    assert 'id="banner"' in html
    assert "Synthetic data" in words(html)
    assert section(html, "truth") is not None


def test_measured_data_have_no_truth_and_no_banner(measured, published):
    page = html_of(measured, published)
    assert section(page, "truth") is None
    assert 'id="banner"' not in page
    assert "合成データ" not in page.replace(section(page, "published"), "")
    assert "computer" not in words(section(page, "limits"))
    data = words(section(page, "data"))
    assert "Assays below the detection limit: Dy 1" in data
    assert "Lab A → Lab B" in data


def test_rows_left_out_are_told(reference, published):
    marks = Marks("synthetic", 3)
    rejected = reference.samples.rejected.reindex(range(1))
    rejected.loc[0] = ["cores/a.csv", "7", "dy_ppm", "<i>-3</i>", "is negative"]
    page = html_of(reference, published, samples=replace(reference.samples, marks=marks, rejected=rejected))
    assert 'id="left-out"' in page
    assert "3 refused rows were left out" in words(section(page, "limits"))
    assert "&lt;i&gt;-3&lt;/i&gt;" in without_marks(section(page, "data"))


def test_without_realisations_every_chapter_about_them_says_why(plant, published):
    same = assess(plant(cores_on_a_grid(lambda *_: 40.0)))
    page = html_of(same, published)
    for name in ("reproduction", "sources", "classes"):
        assert "Not available: nothing could be simulated (all values are equal" in words(section(page, name)), name
        assert "すべて同じ値" in section(page, name)
    assert "without an interval" in words(section(page, "summary"))
    assert "該当なし" in section(page, "next-cores") or "<table" in section(page, "next-cores")


def test_one_layer_and_one_element_have_a_report(plant, published):
    settings = SETTINGS.replace("bottom_m = 4.0", "bottom_m = 1.0").replace('["dy", "gd"]', '["dy"]').replace("gd_ppm = [0.0, 20.0, 40.0]\n", "")
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3, bottom_m=1.0)
    one = assess(plant({"survey.csv": csv_text(rows)}, settings=settings))
    page = html_of(one, published)
    assert "One layer: there is no profile downwards." in words(section(page, "swaths"))
    assert 'data-figure="tonnage/gd/' not in page
    assert "grade_gd.html" not in page


def test_three_elements_have_a_report(plant, published):
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm)
    for row in rows:
        row["nd_ppm"] = 3.0 * row["dy_ppm"] + row["gd_ppm"]
    settings = SETTINGS.replace('["dy", "gd"]', '["dy", "gd", "nd"]').replace("gd_ppm =", "nd_ppm = [0.0, 100.0]\ngd_ppm =")
    page = html_of(assess(plant({"survey.csv": csv_text(rows)}, settings=settings)), published)
    assert {place.split("/")[0] for place in re.findall(r'data-figure="tonnage/(\w+/all/[^"]*)"', page)} == {"dy", "gd", "nd"}
    assert page.count('id="fig-cross-') == 6


def test_without_a_published_estimate_there_is_no_waterfall(reference, tmp_path):
    page = html_of(reference, PublishedFiles(tmp_path, {}))
    assert 'id="table-waterfall' not in page
    assert 'class="missing"' in section(page, "published")


def test_words_of_a_user_stay_words(plant, published):
    hostile = "<script>canary=1</script> $x^2$ @0@"
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3)
    for row in rows:
        row["core_id"] = hostile if row["core_id"] == "C00" else row["core_id"]
    settings = SETTINGS.replace("Planted survey", "<b>&amp; {{ title }} @0@")
    page = html_of(assess(plant({"survey.csv": csv_text(rows)}, settings=settings)), published)
    assert page.count("<script") == 4
    assert "<b>" not in page
    assert "&lt;script&gt;canary=1&lt;/script&gt; $x^2$ @0@" in without_marks(section(page, "data"))
    assert "&lt;script&gt;canar…" in re.search(r'<figure id="fig-downhole">.*?</svg>', page, re.DOTALL)[0]
    assert "&lt;b&gt;&amp;amp; {{ title }} @0@" in page


def test_a_calibration_of_another_program_is_called_stale(reference, published):
    run = {"bounds_99": [0.8, 0.97], "held": 92, "width_median": 0.2}
    runs = [{"layout": 25, "twins": 100, "elements": {"dy": {"total": {"50": run, "80": run, "90": run}}}}]
    for program, is_stale in ((estimating_program_sha256(), False), ("0" * 64, True)):
        told = {"state": "calibrated", "program": program, "runs": runs}
        page = html_of(reference, published, validation=Validation({**reference.validation.content, "calibration": told}))
        part = words(section(page, "calibration"))
        assert ("Stale:" in part) is is_stale
        assert "held the truth in 92 of 100 (92 %" in part


# --- estimators ------------------------------------------------------------------------------------------------------------------------------------

_GAINS = {"drift": {"mean_g_m3": -0.456, "standard_error_g_m3": 0.5789}}


@pytest.mark.parametrize(
    ("said", "used", "gains", "english", "japanese"),
    [
        ("kept", "ordinary", _GAINS, "Ordinary kriging is used. It gives way", "それに替えます"),
        ("kept", "ordinary", {}, "no other one that may drive the grades could be scored", "採点できませんでした"),
        ("replaced", "drift", _GAINS, "Kriging with drift on water depth is used in place", "に替えて水深をドリフトとするクリギング"),
        ("named", "cokriging", {}, "Cokriging is used because the settings name it", "設定での指定"),
        ("unscored", "ordinary", {}, "Nothing could be scored", "採点できませんでした"),
    ],
)
def test_which_estimator_is_used_and_why_is_told(said, used, gains, english, japanese):
    estimator = Estimator(used, ("depth_m",) if used == "drift" else ())
    part = Comparison(estimator, said, "", 25, 200, 200, {}, {}, gains, {})
    told = verdict(part, ["depth_m"], {"min_gain_standard_errors": 1.0})
    assert english in told["en"]
    assert japanese in told["ja"]
    assert ("−0.46 ± 0.58" in told["en"]) is bool(gains)


def test_scores_are_sorted_by_crps_and_the_used_row_is_marked(reference, html):
    part = reference.cross_validation.comparisons["dy"]
    table = re.search(r'<table id="table-estimators-dy"[^>]*>.*?</table>', without_marks(html), re.DOTALL)[0]
    rows = re.findall(r"<tr[^>]*>.*?</tr>", table, re.DOTALL)[1:]
    crps = [float(re.findall(r'<td class="number">([^<]*)</td>', row)[3]) for row in rows]
    assert crps == sorted(crps)
    assert [("(used)" in row, 'class="main"' in row) for row in rows].count((True, True)) == 1
    assert len(rows) == len(part.scores)


# --- figures ---------------------------------------------------------------------------------------------------------------------------------------


def test_curves_are_drawn_where_the_numbers_are():
    cutoffs, metal = np.array([0.0, 10.0, 30.0, 70.0]), np.array([9.0, 7.0, 8.0, 1.0])
    lines = {"mean": metal, "p10": metal - 0.5, "p90": metal + 1, "kriged": metal[::-1].copy()}
    svg = figures.grade_tonnage("t", cutoffs, [("Metal", "metal_t", lines)], "ppm")
    for curve in ("mean", "kriged"):
        points = drawn(svg, f"metal_t-{curve}-0")
        assert same_up_to_scale(points[:, 0], cutoffs)
        assert same_up_to_scale(points[:, 1], lines[curve])


def test_a_variogram_shows_its_points_its_model_and_its_pairs():
    lag, gamma, pairs = np.array([1.0, 2.5, 4.0]), np.array([0.4, 0.9, 0.7]), np.array([12, 345, 67])
    fine = np.linspace(0, 4, 9)
    model = 1 - np.exp(-fine)
    svg = figures.variogram("v", [figures.Direction("down", lag, gamma, pairs, fine, model, "m")], 1.0)
    points, line = drawn(svg, "points-0"), drawn(svg, "model-0")
    assert same_up_to_scale(np.concatenate([points[:, 0], line[:, 0]]), np.concatenate([lag, fine]))
    assert same_up_to_scale(np.concatenate([points[:, 1], line[:, 1]]), np.concatenate([gamma, model]))
    assert [number for number in re.findall(r">(\d+)</text>", svg) if int(number) in pairs] == ["12", "345", "67"]


def test_a_waterfall_steps_from_bar_to_bar():
    bars = [figures.Bar("a", 0, 16e6, True, False), figures.Bar("b", 16e6, 20e6, False, False), figures.Bar("c", 20e6, 19e6, False, True)]
    svg = figures.waterfall("w", bars, "t")
    edges = np.concatenate([drawn(svg, f"bar-{number}")[:, 0] for number in range(3)])
    expected = np.concatenate([np.unique([bar.start, bar.end]) for bar in bars])
    found = np.concatenate([np.unique(drawn(svg, f"bar-{number}")[:, 0]) for number in range(3)])
    assert edges.size >= 12
    assert same_up_to_scale(found, expected)


def test_intervals_are_drawn_to_one_scale():
    rows = [figures.Spread("x", 10e3, 12e3, 15e3, 19e3, 22e3), figures.Spread("y", 1e3, 2e3, 3e3, 5e3, 8e3)]
    svg = figures.intervals("i", rows)
    found = np.concatenate([drawn(svg, f"p05-p95-{n}")[:, 0] for n in (0, 1)] + [drawn(svg, f"p10-p90-{n}")[:, 0] for n in (0, 1)])
    assert same_up_to_scale(found, [10e3, 22e3, 1e3, 8e3, 12e3, 19e3, 2e3, 5e3])


def test_figures_carry_text_in_both_languages_and_no_font():
    svg = figures.shares("s", [({"en": "one <&>", "ja": "一"}, 0.5, 0.4, 0.6), ("two", 0.1, -0.1, 0.3)])
    assert '<text lang="en"' in svg
    assert ">one &lt;&amp;&gt;</text>" in svg
    assert ">一</text>" in svg
    assert "@0@" not in svg
    assert "font-family" not in svg
    assert "<image" not in svg
    assert "DejaVu" not in svg


def test_figures_of_one_page_share_no_name(html):
    names = re.findall(r' id="([^"]+)"', html)
    assert len(names) == len(set(names))
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', html))
    assert used - set(names) == set()


# --- what can be lifted ----------------------------------------------------------------------------------------------------------------------------


def test_every_number_of_the_funnel_is_the_tables_to_the_last_digit(reference, html):
    found = reference.recoverable
    tables = {"recoverable": (found.frame, RECOVERABLE_COLUMNS[:7]), "recoverable_sensitivity": (found.sensitivity, SENSITIVITY_COLUMNS[:8])}
    for name, (frame, keys) in tables.items():
        rows = {number_id(name, *(row[key] for key in keys), column=""): row for row in frame.to_dict("records")}
        told = re.findall(rf'<data value="([^"]*)" data-figure="({name}/[^"]*/)(\w+)"', html)
        assert len(told) > 50, name
        for value, place, column in told:
            assert float(value) == rows[place][column], place


def test_the_funnel_says_what_is_unknown_and_what_is_too_coarse(html):
    part = section(html, "recoverable")
    said = words(part)
    assert "This is an upper bound: what is lost in extraction and in upgrading is unknown." in said
    assert "too coarse to show the slope of a cell" in said
    assert said.count("unknown: upper bound") == 6  # two steps, two elements, and two keys
    assert "これは上限値です" in part
    for element in ("dy", "gd"):
        svg = re.search(rf'<figure id="fig-recoverable-{element}">.*?</figure>', part, re.DOTALL)[0]
        assert len(set(re.findall(r'data-series="(left-\d)"', svg))) == 10


def test_the_widest_swing_of_the_tornado_stands_on_top(reference, html):
    svg = re.search(r'<figure id="fig-recoverable-tornado">.*?</figure>', html, re.DOTALL)[0]
    rows = reference.recoverable.sensitivity
    rows = rows[(rows["element"] == "dy") & (rows["statistic"] == "p50")]
    moved = rows.groupby("setting")["change_share"].agg(lambda shares: shares.abs().max())
    assert len(set(re.findall(r'data-series="change-(\d+)-', svg))) == int((moved >= 0.0005).sum())
    said = re.findall(r'<text lang="en"[^>]*>([^<]*)</text>', svg)
    order = [said.index(name) for name in ("share brought aboard", "deepest water, m", "cut-off of the column, ppm", "thickest cover, m")]
    assert order == sorted(order)


# --- production and supply -------------------------------------------------------------------------------------------------------------------------


def test_every_number_of_production_and_supply_is_the_tables_to_the_last_digit(reference, published, html):
    tables = {
        "production": (reference.production.frame, ("rate_t_day", "basis", "where", "element", "statistic")),
        "start_panels": (reference.production.years, ("rate_t_day", "basis", "year", "element", "statistic")),
        "supply": (supply.run(reference.production, published).frame, ("rate_t_day", "basis", "where", "element", "question")),
    }
    for name, (frame, keys) in tables.items():
        rows = {tuple(f"{row[key]:g}" if isinstance(row[key], float) else str(row[key]) for key in keys): row for row in frame.to_dict("records")}
        found = re.findall(rf'<data value="([^"]*)" data-figure="{name}/([^"]*)"', html)
        assert len(found) > 20, name
        for value, place in found:
            *key, column = place.split("/")
            assert float(value) == rows[tuple(key)][column], place


def test_no_rate_is_shown_on_one_basis_alone(html):
    for chapter in ("production", "supply"):
        said = words(section(html, chapter))
        assert said.count("t/day dry") == said.count("t/day wet") > 2
    assert "Nobody has said whether the published rates are tonnes of wet or of dry mud" in words(section(html, "production"))


def test_an_unknown_denominator_has_a_dash_a_state_and_its_reason(html):
    said = words(section(html, "supply"))
    assert "Unknown, and therefore switched off: dy_demand_japan, dy_demand_world, dy_import_china, gd_demand_japan" in said
    assert re.search(r"years of Japan's demand in all recoverable metal\s+–\s+–\s+–\s+years\s+unknown", said)
    assert "no value is published" in said
    assert "USD" not in said


def test_money_is_never_told(html):
    for chapter in ("recoverable", "production", "supply"):
        assert not re.search(r"USD|\$|¥|€|[Pp]rice|revenue", words(section(html, chapter)))


def test_the_order_of_mining_says_how_good_it_is_known_to_be(reference, html):
    said = words(section(html, "production"))
    plans = reference.beside(PanelTotals).plans
    assert len(plans) == 4
    assert said.count("no order of cells") == 4
    assert all(0 <= plan.bound_share < 0.01 for plan in plans)


def test_without_production_both_chapters_say_why(reference, published):
    nothing = replace(reference.production, frame=reference.production.frame.iloc[:0], years=reference.production.years.iloc[:0])
    html = report.run(**facts_of(reference, published) | {"production": nothing, "supply": supply.run(nothing, published)}).html
    assert "Not available: nothing was simulated, or nothing is recoverable" in words(section(html, "production"))
    assert "Not available: there is no production to compare" in words(section(html, "supply"))
