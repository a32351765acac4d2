"""Points and polygons of an assessment: cores, samples, composites, next cores; region, domains, classes, starting panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import CLASSES, LEGENDS, band_of, symbol
from pipeline.export.colours import distinct_colours, legend_of, ramp_of
from pipeline.export.qgis_style import VectorStyle
from pipeline.grid import WGS84, region_outline

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from pipeline.export.results import Results

    Array = NDArray[np.float64]

_LONGEST_EDGE_DEG = 0.1  # a polygon drawn in degrees keeps its edges on parallels and meridians


@dataclass(frozen=True)
class Layer:
    """A layer of features.

    Parameters
    ----------
    name : str
        Of the layer and of its file.
    title, title_ja : str
    frame : GeoDataFrame
        Points lie in WGS 84, as they were measured; polygons in the projection of the grid, as they were reckoned. Nothing is reprojected.
    style : VectorStyle
    """

    name: str
    title: str
    title_ja: str
    frame: gpd.GeoDataFrame
    style: VectorStyle


def layers_of(results: Results) -> list[Layer]:
    """Every layer that the results have, what lies below first."""
    makers: tuple[Callable[[Results], Layer | None], ...] = (
        _classes, _domains, _starting_panels, _region, _samples, _composites, _cores, _next_cores,
    )  # fmt: skip
    found = [make(results) for make in makers]
    return [layer for layer in found if layer is not None and len(layer.frame)]


def _region(results: Results) -> Layer:
    outline = region_outline(results.region, results.grid)
    frame = _on_grid(results, {"title": [results.assessment.title], "area_km2": [outline.area * 1e-6]}, [outline])
    return Layer("region", "Region", "対象域", frame, VectorStyle("fill", "#202020", outline_only=True))


def _cores(results: Results) -> Layer:
    samples = results.samples.frame
    keep = [name for name in ("longitude_deg", "latitude_deg", "water_depth_m", "penetration_m", "cruise", "device", "data_kind") if name in samples]
    groups = samples.groupby("core_id", sort=True)
    frame = groups[keep].first()
    frame["samples"] = groups.size()
    frame["deepest_sample_m"] = groups["to_m"].max()
    style = VectorStyle("marker", "#f7f7f7", label="core_id")
    return Layer("cores", "Cores", "コア", _at_positions(frame.reset_index()), style)


def _samples(results: Results) -> Layer:
    frame = results.samples.frame
    return Layer("samples", "Samples", "試料", _at_positions(frame.drop(columns="geometry")), _grade_style(results, frame))


def _composites(results: Results) -> Layer | None:
    if results.composites is None:
        return None
    frame = results.composites.frame
    return Layer(
        "composites",
        "Composites",
        "コンポジット",
        _at_positions(frame.drop(columns="geometry").assign(data_kind=results.marks.text())),
        _grade_style(results, frame),
    )


def _next_cores(results: Results) -> Layer | None:
    """One row for each objective and core, the elements side by side."""
    import pandas as pd

    if results.next_cores is None or not len(results.next_cores.frame):
        return None
    rows: list[dict[str, Any]] = []
    same = ["objective", "rank", "longitude_deg", "latitude_deg", "water_depth_m", "data_kind"]
    for _, group in results.next_cores.frame.groupby(["objective", "rank"], sort=True):
        row = {name: group[name].iloc[0] for name in same}
        for _, told in group.iterrows():
            row |= {f"{told['element']}_reduction_share": told["reduction_share"], f"{told['element']}_narrowing_t": told["narrowing_t"]}
        rows.append(row)
    colours = {
        "total_metal": ("#e31a1c", "total metal / 総金属量"),
        "metal_over_cutoff": ("#ff7f00", "metal over the cut-off / カットオフ以上の金属量"),
    }
    style = VectorStyle("marker", "#e31a1c", column="objective", colours=colours, label="rank", marker="triangle")
    return Layer("next_cores", "Next cores", "次に採るべきコア", _at_positions(pd.DataFrame(rows)), style)


def _domains(results: Results) -> Layer | None:
    """Polygons of RAW/domains, drawn in degrees and put on the grid with their edges on parallels and meridians."""
    import shapely

    rows: list[dict[str, Any]] = []
    shapes = []
    for domain in results.domains.features(results.region.polygon):
        rings = iter(domain.rings)
        polygons = [shapely.Polygon(next(rings), [next(rings) for _ in range(size - 1)]) for size in domain.sizes if size]
        if polygons:
            drawn = shapely.segmentize(shapely.MultiPolygon(polygons), _LONGEST_EDGE_DEG)
            shapes.append(shapely.transform(drawn, lambda xy: np.column_stack(results.grid.from_lonlat(xy[:, 0], xy[:, 1]))))
            rows.append({"name": domain.name, "kind": domain.kind, "area_km2": shapes[-1].area * 1e-6})
    if not rows:
        return None
    names = sorted({str(row["name"]) for row in rows})
    colours = {name: (colour, name) for name, colour in zip(names, distinct_colours(list(range(len(names)))).values(), strict=True)}
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return Layer("domains", "Domains", "ドメイン", _on_grid(results, columns, shapes), VectorStyle("fill", "#808080", column="name", colours=colours))


def _classes(results: Results) -> Layer | None:
    """Cells of each class as one polygon, cut at the edge of the region: its area is that of the tables."""
    if results.classes is None:
        return None
    rows: dict[str, list[Any]] = {"class_code": [], "class": [], "class_ja": [], "area_km2": []}
    shapes = []
    outline = region_outline(results.region, results.grid)
    for code in CLASSES:
        shape = cells_polygon(results, results.classes.code == code)
        if shape is None:
            continue
        cut = shape.intersection(outline)
        name, name_ja = LEGENDS["class"][code]
        for column, value in zip(rows, (code, name, name_ja, cut.area * 1e-6), strict=True):
            rows[column].append(value)
        shapes.append(cut)
    legend = {str(code): said for code, said in legend_of(band_of("class_code"), {}).items()}
    style = VectorStyle("fill", "#d9d9d9", column="class_code", colours=legend)
    return Layer(
        "classes",
        "Classes, no statement under any reporting code",
        "区分（いかなる報告基準による分類でもない）",
        _on_grid(results, rows, shapes),
        style,
    )


def _starting_panels(results: Results) -> Layer | None:
    """Cells by the year in which the plan of each scenario begins to mine them."""
    plan = results.production
    if plan is None or not plan.first_year:
        return None
    rows: dict[str, list[Any]] = {"rate_t_day": [], "basis": [], "first_year": [], "cells": [], "mined_area_km2": []}
    shapes = []
    for (rate_t_day, basis), first_year in sorted(plan.first_year.items()):
        mined_share = plan.mined_share[rate_t_day, basis]
        for year in np.unique(first_year[np.isfinite(first_year)]):
            chosen = first_year == year
            shape = cells_polygon(results, chosen)
            if shape is not None:
                mined_km2 = float(np.nansum(mined_share[chosen])) * results.grid.cell_area_m2 * 1e-6
                for column, value in zip(rows, (rate_t_day, basis, int(year), int(chosen.sum()), mined_km2), strict=True):
                    rows[column].append(value)
                shapes.append(shape)
    if not shapes:
        return None
    frame = _on_grid(results, rows, shapes)
    ramp = ramp_of(band_of("first_year"), np.array(rows["first_year"], dtype=float), results.map_settings.colour_map)
    style = VectorStyle("fill", "#fde725", column="first_year", ramp=ramp, unit="year")
    return Layer("starting_panels", "Starting panels: year that mining begins", "採掘開始区画（開始年）", frame, style)


def cells_polygon(results: Results, chosen: NDArray[np.bool_]) -> BaseGeometry | None:
    """Outline of cells in the projection of the grid; ``None`` where there are none."""
    import shapely
    from rasterio.features import shapes

    if not chosen.any():
        return None
    found = shapes(chosen.astype(np.uint8), mask=chosen, connectivity=4, transform=results.grid.transform)
    polygons: list[Any] = [shapely.geometry.shape(geometry) for geometry, _ in found]
    return shapely.normalize(shapely.MultiPolygon(polygons))


def _grade_style(results: Results, frame: pd.DataFrame) -> VectorStyle:
    """Coloured by the grade of the first element, on its scale of the maps."""
    name = next((f"{element}_ppm" for element in results.elements if f"{element}_ppm" in frame), None)
    if name is None:
        return VectorStyle("marker", "#808080")
    ramp = ramp_of(band_of(name), frame[name].to_numpy(dtype=float), results.map_settings.colour_map)
    return VectorStyle("marker", "#808080", column=name, ramp=ramp, unit=f"ppm {symbol(name.removesuffix('_ppm'))}")


def _at_positions(frame: pd.DataFrame) -> gpd.GeoDataFrame:
    import geopandas as gpd

    points = gpd.points_from_xy(frame["longitude_deg"], frame["latitude_deg"])
    return gpd.GeoDataFrame(frame.reset_index(drop=True), geometry=points, crs=WGS84)


def _on_grid(results: Results, columns: dict[str, list[Any]], shapes: list[Any]) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import shapely

    whole = [shape if isinstance(shape, shapely.MultiPolygon) else shapely.MultiPolygon(_polygons(shape)) for shape in shapes]
    return gpd.GeoDataFrame({**columns, "data_kind": results.marks.text()}, geometry=whole, crs=results.grid.crs)


def _polygons(shape: BaseGeometry) -> list[Any]:
    import shapely

    return [part for part in shapely.get_parts(shape) if isinstance(part, shapely.Polygon)]
