"""Core tables: what a file says in its own words becomes our columns and units, and each conversion is told."""

from __future__ import annotations

import numpy as np
import pytest
from bad_input import Given, sound_csv, sound_rows
from planted import csv_text

from pipeline.config import IntakeSettings
from pipeline.intake.columns import role_by_map, role_of
from pipeline.intake.core_tables import NOT_READ, read_core_tables
from pipeline.intake.decoding import decoded
from pipeline.intake.refusals import SHOWN, FileRefused, Refusal, message
from pipeline.intake.sample_frame import conversions_said, sample_frame
from pipeline.scan import RAW_LISTS
from pipeline.units import oxide_of_formula, oxide_per_element


def read(files, elements=("dy", "gd"), **intake):
    tables = read_core_tables(Given(files), elements, IntakeSettings(**intake))
    assert not [refusal for table in tables for refusal in table.refusals]
    return tables


def frame_of(files, **intake):
    return sample_frame(read(files, **intake), [])


def with_cells(**cells):
    rows = sound_rows()
    for index, value in enumerate(next(iter(cells.values()))):
        rows[index][next(iter(cells))] = value
    return csv_text(rows)


@pytest.mark.parametrize(("rule", "share"), [("half", 0.5), ("zero", 0.0), ("limit", 1.0), ("missing", np.nan)])
def test_a_grade_below_its_limit_is_kept_as_censored_and_treated_by_the_rule(rule, share):
    frame = frame_of({"a.csv": with_cells(dy_ppm=["<0.8", "<0.4"])}, below_detection=rule)
    assert list(frame["dy_censored_ppm"][:3]) == pytest.approx([0.8, 0.4, np.nan], nan_ok=True)
    assert list(frame["dy_ppm"][:3]) == pytest.approx([share * 0.8, share * 0.4, 40.5], nan_ok=True)
    assert list(frame["conversions"][:3]) == [f"dy_ppm below detection: {rule}"] * 2 + [""]
    assert "gd_censored_ppm" not in frame


def test_a_limit_in_its_own_column_censors_what_lies_below_it():
    rows = [
        {**row, "dy_ppm": value, "nd_ppm": 0.3, "detection_limit_ppm": 0.5}
        for row, value in zip(sound_rows(), [0.2, 0.5, "bdl", 0, 7, ""], strict=True)
    ]
    frame = frame_of({"a.csv": csv_text(rows)})
    assert list(frame["dy_censored_ppm"]) == pytest.approx([0.5, np.nan, 0.5, 0.5, np.nan, np.nan], nan_ok=True)
    assert list(frame["dy_ppm"]) == pytest.approx([0.25, 0.5, 0.25, 0.25, 7, np.nan], nan_ok=True)
    # A limit that names no element is that of the assessed ones.
    assert set(frame["nd_ppm"]) == {0.3}
    assert "nd_censored_ppm" not in frame


def test_the_limit_of_an_element_goes_before_the_common_one_and_that_of_a_cell_before_both():
    rows = [
        {**row, "dy_ppm": value, "dy_detection_limit_ppm": 2, "detection_limit_ppm": 9}
        for row, value in zip(sound_rows(), ["bdl", "<1", 3, 1, 9, 8], strict=True)
    ]
    frame = frame_of({"a.csv": csv_text(rows)})
    assert list(frame["dy_censored_ppm"]) == pytest.approx([2, 1, np.nan, 2, np.nan, np.nan], nan_ok=True)
    assert set(frame["gd_ppm"]) == {44.0}


def test_conversions_are_told_row_by_row_and_in_sum():
    text = with_cells(longitude_deg=["206.4°", "206.4", "206.4"]).replace("from_m", "From (cm)")
    table, other = read({"a.csv": text, "b.csv": sound_csv().replace("\nA,", "\nC,").replace("\nB,", "\nD,")})
    assert list(table.conversions()) == [
        "longitude_deg from degrees with their side, 0 to 360; from_m from cm",
        "longitude_deg from 0 to 360; from_m from cm",
        "longitude_deg from 0 to 360; from_m from cm",
        "from_m from cm",
        "from_m from cm",
        "from_m from cm",
    ]
    assert set(table.numbers["longitude_deg"]) == {-153.6, 153.7}
    assert set(other.conversions()) == {""}
    assert conversions_said([table, other]) == [
        "from_m from cm: 6 rows of cores/a.csv",
        "longitude_deg from 0 to 360: 2 rows of cores/a.csv",
        "longitude_deg from degrees with their side, 0 to 360: 1 row of cores/a.csv",
    ]


