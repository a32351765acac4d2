"""Figures as small SVG: drawn by matplotlib, written in both languages by the page's own fonts.

Matplotlib draws lines and places text; it never sees the words. Each text is a token that is replaced, once the drawing is made, by one text per
language. So no font has to be found, no user's text is read as mathematics, and nothing becomes an empty box.
"""

from __future__ import annotations

import io
import math
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from pipeline.report_page.blocks import in_language

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from pipeline.report_page.blocks import Words

    Array = NDArray[np.float64]

INK, SOFT, FAINT, GRID = "#14222e", "#52636f", "#9fb0bb", "#dfe5e9"
BLUE, OCHRE, GREEN, PINK, NAVY = "#135063", "#c37a20", "#567036", "#d98a8f", "#011959"
"""Of the batlow scale (Crameri 2018), darkened where a line needs it against white."""
BAND, PALE = "#a9c9d4", "#d6e5ea"

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # it comes with matplotlib: the same sizes everywhere
    "font.size": 12,
    "axes.titlesize": 12.5,
    "axes.labelsize": 12,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 1.0,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 1.0,
    "axes.axisbelow": True,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "xtick.major.pad": 7.0,
    "ytick.major.pad": 6.0,
    "lines.linewidth": 2.0,
    "patch.linewidth": 0.0,
    "path.simplify": False,
    "axes.formatter.use_mathtext": False,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
}


class Drawing:
    """One figure in the making.

    Parameters
    ----------
    width, height : float
        In units of the page (CSS pixels at full size).
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        # Points are the units of the SVG: one inch is 72 of them.
        self.figure: Figure = Figure(figsize=(width / 72, height / 72))
        self._words: list[Words] = []

    def word(self, words: Words) -> str:
        """Token that stands for words until the drawing is written."""
        self._words.append(words)
        return f"@{len(self._words) - 1}@"

    def panel(self, left: float, bottom: float, right: float, top: float) -> Axes:
        """Axes by their edges, in units of the page from the lower left corner."""
        return self.figure.add_axes((left / self.width, bottom / self.height, (right - left) / self.width, (top - bottom) / self.height))

    def panels(self, columns: int, *, left: float = 62, right: float = 14, bottom: float = 48, top: float = 30, gap: float = 66) -> list[Axes]:
        """A row of axes of one width."""
        width = (self.width - left - right - gap * (columns - 1)) / columns
        return [self.panel(left + n * (width + gap), bottom, left + n * (width + gap) + width, self.height - top) for n in range(columns)]

    def title(self, axes: Axes, words: Words) -> None:
        """Words above the axes, from its left edge."""
        axes.set_title(self.word(words), loc="left", pad=9, fontweight="bold")

    def across(self, axes: Axes, words: Words) -> None:
        """Words below the axes."""
        axes.set_xlabel(self.word(words), labelpad=5)

    def up(self, axes: Axes, words: Words) -> None:
        """Words beside the axes, upwards."""
        axes.set_ylabel(self.word(words), labelpad=7, rotation_mode="anchor")

    def note(self, axes: Axes, x: float, y: float, words: Words, **how: Any) -> None:
        """Words at a place of the data."""
        axes.text(x, y, self.word(words), **how)

    def svg(self, name: str) -> str:
        """The drawing; the same bytes for the same drawing. Its name keeps its parts apart from those of other figures of the page."""
        import matplotlib as mpl

        buffer = io.StringIO()
        mpl.rcParams["svg.hashsalt"] = name
        self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}, transparent=True)
        return _page_part(buffer.getvalue(), self._words)


@contextmanager
def drawing_style() -> Iterator[None]:
    """Draw in our style, whatever a person's own matplotlib settings say."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in _STYLE.items():
            mpl.rcParams[name] = value
        yield


def _page_part(svg: str, words: Sequence[Words]) -> str:
    """What matplotlib wrote, as a part of a page: no prologue, no styles, no names but those of our series, and words in both languages."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*</defs>", "", svg)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()  # type: ignore[union-attr]
    svg = re.sub(r"^<svg[^>]*>", f'<svg viewBox="0 0 {float(width):g} {float(height):g}" role="img">', svg)
    svg = re.sub(r' id="series:([^"]*)"', r' data-series="\1"', svg)
    svg = re.sub(r'(<(?:g|svg|text)\b[^>]*?) id="[^"]*"', r"\1", svg)
    svg = svg.replace("xlink:href", "href").replace("font-family: 'DejaVu Sans'; ", "")
    svg = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", svg)
    svg = re.sub(r' d="([^"]*)"', lambda found: f' d="{" ".join(found[1].split())}"', svg)
    svg = re.sub(
        r"font: (?:(bold|700) )?([\d.]+)px [^;\"]+",
        lambda found: f"font-size: {float(found[2]):g}px" + ("; font-weight: 600" if found[1] else ""),
        svg,
    )
    svg = re.sub(r"(-?\d+\.\d{3})\d+", lambda found: f"{float(found[1]):g}" if abs(float(found[1])) < 1e5 else found[1], svg)
    svg = re.sub(r"<text\b([^>]*)>@(\d+)@</text>", lambda found: _spoken(found[1], words[int(found[2])]), svg)
    return re.sub(r">\s+<", "><", svg).strip()


def _spoken(attributes: str, words: Words) -> str:
    if isinstance(words, str):
        return f"<text{attributes}>{escape(words)}</text>"
    return "".join(f'<text lang="{language}"{attributes}>{escape(in_language(words, language))}</text>' for language in ("en", "ja"))


def series(name: str) -> str:
    """Name under which drawn data can be found again in the page."""
    return f"series:{name}"


def scaled(values: Sequence[float]) -> tuple[float, str]:
    """Power of ten by which tonnes are divided for an axis, and its word: thousands or millions.

    Examples
    --------
    >>> scaled([5.6e5, 1.2e4]), scaled([4e6]), scaled([870.0])
    ((1000.0, 'kt'), (1000000.0, 'Mt'), (1.0, 't'))
    """
    highest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return (1e6, "Mt") if highest >= 2e6 else (1e3, "kt") if highest >= 2e3 else (1.0, "t")
