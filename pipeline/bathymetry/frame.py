"""Where a grid lies: coordinate systems that can be used, axes of equal steps, and the north on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from pipeline.errors import BathymetryError
from pipeline.grid import WGS84

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_EARTH_RADIUS_M = (6.3e6, 6.45e6)
_SMALLEST_CELL_M = 0.1


def crs_of(name: str, text: str) -> CRS:
    """Coordinate system by code or WKT."""
    try:
        return CRS.from_user_input(text)
    except (CRSError, ProjError):
        msg = f'{name}: crs {text[:80]!r} is no known coordinate system. Give a code as in crs = "EPSG:4326".'
        raise BathymetryError(msg) from None


def agreed_crs(name: str, declared: CRS | None, stated: str) -> CRS | None:
    """The one in the file or the one in the ``.toml``; both must be the same."""
    if not stated:
        return declared
    beside = crs_of(f"the .toml of {name}", stated)
    if declared is not None and not declared.equals(beside, ignore_axis_order=True):
        msg = f"{name} is in {declared.name}, but crs in its .toml says {stated}. Correct the wrong one."
        raise BathymetryError(msg)
    return beside


def horizontal_crs(name: str, crs: CRS) -> CRS:
    """The horizontal part of a coordinate system of the Earth, in degrees or metres.

    Raises
    ------
    BathymetryError
        It has none, or one that positions and slopes cannot be computed in.
    """
    if crs.is_compound and crs.sub_crs_list:
        crs = crs.sub_crs_list[0]
    if crs.is_bound and crs.source_crs is not None:
        crs = crs.source_crs
    warp = "Warp it first, for instance with gdalwarp -t_srs EPSG:4326."
    rotated_pole = crs.is_geographic and crs.is_derived
    if not (crs.is_geographic or crs.is_projected) or rotated_pole:
        msg = f"{name} is in {crs.name!r} ({crs.type_name}), which is neither longitude and latitude nor a map projection of them. {warp}"
        raise BathymetryError(msg)
    if crs.ellipsoid is None or not _EARTH_RADIUS_M[0] < crs.ellipsoid.semi_major_metre < _EARTH_RADIUS_M[1]:
        msg = f"{name} is in {crs.name!r}, which is not of the Earth. Is it the right file? Assign the right coordinate system."
        raise BathymetryError(msg)
    in_degrees = crs.is_geographic and all(np.isclose(axis.unit_conversion_factor, np.pi / 180) for axis in crs.axis_info[:2])
    in_metres = crs.is_projected and all(axis.unit_conversion_factor == 1 for axis in crs.axis_info[:2])
    if not (in_degrees or in_metres):
        msg = f"{name} is in {crs.name!r}, whose unit is {crs.axis_info[0].unit_name}; degrees and metres can be used. {warp}"
        raise BathymetryError(msg)
    # What comes out is the same system as the one everything else is in, not one that only means the same.
    return WGS84 if crs.equals(WGS84, ignore_axis_order=True) else crs


def even_steps(name: str, axis: str, values: NDArray[np.generic]) -> Array:
    """Coordinates of nodes in equal steps, up or down, as float64.

    Raises
    ------
    BathymetryError
        Steps are uneven beyond the rounding of the stored type, or coordinates repeat.
    """
    coordinates = values.astype(np.float64)
    uneven = f"{name}: {axis} is not evenly spaced"
    if coordinates.size < 2 or not np.isfinite(coordinates).all():
        msg = f"{uneven} ({coordinates.size} values, all must be numbers and at least 2). Regrid it to equal steps."
        raise BathymetryError(msg)
    step = abs(coordinates[-1] - coordinates[0]) / (coordinates.size - 1)
    rounding = 2 * float(np.spacing(np.abs(values).max())) if values.dtype.kind == "f" else 1e-12
    if step == 0 or rounding > step / 4:
        msg = f"{uneven}: it repeats, or its steps are lost in the rounding of {values.dtype}. Store it as float64 in equal steps."
        raise BathymetryError(msg)
    ideal = np.linspace(coordinates[0], coordinates[-1], coordinates.size)
    worst = int(np.argmax(np.abs(coordinates - ideal)))
    if abs(coordinates[worst] - ideal[worst]) > max(1e-3 * step, rounding):
        found = f"value {worst} is {coordinates[worst]:.10g} where steps of {step:g} lead to {ideal[worst]:.10g}"
        msg = f"{uneven}. Regrid it to equal steps ({found})."
        raise BathymetryError(msg)
    return coordinates


def transform_of(x: Array, y: Array) -> Affine:
    """Of the upper-left corner of the upper-left cell, for nodes at ascending x and descending y."""
    width, height = np.ptp(x) / (x.size - 1), np.ptp(y) / (y.size - 1)
    return Affine(width, 0, x[0] - width / 2, 0, -height, y[0] + height / 2)


def north_up(values: Array, transform: Affine) -> tuple[Array, Affine]:
    """Rows and columns turned so that row 0 is in the north and column 0 in the west."""
    rows, columns = values.shape
    if transform.e > 0:
        values, transform = values[::-1], transform @ Affine(1, 0, 0, 0, -1, rows)
    if transform.a < 0:
        values, transform = values[:, ::-1], transform @ Affine(-1, 0, columns, 0, 1, 0)
    return values, transform


def refuse_impossible_place(name: str, crs: CRS, transform: Affine, shape: tuple[int, int]) -> None:
    """Refuse a grid that lies on no Earth: nodes beyond the poles, more than once around, or outside the projection."""
    rows, columns = shape
    x = transform.c + transform.a * np.array([0.5, columns - 0.5])
    y = transform.f + transform.e * np.array([0.5, rows - 0.5])
    if crs.is_geographic:
        if np.abs(y).max() > 90 + 1e-6:
            msg = f"{name}: latitude runs from {y.min():g} to {y.max():g}, beyond 90. Are longitude and latitude swapped, or in another unit?"
            raise BathymetryError(msg)
        if x.min() < -360 or x.max() > 720 or columns * transform.a > 360 * (1 + 1e-6) + transform.a:
            msg = f"{name}: longitude runs from {x.min():g} to {x.max():g}; -180..180 and 0..360 are known. Is the unit degrees?"
            raise BathymetryError(msg)
        return
    if min(abs(transform.a), abs(transform.e)) < _SMALLEST_CELL_M:
        msg = f"{name}: cells of {abs(transform.a):g} m in {crs.name!r}. Are its coordinates degrees? Assign the right coordinate system."
        raise BathymetryError(msg)
    try:
        corners = Transformer.from_crs(crs, WGS84, always_xy=True).transform(x[[0, 0, 1, 1]], y[[0, 1, 0, 1]])
    except ProjError:
        corners = (np.array([np.inf]), np.array([np.inf]))
    if not (np.isfinite(corners[0]).all() and np.isfinite(corners[1]).all()):
        msg = f"{name}: its corners lie nowhere on the Earth in {crs.name!r}. Assign the right coordinate system."
        raise BathymetryError(msg)


def once_around(name: str, values: Array, transform: Affine, crs: CRS) -> Array:
    """Without the last column where it is the first once more, a whole turn later, as in grids with nodes on both 0 and 360 degrees.

    Raises
    ------
    BathymetryError
        The two columns, which are the same places, differ.
    """
    columns = values.shape[1]
    if not (crs.is_geographic and columns * transform.a > 360 + transform.a / 2):
        return values
    if not np.allclose(values[:, 0], values[:, -1], atol=0.01, rtol=0, equal_nan=True):
        msg = f"{name}: its first and last column lie a whole turn apart, on the same places, and differ. Cut it to the region."
        raise BathymetryError(msg)
    return values[:, :-1]
