"""Intake: what is refused, how it is explained, and what must make no difference."""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest
from assess import listed, read_samples, with_settings
from bad_input import sound_rows
from pandas.testing import assert_frame_equal
from planted import SETTINGS, csv_text
from pyproj import Transformer

from pipeline.artefacts import CoreFiles
from pipeline.errors import ArtefactError, CoreFileError, RowsRefused

LEAVE_OUT = with_settings(SETTINGS, on_refused='"leave_out"')
WHERE_IT_STOOD = ["source_file", "source_row"]


def edited(row, **cells):
    rows = sound_rows()
    rows[row - 2].update(cells)
    return rows


# row of the file, cells changed, column named, value shown, rule and cure
BAD_CELLS = [
    (3, {"dy_ppm": "high"}, "dy_ppm", "high", "is no number; write digits .* leave the cell empty"),
    (3, {"dy_ppm": "<LOD"}, "dy_ppm", "<LOD", "is below a detection limit that is not given; write <limit, or fill dy_detection_limit_ppm"),
    (3, {"dy_ppm": "nan"}, "dy_ppm", "nan", "is no number"),
    (3, {"gd_ppm": "1,5"}, "gd_ppm", "1,5", "is no number; .* decimal point"),
    (3, {"dy_ppm": "-3"}, "dy_ppm", "-3", "is a negative grade; leave the cell empty"),
    (4, {"gd_ppm": "1000001"}, "gd_ppm", "1000001", r"is more than 10000 ppm, which no mud holds .* Is the unit ppm\?"),
    (2, {"dy_ppm": "1e400"}, "dy_ppm", "1e400", "is no number"),
    (5, {"longitude_deg": "21.9", "latitude_deg": "153.7"}, "latitude_deg", "153.7", r"is no latitude \(-90 to 90\). .* swapped\?"),
    (5, {"longitude_deg": "400"}, "longitude_deg", "400", r"is no longitude \(-180 to 360\)"),
    (5, {"longitude_deg": "10.0"}, "longitude_deg", "10.0", "is outside the bathymetry. Correct the position, or add a grid"),
    (3, {"from_m": "1.0", "to_m": "1.0"}, "to_m", "1.0", r"is not below from_m; .* swapped\?"),
    (3, {"from_m": "1.0", "to_m": "0.6"}, "to_m", "0.6", r"is not below from_m; .* swapped\?"),
    (2, {"from_m": "-0.1"}, "from_m", "-0.1", "lies above the seafloor; depths are metres below it"),
    (4, {"to_m": "3.5"}, "to_m", "3.5", "is deeper than penetration_m; correct one of them"),
    (4, {"penetration_m": "0"}, "penetration_m", "0", "is no penetration; give the length of core .* or leave it empty"),
    (3, {"from_m": "0.0"}, "from_m", "0", "interval 0-1 m overlaps .*survey.csv row 2. Correct the depths"),
    (3, {"from_m": "0.0", "to_m": "0.5"}, "from_m", "0", "duplicate interval 0-0.5 m of .*survey.csv row 2. Keep one of them"),
    (3, {"core_id": ""}, "core_id", "", "is empty; every row needs the id of its core"),
    (3, {"from_m": ""}, "from_m", "", "is empty; every row needs it"),
    (3, {"to_m": "  "}, "to_m", "", "is empty; every row needs it"),
    (3, {"latitude_deg": ""}, "latitude_deg", "", "is empty; every row needs it"),
    (3, {"longitude_deg": "153.61"}, "longitude_deg", "153.61", r"lies 1,0\d\d m from the core's other rows .* Correct it or rename the core"),
    (6, {"dry_bulk_density_t_m3": "550"}, "dry_bulk_density_t_m3", "550", r"is outside 0.1 to 4 t/m3 .* Is it kg/m3\?"),
    (6, {"dry_bulk_density_t_m3": "0"}, "dry_bulk_density_t_m3", "0", "is outside 0.1 to 4 t/m3"),
    (7, {"water_depth_m": "-5700"}, "water_depth_m", "-5700", "is negative; water depth is metres, positive down"),
    (7, {"water_depth_m": "57000"}, "water_depth_m", "57000", r"is deeper than any water \(12,000 m\). Is the unit metres\?"),
]


