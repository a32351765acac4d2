"""One kriging problem, put to our engine and to each peer in the peer's own words.

A peer is imported by the function that needs it, so that a process holds one engine only and its peak memory can be told. Whatever a peer means by
a range, an angle, a nugget or a block is translated here and nowhere else.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipeline.geostatistics.conditional_simulation import ConditionalSimulation
from pipeline.geostatistics.coregionalisation import Coregionalisation
from pipeline.geostatistics.covariance import CovarianceModel, block_nodes
from pipeline.geostatistics.kriging import Neighbourhood, cokrige, krige
from pipeline.geostatistics.variogram import omnidirectional_variogram


class CannotError(Exception):
    """What an engine lacks for a problem."""


@dataclass(frozen=True)
class Problem:
    """What is to be kriged.

    Parameters
    ----------
    data_m, values : (data, 3) and (data,) arrays
    model : CovarianceModel or Coregionalisation
    targets_m : (targets, 3) array
    variable : (data,) int array, optional
        Number of each datum's variable; variable 0 is estimated.
    drift, target_drift : (data, drifts) and (targets, drifts) array, optional
    mean : float, optional
        Known mean.
    error_variance : (data,) array, optional
    max_data : int, optional
        As many nearest data, by the distance of the first structure.
    block_m, nodes : tuple, optional
        Sides of a block and nodes along each, at the centres of equal parts. Targets are then cells of one grid of such blocks.
    """

    data_m: np.ndarray
    values: np.ndarray
    model: CovarianceModel | Coregionalisation
    targets_m: np.ndarray
    variable: np.ndarray | None = None
    drift: np.ndarray | None = None
    target_drift: np.ndarray | None = None
    mean: float | None = None
    error_variance: np.ndarray | None = None
    max_data: int | None = None
    block_m: tuple[float, float, float] | None = None
    nodes: tuple[int, int, int] | None = None

    @cached_property
    def dimensions(self) -> int:
        """2 where no structure has an end downwards, else 3."""
        return 3 if any(np.isfinite(part.vertical_range_m) for part in self.model.structures) else 2

    @property
    def data(self) -> np.ndarray:
        """(data, dimensions) positions."""
        return self.data_m[:, : self.dimensions]

    @property
    def targets(self) -> np.ndarray:
        """(targets, dimensions) positions."""
        return self.targets_m[:, : self.dimensions]

    def at(self, chosen: np.ndarray) -> Problem:
        """The same problem at some of its targets."""
        return replace(self, targets_m=self.targets_m[chosen], target_drift=None if self.target_drift is None else self.target_drift[chosen])

    def refuse(self, **unknown: bool) -> None:
        """Say what an engine cannot do, if that is asked for."""
        wanted = [name for name, asked in unknown.items() if asked]
        if wanted:
            raise CannotError(", ".join(wanted))


Result = tuple[np.ndarray, np.ndarray]
Solver = Callable[..., Result]


def ours(problem: Problem) -> Result:
    """This repository's engine."""
    neighbourhood = None if problem.max_data is None else Neighbourhood(max_data=problem.max_data)
    options = {"drift": problem.drift, "target_drift": problem.target_drift, "error_variance": problem.error_variance, "neighbourhood": neighbourhood}
    if problem.block_m is not None:
        options["block"] = block_nodes(problem.block_m, problem.nodes, "midpoint")
    if problem.variable is None:
        estimate = krige(problem.data_m, problem.values, problem.model, problem.targets_m, mean=problem.mean, **options)
    else:
        estimate = cokrige(problem.data_m, problem.values, problem.variable, problem.model, problem.targets_m, 0, **options)
    return estimate.value, estimate.variance


# ------------------------------------------------------------------ GSTools

# (class, ours to theirs of the length scale, further arguments); gstools writes the Matérn with sqrt(2 nu) in its rescaled length.
_GSTOOLS_KINDS = {
    "spherical": ("Spherical", 1.0, {}),
    "exponential": ("Exponential", 1 / 3, {}),
    "gaussian": ("Gaussian", 1 / np.sqrt(3), {"rescale": 1.0}),
    "cubic": ("Cubic", 1.0, {}),
    "matern32": ("Matern", np.sqrt(1.5) / 4.743864518390577, {"nu": 1.5}),
    "matern52": ("Matern", np.sqrt(2.5) / 5.918649346310187, {"nu": 2.5}),
}


