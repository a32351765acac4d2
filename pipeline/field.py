"""From composites to a layered kriging system: what the stages from variogram to tonnage share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from pipeline.artefacts import DENSITY, ORDINARY, Composites, Estimator, JointModel, Seafloor, Variogram, step_ppm_of
from pipeline.domains import WHOLE, Part, lending, own_composites, parts_of
from pipeline.errors import ArtefactError, TooFewSamples
from pipeline.geostatistics.coregionalisation import Coregionalisation
from pipeline.geostatistics.layers import LayeredKriging, LayeredVariable, LayerStatistics, layer_statistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from pipeline.config import DensitySettings, VariogramSettings
    from pipeline.grid import Grid, Layers

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]


_EQUAL = 1e-9


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
    domain : (n,) int array
        Number of the domain; 0 where there are none.
    """

    values: Array
    positions_m: Array
    layer: Integers
    cores: NDArray[np.str_]
    weights: Array
    domain: Integers


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
        domain_numbers(composites, frame),
    )


def domain_numbers(composites: Composites, frame: gpd.GeoDataFrame) -> Integers:
    """(rows,) number of the domain of some composites; 0 where there are none."""
    if not composites.domains:
        return np.zeros(len(frame), dtype=np.int64)
    return np.array([composites.domains.index(name) for name in frame["domain"]], dtype=np.int64)


class PartKriging(NamedTuple):
    """What the blocks of a part of the region are kriged with; nothing where nothing was measured of the variable there."""

    part: Part
    kriging: LayeredKriging | None


def nowhere(composites: Composites, seafloor: Seafloor) -> list[PartKriging]:
    """Every part without a kriging, for a variable of which nothing was measured at all."""
    return [PartKriging(part, None) for part in parts_of(composites, seafloor)]


def prior_in(part: Part, composites: Composites, prior: DensitySettings) -> DensitySettings:
    """The prior of a part: a domain in which no sample carries density has that which its composites were supplied with."""
    if not part.name:
        return prior
    # ASSUME: the mean of the densities measured elsewhere is as uncertain there as the prior's mean is.
    supplied = own_composites(composites, part.name).frame["dry_bulk_density_t_m3"]
    return prior.model_copy(update={"dry_bulk_density_t_m3": float(supplied.mean())})


def krigings_of(
    composites: Composites,
    variogram: Variogram,
    seafloor: Seafloor,
    block_nodes: int,
    estimator: Estimator = ORDINARY,
    joint: JointModel | None = None,
) -> list[PartKriging]:
    """Kriging of one variable in every domain, or in the whole where there are none; arguments and errors as of :func:`kriging_of`."""
    parts = parts_of(composites, seafloor)
    if seafloor.domains is not None and seafloor.domains.boundary == "soft":
        return _across(parts, composites, variogram, seafloor, block_nodes, estimator, joint)
    found = []
    for part in parts:
        own = variogram.of(part.name)
        known = bool((own.layer_pool >= 0).any())
        made = partial(kriging_of, part.composites, own, part.seafloor, block_nodes, estimator, None if joint is None else joint.of(part.name))
        found.append(PartKriging(part, made() if known or not part.name else None))
    return found


def _across(
    parts: list[Part],
    composites: Composites,
    variogram: Variogram,
    seafloor: Seafloor,
    block_nodes: int,
    estimator: Estimator,
    joint: JointModel | None,
) -> list[PartKriging]:
    """One system of all cores, and its views of the layers of each domain."""
    if variogram.model is None:
        return [PartKriging(part, None) for part in parts]
    system, count = _system(composites, variogram, seafloor, block_nodes, estimator, joint), seafloor.layers.count
    layers = [np.arange(count) + count * composites.domains.index(part.name) for part in parts]
    known = [bool((variogram.of(part.name).layer_pool >= 0).any()) for part in parts]
    return [PartKriging(part, system.among(own) if is_known else None) for part, own, is_known in zip(parts, layers, known, strict=True)]


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
    return _system(composites, variogram, seafloor, block_nodes, estimator, joint)


