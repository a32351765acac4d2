"""Every number answers: in the tables, in the products, on the start page and in the report."""

from __future__ import annotations

import csv
import json
import math
import re
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from assess import assess, listed
from conftest import write_tiny

from pipeline.__main__ import main
from pipeline.artefacts import PanelTotals, PublishedFiles
from pipeline.config import MapSettings
from pipeline.errors import ArtefactError
from pipeline.explain import Numbers
from pipeline.number_ids import number_id
from pipeline.provenance.formulas import TABLES
from pipeline.provenance.graph import behind, graph_of
from pipeline.provenance.origin import row_ranges, rows_in
from pipeline.provenance.page_numbers import plain_number
from pipeline.stages import index, report, supply, table1
from pipeline.web.number_marks import marked, pieces, sourced, unmarked

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def built(tiny, tmp_path_factory):
    """Folders of the small assessment with all that numbers are looked up in."""
    processed, maps = tmp_path_factory.mktemp("processed"), tmp_path_factory.mktemp("maps")
    published, given = listed(PublishedFiles, tiny.raw, ".csv"), tiny.settings
    checklist = table1.run(
        tiny.samples, tiny.composites, tiny.seafloor, tiny.variograms, tiny.joint, tiny.cross_validation, tiny.validation, tiny.simulation.classes,
        tiny.tonnage, tiny.provenance, tiny.next_cores, published,
    )  # fmt: skip
    products = {
        "samples.parquet": tiny.samples, "seafloor.tif": tiny.seafloor, "tonnage.csv": tiny.tonnage, "recoverable.csv": tiny.recoverable,
        "production.csv": tiny.production, "supply.csv": tiny.supply, "next_cores.json": tiny.next_cores, "validation.json": tiny.validation,
        "cross_validation.json": tiny.cross_validation, "coregionalisation.json": tiny.joint, "provenance.json": tiny.provenance,
        "table1.json": checklist, **{f"variogram_{part.subject}.json": part for part in tiny.variograms},
    }  # fmt: skip
    method = tiny.published_method_of(published)
    start = index.run(
        tiny.grades, tiny.tonnage, tiny.samples, tiny.seafloor, tiny.composites, tiny.validation, published, tiny.provenance, tiny.recoverable,
        MapSettings(), given.assessment, given.elements,
    )  # fmt: skip
    told = report.run(
        samples=tiny.samples, composites=tiny.composites, seafloor=tiny.seafloor, variograms=tiny.variograms, joint=tiny.joint,
        cross_validation=tiny.cross_validation, validation=tiny.validation, tonnage=tiny.tonnage, grades=tiny.grades, density=tiny.density,
        published=published, provenance=tiny.provenance, table1=checklist, next_cores=tiny.next_cores, recoverable=tiny.recoverable,
        panels=tiny.beside(PanelTotals), production=tiny.production, supply=tiny.supply, published_method=method, elements=given.elements,
        assessment=given.assessment, maps=MapSettings(),
    )  # fmt: skip
    for name, product in {**products, "published_method.json": method}.items():
        product.write(processed / name)
    start.write(maps / "index.html")
    told.write(maps / "report.html")
    return processed, maps


@pytest.fixture(scope="module")
def numbers(built):
    return Numbers(*built)


