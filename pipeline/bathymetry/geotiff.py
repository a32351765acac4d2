"""GeoTIFF and BigTIFF, from memory: no file beside it, no environment variable and no other driver has a say."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pyproj import CRS

from pipeline.bathymetry.frame import agreed_crs, horizontal_crs, north_up
from pipeline.bathymetry.limits import readable, refuse_too_large
from pipeline.bathymetry.raw_field import RawField
from pipeline.bathymetry.values import Packing, unpacked
from pipeline.bathymetry.vertical import vertical_of
from pipeline.errors import BathymetryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.bathymetry.side_file import SideFile

_KIND = "GeoTIFF"
_GDAL: Final[dict[str, Any]] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": False,
    "GDAL_NUM_THREADS": 1,
    "GTIFF_POINT_GEO_IGNORE": False,  # nodes of a pixel-is-point file are moved to the middle of their cells
    "GTIFF_REPORT_COMPD_CS": True,  # the vertical axis tells direction and unit
}


def read_geotiff(name: str, content: bytes, side: SideFile) -> RawField:
    """The one band of depths.

    Raises
    ------
    BathymetryError
        The file cannot be read, is too large, or does not say where its values lie and what they are.
    """
    import rasterio
    from rasterio.io import MemoryFile

    with warnings.catch_warnings(), rasterio.Env(**_GDAL):
        warnings.simplefilter("ignore")  # GDAL warns of what is refused below
        with readable(name, _KIND):
            memory = MemoryFile(content)
        with memory:
            with readable(name, _KIND):
                raster = memory.open(driver="GTiff")
            with raster:
                return _field(name, raster, side)


def _field(name: str, raster: Any, side: SideFile) -> RawField:
    refuse_too_large(name, raster.shape)
    if raster.subdatasets:
        msg = f"{name} holds {len(raster.subdatasets)} images. Save the one of depths as a file of its own, for instance with gdal_translate."
        raise BathymetryError(msg)
    with readable(name, _KIND):
        declared = None if raster.crs is None else CRS.from_wkt(raster.crs.to_wkt(version="WKT2_2019"))
    crs = agreed_crs(name, declared, side.crs)
    if crs is None:
        msg = f'{name} has no coordinate system. Assign one, for instance with gdal_edit, or write crs = "EPSG:4326" (or what it is) in its .toml.'
        raise BathymetryError(msg)
    _refuse_unplaced(name, raster)
    band = _band(name, raster)
    with readable(name, _KIND):
        stored, known = raster.read(band), raster.read_masks(band) > 0
        for alpha in _alpha_bands(raster):  # GDAL itself heeds one of whole numbers only
            known &= raster.read(alpha) > 0
        packing = Packing(raster.scales[band - 1], raster.offsets[band - 1], () if side.fill is None else (float(side.fill),))
        attributes = _attributes(raster, band)
    if raster.nodata is None:
        _refuse_missing_blocks(name, raster, band)
    values, suspects = unpacked(name, _without(stored, known), packing)
    values, transform = north_up(values, raster.transform)
    # ASSUME: a GeoTIFF that says nothing of its direction and is nowhere above zero holds heights: nothing is less deep than the surface.
    vertical = vertical_of(name, attributes, crs, side, silence_means_heights=True)
    return RawField(values, suspects, horizontal_crs(name, crs), transform, vertical)


def _without(stored: NDArray[np.generic], known: NDArray[np.bool_]) -> NDArray[np.generic]:
    """Stored values with NaN where the file itself says that nothing is known: nodata, a mask, an alpha band."""
    if known.all():
        return stored
    floats = stored if stored.dtype.kind == "f" else stored.astype(np.float64)
    floats[~known] = np.nan
    return floats


def _refuse_unplaced(name: str, raster: Any) -> None:
    transform = raster.transform
    if transform.is_identity:
        msg = f"{name} does not say where its cells lie (no transform; control points are not read). Warp it first, for instance with gdalwarp."
        raise BathymetryError(msg)
    if transform.b or transform.d or not (transform.a and transform.e and np.isfinite(transform[:6]).all()):
        msg = f"{name} is rotated or not north-up. Warp it to a north-up grid first, for instance with gdalwarp."
        raise BathymetryError(msg)


def _band(name: str, raster: Any) -> int:
    """The band of depths: the only one, or the only one whose description says so."""
    from rasterio.enums import ColorInterp

    bands = [index for index in raster.indexes if index not in _alpha_bands(raster)]
    described = [index for index in bands if _names_depths(raster.descriptions[index - 1])]
    chosen = bands if len(bands) == 1 else described
    if len(chosen) != 1:
        told = ", ".join(str(text or "no description") for text in raster.descriptions)
        msg = f"{name} holds {len(bands)} bands ({told}); one is needed, or one whose description says elevation or depth. Keep that band."
        raise BathymetryError(msg)
    kind = raster.dtypes[chosen[0] - 1]
    if "complex" in kind or raster.colorinterp[chosen[0] - 1] == ColorInterp.palette:
        what = f"of the type {kind}" if "complex" in kind else "colours of a palette"
        msg = f"{name}: its values are {what}, which are no depths. Save depths as float32 or int16."
        raise BathymetryError(msg)
    return int(chosen[0])


def _alpha_bands(raster: Any) -> list[int]:
    from rasterio.enums import ColorInterp

    return [index for index, meaning in zip(raster.indexes, raster.colorinterp, strict=True) if meaning == ColorInterp.alpha]


def _names_depths(description: str | None) -> bool:
    """Whether a band's description says that it holds heights or depths."""
    return any(word in (description or "").lower() for word in ("elevation", "depth", "height", "altitude", "bathymetry"))


def _attributes(raster: Any, band: int) -> dict[str, str]:
    """What is said of the band, under the names that NetCDF has for it."""
    tags = {key.lower(): str(value) for key, value in {**raster.tags(), **raster.tags(band)}.items()}
    tags["description"] = raster.descriptions[band - 1] or ""
    if raster.units[band - 1]:
        tags["unit of the band"] = raster.units[band - 1]
    return tags


def _refuse_missing_blocks(name: str, raster: Any, band: int) -> None:
    """Blocks that were never written read as zero, sea level."""
    rows, columns = raster.block_shapes[band - 1]
    for down in range(-(-raster.height // rows)):
        for across in range(-(-raster.width // columns)):
            if raster.get_tag_item(f"BLOCK_OFFSET_{across}_{down}", "TIFF", bidx=band) is None:
                msg = f"{name}: block {down}, {across} was never written, and no nodata value says it is empty. Copy the file again or set nodata."
                raise BathymetryError(msg)
