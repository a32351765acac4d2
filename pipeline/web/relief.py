"""Base map from the bathymetry itself: a near-grey shaded relief that leaves the colours to the grades, and depth contours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipeline.web.packing import png_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from affine import Affine
    from numpy.typing import NDArray
    from pyproj import CRS

    from pipeline.web.mercator import DisplayFrame

    Array = NDArray[np.float64]

_METRES_PER_DEGREE = 111_195.0
_DARKEST, _LIGHTEST = np.array([112, 124, 136]), np.array([248, 249, 249])
_SUN_AZIMUTH_DEG, _SUN_ALTITUDE_DEG = 315.0, 45.0
_STEEPEST_SHOWN_DEG = 22.0  # relief is stretched until its steep flanks reach about this
_CONTOUR_POINTS = 12_000


class Elevation(Protocol):
    """A grid of heights in metres, positive up, row 0 in the north, NaN in holes."""

    @property
    def crs(self) -> CRS:
        """Coordinate system of the transform."""

    @property
    def transform(self) -> Affine:
        """Of the upper-left corner of the upper-left cell."""

    @property
    def elevation_m(self) -> Array:
        """(rows, columns) heights."""


def elevation_on(frame: DisplayFrame, grids: Sequence[Elevation]) -> Array:
    """Heights at the pixels of a display frame, smooth between native nodes; later grids lie on top of earlier ones.

    Returns
    -------
    (rows, columns) array
        Metres, positive up; NaN where no grid is.
    """
    from pyproj import Transformer

    longitude_deg, latitude_deg = (values.ravel() for values in frame.positions_deg())
    heights_m = np.full(longitude_deg.shape, np.nan)
    for grid in grids:
        x, y = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(longitude_deg, latitude_deg)
        if grid.crs.is_geographic:
            middle = grid.transform.c + grid.transform.a * grid.elevation_m.shape[1] / 2
            x = middle + (np.asarray(x) - middle + 180.0) % 360.0 - 180.0
        column = (np.asarray(x) - grid.transform.c) / grid.transform.a
        row = (np.asarray(y) - grid.transform.f) / grid.transform.e
        sampled = _sampled(grid.elevation_m, row - 0.5, column - 0.5)
        heights_m = np.where(np.isfinite(sampled), sampled, heights_m)
    return heights_m.reshape(frame.shape)


def _sampled(values: Array, row: Array, column: Array) -> Array:
    """Cubic where display pixels are finer than nodes, so that no facets show; NaN outside and in holes."""
    from scipy import ndimage

    rows, columns = values.shape
    inside = (row >= -0.5) & (row <= rows - 0.5) & (column >= -0.5) & (column <= columns - 0.5)
    out = np.full(row.shape, np.nan)
    if not inside.any():
        return out
    first = np.maximum(np.floor([row[inside].min(), column[inside].min()]).astype(int) - 8, 0)
    last = np.minimum(np.ceil([row[inside].max(), column[inside].max()]).astype(int) + 9, [rows, columns])
    window = values[first[0] : last[0], first[1] : last[1]]
    holes = ~np.isfinite(window)
    if holes.all():
        return out
    if holes.any():
        nearest = ndimage.distance_transform_edt(holes, return_distances=False, return_indices=True)
        window = window[tuple(nearest)]
    at = np.array([row[inside] - first[0], column[inside] - first[1]])
    coarse = window.size < 4 * row.size and min(window.shape) > 3
    out[inside] = ndimage.map_coordinates(window, at, order=3 if coarse else 1, mode="nearest")
    if holes.any():
        hidden = holes[tuple(np.clip(np.rint(at).astype(int), 0, np.array(window.shape)[:, None] - 1))]
        out[np.flatnonzero(inside)[hidden]] = np.nan
    return out


def relief_url(frame: DisplayFrame, heights_m: Array) -> str:
    """Shaded relief as an indexed PNG, lighter where shallower, lit from the north-west; transparent where nothing is known."""
    known = np.isfinite(heights_m)
    filled = np.where(known, heights_m, np.median(heights_m[known]) if known.any() else 0.0)
    pixel_m = _METRES_PER_DEGREE * frame.ground()
    south_north, west_east = np.gradient(filled) if min(frame.shape) > 1 else (np.zeros_like(filled), np.zeros_like(filled))
    slope_north, slope_east = -south_north / pixel_m, west_east / pixel_m
    steep = float(np.percentile(np.hypot(slope_north, slope_east), 99))
    # Depth is stretched, never the ground: only light and shadow are made from it.
    stretch = min(np.tan(np.radians(_STEEPEST_SHOWN_DEG)) / steep, 30.0) if steep > 0 else 1.0
    azimuth, altitude = np.radians(_SUN_AZIMUTH_DEG), np.radians(_SUN_ALTITUDE_DEG)
    east, north = np.sin(azimuth) * np.cos(altitude), np.cos(azimuth) * np.cos(altitude)
    normal = np.sqrt(1 + stretch**2 * (slope_east**2 + slope_north**2))
    light = (np.sin(altitude) - stretch * (slope_east * east + slope_north * north)) / normal
    low, high = (float(value) for value in np.percentile(filled, [1, 99.8]))
    shallow = np.clip((filled - low) / (high - low), 0, 1) if high > low else np.full(filled.shape, 0.5)
    brightness = 0.66 + 0.22 * shallow**0.8 + 0.8 * (light - np.sin(altitude))
    # 64 greys are enough for the eye and halve the file.
    indices = np.where(known, 1 + np.rint(np.clip(brightness, 0, 1) * 63), 0).astype(np.uint8)
    shades = np.rint(_DARKEST + np.linspace(0, 1, 64)[:, None] * (_LIGHTEST - _DARKEST))
    palette = np.column_stack([shades, np.full(64, 255)])
    return png_url(indices, np.vstack([np.zeros((1, 4)), palette]).astype(np.uint8))


def contours(frame: DisplayFrame, heights_m: Array, most_levels: int) -> list[dict[str, Any]]:
    """Depth contours at round depths.

    Returns
    -------
    list of dict
        ``depth_m``, ``lines`` (lists of [latitude, longitude]) and ``label`` (a position on the longest line, or none), from shallow to deep.
    """
    import contourpy
    import shapely

    known = heights_m[np.isfinite(heights_m)]
    if known.size == 0 or min(frame.shape) < 2 or np.ptp(known) < 1.0:
        return []
    step = _round_step(float(np.ptp(known)) / most_levels)
    generator = contourpy.contour_generator(*frame.axes(), np.ma.masked_invalid(-heights_m))
    depths_m = np.arange(np.ceil(-known.max() / step), np.floor(-known.min() / step) + 1) * step
    pixel = frame.pixel

    def position(x: float, y: float) -> list[float]:
        longitude_deg, latitude_deg = frame.lonlat(np.asarray(x), np.asarray(y))
        return [round(float(latitude_deg), 5), round(float(longitude_deg), 5)]

    out: list[dict[str, Any]] = []
    labelled: list[tuple[float, float]] = []
    for depth_m in depths_m:
        traced = [shapely.LineString(np.asarray(line)) for line in generator.lines(float(depth_m)) if len(line) > 3]
        lines = [shapely.simplify(line, 0.4 * pixel) for line in traced if line.length > 20 * pixel]
        if lines:
            longest = max(lines, key=lambda line: line.length)
            middle = longest.interpolate(0.5, normalized=True)
            room = all(abs(middle.x - x) + abs(middle.y - y) > 40 * pixel for x, y in labelled)
            label = position(middle.x, middle.y) if room and longest.length > 80 * pixel else None
            labelled += [(middle.x, middle.y)] if label else []
            out.append({"depth_m": float(depth_m), "lines": [[position(x, y) for x, y in line.coords] for line in lines], "label": label})
    points = sum(len(line) for level in out for line in level["lines"])
    # A rough seafloor gives more line than a page should carry: fewer levels then, never a torn set.
    return out if points <= _CONTOUR_POINTS or most_levels <= 2 else contours(frame, heights_m, most_levels // 2)


def _round_step(least: float) -> float:
    magnitude = 10.0 ** np.floor(np.log10(least))
    return float(next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= least))
