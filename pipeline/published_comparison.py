"""From the published estimate of this sea floor to ours, factor by factor: what differs, by how many tonnes, and what of it says nothing.

The published figure (Takaya et al. 2018) counts oxides of all rare earths; ours counts one element. Both are a product of the same factors, so one
figure becomes the other by replacing one factor after another. The factors before the conversions compare like with like.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pipeline.units import KM2_PER_M2, TONNE_PER_GRAM
from pipeline.web.texts import symbol_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.artefacts import Density, Grade, Samples, Seafloor, Tonnage
    from pipeline.grid import Layers

    Text = dict[str, str]

REY: Final = "rey"
"""Column and element of all rare earths and yttrium together."""

_POSITIVE: Final = ("takaya_2018_reo_total", "takaya_2018_area", "takaya_2018_bottom", "takaya_2018_implied_density", "takaya_2018_rey_mean")
_BOUNDS: Final = ("takaya_2018_west", "takaya_2018_east", "takaya_2018_south", "takaya_2018_north")
_NEEDED: Final = (*_POSITIVE, "takaya_2018_top", *_BOUNDS)
_SAME_SHARE: Final = 1e-6  # of a factor: closer than that it is the same on both sides


@dataclass(frozen=True)
class Step:
    """One factor replaced by ours.

    Parameters
    ----------
    key : str
        ``area, thickness, density, rey_grade, oxygen, element_share``; or ``rey_grade_oxygen_share`` where these cannot be told apart.
    label, note : Text
        Words in both languages; the note says what the step means and, where it is circular, why.
    value_t : float
        What the step adds (negative: takes away), in tonnes.
    level_t : float
        Tonnes after the step.
    level : Text
        Of what: rare-earth oxides, rare earths, or the element.
    published, own : str
        The factor before and after, with its unit; empty where there is none.
    circular : bool
        Whether agreement in this step is no evidence, because the figure on one side was taken from the other or set to it.
    conversion : bool
        Whether the step only changes what is counted (oxides to elements, all rare earths to one).
    """

    key: str
    label: Text
    note: Text
    value_t: float
    level_t: float
    level: Text
    published: str
    own: str
    circular: bool
    conversion: bool


@dataclass(frozen=True)
class BestSquare:
    """Tonnes per area of the richest square over those of the whole area: a comparison that needs no density on the published side.

    Parameters
    ----------
    published, own : float
    side_m : float
        Side of our square: whole cells.
    note : Text
        Caveats.
    """

    published: float
    own: float
    side_m: float
    note: Text


@dataclass(frozen=True)
class PublishedComparison:
    """The waterfall of one element.

    Parameters
    ----------
    element : str
    start, end : float
        Published tonnes of rare-earth oxides, and our tonnes of the element (``mean``, headline region, cut-off 0). ``math.fsum`` of the steps'
        ``value_t`` equals ``end - start`` to the last bit, in any order. NaN where there is nothing to compare.
    start_label, end_label : Text
    steps : tuple of Step
        Empty, with ``reason``, where there is nothing to compare with.
    like_for_like_t : float or None
        Level before the conversions: our rare-earth oxides, to be held against ``start``; ``None`` where it cannot be told.
    like_for_like_range_t : tuple of float or None
        Its p05 and p95, as far from it in proportion as those of the element's tonnes; the published figure has none.
    verdict : Text
        In a few sentences what the comparison shows.
    best_square : BestSquare or None
    reason : Text or None
        Why there is no comparison.
    source : str
        Citation of the published estimate.
    """

    element: str
    start: float
    end: float
    start_label: Text
    end_label: Text
    steps: tuple[Step, ...]
    like_for_like_t: float | None
    like_for_like_range_t: tuple[float, float] | None
    verdict: Text
    best_square: BestSquare | None
    reason: Text | None
    source: str


def published_comparison(
    element: str,
    figures: Mapping[str, Mapping[str, str]],
    tonnage: Tonnage,
    samples: Samples,
    seafloor: Seafloor,
    grade: Grade | None = None,
    density: Density | None = None,
) -> PublishedComparison:
    r"""Hold our tonnes of an element against the published estimate.

    .. math:: T = A \, h \, \rho_d \, g \, f

    with area, thickness, dry bulk density, mean grade of all rare earths and oxide per element: replaced one by one, in this order. The published
    density is the one that the published total implies, so it and the oxide factor are one equation for two unknowns.

    Parameters
    ----------
    element : str
    figures : mapping
        ``PublishedFiles.figures()``: rows by id.
    tonnage, samples, seafloor
    grade, density : optional
        Of the element; they give the richest square. Without them there is none.

    Returns
    -------
    PublishedComparison
        Without steps, and with the reason, where figures are missing, no core lies where the published estimate does, or the element has no tonnes.
    """
    reason = nothing_to_compare(figures, samples)
    row = headline_row(tonnage, element)
    if reason is None and row is None:
        reason = {"en": f"No tonnes of {symbol_of(element)} are estimated.", "ja": f"{symbol_of(element)} の量が推定されていません。"}
    if reason is not None or row is None:
        return PublishedComparison(element, math.nan, math.nan, _START, _end_label(element, ""), (), None, None, _empty(), None, reason, "")
    before, own = _published_factors(figures), _own_factors(element, row, tonnage, figures, samples, seafloor.layers)
    is_synthetic = samples.marks.is_synthetic
    plans = _plans(element, before, own, is_synthetic=is_synthetic)
    levels_t, values_t = exact_steps([before.total_t, *(plan.level_t for plan in plans)])
    steps = tuple(
        Step(plan.key, plan.label, plan.note, value_t, level_t, plan.level, plan.published, plan.own, plan.circular, plan.conversion)
        for plan, level_t, value_t in zip(plans, levels_t[1:], values_t, strict=True)
    )
    like_t = next((step.level_t for step in steps if step.key == "rey_grade"), None)
    range_t = None if like_t is None or row.range_share is None else (like_t * row.range_share[0], like_t * row.range_share[1])
    return PublishedComparison(
        element,
        levels_t[0],
        levels_t[-1],
        _START,
        _end_label(element, row.region),
        steps,
        like_t,
        range_t,
        _verdict(element, steps, levels_t[0], like_t, range_t, is_synthetic=is_synthetic),
        _best_square(figures, grade, density, seafloor, is_synthetic=is_synthetic),
        None,
        f"{figures['takaya_2018_reo_total'].get('source', '')} ({figures['takaya_2018_reo_total'].get('doi_or_reference', '')})",
    )


def exact_steps(levels: Iterable[float]) -> tuple[list[float], list[float]]:
    """Levels, and the steps between them, whose sum is the last level minus the first to the last bit, in whatever order they are added.

    Every level is rounded to a multiple of the last bit of the largest one times their number: some 1e-15 of it, less than a gram in 16 Mt.
    Differences of such numbers, and all sums of these, are numbers of the same kind.

    Examples
    --------
    >>> levels, steps = exact_steps([16e6, 19.7e6, 0.1])
    >>> sum(steps) == levels[-1] - levels[0]
    True
    """
    given = [float(level) for level in levels]
    quantum = math.ulp(len(given) * max(abs(level) for level in given))
    kept = [round(level / quantum) * quantum for level in given]
    return kept, [after - before for before, after in itertools.pairwise(kept)]


# --- what is compared ------------------------------------------------------------------------------------------------------------------------------


class _Published(NamedTuple):
    total_t: float
    area_km2: float
    thickness_m: float
    density_t_m3: float
    rey_ppm: float

    @property
    def oxide_factor(self) -> float:
        """Oxide per rare earth that makes the product of the other factors the published total."""
        return self.total_t / (self.area_km2 * self.thickness_m * self.density_t_m3 * self.rey_ppm)


class _Row(NamedTuple):
    """Headline row of the table: its region, figures, and p05 and p95 over the mean of the metal (none without realisations)."""

    region: str
    area_km2: float
    mud_t: float
    metal_t: float
    range_share: tuple[float, float] | None


class _Own(NamedTuple):
    area_km2: float
    thickness_m: float
    density_t_m3: float
    metal_t: float
    mud_t: float
    share: float | None
    share_from: Text

    @property
    def rey_ppm(self) -> float | None:
        """Mean grade of all rare earths, where the element's share of them is known."""
        return None if self.share is None else self.metal_t / self.mud_t / TONNE_PER_GRAM / self.share


