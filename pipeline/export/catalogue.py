"""A SpatioTemporal Asset Catalog (STAC 1.1): an item for the assessment with every file, its checksum, projection and bands, and its collection.

Written without a library of its own; a test has it validated by one.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from pipeline.files import json_text, sha256_of, write_whole
from pipeline.grid import region_lonlat

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipeline.export.rasters import WrittenRaster
    from pipeline.export.results import Results

VERSION: Final = "1.1.0"
EXTENSIONS: Final = (
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
)
_MULTIHASH_SHA256: Final = "1220"
"""Before the digest: code 0x12 (SHA2-256) and its length, 32 bytes."""

# ASSUME: grade does not change within the time of people; where no sample carries a date, the item is of any time.
_ANY_TIME: Final = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MEDIA: Final = {
    ".tif": ("image/tiff; application=geotiff; profile=cloud-optimized", ["data"]),
    ".nc": ("application/x-netcdf", ["data"]),
    ".gpkg": ("application/geopackage+sqlite3", ["data"]),
    ".parquet": ("application/vnd.apache.parquet", ["data"]),
    ".csv": ("text/csv", ["data"]),
    ".omf": ("application/octet-stream", ["data"]),
    ".vtu": ("application/xml", ["data"]),
    ".vti": ("application/xml", ["data"]),
    ".qml": ("application/xml", ["metadata"]),
    ".json": ("application/json", ["metadata"]),
    ".md": ("text/markdown", ["metadata"]),
    ".zip": ("application/zip", ["archive"]),
}


def write_catalogue(results: Results, folder: Path, files: Iterable[Path], rasters: Iterable[WrittenRaster]) -> list[Path]:
    """Write ``item.json`` with an asset for each of the files, which lie in the folder, and ``collection.json``."""
    bands = {raster.path: _bands(raster) for raster in rasters}
    shape, bbox = footprint(results)
    start, end = sampled_between(results)
    assets = {path.relative_to(folder).as_posix(): {**_asset(path, folder), **bands.get(path, {})} for path in sorted(files)}
    synthetic = "Synthetic data, drawn by a computer. " if results.marks.is_synthetic else ""
    time_known = "" if (start, end) != _ANY_TIME else " No sample carries a date: the interval of time says nothing."
    description = f"{synthetic}Grades of {results.symbols} below the seafloor with their uncertainty.{time_known}"
    properties = {
        "title": results.title, "description": description, "datetime": None, "start_datetime": start, "end_datetime": end,
        "data_kind": results.marks.data_kind, "rows_left_out": results.marks.rows_left_out, **_projection(results),
    }  # fmt: skip
    item = {
        "type": "Feature", "stac_version": VERSION, "stac_extensions": list(EXTENSIONS), "id": "assessment", "geometry": shape, "bbox": bbox,
        "properties": properties, "assets": assets, "collection": "assessments",
        "links": [{"rel": name, "href": "./collection.json", "type": "application/json"} for name in ("root", "parent", "collection")],
    }  # fmt: skip
    time = [None, None] if (start, end) == _ANY_TIME else [start, end]
    collection = {
        "type": "Collection", "stac_version": VERSION, "id": "assessments", "title": results.title, "description": description, "license": "other",
        "extent": {"spatial": {"bbox": [bbox]}, "temporal": {"interval": [time]}},
        "links": [
            {"rel": "root", "href": "./collection.json", "type": "application/json"},
            {"rel": "item", "href": "./item.json", "type": "application/geo+json"},
        ],
    }  # fmt: skip
    written = []
    for name, content in {"item.json": item, "collection.json": collection}.items():
        write_whole(folder / name, json_text(content).encode())
        written.append(folder / name)
    return written


def _projection(results: Results) -> dict[str, Any]:
    """The projection has no code: it is told in full."""
    crs = results.grid.crs
    return {"proj:code": None, "proj:wkt2": crs.to_wkt("WKT2_2019"), "proj:projjson": crs.to_json_dict()}


def _asset(path: Path, folder: Path) -> dict[str, Any]:
    media, roles = _MEDIA.get(path.suffix, ("application/octet-stream", ["data"]))
    asset: dict[str, Any] = {
        "href": f"./{path.relative_to(folder).as_posix()}",
        "title": path.stem.replace("_", " "),
        "type": media,
        "roles": roles,
        "file:size": path.stat().st_size,
        "file:checksum": _MULTIHASH_SHA256 + sha256_of(path),
    }
    return asset


def _bands(raster: WrittenRaster) -> dict[str, Any]:
    grid, told = raster.grid, []
    for band, statistics in raster.bands:
        part = f", {band.part}" if band.part else ""
        said: dict[str, Any] = {"name": band.name, "description": f"{band.title}{part}", "data_type": "float32", "nodata": "nan", "unit": band.unit}
        told.append(said | ({"statistics": statistics} if statistics else {}))
    return {
        "proj:shape": list(grid.shape),
        "proj:transform": [float(number) for number in grid.transform[:6]],
        "proj:bbox": list(grid.bounds_m),
        "raster:spatial_resolution": grid.cell_m,
        "raster:sampling": "area",
        "bands": told,
    }


def footprint(results: Results) -> tuple[dict[str, Any], list[float]]:
    """Region as GeoJSON, cut at the 180th meridian, and its bounds; west is larger than east where it lies across."""
    import shapely.affinity

    whole = region_lonlat(results.region)
    west, south, east, north = whole.bounds
    parts: list[Any] = []
    for turn in range(-2, 3):
        within = shapely.intersection(whole, shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90))
        cut = [part for part in shapely.get_parts(within) if isinstance(part, shapely.Polygon) and part.area > 0]
        parts += [shapely.affinity.translate(part, -360 * turn) for part in cut]
    outline = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    shape = _plain(shapely.geometry.mapping(shapely.orient_polygons(outline)))
    if east - west >= 360:
        return shape, [-180.0, south, 180.0, north]
    return shape, [_turned(west), south, _turned(east) if _turned(east) != -180 else 180.0, north]


def _turned(longitude_deg: float) -> float:
    return longitude_deg - 360 * math.floor((longitude_deg + 180) / 360)


def _plain(geometry: dict[str, Any]) -> dict[str, Any]:
    def lists(value: Any) -> Any:
        return [lists(part) for part in value] if isinstance(value, tuple | list) else round(float(value), 9)

    return {"type": geometry["type"], "coordinates": lists(geometry["coordinates"])}


def sampled_between(results: Results) -> tuple[str, str]:
    """Earliest and latest date of the samples; any time where one of them has no date."""
    frame = results.samples.frame
    dates = [str(date) for date in frame["date"]] if "date" in frame else []
    if not dates or not all(_DATE.fullmatch(date) for date in dates):
        return _ANY_TIME
    return f"{min(dates)}T00:00:00Z", f"{max(dates)}T23:59:59Z"
