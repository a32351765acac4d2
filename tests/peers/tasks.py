"""The tasks of the benchmark: seeded inputs, and how many times faster than its peers our engine is to be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from peers.engines import Problem, Simulation

from pipeline.geostatistics.coregionalisation import Coregionalisation
from pipeline.geostatistics.covariance import CovarianceModel, Structure

if TYPE_CHECKING:
    from collections.abc import Callable

    Maker = Callable[[tuple[int, ...], int], Problem]

EXTENT_M = np.array([100_000.0, 100_000.0, 10.0])
RANGE = 0.3  # of the extent, horizontally and downwards
DEPTH_M = 1.0
SEED = 20
ALL = "fastest"


@dataclass(frozen=True)
class Task:
    """One thing to be timed.

    Parameters
    ----------
    key, title : str
    make : callable
        Makes the problem from the number of cells along each axis and the number of data (or of cores).
    cells : tuple of int
        Along easting, northing and depth.
    data : int
    targets : dict
        How many times faster than a peer, or than the fastest ("fastest"); all must hold.
    engines : dict
        For each engine the configurations that are tried; the fastest of them is timed.
    scattered_own_variance : tuple of str
        Engines whose variance inside a block is a random sum: one number for all blocks, taken out before comparing.
    """

    key: str
    title: str
    make: Maker
    cells: tuple[int, ...]
    data: int
    targets: dict[str, float]
    engines: dict[str, list[dict[str, Any]]]
    scattered_own_variance: tuple[str, ...] = ()

    @cached_property
    def problem(self) -> Problem:
        """The problem at full size."""
        return self.make(self.cells, self.data)

    def quick(self) -> Task:
        """The same task at a size that takes no time."""
        return replace(self, cells=(10, 10, 4) if len(self.cells) == 3 else (40, 40), data=min(self.data, 40 if len(self.cells) == 2 else 6))


def field_values(positions_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A smooth field and noise: what the values are costs no engine time."""
    east, north, down = (positions_m / EXTENT_M).T
    return 10 + np.sin(5 * east) + np.cos(4 * north) + np.sin(6 * down) + 0.3 * rng.normal(size=len(positions_m))


def cell_centres_m(cells: tuple[int, ...]) -> np.ndarray:
    """(cells, 3) centres of a grid over the extent, depth fastest; at one depth if there are two axes."""
    axes = [(np.arange(count) + 0.5) / count * length for count, length in zip(cells, EXTENT_M, strict=False)]
    if len(axes) == 2:
        axes.append(np.array([DEPTH_M]))
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def flat_data_m(count: int, rng: np.random.Generator) -> np.ndarray:
    """Data scattered over the extent at one depth."""
    return np.column_stack([rng.uniform(0, EXTENT_M[:2], (count, 2)), np.full(count, DEPTH_M)])


def core_data_m(cores: int, composites: int, rng: np.random.Generator) -> np.ndarray:
    """Composites down cores that are scattered over the extent."""
    places_m = np.repeat(rng.uniform(0, EXTENT_M[:2], (cores, 2)), composites, axis=0)
    depths_m = np.tile((np.arange(composites) + 0.5) / composites * EXTENT_M[2], cores)
    return np.column_stack([places_m, depths_m])


def structure(kind: str, dimensions: int, sill: float = 1.0) -> Structure:
    """One structure whose range is the same share of every side."""
    return Structure(kind, sill, RANGE * EXTENT_M[0], RANGE * EXTENT_M[2] if dimensions == 3 else np.inf)


def flat(kind: str) -> Maker:
    """Ordinary kriging in the plane from scattered data."""

    def make(cells, data):
        rng = np.random.default_rng(SEED)
        data_m = flat_data_m(data, rng)
        # No nugget: programs differ in whether a point's variance contains it, and time does not depend on it.
        return Problem(data_m, field_values(data_m, rng), CovarianceModel(0.0, (structure(kind, 2),)), cell_centres_m(cells))

    return make


def deep(kind: str, **options) -> Maker:
    """Ordinary kriging in space from composites of cores."""

    def make(cells, cores):
        rng = np.random.default_rng(SEED)
        data_m = core_data_m(cores, 25, rng)
        return Problem(data_m, field_values(data_m, rng), CovarianceModel(0.0, (structure(kind, 3),)), cell_centres_m(cells), **options)

    return make


def blocks(cells: tuple[int, ...], cores: int) -> Problem:
    """Blocks of the size of a cell."""
    size_m = EXTENT_M / np.array(cells)
    return replace(deep("spherical", max_data=24)(cells, cores), block_m=tuple(float(side_m) for side_m in size_m), nodes=(4, 4, 2))


def drifted(cells: tuple[int, ...], data: int) -> Problem:
    """External drift: a smooth field known everywhere, such as water depth."""
    problem = flat("spherical")(cells, data)
    known = [np.sin(4 * part[:, :1] / EXTENT_M[0]) * part[:, 1:2] / EXTENT_M[1] for part in (problem.data_m, problem.targets_m)]
    return replace(problem, drift=known[0], target_drift=known[1])


def coregionalised(cells: tuple[int, ...], data: int) -> Problem:
    """Two variables, each known at places of its own."""
    rng = np.random.default_rng(SEED)
    data_m = flat_data_m(2 * data, rng)
    model = Coregionalisation(np.zeros((2, 2)), (structure("spherical", 2),), np.array([[[1.0, 0.7], [0.7, 1.5]]]))
    return Problem(data_m, field_values(data_m, rng), model, cell_centres_m(cells), variable=np.repeat([0, 1], data))


