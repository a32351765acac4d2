"""Core tables as they come: strict reading of CSV text, with every problem named by file, row, column, value, rule and cure."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from pipeline.artefacts import DEEPEST_WATER_M
from pipeline.errors import CoreFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.artefacts import CoreFiles
    from pipeline.config import IntakeSettings

    Array = NDArray[np.float64]

Refusal = tuple[str, int, str, str, str]
"""File, row (the header is row 1), column, value, reason with cure."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NUMERIC = ("water_depth_m", "penetration_m", "from_m", "to_m", "dry_bulk_density_t_m3", "detection_limit_ppm")


class SideFile(BaseModel):
    """The .toml beside a CSV of the same stem."""

    model_config = ConfigDict(extra="forbid")
    synthetic: bool = False
    crs: str | None = None
    title: str = ""
    source: str = ""
    licence: str = ""
    doi: str = ""
    date: str = ""
    note: str = ""
    generator: str = ""
    seed: int | None = None
    inputs: list[str] = []
    real: str = ""


@dataclass
class CoreTable:
    """One flat table of samples, column by column; rows that were refused are marked, not removed.

    Parameters
    ----------
    name : str
        File, relative to RAW.
    rows : list of int
        Row of each record in the file; the header is row 1.
    text : dict of str to list of str
        Columns as they stand in the file.
    numbers : dict of str to (rows,) array
        Parsed columns; NaN where empty.
    data_kind : str
        ``measured`` or ``synthetic``.
    conversion : str
        What was converted in every row; empty for nothing.
    refusals : list
    """

    name: str
    rows: list[int]
    text: dict[str, list[str]]
    data_kind: str
    conversion: str = ""
    numbers: dict[str, Array] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, index: int, column: str, reason: str) -> None:
        """Note why a record cannot be used."""
        value = self.text[column][index] if column in self.text else ""
        self.refusals.append((self.name, self.rows[index], column, value, reason))


def read_core_tables(files: CoreFiles, elements: Sequence[str], intake: IntakeSettings) -> list[CoreTable]:
    """Read and check every listed core table, each value on its own; checks between rows come later.

    Raises
    ------
    CoreFileError
        A file cannot be read as a table at all, or no table is there.
    """
    names = {name for name, _ in files.paths(".csv")}
    if not names:
        msg = "no core table in cores: put at least one .csv there (columns core_id, longitude_deg, latitude_deg, from_m, to_m, <element>_ppm)."
        raise CoreFileError(msg)
    sides = {name for name, _ in files.paths(".toml")}
    for name in sorted(sides):
        table_name = name.removesuffix(".toml") + ".csv"
        if table_name not in names:
            msg = f"{name} describes a file {table_name} that is not there. Rename or remove it with its table."
            raise CoreFileError(msg)
    tables = []
    for name in sorted(names):
        if name.endswith("collars.csv") and f"{name[:-11]}intervals.csv" in names:
            continue
        side = _read_side(files, f"{name[:-4]}.toml") if f"{name[:-4]}.toml" in sides else SideFile()
        rows, text = _read_csv(name, files.verified(name))
        collars = f"{name[:-13]}collars.csv"
        table = CoreTable(name, rows, text, "synthetic" if side.synthetic else "measured")
        if name.endswith("intervals.csv") and collars in names:
            if f"{collars[:-4]}.toml" in sides:
                # Either half of a pair may carry the notes; a synthetic half makes both synthetic.
                other = _read_side(files, f"{collars[:-4]}.toml")
                side = side.model_copy(update={"synthetic": side.synthetic or other.synthetic, "crs": side.crs or other.crs})
                table.data_kind = "synthetic" if side.synthetic else "measured"
            _join(table, collars, _read_csv(collars, files.verified(collars))[1])
        _parse(table, elements, side)
        if not table.refusals or table.numbers:
            _check_values(table, intake)
        tables.append(table)
    return tables


