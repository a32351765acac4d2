"""Bad core tables: each case equals its clean twin, or is refused in words that say where, what and how to cure it."""

from __future__ import annotations

import csv
import io
import math
import os
import re

import pytest
from bad_input import Case, Given, sound_csv, sound_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import csv_text

from pipeline.config import IntakeSettings
from pipeline.intake.core_tables import read_core_tables
from pipeline.intake.refusals import message

CSV = sound_csv()
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1000"))


def renamed(**columns):
    """The sound survey with other names in its header."""
    header, rest = CSV.split("\n", 1)
    return ",".join(columns.get(name, name) for name in header.split(",")) + "\n" + rest


def changed(column, write, header=None):
    """The sound survey with one column written otherwise."""
    rows = [{**row, column: write(row[column])} for row in sound_rows()]
    text = csv_text(rows)
    return text if header is None else re.sub(rf"\b{column}\b", lambda _: header, text, count=1)


def cell(row, column, value):
    """The sound survey with one cell changed."""
    rows = sound_rows()
    rows[row - 2][column] = value
    return csv_text(rows)


def full_width(value):
    return "".join(chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in str(value))


def semicolons(text=CSV, mark="."):
    """With semicolons, and a decimal mark in every number."""
    without = text.replace('"hand, logged"', "hand logged")
    return re.sub(r"(?<=\d)\.(?=\d)", mark, without.replace(",", ";"))


PLAIN_NOTE = {"survey.csv": CSV.replace('"hand, logged"', "hand logged")}


def one(name, content, refusal=None, **more):
    """A case of one file."""
    return Case(name, {"survey.csv": content}, refusal, **more)


def with_toml(name, content, toml, refusal=None, **more):
    return Case(name, {"survey.csv": content, "survey.toml": toml}, refusal, **more)


ENCODINGS = [
    one("UTF-8 with BOM", "\ufeff" + CSV),
    one("CP932", CSV.replace("hand, logged", "海底の泥").encode("cp932"), twin={"survey.csv": CSV.replace("hand, logged", "海底の泥")}),
    one("CP932 half-width katakana", CSV.replace("hand", "ｺｱﾁｭｳ").encode("cp932"), twin={"survey.csv": CSV.replace("hand", "ｺｱﾁｭｳ")}),
    one("Latin-1", CSV.replace("hand", "Muñoz").encode("latin-1"), r"line 2, byte \d+ \(F1 6F\) is no UTF-8 text, nor surely CP932"),
    one("Latin-1 accent before a letter", CSV.replace("hand", "Pétr").encode("latin-1"), "no UTF-8 text, nor surely CP932"),
    one("Windows-1252 dash", CSV.replace("hand", "0\u20135 m").encode("cp1252"), "no UTF-8 text, nor surely CP932"),
    one("UTF-16 with BOM", CSV.encode("utf-16"), "is text in UTF-16.* Save the file as CSV UTF-8"),
    one("UTF-16 without BOM", CSV.encode("utf-16-le"), "holds NUL bytes .*no text table. Save the file as CSV UTF-8"),
    one("EUC-JP", CSV.replace("hand", "海底").encode("euc-jp"), "UTF-8"),
    one(
        "truncated UTF-8",
        CSV.replace("hand, logged", "海底").encode()[: CSV.encode().index(b"hand") + 2],
        r"\(E6 B5\) is no UTF-8 text, nor surely CP932",
    ),
    one("UTF-8 with a broken byte", CSV.replace("hand, logged", "海底").encode()[:-4] + b"\x95" + b'"\n', "is no UTF-8 text, nor surely CP932"),
    one("NUL bytes", CSV.replace("40.5", "40\x005", 1), r"NUL bytes \(first in line 2\)"),
    one("Excel workbook called .csv", b"PK\x03\x04" + b"\0" * 40, "is an Excel workbook or a zip archive.* Save the file as CSV UTF-8"),
    one("old Excel workbook called .csv", b"\xd0\xcf\x11\xe0" + b"\0" * 40, "is an Excel workbook of the old kind"),
    one("PDF called .csv", b"%PDF-1.7\n", "is a PDF"),
    Case("Excel workbook", {"survey.csv": CSV, "other.xlsx": b"PK\x03\x04"}, r"cores/other.xlsx is a spreadsheet. Save the sheet as CSV UTF-8"),
    Case("tab-separated .tsv", {"survey.csv": CSV, "other.tsv": "a\tb\n"}, r"cores/other.tsv is not read for its name. Rename it to .csv"),
    Case("text file", {"survey.csv": CSV, "notes.txt": "x"}, "cores/notes.txt is not read for its name"),
    with_toml(
        "CP932 declared", CSV.replace("hand", "Pé").encode("latin-1"), "encoding = 'utf-8'\n", "is no UTF-8 text.*correct encoding in its .toml"
    ),
    with_toml(
        "CP932 declared and meant",
        CSV.replace("hand, logged", "亜A").encode("cp932"),
        "encoding = 'cp932'\n",
        twin={"survey.csv": CSV.replace("hand, logged", "亜A")},
    ),
]

