"""Chapter on what can be lifted: the funnel, what it leaves at every cut-off, and how it answers to its settings."""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import Any, Final

from pipeline.artefacts import RECOVERABLE_COLUMNS, SENSITIVITY_COLUMNS, STEPS
from pipeline.number_ids import number_id
from pipeline.report_page import figures
from pipeline.report_page.blocks import Cell, Chapter, Heading, Items, Key, Plot, Said, Table, Text, both, joined, missing, percent, shown, signed
from pipeline.report_page.facts import Facts, region_name
from pipeline.report_page.words import PERCENTILE_NAMES
from pipeline.web.number_marks import sourced
from pipeline.web.texts import element_name, symbol_of

Row = dict[str, Any]

STEP_NAMES: Final[dict[str, Text]] = {
    "in_situ": both("in place", "原位置"),
    "zone": both("inside the EEZ", "EEZ内"),
    "water_depth": both("water depth within reach", "到達可能な水深"),
    "slope": both("slope within the limit", "傾斜が上限以下"),
    "exclusions": both("outside outcrop, flanks and no-go areas", "露頭・海山斜面・禁止区域の外"),
    "column_cutoff": both("columns over the cut-off, dilution included", "希釈込みでカットオフ以上の柱状区間"),
    "connected": both("in connected panels", "連続した採掘区画内"),
    "extraction": both("brought aboard", "揚泥（採取率）"),
    "upgrading": both("after upgrading", "選別（濃集）後"),
    "leaching": both("dissolved by leaching", "浸出後"),
}
_SETTINGS: Final[dict[str, Text]] = {
    "max_slope_deg": both("slope limit, °", "傾斜の上限 (°)"),
    "max_water_depth_m": both("deepest water, m", "水深の上限 (m)"),
    "flank_rise_m": both("rise of a flank, m", "海山斜面とみなす高まり (m)"),
    "column_cutoff_ppm": both("cut-off of the column, ppm", "柱状区間のカットオフ (ppm)"),
    "column_base": both("rule of the base", "採掘下限の決め方"),
    "max_cover_m": both("thickest cover, m", "被覆層の上限 (m)"),
    "min_layer_m": both("thinnest ore, m", "鉱層の下限 (m)"),
    "panel_neighbours": both("neighbours of a cell", "隣接セルの数"),
    "min_panel_years": both("smallest panel, years", "区画の下限（年分）"),
    "selection": both("choice of columns", "採掘柱の選び方"),
    "extraction_share": both("share brought aboard", "採取率"),
    "upgrading_metal_share": both("metal kept in upgrading", "選別の金属回収率"),
    "leaching_share": both("metal dissolved", "浸出率"),
}
_LOSSES: Final[dict[str, Text]] = {
    "extraction": both("extraction", "採取"),
    "upgrading": both("upgrading", "選別"),
    "leaching": both("leaching", "浸出"),
}
_VALUES: Final[dict[str, Text]] = {
    "left_out": both("no limit", "上限なし"),
    "break_even": both("where it pays", "採算点"),
    "deepest": both("deepest", "最深"),
    "planned": both("planned", "計画"),
    "perfect": both("as if known", "既知と仮定"),
}
_STATES: Final[dict[str, Text]] = {
    "applied": both("applied", "適用"),
    "left out": both("left out", "適用せず"),
    "applied, but the bathymetry is too coarse to show the slope of a cell": both("applied; bathymetry too coarse", "適用（水深格子が粗い）"),
    "applied, but polygons are missing that could not be used": both("applied; some polygons unusable", "適用（使えない多角形あり）"),
    "not applied: [place] names no island": both("no island named", "島の指定なし"),
    "unknown: not applied, so that this and all that follows is an upper bound": both("unknown: upper bound", "不明：以下は上限値"),
}
_SHOWN = ("p10", "p50", "p90")


