"""Draw the map of one element: a page that opens anywhere, without a network. It carries a second element too, to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import (
    CLASSES,
    STEP_PROBABILITY,
    BathymetryFiles,
    Composites,
    Density,
    DomainFiles,
    Grade,
    Horizon,
    NextCores,
    Page,
    Production,
    PublishedFiles,
    Samples,
    Seafloor,
    Simulation,
    Squares,
    Subject,
    Tonnage,
)
from pipeline.bathymetry import read_grids
from pipeline.config import AssessmentSettings, CutoffSettings, ElementSettings, MapSettings, PlaceSettings, RecoverableSettings, RegionSettings
from pipeline.grid import require_same_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.grid import Grid
    from pipeline.map_page.rasters import Thinning
    from pipeline.web.mercator import DisplayFrame
    from pipeline.web.panel import OfflineMap

    Array = NDArray[np.float64]

# How the page is built, not what it says: these change no number.
_FAR_LEVELS, _NEAR_LEVELS = 8, 6


def run(
    subject: Subject,
    grades: list[Grade],
    density: Density,
    seafloor: Seafloor,
    samples: Samples,
    composites: Composites,
    simulation: Simulation,
    squares: Squares,
    next_cores: NextCores,
    production: Production,
    tonnage: Tonnage,
    bathymetry: BathymetryFiles,
    domains: DomainFiles,
    published: PublishedFiles,
    maps: MapSettings,
    assessment: AssessmentSettings,
    region: RegionSettings,
    elements: ElementSettings,
    cutoffs: CutoffSettings,
    recoverable: RecoverableSettings,
    place: PlaceSettings,
    horizon: Horizon | None = None,
) -> Page:
    """Put grades, their uncertainty, cores and tonnage on a relief made from the bathymetry.

    Returns
    -------
    Page
        Self-contained HTML; the same inputs give the same bytes.

    Raises
    ------
    WebError
        The page would fetch something.
    GridMismatch
        The rasters lie on different grids.
    """
    from pipeline.map_page import outlines, rasters, tables
    from pipeline.map_page.panels import panel_records
    from pipeline.web.packing import packed
    from pipeline.web.panel import map_page
    from pipeline.web.tool_texts import KINDS, TOOLS

    seafloor = seafloor.over(horizon)
    by_element = {grade.element: grade for grade in grades}
    here = _carried(subject.name, elements.assessed)
    own = by_element[subject.name]
    grid = require_same_grid(*(by_element[element].grid for element in here), density.grid, seafloor.grid, simulation.grid)
    cores, profiles = tables.core_records(elements.assessed, samples, composites, grid)
    simulated = {element: simulation.grades.get(element) for element in here}
    known = {element: tables.element_record(by_element[element], simulated[element], tonnage, cutoffs, cores, composites) for element in here}
    thin = rasters.thinning(grid.shape, own.layers.count, [len(known[element]["cutoffs"]) for element in here])
    picture = outlines.picture(grid)
    lookup = rasters.lookup(picture, grid, thin)
    zone = outlines.zone_around(place, grid, published)
    surroundings, near = outlines.frames(grid, zone)
    grids = read_grids(bathymetry) if seafloor.has_depths else []
    content, wide_m = _layers(own, maps, seafloor, picture, surroundings, zone, thin, lookup, known[own.element]["limits"]["grade"][0], grids)
    places, how_to_read = rasters.place_rasters(_places(seafloor, samples, recoverable), simulation.classes, thin)
    drawn, skipped = outlines.domain_outlines(domains, grid, region.polygon)
    data = {
        "title": assessment.title,
        "data_kind": samples.marks.data_kind,
        "realisations": int(simulation.totals["realisation"].nunique()) if len(simulation.totals) else 0,
        "own": own.element,
        "elements": [
            known.get(element) or tables.element_link(by_element[element], f"grade_{element}.html", composites) for element in elements.assessed
        ],
        "opacity": maps.opacity,
        "step_probability": STEP_PROBABILITY,
        "uncertain_share": maps.uncertain_share,
        "max_slope_deg": recoverable.max_slope_deg,
        "max_water_depth_m": recoverable.max_water_depth_m,
        "coarse": tables.is_coarse(seafloor),
        "has_depths": seafloor.has_depths,
        "marker": own.layers.marker or None,
        "top_m": own.layers.top_m,
        "bottom_m": own.layers.bottom_m,
        "layers": [[float(top), float(bottom)] for top, bottom in zip(own.layers.tops_m, own.layers.bottoms_m, strict=True)],
        "bounds": picture.bounds,
        "polar": _polar(grid),
        "size": picture.shape,
        "cells": thin.shown,
        "factor": thin.factor,
        "cell_area_m2": grid.cell_area_m2,
        "lattice": outlines.lattice(grid),
        "places": how_to_read,
        "classes": list(CLASSES.values()),
        "colours": _colours(maps),
        "named": ["supported", "all", *list(CLASSES.values())[1:]],
        "cores": cores,
        "profiles": profiles,
        "next_sets": tables.next_core_sets(next_cores, grid),
        "panels": panel_records(production, elements.assessed),
        "next_reason": next_cores.summary.get("reason"),
        "domains": drawn,
        "published": outlines.published_bounds(published, grid),
        "region_bounds": outlines.bounds(grid),
        "zone_bounds": surroundings.bounds,
        "island": zone,
        "contours_far": _contours(surroundings, wide_m, _FAR_LEVELS),
        "contours_near": _contours(near, _heights(near, grids), _NEAR_LEVELS),
        "about": {element: tables.about(by_element[element], density, seafloor, samples, thin.factor, skipped) for element in here},
    }
    cells = {element: rasters.grade_rasters(by_element[element], simulated[element], known[element]["cutoffs"], thin) for element in here}
    blocks = {
        "map-data": data,
        "map-cells": cells,
        "map-places": places,
        "map-lookup": packed(lookup),
        "map-squares": rasters.square_totals(squares, here),
    }
    here_words = {**TOOLS, "tool_kind_here": KINDS[samples.marks.data_kind]}
    words = tables.page_words(place, samples, here_words, assessment.deposit, has_marker=bool(own.layers.marker))
    name = known[own.element]["name"]["en"]
    title = f"{words['page']['en'].replace('{name}', name)} · {assessment.title}"
    return Page(map_page(title, words, content, blocks))


def _polar(grid: Grid) -> dict[str, float] | None:
    """The pole that the map is drawn around, as its script knows it."""
    from dataclasses import asdict

    from pipeline.map_page.outlines import polar

    projection = polar(grid)
    return None if projection is None else asdict(projection)


def _carried(element: str, assessed: list[str]) -> list[str]:
    """The page's own element and one more: the other of the first two assessed."""
    others = [other for other in assessed[:2] if other != element]
    return [one for one in assessed if one == element or one in others[:1]]