FORMS = [
    one("semicolons", semicolons(), twin=PLAIN_NOTE),
    one("tabs", CSV.replace('"hand, logged"', "hand logged").replace(",", "\t"), twin=PLAIN_NOTE),
    one("semicolons and decimal commas", semicolons(mark=","), twin=PLAIN_NOTE),
    one("tabs and decimal commas", semicolons(mark=",").replace(";", "\t"), twin=PLAIN_NOTE),
    one(
        "semicolons, commas and points mixed", semicolons(mark=",").replace("40,5", "40.5", 1), r"gd_ppm|dy_ppm|from_m|is no number", twin=PLAIN_NOTE
    ),
    one("quoted decimal comma between commas", cell(3, "dy_ppm", "40,5"), "row 3, dy_ppm = '40,5': is no number", rejected=((3, "dy_ppm"),)),
    one("thousands", cell(3, "water_depth_m", "5,700"), "its comma may part thousands or decimals", rejected=((3, "water_depth_m"),)),
    one(
        "semicolons and commas that may be thousands",
        "core_id;longitude_deg;latitude_deg;from_m;to_m;dy_ppm;gd_ppm\nA;153;22;0;1;1,234;2,345\n",
        "may part thousands or decimals",
    ),
    with_toml(
        "decimal comma declared",
        "core_id;longitude_deg;latitude_deg;from_m;to_m;dy_ppm;gd_ppm\nA;153;22;0;1;1,234;2,345\n",
        "decimal = ','\n",
        twin={"survey.csv": "core_id,longitude_deg,latitude_deg,from_m,to_m,dy_ppm,gd_ppm\nA,153,22,0,1,1.234,2.345\n"},
    ),
    with_toml(
        "point where the comma is declared",
        "core_id;longitude_deg;latitude_deg;from_m;to_m;dy_ppm;gd_ppm\nA;153;22;0;1;1.234;2,345\n",
        "decimal = ','\n",
        "row 2, dy_ppm = '1.234': has a point or a second comma where the decimal mark is a comma",
    ),
    one("CRLF", CSV.replace("\n", "\r\n")),
    one("CR alone", CSV.replace("\n", "\r")),
    one("mixed line ends", CSV.replace("\n", "\r\n", 3)),
    one("no line end at the end", CSV.rstrip("\n")),
    one("blank lines", CSV.replace("\n", "\n\n")),
    one("rows of separators only", CSV + ",,,,,,,,,,\n"),
    one("empty columns to the right", "\n".join(line + ",,," for line in CSV.splitlines()) + "\n"),
    one(
        "values in a column without a name",
        "\n".join(f"{line},{'' if n == 0 else 7}" for n, line in enumerate(CSV.splitlines())),
        "column 12 holds values .'7'. but has no name",
    ),
    one("sep= line of Excel", "sep=;\n" + semicolons(), twin=PLAIN_NOTE),
    one("quoted everything", re.sub(r"[^,\n]+", lambda found: f'"{found[0]}"', CSV.replace('"hand, logged"', "hand logged")), twin=PLAIN_NOTE),
    one("line break inside quotes", CSV.replace("hand, logged", "hand\nlogged"), twin={"survey.csv": CSV.replace("hand, logged", "hand\nlogged")}),
    one("unbalanced quotes", CSV.replace('"hand, logged"', '"hand"x', 1), "is no readable CSV: .* Check its quotes"),
    one("quote that never ends", CSV.replace('"hand, logged"', '"hand, logged', 1).rstrip().rstrip('"'), "quotes|cells where"),
    one(
        "a cell too few",
        CSV.replace("A,153.6,", "A,153.6", 1),
        "row 2: 10 cells where the header has 11. Is a separator missing",
        rejected=((2, ""),),
    ),
    one("a cell too many", CSV.replace("A,153.6,", "A,x,153.6,", 1), "row 2: 12 cells where the header has 11", rejected=((2, ""),)),
    one("a column twice", CSV.replace("gd_ppm", "dy_ppm", 1), "row 1: column dy_ppm stands there twice"),
    one("a column twice by another name", renamed(gd_ppm="Dy (ppm)"), "columns 'dy_ppm' and 'Dy .ppm.' both give dy_ppm. Remove one"),
    one("empty", "", "is empty; the first row must name the columns"),
    one("blank", "\n\n", "is empty; the first row must name the columns"),
    one("header only", CSV.splitlines()[0] + "\n", "no usable row is left"),
    Case("header only beside a survey", {"survey.csv": CSV, "new.csv": CSV.splitlines()[0] + "\n"}),
    one("no header", CSV.split("\n", 1)[1], "the column is missing; add it"),
    one("a title above the header", "Table S1\n" + CSV, "column is missing|cells where the header has"),
    with_toml("a title above the header, declared", "Table S1\n" + CSV, "header_row = 2\n"),
    with_toml("a row of units, declared", CSV.replace("\n", "\n,deg,deg,m,m,m,m,ppm,ppm,t/m3,\n", 1), "skip_rows = [2]\n"),
    one("a row of units", CSV.replace("\n", "\n,deg,deg,m,m,m,m,ppm,ppm,t/m3,\n", 1), "row 2, longitude_deg = 'deg': is no position"),
    one("the header once more", CSV + CSV.splitlines()[0] + "\n", "row 8, dy_ppm = 'dy_ppm': is no number"),
    one("separator that could be two", "core_id;a,from_m\n", "column is missing|separator may be"),
    with_toml("merged cells, declared", re.sub(r"(?m)^A,(.*)\nA,(.*)\nA,", r"A,\1\n,\2\n,", CSV), "fill_down = ['core_id']\n"),
    one("merged cells", re.sub(r"(?m)^A,(.*)\nA,", r"A,\1\n,", CSV), "row 3, core_id = '': is empty; every row needs the id of its core"),
]

