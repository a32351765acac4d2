"""The page around the chapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.report_page.blocks import Text, both
from pipeline.web.origin_texts import ORIGIN
from pipeline.web.start_page import filled_in
from pipeline.web.texts import element_name, left_out, not_measured, symbol_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.provenance.page_origin import PageOrigin
    from pipeline.report_page.blocks import Chapter
    from pipeline.report_page.facts import Facts

_HEADING: Final = both("technical report", "技術報告")
_WORDS: Final[dict[str, Text]] = {
    "skip": both("Skip to the report", "本文へ移動"),
    "lead": both(
        "How much {elements} lies below the seafloor, how it was estimated, and what speaks for and against the figures.",
        "海底下の{elements}の量、推定の方法、数値の裏付けと限界。",
    ),
    "start": both("Overview", "概要"),
    "map": both("Map of {symbol}", "{symbol} の地図"),
    "changes": both("What changed", "変更点"),
    "contents": both("Contents", "目次"),
    "table": both("Table: ", "表："),
    "every": both("all items", "すべて"),
}


def report_page(facts: Facts, chapters: Sequence[Chapter], origin: PageOrigin) -> str:
    """Whole page, self-contained: the same facts make the same bytes. Its numbers say where they come from."""
    names = [element_name(element) for element in facts.elements]
    content: dict[str, Any] = {
        "title": facts.title,
        "heading": _HEADING,
        "names": both(
            " and ".join(name["en"][0].lower() + name["en"][1:] if "(" in name["en"] else name["en"] for name in names),
            "・".join(name["ja"] for name in names),
        ),
        "banner": facts.marks.is_synthetic,
        "rows_left_out": facts.marks.rows_left_out,
        "maps": [{"href": f"grade_{element}.html", "symbol": symbol_of(element)} for element in facts.elements],
        "chapters": chapters,
        "origin": origin,
    }
    words = {**_WORDS, "ask": ORIGIN["ask"], **not_measured(facts.marks.data_kind), **left_out(facts.marks.rows_left_out)}
    return filled_in("report.html.j2", words, content, numbered=True, deposit=facts.deposit)
