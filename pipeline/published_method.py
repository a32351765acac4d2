r"""The published estimate made again on the cores at hand by its own method, as far as that is known.

Takaya et al. 2018 (Scientific Reports 8:5763) map the grade of each metre below the seafloor in ArcGIS, take its mean in each of 24 squares of
105 km², and multiply by area, thickness, one density and the mass of oxides over metals:

.. math:: T = \rho_d\,F \sum_s A_s \sum_k h_k\, \bar g_{sk}

Which interpolation they chose, where the squares lie and which density they took is not at hand: these are settings, marked as assumptions, and what
another choice would change is told beside the result. No cell, no variogram of ours and no realisation enters.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import CovarianceModel, Structure, correlation
from pipeline.geostatistics.simple_estimators import inverse_distance, nearest_neighbour
from pipeline.geostatistics.variogram import experimental_variogram, fit_model
from pipeline.units import KM2_PER_M2

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.config import PublishedMethodSettings
    from pipeline.grid import Grid

    Array = NDArray[np.float64]
    Map = Callable[[Array, Array, Array], Array]

INTERPOLATIONS: Final = ("inverse_distance", "nearest", "kriging")
WHOLE: Final = "all"
"""What stands for a square where all of them are meant."""

_LAGS = 8
_EDGE_POINTS = 200
_PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST_NODES_OF_A_TRIAL = 8


@dataclass(frozen=True)
class Squares:
    """Squares of one size, side by side, on the equal-area grid.

    Parameters
    ----------
    west_m, south_m : float
        Corner of all of them.
    side_m : float
    east, north : int
        Their number from west to east and from south to north.
    room_m : (float, float)
        What the bounds leave free from west to east and from south to north; negative where the squares reach beyond.
    """

    west_m: float
    south_m: float
    side_m: float
    east: int
    north: int
    room_m: tuple[float, float]

    @property
    def area_km2(self) -> float:
        """Area of all of them."""
        return self.east * self.north * self.side_m**2 * KM2_PER_M2

    @property
    def names(self) -> list[list[str]]:
        """By row from the north, then column from the west: A1 is the north-western one."""
        return [[f"{_letters(row)}{column + 1}" for column in range(self.east)] for row in range(self.north)]

    def nodes_m(self, per_side: int) -> Array:
        """(rows, columns, nodes, 2) positions of the values of a map in each square, evenly spread; rows from the north."""
        offset_m = (np.arange(per_side) + 0.5) * self.side_m / per_side
        east_m = self.west_m + self.side_m * np.arange(self.east)[:, None] + offset_m
        north_m = self.south_m + self.side_m * np.arange(self.north)[::-1, None] + offset_m
        x = np.broadcast_to(east_m[None, :, None, :], (self.north, self.east, per_side, per_side))
        y = np.broadcast_to(north_m[:, None, :, None], (self.north, self.east, per_side, per_side))
        return np.stack([x, y], axis=-1).reshape(self.north, self.east, per_side**2, 2)

    def share_of_cells(self, grid: Grid) -> Array:
        """(rows, columns) share of each cell of a grid that lies in the squares."""
        west_m, _, _, north_m = grid.bounds_m
        rows, columns = grid.shape
        left_m, top_m = west_m + grid.cell_m * np.arange(columns), north_m - grid.cell_m * np.arange(rows)
        across = _overlap(left_m, left_m + grid.cell_m, self.west_m, self.west_m + self.east * self.side_m)
        down = _overlap(top_m - grid.cell_m, top_m, self.south_m, self.south_m + self.north * self.side_m)
        return np.asarray(down[:, None] * across / grid.cell_area_m2)


def _letters(row: int) -> str:
    return chr(ord("A") + row) if row < 26 else f"R{row + 1}-"


def _overlap(low_m: NDArray[Any], high_m: NDArray[Any], west_m: float, east_m: float) -> Array:
    return np.asarray(np.maximum(np.minimum(high_m, east_m) - np.maximum(low_m, west_m), 0.0), dtype=np.float64)


def squares_in(bounds_deg: tuple[float, float, float, float], grid: Grid, settings: PublishedMethodSettings) -> Squares:
    """The squares inside west, south, east and north bounds in degrees.

    Parallels and meridians are curved on the grid: the squares keep inside the largest upright box between them.
    """
    west_deg, south_deg, east_deg, north_deg = bounds_deg
    along = np.linspace(0, 1, _EDGE_POINTS + 1)
    longitude_deg, latitude_deg = west_deg + along * (east_deg - west_deg), south_deg + along * (north_deg - south_deg)

    def edge(longitude: Array | float, latitude: Array | float) -> tuple[Array, Array]:
        return grid.from_lonlat(*(np.broadcast_to(np.asarray(part, dtype=float), along.shape) for part in (longitude, latitude)))

    west_m, east_m = edge(west_deg, latitude_deg)[0].max(), edge(east_deg, latitude_deg)[0].min()
    south_m, north_m = edge(longitude_deg, south_deg)[1].max(), edge(longitude_deg, north_deg)[1].min()
    side_m = settings.square_side_m
    room_m = (float(east_m - west_m - settings.squares_east * side_m), float(north_m - south_m - settings.squares_north * side_m))
    # ASSUME: the outline of the published squares is not at hand; they lie where [published_method] puts them inside the quoted bounds.
    corner_m = (float(west_m) + settings.east_share * room_m[0], float(south_m) + settings.north_share * room_m[1])
    return Squares(*corner_m, side_m, settings.squares_east, settings.squares_north, room_m)


class Metres(NamedTuple):
    """What the cores show of each metre: ``sites_m`` (cores, 2) and ``grade_ppm`` (cores, metres), NaN where a core holds no sample there."""

    core_id: NDArray[np.object_]
    sites_m: Array
    grade_ppm: Array
    edges_m: Array

    @property
    def thickness_m(self) -> Array:
        """Of each map."""
        return np.diff(self.edges_m)

    @property
    def cores(self) -> NDArray[np.int64]:
        """Number of cores that show each metre."""
        return np.asarray(np.isfinite(self.grade_ppm).sum(axis=0), dtype=np.int64)


def metres_of(frame: pd.DataFrame, column: str, edges_m: Array, grid: Grid) -> Metres:
    """Grade of each core in each metre: the mean of its samples there by their length inside.

    Parameters
    ----------
    frame : DataFrame
        Accepted samples.
    column : str
        ``<element>_ppm``; samples without it are left out.
    edges_m : (metres + 1,) array
        Depths below the seafloor between the maps.
    grid : Grid
        Positions are those on its projection; a core has that of its first row.
    """
    known = frame.loc[frame[column].notna(), ["core_id", "longitude_deg", "latitude_deg", "from_m", "to_m", column]]
    names, first, core = np.unique(known["core_id"].to_numpy(dtype=str), return_index=True, return_inverse=True)
    sites_m = np.column_stack(grid.from_lonlat(known["longitude_deg"].to_numpy()[first], known["latitude_deg"].to_numpy()[first]))
    from_m, to_m, grade = (known[name].to_numpy(dtype=float) for name in ("from_m", "to_m", column))
    values = np.full((names.size, edges_m.size - 1), np.nan)
    # ASSUME: the paper does not say how samples make a metre; here by length, for the published density is one constant.
    for metre, (top_m, bottom_m) in enumerate(itertools.pairwise(edges_m.tolist())):
        length_m = _overlap(from_m, to_m, top_m, bottom_m)
        sums = (np.bincount(core, weights=part, minlength=names.size) for part in (length_m * grade, length_m))
        metal, length = sums
        values[:, metre] = np.divide(metal, length, out=np.full(names.size, np.nan), where=length > 1e-9)
    return Metres(names.astype(object), sites_m, values, edges_m)


def grades_in_squares(metres: Metres, squares: Squares, interpolate: Map, per_side: int) -> Array:
    """(metres, rows, columns) mean grade of each map in each square; NaN for a metre that no core shows: it is missing, not zero."""
    nodes_m = squares.nodes_m(per_side)
    shape = nodes_m.shape[:3]
    found = np.full((metres.edges_m.size - 1, *shape[:2]), np.nan)
    for metre in range(found.shape[0]):
        known = np.isfinite(metres.grade_ppm[:, metre])
        if known.any():
            values = interpolate(metres.sites_m[known], metres.grade_ppm[known, metre], nodes_m.reshape(-1, 2))
            found[metre] = values.reshape(shape).mean(axis=2)
    return found


def interpolation(name: str, metres: Metres, settings: PublishedMethodSettings) -> Map:
    """The way from cores to a map: ``interpolate(sites_m, grade_ppm, targets_m) -> grade_ppm``.

    Raises
    ------
    TooFewSamples
        Kriging: no variogram can be fitted.
    """
    if name == "inverse_distance":
        return partial(_inverse_distance, settings.power, settings.neighbours)
    if name == "nearest":
        return lambda sites_m, values, targets_m: nearest_neighbour(_flat(sites_m), values, _flat(targets_m))
    return partial(_kriging, _pooled_variogram(metres))


def _flat(positions_m: Array) -> Array:
    return np.column_stack([positions_m, np.zeros(len(positions_m))])


def _inverse_distance(power: float, neighbours: int, sites_m: Array, values: Array, targets_m: Array) -> Array:
    return inverse_distance(_flat(sites_m), values, _flat(targets_m), power, max_data=neighbours)


def _kriging(model: CovarianceModel, sites_m: Array, values: Array, targets_m: Array) -> Array:
    r"""Ordinary kriging of all cores at once, in its dual form: :math:`z^*(x) = \mu + c(x)^T b` with :math:`C b + 1\mu = z,\ 1^T b = 0`."""
    places_m, place, times = np.unique(sites_m, axis=0, return_inverse=True, return_counts=True)
    mean = np.bincount(np.asarray(place).ravel(), weights=values) / times
    (part,) = model.structures
    system = np.ones((mean.size + 1, mean.size + 1))
    system[:-1, :-1] = _covariance(part, places_m, places_m) + model.nugget * np.eye(mean.size)
    system[-1, -1] = 0.0
    dual = np.linalg.solve(system, np.append(mean, 0.0))
    return np.asarray(dual[-1] + np.sum(_covariance(part, targets_m, places_m) * dual[:-1], axis=1))


def _covariance(part: Structure, one_m: Array, other_m: Array) -> Array:
    reduced2 = cdist(one_m, other_m, "sqeuclidean") / part.horizontal_range_m**2
    return part.sill * correlation(part.kind, reduced2.ravel()).reshape(reduced2.shape)


def _pooled_variogram(metres: Metres) -> CovarianceModel:
    """Spherical model of all metres together, each standardised: one metre has too few pairs. A common sill cancels in the weights."""
    known, count = np.isfinite(metres.grade_ppm), np.maximum(metres.cores, 1)
    apart_ppm = np.where(known, metres.grade_ppm - np.where(known, metres.grade_ppm, 0.0).sum(axis=0) / count, 0.0)
    spread_ppm = np.sqrt(np.square(apart_ppm).sum(axis=0) / count)
    standard = np.divide(apart_ppm, spread_ppm, out=np.full(known.shape, np.nan), where=known & (spread_ppm > 0))
    core, metre = np.nonzero(np.isfinite(standard))
    positions_m = np.column_stack([metres.sites_m[core], metre.astype(float)])
    apart_m = metres.sites_m[:, None] - metres.sites_m[None]
    reach_m = 0.5 * float(np.hypot(apart_m[..., 0], apart_m[..., 1]).max()) if len(metres.sites_m) else 0.0
    if not reach_m > 0:
        msg = f"{len(metres.sites_m)} core position gives no variogram; kriging needs several"
        raise TooFewSamples(msg)
    found = experimental_variogram(positions_m, standard[core, metre], core, 1.0, np.linspace(0, reach_m, _LAGS + 1))
    across = found.vertical_m == 0
    model = fit_model(found.horizontal_m[across], found.semivariance[across], found.pairs[across], ["spherical"]).model
    if model.sill > 0:
        return model
    return CovarianceModel(0.0, (Structure("spherical", 1.0, reach_m),))


class Estimate(NamedTuple):
    """What a set of maps says of the squares, before density and oxygen.

    Parameters
    ----------
    grade_ppm : (metres, rows, columns) array
    column_ppm : (rows, columns) array
        Mean over the metres that are known, by thickness.
    mean_ppm : float
        Of all squares.
    best_over_whole : float
        Metal per area of the richest square over that of all of them: no density is in it.
    best : (int, int)
        Row and column of that square.
    """

    grade_ppm: Array
    column_ppm: Array
    mean_ppm: float
    best_over_whole: float
    best: tuple[int, int]


def estimate(grade_ppm: Array, thickness_m: Array) -> Estimate:
    """Sum the metres of each square.

    Parameters
    ----------
    grade_ppm : (metres, rows, columns) array
        NaN in a metre that no core shows.
    thickness_m : (metres,) array
    """
    known = np.isfinite(grade_ppm).all(axis=(1, 2))
    column_ppm = np.tensordot(thickness_m[known], grade_ppm[known], axes=1) / thickness_m[known].sum()
    mean_ppm = float(column_ppm.mean())
    row, column = np.unravel_index(int(column_ppm.argmax()), column_ppm.shape)
    return Estimate(grade_ppm, column_ppm, mean_ppm, float(column_ppm.max()) / mean_ppm if mean_ppm > 0 else np.nan, (int(row), int(column)))


def at_other_places(
    metres: Metres, bounds_deg: tuple[float, float, float, float], grid: Grid, interpolate: Map, settings: PublishedMethodSettings
) -> tuple[Array, Array]:
    """Mean grade and best square over whole with the squares at 25 places in the bounds, from edge to edge."""
    per_side = min(settings.square_nodes, _MOST_NODES_OF_A_TRIAL)
    found = []
    for east_share in _PLACES:
        for north_share in _PLACES:
            moved = settings.model_copy(update={"east_share": east_share, "north_share": north_share})
            squares = squares_in(bounds_deg, grid, moved)
            each = estimate(grades_in_squares(metres, squares, interpolate, per_side), metres.thickness_m)
            found.append((each.mean_ppm, each.best_over_whole))
    means, ratios = np.array(found).T
    return means, ratios
