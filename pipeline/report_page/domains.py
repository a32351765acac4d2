"""Chapter on domains: what each of them rests on, what was found in it, and how the grade changes at its boundaries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.artefacts import DENSITY
from pipeline.domains import cores_of
from pipeline.number_ids import pointer_id
from pipeline.report_page import figures
from pipeline.report_page.blocks import Cell, Chapter, Heading, Key, Plot, Said, Table, Text, both, count, missing, number, percent, shown
from pipeline.report_page.facts import Facts, figure_cell, subject_name
from pipeline.text import printable
from pipeline.web.texts import element_name, symbol_of

if TYPE_CHECKING:
    from pipeline.artefacts import Variogram

_LEAD: Final[dict[str, Text]] = {
    "hard": both(
        "The region is divided into domains with hard boundaries: each is estimated and simulated from its own cores alone, independently of the "
        "others; in every realisation their tonnes add up to the total.",
        "対象域は、境界をハード（hard）とするドメインに分かれています。各ドメインはそれぞれのコアだけから独立に推定・シミュレーションし、"
        "どの実現値でもドメインの量の和が全体の量になります。",
    ),
    "soft": both(
        "The region is divided into domains with soft boundaries: each has layer means and spreads of its own, but what they leave is one field, and "
        "cores inform across the boundary; in every realisation the domains' tonnes add up to the total.",
        "対象域は、境界をソフト（soft）とするドメインに分かれています。層の平均とばらつきはドメインごとですが、それらを除いた残差は一つの場とし、"
        "コアの情報は境界を越えて使います。どの実現値でもドメインの量の和が全体の量になります。",
    ),
}
_SUGGESTS: Final[dict[str, Text]] = {
    "hard": both("a step at the boundary: looks hard", "境界で段差がある：ハードとみられる"),
    "soft": both("no step at the boundary, but the sides differ: looks soft", "境界で段差はないが両側は異なる：ソフトとみられる"),
    "none": both("the sides are not told apart", "両側の違いは認められない"),
    "unknown": both("too few cores near the boundary", "境界付近のコアが少なく判断できない"),
}


def domains(facts: Facts) -> Chapter | None:
    """Statistics, variograms and tonnages of each domain, and the contact analysis; nothing without domains."""
    if facts.seafloor.domains is None:
        return None
    found = Chapter("domains", both("Domains", "ドメイン"))
    found.blocks += [Said(_LEAD[facts.seafloor.domains.boundary], "lead"), _cores(facts)]
    for subject in (*facts.elements, DENSITY):
        if subject in facts.variograms and facts.variograms[subject].domains:
            found.blocks.append(_statistics(facts, subject))
    found.blocks += [_tonnes(facts, element) for element in facts.elements]
    return Chapter(found.id, found.title, [*found.blocks, *_contacts(facts)])


def _cores(facts: Facts) -> Table:
    seafloor = facts.seafloor
    assert seafloor.domains is not None
    rows = []
    for name, cores in cores_of(facts.composites).items():
        area_km2 = float(np.sum(seafloor.region_share[seafloor.domains.cells(name)])) * seafloor.grid.cell_area_m2 * 1e-6
        few = cores < seafloor.domains.min_cores
        said = (
            both("no core: not estimated", "コアなし：推定していません")
            if not cores
            else both("few cores: borrows spreads and variogram", "コアが少なく、ばらつきとバリオグラムは他のドメインのもの")
            if few
            else both("–", "–")
        )
        rows.append([Cell(printable(name)), number(area_km2), count(cores), Cell(said)])
    head = [both("domain", "ドメイン"), both("area in the region, km²", "対象域内の面積 (km²)"), both("cores", "コア数"), both("remark", "備考")]
    return Table("domains-cores", both("Domains and their cores.", "ドメインとコア。"), head, rows)


def _statistics(facts: Facts, subject: str) -> Table:
    """Means and spreads, and the model that the blocks are kriged with."""
    variogram, unit = facts.variograms[subject], "t/m³" if subject == DENSITY else "g/m³"
    rows = [[Cell(printable(name)), *_figures(part)] for name, part in variogram.domains.items()]
    rows.append([Cell(both("all together", "全ドメイン")), *_figures(variogram)[:-1], Cell("–")])
    name = subject_name(subject)
    head = [
        both("domain", "ドメイン"),
        both("composites", "コンポジット数"),
        both(f"mean, {unit}", f"平均 ({unit})"),
        both(f"spread, {unit}", f"ばらつき ({unit})"),
        both("nugget / sill", "ナゲット／シル"),
        both("horizontal range, km", "水平レンジ (km)"),
        both("model", "モデル"),
    ]
    caption = both(
        f"{name['en']}: means of the layers, spreads and variograms by domain.", f"{name['ja']}：ドメインごとの層平均・ばらつき・バリオグラム。"
    )
    return Table(f"domains-{subject}", caption, head, rows)


def _figures(part: Variogram) -> list[Cell]:
    known = part.layer_pool >= 0
    model = part.model
    if model is None or not known.any():
        return [count(0), *[Cell("–", is_number=True) for _ in range(4)], Cell(both("nothing was measured", "測定値なし"))]
    range_m = max((one.horizontal_range_m for one in model.structures if math.isfinite(one.horizontal_range_m)), default=math.nan)
    return [
        count(int(part.fit.get("composites", 0))),
        number(float(part.layer_mean[known].mean())),
        number(float(np.sqrt(np.mean(part.layer_sd[known] ** 2)))),
        Cell(percent(model.nugget / model.sill) if model.sill > 0 else "–", is_number=True),
        number(range_m / 1000, 3),
        Cell(both("of all together", "全ドメインのもの") if "why_borrowed" in part.fit else both("own", "独自")),
    ]


def _tonnes(facts: Facts, element: str) -> Any:
    """Metal at cut-off 0 of every domain, and of all."""
    names = [name for name in facts.regions(element) if name in facts.composites.domains]
    name, rows = element_name(element), []
    for region in [*names, "all"]:
        cells = [
            figure_cell(facts.row(element, region, statistic), "metal_t") for statistic in ("kriged", "mean", "p10", "p90", "sd", "sd_closed_form")
        ]
        where = both("all domains", "全ドメイン") if region == "all" else printable(region)
        area = figure_cell(facts.row(element, region, "mean") or facts.row(element, region, "kriged"), "area_km2")
        rows.append([Cell(where), area, figure_cell(facts.row(element, region, "mean"), "grade_ppm"), *cells])
    if not names:
        return missing(both(f"no domain has an estimate of {name['en']}.", f"{name['ja']}を推定できたドメインがありません。"))
    head = [
        both("domain", "ドメイン"),
        both("area, km²", "面積 (km²)"),
        both("grade, ppm", "品位 (ppm)"),
        both("kriged, t", "クリギング (t)"),
        both("mean, t", "平均 (t)"),
        both("low (P90), t", "低位（P90） (t)"),
        both("high (P10), t", "高位（P10） (t)"),
        both("sd, t", "標準偏差 (t)"),
        both("sd of the kriged total, t", "クリギング総量の標準偏差 (t)"),
    ]
    symbol = symbol_of(element)
    caption = both(f"{symbol} metal by domain, without a cut-off.", f"ドメインごとの {symbol} 金属量（カットオフなし）。")
    return Table(f"domains-tonnes-{element}", caption, head, rows)


def _contacts(facts: Facts) -> list[Any]:
    """Mean grade against the distance from each boundary."""
    blocks: list[Any] = [Heading(both("Contact analysis", "境界解析（コンタクト解析）"))]
    contacts: list[dict[str, Any]] = facts.validation.content.get("contacts") or []
    if not contacts:
        return [*blocks, missing(both("no boundary has cores on both sides within reach.", "両側の届く範囲にコアのある境界がありません。"))]
    blocks.append(
        Said(
            both(
                "Mean grade of the cores by their distance from the boundary, each core one value. A step right at the boundary speaks for a hard "
                "one, sides that pass into each other for a soft one (Rossi & Deutsch 2014, ch. 4). Cores are few: sides not told apart may differ.",
                "境界からの距離ごとのコアの平均品位です（コア1本を1つの値とします）。境界での段差はハード境界を、両側がなだらかにつながる場合は"
                "ソフト境界を示唆します（Rossi & Deutsch 2014、第4章）。コアは少なく、違いが認められなくても実際には異なることがあります。",
            )
        )
    )
    for place, contact in enumerate(contacts):
        blocks += _contact(place, contact)
    return blocks


def _contact(place: int, contact: dict[str, Any]) -> list[Any]:
    one, other, symbol = printable(contact["one"]), printable(contact["other"]), symbol_of(contact["element"])
    near, suggests = contact["near"], _SUGGESTS[contact["suggests"]]
    said = both(f"{symbol}, {one} to {other}: {suggests['en']}", f"{symbol}、{one} から {other}：{suggests['ja']}")
    if near["difference_ppm"] is not None:
        interval = f"{shown(near['low_ppm'], 3)} … {shown(near['high_ppm'], 3)} ppm"
        said = both(
            f"{said['en']}; difference in the nearer half {shown(near['difference_ppm'], 3)} ppm ({percent(contact['confidence'])}: {interval}).",
            f"{said['ja']}。近い側の差は {shown(near['difference_ppm'], 3)} ppm（{percent(contact['confidence'])}：{interval}）。",
        )
    caption = both(f"{symbol} grade across the boundary of {one} and {other}.", f"{one} と {other} の境界を横切る {symbol} の品位。")
    steps = contact["steps"]
    middle_km = np.array([(step["from_m"] + step["to_m"]) / 2000 for step in steps])
    mean, error = (np.array([np.nan if step[name] is None else step[name] for step in steps]) for name in ("mean_ppm", "standard_error_ppm"))
    drawn = figures.contact(f"contact-{place}", middle_km, mean, error, (one, other))
    rows = [
        [
            Cell(printable(step["domain"])),
            number(step["from_m"] / 1000, 3),
            number(step["to_m"] / 1000, 3),
            count(step["cores"]),
            number(step["mean_ppm"], 4, pointer_id("validation", "contacts", place, "steps", at, "mean_ppm")),
            number(step["standard_error_ppm"], 3, pointer_id("validation", "contacts", place, "steps", at, "standard_error_ppm")),
        ]
        for at, step in enumerate(steps)
    ]
    head = [
        both("domain", "ドメイン"), both("from, km", "から (km)"), both("to, km", "まで (km)"), both("cores", "コア数"),
        both("mean, ppm", "平均 (ppm)"), both("standard error, ppm", "標準誤差 (ppm)"),
    ]  # fmt: skip
    key = (Key("dot", figures.COLOURS["blue"], both("mean, with two standard errors", "平均と標準誤差の2倍")),)
    return [Said(said), Plot(f"fig-contact-{place}", drawn, caption, key, Table(f"contact-{place}", caption, head, rows, is_folded=True))]
