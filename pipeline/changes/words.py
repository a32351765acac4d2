"""What is said of a change, in English and in Japanese."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from pipeline.text import printable
from pipeline.web.texts import element_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.changes.held_fixed import Foretold
    from pipeline.web.texts import Text

_MOST_NAMED = 6
_MOST_LETTERS = 60
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|(?:t|km²|ppm|g/m³)(?![A-Za-z]))")


def both(en: str, ja: str) -> Text:
    """The same words in English and in Japanese; a number and its unit stay on one line."""
    return {"en": _BEFORE_UNIT.sub("\u00a0", en), "ja": _BEFORE_UNIT.sub("\u00a0", ja)}


FIRST_BUILD: Final = both(
    "First build: there is nothing to compare with yet. After the next change, this page says what became different.",
    "最初のビルドです。比較の相手はまだありません。次に何かが変わると、その違いをここに示します。",
)

NO_DIFFERENCE: Final = both(
    "Nothing that is recorded changed, yet numbers differ: the machine or its libraries may be others.",
    "記録されている入力・設定・プログラムに変更はありませんが、数値が異なります。計算機やライブラリの違いが考えられます。",
)

KINDS: Final[dict[str, Text]] = {
    "cores": both("core data", "コアデータ"),
    "bathymetry": both("bathymetry", "水深データ"),
    "domains": both("domains", "区域データ"),
    "published": both("published figures", "公表値"),
    "settings": both("settings", "設定"),
    "program": both("the program", "プログラム"),
}

STEPS: Final[dict[str, Text]] = {
    "removed": both("Cores taken away, model held fixed", "コアの除外（モデル固定）"),
    "edited": both("Changed values of cores, model held fixed", "コアの値の変更（モデル固定）"),
    "added": both("New cores, model held fixed", "新しいコア（モデル固定）"),
    "refilled": both(
        "Densities that were not measured: filled from the cores there are now, model held fixed", "測定のない密度を現在のコアから補完（モデル固定）"
    ),
    "cells": both("Cells that came to the region or left it, model held fixed", "対象域に加わった・外れたセル（モデル固定）"),
    "model": both(
        "Model fitted again: variogram, layer means and spreads, choice of estimator",
        "モデルの再推定：バリオグラム、各層の平均とばらつき、推定法の選択",
    ),
    "realisations": both(
        "What only the realisations show: shape of the distribution, parameters, draws", "実現値だけに現れる差：分布の形、パラメータ、乱数"
    ),
    "frame": both("All changes together", "すべての変更の合計"),
    "lifted": both("All changes together", "すべての変更の合計"),
}

STEP_NOTES: Final[dict[str, Text]] = {
    "removed": both(
        "kriged again without them, with the old variogram, layer means and spreads",
        "前回のバリオグラム・層別の平均とばらつきのまま、除いて再クリギング",
    ),
    "edited": both("kriged again with their new values, all else as before", "ほかはそのままで、新しい値により再クリギング"),
    "added": both(
        "kriged again with them, all else as before: what they say by themselves", "ほかはそのままで、加えて再クリギング：新しいコア自体の効果"
    ),
    "refilled": both(
        "a gap in the density of a core is filled from what others show there ([density] missing)",
        "密度の欠測はほかのコアの値で補います（[density] missing）",
    ),
    "cells": both("the same kriging, summed over the new region", "同じクリギングを新しい対象域で合計"),
    "model": both("kriged with the model fitted to the new data", "新しいデータに合わせたモデルでクリギング"),
    "realisations": both(
        "difference between the mean of the realisations and the kriged total, new less old; it holds the chance of the draws",
        "実現値の平均とクリギング総量との差の、今回と前回の差（乱数による偶然の差を含む）",
    ),
    "frame": both("cannot be told apart", "分けられません"),
    "lifted": both("not followed step by step: every limit acts on every realisation", "段階ごとには追えません（各制限が実現値ごとに働くため）"),
}

REASONS: Final[dict[str, Text]] = {
    "other_frame": both(
        "The grid, the layers or the region are not the same as before: no total can be kriged with the old model on the new cells, so the "
        "difference is one step.",
        "格子・層・対象海域が前回と異なるため、前回のモデルで今回のセルをクリギングできません。差は一つの段階として示します。",
    ),
    "other_floor": both(
        "The bathymetry, which the estimate followed, changed: the old model cannot be used on the new depths, so the difference is one step.",
        "推定が従っていた水深データが変わり、前回のモデルを新しい水深に使えません。差は一つの段階として示します。",
    ),
    "no_model": both(
        "There is no spatial model of this element in one of the builds, so the difference is one step.",
        "どちらかのビルドにこの元素の空間モデルがないため、差は一つの段階として示します。",
    ),
    "below_a_marker": both(
        "The layers are relative to a marker, of which each build has a surface of its own: totals are not kriged again with the old model, so the "
        "difference is one step.",
        "層をマーカー層から数えており、その面はビルドごとに異なるため、前回のモデルではクリギングし直しません。差は一つの段階として示します。",
    ),
    "in_domains": both(
        "The region is divided into domains, whose parts are not kriged again with the old models: the difference is one step.",
        "対象域がドメインに分かれており、前回のモデルではクリギングし直しません。差は一つの段階として示します。",
    ),
    "not_solvable": both(
        "The old model cannot be used with the cores that are left, so the difference is one step.",
        "残ったコアでは前回のモデルを使えないため、差は一つの段階として示します。",
    ),
}

FIGURES: Final[dict[str, Text]] = {
    "metal_t": both("Expected metal, t", "金属量の期待値 (t)"),
    "dry_mud_t": both("Expected dry mud, Mt", "乾燥泥量の期待値（百万t）"),
    "grade_ppm": both("Mean grade, ppm", "平均品位 (ppm)"),
    "range_t": both("Width of the range from low (P90) to high (P10), t", "低位 (P90) から高位 (P10) までの幅 (t)"),
    "area_km2": both("Area, km²", "面積 (km²)"),
    "recoverable_t": both(
        "Expected metal that can be lifted and won under the limits set, t", "設定した制限のもとで採取・回収できる金属量の期待値 (t)"
    ),
}

PHYSICAL: Final[dict[str, Text]] = {
    "area": both("more or less area", "面積の増減"),
    "mud": both("more or less dry mud on each km²", "1 km² 当たりの乾燥泥量の増減"),
    "grade": both("richer or poorer mud", "泥の品位の増減"),
}

REGIONS: Final[dict[str, Text]] = {
    "supported": both("supported by cores", "コアで裏付けられた範囲"),
    "all": both("all estimated cells", "推定した全範囲"),
}

CLASSES: Final[dict[str, Text]] = {
    "unclassified": both("unclassified", "区分なし"),
    "inferred": both("inferred", "予測（inferred）"),
    "indicated": both("indicated", "概測（indicated）"),
    "measured": both("measured", "精測（measured）"),
    "outside": both("not estimated", "推定対象外"),
}

VERDICTS: Final[dict[str, Text]] = {
    "equal": both("equal to its prediction", "予測どおり"),
    "near": both("within what was expected", "予測の範囲内"),
    "above": both("above its prediction", "予測より高い"),
    "below": both("below its prediction", "予測より低い"),
    "far_above": both("far above its prediction", "予測を大きく上回る"),
    "far_below": both("far below its prediction", "予測を大きく下回る"),
}


def verdict(core: Foretold) -> str:
    """How a new core compares with what was foretold: a key of :data:`VERDICTS`."""
    if abs(core.richer_share) < 0.005 and abs(core.surprise) < 0.05:
        return "equal"
    if abs(core.surprise) < 1:
        return "near"
    side = "above" if core.surprise > 0 else "below"
    return f"far_{side}" if abs(core.surprise) >= 2 else side


# --- pieces of sentences ---------------------------------------------------------------------------------------------------------------------------


def bare_name(element: str) -> Text:
    """Name of an element inside a sentence: ``dysprosium``."""
    name = element_name(element)
    english, japanese = name["en"].partition(" (")[0], name["ja"].partition("（")[0]
    return both(english.lower() if "(" in name["en"] else english, japanese)


def short(text: str) -> str:
    """A name that people gave, on one line and not endless."""
    seen = printable(text)
    return seen if len(seen) <= _MOST_LETTERS else f"{seen[: _MOST_LETTERS - 1]}…"


def listed(names: Sequence[str]) -> Text:
    """Names in a row; after some of them the rest is counted."""
    shown = [short(name) for name in names[:_MOST_NAMED]]
    rest = len(names) - len(shown)
    return both(
        ", ".join(shown) + (f" and {rest:,} more" if rest else ""),
        "、".join(shown) + (f"ほか{rest:,}件" if rest else ""),
    )


def digits(number: int, power: int) -> str:
    """Whole number of 10 to a power, with separators between thousands and a real minus.

    Examples
    --------
    >>> digits(-1234, 2), digits(4567, -2)
    ('−123,400', '45.67')
    """
    text = f"{number * 10**power:,}" if power >= 0 else f"{number / 10**-power:,.{-power}f}"
    return text.replace("-", "−")


def rounded(value: float, figures: int = 3) -> str:
    """Number with so many significant digits.

    Examples
    --------
    >>> rounded(61.234), rounded(-0.01234), rounded(123456.0)
    ('61.2', '−0.0123', '123,000')
    """
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    decimals = figures - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, decimals):,.{max(decimals, 0)}f}".replace("-", "−")


def percent(share: float) -> str:
    """Share in percent, without its sign: whole from 10 on, else one decimal.

    Examples
    --------
    >>> percent(0.354), percent(-0.0213), percent(0.0001)
    ('35', '2.1', '0.01')
    """
    value = 100 * abs(share)
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.05 else rounded(value, 1)


# --- sentences -------------------------------------------------------------------------------------------------------------------------------------


def cores_said(count: int, names: Text, what: str) -> Text:
    """How many cores were added, removed or edited, and which."""
    verbs = {
        "added": ("added", "追加されました"),
        "removed": ("removed", "除かれました"),
        "edited": ("edited", "修正されました"),
    }
    english, japanese = verbs[what]
    subject = "One core was" if count == 1 else f"{count:,} cores were"
    return both(f"{subject} {english}: {names['en']}.", f"コア{count:,}本が{japanese}：{names['ja']}。")


def read_differently_said(count: int, names: Text) -> Text:
    """Cores whose files are the same and whose values are not."""
    subject, verb = ("One core has", "is") if count == 1 else (f"{count:,} cores have", "are")
    return both(
        f"{subject} other values although the file {verb} the same, because settings or the program read or composite them in another way: "
        f"{names['en']}.".replace("the file are", "the files are"),
        f"コア{count:,}本は、ファイルは同じですが、設定またはプログラムの変更により値が変わりました：{names['ja']}。",
    )


def refilled_said(count: int, names: Text) -> Text:
    """Cores whose unmeasured densities follow from the cores there are."""
    subject = "One core has" if count == 1 else f"{count:,} cores have"
    return both(
        f"{subject} other densities only where none was measured: the gaps are filled from what the cores there are now show ({names['en']}).",
        f"コア{count:,}本は、測定のない密度だけが変わりました。欠測は現在のコアの値で補われます（{names['ja']}）。",
    )


def files_said(folder: str, changes: dict[str, int], names: Text) -> Text:
    """Files of a folder that came, went or changed."""
    english = {"added": "added", "removed": "removed", "edited": "edited", "renamed": "renamed"}
    japanese = {"added": "追加", "removed": "削除", "edited": "変更", "renamed": "改名"}
    counted = {what: count for what, count in changes.items() if count}
    kind = {"en": KINDS[folder]["en"].capitalize(), "ja": KINDS[folder]["ja"]}
    return both(
        f"{kind['en']}: "
        + ", ".join(f"{count:,} file{'s' if count > 1 else ''} {english[what]}" for what, count in counted.items())
        + f" ({names['en']}).",
        f"{kind['ja']}：" + "、".join(f"{japanese[what]}{count:,}件" for what, count in counted.items()) + f"（{names['ja']}）。",
    )


def settings_said(rows: Sequence[dict[str, object]]) -> Text:
    """Which settings moved."""
    named = listed([f"[{row['section']}] {row['key']}: {value_said(row['old'])} → {value_said(row['new'])}" for row in rows])
    subject = "One setting was changed" if len(rows) == 1 else f"{len(rows):,} settings were changed"
    return both(f"{subject}: {named['en']}.", f"設定{len(rows):,}項目が変わりました：{named['ja']}。")


def value_said(value: object) -> str:
    """A setting as it stands in the file; what is long is cut."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    return short(", ".join(map(str, value)) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value))