class _Plan(NamedTuple):
    """A step before levels are rounded."""

    key: str
    label: Text
    note: Text
    level_t: float
    level: Text
    published: str
    own: str
    circular: bool
    conversion: bool


def nothing_to_compare(figures: Mapping[str, Mapping[str, str]], samples: Samples) -> Text | None:
    """Why the published estimate and these samples have nothing in common, in both languages; ``None`` where they have."""
    missing = [figure for figure in _NEEDED if figure not in figures or (figure in _POSITIVE and float(figures[figure]["value"]) <= 0)]
    if len(missing) == len(_NEEDED):
        return {
            "en": "No published estimate lies in data/raw/published.",
            "ja": "data/raw/published に公表された推定値がありません。",
        }
    if missing:
        names = ", ".join(missing)
        return {
            "en": f"The published estimate is not complete: {names} missing, unknown or not above 0.",
            "ja": f"公表値がそろっていません（{names} が欠けているか、不明、または 0 以下です）。",
        }
    if float(figures["takaya_2018_bottom"]["value"]) <= float(figures["takaya_2018_top"]["value"]):
        return {"en": "The published interval is empty.", "ja": "公表値の評価区間が空です。"}
    west, east, south, north = (float(figures[figure]["value"]) for figure in _BOUNDS)
    inside = samples.frame["longitude_deg"].between(west, east) & samples.frame["latitude_deg"].between(south, north)
    if not inside.any():
        return {
            "en": "No core lies inside the bounds of the published estimate: it is of another sea floor.",
            "ja": "公表値の範囲内にコアがありません。別の海域の推定値です。",
        }
    return None


