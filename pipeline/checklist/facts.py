"""What the answers to all criteria share: the artefacts, how a finding is made, and how figures are written."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from pipeline.field import median_spacing_m
from pipeline.text import printable
from pipeline.units import KM2_PER_M2
from pipeline.web.texts import symbol_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.artefacts import (
        Classes,
        Composites,
        CrossValidation,
        JointModel,
        NextCores,
        Provenance,
        PublishedFiles,
        Samples,
        Seafloor,
        Tonnage,
        Validation,
        Variogram,
    )

    Array = NDArray[np.float64]
    Text = dict[str, str]
    Place = tuple[str, str]

UNKNOWN: Final = "–"
_MOST_NAMED = 4  # of several laboratories, cruises …: more are counted


class Finding(NamedTuple):
    """What is found for a criterion: a value with places where it can be looked up, a reason why there is none, or both where a part is missing."""

    value: Text | None
    evidence: tuple[Place, ...]
    why_not: Text | None


class Criterion(NamedTuple):
    """A criterion and how it is answered.

    Parameters
    ----------
    name : Text
    of : str
        ``real`` work at sea or in a laboratory; ``data``, whose figures mean something only if the samples are real; or ``program``.
    find : function
    """

    name: Text
    of: Literal["real", "data", "program"]
    find: Callable[[Facts], Finding]


def both(en: str, ja: str) -> Text:
    """The same words in both languages."""
    return {"en": en, "ja": ja}


def given(value: Text, *evidence: Place) -> Finding:
    """All that the criterion asks for is there."""
    return Finding(value, evidence, None)


def partly(value: Text, why_not: Text, *evidence: Place) -> Finding:
    """A part is there; the reason says what is missing."""
    return Finding(value, evidence, why_not)


def absent(why_not: Text) -> Finding:
    """Nothing is there."""
    return Finding(None, (), why_not)


def joined(parts: Iterable[Text], en: str = " ", ja: str = "") -> Text:
    """Parts of a text in a row."""
    said = list(parts)
    return both(en.join(part["en"] for part in said), ja.join(part["ja"] for part in said))


def number(value: float | None, digits: int = 0) -> str:
    """Figure with thousands separated, in both languages alike; a dash where it is unknown."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    shown = f"{value:,.{digits}f}"
    return shown.replace("-", "−" if shown.strip("-0.,") else "")


def span(low: float, high: float, digits: int = 0) -> Text:
    """From one figure to another; one of them where both are written alike."""
    first, last = number(low, digits), number(high, digits)
    return both(first, first) if first == last else both(f"{first} to {last}", f"{first}～{last}")


def percent(share: float | None, digits: int = 0) -> str:
    """Share as a percentage, without its sign."""
    return number(None if share is None else 100 * share, digits)


def named(values: Iterable[str]) -> Text:
    """Distinct texts that people wrote, made harmless, sorted; of many the first few."""
    names = sorted({printable(value) for value in values})
    shown, more = names[:_MOST_NAMED], len(names) - _MOST_NAMED
    if more <= 0:
        return both("; ".join(shown), "、".join(shown))
    return both(f"{'; '.join(shown)} and {more} more", f"{'、'.join(shown)} ほか{more}件")


NOT_SIMULATED: Final = both(
    "No element could be simulated: there are no realisations to check.", "シミュレーションできた元素がなく、検証する実現値がありません。"
)

REGIONS: Final = {"supported": both("supported by cores", "コアで裏付けられた範囲"), "all": both("all estimated cells", "推定した全範囲")}
"""The regions that a headline can be of."""


