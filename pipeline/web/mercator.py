"""Display frames: spherical Web Mercator (EPSG:3857), the projection of Leaflet's images, and a polar stereographic one where that ends.

Nothing is measured on them. Both are conformal: shapes are right where one looks, and sizes only along a parallel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_RADIUS_M = 6_378_137.0
_MAX_LATITUDE_DEG = 85.0

POLAR_FROM_DEG = 75.0
"""Maps of what reaches beyond this latitude are drawn around the pole: there Mercator stretches fourfold and more, and ends at 85 degrees."""


def _north(latitude_deg: Array | float) -> Array:
    latitude = np.radians(np.clip(latitude_deg, -_MAX_LATITUDE_DEG, _MAX_LATITUDE_DEG))
    return np.asarray(np.degrees(np.log(np.tan(np.pi / 4 + latitude / 2))))


def _latitude_deg(north: Array | float) -> Array:
    return np.asarray(np.degrees(2 * np.arctan(np.exp(np.radians(north))) - np.pi / 2))


@dataclass(frozen=True)
class Frame:
    """Pixels of equal size in Web Mercator, row 0 in the north; edges, not centres, bound it.

    Parameters
    ----------
    west_deg, south_deg, east_deg, north_deg : float
        Outer edges of the outer pixels. Longitudes may pass 180.
    shape : (rows, columns)
    """

    west_deg: float
    south_deg: float
    east_deg: float
    north_deg: float
    shape: tuple[int, int]

    @property
    def bounds(self) -> list[list[float]]:
        """Edges as Leaflet wants them: ``[[south, west], [north, east]]``."""
        return [[self.south_deg, self.west_deg], [self.north_deg, self.east_deg]]

    @property
    def pixel(self) -> float:
        """Side of a pixel in the units of :meth:`axes`, degrees of longitude."""
        return (self.east_deg - self.west_deg) / self.shape[1]

    def axes(self) -> tuple[Array, Array]:
        """Coordinates of the columns and of the rows in which lines are traced: longitude and latitude."""
        return self.centres_deg()

    def lonlat(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Longitude and latitude in degrees of what is traced on the axes."""
        return x, y

    def positions_deg(self) -> tuple[Array, Array]:
        """Longitude and latitude of every pixel's centre, two (rows, columns) arrays in degrees."""
        longitude_deg, latitude_deg = np.meshgrid(*self.centres_deg())
        return longitude_deg, latitude_deg

    def ground(self) -> Array:
        """(rows, 1) size of a pixel on the ground, in degrees of a great circle."""
        _, latitude_deg = self.centres_deg()
        return np.asarray(np.cos(np.radians(latitude_deg))[:, None] * self.pixel)

    def centres_deg(self) -> tuple[Array, Array]:
        """Longitudes of the columns and latitudes of the rows, at pixel centres."""
        rows, columns = self.shape
        south, north = float(_north(self.south_deg)), float(_north(self.north_deg))
        longitude_deg = self.west_deg + (np.arange(columns) + 0.5) * (self.east_deg - self.west_deg) / columns
        return longitude_deg, _latitude_deg(north - (np.arange(rows) + 0.5) * (north - south) / rows)


