"""What rows cannot both say, and what files cannot both be: refused row by row.

Every function takes the frame of rows that are sound in themselves, sorted by ``row_groups.ORDER``. What may be right but ought to be seen is said
by ``sample_warnings``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from pipeline.intake.columns import DENSITY, is_grade
from pipeline.intake.refusals import Refusal
from pipeline.intake.row_groups import (
    SAME_DEPTH_M,
    apart_m,
    core_numbers,
    counted,
    first_rows,
    interval_numbers,
    numbers,
    shortened,
    texts,
)
from pipeline.units import GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.config import IntakeSettings

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Indices = NDArray[np.intp]
    Integers = NDArray[np.int64]

_SAME_SHARE = 1e-9
_ISSUED_AGAIN: Final = "was issued again with other values than"


@dataclass(frozen=True)
class _Rows:
    """Columns that tell a row's place, each a (rows,) array."""

    core: Integers
    name: NDArray[np.object_]
    longitude_deg: Array
    latitude_deg: Array
    from_m: Array
    to_m: Array
    file: NDArray[np.object_]
    number: Integers

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        return cls(
            core_numbers(frame),
            texts(frame, "core_id"),
            numbers(frame, "longitude_deg"),
            numbers(frame, "latitude_deg"),
            numbers(frame, "from_m"),
            numbers(frame, "to_m"),
            texts(frame, "source_file"),
            frame["source_row"].to_numpy(dtype=np.int64),
        )

    def apart_m(self, one: Indices, other: Indices) -> Array:
        """Distance between the positions of rows, in metres."""
        return apart_m(self.longitude_deg[one], self.latitude_deg[one], self.longitude_deg[other], self.latitude_deg[other])


def clashes(frame: pd.DataFrame, intake: IntakeSettings) -> list[Refusal]:
    """Rows that contradict another row of their core: another position, an interval that is there already, an overlap.

    The position that most rows of a core carry is taken for right; on a tie, the one met first. A row at another position takes no interval from
    the others. Of the rest, a row must begin below the deepest row accepted before it. An interval that stands in two files is a duplicate where
    all values agree, and a core issued again where they differ.

    Parameters
    ----------
    frame : DataFrame
        Check assays taken out (``check_assays.split_duplicates``).
    intake : IntakeSettings

    Returns
    -------
    list of Refusal
        At most one per row, in the order of the frame.
    """
    rows = _Rows.of(frame)
    home = _home_rows(rows)
    everywhere = np.arange(rows.core.size)
    distance_m = rows.apart_m(everywhere, home)
    away = distance_m > intake.position_tolerance_m
    against = _against(rows, away)
    interval = interval_numbers(rows.core, rows.from_m, rows.to_m)
    issued = _issued_elsewhere(rows, interval, away, against)
    against[issued >= 0] = issued[issued >= 0]
    repeats = np.flatnonzero((against >= 0) & (interval == interval[against]))
    overlaps = np.flatnonzero((against >= 0) & (interval != interval[against]))
    found = {**_positions(rows, np.flatnonzero(away & (issued < 0)), home, distance_m), **_overlaps(rows, overlaps, against)}
    found |= _repeats(frame, rows, repeats, against[repeats], intake.position_tolerance_m)
    return [found[index] for index in sorted(found)]


def _home_rows(rows: _Rows) -> Indices:
    """For each row, the row that carries its core's right position."""
    # ASSUME: the position that most rows of a core carry is right; on a tie, the one met first.
    start = first_rows(rows.core)
    home = start[rows.core] if start.size else np.zeros(0, dtype=np.intp)
    differs = (rows.longitude_deg != rows.longitude_deg[home]) | (rows.latitude_deg != rows.latitude_deg[home])
    several = np.zeros(start.size, dtype=bool)
    several[rows.core[differs]] = True
    members = np.flatnonzero(several[rows.core])
    if members.size:
        core, longitude_deg, latitude_deg = rows.core[members], rows.longitude_deg[members], rows.latitude_deg[members]
        order = np.lexsort((members, latitude_deg, longitude_deg, core))
        new = np.ones(order.size, dtype=bool)
        new[1:] = (np.diff(core[order]) != 0) | (np.diff(longitude_deg[order]) != 0) | (np.diff(latitude_deg[order]) != 0)
        begin = np.flatnonzero(new)
        size, first = np.diff(begin, append=order.size), members[order[begin]]
        # Most rows first, then the one met first: written last, so that it stays.
        best = np.lexsort((-first, size))
        start = start.copy()
        start[rows.core[first[best]]] = first[best]
        home = start[rows.core]
    return home


