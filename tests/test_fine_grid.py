"""``make fine-grid``: the region on finer cells, out of core, has the numbers of the build; no tile, and no part of the region, changes a bit."""

import json
from fractions import Fraction

import numpy as np
import pytest
import rasterio
from finished_build import change, finished

from pipeline.artefacts import TOTALS_COLUMNS, Grade
from pipeline.artefacts.formats import read_raster, read_table
from pipeline.artefacts.windows import raster_in_windows
from pipeline.config import GridSettings, RegionSettings
from pipeline.errors import ArtefactError, SettingsError
from pipeline.fine_grid.command import run
from pipeline.fine_grid.job import Built, exact_sums, make, simulations_of
from pipeline.grid import region_grid

REALISATIONS, CELL_M = 4, 500.0
FINE = {"frequencies": 256, "tile_cells": 128}


def centre(assessment):
    """Centre of the projection, for another region on the same grid."""
    region = assessment.settings.region
    return {"centre_longitude_deg": (region.west_deg + region.east_deg) / 2, "centre_latitude_deg": (region.south_deg + region.north_deg) / 2}


@pytest.fixture(scope="module")
def fine(varied, tmp_path_factory):
    """Folder of the products on cells of 500 m, and the folder of the build."""
    processed = finished(tmp_path_factory.mktemp("fine") / "processed", varied, **FINE)
    change(processed, "grid", **centre(varied))
    return make(processed, varied.raw, CELL_M, REALISATIONS, "in-process"), processed


def test_on_the_cells_of_the_build_grades_are_those_of_the_build(varied, tmp_path):
    processed, cell_m = finished(tmp_path / "processed", varied, **FINE), varied.seafloor.grid.cell_m
    (processed / "fine_grid" / f"{cell_m:g}m").mkdir(parents=True)
    (processed / "fine_grid" / f"{cell_m:g}m" / "columns_dy.tif").write_text("of an earlier run, with realisations")
    out = make(processed, varied.raw, cell_m, 0, "in-process")
    assert {path.name for path in out.iterdir()} == {"grade_dy.tif", "grade_gd.tif", "run.json"}
    for expected in varied.grades:
        assert not varied.cross_validation.estimator(expected.element).drift
        found = Grade.read(out / f"grade_{expected.element}.tif")
        assert (found.step_ppm, found.estimator, found.marks, found.layers) == (
            expected.step_ppm, expected.estimator, expected.marks, expected.layers,
        )  # fmt: skip
        place = on(found.grid, expected.grid)
        for name in ("mean_ppm", "sd_ppm", "layer_ppm", "layer_sd_ppm"):
            assert np.array_equal(getattr(found, name)[(..., *place)], getattr(expected, name), equal_nan=True), name
        assert found.slope_of_regression[place] == pytest.approx(expected.slope_of_regression, abs=1e-6, nan_ok=True)
        assert np.isfinite(found.mean_ppm).sum() == np.isfinite(expected.mean_ppm).sum()


def on(whole, part):
    """Rows and columns of a grid inside another on the same lattice."""
    row = round((whole.bounds_m[3] - part.bounds_m[3]) / part.cell_m)
    column = round((part.bounds_m[0] - whole.bounds_m[0]) / part.cell_m)
    return slice(row, row + part.shape[0]), slice(column, column + part.shape[1])


def test_the_size_of_a_tile_changes_no_byte(fine, varied):
    out, processed = fine
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    change(processed, "fine_grid", frequencies=256, tile_cells=64)
    make(processed, varied.raw, CELL_M, REALISATIONS, "in-process")
    change(processed, "fine_grid", frequencies=256, tile_cells=128)
    after = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(after) == {"grade_dy.tif", "grade_gd.tif", "columns_dy.tif", "columns_gd.tif", "totals.parquet", "run.json"}
    assert {name for name in before if before[name] != after[name]} == {"run.json"}  # which holds the settings


def test_a_part_of_the_region_has_the_bits_of_the_whole(fine, varied, tmp_path):
    out, _ = fine
    processed = finished(tmp_path / "processed", varied, **FINE)
    change(processed, "grid", **centre(varied))
    change(processed, "region", west_deg=153.62, east_deg=153.7, south_deg=21.9, north_deg=21.98)
    part = make(processed, varied.raw, CELL_M, REALISATIONS, "in-process")
    for name in ("grade_dy.tif", "columns_dy.tif", "columns_gd.tif"):
        whole_grid, whole, _ = read_raster(out / name)
        grid, bands, _ = read_raster(part / name)
        place = on(whole_grid, grid)
        for band, values in bands.items():
            inside = np.isfinite(values)
            assert inside.sum() > 200
            assert np.array_equal(values[inside], whole[band][place][inside]), band


