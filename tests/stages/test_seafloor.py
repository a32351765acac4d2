"""Seafloor: known surfaces give their depth and slope, whatever the file's outer form."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from affine import Affine
from assess import listed
from pyproj import Geod

from pipeline.artefacts import BathymetryFiles
from pipeline.config import GridSettings, RegionSettings
from pipeline.errors import BathymetryError
from pipeline.grid import region_grid, region_lonlat, region_share
from pipeline.stages import seafloor

REGION = RegionSettings(west_deg=153.5, east_deg=153.9, south_deg=21.8, north_deg=22.2)
GRID = GridSettings(cell_m=2000.0, bottom_m=2.0)
METRES_PER_DEGREE = 111_195.0


@pytest.fixture
def floor(tmp_path):
    """The stage, run on what was put in the folder."""
    (tmp_path / "bathymetry").mkdir()

    def run(region=REGION, grid=GRID):
        return seafloor.run(listed(BathymetryFiles, tmp_path, ".nc", ".tif"), region, grid)

    return run


@pytest.fixture
def geotiff(tmp_path):
    """Write elevations (a function of easting and northing in metres) on the region's own projection."""

    def write(elevation_m, name="a.tif", step_m=1000.0, west_m=-40_000, east_m=40_000, **profile):
        width, height = round((east_m - west_m) / step_m), round(80_000 / step_m)
        easting_m, northing_m = west_m + (np.arange(width) + 0.5) * step_m, 40_000 - (np.arange(height) + 0.5) * step_m
        values = np.broadcast_to(elevation_m(easting_m[None, :], northing_m[:, None]), (height, width))
        crs = profile.pop("crs", region_grid(REGION, GRID).crs.to_wkt())
        unit = profile.pop("band_unit", "")
        profile = {"driver": "GTiff", "dtype": "float64", "count": 1, "width": width, "height": height, "crs": crs, **profile}
        with rasterio.open(tmp_path / "bathymetry" / name, "w", transform=Affine(step_m, 0, west_m, 0, -step_m, 40_000), **profile) as raster:
            raster.write(values, 1)
            raster.units = (unit,)

    return write


@pytest.fixture
def netcdf(tmp_path):
    """Write elevations (a function of longitude and latitude in degrees) on a geographic grid."""

    def write(elevation_m, name="a.nc", change=lambda dataset: dataset, **attributes):
        longitude_deg, latitude_deg = np.linspace(153.0, 154.4, 57), np.linspace(21.3, 22.7, 57)
        values = np.broadcast_to(elevation_m(longitude_deg[None, :], latitude_deg[:, None]), (57, 57))
        attributes = attributes or {"standard_name": "height_above_mean_sea_level", "units": "m"}
        coordinates = {"lat": ("lat", latitude_deg, {"units": "degrees_north"}), "lon": ("lon", longitude_deg, {"units": "degrees_east"})}
        change(xr.Dataset({"z": (("lat", "lon"), values, attributes)}, coordinates)).to_netcdf(tmp_path / "bathymetry" / name, engine="h5netcdf")

    return write


@pytest.mark.parametrize(("east", "north"), [(0.0, 0.0), (0.01, 0.0), (0.0, -0.02), (0.03, 0.04)])
def test_plane_gives_its_depth_and_slope(floor, geotiff, east, north):
    geotiff(lambda x, y: -5700 + east * x + north * y)
    result = floor()
    easting_m, northing_m = result.grid.centres_m()
    assert result.depth_m == pytest.approx(5700 - east * easting_m - north * northing_m, abs=0.01)
    assert result.slope_deg == pytest.approx(np.degrees(np.arctan(np.hypot(east, north))), abs=1e-6)


def test_plane_in_degrees_gives_its_slope(floor, netcdf):
    netcdf(lambda _, latitude_deg: -5000 - 1000 * (latitude_deg - 22))
    assert floor().slope_deg == pytest.approx(np.degrees(np.arctan(1000 / METRES_PER_DEGREE)), rel=1e-6)
    netcdf(lambda longitude_deg, latitude_deg: -5000 - 1000 * (longitude_deg - 153.7) * np.cos(np.radians(latitude_deg)))
    assert floor().slope_deg == pytest.approx(np.degrees(np.arctan(1000 / METRES_PER_DEGREE)), rel=5e-3)


