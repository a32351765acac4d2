"""Cores, tonnage and what is said about them on a map page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.map_page.outlines import near_deg
from pipeline.units import oxide_name
from pipeline.web.colours import nice_limits
from pipeline.web.mercator import unwrapped
from pipeline.web.terms import MUD, both_in_terms
from pipeline.web.texts import BELOW_MARKER, MAP, Text, element_name, left_out, not_measured, subscripted, symbol_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.artefacts import Composites, Density, Grade, NextCores, Samples, Seafloor, SimulatedGrade, Tonnage
    from pipeline.config import CutoffSettings, PlaceSettings
    from pipeline.grid import Grid

    Array = NDArray[np.float64]

_MOST_SAMPLES = 20_000  # more are shown as composites
_FIGURES = ("area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t")
_SIMULATED = ("mean", "p05", "p10", "p50", "p90", "p95")
_DENSITY = "dry_bulk_density_t_m3"


def core_records(elements: Sequence[str], samples: Samples, composites: Composites, grid: Grid) -> tuple[list[dict[str, Any]], list[str]]:
    """One record per core, and what its samples list: the elements, and density.

    Each core says where it is, how deep it went, its grade over the interval and per layer by element, and its samples.
    """
    frame, layers = samples.frame, composites.layers
    columns = {**{element: f"{element}_ppm" for element in elements if f"{element}_ppm" in frame}, "density": _DENSITY}
    profiles = [name for name, column in columns.items() if column in frame and frame[column].notna().any()]
    by_layer = len(frame) > _MOST_SAMPLES
    composited = dict(list(composites.frame.groupby("core_id", sort=False)))
    depths = [(float(top), float(bottom)) for top, bottom in zip(layers.tops_m, layers.bottoms_m, strict=True)]
    cores = []
    for core, rows in frame.groupby("core_id", sort=True):
        mine = composited.get(core)
        grades = {element: _core_grade(element, mine, layers.count) for element in elements}
        # Below a marker layers begin at another depth in each core; samples stay where the core has them.
        marker_m = None if mine is None else _first(mine, "marker_m")
        intervals: list[Any]
        if by_layer:
            moved_m = marker_m or 0.0
            edges_m = [(max(top + moved_m, 0.0), max(bottom + moved_m, 0.0)) for top, bottom in depths]
            intervals = [
                [top, bottom, [grades[name][2][layer] if name in grades else None for name in profiles]]
                for layer, (top, bottom) in enumerate(edges_m)
            ]
        else:
            intervals = _sample_intervals(rows, [columns[name] for name in profiles])
        longitude_deg = float(unwrapped(np.array(float(rows["longitude_deg"].iloc[0])), near_deg(grid)))
        cores.append(
            {
                "id": str(core),
                "longitude_deg": round(longitude_deg, 6),
                "latitude_deg": round(float(rows["latitude_deg"].iloc[0]), 6),
                "water_depth_m": _first(rows, "water_depth_m"),
                "penetration_m": _first(rows, "penetration_m"),
                **({"marker_m": marker_m} if layers.marker else {}),
                "grade_ppm": {element: mean for element, (mean, _, _) in grades.items()},
                "share": {element: share for element, (_, share, _) in grades.items()},
                "layers_ppm": {element: per_layer for element, (_, _, per_layer) in grades.items()},
                "samples": [interval for interval in intervals if any(value is not None for value in interval[2])],
            }
        )
    return cores, profiles


def _sample_intervals(rows: Any, columns: Sequence[str]) -> list[list[Any]]:
    """Top, bottom and values of each sample, from the seafloor down."""
    ordered = rows.sort_values("from_m")
    tops, bottoms = (ordered[name].to_numpy(float) for name in ("from_m", "to_m"))
    values = ordered[list(columns)].to_numpy(float)
    return [[float(top), float(bottom), [_number(value) for value in row]] for top, bottom, row in zip(tops, bottoms, values, strict=True)]


def _core_grade(element: str, rows: Any, layers: int) -> tuple[float | None, float, list[float | None]]:
    """Mean over the interval, share of it that was sampled, grade per layer."""
    per_layer: list[float | None] = [None] * layers
    accumulation = f"{element}_g_m3"
    mine = None if rows is None or accumulation not in rows else rows[rows[accumulation].notna()]
    if mine is None or mine.empty:
        return None, 0.0, per_layer
    for layer, value in zip(mine["layer"], mine[f"{element}_ppm"], strict=True):
        per_layer[int(layer)] = round(float(value), 4)
    # Layers are equally thick: metal and mud add up layer by layer.
    mean = round(float(mine[accumulation].sum() / mine[_DENSITY].sum()), 4)
    return mean, round(float(mine[f"{element}_sampled_share"].sum()) / layers, 4), per_layer


def _first(rows: Any, column: str) -> float | None:
    known = rows[column].dropna().tolist() if column in rows else []
    return round(float(known[0]), 4) if known else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def element_record(
    grade: Grade,
    simulated: SimulatedGrade | None,
    tonnage: Tonnage,
    cutoffs: CutoffSettings,
    cores: list[dict[str, Any]],
    composites: Composites,
) -> dict[str, Any]:
    """What the page knows of an element it carries: names, cut-offs, ends of the colour scales, rows of the tonnage table."""
    element = grade.element
    wanted = known_cutoffs(tonnage, element, cutoffs, simulated)
    return {
        **element_link(grade, None, composites),
        "cutoffs": wanted,
        "simulated": simulated is not None,
        "limits": _limits(grade, simulated, cores),
        "tonnage": _tonnage(tonnage, element, wanted),
    }


def element_link(grade: Grade, href: str | None, composites: Composites) -> dict[str, Any]:
    """Names of an element, and the page it has of its own where this one does not carry it."""
    element = grade.element
    factor = composites.oxide_per_metal(element)
    oxide = oxide_name(element) if factor is not None else None
    return {
        "key": element,
        "step_ppm": grade.step_ppm,
        "name": element_name(element),
        "symbol": symbol_of(element),
        "oxide": subscripted(oxide) if oxide else None,
        "oxide_per_element": factor,
        "href": href,
    }


def known_cutoffs(tonnage: Tonnage, element: str, cutoffs: CutoffSettings, simulated: SimulatedGrade | None) -> list[float]:
    """Cut-offs of the settings for which the table has rows and the rasters have probabilities: the steps of the slider."""
    known = set(tonnage.frame.loc[(tonnage.frame["element"] == element) & (tonnage.frame["statistic"] == "kriged"), "cutoff_ppm"])
    if simulated is not None:
        known &= set(simulated.cutoffs_ppm)
    return [float(cutoff) for cutoff in cutoffs.of(element) if cutoff in known]


def _limits(grade: Grade, simulated: SimulatedGrade | None, cores: list[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Ends of the colour scales: one for the interval and one for all layers, each shared by estimate, low, median and high."""
    # The low, median and high: of the seven percentiles, numbers 1, 3 and 5.
    column, blocks = ([], []) if simulated is None else (simulated.column_ppm[1:6:2], simulated.block_ppm[1:6:2])
    whole = [core["grade_ppm"][grade.element] for core in cores if core["grade_ppm"][grade.element] is not None]
    return {
        "grade": [nice_limits(_flat(grade.mean_ppm, column, whole)), nice_limits(_flat(grade.layer_ppm, blocks))],
        "sd": [nice_limits(grade.sd_ppm), nice_limits(grade.layer_sd_ppm)],
    }


