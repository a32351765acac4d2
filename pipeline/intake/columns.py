"""What a column of a core table holds, by its name: quantity, unit, and the factor that brings it to our unit."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pipeline.artefacts.sample_columns import grade_columns
from pipeline.units import GROUPS, oxide_of_formula

if TYPE_CHECKING:
    from collections.abc import Mapping

POSITION_DEG: Final = ("longitude_deg", "latitude_deg")
POSITION_M: Final = ("easting_m", "northing_m")
DENSITY: Final = "dry_bulk_density_t_m3"
ABUNDANCE: Final = "abundance_kg_m2"
"""Dry mass per area of the interval, as nodules are weighed: the density is made of it."""
ONE_DEPTH_M: Final = ("at_m", "sample_length_m")
"""Depth and length of a sample whose place is written as one depth: from_m and to_m are made of them."""
METRES: Final = ("from_m", "to_m", *ONE_DEPTH_M, "water_depth_m", "penetration_m", "marker_m", *POSITION_M)
TEXTS: Final = ("core_id", "sample_id", "unit", "cruise", "device", "date", "laboratory", "method", "note", "qc_type")
RESERVED: Final = ("source_file", "source_row", "joined_rows", "conversions", "data_kind", "role", "geometry")
"""Names that the program writes: a column of that name in a file is kept as ``file_<name>``."""

_LIMIT = re.compile(r"(?:([a-z][a-z0-9]{0,11})_)?detection_limit_ppm")
# fmt: off
_SYMBOLS: Final = frozenset((
    "h", "he", "li", "be", "b", "c", "n", "o", "f", "ne", "na", "mg", "al", "si", "p", "s", "cl", "ar", "k", "ca", "sc", "ti", "v", "cr", "mn",
    "fe", "co", "ni", "cu", "zn", "ga", "ge", "as", "se", "br", "kr", "rb", "sr", "y", "zr", "nb", "mo", "tc", "ru", "rh", "pd", "ag", "cd",
    "in", "sn", "sb", "te", "i", "xe", "cs", "ba", "la", "ce", "pr", "nd", "pm", "sm", "eu", "gd", "tb", "dy", "ho", "er", "tm", "yb", "lu",
    "hf", "ta", "w", "re", "os", "ir", "pt", "au", "hg", "tl", "pb", "bi", "th", "u",
))
# fmt: on
"""What counts as an element beside a unit of mass share."""

_GROUP_NAMES: Final = MappingProxyType(
    {
        **dict.fromkeys(("rey", "reey", "ree+y", "rees+y", "lanthanides+y"), ("rey", False)),
        **dict.fromkeys(("ree", "rees", "lanthanides"), ("ree", False)),
        **dict.fromkeys(("reo", "reo+y", "reyo", "reo+y2o3"), ("rey", True)),
    }
)
"""Sums of rare earths as people write them, after ``total``, ``T``, ``sum`` or a sigma; with yttrium or without it, and whether they are oxides."""

_UNITS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "length": {"m": 1.0, "cm": 0.01, "mm": 0.001, "km": 1000.0, "mbsf": 1.0, "cmbsf": 0.01},
        "share": {
            **dict.fromkeys(("ppm", "mg/kg", "mgkg-1", "ug/g", "ugg-1", "g/t"), 1.0),
            **dict.fromkeys(("%", "wt%", "%wt", "mass%", "weight%", "pct", "wtpct", "g/100g"), 1e4),
            **dict.fromkeys(("g/kg", "gkg-1", "kg/t"), 1e3),
            **dict.fromkeys(("ppb", "ug/kg", "ng/g"), 1e-3),
        },
        "density": {
            **dict.fromkeys(("t/m3", "tm-3", "g/cm3", "gcm-3", "g/cc", "g/ml", "kg/l", "mg/m3"), 1.0),
            **dict.fromkeys(("kg/m3", "kgm-3", "g/l"), 1e-3),
        },
        "mass per area": {
            **dict.fromkeys(("kg/m2", "kgm-2"), 1.0),
            **dict.fromkeys(("g/m2", "gm-2", "t/km2"), 1e-3),
            **dict.fromkeys(("g/cm2", "gcm-2"), 10.0),
        },
        "angle": dict.fromkeys(("deg", "degree", "degrees", "°", "degreeseast", "degreesnorth", "dms", "°e", "°n"), 1.0),
        "text": {},
    }
)
_KNOWN: Final = MappingProxyType(
    {
        "length": "m, cm, mm, km (and 'm up' for metres counted upwards)",
        "share": "ppm, mg/kg, ug/g, g/t, %, wt%, g/kg, ppb (and an oxide after it, as in 'wt% Dy2O3')",
        "density": "t/m3, g/cm3, kg/m3, kg/l",
        "mass per area": "kg/m2, g/m2, g/cm2, t/km2",
        "angle": "degrees",
        "text": "none: it is text",
    }
)
_SUFFIXES: Final = (
    "m", "cm", "mm", "km", "deg", "ppm", "ppb", "mg_kg", "ug_g", "g_t", "g_kg", "pct", "wt_pct", "t_m3", "g_cm3", "kg_m3", "kg_m2", "g_m2",
)  # fmt: skip
_QUANTITIES: Final = MappingProxyType(
    {
        "from": "from_m",
        "to": "to_m",
        "water_depth": "water_depth_m",
        "penetration": "penetration_m",
        "marker": "marker_m",
        "easting": "easting_m",
        "northing": "northing_m",
        "dry_bulk_density": DENSITY,
        "abundance": ABUNDANCE,
        "dry_abundance": ABUNDANCE,
        "longitude": "longitude_deg",
        "latitude": "latitude_deg",
        "detection_limit": "detection_limit_ppm",
        "elevation": "water_depth_m",
        "seafloor_elevation": "water_depth_m",
    }
)
_UPWARD: Final = ("elevation", "seafloor_elevation")
_UP = re.compile(r"[,;]?\s*(?:positive\s+up|up(?:wards)?)$")


@dataclass(frozen=True)
class Role:
    """What a column is.

    Parameters
    ----------
    column : str
        Our name for it.
    factor : float
        What stands in the file times this is in our unit.
    said : str
        The conversion in words; empty where the file has our unit already.
    fault : str
        Why it cannot be used as that; empty where it can.
    """

    column: str
    factor: float = 1.0
    said: str = ""
    fault: str = ""


def is_grade(column: str) -> bool:
    """Whether a column is a grade: ``<element>_ppm``."""
    return bool(grade_columns([column]))


def is_limit(column: str) -> bool:
    """Whether a column is a detection limit, of one element or of all."""
    return _LIMIT.fullmatch(column) is not None


def kind_of(column: str) -> str:
    """Quantity of one of our columns: ``length``, ``share``, ``density``, ``mass per area``, ``angle`` or ``text``."""
    if column in METRES:
        return "length"
    if column in POSITION_DEG:
        return "angle"
    if column == DENSITY:
        return "density"
    if column == ABUNDANCE:
        return "mass per area"
    return "share" if is_grade(column) or is_limit(column) else "text"


@cache
def role_of(header: str) -> Role | None:
    """What a name of a column says by itself; ``None`` for a free column.

    Our own names (``from_m``), the same with another unit (``from_cm``, ``dy_mg_kg``, ``dy2o3_wt_pct``), or quantity and unit in brackets
    (``Dy (mg/kg)``, ``Dy2O3 [wt%]``, ``Water depth (km)``), in any case and width. A quantity that does not say its unit carries a fault.

    Examples
    --------
    >>> role_of("From (cm)")
    Role(column='from_m', factor=0.01, said='from_m from cm', fault='')
    >>> role_of("Dy").fault
    'says no unit'
    >>> role_of("colour") is None
    True
    """
    name = _plain(header)
    own = name.lower().replace(" ", "_")
    if own in TEXTS or kind_of(own) != "text":
        return Role(own)
    bracketed = re.fullmatch(r"(.+?)\s*[(\[]([^()\[\]]*)[)\]]", name)
    if bracketed:
        return _measured(bracketed[1].strip().lower().replace(" ", "_"), bracketed[2])
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if own.endswith(f"_{suffix}"):
            # An underscore stands for the stroke of a unit: mg_kg is mg/kg, wt_pct is wt%.
            return _measured(own.removesuffix(f"_{suffix}"), suffix.replace("wt_pct", "wt%").replace("pct", "%").replace("_", "/"))
    return _measured(own, None)


def group_of(quantity: str) -> tuple[str, bool] | None:
    """Sum of rare earths that a name means, and whether it is one of oxides; ``None`` for any other name.

    Examples
    --------
    >>> group_of("ΣREY"), group_of("Total REE+Y"), group_of("TREE"), group_of("ΣREO"), group_of("Fe")
    (('rey', False), ('rey', False), ('ree', False), ('rey', True), None)
    """
    word = re.sub(r"[\s_]", "", unicodedata.normalize("NFKC", quantity).lower())
    bare = re.sub(r"^(?:total|sumof|sum|[σς∑]|t(?=r))", "", word)
    return _GROUP_NAMES.get(bare)


def role_by_map(ours: str, header: str, unit: str | None, oxide_per_metal: float | None = None) -> Role:
    """What a column is that the ``.toml`` maps to one of ours, or gives a unit for.

    Parameters
    ----------
    ours : str
        Our name.
    header : str
        Name in the file.
    unit : str or None
        What ``[units]`` says: a unit, with ``up`` after it for metres counted upwards, or an oxide's formula after it; after the unit of a sum of
        rare earths ``REO`` (oxides) or ``with Y``.
    oxide_per_metal : float, optional
        Of a sum of oxides: what they weigh over what their metals weigh.
    """
    if ours.removesuffix("_ppm") in GROUPS and is_grade(ours):
        return _group(ours, header, unit, oxide_per_metal)
    if oxide_per_metal is not None:
        return Role(ours, fault="has a key in [oxide_per_metal], which is for sums of rare earths; name the oxide in [units], as in 'wt% Dy2O3'")
    by_name = role_of(header)
    if by_name is not None and by_name.column == ours and not by_name.fault:
        if unit is None:
            return by_name
        given = _converted(ours, unit)
        same = abs(given.factor - by_name.factor) <= 1e-9 * abs(by_name.factor)
        return (
            given if given.fault else by_name if same else Role(ours, fault=f"has one unit by its name and another ({unit}) by [units]; correct one")
        )
    kind = kind_of(ours)
    if kind == "text":
        return Role(ours)
    name = _plain(header)
    bracketed = re.fullmatch(r"(.+?)\s*[(\[]([^()\[\]]*)[)\]]", name)
    quantity, written = (bracketed[1], bracketed[2]) if bracketed else (name, None)
    known = written is not None and _factor(kind, written) is not None
    if unit is None and written is not None and not known:
        # (cm) is a unit; (E) or (mbsf, core top) may be anything, so it must be said.
        return Role(ours, fault=f"is written in {written!r}, which is no unit of it known here; say which in [units]")
    oxide = oxide_of_formula(quantity.strip()) if kind == "share" else None
    chosen = unit if unit is not None else written
    if oxide is not None and (unit is None or oxide_of_formula(unit.split()[-1]) is None):
        if chosen is None:
            return Role(ours, fault="is an oxide and says no unit; say which in [units]")
        chosen = f"{chosen} {quantity.strip()}"
    return Role(ours) if chosen is None else _converted(ours, chosen)


def _group(ours: str, header: str, unit: str | None, oxide_per_metal: float | None) -> Role:
    """Role of a sum of rare earths: yttrium is in it or not, and oxides are no metals; neither is taken for the other unseen."""
    group, name = ours.removesuffix("_ppm"), _plain(header)
    bracketed = re.fullmatch(r"(.+?)\s*[(\[]([^()\[\]]*)[)\]]", name)
    quantity, written = (bracketed[1].strip(), bracketed[2]) if bracketed else (name.removesuffix("_ppm"), "ppm" if name.endswith("_ppm") else None)
    found = group_of(quantity)
    text = unicodedata.normalize("NFKC", unit).strip() if unit is not None else None
    marked = re.fullmatch(r"(.*?)\s*\b(reo|with y|without y)", text or "", re.IGNORECASE)
    mark = marked[2].lower() if marked else ""
    chosen = marked[1].strip() if marked else text
    known = written is not None and _factor("share", written) is not None
    if not chosen:
        if written is not None and not known:
            return Role(ours, fault=f"is written in {written!r}, which is no unit of it known here; say which in [units]")
        if written is None:
            return Role(ours, fault="says no unit; say which in [units]")
        chosen = written
    elif known and _factor("share", chosen) != _factor("share", written or ""):
        return Role(ours, fault=f"has one unit by its name and another ({unit}) by [units]; correct one")
    says = {"with y": "rey", "without y": "ree"}.get(mark, found[0] if found is not None and not found[1] else group)
    if says != group:
        other = "without yttrium" if says == "ree" else "with yttrium"
        way = "with Y" if group == "rey" else "without Y"
        return Role(ours, fault=f"is a sum {other} by its name, which is {says}_ppm; if it is not, say so in [units] {ours} = '{chosen} {way}'")
    is_oxide = mark == "reo" or (found is not None and found[1])
    if is_oxide and oxide_per_metal is None:
        cure = f"say in its .toml what they weigh over their metals: [oxide_per_metal] {ours} = 1.2 (from the pattern of the samples)"
        return Role(ours, fault=f"is a sum of oxides, which no constant turns into metals; {cure}. A unit is said in [units]")
    if not is_oxide and oxide_per_metal is not None:
        return Role(ours, fault="has a key in [oxide_per_metal] but is no sum of oxides; write REO after its unit in [units], or remove that key")
    factor = _factor("share", chosen)
    if factor is None:
        return Role(ours, fault=f"has the unknown unit {unit!r} in [units]; known are {_KNOWN['share']}")
    total = factor / (oxide_per_metal or 1.0)
    said = f"{ours} from {chosen}" + (f" of oxides, {oxide_per_metal:g} times their metals" if is_oxide else "")
    return Role(ours, total, "" if total == 1 and not is_oxide else said)


def _measured(quantity: str, unit: str | None) -> Role | None:
    """Role of a quantity word or chemical formula beside a unit."""
    quantity = quantity.strip("_")
    if quantity in _QUANTITIES:
        ours = _QUANTITIES[quantity]
        if unit is None and ours == "marker_m":
            # A column of that name alone may as well hold the marker's name.
            return None
        if unit is None:
            # Nobody writes a longitude in anything but degrees.
            return Role(ours) if ours in POSITION_DEG else Role(ours, fault="says no unit")
        return _converted(ours, f"{unit} up" if quantity in _UPWARD else unit)
    group = group_of(quantity)
    if group is not None:
        if unit is not None and _factor("share", unit) is None and _factor("length", unit) is not None:
            return None
        # Oxides take a factor that only their .toml can give, so a column of them is a free one until it is mapped.
        return None if group[1] else _in_unit(f"{group[0]}_ppm", unit)
    oxide = oxide_of_formula(quantity)
    if oxide is None and quantity not in _SYMBOLS:
        return None
    ours = f"{oxide[0] if oxide else quantity}_ppm"
    if unit is None:
        # A single letter is as likely a name of its own.
        return Role(ours, fault="says no unit") if len(quantity) > 1 else None
    if _factor("share", unit) is None and _factor("length", unit) is not None:
        return None
    return _converted(ours, f"{unit} {quantity}" if oxide else unit)


def _in_unit(ours: str, unit: str | None) -> Role:
    return Role(ours, fault="says no unit") if unit is None else _converted(ours, unit)


def _converted(ours: str, unit: str) -> Role:
    """Role of one of our columns that the file has in another unit."""
    kind = kind_of(ours)
    text, sign, per_element = unicodedata.normalize("NFKC", unit).strip(), 1.0, 1.0
    if kind == "length" and _UP.search(text.lower()):
        text, sign = _UP.sub("", text.lower()).strip(), -1.0
    *words, last = text.split() or [""]
    oxide = oxide_of_formula(last) if kind == "share" and words else None
    if oxide is not None:
        if f"{oxide[0]}_ppm" != ours:
            return Role(ours, fault=f"is in {unit!r}, the oxide of another element")
        text, per_element = " ".join(words), oxide[1]
    factor = _factor(kind, text)
    if factor is None:
        return Role(ours, fault=f"has the unknown unit {unit!r}; known are {_KNOWN[kind]}")
    total = sign * factor / per_element
    return Role(ours, total, "" if total == 1 else f"{ours} from {unit.strip()}")


def _factor(kind: str, unit: str) -> float | None:
    exact = unicodedata.normalize("NFKC", unit).strip()
    if kind == "density" and exact.startswith("mg"):
        return None  # a milligram; a megagram is written Mg
    word = re.sub(r"[\s._]", "", exact.lower()).replace("\N{MINUS SIGN}", "-").replace("\N{GREEK SMALL LETTER MU}", "u")
    return _UNITS[kind].get(word)


def _plain(header: str) -> str:
    """A name in half width, with single spaces; in its own case, for Mg/m3 is no mg/m3."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", header).strip())
