"""Read core tables into one table of accepted intervals, and say which rows were refused and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import REJECTED_COLUMNS, BathymetryFiles, CoreFiles, Marks, Samples
from pipeline.bathymetry import NativeGrid, read_grids
from pipeline.config import ElementSettings, IntakeSettings, RegionSettings
from pipeline.errors import RowsRefused
from pipeline.grid import region_lonlat
from pipeline.intake import sample_checks, sample_warnings
from pipeline.intake.check_assays import laboratory_bias, split_duplicates
from pipeline.intake.core_tables import CoreTable, read_core_tables
from pipeline.intake.refusals import SHOWN, Refusal, message, refused_rows
from pipeline.intake.row_groups import named
from pipeline.intake.sample_frame import conversions_said, sample_frame
from pipeline.intake.shale import pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def run(cores: CoreFiles, bathymetry: BathymetryFiles, intake: IntakeSettings, elements: ElementSettings, region: RegionSettings) -> Samples:
    """Accept every interval that can be used; refuse the others with file, row, column, value, rule and cure.

    Raises
    ------
    RowsRefused
        Rows were refused and the settings say ``on_refused = "stop"``, a whole file cannot be used, or no row is left.
    """
    import pandas as pd

    tables = read_core_tables(cores, elements.assessed, intake)
    usable = [table for table in tables if not table.unusable]
    grids = [] if region.bathymetry == "none" else read_grids(bathymetry)
    for table in usable:
        if region.bathymetry == "none":
            _refuse_positions_far_away(table, region)
        else:
            _refuse_positions_without_bathymetry(table, grids)
    same = sample_checks.same_files(cores.hashes)
    refusals = [*(refusal for table in tables for refusal in table.refusals), *same]
    # ASSUME: a file that cannot be used as a whole stops the build even where rows may be left out: no row of it is at fault.
    stops = intake.on_refused == "stop" or bool(same) or len(usable) < len(tables)
    # Not every row of a copy is told as a duplicate.
    usable = [table for table in usable if table.name not in {refusal.file for refusal in same}]
    frame, check_assays, between = _accepted(sample_frame(usable, refusals), intake)
    refusals += between
    if refusals and (stops or sample_checks.issued_again(between)):
        raise RowsRefused(message(refusals), sorted(refusals))
    if frame.empty:
        msg = f"no usable row is left in any core table; {'rejected.csv says why' if refusals else 'they hold no row'}."
        raise RowsRefused(msg, sorted(refusals))
    kinds = set(frame["data_kind"])
    marks = Marks(kinds.pop() if len(kinds) == 1 else "partly synthetic", len(refused_rows(refusals)))
    rejected = pd.DataFrame(sorted(refusals), columns=list(REJECTED_COLUMNS))
    depth_m, grid_names = _bathymetry_at(sample_warnings.core_rows(frame), grids)
    converted = conversions_said(usable)
    biases = laboratory_bias(frame, check_assays, elements.assessed)
    checks = sample_warnings.checks_made(frame, len(check_assays), elements.assessed, depth_m)
    said = sample_warnings.warnings(frame, intake, region, depth_m, grid_names)
    geochemical = (*pattern(frame, intake.pattern_factor, elements.assessed), *(bias["warning"] for bias in biases if bias["warning"]))
    warnings = (*_notes(usable), *converted, *said, *geochemical, *_left_out(marks))
    quality = {"checks": checks, "conversions": converted, "laboratory_bias": biases}
    return Samples(_points(frame), rejected, marks, warnings, _points(check_assays), quality)


def _refuse_positions_without_bathymetry(table: CoreTable, grids: Sequence[NativeGrid]) -> None:
    longitude_deg, latitude_deg = table.numbers["longitude_deg"], table.numbers["latitude_deg"]
    possible = np.isfinite(longitude_deg) & (np.abs(latitude_deg) <= 90) & (np.abs(longitude_deg) <= 360)
    covered = np.zeros(table.rows.size, dtype=bool)
    swapped = np.zeros(table.rows.size, dtype=bool)
    for grid in grids:
        covered[possible] |= grid.covers(longitude_deg[possible], latitude_deg[possible])
        turned = possible & (np.abs(longitude_deg) <= 90)
        swapped[turned] |= grid.covers(latitude_deg[turned], longitude_deg[turned])
    for index in np.flatnonzero(possible & ~covered):
        cure = "Are longitude and latitude swapped?" if swapped[index] else "Correct the position, or add a grid that covers it to bathymetry."
        where = f"position {longitude_deg[index]:g} E {latitude_deg[index]:g} N is outside the bathymetry"
        table.refuse(int(index), "longitude_deg", f"{where}. {cure}")


def _refuse_positions_far_away(table: CoreTable, region: RegionSettings) -> None:
    """Without bathymetry, what a position is held against is the region: swapped or mistyped ones lie far from it."""
    west, south, east, north = region_lonlat(region).bounds
    # ASSUME: a sample that informs the region lies no farther from it than the region is wide or high.
    around_deg = max(east - west, north - south)
    longitude_deg, latitude_deg = table.numbers["longitude_deg"], table.numbers["latitude_deg"]
    possible = np.isfinite(longitude_deg) & (np.abs(latitude_deg) <= 90) & (np.abs(longitude_deg) <= 360)
    away_deg = np.abs((longitude_deg - (west + east) / 2 + 180) % 360 - 180) - (east - west) / 2
    # Near a pole meridians are close to each other.
    across = around_deg / np.maximum(np.cos(np.radians(np.minimum(np.abs(latitude_deg), 90))), 1e-3)
    near = (away_deg <= across) & (latitude_deg >= south - around_deg) & (latitude_deg <= north + around_deg)
    for index in np.flatnonzero(possible & ~near):
        where = f"position {longitude_deg[index]:g} E {latitude_deg[index]:g} N is far outside the region"
        table.refuse(int(index), "longitude_deg", f"{where}. Are longitude and latitude swapped? Correct the position, or [region] in the settings.")


def _accepted(frame: pd.DataFrame, intake: IntakeSettings) -> tuple[pd.DataFrame, pd.DataFrame, list[Refusal]]:
    """Rows that enter estimates, check assays of the same intervals, and what was refused because rows contradict each other."""
    greater = sample_checks.more_than_all(frame, intake.sum_tolerance_share)
    frame, check_assays, unmatched = split_duplicates(_without(frame, greater))
    clashes = [*sample_checks.clashes(frame, intake), *sample_checks.marker_conflicts(frame)]
    return _without(frame, clashes), check_assays, [*greater, *unmatched, *clashes]


def _without(frame: pd.DataFrame, refusals: Sequence[Refusal]) -> pd.DataFrame:
    if not refusals:
        return frame
    refused = refused_rows(refusals)
    keep = [key not in refused for key in zip(frame["source_file"], frame["source_row"], strict=True)]
    return frame.loc[keep].reset_index(drop=True)


def _bathymetry_at(cores: pd.DataFrame, grids: Sequence[NativeGrid]) -> tuple[Array, list[str]]:
    """Water depth at the position of each core, and the grid that says so: the finest one there."""
    depth_m, names = np.full(len(cores), np.nan), np.full(len(cores), "", dtype=object)
    for grid in grids:
        found_m = grid.depth_at(cores["longitude_deg"].to_numpy(), cores["latitude_deg"].to_numpy())
        known = np.isfinite(found_m)
        depth_m[known], names[known] = found_m[known], grid.name
    return depth_m, list(names)


def _points(frame: pd.DataFrame) -> gpd.GeoDataFrame:
    import geopandas as gpd

    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["longitude_deg"], frame["latitude_deg"]), crs="EPSG:4326")


def _notes(tables: Sequence[CoreTable]) -> list[str]:
    """What the reading of files has to tell; files without rows and files of another encoding by the first twenty names."""
    empty = [table.name for table in tables if table.rows.size == 0 and not table.refusals]
    said = [note for table in tables for note in table.notes]
    more = [f"and {len(said) - SHOWN} more notes of this kind"] if len(said) > SHOWN else []
    return [*([f"no row yet in {named(empty)}"] if empty else []), *said[:SHOWN], *more]


def _left_out(marks: Marks) -> list[str]:
    return [f"{marks.rows_left_out} refused rows were left out ([intake] on_refused); rejected.csv lists them"] if marks.rows_left_out else []
