"""Chapters 7, 8, 11, 14 and 15: profiles, reproduction, the upper tail, the truth, the calibration."""

from __future__ import annotations

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
from pipeline.report_page.headline import nearest_run
from pipeline.report_page.judged import estimating_program_sha256
from pipeline.report_page.words import capital, direction_name
from pipeline.text import printable
from pipeline.web.texts import element_name, symbol_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_AXES = {
    "easting_m": (both("West to east", "西→東"), both("easting, km", "東西 (km)"), 1e-3),
    "northing_m": (both("South to north", "南→北"), both("northing, km", "南北 (km)"), 1e-3),
    "depth_m": (both("Downwards", "深さ方向"), both("depth below the seafloor, m", "海底下深度 (m)"), 1.0),
}
_BELOW_MARKER = both("depth below the marker, m", "マーカー層下の深度 (m)")
_SWATH_KEY = (
    Key("dot", figures.COLOURS["ochre"], both("composites, declustered", "コンポジット（デクラスタ）")),
    Key("dash", figures.COLOURS["green"], both("kriged", "クリギング")),
    Key("line", figures.COLOURS["blue"], both("mean of the realisations", "実現値の平均")),
    Key("band", figures.COLOURS["pale"], both("p05 to p95 of single blocks", "個々のブロックの p05～p95")),
)


def swaths(facts: Facts) -> Chapter:
    """Mean grade in slices along each axis: data against estimate."""
    found = Chapter("swaths", both("Swath profiles", "スワスプロファイル"))
    lead = both(
        "Slices of the deposit: where the estimate follows the data it is locally unbiased; where it is smoother, kriging or few composites are "
        "the reason. The band is that of single blocks, wider than that of a slice's mean.",
        "鉱床を切り分けた平均品位です。推定がデータに沿っていれば局所的な偏りはありません。より滑らかな部分は、クリギングの平滑化やコンポジットの少"
        "なさによります。帯は個々のブロックの幅で、断面の平均の幅より広くなります。",
    )
    found.blocks.append(Said(lead, "lead"))
    for element in facts.elements:
        profiles = facts.checks(element).get("swaths") or {}
        drawn = {axis: rows for axis, rows in profiles.items() if axis in _AXES and len(rows) > 1}
        if not drawn:
            found.blocks.append(missing(both("no block is estimated, or only one slice.", "推定したブロックがないか、断面が1つだけです。")))
            continue
        found.blocks += [Said(_swath_sentence(element, drawn)), _swath_plot(element, drawn, facts.seafloor.layers.marker)]
        if "depth_m" not in drawn:
            found.blocks.append(
                Said(both("One layer: there is no profile downwards.", "層が1つのため、深さ方向のプロファイルはありません。"), "note")
            )
    return found


def _swath_sentence(element: str, profiles: dict[str, list[dict[str, Any]]]) -> Text:
    gaps = [
        (abs(row["kriged_ppm"] / row["data_ppm"] - 1), axis, row)
        for axis, rows in profiles.items()
        for row in rows
        if row["data_ppm"] and row["kriged_ppm"] is not None and row["composites"]
    ]
    name = element_name(element)
    if not gaps:
        return both(f"{name['en']}: no slice holds both data and estimates.", f"{name['ja']}：データと推定値の両方を含む断面がありません。")
    widest, axis, row = max(gaps, key=lambda gap: gap[0])
    middle = float(np.median([gap for gap, *_ in gaps]))
    words, _, scale = _AXES[axis]
    place = f"{shown(row['middle_m'] * scale, 3)} {'km' if scale != 1 else 'm'}"
    return both(
        f"{name['en']}: kriged and data differ by {percent(middle)} in the median slice, at most by {percent(widest)} ({words['en'].lower()}, at "
        f"{place}, {row['composites']:,} composites).",
        f"{name['ja']}：クリギングとデータの差は中央値で{percent(middle)}、最大{percent(widest)}です（{words['ja']}、{place}、コンポジット"
        f"{row['composites']:,}個）。",
    )


def _column(rows: Sequence[dict[str, Any]], key: str) -> Array:
    return np.array([np.nan if row.get(key) is None else row[key] for row in rows], dtype=float)