@dataclass(frozen=True)
class Facts:
    """The artefacts that the checklist is filled in from."""

    samples: Samples
    composites: Composites
    seafloor: Seafloor
    variograms: tuple[Variogram, ...]
    joint: JointModel
    cross_validation: CrossValidation
    validation: Validation
    classes: Classes
    tonnage: Tonnage
    provenance: Provenance
    next_cores: NextCores
    published: PublishedFiles

    @property
    def elements(self) -> tuple[str, ...]:
        """Those assessed."""
        return self.composites.elements

    @property
    def symbols(self) -> Text:
        """Their symbols in a row."""
        names = [symbol_of(element) for element in self.elements]
        return both(", ".join(names), "・".join(names))

    @property
    def kind(self) -> str:
        """Kind of the data."""
        return self.samples.marks.data_kind

    def setting(self, section: str, key: str) -> Any:
        """A setting as provenance tells it."""
        return self.provenance.content["settings"][section][key]

    @property
    def simulation(self) -> dict[str, Any]:
        """What the simulation found of itself; hardly anything where nothing was simulated."""
        found: dict[str, Any] = self.validation.content["simulation"]
        return found

    def check(self, element: str, name: str) -> Any:
        """A check of one element."""
        return self.validation.content["elements"][element][name]

    # --- cores -------------------------------------------------------------------------------------------------------------------------------------

    @cached_property
    def cores(self) -> pd.DataFrame:
        """One row per core: position, water depth, length below the seafloor (penetration, else the deepest sample) and length sampled."""
        import pandas as pd

        frame = pd.DataFrame(self.samples.frame)
        frame = frame.assign(length_m=frame["to_m"] - frame["from_m"])
        cores = frame.groupby("core_id", sort=True).agg(
            longitude_deg=("longitude_deg", "first"),
            latitude_deg=("latitude_deg", "first"),
            water_depth_m=("water_depth_m", "median"),
            penetration_m=("penetration_m", "max"),
            bottom_m=("to_m", "max"),
            sampled_m=("length_m", "sum"),
        )
        cores["reach_m"] = cores["penetration_m"].fillna(cores["bottom_m"])
        return pd.DataFrame(cores)

    @cached_property
    def spacing_m(self) -> float:
        """Median distance from a core to the nearest other one."""
        return median_spacing_m(self._positions_m)

    @cached_property
    def spacings_m(self) -> tuple[float, float]:
        """Shortest and longest distance from a core to the nearest other one at another place."""
        from scipy.spatial import cKDTree

        places = np.unique(np.round(self._positions_m, 3), axis=0)
        if len(places) < 2:
            return math.nan, math.nan
        nearest = np.asarray(cKDTree(places).query(places, k=2)[0])[:, 1]
        return float(nearest.min()), float(nearest.max())

    @cached_property
    def _positions_m(self) -> Array:
        east_m, north_m = self.seafloor.grid.from_lonlat(self.cores["longitude_deg"].to_numpy(), self.cores["latitude_deg"].to_numpy())
        return np.column_stack([east_m, north_m])

    @cached_property
    def region_km2(self) -> float:
        """Area of the assessed region."""
        return float(np.nansum(self.seafloor.region_share)) * self.seafloor.grid.cell_area_m2 * KM2_PER_M2

    def real_rows(self) -> pd.DataFrame:
        """Samples that were measured, not drawn by a computer."""
        import pandas as pd

        return pd.DataFrame(self.samples.frame[self.samples.frame["data_kind"] == "measured"])

    def texts(self, column: str) -> tuple[Text | None, int, int]:
        """Distinct texts of a column of the measured samples, how many of these carry one, and how many there are."""
        frame = self.real_rows()
        if column not in frame:
            return None, 0, len(frame)
        cells = [cell for cell in frame[column].tolist() if isinstance(cell, str) and cell.strip()]
        return (named(cells) if cells else None), len(cells), len(frame)

    # --- tonnes ------------------------------------------------------------------------------------------------------------------------------------

    @cached_property
    def headline(self) -> str:
        """Region of the headline: what the cores support, or all where they support nothing."""
        frame = self.tonnage.frame
        return "supported" if (frame.loc[frame["region"] == "supported", "area_km2"] > 0).any() else "all"

    @cached_property
    def rows(self) -> dict[tuple[str, str, str], dict[str, float]]:
        """Rows of cut-off 0 by element, region and statistic."""
        frame = self.tonnage.frame[self.tonnage.frame["cutoff_ppm"] == 0]
        records: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
        return {(row["element"], row["region"], row["statistic"]): row for row in records}

    def row(self, element: str, statistic: str, region: str | None = None) -> dict[str, float] | None:
        """Row of cut-off 0, of the headline region unless another is named."""
        return self.rows.get((element, region or self.headline, statistic))

    def best(self, element: str, region: str | None = None) -> tuple[str, dict[str, float]] | None:
        """Statistic and row of the expected tonnes: of the realisations, else kriged."""
        for statistic in ("mean", "kriged"):
            row = self.row(element, statistic, region)
            if row is not None:
                return statistic, row
        return None


# --- places ----------------------------------------------------------------------------------------------------------------------------------------


def samples_at(*columns: str) -> tuple[Place, ...]:
    """Columns of the samples."""
    return tuple(("samples.parquet", column) for column in columns)


def composites_at(*columns: str) -> tuple[Place, ...]:
    """Columns of the composites."""
    return tuple(("composites.parquet", column) for column in columns)


def setting_at(section: str, *keys: str) -> tuple[Place, ...]:
    """Settings, where provenance tells them."""
    return tuple(("provenance.json", pointer("settings", section, key)) for key in keys)


def check_at(*path: str | int) -> Place:
    """A check."""
    return "validation.json", pointer(*path)


def tonnes_at(facts: Facts, statistic: str, column: str = "metal_t", region: str | None = None) -> tuple[Place, ...]:
    """A figure of the table for every element that has it."""
    where = region or facts.headline
    return tuple(
        ("tonnage.csv", f"{element}/{where}/0/{statistic}/{column}") for element in facts.elements if facts.row(element, statistic, where) is not None
    )


def pointer(*path: str | int) -> str:
    """JSON Pointer (RFC 6901).

    Examples
    --------
    >>> pointer("inputs", "cores/a.csv", 0)
    '/inputs/cores~1a.csv/0'
    """
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def find_in(content: Any, where: str) -> Any:
    """What a JSON Pointer leads to.

    Raises
    ------
    LookupError
        It leads nowhere.

    Examples
    --------
    >>> find_in({"inputs": {"cores/a.csv": [3]}}, "/inputs/cores~1a.csv/0")
    3
    """
    for part in where.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        content = content[int(key)] if isinstance(content, list) else content[key]
    return content


def metres(value: float) -> str:
    """Length with as many digits as it needs.

    Examples
    --------
    >>> metres(1.0), metres(0.25)
    ('1', '0.25')
    """
    return f"{value:g}"


def as_told(value: Any) -> str:
    """A setting as the settings file writes it.

    Examples
    --------
    >>> as_told(["dy", "gd"]), as_told(0.25), as_told(500.0)
    ('["dy", "gd"]', '0.25', '500')
    """
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
