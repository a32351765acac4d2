"""Interpolate the grade of one element in three dimensions below the seafloor.

Accumulation (grade x density) is kriged by block and divided by the kriged density (Journel & Huijbregts 1978, p. 318): averaging grades over unequal
masses would be wrong where density follows grade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import DENSITY, Composites, CrossValidation, Density, Grade, Horizon, JointModel, Seafloor, Variogram, on_steps
from pipeline.config import GradeSettings
from pipeline.field import cell_drift, density_in, estimated_cells, krigings_of, step_ppm, variogram_of
from pipeline.geostatistics.ratio import ratio_of_estimates
from pipeline.grid import require_same_grid
from pipeline.tiled_kriging import kriged_cells
from pipeline.tiles import HERE, Workers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def run(
    composites: Composites,
    variograms: list[Variogram],
    joint: JointModel,
    cross_validation: CrossValidation,
    density: Density,
    seafloor: Seafloor,
    settings: GradeSettings,
    horizon: Horizon | None = None,
    workers: Workers = HERE,
) -> Grade:
    """Estimate grade and its standard deviation in every block, and the mass-weighted mean over the interval, in whole steps.

    Accumulation is kriged with the estimator that cross-validation chose; density by ordinary kriging. Below a marker a block counts in the mean of
    its column by the share of it that lies below the seafloor.
    """
    seafloor = seafloor.over(horizon)
    grid, layers = require_same_grid(seafloor.grid, density.grid), seafloor.layers
    variogram = next(variogram for variogram in variograms if variogram.subject != DENSITY)
    density_variogram = variogram_of(variograms, DENSITY)
    estimator = cross_validation.estimator(variogram.subject)
    near = estimated_cells(composites, seafloor, settings.max_distance_spacings, estimator.drift)
    layer_ppm, layer_sd_ppm = (np.full((layers.count, *grid.shape), np.nan) for _ in range(2))
    mean_ppm, sd_ppm, slope = (np.full(grid.shape, np.nan) for _ in range(3))
    for part, kriging in krigings_of(composites, variogram, seafloor, settings.block_nodes, estimator, joint):
        cells = near & part.cells
        if kriging is not None:
            cells = cells & (seafloor.thickness_share[kriging.layers].max(axis=0) > 0)
        if kriging is None or not cells.any():
            continue
        r, known_density = density_in(part, composites, variogram, density_variogram, grid)
        estimated = kriging.layers
        weights = seafloor.layer_weights(estimated, cells)
        blocks, sums = kriged_cells(kriging, grid, cells, cell_drift(seafloor, estimator.drift, cells), workers, variogram.subject, weights)
        for index, layer in enumerate(estimated):
            rho, rho_sd = density.layer_t_m3[layer, cells], density.layer_sd_t_m3[layer, cells]
            # ASSUME: a prior density is one factor for the whole deposit: it scales accumulation and mass alike and leaves grade alone.
            layer_ppm[layer, cells], layer_sd_ppm[layer, cells] = ratio_of_estimates(
                blocks.value[:, index], blocks.variance[:, index], rho, rho_sd**2 if known_density else np.zeros_like(rho), r
            )
        blocks_t_m3, thickness = density.layer_t_m3[estimated][:, cells], estimated.size if weights is None else weights.sum(axis=1)
        mass = blocks_t_m3.sum(axis=0) if weights is None else np.nansum(weights.T * blocks_t_m3, axis=0)
        mass_variance = (density.column_sd_t_m3[cells] * thickness) ** 2 if known_density else np.zeros_like(mass)
        mean_ppm[cells], sd_ppm[cells] = ratio_of_estimates(sums.value, sums.variance, mass, mass_variance, r)
        slope[cells] = sums.slope_of_regression
    exists = seafloor.thickness_share > 0
    layer_ppm, layer_sd_ppm = np.where(exists, layer_ppm, np.nan), np.where(exists, layer_sd_ppm, np.nan)
    step = step_ppm(composites, variogram.subject)
    mean_ppm, sd_ppm, layer_ppm, layer_sd_ppm = (on_steps(values, step) for values in (mean_ppm, sd_ppm, layer_ppm, layer_sd_ppm))
    return Grade(variogram.subject, grid, layers, mean_ppm, sd_ppm, layer_ppm, layer_sd_ppm, slope, composites.marks, estimator.name, step)
