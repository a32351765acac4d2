"""Native bathymetry grids: read, looked up at positions, and warped to the assessment's grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from pyproj import CRS, Transformer

from pipeline.errors import BathymetryError
from pipeline.grid import WGS84
from pipeline.units import METRES_PER_DEGREE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.artefacts import BathymetryFiles
    from pipeline.grid import Grid

    Array = NDArray[np.float64]

_HIGHEST_M, _DEEPEST_M = 9_000.0, -11_500.0


@dataclass(frozen=True)
class NativeGrid:
    """A bathymetry grid as it came.

    Parameters
    ----------
    name : str
        File, relative to RAW.
    crs : pyproj.CRS
    transform : affine.Affine
        Of the upper-left corner of the upper-left cell.
    elevation_m : (rows, columns) array
        Positive up, row 0 in the north; NaN in holes.
    """

    name: str
    crs: CRS
    transform: Affine
    elevation_m: Array

    @property
    def resolution_m(self) -> float:
        """Larger node spacing in metres, at the grid's middle."""
        width, height = abs(self.transform.a), abs(self.transform.e)
        if not self.crs.is_geographic:
            return float(max(width, height))
        middle_deg = self.transform.f + self.transform.e * self.elevation_m.shape[0] / 2
        return float(max(width * np.cos(np.radians(middle_deg)), height) * METRES_PER_DEGREE)

    @cached_property
    def _from_lonlat(self) -> Transformer:
        return Transformer.from_crs(WGS84, self.crs, always_xy=True)

    def _pixel_of(self, longitude_deg: Array, latitude_deg: Array) -> tuple[Array, Array]:
        x, y = self._from_lonlat.transform(np.asarray(longitude_deg, float), np.asarray(latitude_deg, float))
        return (np.asarray(y) - self.transform.f) / self.transform.e - 0.5, (np.asarray(x) - self.transform.c) / self.transform.a - 0.5

    def covers(self, longitude_deg: Array, latitude_deg: Array) -> NDArray[np.bool_]:
        """Whether positions in degrees lie on this grid, half a cell of margin included, and not in a hole."""
        row, column = self._pixel_of(longitude_deg, latitude_deg)
        rows, columns = self.elevation_m.shape
        inside = (row >= -0.5) & (row <= rows - 0.5) & (column >= -0.5) & (column <= columns - 0.5)
        nearest = self.elevation_m[np.clip(np.rint(row), 0, rows - 1).astype(int), np.clip(np.rint(column), 0, columns - 1).astype(int)]
        return np.asarray(inside & np.isfinite(nearest))

    def slope_deg(self) -> Array:
        """Slope in degrees from third-order finite differences on the native nodes (Horn 1981, Proc. IEEE 69:14)."""
        rows, columns = self.elevation_m.shape
        if rows < 2 or columns < 2:
            return np.zeros_like(self.elevation_m)
        width_m: Array | float = abs(self.transform.a)
        height_m = abs(self.transform.e)
        if self.crs.is_geographic:
            latitude_deg = self.transform.f + (np.arange(rows) + 0.5) * self.transform.e
            width_m, height_m = (width_m * np.cos(np.radians(latitude_deg)) * METRES_PER_DEGREE)[:, None], height_m * METRES_PER_DEGREE
        z = np.pad(self.elevation_m, 1, mode="reflect", reflect_type="odd")
        across = (z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:]) - (z[:-2, :-2] + 2 * z[1:-1, :-2] + z[2:, :-2])
        along = (z[:-2, :-2] + 2 * z[:-2, 1:-1] + z[:-2, 2:]) - (z[2:, :-2] + 2 * z[2:, 1:-1] + z[2:, 2:])
        return np.asarray(np.degrees(np.arctan(np.hypot(across / (8 * width_m), along / (8 * height_m)))))

    def warped(self, values: Array, grid: Grid) -> Array:
        """Values on the native nodes brought to the centres of another grid's cells, bilinear; NaN where there is nothing."""
        from rasterio.crs import CRS as RasterioCRS
        from rasterio.warp import Resampling, reproject

        out = np.full(grid.shape, np.nan)
        reproject(
            values.astype(np.float64),
            out,
            src_transform=self.transform,
            src_crs=RasterioCRS.from_wkt(self.crs.to_wkt()),
            src_nodata=np.nan,
            dst_transform=grid.transform,
            dst_crs=RasterioCRS.from_wkt(grid.crs.to_wkt()),
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
            num_threads=1,
        )
        return out


