"""Supply: what production means beside what is used and traded. A denominator that nobody published switches its figure off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import SUPPLY_COLUMNS, WHYS, Production, PublishedFiles, Supply
from pipeline.errors import ArtefactError
from pipeline.units import GROUPS, MassUnit, mass_unit, oxide_per_element

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

Row = dict[str, object]

_ALL_RARE_EARTHS = "japan_rare_earths"
_CHINA_SHARE = "china_share_of_imports"


@dataclass(frozen=True)
class _Denominator:
    """What a figure is divided by, in tonnes of the element; ``low`` and ``high`` hold every reading of what was published.

    Parameters
    ----------
    row : dict
        As published: ``id, value, unit, low, high, date, source, doi_or_reference, status``.
    low_t, high_t : float
        NaN where it is not known.
    value_t : float
        NaN where only a range is known.
    why : str
        One of ``WHYS``: why it is not known, or why it is a range; empty where it is one number.
    """

    row: dict[str, str]
    low_t: float = np.nan
    value_t: float = np.nan
    high_t: float = np.nan
    why: str = ""


@dataclass(frozen=True)
class _Question:
    """One figure of the supply lens.

    Parameters
    ----------
    name : str
    unit : str
        Of the figure.
    of_total : bool
        Asked of all that is recoverable; otherwise of a year's production.
    period : str
        What the denominator must be of: ``year`` or ``month``.
    find : function
        Rows of the published figures and an element, to the denominator.
    """

    name: str
    unit: str
    of_total: bool
    period: str
    find: Callable[[dict[str, dict[str, str]], str], _Denominator]


def run(production: Production, published: PublishedFiles) -> Supply:
    r"""Years of demand, shares of demand and of imports, and months of one country's production, with what each is divided by.

    The tonnes of a scenario and what they are divided by are unknown independently of each other, and the ends of a published range carry no
    probability. So the ends of a figure are the outer ones:

    .. math:: v_\text{low} = p_{10} / D_\text{high}, \qquad v = p_{50} / D, \qquad v_\text{high} = p_{90} / D_\text{low}

    which hold at least 80 % of the realisations, whatever D is in its range. Where nothing but a range of D is published there is no middle.

    Raises
    ------
    ArtefactError
        A published denominator is no positive number, or its range is none.
    """
    import pandas as pd

    figures, frame = published.rows(), production.frame
    rows: list[Row] = []
    for (rate_t_day, basis, where, element), part in frame.groupby(["rate_t_day", "basis", "where", "element"], sort=False):
        ranges = part.set_index("statistic")
        for question in _QUESTIONS:
            if question.of_total and where != "recoverable_average":
                continue
            scenario: Row = {"rate_t_day": rate_t_day, "basis": basis, "where": where, "element": element, "question": question.name}
            answer = _answer(question, question.find(figures, str(element)), ranges)
            rows.append({**scenario, **answer, "data_kind": part["data_kind"].iloc[0]})
    table = pd.DataFrame(rows, columns=list(SUPPLY_COLUMNS))
    return Supply(table, tuple(_said(table)))


def _answer(question: _Question, denominator: _Denominator, ranges: pd.DataFrame) -> Row:
    """Value with its range, and what it was divided by."""
    told: Row = {f"denominator_{name}": denominator.row.get(name) or "" for name in ("id", "unit", "date", "source", "doi_or_reference", "status")}
    told |= {f"denominator_{name}": _number(denominator.row, name) for name in ("value", "low", "high")}
    answer: Row = {"unit": question.unit, "why": denominator.why}
    total = "metal_t" if question.of_total else "metal_t_year"
    # ASSUME: what counts is what leaching wins; where that is unknown, what is in the mud lifted: an upper bound, and the numerator says which.
    numerator = f"leached_{total}" if np.isfinite(float(str(ranges.loc["p50", f"leached_{total}"]))) else total
    low_t, value_t, high_t = (float(str(ranges.loc[name, numerator])) for name in ("p10", "p50", "p90"))
    answer |= {"value_low": low_t / denominator.high_t, "value": value_t / denominator.value_t, "value_high": high_t / denominator.low_t}
    answer["state"] = "unknown" if not np.isfinite(denominator.low_t) else "range" if denominator.why else "known"
    return {**told, **answer, "numerator": numerator}


def _number(row: dict[str, str], name: str) -> float:
    """A published number, NaN where there is none."""
    text = (row.get(name) or "").strip()
    if not text:
        return np.nan
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not (np.isfinite(number) and number > 0):
        msg = f"published, {row.get('id')}: {name} {text!r} is no number above 0. Write digits with a decimal point, or leave it empty."
        raise ArtefactError(msg)
    return number


def _bounds(row: dict[str, str]) -> tuple[float, float, float]:
    """Low, value and high as published; a single value is its own range."""
    value = _number(row, "value")
    low, high = (number if np.isfinite(number := _number(row, name)) else value for name in ("low", "high"))
    if np.isfinite(low) and np.isfinite(high) and not (low <= high and not value < low and not value > high):
        msg = f"published, {row.get('id')}: low {low:g}, value {value:g} and high {high:g} do not rise. Mend the row."
        raise ArtefactError(msg)
    return low, value, high


def _of_row(figures: dict[str, dict[str, str]], name: str, element: str, period: str) -> _Denominator:
    """Denominator that one row of the published figures tells."""
    row = {"id": name, **figures.get(name, {})}
    if name not in figures:
        return _Denominator(row, why=WHYS["no_row"])
    low, value, high = _bounds(row)
    if not (np.isfinite(low) and np.isfinite(high)):
        return _Denominator(row, why=WHYS["no_value"])
    unit = mass_unit(row.get("unit") or "")
    if unit is None:
        return _Denominator(row, why=WHYS["no_unit"])
    if unit.period != period and not (period == "month" and not unit.period):
        return _Denominator(row, why=WHYS["no_period"])
    return _in_element(row, (low, value, high), unit, element)


def _in_element(row: dict[str, str], published: tuple[float, float, float], unit: MassUnit, element: str) -> _Denominator:
    """Tonnes of the element that a published mass holds, or may hold."""
    if unit.is_all_rare_earths and element not in GROUPS:
        return _Denominator(row, why=WHYS["all_rare_earths"])
    if unit.element is not None and unit.element != element:
        return _Denominator(row, why=WHYS["other_element"])
    low_t, value_t, high_t = (number * unit.tonnes / unit.per_element for number in published)
    least, most = _oxide_factors(element)
    if unit.is_all_rare_earths:
        return _Denominator(row, low_t / most, np.nan, high_t / least, WHYS["pattern"])
    if not unit.is_unsaid:
        return _Denominator(row, low_t, value_t, high_t, WHYS["range"] if low_t < high_t else "")
    # ASSUME: where a unit does not say of what, it may be tonnes of the element (the middle) or of its oxide: both lie in the range.
    return _Denominator(row, low_t / most, value_t, high_t, WHYS["unsaid"])


def _oxide_factors(element: str) -> tuple[float, float]:
    """Least and greatest mass of oxide by mass of the element; of a sum of elements by its pattern, which may be any."""
    factors = [oxide_per_element(member) or 1.0 for member in GROUPS.get(element, (element,))]
    return min(factors), max(factors)


def _demand(place: str) -> Callable[[dict[str, dict[str, str]], str], _Denominator]:
    return lambda figures, element: _of_row(figures, f"{element}_demand_{place}", element, "year")


def _import_of_element(figures: dict[str, dict[str, str]], element: str) -> _Denominator:
    return _of_row(figures, f"{element}_import_china", element, "year")


def _import_of_all(figures: dict[str, dict[str, str]], element: str) -> _Denominator:
    """Japan's import of all rare earths from China: its yearly amount times the share of China, in tonnes to compare those of one element with."""
    # ASSUME: the published yearly amount of Japan is its import; whether its tonnes are of oxide or of metal is not said, unless the unit says REO.
    amount, share = (figures.get(name, {"id": name}) for name in (_ALL_RARE_EARTHS, _CHINA_SHARE))
    row = {name: "; ".join(dict.fromkeys(part.get(name) or "" for part in (amount, share) if part.get(name))) for name in _TOLD}
    row |= {"id": f"{_ALL_RARE_EARTHS} x {_CHINA_SHARE}", "unit": amount.get("unit") or "", "status": "derived"}
    if not (_ALL_RARE_EARTHS in figures and _CHINA_SHARE in figures):
        return _Denominator(row, why=WHYS["no_row"])
    bounds = [one * other for one, other in zip(_bounds(amount), _bounds(share), strict=True)]
    row |= {name: f"{number:.10g}" for name, number in zip(("low", "value", "high"), bounds, strict=True) if np.isfinite(number)}
    unit = mass_unit(row["unit"])
    if not np.isfinite(bounds[0]):
        return _Denominator(row, why=WHYS["no_value"])
    if unit is None or unit.period != "year" or unit.element is not None:
        return _Denominator(row, why=WHYS["no_unit" if unit is None else "no_period" if unit.period != "year" else "one_element"])
    # Tonnes of oxide are compared with the element's oxide: dividing by the factor says the same of the element's own tonnes.
    least, most = _oxide_factors(element)
    low_t, value_t, high_t = (number * unit.tonnes for number in bounds)
    if unit.is_all_rare_earths and least < most:
        return _Denominator(row, low_t / most, np.nan, high_t / least, WHYS["pattern"])
    if unit.is_all_rare_earths:
        return _Denominator(row, low_t / most, value_t / most, high_t / most, WHYS["range"] if low_t < high_t else "")
    return _Denominator(row, low_t / most, value_t, high_t, WHYS["unsaid"])


