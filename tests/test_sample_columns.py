"""Columns of the sample table: described in both languages, and one rule wherever it is written down."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pytest
from assess import read_samples
from hypothesis import given
from hypothesis import strategies as st
from pandera.errors import SchemaError

from pipeline.artefacts import (
    SAMPLE_COLUMNS,
    core_table_schema,
    datapackage,
    grade_columns,
    known_column,
    samples_schema,
    table_schema,
    template_columns,
)

JAPANESE = re.compile("[぀-ヿ一-鿿]")
OF_DY = [column.of("dy") for column in SAMPLE_COLUMNS]
IN_SAMPLES = [column for column in OF_DY if column.in_samples != "never"]


def samples(rows=2, **changed):
    """Sound rows of samples.parquet with every column that it can hold; geometry is no concern of the schema."""
    values = {"from_m": np.arange(rows) / 2, "to_m": np.arange(rows) / 2 + 0.5, "source_row": np.arange(rows) + 2}
    texts = {"role": "sample", "source_file": "cores/a.csv", "conversions": "", "data_kind": "measured"}
    for column in IN_SAMPLES:
        if column.name not in values:
            cell = texts.get(column.name, column.example)
            values[column.name] = np.full(rows, float(cell or "nan")) if column.is_numeric else [cell] * rows
    return pd.DataFrame(values | changed)


# ------------------------------------------------------------------ what a column is


@pytest.mark.parametrize("column", SAMPLE_COLUMNS, ids=lambda column: column.name)
def test_a_column_is_described_in_both_languages(column):
    for text in (column.title, column.meaning, *([column.empty] if column.empty else [])):
        assert text.en.strip()
        assert not JAPANESE.search(text.en)
        assert JAPANESE.search(text.ja)
    assert column.meaning.en.endswith(".")
    assert column.meaning.ja.endswith("。")
    assert column.by_program or column.example


def test_samples_hold_no_column_without_a_description(reference_raw):
    frame = read_samples(reference_raw).frame
    assert [name for name in frame if known_column(name) is None] == ["geometry"]


@pytest.mark.parametrize("column", SAMPLE_COLUMNS, ids=lambda column: column.name)
def test_a_unit_is_the_last_word_of_a_name(column):
    last = {"m": "_m", "°": "_deg", "ppm": "_ppm", "t/m3": "_t_m3", "kg/m2": "_kg_m2"}
    assert column.name.endswith(last[column.unit]) if column.unit else column.kind != "number"


@pytest.mark.parametrize(
    ("name", "is_grade"),
    [
        ("dy_ppm", True),
        ("rey_ppm", True),
        ("a23456789012_ppm", True),
        ("a234567890123_ppm", False),
        ("detection_limit_ppm", False),
        ("dy_detection_limit_ppm", False),
        ("dy_censored_ppm", False),
        ("Dy_ppm", False),
        ("dy_ppm\n", False),
        ("xdy_ppm_", False),
        ("_ppm", False),
        ("dy_g_m3", False),
    ],
)
def test_a_grade_is_an_element_and_nothing_else(name, is_grade):
    assert grade_columns(["core_id", name, "note"]) == ([name] if is_grade else [])


def test_a_column_of_an_element_speaks_of_that_element():
    for name in ("nd_ppm", "nd_detection_limit_ppm", "nd_censored_ppm"):
        column = known_column(name)
        assert column.name == name
        assert "Nd" in column.title.en
        assert "Nd" in column.title.ja
        assert "<" not in column.title.en + column.title.ja
    assert known_column("rey_ppm").title.en == "Grade of ΣREY"
    assert known_column("colour") is None


# ------------------------------------------------------------------ what samples keep to


def test_sound_samples_pass_with_and_without_optional_columns():
    frame = samples()
    samples_schema(frame).validate(frame)
    short = frame[[column.name for column in IN_SAMPLES if column.in_samples == "always"]]
    samples_schema(short).validate(short)


@pytest.mark.parametrize("column", [column.name for column in IN_SAMPLES if column.in_samples == "always"])
def test_a_column_that_samples_always_have_is_missed(column):
    frame = samples().drop(columns=column)
    with pytest.raises(SchemaError, match=column):
        samples_schema(frame).validate(frame)


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        ("core_id", ""),
        ("longitude_deg", np.nan),
        ("longitude_deg", -180.01),
        ("longitude_deg", 360.01),
        ("latitude_deg", 90.01),
        ("water_depth_m", -1.0),
        ("water_depth_m", 12_001.0),
        ("penetration_m", -0.1),
        ("from_m", -0.1),
        ("to_m", np.nan),
        ("dy_ppm", -0.1),
        ("dy_ppm", 1_000_001.0),
        ("dy_censored_ppm", -0.1),
        ("detection_limit_ppm", -0.1),
        ("dry_bulk_density_t_m3", -0.1),
        ("qc_type", "Duplicate"),
        ("role", ""),
        ("source_row", 1),
        ("data_kind", "guessed"),
        ("note", 7.0),
    ],
)
def test_an_impossible_value_is_no_sample(column, wrong):
    frame = samples(rows=3)
    frame[column] = [*frame[column][:2], wrong]
    with pytest.raises(SchemaError, match=column):
        samples_schema(frame).validate(frame)


def test_an_interval_has_a_length():
    frame = samples(to_m=[0.5, 0.5])
    with pytest.raises(SchemaError, match="from_m above to_m"):
        samples_schema(frame).validate(frame)


@pytest.mark.parametrize(
    ("roles", "sound"),
    [
        (None, False),
        (["sample", "sample"], False),
        (["sample", "check assay"], True),
        (["check assay", "check assay"], True),
    ],
)
def test_an_interval_is_sampled_once_and_assayed_again_at_will(roles, sound):
    frame = samples(from_m=0.0, to_m=0.5)
    frame = frame.drop(columns="role") if roles is None else frame.assign(role=roles)
    if sound:
        samples_schema(frame).validate(frame)
    else:
        with pytest.raises(SchemaError):
            samples_schema(frame).validate(frame)


def test_unsound_samples_are_not_written(reference_raw, tmp_path):
    accepted = read_samples(reference_raw)
    accepted.write(tmp_path / "samples.parquet")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"samples.parquet", "rejected.csv"}
    accepted.frame.loc[0, "dy_ppm"] = -1.0
    with pytest.raises(SchemaError, match="dy_ppm"):
        accepted.write(tmp_path / "samples.parquet")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


# ------------------------------------------------------------------ the same rules as Table Schema

TYPES = {"string", "number", "integer", "date"}
CONSTRAINTS = {"required": bool, "minimum": (int, float), "maximum": (int, float), "enum": list}


def as_written(schema):
    """Table Schema as another program reads it: from strict JSON."""
    return json.loads(json.dumps(table_schema(schema), allow_nan=False))


def accepts(described, field, cell):
    """What the specification of Table Schema says about one cell of text."""
    constraints = field.get("constraints", {})
    if cell in described["missingValues"]:
        return not constraints.get("required", False)
    value = cell
    if field["type"] != "string":
        try:
            value = (int if field["type"] == "integer" else float)(cell)
        except ValueError:
            return False
    bounded = constraints.get("minimum", -math.inf) <= value <= constraints.get("maximum", math.inf) if field["type"] != "string" else True
    return bounded and ("enum" not in constraints or value in constraints["enum"])


def pandera_accepts(schema, name, value):
    column = schema.columns[name]
    kind = {"number": float, "integer": "int64"}.get(known_column(name).kind, object)
    try:
        column.validate(pd.DataFrame({name: pd.Series([value], dtype=kind)}))
    except SchemaError:
        return False
    return True


def written(value):
    """A value as a cell of a CSV file."""
    return "" if isinstance(value, float) and math.isnan(value) else value if isinstance(value, str) else repr(value)


SCHEMAS = {"samples": samples_schema(samples()), "core table": core_table_schema(["dy", "nd"])}
COLUMNS = [(which, name) for which, schema in SCHEMAS.items() for name in schema.columns]


def boundary_values(column):
    if column.kind == "integer":
        return [int(column.least) - 1, int(column.least), int(column.least) + 1, 10**9]
    if column.kind == "number":
        edges = [edge for edge in (column.least, column.most) if math.isfinite(edge)]
        near = [np.nextafter(edge, way) for edge in edges for way in (-np.inf, np.inf)]
        return [float(value) for value in (*edges, *near, 0.0, -0.0, 1e300, -1e300, math.inf, -math.inf, math.nan)]
    return ["", " ", "x", *column.choices, *(f"{choice}s" for choice in column.choices), *(choice.upper() for choice in column.choices)]


@pytest.mark.parametrize(("which", "name"), COLUMNS)
def test_table_schema_draws_the_line_where_pandera_does(which, name):
    described = as_written(SCHEMAS[which])
    field = next(field for field in described["fields"] if field["name"] == name)
    verdicts = {value: pandera_accepts(SCHEMAS[which], name, value) for value in boundary_values(known_column(name))}
    assert {value: accepts(described, field, written(value)) for value in verdicts} == verdicts
    assert True in verdicts.values()


@given(
    st.sampled_from(COLUMNS), st.floats(), st.integers(-(2**40), 2**40), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
)
def test_table_schema_and_pandera_agree_on_any_value(column, number, whole, text):
    which, name = column
    described = as_written(SCHEMAS[which])
    field = next(field for field in described["fields"] if field["name"] == name)
    value = {"number": number, "integer": whole}.get(known_column(name).kind, text)
    assert accepts(described, field, written(value)) == pandera_accepts(SCHEMAS[which], name, value)


def require_table_schema(described, columns):
    """Raise where a description is not what the specification of Table Schema asks for."""
    names = [field["name"] for field in described["fields"]]
    assert names == list(columns)
    assert len(set(names)) == len(names)
    assert all(isinstance(value, str) for value in described["missingValues"])
    assert set(described.get("primaryKey", [])) <= set(names)
    for field in described["fields"]:
        assert field["type"] in TYPES
        assert all(field[text].strip() for text in ("title", "description", "title_ja", "description_ja"))
        for rule, limit in field.get("constraints", {}).items():
            assert isinstance(limit, CONSTRAINTS[rule])
            assert rule not in ("minimum", "maximum") or field["type"] in ("number", "integer")


@pytest.mark.parametrize("which", SCHEMAS)
def test_the_description_is_a_table_schema(which):
    require_table_schema(as_written(SCHEMAS[which]), SCHEMAS[which].columns)


def test_a_key_stands_in_the_table_schema_where_it_holds_without_condition():
    plain = samples().drop(columns="role")
    assert as_written(samples_schema(plain))["primaryKey"] == ["core_id", "from_m", "to_m"]
    assert "primaryKey" not in as_written(SCHEMAS["samples"])


def test_units_and_descriptions_are_those_of_the_columns():
    for field in as_written(core_table_schema(["dy"]))["fields"]:
        column = known_column(field["name"])
        assert (field["title"], field["title_ja"]) == column.title
        assert (field["description"], field["description_ja"]) == column.meaning
        assert field.get("unit", "") == column.unit


def test_a_rule_that_table_schema_cannot_express_is_not_dropped():
    schema = pandera.DataFrameSchema({"dy_ppm": pandera.Column(float, pandera.Check(lambda values: values != 13))})
    with pytest.raises(ValueError, match="no counterpart"):
        table_schema(schema)


@pytest.mark.parametrize(("name", "plain"), [("kr13_02", "kr13_02"), ("KR13-02", "kr13-02"), ("コア7", "core-table")])
def test_the_package_has_a_name_that_the_specification_allows(name, plain):
    package = datapackage(name, f"{name}.csv", core_table_schema(["dy"]))
    (resource,) = package["resources"]
    assert (package["name"], resource["name"], package["title"], resource["path"]) == (plain, plain, name, f"{name}.csv")
    assert re.fullmatch(r"[-a-z0-9._/]+", plain)
    assert (package["profile"], resource["format"], resource["encoding"]) == ("tabular-data-package", "csv", "utf-8")
    require_table_schema(resource["schema"], [column.name for column in template_columns(["dy"])])
