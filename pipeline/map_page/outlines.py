"""Frames and lines of a map page: region, zone around the island, polygons of RAW, the published estimate's bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.units import KM2_PER_M2, METRES_PER_NAUTICAL_MILE
from pipeline.web.mercator import POLAR_FROM_DEG, DisplayFrame, Polar, frame_around, polar_frame_around, unwrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.artefacts import DomainFiles, PublishedFiles, Seafloor
    from pipeline.config import PlaceSettings
    from pipeline.grid import Grid

    Array = NDArray[np.float64]

_PICTURE_PIXELS = 400_000  # of the estimate's picture: about those of a screen, so that cells lie within a pixel of their place
_MOST_RELIEF_PIXELS = 700_000
_SURROUNDINGS = 1.12  # of the zone's radius
_OUTSIDE_ZONE = 3.0  # of the region's size, where no zone is drawn
_LATTICE = 16  # intervals: between its corners the grid is straight within metres
_MOST_RING_POINTS = 20_000


def outline_deg(grid: Grid) -> tuple[Array, Array]:
    """Longitudes and latitudes along the edge of the grid, in one piece also across the 180th meridian."""
    west, south, east, north = grid.bounds_m
    x, y = np.linspace(west, east, 60), np.linspace(south, north, 60)
    easting_m = np.concatenate([x, np.full(60, east), x[::-1], np.full(60, west)])
    northing_m = np.concatenate([np.full(60, south), y, np.full(60, north), y[::-1]])
    longitude_deg, latitude_deg = grid.to_lonlat(easting_m, northing_m)
    return unwrapped(longitude_deg, float(longitude_deg[0])), latitude_deg


def near_deg(grid: Grid) -> float:
    """A longitude near which all others of the page are written."""
    return float(outline_deg(grid)[0][0])


def polar(grid: Grid) -> Polar | None:
    """Projection of the maps around a pole where the region reaches near it; ``None`` where Mercator serves."""
    _, latitude_deg = outline_deg(grid)
    west, south, east, north = grid.bounds_m
    middle_longitude_deg, middle_latitude_deg = (
        float(values[0]) for values in grid.to_lonlat(np.array([(west + east) / 2]), np.array([(south + north) / 2]))
    )
    if max(np.abs(latitude_deg).max(), abs(middle_latitude_deg)) <= POLAR_FROM_DEG:
        return None
    # ASSUME: no region reaches near both poles.
    return Polar(1 if middle_latitude_deg > 0 else -1, round(middle_longitude_deg, 6))


def bounds(grid: Grid) -> list[list[float]]:
    """``[[south, west], [north, east]]`` of the grid; around a pole the lower left and the upper right corner of the map."""
    longitude_deg, latitude_deg = outline_deg(grid)
    projection = polar(grid)
    if projection is not None:
        return polar_frame_around(projection, *projection.forward(longitude_deg, latitude_deg), 1.0, _PICTURE_PIXELS).bounds
    return [[float(latitude_deg.min()), float(longitude_deg.min())], [float(latitude_deg.max()), float(longitude_deg.max())]]


def picture(grid: Grid) -> DisplayFrame:
    """Display frame around the grid; its pixels are finer than cells, so that cells keep their edges."""
    projection = polar(grid)
    if projection is not None:
        return polar_frame_around(projection, *projection.forward(*outline_deg(grid)), 1.0, _PICTURE_PIXELS)
    return frame_around(*outline_deg(grid), 1.0, _PICTURE_PIXELS)


def lattice(grid: Grid) -> dict[str, Any]:
    """Positions of some corners of cells, from which the page finds all others; around a pole on the plane of the map."""
    rows, columns = (np.unique(np.linspace(0, side, _LATTICE + 1).round().astype(int)) for side in grid.shape)
    west_m, _, _, north_m = grid.bounds_m
    easting_m, northing_m = np.meshgrid(west_m + columns * grid.cell_m, north_m - rows * grid.cell_m)
    longitude_deg, latitude_deg = grid.to_lonlat(easting_m, northing_m)
    projection = polar(grid)
    if projection is not None:
        x, y = projection.forward(longitude_deg, latitude_deg)
        return {"rows": rows.tolist(), "columns": columns.tolist(), "x": x.round(7).tolist(), "y": y.round(7).tolist()}
    values = {"latitude_deg": latitude_deg, "longitude_deg": unwrapped(longitude_deg, near_deg(grid))}
    return {"rows": rows.tolist(), "columns": columns.tolist(), **{name: value.round(6).tolist() for name, value in values.items()}}


def frames(grid: Grid, zone: dict[str, Any] | None) -> tuple[DisplayFrame, DisplayFrame]:
    """Display frames of the surroundings and of the region with a margin."""
    longitude_deg, latitude_deg = outline_deg(grid)
    projection = polar(grid)
    if projection is not None:
        return _polar_frames(projection, *projection.forward(longitude_deg, latitude_deg), zone)

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


def _polar_frames(projection: Polar, x: Array, y: Array, zone: dict[str, Any] | None) -> tuple[DisplayFrame, DisplayFrame]:
    """The same around a pole."""

    def scaled(factor: float) -> tuple[Array, Array]:
        middle = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
        return middle[0] + factor * (x - middle[0]), middle[1] + factor * (y - middle[1])

    around = scaled(_OUTSIDE_ZONE)
    if zone is not None:
        circle, middle = np.array(zone["circle"]), np.array(zone["position"])
        circle_x, circle_y = projection.forward(circle[:, 1], circle[:, 0])
        middle_x, middle_y = projection.forward(middle[1], middle[0])
        wide = middle_x + _SURROUNDINGS * (circle_x - middle_x), middle_y + _SURROUNDINGS * (circle_y - middle_y)
        around = np.concatenate([wide[0], scaled(1.2)[0]]), np.concatenate([wide[1], scaled(1.2)[1]])
    wide_frame = polar_frame_around(projection, *around, 1.0, _MOST_RELIEF_PIXELS)
    return wide_frame, polar_frame_around(projection, *scaled(1.8), 1.0, _MOST_RELIEF_PIXELS // 4)


def region_outline(seafloor: Seafloor) -> list[list[list[float]]]:
    """Rings around the cells that lie mostly inside the region, straightened within half a cell."""
    import rasterio.features
    import shapely

    grid = seafloor.grid
    inside = (np.nan_to_num(seafloor.region_share) >= 0.5).astype(np.uint8)
    shapes = rasterio.features.shapes(inside, mask=inside == 1, transform=grid.transform)
    rings = []
    for shape, _ in shapes:
        ring = shapely.simplify(shapely.LinearRing(shape["coordinates"][0]), 1.01 * grid.cell_m)
        x, y = shapely.get_coordinates(shapely.segmentize(ring, 20 * grid.cell_m)).T
        rings.append(_positions(*grid.to_lonlat(x, y), near_deg(grid)))
    return rings


def zone_around(place: PlaceSettings, grid: Grid, published: PublishedFiles) -> dict[str, Any] | None:
    """Geodesic circle around the island that the settings name, with its area and the published one for comparison; none without an island."""
    from pyproj import Geod

    if place.island_longitude_deg is None or place.island_latitude_deg is None:
        return None
    geod = Geod(ellps="WGS84")
    bearings = np.linspace(0.0, 360.0, 361)[:-1]
    ones = np.ones_like(bearings)
    radius_m = place.eez_radius_nmi * METRES_PER_NAUTICAL_MILE
    longitude_deg, latitude_deg, _ = geod.fwd(ones * place.island_longitude_deg, ones * place.island_latitude_deg, bearings, ones * radius_m)
    area_m2, _ = geod.polygon_area_perimeter(longitude_deg, latitude_deg)
    island_deg = float(unwrapped(np.array(place.island_longitude_deg), near_deg(grid)))
    circle = _positions(np.asarray(longitude_deg), np.asarray(latitude_deg), island_deg)
    row = published.figures().get("eez_published")
    return {
        "name": place.island_name,
        "position": [place.island_latitude_deg, island_deg],
        "label": circle[180],
        "circle": circle,
        "area_km2": abs(area_m2) * KM2_PER_M2,
        "published_km2": float(row["value"]) if row else None,
        "published_source": row.get("source", "") if row else None,
    }


def _positions(longitude_deg: Array, latitude_deg: Array, near: float) -> list[list[float]]:
    """Latitude and longitude of each point, as Leaflet wants them."""
    return [[round(float(lat), 6), round(float(lon), 6)] for lat, lon in zip(latitude_deg, unwrapped(longitude_deg, near), strict=True)]


def published_bounds(published: PublishedFiles, grid: Grid) -> dict[str, Any] | None:
    """Box that the published estimate quotes, with its own area and the assessed one, which is smaller; none without its figures."""
    from pyproj import Geod

    figures = published.figures()
    sides = {side: figures.get(f"takaya_2018_{side}") for side in ("west", "south", "east", "north")}
    if any(row is None for row in sides.values()):
        return None
    west, south, east, north = (float(row["value"]) for row in sides.values() if row is not None)
    along = np.linspace(0.0, 1.0, 20)
    # Along parallels, not great circles: that is what bounds in degrees mean.
    longitude_deg = np.concatenate([west + along * (east - west), np.full(20, east), east - along * (east - west), np.full(20, west)])
    latitude_deg = np.concatenate([np.full(20, south), south + along * (north - south), np.full(20, north), north - along * (north - south)])
    area_m2, _ = Geod(ellps="WGS84").polygon_area_perimeter(longitude_deg, latitude_deg)
    area = figures.get("takaya_2018_area")
    return {
        "ring": _positions(longitude_deg, latitude_deg, near_deg(grid)),
        "bounds_km2": abs(area_m2) * KM2_PER_M2,
        "area_km2": float(area["value"]) if area else None,
        "source": (sides["west"] or {}).get("source", ""),
    }


def domain_outlines(domains: DomainFiles, grid: Grid, own_outline: str | None) -> tuple[list[dict[str, Any]], int]:
    """Polygons of RAW with their names, and how many features could not be drawn.

    Parameters
    ----------
    own_outline : str or None
        File of the region's own outline, which is drawn already.
    """
    out: list[dict[str, Any]] = []
    skipped = 0
    for domain in domains.features(besides=own_outline):
        rings = [_positions(np.array([point[0] for point in ring]), np.array([point[1] for point in ring]), near_deg(grid)) for ring in domain.rings]
        points = sum(len(ring) for ring in rings)
        if not rings or points > _MOST_RING_POINTS:
            skipped += 1
        else:
            out.append({"name": domain.name, "rings": rings})
    return out, skipped
