"""Whole numbers of steps: what a raster of grades or probabilities holds, rounded once, when it is made.

A value on a step is the float64 nearest to its decimal number (``3 / 10``, not ``3 * 0.1``), so that it compares with a cut-off of the settings as
the decimal numbers do. Files hold float32, in which few decimal numbers exist: there a value is the lowest float32 that is not below its decimal
number. Then ``value >= cutoff`` means the same in the file as for the decimal numbers, for every reader, in float32 or in float64; the float32
nearest to 0.7 would lie below 0.7. ``round(value / step)`` gives the whole number back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

STEP_PPM: Final = 0.1
"""Step of grades, wherever it suits them."""

STEP_PROBABILITY: Final = 0.002
"""Step of probabilities: one of 500 realisations."""

_SPAN = 5.0  # times the highest composite: the percentiles of the simulation reach so far, and no farther
_MOST_STEPS = 65_000  # 16 bits, with room for a mark of what is missing
_FEWEST_STEPS = 1_000  # up to the highest composite


def step_ppm_of(highest_ppm: float) -> float:
    """Step of the grades of an element with this highest composite: a power of ten that every raster of the element shares.

    It is 0.1 ppm, or more where five times the highest composite would be more than 65,000 steps, or less where the highest composite would be fewer
    than 1,000 steps. Without a grade above zero it is 0.1 ppm.

    Examples
    --------
    >>> [step_ppm_of(highest_ppm) for highest_ppm in (12.0, 183.0, 8000.0)]
    [0.01, 0.1, 1.0]
    """
    if not (np.isfinite(highest_ppm) and highest_ppm > 0):
        return STEP_PPM
    power = -1
    while _SPAN * highest_ppm * 10.0**-power >= _MOST_STEPS:
        power += 1
    while highest_ppm * 10.0**-power < _FEWEST_STEPS:
        power -= 1
    return float(f"1e{power}")


def on_steps(values: NDArray[Any], step: float) -> Array:
    """Values rounded to whole numbers of steps, each the float64 nearest to its decimal number; NaN stays NaN.

    Parameters
    ----------
    values : array
    step : float
        A whole number, or one over a whole number.

    Examples
    --------
    >>> on_steps(np.array([0.26, np.nan]), 0.1).tolist()
    [0.3, nan]
    """
    wide = np.asarray(values, dtype=np.float64)
    if step >= 1:
        return np.asarray(np.rint(wide / step) * step)
    per_unit = float(round(1 / step))
    # Divided, not multiplied by the step: a quotient of whole numbers is the float64 nearest to the decimal number.
    return np.asarray(np.rint(wide * per_unit) / per_unit)


def not_below(values: NDArray[Any]) -> NDArray[np.float32]:
    """The lowest float32 that is not below each value: what files hold of values on steps."""
    wide = np.asarray(values, dtype=np.float64)
    near = wide.astype(np.float32)
    return np.where(near < wide, np.nextafter(near, np.float32(np.inf)), near)
