"""Bring bathymetry to the assessment's grid: depth, slope, and each cell's share of the region."""

from __future__ import annotations

import numpy as np

from pipeline.artefacts import BathymetryFiles, Seafloor
from pipeline.bathymetry import read_grids
from pipeline.config import GridSettings, RegionSettings
from pipeline.errors import BathymetryError
from pipeline.grid import layers_of, region_grid, region_share


def run(bathymetry: BathymetryFiles, region: RegionSettings, settings: GridSettings) -> Seafloor:
    """Warp every bathymetry grid to the region's equal-area grid; the finest that covers a cell wins there.

    Raises
    ------
    BathymetryError
        No grid covers any cell of the region.
    """
    grid = region_grid(region, settings)
    share = region_share(grid, region)
    depth_m, slope_deg = np.full(grid.shape, np.nan), np.full(grid.shape, np.nan)
    used: dict[str, float] = {}
    conversions: dict[str, str] = {}
    native_grids = read_grids(bathymetry)
    for native in native_grids:
        elevation_m = native.warped(native.elevation_m, grid)
        covered = np.isfinite(elevation_m)
        if not covered[share > 0].any():
            continue
        depth_m[covered] = -elevation_m[covered]
        # Slope is taken on the native nodes: on the finer grid it would measure the interpolation.
        steepness_deg = native.warped(native.slope_deg(), grid)
        # Beside a hole the finer grid has a depth but no slope: there the coarser one's stays.
        known = covered & np.isfinite(steepness_deg)
        slope_deg[known] = steepness_deg[known]
        if (covered & (share > 0)).all():
            used.clear()
        used[native.name] = native.resolution_m
        conversions[native.name] = "".join(f", {note}" for note in native.notes)
    if not used:
        names = ", ".join(native.name for native in native_grids)
        msg = f"no bathymetry covers the region ({names}). Add a grid that does, or correct [region]."
        raise BathymetryError(msg)
    source = "; ".join(f"{name} ({resolution_m:,.0f} m{conversions[name]})" for name, resolution_m in sorted(used.items()))
    return Seafloor(grid, layers_of(settings), depth_m, slope_deg, share, source, max(used.values()))