NUMBERS = [
    one("full-width digits", changed("dy_ppm", full_width)),
    one("full-width header", renamed(dy_ppm=full_width("dy_ppm"))),
    one("minus sign of typography", cell(3, "dy_ppm", "\N{MINUS SIGN}3"), "row 3, dy_ppm = .*: is a negative grade", rejected=((3, "dy_ppm"),)),
    one("scientific notation", changed("dy_ppm", lambda value: f"{value:.3e}")),
    one("plus sign", changed("dy_ppm", lambda value: f"+{value}")),
    one("spaces around", changed("dy_ppm", lambda value: f"  {value} ")),
    one("no-break space", changed("dy_ppm", lambda value: f"\N{NO-BREAK SPACE}{value}\N{IDEOGRAPHIC SPACE}")),
    *(
        one(f"{value!r} as a grade", cell(3, "dy_ppm", value), r"row 3, dy_ppm = .*: is no number", rejected=((3, "dy_ppm"),))
        for value in (
            "nan",
            "NaN",
            "inf",
            "-inf",
            "1e400",
            "NA",
            "N/A",
            "-",
            "#DIV/0!",
            "#N/A",
            "null",
            "None",
            "12 ppm",
            "~12",
            "12?",
            "12-May",
            "1 234",
            "1'234",
            "1_000",
            "0x1F",
            "40.5¹",
            "①",
            "½",
            "١٢",
            "4O.5",
            "40..5",
            "--5",
            "1e",
            "TRUE",
            "=1+1",
            "１２３年",
        )
    ),
    one("not determined or not detected", cell(3, "dy_ppm", "n.d."), "may be not detected or not determined", rejected=((3, "dy_ppm"),)),
    one("an upper bound", cell(3, "dy_ppm", ">1000"), "gives a bound, not a grade", rejected=((3, "dy_ppm"),)),
    one("less than nothing", cell(3, "dy_ppm", "<"), "gives no detection limit after <", rejected=((3, "dy_ppm"),)),
    one("less than a negative", cell(3, "dy_ppm", "<-1"), "gives no detection limit after <", rejected=((3, "dy_ppm"),)),
    one("below an unknown limit", cell(3, "dy_ppm", "<LOD"), "is below a detection limit that is not given", rejected=((3, "dy_ppm"),)),
    one("a negative grade", cell(3, "dy_ppm", "-3"), "is a negative grade", rejected=((3, "dy_ppm"),)),
    one(
        "a grade in ppb",
        cell(3, "dy_ppm", "40500"),
        "is more than 10000 ppm, which no mud holds of one rare earth.* Is the unit ppm",
        rejected=((3, "dy_ppm"),),
    ),
    one("a limit in ppb", cell(3, "dy_ppm", "<40500"), "is more than 10000 ppm", rejected=((3, "dy_ppm"),)),
    one("more than pure", csv_text([{**row, "zn_ppm": 1_000_001} for row in sound_rows()]), "is more than 1e.06 ppm can be"),
    one("density in kg/m3", changed("dry_bulk_density_t_m3", lambda value: 1000 * value), r"is outside 0.1 to 4 t/m3 .* Is it kg/m3"),
    one("density zero", cell(6, "dry_bulk_density_t_m3", "0"), "is outside 0.1 to 4", rejected=((6, "dry_bulk_density_t_m3"),)),
]