class Funnel:
    """What ``recoverable.csv`` says, by its keys."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @cached_property
    def rows(self) -> dict[tuple[Any, ...], Row]:
        """Rows by element, region, cut-off, step, slope, selection and statistic."""
        keys = ("element", "region", "cutoff_ppm", "step", "slope", "selection", "statistic")
        records: list[Any] = self.facts.recoverable.frame.to_dict("records")
        return {tuple(row[key] for key in keys): row for row in records}

    @cached_property
    def headline(self) -> Row | None:
        """Keys of the headline: a row of the sensitivity with nothing changed."""
        rows = self.facts.recoverable.sensitivity
        rows = rows[rows["setting"] == "as_set"]
        return None if rows.empty else {str(key): value for key, value in rows.iloc[0].items()}

    def row(self, element: str, step: str, statistic: str, **changes: Any) -> Row | None:
        """One row of the headline's funnel, or of another one."""
        place = {**(self.headline or {}), **changes}
        return self.rows.get(
            (element, *(place.get(key) for key in ("region", "cutoff_ppm")), step, place.get("slope"), place.get("selection"), statistic)
        )

    def metal_t(self, element: str, step: str, **changes: Any) -> list[float]:
        """Low, median and high."""
        rows = [self.row(element, step, statistic, **changes) for statistic in _SHOWN]
        return [math.nan if row is None else float(row["metal_t"]) for row in rows]


def chapter(facts: Facts) -> Chapter:
    """From what lies in place to what is won."""
    found = Chapter("recoverable", both("What can be lifted", "可採量（採取・回収できる量）"))
    funnel = Funnel(facts)
    if funnel.headline is None:
        found.blocks.append(missing(facts.not_simulated()))
        return found
    elements = [element for element in facts.elements if funnel.row(element, "in_situ", "p50")]
    found.blocks += [Said(_lead(funnel, element), "lead") for element in elements[:1]]
    found.blocks.append(Said(_how(funnel), ""))
    found.blocks += _coarse(funnel, elements[0])
    for element in elements:
        found.blocks += _of_element(funnel, element)
    found.blocks += [Heading(both("What each step means", "各段階の意味")), Items(_meanings(funnel))]
    found.blocks += _over_cutoffs(funnel, elements[0])
    found.blocks += _tornado(funnel, elements[0])
    return found


def _unknown(funnel: Funnel, element: str) -> list[str]:
    """Steps whose share is not known."""
    rows = [(step, funnel.row(element, step, "p50")) for step in STEPS]
    return [step for step, row in rows if row and row["state"].startswith("unknown")]


def _lead(funnel: Funnel, element: str) -> Text:
    place = funnel.headline or {}
    before, after = funnel.metal_t(element, "in_situ"), funnel.metal_t(element, "leaching")
    share = funnel.row(element, "leaching", "p50")
    name, where = element_name(element), region_name(place["region"])
    low, median, high = (_sourced(funnel.row(element, "leaching", statistic), value) for statistic, value in zip(_SHOWN, after, strict=True))
    in_place = _sourced(funnel.row(element, "in_situ", "p50"), before[1])
    unknown = _unknown(funnel, element)
    names = [_LOSSES[step] for step in unknown]
    bound_en = f" This is an upper bound: what is lost in {' and in '.join(name['en'] for name in names)} is unknown." if unknown else ""
    bound_ja = f"{'・'.join(name['ja'] for name in names)}で失われる割合が不明なため、これは上限値です。" if unknown else ""
    return both(
        f"{name['en']}: of {in_place} t in place ({where['en']}, median) {median} t (low {low}, high {high}) are left under these limits, "
        f"{percent(share['in_situ_share'] if share else None)}.{bound_en}",
        f"{name['ja']}：原位置 {in_place} t（{where['ja']}、中央値）のうち、現在の制約で残るのは {median} t（低位 {low}～高位 {high} t）、"
        f"{percent(share['in_situ_share'] if share else None)}です。{bound_ja}",
    )


def _sourced(row: Row | None, metal_t: float) -> str:
    """Metal of a row in a sentence, with its name."""
    if row is None or not math.isfinite(metal_t):
        return shown(metal_t, 3)
    return sourced(number_id("recoverable", *(row[key] for key in RECOVERABLE_COLUMNS[:7]), column="metal_t"), shown(metal_t, 3))


