"""What each column of a table of numbers is: the formula by which it follows from what the stage is handed, in both languages.

A table is covered by one entry: its file, the columns that identify a row, and a formula for every other column that holds numbers. What a table is
made from is not said here: the Makefile says it (:mod:`pipeline.provenance.graph`). A test holds that no column of numbers is without a formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.artefacts import (
    NEXT_CORES_COLUMNS,
    PRODUCTION_COLUMNS,
    PUBLISHED_METHOD_COLUMNS,
    RECOVERABLE_COLUMNS,
    SENSITIVITY_COLUMNS,
    START_PANEL_COLUMNS,
    SUPPLY_COLUMNS,
    TONNAGE_COLUMNS,
)

Formula = dict[str, str]
"""In English and in Japanese."""


def _both(en: str, ja: str) -> Formula:
    return {"en": en, "ja": ja}


@dataclass(frozen=True)
class NumberTable:
    """A table of numbers.

    Parameters
    ----------
    file : str
        Name of the product.
    keys : tuple of str
        Columns that identify a row, in the order of an id.
    formulas : dict of str to Formula
        By column of numbers.
    note : Formula
        What holds for all of them: of what each row is a statistic.
    """

    file: str
    keys: tuple[str, ...]
    formulas: dict[str, Formula]
    note: Formula


_STATISTICS: Final = _both(
    "mean, sd and percentiles (pXX: XX % of the realisations lie below; p10 is low (P90), p90 is high (P10)) are over the realisations, each column "
    "on its own; kriged is the sum over kriged blocks",
    "mean・sd・パーセンタイル（pXX は実現値の XX % がそれを下回る値。p10 が低位（P90）、p90 が高位（P10））は実現値について列ごとに求めた値。kriged "
    "はクリギング推定値の合計",
)
_AREA: Final = _both(
    "area of the cells that hold at least one block of the row = Σ cell_m² × region_share",
    "該当ブロックを1つ以上含むセルの面積 = Σ cell_m² × region_share",
)
_MUD: Final = _both(
    "Σ over blocks of volume (cell area × layer_m) × dry bulk density",
    "ブロックについての Σ 体積（セル面積 × layer_m）× 乾燥かさ密度",
)
_GRADE: Final = _both("metal_t / dry_mud_t × 10⁶", "metal_t ÷ dry_mud_t × 10⁶")
_METAL: Final = _both("Σ over blocks of dry_mud_t × grade_ppm × 10⁻⁶", "ブロックについての Σ dry_mud_t × grade_ppm × 10⁻⁶")
_OXIDE: Final = _both(
    "metal_t × mass of oxide per mass of the element (atomic masses; a group: the pattern of the samples, or the settings)",
    "metal_t × 元素質量あたりの酸化物質量（原子量による。元素群は試料の組成または設定値）",
)

_TONNAGE: Final = {
    "area_km2": _AREA,
    "dry_mud_t": _MUD,
    "grade_ppm": _GRADE,
    "metal_t": _METAL,
    "oxide_t": _OXIDE,
}

_RECOVERABLE: Final = {
    "area_km2": _both(
        "area of the columns that this step and all before it leave, in each realisation",
        "この段階までに残る鉛直柱の面積（実現値ごと）",
    ),
    "dry_mud_t": _both(
        "Σ volume × dry bulk density of what is left; behind the column cut-off the column runs from the seafloor to its base, dilution included; × "
        "extraction_share, then × upgrading_metal_share ÷ upgrading_factor, where the settings know them",
        "残る泥の Σ 体積 × 乾燥かさ密度。鉛直柱のカットオフ以降は海底面から基底まで（希釈を含む）。設定に値があれば × extraction_share、"
        "次いで × upgrading_metal_share ÷ upgrading_factor",
    ),
    "grade_ppm": _GRADE,
    "metal_t": _both(
        "Σ dry_mud_t × grade_ppm × 10⁻⁶ of what is left, × extraction_share × upgrading_metal_share × leaching_share from their steps on; an unknown "
        "share takes nothing away, and state says so",
        "残る分の Σ dry_mud_t × grade_ppm × 10⁻⁶。各段階以降は × extraction_share × upgrading_metal_share × leaching_share（不明な割合は差し引かず、"
        "state に明記）",
    ),
    "oxide_t": _OXIDE,
    "in_situ_share": _both(
        "metal_t over metal_t of the step in_situ of the same realisation",
        "同じ実現値の in_situ 段階の metal_t に対する割合",
    ),
}

_SENSITIVITY: Final = {
    "metal_t": _both(
        "metal won of the headline with one setting at the value named, the others as set",
        "1つの設定だけを記載の値に替えたときの見出しの回収金属量",
    ),
    "change_t": _both("metal_t less that of as_set, in each realisation", "as_set との metal_t の差（実現値ごと）"),
    "change_share": _both("change_t over metal_t of as_set, in each realisation", "as_set の metal_t に対する change_t の割合（実現値ごと）"),
}

_PRODUCTION: Final = {
    "dry_mud_t_year": _both(
        "rate_t_day × days_year where the rate is dry; a wet rate × dry share of wet mass, dry density ÷ (dry density + porosity × seawater "
        "density), porosity = 1 − dry density ÷ grain_density_t_m3",
        "乾燥基準では rate_t_day × days_year。湿潤基準では × 湿潤質量に占める乾燥質量の割合 = 乾燥密度 ÷（乾燥密度 + 間隙率 × 海水密度）、間隙率 = "
        "1 − 乾燥密度 ÷ grain_density_t_m3",
    ),
    "wet_mud_t_year": _both("dry_mud_t_year ÷ dry share of wet mass", "dry_mud_t_year ÷ 湿潤質量に占める乾燥質量の割合"),
    "grade_ppm": _both("metal over dry mud of the panels, or of all that is recoverable × 10⁶", "区画または可採量全体の 金属量 ÷ 乾燥泥量 × 10⁶"),
    "metal_t_year": _both("dry_mud_t_year × grade_ppm × 10⁻⁶", "dry_mud_t_year × grade_ppm × 10⁻⁶"),
    "oxide_t_year": _both("metal_t_year × mass of oxide per mass of the element", "metal_t_year の酸化物換算"),
    "leached_metal_t_year": _both(
        "metal_t_year × upgrading_metal_share × leaching_share; an unknown upgrading share takes nothing away",
        "metal_t_year × upgrading_metal_share × leaching_share（選別の割合が不明なら差し引かない）",
    ),
    "leached_oxide_t_year": _both("leached_metal_t_year as oxide", "leached_metal_t_year の酸化物換算"),
    "leached_oxide_least_t_year": _both(
        "the same with the least of tried_leaching_share",
        "tried_leaching_share の最小値を用いた leached_oxide_t_year",
    ),
    "area_km2_year": _both("volume_m3_year × area ÷ volume of the panels", "volume_m3_year × 区画の面積 ÷ 体積"),
    "volume_m3_year": _both("dry_mud_t_year ÷ dry bulk density ÷ extraction_share", "dry_mud_t_year ÷ 乾燥かさ密度 ÷ extraction_share"),
    "life_years": _both(
        "dry mud of the panels (or all that is recoverable) × extraction_share ÷ dry_mud_t_year",
        "区画（または可採量全体）の乾燥泥量 × extraction_share ÷ dry_mud_t_year",
    ),
    "metal_t": _both("metal of the panels (or all that is recoverable) × extraction_share", "区画（または可採量全体）の金属量 × extraction_share"),
    "leached_metal_t": _both("metal_t × upgrading_metal_share × leaching_share", "metal_t × upgrading_metal_share × leaching_share"),
    "lifting_depth_m": _both("mean water depth of the panels, weighted by volume", "区画の平均水深（体積加重）"),
    "distance_to_port_km": _both(
        "geodesic from the middle of the panels to the port of [place], mean by volume",
        "区画中心から [place] の港までの測地線距離（体積加重平均）",
    ),
    "distance_to_island_km": _both(
        "geodesic from the middle of the panels to the island of [place], mean by volume",
        "区画中心から [place] の島までの測地線距離（体積加重平均）",
    ),
}

_SUPPLY: Final = {
    "value_low": _both(
        "p10 of numerator (production.csv) ÷ highest denominator, in tonnes of the element",
        "numerator（production.csv）の p10 ÷ 分母の最大値（元素換算トン）",
    ),
    "value": _both("p50 of numerator (production.csv) ÷ denominator", "numerator（production.csv）の p50 ÷ 分母"),
    "value_high": _both("p90 of numerator (production.csv) ÷ lowest denominator", "numerator（production.csv）の p90 ÷ 分母の最小値"),
    "denominator_value": _both(
        "as published; a product of two published figures where denominator_id names two",
        "公表値（denominator_id が2つを挙げる場合は両者の積）",
    ),
    "denominator_low": _both("lower end as published", "公表された範囲の下端"),
    "denominator_high": _both("upper end as published", "公表された範囲の上端"),
}

_NEXT_CORES: Final = {
    "longitude_deg": _both("middle of the cell chosen, WGS 84", "選ばれたセルの中心（WGS 84）"),
    "latitude_deg": _both("middle of the cell chosen, WGS 84", "選ばれたセルの中心（WGS 84）"),
    "water_depth_m": _both("depth of that cell (seafloor.tif)", "当該セルの水深（seafloor.tif）"),
    "cutoff_ppm": _both("cut-off over which metal counts; 0: all metal", "金属量を数えるカットオフ（0 は全量）"),
    "sd_before_t": _both(
        "standard deviation of the metal before any new core: √(Σ over all pairs of blocks of their kriging error covariance × area × thickness)",
        "新コアがない場合の金属量の標準偏差：√（全ブロック対の推定誤差共分散 × 面積 × 層厚の和）",
    ),
    "sd_after_t": _both(
        "the same with this core and all of lower rank: sd_before_t × √(1 − reduction_share)",
        "このコアと上位のコアを加えた後の標準偏差：sd_before_t ×√(1 − reduction_share)",
    ),
    "reduction_share": _both(
        "share of the variance that these cores take away: C Σ⁻¹ Cᵀ ÷ variance, with C the covariance of the total with the new composites and Σ "
        "their own, measurement error included (total metal); regression over the realisations (metal over a cut-off)",
        "これらのコアによる分散の減少割合：C Σ⁻¹ Cᵀ ÷ 分散（C：総量と新コンポジットの共分散、Σ：測定誤差を含む新コンポジットの共分散）。カットオフを"
        "超える金属量では実現値の回帰",
    ),
    "reduction_error_share": _both(
        "Monte-Carlo error of reduction_share (metal over a cut-off)",
        "reduction_share のモンテカルロ誤差（カットオフを超える金属量）",
    ),
    "width_before_t": _both("high less low (p90 − p10) of the realisations", "実現値の高位 − 低位（p90 − p10）"),
    "width_after_t": _both("width_before_t × sd_after_t ÷ sd_before_t", "width_before_t × sd_after_t ÷ sd_before_t"),
    "narrowing_t": _both("width_before_t − width_after_t", "width_before_t − width_after_t"),
    "station_number": _both("place in the ship's round trip", "航海の順番"),
    "leg_km": _both("distance sailed to this station from the one before", "前の測点からの航走距離"),
}

_PUBLISHED_METHOD: Final = {
    "sites": _both("cores that show this metre", "この深度1 mのデータを持つコアの数"),
    "area_km2": _both("area of the square, or of all", "正方形（または全体）の面積"),
    "dry_mud_t": _both("area × 1 m × dry bulk density of the published method", "面積 × 1 m × 公表手法の乾燥かさ密度"),
    "grade_ppm": _both("mean of the map of this metre inside the square", "この深度1 mの分布図の正方形内平均"),
    "metal_t": _both("dry_mud_t × grade_ppm × 10⁻⁶", "dry_mud_t × grade_ppm × 10⁻⁶"),
    "oxide_t": _OXIDE,
}

TABLES: Final[dict[str, NumberTable]] = {
    "tonnage": NumberTable("tonnage.csv", TONNAGE_COLUMNS[:4], _TONNAGE, _STATISTICS),
    "recoverable": NumberTable("recoverable.csv", RECOVERABLE_COLUMNS[:7], _RECOVERABLE, _STATISTICS),
    "recoverable_sensitivity": NumberTable("recoverable_sensitivity.csv", SENSITIVITY_COLUMNS[:8], _SENSITIVITY, _STATISTICS),
    "production": NumberTable("production.csv", PRODUCTION_COLUMNS[:5], _PRODUCTION, _STATISTICS),
    "start_panels": NumberTable("start_panels.csv", START_PANEL_COLUMNS[:5], _PRODUCTION, _STATISTICS),
    "supply": NumberTable(
        "supply.csv",
        SUPPLY_COLUMNS[:5],
        _SUPPLY,
        _both("the ends are the outer ones: they hold at least 80 % of the realisations for any denominator in its range",
         "範囲は外側を取り、分母が範囲内のどこにあっても実現値の80 %以上を含む"),
    ),
    "next_cores": NumberTable(
        "next_cores.csv",
        NEXT_CORES_COLUMNS[:3],
        _NEXT_CORES,
        _both("one row per objective, rank and element; each with all cores of lower rank", "目的・順位・元素ごとに1行。上位のコアをすべて含む"),
    ),
    "published_method": NumberTable(
        "published_method.csv",
        PUBLISHED_METHOD_COLUMNS[:5],
        _PUBLISHED_METHOD,
        _both("made by the published method, for comparison alone", "比較のため公表手法で求めた値"),
    ),
}  # fmt: skip
"""Every table of numbers, by the first part of its ids."""

PRODUCTS: Final[dict[str, Formula]] = {
    "validation": _both("found by the checks of the stage validation", "検証段階（validation）で求めた値"),
    "cross_validation": _both("score of predictions of cores left out, or a setting of that trial", "除いたコアの予測成績、またはその条件"),
    "coregionalisation": _both("part of the joint model of all variables fitted to the composites", "コンポジットに適合させた同時モデルの一部"),
    "simulation": _both("summary of the realisations", "実現値の要約"),
    "next_cores": _both("worth of further cores (stage next_cores)", "追加コアの価値（next_cores 段階）"),
    "table1": _both("told by the checklist from what the other products hold", "チェックリストが他の成果物から記載した値"),
    "published_method": _both("the published method made again on these cores", "公表手法をこのコアで再現した値"),
    "delta": _both("difference between this build and the one before", "前回のビルドとの差"),
}
"""What a number inside a JSON product is, by the product's name; ``variogram_<element>`` besides."""

VARIOGRAM: Final[Formula] = _both(
    "experimental: half the mean squared difference of pairs of composites in a lag; model: fitted to it",
    "実験値：各ラグの複合試料対の差の2乗平均の半分。モデル：それに適合させた値",
)
