"""Write a commented start of another assessment, laid out like data/raw: from nothing, or from a table of points.

What is derived from the points is a proposal: each such number says in its comment how it was derived, and that a person must check it.
Nothing that is there is ever replaced.
"""

from __future__ import annotations

import math
import re
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline import new_core
from pipeline.artefacts import CoreFiles
from pipeline.config import SECTIONS, AssessmentSettings, IntakeSettings
from pipeline.errors import CoreFileError, SettingsError
from pipeline.files import TEMPORARY_PREFIX, sha256_of, write_whole
from pipeline.grid import WGS84
from pipeline.intake.columns import is_grade, role_of
from pipeline.intake.core_tables import CoreTable, read_core_tables
from pipeline.intake.csv_text import Form, read_csv_text
from pipeline.intake.decoding import decoded
from pipeline.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ROOT: Final = Path(__file__).resolve().parents[1]
DEPOSITS: Final = ("mud", "nodules", "crust", "soil")

_MOST_ELEMENTS = 8
_MOST_CELLS = 40_000
_CELLS_PER_SPACING = 4.0
_CUTOFFS = 7
_NAMES_OF_CORES = ("core", "coreid", "station", "site", "sample", "sampleid", "id", "name", "no", "nr", "code", "地点", "測点", "試料", "コア")
_LONGITUDES = ("lon", "long", "lng", "longitude", "x_deg", "経度")
_LATITUDES = ("lat", "latitude", "y_deg", "緯度")
_EASTINGS, _NORTHINGS = ("x", "easting", "east", "e"), ("y", "northing", "north", "n")

# ASSUME: where a table of surface samples says no depth, a sample stands for so much below the surface; a person must say it better.
_SURFACE_M: Final = {"mud": 0.1, "nodules": 0.1, "crust": 0.05, "soil": 0.2}
# ASSUME: priors of dry bulk density where no sample carries one.
_DENSITY: Final = {
    "mud": (0.55, 0.06, 0.04, "centre of 0.46 to 0.63 of Pacific red clay, derived from Bruevich & Kulik 1967; plausible 0.4 to 0.7"),
    "nodules": (0.15, 0.05, 0.05, "dry nodules per volume of the layer that they lie in: 15 kg/m2 over 0.1 m; plausible 0.01 to 0.4"),
    "crust": (1.3, 0.1, 0.1, "dry ferromanganese crust; plausible 1.1 to 1.5"),
    "soil": (1.3, 0.1, 0.1, "dry mineral topsoil; plausible 1.0 to 1.6"),
}


@dataclass(frozen=True)
class Proposal:
    """A value of a setting, and how it came about.

    Parameters
    ----------
    value : object
        Anything that TOML writes.
    how : str
        Ends in the comment of its line.
    """

    value: Any
    how: str


@dataclass(frozen=True)
class _Points:
    """What a table of points tells of a new assessment."""

    file: str
    elements: list[str]
    tables: list[CoreTable]
    note: str


def write(folder: Path, points: Path | None, elements: Sequence[str], deposit: str, crs: str = "", unit: str = "", length_m: str = "") -> list[str]:
    """Write the start, whole or not at all, and say what was written and what to do next.

    Parameters
    ----------
    folder : Path
        It must not be there yet, or be empty.
    points : Path or None
        Table of points: positions and a grade of each element, with or without intervals.
    elements : sequence of str
        Chemical symbols in lower case, the ones to assess; without any, those that the table has grades of.
    deposit : str
        ``mud``, ``nodules``, ``crust`` or ``soil``.
    crs : str
        Projection of the table's eastings and northings, where it has no longitudes.
    unit : str
        Unit of the grades whose column says none.
    length_m : str
        Length of a sample, where the table says none.

    Raises
    ------
    CoreFileError
        Something is there already, or the table cannot be used.
    SettingsError
        An option is no such thing.
    """
    if folder == Path():
        msg = "the new assessment needs a folder. For instance: make new-assessment DIR=../survey"
        raise SettingsError(msg)
    deposit = deposit or "mud"
    if deposit not in DEPOSITS:
        msg = f"KIND {deposit!r} is not known; known are {', '.join(DEPOSITS)}"
        raise SettingsError(msg)
    for element in elements:
        if not re.fullmatch(r"[a-z][a-z0-9]{0,11}", element) or element == "density":
            msg = f"ELEMENTS {' '.join(elements)!r}: give chemical symbols in lower case, with spaces between them, for instance 'co ni cu'"
            raise SettingsError(msg)
    _refuse_to_replace(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=TEMPORARY_PREFIX) as hidden:
        made = Path(hidden) / folder.name
        for place, note in _NOTES.items():
            write_whole(made / place, note.encode())
        if points is None:
            settings = _settings(_without_points(list(elements) or ["dy", "gd"], deposit))
            write_whole(made / "assessment.toml", settings.encode())
            new_core.write(made, "new_cores", ())
        else:
            found = _taken(made, points, elements, deposit, crs, unit, length_m)
            write_whole(made / "assessment.toml", _settings(_from_points(found, deposit)).encode())
        made.rename(folder)
    return _told(folder, points)


