"""What a person types for a fine grid, checked before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_REALISATIONS = 10_000


def run(processed: Path, raw: Path, cell_m: str, realisations: str, scheduler: str) -> str:
    """Make the fine grid and say where it is.

    Raises
    ------
    SettingsError
        The size of a cell or the number of realisations is none.
    """
    from pipeline.files import build_lock
    from pipeline.fine_grid.job import make

    side_m, count = _length_m(cell_m), _count(realisations)
    with build_lock(processed):
        return f"fine-grid: {make(processed, raw, side_m, count, scheduler)}"


def _length_m(text: str) -> float:
    try:
        length_m = float(text)
    except ValueError:
        length_m = 0.0
    if not 1 <= length_m <= 1e5:
        msg = f"CELL_M is {text!r}: give the side of a cell in metres, from 1 to 100,000, as in make fine-grid CELL_M=250"
        raise SettingsError(msg)
    return length_m


def _count(text: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_REALISATIONS:
        msg = f"REALISATIONS is {text!r}: give a whole number from 1 to {_MOST_REALISATIONS:,}, or leave it out for grades alone"
        raise SettingsError(msg)
    return int(text)
