"""From composites to a layered kriging system: what the stages from variogram to tonnage share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from pipeline.artefacts import DENSITY, ORDINARY, Composites, Estimator, JointModel, Seafloor, Variogram, step_ppm_of
from pipeline.errors import ArtefactError, TooFewSamples
from pipeline.geostatistics.coregionalisation import Coregionalisation
from pipeline.geostatistics.layers import LayeredKriging, LayeredVariable, LayerStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from pipeline.config import DensitySettings, VariogramSettings
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


def known_values(frame: gpd.GeoDataFrame, subject: str) -> Array:
    """(rows,) values of the subject, NaN where it was not measured; supplied densities are no data on density."""
    if subject == DENSITY:
        return np.where(frame["density_supplied_share"] < 1, frame["dry_bulk_density_t_m3"].to_numpy(dtype=float), np.nan)
    return np.asarray(frame[f"{subject}_g_m3"], dtype=np.float64)


def supplied_share(composites: Composites, element: str, prior: DensitySettings) -> float:
    """Share of an element's metal whose density came from the prior: nothing where every density is measured or taken from those measured."""
    if composites.density_source != "prior" and prior.missing != "prior":
        return 0.0
    frame = composites.frame.loc[composites.frame[f"{element}_g_m3"].notna()]
    return float(np.average(frame["density_supplied_share"], weights=frame["declustering_weight"] * frame[f"{element}_g_m3"]))


def step_ppm(composites: Composites, element: str) -> float:
    """Step of an element's grades, the same for every raster of it: from its highest composite, which every stage sees."""
    return step_ppm_of(float(composites.frame[f"{element}_ppm"].max()))


def composite_positions_m(frame: gpd.GeoDataFrame, grid: Grid) -> Array:
    """(rows, 3) easting, northing and depth of the middle of each composite, in metres."""
    easting_m, northing_m = grid.from_lonlat(frame["longitude_deg"].to_numpy(), frame["latitude_deg"].to_numpy())
    return np.column_stack([easting_m, northing_m, (frame["top_m"] + frame["bottom_m"]).to_numpy() / 2])


def layer_data(composites: Composites, subject: str, grid: Grid) -> LayerData:
    """Composites that carry a value of the subject."""
    frame = composites.frame.sort_values(["core_id", "layer"])
    frame = frame.loc[np.isfinite(known_values(frame, subject))]
    return LayerData(
        known_values(frame, subject),
        composite_positions_m(frame, grid),
        frame["layer"].to_numpy(dtype=np.int64),
        frame["core_id"].to_numpy(dtype=str),
        frame["declustering_weight"].to_numpy(dtype=float),
    )


def kriging_of(
    composites: Composites,
    variogram: Variogram,
    seafloor: Seafloor,
    block_nodes: int,
    estimator: Estimator = ORDINARY,
    joint: JointModel | None = None,
) -> LayeredKriging:
    """Factorised kriging system of one variable, with the drift or the other variables that its estimator asks for.

    Raises
    ------
    ArtefactError
        There is no model of the variable, or, for cokriging, no joint one.
    TooFewSamples
        The data do not determine the drift, a core lies where it is not known, or two variables vary as one.
    """
    if variogram.model is None:
        msg = f"variogram of {variogram.subject} holds no model: nothing was measured"
        raise ArtefactError(msg)
    data, layers = layer_data(composites, variogram.subject, seafloor.grid), seafloor.layers
    system = partial(
        LayeredKriging, data.positions_m, data.values, data.layer, statistics_of(variogram), tops_m=layers.tops_m, layer_m=layers.layer_m,
        block_m=seafloor.grid.cell_m, nodes=block_nodes,
    )  # fmt: skip
    if estimator.name == "cokriging":
        model, others = _others(composites, variogram.subject, joint, seafloor.grid)
        return system(model, others=others)
    # ASSUME: a drift has one coefficient for all layers: its effect on a layer is in proportion to the spread of that layer.
    return system(estimator.model or variogram.model, drift=core_drift(data, seafloor, estimator.drift))


def core_drift(data: LayerData, seafloor: Seafloor, drift: Sequence[str]) -> Array:
    """(n, drifts) bands of the seafloor at the composites.

    Raises
    ------
    TooFewSamples
        A core lies where one of them is not known.
    """
    values = drift_at(seafloor, drift, data.positions_m[:, :2])
    unknown = np.unique(data.cores[~np.isfinite(values).all(axis=1)])
    if unknown.size:
        msg = (
            f"the drift {', '.join(drift)} is not known at {unknown.size} cores ({', '.join(unknown[:5])}), which lie outside the grid or the "
            "bathymetry. Widen [region], add bathymetry, or krige without drift ([cross_validation] estimator)."
        )
        raise TooFewSamples(msg)
    return values


