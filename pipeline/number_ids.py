"""Names of numbers: every number of a table, of a product and of a page has one, and :mod:`pipeline.explain` answers to it."""

from __future__ import annotations

import math
from typing import Final

_ESCAPED: Final = {"%": "%25", "/": "%2F", " ": "%20"}
_NOTHING: Final = "-"


def number_id(table: str, *keys: object, column: str) -> str:
    """Name of one number of a tidy table: the table, the keys that identify its row, in the table's order, and its column.

    Parameters
    ----------
    table : str
        Name of the file without its suffix: ``tonnage`` for ``tonnage.csv``.
    *keys : object
        What stands in the key columns. A cut-off is printed as short as its value allows; an empty key is ``-``; ``/``, ``%`` and spaces of a name
        that a user gave are escaped as in a web address.
    column : str
        Column that holds the number, its unit as last word.

    Examples
    --------
    >>> number_id("tonnage", "dy", "supported", 0.0, "mean", column="metal_t")
    'tonnage/dy/supported/0/mean/metal_t'
    >>> number_id("tonnage", "dy", "east/west", 1250.5, "p90", column="area_km2")
    'tonnage/dy/east%2Fwest/1250.5/p90/area_km2'
    """
    return "/".join((table, *(id_part(key) for key in keys), column))


def pointer_id(product: str, *path: object) -> str:
    """Name of one number inside a JSON product: the product's name without suffix, and the way to it.

    Examples
    --------
    >>> pointer_id("validation", "elements", "dy", "truth", 0, "metal_t", "truth")
    'validation/elements/dy/truth/0/metal_t/truth'
    """
    return "/".join((product, *(id_part(part) for part in path)))


def id_part(key: object) -> str:
    """One part of a name.

    Examples
    --------
    >>> id_part(0.1), id_part(20.0), id_part(1234567.0), id_part(""), id_part(float("nan"))
    ('0.1', '20', '1234567', '-', '-')
    """
    if isinstance(key, float) or hasattr(key, "dtype"):
        return _number(float(key)) if not isinstance(key, str) else id_part(str(key))  # type: ignore[arg-type]
    text = "" if key is None else str(key)
    return "".join(_ESCAPED.get(letter, letter) for letter in text) or _NOTHING


def _number(value: float) -> str:
    if math.isnan(value):
        return _NOTHING
    short = f"{value:g}"
    return short if float(short) == value else f"{value:.10g}"


def unit_of(column: str) -> str:
    """Unit of a quantity, from the last words of its name; empty for a count or a bare number.

    Examples
    --------
    >>> (
    ...     unit_of("metal_t"),
    ...     unit_of("metal_t_year"),
    ...     unit_of("dry_bulk_density_t_m3"),
    ...     unit_of("in_situ_share"),
    ...     unit_of("life_years"),
    ...     unit_of("rank"),
    ... )
    ('t', 't/year', 't/m3', 'share', 'years', '')
    """
    words = column.split("_")
    for length in (3, 2, 1):
        unit = _UNITS.get("_".join(words[-length:])) if len(words) > length or length == 1 else None
        if unit is not None:
            return unit
    return ""


_UNITS: Final[dict[str, str]] = {
    **{name: name for name in ("t", "m", "km", "km2", "m2", "m3", "ppm", "deg", "share", "years", "days", "nmi", "percent", "code")},
    "t_year": "t/year", "t_day": "t/day", "t_m3": "t/m3", "g_m3": "g/m3", "kg_m3": "kg/m3", "km2_year": "km2/year", "m3_year": "m3/year",
    "days_year": "days/year", "t_m2": "t/m2",
}  # fmt: skip
