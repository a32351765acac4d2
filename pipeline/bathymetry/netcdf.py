"""The field of depths in a NetCDF file, by the CF conventions."""

from __future__ import annotations

import math
import re
import warnings
from typing import TYPE_CHECKING, Final

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError

from pipeline.bathymetry.classic import classic_variables
from pipeline.bathymetry.frame import agreed_crs, even_steps, horizontal_crs, transform_of
from pipeline.bathymetry.hdf5 import hdf5_variables
from pipeline.bathymetry.limits import MOST_CELLS, refuse_too_large
from pipeline.bathymetry.raw_field import RawField
from pipeline.bathymetry.values import Packing, unpacked
from pipeline.bathymetry.vertical import vertical_of
from pipeline.errors import BathymetryError
from pipeline.grid import WGS84

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from pipeline.bathymetry.side_file import SideFile
    from pipeline.bathymetry.variable import Variable

    Array = NDArray[np.float64]

_OPEN: Final = {"NetCDF-4": hdf5_variables, "classic NetCDF": classic_variables}

_AXES: Final = {
    # axis: (names, standard names, units)
    "longitude": (("lon", "longitude"), "longitude", r"degrees?_?(e|east)"),
    "latitude": (("lat", "latitude"), "latitude", r"degrees?_?(n|north)"),
    "easting": (("easting",), "projection_x_coordinate", None),
    "northing": (("northing",), "projection_y_coordinate", None),
}
_METRES: Final = {"": 1.0, "m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "km": 1000.0}


def read_netcdf(name: str, kind: str, content: bytes, side: SideFile) -> RawField:
    """The one field on two axes.

    Parameters
    ----------
    name : str
        File, for messages.
    kind : str
        ``NetCDF-4`` or ``classic NetCDF``.
    content : bytes
        The file.
    side : SideFile

    Raises
    ------
    BathymetryError
        The file cannot be read, is too large, or does not say where its values lie and what they are.
    """
    with _OPEN[kind](name, content) as variables:
        field = _only_field(name, variables, side)
        shape = tuple(length for length in field.shape if length > 1 or len(field.shape) == 2)
        refuse_too_large(name, shape)
        dimensions = [label for label, length in zip(field.dimensions, field.shape, strict=True) if length > 1 or len(field.shape) == 2]
        axes = _axes(name, field, dimensions, shape, variables)
        declared = _declared_crs(name, field, variables)
        crs = agreed_crs(name, declared, side.crs)
        across, along = _nodes(name, axes, crs)
        stored = field.read().reshape(shape)
        values, suspects = unpacked(name, stored, _packing(name, field, side))
    if dimensions != [axes[0].name, axes[1].name]:
        values = values.T
    if along[0] < along[-1]:
        values, along = values[::-1], along[::-1]
    if across[0] > across[-1]:
        values, across = values[:, ::-1], across[::-1]
    attributes: dict[str, str] = {
        key: _text(name, field, key) for key in ("units", "positive", "standard_name", "long_name") if key in field.attributes
    }
    # ASSUME: longitude and latitude without a coordinate system are WGS 84: that, or a sphere far within its resolution, is what global grids use.
    vertical = vertical_of(name, attributes, crs, side, silence_means_heights=False)
    return RawField(np.ascontiguousarray(values), suspects, horizontal_crs(name, crs or WGS84), transform_of(across, along), vertical)


def _only_field(name: str, variables: dict[str, Variable], side: SideFile) -> Variable:
    """The numeric variable on two dimensions longer than one."""
    bounds = {variable.text("bounds") for variable in variables.values()}
    fields = [
        variable
        for variable in variables.values()
        if variable.is_numeric and variable.name not in bounds and (len(variable.shape) == 2 or sum(length > 1 for length in variable.shape) == 2)
    ]
    if side.variable:
        fields = [variable for variable in fields if variable.name == side.variable]
    if len(fields) != 1:
        named = f" named {side.variable!r}" if side.variable else ""
        found = f" (it holds {', '.join(sorted(variables)[:20])})" if len(fields) == 0 and variables else ""
        msg = (
            f"{name} holds {len(fields)} two-dimensional fields{named}; exactly one is needed{found}. "
            "Keep the elevation only, or name it in its .toml: variable = …"
        )
        raise BathymetryError(msg)
    if fields[0].text("_Unsigned").lower() == "true":
        msg = f"{name}: {fields[0].name} is marked _Unsigned, which is not read. Save it as int16 or float32."
        raise BathymetryError(msg)
    return fields[0]


# --- axes ------------------------------------------------------------------------------------------------------------------------------------------


def _axes(name: str, field: Variable, dimensions: Iterable[str], shape: Iterable[int], variables: dict[str, Variable]) -> tuple[Variable, Variable]:
    """The axis that runs north and the one that runs east."""
    found: dict[str, Variable] = {}
    for label, length in zip(dimensions, shape, strict=True):
        axis = variables.get(label)
        if axis is not None and axis.is_numeric and axis.dimensions == (label,) and axis.shape == (length,):
            kinds = _axis_kinds(axis)
            if len(kinds) == 1:
                found[kinds.pop()] = axis
    for along, across in (("latitude", "longitude"), ("northing", "easting")):
        if set(found) == {along, across} and found[along] is not found[across]:
            return found[along], found[across]
    msg = (
        f"{name}: axes {', '.join(field.dimensions)} are not longitude and latitude. Give them CF units degrees_east and degrees_north, "
        "or, on a map projection, standard_name projection_x_coordinate and projection_y_coordinate."
    )
    raise BathymetryError(msg)


def _axis_kinds(axis: Variable) -> set[str]:
    """What units, standard name and name say an axis is; more than one where they contradict each other."""
    unit, standard = axis.text("units").strip().lower(), axis.text("standard_name").strip().lower()
    kinds = set()
    for kind, (names, standard_name, unit_pattern) in _AXES.items():
        by_unit = unit_pattern is not None and re.fullmatch(unit_pattern, unit) is not None
        if by_unit or standard == standard_name or (axis.name.lower() in names):
            kinds.add(kind)
    in_degrees = unit.startswith("degree") or not unit
    return kinds if in_degrees or not kinds & {"longitude", "latitude"} else set()


def _nodes(name: str, axes: tuple[Variable, Variable], crs: CRS | None) -> tuple[Array, Array]:
    """Coordinates of the columns and of the rows, in degrees or metres, as they stand: up or down."""
    along, across = axes
    kinds = _axis_kinds(along) | _axis_kinds(across)
    geographic = kinds == {"longitude", "latitude"}
    if crs is None and not geographic:
        msg = f'{name} does not say which map projection its axes belong to. Add a grid_mapping, or write crs = "EPSG:…" in its .toml.'
        raise BathymetryError(msg)
    if crs is not None and crs.is_projected == geographic:
        msg = f"{name}: its axes are {' and '.join(sorted(kinds))}, but its coordinate system is {crs.name!r}. Correct the wrong one."
        raise BathymetryError(msg)
    return _coordinates(name, across, geographic=geographic), _coordinates(name, along, geographic=geographic)


def _coordinates(name: str, axis: Variable, *, geographic: bool) -> Array:
    (kind,) = _axis_kinds(axis)
    if math.prod(axis.shape) > MOST_CELLS:
        refuse_too_large(name, axis.shape)
    scale, offset = _number(name, axis, "scale_factor", 1.0), _number(name, axis, "add_offset", 0.0)
    if not (math.isfinite(scale) and math.isfinite(offset)):
        msg = f"{name}: {axis.name} is packed with scale {scale:g} and offset {offset:g}, which no coordinate can be. Correct or remove them."
        raise BathymetryError(msg)
    stored = axis.read()
    if (scale, offset) != (1.0, 0.0):
        stored = stored.astype(np.float64) * scale + offset
    if geographic:
        if kind == "longitude":
            # Across the antimeridian, or across 0: one step back by a whole turn is no step back.
            turned = np.unwrap(stored.astype(np.float64), period=360.0) if np.isfinite(stored).all() else stored
            stored = turned.astype(stored.dtype) if stored.dtype.kind == "f" else turned
        return even_steps(name, kind, stored)
    unit = axis.text("units").strip().lower()
    if unit not in _METRES:
        msg = f"{name}: {axis.name} is in {unit!r}; metres are needed on a map projection. Convert it."
        raise BathymetryError(msg)
    return even_steps(name, kind, stored) * _METRES[unit]


# --- what attributes say ---------------------------------------------------------------------------------------------------------------------------


def _declared_crs(name: str, field: Variable, variables: dict[str, Variable]) -> CRS | None:
    """Coordinate system of the variable that ``grid_mapping`` names."""
    label = _text(name, field, "grid_mapping").partition(":")[0].split()
    if not label:
        return None
    mapping = variables.get(label[0])
    if mapping is None:
        msg = f"{name}: grid_mapping names {label[0]!r}, which the file does not hold. Add that variable or remove the attribute."
        raise BathymetryError(msg)
    attributes = dict(mapping.attributes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wkt = attributes.get("crs_wkt") or attributes.get("spatial_ref")
            if isinstance(wkt, str):
                return CRS.from_user_input(wkt)
            if not attributes.get("grid_mapping_name"):
                return None
            return CRS.from_cf(attributes)
    except (CRSError, ProjError, KeyError, ValueError, TypeError, AttributeError) as error:
        said = str(error)[:120]
        msg = f"{name}: grid_mapping {label[0]!r} describes no coordinate system ({said}). Correct it, or keep longitude and latitude without it."
        raise BathymetryError(msg) from None


def _packing(name: str, field: Variable, side: SideFile) -> Packing:
    scale, offset = _number(name, field, "scale_factor", 1.0), _number(name, field, "add_offset", 0.0)
    fills = [*_numbers(name, field, "_FillValue"), *_numbers(name, field, "missing_value")]
    if side.fill is not None:
        fills.append(float(side.fill))
    span = _numbers(name, field, "valid_range") or (-math.inf, math.inf)
    if len(span) != 2:
        msg = f"{name}: valid_range of {field.name} holds {len(span)} numbers; two are needed. Correct or remove it."
        raise BathymetryError(msg)
    lowest, highest = _number(name, field, "valid_min", span[0]), _number(name, field, "valid_max", span[1])
    if not (lowest <= highest):
        msg = f"{name}: {field.name} is valid from {lowest:g} to {highest:g}, which is nothing. Correct or remove valid_range (valid_min, valid_max)."
        raise BathymetryError(msg)
    limited = math.isfinite(lowest) or math.isfinite(highest)
    if limited and (scale, offset) != (1.0, 0.0):
        # CF means stored values, many files give unpacked ones: either may be meant.
        msg = f"{name}: {field.name} is packed and has valid_range (valid_min, valid_max), of stored or unpacked values? Remove it, or unpack."
        raise BathymetryError(msg)
    return Packing(scale, offset, tuple(fill for fill in fills if not math.isnan(fill)), lowest, highest)


def _text(name: str, variable: Variable, key: str) -> str:
    value = variable.attributes.get(key, "")
    if not isinstance(value, str):
        msg = f"{name}: {key} of {variable.name} is {value}; text is needed. Correct or remove it."
        raise BathymetryError(msg)
    return value


def _numbers(name: str, variable: Variable, key: str) -> tuple[float, ...]:
    value = variable.attributes.get(key, ())
    if isinstance(value, str):
        msg = f"{name}: {key} of {variable.name} is the text {value[:40]!r}; a number is needed. Correct or remove it."
        raise BathymetryError(msg)
    return value if isinstance(value, tuple) else (value,)


def _number(name: str, variable: Variable, key: str, otherwise: float) -> float:
    values = _numbers(name, variable, key)
    if len(values) > 1:
        msg = f"{name}: {key} of {variable.name} holds {len(values)} numbers; one is needed. Correct or remove it."
        raise BathymetryError(msg)
    return values[0] if values else otherwise
