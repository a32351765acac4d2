"""Densities, grades and realisations by other workers: the bytes that this process makes."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from affine import Affine

from pipeline.__main__ import main
from pipeline.artefacts import DENSITY
from pipeline.config import section_texts
from pipeline.deposit import deposit_of
from pipeline.field import kriging_of, variogram_of
from pipeline.grid import Grid
from pipeline.realisations import realisations
from pipeline.stages import density
from pipeline.tiled_kriging import ColumnsOfTile, kriged_cells
from pipeline.tiles import HERE, TILES, Workers, executor_of, tiles_of
from pipeline.tiles.content import content_sha256


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    with executor_of("pool:2") as executor:
        yield Workers(executor, tmp_path_factory.mktemp("tiles"))


@pytest.fixture(scope="module")
def fine(tiny):
    """Kriging of the small assessment, and cells so small that the grid has several tiles, of which some cells are chosen."""
    kriging = kriging_of(tiny.composites, tiny.variograms[0], tiny.seafloor, tiny.settings.grade.block_nodes)
    whole = tiny.seafloor.grid
    grid = Grid(whole.crs, Affine(400.0, 0.0, whole.transform.c, 0.0, -400.0, whole.transform.f), (100, 140))
    row, column = np.indices(grid.shape)
    return kriging, grid, (row // 3 + column // 5) % 4 > 0


def test_tiles_krige_what_the_whole_does(fine):
    kriging, grid, cells = fine
    easting_m, northing_m = (axis[cells] for axis in grid.centres_m())
    for whole, tiled in zip(kriging.columns(easting_m, northing_m), kriged_cells(kriging, grid, cells), strict=True):
        for name in ("value", "variance", "slope_of_regression"):
            expected = getattr(whole, name)
            np.testing.assert_allclose(getattr(tiled, name), expected, rtol=1e-12, atol=1e-12 * np.nanmax(np.abs(expected)))


def test_no_bit_of_a_grade_depends_on_the_tile_or_on_who_does_it(fine, pool):
    kriging, grid, cells = fine
    blocks, sums = kriged_cells(kriging, grid, cells)
    expected = np.column_stack([blocks.value, blocks.variance, blocks.slope_of_regression, sums.value, sums.variance, sums.slope_of_regression])
    names = ("value", "variance", "slope", "sum_value", "sum_variance", "sum_slope")
    task = ColumnsOfTile(kriging, *grid.axes_m())

    def given(tile):
        chosen = cells[tile.slices]
        return {"cells": chosen, "drift": np.zeros((np.count_nonzero(chosen), 0))}

    for workers, side in ((HERE, 128), (HERE, 192), (pool, 64), (pool, 128)):
        found = np.full((*grid.shape, expected.shape[1]), np.nan)
        for tile, arrays in workers.map(task, tiles_of(grid.shape, side), given=given, name="grade"):
            found[tile.slices][cells[tile.slices]] = np.column_stack([arrays[name] for name in names])
        assert np.array_equal(found[cells], expected, equal_nan=True), side


def test_the_stage_density_gives_the_same_by_other_workers(tiny, pool):
    given = tiny.settings
    found = density.run(tiny.composites, variogram_of(tiny.variograms, DENSITY), tiny.seafloor, given.grade, given.density, workers=pool)
    for name in ("column_t_m3", "column_sd_t_m3", "layer_t_m3", "layer_sd_t_m3"):
        assert np.array_equal(getattr(found, name), getattr(tiny.density, name), equal_nan=True)


@pytest.fixture(scope="module")
def simulated(tiny):
    """Simulation of the small assessment."""
    given = tiny.settings
    deposit = deposit_of(tiny.composites, tiny.variograms, tiny.seafloor, given.simulation, given.density, given.variogram)
    grid = tiny.seafloor.grid
    return deposit.simulation((float(grid.transform.c), float(grid.transform.f)), grid.shape, grid.cell_m, given.grade.block_nodes, 1, set())


def test_realisations_are_the_same_whoever_draws_them_and_in_whatever_batches(simulated, pool, monkeypatch):
    values = (len(simulated.variables)) * simulated.layers * math.prod(simulated.shape)
    expected = list(simulated.draws(12))
    for most in (5, 12):
        monkeypatch.setattr("pipeline.realisations._MOST_IN_BATCH", most)
        found = list(realisations(simulated, 12, values, pool))
        assert [blocks.number for blocks in found] == list(range(12))
        for one, other in zip(found, expected, strict=True):
            assert np.array_equal(one.density_t_m3, other.density_t_m3)
            assert np.array_equal(one.metal_g_m3, other.metal_g_m3)


def test_a_simulation_travels_as_what_it_was_made_from(simulated):
    packed = pickle.dumps(simulated)
    again = pickle.loads(packed)
    assert len(packed) < 2_000_000
    assert content_sha256(again) == content_sha256(simulated)
    assert np.array_equal(again.realisation(3).metal_g_m3, simulated.realisation(3).metal_g_m3)


def test_a_scheduler_that_is_not_there_ends_a_stage_with_a_message_and_code_2(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pipeline.tiles.cluster._ANSWER_S", 0.2)
    (tmp_path / ".settings").mkdir()
    for name, text in section_texts(tiny.raw / "assessment.toml").items():
        (tmp_path / ".settings" / f"{name}.json").write_text(text, encoding="utf-8")
    inputs = [tmp_path / "composites.parquet", tmp_path / "variogram_density.json", tmp_path / "seafloor.tif"]
    for artefact, path in zip((tiny.composites, variogram_of(tiny.variograms, DENSITY), tiny.seafloor), inputs, strict=True):
        artefact.write(path)
    files = [*inputs, tmp_path / ".settings" / "grade.json", tmp_path / ".settings" / "density.json"]
    command = ["density", *map(str, files), "--out", str(tmp_path / "density.tif"), "--scheduler"]
    assert main([*command, "tcp://127.0.0.1:1"]) == 2
    assert "error: no dask scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err
    assert not (tmp_path / "density.tif").exists()
    # What others left is forgotten when the product is made.
    (tmp_path / TILES / "density.tif").mkdir(parents=True, exist_ok=True)
    with pytest.raises(SystemExit) as ended:
        main([*command, "in-process"])
    assert not ended.value.code
    assert not (tmp_path / TILES / "density.tif").exists()
    assert main(["seafloor", *map(str, files), "--out", str(tmp_path / "seafloor.tif"), "--scheduler", "pool"]) == 2
