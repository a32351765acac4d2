"""Write the reference of the engine, made from its docstrings: ``python tests/reference_pages.py --out build/reference`` (make reference).

The pages ask no network for anything: formulas are drawn here and stand in the page as pictures, with their TeX as text beside them.
"""

from __future__ import annotations

import argparse
import base64
import html
import inspect
import re
import sys
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib as mpl
import pdoc
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

PACKAGE = "pipeline.geostatistics"
INLINE = re.compile(r":math:`([^`]+)`")
DISPLAYED = re.compile(r"^([ ]*)\.\. math::[ ]*([^\n]*)\n((?:[ ]*\n)*(?:\1[ ]+\S[^\n]*\n?)*)", re.MULTILINE)
_PARSER = MathTextParser("path")
TABLE = re.compile(r"^([ ]*)(=+(?:[ ]+=+)+)\n(.+)\n\1\2\n((?:.+\n)+?)\1\2$", re.MULTILINE)

SIZE_PX = 17
STROKES = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C", Outline.CLOSEPOLY: "Z"}

# As the modules call them.
ARRAYS = {"float64": "Array", "int64": "Integers", "bool": "Flags", "Any": "NDArray"}

# What matplotlib's TeX has by another name, or not at all.
SAME = (
    (r"\s+", " "),
    (r"\\tfrac", r"\\frac"),
    (r"\\[bB]ig+[lr]?(?![a-zA-Z])", ""),
    (r"\\text\{([^}]*)\}", lambda found: r"\mathrm{" + found[1].replace(" ", r"\ ") + "}"),
    (r"\\le(?![a-z])", r"\\leq"),
    (r"\\ge(?![a-z])", r"\\geq"),
    (r"\\ne(?![a-z])", r"\\neq"),
    # Braces that TeX lets one leave out.
    (
        r"\\(d?frac)\s*([0-9A-Za-z])\s*(\{|[0-9A-Za-z])",
        lambda found: f"\\{found[1]}{{{found[2]}}}" + (found[3] if found[3] == "{" else f"{{{found[3]}}}"),
    ),
    (r"(\\d?frac\{[^{}]*\})\s*([0-9A-Za-z])", r"\1{\2}"),
    (r"\\(sqrt|mathbf|hat|bar|tilde)\s+([0-9A-Za-z])", r"\\\1{\2}"),
)


def plain_tex(tex: str) -> str:
    """TeX as matplotlib understands it."""
    for pattern, other in SAME:
        tex = re.sub(pattern, other, tex)
    return tex.strip()


@cache
def picture(tex: str, *, displayed: bool = False) -> str:
    """An image of a formula, whose text is its TeX; a formula that cannot be drawn is an error."""
    tex_here = tex.replace(r"\frac", r"\dfrac") if displayed else tex
    text = f"${plain_tex(tex_here)}$"
    with mpl.rc_context({"mathtext.fontset": "stix"}):
        font = FontProperties(size=SIZE_PX)
        width, height, depth, *_ = _PARSER.parse(text, dpi=72, prop=font)
        drawn = TextPath((0, 0), text, size=SIZE_PX, prop=font)
    strokes = "".join(
        STROKES[code] + ("" if code == Outline.CLOSEPOLY else " ".join(f"{number:.2f}" for number in points))
        for points, code in drawn.iter_segments(curves=True, simplify=False)
    )
    # A hair of room: what stands out of its box would be cut off.
    box = f"0 {-(height - depth) - 1:.1f} {width + 1:.1f} {height + 2:.1f}"
    size = f'width="{width + 1:.1f}" height="{height + 2:.1f}" viewBox="{box}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><path transform="scale(1,-1)" d="{strokes}"/></svg>'
    data = base64.b64encode(svg.encode()).decode()
    said = html.escape(re.sub(r"\s+", " ", tex.strip()), quote=True).replace("|", "&#124;")
    place = "display:block;margin:0.7em 0 0.7em 2em" if displayed else f"vertical-align:{-depth - 1:.1f}px"
    return f'<img class="formula" style="{place}" alt="{said}" title="{said}" src="data:image/svg+xml;base64,{data}">'


def markdown_table(found: re.Match[str]) -> str:
    """A simple table of reStructuredText as one of Markdown."""
    margin, rule, head, body = found.groups()
    starts = [one.start() + len(margin) for one in re.finditer(r"=+", rule)]
    cells = [[line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)] for line in [head, *body.splitlines()]]
    lines = [f"{margin}| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], f"{margin}|{'---|' * len(starts)}", *lines[1:]])


def offline(text: str) -> str:
    """A docstring in which formulas are pictures and tables are Markdown's."""
    text = TABLE.sub(markdown_table, text)
    text = DISPLAYED.sub(lambda found: f"{found[1]}{picture(f'{found[2]} {found[3]}', displayed=True)}\n\n", text + "\n")
    text = INLINE.sub(lambda found: picture(found[1]), text)
    return re.sub(r"(:\w+:`)~", r"\1", text)


def modules() -> list[str]:
    """The package and every module of it."""
    return [PACKAGE, *(f"{PACKAGE}.{path.stem}" for path in sorted((ROOT / PACKAGE.replace(".", "/")).glob("[!_]*.py")))]


def short(annotation: str) -> str:
    """An annotation as the code writes it."""
    annotation = re.sub(
        r"numpy\.ndarray\[tuple\[typing\.Any, \.\.\.\], numpy\.dtype\[(?:numpy|typing)\.(\w+)\]\]",
        lambda found: ARRAYS.get(found[1], found[0]),
        annotation,
    )
    return re.sub(r"ForwardRef\('(\w+)'\)", r"\1", annotation)


def write(out: Path, names: Sequence[str]) -> list[Path]:
    """Write a page for each of these modules, and return them."""
    in_markdown, annotated = pdoc.docstrings.rst, inspect.formatannotation
    pdoc.docstrings.convert.cache_clear()
    pdoc.doc.formatannotation = inspect.formatannotation = lambda *given, **named: short(annotated(*given, **named))
    pdoc.docstrings.rst = lambda text, source: in_markdown(offline(text), source)
    try:
        pdoc.render.configure(docformat="numpy", math=False, mermaid=False, show_source=False, footer_text="seabed-ree, made from its docstrings")
        with warnings.catch_warnings():
            # Aliases such as Array exist for type checkers only; pdoc then shows their names.
            warnings.filterwarnings("ignore", message="Error parsing type annotation")
            pdoc.pdoc(*names, output_directory=out)
    finally:
        pdoc.docstrings.rst, pdoc.doc.formatannotation, inspect.formatannotation = in_markdown, annotated, annotated
        pdoc.docstrings.convert.cache_clear()
    return [out / f"{name.replace('.', '/')}.html" for name in names]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "reference")
    pages = write(parser.parse_args().out, modules())
    print(f"{len(pages)} pages: open {pages[0]}")
