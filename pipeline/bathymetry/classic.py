"""Variables of a classic NetCDF file (CDF-1, CDF-2 and CDF-5), from memory.

The header is small and fully specified (Unidata, *NetCDF Classic Format Specification*); read here, its sizes are known before any value is.
"""

from __future__ import annotations

import math
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.bathymetry.limits import readable
from pipeline.bathymetry.variable import Attribute, Variable, attribute_of
from pipeline.errors import BathymetryError

if TYPE_CHECKING:
    from collections.abc import Iterator

_KIND = "classic NetCDF"
_DIMENSION, _VARIABLE, _ATTRIBUTE = 10, 11, 12
_TEXT = 2
_TYPES: Final = {1: ">i1", _TEXT: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8", 7: ">u1", 8: ">u2", 9: ">u4", 10: ">i8", 11: ">u8"}


@contextmanager
def classic_variables(name: str, content: bytes) -> Iterator[dict[str, Variable]]:
    """Variables by name.

    Raises
    ------
    BathymetryError
        The header is damaged, or values lie beyond the end of the file.
    """
    with readable(name, _KIND):
        variables = _variables(name, _Header(content))
    yield variables


class _Header:
    """Reads a header from its start; a number, a name or a list at a time."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at, self.version = content, 4, content[3]

    def number(self, code: str) -> int:
        size = struct.calcsize(code)
        (value,) = struct.unpack_from(f">{code}", self.content, self.at)
        self.at += size
        return int(value)

    def count(self) -> int:
        """A size or an index: four bytes, eight in CDF-5."""
        return self.number("Q" if self.version == 5 else "I")

    def offset(self) -> int:
        return self.number("I" if self.version == 1 else "Q")

    def raw(self, size: int) -> bytes:
        """Bytes, padded to a multiple of four."""
        if size > len(self.content) - self.at:
            msg = "its header is cut off"
            raise ValueError(msg)
        found = self.content[self.at : self.at + size]
        self.at += size + -size % 4
        return found

    def name(self) -> str:
        return self.raw(self.count()).decode("utf-8")

    def entries(self, tag: int) -> Iterator[None]:
        """As many turns as a list of the given kind holds."""
        found, size = self.number("I"), self.count()
        if found not in (0, tag) or (found == 0 and size):
            msg = f"its header holds a list of kind {found} where {tag} must stand"
            raise ValueError(msg)
        if size > len(self.content):
            msg = f"its header promises {size:,} entries"
            raise ValueError(msg)
        for _ in range(size):
            yield

    def attributes(self) -> dict[str, Attribute]:
        found: dict[str, Attribute] = {}
        for _ in self.entries(_ATTRIBUTE):
            key, kind = self.name(), self.number("I")
            dtype = np.dtype(_TYPES[kind])
            raw = self.raw(self.count() * dtype.itemsize)
            found[key] = attribute_of(raw if kind == _TEXT else np.frombuffer(raw, dtype))
        return found


@dataclass(frozen=True)
class _Layout:
    """Where a variable's values lie."""

    name: str
    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: dict[str, Attribute]
    begin: int
    by_record: bool

    @property
    def record_bytes(self) -> int:
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def _variables(name: str, header: _Header) -> dict[str, Variable]:
    records = header.count()
    dimensions = [(header.name(), header.count()) for _ in header.entries(_DIMENSION)]
    header.attributes()
    layouts = [_layout(header, dimensions, records) for _ in header.entries(_VARIABLE)]
    by_record = [layout for layout in layouts if layout.by_record]
    # Records of all variables take turns, each padded to four bytes; a variable alone is not padded.
    padded = sum(layout.record_bytes + -layout.record_bytes % 4 for layout in by_record)
    step = by_record[0].record_bytes if len(by_record) == 1 else padded
    return {layout.name: _variable(name, header.content, layout, step) for layout in layouts}


def _layout(header: _Header, dimensions: list[tuple[str, int]], records: int) -> _Layout:
    name = header.name()
    own = [dimensions[header.count()] for _ in range(_few(header.count()))]
    attributes = header.attributes()
    dtype = np.dtype(_TYPES[header.number("I")])
    header.count()  # the size once more, which overflows in large files
    by_record = bool(own) and own[0][1] == 0
    shape = tuple(records if at == 0 and by_record else length for at, (_, length) in enumerate(own))
    return _Layout(name, tuple(label for label, _ in own), shape, dtype, attributes, header.offset(), by_record)


def _few(dimensions: int) -> int:
    if dimensions > 32:
        msg = f"its header promises a variable of {dimensions:,} dimensions"
        raise ValueError(msg)
    return dimensions


def _variable(name: str, content: bytes, layout: _Layout, step: int) -> Variable:
    inner = np.cumprod([layout.dtype.itemsize, *layout.shape[:0:-1]], dtype=object)[::-1].tolist() if layout.shape else []
    strides = (step, *inner[1:]) if layout.by_record else tuple(inner)

    def read() -> Any:
        last = layout.begin + sum((length - 1) * stride for length, stride in zip(layout.shape, strides, strict=True)) + layout.dtype.itemsize
        if last > len(content):
            msg = f"{name} is no readable {_KIND} file: {layout.name} ends at byte {last:,}, the file at {len(content):,}. Copy or download it again."
            raise BathymetryError(msg)
        values = np.ndarray(layout.shape, layout.dtype, content, layout.begin, strides)
        return values.astype(layout.dtype.newbyteorder("="))

    return Variable(layout.name, layout.dimensions, layout.shape, layout.dtype.newbyteorder("="), layout.attributes, read)