def program_said(count: int) -> Text:
    """Whether the program is another one."""
    return both(
        f"The program changed ({count:,} file{'s' if count > 1 else ''} behind the estimate).",
        f"プログラムが変わりました（推定に関わる{count:,}ファイル）。",
    )


def attribution_said(kinds: Sequence[str]) -> Text:
    """Whether the difference has one cause."""
    if len(kinds) == 1:
        kind = KINDS[kinds[0]]
        return both(
            f"Nothing else changed, so every difference below comes from this alone ({kind['en']}).",
            f"ほかに変更はないため、以下の差はすべてこれ（{kind['ja']}）によるものです。",
        )
    english, japanese = ", ".join(KINDS[kind]["en"] for kind in kinds), "、".join(KINDS[kind]["ja"] for kind in kinds)
    return both(
        f"Several kinds of things changed at once ({english}). A step that more than one of them can move names them together; their shares are not "
        "known.",
        f"複数の種類の変更が同時にありました（{japanese}）。複数の変更が関わりうる段階ではまとめて示し、内訳は不明とします。",
    )


def core_said(core: Foretold) -> Text:
    """A new core beside what was foretold, as a planner would say it."""
    name, which = bare_name(core.element), verdict(core)
    shown = short(core.core_id)
    sd_ppm = core.foretold_ppm * core.sd_g_m3 / core.foretold_g_m3 if core.foretold_g_m3 > 0 else math.nan
    figures = both(
        f"{rounded(core.observed_ppm)} ppm; predicted {rounded(core.foretold_ppm)} ± {rounded(sd_ppm, 2)} ppm",
        f"{rounded(core.observed_ppm)} ppm、予測 {rounded(core.foretold_ppm)} ± {rounded(sd_ppm, 2)} ppm",
    )
    if which == "equal":
        return both(
            f"In {name['en']}, core {shown} came out as the previous model predicted for its place ({figures['en']}): equal to its prediction.",
            f"コア {shown} の{name['ja']}は、前回のモデルによるその地点の予測と同じでした（{figures['ja']}）：{VERDICTS[which]['ja']}。",
        )
    richer = core.richer_share > 0
    if math.isfinite(core.richer_share):
        share = percent(core.richer_share)
        english = (
            f"Core {shown} came out {share} % {'richer' if richer else 'poorer'} in {name['en']} than the previous model predicted for its place"
        )
        japanese = f"コア {shown} の{name['ja']}は、前回のモデルによるその地点の予測より{share} %{'高い' if richer else '低い'}値でした"
    else:
        english, japanese = f"Core {shown}, {name['en']}", f"コア {shown}、{name['ja']}"
    return both(f"{english} ({figures['en']}): {VERDICTS[which]['en']}.", f"{japanese}（{figures['ja']}）：{VERDICTS[which]['ja']}。")