def _flat(*parts: Any) -> Array:
    return np.concatenate([np.asarray(part, float).ravel() for part in parts])


def _tonnage(tonnage: Tonnage, element: str, cutoffs_ppm: Sequence[float]) -> list[dict[str, Any]]:
    """Rows of the table per region, the supported one first; simulated ones where every statistic is there."""
    frame = tonnage.frame[tonnage.frame["element"] == element]
    named = [name for name in ("supported", "all") if name in set(frame["region"])]
    out = []
    for region in [*named, *sorted(set(frame["region"]) - set(named))]:
        rows = {
            (row["statistic"], row["cutoff_ppm"]): {key: _number(row[key]) for key in _FIGURES}
            for row in frame[frame["region"] == region].to_dict("records")
        }
        told = {name: [rows.get((name, cutoff)) for cutoff in cutoffs_ppm] for name in ("kriged", *_SIMULATED)}
        if not told["kriged"] or not all(told["kriged"]) or (region != "all" and not (told["kriged"][0] or {}).get("area_km2")):
            continue
        complete = all(row is not None for name in _SIMULATED for row in told[name]) and (told["mean"][0] or {}).get("metal_t") is not None
        out.append({"region": region, "rows": told if complete else {"kriged": told["kriged"]}})
    return out


def next_core_sets(next_cores: NextCores, grid: Grid) -> list[dict[str, Any]]:
    """By objective that found any: the cores to take next, in order, with what they would tell of each element, and the ship's track."""
    out = []
    for objective, cores in next_cores.sets.items():
        if cores:
            track = next_cores.tracks.get(objective)
            said = {"objective": objective, "cutoff_ppm": cores[0].get("cutoff_ppm", 0.0)}
            out.append({**said, "cores": [_next_core(core, grid) for core in cores], "track": None if track is None else _track(track, cores, grid)})
    return out


