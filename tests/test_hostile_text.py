"""Whatever people wrote stays text: no command runs while building, no script in the page, no formula in a spreadsheet, no escape on a terminal."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hostile import MARK, file_names, payloads
from map_world import world
from planted import SETTINGS, cores_on_a_grid, varied_ppm, write_raw
from visits import Visit, browser_running

from pipeline.artefacts import REJECTED_COLUMNS, CoreFiles, Marks, PublishedFiles, Samples
from pipeline.artefacts.formats import read_csv, read_raster, write_csv, write_json, write_raster
from pipeline.config import ElementSettings
from pipeline.errors import ArtefactError, CoreFileError, RowsRefused
from pipeline.files import sha256_of
from pipeline.stages import index
from pipeline.text import printable, printable_message, spreadsheet_text, text_of_cell
from pipeline.web import panel
from pipeline.web.inline import json_block

ROOT = Path(__file__).parents[1]
PAYLOADS = payloads()
EACH = pytest.mark.parametrize("text", PAYLOADS.values(), ids=PAYLOADS)
ALL = " ".join(PAYLOADS.values())

# ------------------------------------------------------------------ what runs in this process

_SEEN: list[tuple[str, tuple[object, ...]]] = []
_COMMANDS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn"}
_watching = False


def _note(event, arguments):
    if _watching and (event in _COMMANDS or event == "compile"):
        _SEEN.append((event, arguments))


sys.addaudithook(_note)  # cannot be taken back, so it is told when to look


@pytest.fixture
def audited():
    """Commands that were started and Python that was compiled while a test ran."""
    global _watching
    _SEEN.clear()
    _watching = True
    yield _SEEN
    _watching = False


def commands(seen):
    """Commands other than children of this program with arguments that nobody wrote."""
    started = [arguments for event, arguments in seen if event in _COMMANDS]
    return [arguments for arguments in started if not (str(arguments[0]) == sys.executable and MARK not in str(arguments))]


def compiled(seen):
    """Python made from what people wrote."""
    sources = [arguments[0] for event, arguments in seen if event == "compile"]
    return [source for source in sources if MARK in (source.decode(errors="replace") if isinstance(source, bytes) else str(source))]


def test_the_audit_sees_a_template_that_is_run(audited, tmp_path):
    import jinja2

    harmful = payloads(tmp_path / "trace")["template, command"].replace(".popen(", ".system(").replace(".read()", "")
    jinja2.Environment(autoescape=True).from_string(harmful).render()
    assert (tmp_path / "trace").exists()
    assert commands(audited)
    assert compiled(audited)


# ------------------------------------------------------------------ terminal

UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


@EACH
def test_a_terminal_gets_one_line_of_seen_characters(text):
    shown = printable(f"<{text}>\udcff")
    assert UNSEEN.search(shown) is None
    assert shown == "<" + "".join(c if UNSEEN.search(c) is None else printable(c) for c in text) + ">\\udcff"


def test_a_message_cannot_be_continued_by_what_it_tells_of():
    name = "a.csv\n  note: all is well\nerror: none\x1b[1A"
    assert printable_message(CoreFileError(f"{name} is empty")).count("\n") == 0
    refused = printable_message(RowsRefused(f"2 rows refused. {printable(name)} row 2\n  b.csv\rrow 3", []))
    assert refused.split("\n") == [r"2 rows refused. a.csv\n  note: all is well\nerror: none\x1b[1A row 2", r"  b.csv\rrow 3"]


# ------------------------------------------------------------------ spreadsheets

FORMULA = re.compile(r"""[\s"'＂＇]*[=+@＝＋－＠-]|[\t\r]""")


def rejected_table():
    texts = [*PAYLOADS.values(), "-5.2", "+3", "1e-3", "", "NA", "007", "'", "''=1", "a,b", 'a"b', "a\r\nb", "a\rb", "\r", "-", "=", "'-3"]
    return pd.DataFrame([("cores/a.csv", str(row), text, text, text) for row, text in enumerate(texts, 2)], columns=list(REJECTED_COLUMNS))


def test_refused_values_are_read_back_as_they_stood(tmp_path):
    table = rejected_table()
    write_csv(table, tmp_path / "rejected.csv")
    pd.testing.assert_frame_equal(read_csv(tmp_path / "rejected.csv", dtype=str), table)