def gstools(
    problem: Problem, *, pseudo_inverse: bool = False, exact: bool = False, compiled: str = "core", chunk: int | None = None, trend: str | None = None
) -> Result:
    """GSTools, with the inverse rather than the (slower) pseudo-inverse unless asked; ``compiled`` is "core" (Rust) or "cython"."""
    return gstools_solver(problem, pseudo_inverse=pseudo_inverse, exact=exact, trend=trend)(problem, compiled=compiled, chunk=chunk)


def gstools_solver(problem: Problem, *, pseudo_inverse: bool = False, exact: bool = False, trend: str | None = None) -> Solver:
    """What GSTools makes of the data once, to be called with targets."""
    import gstools as gs

    problem.refuse(moving=problem.max_data is not None, block=problem.block_m is not None, cokriging=problem.variable is not None)
    model = sum((_gstools_structure(gs, part, problem.dimensions) for part in problem.model.structures[1:]), start=_gstools_first(gs, problem))
    options: dict = {"pseudo_inv": pseudo_inverse, "exact": exact}
    if problem.error_variance is not None:
        options["cond_err"] = problem.model.nugget + problem.error_variance
    if problem.drift is not None:
        options["ext_drift"] = problem.drift.T
    if problem.mean is not None:
        options.update(mean=problem.mean, unbiased=False)
    system = gs.krige.Krige(model, problem.data.T, problem.values, drift_functions=trend, **options)

    def solve(part: Problem, *, compiled: str = "core", chunk: int | None = None) -> Result:
        gs.config.USE_GSTOOLS_CORE = compiled == "core"
        known = {} if part.target_drift is None else {"ext_drift": part.target_drift.T}
        value, variance = system(part.targets.T, chunk_size=chunk, store=False, **known)
        return value, variance

    return solve


def _gstools_first(gs, problem):
    """First structure, and the nugget."""
    model = _gstools_structure(gs, problem.model.structures[0], problem.dimensions)
    model.nugget = problem.model.nugget
    return model


def _gstools_structure(gs, part, dimensions):
    """A model without nugget; angles turn the axes in the order z, y, x about the fixed axes, in the plane from the easting towards the northing."""
    name, factor, extra = _GSTOOLS_KINDS[part.kind]
    major, minor, third = part.ranges_m
    anisotropy = [minor / major, third / major][: dimensions - 1]
    angles = np.radians(_angles(part, "zyx") if dimensions == 3 else [90 - part.azimuth_deg])
    return getattr(gs, name)(dim=dimensions, var=part.sill, len_scale=major * factor, anis=anisotropy, angles=angles, **extra)


def _angles(part, sequence: str) -> np.ndarray:
    """Euler angles, in degrees, that turn the coordinate axes into the axes of a structure."""
    from scipy.spatial.transform import Rotation

    axes = part.reduction() * np.array(part.ranges_m)[:, None]
    # Positions are right-handed triples of numbers for every peer; the sign of an axis means nothing to a covariance.
    axes[2] *= np.sign(np.linalg.det(axes))
    return Rotation.from_matrix(axes.T).as_euler(sequence, degrees=True)


# ------------------------------------------------------------------ PyKrige


def pykrige(problem: Problem, *, backend: str = "vectorized", chunk: int | None = None, trend: bool = False) -> Result:
    """PyKrige; one structure of three kinds as built in, else as a function of the lag. A moving neighbourhood is for its loops only."""
    return pykrige_solver(problem, trend=trend)(problem, backend=backend, chunk=chunk)


