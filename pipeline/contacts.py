"""Contact analysis of an assessment: the grade of the cores against their distance from the boundary of two domains."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.domains import shapes_m
from pipeline.field import core_positions_m, median_spacing_m
from pipeline.geostatistics.contact import ContactProfile, Difference, contact_profile

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from pipeline.artefacts import Composites
    from pipeline.config import DomainSettings
    from pipeline.grid import Grid

    Array = NDArray[np.float64]
    Content = dict[str, Any]


def contacts_of(composites: Composites, settings: DomainSettings, grid: Grid) -> list[Content]:
    """Profile of every element across every boundary with cores on either side within reach, and what kind of boundary it looks like."""
    import shapely

    if not composites.domains:
        return []
    positions_m = core_positions_m(composites, grid)
    cores = composites.frame.drop_duplicates("core_id").sort_values("core_id")
    domain = cores["domain"].to_numpy(dtype=str)
    reach_m = settings.contact_reach_spacings * median_spacing_m(positions_m)
    shapes = dict(zip(composites.domains, _with_outside(shapes_m(settings, grid), settings, positions_m), strict=True))
    found = []
    for one, other in combinations(composites.domains, 2):
        if shapely.distance(shapes[one], shapes[other]) > max(settings.overlap_tolerance_m, grid.cell_m):
            continue
        points = shapely.points(positions_m)
        distance_m = np.where(domain == one, -shapely.distance(points, shapes[other]), shapely.distance(points, shapes[one]))
        for element in composites.elements:
            value = core_grades_ppm(composites, element)
            used = np.isin(domain, [one, other]) & np.isfinite(value)
            if not used.any():
                continue
            profile = contact_profile(distance_m[used], value[used], reach_m, settings.contact_steps, settings.contact_confidence)
            if profile.counts[: settings.contact_steps].any() and profile.counts[settings.contact_steps :].any():
                found.append(_content(one, other, element, profile, reach_m, settings))
    return found


def _with_outside(shapes: list[BaseGeometry], settings: DomainSettings, positions_m: Array) -> list[BaseGeometry]:
    """Drawn domains and, where it is one, what lies outside them, as far as the cores go."""
    import shapely

    if settings.outside != "domain":
        return shapes
    drawn = shapely.union_all(shapes)
    around = shapely.union_all([drawn, shapely.MultiPoint(positions_m)]).envelope
    west, south, east, north = around.bounds
    return [*shapes, shapely.difference(shapely.buffer(around, 0.1 * max(east - west, north - south)), drawn)]


def core_grades_ppm(composites: Composites, element: str) -> Array:
    """(cores,) mean grade of each core, in the order of names, less what its layers differ from all; NaN where it was not measured."""
    frame = composites.frame.sort_values(["core_id", "layer"])
    known = frame[frame[f"{element}_ppm"].notna()]
    grade = known[f"{element}_ppm"]
    # ASSUME: cores of different lengths are compared by what each layer has above or below the mean of that layer in all cores.
    by_layer = (grade * known["declustering_weight"]).groupby(known["layer"]).sum() / known["declustering_weight"].groupby(known["layer"]).sum()
    above = (grade - known["layer"].map(by_layer)).groupby(known["core_id"]).mean() + float(by_layer.mean())
    return np.asarray(above.reindex(sorted(set(frame["core_id"]))), dtype=np.float64)


def _content(one: str, other: str, element: str, profile: ContactProfile, reach_m: float, settings: DomainSettings) -> Content:
    steps = [
        {
            "domain": one if step < settings.contact_steps else other,
            "from_m": float(profile.edges_m[step]),
            "to_m": float(profile.edges_m[step + 1]),
            "cores": int(profile.counts[step]),
            "mean_ppm": _number(profile.mean[step]),
            "standard_error_ppm": _number(profile.standard_error[step]),
        }
        for step in range(len(profile.counts))
    ]
    return {
        "one": one,
        "other": other,
        "element": element,
        "reach_m": reach_m,
        "confidence": settings.contact_confidence,
        "steps": steps,
        "near": _told(profile.near),
        "whole": _told(profile.whole),
        "suggests": profile.suggests,
    }


def _told(difference: Difference) -> Content:
    figures = {"difference_ppm": difference.value, "low_ppm": difference.low, "high_ppm": difference.high}
    return {**{name: _number(value) for name, value in figures.items()}, "cores": list(difference.counts)}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