UNITS = [
    one("mg/kg in the header", renamed(dy_ppm="Dy (mg/kg)")),
    one("mg kg-1 in the header", renamed(dy_ppm="Dy [mg kg⁻¹]")),
    one("micrograms per gram", renamed(dy_ppm="Dy (µg/g)", gd_ppm="gd_ug_g")),
    one("weight percent", changed("dy_ppm", lambda value: f"{value / 1e4:.5f}", "Dy (wt%)")),
    one("weight percent in our style", changed("dy_ppm", lambda value: f"{value / 1e4:.5f}", "dy_wt_pct")),
    one("parts per billion", changed("dy_ppm", lambda value: f"{value * 1e3:.0f}", "dy_ppb")),
    one("oxide", changed("dy_ppm", lambda value: repr(value * 1.1476830769230769), "Dy2O3 (ppm)")),
    one("oxide in weight percent", changed("gd_ppm", lambda value: repr(value * 1.152611718230068 / 1e4), "gd2o3_wt_pct")),
    one("centimetres", changed("from_m", lambda value: f"{100 * value:g}", "from_cm").replace("to_m", "to_m")),
    one("millimetres in brackets", changed("to_m", lambda value: f"{1000 * value:g}", "To (mm)")),
    one("kilometres of water", changed("water_depth_m", lambda value: f"{value / 1000:g}", "Water depth (km)")),
    one("metres positive up", changed("water_depth_m", lambda value: -value, "elevation_m")),
    one("density in g/cm3", renamed(dry_bulk_density_t_m3="dry_bulk_density_g_cm3")),
    one("density in kg/m3 by its name", changed("dry_bulk_density_t_m3", lambda value: f"{1000 * value:g}", "Dry bulk density (kg/m3)")),
    one(
        "an elevation above the sea", changed("water_depth_m", str, "elevation_m"), r"is negative; water depth is metres, positive down \(elevation_m"
    ),
    one("an unknown unit", renamed(dy_ppm="Dy (counts)"), "column 'Dy .counts.' has the unknown unit 'counts'; known are ppm, mg/kg"),
    one("no unit", renamed(dy_ppm="Dy"), "column 'Dy' says no unit. Rename the column to dy_ppm"),
    one("an oxide without a unit", renamed(dy_ppm="Dy2O3"), "column 'Dy2O3' says no unit"),
    one("depth without a unit", renamed(from_m="from"), "column 'from' says no unit. Rename the column to from_m"),
    one("density without a unit", renamed(dry_bulk_density_t_m3="Dry bulk density"), "says no unit"),
    one("negative depths", changed("from_m", lambda value: -value), r"lies above the seafloor; .* \[units\] from_m = .m up."),
    with_toml(
        "depths counted upwards, declared",
        csv_text([{**row, "from_m": -row["from_m"], "to_m": -row["to_m"]} for row in sound_rows()]).replace("from_m,to_m", "Top,Bottom"),
        '[columns]\nfrom_m = "Top"\nto_m = "Bottom"\n[units]\nfrom_m = "m up"\nto_m = "m up"\n',
    ),
    with_toml("a column map", renamed(core_id="Site", dy_ppm="Dysprosium"), '[columns]\ncore_id = "Site"\ndy_ppm = "Dysprosium"\n'),
    with_toml(
        "a column map with units",
        changed("dy_ppm", lambda value: repr(value * 1.1476830769230769 / 1e4), "Dysprosium oxide"),
        '[columns]\ndy_ppm = "Dysprosium oxide"\n[units]\ndy_ppm = "wt% Dy2O3"\n',
    ),
    with_toml("units without a map", changed("from_m", lambda value: f"{100 * value:g}", "from"), '[units]\nfrom_m = "cm"\n'),
    with_toml(
        "a map to a missing column",
        CSV,
        '[columns]\ndy_ppm = "Dysprosium"\n',
        "survey.toml key columns.dy_ppm: names 'Dysprosium', which is no column of cores/survey.csv",
    ),
    with_toml(
        "a unit of a missing column",
        CSV,
        '[units]\nnd_ppm = "ppm"\n',
        "survey.toml key units.nd_ppm: gives a unit to nd_ppm, which cores/survey.csv has not",
    ),
    with_toml(
        "a unit that contradicts the name", CSV, '[units]\nfrom_m = "cm"\n', "has one unit by its name and another .cm. by .units.; correct one"
    ),
    with_toml(
        "an unknown unit, declared",
        CSV.replace("dy_ppm", "Dysprosium"),
        '[columns]\ndy_ppm = "Dysprosium"\n[units]\ndy_ppm = "ounces"\n',
        "has the unknown unit 'ounces'",
    ),
    with_toml(
        "the oxide of another element",
        CSV.replace("dy_ppm", "D"),
        '[columns]\ndy_ppm = "D"\n[units]\ndy_ppm = "wt% Gd2O3"\n',
        "the oxide of another element",
    ),
    with_toml("an unknown key", CSV, "synthetik = true\n", "survey.toml key synthetik: is unknown; known keys are synthetic, title"),
    with_toml("no TOML", CSV, "synthetic = maybe\n", "survey.toml is no valid TOML"),
    with_toml("a key of the wrong kind", CSV, "synthetic = 'yes'\n", "survey.toml key synthetic: .*boolean"),
    with_toml(
        "an unknown projection",
        renamed(longitude_deg="easting_m", latitude_deg="northing_m"),
        "crs = 'EPSG:123456'\n",
        "survey.toml key crs: crs 'EPSG:123456' is unknown",
    ),
    Case(
        "a note without its table",
        {"survey.csv": CSV, "old.toml": "synthetic = true\n"},
        "cores/old.toml describes a file cores/old.csv that is not there",
    ),
]

