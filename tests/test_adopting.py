"""From the tables of a supplement to an assessment: the examples of the guide are run, and equal their flat twin.

The supplements are made up: the synthetic reference survey, parted into three tables with headings, units and names of their own.
"""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from assess import listed, read_samples, with_settings
from bad_input import Given
from pandas.testing import assert_frame_equal

from pipeline.artefacts import BathymetryFiles, PublishedMethod, Samples, Tonnage
from pipeline.config import IntakeSettings, read_settings
from pipeline.errors import RowsRefused
from pipeline.intake.core_tables import read_core_tables
from pipeline.intake.shale import SHALE_PPM
from pipeline.stages import composites, seafloor
from pipeline.units import GROUPS, oxide_per_element, oxide_per_group
from pipeline.web.texts import element_name, symbol_of

ROOT = Path(__file__).parents[1]
ENGLISH, JAPANESE = ROOT / "docs" / "adopting_the_survey.md", ROOT / "docs" / "adopting_the_survey.ja.md"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "LINKS"))}


def blocks(guide):
    """Examples of a guide by file name."""
    found = re.findall(r"^```(?:csv|toml) (\S+)\n(.*?)^```$", guide.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return dict(found)


def survey_rows():
    """The reference survey without density; every fourth sample lacks its chemistry."""
    with (ROOT / "data" / "raw" / "cores" / "reference_survey.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["core_id"].removeprefix("RS-")) % 2]
    for number, row in enumerate(rows):
        if number % 4 == 3:
            row["dy_ppm"] = row["gd_ppm"] = ""
    return rows


FLAT = ("core_id", "longitude_deg", "latitude_deg", "water_depth_m", "from_m", "to_m", "dy_ppm", "gd_ppm", "rey_ppm")


def table(rows, columns=None, head=""):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns or rows[0]), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return head + out.getvalue()


def sexagesimal(text, degree, minute, second):
    """Decimal degrees of five places as degrees, minutes and seconds of three: exact."""
    thousandths = round(float(text) * 100_000) * 36
    return f"{thousandths // 3_600_000}{degree}{thousandths // 60_000 % 60}{minute}{thousandths % 60_000 / 1000:g}{second}"


def english(rows):
    """Positions in degrees, minutes, seconds; samples named by core and middle; gadolinium as oxide in wt%."""
    cores = {row["core_id"]: row for row in rows}.values()
    positions = [
        {
            "Site": row["core_id"],
            "Latitude": sexagesimal(row["latitude_deg"], "°", "′", "″N"),
            "Longitude": sexagesimal(row["longitude_deg"], "°", "′", "″E"),
            "Water depth (m)": row["water_depth_m"],
            "Core length (m)": row["penetration_m"],
        }
        for row in cores
    ]

    def sample(row):
        return f"{row['core_id']} {float(row['from_m']) + 0.1:.2f}"

    totals = [{"Sample": sample(row), "ΣREY (ppm)": row["rey_ppm"]} for row in rows]
    chemistry = [
        {"Sample": sample(row), "Dy (ppm)": row["dy_ppm"], "Gd2O3 (wt%)": repr(float(row["gd_ppm"]) * oxide_per_element("gd") / 1e4)}
        for row in reversed(rows)
        if row["dy_ppm"]
    ]
    tables = {"table_s1.csv": table(positions), "table_s2.csv": table(totals), "table_s3.csv": table(chemistry)}
    return {name: text.encode() for name, text in tables.items()}


def japanese(rows):
    """Headings in Japanese, depths in centimetres, a title above the headings, CP932."""
    cores = {row["core_id"]: row for row in rows}.values()
    positions = [
        {
            "地点": row["core_id"],
            "緯度": "北緯" + sexagesimal(row["latitude_deg"], "度", "分", "秒"),
            "経度": "東経" + sexagesimal(row["longitude_deg"], "度", "分", "秒"),
            "水深 (m)": row["water_depth_m"],
        }
        for row in cores
    ]

    def interval(row):
        return {"地点": row["core_id"], "上端 (cm)": round(float(row["from_m"]) * 100), "下端 (cm)": round(float(row["to_m"]) * 100)}

    totals = [{**interval(row), "全希土類＋Y (ppm)": row["rey_ppm"]} for row in rows]
    chemistry = [{**interval(row), "Dy (ppm)": row["dy_ppm"], "Gd (ppm)": row["gd_ppm"]} for row in rows if row["dy_ppm"]]
    tables = {
        "表1.csv": table(positions),
        "表2.csv": table(totals, head="表2　総レアアース分析値,,,\n"),
        "表3.csv": table(chemistry),
    }
    return {name: text.encode("cp932") for name, text in tables.items()}


def supplement(guide, tables):
    """The made-up tables with the notes of the guide beside them; the first one says that they are drawn."""
    notes = {name: text for name, text in blocks(guide).items() if name.endswith(".toml") and name != "assessment.toml"}
    marked = {name: f"synthetic = true\n{text}" for name, text in notes.items()}
    return {**tables, **{name: text.encode() for name, text in marked.items()}}


def write_assessment(folder, files, **settings):
    """RAW with these core files, the shipped grid, published figures and settings."""
    import shutil

    raw = ROOT / "data" / "raw"
    for name in ("bathymetry", "published"):
        shutil.copytree(raw / name, folder / name)
    cores = folder / "cores" / "supplement"
    cores.mkdir(parents=True)
    for name, content in files.items():
        (cores / name).write_bytes(content)
    text = with_settings((raw / "assessment.toml").read_text(encoding="utf-8"), assessed='["dy", "gd", "rey"]', **settings)
    (folder / "assessment.toml").write_text(text, encoding="utf-8")
    return folder


GUIDES = [(ENGLISH, english), (JAPANESE, japanese)]


# --- the guide -----------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("guide", "make"), GUIDES, ids=["en", "ja"])
def test_the_tables_of_the_guide_are_those_that_are_tested(guide, make):
    """Headings and first rows; so what the guide shows is what is read here."""
    made = make(survey_rows())
    shown = {name: text for name, text in blocks(guide).items() if name.endswith(".csv")}
    assert set(shown) == set(made)
    for name, text in shown.items():
        found = made[name].decode("utf-8" if make is english else "cp932").splitlines()
        for line in text.splitlines():
            assert line in found, name


@pytest.mark.parametrize(("guide", "make"), GUIDES, ids=["en", "ja"])
def test_a_supplement_in_three_tables_equals_its_flat_twin(guide, make, tmp_path):
    rows = survey_rows()
    parts = write_assessment(tmp_path / "parts", supplement(guide, make(rows)), cell_m="10000.0")
    twin = write_assessment(tmp_path / "twin", {"flat.csv": table(rows, FLAT).encode(), "flat.toml": b"synthetic = true\n"}, cell_m="10000.0")
    found, flat = read_samples(parts), read_samples(twin)
    grades = ["from_m", "to_m", "longitude_deg", "latitude_deg", "water_depth_m", "dy_ppm", "gd_ppm", "rey_ppm"]
    assert_frame_equal(found.frame[["core_id", *grades]], flat.frame[["core_id", *grades]], rtol=1e-12, atol=0)
    assert found.marks.is_synthetic
    assert found.frame["dy_ppm"].isna().sum() == sum(not row["dy_ppm"] for row in rows)
    given = read_settings(parts / "assessment.toml")
    floor = seafloor.run(listed(BathymetryFiles, parts, ".nc"), given.region, given.grid)
    layered = [composites.run(part, floor, given.region, given.composites, given.density, given.elements) for part in (found, flat)]
    one, other = (pd.DataFrame(part.frame.drop(columns="geometry")) for part in layered)
    assert_frame_equal(one, other, rtol=1e-12, atol=1e-12)
    assert layered[0].density_source == "prior"
    assert layered[0].group_oxides == {"rey": {"factor": 1.2, "source": "settings", "samples": 0}}


def test_each_sample_tells_the_rows_of_every_table(tmp_path):
    raw = write_assessment(tmp_path / "raw", supplement(ENGLISH, english(survey_rows())))
    frame = read_samples(raw).frame
    first = frame.iloc[0]
    assert first["source_file"] == "cores/supplement/table_s2.csv"
    chemistry = english(survey_rows())["table_s3.csv"].decode().splitlines()
    row = next(number for number, line in enumerate(chemistry, start=1) if line.startswith("RS-01 0.10,"))
    assert first["joined_rows"] == f"cores/supplement/table_s3.csv row {row}; cores/supplement/table_s1.csv row 2"
    without = frame[frame["dy_ppm"].isna()]["joined_rows"]
    assert not without.str.contains("table_s3").any()
    assert without.str.contains("table_s1").all()
    assert "from_m and to_m from at_m, the middle of 0.2 m" in first["conversions"]
    assert "gd_ppm from wt% gd2o3" in first["conversions"]


# --- what is refused -----------------------------------------------------------------------------------------------------------------------------

MAIN = "core_id,from_m,to_m,rey_ppm\nA,0,0.5,900\nA,0.5,1,800\nB,0,0.5,700\n"
PLACES = "core_id,longitude_deg,latitude_deg\nA,153.6,21.9\nB,153.7,21.9\n"
CHEMISTRY = "core_id,from_m,to_m,dy_ppm,gd_ppm\nA,0,0.5,40,44\nB,0,0.5,30,33\n"
ON_CORE = 'adds_to = "s.csv"\njoined_on = ["core_id"]\n'
ON_SAMPLE = 'adds_to = "s.csv"\njoined_on = ["core_id", "from_m", "to_m"]\n'
SOUND = {"s.csv": MAIN, "p.csv": PLACES, "p.toml": ON_CORE, "c.csv": CHEMISTRY, "c.toml": ON_SAMPLE}


def refusals(**changed):
    files = {name: changed.get(name.replace(".", "_"), text) for name, text in SOUND.items()} | changed.get("more", {})
    tables = read_core_tables(Given(files), ["dy", "gd"], IntakeSettings())
    return [refusal for part in tables for refusal in part.refusals]


def test_three_sound_tables_are_read():
    assert refusals() == []


@pytest.mark.parametrize(
    ("changed", "file", "row", "column", "says"),
    [
        ({"c_csv": CHEMISTRY + "B,0.5,1,30,33\n"}, "cores/c.csv", 4, "core_id", "completes no row of cores/s.csv .*unmatched = \"keep\""),
        ({"c_csv": CHEMISTRY.replace("B,", "b,")}, "cores/c.csv", 3, "core_id", "completes no row .*Written in two ways: 'B' here, 'b' there"),
        ({"c_csv": CHEMISTRY + "B,0,0.5,31,34\n"}, "cores/c.csv", 4, "core_id", "stands in row 3 already, with the same core_id and from_m and to_m"),
        ({"c_csv": CHEMISTRY.replace("30,", "-30,")}, "cores/c.csv", 3, "dy_ppm", "is a negative grade"),
        ({"c_csv": "core_id,from_m,to_m,dy_ppm,gd_ppm,rey_ppm\nA,0,0.5,40,44,901\n"}, "cores/s.csv", 2, "rey_ppm", "is 901 in cores/c.csv row 2"),
        ({"p_csv": PLACES.replace("B,", "C,")}, "cores/s.csv", 4, "core_id", "has no row in cores/p.csv"),
        ({"p_csv": PLACES.replace("153.7", "east")}, "cores/s.csv", 4, "core_id", "has a refused row in cores/p.csv; correct it there"),
        ({"p_csv": PLACES + "A,153.6,21.9\n"}, "cores/p.csv", 4, "core_id", "stands in row 2 already"),
        ({"s_csv": MAIN + "A,0.5,1,800\n", "c_csv": CHEMISTRY + "A,0.5,1,1,1\n"}, "cores/s.csv", 5, "core_id", "row 4 of .* would belong to"),
        ({"c_toml": ON_SAMPLE.replace("s.csv", "t.csv")}, "cores/c.toml", 0, "adds_to", "names t.csv, which is no core table"),
        ({"c_toml": ON_SAMPLE.replace("s.csv", "p.csv")}, "cores/c.toml", 0, "adds_to", "names p.csv, which completes a table itself"),
        ({"c_toml": 'adds_to = "s.csv"\njoined_on = ["sample_id"]\n'}, "cores/c.toml", 0, "joined_on", "names sample_id, which cores/s.csv has not"),
        ({"c_toml": 'adds_to = "s.csv"\n'}, "cores/c.toml", 0, "", "adds_to needs joined_on"),
        ({"c_toml": 'joined_on = ["core_id"]\n'}, "cores/c.toml", 0, "", "joined_on and unmatched need adds_to"),
        ({"more": {"s.toml": '[sums]\nrey_ppm = ["ree_ppm", "y_ppm"]\n'}}, "cores/s.toml", 0, "sums.rey_ppm", "which the table holds already"),
        ({"more": {"s.toml": '[sums]\nree_ppm = ["la_ppm", "y_ppm"]\n'}}, "cores/s.toml", 0, "sums.ree_ppm", "y_ppm, which the table has not"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_refused_where_it_is_wrong(changed, file, row, column, says):
    found = refusals(**changed)
    assert any(refusal[:3] == (file, row, column) and re.search(says, refusal.reason) for refusal in found), found


def samples_of(**files):
    tables = read_core_tables(Given({name.replace("_", "."): text for name, text in files.items()}), ["dy", "gd"], IntakeSettings())
    assert not [refusal for part in tables for refusal in part.refusals]
    return tables


def test_rows_that_are_kept_become_samples_of_their_own_at_the_same_place():
    keep = f'{ON_SAMPLE}unmatched = "keep"\n'
    tables = read_core_tables(Given({**SOUND, "c.csv": CHEMISTRY + "B,0.5,1,30,33\n", "c.toml": keep}), ["dy", "gd", "rey"], IntakeSettings())
    assert not [refusal for part in tables for refusal in part.refusals]
    own, other = tables if tables[0].name == "cores/c.csv" else tables[::-1]
    assert own.rows.tolist() == [4]
    assert own.numbers["longitude_deg"].tolist() == [153.7]
    assert np.isnan(own.numbers["rey_ppm"]).all()
    assert other.numbers["dy_ppm"].tolist() == pytest.approx([40, np.nan, 30], nan_ok=True)


def test_a_limit_of_one_table_is_not_that_of_another():
    """The common limit of the chemistry censors the chemistry; the total of the other table, far below 50 or not, stays as it is."""
    limited = "core_id,from_m,to_m,dy_ppm,gd_ppm,detection_limit_ppm\nA,0,0.5,40,44,50\nB,0,0.5,60,63,50\n"
    files = {**SOUND, "s.csv": MAIN.replace("900", "20"), "c.csv": limited}
    (found,) = read_core_tables(Given(files), ["dy", "gd", "rey"], IntakeSettings())
    assert found.numbers["rey_ppm"].tolist() == [20, 800, 700]
    assert "rey_censored_ppm" not in found.numbers
    assert found.numbers["dy_ppm"].tolist() == pytest.approx([25, np.nan, 60], nan_ok=True)


# --- names and units -----------------------------------------------------------------------------------------------------------------------------


def one_table(header, cell, notes=""):
    text = f"core_id,longitude_deg,latitude_deg,from_m,to_m,dy_ppm,gd_ppm,{header}\nA,153.6,21.9,0,1,40,44,{cell}\n"
    files = {"s.csv": text, **({"s.toml": notes} if notes else {})}
    return read_core_tables(Given(files), ["dy", "gd"], IntakeSettings())[0]


@pytest.mark.parametrize(
    ("header", "cell", "notes", "column", "value"),
    [
        ("ΣREY (ppm)", "900", "", "rey_ppm", 900),
        ("TREY [wt%]", "0.09", "", "rey_ppm", 900),
        ("Total REE+Y (mg/kg)", "900", "", "rey_ppm", 900),
        ("ΣREE (ppm)", "700", "", "ree_ppm", 700),
        ("ΣREE (ppm)", "900", '[columns]\nrey_ppm = "ΣREE (ppm)"\n[units]\nrey_ppm = "ppm with Y"\n', "rey_ppm", 900),
        ("ΣREO (ppm)", "1080", '[columns]\nrey_ppm = "ΣREO (ppm)"\n[oxide_per_metal]\nrey_ppm = 1.2\n', "rey_ppm", 900),
        ("総量", "0.108", '[columns]\nrey_ppm = "総量"\n[units]\nrey_ppm = "wt% REO"\n[oxide_per_metal]\nrey_ppm = 1.2\n', "rey_ppm", 900),
        ("全希土類", "900", '[columns]\nrey_ppm = "全希土類"\n[units]\nrey_ppm = "ppm"\n', "rey_ppm", 900),
    ],
)
def test_a_sum_of_rare_earths_is_known_by_its_names(header, cell, notes, column, value):
    found = one_table(header, cell, notes)
    assert found.refusals == []
    assert found.numbers[column][0] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("header", "notes", "says"),
    [
        ("ΣREE (ppm)", '[columns]\nrey_ppm = "ΣREE (ppm)"\n', "sum without yttrium by its name, which is ree_ppm"),
        ("ΣREO (ppm)", '[columns]\nrey_ppm = "ΣREO (ppm)"\n', "sum of oxides, which no constant turns into metals"),
        ("ΣREY (ppm)", '[columns]\nrey_ppm = "ΣREY (ppm)"\n[oxide_per_metal]\nrey_ppm = 1.2\n', "is no sum of oxides"),
        ("ΣREY", '[columns]\nrey_ppm = "ΣREY"\n', "says no unit"),
        ("ΣREY (ppm)", '[columns]\nrey_ppm = "ΣREY (ppm)"\n[units]\nrey_ppm = "wt%"\n', "one unit by its name and another"),
        ("ΣREY (ppm)", "[oxide_per_metal]\nrey_ppm = 1.2\n", r"which \[columns\] does not map"),
    ],
)
def test_a_sum_that_may_be_another_is_refused(header, notes, says):
    found = one_table(header, "900", notes)
    assert found.unusable
    assert re.search(says, found.refusals[0].reason)


def test_parts_are_added_up_where_both_are_given():
    text = "core_id,longitude_deg,latitude_deg,from_m,to_m,dy_ppm,gd_ppm,ree_ppm,y_ppm\nA,153.6,21.9,0,1,40,44,700,200\nA,153.6,21.9,1,2,40,44,700,\n"
    files = {"s.csv": text, "s.toml": '[sums]\nrey_ppm = ["ree_ppm", "y_ppm"]\n'}
    (found,) = read_core_tables(Given(files), ["dy", "gd", "rey"], IntakeSettings())
    assert found.numbers["rey_ppm"].tolist() == pytest.approx([900, np.nan], nan_ok=True)
    assert found.conversions().tolist() == ["rey_ppm = ree_ppm + y_ppm", ""]


@pytest.mark.parametrize(("at", "from_m", "to_m"), [("top", 2.95, 2.97), ("middle", 2.94, 2.96), ("bottom", 2.93, 2.95)])
def test_a_name_with_a_depth_becomes_core_and_interval(at, from_m, to_m):
    text = "Sample,longitude_deg,latitude_deg,dy_ppm,gd_ppm\nKR13-02 PC05 2.95,153.6,21.9,40,44\n"
    form = f'[columns]\nsample_id = "Sample"\n[split]\nsample_id = "{{core_id}} {{at_m}}"\n[interval]\nat = "{at}"\nlength_m = 0.02\n'
    (found,) = samples_of(s_csv=text, s_toml=form)
    assert found.text["core_id"][0] == "KR13-02 PC05"
    assert (found.numbers["from_m"][0], found.numbers["to_m"][0]) == (from_m, to_m)


@pytest.mark.parametrize(
    ("notes", "cell", "says"),
    [
        ('[split]\nsample_id = "{core_id} {at_m}"\n', "PC05", "has not the form"),
        ('[split]\nsample_id = "{core_id}{at_m}"\n', "PC05 1", "is no form of a cell"),
        ('[split]\nsample_id = "{colour} {at_m}"\n', "PC05 1", r"is no form of a cell: our names of columns \(colour\)"),
        ('[split]\nsample_id = "{core_id} {at_m}"\n', "PC05 1", r"samples have one depth \(at_m\) and no interval"),
        ('[split]\nsample_id = "{core_id} {at_m}"\n[interval]\nat = "middle"\n', "PC05 1", "needs the length of a sample once"),
        ('[split]\nsample_id = "{core_id} {from_m}"\n[interval]\nat = "middle"\nlength_m = 1.0\n', "PC05 1", "has from_m. Remove the key"),
        ('[interval]\nat = "centre"\n', "PC05 1", "known keys are at, length_m"),
    ],
)
def test_a_name_that_cannot_be_parted_is_refused(notes, cell, says):
    text = f"sample_id,longitude_deg,latitude_deg,dy_ppm,gd_ppm\n{cell},153.6,21.9,40,44\n"
    tables = read_core_tables(Given({"s.csv": text, "s.toml": notes}), ["dy", "gd"], IntakeSettings())
    assert any(re.search(says, refusal.reason) for part in tables for refusal in part.refusals)


# --- oxides of a group ---------------------------------------------------------------------------------------------------------------------------


def test_the_setting_for_oxides_lies_between_the_patterns_of_shale_with_and_without_cerium():
    shale = {**SHALE_PPM, "y": 27.0}  # Taylor & McLennan 1985
    assert set(shale) == GROUPS["rey"]
    with_cerium, without = oxide_per_group(shale), oxide_per_group({name: grade for name, grade in shale.items() if name != "ce"})
    assert (round(with_cerium, 3), round(without, 3)) == (1.204, 1.189)
    assert without < 1.20 < with_cerium


def test_every_group_has_a_name_of_its_own_in_both_languages():
    for group in GROUPS:
        name = element_name(group)
        assert symbol_of(group) == f"Σ{group.upper()}"
        assert name["en"].endswith(f"(Σ{group.upper()})")
        assert name["ja"].endswith(f"（Σ{group.upper()}）")
    assert element_name("rey") == {"en": "Total rare earths and Y (ΣREY)", "ja": "全希土類＋Y（ΣREY）"}


def test_the_oxides_of_a_group_follow_the_pattern_of_the_samples_that_carry_all_of_it(tmp_path):
    """Two samples carry every member, with equal mass; a third lacks one and counts for nothing."""
    members = sorted(GROUPS["rey"])
    rows = []
    for number, (weight, complete) in enumerate([(1.0, True), (3.0, True), (9.0, False)]):
        grades = {f"{member}_ppm": weight * (1 + at) for at, member in enumerate(members)}
        total = sum(grades.values())
        if not complete:
            grades["y_ppm"] = ""
        row = {"core_id": "A", "longitude_deg": 153.8, "latitude_deg": 22.0, "from_m": number, "to_m": number + 1}
        rows.append({**row, **grades, "rey_ppm": total})
    raw = write_assessment(tmp_path / "raw", {"s.csv": table(rows).encode()}, cell_m="10000.0")
    given = read_settings(raw / "assessment.toml")
    floor = seafloor.run(listed(BathymetryFiles, raw, ".nc"), given.region, given.grid)
    found = composites.run(read_samples(raw), floor, given.region, given.composites, given.density, given.elements)
    weights = {member: 1.0 + at for at, member in enumerate(members)}
    expected = sum(oxide_per_element(member) * weight for member, weight in weights.items()) / sum(weights.values())
    assert found.oxide_per_metal("rey") == pytest.approx(expected, rel=1e-12)
    assert found.group_oxides["rey"]["samples"] == 2
    assert found.oxide_per_metal("dy") == oxide_per_element("dy")


def test_rare_earths_that_fall_short_of_their_total_are_mentioned(tmp_path):
    members = {f"{member}_ppm": 10.0 for member in GROUPS["rey"]}
    place = {"core_id": "A", "longitude_deg": 153.8, "latitude_deg": 22.0}
    rows = [{**place, "from_m": at, "to_m": at + 1, **members, "rey_ppm": total} for at, total in enumerate((150.0, 152.0, 180.0))]
    said = read_samples(write_assessment(tmp_path / "raw", {"s.csv": table(rows).encode()})).warnings
    (line,) = [line for line in said if line.startswith("rey_ppm is more than its 15 members add up to in 1 sample")]
    assert "row 4: they are 0.833 of it" in line
    greater = [{**rows[0], "rey_ppm": 140.0}]
    with pytest.raises(RowsRefused, match="is yttrium not counted in the total"):
        read_samples(write_assessment(tmp_path / "other", {"s.csv": table(greater).encode()}))


# --- a whole build -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_steps_of_the_guide_lead_from_the_tables_to_every_product(tmp_path):
    """Three tables, no density, ΣREY assessed as a group: one build, and every page says what was assumed."""
    quick = {"cell_m": "10000.0", "layer_m": "5.0", "folds": "4", "realisations": "20", "checks": "false"}
    raw = write_assessment(tmp_path / "raw", supplement(ENGLISH, english(survey_rows())), **quick)
    processed, maps = tmp_path / "processed", tmp_path / "maps"
    for folder in (processed, maps):
        folder.mkdir()
    folders = ["--raw", raw, "--processed", processed, "--maps", maps, "--links", tmp_path / "links"]
    command = [sys.executable, "-m", "pipeline", "scan", *folders, "--", "make", "products"]
    done = subprocess.run(command, cwd=ROOT, env=CLEAN, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    samples, tonnage = Samples.read(processed / "samples.parquet"), Tonnage.read(processed / "tonnage.csv").frame
    assert samples.frame["rey_ppm"].notna().all()
    assert any("carry no density" in line for line in samples.warnings)
    rey = tonnage[tonnage["element"] == "rey"]
    assert set(rey["statistic"]) >= {"kriged", "mean", "p10", "p90"}
    assert np.allclose(rey["oxide_t"], 1.2 * rey["metal_t"], rtol=1e-9, equal_nan=True)
    found = PublishedMethod.read(processed / "published_method.json")
    assert set(found.content["elements"]) == {"rey", "dy", "gd"}
    assert (maps / "grade_rey.html").is_file()
    pages = {path.name: path.read_text(encoding="utf-8") for path in maps.glob("*.html")}
    for name, (english_words, japanese_words) in {
        "report.html": ("No sample carries a density", "密度の測定値がなく"),
        "index.html": ("Total rare earths and Y (ΣREY)", "全希土類＋Y（ΣREY）"),
        "grade_rey.html": ("assumed in the settings, not measured", "設定値（実測なし）"),
    }.items():
        assert english_words in pages[name], name
        assert japanese_words in pages[name], name
    assert "The published method on these cores" in pages["report.html"]
