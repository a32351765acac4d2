"""The tables of results as a tabular data package: every CSV as it is, described in a ``datapackage.json`` (Frictionless Data, version 1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pipeline.artefacts import TEXT_COLUMNS
from pipeline.files import json_text, sha256_of, write_whole
from pipeline.number_ids import unit_of
from pipeline.provenance.formulas import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.export.results import Results
    from pipeline.provenance.formulas import NumberTable

_WHOLE: Final = ("year", "rank", "row", "sites", "station_number")
_NUMBERS_THAT_IDENTIFY: Final = ("cutoff_ppm", "rate_t_day", "top_m", "bottom_m")
_NEVER_NEGATIVE: Final = re.compile(r"(area_km2|dry_mud_t|metal_t|oxide_t|grade_ppm|cutoff_ppm|rate_t_day|sites|in_situ_share).*")
_LIMITS: Final[dict[str, dict[str, Any]]] = {
    "latitude_deg": {"minimum": -90, "maximum": 90},
    "longitude_deg": {"minimum": -360, "maximum": 540},
    "year": {"minimum": 1},
    "rank": {"minimum": 1},
    "data_kind": {"pattern": r"(measured|synthetic|partly synthetic)(; \d+ refused rows left out)?"},
}
_TITLES: Final = {
    "tonnage": ("Tonnage by element, region and cut-off", "元素・範囲・カットオフ別の資源量"),
    "recoverable": ("What each limit leaves, from in place to leached", "賦存量から浸出量までの可採量"),
    "recoverable_sensitivity": ("How the headline answers to each setting", "各設定に対する感度"),
    "production": ("Production of each scenario", "各シナリオの年間生産量"),
    "start_panels": ("The panel of each year", "年次ごとの採掘区画"),
    "supply": ("Production beside published demand and trade", "公表された需要・貿易量との比較"),
    "next_cores": ("Where to core next", "次に採るべきコア"),
    "published_method": ("The published method on these cores", "公表手法による再計算"),
    "rejected": ("Refused rows of core tables", "受け付けなかった行"),
}


def write_tables(results: Results, folder: Path) -> list[Path]:
    """Copy every table and describe them; the description comes last, and lists only what lies beside it."""
    written, resources = [], []
    for source in sorted(results.processed.glob("*.csv")):
        out = folder / source.name
        write_whole(out, source.read_bytes())
        resources.append(_resource(out))
        written.append(out)
    if not written:
        return []
    package = {
        "profile": "tabular-data-package",
        "name": "assessment-tables",
        "title": results.title,
        "description": (
            f"Data kind: {results.marks.text()}. An empty cell is not known. "
            "Text that a spreadsheet would run as a formula begins with an apostrophe."
        ),
        "data_kind": results.marks.data_kind,
        "program_sha256": str(results.provenance.get("code_sha256", "unknown")),
        "resources": resources,
    }
    out = folder / "datapackage.json"
    write_whole(out, json_text(package).encode())
    return [*written, out]


def _resource(path: Path) -> dict[str, Any]:
    title, title_ja = _TITLES.get(path.stem, (path.stem.replace("_", " "), path.stem))
    return {
        "profile": "tabular-data-resource",
        "name": path.stem.lower(),
        "title": title,
        "title_ja": title_ja,
        "path": path.name,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": path.stat().st_size,
        "hash": f"sha256:{sha256_of(path)}",
        "dialect": {"delimiter": ",", "quoteChar": '"', "doubleQuote": True, "header": True},
        "schema": _schema(path),
    }


def _schema(path: Path) -> dict[str, Any]:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    table = TABLES.get(path.stem)
    fields = [_field(str(name), frame[name], table) for name in frame]
    keys = [key for key in table.keys if key in frame] if table is not None else []
    return {"fields": fields, "missingValues": [""], **({"primaryKey": keys} if keys else {})}


def _field(name: str, cells: pd.Series[str], table: NumberTable | None) -> dict[str, Any]:
    formula = table.formulas.get(name) if table is not None else None
    told = TEXT_COLUMNS.get(name)
    kind = _kind(name, cells, is_number=formula is not None, is_text=told is not None)
    unit = unit_of(name) if kind != "string" else ""
    title = told.title if told is not None else name.replace("_", " ").capitalize()
    described = (formula["en"], formula["ja"]) if formula is not None else (told.en, told.ja) if told is not None else ("", "")
    constraints = _LIMITS.get(name, {})
    if kind == "number" and not constraints and _NEVER_NEGATIVE.fullmatch(name):
        constraints = {"minimum": 0}
    field = {
        "name": name, "type": kind, "title": title, "description": described[0], "description_ja": described[1], "unit": unit,
        "constraints": dict(constraints),
    }  # fmt: skip
    return {key: value for key, value in field.items() if value}


def _kind(name: str, cells: pd.Series[str], *, is_number: bool, is_text: bool) -> str:
    """Type of a column: by what is known of it, else by what it holds."""
    if name in _WHOLE:
        return "integer"
    if is_number or name in _NUMBERS_THAT_IDENTIFY:
        return "number"
    if is_text:
        return "string"
    known = cells[cells != ""]
    numbers = pd.to_numeric(known, errors="coerce")
    return "number" if len(known) and bool(np.isfinite(numbers).all()) else "string"
