"""What comes in: raw files, samples, the seafloor, composites, and the marks that every product carries on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from pipeline.artefacts.formats import layer_tags, layers_from, read_csv, read_geoparquet, read_raster, write_csv, write_geoparquet, write_raster
from pipeline.artefacts.sample_columns import samples_schema
from pipeline.errors import ArtefactError
from pipeline.files import sha256_of
from pipeline.grid import require_same_grid
from pipeline.region_rings import together
from pipeline.text import printable
from pipeline.units import oxide_per_element

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.artefacts.horizon import Horizon
    from pipeline.grid import Grid, Layers

    Array = NDArray[np.float64]

REJECTED_COLUMNS = ("file", "row", "column", "value", "reason")

NO_DEPTHS = "none"
"""Source of the depths of an assessment that has none."""

ROLES = ("sample", "check assay")
"""Column ``role`` of ``samples.parquet``: what enters estimates, and further assays of the same intervals."""


@dataclass(frozen=True)
class Marks:
    """What must stay visible in every product: where the data come from, and whether rows were left out.

    Parameters
    ----------
    data_kind : str
        ``measured``, ``synthetic`` or ``partly synthetic``.
    rows_left_out : int
        Refused rows that the settings allowed to be left out.
    """

    data_kind: str
    rows_left_out: int = 0

    @property
    def is_synthetic(self) -> bool:
        """Whether any sample is synthetic."""
        return self.data_kind != "measured"

    def text(self) -> str:
        """One phrase for tables."""
        return self.data_kind + (f"; {self.rows_left_out} refused rows left out" if self.rows_left_out else "")

    def tags(self) -> dict[str, str]:
        """Tags for rasters and other files."""
        return {"data_kind": self.data_kind, "rows_left_out": str(self.rows_left_out)}

    @classmethod
    def from_tags(cls, tags: Mapping[str, Any]) -> Self:
        """Read back what :meth:`tags` made."""
        return cls(str(tags["data_kind"]), int(tags["rows_left_out"]))


@dataclass(frozen=True)
class RawFiles:
    """Raw files with their content hashes: the only way by which raw data enter.

    Parameters
    ----------
    raw : Path
        The folder RAW.
    hashes : dict of str to str
        sha256 by path relative to RAW.
    """

    name: ClassVar[str]
    raw: Path
    hashes: dict[str, str]

    def __post_init__(self) -> None:
        """Refuse a file whose name is no text: no product could tell of it."""
        for name in self.hashes:
            if any("\ud800" <= character <= "\udfff" for character in name):
                msg = f"{printable(name)}: the name of the file is no UTF-8 text. Rename it."
                raise ArtefactError(msg)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this list."""
        return path.parent.name == ".lists" and path.name == f"{cls.name}.json"

    @classmethod
    def read(cls, path: Path, raw: Path | None) -> Self:
        """Read the list; files are looked up below ``raw``."""
        if raw is None:
            msg = f"{path.name} lists raw files; say where they are with --raw"
            raise ArtefactError(msg)
        return cls(raw, json.loads(path.read_text(encoding="utf-8"))["files"])

    def paths(self, *suffixes: str) -> list[tuple[str, Path]]:
        """Relative name and full path of the listed files that end in one of the suffixes, sorted by name."""
        return [(name, self.raw / name) for name in sorted(self.hashes) if name.lower().endswith(suffixes)]

    def content(self, name: str) -> bytes:
        """Bytes of a listed file, read once: they are what was listed."""
        try:
            found = (self.raw / name).read_bytes()
        except OSError:
            found = b""
        if hashlib.sha256(found).hexdigest() != self.hashes[name]:
            msg = f"{name} changed while the build was running. Run make all again."
            raise ArtefactError(msg)
        return found

    def verified(self, name: str) -> Path:
        """Full path of a listed file whose content is still what was listed."""
        path = self.raw / name
        if not path.is_file() or sha256_of(path) != self.hashes[name]:
            msg = f"{name} changed while the build was running. Run make all again."
            raise ArtefactError(msg)
        return path


