"""Chapter on supply: what production means beside what is used and traded, each figure with what it is divided by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pipeline.artefacts import WHYS
from pipeline.number_ids import number_id
from pipeline.report_page.blocks import Cell, Chapter, Heading, Items, Said, Table, Text, both, joined, missing, percent, shown
from pipeline.report_page.production import WHERE_NAMES, rows_of, scenario_name
from pipeline.text import printable
from pipeline.web.texts import element_name, symbol_of

if TYPE_CHECKING:
    from pipeline.report_page.facts import Facts

Row = dict[str, Any]

QUESTION_NAMES: Final[dict[str, Text]] = {
    "years_of_japan_demand": both("years of Japan's demand in all recoverable metal", "可採金属量は日本の年間需要の何年分か"),
    "years_of_world_demand": both("years of the world's demand in all recoverable metal", "可採金属量は世界の年間需要の何年分か"),
    "months_of_china_production_in_all": both(
        "all recoverable metal, in months of China's production in that one month", "可採金属量は中国の当該月の生産の何か月分か"
    ),
    "share_of_japan_demand": both("a year's production, of Japan's yearly demand", "年間生産が日本の年間需要に占める割合"),
    "share_of_world_demand": both("a year's production, of the world's yearly demand", "年間生産が世界の年間需要に占める割合"),
    "share_of_import_from_china": both(
        "a year's production, of Japan's import of this element from China", "年間生産が日本の中国からの当該元素の輸入に占める割合"
    ),
    "share_of_import_of_all_rare_earths_from_china": both(
        "a year's production of this one element, of Japan's import of all rare earths from China",
        "当該1元素の年間生産が日本の中国からの全レアアース輸入に占める割合",
    ),
    "months_of_china_production_a_year": both(
        "a year's production, in months of China's production in that one month", "年間生産は中国の当該月の生産の何か月分か"
    ),
}
_WHY_NAMES: Final[dict[str, str]] = {
    WHYS["no_row"]: "data/raw/published に該当する行がありません",
    WHYS["no_value"]: "公表値がありません",
    WHYS["no_unit"]: "単位が元素・酸化物・REO の質量ではありません（例：t Dy/year、t Dy2O3/year）",
    WHYS["no_period"]: "単位に期間がありません（例：t Dy/year）",
    WHYS["other_element"]: "単位が別の元素を指しています",
    WHYS["one_element"]: "全レアアースのはずの単位が1元素を指しています",
    WHYS["all_rare_earths"]: "単位が全レアアースの合計で、当該元素の割合が分かりません",
    WHYS["range"]: "公表値が範囲で示されています",
    WHYS["unsaid"]: "単位が金属か酸化物かを示していないため、両方の読みを範囲に含めています",
    WHYS["pattern"]: "酸化物の換算係数がレアアースの組成によるため、最小と最大を範囲に含めています",
}
_KEYS: Final = ("rate_t_day", "basis", "where", "element", "question")
_STATES: Final = {"known": both("known", "既知"), "range": both("range", "範囲"), "unknown": both("unknown", "不明")}
_MARKS: Final = {"known": "in", "range": "part", "unknown": "none"}


def supply(facts: Facts) -> Chapter:
    """Years, shares and months, with their denominators; what is unknown stays unknown."""
    found = Chapter("supply", both("What it would mean for supply", "供給への意味"))
    rows = rows_of(facts.supply.frame, _KEYS)
    if not rows:
        found.blocks.append(missing(both("there is no production to compare.", "比較する生産量がありません。")))
        return found
    unknown = sorted({str(row["denominator_id"]) for row in rows.values() if row["state"] == "unknown"})
    found.blocks.append(
        Said(
            both(
                "Tonnes of a scenario over a published figure. Each figure stands with what it is divided by, dated and sourced; without a "
                "published denominator there is no figure. One month of China's production is shown as that month, never as a twelfth of a year. "
                "No money: the reporting codes discourage the value of what lies in the ground.",
                "シナリオの量を公表値で割った値です。分母は日付と出典を付けて示し、公表された分母がない項目は数値を出しません。中国の1か月の生産"
                "量は当該月の値としてのみ用い、年間に換算しません。報告規程に従い、原位置の金額は計算しません。",
            ),
            "lead",
        )
    )
    if unknown:
        listed = ", ".join(printable(name) for name in unknown)
        found.blocks.append(
            Said(
                both(
                    f"Unknown, and therefore switched off: {listed}. Whoever has a figure with a source writes it into "
                    "data/raw/published/supply.csv.",
                    f"不明のため計算していない分母：{listed}。出典のある値を data/raw/published/supply.csv に記入すると計算されます。",
                ),
                "note",
            )
        )
    for element in facts.elements:
        mine = {key: row for key, row in rows.items() if row["element"] == element}
        if mine:
            found.blocks += [Heading(element_name(element)), _of_all(mine, element), _of_year(mine, element)]
    found.blocks += [Heading(both("What is divided by", "分母")), _denominators(rows), Items(_notes())]
    return found


def _notes() -> list[Text]:
    return [
        both(
            "Ends are the outer ones: low (P90) of the tonnes over the highest denominator, high (P10) over the lowest. A published range "
            "carries no probability, and the two are independent. Where only a range is published, there is no middle.",
            "範囲は外側を取ります：下端は量の低位（P90）÷分母の最大値、上端は量の高位（P10）÷分母の最小値。公表値の範囲には確率がなく、量と分母は"
            "独立です。分母が範囲だけの場合、中央の値は示しません。",
        ),
        both(
            "Tonnes are those that leaching wins, without losses of extraction and upgrading that nobody published: upper bounds.",
            "量は浸出後の値で、公表されていない採取・選別の損失を含まないため上限です。",
        ),
    ]


def _figure(row: Row, column: str) -> Cell:
    """One number of the table: a share in percent, anything else as it is."""
    value = float(row[column])
    if not math.isfinite(value):
        return Cell("–", is_number=True)
    text = percent(value, 1 if value >= 0.01 else 3) if row["unit"] == "1" else shown(value, 3)
    return Cell(text, repr(value), number_id("supply", *(row[key] for key in _KEYS), column=column), is_number=True)


def _state(row: Row) -> Cell:
    return Cell(_STATES.get(row["state"], both("unknown", "不明")), mark=_MARKS.get(row["state"], "none"))


def _head(first: Text) -> list[Text]:
    return [
        first,
        both("low (P90)", "低位（P90）"),
        both("median", "中央値"),
        both("high (P10)", "高位（P10）"),
        both("unit", "単位"),
        both("state", "状態"),
    ]


def _unit(row: Row) -> Cell:
    names = {"years": both("years", "年"), "months": both("months", "か月"), "1": both("%", "%")}
    return Cell(names.get(row["unit"], both(str(row["unit"]), str(row["unit"]))))


def _of_all(rows: dict[tuple[Any, ...], Row], element: str) -> Table:
    """Questions about all that is recoverable: the same for every scenario."""
    first = {row["question"]: row for row in reversed(list(rows.values())) if row["numerator"].endswith("metal_t")}
    table = [
        [
            Cell(words),
            *(_figure(first[question], column) for column in ("value_low", "value", "value_high")),
            _unit(first[question]),
            _state(first[question]),
        ]
        for question, words in QUESTION_NAMES.items()
        if question in first
    ]
    symbol = symbol_of(element)
    caption = both(f"{symbol}: all that is recoverable.", f"{symbol}：可採量全体。")
    return Table(f"supply-all-{element}", caption, _head(both("question", "問い")), table)


def _of_year(rows: dict[tuple[Any, ...], Row], element: str) -> Table:
    """Questions about a year's production, scenario by scenario; what is unknown for all of them is told once."""
    table = []
    for question, words in QUESTION_NAMES.items():
        mine = [row for row in rows.values() if row["question"] == question and row["numerator"].endswith("_year")]
        if mine and all(row["state"] == "unknown" for row in mine):
            table.append([Cell(words), *[Cell("–", is_number=True)] * 3, _unit(mine[0]), _state(mine[0])])
            continue
        for row in mine:
            scenario = joined([scenario_name(row["rate_t_day"], row["basis"]), WHERE_NAMES[row["where"]]], ", ", "、")
            name = joined([words, scenario], ": ", "：")
            table.append([Cell(name), *(_figure(row, column) for column in ("value_low", "value", "value_high")), _unit(row), _state(row)])
    symbol = symbol_of(element)
    caption = both(f"{symbol}: a year's production.", f"{symbol}：年間生産。")
    return Table(f"supply-year-{element}", caption, _head(both("question and scenario", "問いとシナリオ")), table)


def _denominators(rows: dict[tuple[Any, ...], Row]) -> Table:
    found: dict[str, Row] = {}
    for row in rows.values():
        found.setdefault(str(row["denominator_id"]), row)
    table = []
    for name, row in sorted(found.items()):
        ends = [float(row[f"denominator_{end}"]) for end in ("low", "value", "high")]
        told = " / ".join(f"{end:,.10g}" for end in ends if math.isfinite(end)) or "–"
        source = [printable(str(row[f"denominator_{part}"])) for part in ("date", "source", "doi_or_reference", "status")]
        why = str(row["why"])
        table.append(
            [
                Cell(printable(name)),
                Cell(told, is_number=True),
                Cell(printable(str(row["denominator_unit"]))),
                Cell("; ".join(part for part in source if part)),
                _state(row),
                Cell(both(why, _WHY_NAMES.get(why, why))),
            ]
        )
    head = [
        both("figure", "項目"),
        both("low / value / high", "下端／値／上端"),
        both("unit", "単位"),
        both("date; source; reference; status", "日付・出典・文献・区分"),
        both("state", "状態"),
        both("why", "理由"),
    ]
    return Table("supply-denominators", both("Denominators as published.", "公表された分母。"), head, table)