def pykrige_solver(problem: Problem, *, trend: bool = False) -> Solver:
    """What PyKrige makes of the data once, to be called with targets."""
    problem.refuse(
        block=problem.block_m is not None,
        cokriging=problem.variable is not None,
        simple=problem.mean is not None,
        errors=problem.error_variance is not None,
    )
    first = problem.model.structures[0]
    problem.refuse(dip=first.dip_deg != 0 or first.rake_deg != 0)
    options: dict = dict(_pykrige_variogram(problem.model))
    major, minor, third = first.ranges_m
    if problem.dimensions == 2:
        options.update(anisotropy_scaling=major / minor, anisotropy_angle=90 - first.azimuth_deg)
        from pykrige.ok import OrdinaryKriging as System

        if problem.drift is not None or trend:
            from pykrige.uk import UniversalKriging as System
    else:
        options.update(anisotropy_scaling_y=major / minor, anisotropy_scaling_z=major / third, anisotropy_angle_z=90 - first.azimuth_deg)
        from pykrige.ok3d import OrdinaryKriging3D as System

        if problem.drift is not None or trend:
            from pykrige.uk3d import UniversalKriging3D as System
    if problem.drift is not None:
        options.update(drift_terms=["specified"], specified_drift=list(problem.drift.T))
    elif trend:
        options.update(drift_terms=["regional_linear"])
    system = System(*problem.data.T, problem.values, **options)
    near = {} if problem.max_data is None else {"n_closest_points": problem.max_data}

    def solve(part: Problem, *, backend: str = "vectorized", chunk: int | None = None) -> Result:
        parts = []
        for start in range(0, len(part.targets), chunk or len(part.targets)):
            tile = slice(start, start + (chunk or len(part.targets)))
            given = near if part.target_drift is None else {"specified_drift_arrays": list(part.target_drift[tile].T)}
            parts.append(system.execute("points", *part.targets[tile].T, backend=backend, **given))
        value, variance = (np.concatenate([np.asarray(done[index]) for done in parts]) for index in (0, 1))
        return value, variance

    return solve


def _pykrige_variogram(model):
    """Name and parameters; its Gaussian has the range 7/4 of that at which 1 - exp(-h²) is taken."""
    first = model.structures[0]
    if len(model.structures) == 1 and first.kind in ("spherical", "exponential", "gaussian"):
        reach_m = first.horizontal_range_m * (1.75 / np.sqrt(3) if first.kind == "gaussian" else 1.0)
        yield "variogram_model", first.kind
        yield "variogram_parameters", {"sill": model.sill, "range": reach_m, "nugget": model.nugget}
        return

    def semivariance(_parameters, lag_m):
        unrotated = np.stack([np.zeros_like(lag_m), lag_m, np.zeros_like(lag_m)], axis=-1)
        parts = (replace(part, minor_range_m=None, azimuth_deg=0.0, vertical_range_m=np.inf) for part in model.structures)
        return model.sill - CovarianceModel(0.0, tuple(parts)).at(unrotated)

    yield "variogram_model", "custom"
    yield "variogram_function", semivariance
    yield "variogram_parameters", [0.0]


# ------------------------------------------------------------------ gstlearn

_GSTLEARN_SCALES = {
    "spherical": ("SPHERICAL", 1.0, 1.0),
    "cubic": ("CUBIC", 1.0, 1.0),
    "exponential": ("EXPONENTIAL", 1 / 3, 1.0),
    "gaussian": ("GAUSSIAN", 1 / np.sqrt(3), 1.0),
    "matern32": ("MATERN", 1 / 4.743864518390577, 1.5),
    "matern52": ("MATERN", 1 / 5.918649346310187, 2.5),
}


