"""From text to cells: separator, header, rows, each distinct cell once."""

from __future__ import annotations

import csv
import io
import itertools
import re
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.intake.refusals import FileRefused, Refusal, refused_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

SEPARATORS = (",", ";", "\t")
_SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}
_CHUNK = 50_000


@dataclass(frozen=True)
class Cells:
    """One column of text: what stands in it, and where.

    Parameters
    ----------
    codes : (rows,) array of int
        Index of each row's cell among the distinct ones.
    distinct : tuple of str
        Each cell that occurs, once, without white space around it.
    """

    codes: NDArray[np.int32]
    distinct: tuple[str, ...]

    def __getitem__(self, index: int) -> str:
        return self.distinct[int(self.codes[index])]

    def values(self) -> NDArray[np.object_]:
        """(rows,) array of str."""
        return np.array([*self.distinct, ""], dtype=object)[self.codes]

    def where(self, holds: Callable[[str], object]) -> NDArray[np.bool_]:
        """(rows,) array: for which rows a statement about the cell holds."""
        return self.where_code([bool(holds(cell)) for cell in self.distinct])

    def where_code(self, holds: Sequence[bool]) -> NDArray[np.bool_]:
        """(rows,) array: the same, with the statement given for each distinct cell."""
        return np.array([*holds, False], dtype=bool)[self.codes]

    def taken(self, rows: NDArray[np.intp]) -> Cells:
        """The cells of other rows, in their order; -1 is an empty cell."""
        codes = np.append(self.codes, np.int32(len(self.distinct)))[rows]
        return Cells(codes.astype(np.int32), (*self.distinct, ""))

    def filled_down(self) -> tuple[Cells, NDArray[np.bool_]]:
        """Empty cells take what stands above them; and for which rows that was done."""
        empty = ~self.where(bool)
        above = np.maximum.accumulate(np.where(empty, -1, np.arange(self.codes.size)))
        filled = empty & (above >= 0)
        return Cells(np.where(filled, self.codes[above], self.codes).astype(np.int32), self.distinct), filled


@dataclass(frozen=True)
class Form:
    """How a file is laid out, where the ``.toml`` beside it says so.

    Parameters
    ----------
    separator : str or None
        ``None``: found in the header.
    header_row : int
        Row that names the columns.
    skip_rows : frozenset of int
        Rows to pass over, for instance one of units.
    """

    separator: str | None = None
    header_row: int = 1
    skip_rows: frozenset[int] = frozenset()


@dataclass(frozen=True)
class CsvText:
    """A table as text.

    Parameters
    ----------
    separator : str
    rows : (records,) array of int
        Row of each record in the file.
    columns : dict of str to Cells
    refusals : list of Refusal
        Rows with too few or too many cells; they are not among the records.
    """

    separator: str
    rows: NDArray[np.int64]
    columns: dict[str, Cells]
    refusals: list[Refusal]


def read_csv_text(name: str, text: str, form: Form, known: Callable[[str], bool]) -> CsvText:
    """Cells of a table.

    Parameters
    ----------
    name : str
        File, for messages.
    text : str
        Its content.
    form : Form
        How it is laid out.
    known : callable
        Whether a name of a column means something: tells the separator where several are possible.

    Raises
    ------
    FileRefused
        No header, a name twice, unbalanced quotes, or a separator that cannot be told.
    """
    declared = re.match(r"sep=([,;\t])\r?\n?", text)  # a line by which spreadsheets tell each other the separator
    separator = form.separator or (declared[1] if declared else _separator(name, text, form, known))
    records = _records(name, text, separator)
    if declared:
        next(records)
    header_row = max(form.header_row, 2 if declared else 1)
    header = next((record for row, record in records if row == header_row), [])
    names = _column_names(name, header, header_row)
    rows: array[int] = array("q")
    refusals: list[Refusal] = []
    columns = [_Column() for _ in names]
    kept = _sound(name, records, len(names), form.skip_rows, rows, refusals)
    while chunk := list(itertools.islice(kept, _CHUNK)):
        for column, cells in zip(columns, zip(*chunk, strict=True), strict=True):
            column.add(cells)
    found = {title: column.cells() for title, column in zip(names, columns, strict=True)}
    for title in [title for title in found if title.startswith("\0")]:
        _refuse_unnamed(name, header_row, int(title[1:]), found.pop(title))
    return CsvText(separator, np.frombuffer(rows, dtype=np.int64) if rows else np.zeros(0, np.int64), found, refusals)


