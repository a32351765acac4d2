"""Core tables in one set of units: every file found, read, converted and checked, each value on its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from pipeline.artefacts import DEEPEST_WATER_M
from pipeline.intake.cell_values import Reading, may_be_thousands, read_angle, read_grade, read_number
from pipeline.intake.columns import ABUNDANCE, DENSITY, POSITION_DEG, POSITION_M, RESERVED, Role, is_grade, is_limit, kind_of, role_by_map, role_of
from pipeline.intake.csv_text import Cells, read_csv_text
from pipeline.intake.decoding import decoded
from pipeline.intake.joined_tables import add, tell_rows
from pipeline.intake.one_depth import intervals_from_one_depth, parts_of, split_cells
from pipeline.intake.refusals import FileRefused, Refusal
from pipeline.intake.side_file import SideFile, read_side_file
from pipeline.units import KG_PER_TONNE, RARE_EARTHS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pipeline.artefacts import CoreFiles
    from pipeline.config import IntakeSettings

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

NOT_READ = {
    **dict.fromkeys(
        (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers"), "is a spreadsheet. Save the sheet as CSV UTF-8 beside it and remove it from cores"
    ),
    **dict.fromkeys(
        (".tsv", ".tab", ".txt", ".dat"),
        "is not read for its name. Rename it to .csv (commas, semicolons and tabs are all read), or move it out of cores",
    ),
    **dict.fromkeys((".parquet", ".gpkg", ".shp", ".geojson", ".zip"), "is not read. Save its table as CSV UTF-8 and move it out of cores"),
}
"""Files that may hold samples and are not read: refused, so that nothing is left out unseen."""

_SHARES = {"half": 0.5, "zero": 0.0, "limit": 1.0, "missing": np.nan}


@dataclass
class CoreTable:
    """One flat table of samples, column by column; rows that were refused are marked, not removed.

    Parameters
    ----------
    name : str
        File, relative to RAW.
    rows : (rows,) array of int
        Row of each record in the file.
    text : dict of str to Cells
        Columns as they stand in the file, by our names.
    numbers : dict of str to (rows,) array
        Numeric columns in our units; NaN where empty.
    said : list of (str, (rows,) array of bool)
        What was converted, and where.
    data_kind : str
        ``measured`` or ``synthetic``.
    unusable : bool
        The file as a whole cannot be used.
    refusals, notes : list
    """

    name: str
    rows: NDArray[np.int64]
    text: dict[str, Cells]
    data_kind: str = "measured"
    header_row: int = 1
    numbers: dict[str, Array] = field(default_factory=dict)
    below: dict[str, Mask] = field(default_factory=dict)
    said: list[tuple[str, Mask]] = field(default_factory=list)
    unusable: bool = False
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def subset(self, rows: NDArray[np.intp]) -> CoreTable:
        """A table of some of the rows, with what was converted in them; without refusals and notes."""
        text = {column: cells.taken(rows) for column, cells in self.text.items()}
        part = CoreTable(self.name, self.rows[rows], text, self.data_kind, self.header_row)
        part.numbers = {column: values[rows] for column, values in self.numbers.items()}
        part.below = {column: below[rows] for column, below in self.below.items()}
        part.said = [(what, where[rows]) for what, where in self.said if where[rows].any()]
        return part

    def refuse(self, index: int, column: str, reason: str) -> None:
        """Note why a record cannot be used."""
        value = self.text[column][index] if column in self.text else ""
        self.refusals.append(Refusal(self.name, int(self.rows[index]), column, value, reason))

    def refuse_where(self, column: str, wrong: Mask, reason: str) -> None:
        """Note the same reason for every record that is wrong."""
        for index in np.flatnonzero(wrong):
            self.refuse(int(index), column, reason)

    def refuse_file(self, column: str, reason: str, value: str = "") -> None:
        """Note why the whole file cannot be used."""
        self.unusable = True
        self.refusals.append(Refusal(self.name, self.header_row, column, value, reason))

    def refuse_key(self, toml: str, key: str, value: str, reason: str) -> None:
        """Note what is wrong with the notes beside the file; it cannot be used as a whole."""
        self.unusable = True
        self.refusals.append(Refusal(toml, 0, key, value, reason))

    def say(self, what: str, where: Mask) -> None:
        """Note a conversion."""
        if what and where.any():
            self.said.append((what, where))

    def conversions(self) -> NDArray[np.object_]:
        """(rows,) array of str: every conversion applied in a row; empty for none."""
        texts: dict[tuple[bool, ...], str] = {}
        if not self.said:
            return np.full(self.rows.size, "", dtype=object)
        patterns, rows = np.unique(np.column_stack([where for _, where in self.said]), axis=0, return_inverse=True)
        for pattern in map(tuple, patterns):
            texts[pattern] = "; ".join(what for (what, _), holds in zip(self.said, pattern, strict=True) if holds)
        return np.array([texts[tuple(pattern)] for pattern in patterns], dtype=object)[np.ravel(rows)]


def read_core_tables(files: CoreFiles, elements: Sequence[str], intake: IntakeSettings) -> list[CoreTable]:
    """Read and check every listed core table, each value on its own; checks between rows come later.

    Parameters
    ----------
    files : CoreFiles
    elements : sequence of str
        Assessed: every table must have a column of each.
    intake : IntakeSettings

    Returns
    -------
    list of CoreTable
        Sorted by name. A file that cannot be read is among them, unusable, with its refusals.
    """
    stems = {name.rpartition(".")[0]: name for name, _ in files.paths(".csv")}
    sides, tables = _side_files(files, stems)
    tables += [_unusable(name, Refusal(name, 0, "", "", NOT_READ[name[name.rindex(".") :].lower()])) for name, _ in files.paths(*NOT_READ)]
    if not stems and not tables:
        reason = "no core table in cores: put at least one .csv there (columns core_id, longitude_deg, latitude_deg, from_m, to_m, <element>_ppm)."
        tables.append(_unusable("cores", Refusal("cores", 0, "", "", reason)))
    completed, faults = _additions(stems, sides)
    tables += faults
    for stem, name in sorted(stems.items()):
        if sides.get(stem, SideFile()).adds_to is not None or (stem.endswith("collars") and f"{stem.removesuffix('collars')}intervals" in stems):
            continue
        halves = [(stem, name)]
        collars = f"{stem.removesuffix('intervals')}collars"
        if stem.endswith("intervals") and collars in stems and sides.get(collars, SideFile()).adds_to is None:
            halves.append((collars, stems[collars]))
        described = [(half, sides.get(half_stem, SideFile())) for half_stem, half in halves]
        added = [(stems[half_stem], sides[half_stem]) for half_stem in completed.get(stem, [])]
        tables += _read_halves(files, described, added, elements, intake)
    return sorted(tables, key=lambda table: table.name)


def _additions(stems: dict[str, str], sides: dict[str, SideFile]) -> tuple[dict[str, list[str]], list[CoreTable]]:
    """Tables that complete the rows of another, by the stem of that one; and what is wrong with what their .toml says."""
    completed: dict[str, list[str]] = {}
    faults = []
    for stem, side in sorted(sides.items()):
        if side.adds_to is None:
            continue
        folder = stem.rpartition("/")[0]
        target = f"{folder}/{side.adds_to}".rpartition(".")[0]
        if stems.get(target) != f"{folder}/{side.adds_to}":
            reason = f"names {side.adds_to}, which is no core table in the same folder. Give the file's name, with .csv"
        elif target == stem or sides.get(target, SideFile()).adds_to is not None:
            reason = f"names {side.adds_to}, which completes a table itself. Name the one table whose rows are the samples in all of them"
        elif target.endswith("collars") and f"{target.removesuffix('collars')}intervals" in stems:
            reason = f"names {side.adds_to}, whose rows are cores. Name the table whose rows are samples"
        else:
            completed.setdefault(target, []).append(stem)
            continue
        faults.append(_unusable(f"{stem}.toml", Refusal(f"{stem}.toml", 0, "adds_to", side.adds_to, reason)))
    return completed, faults


def _side_files(files: CoreFiles, stems: dict[str, str]) -> tuple[dict[str, SideFile], list[CoreTable]]:
    sides, faults = {}, []
    for name, _ in files.paths(".toml"):
        stem = name.rpartition(".")[0]
        if stem not in stems:
            reason = f"describes a file {stem}.csv that is not there. Rename or remove it with its table"
            faults.append(_unusable(name, Refusal(name, 0, "", "", reason)))
            continue
        sides[stem], refusals = read_side_file(name, files.content(name))
        faults += [_unusable(name, *refusals)] if refusals else []
    return sides, faults


def _unusable(name: str, *refusals: Refusal) -> CoreTable:
    return CoreTable(name, np.zeros(0, np.int64), {}, unusable=True, refusals=list(refusals))


def _read_halves(
    files: CoreFiles,
    halves: list[tuple[str, SideFile]],
    added: list[tuple[str, SideFile]],
    elements: Sequence[str],
    intake: IntakeSettings,
) -> list[CoreTable]:
    """A flat table, or the intervals of a pair with their collars brought to them, and with what other tables add; unusable parts by themselves."""
    tables = []
    for name, side in (*halves, *added):
        try:
            tables.append(_read_table(files, name, side, elements))
        except FileRefused as refused:
            tables.append(_unusable(name, refused.refusal))
    if any(table.unusable for table in tables):
        return [table for table in tables if table.unusable]
    table, *collars = tables[: len(halves)]
    if collars:
        _join(table, collars[0])
    found = [table, *_with_additions(table, list(zip(tables[len(halves) :], (side for _, side in added), strict=True)), elements, intake)]
    if any(part.unusable for part in found):
        return [part for part in found if part.unusable]
    sides = [side for _, side in (*halves, *added)]
    crs = next((side.crs for side in sides if side.crs is not None), None)
    for part in found:
        # Any part may carry the notes; a synthetic part makes the whole synthetic.
        if any(side.synthetic for side in sides):
            part.data_kind = "synthetic"
        _complete(part, halves[0][1].sums if part is table else {}, crs, elements, intake)
    return found


def _with_additions(table: CoreTable, added: list[tuple[CoreTable, SideFile]], elements: Sequence[str], intake: IntakeSettings) -> list[CoreTable]:
    """Bring to a table what others add, each checked in its own rows first; rows that complete none and are kept come back, or what is unusable."""
    if not added:
        return []
    # A limit that names no element is that of the grades in its own table.
    _treat_below_detection(table, elements, intake)
    kept: list[CoreTable] = []
    # Tables of cores last: what others keep needs them too.
    for addition, side in sorted(added, key=lambda part: part[1].joined_on == ["core_id"]):
        _check_ranges(addition, intake)
        _treat_below_detection(addition, elements, intake)
        _add_up(addition, side.sums)
        if addition.unusable:
            return [addition]
        alone = add(table, addition, side)
        if side.joined_on == ["core_id"]:
            for part in kept:
                again = addition.subset(np.arange(addition.rows.size))
                again.refusals = list(addition.refusals)
                add(part, again, side)
                part.refusals = [refusal for refusal in part.refusals if refusal.file == part.name]
        kept += [] if alone is None else [alone]
    for part in kept:
        for column in (f"{element}_ppm" for element in elements):
            if column not in part.text and column in table.text:
                part.text[column], part.numbers[column] = Cells(np.zeros(part.rows.size, np.int32), ("",)), np.full(part.rows.size, np.nan)
    return kept


def _complete(table: CoreTable, sums: dict[str, list[str]], crs: str | None, elements: Sequence[str], intake: IntakeSettings) -> None:
    """Check a table that has all of its columns, and make of them what it does not hold itself."""
    _require_columns(table, [element for element in elements if f"{element}_ppm" not in sums], POSITION_DEG if crs is None else POSITION_M)
    if not table.unusable and crs is not None:
        _to_lonlat(table, crs)
    if not table.unusable:
        _density_from_abundance(table)
        _check_values(table, intake)
        _treat_below_detection(table, elements, intake)
        _add_up(table, sums)


def _read_table(files: CoreFiles, name: str, side: SideFile, elements: Sequence[str]) -> CoreTable:
    """Cells of a file under our names, and the numbers among them in our units."""
    mapped = {theirs.strip(): ours for ours, theirs in side.columns.items()}
    text, encoding = decoded(name, files.content(name), side.encoding)
    csv = read_csv_text(name, text, side.form, lambda title: title in mapped or role_of(title) is not None)
    table = CoreTable(name, csv.rows, {}, header_row=side.header_row, refusals=csv.refusals)
    if encoding != "utf-8":
        table.notes.append(f"{name} was read as {encoding.upper()}")
    roles = _roles(table, list(csv.columns), side, mapped, elements)
    for title, role in roles.items():
        table.text[role.column] = csv.columns[title]
    if table.unusable:
        return table
    for column in side.fill_down:
        if column not in table.text:
            table.refuse_file(column, f"fill_down in its .toml names {column}, which the file has not")
            continue
        table.text[column], filled = table.text[column].filled_down()
        table.say(f"{column} as above", filled)
    parts = split_cells(table, side)
    comma = _decimal_comma(table, side, csv.separator)
    for role in (*roles.values(), *parts):
        if kind_of(role.column) != "text":
            _read_numbers(table, role, decimal_comma=comma)
    intervals_from_one_depth(table, side)
    _name_cores_by_row(table, side)
    return table


def _name_cores_by_row(table: CoreTable, side: SideFile) -> None:
    """Give a table that names no cores one of each row (``core_per_row``)."""
    if side.core_per_row is None:
        return
    if "core_id" in table.text:
        reason = f"is for a table that names no cores, and {table.name} has a column core_id. Remove the key"
        table.refuse_key(table.name.rpartition(".")[0] + ".toml", "core_per_row", side.core_per_row, reason)
        return
    # ASSUME: rows of a table without names of cores are places of their own.
    table.text["core_id"] = Cells(np.arange(table.rows.size, dtype=np.int32), tuple(f"{side.core_per_row}{row}" for row in table.rows))
    table.say("core_id from the row's number", np.ones(table.rows.size, dtype=bool))


def _roles(table: CoreTable, titles: list[str], side: SideFile, mapped: dict[str, str], elements: Sequence[str]) -> dict[str, Role]:
    """What each column of a file is."""
    toml = table.name.rpartition(".")[0] + ".toml"
    for theirs, ours in mapped.items():
        if theirs not in titles:
            _refuse_key(table, toml, f"columns.{ours}", theirs, f"names {theirs!r}, which is no column of {table.name}. It has {', '.join(titles)}")
    found: dict[str, Role] = {}
    for title in titles:
        role = role_of(title)
        if title in mapped:
            found[title] = role_by_map(mapped[title], title, side.units.get(mapped[title]), side.oxide_per_metal.get(mapped[title]))
        elif role is None or role.column in mapped.values():
            found[title] = Role(_free_name(title, mapped))
        else:
            found[title] = role_by_map(role.column, title, side.units[role.column]) if role.column in side.units else role
    _settle_rivals(table, found)
    _settle_faults(table, found, mapped, elements)
    have = {role.column for role in found.values()} | {part for form in side.split.values() for part in parts_of(form)}
    for ours in side.units:
        if ours not in have:
            _refuse_key(table, toml, f"units.{ours}", side.units[ours], f"gives a unit to {ours}, which {table.name} has not")
    for ours, factor in side.oxide_per_metal.items():
        if ours not in mapped.values():
            reason = f"is given for {ours}, which [columns] does not map; only a mapped column is read as a sum of oxides"
            _refuse_key(table, toml, f"oxide_per_metal.{ours}", f"{factor:g}", reason)
    return found


def _refuse_key(table: CoreTable, toml: str, key: str, value: str, reason: str) -> None:
    table.refuse_key(toml, key, value, reason)


def _free_name(title: str, mapped: dict[str, str]) -> str:
    """Name under which a free column is kept: not one that the program or another column has."""
    taken = title in RESERVED or title.endswith("_censored_ppm") or kind_of(title) != "text" or title in mapped.values()
    return f"file_{title}" if taken else title


def _settle_rivals(table: CoreTable, found: dict[str, Role]) -> None:
    """Two columns cannot be the same one: a sound one wins over one without a unit, two sound ones refuse the file."""
    by_column: dict[str, list[str]] = {}
    for title, role in found.items():
        by_column.setdefault(role.column, []).append(title)
    for column, titles in by_column.items():
        sound = [title for title in titles if not found[title].fault]
        if len(sound) > 1:
            reason = f"columns {' and '.join(map(repr, sound))} both give {column}. Remove one, or name the right one in [columns] of the .toml"
            table.refuse_file(column, reason)
        elif len(titles) > 1:
            for title in titles:
                if title not in sound:
                    found[title] = Role(_free_name(title, {}))


def _settle_faults(table: CoreTable, found: dict[str, Role], mapped: dict[str, str], elements: Sequence[str]) -> None:
    """A column that matters must say its unit; another is kept as text, and that is said."""
    matters = {*(f"{element}_ppm" for element in elements), DENSITY}
    for title, role in list(found.items()):
        if not role.fault:
            continue
        if title in mapped or role.column in matters or kind_of(role.column) in ("length", "angle"):
            cure = (
                "" if "[units]" in role.fault else f'. Rename the column to {role.column}, or say its unit in the .toml: [units] {role.column} = "…"'
            )
            table.refuse_file(role.column, f"column {title!r} {role.fault}{cure}", title)
        else:
            found[title] = Role(_free_name(title, {}))
            table.notes.append(f"{table.name}: column {title!r} {role.fault} and is kept as text")


def _decimal_comma(table: CoreTable, side: SideFile, separator: str) -> bool:
    """Whether the comma is the decimal mark of a file: where its ``.toml`` says so, or where nothing else makes sense."""
    if side.decimal is not None or separator == ",":
        return side.decimal == ","
    cells = {cell for column, held in table.text.items() if kind_of(column) != "text" for cell in held.distinct}
    commas = [cell for cell in cells if "," in cell]
    # A point anywhere, or commas that could all part thousands, leave two readings.
    return not any("." in cell for cell in cells) and any(not may_be_thousands(cell.lstrip("<＜ ")) for cell in commas)


def _read_numbers(table: CoreTable, role: Role, *, decimal_comma: bool) -> None:
    column, cells = role.column, table.text[role.column]
    read = _reader_of(column)
    readings = [read(cell, decimal_comma) for cell in cells.distinct]
    for index in np.flatnonzero(cells.where_code([bool(reading.problem) for reading in readings])):
        table.refuse(int(index), column, readings[cells.codes[index]].problem)
    values = np.array([*(_scaled(reading.value, role.factor) for reading in readings), np.nan])
    said = [reading.said for reading in readings]
    if column == "longitude_deg":
        for code in np.flatnonzero((values >= 180) & (values <= 360)):
            values[code] = float(Decimal(repr(float(values[code]))) - 360)
            said[code] = f"{said[code]}, 0 to 360" if said[code] else "0 to 360"
    table.numbers[column] = values[cells.codes]
    if is_grade(column):
        table.below[column] = cells.where_code([reading.below for reading in readings])
    table.say(role.said, cells.where(bool))
    for what in sorted(set(said) - {""}):
        table.say(f"{column} from {what}", cells.where_code([text == what for text in said]))


def _reader_of(column: str) -> Callable[[str, bool], Reading]:
    if kind_of(column) == "angle":
        return lambda cell, comma: read_angle(cell, column, decimal_comma=comma)
    read = read_grade if is_grade(column) else read_number
    return lambda cell, comma: read(cell, decimal_comma=comma)


def _scaled(value: float, factor: float) -> float:
    """Value times factor, rounded once: 70 cm are 0.7 m and not 0.7000000000000001."""
    return value if factor == 1 or not np.isfinite(value) else float(Decimal(repr(value)) * Decimal(repr(factor)))


def _join(table: CoreTable, collars: CoreTable) -> None:
    """Bring the collar's columns to each interval."""
    for half in (table, collars):
        if "core_id" not in half.text:
            table.refuse_file(
                "core_id", f"{table.name} and {collars.name} are joined on core_id, which {half.name} lacks. Add it, or map it in [columns]"
            )
            return
    ids = collars.text["core_id"]
    first: dict[str, int] = {}
    at_fault = np.isin(collars.rows, [row for _, row, *_ in collars.refusals])
    for index in range(collars.rows.size):
        before = first.setdefault(ids[index], index)
        if before != index:
            collars.refuse(index, "core_id", f"stands in row {collars.rows[before]} already: a core_id stands there twice. One row per core")
            at_fault[before] = True  # nobody can know which of the two is right
    table.refusals += collars.refusals
    cores = table.text["core_id"]
    at = np.array([*(first.get(core, -1) for core in cores.distinct), -1], dtype=np.intp)[cores.codes]
    table.refuse_where("core_id", at < 0, f"has no row in {collars.name}; add the collar or correct the id")
    table.refuse_where("core_id", (at >= 0) & np.append(at_fault, False)[at], f"has a refused row in {collars.name}; correct it there")
    for column, cells in collars.text.items():
        if column in table.text:
            continue
        table.text[column] = cells.taken(at)
        if column in collars.numbers:
            table.numbers[column] = np.append(collars.numbers[column], np.nan)[at]
        if column in collars.below:
            table.below[column] = np.append(collars.below[column], False)[at]
    for what, where in collars.said:
        table.say(what, np.append(where, False)[at])
    tell_rows(table, collars, at)
    table.notes += collars.notes