def _how(funnel: Funnel) -> Text:
    place = funnel.headline or {}
    planned_en = (
        "Columns and panels are those that today's estimate would choose; each realisation then says what they hold."
        if place["selection"] == "planned"
        else "Columns and panels are chosen in each realisation as if it were known: no plan made today can be as good."
    )
    planned_ja = (
        "採掘する柱状区間と区画は現在の推定で選び、そこに含まれる量を各実現値で求めます。"
        if place["selection"] == "planned"
        else "採掘する柱状区間と区画は、各実現値が既知であるとして選びます（現在の計画でこれに並ぶことはできません）。"
    )
    return both(
        f"{planned_en} Every step is taken in each realisation, and none adds metal. Percentiles of steps do not multiply: low, median and high of "
        "a step "
        "come from different realisations.",
        f"{planned_ja}各段階は実現値ごとに計算し、どの段階でも金属量は増えません。各段階の低位・中央値・高位は異なる実現値によるため、段階の比を掛"
        "け合わせることは"
        "できません。",
    )


def _coarse(funnel: Funnel, element: str) -> list[Any]:
    """With and without the slope, where the bathymetry cannot show it."""
    row = funnel.row(element, "slope", "p50", slope="applied")
    if row is None or "coarse" not in row["state"]:
        return []
    spacing = shown(funnel.facts.seafloor.source_resolution_m / 1000, 3)
    with_slope, without = (funnel.metal_t(element, "leaching", slope=slope) for slope in ("applied", "left_out"))
    told = [f"{shown(values[1], 3)} t ({shown(values[0], 3)} – {shown(values[2], 3)})" for values in (with_slope, without)]
    return [
        Said(
            both(
                f"The bathymetry has a node every {spacing} km, too coarse to show the slope of a cell: steep ground that it smooths away is not "
                "left out. "
                f"With the limit of slope {told[0]}, without it {told[1]}.",
                f"水深格子の間隔は {spacing} km と粗く、セルの傾斜は判定できません（平滑化された急斜面は除外されません）。傾斜の上限を適用すると "
                f"{told[0]}、適用しな"
                f"いと {told[1]} です。",
            ),
            "note",
        )
    ]


def _of_element(funnel: Funnel, element: str) -> list[Any]:
    place = funnel.headline or {}
    name, where = element_name(element), region_name(place["region"])
    steps, unknown = [], _unknown(funnel, element)
    for step in STEPS:
        low, median, high = funnel.metal_t(element, step)
        steps.append(figures.Step(STEP_NAMES[step], low, median, high, step in unknown))
    key = (
        Key("bar", figures.COLOURS["blue"], both("left (median)", "残る量（中央値）")),
        Key("bar", figures.COLOURS["pink"], both("taken away by the step", "その段階で除かれる量")),
        Key("bar", figures.COLOURS["band"], both("share unknown: upper bound", "割合不明：上限値")),
        Key("line", figures.COLOURS["ink"], both("low (P90) to high (P10)", "低位（P90）～高位（P10）")),
    )
    caption = both(
        f"{name['en']}, {where['en']}: metal left behind each step, columns over {place['cutoff_ppm']:g} ppm.",
        f"{name['ja']}、{where['ja']}：各段階の後に残る金属量（柱状区間のカットオフ {place['cutoff_ppm']:g} ppm）。",
    )
    plot = Plot(f"fig-recoverable-{element}", figures.funnel(f"recoverable-{element}", steps), caption, key)
    return [Heading(name), plot, _table(funnel, element)]


def _cell(row: Row | None, column: str, scale: float = 1.0, digits: int = 3, *, is_share: bool = False) -> Cell:
    """Cell with a number of ``recoverable.csv``."""
    value = math.nan if row is None else float(row[column])
    if row is None or not math.isfinite(value):
        return Cell("–", is_number=True)
    keys = (row[key] for key in RECOVERABLE_COLUMNS[:7])
    text = percent(value, 1) if is_share else shown(value * scale, digits)
    return Cell(text, repr(value), number_id("recoverable", *keys, column=column), is_number=True)


