"""Formulas and their sources: what a docstring cites is listed, and where it states a formula a page does too."""

from __future__ import annotations

import ast
import re
import tokenize
import unicodedata
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "pipeline"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "architecture.md"}

SURNAME = r"[A-ZÀ-Ž](?:[^\W\d_]|['’-])+"
# Matheron 1963; Cressie & Hawkins (1980); Helgason, Kechagias & Pipiras 2014; Gelman et al. 2013.
CITATION = re.compile(rf"({SURNAME}(?:(?:, {SURNAME})*,? & {SURNAME}| et al\.)?),? \(?((?:18|19|20)\d\d)(?![\d,.]\d)")
NO_AUTHORS = {"Python", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}


def folded(text):
    """Text without accents: Iguzquiza and Igúzquiza are one author."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


FILES = sorted(PROGRAM.rglob("*.py"))


@cache
def sources():
    """Lines of every list of sources."""
    lists = [page.partition("## Sources")[2] for page in PAGES.values()]
    return [folded(line[2:]) for text in lists for line in text.splitlines() if line.startswith("* ")]


@cache
def docstrings(path):
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    return [docstring for node in nodes if (docstring := ast.get_docstring(node))]


def comments(path):
    with path.open("rb") as file:
        return [token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]


def cited(path):
    """Authors and year of every citation in a file."""
    for text in [*docstrings(path), *comments(path)]:
        for authors, year in CITATION.findall(folded(re.sub(r"\s+", " ", text))):
            names = re.findall(SURNAME, authors.replace("et al.", ""))
            if names[0] not in NO_AUTHORS:
                yield tuple(names), year


def is_listed(names, year):
    """Whether a source begins with the first author and names the others and the year."""
    return any(re.match(rf"{names[0]}\b", line) and year in line and all(name in line for name in names) for line in sources())


def test_what_is_cited_is_listed():
    missing = {f"{path.name}: {' & '.join(names)} {year}" for path in FILES for names, year in cited(path) if not is_listed(names, year)}
    assert not missing, f"add to '## Sources' of a page in docs/: {', '.join(sorted(missing))}"


def test_many_are_cited():
    everything = {citation for path in FILES for citation in cited(path)}
    assert len(everything) > 60
    assert (("Matheron",), "1963") in everything
    assert (("Pardo-Iguzquiza", "Dowd"), "2013") in everything


@pytest.mark.parametrize("page", sorted(PAGES))
def test_what_a_page_cites_is_listed(page):
    text = folded(re.sub(r"\s+", " ", PAGES[page].partition("## Sources")[0].replace(r"\&", "&")))
    found = [(tuple(re.findall(SURNAME, authors.replace("et al.", ""))), year) for authors, year in CITATION.findall(text)]
    missing = sorted({f"{' & '.join(names)} {year}" for names, year in found if names[0] not in NO_AUTHORS and not is_listed(names, year)})
    assert not missing, missing


def test_a_module_that_states_a_formula_stands_on_a_page_with_formulas():
    stating = [path for path in FILES if any(".. math::" in text for text in docstrings(path))]
    assert len(stating) > 25
    pages = [page for page in PAGES.values() if "$" in page]
    missing = [path.name for path in stating if not any(re.search(rf"`(?:[\w/]+/)?{re.escape(path.name)}`", page) for page in pages)]
    assert not missing, f"no page of docs/ says what they compute: {', '.join(missing)}"


@pytest.mark.parametrize("page", ["geostatistics.md", "method.md"])
def test_sources_stand_in_the_order_of_their_authors_and_once(page):
    lines = [line for line in PAGES[page].partition("## Sources")[2].splitlines() if line.startswith("* ")]
    # By the first author; of one author, as they were written.
    authors = [folded(re.match(rf"\* ({SURNAME})", line)[1]).lower() for line in lines]
    assert authors == sorted(authors)
    assert len({line[:60] for line in lines}) == len(lines)