def test_a_converted_number_is_that_of_the_clean_twin_to_the_last_bit():
    centimetres = [7, 30, 35, 70, 110, 115]
    rows = [{**row, "from_m": value, "to_m": value + 3} for row, value in zip(sound_rows(), centimetres, strict=True)]
    frame = frame_of({"a.csv": csv_text(rows).replace("from_m,to_m", "from_cm,to_cm").replace(",3.0,", ",,")})
    assert list(frame["from_m"]) == [float(f"{value / 100:.2f}") for value in centimetres]


def test_a_free_column_keeps_its_text_and_its_name():
    rows = [{**row, "colour": "10YR 4/2", "Lab No.": "007", "Sr": 12, "conversions": "mine"} for row in sound_rows()]
    (table,) = read({"a.csv": csv_text(rows)})
    frame = sample_frame([table], [])
    assert set(frame["colour"]) == {"10YR 4/2"}
    assert set(frame["Lab No."]) == {"007"}
    assert set(frame["file_conversions"]) == {"mine"}
    assert set(frame["Sr"]) == {"12"}
    assert table.notes == ["cores/a.csv: column 'Sr' says no unit and is kept as text"]


def test_a_mapped_column_goes_before_one_that_is_named_like_ours():
    rows = [{**row, "Dy corrected": 50.5} for row in sound_rows()]
    frame = frame_of({"a.csv": csv_text(rows), "a.toml": '[columns]\ndy_ppm = "Dy corrected"\n'})
    assert set(frame["dy_ppm"]) == {50.5}
    assert set(frame["file_dy_ppm"]) == {"40.5"}


def test_the_table_of_a_paper_is_read_as_it_is():
    """A supplement with a title, a row of units, merged cells, oxides, its own names, and positions in degrees and minutes."""
    text = (
        "Table S2. Chemical composition\n"
        "Site;Longitude;Latitude;Top;Bottom;Dy2O3;Gd2O3;Remark\n"
        ";;;cm;cm;wt%;wt%;\n"
        "MR13-E02 PC05;153°36'E;21°54'N;0;20;0,0046479;0,0050715;\n"
        ";153°36'E;21°54'N;20;40;0,0093;<0,0001;fish teeth\n"
    )
    toml = (
        "header_row = 2\nskip_rows = [3]\nfill_down = ['core_id']\n"
        '[columns]\ncore_id = "Site"\nfrom_m = "Top"\nto_m = "Bottom"\ndy_ppm = "Dy2O3"\ngd_ppm = "Gd2O3"\n'
        '[units]\nfrom_m = "cm"\nto_m = "cm"\ndy_ppm = "wt%"\ngd_ppm = "wt%"\n'
    )
    frame = frame_of({"s2.csv": text, "s2.toml": toml})
    assert list(frame["core_id"]) == ["MR13-E02 PC05"] * 2
    assert list(frame["longitude_deg"]) == [153.6, 153.6]
    assert list(frame["to_m"]) == [0.2, 0.4]
    assert list(frame["dy_ppm"]) == pytest.approx([46.479 / oxide_per_element("dy"), 93 / oxide_per_element("dy")])
    assert frame["gd_censored_ppm"][1] == pytest.approx(1 / oxide_per_element("gd"))
    assert list(frame["source_row"]) == [4, 5]
    assert "core_id as above" in frame["conversions"][1]


