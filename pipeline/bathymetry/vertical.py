"""Which way is up, and in which unit: what a file, its coordinate system and the ``.toml`` beside it say. Nothing is guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from pipeline.errors import BathymetryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from pyproj import CRS

    from pipeline.bathymetry.side_file import SideFile

    Array = NDArray[np.float64]

Direction = Literal["up", "down"]

_METRES_PER_UNIT: Final[Mapping[str, float]] = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("km", "kilometre", "kilometres", "kilometer", "kilometers"), 1000.0),
    **dict.fromkeys(("dm", "decimetre", "decimetres", "decimeter", "decimeters"), 0.1),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimeter", "centimeters"), 0.01),
    **dict.fromkeys(("ft", "foot", "feet"), 0.3048),
    **dict.fromkeys(("us survey foot", "us survey feet", "ftus"), 1200 / 3937),
    **dict.fromkeys(("fathom", "fathoms"), 1.8288),
}

_SHALLOWEST_CLEAR_M = 12.0
"""Below it, numbers without a unit may be kilometres as well as metres."""

_WORDS: Final[Mapping[Direction, str]] = {
    "up": r"\b(elevations?|heights?|altitudes?|positive up|up)\b",
    "down": r"\b(depths?|positive down|down)\b",
}


@dataclass(frozen=True)
class Vertical:
    """What is said about the vertical, by the place where it is said.

    Parameters
    ----------
    units : dict of str to str
    directions : dict of str to {"up", "down"}
    stated_by_a_person : bool
        Whether the ``.toml`` gives the direction.
    silence_means_heights : bool
        Whether values that are never positive count as heights where nothing is said.
    """

    units: dict[str, str] = field(default_factory=dict)
    directions: dict[str, Direction] = field(default_factory=dict)
    stated_by_a_person: bool = False
    silence_means_heights: bool = False

    def metres_per_unit(self, name: str, values: Array) -> float:
        """Factor to metres.

        Raises
        ------
        BathymetryError
            A unit is unknown, two contradict each other, or there is none and two are as likely.
        """
        factors = {place: _metres_in(name, place, word) for place, word in self.units.items()}
        if len(set(factors.values())) > 1:
            said = ", ".join(f"{place} {word!r}" for place, word in self.units.items())
            msg = f"{name}: units contradict each other: {said}. Correct the wrong one."
            raise BathymetryError(msg)
        if factors:
            return next(iter(factors.values()))
        # ASSUME: a depth grid without a unit is in metres, as GEBCO, ETOPO and GMT write them, unless kilometres are as likely.
        largest = float(np.nanmax(np.abs(values)))
        if 0 < largest < _SHALLOWEST_CLEAR_M:
            msg = f'{name}: values reach {largest:g} and no unit is given: metres or kilometres? Set its unit, or unit = "m" in its .toml.'
            raise BathymetryError(msg)
        return 1.0

    def sign(self, name: str, values: Array) -> float:
        """+1 where values are heights, -1 where they are depths.

        Raises
        ------
        BathymetryError
            Nothing says which, or two sayings, or a saying and the values, contradict each other.
        """
        lowest, highest = float(np.nanmin(values)), float(np.nanmax(values))
        runs = f"values run from {lowest:g} to {highest:g}"
        if len(set(self.directions.values())) > 1:
            said = ", ".join(f"{place} says {direction}" for place, direction in self.directions.items())
            msg = f"{name}: the direction of its values is contradictory: {said}. Correct the wrong one."
            raise BathymetryError(msg)
        if not self.directions:
            if self.silence_means_heights and highest <= 0:
                return 1.0  # a depth below zero is no depth
            msg = (
                f"{name} does not say whether its values are depths or heights. Set standard_name to height_above_mean_sea_level, "
                'or positive to down (GeoTIFF: the band description to elevation or depth), or write vertical = "elevation" or "depth" in its .toml'
                f" ({runs})."
            )
            raise BathymetryError(msg)
        said = " and ".join(self.directions)
        if "up" in self.directions.values():
            # ASSUME: a grid of nothing but heights above the sea is one of depths, unless a person says beside it that it is land.
            if lowest > 0 and not self.stated_by_a_person:
                msg = f'{name}: {said} says heights, positive up, but {runs}: no sea. Correct it; for land write vertical = "elevation" in its .toml.'
                raise BathymetryError(msg)
            return 1.0
        # ASSUME: a depth grid holds more water than land, unless a person says beside it that its values are depths.
        mostly_below = np.count_nonzero(values < 0) > np.count_nonzero(values > 0)
        if highest < 0 or (mostly_below and not self.stated_by_a_person):
            msg = f"{name}: {said} says depths, positive down, but {runs}, mostly below zero like heights. Correct it, or say so in its .toml."
            raise BathymetryError(msg)
        return -1.0


def vertical_of(name: str, attributes: Mapping[str, str], crs: CRS | None, side: SideFile, *, silence_means_heights: bool) -> Vertical:
    """Collect what is said.

    Parameters
    ----------
    name : str
        File, for messages.
    attributes : mapping of str to str
        ``units``, ``unit of the band``, ``positive``, ``standard_name``, ``long_name`` and ``description``, where the file has them.
    crs : pyproj.CRS or None
        As the file has it; a compound one has a vertical axis of its own.
    side : SideFile
    silence_means_heights : bool

    Raises
    ------
    BathymetryError
        A word that must say a direction says none.
    """
    units = {key: attributes[key] for key in ("units", "unit of the band") if key in attributes}
    if side.unit:
        units["unit in its .toml"] = side.unit
    said = {key: _direction(attributes.get(key, "")) for key in ("standard_name", "long_name", "description")}
    said["positive"] = _required(name, "positive", attributes.get("positive", ""))
    written = {"vertical in its .toml": side.vertical, "positive in its .toml": side.positive}
    beside = {place: _required(name, place, text) for place, text in written.items()}
    if crs is not None and crs.is_compound and crs.sub_crs_list and crs.sub_crs_list[-1].is_vertical:
        axis = crs.sub_crs_list[-1].axis_info[0]
        units["unit of its vertical coordinate system"] = axis.unit_name
        said["its vertical coordinate system"] = _direction(axis.direction)
    return Vertical(
        units,
        {place: direction for place, direction in {**said, **beside}.items() if direction is not None},
        any(beside.values()),
        silence_means_heights,
    )


def _direction(text: str) -> Direction | None:
    """What the words of a name or sentence say, if it is one thing."""
    words = text.lower().replace("_", " ")
    found = [direction for direction, pattern in _WORDS.items() if re.search(pattern, words)]
    return found[0] if len(found) == 1 else None


def _required(name: str, place: str, text: str) -> Direction | None:
    direction = _direction(text)
    if text.strip() and direction is None:
        msg = f"{name}: {place} is {text[:80]!r}, which does not say elevation (up) or depth (down), or says both. Write one of the words."
        raise BathymetryError(msg)
    return direction


def _metres_in(name: str, place: str, word: str) -> float:
    plain = " ".join(word.lower().replace("_", " ").split())
    if plain not in _METRES_PER_UNIT:
        msg = f"{name}: {place} is {word[:40]!r}, no unit of depth known here (m, km, dm, cm, ft, us survey foot, fathom). Convert to metres."
        raise BathymetryError(msg)
    return _METRES_PER_UNIT[plain]