# ------------------------------------------------------------------ every number


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_number_of_every_table_answers_with_its_own_value(built, numbers, table):
    import pandas as pd

    frame = pd.read_csv(built[0] / TABLES[table].file, dtype=str, keep_default_na=False)
    kinds = {key: float for key in TABLES[table].keys if key.endswith(("_ppm", "_t_day", "_m")) or key in ("year", "rank")}
    told = numbers.table(table)
    counted = 0
    for row in frame.to_dict("records"):
        keys = [kinds.get(key, str)(row[key]) for key in TABLES[table].keys]
        for column in TABLES[table].formulas:
            if row[column]:
                counted += 1
                assert told[number_id(table, *keys, column=column)].value == float(row[column])
    assert counted == len(told) > 0
    # No column of numbers is left without a formula.
    left = set(frame.columns) - set(TABLES[table].keys) - set(TABLES[table].formulas)
    for column in left:
        texts = [text for text in frame[column] if text]
        assert not texts or any(not re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", text) for text in texts) or column == "denominator_date", column


def test_an_explanation_says_all_that_is_asked_of_it(built, numbers, tiny):
    told = numbers.explain("tonnage/dy/all/0/mean/metal_t")
    assert told.value == pytest.approx(tiny.tonnes("dy", "mean"), rel=1e-9)
    assert (told.unit, told.made_from, told.code_sha256) == ("t", ["tonnage.csv"], tiny.provenance.content["code_sha256"])
    assert all("dry_mud_t × grade_ppm" in words for words in told.formula.values())
    (cores,) = [file for file in told.inputs if file["file"] == "cores/reference_survey.csv"]
    assert cores["rows"] == f"2-{len(tiny.samples.frame) + 1}"
    assert cores["sha256"] == tiny.provenance.content["inputs"]["cores/reference_survey.csv"]["sha256"]
    assert told.settings["cutoffs"]["dy_ppm"] == list(tiny.settings.cutoffs.of("dy"))
    chain = {step["product"]: step for step in told.chain}
    assert {"totals.parquet", "composites.parquet", "variogram_dy.json", "seafloor.tif", "samples.parquet"} <= set(chain)
    assert chain["composites.parquet"]["from"] == ["samples.parquet", "seafloor.tif"]
    assert not any(file["file"].startswith(("truth/", "published/")) for file in told.inputs)


@pytest.mark.parametrize("page", ["index", "report"])
def test_every_number_of_a_page_answers_and_is_what_is_shown(numbers, page):
    """What is shown is the number, in its unit or a thousandth, a millionth or a hundredth of it, rounded to the digits that are there."""
    shown = numbers.page(page).shown
    assert len(shown) > {"index": 100, "report": 3000}[page]
    wrong = []
    for number in shown:
        found = numbers.found(number.id)
        assert found is not None, number.id
        text = plain_number(number.shown)
        if not text:
            assert number.shown == "–", number
            continue
        # Rounded to the last digit that is not a filled-in 0.
        half = 0.5 * (10.0 ** -len(text.partition(".")[2]) if "." in text else 10.0 ** (len(text) - len(text.rstrip("0"))))
        if not any(abs(float(found.value) * scale - float(text)) <= half * (1 + 1e-6) for scale in (1, 1e-3, 1e-6, 100)):
            wrong.append((number.id, number.shown, found.value))
    assert wrong == []


@pytest.mark.parametrize("page", ["index", "report"])
def test_no_number_of_a_page_is_left_unnamed(built, page):
    """What is left of the words, its marked numbers, drawings and headings gone, holds no number by the rule of the page."""
    html = (built[1] / f"{page}.html").read_text(encoding="utf-8")
    body = html[html.index("<main") : html.index("</main>")]
    gone = (
        r"<svg.*?</svg>", r"<script.*?</script>", r"<summary>.*?</summary>", r"<(h2|h3)[ >].*?</\1>", r"<data .*?</data>", r"<button.*?</button>",
        r'<span data-(?:n|figure)="[^"]*">.*?</span>', r"<code>.*?</code>",
    )  # fmt: skip
    for part in gone:
        body = re.sub(part, "\x00", body, flags=re.DOTALL)
    left = [piece for text in re.split(r"<[^>]+>", body) for piece, source in pieces(unescape(text)) if source is not None]
    assert left == []


def test_names_of_places_are_distinct(numbers):
    for page in ("index", "report"):
        placed = [(number.id, number.language) for number in numbers.page(page).shown if number.is_placed]
        assert len(placed) == len(set(placed))


# ------------------------------------------------------------------ names


def test_an_old_name_is_answered_with_a_note(numbers):
    told = numbers.explain("dy/supported/0/mean/metal_t")
    assert told.id == "tonnage/dy/supported/0/mean/metal_t"
    assert told.notes == ["dy/supported/0/mean/metal_t is an old name: it is tonnage/dy/supported/0/mean/metal_t today"]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("tonnage/dy/suported/0/mean/metal_t", "tonnage/dy/supported/0/mean/metal_t"),
        ("tonage/dy/all/0/mean/metal_t", "tonnage/dy/all/0/mean/metal_t"),
        ("tonnage/dy/all/0/mean/metal", "tonnage/dy/all/0/mean/metal_t"),
        ("validation/elements/dx", "validation/elements/dy"),
        ("settings/grid/cell", "settings/grid/cell_m"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(numbers, name, nearest):
    with pytest.raises(ArtefactError, match=rf"no number is called {re.escape(name)}\. Nearest: .*{re.escape(nearest)}"):
        numbers.explain(name)


def test_a_beginning_lists_what_is_below(numbers):
    below = numbers.below("tonnage/dy/supported/0/mean")
    assert below == [f"tonnage/dy/supported/0/mean/{column}" for column in ("area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t")]
    counted = numbers.below("recoverable")
    assert [line.partition("/…")[0] for line in counted] == ["recoverable/dy", "recoverable/gd"]
    assert sum(int(re.search(r"\(([\d,]+) numbers\)", line)[1].replace(",", "")) for line in counted) == len(numbers.table("recoverable"))


def test_command_prints_words_or_json(built, capsys):
    def said(*arguments):
        with pytest.raises(SystemExit, match="0"):
            main(["explain", *arguments, "--processed", str(built[0]), "--maps", str(built[1])])
        return capsys.readouterr().out

    words = said("tonnage/gd/all/0/p50/metal_t")
    assert words.startswith("tonnage/gd/all/0/p50/metal_t\n  value ")
    assert "cores/reference_survey.csv rows 2-" in words
    told = json.loads(said("samples/count", "--json"))
    assert told["value"] > 0
    assert told["chain"][0]["product"] == "samples.parquet"
    assert told["settings"]["intake"]
    assert "tonnage" in json.loads(said("--json"))
    assert main(["explain", "tonnage/nothing", "--processed", str(built[0]), "--maps", str(built[1])]) == 2
    assert "no number is called tonnage/nothing" in capsys.readouterr().err


# ------------------------------------------------------------------ one row changed


def changed_names(before, after):
    """Names of the numbers that two builds tell differently."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_a_denominator_changes_no_number_that_does_not_list_its_row(built, numbers, tiny, tmp_path):
    """Every published figure is made half as large again, one at a time: each number that moves lists the row."""
    with (tiny.raw / "published" / "supply.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    before = {name: found.value for name, found in numbers.table("supply").items()}
    (tmp_path / "published").mkdir()
    (tmp_path / "provenance.json").write_bytes((built[0] / "provenance.json").read_bytes())
    moved = set()
    for place, row in enumerate(rows):
        changed = [repr(1.5 * float(cell)) if cell and name in ("value", "low", "high") else cell for name, cell in zip(head, row, strict=True)]
        if changed == row:
            continue
        with (tmp_path / "published" / "supply.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head, *rows[:place], changed, *rows[place + 1 :]])
        supply.run(tiny.production, listed(PublishedFiles, tmp_path, ".csv")).write(tmp_path / "supply.csv")
        after = {name: found.value for name, found in Numbers(tmp_path, tmp_path).table("supply").items()}
        for name in changed_names(before, after):
            files = {file["file"]: rows_in(file["rows"]) for file in numbers.explain(name).inputs}
            assert place + 2 in files["published/supply.csv"], (name, row)
            moved.add(place)
    assert len(moved) > 1


@pytest.fixture(scope="module")
def moved_row(tiny, tmp_path_factory):
    """The small assessment with one grade of one row changed, up to the tonnage table."""
    raw = write_tiny(tmp_path_factory.mktemp("moved") / "raw")
    path = raw / "cores" / "reference_survey.csv"
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    column, place = header.split(",").index("dy_ppm"), 5
    cells = rows[place].split(",")
    cells[column] = repr(1.4 * float(cells[column]))
    rows[place] = ",".join(cells)
    path.write_text(header + "".join(rows), encoding="utf-8", newline="\n")
    return place + 2, assess(raw)


def test_one_grade_changes_no_number_that_does_not_list_its_row(numbers, tiny, moved_row):
    row, moved = moved_row
    before, after = (
        {
            number_id("tonnage", *(line[key] for key in TABLES["tonnage"].keys), column=column): line[column]
            for line in table.to_dict("records")
            for column in TABLES["tonnage"].formulas
            if not math.isnan(line[column])
        }
        for table in (tiny.tonnage.frame, moved.tonnage.frame)
    )
    changed = changed_names(before, after) & before.keys()
    assert len(changed) > 100
    for name in sorted(changed):
        files = {file["file"]: rows_in(file["rows"]) for file in numbers.explain(name).inputs}
        assert row in files["cores/reference_survey.csv"]
    # Of the published figures nothing moves, and no number lists the row that does not depend on cores.
    assert numbers.explain("settings/grid/cell_m").inputs == []


def test_a_check_assay_is_listed_by_what_reads_samples_and_by_no_estimate(tiny, built):
    """Of the same intervals: it enters no composite, so no number of an estimate may list it."""
    samples = tiny.samples
    checks = samples.frame.iloc[:4].assign(source_file="cores/checks.csv", source_row=range(2, 6))
    told = replace(tiny, samples=replace(samples, check_assays=checks))
    told.__dict__.update({name: getattr(tiny, name) for name in ("tonnage", "validation")})
    content = json.loads(json.dumps(told.provenance.content))
    content["inputs"]["cores/checks.csv"] = {
        "folder": "cores", "sha256": "0" * 64, "rows": 0, "sample_rows": "", "check_assay_rows": "2-5", "ids": {},
    }  # fmt: skip
    numbers = Numbers(*built)
    numbers.origin = replace(numbers.origin, content=content)
    listed_by = {name: {file["file"] for file in numbers.explain(name).inputs} for name in ("tonnage/dy/all/0/mean/metal_t", "samples/count")}
    assert "cores/checks.csv" not in listed_by["tonnage/dy/all/0/mean/metal_t"]
    assert "cores/checks.csv" in listed_by["samples/count"]


# ------------------------------------------------------------------ the graph


@pytest.mark.parametrize("marker", ["", "horizon"])
def test_the_graph_is_that_of_make(tmp_path, marker):
    """Make itself, asked for its own reading of its second level, names the same prerequisites."""
    graph = graph_of(MAKEFILE, ["dy", "gd"], marker=marker)
    (tmp_path / "processed" / ".settings").mkdir(parents=True)
    (tmp_path / "processed" / ".settings" / "elements.mk").write_text(f"override ELEMENTS := dy gd\noverride MARKER := {marker}\n")
    command = ["make", "-npq", f"LINKS={tmp_path}", "-f", str(ROOT / "Makefile"), "products"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    found = dict(re.findall(rf"(?m)^{tmp_path}/(?:processed|maps)/([\w.]+): (.+)$", said))
    assert set(found) == set(graph)
    for product, made in graph.items():
        names = found[product].split()
        assert set(made.products) == {name.rpartition("/")[2] for name in names if "/." not in name.removeprefix(str(tmp_path))}
        assert set(made.settings) == {Path(name).stem for name in names if "/.settings/" in name}
        assert set(made.inputs) == {Path(name).stem for name in names if "/.lists/" in name and "program_" not in name}


def test_stages_take_what_the_graph_says(tmp_path):
    """The settings in the signature of a stage are those of its rule: neither can go stale alone."""
    import importlib
    from types import UnionType
    from typing import get_args, get_origin, get_type_hints

    from pipeline.config import Section

    for product, made in graph_of(MAKEFILE, ["dy", "gd"], marker="horizon").items():
        hints = get_type_hints(importlib.import_module(f"pipeline.stages.{made.stage}").run)
        kinds = [get_args(hint)[0] if get_origin(hint) in (list, UnionType) else hint for name, hint in hints.items() if name != "return"]
        sections = {kind.section for kind in kinds if isinstance(kind, type) and issubclass(kind, Section) and kind is not Section}
        if Section not in kinds:
            assert sections == set(made.settings), product


def test_what_is_behind_a_product_is_all_that_leads_to_it():
    graph = graph_of(MAKEFILE, ["dy", "gd"])
    above = behind(graph, ["supply.csv"])
    assert above.products[:2] == ("supply.csv", "production.csv")
    assert above.inputs == ("bathymetry", "cores", "domains", "published")
    assert {"production", "recoverable", "grid", "intake"} <= set(above.settings)
    assert "truth" in behind(graph, ["validation.json"]).inputs
    with pytest.raises(ArtefactError, match="not understood here"):
        graph_of("# level 2: the products\nA := $(shell date)\n", [])


@pytest.mark.parametrize("rows", [[2], [2, 3, 4], [9, 2, 3, 7], []])
def test_ranges_of_rows_are_read_back(rows):
    assert rows_in(row_ranges(rows)) == set(rows)


# ------------------------------------------------------------------ marks


def test_the_same_number_has_one_name_in_both_languages():
    html = str(marked({"en": "25 cores hold 1,234 t in 5 m", "ja": "5 m に 1,234 t、コア25本、2組"}))
    parts = dict(zip(("en", "ja"), html.split('<span lang="ja">'), strict=True))
    names = {language: dict(re.findall(r'data-n="(\d+)">([^<]+)', part)) for language, part in parts.items()}
    assert names["en"] == {"1": "25", "2": "1,234", "3": "5"}
    assert names["ja"] == {**names["en"], "4": "2"}


def test_a_named_number_keeps_its_name_inside_a_sentence():
    text = f"about {sourced('tonnage/dy/all/0/mean/metal_t', '1,234')} t of 5"
    assert str(marked(text)) == 'about <span data-figure="tonnage/dy/all/0/mean/metal_t">1,234</span> t of <span data-n="1">5</span>'
    assert unmarked(text) == "about 1,234 t of 5"
    # What looks like a mark and is none is passed over.
    assert str(marked("\ufdd0a\ufdd1<b>")) == "a&lt;b&gt;"