def headline_row(tonnage: Tonnage, element: str) -> _Row | None:
    """Row of the region ``supported``, or of all where there is none; the mean of the realisations, or the kriged sum where there are none."""
    frame = tonnage.frame
    here = frame[(frame["element"] == element) & (frame["cutoff_ppm"] == 0)]
    region = "supported" if (here.loc[here["region"] == "supported", "area_km2"] > 0).any() else "all"
    rows = {str(row["statistic"]): row for row in here[here["region"] == region].to_dict("records")}
    row = rows.get("mean", rows.get("kriged"))
    if row is None or not (row["metal_t"] > 0 and row["dry_mud_t"] > 0 and row["area_km2"] > 0):
        return None
    spread = [rows[name]["metal_t"] / row["metal_t"] for name in ("p05", "p95") if name in rows]
    share = (float(spread[0]), float(spread[1])) if len(spread) == 2 else None
    return _Row(region, float(row["area_km2"]), float(row["dry_mud_t"]), float(row["metal_t"]), share)


def _published_factors(figures: Mapping[str, Mapping[str, str]]) -> _Published:
    total_t, area_km2, bottom_m, density_t_m3, rey_ppm = (float(figures[figure]["value"]) for figure in _POSITIVE)
    return _Published(total_t, area_km2, bottom_m - float(figures["takaya_2018_top"]["value"]), density_t_m3, rey_ppm)


def _own_factors(element: str, row: _Row, tonnage: Tonnage, figures: Mapping[str, Mapping[str, str]], samples: Samples, layers: Layers) -> _Own:
    thickness_m = layers.bottom_m - layers.top_m
    density_t_m3 = row.mud_t * KM2_PER_M2 / (row.area_km2 * thickness_m)
    share, share_from = _share_of_rey(element, row, tonnage, figures, samples, layers)
    return _Own(row.area_km2, thickness_m, density_t_m3, row.metal_t, row.mud_t, share, share_from)


