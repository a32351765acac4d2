"""What ought to be seen although every row can be used, and which checks could not be made.

Every function takes the frame of accepted rows, sorted by ``row_groups.ORDER``.
"""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.grid import region_lonlat
from pipeline.intake.columns import DENSITY
from pipeline.intake.row_groups import SAME_DEPTH_M, apart_m, core_numbers, counted, first_rows, listed, named, numbers, shortened, texts
from pipeline.intake.shale import pattern_checked
from pipeline.units import GROUPS, METRES_PER_DEGREE, RARE_EARTHS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.config import IntakeSettings, RegionSettings

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Indices = NDArray[np.intp]
    Integers = NDArray[np.int64]

_GAP_M = 1e-6
_PENETRATION_TOLERANCE_M = 0.5
_WATER_DEPTH_TOLERANCE_M = 50.0
_NEAR_CORES = 8
# The prolonged sound mark is what a Japanese keyboard gives for a hyphen between full-width letters.
_OTHER_DASHES: Final = frozenset("\N{MINUS SIGN}\N{KATAKANA-HIRAGANA PROLONGED SOUND MARK}")


def core_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per core, in the order of the frame, with its position and the first water depth that is not missing.

    Columns are ``core_id``, ``longitude_deg``, ``latitude_deg`` and ``water_depth_m`` (NaN where no row of the core has one).
    """
    import pandas as pd

    core = core_numbers(frame)
    start = first_rows(core)
    depth_m = numbers(frame, "water_depth_m")
    given = np.flatnonzero(np.isfinite(depth_m))[::-1]
    water_depth_m = np.full(start.size, np.nan)
    water_depth_m[core[given]] = depth_m[given]
    place = {column: frame[column].to_numpy()[start] for column in ("core_id", "longitude_deg", "latitude_deg")}
    return pd.DataFrame({**place, "water_depth_m": water_depth_m})


def warnings(
    frame: pd.DataFrame,
    intake: IntakeSettings,
    region: RegionSettings,
    bathymetry_depth_m: Array | None = None,
    grid_names: str | Sequence[str] = "the bathymetry",
) -> tuple[str, ...]:
    """What ought to be seen although every row can be used; each line names at most twenty cores and then counts.

    Parameters
    ----------
    frame : DataFrame
        Accepted rows, no check assays among them.
    intake : IntakeSettings
    region : RegionSettings
    bathymetry_depth_m : (cores,) array, optional
        Depth of the bathymetry at the positions of :func:`core_rows`, metres, positive down; NaN where there is none.
    grid_names : str or sequence of str
        Which grid gave it, one for all or one per core.
    """
    if frame.empty:
        return ()
    cores = core_rows(frame)
    said = [
        _outside(cores, region),
        _without_density(frame),
        *_differing(frame, cores),
        *_gaps(frame, cores),
        _like_names(cores),
        _one_place(frame, cores, intake.position_tolerance_m),
        *_incomplete_sums(frame, intake.sum_tolerance_share),
    ]
    if bathymetry_depth_m is not None:
        said.append(_off_bathymetry(cores, bathymetry_depth_m, grid_names, intake.water_depth_tolerance_m))
    return tuple(line for line in said if line)


def _outside(cores: pd.DataFrame, region: RegionSettings) -> str:
    import shapely

    outline = region_lonlat(region)
    west_deg, _, east_deg, _ = outline.bounds
    turns = range(int(np.ceil((west_deg - 180) / 360)), int(np.floor((east_deg + 180) / 360)) + 1)
    longitude_deg, latitude_deg = numbers(cores, "longitude_deg"), numbers(cores, "latitude_deg")
    shapely.prepare(outline)
    inside = np.zeros(len(cores), dtype=bool)
    for turn in turns:
        inside |= shapely.contains_xy(outline, longitude_deg + 360 * turn, latitude_deg)
    outside = texts(cores, "core_id")[~inside]
    if not outside.size:
        return ""
    return f"{outside.size} cores lie outside the region; they inform the estimate within the search range: {named(outside.tolist())}"


def _without_density(frame: pd.DataFrame) -> str:
    without = int(np.isnan(numbers(frame, DENSITY)).sum())
    return f"{without} of {len(frame)} samples carry no density; [density] says what takes its place" if without else ""


def _incomplete_sums(frame: pd.DataFrame, tolerance_share: float) -> list[str]:
    """Totals of rare earths that are more than all of their members add up to, where every member is given."""
    said = []
    for group, members in GROUPS.items():
        total_ppm = numbers(frame, f"{group}_ppm")
        sum_ppm = np.sum([numbers(frame, f"{element}_ppm") for element in sorted(members)], axis=0)
        short = np.flatnonzero(sum_ppm < total_ppm * (1 - tolerance_share))
        if short.size:
            names, files, rows = texts(frame, "core_id"), texts(frame, "source_file"), frame["source_row"].to_numpy()
            share = sum_ppm[short] / total_ppm[short]
            each = listed(list(range(short.size)), partial(_short_sum, names[short], files[short], rows[short], share))
            what = f"{group}_ppm is more than its {len(members)} members add up to in {counted(short.size, 'sample')}"
            said.append(f"{what}, by more than [intake] sum_tolerance_share = {tolerance_share:g}: {each}. Is it a total of oxides?")
    return said


def _short_sum(names: NDArray[Any], files: NDArray[Any], rows: NDArray[Any], share: Array, index: int) -> str:
    return f"{shortened(names[index])} ({files[index]} row {rows[index]}: they are {share[index]:.3f} of it)"


def _differing(frame: pd.DataFrame, cores: pd.DataFrame) -> list[str]:
    """Cores whose rows disagree on what a core has once; neither number enters an estimate, so the rows stay."""
    start = first_rows(core_numbers(frame))
    said = []
    for column, tolerance_m in (("water_depth_m", _WATER_DEPTH_TOLERANCE_M), ("penetration_m", _PENETRATION_TOLERANCE_M)):
        values = numbers(frame, column)
        low_m, high_m = np.fmin.reduceat(values, start), np.fmax.reduceat(values, start)
        wide = np.flatnonzero(high_m - low_m > tolerance_m)
        if wide.size:
            each = _of_cores(wide, cores, partial(_span, low_m, high_m))
            cure = "It enters no estimate; correct it, or see whether two cores share a name"
            said.append(f"{column} differs by more than {tolerance_m:g} m between rows of {counted(wide.size, 'core')}: {each}. {cure}")
    return said


def _span(low: Array, high: Array, index: int) -> str:
    return f"{low[index]:g} to {high[index]:g}"


def _of_cores(which: Indices, cores: pd.DataFrame, describe: Callable[[int], str]) -> str:
    """The first twenty of some cores by name, each with what is to say of it, then a count."""
    names = texts(cores, "core_id")
    return listed(which.tolist(), lambda index: f"{shortened(names[index])} ({describe(index)})")


def _gaps(frame: pd.DataFrame, cores: pd.DataFrame) -> list[str]:
    core = core_numbers(frame)
    from_m, to_m = numbers(frame, "from_m"), numbers(frame, "to_m")
    gap_m = np.where(np.diff(core) == 0, from_m[1:] - to_m[:-1], 0.0)
    open_rows = np.flatnonzero(gap_m > _GAP_M)
    said = []
    if open_rows.size:
        count = np.bincount(core[open_rows], minlength=len(cores))
        length_m = np.bincount(core[open_rows], weights=gap_m[open_rows], minlength=len(cores))
        with_gaps = np.flatnonzero(count)
        each = _of_cores(with_gaps, cores, lambda i: f"{count[i]}, {length_m[i]:g} m")
        where = f"{counted(open_rows.size, 'gap')} between the intervals of {counted(with_gaps.size, 'core')}, {length_m.sum():g} m together"
        said.append(f"{where}: {each}. What lies there is missing, not zero")
    top_m = from_m[first_rows(core)]
    late = np.flatnonzero(top_m > _GAP_M)
    if late.size:
        each = _of_cores(late, cores, lambda i: f"at {top_m[i]:g} m")
        verb = "begins" if late.size == 1 else "begin"
        said.append(f"{counted(late.size, 'core')} {verb} below the seafloor: {each}. What lies above is missing, not zero")
    return said


def folded(core_id: str) -> str:
    """A core's id without what typing changes: width and case of letters, spaces, kind of hyphen.

    Examples
    --------
    >>> folded("PC-01") == folded("ｐｃ－０１") == folded("pc \N{EN DASH} 01")
    True
    >>> folded("PC-01") == folded("PC-1")
    False
    """
    text = unicodedata.normalize("NFKC", core_id).casefold()
    if text.isascii():
        return "".join(text.split())
    kinds = [(letter, unicodedata.category(letter)) for letter in text if not letter.isspace()]
    return "".join("-" if kind == "Pd" or letter in _OTHER_DASHES else letter for letter, kind in kinds if kind != "Cf")


def _like_names(cores: pd.DataFrame) -> str:
    names = texts(cores, "core_id")
    groups: dict[str, list[str]] = {}
    for name in names.tolist():
        groups.setdefault(folded(name), []).append(name)
    alike = [group for group in groups.values() if len(group) > 1]
    if not alike:
        return ""
    count = sum(map(len, alike))
    how = "differ only in width, case, spaces or kind of hyphen"
    return f"{counted(count, 'core id')} {how}; if they are one core, write its name in one way: {listed(alike, _equated)}"


def _equated(names: list[str]) -> str:
    return " = ".join(repr(shortened(name)) for name in names[:3]) + (" = …" if len(names) > 3 else "")


def _one_place(frame: pd.DataFrame, cores: pd.DataFrame, tolerance_m: float) -> str:
    """Cores of different names at one position whose intervals overlap; in a crowd, each with the one that reaches deepest above it."""
    place = _places(numbers(cores, "longitude_deg"), numbers(cores, "latitude_deg"), tolerance_m)
    core = core_numbers(frame)
    shared = np.flatnonzero((np.bincount(place) > 1)[place][core])
    if not shared.size:
        return ""
    from_m, to_m = numbers(frame, "from_m")[shared], numbers(frame, "to_m")[shared]
    group = place[core[shared]]
    order = np.lexsort((shared, from_m, group))
    # The deepest row so far in each group: ranks of depth inside ranks of group, so that one running maximum serves all.
    rank = np.empty(order.size, dtype=np.int64)
    rank[np.argsort(to_m, kind="stable")] = np.arange(order.size)
    key = group[order] * order.size + rank[order]
    row_of_rank = np.argsort(rank)
    deepest = row_of_rank[np.maximum.accumulate(key) % order.size]
    one, other = order[1:], deepest[:-1]
    runs_into = (group[one] == group[other]) & (from_m[one] < to_m[other] - SAME_DEPTH_M)
    pairs = np.sort(np.column_stack([core[shared[one[runs_into]]], core[shared[other[runs_into]]]]), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    position = numbers(cores, "longitude_deg"), numbers(cores, "latitude_deg")
    near = apart_m(*(axis[pairs[:, 0]] for axis in position), *(axis[pairs[:, 1]] for axis in position)) <= tolerance_m
    if not near.any():
        return ""
    names = texts(cores, "core_id")
    each = listed(pairs[near].tolist(), lambda pair: f"{shortened(names[pair[0]])} and {shortened(names[pair[1]])}")
    where = f"hold the same depths at one position (within {tolerance_m:g} m)"
    return f"{counted(int(near.sum()), 'pair')} of cores {where}; is it one core under two names? {each}"


def _places(longitude_deg: Array, latitude_deg: Array, tolerance_m: float) -> Integers:
    """(cores,) number of the place of each core; cores within the tolerance of each other, or of cores between them, share one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    positions, spot = np.unique(np.column_stack([longitude_deg, latitude_deg]), axis=0, return_inverse=True)
    east, north = np.radians(positions).T
    radius_m = np.degrees(METRES_PER_DEGREE)
    points_m = radius_m * np.column_stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])
    # A few neighbours each bound the work where a whole survey is crowded into one place: enough to join what lies close together.
    found = cKDTree(points_m).query(points_m, k=list(range(1, min(_NEAR_CORES, len(points_m)) + 1)))
    distance_m, neighbour = np.asarray(found[0]), np.asarray(found[1])
    row, rank = np.nonzero(distance_m <= tolerance_m)
    graph = coo_array((np.ones(row.size, dtype=np.int8), (row, neighbour[row, rank])), shape=(len(points_m), len(points_m)))
    _, place = connected_components(graph.tocsr(), directed=False)
    numbered: Integers = place.astype(np.int64)[spot.ravel()]
    return numbered