@pytest.mark.parametrize(("row", "cells", "column", "value", "says"), BAD_CELLS)
def test_bad_cell_is_named_by_file_row_column_value_and_cure(plant, row, cells, column, value, says):
    with pytest.raises(RowsRefused, match=says) as caught:
        read_samples(plant(edited(row, **cells)))
    assert f"cores/survey.csv row {row}, {column} = {value!r}:" in str(caught.value)
    assert {(file, number) for file, number, *_ in caught.value.refused} == {("cores/survey.csv", row)}


@pytest.mark.parametrize("column", ["core_id", "longitude_deg", "latitude_deg", "from_m", "to_m", "dy_ppm", "gd_ppm"])
@pytest.mark.parametrize("settings", [SETTINGS, LEAVE_OUT])
def test_missing_column_refuses_the_file_even_where_rows_may_be_left_out(plant, column, settings):
    text = csv_text(sound_rows(), [name for name in sound_rows()[0] if name != column])
    with pytest.raises(RowsRefused, match=f"cores/survey.csv row 1, {column} = '': the column is missing; add it"):
        read_samples(plant({"survey.csv": text}, settings))


@pytest.mark.parametrize("column", ["water_depth_m", "penetration_m", "dry_bulk_density_t_m3", "note"])
def test_optional_column_may_be_absent(plant, column):
    text = csv_text(sound_rows(), [name for name in sound_rows()[0] if name != column])
    frame = read_samples(plant({"survey.csv": text})).frame
    assert len(frame) == 6
    assert column not in frame or frame[column].isna().all()


TEXT = csv_text(sound_rows())
BAD_FILES = [
    ({"survey.csv": TEXT.replace("gd_ppm", "dy_ppm", 1)}, "cores/survey.csv row 1: column dy_ppm stands there twice"),
    ({"survey.csv": TEXT.replace("A,153.6,", "A,153.6", 1)}, "cores/survey.csv row 2: 10 cells where the header has 11. Is a separator missing"),
    (
        {"survey.csv": TEXT.replace("hand", "Muñoz").encode("latin-1")},
        "cores/survey.csv: line 2, byte .* is no UTF-8 text, nor surely CP932. Save the file as CSV UTF-8",
    ),
    ({"survey.csv": TEXT.encode("utf-16-le")}, "cores/survey.csv.* Save (the file|it) as CSV UTF-8"),
    ({"survey.csv": ""}, "cores/survey.csv is empty; the first row must name the columns"),
    ({"survey.csv": "\n\n"}, "cores/survey.csv is empty; the first row must name the columns"),
    ({"survey.csv": TEXT.splitlines()[0] + "\n"}, "no usable row is left in any core table"),
    ({"survey.csv": TEXT.replace('"hand, logged"', '"hand"x', 1)}, "cores/survey.csv row 2: is no readable CSV: .* Check its quotes"),
    ({}, "no core table in cores: put at least one .csv there"),
    ({"survey.csv": TEXT, "old.toml": "synthetic = true\n"}, "cores/old.toml describes a file cores/old.csv that is not there"),
    ({"survey.csv": TEXT, "survey.toml": "synthetik = true\n"}, "cores/survey.toml key synthetik: .* known keys are synthetic, title"),
    ({"survey.csv": TEXT, "survey.toml": "synthetic = maybe\n"}, "cores/survey.toml is no valid TOML"),
    ({"survey.csv": TEXT, "survey.toml": "seed = 'x'\n"}, "cores/survey.toml key seed: "),
    (
        {"survey.csv": TEXT.replace("longitude_deg,latitude_deg", "easting_m,northing_m"), "survey.toml": "crs = 'EPSG:123456'\n"},
        "cores/survey.toml key crs: crs 'EPSG:123456' is unknown. Give an EPSG code",
    ),
]


@pytest.mark.parametrize(("files", "says"), BAD_FILES)
def test_file_that_is_no_table_is_explained(plant, files, says):
    with pytest.raises(CoreFileError, match=says):
        read_samples(plant(files))


def weighed(column, cells, **further):
    """Samples weighed by area in place of a density, one cell for each row."""
    return [
        {**{name: cell for name, cell in row.items() if name != "dry_bulk_density_t_m3"}, column: given, **further}
        for row, given in zip(sound_rows(), cells, strict=True)
    ]


