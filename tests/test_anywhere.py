"""The same survey in other places on Earth: across the 180th meridian, around a pole, in the south; polygons with holes and in parts."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import map_world
import numpy as np
import pytest
import shapely
from assess import assess, listed
from pyproj import Geod, Transformer
from visits import Visit, browser_running

from pipeline.artefacts import NO_DEPTHS, DomainFiles, PublishedFiles
from pipeline.config import GridSettings, PlaceSettings, RegionSettings, read_settings
from pipeline.errors import SettingsError
from pipeline.grid import Grid, region_grid, region_lonlat, region_outline, region_share
from pipeline.map_page import outlines, rasters
from pipeline.map_page.tables import core_records
from pipeline.mining.masks import inside_zone, outside_polygons
from pipeline.published_comparison import nothing_to_compare
from pipeline.region_rings import polygons_of
from pipeline.web.mercator import Polar
from pipeline.web.packing import NOTHING

GEOD = Geod(ellps="WGS84")
PLACES = {
    "here": (154.0, 22.0),
    "antimeridian": (180.0, 22.0),
    "at the south pole": (0.0, -90.0),
}
SIDE_M = 58_000.0  # no multiple of a cell: a millimetre of the projection's inverse must not add a row

SETTINGS = """\
title = "Moved survey"
[region]
polygon = "domains/region.geojson"
bathymetry = "none"
[grid]
cell_m = 5000.0
layer_m = 1.0
bottom_m = 2.0
centre_longitude_deg = {longitude}
centre_latitude_deg = {latitude}
[elements]
assessed = ["dy"]
[cutoffs]
dy_ppm = [0.0, 40.0]
[simulation]
realisations = 20
squares_realisations = 5
checks = false
[cross_validation]
min_cores = 100
"""


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [[list(position) for position in ring] for ring in rings]}


def ring(west, east, south, north):
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def cap_m2(south, north, turn_deg):
    """Area between two parallels on the ellipsoid, in closed form."""
    a, e2 = GEOD.a, GEOD.es
    e = math.sqrt(e2)

    def below(latitude):
        s = math.sin(math.radians(latitude))
        return a * a * (1 - e2) / 2 * (s / (1 - e2 * s * s) + math.atanh(e * s) / e)

    return (below(north) - below(south)) * math.radians(turn_deg)


def region_of(tmp_path, content, name="region.geojson"):
    (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "assessment.toml").write_text(f'[region]\npolygon = "{name}"\n', encoding="utf-8")
    return read_settings(tmp_path / "assessment.toml").region


# ------------------------------------------------------------------ the same tonnes


def planted_at(raw, longitude_deg, latitude_deg):
    """A survey that is the same in metres wherever it lies; its region is a polygon, written as RFC 7946 asks."""
    frame = region_grid(
        RegionSettings(west_deg=-1.0, east_deg=1.0, south_deg=-1.0, north_deg=1.0),
        GridSettings(cell_m=5000.0, centre_longitude_deg=longitude_deg, centre_latitude_deg=latitude_deg),
    )
    half_m = SIDE_M / 2
    outline_m = shapely.get_coordinates(shapely.segmentize(shapely.box(-half_m, -half_m, half_m, half_m), 50.0))
    longitudes, latitudes = frame.to_lonlat(outline_m[:, 0], outline_m[:, 1])
    content = polygon(zip(longitudes.tolist(), latitudes.tolist(), strict=True))
    if longitude_deg == 180.0:
        whole = shapely.Polygon(zip(longitudes % 360.0, latitudes, strict=True))
        parts = [shapely.intersection(whole, shapely.box(west, -90, west + 180, 90)) for west in (0.0, 180.0)]
        shifted = [shapely.get_coordinates(part) - [turn, 0.0] for part, turn in zip(parts, (0.0, 360.0), strict=True)]
        content = {"type": "MultiPolygon", "coordinates": [[part.tolist()] for part in shifted]}
    random = np.random.default_rng(11)
    x, y = (values.ravel() for values in np.meshgrid(np.linspace(-24_000, 24_000, 4), np.linspace(-24_000, 24_000, 4)))
    x, y = x + random.uniform(-3000, 3000, x.size), y + random.uniform(-3000, 3000, y.size)
    longitudes, latitudes = frame.to_lonlat(x, y)
    grade_ppm = 50 * np.exp(0.5 * np.sin(x / 15_000) + 0.3 * np.cos(y / 12_000))[:, None] * np.exp(0.1 * random.normal(size=(x.size, 2)))
    lines = ["core_id,longitude_deg,latitude_deg,from_m,to_m,dy_ppm"]
    for core, (longitude, latitude) in enumerate(zip(longitudes.tolist(), latitudes.tolist(), strict=True)):
        lines += [f"C{core},{longitude!r},{latitude!r},{top},{top + 1},{grade_ppm[core, top]:.6f}" for top in (0, 1)]
    for folder in ("cores", "domains", "published"):
        (raw / folder).mkdir(parents=True)
    (raw / "cores" / "moved.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (raw / "domains" / "region.geojson").write_text(json.dumps(content), encoding="utf-8")
    (raw / "assessment.toml").write_text(SETTINGS.format(longitude=longitude_deg, latitude=latitude_deg), encoding="utf-8")
    return raw


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """The survey assessed in every place."""
    return {name: assess(planted_at(tmp_path_factory.mktemp("place") / "raw", *place)) for name, place in PLACES.items()}


def kriged_t(assessment):
    """Mud and metal of the whole region by the kriged blocks, in tonnes, without the table's cut-offs."""
    grade, mud, floor = assessment.grades[0], assessment.density, assessment.seafloor
    blocks_t = mud.layer_t_m3 * floor.layers.layer_m * floor.grid.cell_area_m2 * floor.region_share
    known = np.isfinite(grade.layer_ppm)
    return blocks_t[known].sum(), (blocks_t * grade.layer_ppm)[known].sum() * 1e-6


