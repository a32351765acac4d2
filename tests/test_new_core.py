"""A new core table: what is written is ready to be filled in, and nothing is lost for it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import tomllib
import unicodedata
from pathlib import Path

import pytest
from assess import read_samples
from bad_input import contents
from planted import SETTINGS, write_raw
from test_command_line import assert_one_message, command

from pipeline import new_core
from pipeline.artefacts import SAMPLE_COLUMNS, known_column
from pipeline.errors import CoreFileError, SettingsError
from pipeline.intake.side_file import read_side_file

ROOT = Path(__file__).parents[1]
ASSESSED_ND = SETTINGS.replace('["dy", "gd"]', '["nd", "dy"]')


@pytest.fixture
def raw(tmp_path):
    """A folder RAW without cores."""
    return write_raw(tmp_path / "raw", {})


def header(raw, name):
    return (raw / "cores" / name / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0].split(",")


def examples(columns, **changed):
    """The example of each column as a row."""
    return {column: known_column(column).example for column in columns} | changed


def filled_in(table, rows):
    """Write rows into a table, as a person would."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    table.write_text(out.getvalue(), encoding="utf-8")


# ------------------------------------------------------------------ what is written


def test_a_filled_in_template_is_accepted_as_it_stands(raw):
    table, *_ = new_core.write(raw, "kr13_02", ["nd"])
    columns = header(raw, "kr13_02")
    filled_in(table, [examples(columns), examples(columns, from_m="0.2", to_m="0.4", qc_type="", nd_ppm="", note="")])
    samples = read_samples(raw)
    assert samples.rejected.empty
    assert samples.marks.data_kind == "measured"
    first, second = samples.frame.to_dict("records")
    for column in columns:
        example = known_column(column).example
        assert first[column] == (float(example) if known_column(column).is_numeric else example), column
    assert (second["from_m"], second["qc_type"]) == (0.2, "")
    assert second["nd_ppm"] != second["nd_ppm"]


def test_columns_that_may_be_added_are_read_as_the_dictionary_says(raw):
    table, notes, *_ = new_core.write(raw, "utm")
    notes.write_text(notes.read_text(encoding="utf-8").replace('# crs = "EPSG:32656"', 'crs = "EPSG:32656"'), encoding="utf-8")
    columns = [column for column in header(raw, "utm") if not column.endswith("_deg")]
    filled_in(table, [examples([*columns, "easting_m", "northing_m", "dy_detection_limit_ppm"], dy_ppm="<0.05")])
    (row,) = read_samples(raw).frame.to_dict("records")
    for column in ("longitude_deg", "latitude_deg"):
        assert row[column] == pytest.approx(float(known_column(column).example), abs=1e-4)
    assert row["dy_censored_ppm"] == 0.05
    assert row["dy_detection_limit_ppm"] == 0.05


def test_the_columns_stand_in_the_documented_order(raw):
    new_core.write(raw, "a")
    assert ",".join(header(raw, "a")) == (
        "core_id,longitude_deg,latitude_deg,water_depth_m,penetration_m,from_m,to_m,marker_m,unit,dy_ppm,gd_ppm,dry_bulk_density_t_m3,"
        "cruise,device,date,laboratory,method,detection_limit_ppm,qc_type,note"
    )


@pytest.mark.parametrize(
    ("settings", "further", "grades"),
    [
        (None, [], ["dy_ppm", "gd_ppm"]),
        (None, ["nd", "dy"], ["nd_ppm", "dy_ppm"]),
        (ASSESSED_ND, [], ["nd_ppm", "dy_ppm"]),
        # A table without an assessed element would be refused.
        (ASSESSED_ND, ["tb", "dy"], ["nd_ppm", "dy_ppm", "tb_ppm"]),
    ],
)
def test_the_table_has_the_assessed_elements_and_those_asked_for(tmp_path, settings, further, grades):
    if settings is not None:
        write_raw(tmp_path / "raw", {}, settings)
    new_core.write(tmp_path / "raw", "a", further)
    assert [column for column in header(tmp_path / "raw", "a") if column in {f"{e}_ppm" for e in ("dy", "gd", "nd", "tb")}] == grades


def test_the_notes_are_sound_as_written_and_with_every_example_used(raw):
    _, notes, *_ = new_core.write(raw, "コア-7")
    text = notes.read_text(encoding="utf-8")
    as_written, refusals = read_side_file(notes.name, text.encode())
    assert (refusals, as_written.synthetic, as_written.source) == ([], False, "")
    every = re.sub(r"(?m)^# (?=\w+ = |\[)", "", text)
    used, refusals = read_side_file(notes.name, every.encode())
    assert refusals == []
    assert set(tomllib.loads(every)) > {"source", "licence", "synthetic", "crs", "encoding", "decimal", "header_row", "skip_rows", "columns", "units"}
    assert all(known_column(ours) is not None for ours in (*used.columns, *used.units))
    assert set(used.units) <= set(used.columns)


