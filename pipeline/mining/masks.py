"""Where a machine may and can work: what the sea floor and the law take away before any grade is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.domain_polygons import EXCLUDED_KINDS
from pipeline.units import METRES_PER_NAUTICAL_MILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.artefacts import Domain, DomainFiles, Seafloor
    from pipeline.config import PlaceSettings, RecoverableSettings, RegionSettings
    from pipeline.grid import Grid

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SiteMasks:
    """What each limit leaves, cell by cell, in the order of the funnel; a cell counts by its centre, and counts whole.

    A limit takes a cell away where it is known to be broken: where depth or slope is not known, the cell stays, and ``unknown`` says how many do.

    Parameters
    ----------
    inside_zone : (rows, columns) array
        Within the radius of the island; everywhere where the settings name no island.
    within_depth, within_slope : (rows, columns) arrays
    outside_exclusions : (rows, columns) array
        Outside outcrop, seamounts and no-go areas.
    has_zone : bool
        Whether there is an island whose zone was applied.
    coarse : bool
        Whether the bathymetry is too coarse to show the slope of a cell.
    resolution_m : float
        Spacing of the bathymetry's nodes.
    plain_depth_m : float
        Median depth of the region, above which flanks rise.
    unknown : dict of str to int
        Cells of the region without ``depth``, without ``slope``.
    polygons : dict of str to int
        Excluding polygons that were applied, by what they are.
    unusable : tuple of str
        Names of features that should exclude and are no polygon, or of files that cannot be read.
    depth_m, slope_deg : (rows, columns) arrays
        What the masks are made from.
    outside_polygons : (rows, columns) array
        Outside the excluding polygons alone.
    """

    inside_zone: Mask
    within_depth: Mask
    within_slope: Mask
    outside_exclusions: Mask
    has_zone: bool
    coarse: bool
    resolution_m: float
    plain_depth_m: float
    unknown: dict[str, int]
    polygons: dict[str, int]
    unusable: tuple[str, ...]
    depth_m: Array = field(repr=False)
    slope_deg: Array = field(repr=False)
    outside_polygons: Mask = field(repr=False)

    @classmethod
    def of(cls, seafloor: Seafloor, place: PlaceSettings, domains: DomainFiles, region: RegionSettings, settings: RecoverableSettings) -> SiteMasks:
        """Masks under the settings.

        Parameters
        ----------
        seafloor : Seafloor
        place : PlaceSettings
            The island and the radius of its constructed zone.
        domains : DomainFiles
            Polygons whose property ``kind`` is one of ``EXCLUDED_KINDS`` take their cells away.
        region : RegionSettings
            Its own outline is no exclusion.
        settings : RecoverableSettings
        """
        inside = np.nan_to_num(seafloor.region_share) > 0
        known = seafloor.depth_m[inside & np.isfinite(seafloor.depth_m)]
        plain_depth_m = float(np.median(known)) if known.size else np.nan
        zone = inside_zone(seafloor.grid, place)
        outside, polygons, unusable = outside_polygons(seafloor.grid, domains.features(besides=region.polygon))
        everywhere = np.ones(seafloor.grid.shape, dtype=bool)
        masks = cls(
            everywhere if zone is None else zone,
            everywhere,
            everywhere,
            outside,
            zone is not None,
            seafloor.source_resolution_m > seafloor.grid.cell_m,
            seafloor.source_resolution_m,
            plain_depth_m,
            {name: int(np.sum(inside & ~np.isfinite(values))) for name, values in (("depth", seafloor.depth_m), ("slope", seafloor.slope_deg))},
            polygons,
            unusable,
            seafloor.depth_m,
            seafloor.slope_deg,
            outside,
        )
        return masks.under(settings)

    def under(self, settings: RecoverableSettings) -> SiteMasks:
        """The masks of the same place under other limits."""
        return replace(
            self,
            within_depth=~(self.depth_m > settings.max_water_depth_m),
            within_slope=~(self.slope_deg > settings.max_slope_deg),
            # ASSUME: the median depth of the region is that of the plain; higher ground is the flank of a seamount, and too rough for a collector.
            outside_exclusions=self.outside_polygons & ~(self.depth_m < self.plain_depth_m - settings.flank_rise_m),
        )

    def workable(self, *, with_slope: bool = True) -> Mask:
        """Cells that every limit leaves, or every one but that of the slope."""
        left = self.inside_zone & self.within_depth & self.outside_exclusions
        return left & self.within_slope if with_slope else left


def inside_zone(grid: Grid, place: PlaceSettings) -> Mask | None:
    """Cells whose centre lies within the radius of the island, along the geodesic; ``None`` where no island is named.

    ASSUME: the zone is a circle around one position, constructed, not the official limit.
    """
    from pyproj import Geod

    if place.island_longitude_deg is None or place.island_latitude_deg is None:
        return None
    longitude_deg, latitude_deg = grid.to_lonlat(*grid.centres_m())
    island = np.full(grid.shape, place.island_longitude_deg), np.full(grid.shape, place.island_latitude_deg)
    _, _, distance_m = Geod(ellps="WGS84").inv(*island, longitude_deg, latitude_deg)
    return np.asarray(np.asarray(distance_m) <= place.eez_radius_nmi * METRES_PER_NAUTICAL_MILE)


def outside_polygons(grid: Grid, features: list[Domain]) -> tuple[Mask, dict[str, int], tuple[str, ...]]:
    """Cells outside every excluding polygon, the number of those by kind, and the names of what could not be used."""
    import shapely

    longitude_deg, latitude_deg = grid.to_lonlat(*grid.centres_m())
    outside = np.ones(grid.shape, dtype=bool)
    polygons: dict[str, int] = {}
    unusable = []
    for feature in features:
        kind = EXCLUDED_KINDS.get(feature.kind)
        is_file = not feature.rings and feature.name.endswith(".geojson")
        if (kind is not None and not feature.rings) or is_file:
            unusable.append(feature.name)
        if kind is None or not feature.rings:
            continue
        polygons[kind] = polygons.get(kind, 0) + 1
        start = 0
        for size in feature.sizes:
            rings = feature.rings[start : start + size]
            start += size
            polygon = shapely.make_valid(shapely.Polygon(rings[0], rings[1:])) if rings else shapely.Polygon()
            # Edges are straight in degrees (RFC 7946), and a polygon across the 180th meridian may be written on either side of it.
            for turn_deg in (-360.0, 0.0, 360.0):
                outside &= ~shapely.contains_xy(polygon, longitude_deg + turn_deg, latitude_deg)
    return outside, polygons, tuple(unusable)
