r"""Rare earths against their neighbours in the shale-normalised pattern.

Divided by their content in average shale, the rare earths of a sediment lie on a smooth curve over the atomic number :math:`z`, apart from cerium and
europium, which change valence. An element is compared with what its neighbours on both sides suggest, on a straight line through their logarithms
(Lawrence et al. 2006, Aquatic Geochemistry 12:39, use such lines for anomalies):

.. math:: \ln x^*_N = \frac{(z_r - z)\,\ln l_N + (z - z_l)\,\ln r_N}{z_r - z_l}, \qquad x_N = x / x_{shale}

A ratio :math:`x / x^*` far from 1 is a mistake of unit or column more often than nature, but seawater leaves true anomalies of La and Gd behind, so
it is mentioned and never refused. Nothing is extrapolated.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.intake.row_groups import core_numbers, counted, joined, listed, numbers, shortened, texts
from pipeline.units import oxide_name, oxide_per_element

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Indices = NDArray[np.intp]

SHALE_PPM: Final[Mapping[str, float]] = MappingProxyType(
    {
        "la": 38.2,
        "ce": 79.6,
        "pr": 8.83,
        "nd": 33.9,
        "sm": 5.55,
        "eu": 1.08,
        "gd": 4.66,
        "tb": 0.774,
        "dy": 4.68,
        "ho": 0.991,
        "er": 2.85,
        "tm": 0.405,
        "yb": 2.82,
        "lu": 0.433,
    }
)
"""Post-Archean Australian average shale (PAAS), ppm: McLennan 1989, Reviews in Mineralogy 21:169."""

_NUMBER: Final[Mapping[str, int]] = MappingProxyType(
    {
        "la": 57,
        "ce": 58,
        "pr": 59,
        "nd": 60,
        "sm": 62,
        "eu": 63,
        "gd": 64,
        "tb": 65,
        "dy": 66,
        "ho": 67,
        "er": 68,
        "tm": 69,
        "yb": 70,
        "lu": 71,
    }
)
_CHANGES_VALENCE: Final = ("ce", "eu")
# A straight line over a longer way would measure the bend of the pattern: gd reaches sm (2) and tb, dy reaches tb and ho.
_REACH = 3
_POWERS: Final = MappingProxyType(
    {
        1e-4: "10,000 times too low: is it in wt%, or divided twice?",
        1e-3: "1,000 times too low: is it in g/kg?",
        1e3: "1,000 times too high: is it in ppb?",
        1e4: "10,000 times too high: was ppm taken for wt%?",
    }
)
_NEAR_POWER = 1.5
_NEAR_OXIDE = 1.03


def neighbours(element: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Elements that an element may be compared with, below and above it in atomic number, the preferred ones first.

    The nearest comes first, and cerium and europium last: they have anomalies of their own.

    Examples
    --------
    >>> neighbours("dy")
    (('tb', 'gd', 'eu'), ('ho', 'er', 'tm'))
    >>> neighbours("gd")
    (('sm', 'eu'), ('tb', 'dy', 'ho'))
    """
    if element not in _NUMBER:
        return (), ()
    near = [other for other in _NUMBER if 0 < abs(_NUMBER[other] - _NUMBER[element]) <= _REACH]
    near.sort(key=lambda other: (other in _CHANGES_VALENCE, abs(_NUMBER[other] - _NUMBER[element])))
    below = tuple(other for other in near if _NUMBER[other] < _NUMBER[element])
    return below, tuple(other for other in near if other not in below)


def pattern_ratio(frame: pd.DataFrame, element: str) -> tuple[Array, Array, Array]:
    """Grade of an element over what its neighbours suggest.

    Parameters
    ----------
    frame : DataFrame
        Columns ``<element>_ppm``; what is missing or zero in a row is no neighbour there.
    element : str

    Returns
    -------
    ratio : (rows,) array
        NaN where the element or a neighbour on either side is missing.
    below, above : (rows,) arrays
        Atomic numbers of the neighbours; NaN where there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> mud = pd.DataFrame({"tb_ppm": [7.74], "dy_ppm": [93.6], "ho_ppm": [9.91]})
    >>> pattern_ratio(mud, "dy")[0].round(6).tolist()
    [2.0]
    """
    log_below, below = _nearest(frame, neighbours(element)[0])
    log_above, above = _nearest(frame, neighbours(element)[1])
    number = _NUMBER.get(element, np.nan)
    expected = ((above - number) * log_below + (number - below) * log_above) / (above - below)
    return np.asarray(np.exp(_log_normalised(frame, element) - expected)), below, above


def _log_normalised(frame: pd.DataFrame, element: str) -> Array:
    grade_ppm = numbers(frame, f"{element}_ppm")
    return np.log(np.where(grade_ppm > 0, grade_ppm, np.nan) / SHALE_PPM.get(element, np.nan))


def _nearest(frame: pd.DataFrame, candidates: Sequence[str]) -> tuple[Array, Array]:
    """Logarithm and atomic number of the first candidate that each row has."""
    logarithm, number = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    for element in candidates:
        if f"{element}_ppm" in frame:
            own = _log_normalised(frame, element)
            fills = np.isnan(logarithm) & ~np.isnan(own)
            logarithm[fills], number[fills] = own[fills], _NUMBER[element]
    return logarithm, number


