"""The fine grid, and what is known of one tile of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely
from affine import Affine
from pyproj import CRS
from scipy.spatial import cKDTree

from pipeline.domains import domain_at
from pipeline.field import core_positions_m, median_spacing_m
from pipeline.geostatistics.smooth_surfaces import BLOCK_CELLS
from pipeline.grid import Grid, region_grid, region_outline, share_inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from pipeline.artefacts import Composites
    from pipeline.config import DomainSettings, GradeSettings, GridSettings, RegionSettings, TonnageSettings
    from pipeline.tiles import Tile

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_MOST_CELLS = 10**12


@dataclass(frozen=True)
class Frame:
    """The fine grid and the rules by which its cells count, in plain values: it travels to every worker.

    The grid's edges lie at whole blocks of 64 cells from the centre of projection, so that a part of the region, or another region with the same
    centre, has the same blocks, and with them the same bits.

    Parameters
    ----------
    crs : str
        Projection as WKT.
    cell_m, west_m, north_m : float
        Side of a cell; western and northern edge.
    shape : (rows, columns)
        Whole blocks.
    outline, hull : bytes
        WKB of the region, and of the widened hull of the cores.
    cores_m : (cores, 2) array
    reach_m : float
        Cells farther from every core stay empty.
    domains : DomainSettings, optional
        Where this is the frame of one domain: how they are drawn.
    domain : int
        Its number.
    """

    crs: str
    cell_m: float
    west_m: float
    north_m: float
    shape: tuple[int, int]
    outline: bytes
    hull: bytes
    cores_m: Array
    reach_m: float
    domains: DomainSettings | None = None
    domain: int = -1

    @classmethod
    def of(
        cls, region: RegionSettings, grid: GridSettings, cell_m: float, composites: Composites, grade: GradeSettings, tonnage: TonnageSettings
    ) -> Frame:
        """Frame of a region on cells of another size, by the rules of the settings."""
        found = region_grid(region, grid.model_copy(update={"cell_m": cell_m}), _MOST_CELLS)
        block_m = BLOCK_CELLS * cell_m
        west, south, east, north = (edge / block_m for edge in found.bounds_m)
        # A hair of tolerance: an edge that is a multiple up to rounding must not add an empty row.
        left, right = int(np.floor(west + 1e-9)), int(np.ceil(east - 1e-9))
        bottom, top = int(np.floor(south + 1e-9)), int(np.ceil(north - 1e-9))
        cores_m = core_positions_m(composites, found)
        spacing_m = median_spacing_m(cores_m)
        hull = shapely.MultiPoint(cores_m).convex_hull.buffer(tonnage.hull_buffer_spacings * spacing_m)
        return cls(
            found.crs.to_wkt(), cell_m, left * block_m, top * block_m, ((top - bottom) * BLOCK_CELLS, (right - left) * BLOCK_CELLS),
            shapely.to_wkb(region_outline(region, found)), shapely.to_wkb(hull), cores_m, grade.max_distance_spacings * spacing_m,
        )  # fmt: skip

    @cached_property
    def grid(self) -> Grid:
        """The whole grid."""
        return Grid(CRS.from_wkt(self.crs), Affine(self.cell_m, 0, self.west_m, 0, -self.cell_m, self.north_m), self.shape)

    @cached_property
    def _outline(self) -> BaseGeometry:
        found: BaseGeometry = shapely.from_wkb(self.outline)
        shapely.prepare(found)
        return found

    @cached_property
    def _hull(self) -> BaseGeometry:
        found: BaseGeometry = shapely.from_wkb(self.hull)
        shapely.prepare(found)
        return found

    @cached_property
    def _cores(self) -> cKDTree:
        return cKDTree(self.cores_m)

    def part(self, rows: slice, columns: slice) -> Grid:
        """Some rows and columns as a grid of their own."""
        west_m, north_m = self.west_m + columns.start * self.cell_m, self.north_m - rows.start * self.cell_m
        shape = rows.stop - rows.start, columns.stop - columns.start
        return replace(self.grid, transform=Affine(self.cell_m, 0, west_m, 0, -self.cell_m, north_m), shape=shape)

    def blocks(self, tile: Tile) -> Iterator[TileBlock]:
        """The blocks of a tile that hold a cell to be estimated."""
        for number, (rows, columns) in enumerate(tile.blocks()):
            grid = self.part(
                slice(tile.rows[0] + rows.start, tile.rows[0] + rows.stop), slice(tile.columns[0] + columns.start, tile.columns[0] + columns.stop)
            )
            west_m, south_m, east_m, north_m = grid.bounds_m
            box = shapely.box(west_m, south_m, east_m, north_m)
            if not self._outline.intersects(box):
                continue
            share = np.ones(grid.shape) if self._outline.contains_properly(box) else share_inside(self._outline, grid)
            easting_m, northing_m = grid.centres_m()
            distance_m, _ = self._cores.query(np.column_stack([easting_m.ravel(), northing_m.ravel()]))
            # ASSUME: farther than this from every core the estimate would be the mean and nothing else; such cells stay empty.
            near = (np.asarray(distance_m).reshape(grid.shape) <= self.reach_m) & (share > 0)
            if self.domains is not None and near.any():
                # ASSUME: a cell that a boundary cuts belongs, whole, to the domain that holds its centre.
                near[near] = domain_at(self.domains, *grid.to_lonlat(easting_m[near], northing_m[near])) == self.domain
            if near.any():
                inside = np.asarray(shapely.contains_xy(self._hull, easting_m, northing_m))
                yield TileBlock(number, (rows, columns), grid, share, near, inside)


@dataclass(frozen=True)
class TileBlock:
    """One block of 64 x 64 cells of a tile.

    Parameters
    ----------
    number : int
        In the tile.
    at : (rows, columns) slices
        Of the arrays of the tile.
    grid : Grid
    share : (64, 64) array
        Share of each cell inside the region.
    near : (64, 64) array
        Cells to be estimated.
    in_hull : (64, 64) array
        Cells in the widened hull of the cores.
    """

    number: int
    at: tuple[slice, slice]
    grid: Grid
    share: Array
    near: Mask
    in_hull: Mask

    @property
    def centre_m(self) -> tuple[float, float]:
        """Centre of the north-western cell."""
        return float(self.grid.transform.c) + self.grid.cell_m / 2, float(self.grid.transform.f) - self.grid.cell_m / 2