def _swath_plot(element: str, profiles: dict[str, list[dict[str, Any]]], marker: str) -> Plot:
    keys = ("data_ppm", "kriged_ppm", "simulated_mean_ppm", "simulated_block_p05_ppm", "simulated_block_p95_ppm")
    drawn: list[figures.Swath] = []
    rows: list[list[Cell]] = []
    for axis, (title, across, scale) in _AXES.items():
        if axis not in profiles:
            continue
        slices = profiles[axis]
        across = _BELOW_MARKER if marker and axis == "depth_m" else across
        data, kriged, simulated, low, high = (_column(slices, key) for key in keys)
        drawn.append(figures.Swath(title, across, _column(slices, "middle_m") * scale, data, kriged, simulated, low, high, axis == "depth_m"))
        rows += [
            [Cell(title), number(row["middle_m"] * scale, 4), count(row["composites"]), *(number(row.get(key)) for key in keys)] for row in slices
        ]
    name = element_name(element)
    head: list[Words] = [
        both("direction", "方向"),
        both("middle, km or m", "中心 (km または m)"),
        both("composites", "コンポジット数"),
        both("data, ppm", "データ (ppm)"),
        both("kriged, ppm", "クリギング (ppm)"),
        both("simulated, ppm", "実現値の平均 (ppm)"),
        both("block p05, ppm", "ブロック p05 (ppm)"),
        both("block p95, ppm", "ブロック p95 (ppm)"),
    ]
    caption = both(f"{name['en']}: mean grade in slices, ppm.", f"{name['ja']}：断面ごとの平均品位 (ppm)。")
    table = Table(f"swaths-{element}", caption, head, rows, is_folded=True)
    return Plot(f"fig-swaths-{element}", figures.swaths(f"swaths-{element}", drawn, both("grade, ppm", "品位 (ppm)")), caption, _SWATH_KEY, table)


# --- reproduction ----------------------------------------------------------------------------------------------------------------------------------


def reproduction(facts: Facts) -> Chapter:
    """Accuracy plot, and whether realisations look like the data."""
    found = Chapter("reproduction", both("Accuracy and reproduction", "精度と再現性"))
    accuracy, checks = facts.simulation.get("accuracy"), facts.simulation.get("checks")
    if not accuracy and not checks:
        reason = (
            facts.not_simulated()
            if facts.simulation.get("not_simulated")
            else both("the checks are switched off in the settings.", "設定で検証が無効です。")
        )
        found.blocks.append(missing(reason))
        return found
    if accuracy:
        found.blocks += [Said(_accuracy_sentence(accuracy), "lead"), *_accuracy_plots(accuracy)]
    if checks:
        rows = _check_rows(checks)
        outside = sum(1 for row in rows if row[-1].mark == "out")
        said = both(
            f"Realisations against the data: {len(rows) - outside:,} of {len(rows):,} statistics of the data lie inside the 90 % band of the "
            f"realisations; by chance alone about {round(0.1 * len(rows)):,} would lie outside, and {outside:,} do.",
            f"実現値とデータの比較：データの統計量 {len(rows):,} 個のうち {len(rows) - outside:,} 個が実現値の90 %帯に入ります。偶然だけでも約 "
            f"{round(0.1 * len(rows)):,} 個は外れ、実際に外れたのは {outside:,} 個です。",
        )
        found.blocks += [Heading(both("Reproduction", "再現性")), Said(said), _check_table(rows)]
    return found


def _accuracy_sentence(accuracy: dict[str, Any]) -> Text:
    parts = [(subject_name(subject), float(found["goodness"])) for subject, found in accuracy.items()]
    english = ", ".join(f"{name['en']} {fixed(goodness, 3)}" for name, goodness in parts)
    return both(
        "Cores left out, and where they fall in the intervals predicted for them: on the diagonal the intervals are right, below it too narrow, "
        f"above it too wide. Goodness (1 is best, Deutsch 1997): {english}.",
        "除いたコアの値が予測区間に入った割合です。対角線上なら区間は適切、下なら狭すぎ、上なら広すぎです。適合度（1が最良、Deutsch 1997）："
        + "、".join(f"{name['ja']} {fixed(goodness, 3)}" for name, goodness in parts)
        + "。",
    )


