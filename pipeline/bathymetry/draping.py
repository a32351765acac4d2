"""Depth and slope on a grid from several bathymetry grids: the finest that covers a cell wins there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.bathymetry.native_grid import NativeGrid
    from pipeline.grid import Grid

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]


class Draped(NamedTuple):
    """Depth and slope on a grid.

    Parameters
    ----------
    depth_m, slope_deg : (rows, columns) arrays
        NaN where nothing is known.
    covered : list of (NativeGrid, (rows, columns) array)
        The grids that cover a cell that matters, in order, and what each covers.
    """

    depth_m: Array
    slope_deg: Array
    covered: list[tuple[NativeGrid, Mask]]


def draped(native_grids: Sequence[NativeGrid], grid: Grid, matters: Mask) -> Draped:
    """Warp bathymetry grids, the coarsest first, to another grid; one that covers none of the cells that matter is left out."""
    found = Draped(np.full(grid.shape, np.nan), np.full(grid.shape, np.nan), [])
    for native in native_grids:
        elevation_m = native.warped(native.elevation_m, grid)
        covered = np.isfinite(elevation_m)
        if not covered[matters].any():
            continue
        found.depth_m[covered] = -elevation_m[covered]
        # Slope is taken on the native nodes: on the finer grid it would measure the interpolation.
        steepness_deg = native.warped(native.slope_deg(), grid)
        # Beside a hole the finer grid has a depth but no slope: there the coarser one's stays.
        known = covered & np.isfinite(steepness_deg)
        found.slope_deg[known] = steepness_deg[known]
        found.covered.append((native, covered))
    return found


def values_at(grids: Sequence[tuple[NativeGrid, Array]], longitude_deg: Array, latitude_deg: Array) -> Array:
    """Values on the nodes of several grids, the coarsest first, at positions in degrees: of the finest that covers each; NaN where none does.

    A position has one value, whatever others are asked for. That of a cell in :func:`draped` is GDAL's, whose positions are off by up to an eighth of
    a cell, and which averages a bathymetry finer than the cells.
    """
    out = np.full(longitude_deg.shape, np.nan)
    for native, values in grids:
        found = native.values_at(values, longitude_deg, latitude_deg)
        known = np.isfinite(found)
        out[known] = found[known]
    return out
