"""Make the start page: what was assessed, how much there is, how sure that is, and where everything lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import (
    CLASSES,
    STEPS,
    Composites,
    Grade,
    Page,
    Provenance,
    PublishedFiles,
    Recoverable,
    Samples,
    Seafloor,
    Tonnage,
    Validation,
)
from pipeline.config import AssessmentSettings, ElementSettings, MapSettings
from pipeline.number_ids import number_id, pointer_id
from pipeline.provenance.facts import region_area_km2
from pipeline.provenance.page_origin import page_origin
from pipeline.units import oxide_name
from pipeline.web.number_marks import sourced
from pipeline.web.origin_texts import ORIGIN
from pipeline.web.texts import INDEX, Text, element_name, left_out, not_measured, subscripted, symbol_of

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, float]
Totals = dict[tuple[str, str, str], Row]

_FIGURES = ("area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t")
_STATISTICS = ("mean", "p05", "p10", "p50", "p90", "p95")
_PUBLISHED = ("takaya_2018_area", "takaya_2018_rey_mean", "takaya_2018_reo_total", "takaya_2018_best_square_reo", "takaya_2018_sites")
_MOST_FILES = 20  # named on the page; more are counted
_BAR_SHARE = 1.05  # length of a bar of tonnes, of its highest figure
_PLACES = {"published": {"title": INDEX["published"], "products": [], "inputs": ["published"], "settings": []}}
"""Parts of the page that read less than the whole page does."""
_SAME_AREA = 0.005  # larger differences between the areas of truth and estimate are told


def run(
    grades: list[Grade],
    tonnage: Tonnage,
    samples: Samples,
    seafloor: Seafloor,
    composites: Composites,
    validation: Validation,
    published: PublishedFiles,
    provenance: Provenance,
    recoverable: Recoverable,
    maps: MapSettings,
    assessment: AssessmentSettings,
    elements: ElementSettings,
) -> Page:
    """Put the headline on one page, and, while the samples are drawn from a known deposit, compare with it.

    Returns
    -------
    Page
        Self-contained HTML; its warnings repeat the comparison for whoever runs the stage.
    """
    from pipeline.web.start_page import start_page

    totals = _totals(tonnage)
    # ASSUME: what a soil holds is a burden, not something to be lifted.
    is_soil = assessment.deposit == "soil"
    checks = _truth_checks(validation, elements)
    area_km2 = region_area_km2(seafloor)
    wet = seafloor.depth_m[np.isfinite(seafloor.depth_m) & (seafloor.region_share > 0)]
    layers, cell_m = seafloor.layers, seafloor.grid.cell_m
    coarse = seafloor.source_resolution_m > cell_m
    core_files = sorted(set(samples.frame["source_file"]))
    symbols = [element_name(element) for element in elements.assessed]
    code = provenance.content.get("code_sha256")
    content = {
        "title": assessment.title,
        "names": {"en": " and ".join(_lowered(name["en"]) for name in symbols), "ja": "・".join(name["ja"] for name in symbols)},
        "banner": samples.marks.is_synthetic,
        "marker": layers.marker,
        "rows_left_out": samples.marks.rows_left_out,
        "facts": {
            "cores": sourced("samples/cores", f"{samples.frame['core_id'].nunique():,}"),
            "samples": sourced("samples/count", f"{len(samples.frame):,}"),
            "area_km2": sourced("seafloor/area_km2", rounded(area_km2)),
            "interval": (" … " if layers.marker else "–").join(
                sourced(f"settings/grid/{key}", f"{getattr(layers, key):g}") for key in ("top_m", "bottom_m")
            ),
            "cell_m": sourced("settings/grid/cell_m", f"{cell_m:,g}"),
            "layer_m": sourced("settings/grid/layer_m", f"{layers.layer_m:g}"),
            "water": "–".join(
                sourced(f"seafloor/{name}_m", f"{depth_m:,.0f}") for name, depth_m in (("shallowest", wet.min()), ("deepest", wet.max()))
            )
            if wet.size
            else "–",
        },
        "cards": [
            {**_card(grade, totals, maps), **({"lifted": {}} if is_soil else _lifted(grade.element, recoverable))}
            for grade in sorted(grades, key=lambda grade: elements.assessed.index(grade.element))
        ],
        "tables": _tables(totals, elements),
        "named": ("supported", "all", *list(CLASSES.values())[1:]),
        "coarse": sourced("seafloor/source_resolution_m", rounded(seafloor.source_resolution_m / 1000, 2)) if coarse else "",
        "truth": checks,
        "reasons": _reasons(validation, totals, elements, samples),
        **_published(published),
        "numbers": sourced("provenance/numbers_listed", f"{len(provenance.content.get('numbers', [])):,}"),
        "core_files": core_files[:_MOST_FILES],
        "more_files": f"{len(core_files) - _MOST_FILES:,}" if len(core_files) > _MOST_FILES else "",
        "depths": seafloor.source if seafloor.has_depths else "",
        "code": code[:16] if isinstance(code, str) else "",
        "origin": page_origin(provenance.content, "index", _PLACES),
    }
    words = {**INDEX, "ask": ORIGIN["ask"], **not_measured(samples.marks.data_kind), **left_out(samples.marks.rows_left_out)}
    lines = [_line(check) for check in checks]
    if composites.density_source == "prior":
        lines.append("density is assumed in the settings, not measured")
    return Page(start_page(words, content, assessment.deposit), tuple(lines))


def _lowered(name: str) -> str:
    return name[0].lower() + name[1:] if "(" in name else name


def rounded(value: float, digits: int = 4) -> str:
    """Number with so many significant digits and separators between thousands; empty where there is none.

    Examples
    --------
    >>> rounded(539899.0193), rounded(32.4866), rounded(float("nan"))
    ('539,900', '32.49', '')
    """
    if not np.isfinite(value):
        return ""
    if value == 0:
        return "0"
    decimals = digits - 1 - int(np.floor(np.log10(abs(value))))
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"


def _totals(tonnage: Tonnage) -> Totals:
    """Rows at cut-off 0 by element, region and statistic."""
    frame = tonnage.frame[(tonnage.frame["cutoff_ppm"] == 0) & tonnage.frame["statistic"].isin(("kriged", *_STATISTICS))]
    return {(row["element"], row["region"], row["statistic"]): {key: float(row[key]) for key in _FIGURES} for row in frame.to_dict("records")}


def _regions(totals: Totals, element: str) -> list[str]:
    """Regions with a total, the supported one first, named ones last."""
    found = {region for name, region, _ in totals if name == element and all((element, region, statistic) in totals for statistic in _STATISTICS)}
    found = {region for region in found if totals[element, region, "mean"]["area_km2"] > 0}
    first = [name for name in ("supported", "all") if name in found]
    return [*first, *sorted(found - set(first))]


def _card(grade: Grade, totals: Totals, maps: MapSettings) -> dict[str, Any]:
    """One element: picture, headline and its range."""
    from pipeline.web.colours import grade_image, nice_limits

    element = grade.element
    rows, columns = grade.mean_ppm.shape
    card: dict[str, Any] = {
        "element": element,
        "name": element_name(element),
        "symbol": symbol_of(element),
        "picture": grade_image(_small(grade.mean_ppm), nice_limits(grade.mean_ppm), maps.colour_map),
        "size": (columns, rows),
        "metal": "",
        "low": "",
        "bar": {},
    }
    regions = _regions(totals, element)
    if regions:
        mean, low, high = (totals[element, regions[0], statistic] for statistic in ("mean", "p05", "p95"))
        name = _total_id(element, regions[0])
        card |= _headline(element, regions[0], "mean", mean)
        card |= {
            "low": sourced(name("p05", "metal_t"), rounded(low["metal_t"], 3)),
            "high": sourced(name("p95", "metal_t"), rounded(high["metal_t"], 3)),
        }
        card["bar"] = _bar({statistic: totals[element, regions[0], statistic]["metal_t"] for statistic in _STATISTICS}, name)
    else:
        kriged = {region: totals[element, region, "kriged"] for region in ("supported", "all") if (element, region, "kriged") in totals}
        card |= next((_headline(element, region, "kriged", row) for region, row in kriged.items() if row["area_km2"] > 0), {})
    return card


def _lifted(element: str, recoverable: Recoverable) -> dict[str, Any]:
    """What of the headline can be lifted, and what is not known of the way there; nothing where there are no realisations."""
    place = recoverable.sensitivity[recoverable.sensitivity["setting"] == "as_set"]
    rows = recoverable.frame[recoverable.frame["element"] == element]
    for key in ("region", "cutoff_ppm", "slope", "selection"):
        rows = rows[rows[key] == place[key].iloc[0]] if len(place) else rows.iloc[:0]
    won = rows[rows["step"] == STEPS[-1]].set_index("statistic")["metal_t"]
    if won.empty:
        return {"lifted": {}, "unknown": None}
    unknown = [INDEX[f"lost_{step}"] for step in STEPS if rows.loc[rows["step"] == step, "state"].str.startswith("unknown").any()]
    said = {"en": " and ".join(word["en"] for word in unknown), "ja": "・".join(word["ja"] for word in unknown)}
    where = [place[key].iloc[0] for key in ("region", "cutoff_ppm", "slope", "selection")]

    def number(statistic: str) -> str:
        source = number_id("recoverable", element, *where[:2], STEPS[-1], *where[2:], statistic, column="metal_t")
        return sourced(source, rounded(float(won[statistic]), 3))

    names = {"low": "p10", "median": "p50", "high": "p90"}
    return {"lifted": {name: number(statistic) for name, statistic in names.items()}, "unknown": said if unknown else None}


def _total_id(element: str, region: str) -> Callable[[str, str], str]:
    """Name of a figure of the tonnage table at cut-off 0."""
    return lambda statistic, column: number_id("tonnage", element, region, 0.0, statistic, column=column)


def _bar(metal_t: Row, name: Callable[[str, str], str]) -> dict[str, Any]:
    """Places of the statistics along a bar that begins at nothing, in percent of its length, and what stands below it."""
    longest = _BAR_SHARE * max(metal_t["p95"], metal_t["mean"])
    places = {statistic: round(100 * value / longest, 2) for statistic, value in metal_t.items()}
    shown = {statistic: sourced(name(statistic, "metal_t"), rounded(metal_t[statistic], 3)) for statistic in ("p10", "p50", "p90")}
    return {"places": places, "shown": shown} if longest > 0 else {}


def _headline(element: str, region: str, statistic: str, row: Row) -> dict[str, Any]:
    """What a card says of a region's metal."""
    name = _total_id(element, region)
    return {
        "region": region,
        "metal_id": name(statistic, "metal_t"),
        "metal_t": f"{row['metal_t']!r}",
        "metal": rounded(row["metal_t"], 3),
        "area_km2": sourced(name(statistic, "area_km2"), rounded(row["area_km2"])),
    }