POSITIONS = [
    one("degrees, minutes and seconds", changed("longitude_deg", lambda value: {153.6: "153°36'00\"E", 153.7: "E153°42'0\""}[value])),
    one("degrees and decimal minutes", changed("latitude_deg", lambda _: "21°54.0'N")),
    one("Japanese degrees", changed("latitude_deg", lambda _: "北緯21度54分00秒")),
    one("spaces and a letter", changed("longitude_deg", lambda value: {153.6: "153 36 E", 153.7: "153 42 00 E"}[value])),
    one("a letter", changed("longitude_deg", lambda value: f"{value}E")),
    one(
        "minutes without a mark",
        cell(3, "longitude_deg", "153 36"),
        "may be decimal degrees or degrees and minutes",
        rejected=((3, "longitude_deg"),),
    ),
    one("sixty minutes", cell(3, "longitude_deg", "153°60'E"), "has 60 or more minutes", rejected=((3, "longitude_deg"),)),
    one("letter and sign", cell(3, "longitude_deg", "-153.6E"), "has both a sign and a letter", rejected=((3, "longitude_deg"),)),
    one("letter of the other axis", cell(3, "longitude_deg", "153.6N"), "carries the letter N.* swapped", rejected=((3, "longitude_deg"),)),
    one("a letter twice", cell(3, "longitude_deg", "E153.6°E"), "names its side twice", rejected=((3, "longitude_deg"),)),
    one("decimals twice", cell(3, "longitude_deg", "153.5°36'E"), "has decimals before its last part", rejected=((3, "longitude_deg"),)),
    one(
        "swapped",
        csv_text([{**row, "longitude_deg": 21.9, "latitude_deg": row["longitude_deg"]} for row in sound_rows()]),
        "is no latitude .* swapped",
    ),
    one("no longitude", cell(5, "longitude_deg", "400"), "is no longitude", rejected=((5, "longitude_deg"),)),
    one(
        "far from the bathymetry",
        csv_text([{**row, "longitude_deg": row["longitude_deg"] - 100} for row in sound_rows()]),
        "is outside the bathymetry",
    ),
    one("empty position", cell(3, "latitude_deg", ""), "row 3, latitude_deg = '': is empty", rejected=((3, "latitude_deg"),)),
    one("negative water depth", changed("water_depth_m", lambda value: -value), "is negative; water depth is metres, positive down"),
    one("water depth in centimetres", changed("water_depth_m", lambda value: 100 * value), "is deeper than any water"),
    one("a core in two places", cell(3, "longitude_deg", "153.65"), "a core has one position", rejected=((3, "longitude_deg"),)),
]

