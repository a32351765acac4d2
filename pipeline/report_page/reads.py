"""What each chapter reads: watched while it is written, so that no list can go stale.

The numbers of a chapter that no table holds come from what it read of :class:`Facts`: at least all that it needed, at most what it looked at.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline import artefacts
from pipeline.artefacts import RawFiles
from pipeline.report_page.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pipeline.report_page.blocks import Chapter

_FIELDS: Final = frozenset(Facts.__dataclass_fields__)
_CACHED: Final = frozenset(name for name, value in vars(Facts).items() if isinstance(value, cached_property))
_SECTIONS: Final = {"elements": "elements", "title": "assessment"}
"""Fields that are settings."""


class WatchedFacts(Facts):
    """Facts that note which of them are read."""

    def __getattribute__(self, name: str) -> Any:
        """A fact, noted."""
        own = object.__getattribute__(self, "__dict__")
        if name in _FIELDS and "_read" in own:
            own["_read"].add(name)
        elif name in _CACHED and "_read" in own:
            return _cached(self, own, name)
        return object.__getattribute__(self, name)

    def setting(self, section: str, key: str) -> Any:
        """Value of a setting: the section is noted, not all that the provenance tells besides."""
        own = object.__getattribute__(self, "__dict__")
        own["_read"].add(f"[{section}]")
        return own["provenance"].content.get("settings", {}).get(section, {}).get(key)


def _cached(facts: WatchedFacts, own: dict[str, Any], name: str) -> Any:
    """What is made once counts as read by everyone who asks for it."""
    if name not in own:
        before = own["_read"]
        own["_read"] = set()
        object.__getattribute__(facts, name)
        own["_made_from"][name] = own["_read"]
        own["_read"] = before
    own["_read"] |= own["_made_from"].get(name, set())
    return own[name]


def watched(facts: Facts) -> WatchedFacts:
    """The same facts, watched."""
    found = object.__new__(WatchedFacts)
    vars(found).update({name: value for name, value in vars(facts).items() if name in _FIELDS}, _read=set(), _made_from={})
    return found


def written(makers: Iterable[Callable[[Facts], Chapter | None]], facts: Facts, products: Collection[str]) -> tuple[list[Chapter], dict[str, Any]]:
    """Chapters that apply, and by chapter its title and what it read: products, folders of RAW, sections of the settings.

    Parameters
    ----------
    makers : iterable of function
    facts : Facts
    products : collection of str
        Names of all products.
    """
    seen = watched(facts)
    own = vars(seen)
    chapters, places = [], {}
    for make in makers:
        own["_read"] = set()
        chapter = make(seen)
        if chapter is not None:
            chapters.append(chapter)
            places[chapter.id] = {"title": chapter.title, **reads_of(own["_read"], products)}
    return chapters, places


def reads_of(names: Collection[str], products: Collection[str]) -> dict[str, list[str]]:
    """Products, folders of RAW and sections of the settings that fields of the facts stand for."""
    kinds = [kind for name in sorted(names) if name in _FIELDS and (kind := _kind_of(name)) is not None]
    raw = [kind for kind in kinds if issubclass(kind, RawFiles)]
    sections = {name.strip("[]") for name in names if name.startswith("[")} | {_SECTIONS[name] for name in names if name in _SECTIONS}
    found = [product for product in products if any(kind.matches(Path(product)) for kind in kinds if kind not in raw)]
    return {"products": found, "inputs": sorted(kind.name for kind in raw), "settings": sorted(sections)}


def _kind_of(name: str) -> Any:
    """Type of the artefact that a field holds; ``None`` where it is none."""
    words = re.findall(r"\w+", str(Facts.__dataclass_fields__[name].type))
    return getattr(artefacts, words[-1], None)