def _table(funnel: Funnel, element: str) -> Table:
    rows = []
    for step in STEPS:
        low, median, high = (funnel.row(element, step, statistic) for statistic in _SHOWN)
        state = median["state"] if median else ""
        rows.append(
            [
                Cell(STEP_NAMES[step]),
                _cell(median, "area_km2", digits=4),
                _cell(median, "dry_mud_t", 1e-6, 4),
                _cell(median, "grade_ppm"),
                *(_cell(row, "metal_t") for row in (low, median, high)),
                _cell(median, "in_situ_share", is_share=True),
                Cell(_STATES.get(state, both(state, state))),
            ]
        )
    head = [
        both("step", "段階"),
        both("area, km²", "面積 (km²)"),
        both("dry mud, Mt", "乾燥泥量 (百万t)"),
        both("grade, ppm", "品位 (ppm)"),
        *(both(f"metal, t: {PERCENTILE_NAMES[name]['en']}", f"金属量 (t)：{PERCENTILE_NAMES[name]['ja']}") for name in _SHOWN),
        both("share of what is in place", "原位置に対する割合"),
        both("state", "状態"),
    ]
    name = element_name(element)
    caption = both(
        f"{name['en']}: what each step leaves; area, mud, grade and share are medians.",
        f"{name['ja']}：各段階の後に残る量（面積・泥量・品位・割合は中央値）。",
    )
    return Table(f"recoverable-{element}", caption, head, rows, main=frozenset({0, len(rows) - 1}))


def _meanings(funnel: Funnel) -> list[Text]:
    """One sentence for each limit, with its number."""
    given = {key: funnel.facts.setting("recoverable", key) for key in funnel.facts.provenance.content.get("settings", {}).get("recoverable", {})}
    place, production = funnel.headline or {}, funnel.facts.provenance.content.get("settings", {}).get("production", {})
    if not given or not production:
        return [both("The settings are listed in the last chapter.", "設定は最後の章に示します。")]
    lead = symbol_of(_lead_element(funnel, given))
    rate = production["rates_t_day"][-1]
    recoveries = [
        (STEP_NAMES["extraction"], given["extraction_share"]),
        (both("metal kept by upgrading", "選別での金属回収"), given["upgrading_metal_share"]),
        (both("metal dissolved", "浸出"), given["leaching_share"]),
    ]
    told = [(f"{name['en']} {_share(share)['en']}", f"{name['ja']} {_share(share)['ja']}") for name, share in recoveries]
    base_en = (
        "where metal beyond the cut-off is most" if given["column_base"] == "break_even" else "as deep as the mean of the column reaches the cut-off"
    )
    base_ja = "カットオフを超える金属量が最大になる深さ" if given["column_base"] == "break_even" else "柱状区間の平均がカットオフ以上となる最も深い所"
    return [
        both(
            f"Water no deeper than {given['max_water_depth_m']:,g} m; slope no steeper than {given['max_slope_deg']:g}°; ground that rises by more "
            "than "
            f"{given['flank_rise_m']:g} m above the median depth of the region counts as the flank of a seamount. A cell goes or stays whole, by "
            "its centre.",
            f"水深 {given['max_water_depth_m']:,g} m 以浅、傾斜 {given['max_slope_deg']:g}° 以下。領域の水深中央値より {given['flank_rise_m']:g} m "
            "以上高い所は海山斜面"
            "として除きます。判定はセル中心で行います。",
        ),
        both(
            f"A column is mined from the seafloor through its cover down to a base, {base_en}, and everything in between comes up. Its mean must "
            "reach "
            f"{place['cutoff_ppm']:g} ppm {lead}; no more than {given['max_cover_m']:g} m below the cut-off may lie on the first layer that "
            "reaches it, and from "
            f"there to the base it must be {given['min_layer_m']:g} m at least.",
            f"柱状区間は海底面から被覆層を含めて採掘下限（{base_ja}）まで掘り、間の泥はすべて揚がります。平均が {lead} {place['cutoff_ppm']:g} ppm "
            "以上で、カットオフに"
            f"達する最初の層の上の被覆は {given['max_cover_m']:g} m 以下、そこから下限までは {given['min_layer_m']:g} m 以上とします。",
        ),
        both(
            f"Mined cells that touch ({given['panel_neighbours']} neighbours) form a panel; it must hold {given['min_panel_years']:g} years at "
            f"{rate:,g} t of dry "
            f"mud a day.",
            f"隣り合う採掘セル（{given['panel_neighbours']}近傍）を一つの区画とし、乾燥泥 1日 {rate:,g} t で {given['min_panel_years']:g} 年分以上"
            "とします。",
        ),
        both(
            f"Shares: {'; '.join(en for en, _ in told)}. Upgrading multiplies the grade up to {given['upgrading_factor']:g} times: it changes the "
            "mass that is "
            "handled, not the metal.",
            f"割合：{'、'.join(ja for _, ja in told)}。選別は品位を最大 {given['upgrading_factor']:g} 倍にしますが、変わるのは処理する泥の量で、金"
            "属量は増えません。",
        ),
    ]