class CoreFiles(RawFiles):
    """Core tables and the notes beside them."""

    name = "cores"


class BathymetryFiles(RawFiles):
    """Bathymetry grids and the notes beside them."""

    name = "bathymetry"


class PublishedFiles(RawFiles):
    """Published figures."""

    name = "published"

    def rows(self) -> dict[str, dict[str, str]]:
        """Every row by its id, also those of what is not known.

        Raises
        ------
        ArtefactError
            A file is no UTF-8 table, or a value is no number.
        """
        import csv

        rows: dict[str, dict[str, str]] = {}
        for name, _ in self.paths(".csv"):
            try:
                with self.verified(name).open(encoding="utf-8-sig", newline="") as file:
                    found = {row["id"]: row for row in csv.DictReader(file, restval="") if row.get("id")}
            except (csv.Error, UnicodeDecodeError) as error:
                msg = f"{name} is no readable table ({error}). Save it as CSV UTF-8."
                raise ArtefactError(msg) from None
            for figure, row in found.items():
                if row.get("value"):
                    _require_number(f"{name}, {figure}", row["value"])
            rows |= found
        return rows

    def lines(self) -> dict[str, dict[str, int]]:
        """Number of the row of each id, by file; the header is row 1."""
        import csv

        found: dict[str, dict[str, int]] = {}
        for name, _ in self.paths(".csv"):
            with self.verified(name).open(encoding="utf-8-sig", newline="", errors="replace") as file:
                rows = csv.DictReader(file, restval="")
                found[name] = {row["id"]: number for number, row in enumerate(rows, start=2) if row.get("id")}
        return found

    def figures(self) -> dict[str, dict[str, str]]:
        """Rows that hold a value, by id; a figure marked unknown holds none.

        Raises
        ------
        ArtefactError
            A file is no UTF-8 table, or a value is no number.
        """
        return {figure: row for figure, row in self.rows().items() if row.get("value")}


def _require_number(where: str, value: str) -> None:
    try:
        number = float(value)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        msg = f"{where}: value {value!r} is no number. Write digits with a decimal point, or leave it empty where the figure is unknown."
        raise ArtefactError(msg)


@dataclass(frozen=True)
class Domain:
    """A feature of a file of domains.

    Parameters
    ----------
    name : str
        Its property ``name``, else ``domain``, else the file's name; any text.
    rings : list
        Of its polygons, holes too: lists of (longitude, latitude) in degrees. Empty where it is no polygon, or cannot be read.
    kind : str
        Its property ``kind``; any text, in lower case. Empty where it has none.
    sizes : list of int
        Number of rings of each polygon; the first ring of a polygon is its outline, the others are holes.
    """

    name: str
    rings: list[list[tuple[float, float]]]
    kind: str = ""
    sizes: list[int] = field(default_factory=list)


class DomainFiles(RawFiles):
    """Polygons of a user: acoustic facies, outcrop, no-go areas."""

    name = "domains"

    def features(self, besides: str | None = None) -> list[Domain]:
        """Every feature of every file but one, in the order of names; what is no polygon is there without rings.

        Parameters
        ----------
        besides : str, optional
            File that is not meant, relative to RAW.
        """
        found: list[Domain] = []
        for name, _ in self.paths(".geojson"):
            if name == besides:
                continue
            try:
                content = json.loads(self.content(name).decode("utf-8-sig"))
                features = content["features"] if content["type"] == "FeatureCollection" else [content]
                found += [_domain(feature, name.rpartition("/")[2].rpartition(".")[0]) for feature in features]
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                found.append(Domain(name, []))
        return found


