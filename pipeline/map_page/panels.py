"""Starting panels on a map page: for each scenario, the cells in the order in which they would be mined, with what each year's panel holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.map_page.outlines import near_deg
from pipeline.web.mercator import unwrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.artefacts import Production
    from pipeline.grid import Grid

    Array = NDArray[np.float64]

_RANGE = ("p10", "p50", "p90")
_RANGED = ("grade_ppm", "metal_t_year", "oxide_t_year")
_FIGURES = ("dry_mud_t_year", "wet_mud_t_year", "area_km2_year", "lifting_depth_m", "distance_to_port_km", "distance_to_island_km")


def panel_records(production: Production, elements: Sequence[str]) -> list[dict[str, Any]]:
    """One record per scenario that has a plan: cells that begin to be mined in one year are one shape, told with that year's panel.

    Parameters
    ----------
    production : Production
    elements : sequence of str
        Those that a popup tells of; without the ones that were not simulated.
    """
    rows = {
        (float(row["rate_t_day"]), str(row["basis"]), int(row["year"]), str(row["element"]), str(row["statistic"])): row
        for row in production.years.to_dict("records")
    }
    out = []
    for (rate_t_day, basis), first_year in production.first_year.items():
        begun = [int(year) for year in np.unique(first_year[np.isfinite(first_year)])]
        last = max((year for rate, other, year, _, _ in rows if (rate, other) == (rate_t_day, basis)), default=0)
        shapes = []
        for number, year in enumerate(begun):
            told = [element for element in elements if (rate_t_day, basis, year, element, "p50") in rows]
            if not told:
                continue
            middle = rows[rate_t_day, basis, year, told[0], "p50"]
            until = begun[number + 1] if number + 1 < len(begun) else last
            figures = {name: _number(middle[name]) for name in _FIGURES}
            shapes.append({"year": year, "until": until, **_shape(production.grid, first_year == year), **figures, "by_element": {}})
            for element in told:
                ranges = [rows[rate_t_day, basis, year, element, statistic] for statistic in _RANGE]
                shapes[-1]["by_element"][element] = {name: [_number(row[name]) for row in ranges] for name in _RANGED}
        if shapes:
            out.append({"rate_t_day": rate_t_day, "basis": basis, "years": last, "panels": shapes})
    return out


def _shape(grid: Grid, cells: NDArray[np.bool_]) -> dict[str, Any]:
    """Outline of some cells, and a point inside it, in latitude and longitude."""
    import shapely

    west_m, _, _, north_m = grid.bounds_m
    row, column = np.nonzero(cells)
    left, top = west_m + column * grid.cell_m, north_m - row * grid.cell_m
    merged = shapely.union_all(shapely.box(left, top - grid.cell_m, left + grid.cell_m, top))
    parts = [part for part in shapely.get_parts(merged) if isinstance(part, shapely.Polygon)]
    inside = shapely.get_coordinates(merged.representative_point())
    return {
        "rings": [[_positions(grid, shapely.get_coordinates(ring)) for ring in (part.exterior, *part.interiors)] for part in parts],
        "point": _positions(grid, inside)[0],
    }


def _positions(grid: Grid, positions_m: Array) -> list[list[float]]:
    longitude_deg, latitude_deg = grid.to_lonlat(positions_m[:, 0], positions_m[:, 1])
    return [[round(float(lat), 6), round(float(lon), 6)] for lat, lon in zip(latitude_deg, unwrapped(longitude_deg, near_deg(grid)), strict=True)]


def _number(value: Any) -> float | None:
    return float(f"{float(value):.9g}") if np.isfinite(float(value)) else None
