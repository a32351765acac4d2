"""Part of the chapter on the published estimate: their method on these cores, and ours beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pipeline.report_page import figures
from pipeline.report_page.blocks import Cell, Heading, Key, Plot, Said, Table, Text, both, count, joined, missing, number, percent, shown
from pipeline.report_page.facts import Facts, region_name
from pipeline.web.texts import element_name, symbol_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_REY: Final = "rey"
_MAPS: Final[dict[str, Text]] = {
    "inverse_distance": both("inverse distance", "逆距離加重法"),
    "nearest": both("nearest core", "最近隣のコア"),
    "kriging": both("ordinary kriging, metre by metre", "1 m ごとの通常型クリギング"),
}
_STEPS: Final[dict[str, Text]] = {
    "published": both("Published 2018 (more than)", "2018年公表値（以上）"),
    "rebuilt": both("Their method, these cores", "公表手法・このコア"),
    "density": both("Our density in its place", "密度を本評価の値に"),
    "covered": both("Only where we estimate", "本評価の推定範囲に限定"),
    "method": both("Our method, same squares", "本評価の手法・同じ正方形"),
    "area": both("Our headline area", "本評価の主要対象域"),
}
_TOTALS: Final = ("published", "rebuilt", "method", "area")
_OXIDES: Final[dict[str, Text]] = {
    "samples": both("at the pattern of the samples that carry every rare earth", "全元素の分析値をもつ試料の組成による"),
    "settings": both("[elements] reo_per_rey, derived from atomic masses and shale", "設定 reo_per_rey（原子量と頁岩の組成から導出）"),
}


def blocks(facts: Facts) -> list[Any]:
    """Heading, what was done, three tables and a figure; or why there is nothing."""
    content = facts.published_method.content
    heading = Heading(both("The published method on these cores", "公表値の手法をこのコアに適用すると"))
    if content["state"] != "made":
        return [heading, missing(content["reason"])]
    found: list[Any] = [heading, Said(_what_was_done(content), "lead")]
    if _REY in content["elements"]:
        found += [_against_the_paper(content), Said(_circular(content, facts), "warning" if facts.marks.is_synthetic else "note")]
    else:
        found.append(
            missing(
                both(
                    "no sample carries all rare earths together (rey_ppm), so the published total has nothing to be held against; none is made up "
                    "from single elements.",
                    "ΣREY の分析値（rey_ppm）をもつ試料がなく、公表された総量とは比べられません。個別元素からの推測は行いません。",
                )
            )
        )
    beside = [element for element, part in content["elements"].items() if part["ours"] is not None]
    if beside:
        found += [_beside_ours(content, beside), *_waterfall(content, _REY if _REY in beside else beside[0])]
    found.append(_metres(facts, _REY if _REY in content["elements"] else next(iter(content["elements"]))))
    return found


def _what_was_done(content: dict[str, Any]) -> Text:
    layout, (top_m, bottom_m) = content["layout"], content["interval_m"]
    way = _MAPS[next(iter(content["elements"].values()))["interpolation"]]
    squares, side = layout["squares_east"] * layout["squares_north"], shown(layout["side_m"] / 1000, 4)
    area = shown(layout["area_km2"])
    return both(
        f"A map of each metre from {top_m:g} to {bottom_m:g} m ({way['en']}), its mean in {squares} squares of {side} km ({area} km²), times one "
        "density, summed. The paper tells of maps by the metre in ArcGIS and of 24 squares of 105 km²; which interpolation, where the squares lie "
        "and which density are not at hand, so these are assumptions ([published_method]), and the columns to the right show what others would give.",
        f"{top_m:g}～{bottom_m:g} m を1 mごとに補間し（{way['ja']}）、一辺 {side} km の正方形{squares}個（{area} km²）で平均して、"
        "一定の密度を掛けて合計したものです。論文から分かるのは ArcGIS による1 mごとの分布図と105 km²の正方形24個だけで、"
        "補間法・正方形の位置・密度は不明です。このため仮定（[published_method]）を置き、別の仮定による値を右の列に示します。",
    )


def _against_the_paper(content: dict[str, Any]) -> Table:
    part, said = content["elements"][_REY], content["published"]
    chosen, others = part["interpolations"][part["interpolation"]], list(part["interpolations"].values())
    places, factor = part["other_places"], part["oxide_per_metal"]
    density, low, high = (content["density"][name] for name in ("dry_bulk_density_t_m3", "low_t_m3", "high_t_m3"))
    evidence, circular = Cell(both("a comparison", "比較"), mark="in"), Cell(both("circular", "循環"), mark="part")
    rows = [
        [
            Cell(both("mean ΣREY, ppm", "平均 ΣREY (ppm)")),
            number(said["rey_mean_ppm"]),
            number(chosen["grade_ppm"]),
            _span(other["grade_ppm"] for other in others),
            _span(places["grade_ppm"]),
            circular if content["data_kind"] != "measured" else evidence,
        ]
    ]
    if chosen["oxide_t"] is not None:
        to_oxide_t = chosen["oxide_t"] / chosen["grade_ppm"]
        bounds = "" if low is None or high is None else f" ({low:g}–{high:g})"
        rows.append(
            [
                Cell(
                    both(
                        f"REO, t, at {density:g}{bounds} t/m³, the density that the published total implies",
                        f"REO (t)、公表総量から逆算される密度 {density:g}{bounds} t/m³",
                    )
                ),
                number(said["reo_t"]),
                number(chosen["oxide_t"]),
                _span(other["oxide_t"] for other in others),
                _span([value * to_oxide_t for value in places["grade_ppm"]]),
                circular,
            ]
        )
    if said["best_over_whole"] is not None:
        rows.append(
            [
                Cell(both("richest square over the whole, per area: no density in it", "最も豊富な正方形と全域の単位面積量の比（密度によらない）")),
                number(said["best_over_whole"], 3),
                number(chosen["best_over_whole"], 3),
                _span((other["best_over_whole"] for other in others), 3),
                _span(places["best_over_whole"], 3),
                circular if content["data_kind"] != "measured" else evidence,
            ]
        )
    head = [
        both("figure", "項目"),
        both("published", "公表値"),
        both("rebuilt here", "ここでの再現"),
        both("other interpolations", "別の補間法"),
        both(f"{places['places']} other places of the squares", f"正方形の位置を変えた{places['places']}通り"),
        both("evidence?", "裏付け"),
    ]
    oxide = _OXIDES.get(part["oxide_per_metal_source"], both("unknown: no oxides are given", "不明のため酸化物量は示さない"))
    oxides = "" if factor is None else f"{factor:.3f}, "
    caption = both(
        f"Published figures and the same method on {part['cores']:,} cores, {part['samples']:,} samples (REO over ΣREY: {oxides}{oxide['en']}).",
        f"公表値と、コア{part['cores']:,}本・{part['samples']:,}試料に同じ手法を適用した値（REO／ΣREY：{oxides}{oxide['ja']}）。",
    )
    return Table("published-method", caption, head, rows)


def _span(values: Iterable[float | None], digits: int = 4) -> Cell:
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return Cell("–", is_number=True)
    low, high = shown(min(known), digits), shown(max(known), digits)
    return Cell(low if low == high else both(f"{low} to {high}", f"{low}～{high}"), is_number=True)


def _circular(content: dict[str, Any], facts: Facts) -> Text:
    parts = [
        both(
            "The tonnes of oxides are circular: the density follows from the published total, so that any grade near the published mean gives them "
            "back. The ratio of the richest square needs no density.",
            "酸化物量は循環しています。密度は公表された総量から逆算した値なので、平均品位が公表値に近ければ必ず同じ量になります。最も豊富な正方形の比は"
            "密度によりません。",
        )
    ]
    if content["data_kind"] != "measured":
        parts.append(
            both(
                "Here even the mean grade is circular: it was put into the synthetic survey. The table shows the method, and confirms nothing.",
                "さらに、ここでは平均品位も合成データの入力値です。手法を示すだけで、何の裏付けにもなりません。",
            )
        )
    if facts.composites.density_source == "prior":
        parts.append(both("No sample carries a density: ours is the value of the settings.", "密度の測定値がないため、本評価の密度は設定値です。"))
    return joined(parts)


def _beside_ours(content: dict[str, Any], elements: list[str]) -> Table:
    rows = []
    draws = 0
    for element in elements:
        part = content["elements"][element]
        ours = part["ours"]
        best = ours.get("simulated", ours["kriged"])
        draws = max(draws, ours.get("simulated", {}).get("realisations", 0))
        levels = {step["key"]: step["level_t"] for step in part["steps"]["levels"]}
        factor = part["oxide_per_metal"] if part["steps"]["counts"] == "oxide" else 1.0
        alike_t = levels.get("covered", levels["density"]) / factor
        span = [best.get("p10_metal_t"), best.get("p90_metal_t")]
        rows.append(
            [
                Cell(symbol_of(element)),
                number(part["interpolations"][part["interpolation"]]["metal_t"]),
                number(alike_t),
                number(best["metal_t"]),
                _span(span),
                Cell(("+" if best["metal_t"] > alike_t else "") + percent(best["metal_t"] / alike_t - 1, 1), is_number=True),
                number(best["dry_bulk_density_t_m3"], 3),
            ]
        )
    head = [
        both("metal, t", "金属量 (t)"),
        both("their method", "公表値の手法"),
        both("with our density", "密度を本評価の値に"),
        both("our method", "本評価の手法"),
        both("low (P90) to high (P10)", "低位（P90）～高位（P10）"),
        both("difference by method", "手法による差"),
        both("our density, t/m³", "本評価の密度 (t/m³)"),
    ]
    of = (
        both(f"mean and range of {draws:,} realisations", f"{draws:,}回の実現値の平均と幅")
        if draws
        else both("kriged, without a range", "クリギング推定値（幅なし）")
    )
    caption = both(
        f"Both methods on the same cores, squares and interval; ours: {of['en']}. At equal density the difference is one of method: the same "
        "samples, mapped in three dimensions and weighted by density.",
        f"同じコア・正方形・区間に両手法を適用した結果（本評価は{of['ja']}）。密度をそろえた残りの差は手法によるもので、試料は同じです（本評価は3次元で推定し、"
        "密度で加重）。",
    )
    return Table("method-against-method", caption, head, rows)


def _waterfall(content: dict[str, Any], element: str) -> list[Any]:
    part = content["elements"][element]
    name, steps = element_name(element), part["steps"]
    bars: list[figures.Bar] = []
    before = 0.0
    for step in steps["levels"]:
        key = step["key"]
        if key in _TOTALS and key not in ("published", "rebuilt"):
            step_name = both("by method", "手法による差") if key == "method" else both("by area", "面積による差")
            bars.append(figures.Bar(step_name, before, step["level_t"], False, False))
        elif key == "rebuilt" and bars:
            bars.append(figures.Bar(both("by cores and what is not known", "コアと不明な点による差"), before, step["level_t"], False, True))
        label = _STEPS[key]
        if key == "area" and steps["region"] is not None:
            where = region_name(steps["region"])
            label = both(f"{label['en']}: {where['en']}", f"{label['ja']}：{where['ja']}")
        if key in _TOTALS:
            bars.append(figures.Bar(label, 0.0, step["level_t"], True, False))
        else:
            bars.append(figures.Bar(label, before, step["level_t"], False, key == "density"))
        before = step["level_t"]
    of = (
        both("rare-earth oxides", "レアアース酸化物")
        if steps["counts"] == "oxide"
        else both(f"{symbol_of(element)} metal", f"{symbol_of(element)} 金属量")
    )
    drawn = both(
        f"{name['en']}: from their method on these cores to our estimate. The steps add up exactly.",
        f"{name['ja']}：公表手法をこのコアに適用した値から本評価まで（合計は厳密に一致）。",
    )
    key = (
        Key("bar", figures.COLOURS["navy"], both("a total", "総量")),
        Key("bar", figures.COLOURS["blue"], both("adds", "増加")),
        Key("bar", figures.COLOURS["ochre"], both("takes away", "減少")),
        Key("bar", figures.COLOURS["pink"], both("circular: agreement says nothing", "循環：一致しても裏付けにならない")),
    )
    return [Plot("fig-published-method", figures.waterfall("published-method", bars, of), drawn, key)]


def _metres(facts: Facts, element: str) -> Table:
    frame = facts.published_method.frame
    part = facts.published_method.content["elements"][element]
    here = frame[(frame["element"] == element) & (frame["square"] == "all")]
    ways = list(part["interpolations"])
    top_m, bottom_m = facts.published_method.content["interval_m"]
    rows = []
    for (upper_m, lower_m), each in here.groupby(["top_m", "bottom_m"], sort=True):
        is_whole = upper_m == top_m and lower_m == bottom_m
        by_way = {str(row["interpolation"]): row for row in each.to_dict("records")}
        depth = both("all metres", "全区間") if is_whole else both(f"{upper_m:g}–{lower_m:g} m", f"{upper_m:g}～{lower_m:g} m")
        rows.append((is_whole, [Cell(depth), count(int(by_way[ways[0]]["sites"])), *(number(float(by_way[way]["grade_ppm"])) for way in ways)]))
    ordered = [row for is_whole, row in rows if not is_whole] + [row for is_whole, row in rows if is_whole]
    symbol = symbol_of(element)
    caption = both(f"{symbol} of each metre over all squares, ppm.", f"各1 mの {symbol} 品位（全正方形の平均、ppm）。")
    head = [both("below the seafloor", "海底面下"), both("cores", "コア数"), *(_MAPS[way] for way in ways)]
    return Table("published-method-metres", caption, head, ordered, is_folded=True)
