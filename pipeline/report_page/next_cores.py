"""Chapter on the next cores: where they would narrow total metal, and metal over a cut-off; what they would tell; the ship's track."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import OVER_CUTOFF, TOTAL_METAL
from pipeline.field import core_positions_m
from pipeline.number_ids import number_id
from pipeline.report_page import figures
from pipeline.report_page.blocks import Cell, Chapter, Heading, Key, Plot, Said, Table, Text, both, fixed, missing, number, percent, shown
from pipeline.text import printable
from pipeline.web.texts import element_name, symbol_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.report_page.facts import Facts

_LIMITS = {
    "estimated": both("estimated, mostly inside the region", "推定済みで大部分が対象海域内"),
    "far_from_cores": both("far enough from the cores there are", "既存コアから十分に離れている"),
    "inside_zone": both("inside the constructed 200-mile circle", "作図したEEZ円の内側"),
    "within_depth": both("water no deeper than a core is taken in", "採取できる水深以内"),
    "outside_domains": both("outside outcrop, seamounts and no-go areas", "露頭・海山・立入禁止区域の外"),
}


def next_cores(facts: Facts) -> Chapter:
    """Where further cores would tell most."""
    found = Chapter("next-cores", both("Where to core next", "次の採取地点"))
    summary = facts.next_cores.summary
    if facts.next_cores.cores:
        found.blocks += _total(facts)
    else:
        found.blocks.append(missing(_reason(summary)))
    if facts.next_cores.cores or facts.next_cores.cutoff_cores:
        found.blocks += _over_cutoff(facts)
        found.blocks += _tracks(facts)
        found.blocks += _map(facts)
        found.blocks += _limits(summary)
    return found


def _reason(summary: dict[str, Any]) -> Text:
    reason = summary.get("reason")
    return reason if isinstance(reason, dict) else both("nothing could be computed.", "計算できません。")


def _total(facts: Facts) -> list[Any]:
    cores, summary = facts.next_cores.cores, facts.next_cores.summary
    last, name = cores[-1], element_name(cores[0]["element"])
    narrows_en, narrows_ja = "", ""
    if "narrowing_t" in last:
        narrows_en = (
            f" The interval from low to high, now {shown(last['width_before_t'], 3)} t wide, would narrow by about {shown(last['narrowing_t'], 2)} t."
        )
        narrows_ja = f"低位～高位の幅（現在 {shown(last['width_before_t'], 3)} t）は約 {shown(last['narrowing_t'], 2)} t 狭まる見込みです。"
    distance_km = shown(summary.get("min_distance_m", 0) / 1000, 3)
    said = both(
        f"{len(cores)} further cores at these places together would take {percent(last['reduction_share'], 1)} off the variance of "
        f"{name['en']}'s total metal by kriging: its standard deviation would fall from {shown(last['sd_before_t'], 3)} to "
        f"{shown(last['sd_after_t'], 3)} t.{narrows_en} They keep {distance_km} km from other cores. What one learns about the mean of "
        "layers and the spatial model comes on top and is not counted.",
        f"以下の{len(cores)}地点にコアを追加すると、クリギングによる{name['ja']}総金属量の分散は合わせて"
        f"{percent(last['reduction_share'], 1)}減り、標準偏差は {shown(last['sd_before_t'], 3)} t から {shown(last['sd_after_t'], 3)} t にな"
        f"ります。{narrows_ja}ほかのコアとは {distance_km} km 以上離します。層平均や空間モデルの改善による効果は含みません。",
    )
    caption = both(
        "Next cores for total metal, best first; each row counts those above it.", "総金属量のための次の採取地点（優先順。各行は上位を含む累計）。"
    )
    lines = []
    for symbol in sorted({symbol for core in cores for symbol in core.get("by_element", {})}):
        before = cores[0]["by_element"][symbol]["sd_before_t"]
        lines.append((symbol_of(symbol), np.array([100.0, *(100 * core["by_element"][symbol]["sd_after_t"] / before for core in cores)])))
    blocks: list[Any] = [Heading(both("Total metal", "総金属量")), Said(said, "lead"), _table("next-cores-table", caption, cores, TOTAL_METAL)]
    if lines:
        styles, colours = ("line", "dash", "dots"), ("blue", "ochre", "green")
        key = tuple(Key(styles[n % 3], figures.COLOURS[colours[n % 3]], symbol) for n, (symbol, _) in enumerate(lines))
        drawn = both("Standard deviation of total metal after each further core.", "コアを追加するごとの総金属量の標準偏差。")
        blocks.append(Plot("fig-next-cores", figures.reductions("next-cores", lines), drawn, key))
    return blocks


def _table(name: str, caption: Text, cores: Sequence[dict[str, Any]], objective: str) -> Table:
    """Where the cores stand, and what is known with each and those above it."""
    over = objective == OVER_CUTOFF

    def figure(core: dict[str, Any], column: str, digits: int = 4) -> Cell:
        return number(core.get(column), digits, number_id("next_cores", objective, core["rank"], core["element"], column=column))

    rows = []
    for core in cores:
        share = percent(core["reduction_share"], 0 if over else 1)
        if over:
            share = f"{share} ± {percent(core['reduction_error_share'])}"
        source = number_id("next_cores", objective, core["rank"], core["element"], column="reduction_share")
        rows.append(
            [
                Cell(str(core["rank"])),
                Cell(fixed(core["longitude_deg"], 4), is_number=True),
                Cell(fixed(core["latitude_deg"], 4), is_number=True),
                number(core["water_depth_m"]),
                figure(core, "sd_after_t"),
                Cell(share, repr(float(core["reduction_share"])), source, is_number=True),
                figure(core, "width_after_t", 3),
                figure(core, "narrowing_t", 2),
            ]
        )
    head = [
        both("rank", "順位"),
        both("longitude, °E", "経度 (°E)"),
        both("latitude, °N", "緯度 (°N)"),
        both("water depth, m", "水深 (m)"),
        both("sd after, t", "追加後の標準偏差 (t)"),
        both("variance saved, in all", "分散の減少（累計）"),
        both("low to high after, t", "追加後の低位～高位の幅 (t)"),
        both("narrower by, t", "幅の縮小 (t)"),
    ]
    return Table(name, caption, head, rows)


def _over_cutoff(facts: Facts) -> list[Any]:
    cores, summary = facts.next_cores.cutoff_cores, facts.next_cores.summary.get("over_cutoff") or {}
    blocks: list[Any] = [Heading(both("Metal over a cut-off (approximate)", "カットオフ以上の金属量（近似）"))]
    if not cores:
        return [*blocks, missing(_reason(summary))]
    last, name = cores[-1], element_name(cores[0]["element"])
    cutoff, error = f"{summary['cutoff_ppm']:g}", percent(last["reduction_error_share"])
    flattered = percent(summary["in_sample_share"][-1])
    blocks.append(
        Said(
            both(
                f"Tonnes over a cut-off are not linear in what a core shows. By regression over {summary['realisations']} realisations, {len(cores)} "
                f"cores chosen for {name['en']} over {cutoff} ppm would take {percent(last['reduction_share'])} ± {error} off its variance (± one "
                f"standard error of the Monte Carlo), and narrow the interval from low to high by about {shown(last['narrowing_t'], 2)} t. The share "
                f"is what such sets predict in realisations that had no say in their choice; in those that they were chosen from it looks like "
                f"{flattered}, which is flattery. The order of places whose shares differ by less than the error is not certain.",
                f"カットオフ以上の量は、コアの値に対して線形ではありません。{summary['realisations']}個の実現値にわたる回帰によると、"
                f"{name['ja']} {cutoff} ppm 以上のために選んだ{len(cores)}地点は、その分散を {percent(last['reduction_share'])} ± {error} 減らし"
                f"（± はモンテカルロの標準誤差）、低位～高位の幅を約 {shown(last['narrowing_t'], 2)} t 狭める見込みです。この割合は、選定に使わなか"
                f"った実現値での予測によるものです。選定に使った実現値では {flattered} に見えますが、これは過大です。差が誤差より小さい地点の順位は確"
                "かではありません。",
            ),
            "lead",
        )
    )
    caption = both(
        f"Next cores for metal over {cutoff} ppm, best first; each row counts those above it.",
        f"{cutoff} ppm 以上の金属量のための次の採取地点（優先順。各行は上位を含む累計）。",
    )
    blocks.append(_table("next-cores-over-table", caption, cores, OVER_CUTOFF))
    check = (summary.get("check_without_cutoff") or {}).get(cores[0]["element"])
    if check:
        blocks.append(
            Said(
                both(
                    f"A check where both ways can go: without a cut-off, the set of the first table takes {percent(check['closed_form_share'])} off "
                    f"in closed form and {percent(check['regression_share'])} ± {percent(check['regression_error_share'])} by regression. They need "
                    "not agree: the realisations also vary the mean, the spread and the spatial model, which kriging holds fixed.",
                    f"両方の方法が使える場合の照合：カットオフなしでは、最初の表の地点による分散の減少は閉形式で "
                    f"{percent(check['closed_form_share'])}、回帰で {percent(check['regression_share'])} ± "
                    f"{percent(check['regression_error_share'])} です。実現値では、クリギングが固定する平均・ばらつき・空間モデルも変わるため、一致す"
                    "るとは限りません。",
                ),
                "note",
            )
        )
    return blocks


def _tracks(facts: Facts) -> list[Any]:
    rows = []
    for objective, track in facts.next_cores.tracks.items():
        start = printable(track["start_name"]) or (both("the port", "港") if track["start"] == "port" else both("the island", "島"))
        words = both("total metal", "総金属量") if objective == TOTAL_METAL else both("metal over the cut-off", "カットオフ以上の金属量")
        rows.append(
            [
                Cell(words),
                Cell(start),
                Cell(" → ".join(str(rank) for rank in track["ranks"])),
                *(number(track[key], 3) for key in ("between_stations_km", "track_km", "sailing_days", "station_days", "days")),
            ]
        )
    if not rows:
        return []
    head = [
        both("objective", "目的"),
        both("from and back to", "発着地"),
        both("order of the ranks", "順位で示した巡回順"),
        both("between stations, km", "測点間 (km)"),
        both("whole track, km", "全航程 (km)"),
        both("sailing, days", "航海（日）"),
        both("at stations, days", "測点での作業（日）"),
        both("in all, days", "合計（日）"),
    ]
    caption = both(
        "The ship's track: the shortest round trip found, at an assumed speed and time for each station ([next_cores]); no weather, no spare time.",
        "船の航程：見つかった最短の巡回。速力と測点での時間は仮定値（[next_cores]）で、天候・予備日は含みません。",
    )
    return [Heading(both("The ship's track", "船の航程")), Table("next-cores-tracks", caption, head, rows)]


def _map(facts: Facts) -> list[Any]:
    """Worth of one core in each cell, by both objectives, with the cores there are and those chosen."""
    product, grid = facts.next_cores, facts.seafloor.grid
    element = product.summary.get("element")
    if element is None:
        return []
    west_m, south_m, _, north_m = grid.bounds_m
    panels = []
    for objective, shares, cores in (
        (both("total metal", "総金属量"), product.reduction_share, product.cores),
        (both("metal over the cut-off (approximate)", "カットオフ以上の金属量（近似）"), product.cutoff_share, product.cutoff_cores),
    ):
        share = shares.get(element)
        if share is None or not np.isfinite(share).any():
            continue
        easting_m, northing_m = grid.from_lonlat(*(np.array([core[key] for core in cores], dtype=float) for key in ("longitude_deg", "latitude_deg")))
        panels.append((objective, 100 * share, (np.column_stack([easting_m, northing_m]) - [west_m, south_m]) / 1000))
    if not panels:
        return []
    there_km = (core_positions_m(facts.composites, grid) - [west_m, south_m]) / 1000
    svg = figures.worth_maps("next-cores-map", panels, there_km, (grid.bounds_m[2] - west_m) / 1000, (north_m - south_m) / 1000, facts.colour_map)
    name = element_name(element)
    drawn = both(
        f"{name['en']}: share of the variance that one more core in each cell would take away, %; white: not estimated. Distances from the "
        "south-western corner of the grid.",
        f"{name['ja']}：各セルにコアを1本追加したときの分散の減少割合 (%)。白は推定なし。距離はグリッド南西端から。",
    )
    key = (
        Key("dot", figures.COLOURS["ink"], both("core there is", "既存コア")),
        Key("dot", figures.COLOURS["pink"], both("next core, by rank", "次のコア（順位）")),
    )
    return [Plot("fig-next-cores-map", svg, drawn, key)]


def _limits(summary: dict[str, Any]) -> list[Any]:
    rows = [[Cell(_LIMITS[step["limit"]]), number(float(step["cells"]), 6)] for step in summary.get("limits", []) if step["limit"] in _LIMITS]
    head = [both("limit", "条件"), both("cells left", "残るセル数")]
    caption = both(
        "Where a core may stand: cells that each limit and those above it leave.", "コアを置ける範囲：各条件（上の条件を含む）で残るセル数。"
    )
    return [Table("next-cores-limits", caption, head, rows, is_folded=True)] if rows else []