def _against(rows: _Rows, away: Flags) -> Indices:
    """For each row, the accepted row whose depths it runs into; -1 where it runs into none."""
    against = np.full(rows.core.size, -1, dtype=np.intp)
    here = np.flatnonzero(~away)
    core, from_m, to_m = rows.core[here], rows.from_m[here], rows.to_m[here]
    touched = (np.diff(core) == 0) & (from_m[1:] < to_m[:-1] - SAME_DEPTH_M)
    suspicious = np.isin(core, core[1:][touched])
    # What is accepted depends on what was accepted before, so rows of such cores are gone through one by one.
    last_core, deepest_m, deepest = -1, -np.inf, -1
    for index, member, top_m, bottom_m in zip(
        here[suspicious].tolist(), core[suspicious].tolist(), from_m[suspicious].tolist(), to_m[suspicious].tolist(), strict=True
    ):
        if member != last_core:
            last_core, deepest_m = member, -np.inf
        if top_m < deepest_m - SAME_DEPTH_M:
            against[index] = deepest
        else:
            deepest_m, deepest = bottom_m, index
    return against


def _issued_elsewhere(rows: _Rows, interval: Integers, away: Flags, against: Indices) -> Indices:
    """For rows at another position whose interval another file holds too, that accepted row; -1 for all others."""
    issued = np.full(rows.core.size, -1, dtype=np.intp)
    moved = np.flatnonzero(away)
    if moved.size:
        accepted = np.flatnonzero(~away & (against < 0))[::-1]
        holder = np.full(int(interval.max()) + 1, -1, dtype=np.intp)
        holder[interval[accepted]] = accepted
        found = holder[interval[moved]]
        other_file = (found >= 0) & (rows.file[moved] != rows.file[found])
        issued[moved[other_file]] = found[other_file]
    return issued


def _positions(rows: _Rows, away: Indices, home: Indices, distance_m: Array) -> dict[int, Refusal]:
    found = {}
    for index in away.tolist():
        right = home[index]
        where = f"lies {distance_m[index]:,.0f} m from the core's other rows ({rows.longitude_deg[right]:g} E {rows.latitude_deg[right]:g} N)"
        reason = f"core {shortened(rows.name[index])} {where}; a core has one position. Correct it or rename the core."
        found[index] = Refusal(rows.file[index], int(rows.number[index]), "longitude_deg", f"{rows.longitude_deg[index]:.10g}", reason)
    return found


def _overlaps(rows: _Rows, overlaps: Indices, against: Indices) -> dict[int, Refusal]:
    found = {}
    for index in overlaps.tolist():
        other = against[index]
        what = f"interval {_depths(rows, index)} overlaps {rows.file[other]} row {rows.number[other]}"
        again = "" if rows.file[index] == rows.file[other] else " If the core was issued again, remove the older file."
        reason = f"core {shortened(rows.name[index])}: {what}. Correct the depths.{again}"
        found[index] = Refusal(rows.file[index], int(rows.number[index]), "from_m", f"{rows.from_m[index]:.10g}", reason)
    return found


def _depths(rows: _Rows, index: int) -> str:
    return f"{rows.from_m[index]:g}-{rows.to_m[index]:g} m"


@dataclass
class _Difference:
    """How rows differ from the rows whose interval they repeat, each a (pairs,) array."""

    column: NDArray[np.object_]
    there: Array
    here: Array
    columns: Integers
    lacking: NDArray[np.object_]


