"""Which rows belong together, core by core and interval by interval, and how many of them a message names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from pipeline.intake.refusals import SHOWN
from pipeline.units import METRES_PER_DEGREE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

T = TypeVar("T")

ORDER: Final = ("core_id", "from_m", "to_m", "source_file", "source_row")
"""How rows are sorted before any of them is compared with another."""

SAME_DEPTH_M: Final = 1e-9
"""Depths that differ by less are one depth: decimal numbers of a table, no measurement."""

_LONGEST_NAME = 80


def core_numbers(frame: pd.DataFrame) -> Integers:
    """(rows,) number of each row's core, counted from 0 in the order of the frame.

    Parameters
    ----------
    frame : DataFrame
        Rows of a core next to each other.
    """
    core = frame["core_id"].to_numpy(dtype=object)
    new = np.ones(core.size, dtype=np.int64)
    new[1:] = core[1:] != core[:-1]
    return np.cumsum(new) - 1


def interval_numbers(core: Integers, from_m: Array, to_m: Array) -> Integers:
    """(rows,) number of each row's interval: rows of one core with the same top and bottom share it.

    Parameters
    ----------
    core : (rows,) array
        Of :func:`core_numbers`; any order.
    from_m, to_m : (rows,) arrays
        Metres below the seafloor, equal where they differ by no more than ``SAME_DEPTH_M``.
    """
    top = _runs(core, from_m)
    return _runs(top, to_m)


def _runs(group: Integers, values: Array) -> Integers:
    """Number of each run of equal values inside a group."""
    order = np.lexsort((values, group))
    new = np.ones(order.size, dtype=np.int64)
    new[1:] = (np.diff(group[order]) != 0) | (np.diff(values[order]) > SAME_DEPTH_M)
    numbers = np.empty_like(new)
    numbers[order] = np.cumsum(new) - 1
    return numbers


def first_rows(core: Integers) -> NDArray[np.intp]:
    """Index of the first row of every core."""
    return np.flatnonzero(np.diff(core, prepend=-1))


def apart_m(longitude_deg: Array, latitude_deg: Array, other_longitude_deg: Array, other_latitude_deg: Array) -> Array:
    """Distance of near positions in metres, the short way round across the antimeridian."""
    east_deg = (longitude_deg - other_longitude_deg + 180) % 360 - 180
    east_m = east_deg * METRES_PER_DEGREE * np.cos(np.radians(other_latitude_deg))
    return np.asarray(np.hypot(east_m, (latitude_deg - other_latitude_deg) * METRES_PER_DEGREE))


def shortened(name: object) -> str:
    """A name on one line, of bounded length."""
    text = " ".join(str(name).split())
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def listed(items: Sequence[T], describe: Callable[[T], str]) -> str:
    """The first twenty items described, then a count.

    Examples
    --------
    >>> listed([1, 2], lambda depth: f"{depth} m")
    '1 m, 2 m'
    """
    more = f" and {len(items) - SHOWN:,} more" if len(items) > SHOWN else ""
    return ", ".join(describe(item) for item in items[:SHOWN]) + more


def named(names: Sequence[object]) -> str:
    """The first twenty names, then a count.

    Examples
    --------
    >>> named(range(22))
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 and 2 more'
    """
    return listed(names, shortened)


def counted(number: int, word: str, plural: str = "") -> str:
    """A number with its noun.

    Examples
    --------
    >>> counted(1, "core"), counted(2000, "core")
    ('1 core', '2,000 cores')
    """
    return f"{number:,} {word if number == 1 else plural or word + 's'}"


def texts(frame: pd.DataFrame, column: str) -> NDArray[np.object_]:
    """(rows,) texts of a column, empty where there is none."""
    import pandas as pd

    if column not in frame:
        return np.full(len(frame), "", dtype=object)
    values = frame[column]
    filled: NDArray[np.object_] = values.where(pd.notna(values), "").to_numpy(dtype=object)
    return filled


def numbers(frame: pd.DataFrame, column: str) -> Array:
    """(rows,) numbers of a column, NaN where there is none."""
    if column not in frame:
        return np.full(len(frame), np.nan)
    values: Array = frame[column].to_numpy(dtype=np.float64)
    return values


def joined(words: Iterable[str], last: str = "and") -> str:
    """Words of a list as a phrase.

    Examples
    --------
    >>> joined(["sm", "tb"]), joined(["a", "b", "c"], "or")
    ('sm and tb', 'a, b or c')
    """
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end
