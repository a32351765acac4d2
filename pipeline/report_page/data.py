"""Chapters 2 to 4: samples and their quality, composites, declustering."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import DENSITY
from pipeline.report_page import figures
from pipeline.report_page.blocks import (
    Cell,
    Chapter,
    Heading,
    Items,
    Key,
    Plot,
    Said,
    Table,
    Text,
    Words,
    both,
    count,
    fixed,
    joined,
    missing,
    number,
    percent,
    shown,
)
from pipeline.report_page.facts import Facts, subject_name
from pipeline.report_page.words import capital
from pipeline.text import printable
from pipeline.web.texts import below, element_name, symbol_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_MOST_CORES = 60  # strips in the downhole figure
_MOST_ROWS = 60  # of the refused rows that are listed
_FOLDED_FROM = 12  # rows of a table that is folded
_PANELS = 3

_CHECKS_JA = {
    "depth of intervals against penetration": "区間深度と貫入長の整合",
    "water depth against bathymetry": "水深と地形データの整合",
    "one rare earth against all together": "個別元素と総レアアースの整合",
    "laboratory bias": "分析機関の偏り",
}
_STATES_JA = {
    "checked": "確認済み",
    "not checked, needs check assays (qc_type = duplicate)": "未確認（繰り返し分析 qc_type = duplicate が必要）",
    "not checked, needs penetration_m": "未確認（penetration_m が必要）",
    "not checked, needs water_depth_m": "未確認（water_depth_m が必要）",
    "not checked, needs rey_ppm": "未確認（rey_ppm が必要）",
    "not checked, no bathymetry was compared": "未確認（比較する水深データなし）",
}


def quality(facts: Facts) -> Chapter:
    """Files, counts, what was converted and refused, checks, distributions, cores."""
    found = Chapter("data", both("Data and quality control", "データと品質管理"))
    rejected = facts.marks.rows_left_out
    found.blocks += [Said(_sentence(facts), "lead"), _files(facts), *_refused(facts, rejected), *_conversions(facts), _checks(facts), *_biases(facts)]
    found.blocks += [Heading(both("What the intake had to say", "受付時の注記（英語原文）")), Items(_notes(facts))]
    found.blocks += [Heading(both("Distributions", "分布")), _histograms(facts), _statistics(facts)]
    found.blocks += [Heading(both("Down the cores", "コアに沿った品位")), _downhole(facts)]
    found.blocks.append(_core_table(facts))
    return found


def _sentence(facts: Facts) -> Text:
    frame, cores = facts.samples.frame, facts.cores
    files = frame["source_file"].nunique()
    missing_density = int(frame["dry_bulk_density_t_m3"].isna().sum()) if "dry_bulk_density_t_m3" in frame else len(frame)
    below = {element: _censored(facts, element) for element in facts.elements}
    bottom = facts.seafloor.layers.bottom_m
    # Below a marker the interval ends at another depth in each core.
    short = int((cores["deepest_m"].to_numpy(dtype=float) < facts.composites.bottoms_m(cores.index) - 1e-9).sum())
    censored_en = ", ".join(f"{symbol_of(element)} {n:,}" for element, n in below.items() if n) or "none"
    censored_ja = "、".join(f"{symbol_of(element)} {n:,}" for element, n in below.items() if n) or "なし"
    return both(
        f"{len(frame):,} intervals of {len(cores):,} cores came from {files:,} file{'s' if files != 1 else ''}. Assays below the detection limit: "
        f"{censored_en}. Intervals without density: {missing_density:,}. In {short:,} of {len(cores):,} cores the deepest sample lies above the "
        f"bottom of the assessed interval ({bottom:g} m): what lies deeper is missing there, not zero.",
        f"{files:,}ファイルから、コア{len(cores):,}本・{len(frame):,}区間を受け付けました。検出下限未満：{censored_ja}。密度のない区間："
        f"{missing_density:,}。コア{len(cores):,}本のうち{short:,}本は最深の試料が評価区間の下端（{bottom:g} m）に届きません。それより深部は欠測であ"
        "り、0ではありません。",
    )


def _censored(facts: Facts, element: str) -> int:
    column = f"{element}_censored_ppm"
    return int(facts.samples.frame[column].notna().sum()) if column in facts.samples.frame else 0


def _files(facts: Facts) -> Table:
    rows = [
        [Cell(printable(name)), count(int(part["rows"])) if part["rows"] else Cell("–", is_number=True), Cell(str(part["sha256"])[:16])]
        for name, part in sorted(facts.provenance.content.get("inputs", {}).items())
    ]
    head: list[Words] = [both("file", "ファイル"), both("rows used", "使用行数"), both("sha256 (first 16)", "sha256（先頭16桁）")]
    return Table("inputs", both("Input files.", "入力ファイル。"), head, rows, is_folded=len(rows) > _FOLDED_FROM)


def _refused(facts: Facts, rows_left_out: int) -> list[Said | Table]:
    if not len(facts.samples.rejected):
        return [Said(both("No row was refused.", "受理できなかった行はありません。"))]
    listed = facts.samples.rejected.head(_MOST_ROWS)
    rows = [[Cell(printable(str(row[column]))) for column in ("file", "row", "column", "value", "reason")] for row in listed.to_dict("records")]
    head: list[Words] = [both("file", "ファイル"), both("row", "行"), both("column", "列"), both("value", "値"), both("reason", "理由")]
    plural = "s were" if rows_left_out != 1 else " was"
    said = both(
        f"{rows_left_out:,} refused row{plural} left out: they are in no figure of this report.",
        f"受理できなかった{rows_left_out:,}行を除いて推定しました。本報告の数値には含まれません。",
    )
    caption = both(
        f"Refused rows (of {len(facts.samples.rejected):,} reasons, the first {len(rows):,}).",
        f"受理できなかった行（{len(facts.samples.rejected):,}件中、先頭{len(rows):,}件）。",
    )
    return [Said(said, "warning"), Table("rejected", caption, head, rows, is_folded=len(rows) > _FOLDED_FROM)]


def _conversions(facts: Facts) -> list[Said | Items]:
    told = [printable(line) for line in facts.samples.quality.get("conversions", [])]
    if not told:
        return [
            Said(
                both(
                    "Nothing had to be converted: every table was in the units of the pipeline.",
                    "換算はありません。すべて既定の単位で記載されていました。",
                )
            )
        ]
    return [Said(both("Converted at intake:", "受付時に換算したもの：")), Items(told)]


def _checks(facts: Facts) -> Table:
    rows = []
    for name, state in sorted(facts.samples.quality.get("checks", {}).items()):
        mark = "in" if state == "checked" else "part" if state.startswith("checked") else "none"
        japanese = _CHECKS_JA.get(name) or (
            f"{symbol_of(name.removeprefix('pattern of '))} のレアアースパターン" if name.startswith("pattern of ") else name
        )
        said = both(printable(state), printable(_state_in_japanese(state)))
        english = f"pattern of {symbol_of(name.removeprefix('pattern of '))}" if name.startswith("pattern of ") else name
        rows.append([Cell(both(printable(english), printable(japanese))), Cell(said, mark=mark)])
    return Table("checks", both("Checks of the samples.", "試料の確認項目。"), [both("check", "項目"), both("result", "結果")], rows)


def _state_in_japanese(state: str) -> str:
    part = re.fullmatch(r"checked in ([\d,]+) of ([\d,]+) samples?", state)
    if part:
        return f"{part[2]}試料中{part[1]}試料で確認"
    needs = re.fullmatch(r"not checked, needs (.*?)(, in the same sample)?", state)
    if state in _STATES_JA or needs is None:
        return _STATES_JA.get(state, state)
    columns = needs[1].replace(", and ", "・").replace(" and ", "・").replace(" or ", "／").replace(", ", "／").replace("・", " と ")
    return f"未確認（{'同じ試料に' if needs[2] else ''} {columns} の分析値が必要）"


def _biases(facts: Facts) -> list[Said | Table]:
    biases = facts.samples.quality.get("laboratory_bias", [])
    if not biases:
        reason = both(
            "the core tables hold no check assays, so neither precision nor bias of a laboratory can be told.",
            "コア表に繰り返し分析がなく、分析機関の精度・偏りは評価できません。",
        )
        return [missing(reason)]
    verdicts = {
        "unknown": ("too few pairs", "組数不足", "none"),
        "biased": ("biased", "偏りあり", "out"),
        "no bias shown": ("no bias shown", "偏りは認められない", "in"),
    }
    rows = []
    for bias in biases:
        said = verdicts.get(str(bias["verdict"]), (str(bias["verdict"]), str(bias["verdict"]), "part"))
        rows.append(
            [
                Cell(symbol_of(str(bias["element"]))),
                Cell(printable(f"{bias['original_laboratory']} → {bias['check_laboratory']}")),
                count(int(bias["pairs"])),
                Cell(f"{fixed(bias['mean_relative_difference_percent'], 1)}", is_number=True),
                Cell(f"{fixed(bias['rms_cv_percent'], 1)}", is_number=True),
                Cell(both(said[0], said[1]), mark=said[2]),
            ]
        )
    head: list[Words] = [
        both("element", "元素"),
        both("laboratories", "分析機関"),
        both("pairs", "組数"),
        both("mean difference, %", "平均差 (%)"),
        both("rms cv, %", "RMS変動係数 (%)"),
        both("verdict", "判定"),
    ]
    return [Table("bias", both("Check assays by laboratory.", "繰り返し分析（分析機関別）。"), head, rows)]


def _notes(facts: Facts) -> list[Text | str]:
    said: list[Text | str] = [printable(line) for line in facts.samples.warnings]
    return said or [both("Nothing.", "なし。")]


def _panels(facts: Facts) -> list[tuple[Text, str, Array]]:
    frame = facts.samples.frame
    columns = [(element_name(element), "ppm", f"{element}_ppm") for element in facts.elements]
    columns.append((capital(subject_name(DENSITY)), "t/m³", "dry_bulk_density_t_m3"))
    found = [(name, unit, frame[column].dropna().to_numpy(dtype=float)) for name, unit, column in columns if column in frame]
    return [(name, unit, values) for name, unit, values in found if values.size]


def _histograms(facts: Facts) -> Plot:
    panels = _panels(facts)
    parts = [panels[at : at + _PANELS] for at in range(0, len(panels), _PANELS)]
    svg = "".join(figures.histograms(f"histogram-{number}", part) for number, part in enumerate(parts))
    return Plot("fig-histograms", svg, both("Samples by grade and density, not declustered.", "試料の品位・密度の度数分布（デクラスタリング前）。"))


def _statistics(facts: Facts) -> Table:
    rows = []
    for name, unit, values in _panels(facts):
        quantiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
        rows.append(
            [
                Cell(joined([name, unit], ", ", " ")),
                count(values.size),
                *(number(float(value), 3) for value in (values.mean(), values.std(ddof=1) if values.size > 1 else np.nan, *quantiles)),
            ]
        )
    head: list[Words] = [
        both("variable", "変数"),
        both("samples", "試料数"),
        both("mean", "平均"),
        both("sd", "標準偏差"),
        both("lowest", "最小"),
        both("lower quartile", "第1四分位"),
        both("median", "中央値"),
        both("upper quartile", "第3四分位"),
        both("highest", "最大"),
    ]
    return Table("statistics", both("Statistics of the samples, each counted once.", "試料の統計量（重みなし）。"), head, rows)


def _downhole(facts: Facts) -> Plot:
    element, frame = facts.elements[0], facts.samples.frame
    column, names = f"{facts.elements[0]}_ppm", list(facts.cores.index)
    shown_names = names[:_MOST_CORES]
    cores = []
    for core in shown_names:
        part = frame.loc[(frame["core_id"] == core) & frame[column].notna()].sort_values("from_m")
        cores.append((printable(str(core)), *(part[key].to_numpy(dtype=float) for key in ("from_m", "to_m", column))))
    if facts.seafloor.layers.marker:
        # Cores that do not meet the marker have no place beside it.
        moved_m = facts.composites.bottoms_m(shown_names) - facts.seafloor.layers.bottom_m
        cores = [(core, top - at, bottom - at, grade) for (core, top, bottom, grade), at in zip(cores, moved_m, strict=True) if np.isfinite(at)]
    cores = [core for core in cores if core[1].size]
    name = element_name(element)
    more = len(names) - len(shown_names)
    caption = both(
        f"{name['en']} down the cores; blank: not sampled; dashed: bottom of the assessed interval. Colours end at the 98th percentile."
        + (f" {more:,} more cores are not drawn." if more else ""),
        f"コアに沿った{name['ja']}品位。空白は試料なし、破線は評価区間の下端。色の上限は98パーセンタイル。"
        + (f"ほか{more:,}本は省略。" if more else ""),
    )
    layers = facts.seafloor.layers
    svg = figures.downhole("downhole", cores, f"{symbol_of(element)}, ppm", layers.bottom_m, facts.colour_map, layers.marker) if cores else ""
    return Plot("fig-downhole", svg, caption)


def _core_table(facts: Facts) -> Table:
    rows = []
    for core, row in facts.cores.iterrows():
        rows.append(
            [
                Cell(printable(str(core))),
                Cell(fixed(float(row["longitude_deg"]), 4), is_number=True),
                Cell(fixed(float(row["latitude_deg"]), 4), is_number=True),
                number(_float(row["water_depth_m"])),
                Cell(fixed(_float(row["penetration_m"]), 2), is_number=True),
                Cell(fixed(_float(row["deepest_m"]), 2), is_number=True),
                count(int(row["samples"])),
                *(number(_mean(facts, str(core), element), 3) for element in facts.elements),
            ]
        )
    head: list[Words] = [
        both("core", "コア"),
        both("longitude, °E", "経度 (°E)"),
        both("latitude, °N", "緯度 (°N)"),
        both("water depth, m", "水深 (m)"),
        both("penetration, m", "貫入長 (m)"),
        both("deepest sample, m", "最深試料 (m)"),
        both("samples", "試料数"),
        *(both(f"mean {symbol_of(element)}, ppm", f"{symbol_of(element)} 平均 (ppm)") for element in facts.elements),
    ]
    caption = both("Cores; mean grades weighted by length of sample.", "コア一覧（平均品位は試料長で加重）。")
    return Table("cores", caption, head, rows, is_folded=True)


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float | np.number) else float("nan")


def _mean(facts: Facts, core: str, element: str) -> float:
    frame = facts.samples.frame
    part = frame.loc[(frame["core_id"] == core) & frame[f"{element}_ppm"].notna()]
    length_m = (part["to_m"] - part["from_m"]).to_numpy(dtype=float)
    return float(np.average(part[f"{element}_ppm"], weights=length_m)) if length_m.sum() > 0 else float("nan")


# --- composites ------------------------------------------------------------------------------------------------------------------------------------


def compositing(facts: Facts) -> Chapter:
    """How samples became one value per core and layer."""
    found = Chapter("composites", both("Compositing", "コンポジット"))
    frame, layers = facts.composites.frame, facts.composites.layers
    plane = below(layers.marker)
    least, supplied = facts.setting("composites", "min_sampled_share"), int((frame["density_supplied_share"] > 0).sum())
    share = float(np.median(frame["sampled_share"])) if len(frame) else float("nan")
    found.blocks.append(
        Said(
            both(
                f"{len(frame):,} composites of {layers.layer_m:g} m from {layers.top_m:g} to {layers.bottom_m:g} m {plane['en']}. Grades are "
                f"weighted by length times density. A layer of a core counts if at least {percent(least)} of it was sampled; the median composite "
                f"was sampled over {percent(share)} of its height. {supplied:,} composites hold some density that the settings' rule supplied.",
                f"{plane['ja']} {layers.top_m:g}～{layers.bottom_m:g} m を {layers.layer_m:g} m ごとに区切った {len(frame):,} 個のコンポジット。"
                f"品位は試料長×密度で加重しています。層の{percent(least)}以上が採取されたものだけを用い、採取割合の中央値は{percent(share)}です。密度の一部を"
                f"設定の規則で補ったものが {supplied:,} 個あります。",
            ),
            "lead",
        )
    )
    found.blocks += _marker(facts)
    tops_m, bottoms_m = np.asarray(layers.tops_m, dtype=float), np.asarray(layers.bottoms_m, dtype=float)
    counts = {element: _per_layer(facts, element) for element in facts.elements}
    first = facts.elements[0]
    panels = [
        (element_name(element), both("composites", "コンポジット数"), {"bar": counts[element].astype(float)}) for element in facts.elements[:_PANELS]
    ]
    rows = [
        [Cell(f"{top:g}–{bottom:g} m"), *(count(int(counts[element][n])) for element in facts.elements), _share_cell(facts, n)]
        for n, (top, bottom) in enumerate(zip(tops_m, bottoms_m, strict=True))
    ]
    head: list[Words] = [both("layer", "層"), *(symbol_of(element) for element in facts.elements), both("median share sampled", "採取割合の中央値")]
    table = Table("composites-per-layer", both("Composites per layer.", "層ごとのコンポジット数。"), head, rows, is_folded=True)
    fewest = int(counts[first].min())
    caption = both(
        f"Composites per layer; the emptiest holds {fewest:,} of {symbol_of(first)}.",
        f"層ごとのコンポジット数。最少の層で {symbol_of(first)} {fewest:,} 個。",
    )
    found.blocks.append(Plot("fig-composites", figures.by_layer("composites", tops_m, bottoms_m, panels, layers.marker), caption, table=table))
    return found


def _marker(facts: Facts) -> list[Said]:
    """Where the marker that depths are counted from comes from, and how well it is known."""
    told = facts.validation.content.get("marker")
    if not told:
        return []
    out = sum(len(cores) for cores in told["without"].values())
    dip = told.get("dip_m_per_km")
    missed = told.get("left_out_rmse_m")
    tilt = both("", "") if dip is None else both(f"; its plane dips by {shown(dip, 2)} m per km", f"。面の傾きは 1 km あたり {shown(dip, 2)} m")
    error = (
        both("", "")
        if missed is None
        else both(
            f" A pick that is left out is missed by {shown(missed, 2)} m (root mean square).",
            f"同定値を一つずつ除いた予測誤差は {shown(missed, 2)} m（RMSE）です。",
        )
    )
    name = printable(told["name"])
    return [
        Said(
            both(
                f"Depths are below the marker {name}, which {told['cores']:,} cores meet{tilt['en']}. {out:,} cores do not show it and are not "
                f"used. Between the cores its depth below the seafloor is kriged, and drawn anew in every realisation.{error['en']} What would lie "
                "above the seafloor does not exist.",
                f"深度はマーカー層「{name}」からの距離です。マーカー層を同定したコアは {told['cores']:,} 本です{tilt['ja']}。"
                f"同定していない {out:,} 本は用いません。コア間の海底面下深度はクリギングで補間し、実現値ごとに描き直します。{error['ja']}"
                "海底面より上となる部分は存在しません。",
            ),
            "note",
        )
    ]


def _per_layer(facts: Facts, element: str) -> NDArray[np.int64]:
    frame = facts.composites.frame
    layer = frame.loc[frame[f"{element}_g_m3"].notna(), "layer"].to_numpy(dtype=np.int64)
    return np.bincount(layer, minlength=facts.composites.layers.count)


def _share_cell(facts: Facts, layer: int) -> Cell:
    part = facts.composites.frame.loc[facts.composites.frame["layer"] == layer, "sampled_share"]
    return Cell(percent(float(part.median())) if len(part) else "–", is_number=True)


# --- declustering ----------------------------------------------------------------------------------------------------------------------------------


def declustering(facts: Facts) -> Chapter:
    """Means of the layers as they are, and weighted by the area that each core stands for."""
    found = Chapter("declustering", both("Declustering", "デクラスタリング"))
    layers = facts.composites.layers
    tops_m, bottoms_m = np.asarray(layers.tops_m, dtype=float), np.asarray(layers.bottoms_m, dtype=float)
    means = {element: layer_means(facts, element) for element in facts.elements}
    said = []
    for element, (naive, weighted) in means.items():
        change = float(np.nanmean(weighted) / np.nanmean(naive) - 1) if np.isfinite(naive).any() and np.nanmean(naive) > 0 else float("nan")
        name = element_name(element)
        word = ("lowers", "下がり") if change < 0 else ("raises", "上がり")
        said.append(
            both(
                f"{name['en']}: declustering {word[0]} the mean over layers by {percent(abs(change), 1)}.",
                f"{name['ja']}：層平均の平均はデクラスタリングで{percent(abs(change), 1)}{word[1]}ます。",
            )
        )
    weights = facts.composites.frame["declustering_weight"].to_numpy(dtype=float)
    layer = facts.composites.frame["layer"].to_numpy(dtype=np.int64)
    spread = weights * np.bincount(layer, minlength=layers.count)[layer] if weights.size else np.array([np.nan])
    method = both(
        "Cores that crowd together count less: within each layer a composite weighs as the area of the region nearest to it (polygonal "
        f"declustering). The weights run from {fixed(float(spread.min()), 2)} to {fixed(float(spread.max()), 2)} times the even weight.",
        "密集したコアの影響を抑えるため、層ごとに、各コンポジットに最も近い領域の面積を重みとします（多角形法）。重みは均等な場合の "
        f"{fixed(float(spread.min()), 2)}～{fixed(float(spread.max()), 2)} 倍です。",
    )
    found.blocks.append(Said(joined([method, *said]), "lead"))
    shown_elements = facts.elements[:_PANELS]
    panels = [(element_name(element), "ppm", {"naive": means[element][0], "weighted": means[element][1]}) for element in shown_elements]
    key = (
        Key("hollow", figures.COLOURS["ochre"], both("plain mean", "単純平均")),
        Key("dot", figures.COLOURS["blue"], both("declustered mean", "デクラスタ平均")),
    )
    rows = [
        [Cell(f"{top:g}–{bottom:g} m"), *(number(float(values[n])) for element in facts.elements for values in means[element])]
        for n, (top, bottom) in enumerate(zip(tops_m, bottoms_m, strict=True))
    ]
    head: list[Words] = [both("layer", "層")]
    for element in facts.elements:
        symbol = symbol_of(element)
        head += [both(f"{symbol} plain, ppm", f"{symbol} 単純 (ppm)"), both(f"{symbol} declustered, ppm", f"{symbol} デクラスタ (ppm)")]
    table = Table("layer-means", both("Mean grade of the composites per layer.", "層ごとのコンポジット平均品位。"), head, rows, is_folded=True)
    caption = both("Mean grade of the composites per layer, plain and declustered.", "層ごとの平均品位（単純平均とデクラスタ平均）。")
    found.blocks.append(Plot("fig-declustering", figures.by_layer("declustering", tops_m, bottoms_m, panels, layers.marker), caption, key, table))
    return found


def layer_means(facts: Facts, element: str) -> tuple[Array, Array]:
    """Plain and declustered mean grade per layer, both weighted by density as grades are; NaN in a layer without data."""
    frame = facts.composites.frame
    frame = frame.loc[frame[f"{element}_g_m3"].notna()]
    layer = frame["layer"].to_numpy(dtype=np.int64)
    density, metal = (frame[column].to_numpy(dtype=float) for column in ("dry_bulk_density_t_m3", f"{element}_g_m3"))
    found = []
    for weight in (np.ones(len(frame)), frame["declustering_weight"].to_numpy(dtype=float)):
        sums = [np.bincount(layer, weight * values, minlength=facts.composites.layers.count) for values in (metal, density)]
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(np.where(sums[1] > 0, sums[0] / sums[1], np.nan))
    return found[0], found[1]


def depth_of_cores(facts: Facts) -> str:
    """Water depths of the cores, from the shallowest to the deepest."""
    known = facts.cores["water_depth_m"].dropna()
    return f"{shown(float(known.min()))}–{shown(float(known.max()))}" if len(known) else "–"
