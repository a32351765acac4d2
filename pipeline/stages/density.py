"""Estimate dry bulk density in every block."""

from __future__ import annotations

import numpy as np

from pipeline.artefacts import Composites, Density, Seafloor, Variogram
from pipeline.config import DensitySettings, GradeSettings
from pipeline.field import estimated_cells, kriging_of


def run(composites: Composites, variogram: Variogram, seafloor: Seafloor, settings: GradeSettings, prior: DensitySettings) -> Density:
    """Krige measured densities by block; where none was measured the settings' prior stands in every block, and the product says so."""
    grid, layers = seafloor.grid, seafloor.layers
    cells = estimated_cells(composites, seafloor, settings.max_distance_spacings)
    value, sd = (np.full((layers.count, *grid.shape), np.nan) for _ in range(2))
    column, column_sd = (np.full(grid.shape, np.nan) for _ in range(2))
    if variogram.model is None:
        # ASSUME: without any measured density one value, the prior's mean, holds everywhere.
        value[:, cells], sd[:, cells] = prior.dry_bulk_density_t_m3, prior.mean_sd_t_m3
        column[cells], column_sd[cells] = prior.dry_bulk_density_t_m3, prior.mean_sd_t_m3
        return Density(grid, layers, column, column_sd, value, sd, composites.density_source, composites.marks)
    kriging = kriging_of(composites, variogram, seafloor, settings.block_nodes)
    easting_m, northing_m = (axis[cells] for axis in grid.centres_m())
    blocks, sums = kriging.columns(easting_m, northing_m)
    for index, layer in enumerate(kriging.layers):
        value[layer, cells], sd[layer, cells] = blocks.value[:, index], np.sqrt(blocks.variance[:, index])
    column[cells], column_sd[cells] = sums.value / kriging.layers.size, np.sqrt(sums.variance) / kriging.layers.size
    # ASSUME: a layer in which no density was measured has the mean of the measured layers, and the spread of a layer around it.
    for layer in np.setdiff1d(np.arange(layers.count), kriging.layers):
        value[layer, cells] = column[cells]
        sd[layer, cells] = np.sqrt(np.mean(blocks.variance, axis=1) + np.var(blocks.value, axis=1))
    return Density(grid, layers, column, column_sd, value, sd, composites.density_source, composites.marks)
