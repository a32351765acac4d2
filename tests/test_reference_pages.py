"""The reference is made from the docstrings, holds every public name, and asks no network for anything."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import reference_pages

import pipeline.geostatistics as library

PACKAGE = Path(library.__file__).parent


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of the package and that of one module."""
    written = reference_pages.write(tmp_path_factory.mktemp("reference"), ["pipeline.geostatistics", "pipeline.geostatistics.covariance"])
    return [path.read_text(encoding="utf-8") for path in written]


def test_each_public_name_has_a_place(pages):
    assert not [name for name in library.__all__ if f'id="{name}"' not in pages[0]]


def test_formulas_are_pictures_with_their_tex_beside_them(pages):
    for page in pages:
        assert not re.search(r":math:|\.\. math::|MathJax|\\\\\(", page)
    assert pages[1].count('<img class="formula"') > 10
    assert r'alt="1 - \tfrac32 h + \tfrac12 h^3"' in pages[1]
    assert "<td>spherical</td>" in pages[1]
    assert "=====" not in pages[1]


def test_a_page_loads_nothing_from_elsewhere(pages):
    for page in pages:
        loaded = re.findall(r"<(?:script|img|link|iframe)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"", page)
        assert loaded
        assert not [source[:60] for source in loaded if not source.startswith(("data:", "../", "./", "search.js"))]
        assert "@import" not in page


def test_an_array_is_called_as_the_code_calls_it(pages):
    assert "ForwardRef" not in pages[0]
    assert "numpy.dtype[numpy.float64]" not in pages[0]


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_every_formula_of_the_engine_can_be_drawn(path):
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    for docstring in (ast.get_docstring(node) for node in nodes):
        text = f"{docstring or ''}\n"
        for tex in [found[1] for found in reference_pages.INLINE.finditer(text)] + [
            f"{found[2]} {found[3]}" for found in reference_pages.DISPLAYED.finditer(text)
        ]:
            reference_pages._PARSER.parse(f"${reference_pages.plain_tex(tex)}$")
