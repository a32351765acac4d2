"""Chapters 13 and 17 to 19: the published estimate, limits, the checklist, settings and inputs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.artefacts import DENSITY
from pipeline.published_comparison import PublishedComparison, published_comparison
from pipeline.report_page import figures, published_method
from pipeline.report_page.blocks import Cell, Chapter, Filter, Heading, Items, Key, Plot, Said, Table, Text, both, joined, missing, percent, shown
from pipeline.report_page.facts import Facts, subject_name
from pipeline.report_page.words import parameter_name
from pipeline.text import printable
from pipeline.web.texts import below, element_name

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATES = {"available": both("available", "あり"), "partly": both("partly", "一部あり"), "not available": both("not available", "なし")}
_MARKS = {"available": "in", "partly": "part", "not available": "none"}


def published(facts: Facts) -> Chapter:
    """From the published estimate to ours, step by step."""
    found = Chapter("published", both("Beside the published estimate", "公表値との比較"))
    known = facts.published.figures()
    told: set[str] = set()
    for element in facts.elements:
        comparison = published_comparison(element, known, facts.tonnage, facts.samples, facts.seafloor, facts.grades.get(element), facts.density)
        if not comparison.steps:
            reason = comparison.reason or both("there is nothing to compare with.", "比較できる公表値がありません。")
            if reason["en"] not in told:
                found.blocks.append(missing(reason))
                told.add(reason["en"])
            continue
        if not told and comparison.source:
            found.blocks.append(Said(joined([both("Published: ", "公表値："), printable(comparison.source)], "", ""), "note"))
            told.add(comparison.source)
        found.blocks += _waterfall(comparison)
    # Without anything published, or without a core near it, the reason stands there already.
    if facts.published_method.content["state"] == "made":
        found.blocks += published_method.blocks(facts)
    return found


def _waterfall(comparison: PublishedComparison) -> list[Any]:
    name = element_name(comparison.element)
    bars: list[figures.Bar] = [figures.Bar(comparison.start_label, 0.0, comparison.start, True, False)]
    level = comparison.start
    alike = [step for step in comparison.steps if not step.conversion]
    for step in alike:
        bars.append(figures.Bar(step.label, level, step.level_t, False, step.circular))
        level = step.level_t
    ours = (
        both("Here, counted alike", "本評価（同じ量に換算）")
        if comparison.like_for_like_t is not None
        else both("After these steps", "ここまでの結果")
    )
    bars.append(figures.Bar(ours, 0.0, level, True, False))
    turned = [step for step in comparison.steps if step.conversion]
    rows = [_row(comparison.start_label, None, comparison.start, "", "", None, "")]
    rows += [_row(step.label, step.value_t, step.level_t, step.published, step.own, step.circular, step.note) for step in comparison.steps]
    rows.append(_row(comparison.end_label, None, comparison.end, "", "", None, ""))
    head = [
        both("step", "段階"),
        both("published", "公表側"),
        both("here", "本評価"),
        both("adds, t", "増減 (t)"),
        both("level after, t", "累計 (t)"),
        both("evidence?", "裏付け"),
        both("what it means", "意味"),
    ]
    caption = both(f"{name['en']}: every step; they add up exactly.", f"{name['ja']}：全段階（合計は厳密に一致）。")
    key = (
        Key("bar", figures.COLOURS["navy"], both("a total", "総量")),
        Key("bar", figures.COLOURS["blue"], both("adds", "増加")),
        Key("bar", figures.COLOURS["ochre"], both("takes away", "減少")),
        Key("bar", figures.COLOURS["pink"], both("circular: agreement says nothing", "循環：一致しても裏付けにならない")),
    )
    level_words = alike[0].level if alike else both("tonnes", "トン")
    drawn = both(
        f"{name['en']}: from the published total to ours, in what the paper counts.",
        f"{name['ja']}：公表された総量から本評価まで（論文の数え方で）。",
    )
    table = Table(f"waterfall-{comparison.element}", caption, head, rows)
    blocks: list[Any] = [Heading(name), Said(comparison.verdict, "lead")]
    blocks.append(Plot(f"fig-waterfall-{comparison.element}", figures.waterfall(f"waterfall-{comparison.element}", bars, level_words), drawn, key))
    if turned:
        blocks.append(_turned(comparison, level, turned))
    blocks.append(table)
    if comparison.best_square is not None:
        square = comparison.best_square
        blocks.append(
            Said(
                joined(
                    [
                        both(
                            f"Richest square over the whole, per area: published {shown(square.published, 3)}, here {shown(square.own, 3)} (side "
                            f"{shown(square.side_m / 1000, 3)} km).",
                            f"最も豊富な正方形と全域の単位面積量の比：公表 {shown(square.published, 3)}、本評価 {shown(square.own, 3)}（一辺 "
                            f"{shown(square.side_m / 1000, 3)} km）。",
                        ),
                        square.note,
                    ]
                ),
                "note",
            )
        )
    return blocks


def _turned(comparison: PublishedComparison, level: float, turned: Sequence[Any]) -> Plot:
    """The conversions in a figure of their own: they shrink the bar some thirty times and compare nothing."""
    name = element_name(comparison.element)
    bars = [figures.Bar(both("Here, counted alike", "本評価（同じ量に換算）"), 0.0, level, True, False)]
    for step in turned:
        bars.append(figures.Bar(step.label, level, step.level_t, False, step.circular))
        level = step.level_t
    bars.append(figures.Bar(comparison.end_label, 0.0, comparison.end, True, False))
    drawn = both(
        f"{name['en']}: from rare-earth oxides to the metal of one element; conversions, no comparison.",
        f"{name['ja']}：レアアース酸化物から1元素の金属量への換算（比較ではありません）。",
    )
    svg = figures.waterfall(f"conversion-{comparison.element}", bars, both("tonnes", "量"))
    return Plot(f"fig-conversion-{comparison.element}", svg, drawn)


def _row(label: Text, value: float | None, level: float, theirs: str, own: str, circular: bool | None, note: Text | str) -> list[Cell]:
    said = (
        Cell("") if circular is None else Cell(both("circular", "循環"), mark="part") if circular else Cell(both("a comparison", "比較"), mark="in")
    )
    return [
        Cell(label),
        Cell(printable(theirs), is_number=True),
        Cell(printable(own), is_number=True),
        Cell("" if value is None else ("+" if value > 0 else "") + shown(value), "" if value is None else repr(value), is_number=True),
        Cell(shown(level), repr(level), is_number=True),
        said,
        Cell(note),
    ]


# --- limits ----------------------------------------------------------------------------------------------------------------------------------------


def limits(facts: Facts) -> Chapter:
    """What the estimate does not know, from the facts of this survey."""
    found = Chapter("limits", both("Limits of the estimate", "推定の限界"))
    found.blocks += [
        Said(both("What a reader should hold against these figures.", "数値を読むうえで留意すべき点です。"), "lead"),
        Items(_limits(facts)),
    ]
    return found


def _limits(facts: Facts) -> list[Text]:
    said: list[Text] = []
    grid, layers, cores = facts.seafloor.grid, facts.seafloor.layers, facts.cores
    named = below(layers.marker)
    plane = both(f" {named['en']}", f"{named['ja']} ") if layers.marker else both("", "")
    if facts.marks.is_synthetic:
        said.append(
            both(
                "The samples were drawn by a computer, all or some: no figure describes a real deposit.",
                "試料の全部または一部は計算機で作られたもので、数値は実在の鉱床を表しません。",
            )
        )
    reach = int((cores["deepest_m"].to_numpy(dtype=float) >= facts.composites.bottoms_m(cores.index) - 1e-9).sum())
    said += [
        both(
            f"Few stations: {len(cores):,} cores. The horizontal range rests on them, and so does the mean of every layer.",
            f"地点が少なく、コアは{len(cores):,}本です。水平レンジも各層の平均もこれらに依存します。",
        ),
        both(
            f"No base of the layer is known: the interval from {layers.top_m:g} to {layers.bottom_m:g} m{plane['en']} is a choice, and mud below it "
            f"is not counted. Samples of {reach:,} cores reach its bottom.",
            f"層の下限は分かっておらず、{plane['ja']}{layers.top_m:g}～{layers.bottom_m:g} m は選んだ区間です。それより深い泥は含みません。"
            f"試料が下端に達するコアは{reach:,}本です。",
        ),
    ]
    if facts.seafloor.source_resolution_m > grid.cell_m:
        said.append(
            both(
                f"The bathymetry has a node every {shown(facts.seafloor.source_resolution_m / 1000, 3)} km, coarser than the cells of "
                f"{grid.cell_m:g} m: outcrops, slopes and small seamounts are not seen, and the mud is taken to be continuous there.",
                f"水深データの格子間隔は {shown(facts.seafloor.source_resolution_m / 1000, 3)} km で、セル {grid.cell_m:g} m より粗く、露岩・急斜面"
                "・小海山は捉えられません。泥はそこでも連続すると仮定しています。",
            )
        )
    supplied = float((facts.composites.frame["density_supplied_share"] > 0).mean()) if len(facts.composites.frame) else 1.0
    if facts.composites.density_source == "prior":
        said.append(both("No sample carries a density: tonnes rest on the value of the settings.", "密度の測定値がなく、泥量は設定の値によります。"))
    else:
        said.append(
            both(
                f"Density: in {percent(supplied)} of the composites some of it was supplied by the settings' rule; shortening of the cores is not "
                "corrected for.",
                f"密度：コンポジットの{percent(supplied)}で一部を設定の規則により補っています。採取時のコアの短縮は補正していません。",
            )
        )
    bounded = [
        (subject_name(subject), facts.variograms[subject].fit.get("at_bounds") or [])
        for subject in (*facts.elements, DENSITY)
        if subject in facts.variograms
    ]
    bounded = [(name, bounds) for name, bounds in bounded if bounds]
    if bounded:
        said.append(
            both(
                "Parameters of variograms that lie on a bound and are not told by the data: "
                + "; ".join(f"{name['en']}: {', '.join(bounds)}" for name, bounds in bounded)
                + ".",
                "限界値に達し、データからは決まらないバリオグラムのパラメータがあります："
                + "；".join(f"{name['ja']}（{'、'.join(parameter_name(bound)['ja'] for bound in bounds)}）" for name, bounds in bounded)
                + "。",
            )
        )
    skills = [part.scores.get(part.estimator.name, {}).get("skill") for part in facts.cross_validation.comparisons.values() if part.scores]
    known = [skill for skill in skills if skill is not None]
    if known and max(known) < 0.1:
        said.append(
            both(
                f"Between cores the estimate knows little: the best skill against the declustered mean is {percent(max(known), 1)}. The maps are "
                "smooth for that reason; totals are surer than places.",
                f"コア間の予測力は小さく、デクラスタ平均に対するスキルは最大{percent(max(known), 1)}です。分布図が滑らかなのはこのためで、総量は個々"
                "の場所よりも確かです。",
            )
        )
    if facts.marks.rows_left_out:
        said.append(
            both(
                f"{facts.marks.rows_left_out:,} refused rows were left out.",
                f"受理できなかった{facts.marks.rows_left_out:,}行を除いています。",
            )
        )
    said.append(
        both(
            "Nothing on mining, recovery, cost, environment or law is in these figures: they are tonnes in place.",
            "採掘・回収率・費用・環境・法令は考慮しておらず、原位置量です。",
        )
    )
    return said


# --- the checklist ---------------------------------------------------------------------------------------------------------------------------------


def checklist(facts: Facts) -> Chapter:
    """Table 1 with its evidence, and the UNFC codes."""
    content = facts.table1.content
    found = Chapter("table1", both("Table 1 checklist and UNFC", "Table 1 チェックリストと UNFC"))
    counts = {state: sum(1 for item in content["items"] if item["state"] == state) for state in _STATES}
    found.blocks += [
        Said(
            both(
                f"{len(content['items'])} items: {counts['available']} available, {counts['partly']} partly, {counts['not available']} not "
                "available, each with its evidence or the reason. The same as data: table1.json.",
                f"全{len(content['items'])}項目：あり {counts['available']}、一部あり {counts['partly']}、なし {counts['not available']}。それぞれ根"
                "拠または理由を示します。データは table1.json にあります。",
            ),
            "lead",
        ),
        Said(content["statement"], "note"),
        _unfc(content["unfc"]),
        Said(content["unfc"]["note"], "note"),
        Filter("checklist", tuple(_STATES.items())),
    ]
    for section in content["sections"]:
        items = [item for item in content["items"] if item["section"] == section["key"]]
        rows = [_item(item) for item in items]
        head = [both("item", "項目"), both("state", "状態"), both("value, or why not", "内容・理由"), both("evidence", "根拠")]
        states = tuple(item["state"].replace(" ", "-") for item in items)
        found.blocks.append(Table(f"checklist-{section['key']}", section["title"], head, rows, row_states=states))
    return found


def _item(item: dict[str, Any]) -> list[Cell]:
    said = [part for part in (item["value"], item["why_not"]) if part]
    evidence = "; ".join(f"{part['product']} {part['where']}" for part in item["evidence"]) or "–"
    name = both(f"{item['id']} {item['criterion']['en']}", f"{item['id']} {item['criterion']['ja']}")
    return [Cell(name), Cell(_STATES[item["state"]], mark=_MARKS[item["state"]]), Cell(joined(said)), Cell(evidence)]


def _unfc(unfc: dict[str, Any]) -> Table:
    axes = {
        "E": both("E: environmental-socio-economic viability", "E：環境・社会・経済的成立性"),
        "F": both("F: technical feasibility", "F：技術的実現性"),
        "G": both("G: degree of confidence", "G：推定の信頼度"),
    }
    rows = [[Cell(words), Cell(unfc[axis]["code"] or both("none", "なし")), Cell(unfc[axis]["reason"])] for axis, words in axes.items()]
    return Table("unfc", both("UNFC codes.", "UNFC コード。"), [both("axis", "軸"), both("code", "コード"), both("reason", "理由")], rows)


# --- settings --------------------------------------------------------------------------------------------------------------------------------------


def settings(facts: Facts) -> Chapter:
    """Every setting with its value, the version of the code, the estimators."""
    found = Chapter("settings", both("Settings, code and inputs", "設定・プログラム・入力"))
    content = facts.provenance.content
    code = content.get("code_sha256")
    rows = [
        [Cell(printable(f"[{section}] {key}")), Cell(_value([one["name"] for one in value] if key == "outlines" else value))]
        for section, values in sorted(content.get("settings", {}).items())
        for key, value in sorted(values.items())
    ]
    found.blocks += [
        Said(
            both(
                f"Everything that was chosen, and from what the figures were made: {len(content.get('numbers', [])):,} numbers stand in "
                f"provenance.json. Code (sha256): {code[:16] if isinstance(code, str) else '–'}.",
                f"選んだ値と、数値の由来です。provenance.json に{len(content.get('numbers', [])):,}個の数値があります。プログラム（sha256）："
                f"{code[:16] if isinstance(code, str) else '–'}。",
            ),
            "lead",
        ),
        *(
            [Said(joined([both("Bathymetry: ", "水深データ："), printable(facts.seafloor.source)], "", ""), "note")]
            if facts.seafloor.has_depths
            else [Said(both("No depth of the surface is given.", "地表・海底の標高データは用いていません。"), "note")]
        ),
        Table(
            "settings-table",
            both("Settings of this assessment (assessment.toml).", "この評価の設定（assessment.toml）。"),
            [both("key", "キー"), both("value", "値")],
            rows,
            is_folded=True,
        ),
        Said(
            both("The input files with their hashes stand in the chapter on data.", "入力ファイルとハッシュは「データと品質管理」の章にあります。"),
            "note",
        ),
    ]
    return found


def _value(value: Any) -> str:
    return "–" if value is None else printable(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
