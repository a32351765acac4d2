"""From composites to a layered kriging system: what the stages variogram, density, grade and tonnage share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from pipeline.artefacts import DENSITY, Composites, Seafloor, Variogram
from pipeline.errors import ArtefactError
from pipeline.geostatistics.layers import LayeredKriging, LayerStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from pipeline.grid import Grid, Layers

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]


@dataclass(frozen=True)
class LayerData:
    """Composites of one variable as arrays, sorted by core and layer.

    Parameters
    ----------
    values : (n,) array
        g/m³ for an element, t/m³ for density.
    positions_m : (n, 3) array
        Easting, northing, depth of the layer's middle below the seafloor.
    layer : (n,) int array
    cores : (n,) array of str
    weights : (n,) array
        Declustering weights.
    """

    values: Array
    positions_m: Array
    layer: Integers
    cores: NDArray[np.str_]
    weights: Array


def layer_data(composites: Composites, subject: str, grid: Grid) -> LayerData:
    """Composites that carry a value of the subject; supplied densities are no data on density."""
    frame = composites.frame.sort_values(["core_id", "layer"])
    if subject == DENSITY:
        column, known = "dry_bulk_density_t_m3", frame["density_supplied_share"] < 1
    else:
        column, known = f"{subject}_g_m3", frame[f"{subject}_g_m3"].notna()
    frame = frame.loc[known]
    easting_m, northing_m = grid.from_lonlat(frame["longitude_deg"].to_numpy(), frame["latitude_deg"].to_numpy())
    depth_m = (frame["top_m"] + frame["bottom_m"]).to_numpy() / 2
    return LayerData(
        frame[column].to_numpy(dtype=float),
        np.column_stack([easting_m, northing_m, depth_m]),
        frame["layer"].to_numpy(dtype=np.int64),
        frame["core_id"].to_numpy(dtype=str),
        frame["declustering_weight"].to_numpy(dtype=float),
    )


def kriging_of(composites: Composites, variogram: Variogram, grid: Grid, layers: Layers, block_nodes: int) -> LayeredKriging:
    """Factorised kriging system of one variable."""
    if variogram.model is None:
        msg = f"variogram of {variogram.subject} holds no model: nothing was measured"
        raise ArtefactError(msg)
    data = layer_data(composites, variogram.subject, grid)
    statistics = LayerStatistics(variogram.layer_mean, variogram.layer_sd, variogram.layer_pool)
    return LayeredKriging(
        data.positions_m, data.values, data.layer, statistics, variogram.model, layers.tops_m, layers.layer_m, grid.cell_m, block_nodes
    )


def variogram_of(variograms: Iterable[Variogram], subject: str) -> Variogram:
    """Pick the variogram of one subject."""
    for variogram in variograms:
        if variogram.subject == subject:
            return variogram
    msg = f"variogram_{subject}.json is missing among the inputs"
    raise ArtefactError(msg)


def core_positions_m(composites: Composites, grid: Grid) -> Array:
    """(cores, 2) easting and northing of every core with a composite, in metres."""
    cores = composites.frame.drop_duplicates("core_id").sort_values("core_id")
    return np.column_stack(grid.from_lonlat(cores["longitude_deg"].to_numpy(), cores["latitude_deg"].to_numpy()))


def median_spacing_m(positions_m: Array) -> float:
    """Median distance from a core to the nearest other one, in metres; 0 for a single position."""
    distinct = np.unique(np.round(positions_m, 3), axis=0)
    if len(distinct) < 2:
        return 0.0
    distance_m = np.asarray(cKDTree(distinct).query(distinct, k=2)[0])
    return float(np.median(distance_m[:, 1]))


def estimated_cells(composites: Composites, seafloor: Seafloor, max_distance_spacings: float) -> NDArray[np.bool_]:
    """Cells of the region near enough to a core to be estimated, (rows, columns)."""
    positions_m = core_positions_m(composites, seafloor.grid)
    easting_m, northing_m = seafloor.grid.centres_m()
    distance_m, _ = cKDTree(positions_m).query(np.column_stack([easting_m.ravel(), northing_m.ravel()]))
    # ASSUME: farther than this from every core the estimate would be the mean and nothing else; such cells stay empty.
    near = np.asarray(distance_m).reshape(seafloor.grid.shape) <= max_distance_spacings * median_spacing_m(positions_m)
    return np.asarray(near & (seafloor.region_share > 0))


def correlation(composites: Composites, grid: Grid, one: Variogram, other: Variogram) -> float:
    """Correlation of the standardised layer residuals of two variables where both are known; 0 where fewer than 3 are."""
    values = []
    for variogram in (one, other):
        data = layer_data(composites, variogram.subject, grid)
        residual = (data.values - variogram.layer_mean[data.layer]) / variogram.layer_sd[data.layer]
        values.append(dict(zip(zip(data.cores, data.layer, strict=True), residual, strict=True)))
    both = sorted(values[0].keys() & values[1].keys())
    pairs = np.array([[part[key] for key in both] for part in values]).reshape(2, -1)
    if pairs.shape[1] < 3 or np.any(pairs.std(axis=1) == 0):
        return 0.0
    return float(np.corrcoef(pairs)[0, 1])
