"""Draw the marker horizon between the cores that meet it, where depths are relative to one."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.artefacts import Horizon, Samples, Seafloor
from pipeline.artefacts.horizon import DECIMALS
from pipeline.config import GradeSettings, HorizonSettings, VariogramSettings
from pipeline.errors import TooFewSamples
from pipeline.field import range_bounds_m
from pipeline.geostatistics.marker_surface import MarkerSurface, Picks, fit_marker_surface
from pipeline.horizon import core_picks


def run(
    samples: Samples, seafloor: Seafloor, settings: HorizonSettings, variogram_settings: VariogramSettings, grade_settings: GradeSettings
) -> Horizon:
    """Krige the depth of the marker below the seafloor over every cell, with a model fitted to its picks in the cores.

    Raises
    ------
    TooFewSamples
        Fewer cores than the settings ask for meet the marker, or they do not determine its trend.
    """
    grid, layers = seafloor.grid, seafloor.layers
    found = core_picks(samples.frame, settings, layers.marker)
    positions_m = np.column_stack(grid.from_lonlat(found.longitude_deg, found.latitude_deg))
    picks = Picks.of(positions_m, found.marker_m, found.error_sd_m)
    if len(picks.marker_m) < settings.min_cores:
        msg = (
            f"the marker {layers.marker!r} is picked at {len(picks.marker_m)} places, {settings.min_cores} are needed ([horizon] min_cores). "
            'Pick it in more cores, or set [grid] reference = "seafloor".'
        )
        raise TooFewSamples(msg)
    # ASSUME: lags, and what a survey can show of a range, are those of the grades ([variogram]).
    ranges_m, _ = range_bounds_m(np.column_stack([picks.positions_m, np.zeros(len(picks.marker_m))]), layers, variogram_settings)
    surface, fit = fit_marker_surface(
        picks, settings.model, ranges_m, has_plane=settings.trend == "plane", likelihood=settings.fit == "reml",
        lags=variogram_settings.lags, max_lag_share=variogram_settings.max_lag_share,
    )  # fmt: skip
    inside = seafloor.region_share > 0
    marker_m, sd_m = (np.full(grid.shape, np.nan) for _ in range(2))
    easting_m, northing_m = (axis[inside] for axis in grid.centres_m())
    kriged = surface.blocks(easting_m, northing_m, grid.cell_m, grade_settings.block_nodes)
    marker_m[inside], sd_m[inside] = (np.round(values, DECIMALS) for values in kriged)
    told = {"cores": len(found.core_id), "without": found.without, "name": layers.marker, **fit, **_checked(surface)}
    return Horizon(grid, layers, marker_m, sd_m, surface, told, samples.marks, _said(told, marker_m))


def _checked(surface: MarkerSurface) -> dict[str, Any]:
    """Each pick against what the others say of it."""
    if not surface.varies:
        return {}
    try:
        errors_m, sd_m = surface.leave_one_out()
    except TooFewSamples:
        return {}
    return {
        "left_out_mean_error_m": float(errors_m.mean()),
        "left_out_rmse_m": float(np.sqrt(np.mean(errors_m**2))),
        "left_out_standardised_variance": float(np.mean((errors_m / sd_m) ** 2)) if np.all(sd_m > 0) else None,
    }


def _said(told: dict[str, Any], marker_m: np.ndarray[Any, Any]) -> tuple[str, ...]:
    said = []
    if told["at_bounds"]:
        said.append(f"the model of the marker's depth rests on a bound of the search ({', '.join(told['at_bounds'])}): the picks do not say more")
    above = int(np.sum(marker_m < 0))
    if above:
        said.append(f"the kriged marker lies above the seafloor in {above:,} cells: it is taken for eroded there, with the layers above")
    return tuple(said)
