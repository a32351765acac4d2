"""Depth grids written to bytes, exactly as a test wants them: NetCDF-4, classic NetCDF and GeoTIFF."""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

LONGITUDE_DEG = np.round(np.arange(15) * 0.1 + 153.0, 10)
LATITUDE_DEG = np.round(np.arange(12) * 0.1 + 21.3, 10)
_EAST, _NORTH = np.meshgrid(np.arange(15), np.arange(12))
ELEVATION_M = np.round(-5000.0 + 300 * np.sin(_EAST / 2) * np.cos(_NORTH / 3) - 40 * _EAST + 7 * _NORTH)
"""(12, 15) whole metres, the first row in the south."""

TRANSFORM = Affine(0.1, 0, 152.95, 0, -0.1, 22.45)


@dataclass
class Var:
    """A variable of a NetCDF file to be written."""

    dimensions: tuple[str, ...]
    values: np.ndarray[Any, Any]
    attributes: dict[str, Any] = field(default_factory=dict)


def survey() -> dict[str, Var]:
    """The sound grid, as a NetCDF file that says all that is needed."""
    return {
        "lat": Var(("lat",), LATITUDE_DEG.copy(), {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": Var(("lon",), LONGITUDE_DEG.copy(), {"units": "degrees_east", "standard_name": "longitude"}),
        "z": Var(("lat", "lon"), ELEVATION_M.copy(), {"units": "m", "standard_name": "height_above_mean_sea_level"}),
    }


def hdf5_bytes(variables: dict[str, Var], *, checked: bool = False) -> bytes:
    """NetCDF-4: dimension scales as the NetCDF library makes them; with ``checked``, every part that HDF5 can guard has a checksum."""
    import h5py

    memory = io.BytesIO()
    options = {"fletcher32": True, "compression": "gzip"} if checked else {}
    with h5py.File(memory, "w", libver="latest" if checked else None) as file:
        for name, variable in variables.items():
            dataset = file.create_dataset(name, data=variable.values, **(options if variable.values.ndim else {}))
            for key, value in variable.attributes.items():
                dataset.attrs[key] = np.bytes_(value.encode()) if isinstance(value, str) else value
            if variable.dimensions == (name,):
                dataset.make_scale(name)
        for name, variable in variables.items():
            if variable.dimensions != (name,):
                for at, label in enumerate(variable.dimensions):
                    if label in file:
                        file[name].dims[at].attach_scale(file[label])
    return memory.getvalue()


_CODES = {"i1": 1, "S1": 2, "i2": 3, "i4": 4, "f4": 5, "f8": 6, "u1": 7, "u2": 8, "u4": 9, "i8": 10, "u8": 11}


def classic_bytes(variables: dict[str, Var], version: int = 1, *, by_record: str = "") -> bytes:
    """Classic NetCDF by the published format; ``by_record`` names the dimension that is unlimited."""
    lengths: dict[str, int] = {}
    for variable in variables.values():
        lengths |= dict(zip(variable.dimensions, variable.values.shape, strict=True))
    labels = list(lengths)

    def count(number: int) -> bytes:
        return struct.pack(">Q" if version == 5 else ">I", number)

    def padded(raw: bytes) -> bytes:
        return raw + b"\0" * (-len(raw) % 4)

    def text(word: str) -> bytes:
        return count(len(word.encode())) + padded(word.encode())

    def attribute(key: str, value: Any) -> bytes:
        if isinstance(value, str):
            return text(key) + struct.pack(">I", 2) + count(len(value.encode())) + padded(value.encode())
        array = np.atleast_1d(value)
        raw = array.astype(array.dtype.newbyteorder(">")).tobytes()
        return text(key) + struct.pack(">I", _CODES[array.dtype.str[1:]]) + count(array.size) + padded(raw)

    def listed(tag: int, entries: list[bytes]) -> bytes:
        return struct.pack(">I", tag if entries else 0) + count(len(entries)) + b"".join(entries)

    def header(begins: dict[str, int]) -> bytes:
        dimensions = [text(label) + count(0 if label == by_record else lengths[label]) for label in labels]
        entries = []
        for name, variable in variables.items():
            attributes = [attribute(key, value) for key, value in variable.attributes.items()]
            own = count(len(variable.dimensions)) + b"".join(count(labels.index(label)) for label in variable.dimensions)
            begin = struct.pack(">I" if version == 1 else ">Q", begins.get(name, 0))
            kind = struct.pack(">I", _CODES[variable.values.dtype.str[1:]])
            entries.append(text(name) + own + listed(12, attributes) + kind + count(min(variable.values.nbytes, 2**31)) + begin)
        start = b"CDF" + bytes([version]) + count(lengths.get(by_record, 0))
        return start + listed(10, dimensions) + listed(12, []) + listed(11, entries)

    fixed = {name: variable for name, variable in variables.items() if by_record not in variable.dimensions[:1]}
    turns = {name: variable for name, variable in variables.items() if name not in fixed}
    begins, body = {}, bytearray()
    size = len(header({}))
    for name, variable in fixed.items():
        begins[name] = size + len(body)
        body += padded(variable.values.astype(variable.values.dtype.newbyteorder(">")).tobytes())
    for record in range(lengths.get(by_record, 0)):
        for name, variable in turns.items():
            begins.setdefault(name, size + len(body))
            raw = variable.values[record : record + 1].astype(variable.values.dtype.newbyteorder(">")).tobytes()
            body += raw if len(turns) == 1 else padded(raw)
    return header(begins) + bytes(body)


def geotiff_bytes(values: np.ndarray[Any, Any] | None = None, transform: Affine | None = TRANSFORM, crs: Any = "EPSG:4326", **options: Any) -> bytes:
    """GeoTIFF of the sound grid unless told otherwise: row 0 in the north.

    ``description``, ``scale``, ``offset``, ``unit``, ``tags``, ``band_tags``, ``mask``, ``alpha`` and ``overviews`` are of the band; the rest
    goes to the driver.
    """
    values = ELEVATION_M[::-1].astype(np.float32) if values is None else values
    bands = values[None] if values.ndim == 2 else values
    said = {key: options.pop(key, None) for key in ("description", "scale", "offset", "unit", "tags", "band_tags", "mask", "alpha", "overviews")}
    if said["alpha"] is not None:
        bands = np.concatenate([bands, said["alpha"][None].astype(bands.dtype)])
        options |= {"photometric": "MINISBLACK", "alpha": "YES"}
    profile = {"driver": "GTiff", "count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype, "crs": crs, **options}
    if transform is not None:
        profile["transform"] = transform
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with memory.open(**profile) as raster:
            raster.write(bands)
            _describe(raster, said)
        return bytes(memory.read())


def _describe(raster: Any, said: dict[str, Any]) -> None:
    count = raster.count
    if said["description"] is not None:
        given = said["description"] if isinstance(said["description"], tuple) else (said["description"],)
        for band, text in enumerate(given, 1):
            raster.set_band_description(band, text)
    if said["scale"] is not None:
        raster.scales = (said["scale"],) * count
    if said["offset"] is not None:
        raster.offsets = (said["offset"],) * count
    if said["unit"] is not None:
        raster.units = (said["unit"],) * count
    raster.update_tags(**(said["tags"] or {}))
    raster.update_tags(1, **(said["band_tags"] or {}))
    if said["mask"] is not None:
        raster.write_mask(said["mask"])
    if said["overviews"]:
        raster.build_overviews(said["overviews"])
