"""Arrays and images as short text inside a page; the same values always give the same bytes."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTHING = 65535
"""Stands for NaN, and for outside, in packed arrays."""


def steps_of(values: NDArray[np.float64], step: float) -> NDArray[np.uint16]:
    """Values as whole numbers of steps; NaN becomes ``NOTHING``.

    Examples
    --------
    >>> steps_of(np.array([1.26, np.nan]), 0.1).tolist()
    [13, 65535]
    """
    known = np.isfinite(values)
    steps = np.rint(np.where(known, values, 0.0) / step)
    return np.where(known, np.clip(steps, 0, NOTHING - 1), NOTHING).astype(np.uint16)


def packed(values: NDArray[np.uint16]) -> str:
    """Rasters as base64 text: smooth ones shrink to less than a byte per value.

    Each value is told by its difference from the mean of its left and upper neighbours, small ones of either sign as small numbers, low and high
    bytes apart, deflated. The page undoes it with ``DecompressionStream``; differences run modulo 65536, so nothing is lost.

    Parameters
    ----------
    values : (…, rows, columns) array
    """
    # One higher, modulo 65536: what is missing becomes 0, and the edge of the known cells less steep.
    planes = np.ascontiguousarray(values).reshape(-1, *values.shape[-2:]) + np.uint16(1)
    differences = (planes - _expected(planes)).view(np.int16).ravel()
    folded = ((differences << 1) ^ (differences >> 15)).astype("<i2")
    return base64.b64encode(zlib.compress(folded.view(np.uint8).reshape(-1, 2).T.tobytes(), 9)).decode()


def _expected(planes: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Mean of the left and the upper neighbour, rounded down; the one there is at the edges, 0 at the first."""
    expected = np.zeros_like(planes)
    expected[:, 0, 1:] = planes[:, 0, :-1]
    expected[:, 1:, 0] = planes[:, :-1, 0]
    expected[:, 1:, 1:] = (planes[:, 1:, :-1].astype(np.uint32) + planes[:, :-1, 1:]) >> 1
    return expected


def unpacked(text: str, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Undo :func:`packed`."""
    halves = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(2, -1)
    folded = np.ascontiguousarray(halves.T).view("<u2").ravel()
    rows, columns = shape[-2:]
    differences = ((folded >> 1) ^ -(folded & 1)).astype(np.uint16).reshape(-1, rows, columns)
    out = np.zeros_like(differences)
    # Along falling diagonals: both neighbours of each value lie on the one before.
    for diagonal in range(rows + columns - 1):
        row = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        column = diagonal - row
        left, up = out[:, row, column - 1].astype(np.uint32), out[:, row - 1, column].astype(np.uint32)
        left, up = np.where(column > 0, left, up), np.where(row > 0, up, left)
        expected = 0 if diagonal == 0 else (left + up) >> 1
        out[:, row, column] = (differences[:, row, column] + expected).astype(np.uint16)
    return (out - np.uint16(1)).reshape(shape)


def png_url(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> str:
    """Indexed PNG as a data address.

    Parameters
    ----------
    indices : (rows, columns) uint8 array
        Numbers of palette entries.
    palette : (entries, 4) uint8 array
        Red, green, blue, opacity.
    """
    rows, columns = indices.shape
    filtered = np.empty((rows, columns + 1), np.uint8)
    filtered[:, 0] = 0
    filtered[:, 1:] = indices
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
        (b"PLTE", palette[:, :3].tobytes()),
        (b"tRNS", palette[:, 3].tobytes()),
        (b"IDAT", zlib.compress(filtered.tobytes(), 9)),
        (b"IEND", b""),
    )
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return "data:image/png;base64," + base64.b64encode(content).decode()
