"""The figures of the report: arrays in, SVG out; a series can be found again by its name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec

import numpy as np

from pipeline.report_page.blocks import Text, both
from pipeline.report_page.drawing import (
    BAND,
    BLUE,
    FAINT,
    GREEN,
    INK,
    NAVY,
    OCHRE,
    PALE,
    PINK,
    SOFT,
    Drawing,
    drawing_style,
    scaled,
    series,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from pipeline.report_page.blocks import Words

    Array = NDArray[np.float64]

_WIDTH = 820
_P = ParamSpec("_P")
_MOST_ALONG = 50  # points of a contoured map along its longer side
_SHORT = 14  # letters of a name that a figure has room for


def _drawn(function: Callable[_P, str]) -> Callable[_P, str]:
    @functools.wraps(function)
    def drawn(*arguments: _P.args, **named: _P.kwargs) -> str:
        with drawing_style():
            return function(*arguments, **named)

    return drawn


def _thousands(axes: Axes, *, x: bool = False, y: bool = False) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    form = FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", "−"))
    for wanted, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if wanted:
            axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
            axis.set_major_formatter(form)


class Spread(NamedTuple):
    """Percentiles and mean of one total, in tonnes."""

    name: Words
    p05: float
    p10: float
    mean: float
    p90: float
    p95: float


@_drawn
def intervals(name: str, spreads: Sequence[Spread]) -> str:
    """Mean with its 80 % and 90 % interval, one row each, from zero."""
    drawing = Drawing(_WIDTH, 60 + 46 * len(spreads))
    axes = drawing.panel(16, 44, _WIDTH - 16, drawing.height - 8)
    divisor, unit = scaled([row.p95 for row in spreads])
    for number, row in enumerate(spreads):
        y = -float(number)
        axes.plot(
            [row.p05 / divisor, row.p95 / divisor], [y - 0.2] * 2, color=BAND, linewidth=7, solid_capstyle="butt", gid=series(f"p05-p95-{number}")
        )
        axes.plot(
            [row.p10 / divisor, row.p90 / divisor], [y - 0.2] * 2, color=BLUE, linewidth=13, solid_capstyle="butt", gid=series(f"p10-p90-{number}")
        )
        axes.plot([row.mean / divisor], [y - 0.2], marker="|", markersize=24, markeredgewidth=3, color=OCHRE, gid=series(f"mean-{number}"))
        drawing.note(axes, 0, y + 0.14, row.name, fontsize=12.5)
    axes.set(ylim=(-len(spreads) + 0.45, 0.5), yticks=[], xlim=(0, None))
    axes.spines["left"].set_color(FAINT)
    _thousands(axes, x=True)
    drawing.across(axes, both(f"metal, {unit}", f"金属量 ({unit})"))
    return drawing.svg(name)


@_drawn
def histograms(name: str, panels: Sequence[tuple[Words, Words, Array]]) -> str:
    """Counts of values in equal classes; each panel has a title, the word below its axis, and values."""
    drawing = Drawing(_WIDTH, 260)
    for (title, unit, values), axes in zip(panels, drawing.panels(len(panels), gap=54, left=50), strict=True):
        edges = np.histogram_bin_edges(values, bins=min(max(int(np.sqrt(values.size)), 5), 24)) if values.size else np.array([0.0, 1.0])
        counts, _ = np.histogram(values, edges)
        axes.bar(edges[:-1], counts, np.diff(edges) * 0.94, align="edge", color=BLUE)
        drawing.title(axes, title)
        drawing.across(axes, unit)
        _thousands(axes, x=True, y=True)
        axes.grid(visible=False, axis="x")
    drawing.up(drawing.figure.axes[0], both("samples", "試料数"))
    return drawing.svg(name)


@_drawn
def downhole(name: str, cores: Sequence[tuple[str, Array, Array, Array]], unit: Words, bottom_m: float, colour_map: str, marker: str = "") -> str:
    """Each core a strip, its intervals coloured by grade; blank where nothing was sampled.

    Parameters
    ----------
    name : str
    cores : sequence of (name, from_m, to_m, grade)
    unit : Text
        What the colours mean.
    bottom_m : float
        Lower edge of the assessed interval.
    colour_map : str
    marker : str
        Name of the marker that depths are below of, or nothing.
    """
    from cmcrameri import cm
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    width = max(_WIDTH, 90 + 14 * len(cores))
    drawing = Drawing(width, 330)
    axes = drawing.panel(54, 16, width - 78, 330 - 92)
    known = np.concatenate([grade for _, _, _, grade in cores])
    known = known[np.isfinite(known)]
    limits = (0.0, float(np.quantile(known, 0.98)) if known.size else 1.0)
    scale = ScalarMappable(Normalize(*limits), cm.cmaps[colour_map] if colour_map in cm.cmaps else colormaps[colour_map])
    deepest_m, highest_m = bottom_m, 0.0
    if marker:
        highest_m = min(float(np.min(from_m)) for _, from_m, _, _ in cores)
    for number, (_, from_m, to_m, grade) in enumerate(cores):
        begins_m = float(np.min(from_m)) if marker else 0.0
        axes.plot([number, number], [begins_m, float(np.max(to_m))], color=FAINT, linewidth=1, zorder=0.5)
        axes.bar(np.full(from_m.size, float(number)), to_m - from_m, 0.72, from_m, color=scale.to_rgba(grade), linewidth=0)
        deepest_m = max(deepest_m, float(np.max(to_m)))
    axes.axhline(bottom_m, color=INK, linewidth=1, linestyle=(0, (5, 3)))
    axes.set(ylim=(deepest_m + 0.02 * (deepest_m - highest_m), highest_m), xlim=(-0.7, len(cores) - 0.3), xticks=[])
    axes.grid(visible=False, axis="x")
    drawing.up(axes, _depth(marker))
    for number, (core, *_) in enumerate(cores):
        short = core if len(core) <= _SHORT else f"{core[: _SHORT - 1]}…"
        drawing.note(
            axes,
            number,
            highest_m - 0.012 * (deepest_m - highest_m),
            short,
            rotation=90,
            rotation_mode="anchor",
            ha="left",
            va="center",
            fontsize=10.5,
            clip_on=False,
        )
    bar = drawing.panel(width - 62, 16, width - 50, 330 - 92)
    steps = np.linspace(*limits, 41)
    bar.bar(0, np.diff(steps), 1, steps[:-1], color=scale.to_rgba((steps[:-1] + steps[1:]) / 2))
    bar.set(xlim=(-0.5, 0.5), ylim=limits, xticks=[])
    bar.grid(visible=False)
    bar.yaxis.tick_right()
    bar.spines["left"].set_visible(False)
    _thousands(bar, y=True)
    drawing.note(bar, -0.5, limits[1] * 1.03, unit, fontsize=11.5)
    return drawing.svg(name)


@_drawn
def by_layer(name: str, tops_m: Array, bottoms_m: Array, panels: Sequence[tuple[Words, Words, Mapping[str, Array]]], marker: str = "") -> str:
    """Values per layer against depth: ``bar`` as bars, ``naive`` and ``weighted`` as points joined by a line."""
    height = min(max(28 * len(tops_m) + 84, 170), 560)
    drawing = Drawing(_WIDTH, height)
    middle_m = (tops_m + bottoms_m) / 2
    for number, ((title, unit, lines), axes) in enumerate(zip(panels, drawing.panels(len(panels), left=58, gap=46), strict=True)):
        for key, values in lines.items():
            if key == "bar":
                axes.barh(middle_m, values, (bottoms_m - tops_m) * 0.8, color=BLUE)
                continue
            how: dict[str, Any] = (
                {"color": OCHRE, "linestyle": "--", "marker": "o", "markerfacecolor": "white"} if key == "naive" else {"color": BLUE, "marker": "o"}
            )
            axes.plot(values, middle_m, gid=series(f"{key}-{number}"), markersize=6, **how)
        axes.set(ylim=(float(bottoms_m[-1]), float(tops_m[0])), xlim=(0, None))
        axes.margins(x=0.08)
        drawing.title(axes, title)
        drawing.across(axes, unit)
        _thousands(axes, x=True, y=True)
    drawing.up(drawing.figure.axes[0], _depth(marker))
    return drawing.svg(name)


def _depth(marker: str) -> Text:
    """Name of an axis of depths; a marker is named in the text around."""
    return both("depth below the marker, m", "マーカー層下の深度 (m)") if marker else both("depth below the seafloor, m", "海底下深度 (m)")


class Direction(NamedTuple):
    """One direction of a variogram: lags, semivariances, pairs, and the model at fine lags."""

    title: Words
    lag: Array
    semivariance: Array
    pairs: NDArray[np.int64]
    model_lag: Array
    model: Array
    unit: str


@_drawn
def variogram(name: str, directions: Sequence[Direction], sill: float | None) -> str:
    """Experimental points with their pair counts, and the model."""
    drawing = Drawing(_WIDTH, 290)
    for number, (found, axes) in enumerate(zip(directions, drawing.panels(len(directions)), strict=True)):
        if sill is not None:
            axes.axhline(sill, color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.plot(found.model_lag, found.model, color=OCHRE, gid=series(f"model-{number}"))
        if found.lag.size:
            axes.plot(found.lag, found.semivariance, color=BLUE, linewidth=1, alpha=0.5, gid=series(f"points-{number}"))
            size = 18 + 110 * np.sqrt(found.pairs / max(int(found.pairs.max()), 1))
            axes.scatter(found.lag, found.semivariance, size, color=BLUE, zorder=3)
        for lag, gamma, pairs in zip(found.lag, found.semivariance, found.pairs, strict=True):
            axes.annotate(f"{pairs}", (lag, gamma), (0, 9), textcoords="offset points", ha="center", fontsize=10.5, color=SOFT)
        values = np.concatenate([found.semivariance, found.model, [sill or 0.0]])
        values = values[np.isfinite(values)]
        axes.set_xlim(0, float(max(found.model_lag.max(initial=0.0), found.lag.max(initial=0.0))) * 1.04 or 1.0)
        axes.set_ylim(min(0.0, float(values.min())) * 1.2, max(float(values.max()) * 1.22, 0.05))
        drawing.title(axes, found.title)
        drawing.across(axes, both(f"lag, {found.unit}", f"ラグ距離 ({found.unit})"))
        _thousands(axes, x=True, y=True)
    drawing.up(drawing.figure.axes[0], both("semivariance", "バリオグラム値"))
    return drawing.svg(name)


class Swath(NamedTuple):
    """One direction of a swath profile."""

    title: Words
    across: Words
    middle: Array
    data: Array
    kriged: Array
    simulated: Array
    low: Array
    high: Array
    is_depth: bool


@_drawn
def swaths(name: str, profiles: Sequence[Swath], unit: Words) -> str:
    """Mean grade in slices: data, kriged, simulated with the band of single blocks; depth runs downwards."""
    drawing = Drawing(_WIDTH, 290)
    for number, (profile, axes) in enumerate(zip(profiles, drawing.panels(len(profiles), gap=58), strict=True)):
        at = profile.middle
        fill, order = (axes.fill_betweenx, False) if profile.is_depth else (axes.fill_between, True)
        if np.isfinite(profile.low).any():
            fill(at, profile.low, profile.high, color=PALE, linewidth=0)
        lines: tuple[tuple[str, Array, dict[str, Any]], ...] = (
            ("simulated", profile.simulated, {"color": BLUE}),
            ("kriged", profile.kriged, {"color": GREEN, "linestyle": "--"}),
            ("data", profile.data, {"color": OCHRE, "linestyle": "none", "marker": "o", "markersize": 7}),
        )
        for key, values, how in lines:
            axes.plot(*((at, values) if order else (values, at)), gid=series(f"{key}-{number}"), **how)
        if profile.is_depth:
            axes.invert_yaxis()
            axes.set_xlim(0, None)
            drawing.up(axes, profile.across)
            drawing.across(axes, unit)
        else:
            axes.set_ylim(0, None)
            drawing.across(axes, profile.across)
        drawing.title(axes, profile.title)
        _thousands(axes, x=True, y=True)
    if not profiles[0].is_depth:
        drawing.up(drawing.figure.axes[0], unit)
    return drawing.svg(name)


@_drawn
def accuracy(name: str, panels: Sequence[tuple[Words, Array, Array]]) -> str:
    """Share of values inside intervals against the probability of the intervals (Deutsch 1997); on the line is right, above it too wide."""
    drawing = Drawing(_WIDTH, 300)
    for number, ((title, probability, inside), axes) in enumerate(
        zip(panels, drawing.panels(max(len(panels), 3), gap=58)[: len(panels)], strict=True)
    ):
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1.2)
        axes.plot(probability, inside, color=BLUE, marker="o", markersize=5, linewidth=1, gid=series(f"inside-{number}"))
        axes.set(xlim=(0, 1), ylim=(0, 1))
        drawing.title(axes, title)
        drawing.across(axes, both("probability of the interval", "区間の確率"))
    for axes in drawing.figure.axes[len(panels) :]:
        axes.remove()
    drawing.up(drawing.figure.axes[0], both("share of values inside", "区間内の割合"))
    return drawing.svg(name)


@_drawn
def grade_tonnage(name: str, cutoffs: Array, panels: Sequence[tuple[Words, str, Mapping[str, Array]]], unit: Words) -> str:
    """Curves over the cut-offs: ``mean`` with the band ``p10`` to ``p90``, ``kriged`` and ``dgm`` beside them."""
    drawing = Drawing(_WIDTH, 300)
    hows: dict[str, dict[str, Any]] = {
        "mean": {"color": BLUE, "marker": "o", "markersize": 4.5},
        "kriged": {"color": OCHRE, "linestyle": "--"},
        "dgm": {"color": GREEN, "linestyle": ":"},
    }
    for number, ((title, key, lines), axes) in enumerate(zip(panels, drawing.panels(len(panels), gap=56), strict=True)):
        if {"p10", "p90"} <= lines.keys():
            axes.fill_between(cutoffs, lines["p10"], lines["p90"], color=BAND, linewidth=0, alpha=0.75)
        for curve, how in hows.items():
            if curve in lines:
                axes.plot(cutoffs, lines[curve], gid=series(f"{key}-{curve}-{number}"), **how)
        axes.set_ylim(0, None)
        axes.set_xlim(0, float(cutoffs.max()) or 1.0)
        drawing.title(axes, title)
        drawing.across(axes, unit)
        _thousands(axes, x=True, y=True)
    return drawing.svg(name)


@_drawn
def shares(name: str, rows: Sequence[tuple[Words, float, float, float]]) -> str:
    """Shares with their intervals; those whose interval holds nothing are drawn hollow."""
    drawing = Drawing(_WIDTH, 62 + 30 * len(rows))
    axes = drawing.panel(384, 48, _WIDTH - 20, drawing.height - 6)
    for number, (words, share, low, high) in enumerate(rows):
        sure = low > 0
        axes.plot([100 * low, 100 * high], [-number] * 2, color=BLUE if sure else FAINT, linewidth=3)
        axes.plot(
            [100 * share], [-number], marker="o", markersize=9, color=BLUE, markerfacecolor=BLUE if sure else "white", gid=series(f"share-{number}")
        )
        axes.text(-0.015, -number, drawing.word(words), transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=12)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set(ylim=(-len(rows) + 0.4, 0.6), yticks=[])
    axes.spines["left"].set_visible(False)
    _thousands(axes, x=True)
    drawing.across(axes, both("share of the variance, %", "分散に占める割合 (%)"))
    return drawing.svg(name)


class Bar(NamedTuple):
    """One bar of a waterfall, in tonnes: from where to where; ``whole`` from zero."""

    name: Words
    start: float
    end: float
    whole: bool
    circular: bool


@_drawn
def waterfall(name: str, bars: Sequence[Bar], unit_words: Words) -> str:
    """Steps from one figure to another, downwards; hatched where a step says nothing."""
    drawing = Drawing(_WIDTH, 60 + 36 * len(bars))
    axes = drawing.panel(330, 46, _WIDTH - 78, drawing.height - 6)
    divisor, unit = scaled([value for bar in bars for value in (bar.start, bar.end)])
    for number, bar in enumerate(bars):
        left, width = min(bar.start, bar.end) / divisor, abs(bar.end - bar.start) / divisor
        colour = NAVY if bar.whole else PINK if bar.circular else BLUE if bar.end >= bar.start else OCHRE
        axes.barh(-number, width, 0.62, left, color=colour, gid=series(f"bar-{number}"))
        axes.text(-0.015, -number, drawing.word(bar.name), transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=12)
        step = (bar.end - bar.start) / divisor
        said = f"{bar.end / divisor:,.3g}" if bar.whole else f"{step:+,.3g}".replace("-", "−") if step else "0"
        axes.annotate(said, (max(bar.start, bar.end) / divisor, -number), (5, 0), textcoords="offset points", va="center", fontsize=11.5)
        if number + 1 < len(bars):
            axes.plot([bar.end / divisor] * 2, [-number - 0.31, -number - 0.69], color=SOFT, linewidth=1)
    axes.set(ylim=(-len(bars) + 0.4, 0.6), yticks=[], xlim=(0, None))
    axes.grid(visible=False, axis="y")
    _thousands(axes, x=True)
    words = unit_words if isinstance(unit_words, dict) else both(unit_words, unit_words)
    drawing.across(axes, both(f"{words['en']}, {unit}", f"{words['ja']} ({unit})"))
    return drawing.svg(name)


@_drawn
def truth(name: str, cutoffs: Sequence[str], panels: Sequence[tuple[Words, Sequence[tuple[float, float, float]]]], unit: Words) -> str:
    """Mean and 90 % interval in percent of the truth, at every cut-off; the line of 100 % is the truth."""
    drawing = Drawing(_WIDTH, 290)
    for number, ((title, rows), axes) in enumerate(zip(panels, drawing.panels(len(panels), gap=54), strict=True)):
        axes.axhline(100, color=OCHRE, linewidth=2)
        for at, (low, mean, high) in enumerate(rows):
            inside = low <= 100 <= high
            axes.plot(
                [at, at], [low, high], color=BAND if inside else PINK, linewidth=9, solid_capstyle="butt", gid=series(f"interval-{number}-{at}")
            )
            axes.plot([at], [mean], marker="_", markersize=15, markeredgewidth=2.5, color=NAVY)
        axes.set(xlim=(-0.6, len(cutoffs) - 0.4))
        axes.set_xticks(range(len(cutoffs)), cutoffs, rotation=0 if len(cutoffs) <= 6 else 45)
        axes.grid(visible=False, axis="x")
        drawing.title(axes, title)
        drawing.across(axes, unit)
        _thousands(axes, y=True)
    drawing.up(drawing.figure.axes[0], both("percent of the truth", "真値に対する割合 (%)"))
    return drawing.svg(name)


@_drawn
def calibration(name: str, runs: Sequence[tuple[Words, Sequence[tuple[float, float, float, float]]]]) -> str:
    """How often intervals held the truth, with the 99 % bounds of chance, against what they promise."""
    drawing = Drawing(_WIDTH, 290)
    for number, ((title, rows), axes) in enumerate(zip(runs, drawing.panels(max(len(runs), 3), gap=54)[: len(runs)], strict=True)):
        axes.plot([0, 100], [0, 100], color=SOFT, linewidth=1.2)
        for promised, held, low, high in rows:
            axes.plot([promised] * 2, [low, high], color=BAND, linewidth=6, solid_capstyle="butt")
            axes.plot([promised], [held], marker="o", markersize=7, color=BLUE, gid=series(f"held-{number}-{promised:g}"))
        axes.set(xlim=(40, 100), ylim=(30, 102))
        drawing.title(axes, title)
        drawing.across(axes, both("promised, %", "名目 (%)"))
    for axes in drawing.figure.axes[len(runs) :]:
        axes.remove()
    drawing.up(drawing.figure.axes[0], both("truth held, %", "真値を含んだ割合 (%)"))
    return drawing.svg(name)


@_drawn
def reductions(name: str, lines: Sequence[tuple[str, Array]]) -> str:
    """Standard deviation of the total after each next core, in percent of that before."""
    drawing = Drawing(_WIDTH, 250)
    axes = drawing.panel(62, 46, _WIDTH - 20, 250 - 12)
    for number, (element, left) in enumerate(lines):
        colour, style = ((BLUE, "-"), (OCHRE, "--"), (GREEN, ":"))[number % 3]
        axes.plot(np.arange(left.size), left, color=colour, linestyle=style, marker="o", gid=series(f"sd-{element}"))
    lowest = min(float(left.min()) for _, left in lines)
    axes.set(ylim=(max(0.0, lowest - 0.25 * (100 - lowest) - 1), 101), xticks=range(max(left.size for _, left in lines)))
    drawing.across(axes, both("further cores", "追加コアの数"))
    drawing.up(axes, both("sd of the total, % of today's", "総量の標準偏差（現在比 %）"))
    return drawing.svg(name)


@_drawn
def worth_maps(name: str, panels: Sequence[tuple[Words, Array, Array]], there_km: Array, wide_km: float, high_km: float, colour_map: str) -> str:
    """Worth of one more core in each cell as filled contours, with the cores there are, and those chosen by their rank.

    Parameters
    ----------
    name : str
    panels : sequence of (title, (rows, columns) worth in %, (cores, 2) places of those chosen in km)
        Row 0 in the north; NaN is left blank.
    there_km : (cores, 2) array
        Places of the cores there are, from the south-western corner.
    wide_km, high_km : float
        Size of the grid.
    colour_map : str
    """
    from cmcrameri import cm
    from matplotlib import colormaps

    map_of = cm.cmaps[colour_map] if colour_map in cm.cmaps else colormaps[colour_map]
    width = (_WIDTH - 62 - 60 - 96) / 2
    height = min(max(width * high_km / wide_km, 120), 420)
    drawing = Drawing(_WIDTH, height + 82)
    for number, (title, worth, chosen_km) in enumerate(panels):
        left = 62 + number * (width + 108)
        axes = drawing.panel(left, 48, left + width, 48 + height)
        # Contours of a map thinned to what a figure of this size shows.
        step = max(1, -(-max(worth.shape) // _MOST_ALONG))
        thin = worth[step // 2 :: step, step // 2 :: step]
        north_km = high_km * (1 - (np.arange(worth.shape[0])[step // 2 :: step] + 0.5) / worth.shape[0])
        east_km = wide_km * (np.arange(worth.shape[1])[step // 2 :: step] + 0.5) / worth.shape[1]
        top = float(np.nanmax(worth))
        levels = np.linspace(0.0, top if top > 0 else 1.0, 8)
        if min(thin.shape) > 1:
            axes.contourf(east_km, north_km, np.where(np.isfinite(thin), np.clip(thin, 0, None), np.nan), levels, cmap=map_of)
        axes.plot(*there_km.T, linestyle="", marker="o", markersize=4, markerfacecolor="white", markeredgecolor=INK, gid=series(f"there-{number}"))
        if len(chosen_km):
            axes.plot(*chosen_km.T, linestyle="", marker="o", markersize=15, color=PINK, markeredgecolor=INK, gid=series(f"next-{number}"))
        for rank, (x_km, y_km) in enumerate(chosen_km, start=1):
            drawing.note(axes, float(x_km), float(y_km), str(rank), ha="center", va="center", fontsize=10.5)
        axes.set(xlim=(0, wide_km), ylim=(0, high_km))
        axes.grid(visible=False)
        drawing.title(axes, title)
        drawing.across(axes, both("east, km", "東 (km)"))
        if number == 0:
            drawing.up(axes, both("north, km", "北 (km)"))
        bar = drawing.panel(left + width + 12, 48, left + width + 24, 48 + height)
        middles = (levels[:-1] + levels[1:]) / 2
        bar.bar(0, np.diff(levels), 1, levels[:-1], color=map_of(middles / levels[-1]))
        bar.set(xlim=(-0.5, 0.5), ylim=(0, levels[-1]), xticks=[])
        bar.grid(visible=False)
        bar.yaxis.tick_right()
        bar.spines["left"].set_visible(False)
        _thousands(bar, y=True)
        drawing.note(bar, 0.7, levels[-1] * 1.03, "%", fontsize=11.5)
    return drawing.svg(name)


@_drawn
def contact(name: str, distance_km: Array, mean: Array, error: Array, sides: tuple[str, str]) -> str:
    """Mean by signed distance from a boundary, with two standard errors; the boundary is a line."""
    drawing = Drawing(_WIDTH, 250)
    axes = drawing.panel(70, 46, _WIDTH - 20, 250 - 30)
    known = np.isfinite(mean)
    axes.axvline(0, color=SOFT, linewidth=1.2)
    for x, y, half in zip(distance_km[known], mean[known], 2 * error[known], strict=True):
        if np.isfinite(half):
            axes.plot([x, x], [y - half, y + half], color=BAND, linewidth=6, solid_capstyle="butt")
    axes.plot(distance_km[known], mean[known], linestyle="", marker="o", markersize=8, color=BLUE, gid=series("mean"))
    reach_km = float(np.abs(distance_km).max()) * 1.15
    axes.set(xlim=(-reach_km, reach_km))
    _thousands(axes, x=True, y=True)
    for place, side in zip((0.25, 0.75), sides, strict=True):
        short = side if len(side) <= 2 * _SHORT else side[: 2 * _SHORT - 1] + "…"
        axes.text(place, 1.04, drawing.word(short), transform=axes.transAxes, ha="center", va="bottom", fontsize=12.5)
    drawing.across(axes, both("distance from the boundary, km", "境界からの距離 (km)"))
    drawing.up(axes, both("ppm", "ppm"))
    return drawing.svg(name)


BAND_KEY: Text = both("low (P90) to high (P10)", "低位（P90）～高位（P10）")
COLOURS = {
    "blue": BLUE, "ochre": OCHRE, "green": GREEN, "band": BAND, "pale": PALE, "navy": NAVY, "pink": PINK, "soft": SOFT, "faint": FAINT, "ink": INK,
}  # fmt: skip
"""Colours by name, for the keys beside the figures."""


class Step(NamedTuple):
    """One step of a funnel: what it leaves, in tonnes; whether its share is not known."""

    name: Words
    p10: float
    p50: float
    p90: float
    is_unknown: bool


@_drawn
def funnel(name: str, steps: Sequence[Step]) -> str:
    """What each step leaves, and what it takes from the one before; both by medians, with low to high."""
    drawing = Drawing(_WIDTH, 60 + 34 * len(steps))
    axes = drawing.panel(268, 46, _WIDTH - 96, drawing.height - 6)
    divisor, unit = scaled([step.p90 for step in steps])
    before = steps[0].p50
    for number, step in enumerate(steps):
        middle = step.p50 / divisor
        axes.barh(-number, middle, 0.62, color=BAND if step.is_unknown else NAVY if number == 0 else BLUE, gid=series(f"left-{number}"))
        if before > step.p50:
            axes.barh(-number, (before - step.p50) / divisor, 0.62, middle, color=PINK, gid=series(f"taken-{number}"))
        ends = [step.p10 / divisor, step.p90 / divisor]
        axes.plot(ends, [-number] * 2, color="white", linewidth=4)
        axes.plot(ends, [-number] * 2, color=INK, linewidth=1.6, gid=series(f"p10-p90-{number}"))
        axes.text(-0.015, -number, drawing.word(step.name), transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=12)
        furthest = max(before, step.p90) / divisor
        axes.annotate(f"{middle:,.3g}", (furthest, -number), (6, 0), textcoords="offset points", va="center", fontsize=11.5)
        before = step.p50
    axes.set(ylim=(-len(steps) + 0.4, 0.6), yticks=[], xlim=(0, None))
    axes.grid(visible=False, axis="y")
    _thousands(axes, x=True)
    drawing.across(axes, both(f"metal, {unit}", f"金属量 ({unit})"))
    return drawing.svg(name)


class Swing(NamedTuple):
    """What one value of a setting changes, in percent."""

    value: Words
    p10: float
    p50: float
    p90: float
    is_unknown: bool


@_drawn
def tornado(name: str, bars: Sequence[tuple[Words, Sequence[Swing]]]) -> str:
    """Changes by setting, the widest on top; each value tried stands at its end."""
    drawing = Drawing(_WIDTH, 60 + 36 * len(bars))
    axes = drawing.panel(232, 46, _WIDTH - 60, drawing.height - 6)
    for number, (setting, swings) in enumerate(bars):
        axes.text(-0.015, -number, drawing.word(setting), transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=12)
        known = [swing for swing in swings if np.isfinite(swing.p50)]
        for swing in sorted(known, key=lambda swing: -abs(swing.p50)):
            colour = BAND if swing.is_unknown else BLUE if swing.p50 >= 0 else OCHRE
            axes.barh(-number, swing.p50, 0.62, color=colour, edgecolor="white", linewidth=1, gid=series(f"change-{number}-{swings.index(swing)}"))
            axes.plot([swing.p10, swing.p90], [-number] * 2, color=INK, linewidth=1.4)
        # The outermost value of either side is named; those between are in the table.
        for side in (-1, 1):
            outer = max((swing for swing in known if side * swing.p50 >= 0.05), key=lambda swing: side * swing.p50, default=None)
            if outer is not None:
                at = max(outer.p90, outer.p50) if side > 0 else min(outer.p10, outer.p50)
                how: dict[str, Any] = {"ha": "left" if side > 0 else "right", "va": "center", "fontsize": 11, "color": SOFT}
                axes.annotate(drawing.word(outer.value), (at, -number), (5 * side, 0), textcoords="offset points", **how)
    axes.axvline(0, color=INK, linewidth=1.2)
    axes.set(ylim=(-len(bars) + 0.4, 0.6), yticks=[])
    axes.margins(x=0.14)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    _thousands(axes, x=True)
    drawing.across(axes, both("change of the recoverable metal, %", "可採金属量の変化 (%)"))
    return drawing.svg(name)


class Yearly(NamedTuple):
    """Percentiles of what a year gives, in tonnes."""

    name: Words
    p05: float
    p10: float
    p50: float
    p90: float
    p95: float


@_drawn
def yearly(name: str, panels: Sequence[tuple[Words, Sequence[Yearly]]], unit: Words) -> str:
    """Median with the 80 % and 90 % interval of each row, one panel for each rate, each from zero."""
    rows = max(len(part) for _, part in panels)
    drawing = Drawing(_WIDTH, 78 + 52 * rows)
    for number, ((title, part), axes) in enumerate(zip(panels, drawing.panels(len(panels), left=20, gap=40), strict=True)):
        for at, row in enumerate(part):
            y = -float(at) - 0.2
            axes.plot([row.p05, row.p95], [y] * 2, color=BAND, linewidth=6, solid_capstyle="butt", gid=series(f"p05-p95-{number}-{at}"))
            axes.plot([row.p10, row.p90], [y] * 2, color=BLUE, linewidth=11, solid_capstyle="butt", gid=series(f"p10-p90-{number}-{at}"))
            axes.plot([row.p50], [y], marker="|", markersize=20, markeredgewidth=3, color=OCHRE, gid=series(f"p50-{number}-{at}"))
            drawing.note(axes, 0, y + 0.26, row.name, fontsize=12)
        axes.set(ylim=(-rows + 0.45, 0.5), yticks=[], xlim=(0, 1.05 * max(row.p95 for row in part)))
        axes.spines["left"].set_color(FAINT)
        drawing.title(axes, title)
        _thousands(axes, x=True)
        drawing.across(axes, unit)
    return drawing.svg(name)


@_drawn
def by_year(name: str, panels: Sequence[tuple[Words, Mapping[str, Array]]], unit: Words) -> str:
    """Grade of the panel of each year: ``p10`` to ``p90`` as a band, ``p50`` and ``kriged`` as steps."""
    drawing = Drawing(_WIDTH, 270)
    highest = max(float(np.nanmax(values)) for _, lines in panels for values in lines.values())
    for number, ((title, lines), axes) in enumerate(zip(panels, drawing.panels(len(panels), gap=54), strict=True)):
        edges = np.arange(lines["p50"].size + 1) + 0.5
        low, high, middle, kriged = (np.append(lines[key], lines[key][-1]) for key in ("p10", "p90", "p50", "kriged"))
        axes.fill_between(edges, low, high, step="post", color=BAND, linewidth=0, alpha=0.75)
        axes.step(edges, middle, where="post", color=BLUE, gid=series(f"p50-{number}"))
        axes.step(edges, kriged, where="post", color=OCHRE, linestyle="--", gid=series(f"kriged-{number}"))
        axes.set(ylim=(0, 1.08 * highest), xlim=(0.5, edges[-1]))
        drawing.title(axes, title)
        drawing.across(axes, both("year", "年次"))
        _thousands(axes, x=True, y=True)
    drawing.up(drawing.figure.axes[0], unit)
    return drawing.svg(name)
