"""Samples whose place is written in one word or one depth: what stands together in a cell is told apart, and a depth and a length become an interval.

Nothing is guessed: the notes beside the table say the form of the cell, which depth of the sample is meant, and how long a sample is.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.intake.columns import TEXTS, Role, kind_of, role_by_map
from pipeline.intake.csv_text import Cells

if TYPE_CHECKING:
    from pipeline.intake.core_tables import CoreTable
    from pipeline.intake.side_file import OneDepth, SideFile

_PART = re.compile(r"\{([a-z0-9_]+)\}")
_ABOVE: Final = {"top": Decimal(0), "middle": Decimal("0.5"), "bottom": Decimal(1)}
"""Share of a sample's length that lies above the depth that is written."""


def parts_of(form: str) -> list[str]:
    """Our names of the columns in the form of a cell.

    Examples
    --------
    >>> parts_of("{core_id} {at_m}")
    ['core_id', 'at_m']
    """
    return _PART.findall(form)


def split_cells(table: CoreTable, side: SideFile) -> list[Role]:
    """Give a table the columns that stand together in one (``[split]``), as text; what they are in numbers is read from the roles.

    A text takes as much as it can, so that ``{core_id} {at_m}`` parts ``KR13-02 PC05 2.95`` at its last space. Rows whose cell has another form
    are refused.
    """
    toml = table.name.rpartition(".")[0] + ".toml"
    roles = []
    for column, form in side.split.items():
        fault = _fault(table, column, form)
        if fault:
            table.refuse_key(toml, f"split.{column}", form, fault)
            continue
        cells, names, pattern = table.text[column], parts_of(form), _pattern(form)
        found = [pattern.fullmatch(cell) for cell in cells.distinct]
        table.refuse_where(column, cells.where_code([match is None for match in found]), f"has not the form {form!r} ([split] in its .toml)")
        for name in names:
            table.text[name] = Cells(cells.codes, tuple("" if match is None else match[name].strip() for match in found))
            roles.append(role_by_map(name, "", side.units.get(name)))
            if roles[-1].fault:
                table.refuse_key(toml, f"units.{name}", side.units.get(name, ""), roles[-1].fault)
    return roles


def _fault(table: CoreTable, column: str, form: str) -> str:
    names = parts_of(form)
    unknown = [name for name in names if kind_of(name) == "text" and name not in TEXTS]
    held = [name for name in names if name in table.text]
    if column not in table.text:
        return f"names {column}, which {table.name} has not. Map it in [columns]"
    if not names or unknown or "}{" in form or len(set(names)) < len(names):
        which = f" ({', '.join(unknown)})" if unknown else ""
        return f"is no form of a cell: our names of columns{which} in braces, each once, with something between them, as in '{{core_id}} {{at_m}}'"
    return f"makes {', '.join(held)}, which {table.name} holds already. Leave it out of the form, or map that column to another name" if held else ""


def _pattern(form: str) -> re.Pattern[str]:
    pieces = _PART.split(form)
    literals = [r"\s+".join(map(re.escape, re.split(r"\s+", piece))) for piece in pieces[::2]]
    groups = [f"(?P<{name}>{'.+' if kind_of(name) == 'text' else r'[^ ]+'})" for name in pieces[1::2]]
    return re.compile(literals[0] + "".join(group + literal for group, literal in zip(groups, literals[1:], strict=True)))


def intervals_from_one_depth(table: CoreTable, side: SideFile) -> None:
    """Give a table ``from_m`` and ``to_m`` from the one depth and the length of each sample (``[interval]``)."""
    one = side.interval
    if one is None or table.unusable:
        return
    toml = table.name.rpartition(".")[0] + ".toml"
    held = [column for column in ("from_m", "to_m") if column in table.text]
    has_lengths = "sample_length_m" in table.numbers
    if one.at == "surface":
        _from_the_surface(table, one, toml)
    elif held:
        table.refuse_key(toml, "interval", one.at, f"is for samples with one depth, and {table.name} has {' and '.join(held)}. Remove the key")
    elif "at_m" not in table.numbers:
        table.refuse_key(toml, "interval", one.at, f"is about at_m, the depth of a sample, which {table.name} has not. Map it in [columns]")
    elif (one.length_m is None) is not has_lengths:
        both = "Both the column and the key say it: remove one" if has_lengths else "Map a column to sample_length_m, or give length_m in [interval]"
        table.refuse_key(toml, "interval", one.at, f"needs the length of a sample once. {both}")
    else:
        at_m = table.numbers["at_m"]
        length_m = table.numbers["sample_length_m"] if one.length_m is None else np.full(at_m.size, one.length_m)
        table.refuse_where("sample_length_m" if has_lengths else "at_m", length_m <= 0, "is no length of a sample; it is more than 0")
        # In decimals: 2.95 minus half of 0.02 is 2.94, not 2.9400000000000004.
        ends = [_ends(float(at), float(length), _ABOVE[one.at]) for at, length in zip(at_m, length_m, strict=True)]
        known = np.isfinite(at_m) & np.isfinite(length_m)
        table.refuse_where("at_m", np.isfinite(at_m) & ~known, "is the depth of a sample whose length is not given; fill sample_length_m")
        for column, values in zip(("from_m", "to_m"), np.array(ends).reshape(-1, 2).T, strict=True):
            table.numbers[column], table.text[column] = values, table.text["at_m"]
        long = "its length" if one.length_m is None else f"{one.length_m:g} m"
        # ASSUME: a sample reaches as far around the depth that is written as the notes beside its table say.
        table.say(f"from_m and to_m from at_m, the {one.at} of {long}", known)


def _from_the_surface(table: CoreTable, one: OneDepth, toml: str) -> None:
    """Samples without any depth: each begins at the surface and is as long as the notes beside its table say."""
    held = [column for column in ("from_m", "to_m", "at_m") if column in table.text]
    if held:
        table.refuse_key(toml, "interval", one.at, f"is for samples without a depth, and {table.name} has {' and '.join(held)}. Remove the key")
        return
    if one.length_m is None:
        table.refuse_key(toml, "interval", one.at, "needs the length of the samples: length_m in [interval]")
        return
    everywhere = np.ones(table.rows.size, dtype=bool)
    # ASSUME: a surface sample stands for the interval from the surface down to the length that the notes beside its table say.
    for column, value in (("from_m", 0.0), ("to_m", one.length_m)):
        table.numbers[column] = np.full(table.rows.size, value)
        table.text[column] = Cells(np.zeros(table.rows.size, np.int32), (f"{value:g}",))
    table.say(f"from_m and to_m: the surface, {one.length_m:g} m", everywhere)


def _ends(at_m: float, length_m: float, above: Decimal) -> tuple[float, float]:
    if not (np.isfinite(at_m) and np.isfinite(length_m)):
        return np.nan, np.nan
    length = Decimal(repr(length_m))
    top = Decimal(repr(at_m)) - length * above
    return float(top), float(top + length)
