"""Read core tables into one table of accepted intervals, and say which rows were refused and why."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import REJECTED_COLUMNS, BathymetryFiles, CoreFiles, Marks, Samples
from pipeline.bathymetry import NativeGrid, read_grids
from pipeline.config import ElementSettings, IntakeSettings, RegionSettings
from pipeline.core_files import CoreTable, Refusal, read_core_tables, refused_rows
from pipeline.errors import RowsRefused
from pipeline.grid import region_lonlat
from pipeline.units import METRES_PER_DEGREE

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20
_CLASH_COLUMNS = ("core_id", "longitude_deg", "latitude_deg", "from_m", "to_m", "source_file", "source_row")


def run(cores: CoreFiles, bathymetry: BathymetryFiles, intake: IntakeSettings, elements: ElementSettings, region: RegionSettings) -> Samples:
    """Accept every interval that can be used; refuse the others with file, row, column, value, rule and cure.

    Raises
    ------
    RowsRefused
        Rows were refused and the settings say ``on_refused = "stop"``, a whole file cannot be used, or no row is left.
    """
    import geopandas as gpd
    import pandas as pd

    tables = read_core_tables(cores, elements.assessed, intake)
    grids = read_grids(bathymetry)
    for table in tables:
        if table.numbers:
            _refuse_positions_without_bathymetry(table, grids)
    whole_files = [refusal for table in tables if not table.numbers for refusal in table.refusals]
    refusals = [refusal for table in tables for refusal in table.refusals]
    # ASSUME: a file that lacks a column is refused even where rows may be left out: no row of it is at fault.
    if not whole_files:
        frame = _joined([table for table in tables if table.rows], refusals)
        clashes = _clashes(frame, intake.position_tolerance_m)
        refusals += clashes
    if refusals and (whole_files or intake.on_refused == "stop"):
        raise RowsRefused(_message(refusals), sorted(refusals))
    frame = _without(frame, clashes)
    if frame.empty:
        msg = "no usable row is left in any core table; rejected.csv says why."
        raise RowsRefused(msg, sorted(refusals))
    kinds = set(frame["data_kind"])
    marks = Marks(kinds.pop() if len(kinds) == 1 else "partly synthetic", len(refused_rows(refusals)))
    points = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["longitude_deg"], frame["latitude_deg"]), crs="EPSG:4326")
    rejected = pd.DataFrame(sorted(refusals), columns=list(REJECTED_COLUMNS))
    return Samples(points, rejected, marks, _warnings(frame, region, marks))


def _refuse_positions_without_bathymetry(table: CoreTable, grids: list[NativeGrid]) -> None:
    longitude_deg, latitude_deg = table.numbers["longitude_deg"], table.numbers["latitude_deg"]
    possible = np.isfinite(longitude_deg) & (np.abs(latitude_deg) <= 90) & (np.abs(longitude_deg) <= 360)
    covered = np.zeros(len(table.rows), dtype=bool)
    swapped = np.zeros(len(table.rows), dtype=bool)
    for grid in grids:
        covered[possible] |= grid.covers(longitude_deg[possible], latitude_deg[possible])
        turned = possible & (np.abs(longitude_deg) <= 90)
        swapped[turned] |= grid.covers(latitude_deg[turned], longitude_deg[turned])
    for index in np.flatnonzero(possible & ~covered):
        cure = "Are longitude and latitude swapped?" if swapped[index] else "Correct the position, or add a grid that covers it to bathymetry."
        where = f"position {longitude_deg[index]:g} E {latitude_deg[index]:g} N is outside the bathymetry"
        table.refuse(int(index), "longitude_deg", f"{where}. {cure}")


def _joined(tables: list[CoreTable], refusals: list[Refusal]) -> pd.DataFrame:
    """One row per interval that is sound in itself, sorted by core and depth; columns that a file lacks are missing there."""
    import pandas as pd

    refused = refused_rows(refusals)
    frames = []
    for table in tables:
        numeric = {name: values for name, values in table.numbers.items() if name not in ("easting_m", "northing_m")}
        free = {name: values for name, values in table.text.items() if name not in table.numbers and name != "core_id"}
        keep = np.array([(table.name, row) not in refused for row in table.rows], dtype=bool)
        own = {"source_file": table.name, "source_row": table.rows, "conversions": table.conversion, "data_kind": table.data_kind}
        frames.append(pd.DataFrame({"core_id": table.text["core_id"], **numeric, **free, **own}).loc[keep])
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["core_id", "from_m", "to_m", "data_kind"])
    for column in ("water_depth_m", "penetration_m", "dry_bulk_density_t_m3"):
        if column not in frame:
            frame[column] = np.nan
    first = ["core_id", "longitude_deg", "latitude_deg", "water_depth_m", "penetration_m", "from_m", "to_m"]
    grades = sorted(column for column in map(str, frame) if column.endswith("_ppm") and column != "detection_limit_ppm")
    last = ["source_file", "source_row", "conversions", "data_kind"]
    others = sorted(set(frame.columns) - {*first, *grades, *last, "dry_bulk_density_t_m3"})
    for column in others:
        if column != "detection_limit_ppm":
            frame[column] = frame[column].fillna("").astype(str)
    ordered = frame.reindex(columns=[*first, *grades, "dry_bulk_density_t_m3", *others, *last])
    return ordered.sort_values(["core_id", "from_m", "to_m", "source_file", "source_row"], ignore_index=True)


def _clashes(frame: pd.DataFrame, tolerance_m: float) -> list[Refusal]:
    """Rows that contradict another row of the same core: repeated or overlapping intervals, another position."""
    clashes: list[Refusal] = []
    rows = list(zip(*(frame[name].tolist() for name in _CLASH_COLUMNS), strict=True))
    for core, grouped in itertools.groupby(rows, key=lambda row: str(row[0])):
        members = list(grouped)
        # The position that most rows of the core carry is taken for right; on a tie, the one met first.
        (east_deg, north_deg), _ = Counter((row[1], row[2]) for row in members).most_common(1)[0]
        deepest_m, previous = -np.inf, members[0]
        for row in members:
            _, longitude_deg, latitude_deg, from_m, to_m, file, number = row
            east_m = (longitude_deg - east_deg) * METRES_PER_DEGREE * np.cos(np.radians(north_deg))
            apart_m = float(np.hypot(east_m, (latitude_deg - north_deg) * METRES_PER_DEGREE))
            if apart_m > tolerance_m:
                where = f"lies {apart_m:,.0f} m from the core's other rows ({east_deg:g} E {north_deg:g} N)"
                reason = f"core {core} {where}; a core has one position. Correct it or rename the core."
                clashes.append((file, number, "longitude_deg", f"{longitude_deg:.10g}", reason))
            if from_m < deepest_m - 1e-9:
                same = (from_m, to_m) == (previous[3], previous[4])
                what = f"duplicate interval {from_m:g}-{to_m:g} m of" if same else f"interval {from_m:g}-{to_m:g} m overlaps"
                cure = "Keep one of them." if same else "Correct the depths."
                clashes.append((file, number, "from_m", f"{from_m:.10g}", f"core {core}: {what} {previous[5]} row {previous[6]}. {cure}"))
            else:
                deepest_m, previous = to_m, row
    return clashes


def _without(frame: pd.DataFrame, clashes: list[Refusal]) -> pd.DataFrame:
    refused = refused_rows(clashes)
    keep = [key not in refused for key in zip(frame["source_file"], frame["source_row"], strict=True)]
    return frame.loc[keep].reset_index(drop=True)


def _message(refusals: list[Refusal]) -> str:
    """Every problem on a line of its own, the first twenty in full."""
    lines = [f"{name} row {row}, {column} = {value!r}: {reason}" for name, row, column, value, reason in sorted(refusals)[:_SHOWN]]
    more = len(refusals) - len(lines)
    if more:
        lines.append(f"and {more} more, all in rejected.csv")
    count = len(refused_rows(refusals))
    return f"{count} {'row' if count == 1 else 'rows'} refused; nothing was built. " + "\n  ".join(lines)


def _warnings(frame: pd.DataFrame, region: RegionSettings, marks: Marks) -> tuple[str, ...]:
    import shapely

    said = []
    positions = frame.drop_duplicates("core_id")
    outside = positions.loc[~shapely.contains_xy(region_lonlat(region), positions["longitude_deg"], positions["latitude_deg"]), "core_id"]
    if len(outside):
        said.append(f"{len(outside)} cores lie outside the region; they inform the estimate within the search range: {', '.join(outside[:_SHOWN])}")
    without = int(frame["dry_bulk_density_t_m3"].isna().sum())
    if without:
        said.append(f"{without} of {len(frame)} samples carry no density; [density] says what takes its place")
    if marks.rows_left_out:
        said.append(f"{marks.rows_left_out} refused rows were left out ([intake] on_refused); rejected.csv lists them")
    return tuple(said)
