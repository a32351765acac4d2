"""Draw the map of one element: a page that opens anywhere, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import CLASSES, BathymetryFiles, Composites, Density, Grade, Page, PublishedFiles, Samples, Seafloor, Tonnage
from pipeline.bathymetry import read_grids
from pipeline.config import AssessmentSettings, CutoffSettings, MapSettings
from pipeline.grid import Grid, require_same_grid
from pipeline.units import KM2_PER_M2, METRES_PER_NAUTICAL_MILE, oxide_name
from pipeline.web.texts import MAP, Text, element_name, left_out, not_measured, subscripted, symbol_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.web.mercator import Frame
    from pipeline.web.panel import OfflineMap

    Array = NDArray[np.float64]

# How the page is built, not what it says: these change no number.
_MOST_VALUES = 2_000_000  # packed raster values, so that a page stays under 5 MB
_PICTURE_PIXELS = 400_000  # of the estimate's picture: about those of a screen, so that cells lie within a pixel of their place
_MOST_RELIEF_PIXELS = 700_000
_MOST_SAMPLES = 20_000  # more are shown as composites
_SURROUNDINGS = 1.12  # of the zone's radius
_OUTSIDE_ZONE = 3.0  # of the region's size, where no zone is drawn
_FAR_LEVELS, _NEAR_LEVELS = 8, 6
_TOTAL = ("p05", "p10", "p50", "p90", "p95")
_FIGURES = ("area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t")


def run(
    grade: Grade,
    density: Density,
    seafloor: Seafloor,
    samples: Samples,
    composites: Composites,
    tonnage: Tonnage,
    bathymetry: BathymetryFiles,
    published: PublishedFiles,
    maps: MapSettings,
    assessment: AssessmentSettings,
    cutoffs: CutoffSettings,
) -> Page:
    """Put grade, its standard deviation, cores and tonnage of one element on a relief made from the bathymetry.

    Returns
    -------
    Page
        Self-contained HTML; the same inputs give the same bytes.

    Raises
    ------
    WebError
        The page would fetch something.
    GridMismatch
        Grade, density and seafloor lie on different grids.
    """
    from pipeline.web.panel import map_page

    grid = require_same_grid(grade.grid, density.grid, seafloor.grid)
    step_ppm = _step_ppm(grade)
    shown = _thinned(grade)
    picture = _picture(grid)
    cells, lookup = _cells(shown, step_ppm), _lookup(picture, grid, shown["factor"], shown["mean"].shape)
    zone = _zone(maps, grid, published)
    cores = _cores(grade.element, samples, composites, grid)
    limits = _limits(grade, cores)
    surroundings, near = _frames(grid, zone)
    grids = read_grids(bathymetry)
    content, wide = _layers(grade, maps, seafloor, picture, surroundings, zone, shown, lookup, limits, grids)
    data = {
        "title": assessment.title,
        "oxide": oxide_name(grade.element),
        "opacity": maps.opacity,
        "step_ppm": step_ppm,
        "top_m": grade.layers.top_m,
        "bottom_m": grade.layers.bottom_m,
        "layers": [[float(top), float(bottom)] for top, bottom in zip(grade.layers.tops_m, grade.layers.bottoms_m, strict=True)],
        "bounds": picture.bounds,
        "size": picture.shape,
        "cells": shown["mean"].shape,
        "colours": _colours(maps),
        "limits": limits,
        "cutoffs": _cutoffs(tonnage, grade.element, cutoffs),
        "tonnage": _tonnage(tonnage, grade.element, cutoffs),
        "named": ["supported", "all", *list(CLASSES.values())[1:]],
        "cores": cores,
        "region_bounds": _bounds(grid),
        "zone_bounds": surroundings.bounds,
        "island": zone,
        "contours_far": _contours(surroundings, wide, _FAR_LEVELS),
        "contours_near": _contours(near, _heights(near, grids), _NEAR_LEVELS),
        "about": _about(grade, density, seafloor, samples, shown["factor"]),
    }
    words = _words(grade, maps, samples)
    title = f"{words['page']['en']} · {assessment.title}"
    return Page(map_page(title, words, content, {"map-data": data, "map-cells": cells, "map-lookup": _packed(lookup)}))


# --- the estimate, as whole numbers of steps -------------------------------------------------------------------------------------------------------


def _step_ppm(grade: Grade) -> float:
    """What the last digit of a grade on the map is worth: 0.1 ppm, or a power of ten that suits very low and very high grades."""
    values = np.concatenate([grade.mean_ppm.ravel(), grade.layer_ppm.ravel(), grade.layer_sd_ppm.ravel()])
    highest = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    step = 0.1
    while highest / step > 60_000:
        step *= 10
    while highest / step < 100 and step > 1e-4:
        step /= 10
    return round(step, 6)


def _thinned(grade: Grade) -> dict[str, Any]:
    """The bands, as means of square groups of cells where the whole grid would be too much for a page."""
    from math import ceil, sqrt

    bands = 2 + 2 * grade.layers.count
    factor = max(1, ceil(sqrt(grade.mean_ppm.size * bands / _MOST_VALUES)))

    def mean(values: Array) -> Array:
        if factor == 1:
            return values
        rows, columns = (ceil(side / factor) for side in values.shape)
        padded = np.full((rows * factor, columns * factor), np.nan)
        padded[: values.shape[0], : values.shape[1]] = values
        groups = padded.reshape(rows, factor, columns, factor)
        known = np.isfinite(groups).sum(axis=(1, 3))
        return np.where(known > 0, np.nansum(groups, axis=(1, 3)) / np.maximum(known, 1), np.nan)

    layers = [(mean(ppm), mean(sd)) for ppm, sd in zip(grade.layer_ppm, grade.layer_sd_ppm, strict=True)]
    return {"factor": factor, "mean": mean(grade.mean_ppm), "sd": mean(grade.sd_ppm), "layers": layers}


def _cells(shown: dict[str, Any], step_ppm: float) -> str:
    from pipeline.web.packing import steps_of

    bands = [(shown["mean"], shown["sd"]), *shown["layers"]]
    return _packed(np.array([steps_of(values, step_ppm) for pair in bands for values in pair]))


def _packed(values: NDArray[np.uint16]) -> str:
    from pipeline.web.packing import packed

    return packed(values)


def _picture(grid: Grid) -> Frame:
    """Display frame around the grid; its pixels are finer than cells, so that cells keep their edges."""
    from pipeline.web.mercator import frame_around

    return frame_around(*_outline_deg(grid), 1.0, _PICTURE_PIXELS)


def _lookup(picture: Frame, grid: Grid, factor: int, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """(2, rows, columns) row and column of the shown cell under each pixel."""
    from pipeline.web.mercator import cells_of
    from pipeline.web.packing import NOTHING

    def pixel_of(longitude_deg: Array, latitude_deg: Array) -> tuple[Array, Array]:
        easting_m, northing_m = grid.from_lonlat(longitude_deg, latitude_deg)
        west_m, _, _, north_m = grid.bounds_m
        return (north_m - northing_m) / grid.cell_m, (easting_m - west_m) / grid.cell_m

    indices = cells_of(picture, grid.shape, pixel_of)
    assert max(shape) < NOTHING
    return np.array([np.where(index < 0, NOTHING, index // factor) for index in indices]).astype(np.uint16)


def _outline_deg(grid: Grid) -> tuple[Array, Array]:
    """Longitudes and latitudes along the edge of the grid, in one piece also across the 180th meridian."""
    from pipeline.web.mercator import unwrapped

    west, south, east, north = grid.bounds_m
    x, y = np.linspace(west, east, 60), np.linspace(south, north, 60)
    easting_m = np.concatenate([x, np.full(60, east), x[::-1], np.full(60, west)])
    northing_m = np.concatenate([np.full(60, south), y, np.full(60, north), y[::-1]])
    longitude_deg, latitude_deg = grid.to_lonlat(easting_m, northing_m)
    return unwrapped(longitude_deg, float(longitude_deg[0])), latitude_deg


def _bounds(grid: Grid) -> list[list[float]]:
    longitude_deg, latitude_deg = _outline_deg(grid)
    return [[float(latitude_deg.min()), float(longitude_deg.min())], [float(latitude_deg.max()), float(longitude_deg.max())]]


# --- colours ---------------------------------------------------------------------------------------------------------------------------------------


def _colours(maps: MapSettings) -> dict[str, str]:
    from pipeline.web.colours import SD_COLOUR_MAP, colour_table, hex_text

    return {"grade": hex_text(colour_table(maps.colour_map)), "sd": hex_text(colour_table(SD_COLOUR_MAP))}


def _limits(grade: Grade, cores: list[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Ends of the colour scales: one for the interval, one shared by all layers, so that layers can be compared."""
    from pipeline.web.colours import nice_limits

    whole = [core["grade_ppm"] for core in cores if core["grade_ppm"] is not None]
    return {
        "grade": [nice_limits(np.array([*grade.mean_ppm.ravel(), *whole])), nice_limits(grade.layer_ppm)],
        "sd": [nice_limits(grade.sd_ppm), nice_limits(grade.layer_sd_ppm)],
    }