@pytest.mark.parametrize(("column", "per_kg_m2"), [("abundance_kg_m2", 1), ("Abundance (g/m2)", 1000), ("dry abundance [t/km2]", 1000)])
def test_mass_per_area_over_the_length_of_its_interval_is_a_density(plant, column, per_kg_m2):
    frame = read_samples(plant(weighed(column, [per_kg_m2 * abundance for abundance in (500, 400, 600, 500, 450, 700)]))).frame
    length_m = frame["to_m"] - frame["from_m"]
    assert frame["dry_bulk_density_t_m3"].to_numpy() == pytest.approx(frame["abundance_kg_m2"] / length_m / 1000)
    assert sorted(frame["abundance_kg_m2"]) == [400, 450, 500, 500, 600, 700]
    assert frame["conversions"].str.contains("dry_bulk_density_t_m3 from abundance_kg_m2 over the length of the interval").all()


def test_nothing_weighed_is_no_density(plant):
    frame = read_samples(plant(weighed("abundance_kg_m2", [500, "", 400, 500, 500, 500]))).frame.set_index("source_row")
    assert frame["dry_bulk_density_t_m3"].isna().tolist() == [row == 3 for row in frame.index]


@pytest.mark.parametrize(
    ("abundance", "column", "value", "says"),
    [
        ("-1", "abundance_kg_m2", "-1", "is no dry mass per area; it is more than 0"),
        ("0", "abundance_kg_m2", "0", "Leave barren ground out of the table and, by a polygon with a hole there, out of the region"),
        ("9000", "abundance_kg_m2", "9000", r"over the length of its interval is outside 0.1 to 4 t/m3 .* Is it kg/m2, and that length right\?"),
        ("many", "abundance_kg_m2", "many", "is no number"),
    ],
)
def test_an_abundance_that_cannot_be_is_explained(plant, abundance, column, value, says):
    rows = weighed("abundance_kg_m2", [500, 500, abundance, 500, 500, 500])
    with pytest.raises(RowsRefused, match=says) as caught:
        read_samples(plant(rows))
    assert f"cores/survey.csv row 4, {column} = {value!r}:" in str(caught.value)


def test_dry_mass_is_said_once(plant):
    with pytest.raises(RowsRefused, match=r"says the same as dry_bulk_density_t_m3, which the table holds too.* Remove one of the two"):
        read_samples(plant(weighed("abundance_kg_m2", [500] * 6, dry_bulk_density_t_m3=0.5)))


@pytest.mark.parametrize("core_id", ["NA", "007", "13E02", "None", "true", "1.50", "南鳥島-1"])
def test_core_id_stays_as_written(plant, core_id):
    frame = read_samples(plant([{**row, "core_id": core_id} if row["core_id"] == "A" else row for row in sound_rows()])).frame
    assert sorted(set(frame["core_id"])) == sorted([core_id, "B"])


def test_zero_and_missing_grades_stay_apart(plant):
    frame = read_samples(plant(edited(3, dy_ppm="0", gd_ppm=""))).frame.set_index("source_row")
    assert frame.loc[3, "dy_ppm"] == 0
    assert pd.isna(frame.loc[3, "gd_ppm"])


def test_all_problems_are_reported_together(plant):
    rows = edited(3, dy_ppm="-3", dry_bulk_density_t_m3="550")
    rows[4]["core_id"] = ""
    other = [{**row, "core_id": f"X{row['core_id']}", "from_m": "deep" if row["from_m"] == 1.5 else row["from_m"]} for row in sound_rows()]
    with pytest.raises(RowsRefused, match="4 rows refused") as caught:
        read_samples(plant({"one.csv": csv_text(rows), "two.csv": csv_text(other)}))
    found = {(file, row, column) for file, row, column, *_ in caught.value.refused}
    assert found == {
        ("cores/one.csv", 3, "dy_ppm"),
        ("cores/one.csv", 3, "dry_bulk_density_t_m3"),
        ("cores/one.csv", 6, "core_id"),
        ("cores/two.csv", 4, "from_m"),
        ("cores/two.csv", 7, "from_m"),
    }
    assert all(f"{file} row {row}, {column}" in str(caught.value) for file, row, column in found)


def test_long_list_of_problems_is_cut_in_the_message_but_not_in_the_list(plant):
    rows = [{**row, "core_id": f"{row['core_id']}{copy}", "dy_ppm": "-1"} for copy in range(5) for row in sound_rows()]
    with pytest.raises(RowsRefused, match=r"and 10 more, all in rejected\.csv") as caught:
        read_samples(plant(rows))
    assert len(caught.value.refused) == 30


