"""Pages of text: a jinja2 template with everything escaped, both languages side by side, one of them shown."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.web.inline import manifest, self_contained
from pipeline.web.number_marks import has_number, marked, unmarked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.web.texts import Text


def start_page(words: Mapping[str, Text], content: Mapping[str, Any]) -> str:
    """Whole start page, self-contained; as :func:`filled_in` of its template."""
    return filled_in("index.html.j2", words, {"packages": manifest()["packages"], **content}, numbered=True)


def filled_in(template: str, words: Mapping[str, Text], content: Mapping[str, Any], *, numbered: bool = False) -> str:
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
    """
    import jinja2
    from markupsafe import Markup

    times: Counter[str] = Counter()

    def t(key: str | Text, **values: str | Text) -> Markup:
        both = words[key] if isinstance(key, str) else key
        said = {language: filled(text, language, values) for language, text in both.items()}
        if numbered and isinstance(key, str) and has_number(said):
            times[key] += 1
            return Markup('<span data-at="{}">{}</span>').format(key if times[key] == 1 else f"{key}-{times[key]}", marked(said))
        return marked(said) if numbered else plain(said)

    def plain(said: Text | str) -> Markup:
        if isinstance(said, str):
            return Markup("{}").format(unmarked(said))
        return Markup("").join(Markup('<span lang="{}">{}</span>').format(language, unmarked(text)) for language, text in sorted(said.items()))

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, loader=loader, trim_blocks=True, lstrip_blocks=True)
    return self_contained(environment.get_template(template).render(t=t, n=marked, plain=plain, **content))


def filled(text: str, language: str, values: Mapping[str, str | Text]) -> str:
    """Words in braces replaced, once: what is filled in may hold braces itself."""

    def value(found: re.Match[str]) -> str:
        inserted = values.get(found[1], found[0])
        return inserted if isinstance(inserted, str) else inserted[language]

    return re.sub(r"\{(\w+)\}", value, text)