def _small(values: Any) -> Any:
    """Every n-th cell, so that the picture of a huge grid stays a small one."""
    step = max(1, -(-max(values.shape) // 400))
    return values[::step, ::step]


def _tables(totals: Totals, elements: ElementSettings) -> list[dict[str, Any]]:
    tables = []
    for element in elements.assessed:
        for number, region in enumerate(_regions(totals, element)):
            rows = []
            for key in _FIGURES:
                values = {statistic: totals[element, region, statistic][key] for statistic in _STATISTICS}
                if key == "oxide_t" and not np.isfinite(values["mean"]):
                    continue
                scale = 1e-6 if key == "dry_mud_t" else 1.0
                rows.append(
                    {
                        "key": key,
                        "ids": {statistic: _total_id(element, region)(statistic, key) for statistic in values},
                        "values": {statistic: repr(value) for statistic, value in values.items()},
                        "shown": {statistic: rounded(value * scale) for statistic, value in values.items()},
                    }
                )
            oxide = subscripted(oxide_name(element) or "")
            tables.append(
                {
                    "id": f"{element}-{number}",
                    "first": number == 0,
                    "element": element,
                    "name": element_name(element),
                    "region": region,
                    "oxide": oxide,
                    "rows": rows,
                }
            )
    return tables


def _truth_checks(validation: Validation, elements: ElementSettings) -> list[dict[str, Any]]:
    """Estimate beside truth at cut-off 0, per element; nothing once a sample is measured, or where no truth is kept."""
    checks = []
    for element in elements.assessed:
        for position, row in enumerate(validation.content["elements"].get(element, {}).get("truth") or []):
            metal, areas = row["metal_t"], (row["area_km2"]["truth"], row["area_km2"].get("mean"))
            if row["cutoff_ppm"] > 0 or "mean" not in metal:
                continue
            checks.append(
                {
                    "element": element,
                    "name": element_name(element),
                    **{key: rounded(metal[statistic]) for key, statistic in (("truth", "truth"), ("mean", "mean"), ("low", "p05"), ("high", "p95"))},
                    "ids": {
                        key: pointer_id("validation", "elements", element, "truth", position, "metal_t", name)
                        for key, name in (("truth", "truth"), ("mean", "mean"), ("low", "p05"), ("high", "p95"))
                    },
                    "inside": metal["inside"],
                    "percentile": rounded(100 * metal["share_below"], 3),
                    "place": sourced(f"validation/elements/{element}/truth/{position}/metal_t/share_below", rounded(100 * metal["share_below"], 3)),
                    "areas": [rounded(area) for area in areas] if abs(areas[0] - areas[1]) > _SAME_AREA * areas[0] else None,
                }
            )
    return checks


def _line(check: dict[str, Any]) -> str:
    """The comparison as one line for whoever runs the stage."""
    verdict = "inside" if check["inside"] else "OUTSIDE"
    return (
        f"{symbol_of(check['element'])} truth {check['truth']} t is {verdict} the 90 % interval {check['low']} to {check['high']} t "
        f"(estimate {check['mean']} t), at {check['percentile']} % of the distribution"
    )


# --- how sure, and why -----------------------------------------------------------------------------------------------------------------------------


def _reasons(validation: Validation, totals: Totals, elements: ElementSettings, samples: Samples) -> list[tuple[str, dict[str, str | Text]]]:
    """Sentences, each a key of the words and what is filled in; only what the checks really found."""
    said: list[tuple[str, dict[str, str | Text]]] = []
    found = validation.content["simulation"]
    for element in elements.assessed:
        regions = _regions(totals, element)
        if not regions:
            continue
        mean, low, high = (totals[element, regions[0], statistic]["metal_t"] for statistic in ("mean", "p05", "p95"))
        if mean > 0:
            spread = {"below": f"{100 * (1 - low / mean):.0f}", "above": f"{100 * (high / mean - 1):.0f}"}
            said.append(("reason_spread", {"name": element_name(element), **spread}))
    first = next((element for element in elements.assessed if element in found.get("sources", {})), None)
    if first is not None:
        said += _main_source(first, found["sources"][first]["one_off"])
    said += _class_reason(found.get("production_volume"))
    return said + _calibrated(validation.content["calibration"], samples)


def _main_source(element: str, shares: dict[str, dict[str, float]]) -> list[tuple[str, dict[str, str | Text]]]:
    """The two sources that would save most of the variance, if their shares are distinguishable from none."""
    sure = [source for source, share in shares.items() if share["low"] > 0]
    sure.sort(key=lambda source: -shares[source]["share_of_variance"])
    if len(sure) < 2:
        return []
    figures = {
        f"share_{place}": sourced(
            pointer_id("validation", "simulation", "sources", element, "one_off", source, "share_of_variance"),
            f"{100 * shares[source]['share_of_variance']:.0f}",
        )
        for place, source in zip("ab", sure, strict=False)
    }
    words = {f"source_{place}": INDEX[f"source_{source}"] for place, source in zip("ab", sure, strict=False)}
    return [("reason_sources", {"name": element_name(element), **figures, **words})]


def _class_reason(volume: dict[str, Any] | None) -> list[tuple[str, dict[str, str | Text]]]:
    """Why nothing is better known than inferred, where that is so."""
    smallest = volume["year"]["smallest_half_width_share"] if volume else None
    if volume is None or smallest is None or volume["year"]["share_of_cells_passing"] > 0:
        return []
    return [
        (
            "reason_inferred",
            {
                "best": sourced("validation/simulation/production_volume/year/smallest_half_width_share", f"{100 * smallest:.0f}"),
                "limit": sourced("validation/simulation/production_volume/limit_half_width_share", f"{100 * volume['limit_half_width_share']:.0f}"),
            },
        )
    ]


def _calibrated(calibration: dict[str, Any], samples: Samples) -> list[tuple[str, dict[str, str | Text]]]:
    """How often such intervals held the truth of deposits with about as many cores."""
    if calibration["state"] != "calibrated":
        return [("reason_not_calibrated", {})]
    cores = samples.frame["core_id"].nunique()
    run = min(calibration["runs"], key=lambda run: abs(np.log(run["layout"] / cores)))
    held, twins = next(iter(run["elements"].values()))["total"]["90"]["held"], run["twins"]
    return [("reason_calibrated", {"twins": f"{twins:,}", "cores": f"{run['layout']}", "held": f"{held:,}", "share": f"{100 * held / twins:.0f}"})]


def _published(published: PublishedFiles) -> dict[str, Any]:
    """The published estimate for the same sea floor, where its table is there."""
    figures = published.figures()
    rows = {key: figures[key] for key in _PUBLISHED if key in figures}
    facts = [
        {
            "id": key,
            "value": f"{float(rows[key]['value']):,g}" if float(rows[key]["value"]) < 1e6 else f"{float(rows[key]['value']):,.0f}",
            "unit": "" if rows[key].get("unit", "1") == "1" else rows[key]["unit"].replace("km2", "km²"),
        }
        for key in _PUBLISHED
        if key in rows
    ]
    source = next((", ".join(filter(None, (row.get("source"), row.get("doi_or_reference")))) for row in rows.values()), "")
    return {"published": facts, "published_source": source}
