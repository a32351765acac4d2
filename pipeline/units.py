"""Conversion factors between the units that people write and the ones we compute in.

Inside: metres, square metres, cubic metres, tonnes, ppm of dry mass (1 ppm = 1 g/t), and for accumulation g/m³
(grade x dry bulk density: ppm x t/m³ = g/m³).
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

TONNE_PER_GRAM: Final = 1e-6
"""Metal in tonnes = accumulation in g/m³ x volume in m³ x this; also dry mud in tonnes x grade in ppm x this."""

KM2_PER_M2: Final = 1e-6

METRES_PER_NAUTICAL_MILE: Final = 1852.0

METRES_PER_DEGREE: Final = 111_195.0
"""Of latitude on a sphere of the mean Earth radius, 6,371,009 m: for tolerances and slopes, never for areas or distances in products."""

_OXYGEN: Final = 15.999
_OXIDES: Final = MappingProxyType(
    {
        # element: (name of the oxide, atomic mass in g/mol, atoms of the element, atoms of oxygen)
        "y": ("Y2O3", 88.905838, 2, 3),
        "la": ("La2O3", 138.90547, 2, 3),
        "ce": ("CeO2", 140.116, 1, 2),
        "pr": ("Pr6O11", 140.90766, 6, 11),
        "nd": ("Nd2O3", 144.242, 2, 3),
        "sm": ("Sm2O3", 150.36, 2, 3),
        "eu": ("Eu2O3", 151.964, 2, 3),
        "gd": ("Gd2O3", 157.249, 2, 3),
        "tb": ("Tb2O3", 158.925354, 2, 3),
        "dy": ("Dy2O3", 162.500, 2, 3),
        "ho": ("Ho2O3", 164.930329, 2, 3),
        "er": ("Er2O3", 167.259, 2, 3),
        "tm": ("Tm2O3", 168.934219, 2, 3),
        "yb": ("Yb2O3", 173.045, 2, 3),
        "lu": ("Lu2O3", 174.96669, 2, 3),
        "sc": ("Sc2O3", 44.955907, 2, 3),
    }
)
"""Atomic masses: IUPAC Commission on Isotopic Abundances and Atomic Weights, abridged standard values 2021 and later."""


def oxide_name(element: str) -> str | None:
    """Chemical formula of the oxide in which the element is traded, ``None`` where none is agreed on here."""
    return _OXIDES[element][0] if element in _OXIDES else None


def oxide_per_element(element: str) -> float | None:
    r"""Mass of oxide per mass of element, ``None`` for an element without an oxide convention here.

    .. math:: f = \frac{n_M A_M + n_O A_O}{n_M A_M}

    Examples
    --------
    >>> round(oxide_per_element("dy"), 5), round(oxide_per_element("nd"), 5)
    (1.14768, 1.16638)
    >>> oxide_per_element("zn") is None
    True
    """
    if element not in _OXIDES:
        return None
    _, atomic_mass, metals, oxygens = _OXIDES[element]
    return 1.0 + oxygens * _OXYGEN / (metals * atomic_mass)


_FORMULA = re.compile(r"([a-z]{1,2}?)(\d*)o(\d*)")


def oxide_of_formula(formula: str) -> tuple[str, float] | None:
    """Element of an oxide's formula and mass of oxide per mass of element; ``None`` for what is no oxide of a known element.

    Parameters
    ----------
    formula : str
        In any case, with at least one digit: ``Dy2O3``, ``CeO2``, ``Tb4O7``, also where another oxide is the traded one.

    Examples
    --------
    >>> element, factor = oxide_of_formula("Tb4O7")
    >>> element, round(factor, 5)
    ('tb', 1.17617)
    >>> oxide_of_formula("ho") is None
    True
    """
    found = _FORMULA.fullmatch(formula.lower())
    if found is None or found[1] not in _OXIDES or not (found[2] or found[3]):
        return None
    atomic_mass = _OXIDES[found[1]][1]
    return found[1], 1.0 + int(found[3] or 1) * _OXYGEN / (int(found[2] or 1) * atomic_mass)


RARE_EARTHS: Final = frozenset(_OXIDES) - {"sc"}
"""The lanthanides and yttrium."""