@pytest.mark.parametrize(("row", "cells", "column", "value", "says"), BAD_CELLS)
def test_leaving_out_drops_just_the_refused_row_counts_and_lists_it(plant, row, cells, column, value, says):
    samples = read_samples(plant(edited(row, **cells), LEAVE_OUT))
    sound = read_samples(plant(sound_rows())).frame
    assert_frame_equal(pd.DataFrame(samples.frame), pd.DataFrame(sound.loc[sound["source_row"] != row].reset_index(drop=True)))
    assert samples.marks.rows_left_out == 1
    listed = samples.rejected.loc[samples.rejected["column"] == column].iloc[0]
    assert (listed["file"], listed["row"], listed["value"]) == ("cores/survey.csv", row, value)
    assert re.search(says, listed["reason"])
    assert any("1 refused rows were left out" in warning for warning in samples.warnings)


def test_clean_survey_lists_nothing_refused(plant):
    samples = read_samples(plant(sound_rows()))
    assert samples.rejected.empty
    assert list(samples.rejected.columns) == ["file", "row", "column", "value", "reason"]
    assert samples.marks.rows_left_out == 0


@pytest.mark.parametrize(
    "disguise",
    [
        lambda rows: csv_text(rows[::-1]),
        lambda rows: csv_text(rows, list(rows[0])[::-1]),
        lambda rows: "\ufeff" + csv_text(rows),
        lambda rows: csv_text(rows).replace("\n", "\r\n"),
        lambda rows: csv_text(rows).replace("\n", "\n\n"),
        lambda rows: csv_text(rows) + ",,,,,,,,,,\n",
        lambda rows: csv_text(rows).replace("40.5", " +4.05e1 "),
    ],
    ids=["rows reversed", "columns reversed", "BOM", "CRLF", "blank lines", "empty last row", "number written otherwise"],
)
def test_outer_form_of_the_file_makes_no_difference(plant, disguise):
    plain, other = (read_samples(plant({"survey.csv": text})).frame for text in (csv_text(sound_rows()), disguise(sound_rows())))
    assert_frame_equal(plain.drop(columns=WHERE_IT_STOOD), other.drop(columns=WHERE_IT_STOOD))


def test_splitting_the_survey_into_files_makes_no_difference(plant):
    rows = sound_rows()
    whole, parts = (read_samples(plant(files)).frame for files in (rows, {"a.csv": csv_text(rows[::2]), "z.csv": csv_text(rows[1::2])}))
    assert_frame_equal(whole.drop(columns=WHERE_IT_STOOD), parts.drop(columns=WHERE_IT_STOOD))


def test_files_in_sub_folders_are_found(plant):
    raw = plant(sound_rows())
    folder = raw / "cores" / "2019 cruise" / "深部"
    folder.mkdir(parents=True)
    shutil.move(raw / "cores" / "survey.csv", folder)
    assert set(read_samples(raw).frame["source_file"]) == {"cores/2019 cruise/深部/survey.csv"}


COLLAR = ["core_id", "longitude_deg", "latitude_deg", "water_depth_m", "penetration_m"]
INTERVAL = ["core_id", "from_m", "to_m", "dy_ppm", "gd_ppm", "dry_bulk_density_t_m3", "note"]


def pair(rows, **more):
    collars = list({row["core_id"]: row for row in sound_rows()}.values())
    return {"x_collars.csv": csv_text(collars, COLLAR), "x_intervals.csv": csv_text(rows, INTERVAL), **more}


def test_collars_and_intervals_equal_their_flat_twin(plant):
    flat, joined = (read_samples(plant(files)).frame for files in (sound_rows(), pair(sound_rows())))
    assert set(joined["source_file"]) == {"cores/x_intervals.csv"}
    assert set(joined["joined_rows"]) == {"cores/x_collars.csv row 2", "cores/x_collars.csv row 3"}
    assert_frame_equal(flat.drop(columns="source_file"), joined.drop(columns=["source_file", "joined_rows"]))


