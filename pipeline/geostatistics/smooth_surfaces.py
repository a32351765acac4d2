"""Functions that are smooth but at a few places, on blocks of a regular grid, from far fewer evaluations than the grid has cells.

What kriging gives at a point is an analytic function of its position wherever no core is near. A polynomial through Chebyshev points then holds it on
a whole block to rounding; nearer to a core the block is divided, and beside one every cell is evaluated.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

BLOCK_CELLS = 64
"""Cells along the side of a block: the unit of arithmetic, aligned to the grid."""

_POINTS = 16  # along each side: as many evaluations as the smallest part has cells, so that every call has the same shape
_TOLERANCE = 1e-11
_TAIL = 3  # last Chebyshev coefficients along each axis that must have fallen below the tolerance
_NEAREST_SIDES = 0.35  # a part with a core nearer than this, in its sides, is divided without a trial


def on_block(
    function: Callable[[Array, Array], Array], scale: Array, centre_m: tuple[float, float], cell_m: float, rough_m: Array, wanted: Mask
) -> Array:
    r"""Values of many functions of a position in the cells of a block.

    On a part of the block with side s the functions are evaluated at 16 x 16 Chebyshev points and interpolated in both directions by the polynomials
    through them, :math:`f(x, y) \approx \sum_{jk} c_{jk} T_j(x) T_k(y)` (Trefethen 2013, ch. 3 and 8). The error of such a polynomial is about its
    last coefficients: where these exceed the tolerance, 1e-11 of the scale, the part is divided into four. Parts of 16 x 16 cells are evaluated cell
    by cell.

    Nothing but the block decides how it is divided: its values are the same whichever grid it is part of.

    Parameters
    ----------
    function : callable
        Of easting and northing, (points,) arrays in metres: a (points, surfaces) array.
    scale : (surfaces,) array
        Size of each surface that its error is measured by; infinite where none matters.
    centre_m : (easting, northing)
        Centre of the north-western cell.
    cell_m : float
    rough_m : (places, 2) array
        Where the functions are not smooth; places far away cost nothing. NaN: they are smooth nowhere.
    wanted : (64, 64) array
        Parts without a wanted cell stay NaN.

    Returns
    -------
    (64, 64, surfaces) array
    """
    out = np.full((BLOCK_CELLS, BLOCK_CELLS, len(scale)), np.nan)
    parts = [(0, 0, BLOCK_CELLS)]
    while parts:
        row, column, side = parts.pop()
        place = slice(row, row + side), slice(column, column + side)
        if not wanted[place].any():
            continue
        west_m, north_m = centre_m[0] + column * cell_m, centre_m[1] - row * cell_m
        if side == _POINTS:
            steps = cell_m * np.arange(side, dtype=np.float64)
            found = _evaluated(function, west_m + steps, north_m - steps)
        else:
            tried = _interpolated(function, scale, west_m, north_m, cell_m, side) if _may_be_smooth(rough_m, west_m, north_m, cell_m, side) else None
            if tried is None:
                half = side // 2
                parts += [(row + down, column + across, half) for down in (0, half) for across in (0, half)]
                continue
            found = tried
        out[place] = found
    return out


def _may_be_smooth(rough_m: Array, west_m: float, north_m: float, cell_m: float, side: int) -> bool:
    """Whether no rough place lies so near that a trial would be wasted."""
    if np.isnan(rough_m).any():
        return False
    long_m = (side - 1) * cell_m
    east_m = np.maximum(np.maximum(west_m - rough_m[:, 0], rough_m[:, 0] - west_m - long_m), 0.0)
    away_m = np.maximum(np.maximum(rough_m[:, 1] - north_m, north_m - long_m - rough_m[:, 1]), 0.0)
    return bool(np.all(np.hypot(east_m, away_m) > _NEAREST_SIDES * long_m))


def _evaluated(function: Callable[[Array, Array], Array], easting_m: Array, northing_m: Array) -> Array:
    """(rows, columns, surfaces) values at every combination of a northing and an easting."""
    found = function(np.tile(easting_m, northing_m.size), np.repeat(northing_m, easting_m.size))
    return found.reshape(northing_m.size, easting_m.size, -1)


def _interpolated(function: Callable[[Array, Array], Array], scale: Array, west_m: float, north_m: float, cell_m: float, side: int) -> Array | None:
    """Values in the cells of a part, or ``None`` where the polynomial does not hold them."""
    points, coefficients_of, values_of = chebyshev_points(_POINTS), chebyshev_coefficients(_POINTS), _in_cells(side)
    half_m = (side - 1) * cell_m / 2
    at_points = _evaluated(function, west_m + half_m * (1 + points), north_m - half_m * (1 + points))
    coefficients = np.abs(np.tensordot(coefficients_of, np.tensordot(coefficients_of, at_points, axes=(1, 0)), axes=(1, 1)))
    error = coefficients[-_TAIL:].sum(axis=(0, 1)) + coefficients[:, -_TAIL:].sum(axis=(0, 1))
    # An error that is no number fails the test too.
    if not np.all(error <= _TOLERANCE * scale):
        return None
    surfaces = at_points.shape[-1]
    across = np.matmul(values_of, at_points)
    return np.asarray((values_of @ across.reshape(_POINTS, -1)).reshape(side, side, surfaces))


@cache
def chebyshev_points(count: int) -> Array:
    """(count,) Chebyshev points of the first kind on -1 to 1, falling."""
    return np.asarray(np.cos(_angles(count)))


@cache
def chebyshev_coefficients(count: int) -> Array:
    """(count, count) matrix from values at the points to the coefficients of the polynomial through them."""
    order = np.arange(count)
    return np.asarray(np.cos(np.multiply.outer(order, _angles(count))) * np.where(order == 0, 1.0, 2.0)[:, None] / count)


def chebyshev_at(count: int, positions: Array) -> Array:
    """(positions, count) matrix from values at the points to values of the polynomial through them at positions on -1 to 1."""
    return np.asarray(np.cos(np.multiply.outer(np.arccos(positions), np.arange(count))) @ chebyshev_coefficients(count))


def _angles(count: int) -> Array:
    return np.asarray(np.pi * (np.arange(count) + 0.5) / count)


@cache
def _in_cells(side: int) -> Array:
    """(side, points) matrix from values at the points to those in the centres of cells, of which the first lies at -1 and the last at 1."""
    return chebyshev_at(_POINTS, np.linspace(-1.0, 1.0, side))