def _require_columns(table: CoreTable, elements: Sequence[str], position: tuple[str, str]) -> None:
    """A missing column refuses the whole file."""
    for column in ("core_id", *position, "from_m", "to_m", *(f"{element}_ppm" for element in elements)):
        if column not in table.text:
            cure = "leave it empty where nothing was measured" if column.endswith("_ppm") else "every table needs it"
            if column == "from_m" and "at_m" in table.text:
                reason = "samples have one depth (at_m) and no interval. Say in the .toml which depth of the sample that is, and its length"
                table.refuse_file(column, f'{reason}: [interval] at = "middle", length_m = 0.02')
                continue
            if column == "to_m" and "from_m" not in table.text and "at_m" in table.text:
                continue
            table.refuse_file(column, f"the column is missing; add it ({cure}), or name it in [columns] of the .toml beside the table")


def _to_lonlat(table: CoreTable, crs: str) -> None:
    try:
        transformer = Transformer.from_crs(CRS.from_user_input(crs), CRS.from_epsg(4326), always_xy=True)
    except CRSError:
        reason = f"crs {crs!r} is unknown. Give an EPSG code, for instance EPSG:28992"
        _refuse_key(table, table.name.rpartition(".")[0] + ".toml", "crs", crs, reason)
        return
    longitude_deg, latitude_deg = transformer.transform(table.numbers["easting_m"], table.numbers["northing_m"])
    known = np.isfinite(longitude_deg) & np.isfinite(latitude_deg)
    for column, values, origin in (("longitude_deg", longitude_deg, "easting_m"), ("latitude_deg", latitude_deg, "northing_m")):
        table.numbers[column] = np.where(known, values, np.nan)
        table.text[column] = table.text[origin]
    written = np.isfinite(table.numbers["easting_m"]) & np.isfinite(table.numbers["northing_m"])
    reason = f"is no position from {crs}; correct it or the crs in the .toml beside the table"
    table.refuse_where("longitude_deg", written & ~known, reason)
    table.say(f"position from {crs}", known)