def _share_of_rey(
    element: str, row: _Row, tonnage: Tonnage, figures: Mapping[str, Mapping[str, str]], samples: Samples, layers: Layers
) -> tuple[float | None, Text]:
    """Share of the element in all rare earths and where it comes from: estimated, else of the samples, else a figure with its state, else unknown."""
    if element == REY:
        return 1.0, _empty()
    everything = headline_row(tonnage, REY)
    if everything is not None and everything.region == row.region:
        return row.metal_t / everything.metal_t, {"en": "both were estimated", "ja": "両者の推定値から"}
    found = _share_in_samples(element, samples, layers)
    if found is not None:
        share, count = found
        words = {
            "en": f"from {count:,} samples that carry both, weighted by length × density",
            "ja": f"両方の分析値をもつ{count:,}試料から（長さ×密度で加重）",
        }
        return share, words
    # ASSUME: the share put into the drawn survey speaks of that survey alone; it never stands in for measured mud.
    figure = f"{element}_share_of_rey_reference_survey" if samples.marks.data_kind == "synthetic" else f"{element}_share_of_rey"
    if figure in figures and float(figures[figure]["value"]) > 0:
        state = figures[figure].get("status", "")
        words = {"en": f"published/grade.csv, {figure} ({state})", "ja": f"published/grade.csv の {figure}（{_STATES.get(state, state)}）"}
        return float(figures[figure]["value"]), words
    return None, _empty()


_STATES: Final = {"published": "公表値", "derived": "導出値", "assumption": "仮定"}


def _share_in_samples(element: str, samples: Samples, layers: Layers) -> tuple[float, int] | None:
    """Mass of the element over that of all rare earths in the samples of the interval that carry both, and their number."""
    frame, column = samples.frame, f"{element}_ppm"
    if f"{REY}_ppm" not in frame or column not in frame:
        return None
    length_m = np.minimum(frame["to_m"], layers.bottom_m) - np.maximum(frame["from_m"], layers.top_m)
    chosen = (length_m > 0) & frame[column].notna() & (frame[f"{REY}_ppm"] > 0)
    if not chosen.any():
        return None
    density_t_m3 = frame["dry_bulk_density_t_m3"] if "dry_bulk_density_t_m3" in frame else np.full(len(frame), np.nan)
    known = np.asarray(density_t_m3, dtype=np.float64)
    weight = (length_m * np.where(np.isfinite(known), known, np.nanmean(known) if np.isfinite(known).any() else 1.0))[chosen]
    share = float((weight * frame.loc[chosen, column]).sum() / (weight * frame.loc[chosen, f"{REY}_ppm"]).sum())
    return (share, int(chosen.sum())) if share > 0 else None


# --- the steps -------------------------------------------------------------------------------------------------------------------------------------


def _plans(element: str, before: _Published, own: _Own, *, is_synthetic: bool) -> list[_Plan]:
    at_t, oxides = before.total_t, _OXIDES
    plans = []
    for key, published, ours, unit, digits, circular in (
        ("area", before.area_km2, own.area_km2, "km²", 0, False),
        ("thickness", before.thickness_m, own.thickness_m, "m", 1, _same(before.thickness_m, own.thickness_m)),
        ("density", before.density_t_m3, own.density_t_m3, "t/m³", 3, True),
    ):
        at_t *= ours / published
        note = _note(key, circular=circular, is_synthetic=is_synthetic)
        plans.append(_Plan(key, _LABELS[key], note, at_t, oxides, _shown(published, unit, digits), _shown(ours, unit, digits), circular, False))
    if own.rey_ppm is None or own.share is None:
        key, end = "rey_grade_oxygen_share", _of_element(element)
        note = _note(key, circular=is_synthetic, is_synthetic=is_synthetic, symbol=symbol_of(element))
        plans.append(_Plan(key, _labelled(key, element), note, own.metal_t, end, "", "", is_synthetic, True))
        return plans
    at_t *= own.rey_ppm / before.rey_ppm
    note = _note("rey_grade", circular=is_synthetic, is_synthetic=is_synthetic)
    plans.append(
        _Plan(
            "rey_grade",
            _LABELS["rey_grade"],
            note,
            at_t,
            oxides,
            _shown(before.rey_ppm, "ppm", 0),
            _shown(own.rey_ppm, "ppm", 0),
            is_synthetic,
            False,
        )
    )
    at_t = own.metal_t / own.share
    factor = _shown(before.oxide_factor, "", 3)
    plans.append(
        _Plan("oxygen", _LABELS["oxygen"], _note("oxygen", circular=True, is_synthetic=is_synthetic), at_t, _RARE_EARTHS, factor, "", True, True)
    )
    if element != REY:
        note = _note("element_share", circular=is_synthetic, is_synthetic=is_synthetic, symbol=symbol_of(element), share_from=own.share_from)
        share = _shown(100 * own.share, "%", 2)
        label = _labelled("element_share", element)
        plans.append(_Plan("element_share", label, note, own.metal_t, _of_element(element), "", share, is_synthetic, True))
    return plans


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_SAME_SHARE)


