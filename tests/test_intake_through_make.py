"""Bad input through make: refused with exit code and one message while the last good products stay, or the products of its clean twin."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from assess import with_settings
from bad_input import contents
from conftest import write_tiny

from pipeline.artefacts import FROM_HISTORY

ROOT = Path(__file__).parents[1]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "LINKS"))}
TELL_OF_FILES = {"samples.parquet", "provenance.json", "table1.json", "report.html", "index.html"}
"""Products that say how a value was written, or name inputs by their hash."""


class Survey:
    """A small assessment and what make says of it."""

    def __init__(self, folder):
        self.raw = write_tiny(folder / "raw")
        settings = (self.raw / "assessment.toml").read_text(encoding="utf-8")
        fewer = with_settings(settings, realisations="10", checks="false", layer_m="5.0", folds="4")
        (self.raw / "assessment.toml").write_text(fewer, encoding="utf-8")
        self.processed, self.maps, self.links = folder / "processed", folder / "maps", folder / "links"
        self.table = self.raw / "cores" / "reference_survey.csv"
        self.sound = self.table.read_bytes()

    def make(self):
        folders = ["--raw", self.raw, "--processed", self.processed, "--maps", self.maps, "--links", self.links]
        command = [sys.executable, "-m", "pipeline", "scan", *folders, "--", "make", "-j2", "products"]
        return subprocess.run(command, cwd=ROOT, env=CLEAN, capture_output=True, text=True, timeout=600, check=False)

    def products(self):
        found = {**contents(self.processed), **contents(self.maps)}
        return {name: content for name, content in found.items() if not name.startswith(".")}


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    survey = Survey(tmp_path_factory.mktemp("through_make"))
    built = survey.make()
    assert built.returncode == 0, built.stderr
    return survey


BAD = {
    "a grade": (lambda text: text.replace(b",0.0,0.2,16.2,", b",0.0,0.2,sixteen,", 1), "row 2, dy_ppm = 'sixteen': is no number"),
    "an encoding": (lambda text: text.replace(b"computer-drawn", "Muñoz".encode("latin-1"), 1), "is no UTF-8 text, nor surely CP932"),
    "a separator": (lambda text: text.replace(b",", b";", 3), "separator|cells where the header has|column is missing"),
    "a unit": (lambda text: text.replace(b"dy_ppm", b"Dy", 1), "column 'Dy' says no unit"),
    "a position": (lambda text: text.replace(b",153.", b",53.", 1), "outside the bathymetry"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_a_refused_file_leaves_the_last_good_products(survey, name):
    change, says = BAD[name]
    good = survey.products()
    survey.table.write_bytes(change(survey.sound))
    raw = contents(survey.raw)
    try:
        refused = survey.make()
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
        assert "error: " in refused.stderr
        assert re.search(says, refused.stderr), refused.stderr
        left = survey.products()
        rows = list(csv.DictReader(left.pop("rejected.csv").decode().splitlines()))
        assert rows
        assert {row["file"] for row in rows} == {"cores/reference_survey.csv"}
        assert left == {name: content for name, content in good.items() if name != "rejected.csv"}
        assert contents(survey.raw) == raw
    finally:
        survey.table.write_bytes(survey.sound)


def disguised(sound):
    """The table as a Japanese spreadsheet may save it: CP932, semicolons, decimal commas, full-width digits, centimetres, percent, elevations."""
    header, *rows = list(csv.reader(sound.decode().splitlines()))
    names = {"from_m": "from_cm", "to_m": "To (cm)", "dy_ppm": "Dy (wt%)", "water_depth_m": "elevation_m", "note": "備考"}
    out = [[names.get(column, column) for column in header]]
    for number, row in enumerate(rows):
        cells = dict(zip(header, row, strict=True))
        for column, factor in (("from_m", 100), ("to_m", 100), ("dy_ppm", Decimal("0.0001")), ("water_depth_m", -1)):
            cells[column] = f"{Decimal(cells[column]) * factor:f}"
        cells = {column: value.replace(".", ",") if column != "core_id" else value for column, value in cells.items()}
        if number % 3 == 0:
            cells["gd_ppm"] = "".join(chr(ord(character) + 0xFEE0) for character in cells["gd_ppm"])
        out.append([cells[column] for column in header])
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(out)
    return text.getvalue().encode("cp932")


@pytest.mark.slow
def test_a_disguised_survey_gives_the_products_of_its_clean_twin_and_the_next_build_heals(survey):
    good = {**survey.products(), "rejected.csv": b"file,row,column,value,reason\n"}
    survey.table.write_bytes(disguised(survey.sound))
    try:
        built = survey.make()
    finally:
        survey.table.write_bytes(survey.sound)
    assert built.returncode == 0, built.stderr
    for what in (
        "was read as CP932",
        "dy_ppm from wt%",
        "from_m from cm",
        "water_depth_m from m up",
        "gd_ppm from full-width characters, decimal comma",
    ):
        assert what in built.stdout, built.stdout
    found = survey.products()
    assert found.keys() == good.keys()
    assert {name for name in good if found[name] != good[name]} <= TELL_OF_FILES | {*FROM_HISTORY}
    assert survey.make().returncode == 0
    again = survey.products()
    assert {name for name in good if again[name] != good[name]} == {*FROM_HISTORY}
