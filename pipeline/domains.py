"""Domains: which cell and which core belongs to which, and what each of them is estimated from.

A domain is a part of the region with means and spreads of its own. Across a hard boundary nothing is told: each domain is an assessment of its own,
and their realisations are independent. Across a soft one the field goes on: what is standardised by each domain's means and spreads is one field.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import Composites, Domains, Seafloor
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from pipeline.config import DomainSettings
    from pipeline.grid import Grid

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

WHOLE = ""
"""Name of the one part of a deposit without domains."""

_EDGE_POINTS = 200
_APART_EXTENTS = 100.0
_FEWEST_LENDING = 3


@dataclass(frozen=True)
class Part:
    """What is estimated from one set of data.

    Parameters
    ----------
    name : str
        Domain, or ``WHOLE``.
    composites : Composites
        Those that inform it: behind a hard boundary its own, else all.
    seafloor : Seafloor
        Its cells alone: no other one has a share of the region.
    """

    name: str
    composites: Composites
    seafloor: Seafloor

    @property
    def cells(self) -> Mask:
        """(rows, columns) cells of the region that it holds."""
        return np.asarray(self.seafloor.region_share > 0)


def parts_of(composites: Composites, seafloor: Seafloor) -> list[Part]:
    """Every domain in which a core stands, or the whole where there are no domains."""
    domains = seafloor.domains
    if domains is None:
        return [Part(WHOLE, composites, seafloor)]
    told = set(composites.frame["domain"])
    return [
        Part(name, own_composites(composites, name) if domains.boundary == "hard" else composites, own_cells(seafloor, name))
        for name in domains.names
        if name in told
    ]


def own_composites(composites: Composites, name: str) -> Composites:
    """Composites of the cores of one domain, as an assessment of it alone would have them."""
    frame = composites.frame[composites.frame["domain"] == name].reset_index(drop=True)
    weights = frame["declustering_weight"] / frame.groupby("layer")["declustering_weight"].transform("sum")
    supplied = bool((frame["density_supplied_share"] >= 1).all())
    return replace(
        composites, frame=frame.assign(declustering_weight=weights), domains=(), density_source="prior" if supplied else composites.density_source
    )


def own_cells(seafloor: Seafloor, name: str) -> Seafloor:
    """The seafloor with the cells of one domain alone inside the region."""
    assert seafloor.domains is not None
    return replace(seafloor, region_share=np.where(seafloor.domains.cells(name), seafloor.region_share, 0.0), domains=None)


def regions_of(cells: Mask, supported: Mask, seafloor: Seafloor) -> dict[str, Mask]:
    """Cells of each region that is told of: all, every domain of which any is estimated, and those supported by cores, which come last."""
    domains = seafloor.domains
    named = {} if domains is None else {name: cells & domains.cells(name) for name in domains.names}
    return {"all": cells, **{name: mask for name, mask in named.items() if np.any(mask & (seafloor.region_share > 0))}, "supported": supported}


def cores_of(composites: Composites) -> dict[str, int]:
    """Number of cores in every domain, also where there is none."""
    counts = composites.frame.drop_duplicates("core_id")["domain"].value_counts()
    return {name: int(counts.get(name, 0)) for name in composites.domains}


def without_cores(composites: Composites, seafloor: Seafloor) -> list[str]:
    """What is to be said of domains of which nothing is known."""
    if seafloor.domains is None:
        return []
    inside = seafloor.region_share > 0
    return [
        f"the domain {name}: no core stands in it; it is missing from every estimate and tonnage, not zero"
        for name, count in cores_of(composites).items()
        if not count and np.any(inside & seafloor.domains.cells(name))
    ]


def lending(cores: Mapping[str, int], min_cores: int) -> list[str]:
    """Domains whose spreads the others borrow: those with enough cores, or, where none has, those with more than a pair; else all."""
    for least in (min_cores, _FEWEST_LENDING, 1):
        found = [name for name, count in cores.items() if count >= least]
        if found:
            return found
    return []


def apart(positions_m: Array, domain: Integers) -> Array:
    """Positions (n, 2) or (n, 3) at which data of different domains lie so far from each other that no pair and no covariance joins them."""
    moved_m = positions_m.copy()
    moved_m[:, 0] += domain * _APART_EXTENTS * max(float(np.ptp(positions_m[:, :2], axis=0).max()), 1.0)
    return moved_m


def seed_of(seed: int, name: str) -> int:
    """Seed of a domain's draws: no other domain, and no order of them, changes it."""
    if name == WHOLE:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:7])