class _Column:
    """Collects the cells of one column, each distinct one once."""

    def __init__(self) -> None:
        self._codes = array("i")
        self._lookup: dict[str, int] = {}

    def add(self, cells: Sequence[str]) -> None:
        lookup = self._lookup
        self._codes.extend([lookup.setdefault(cell, len(lookup)) for cell in cells])

    def cells(self) -> Cells:
        """The same cells without white space around them."""
        stripped: dict[str, int] = {}
        merged = np.array([stripped.setdefault(cell.strip(), len(stripped)) for cell in self._lookup] or [0], dtype=np.int32)
        codes = np.frombuffer(self._codes, dtype=np.int32) if self._codes else np.zeros(0, np.int32)
        return Cells(merged[codes], tuple(stripped))


def _records(name: str, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Row and cells of every record."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    row = 0
    while True:
        row += 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise refused_file(name, f"is no readable CSV: {error}. Check its quotes", row=row) from None
        if record is None:
            return
        yield row, record


def _separator(name: str, text: str, form: Form, known: Callable[[str], bool]) -> str:
    """The one separator by which the header names the most known columns."""
    lines = "\n".join(re.split(r"\r\n|\r|\n", text, maxsplit=form.header_row)[: form.header_row])
    found = {}
    for separator in SEPARATORS:
        try:
            header = next((record for row, record in _records(name, lines, separator) if row == form.header_row), [])
        except FileRefused:
            header = []  # quotes that make no sense with this separator
        found[separator] = (sum(known(cell.strip()) for cell in header), len(header))
    best = max(found.values())
    chosen = [separator for separator in SEPARATORS if found[separator] == best]
    if len(chosen) > 1 and best[1] > 1:
        names = " or ".join(_SEPARATOR_NAMES[separator] for separator in chosen)
        raise refused_file(name, f"its separator may be {names}. Set separator in the .toml beside it", row=form.header_row)
    return chosen[0]


def _column_names(name: str, header: list[str], header_row: int) -> list[str]:
    if not any(cell.strip() for cell in header):
        where = "the first row" if header_row == 1 else f"row {header_row} (header_row in its .toml)"
        raise refused_file(name, f"is empty; {where} must name the columns")
    # A column without a name may stand there if it is empty: it keeps its number behind a mark that no text can hold.
    names = [cell.strip() or f"\0{number}" for number, cell in enumerate(header, start=1)]
    twice = sorted({title for title in names if names.count(title) > 1})
    if twice:
        raise refused_file(name, f"column {twice[0]} stands there twice. Each column needs its own name", row=header_row, value=twice[0])
    return names


def _sound(
    name: str, records: Iterator[tuple[int, list[str]]], width: int, skip: frozenset[int], rows: array[int], refusals: list[Refusal]
) -> Iterator[list[str]]:
    """Records with as many cells as the header, their rows noted; the others are refused, and blank ones passed over."""
    for row, record in records:
        if row in skip or not "".join(record).strip():
            continue
        if len(record) > width and not "".join(record[width:]).strip():
            del record[width:]
        if len(record) != width:
            reason = f"{len(record)} cells where the header has {width}. Is a separator missing, or one too many?"
            refusals.append(Refusal(name, row, "", "", reason))
            continue
        rows.append(row)
        yield record


def _refuse_unnamed(name: str, header_row: int, number: int, cells: Cells) -> None:
    values = [cell for cell in cells.distinct if cell]
    if values:
        reason = f"column {number} holds values ({values[0][:40]!r}) but has no name. Name it, or empty it"
        raise refused_file(name, reason, row=header_row)
