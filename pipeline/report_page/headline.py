"""Chapter 1: how much, how sure, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.report_page import figures
from pipeline.report_page.blocks import Cell, Chapter, Heading, Items, Key, Plot, Said, Table, Text, both, joined, missing, percent, shown
from pipeline.report_page.facts import COLUMNS, STATISTICS, Facts, figure_cell, region_name
from pipeline.report_page.words import COLUMN_NAMES, PERCENTILE_NAMES, SOURCES, source_shares
from pipeline.units import oxide_name
from pipeline.web.texts import element_name, subscripted, symbol_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONVENTION = both(
    "Low (P90) is the value that 90 % of the realisations exceed, high (P10) the one that 10 % exceed; the data files call them p10 and p90, by "
    "the share that lies below. The 90 % interval runs from p05 to p95.",
    "低位（P90）は実現値の90 %が上回る値、高位（P10）は10 %が上回る値です。データファイルでは下側の割合で p10・p90 と呼びます。90 %信頼区間は p05～"
    "p95 です。",
)
_STATEMENT = both(
    "Tonnes in place, with their uncertainty. This is no resource or reserve statement under CRIRSCO, JORC or NI 43-101, and nothing about mining, "
    "recovery or cost is in it.",
    "不確かさを付した原位置量です。CRIRSCO・JORC・NI 43-101 に基づく資源量・埋蔵量の報告ではなく、採掘・回収率・費用は考慮していません。",
)


def chapter(facts: Facts) -> Chapter:
    """Headline tonnes of every element and region with their range, how sure they are and why."""
    found = Chapter("summary", both("Summary", "要約"))
    blocks = found.blocks
    blocks += [Said(_sentence(facts, element), "lead") for element in facts.elements if facts.regions(element)]
    blocks.append(Said(_STATEMENT, "note"))
    simulated = [element for element in facts.elements if facts.is_simulated(element)]
    blocks += [
        missing(joined([element_name(element), facts.not_simulated(element)], ": ", "：")) for element in facts.elements if element not in simulated
    ]
    spreads = [spread for element in simulated for spread in _spreads(facts, element)]
    if spreads:
        blocks.append(_plot(spreads))
    blocks += [_table(facts, element, region) for element in facts.elements for region in facts.regions(element)[:2]]
    blocks.append(Said(_CONVENTION, "note"))
    blocks.append(Heading(both("How sure, and why", "確かさとその理由")))
    blocks.append(Items(reasons(facts)))
    return found


def _sentence(facts: Facts, element: str) -> Text:
    region = facts.regions(element)[0]
    name, where = element_name(element), region_name(region)
    mean, low, high = (facts.row(element, region, statistic) for statistic in ("mean", "p10", "p90"))
    p05, p95 = (facts.row(element, region, statistic) for statistic in ("p05", "p95"))
    if mean is None or low is None or high is None or p05 is None or p95 is None:
        kriged = facts.row(element, region, "kriged")
        tonnes = shown(kriged["metal_t"], 3) if kriged else "–"
        return both(
            f"{name['en']}: {tonnes} t of metal by kriging ({where['en']}), without an interval.",
            f"{name['ja']}：クリギングによる金属量は {tonnes} t（{where['ja']}）。区間はありません。",
        )
    return both(
        f"{name['en']}: {shown(mean['metal_t'], 3)} t of metal on average, low (P90) {shown(low['metal_t'], 3)} to high (P10) "
        f"{shown(high['metal_t'], 3)} t, 90 % interval {shown(p05['metal_t'], 3)} to {shown(p95['metal_t'], 3)} t, in "
        f"{shown(mean['dry_mud_t'] / 1e6)} Mt of dry mud at {shown(mean['grade_ppm'], 3)} ppm on {shown(mean['area_km2'])} km² ({where['en']}).",
        f"{name['ja']}：金属量は平均 {shown(mean['metal_t'], 3)} t、低位（P90）{shown(low['metal_t'], 3)} t～高位（P10）{shown(high['metal_t'], 3)} "
        f"t、90 %信頼区間 {shown(p05['metal_t'], 3)}～{shown(p95['metal_t'], 3)} t。対象は面積 {shown(mean['area_km2'])} km²（{where['ja']}）の乾燥"
        f"泥 {shown(mean['dry_mud_t'] / 1e6)} 百万t、平均品位 {shown(mean['grade_ppm'], 3)} ppm です。",
    )


def _spreads(facts: Facts, element: str) -> Iterator[figures.Spread]:
    for region in facts.regions(element)[:2]:
        rows = {statistic: facts.row(element, region, statistic) for statistic in ("p05", "p10", "mean", "p90", "p95")}
        if all(rows.values()):
            name = joined([symbol_of(element), region_name(region)], ": ", "：")
            yield figures.Spread(name, **{statistic: float(row["metal_t"]) for statistic, row in rows.items() if row})


def _plot(spreads: list[figures.Spread]) -> Plot:
    key = (
        Key("tick", figures.COLOURS["ochre"], both("mean", "平均")),
        Key("band", figures.COLOURS["blue"], figures.BAND_KEY),
        Key("band", figures.COLOURS["band"], both("90 % interval", "90 %信頼区間")),
    )
    caption = both("Metal in place over cut-off 0, from zero.", "カットオフ品位0での原位置金属量（横軸は0から）。")
    return Plot("fig-headline", figures.intervals("headline", spreads), caption, key)


def _table(facts: Facts, element: str, region: str) -> Table:
    name, where = element_name(element), region_name(region)
    has_spread = facts.row(element, region, "mean") is not None
    statistics = STATISTICS if has_spread else ("kriged",)
    oxide = subscripted(oxide_name(element) or "")
    rows = []
    for column in COLUMNS:
        cells = [figure_cell(facts.row(element, region, statistic), column, 1e-6 if column == "dry_mud_t" else 1.0) for statistic in statistics]
        if any(cell.value for cell in cells):
            words = COLUMN_NAMES[column]
            rows.append([Cell(both(words["en"].replace("{oxide}", oxide), words["ja"].replace("{oxide}", oxide))), *cells])
    caption = both(f"{name['en']}, {where['en']}, cut-off 0.", f"{name['ja']}、{where['ja']}、カットオフ品位0。")
    head = [both("quantity", "項目"), *(PERCENTILE_NAMES[statistic] for statistic in statistics)]
    return Table(f"headline-{element}-{facts.regions(element).index(region)}", caption, head, rows, main=frozenset({3}))


# --- how sure, and why -----------------------------------------------------------------------------------------------------------------------------


def reasons(facts: Facts) -> list[Text]:
    """Sentences of what the checks found; nothing is said that they do not show."""
    cores, share = len(facts.cores), _sampled_share(facts)
    said = [
        both(
            f"Everything rests on {cores:,} core{'s' if cores != 1 else ''} and {len(facts.samples.frame):,} samples; the samples cover "
            f"{percent(share)} of the length cored. What lies between samples and between cores is estimated.",
            f"根拠はコア{cores:,}本・{len(facts.samples.frame):,}試料です。試料はコア全長の{percent(share)}にあたり、試料間・コア間は推定です。",
        )
    ]
    for element in facts.elements:
        said += _spread(facts, element)
    for element in facts.elements[:1]:
        said += source_sentence(facts, element)
    return said + _classes(facts.simulation.get("production_volume")) + _calibrated(facts)


def _sampled_share(facts: Facts) -> float:
    frame = facts.samples.frame
    cored = np.where(facts.cores["penetration_m"].notna(), facts.cores["penetration_m"], facts.cores["deepest_m"]).astype(float)
    return float((frame["to_m"] - frame["from_m"]).sum() / np.maximum(cored, facts.cores["deepest_m"].to_numpy(dtype=float)).sum())


def _spread(facts: Facts, element: str) -> list[Text]:
    region = next(iter(facts.regions(element)), "")
    mean, low, high = (facts.row(element, region, statistic) for statistic in ("mean", "p05", "p95"))
    if not mean or not low or not high or not mean["metal_t"] > 0:
        return []
    below, above = percent(1 - low["metal_t"] / mean["metal_t"]), percent(high["metal_t"] / mean["metal_t"] - 1)
    name = element_name(element)
    return [
        both(
            f"{name['en']}: the 90 % interval reaches from {below} below to {above} above the mean.",
            f"{name['ja']}：90 %信頼区間は平均の −{below}～+{above}です。",
        )
    ]


def source_sentence(facts: Facts, element: str) -> list[Text]:
    """The sources of uncertainty whose shares are distinguishable from none, largest first."""
    shares = source_shares(facts.simulation, element)
    sure = sorted((source for source, part in shares.items() if part["low"] > 0), key=lambda source: -shares[source]["share_of_variance"])
    if not sure:
        return []
    name = element_name(element)
    figures_en = [f"{SOURCES[source]['en']} (about {percent(shares[source]['share_of_variance'])})" for source in sure]
    figures_ja = [f"{SOURCES[source]['ja']}（約{percent(shares[source]['share_of_variance'])}）" for source in sure]
    return [
        both(
            f"{name['en']}: the variance of the total comes from {_listed(figures_en)}; no other source is distinguishable from zero.",
            f"{name['ja']}：総量の分散の原因は{'、'.join(figures_ja)}です。ほかの原因は0と区別できません。",
        )
    ]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _classes(volume: dict[str, Any] | None) -> list[Text]:
    smallest = volume["year"]["smallest_half_width_share"] if volume else None
    if volume is None or smallest is None or volume["year"]["share_of_cells_passing"] > 0:
        return []
    limit = percent(volume["limit_half_width_share"])
    return [
        both(
            "Nothing is better known than inferred: even where it is known best, the metal of a year's production is known within "
            f"{percent(smallest)} only; indicated asks for {limit}.",
            f"「予測（inferred）」を超える区分はありません。最もよく分かる場所でも1年分の生産量の金属量の区間半幅は{percent(smallest)}で、「推定（"
            f"indicated）」の条件{limit}を満たしません。",
        )
    ]


def _calibrated(facts: Facts) -> list[Text]:
    calibration = facts.validation.content.get("calibration", {})
    if calibration.get("state") != "calibrated" or not calibration.get("runs"):
        return [
            both(
                "Whether such intervals hold the truth as often as they promise was not tried on drawn deposits.",
                "このような区間が真値をどれだけ含むかは、人工の鉱床では確かめていません。",
            )
        ]
    run = nearest_run(calibration["runs"], len(facts.cores))
    held, twins = next(iter(run["elements"].values()))["total"]["90"]["held"], run["twins"]
    return [
        both(
            f"The same program, tried on {twins:,} drawn deposits with {run['layout']} cores each, held the truth in its 90 % interval {held:,} "
            f"times ({percent(held / twins)}).",
            f"同じプログラムを、コア{run['layout']}本の人工鉱床{twins:,}例で試すと、90 %信頼区間は{held:,}例（{percent(held / twins)}）で真値を含み"
            "ました。",
        )
    ]


def nearest_run(runs: list[dict[str, Any]], cores: int) -> dict[str, Any]:
    """Run of the calibration with about as many cores."""
    return min(runs, key=lambda run: abs(np.log(run["layout"] / max(cores, 1))))