def _accuracy_plots(accuracy: dict[str, Any]) -> list[Plot]:
    panels, rows = [], []
    for subject, found in accuracy.items():
        probability, inside = (np.array([part[key] for part in found["intervals"]], dtype=float) for key in ("probability", "share_inside"))
        panels.append((_panel_title(subject), probability, inside))
        rows += [
            [
                Cell(capital(subject_name(subject))),
                Cell(percent(part["probability"]), is_number=True),
                Cell(percent(part["share_inside"], 1), is_number=True),
            ]
            for part in found["intervals"]
        ]
    head: list[Words] = [both("variable", "変数"), both("probability", "確率"), both("share inside", "区間内の割合")]
    caption = both("Accuracy plot: share of left-out values inside intervals of each probability.", "精度プロット：各確率の区間に入った値の割合。")
    table = Table("accuracy", caption, head, rows, is_folded=True)
    parts = [panels[at : at + 3] for at in range(0, len(panels), 3)]
    svg = "".join(figures.accuracy(f"accuracy-{number}", part) for number, part in enumerate(parts))
    return [Plot("fig-accuracy", svg, caption, (), table)]


def _panel_title(subject: str) -> Text:
    return capital(subject_name(DENSITY)) if subject == DENSITY else element_name(subject)


def _ratio_name(name: str) -> Text:
    one, over, other = name.partition("_over_")
    if over:
        return both(f"{symbol_of(one)} / {symbol_of(other)}", f"{symbol_of(one)}/{symbol_of(other)} 比")
    return capital(subject_name(name))


def _check_rows(checks: dict[str, Any]) -> list[list[Cell]]:
    rows = []
    for name, parts in (checks.get("histogram") or {}).items():
        for part in parts:
            place = both(f"histogram, {percent(part['share'])} quantile", f"度数分布 {percent(part['share'])} 分位点")
            rows.append(_check_row(_ratio_name(name), place, part))
    for name, directions in (checks.get("variogram") or {}).items():
        for direction, parts in directions.items():
            words = direction_name(direction)
            for part in parts:
                lag = f"{shown(part['lag_m'] / 1000, 3)} km" if direction == "horizontal" else f"{shown(part['lag_m'], 3)} m"
                rows.append(_check_row(_ratio_name(name), both(f"variogram, {words['en']}, {lag}", f"バリオグラム {words['ja']} {lag}"), part))
    for name, part in (checks.get("correlation") or {}).items():
        if part and part.get("data") is not None:
            label = " – ".join(symbol_of(word) for word in name.split())
            rows.append(_check_row(both(label, label), both("correlation", "相関係数"), part))
    return rows


def _check_row(name: Text, statistic: Text, part: dict[str, Any]) -> list[Cell]:
    inside = part.get("inside", part["p05"] is not None and part["p05"] <= part["data"] <= part["p95"])
    verdict = Cell(both("inside", "帯内"), mark="in") if inside else Cell(both("outside", "帯外"), mark="out")
    return [Cell(name), Cell(statistic), number(part["data"]), number(part["p05"]), number(part["p50"]), number(part["p95"]), verdict]


def _check_table(rows: list[list[Cell]]) -> Table:
    head: list[Words] = [
        both("variable", "変数"),
        both("statistic", "統計量"),
        both("data", "データ"),
        "p05",
        both("median", "中央値"),
        "p95",
        both("verdict", "判定"),
    ]
    caption = both("Statistics of the data beside the band of the realisations.", "データの統計量と実現値の帯。")
    return Table("reproduction-checks", caption, head, rows, is_folded=True)


# --- the upper tail --------------------------------------------------------------------------------------------------------------------------------


