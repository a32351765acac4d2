"""How artefacts are stored: JSON, CSV, GeoParquet and cloud-optimised GeoTIFF, byte for byte the same for the same content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import ArtefactError
from pipeline.files import atomic_path, write_whole
from pipeline.text import printable, spreadsheet_text, text_of_cell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd
    import pyarrow as pa
    import xarray as xr
    from numpy.typing import NDArray

    from pipeline.grid import Grid, Layers

    Array = NDArray[np.float64]

OVERVIEW_TILE = 256
"""Side of the tiles of a raster with overviews, in cells; a raster that fits into one needs none."""

DENSITY = "density"
"""Name of the density among the variograms, where elements have their symbols."""


def layer_tags(layers: Layers) -> dict[str, str]:
    """The layers as tags of a file; with a marker also its name, escaped, because a raster's tags take no line ends."""
    tags = {"layers_top_m": repr(layers.top_m), "layers_bottom_m": repr(layers.bottom_m), "layers_layer_m": repr(layers.layer_m)}
    return {**tags, "layers_below_marker": json.dumps(layers.marker)} if layers.marker else tags


def layers_from(tags: Mapping[str, Any]) -> Layers:
    """Read back what :func:`layer_tags` made."""
    from pipeline.grid import Layers

    marker = json.loads(tags.get("layers_below_marker", '""'))
    return Layers(float(tags["layers_top_m"]), float(tags["layers_bottom_m"]), float(tags["layers_layer_m"]), marker)


def numbers(values: Sequence[float] | Array) -> list[float | None]:
    """JSON has no NaN."""
    return [float(value) if np.isfinite(value) else None for value in values]


def array_of(values: Sequence[float | None]) -> Array:
    """Read back what :func:`numbers` made."""
    return np.array([np.nan if value is None else value for value in values])


def unit_of_subject(subject: str) -> str:
    """Unit of a variable's values: density, or an element's accumulation."""
    return "t/m3" if subject == DENSITY else "g/m3"


def write_json(content: Any, out: Path) -> None:
    """JSON with sorted keys; a value that is not a number is an error (see :func:`plain`)."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(out, text.encode(), lambda path: json.loads(path.read_bytes()))


def plain(content: Any) -> Any:
    """Content as JSON knows it: plain numbers and lists, ``None`` for what is not a number."""
    if isinstance(content, dict):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, np.ndarray | list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, np.generic):
        return plain(content.item())
    return None if isinstance(content, float) and not np.isfinite(content) else content


_RECORD_END = "\r\n\0"


def write_csv(frame: pd.DataFrame, out: Path) -> None:
    """CSV with ten digits; text that a spreadsheet would run starts with an apostrophe.

    See :func:`pipeline.text.spreadsheet_text`. The only export made for spreadsheets: no XLSX is written.
    """
    guarded = frame.map(lambda cell: spreadsheet_text(cell) if isinstance(cell, str) else cell)
    # The writer quotes a cell that holds a character of its record end: so both kinds of line end are quoted, and one ends each record.
    text = guarded.to_csv(None, index=False, lineterminator=_RECORD_END, float_format="%.10g").replace(_RECORD_END, "\n")
    write_whole(out, text.encode())


def read_csv(path: Path, **options: Any) -> pd.DataFrame:
    """Table that :func:`write_csv` wrote, its text as it was before; options are those of :func:`pandas.read_csv`."""
    import pandas as pd

    frame: pd.DataFrame = pd.read_csv(path, keep_default_na=False, **options)
    return frame.map(lambda cell: text_of_cell(cell) if isinstance(cell, str) else cell)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


_NOTES = b"assessment"


def write_geoparquet(frame: gpd.GeoDataFrame, out: Path, notes: dict[str, Any]) -> None:
    """GeoParquet with our own notes in the file's metadata, next to the standard ``geo`` entry."""
    import io

    import pyarrow.parquet as pq

    # Through geopandas' public writer first, so that the standard metadata are its own.
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    table = pq.read_table(buffer)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _NOTES: json.dumps(notes, sort_keys=True).encode()})
    _write_parquet(table, out)


def _write_parquet(table: pa.Table, out: Path) -> None:
    import pyarrow.parquet as pq

    def check(path: Path) -> None:
        found = pq.read_metadata(path)
        _require((found.num_rows, found.num_columns) == table.shape, f"it holds {found.num_rows} rows, not {table.num_rows}")

    with atomic_path(out, check) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_geoparquet(path: Path) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """Rows, and the notes that :func:`write_geoparquet` put there."""
    import geopandas as gpd
    import pyarrow.parquet as pq

    try:
        notes = json.loads(pq.read_schema(path).metadata[_NOTES])
        return gpd.read_parquet(path), notes
    except (KeyError, OSError, ValueError) as error:
        msg = f"{path.name} is not readable ({error}). Delete it and run make all."
        raise ArtefactError(msg) from None


