"""From a cell's text to a number: strict, and every liberty taken is said."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)
_BELOW: Final = frozenset(("bdl", "b.d.l.", "<dl", "<d.l.", "<lod", "<mdl", "<ldl", "notdetected", "belowdetection", "検出下限未満", "不検出"))
_UNCLEAR: Final = frozenset(("nd", "n.d.", "n.d", "n/d"))
_MINUS: Final = str.maketrans({"\N{MINUS SIGN}": "-", "\N{HYPHEN}": "-", "\N{NON-BREAKING HYPHEN}": "-", "\N{FIGURE DASH}": "-", "\N{EN DASH}": "-"})
_NO_DIGITS: Final = ("<super>", "<sub>", "<circle>", "<fraction>", "<square>")
_DEGREES = re.compile(
    r"""(?P<before>[NSEW])?\s*(?P<sign>[+-])?(?P<degrees>\d+(?:\.\d+)?)\s*(?:°|度|deg)\s*
        (?:(?P<minutes>\d+(?:\.\d+)?)\s*(?:'|′|’|分|min)\s*(?:(?P<seconds>\d+(?:\.\d+)?)\s*(?:"|″|”|''|′′|秒|sec)\s*)?)?(?P<after>[NSEW])?""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_BY_SPACES = re.compile(
    r"(?P<before>[NSEW])?\s*(?P<sign>[+-])?(?P<degrees>\d+(?:\.\d+)?)(?:[\s:](?P<minutes>\d+(?:\.\d+)?)(?:[\s:](?P<seconds>\d+(?:\.\d+)?))?)?\s*(?P<after>[NSEW])?",
    re.ASCII | re.IGNORECASE,
)
_HOW = "write digits with a decimal point, and leave the cell empty where nothing was measured"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cell says.

    Parameters
    ----------
    value : float
        NaN for an empty cell, or where there is a problem.
    said : str
        What was converted; empty for a plain number.
    problem : str
        Why it is no value.
    below : bool
        Whether it says "below the detection limit"; ``value`` is then that limit, NaN where the cell does not give it.
    """

    value: float = math.nan
    said: str = ""
    problem: str = ""
    below: bool = False


EMPTY: Final = Reading()


def read_number(cell: str, *, decimal_comma: bool = False) -> Reading:
    """A plain number.

    Parameters
    ----------
    cell : str
        Stripped text.
    decimal_comma : bool
        Whether the comma is the decimal mark of this file.

    Examples
    --------
    >>> read_number("4.05e1").value, read_number("-５．５")
    (40.5, Reading(value=-5.5, said='full-width characters', problem='', below=False))
    >>> read_number("1,5", decimal_comma=True).value
    1.5
    >>> read_number("1,5").problem
    'is no number; write digits with a decimal point, and leave the cell empty where nothing was measured'
    """
    if _NUMBER.fullmatch(cell) is not None and not (decimal_comma and "." in cell):
        value = float(cell)
        return Reading(value) if math.isfinite(value) else Reading(problem=f"is no number that can be held; {_HOW}")
    if cell == "":
        return EMPTY
    text = _half_width(cell)
    said = "full-width characters" if text != cell else ""
    if decimal_comma and ("," in text or "." in text):
        if "." in text or text.count(",") > 1:
            return Reading(problem="has a point or a second comma where the decimal mark is a comma; write digits with one comma and nothing between")
        text = text.replace(",", ".")
        said = f"{said}, decimal comma" if said else "decimal comma"
    if _NUMBER.fullmatch(text) is not None and math.isfinite(float(text)):
        return Reading(float(text), said)
    if _GROUPED.fullmatch(text) is not None:
        return Reading(
            problem="is no number: its comma may part thousands or decimals; write digits with a decimal point and nothing between the thousands"
        )
    return Reading(problem=f"is no number; {_HOW}")


def read_grade(cell: str, *, decimal_comma: bool = False) -> Reading:
    """A grade: a number, or a statement that it lies below a detection limit.

    Examples
    --------
    >>> read_grade("<0.5")
    Reading(value=0.5, said='', problem='', below=True)
    >>> read_grade("bdl").below
    True
    >>> read_grade("n.d.").problem
    'may be not detected or not determined; write < and the detection limit, or leave the cell empty where nothing was measured'
    """
    if cell == "" or _NUMBER.fullmatch(cell) is not None:
        return read_number(cell, decimal_comma=decimal_comma)
    text = _half_width(cell)
    word = text.lower().replace(" ", "")
    if word in _BELOW:
        return Reading(below=True)
    if word in _UNCLEAR:
        return Reading(
            problem="may be not detected or not determined; write < and the detection limit, or leave the cell empty where nothing was measured"
        )
    if text.startswith("<"):
        limit = read_number(text[1:].strip(), decimal_comma=decimal_comma)
        if limit.problem or not limit.value > 0:
            return Reading(problem=f"gives no detection limit after <; write for instance <0.5, or {_HOW}")
        return Reading(limit.value, limit.said or ("full-width characters" if text != cell else ""), below=True)
    if text.startswith((">", "≥", "≦", "≤", "≧")):
        return Reading(problem="gives a bound, not a grade; give the grade of an assay that reaches it (only < a detection limit can be used)")
    return read_number(cell, decimal_comma=decimal_comma)


def read_angle(cell: str, axis: str, *, decimal_comma: bool = False) -> Reading:
    r"""A longitude or latitude: decimal degrees, or degrees, minutes and seconds, with or without a letter for the side.

    Parameters
    ----------
    cell : str
        Stripped text.
    axis : str
        ``longitude_deg`` or ``latitude_deg``: which letters it may carry.
    decimal_comma : bool
        Whether the comma is the decimal mark of this file.

    Examples
    --------
    >>> read_angle("153°58'48\"E", "longitude_deg").value
    153.98
    >>> read_angle("24 17 N", "latitude_deg").said
    'degrees and minutes'
    >>> read_angle("-24 17 S", "latitude_deg").problem
    'has both a sign and a letter; the side could be either. Keep one of them'
    """
    plain = read_number(cell, decimal_comma=decimal_comma)
    if not plain.problem:
        return plain
    # Two other rings are typed for the sign of a degree.
    text = re.sub(r"\s+", " ", _half_width(cell.replace("\N{MASCULINE ORDINAL INDICATOR}", "°").replace("\N{RING ABOVE}", "°")))
    if decimal_comma:
        text = text.replace(",", ".")
    text = text.replace("北緯", "N ").replace("南緯", "S ").replace("東経", "E ").replace("西経", "W ").strip()
    found = _DEGREES.fullmatch(text)
    if found is None:
        found = _BY_SPACES.fullmatch(text)
        if found is None:
            return Reading(problem="is no position; write decimal degrees, or degrees, minutes and seconds as in 153°58'48\"E")
        if not (found["before"] or found["after"]):
            return Reading(problem="may be decimal degrees or degrees and minutes; write decimal degrees, or mark them as in 153°58'48\"E")
    return _angle(found, axis)


def _angle(found: re.Match[str], axis: str) -> Reading:
    letters = [letter.upper() for letter in (found["before"], found["after"]) if letter]
    sides = ("E", "W") if axis == "longitude_deg" else ("N", "S")
    if len(letters) > 1:
        return Reading(problem="names its side twice. Keep one letter")
    if letters and letters[0] not in sides:
        return Reading(problem=f"carries the letter {letters[0]}, and this is a {axis.removesuffix('_deg')}. Are longitude and latitude swapped?")
    if letters and found["sign"]:
        return Reading(problem="has both a sign and a letter; the side could be either. Keep one of them")
    degrees, minutes, seconds = found["degrees"], found["minutes"], found["seconds"]
    if (minutes and "." in degrees) or (seconds and "." in (minutes or "")):
        return Reading(problem="has decimals before its last part; write decimal degrees, or whole degrees with minutes and seconds")
    if float(minutes or 0) >= 60 or float(seconds or 0) >= 60:
        return Reading(problem="has 60 or more minutes or seconds; correct it")
    # In seconds first: 153°58'48" is 153.98, not 153.98000000000002.
    value = (float(degrees) * 3600 + float(minutes or 0) * 60 + float(seconds or 0)) / 3600 if minutes else float(degrees)
    sign = -1.0 if found["sign"] == "-" or letters in (["W"], ["S"]) else 1.0
    said = "degrees, minutes and seconds" if seconds else "degrees and minutes" if minutes else "degrees with their side"
    return Reading(sign * value, said)


def may_be_thousands(cell: str) -> bool:
    """Whether a comma in a number may stand between thousands: ``1,234``."""
    return _GROUPED.fullmatch(_half_width(cell)) is not None and not _half_width(cell).lstrip("+-").startswith("0")


def _half_width(cell: str) -> str:
    """Digits and letters as ASCII has them (NFKC), and every kind of minus as one; a raised or circled digit stays, for it may be a footnote."""
    if any(unicodedata.decomposition(character).startswith(_NO_DIGITS) for character in cell):
        return cell
    return unicodedata.normalize("NFKC", cell).translate(_MINUS).replace("\N{ZERO WIDTH SPACE}", "").replace("\ufeff", "").strip()
