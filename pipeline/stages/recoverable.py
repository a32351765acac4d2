"""What can be lifted: the funnel from tonnes in place to metal won, and how it answers to each of its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import RECOVERABLE_COLUMNS, SELECTIONS, SENSITIVITY_COLUMNS, SLOPES, STEPS, Recoverable, RecoverableTotals
from pipeline.config import RecoverableSettings
from pipeline.units import RARE_EARTHS, TONNE_PER_GRAM, oxide_per_element

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_PERCENTILES = {"p05": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95}
_MASKED = ("in_situ", "zone", "water_depth", "slope", "exclusions")
_CHOSEN = ("column_cutoff", "connected")
_UNKNOWN = "unknown: not applied, so that this and all that follows is an upper bound"
_VALUES = ["area_km2", "dry_mud_t", "metal_t"]

Row = dict[str, object]
Key = tuple[str, str, float, str, str, str, str]
"""Element, region, cut-off, step, slope, selection, what was tried."""


def run(totals: RecoverableTotals, settings: RecoverableSettings) -> Recoverable:
    """Describe what each step leaves, and what the headline would be if one setting were another.

    Every number is that of a quantity taken in each realisation: also the share of what is in situ. Percentiles of steps do not multiply, though the
    ratios of the steps of one realisation do. Steps whose share is not known leave everything, and say so.
    """
    import pandas as pd

    draws = _by_key(totals)
    rows: list[Row] = []
    sensitivity: list[Row] = []
    kind = totals.marks.text()
    for element in totals.notes.get("elements", []):
        for region in sorted({key[1] for key in draws if key[0] == element}):
            for cutoff_ppm in totals.notes["cutoffs_ppm"]:
                for slope in SLOPES:
                    for selection in SELECTIONS:
                        steps = _steps(draws, element, region, cutoff_ppm, slope, selection, settings)
                        for step, values in zip(STEPS, steps, strict=True):
                            key = {
                                "element": element,
                                "region": region,
                                "cutoff_ppm": cutoff_ppm,
                                "step": step,
                                "slope": slope,
                                "selection": selection,
                            }
                            told = {"state": _state(step, slope, element, totals.notes, settings), "data_kind": kind}
                            rows += [{**key, **row, **told} for row in _statistics(values, steps[0][:, 2], oxide_per_element(element))]
        sensitivity += [{**row, "data_kind": kind} for row in _sensitivity(draws, element, totals.notes, settings)]
    return Recoverable(
        pd.DataFrame(rows, columns=list(RECOVERABLE_COLUMNS)),
        pd.DataFrame(sensitivity, columns=list(SENSITIVITY_COLUMNS)),
        tuple(_notes(totals.notes, settings)),
    )


def _by_key(totals: RecoverableTotals) -> dict[Key, Array]:
    """(realisations, 3) area, mud and metal."""
    keys = ["element", "region", "cutoff_ppm", "step", "slope", "selection", "tried"]
    values = totals.frame[_VALUES].to_numpy(dtype=float)
    # Rows of a key stand in the order of the realisations.
    groups: Any = totals.frame.groupby(keys, sort=False).indices
    return {key: values[rows] for key, rows in groups.items()}


def _steps(
    draws: dict[Key, Array], element: str, region: str, cutoff_ppm: float, slope: str, selection: str, settings: RecoverableSettings
) -> list[Array]:
    """Area, mud and metal behind each step, of every realisation."""
    found = [draws[element, region, 0.0, step, slope if step in _MASKED[3:] else "", "", ""] for step in _MASKED]
    found += [draws[element, region, cutoff_ppm, step, slope, selection, ""] for step in _CHOSEN]
    return found + _won(found[-1], element, settings)


def _won(lifted: Array, element: str, settings: RecoverableSettings) -> list[Array]:
    """Area, mud and metal behind extraction, upgrading and leaching."""
    extracted = lifted * [1.0, *[known(settings.extraction_share)] * 2]
    keeps = settings.upgrading_metal_share
    # The factor is that of the grade: mud falls by it, and by what metal is lost.
    upgraded = extracted if keeps == "unknown" else extracted * [1.0, keeps / settings.upgrading_factor, keeps]
    return [extracted, upgraded, upgraded * [1.0, 1.0, known(leaching_share(element, settings))]]


def known(share: float | str) -> float:
    """A share; everything where it is unknown."""
    return 1.0 if isinstance(share, str) else share


def leaching_share(element: str, settings: RecoverableSettings) -> float | str:
    """Share of an element that leaching dissolves; unknown for what is no rare earth, and for cerium, which the published share leaves out."""
    return settings.leaching_share if element in RARE_EARTHS - {"ce"} else "unknown"


def _statistics(values: Array, in_situ_t: Array, oxide: float | None) -> Iterator[Row]:
    """Rows of one step, from one row of area, mud and metal per realisation."""
    mud_t, metal_t = values[:, 1], values[:, 2]
    some = mud_t > 0
    # A grade of few realisations would be a grade of the rich ones.
    told = 2 * np.count_nonzero(some) >= some.size
    grade_ppm = metal_t[some] / mud_t[some] / TONNE_PER_GRAM if told else np.full(1, np.nan)
    share = np.divide(metal_t, in_situ_t, out=np.full(len(metal_t), np.nan), where=in_situ_t > 0)
    figures = np.column_stack([values, share])
    mean_ppm = metal_t.sum() / mud_t.sum() / TONNE_PER_GRAM if told else np.nan
    found = {"mean": [*figures.mean(axis=0), mean_ppm], "sd": [*(_sd(part) for part in figures.T), _sd(grade_ppm)]}
    shares = list(_PERCENTILES.values())
    percentiles, grades = np.quantile(figures, shares, axis=0, method="weibull"), np.quantile(grade_ppm, shares, method="weibull")
    found |= {name: [*percentiles[place], grades[place]] for place, name in enumerate(_PERCENTILES)}
    for statistic, (area_km2, dry_mud_t, metal, in_situ_share, ppm) in found.items():
        yield {
            "statistic": statistic,
            "area_km2": area_km2,
            "dry_mud_t": dry_mud_t,
            "grade_ppm": ppm,
            "metal_t": metal,
            "oxide_t": metal * oxide if oxide is not None else np.nan,
            "in_situ_share": in_situ_share,
        }


def _sd(draws: Array) -> float:
    """Standard deviation over the realisations: exactly 0 where all are equal, NaN for a single one."""
    if draws.size < 2 or not np.isfinite(draws).all():
        return np.nan
    return float(draws.std(ddof=1)) if np.ptp(draws) > 0 else 0.0


# --- one setting at a time -------------------------------------------------------------------------------------------------------------------------


def _sensitivity(draws: dict[Key, Array], element: str, notes: dict[str, Any], settings: RecoverableSettings) -> Iterator[Row]:
    """Metal of the headline with one setting changed, and its change realisation by realisation."""
    place = notes["headline"]
    region, cutoff_ppm, slope, selection = (place[name] for name in ("region", "cutoff_ppm", "slope", "selection"))

    def lifted_t(cutoff: float = cutoff_ppm, slope: str = slope, selection: str = selection, tried: str = "") -> Array:
        return np.asarray(draws[element, region, cutoff, "connected", slope, selection, tried][:, 2])

    factor = known(settings.extraction_share) * known(settings.upgrading_metal_share) * known(leaching_share(element, settings))
    as_set_t = lifted_t() * factor
    key = {"element": element, **place}
    yield from _changes(key, "as_set", "", as_set_t, as_set_t, "")
    for name in sorted({key[6] for key in draws if key[0] == element and key[6]}, key=[key[6] for key in draws].index):
        setting, _, value = name.partition("=")
        yield from _changes(key, setting, value, as_set_t, lifted_t(tried=name) * factor, "")
    yield from _changes(key, "max_slope_deg", "left_out", as_set_t, lifted_t(slope="left_out") * factor, "")
    other = next(name for name in SELECTIONS if name != selection)
    yield from _changes(key, "selection", other, as_set_t, lifted_t(selection=other) * factor, "")
    leaching = leaching_share(element, settings)
    recoveries: tuple[tuple[str, float | str, list[float]], ...] = (
        ("extraction_share", settings.extraction_share, []),
        ("upgrading_metal_share", settings.upgrading_metal_share, []),
        ("leaching_share", leaching, settings.tried_leaching_share),
    )
    for setting, share, tried in recoveries:
        is_unknown, now = share == "unknown", known(share)
        for other_share in (0.0, 1.0) if is_unknown else tried:
            changed_t = as_set_t * (other_share / now if now > 0 else np.nan)
            yield from _changes(key, setting, f"{other_share:g}", as_set_t, changed_t, "unknown: anything from 0 to 1" if is_unknown else "")


def _changes(key: dict[str, Any], setting: str, value: str, as_set_t: Array, metal_t: Array, state: str) -> Iterator[Row]:
    """Rows of one value tried."""
    change_t = metal_t - as_set_t
    change_share = np.divide(change_t, as_set_t, out=np.full(len(as_set_t), np.nan), where=as_set_t > 0)
    figures = np.column_stack([metal_t, change_t, change_share])
    found = {"mean": figures.mean(axis=0), "sd": [_sd(part) for part in figures.T]}
    found |= dict(zip(_PERCENTILES, np.quantile(figures, list(_PERCENTILES.values()), axis=0, method="weibull"), strict=True))
    for statistic, (metal, change, share) in found.items():
        yield {
            **key, "setting": setting, "value": value, "statistic": statistic, "metal_t": metal, "change_t": change, "change_share": share,
            "state": state,
        }  # fmt: skip


# --- in words --------------------------------------------------------------------------------------------------------------------------------------


def _state(step: str, slope: str, element: str, notes: dict[str, Any], settings: RecoverableSettings) -> str:
    """What was done in a step."""
    shares = {
        "extraction": settings.extraction_share,
        "upgrading": settings.upgrading_metal_share,
        "leaching": leaching_share(element, settings),
    }
    if step in shares:
        return _UNKNOWN if shares[step] == "unknown" else "applied"
    if step == "zone" and not notes["has_zone"]:
        return "not applied: [place] names no island"
    if step == "exclusions" and notes["unusable"]:
        return "applied, but polygons are missing that could not be used"
    if step == "slope" and slope == "left_out":
        return "left out"
    if step == "slope" and notes["coarse"]:
        return "applied, but the bathymetry is too coarse to show the slope of a cell"
    return "applied"


def _notes(notes: dict[str, Any], settings: RecoverableSettings) -> Iterator[str]:
    """What whoever runs the stage should know."""
    if not notes:
        yield "nothing was simulated: the funnel is empty"
        return
    if notes["unusable"]:
        yield f"no polygon, so that nothing is excluded by it: {', '.join(notes['unusable'])}"
    for name, cells in notes["unknown_cells"].items():
        if cells:
            yield f"{cells:,} cells of the region have no {name}: its limit does not reach them"
    if settings.lead_element not in ("first", notes["lead_element"]):
        yield f"lead_element {settings.lead_element} was not simulated: {notes['lead_element']} leads"