def tail(facts: Facts) -> Chapter:
    """How much hangs on a few high values and on what is assumed above the highest."""
    found = Chapter("tail", both("Upper tail and top cut", "高品位側の裾とトップカット"))
    tails, used = facts.simulation.get("tail") or {}, facts.setting("simulation", "upper_tail")
    rows, said = [], []
    for element in facts.elements:
        cut, name = facts.checks(element).get("top_cut"), element_name(element)
        if not cut:
            continue
        rows.append(
            [
                Cell(name),
                number(cut["cap_ppm"]),
                count(cut["capped_composites"]),
                number(cut["mean_ppm"]),
                number(cut["capped_mean_ppm"]),
                Cell(percent(cut["change_share"], 1), is_number=True),
            ]
        )
        said.append(
            both(
                f"{name['en']}: capping {cut['capped_composites']:,} composites at {shown(cut['cap_ppm'], 3)} ppm would change the mean by "
                f"{percent(cut['change_share'], 1)}.",
                f"{name['ja']}：{cut['capped_composites']:,}個のコンポジットを {shown(cut['cap_ppm'], 3)} ppm で頭打ちにすると、平均は"
                f"{percent(cut['change_share'], 1)}変わります。",
            )
        )
    found.blocks += [Said(text, "lead") for text in said]
    if rows:
        head = [
            both("element", "元素"),
            both("cap, ppm", "上限 (ppm)"),
            both("composites capped", "対象数"),
            both("mean, ppm", "平均 (ppm)"),
            both("mean capped, ppm", "頭打ち後 (ppm)"),
            both("change", "変化"),
        ]
        caption = both(
            "No top cut is applied; this is what one at the 99th percentile would do.",
            "トップカットは適用していません。99パーセンタイルで適用した場合の影響です。",
        )
        found.blocks.append(Table("top-cut", caption, head, rows))
    if not tails:
        found.blocks.append(
            missing(facts.not_simulated() if facts.simulation.get("not_simulated") else both("the checks are switched off.", "検証が無効です。"))
        )
        return found
    names = {"lognormal": both("lognormal tail", "対数正規の裾"), "none": both("no value above the highest measured", "最大測定値を超えない")}
    rows = [
        [
            Cell(
                both(
                    f"{symbol_of(element)}: {names.get(kind, both(kind, kind))['en']}",
                    f"{symbol_of(element)}：{names.get(kind, both(kind, kind))['ja']}",
                )
            ),
            *(number(part[key], 3) for key in ("mean_t", "p05_t", "p95_t")),
            Cell(both("used", "採用") if kind == used else ""),
        ]
        for element, kinds in tails.items()
        for kind, part in kinds.items()
    ]
    said_tail = []
    for element, kinds in tails.items():
        if {"lognormal", "none"} <= kinds.keys() and kinds["none"]["mean_t"]:
            change = kinds["lognormal"]["mean_t"] / kinds["none"]["mean_t"] - 1
            said_tail.append((symbol_of(element), percent(change, 1)))
    if said_tail:
        found.blocks.append(
            Said(
                both(
                    "What is assumed above the highest value measured moves the mean total by "
                    + ", ".join(f"{change} ({symbol})" for symbol, change in said_tail)
                    + ".",
                    "最大測定値より上の仮定による総量平均の違いは、" + "、".join(f"{symbol} {change}" for symbol, change in said_tail) + "です。",
                )
            )
        )
    head = [
        both("tail above the highest value", "最大測定値より上の扱い"),
        both("mean, t", "平均 (t)"),
        both("p05, t", "p05 (t)"),
        both("p95, t", "p95 (t)"),
        both("choice", "採否"),
    ]
    found.blocks.append(
        Table(
            "tail-table",
            both("Total metal on the coarse grid of the checks.", "検証用の粗いグリッドでの総金属量。"),
            head,
            rows,
        )
    )
    return found


# --- the truth -------------------------------------------------------------------------------------------------------------------------------------


def truth(facts: Facts) -> Chapter | None:
    """Estimate beside the truth of a synthetic survey; no chapter for measured data."""
    if facts.marks.data_kind == "measured":
        return None
    found = Chapter("truth", both("Check against the known deposit", "既知の鉱床との照合"))
    compared = {element: facts.checks(element).get("truth") or [] for element in facts.elements}
    compared = {element: rows for element, rows in compared.items() if any("p05" in row["metal_t"] for row in rows)}
    if not compared:
        found.blocks.append(
            missing(both("no truth is kept for these data, or nothing was simulated.", "真値が保存されていないか、シミュレーションされていません。"))
        )
        return found
    found.blocks.append(
        Said(
            both(
                "The deposit behind these samples is known, because a computer drew it; no estimating stage reads it. One deposit proves little: "
                "chapter Calibration has many. The truth is that of the whole region, all blocks over the cut-off.",
                "この試料のもとになった鉱床は計算機で作られたため真値が分かっていますが、推定には使っていません。1例では証明になりません（多数の例"
                "は「区間の較正」を参照）。真値は対象域全体で、カットオフ品位を超える全ブロックの値です。",
            ),
            "note",
        )
    )
    for element, rows in compared.items():
        found.blocks += _truth_of(element, rows)
    return found


