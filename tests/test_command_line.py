"""Command line: what people and Make see of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from planted import SETTINGS, cores_on_a_grid, csv_text, varied_ppm

ROOT = Path(__file__).parents[1]


def command(*arguments, options=()):
    """Run the program and give its result."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "LINKS", "PYTHON"))}
    line = [sys.executable, *options, "-m", "pipeline", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def assert_one_message(result, *words):
    """Exit code 2 and one message for the user, no traceback."""
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("error: ") == 1
    for word in words:
        assert word in result.stderr


@pytest.fixture
def scanned(plant, tmp_path):
    """Scan a planted survey and give RAW and the processed folder with lists and settings."""

    def scan(files):
        raw = plant(files)
        processed = tmp_path / "processed"
        folders = ("--raw", raw, "--processed", processed, "--maps", tmp_path / "maps", "--links", tmp_path / "links")
        result = command("scan", *folders)
        assert result.returncode == 0, result.stderr
        return raw, processed

    return scan


def samples_inputs(processed):
    lists, sections = (processed / ".lists", processed / ".settings")
    return [lists / "cores.json", lists / "bathymetry.json", *(sections / f"{name}.json" for name in ("intake", "elements", "region"))]


def test_help_names_every_stage_and_imports_nothing_heavy():
    result = command("--help", options=("-X", "importtime"))
    assert result.returncode == 0
    for stage in (path.stem for path in (ROOT / "pipeline" / "stages").glob("*.py") if path.stem != "__init__"):
        assert stage in result.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in result.stderr.splitlines() if line.startswith("import time:")}
    assert "typer" in imported
    assert imported & {"numpy", "pandas", "geopandas", "rasterio", "xarray", "numba", "scipy", "pandera", "folium"} == set()


def test_sound_survey_becomes_samples_and_an_empty_list_of_refused_rows(scanned):
    raw, processed = scanned(cores_on_a_grid(varied_ppm, side=2))
    result = command("samples", *samples_inputs(processed), "--raw", raw, "--out", processed / "samples.parquet")
    assert result.returncode == 0, result.stderr
    assert "samples.parquet" in result.stdout
    assert len(pd.read_parquet(processed / "samples.parquet", columns=["core_id"])) == 32
    assert (processed / "rejected.csv").read_text(encoding="utf-8") == "file,row,column,value,reason\n"


def test_refused_rows_end_in_one_message_and_one_file(scanned):
    rows = cores_on_a_grid(varied_ppm, side=2)
    rows[0]["dy_ppm"], rows[5]["to_m"] = "low", "0.1"
    raw, processed = scanned({"survey.csv": csv_text(rows)})
    products = {name: f"old {name}".encode() for name in ("samples.parquet", "composites.parquet", "tonnage.csv")}
    for name, content in products.items():
        (processed / name).write_bytes(content)
    result = command("samples", *samples_inputs(processed), "--raw", raw, "--out", processed / "samples.parquet")
    assert_one_message(result, "2 rows refused; nothing was built", "cores/survey.csv row 2, dy_ppm = 'low'", "cores/survey.csv row 7, to_m = '0.1'")
    assert {name: (processed / name).read_bytes() for name in products} == products
    listed = pd.read_csv(processed / "rejected.csv", dtype=str)
    assert listed[["file", "row", "column", "value"]].to_numpy().tolist() == [
        ["cores/survey.csv", "2", "dy_ppm", "low"],
        ["cores/survey.csv", "7", "to_m", "0.1"],
    ]
    assert {path.name for path in processed.iterdir() if not path.name.startswith(".")} == {*products, "rejected.csv"}


def test_unknown_input_is_named(scanned, tmp_path):
    raw, processed = scanned(cores_on_a_grid(varied_ppm, side=2))
    stray = tmp_path / "stray.txt"
    stray.write_text("x", encoding="utf-8")
    result = command("samples", *samples_inputs(processed), stray, "--raw", raw, "--out", processed / "samples.parquet")
    assert_one_message(result, "stage samples has no use for stray.txt")


def test_missing_input_is_named(scanned):
    raw, processed = scanned(cores_on_a_grid(varied_ppm, side=2))
    result = command("samples", *samples_inputs(processed)[1:], "--raw", raw, "--out", processed / "samples.parquet")
    assert_one_message(result, "stage samples needs a CoreFiles for cores, got 0")


def test_settings_with_a_mistake_end_in_one_message(plant, tmp_path):
    raw = plant(cores_on_a_grid(varied_ppm, side=2), SETTINGS.replace("cell_m", "cell"))
    result = command("scan", "--raw", raw, "--processed", tmp_path / "p", "--maps", tmp_path / "m", "--links", tmp_path / "l")
    assert_one_message(result, "assessment.toml [grid] cell: unknown key; known are")


@pytest.mark.parametrize("arguments", [("nosuch",), ("samples",), ("samples", "a.json"), ("samples", "--nosuch")])
def test_mistyped_command_line_ends_without_a_traceback(arguments):
    result = command(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "Error" in result.stderr