def _refuse_to_replace(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        msg = f"{folder} is no folder; nothing was written. Name another DIR."
        raise CoreFileError(msg)
    held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if held or folder.is_symlink():
        msg = f"{folder} is there already{' and holds ' + ', '.join(held[:10]) if held else ''}; nothing was written. Name another DIR."
        raise CoreFileError(msg)


def _told(folder: Path, points: Path | None) -> list[str]:
    quoted = f"'{folder}'" if re.search(r"[^\w./-]", str(folder)) else str(folder)
    folders = f"RAW={quoted} PROCESSED={quoted}-processed MAPS={quoted}-maps"
    first = "check every line marked PROPOSAL in" if points else "set the region in"
    return [
        f"wrote {folder}: assessment.toml, cores, bathymetry, domains, published",
        f"next: {first} {folder / 'assessment.toml'}" + ("" if points else ", and fill in the table in cores/new_cores"),
        f"then: make doctor {folders}",
        f"then: make all {folders}",
        f"see:  {folder}-maps/index.html",
    ]


# ------------------------------------------------------------------ the table


def _taken(made: Path, points: Path, elements: Sequence[str], deposit: str, crs: str, unit: str, length_m: str) -> _Points:
    """Copy the table as it is, say beside it how it is read, and read it."""
    try:
        content = points.read_bytes()
    except OSError as error:
        msg = f"FROM {points}: {error.strerror}. Name a CSV file of points."
        raise CoreFileError(msg) from None
    if points.suffix.lower() != ".csv":
        msg = f"FROM {points.name}: give a CSV file (commas, semicolons and tabs are all read); save a workbook as CSV UTF-8 first"
        raise CoreFileError(msg)
    text, _ = decoded(points.name, content)
    titles = list(read_csv_text(points.name, text, Form(None, 1, frozenset()), lambda title: role_of(title) is not None).columns)
    stem = re.sub(r"[^\w-]", "_", points.stem).strip("_-")[:60] or "points"
    side, grades, note = _side_file(points.name, titles, elements, deposit, crs, unit, length_m)
    folder = made / "cores" / stem
    write_whole(folder / f"{stem}.csv", content)
    write_whole(folder / f"{stem}.toml", side.encode())
    write_whole(folder / "README.md", new_core.dictionary(f"{stem}.csv", grades).encode())
    names = [f"cores/{stem}/{stem}.csv", f"cores/{stem}/{stem}.toml"]
    tables = read_core_tables(CoreFiles(made, {name: sha256_of(made / name) for name in names}), grades, IntakeSettings(max_rare_earth_ppm=1e6))
    faults = [refusal for table in tables if table.unusable for refusal in table.refusals]
    if faults:
        told = "; ".join(f"{fault.column or fault.file}: {fault.reason}" for fault in faults[:5])
        msg = f"FROM {points.name} cannot be used: {told}"
        raise CoreFileError(msg)
    return _Points(f"{stem}.csv", grades, tables, note)


def _side_file(name: str, titles: list[str], elements: Sequence[str], deposit: str, crs: str, unit: str, length_m: str) -> tuple[str, list[str], str]:
    """Notes beside the table, the elements that it has grades of, and where its intervals come from."""
    columns, units = _columns(titles, crs), {}
    have = {role.column for title in titles if (role := role_of(title)) is not None and not role.fault} | set(columns)
    found = {column.removesuffix("_ppm"): title for title in titles for column in _grade_of(title)}
    wanted = list(elements) or [element for element in found if _has_unit(found[element]) or unit][:_MOST_ELEMENTS]
    for element in wanted:
        if element not in found:
            msg = f"FROM {name} has no grade of {element}; it has {', '.join(titles)}. Name the elements with ELEMENTS='…'."
            raise CoreFileError(msg)
        if not _has_unit(found[element]):
            if not unit:
                msg = f"FROM {name}: column {found[element]!r} says no unit. Say it of all such columns: UNIT=ppm (or mg/kg, %, …)."
                raise CoreFileError(msg)
            columns[f"{element}_ppm"], units[f"{element}_ppm"] = found[element], unit
    if not wanted:
        msg = f"FROM {name} has no column that is a grade; it has {', '.join(titles)}. Name columns as in 'co_ppm', or say ELEMENTS='co ni' UNIT=ppm."
        raise CoreFileError(msg)
    lines = [
        f"# Notes on {name}, as proposed from its header. Check each.",
        "",
        'source = ""         # report, paper or data set / 出典（報告書・論文・データ集）',
        'licence = ""        # under which it may be passed on / 利用条件',
        "synthetic = false   # true: drawn by a computer / true は計算機による合成データ",
    ]
    if crs:
        lines.append(f"crs = {_toml(crs)}")
    if "core_id" not in have:
        lines.append('core_per_row = "S"  # PROPOSAL: no column names the places; each row is one of its own, named by its row in the table')
    note = "the table's own intervals"
    if not have & {"from_m", "to_m", "at_m"}:
        long_m = _length_m(length_m, deposit)
        note = f"no column says depths: each sample is taken to be the uppermost {long_m:g} m"
        lines += [
            "",
            "[interval]",
            'at = "surface"',
            f"length_m = {long_m:g}{'' if length_m else '  # PROPOSAL (assumption): say how thick a sample is'}",
        ]
    for head, values in (("columns", columns), ("units", units)):
        if values:
            lines += ["", f"[{head}]", *(f"{ours} = {_toml(theirs)}" for ours, theirs in values.items())]
    return "\n".join(lines) + "\n", wanted, note


def _columns(titles: list[str], crs: str) -> dict[str, str]:
    """Columns that need a name of ours: places and positions by the words that people use."""
    own = {role.column for title in titles if (role := role_of(title)) is not None}
    pairs = (("easting_m", _EASTINGS), ("northing_m", _NORTHINGS)) if crs else (("longitude_deg", _LONGITUDES), ("latitude_deg", _LATITUDES))
    columns: dict[str, str] = {}
    for ours, words in (*pairs, ("core_id", _NAMES_OF_CORES)):
        matching = [
            title for title in titles if re.sub(r"[\s_.]", "", title.lower()).removesuffix("deg") in {word.replace("_", "") for word in words}
        ]
        if ours not in own and matching:
            columns[ours] = matching[0]
    if (
        not crs
        and not {"longitude_deg", "latitude_deg"} <= own | set(columns)
        and any(title.lower() in (*_EASTINGS, "easting_m") for title in titles)
    ):
        msg = "the table has eastings and northings and no longitudes: say their projection, for instance CRS=EPSG:28992"
        raise CoreFileError(msg)
    return columns


def _grade_of(title: str) -> list[str]:
    role = role_of(title)
    return [role.column] if role is not None and is_grade(role.column) else []


def _has_unit(title: str) -> bool:
    role = role_of(title)
    return role is not None and not role.fault


def _length_m(typed: str, deposit: str) -> float:
    if not typed:
        return _SURFACE_M[deposit]
    try:
        value = float(typed)
    except ValueError:
        value = math.nan
    if not 0 < value < 1000:
        msg = f"LENGTH_M {typed!r} is no length of a sample in metres"
        raise SettingsError(msg)
    return value


# ------------------------------------------------------------------ what is proposed


def _without_points(elements: list[str], deposit: str) -> dict[tuple[str, str], Proposal]:
    """Settings that nobody can derive yet."""
    unknown = "SET THIS: "
    edges = {"west_deg": 0.0, "east_deg": 1.0, "south_deg": 0.0, "north_deg": 1.0}
    density = _density(deposit)
    return {
        ("assessment", "title"): Proposal("Untitled assessment", unknown.removesuffix(": ")),
        ("assessment", "deposit"): Proposal(deposit, ""),
        **{("region", key): Proposal(value, unknown.removesuffix(": ")) for key, value in edges.items()},
        ("region", "bathymetry"): Proposal(
            "none" if deposit == "soil" else "files", '"files": grids of depth in bathymetry; "none": no depth is given, and nothing asks for it'
        ),
        ("grid", "bottom_m"): Proposal(10.0 if deposit == "mud" else _SURFACE_M[deposit], "metres below the surface"),
        ("grid", "layer_m"): Proposal(1.0 if deposit == "mud" else _SURFACE_M[deposit], "metres; one layer where it is as thick as the interval"),
        ("elements", "assessed"): Proposal(elements, ""),
        **density,
    }


def _density(deposit: str) -> dict[tuple[str, str], Proposal]:
    mean, mean_sd, sample_sd, source = _DENSITY[deposit]
    # ASSUME: nodules of 0.1 kg/m2 over 0.1 m are the fewest that are weighed; what is less dense is a slip of the pen elsewhere.
    fewest = {("intake", "min_density_t_m3"): Proposal(0.001, "(A): 0.1 kg/m2 of nodules over 0.1 m")} if deposit == "nodules" else {}
    return {
        **fewest,
        ("density", "dry_bulk_density_t_m3"): Proposal(mean, f"(A): {source}; used only where no sample carries it"),
        ("density", "mean_sd_t_m3"): Proposal(mean_sd, "(A)"),
        ("density", "sample_sd_t_m3"): Proposal(sample_sd, "(A)"),
    }


def _from_points(points: _Points, deposit: str) -> dict[tuple[str, str], Proposal]:
    """Region, grid, layer, elements and cut-offs from the points."""
    table = points.tables[0]
    usable = np.isfinite(table.numbers["longitude_deg"]) & (np.abs(table.numbers["latitude_deg"]) <= 90)
    longitude_deg, latitude_deg = (table.numbers[column][usable] for column in ("longitude_deg", "latitude_deg"))
    if longitude_deg.size < 1:
        msg = f"FROM {points.file} has no row with a position"
        raise CoreFileError(msg)
    positions = np.unique(np.column_stack([longitude_deg, latitude_deg]), axis=0)
    west, east = longitudes_in_one_piece(positions[:, 0])
    south, north = float(positions[:, 1].min()), float(positions[:, 1].max())
    spacing_m, nearest_m = spacings_m(positions, (west + east) / 2, (south + north) / 2)
    edges = region_around(west, east, south, north, spacing_m / 2)
    cell_m = cell_size_m(edges, spacing_m)
    by_points = f"PROPOSAL: from {len(positions)} positions with half a station spacing ({spacing_m / 2:,.0f} m) around them"
    mark = "PROPOSAL: "
    proposed: dict[tuple[str, str], Proposal] = {
        ("assessment", "title"): Proposal(Path(points.file).stem.replace("_", " "), f"{mark}the name of the table"),
        ("assessment", "deposit"): Proposal(deposit, ""),
        **{("region", key): Proposal(value, by_points) for key, value in edges.items()},
        ("region", "bathymetry"): Proposal(
            "none", f'{mark}no grid of depth was given; put one into bathymetry and write "files" where depth or slope matter'
        ),
        ("grid", "cell_m"): Proposal(cell_m, f"{mark}at most a quarter of the typical station spacing ({spacing_m:,.0f} m), in a round step"),
        ("elements", "assessed"): Proposal(points.elements, f"{mark}grades that {points.file} holds"),
        **_layers(points, usable),
        **_density(deposit),
    }
    first: list[float] = []
    for element in points.elements:
        values = table.numbers[f"{element}_ppm"]
        steps = round_cutoffs(values[np.isfinite(values) & usable])
        first = first or steps
        proposed["cutoffs", f"{element}_ppm"] = Proposal(steps, f"ppm; {mark}round steps from the 10th to the 98th percentile of the samples")
    middle = first[len(first) // 2]
    proposed["next_cores", "cutoffs_ppm"] = Proposal([middle], f"{mark}the middle cut-off of {points.elements[0]}")
    proposed["recoverable", "column_cutoff_ppm"] = Proposal(first[min(1, len(first) - 1)], f"{mark}the lowest cut-off of {points.elements[0]}")
    proposed["recoverable", "min_layer_m"] = Proposal(0.0, f"{mark}one thin layer counts")
    clustered = spacing_m / nearest_m
    if clustered > 1.5:
        # Distances of the settings count in median spacings of nearest neighbours, which are short in a clustered survey.
        why = f"{mark}the stations lie in clusters, {nearest_m:,.0f} m apart where {spacing_m:,.0f} m would be even: so many times the usual"
        proposed["grade", "max_distance_spacings"] = Proposal(round(2.0 * clustered, 1), why)
        proposed["tonnage", "hull_buffer_spacings"] = Proposal(round(0.5 * clustered, 1), why)
        proposed["next_cores", "min_distance_spacings"] = Proposal(min(10.0, round(0.5 * clustered, 1)), why)
    proposed["simulation", "squares_side_m"] = Proposal(8 * cell_m, f"{mark}eight cells")
    return proposed


def _layers(points: _Points, usable: NDArray[np.bool_]) -> dict[tuple[str, str], Proposal]:
    """One layer where all samples are of one interval; else layers as thick as a typical sample."""
    from_m, to_m = (points.tables[0].numbers[column][usable] for column in ("from_m", "to_m"))
    known = np.isfinite(from_m) & np.isfinite(to_m) & (to_m > from_m)
    top_m, bottom_m = float(from_m[known].min(initial=0.0)), float(np.max(to_m[known], initial=0.0)) or 1.0
    one = known.any() and np.ptp(from_m[known]) == 0 and np.ptp(to_m[known]) == 0
    if one:
        top_m = float(from_m[known][0])
        layer_m, how = round(bottom_m - top_m, 9), f"one layer: {points.note}"
    else:
        layer_m = round_step_at_most(float(np.median((to_m - from_m)[known])) * 1.001)
        count = max(1, math.floor((float(np.quantile(to_m[known], 0.5)) - top_m) / layer_m + 1e-9))
        bottom_m = round(top_m + count * layer_m, 9)
        how = "layers as thick as a typical sample, down to where half of the samples end"
    said = f"PROPOSAL: {how}"
    return {("grid", "layer_m"): Proposal(layer_m, said), ("grid", "top_m"): Proposal(top_m, said), ("grid", "bottom_m"): Proposal(bottom_m, said)}


def longitudes_in_one_piece(longitude_deg: Array) -> tuple[float, float]:
    """Western and eastern end of positions, behind the widest gap that they leave; the east passes 180 where they lie across that meridian.

    Examples
    --------
    >>> longitudes_in_one_piece(np.array([-179.0, 178.0, 179.5]))
    (178.0, 181.0)
    """
    ordered = np.unique(np.mod(longitude_deg, 360.0))
    gaps = np.diff(np.append(ordered, ordered[0] + 360.0))
    widest = int(np.argmax(gaps))
    west = float(ordered[(widest + 1) % ordered.size])
    east = float(ordered[widest])
    east += 360.0 if east < west else 0.0
    if west >= 180.0:
        west, east = west - 360.0, east - 360.0
    return round(west, 9), round(east, 9)


def spacings_m(positions_deg: Array, longitude_deg: float, latitude_deg: float) -> tuple[float, float]:
    """Spacing that as many positions would have on a square grid over their hull, and the median distance to the nearest neighbour."""
    import shapely
    from pyproj import Transformer
    from pyproj.crs import ProjectedCRS
    from pyproj.crs.coordinate_operation import LambertAzimuthalEqualAreaConversion
    from scipy.spatial import KDTree

    conversion = LambertAzimuthalEqualAreaConversion(latitude_natural_origin=latitude_deg, longitude_natural_origin=longitude_deg)
    crs = ProjectedCRS(conversion, geodetic_crs=WGS84)
    places_m = np.column_stack(Transformer.from_crs(WGS84, crs, always_xy=True).transform(positions_deg[:, 0], positions_deg[:, 1]))
    if len(places_m) < 2:
        return 1000.0, 1000.0
    area_m2 = shapely.MultiPoint(places_m).convex_hull.area
    distances_m, _ = KDTree(places_m).query(places_m, k=2)
    nearest_m = float(np.median(np.asarray(distances_m)[:, 1]))
    return max(math.sqrt(area_m2 / len(places_m)), nearest_m), nearest_m


def region_around(west: float, east: float, south: float, north: float, margin_m: float) -> dict[str, float]:
    """Edges of a box around positions with a margin, outwards to a round step; all around the Earth where they surround a pole."""
    metres_per_degree = 111_195.0
    margin_deg = margin_m / metres_per_degree
    step = round_step_at_most(margin_deg / 2)
    south, north = max(-90.0, _rounded(south - margin_deg, step, up=False)), min(90.0, _rounded(north + margin_deg, step, up=True))
    across = margin_deg / max(math.cos(math.radians(max(abs(south), abs(north)))), 1e-6)
    if east - west > 180.0 and max(abs(south), abs(north)) > 66.0:
        # ASSUME: positions on more than half of the meridians near a pole surround it.
        south, north = (south, 90.0) if north > 0 else (-90.0, north)
        return {"west_deg": -180.0, "east_deg": 180.0, "south_deg": south, "north_deg": north}
    step = round_step_at_most(across / 2)
    west, east = _rounded(west - across, step, up=False), _rounded(east + across, step, up=True)
    return {"west_deg": max(west, -180.0), "east_deg": min(east, max(west, -180.0) + 360.0), "south_deg": south, "north_deg": north}


def _rounded(value: float, step: float, *, up: bool) -> float:
    return round((math.ceil(value / step - 1e-9) if up else math.floor(value / step + 1e-9)) * step, 9)


def cell_size_m(edges: dict[str, float], spacing_m: float) -> float:
    """Round side of a cell: a quarter of the spacing or less, larger where the region would have too many cells."""
    north, south = math.radians(edges["north_deg"]), math.radians(edges["south_deg"])
    area_m2 = 6_371_000.0**2 * math.radians(edges["east_deg"] - edges["west_deg"]) * (math.sin(north) - math.sin(south))
    least_m = math.sqrt(area_m2 / _MOST_CELLS)
    return max(round_step_at_most(spacing_m / _CELLS_PER_SPACING), round_step_at_least(least_m))


def round_step_at_most(value: float) -> float:
    """Largest of 1, 2, 5 times a power of ten that is not above a value.

    Examples
    --------
    >>> round_step_at_most(470.0), round_step_at_most(0.00031), round_step_at_most(1000.0)
    (200.0, 0.0002, 1000.0)
    """
    power = math.floor(math.log10(value) + 1e-12)
    factor = max(f for f in (1, 2, 5) if f <= value / 10.0**power * (1 + 1e-9))
    return float(f"{factor}e{power}")


def round_step_at_least(value: float) -> float:
    """Smallest of 1, 2, 5 times a power of ten that is not below a value."""
    power = math.floor(math.log10(value) + 1e-12)
    factor = min(f for f in (1, 2, 5, 10) if f >= value / 10.0**power * (1 - 1e-9))
    return float(f"{factor}e{power}")


def round_cutoffs(values_ppm: Array) -> list[float]:
    """Cut-offs from 0 in equal round steps over the range of data.

    Examples
    --------
    >>> round_cutoffs(np.linspace(100, 900, 81))
    [0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0]
    """
    if values_ppm.size == 0 or float(values_ppm.max()) <= 0:
        return [0.0]
    low, high = (float(value) for value in np.quantile(values_ppm, [0.1, 0.98]))
    step = round_step_at_most(max(high - low, high * 0.1) / _CUTOFFS)
    first = max(1, math.floor(low / step))
    steps = np.arange(first, math.floor(high / step + 1e-9) + 1)
    # At most about ten: twice the step, or five times, where a round one is much smaller than asked for.
    every = max(1, math.ceil(steps.size / 10))
    return [0.0, *(round(float(number) * step, 9) for number in steps[::every])]


# ------------------------------------------------------------------ the settings file


def _settings(proposed: dict[tuple[str, str], Proposal]) -> str:
    """The settings file: every key with its value and what it means."""
    told, shipped = _HEAD, _shipped_comments()
    for name, model in SECTIONS.items():
        lines = list(_section_lines(name, proposed, shipped))
        told += "\n" + "\n".join(lines if model is AssessmentSettings else [f"[{name}]", *lines]) + "\n"
    tomllib.loads(told)
    return told


def _section_lines(name: str, proposed: dict[tuple[str, str], Proposal], shipped: dict[tuple[str, str], str]) -> Iterator[str]:
    model = SECTIONS[name]
    keys = [*model.model_fields, *(key for section, key in proposed if section == name and key not in model.model_fields)]
    for key in keys:
        if key in ("outline", "outlines"):  # filled from polygons
            continue
        mine = proposed.get((name, key))
        described = model.model_fields[key].description if key in model.model_fields else None
        if described is not None and "not for the settings file" in described:
            continue
        mine = proposed.get((name, key))
        default = None if key not in model.model_fields else model.model_fields[key].get_default(call_default_factory=True)
        if mine is not None:
            line = f"{key} = {_toml(mine.value)}"
            comment = ". ".join(part for part in (described, mine.how) if part)
        elif default is None:
            line, comment = f"# {key} = …", described or ""
        else:
            line, comment = f"{key} = {_toml(default)}", shipped.get((name, key)) or described or ""
        yield f"{line:<34} # {printable(comment)}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", escaped) + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return repr(value)


def _shipped_comments() -> dict[tuple[str, str], str]:
    """What the settings that ship say of each key, source and plausible range included; nothing where they do not ship with the program."""
    try:
        lines = (ROOT / "data" / "raw" / "assessment.toml").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    comments: dict[tuple[str, str], str] = {}
    section = "assessment"
    for line in lines:
        head = re.match(r"\[(\w+)\]", line)
        section = head[1] if head else section
        found = re.match(r"(\w+)\s*=\s*(?:\"[^\"]*\"|[^#\"])*?\s+#\s*(.+)$", line)
        if found:
            comments[section, found[1]] = found[2]
    return comments


_HEAD = """\
# Settings of a new assessment. Every key is here with its meaning; a key that is left out has the program's default; a misspelt key is an error.
# PROPOSAL: derived from the points, how is said on the line: check it and take the word away. SET THIS: nobody can derive it.
# P: published, D: derived, A: assumption. A source in a comment is that of the default, chosen for deep-sea mud.
"""

_NOTES: Final = {
    "bathymetry/README.txt": """\
Put grids of depth here: GeoTIFF (.tif) or NetCDF (.nc), heights positive up or depths said so in a .toml beside the grid.
The finest grid that covers a cell wins there. Every core must lie on one. GEBCO is good for a first look; multibeam for slopes.
Without any depth: bathymetry = "none" in [region] of assessment.toml.

水深格子（GeoTIFF・NetCDF）をここに置く。水深がない場合は assessment.toml の [region] に bathymetry = "none" と記す。
""",
    "domains/README.txt": """\
Optional polygons as GeoJSON (WGS 84): a property "kind" of outcrop, seamount_flank or no_go takes their cells away from what can be mined;
a region's outline may lie here too: [region] polygon = "domains/region.geojson" in place of the four edges. Holes and several parts are fine.

任意のポリゴン（GeoJSON、WGS 84）。属性 kind が outcrop・seamount_flank・no_go のものは採掘対象から除かれる。
""",
    "published/README.txt": """\
Optional figures to compare with, as CSV (id,quantity,value,unit,source), each with its source. None is needed.

比較に用いる公表値（CSV、出典付き）。なくてもよい。
""",
}