def test_interval_without_collar_is_refused_with_the_other_problems(plant):
    rows = edited(3, core_id="C")
    rows[4]["dy_ppm"] = "-3"
    with pytest.raises(RowsRefused, match=r"row 3, core_id = 'C': has no row in cores/x_collars.csv; add the collar or correct the id") as caught:
        read_samples(plant(pair(rows)))
    assert {row for _, row, *_ in caught.value.refused} == {3, 6}
    samples = read_samples(plant(pair(rows), LEAVE_OUT))
    assert sorted(samples.frame["source_row"]) == [2, 4, 5, 7]
    assert samples.marks.rows_left_out == 2


@pytest.mark.parametrize("name", ["x_collars.toml", "x_intervals.toml"])
def test_synthetic_mark_beside_either_half_of_a_pair_counts(plant, name):
    assert read_samples(plant(pair(sound_rows(), **{name: "synthetic = true\n"}))).marks.data_kind == "synthetic"


def test_projected_positions_equal_their_twin_in_degrees(plant):
    to_metres = Transformer.from_crs("EPSG:4326", "EPSG:32656", always_xy=True)
    rows = sound_rows()
    for row in rows:
        row["easting_m"], row["northing_m"] = to_metres.transform(row["longitude_deg"], row["latitude_deg"])
    columns = [name for name in rows[0] if not name.endswith("_deg")]
    degrees, metres = (
        read_samples(plant(files)).frame for files in (sound_rows(), {"survey.csv": csv_text(rows, columns), "survey.toml": "crs = 'EPSG:32656'\n"})
    )
    for axis in ("longitude_deg", "latitude_deg"):
        assert metres[axis].to_numpy() == pytest.approx(degrees[axis].to_numpy(), abs=1e-6)
    assert set(metres["conversions"]) == {"position from EPSG:32656"}
    assert set(degrees["conversions"]) == {""}


def test_position_that_the_projection_cannot_hold_is_refused(plant):
    rows = [{**row, "easting_m": 1e12 if row["core_id"] == "A" else 365_000.0, "northing_m": 2_422_000.0} for row in sound_rows()]
    columns = [name for name in rows[0] if not name.endswith("_deg")]
    with pytest.raises(RowsRefused, match=r"row 2, longitude_deg = '1000000000000.0': is no position from EPSG:32656; correct it or the crs"):
        read_samples(plant({"survey.csv": csv_text(rows, columns), "survey.toml": "crs = 'EPSG:32656'\n"}))


def test_more_elements_and_free_columns_are_kept(plant):
    frame = read_samples(plant([{**row, "nd_ppm": 300.0, "cruise": "KR13-02"} for row in sound_rows()])).frame
    assert set(frame["nd_ppm"]) == {300.0}
    assert set(frame["cruise"]) == {"KR13-02"}


def test_column_of_the_user_cannot_pose_as_provenance(plant):
    raw = plant({"survey.csv": csv_text([{**row, "data_kind": "measured"} for row in sound_rows()]), "survey.toml": "synthetic = true\n"})
    samples = read_samples(raw)
    assert samples.marks.data_kind == "synthetic"
    assert set(samples.frame["data_kind"]) == {"synthetic"}


def test_core_outside_the_region_is_kept_and_said(plant):
    samples = read_samples(plant([{**row, "longitude_deg": 154.5 if row["core_id"] == "B" else 153.6} for row in sound_rows()]))
    assert len(samples.frame) == 6
    assert any("1 cores lie outside the region" in warning for warning in samples.warnings)


def test_file_that_changes_during_the_build_is_refused(plant):
    raw = plant(sound_rows())
    files = listed(CoreFiles, raw, ".csv")
    (raw / "cores" / "survey.csv").write_text("changed", encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"survey\.csv changed while the build was running\. Run make all again"):
        files.verified("cores/survey.csv")


def test_nothing_left_is_refused_with_every_row_listed(plant):
    """The message sends the reader to rejected.csv, so the rows must travel with it, also where rows may be left out."""
    rows = [{**row, "latitude_deg": 99.0} for row in sound_rows()]
    with pytest.raises(RowsRefused, match="no usable row is left") as caught:
        read_samples(plant(rows, LEAVE_OUT))
    assert [row for _, row, *_ in caught.value.refused] == list(range(2, 8))


def test_a_note_for_collars_that_are_not_there_is_explained(plant):
    with pytest.raises(CoreFileError, match=r"x_collars\.toml describes a file cores/x_collars\.csv that is not there"):
        read_samples(plant({"survey.csv": csv_text(sound_rows()), "x_collars.toml": "synthetic = true\n"}))