def headline_said(element: str, old: str, new: str, change: str, share: float, direction: int, range_share: float | None) -> Text:
    """What became of the expected metal and its range.

    Parameters
    ----------
    element : str
    old, new, change : str
        As they are shown, the change without its sign.
    share : float
        The change over the old figure.
    direction : int
        -1, 0 or 1.
    range_share : float or None
        Change of the width of the range over the old width; ``None`` where there is no range.
    """
    name = bare_name(element)
    if direction:
        verb, japanese = ("rises", "増え") if direction > 0 else ("falls", "減り")
        moved = both(
            f"Expected {name['en']} metal {verb} by {change} t ({percent(share)} %), from {old} t to {new} t",
            f"{name['ja']}の金属量の期待値は {old} t から {new} t へ {change} t（{percent(share)} %）{japanese}",
        )
    else:
        moved = both(f"Expected {name['en']} metal stays at {new} t", f"{name['ja']}の金属量の期待値は {new} t のままで")
    if range_share is None:
        return both(f"{moved['en']}.", f"{moved['ja']}ました。" if direction else f"{moved['ja']}す。")
    if abs(range_share) < 0.0005:
        return both(f"{moved['en']}; the range from low to high keeps its width.", f"{moved['ja']}、低位から高位までの幅は変わりません。")
    english, japanese = ("narrows", "狭まりました") if range_share < 0 else ("widens", "広がりました")
    return both(
        f"{moved['en']}; the range from low to high {english} by {percent(range_share)} %.",
        f"{moved['ja']}、低位から高位までの幅は {percent(range_share)} %{japanese}。",
    )