def gstlearn(problem: Problem, *, threads: int = 2, ball: bool = False) -> Result:
    """Gstlearn; ``ball`` is its tree search, which measures distances without anisotropy."""
    import gstlearn as gl

    gl.defineDefaultSpace(gl.ESpaceType.RN, problem.dimensions)
    gl.OptCustom.define("ompthreads", threads)
    drifts = 0 if problem.drift is None else problem.drift.shape[1]
    names, columns = _gstlearn_values(gl, problem)
    if problem.drift is not None:
        names += [f"f{number + 1}" for number in range(drifts)]
        columns += list(problem.drift.T)
    if problem.error_variance is not None:
        names.append("v1")
        columns.append(problem.error_variance)
    data = _gstlearn_table(gl, problem.data, names, columns)
    model = _gstlearn_model(gl, problem)
    if problem.mean is None:
        model.setDriftIRF(0, drifts)
    else:
        model.setMeans([problem.mean])
    if problem.block_m is None:
        target_names = [f"f{number + 1}" for number in range(drifts)]
        targets = _gstlearn_table(gl, problem.targets, target_names, [] if problem.target_drift is None else list(problem.target_drift.T))
        back = slice(None)
    else:
        targets, back = _gstlearn_grid(gl, problem)
    options = gl.KrigOpt()
    if problem.block_m is not None:
        options.setOptionCalcul(gl.EKrigOpt.BLOCK, list(problem.nodes[: problem.dimensions]))
    if gl.kriging(data, targets, model, _gstlearn_neighbours(gl, problem, ball), True, True, False, options):
        msg = "gstlearn gave up"
        raise RuntimeError(msg)
    result = {name.rsplit(".", 1)[-1]: np.asarray(targets[name]).ravel()[back] for name in targets.getAllNames() if ".z1." in name}
    return result["estim"], result["stdev"] ** 2


def _gstlearn_values(gl, problem):
    """One column per variable, where the others' data are missing."""
    if problem.variable is None:
        return ["z1"], [problem.values]
    columns = [np.where(problem.variable == number, problem.values, gl.TEST) for number in range(problem.model.variables)]
    return [f"z{number + 1}" for number in range(problem.model.variables)], columns


def _gstlearn_table(gl, positions, names, columns):
    """A table whose columns are named for the part they play."""
    names = [*(f"x{axis + 1}" for axis in range(positions.shape[1])), *names]
    flat = np.concatenate([*positions.T, *columns]).astype(float)
    return gl.Db.createFromSamples(len(positions), gl.ELoadBy.COLUMN, flat, names, names)


def _gstlearn_model(gl, problem):
    """Structures by their scale, not by their practical range, which gstlearn takes at exactly 5 % and we at e⁻³."""
    dimensions, several = problem.dimensions, isinstance(problem.model, Coregionalisation)
    context = gl.CovContext(problem.model.variables if several else 1, dimensions)
    model = gl.Model(context)
    for number, part in enumerate(problem.model.structures):
        name, factor, shape = _GSTLEARN_SCALES[part.kind]
        scales = [range_m * factor for range_m in part.ranges_m[:dimensions]]
        angles = list(_angles(part, "ZYX")) if dimensions == 3 else [90 - part.azimuth_deg, 0.0]
        sills = _gstlearn_matrix(gl, problem.model.sills[number]) if several else gl.MatrixSymmetric()
        model.addCovFromParam(getattr(gl.ECov, name), 0.0, part.sill, shape, scales, sills, angles, False)
    if np.any(problem.model.nugget):
        sills = _gstlearn_matrix(gl, problem.model.nugget) if several else gl.MatrixSymmetric()
        model.addCovFromParam(gl.ECov.NUGGET, 0.0, 1.0 if several else problem.model.nugget, 1.0, [], sills)
    return model


def _gstlearn_matrix(gl, sills):
    """A symmetric matrix of sills."""
    return gl.MatrixSymmetric.createFromVD(list(np.ravel(sills)))


def _gstlearn_neighbours(gl, problem, ball):
    """All data, or the nearest in the ellipsoid of the first structure."""
    if problem.max_data is None:
        return gl.NeighUnique.create()
    part, dimensions = problem.model.structures[0], problem.dimensions
    shares = [range_m / part.horizontal_range_m for range_m in part.ranges_m[:dimensions]]
    angles = list(_angles(part, "ZYX")) if dimensions == 3 else [90 - part.azimuth_deg, 0.0]
    far = 1e3 * part.horizontal_range_m
    return gl.NeighMoving.create(False, problem.max_data, far, 1, 1, problem.max_data, shares, angles, ball)


