"""The funnel of one realisation: equal to what plain loops find, monotone, and cut by masks that can be derived again without the program."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from scipy import ndimage

from pipeline.artefacts import DomainFiles, Seafloor
from pipeline.config import GridSettings, PlaceSettings, RecoverableSettings, RegionSettings
from pipeline.files import sha256_of
from pipeline.grid import Layers, layers_of, region_grid, region_share
from pipeline.mining.funnel import FIRST, INTERVAL, MINED, Column, ColumnRule, PanelRule, added, bases, cumulated, mud_of, panels, whole
from pipeline.mining.masks import SiteMasks

ROOT = Path(__file__).parents[1]
CELLS = 12

# Eighths and whole numbers: sums and products of them are exact, so that two ways of adding must agree to the last bit.
DENSITIES = st.sampled_from([0.0, np.nan, 0.375, 0.5, 0.625])
GRADES = st.integers(0, 8).map(lambda step: 8.0 * step)


@st.composite
def worlds(draw, top_m=None):
    """Densities and metals of two elements in a few layers of a row of cells."""
    layers = draw(st.integers(1, 6))
    density = np.array(draw(st.lists(DENSITIES, min_size=layers * CELLS, max_size=layers * CELLS))).reshape(layers, CELLS)
    ppm = np.array(draw(st.lists(GRADES, min_size=2 * layers * CELLS, max_size=2 * layers * CELLS))).reshape(2, layers, CELLS)
    top = draw(st.sampled_from([0.0, 2.0])) if top_m is None else top_m
    column = Column.of(Layers(top, top + layers, 1.0), np.arange(layers))
    return density.astype(np.float32), (ppm * np.nan_to_num(density)).astype(np.float32), column


RULES = st.builds(
    ColumnRule,
    st.sampled_from([0.0, 8.0, 16.0, 24.0, 40.0]),
    st.sampled_from([0.0, 1.0, 3.0, 100.0]),
    st.sampled_from([0.0, 1.0, 3.0]),
    st.booleans(),
)


def base_by_hand(density, metal, column, rule):
    """Layers mined of one column: every base is tried."""
    ore = [layer for layer, mud in enumerate(density) if mud > 0 and metal[layer] >= rule.cutoff_ppm * mud]
    if not ore:
        return 0
    top_m = 0.0 if rule.cutoff_ppm == 0 else column.bottoms_m[ore[0], 0] - column.layer_m
    if top_m > rule.max_cover_m:
        return 0
    worth = {}
    for base in range(1, len(density) + 1):
        taken = [layer for layer in range(base) if density[layer] > 0]
        mud = sum(density[layer] * (column.layer_m + column.above_m[layer, 0]) for layer in taken)
        if mud > 0:
            worth[base] = sum(metal[layer] * column.layer_m for layer in taken) - rule.cutoff_ppm * mud
    paying = [base for base, beyond in worth.items() if beyond >= 0]
    if not paying:
        return 0
    base = max(paying, key=lambda base: (worth[base], base)) if rule.break_even else max(paying)
    return base if column.bottoms_m[base - 1, 0] - top_m >= rule.min_layer_m else 0


@given(worlds(), RULES)
@settings(max_examples=120, deadline=None)
def test_bases_are_those_that_trying_every_base_finds(world, rule):
    density, metal, column = world
    found = bases(cumulated(density, metal, column), 0, column, rule)
    assert found.tolist() == [base_by_hand(density[:, cell], metal[0, :, cell], column, rule) for cell in range(CELLS)]


@given(worlds(), RULES, st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=CELLS, max_size=CELLS))
@settings(max_examples=60, deadline=None)
def test_totals_are_those_of_a_plain_loop(world, rule, share):
    density, metal, column = world
    base = bases(cumulated(density, metal, column), 1, column, rule)
    total = np.zeros(2 + len(metal))
    for cell in range(CELLS):
        taken = [layer for layer in range(base[cell]) if density[layer, cell] > 0]
        if taken and share[cell] > 0:
            total[0] += share[cell]
            total[1] += share[cell] * sum(float(density[layer, cell]) * (column.layer_m + column.above_m[layer, 0]) for layer in taken)
            total[2:] += share[cell] * metal[:, taken, cell].astype(float).sum(axis=1)
    assert added(cumulated(density, metal, column), base, np.array(share)[:, None], lifted=True)[0].tolist() == total.tolist()


@given(worlds(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_higher_cutoff_takes_no_column_deeper_and_no_grade_down(world, break_even):
    density, metal, column = world
    sums = cumulated(density, metal, column)
    rows = np.arange(CELLS)
    before, grade_before = None, np.zeros(CELLS)
    for cutoff_ppm in (0.0, 4.0, 8.0, 12.0, 20.0, 30.0, 50.0):
        base = bases(sums, 0, column, ColumnRule(cutoff_ppm, 3.0, 2.0, break_even))
        if before is not None:
            assert np.all(base <= before)
        mud, lead = (sums[rows, base, place] for place in (MINED, FIRST))
        mined = base > 0
        grade = lead[mined] / mud[mined]
        assert np.all(grade >= cutoff_ppm - 1e-12)
        assert np.all(grade >= grade_before[mined] - 1e-12)
        grade_before[mined] = grade
        before = base


@given(worlds())
@settings(max_examples=40, deadline=None)
def test_without_other_limits_the_grade_of_all_that_is_mined_rises_with_the_cutoff(world):
    density, metal, column = world
    sums, share = cumulated(density, metal, column), np.ones((CELLS, 1))
    grades = []
    for cutoff_ppm in (0.0, 4.0, 8.0, 12.0, 20.0, 30.0, 50.0):
        _, mud, lead, _ = added(sums, bases(sums, 0, column, ColumnRule(cutoff_ppm, np.inf, 0.0)), share, lifted=True)[0]
        if mud > 0:
            grades.append(lead / mud)
    assert np.all(np.diff(grades) >= -1e-12)


@given(worlds(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_other_choice_of_bases_leaves_more_metal_beyond_the_cutoff(world, seed):
    density, metal, column = world
    sums, share, random = cumulated(density, metal, column), np.ones((CELLS, 1)), np.random.default_rng(seed)
    for cutoff_ppm in (8.0, 20.0):
        best = bases(sums, 0, column, ColumnRule(cutoff_ppm, np.inf, 0.0))
        other = random.integers(0, len(density) + 1, CELLS).astype(np.int16)
        beyond = [lead - cutoff_ppm * mud for _, mud, lead, _ in (added(sums, base, share, lifted=True)[0] for base in (best, other))]
        assert beyond[0] >= beyond[1]


@given(worlds())
@settings(max_examples=30, deadline=None)
def test_no_limit_leaves_the_whole_interval(world):
    density, metal, column = world
    sums, share = cumulated(density, metal, column), np.linspace(0.1, 1, CELLS)[:, None]
    base = bases(sums, 0, column, ColumnRule(0.0, np.inf, 0.0))
    every = whole(CELLS, len(density))
    lifted, in_place = added(sums, base, share, lifted=True)[0], added(sums, every, share, lifted=False)[0]
    assert lifted[[0, 2, 3]].tolist() == in_place[[0, 2, 3]].tolist()
    # What lies on top of the interval comes up too: it is no part of what is in place.
    assert lifted[1] == in_place[1] if not column.above_m.any() else lifted[1] >= in_place[1]


def test_mud_on_top_of_the_interval_dilutes_and_is_cover():
    layers = Layers(2.0, 4.0, 1.0)
    column = Column.of(layers, np.array([0, 1]))
    density, metal = np.full((2, 1), 0.5, dtype=np.float32), np.array([[[30.0], [30.0]]], dtype=np.float32)
    sums = cumulated(density, metal, column)
    # 60 ppm in 2 m below 2 m of barren mud: 30 ppm lifted.
    assert sums[0, 2].tolist() == [1.0, 2.0, 60.0]
    assert sums[0, 2, FIRST] / sums[0, 2, MINED] == 30.0
    assert sums[0, 2, FIRST] / sums[0, 2, INTERVAL] == 60.0
    found = [int(bases(sums, 0, column, ColumnRule(*rule))[0]) for rule in ((30.0, 2.0, 1.0), (31.0, 2.0, 1.0), (30.0, 1.9, 1.0), (30.0, 2.0, 2.1))]
    assert found == [2, 0, 0, 0]


def test_a_layer_that_nothing_tells_of_is_lifted_as_barren_mud():
    column = Column.of(Layers(0.0, 4.0, 1.0), np.array([0, 3]))
    assert column.above_m.ravel().tolist() == [0.0, 2.0]
    assert column.bottoms_m.ravel().tolist() == [1.0, 4.0]


# --- panels ----------------------------------------------------------------------------------------------------------------------------------------


SIDES = st.tuples(st.integers(1, 7), st.integers(1, 7))


@given(SIDES, st.sampled_from([4, 8]), st.sampled_from([0.0, 3.0, 6.0]), st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.6]))
@settings(max_examples=120, deadline=None)
def test_panels_are_the_groups_that_image_labelling_finds(shape, neighbours, least, seed, filled):
    random = np.random.default_rng(seed)
    mud = np.where(random.random(shape) < filled, random.integers(1, 4, shape), 0).astype(float)
    labels, count = ndimage.label(mud > 0, np.ones((3, 3)) if neighbours == 8 else None)
    held = ndimage.sum_labels(mud, labels, np.arange(count + 1))
    expected = (labels > 0) & (held[labels] >= least)
    assert np.array_equal(panels(mud.ravel(), shape, PanelRule(least, neighbours)).reshape(shape), expected)


# --- masks -----------------------------------------------------------------------------------------------------------------------------------------

REGION = RegionSettings(west_deg=153.5, east_deg=154.1, south_deg=21.8, north_deg=22.25)
GRID = GridSettings(cell_m=2000.0, layer_m=1.0, top_m=0.0, bottom_m=3.0)
PLACE = PlaceSettings(island_longitude_deg=153.98667, island_latitude_deg=24.28306, island_name="Island", eez_radius_nmi=140.0)
OUTLINES = {
    "outcrop": ("Polygon", [[[153.55, 21.9], [153.75, 21.88], [153.7, 22.05], [153.55, 21.9]]]),
    "no_go": (
        "MultiPolygon",
        [
            [
                [[153.8, 21.9], [154.0, 21.9], [154.0, 22.1], [153.8, 22.1], [153.8, 21.9]],
                [[153.87, 21.97], [153.93, 21.97], [153.9, 22.05], [153.87, 21.97]],
            ],
            [[[154.02 - 360, 22.15], [154.08 - 360, 22.15], [154.05 - 360, 22.22], [154.02 - 360, 22.15]]],
        ],
    ),
    "facies": ("Polygon", [[[153.5, 21.8], [154.1, 21.8], [154.1, 22.25], [153.5, 21.8]]]),
}


def domains(folder, outlines, **more):
    features = [
        {"type": "Feature", "properties": {"kind": kind, "name": kind, **more}, "geometry": {"type": form, "coordinates": positions}}
        for kind, (form, positions) in outlines.items()
    ]
    (folder / "domains").mkdir()
    path = folder / "domains" / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return DomainFiles(folder, {"domains/areas.geojson": sha256_of(path)})


@pytest.fixture(scope="module")
def rough():
    """A seafloor that falls to the east, with a seamount and slopes up to 12 degrees; some cells are not known."""
    grid = region_grid(REGION, GRID)
    easting_m, northing_m = grid.centres_m()
    depth_m = 5700.0 + 0.004 * easting_m - 1200.0 * np.exp(-((easting_m + 12_000) ** 2 + northing_m**2) / 2 / 4000**2)
    slope_deg = 6.0 + 6.0 * np.sin(easting_m / 7000) * np.cos(northing_m / 9000)
    depth_m[2, 3] = slope_deg[4, 5] = np.nan
    return Seafloor(grid, layers_of(GRID), depth_m, slope_deg, region_share(grid, REGION), "planted", 500.0)


@pytest.fixture(scope="module")
def masked(rough, tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    files = domains(folder, OUTLINES)
    given_ = RecoverableSettings(max_water_depth_m=5750.0, flank_rise_m=200.0)
    rough.write(folder / "seafloor.tif")
    return SiteMasks.of(rough, PLACE, files, REGION, given_), folder, given_


def test_depth_slope_and_flanks_follow_from_the_raster(masked):
    masks, folder, given_ = masked
    with rasterio.open(folder / "seafloor.tif") as raster:
        depth_m, slope_deg, share = (raster.read(raster.descriptions.index(name) + 1) for name in ("depth_m", "slope_deg", "region_share"))
    assert np.array_equal(masks.within_depth, ~(depth_m > given_.max_water_depth_m))
    assert np.array_equal(masks.within_slope, ~(slope_deg > given_.max_slope_deg))
    plain_m = np.nanmedian(depth_m[share > 0])
    assert masks.plain_depth_m == pytest.approx(plain_m, rel=1e-6)
    flank = depth_m < plain_m - given_.flank_rise_m
    assert 0 < flank.sum() < 0.2 * flank.size
    assert np.array_equal(masks.outside_exclusions, masks.outside_polygons & ~flank)
    for mask in (masks.within_depth, masks.within_slope, masks.inside_zone):
        assert 0.05 < mask.mean() < 0.99


def test_a_cell_that_is_not_known_stays_and_is_counted(masked):
    masks, _, _ = masked
    assert masks.within_depth[2, 3]
    assert masks.within_slope[4, 5]
    assert masks.unknown == {"depth": 1, "slope": 1}


def test_the_zone_is_a_circle_of_the_radius_around_the_island(masked, rough):
    """In the azimuthal equidistant projection of the island, distances from it are true."""
    masks, _, _ = masked
    island = f"+proj=aeqd +lat_0={PLACE.island_latitude_deg} +lon_0={PLACE.island_longitude_deg} +datum=WGS84"
    x, y = Transformer.from_crs(rough.grid.crs, CRS.from_proj4(island), always_xy=True).transform(*rough.grid.centres_m())
    distance_m = np.hypot(x, y)
    sure = np.abs(distance_m - 140 * 1852) > 5.0
    assert np.array_equal(masks.inside_zone[sure], (distance_m <= 140 * 1852)[sure])
    assert sure.mean() > 0.99


def test_polygons_take_away_the_cells_that_rasterio_burns(masked, rough):
    """Edges are straight in degrees: many points on them first, then the projection."""
    masks, _, _ = masked
    burnt = []
    for kind in ("outcrop", "no_go"):
        form, positions = OUTLINES[kind]
        shape = shapely.geometry.shape({"type": form, "coordinates": positions})
        dense = shapely.segmentize(shape, 0.001)
        burnt.append(shapely.transform(dense, lambda xy: np.column_stack(rough.grid.from_lonlat(xy[:, 0] % 360, xy[:, 1]))))
    inside = rasterio.features.rasterize(burnt, rough.grid.shape, transform=rough.grid.transform, fill=0, default_value=1) == 1
    assert np.array_equal(masks.outside_polygons, ~inside)
    assert masks.polygons == {"outcrop": 1, "no_go": 1}
    # The hole of the second one is no part of it.
    row, column = np.argwhere(masks.outside_polygons & (np.abs(rough.grid.to_lonlat(*rough.grid.centres_m())[0] - 153.9) < 0.02))[0]
    assert masks.outside_polygons[row, column]


def test_what_should_exclude_and_is_no_polygon_is_told(rough, tmp_path):
    files = domains(tmp_path, {"no_go": ("Point", [153.7, 22.0])})
    masks = SiteMasks.of(rough, PlaceSettings(), files, REGION, RecoverableSettings())
    assert masks.unusable == ("no_go",)
    assert masks.outside_polygons.all()
    assert masks.inside_zone.all()
    assert not masks.has_zone


def test_the_outline_of_the_region_excludes_nothing(rough, tmp_path):
    files = domains(tmp_path, {"outcrop": OUTLINES["outcrop"]})
    region = RegionSettings(polygon="domains/areas.geojson")
    assert SiteMasks.of(rough, PlaceSettings(), files, region, RecoverableSettings()).outside_polygons.all()


def test_a_bathymetry_coarser_than_a_cell_is_told(rough, tmp_path):
    files = DomainFiles(tmp_path, {})
    for resolution_m, coarse in ((500.0, False), (2000.0, False), (11_000.0, True)):
        floor = replace(rough, source_resolution_m=resolution_m)
        assert SiteMasks.of(floor, PlaceSettings(), files, REGION, RecoverableSettings()).coarse is coarse


# --- the example of the documents ------------------------------------------------------------------------------------------------------------------


def test_the_example_in_the_method_is_what_the_program_finds():
    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    part = text[text.index("### Three columns by hand") :]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if re.match(r"\| *(?:[0-9]|base|mined)", line)]
    layers = [row for row in rows if re.fullmatch(r"\d–\d m", row[0])]
    ppm = np.array([[float(cell) for cell in row[1:4]] for row in layers])
    density = np.full(ppm.shape, 0.5, dtype=np.float32)
    column = Column.of(Layers(0.0, float(len(ppm)), 1.0), np.arange(len(ppm)))
    sums = cumulated(density, (ppm * 0.5)[None].astype(np.float32), column)
    rule = ColumnRule(20.0, 5.0, 1.0)
    base = bases(sums, 0, column, rule)
    said = {row[0]: row[1:4] for row in rows if row not in layers}
    assert said["base, m"] == [str(number) if number else "–" for number in base.tolist()]
    mud_t = mud_of(sums, base, np.full(3, 250_000.0))
    metal_t = sums[np.arange(3), base, FIRST] * 250_000 * 1e-6
    assert [float(cell.replace(",", "")) if cell != "–" else 0.0 for cell in said["mined dry mud, t"]] == mud_t.tolist()
    assert [float(cell) if cell != "–" else 0.0 for cell in said["mined Dy, t"]] == pytest.approx(metal_t.tolist(), abs=1e-9)
    deepest = bases(sums, 0, column, replace(rule, break_even=False))
    assert said["base, rule `deepest`, m"] == [str(number) if number else "–" for number in deepest.tolist()]
    # The panel: the two mined columns that touch.
    kept = panels(mud_t, (1, 3), PanelRule(1e6, 4))
    assert ["yes" if keeps else "no" for keeps in kept] == said["mined panel of 1 Mt"]
