"""Rasters for a GIS: cloud-optimised GeoTIFF with overviews, units and titles of bands, and a QGIS style beside each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.artefacts import Band, band_of
from pipeline.artefacts.formats import write_raster
from pipeline.errors import ArtefactError
from pipeline.export.colours import legend_of, ramp_of
from pipeline.export.qgis_style import code_style, raster_style
from pipeline.files import write_whole
from pipeline.grid import Grid
from pipeline.web.colours import nice_limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.export.results import Results

_SHARED: Final = ("p10", "p50", "p90")
"""Percentiles that share the colours of the estimate, as on the maps."""


@dataclass(frozen=True)
class WrittenRaster:
    """A raster that was exported.

    Parameters
    ----------
    path : Path
    grid : Grid
    bands : list of (Band, dict)
        Each with its least, most and mean value and the share of cells that hold one, in percent; empty where none does.
    """

    path: Path
    grid: Grid
    bands: list[tuple[Band, dict[str, float]]]


def write_rasters(results: Results, folder: Path) -> list[WrittenRaster]:
    """Write every raster of the results into a folder, with one style for its first band and further ones for those that a map would show.

    ``grade_dy.qml`` lies beside ``grade_dy.tif`` and is taken by QGIS itself; ``styles/grade_dy.dy_sd_ppm.qml`` is loaded by hand.

    Returns
    -------
    list of WrittenRaster
    """
    limits = _grade_limits(results)
    written = []
    for source in sorted(results.processed.glob("*.tif")):
        grid, bands, tags = read_float32(source)
        described = [band_of(name) for name in bands]
        # A code must not be averaged into another one.
        resampling = "nearest" if any(band.is_code for band in described) else "average"
        said = {band.name: {"title": _titled(band), "title_ja": band.title_ja, "unit": band.unit} for band in described}
        out = folder / source.name
        own = {"title": results.title, "data_kind": results.marks.data_kind, "rows_left_out": str(results.marks.rows_left_out)}
        write_raster(out, grid, bands, {**tags, **own}, overviews=resampling, band_tags=said)
        for number, band in _styled(described):
            style = _style(number, band, bands[band.name], results.map_settings.colour_map, limits, tags)
            at = out.with_suffix(".qml") if number == 1 else folder / "styles" / f"{out.stem}.{_file_part(band.name)}.qml"
            write_whole(at, style.encode())
        written.append(WrittenRaster(out, grid, [(band, _statistics(bands[band.name])) for band in described]))
    return written


def _statistics(values: NDArray[np.float32]) -> dict[str, float]:
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return {}
    found = {"minimum": finite.min(), "maximum": finite.max(), "mean": finite.mean(), "valid_percent": 100 * finite.size / values.size}
    return {name: float(f"{value:.9g}") for name, value in found.items()}


def read_float32(path: Path) -> tuple[Grid, dict[str, NDArray[np.float32]], dict[str, str]]:
    """Grid, bands and tags of a raster as they are stored."""
    import rasterio
    from pyproj import CRS

    try:
        with rasterio.open(path) as raster:
            grid = Grid(CRS.from_wkt(raster.crs.to_wkt()), raster.transform, (raster.height, raster.width))
            bands = dict(zip(map(str, raster.descriptions), raster.read(), strict=True))
            return grid, bands, {key.lower(): value for key, value in raster.tags().items() if key != "AREA_OR_POINT"}
    except rasterio.RasterioIOError as error:
        msg = f"{path.name} is not readable ({error}). Delete it and run make all."
        raise ArtefactError(msg) from None


def _titled(band: Band) -> str:
    return f"{band.title}, {band.part}" if band.part else band.title


def _styled(bands: Sequence[Band]) -> list[tuple[int, Band]]:
    """The first band, and all others of the whole interval."""
    return [(number, band) for number, band in enumerate(bands, start=1) if number == 1 or not band.part]


def _style(
    number: int, band: Band, values: NDArray[np.float32], grade_scale: str, limits: Mapping[str, tuple[float, float]], tags: Mapping[str, str]
) -> str:
    if band.kind in ("class", "reason", "domain"):
        return code_style(number, legend_of(band, names_in(tags, values)))
    element = band.name.partition("_")[0]
    shared = limits.get(element) if band.kind == "grade" else None
    return raster_style(number, ramp_of(band, values.astype(np.float64), grade_scale, shared), band.unit)


def names_in(tags: Mapping[str, str], values: NDArray[np.float32]) -> dict[int, str]:
    """Names of the codes of domains as the file tells them, else the codes themselves."""
    try:
        names = json.loads(tags.get("domains", ""))["names"]
        return {-1: "no domain / ドメインなし", **{code: str(name) for code, name in enumerate(names)}}
    except (ValueError, TypeError, KeyError):
        return {int(code): f"{code:g}" for code in np.unique(values[np.isfinite(values)])}


def _grade_limits(results: Results) -> dict[str, tuple[float, float]]:
    """Ends of the colours of an element's grade over the interval: those of the estimate, its low, median and high together."""
    limits = {}
    for grade in results.grades:
        parts = [grade.mean_ppm.ravel()]
        percentiles = results.processed / f"percentiles_{grade.element}.tif"
        if percentiles.is_file():
            _, bands, _ = read_float32(percentiles)
            parts += [bands[f"{grade.element}_{name}_ppm"].astype(np.float64).ravel() for name in _SHARED]
        limits[grade.element] = nice_limits(np.concatenate(parts))
    return limits


def _file_part(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name)
