"""Display frames in spherical Web Mercator (EPSG:3857), the projection of Leaflet's images. Nothing is measured on them."""

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

    def centres_deg(self) -> tuple[Array, Array]:
        """Longitudes of the columns and latitudes of the rows, at pixel centres."""
        rows, columns = self.shape
        south, north = float(_north(self.south_deg)), float(_north(self.north_deg))
        longitude_deg = self.west_deg + (np.arange(columns) + 0.5) * (self.east_deg - self.west_deg) / columns
        return longitude_deg, _latitude_deg(north - (np.arange(rows) + 0.5) * (north - south) / rows)


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
    frame: Frame, shape: tuple[int, int], pixel_of: Callable[[Array, Array], tuple[Array, Array]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of the grid cell under each display pixel's centre; -1 outside.

    Parameters
    ----------
    frame : Frame
    shape : (rows, columns) of the grid
    pixel_of : callable
        Fractional row and column, from the outer edge of cell (0, 0), of longitudes and latitudes in degrees.
    """
    longitude_deg, latitude_deg = (values.ravel() for values in np.meshgrid(*frame.centres_deg()))
    row, column = (np.floor(values).astype(np.int64).reshape(frame.shape) for values in pixel_of(longitude_deg, latitude_deg))
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    return np.where(inside, row, -1), np.where(inside, column, -1)