def _domain(feature: dict[str, Any], file: str) -> Domain:
    geometry = feature.get("geometry", feature) if feature.get("type") == "Feature" else feature
    properties = feature.get("properties") or {}
    name = next((str(properties[key]) for key in ("name", "NAME", "Name", "domain") if isinstance(properties, dict) and properties.get(key)), file)
    said = next((properties[key] for key in ("kind", "Kind", "KIND") if isinstance(properties, dict) and properties.get(key)), "")
    what = str(said).strip().lower()
    kind, positions = (geometry or {}).get("type"), (geometry or {}).get("coordinates") or []
    polygons = {"Polygon": [positions], "MultiPolygon": positions}.get(str(kind), [])
    try:
        written = [[[(float(point[0]), float(point[1])) for point in ring] for ring in polygon] for polygon in polygons]
    except (ValueError, TypeError, IndexError):
        return Domain(name, [], what)
    # ASSUME: longitudes may run to 540 degrees east, so that a polygon across the 180th meridian stays in one piece.
    rings = [ring for polygon in written for ring in polygon]
    usable = all(len(ring) >= 4 and all(abs(longitude) <= 540 and abs(latitude) <= 90 for longitude, latitude in ring) for ring in rings)
    if not usable:
        return Domain(name, [], what)
    # One that is written across the 180th meridian with a jump from 179 to -179 goes on counting.
    whole = [together(polygon) if polygon else polygon for polygon in written]
    return Domain(name, [ring for polygon in whole for ring in polygon], what, [len(polygon) for polygon in whole])


class TruthFiles(RawFiles):
    """Truth of a reference survey; no estimating stage takes this type."""

    name = "truth"

    def elements(self) -> list[tuple[str, dict[str, Any]]]:
        """Name of each file and its figures by element.

        Raises
        ------
        ArtefactError
            A file is no JSON with a key ``elements``.
        """
        found = []
        for name, _ in self.paths(".json"):
            try:
                found.append((name, dict(json.loads(self.content(name))["elements"])))
            except (ValueError, TypeError, KeyError) as error:
                msg = f"{name} is no truth of a reference survey ({error}). Remove it, or write it anew with make reference-survey."
                raise ArtefactError(msg) from None
        return found


@dataclass(frozen=True)
class Samples:
    """Accepted intervals and refused rows.

    Parameters
    ----------
    frame : GeoDataFrame
        One row per accepted interval: the flat sample columns, ``source_file``, ``source_row``, ``conversions``, ``data_kind``; WGS 84 points.
    rejected : DataFrame
        ``file, row, column, value, reason`` of every refused row.
    marks : Marks
    warnings : tuple of str
        What a reader should know although nothing was refused.
    check_assays : GeoDataFrame, optional
        Further assays of intervals that are in ``frame``: they enter no estimate.
    quality : dict
        ``checks`` that were made or could not be, ``conversions`` in words, ``laboratory_bias`` of the check assays.
    """

    frame: gpd.GeoDataFrame
    rejected: pd.DataFrame
    marks: Marks
    warnings: tuple[str, ...] = ()
    check_assays: gpd.GeoDataFrame | None = None
    quality: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "samples.parquet"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the accepted intervals and, from beside them, the refused rows."""
        frame, notes = read_geoparquet(path)
        rejected = read_csv(path.with_name("rejected.csv"), dtype=str)
        role = frame.pop("role")
        accepted, check_assays = (frame.loc[role == name].reset_index(drop=True) for name in ROLES)
        return cls(accepted, rejected, Marks.from_tags(notes), tuple(notes["warnings"]), check_assays, notes["quality"])

    def write(self, out: Path) -> None:
        """Write ``samples.parquet``, and ``rejected.csv`` beside it."""
        import pandas as pd

        parts = [self.frame] if self.check_assays is None else [self.frame, self.check_assays]
        frame = pd.concat([part.assign(role=name) for part, name in zip(parts, ROLES, strict=False) if len(part)], ignore_index=True)
        samples_schema(frame).validate(frame)
        write_csv(self.rejected, out.with_name("rejected.csv"))
        write_geoparquet(frame, out, {**self.marks.tags(), "warnings": list(self.warnings), "quality": self.quality})


def write_rejected(rejected: pd.DataFrame, processed: Path) -> None:
    """Write ``rejected.csv`` alone: the one file that a refused survey replaces."""
    write_csv(rejected, processed / "rejected.csv")


@dataclass(frozen=True)
class Domains:
    """Parts of the region with statistics of their own, cell by cell.

    Parameters
    ----------
    boundary : str
        ``hard``: only the cores of a domain inform it. ``soft``: means and spreads are its own, the field goes on across the boundary.
    names : tuple of str
        As the user wrote them, sorted; that of the cells outside every polygon comes last, where there is one.
    of_cell : (rows, columns) int array
        Number of the domain that holds the centre of each cell; -1 where none is assessed.
    min_cores : int
        Cores that give a domain spreads and a variogram of its own.
    """

    boundary: str
    names: tuple[str, ...]
    of_cell: NDArray[np.int64]
    min_cores: int

    def cells(self, name: str) -> NDArray[np.bool_]:
        """(rows, columns) cells of a domain."""
        return np.asarray(self.of_cell == self.names.index(name))

    def tags(self) -> dict[str, str]:
        """All but the cells, as one tag of a raster; escaped, because a raster's tags take no line ends."""
        return {"domains": json.dumps({"boundary": self.boundary, "names": self.names, "min_cores": self.min_cores})}

    @classmethod
    def from_raster(cls, tags: Mapping[str, str], codes: Array) -> Self:
        """Read back what a raster holds."""
        said = json.loads(tags["domains"])
        return cls(said["boundary"], tuple(said["names"]), codes.astype(np.int64), int(said["min_cores"]))