def test_a_core_whose_collar_is_refused_is_left_out_and_no_collar_becomes_a_sample():
    collars = csv_text(sound_rows()[::3], ["core_id", "longitude_deg", "latitude_deg"])
    intervals = csv_text(sound_rows(), ["core_id", "from_m", "to_m", "dy_ppm", "gd_ppm"])
    for bad, rows in (
        (collars + "A,153.8,21.9\n", {(2, "b"), (3, "b"), (4, "b"), (4, "a")}),
        (collars.replace("153.6", "east"), {(2, "b"), (3, "b"), (4, "b"), (2, "a")}),
    ):
        (table,) = read_core_tables(Given({"x_collars.csv": bad, "x_intervals.csv": intervals}), ["dy", "gd"], IntakeSettings())
        names = {"a": "cores/x_collars.csv", "b": "cores/x_intervals.csv"}
        assert {(row, file) for file, row, *_ in table.refusals} == {(row, names[half]) for row, half in rows}
        frame = sample_frame([table], table.refusals)
        assert list(frame["core_id"]) == ["B"] * 3


def test_the_antimeridian_has_one_name():
    frame = frame_of({"a.csv": sound_csv().replace("153.6", "180").replace("153.7", "-180.0")})
    assert set(frame["longitude_deg"]) == {-180.0}
    assert set(frame["conversions"]) == {"longitude_deg from 0 to 360", ""}


@pytest.mark.parametrize("element", ["y", "la", "ce", "pr", "nd", "sm", "eu", "gd", "tb", "dy", "ho", "er", "tm", "yb", "lu", "sc"])
def test_the_formula_of_the_traded_oxide_gives_its_factor(element):
    from pipeline.units import oxide_name

    assert oxide_of_formula(oxide_name(element)) == (element, pytest.approx(oxide_per_element(element), rel=1e-15))


@pytest.mark.parametrize("word", ["ho", "co", "no", "o2", "dy", "dyo", "fe2o3", "h2o", "co2", ""])
def test_what_is_no_oxide_of_a_rare_earth_has_no_factor(word):
    assert oxide_of_formula(word) is None


def test_a_unit_that_is_no_share_makes_no_grade_of_a_word():
    for header in ("recovery_pct", "clay (%)", "CaCO3 (%)", "water_content_pct", "W (m)", "No", "colour (Munsell)", "n"):
        role = role_of(header)
        assert role is None or role.fault, header


def test_a_map_says_what_a_name_does_not():
    assert role_by_map("from_m", "Top", None).factor == 1
    assert role_by_map("from_m", "Top (cm)", None).factor == 0.01
    assert "which is no unit" in role_by_map("longitude_deg", "Lon (E)", None).fault
    assert role_by_map("longitude_deg", "Lon (E)", "degrees").fault == ""
    assert role_by_map("water_depth_m", "Z", "m up").factor == -1
    assert role_by_map("dry_bulk_density_t_m3", "DBD (Mg/m3)", None).fault == ""
    assert "milligram" not in role_by_map("dry_bulk_density_t_m3", "DBD", "Mg/m3").fault
    assert "unknown unit" in role_by_map("dry_bulk_density_t_m3", "DBD", "mg/m3").fault


def test_japanese_in_cp932_is_told_from_accents_in_latin_1():
    assert decoded("a", "core_id\n南鳥島,ｺｱ\n".encode("cp932")) == ("core_id\n南鳥島,ｺｱ\n", "cp932")
    for text in ("Muñoz", "Pétr", "naïve", "Å", "1 µm", "§", "25 °C", "±0.5"):
        with pytest.raises(FileRefused, match="UTF-8"):
            decoded("a", f"note\n{text}\n".encode("latin-1"))


def test_every_suffix_that_the_scan_lists_is_read_or_refused():
    assert {".csv", ".toml", *NOT_READ} == set(RAW_LISTS["cores"])


def test_messages_show_twenty_of_a_kind_and_count_the_rest():
    refusals = [
        Refusal("cores/a.csv", row, column, str(row), f"is {why} (row {row})")
        for row in range(2, 1002)
        for column, why in (("x", "bad"), ("y", "worse"))
    ]
    lines = message(refusals).splitlines()
    assert len(lines) == 2 * SHOWN + 3
    assert lines[0].startswith("1,000 rows refused; nothing was built. cores/a.csv row 2, x = '2': is bad")
    assert lines[-3].strip().startswith("and 980 more like: cores/a.csv row 22, x =")
    assert lines[-1] == "  and 1,960 more, all in rejected.csv"


def test_a_name_with_a_line_break_cannot_forge_another_problem():
    text = message([Refusal("cores/a\n  cores/b.csv row 2.csv", 2, "x", "v", "is bad")])
    assert "\n" not in text