@pytest.mark.parametrize("place", [place for place in PLACES if place != "here"])
def test_a_survey_that_is_moved_has_the_same_tonnes(moved, place):
    """The grid is equal-area: mud is the same but for the chords of the outline, metal but for the last step that a grade is rounded to."""
    here, there = moved["here"], moved[place]
    assert there.seafloor.grid.shape == here.seafloor.grid.shape
    assert there.seafloor.grid.transform == here.seafloor.grid.transform
    rel = 1e-9 if place == "antimeridian" else 1e-6
    assert there.seafloor.region_share.sum() == pytest.approx(here.seafloor.region_share.sum(), rel=rel)
    assert there.composites.frame["declustering_weight"].to_numpy() == pytest.approx(
        here.composites.frame["declustering_weight"].to_numpy(), rel=1e-5
    )
    (mud_t, metal_t), (wanted_mud_t, wanted_metal_t) = kriged_t(there), kriged_t(here)
    assert mud_t == pytest.approx(wanted_mud_t, rel=rel)
    block_t = here.seafloor.grid.cell_area_m2 * here.density.layer_t_m3[0, 0, 0]
    # The models are fitted anew: a few blocks may be rounded the other way.
    assert metal_t == pytest.approx(wanted_metal_t, abs=8 * block_t * here.grades[0].step_ppm * 1e-6)
    assert not np.isfinite(there.seafloor.depth_m).any()
    assert there.seafloor.source == NO_DEPTHS


def test_kriged_grades_do_not_know_where_on_earth_they_are(moved):
    grades = np.array([assessment.grades[0].mean_ppm for assessment in moved.values()])
    # A grade is a whole number of steps: the last one may fall either way.
    assert np.nanmax(np.abs(grades - grades[0])) <= moved["here"].grades[0].step_ppm * 1.001
    assert np.isfinite(grades).all(axis=0).sum() == np.isfinite(grades[0]).sum()


def test_cores_written_west_of_the_meridian_are_not_outside(moved):
    """They stand in the table at -179.9 and in the region at 180.1."""
    said = " ".join(moved["antimeridian"].samples.warnings)
    frame = moved["antimeridian"].samples.frame
    assert (frame["longitude_deg"] < 0).any()
    assert (frame["longitude_deg"] > 0).any()
    assert "outside the region" not in said


def test_published_comparison_is_silent_elsewhere(moved, tmp_path):
    raw = tmp_path / "raw"
    (raw / "published").mkdir(parents=True)
    shipped = Path(__file__).parents[1] / "data" / "raw" / "published"
    for path in shipped.glob("*.csv"):
        (raw / "published" / path.name).write_bytes(path.read_bytes())
    published = listed(PublishedFiles, raw, ".csv")
    for name in ("antimeridian", "at the south pole"):
        reason = nothing_to_compare(published.figures(), moved[name].samples)
        assert reason["en"].startswith("No core lies inside the bounds of the published estimate")


