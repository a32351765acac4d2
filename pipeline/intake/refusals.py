"""Why something cannot be used: file, row, column, value, rule and cure, and how a person is told of many at once."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pipeline.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHOWN = 20
"""Problems of a kind that a message shows; ``rejected.csv`` lists them all."""

_MOST_LINES = 200


class Refusal(NamedTuple):
    """One problem.

    Parameters
    ----------
    file : str
        Relative to RAW.
    row : int
        Row of the file, the header being row 1 of a table that starts with it; 0 for the file as a whole.
    column : str
        Our name of the column, or the key of a ``.toml``; empty for none.
    value : str
        As it stands in the file.
    reason : str
        The rule that is broken, and the cure.
    """

    file: str
    row: int
    column: str
    value: str
    reason: str

    @property
    def kind(self) -> tuple[str, str]:
        """What this problem has in common with others: its column, and its reason without numbers and names."""
        return self.column, _without_particulars(self.reason)

    def line(self) -> str:
        """One line for a person."""
        if self.row:
            where = f" row {self.row}" + (f", {self.column} = {_shortened(self.value)!r}" if self.column else "")
        else:
            where = f" key {self.column}" if self.column else ""
        # A line break in a name must not look like the next problem.
        goes_on = not where and self.reason.startswith(("is ", "has ", "holds ", "describes "))
        return printable(f"{self.file}{where}{'' if goes_on else ':'} {self.reason}")


@lru_cache(maxsize=10_000)
def _without_particulars(reason: str) -> str:
    return re.sub(r"'[^']*'|\S*\d\S*", "#", reason)


class FileRefused(Exception):
    """A whole file cannot be used: ends its reading, and is listed with all other refusals."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def refused_file(file: str, reason: str, *, row: int = 0, column: str = "", value: str = "") -> FileRefused:
    """The exception that ends the reading of one file."""
    return FileRefused(Refusal(file, row, column, value, reason))


def refused_rows(refusals: Iterable[Refusal]) -> set[tuple[str, int]]:
    """Distinct (file, row) pairs."""
    return {(name, row) for name, row, *_ in refusals}


def message(refusals: Sequence[Refusal]) -> str:
    """Every problem on a line of its own: the first twenty of a kind in full, then how many more."""
    shown: Counter[tuple[str, str]] = Counter()
    hidden: dict[tuple[str, str], list[Refusal]] = {}
    lines: list[str] = []
    for refusal in sorted(refusals):
        kind = refusal.kind
        if shown[kind] < SHOWN and len(lines) < _MOST_LINES:
            shown[kind] += 1
            lines.append(refusal.line())
        else:
            hidden.setdefault(kind, []).append(refusal)
    if len(hidden) > 1:
        lines += [f"and {len(more):,} more like: {more[0].line()}" for more in list(hidden.values())[:SHOWN]]
    if hidden:
        lines.append(f"and {sum(map(len, hidden.values())):,} more, all in rejected.csv")
    return f"{_count(refusals)} refused; nothing was built. " + "\n  ".join(lines)


def _count(refusals: Sequence[Refusal]) -> str:
    places = refused_rows(refusals)
    rows = sum(row > 0 for _, row in places)
    files = len(places) - rows
    counts = [f"{number:,} {word}{'' if number == 1 else 's'}" for number, word in ((files, "file"), (rows, "row")) if number]
    return " and ".join(counts)


def _shortened(value: str) -> str:
    return value if len(value) <= 80 else f"{value[:79]}…"