def held_fixed_said(element: str, count: int, change_t: float, power: int, sd_share: float) -> Text:
    """What new cores say by themselves: the closed form with the model held fixed."""
    name, whole, one = bare_name(element), round(change_t / 10**power), count == 1
    who = "the new core by itself" if one else "the new cores by themselves"
    if whole:
        verb = ("raise" if whole > 0 else "lower") + ("s" if one else "")
        amount = digits(abs(whole), power)
        moved = both(f"{verb} {name['en']} by {amount} t", f"{name['ja']}を {amount} t {'増やし' if whole > 0 else '減らし'}")
    else:
        moved = both(f"leave{'s' if one else ''} {name['en']} where it was", f"{name['ja']}の量を変えず")
    make = "makes" if one else "make"
    if sd_share:
        english, japanese = ("more", "小さく") if sd_share < 0 else ("less", "大きく")
        certain = both(
            f"{make} its kriged total {percent(sd_share)} % {english} certain",
            f"クリギング総量の標準偏差を {percent(sd_share)} %{japanese}します",
        )
    else:
        certain = both(f"{'leaves' if one else 'leave'} its certainty as it was", "不確かさは変わりません")
    return both(
        f"With the spatial model held fixed, {who} {moved['en']} and {certain['en']}.",
        f"空間モデルを固定すると、新しいコアだけで{moved['ja']}、{certain['ja']}。",
    )


