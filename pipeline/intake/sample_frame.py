"""One row per interval that is sound in itself, from all tables together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from pipeline.intake.columns import DENSITY, POSITION_M, is_grade
from pipeline.intake.refusals import SHOWN, Refusal, refused_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.intake.core_tables import CoreTable

_FIRST = ("core_id", "longitude_deg", "latitude_deg", "water_depth_m", "penetration_m", "from_m", "to_m")
_LAST = ("source_file", "source_row", "conversions", "data_kind")


def sample_frame(tables: Sequence[CoreTable], refusals: Iterable[Refusal]) -> pd.DataFrame:
    """Rows that were not refused, sorted by core and depth; columns that a file lacks are missing there: NaN, or empty text.

    Parameters
    ----------
    tables : sequence of CoreTable
    refusals : iterable of Refusal
        Of any file.
    """
    import pandas as pd

    at_fault: dict[str, list[int]] = {}
    for name, row in refused_rows(refusals):
        at_fault.setdefault(name, []).append(row)
    kept = [(table, np.flatnonzero(~np.isin(table.rows, at_fault.get(table.name, [])))) for table in tables]
    numeric = {column for table in tables for column in table.numbers if column not in POSITION_M} | {*_FIRST[1:], DENSITY}
    text = {column for table in tables for column in table.text if column not in (*numeric, *POSITION_M)} | {"core_id"}
    columns = {column: np.concatenate([_numbers(table, column, rows) for table, rows in kept] or [np.zeros(0)]) for column in numeric}
    columns |= {column: np.concatenate([_text(table, column, rows) for table, rows in kept] or [np.zeros(0, object)]) for column in text}
    columns["source_file"] = np.concatenate([np.full(rows.size, table.name, dtype=object) for table, rows in kept] or [np.zeros(0, object)])
    columns["source_row"] = np.concatenate([table.rows[rows] for table, rows in kept] or [np.zeros(0, np.int64)])
    columns["conversions"] = np.concatenate([table.conversions()[rows] for table, rows in kept] or [np.zeros(0, object)])
    columns["data_kind"] = np.concatenate([np.full(rows.size, table.data_kind, dtype=object) for table, rows in kept] or [np.zeros(0, object)])
    grades = sorted(filter(is_grade, columns))
    others = sorted(set(columns) - {*_FIRST, *grades, *_LAST, DENSITY})
    frame = pd.DataFrame({column: columns[column] for column in (*_FIRST, *grades, DENSITY, *others, *_LAST)})
    return frame.sort_values(["core_id", "from_m", "to_m", "source_file", "source_row"], ignore_index=True)


def _numbers(table: CoreTable, column: str, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    return table.numbers[column][rows] if column in table.numbers else np.full(rows.size, np.nan)


def _text(table: CoreTable, column: str, rows: NDArray[np.intp]) -> NDArray[np.object_]:
    return table.text[column].values()[rows] if column in table.text else np.full(rows.size, "", dtype=object)


def conversions_said(tables: Iterable[CoreTable]) -> list[str]:
    """Every conversion with the number of rows it was applied in, file by file; the first twenty files of a conversion by name."""
    counted: dict[str, Counter[str]] = {}
    for table in tables:
        for what, where in table.said:
            counted.setdefault(what, Counter())[table.name] += int(where.sum())
    said = []
    for what, by_file in sorted(counted.items()):
        names = sorted(by_file)
        more = f" and {len(names) - SHOWN} more files" if len(names) > SHOWN else ""
        rows = sum(by_file.values())
        said.append(f"{what}: {rows:,} {'row' if rows == 1 else 'rows'} of {', '.join(names[:SHOWN])}{more}")
    return said