def _gstlearn_grid(gl, problem):
    """A grid of blocks that holds the targets, easting fastest, the rest of it switched off; and where each target is in it."""
    dimensions = problem.dimensions
    size_m = np.array(problem.block_m[:dimensions])
    first_m = problem.targets.min(axis=0)
    cells = np.rint((problem.targets - first_m) / size_m).astype(int)
    shape = cells.max(axis=0) + 1
    grid = gl.DbGrid.create(list(map(int, shape)), list(size_m), list(first_m))
    place = np.ravel_multi_index(tuple(cells.T), tuple(shape), order="F")
    if len(place) < np.prod(shape):
        active = np.zeros(np.prod(shape))
        active[place] = 1.0
        grid.addSelection(active)
    return grid, place


# ------------------------------------------------------------------ krigekit


def krigekit(problem: Problem, *, threads: int = 2, cached: int | None = None) -> Result:
    """Krigekit, which solves in single precision: 1e-7 of the covariances, times the condition of the system."""
    from krigekit import Kriging

    problem.refuse(
        dip=any(part.dip_deg or part.rake_deg for part in problem.model.structures),
        kind=any(part.kind not in ("spherical", "exponential") for part in problem.model.structures),
    )
    several = isinstance(problem.model, Coregionalisation)
    variables = problem.model.variables if several else 1
    first, dimensions = problem.model.structures[0], problem.dimensions
    system = Kriging(
        ndim=dimensions,
        nvar=variables,
        ndrift=0 if problem.drift is None else problem.drift.shape[1],
        unbias=int(problem.mean is None),
        anisotropic_search=problem.max_data is not None,
        std_ck=True,
        seed=1,
    )
    for number in range(variables):
        mine = slice(None) if problem.variable is None else problem.variable == number
        errors = None if problem.error_variance is None else problem.error_variance[mine]
        system.set_obs(number + 1, problem.data[mine], problem.values[mine], variance=errors, sk_mean=problem.mean or 0.0)
        if problem.drift is not None:
            system.set_obs_drift(number + 1, problem.drift[mine])
    if problem.block_m is None:
        system.set_grid(problem.targets)
    else:
        offsets_m = block_nodes(problem.block_m, problem.nodes, "midpoint")[0][:, :dimensions]
        nodes = (problem.targets[:, None] + offsets_m).reshape(-1, dimensions)
        system.set_grid_block(nodes, 1, np.full(len(problem.targets), len(offsets_m)))
    if problem.target_drift is not None:
        system.set_grid_drift(problem.target_drift)
    nugget = np.atleast_2d(problem.model.nugget)
    for one in range(variables):
        for other in range(one, variables):
            if nugget[one, other]:
                system.set_vgm(one + 1, other + 1, "nug", nugget=nugget[one, other], sill=0.0)
            for number, part in enumerate(problem.model.structures):
                sill = problem.model.sills[number][one, other] if several else part.sill
                ranges = dict(zip(("a_major", "a_minor1", "a_minor2"), part.ranges_m[:dimensions], strict=False))
                system.set_vgm(one + 1, other + 1, part.kind[:3], sill=sill, azimuth=part.azimuth_deg, **ranges)
    shares = [range_m / first.horizontal_range_m for range_m in first.ranges_m[:dimensions]]
    for number in range(variables):
        anisotropy = {"anis1": shares[1], "anis2": shares[2] if dimensions == 3 else 1.0, "azimuth": first.azimuth_deg}
        system.set_search(number + 1, nmax=problem.max_data, **anisotropy)
    system.solve(nthread=threads, ncache=cached)
    value, variance = (np.array(part) for part in system.get_results(copy=True))
    count = len(problem.targets)
    return value.reshape(count, -1)[:, 0], variance.reshape(count, -1)[:, 0]


# Where what is done once can be called apart from the rest.
SOLVERS = {"GSTools": gstools_solver, "PyKrige": pykrige_solver}
ENGINES = {"ours": ours, "GSTools": gstools, "PyKrige": pykrige, "gstlearn": gstlearn, "krigekit": krigekit}


# ------------------------------------------------------------------ conditional simulation


