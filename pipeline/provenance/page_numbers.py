"""The numbers of a finished page: each with its name, as it is shown and as it is, and the words around it.

A page is its own record: its numbers are where a reader sees them, and are read back from there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_VOID: Final = frozenset(("meta", "link", "img", "br", "hr", "input", "source", "wbr", "col"))
_SPACES: Final = re.compile(r"\s+")
_MOST_WORDS: Final = 400  # letters of a sentence that are told


@dataclass(frozen=True)
class PageNumber:
    """A number that a page shows.

    Parameters
    ----------
    id : str
        Name of its origin, or of its place.
    is_placed : bool
        Whether the name is that of its place.
    place : str
        First part of the place: a chapter, or what the words are called.
    shown : str
        In English, or where it stands in Japanese alone, so.
    value : str
        As the page holds it; what is shown, where it holds no more.
    words : str
        The sentence, or caption, row and column.
    language : str
        ``ja`` where only the Japanese words say it; else ``en``.
    """

    id: str
    is_placed: bool
    place: str
    shown: str
    value: str
    words: str
    language: str


@dataclass(eq=False)
class _Node:
    tag: str
    attributes: dict[str, str]
    parent: _Node | None
    children: list[_Node | str] = field(default_factory=list)

    def above(self) -> Iterator[_Node]:
        node: _Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def text(self, language: str = "en") -> str:
        parts = []
        for child in self.children:
            if isinstance(child, str):
                parts.append(child)
            elif child.tag not in ("svg", "script", "style") and child.attributes.get("lang", language) == language:
                parts.append(child.text(language))
        return _SPACES.sub(" ", "".join(parts)).strip() if self.parent is None else "".join(parts)

    def said(self, language: str = "en") -> str:
        return _SPACES.sub(" ", self.text(language)).strip()

    def elements(self, *tags: str) -> list[_Node]:
        return [child for child in self.children if isinstance(child, _Node) and child.tag in tags]


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = _Node("", {}, None)
        self.here = self.root
        self.numbers: list[_Node] = []
        self.blocks: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = _Node(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(node)
        if tag == "data" or "data-figure" in node.attributes or "data-n" in node.attributes:
            self.numbers.append(node)
        if tag not in _VOID:
            self.here = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.here.children.append(_Node(tag, {name: value or "" for name, value in attrs}, self.here))

    def handle_endtag(self, tag: str) -> None:
        for node in self.here.above():
            if node.tag == tag and node.parent is not None:
                self.here = node.parent
                break

    def handle_data(self, data: str) -> None:
        if self.here.tag == "script" and self.here.attributes.get("type") == "application/json":
            self.blocks[self.here.attributes.get("id", "")] = data
        elif self.here.tag not in ("script", "style"):
            self.here.children.append(data)


@dataclass(frozen=True)
class NumberedPage:
    """A page read back.

    Parameters
    ----------
    name : str
        ``report`` or ``index``.
    places : dict
        By chapter: ``title`` and what it reads: ``products``, ``inputs``, ``settings``.
    numbers : dict of str to PageNumber
        By name of the origin or of the place.
    shown : list of PageNumber
        Every number as it stands on the page, also those that are shown more than once.
    """

    name: str
    places: dict[str, Any]
    numbers: dict[str, PageNumber]
    shown: list[PageNumber]


def numbers_of(html: str) -> NumberedPage:
    """Read the numbers of a finished page back."""
    tree = _Tree()
    tree.feed(html)
    tree.close()
    told = json.loads(tree.blocks["origin"])
    shown = [_number(node, told["page"]) for node in tree.numbers]
    numbers: dict[str, PageNumber] = {}
    for number in shown:
        if number.id not in numbers or (numbers[number.id].language == "ja" and number.language == "en"):
            numbers[number.id] = number
    return NumberedPage(told["page"], told["places"], numbers, shown)


def _number(node: _Node, page: str) -> PageNumber:
    language = next((one.attributes["lang"] for one in node.above() if "lang" in one.attributes), "en")
    shown = node.said(language) or node.said("ja")
    at = next((one for one in node.above() if "data-at" in one.attributes), None)
    cell = next((one for one in node.above() if one.tag in ("td", "th") and at in one.above() and one is not at), None) if at is not None else None
    place = [at.attributes["data-at"]] if at is not None else []
    words = at.said(language) if at is not None else ""
    if cell is not None and cell.parent is not None:
        column = cell.parent.elements("td", "th").index(cell) + 1
        table = next(one for one in cell.above() if one.tag == "table")
        place += [str(column)]
        if next(one for one in cell.above() if one.tag in ("thead", "tbody")).tag == "tbody":
            row = cell.parent.parent.elements("tr").index(cell.parent) + 1 if cell.parent.parent is not None else 1
            place.insert(1, str(row))
        words = _cell_words(table, cell, column, language)
    elif at is None:
        words = node.parent.said(language) if node.parent is not None else ""
    source = node.attributes.get("data-figure", "")
    if "data-name" in node.attributes:
        source = next(one.attributes["data-under"] for one in node.above() if "data-under" in one.attributes) + node.attributes["data-name"]
    name = source or "/".join([page, *place, node.attributes.get("data-n", "1")])
    value = node.attributes.get("value") or plain_number(shown)
    first = place[0].partition("/")[0] if place else ""
    return PageNumber(name, not source, first, shown, value, words[:_MOST_WORDS], language)


def _cell_words(table: _Node, cell: _Node, column: int, language: str) -> str:
    """Caption, row and column of a cell."""
    caption = next((one.said(language) for one in table.elements("caption")), "")
    heads = [one for head in table.elements("thead") for row in head.elements("tr") for one in row.elements("th")]
    row = cell.parent.elements("th", "td")[0].said(language) if cell.parent is not None else ""
    parts = [caption, row if row != cell.said(language) else "", heads[column - 1].said(language) if column <= len(heads) else ""]
    return " | ".join(part for part in parts if part)


def plain_number(shown: str) -> str:
    """A number as a computer writes it.

    Examples
    --------
    >>> plain_number("−1,234.5"), plain_number("12 %")
    ('-1234.5', '12')
    """
    found = re.search(r"[+−-]?[\d,]+(?:\.\d+)?(?:e[+−-]?\d+)?", shown)
    return found[0].replace(",", "").replace("−", "-") if found else ""