# ------------------------------------------------------------------ regions


@pytest.mark.parametrize(
    ("south", "north", "turn_deg"),
    [(86.0, 90.0, 360.0), (86.0, 88.0, 360.0), (-90.0, -80.0, 360.0), (86.0, 88.0, 30.0), (80.0, 84.0, 12.0), (-2.0, 2.0, 9.0)],
)
def test_area_of_a_box_is_that_of_the_ellipsoid_everywhere(south, north, turn_deg):
    west = -180.0 if turn_deg == 360.0 else 175.0
    region = RegionSettings(west_deg=west, east_deg=west + turn_deg, south_deg=south, north_deg=north)
    grid = region_grid(region, GridSettings(cell_m=20_000.0))
    area_m2 = region_share(grid, region).sum() * grid.cell_area_m2
    assert area_m2 == pytest.approx(cap_m2(south, north, turn_deg), rel=1e-6)


def test_a_hole_is_no_part_of_the_region(tmp_path):
    whole, hole = ring(153.0, 154.0, 21.0, 22.0), ring(153.25, 153.75, 21.25, 21.75)
    with_hole, hole_alone, plain = (region_of(tmp_path, polygon(*rings)) for rings in ((whole, hole[::-1]), (hole,), (whole,)))
    settings = GridSettings(cell_m=2000.0, centre_longitude_deg=153.5, centre_latitude_deg=21.5)
    grid = region_grid(plain, settings)
    share = region_share(grid, with_hole)
    assert share + region_share(grid, hole_alone) == pytest.approx(region_share(grid, plain), abs=1e-5)
    row, column = grid.shape[0] // 2, grid.shape[1] // 2
    assert share[row, column] == 0.0
    assert region_grid(with_hole, settings).shape == grid.shape


def test_parts_on_both_sides_of_the_meridian_come_together(tmp_path):
    east, west = ring(179.0, 180.0, -10.0, -9.0), ring(-180.0, -179.0, -10.0, -9.0)
    split = region_of(tmp_path, {"type": "MultiPolygon", "coordinates": [[west], [east]]})
    one = region_of(tmp_path, polygon(ring(179.0, 181.0, -10.0, -9.0)))
    jumping = region_of(tmp_path, polygon([(179.0, -10.0), (-179.0, -10.0), (-179.0, -9.0), (179.0, -9.0), (179.0, -10.0)]))
    box = RegionSettings(west_deg=179.0, east_deg=181.0, south_deg=-10.0, north_deg=-9.0)
    for region in (split, one, jumping, box):
        assert region_lonlat(region).bounds == (179.0, -10.0, 181.0, -9.0)
        grid = region_grid(region, GridSettings(cell_m=10_000.0))
        assert region_share(grid, region).sum() * grid.cell_area_m2 == pytest.approx(cap_m2(-10.0, -9.0, 2.0), rel=1e-6)


def test_a_hole_across_the_meridian_lies_in_its_outline(tmp_path):
    region = region_of(tmp_path, polygon(ring(178.0, 182.0, 0.0, 4.0), [(-179.0, 1.0), (179.0, 1.0), (179.0, 3.0), (-179.0, 3.0), (-179.0, 1.0)]))
    grid = region_grid(region, GridSettings(cell_m=20_000.0))
    assert region_share(grid, region).sum() * grid.cell_area_m2 == pytest.approx(cap_m2(0, 4, 4) - cap_m2(1, 3, 2), rel=1e-6)


def test_a_ring_around_the_pole_encloses_it(tmp_path):
    around = [(float(longitude), 85.0) for longitude in (0, 60, 120, 180, -120, -60, 0)]
    region = region_of(tmp_path, polygon(around))
    grid = region_grid(region, GridSettings(cell_m=20_000.0))
    assert region_share(grid, region).sum() * grid.cell_area_m2 == pytest.approx(cap_m2(85.0, 90.0, 360.0), rel=1e-6)
    assert grid.crs.name.startswith("Lambert azimuthal equal-area 90 N")
    pole_m = np.array(grid.from_lonlat(np.array([0.0]), np.array([90.0]))).ravel()
    assert shapely.contains_xy(region_outline(region, grid), *pole_m)


def test_rings_that_are_no_degrees_are_explained(tmp_path):
    with pytest.raises(SettingsError, match=r"region.geojson has positions that are no longitude and latitude in degrees. Export it in WGS 84"):
        region_of(tmp_path, polygon(ring(178_000.0, 182_000.0, 331_000.0, 335_000.0)))