INTERVALS = [
    one("top below bottom", cell(3, "to_m", "0.2"), "is not below from_m", rejected=((3, "to_m"),)),
    one("no thickness", cell(3, "to_m", "0.5"), "is not below from_m", rejected=((3, "to_m"),)),
    one("above the seafloor", cell(2, "from_m", "-0.1"), "lies above the seafloor", rejected=((2, "from_m"),)),
    one("deeper than the core", cell(4, "to_m", "3.5"), "is deeper than penetration_m", rejected=((4, "to_m"),)),
    one("no penetration", cell(4, "penetration_m", "0"), "is no penetration", rejected=((4, "penetration_m"), (4, "to_m"))),
    one("overlap", cell(3, "from_m", "0.3"), "overlaps", rejected=((3, "from_m"),)),
    one("repeated row", CSV + CSV.splitlines()[1] + "\n", "duplicate interval 0-0.5 m", rejected=((8, "from_m"),)),
    Case("the same file twice", {"survey.csv": CSV, "survey copy.csv": CSV}, "same file as"),
    Case("a core issued again with other values", {"survey.csv": CSV, "survey_v2.csv": cell(3, "dy_ppm", "41.5")}, "issued again|other values"),
    Case("a core in two files, one row each", {"a.csv": csv_text(sound_rows()[::2]), "b.csv": csv_text(sound_rows()[1::2])}),
]

IDS = [
    *(
        one(f"core {name!r}", CSV.replace("\nA,", f"\n{name},"), twin={"survey.csv": "\ufeff" + CSV.replace("\nA,", f"\n{name},")})
        for name in ("NA", "007", "13E02", "None", "true", "1.50", "null", "-", "南鳥島-1", "＃１", "=1+1")
    ),
    one("no core", cell(3, "core_id", ""), "row 3, core_id = '': is empty", rejected=((3, "core_id"),)),
    one("spaces around an id", CSV.replace("\nA,", "\n A ,")),
    one(
        "a column of ours",
        csv_text([{**row, "source_file": "x"} for row in sound_rows()]),
        twin={"survey.csv": csv_text([{**row, "file_source_file": "x"} for row in sound_rows()])},
    ),
]

