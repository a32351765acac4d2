"""Section 3, second part: what tonnes and cut-offs rest on, and what stands between them and a mine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.checklist.facts import (
    Criterion,
    Facts,
    Finding,
    absent,
    as_told,
    both,
    composites_at,
    joined,
    number,
    partly,
    percent,
    samples_at,
    setting_at,
    tonnes_at,
)
from pipeline.web.texts import symbol_of

if TYPE_CHECKING:
    Text = dict[str, str]


def _moisture(facts: Facts) -> Finding:
    why = both("No water content is read from the core tables: wet tonnes cannot be told.", "含水率は入力に含まれず、湿潤重量は示せません。")
    best = facts.best(facts.elements[0])
    if best is None:
        return absent(why)
    value = both("All tonnes are dry (salt-free) mass; grades are per dry mass.", "量はすべて乾燥重量（塩分を除く）、品位は乾燥質量あたりです。")
    return partly(value, why, *tonnes_at(facts, best[0], "dry_mud_t"))


def _cutoffs(facts: Facts) -> Finding:
    parts, keys = [], []
    for element in facts.elements:
        limits = sorted(set(facts.tonnage.frame.loc[facts.tonnage.frame["element"] == element, "cutoff_ppm"]))
        symbol, told = symbol_of(element), ", ".join(f"{limit:g}" for limit in limits)
        parts.append(both(f"{symbol}: {told} ppm.", f"{symbol}：{told} ppm。"))
        if f"{element}_ppm" in facts.provenance.content["settings"]["cutoffs"]:
            keys.append(f"{element}_ppm")
    value = joined(
        [
            both(
                "The headline has no cut-off. Tonnes over these cut-offs stand beside it.",
                "主要値はカットオフなし。次の各カットオフでの量も示します。",
            ),
            *parts,
        ]
    )
    why = both(
        "No cut-off rests on cost, price or recovery: an economic one cannot be named.",
        "費用・価格・回収率に基づくものではなく、経済的なカットオフは示せません。",
    )
    return partly(value, why, *setting_at("cutoffs", *keys), *((("tonnage.csv", "cutoff_ppm"),)))


_LIMITS = ("max_water_depth_m", "max_slope_deg", "column_cutoff_ppm", "max_cover_m", "min_layer_m", "min_panel_years")


def _mining(facts: Facts) -> Finding:
    depth_m, slope_deg, cutoff_ppm, cover_m, layer_m, years = (as_told(facts.setting("recoverable", key)) for key in _LIMITS)
    value = both(
        f"recoverable.csv takes away, step by step, what lies outside the zone, deeper than {depth_m} m, steeper than {slope_deg}°, on outcrop, "
        "flanks "
        f"and no-go areas, in columns below {cutoff_ppm} ppm with their dilution (cover at most {cover_m} m, ore at least {layer_m} m), and in "
        "panels of "
        f"less than {years} years. The headline stays in place.",
        f"recoverable.csv は、EEZ外、水深 {depth_m} m 超、傾斜 {slope_deg}° 超、露頭・海山斜面・禁止区域、希釈込み {cutoff_ppm} ppm 未満の柱状区間"
        f"（被覆 {cover_m} m "
        f"以下、鉱層 {layer_m} m 以上）、{years} 年分未満の区画を順に除きます。主要値は原位置量です。",
    )
    why = both(
        "The limits are assumptions, no design of a mine; the share of the mud that a collector brings aboard is unknown.",
        "各制約は仮定で、採掘設計によるものではありません。集鉱・揚泥の採取率は不明です。",
    )
    return partly(value, why, *setting_at("recoverable", *_LIMITS, "extraction_share"))


def _metallurgy(facts: Facts) -> Finding:
    leaching = as_told(facts.setting("recoverable", "leaching_share"))
    value = both(
        f"recoverable.csv ends with leaching: {leaching} of the rare earths but cerium is dissolved (published for other samples of such mud; "
        "Takaya et al. "
        "2015).",
        f"recoverable.csv の最終段階は浸出：セリウムを除く希土類の浸出率 {leaching}（同種の泥の別試料での公表値、Takaya et al. 2015）。",
    )
    why = both(
        "No test on this mud is among the inputs; what upgrading loses is unknown. Metal in place is not metal recovered.",
        "この泥についての試験は入力に含まれず、選別での損失も不明です。原位置の金属量は回収量ではありません。",
    )
    return partly(value, why, *setting_at("recoverable", "leaching_share", "upgrading_metal_share", "upgrading_factor"))


def _environment(_: Facts) -> Finding:
    return absent(
        both(
            "No environmental baseline, plume or waste study is among the inputs, and no area is left out for it.",
            "環境ベースライン、プルーム、残渣に関する調査は入力に含まれず、それによる除外区域もありません。",
        )
    )


def _prospects(_: Facts) -> Finding:
    return absent(
        both(
            "Reasonable prospects for eventual economic extraction were not examined: without them nothing here is a Mineral Resource.",
            "将来の経済的採掘の合理的な見込みは検討していません。したがって、ここに示す量は鉱物資源量（Mineral Resource）ではありません。",
        )
    )


def _density(facts: Facts) -> Finding:
    frame, composites = facts.samples.frame, facts.composites
    known = frame["dry_bulk_density_t_m3"].dropna() if "dry_bulk_density_t_m3" in frame else frame["to_m"].iloc[:0]
    evidence = (*composites_at("dry_bulk_density_t_m3", "density_supplied_share"), ("composites.parquet", "notes/density_source"))
    if known.empty:
        mean, sd = facts.setting("density", "dry_bulk_density_t_m3"), facts.setting("density", "mean_sd_t_m3")
        value = both(
            f"No sample carries a density: {as_told(mean)} ± {as_told(sd)} t/m³ is assumed for the whole deposit and its uncertainty is in the "
            "totals.",
            f"密度の測定値がなく、鉱床全体に {as_told(mean)} ± {as_told(sd)} t/m³ を仮定し、その不確かさを総量に含めています。",
        )
        why = both("Density is a setting, not a measurement.", "密度は設定値で、測定値ではありません。")
        return partly(value, why, *evidence, *setting_at("density", "dry_bulk_density_t_m3", "mean_sd_t_m3"))
    supplied = float(composites.frame["density_supplied_share"].mean())
    value = both(
        f"Dry bulk density of {len(known):,} of {len(frame):,} samples: {number(known.min(), 3)} to {number(known.max(), 3)}, mean "
        f"{number(known.mean(), 3)} t/m³; {percent(supplied, 1)} % of the composited length takes a supplied value "
        f"({facts.setting('density', 'missing')}). It varies in space with the grade.",
        f"乾燥かさ密度は{len(frame):,}試料中{len(known):,}試料：{number(known.min(), 3)}～{number(known.max(), 3)}、平均 {number(known.mean(), 3)} "
        f"t/m³。コンポジット長の {percent(supplied, 1)} %は補完値（{facts.setting('density', 'missing')}）。品位とともに空間的に変化します。",
    )
    why = both(
        "How it was measured (ring, pycnometer, gamma density), and salt and water content, are not recorded.",
        "測定法（リング、ピクノメータ、γ線密度）と塩分・含水率は記録されていません。",
    )
    return partly(value, why, *samples_at("dry_bulk_density_t_m3"), *evidence, *setting_at("density", "missing"))


CRITERIA = (
    Criterion(both("Moisture", "含水率"), "program", _moisture),
    Criterion(both("Cut-off parameters", "カットオフ"), "program", _cutoffs),
    Criterion(both("Mining factors or assumptions", "採掘に関する条件・仮定"), "program", _mining),
    Criterion(both("Metallurgical factors or assumptions", "選鉱・製錬に関する条件・仮定"), "program", _metallurgy),
    Criterion(both("Environmental factors or assumptions", "環境に関する条件・仮定"), "program", _environment),
    Criterion(both("Bulk density", "かさ密度"), "data", _density),
    Criterion(both("Reasonable prospects for eventual economic extraction", "将来の経済的採掘の合理的な見込み"), "program", _prospects),
)
