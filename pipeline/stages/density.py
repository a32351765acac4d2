"""Estimate dry bulk density in every block."""

from __future__ import annotations

import numpy as np

from pipeline.artefacts import Composites, Density, Horizon, Seafloor, Variogram
from pipeline.config import DensitySettings, GradeSettings
from pipeline.field import estimated_cells, krigings_of, nowhere, prior_in
from pipeline.tiled_kriging import kriged_cells
from pipeline.tiles import HERE, Workers


def run(
    composites: Composites,
    variogram: Variogram,
    seafloor: Seafloor,
    settings: GradeSettings,
    prior: DensitySettings,
    horizon: Horizon | None = None,
    workers: Workers = HERE,
) -> Density:
    """Krige measured densities by block; where none was measured the settings' prior stands in every block, and the product says so.

    With domains each of them is kriged from what informs it. Below a marker a block has a density where some of it lies below the seafloor, and
    counts in the mean of its column by the share that does.
    """
    seafloor = seafloor.over(horizon)
    grid, layers = seafloor.grid, seafloor.layers
    near = estimated_cells(composites, seafloor, settings.max_distance_spacings)
    value, sd = (np.full((layers.count, *grid.shape), np.nan) for _ in range(2))
    column, column_sd = (np.full(grid.shape, np.nan) for _ in range(2))
    parts = krigings_of(composites, variogram, seafloor, settings.block_nodes) if variogram.model is not None else nowhere(composites, seafloor)
    for part, kriging in parts:
        cells = near & part.cells
        if kriging is None:
            # ASSUME: without any measured density one value, the prior's mean, holds everywhere.
            own = prior_in(part, composites, prior)
            value[:, cells], sd[:, cells] = own.dry_bulk_density_t_m3, own.mean_sd_t_m3
            column[cells], column_sd[cells] = own.dry_bulk_density_t_m3, own.mean_sd_t_m3
            continue
        weights = seafloor.layer_weights(kriging.layers, cells)
        if weights is not None:
            # ASSUME: where no measured layer exists, those that do have the mean of the measured ones.
            weights = np.where(weights.any(axis=1, keepdims=True), weights, 1.0)
        blocks, sums = kriged_cells(kriging, grid, cells, workers=workers, name="density", weights=weights)
        for index, layer in enumerate(kriging.layers):
            value[layer, cells], sd[layer, cells] = blocks.value[:, index], np.sqrt(blocks.variance[:, index])
        thickness = kriging.layers.size if weights is None else weights.sum(axis=1)
        column[cells], column_sd[cells] = sums.value / thickness, np.sqrt(sums.variance) / thickness
        # ASSUME: a layer in which no density was measured has the mean of the measured layers, and the spread of a layer around it.
        for layer in np.setdiff1d(np.arange(layers.count), kriging.layers):
            value[layer, cells] = column[cells]
            sd[layer, cells] = np.sqrt(np.mean(blocks.variance, axis=1) + np.var(blocks.value, axis=1))
    exists = seafloor.thickness_share > 0
    value, sd = np.where(exists, value, np.nan), np.where(exists, sd, np.nan)
    return Density(grid, layers, column, column_sd, value, sd, composites.density_source, composites.marks)
