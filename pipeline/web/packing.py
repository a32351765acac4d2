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
    """Differences, low and high bytes apart, deflated, base64: smooth rasters shrink to about a byte per value.

    The page undoes it with ``DecompressionStream``; differences run modulo 65536, so nothing is lost.
    """
    flat = values.ravel()
    differences = np.diff(flat, prepend=np.uint16(0)).astype("<u2")
    return base64.b64encode(zlib.compress(differences.view(np.uint8).reshape(-1, 2).T.tobytes(), 9)).decode()


def unpacked(text: str, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Undo :func:`packed`."""
    halves = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(2, -1)
    differences = np.ascontiguousarray(halves.T).view("<u2").ravel()
    return np.cumsum(differences, dtype=np.uint16).reshape(shape)


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
