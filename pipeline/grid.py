"""The one equal-area grid of an assessment, and its layers below the seafloor."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import LambertAzimuthalEqualAreaConversion

from pipeline.errors import GridMismatch, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from pipeline.config import GridSettings, RegionSettings

    Array = NDArray[np.float64]

WGS84 = CRS.from_epsg(4326)
MOST_CELLS = 50_000_000
"""Cells of a grid that a stage holds in memory as a whole."""

_EDGE_POINTS = 200
_LONGEST_EDGE_DEG = 0.1  # a chord of that length misses less than a millionth of the area around a pole
_TURN_DEG, _POLE_DEG, _TROPIC_DEG = 360.0, 90.0, 23.4
_SEAM_M = 1e-3


@dataclass(frozen=True)
class Grid:
    """A raster frame: row 0 in the north, coordinates of cell centres in metres of an equal-area projection.

    Parameters
    ----------
    crs : pyproj.CRS
        Equal-area projection in metres.
    transform : affine.Affine
        Of the upper left corner of the upper left cell; square cells, no rotation.
    shape : (rows, columns)
    """

    crs: CRS
    transform: Affine
    shape: tuple[int, int]

    @property
    def cell_m(self) -> float:
        """Side of a cell in metres."""
        return float(self.transform.a)

    @property
    def cell_area_m2(self) -> float:
        """True area of a cell in square metres: the projection is equal-area."""
        return self.cell_m**2

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """West, south, east, north edge in metres."""
        rows, columns = self.shape
        west, north = self.transform.c, self.transform.f
        return float(west), north - rows * self.cell_m, west + columns * self.cell_m, float(north)

    def axes_m(self) -> tuple[Array, Array]:
        """Easting of the centres of each column (columns,) and northing of those of each row (rows,), in metres."""
        rows, columns = self.shape
        easting_m = float(self.transform.c) + (np.arange(columns) + 0.5) * self.cell_m
        northing_m = float(self.transform.f) - (np.arange(rows) + 0.5) * self.cell_m
        return np.asarray(easting_m, dtype=np.float64), np.asarray(northing_m, dtype=np.float64)

    def centres_m(self) -> tuple[Array, Array]:
        """Easting and northing of every cell centre, two (rows, columns) arrays in metres."""
        easting_m, northing_m = self.axes_m()
        return np.broadcast_to(easting_m, self.shape).copy(), np.broadcast_to(northing_m[:, None], self.shape).copy()

    @cached_property
    def _from_lonlat(self) -> Transformer:
        return Transformer.from_crs(WGS84, self.crs, always_xy=True)

    def from_lonlat(self, longitude_deg: Array, latitude_deg: Array) -> tuple[Array, Array]:
        """Easting and northing in metres of WGS 84 positions in degrees."""
        easting_m, northing_m = self._from_lonlat.transform(np.asarray(longitude_deg, float), np.asarray(latitude_deg, float))
        return np.asarray(easting_m), np.asarray(northing_m)

    def to_lonlat(self, easting_m: Array, northing_m: Array) -> tuple[Array, Array]:
        """WGS 84 longitude and latitude in degrees of grid positions in metres."""
        longitude_deg, latitude_deg = self._from_lonlat.transform(np.asarray(easting_m, float), np.asarray(northing_m, float), direction="INVERSE")
        return np.asarray(longitude_deg), np.asarray(latitude_deg)


@dataclass(frozen=True)
class Layers:
    """Equal layers between two depths, in metres.

    Parameters
    ----------
    top_m, bottom_m, layer_m : float
    marker : str
        Name of the marker horizon that depths are below of, negative above it; empty: they are below the seafloor.
    """

    top_m: float
    bottom_m: float
    layer_m: float
    marker: str = field(default="", repr=False)

    @property
    def count(self) -> int:
        """Number of layers."""
        return round((self.bottom_m - self.top_m) / self.layer_m)

    @property
    def tops_m(self) -> Array:
        """(layers,) upper boundaries in metres below the seafloor, or below the marker."""
        return np.asarray(self.top_m + self.layer_m * np.arange(self.count), dtype=np.float64)

    @property
    def bottoms_m(self) -> Array:
        """(layers,) lower boundaries in metres below the seafloor, or below the marker."""
        return self.tops_m + self.layer_m

    def label(self, layer: int) -> str:
        """Name of a layer in bands and legends, for instance ``3-4 m``; below a marker ``-2 to -1 m``."""
        if self.marker:
            return f"{self.tops_m[layer]:g} to {self.bottoms_m[layer]:g} m"
        return f"{self.tops_m[layer]:g}-{self.bottoms_m[layer]:g} m"


def layers_of(grid: GridSettings) -> Layers:
    """Layers that the settings ask for."""
    return Layers(grid.top_m, grid.bottom_m, grid.layer_m, grid.marker_name if grid.reference == "marker" else "")


def same_grid(one: Grid, other: Grid) -> bool:
    """Whether two grids have equal projection, frame and shape (objects are compared, never text)."""
    return one.shape == other.shape and one.transform.almost_equals(other.transform, 1e-6) and one.crs.equals(other.crs, ignore_axis_order=True)


def require_same_grid(*grids: Grid) -> Grid:
    """Return the grid that all share.

    Raises
    ------
    GridMismatch
        Two of them differ. Nothing is resampled silently.
    """
    first = grids[0]
    for other in grids[1:]:
        if not same_grid(first, other):
            msg = (
                f"two rasters lie on different grids: {first.shape} cells of {first.cell_m:g} m and {other.shape} cells of {other.cell_m:g} m. "
                "Delete the processed folder and run make all."
            )
            raise GridMismatch(msg)
    return first


def region_lonlat(region: RegionSettings) -> shapely.MultiPolygon:
    """Outline of the region in longitude and latitude (degrees); the edges of a box follow parallels and meridians.

    Longitudes are in one piece: they pass 180 where the region lies across that meridian.
    """
    if region.outline is not None:
        polygons = [shapely.Polygon(outline, holes) for outline, *holes in region.outline]
        merged = shapely.union_all(polygons)
        if not all(polygon.is_valid for polygon in polygons) or merged.is_empty:
            msg = f"[region] polygon {region.polygon}: the outline crosses itself or has no area. Repair it in a GIS."
            raise SettingsError(msg)
        return shapely.MultiPolygon([part for part in shapely.get_parts(merged) if isinstance(part, shapely.Polygon)])
    if region.west_deg is None or region.east_deg is None or region.south_deg is None or region.north_deg is None:
        msg = "[region] has neither edges nor an outline"
        raise SettingsError(msg)
    return shapely.MultiPolygon([shapely.box(region.west_deg, region.south_deg, region.east_deg, region.north_deg)])


def region_outline(region: RegionSettings, grid: Grid) -> BaseGeometry:
    """Outline of the region on the grid's projection, in metres; edges are densified first, so that parallels stay curved."""
    lonlat = region_lonlat(region)
    west, south, east, north = lonlat.bounds
    dense = shapely.segmentize(lonlat, min(max(east - west, north - south) / _EDGE_POINTS, _LONGEST_EDGE_DEG))
    projected: BaseGeometry = shapely.transform(dense, lambda xy: np.column_stack(grid.from_lonlat(xy[:, 0], xy[:, 1])))
    if max(abs(south), abs(north)) == _POLE_DEG or east - west >= _TURN_DEG - 1e-9:
        # The edge at a pole shrinks to a point, and the two meridians where a region closes around it are one: both go.
        projected = shapely.union_all(shapely.make_valid(projected), grid_size=_SEAM_M)
        projected = shapely.MultiPolygon([part for part in shapely.get_parts(projected) if isinstance(part, shapely.Polygon)])
    return projected