def _shown(value: float, unit: str, digits: int) -> str:
    return f"{value:,.{digits}f} {unit}".rstrip()


def _note(key: str, *, circular: bool, is_synthetic: bool, symbol: str = "", share_from: Text | None = None) -> Text:
    """What a step means, then why it says nothing where that is so."""
    parts = [_NOTES[key]]
    if circular:
        parts.append(_CIRCULAR[key])
    elif key == "area" and is_synthetic:
        parts.append(_AREA_OF_BOUNDS)
    filled = {
        language: " ".join(part[language] for part in parts) if language == "en" else "".join(part[language] for part in parts)
        for language in ("en", "ja")
    }
    origin = share_from or _empty()
    return {language: text.replace("{symbol}", symbol).replace("{share_from}", origin[language]) for language, text in filled.items()}


# --- the richest square ----------------------------------------------------------------------------------------------------------------------------


def _best_square(
    figures: Mapping[str, Mapping[str, str]], grade: Grade | None, density: Density | None, seafloor: Seafloor, *, is_synthetic: bool
) -> BestSquare | None:
    """Metal per area in the richest square of whole cells, over that of all estimated cells; none without rasters or where no square fits."""
    needed = ("takaya_2018_best_over_whole", "takaya_2018_best_square_area")
    if grade is None or density is None or any(figure not in figures or float(figures[figure]["value"]) <= 0 for figure in needed):
        return None
    published, area_km2 = (float(figures[figure]["value"]) for figure in needed)
    grid = seafloor.grid
    side = max(1, round(math.sqrt(area_km2 / KM2_PER_M2) / grid.cell_m))
    # A common thickness and the size of a cell cancel.
    richness = grade.mean_ppm * density.column_t_m3
    share = np.where(np.isfinite(richness), seafloor.region_share, 0.0)
    metal = np.where(share > 0, np.nan_to_num(richness) * share, 0.0)
    if min(grid.shape) < side or share.sum() == 0 or metal.sum() <= 0:
        return None
    whole = _window_sums(share, side) > side**2 * (1 - _SAME_SHARE)
    if not whole.any():
        return None
    best = float(_window_sums(metal, side)[whole].max()) / side**2
    own = best / (float(metal.sum()) / float(share.sum()))
    note = {language: text + (_SQUARE_SYNTHETIC[language] if is_synthetic else "") for language, text in _SQUARE.items()}
    return BestSquare(published, own, side * grid.cell_m, note)


