"""From stored numbers to heights in metres: packing, holes, and what no seafloor can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import BathymetryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.bathymetry.vertical import Vertical

    Array = NDArray[np.float64]

HIGHEST_M, DEEPEST_M = 9_000.0, -11_500.0

_USUAL_FILLS = (-9999, 9999, -999, 999, -99999, -32768, -32767, 32767, 65535)
_ALONE_M = 500.0
"""A usual fill value this far from every other height is no part of the seafloor."""


@dataclass(frozen=True)
class Packing:
    """How a file stores its values.

    Parameters
    ----------
    scale, offset : float
        Value = stored x scale + offset.
    fills : tuple of float
        Stored values that mean nothing is known.
    lowest, highest : float
        Limits declared for stored values; beyond them nothing is known.
    """

    scale: float = 1.0
    offset: float = 0.0
    fills: tuple[float, ...] = ()
    lowest: float = -np.inf
    highest: float = np.inf


def unpacked(name: str, stored: NDArray[Any], packing: Packing) -> tuple[Array, Array]:
    """Values, NaN where nothing is known, and those of them that are usual fill values nobody declared.

    Raises
    ------
    BathymetryError
        Scale or offset is no number that could be meant.
    """
    if not (np.isfinite(packing.scale) and np.isfinite(packing.offset)) or packing.scale == 0:
        msg = f"{name}: values are packed with scale {packing.scale:g} and offset {packing.offset:g}, which no depth can be. Correct or remove them."
        raise BathymetryError(msg)
    hole = np.zeros(stored.shape, dtype=bool)
    for fill in packing.fills:
        # A float32 field holds its fill value rounded to float32; an integer one may not be able to hold it at all.
        with np.errstate(over="ignore"):
            hole |= stored == (stored.dtype.type(fill) if stored.dtype.kind == "f" else np.float64(fill))
    if np.isfinite(packing.lowest) or np.isfinite(packing.highest):
        hole |= (stored < packing.lowest) | (stored > packing.highest)
    values = stored.astype(np.float64) * packing.scale + packing.offset
    values[hole] = np.nan
    suspects = [usual * packing.scale + packing.offset for usual in _USUAL_FILLS if ((stored == usual) & ~hole).any()]
    return values, np.array(suspects, dtype=np.float64)


def heights_m(name: str, values: Array, suspects: Array, vertical: Vertical) -> tuple[Array, tuple[str, ...]]:
    """Heights in metres, positive up, and what was converted.

    Parameters
    ----------
    name : str
        File, for messages.
    values : (rows, columns) array
        In the file's unit and direction; NaN in holes.
    suspects : (n,) array
        Values that may stand for nothing, see :func:`unpacked`.
    vertical : Vertical
        What is said about them.

    Raises
    ------
    BathymetryError
        Unit or direction are unknown, contradictory or not said; heights are impossible.
    """
    if not np.any(~np.isnan(values)):
        msg = f"{name} holds no depth at all. Remove it or replace it."
        raise BathymetryError(msg)
    factor, sign = vertical.metres_per_unit(name, values), vertical.sign(name, values)
    elevation_m = values * (sign * factor)
    _refuse_impossible(name, elevation_m, suspects * (sign * factor))
    unit = next(iter(vertical.units.values()), "m")
    return elevation_m, () if factor == 1 else (f"converted from {unit}",)


def _refuse_impossible(name: str, elevation_m: Array, suspects_m: Array) -> None:
    lowest, highest = float(np.nanmin(elevation_m)), float(np.nanmax(elevation_m))
    if lowest < DEEPEST_M or highest > HIGHEST_M:
        msg = (
            f"{name}: elevations run from {lowest:g} to {highest:g} m, outside {DEEPEST_M:g}..{HIGHEST_M:g}. "
            "Is the unit metres, and is the fill value declared? It can be written into its .toml: fill = …"
        )
        raise BathymetryError(msg)
    for suspect_m in suspects_m:
        apart_m = np.abs(elevation_m - suspect_m)
        others = apart_m > 1e-6
        if not others.any() or float(np.min(apart_m[others])) > _ALONE_M:
            msg = (
                f"{name}: height {suspect_m:g} m lies {_ALONE_M:g} m from all others, is written as fill values are, and is not declared as one. "
                "Declare it in the file, or in its .toml: fill = …"
            )
            raise BathymetryError(msg)
