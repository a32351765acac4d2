"""Ratio of two estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def ratio_of_estimates(metal: Array, metal_variance: Array, mass: Array, mass_variance: Array, r: float) -> tuple[Array, Array]:
    r"""Ratio of two estimates and its first-order standard deviation (Cochran 1977, eq. 6.13).

    .. math:: \sigma_{A/R}^2 = (\sigma_A^2 + g^2 \sigma_R^2 - 2 g\, r\, \sigma_A \sigma_R) / R^2, \quad g = A / R

    A negative grade, which kriging weights can produce in barren mud, is set to zero.

    Parameters
    ----------
    metal, metal_variance : arrays
        The numerator A.
    mass, mass_variance : arrays
        The denominator R.
    r : float
        Correlation of the errors of the two.

    Returns
    -------
    ratio, sd : arrays
    """
    # ASSUME: a kriged grade below zero means barren.
    grade = np.maximum(metal, 0.0) / mass
    variance = metal_variance + grade**2 * mass_variance - 2 * grade * r * np.sqrt(metal_variance * mass_variance)
    return grade, np.sqrt(np.maximum(variance, 0.0)) / mass
