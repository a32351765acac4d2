"""Numbers in the words of a page: each is found where it stands and marked, so that a reader can ask where it comes from.

What counts as a number is a rule, not a list. A run of digits is one, with its sign, separators, decimals and exponent, unless it is

* part of a word, a name or an address: ``P90``, ``dy_ppm``, ``kr13_02``, a file, a DOI, a hash, a version (``4.14.1``), a code such as ``43-101``;
* the volume and page of a citation: ``8:5763``;
* a date or a year: ``2024-06``, ``2018`` (four digits without a separator: quantities from 1,000 on are always written with one);
* the base of a power or a part of a symbol: ``10⁻⁶``, ``Dy₂O₃``;
* the name of an interval: ``90 % interval``.

Not looked at: numbers of chapters, the scales of drawings (the numbers drawn stand in a table beside them), and the folded summary of a table, which
repeats its caption. An author may name the origin of a number inside a sentence with :func:`sourced`; all others get a name from their place.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markupsafe import Markup

# Characters that stand for nothing and never will: no text holds them, and what is left of them is removed.
_OPEN, _MIDDLE, _CLOSE = "\ufdd0", "\ufdd1", "\ufdd2"
_SOURCED: Final = re.compile(f"{_OPEN}([^{_OPEN}{_MIDDLE}{_CLOSE}]*){_MIDDLE}([^{_OPEN}{_MIDDLE}{_CLOSE}]*){_CLOSE}")
_LEFT: Final = re.compile(f"[{_OPEN}{_MIDDLE}{_CLOSE}]")

_POWERS: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻₀₁₂₃₄₅₆₇₈₉"
_PASSED: Final = "|".join(
    (
        r"https?://\S+",
        r"\b10\.\d{4,9}/[^\s;；、）)]+",  # DOI
        r"(?<![A-Za-z0-9_])\d{4}-\d{2}(?:-\d{2})?(?![A-Za-z0-9_])",  # date
        r"(?<![A-Za-z0-9_.,])[0-9]+(?:\.[0-9]+){2,}",  # version
        r"(?<![A-Za-z0-9_.,])(?:[0-9]+[._-]?)?[A-Za-z_][A-Za-z0-9_./-]*",  # words, names, files, hashes
        r"(?<![A-Za-z0-9_.,])43-101\b",  # the Canadian standard
        r"(?<![A-Za-z0-9_.,])[0-9]+:[0-9]+",  # volume and page
        rf"10[{_POWERS}]+",
        r"[0-9]+[ \u00a0]?%(?=[ \u00a0-]?interval|[ \u00a0]?区間)",  # the name of an interval
    )
)
_VALUE: Final = r"[+−-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_NUMBER: Final = rf"(?<![A-Za-z0-9_.,]){_VALUE}(?![A-Za-z0-9_{_POWERS}]|[.,]?[0-9])"
_EXPONENT: Final = r"(?<![A-Za-z0-9_.,])[+−-]?\d+(?:\.\d+)?e[+−-]?\d+(?![A-Za-z0-9_])"
_TOKEN: Final = re.compile(f"(?P<power>{_EXPONENT})|(?P<passed>{_PASSED})|(?P<number>{_NUMBER})")
_YEAR: Final = re.compile(r"1[89]\d\d|20\d\d")


def sourced(source: str, text: str) -> str:
    """Text of a number whose origin is known by name; it may be put into a sentence like any other text.

    Parameters
    ----------
    source : str
        As of :func:`pipeline.number_ids.number_id`.
    text : str
        The number as it is shown.
    """
    return f"{_OPEN}{source}{_MIDDLE}{text}{_CLOSE}"


def unmarked(text: str) -> str:
    """Text without the names of origins in it.

    Examples
    --------
    >>> unmarked("about " + sourced("tonnage/dy/all/0/mean/metal_t", "1,234") + " t")
    'about 1,234 t'
    """
    return _LEFT.sub("", _SOURCED.sub(r"\2", text))


def pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Text in pieces: what is no number with ``None``, a number with the name of its origin, or with an empty one.

    Examples
    --------
    >>> [piece for piece, source in pieces("P90 is 1,234.5 t in 25 cores (Takaya 2018), −3 %; 10⁻⁶, 43-101, p10.csv") if source is not None]
    ['1,234.5', '25', '−3']
    """
    at = 0
    for found in _SOURCED.finditer(text):
        yield from _plain_pieces(text[at : found.start()])
        yield _LEFT.sub("", found[2]), found[1]
        at = found.end()
    yield from _plain_pieces(text[at:])


def _plain_pieces(text: str) -> Iterator[tuple[str, str | None]]:
    text, at = _LEFT.sub("", text), 0
    for found in _TOKEN.finditer(text):
        number = found["number"] or found["power"]
        if number is None or _YEAR.fullmatch(number):
            continue
        if found.start() > at:
            yield text[at : found.start()], None
        yield number, ""
        at = found.end()
    if at < len(text):
        yield text[at:], None


def marked(words: Mapping[str, str] | str) -> Markup:
    """Words with their numbers marked: ``data-figure`` names an origin, ``data-n`` counts within the words.

    In both languages the same number has the same count: the English order holds, and what only the Japanese says is counted behind it.
    """
    from markupsafe import Markup

    if isinstance(words, str):
        return _marked(words, {})
    counts: dict[tuple[str, int], int] = {}
    spoken = [Markup('<span lang="{}">{}</span>').format(language, _marked(text, counts)) for language, text in sorted(words.items())]
    return Markup("").join(spoken)


def _marked(text: str, counts: dict[tuple[str, int], int]) -> Markup:
    from markupsafe import Markup, escape

    seen: Counter[str] = Counter()
    out = []
    for piece, source in pieces(text):
        if source is None:
            out.append(escape(piece))
        elif source:
            out.append(Markup('<span data-figure="{}">{}</span>').format(source, piece))
        else:
            seen[piece] += 1
            count = counts.setdefault((piece, seen[piece]), len(counts) + 1)
            out.append(Markup('<span data-n="{}">{}</span>').format(count, piece))
    return Markup("").join(out)


def has_number(words: Mapping[str, str] | str) -> bool:
    """Whether there is a number in the words that only its place names."""
    return any(source == "" for text in ([words] if isinstance(words, str) else words.values()) for _, source in pieces(text))
