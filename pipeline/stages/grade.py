"""Interpolate the grade of one element in three dimensions below the seafloor.

Accumulation (grade x density) is kriged by block and divided by the kriged density (Journel & Huijbregts 1978, p. 318): averaging grades over unequal
masses would be wrong where density follows grade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import DENSITY, Composites, CrossValidation, Density, Grade, JointModel, Seafloor, Variogram, on_steps
from pipeline.config import GradeSettings
from pipeline.field import cell_drift, correlation, estimated_cells, kriging_of, step_ppm, variogram_of
from pipeline.grid import require_same_grid

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
) -> Grade:
    """Estimate grade and its standard deviation in every block, and the mass-weighted mean over the interval, in whole steps.

    Accumulation is kriged with the estimator that cross-validation chose; density by ordinary kriging.
    """
    grid, layers = require_same_grid(seafloor.grid, density.grid), seafloor.layers
    variogram = next(variogram for variogram in variograms if variogram.subject != DENSITY)
    density_variogram = variogram_of(variograms, DENSITY)
    # ASSUME: the errors of accumulation and density at a block correlate as their residuals do in the composites (intrinsic correlation).
    r = 0.0 if density_variogram.model is None else correlation(composites, grid, variogram, density_variogram)
    estimator = cross_validation.estimator(variogram.subject)
    cells = estimated_cells(composites, seafloor, settings.max_distance_spacings, estimator.drift)
    easting_m, northing_m = (axis[cells] for axis in grid.centres_m())
    kriging = kriging_of(composites, variogram, seafloor, settings.block_nodes, estimator, joint)
    blocks, sums = kriging.columns(easting_m, northing_m, cell_drift(seafloor, estimator.drift, cells))
    estimated = kriging.layers
    layer_ppm, layer_sd_ppm = (np.full((layers.count, *grid.shape), np.nan) for _ in range(2))
    mean_ppm, sd_ppm, slope = (np.full(grid.shape, np.nan) for _ in range(3))
    known_density = density_variogram.model is not None
    for index, layer in enumerate(estimated):
        rho, rho_sd = density.layer_t_m3[layer, cells], density.layer_sd_t_m3[layer, cells]
        # ASSUME: a prior density is one factor for the whole deposit: it scales accumulation and mass alike and leaves grade alone.
        layer_ppm[layer, cells], layer_sd_ppm[layer, cells] = _ratio(
            blocks.value[:, index], blocks.variance[:, index], rho, rho_sd**2 if known_density else np.zeros_like(rho), r
        )
    mass = density.layer_t_m3[estimated][:, cells].sum(axis=0)
    mass_variance = (density.column_sd_t_m3[cells] * estimated.size) ** 2 if known_density else np.zeros_like(mass)
    mean_ppm[cells], sd_ppm[cells] = _ratio(sums.value, sums.variance, mass, mass_variance, r)
    slope[cells] = sums.slope_of_regression
    step = step_ppm(composites, variogram.subject)
    mean_ppm, sd_ppm, layer_ppm, layer_sd_ppm = (on_steps(values, step) for values in (mean_ppm, sd_ppm, layer_ppm, layer_sd_ppm))
    return Grade(variogram.subject, grid, layers, mean_ppm, sd_ppm, layer_ppm, layer_sd_ppm, slope, composites.marks, estimator.name, step)


def _ratio(metal: Array, metal_variance: Array, mass: Array, mass_variance: Array, r: float) -> tuple[Array, Array]:
    r"""Ratio of two estimates and its first-order standard deviation (Cochran 1977, eq. 6.13).

    .. math:: \sigma_{A/R}^2 = (\sigma_A^2 + g^2 \sigma_R^2 - 2 g\, r\, \sigma_A \sigma_R) / R^2, \quad g = A / R

    A negative grade, which kriging weights can produce in barren mud, is set to zero.
    """
    # ASSUME: a kriged grade below zero means barren.
    grade = np.maximum(metal, 0.0) / mass
    variance = metal_variance + grade**2 * mass_variance - 2 * grade * r * np.sqrt(metal_variance * mass_variance)
    return grade, np.sqrt(np.maximum(variance, 0.0)) / mass