@dataclass(frozen=True)
class Simulation:
    """What is to be simulated: values of mean 0 at the centres of square cells in the plane, given data.

    Parameters
    ----------
    data_m, values : (data, 3) and (data,) arrays
    model : CovarianceModel
        Of one isotropic structure.
    shape : (rows, columns)
    cell_m : float
        Side of a cell; the south-western corner of the grid is at 0.
    realisations : int
    """

    data_m: np.ndarray
    values: np.ndarray
    model: CovarianceModel
    shape: tuple[int, int]
    cell_m: float
    realisations: int

    @property
    def centres_m(self) -> np.ndarray:
        """(cells, 3) centres, by rows from north to south."""
        rows, columns = self.shape
        north, east = np.meshgrid((rows - 0.5 - np.arange(rows)) * self.cell_m, (np.arange(columns) + 0.5) * self.cell_m, indexing="ij")
        return np.column_stack([east.ravel(), north.ravel(), np.full(east.size, self.data_m[0, 2])])

    @property
    def problem(self) -> Problem:
        """Simple kriging of the same."""
        return Problem(self.data_m, self.values, self.model, self.centres_m, mean=0.0)


def ours_simulation(simulation: Simulation) -> np.ndarray:
    """(realisations, rows, columns) fields, by this repository's engine."""
    rows, _ = simulation.shape
    origin_m = (simulation.cell_m / 2, (rows - 0.5) * simulation.cell_m)
    engine = ConditionalSimulation(
        simulation.data_m[:, :2], simulation.values, simulation.model, origin_m, simulation.shape, simulation.cell_m, mean=0.0, seed=1
    )
    return engine.realisations(simulation.realisations)


def gstlearn_simulation(simulation: Simulation, *, method: str = "turning bands", bands: int = 100, threads: int = 2) -> np.ndarray:
    """The same by gstlearn's turning bands, or by its stochastic partial differential equations, which are for Matérn models."""
    import gstlearn as gl

    if method == "SPDE" and not simulation.model.structures[0].kind.startswith("matern"):
        msg = "a model other than Matérn"
        raise CannotError(msg)
    gl.defineDefaultSpace(gl.ESpaceType.RN, 2)
    gl.OptCustom.define("ompthreads", threads)
    rows, columns = simulation.shape
    data = _gstlearn_table(gl, simulation.data_m[:, :2], ["z1"], [simulation.values])
    model = _gstlearn_model(gl, simulation.problem)
    model.setMeans([0.0])
    grid = gl.DbGrid.create([columns, rows], [simulation.cell_m] * 2, [simulation.cell_m / 2] * 2)
    before = set(grid.getAllNames())
    if method == "SPDE":
        # A smaller nugget than its own 1 %, with which it misses data by 0.4 standard deviations; else as it comes.
        parameters, none = gl.SPDEParam.create(11, 18, 8, True, 300, 1e-4), gl.VectorMeshes()
        failed = gl.simulateSPDE(data, grid, model, simulation.realisations, -1, none, None, none, None, None, None, parameters)
    else:
        failed = gl.simtub(data, grid, model, gl.NeighUnique.create(), simulation.realisations, 1, bands)
    if failed:
        msg = "gstlearn gave up"
        raise RuntimeError(msg)
    fields = np.array([grid[name] for name in grid.getAllNames() if name not in before])
    return fields.reshape(-1, rows, columns)[:, ::-1]


def krigekit_simulation(simulation: Simulation, *, max_data: int = 16, threads: int = 2) -> np.ndarray:
    """The same by krigekit, cell after cell from the nearest data and simulated cells."""
    from krigekit import Kriging

    part = simulation.model.structures[0]
    system = Kriging(ndim=2, nvar=1, nsim=simulation.realisations, unbias=0, seed=1)
    system.set_obs(1, simulation.data_m[:, :2], simulation.values, sk_mean=0.0)
    system.set_grid(simulation.centres_m[:, :2])
    system.set_vgm(1, 1, part.kind[:3], sill=part.sill, a_major=part.horizontal_range_m, a_minor1=part.horizontal_range_m, azimuth=0.0)
    # It leaves its random path and numbers as files where it runs.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        system.set_sim()
        system.set_search(1, nmax=max_data)
        system.solve(nthread=threads)
        fields, _ = system.get_results(copy=True)
    return np.asarray(fields).T.reshape(-1, *simulation.shape)


