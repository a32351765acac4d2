"""Grade and density of the blocks of one tile of the fine grid: what the stages ``density`` and ``grade`` do for a whole one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import on_steps
from pipeline.artefacts.steps import not_below
from pipeline.bathymetry import values_at
from pipeline.geostatistics.ratio import ratio_of_estimates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.bathymetry import NativeGrid
    from pipeline.fine_grid.frame import Frame, TileBlock
    from pipeline.geostatistics.gridded_columns import GriddedColumns
    from pipeline.geostatistics.kriging_system import Estimate
    from pipeline.grid import Grid
    from pipeline.tiles import Tile

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Drift:
    """External drifts of an estimator, from the bathymetry.

    Parameters
    ----------
    bands : tuple of str
        Of the seafloor; none: the estimator has no drift.
    native_grids : tuple of NativeGrid
        What depth and slope are taken from; none where there is no drift.
    """

    bands: tuple[str, ...]
    native_grids: tuple[NativeGrid, ...]

    def cells(self, block: TileBlock) -> tuple[Mask, Array]:
        """Cells of a block to be estimated, and their drifts (cells, drifts): those where it is not known stay empty."""
        if not self.bands:
            return block.near, np.zeros((int(block.near.sum()), 0))
        values = np.full((*block.near.shape, len(self.bands)), np.nan)
        easting_m, northing_m = (axis[block.near] for axis in block.grid.centres_m())
        values[block.near] = self.at(block.grid, easting_m, northing_m)
        cells = block.near & np.isfinite(values).all(axis=-1)
        return cells, values[cells]

    def at(self, grid: Grid, easting_m: Array, northing_m: Array) -> Array:
        """(positions, drifts) drifts at positions on the projection of a grid."""
        longitude_deg, latitude_deg = grid.to_lonlat(easting_m, northing_m)
        return np.stack([values_at(nodes, longitude_deg, latitude_deg) for nodes in self._nodes], axis=-1)

    @cached_property
    def _nodes(self) -> list[list[tuple[NativeGrid, Array]]]:
        """The grids, and each drift on their nodes."""
        # ASSUME: the slope is that of the native nodes: on the finer grid it would measure the interpolation.
        on_nodes = {"depth_m": lambda native: -native.elevation_m, "slope_deg": lambda native: native.slope_deg()}
        return [[(native, on_nodes[band](native)) for native in self.native_grids] for band in self.bands]


@dataclass(frozen=True)
class Densities:
    """Density of the blocks of a block of cells.

    Parameters
    ----------
    columns : GriddedColumns or None
        ``None`` where no density was measured.
    prior_t_m3 : float
        What stands everywhere then.
    layers : int
    """

    columns: GriddedColumns | None
    prior_t_m3: float
    layers: int

    def of(self, block: TileBlock, cells: Mask) -> tuple[Array, Array, Array]:
        """(layers, cells) density and its sd, and (cells,) sd of the mean over the interval, as ``density.tif`` holds them; 0 for a prior."""
        count = int(cells.sum())
        if self.columns is None:
            # ASSUME: a prior density is one factor for the whole deposit: it scales accumulation and mass alike and leaves grade alone.
            return _as_stored(np.full((self.layers, count), self.prior_t_m3)), np.zeros((self.layers, count)), np.zeros(count)
        blocks, sums = self.columns.block(block.centre_m, cells)
        kriged = self.columns.kriging.layers
        value, variance = np.empty((self.layers, count)), np.empty((self.layers, count))
        value[kriged], variance[kriged] = blocks.value.T, blocks.variance.T
        # ASSUME: a layer in which no density was measured has the mean of the measured layers, and the spread of a layer around it.
        others = np.setdiff1d(np.arange(self.layers), kriged)
        value[others] = sums.value / kriged.size
        variance[others] = np.mean(blocks.variance, axis=1) + np.var(blocks.value, axis=1)
        return _as_stored(value), _as_stored(np.sqrt(variance)), _as_stored(np.sqrt(sums.variance) / kriged.size)


def _as_stored(values: Array) -> Array:
    """Values as a raster in single precision gives them back: so that grades are those of the stage, which reads such a raster."""
    return values.astype(np.float32).astype(np.float64)


@dataclass(frozen=True)
class Accumulation:
    """What the grade of one element is estimated from, beside the density.

    Parameters
    ----------
    element : str
    columns : GriddedColumns
        Of the accumulation.
    drift : Drift
    correlation : float
        Of its errors with those of the density.
    step_ppm : float
    """

    element: str
    columns: GriddedColumns
    drift: Drift
    correlation: float
    step_ppm: float


@dataclass(frozen=True)
class Grades:
    """Task: grades of the blocks of a tile, in whole steps, as the bands of ``grade_<element>.tif``.

    Parameters
    ----------
    frame : Frame
    accumulations : tuple of Accumulation
    densities : Densities
    """

    frame: Frame
    accumulations: tuple[Accumulation, ...]
    densities: Densities

    def __call__(self, tile: Tile) -> dict[str, Singles]:
        """By element (bands, rows, columns): grade and sd of the interval, of each layer, and the slope of regression; none where no cell is near."""
        blocks = list(self.frame.blocks(tile))
        bands = 3 + 2 * self.densities.layers if blocks else 0
        out = {part.element: np.full((bands, *tile.shape), np.nan, dtype=np.float32) for part in self.accumulations}
        for block in blocks:
            densities = self.densities.of(block, block.near)
            for part in self.accumulations:
                cells, drift = part.drift.cells(block)
                if cells.any():
                    known = cells[block.near]
                    density, density_sd, mean_sd = densities[0][:, known], densities[1][:, known], densities[2][known]
                    out[part.element][(slice(None), *block.at)][:, cells] = self._bands(part, block, cells, drift, density, density_sd, mean_sd)
        return out

    def _bands(self, part: Accumulation, block: TileBlock, cells: Mask, drift: Array, density: Array, density_sd: Array, mean_sd: Array) -> Singles:
        """(bands, cells) values as the file holds them."""
        kriged, r = part.columns.kriging.layers, part.correlation
        blocks, sums = part.columns.block(block.centre_m, cells, drift)
        grades = np.full((2 + 2 * self.densities.layers, len(sums.value)), np.nan)
        # ASSUME: the errors of accumulation and density at a block correlate as their residuals do in the composites (intrinsic correlation).
        grades[:2] = ratio_of_estimates(sums.value, sums.variance, density[kriged].sum(axis=0), (mean_sd * kriged.size) ** 2, r)
        for index, layer in enumerate(kriged):
            grades[2 + 2 * layer : 4 + 2 * layer] = ratio_of_estimates(
                blocks.value[:, index], blocks.variance[:, index], density[layer], density_sd[layer] ** 2, r
            )
        return np.concatenate([not_below(on_steps(grades, part.step_ppm)), sums.slope_of_regression[None].astype(np.float32)])


def slopes_of_regression(columns: GriddedColumns, drift: Drift, block: TileBlock) -> Array:
    """(64, 64) slope of regression of the columns of a block, as the file of grades holds it; NaN where it is not estimated."""
    cells, values = drift.cells(block)
    out = np.full(cells.shape, np.nan)
    if cells.any():
        sums: Estimate = columns.block(block.centre_m, cells, values)[1]
        out[cells] = sums.slope_of_regression.astype(np.float32)
    return out


def supported_cells(estimates: Sequence[tuple[GriddedColumns | None, Drift]], block: TileBlock, min_slope: float) -> Mask:
    """Cells of a block where the headline may be claimed: near a core, in the widened hull, every slope of regression at least the limit.

    Nothing is claimed where one of the elements was never measured (no columns).
    """
    supported = block.near & block.in_hull
    for columns, drift in estimates:
        supported &= False if columns is None else slopes_of_regression(columns, drift, block) >= min_slope
    return supported
