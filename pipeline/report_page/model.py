"""Chapters 5 and 6: variograms with what they rest on, and the estimators that were tried."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import DENSITY
from pipeline.number_ids import pointer_id
from pipeline.report_page import figures
from pipeline.report_page.blocks import (
    Cell,
    Chapter,
    Heading,
    Key,
    Plot,
    Said,
    Table,
    Text,
    both,
    count,
    fixed,
    joined,
    missing,
    number,
    percent,
    shown,
    signed,
)
from pipeline.report_page.facts import Facts, subject_name
from pipeline.report_page.words import PARAMETERS, capital, direction_name, estimator_name, kind_name, parameter_name
from pipeline.text import printable
from pipeline.web.texts import element_name, symbol_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pipeline.artefacts import Comparison, Variogram

    Array = NDArray[np.float64]

_UNITS = {"horizontal": (1000.0, "km"), "vertical": (1.0, "m")}
_KEY = (
    Key("dot", figures.COLOURS["blue"], both("experimental, number of pairs above", "実験バリオグラム（数字はペア数）")),
    Key("line", figures.COLOURS["ochre"], both("fitted model", "適合モデル")),
    Key("dash", figures.COLOURS["faint"], both("sill of the model", "モデルのシル")),
)
_LEVEL = 1.959963984540054


def variograms(facts: Facts) -> Chapter:
    """Experimental points, fitted models and their uncertainty; how the variables go together."""
    found = Chapter("variograms", both("Variograms", "バリオグラム"))
    kinds = sorted({part.kind for found_ in facts.variograms.values() if found_.model for part in found_.model.structures})
    found.blocks.append(
        Said(
            both(
                "How alike values are by distance, after the mean and spread of each layer are taken out (grade × density, standardised; model: "
                f"{', '.join(kinds) or 'none'}). The vertical direction has many pairs, from down the cores; the horizontal one has few stations, "
                "and its range is the weak point.",
                "各層の平均とばらつきを除いた値（品位×密度、標準化）が距離とともにどれだけ似なくなるかを示します（モデル："
                f"{'、'.join(kind_name(kind)['ja'] for kind in kinds) or 'なし'}）。鉛直方向はコア内のペアが多い一方、水平方向は地点が少なく、レンジ"
                "の推定が弱点です。",
            ),
            "lead",
        )
    )
    for subject in (*facts.elements, DENSITY):
        if subject in facts.variograms:
            found.blocks += [Heading(capital(subject_name(subject))), *_variogram(facts.variograms[subject])]
    found.blocks += [Heading(both("How the variables go together", "変数間の関係")), *_joint(facts)]
    return found


def _variogram(variogram: Variogram) -> list[Any]:
    subject, model = variogram.subject, variogram.model
    if model is None:
        reason = both("nothing was measured; a constant of the settings stands in.", "測定値がなく、設定の定数を用いています。")
        return [missing(reason)]
    if model.sill == 0:
        return [missing(both("all values are equal; nothing varies.", "すべて同じ値で、変動がありません。"))]

    def gamma(direction: str) -> Callable[[Array], Array]:
        zero = np.zeros(1)
        return lambda lag_m: model.sill - (model.at_lag(lag_m, zero) if direction == "horizontal" else model.at_lag(zero, lag_m))

    directions = [
        part for direction in ("horizontal", "vertical") if (part := _direction(direction, variogram.experimental, gamma(direction))) is not None
    ]
    blocks: list[Any] = [Said(_said(variogram))]
    if directions:
        name = subject_name(subject)
        caption = both(f"Variogram of {name['en']}.", f"{name['ja']}のバリオグラム。")
        blocks.append(
            Plot(
                f"fig-variogram-{subject}",
                figures.variogram(f"variogram-{subject}", directions, model.sill),
                caption,
                _KEY,
                _lags(subject, variogram.experimental),
            )
        )
    return [*blocks, _parameters(variogram), *_uncertainty(variogram)]


def _direction(direction: str, experimental: Sequence[dict[str, Any]], gamma: Callable[[Array], Array]) -> figures.Direction | None:
    """Points and model of one direction; nothing where it has no lag, as the vertical one of a single layer."""
    lags = [lag for lag in experimental if lag["direction"] == direction]
    if not lags:
        return None
    divisor, unit = _UNITS[direction]
    lag_m = np.array([lag["lag_m"] for lag in lags], dtype=float)
    fine_m = np.linspace(0, lag_m.max() * 1.04, 61)
    fine_m[0] = fine_m[1] * 1e-3  # beside zero: there the nugget shows
    return figures.Direction(
        capital(direction_name(direction)),
        lag_m / divisor,
        np.array([lag["semivariance"] for lag in lags], dtype=float),
        np.array([lag["pairs"] for lag in lags], dtype=np.int64),
        fine_m / divisor,
        gamma(fine_m),
        unit,
    )


def _said(variogram: Variogram) -> Text:
    model = variogram.model
    assert model is not None
    pairs = {
        direction: sum(int(lag["pairs"]) for lag in variogram.experimental if lag["direction"] == direction)
        for direction in ("horizontal", "vertical")
    }
    longest = max((part.horizontal_range_m for part in model.structures if math.isfinite(part.horizontal_range_m)), default=math.nan)
    interval = variogram.fit.get("uncertainty", {}).get("horizontal_range_interval_m") or [None, None]
    bounds = [str(bound) for bound in variogram.fit.get("at_bounds", [])]
    english = (
        f"{pairs['horizontal']:,} horizontal and {pairs['vertical']:,} vertical pairs. The nugget is {percent(model.nugget / model.sill)} of the sill"
    )
    japanese = f"ペア数は水平{pairs['horizontal']:,}、鉛直{pairs['vertical']:,}。ナゲットはシルの{percent(model.nugget / model.sill)}"
    if math.isfinite(longest):
        english += f"; the horizontal range is {shown(longest / 1000, 3)} km"
        japanese += f"、水平レンジは {shown(longest / 1000, 3)} km"
    if interval[0] is not None and interval[1] is not None:
        english += f", and by maximum likelihood anything from {shown(interval[0] / 1000, 3)} to {shown(interval[1] / 1000, 3)} km (95 %) fits"
        japanese += f"（最尤法による95 %区間は {shown(interval[0] / 1000, 3)}～{shown(interval[1] / 1000, 3)} km）"
    english += "."
    japanese += "です。"
    if bounds:
        english += f" On a bound of the fit: {', '.join(bounds)}; the data do not tell it."
        japanese += f"適合の限界に達したもの：{'、'.join(parameter_name(bound)['ja'] for bound in bounds)}（データからは決まりません）。"
    return both(english, japanese)


def _lags(subject: str, experimental: Sequence[dict[str, Any]]) -> Table:
    rows = [
        [
            Cell(capital(direction_name(lag["direction"]))),
            number(lag["lag_m"] / _UNITS[lag["direction"]][0], 4),
            Cell(_UNITS[lag["direction"]][1]),
            Cell(
                fixed(lag["semivariance"], 4),
                repr(float(lag["semivariance"])),
                pointer_id(f"variogram_{subject}", "experimental", position, "semivariance"),
                is_number=True,
            ),
            count(int(lag["pairs"])),
        ]
        for position, lag in enumerate(experimental)
    ]
    name = subject_name(subject)
    head = [both("direction", "方向"), both("lag", "ラグ"), both("unit", "単位"), both("semivariance", "バリオグラム値"), both("pairs", "ペア数")]
    return Table(f"lags-{subject}", both(f"Experimental variogram of {name['en']}.", f"{name['ja']}の実験バリオグラム。"), head, rows, is_folded=True)


def _parameters(variogram: Variogram) -> Table:
    model = variogram.model
    assert model is not None
    rows = [
        [
            Cell(both("nugget", "ナゲット")),
            Cell("–"),
            Cell(percent(model.nugget / model.sill), is_number=True),
            Cell("–", is_number=True),
            Cell("–", is_number=True),
        ]
    ]
    for part in model.structures:
        across = f"{shown(part.horizontal_range_m / 1000, 3)} km" if math.isfinite(part.horizontal_range_m) else "∞"
        down = f"{shown(part.vertical_range_m, 3)} m" if math.isfinite(part.vertical_range_m) else "∞"
        rows.append(
            [
                Cell(both("structure", "構造")),
                Cell(kind_name(part.kind)),
                *(Cell(text, is_number=True) for text in (percent(part.sill / model.sill), across, down)),
            ]
        )
    head = [
        both("part", "成分"),
        both("model", "モデル"),
        both("share of the sill", "シルに占める割合"),
        both("range across", "水平レンジ"),
        both("range down", "鉛直レンジ"),
    ]
    name = subject_name(variogram.subject)
    return Table(f"model-{variogram.subject}", both(f"Fitted model of {name['en']}.", f"{name['ja']}の適合モデル。"), head, rows)


def _uncertainty(variogram: Variogram) -> list[Any]:
    uncertainty = variogram.fit.get("uncertainty") or {}
    rows = []
    for name, part in sorted(uncertainty.get("parameters", {}).items()):
        words, scale = PARAMETERS.get(name, (both(name, name), 1.0))
        sd = part.get("log_sd")
        span = [part["estimate"] * math.exp(sign * _LEVEL * sd) * scale for sign in (-1, 1)] if sd is not None and sd < 5 else None
        if name == "horizontal range" and uncertainty.get("horizontal_range_interval_m"):
            span = [value * scale if value is not None else math.nan for value in uncertainty["horizontal_range_interval_m"]]
        said: Cell = (
            Cell(both("on a bound: no interval", "限界値のため区間なし"))
            if span is None
            else Cell(f"{shown(span[0], 3)} – {shown(span[1], 3)}", is_number=True)
        )
        rows.append([Cell(words), number(part["estimate"] * scale, 3), said])
    if not rows:
        return [missing(both("the fit gives no uncertainty of its parameters.", "パラメータの不確かさは求められていません。"))]
    name = subject_name(variogram.subject)
    caption = both(
        f"Parameters of {name['en']} by restricted maximum likelihood, a second opinion on the fit above.",
        f"制限付き最尤法による{name['ja']}のパラメータ（上の適合とは独立の推定）。",
    )
    head = [both("parameter", "パラメータ"), both("estimate", "推定値"), both("95 % interval", "95 %区間")]
    return [Table(f"uncertainty-{variogram.subject}", caption, head, rows, is_folded=True)]


# --- the joint model -------------------------------------------------------------------------------------------------------------------------------


def _joint(facts: Facts) -> list[Any]:
    model, subjects = facts.joint.model, list(facts.joint.statistics)
    if model is None or len(subjects) < 2:
        return [missing(both("fewer than two variables vary.", "変動する変数が2つありません。"))]
    correlation = np.array(facts.joint.fit.get("correlation", []), dtype=float)
    pairs = [(one, other) for one in range(len(subjects)) for other in range(one)]
    told = {
        language: [f"{_short(subjects[b])[language]}–{_short(subjects[a])[language]} {fixed(correlation[a][b], 3)}" for a, b in pairs]
        if correlation.size
        else ["–"]
        for language in ("en", "ja")
    }
    blocks: list[Any] = [
        Said(
            both(
                "A linear model of coregionalisation holds all variables together. Correlation of the standardised residuals: "
                f"{', '.join(told['en'])}. Where it is near 1, one element adds little to what the other tells.",
                f"線形コリージョナリゼーションモデルで全変数を同時に扱います。標準化残差の相関係数：{'、'.join(told['ja'])}。1に近い組では、一方の元"
                "素が他方に加える情報はわずかです。",
            )
        )
    ]
    for a, b in pairs[:6]:
        found = [lag for lag in facts.joint.experimental if {lag["one"], lag["other"]} == {subjects[a], subjects[b]}]
        sill = float(model.variance[a, b])

        def gamma(direction: str, a: int = a, b: int = b, sill: float = sill) -> Callable[[Array], Array]:
            axis = 0 if direction == "horizontal" else 2
            return lambda lag_m: sill - model.at(np.eye(3)[axis] * lag_m[:, None], a, b)

        directions = [part for direction in ("horizontal", "vertical") if (part := _direction(direction, found, gamma(direction))) is not None]
        if directions:
            name = f"{subjects[b]}-{subjects[a]}"
            one, other = _short(subjects[b]), _short(subjects[a])
            caption = both(f"Cross-variogram of {one['en']} and {other['en']}.", f"{one['ja']} と {other['ja']} のクロスバリオグラム。")
            blocks.append(Plot(f"fig-cross-{name}", figures.variogram(f"cross-{name}", directions, sill), caption, _KEY))
    return blocks


def _short(subject: str) -> Text:
    return both("density", "密度") if subject == DENSITY else both(symbol_of(subject), symbol_of(subject))


# --- estimators ------------------------------------------------------------------------------------------------------------------------------------

_SCORES = ("rmse_g_m3", "mae_g_m3", "bias_g_m3", "crps_g_m3", "msdr", "skill")
_SCORE_NAMES = (
    both("RMSE, g/m³", "RMSE (g/m³)"),
    both("MAE, g/m³", "MAE (g/m³)"),
    both("bias, g/m³", "バイアス (g/m³)"),
    both("CRPS, g/m³", "CRPS (g/m³)"),
    both("MSDR", "MSDR"),
    both("skill", "スキル"),
)


def cross_validation(facts: Facts) -> Chapter:
    """Every estimator tried, its scores, the one used and why."""
    found = Chapter("cross-validation", both("Cross-validation", "クロスバリデーション"))
    folds = len(facts.cross_validation.folds)
    if folds:
        found.blocks.append(
            Said(
                both(
                    f"Each estimator predicted cores that it had not seen: {folds} groups of cores that lie together were set aside in turn. What "
                    "is scored is grade × density. Errors and CRPS (which also judges the stated spread) are better when lower, MSDR near 1; skill "
                    "is the share of the declustered mean's CRPS that is saved, and near 0 % cores so far apart say little about each other. The "
                    "spatial model was fitted to all cores and kept, which flatters kriging a little.",
                    f"近くにまとまったコアを{folds}組に分け、1組ずつ除いて残りから予測した成績です。対象は品位×密度です。誤差と CRPS（不確かさの幅も"
                    "評価する指標）は小さいほど、MSDR は1に近いほど良く、スキルはデクラスタ平均に対する CRPS の改善割合です。0 %に近ければ、この間"
                    "隔のコアは互いをほとんど予測できません。空間モデルは全コアで求めて固定したため、クリギングの成績はやや甘めです。",
                ),
                "lead",
            )
        )
    for element in facts.elements:
        if element in facts.cross_validation.comparisons:
            found.blocks += [Heading(element_name(element)), *_comparison(facts, element)]
    return found


def _comparison(facts: Facts, element: str) -> list[Any]:
    part, drift = facts.cross_validation.comparisons[element], facts.cross_validation.settings.get("drift", [])
    blocks: list[Any] = [Said(verdict(part, drift, facts.cross_validation.settings))]
    if part.scores:
        order = sorted(part.scores, key=lambda name: (part.scores[name]["crps_g_m3"] is None, part.scores[name]["crps_g_m3"] or 0.0))
        rows = [
            [
                Cell(joined([capital(estimator_name(name, drift)), both(" (used)", "（採用）") if name == part.estimator.name else ""], "", "")),
                *(Cell(_score(key, part.scores[name].get(key)), is_number=True) for key in _SCORES),
            ]
            for name in order
        ]
        used = frozenset(position for position, name in enumerate(order) if name == part.estimator.name)
        label = element_name(element)
        caption = both(
            f"{label['en']}: {part.scored:,} of {part.composites:,} layer values, {part.cores:,} cores; best CRPS first.",
            f"{label['ja']}：層別値 {part.composites:,} 個中 {part.scored:,} 個、コア {part.cores:,} 本（CRPS の良い順）。",
        )
        blocks.append(Table(f"estimators-{element}", caption, [both("estimator", "推定法"), *_SCORE_NAMES], rows, main=used))
    else:
        blocks.append(
            missing(both("nothing could be scored: too few cores, or values that do not vary.", "コアが少ないか値に変化がないため、採点できません。"))
        )
    blocks += [Said(joined([capital(estimator_name(name, drift)), printable(note)], ": ", "："), "note") for name, note in sorted(part.notes.items())]
    return blocks + _applicability(part)


def verdict(part: Comparison, drift: Sequence[str], settings: dict[str, Any]) -> Text:
    """Which estimator drives the grades, and why."""
    name = estimator_name(part.estimator.name, part.estimator.drift or drift)
    needed, gains = f"{float(settings.get('min_gain_standard_errors', 1.0)):g}", _gains(part, drift)
    if part.verdict == "kept" and not part.gains:
        return both(
            "Ordinary kriging is used: no other one that may drive the grades could be scored.",
            "通常型クリギングを用います。品位の推定に使える他の方法は採点できませんでした。",
        )
    if part.verdict == "kept":
        return both(
            f"Ordinary kriging is used. It gives way to one whose mean saving in CRPS over cores exceeds {needed} × its standard error ("
            f"{gains['en']}).",
            f"通常型クリギングを用います。CRPS の平均改善量がコア間の標準誤差の{needed}倍を超える方法があれば、それに替えます（{gains['ja']}）。",
        )
    if part.verdict == "replaced":
        return both(
            f"{capital(name)['en']} is used in place of ordinary kriging: its mean saving in CRPS over cores exceeds {needed} × its standard error ("
            f"{gains['en']}).",
            f"通常型クリギングに替えて{name['ja']}を用います。CRPS の平均改善量がコア間の標準誤差の{needed}倍を超えたためです（{gains['ja']}）。",
        )
    if part.verdict == "named":
        return both(f"{capital(name)['en']} is used because the settings name it.", f"{name['ja']}は設定での指定により用いています。")
    return both(
        "Ordinary kriging is used. Nothing could be scored: too few cores, or values that do not vary.",
        "通常型クリギングを用います。コアが少ないか値に変化がないため採点できませんでした。",
    )


def _gains(part: Comparison, drift: Sequence[str]) -> Text:
    told = {name: f"{signed(gain['mean_g_m3'], 2)} ± {shown(gain['standard_error_g_m3'], 2)} g/m³" for name, gain in part.gains.items()}
    english = ", ".join(f"{estimator_name(name, drift)['en']} {gain}" for name, gain in told.items())
    return both(english, "、".join(f"{estimator_name(name, drift)['ja']} {gain}" for name, gain in told.items()))


def _score(key: str, value: float | None) -> str:
    if value is None:
        return "–"
    if key == "skill":
        return percent(value, 1)
    return signed(value, 2) if key == "bias_g_m3" else shown(value, 3)


def _applicability(part: Comparison) -> list[Said]:
    inside = part.applicability.get("inside_share")
    if inside is None:
        return []
    return [
        Said(
            both(
                f"Applicability: {percent(inside)} of the region's cells resemble the cores at least as much as the folds resemble each other; the "
                "scores speak for those.",
                f"適用範囲：対象域のセルの{percent(inside)}は、コアとの類似度が交差検証の組どうしと同程度以上で、上の成績が当てはまります。",
            ),
            "note",
        )
    ]