def test_finest_grid_wins_where_it_covers(floor, geotiff):
    geotiff(lambda x, y: -5000.0 + 0 * x * y, "coarse.tif", step_m=2000.0)
    geotiff(lambda x, y: -4000.0 + 0 * x * y, "fine.tif", step_m=500.0, east_m=0)
    result = floor()
    easting_m, _ = result.grid.centres_m()
    assert np.all(result.depth_m[easting_m < -500] == pytest.approx(4000))
    assert np.all(result.depth_m[easting_m > 500] == pytest.approx(5000))
    assert result.source_resolution_m == 2000
    assert result.source == "bathymetry/coarse.tif (2,000 m); bathymetry/fine.tif (500 m)"


def test_grid_that_decides_no_cell_is_not_named(floor, geotiff):
    geotiff(lambda x, y: -5000.0 + 0 * x * y, "coarse.tif", step_m=2000.0)
    geotiff(lambda x, y: -4000.0 + 0 * x * y, "fine.tif", step_m=500.0)
    result = floor()
    assert np.all(result.depth_m == pytest.approx(4000))
    assert (result.source, result.source_resolution_m) == ("bathymetry/fine.tif (500 m)", 500)


def test_hole_in_the_fine_grid_is_filled_by_the_coarse_one(floor, geotiff):
    geotiff(lambda x, y: -5000.0 + 0 * x * y, "coarse.tif", step_m=2000.0)
    geotiff(lambda x, y: np.where(np.hypot(x, y) < 8_000, np.nan, -4000.0), "fine.tif", step_m=500.0, nodata=np.nan)
    result = floor()
    easting_m, northing_m = result.grid.centres_m()
    apart_m = np.hypot(easting_m, northing_m)
    assert np.all(result.depth_m[apart_m < 6_000] == pytest.approx(5000))
    assert np.all(result.depth_m[apart_m > 10_000] == pytest.approx(4000))
    assert np.isfinite(result.slope_deg).all()


def rough_m(longitude_deg, latitude_deg):
    return -5000 + 300 * np.sin(9 * longitude_deg) * np.cos(7 * latitude_deg)


TWINS = [
    ({"change": lambda dataset: dataset.sortby("lat", ascending=False)}, "descending latitude"),
    ({"change": lambda dataset: dataset.sortby("lon", ascending=False)}, "descending longitude"),
    ({"change": lambda dataset: dataset.transpose("lon", "lat")}, "axes exchanged"),
    ({"change": lambda dataset: dataset.rename(lat="y", lon="x")}, "axes known by their units"),
    ({"change": lambda dataset: -dataset, "positive": "down"}, "depths, positive down"),
    ({"change": lambda dataset: -dataset, "standard_name": "sea_floor_depth_below_geoid"}, "depths by standard name"),
    ({"positive": "up"}, "heights, positive up"),
    ({"long_name": "elevation relative to sea level"}, "heights by long name"),
]


@pytest.mark.parametrize("form", [form for form, _ in TWINS], ids=[name for _, name in TWINS])
def test_outer_form_of_the_file_makes_no_difference(floor, netcdf, form):
    netcdf(rough_m)
    plain = floor()
    change = form.pop("change", lambda dataset: dataset)
    with xr.set_options(keep_attrs=True):
        netcdf(rough_m, change=change, **form)
    other = floor()
    assert np.array_equal(plain.depth_m, other.depth_m)
    assert np.array_equal(plain.slope_deg, other.slope_deg)
    assert plain.source == other.source


@pytest.mark.parametrize("cell_m", [500.0, 3000.0])
@pytest.mark.parametrize("region", [REGION, RegionSettings(west_deg=153.5, east_deg=154.3, south_deg=59.0, north_deg=59.5)], ids=["tropics", "60 N"])
def test_region_share_adds_up_to_the_geodesic_area(region, cell_m):
    grid = region_grid(region, GridSettings(cell_m=cell_m))
    share = region_share(grid, region)
    # Densified, because the region's edges follow parallels and those of a geodesic polygon do not.
    outline = shapely.segmentize(region_lonlat(region), 0.001)
    area_m2 = abs(Geod(ellps="WGS84").geometry_area_perimeter(outline)[0])
    assert share.sum() * grid.cell_area_m2 == pytest.approx(area_m2, rel=1e-4)
    assert share.min() >= 0
    assert share.max() <= 1 + 1e-12