def _read_side(files: CoreFiles, name: str) -> SideFile:
    try:
        return SideFile(**tomllib.loads(files.verified(name).read_text(encoding="utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{name} is no valid TOML: {error}"
        raise CoreFileError(msg) from None
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        msg = f"{name} key {key}: {problem['msg']}; known keys are {', '.join(SideFile.model_fields)}"
        raise CoreFileError(msg) from None


def _read_csv(name: str, path: Path) -> tuple[list[int], dict[str, list[str]]]:
    """Rows and columns of a comma-separated UTF-8 file as stripped text."""
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{name}: byte {error.start} is no UTF-8 text. Save the file as CSV UTF-8."
        raise CoreFileError(msg) from None
    if "\0" in content:
        msg = f"{name} holds NUL bytes and is no text table. Save it as CSV UTF-8."
        raise CoreFileError(msg)
    try:
        records = list(csv.reader(io.StringIO(content, newline=""), strict=True))
    except csv.Error as error:
        msg = f"{name} is no readable CSV: {error}. Check its quotes."
        raise CoreFileError(msg) from None
    if not records or not any(cell.strip() for cell in records[0]):
        msg = f"{name} is empty; the first row must name the columns."
        raise CoreFileError(msg)
    header = [cell.strip() for cell in records[0]]
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        msg = f"{name} row 1: column {twice[0] or '(without a name)'} stands there twice. Each column needs its own name."
        raise CoreFileError(msg)
    kept = [(number, [cell.strip() for cell in record]) for number, record in enumerate(records[1:], start=2) if any(cell.strip() for cell in record)]
    for number, record in kept:
        if len(record) != len(header):
            msg = f"{name} row {number}: {len(record)} cells where the header has {len(header)}. Is a comma missing, or one too many?"
            raise CoreFileError(msg)
    return [number for number, _ in kept], {column: [record[i] for _, record in kept] for i, column in enumerate(header)}


def _join(table: CoreTable, collars_name: str, collars: dict[str, list[str]]) -> None:
    """Bring the collar's columns to each interval."""
    if "core_id" not in collars or "core_id" not in table.text:
        msg = f"{table.name} and {collars_name} are joined on core_id, which one of them lacks."
        raise CoreFileError(msg)
    position = {core: index for index, core in enumerate(collars["core_id"])}
    if len(position) != len(collars["core_id"]):
        msg = f"{collars_name}: a core_id stands there twice. One row per core."
        raise CoreFileError(msg)
    for index, core in enumerate(table.text["core_id"]):
        if core not in position:
            table.refuse(index, "core_id", f"has no row in {collars_name}; add the collar or correct the id")
    for column, values in collars.items():
        if column not in table.text:
            table.text[column] = [values[position[core]] if core in position else "" for core in table.text["core_id"]]


def _parse(table: CoreTable, elements: Sequence[str], side: SideFile) -> None:
    """Numbers from text; a missing column refuses the whole file."""
    position = ("easting_m", "northing_m") if side.crs is not None else ("longitude_deg", "latitude_deg")
    for column in ("core_id", *position, "from_m", "to_m", *(f"{element}_ppm" for element in elements)):
        if column not in table.text:
            cure = "leave it empty where nothing was measured" if column.endswith("_ppm") else "every table needs it"
            table.refusals.append((table.name, 1, column, "", f"the column is missing; add it ({cure})"))
    if any(row == 1 for _, row, *_ in table.refusals):
        return
    for column in [*position, *(c for c in table.text if c in _NUMERIC or c.endswith("_ppm"))]:
        if column not in table.numbers:
            table.numbers[column] = _numbers(table, column)
    if side.crs is not None:
        _to_lonlat(table, side.crs)


def _numbers(table: CoreTable, column: str) -> Array:
    values = np.full(len(table.rows), np.nan)
    for index, cell in enumerate(table.text[column]):
        if cell == "":
            continue
        if _NUMBER.fullmatch(cell) is None or not np.isfinite(float(cell)):
            table.refuse(index, column, "is no number; write digits with a decimal point, and leave the cell empty where nothing was measured")
        else:
            values[index] = float(cell)
    return values


def _to_lonlat(table: CoreTable, crs: str) -> None:
    try:
        transformer = Transformer.from_crs(CRS.from_user_input(crs), CRS.from_epsg(4326), always_xy=True)
    except CRSError:
        msg = f"{table.name[:-4]}.toml: crs {crs!r} is unknown. Give an EPSG code, for instance EPSG:28992."
        raise CoreFileError(msg) from None
    longitude_deg, latitude_deg = transformer.transform(table.numbers["easting_m"], table.numbers["northing_m"])
    for column, values, origin in (("longitude_deg", longitude_deg, "easting_m"), ("latitude_deg", latitude_deg, "northing_m")):
        table.numbers[column] = np.where(np.isfinite(values), values, np.nan)
        table.text[column] = table.text[origin]
    table.conversion = f"position from {crs}"


def _check_values(table: CoreTable, intake: IntakeSettings) -> None:
    """Each value against what is possible."""
    n = table.numbers
    for index, core in enumerate(table.text["core_id"]):
        if core == "":
            table.refuse(index, "core_id", "is empty; every row needs the id of its core")
    for column in ("longitude_deg", "latitude_deg", "from_m", "to_m"):
        for missing in np.flatnonzero(np.isnan(n[column])):
            if table.text[column][missing] == "":
                table.refuse(int(missing), column, "is empty; every row needs it")
            elif table.conversion and column.endswith("_deg"):
                table.refuse(int(missing), column, f"is no {table.conversion}; correct it or the crs in the .toml beside the table")
    _refuse(table, "latitude_deg", np.abs(n["latitude_deg"]) > 90, "is no latitude (-90 to 90). Are longitude and latitude swapped?")
    _refuse(table, "longitude_deg", (n["longitude_deg"] < -180) | (n["longitude_deg"] > 360), "is no longitude (-180 to 360)")
    _refuse(table, "from_m", n["from_m"] < 0, "lies above the seafloor; depths are metres below it, from 0 down")
    _refuse(table, "to_m", n["to_m"] <= n["from_m"], "is not below from_m; an interval runs from its top down to its bottom. Are they swapped?")
    if "penetration_m" in n:
        _refuse(
            table,
            "penetration_m",
            n["penetration_m"] <= 0,
            "is no penetration; give the length of core below the seafloor in metres, or leave it empty",
        )
        _refuse(table, "to_m", n["to_m"] > n["penetration_m"] + 1e-6, "is deeper than penetration_m; correct one of them")
    if "water_depth_m" in n:
        _refuse(table, "water_depth_m", n["water_depth_m"] < 0, "is negative; water depth is metres, positive down")
        too_deep = f"is deeper than any water ({DEEPEST_WATER_M:,.0f} m). Is the unit metres?"
        _refuse(table, "water_depth_m", n["water_depth_m"] > DEEPEST_WATER_M, too_deep)
    # Nothing fits between the atomic limit and a plain typing slip: a grade is a share of the dry mass.
    for column in sorted(c for c in n if c.endswith("_ppm") and c != "detection_limit_ppm"):
        _refuse(table, column, n[column] < 0, "is a negative grade; leave the cell empty where nothing was measured")
        _refuse(
            table,
            column,
            n[column] > intake.max_grade_ppm,
            f"is more than {intake.max_grade_ppm:g} ppm can be ([intake] max_grade_ppm). Is the unit ppm?",
        )
    if "dry_bulk_density_t_m3" in n:
        density, column = n["dry_bulk_density_t_m3"], "dry_bulk_density_t_m3"
        rule = (
            f"is outside {intake.min_density_t_m3:g} to {intake.max_density_t_m3:g} t/m3 ([intake] min_density_t_m3, max_density_t_m3). Is it kg/m3?"
        )
        _refuse(table, column, (density < intake.min_density_t_m3) | (density > intake.max_density_t_m3), rule)


def _refuse(table: CoreTable, column: str, wrong: NDArray[np.bool_], reason: str) -> None:
    for index in np.flatnonzero(wrong):
        table.refuse(int(index), column, reason)


def refused_rows(refusals: Iterable[Refusal]) -> set[tuple[str, int]]:
    """Distinct (file, row) pairs."""
    return {(name, row) for name, row, *_ in refusals}
