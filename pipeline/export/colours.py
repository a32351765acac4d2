"""Colours of bands, the same as on the maps: scale, ends and stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.artefacts import LEGENDS, Band
from pipeline.web.colours import PROBABILITY_COLOUR_MAP, SD_COLOUR_MAP, colour_table, nice_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

STOPS = 17
"""Stops of a scale in a style: between them a reader's straight line is within a colour step of the scale."""

# Scales of what the maps do not show; a grade has the one of the settings.
_SCALES: Final = {
    "sd": SD_COLOUR_MAP,
    "probability": PROBABILITY_COLOUR_MAP,
    "share": PROBABILITY_COLOUR_MAP,
    "density": "davos",
    "depth": "oslo",
    "slope": "bilbao",
    "year": "lajolla",
    "other": "grayC",
}
_CODES: Final = {
    "class": {0: "#d9d9d9", 1: "#fdae61", 2: "#abd9e9", 3: "#2c7bb6"},
    "reason": {0: "#f0f0f0", 1: "#bdbdbd", 2: "#969696", 3: "#fdae61", 4: "#abd9e9", 5: "#2c7bb6"},
}


@dataclass(frozen=True)
class Ramp:
    """A colour scale between two ends.

    Parameters
    ----------
    low, high : float
        Values at its ends.
    colours : list of (value, str)
        Stops from low to high, colours as ``#rrggbb``.
    """

    low: float
    high: float
    colours: list[tuple[float, str]]


def ramp_of(band: Band, values: Array, grade_scale: str, limits: tuple[float, float] | None = None) -> Ramp:
    """Scale of a band: its ends are round numbers around the values, 0 and 1 for probabilities.

    Parameters
    ----------
    band : Band
    values : array
    grade_scale : str
        Name of the scale of grades.
    limits : (low, high), optional
        Ends, where several bands share them.
    """
    if limits is None:
        limits = (0.0, 1.0) if band.kind == "probability" else nice_limits(np.asarray(values, dtype=np.float64))
    low, high = limits
    table = colour_table(grade_scale if band.kind == "grade" else _SCALES.get(band.kind, "grayC"))
    if band.kind in ("depth", "year"):  # deep water is dark; panels are mined from dark to pale
        table = table if band.kind == "year" else table[::-1]
    chosen = table[np.rint(np.linspace(0, len(table) - 1, STOPS)).astype(int)]
    return Ramp(low, high, [(float(value), hex_of(colour)) for value, colour in zip(np.linspace(low, high, STOPS), chosen, strict=True)])


def hex_of(colour: NDArray[np.uint8]) -> str:
    """``#rrggbb`` of three bytes."""
    return "#" + bytes(colour.tolist()).hex()


def legend_of(band: Band, names: Mapping[int, str]) -> dict[int, tuple[str, str]]:
    """Colour and label of each code of a band of codes.

    Parameters
    ----------
    band : Band
    names : mapping of int to str
        Names of codes that the file itself tells; used where the program knows none.
    """
    known = {code: f"{en} / {ja}" if en != ja else en for code, (en, ja) in LEGENDS.get(band.kind, {}).items()}
    labels = known or dict(names)
    colours = _CODES.get(band.kind) or distinct_colours(sorted(labels))
    return {code: (colours[code], label) for code, label in sorted(labels.items())}


def distinct_colours(codes: list[int]) -> dict[int, str]:
    """Colours that colour-blind people tell apart, as far as there are."""
    table = colour_table("batlow")
    return {code: hex_of(table[round((number + 0.5) / max(len(codes), 1) * (len(table) - 1))]) for number, code in enumerate(codes)}