# --- layers ----------------------------------------------------------------------------------------------------------------------------------------


def _layers(
    grade: Grade,
    maps: MapSettings,
    seafloor: Seafloor,
    picture: Frame,
    surroundings: Frame,
    zone: dict[str, Any] | None,
    shown: dict[str, Any],
    lookup: NDArray[np.uint16],
    limits: dict[str, list[tuple[float, float]]],
    grids: list[Any],
) -> tuple[OfflineMap, Array]:
    """Folium's map with its layers, and the heights behind the relief."""
    import folium

    from pipeline.web.colours import grade_image
    from pipeline.web.packing import NOTHING
    from pipeline.web.panel import App, OfflineMap
    from pipeline.web.relief import relief_url

    (south, west), (north, east) = _bounds(grade.grid)
    content = OfflineMap((south + north) / 2, (west + east) / 2)
    wide = _heights(surroundings, grids)
    row, column = (np.where(index == NOTHING, 0, index) for index in lookup)
    values = np.where(lookup[0] == NOTHING, np.nan, shown["mean"][row, column])
    layers: dict[str, Any] = {
        "relief": folium.raster_layers.ImageOverlay(relief_url(surroundings, wide), surroundings.bounds, pixelated=False, zindex=1),
        "grade": folium.raster_layers.ImageOverlay(
            grade_image(values, limits["grade"][0], maps.colour_map),
            picture.bounds,
            opacity=maps.opacity,
            pixelated=False,
            class_name="grade-image",
            zindex=2,
        ),
        "region": folium.Polygon(_region_outline(seafloor), color="#10293d", weight=1.6, fill=False, interactive=False),
    }
    if zone is not None:
        layers["zone"] = folium.Polygon(zone.pop("circle"), color="#1d3b52", weight=1.6, dash_array="7 5", fill=False)
    for layer in layers.values():
        content.add_child(layer)
    content.add_child(App(map=content, **layers))
    return content, wide