def test_totals_of_each_realisation_are_the_sums_of_its_blocks(fine, varied):
    out, processed = fine
    totals, notes = read_table(out / "totals.parquet")
    built = Built.read(processed, varied.raw, CELL_M)
    ((deposit, simulation),) = simulations_of(built, REALISATIONS).values()
    blocks = [block for tile in built.tiles for block in built.frame.blocks(tile)]
    shares = np.concatenate([block.share[block.near] for block in blocks])
    volume_m3 = CELL_M**2 * built.layers.layer_m
    assert shares.sum() * CELL_M**2 == pytest.approx(np.sum(varied.seafloor.region_share) * varied.seafloor.grid.cell_area_m2, rel=1e-9)
    for number, (density, metal) in enumerate(
        simulation.blocks([block.centre_m for block in blocks], [block.near for block in blocks], range(REALISATIONS))
    ):
        for e, element in enumerate(deposit.elements):
            for cutoff_ppm in built.sections["cutoffs"].of(element):
                over = metal[e] / density >= cutoff_ppm
                # In exact arithmetic: every product of two numbers of 53 bits at most, and their sum.
                expected = sum(Fraction(float(share)) * Fraction(float(value)) for share, value in zip(
                    np.broadcast_to(shares, over.shape)[over][:3000], metal[e][over][:3000], strict=True
                ))  # fmt: skip
                rest = np.sum((np.broadcast_to(shares, over.shape)[over] * metal[e][over].astype(np.longdouble))[3000:])
                row = totals[
                    (totals.realisation == number) & (totals.element == element) & (totals.region == "all") & (totals.cutoff_ppm == cutoff_ppm)
                ]
                assert row.metal_t.item() == pytest.approx(float(np.longdouble(float(expected)) + rest) * volume_m3 * 1e-6, rel=1e-12)
                area = shares[over.any(axis=0)].sum() * CELL_M**2 / 1e6
                assert row.area_km2.item() == pytest.approx(area, rel=1e-12)
    assert notes["data_kind"] == varied.composites.marks.data_kind


def test_percentiles_of_columns_lie_around_their_mean_and_narrow_towards_a_core(fine):
    out, _ = fine
    _, bands, tags = read_raster(out / "columns_dy.tif")
    known = np.isfinite(bands["dy_p50_ppm"])
    assert np.all(bands["dy_p05_ppm"][known] <= bands["dy_p50_ppm"][known])
    assert np.all(bands["dy_p50_ppm"][known] <= bands["dy_p95_ppm"][known])
    _, grades, _ = read_raster(out / "grade_dy.tif")
    assert np.array_equal(np.isfinite(grades["dy_ppm"]), known)
    assert np.corrcoef(grades["dy_ppm"][known], bands["dy_mean_ppm"][known])[0, 1] > 0.7
    assert tags["percentiles"].startswith("p05")
    said = json.loads((out / "run.json").read_text())
    assert said["simulation"]["frequencies"] == 256
    assert set(said["made_from"]) >= {"composites.parquet", "variogram_dy.json"}


def test_sums_are_rounded_once_whatever_their_order():
    random = np.random.default_rng(1)
    parts = [random.normal(size=(count, 2, 3)) * 10.0 ** random.integers(-8, 8, (count, 2, 3)) for count in (3, 1, 40)]
    shuffled = random.permutation(np.concatenate(parts))
    exact = [[float(sum(Fraction(float(block[i, j])) for block in shuffled)) for j in range(3)] for i in range(2)]
    assert np.array_equal(exact_sums(parts), exact)
    assert np.array_equal(exact_sums([shuffled[:20], shuffled[20:]]), exact)


def test_a_raster_from_windows_is_the_whole_one(tmp_path, varied):
    grid = region_grid(varied.settings.region, GridSettings(cell_m=300.0))
    values = np.random.default_rng(2).normal(size=(2, *grid.shape)).astype(np.float32)
    rows, columns = slice(0, 64), slice(64, min(128, grid.shape[1]))
    with raster_in_windows(tmp_path / "part.tif", grid, ["dy_ppm", "dy_sd_ppm"], {"element": "dy"}) as write:
        write((rows, columns), values[:, rows, columns])
    found, bands, tags = read_raster(tmp_path / "part.tif")
    assert (found.shape, tags["element"], list(bands)) == (grid.shape, "dy", ["dy_ppm", "dy_sd_ppm"])
    assert np.array_equal(bands["dy_sd_ppm"][rows, columns], values[1][rows, columns])
    assert np.isnan(bands["dy_ppm"]).sum() == grid.shape[0] * grid.shape[1] - values[0][rows, columns].size
    with rasterio.open(tmp_path / "part.tif") as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.units == ("ppm", "ppm")
    assert [path.name for path in tmp_path.iterdir()] == ["part.tif"]


@pytest.mark.parametrize(
    ("cell_m", "realisations", "says"),
    [
        ("", "", "CELL_M is ''"),
        ("fine", "", "CELL_M is 'fine'"),
        ("-250", "", "from 1 to"),
        ("250", "1.5", "whole number"),
        ("250", "many", "leave it out"),
    ],
)
def test_what_was_mistyped_is_said(tmp_path, cell_m, realisations, says):
    with pytest.raises(SettingsError, match=says):
        run(tmp_path, tmp_path, cell_m, realisations, "in-process")


def test_without_a_build_it_says_make_all(tmp_path):
    with pytest.raises(ArtefactError, match="Type make all first"):
        run(tmp_path, tmp_path, "250", "", "in-process")


@pytest.mark.parametrize(
    ("section", "values", "says"), [("simulation", {"grade_field": False}, "grade_field"), ("grid", {"reference": "marker"}, "marker horizon")]
)
def test_what_is_not_done_out_of_core_is_refused(varied, tmp_path, section, values, says):
    processed = finished(tmp_path / "processed", varied, **FINE)
    change(processed, section, **values)
    with pytest.raises(SettingsError, match=says):
        make(processed, varied.raw, CELL_M, 1, "in-process")


def test_a_grid_too_large_for_memory_points_to_the_way_that_takes_it():
    region = RegionSettings(west_deg=150.0, east_deg=158.0, south_deg=20.0, north_deg=28.0)
    with pytest.raises(SettingsError, match="make fine-grid CELL_M=100"):
        region_grid(region, GridSettings(cell_m=100.0))


def test_totals_have_the_columns_of_the_stage(fine):
    totals, _ = read_table(fine[0] / "totals.parquet")
    assert list(totals) == list(TOTALS_COLUMNS)
    assert set(totals.region) == {"all", "supported"}
    assert sorted(set(totals.realisation)) == list(range(REALISATIONS))
