"""The graph of products, read from the Makefile: what each is made from, by which stage, and which sections of the settings reach it.

The Makefile is the graph; no list of it is kept here, so that none can go stale. Only as much of Make's language is understood as its second level
uses; what is not understood is an error, and a test holds the result against Make's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LEVEL: Final = "level 2: the products"
_FOLDERS: Final = {"P": "P", "M": "M", "L": "L", "S": "S"}
_ASSIGNED: Final = re.compile(r"(\w+)\s*:=\s*(.*)")
_RECIPE: Final = re.compile(r"\t@?\$\(call run,(\w+)")


@dataclass(frozen=True)
class Made:
    """How a product is made.

    Parameters
    ----------
    stage : str
    products : tuple of str
        Other products that the stage is handed.
    inputs : tuple of str
        Folders of RAW: ``cores``, ``bathymetry``, ``domains``, ``published``, ``truth``.
    settings : tuple of str
        Sections of the settings.
    """

    stage: str
    products: tuple[str, ...]
    inputs: tuple[str, ...]
    settings: tuple[str, ...]


@dataclass(frozen=True)
class Behind:
    """Everything above a product: products nearest first, folders of RAW, sections of the settings."""

    products: tuple[str, ...]
    inputs: tuple[str, ...]
    settings: tuple[str, ...]


def graph_of(makefile: str, elements: Sequence[str], marker: str = "") -> dict[str, Made]:
    """How each product is made, by the name of its file.

    Parameters
    ----------
    makefile : str
        Text of the Makefile.
    elements : sequence of str
        What is assessed.
    marker : str
        ``horizon`` where depths are relative to a marker.

    Raises
    ------
    ArtefactError
        The Makefile uses what is not understood here.
    """
    _, found, text = makefile.replace("\\\n", " ").partition(_LEVEL)
    if not found:
        message = f"the Makefile has no part {_LEVEL!r}: where numbers come from cannot be told"
        raise ArtefactError(message)
    variables = {"ELEMENTS": " ".join(elements), "KEEP": "", "MARKER": marker}
    graph: dict[str, Made] = {}
    head = ""
    for line in text.splitlines():
        assigned, recipe = _ASSIGNED.fullmatch(line), _RECIPE.match(line)
        if assigned is not None:
            variables[assigned[1]] = assigned[1] if assigned[1] in _FOLDERS else _expanded(assigned[2], variables)
        elif recipe is not None:
            graph |= _rule(_expanded(head, variables), recipe[1])
        elif ":" in line and not line.startswith(("\t", "#", ".")):
            head = line
    return graph


def behind(graph: Mapping[str, Made], products: Iterable[str]) -> Behind:
    """Everything above some products, these included: products nearest first, then what they read of RAW and of the settings."""
    order: dict[str, None] = {}
    waiting = [name for name in products if name in graph]
    while waiting:
        order |= dict.fromkeys(waiting)
        waiting = list(dict.fromkeys(name for one in waiting for name in graph[one].products if name in graph and name not in order))
    made = [graph[name] for name in order]
    inputs, settings = ({name for one in made for name in getattr(one, kind)} for kind in ("inputs", "settings"))
    return Behind(tuple(order), tuple(sorted(inputs)), tuple(sorted(settings)))


def _rule(head: str, stage: str) -> dict[str, Made]:
    """The products of one rule: grouped (``a b &: c``), static (``a_dy a_gd: a_%: b_%``) or plain."""
    grouped = "&:" in head
    targets, _, rest = head.partition("&:" if grouped else ":")
    pattern, _, prerequisites = rest.partition(":") if ":" in rest else ("", "", rest)
    made = {}
    for target in targets.split():
        stem = (_stem(pattern.strip(), target) or "") if pattern else ""
        names = [name.replace("%", stem) for name in prerequisites.split()]
        made[_name(target)] = Made(
            stage,
            tuple(_name(name) for name in names if name.startswith(("P/", "M/"))),
            tuple(_name(name).removesuffix(".json") for name in names if name.startswith("L/") and not _name(name).startswith("program_")),
            tuple(_name(name).removesuffix(".json") for name in names if name.startswith("S/")),
        )
    return made


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(pattern: str, word: str) -> str | None:
    """What ``%`` stands for where a word is of a pattern."""
    before, percent, after = pattern.partition("%")
    if not percent:
        return "" if word == pattern else None
    fits = len(word) >= len(before) + len(after) and word.startswith(before) and word.endswith(after)
    return word[len(before) : len(word) - len(after)] if fits else None


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """Text with its variables and functions replaced."""
    out, at = [], 0
    while (start := text.find("$", at)) >= 0:
        out.append(text[at:start])
        if text[start + 1] == "(":
            end = _closing(text, start + 1)
            out.append(_value(text[start + 2 : end], variables))
            at = end + 1
        else:
            out.append(_value(text[start + 1], variables))
            at = start + 2
    return "".join([*out, text[at:]])


def _closing(text: str, start: int) -> int:
    depth = 0
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
    message = f"the Makefile has an open bracket in {text[start - 1 :][:60]!r}"
    raise ArtefactError(message)


def _value(inside: str, variables: Mapping[str, str]) -> str:
    """What stands for ``$(inside)``."""
    function, _, rest = inside.partition(" ")
    if function in _FUNCTIONS:
        return _called(function, _arguments(rest), variables)
    name, changed, pattern = inside.partition(":")
    if name not in variables:
        message = f"the Makefile uses $({inside}), which is not understood here: pipeline/provenance/graph.py reads what its second level needs"
        raise ArtefactError(message)
    if not changed:
        return variables[name]
    one, _, other = pattern.partition("=")
    return _substituted(one, _expanded(other, variables), variables[name])


_FUNCTIONS: Final = ("patsubst", "filter-out", "foreach", "if")


def _called(function: str, arguments: Sequence[str], variables: Mapping[str, str]) -> str:
    if function == "foreach":
        name, words, body = arguments
        return " ".join(_expanded(body, {**variables, name: word}) for word in _expanded(words, variables).split())
    if function == "if":
        condition, then, *otherwise = arguments
        return _expanded(then if _expanded(condition, variables).strip() else "".join(otherwise), variables)
    one, *rest = (_expanded(argument, variables) for argument in arguments)
    if function == "patsubst":
        return _substituted(one, *rest)
    return " ".join(word for word in rest[0].split() if all(_stem(pattern, word) is None for pattern in one.split()))


def _substituted(pattern: str, replacement: str, words: str) -> str:
    return " ".join(word if (stem := _stem(pattern, word)) is None else replacement.replace("%", stem) for word in words.split())


def _arguments(text: str) -> list[str]:
    """Arguments of a function: split at commas outside brackets."""
    arguments, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            arguments.append("")
        else:
            arguments[-1] += letter
    return arguments
