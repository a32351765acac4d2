"""Samples as intervals of vertical drill holes, in the projection of the grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import grade_columns

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from pipeline.export.results import Results

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class DrillHoles:
    """Intervals in the order of ``samples.parquet``, and the holes that they belong to.

    Parameters
    ----------
    names : list of str
        Core of each hole.
    easting_m, northing_m : (holes,) arrays
    surface_m : (holes,) array
        Elevation of the seafloor at the core, minus the water depth of its samples; NaN where that is not known.
    flat_top_m : (holes,) array
        z of the seafloor in the coordinates of layers: 0, or the depth of the marker that they are relative to.
    core : (intervals,) int array
        Hole of each interval.
    from_m, to_m : (intervals,) arrays
        Below the seafloor.
    values : dict of str to (intervals,) array
        Grades and density.
    """

    # ASSUME: a core goes straight down from its position; no table of samples carries a survey of its way.
    names: list[str]
    easting_m: Array
    northing_m: Array
    surface_m: Array
    flat_top_m: Array
    core: NDArray[np.int64]
    from_m: Array
    to_m: Array
    values: dict[str, Array]

    @property
    def has_elevations(self) -> bool:
        """Whether every hole knows its water depth."""
        return bool(np.isfinite(self.surface_m).all())

    def position_m(self, depth_m: Array, *, flat: bool = False) -> Array:
        """(intervals, 3) easting, northing and z of a depth below the seafloor in each interval's hole.

        Parameters
        ----------
        depth_m : (intervals,) array
        flat : bool
            z is minus the depth below what layers are relative to; otherwise the elevation.
        """
        surface_m = self.flat_top_m if flat else self.surface_m
        return np.stack([self.easting_m[self.core], self.northing_m[self.core], surface_m[self.core] - depth_m], axis=1)


def drill_holes(results: Results) -> DrillHoles:
    """Every accepted interval; further assays of the same intervals are left out."""
    frame = results.samples.frame
    names, first, core = np.unique(frame["core_id"].to_numpy(dtype=str), return_index=True, return_inverse=True)
    easting_m, northing_m = results.grid.from_lonlat(frame["longitude_deg"].to_numpy()[first], frame["latitude_deg"].to_numpy()[first])
    water_m = frame["water_depth_m"].to_numpy(dtype=float)[first] if "water_depth_m" in frame else np.full(len(names), np.nan)
    columns = [*grade_columns(frame.columns), "dry_bulk_density_t_m3"]
    values = {name: frame[name].to_numpy(dtype=float) for name in columns if name in frame}
    from_m, to_m = frame["from_m"].to_numpy(dtype=float), frame["to_m"].to_numpy(dtype=float)
    marker_m = _marker_m(results, frame, first, easting_m, northing_m)
    return DrillHoles(names.tolist(), easting_m, northing_m, -water_m, marker_m, core.astype(np.int64), from_m, to_m, values)


def _marker_m(results: Results, frame: gpd.GeoDataFrame, first: NDArray[np.int64], easting_m: Array, northing_m: Array) -> Array:
    """Depth of the marker in each hole: as picked, else as kriged in its cell; 0 where layers are relative to the seafloor."""
    if results.horizon is None:
        return np.zeros(len(first))
    grid = results.grid
    west, _, _, north = grid.bounds_m
    row = np.clip(((north - northing_m) / grid.cell_m).astype(int), 0, grid.shape[0] - 1)
    column = np.clip(((easting_m - west) / grid.cell_m).astype(int), 0, grid.shape[1] - 1)
    kriged_m = results.horizon.marker_m[row, column]
    if "marker_m" not in frame:
        return np.asarray(kriged_m, dtype=float)
    picked_m = frame["marker_m"].to_numpy(dtype=float)[first]
    return np.asarray(np.where(np.isfinite(picked_m), picked_m, kriged_m), dtype=float)
