"""Bring bathymetry to the assessment's grid: depth, slope, and each cell's share of the region."""

from __future__ import annotations

import numpy as np

from pipeline.artefacts import NO_DEPTHS, BathymetryFiles, Seafloor
from pipeline.bathymetry import draped, read_grids
from pipeline.config import NO_DOMAINS, DomainSettings, GridSettings, RegionSettings
from pipeline.domains import domains_on
from pipeline.errors import BathymetryError
from pipeline.grid import layers_of, region_grid, region_share


def run(bathymetry: BathymetryFiles, region: RegionSettings, settings: GridSettings, domains: DomainSettings = NO_DOMAINS) -> Seafloor:
    """Warp every bathymetry grid to the region's equal-area grid; the finest that covers a cell wins there.

    An assessment without bathymetry has no depth and no slope anywhere.

    Raises
    ------
    BathymetryError
        No grid covers any cell of the region.
    SettingsError
        Two domains overlap.
    """
    grid = region_grid(region, settings)
    share, of_cell = region_share(grid, region), domains_on(grid, domains)
    depth_m, slope_deg = np.full(grid.shape, np.nan), np.full(grid.shape, np.nan)
    if region.bathymetry == "none":
        # ASSUME: what is assessed lies at the surface wherever the region is, and nothing is left out for its depth or slope.
        return Seafloor(grid, layers_of(settings), depth_m, slope_deg, share, NO_DEPTHS, np.nan, domains=of_cell)
    used: dict[str, float] = {}
    conversions: dict[str, str] = {}
    native_grids = read_grids(bathymetry)
    depth_m, slope_deg, grids = draped(native_grids, grid, share > 0)
    for native, covered in grids:
        if (covered & (share > 0)).all():
            used.clear()
        used[native.name] = native.resolution_m
        conversions[native.name] = "".join(f", {note}" for note in native.notes)
    if not used:
        names = ", ".join(native.name for native in native_grids)
        msg = f'no bathymetry covers the region ({names}). Add a grid that does, correct [region], or say there bathymetry = "none".'
        raise BathymetryError(msg)
    source = "; ".join(f"{name} ({resolution_m:,.0f} m{conversions[name]})" for name, resolution_m in sorted(used.items()))
    return Seafloor(grid, layers_of(settings), depth_m, slope_deg, share, source, max(used.values()), domains=of_cell)
