"""Words of another deposit: what the pages say of mud on the seafloor, said of nodules, of crust, or of soil on land.

The program's words are written for mud. Where the settings name another deposit, the terms that differ are replaced in the program's own words, in
both languages, at the one place where a page takes them; what a person wrote is no part of them.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.web.texts import Text

MUD: Final = "mud"
_DRAWN = re.compile(r'(<text lang="(en|ja)"[^>]*>)([^<]*)</text>')

# From the longer to the shorter: the first that fits is taken.
_NODULES: Final = {
    "en": {"wet mud": "wet nodules with their water", "mud": "nodules"},
    "ja": {"乾燥泥": "乾燥団塊", "湿泥": "湿潤団塊", "揚泥": "揚鉱", "泥": "団塊"},
}
_CRUST: Final = {
    "en": {"mud": "crust"},
    "ja": {"乾燥泥": "乾燥クラスト", "湿泥": "湿潤クラスト", "揚泥": "揚鉱", "泥": "クラスト"},
}
_SOIL: Final = {
    "en": {
        "seafloors": "grounds",
        "seafloor": "ground",
        "sea floor": "ground",
        "seabed": "ground",
        "water depths": "depths of the ground",
        "water depth": "depth of the ground",
        "depth of water": "depth of the ground",
        "m of water": "m below the datum",
        "water deeper": "ground deeper",
        "deep water": "deep ground",
        "water no deeper": "ground no deeper",
        "deepest water": "deepest ground",
        "shallow water": "high ground",
        "brought aboard": "taken up",
        "EEZ": "zone",
        "bathymetry": "elevation grid",
        "bathymetric": "elevation",
        "multibeam": "surveyed",
        "seamounts": "hills",
        "seamount's": "hill's",
        "seamount": "hill",
        "deep-sea": "land",
        "seawater": "water",
        "research ship": "vehicle",
        "ship's": "vehicle's",
        "ships": "vehicles",
        "ship": "vehicle",
        "sailed": "driven",
        "sea": "ground",
        "mud": "soil",
    },
    "ja": {
        "海底面": "地表面",
        "海底": "地表",
        "海山": "丘",
        "海水": "水",
        "海面": "標高",
        "深海": "現地",
        "航海名": "調査名",
        "EEZ": "区域",
        "海域": "地域",
        "水深": "地盤の深さ",
        "調査船": "車両",
        "船": "車両",
        "乾燥泥": "乾燥土壌",
        "湿泥": "湿潤土壌",
        "揚泥": "採掘",
        "泥": "土壌",
    },
}
_TERMS: Final[dict[str, Mapping[str, Mapping[str, str]]]] = {"nodules": _NODULES, "crust": _CRUST, "soil": _SOIL}


@cache
def _pattern(deposit: str, language: str) -> re.Pattern[str]:
    words = "|".join(map(re.escape, sorted(_TERMS[deposit][language], key=len, reverse=True)))
    # Names of files, columns and settings hold the same letters and stay: dry_mud_t, seafloor.tif.
    return re.compile(rf"(?<![\w./\\-])(?:{words})(?![\w/\\]|[.-]\w)", re.IGNORECASE) if language == "en" else re.compile(words)


def in_terms(text: str, language: str, deposit: str) -> str:
    """The program's words in the terms of a deposit; a capital stays one.

    Examples
    --------
    >>> in_terms("Dry mud below the seafloor (dry_mud_t of seafloor.tif)", "en", "soil")
    'Dry soil below the ground (dry_mud_t of seafloor.tif)'
    >>> in_terms("海底下の乾燥泥", "ja", "soil")
    '地表下の乾燥土壌'
    """
    if deposit == MUD:
        return text
    terms = _TERMS[deposit][language]

    def replaced(found: re.Match[str]) -> str:
        term = terms.get(found[0]) or terms[found[0].lower()]
        return term[0].upper() + term[1:] if found[0][0].isupper() else term

    return _pattern(deposit, language).sub(replaced, text)


def both_in_terms(both: Text, deposit: str) -> Text:
    """The same of words in both languages."""
    return both if deposit == MUD else {language: in_terms(text, language, deposit) for language, text in both.items()}


def figures_in_terms(html: str, deposit: str) -> str:
    """The same of the words in the figures of a page, which are drawn in both languages."""
    if deposit == MUD:
        return html
    return _DRAWN.sub(lambda found: f"{found[1]}{in_terms(found[3], found[2], deposit)}</text>", html)


def all_in_terms(value: Any, deposit: str) -> Any:
    """The same of everything in a structure that is words in both languages; all else stays as it is."""
    if deposit == MUD:
        return value
    if isinstance(value, dict):
        if set(value) == {"en", "ja"} and all(isinstance(text, str) for text in value.values()):
            return both_in_terms(value, deposit)
        return {key: all_in_terms(inner, deposit) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(all_in_terms(inner, deposit) for inner in value)
    return value
