"""The block model as CF NetCDF with everything that a reader may ask of it: bounds, positions, cell methods, codes, projection, marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from pipeline.export.results import Results

_NO_CODE: Final = np.int8(-1)
_OVER_LAYERS: Final = "area: mean depth_m: mean"


def write_netcdf(results: Results, out: Path) -> Path | None:
    """Write ``block_model.nc``; ``None`` where there is no block model."""
    if results.blocks is None:
        return None
    dataset = _complete(results, results.blocks)
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        plain = {"_FillValue": None}
        if name in dataset.coords or str(name).endswith("_bounds") or not variable.ndim:
            encoding[str(name)] = plain
        elif "flag_values" in variable.attrs:
            encoding[str(name)] = {"zlib": True, "complevel": 4, "dtype": "int8", "_FillValue": _NO_CODE, "grid_mapping": "crs"}
        else:
            encoding[str(name)] = {"zlib": True, "complevel": 4, "dtype": "float32", "_FillValue": np.float32(np.nan), "grid_mapping": "crs"}
    write_whole(out, bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding)), lambda path: _opened(path, dataset))
    return out


def _opened(path: Path, meant: xr.Dataset) -> None:
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf", decode_coords="all") as written:
        missing = set(meant.variables) - set(written.variables)
    if missing:
        message = f"it lacks {', '.join(sorted(map(str, missing)))}"
        raise ValueError(message)


def _complete(results: Results, model: xr.Dataset) -> xr.Dataset:
    dataset, grid, layers = model.copy(), results.grid, results.layers
    easting_m, northing_m = grid.centres_m()
    longitude_deg, latitude_deg = grid.to_lonlat(easting_m, northing_m)
    cells = ("northing_m", "easting_m")
    half_m = grid.cell_m / 2
    edges = {
        "easting_m": np.stack([easting_m[0] - half_m, easting_m[0] + half_m], axis=1),
        "northing_m": np.stack([northing_m[:, 0] - half_m, northing_m[:, 0] + half_m], axis=1),
        "depth_m": np.stack([layers.tops_m, layers.bottoms_m], axis=1),
    }
    # Codes are whole numbers: as such they are told.
    for name in list(dataset.data_vars):
        variable = dataset[name]
        if "flag_values" in variable.attrs:
            codes = np.where(np.isfinite(variable), variable, _NO_CODE).astype(np.int8)
            said = {**variable.attrs, "flag_values": np.array(variable.attrs["flag_values"]).astype(np.int8)}
            said.pop("units", None)
            dataset[name] = (variable.dims, np.where(codes == _NO_CODE, np.nan, codes), said)
        elif variable.ndim:
            dataset[name].attrs["cell_methods"] = _OVER_LAYERS if "depth_m" in variable.dims else "area: mean"
    dataset = dataset.assign_coords(
        longitude_deg=(cells, longitude_deg, {"units": "degrees_east", "standard_name": "longitude", "long_name": "longitude, WGS 84"}),
        latitude_deg=(cells, latitude_deg, {"units": "degrees_north", "standard_name": "latitude", "long_name": "latitude, WGS 84"}),
    )
    for name, values in edges.items():
        dataset[f"{name}_bounds"] = ((name, "edge"), values)
        dataset[name].attrs["bounds"] = f"{name}_bounds"
    dataset["easting_m"].attrs |= {"axis": "X", "long_name": "easting of the middle of the cell"}
    dataset["northing_m"].attrs |= {"axis": "Y", "long_name": "northing of the middle of the cell"}
    dataset["depth_m"].attrs |= {"axis": "Z"}
    if "crs" in dataset:
        # GDAL reads these two, CF its own attributes.
        west, _, _, north = grid.bounds_m
        dataset["crs"].attrs |= {
            "spatial_ref": grid.crs.to_wkt(),
            "GeoTransform": f"{west:.10g} {grid.cell_m:.10g} 0 {north:.10g} 0 {-grid.cell_m:.10g}",
        }
    synthetic = "Synthetic data, drawn by a computer: no measurement. " if results.marks.is_synthetic else ""
    dataset.attrs |= {
        "Conventions": "CF-1.8",
        "title": results.title,
        "comment": f"{synthetic}Layers are depths {results.below}, not elevations. Blocks without an estimate are empty.",
        "source": "kriging and conditional simulation of core grades",
        "history": "written by make export from the block model of the build; no date, so that the same results are the same bytes",
        "references": "docs/method.md of the program",
        "program_sha256": str(results.provenance.get("code_sha256", "unknown")),
    }
    return dataset