def _truth_of(element: str, rows: list[dict[str, Any]]) -> list[Any]:
    name = element_name(element)
    positions = [position for position, row in enumerate(rows) if "p05" in row["metal_t"]]
    rows = [rows[position] for position in positions]
    held = sum(1 for row in rows if row["metal_t"]["inside"])
    first = rows[0]["metal_t"]
    said = both(
        f"{name['en']}: the 90 % interval of the metal holds the truth at {held} of {len(rows)} cut-offs; over cut-off {rows[0]['cutoff_ppm']:g} "
        f"the truth, {shown(first['truth'], 3)} t, lies at the {percent(first['share_below'])} point of the realisations.",
        f"{name['ja']}：金属量の90 %区間は{len(rows)}のカットオフのうち{held}で真値を含みます。カットオフ{rows[0]['cutoff_ppm']:g} ppm では、真値 "
        f"{shown(first['truth'], 3)} t は実現値の下から{percent(first['share_below'])}の位置にあります。",
    )
    panels: list[tuple[Text, list[tuple[float, float, float]]]] = []
    table_rows = []
    columns = (("metal_t", both("Metal", "金属量"), 1.0), ("dry_mud_t", both("Dry mud", "乾燥泥量"), 1e-6), ("area_km2", both("Area", "面積"), 1.0))
    drawn = [row for row in rows if row["metal_t"]["truth"] > 0 and row["dry_mud_t"]["truth"] > 0]
    for column, words, _ in columns[:2]:
        parts = [(row[column], 100 / row[column]["truth"]) for row in drawn]
        panels.append((words, [(part["p05"] * share, part["mean"] * share, part["p95"] * share) for part, share in parts]))
    cutoffs = [f"{row['cutoff_ppm']:g}" for row in drawn]
    for position, row in zip(positions, rows, strict=True):
        for column, words, scale in columns:
            part = row[column]
            inside = part["inside"] or (
                part["p05"] == part["p95"] and abs(part["truth"] / part["p05"] - 1) < 1e-4 if part["p05"] else part["truth"] == 0
            )
            place = ("validation", "elements", element, "truth", position, column)
            table_rows.append(
                [
                    Cell(f"{row['cutoff_ppm']:g}"),
                    Cell(words),
                    *(
                        Cell(shown(part[key] * scale), repr(part[key]), pointer_id(*place, key), is_number=True)
                        for key in ("truth", "mean", "p05", "p95")
                    ),
                    Cell(both("inside", "区間内"), mark="in") if inside else Cell(both("outside", "区間外"), mark="out"),
                    Cell(percent(part["share_below"]), is_number=True),
                ]
            )
    head: list[Words] = [
        both("cut-off, ppm", "カットオフ (ppm)"),
        both("quantity", "項目"),
        both("truth", "真値"),
        both("mean", "平均"),
        "p05",
        "p95",
        both("verdict", "判定"),
        both("realisations below", "真値未満の実現値"),
    ]
    caption = both(f"{name['en']}: estimate beside truth (t, Mt of dry mud, km²).", f"{name['ja']}：推定と真値（t、乾燥泥は百万t、面積は km²）。")
    table = Table(f"truth-{element}", caption, head, table_rows, is_folded=True)
    key = (
        Key("line", figures.COLOURS["ochre"], both("truth", "真値")),
        Key("band", figures.COLOURS["band"], both("90 % interval that holds it", "真値を含む90 %区間")),
        Key("band", figures.COLOURS["pink"], both("90 % interval that misses it", "真値を含まない90 %区間")),
        Key("line", figures.COLOURS["navy"], both("mean", "平均")),
    )
    svg = figures.truth(f"truth-{element}", cutoffs, panels, both("cut-off, ppm", "カットオフ品位 (ppm)"))
    drawn_caption = both(f"{name['en']}: estimate in percent of the truth.", f"{name['ja']}：真値に対する推定の割合。")
    return [Said(said, "lead"), Plot(f"fig-truth-{element}", svg, drawn_caption, key, table)]


# --- calibration -----------------------------------------------------------------------------------------------------------------------------------