def test_a_box_across_the_meridian_says_how_to_count_on():
    with pytest.raises(ValueError, match=r"a region across the 180th meridian goes on counting: east_deg = 185"):
        RegionSettings(west_deg=175.0, east_deg=-175.0, south_deg=0.0, north_deg=1.0)
    with pytest.raises(ValueError, match="more than once around the Earth"):
        RegionSettings(west_deg=-180.0, east_deg=200.0, south_deg=0.0, north_deg=1.0)


def test_two_regions_far_apart_in_one_half_stay_as_written():
    parts = {"type": "MultiPolygon", "coordinates": [[ring(-100, -90, 0, 1)], [ring(10, 20, 0, 1)]]}
    assert [min(x for x, _ in rings[0]) for rings in polygons_of(parts)] == [-100.0, 10.0]


# ------------------------------------------------------------------ zone, domains


def test_zone_around_an_island_on_the_meridian_is_a_geodesic_circle():
    region = RegionSettings(west_deg=175.0, east_deg=185.0, south_deg=-5.0, north_deg=5.0)
    grid = region_grid(region, GridSettings(cell_m=50_000.0))
    for longitude in (-179.5, 180.5):
        zone = inside_zone(grid, PlaceSettings(island_longitude_deg=max(longitude, -180.0), island_latitude_deg=0.5))
        longitudes, latitudes = grid.to_lonlat(*grid.centres_m())
        _, _, distance_m = GEOD.inv(np.full(grid.shape, 180.5), np.full(grid.shape, 0.5), longitudes, latitudes)
        assert np.array_equal(zone, np.asarray(distance_m) <= 370_400.0)


@pytest.mark.parametrize("written", ["one piece", "split", "jumping"])
def test_no_go_area_across_the_meridian_excludes_on_both_sides(tmp_path, written):
    region = RegionSettings(west_deg=178.0, east_deg=182.0, south_deg=0.0, north_deg=2.0)
    grid = region_grid(region, GridSettings(cell_m=20_000.0))
    shapes = {
        "one piece": polygon(ring(179.5, 180.5, 0.5, 1.5)),
        "split": {"type": "MultiPolygon", "coordinates": [[ring(179.5, 180.0, 0.5, 1.5)], [ring(-180.0, -179.5, 0.5, 1.5)]]},
        "jumping": polygon([(179.5, 0.5), (-179.5, 0.5), (-179.5, 1.5), (179.5, 1.5), (179.5, 0.5)]),
    }
    (tmp_path / "domains").mkdir()
    feature = {"type": "Feature", "properties": {"kind": "no_go", "name": "Park"}, "geometry": shapes[written]}
    (tmp_path / "domains" / "a.geojson").write_text(json.dumps(feature), encoding="utf-8")
    domains = listed(DomainFiles, tmp_path, ".geojson")
    outside, kinds, unusable = outside_polygons(grid, domains.features())
    longitudes, latitudes = grid.to_lonlat(*grid.centres_m())
    inside = (np.abs(longitudes % 360 - 180) < 0.5) & (np.abs(latitudes - 1.0) < 0.5)
    assert np.array_equal(outside, ~inside)
    assert (kinds, unusable) == ({"no_go": 1}, ())
    drawn, skipped = outlines.domain_outlines(domains, grid, None)
    assert skipped == 0
    assert max(abs(position[1] - 180.0) for position in [point for one in drawn[0]["rings"] for point in one]) < 0.51


# ------------------------------------------------------------------ display around a pole


@pytest.mark.parametrize(("pole", "longitude_deg"), [(1, 45.0), (-1, -120.0), (1, 180.0)])
def test_polar_plane_is_the_stereographic_projection_of_the_sphere(pole, longitude_deg):
    random = np.random.default_rng(2)
    longitudes, latitudes = random.uniform(-180, 180, 200), pole * random.uniform(60, 90, 200)
    x, y = Polar(pole, longitude_deg).forward(longitudes, latitudes)
    text = f"+proj=stere +lat_0={90 * pole} +lon_0={longitude_deg} +R=1 +type=crs"
    wanted = Transformer.from_crs("+proj=longlat +R=1 +type=crs", text, always_xy=True).transform(longitudes, latitudes)
    assert np.radians([x, y]) == pytest.approx(np.array(wanted), abs=1e-10)
    again = Polar(pole, longitude_deg).inverse(x, y)
    assert (again[0] - longitudes + 180) % 360 - 180 == pytest.approx(0, abs=1e-8)
    assert again[1] == pytest.approx(latitudes, abs=1e-9)