def _next_core(core: dict[str, Any], grid: Grid) -> dict[str, Any]:
    longitude_deg = float(unwrapped(np.array(core["longitude_deg"]), near_deg(grid)))
    by_element = core.get("by_element") or {core["element"]: {key: core[key] for key in ("sd_before_t", "sd_after_t", "reduction_share")}}
    place = {"longitude_deg": round(longitude_deg, 6), "latitude_deg": core["latitude_deg"], "water_depth_m": core["water_depth_m"]}
    return {"rank": core["rank"], **place, "by_element": by_element}


def _track(track: dict[str, Any], cores: list[dict[str, Any]], grid: Grid) -> dict[str, Any]:
    """Round trip as a line of (latitude, longitude)."""
    by_rank = {core["rank"]: (core["longitude_deg"], core["latitude_deg"]) for core in cores}
    start = track["start_longitude_deg"], track["start_latitude_deg"]
    stops = np.array([start, *(by_rank[rank] for rank in track["ranks"]), start], dtype=np.float64)
    stops[:, 0] = unwrapped(stops[:, 0], near_deg(grid))
    told = {key: track[key] for key in ("start", "start_name", "track_km", "between_stations_km", "days")}
    return {**told, "line": [[round(float(latitude), 5), round(float(longitude), 5)] for longitude, latitude in stops]}


def about(
    grade: Grade, density: Density, seafloor: Seafloor, samples: Samples, factor: int, skipped_domains: int
) -> list[tuple[str, dict[str, Any]]]:
    """Lines of the last card: key of the words, and what is filled in (a number, the key of words, or any text)."""
    assayed = samples.frame[samples.frame[f"{grade.element}_ppm"].notna()]
    source = {"measured": "density_measured", "measured, gaps supplied": "density_gaps", "prior": "density_prior"}[density.source]
    cells = {"layers": grade.layers.count, "layer_m": grade.layers.layer_m, "cell_m": grade.grid.cell_m}
    lines: list[tuple[str, dict[str, Any]]] = [
        ("statement", {}),
        (
            "about_data",
            {"cores": int(samples.frame["core_id"].nunique()), "samples": len(assayed), **cells, "symbol": {"text": symbol_of(grade.element)}},
        ),
        ("about_method", {"kriging": f"kriging_{grade.estimator}"}),
        ("about_sd", {}),
        ("about_density", {"source": source}),
        *([("about_depths", {"source": {"text": seafloor.source}})] if seafloor.has_depths else []),
    ]
    if is_coarse(seafloor):
        lines.append(("about_coarse", {"resolution": float(f"{seafloor.source_resolution_m / 1000:.2g}")}))
    if factor > 1:
        lines.append(("about_thinned", {"factor": factor}))
    if skipped_domains:
        lines.append(("about_skipped", {"count": skipped_domains}))
    return [*lines, ("about_areas", {}), ("about_made", {})]


def is_coarse(seafloor: Seafloor) -> bool:
    """Whether the bathymetry is too coarse for the slope of a cell."""
    return seafloor.source_resolution_m > seafloor.grid.cell_m


def page_words(place: PlaceSettings, samples: Samples, more: dict[str, Text], deposit: str = MUD, *, has_marker: bool = False) -> dict[str, Text]:
    """The page's words with what never changes on it filled in; the page's script fills in the rest, also what a person wrote."""
    fixed = {"radius": f"{place.eez_radius_nmi:g}"}

    def filled(text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: fixed.get(found[1], found[0]), text)

    words = {**more, **MAP, **(BELOW_MARKER if has_marker else {}), **not_measured(samples.marks.data_kind), **left_out(samples.marks.rows_left_out)}
    return {key: {language: filled(text) for language, text in both_in_terms(both, deposit).items()} for key, both in words.items()}