COLLAR = ["core_id", "longitude_deg", "latitude_deg", "water_depth_m", "penetration_m"]
INTERVAL = ["core_id", "from_m", "to_m", "dy_ppm", "gd_ppm", "dry_bulk_density_t_m3", "note"]
COLLARS = csv_text(list({row["core_id"]: row for row in sound_rows()}.values()), COLLAR)
INTERVALS_CSV = csv_text(sound_rows(), INTERVAL)
PAIRS = [
    Case("a pair", {"x_collars.csv": COLLARS, "x_intervals.csv": INTERVALS_CSV}),
    Case("a pair in two layouts", {"x_collars.csv": COLLARS.replace(",", ";"), "x_intervals.csv": INTERVALS_CSV.replace("from_m", "From (m)")}),
    Case(
        "a pair with maps",
        {"x_collars.csv": COLLARS.replace("core_id", "Hole"), "x_collars.toml": '[columns]\ncore_id = "Hole"\n', "x_intervals.csv": INTERVALS_CSV},
    ),
    Case(
        "a collar twice",
        {"x_collars.csv": COLLARS + COLLARS.splitlines()[1] + "\n", "x_intervals.csv": INTERVALS_CSV},
        "a core_id stands there twice. One row per core",
    ),
    Case(
        "an interval without collar",
        {"x_collars.csv": "\n".join(COLLARS.splitlines()[:2]), "x_intervals.csv": INTERVALS_CSV},
        "has no row in cores/x_collars.csv",
    ),
    Case(
        "no core_id in a collar",
        {"x_collars.csv": COLLARS.replace("core_id", "Hole"), "x_intervals.csv": INTERVALS_CSV},
        "joined on core_id, which cores/x_collars.csv lacks",
    ),
    Case("collars alone", {"x_collars.csv": COLLARS}, "the column is missing"),
    Case(
        "a bad collar",
        {"x_collars.csv": COLLARS.replace("153.6", "east"), "x_intervals.csv": INTERVALS_CSV},
        "x_collars.csv row 2, longitude_deg = 'east': is no position",
    ),
]

CASES = [*ENCODINGS, *FORMS, *NUMBERS, *UNITS, *POSITIONS, *INTERVALS, *IDS, *PAIRS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_table_equals_its_twin_or_is_refused(case, tmp_path):
    case.check(tmp_path / "case")


def test_the_battery_is_as_large_as_it_claims():
    assert len({case.name for case in CASES}) == len(CASES) >= 120


# ------------------------------------------------------------------ what nobody thought of


def read(**files):
    """Tables of files, each value on its own."""
    return read_core_tables(Given({name.replace("_", "."): content for name, content in files.items()}), ["dy", "gd"], IntakeSettings())


NASTY = [
    "",
    "NaN",
    "1e999",
    "-0",
    "<0.5",
    "<",
    ">1",
    "1,5",
    "1.5",
    "１２",
    "٣",
    "40.5¹",
    "0x1",
    "1_0",
    '"',
    '""',
    "'",
    ";",
    "\t",
    "\r",
    "\n",
    "\0",
    "\x85",
    "\u2028",
    "153°36'E",
    "153 36 E",
    "=1+1",
    "{{7*7}}",
    "北緯21度",
    "\ufeff",
    "𝟙",
    "dy_ppm",
    "-",
    "1e-320",
    "9" * 400,
    "\N{MINUS SIGN}1",
    " 5 ",
    "5.",
    ".5",
    "+5",
]


@st.composite
def mutated(draw):
    """The sound survey with cells replaced, text put in or cut out, and bytes turned, in some encoding."""
    records = list(csv.reader(io.StringIO(CSV)))
    for _ in range(draw(st.integers(0, 4))):
        row, column = draw(st.integers(0, 6)), draw(st.integers(0, 10))
        records[row][column] = draw(st.sampled_from(NASTY) | st.text(max_size=6) | st.floats().map(repr) | st.sampled_from(records[0]))
    out = io.StringIO()
    csv.writer(out, delimiter=draw(st.sampled_from(",;\t")), lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"]))).writerows(records)
    text = out.getvalue()
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(NASTY)) + text[at + draw(st.integers(0, 3)) :]
    content = bytearray(text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "cp932", "utf-16", "latin-1"])), "replace"))
    for _ in range(draw(st.integers(0, 2))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content)


def plainly(cell):
    """What a cell says to a reader who takes no liberty."""
    if cell == "":
        return math.nan
    return float(cell) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell, re.ASCII) else None