def test_no_cell_of_a_table_is_a_formula(tmp_path):
    write_csv(rejected_table(), tmp_path / "rejected.csv")
    with (tmp_path / "rejected.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for record in csv.reader(file) for cell in record]
    run = [cell for cell in cells if FORMULA.match(cell) and not cell.startswith("'") and not re.fullmatch(r"[+-]?[0-9.]+(e-?\d+)?", cell)]
    assert run == []
    assert {"-5.2", "+3", "1e-3", "007", "'=1", "'-3"} - set(cells) == {"'=1", "'-3"}


def test_a_cell_may_be_longer_than_readers_expect(tmp_path):
    table = pd.DataFrame({"value": ["=" + "x" * 200_000]})
    write_csv(table, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(read_csv(tmp_path / "table.csv", dtype=str), table)


def test_numbers_stay_numbers(tmp_path):
    table = pd.DataFrame({"number": [-5.2, np.nan, 1e-12], "count": [-1, 0, 2**53 + 1], "text": ["-5.2", "=1", "x"]})
    write_csv(table, tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_bytes() == b"number,count,text\n-5.2,-1,-5.2\n,0,'=1\n1e-12,9007199254740993,x\n"


@pytest.mark.parametrize("text", ["=1", "'=1", "''=1", "' =1", "'a'", "＠x", "\ttab", "\rx", " +x", "-1", "- 1", "'"])
def test_an_apostrophe_is_taken_back_once(text):
    assert text_of_cell(spreadsheet_text(text)) == text


def test_refused_rows_are_read_back_by_the_program(tmp_path):
    here = world(tmp_path / "raw")
    frame = here.samples.frame.assign(source_row=2, conversions="", data_kind="measured", dry_bulk_density_t_m3=0.5)
    replace(here.samples, frame=frame, rejected=rejected_table()).write(tmp_path / "samples.parquet")
    pd.testing.assert_frame_equal(Samples.read(tmp_path / "samples.parquet").rejected, rejected_table())


# ------------------------------------------------------------------ files


def test_samples_keep_every_text_as_it_was_written(tmp_path):
    frame = world(tmp_path / "raw").samples.frame.assign(source_row=2, conversions="", data_kind="measured", dry_bulk_density_t_m3=0.5)
    frame = pd.concat([frame] * (len(PAYLOADS) // len(frame) + 1), ignore_index=True).iloc[: len(PAYLOADS)]
    texts = list(PAYLOADS.values())
    frame = frame.assign(core_id=texts, source_file=texts, note=texts, **dict.fromkeys(texts, texts))
    Samples(gpd.GeoDataFrame(frame, crs="EPSG:4326"), pd.DataFrame(columns=list(REJECTED_COLUMNS)), Marks("measured"), tuple(texts)).write(
        tmp_path / "samples.parquet"
    )
    again = Samples.read(tmp_path / "samples.parquet")
    for column in ("core_id", "source_file", "note", *texts):
        assert again.frame[column].tolist() == texts
    assert list(again.warnings) == texts


def test_json_keeps_every_text_as_it_was_written(tmp_path):
    write_json(PAYLOADS | {text: text for text in PAYLOADS.values()}, tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == PAYLOADS | {text: text for text in PAYLOADS.values()}


def test_tags_of_a_raster_say_what_is_not_seen_by_its_number(tmp_path):
    here = world(tmp_path / "raw")
    written = {f"t{i}": f"({text})" for i, text in enumerate(PAYLOADS.values())}
    write_raster(tmp_path / "x.tif", here.grid, {"a_m": np.zeros(here.grid.shape)}, written)
    tags = read_raster(tmp_path / "x.tif")[2]
    assert [tags[f"t{i}"] for i in range(len(PAYLOADS))] == [f"({printable(text)})" for text in PAYLOADS.values()]


@EACH
def test_an_element_cannot_be_anything_but_letters(text):
    for word in (f"{text}.", f"dy {text}", "dy\n", "../dy", "dy.tif", "Dy"):
        with pytest.raises(ValueError, match="assessed"):
            ElementSettings(assessed=[word])


def test_a_file_whose_name_is_no_text_is_refused_by_name(tmp_path):
    with pytest.raises(ArtefactError, match=r"cores/a\\udcff\.csv: the name of the file is no UTF-8 text"):
        CoreFiles(tmp_path, {"cores/a\udcff.csv": "0" * 64})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"id,value\nx,=1+1\n", "x: value '=1.1' is no number"),
        (b"id,value\nx,nan\n", "no number"),
        (b"id,value\nx,\xff\n", "no readable table"),
    ],
)
def test_a_published_figure_that_is_no_number_is_explained(tmp_path, content, says):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "a.csv").write_bytes(content)
    with pytest.raises(ArtefactError, match=rf"^published/a.csv.*{says}"):
        PublishedFiles(tmp_path, {"published/a.csv": sha256_of(tmp_path / "published" / "a.csv")}).figures()


def test_a_published_figure_needs_no_source_to_be_shown(tmp_path):
    here = world(tmp_path)
    (here.raw / "published" / "place.csv").write_text("id,value\ntakaya_2018_area,2500\neez_published,428875\n", encoding="utf-8")
    assert "2,500" in here.index_page().html
    assert '"published_km2":428875' in here.map_page().html


# ------------------------------------------------------------------ pages, as they are written


class Structure(HTMLParser):
    """Tags and attributes of a page, and the text of each element."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.comments = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, [name for name, _ in attrs]))
        self.texts.append([tag, dict(attrs), ""])

    def handle_endtag(self, _tag):
        self.texts.append([None, {}, ""])  # what follows is the text of no element that a test asks for

    def handle_data(self, data):
        if self.texts:
            self.texts[-1][2] += data

    def handle_comment(self, data):
        self.comments.append(data)

    def of(self, tag):
        return [text for name, _, text in self.texts if name == tag]


@EACH
def test_a_block_of_data_holds_any_text_in_one_element(text):
    page = Structure(json_block("map-data", {text: [text]}))
    assert page.tags == [("script", ["type", "id"])]
    assert json.loads(page.of("script")[0]) == {text: [text]}


REGIONS = (ALL, "constructor", "heading")
"""Names of regions; one is that of a sentence of the page."""


def hostile_world(raw, **more):
    """Every payload in every text that the pages take: one core each, the others joined where there is one place only."""
    texts = list(PAYLOADS.values())
    places = [(text, 153.55 + 0.006 * (i % 80), 21.84 + 0.004 * (i // 2)) for i, text in enumerate(texts)]
    here = world(raw, title=ALL, first_core=texts[0], more_cores=tuple(places[1:]), data_kind="synthetic", rows_left_out=1, **more)
    files = [f"cores/{name}.csv" for name in file_names()]
    frame = here.samples.frame
    numbers = pd.factorize(frame["core_id"])[0] % len(files)
    frame = frame.assign(source_file=[files[number] for number in numbers], note=frame["core_id"], cruise=ALL)
    published = pd.DataFrame(
        [
            {"id": "eez_published", "value": "428875", "unit": ALL, "source": ALL, "doi_or_reference": ALL},
            {"id": "takaya_2018_area", "value": "2500", "unit": ALL, "source": ALL, "doi_or_reference": ALL},
        ]
    )
    (here.raw / "published" / "place.csv").unlink()
    whole = here.tonnage.frame[here.tonnage.frame["region"] == "all"]
    tonnage = replace(here.tonnage, frame=pd.concat([here.tonnage.frame, *(whole.assign(region=name) for name in REGIONS)]))
    # Bytes: text mode would turn carriage returns into line ends.
    (here.raw / "published" / f"{file_names()[3]}.csv").write_bytes(published.to_csv(index=False, lineterminator="\r\n").encode())
    (here.raw / "bathymetry" / "slope.tif").rename(here.raw / "bathymetry" / f"{file_names()[8]}.tif")
    return replace(here, samples=replace(here.samples, frame=frame), tonnage=tonnage, seafloor=replace(here.seafloor, source=ALL))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return hostile_world(tmp_path_factory.mktemp("hostile") / "raw")


@EACH
def test_the_start_page_keeps_its_elements_whatever_it_is_called(tmp_path_factory, text, plain_start_page):
    here = world(tmp_path_factory.mktemp("start") / "raw", title=text)
    page = Structure(here.index_page().html)
    assert page.tags == plain_start_page.tags
    assert page.comments == []
    assert page.of("title") == page.of("h1") == [lines(text)]
    assert {attributes["aria-label"] for _, attributes, _ in page.texts if attributes.get("class") == "cards"} == {lines(text)}


@pytest.fixture(scope="module")
def plain_start_page(tmp_path_factory):
    return Structure(world(tmp_path_factory.mktemp("plain") / "raw").index_page().html)


def lines(text):
    """HTML knows one kind of line end."""
    return re.sub(r"\r\n?", "\n", text)


@EACH
def test_a_map_keeps_its_elements_whatever_it_is_called(text):
    words = {"page": {"en": text, "ja": text}}

    def page(title, blocks):
        return Structure(panel.map_page(title, words, panel.OfflineMap(24.0, 154.0), blocks))

    found = page(text, {"map-data": {"title": text}})
    assert found.tags == page("Survey", {"map-data": {}}).tags
    assert found.comments == []
    assert found.of("title") == [lines(text)]


def test_nothing_that_people_wrote_reaches_folium(hostile, tmp_path, monkeypatch, audited):
    given, rendered = [], []
    original_numbered = panel.numbered

    class Given(panel.OfflineMap):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            given.append(self)

    monkeypatch.setattr("pipeline.web.panel.OfflineMap", Given)
    monkeypatch.setattr("pipeline.web.panel.numbered", lambda html: rendered.append(original_numbered(html)) or rendered[-1])
    hostile.map_page(island={"island_name": ALL})
    world(tmp_path).map_page()
    strings = list(strings_in(given[0]))
    assert len(strings) > 50
    assert [text for text in strings if MARK in text or "constructor" in text or "__proto__" in text] == []
    # The part of the page that folium writes is the same as that of a survey with plain names.
    assert rendered[0] == rendered[1]
    assert (commands(audited), compiled(audited)) == ([], [])


def strings_in(thing, seen=None):
    """Every string that a folium object holds, however deep."""
    seen = set() if seen is None else seen
    if isinstance(thing, str):
        yield thing
    elif id(thing) not in seen and not isinstance(thing, type) and not callable(thing):
        seen.add(id(thing))
        parts = [*thing.keys(), *thing.values()] if isinstance(thing, dict) else thing if isinstance(thing, list | tuple | set) else []
        for part in [*parts, *vars(thing).values()] if hasattr(thing, "__dict__") else parts:
            yield from strings_in(part, seen)


def test_a_core_called_like_an_object_of_folium_keeps_its_name(tmp_path):
    name = "core_0123456789abcdef0123456789abcdef"
    here = world(tmp_path, first_core=name, title=name)
    assert json.loads(re.search(r'id="map-data">(.*?)</script>', here.map_page().html)[1])["cores"][-1]["id"] == name
    assert name in here.index_page().html


# ------------------------------------------------------------------ pages, in a browser


@pytest.fixture(scope="module")
def chromium():
    with browser_running() as running:
        yield running


@pytest.fixture(scope="module")
def pages(hostile, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    (folder / "grade_dy.html").write_text(hostile.map_page(island={"island_name": ALL}).html, encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patched:
        # The page names the first files and counts the rest: here each name is a payload to be shown.
        patched.setattr(index, "_MOST_FILES", len(PAYLOADS))
        (folder / "index.html").write_text(hostile.index_page().html, encoding="utf-8", newline="")
    return folder


OPENED = """() => seabed.markers.map((marker) => {
    marker.openPopup();
    const name = marker.getPopup().getElement().querySelector('h3').textContent;
    marker.closePopup();
    return [name, marker.getElement().getAttribute('aria-label')];
})"""


@pytest.mark.browser
@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no policy"])
@pytest.mark.parametrize(("language", "core"), [("en", "Core"), ("ja", "コア")])
def test_a_map_shows_every_text_as_it_was_written(chromium, pages, language, core, policy):
    """Also without the page's policy: the policy is the second wall, not the first."""
    with Visit(chromium, pages / "grade_dy.html", f"#lang={language}", policy=policy) as page:
        wanted = {f"{core} {text}" for text in PAYLOADS.values()}
        shown = page.evaluate(OPENED)
        assert {name for name, _ in shown} == {label for _, label in shown} == wanted | {f"{core} B-2", f"{core} C-3"}
        page.click("#lang-en" if language == "ja" else "#lang-ja")
        other = page.evaluate(OPENED)
        assert {name.partition(" ")[2] for name, _ in other} == {name.partition(" ")[2] for name, _ in shown}
        page.click(f"#lang-{language}")
        texts = page.evaluate(
            "() => { seabed.handles.zone.openPopup(); const text = (s, e = document) => e.querySelector(s).textContent;"
            " const zone = seabed.handles.zone.getPopup().getElement();"
            " return { title: text('title'), assessment: text('#assessment'), place: text('.tag.place'), label: text('.tag.zone'),"
            " zone: text('h3', zone), published: text('p:last-child', zone), about: text('#about') } }"
        )
        assert texts["title"].endswith(f" · {ALL}")
        assert texts["assessment"] == texts["place"] == ALL
        assert {*REGIONS} <= {*page.evaluate("[...document.querySelectorAll('#region option')].map((e) => e.textContent)")}
        for place in ("label", "zone", "published", "about"):
            assert ALL in texts[place], place
        page.wait_for_timeout(300)


@pytest.mark.browser
@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no policy"])
def test_the_start_page_shows_every_text_as_it_was_written(chromium, pages, hostile, policy):
    with Visit(chromium, pages / "index.html", "#lang=en", policy=policy) as page:
        texts = page.evaluate(
            "() => ({ h1: document.querySelector('h1').textContent, title: document.querySelector('title').textContent,"
            " published: document.querySelector('.apart').textContent, sources: [...document.querySelectorAll('li')].map((e) => e.textContent) })"
        )
        assert texts["h1"] == texts["title"] == lines(ALL)
        assert lines(ALL) in texts["published"]
        captions = page.evaluate("[...document.querySelectorAll('caption')].map((e) => e.textContent)")
        assert all(any(caption.endswith(f" · {lines(name)}") for caption in captions) for name in REGIONS)
        for name in set(hostile.samples.frame["source_file"]):
            assert any(lines(name) in source for source in texts["sources"]), name
        page.click("#lang-ja")
        page.wait_for_timeout(300)


@pytest.mark.browser
def test_the_visit_sees_a_page_that_runs_what_people_wrote(chromium, pages, tmp_path):
    careless = (pages / "index.html").read_text(encoding="utf-8").replace("<main", "<img src=x onerror=window.canary=1><main", 1)
    (tmp_path / "index.html").write_text(careless, encoding="utf-8")
    for policy in (True, False):
        visit = Visit(chromium, tmp_path / "index.html", "", policy=policy)
        visit.page.wait_for_timeout(300)
        assert (visit.page.evaluate("window.canary") == 1) is not policy
        with pytest.raises(AssertionError), visit:
            pass
        visit.context.close()


# ------------------------------------------------------------------ the program itself

_RUN_TEXT = {"eval", "exec", "compile", "__import__", "execfile", "input", "breakpoint"}
_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml", "code", "codeop", "pty", "commands", "popen2"}
_METHODS = {
    *("system", "popen", "spawnl", "spawnlp", "spawnv", "spawnvp", "getstatusoutput", "getoutput", "mktemp"),
    *("read_pickle", "to_pickle", "eval", "from_string", "unsafe_load", "full_load"),
}

# Work that the program itself sends to its own processes, held by a hash that comes by another way.
_TRUSTED = {"tiles/work.py": ["pickle"]}


def dangers(tree):
    """What could run text: each with its line."""
    assigned = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    constants = {name.id for target in assigned for name in ast.walk(target) if isinstance(name, ast.Name)}

    def constant(node):
        if isinstance(node, ast.BinOp):
            return constant(node.left) and constant(node.right)
        return (isinstance(node, ast.Constant) and isinstance(node.value, str)) or (isinstance(node, ast.Name) and node.id in constants)

    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from ((node.lineno, name) for name in names if name.partition(".")[0] in _MODULES)
        if not isinstance(node, ast.Call):
            continue
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
        plain = isinstance(node.func, ast.Name)
        wrong = (
            (plain and name in _RUN_TEXT)
            or (not plain and name in _METHODS)
            # Of a data frame; a tree of positions is asked by arrays.
            or (name == "query" and bool(node.args) and isinstance(node.args[0], ast.Constant | ast.JoinedStr))
            or keywords.get("shell", "False") != "False"
            or keywords.get("allow_pickle", "False") != "False"
            or (name == "load" and ast.unparse(node.func) in ("np.load", "numpy.load") and keywords.get("allow_pickle") != "False")
            or (name == "Environment" and keywords.get("autoescape") != "True")
            or (name in ("Template", "Markup") and not all(map(constant, node.args)))
        )
        if wrong:
            yield node.lineno, ast.unparse(node.func)


@pytest.mark.parametrize("path", sorted((ROOT / "pipeline").rglob("*.py")), ids=lambda path: path.relative_to(ROOT / "pipeline").as_posix())
def test_no_part_of_the_program_runs_text(path):
    found = [what for _, what in dangers(ast.parse(path.read_text(encoding="utf-8")))]
    assert found == _TRUSTED.get(path.relative_to(ROOT / "pipeline").as_posix(), [])


@pytest.mark.parametrize(
    "line",
    [
        *("eval(x)", "exec(x)", "import pickle", "from yaml import load", "os.system(x)", "run(x, shell=True)", "np.load(x)"),
        *("np.load(x, allow_pickle=True)", "pd.read_pickle(x)", "frame.query(f'a == {x}')", "environment.from_string(x)"),
        *("jinja2.Environment()", "jinja2.Template(x)", "Template(f'{x}')", "Markup(x)"),
    ],
)
def test_a_line_that_runs_text_is_found(line):
    assert list(dangers(ast.parse(line)))


def test_no_template_or_script_turns_text_into_markup():
    web = ROOT / "pipeline" / "web"
    for path in (*web.glob("*.j2"), *web.glob("*.js"), *web.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        found = re.findall(
            r"\|\s*safe\b|autoescape\s+false|(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc", text
        )
        assert found == [], path.name


# ------------------------------------------------------------------ a whole build

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "LINKS", "PYTHON"))}
TRACE_IN_NAMES = "zq-canary"
QUICK = SETTINGS.replace('["dy", "gd"]', '["dy"]').replace("gd_ppm = [0.0, 20.0, 40.0]\n", "").replace("bottom_m = 4.0", "bottom_m = 2.0")