def read_grids(files: BathymetryFiles) -> list[NativeGrid]:
    """Read every listed bathymetry grid, coarse ones first.

    Raises
    ------
    BathymetryError
        No grid is there, or one cannot be read or understood.
    """
    paths = files.paths(".nc", ".tif", ".tiff")
    if not paths:
        msg = "no bathymetry grid (.nc or .tif) in bathymetry. Put at least one there that covers the region."
        raise BathymetryError(msg)
    grids = []
    for name, _ in paths:
        path = files.verified(name)
        grid = _read_netcdf(name, path) if name.lower().endswith(".nc") else _read_geotiff(name, path)
        known = grid.elevation_m[np.isfinite(grid.elevation_m)]
        if known.size == 0:
            msg = f"{name} holds no depth at all. Remove it or replace it."
            raise BathymetryError(msg)
        if known.min() < _DEEPEST_M or known.max() > _HIGHEST_M:
            msg = (
                f"{name}: elevations run from {known.min():g} to {known.max():g} m, outside {_DEEPEST_M:g}..{_HIGHEST_M:g}. "
                "Is the unit metres, and is the fill value declared?"
            )
            raise BathymetryError(msg)
        grids.append(grid)
    return sorted(grids, key=lambda grid: (-grid.resolution_m, grid.name))


def _read_geotiff(name: str, path: Path) -> NativeGrid:
    import rasterio

    try:
        with rasterio.open(path, driver="GTiff") as raster:
            if raster.crs is None:
                msg = f"{name} has no coordinate system. Assign one, for instance with gdal_edit."
                raise BathymetryError(msg)
            if raster.transform.b or raster.transform.d or raster.transform.e >= 0:
                msg = f"{name} is rotated or not north-up. Warp it to a north-up grid first."
                raise BathymetryError(msg)
            values = raster.read(1, masked=True).astype(np.float64).filled(np.nan) * raster.scales[0] + raster.offsets[0]
            return NativeGrid(name, CRS.from_wkt(raster.crs.to_wkt()), raster.transform, values)
    except rasterio.RasterioIOError as error:
        msg = f"{name} is no readable GeoTIFF: {error}"
        raise BathymetryError(msg) from None


def _read_netcdf(name: str, path: Path) -> NativeGrid:
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as dataset:
            dataset.load()
    except (OSError, ValueError) as error:
        msg = f"{name} is no readable NetCDF-4 file: {error}"
        raise BathymetryError(msg) from None
    fields = [variable for variable in dataset.data_vars.values() if variable.ndim == 2 and np.issubdtype(variable.dtype, np.number)]
    if len(fields) != 1:
        msg = f"{name} holds {len(fields)} two-dimensional fields; exactly one is needed. Keep the elevation only."
        raise BathymetryError(msg)
    field = fields[0]
    axes = {_axis_of(field[dimension].attrs, str(dimension)): str(dimension) for dimension in field.dims if dimension in field.coords}
    if set(axes) != {"longitude", "latitude"}:
        msg = f"{name}: axes {', '.join(map(str, field.dims))} are not longitude and latitude. Give them CF units degrees_east and degrees_north."
        raise BathymetryError(msg)
    field = field.transpose(axes["latitude"], axes["longitude"]).sortby(axes["latitude"], ascending=False).sortby(axes["longitude"])
    longitude_deg, latitude_deg = field[axes["longitude"]].values.astype(float), field[axes["latitude"]].values.astype(float)
    for axis, values in (("longitude", longitude_deg), ("latitude", latitude_deg)):
        steps = np.diff(values)
        if values.size < 2 or np.ptp(steps) > 1e-3 * abs(steps.mean()):
            msg = f"{name}: {axis} is not evenly spaced. Regrid it to equal steps."
            raise BathymetryError(msg)
    width, height = np.ptp(longitude_deg) / (longitude_deg.size - 1), np.ptp(latitude_deg) / (latitude_deg.size - 1)
    transform = Affine(width, 0, longitude_deg[0] - width / 2, 0, -height, latitude_deg[0] + height / 2)
    return NativeGrid(name, WGS84, transform, _sign(field.attrs, name) * field.values.astype(np.float64))


def _axis_of(attributes: dict[str, str], name: str) -> str:
    units = str(attributes.get("units", "")).lower()
    if units.startswith("degrees_e") or name.lower() in ("lon", "longitude"):
        return "longitude"
    return "latitude" if units.startswith("degrees_n") or name.lower() in ("lat", "latitude") else name


def _sign(attributes: dict[str, str], name: str) -> float:
    """+1 where values are heights, -1 where they are depths; refused where the metadata do not say."""
    standard = str(attributes.get("standard_name", "")).lower()
    words = " ".join(str(attributes.get(key, "")) for key in ("long_name", "positive", "standard_name")).lower()
    if attributes.get("positive") == "down" or standard in ("depth", "sea_floor_depth_below_geoid", "sea_floor_depth_below_sea_surface"):
        return -1.0
    if attributes.get("positive") == "up" or "height" in standard or "altitude" in standard or "elevation" in words:
        return 1.0
    msg = f"{name} does not say whether its values are depths or heights. Set standard_name to height_above_mean_sea_level, or positive to down."
    raise BathymetryError(msg)