def _repeats(frame: pd.DataFrame, rows: _Rows, one: Indices, other: Indices, tolerance_m: float) -> dict[int, Refusal]:
    """Refusals of rows whose interval stands in another row too."""
    differs = _difference(frame, rows, one, other, tolerance_m)
    whole = _repeated_files(rows, one[differs.columns == 0], other[differs.columns == 0])
    found = {}
    for pair, (index, right) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
        column, value = "from_m", f"{rows.from_m[index]:.10g}"
        file, other_file = rows.file[index], rows.file[right]
        twice = f"duplicate interval {_depths(rows, index)} of {other_file} row {rows.number[right]}"
        if differs.columns[pair] == 0:
            reason = f"{twice}. Keep one of them."
            if differs.lacking[pair]:
                reason += f" {differs.lacking[pair]} stands in one of them only: bring it into the row that you keep."
            if file in whole:
                reason += f" Every row of {file} stands in another file too: remove one of the files."
        else:
            there, here = f"{differs.there[pair]:.10g}", f"{differs.here[pair]:.10g}"
            more = differs.columns[pair] - 1
            also = f", and {counted(int(more), 'other column')} {'differs' if more == 1 else 'differ'}" if more else ""
            what = f"{differs.column[pair]} is {there} there and {here} here{also}"
            if file == other_file:
                reason = f"{twice}. Keep one of them: {what}. If this is a check assay, write duplicate in its qc_type."
            else:
                column, value = str(differs.column[pair]), here
                again = f"interval {_depths(rows, index)} {_ISSUED_AGAIN} {other_file} row {rows.number[right]}"
                reason = f"{again}: {what}. Remove the older of the two files, or the rows of this core from it."
        found[index] = Refusal(file, int(rows.number[index]), column, value, f"core {shortened(rows.name[index])}: {reason}")
    return found


def _difference(frame: pd.DataFrame, rows: _Rows, one: Indices, other: Indices, tolerance_m: float) -> _Difference:
    """First column in which two rows of one interval differ, and in how many they do; position, grades and density are compared."""
    nothing = np.full(one.size, np.nan)
    found = _Difference(np.full(one.size, "", object), nothing.copy(), nothing, np.zeros(one.size, np.int64), np.full(one.size, "", object))
    moved = rows.apart_m(one, other) > tolerance_m
    north = np.abs(rows.latitude_deg[one] - rows.latitude_deg[other])
    east = np.abs((rows.longitude_deg[one] - rows.longitude_deg[other] + 180) % 360 - 180) * np.cos(np.radians(rows.latitude_deg[other]))
    differing = {"longitude_deg": moved & (east >= north), "latitude_deg": moved & (east < north)}
    for column in ("longitude_deg", "latitude_deg", *filter(is_grade, frame.columns), DENSITY):
        values = numbers(frame, column)
        here, there = values[one], values[other]
        differ = differing.get(column, np.abs(here - there) > _SAME_SHARE * np.maximum(np.abs(here), np.abs(there)))
        first = differ & (found.columns == 0)
        found.column[first], found.here[first], found.there[first] = column, here[first], there[first]
        found.columns += differ
        found.lacking[(np.isnan(here) != np.isnan(there)) & (found.lacking == "")] = column
    return found


def _repeated_files(rows: _Rows, one: Indices, other: Indices) -> set[str]:
    """Files of which every row repeats one of another file."""
    repeated = Counter(rows.file[one][rows.file[one] != rows.file[other]].tolist())
    size = Counter(rows.file.tolist()) if repeated else Counter()
    return {file for file, count in repeated.items() if count == size[file]}


def marker_conflicts(frame: pd.DataFrame) -> list[Refusal]:
    """Rows whose marker lies at another depth than in the other rows of their core; an empty cell contradicts nothing.

    The depth that most rows of a core carry is taken for right; on a tie, the one met first.

    Parameters
    ----------
    frame : DataFrame
        Sorted by ``row_groups.ORDER``.

    Returns
    -------
    list of Refusal
        At most one per row, in the order of the frame.
    """
    if "marker_m" not in frame:
        return []
    marker_m, core, name = numbers(frame, "marker_m"), core_numbers(frame), texts(frame, "core_id")
    files, row_numbers = texts(frame, "source_file"), frame["source_row"].to_numpy(dtype=np.int64)
    found = []
    known = np.flatnonzero(np.isfinite(marker_m))
    for members in np.split(known, np.flatnonzero(np.diff(core[known])) + 1):
        if not members.size or np.ptp(marker_m[members]) <= SAME_DEPTH_M:
            continue
        # ASSUME: the depth that most rows of a core carry is right; on a tie, the one met first.
        counts = Counter(np.round(marker_m[members], 6).tolist())
        right = max(counts, key=lambda depth_m: counts[depth_m])
        first = members[np.flatnonzero(np.round(marker_m[members], 6) == right)[0]]
        for index in members[np.abs(marker_m[members] - right) > SAME_DEPTH_M].tolist():
            where = f"its marker lies at {right:.10g} m in {files[first]} row {row_numbers[first]}"
            reason = f"core {shortened(name[index])}: {where}; a core has one depth of the marker. Correct one of them, or leave the cell empty."
            found.append(Refusal(files[index], int(row_numbers[index]), "marker_m", f"{marker_m[index]:.10g}", reason))
    return found


