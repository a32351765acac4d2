"""What a page carries so that each of its numbers can say where it comes from, without a network and without the products beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.provenance.facts import FACTS
from pipeline.provenance.formulas import PRODUCTS, VARIOGRAM
from pipeline.web.inline import json_block
from pipeline.web.origin_texts import ORIGIN

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_FILES: Final = 300  # told on a page; provenance.json tells all


@dataclass(frozen=True)
class PageOrigin:
    """Data block of a page; a template puts it in as it is, because :func:`pipeline.web.inline.json_block` escapes every text in it."""

    content: dict[str, Any]

    def __html__(self) -> str:
        """The block."""
        return json_block("origin", self.content)


def page_origin(provenance: Mapping[str, Any], page: str, places: Mapping[str, Any], published: Mapping[str, list[str]] | None = None) -> PageOrigin:
    """Origin of the numbers of one page.

    Parameters
    ----------
    provenance : mapping
        Content of ``provenance.json``.
    page : str
        ``report`` or ``index``: the first part of the names of numbers that the page alone shows.
    places : mapping
        By chapter: ``title`` and what it reads: ``products``, ``inputs``, ``settings``.
    published : mapping, optional
        Beginnings of the ids of the published figures behind the figures of ``supply.csv``, by ``element/question``.
    """
    inputs = sorted(provenance.get("inputs", {}).items())
    return PageOrigin(
        {
            "page": page,
            "places": dict(places),
            "published": dict(published or {}),
            "code": provenance.get("code_sha256", ""),
            "inputs": [{"file": name, **told} for name, told in inputs[:_MOST_FILES]],
            "more": max(0, len(inputs) - _MOST_FILES),
            "rules": provenance.get("rules", []),
            "tables": provenance.get("tables", {}),
            "settings": provenance.get("settings", {}),
            "facts": {name: {"product": fact.product, "formula": fact.formula} for name, fact in FACTS.items()},
            "products": {**PRODUCTS, "variogram": VARIOGRAM},
            "words": ORIGIN,
        }
    )