@dataclass(frozen=True)
class Seafloor:
    """The grid with depth, slope and the share of each cell inside the region.

    Parameters
    ----------
    grid, layers
        Frame of everything estimated.
    depth_m, slope_deg, region_share : (rows, columns) arrays
        Water depth (positive down), slope from the native bathymetry, share of area inside the region; NaN where no bathymetry is.
    source : str
        Files and resolutions behind the depths; ``NO_DEPTHS`` where the assessment has none.
    source_resolution_m : float
        Coarsest node spacing used inside the region; NaN without depths.
    domains : Domains, optional
        Where the settings ask for them.
    horizon : Horizon, optional
        The marker that the layers are relative to; a file of its own, put here by :meth:`over`.
    """

    grid: Grid
    layers: Layers
    depth_m: Array
    slope_deg: Array
    region_share: Array
    source: str
    source_resolution_m: float
    domains: Domains | None = None
    horizon: Horizon | None = field(default=None, compare=False)

    def over(self, horizon: Horizon | None) -> Self:
        """The seafloor with the marker that its layers are relative to; itself where they are relative to the seafloor.

        Raises
        ------
        ArtefactError
            The layers are relative to a marker, and its surface is not given: what of them exists is not known.
        """
        if not self.layers.marker or (horizon is None and self.horizon is not None):
            return self
        if horizon is None:
            msg = f"layers are relative to the marker {self.layers.marker!r}, and horizon.tif is missing. Run make all."
            raise ArtefactError(msg)
        require_same_grid(self.grid, horizon.grid)
        return replace(self, horizon=horizon)

    @property
    def thickness_share(self) -> Array:
        """Share of each block that lies below the seafloor, (layers, rows, columns), or (layers, 1, 1) ones: it broadcasts.

        It is the expected one where the marker is known with an error.

        Raises
        ------
        ArtefactError
            The layers are relative to a marker that was not put here (:meth:`over`).
        """
        if self.layers.marker and self.horizon is None:
            self.over(None)
        return np.ones((self.layers.count, 1, 1)) if self.horizon is None else np.nan_to_num(self.horizon.thickness_share())

    @property
    def exists(self) -> NDArray[np.bool_]:
        """(rows, columns) cells in which any layer lies below the seafloor; everywhere without a marker, (1, 1)."""
        return np.asarray(self.thickness_share.max(axis=0) > 0)

    def layer_weights(self, layers: NDArray[np.int64], cells: NDArray[np.bool_]) -> Array | None:
        """(cells, layers) share of some layers that exists in the chosen cells; ``None`` where all do, because there is no marker."""
        return None if self.horizon is None else self.thickness_share[layers][:, cells].T

    @property
    def has_depths(self) -> bool:
        """Whether the assessment has a depth of its surface at all."""
        return self.source != NO_DEPTHS

    @property
    def ground(self) -> NDArray[np.bool_]:
        """(rows, columns) cells of the region that are there to be estimated: with a depth, where the assessment has depths."""
        inside = np.nan_to_num(self.region_share) > 0
        return inside & np.isfinite(self.depth_m) if self.has_depths else inside

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "seafloor.tif"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the raster."""
        grid, bands, tags = read_raster(path)
        depth_m, slope_deg, region_share = (bands[name] for name in ("depth_m", "slope_deg", "region_share"))
        domains = Domains.from_raster(tags, bands["domain_code"]) if "domain_code" in bands else None
        resolution_m = float(tags["source_resolution_m"])
        return cls(grid, layers_from(tags), depth_m, slope_deg, region_share, tags["source"], resolution_m, domains=domains)

    def write(self, out: Path) -> None:
        """Write ``seafloor.tif``."""
        bands = {"depth_m": self.depth_m, "slope_deg": self.slope_deg, "region_share": self.region_share}
        tags = {**layer_tags(self.layers), "source": self.source, "source_resolution_m": f"{self.source_resolution_m:.6g}"}
        if self.domains is not None:
            bands["domain_code"] = self.domains.of_cell.astype(np.float64)
            tags |= self.domains.tags()
        write_raster(out, self.grid, bands, tags)


@dataclass(frozen=True)
class Composites:
    """One row per core and layer.

    Parameters
    ----------
    frame : GeoDataFrame
        ``core_id, layer, top_m, bottom_m``; per element ``<e>_ppm`` (weighted by length x density), ``<e>_g_m3`` (accumulation: grade x density
        averaged by length) and ``<e>_sampled_share``; ``dry_bulk_density_t_m3``, ``density_supplied_share`` (share of the length whose density
        comes from the settings' rule), ``sampled_share``, ``declustering_weight`` (sums to 1 in a layer); WGS 84 points. With domains also
        ``domain``, the one that the core stands in.
    layers : Layers
    density_source : str
        ``measured``, ``prior`` or ``measured, gaps supplied``.
    marks : Marks
    group_oxides : dict of str to dict
        By assessed group of elements: ``factor`` (mass of its oxides over that of its metals), ``source`` (``samples``, ``settings``) and
        ``samples``, the number of those that carry every member. A group whose factor is not known is not there.
    domains : tuple of str
        Names of the domains, whether cores stand in them or not; empty without domains.
    warnings : tuple of str
    """

    frame: gpd.GeoDataFrame
    layers: Layers
    elements: tuple[str, ...]
    density_source: str
    marks: Marks
    group_oxides: dict[str, dict[str, Any]] = field(default_factory=dict)
    domains: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def bottoms_m(self, core_ids: Iterable[str]) -> Array:
        """(cores,) depth below the seafloor of the bottom of the assessed interval; below a marker its own in each core, NaN without a pick."""
        if not self.layers.marker:
            return np.array([self.layers.bottom_m for _ in core_ids])
        picked = self.frame.groupby("core_id")["marker_m"].first()
        return np.array([self.layers.bottom_m + float(picked.get(core, np.nan)) for core in core_ids])

    def oxide_per_metal(self, element: str) -> float | None:
        """Mass of oxide per mass of an element or of a group of them; ``None`` where it is not known."""
        return float(self.group_oxides[element]["factor"]) if element in self.group_oxides else oxide_per_element(element)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "composites.parquet"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the table."""
        frame, notes = read_geoparquet(path)
        elements, domains = tuple(notes["elements"]), tuple(notes.get("domains", ()))
        return cls(frame, layers_from(notes), elements, notes["density_source"], Marks.from_tags(notes), notes["group_oxides"], domains)

    def write(self, out: Path) -> None:
        """Write ``composites.parquet``."""
        own = {"elements": list(self.elements), "density_source": self.density_source, "group_oxides": self.group_oxides}
        notes = {**layer_tags(self.layers), **self.marks.tags(), **own, **({"domains": list(self.domains)} if self.domains else {})}
        write_geoparquet(self.frame, out, notes)