def statistics_of(variogram: Variogram) -> LayerStatistics:
    """Layer means and spreads that a variogram refers to."""
    return LayerStatistics(variogram.layer_mean, variogram.layer_sd, variogram.layer_pool)


def _others(composites: Composites, subject: str, joint: JointModel | None, grid: Grid) -> tuple[Coregionalisation, list[LayeredVariable]]:
    """Joint model with the subject first, and the data of the other variables that have any."""
    if joint is None or joint.model is None or subject not in joint.statistics:
        msg = f"coregionalisation.json holds no joint model of {subject}; cokriging needs one ([cross_validation] estimator)"
        raise ArtefactError(msg)
    order, others = [list(joint.statistics).index(subject)], []
    for number, (other, statistics) in enumerate(joint.statistics.items()):
        data = layer_data(composites, other, grid)
        if other != subject and data.values.size:
            order.append(number)
            others.append(LayeredVariable(data.positions_m, data.values, data.layer, statistics))
    nugget, sills = joint.model.nugget[np.ix_(order, order)], joint.model.sills[:, order][:, :, order]
    return Coregionalisation(nugget, joint.model.structures, sills), others


def drift_at(seafloor: Seafloor, drift: Sequence[str], positions_m: Array) -> Array:
    """(n, drifts) bands of the seafloor in the cells that hold the positions (n, 2); NaN outside the grid and where a band is."""
    west, _, _, north = seafloor.grid.bounds_m
    # ASSUME: the drift at a core is that of the cell it stands in, as it is for the blocks.
    row = np.floor((north - positions_m[:, 1]) / seafloor.grid.cell_m).astype(np.int64)
    column = np.floor((positions_m[:, 0] - west) / seafloor.grid.cell_m).astype(np.int64)
    rows, columns = seafloor.grid.shape
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    values = np.full((len(positions_m), len(drift)), np.nan)
    for number, band in enumerate(drift):
        values[inside, number] = getattr(seafloor, band)[row[inside], column[inside]]
    return values


def cell_drift(seafloor: Seafloor, drift: Sequence[str], cells: NDArray[np.bool_]) -> Array:
    """(cells, drifts) bands of the seafloor in the chosen cells."""
    return np.array([getattr(seafloor, band)[cells] for band in drift]).reshape(len(drift), np.count_nonzero(cells)).T


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


def range_bounds_m(positions_m: Array, layers: Layers, settings: VariogramSettings) -> tuple[tuple[float, float], tuple[float, float]]:
    """Shortest and longest horizontal and vertical range that composites at (n, 3) positions can show, in metres."""
    places_m = np.unique(np.round(positions_m[:, :2], 3), axis=0)
    shortest_m = settings.min_range_spacings * median_spacing_m(places_m)
    longest_m = settings.max_range_extents * float(pdist(places_m).max())
    return (shortest_m, longest_m), (0.5 * layers.layer_m, 3 * max(layers.bottom_m - layers.top_m, layers.layer_m))


def estimated_cells(composites: Composites, seafloor: Seafloor, max_distance_spacings: float, drift: Sequence[str] = ()) -> NDArray[np.bool_]:
    """Cells of the region near enough to a core to be estimated, and with a known drift, (rows, columns)."""
    positions_m = core_positions_m(composites, seafloor.grid)
    easting_m, northing_m = seafloor.grid.centres_m()
    distance_m, _ = cKDTree(positions_m).query(np.column_stack([easting_m.ravel(), northing_m.ravel()]))
    # ASSUME: farther than this from every core the estimate would be the mean and nothing else; such cells stay empty.
    near = np.asarray(distance_m).reshape(seafloor.grid.shape) <= max_distance_spacings * median_spacing_m(positions_m)
    known = [np.isfinite(getattr(seafloor, band)) for band in drift]
    return np.asarray(np.logical_and.reduce([near, seafloor.region_share > 0, *known]))


def inside_hull(composites: Composites, seafloor: Seafloor, buffer_spacings: float) -> NDArray[np.bool_]:
    """Cells whose centre lies in the hull of the cores widened by so many median station spacings, (rows, columns)."""
    import shapely

    positions_m = core_positions_m(composites, seafloor.grid)
    hull = shapely.MultiPoint(positions_m).convex_hull.buffer(buffer_spacings * median_spacing_m(positions_m))
    return np.asarray(shapely.contains_xy(hull, *seafloor.grid.centres_m()))


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
