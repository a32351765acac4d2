"""Domains as a user draws them: polygons of ``domains/*.geojson`` that a property names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import SettingsError
from pipeline.region_rings import Rings, polygons_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RESERVED = ("all", "supported", "measured", "indicated", "inferred", "unclassified")
"""Regions of the tonnage table that are there already: no domain has such a name."""

EXCLUDED_KINDS: Final = {
    "outcrop": "outcrop",
    "seamount": "seamount",
    "seamount_flank": "seamount",
    "flank": "seamount",
    "no_go": "no_go",
    "no-go": "no_go",
    "nogo": "no_go",
    "protected": "no_go",
    "露頭": "outcrop",
    "海山": "seamount",
    "禁止区域": "no_go",
    "保護区": "no_go",
}
"""What a polygon's property ``kind`` may say to take its cells away, and as what; any other polygon is drawn on the maps and nothing else."""

_LONGEST_NAME = 100


def domain_polygons(files: Iterable[tuple[str, Path]], key: str) -> dict[str, list[Rings]]:
    """Polygons of every domain by its name, in the order of names.

    Parameters
    ----------
    files : iterable of (str, Path)
        GeoJSON files with the names that messages use.
    key : str
        Property that names the domain of a feature. Features without it are no domain.

    Raises
    ------
    SettingsError
        A file is no GeoJSON, a named feature is no polygon in degrees, or a name cannot be used. All problems are reported together.
    """
    # ASSUME: a polygon that takes cells away (outcrop, flank of a seamount, no-go area) is no domain, whatever else it is called.
    found: dict[str, list[Rings]] = {}
    problems = []
    for name, path in sorted(files):
        try:
            content = json.loads(path.read_text(encoding="utf-8-sig"))
            features = content["features"] if content["type"] == "FeatureCollection" else [content]
            named = [(feature, said) for feature in features if (said := _name(feature, key))]
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            problems.append(f"{name} is no GeoJSON ({error}); export it again from a GIS")
            continue
        for feature, said in named:
            problem = _problem(said)
            try:
                polygons = polygons_of(feature)
            except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
                problem = f"is no polygon of longitude and latitude ({error})"
                polygons = []
            if problem or not polygons:
                problems.append(f"{name}: the domain {said!r} {problem or 'has no polygon'}")
            found.setdefault(said, []).extend(polygons)
    if problems:
        raise SettingsError("[domains]: " + "; ".join(problems))
    return dict(sorted(found.items()))


def _name(feature: dict[str, Any], key: str) -> str:
    """What the property says, as it was written; empty where the feature is no domain."""
    properties = feature.get("properties") or {}
    said = next((properties[name] for name in ("kind", "Kind", "KIND") if properties.get(name)), "")
    value = properties.get(key)
    if value is None or str(said).strip().lower() in EXCLUDED_KINDS:
        return ""
    return str(value) if str(value).strip() else ""


def _problem(name: str) -> str:
    """Why a name cannot be that of a region; empty where it can."""
    if name in RESERVED:
        return f"has the name of a region that is always there ({', '.join(RESERVED)}); call it otherwise"
    if len(name) > _LONGEST_NAME:
        return f"has a name of {len(name)} characters; {_LONGEST_NAME} are allowed"
    return ""