@pytest.mark.parametrize("box", [(20.0, 60.0, 86.0, 88.0), (-180.0, 180.0, 85.0, 90.0), (100.0, 130.0, -84.0, -80.0)])
def test_every_pixel_of_a_polar_map_shows_the_cell_under_it(box):
    region = RegionSettings(west_deg=box[0], east_deg=box[1], south_deg=box[2], north_deg=box[3])
    grid = region_grid(region, GridSettings(cell_m=20_000.0))
    assert outlines.polar(grid) is not None
    frame = outlines.picture(grid)
    row, column = rasters.lookup(frame, grid, rasters.thinning(grid.shape, 1, [1])).astype(int)
    longitudes, latitudes = frame.positions_deg()
    easting_m, northing_m = grid.from_lonlat(longitudes, latitudes)
    west, south, east, north = grid.bounds_m
    inside = (easting_m >= west) & (easting_m < east) & (northing_m > south) & (northing_m <= north)
    assert np.array_equal(row != NOTHING, inside)
    assert np.array_equal(column[inside], np.floor((easting_m[inside] - west) / grid.cell_m).astype(int))
    # Every cell is shown, and no pixel twice as large as another on the ground.
    assert len(set(zip(row[inside].tolist(), column[inside].tolist(), strict=True))) == grid.shape[0] * grid.shape[1]
    pixels_m2 = (frame.ground() * np.pi / 180 * 6_371_000.0) ** 2
    assert (pixels_m2 * inside).sum() == pytest.approx(grid.cell_area_m2 * grid.shape[0] * grid.shape[1], rel=0.02)
    lattice = outlines.lattice(grid)
    corner_x, corner_y = (np.array(lattice[name]) for name in ("x", "y"))
    at = outlines.polar(grid).inverse(corner_x, corner_y)
    x, y = grid.from_lonlat(*at)
    assert x == pytest.approx(np.broadcast_to(west + np.array(lattice["columns"]) * grid.cell_m, x.shape), abs=1.0)
    assert y == pytest.approx(np.broadcast_to((north - np.array(lattice["rows"]) * grid.cell_m)[:, None], y.shape), abs=1.0)


def test_maps_in_lower_latitudes_stay_in_mercator():
    for south, north in ((21.0, 22.0), (-60.0, -50.0), (70.0, 74.0)):
        region = RegionSettings(west_deg=179.0, east_deg=181.0, south_deg=south, north_deg=north)
        assert outlines.polar(region_grid(region, GridSettings(cell_m=20_000.0))) is None


def moved_world(monkeypatch, tmp_path, region, cores, cell_m):
    monkeypatch.setattr(map_world, "REGION", region)
    monkeypatch.setattr(map_world, "GRID", GridSettings(cell_m=cell_m, layer_m=1.0, bottom_m=3.0))
    monkeypatch.setattr(map_world, "CORES", cores)
    here = map_world.world(tmp_path / "raw", more=("gd",), island=False)
    return replace(here, seafloor=replace(here.seafloor, source=NO_DEPTHS, depth_m=np.full(here.grid.shape, np.nan)))


