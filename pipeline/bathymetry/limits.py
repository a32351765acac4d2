"""What one file may cost, and how a library's complaint about a file becomes a message."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipeline.errors import BathymetryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# All of GEBCO within 30 x 30 degrees is 52 million cells; 64 million are 0.5 GB once read.
MOST_CELLS: Final = 64_000_000
MOST_FILE_BYTES: Final = 1_000_000_000
MEMORY_BYTES: Final = 4 * 2**30
"""Of the reading process: five times what the largest grid needs, far below what an archive bomb asks for."""
TIME_S: Final = 120.0
"""For one file, from its bytes to a grid; the largest takes seconds."""

_CUT = "Cut it to the region, for instance with gdal_translate -projwin"


def refuse_too_large(name: str, shape: Sequence[int]) -> None:
    """Refuse by the header alone, before any value is read."""
    cells = math.prod(shape)
    if cells > MOST_CELLS:
        msg = f"{name} holds {' x '.join(map(str, shape))} cells, {cells * 8:,} bytes in memory; at most {MOST_CELLS:,} cells are read. {_CUT}."
        raise BathymetryError(msg)
    if cells == 0:
        msg = f"{name} holds no depth at all ({' x '.join(map(str, shape))} cells). Remove it or replace it."
        raise BathymetryError(msg)


def refuse_too_many_bytes(name: str, size_bytes: int) -> None:
    """Refuse a file before it is opened."""
    if size_bytes > MOST_FILE_BYTES:
        msg = f"{name} has {size_bytes:,} bytes; at most {MOST_FILE_BYTES:,} are read. {_CUT}."
        raise BathymetryError(msg)


@contextmanager
def readable(name: str, kind: str) -> Iterator[None]:
    """Around calls of a library that reads files: whatever it raises on broken bytes means that the file cannot be read.

    Raises
    ------
    BathymetryError
        In place of every exception but our own and lack of memory.
    """
    try:
        yield
    except (BathymetryError, MemoryError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        msg = f"{name} is no readable {kind} file: {said}. Is it whole? Copy or download it again."
        raise BathymetryError(msg) from None
