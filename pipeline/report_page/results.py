"""Chapters 9, 10 and 12: grade and tonnage, sources of variance, classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.number_ids import pointer_id
from pipeline.report_page import figures
from pipeline.report_page.blocks import Cell, Chapter, Heading, Key, Plot, Said, Table, Text, both, missing, number, percent, shown
from pipeline.report_page.drawing import scaled
from pipeline.report_page.facts import Facts, figure_cell, is_class, region_name
from pipeline.report_page.headline import source_sentence
from pipeline.report_page.words import COLUMN_NAMES, PERCENTILE_NAMES, SOURCES, capital, source_shares
from pipeline.text import printable
from pipeline.units import oxide_name
from pipeline.web.texts import element_name, subscripted, symbol_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_CURVES = ("p10", "p90", "mean", "kriged")
_SHOWN = ("kriged", "mean", "p10", "p50", "p90")
_TABLE_COLUMNS = ("area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t")


def grade_tonnage(facts: Facts) -> Chapter:
    """Curves and table over the cut-offs, element by element and region by region."""
    found = Chapter("grade-tonnage", both("Grade and tonnage", "品位・トン数"))
    found.blocks.append(
        Said(
            both(
                "A cut-off applies to blocks (one cell, one layer). The band runs from low (P90) to high (P10) of the realisations; every number "
                "is that of tonnage.csv. Kriged curves threshold smoothed block estimates: they are too high at low cut-offs and too low at high "
                "ones; the discrete Gaussian model is a check by other means.",
                "カットオフ品位は1セル×1層のブロックに適用します。帯は実現値の低位（P90）～高位（P10）で、数値はすべて tonnage.csv のものです。クリ"
                "ギングの曲線は平滑化されたブロック推定値をしきい値で切ったもので、低いカットオフでは過大、高いカットオフでは過小になります。離散ガ"
                "ウスモデルは別法による確認です。",
            ),
            "note",
        )
    )
    for element in facts.elements:
        for region in facts.regions(element):
            if not is_class(region):
                found.blocks += _of_region(facts, element, region)
    return found


def _of_region(facts: Facts, element: str, region: str) -> list[Any]:
    cutoffs = facts.cutoffs_ppm(element)
    name, where = element_name(element), region_name(region)
    heading = Heading(both(f"{name['en']}, {where['en']}", f"{name['ja']}、{where['ja']}"))
    said = _curve_sentence(facts, element, region, cutoffs)
    return [heading, *([Said(said, "lead")] if said else []), _curves(facts, element, region, cutoffs), _table(facts, element, region, cutoffs)]


def _curve_sentence(facts: Facts, element: str, region: str, cutoffs: Sequence[float]) -> Text | None:
    rows = [(cutoff, facts.row(element, region, "mean", cutoff)) for cutoff in cutoffs]
    start = next((row for _, row in rows if row), None)
    if start is None or not start["metal_t"] > 0:
        return None
    half = next(((cutoff, row) for cutoff, row in rows if row and row["metal_t"] <= 0.5 * start["metal_t"]), None)
    if half is None:
        return None
    cutoff, row = half
    low, high = (facts.row(element, region, statistic, cutoff) for statistic in ("p10", "p90"))
    spread_en = f" (low {shown(low['metal_t'], 3)} to high {shown(high['metal_t'], 3)} t)" if low and high else ""
    spread_ja = f"（低位 {shown(low['metal_t'], 3)}～高位 {shown(high['metal_t'], 3)} t）" if low and high else ""
    return both(
        f"Over {cutoff:g} ppm {percent(row['metal_t'] / start['metal_t'])} of the metal is left, {shown(row['metal_t'], 3)} t{spread_en}, in "
        f"{percent(row['dry_mud_t'] / start['dry_mud_t'])} of the mud at {shown(row['grade_ppm'], 3)} ppm.",
        f"カットオフ {cutoff:g} ppm では金属量の{percent(row['metal_t'] / start['metal_t'])}、{shown(row['metal_t'], 3)} t{spread_ja}が残り、泥量は"
        f"{percent(row['dry_mud_t'] / start['dry_mud_t'])}、品位は {shown(row['grade_ppm'], 3)} ppm です。",
    )


def _curves(facts: Facts, element: str, region: str, cutoffs: Sequence[float]) -> Plot:
    lines = {column: curves(facts, element, region, cutoffs, column) for column in ("dry_mud_t", "grade_ppm", "metal_t")}
    panels: list[tuple[Text, str, dict[str, Array]]] = []
    for column, words in (("dry_mud_t", both("Dry mud", "乾燥泥量")), ("metal_t", both("Metal", "金属量")), ("grade_ppm", both("Grade", "品位"))):
        divisor, unit = scaled(np.concatenate(list(lines[column].values())).tolist()) if column != "grade_ppm" else (1.0, "ppm")
        title = both(f"{words['en']}, {unit}", f"{words['ja']} ({unit})")
        panels.append((title, column, {curve: values / divisor for curve, values in lines[column].items()}))
    key = [
        Key("line", figures.COLOURS["blue"], both("mean of the realisations", "実現値の平均")),
        Key("band", figures.COLOURS["band"], figures.BAND_KEY),
        Key("dash", figures.COLOURS["ochre"], PERCENTILE_NAMES["kriged"]),
    ]
    if "dgm" in lines["metal_t"]:
        key.append(Key("dots", figures.COLOURS["green"], PERCENTILE_NAMES["dgm"]))
    has_spread = "mean" in lines["metal_t"]
    name, where = element_name(element), region_name(region)
    place = facts.regions(element).index(region)
    svg = figures.grade_tonnage(f"curves-{element}-{place}", np.array(cutoffs), panels, both("cut-off, ppm", "カットオフ品位 (ppm)"))
    caption = both(f"{name['en']}, {where['en']}: tonnage and grade over the cut-off.", f"{name['ja']}、{where['ja']}：カットオフ品位と量・品位。")
    return Plot(f"fig-curves-{element}-{place}", svg, caption, tuple(key if has_spread else key[2:]))


def curves(facts: Facts, element: str, region: str, cutoffs: Sequence[float], column: str) -> dict[str, Array]:
    """Values over the cut-offs by statistic, of the tonnage table; and of the discrete Gaussian model where region is ``all``."""
    found = {}
    for statistic in _CURVES:
        rows = [facts.row(element, region, statistic, cutoff) for cutoff in cutoffs]
        if any(rows):
            found[statistic] = np.array([np.nan if row is None else float(row[column]) for row in rows])
    model = {row["cutoff_ppm"]: row["dgm"] for row in facts.checks(element).get("discrete_gaussian") or []} if region == "all" else {}
    if model:
        values = [model.get(cutoff, {}).get(column) for cutoff in cutoffs]
        found["dgm"] = np.array([np.nan if value is None else value for value in values], dtype=float)
    return found


def _table(facts: Facts, element: str, region: str, cutoffs: Sequence[float]) -> Table:
    statistics = [statistic for statistic in _SHOWN if any(facts.row(element, region, statistic, cutoff) for cutoff in cutoffs)]
    columns = [column for column in _TABLE_COLUMNS if column != "oxide_t" or oxide_name(element)]
    rows = [
        [
            Cell(f"{cutoff:g}"),
            Cell(PERCENTILE_NAMES[statistic]),
            *(figure_cell(facts.row(element, region, statistic, cutoff), column, 1e-6 if column == "dry_mud_t" else 1.0) for column in columns),
        ]
        for cutoff in cutoffs
        for statistic in statistics
    ]
    oxide = subscripted(oxide_name(element) or "")
    names = [
        both(words["en"].replace("{oxide}", oxide), words["ja"].replace("{oxide}", oxide)) for words in (COLUMN_NAMES[column] for column in columns)
    ]
    name, where = element_name(element), region_name(region)
    caption = both(f"{name['en']}, {where['en']}: every cut-off.", f"{name['ja']}、{where['ja']}：全カットオフ。")
    states = frozenset(position for position, row in enumerate(rows) if row[1].text == PERCENTILE_NAMES["mean"])
    return Table(
        f"tonnage-{element}-{facts.regions(element).index(region)}",
        caption,
        [both("cut-off, ppm", "カットオフ (ppm)"), both("statistic", "統計量"), *names],
        rows,
        is_folded=True,
        main=states,
    )


# --- sources of variance ---------------------------------------------------------------------------------------------------------------------------


def sources(facts: Facts) -> Chapter:
    """Which source makes how much of the variance of the total."""
    found = Chapter("sources", both("Where the uncertainty comes from", "不確かさの内訳"))
    told = {element: source_shares(facts.simulation, element) for element in facts.elements}
    told = {element: shares for element, shares in told.items() if shares}
    if not told:
        reason = facts.not_simulated() if facts.simulation.get("not_simulated") else both("the checks are switched off.", "検証が無効です。")
        found.blocks.append(missing(reason))
        return found
    found.blocks.append(
        Said(
            both(
                "By how much the variance of the total would fall if one source were known, the random numbers being the same (95 % interval by "
                "bootstrap). Shares need not add up to 100 %: the rest is interaction. A hollow point is not distinguishable from zero.",
                "ある原因が既知になった場合の総量の分散の減少割合です（乱数は共通、区間はブートストラップによる95 %）。合計は100 %とは限らず、残り"
                "は交互作用です。白抜きは0と区別できません。",
            ),
            "note",
        )
    )
    for element, shares in told.items():
        found.blocks += _sources_of(facts, element, shares)
    return found


def _share_id(element: str, source: str) -> str:
    return pointer_id("validation", "simulation", "sources", element, "one_off", source, "share_of_variance")


def _sources_of(facts: Facts, element: str, shares: dict[str, dict[str, float]]) -> list[Any]:
    whole = facts.simulation["sources"][element]
    order = sorted(shares, key=lambda source: -shares[source]["share_of_variance"])
    rows = [(capital(SOURCES[source]), shares[source]["share_of_variance"], shares[source]["low"], shares[source]["high"]) for source in order]
    name = element_name(element)
    off = [SOURCES[source] for source in whole.get("switched_off", []) if source in SOURCES]
    interaction = both(
        f"Interaction: {percent(whole['interaction_share_of_variance'])} of the variance. Standard deviation of the total: {shown(whole['sd_t'], 3)}"
        " t.",
        f"交互作用：分散の{percent(whole['interaction_share_of_variance'])}。総量の標準偏差：{shown(whole['sd_t'], 3)} t。",
    )
    table_rows = [
        [
            Cell(words),
            Cell(percent(share, 1), repr(share), _share_id(element, source), is_number=True),
            Cell(f"{percent(low, 1)} – {percent(high, 1)}", is_number=True),
            Cell(both("yes", "できる"), mark="in") if low > 0 else Cell(both("not from zero", "できない"), mark="part"),
        ]
        for source, (words, share, low, high) in zip(order, rows, strict=True)
    ]
    caption = both(f"{name['en']}: share of the variance of total metal by source.", f"{name['ja']}：総金属量の分散に占める各原因の割合。")
    head = [both("source", "原因"), both("share", "割合"), both("95 % interval", "95 %区間"), both("distinguishable", "0と区別")]
    table = Table(f"sources-{element}", caption, head, table_rows, is_folded=True)
    blocks: list[Any] = [Heading(name), *(Said(text, "lead") for text in source_sentence(facts, element))]
    blocks.append(Plot(f"fig-sources-{element}", figures.shares(f"sources-{element}", rows), caption, (), table))
    blocks.append(Said(interaction, "note"))
    if off:
        said = both(
            "Switched off in the settings: " + ", ".join(words["en"] for words in off) + ".",
            "設定で無効：" + "、".join(words["ja"] for words in off) + "。",
        )
        blocks.append(Said(said, "note"))
    return blocks


# --- classes ---------------------------------------------------------------------------------------------------------------------------------------


def classes(facts: Facts) -> Chapter:
    """What is measured, indicated, inferred, and why."""
    found = Chapter("classes", both("Classes and the reasons", "区分とその理由"))
    volume = facts.simulation.get("production_volume")
    if not volume:
        found.blocks.append(missing(facts.not_simulated()))
        return found
    limit, confidence = percent(volume["limit_half_width_share"]), percent(volume["confidence"])
    day, days = facts.setting("classes", "production_dry_t_day"), facts.setting("classes", "production_days_year")
    slope = facts.setting("tonnage", "min_slope_of_regression")
    found.blocks.append(
        Said(
            both(
                f"Indicated asks that the metal of the volume mined in a year is known within {limit} of its mean at {confidence} confidence, "
                f"measured that of a quarter (production {shown(day)} t of dry mud a day, {days:g} days a year; Parker & Dohm 2014). Inferred asks "
                f"for support by the cores: inside their buffered hull and a slope of regression of at least {shown(slope, 2)}. These are criteria "
                "of a program, not a competent person's classification.",
                f"「推定（indicated）」は1年分、「確定（measured）」は四半期分の採掘体積の金属量が、信頼度{confidence}で平均の±{limit}以内で分かるこ"
                f"とを条件とします（乾燥泥 {shown(day)} t/日、年{days:g}日。Parker & Dohm 2014）。「予測（inferred）」はコアによる裏付け（緩衝を付け"
                f"た凸包の内側、回帰の傾き {shown(slope, 2)} 以上）を条件とします。これはプログラムの基準であり、有資格者による区分ではありません。",
            ),
            "note",
        )
    )
    found.blocks += [Said(_class_sentence(facts, volume), "lead"), _volume_table(volume), *_class_table(facts)]
    return found


def _class_sentence(facts: Facts, volume: dict[str, Any]) -> Text:
    element = facts.elements[0]
    areas = {region: float(row["area_km2"]) for region in facts.regions(element) if is_class(region) and (row := facts.row(element, region, "mean"))}
    supported = facts.row(element, "supported", "mean")
    smallest, median = volume["year"]["smallest_half_width_share"], volume["year"]["median_half_width_share"]
    passing = volume["year"]["share_of_cells_passing"]
    told_en = ", ".join(f"{region_name(region)['en']} {shown(area)} km²" for region, area in areas.items())
    told_ja = "、".join(f"{region_name(region)['ja']} {shown(area)} km²" for region, area in areas.items())
    if not areas and supported:
        told_en, told_ja = f"inferred {shown(supported['area_km2'])} km²", f"予測（inferred） {shown(supported['area_km2'])} km²"
    return both(
        f"{told_en or 'No class holds a cell'}. {percent(passing, 1)} of the supported cells pass the test of a year: the half-width is "
        f"{percent(smallest)} where it is smallest and {percent(median)} in the median, against the limit of "
        f"{percent(volume['limit_half_width_share'])}.",
        f"{told_ja or '該当するセルはありません'}。裏付けのあるセルのうち1年分の条件を満たすのは{percent(passing, 1)}です。半幅は最小"
        f"{percent(smallest)}、中央値{percent(median)}で、限度は{percent(volume['limit_half_width_share'])}です。",
    )


def _volume_table(volume: dict[str, Any]) -> Table:
    tested = {
        "cells": both("whole cells", "セル単位"),
        "parts of a cell": both("parts of a cell", "セルの一部"),
        "one whole cell, a larger volume: it fails already": both(
            "one whole cell, a larger volume: it fails already", "1セル全体（より大きな体積でもすでに不合格）"
        ),
    }
    rows = []
    for period, words in (("quarter", both("quarter (measured)", "四半期（measured）")), ("year", both("year (indicated)", "1年（indicated）"))):
        part = volume.get(period)
        if part is None:
            continue
        rows.append(
            [
                Cell(words),
                number(part.get("side_of_volume_m")),
                Cell(
                    tested.get(
                        part.get("tested_on", ""), both(printable(str(part.get("tested_on", "–"))), printable(str(part.get("tested_on", "–"))))
                    )
                ),
                Cell(percent(part["smallest_half_width_share"]), is_number=True),
                Cell(percent(part.get("median_half_width_share")), is_number=True),
                Cell(percent(volume["limit_half_width_share"]), is_number=True),
                Cell(percent(part["share_of_cells_passing"], 1), is_number=True),
            ]
        )
    head = [
        both("production of a", "生産期間"),
        both("side of the volume, m", "体積の一辺 (m)"),
        both("tested on", "判定の単位"),
        both("smallest half-width", "半幅の最小"),
        both("median half-width", "半幅の中央値"),
        both("limit", "限度"),
        both("cells that pass", "合格セル"),
    ]
    return Table("volumes", both("The test of the classes.", "区分の判定。"), head, rows)


def _class_table(facts: Facts) -> list[Table]:
    rows = []
    for element in facts.elements:
        for region in facts.regions(element):
            if is_class(region):
                cells = [figure_cell(facts.row(element, region, statistic), "metal_t") for statistic in ("mean", "p10", "p90")]
                area = figure_cell(facts.row(element, region, "mean"), "area_km2")
                rows.append(
                    [
                        Cell(both(f"{symbol_of(element)}: {region_name(region)['en']}", f"{symbol_of(element)}：{region_name(region)['ja']}")),
                        area,
                        *cells,
                    ]
                )
    if not rows:
        return []
    head = [
        both("class", "区分"),
        both("area, km²", "面積 (km²)"),
        both("mean, t", "平均 (t)"),
        both("low (P90), t", "低位（P90）(t)"),
        both("high (P10), t", "高位（P10）(t)"),
    ]
    return [Table("class-tonnes", both("Metal by class, cut-off 0.", "区分別の金属量（カットオフ0）。"), head, rows)]