@pytest.mark.browser
def test_polar_map_works_in_a_browser(monkeypatch, tmp_path):
    region = RegionSettings(west_deg=-180.0, east_deg=180.0, south_deg=86.0, north_deg=90.0)
    here = moved_world(monkeypatch, tmp_path, region, (("A-1", 10.0, 87.0), ("B-2", 130.0, 88.0), ("C-3", -110.0, 89.0)), 20_000.0)
    path = tmp_path / "grade_dy.html"
    path.write_text(here.map_page().html, encoding="utf-8")
    with browser_running() as chromium, Visit(chromium, path, "#lang=ja") as page:
        grid: Grid = here.grid
        rows, columns = grid.shape
        # Cells are found where they lie, also beside the pole, and their corners too.
        for row, column in ((rows // 2, columns // 2), (rows // 2 - 3, columns // 4), (3, columns // 2)):
            longitude, latitude = map_world.cell_centre(grid, row, column)
            assert page.evaluate("([lat, lng]) => seabed.cellAt([lat, lng])", [latitude, longitude]) == row * columns + column
            found = page.evaluate("([row, column]) => seabed.cornerAt(row + 0.5, column + 0.5)", [row, column])
            _, _, off_m = GEOD.inv(longitude, latitude, found[1], found[0])
            assert off_m < 50.0
        # The whole region is on the screen, and the picture lies under the cells.
        size = page.evaluate("(() => { const s = seabed.map.getSize(); return [s.x, s.y]; })()")
        for longitude in range(0, 360, 45):
            x, y = page.evaluate("([lat, lng]) => { const p = seabed.map.latLngToContainerPoint([lat, lng]); return [p.x, p.y]; }", [86.0, longitude])
            assert -2 <= x <= size[0] + 2
            assert -2 <= y <= size[1] + 2
        west, south, east, north = grid.bounds_m
        corner = grid.to_lonlat(np.array([west, east]), np.array([north, south]))
        placed = page.evaluate(
            "(() => { const r = seabed.raster().getElement().getBoundingClientRect(), m = seabed.map.getContainer().getBoundingClientRect();"
            " return [r.x - m.x, r.y - m.y, r.right - m.x, r.bottom - m.y]; })()"
        )
        on_plane = [
            page.evaluate(
                "([lat, lng]) => { const p = seabed.map.latLngToContainerPoint([lat, lng]); return [p.x, p.y]; }",
                [float(corner[1][k]), float(corner[0][k])],
            )
            for k in (0, 1)
        ]
        assert placed[0] <= on_plane[0][0] + 1.5
        assert placed[1] <= on_plane[0][1] + 1.5
        assert placed[2] >= on_plane[1][0] - 1.5
        # Areas with sides straight on the map, held against many geodesic pieces; one of them holds the pole.
        plane = outlines.polar(grid)
        for drawn in ([[88, 0], [88, 90], [88, 180], [88, 270]], [[86.5, 10], [87.5, 40], [86.2, 70]]):
            area_m2 = page.evaluate("([ring, polar]) => seabedArea(ring, polar)", [drawn, {"pole": 1, "longitude_deg": plane.longitude_deg}])
            x, y = plane.forward(np.array([at[1] for at in drawn], float), np.array([at[0] for at in drawn], float))
            at = list(zip(np.append(x, x[0]), np.append(y, y[0]), strict=True))
            xs, ys = np.concatenate([np.linspace(a, b, 4000, endpoint=False) for a, b in pairwise(at)]).T
            wanted, _ = GEOD.polygon_area_perimeter(*plane.inverse(xs, ys))
            assert area_m2 == pytest.approx(abs(wanted), rel=1e-6)
        tonnes = page.evaluate(
            "(ring) => { const inside = seabedInside(seabed); return inside.tonnes('dy', 0, inside.shares(ring.map((p) => L.latLng(p)))).area_km2; }",
            [[87, 0], [87, 90], [87, 180], [87, 270]],
        )
        x, y = plane.forward(np.array([0.0, 90.0, 180.0, 270.0]), np.full(4, 87.0))
        square = shapely.Polygon(zip(x, y, strict=True))
        ring_lonlat = plane.inverse(*shapely.get_coordinates(shapely.segmentize(square, 0.01)).T)
        wanted, _ = GEOD.polygon_area_perimeter(*ring_lonlat)
        assert tonnes == pytest.approx(abs(wanted) / 1e6, rel=0.01)
        # No depth is shown where there is none.
        for layer in ("relief", "contours", "excluded"):
            assert page.evaluate("(name) => document.getElementById(`layer-${name}`)", layer) is None


def test_antimeridian_page_keeps_everything_in_one_piece(monkeypatch, tmp_path):
    region = RegionSettings(west_deg=179.0, east_deg=181.0, south_deg=-12.0, north_deg=-11.0)
    here = moved_world(monkeypatch, tmp_path, region, (("A-1", -179.5, -11.5), ("B-2", 179.5, -11.4), ("C-3", -179.9, -11.9)), 5_000.0)
    html = here.map_page().html
    data = json.loads(re.search(r'id="map-data">(.*?)</script>', html)[1])
    assert data["polar"] is None
    (_, west), (_, east) = data["bounds"]
    assert east - west < 3.0
    assert all(west <= core["longitude_deg"] <= east for core in data["cores"])
    longitudes = np.array(data["lattice"]["longitude_deg"])
    assert np.abs(np.diff(longitudes, axis=1)).max() < 0.5
    records, _ = core_records(["dy"], here.samples, here.composites, here.grid)
    assert {round(record["longitude_deg"] % 360, 3) for record in records} == {180.5, 179.5, 180.1}
