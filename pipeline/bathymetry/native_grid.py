"""A depth grid as it came: where it is, how steep it is, how deep at a position, and how it looks on another grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from pyproj import CRS, Transformer

from pipeline.grid import WGS84
from pipeline.units import METRES_PER_DEGREE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.grid import Grid

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class NativeGrid:
    """A bathymetry grid as it came.

    Parameters
    ----------
    name : str
        File, relative to RAW.
    crs : pyproj.CRS
        In degrees or in metres.
    transform : affine.Affine
        Of the upper-left corner of the upper-left cell. Longitudes may count from -180 or from 0: positions are found in either.
    elevation_m : (rows, columns) array
        Positive up, row 0 in the north; NaN in holes.
    notes : tuple of str
        What was converted when it was read.
    """

    name: str
    crs: CRS
    transform: Affine
    elevation_m: Array
    notes: tuple[str, ...] = ()

    @property
    def resolution_m(self) -> float:
        """Larger node spacing in metres, at the grid's middle."""
        width, height = abs(self.transform.a), abs(self.transform.e)
        if not self.crs.is_geographic:
            return float(max(width, height))
        middle_deg = self.transform.f + self.transform.e * self.elevation_m.shape[0] / 2
        return float(max(width * np.cos(np.radians(middle_deg)), height) * METRES_PER_DEGREE)

    @cached_property
    def _from_lonlat(self) -> Transformer:
        return Transformer.from_crs(WGS84, self.crs, always_xy=True)

    @property
    def _goes_round(self) -> bool:
        """Whether the grid closes around the Earth, so that its last column neighbours its first."""
        return bool(self.crs.is_geographic and abs(self.elevation_m.shape[1] * self.transform.a - 360.0) < self.transform.a / 2)

    def _pixel_of(self, longitude_deg: Array, latitude_deg: Array) -> tuple[Array, Array]:
        """Row and column of positions, fractions of nodes; whole numbers are nodes."""
        x, y = self._from_lonlat.transform(np.asarray(longitude_deg, float), np.asarray(latitude_deg, float))
        if self.crs.is_geographic:
            # Longitudes count from anywhere: the turn that is nearest to the grid's middle is meant.
            middle_deg = self.transform.c + self.transform.a * self.elevation_m.shape[1] / 2
            x = middle_deg + (np.asarray(x) - middle_deg + 180.0) % 360.0 - 180.0
        return (np.asarray(y) - self.transform.f) / self.transform.e - 0.5, (np.asarray(x) - self.transform.c) / self.transform.a - 0.5

    def _inside(self, row: Array, column: Array) -> NDArray[np.bool_]:
        rows, columns = self.elevation_m.shape
        return np.asarray((row >= -0.5) & (row <= rows - 0.5) & (column >= -0.5) & (column <= columns - 0.5))

    def covers(self, longitude_deg: Array, latitude_deg: Array) -> NDArray[np.bool_]:
        """Whether positions in degrees lie on this grid, half a cell of margin included, and not in a hole."""
        row, column = self._pixel_of(longitude_deg, latitude_deg)
        rows, columns = self.elevation_m.shape
        inside = self._inside(row, column)
        row, column = np.where(inside, row, 0.0), np.where(inside, column, 0.0)
        nearest = self.elevation_m[np.clip(np.rint(row), 0, rows - 1).astype(int), np.clip(np.rint(column), 0, columns - 1).astype(int)]
        return np.asarray(inside & np.isfinite(nearest))

    def depth_at(self, longitude_deg: Array, latitude_deg: Array) -> Array:
        """Water depth in metres, positive down, at positions in degrees.

        Parameters
        ----------
        longitude_deg, latitude_deg : (n,) array
            WGS 84.

        Returns
        -------
        (n,) array
            Bilinear between the four nodes around a position. Beside a hole, the depth of the nearest of them that is known. NaN where none
            is, and outside the grid.
        """
        return self.values_at(-self.elevation_m, longitude_deg, latitude_deg)

    def values_at(self, values: Array, longitude_deg: Array, latitude_deg: Array) -> Array:
        """Values on the native nodes at positions in degrees, as :meth:`depth_at`: each by itself, whatever other positions are asked for."""
        row, column = self._pixel_of(longitude_deg, latitude_deg)
        inside = self._inside(row, column)
        row, column = np.where(inside, row, 0.0), np.where(inside, column, 0.0)
        around, weights = self._four_nodes(values, row, column)
        known = np.isfinite(around)
        bilinear = np.where(known, around * weights, 0.0).sum(axis=0)
        # The nearest node is the one of the largest weight.
        nearest = np.argmax(np.where(known, weights, -1.0), axis=0)
        of_nearest = np.take_along_axis(around, nearest[None], axis=0)[0]
        return np.where(inside, np.where(known.all(axis=0), bilinear, of_nearest), np.nan)

    def _four_nodes(self, values: Array, row: Array, column: Array) -> tuple[Array, Array]:
        """(4, n) values of the nodes around positions, and their bilinear weights; at the margin the outermost nodes count twice."""
        rows, columns = self.elevation_m.shape
        upper, left = np.floor(row).astype(int), np.floor(column).astype(int)
        down, across = row - upper, column - left
        around, weights = [], []
        for step_down, weight_down in ((0, 1 - down), (1, down)):
            for step_across, weight_across in ((0, 1 - across), (1, across)):
                at_row = np.clip(upper + step_down, 0, rows - 1)
                at_column = (left + step_across) % columns if self._goes_round else np.clip(left + step_across, 0, columns - 1)
                around.append(values[at_row, at_column])
                weights.append(weight_down * weight_across)
        return np.array(around), np.array(weights)

    def slope_deg(self) -> Array:
        """Slope in degrees from third-order finite differences on the native nodes (Horn 1981, Proc. IEEE 69:14)."""
        rows, columns = self.elevation_m.shape
        if rows < 2 or columns < 2:
            return np.zeros_like(self.elevation_m)
        width_m: Array | float = abs(self.transform.a)
        height_m = abs(self.transform.e)
        if self.crs.is_geographic:
            latitude_deg = self.transform.f + (np.arange(rows) + 0.5) * self.transform.e
            width_m, height_m = (width_m * np.cos(np.radians(latitude_deg)) * METRES_PER_DEGREE)[:, None], height_m * METRES_PER_DEGREE
        z = np.pad(self.elevation_m, 1, mode="reflect", reflect_type="odd")
        if self._goes_round:
            z[:, 0], z[:, -1] = z[:, -2].copy(), z[:, 1].copy()
        across = (z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:]) - (z[:-2, :-2] + 2 * z[1:-1, :-2] + z[2:, :-2])
        along = (z[:-2, :-2] + 2 * z[:-2, 1:-1] + z[:-2, 2:]) - (z[2:, :-2] + 2 * z[2:, 1:-1] + z[2:, 2:])
        return np.asarray(np.degrees(np.arctan(np.hypot(across / (8 * width_m), along / (8 * height_m)))))

    def warped(self, values: Array, grid: Grid) -> Array:
        """Values on the native nodes brought to the centres of another grid's cells, bilinear; NaN where there is nothing."""
        from rasterio.crs import CRS as RasterioCRS
        from rasterio.warp import Resampling, reproject

        transform = self.transform
        if self._goes_round:
            values, transform = self._opened_opposite(values, grid)
        out = np.full(grid.shape, np.nan)
        reproject(
            values.astype(np.float64),
            out,
            src_transform=transform,
            src_crs=RasterioCRS.from_wkt(self.crs.to_wkt()),
            src_nodata=np.nan,
            dst_transform=grid.transform,
            dst_crs=RasterioCRS.from_wkt(grid.crs.to_wkt()),
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
            num_threads=1,
        )
        return out

    def _opened_opposite(self, values: Array, grid: Grid) -> tuple[Array, Affine]:
        """A grid around the Earth cut open on the far side of another grid: GDAL errs where its first and last columns meet."""
        west, south, east, north = grid.bounds_m
        longitude_deg, latitude_deg = grid.to_lonlat(np.array([(west + east) / 2]), np.array([(south + north) / 2]))
        _, column = self._pixel_of(longitude_deg, latitude_deg)
        steps = round(float(column[0])) - values.shape[1] // 2
        return np.roll(values, -steps, axis=1), self.transform @ Affine.translation(steps, 0)