def _system(
    composites: Composites, variogram: Variogram, seafloor: Seafloor, block_nodes: int, estimator: Estimator, joint: JointModel | None
) -> LayeredKriging:
    """Of the strata of :func:`statistics_across`: the layers, where there are no domains."""
    assert variogram.model is not None
    data, layers = layer_data(composites, variogram.subject, seafloor.grid), seafloor.layers
    tops_m = np.tile(layers.tops_m, max(len(composites.domains), 1))
    system = partial(
        LayeredKriging, data.positions_m, data.values, data.domain * layers.count + data.layer, statistics_across(variogram, composites, layers),
        tops_m=tops_m, layer_m=layers.layer_m, block_m=seafloor.grid.cell_m, nodes=block_nodes,
    )  # fmt: skip
    if estimator.name == "cokriging":
        model, others = _others(composites, variogram.subject, joint, seafloor)
        return system(model, others=others)
    # ASSUME: a drift has one coefficient for all layers: its effect on a layer is in proportion to the spread of that layer.
    return system(estimator.model or variogram.model, drift=core_drift(data, seafloor, estimator.drift))


def statistics_across(variogram: Variogram, composites: Composites, layers: Layers) -> LayerStatistics:
    """Layer statistics of every domain, one after the other, as strata of one field; those of the layers where there are no domains."""
    # ASSUME: each domain has unknown means of its own, also where one field goes on across a soft boundary.
    by_domain = {name: statistics_of(part) for name, part in variogram.domains.items()}
    return strata_of(by_domain, composites, layers) if composites.domains else statistics_of(variogram)


def statistics_by_domain(composites: Composites, seafloor: Seafloor, subject: str, min_layer_cores: int) -> dict[str, LayerStatistics]:
    """Layer means and spreads of every domain in which the variable is known, in the order of domains; by ``WHOLE`` where there are none."""
    if seafloor.domains is None:
        data = layer_data(composites, subject, seafloor.grid)
        return {WHOLE: layer_statistics(data.values, data.layer, data.weights, seafloor.layers.count, min_layer_cores)} if data.values.size else {}
    own = {part.name: layer_data(own_composites(composites, part.name), subject, seafloor.grid) for part in parts_of(composites, seafloor)}
    known = {name: part for name, part in own.items() if part.values.size}
    alone = {name: layer_statistics(part.values, part.layer, part.weights, seafloor.layers.count, min_layer_cores) for name, part in known.items()}
    cores, enough = {name: int(np.unique(part.cores).size) for name, part in known.items()}, seafloor.domains.min_cores
    lent = _pooled_sd(alone, known, lending(cores, enough))
    # ASSUME: a domain with few cores has a mean of its own, and varies around it as the others do around theirs.
    return {name: part if cores[name] >= enough else replace(part, sd=np.where(part.pool >= 0, lent, np.nan)) for name, part in alone.items()}


def _pooled_sd(alone: dict[str, LayerStatistics], data: dict[str, LayerData], lenders: list[str]) -> Array:
    """(layers,) spread of a layer around the means of the domains that lend theirs, each by its number of data; of all in a layer without any."""
    if not lenders:
        return np.empty(0)
    variance, weight = (np.zeros(alone[lenders[0]].sd.size) for _ in range(2))
    for name in lenders:
        part, counts = alone[name], np.bincount(data[name].layer, minlength=variance.size)
        if np.ptp(data[name].values) > _EQUAL * np.abs(data[name].values).max():
            variance += np.where(counts > 0, counts * np.nan_to_num(part.sd) ** 2, 0.0)
            weight += counts
    if not weight.any():
        return np.ones(variance.size)
    return np.sqrt(np.where(weight > 0, variance / np.where(weight > 0, weight, 1), variance.sum() / weight.sum()))


def strata_of(by_domain: dict[str, LayerStatistics], composites: Composites, layers: Layers) -> LayerStatistics:
    """Layer statistics of every domain, one after the other: layer l of domain d has the number d * layers + l."""
    nothing = LayerStatistics(np.full(layers.count, np.nan), np.full(layers.count, np.nan), np.full(layers.count, -1, dtype=np.int64))
    found = [by_domain.get(name, nothing) for name in composites.domains]
    pools = [np.where(part.pool >= 0, part.pool + number * layers.count, -1) for number, part in enumerate(found)]
    return LayerStatistics(np.concatenate([part.mean for part in found]), np.concatenate([part.sd for part in found]), np.concatenate(pools))


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


def residuals_of(data: LayerData, variogram: Variogram, composites: Composites) -> Array:
    """(n,) values less the mean of their layer, over its spread; in domains, those of their own."""
    statistics = statistics_across(variogram, composites, composites.layers)
    stratum = data.domain * composites.layers.count + data.layer
    return np.asarray((data.values - statistics.mean[stratum]) / statistics.sd[stratum])