# --- where they lie --------------------------------------------------------------------------------------------------------------------------------


def names_of(settings: DomainSettings) -> tuple[str, ...]:
    """Domains in the order of their numbers."""
    return (*(outline.name for outline in settings.outlines), *([settings.outside_name] if settings.outside == "domain" else []))


def domains_on(grid: Grid, settings: DomainSettings) -> Domains | None:
    """Domain of every cell; ``None`` where the settings ask for none.

    Raises
    ------
    SettingsError
        Two domains overlap.
    """
    if settings.boundary == "none":
        return None
    _refuse_overlaps(settings, grid)
    # ASSUME: a cell that a boundary cuts belongs, whole, to the domain that holds its centre.
    longitude_deg, latitude_deg = grid.to_lonlat(*grid.centres_m())
    return Domains(settings.boundary, names_of(settings), domain_at(settings, longitude_deg, latitude_deg), settings.min_cores)


def domain_at(settings: DomainSettings, longitude_deg: Array, latitude_deg: Array) -> Integers:
    """Number of the domain at positions of any shape; -1 where none is assessed. A position on a common edge belongs to the first of both."""
    import shapely

    outside = len(settings.outlines) if settings.outside == "domain" else -1
    found = np.full(np.shape(longitude_deg), -1, dtype=np.int64)
    for number, outline in reversed(list(enumerate(settings.outlines))):
        for rings in outline.polygons:
            polygon = _polygon(rings)
            shapely.prepare(polygon)
            # Edges are straight in degrees (RFC 7946), and a polygon across the 180th meridian may be written on either side of it.
            for turn_deg in (-360.0, 0.0, 360.0):
                found[shapely.intersects_xy(polygon, np.asarray(longitude_deg) + turn_deg, latitude_deg)] = number
    return np.where(found >= 0, found, outside)


def shapes_m(settings: DomainSettings, grid: Grid) -> list[BaseGeometry]:
    """Every drawn domain on the grid's projection, in metres."""
    import shapely

    def projected(rings: list[list[tuple[float, float]]]) -> BaseGeometry:
        polygon = _polygon(rings)
        west, south, east, north = polygon.bounds
        dense = shapely.segmentize(polygon, max(east - west, north - south) / _EDGE_POINTS)
        shape: BaseGeometry = shapely.make_valid(shapely.transform(dense, lambda xy: np.column_stack(grid.from_lonlat(xy[:, 0], xy[:, 1]))))
        return shape

    return [shapely.union_all([projected(rings) for rings in outline.polygons]) for outline in settings.outlines]


def own_outlines(settings: DomainSettings, grid: Grid, region: BaseGeometry) -> dict[str, BaseGeometry]:
    """The region's part in every domain, in metres."""
    import shapely

    shapes = shapes_m(settings, grid)
    found = {outline.name: shapely.intersection(shape, region) for outline, shape in zip(settings.outlines, shapes, strict=True)}
    if settings.outside == "domain":
        found[settings.outside_name] = shapely.difference(region, shapely.union_all(shapes))
    return found


def _polygon(rings: list[list[tuple[float, float]]]) -> BaseGeometry:
    import shapely

    polygon: BaseGeometry = shapely.make_valid(shapely.Polygon(rings[0], rings[1:]))
    return polygon


def _refuse_overlaps(settings: DomainSettings, grid: Grid) -> None:
    import shapely

    named = list(zip((outline.name for outline in settings.outlines), shapes_m(settings, grid), strict=True))
    problems = []
    for (one, shape), (other, another) in combinations(named, 2):
        common = shapely.intersection(shape, another)
        # ASSUME: strips narrower than the tolerance are two drawings of one line.
        if not shapely.is_empty(shapely.buffer(common, -settings.overlap_tolerance_m / 2)) and shapely.area(common) > 0:
            problems.append(f"{one!r} and {other!r} overlap in {shapely.area(common) * 1e-6:.3g} km²")
    if problems:
        msg = f"[domains]: {'; '.join(problems)}. A place has one domain: cut one of the two along the other's edge."
        raise SettingsError(msg)


def assigned(frame: gpd.GeoDataFrame, settings: DomainSettings) -> Sequence[str]:
    """Domain of each row of a table with positions; empty where nothing is assessed."""
    names = (*names_of(settings), "")
    at = domain_at(settings, frame["longitude_deg"].to_numpy(dtype=float), frame["latitude_deg"].to_numpy(dtype=float))
    return [names[number] for number in at]