def calibration(facts: Facts) -> Chapter:
    """How often intervals of the same program held the truth of drawn deposits."""
    found = Chapter("calibration", both("Calibration of the intervals", "区間の較正"))
    told = facts.validation.content.get("calibration", {})
    runs = told.get("runs") or []
    if told.get("state") != "calibrated" or not runs:
        found.blocks.append(
            missing(
                both("intervals were not tried on drawn deposits (make calibrate).", "人工の鉱床による検証は行われていません（make calibrate）。")
            )
        )
        return found
    run = nearest_run(runs, len(facts.cores))
    element, part = next(iter(run["elements"].items()))
    held = part["total"]["90"]
    found.blocks.append(
        Said(
            both(
                f"The program was run on {sum(run['twins'] for run in runs):,} deposits drawn by a computer, each with its truth. With "
                f"{run['layout']} cores (nearest to the {len(facts.cores):,} here) the 90 % interval of {symbol_of(element)} held the truth in "
                f"{held['held']:,} of {run['twins']:,} ({percent(held['held'] / run['twins'])}; with so many deposits that share is known to lie "
                f"between {percent(held['bounds_99'][0])} and {percent(held['bounds_99'][1])}).",
                f"計算機で作った真値既知の鉱床 {sum(run['twins'] for run in runs):,} 例に同じプログラムを適用しました。コア{run['layout']}本（本調査"
                f"の{len(facts.cores):,}本に最も近い）では、{symbol_of(element)} の90 %区間は {run['twins']:,} 例中 {held['held']:,} 例（"
                f"{percent(held['held'] / run['twins'])}、割合の99 %範囲 {percent(held['bounds_99'][0])}～{percent(held['bounds_99'][1])}）で真値を"
                "含みました。",
            ),
            "lead",
        )
    )
    found.blocks += [_staleness(str(told.get("program", ""))), _calibration_plot(runs)]
    return found


def _staleness(judged: str) -> Said:
    kind = both(
        " Drawn deposits are of the generator's kind; a real one may differ.", "人工の鉱床は生成方法に依存し、実在の鉱床とは異なる場合があります。"
    )
    if judged == estimating_program_sha256():
        said = both("The program that was judged is the one that made these estimates.", "較正したプログラムは今回の推定に用いたものと同じです。")
        return Said(joined([said, kind], "", ""), "note")
    said = both(
        f"Stale: the calibration judged the program {printable(judged)[:12] or 'of unknown version'}; files that the estimates come from have "
        "changed since. It holds for this build only as far as those changes leave the intervals as they were; make calibrate judges the present "
        "program.",
        f"この較正は古いプログラム（{printable(judged)[:12] or '版不明'}）のもので、その後、推定に関わるファイルが変わっています。変更が区間に影響し"
        "ない範囲でのみ当てはまります。現在のプログラムは make calibrate で較正できます。",
    )
    return Said(joined([said, kind], "", ""), "warning")


def _calibration_plot(runs: list[dict[str, Any]]) -> Plot:
    panels: list[tuple[Text, list[tuple[float, float, float, float]]]] = []
    rows: list[list[Cell]] = []
    for run in runs:
        part = next(iter(run["elements"].values()))
        twins = run["twins"]
        drawn = [
            (float(level), 100 * total["held"] / twins, 100 * total["bounds_99"][0], 100 * total["bounds_99"][1])
            for level, total in sorted(part["total"].items(), key=lambda item: float(item[0]))
            if isinstance(total, dict) and "bounds_99" in total
        ]
        if len(panels) < 3:
            panels.append((both(f"{run['layout']} cores", f"コア{run['layout']}本"), drawn))
        for symbol, parts in run["elements"].items():
            for level, total in sorted(parts["total"].items(), key=lambda item: float(item[0])):
                if not isinstance(total, dict) or "held" not in total:
                    continue
                bounds = total.get("bounds_99")
                rows.append(
                    [
                        Cell(both(f"{run['layout']} cores", f"コア{run['layout']}本")),
                        Cell(symbol_of(symbol)),
                        Cell(f"{level} %", is_number=True),
                        Cell(f"{total['held']:,} / {twins:,}", is_number=True),
                        Cell(percent(total["held"] / twins, 1), is_number=True),
                        Cell(f"{percent(bounds[0])} – {percent(bounds[1])}" if bounds else "–", is_number=True),
                        Cell(percent(total.get("width_median")), is_number=True),
                    ]
                )
    head: list[Words] = [
        both("layout", "配置"),
        both("element", "元素"),
        both("promised", "名目"),
        both("held", "含んだ例数"),
        both("share", "割合"),
        both("99 % bounds", "99 %範囲"),
        both("median width", "幅の中央値"),
    ]
    caption = both(
        "How often intervals of the total held the truth, against what they promise; bars: 99 % bounds of the share.",
        "総量の区間が真値を含んだ割合と名目値。縦棒は割合の99 %範囲。",
    )
    return Plot(
        "fig-calibration", figures.calibration("calibration", panels), caption, (), Table("calibration-table", caption, head, rows, is_folded=True)
    )