def _check_values(table: CoreTable, intake: IntakeSettings) -> None:
    """Each value against what is possible, in a table that has every column it needs."""
    refuse = table.refuse_where
    refuse("core_id", ~table.text["core_id"].where(bool), "is empty; every row needs the id of its core")
    for column in ("longitude_deg", "latitude_deg", "from_m", "to_m"):
        refuse(column, ~table.text[column].where(bool), "is empty; every row needs it")
    _check_ranges(table, intake)


def _density_from_abundance(table: CoreTable) -> None:
    """Density of intervals whose dry mass is given per area (``abundance_kg_m2``): that mass over their length."""
    if ABUNDANCE not in table.numbers:
        return
    if DENSITY in table.text:
        table.refuse_file(ABUNDANCE, f"says the same as {DENSITY}, which the table holds too: how much dry mass there is. Remove one of the two")
        return
    abundance_kg_m2, length_m = table.numbers[ABUNDANCE], table.numbers["to_m"] - table.numbers["from_m"]
    # A mass of nothing has no logarithm, and is another kind of ground rather than a little of this one.
    reason = "is no dry mass per area; it is more than 0. Leave barren ground out of the table and, by a polygon with a hole there, out of the region"
    table.refuse_where(ABUNDANCE, abundance_kg_m2 <= 0, reason)
    usable = (abundance_kg_m2 > 0) & (length_m > 0)
    table.text[DENSITY] = table.text[ABUNDANCE]
    table.numbers[DENSITY] = np.divide(abundance_kg_m2, length_m * KG_PER_TONNE, out=np.full(length_m.size, np.nan), where=usable)
    table.say(f"{DENSITY} from {ABUNDANCE} over the length of the interval", usable)