def _off_bathymetry(cores: pd.DataFrame, bathymetry_depth_m: Array, grid_names: str | Sequence[str], tolerance_m: float) -> str:
    depth_m = numbers(cores, "water_depth_m")
    off = np.flatnonzero(np.abs(depth_m - bathymetry_depth_m) > tolerance_m)
    if not off.size:
        return ""
    grid = np.broadcast_to(np.asarray(grid_names, dtype=object), len(cores))
    each = _of_cores(off, cores, lambda i: f"{depth_m[i]:g} m, {bathymetry_depth_m[i]:.0f} m in {grid[i]}")
    where = f"water_depth_m of {counted(off.size, 'core')} is off the bathymetry by more than {tolerance_m:g} m ([intake] water_depth_tolerance_m)"
    return f"{where}: {each}. Is the position right, or the grid coarse there?"


def checks_made(frame: pd.DataFrame, duplicates: int, elements: Sequence[str], bathymetry_depth_m: Array | None = None) -> dict[str, str]:
    """Each check that needs columns which a survey may lack: ``checked``, or why not.

    Parameters
    ----------
    frame : DataFrame
        Accepted rows.
    duplicates : int
        Number of check assays.
    elements : sequence of str
        Whose pattern is asked for.
    bathymetry_depth_m : (cores,) array, optional
    """

    def share(known: Flags, lacking: str) -> str:
        if known.all() and known.size:
            return "checked"
        return f"checked in {int(known.sum()):,} of {counted(known.size, 'sample')}" if known.any() else f"not checked, {lacking}"

    rare = [numbers(frame, f"{element}_ppm") for element in sorted(RARE_EARTHS) if f"{element}_ppm" in frame]
    some = np.any([np.isfinite(values) for values in rare], axis=0) if rare else np.zeros(len(frame), dtype=bool)
    water = np.isfinite(numbers(frame, "water_depth_m"))
    bathymetry = "no bathymetry was compared" if bathymetry_depth_m is None else ""
    return {
        "depth of intervals against penetration": share(np.isfinite(numbers(frame, "penetration_m")), "needs penetration_m"),
        "water depth against bathymetry": f"not checked, {bathymetry}" if bathymetry else share(water, "needs water_depth_m"),
        "one rare earth against all together": share(some & np.isfinite(numbers(frame, "rey_ppm")), "needs rey_ppm"),
        "laboratory bias": "checked" if duplicates else "not checked, needs check assays (qc_type = duplicate)",
        **{f"pattern of {element}": pattern_checked(frame, element) for element in elements},
    }
