"""Marks: what is synthetic, or was left out, stays visible to the last product."""

from __future__ import annotations

import pandas as pd
import pytest
import rasterio
import xarray as xr
from assess import assess, with_settings
from planted import SETTINGS, cores_on_a_grid, csv_text, varied_ppm

from pipeline.artefacts import Composites, Marks, Samples, Simulation
from pipeline.stages import block_model

ROWS = cores_on_a_grid(varied_ppm)
HALVES = {"one.csv": csv_text(ROWS[::2]), "two.csv": csv_text(ROWS[1::2])}
KINDS = {
    "measured": {},
    "measured, and said so": {"one.toml": "synthetic = false\n"},
    "synthetic": {"one.toml": "synthetic = true\n", "two.toml": "synthetic = true\n"},
    "partly synthetic": {"two.toml": "synthetic = true\n"},
}


@pytest.fixture(scope="module", params=KINDS)
def made(request, plant, tmp_path_factory):
    """Kind of the data, the assessment, and the folder with every product but the maps."""
    raw = plant({**HALVES, **KINDS[request.param]})
    result, folder = assess(raw), tmp_path_factory.mktemp("processed")
    products = {
        "samples.parquet": result.samples,
        "composites.parquet": result.composites,
        "seafloor.tif": result.seafloor,
        "density.tif": result.density,
        "tonnage.csv": result.tonnage,
        "totals.parquet": result.simulation,
        "next_cores.json": result.next_cores,
        "block_model.nc": block_model.run(result.seafloor, result.density, result.grades, result.simulation),
        "validation.json": result.validation,
        "provenance.json": result.provenance,
        **{f"variogram_{variogram.subject}.json": variogram for variogram in result.variograms},
        "coregionalisation.json": result.joint,
        "cross_validation.json": result.cross_validation,
        **{f"grade_{grade.element}.tif": grade for grade in result.grades},
    }
    for name, product in products.items():
        product.write(folder / name)
    return request.param.partition(",")[0], folder


def test_mark_reaches_tables(made):
    kind, folder = made
    assert Samples.read(folder / "samples.parquet").marks == Marks(kind)
    assert Composites.read(folder / "composites.parquet").marks == Marks(kind)
    assert Simulation.read(folder / "totals.parquet").marks == Marks(kind)
    assert set(pd.read_csv(folder / "tonnage.csv")["data_kind"]) == {kind}


def test_mark_reaches_rasters_and_block_model(made):
    kind, folder = made
    for name in ("grade_dy.tif", "grade_gd.tif", "density.tif", "percentiles_dy.tif", "probability_gd.tif", "classes.tif", "next_cores_dy.tif"):
        with rasterio.open(folder / name) as raster:
            assert {key.lower(): value for key, value in raster.tags().items()}["data_kind"] == kind
    for name in ("block_model.nc", "squares.nc", "simulated_columns.nc"):
        with xr.open_dataset(folder / name, engine="h5netcdf") as dataset:
            assert dataset.attrs["data_kind"] == kind


def test_mark_reaches_models_and_provenance(made):
    kind, folder = made
    names = ("variogram_dy.json", "variogram_density.json", "coregionalisation.json", "cross_validation.json")
    for name in (*names, "simulation.json", "next_cores.json", "validation.json", "provenance.json"):
        assert f'"data_kind": "{kind}"' in (folder / name).read_text(encoding="utf-8")


def test_only_a_survey_with_synthetic_data_says_the_word(made):
    kind, folder = made
    saying = {path.name for path in folder.iterdir() if b"synthetic" in path.read_bytes().lower()}
    # Depth is real, and a clean list of refused rows is empty.
    every = {path.name for path in folder.iterdir()} - {"seafloor.tif", "rejected.csv"}
    packed = {"block_model.nc", "squares.nc"}  # attributes may be stored packed
    assert saying - packed == (set() if kind == "measured" else every - packed)


def test_each_sample_keeps_the_mark_of_its_own_file(plant):
    frame = assess(plant({**HALVES, **KINDS["partly synthetic"]})).samples.frame
    assert set(frame.loc[frame["source_file"] == "cores/one.csv", "data_kind"]) == {"measured"}
    assert set(frame.loc[frame["source_file"] == "cores/two.csv", "data_kind"]) == {"synthetic"}


def test_rows_left_out_are_counted_in_every_product(plant, tmp_path):
    rows = [{**row, "dy_ppm": "-1" if number in (3, 40) else row["dy_ppm"]} for number, row in enumerate(ROWS)]
    result = assess(plant(rows, with_settings(SETTINGS, on_refused='"leave_out"')))
    assert set(result.tonnage.frame["data_kind"]) == {"measured; 2 refused rows left out"}
    for artefact in (result.samples, result.composites, result.density, *result.variograms, *result.grades):
        assert artefact.marks == Marks("measured", 2)
    result.grades[0].write(tmp_path / "grade_dy.tif")
    with rasterio.open(tmp_path / "grade_dy.tif") as raster:
        assert {key.lower(): value for key, value in raster.tags().items()}["rows_left_out"] == "2"


def test_survey_that_ships_is_marked_synthetic(reference):
    assert reference.samples.marks == Marks("synthetic")
    assert set(reference.tonnage.frame["data_kind"]) == {"synthetic"}