def _check_ranges(table: CoreTable, intake: IntakeSettings) -> None:
    """Each number that a table holds against what is possible."""
    n, refuse = table.numbers, table.refuse_where
    if "latitude_deg" in n:
        refuse("latitude_deg", np.abs(n["latitude_deg"]) > 90, "is no latitude (-90 to 90). Are longitude and latitude swapped?")
    if "longitude_deg" in n:
        refuse("longitude_deg", (n["longitude_deg"] < -180) | (n["longitude_deg"] > 360), "is no longitude (-180 to 360)")
    up = 'If the file counts upwards, say so in the .toml: [units] from_m = "m up", to_m = "m up"'
    if "from_m" in n:
        refuse("from_m", n["from_m"] < 0, f"lies above the seafloor; depths are metres below it, from 0 down. {up}")
    if "from_m" in n and "to_m" in n:
        refuse("to_m", n["to_m"] <= n["from_m"], "is not below from_m; an interval runs from its top down to its bottom. Are they swapped?")
    if "penetration_m" in n:
        reason = "is no penetration; give the length of core below the seafloor in metres, or leave it empty"
        refuse("penetration_m", n["penetration_m"] <= 0, reason)
    if "penetration_m" in n and "to_m" in n:
        refuse("to_m", n["to_m"] > n["penetration_m"] + 1e-6, "is deeper than penetration_m; correct one of them")
    if "marker_m" in n:
        reason = "lies above the seafloor; give the depth of the picked marker below it in metres, or leave the cell empty where it is not picked"
        refuse("marker_m", n["marker_m"] < 0, reason)
        if "penetration_m" in n:
            reason = "is deeper than penetration_m: a marker is picked inside the core; correct one of them, or leave marker_m empty"
            refuse("marker_m", n["marker_m"] > n["penetration_m"] + 1e-6, reason)
    if "water_depth_m" in n:
        # A column of elevations holds them positive up, and the sign of its values was turned.
        reason = "is negative; water depth is metres, positive down (elevation_m for a column that counts upwards)"
        refuse("water_depth_m", n["water_depth_m"] < 0, reason)
        refuse("water_depth_m", n["water_depth_m"] > DEEPEST_WATER_M, f"is deeper than any water ({DEEPEST_WATER_M:,.0f} m). Is the unit metres?")
    for column in sorted(filter(is_grade, n)):
        _check_grade(table, column, intake)
    for column in filter(is_limit, n):
        refuse(column, n[column] <= 0, "is no detection limit; it is a positive grade, or the cell is empty")
        refuse(column, n[column] > intake.max_grade_ppm, _more_than_pure(intake))
    if DENSITY in n:
        least, most = intake.min_density_t_m3, intake.max_density_t_m3
        possible = (n[DENSITY] >= least) & (n[DENSITY] <= most) | np.isnan(n[DENSITY])
        bounds = f"outside {least:g} to {most:g} t/m3 ([intake] min_density_t_m3, max_density_t_m3)"
        if ABUNDANCE in n:
            refuse(ABUNDANCE, ~possible & (n[ABUNDANCE] > 0), f"over the length of its interval is {bounds}. Is it kg/m2, and that length right?")
        else:
            refuse(DENSITY, ~possible, f"is {bounds}. Is it kg/m3?")


