"""Section 3, first part: database, geology and how it is estimated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import DENSITY
from pipeline.checklist.facts import (
    NOT_SIMULATED,
    REGIONS,
    Criterion,
    Facts,
    Finding,
    absent,
    as_told,
    both,
    check_at,
    composites_at,
    given,
    joined,
    metres,
    number,
    partly,
    percent,
    samples_at,
    setting_at,
    tonnes_at,
)
from pipeline.published_comparison import published_comparison
from pipeline.web.texts import below, capital, symbol_of

if TYPE_CHECKING:
    from pipeline.artefacts import Variogram

    Text = dict[str, str]

# --- database and geology --------------------------------------------------------------------------------------------------------------------------


def _integrity(facts: Facts) -> Finding:
    inputs = facts.provenance.content["inputs"]
    value = both(
        f"{len(inputs)} input files with their sha256; each cell is read as the one thing it can mean, or its row is refused "
        f"({len(facts.samples.rejected):,} refused). A changed file rebuilds what depends on it.",
        f"入力{len(inputs)}ファイルの sha256 を記録。各セルは一意に読めるものだけを受理し、"
        f"それ以外は行ごと不受理（{len(facts.samples.rejected):,}行）。ファイルが変わると関係する成果物を作り直します。",
    )
    return given(value, ("provenance.json", "/inputs"), ("rejected.csv", "reason"), *samples_at("source_file", "source_row", "conversions"))


def _site_visits(_: Facts) -> Finding:
    return absent(both("No visit to ship, core store or laboratory is on record.", "調査船・コア保管庫・分析機関への現地視察の記録はありません。"))


def _competent_person(_: Facts) -> Finding:
    return absent(
        both(
            "No Competent or Qualified Person has taken part, signed or consented; a program made this table.",
            "コンピテント・パーソン（有資格者）は関与・署名・同意していません。この表はプログラムが作成したものです。",
        )
    )


def _interpretation(facts: Facts) -> Finding:
    layers = facts.composites.layers
    pooled = {variogram.subject: variogram.fit.get("pooled_layers", []) for variogram in facts.variograms if variogram.fit.get("pooled_layers")}
    note = both(", layers with few cores pooled", "（コアの少ない層は統合）") if pooled else both("", "")
    return partly(
        both(
            f"Layers of {metres(layers.layer_m)} m parallel to the seafloor, each with its own mean and spread{note['en']}; no other domain is "
            "drawn.",
            f"海底面に平行な {metres(layers.layer_m)} mの層ごとに平均とばらつきを与え{note['ja']}、ほかの鉱床区分は設けていません。",
        ),
        both(
            "Facies, outcrops and marker horizons are not modelled, and no other interpretation was tried: its effect is not in the intervals.",
            "堆積相・露頭・鍵層はモデル化せず、別の解釈も試していません。その影響は区間に含まれません。",
        ),
        ("variogram_density.json", "/layer_mean"),
        *((f"variogram_{element}.json", "/layer_mean") for element in facts.elements),
        *setting_at("grid", "layer_m"),
    )


def _dimensions(facts: Facts) -> Finding:
    layers, floor = facts.composites.layers, facts.seafloor
    wet = floor.depth_m[np.isfinite(floor.depth_m) & (floor.region_share > 0)]
    best = facts.best(facts.elements[0])
    covered = facts.best(facts.elements[0], "all")
    areas = both("", "")
    if best is not None and covered is not None:
        areas = both(f"Estimated: {number(covered[1]['area_km2'])} km²", f"推定範囲 {number(covered[1]['area_km2'])} km²")
        end = both(". ", "。")
        if facts.headline != "all":
            where, area = REGIONS[facts.headline], number(best[1]["area_km2"])
            end = both(f"; {where['en']}: {area} km². ", f"、うち{where['ja']} {area} km²。")
        areas = joined([areas, end], en="")
    depth = (
        both(f"{number(wet.min())} to {number(wet.max())} m of water", f"水深 {number(wet.min())}～{number(wet.max())} m")
        if wet.size
        else both("water depth unknown", "水深不明")
    )
    value = joined(
        [
            both(f"Region {number(facts.region_km2)} km², {depth['en']}. ", f"対象域 {number(facts.region_km2)} km²、{depth['ja']}。"),
            areas,
            both(
                f"Interval {metres(layers.top_m)} to {metres(layers.bottom_m)} m {below(layers.marker)['en']}.",
                f"{below(layers.marker)['ja']} {metres(layers.top_m)}～{metres(layers.bottom_m)} m。",
            ),
        ],
        en="",
    )
    why = both(
        "The limits are those of region, interval and reach of the cores; where the deposit itself ends is unknown.",
        "対象域・評価区間・コアの届く範囲による限界で、鉱床そのものの広がりは不明です。",
    )
    statistic = "kriged" if covered is None else covered[0]
    evidence = (("seafloor.tif", "region_share"), ("seafloor.tif", "depth_m"), *tonnes_at(facts, statistic, "area_km2", "all"))
    return partly(value, why, *evidence, *tonnes_at(facts, statistic, "area_km2"), *setting_at("grid", "top_m", "bottom_m"))


# --- estimation ------------------------------------------------------------------------------------------------------------------------------------


_ESTIMATORS = {
    "ordinary": both("ordinary kriging", "通常型クリギング"),
    "drift": both("kriging with external drift", "外部ドリフト付きクリギング"),
    "cokriging": both("cokriging", "コクリギング"),
}
_VERDICTS = {
    "named": both("named by the settings", "設定で指定"),
    "unscored": both("too few cores to score any", "コアが少なく比較できず"),
    "kept": both("no other one was shown to be better", "これより優れると示された方法なし"),
    "replaced": both("shown to be better on cores left out", "除外コアでの成績が優れる"),
}


def _technique(facts: Facts) -> Finding:
    parts = []
    for element, found in facts.cross_validation.comparisons.items():
        name, verdict = _ESTIMATORS[found.estimator.name], _VERDICTS[found.verdict]
        symbol = symbol_of(element)
        parts.append(both(f"{symbol}: {name['en']} ({verdict['en']}).", f"{symbol}：{name['ja']}（{verdict['ja']}）。"))
    count = facts.simulation.get("realisations")
    if count:
        parts.append(
            both(
                f"Tonnes and their range: {number(count)} conditional simulations, summed one by one.",
                f"量とその幅：条件付きシミュレーション{number(count)}回（実現値ごとに合計）。",
            )
        )
    parts.append(
        both("Accumulation (grade × density) and density are estimated; grade is their ratio.", "品位×密度と密度を推定し、その比を品位とします。")
    )
    evidence = [("cross_validation.json", f"/elements/{element}/estimator/name") for element in facts.elements]
    evidence += [("cross_validation.json", f"/elements/{element}/reason") for element in facts.elements]
    evidence += [check_at("simulation", "realisations")] if count else []
    return given(joined(parts), *evidence)


def _variogram(facts: Facts) -> Finding:
    parts, touched, evidence = [], [], []
    for variogram in sorted(facts.variograms, key=lambda variogram: variogram.subject == DENSITY):
        parts.append(_model(variogram))
        if variogram.model is None or variogram.model.sill <= 0:
            continue
        evidence += [(f"variogram_{variogram.subject}.json", where) for where in ("/model", "/fit", "/experimental")]
        if variogram.fit.get("at_bounds"):
            touched.append(_subject(variogram.subject))
    if not evidence:
        return absent(both("No variogram could be fitted.", "バリオグラムを当てはめられませんでした。"))
    if not touched:
        return given(joined(parts), *evidence)
    why = both(
        f"A parameter stopped at a bound ({', '.join(part['en'] for part in touched)}): the cores do not show it.",
        f"限界値に達したパラメータがあります（{'、'.join(part['ja'] for part in touched)}）。コアからは定まりません。",
    )
    return partly(joined(parts), why, *evidence)


def _subject(subject: str) -> Text:
    return both("density", "密度") if subject == DENSITY else both(symbol_of(subject), symbol_of(subject))


def _model(variogram: Variogram) -> Text:
    """Model of one variable in one sentence, with the pairs behind it and what is known of its range."""
    name = _subject(variogram.subject)
    if variogram.model is None:
        return both(f"{capital(name['en'])}: a constant prior, no variogram.", f"{name['ja']}：一定の事前値（バリオグラムなし）。")
    sill = variogram.model.sill
    if sill <= 0:
        return both(
            f"{capital(name['en'])}: all values are equal, so there is no variogram.",
            f"{name['ja']}：値がすべて等しく、バリオグラムはありません。",
        )
    first = variogram.model.structures[0]
    kind = _KINDS.get(first.kind, both(first.kind, first.kind))
    pairs = {
        direction: sum(part["pairs"] for part in variogram.experimental if part["direction"] == direction) for direction in ("horizontal", "vertical")
    }
    known = _interval((variogram.fit.get("uncertainty") or {}).get("horizontal_range_interval_m"))
    nugget = variogram.model.nugget / sill
    vertical = next((part.vertical_range_m for part in variogram.model.structures if math.isfinite(part.vertical_range_m)), None)
    return both(
        f"{capital(name['en'])}: {kind['en']}, horizontal range {number(first.horizontal_range_m / 1000, 1)} km{known['en']}, vertical "
        f"{number(vertical, 1)} "
        f"m, nugget {percent(nugget)} % of the sill; {pairs['horizontal']:,} horizontal and {pairs['vertical']:,} vertical pairs.",
        f"{name['ja']}：{kind['ja']}、水平レンジ {number(first.horizontal_range_m / 1000, 1)} km{known['ja']}、鉛直レンジ {number(vertical, 1)} m、"
        f"ナゲットはシルの {percent(nugget)} %。水平{pairs['horizontal']:,}対、鉛直{pairs['vertical']:,}対。",
    )


def _interval(ends_m: list[float | None] | None) -> Text:
    """What the likelihood says of a range; an end that it leaves open is told as such."""
    low, high = (None if end is None else number(end / 1000, 1) for end in ends_m or (None, None))
    if low is None and high is None:
        return both("", "")
    if high is None:
        return both(f" (by likelihood at least {low} km, at 95 %)", f"（尤度により {low} km以上、95 %）")
    if low is None:
        return both(f" (by likelihood at most {high} km, at 95 %)", f"（尤度により {high} km以下、95 %）")
    return both(f" (95 % interval by likelihood {low} to {high} km)", f"（尤度による95 %区間 {low}～{high} km）")


_KINDS = {
    "exponential": both("exponential", "指数モデル"),
    "spherical": both("spherical", "球モデル"),
    "gaussian": both("Gaussian", "ガウスモデル"),
    "cubic": both("cubic", "3次モデル"),
    "matern32": both("Matérn 3/2", "マターン3/2"),
    "matern52": both("Matérn 5/2", "マターン5/2"),
}


def _search(facts: Facts) -> Finding:
    spacings, buffer, slope = (
        facts.setting("grade", "max_distance_spacings"),
        facts.setting("tonnage", "hull_buffer_spacings"),
        facts.setting("tonnage", "min_slope_of_regression"),
    )
    value = both(
        f"No cell farther than {number(spacings * facts.spacing_m / 1000, 1)} km ({as_told(spacings)} median spacings) from every core is "
        f"estimated. The headline is cut to the hull of the cores widened by {number(buffer * facts.spacing_m / 1000, 1)} km and to a slope of "
        f"regression of at least {as_told(slope)}.",
        f"どのコアからも {number(spacings * facts.spacing_m / 1000, 1)} km（間隔の中央値の {as_told(spacings)}倍）より遠いセルは推定しません。"
        f"主要値は、コアの凸包を {number(buffer * facts.spacing_m / 1000, 1)} km広げた範囲で、回帰の傾きが {as_told(slope)}以上のセルに限ります。",
    )
    return given(
        value,
        *setting_at("grade", "max_distance_spacings"),
        *setting_at("tonnage", "hull_buffer_spacings", "min_slope_of_regression"),
        *((f"grade_{element}.tif", "slope_of_regression") for element in facts.elements),
    )


def _declustering(facts: Facts) -> Finding:
    parts = []
    frame = facts.composites.frame
    for element in facts.elements:
        top = facts.check(element, "top_cut")["mean_ppm"]
        plain = float(np.average(frame[f"{element}_ppm"].dropna(), weights=frame.loc[frame[f"{element}_ppm"].notna(), "dry_bulk_density_t_m3"]))
        symbol = symbol_of(element)
        parts.append(
            both(
                f"{symbol}: {number(top, 1)} ppm with weights, {number(plain, 1)} without.",
                f"{symbol}：重みあり {number(top, 1)} ppm、なし {number(plain, 1)} ppm。",
            )
        )
    value = joined(
        [
            both(
                "Polygons of influence per layer, clipped to the region. Mean of the composites:",
                "層ごとに、対象域で切った影響圏多角形で重み付け。コンポジットの平均：",
            ),
            *parts,
        ]
    )
    return given(value, *composites_at("declustering_weight"), *(check_at("elements", element, "top_cut", "mean_ppm") for element in facts.elements))


def _correlation(facts: Facts) -> Finding:
    fitted = facts.joint.fit.get("correlation")
    names = list(facts.joint.statistics)
    if not fitted or facts.joint.model is None:
        return absent(both("No joint model could be fitted.", "変数間の結合モデルは当てはめられませんでした。"))
    pairs = [
        both(
            f"{_subject(one)['en']}–{_subject(other)['en']} {number(fitted[i][j], 2)}",
            f"{_subject(one)['ja']}–{_subject(other)['ja']} {number(fitted[i][j], 2)}",
        )
        for i, one in enumerate(names)
        for j, other in enumerate(names)
        if j > i and i < len(fitted) and j < len(fitted)
    ]
    value = both(
        f"Grades and density are modelled together. Correlation of their residuals: {', '.join(pair['en'] for pair in pairs)}.",
        f"品位と密度を同時にモデル化。残差の相関：{'、'.join(pair['ja'] for pair in pairs)}。",
    )
    return given(value, ("coregionalisation.json", "/fit/correlation"), ("coregionalisation.json", "/model"))


def _block_size(facts: Facts) -> Finding:
    cell_m, layer_m = facts.seafloor.grid.cell_m, facts.composites.layers.layer_m
    rows, columns = facts.seafloor.grid.shape
    ratio = facts.spacing_m / cell_m if cell_m else math.nan
    value = both(
        f"Blocks of {number(cell_m)} × {number(cell_m)} × {metres(layer_m)} m, {rows} × {columns} cells: the median core spacing "
        f"({number(facts.spacing_m / 1000, 1)} km) is {number(ratio)} blocks.",
        f"ブロックは {number(cell_m)} × {number(cell_m)} × {metres(layer_m)} m、{rows}×{columns}セル。"
        f"コア間隔の中央値（{number(facts.spacing_m / 1000, 1)} km）はブロック{number(ratio)}個分です。",
    )
    evidence = (*setting_at("grid", "cell_m", "layer_m"), *samples_at("longitude_deg", "latitude_deg"))
    if ratio <= 4:
        return given(value, *evidence)
    why = both(
        "So small a block is not estimated well one by one: neighbouring blocks share the same cores. Read areas, not single blocks.",
        "間隔に比べて小さく、個々のブロックの推定は確かではありません（隣り合うブロックは同じコアによる）。単独ではなく面的に見てください。",
    )
    return partly(value, why, *evidence)


def _selectivity(facts: Facts) -> Finding:
    parts = []
    for element in facts.elements:
        rows = facts.check(element, "discrete_gaussian")
        if rows:
            symbol, factor = symbol_of(element), number(rows[0]["support_factor"], 2)
            parts.append(both(f"{symbol} {factor}", f"{symbol} {factor}"))
    value = both(
        "No selective mining unit is assumed; a cut-off applies to whole blocks. Variance of a block over that of a composite: "
        f"{', '.join(part['en'] for part in parts)}. A discrete Gaussian model stands beside the simulated tonnes over every cut-off.",
        f"選択採掘単位は仮定せず、カットオフはブロック単位で適用。ブロックとコンポジットの分散比：{'、'.join(part['ja'] for part in parts)}。"
        "各カットオフで離散ガウスモデルの値を並べて示します。",
    )
    why = both(
        "What a collector could select is unknown; tonnes over a cut-off are in place, not recoverable (recoverable.csv mines whole columns).",
        "集鉱機がどこまで選別できるかは不明です。カットオフ以上の量は原位置量で、可採量ではありません（recoverable.csv は柱状区間単位）。",
    )
    return partly(
        value,
        why,
        *(
            check_at("elements", element, "discrete_gaussian", 0, "support_factor")
            for element in facts.elements
            if facts.check(element, "discrete_gaussian")
        ),
    )


def _extremes(facts: Facts) -> Finding:
    parts, evidence = [], []
    for element in facts.elements:
        cut, symbol = facts.check(element, "top_cut"), symbol_of(element)
        parts.append(
            both(
                f"{symbol}: capped at the 99th percentile ({number(cut['cap_ppm'], 1)} ppm; composites over it: {cut['capped_composites']}) "
                "the mean would "
                f"change by {percent(cut['change_share'], 1)} %.",
                f"{symbol}：99パーセンタイル（{number(cut['cap_ppm'], 1)} ppm、超過コンポジット{cut['capped_composites']}個）で打ち切ると平均は "
                f"{percent(cut['change_share'], 1)} %変わります。",
            )
        )
        evidence.append(check_at("elements", element, "top_cut", "change_share"))
        tail = (facts.simulation.get("tail") or {}).get(element)
        if tail and tail.get("none", {}).get("mean_t") and tail.get("lognormal", {}).get("mean_t"):
            change = tail["none"]["mean_t"] / tail["lognormal"]["mean_t"] - 1
            parts.append(
                both(
                    f"With no tail beyond the highest datum its mean total would change by {percent(change, 1)} %.",
                    f"最大値より上の裾をなくすと、総量の平均は {percent(change, 1)} %変わります。",
                )
            )
            evidence.append(check_at("simulation", "tail", element))
    return given(joined([both("No grade is cut.", "高品位の打ち切りはありません。"), *parts]), *evidence)


def _cross_validation(facts: Facts) -> Finding:
    parts, evidence, poor = [], [], []
    for element, found in facts.cross_validation.comparisons.items():
        scores = found.scores.get(found.estimator.name)
        if not scores:
            continue
        symbol = symbol_of(element)
        skill, rmse, bias, msdr = (scores.get(key) for key in ("skill", "rmse_g_m3", "bias_g_m3", "msdr"))
        parts.append(
            both(
                f"{symbol}: {found.scored} composites of {found.cores} cores; RMSE {number(rmse, 1)} g/m³, bias {number(bias, 2)} g/m³, squared "
                f"error over kriging variance {number(msdr, 2)}, skill against the declustered mean {percent(skill, 1)} %.",
                f"{symbol}：コア{found.cores}本、コンポジット{found.scored}個。RMSE {number(rmse, 1)} g/m³、偏り {number(bias, 2)} g/m³、"
                f"二乗誤差とクリギング分散の比 {number(msdr, 2)}、平均値に対する改善 {percent(skill, 1)} %。",
            )
        )
        evidence.append(("cross_validation.json", f"/elements/{element}/scores/{found.estimator.name}"))
        if skill is not None and skill < 0.1:
            poor.append(symbol)
    if not parts:
        return absent(both("Too few cores: no estimator was scored.", "コアが少なく、推定法の成績を求めていません。"))
    value = joined(
        [
            both(
                f"Whole cores left out, in {len(facts.cross_validation.folds)} spatial folds.",
                f"コア単位で除外（空間的な{len(facts.cross_validation.folds)}分割）。",
            ),
            *parts,
        ]
    )
    if not poor:
        return given(value, *evidence)
    why = both(
        f"At a core left out the estimate is hardly better than the mean ({', '.join(poor)}): the spacing is too wide to tell one place from "
        "another.",
        f"除外したコアの地点では平均値とほとんど差がありません（{'、'.join(poor)}）。間隔が広く、場所ごとの違いは分かりません。",
    )
    return partly(value, why, *evidence)


def _validation(facts: Facts) -> Finding:
    checks = facts.simulation.get("checks")
    if not checks:
        return absent(
            NOT_SIMULATED
            if not facts.simulation.get("realisations")
            else both("The checks are switched off ([simulation] checks).", "検証は設定で無効です（[simulation] checks）。")
        )
    histogram = [part["inside"] for rows in checks.get("histogram", {}).values() for part in rows]
    variogram = [part["inside"] for both_ways in checks.get("variogram", {}).values() for rows in both_ways.values() for part in rows]
    gaps = [_swath_gap(facts, element) for element in facts.elements]
    each = [f"{symbol_of(element)} {percent(gap)} %" for element, gap in zip(facts.elements, gaps, strict=True)]
    told = both(", ".join(each), "、".join(each))
    value = both(
        f"Realisations against data: {sum(histogram)} of {len(histogram)} quantiles and {sum(variogram)} of {len(variogram)} variogram lags of the "
        f"data lie inside the 90 % band. Swaths: layer means of kriged blocks and data differ by at most {told['en']}.",
        f"実現値とデータの比較：分位点{len(histogram)}個中{sum(histogram)}個、バリオグラムのラグ{len(variogram)}個中{sum(variogram)}個が90 "
        f"%の幅の内側。スワスプロット：クリギングとデータの層平均の差は最大 {told['ja']}。",
    )
    evidence = [check_at("simulation", "checks", part) for part in ("histogram", "variogram") if part in checks]
    return given(value, *evidence, *(check_at("elements", element, "swaths", "depth_m") for element in facts.elements))


def _swath_gap(facts: Facts, element: str) -> float | None:
    """Largest relative difference between kriged blocks and data in a layer."""
    gaps = [
        abs(part["kriged_ppm"] / part["data_ppm"] - 1)
        for part in facts.check(element, "swaths")["depth_m"]
        if part["data_ppm"] and part["kriged_ppm"] is not None
    ]
    return max(gaps) if gaps else None


def _previous(facts: Facts) -> Finding:
    found = published_comparison(facts.elements[0], facts.published.figures(), facts.tonnage, facts.samples, facts.seafloor)
    mined = both("There has been no production to reconcile with.", "照合できる生産実績はありません。")
    best = facts.best(facts.elements[0])
    if found.reason is not None or best is None:
        return absent(joined([found.reason or both("", ""), mined]))
    circular = [step for step in found.steps if step.circular]
    names = both("; ".join(step.label["en"] for step in circular), "、".join(step.label["ja"] for step in circular))
    value = joined(
        [
            found.verdict,
            both(f"Circular steps: {names['en']}.", f"循環する段階：{names['ja']}。") if circular else both("", ""),
        ]
    )
    return partly(value, mined, *tonnes_at(facts, best[0])[:1], *tonnes_at(facts, best[0], "dry_mud_t")[:1])


def _by_products(_: Facts) -> Finding:
    return absent(
        both(
            "By-products and deleterious elements (U, Th, As, heavy metals) are not estimated, and nothing is assumed about recovering them.",
            "副産物と有害元素（U、Th、As、重金属）は推定せず、その回収も仮定していません。",
        )
    )


CRITERIA = (
    Criterion(both("Database integrity", "データベースの完全性"), "program", _integrity),
    Criterion(both("Site visits", "現地視察"), "program", _site_visits),
    Criterion(both("Competent Person", "有資格者（コンピテント・パーソン）"), "program", _competent_person),
    Criterion(both("Geological interpretation", "地質解釈"), "program", _interpretation),
    Criterion(both("Dimensions", "規模"), "data", _dimensions),
    Criterion(both("Estimation and modelling techniques: method", "推定手法：方法"), "program", _technique),
    Criterion(both("Estimation and modelling techniques: variography", "推定手法：バリオグラム"), "data", _variogram),
    Criterion(both("Estimation and modelling techniques: search and extrapolation", "推定手法：探索と外挿"), "program", _search),
    Criterion(both("Estimation and modelling techniques: declustering", "推定手法：デクラスタリング"), "data", _declustering),
    Criterion(both("Estimation and modelling techniques: correlation between variables", "推定手法：変数間の相関"), "data", _correlation),
    Criterion(
        both("Estimation and modelling techniques: block size and core spacing", "推定手法：ブロックの大きさとコア間隔"), "program", _block_size
    ),
    Criterion(both("Estimation and modelling techniques: selective mining units", "推定手法：選択採掘単位"), "program", _selectivity),
    Criterion(both("Estimation and modelling techniques: grade cutting or capping", "推定手法：高品位の打ち切り"), "data", _extremes),
    Criterion(both("Estimation and modelling techniques: cross-validation", "推定手法：交差検証"), "data", _cross_validation),
    Criterion(both("Estimation and modelling techniques: validation against data", "推定手法：データとの照合"), "data", _validation),
    Criterion(both("Check estimates, previous estimates and reconciliation", "検算・既往の推定・生産実績との照合"), "data", _previous),
    Criterion(both("By-products and deleterious elements", "副産物と有害元素"), "program", _by_products),
)