def _window_sums(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Sum over each square of so many cells."""
    total = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    return np.asarray(total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side])


# --- words -----------------------------------------------------------------------------------------------------------------------------------------


def _empty() -> Text:
    return {"en": "", "ja": ""}


_START: Final = {"en": "Published 2018: rare-earth oxides (more than)", "ja": "2018年公表値：レアアース酸化物（以上）"}
_OXIDES: Final = {"en": "rare-earth oxides", "ja": "レアアース酸化物"}
_RARE_EARTHS: Final = {"en": "rare earths and yttrium", "ja": "レアアース・イットリウム（元素）"}

_LABELS: Final = {
    "area": {"en": "Area", "ja": "面積"},
    "thickness": {"en": "Thickness", "ja": "層厚"},
    "density": {"en": "Dry bulk density", "ja": "乾燥かさ密度"},
    "rey_grade": {"en": "Mean ΣREY grade", "ja": "平均 ΣREY 品位"},
    "oxygen": {"en": "Oxides to elements", "ja": "酸化物から元素へ換算"},
    "element_share": {"en": "Share of {symbol} in ΣREY", "ja": "ΣREY に占める {symbol} の割合"},
    "rey_grade_oxygen_share": {"en": "Grade, oxygen and share of {symbol} together", "ja": "品位・酸素・{symbol} の割合（一括）"},
}

_NOTES: Final = {
    "area": {
        "en": "The paper counts 24 squares, about 2,500 km²; ours is the area of the headline region. What is drawn as the boundary makes this step.",
        "ja": "論文は24の正方形（約2,500 km²）、本評価は主要対象域の面積です。境界の引き方で決まる差です。",
    },
    "thickness": {
        "en": "On both sides a chosen interval below the seafloor, not a thickness that was found.",
        "ja": "どちらも海底下の区間として選んだ値で、調べて得た層厚ではありません。",
    },
    "density": {
        "en": "Published: the density that the 16 Mt themselves imply (0.53 to 0.57 t/m³). Ours: dry mud over volume.",
        "ja": "公表側は16百万tから逆算される密度（0.53～0.57 t/m³）、本評価は乾燥泥量を体積で割った値です。",
    },
    "rey_grade": {
        "en": "Mean grade of all rare earths and yttrium: the paper's over its samples and squares, ours as tonnes over dry mud.",
        "ja": "レアアースとイットリウムの合計の平均品位。論文は試料と格子から、本評価は量を乾燥泥量で割った値です。",
    },
    "oxygen": {
        "en": "Mass of oxides over mass of elements: what is left of the published total when area, thickness, density and grade are divided out.",
        "ja": "酸化物と元素の質量比。公表された総量を面積・層厚・密度・品位で割った残りです。",
    },
    "element_share": {
        "en": "{symbol} over all rare earths and yttrium: {share_from}. The paper publishes no such share.",
        "ja": "レアアースとイットリウムの合計に占める {symbol} の割合：{share_from}。論文には示されていません。",
    },
    "rey_grade_oxygen_share": {
        "en": "How much of the rare earths is {symbol} is unknown for this mud, and no sample carries their total: grade, oxygen and share "
        "cannot be told apart, and the estimates cannot be compared like with like.",
        "ja": "この泥の ΣREY に占める {symbol} の割合は不明で、ΣREY の分析値をもつ試料もありません。"
        "品位・酸素・割合を分けられず、同じ量どうしの比較はできません。",
    },
}

_CIRCULAR: Final = {
    "thickness": {"en": "Circular: the same interval was chosen.", "ja": "循環：同じ区間を選んでいます。"},
    "density": {
        "en": "Circular: whatever the 16 Mt are, this density makes them; closeness to ours confirms neither.",
        "ja": "循環：16百万tに合うように定まる値なので、近くても互いの裏付けになりません。",
    },
    "rey_grade": {
        "en": "Circular: the grades of a synthetic survey are inputs of its generator; the reference survey was given the published mean.",
        "ja": "循環：合成データの品位は生成の入力です。付属の合成データでは、平均品位を公表値に合わせています。",
    },
    "oxygen": {
        "en": "Circular: it absorbs whatever the assumed density does not.",
        "ja": "循環：仮定した密度で説明できない分をすべて含みます。",
    },
    "element_share": {
        "en": "Circular: the share was an input of the generator, not a finding.",
        "ja": "循環：この割合は合成データの入力値で、調べて得た値ではありません。",
    },
    "rey_grade_oxygen_share": {"en": "Circular: the grades were drawn by a generator.", "ja": "循環：品位は計算機で作られた値です。"},
}

_AREA_OF_BOUNDS: Final = {
    "en": "The bounds that the paper quotes enclose 3,172 km²; the reference survey fills them.",
    "ja": "論文の示す緯度経度の範囲は3,172 km²あり、付属の合成データはその全域にわたります。",
}

_SQUARE: Final = {
    "en": "Tonnes per area in the richest square over those of the whole area. It needs no density on the published side, but ours is the "
    "richest of all positions (the paper's one of 24 fixed squares), of one element, and kriged, which smooths: no more than a check of the order.",
    "ja": "単位面積あたりの量が最大の正方形と全域との比。公表側では密度を要しませんが、本評価は位置を自由に動かした最大値"
    "（論文は24の固定した正方形の1つ）で、1元素についての、平滑化されたクリギング推定値です。桁の確認にとどまります。",
}
_SQUARE_SYNTHETIC: Final = {"en": " Synthetic survey: a property of the generator.", "ja": "合成データのため、生成方法の性質を示すだけです。"}

_REGIONS: Final = {
    "supported": {"en": "supported by cores", "ja": "コアで裏付けられた範囲"},
    "all": {"en": "all estimated cells", "ja": "推定した全範囲"},
    "": {"en": "not estimated", "ja": "推定なし"},
}


def _of_element(element: str) -> Text:
    return {"en": f"{symbol_of(element)} metal", "ja": f"{symbol_of(element)} 金属量"}


def _labelled(key: str, element: str) -> Text:
    return {language: text.replace("{symbol}", symbol_of(element)) for language, text in _LABELS[key].items()}


def _end_label(element: str, region: str) -> Text:
    of, where = _of_element(element), _REGIONS[region]
    return {"en": f"This estimate: {of['en']}, {where['en']}", "ja": f"本評価：{of['ja']}（{where['ja']}）"}


def _verdict(
    element: str, steps: tuple[Step, ...], start_t: float, like_t: float | None, range_t: tuple[float, float] | None, *, is_synthetic: bool
) -> Text:
    area_t = steps[0].value_t
    if like_t is None:
        return {
            "en": f"The two figures cannot be held against each other: nothing says how much of the rare earths is {symbol_of(element)}. "
            f"Only area, thickness and density are compared.",
            "ja": f"ΣREY に占める {symbol_of(element)} の割合が分からないため、両者は比べられません。面積・層厚・密度だけを比べています。",
        }
    spread = (
        ("", "")
        if range_t is None
        else (f" (90 % interval {_mt(range_t[0])} to {_mt(range_t[1])})", f"（90 %区間 {_mt(range_t[0])}～{_mt(range_t[1])}）")
    )
    english = (
        f"Like for like, in rare-earth oxides by the published factor: {_mt(like_t)} Mt here{spread[0]}, more than {_mt(start_t)} Mt published "
        f"without an uncertainty. The area alone makes {_mt(area_t, sign=True)} Mt of the difference of {_mt(like_t - start_t, sign=True)} Mt."
    )
    japanese = (
        f"レアアース酸化物どうし（換算は公表側の係数）では、本評価 {_mt(like_t)}百万t{spread[1]}に対し、公表値は "
        f"{_mt(start_t)}百万t以上（不確かさの記載なし）です。差 {_mt(like_t - start_t, sign=True)}百万tのうち、面積の違いだけで "
        f"{_mt(area_t, sign=True)}百万tになります。"
    )
    if is_synthetic:
        english += (
            " This confirms nothing: the grades of a synthetic survey are inputs (the reference survey was given the published mean), and the "
            "published density is the one that its own total implies."
        )
        japanese += (
            "ただし裏付けにはなりません。合成データの品位は生成の入力で（付属の合成データの平均は公表値に合わせています）、"
            "公表側の密度は総量からの逆算です。"
        )
    else:
        english += " Density and oxygen are no evidence: the published ones are what the published total implies."
        japanese += "密度と酸素の項は、公表側が総量からの逆算なので、裏付けにはなりません。"
    return {"en": english, "ja": japanese}


def _mt(tonnes: float, *, sign: bool = False) -> str:
    return f"{tonnes * 1e-6:{'+' if sign else ''}.1f}".replace("-", "−")