def _lead_element(funnel: Funnel, given: dict[str, Any]) -> str:
    return given["lead_element"] if given["lead_element"] in funnel.facts.elements else funnel.facts.elements[0]


def _share(share: float | str) -> Text:
    return both("unknown", "不明") if isinstance(share, str) else both(percent(share, 1), percent(share, 1))


# --- cut-offs and settings -------------------------------------------------------------------------------------------------------------------------


def _over_cutoffs(funnel: Funnel, element: str) -> list[Any]:
    """The headline's last mask at every cut-off, planned and as if known."""
    place = funnel.headline or {}
    cutoffs = sorted({key[2] for key in funnel.rows if key[0] == element and key[1] == place["region"]})
    rows, states = [], []
    for cutoff_ppm in cutoffs:
        for selection in ("planned", "perfect"):
            found = [funnel.row(element, "connected", statistic, cutoff_ppm=cutoff_ppm, selection=selection) for statistic in _SHOWN]
            states.append(cutoff_ppm == place["cutoff_ppm"] and selection == place["selection"])
            rows.append(
                [
                    Cell(f"{cutoff_ppm:g}", is_number=True),
                    Cell(_VALUES[selection]),
                    _cell(found[1], "area_km2", digits=4),
                    _cell(found[1], "dry_mud_t", 1e-6, 4),
                    _cell(found[1], "grade_ppm"),
                    *(_cell(row, "metal_t") for row in found),
                ]
            )
    head = [
        both("cut-off of the column, ppm", "柱状区間のカットオフ (ppm)"),
        both("choice", "選び方"),
        both("area, km²", "面積 (km²)"),
        both("dry mud, Mt", "乾燥泥量 (百万t)"),
        both("grade, ppm", "品位 (ppm)"),
        *(both(f"metal, t: {PERCENTILE_NAMES[name]['en']}", f"金属量 (t)：{PERCENTILE_NAMES[name]['ja']}") for name in _SHOWN),
    ]
    name = element_name(element)
    caption = both(f"{name['en']} in connected panels at every cut-off.", f"{name['ja']}：各カットオフで連続区画に含まれる量。")
    main = frozenset(position for position, state in enumerate(states) if state)
    return [
        Heading(both("Other cut-offs, and what knowing more would change", "ほかのカットオフと情報の効果")),
        Said(
            both(
                "Planned columns are chosen on the kriged estimate, which is smoother than the deposit: at a high cut-off it finds few columns. "
                "Chosen as if each "
                "realisation were known, columns are fewer or richer; the difference is what further cores could at most be worth to the plan.",
                "「計画」はクリギング推定で選んだ柱状区間です。推定は実際の鉱床より滑らかなため、高いカットオフではほとんど選ばれません。「既知と仮"
                "定」は各実現値が分かってい"
                "るとした選び方で、その差は追加コアが計画にもたらし得る効果の上限です。",
            )
        ),
        Table("recoverable-cutoffs", caption, head, rows, main=main, is_folded=True),
    ]