def test_a_foreign_table_is_read_with_the_example_of_the_notes(raw):
    table, notes, *_ = new_core.write(raw, "foreign")
    text = re.sub(r"(?m)^# (?=(core_id|from_m|to_m|header_row) = |\[)", "", notes.read_text(encoding="utf-8"))
    notes.write_text(text, encoding="utf-8")
    table.write_text(
        "Table 3,,,,,,\n,,,,,,\nStation,longitude_deg,latitude_deg,Top,Bottom,dy_ppm,gd_ppm\nPC-01,153.81,22.04,20,40,18.2,20.1\n", encoding="utf-8"
    )
    (row,) = read_samples(raw).frame.to_dict("records")
    assert (row["core_id"], row["from_m"], row["to_m"], row["dy_ppm"]) == ("PC-01", 0.2, 0.4, 18.2)


def rows_of(dictionary):
    """Column names of the tables in the dictionary, table by table."""
    tables = re.split(r"(?m)^\| --- .*$", dictionary)[1:]
    return [re.findall(r"(?m)^\| `([^`]+)` ", table) for table in tables]


def test_the_dictionary_explains_every_column_twice(raw):
    _, _, dictionary, _ = new_core.write(raw, "a", ["nd"])
    text = dictionary.read_text(encoding="utf-8")
    english, english_others, japanese, japanese_others = rows_of(text)
    assert english == japanese == header(raw, "a")
    others = ["easting_m", "northing_m", "sample_id", "at_m", "sample_length_m", "<element>_ppm", "abundance_kg_m2", "<element>_detection_limit_ppm"]
    assert english_others == japanese_others == others
    cells = {line.count(" | ") for line in text.splitlines() if line.startswith("| ")}
    assert cells == {6}
    for column in map(known_column, english):
        for word in (*column.title, *column.meaning, column.unit, column.example):
            assert word.replace("<", r"\<") in text
    # Outside code, Markdown would take it for markup and show nothing.
    assert not re.search(r"(?<!\\)<", re.sub(r"`[^`]*`", "", text))


def test_the_table_schema_describes_the_table_that_is_there(raw):
    table, *_, package = new_core.write(raw, "a")
    (resource,) = json.loads(package.read_text(encoding="utf-8"))["resources"]
    assert resource["path"] == table.name
    assert [field["name"] for field in resource["schema"]["fields"]] == header(raw, "a")


def test_the_same_call_writes_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        new_core.write(write_raw(tmp_path / name, {}), "kr13_02", ["nd", "tb"])
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


# ------------------------------------------------------------------ what is refused


def test_nothing_is_ever_replaced(raw):
    table, *_ = new_core.write(raw, "a")
    table.write_text("a day's work\n", encoding="utf-8")
    before = contents(raw)
    with pytest.raises(CoreFileError, match=r"is there already and holds README\.md, a\.csv, a\.toml, datapackage\.json; nothing was written"):
        new_core.write(raw, "a")
    assert contents(raw) == before


@pytest.mark.parametrize("place", ["cores/a/survey.csv", "cores/a"])
def test_what_somebody_else_put_there_stays(raw, place):
    (raw / place).parent.mkdir(exist_ok=True)
    (raw / place).write_text("mine\n", encoding="utf-8")
    with pytest.raises(CoreFileError, match="is there already"):
        new_core.write(raw, "a")
    assert contents(raw / "cores") == {place.removeprefix("cores/"): b"mine\n"}


def test_a_link_that_leads_elsewhere_is_not_followed(raw, tmp_path):
    (raw / "cores" / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CoreFileError, match="is there already"):
        new_core.write(raw, "a")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_appears_meanwhile_is_not_replaced(raw, monkeypatch):
    def write_and_be_overtaken(out, content):
        (raw / "cores" / "a").mkdir(exist_ok=True)
        (raw / "cores" / "a" / "a.csv").write_text("mine\n", encoding="utf-8")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content)

    monkeypatch.setattr(new_core, "write_whole", write_and_be_overtaken)
    with pytest.raises(CoreFileError, match=r"is there already and holds a\.csv"):
        new_core.write(raw, "a")
    assert contents(raw / "cores") == {"a/a.csv": b"mine\n"}


