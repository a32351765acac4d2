"""What a file among the depth grids is: told by its first bytes, never by its name."""

from __future__ import annotations

import re
from typing import Final, Literal

from pipeline.errors import BathymetryError

Kind = Literal["GeoTIFF", "NetCDF-4", "classic NetCDF"]

_READ: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"II*\0", "GeoTIFF"),
    (b"MM\0*", "GeoTIFF"),
    (b"II+\0", "GeoTIFF"),  # BigTIFF
    (b"MM\0+", "GeoTIFF"),
    (b"\x89HDF\r\n\x1a\n", "NetCDF-4"),
    (b"CDF\x01", "classic NetCDF"),
    (b"CDF\x02", "classic NetCDF"),
    (b"CDF\x05", "classic NetCDF"),
)

_CONVERT = "Convert it to GeoTIFF or NetCDF, for instance with gdal_translate"
_UNPACK = "Unpack it and put the grid itself here"
_REFUSED: Final = (
    (b"PK\x03\x04", "a zip archive", _UNPACK),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ", "an xz archive", _UNPACK),
    (b"7z\xbc\xaf", "a 7-Zip archive", _UNPACK),
    (b"\x0e\x03\x13\x01", "an HDF4 file", _CONVERT),
    (b"\0\0\x27\x0a", "a shapefile", "Grid it first and save the grid as GeoTIFF or NetCDF"),
    (b"EHFA_HEADER_TAG", "an Erdas Imagine file", _CONVERT),
    (b"DSAA", "a Surfer grid", _CONVERT),
    (b"DSBB", "a Surfer grid", _CONVERT),
    (b"DSRB", "a Surfer grid", _CONVERT),
    (b"GRIB", "a GRIB file", _CONVERT),
    (b"SQLite format 3", "a GeoPackage or another SQLite file", _CONVERT),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture", _CONVERT),
    (b"\x89PNG", "a PNG picture, which holds colours and no depths", "Get the grid that the picture was made from"),
    (b"\xff\xd8\xff", "a JPEG picture, which holds colours and no depths", "Get the grid that the picture was made from"),
    (b"%PDF", "a PDF", "Get the grid that the document was made from"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it stands for", "Fetch the file with git lfs pull"),
)
_VRT = re.compile(rb"<(VRTDataset|OGRVRTDataSource|GDAL_WMS|GDALTileIndexDataset)\b")
_NUMBER = rb"[-+]?\d[\d.eE+-]*"


def kind_of(name: str, content: bytes) -> Kind:
    """Which of the kinds that are read a file is.

    Parameters
    ----------
    name : str
        File, for messages.
    content : bytes
        The file, or its first kilobyte.

    Raises
    ------
    BathymetryError
        It is of another kind.
    """
    for start, kind in _READ:
        if content.startswith(start):
            return kind
    what, cure = _other(content[:1024])
    msg = f"{name} is no readable GeoTIFF or NetCDF file: it is {what}. {cure}."
    raise BathymetryError(msg)


def is_note(name: str, content: bytes) -> bool:
    """Whether a ``.txt`` file is a text for people, not a grid or a list of soundings that would be passed over."""
    return name.lower().endswith(".txt") and _other(content[:1024])[0] == "text"


def _other(start: bytes) -> tuple[str, str]:
    """What a file that is not read is, and what to do."""
    if not start:
        return "empty", "Copy or download it again"
    for magic, what, cure in _REFUSED:
        if start.startswith(magic):
            return what, cure
    if _VRT.search(start):
        return "a VRT, which points to other files", "Make a file of its own from it: gdal_translate -of GTiff"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"(ncols|nrows|xll)", text, re.IGNORECASE):
        return "an ESRI ASCII grid", _CONVERT
    if re.match(rb"%s[ \t,;]+%s[ \t,;]+%s" % (_NUMBER, _NUMBER, _NUMBER), text):
        return "a list of x, y, z", "Grid it, for instance with gmt xyz2grd or gdal_grid, and save the grid as GeoTIFF or NetCDF"
    if re.match(rb"<(!doctype|html|\?xml)", text, re.IGNORECASE):
        return "a web page or other XML, perhaps an error that was saved as the file", "Download the grid again"
    if b"\0" not in start and not re.search(rb"[\x01-\x08\x0e-\x1f]", start):
        return "text", "Put the grid itself here"
    return f"of an unknown kind (first bytes {start[:8].hex(' ')})", _CONVERT
