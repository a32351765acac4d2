"""Read core tables into one table of accepted intervals, and say which rows were refused and why."""

from __future__ import annotations

import numpy as np

from pipeline.artefacts import REJECTED_COLUMNS, BathymetryFiles, CoreFiles, Marks, Samples
from pipeline.bathymetry import NativeGrid, read_grids
from pipeline.config import ElementSettings, IntakeSettings, RegionSettings
from pipeline.core_files import CoreTable, Refusal, read_core_tables, refused_rows
from pipeline.errors import CoreFileError, RowsRefused
from pipeline.grid import region_lonlat

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20
_METRES_PER_DEGREE = 111_195.0


def run(cores: CoreFiles, bathymetry: BathymetryFiles, intake: IntakeSettings, elements: ElementSettings, region: RegionSettings) -> Samples:
    """Accept every interval that can be used; refuse the others with file, row, column, value, rule and cure.

    Raises
    ------
    RowsRefused
        Rows were refused and the settings say ``on_refused = "stop"``, or a whole file cannot be used.
    CoreFileError
        No row is left.
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
        raise CoreFileError("no usable row is left in any core table; rejected.csv says why.")
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
    grades = sorted(column for column in frame if column.endswith("_ppm") and column != "detection_limit_ppm")
    last = ["source_file", "source_row", "conversions", "data_kind"]
    free = sorted(set(frame.columns) - {*first, *grades, *last, "dry_bulk_density_t_m3"})
    for column in free:
        if column != "detection_limit_ppm":
            frame[column] = frame[column].fillna("").astype(str)
    ordered = frame.reindex(columns=[*first, *grades, "dry_bulk_density_t_m3", *free, *last])
    return ordered.sort_values(["core_id", "from_m", "to_m", "source_file", "source_row"], ignore_index=True)


def _clashes(frame: pd.DataFrame, tolerance_m: float) -> list[Refusal]:
    """Rows that contradict another row of the same core: repeated or overlapping intervals, another position."""
    clashes: list[Refusal] = []
    for core, rows in frame.groupby("core_id", sort=True):
        # The position that most rows of the core carry is taken for right; on a tie, that of the first row.
        first = rows.groupby(["longitude_deg", "latitude_deg"], sort=False).size().idxmax()
        east_m = (rows["longitude_deg"] - first[0]) * _METRES_PER_DEGREE * np.cos(np.radians(first[1]))
        north_m = (rows["latitude_deg"] - first[1]) * _METRES_PER_DEGREE
        apart_m = np.hypot(east_m, north_m)
        deepest, previous = -np.inf, None
        for row, distance_m in zip(rows.itertuples(index=False), apart_m, strict=True):
            if distance_m > tolerance_m:
                reason = f"core {core} lies {distance_m:,.0f} m from its other rows ({first[0]:g} E {first[1]:g} N); one core has one position. Correct it or rename the core."
                clashes.append((row.source_file, row.source_row, "longitude_deg", f"{row.longitude_deg:.10g}", reason))
            if previous is not None and row.from_m < deepest - 1e-9:
                other = f"{previous.source_file} row {previous.source_row}"
                same = (row.from_m, row.to_m) == (previous.from_m, previous.to_m)
                reason = f"duplicate interval {row.from_m:g}-{row.to_m:g} m" if same else f"interval {row.from_m:g}-{row.to_m:g} m overlaps"
                cure = "Keep one of them." if same else "Correct the depths."
                clashes.append((row.source_file, row.source_row, "from_m", f"{row.from_m:.10g}", f"core {core}: {reason} with {other}. {cure}"))
            else:
                deepest, previous = row.to_m, row
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
    return f"{len(refused_rows(refusals))} rows refused; nothing was built. " + "\n  ".join(lines)


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