SIMULATIONS = {"ours": ours_simulation, "gstlearn": gstlearn_simulation, "gstlearn SPDE": gstlearn_simulation, "krigekit": krigekit_simulation}


# ------------------------------------------------------------------ variograms


def ours_variogram(positions_m, values, edges_m):
    """Mean lag, semivariance and pairs of each lag, by our engine."""
    result = omnidirectional_variogram(positions_m, values, edges_m)
    return result.lag_m, result.semivariance, result.pairs


def gstools_variogram(positions_m, values, edges_m, *, compiled="core"):
    """The same by GSTools, whose lags are centres of their edges."""
    import gstools as gs

    gs.config.USE_GSTOOLS_CORE = compiled == "core"
    centres_m, semivariance, pairs = gs.vario_estimate(positions_m.T, values, edges_m, return_counts=True)
    return centres_m, semivariance, pairs


def gstlearn_variogram(positions_m, values, edges_m):
    """The same by gstlearn."""
    import gstlearn as gl

    gl.defineDefaultSpace(gl.ESpaceType.RN, positions_m.shape[1])
    data = _gstlearn_table(gl, positions_m, ["z1"], [values])
    lags, step_m = len(edges_m) - 1, edges_m[1] - edges_m[0]
    parameters = gl.VarioParam.createOmniDirection(lags, step_m, 0.5, 0, 0, 0.0, 0.0, 0.0, list(edges_m))
    result = gl.Vario.computeFromDb(parameters, data)
    return np.array(result.getHhVec()), np.array(result.getGgVec()), np.array(result.getSwVec()).astype(np.int64)


_GSTAT = """
suppressMessages({library(sp); library(gstat)})
arguments <- commandArgs(TRUE)
n <- as.integer(arguments[2]); d <- as.integer(arguments[3]); edges <- as.numeric(strsplit(arguments[4], ",")[[1]])
file <- file(arguments[1], "rb"); numbers <- readBin(file, "double", n * (d + 1)); close(file)
table <- as.data.frame(matrix(numbers, n)); names(table) <- c(paste0("x", seq_len(d)), "z")
coordinates(table) <- as.formula(paste("~", paste0("x", seq_len(d), collapse = "+")))
for (run in seq_len(as.integer(arguments[5]))) {
    begin <- proc.time()
    result <- variogram(z ~ 1, table, boundaries = edges[-1])
    taken <- proc.time() - begin
    cat("seconds", taken[["elapsed"]], taken[["user.self"]], "\\n")
}
for (row in seq_len(nrow(result))) cat("lag", format(c(result$dist[row], result$gamma[row], result$np[row]), digits = 17), "\\n")
cat("version", as.character(packageVersion("gstat")), "\\n")
status <- if (file.exists("/proc/self/status")) grep("VmHWM", readLines("/proc/self/status"), value = TRUE) else "VmHWM: NaN kB"
cat("peak_mb", as.numeric(gsub("[^0-9N.a]", "", sub(".*:", "", sub("kB", "", status)))) / 1024, "\\n")
"""


def has_gstat() -> bool:
    """Whether R and its package gstat happen to be on this machine; nothing here installs them."""
    if shutil.which("Rscript") is None:
        return False
    return subprocess.run(["Rscript", "-e", "library(gstat); library(sp)"], capture_output=True, check=False).returncode == 0


def gstat_variogram(positions_m, values, edges_m, *, runs=1):
    """The same by R's gstat, in a process of its own; also its seconds for each run, its version and its peak memory."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(np.concatenate([*positions_m.T, values]).astype("<f8").tobytes())
        file.flush()
        numbers = ",".join(repr(float(edge)) for edge in edges_m)
        command = ["Rscript", "-e", _GSTAT, file.name, str(len(values)), str(positions_m.shape[1]), numbers, str(runs)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in said.splitlines()]
    lags = np.array([row[1:] for row in rows if row[0] == "lag"], dtype=float)
    seconds = [float(row[1]) for row in rows if row[0] == "seconds"]
    known = {row[0]: row[1] for row in rows if row[0] in ("version", "peak_mb")}
    return (lags[:, 0], lags[:, 1], lags[:, 2].astype(np.int64)), seconds, known
