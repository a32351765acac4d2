"""Kriging of the columns of a grid, tile by tile: memory grows with a tile and the data, and any number of workers give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.geostatistics.kriging_system import Estimate
from pipeline.tiles import HERE, Tile, Workers, tiles_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.geostatistics.layers import LayeredKriging
    from pipeline.grid import Grid

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_SUMS = ("sum_value", "sum_variance", "sum_slope")


@dataclass(frozen=True)
class ColumnsOfTile:
    """Task: every block of the chosen columns of a tile, and the sums over their layers.

    Parameters
    ----------
    kriging : LayeredKriging
    easting_m : (columns of the grid,) array
        Of cell centres.
    northing_m : (rows of the grid,) array
    """

    kriging: LayeredKriging
    easting_m: Array
    northing_m: Array

    def __call__(self, tile: Tile, cells: Mask, drift: Array, weights: Array | None = None) -> dict[str, Array]:
        """Krige the chosen cells.

        Parameters
        ----------
        tile : Tile
        cells : (rows, columns) bool array
            Which cells of the tile.
        drift : (cells, drifts) array
            External drift of each of them, row by row.
        weights : (cells, layers estimated) array, optional
            Of the layers in the sums, as :meth:`LayeredKriging.columns` takes them.

        Returns
        -------
        dict of arrays
            ``value, variance, slope`` are (cells, layers estimated); ``sum_value, sum_variance, sum_slope`` (cells,).
        """
        easting_m, northing_m = self.easting_m[tile.slices[1]], self.northing_m[tile.slices[0]]
        count = int(np.count_nonzero(cells))
        out: dict[str, Array] = {name: np.empty((count, self.kriging.layers.size)) for name in ("value", "variance", "slope")}
        out |= {name: np.empty(count) for name in _SUMS}
        number = _numbers(cells)
        for rows, columns in tile.blocks():
            row, column = np.nonzero(cells[rows, columns])
            if not row.size:
                continue
            at = number[rows, columns][row, column]
            own = None if weights is None else weights[at]
            blocks, sums = self.kriging.columns(easting_m[columns][column], northing_m[rows][row], drift[at], own)
            out["value"][at], out["variance"][at], out["slope"][at] = blocks.value, blocks.variance, blocks.slope_of_regression
            out["sum_value"][at], out["sum_variance"][at], out["sum_slope"][at] = sums.value, sums.variance, sums.slope_of_regression
        return out


def kriged_cells(
    kriging: LayeredKriging,
    grid: Grid,
    cells: Mask,
    drift: Array | None = None,
    workers: Workers = HERE,
    name: str = "",
    weights: Array | None = None,
) -> tuple[Estimate, Estimate]:
    """Krige every block of the chosen cells, and the sum over their layers: what :meth:`LayeredKriging.columns` gives, tile by tile.

    Parameters
    ----------
    kriging : LayeredKriging
    grid : Grid
    cells : (rows, columns) bool array
    drift : (cells, drifts) array, optional
        External drift of the chosen cells, row by row, finite; needed where the data have one.
    workers : Workers
    name : str
        What is kriged, for the person who waits.
    weights : (cells, layers estimated) array, optional
        Of the layers in the sums, where they are not 1.

    Returns
    -------
    blocks : Estimate
        ``value`` and ``variance`` are (cells, layers estimated), row by row.
    sums : Estimate
        Of the sum over the estimated layers, (cells,).
    """
    count = int(np.count_nonzero(cells))
    external = np.zeros((count, 0)) if drift is None else drift
    number = _numbers(cells)

    def given(tile: Tile) -> dict[str, NDArray[np.float64] | NDArray[np.bool_]]:
        inside = cells[tile.slices]
        at = number[tile.slices][inside]
        return {"cells": inside, "drift": external[at], **({} if weights is None else {"weights": weights[at]})}

    blocks = Estimate(*(np.empty((count, kriging.layers.size)) for _ in range(3)))
    sums = Estimate(*(np.empty(count) for _ in range(3)))
    tiles = [tile for tile in tiles_of(grid.shape) if cells[tile.slices].any()]
    for tile, found in workers.map(ColumnsOfTile(kriging, *grid.axes_m()), tiles, given=given, name=name):
        at = number[tile.slices][cells[tile.slices]]
        blocks.value[at], blocks.variance[at], blocks.slope_of_regression[at] = found["value"], found["variance"], found["slope"]
        sums.value[at], sums.variance[at], sums.slope_of_regression[at] = (found[part] for part in _SUMS)
    return blocks, sums


def _numbers(cells: Mask) -> NDArray[np.int64]:
    """Number of each chosen cell, row by row; what stands elsewhere means nothing."""
    return np.cumsum(cells.ravel()).reshape(cells.shape) - 1