def _others(composites: Composites, subject: str, joint: JointModel | None, seafloor: Seafloor) -> tuple[Coregionalisation, list[LayeredVariable]]:
    """Joint model with the subject first, and the data of the other variables that have any."""
    if joint is None or joint.model is None or subject not in joint.statistics:
        msg = f"coregionalisation.json holds no joint model of {subject}; cokriging needs one ([cross_validation] estimator)"
        raise ArtefactError(msg)
    order, others, layers = [list(joint.statistics).index(subject)], [], seafloor.layers
    for number, (other, own) in enumerate(joint.statistics.items()):
        data = layer_data(composites, other, seafloor.grid)
        if other != subject and data.values.size:
            by_domain = {name: part.statistics[other] for name, part in joint.domains.items() if other in part.statistics}
            statistics = strata_of(by_domain, composites, layers) if composites.domains else own
            order.append(number)
            others.append(LayeredVariable(data.positions_m, data.values, data.domain * layers.count + data.layer, statistics))
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
    """Cells of the region near enough to a core to be estimated, and with a known drift, (rows, columns); in domains, to a core that informs them."""
    whole_m = median_spacing_m(core_positions_m(composites, seafloor.grid))
    parts = [_near(part, max_distance_spacings, whole_m) for part in parts_of(composites, seafloor)]
    known = [np.isfinite(getattr(seafloor, band)) for band in drift]
    # Below a marker there are columns of which nothing is left.
    return np.asarray(np.logical_and.reduce([np.logical_or.reduce(parts), seafloor.exists | np.zeros_like(parts[0]), *known]))


def _near(part: Part, max_distance_spacings: float, whole_m: float) -> NDArray[np.bool_]:
    grid = part.seafloor.grid
    positions_m = core_positions_m(part.composites, grid)
    easting_m, northing_m = grid.centres_m()
    distance_m, _ = cKDTree(positions_m).query(np.column_stack([easting_m.ravel(), northing_m.ravel()]))
    # ASSUME: farther than this from every core the estimate would be the mean and nothing else; such cells stay empty.
    near = np.asarray(distance_m).reshape(grid.shape) <= max_distance_spacings * _spacing_m(positions_m, whole_m)
    return np.asarray(near & (part.seafloor.region_share > 0))


def _spacing_m(positions_m: Array, whole_m: float) -> float:
    """Median spacing of the cores of a part."""
    # ASSUME: a domain with a single core takes the spacing of all.
    return median_spacing_m(positions_m) or whole_m


def inside_hull(composites: Composites, seafloor: Seafloor, buffer_spacings: float) -> NDArray[np.bool_]:
    """Cells whose centre lies in the hull of the cores that inform them, widened by so many median station spacings, (rows, columns)."""
    import shapely

    whole_m = median_spacing_m(core_positions_m(composites, seafloor.grid))
    found = np.zeros(seafloor.grid.shape, dtype=bool)
    for part in parts_of(composites, seafloor):
        positions_m = core_positions_m(part.composites, seafloor.grid)
        hull = shapely.MultiPoint(positions_m).convex_hull.buffer(buffer_spacings * _spacing_m(positions_m, whole_m))
        inside = np.asarray(shapely.contains_xy(hull, *seafloor.grid.centres_m()))
        found |= inside & part.cells if part.name else inside
    return found


def correlation(composites: Composites, grid: Grid, one: Variogram, other: Variogram) -> float:
    """Correlation of the standardised layer residuals of two variables where both are known; 0 where fewer than 3 are."""
    values = []
    for variogram in (one, other):
        data = layer_data(composites, variogram.subject, grid)
        residual = residuals_of(data, variogram, composites)
        values.append(dict(zip(zip(data.cores, data.layer, strict=True), residual, strict=True)))
    both = sorted(values[0].keys() & values[1].keys())
    pairs = np.array([[part[key] for key in both] for part in values]).reshape(2, -1)
    if pairs.shape[1] < 3 or np.any(pairs.std(axis=1) == 0):
        return 0.0
    return float(np.corrcoef(pairs)[0, 1])


def density_in(part: Part, composites: Composites, variogram: Variogram, density: Variogram, grid: Grid) -> tuple[float, bool]:
    """Correlation of the errors of accumulation and density in the blocks of a part, and whether a density was measured there at all."""
    if density.of(part.name).model is None:
        return 0.0, False
    # ASSUME: the errors of accumulation and density at a block correlate as their residuals do in the composites (intrinsic correlation).
    if part.composites.domains or not part.name:  # what informs it are the cores of all domains
        return correlation(composites, grid, variogram, density), True
    return correlation(part.composites, grid, variogram.of(part.name), density.of(part.name)), True
