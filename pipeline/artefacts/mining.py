"""What can be lifted: totals of every realisation behind each limit, and the tables made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pipeline.artefacts.formats import plain, read_csv, read_table, write_csv, write_table
from pipeline.artefacts.survey import Marks

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

STEPS: Final = (
    "in_situ",
    "zone",
    "water_depth",
    "slope",
    "exclusions",
    "column_cutoff",
    "connected",
    "extraction",
    "upgrading",
    "leaching",
)
"""Steps of the funnel in order; each leaves no more metal than the one before."""

SELECTIONS: Final = ("planned", "perfect")
"""Columns and panels chosen on the kriged estimate, or anew in every realisation as if it were known."""

SLOPES: Final = ("applied", "left_out")
"""Whether the limit of the slope is applied."""

RECOVERABLE_TOTALS_COLUMNS: Final = {
    "realisation": "int64",
    "element": "string",
    "region": "string",
    "cutoff_ppm": "double",
    "step": "string",
    "slope": "string",
    "selection": "string",
    "tried": "string",
    "area_km2": "double",
    "dry_mud_t": "double",
    "metal_t": "double",
}
"""Columns of ``recoverable_totals.parquet``; a key is empty, and the cut-off 0, in a step that does not depend on it.

The cut-off is that of the lead element, whichever element's metal the row tells. ``tried`` is ``setting=value`` where one setting is another than the
settings'; such rows stand for the headline alone, behind its last mask.
"""

RECOVERABLE_COLUMNS: Final = (
    "element", "region", "cutoff_ppm", "step", "slope", "selection", "statistic", "area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t",
    "in_situ_share", "state", "data_kind",
)  # fmt: skip
"""Columns of ``recoverable.csv``; the first seven identify a row."""

SENSITIVITY_COLUMNS: Final = (
    "element", "region", "cutoff_ppm", "slope", "selection", "setting", "value", "statistic", "metal_t", "change_t", "change_share", "state",
    "data_kind",
)  # fmt: skip
"""Columns of ``recoverable_sensitivity.csv``; the first eight identify a row."""

_SENSITIVITY = "recoverable_sensitivity.csv"


@dataclass(frozen=True)
class RecoverableTotals:
    """What every limit leaves of every realisation.

    Parameters
    ----------
    frame : DataFrame
        Columns as in ``RECOVERABLE_TOTALS_COLUMNS``; empty where nothing was simulated.
    notes : dict
        ``lead_element``, ``headline`` (region, cutoff_ppm, slope, selection), ``panel_dry_mud_t``, and what the masks rest on.
    marks : Marks
    """

    NAME: ClassVar[str] = "recoverable_totals.parquet"
    frame: pd.DataFrame
    notes: dict[str, Any]
    marks: Marks

    @classmethod
    def nothing(cls, marks: Marks) -> Self:
        """Without realisations."""
        import pandas as pd

        return cls(pd.DataFrame(columns=list(RECOVERABLE_TOTALS_COLUMNS)), {}, marks)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == cls.NAME

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the table."""
        frame, notes = read_table(path)
        return cls(frame, notes["notes"], Marks.from_tags(notes))

    def write(self, out: Path) -> None:
        """Write ``recoverable_totals.parquet``."""
        write_table(self.frame, RECOVERABLE_TOTALS_COLUMNS, {**self.marks.tags(), "notes": plain(self.notes)}, out)


@dataclass(frozen=True)
class Recoverable:
    """The funnel, and how it answers to each of its settings.

    Parameters
    ----------
    frame : DataFrame
        Columns as in ``RECOVERABLE_COLUMNS``.
    sensitivity : DataFrame
        Columns as in ``SENSITIVITY_COLUMNS``.
    """

    frame: pd.DataFrame
    sensitivity: pd.DataFrame
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact; the table beside it is read with it."""
        return path.name == "recoverable.csv"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read both tables."""
        tables: list[pd.DataFrame] = []
        for place, columns in ((path, RECOVERABLE_COLUMNS), (path.with_name(_SENSITIVITY), SENSITIVITY_COLUMNS)):
            numbers = [name for name in columns if name.endswith(("_km2", "_t", "_ppm", "_share"))]
            kinds = {name: "float64" if name in numbers else "str" for name in columns}
            tables.append(read_csv(place, dtype=kinds, na_values={name: [""] for name in numbers}))
        return cls(tables[0], tables[1])

    def write(self, out: Path) -> None:
        """Write ``recoverable.csv``, and ``recoverable_sensitivity.csv`` beside it."""
        write_csv(self.sensitivity.loc[:, list(SENSITIVITY_COLUMNS)], out.with_name(_SENSITIVITY))
        # Last: it stands for both.
        write_csv(self.frame.loc[:, list(RECOVERABLE_COLUMNS)], out)
