"""Words that several chapters use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.report_page.blocks import Text, both

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMN_NAMES: Final[dict[str, Text]] = {
    "area_km2": both("area, km²", "面積 (km²)"),
    "dry_mud_t": both("dry mud, Mt", "乾燥泥量 (百万t)"),
    "grade_ppm": both("grade, ppm", "品位 (ppm)"),
    "metal_t": both("metal, t", "金属量 (t)"),
    "oxide_t": both("oxide {oxide}, t", "酸化物 {oxide} (t)"),
}
PERCENTILE_NAMES: Final[dict[str, Text]] = {
    "kriged": both("kriged", "クリギング"),
    "mean": both("mean", "平均"),
    "p05": both("p05", "p05"),
    "p10": both("low (P90)", "低位（P90）"),
    "p50": both("median", "中央値"),
    "p90": both("high (P10)", "高位（P10）"),
    "p95": both("p95", "p95"),
    "dgm": both("discrete Gaussian", "離散ガウスモデル"),
}
SOURCES: Final[dict[str, Text]] = {
    "grade_field": both("what lies between the cores", "コア間の品位分布"),
    "mean_and_spread": both("mean and spread of each layer, known from few cores", "少数のコアから求めた各層の平均とばらつき"),
    "unsampled_layers": both("layers that some cores do not reach", "一部のコアが届かない層"),
    "assay_error": both("errors of assay and sampling", "分析・採取の誤差"),
    "marker": both("depth of the marker", "マーカー層の深度"),
    "density": both("dry bulk density", "乾燥かさ密度"),
    "variogram": both("the spatial model", "空間モデル"),
}
ESTIMATORS: Final[dict[str, Text]] = {
    "declustered_mean": both("declustered mean", "デクラスタ平均"),
    "nearest_neighbour": both("nearest neighbour", "最近隣法"),
    "polygonal": both("polygons of influence", "多角形法"),
    "inverse_distance": both("inverse distance", "逆距離加重法"),
    "ordinary": both("ordinary kriging", "通常型クリギング"),
    "drift": both("kriging with drift on {fields}", "{fields}をドリフトとするクリギング"),
    "cokriging": both("cokriging", "コクリギング"),
}
FIELDS: Final[dict[str, Text]] = {"depth_m": both("water depth", "水深"), "slope_deg": both("slope", "傾斜")}
PARAMETERS: Final[dict[str, tuple[Text, float]]] = {
    "horizontal range": (both("horizontal range, km", "水平レンジ (km)"), 1e-3),
    "vertical range": (both("vertical range, m", "鉛直レンジ (m)"), 1.0),
    "nugget": (both("nugget", "ナゲット"), 1.0),
    "sill": (both("sill", "シル"), 1.0),
    "zonal sill": (both("zonal sill", "帯状シル"), 1.0),
}
"""Parameters of a variogram as a table names them, and what they are multiplied by there."""
_KINDS: Final = {
    "spherical": "球型",
    "exponential": "指数型",
    "gaussian": "ガウス型",
    "cubic": "立方型",
    "matern32": "Matérn 3/2",
    "matern52": "Matérn 5/2",
}
_DIRECTIONS: Final = {"horizontal": both("horizontal", "水平方向"), "vertical": both("vertical", "鉛直方向")}


def source_shares(simulation: dict[str, Any], element: str) -> dict[str, dict[str, float]]:
    """Share of the variance by source; empty where it was not reckoned."""
    shares: dict[str, dict[str, float]] = (simulation.get("sources") or {}).get(element, {}).get("one_off", {})
    return shares


def estimator_name(name: str, drift: Sequence[str]) -> Text:
    """Name of an estimator, with what its drift follows."""
    fields = [FIELDS.get(band, both(band, band)) for band in drift]
    words = ESTIMATORS.get(name, both(name, name))
    english, japanese = " and ".join(field["en"] for field in fields), "・".join(field["ja"] for field in fields)
    return both(words["en"].replace("{fields}", english), words["ja"].replace("{fields}", japanese))


def direction_name(direction: str) -> Text:
    """Direction of a variogram."""
    return _DIRECTIONS[direction]


def capital(words: Text) -> Text:
    """The same words at the beginning of a sentence."""
    return both(words["en"][:1].upper() + words["en"][1:], words["ja"])


def kind_name(kind: str) -> Text:
    """Kind of a covariance model."""
    return both(kind, _KINDS.get(kind, kind))


def parameter_name(name: str) -> Text:
    """Parameter of a variogram, without its unit."""
    words = PARAMETERS.get(name)
    return both(name, name) if words is None else both(words[0]["en"].split(",")[0], words[0]["ja"].split(" (")[0])