def _heights(frame: Frame, grids: list[Any]) -> Array:
    from pipeline.web.relief import elevation_on

    return elevation_on(frame, grids)


def _contours(frame: Frame, heights_m: Array, levels: int) -> list[dict[str, Any]]:
    from pipeline.web.relief import contours

    return contours(frame, heights_m, levels)


def _frames(grid: Grid, zone: dict[str, Any] | None) -> tuple[Frame, Frame]:
    """Display frames of the surroundings and of the region with a margin."""
    from pipeline.web.mercator import frame_around, unwrapped

    longitude_deg, latitude_deg = _outline_deg(grid)

    def scaled(factor: float) -> tuple[Array, Array]:
        middle = (longitude_deg.min() + longitude_deg.max()) / 2, (latitude_deg.min() + latitude_deg.max()) / 2
        return middle[0] + factor * (longitude_deg - middle[0]), np.clip(middle[1] + factor * (latitude_deg - middle[1]), -84.0, 84.0)

    around = scaled(_OUTSIDE_ZONE)
    if zone is not None:
        circle = np.array(zone["circle"])
        middle = np.array(zone["position"])
        wide = middle + _SURROUNDINGS * (circle - middle)
        around = np.concatenate([unwrapped(wide[:, 1], around[0][0]), scaled(1.2)[0]]), np.concatenate([wide[:, 0], scaled(1.2)[1]])
    # A pixel size of nothing asks for as many pixels as are allowed.
    return frame_around(*around, 1.0, _MOST_RELIEF_PIXELS), frame_around(*scaled(1.8), 1.0, _MOST_RELIEF_PIXELS // 4)


def _region_outline(seafloor: Seafloor) -> list[list[list[float]]]:
    """Rings around the cells that lie mostly inside the region, straightened within half a cell."""
    import rasterio.features
    import shapely

    from pipeline.web.mercator import unwrapped

    grid = seafloor.grid
    inside = (np.nan_to_num(seafloor.region_share) >= 0.5).astype(np.uint8)
    shapes = rasterio.features.shapes(inside, mask=inside == 1, transform=grid.transform)
    rings = []
    near_deg = float(_outline_deg(grid)[0][0])
    for shape, _ in shapes:
        ring = shapely.simplify(shapely.LinearRing(shape["coordinates"][0]), 1.01 * grid.cell_m)
        x, y = shapely.get_coordinates(shapely.segmentize(ring, 20 * grid.cell_m)).T
        longitude_deg, latitude_deg = grid.to_lonlat(x, y)
        rings.append(
            [[round(float(lat), 6), round(float(lon), 6)] for lat, lon in zip(latitude_deg, unwrapped(longitude_deg, near_deg), strict=True)]
        )
    return rings


def _zone(maps: MapSettings, grid: Grid, published: PublishedFiles) -> dict[str, Any] | None:
    """Geodesic circle around the island that the settings name, with its area and the published one for comparison; none without an island."""
    from pyproj import Geod

    from pipeline.web.mercator import unwrapped

    if maps.island_longitude_deg is None or maps.island_latitude_deg is None:
        return None
    geod = Geod(ellps="WGS84")
    bearings = np.linspace(0.0, 360.0, 361)[:-1]
    ones = np.ones_like(bearings)
    radius_m = maps.eez_radius_nmi * METRES_PER_NAUTICAL_MILE
    longitude_deg, latitude_deg, _ = geod.fwd(ones * maps.island_longitude_deg, ones * maps.island_latitude_deg, bearings, ones * radius_m)
    area_m2, _ = geod.polygon_area_perimeter(longitude_deg, latitude_deg)
    near_deg = float(_outline_deg(grid)[0][0])
    island_deg = float(unwrapped(np.array(maps.island_longitude_deg), near_deg))
    longitude_deg = unwrapped(np.asarray(longitude_deg), island_deg)
    circle = [[round(float(lat), 6), round(float(lon), 6)] for lat, lon in zip(latitude_deg, longitude_deg, strict=True)]
    row = published.figures().get("eez_published")
    return {
        "name": maps.island_name,
        "position": [maps.island_latitude_deg, island_deg],
        "label": circle[180],
        "circle": circle,
        "area_km2": abs(area_m2) * KM2_PER_M2,
        "published_km2": float(row["value"]) if row else None,
        "published_source": row.get("source", "") if row else None,
    }


# --- cores, tonnage, words -------------------------------------------------------------------------------------------------------------------------


def _cores(element: str, samples: Samples, composites: Composites, grid: Grid) -> list[dict[str, Any]]:
    """One record per core: where, how deep, its grade over the interval and per layer, its samples."""
    from pipeline.web.mercator import unwrapped

    frame, layers = samples.frame, composites.layers
    grade, accumulation = f"{element}_ppm", f"{element}_g_m3"
    assayed = frame[frame[grade].notna()]
    near_deg = float(_outline_deg(grid)[0][0])
    by_layer = len(assayed) > _MOST_SAMPLES
    sampled = dict(list(assayed.groupby("core_id", sort=False)))
    composited = dict(list(composites.frame[composites.frame[accumulation].notna()].groupby("core_id", sort=False)))
    cores = []
    for core, rows in frame.groupby("core_id", sort=True):
        per_layer: list[float | None] = [None] * layers.count
        mean, share = None, 0.0
        if core in composited:
            mine = composited[core]
            for layer, value in zip(mine["layer"], mine[grade], strict=True):
                per_layer[int(layer)] = round(float(value), 4)
            # Layers are equally thick: metal and mud add up layer by layer.
            mean = round(float(mine[accumulation].sum() / mine["dry_bulk_density_t_m3"].sum()), 4)
            share = float(mine[f"{element}_sampled_share"].sum()) / layers.count
        if by_layer:
            intervals = [[top, bottom, value] for (top, bottom), value in zip(_depths(composites), per_layer, strict=True) if value is not None]
        else:
            mine = sampled.get(core)
            intervals = (
                [] if mine is None else [[float(v) for v in row] for row in mine.sort_values("from_m")[["from_m", "to_m", grade]].to_numpy(float)]
            )
        longitude_deg = float(unwrapped(np.array(float(rows["longitude_deg"].iloc[0])), near_deg))
        cores.append(
            {
                "id": str(core),
                "longitude_deg": round(longitude_deg, 6),
                "latitude_deg": round(float(rows["latitude_deg"].iloc[0]), 6),
                "water_depth_m": _first(rows, "water_depth_m"),
                "penetration_m": _first(rows, "penetration_m"),
                "grade_ppm": mean,
                "share": round(share, 4),
                "layers_ppm": per_layer,
                "samples": intervals,
            }
        )
    return cores


def _depths(composites: Composites) -> list[tuple[float, float]]:
    return [(float(top), float(bottom)) for top, bottom in zip(composites.layers.tops_m, composites.layers.bottoms_m, strict=True)]


def _first(rows: Any, column: str) -> float | None:
    known = rows[column].dropna().tolist() if column in rows else []
    return round(float(known[0]), 4) if known else None


def _cutoffs(tonnage: Tonnage, element: str, cutoffs: CutoffSettings) -> list[float]:
    """Cut-offs of the settings for which the table has rows."""
    known = set(tonnage.frame.loc[(tonnage.frame["element"] == element) & (tonnage.frame["statistic"] == "kriged"), "cutoff_ppm"])
    return [float(cutoff) for cutoff in cutoffs.of(element) if cutoff in known]


def _tonnage(tonnage: Tonnage, element: str, cutoffs: CutoffSettings) -> list[dict[str, Any]]:
    """Rows of the table per region, the supported one first."""
    frame = tonnage.frame[tonnage.frame["element"] == element]
    wanted = _cutoffs(tonnage, element, cutoffs)
    named = [name for name in ("supported", "all") if name in set(frame["region"])]
    out = []
    for region in [*named, *sorted(set(frame["region"]) - set(named))]:
        rows = {
            (row["statistic"], row["cutoff_ppm"]): {key: _number(row[key]) for key in _FIGURES}
            for row in frame[frame["region"] == region].to_dict("records")
        }
        kriged = [rows.get(("kriged", cutoff)) for cutoff in wanted]
        if not all(kriged) or (region != "all" and not (kriged[0] or {}).get("area_km2")):
            continue
        total = {statistic: rows.get((statistic, 0.0)) for statistic in _TOTAL}
        complete = all(row is not None and row["metal_t"] is not None for row in total.values())
        out.append({"region": region, "kriged": kriged, "total": total if complete else None})
    return out


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _about(grade: Grade, density: Density, seafloor: Seafloor, samples: Samples, factor: int) -> list[tuple[str, dict[str, Any]]]:
    """Lines of the last card: key of the words, and what is filled in (a number, the key of words, or any text)."""
    assayed = samples.frame[samples.frame[f"{grade.element}_ppm"].notna()]
    coarse = seafloor.source_resolution_m > grade.grid.cell_m
    source = {"measured": "density_measured", "measured, gaps supplied": "density_gaps", "prior": "density_prior"}[density.source]
    cells = {"layers": grade.layers.count, "layer_m": grade.layers.layer_m, "cell_m": grade.grid.cell_m}
    lines: list[tuple[str, dict[str, Any]]] = [
        ("statement", {}),
        ("about_data", {"cores": int(samples.frame["core_id"].nunique()), "samples": len(assayed), **cells}),
        ("about_method", {"kriging": f"kriging_{grade.estimator}"}),
        ("about_sd", {}),
        ("about_density", {"source": source}),
        ("about_depths", {"source": {"text": seafloor.source}}),
    ]
    if coarse:
        lines.append(("about_coarse", {"resolution": float(f"{seafloor.source_resolution_m / 1000:.2g}")}))
    if factor > 1:
        lines.append(("about_thinned", {"factor": factor}))
    return [*lines, ("about_areas", {}), ("about_made", {})]


def _words(grade: Grade, maps: MapSettings, samples: Samples) -> dict[str, Text]:
    """The page's words with what never changes on it filled in."""
    name, symbol, oxide = element_name(grade.element), symbol_of(grade.element), oxide_name(grade.element) or ""
    fixed = {
        "symbol": symbol,
        "oxide": subscripted(oxide),
        "radius": f"{maps.eez_radius_nmi:g}",
    }
    interval = {"top": f"{grade.layers.top_m:g}", "bottom": f"{grade.layers.bottom_m:g}"}

    def filled(key: str, text: str, language: str) -> str:
        values = {"name": name[language], **fixed, **({} if key == "layer" else interval)}
        # What a person wrote is filled in by the page's script, not here: its braces would be filled too.
        import re

        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)

    words = {**MAP, **not_measured(samples.marks.data_kind), **left_out(samples.marks.rows_left_out)}
    return {key: {language: filled(key, text, language) for language, text in both.items()} for key, both in words.items()}