def variogram_input(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions in the plane, values, and 30 lags that hold every pair."""
    rng = np.random.default_rng(SEED)
    data_m = flat_data_m(count, rng)
    longest_m = float(np.hypot(*EXTENT_M[:2]))
    return np.ascontiguousarray(data_m[:, :2]), field_values(data_m, rng), np.linspace(0.0, longest_m, 31)


def simulation_input(kind: str, quick: bool) -> Simulation:
    """Data of the model itself, every second one on a cell's centre, and a grid over the extent."""
    rng = np.random.default_rng(SEED)
    side, count, realisations = (40, 40, 20) if quick else (SIMULATION_CELLS, SIMULATION_DATA, SIMULATION_REALISATIONS)
    cell_m = float(EXTENT_M[0] / side)
    data_m = flat_data_m(count, rng)
    data_m[::2, :2] = (np.floor(data_m[::2, :2] / cell_m) + 0.5) * cell_m
    data_m = data_m[np.unique(data_m, axis=0, return_index=True)[1]]
    model = CovarianceModel(0.0, (structure(kind, 2),))
    values = np.linalg.cholesky(model.between(data_m, data_m)) @ rng.normal(size=len(data_m))
    return Simulation(data_m, values, model, (side, side), cell_m, realisations)


_GSTOOLS = [{"compiled": "core", "chunk": 20_000}, {"compiled": "cython", "chunk": 20_000}, {"compiled": "core", "chunk": 2_000}]
_PYKRIGE = [{"backend": "vectorized", "chunk": 50_000}, {"backend": "C"}, {"backend": "vectorized", "chunk": 5_000}]
_GSTLEARN = [{"threads": 2}, {"threads": 1}]
_KRIGEKIT = [{"threads": 2}, {"threads": 1}]
_GLOBAL = {"ours": [{}], "GSTools": _GSTOOLS, "PyKrige": _PYKRIGE, "gstlearn": _GSTLEARN, "krigekit": _KRIGEKIT}
_GLOBAL_3D = {**_GLOBAL, "PyKrige": [{"backend": "vectorized", "chunk": 20_000}]}
_MOVING = {
    "ours": [{}],
    "PyKrige": [{"backend": "loop"}],
    "gstlearn": _GSTLEARN,
    "krigekit": [{"threads": 2}, {"threads": 2, "cached": 1_024}, {"threads": 2, "cached": 0}],
}
_DRIFT = {**_GLOBAL, "PyKrige": [{"backend": "vectorized", "chunk": 50_000}, {"backend": "vectorized", "chunk": 5_000}]}
_COKRIGING = {"ours": [{}], "gstlearn": _GSTLEARN, "krigekit": _KRIGEKIT}
_BLOCK = {"ours": [{}], "gstlearn": _GSTLEARN, "krigekit": _MOVING["krigekit"]}

TASKS = {
    task.key: task
    for task in (
        Task("a", "2-D global, 100 data, spherical", flat("spherical"), (1000, 1000), 100, {ALL: 30}, _GLOBAL),
        Task("b", "2-D global, 100 data, exponential (dense)", flat("exponential"), (1000, 1000), 100, {ALL: 5}, _GLOBAL),
        Task("c", "2-D global, 1,600 data, spherical", flat("spherical"), (250, 250), 1600, {ALL: 50}, _GLOBAL),
        Task("d", "3-D global, 60 cores × 25, spherical", deep("spherical"), (200, 200, 20), 60, {ALL: 1_000}, _GLOBAL_3D),
        Task("e", "3-D global, 60 cores × 25, exponential (dense)", deep("exponential"), (200, 200, 20), 60, {ALL: 50}, _GLOBAL_3D),
        Task("f", "3-D, 24 nearest of 60 cores × 25", deep("spherical", max_data=24), (200, 200, 20), 60, {ALL: 1.5, "gstlearn": 50}, _MOVING),
        Task(
            "g", "blocks of 4 × 4 × 2 nodes, 24 nearest of 60 cores × 25", blocks, (100, 100, 10), 60, {ALL: 4}, _BLOCK,
            scattered_own_variance=("gstlearn",),
        ),
        Task("h-drift", "2-D external drift, 100 data, spherical", drifted, (500, 500), 100, {ALL: 5}, _DRIFT),
        Task("h-cokriging", "2-D cokriging, 100 data of each of two variables", coregionalised, (500, 500), 100, {ALL: 5}, _COKRIGING),
    )
}  # fmt: skip
VARIOGRAM = "i"
VARIOGRAM_DATA = 20_000
VARIOGRAM_TARGETS = {"R gstat": 3.0, "GSTools": 30.0}
SIMULATION = "s"
SIMULATION_CELLS, SIMULATION_DATA, SIMULATION_REALISATIONS = 500, 100, 100
SIMULATION_TARGETS = {ALL: 10.0, "krigekit": 10.0}
# For each engine its kind of covariance and the configurations that are tried.
SIMULATION_ENGINES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "ours": ("spherical", [{}]),
    "gstlearn": ("spherical", [{"bands": 100, "threads": 2}, {"bands": 100, "threads": 1}]),
    "gstlearn SPDE": ("matern32", [{"method": "SPDE"}]),
    "krigekit": ("spherical", [{"max_data": 16, "threads": 2}]),
}
