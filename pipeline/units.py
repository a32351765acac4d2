"""Conversion factors between the units that people write and the ones we compute in.

Inside: metres, square metres, cubic metres, tonnes, ppm of dry mass (1 ppm = 1 g/t), and for accumulation g/m³
(grade x dry bulk density: ppm x t/m³ = g/m³).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

Basis = Literal["wet", "dry"]
"""Whether tonnes of mud are those of wet mud as it lies, pore water included, or of its dry, salt-free grains."""

BASES: Final[tuple[Basis, ...]] = ("dry", "wet")
"""Nobody says which the published rates of mud are: everything is told for both."""

Amount = TypeVar("Amount", "float", "NDArray[np.float64]")
"""A number or an array of numbers; what goes in comes out."""

TONNE_PER_GRAM: Final = 1e-6
KG_PER_TONNE: Final = 1000.0
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
    """Chemical formula of the oxide in which the element is traded, ``None`` where none is agreed on here; ``REO`` for a group of rare earths."""
    return _OXIDES[element][0] if element in _OXIDES else _GROUP_OXIDES.get(element)


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


def oxide_per_group(grades_ppm: Mapping[str, float]) -> float | None:
    r"""Mass of the traded oxides of several elements per mass of the elements, at their pattern; ``None`` where one has none or they weigh nothing.

    .. math:: F = \frac{\sum_i f_i g_i}{\sum_i g_i}

    Parameters
    ----------
    grades_ppm : mapping of str to float
        Grade of each element; only ratios matter.

    Examples
    --------
    >>> round(oxide_per_group({"ce": 1.0, "y": 1.0}), 5)
    1.24915
    """
    factors = {element: oxide_per_element(element) for element in grades_ppm}
    total = sum(grades_ppm.values())
    known = {element: factor for element, factor in factors.items() if factor is not None}
    if not total > 0 or len(known) < len(factors):
        return None
    return sum(factor * grades_ppm[element] for element, factor in known.items()) / total


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

GROUPS: Final = MappingProxyType({"rey": RARE_EARTHS, "ree": RARE_EARTHS - {"y"}})
"""Sums of elements that are assayed, mapped and assessed like one: all rare earths with yttrium, and the lanthanides alone."""

_GROUP_OXIDES: Final = MappingProxyType({"rey": "REO", "ree": "REO"})


# --- mud, metal, oxide, time ------------------------------------------------------------------------------------------------------------------------
# Every argument is named where it is given, its unit last: a tonne of wet mud cannot stand unseen where a dry one is meant.


@dataclass(frozen=True)
class Pores:
    r"""What wet mud is made of: grains, and pores full of seawater.

    With :math:`\rho_d` the dry mass by volume of wet mud, the porosity, the wet bulk density and the dry share of the wet mass are

    .. math:: \phi = 1 - \rho_d / \rho_g, \qquad \rho_w = \rho_d + \phi\,\rho_s, \qquad d = \rho_d / \rho_w

    (phase relations of a saturated soil; Lambe & Whitman 1969, Soil Mechanics, ch. 3). The salt of the pore water counts as water:
    dry means salt-free. NaN stays NaN. They hold for mud that is lighter than its grains.

    Parameters
    ----------
    grain_density_t_m3 : float
    seawater_density_t_m3 : float
        Lighter than the grains.
    """

    grain_density_t_m3: float
    seawater_density_t_m3: float

    def porosity(self, *, dry_bulk_density_t_m3: Amount) -> Amount:
        """Share of the volume that is water.

        Examples
        --------
        >>> round(Pores(2.5, 1.03).porosity(dry_bulk_density_t_m3=0.55), 6)
        0.78
        """
        return 1 - dry_bulk_density_t_m3 / self.grain_density_t_m3

    def wet_bulk_density_t_m3(self, *, dry_bulk_density_t_m3: Amount) -> Amount:
        """Mass of wet mud by its volume.

        Examples
        --------
        >>> round(Pores(2.5, 1.03).wet_bulk_density_t_m3(dry_bulk_density_t_m3=0.55), 6)
        1.3534
        """
        return dry_bulk_density_t_m3 + self.porosity(dry_bulk_density_t_m3=dry_bulk_density_t_m3) * self.seawater_density_t_m3

    def dry_share(self, *, dry_bulk_density_t_m3: Amount) -> Amount:
        """Dry mass over wet mass of the same mud.

        Examples
        --------
        >>> round(Pores(2.5, 1.03).dry_share(dry_bulk_density_t_m3=0.55), 6)
        0.406384
        """
        return dry_bulk_density_t_m3 / self.wet_bulk_density_t_m3(dry_bulk_density_t_m3=dry_bulk_density_t_m3)

    def wet_mud_t(self, *, dry_mud_t: Amount, dry_bulk_density_t_m3: Amount) -> Amount:
        """Wet mass of mud whose dry mass is given.

        Examples
        --------
        >>> round(Pores(2.5, 1.03).wet_mud_t(dry_mud_t=550.0, dry_bulk_density_t_m3=0.55), 6)
        1353.4
        """
        return dry_mud_t / self.dry_share(dry_bulk_density_t_m3=dry_bulk_density_t_m3)

    def dry_mud_t(self, *, wet_mud_t: Amount, dry_bulk_density_t_m3: Amount) -> Amount:
        """Dry mass of mud whose wet mass is given.

        Examples
        --------
        >>> round(Pores(2.5, 1.03).dry_mud_t(wet_mud_t=1353.4, dry_bulk_density_t_m3=0.55), 6)
        550.0
        """
        return wet_mud_t * self.dry_share(dry_bulk_density_t_m3=dry_bulk_density_t_m3)

    def bulk_density_t_m3(self, basis: Basis, *, dry_bulk_density_t_m3: Amount) -> Amount:
        """Mass by volume of wet mud, counted on a basis: what a rate of mud on that basis is divided by to give a volume."""
        return dry_bulk_density_t_m3 if basis == "dry" else self.wet_bulk_density_t_m3(dry_bulk_density_t_m3=dry_bulk_density_t_m3)


def t_year_of_rate(*, rate_t_day: float, days_year: float) -> float:
    """Tonnes in a year at so many tonnes a day of operation.

    Examples
    --------
    >>> t_year_of_rate(rate_t_day=3500.0, days_year=330.0)
    1155000.0
    """
    return rate_t_day * days_year


def t_day_of_rate(*, rate_t_year: float, days_year: float) -> float:
    """Tonnes a day of operation at so many tonnes a year.

    Examples
    --------
    >>> t_day_of_rate(rate_t_year=1155000.0, days_year=330.0)
    3500.0
    """
    return rate_t_year / days_year


def mud_volume_m3(*, dry_mud_t: Amount, dry_bulk_density_t_m3: Amount) -> Amount:
    """Volume in place of mud whose dry mass is given.

    Examples
    --------
    >>> mud_volume_m3(dry_mud_t=1155000.0, dry_bulk_density_t_m3=0.55)
    2100000.0
    """
    return dry_mud_t / dry_bulk_density_t_m3


def seabed_area_km2(*, volume_m3: Amount, thickness_m: Amount) -> Amount:
    """Seabed from which a volume comes where mud of one thickness is taken.

    Examples
    --------
    >>> seabed_area_km2(volume_m3=2100000.0, thickness_m=10.0)
    0.21
    """
    return volume_m3 / thickness_m * KM2_PER_M2


def metal_t_of(*, dry_mud_t: Amount, grade_ppm: Amount) -> Amount:
    """Mass of an element in mud; its grade is in ppm of dry mass.

    Examples
    --------
    >>> round(metal_t_of(dry_mud_t=1155000.0, grade_ppm=35.0), 9)
    40.425
    """
    return dry_mud_t * grade_ppm * TONNE_PER_GRAM


def grade_ppm_of(*, metal_t: Amount, dry_mud_t: Amount) -> Amount:
    """Mass of an element by mass of dry mud.

    Examples
    --------
    >>> round(grade_ppm_of(metal_t=40.425, dry_mud_t=1155000.0), 9)
    35.0
    """
    return metal_t / dry_mud_t / TONNE_PER_GRAM


def oxide_t_of(element: str, *, metal_t: Amount) -> Amount | None:
    """Mass of the traded oxide that holds a mass of an element; ``None`` for an element without an oxide convention here.

    Examples
    --------
    >>> round(oxide_t_of("dy", metal_t=40.425), 4)
    46.3951
    """
    factor = oxide_per_element(element)
    return None if factor is None else metal_t * factor


def metal_t_of_oxide(element: str, *, oxide_t: Amount) -> Amount | None:
    """Mass of an element in a mass of its traded oxide; ``None`` for an element without an oxide convention here.

    Examples
    --------
    >>> round(metal_t_of_oxide("dy", oxide_t=46.3951), 3)
    40.425
    """
    factor = oxide_per_element(element)
    return None if factor is None else oxide_t / factor


_TONNES: Final = {"kg": 1e-3, "t": 1.0, "kt": 1e3, "Mt": 1e6}
_MASS_UNIT = re.compile(r"(kg|t|kt|Mt)(?: ([A-Za-z0-9]+))?(?:/(year|month))?")


@dataclass(frozen=True)
class MassUnit:
    """Unit of a published mass: of what, and in which time.

    Parameters
    ----------
    tonnes : float
        In one of it.
    element : str or None
        Symbol in lower case; ``None`` where the unit does not say of what, or all rare earths are meant.
    per_element : float
        Mass of the substance by mass of the element in it: above 1 for an oxide.
    is_all_rare_earths : bool
        Oxides of all rare earths together (REO).
    period : str
        ``year``, ``month``, or nothing.
    """

    tonnes: float
    element: str | None
    per_element: float
    is_all_rare_earths: bool
    period: str

    @property
    def is_unsaid(self) -> bool:
        """Whether the unit does not say of what it is: element, oxide or goods."""
        return self.element is None and not self.is_all_rare_earths


def mass_unit(text: str) -> MassUnit | None:
    """What a unit of mass says; ``None`` for what is none.

    Parameters
    ----------
    text : str
        ``t``, ``kg``, ``kt`` or ``Mt``, then of what (a symbol, the formula of an oxide, ``REO``), then ``/year`` or ``/month``; the last two may be
        missing.

    Examples
    --------
    >>> mass_unit("t Dy/year").element, round(mass_unit("t Dy2O3").per_element, 5), mass_unit("kt REO/year").is_all_rare_earths
    ('dy', 1.14768, True)
    >>> mass_unit("t/year").is_unsaid, mass_unit("USD/kg") is None
    (True, True)
    """
    found = _MASS_UNIT.fullmatch(text.strip())
    if found is None:
        return None
    tonnes, of, period = _TONNES[found[1]], found[2], found[3] or ""
    if of is None:
        return MassUnit(tonnes, None, 1.0, False, period)
    if of.upper() in ("REO", "TREO"):
        return MassUnit(tonnes, None, 1.0, True, period)
    if of.lower() in _OXIDES:
        return MassUnit(tonnes, of.lower(), 1.0, False, period)
    oxide = oxide_of_formula(of)
    return None if oxide is None else MassUnit(tonnes, oxide[0], oxide[1], False, period)
