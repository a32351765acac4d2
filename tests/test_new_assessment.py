"""A new assessment: from nothing, and from a table of points to maps, through make and without an edit of the program."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from pipeline.config import SECTIONS, read_settings
from pipeline.errors import CoreFileError, SettingsError
from pipeline.new_assessment import (
    DEPOSITS,
    cell_size_m,
    longitudes_in_one_piece,
    region_around,
    round_cutoffs,
    round_step_at_least,
    round_step_at_most,
    spacings_m,
    write,
)

ROOT = Path(__file__).parents[1]


def points(path, count=200, west=-117.0, south=13.0, wide=1.2, high=0.9, header="Station,Longitude,Latitude,Co (ppm),Ni (wt%)"):
    """A survey of surface samples as people hand them over: no interval, one unit in ppm and one in per cent."""
    random = np.random.default_rng(5)
    longitude, latitude = west + wide * random.random(count), south + high * random.random(count)
    shape = np.sin(6 * (longitude - west)) + np.cos(7 * (latitude - south))
    cobalt, nickel = 2000 * np.exp(0.15 * shape + 0.1 * random.normal(size=count)), 1.2 * np.exp(0.1 * shape + 0.05 * random.normal(size=count))
    turned = (longitude + 180) % 360 - 180
    rows = [f"BC{i:03d},{turned[i]:.5f},{latitude[i]:.5f},{cobalt[i]:.0f},{nickel[i]:.3f}" for i in range(count)]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path, longitude, latitude, cobalt


def make(*arguments):
    # Make's own variables must not leak in: the tests themselves run below make.
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "LINKS")}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def with_abundance(table, latitude):
    """The same table with what was weighed, richer in the north."""
    abundance_kg_m2 = np.round(4 + 20 * (latitude - 13.0) / 0.9, 1)
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    lines = [f"{row},{weighed:g}" for row, weighed in zip(rows, abundance_kg_m2, strict=True)]
    table.write_text("\n".join([f"{header},Abundance (kg/m2)", *lines]) + "\n", encoding="utf-8")
    return abundance_kg_m2


def test_two_hundred_surface_samples_run_to_maps_without_an_edit_of_the_program(tmp_path):
    table, _, latitude, cobalt = points(tmp_path / "box cores.csv")
    abundance_kg_m2 = with_abundance(table, latitude)
    survey = tmp_path / "survey 測"
    said = make("new-assessment", f"DIR={survey}", f"FROM={table}", "KIND=nodules", "ELEMENTS=co")
    assert said.returncode == 0, said.stdout + said.stderr
    assert [line.partition(":")[0] for line in said.stdout.splitlines()[-4:]] == ["next", "then", "then", "see"]
    settings = survey / "assessment.toml"
    text = settings.read_text(encoding="utf-8")
    # A person may make it faster; nothing of the program is touched.
    for was, now in (
        ("realisations = 500", "realisations = 20"),
        ("checks = true", "checks = false"),
        ("squares_realisations = 100", "squares_realisations = 10"),
        ("cell_m = 1000.0", "cell_m = 5000.0"),
        ("squares_side_m = 8000.0", "squares_side_m = 20000.0"),
    ):
        assert text.count(was) >= 1
        text = text.replace(was, now)
    settings.write_text(text, encoding="utf-8")
    folders = [f"RAW={survey}", f"PROCESSED={tmp_path / 'p'}", f"MAPS={tmp_path / 'm'}"]
    built = make("all", *folders)
    assert built.returncode == 0, built.stdout + built.stderr
    assert sorted(path.name for path in (tmp_path / "m").glob("*.html")) == ["changes.html", "grade_co.html", "index.html", "report.html"]
    with rasterio.open(tmp_path / "p" / "grade_co.tif") as raster:
        grades = raster.read(1)
    assert np.isfinite(grades).sum() > 400
    assert cobalt.min() < np.nanmin(grades) < np.nanmax(grades) < cobalt.max()
    tonnage = pd.read_csv(tmp_path / "p" / "tonnage.csv").set_index(["element", "region", "cutoff_ppm", "statistic"])
    row = tonnage.loc[("co", "all", 0.0, "kriged")]
    # Stations stand everywhere alike, so that tonnes are their mean abundance times the area, whatever layer it is spread over.
    for statistic in ("kriged", "mean"):
        told = tonnage.loc[("co", "all", 0.0, statistic)]
        assert told["dry_mud_t"] == pytest.approx(told["area_km2"] * 1e6 * abundance_kg_m2.mean() / 1000, rel=0.03)
    with rasterio.open(tmp_path / "p" / "density.tif") as raster:
        density_t_m3 = raster.read(1)
    third = density_t_m3.shape[0] // 3
    assert np.nanmean(density_t_m3[:third]) * 0.1 * 1000 == pytest.approx(4 + 20 * 5 / 6, rel=0.1)
    assert np.quantile(cobalt, 0.25) < row["grade_ppm"] < np.quantile(cobalt, 0.75)
    for page in (tmp_path / "m").glob("*.html"):
        words = re.search(r'id="words">(.*?)</script>', page.read_text(encoding="utf-8"))
        told = words[1] if words else re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"(?<![\w.\[/])mud(?![\w/]|\.\w)|泥", told, re.IGNORECASE), page.name


# ------------------------------------------------------------------ what is written


@pytest.mark.parametrize("deposit", DEPOSITS)
def test_start_from_nothing_is_valid_and_names_every_key(tmp_path, deposit):
    write(tmp_path / "a", None, ["co", "ni"], deposit)
    text = (tmp_path / "a" / "assessment.toml").read_text(encoding="utf-8")
    settings = read_settings(tmp_path / "a" / "assessment.toml")
    assert settings.elements.assessed == ["co", "ni"]
    assert settings.assessment.deposit == deposit
    for name, model in SECTIONS.items():
        part = text.partition(f"[{name}]\n")[2] if name != "assessment" else text
        keys = re.findall(r"^#? ?(\w+) = ", part.partition("\n[")[0], re.MULTILINE)
        wanted = {key for key, field in model.model_fields.items() if "not for the settings file" not in field.description}
        assert wanted <= set(keys), name
    assert all(" # " in line for line in text.splitlines() if re.match(r"#? ?\w+ = ", line))
    assert {path.relative_to(tmp_path / "a").parts[0] for path in (tmp_path / "a").rglob("*") if path.is_file()} == {
        "assessment.toml", "bathymetry", "cores", "domains", "published",
    }  # fmt: skip
    assert (tmp_path / "a" / "cores" / "new_cores" / "new_cores.csv").read_text(encoding="utf-8").count("\n") == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_proposals_follow_from_the_points_and_say_so(tmp_path):
    table, longitude, latitude, cobalt = points(tmp_path / "a.csv")
    write(tmp_path / "a", table, [], "nodules")
    text = (tmp_path / "a" / "assessment.toml").read_text(encoding="utf-8")
    given = tomllib.loads(text)
    region = given["region"]
    assert (tmp_path / "a" / "cores" / "a" / "a.csv").read_bytes() == table.read_bytes()
    for low, high, values in (("west_deg", "east_deg", longitude), ("south_deg", "north_deg", latitude)):
        margins = values.min() - region[low], region[high] - values.max()
        assert min(margins) > 0.02
        assert max(margins) < 0.06
    spacing_m, _ = spacings_m(np.column_stack([longitude, latitude]), -116.4, 13.45)
    assert 6000 < spacing_m < 8500
    assert given["grid"]["cell_m"] == 1000.0
    assert (given["grid"]["top_m"], given["grid"]["bottom_m"], given["grid"]["layer_m"]) == (0.0, 0.1, 0.1)
    assert given["elements"]["assessed"] == ["co", "ni"]
    steps = given["cutoffs"]["co_ppm"]
    assert steps[0] == 0.0
    assert np.quantile(cobalt, 0.02) < steps[1] < steps[-1] <= np.quantile(cobalt, 0.98)
    assert len(set(np.round(np.diff(steps[1:]), 6))) == 1
    assert region["bathymetry"] == "none"
    for key in ("west_deg", "cell_m", "layer_m", "assessed", "co_ppm", "bathymetry"):
        (line,) = re.findall(rf"^{key} = .*$", text, re.MULTILINE)
        assert "PROPOSAL" in line


def test_points_across_the_meridian_and_around_the_pole(tmp_path):
    table, longitude, _, _ = points(tmp_path / "a.csv", west=179.3, south=-12.0)
    write(tmp_path / "a", table, ["co"], "nodules")
    region = tomllib.loads((tmp_path / "a" / "assessment.toml").read_text(encoding="utf-8"))["region"]
    assert 179.0 < region["west_deg"] < longitude.min() < longitude.max() < region["east_deg"] < 181.0
    table, *_ = points(tmp_path / "b.csv", west=0.0, south=86.5, wide=360.0, high=3.4)
    write(tmp_path / "b", table, ["co"], "nodules")
    region = tomllib.loads((tmp_path / "b" / "assessment.toml").read_text(encoding="utf-8"))["region"]
    assert (region["west_deg"], region["east_deg"], region["north_deg"]) == (-180.0, 180.0, 90.0)


def test_intervals_of_the_table_make_layers(tmp_path):
    rows = [
        f"C{core},{150 + 0.1 * core},{20 + 0.05 * core * (-1) ** core},{top},{top + 1},{20 + core + top}" for core in range(12) for top in range(5)
    ]
    table = tmp_path / "cores.csv"
    table.write_text("core_id,longitude_deg,latitude_deg,from_m,to_m,dy_ppm\n" + "\n".join(rows) + "\n", encoding="utf-8")
    write(tmp_path / "a", table, [], "mud")
    grid = tomllib.loads((tmp_path / "a" / "assessment.toml").read_text(encoding="utf-8"))["grid"]
    assert (grid["layer_m"], grid["top_m"], grid["bottom_m"]) == (1.0, 0.0, 3.0)


@pytest.mark.parametrize(
    ("header", "options", "says"),
    [
        ("Station,Longitude,Latitude,Colour,Note", {}, "has no column that is a grade"),
        ("Station,Longitude,Latitude,Co,Ni", {"elements": ["co"]}, "column 'Co' says no unit. Say it of all such columns: UNIT=ppm"),
        ("Station,Longitude,Latitude,Co (ppm),Ni (ppm)", {"elements": ["cu"]}, "has no grade of cu; it has Station"),
        ("Station,x,y,Co (ppm),Ni (ppm)", {}, "say their projection, for instance CRS=EPSG:28992"),
        ("Station,Longitude,Latitude,Co (ppm),Ni (ppm)", {"length_m": "thick"}, "LENGTH_M 'thick' is no length"),
    ],
)
def test_table_that_says_too_little_is_explained_and_nothing_is_written(tmp_path, header, options, says):
    table, *_ = points(tmp_path / "a.csv", header=header)
    with pytest.raises((CoreFileError, SettingsError), match=re.escape(says)):
        write(tmp_path / "a", table, options.pop("elements", []), "nodules", **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


def test_nothing_is_ever_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(CoreFileError, match=r"a is there already and holds mine.txt; nothing was written. Name another DIR"):
        write(tmp_path / "a", None, [], "mud")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mine.txt"]
    with pytest.raises(SettingsError, match="needs a folder"):
        write(Path(), None, [], "mud")
    with pytest.raises(SettingsError, match="KIND 'sand' is not known; known are mud, nodules, crust, soil"):
        write(tmp_path / "b", None, [], "sand")
    with pytest.raises(CoreFileError, match=r"FROM .*none.csv: No such file"):
        write(tmp_path / "b", tmp_path / "none.csv", [], "mud")


def test_steps_are_round():
    assert [round_step_at_most(value) for value in (1.0, 1.99, 4.99, 9.0, 0.02)] == [1.0, 1.0, 2.0, 5.0, 0.02]
    assert [round_step_at_least(value) for value in (1.0, 1.01, 4.99, 9.0)] == [1.0, 2.0, 5.0, 10.0]
    assert round_cutoffs(np.array([])) == [0.0]
    assert longitudes_in_one_piece(np.array([10.0, 12.0])) == (10.0, 12.0)
    assert longitudes_in_one_piece(np.array([-71.0, -70.0])) == (-71.0, -70.0)
    edges = region_around(-71.0, -70.0, -30.5, -30.0, 5000.0)
    assert edges["west_deg"] < -71.04
    assert edges["south_deg"] < -30.54
    # A fine survey of a wide region: cells are as small as the number of them allows.
    assert cell_size_m({"west_deg": 0.0, "east_deg": 10.0, "south_deg": 0.0, "north_deg": 10.0}, 100.0) >= 5000.0
