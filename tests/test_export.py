"""Exports: each is read back by a program that did not write it, with equal values, units, positions and projection."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd
import meshio
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pystac
import pytest
import rasterio
import shapely
import xarray as xr
from affine import Affine
from debian_gdal import VALIDATOR, clean_environment, gdal_python, must_be_there
from export_world import Exported, copied, decoded, exported, write_products
from pyproj import CRS, Transformer
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from rio_cogeo.cogeo import cog_validate

from pipeline.__main__ import main
from pipeline.artefacts import NO_DEPTHS, Horizon, band_of
from pipeline.artefacts.formats import write_raster
from pipeline.config import RegionSettings
from pipeline.errors import ArtefactError
from pipeline.export.blocks import at_corners, blocks_of
from pipeline.export.catalogue import footprint
from pipeline.export.colours import legend_of
from pipeline.export.drill_holes import drill_holes
from pipeline.export.features import layers_of
from pipeline.export.geoparquet import write_geoparquet
from pipeline.export.omf import write_omf
from pipeline.export.qgis_style import VectorStyle, vector_style
from pipeline.export.rasters import names_in
from pipeline.export.results import Results
from pipeline.export.review import input_files, is_open
from pipeline.export.vtk import write_vtk
from pipeline.grid import Grid, Layers

ROOT = Path(__file__).parents[1]
READERS = ROOT / ".venv-readers" / "bin" / "python"


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory) -> Exported:
    folder = tmp_path_factory.mktemp("export")
    return exported(write_products(tiny, folder), folder / "出 export")


@pytest.fixture(scope="module")
def read_elsewhere(made):
    """What the programs of ``.venv-readers`` find."""
    if not READERS.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("make set-up-readers comes before the tests where CI=true")
        pytest.skip("no .venv-readers: type  make set-up-readers")
    command = [READERS, ROOT / "tests" / "readers" / "read.py", made.out]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sums(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


# ------------------------------------------------------------------ GeoTIFF


def test_every_raster_of_the_build_is_exported_bit_for_bit_with_its_units(made):
    sources = sorted(made.results.processed.glob("*.tif"))
    assert {path.name for path in sources} == {path.name for path in (made.out / "rasters").glob("*.tif")} > {"grade_dy.tif", "classes.tif"}
    for source in sources:
        with rasterio.open(source) as product, rasterio.open(made.out / "rasters" / source.name) as written:
            assert written.read().tobytes() == product.read().tobytes()
            assert (written.descriptions, written.units, written.transform) == (product.descriptions, product.units, product.transform)
            assert CRS.from_wkt(written.crs.to_wkt()).equals(made.results.grid.crs, ignore_axis_order=True)
            assert written.compression.value == "DEFLATE"
            assert np.isnan(written.nodata)
            assert written.tags()["data_kind"] == "synthetic"
            assert "SYNTHETIC" in written.tags()["title"]
            assert all(written.tags(number)["title"] and written.tags(number)["title_ja"] for number in range(1, written.count + 1))


def test_every_raster_is_cloud_optimised(made):
    for path in (made.out / "rasters").glob("*.tif"):
        valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
        assert (valid, errors, warnings) == (True, [], []), path.name


@pytest.fixture(scope="module")
def large_raster(tmp_path_factory):
    """A raster of more than one tile: a quantity, and the same with a band of codes."""
    folder = tmp_path_factory.mktemp("large")
    grid = Grid(CRS.from_epsg(6933), Affine(100, 0, 0, 0, -100, 0), (600, 700))
    values = np.random.default_rng(1).normal(50, 10, grid.shape).astype(np.float32)
    codes = np.random.default_rng(2).integers(0, 4, grid.shape).astype(np.float32)
    write_raster(folder / "grade_dy.tif", grid, {"dy_ppm": values}, {}, overviews="average")
    write_raster(folder / "classes.tif", grid, {"class_code": codes}, {}, overviews="nearest")
    return folder


def test_a_raster_of_several_tiles_has_overviews_that_average_quantities_and_never_codes(large_raster):
    with rasterio.open(large_raster / "grade_dy.tif") as raster:
        full, factors = raster.read(1), raster.overviews(1)
    assert factors[0] == 2
    with rasterio.open(large_raster / "grade_dy.tif", overview_level=0) as raster:
        np.testing.assert_allclose(raster.read(1), full.reshape(300, 2, 350, 2).mean(axis=(1, 3)), rtol=1e-5)
    with rasterio.open(large_raster / "classes.tif", overview_level=0) as raster:
        assert set(np.unique(raster.read(1))) <= {0.0, 1.0, 2.0, 3.0}
    for path in large_raster.glob("*.tif"):
        assert cog_validate(path, strict=True, quiet=True)[0]


def test_gdals_own_validator_finds_no_fault_and_another_gdal_reads_the_same(made, large_raster):
    python = gdal_python()
    if python is None:
        if must_be_there():
            pytest.fail("python tests/debian_gdal.py comes before the tests where CI=true")
        pytest.skip("no GDAL of the system: type  sudo apt-get install gdal-bin python3-gdal")
    script = (
        f"import json, sys\nfrom osgeo import gdal\nfrom {VALIDATOR} import validate\ngdal.UseExceptions()\n"
        "gdal.SetConfigOption('GDAL_PAM_ENABLED', 'NO')\nfound = []\n"
        "for path in sys.argv[1:]:\n"
        "    warnings, errors, _ = validate(path, full_check=True)\n    raster = gdal.Open(path)\n    band = raster.GetRasterBand(1)\n"
        "    told = [raster.GetProjection(), band.GetUnitType(), band.ComputeStatistics(False)]\n"
        "    found.append([list(map(str, warnings)), list(map(str, errors)), *told])\n"
        "print(json.dumps(found))\n"
    )
    paths = [*sorted((made.out / "rasters").glob("*.tif")), *sorted(large_raster.glob("*.tif"))]
    done = subprocess.run([python, "-c", script, *paths], env=clean_environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    for path, (warnings, errors, wkt, unit, (least, most, mean, _)) in zip(paths, json.loads(done.stdout), strict=True):
        assert (warnings, errors) == ([], []), path.name
        with rasterio.open(path) as raster:
            values = raster.read(1).astype(np.float64)
            assert unit == raster.units[0]
            assert CRS.from_wkt(wkt).equals(CRS.from_wkt(raster.crs.to_wkt()), ignore_axis_order=True)
        np.testing.assert_allclose([least, most, mean], [np.nanmin(values), np.nanmax(values), np.nanmean(values)], rtol=1e-6)


def test_styles_colour_the_values_that_are_there_and_name_the_unit(made):
    for path in (made.out / "rasters").glob("*.tif"):
        style = ET.parse(path.with_suffix(".qml")).getroot()
        renderer = style.find("pipe/rasterrenderer")
        with rasterio.open(path) as raster:
            values, unit = raster.read(1), raster.units[0]
        if renderer.attrib["type"] == "paletted":
            told = {float(entry.attrib["value"]): entry.attrib["label"] for entry in renderer.iter("paletteEntry")}
            assert set(np.unique(values[np.isfinite(values)])) <= set(told)
            assert all(told.values())
            continue
        stops = [float(item.attrib["value"]) for item in renderer.iter("item")]
        assert stops == sorted(stops)
        suffix = renderer.find(".//rampLegendSettings").attrib["suffix"]
        assert suffix == ("" if unit == "1" else f" {unit}")
        if path.name.startswith("percentiles"):
            continue  # on the scale of the estimate, as on the maps: the outermost percentiles may lie beyond it
        assert stops[0] <= np.nanmin(values) or np.isnan(values).all()
        assert stops[-1] >= np.nanmax(values) or np.isnan(values).all()
    styles = {path.name for path in (made.out / "rasters" / "styles").glob("*.qml")}
    assert {"grade_dy.dy_sd_ppm.qml", "percentiles_dy.dy_p10_ppm.qml", "classes.reason_code.qml"} <= styles


@pytest.mark.parametrize(
    ("name", "kind", "title", "unit"),
    [
        ("dy_ppm", "grade", "Dy grade, kriged", "ppm"),
        ("rey_p90_ppm 0-1 m", "grade", "REY grade, high (P10)", "ppm"),
        ("dy_p10_ppm", "grade", "Dy grade, low (P90)", "ppm"),
        ("co_over_0.5_ppm_probability", "probability", "Probability of Co ≥ 0.5 ppm", "1"),
        ("rate_3500_t_day_dry_first_year", "year", "Year that mining begins, 3500 t/day dry", "year"),
        ("rate_350_t_day_wet_mined_share", "share", "Share of the cell that is mined, 350 t/day wet", "1"),
        ("thickness_share -2 to -1 m", "share", "Expected share of the layer below the seafloor", "1"),
        ("something_new", "other", "something new", "1"),
    ],
)
def test_a_band_is_told_by_its_name(name, kind, title, unit):
    band = band_of(name)
    assert (band.kind, band.title, band.unit) == (kind, title, unit)


def test_domains_are_named_in_the_legend_as_the_raster_tells_them():
    codes = np.array([[-1.0, 0.0, 1.0]], dtype=np.float32)
    told = legend_of(band_of("domain_code"), names_in({"domains": json.dumps({"names": ["北 A", "南 B"]})}, codes))
    assert {code: label for code, (_, label) in told.items()} == {-1: "no domain / ドメインなし", 0: "北 A", 1: "南 B"}
    assert len({colour for colour, _ in told.values()}) == 3
    assert names_in({}, codes) == {-1: "-1", 0: "0", 1: "1"}


# ------------------------------------------------------------------ NetCDF


def test_the_block_model_is_complete_cf_and_holds_the_same_numbers(made):
    with xr.open_dataset(made.results.processed / "block_model.nc", engine="h5netcdf", decode_coords="all") as product:
        product.load()
    with xr.open_dataset(made.out / "block_model.nc", engine="h5netcdf", decode_coords="all") as written:
        written.load()
    for name, variable in product.data_vars.items():
        np.testing.assert_array_equal(written[name], variable, err_msg=str(name))
        told = written[name].attrs
        assert told["long_name"]
        assert "units" in told or "flag_values" in told
        assert {key: value for key, value in told.items() if key == "units"} in ({"units": variable.attrs.get("units")}, {})
        assert written[name].encoding["grid_mapping"].startswith("crs")
        assert told.get("cell_methods", "") in ("area: mean depth_m: mean", "area: mean") or "flag_values" in told
    assert CRS.from_cf(written["crs"].attrs).equals(made.results.grid.crs, ignore_axis_order=True)
    to_degrees = Transformer.from_crs(made.results.grid.crs, 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(*np.meshgrid(written["easting_m"], written["northing_m"]))
    np.testing.assert_allclose(written["longitude_deg"], longitude, atol=1e-9)
    np.testing.assert_allclose(written["latitude_deg"], latitude, atol=1e-9)
    for axis in ("easting_m", "northing_m", "depth_m"):
        bounds = written[f"{axis}_bounds"].to_numpy()
        np.testing.assert_allclose(bounds.mean(axis=1), written[axis])
        edges = np.sort(bounds.ravel())
        np.testing.assert_allclose(edges[1:-1:2], edges[2::2])  # the end of one is the start of the next
    assert written["depth_m"].attrs["positive"] == "down"
    assert {written[axis].attrs["axis"] for axis in ("easting_m", "northing_m", "depth_m")} == {"X", "Y", "Z"}
    assert "no measurement" in written.attrs["comment"]


# ------------------------------------------------------------------ points and polygons


def test_the_geopackage_opens_styled_and_holds_every_layer(made):
    path = made.out / "assessment.gpkg"
    names = {name for name, kind in pyogrio.list_layers(path) if kind}
    assert names == {"region", "classes", "starting_panels", "samples", "composites", "cores", "next_cores"}
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        styles = database.execute("SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles").fetchall()
        columns = dict(database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns").fetchall())
        kinds = dict(database.execute("SELECT table_name, data_type FROM gpkg_contents").fetchall())
        titles = dict(database.execute("SELECT table_name, description FROM gpkg_contents").fetchall())
    assert {(name, column) for name, column, _, _ in styles} == set(columns.items())
    assert {default for _, _, default, _ in styles} == {1}
    for _, _, _, style in styles:
        assert ET.fromstring(style.partition("\n")[2]).find("renderer-v2") is not None
    assert kinds["layer_styles"] == "attributes"
    assert all("SYNTHETIC" in titles[name] for name in names)
    for name in names:
        layer = gpd.read_file(path, layer=name)
        assert set(layer["data_kind"]) == {"synthetic"}, name
        points = set(layer.geom_type) == {"Point"}
        assert CRS(layer.crs).equals(CRS(4326) if points else made.results.grid.crs, ignore_axis_order=True)


def test_points_are_where_they_were_measured_with_what_was_measured(made):
    samples, cores = (gpd.read_file(made.out / "assessment.gpkg", layer=name) for name in ("samples", "cores"))
    product = made.results.samples.frame
    np.testing.assert_array_equal(samples["dy_ppm"], product["dy_ppm"])
    np.testing.assert_array_equal(samples.geometry.x, product["longitude_deg"])
    np.testing.assert_array_equal(samples.geometry.y, product["latitude_deg"])
    assert list(cores["core_id"]) == sorted(set(product["core_id"]))
    assert cores["samples"].sum() == len(product)


def test_classes_have_the_area_of_the_tables(made):
    classes = gpd.read_file(made.out / "assessment.gpkg", layer="classes")
    results = made.results
    for row in classes.itertuples():
        share = np.nansum(np.where(results.classes.code == row.class_code, results.seafloor.region_share, 0))
        assert row.geometry.area * 1e-6 == pytest.approx(share * results.grid.cell_area_m2 * 1e-6, rel=1e-6)
        assert row.area_km2 == pytest.approx(row.geometry.area * 1e-6, rel=1e-12)
    region = gpd.read_file(made.out / "assessment.gpkg", layer="region")
    assert classes.geometry.area.sum() == pytest.approx(region.geometry.area.sum(), rel=1e-6)
    assert not classes.geometry.iloc[0].overlaps(classes.geometry.iloc[-1]) or len(classes) == 1


def test_starting_panels_are_the_cells_of_the_plan(made):
    panels, plan = gpd.read_file(made.out / "assessment.gpkg", layer="starting_panels"), made.results.production
    for (rate, basis), first_year in plan.first_year.items():
        mine = panels[(panels["rate_t_day"] == rate) & (panels["basis"] == basis)]
        assert mine["cells"].sum() == np.isfinite(first_year).sum()
        assert mine.geometry.area.sum() == pytest.approx(np.isfinite(first_year).sum() * made.results.grid.cell_area_m2)


def test_geoparquet_is_version_1_1_with_bounds_and_the_projection_in_full(made):
    files = sorted((made.out / "vectors").glob("*.parquet"))
    assert len(files) == 8
    for path in files:
        notes = pq.read_schema(path).metadata
        geo = json.loads(notes[b"geo"])
        assert geo["version"] == "1.1.0"
        column = geo["columns"][geo["primary_column"]]
        assert set(column["covering"]["bbox"]) == {"xmin", "ymin", "xmax", "ymax"}
        table = pq.read_table(path)
        shapes = shapely.from_wkb(table[geo["primary_column"]].to_numpy())
        found = np.array([[box[side] for side in ("xmin", "ymin", "xmax", "ymax")] for box in table["bbox"].to_pylist()])
        np.testing.assert_allclose(found, shapely.bounds(shapes))
        assert CRS.from_json_dict(column["crs"]).equals(CRS(gpd.read_parquet(path).crs))
        assert json.loads(notes[b"assessment"])["data_kind"] == "synthetic"
    classes = gpd.read_parquet(made.out / "vectors" / "classes.parquet")
    assert CRS(classes.crs).equals(made.results.grid.crs)


def test_blocks_lie_at_their_elevation(made):
    blocks = gpd.read_parquet(made.out / "vectors" / "blocks.parquet")
    results = made.results
    grade, depth_m = results.grades[0], results.seafloor.depth_m
    assert len(blocks) == np.isfinite(grade.layer_ppm).sum()
    west, _, _, north = results.grid.bounds_m
    row, column = (
        ((north - blocks["northing_m"]) // results.grid.cell_m).astype(int),
        ((blocks["easting_m"] - west) // results.grid.cell_m).astype(int),
    )
    layer = (blocks["top_m"] - results.layers.top_m).astype(int)
    np.testing.assert_allclose(blocks["elevation_m"], -depth_m[row, column] - (blocks["top_m"] + blocks["bottom_m"]) / 2)
    np.testing.assert_allclose(blocks[f"{grade.element}_ppm"], grade.layer_ppm[layer, row, column], rtol=1e-6)


# ------------------------------------------------------------------ VTK


def test_draped_blocks_close_and_hold_the_volume_and_the_grades(made):
    mesh = meshio.read(made.out / "vtk" / "blocks_draped.vtu")
    (cells,) = mesh.cells
    corners = mesh.points[cells.data]
    results, known = made.results, blocks_of(made.results).known
    assert (cells.type, len(cells.data)) == ("hexahedron", known.sum())
    # Draping shears blocks and keeps their volume: the shoelace area of the base times the mean height.
    base = corners[:, :4, :2]
    area = 0.5 * np.abs(np.sum(base[:, :, 0] * np.roll(base[:, :, 1], -1, axis=1) - np.roll(base[:, :, 0], -1, axis=1) * base[:, :, 1], axis=1))
    height = (corners[:, 4:, 2] - corners[:, :4, 2]).mean(axis=1)
    np.testing.assert_allclose(area * height, results.grid.cell_area_m2 * results.layers.layer_m, rtol=1e-6)
    np.testing.assert_array_equal(mesh.cell_data["dy_ppm"][0], results.blocks["dy_ppm"].to_numpy()[known])
    # The middle of a block lies under the middle of the seafloor's corners.
    surface_m = at_corners(-results.seafloor.depth_m)
    middle_m = (surface_m[:-1, :-1] + surface_m[1:, :-1] + surface_m[:-1, 1:] + surface_m[1:, 1:]) / 4
    layer, row, column = np.nonzero(known)
    np.testing.assert_allclose(
        corners[:, :, 2].mean(axis=1), middle_m[row, column] - results.layers.tops_m[layer] - results.layers.layer_m / 2, atol=1e-6
    )
    assert mesh.field_data["synthetic"].item() == 1
    assert len(mesh.points) < 8 * len(cells.data) / 4


def test_the_flat_grid_has_each_block_at_its_place(made):
    root = ET.parse(made.out / "vtk" / "blocks_flat.vti").getroot()
    image = root.find("ImageData")
    extent = [int(word) for word in image.attrib["WholeExtent"].split()]
    origin, spacing = ([float(word) for word in image.attrib[name].split()] for name in ("Origin", "Spacing"))
    columns, rows, layers = extent[1::2]
    arrays = {array.attrib["Name"]: decoded(array).reshape(layers, rows, columns) for array in image.iter("DataArray")}
    results = made.results
    west, south, _, _ = results.grid.bounds_m
    assert (origin, spacing) == ([west, south, -results.layers.bottom_m], [results.grid.cell_m, results.grid.cell_m, results.layers.layer_m])
    # From below up and from the south north: the product lies the other way round.
    np.testing.assert_array_equal(arrays["dy_ppm"][::-1, ::-1], results.blocks["dy_ppm"])
    np.testing.assert_array_equal(arrays["class_code"][3, ::-1], results.blocks["class_code"])


def test_drill_holes_are_samples_at_true_elevation(made):
    mesh = meshio.read(made.out / "vtk" / "drill_holes.vtu")
    frame = made.results.samples.frame
    ends = mesh.points[mesh.cells[0].data]
    easting_m, northing_m = Transformer.from_crs(4326, made.results.grid.crs, always_xy=True).transform(frame["longitude_deg"], frame["latitude_deg"])
    np.testing.assert_allclose(ends[:, 0], np.column_stack([easting_m, northing_m, -frame["water_depth_m"] - frame["from_m"]]), atol=1e-6)
    np.testing.assert_allclose(ends[:, 0, 2] - ends[:, 1, 2], frame["to_m"] - frame["from_m"], atol=1e-9)
    np.testing.assert_allclose(mesh.cell_data["dy_ppm"][0], frame["dy_ppm"], rtol=1e-6)


# ------------------------------------------------------------------ OMF and tables, read by their own libraries


def test_omf_has_drill_holes_and_blocks_where_they_are(made, read_elsewhere):
    results = made.results
    frame = results.samples.frame
    true, flat = (read_elsewhere["omf"][f"assessment_{kind}.omf"] for kind in ("true", "flat"))
    assert (true["units"], flat["units"]) == ("m", "m")
    for project, has_water in ((true, True), (flat, False)):
        assert "SYNTHETIC" in project["title"]
        assert "Lambert" in project["description"]
        holes = project["elements"]["Drill holes"]
        ends = np.array(holes["vertices"])[np.array(holes["segments"])]
        water_m = frame["water_depth_m"] if has_water else 0
        np.testing.assert_allclose(ends[:, :, 2], np.column_stack([-water_m - frame["from_m"], -water_m - frame["to_m"]]), atol=1e-9)
        assert holes["subtype"] == "borehole"
        assert holes["data"]["core_id"] == list(frame["core_id"])
        np.testing.assert_array_equal(np.array(holes["data"]["gd_ppm"], dtype=float), frame["gd_ppm"])
    volume = flat["elements"]["Block model"]
    counts = [len(side) for side in volume["sides"]]
    assert counts == [*results.grid.shape[::-1], results.layers.count]
    # u to the east, v to the north, w up; the last runs fastest.
    grades = np.array(volume["data"]["dy_ppm"], dtype=float).reshape(counts)
    np.testing.assert_array_equal(grades.transpose(2, 1, 0)[::-1, ::-1], results.blocks["dy_ppm"])
    west, south, _, _ = results.grid.bounds_m
    assert volume["origin"] == [west, south, -results.layers.bottom_m]
    assert volume["legends"]["class_code"] == ["unclassified", "inferred", "indicated", "measured"]
    points = np.array(true["elements"]["Blocks"]["vertices"])
    blocks = gpd.read_parquet(made.out / "vectors" / "blocks.parquet")
    np.testing.assert_allclose(points, blocks[["easting_m", "northing_m", "elevation_m"]], atol=1e-6)
    surface = true["elements"]["Seafloor"]
    corners = np.array(surface["vertices"])[np.array(surface["triangles"])]
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = 0.5 * np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum()
    assert area == pytest.approx(blocks_of(results).known.any(axis=0).sum() * results.grid.cell_area_m2)


def test_an_independent_validator_accepts_the_tables(made, read_elsewhere):
    told = read_elsewhere["tables"]
    assert told["valid"], told["errors"]
    package = json.loads((made.out / "tables" / "datapackage.json").read_text(encoding="utf-8"))
    names = {path.name for path in made.results.processed.glob("*.csv")}
    assert {resource["path"] for resource in package["resources"]} == names > {"tonnage.csv", "recoverable.csv", "rejected.csv"}
    for resource in package["resources"]:
        content = (made.out / "tables" / resource["path"]).read_bytes()
        assert content == (made.results.processed / resource["path"]).read_bytes()
        assert (resource["bytes"], resource["hash"]) == (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")
        if resource["name"] != "rejected":
            assert told["rows"][resource["name"]] == len(pd.read_csv(made.out / "tables" / resource["path"]))


def test_every_column_of_every_table_is_described_in_both_languages(made):
    package = json.loads((made.out / "tables" / "datapackage.json").read_text(encoding="utf-8"))
    for resource in package["resources"]:
        for column in resource["schema"]["fields"]:
            assert column.get("description"), (resource["name"], column["name"])
            assert column.get("description_ja"), (resource["name"], column["name"])
    tonnage = next(resource for resource in package["resources"] if resource["name"] == "tonnage")
    fields = {column["name"]: column for column in tonnage["schema"]["fields"]}
    assert (fields["metal_t"]["type"], fields["metal_t"]["unit"], fields["area_km2"]["unit"]) == ("number", "t", "km2")
    assert tonnage["schema"]["primaryKey"] == ["element", "region", "cutoff_ppm", "statistic"]


# ------------------------------------------------------------------ catalogue


def test_the_catalogue_is_valid_stac_and_its_checksums_hold(made, monkeypatch):
    import socket

    def refused(*_args, **_kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "create_connection", refused)
    item = pystac.Item.from_file(str(made.out / "item.json"))
    collection = pystac.Collection.from_file(str(made.out / "collection.json"))
    # Schemas of extensions are not shipped with the library: their fields are read by its accessors below.
    plain = item.clone()
    plain.stac_extensions = []
    plain.validate()
    collection.validate()
    assert json.loads((made.out / "item.json").read_text())["stac_version"] == "1.1.0"
    files = {path.relative_to(made.out).as_posix() for path in made.out.rglob("*") if path.is_file()}
    assert set(item.assets) == files - {"item.json", "collection.json", "manifest.json"}
    for name, asset in item.assets.items():
        content = (made.out / name).read_bytes()
        assert asset.href.removeprefix("./") in {name, *([str(made.out / name)] if Path(asset.href).is_absolute() else [])}
        described = FileExtension.ext(asset)
        assert described.size == len(content)
        assert described.checksum == "1220" + hashlib.sha256(content).hexdigest()
    projection = ProjectionExtension.ext(item)
    assert projection.epsg is None
    for told in (CRS.from_wkt(projection.wkt2), CRS.from_json_dict(projection.projjson)):
        assert told.equals(made.results.grid.crs)
    raster = item.assets["rasters/grade_dy.tif"]
    local = ProjectionExtension.ext(raster)
    with rasterio.open(made.out / "rasters" / "grade_dy.tif") as written:
        assert (tuple(local.shape), tuple(local.transform)) == (written.shape, tuple(written.transform)[:6])
        values, bands = written.read(1), raster.extra_fields["bands"]
        assert [(band["name"], band["unit"]) for band in bands] == list(zip(written.descriptions, written.units, strict=True))
    assert bands[0]["statistics"]["maximum"] == pytest.approx(np.nanmax(values))
    assert item.properties["data_kind"] == "synthetic"


def turned(results, **edges):
    region = RegionSettings(**edges)
    other = Results(results.raw, results.processed, results.maps)
    other.__dict__["region"] = region
    return other


@pytest.mark.parametrize(
    ("edges", "bbox", "parts"),
    [
        ({"west_deg": 179.0, "east_deg": 182.0, "south_deg": -20.0, "north_deg": -18.0}, [179.0, -20.0, -178.0, -18.0], 2),
        ({"west_deg": 153.5, "east_deg": 154.0, "south_deg": 21.0, "north_deg": 22.0}, [153.5, 21.0, 154.0, 22.0], 1),
        ({"west_deg": 200.0, "east_deg": 205.0, "south_deg": 10.0, "north_deg": 12.0}, [-160.0, 10.0, -155.0, 12.0], 1),
    ],
)
def test_the_footprint_is_cut_at_the_180th_meridian(made, edges, bbox, parts):
    shape, found = footprint(turned(made.results, **edges))
    polygon = shapely.geometry.shape(shape)
    assert found == pytest.approx(bbox)
    assert len(shapely.get_parts(polygon)) == parts
    assert np.abs(shapely.get_coordinates(polygon)[:, 0]).max() <= 180
    width = (edges["east_deg"] - edges["west_deg"]) * (edges["north_deg"] - edges["south_deg"])
    assert polygon.area == pytest.approx(width)


# ------------------------------------------------------------------ the reviewer's archive


def test_the_archive_holds_every_product_and_its_sums_hold(made):
    with zipfile.ZipFile(made.out / "review.zip") as archive:
        names = archive.namelist()
        content = {name: archive.read(name) for name in names}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(names)
    told = dict(reversed(line.split("  ", 1)) for line in content["SHA256SUMS"].decode().splitlines())
    assert told == {name: hashlib.sha256(held).hexdigest() for name, held in content.items() if name != "SHA256SUMS"}
    products = {f"products/{path.name}" for path in made.results.processed.glob("*") if path.is_file()}
    assert products | {"maps/index.html", "requirements.lock", "README.md", "README.ja.md"} <= set(names)
    assert content["requirements.lock"] == (ROOT / "requirements.lock").read_bytes()
    assert content["settings/assessment.toml"] == (made.results.raw / "assessment.toml").read_bytes()
    assert json.loads(content["program.json"])["code_sha256"] == made.results.provenance["code_sha256"]
    inputs = json.loads(content["inputs.json"])
    assert {name: said["sha256"] for name, said in inputs.items()} == made.results.inputs
    assert "SYNTHETIC" in content["README.md"].decode()
    assert "合成データ" in content["README.ja.md"].decode()


def test_the_archive_carries_only_inputs_whose_note_names_an_open_licence(made):
    with zipfile.ZipFile(made.out / "review.zip") as archive:
        carried = {name.removeprefix("inputs/") for name in archive.namelist() if name.startswith("inputs/")}
    assert "cores/reference_survey.csv" in carried
    assert not any(name.startswith(("published/", "truth/")) for name in carried)
    assert carried == {file.name for file in input_files(made.results) if file.is_carried}
    assert not any(file.is_carried for file in input_files(made.results, "none"))
    assert all(file.is_carried for file in input_files(made.results, "all"))


@pytest.mark.parametrize(
    ("licence", "may_be_passed_on"),
    [
        ("CC BY 4.0", True),
        ("CC-BY-SA-4.0", True),
        ("MIT, as the program that draws it", True),
        ("US Government public domain; cite Amante & Eakins 2009", True),
        ("CC BY-NC 4.0", False),
        ("CC BY-ND 4.0", False),
        ("not public domain", False),
        ("permitted for the project", False),
        ("confidential", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_a_licence_is_open_only_where_its_words_say_so(licence, may_be_passed_on):
    assert is_open(licence) is may_be_passed_on


# ------------------------------------------------------------------ the folder


def test_the_same_results_are_the_same_bytes(made, tmp_path):
    again = exported(made.results, tmp_path / "again")
    assert sums(again.out) == sums(made.out)


def test_no_file_names_a_folder_of_this_machine(made):
    folders = [str(folder).encode() for folder in (made.results.raw.parent, ROOT, Path.home())]
    with zipfile.ZipFile(made.out / "review.zip") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents |= {path.name: path.read_bytes() for path in made.out.rglob("*") if path.is_file()}
    for name, content in contents.items():
        assert not any(folder in content for folder in folders if len(folder) > 5), name


def test_what_an_assessment_lacks_is_left_out_with_what_an_earlier_export_made_of_it_and_nothing_else(made, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(made.out, out)
    (out / "notes.txt").write_text("mine")
    absent = ("block_model.nc", "classes.tif", "next_cores*", "production.csv", "start_panels.*", "composites.parquet", "provenance.json")
    left = exported(copied(made.results, tmp_path, *absent, "p*_dy.tif", "p*_gd.tif"), out)
    assert not (out / "block_model.nc").exists()
    assert {path.name for path in (out / "omf").iterdir()} == {"assessment_true.omf", "assessment_flat.omf"}
    assert {path.name for path in (out / "rasters").glob("*.*")} == {
        f"{name}.{kind}" for name in ("density", "grade_dy", "grade_gd", "seafloor") for kind in ("tif", "qml")
    }
    assert {name for name, kind in pyogrio.list_layers(out / "assessment.gpkg") if kind} == {"region", "samples", "cores"}
    assert "export NetCDF       nothing" in left.said
    assert (out / "notes.txt").read_text() == "mine"
    assert not list(out.glob(".partial-*"))


def test_without_water_depths_nothing_claims_an_elevation(made, tmp_path):
    results = copied(made.results, tmp_path)
    unknown = np.full(results.grid.shape, np.nan)
    floor = replace(results.seafloor, depth_m=unknown, slope_deg=unknown, source=NO_DEPTHS, source_resolution_m=np.nan)
    floor.write(results.processed / "seafloor.tif")
    results = Results.of(results.raw, results.processed, results.maps)
    samples = results.samples
    results.__dict__["samples"] = replace(samples, frame=samples.frame.assign(water_depth_m=np.nan))
    blocks, holes = blocks_of(results), drill_holes(results)
    assert [path.name for path in write_vtk(results, blocks, holes, tmp_path)] == ["blocks_flat.vti"]
    assert [path.name for path in write_omf(results, blocks, holes, tmp_path)] == ["assessment_flat.omf"]
    (path,) = write_geoparquet(results, [], blocks, tmp_path)
    assert gpd.read_parquet(path)["elevation_m"].isna().all()


def test_layers_below_a_level_marker_lie_where_the_same_layers_below_the_seafloor_lie(made, tmp_path):
    # A marker 2 m below the seafloor everywhere, known without error, and layers that begin 2 m above it.
    plain = made.results
    results = Results(plain.raw, plain.processed, plain.maps)
    shifted = Layers(plain.layers.top_m - 2, plain.layers.bottom_m - 2, plain.layers.layer_m, "上の層")
    marker_m = np.full(plain.grid.shape, 2.0)
    horizon = Horizon(plain.grid, shifted, marker_m, 0 * marker_m, None, {}, plain.marks)
    results.__dict__.update(horizon=horizon, seafloor=replace(plain.seafloor, layers=shifted, horizon=horizon))
    blocks, holes = blocks_of(results), drill_holes(results)
    np.testing.assert_allclose(blocks.middles_m(), blocks_of(plain).middles_m(), atol=1e-9)
    np.testing.assert_allclose(blocks.corner_elevation_m(), blocks_of(plain).corner_elevation_m(), atol=1e-9)
    np.testing.assert_array_equal(holes.position_m(holes.from_m), drill_holes(plain).position_m(holes.from_m))
    np.testing.assert_array_equal(holes.position_m(holes.from_m, flat=True)[:, 2], 2.0 - holes.from_m)
    write_vtk(results, blocks, holes, tmp_path)
    assert "minus the depth below the marker '上の層'" in (tmp_path / "blocks_flat.vti").read_text(encoding="utf-8")


def test_text_of_a_user_stays_text_in_a_style_and_never_breaks_it():
    style = vector_style(VectorStyle("fill", "#000000", column="name", colours={'a"<b>&\x1b': ("#123456", "x\x00 </qgis>")}))
    (category,) = ET.fromstring(style.partition("\n")[2]).iter("category")
    assert (category.attrib["value"], category.attrib["label"]) == ('a"<b>&\\x1b', "x\\x00 </qgis>")


def test_a_user_polygon_becomes_a_layer_on_the_grid(made, tmp_path):
    results = copied(made.results, tmp_path)
    west, south, east, north = (getattr(results.region, f"{side}_deg") for side in ("west", "south", "east", "north"))
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    content = {"type": "Feature", "properties": {"name": "海山 <b>", "kind": "outcrop"}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    path = results.raw / "domains" / "a.geojson"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    listed = {"files": {"domains/a.geojson": hashlib.sha256(path.read_bytes()).hexdigest()}}
    (results.processed / ".lists" / "domains.json").write_text(json.dumps(listed), encoding="utf-8")
    layers = {layer.name: layer for layer in layers_of(results)}
    assert list(layers["domains"].frame["name"]) == ["海山 <b>"]
    assert layers["domains"].frame.geometry.area.sum() == pytest.approx(layers["region"].frame.geometry.area.sum(), rel=1e-4)
    # Marked-up text stays text in the style.
    style = ET.fromstring(vector_style(layers["domains"].style).partition("\n")[2])
    assert [category.attrib["value"] for category in style.iter("category")] == ["海山 <b>"]


@pytest.mark.parametrize("where", ["foreign", "raw", "processed", "parent"])
def test_a_folder_that_no_export_may_touch_is_refused_and_left_alone(made, tmp_path, where):
    results = made.results
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.doc").write_text("mine")
    out = {"foreign": tmp_path / "foreign", "raw": results.raw / "export", "processed": results.processed, "parent": results.raw.parent}[where]
    with pytest.raises(ArtefactError, match="EXPORT=dir"):
        exported(results, out)
    assert (tmp_path / "foreign" / "thesis.doc").read_text() == "mine"


def test_nothing_to_export_and_a_mistyped_switch_are_explained(made, tmp_path, capsys):
    for name in ("raw", "p", "m"):
        (tmp_path / name).mkdir()
    folders = ["--raw", str(tmp_path / "raw"), "--processed", str(tmp_path / "p"), "--maps", str(tmp_path / "m")]
    assert main(["export", *folders]) == 2
    assert "Run make all first" in capsys.readouterr().err
    assert main(["export", *folders, "--inputs", "some"]) == 2
    assert "none, licensed, all" in capsys.readouterr().err


def test_corners_are_the_mean_of_the_cells_that_are_known():
    corners = at_corners(np.array([[1.0, np.nan], [3.0, np.nan]]))
    np.testing.assert_array_equal(corners, [[1, 1, np.nan], [2, 2, np.nan], [3, 3, np.nan]])