def pattern(frame: pd.DataFrame, factor: float, elements: Sequence[str] = ("dy", "gd")) -> tuple[str, ...]:
    """Elements that differ from their neighbours by more than a factor, with what that suggests: one line per element and suggestion.

    Parameters
    ----------
    frame : DataFrame
        Accepted rows.
    factor : float
        ``[intake] pattern_factor``, above 1.
    elements : sequence of str
        Those without a place in the pattern are passed over.

    Returns
    -------
    tuple of str
        Each names at most twenty rows, by core, file and row, and then counts.
    """
    found = {element: pattern_ratio(frame, element) for element in elements if element in _NUMBER}
    odd = {element: (ratio > factor) | (ratio < 1 / factor) for element, (ratio, _, _) in found.items()}
    said = []
    for element, (ratio, below, above) in found.items():
        rows = np.flatnonzero(odd[element])
        if not rows.size:
            continue
        suggestions = _suggestions(element, ratio[rows], _companions(element, found, odd, rows))
        said += [
            _line(frame, element, factor, rows[suggestions == suggestion], (ratio, below, above), suggestion)
            for suggestion in dict.fromkeys(suggestions.tolist())
        ]
    return tuple(said)


def _companions(
    element: str, found: Mapping[str, tuple[Array, Array, Array]], odd: Mapping[str, Flags], rows: Indices
) -> dict[str, NDArray[np.int8]]:
    """For each other element in these rows: 1 where it is off the same way, -1 where it is off as much the opposite way, 0 elsewhere."""
    own = np.log(found[element][0][rows])
    ways = {}
    for other in found:
        if other != element:
            beside = np.log(np.where(odd[other][rows], found[other][0][rows], 1.0))
            # Each of two swapped columns is off by what they differ in, so that the ratios multiply to one.
            swapped = (own * beside < 0) & (np.abs(own + beside) <= np.log(_NEAR_POWER))
            ways[other] = (own * beside > 0).astype(np.int8) - swapped.astype(np.int8)
    return ways


def _suggestions(element: str, ratio: Array, companions: Mapping[str, NDArray[np.int8]]) -> NDArray[np.object_]:
    """What each ratio suggests; what says most stands last, and so wins."""
    said = np.full(ratio.size, "Is the value, or a neighbour's, mistyped?", dtype=object)
    for other, way in companions.items():
        first, second = sorted((element, other))
        said[way > 0] = f"{first} and {second} are off the same way: is a neighbour of both wrong?"
        said[way < 0] = f"{first} and {second} are off in opposite ways: are their columns swapped?"
    oxide = oxide_per_element(element)
    if oxide is not None:
        said[_near(ratio, oxide, _NEAR_OXIDE)] = f"{oxide_name(element)} weighs {oxide:.3f} times its {element}: was oxide taken for element?"
        said[_near(ratio, 1 / oxide, _NEAR_OXIDE)] = f"{oxide_name(element)} weighs {oxide:.3f} times its {element}: was it converted twice?"
    for power, cause in _POWERS.items():
        said[_near(ratio, power, _NEAR_POWER)] = f"About {cause}"
    return said


def _near(ratio: Array, value: float, factor: float) -> Flags:
    return np.asarray(np.abs(np.log(ratio / value)) <= np.log(factor))


def _line(frame: pd.DataFrame, element: str, factor: float, rows: Indices, found: tuple[Array, Array, Array], suggestion: str) -> str:
    ratio, below, above = found
    names, files, row_numbers = texts(frame, "core_id"), texts(frame, "source_file"), frame["source_row"].to_numpy()
    symbols = {number: symbol for symbol, number in _NUMBER.items()}

    def where(row: int) -> str:
        beside = joined(symbols[int(number)] for number in (below[row], above[row]))
        return f"{shortened(names[row])} ({files[row]} row {row_numbers[row]}: {ratio[row]:.3g} times what {beside} suggest)"

    cores = np.unique(core_numbers(frame)[rows]).size
    how = f"{element}_ppm is off its shale-normalised neighbours by more than a factor of {factor:g} ([intake] pattern_factor)"
    used = {symbols[int(number)] for number in np.unique(np.concatenate([below[rows], above[rows]]))} & set(_CHANGES_VALENCE)
    caveat = f" ({joined(sorted(used))} may have an anomaly of its own)" if used else ""
    return f"{how} in {counted(rows.size, 'sample')} of {counted(cores, 'core')}: {listed(rows.tolist(), where)}. {suggestion}{caveat}"


def pattern_checked(frame: pd.DataFrame, element: str) -> str:
    """Whether an element could be compared: ``checked``, in how many samples, or which columns that needs."""
    if element not in _NUMBER:
        return "not checked, it is no lanthanide"
    known = np.isfinite(pattern_ratio(frame, element)[0])
    if known.size and known.all():
        return "checked"
    if known.any():
        return f"checked in {int(known.sum()):,} of {counted(known.size, 'sample')}"
    below, above = neighbours(element)
    if not below or not above:
        return "not checked, it stands at the end of the pattern"
    return f"not checked, needs {joined(below, 'or')}, and {joined(above, 'or')}, in the same sample"
