from __future__ import annotations

import numpy as np
import pytest

from pipeline.tiles import COMPUTE_BLOCK, batches_of, tiles_of


@pytest.mark.parametrize("side", [64, 128, 640])
def test_tiles_cover_every_cell_once_and_blocks_lie_the_same_whatever_the_tile(side):
    shape = (200, 130)
    block = np.full((2, *shape), -1)
    for tile in tiles_of(shape, side):
        for rows, columns in tile.blocks():
            here = block[:, *tile.slices][:, rows, columns]
            assert np.all(here == -1)
            here[:] = np.array([tile.rows[0] + rows.start, tile.columns[0] + columns.start])[:, None, None]
    assert np.array_equal(block, np.indices(shape) // COMPUTE_BLOCK * COMPUTE_BLOCK)


def test_tiles_are_numbered_row_by_row():
    tiles = tiles_of((130, 70))
    assert [tile.number for tile in tiles] == list(range(6))
    assert [(tile.rows[0], tile.columns[0]) for tile in tiles] == [(0, 0), (0, 64), (64, 0), (64, 64), (128, 0), (128, 64)]
    assert tiles[-1].shape == (2, 6)


@pytest.mark.parametrize("side", [0, 1, 63, 100])
def test_a_tile_is_whole_compute_blocks(side):
    with pytest.raises(ValueError, match=f"{side} cells; it must be a multiple of 64"):
        tiles_of((10, 10), side)


def test_batches_hold_every_realisation_once():
    found = [number for batch in batches_of(23, 5) for number in range(batch.first, batch.first + batch.count)]
    assert found == list(range(23))