def assert_nothing_changed_silently(table):
    """Each accepted number is what its cell says, or the row tells of a conversion; each other row is refused with a reason."""
    refused = {row for _, row, *_ in table.refusals}
    conversions = table.conversions()
    for index, row in enumerate(table.rows):
        if row in refused:
            continue
        for column, values in table.numbers.items():
            if column.endswith("_censored_ppm"):
                assert ("below detection" in conversions[index]) or not math.isfinite(values[index])
                continue
            plain = plainly(table.text[column][index])
            same = plain is not None and (values[index] == plain or (math.isnan(values[index]) and math.isnan(plain)))
            assert same or column.removesuffix("_ppm") in conversions[index], (column, table.text[column][index], values[index], conversions[index])


@settings(max_examples=EXAMPLES, deadline=None)
@given(mutated())
def test_fuzz_a_mutated_file_is_read_as_it_says_or_refused(content):
    tables = read(survey_csv=content)
    refusals = [refusal for table in tables for refusal in table.refusals]
    if refusals:
        assert all(refusal.reason and refusal.file.startswith("cores/survey.") for refusal in refusals)
        assert "refused" in message(refusals)
    for table in tables:
        if table.unusable:
            assert table.refusals
        else:
            assert_nothing_changed_silently(table)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=100))
def test_fuzz_any_bytes_are_a_table_or_a_refusal(content, side):
    for table in read(survey_csv=content, survey_toml=side):
        assert table.unusable == bool(table.refusals) or not table.unusable


@st.composite
def disguised(draw):
    """Rows, and the same rows in another outer form with its ``.toml``."""
    values = st.integers(1, 9_999)
    rows = [
        {
            "core_id": draw(st.sampled_from(["A", "007", "NA", "南-1"])),
            "longitude_deg": draw(st.integers(-179_999, 179_999)) / 1000,
            "latitude_deg": draw(st.integers(-89_999, 89_999)) / 1000,
            "from_m": top / 100,
            "to_m": (top + draw(values)) / 100,
            "dy_ppm": draw(values) / 10,
            "gd_ppm": draw(values) / 10,
        }
        for top in draw(st.lists(st.integers(0, 2_000), min_size=1, max_size=4))
    ]
    columns = draw(st.permutations(list(rows[0])))
    other = [dict(row) for row in rows]
    names = {}

    def write(column, name, change):
        names[column] = name
        for row in other:
            row[column] = change(row[column])

    if draw(st.booleans()):
        write("from_m", *draw(st.sampled_from([("from_cm", lambda v: f"{100 * v:.6g}"), ("From (mm)", lambda v: f"{1000 * v:.8g}")])))
    if draw(st.booleans()):
        write(
            "dy_ppm",
            *draw(st.sampled_from([("Dy (mg/kg)", repr), ("dy_ppb", lambda v: f"{1000 * v:.8g}"), ("dy_wt_pct", lambda v: f"{v / 1e4:.6f}")])),
        )
    if draw(st.booleans()):
        write("longitude_deg", "longitude_deg", lambda v: repr(v) if v >= 0 else f"{v + 360:.3f}")
    if draw(st.booleans()):
        write("latitude_deg", "Latitude", lambda v: f"{abs(v)!r}{'S' if v < 0 else 'N'}")
    separator = draw(st.sampled_from([",", ";", "\t"]))
    text = csv_text([{names.get(c, c): row[c] for c in columns} for row in other]).replace(",", separator)
    comma = separator != "," and draw(st.booleans())
    if comma:
        text = re.sub(r"(?<=\d)\.(?=\d)", ",", text)
    content = text.replace("\n", draw(st.sampled_from(["\n", "\r\n", "\r"]))).encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "cp932"])))
    return rows, content, "decimal = ','\n" if comma else "synthetic = false\n"


@settings(max_examples=EXAMPLES, deadline=None)
@given(disguised())
def test_fuzz_a_disguised_table_reads_as_its_twin(given_rows):
    rows, content, toml = given_rows
    (twin,), (table,) = read(survey_csv=csv_text(rows).encode()), read(survey_csv=content, survey_toml=toml.encode())
    assert [refusal[1:3] for refusal in table.refusals] == [refusal[1:3] for refusal in twin.refusals]
    assert set(table.numbers) == set(twin.numbers)
    for column, values in twin.numbers.items():
        assert table.numbers[column] == pytest.approx(values, rel=1e-12, abs=0, nan_ok=True)
