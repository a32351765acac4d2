"""Kriging of blocks of a large grid gives the numbers of the layered kriging it stands for."""

import numpy as np
import pytest

from pipeline.geostatistics.coregionalisation import Coregionalisation
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.gridded_columns import GriddedColumns
from pipeline.geostatistics.layers import LayeredKriging, LayeredVariable, layer_statistics
from pipeline.geostatistics.smooth_surfaces import BLOCK_CELLS, chebyshev_at, chebyshev_points, on_block

KINDS = ("exponential", "spherical", "cubic", "gaussian", "matern32", "matern52")
LAYERS, CELL_M = 4, 500.0
WHOLE = np.ones((BLOCK_CELLS, BLOCK_CELLS), dtype=bool)
CORES_M = np.array([[-60e3, 5e3], [4e3, -11e3], [45e3, 20e3], [10e3, 60e3], [70e3, -45e3], [-20e3, -70e3], [-50e3, 70e3]])
CENTRES_M = [(0.0, 0.0), (-40e3, 30e3)]  # of a block with a core, and of one without


def data(seed=0):
    random = np.random.default_rng(seed)
    positions_m = np.concatenate([np.column_stack([np.tile(core, (LAYERS, 1)), np.arange(LAYERS) + 0.5]) for core in CORES_M])
    layer, values = np.tile(np.arange(LAYERS), len(CORES_M)), np.exp(0.5 * random.normal(size=LAYERS * len(CORES_M))) * 20
    return positions_m, values, layer, layer_statistics(values, layer, np.ones_like(values), LAYERS, 4)


def kriging_of(kind, range_m=70e3, nugget=0.05, model=None, **options):
    model = model or CovarianceModel(nugget, (Structure(kind, 0.55, range_m, 2.0), Structure(kind, 0.4, 1.5 * range_m)))
    return LayeredKriging(*data(), model, np.arange(LAYERS) * 1.0, 1.0, CELL_M, 4, **options)


def centres_m(centre_m, cells):
    row, column = np.nonzero(cells)
    return centre_m[0] + CELL_M * column, centre_m[1] - CELL_M * row


def same(kriging, centre_m, cells, drift=None):
    """Whether a block has the numbers of the kriging: estimates to 1e-9 of a spread, variances to 1e-9 of the sill, slopes to 1e-9."""
    blocks, sums = GriddedColumns(kriging).block(centre_m, cells, drift)
    expected, expected_sums = kriging.columns(*centres_m(centre_m, cells), drift)
    spread = kriging.statistics.sd
    assert np.abs((blocks.value - expected.value) / spread).max() < 1e-9
    assert np.abs((blocks.variance - expected.variance) / spread**2).max() < 1e-9 * kriging.model.sill
    assert np.abs(blocks.slope_of_regression - expected.slope_of_regression).max() < 1e-9
    assert np.abs(sums.value - expected_sums.value).max() < 1e-9 * spread.sum()
    assert np.abs(sums.variance - expected_sums.variance).max() < 1e-9 * kriging.model.sill * spread.sum() ** 2
    assert np.abs(sums.slope_of_regression - expected_sums.slope_of_regression).max() < 1e-9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("centre_m", CENTRES_M)
def test_a_block_has_the_numbers_of_the_layered_kriging(kind, centre_m):
    cells = WHOLE & (np.add.outer(np.arange(BLOCK_CELLS), 3 * np.arange(BLOCK_CELLS)) % 7 == 0)
    same(kriging_of(kind, nugget=0.2 if kind == "gaussian" else 0.0), centre_m, cells)


def test_a_range_shorter_than_a_block_leaves_no_core_unseen():
    for kind in ("exponential", "spherical"):
        for centre_m in ((-16e3, 4e3), (20e3, 30e3)):
            same(kriging_of(kind, range_m=3e3), centre_m, WHOLE)


def test_far_from_every_core_a_finite_range_leaves_the_mean():
    blocks, _ = GriddedColumns(kriging_of("spherical", range_m=5e3)).block((500e3, 500e3), WHOLE)
    assert np.ptp(blocks.value, axis=0) == pytest.approx(0, abs=1e-9)
    same(kriging_of("spherical", range_m=5e3), (500e3, 500e3), WHOLE)


def test_a_rough_drift_enters_cell_by_cell():
    random = np.random.default_rng(4)
    kriging = kriging_of("exponential", drift=np.repeat(random.normal(5_500, 200, len(CORES_M)), LAYERS)[:, None])
    cells = random.random(WHOLE.shape) < 0.2
    same(kriging, CENTRES_M[1], cells, random.normal(5_500, 300, (int(cells.sum()), 1)))


def test_other_variables_inform_a_block():
    positions_m, values, layer, statistics = data(2)
    model = Coregionalisation(np.diag([0.1, 0.2]), (Structure("exponential", 1.0, 60e3, 3.0),), np.array([[[0.9, 0.5], [0.5, 0.8]]]))
    same(
        kriging_of("", model=model, others=[LayeredVariable(positions_m + np.array([700.0, 0.0, 0.0]), values, layer, statistics)]),
        CENTRES_M[0],
        WHOLE,
    )


def test_which_cells_are_wanted_changes_no_bit():
    columns = GriddedColumns(kriging_of("exponential"))
    whole, sums = columns.block(CENTRES_M[0], WHOLE)
    some = np.zeros_like(WHOLE)
    some[5:9, 40:60] = True
    part, part_sums = columns.block(CENTRES_M[0], some)
    assert np.array_equal(part.value, whole.value[some.ravel()])
    assert np.array_equal(part.variance, whole.variance[some.ravel()])
    assert np.array_equal(part_sums.value, sums.value[some.ravel()])


def test_chebyshev_points_hold_a_polynomial_exactly():
    at = np.linspace(-1, 1, 33)
    assert chebyshev_at(6, at) @ chebyshev_points(6) ** 5 == pytest.approx(at**5, abs=1e-14)


def test_a_smooth_function_is_evaluated_once_and_a_rough_one_in_every_cell():
    calls = []

    def function(easting_m, northing_m):
        calls.append(easting_m.size)
        return np.sin(easting_m / 40e3)[:, None] * np.cos(northing_m / 30e3)[:, None]

    easting_m, northing_m = centres_m((0.0, 0.0), WHOLE)
    expected = np.sin(easting_m / 40e3) * np.cos(northing_m / 30e3)
    for rough_m, evaluations in ((np.array([[1e9, 1e9]]), 256), (np.full((1, 2), np.nan), BLOCK_CELLS**2)):
        calls.clear()
        found = on_block(function, np.ones(1), (0.0, 0.0), CELL_M, rough_m, WHOLE)
        assert sum(calls) == evaluations
        assert np.abs(found.ravel() - expected).max() < 1e-11


def test_a_kink_that_nobody_announced_is_found():
    def kink(easting_m, northing_m):
        return np.abs(easting_m - 7_300.0)[:, None] + 0 * northing_m[:, None]

    found = on_block(kink, np.ones(1), (0.0, 0.0), CELL_M, np.array([[1e9, 1e9]]), WHOLE)
    assert np.abs(found[..., 0] - np.abs(np.arange(BLOCK_CELLS) * CELL_M - 7_300.0)).max() < 1e-6
