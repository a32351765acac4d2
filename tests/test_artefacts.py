"""Artefacts: what is written is read back, by us and by others, and the same content gives the same bytes."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import rioxarray  # noqa: F401 - registers the accessor
import xarray as xr
from assess import listed
from pandas.testing import assert_frame_equal
from pyproj import CRS

from pipeline.artefacts import (
    BlockModel,
    Calibration,
    Composites,
    CoreFiles,
    CrossValidation,
    Density,
    Grade,
    JointModel,
    Marks,
    NextCores,
    Page,
    PanelTotals,
    Production,
    Provenance,
    PublishedFiles,
    PublishedMethod,
    Recoverable,
    RecoverableTotals,
    Samples,
    Seafloor,
    SimulatedColumns,
    Simulation,
    Squares,
    Supply,
    Tonnage,
    Validation,
    Variogram,
    write_rejected,
)
from pipeline.errors import ArtefactError
from pipeline.grid import Grid, same_grid
from pipeline.stages import block_model

RASTERS = ("seafloor.tif", "density.tif", "grade_dy.tif", "grade_gd.tif")
SIMULATED = tuple(f"{kind}_{element}.tif" for kind in ("percentiles", "probability") for element in ("dy", "gd"))
WORTH = ("next_cores_dy.tif", "next_cores_gd.tif")
# Files that are written and read with another one.
BESIDE = {
    "next_cores.csv",
    "published_method.csv", "rejected.csv", "simulation.json", "classes.tif", "recoverable_sensitivity.csv", "start_panels.csv", "start_panels.tif",
    *SIMULATED, *WORTH,
}  # fmt: skip
KINDS = (
    Samples, Seafloor, Composites, Variogram, JointModel, CrossValidation, Density, Grade, Simulation, Squares, NextCores, RecoverableTotals,
    Recoverable, PanelTotals, SimulatedColumns, Production, Supply, Tonnage, BlockModel, Validation, Provenance, PublishedMethod, Page,
)  # fmt: skip


def artefacts_of(result, raw):
    """Every artefact by the name of its file."""
    return {
        "samples.parquet": result.samples,
        "seafloor.tif": result.seafloor,
        "composites.parquet": result.composites,
        **{f"variogram_{variogram.subject}.json": variogram for variogram in result.variograms},
        "coregionalisation.json": result.joint,
        "cross_validation.json": result.cross_validation,
        "density.tif": result.density,
        **{f"grade_{grade.element}.tif": grade for grade in result.grades},
        "totals.parquet": result.simulation,
        "squares.nc": result.simulation.squares,
        "next_cores.json": result.next_cores,
        "recoverable_totals.parquet": result.beside(RecoverableTotals),
        "recoverable.csv": result.recoverable,
        "panels.parquet": result.beside(PanelTotals),
        "simulated_columns.nc": result.beside(SimulatedColumns),
        "production.csv": result.production,
        "supply.csv": result.supply,
        "tonnage.csv": result.tonnage,
        "block_model.nc": block_model.run(result.seafloor, result.density, result.grades, result.simulation),
        "validation.json": result.validation,
        "provenance.json": result.provenance,
        "published_method.json": result.published_method_of(listed(PublishedFiles, raw, ".csv")),
        "index.html": Page("<!doctype html><html><title>堆積物</title></html>\n"),
    }


@pytest.fixture(scope="module")
def artefacts(tiny, reference_raw):
    """Artefacts of the small assessment."""
    return artefacts_of(tiny, reference_raw)


@pytest.fixture(scope="module")
def written(artefacts, tmp_path_factory):
    """Folder that holds them all."""
    folder = tmp_path_factory.mktemp("processed")
    for name, artefact in artefacts.items():
        artefact.write(folder / name)
    return folder


def assert_same(one, other, rtol):
    """Equal in every field; arrays to a relative tolerance, missing where the other is missing."""
    assert type(one) is type(other)
    if isinstance(one, Grid):
        assert same_grid(one, other)
    elif isinstance(one, pd.DataFrame):
        # A table of text does not keep whether a column holds whole numbers.
        assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other), check_dtype=rtol == 0 and len(one) > 0, rtol=rtol)
    elif isinstance(one, xr.Dataset):
        for name in one.data_vars:
            assert other[name].dims == one[name].dims
            np.testing.assert_allclose(other[name], one[name], rtol=rtol)
    elif is_dataclass(one):
        for field in fields(one):
            if field.compare:
                assert_same(getattr(one, field.name), getattr(other, field.name), rtol)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same(value, other[key], rtol)
    elif isinstance(one, np.ndarray):
        np.testing.assert_allclose(other, one, rtol=rtol)
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=1e-5)
    else:
        assert other == one


NAMES = (
    "samples.parquet",
    "composites.parquet",
    "variogram_dy.json",
    "variogram_density.json",
    "coregionalisation.json",
    "cross_validation.json",
    *RASTERS,
    "totals.parquet",
    "squares.nc",
    "next_cores.json",
    "recoverable_totals.parquet",
    "recoverable.csv",
    "panels.parquet",
    "simulated_columns.nc",
    "production.csv",
    "supply.csv",
    "tonnage.csv",
    "validation.json",
    "provenance.json",
    "published_method.json",
    "index.html",
)


# Rasters beside them hold float32, and so do squares; a table beside one holds ten digits.
ROUNDED = {
    "published_method.json": 1e-9,
    "totals.parquet": 1e-6,
    "production.csv": 1e-6,
    "squares.nc": 1e-6,
    "simulated_columns.nc": 1e-6,
    "next_cores.json": 1e-6,
}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_back(artefacts, written, name):
    again = type(artefacts[name]).read(written / name)
    # Rasters hold float32; tables ten digits.
    if name in ("provenance.json", "validation.json"):
        assert json.loads(json.dumps(artefacts[name].content)) == again.content
    else:
        assert_same(artefacts[name], again, rtol=ROUNDED.get(name, {".tif": 1e-6, ".csv": 1e-9}.get((written / name).suffix, 0)))


def test_every_file_is_claimed_by_exactly_one_kind(written):
    for path in written.iterdir():
        claiming = [kind for kind in KINDS if kind.matches(path)]
        assert len(claiming) == (path.name not in BESIDE), path.name


def test_same_content_gives_the_same_bytes(artefacts, written, tmp_path):
    for name, artefact in artefacts.items():
        artefact.write(tmp_path / name)
    different = [path.name for path in sorted(tmp_path.iterdir()) if path.read_bytes() != (written / path.name).read_bytes()]
    assert different == []
    assert {path.name for path in tmp_path.iterdir()} == artefacts.keys() | BESIDE


def test_artefact_read_and_written_again_has_the_same_bytes(artefacts, written, tmp_path):
    """Nothing is lost on the way through a file, so a stage may run from files or from memory."""
    models = ("variogram_dy.json", "coregionalisation.json", "cross_validation.json", "validation.json", "provenance.json", "published_method.json")
    tables = ("samples.parquet", "composites.parquet", "totals.parquet", "recoverable_totals.parquet", "recoverable.csv", "panels.parquet")
    tables = (*tables, "production.csv", "supply.csv", "tonnage.csv")
    for name in (*RASTERS, *tables, "squares.nc", "simulated_columns.nc", "next_cores.json", *models):
        type(artefacts[name]).read(written / name).write(tmp_path / name)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (written / path.name).read_bytes(), path.name


LABELS = [f"{layer}-{layer + 1} m" for layer in range(10)]


@pytest.mark.parametrize(
    ("name", "pair", "last"),
    [
        ("grade_dy.tif", ("dy_ppm", "dy_sd_ppm"), ["slope_of_regression"]),
        ("grade_gd.tif", ("gd_ppm", "gd_sd_ppm"), ["slope_of_regression"]),
        ("density.tif", ("dry_bulk_density_t_m3", "dry_bulk_density_sd_t_m3"), []),
    ],
)
def test_bands_are_estimate_and_sd_then_one_pair_per_layer(written, name, pair, last):
    with rasterio.open(written / name) as raster:
        assert list(raster.descriptions) == [*pair, *(f"{band} {label}" for label in LABELS for band in pair), *last]


PERCENTILES = ("p05", "p10", "p25", "p50", "p75", "p90", "p95")


def test_bands_of_the_percentiles(written):
    with rasterio.open(written / "percentiles_dy.tif") as raster:
        ppm = [f"dy_{name}_ppm" for name in (*PERCENTILES, "mean")]
        assert list(raster.descriptions) == [*ppm, "dy_sd_ppm", *(f"{band} {label}" for label in LABELS for band in ppm)]
        assert "what the resource industry calls P95" in raster.tags()["percentiles"]
        values = raster.read(list(range(1, 8)))
    known = np.isfinite(values).all(axis=0)
    assert known.any()
    assert np.all(np.diff(values[:, known], axis=0) >= 0)


def test_bands_of_the_probability(written, tiny):
    cutoffs = tiny.settings.cutoffs.of("dy")
    with rasterio.open(written / "probability_dy.tif") as raster:
        names = [f"dy_over_{cutoff:g}_ppm_probability" for cutoff in cutoffs]
        assert list(raster.descriptions) == [*names, *(f"{name} {label}" for label in LABELS for name in names)]
        assert json.loads(raster.tags()["cutoffs_ppm"]) == cutoffs
        values = raster.read(list(range(1, 1 + len(cutoffs))))
    known = np.isfinite(values).all(axis=0)
    assert np.all(values[0, known] == 1)
    assert np.all(np.diff(values[:, known], axis=0) <= 0)


def test_cutoffs_that_differ_late_keep_their_bands(tiny, tmp_path):
    grade = tiny.simulation.grades["dy"]
    cutoffs = (0.0, *(100_000 + step / 10 for step in range(1, len(grade.cutoffs_ppm))))
    replace(tiny.simulation, grades={"dy": replace(grade, cutoffs_ppm=cutoffs)}).write(tmp_path / "totals.parquet")
    assert Simulation.read(tmp_path / "totals.parquet").grades["dy"].cutoffs_ppm == cutoffs


def test_classes_carry_their_legend(written):
    with rasterio.open(written / "classes.tif") as raster:
        assert raster.descriptions == ("class_code", "reason_code", "year_half_width_share", "quarter_half_width_share")
        legend, reasons = (json.loads(raster.tags()[name]) for name in ("classes", "reasons"))
        code, reason = raster.read(1), raster.read(2)
    assert legend == {"0": "unclassified", "1": "inferred", "2": "indicated", "3": "measured"}
    assert {f"{value:g}" for value in np.unique(reason[np.isfinite(reason)])} <= set(reasons)
    assert np.array_equal(np.isfinite(code), np.isfinite(reason))


@pytest.mark.parametrize("name", ["grade_dy.tif", "percentiles_gd.tif"])
def test_stored_grades_compare_with_cut_offs_as_their_whole_numbers_of_steps_do(written, name):
    """In float32 and in float64, also at cut-offs that no binary number equals."""
    with rasterio.open(written / name) as raster:
        step_ppm = float(raster.tags()["step_ppm"])
        values = raster.read([number for number in raster.indexes if "_ppm" in raster.descriptions[number - 1]])
    stored = values[np.isfinite(values)]
    steps = np.rint(stored.astype(np.float64) / step_ppm).astype(np.int64)
    assert np.array_equal(np.rint(stored / np.float32(step_ppm)), steps)
    np.testing.assert_allclose(stored, steps * step_ppm, rtol=2e-7)
    for number in np.unique(steps)[::7]:
        cutoff_ppm = float(Decimal(int(number)) * Decimal(repr(step_ppm)))
        over = steps >= number
        assert np.array_equal(stored >= cutoff_ppm, over)
        assert np.array_equal(stored.astype(np.float64) >= cutoff_ppm, over)


def test_stored_probabilities_are_whole_steps_of_a_five_hundredth(written):
    with rasterio.open(written / "probability_dy.tif") as raster:
        assert raster.tags()["step_probability"] == "0.002"
        values = raster.read().astype(np.float64)
    steps = values[np.isfinite(values)] * 500
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)


def test_all_rasters_of_an_element_share_its_step(written):
    steps = {}
    for name in ("grade_dy.tif", "percentiles_dy.tif"):
        with rasterio.open(written / name) as raster:
            steps[name] = raster.tags()["step_ppm"]
    assert set(steps.values()) == {"0.1"}


def test_squares_are_a_cf_data_set_with_projection_units_and_marks(written, tiny):
    with xr.open_dataset(written / "squares.nc", engine="h5netcdf", decode_coords="all") as dataset:
        assert CRS.from_user_input(dataset.rio.crs.to_wkt()).equals(tiny.seafloor.grid.crs, ignore_axis_order=True)
        assert (dataset.attrs["Conventions"], dataset.attrs["data_kind"]) == ("CF-1.8", "synthetic")
        for element in ("dy", "gd"):
            for name in ("dry_mud_t", "metal_t"):
                field = dataset[f"{element}_{name}"]
                assert field.dims == ("realisation", f"{element}_cutoff_ppm", "northing_m", "easting_m")
                assert (field.attrs["units"], field.dtype) == ("t", np.float32)
        north_west_m = dataset["easting_m"].item(0), dataset["northing_m"].item(0)
    half_m = tiny.simulation.squares.side_cells * tiny.seafloor.grid.cell_m / 2
    west_m, _, _, north_m = tiny.seafloor.grid.bounds_m
    assert north_west_m == (west_m + half_m, north_m - half_m)


def test_totals_are_a_plain_table_sorted_by_what_names_a_row(written):
    frame = pd.read_parquet(written / "totals.parquet")
    keys = ["realisation", "element", "region", "cutoff_ppm"]
    assert list(frame) == [*keys, "area_km2", "dry_mud_t", "metal_t"]
    assert_frame_equal(frame, frame.sort_values(keys, ignore_index=True))
    assert not frame.duplicated(keys).any()
    assert frame.notna().all(axis=None)


def test_a_simulation_of_nothing_is_written_and_read_back(tiny, tmp_path):
    code = np.where(np.isnan(tiny.simulation.classes.code), np.nan, 0.0)
    classes = replace(tiny.simulation.classes, code=code, reason=code, year_half_width_share=code * np.nan, quarter_half_width_share=code * np.nan)
    reasons = {"not_simulated": {"dy": "all values are equal", "gd": "all values are equal"}}
    squares = replace(tiny.simulation.squares, grades={})
    nothing = replace(tiny.simulation, totals=tiny.simulation.totals.iloc[:0], grades={}, classes=classes, summary=reasons, squares=squares)
    nothing.write(tmp_path / "totals.parquet")
    again = Simulation.read(tmp_path / "totals.parquet")
    assert len(again.totals) == 0
    assert list(again.totals) == list(tiny.simulation.totals)
    assert_same(replace(nothing, totals=again.totals), again, 1e-6)
    assert_same(squares, Squares.read(tmp_path / "squares.nc"), 0)
    beside = {artefact.NAME for artefact in nothing.beside}
    assert {path.name for path in tmp_path.iterdir()} == {"totals.parquet", "classes.tif", "simulation.json", "squares.nc"} | beside


def test_realisations_of_an_earlier_run_do_not_stay_beside_new_totals(tiny, tmp_path):
    (tmp_path / "realisations.zarr").mkdir()
    (tmp_path / "realisations.zarr" / "0").write_text("of other cores", encoding="utf-8")
    replace(tiny.simulation, kept=True).write(tmp_path / "totals.parquet")
    assert (tmp_path / "realisations.zarr").is_dir()
    tiny.simulation.write(tmp_path / "totals.parquet")
    assert not (tmp_path / "realisations.zarr").exists()


def test_what_is_no_number_is_null_in_json(tiny, tmp_path):
    summary = {"a": np.float64("nan"), "b": [np.int64(3), float("inf")], "c": {"d": np.array([1.5, np.nan])}, "e": (True, np.bool_(False), None)}
    replace(tiny.simulation, summary=summary).write(tmp_path / "totals.parquet")
    again = json.loads((tmp_path / "simulation.json").read_text(encoding="utf-8"))
    assert again["summary"] == {"a": None, "b": [3, None], "c": {"d": [1.5, None]}, "e": [True, False, None]}
    assert again["data_kind"] == "synthetic"


def test_calibration_is_that_beside_the_program_or_nothing():
    content = Calibration.shipped().content
    assert content is None or {"program", "runs"} <= content.keys()


def test_bands_of_the_seafloor(written):
    with rasterio.open(written / "seafloor.tif") as raster:
        assert raster.descriptions == ("depth_m", "slope_deg", "region_share")
        assert raster.units == ("m", "degree", "1")


@pytest.mark.parametrize("name", [*RASTERS, *SIMULATED, *WORTH, "classes.tif"])
def test_raster_is_a_cloud_optimised_float32_with_units_and_nan(written, tiny, name):
    with rasterio.open(written / name) as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert set(raster.dtypes) == {"float32"}
        assert np.isnan(raster.nodata)
        assert all(raster.units)
        by_name = dict(zip(raster.descriptions, raster.units, strict=True))
        assert all(unit == "ppm" for band, unit in by_name.items() if band.split(" ")[0].endswith("_ppm"))
        assert all(unit == "1" for band, unit in by_name.items() if "probability" in band)
        assert all(unit == "t/m3" for band, unit in by_name.items() if "t_m3" in band)
        found = Grid(CRS.from_wkt(raster.crs.to_wkt()), raster.transform, raster.shape)
    assert same_grid(found, tiny.seafloor.grid)


def test_layers_of_a_raster_survive_odd_depths(tiny, tmp_path):
    from pipeline.grid import Layers

    replace(tiny.seafloor, layers=Layers(0.1, 0.7, 0.2)).write(tmp_path / "seafloor.tif")
    assert Seafloor.read(tmp_path / "seafloor.tif").layers == Layers(0.1, 0.7, 0.2)


@pytest.mark.parametrize(("name", "rows"), [("samples.parquet", "samples"), ("composites.parquet", "composites")])
def test_geoparquet_is_readable_by_geopandas(written, tiny, name, rows):
    frame = gpd.read_parquet(written / name)
    assert frame.crs == CRS.from_epsg(4326)
    assert len(frame) == len(getattr(tiny, rows).frame)
    assert np.array_equal(frame.geometry.x, frame["longitude_deg"])
    assert np.array_equal(frame.geometry.y, frame["latitude_deg"])


def test_block_model_opens_in_xarray_with_projection_and_units(written, tiny):
    with xr.open_dataset(written / "block_model.nc", engine="h5netcdf", decode_coords="all") as dataset:
        assert CRS.from_user_input(dataset.rio.crs.to_wkt()).equals(tiny.seafloor.grid.crs, ignore_axis_order=True)
        for name, variable in {**dataset.data_vars, **{axis: dataset[axis] for axis in ("easting_m", "northing_m", "depth_m")}}.items():
            assert variable.attrs.get("units"), name
        assert dataset["dy_ppm"].dims == ("depth_m", "northing_m", "easting_m")
        assert dataset.attrs["Conventions"] == "CF-1.8"
        np.testing.assert_allclose(dataset["dy_ppm"], tiny.grades[0].layer_ppm, rtol=1e-6)
        simulated = tiny.simulation.grades["dy"]
        np.testing.assert_allclose(dataset["dy_p05_ppm"], simulated.block_ppm[0], rtol=1e-6)
        np.testing.assert_allclose(dataset["dy_p95_ppm"], simulated.block_ppm[-1], rtol=1e-6)
        assert dataset["dy_probability"].dims == ("dy_cutoff_ppm", "depth_m", "northing_m", "easting_m")
        assert tuple(dataset["dy_cutoff_ppm"].values) == simulated.cutoffs_ppm
        np.testing.assert_allclose(dataset["dy_probability"], simulated.block_probability, rtol=1e-6)
        np.testing.assert_allclose(dataset["class_code"], tiny.simulation.classes.code)
        assert dataset["class_code"].attrs["flag_meanings"] == "unclassified inferred indicated measured"
        np.testing.assert_allclose(dataset["water_depth_m"], tiny.seafloor.depth_m, rtol=1e-6)
        np.testing.assert_allclose(dataset["northing_m"], tiny.seafloor.grid.centres_m()[1][:, 0])
        assert list(dataset["depth_m"].values) == [layer + 0.5 for layer in range(10)]


def test_block_model_marks_every_field_with_its_projection(written):
    with xr.open_dataset(written / "block_model.nc", engine="h5netcdf") as dataset:
        fields_ = [name for name, variable in dataset.data_vars.items() if variable.ndim]
        assert {dataset[name].attrs.get("grid_mapping", dataset[name].encoding.get("grid_mapping")) for name in fields_} == {"crs"}


def test_tonnage_has_the_promised_columns_in_order(written):
    header = (written / "tonnage.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.startswith("element,region,cutoff_ppm,statistic,area_km2,dry_mud_t,grade_ppm,metal_t,oxide_t")
    assert b"\r" not in (written / "tonnage.csv").read_bytes()


def test_rejected_is_a_header_only_after_a_clean_build(written):
    assert (written / "rejected.csv").read_text(encoding="utf-8") == "file,row,column,value,reason\n"


def test_refused_values_stay_as_they_stood(tmp_path):
    refused = pd.DataFrame([("cores/a.csv", 2, "core_id", "NA", 'says "no", twice'), ("cores/a.csv", 3, "dy_ppm", "007", "")])
    refused.columns = ["file", "row", "column", "value", "reason"]
    write_rejected(refused, tmp_path)
    again = pd.read_csv(tmp_path / "rejected.csv", dtype=str, keep_default_na=False)
    assert again.to_numpy().tolist() == refused.astype(str).to_numpy().tolist()


def test_provenance_lists_every_figure_of_the_table(artefacts, tiny):
    content = artefacts["provenance.json"].content
    numbers = {number["id"]: number["value"] for number in content["numbers"]}
    assert len(numbers) == len(content["numbers"])
    assert numbers["tonnage/dy/all/0/mean/metal_t"] == tiny.tonnes("dy", "mean")
    assert numbers["tonnage/gd/supported/0/p95/oxide_t"] == tiny.tonnes("gd", "p95", "oxide_t", "supported")
    counted = tiny.tonnage.frame[["area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t"]].notna().sum().sum()
    assert len(numbers) == counted
    assert len(content["code_sha256"]) == 64
    assert set(content["inputs"]) >= {"cores/reference_survey.csv", "bathymetry/etopo1_6min_148-160E_18-30N.nc"}
    # How maps look is no origin of a number.
    assert set(content["settings"]) == set(type(tiny.settings).model_fields) - {"maps"}


@pytest.mark.parametrize("name", ["samples.parquet", "composites.parquet", "totals.parquet", *RASTERS])
def test_torn_file_is_explained(artefacts, written, tmp_path, name):
    (tmp_path / name).write_bytes((written / name).read_bytes()[:300])
    with pytest.raises(ArtefactError, match=f"{name} is not readable .* Delete it and run make all"):
        type(artefacts[name]).read(tmp_path / name)


def test_list_of_raw_files_needs_the_folder(tmp_path):
    (tmp_path / "cores.json").write_text('{"files": {}}', encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"cores\.json lists raw files; say where they are with --raw"):
        CoreFiles.read(tmp_path / "cores.json", None)


@pytest.mark.parametrize(("kind", "left_out", "text"), [("measured", 0, "measured"), ("synthetic", 2, "synthetic; 2 refused rows left out")])
def test_marks_survive_their_tags(kind, left_out, text):
    marks = Marks(kind, left_out)
    assert Marks.from_tags(marks.tags()) == marks
    assert marks.text() == text
    assert marks.is_synthetic is (kind != "measured")


def test_provenance_names_the_estimator_of_each_element(artefacts, tiny):
    found = artefacts["provenance.json"].content["estimators"]
    assert {element: part["estimator"] for element, part in found.items()} == {grade.element: grade.estimator for grade in tiny.grades}
    assert all(part["reason"] for part in found.values())


def test_section_of_the_settings_is_not_taken_for_the_scores(tmp_path):
    assert CrossValidation.matches(tmp_path / "cross_validation.json")
    assert not CrossValidation.matches(tmp_path / ".settings" / "cross_validation.json")