@dataclass(frozen=True)
class Polar:
    """Stereographic projection of the sphere from the opposite pole (Snyder 1987, p. 154), true to scale at the pole; plane units are degrees.

    Parameters
    ----------
    pole : int
        1 for the north pole, -1 for the south pole.
    longitude_deg : float
        Meridian that runs up (south pole) or down (north pole) the middle of the map.
    """

    pole: int
    longitude_deg: float

    def forward(self, longitude_deg: Array, latitude_deg: Array) -> tuple[Array, Array]:
        """Plane coordinates, x to the right and y up, of positions in degrees."""
        radius = np.degrees(2 * np.tan(np.radians(90.0 - self.pole * np.asarray(latitude_deg)) / 2))
        turn = np.radians(np.asarray(longitude_deg) - self.longitude_deg)
        return radius * np.sin(turn), -self.pole * radius * np.cos(turn)

    def inverse(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Longitude and latitude in degrees of plane coordinates."""
        radius = np.radians(np.hypot(x, y))
        longitude_deg = self.longitude_deg + np.degrees(np.arctan2(x, -self.pole * np.asarray(y)))
        return np.asarray(longitude_deg, dtype=np.float64), self.pole * (90.0 - np.degrees(2 * np.arctan(radius / 2)))


@dataclass(frozen=True)
class PolarFrame:
    """Pixels of equal size around a pole; edges in plane units bound it, row 0 is on top.

    Parameters
    ----------
    projection : Polar
    west, south, east, north : float
        Left, lower, right and upper edge of the outer pixels.
    shape : (rows, columns)
    """

    projection: Polar
    west: float
    south: float
    east: float
    north: float
    shape: tuple[int, int]

    @property
    def bounds(self) -> list[list[float]]:
        """Lower left and upper right corner, each ``[latitude, longitude]``: corners of the map, not of a box of degrees."""
        longitude_deg, latitude_deg = self.projection.inverse(np.array([self.west, self.east]), np.array([self.south, self.north]))
        return [[float(latitude), float(longitude)] for latitude, longitude in zip(latitude_deg, longitude_deg, strict=True)]

    @property
    def pixel(self) -> float:
        """Side of a pixel in plane units."""
        return (self.east - self.west) / self.shape[1]

    def axes(self) -> tuple[Array, Array]:
        """Plane coordinates of the columns and of the rows, at pixel centres."""
        rows, columns = self.shape
        x = self.west + (np.arange(columns, dtype=np.float64) + 0.5) * self.pixel
        return x, np.asarray(self.north - (np.arange(rows) + 0.5) * (self.north - self.south) / rows, dtype=np.float64)

    def lonlat(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Longitude and latitude in degrees of what is traced on the axes."""
        return self.projection.inverse(x, y)

    def positions_deg(self) -> tuple[Array, Array]:
        """Longitude and latitude of every pixel's centre, two (rows, columns) arrays in degrees."""
        x, y = np.meshgrid(*self.axes())
        return self.projection.inverse(x, y)

    def ground(self) -> Array:
        """(rows, columns) size of a pixel on the ground, in degrees of a great circle."""
        _, latitude_deg = self.positions_deg()
        return np.asarray(self.pixel * (1 + np.sin(np.radians(np.abs(latitude_deg)))) / 2)


DisplayFrame = Frame | PolarFrame


def polar_frame_around(projection: Polar, x: Array, y: Array, pixel_m: float, most_pixels: int) -> PolarFrame:
    """As :func:`frame_around`, of plane coordinates around a pole."""
    west, east, low, high = (float(edge) for edge in (np.min(x), np.max(x), np.min(y), np.max(y)))
    pixel = max(math.degrees(pixel_m / _RADIUS_M), math.sqrt((east - west) * (high - low) / most_pixels))
    columns, rows = max(1, math.ceil((east - west) / pixel)), max(1, math.ceil((high - low) / pixel))
    return PolarFrame(projection, west, high - rows * pixel, west + columns * pixel, high, (rows, columns))


def frame_around(longitude_deg: Array, latitude_deg: Array, pixel_m: float, most_pixels: int) -> Frame:
    """Frame that encloses positions, with square pixels of about the size asked for on the ground, larger where that were too many."""
    west, east = float(np.min(longitude_deg)), float(np.max(longitude_deg))
    south, north = float(np.min(latitude_deg)), float(np.max(latitude_deg))
    low, high = float(_north(south)), float(_north(north))
    wanted_deg = math.degrees(pixel_m / _RADIUS_M / math.cos(math.radians((south + north) / 2)))
    pixel_deg = max(wanted_deg, math.sqrt((east - west) * (high - low) / most_pixels))
    columns, rows = max(1, math.ceil((east - west) / pixel_deg)), max(1, math.ceil((high - low) / pixel_deg))
    # Whole pixels: the frame grows by less than one to the east and south.
    return Frame(west, float(_latitude_deg(high - rows * pixel_deg)), west + columns * pixel_deg, north, (rows, columns))


def unwrapped(longitude_deg: Array, near_deg: float) -> Array:
    """Longitudes within half a turn of one of them, so that a region across the 180th meridian stays in one piece."""
    return np.asarray(near_deg + (np.asarray(longitude_deg) - near_deg + 180.0) % 360.0 - 180.0)


def cells_of(
    frame: DisplayFrame, shape: tuple[int, int], pixel_of: Callable[[Array, Array], tuple[Array, Array]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of the grid cell under each display pixel's centre; -1 outside.

    Parameters
    ----------
    frame : Frame or PolarFrame
    shape : (rows, columns) of the grid
    pixel_of : callable
        Fractional row and column, from the outer edge of cell (0, 0), of longitudes and latitudes in degrees.
    """
    longitude_deg, latitude_deg = (values.ravel() for values in frame.positions_deg())
    row, column = (np.floor(values).astype(np.int64).reshape(frame.shape) for values in pixel_of(longitude_deg, latitude_deg))
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    return np.where(inside, row, -1), np.where(inside, column, -1)