def test_a_disk_that_fills_up_leaves_nothing_behind(raw, monkeypatch):
    whole = new_core.write_whole

    def write_two(out, content):
        if out.name == "README.md":
            raise OSError(28, "No space left on device", str(out))
        whole(out, content)

    monkeypatch.setattr(new_core, "write_whole", write_two)
    with pytest.raises(OSError, match="No space left"):
        new_core.write(raw, "a")
    assert list((raw / "cores").iterdir()) == []


HOSTILE = [
    "",
    " ",
    ".",
    "..",
    ".hidden",
    "a/b",
    "../a",
    "/etc/a",
    "a\\b",
    "a b",
    "a.csv",
    "-rf",
    "a\n",
    "a\0b",
    "a\u202eb",
    "<b>a</b>",
    "{{ 7*7 }}",
    "${a}",
    "`id`",
    "=1+1",
    "a|b",
    "a'b",
    'a"b',
    "~a",
    "C:a",
    "é",
    "Ａ",
    "１",
    "ｺｱ",
    "a\udcff",
    "a" * 61,
    "コ" * 61,
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(CoreFileError, match="make new-core NAME=kr13_02"):
        new_core.write(tmp_path / "raw", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["kr13_02", "7", "_a-", "コア-7", "南鳥島_2026", "ぁゖァヺー々〇一", "a" * 60, "コ" * 60])
def test_letters_digits_and_japanese_make_a_name(raw, name):
    assert {path.name for path in new_core.write(raw, name)} == {f"{name}.csv", f"{name}.toml", "README.md", "datapackage.json"}


def test_a_name_in_parts_is_the_name_in_whole_letters(raw):
    apart = unicodedata.normalize("NFD", "ガラパゴス")
    assert apart != "ガラパゴス"
    table, *_ = new_core.write(raw, apart)
    assert table.name == "ガラパゴス.csv"


@pytest.mark.parametrize("elements", [["Dy"], ["dy", "dy"], ["density"], ["a b"], ["dysprosium_"], ["<b>"]])
def test_what_is_no_element_is_refused(raw, elements):
    with pytest.raises(SettingsError, match="chemical symbols in lower case"):
        new_core.write(raw, "a", elements)
    assert contents(raw / "cores") == {}


def test_settings_that_cannot_be_read_are_explained(raw):
    (raw / "assessment.toml").write_text(SETTINGS.replace("cell_m", "cell"), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"\[grid\] cell: unknown key"):
        new_core.write(raw, "a")


@pytest.mark.parametrize("place", ["raw", "raw/cores"])
def test_a_file_where_a_folder_should_be_is_named(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("a file", encoding="utf-8")
    with pytest.raises(CoreFileError, match=f"{place} is no folder"):
        new_core.write(tmp_path / "raw", "a")


# ------------------------------------------------------------------ what people type


def test_the_command_says_what_was_written_and_what_comes_next(raw):
    done = command("new-core", "--raw", raw, "--elements", "nd tb", "--", "コア-7")
    assert done.returncode == 0, done.stderr
    wrote, then = done.stdout.splitlines()
    assert wrote == f"wrote {raw / 'cores' / 'コア-7'}: コア-7.csv, コア-7.toml, README.md, datapackage.json"
    assert then.startswith("next: fill in コア-7.csv")
    assert {"nd_ppm", "tb_ppm"} < set(header(raw, "コア-7"))


def test_the_command_refuses_with_one_message(raw):
    assert_one_message(command("new-core", "--raw", raw, "--", "../a"), "'../a' cannot be the name", "make new-core NAME=kr13_02")


@pytest.mark.parametrize(
    ("typed", "environment", "called"),
    [
        (["NAME=kr13_02"], {}, "--elements '' -- 'kr13_02'"),
        (["NAME=a b", "ELEMENTS=nd tb"], {}, "--elements 'nd tb' -- 'a b'"),
        (["NAME=it's"], {}, r"-- 'it'\''s'"),
        ([], {"NAME": "host", "ELEMENTS": "x"}, "--elements '' -- ''"),
    ],
)
def test_make_hands_over_what_was_typed_and_nothing_else(typed, environment, called):
    line = ["make", "--dry-run", "--old-file=set-up", "new-core", *typed]
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "LINKS", "NAME", "ELEMENTS"))}
    done = subprocess.run(line, cwd=ROOT, env=surroundings | environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip().endswith(called)


def test_every_column_a_person_may_give_is_in_the_template_or_beside_it(raw):
    _, _, dictionary, _ = new_core.write(raw, "a")
    explained = {name for names in rows_of(dictionary.read_text(encoding="utf-8")) for name in names}
    assert explained == {column.name for column in SAMPLE_COLUMNS if not column.by_program} | {"dy_ppm", "gd_ppm"}