def _check_grade(table: CoreTable, column: str, intake: IntakeSettings) -> None:
    values = table.numbers[column]
    table.refuse_where(column, values < 0, "is a negative grade; leave the cell empty where nothing was measured")
    reason, most = _more_than_pure(intake), intake.max_grade_ppm
    if column.removesuffix("_ppm") in RARE_EARTHS and intake.max_rare_earth_ppm < most:
        most = intake.max_rare_earth_ppm
        reason = f"is more than {most:g} ppm, which no mud holds of one rare earth ([intake] max_rare_earth_ppm). Is the unit ppm?"
    table.refuse_where(column, values > most, reason)


def _more_than_pure(intake: IntakeSettings) -> str:
    return f"is more than {intake.max_grade_ppm:g} ppm can be ([intake] max_grade_ppm). Is the unit ppm?"


def _treat_below_detection(table: CoreTable, elements: Sequence[str], intake: IntakeSettings) -> None:
    """Grades below their detection limit: kept as censored, and given the value that the settings' rule says; once."""
    for column in [column for column in table.numbers if column in table.below]:
        element = column.removesuffix("_ppm")
        values, below = table.numbers[column], table.below[column]
        limit_column = f"{element}_detection_limit_ppm"
        if limit_column not in table.numbers:
            limit_column = "detection_limit_ppm"
        limits = table.numbers.get(limit_column, np.full(values.size, np.nan))
        # ASSUME: a limit that names no element is that of the assessed ones; others have it only where their cell refers to it.
        stated = limits if element in elements or limit_column != "detection_limit_ppm" else np.full(values.size, np.nan)
        unknown = below & np.isnan(values) & np.isnan(limits)
        table.refuse_where(column, unknown, f"is below a detection limit that is not given; write <limit, or fill {element}_detection_limit_ppm")
        under = ~below & (values < stated) & (values >= 0)
        limit = np.where(below & np.isfinite(values), values, np.where(below | under, limits, np.nan))
        censored = np.isfinite(limit)
        if censored.any():
            # ASSUME: one value stands for every grade below a limit ([intake] below_detection).
            table.numbers[column] = np.where(censored, _SHARES[intake.below_detection] * limit, values)
            table.numbers[f"{element}_censored_ppm"] = limit
            table.say(f"{column} below detection: {intake.below_detection}", censored)
    table.below.clear()


def _add_up(table: CoreTable, sums: dict[str, list[str]]) -> None:
    """Grades that the file has in parts: missing where a part is missing."""
    toml = table.name.rpartition(".")[0] + ".toml"
    for total, parts in sums.items():
        lacking = [part for part in parts if part not in table.numbers]
        if not is_grade(total) or not all(map(is_grade, parts)) or len(set(parts)) < max(len(parts), 2):
            reason = 'adds up grades, two or more different ones, as in rey_ppm = ["ree_ppm", "y_ppm"]'
            table.refuse_key(toml, f"sums.{total}", ", ".join(parts), reason)
        elif total in table.numbers:
            table.refuse_key(toml, f"sums.{total}", ", ".join(parts), f"adds up to {total}, which the table holds already. Remove one of the two")
        elif lacking:
            table.refuse_key(toml, f"sums.{total}", ", ".join(parts), f"adds up {', '.join(lacking)}, which the table has not")
        else:
            table.numbers[total] = np.sum([table.numbers[part] for part in parts], axis=0)
            table.say(f"{total} = {' + '.join(parts)}", np.isfinite(table.numbers[total]))