def _places(seafloor: Seafloor, samples: Samples, recoverable: RecoverableSettings) -> dict[str, Array]:
    """What is known of each cell besides grades."""
    from pipeline.map_page.rasters import TOO_DEEP, TOO_STEEP, distance_to_cores_m

    positions = samples.frame[["longitude_deg", "latitude_deg"]].drop_duplicates().to_numpy(float)
    # ASSUME: a cell is left out by its own slope and depth alone; bathymetry coarser than a cell hides steep ground.
    excluded = TOO_STEEP * (seafloor.slope_deg > recoverable.max_slope_deg) + TOO_DEEP * (seafloor.depth_m > recoverable.max_water_depth_m)
    return {
        "depth_m": seafloor.depth_m,
        "slope_deg": seafloor.slope_deg,
        "distance_m": distance_to_cores_m(seafloor.grid, positions[:, 0], positions[:, 1]),
        "share": seafloor.region_share,
        "excluded": excluded.astype(float),
        **({} if seafloor.horizon is None else {"marker_m": seafloor.horizon.marker_m, "marker_sd_m": seafloor.horizon.marker_sd_m}),
    }


def _colours(maps: MapSettings) -> dict[str, str]:
    from pipeline.web.colours import PROBABILITY_COLOUR_MAP, SD_COLOUR_MAP, colour_table, hex_text

    scales = {"grade": maps.colour_map, "sd": SD_COLOUR_MAP, "probability": PROBABILITY_COLOUR_MAP}
    return {name: hex_text(colour_table(scale)) for name, scale in scales.items()}


def _layers(
    grade: Grade,
    maps: MapSettings,
    seafloor: Seafloor,
    picture: DisplayFrame,
    surroundings: DisplayFrame,
    zone: dict[str, Any] | None,
    thin: Thinning,
    lookup: NDArray[np.uint16],
    limits_ppm: tuple[float, float],
    grids: list[Any],
) -> tuple[OfflineMap, Array]:
    """Folium's map with its layers, and the heights behind the relief."""
    import folium

    from pipeline.map_page.outlines import bounds, region_outline
    from pipeline.web.colours import grade_image
    from pipeline.web.packing import NOTHING
    from pipeline.web.panel import App, OfflineMap
    from pipeline.web.relief import relief_url

    (south, west), (north, east) = bounds(grade.grid)
    content = OfflineMap((south + north) / 2, (west + east) / 2, _polar(grade.grid))
    wide_m = _heights(surroundings, grids)
    row, column = (np.where(index == NOTHING, 0, index) for index in lookup)
    values = np.where(lookup[0] == NOTHING, np.nan, thin.mean(grade.mean_ppm)[row, column])
    layers: dict[str, Any] = {
        "relief": folium.raster_layers.ImageOverlay(relief_url(surroundings, wide_m), surroundings.bounds, pixelated=False, zindex=1),
        "grade": folium.raster_layers.ImageOverlay(
            grade_image(values, limits_ppm, maps.colour_map),
            picture.bounds,
            opacity=maps.opacity,
            pixelated=False,
            class_name="grade-image",
            zindex=2,
        ),
        "region": folium.Polygon(region_outline(seafloor), color="#10293d", weight=1.6, fill=False, interactive=False),
    }
    if zone is not None:
        layers["zone"] = folium.Polygon(zone.pop("circle"), color="#1d3b52", weight=1.6, dash_array="7 5", fill=False)
    for layer in layers.values():
        content.add_child(layer)
    content.add_child(App(map=content, **layers))
    return content, wide_m


def _heights(frame: DisplayFrame, grids: list[Any]) -> Array:
    from pipeline.web.relief import elevation_on

    return elevation_on(frame, grids)


def _contours(frame: DisplayFrame, heights_m: Array, levels: int) -> list[dict[str, Any]]:
    from pipeline.web.relief import contours

    return contours(frame, heights_m, levels)
