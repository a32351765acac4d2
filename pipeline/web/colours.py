"""Colours of grades and of the seafloor: perceptually even, readable by colour-blind people (Crameri 2018)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pipeline.web.packing import png_url

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ENTRIES = 254
"""Colours of a scale; two more palette entries mean nothing and below the cut-off."""

SD_COLOUR_MAP = "acton"
"""A scale of its own, so that an uncertainty is never taken for a grade."""

PROBABILITY_COLOUR_MAP = "lapaz"
"""One more, for shares of realisations."""


def colour_table(name: str) -> NDArray[np.uint8]:
    """(entries, 3) red, green, blue of a named scale, from low to high."""
    import matplotlib as mpl
    from cmcrameri import cm

    scale = cm.cmaps[name] if name in cm.cmaps else mpl.colormaps[name]
    return np.asarray(np.rint(scale(np.linspace(0.0, 1.0, ENTRIES))[:, :3] * 255), dtype=np.uint8)


def hex_text(table: NDArray[np.uint8]) -> str:
    """Six hexadecimal digits per colour, one after the other."""
    return table.tobytes().hex()


def nice_limits(values: Array) -> tuple[float, float]:
    """Round numbers that enclose the finite values closely, so that the colours are used.

    Examples
    --------
    >>> nice_limits(np.array([33.1, 118.0]))
    (30.0, 120.0)
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    span = high - low if high > low else max(abs(high), 1.0)
    magnitude = 10.0 ** math.floor(math.log10(span))
    step = next(share * magnitude for share in (0.1, 0.2, 0.5, 1.0) if share * magnitude >= span / 20)
    start = math.floor(low / step) * step
    return round(start, 10), round(max(math.ceil(high / step) * step, start + step), 10)


def grade_image(values_ppm: Array, limits_ppm: tuple[float, float], colour_map: str) -> str:
    """Picture of a raster as a data address: coloured between two limits, transparent where nothing is known."""
    low, high = limits_ppm
    known = np.isfinite(values_ppm)
    share = np.clip((np.where(known, values_ppm, low) - low) / (high - low), 0, 1)
    indices = np.where(known, 1 + np.rint(share * (ENTRIES - 1)), 0).astype(np.uint8)
    palette = np.zeros((ENTRIES + 1, 4), np.uint8)
    palette[1:, :3], palette[1:, 3] = colour_table(colour_map), 255
    return png_url(indices, palette)
