"""Table 1: every item has a value that can be looked up or a reason, in both languages, and follows the survey."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from assess import assess, listed
from jsonschema import Draft202012Validator
from planted import SETTINGS, cores_on_a_grid, csv_text, varied_density_t_m3, varied_ppm
from pydantic import ValidationError

from pipeline.artefacts import (
    Calibration,
    Classes,
    Marks,
    PublishedFiles,
    Table1,
    Table1Content,
    table1_schema,
)
from pipeline.artefacts.formats import read_geoparquet, read_raster
from pipeline.checklist.facts import find_in, number
from pipeline.errors import ArtefactError
from pipeline.stages import table1

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
SECTION_SIZES = (22, 12, 32, 1)


@pytest.fixture(scope="module")
def published(reference_raw):
    return listed(PublishedFiles, reference_raw, ".csv")


@pytest.fixture(scope="module")
def told(reference, published):
    return fill_in(reference, published)


@pytest.fixture(scope="module")
def measured(plant, published):
    """Checklist of a survey that was measured: two laboratories, detection limits, check assays, dates, a log."""
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3)
    for position, row in enumerate(rows):
        row |= {"laboratory": "Lab A", "method": "ICP-MS", "detection_limit_ppm": 0.5, "date": "2020-05-01", "device": "piston corer"}
        row |= {"lithology": "pelagic clay", "dy_ppm": "<0.5" if position == 0 else row["dy_ppm"]}
    checks = [
        {**row, "qc_type": "duplicate", "laboratory": "Lab B\r\n=1+1", "dy_ppm": 1.1 * row["dy_ppm"], "gd_ppm": 1.1 * row["gd_ppm"]}
        for row in rows[1:9]
    ]
    result = assess(plant({"survey.csv": csv_text(rows), "checks.csv": csv_text(checks)}))
    return result, fill_in(result, published)


def provenance_of(assessment):
    told = assessment.provenance
    return replace(told, content={**told.content, "code_sha256": "0123" * 16})


def fill_in(assessment, published, **changes):
    """The checklist of an assessment, some artefacts replaced."""
    given = {
        "samples": assessment.samples,
        "composites": assessment.composites,
        "seafloor": assessment.seafloor,
        "variograms": assessment.variograms,
        "joint": assessment.joint,
        "cross_validation": assessment.cross_validation,
        "validation": assessment.validation,
        "classes": assessment.simulation.classes,
        "tonnage": assessment.tonnage,
        "provenance": provenance_of(assessment),
        "next_cores": assessment.next_cores,
        "published": published,
    }
    return table1.run(**{**given, **changes})


def items(checklist):
    return {item["criterion"]["en"]: item for item in checklist.content["items"]}


def said(checklist, criterion, part="value", language="en"):
    return items(checklist)[criterion][part][language]


def all_words(content):
    """Every pair of texts."""
    if isinstance(content, dict):
        if set(content) == {"en", "ja"}:
            yield content
        else:
            for value in content.values():
                yield from all_words(value)
    elif isinstance(content, list):
        for value in content:
            yield from all_words(value)


# --- the product -----------------------------------------------------------------------------------------------------------------------------------


def test_product_is_valid_under_the_schema_beside_it(told, measured, tmp_path):
    for checklist in (told, measured[1]):
        checklist.write(tmp_path / "table1.json")
        schema = json.loads((tmp_path / "table1.schema.json").read_text(encoding="utf-8"))
        content = json.loads((tmp_path / "table1.json").read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(content)
        Table1Content.model_validate_json(json.dumps(content))
        assert content["$schema"] == "table1.schema.json" == schema["$id"]
        assert Table1.read(tmp_path / "table1.json") == checklist


def test_writing_twice_gives_the_same_bytes(told, reference, published, tmp_path):
    for name, checklist in (("a", told), ("b", fill_in(reference, published))):
        (tmp_path / name).mkdir()
        checklist.write(tmp_path / name / "table1.json")
    for name in ("table1.json", "table1.schema.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


WORDS, PLACE = {"en": "x", "ja": "字"}, {"product": "a", "where": "/b"}


@pytest.mark.parametrize(
    ("state", "value", "evidence", "why_not", "holds"),
    [
        ("available", WORDS, [PLACE], None, True),
        ("available", WORDS, [PLACE], WORDS, False),
        ("available", WORDS, [], None, False),
        ("available", None, [PLACE], None, False),
        ("partly", WORDS, [PLACE], WORDS, True),
        ("partly", WORDS, [PLACE], None, False),
        ("partly", WORDS, [], WORDS, False),
        ("not available", None, [], WORDS, True),
        ("not available", None, [], None, False),
        ("not available", WORDS, [], WORDS, False),
        ("perhaps", WORDS, [PLACE], WORDS, False),
    ],
)
def test_models_and_schema_agree_on_what_an_item_may_be(told, state, value, evidence, why_not, holds):
    item = {**told.content["items"][0], "state": state, "value": value, "evidence": evidence, "why_not": why_not}
    content = {**told.content, "items": [item]}
    assert Draft202012Validator(table1_schema()).is_valid(content) == holds
    if holds:
        Table1Content.model_validate_json(json.dumps(content))
    else:
        with pytest.raises(ValidationError):
            Table1Content.model_validate_json(json.dumps(content))


@pytest.mark.parametrize("change", [{"id": "1.2"}, {"section": "weather"}])
def test_an_id_is_its_items_own_and_its_section_is_listed(told, change):
    first, second = told.content["items"][:2]
    with pytest.raises(ValidationError, match="stands twice, or an item belongs to no section"):
        Table1Content.model_validate_json(json.dumps({**told.content, "items": [{**first, **change}, second]}))


def test_a_file_that_is_no_table_1_is_explained(tmp_path):
    (tmp_path / "table1.json").write_text('{"items": []}', encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"table1\.json is no Table 1"):
        Table1.read(tmp_path / "table1.json")


def test_every_item_stands_in_its_place_whatever_the_survey(told, measured):
    expected = [f"{chapter}.{number}" for chapter, size in enumerate(SECTION_SIZES, start=1) for number in range(1, size + 1)]
    for checklist in (told, measured[1]):
        assert [item["id"] for item in checklist.content["items"]] == expected
        assert list(dict.fromkeys(item["section"] for item in checklist.content["items"])) == [part["key"] for part in checklist.content["sections"]]
    criteria = [[item["criterion"] for item in checklist.content["items"]] for checklist in (told, measured[1])]
    assert criteria[0] == criteria[1]
    assert len({words["en"] for words in criteria[0]}) == len({words["ja"] for words in criteria[0]}) == len(expected)


def test_each_text_stands_in_both_languages(told, measured):
    for checklist in (told, measured[1]):
        words = list(all_words(checklist.content))
        assert len(words) > 2 * len(checklist.content["items"])
        for text in words:
            assert not JAPANESE.search(text["en"]), text["en"]
            assert JAPANESE.search(text["ja"]), text["ja"]
            for language in ("en", "ja"):
                assert text[language] == text[language].strip()
                assert not re.search(r"\bnan\b|\bNone\b|\{|\}|  |。。|\.\.(?!\.)|\n", text[language]), text[language]


def test_both_languages_tell_the_same_figures(told, measured):
    figure = re.compile(r"\d[\d,.]*\d|[02-9]")  # but for 1: Japanese writes it where English writes a
    for checklist in (told, measured[1]):
        for item in checklist.content["items"]:
            if item["value"] is not None:
                english, japanese = (sorted(figure.findall(item["value"][language])) for language in ("en", "ja"))
                assert english == japanese, item["id"]


# --- evidence --------------------------------------------------------------------------------------------------------------------------------------


@cache
def parquet(path):
    return read_geoparquet(path)


def found_at(folder, product, where):
    """What evidence leads to; a LookupError where it leads nowhere."""
    path = folder / product
    if not path.is_file():
        raise LookupError(product)
    if path.suffix == ".json":
        assert where.startswith("/")
        return find_in(json.loads(path.read_text(encoding="utf-8")), where)
    if path.suffix == ".parquet":
        frame, notes = parquet(path)
        return find_in(notes, where.removeprefix("notes")) if where.startswith("notes/") else frame[where]
    if path.suffix == ".tif":
        _, bands, tags = read_raster(path)
        return tags[where.removeprefix("tags/")] if where.startswith("tags/") else bands[where]
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if "/" not in where:
            return {name: name for name in reader.fieldnames}[where]
        element, region, cutoff, statistic, column = where.split("/")
        keys = {"element": element, "region": region, "cutoff_ppm": cutoff, "statistic": statistic}
        (row,) = [row for row in reader if all(row[key] == value for key, value in keys.items())]
        return float(row[column])


@pytest.fixture(scope="module")
def products(reference, told, measured, tmp_path_factory):
    """Both assessments with their checklists, on disk."""
    folders = []
    for assessment, checklist in ((reference, told), measured):
        folder = tmp_path_factory.mktemp("products")
        assessment.samples.write(folder / "samples.parquet")
        assessment.seafloor.write(folder / "seafloor.tif")
        assessment.composites.write(folder / "composites.parquet")
        for variogram in assessment.variograms:
            variogram.write(folder / f"variogram_{variogram.subject}.json")
        assessment.joint.write(folder / "coregionalisation.json")
        assessment.cross_validation.write(folder / "cross_validation.json")
        assessment.density.write(folder / "density.tif")
        for grade in assessment.grades:
            grade.write(folder / f"grade_{grade.element}.tif")
        assessment.simulation.write(folder / "totals.parquet")
        assessment.tonnage.write(folder / "tonnage.csv")
        assessment.validation.write(folder / "validation.json")
        assessment.next_cores.write(folder / "next_cores.json")
        provenance_of(assessment).write(folder / "provenance.json")
        folders.append((folder, checklist))
    return folders


def test_every_piece_of_evidence_leads_to_something(products):
    for folder, checklist in products:
        places = [place for item in checklist.content["items"] for place in item["evidence"]]
        assert len(places) > 100
        for place in places:
            assert found_at(folder, place["product"], place["where"]) is not None, place


def test_a_place_that_is_not_there_is_noticed(products):
    folder = products[0][0]
    for product, where in (
        ("validation.json", "/elements/xx"),
        ("samples.parquet", "moon_phase"),
        ("samples.parquet", "notes/moon"),
        ("grade_dy.tif", "xx_ppm"),
        ("grade_dy.tif", "tags/moon"),
        ("rejected.csv", "moon"),
        ("absent.json", "/"),
    ):
        with pytest.raises(LookupError):
            found_at(folder, product, where)


def test_tonnes_told_are_those_of_the_evidence(products):
    for folder, checklist in products:
        item = items(checklist)["Tonnes and grade"]
        values = [found_at(folder, place["product"], place["where"]) for place in item["evidence"]]
        assert len(values) == 8
        for value in values:
            assert f"{value:,.0f}" in item["value"]["en"]
            assert f"{value:,.0f}" in item["value"]["ja"]


# --- what is said follows the survey ---------------------------------------------------------------------------------------------------------------


def test_figures_of_the_cores_are_those_of_the_samples(reference, told):
    frame = reference.samples.frame
    positions = np.column_stack(
        reference.seafloor.grid.from_lonlat(*(frame.groupby("core_id")[key].first() for key in ("longitude_deg", "latitude_deg")))
    )
    apart_m = np.linalg.norm(positions[:, None] - positions[None], axis=2) + np.diag(np.full(len(positions), np.inf))
    nearest_km = apart_m.min(axis=1) / 1000
    spacing = said(told, "Data spacing and distribution: between cores")
    assert f"median {np.median(nearest_km):.1f} km, {nearest_km.min():.1f} to {nearest_km.max():.1f} km" in spacing
    assert said(told, "Sampling techniques").startswith(f"{len(frame):,} samples from {frame['core_id'].nunique()} cores")
    cored_m = frame.groupby("core_id")["penetration_m"].first().sum()
    assert f"{(frame['to_m'] - frame['from_m']).sum() / cored_m:.0%}".replace("%", " %") in said(told, "Drill sample recovery")
    short = (frame.groupby("core_id")["penetration_m"].first() < 10).sum()
    assert f"{short} of 25 cores end above the bottom" in said(told, "Drill sample recovery")


def test_fewer_cores_tell_other_figures(reference, published, told):
    frame = reference.samples.frame
    fewer = replace(reference.samples, frame=frame[frame["core_id"] <= "RS-10"].reset_index(drop=True))
    assert "from 10 cores" in said(fill_in(reference, published, samples=fewer), "Sampling techniques")
    assert "from 25 cores" in said(told, "Sampling techniques")


def test_checks_told_are_those_of_cross_validation_and_validation(reference, told):
    scores = reference.cross_validation.comparisons["dy"].scores["ordinary"]
    text = said(told, "Estimation and modelling techniques: cross-validation")
    assert f"RMSE {scores['rmse_g_m3']:.1f} g/m³" in text
    assert f"kriging variance {scores['msdr']:.2f}" in text
    cut = reference.validation.content["elements"]["dy"]["top_cut"]
    text = said(told, "Estimation and modelling techniques: grade cutting or capping")
    assert f"{cut['cap_ppm']:.1f} ppm" in text
    assert f"{100 * cut['change_share']:.1f} %".replace("-", "−") in text
    histogram = reference.validation.content["simulation"]["checks"]["histogram"]
    inside = [part["inside"] for rows in histogram.values() for part in rows]
    assert f"{sum(inside)} of {len(inside)} quantiles" in said(told, "Estimation and modelling techniques: validation against data")


# --- synthetic and measured ------------------------------------------------------------------------------------------------------------------------

REAL_WORK = (
    "Drilling techniques (coring device)",
    "Logging",
    "Quality of assay data: laboratory and method",
    "Sample security",
    "Dates of sampling and assaying",
)


def test_samples_that_a_computer_drew_are_no_evidence(told):
    for criterion in REAL_WORK:
        assert items(told)[criterion]["state"] == "not available"
        assert "drawn by a computer" in said(told, criterion, "why_not")
        assert "計算機で作られた" in said(told, criterion, "why_not", "ja")
    for criterion in (
        "Sampling techniques",
        "Range of the assays",
        "Tonnes and grade",
        "Bulk density",
        "Data spacing and distribution: between cores",
    ):
        assert items(told)[criterion]["state"] == "partly"
        assert "no evidence of a real deposit" in said(told, criterion, "why_not")
    # Only what says nothing of the deposit is complete.
    assert {item["id"] for item in told.content["items"] if item["state"] == "available"} <= {
        "2.6",
        "2.8",
        "2.9",
        "2.10",
        "3.1",
        "3.6",
        "3.8",
        "3.31",
    }
    assert "made-up deposit" in told.content["unfc"]["note"]["en"]
    assert told.content["data_kind"] == "synthetic"


def test_measured_samples_tell_what_was_done(measured):
    result, checklist = measured
    assert "computer" not in json.dumps({key: value for key, value in checklist.content.items() if key != "statement"})
    assert "piston corer" in said(checklist, "Drilling techniques (coring device)")
    assert "ICP-MS" in said(checklist, "Quality of assay data: laboratory and method")
    assert "lithology" in said(checklist, "Logging")
    assert "2020-05-01" in said(checklist, "Dates of sampling and assaying")
    assert "Dy 1" in said(checklist, "Quality of assay data: detection limits")
    checks = said(checklist, "Quality of assay data: duplicates and check assays")
    assert checks.startswith("8 check assays")
    assert "8 pairs" in checks
    assert "biased" in checks
    assert "made-up" not in checklist.content["unfc"]["note"]["en"]
    assert items(checklist)["Tonnes and grade"]["state"] == "available"
    assert result.samples.marks.data_kind == "measured"


def test_text_of_core_tables_is_made_harmless(measured):
    checks = said(measured[1], "Quality of assay data: duplicates and check assays")
    assert "Lab B" in checks
    assert not re.search(r"[\x00-\x1f\x7f]", checks)


def test_partly_synthetic_surveys_count_the_measured_work_only(measured, published):
    result = measured[0]
    frame = result.samples.frame.copy()
    drawn = frame["core_id"] == "C00"
    frame.loc[drawn, ["data_kind", "device"]] = ["synthetic", "none (computer-drawn)"]
    mixed = fill_in(result, published, samples=replace(result.samples, frame=frame, marks=Marks("partly synthetic")))
    device = said(mixed, "Drilling techniques (coring device)")
    assert "piston corer" in device
    assert "computer-drawn" not in device
    assert said(mixed, "Range of the assays", "why_not").startswith("Some samples were drawn by a computer")
    assert "no real deposit" in mixed.content["unfc"]["note"]["en"]


NOT_FOR_A_PROGRAM = (
    "Competent Person",
    "Site visits",
    "Audits or reviews of the estimate",
    "Mineral Reserves",
    "Environmental factors or assumptions",
    "Mineral tenement and land tenure status",
    "Reasonable prospects for eventual economic extraction",
)


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [(None, 1, "–"), (np.nan, 0, "–"), (-0.04, 1, "0.0"), (-1234.5, 1, "−1,234.5"), (1e6, 0, "1,000,000"), (0.0, 2, "0.00")],
)
def test_figures_are_written_as_people_read_them(value, digits, shown):
    assert number(value, digits) == shown


def test_a_program_signs_for_nobody(told, measured):
    for checklist in (told, measured[1]):
        for criterion in NOT_FOR_A_PROGRAM:
            assert items(checklist)[criterion]["state"] == "not available", criterion
        assert "not a CRIRSCO, JORC or NI 43-101 statement" in checklist.content["statement"]["en"]


# --- codes -----------------------------------------------------------------------------------------------------------------------------------------


def test_confidence_follows_the_classes(reference, published, told):
    assert (told.content["unfc"]["E"]["code"], told.content["unfc"]["F"]["code"], told.content["unfc"]["G"]["code"]) == ("E3.2", "F4", "G3")
    classes = reference.simulation.classes
    east = np.arange(classes.code.shape[1]) < 10
    better = replace(classes, code=np.where(east & (classes.code == 1), 2.0, classes.code))
    checklist = fill_in(reference, published, classes=better)
    assert checklist.content["unfc"]["G"]["code"] == "G2+G3"
    share, cell_km2 = reference.seafloor.region_share, 4.0
    indicated, inferred = (share[better.code == code].sum() * cell_km2 for code in (2, 1))
    assert f"G2: {indicated:,.0f} km² indicated; G3: {inferred:,.0f} km² inferred" in checklist.content["unfc"]["G"]["reason"]["en"]
    assert f"indicated {indicated:,.0f} km², inferred {inferred:,.0f} km²" in said(checklist, "Classification")


def test_without_realisations_there_is_no_class_and_no_confidence(reference, published):
    frame = reference.tonnage.frame
    kriged = replace(reference.tonnage, frame=frame[frame["statistic"] == "kriged"].reset_index(drop=True))
    unsimulated = {**reference.validation.content, "simulation": {"not_simulated": {"dy": "too few cores", "gd": "too few cores"}}}
    none = np.where(np.isfinite(reference.simulation.classes.code), 0.0, np.nan)
    changed = {"validation": replace(reference.validation, content=unsimulated), "classes": Classes(none, none, none, none)}
    checklist = fill_in(reference, published, tonnage=kriged, **changed)
    assert checklist.content["unfc"]["G"]["code"] is None
    for criterion in ("Classification", "Classification: test on production volumes", "Discussion of relative accuracy and confidence: the total"):
        assert items(checklist)[criterion]["state"] == "not available"
    assert "without a range" in said(checklist, "Tonnes and grade")


def test_few_equal_cores_are_told_to_the_end(plant, published):
    """No variogram, no score, no density, nothing simulated, no published estimate nearby: the checklist is still whole."""
    unknown = {"dry_bulk_density_t_m3": None, "penetration_m": None, "water_depth_m": None}
    rows = [{**row, **unknown} for row in cores_on_a_grid(lambda *_: 50.0, side=2)]
    result = assess(plant(rows, SETTINGS.replace('missing = "layer_mean"', 'missing = "prior"')))
    checklist = fill_in(result, PublishedFiles(published.raw, {}))
    assert len(checklist.content["items"]) == sum(SECTION_SIZES)
    assert "No sample carries a density" in said(checklist, "Bulk density")
    assert "No published estimate" in said(checklist, "Check estimates, previous estimates and reconciliation", "why_not")
    for text in all_words(checklist.content):
        assert "nan" not in text["en"]


def test_calibration_is_told_or_its_absence(reference, published, told):
    criterion = "Discussion of relative accuracy and confidence: calibration"
    assert items(told)[criterion]["state"] == "not available"
    run = {"layout": 25, "twins": 200, "elements": {"dy": {"total": {"90": {"held": 185}}}}}
    validation = reference.validation_of(reference.simulation, reference.tonnage, Calibration({"runs": [run]}))
    assert "Dy, 25 cores: 185 of 200." in said(fill_in(reference, published, validation=validation), criterion)
