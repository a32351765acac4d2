"""The one grid: where its cells lie, when two are the same, and how it meets the region."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Geod

from pipeline.config import GridSettings, RegionSettings
from pipeline.errors import GridMismatch, SettingsError
from pipeline.grid import Grid, Layers, layers_of, region_grid, region_outline, region_share, require_same_grid, same_grid

REGION = RegionSettings(west_deg=153.5, east_deg=154.1, south_deg=21.8, north_deg=22.25)
SETTINGS = GridSettings(cell_m=2000.0)
REGIONS = {
    "tropics": REGION,
    "south": RegionSettings(west_deg=-71.0, east_deg=-70.2, south_deg=-30.5, north_deg=-30.0),
    "antimeridian": RegionSettings(west_deg=179.6, east_deg=180.4, south_deg=10.0, north_deg=10.5),
    "polar": RegionSettings(west_deg=20.0, east_deg=24.0, south_deg=79.5, north_deg=80.0),
}


@pytest.fixture(params=REGIONS)
def region(request):
    return REGIONS[request.param]


def test_cells_are_square_and_their_edges_are_multiples_of_the_cell(region):
    grid = region_grid(region, SETTINGS)
    edges = np.array(grid.bounds_m) / grid.cell_m
    assert edges == pytest.approx(np.round(edges), abs=1e-9)
    assert (grid.transform.a, grid.transform.e) == (2000, -2000)
    assert (grid.transform.b, grid.transform.d) == (0, 0)


def test_grid_just_covers_the_region(region):
    grid = region_grid(region, SETTINGS)
    west, south, east, north = grid.bounds_m
    left, bottom, right, top = region_outline(region, grid).bounds
    for gap in (left - west, bottom - south, east - right, north - top):
        assert -0.01 < gap < grid.cell_m


def test_row_0_is_in_the_north_and_column_0_in_the_west(region):
    grid = region_grid(region, SETTINGS)
    longitude_deg, latitude_deg = grid.to_lonlat(*grid.centres_m())
    assert longitude_deg.shape == grid.shape
    assert np.all(np.diff(latitude_deg[:, grid.shape[1] // 2]) < 0)
    assert np.all(np.diff(longitude_deg[grid.shape[0] // 2] % 360) > 0)


def test_positions_survive_the_way_there_and_back(region):
    grid = region_grid(region, SETTINGS)
    easting_m, northing_m = grid.centres_m()
    again_m = grid.from_lonlat(*grid.to_lonlat(easting_m, northing_m))
    # The projection's inverse is a series, good to millimetres.
    assert again_m[0] == pytest.approx(easting_m, abs=0.005)
    assert again_m[1] == pytest.approx(northing_m, abs=0.005)


def test_cell_area_is_true_on_the_ellipsoid(region):
    grid = region_grid(region, SETTINGS)
    easting_m, northing_m = (axis[0, 0] for axis in grid.centres_m())
    half_m = np.linspace(-1000, 1000, 21)
    ring_m = np.concatenate([np.column_stack([half_m, -1000 + 0 * half_m]), np.column_stack([1000 + 0 * half_m, half_m])])
    ring_m = np.concatenate([ring_m, -ring_m]) + np.array([easting_m, northing_m])
    area_m2, _ = Geod(ellps="WGS84").polygon_area_perimeter(*grid.to_lonlat(ring_m[:, 0], ring_m[:, 1]))
    assert abs(area_m2) == pytest.approx(grid.cell_area_m2, rel=1e-5)


def test_centre_may_be_set():
    settings = GridSettings(cell_m=2000.0, centre_longitude_deg=150.0, centre_latitude_deg=20.0)
    grid = region_grid(REGION, settings)
    assert grid.from_lonlat(np.array([150.0]), np.array([20.0])) == (pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-6))
    assert not same_grid(grid, region_grid(REGION, SETTINGS))


def test_finer_grid_nests_in_the_coarse_one():
    coarse, fine = (region_grid(REGION, GridSettings(cell_m=cell_m)) for cell_m in (2000.0, 1000.0))
    share = region_share(fine, REGION)
    rows = round((coarse.bounds_m[3] - fine.bounds_m[3]) / 1000), round((fine.bounds_m[1] - coarse.bounds_m[1]) / 1000)
    columns = round((fine.bounds_m[0] - coarse.bounds_m[0]) / 1000), round((coarse.bounds_m[2] - fine.bounds_m[2]) / 1000)
    padded = np.pad(share, (rows, columns))
    summed = padded.reshape(coarse.shape[0], 2, coarse.shape[1], 2).mean(axis=(1, 3))
    assert summed == pytest.approx(region_share(coarse, REGION), abs=1e-9)


def test_grids_are_compared_as_objects_never_as_text():
    grid = region_grid(REGION, SETTINGS)
    renamed = CRS.from_wkt(grid.crs.to_wkt("WKT1_GDAL").replace("Lambert azimuthal equal-area 22.025 N", "another name for 22.025 N"))
    assert renamed.to_wkt() != grid.crs.to_wkt()
    assert same_grid(grid, Grid(CRS.from_wkt(grid.crs.to_wkt()), grid.transform, grid.shape))
    assert require_same_grid(grid, Grid(renamed, grid.transform, grid.shape)) is grid


@pytest.mark.parametrize(
    "change",
    [
        lambda grid: Grid(grid.crs, grid.transform, (grid.shape[0], grid.shape[1] + 1)),
        lambda grid: Grid(grid.crs, Affine(2000, 0, grid.transform.c + 1, 0, -2000, grid.transform.f), grid.shape),
        lambda grid: Grid(CRS.from_epsg(32656), grid.transform, grid.shape),
    ],
    ids=["shape", "shift of a metre", "projection"],
)
def test_different_grids_are_refused(change):
    grid = region_grid(REGION, SETTINGS)
    with pytest.raises(GridMismatch, match=r"two rasters lie on different grids: .* Delete the processed folder and run make all"):
        require_same_grid(grid, grid, change(grid))


def test_too_many_cells_are_refused_before_memory_is_asked_for():
    with pytest.raises(SettingsError, match=r"\[grid\] cell_m = 1 gives \d+ x \d+ cells, more than 50,000,000\. Use larger cells"):
        region_grid(REGION, GridSettings(cell_m=1.0))


def test_layers_have_tops_bottoms_and_labels():
    layers = layers_of(GridSettings(top_m=1.0, bottom_m=2.5, layer_m=0.5))
    assert layers == Layers(1.0, 2.5, 0.5)
    assert layers.count == 3
    assert list(layers.tops_m) == pytest.approx([1.0, 1.5, 2.0])
    assert list(layers.bottoms_m) == pytest.approx([1.5, 2.0, 2.5])
    assert layers.label(1) == "1.5-2 m"


def test_layers_of_a_tenth_of_a_metre_are_counted_right():
    layers = layers_of(GridSettings(top_m=0.0, bottom_m=0.7, layer_m=0.1))
    assert layers.count == 7
    assert [layers.label(layer) for layer in (2, 6)] == ["0.2-0.3 m", "0.6-0.7 m"]