def test_a_converted_unit_is_said_where_the_source_is_named(floor, geotiff):
    geotiff(lambda x, y: -5.0 + 0 * x * y, band_unit="km")
    result = floor()
    assert result.depth_m == pytest.approx(5000)
    assert result.source == "bathymetry/a.tif (1,000 m, converted from km)"


def test_a_region_across_the_antimeridian_gets_its_depths(floor, netcdf):
    netcdf(rough_m, change=lambda dataset: dataset.assign_coords(lon=(dataset["lon"] + 26.3 + 180) % 360 - 180))
    region = RegionSettings(west_deg=179.8, east_deg=180.2, south_deg=21.8, north_deg=22.2)
    result = floor(region)
    longitude_deg, latitude_deg = result.grid.to_lonlat(*result.grid.centres_m())
    assert result.depth_m == pytest.approx(-rough_m(longitude_deg % 360 - 26.3, latitude_deg), abs=4)  # bilinear between nodes


def test_no_coverage_is_explained(floor, geotiff):
    geotiff(lambda x, y: -5000.0 + 0 * x * y)
    with pytest.raises(BathymetryError, match=r"no bathymetry covers the region \(bathymetry/a.tif\). Add a grid that does, correct \[region\]"):
        floor(RegionSettings(west_deg=10, east_deg=11, south_deg=21.8, north_deg=22.2))


def test_no_grid_at_all_is_explained(floor):
    with pytest.raises(BathymetryError, match=r"no bathymetry grid \(.nc or .tif\) in bathymetry. Put at least one there"):
        floor()


@pytest.mark.parametrize(
    ("change", "attributes", "says"),
    [
        (lambda dataset: dataset, {"units": "m"}, "a.nc does not say whether its values are depths or heights. Set standard_name"),
        (lambda dataset: dataset.assign(other=dataset["z"]), {}, "a.nc holds 2 two-dimensional fields; exactly one is needed"),
        (lambda dataset: dataset.isel(lat=[0, 1, 5, 30]), {}, "a.nc: latitude is not evenly spaced. Regrid it"),
        (lambda dataset: dataset.rename(lat="y").drop_vars("y"), {}, "a.nc: axes y, lon are not longitude and latitude. Give them CF units"),
        (lambda dataset: dataset.where(dataset["z"] > 0), {}, "a.nc holds no depth at all"),
        (lambda dataset: dataset.fillna(0) * 0 - 32768, {}, r"a.nc: elevations run from -32768 to -32768 m, .* is the fill value declared\?"),
    ],
)
def test_netcdf_that_cannot_be_understood_is_explained(floor, netcdf, change, attributes, says):
    with xr.set_options(keep_attrs=True):
        netcdf(rough_m, change=change, **attributes)
    with pytest.raises(BathymetryError, match=says):
        floor()


@pytest.mark.parametrize(("name", "says"), [("a.nc", "a.nc is no readable GeoTIFF or NetCDF"), ("a.tif", "a.tif is no readable GeoTIFF")])
def test_file_that_only_has_the_right_name_is_explained(floor, tmp_path, name, says):
    (tmp_path / "bathymetry" / name).write_text("not a grid", encoding="utf-8")
    with pytest.raises(BathymetryError, match=says):
        floor()


def test_geotiff_without_coordinate_system_is_explained(floor, geotiff):
    geotiff(lambda x, y: -5000.0 + 0 * x * y, crs=None)
    with pytest.raises(BathymetryError, match=r"a\.tif has no coordinate system\. Assign one"):
        floor()


def test_declared_fill_value_is_a_hole_not_a_depth(floor, geotiff):
    geotiff(lambda x, y: np.where(x < 0, -32768.0, -5000.0 + 0 * y), nodata=-32768.0)
    result = floor()
    easting_m, _ = result.grid.centres_m()
    assert np.isnan(result.depth_m[easting_m < -1500]).all()
    assert np.all(result.depth_m[easting_m > 1500] == pytest.approx(5000))
