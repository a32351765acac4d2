"""What a chapter is made of: text, tables, figures and lists, each in both languages."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


Text = dict[str, str]
Words = Text | str
"""Words in both languages, or what is the same in both: a number, a symbol, a name that a user gave."""


_BEFORE_UNIT = re.compile(r"(?<=[\d\ufdd2]) (?=%|(?:t|kt|Mt|km²?|m|ppm|g/m³|t/m³|百万t)(?![A-Za-z]))")


def both(en: str, ja: str) -> Text:
    """The same words in English and in Japanese; a number and its unit stay on one line."""
    return {"en": _BEFORE_UNIT.sub("\u00a0", en), "ja": _BEFORE_UNIT.sub("\u00a0", ja)}


def in_language(words: Words, language: str) -> str:
    """Words in one language."""
    return words if isinstance(words, str) else words[language]


def joined(parts: Sequence[Words], en: str = " ", ja: str = "") -> Text:
    """Words one after the other, with what stands between them."""
    return both(en.join(in_language(part, "en") for part in parts), ja.join(in_language(part, "ja") for part in parts))


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Parameters
    ----------
    text : Text or str
    value : str
        The number exactly as the data hold it, where the cell shows one that stands in a table of the data.
    figure : str
        Name of that number (:func:`pipeline.number_ids.number_id`); a number without one is named by its place on the page.
    mark : str
        ``in``, ``out`` or ``part``: a verdict, shown with a colour beside its words.
    is_number : bool
        Set to the right.
    """

    text: Words
    value: str = ""
    figure: str = ""
    mark: str = ""
    is_number: bool = False


@dataclass(frozen=True)
class Table:
    """Table with a caption; the first cell of a row names it."""

    kind: ClassVar[str] = "table"
    id: str
    caption: Text
    head: Sequence[Words]
    rows: Sequence[Sequence[Cell]]
    is_folded: bool = False
    main: frozenset[int] = frozenset()
    row_states: tuple[str, ...] = ()

    @staticmethod
    def under(row: Sequence[Cell]) -> str:
        """What the names of a row's numbers begin with, told once for the row; empty for fewer than two names."""
        names = [cell.figure.split("/")[:-1] for cell in row if cell.value and cell.figure]
        if len(names) < 2:
            return ""
        same = itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*names, strict=False))
        return "".join(f"{parts[0]}/" for parts in same)


@dataclass(frozen=True)
class Key:
    """One entry of a figure's key: ``line``, ``dash``, ``dot``, ``band``, ``bar`` or ``none``, its colour, and what it stands for."""

    shape: str
    colour: str
    text: Words


@dataclass(frozen=True)
class Plot:
    """A figure: drawn lines, a caption, a key, and the numbers behind it."""

    kind: ClassVar[str] = "plot"
    id: str
    svg: str
    caption: Text
    key: tuple[Key, ...] = ()
    table: Table | None = None

    def __html__(self) -> str:
        """The drawing, named by its caption, as a template takes it: every text in it was escaped when it was drawn."""
        return self.svg.replace('role="img"', f'role="img" aria-labelledby="caption-{self.id}"', 1)


@dataclass(frozen=True)
class Said:
    """A paragraph: plain, ``lead`` (what is shown and what follows), ``note`` (small), ``missing`` (why there is nothing)."""

    kind: ClassVar[str] = "said"
    text: Words
    style: str = ""


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    kind: ClassVar[str] = "items"
    items: Sequence[Words]


@dataclass(frozen=True)
class Heading:
    """Begins a part of a chapter."""

    kind: ClassVar[str] = "heading"
    text: Words


@dataclass(frozen=True)
class Filter:
    """Buttons that hide the rows of a table by their state."""

    kind: ClassVar[str] = "filter"
    table: str
    states: tuple[tuple[str, Text], ...]


@dataclass
class Chapter:
    """One chapter with its place among the anchors of the page."""

    id: str
    title: Text
    blocks: list[Any] = field(default_factory=list)


def missing(reason: Words) -> Said:
    """Why a chapter, or a part of one, has nothing to show."""
    return Said(joined([both("Not available: ", "該当なし："), reason], "", ""), "missing")


# --- numbers ---------------------------------------------------------------------------------------------------------------------------------------


def shown(value: float | None, digits: int = 4) -> str:
    """Number with so many significant digits and separators between thousands; a dash where there is none.

    Examples
    --------
    >>> shown(539899.0193), shown(32.4866), shown(-0.00123, 2), shown(float("nan"))
    ('539,900', '32.49', '−0.0012', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, decimals):,.{max(decimals, 0)}f}".replace("-", "−")


def fixed(value: float | None, decimals: int = 2) -> str:
    """Number with so many decimals; a dash where there is none.

    Examples
    --------
    >>> fixed(-0.001, 2), fixed(1234.5, 1)
    ('0.00', '1,234.5')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", "−")


def percent(share: float | None, decimals: int = 0) -> str:
    r"""Share in percent.

    Examples
    --------
    >>> percent(0.1234), percent(-0.072, 1)
    ('12\xa0%', '−7.2\xa0%')
    """
    return "–" if share is None or not math.isfinite(share) else f"{fixed(100 * share, decimals)}\u00a0%"


def signed(value: float, digits: int = 3) -> str:
    """Number with its sign.

    Examples
    --------
    >>> signed(2.5), signed(-31.25, 3), signed(0.0)
    ('+2.50', '−31.2', '0')
    """
    return ("+" if value > 0 else "") + shown(value, digits)


def number(value: float | None, digits: int = 4, source: str = "") -> Cell:
    """Cell with a number, and the name of its origin where it stands in a table of the data."""
    known = value is not None and math.isfinite(value)
    whole = "" if value is None or not known else repr(float(value)) if source else f"{value:.10g}"
    return Cell(shown(value, digits), whole, source if known else "", is_number=True)


def count(value: int, source: str = "") -> Cell:
    """Cell with a count."""
    return Cell(f"{value:,}", repr(int(value)), source, is_number=True)