def toml_text(text):
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def csv_bytes(rows):
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue().encode()


def hostile_raw(folder, trace):
    """RAW in which every name and every free text is a payload: one core, one table and one folder each."""
    texts, names = list(payloads(trace).values()), file_names(TRACE_IN_NAMES)
    title = f"</script>${{window.canary=1}}`\\ {{{{ cycler.__init__.__globals__.os.popen('touch {trace}') }}}}"
    place = f"\n[place]\nisland_longitude_deg = 153.7\nisland_latitude_deg = 22.0\nisland_name = {toml_text(' '.join(texts))}\n"
    raw = write_raw(folder, {}, QUICK.replace('"Planted survey"', toml_text(title)) + place)
    sides = "".join(f"{key} = {toml_text(' '.join(texts))}\n" for key in ("title", "source", "licence", "note"))
    free = ["cruise", "device", "date", "laboratory", "method", "note", "remark"]
    by_core = {}
    for row in cores_on_a_grid(varied_ppm, side=10, bottom_m=2.0):
        by_core.setdefault(row["core_id"], []).append(row)
    for number, (rows, text, name) in enumerate(zip(by_core.values(), texts, names, strict=False)):
        # Every text is the name of a free column in one table, and stands in each free column of another.
        table = [[*rows[0], *free, text], *([text if key == "core_id" else row[key] for key in row] + [text] * (len(free) + 1) for row in rows)]
        place = raw / "cores" / names[-1 - number] / f"{name}.csv"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(csv_bytes(table))
        place.with_suffix(".toml").write_text(f"{sides}synthetic = false\n", encoding="utf-8")
    for path in [*(raw / "bathymetry").iterdir()]:
        path.rename(path.with_name(names[3] + path.suffix))
    (raw / "published").mkdir()
    figures = [
        ["id", "value", "unit", "source", "doi_or_reference"],
        *([i, "7", *[" ".join(texts)] * 3] for i in ("eez_published", "takaya_2018_area")),
    ]
    (raw / "published" / f"{names[5]}.csv").write_bytes(csv_bytes(figures))
    return raw


