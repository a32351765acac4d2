"""Open Mining Format 1 (files ``OMF-v0.9.0``): block model and drill holes for mining programs.

``assessment_true.omf`` holds true elevations: drill holes, the seafloor, and the middles of blocks. ``assessment_flat.omf`` holds the block model as
a regular grid in which z is minus the depth below the seafloor, with the same drill holes in the same coordinates. In each file everything lies in
one system of coordinates: a regular grid cannot follow a relief of kilometres.

The layout is that of the documentation of OMF 1: a header of 60 bytes, compressed arrays, and a JSON dictionary of objects by their id. The public
library needs a compiler's help to be installed, so that files are written here; a test reads them back with it.
"""

from __future__ import annotations

import json
import struct
import uuid
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.artefacts import band_of
from pipeline.export.blocks import at_corners
from pipeline.export.colours import ramp_of
from pipeline.files import write_whole
from pipeline.web.colours import colour_table

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.export.blocks import Blocks
    from pipeline.export.drill_holes import DrillHoles
    from pipeline.export.results import Results

_MAGIC: Final = b"\x84\x83\x82\x81"
_VERSION: Final = b"OMF-v0.9.0"
_HEADER_BYTES: Final = 60
_NO_DATE: Final = "1970-01-01T00:00:00Z"  # a file tells of results, not of when it was written
_NAMES: Final = uuid.UUID("6f1d7a8e-6a53-5a0c-8b8e-3f6e0a4a5c11")  # a fixed root of the ids, which follow from contents
_GREY, _SAND = [110, 110, 110], [194, 178, 128]


class _File:
    """Arrays and objects of a file that is being put together."""

    def __init__(self, name: str) -> None:
        self._name, self._count = name, 0
        self._binary: list[bytes] = []
        self._at = _HEADER_BYTES
        self._objects: dict[str, dict[str, Any]] = {}

    def add(self, kind: str, **properties: Any) -> str:
        """An object of a class; returns its id."""
        self._count += 1
        uid = str(uuid.uuid5(_NAMES, f"{self._name} {self._count}"))
        self._objects[uid] = {"__class__": kind, "date_created": _NO_DATE, "date_modified": _NO_DATE, **properties}
        return uid

    def array(self, kind: str, values: NDArray[Any]) -> str:
        """An array of numbers: 64 bits, compressed."""
        stored = np.ascontiguousarray(values, dtype="<i8" if values.dtype.kind in "iu" else "<f8")
        packed = zlib.compress(stored.tobytes(), 6)
        place = {"start": self._at, "length": len(packed), "dtype": "<i8" if stored.dtype.kind == "i" else "<f8"}
        self._binary.append(packed)
        self._at += len(packed)
        return self.add(kind, array=place)

    def scalars(self, name: str, location: str, values: NDArray[Any], colours: str | None = None, description: str = "") -> str:
        """Numbers of an element."""
        held = {"name": name, "description": description, "location": location, "array": self.array("ScalarArray", values.astype(float))}
        return self.add("ScalarData", **held, **({"colormap": colours} if colours else {}))

    def content(self, project: str) -> bytes:
        """The whole file."""
        header = _MAGIC + _VERSION.ljust(32, b"\0") + uuid.UUID(project).bytes + struct.pack("<Q", self._at)
        return header + b"".join(self._binary) + json.dumps(self._objects, sort_keys=True, ensure_ascii=False).encode()


def write_omf(results: Results, blocks: Blocks | None, holes: DrillHoles, folder: Path) -> list[Path]:
    """Write what there is: the true file where water depths are known, the flat one always."""
    written = []
    for flat in (False, True):
        if not flat and not holes.has_elevations:
            continue
        file = _File("flat" if flat else "true")
        elements = _holes(file, holes, flat=flat)
        if blocks is not None and blocks.known.any():
            if flat:
                elements.append(_volume(file, results, blocks))
            elif blocks.has_elevations:
                elements += [_seafloor(file, blocks), _middles(file, results, blocks)]
        z = (
            f"z is minus the depth {results.below}, not an elevation: a regular grid cannot follow the relief"
            if flat
            else "z is the elevation: minus the water depth, minus the depth below the seafloor"
        )
        said = f"{z}. x and y are easting and northing of {results.grid.crs.to_wkt('WKT2_2019')}. Data kind: {results.marks.text()}."
        project = file.add(
            "Project", name=results.title, description=said, author="", revision=str(results.provenance.get("code_sha256", "unknown")),
            units="m", elements=elements, origin=[0.0, 0.0, 0.0],
        )  # fmt: skip
        out = folder / f"assessment_{'flat' if flat else 'true'}.omf"
        write_whole(out, file.content(project))
        written.append(out)
    return written


def _holes(file: _File, holes: DrillHoles, *, flat: bool) -> list[str]:
    """Samples as segments of lines, and the collars as points."""
    ends_m = np.stack([holes.position_m(holes.from_m, flat=flat), holes.position_m(holes.to_m, flat=flat)], axis=1).reshape(-1, 3)
    segments = np.arange(len(ends_m)).reshape(-1, 2)
    geometry = file.add(
        "LineSetGeometry", origin=[0.0, 0.0, 0.0], vertices=file.array("Vector3Array", ends_m), segments=file.array("Int2Array", segments)
    )
    data = [_text(file, "core_id", "segments", [holes.names[number] for number in holes.core])]
    for name, values in {"from_m": holes.from_m, "to_m": holes.to_m, **holes.values}.items():
        data.append(file.scalars(name, "segments", values))
    shared = {"description": "Samples; a segment is an interval.", "color": _GREY}
    lines = file.add("LineSetElement", name="Drill holes", subtype="borehole", geometry=geometry, data=data, **shared)
    tops_m = np.stack([holes.easting_m, holes.northing_m, holes.flat_top_m if flat else holes.surface_m], axis=1)
    points = file.add("PointSetGeometry", origin=[0.0, 0.0, 0.0], vertices=file.array("Vector3Array", tops_m))
    told = [_text(file, "core_id", "vertices", holes.names), file.scalars("water_depth_m", "vertices", -holes.surface_m)]
    shared = {"description": "Cores at the seafloor.", "color": _GREY, "textures": []}
    return [lines, file.add("PointSetElement", name="Collars", subtype="collar", geometry=points, data=told, **shared)]


