"""Gather all elements and layers in one CF data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.artefacts import CLASSES, QUANTILES, BlockModel, Density, Grade, Horizon, Seafloor, Simulation, not_below
from pipeline.grid import require_same_grid

_PERCENTILES = ("p05", "p10", "p50", "p90", "p95")


def run(seafloor: Seafloor, density: Density, grades: list[Grade], simulation: Simulation, horizon: Horizon | None = None) -> BlockModel:
    """Put estimates, standard deviations, percentiles, probabilities, density, class and seafloor on shared coordinates, with the projection.

    Where layers are relative to a marker, so is the vertical coordinate; the marker's depth below the seafloor and what of each block exists stand
    beside it.
    """
    import xarray as xr

    seafloor = seafloor.over(horizon)

    grid = require_same_grid(seafloor.grid, density.grid, simulation.grid, *(grade.grid for grade in grades))
    layers = seafloor.layers
    plane = f"the marker {layers.marker}" if layers.marker else "the seafloor"
    easting_m, northing_m = grid.centres_m()
    cells, blocks = ("northing_m", "easting_m"), ("depth_m", "northing_m", "easting_m")

    def field(values: np.ndarray, units: str, long_name: str) -> tuple[tuple[str, ...], np.ndarray, dict[str, Any]]:
        return (blocks if values.ndim == 3 else cells), values.astype(np.float32), {"units": units, "long_name": long_name}

    variables = {
        "water_depth_m": field(seafloor.depth_m, "m", "water depth, positive down"),
        "slope_deg": field(seafloor.slope_deg, "degree", "slope of the seafloor at the resolution of its source"),
        "region_share": field(seafloor.region_share, "1", "share of the cell inside the region"),
        "dry_bulk_density_t_m3": field(density.layer_t_m3, "t m-3", "dry bulk density"),
        "dry_bulk_density_sd_t_m3": field(density.layer_sd_t_m3, "t m-3", "standard deviation of dry bulk density"),
        "class_code": field(simulation.classes.code, "1", "class of the cell, not a statement under any reporting code"),
    }
    if seafloor.horizon is not None:
        found, name = seafloor.horizon, layers.marker
        variables |= {
            "marker_m": field(found.marker_m, "m", f"depth of the marker {name} below the seafloor, mean of the cell"),
            "marker_sd_m": field(found.marker_sd_m, "m", f"standard deviation of the depth of the marker {name}"),
            "thickness_share": field(found.thickness_share(), "1", "expected share of the block that lies below the seafloor"),
        }
    variables["class_code"][2].update(flag_values=np.array(list(CLASSES), dtype=np.float32), flag_meanings=" ".join(CLASSES.values()))
    for grade in sorted(grades, key=lambda grade: grade.element):
        name = grade.element
        # As in the rasters: a value on a step is not below its decimal number.
        variables[f"{name}_ppm"] = field(not_below(grade.layer_ppm), "1e-6", f"grade of {name} in dry mass, block support")
        variables[f"{name}_sd_ppm"] = field(not_below(grade.layer_sd_ppm), "1e-6", f"standard deviation of the grade of {name}")
    coordinates: dict[str, tuple[str, np.ndarray, dict[str, str]]] = {
        "easting_m": ("easting_m", easting_m[0], {"units": "m", "standard_name": "projection_x_coordinate"}),
        "northing_m": ("northing_m", northing_m[:, 0], {"units": "m", "standard_name": "projection_y_coordinate"}),
        "depth_m": (
            "depth_m",
            (layers.tops_m + layers.bottoms_m) / 2,
            {"units": "m", "positive": "down", "long_name": f"middle of the layer below {plane}"},
        ),
    }
    for name, simulated in sorted(simulation.grades.items()):
        # A percentile of a block: percentiles of blocks do not add up to one of a total.
        for percentile, values in zip(QUANTILES, simulated.block_ppm, strict=True):
            if percentile in _PERCENTILES:
                said = f"grade of {name} that {QUANTILES[percentile]:.0%} of the realisations lie below, block support"
                variables[f"{name}_{percentile}_ppm"] = field(not_below(values), "1e-6", said)
        coordinates[f"{name}_cutoff_ppm"] = (f"{name}_cutoff_ppm", np.array(simulated.cutoffs_ppm), {"units": "1e-6", "long_name": "cut-off grade"})
        _, probability, attributes = field(
            not_below(simulated.block_probability), "1", f"probability that the grade of {name} is at least the cut-off"
        )
        variables[f"{name}_probability"] = ((f"{name}_cutoff_ppm", *blocks), probability, attributes)
    dataset = xr.Dataset(variables, coordinates, {"Conventions": "CF-1.8", **density.marks.tags()})
    dataset["crs"] = xr.DataArray(np.int32(0), attrs=grid.crs.to_cf())
    return BlockModel(dataset)
