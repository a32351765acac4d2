"""Blocks and drill holes as VTK XML, which ParaView, PyVista and meshio read.

``blocks_draped.vtu`` is an unstructured grid of the known blocks at their true elevation; ``blocks_flat.vti`` is a regular grid in which z is minus
the depth below the seafloor; ``drill_holes.vtu`` are the samples as lines. Arrays are stored in binary, compressed by zlib.
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import quoteattr

import numpy as np

from pipeline.files import write_whole
from pipeline.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.export.blocks import Blocks
    from pipeline.export.drill_holes import DrillHoles
    from pipeline.export.results import Results

_TYPES: Final = {"f4": "Float32", "f8": "Float64", "i8": "Int64", "i1": "Int8", "u1": "UInt8"}
_PIECE: Final = 1 << 15  # bytes that are compressed as one, as VTK does by itself
_HEXAHEDRON, _LINE = 12, 3


def write_vtk(results: Results, blocks: Blocks | None, holes: DrillHoles | None, folder: Path) -> list[Path]:
    """Write what there is; without water depths there are no elevations, and only the flat grid is written."""
    written = []
    if blocks is not None and blocks.known.any():
        said = f"z is minus the depth {results.below} in metres, not an elevation"
        out = folder / "blocks_flat.vti"
        write_whole(out, _document("ImageData", _flat(blocks), _notes(results, said)).encode())
        written.append(out)
        if blocks.has_elevations:
            out = folder / "blocks_draped.vtu"
            said = "z is the elevation in metres: minus the water depth, minus the depth below the seafloor; layer_top_m counts from " + (
                f"the marker {results.layers.marker!r}" if results.layers.marker else "the seafloor"
            )
            write_whole(out, _document("UnstructuredGrid", _draped(results, blocks), _notes(results, said)).encode())
            written.append(out)
    if holes is not None and holes.has_elevations and len(holes.from_m):
        out = folder / "drill_holes.vtu"
        said = "z is the elevation in metres: minus the water depth, minus the depth below the seafloor; a line is a sample"
        write_whole(out, _document("UnstructuredGrid", _holes(results, holes), _notes(results, said)).encode())
        written.append(out)
    return written


def _notes(results: Results, z: str) -> list[str]:
    return [
        results.title,
        f"data kind: {results.marks.text()}",
        z,
        f"x and y are easting and northing in metres of: {results.grid.crs.to_wkt('WKT2_2019')}",
    ]


def _document(kind: str, body: str, notes: list[str]) -> str:
    # Two dashes would end a comment of XML.
    comments = "\n".join(f"<!-- {printable(note).replace('--', '- -')} -->" for note in notes)
    head = f'<VTKFile type="{kind}" version="1.0" byte_order="LittleEndian" header_type="UInt64" compressor="vtkZLibDataCompressor">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{comments}\n{head}\n<{kind}{body}</{kind}>\n</VTKFile>\n'


def _flat(blocks: Blocks) -> str:
    rows, columns = blocks.grid.shape
    count = blocks.layers.count
    west, south, _, _ = blocks.grid.bounds_m
    extent = f"0 {columns} 0 {rows} 0 {count}"
    cell_m, layer_m = blocks.grid.cell_m, blocks.layers.layer_m
    frame = f'Origin="{west:.10g} {south:.10g} {-blocks.layers.bottom_m:.10g}" Spacing="{cell_m:.10g} {cell_m:.10g} {layer_m:.10g}"'
    # From the lowest layer up, from south to north, from west to east.
    arrays = {name: values[::-1, ::-1].ravel() for name, values in blocks.values.items()}
    return f' WholeExtent="{extent}" {frame}>\n<Piece Extent="{extent}">\n{_data("CellData", arrays)}</Piece>\n'


def _draped(results: Results, blocks: Blocks) -> str:
    eastings_m, northings_m, depths_m = blocks.edges_m
    elevation_m = blocks.corner_elevation_m()
    _, rows, columns = elevation_m.shape
    layer, row, column = np.nonzero(blocks.known)

    def corner(down: int, south: int, east: int) -> NDArray[np.int64]:
        return np.asarray(((layer + down) * rows + row + south) * columns + column + east, dtype=np.int64)

    # The bottom of a block anticlockwise from its south-western corner, then its top.
    corners = np.stack(
        [corner(down, south, east) for down in (1, 0) for south, east in ((1, 0), (1, 1), (0, 1), (0, 0))],
        axis=1,
    )
    used, cells = np.unique(corners, return_inverse=True)
    down, south, east = np.unravel_index(used, (len(depths_m), rows, columns))
    points_m = np.stack([eastings_m[east], northings_m[south], elevation_m[down, south, east]], axis=1)
    arrays: dict[str, NDArray[Any]] = {name: values[blocks.known] for name, values in blocks.values.items()}
    arrays |= {"layer_top_m": depths_m[layer].astype(np.float32), "layer_bottom_m": depths_m[layer + 1].astype(np.float32)}
    return _mesh(results, points_m, cells.reshape(corners.shape), _HEXAHEDRON, arrays)


def _holes(results: Results, holes: DrillHoles) -> str:
    ends_m = np.stack([holes.position_m(holes.from_m), holes.position_m(holes.to_m)], axis=1).reshape(-1, 3)
    cells = np.arange(len(ends_m)).reshape(-1, 2)
    arrays: dict[str, NDArray[Any]] = {name: values.astype(np.float32) for name, values in holes.values.items()}
    arrays |= {"core_number": holes.core.astype(np.int64), "from_m": holes.from_m.astype(np.float32), "to_m": holes.to_m.astype(np.float32)}
    return _mesh(results, ends_m, cells, _LINE, arrays)


def _mesh(results: Results, points_m: NDArray[np.float64], cells: NDArray[np.int64], kind: int, arrays: Mapping[str, NDArray[Any]]) -> str:
    """An unstructured grid of cells of one kind."""
    count, corners = cells.shape
    mark = {"synthetic": np.array([results.marks.is_synthetic], dtype=np.int8)}
    field = f"<FieldData>\n{_arrays(mark, tuples=True)}</FieldData>\n"
    points = f"<Points>\n{_array('Points', points_m, 3)}</Points>\n"
    shape = {
        "connectivity": cells.ravel().astype(np.int64),
        "offsets": (np.arange(count, dtype=np.int64) + 1) * corners,
        "types": np.full(count, kind, dtype=np.uint8),
    }
    piece = f'<Piece NumberOfPoints="{len(points_m)}" NumberOfCells="{count}">\n'
    return f">\n{field}{piece}{points}<Cells>\n{_arrays(shape)}</Cells>\n{_data('CellData', arrays)}</Piece>\n"


def _data(tag: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    first = next(iter(name for name in arrays if name.endswith("_ppm")), "")
    chosen = f" Scalars={quoteattr(first)}" if first else ""
    return f"<{tag}{chosen}>\n{_arrays(arrays)}</{tag}>\n"


def _arrays(arrays: Mapping[str, NDArray[Any]], *, tuples: bool = False) -> str:
    return "".join(_array(name, values, tuples=tuples) for name, values in arrays.items())


def _array(name: str, values: NDArray[Any], components: int = 1, *, tuples: bool = False) -> str:
    stored = np.ascontiguousarray(values)
    kind = _TYPES[f"{stored.dtype.kind}{stored.dtype.itemsize}"]
    count = f' NumberOfTuples="{len(stored)}"' if tuples else ""
    parts = f' NumberOfComponents="{components}"' if components > 1 else ""
    said = f'type="{kind}" Name={quoteattr(name)}{parts}{count} format="binary"'
    return f"<DataArray {said}>\n{_encoded(stored.astype(stored.dtype.newbyteorder('<')).tobytes())}\n</DataArray>\n"


def _encoded(content: bytes) -> str:
    """Blocks of zlib behind a header of their number, size, size of the last and compressed sizes, both in base64."""
    pieces = [content[start : start + _PIECE] for start in range(0, len(content), _PIECE)]
    packed = [zlib.compress(piece, 6) for piece in pieces]
    last = len(content) % _PIECE
    header = np.array([len(pieces), _PIECE, last, *map(len, packed)], dtype="<u8").tobytes()
    return base64.b64encode(header).decode() + base64.b64encode(b"".join(packed)).decode()
