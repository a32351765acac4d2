"""Chapter on production: what a rate of lifting gives in a year, wet or dry, and where mining would begin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.number_ids import number_id
from pipeline.report_page import figures
from pipeline.report_page.blocks import Cell, Chapter, Heading, Items, Key, Plot, Said, Table, Text, both, joined, missing, percent, shown
from pipeline.units import oxide_name
from pipeline.web.texts import element_name, symbol_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.artefacts import PanelPlan
    from pipeline.report_page.facts import Facts

Row = dict[str, Any]
Key5 = tuple[Any, ...]

BASIS_NAMES: Final = {"dry": both("dry", "乾泥"), "wet": both("wet", "湿泥")}
WHERE_NAMES: Final = {
    "start_panels": both("starting panels", "開始区画"),
    "recoverable_average": both("all recoverable mud", "可採泥全体"),
}
_RANGE: Final = ("p10", "p50", "p90")


def production(facts: Facts) -> Chapter:
    """Mud, metal and oxide a year, life, seabed, depth and distance; the starting panels in their order."""
    found = Chapter("production", both("Production and where to begin", "生産シナリオと採掘開始位置"))
    rows = rows_of(facts.production.frame, ("rate_t_day", "basis", "where", "element", "statistic"))
    if not rows:
        found.blocks.append(
            missing(
                both("nothing was simulated, or nothing is recoverable under the settings.", "シミュレーションがないか、設定下で可採量がありません。")
            )
        )
        return found
    element = facts.panels.lead_element if facts.panels.lead_element in facts.elements else facts.elements[0]
    found.blocks += [_lead(rows, element), Said(_basis(rows, element), "note")]
    for name in facts.elements:
        if any(key[3] == name for key in rows):
            found.blocks += [Heading(element_name(name)), _plot(rows, name), _yearly(rows, name)]
    found.blocks += [Heading(both("Mud, seabed, depth, distance, life", "泥量・海底面積・水深・距離・可採年数")), _place(rows, element)]
    found.blocks += [Heading(both("Starting panels", "開始区画")), *_panels(facts, element)]
    return found


def rows_of(frame: Any, keys: tuple[str, ...]) -> dict[Key5, Row]:
    """Rows of a table by their keys."""
    records: Iterable[Row] = ({str(key): value for key, value in row.items()} for row in frame.to_dict("records"))
    return {tuple(row[key] for key in keys): row for row in records}


def scenario_name(rate_t_day: float, basis: str) -> Text:
    """A rate and what it counts."""
    return both(f"{rate_t_day:,.6g} t/day {basis}", f"{rate_t_day:,.6g} t/日（{BASIS_NAMES[basis]['ja']}）")


def _scenarios(rows: dict[Key5, Row]) -> list[tuple[float, str]]:
    return list(dict.fromkeys((key[0], key[1]) for key in rows))


def _cell(rows: dict[Key5, Row], table: str, key: Key5, column: str, digits: int = 3, scale: float = 1.0) -> Cell:
    """Cell with a number of a table: shown rounded, carried whole."""
    value = float(rows[key][column]) if key in rows else math.nan
    if not math.isfinite(value):
        return Cell("–", is_number=True)
    return Cell(shown(value * scale, digits), repr(value), number_id(table, *key, column=column), is_number=True)


def _range(rows: dict[Key5, Row], key: Key5, column: str) -> tuple[float, float, float]:
    low, middle, high = (float(rows[(*key, statistic)][column]) for statistic in _RANGE)
    return low, middle, high


def _told(values: tuple[float, float, float], unit: str) -> Text:
    """Low to high with the median."""
    low, middle, high = (shown(value, 3) for value in values)
    return both(f"{middle} {unit} (low (P90) {low}, high (P10) {high})", f"{middle} {unit}（低位（P90）{low}、高位（P10）{high}）")


def _amount(rows: dict[Key5, Row], key: Key5) -> tuple[str, Text]:
    """Column that says what a year gives, and its name: the oxide, or the metal of what has no oxide here."""
    oxide = oxide_name(str(key[3]))
    if oxide is None or not math.isfinite(float(rows[(*key, "p50")]["oxide_t_year"])):
        return "metal_t_year", both(f"{symbol_of(str(key[3]))} metal", f"{symbol_of(str(key[3]))} 金属量")
    return "oxide_t_year", both(oxide, oxide)


def _lead(rows: dict[Key5, Row], element: str) -> Said:
    rate_t_day = max(rate for rate, _ in _scenarios(rows))
    parts = []
    for basis in ("dry", "wet"):
        key = (rate_t_day, basis, "start_panels", element)
        if (*key, "p50") in rows:
            column, name = _amount(rows, key)
            told, scenario = _told(_range(rows, key, column), "t"), scenario_name(rate_t_day, basis)
            parts.append(both(f"{scenario['en']}: {told['en']}", f"{scenario['ja']}：{told['ja']}"))
    _, name = _amount(rows, key)
    return Said(
        joined(
            [
                both(
                    f"{name['en']} a year in the mud of the starting panels, before any loss on the way up or in the plant: ",
                    f"開始区画の泥に含まれる {name['ja']} の年間量（揚泥・製錬の損失前）：",
                ),
                joined(parts, "; ", "、"),
                both(".", "。"),
            ],
            "",
            "",
        ),
        "lead",
    )


def _basis(rows: dict[Key5, Row], element: str) -> Text:
    """Why every rate is told twice."""
    rate_t_day, _ = _scenarios(rows)[0]
    key = (rate_t_day, "wet", "recoverable_average", element, "p50")
    share = rows[key]["dry_mud_t_year"] / rows[key]["wet_mud_t_year"] if key in rows else math.nan
    return both(
        "Nobody has said whether the published rates are tonnes of wet or of dry mud. Both are shown, always: a tonne of wet mud holds about "
        f"{shown(share, 2)} t of dry mud. Recoveries of extraction and upgrading that are unknown take nothing away: the tonnes are upper bounds. "
        "Low (P90) is the value that 90 % of the realisations exceed, high (P10) the one that 10 % exceed; each figure is reckoned in every "
        "realisation first.",
        f"公表された揚泥量が湿泥か乾泥かは示されていないため、必ず両方を示します（湿泥1 t に含まれる乾泥は約 {shown(share, 2)} t）。採取率・選別の"
        "回収率が不明な場合は差し引かないため、量は上限です。低位（P90）は実現値の90 %が上回る値、高位（P10）は10 %が上回る値で、いずれも各実現値"
        "で計算してから求めています。",
    )


def _plot(rows: dict[Key5, Row], element: str) -> Plot:
    panels = []
    name = both("", "")
    for rate_t_day in dict.fromkeys(rate for rate, _ in _scenarios(rows)):
        found = []
        for basis in ("dry", "wet"):
            for where, words in WHERE_NAMES.items():
                key = (rate_t_day, basis, where, element)
                if (*key, "p50") in rows:
                    column, name = _amount(rows, key)
                    label = both(f"{basis}: {words['en']}", f"{BASIS_NAMES[basis]['ja']}：{words['ja']}")
                    values = [float(rows[(*key, statistic)][column]) for statistic in ("p05", "p10", "p50", "p90", "p95")]
                    found.append(figures.Yearly(label, *values))
        if found:
            panels.append((both(f"{rate_t_day:,.6g} t of mud a day", f"揚泥量 {rate_t_day:,.6g} t/日"), found))
    caption = both(
        f"{name['en']} a year in the mud lifted, by rate and basis.", f"揚げた泥に含まれる {name['ja']} の年間量（揚泥量と湿泥・乾泥の別）。"
    )
    key_of_plot = (
        Key("bar", figures.COLOURS["blue"], figures.BAND_KEY),
        Key("band", figures.COLOURS["band"], both("p05 to p95", "p05～p95")),
        Key("tick", figures.COLOURS["ochre"], both("median", "中央値")),
    )
    svg = figures.yearly(f"production-{element}", panels, both(f"{name['en']}, t a year", f"{name['ja']} (t/年)"))
    return Plot(f"fig-production-{element}", svg, caption, key_of_plot)


def _yearly(rows: dict[Key5, Row], element: str) -> Table:
    table = []
    for rate_t_day, basis in _scenarios(rows):
        for where, words in WHERE_NAMES.items():
            key = (rate_t_day, basis, where, element)
            if (*key, "p50") not in rows:
                continue
            scenario = scenario_name(rate_t_day, basis)
            columns = ("grade_ppm", _amount(rows, key)[0])
            table.append(
                [
                    Cell(joined([scenario, words], ": ", "：")),
                    *(_cell(rows, "production", (*key, statistic), column) for column in columns for statistic in _RANGE),
                    _cell(rows, "production", (*key, "p50"), "leached_oxide_t_year"),
                    _cell(rows, "production", (*key, "p50"), "leached_oxide_least_t_year"),
                ]
            )
    first = next(key for key in rows if key[3] == element)
    _, name = _amount(rows, first[:4])
    head = [
        both("scenario", "シナリオ"),
        both("grade low (P90), ppm", "品位 低位（P90）(ppm)"),
        both("grade median, ppm", "品位 中央値 (ppm)"),
        both("grade high (P10), ppm", "品位 高位（P10）(ppm)"),
        both(f"{name['en']} low (P90), t/year", f"{name['ja']} 低位（P90）(t/年)"),
        both(f"{name['en']} median, t/year", f"{name['ja']} 中央値 (t/年)"),
        both(f"{name['en']} high (P10), t/year", f"{name['ja']} 高位（P10）(t/年)"),
        both("after leaching, t/year", "浸出後 (t/年)"),
        both("least leaching, t/year", "最低の浸出率 (t/年)"),
    ]
    label = element_name(element)
    return Table(f"production-{element}", both(f"{label['en']}: a year of production.", f"{label['ja']}：年間生産。"), head, table)


def _place(rows: dict[Key5, Row], element: str) -> Table:
    columns = (
        ("dry_mud_t_year", both("dry mud, kt/year", "乾泥 (千t/年)"), 1e-3),
        ("wet_mud_t_year", both("wet mud, kt/year", "湿泥 (千t/年)"), 1e-3),
        ("area_km2_year", both("seabed, km²/year", "海底面積 (km²/年)"), 1.0),
        ("volume_m3_year", both("volume in place, 1,000 m³/year", "原位置体積 (千m³/年)"), 1e-3),
        ("life_years", both("mud lasts, years", "泥の可採年数 (年)"), 1.0),
        ("lifting_depth_m", both("lifting depth, m", "揚泥水深 (m)"), 1.0),
        ("distance_to_port_km", both("to the port, km", "港までの距離 (km)"), 1.0),
        ("distance_to_island_km", both("to the island, km", "島までの距離 (km)"), 1.0),
    )
    table = []
    for rate_t_day, basis in _scenarios(rows):
        for where, words in WHERE_NAMES.items():
            key = (rate_t_day, basis, where, element, "p50")
            if key in rows:
                cells = [_cell(rows, "production", key, column, 4, scale) for column, _, scale in columns]
                table.append([Cell(joined([scenario_name(rate_t_day, basis), words], ": ", "：")), *cells])
    caption = both(
        "Medians. Distances along the geodesic from the middle of the mud: a ship sails farther.",
        "中央値。距離は泥の重心からの測地線長で、航路はこれより長くなります。",
    )
    return Table("production-place", caption, [both("scenario", "シナリオ"), *(name for _, name, _ in columns)], table)


# --- starting panels -------------------------------------------------------------------------------------------------------------------------------


def _panels(facts: Facts, element: str) -> list[Any]:
    years = rows_of(facts.production.years, ("rate_t_day", "basis", "year", "element", "statistic"))
    plans = {(plan.rate_t_day, plan.basis): plan for plan in facts.panels.plans}
    if not plans or not years:
        return [missing(both("there is no plan.", "採掘計画がありません。"))]
    rate_t_day = max(rate for rate, _ in plans)
    chosen: list[PanelPlan] = [plan for (rate, _), plan in plans.items() if rate == rate_t_day]
    blocks: list[Any] = [
        Said(
            both(
                "The order of mining was planned once, on the kriged estimate, before a realisation was drawn; every realisation is then added "
                "up over the same cells. So no panel is chosen for the luck of a draw. The kriged grade of the richest panels flatters itself, "
                "as the best of any estimate does: the realisations say what they hold. A cell may last several years; a part of it is taken to "
                "be like the whole, so that a single year is less sure than it looks.",
                "採掘順序はシミュレーションの前にクリギング推定値だけで一度決め、各実現値では同じ区画を評価しています。実現値の当たり外れで区画を"
                "選ぶことはありません。推定値で最も良い区画のクリギング品位は高めに出やすく、実際の含有量は実現値の幅で見てください。1セルの採掘"
                "が数年続くことがあり、その一部はセル全体と同じ品位とみなすため、単年の値は見かけより不確かです。",
            )
        ),
        Items([_plan_said(plan) for plan in plans.values()]),
    ]
    panels = []
    for plan in chosen:
        lines = {
            statistic: np.array(
                [float(years[rate_t_day, plan.basis, year, element, statistic]["grade_ppm"]) for year in range(1, 1 + len(plan.shares))]
            )
            for statistic in ("kriged", *_RANGE)
        }
        panels.append((scenario_name(rate_t_day, plan.basis), lines))
    name = element_name(element)
    caption = both(f"{name['en']}: grade of the panel of each year.", f"{name['ja']}：各年の区画の品位。")
    key = (
        Key("band", figures.COLOURS["band"], figures.BAND_KEY),
        Key("line", figures.COLOURS["blue"], both("median", "中央値")),
        Key("dash", figures.COLOURS["ochre"], both("kriged, what the plan followed", "クリギング（計画の根拠）")),
    )
    unit = both(f"{symbol_of(element)}, ppm", f"{symbol_of(element)} (ppm)")
    blocks.append(Plot("fig-start-panels", figures.by_year("start-panels", panels, unit), caption, key))
    blocks += [_years_table(years, plan, element) for plan in chosen]
    return blocks


def _plan_said(plan: PanelPlan) -> Text:
    """A plan in one sentence, with how good the search knows it to be."""
    scenario, cells, count = scenario_name(plan.rate_t_day, plan.basis), len(plan.rows), len(plan.shares)
    years_en, cells_en = (f"{number} {name}" + ("" if number == 1 else "s") for number, name in ((count, "year"), (cells, "cell")))
    proven = plan.bound_share < 1e-9
    good_en = "no order of cells is better" if proven else f"no order of cells can be better by more than {percent(plan.bound_share, 2)}"
    good_ja = "これより良い順序はありません" if proven else f"これを{percent(plan.bound_share, 2)}より大きく上回る順序はありません"
    grade = shown(plan.discounted_ppm, 3)
    return both(
        f"{scenario['en']}: {years_en} in {cells_en}, discounted grade {grade} ppm (kriged); {good_en}.",
        f"{scenario['ja']}：{count}年分、{cells}セル、割引平均品位 {grade} ppm（クリギング）。{good_ja}。",
    )


def _years_table(years: dict[Key5, Row], plan: PanelPlan, element: str) -> Table:
    table = []
    for year in range(1, 1 + len(plan.shares)):
        key = (plan.rate_t_day, plan.basis, year, element)
        oxide = _amount(years, key)[0]
        table.append(
            [
                Cell(str(year)),
                *(_cell(years, "start_panels", (*key, statistic), "grade_ppm") for statistic in ("kriged", *_RANGE)),
                *(_cell(years, "start_panels", (*key, statistic), oxide) for statistic in _RANGE),
                _cell(years, "start_panels", (*key, "p50"), "area_km2_year"),
                _cell(years, "start_panels", (*key, "p50"), "distance_to_island_km"),
            ]
        )
    _, name = _amount(years, (plan.rate_t_day, plan.basis, 1, element))
    head = [
        both("year", "年次"),
        both("kriged, ppm", "クリギング (ppm)"),
        both("low (P90), ppm", "低位（P90）(ppm)"),
        both("median, ppm", "中央値 (ppm)"),
        both("high (P10), ppm", "高位（P10）(ppm)"),
        both(f"{name['en']} low (P90), t", f"{name['ja']} 低位（P90）(t)"),
        both(f"{name['en']} median, t", f"{name['ja']} 中央値 (t)"),
        both(f"{name['en']} high (P10), t", f"{name['ja']} 高位（P10）(t)"),
        both("seabed, km²", "海底面積 (km²)"),
        both("to the island, km", "島まで (km)"),
    ]
    scenario = scenario_name(plan.rate_t_day, plan.basis)
    caption = both(f"Panels year by year, {scenario['en']}.", f"年ごとの区画、{scenario['ja']}。")
    return Table(f"start-panels-{plan.basis}", caption, head, table, is_folded=True)
