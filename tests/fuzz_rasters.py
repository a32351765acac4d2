"""Random depth grids for Hypothesis: what a file holds is drawn first, so the grid that must come out is known without the parser."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from affine import Affine
from hypothesis import strategies as st
from raster_files import Var, classic_bytes, geotiff_bytes, hdf5_bytes

from pipeline.bathymetry import NativeGrid
from pipeline.grid import WGS84

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1000"))
"""How many random grids; the only place where it is read for rasters."""

METRES = {"m": 1.0, "": 1.0, "km": 1000.0, "cm": 0.01, "feet": 0.3048, "Fathom": 1.8288}
MAKES = ("NetCDF-4", "checked NetCDF-4", "CDF-1", "CDF-2", "CDF-5", "GeoTIFF")
SAYS_UP = ({"standard_name": "height_above_mean_sea_level"}, {"positive": "up"}, {"long_name": "Elevation relative to sea level"})
SAYS_DOWN = ({"standard_name": "sea_floor_depth_below_geoid"}, {"positive": "Down"}, {"long_name": "water depth"})


@dataclass
class Plan:
    """One file to be written, and the grid that it is.

    Parameters
    ----------
    make : str
        One of ``MAKES``.
    stored : (rows, columns) array
        As the file holds it, row 0 in the north.
    known : (rows, columns) array of bool
    longitude_deg, latitude_deg : (n,) array
        Ascending and descending.
    attributes : dict
        Of the field.
    """

    make: str
    stored: np.ndarray[Any, Any]
    known: np.ndarray[Any, Any]
    longitude_deg: np.ndarray[Any, Any]
    latitude_deg: np.ndarray[Any, Any]
    unit: str
    sign: int
    scale: float
    offset: float
    fill: float | None
    attributes: dict[str, Any]
    form: dict[str, Any]
    axis_attributes: dict[str, dict[str, Any]] = field(default_factory=lambda: {"lat": {"units": "degrees_north"}, "lon": {"units": "degrees_east"}})

    def truth(self) -> NativeGrid:
        """What the file means, by arithmetic on what was drawn."""
        height_m = (self.stored.astype(np.float64) * self.scale + self.offset) * METRES[self.unit] * self.sign
        width, height = self.longitude_deg[1] - self.longitude_deg[0], self.latitude_deg[0] - self.latitude_deg[1]
        transform = Affine(width, 0, self.longitude_deg[0] - width / 2, 0, -height, self.latitude_deg[0] + height / 2)
        return NativeGrid("truth", WGS84, transform, np.where(self.known, height_m, np.nan))

    def content(self) -> bytes:
        """The file."""
        stored = self.stored.copy()
        if not self.known.all():
            stored[~self.known] = np.nan if self.fill is None else self.fill
        return self._geotiff(stored) if self.make == "GeoTIFF" else self._netcdf(stored)

    def _geotiff(self, stored: np.ndarray[Any, Any]) -> bytes:
        west_deg = self.longitude_deg[0] + 360 * self.form["turns"]
        width, height = self.longitude_deg[1] - self.longitude_deg[0], self.latitude_deg[0] - self.latitude_deg[1]
        transform = Affine(width, 0, west_deg - width / 2, 0, -height, self.latitude_deg[0] + height / 2)
        if self.form["flip_rows"]:
            stored, transform = stored[::-1], transform @ Affine(1, 0, 0, 0, -1, len(stored))
        options = {"nodata": self.fill} if self.fill is not None else {}
        attributes = dict(self.attributes)
        said = {"unit": attributes.pop("units", None), "description": attributes.pop("long_name", None)}
        return geotiff_bytes(stored, transform, scale=self.scale, offset=self.offset, band_tags=attributes, **said, **options, **self.form["driver"])

    def _netcdf(self, stored: np.ndarray[Any, Any]) -> bytes:
        attributes = dict(self.attributes)
        if (self.scale, self.offset) != (1.0, 0.0):
            attributes |= {"scale_factor": self.scale, "add_offset": self.offset}
        if self.fill is not None:
            attributes[self.form["fill_key"]] = stored.dtype.type(self.fill)
        longitude_deg, latitude_deg = self.longitude_deg, self.latitude_deg
        if self.form["count"]:
            lowest = {"from -180": -180, "from 0": 0}[self.form["count"]]
            longitude_deg = (longitude_deg - lowest) % 360 + lowest
        else:
            longitude_deg = longitude_deg + 360 * self.form["turns"]
        if self.form["flip_rows"]:
            stored, latitude_deg = stored[::-1], latitude_deg[::-1]
        if self.form["flip_columns"]:
            stored, longitude_deg = stored[:, ::-1], longitude_deg[::-1]
        dimensions = ("lat", "lon")
        if self.form["exchange"]:
            stored, dimensions = stored.T, ("lon", "lat")
        kind = self.form["coordinates"]
        variables = {
            "lat": Var(("lat",), latitude_deg.astype(kind), self.axis_attributes["lat"]),
            "lon": Var(("lon",), longitude_deg.astype(kind), self.axis_attributes["lon"]),
            "z": Var(dimensions, np.ascontiguousarray(stored), attributes),
        }
        if self.make.startswith("CDF"):
            return classic_bytes(variables, int(self.make[-1]), by_record=dimensions[0] if self.form["by_record"] else "")
        return hdf5_bytes(variables, checked=self.make.startswith("checked"))


@st.composite
def plans(draw: st.DrawFn, makes: tuple[str, ...] = MAKES) -> Plan:
    """A sound file."""
    make = draw(st.sampled_from(makes))
    rows, columns = draw(st.integers(4, 9)), draw(st.integers(4, 9))
    noise = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    step_deg = draw(st.sampled_from((0.1, 0.25, 1 / 60, 1.0)))
    longitude_deg = draw(st.floats(-180, 180)) + np.arange(columns) * step_deg
    latitude_deg = draw(st.floats(-80, 70)) + np.arange(rows)[::-1] * step_deg
    unit, sign = draw(st.sampled_from(sorted(METRES))), draw(st.sampled_from((1, -1)))
    lowest_m, highest_m = draw(st.sampled_from(((-11_000, -20), (-6000, -4000), (-5100, -5090))))
    values = sign * noise.uniform(lowest_m, highest_m, (rows, columns)) / METRES[unit]
    stored, scale, offset = _packed(draw, values)
    known = noise.random((rows, columns)) > draw(st.sampled_from((0.0, 0.3)))
    known[0, 0] = True
    fill = _fill(draw, stored, make)
    if fill is None and stored.dtype.kind != "f":
        known[:] = True
    # A GeoTIFF may be silent about heights below zero.
    silent = make == "GeoTIFF" and sign == 1 and draw(st.booleans())
    attributes = {} if silent else dict(draw(st.sampled_from(SAYS_UP if sign == 1 else SAYS_DOWN)))
    if unit:
        attributes["units"] = unit
    attributes |= draw(idle_attributes)
    form = {
        "flip_rows": draw(st.booleans()),
        "flip_columns": draw(st.booleans()),
        "exchange": draw(st.booleans()),
        "turns": draw(st.sampled_from((0, 0, 1, -1))) if longitude_deg[0] > 0 else draw(st.sampled_from((0, 1))),
        "count": draw(st.sampled_from(("", "from -180", "from 0"))),
        "coordinates": draw(st.sampled_from(("f8", "f8", "f4"))),
        "fill_key": draw(st.sampled_from(("_FillValue", "missing_value"))),
        "by_record": draw(st.booleans()),
        "driver": draw(st.sampled_from(({}, {"compress": "deflate"}, {"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}, {"tiled": True}))),
    }
    return Plan(make, stored, known, longitude_deg, latitude_deg, unit, sign, scale, offset, fill, attributes, form)


def _packed(draw: st.DrawFn, values: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], float, float]:
    """Values as some type holds them, with scale and offset."""
    kind = draw(st.sampled_from(("f8", "f4", "i4", "i2")))
    if kind.startswith("f"):
        return values.astype(kind), 1.0, 0.0
    offset = float(draw(st.sampled_from((0.0, float(np.round(values.mean()))))))
    scale = float(np.abs(values - offset).max() / draw(st.sampled_from((20_000, 30_000))))
    if kind == "i4" and np.abs(values).max() > 100:
        scale, offset = 1.0, 0.0
    return np.round((values - offset) / scale).astype(kind), scale, offset


def _fill(draw: st.DrawFn, stored: np.ndarray[Any, Any], make: str) -> float | None:
    """A declared fill value that no value has, or none."""
    fills = (None, -32768.0, 32767.0, -9999.0, 0.0) if stored.dtype.kind == "i" else (None, -9999.0, 0.0, 9.96921e36, -99999.0)
    fill = draw(st.sampled_from(fills))
    if fill is not None and stored.dtype.kind == "f":
        fill = float(stored.dtype.type(fill))
    return None if fill is None or (stored == fill).any() else fill


_KEYS_THAT_MEAN_NOTHING = st.sampled_from(("title", "history", "comment", "references", "source", "Conventions", "node_offset", "cell_methods"))
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs", "Cc")), max_size=30)
_ADDRESS = st.sampled_from(("https://example.org/z.nc", "/vsicurl/http://example.org/z.tif", "file:///etc/passwd", "<VRTDataset/>", "{{ 7*7 }}"))
idle_attributes = st.dictionaries(_KEYS_THAT_MEAN_NOTHING, _TEXT | _ADDRESS, max_size=2)

_KEYS_THAT_MATTER = (
    "units", "standard_name", "long_name", "positive", "scale_factor", "add_offset", "_FillValue", "missing_value", "valid_range", "valid_min",
    "valid_max", "grid_mapping", "bounds", "coordinates", "_Unsigned",
)  # fmt: skip
_NUMBERS_NOBODY_CAN_MEAN = st.sampled_from(
    (np.float64("nan"), np.float64("inf"), np.array([1.0, 2.0, 3.0]), np.array([], dtype="f8"), np.float32("-inf"), np.array([np.nan, np.inf]))
)
poisons = st.tuples(st.sampled_from(("z", "z", "z", "lat", "lon")), st.sampled_from(_KEYS_THAT_MATTER), _TEXT | _ADDRESS | _NUMBERS_NOBODY_CAN_MEAN)
"""Variable, attribute and a value that cannot be meant: it may be passed over or refused, and may change nothing."""


def poisoned(plan: Plan, poison: tuple[str, str, Any]) -> Plan:
    """A plan with one such attribute in the file, and the same truth."""
    variable, key, value = poison
    if plan.make == "GeoTIFF":
        value = str(value).strip() or "?"  # nothing written is nothing said
    (plan.attributes if variable == "z" else plan.axis_attributes[variable])[key] = value
    return plan


@st.composite
def damages(draw: st.DrawFn, content: bytes) -> bytes:
    """A file with some bytes changed, cut off, doubled or zeroed."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        size = draw(st.integers(1, 64))
        how = draw(st.sampled_from(("flip", "flip", "flip", "byte", "cut", "double", "zero")))
        if how == "flip":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "byte":
            data[at] = draw(st.integers(0, 255))
        elif how == "cut":
            del data[max(1, at) :]
        elif how == "double":
            data[at:at] = data[at : at + size]
        else:
            data[at : at + size] = bytes(len(data[at : at + size]))
    return bytes(data)