def area_said(element: str, old_km2: float, new_km2: float, by_cells_t: float | None, everywhere: Sequence[int] | None, power: int) -> Text:
    """How the region changed, what that alone does, and what became of all estimated cells.

    Parameters
    ----------
    element : str
    old_km2, new_km2 : float
        Area of the region.
    by_cells_t : float or None
        What its cells add or take away with the model held fixed; ``None`` where it is not known.
    everywhere : sequence of int or None
        Metal of all estimated cells before and after, in 10 to the power of tonnes.
    """
    name, larger = bare_name(element), new_km2 > old_km2
    said = both(
        f"The area supported by cores {'grows' if larger else 'shrinks'} from {rounded(old_km2, 4)} km² to {rounded(new_km2, 4)} km²",
        f"コアで裏付けられた範囲は {rounded(old_km2, 4)} km² から {rounded(new_km2, 4)} km² に{'広がり' if larger else '縮まり'}",
    )
    whole = round(by_cells_t / 10**power) if by_cells_t is not None else 0
    if whole:
        amount = digits(abs(whole), power)
        said = both(
            f"{said['en']}, which by itself {'adds' if whole > 0 else 'takes away'} {amount} t of {name['en']}",
            f"{said['ja']}、それだけで{name['ja']}は {amount} t {'増えます' if whole > 0 else '減ります'}",
        )
    else:
        said = both(said["en"], f"{said['ja']}ました")
    if everywhere is None:
        return both(f"{said['en']}.", f"{said['ja']}。")
    old, new = (digits(value, power) for value in everywhere)
    moved = (everywhere[1] > everywhere[0]) - (everywhere[1] < everywhere[0])
    english, japanese = {1: ("rises", "増えます"), -1: ("falls", "減ります"), 0: ("stays", "変わりません")}[moved]
    return both(
        f"{said['en']}; over all estimated cells it {english} " + (f"from {old} t to {new} t." if moved else f"at {new} t."),
        f"{said['ja']}。推定した全範囲では " + (f"{old} t から {new} t へ{japanese}。" if moved else f"{new} t で{japanese}。"),
    )


def draws_said(change_t: float, error_t: float, range_share: float | None, range_error: float) -> Text | None:
    """Whether differences are no larger than the chance of the draws makes them: two standard errors."""
    small = math.isfinite(error_t) and abs(change_t) <= 2 * error_t
    narrow = range_share is not None and math.isfinite(range_error) and abs(range_share) <= 2 * range_error
    if not (small or narrow) or not (change_t or range_share):
        return None
    mean = both(f"of the total (standard error about {rounded(error_t, 2)} t)", f"総量の差（標準誤差 約{rounded(error_t, 2)} t）")
    width = both(f"of the width (about {percent(range_error)} %)", f"幅の差（標準誤差 約{percent(range_error)} %）")
    parts = [part for part, is_said in ((mean, small), (width, narrow)) if is_said]
    return both(
        f"So small a difference {' and '.join(part['en'] for part in parts)} can be the chance of the draws alone; more realisations would show.",
        f"この程度の{'と'.join(part['ja'] for part in parts)}は、乱数の偶然だけでも生じえます。実現値を増やすと確かめられます。",
    )


def causes_said(causes: Sequence[str]) -> Text:
    """What may lie behind a step; several things are named together."""
    if not causes:
        return both("unknown: nothing that is recorded acts on it", "不明：記録されている変更は関わりません")
    words = [KINDS.get(cause, both(f"settings {cause}", f"設定 {cause}")) for cause in causes]
    if len(words) == 1:
        return words[0]
    return both("together: " + ", ".join(word["en"] for word in words), "合わせて：" + "、".join(word["ja"] for word in words))


def newly_said(element: str, *, gone: bool) -> Text:
    """An element that one build alone assesses."""
    name = bare_name(element)
    return (
        both(f"{name['en'].capitalize()} is no longer assessed.", f"{name['ja']}は評価の対象から外れました。")
        if gone
        else both(f"{name['en'].capitalize()} is newly assessed.", f"{name['ja']}が新たに評価の対象になりました。")
    )
