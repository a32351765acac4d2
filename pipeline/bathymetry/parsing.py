"""From the bytes of one file to a grid, or to the reason why not. Runs in the reading process; tests call it in theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.bathymetry.file_kind import kind_of
from pipeline.bathymetry.frame import once_around, refuse_impossible_place
from pipeline.bathymetry.native_grid import NativeGrid
from pipeline.bathymetry.values import heights_m

if TYPE_CHECKING:
    from pipeline.bathymetry.side_file import SideFile


def parse_grid(name: str, content: bytes, side: SideFile) -> NativeGrid:
    """Read one depth grid.

    Parameters
    ----------
    name : str
        File, relative to RAW.
    content : bytes
        The file.
    side : SideFile
        What the ``.toml`` beside it says.

    Raises
    ------
    BathymetryError
        What was found, what is allowed, how to cure it.
    """
    kind = kind_of(name, content)
    if kind == "GeoTIFF":
        from pipeline.bathymetry.geotiff import read_geotiff

        field = read_geotiff(name, content, side)
    else:
        from pipeline.bathymetry.netcdf import read_netcdf

        field = read_netcdf(name, kind, content, side)
    refuse_impossible_place(name, field.crs, field.transform, (field.values.shape[0], field.values.shape[1]))
    elevation_m, notes = heights_m(name, field.values, field.suspects, field.vertical)
    elevation_m = once_around(name, elevation_m, field.transform, field.crs)
    return NativeGrid(name, field.crs, field.transform, np.ascontiguousarray(elevation_m), notes)
