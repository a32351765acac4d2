"""Several tables of the same samples: positions in one, a total in another, the chemistry of fewer samples in a third.

Which rows belong together is said by the notes beside a table (``adds_to``, ``joined_on``), never found by likeness. What two tables both say of a
sample must agree; where one is silent the other speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.intake.csv_text import Cells
from pipeline.intake.sample_warnings import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.intake.core_tables import CoreTable
    from pipeline.intake.side_file import SideFile

    Flags = NDArray[np.bool_]
    Indices = NDArray[np.intp]
    Key = tuple[str | float, ...]

JOINED_ROWS: Final = "joined_rows"
_SAME_SHARE: Final = 1e-9
_DEPTH_DECIMALS: Final = 9
_OF_A_CORE: Final = ["core_id"]


def add(table: CoreTable, addition: CoreTable, side: SideFile) -> CoreTable | None:
    """Bring the columns of a table to the rows of another that they belong to.

    Joined on ``core_id`` alone, one row is brought to every sample of its core, and each sample needs one. Joined on anything else, one row belongs
    to one sample, and samples without one stay without.

    Parameters
    ----------
    table : CoreTable
        Whose rows are the samples; it is changed.
    addition : CoreTable
        Its values checked, its detection limits applied; rows with a refusal bring nothing.
    side : SideFile
        Notes beside the addition.

    Returns
    -------
    CoreTable or None
        Rows that complete no sample, where the notes keep them as samples of their own.
    """
    keys = side.joined_on
    toml = addition.name.rpartition(".")[0] + ".toml"
    for half in (table, addition):
        lacking = [key for key in keys if key not in half.text]
        if lacking:
            table.refuse_key(toml, "joined_on", ", ".join(keys), f"names {', '.join(lacking)}, which {half.name} has not. Map it there in [columns]")
    if table.unusable:
        return None
    for key in keys:
        addition.refuse_where(key, ~addition.text[key].where(bool), f"is empty; rows are brought to {table.name} by it")
    match = _Match.of(table, addition, keys)
    kept = None
    if keys == _OF_A_CORE:
        hint = match.hint(table, addition)
        table.refuse_where("core_id", match.partner < 0, f"has no row in {addition.name}; add it there or correct the id{hint}")
        at_fault = (match.partner >= 0) & np.append(match.at_fault, False)[match.partner]
        table.refuse_where("core_id", at_fault, f"has a refused row in {addition.name}; correct it there")
        partner = match.partner
    else:
        _refuse_ambiguous(table, addition, match, keys)
        partner = np.where(np.append(match.at_fault, False)[match.partner], -1, match.partner)
        kept = _unmatched(table, addition, side, match)
    _bring(table, addition, partner, keys)
    table.refusals += addition.refusals
    table.notes += addition.notes
    return kept


@dataclass(frozen=True)
class _Match:
    """Which row of an addition belongs to each row of a table.

    Parameters
    ----------
    partner : (rows,) array
        -1 for none.
    at_fault : (rows of the addition,) array
        Which of its rows are refused.
    used : (rows of the addition,) array
    keys : list
        Of the addition's rows.
    own : list
        Of the table's rows.
    """

    partner: Indices
    at_fault: Flags
    used: Flags
    keys: list[Key]
    own: list[Key]

    @classmethod
    def of(cls, table: CoreTable, addition: CoreTable, keys: Sequence[str]) -> _Match:
        own, theirs = _keys(table, keys), _keys(addition, keys)
        at_fault = np.isin(addition.rows, [row for name, row, *_ in addition.refusals if name == addition.name])
        first: dict[Key, int] = {}
        for index, key in enumerate(theirs):
            before = first.setdefault(key, index)
            if before != index and "" not in key:
                reason = f"stands in row {addition.rows[before]} already, with the same {' and '.join(keys)}. Remove the row that is wrong"
                addition.refuse(index, keys[0], reason)
                at_fault[[before, index]] = True
        partner = np.array([first.get(key, -1) if "" not in key else -1 for key in own], dtype=np.intp)
        used = np.zeros(len(theirs), dtype=bool)
        used[partner[partner >= 0]] = True
        return cls(partner, at_fault, used, theirs, own)

    def hint(self, table: CoreTable, addition: CoreTable) -> str:
        """That an id is written in another way there, where that is so."""
        mine, theirs = ({folded(cell): cell for cell in half.text["core_id"].distinct if cell} for half in (table, addition))
        alike = [f"{mine[name]!r} here, {theirs[name]!r} there" for name in mine if name in theirs and mine[name] != theirs[name]]
        return f". Written in two ways: {alike[0]}" if alike else ""


def _keys(table: CoreTable, keys: Sequence[str]) -> list[Key]:
    columns: list[list[str | float]] = []
    for key in keys:
        if key in table.numbers:
            # Depths that differ in the ninth decimal are one depth; what is no number matches nothing.
            columns.append([round(float(value), _DEPTH_DECIMALS) if np.isfinite(value) else "" for value in table.numbers[key]])
        else:
            columns.append(table.text[key].values().tolist())
    return list(zip(*columns, strict=True))


def _refuse_ambiguous(table: CoreTable, addition: CoreTable, match: _Match, keys: Sequence[str]) -> None:
    """One row of the addition cannot belong to two samples."""
    taken: dict[int, int] = {}
    for index, partner in enumerate(match.partner.tolist()):
        if partner < 0:
            continue
        before = taken.setdefault(partner, index)
        if before != index:
            which = f"row {addition.rows[partner]} of {addition.name} would belong to row {table.rows[before]} too"
            table.refuse(index, keys[0], f"is no sample's alone: {which}. Join on more columns (joined_on), as core_id, from_m, to_m")


def _unmatched(table: CoreTable, addition: CoreTable, side: SideFile, match: _Match) -> CoreTable | None:
    alone = ~match.used & ~match.at_fault
    if not alone.any():
        return None
    if side.unmatched == "keep":
        addition.notes.append(f"{addition.name}: {int(alone.sum()):,} rows complete no row of {table.name} and are samples of their own")
        return addition.subset(np.flatnonzero(alone))
    near = match.hint(table, addition) if "core_id" in table.text and "core_id" in addition.text else ""
    cure = f'correct it, add the sample there, or say unmatched = "keep" in the .toml beside {addition.name}'
    addition.refuse_where(side.joined_on[0], alone, f"completes no row of {table.name} (same {', '.join(side.joined_on)}); {cure}{near}")
    return None


def _bring(table: CoreTable, addition: CoreTable, partner: Indices, keys: Sequence[str]) -> None:
    """Columns of the addition for each row of the table; where both speak they agree, or the row is refused."""
    found = partner >= 0
    where = f"in {addition.name}"
    for column, values in addition.numbers.items():
        brought = np.append(values, np.nan)[partner]
        if column in keys:
            continue
        if column not in table.numbers:
            table.numbers[column] = brought
            continue
        own = table.numbers[column]
        differ = np.abs(brought - own) > _SAME_SHARE * np.maximum(np.abs(brought), np.abs(own))
        for index in np.flatnonzero(differ).tolist():
            row = addition.rows[partner[index]]
            cure = "Correct one, or map the column of one table to another name in [columns]"
            table.refuse(index, column, f"is {brought[index]:.10g} {where} row {row}, of the same sample. {cure}")
        table.numbers[column] = np.where(np.isnan(own), brought, own)
    for column, cells in addition.text.items():
        if column in keys:
            continue
        if column not in table.text:
            table.text[column] = cells.taken(partner)
        elif column in addition.numbers:
            empty = ~table.text[column].where(bool)
            table.text[column] = _merged(table.text[column], cells.taken(partner), empty)
        else:
            table.text[f"added_{column}"] = cells.taken(partner)
    for what, rows in addition.said:
        table.say(what, np.append(rows, False)[partner])
    tell_rows(table, addition, np.where(found, partner, -1))


def _merged(own: Cells, other: Cells, where: Flags) -> Cells:
    codes = np.where(where, other.codes + len(own.distinct), own.codes).astype(np.int32)
    return Cells(codes, (*own.distinct, *other.distinct))


def tell_rows(table: CoreTable, addition: CoreTable, partner: Indices) -> None:
    """Note in each row of a table which row of another one speaks in it."""
    before = table.text[JOINED_ROWS].values() if JOINED_ROWS in table.text else np.full(table.rows.size, "", dtype=object)
    told = [f"{addition.name} row {addition.rows[index]}" if index >= 0 else "" for index in partner.tolist()]
    cells = ["; ".join(part for part in (one, other) if part) for one, other in zip(before.tolist(), told, strict=True)]
    lookup: dict[str, int] = {}
    codes = np.array([lookup.setdefault(cell, len(lookup)) for cell in cells], dtype=np.int32)
    table.text[JOINED_ROWS] = Cells(codes, tuple(lookup))
