"""Section 3, last part: tonnes, classes and how sure they are; and section 4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import CLASSES
from pipeline.checklist.facts import (
    NOT_SIMULATED,
    REGIONS,
    Criterion,
    Facts,
    Finding,
    absent,
    both,
    check_at,
    given,
    joined,
    number,
    partly,
    percent,
    setting_at,
    tonnes_at,
)
from pipeline.units import KM2_PER_M2, oxide_name
from pipeline.web.texts import capital, subscripted, symbol_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Text = dict[str, str]


def class_areas_km2(facts: Facts) -> dict[str, float]:
    """Area of each class that holds a cell, best first; nothing where no cell is classified."""
    areas = {CLASSES[code]: area for code, area in sorted(_areas_km2(facts, facts.classes.code).items(), reverse=True)}
    areas.pop("unclassified", None)
    return areas


def _areas_km2(facts: Facts, code: NDArray[np.float64]) -> dict[int, float]:
    """Area of the cells with each code, by their share inside the region."""
    share = np.where(np.isfinite(code), facts.seafloor.region_share, 0.0)
    cell_km2 = facts.seafloor.grid.cell_area_m2 * KM2_PER_M2
    return {int(value): area for value in np.unique(code[share > 0]) if (area := float(share[code == value].sum()) * cell_km2) > 0}


CLASS_NAMES = {
    "measured": both("measured", "精測（measured）"),
    "indicated": both("indicated", "概測（indicated）"),
    "inferred": both("inferred", "予測（inferred）"),
}
_REASONS = {
    0: both("nothing was simulated", "シミュレーションなし"),
    1: both("too far outside the hull of the cores", "コアの凸包から遠い"),
    2: both("slope of regression below the limit", "回帰の傾きが下限未満"),
    3: both("supported, but a year's metal is not known well enough", "コアで裏付けられるが、1年分の金属量の確かさが不足"),
    4: both("a year's metal is known well enough, a quarter's is not", "1年分は十分、四半期分は不足"),
    5: both("a quarter's metal is known well enough", "四半期分まで十分"),
}


def _classification(facts: Facts) -> Finding:
    areas = class_areas_km2(facts)
    volume = facts.simulation.get("production_volume")
    if not areas or not volume:
        return absent(joined([NOT_SIMULATED, both("So no cell has a class.", "そのため区分はありません。")]))
    told = both(
        ", ".join(f"{CLASS_NAMES[name]['en']} {number(area)} km²" for name, area in areas.items()),
        "、".join(f"{CLASS_NAMES[name]['ja']} {number(area)} km²" for name, area in areas.items()),
    )
    reasons = _areas_km2(facts, facts.classes.reason)
    because = both(
        "; ".join(f"{_REASONS[code]['en']}, {number(area)} km²" for code, area in reasons.items()),
        "；".join(f"{_REASONS[code]['ja']} {number(area)} km²" for code, area in reasons.items()),
    )
    limit, confidence = volume["limit_half_width_share"], volume["confidence"]
    value = joined(
        [
            both(f"Classes of this program: {told['en']}; the rest is unclassified.", f"本プログラムの区分：{told['ja']}、ほかは区分なし。"),
            both(f"Reasons: {because['en']}.", f"理由：{because['ja']}。"),
            both(
                f"Well enough means within ±{percent(limit)} % at {percent(confidence)} % confidence.",
                f"十分とは、信頼度 {percent(confidence)} %で±{percent(limit)} %以内に分かることです。",
            ),
        ]
    )
    why = both(
        "The classes state how well tonnes are known and nothing else; no Competent Person has set or reviewed them.",
        "量の確からしさだけを示す区分で、有資格者が定めたものでも確認したものでもありません。",
    )
    evidence = (("classes.tif", "class_code"), ("classes.tif", "reason_code"), ("classes.tif", "tags/reasons"))
    return partly(value, why, *evidence, *setting_at("classes", "half_width_share", "confidence"))


def _class_test(facts: Facts) -> Finding:
    volume: dict[str, Any] | None = facts.simulation.get("production_volume")
    if not volume:
        return absent(NOT_SIMULATED)
    named = {"year": both("a year's", "1年分"), "quarter": both("a quarter's", "四半期分")}
    found = {key: {name: value for name, value in volume[key].items() if name != "side_of_volume_m"} for key in named}
    if found["year"] == found["quarter"]:  # tested on the same cells
        parts = [_half_widths(both("A year's metal, and a quarter's", "1年分・四半期分の金属量"), found["year"])]
    else:
        parts = [_half_widths(both(f"{capital(name['en'])} metal", f"{name['ja']}の金属量"), found[key]) for key, name in named.items()]
    side_m = volume["year"]["side_of_volume_m"]
    parts.append(
        both(
            f"A year takes a square of {number(side_m)} m at {number(facts.setting('classes', 'production_dry_t_day'))} dry tonnes a day.",
            f"1年の生産量は、日量 {number(facts.setting('classes', 'production_dry_t_day'))} t（乾燥）で一辺 {number(side_m)} mの範囲に当たります。",
        )
    )
    return given(
        joined(parts),
        check_at("simulation", "production_volume", "year"),
        check_at("simulation", "production_volume", "quarter"),
        *setting_at("classes", "production_dry_t_day"),
    )


def _half_widths(what: Text, found: dict[str, Any]) -> Text:
    """How well the metal of one volume is known."""
    best, middle, passing = (percent(found[key]) for key in ("smallest_half_width_share", "median_half_width_share", "share_of_cells_passing"))
    whole_cell = str(found["tested_on"]).startswith("one whole cell")
    tested = both(", tested on one whole cell (more than that volume)", "（それより大きい1セル全体で判定）") if whole_cell else both("", "")
    return both(
        f"{what['en']}{tested['en']}: ±{best} % at the best cell, ±{middle} % at the median one; {passing} % of the cells pass.",
        f"{what['ja']}{tested['ja']}：最良のセルで±{best} %、中央値±{middle} %、基準を満たすセル {passing} %。",
    )


def _tonnes(facts: Facts) -> Finding:
    parts, simulated = [], True
    for element in facts.elements:
        best = facts.best(element)
        if best is None:
            continue
        row, symbol, oxide = best[1], symbol_of(element), oxide_name(element)
        low, middle, high = (facts.row(element, name) for name in ("p10", "p50", "p90"))
        head = both(
            f"{symbol}: {number(row['dry_mud_t'] * 1e-6)} Mt of dry mud at {number(row['grade_ppm'], 1)} ppm, {number(row['metal_t'])} t of metal",
            f"{symbol}：乾燥泥 {number(row['dry_mud_t'] * 1e-6)}百万t、品位 {number(row['grade_ppm'], 1)} ppm、金属量 {number(row['metal_t'])} t",
        )
        as_oxide = (
            both("", "")
            if oxide is None
            else both(f" ({number(row['oxide_t'])} t {subscripted(oxide)})", f"（{subscripted(oxide)} {number(row['oxide_t'])} t）")
        )
        if low is None or middle is None or high is None:
            simulated = False
            spread = both("; kriged, without a range.", "（クリギング、幅なし）。")
        else:
            spread = both(
                f"; low (P90) {number(low['metal_t'])}, median {number(middle['metal_t'])}, high (P10) {number(high['metal_t'])} t.",
                f"。低位 (P90) {number(low['metal_t'])}、中央値 {number(middle['metal_t'])}、高位 (P10) {number(high['metal_t'])} t。",
            )
        parts.append(joined([head, as_oxide, spread], en=""))
    if not parts:
        return absent(both("No tonnes are estimated.", "量は推定されていません。"))
    where = REGIONS[facts.headline]
    value = joined([both(f"In place, {where['en']}, no cut-off.", f"原位置量、{where['ja']}、カットオフなし。"), *parts])
    statistics = ("mean", "p10", "p50", "p90") if simulated else ("kriged",)
    evidence = [place for statistic in statistics for place in tonnes_at(facts, statistic)]
    if simulated:
        return given(value, *evidence)
    return partly(
        value, both("Not every element could be simulated: those have no range.", "シミュレーションできなかった元素には幅がありません。"), *evidence
    )


def _accuracy(facts: Facts) -> Finding:
    parts, evidence = [], []
    for element in facts.elements:
        mean, low, high = (facts.row(element, name) for name in ("mean", "p05", "p95"))
        if mean is None or low is None or high is None:
            continue
        symbol = symbol_of(element)
        parts.append(
            both(
                f"{symbol}: the 90 % interval of the total reaches from {percent(1 - low['metal_t'] / mean['metal_t'])} % below to "
                f"{percent(high['metal_t'] / mean['metal_t'] - 1)} % above its mean{_sources(facts, element)['en']}.",
                f"{symbol}：総量の90 %区間は平均の {percent(1 - low['metal_t'] / mean['metal_t'])} %下から "
                f"{percent(high['metal_t'] / mean['metal_t'] - 1)} %上まで{_sources(facts, element)['ja']}。",
            )
        )
        evidence += [("tonnage.csv", f"{element}/{facts.headline}/0/{name}/metal_t") for name in ("p05", "p95")]
        if element in (facts.simulation.get("sources") or {}):
            evidence.append(check_at("simulation", "sources", element))
    if not parts:
        return absent(NOT_SIMULATED)
    why = both(
        "The interval holds for the whole region, not for a part of it; another geological model, a bias of all assays and an error of the density "
        "method are not in it.",
        "区間は全域についてのもので、一部の区域には当てはまりません。別の地質解釈、全分析に共通する偏り、密度測定法の誤差は含みません。",
    )
    return partly(joined(parts), why, *evidence)


_SOURCES = {
    "grade_field": both("what lies between the cores", "コア間の品位分布"),
    "mean_and_spread": both("mean and spread of the layers", "各層の平均とばらつき"),
    "unsampled_layers": both("layers that cores do not show", "コアで見えない層"),
    "assay_error": both("assay and sampling error", "分析・採取の誤差"),
    "marker": both("depth of the marker", "マーカー層の深度"),
    "density": both("density", "密度"),
    "variogram": both("the spatial model", "空間モデル"),
}


def _sources(facts: Facts, element: str) -> Text:
    """The two largest shares of the variance of a total; nothing where they were not told apart."""
    found = (facts.simulation.get("sources") or {}).get(element, {}).get("one_off", {})
    shares = sorted(((part["share_of_variance"], name) for name, part in found.items() if part.get("share_of_variance") is not None), reverse=True)[
        :2
    ]
    if not shares:
        return both("", "")
    names = [(_SOURCES.get(name, both(name, name)), percent(share)) for share, name in shares]
    return both(
        "; most of its variance comes from " + " and ".join(f"{name['en']} (about {share} %)" for name, share in names) + ", each switched off alone",
        "。分散の主な原因：" + "、".join(f"{name['ja']}（約{share} %）" for name, share in names) + "（単独で除いた場合の減少分）",
    )


def _calibration(facts: Facts) -> Finding:
    found = facts.validation.content["calibration"]
    runs = found.get("runs") or []
    parts, evidence = [], []
    for number_of_run, run in enumerate(runs):
        for element in facts.elements:
            ninety = run.get("elements", {}).get(element, {}).get("total", {}).get("90")
            if ninety is None or not {"layout", "twins"} <= run.keys():
                continue
            symbol = symbol_of(element)
            parts.append(
                both(
                    f"{symbol}, {run['layout']} cores: {ninety['held']} of {run['twins']}.",
                    f"{symbol}（コア{run['layout']}本）：{run['twins']}回中{ninety['held']}回。",
                )
            )
            evidence.append(check_at("calibration", "runs", number_of_run, "elements", element, "total", "90"))
    if not parts:
        return absent(both("How often such intervals hold the truth was not tried.", "この種の区間が真値を含む割合は確かめていません。"))
    value = joined(
        [
            both("How often the 90 % interval of the total held the truth of made-up deposits:", "架空の鉱床で、総量の90 %区間が真値を含んだ回数："),
            *parts,
        ]
    )
    why = both("The made-up deposits follow this program's own idea of such a deposit.", "架空の鉱床は本プログラムの想定に基づくものです。")
    return partly(value, why, *evidence)


def _truth(facts: Facts) -> Finding:
    parts, evidence = [], []
    for element in facts.elements:
        for position, row in enumerate(facts.check(element, "truth") or []):
            metal = row["metal_t"]
            if row["cutoff_ppm"] == 0 and "mean" in metal:
                symbol = symbol_of(element)
                held = both("inside", "内側") if metal["inside"] else both("outside", "外側")
                parts.append(
                    both(
                        f"{symbol}: truth {number(metal['truth'])} t, estimate {number(metal['mean'])} t; {held['en']} the 90 % interval.",
                        f"{symbol}：真値 {number(metal['truth'])} t、推定 {number(metal['mean'])} t（90 %区間の{held['ja']}）。",
                    )
                )
                evidence.append(check_at("elements", element, "truth", position, "metal_t"))
    why = both(
        "One deposit that a computer drew shows that the program works, not that a real deposit is known.",
        "計算機で作った1つの鉱床での確認であり、実在の鉱床が分かったことにはなりません。",
    )
    if parts:
        return partly(joined([both("Whole region, against the known synthetic deposit.", "全域、既知の合成鉱床との比較。"), *parts]), why, *evidence)
    return absent(both("The true tonnes of a real deposit are not known before it is mined.", "実在の鉱床の真の量は、採掘するまで分かりません。"))


def _reproducibility(facts: Facts) -> Finding:
    code = str(facts.provenance.content["code_sha256"])
    value = both(
        f"Program {code[:12]}…, seed {facts.setting('simulation', 'seed')}: the same inputs give the same bytes; every figure names inputs, "
        "settings and code.",
        f"プログラム {code[:12]}…、乱数の種 {facts.setting('simulation', 'seed')}。同じ入力から同じバイト列が得られ、"
        "各数値に入力・設定・プログラムを記録しています。",
    )
    return given(value, ("provenance.json", "/code_sha256"), ("provenance.json", "/numbers"), *setting_at("simulation", "seed"))


def _audits(_: Facts) -> Finding:
    return absent(
        both(
            "No independent person has audited or repeated this estimate. The program's own tests are no audit.",
            "第三者による監査や再推定は行われていません。プログラム自身のテストは監査に代わりません。",
        )
    )


def _reserves(_: Facts) -> Finding:
    return absent(
        both(
            "No reserve is estimated: that needs a resource, and at least a pre-feasibility study of mining, processing, costs, market, law and "
            "environment.",
            "埋蔵量は推定していません。資源量の存在と、採掘・処理・費用・市場・法令・環境に関する予備的フィージビリティ調査以上が前提となります。",
        )
    )


CRITERIA = (
    Criterion(both("Tonnes and grade", "量と品位"), "data", _tonnes),
    Criterion(both("Classification", "区分"), "data", _classification),
    Criterion(both("Classification: test on production volumes", "区分：生産量に基づく判定"), "data", _class_test),
    Criterion(both("Discussion of relative accuracy and confidence: the total", "相対精度・信頼度：総量"), "data", _accuracy),
    Criterion(both("Discussion of relative accuracy and confidence: calibration", "相対精度・信頼度：区間の検定"), "program", _calibration),
    Criterion(both("Discussion of relative accuracy and confidence: known truth", "相対精度・信頼度：真値との照合"), "program", _truth),
    Criterion(both("Reproducibility", "再現性"), "program", _reproducibility),
    Criterion(both("Audits or reviews of the estimate", "推定に対する監査・レビュー"), "program", _audits),
)

RESERVES = (Criterion(both("Mineral Reserves", "鉱物埋蔵量"), "program", _reserves),)
