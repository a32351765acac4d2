"""Pages of text: a jinja2 template with everything escaped, both languages side by side, one of them shown."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.web.inline import manifest, self_contained
from pipeline.web.number_marks import has_number, marked, unmarked
from pipeline.web.terms import MUD, all_in_terms, both_in_terms, figures_in_terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.web.texts import Text


def start_page(words: Mapping[str, Text], content: Mapping[str, Any], deposit: str = MUD) -> str:
    """Whole start page, self-contained; as :func:`filled_in` of its template."""
    return filled_in("index.html.j2", words, {"packages": manifest()["packages"], **content}, numbered=True, deposit=deposit)


def filled_in(template: str, words: Mapping[str, Text], content: Mapping[str, Any], *, numbered: bool = False, deposit: str = MUD) -> str:
    """Whole page, self-contained.

    Parameters
    ----------
    template : str
        File beside this module.
    words : mapping
        What the page says, by key, in ``en`` and ``ja``.
    content : mapping
        What the template fills in; any text in it is shown as text.
    numbered : bool
        Mark the numbers in all words, so that the page can tell where they come from (:mod:`pipeline.web.number_marks`). What the template says by a
        key is the place of its numbers (``data-at``); where it says words with ``n`` the template names their place itself.
    deposit : str
        In whose terms the words are said (:mod:`pipeline.web.terms`).
    """
    import jinja2
    from markupsafe import Markup

    times: Counter[str] = Counter()

    def t(key: str | Text, **values: str | Text) -> Markup:
        both = words[key] if isinstance(key, str) else key
        mine = all_in_terms(values, deposit)
        said = {language: filled(text, language, mine) for language, text in both_in_terms(both, deposit).items()}
        if numbered and isinstance(key, str) and has_number(said):
            times[key] += 1
            return Markup('<span data-at="{}">{}</span>').format(key if times[key] == 1 else f"{key}-{times[key]}", marked(said))
        return marked(said) if numbered else plain(said)

    def plain(said: Text | str) -> Markup:
        if isinstance(said, str):
            return Markup("{}").format(unmarked(said))
        told = sorted(both_in_terms(said, deposit).items())
        return Markup("").join(Markup('<span lang="{}">{}</span>').format(language, unmarked(text)) for language, text in told)

    def n(said: Text | str) -> Markup:
        return marked(said if isinstance(said, str) else both_in_terms(said, deposit))

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, loader=loader, trim_blocks=True, lstrip_blocks=True)
    html = environment.get_template(template).render(t=t, n=n, plain=plain, **content)
    return self_contained(figures_in_terms(html, deposit))


def filled(text: str, language: str, values: Mapping[str, str | Text]) -> str:
    """Words in braces replaced, once: what is filled in may hold braces itself."""

    def value(found: re.Match[str]) -> str:
        inserted = values.get(found[1], found[0])
        return inserted if isinstance(inserted, str) else inserted[language]

    return re.sub(r"\{(\w+)\}", value, text)
