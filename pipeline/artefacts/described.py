"""What bands of rasters and columns of tables mean, in words, for those who read the products with other programs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.artefacts.formats import unit_of_band
from pipeline.artefacts.simulation import CLASSES, PERCENTILES_SAID, REASONS

Kind = Literal["grade", "sd", "probability", "share", "class", "reason", "domain", "year", "depth", "slope", "density", "other"]
"""What a band shows, and so which colours it has."""


@dataclass(frozen=True)
class Band:
    """A band of a raster.

    Parameters
    ----------
    name : str
        Of the band, as in the file.
    kind : str
        Key of :data:`Kind`.
    unit : str
        ``1`` for a share, a probability or a code.
    title, title_ja : str
        For a legend, without the unit.
    part : str
        Name of the layer (``3-4 m``); empty for the whole interval.
    """

    name: str
    kind: Kind
    unit: str
    title: str
    title_ja: str
    part: str = ""

    @property
    def is_code(self) -> bool:
        """Whether values are names and must never be averaged."""
        return self.kind in ("class", "reason", "domain", "year", "other") and not self.name.endswith("_share")


_PERCENTILE = re.compile(r"([a-z][a-z0-9]*)_p(\d\d)_ppm")
_STATISTIC = re.compile(r"([a-z][a-z0-9]*)_(mean|sd)_ppm")
_GRADE = re.compile(r"([a-z][a-z0-9]*)_ppm")
_OVER = re.compile(r"([a-z][a-z0-9]*)_over_([\d.]+)_ppm_probability")
_PANEL = re.compile(r"rate_([\d.e+]+)_t_day_(wet|dry)_(first_year|mined_share)")
_SAID: Final[dict[str, tuple[Kind, str, str]]] = {
    "depth_m": ("depth", "Water depth", "水深"),
    "slope_deg": ("slope", "Slope of the seafloor", "海底の傾斜"),
    "region_share": ("share", "Share of the cell inside the region", "対象域内の面積比"),
    "domain_code": ("domain", "Domain", "ドメイン"),
    "dry_bulk_density_t_m3": ("density", "Dry bulk density", "乾燥かさ密度"),
    "dry_bulk_density_sd_t_m3": ("sd", "Standard deviation of dry bulk density", "乾燥かさ密度の標準偏差"),
    "slope_of_regression": ("share", "Slope of regression", "回帰の傾き"),
    "marker_m": ("depth", "Depth of the marker below the seafloor", "マーカー層の海底面下深度"),
    "marker_sd_m": ("sd", "Standard deviation of the depth of the marker", "マーカー層の深度の標準偏差"),
    "thickness_share": ("share", "Expected share of the layer below the seafloor", "層のうち海底面下にある割合の期待値"),
    "no_plan_code": ("other", "No plan", "計画なし"),
    "class_code": ("class", "Class, no statement under any reporting code", "区分（いかなる報告基準による分類でもない）"),
    "reason_code": ("reason", "Why a cell has its class", "区分の理由"),
    "year_half_width_share": ("share", "Half-width of the 90 % interval, a year's production", "年間生産量の金属量の 90 % 区間の半幅"),
    "quarter_half_width_share": ("share", "Half-width of the 90 % interval, a quarter's production", "四半期生産量の金属量の 90 % 区間の半幅"),
    "first_year": ("year", "Year that mining begins", "採掘開始年"),
    "reduction_of_variance_share": ("share", "Variance of total metal that one more core takes away", "コア 1 本の追加による総金属量の分散の減少率"),
    "over_cutoff_reduction_of_variance_share": (
        "share",
        "Variance of metal over the cut-off that one more core takes away, approximate",
        "コア 1 本の追加によるカットオフ以上の金属量の分散の減少率（近似）",
    ),
    "over_cutoff_error_share": ("share", "Monte-Carlo error of that share", "その減少率のモンテカルロ誤差"),
}


def symbol(element: str) -> str:
    """Symbol of an element, or of a group of them, for people.

    Examples
    --------
    >>> symbol("dy"), symbol("rey")
    ('Dy', 'REY')
    """
    return element.capitalize() if len(element) <= 2 else element.upper()


def band_of(name: str) -> Band:
    """What a band of any of the rasters holds.

    A band that is not known by its name is described by it.

    Examples
    --------
    >>> band = band_of("dy_p10_ppm 3-4 m")
    >>> band.kind, band.unit, band.title, band.part
    ('grade', 'ppm', 'Dy grade, low (P90)', '3-4 m')
    """
    word, _, part = name.partition(" ")
    try:
        unit = unit_of_band(word)
    except StopIteration:
        unit = "1"
    kind, title, title_ja = _said(word)
    return Band(name, kind, unit, title, title_ja, part)


def _said(word: str) -> tuple[Kind, str, str]:
    if word in _SAID:
        return _SAID[word]
    if found := _PERCENTILE.fullmatch(word):
        element, share = symbol(found[1]), int(found[2])
        people = {10: ("low (P90)", "低位（P90）"), 50: ("median", "中央値"), 90: ("high (P10)", "高位（P10）")}
        en, ja = people.get(share, (f"{share} % of the realisations lie below", f"実現値の {share} % がこれを下回る値"))
        return "grade", f"{element} grade, {en}", f"{element} 品位・{ja}"
    if found := _STATISTIC.fullmatch(word):
        element = symbol(found[1])
        if found[2] == "sd":
            return "sd", f"{element} grade, standard deviation", f"{element} 品位の標準偏差"
        return "grade", f"{element} grade, mean of the realisations", f"{element} 品位・実現値の平均"
    if found := _OVER.fullmatch(word):
        element = symbol(found[1])
        return "probability", f"Probability of {element} ≥ {found[2]} ppm", f"{element} 品位が {found[2]} ppm 以上の確率"
    if found := _GRADE.fullmatch(word):
        return "grade", f"{symbol(found[1])} grade, kriged", f"{symbol(found[1])} 品位・クリギング"
    if found := _PANEL.fullmatch(word):
        basis, basis_ja = {"wet": ("wet", "湿潤"), "dry": ("dry", "乾燥")}[found[2]]
        if found[3] == "first_year":
            return "year", f"Year that mining begins, {found[1]} t/day {basis}", f"採掘開始年（日量 {found[1]} t、{basis_ja}）"
        return "share", f"Share of the cell that is mined, {found[1]} t/day {basis}", f"採掘される面積比（日量 {found[1]} t、{basis_ja}）"
    return "other", word.replace("_", " "), word


_CLASSES_JA: Final = {"unclassified": "区分なし", "inferred": "予測", "indicated": "概測", "measured": "精測"}

LEGENDS: Final[dict[str, dict[int, tuple[str, str]]]] = {
    "class": {code: (name, _CLASSES_JA[name]) for code, name in CLASSES.items()},
    "reason": {code: (text, text) for code, text in REASONS.items()},
}
"""What codes mean, in English and Japanese (reasons: in English alone)."""


@dataclass(frozen=True)
class Column:
    """A column of a table of results that holds text or identifies rows; columns of numbers are told by their formulas."""

    title: str
    en: str
    ja: str


TEXT_COLUMNS: Final[dict[str, Column]] = {
    "element": Column("Element", "Symbol of the element, or name of the group of elements, in lower case.", "元素記号または元素群の名（小文字）。"),
    "region": Column(
        "Region",
        "all: the whole region; supported: what the cores support; otherwise a named domain or a class.",
        "all は対象域全体、supported はコアが裏づける範囲、その他はドメインまたは分類の名。",
    ),
    "cutoff_ppm": Column("Cut-off", "Cut-off grade of blocks, in dry mass; 0: all.", "ブロックのカットオフ品位（乾燥質量、0 は全量）。"),
    "statistic": Column(
        "Statistic", f"kriged, mean, sd or a percentile; {PERCENTILES_SAID}.", "kriged・mean・sd・パーセンタイル（p10 が低位 P90、p90 が高位 P10）。"
    ),
    "data_kind": Column(
        "Kind of data",
        "measured, synthetic or partly synthetic, and how many refused rows were left out.",
        "データの種別（measured は実測、synthetic は合成）と除いた行の数。",
    ),
    "step": Column("Step", "Step of the funnel from what is in place to what is leached.", "賦存量から浸出量に至る段階。"),
    "slope": Column("Slope limit", "Whether the limit of the slope is applied.", "傾斜の制限を適用したか。"),
    "selection": Column(
        "Selection",
        "Whether columns are chosen on the kriged estimate or with perfect knowledge.",
        "採掘箇所の選択（planned は推定値、perfect は真値を知る場合）。",
    ),
    "state": Column("State", "Whether the figure is known, and if not, why.", "値の状態（不明の場合はその旨）。"),
    "setting": Column("Setting", "Setting that is varied; as_set: none.", "変えた設定（as_set は設定どおり）。"),
    "value": Column("Value", "What it is set to, or what stood in the cell.", "その値、またはセルの内容。"),
    "rate_t_day": Column("Rate", "Mud lifted a day.", "1 日あたりの揚泥量。"),
    "basis": Column("Basis", "Whether that mud is counted wet or dry.", "湿潤・乾燥のいずれで数えるか。"),
    "where": Column("Where", "Mud of the planned panels, or the mean of all that is recoverable.", "計画区画の泥か、可採量全体の平均か。"),
    "year": Column("Year", "Year of the plan, from 1.", "計画の年次（1 から）。"),
    "question": Column("Question", "What production is compared with.", "生産量と比べるもの。"),
    "unit": Column("Unit", "Unit of the value.", "値の単位。"),
    "why": Column("Why", "Why the value is unknown, or a range.", "不明または範囲となる理由。"),
    "numerator": Column("Numerator", "Column of production.csv that is compared.", "比べる production.csv の列。"),
    "denominator_id": Column("Published figure", "Id of the published figure.", "公表値の識別子。"),
    "denominator_unit": Column("Its unit", "Unit of the published figure, as published.", "公表値の単位（原文のまま）。"),
    "denominator_date": Column("Its date", "Year or date of the published figure.", "公表値の年。"),
    "denominator_source": Column("Its source", "Who published it.", "公表値の出典。"),
    "denominator_doi_or_reference": Column("Its reference", "DOI or reference.", "DOI または文献。"),
    "denominator_status": Column("Its status", "verified, unverified or unknown.", "公表値の確認状況。"),
    "objective": Column(
        "Objective", "What the next cores are chosen for: total_metal or metal_over_cutoff.", "選定の目的（総金属量、カットオフ以上の金属量）。"
    ),
    "rank": Column("Rank", "Place in the order of choice, from 1.", "選定順位（1 から）。"),
    "interpolation": Column("Interpolation", "Interpolation of the published method.", "公表手法の補間。"),
    "square": Column("Square", "Square of the published method, or all.", "公表手法の区画（all は全区画）。"),
    "top_m": Column("Top", "Upper boundary below the seafloor.", "上端（海底面下）。"),
    "bottom_m": Column("Bottom", "Lower boundary below the seafloor.", "下端（海底面下）。"),
    "file": Column("File", "Core table.", "コア表。"),
    "row": Column("Row", "Its row; the header is row 1.", "その行（見出しが 1 行目）。"),
    "column": Column("Column", "Its column.", "その列。"),
    "reason": Column("Reason", "Why the row was refused.", "行を受け付けなかった理由。"),
}
"""Columns of the tables of results that hold text or identify a row."""