def _month_of_china(figures: dict[str, dict[str, str]], element: str) -> _Denominator:
    """What China made of the element's oxide in one month, the latest one that is told."""
    known = [row for name, row in figures.items() if name.startswith(f"china_{element}_oxide_")]
    latest = max(known, key=lambda row: (row.get("date") or "", row["id"]), default={"id": f"china_{element}_oxide"})
    return _of_row(figures, latest["id"], element, "month")


_TOLD = ("date", "source", "doi_or_reference")
_QUESTIONS = (
    _Question("years_of_japan_demand", "years", True, "year", _demand("japan")),
    _Question("years_of_world_demand", "years", True, "year", _demand("world")),
    _Question("months_of_china_production_in_all", "months", True, "month", _month_of_china),
    _Question("share_of_japan_demand", "1", False, "year", _demand("japan")),
    _Question("share_of_world_demand", "1", False, "year", _demand("world")),
    _Question("share_of_import_from_china", "1", False, "year", _import_of_element),
    _Question("share_of_import_of_all_rare_earths_from_china", "1", False, "year", _import_of_all),
    _Question("months_of_china_production_a_year", "months", False, "month", _month_of_china),
)


def _said(table: pd.DataFrame) -> Iterator[str]:
    """Denominators with a value that could not be used, or that names no source."""
    refused = table[(table["state"] == "unknown") & ~table["why"].isin([WHYS["no_row"], WHYS["no_value"]])]
    for (name, why), part in refused.groupby(["denominator_id", "why"], sort=True):
        yield f"supply: {name}: unit {part['denominator_unit'].iloc[0]!r} is not used: {why}"
    unsourced = table[(table["state"] != "unknown") & (table["denominator_status"] == "unknown")]
    for name in sorted(set(unsourced["denominator_id"])):
        yield f"supply: {name} has a value and its status is unknown: write date, source and status beside it, or no reader can check the figures"
