"""Settings: every mistake is explained, and nothing is guessed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.config import SECTIONS, GridSettings, read_section, read_settings, section_texts
from pipeline.errors import SettingsError
from pipeline.grid import region_grid, region_share

REGION = "[region]\nwest_deg = 153.5\neast_deg = 154.1\nsouth_deg = 21.8\nnorth_deg = 22.25\n"


@pytest.fixture
def settings(tmp_path):
    """Read a settings file with this text."""

    def read(text):
        (tmp_path / "assessment.toml").write_text(text, encoding="utf-8")
        return read_settings(tmp_path / "assessment.toml")

    return read


def test_region_alone_is_enough(settings):
    found = settings(REGION)
    assert (found.grid.cell_m, found.grid.layer_m, found.grid.top_m, found.grid.bottom_m) == (500, 1, 0, 10)
    assert found.elements.assessed == ["dy", "gd"]
    assert found.intake.on_refused == "stop"
    assert found.cutoffs.of("dy") == [0]


def test_whole_number_may_stand_for_a_number(settings):
    assert settings(REGION + "[grid]\ncell_m = 500\n[cutoffs]\ndy_ppm = [0, 20]\n").cutoffs.of("dy") == [0.0, 20.0]


def test_file_that_ships_says_the_defaults(reference_raw):
    """A key that is left out has the value shown in the file."""
    shipped = read_settings(reference_raw / "assessment.toml")
    own = ("assessment", "region", "cutoffs", "place")
    assert all(getattr(shipped, name) == model() for name, model in SECTIONS.items() if name not in own)
    assert shipped.place.eez_radius_nmi == SECTIONS["place"]().eez_radius_nmi


def test_file_that_ships_names_every_key(reference_raw):
    text = (reference_raw / "assessment.toml").read_text(encoding="utf-8")
    optional = {"polygon", "outline", "outlines", "centre_longitude_deg", "centre_latitude_deg"}
    keys = {key for model in SECTIONS.values() for key in model.model_fields} - optional
    assert {key for key in keys if f"\n{key} = " not in text} == set()


BAD = [
    ("[gridd]\ncell_m = 1.0\n", r"assessment.toml \[gridd\]: unknown section; known are assessment, classes, composites, cross_validation, cutoffs"),
    ("[grid]\ncellm = 1.0\n", r"assessment.toml \[grid\] cellm: unknown key; known are bottom_m, cell_m, .*top_m"),
    ("[grid]\ncell_m = '500'\n", r"\[grid\] cell_m is '500': "),
    ("[grid]\ncell_m = true\n", r"\[grid\] cell_m is True: "),
    ("[grid]\ncell_m = 0.0\n", r"\[grid\] cell_m is 0.0: Input should be greater than 0"),
    ("[grid]\ncell_m = inf\n", r"\[grid\] cell_m is inf: Input should be a finite number"),
    ("[grid]\nlayer_m = 0.3\n", r"\[grid\].* bottom_m - top_m = 10 must be a whole number of layer_m = 0.3"),
    ("[grid]\ntop_m = 10.0\n", r"\[grid\].* top_m 10.0 must be above bottom_m 10.0"),
    ("[cutoffs]\ndy_ppm = [0.0, 20.0, 10.0]\n", r"\[cutoffs\].* dy_ppm must rise from 0 without repeats, got \[0.0, 20.0, 10.0\]"),
    ("[cutoffs]\ndy_ppm = [0.0, 10.0, 10.0]\n", r"\[cutoffs\].* dy_ppm must rise from 0 without repeats"),
    ("[cutoffs]\ndy_ppm = [10.0, 20.0]\n", r"\[cutoffs\].* dy_ppm must rise from 0 without repeats"),
    ("[cutoffs]\ndy_ppm = []\n", r"\[cutoffs\].* dy_ppm must rise from 0 without repeats"),
    ("[cutoffs]\ndy_ppm = [-1.0, 0.0]\n", r"\[cutoffs\] dy_ppm.* is -1.0: Input should be greater than or equal to 0"),
    ("[cutoffs]\ndy = [0.0]\n", r"\[cutoffs\].* unknown key dy; known are <element>_ppm, for instance dy_ppm"),
    ("[elements]\nassessed = []\n", r"\[elements\] assessed is \[\]: "),
    ("[elements]\nassessed = ['dy', 'dy']\n", r"\[elements\].* assessed names an element twice: dy, dy"),
    ("[elements]\nassessed = ['Dy']\n", r"\[elements\] assessed.* is 'Dy': "),
    ("[elements]\nassessed = ['../dy']\n", r"\[elements\] assessed.* is '../dy': "),
    ("[elements]\nassessed = ['density']\n", r"\[elements\].* 'density' is no element"),
    ("[intake]\non_refused = 'skip'\n", r"\[intake\] on_refused is 'skip': Input should be 'stop' or 'leave_out'"),
    ("[density]\ndry_bulk_density_t_m3 = 550.0\n", r"\[density\] dry_bulk_density_t_m3 is 550.0: Input should be less than 4"),
    ("[variogram]\nlags = 12.5\n", r"\[variogram\] lags is 12.5: Input should be a valid integer"),
]


@pytest.mark.parametrize(("text", "says"), BAD)
def test_bad_setting_is_explained_with_section_key_and_value(settings, text, says):
    with pytest.raises(SettingsError, match=says):
        settings(REGION + text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"\[region\]: is missing; give west_deg, east_deg, south_deg and north_deg, or polygon"),
        ("[region]\nwest_deg = 153.5\n", r"\[region\]: needs west_deg, east_deg, south_deg and north_deg, or polygon"),
        (REGION.replace("154.1", "150.0"), r"\[region\]: west_deg 153.5 must be below east_deg 150.0"),
        (REGION + "polygon = 'a.geojson'\n", r"\[region\]: give either polygon or the four edges, not both"),
        ("[region]\npolygon = 'a.geojson'\n", r"\[region\] polygon: a.geojson does not exist in "),
        (REGION.replace("22.25", "92.25"), r"\[region\] north_deg is 92.25: Input should be less than or equal to 90"),
        ("title = 1,5\n" + REGION, r"assessment.toml is no valid TOML: .* Numbers take a point, text takes quotes"),
        ("titel = 'x'\n" + REGION, r"assessment.toml titel: unknown key; known are deposit, title"),
        ("title = ''\n" + REGION, r"assessment.toml title is '': String should have at least 1 character"),
    ],
)
def test_bad_region_or_file_is_explained(settings, text, says):
    with pytest.raises(SettingsError, match=says):
        settings(text)


def test_missing_file_is_explained(tmp_path):
    with pytest.raises(SettingsError, match=r"assessment.toml is missing from .*\. Copy the one that ships"):
        read_settings(tmp_path / "assessment.toml")


def test_all_problems_are_reported_together(settings):
    with pytest.raises(SettingsError, match=r"cell_m.*; .*\[elements\] asesed.*; .*\[colours\]: unknown section"):
        settings(REGION + "[grid]\ncell_m = -1.0\n[elements]\nasesed = ['dy']\n[colours]\na = 1\n")


def ring(west, south, east, north):
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


BOX = ring(153.5, 21.8, 154.1, 22.25)
FORMS = {
    "geometry": {"type": "Polygon", "coordinates": BOX},
    "feature": {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": BOX}},
    "collection": {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": BOX}}],
    },
    "two halves": {"type": "MultiPolygon", "coordinates": [ring(153.5, 21.8, 153.8, 22.25), ring(153.8, 21.8, 154.1, 22.25)]},
    "clockwise, with heights": {"type": "Polygon", "coordinates": [[[*corner, 0.0] for corner in BOX[0][::-1]]]},
}


@pytest.mark.parametrize("form", FORMS)
def test_polygon_region_equals_its_box_twin(settings, tmp_path, form):
    (tmp_path / "domains").mkdir()
    (tmp_path / "domains" / "region.geojson").write_text(json.dumps(FORMS[form]), encoding="utf-8")
    box, polygon = settings(REGION).region, settings("[region]\npolygon = 'domains/region.geojson'\n").region
    grids = [region_grid(region, GridSettings(cell_m=2000.0)) for region in (box, polygon)]
    assert grids[0].transform == grids[1].transform
    assert region_share(grids[1], polygon) == pytest.approx(region_share(grids[0], box), abs=1e-6)


def test_triangle_has_half_the_area(settings, tmp_path):
    corners = [[153.5, 21.8], [154.1, 21.8], [153.5, 22.25], [153.5, 21.8]]
    (tmp_path / "t.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [corners]}), encoding="utf-8")
    region = settings("[region]\npolygon = 't.geojson'\n").region
    grid = region_grid(region, GridSettings(cell_m=1000.0))
    square = settings(REGION).region
    assert region_share(grid, region).sum() == pytest.approx(region_share(grid, square).sum() / 2, rel=0.01)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("not json", "region.geojson is no GeoJSON"),
        ("[1, 2]", "region.geojson holds no polygon"),
        ('{"type": "Point", "coordinates": [1, 2]}', "region.geojson holds a Point; only Polygon and MultiPolygon bound a region"),
        ('{"type": "FeatureCollection", "features": []}', "region.geojson holds no polygon"),
        ('{"type": "Polygon", "coordinates": [["a"]]}', "region.geojson is no GeoJSON of polygons"),
        ('{"type": "Polygon"}', "region.geojson is no GeoJSON of polygons"),
        ('{"type": "Polygon", "coordinates": [[[153.5, 21.8]]]}', "region.geojson has a ring of fewer than four positions; a closed ring has four"),
        ('{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null}]}', "region.geojson is no GeoJSON of polygons"),
    ],
)
def test_polygon_file_that_bounds_nothing_is_explained(settings, tmp_path, content, says):
    (tmp_path / "region.geojson").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=says):
        settings("[region]\npolygon = 'region.geojson'\n")


def test_outline_that_crosses_itself_is_explained(settings, tmp_path):
    bow = [[153.5, 21.8], [154.1, 22.25], [154.1, 21.8], [153.5, 22.25], [153.5, 21.8]]
    (tmp_path / "bow.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [bow]}), encoding="utf-8")
    region = settings("[region]\npolygon = 'bow.geojson'\n").region
    with pytest.raises(SettingsError, match=r"\[region\] polygon bow.geojson: the outline crosses itself or has no area\. Repair it"):
        region_grid(region, GridSettings())


def test_sections_survive_their_json(reference_raw, tmp_path):
    shipped = read_settings(reference_raw / "assessment.toml")
    for name, text in section_texts(reference_raw / "assessment.toml").items():
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
        assert read_section(tmp_path / f"{name}.json") == getattr(shipped, name)


def test_section_text_does_not_change_with_comments_or_order(settings, tmp_path):
    texts = []
    for text in (REGION + "[grid]\ncell_m = 500.0\nlayer_m = 1.0\n", "# note\n[grid]\nlayer_m = 1.0 # m\n" + REGION):
        settings(text)
        texts.append(section_texts(tmp_path / "assessment.toml"))
    assert texts[0] == texts[1]


def test_settings_cannot_be_changed_by_a_stage(settings):
    found = settings(REGION)
    with pytest.raises(ValueError, match="frozen"):
        found.grid.cell_m = 1.0
    assert np.isclose(found.grid.cell_m, 500.0)


@pytest.mark.parametrize("name", ["../region.geojson", "/region.geojson", "domains/../../region.geojson", "."])
def test_a_region_outside_raw_is_refused(tmp_path, name):
    path = tmp_path / "assessment.toml"
    path.write_text(f'[region]\npolygon = "{name}"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"lies outside RAW\. Copy the file into domains"):
        read_settings(path)