def issued_again(refusals: Sequence[Refusal]) -> bool:
    """Whether a core was issued again with other values: no program can know which issue is right."""
    return any(_ISSUED_AGAIN in refusal.reason for refusal in refusals)


def same_files(hashes: Mapping[str, str]) -> list[Refusal]:
    """Tables that are another table byte for byte: the later name is refused.

    Two pairs of files may share their collars, so a ``*collars.csv`` that has its ``*intervals.csv`` may be there twice.

    Parameters
    ----------
    hashes : mapping of str to str
        sha256 by file name; notes beside the tables do not count.

    Returns
    -------
    list of Refusal
        Row 0, which is the file as a whole.
    """
    kept: dict[str, str] = {}
    found = []
    for name in sorted(hashes):
        collars = name.endswith("collars.csv") and f"{name.removesuffix('collars.csv')}intervals.csv" in hashes
        if not name.lower().endswith(".csv") or collars:
            continue
        first = kept.setdefault(hashes[name], name)
        if first != name:
            found.append(Refusal(name, 0, "", "", f"is the same file as {first}; remove one"))
    return found


def more_than_all(frame: pd.DataFrame, tolerance_share: float = 0.0) -> list[Refusal]:
    """Rows in which rare earths are more than all together (``rey_ppm``, or ``ree_ppm`` without yttrium): one of them, or those measured as a sum.

    Parameters
    ----------
    frame : DataFrame
    tolerance_share : float
        ``[intake] sum_tolerance_share``: the sum of several may be more than the total by this share, for both are rounded or assayed apart.

    Returns
    -------
    list of Refusal
        At most one per row. Where single ones are more, the greatest is named.
    """
    found: dict[int, Refusal] = {}
    files, row_numbers = texts(frame, "source_file"), frame["source_row"].to_numpy(dtype=np.int64)
    for group, members in sorted(GROUPS.items(), reverse=True):
        column = f"{group}_ppm"
        total_ppm, sum_ppm, count = numbers(frame, column), np.zeros(len(frame)), np.zeros(len(frame), dtype=np.int64)
        greatest_ppm, which = total_ppm * (1 + _SAME_SHARE), np.full(len(frame), "", dtype=object)
        for element in sorted(members | ({"ree"} if group == "rey" else set())):
            grade_ppm = numbers(frame, f"{element}_ppm")
            greater = grade_ppm > greatest_ppm
            greatest_ppm[greater], which[greater] = grade_ppm[greater], element
            if element in members:
                sum_ppm += np.nan_to_num(grade_ppm)
                count += np.isfinite(grade_ppm)
        for index in np.flatnonzero(which != "").tolist():
            what = f"more of {which[index]} than of all rare earths together ({column} is {total_ppm[index]:.10g})"
            reason = f"is {what}. Correct one of them; is the unit of one of the two columns wrong?"
            refusal = Refusal(files[index], int(row_numbers[index]), f"{which[index]}_ppm", f"{greatest_ppm[index]:.10g}", reason)
            found.setdefault(index, refusal)
        for index in np.flatnonzero(sum_ppm > total_ppm * (1 + tolerance_share) * (1 + _SAME_SHARE)).tolist():
            what = f"is less than the {count[index]} of its rare earths that are given add up to ({sum_ppm[index]:.10g} ppm)"
            cure = "Correct one of them: is yttrium not counted in the total, or is a unit wrong? [intake] sum_tolerance_share allows for rounding"
            refusal = Refusal(files[index], int(row_numbers[index]), column, f"{total_ppm[index]:.10g}", f"{what}. {cure}")
            found.setdefault(index, refusal)
    return [found[index] for index in sorted(found)]