def _centre_deg(region: RegionSettings, settings: GridSettings) -> tuple[float, float]:
    """Longitude and latitude that the projection is centred on: the settings', or the middle of the region; the pole that it goes around."""
    west, south, east, north = region_lonlat(region).bounds
    longitude_deg, latitude_deg = (west + east) / 2, (south + north) / 2
    if east - west >= _TURN_DEG - 1e-9 and min(abs(south), abs(north)) > _TROPIC_DEG:
        latitude_deg = math.copysign(_POLE_DEG, latitude_deg)
    if settings.centre_longitude_deg is not None:
        longitude_deg = settings.centre_longitude_deg
    if settings.centre_latitude_deg is not None:
        latitude_deg = settings.centre_latitude_deg
    return longitude_deg, latitude_deg


def region_grid(region: RegionSettings, settings: GridSettings, most_cells: int = MOST_CELLS) -> Grid:
    """Grid that covers the region, its cell edges at whole multiples of ``cell_m`` from the centre of projection.

    It is a Lambert azimuthal equal-area (Snyder 1987, USGS Professional Paper 1395, p. 182) centred on the region, so that areas are true.

    Raises
    ------
    SettingsError
        The grid would have more cells than this version takes.
    """
    longitude_deg, latitude_deg = _centre_deg(region, settings)
    crs = ProjectedCRS(
        LambertAzimuthalEqualAreaConversion(latitude_natural_origin=latitude_deg, longitude_natural_origin=longitude_deg),
        name=f"Lambert azimuthal equal-area {latitude_deg:g} N {longitude_deg:g} E",
        geodetic_crs=WGS84,
    )
    frame = Grid(crs, Affine(settings.cell_m, 0, 0, 0, -settings.cell_m, 0), (0, 0))
    left, bottom, right, top = (edge / settings.cell_m for edge in region_outline(region, frame).bounds)
    # A hair of tolerance: an edge that is a multiple up to rounding must not add an empty row.
    first_column, last_column = math.floor(left + 1e-6), math.ceil(right - 1e-6)
    first_row, last_row = math.floor(bottom + 1e-6), math.ceil(top - 1e-6)
    rows, columns = last_row - first_row, last_column - first_column
    if rows * columns > most_cells:
        msg = (
            f"[grid] cell_m = {settings.cell_m:g} gives {rows} x {columns} cells, more than {most_cells:,}. Use larger cells for make all; then "
            f"make fine-grid CELL_M={settings.cell_m:g} estimates the region on these, part by part (docs/scale_out.md)."
        )
        raise SettingsError(msg)
    transform = Affine(settings.cell_m, 0, first_column * settings.cell_m, 0, -settings.cell_m, last_row * settings.cell_m)
    return Grid(crs, transform, (rows, columns))


def region_share(grid: Grid, region: RegionSettings) -> Array:
    """Share of each cell's area inside the region, (rows, columns) from 0 to 1."""
    return share_inside(region_outline(region, grid), grid)


def share_inside(outline: BaseGeometry, grid: Grid) -> Array:
    """Share of each cell's area inside an outline on the grid's projection, (rows, columns) from 0 to 1."""
    shapely.prepare(outline)
    easting_m, northing_m = grid.centres_m()
    half_m = grid.cell_m / 2
    cells = shapely.box(easting_m - half_m, northing_m - half_m, easting_m + half_m, northing_m + half_m)
    share = shapely.contains_properly(outline, cells).astype(float)
    edge = (share == 0) & shapely.intersects(outline, cells)
    share[edge] = shapely.area(shapely.intersection(outline, cells[edge])) / grid.cell_area_m2
    return share