def _volume(file: _File, results: Results, blocks: Blocks) -> str:
    """The block model: axes to the east, north and up, cells in the order of the format (the last axis runs fastest)."""
    rows, columns = blocks.grid.shape
    west, south, _, _ = blocks.grid.bounds_m
    sides = {
        "tensor_u": [blocks.grid.cell_m] * columns,
        "tensor_v": [blocks.grid.cell_m] * rows,
        "tensor_w": [blocks.layers.layer_m] * blocks.layers.count,
    }
    axes = {"axis_u": [1.0, 0.0, 0.0], "axis_v": [0.0, 1.0, 0.0], "axis_w": [0.0, 0.0, 1.0]}
    geometry = file.add("VolumeGridGeometry", origin=[west, south, -blocks.layers.bottom_m], **sides, **axes)
    arrays = {name: values[::-1, ::-1].transpose(2, 1, 0).ravel() for name, values in blocks.values.items()}
    data = _block_data(file, results, blocks, arrays, "cells")
    said = f"Regular grid; z is minus the depth {results.below}. Blocks without an estimate are not a number."
    return file.add("VolumeElement", name="Block model", description=said, subtype="volume", color=_SAND, geometry=geometry, data=data)


def _middles(file: _File, results: Results, blocks: Blocks) -> str:
    """Known blocks as points at their true elevation."""
    geometry = file.add("PointSetGeometry", origin=[0.0, 0.0, 0.0], vertices=file.array("Vector3Array", blocks.middles_m()))
    arrays = {name: values[blocks.known] for name, values in blocks.values.items()}
    data = _block_data(file, results, blocks, arrays, "vertices")
    said = f"Middles of blocks of {blocks.grid.cell_m:g} m x {blocks.grid.cell_m:g} m x {blocks.layers.layer_m:g} m at their elevation."
    return file.add("PointSetElement", name="Blocks", description=said, subtype="point", color=_SAND, textures=[], geometry=geometry, data=data)


def _seafloor(file: _File, blocks: Blocks) -> str:
    """Two triangles for each cell that has an estimate."""
    surface_m = at_corners(blocks.surface_m)
    row, column = np.nonzero(blocks.known.any(axis=0))
    width = surface_m.shape[1]
    north_west = row * width + column
    corners = np.stack([north_west, north_west + width, north_west + width + 1, north_west + 1], axis=1)
    used, numbered = np.unique(corners, return_inverse=True)
    numbered = numbered.reshape(corners.shape)
    triangles = np.concatenate([numbered[:, [0, 1, 2]], numbered[:, [0, 2, 3]]])
    south, east = np.unravel_index(used, surface_m.shape)
    eastings_m, northings_m, _ = blocks.edges_m
    points_m = np.stack([eastings_m[east], northings_m[south], surface_m[south, east]], axis=1)
    geometry = file.add(
        "SurfaceGeometry", origin=[0.0, 0.0, 0.0], vertices=file.array("Vector3Array", points_m), triangles=file.array("Int3Array", triangles)
    )
    shared = {"description": "Seafloor under the estimate.", "subtype": "surface", "color": _SAND, "textures": []}
    return file.add("SurfaceElement", name="Seafloor", geometry=geometry, data=[], **shared)


def _block_data(file: _File, results: Results, blocks: Blocks, arrays: dict[str, NDArray[Any]], location: str) -> list[str]:
    """Everything that a block holds but its probabilities: codes with their legend, numbers with the colours of the maps."""
    data = []
    for name, values in arrays.items():
        if name.endswith("_probability"):
            continue
        if name in blocks.codes:
            data.append(_mapped(file, name, location, values, blocks.codes[name]))
            continue
        band = band_of(name)
        ramp = ramp_of(band, blocks.values[name].astype(np.float64), results.map_settings.colour_map)
        table = colour_table(results.map_settings.colour_map)[np.rint(np.linspace(0, 253, 128)).astype(int)] if band.kind == "grade" else None
        colours = None
        if table is not None:
            gradient = file.add("ColorArray", array=table.tolist())
            colours = file.add("ScalarColormap", name="", description="", gradient=gradient, limits=[ramp.low, ramp.high])
        unit = "" if band.unit == "1" else f", {band.unit}"
        data.append(file.scalars(name, location, values, colours, f"{band.title}{unit}"))
    return data


def _mapped(file: _File, name: str, location: str, values: NDArray[Any], legend: dict[int, str]) -> str:
    """Codes with a legend: numbers of its lines, -1 where there is none."""
    order = {code: number for number, code in enumerate(sorted(legend))}
    numbers = np.full(values.shape, -1, dtype=np.int64)
    for code, number in order.items():
        numbers[values == code] = number
    words = file.add("Legend", name=name, description="", values=file.add("StringArray", array=[legend[code] for code in sorted(legend)]))
    return file.add("MappedData", name=name, description="", location=location, array=file.array("ScalarArray", numbers), legends=[words])


def _text(file: _File, name: str, location: str, values: list[str]) -> str:
    return file.add("StringData", name=name, description="", location=location, array=file.add("StringArray", array=values))