def write_table(frame: pd.DataFrame, columns: Mapping[str, str], notes: dict[str, Any], out: Path) -> None:
    """Parquet with the columns and types named, and our own notes in the file's metadata."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()], {_NOTES: json.dumps(notes, sort_keys=True).encode()})
    table = pa.Table.from_pydict({name: frame[name].to_numpy() for name in columns}, schema)
    _write_parquet(table, out)


def read_table(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Rows of a Parquet table, and the notes that :func:`write_table` put there."""
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        return table.to_pandas(), json.loads(table.schema.metadata[_NOTES])
    except (KeyError, OSError, TypeError, ValueError) as error:
        msg = f"{path.name} is not readable ({error}). Delete it and run make all."
        raise ArtefactError(msg) from None


def write_raster(
    out: Path,
    grid: Grid,
    bands: Mapping[str, NDArray[Any]],
    tags: dict[str, str],
    *,
    overviews: str | None = None,
    band_tags: Mapping[str, dict[str, str]] | None = None,
) -> None:
    """Cloud-optimised GeoTIFF, float32, NaN where unknown; the unit is the last word of a band's name and stands in its unit tag.

    Parameters
    ----------
    out : Path
    grid : Grid
    bands : mapping of str to (rows, columns) array
    tags : dict of str to str
        Of the file.
    overviews : str, optional
        How coarser copies are made of a raster larger than one tile (``average``, ``nearest``); without it there are none.
    band_tags : mapping of str to dict, optional
        Tags of single bands.
    """
    import rasterio
    from rasterio.crs import CRS as RasterioCRS
    from rasterio.io import MemoryFile

    profile = {
        "driver": "COG",
        "dtype": "float32",
        "count": len(bands),
        "height": grid.shape[0],
        "width": grid.shape[1],
        "crs": RasterioCRS.from_wkt(grid.crs.to_wkt()),
        "transform": grid.transform,
        "nodata": np.nan,
        "compress": "DEFLATE",
        "predictor": "YES",
        "overviews": "NONE",
        "interleave": "PIXEL",
        "num_threads": 1,
    }
    if overviews is not None:
        profile |= {"overviews": "IGNORE_EXISTING", "overview_resampling": overviews, "blocksize": OVERVIEW_TILE}

    def check(path: Path) -> None:
        with rasterio.open(path) as written:
            _require((written.descriptions, written.shape) == (tuple(bands), grid.shape), "its bands are not those meant")

    with MemoryFile() as memory:
        with memory.open(**profile) as raster:
            for number, (name, values) in enumerate(bands.items(), start=1):
                raster.write(values.astype(np.float32), number)
                raster.set_band_description(number, name)
                raster.set_band_unit(number, unit_of_band(name))
                if band_tags is not None and name in band_tags:
                    raster.update_tags(number, **{tag: printable(text) for tag, text in band_tags[name].items()})
            # GDAL drops control characters from tags without a word.
            raster.update_tags(**{name: printable(text) for name, text in tags.items()})
        write_whole(out, memory.read(), check)


def write_dataset(dataset: xr.Dataset, out: Path) -> None:
    """CF NetCDF, float32 and compressed, of loaded arrays; the variable ``crs``, where there is one, is their grid mapping."""
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in dataset.data_vars.items():
        if variable.ndim:
            # The encoding must name the grid mapping: to_netcdf drops it from attributes.
            mapping = {"grid_mapping": "crs"} if "crs" in dataset.variables else {}
            encoding[str(name)] = {"zlib": True, "complevel": 4, "dtype": "float32", "_FillValue": np.float32(np.nan), **mapping}

    def check(path: Path) -> None:
        import h5netcdf

        with h5netcdf.File(path, "r") as written:
            missing = set(dataset.variables) - set(written.variables)
        _require(not missing, f"it lacks {', '.join(sorted(map(str, missing)))}")

    write_whole(out, bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding)), check)


def read_raster(path: Path) -> tuple[Grid, dict[str, Array], dict[str, str]]:
    """Grid, bands by name and tags (in lower case) of a raster."""
    import rasterio
    from pyproj import CRS

    from pipeline.grid import Grid

    try:
        with rasterio.open(path) as raster:
            values = raster.read().astype(np.float64)
            names = [str(name) for name in raster.descriptions]
            grid = Grid(CRS.from_wkt(raster.crs.to_wkt()), raster.transform, (raster.height, raster.width))
            return grid, dict(zip(names, values, strict=True)), {key.lower(): value for key, value in raster.tags().items()}
    except rasterio.RasterioIOError as error:
        msg = f"{path.name} is not readable ({error}). Delete it and run make all."
        raise ArtefactError(msg) from None


_UNITS = {"ppm": "ppm", "t_m3": "t/m3", "m": "m", "deg": "degree", "share": "1", "regression": "1", "probability": "1", "code": "1", "year": "year"}


def unit_of_band(band: str) -> str:
    """Unit of a band from the last word of its name."""
    word = band.split(" ")[0]
    return next(unit for suffix, unit in _UNITS.items() if word.endswith("_" + suffix))