def build(raw, folder):
    folders = ["--raw", raw, "--processed", folder / "processed", "--maps", folder / "maps", "--links", folder / "links"]
    command = [sys.executable, "-m", "pipeline", "scan", *folders, "--", "make", "-j2", "products"]
    return subprocess.run(command, cwd=ROOT, env=CLEAN, capture_output=True, timeout=500, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A whole build, what it printed, and the file that a command in a text would have made."""
    folder = tmp_path_factory.mktemp("built")
    raw = hostile_raw(folder / "raw", folder / TRACE_IN_NAMES)
    return folder, build(raw, folder)


@pytest.mark.slow
def test_a_build_runs_no_command_that_people_wrote(built):
    folder, done = built
    assert done.returncode == 0, done.stderr.decode()
    assert not (folder / TRACE_IN_NAMES).exists()
    assert not (ROOT / TRACE_IN_NAMES).exists()
    assert {path.name for path in folder.iterdir()} == {"raw", "processed", "maps", "links"}


@pytest.mark.slow
def test_no_product_is_named_by_what_people_wrote(built):
    folder, _ = built
    names = [path.name for place in ("processed", "maps", "links") for path in (folder / place).rglob("*")]
    assert len(names) > 30
    assert [name for name in names if not re.fullmatch(r"\.?[a-z0-9_]+(\.[a-z]+){0,2}", name)] == []


@pytest.mark.slow
def test_a_build_prints_whole_lines_of_its_own(built):
    _, done = built
    printed = (done.stdout + done.stderr).decode()
    assert [line for line in printed.split("\n") if UNSEEN.search(line)] == []
    own = r"|  note: .*|\w+ +[\w.]+ +[0-9.]+ s"
    assert [line for line in printed.split("\n") if not re.fullmatch(own, line)] == []


@pytest.mark.slow
def test_a_build_keeps_every_text_as_it_was_written(built):
    folder, _ = built
    frame = Samples.read(folder / "processed" / "samples.parquet").frame
    wanted = {text.strip() for text in payloads(folder / TRACE_IN_NAMES).values()}
    for column in ("core_id", "cruise", "device", "laboratory", "method", "note", "remark"):
        assert set(frame[column]) == wanted, column
    assert {name.rpartition("/")[2] for name in frame["source_file"]} == {f"{name}.csv" for name in file_names(TRACE_IN_NAMES)}
    assert not any(MARK in path.read_text(encoding="utf-8") for path in (folder / "processed" / ".settings").glob("*.mk"))


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(("language", "core"), [("en", "Core"), ("ja", "コア")])
def test_pages_of_a_build_show_every_core_by_its_name(chromium, built, language, core):
    folder, _ = built
    wanted = {text.strip() for text in payloads(folder / TRACE_IN_NAMES).values()}
    with Visit(chromium, folder / "maps" / "grade_dy.html", f"#lang={language}") as page:
        assert {name for name, _ in page.evaluate(OPENED)} == {f"{core} {text}" for text in wanted}
        page.wait_for_timeout(300)
    with Visit(chromium, folder / "maps" / "index.html", f"#lang={language}") as page:
        assert "{{ cycler" in page.evaluate("document.querySelector('h1').textContent")


@pytest.mark.slow
def test_refused_rows_are_told_in_lines_of_their_own_and_listed_as_they_stood(tmp_path):
    texts, names = list(payloads(tmp_path / TRACE_IN_NAMES).values()), file_names(TRACE_IN_NAMES)
    raw = write_raw(tmp_path / "raw", {}, QUICK)
    row = cores_on_a_grid(varied_ppm, side=2)[0]
    for text, name in zip(texts, names, strict=True):
        (raw / "cores" / f"{name}.csv").write_bytes(csv_bytes([[*row], [*(row | {"core_id": text, "dy_ppm": text}).values()]]))
    done = build(raw, tmp_path)
    assert done.returncode == 2
    assert not (tmp_path / TRACE_IN_NAMES).exists()
    told = done.stderr.decode().split("\n")
    assert [line for line in told if UNSEEN.search(line)] == []
    assert [line for line in told if not line.startswith(("error: ", "  ", "make")) and line] == []
    assert [line for line in told if line.startswith("  ") and not re.match(r"  (cores/|and \d+ more)", line)] == []
    listed = read_csv(tmp_path / "processed" / "rejected.csv", dtype=str)
    assert set(listed.loc[listed["column"] == "dy_ppm", "value"]) == {text.strip() for text in texts}