def _tornado(funnel: Funnel, element: str) -> list[Any]:
    rows = funnel.facts.recoverable.sensitivity
    rows = rows[rows["element"] == element]
    found: dict[str, dict[str, dict[str, Row]]] = {}
    for row in rows.to_dict("records"):
        if row["setting"] != "as_set":
            found.setdefault(str(row["setting"]), {}).setdefault(str(row["value"]), {})[str(row["statistic"])] = {
                str(key): cell for key, cell in row.items()
            }
    bars = []
    for setting, values in found.items():
        ends = []
        for value, parts in values.items():
            low, median, high = (100 * float(parts[statistic]["change_share"]) for statistic in _SHOWN)
            ends.append(figures.Swing(_value(value), low, median, high, bool(parts["p50"]["state"])))
        if any(math.isfinite(end.p50) and abs(end.p50) >= 0.05 for end in ends):
            bars.append((_SETTINGS[setting], ends))
    bars.sort(key=lambda bar: -max(abs(end.p50) for end in bar[1] if math.isfinite(end.p50)))
    drawn = {str(words) for words, _ in bars}
    still = [_SETTINGS[setting] for setting in found if str(_SETTINGS[setting]) not in drawn]
    name = element_name(element)
    caption = both(
        f"{name['en']}: change of the recoverable metal with one setting at a time, % of each realisation.",
        f"{name['ja']}：設定を一つずつ変えたときの可採金属量の変化（実現値ごとの%）。",
    )
    key = (
        Key("bar", figures.COLOURS["blue"], both("more (median)", "増加（中央値）")),
        Key("bar", figures.COLOURS["ochre"], both("less (median)", "減少（中央値）")),
        Key("bar", figures.COLOURS["band"], both("unknown: anything from 0 to 1", "不明：0～1のいずれか")),
        Key("line", figures.COLOURS["ink"], both("low (P90) to high (P10)", "低位（P90）～高位（P10）")),
    )
    blocks: list[Any] = [Heading(both("What the result hangs on", "結果を左右する設定"))]
    table = _sensitivity_table(found, element)
    blocks.append(Plot("fig-recoverable-tornado", figures.tornado("recoverable-tornado", bars), caption, key, table) if bars else table)
    if still:
        blocks.append(
            Said(
                joined(
                    [
                        both("Hardly any change (below 0.05 %): ", "ほとんど変わらない設定（0.05 %未満）："),
                        both("; ".join(words["en"] for words in still) + ".", "、".join(words["ja"] for words in still) + "。"),
                    ],
                    "",
                ),
                "note",
            )
        )
    return blocks


def _value(value: str) -> Text:
    if value in _VALUES:
        return _VALUES[value]
    return both(f"{float(value):,g}", f"{float(value):,g}") if re.fullmatch(r"[\d.e+-]+", value) else both(value, value)


def _sensitivity_table(found: dict[str, dict[str, dict[str, Row]]], element: str) -> Table:
    rows = [
        [
            Cell(_SETTINGS[setting]),
            Cell(_value(value)),
            *(_changed(parts[statistic], "metal_t") for statistic in _SHOWN),
            *(_changed(parts[statistic], "change_share") for statistic in _SHOWN),
            Cell(both("unknown", "不明") if parts["p50"]["state"] else ""),
        ]
        for setting, values in found.items()
        for value, parts in values.items()
    ]
    names = [PERCENTILE_NAMES[name] for name in _SHOWN]
    head = [
        both("setting", "設定"),
        both("tried", "試した値"),
        *(both(f"metal, t: {name['en']}", f"金属量 (t)：{name['ja']}") for name in names),
        *(both(f"change: {name['en']}", f"変化：{name['ja']}") for name in names),
        both("state", "状態"),
    ]
    name = element_name(element)
    caption = both(f"{name['en']}: one setting at a time.", f"{name['ja']}：設定を一つずつ変えた結果。")
    return Table(f"recoverable-sensitivity-{element}", caption, head, rows, is_folded=True)


def _changed(row: Row, column: str) -> Cell:
    """Cell with a number of ``recoverable_sensitivity.csv``."""
    value = float(row[column])
    if not math.isfinite(value):
        return Cell("–", is_number=True)
    keys = (row[key] for key in SENSITIVITY_COLUMNS[:8])
    text = f"{signed(100 * value, 3)}\u00a0%" if column == "change_share" else shown(value, 3)
    return Cell(text, repr(value), number_id("recoverable_sensitivity", *keys, column=column), is_number=True)
