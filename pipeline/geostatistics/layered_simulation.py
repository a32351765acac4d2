"""Joint conditional simulation of a layered deposit: grades of several elements and dry bulk density, as means of blocks.

Every realisation has parameters of its own, drawn by :mod:`~pipeline.geostatistics.layer_sampler`; given those, each variable is an unconditional
field plus the kriging of what it misses at the cores. Realisations come one after the other: memory does not grow with their number.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.geostatistics.compiled import CACHE
from pipeline.geostatistics.conditional_simulation import ConditionalSimulation
from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_covariance, block_nodes
from pipeline.geostatistics.layer_sampler import HorizontalModels, LayerDraws
from pipeline.geostatistics.layer_scores import LayerScores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Singles = NDArray[np.float32]
    Integers = NDArray[np.int64]

# Gauss-Hermite nodes for what varies inside a block: of the first variable, which the others follow, and of each other one.
_FIRST_NODES = 5
_OTHER_NODES = 3
_AHEAD = 2


@dataclass(frozen=True)
class LayeredVariable:
    """One simulated variable.

    Parameters
    ----------
    scores : LayerScores
        Between values and the Gaussian scale.
    draws : LayerDraws
        Of the Gaussian field at the cores; the slopes are on all variables before it.
    is_conditional : bool
        Whether it was measured: a variable that was not is drawn without conditioning.
    varies : bool
        Whether its field is drawn; otherwise each block gets its expectation given the cores and the parameters drawn.
    """

    scores: LayerScores
    draws: LayerDraws
    is_conditional: bool = True
    varies: bool = True


@dataclass(frozen=True)
class Blocks:
    """One realisation.

    Parameters
    ----------
    number : int
    density_t_m3 : (layers, rows, columns) array
    metal_g_m3 : (elements, layers, rows, columns) array
        Mean of grade x density over each block: ppm times t/m³.
    marker_m : (rows, columns) array, optional
        Depth below the seafloor of the marker that the layers are relative to; density and metal are then scaled by the share of each block that lies
        below the seafloor.
    """

    number: int
    density_t_m3: Singles
    metal_g_m3: Singles
    marker_m: Array | None = None


@dataclass(frozen=True)
class _Place:
    """Cores and blocks under one horizontal model."""

    simulation: ConditionalSimulation
    weights: Singles
    unknown: Singles


def drawn_ahead(realisation: Callable[[int], Blocks], count: int, first: int = 0) -> Iterator[Blocks]:
    """Realisations ``first`` to ``first + count - 1`` in order; made some ahead, by threads, of which no bit depends."""
    threads = numba.get_num_threads()
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        running: deque[Future[Blocks]] = deque()
        for number in range(first, first + count):
            running.append(pool.submit(realisation, number))
            if len(running) > threads * _AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


class LayeredSimulation:
    r"""Blocks of a layered deposit, conditional on its cores.

    The variables are the grade of the first element, the density, and for each further element the ratio of its grade to that of the first one. With
    :math:`Y^k` the Gaussian field of variable k at a point,

    .. math:: Y^k_l(x) = \mu^k_l + \sum_{j<k} b_{kj}\,Y^j_l(x) + E^k_l(x), \qquad
        \mathrm{Cov}\big(E^k_l(x), E^k_m(x')\big) = R_k(x - x')\,\Lambda^k_{lm}

    In a block v, E is its mean :math:`E_v` plus what varies inside, taken as normal with the variance :math:`\Lambda_{ll}\,(1 - \bar C(v, v))` and
    independent of :math:`E_v` (discrete Gaussian model; Emery 2007). The nugget averages out inside a block, but after the back-transform:

    .. math:: \text{metal}_v = E\big[\phi_1(Y^1)\,\phi_2(Y^2)\,\big|\,E_v\big]

    by Gauss-Hermite quadrature over the first variable, which the others follow.

    Parameters
    ----------
    variables : sequence of LayeredVariable
        Grade of the first element, density, ratios; all with draws of the same number and of the same cores.
    models : HorizontalModels
    positions_m : (cores, 2) array
    origin_m : (easting, northing)
        Centre of the north-western cell.
    shape : (rows, columns)
    cell_m : float
    nodes : int
        Gauss-Legendre nodes along each side of a block.
    seed : int
        Realisation k draws its fields from ``SeedSequence([seed, k])``.
    density_factor : (draws,) array, optional
        Unknown factor of the deposit's density, one for each realisation.
    like : LayeredSimulation, optional
        Of the same cores on the same grid: what was set up for it is used again.
    """

    def __init__(
        self,
        variables: Sequence[LayeredVariable],
        models: HorizontalModels,
        positions_m: Array,
        origin_m: tuple[float, float],
        shape: tuple[int, int],
        cell_m: float,
        nodes: int,
        seed: int,
        *,
        density_factor: Array | None = None,
        like: LayeredSimulation | None = None,
    ) -> None:
        self._made_from = {
            "variables": variables, "models": models, "positions_m": positions_m, "origin_m": origin_m, "shape": shape, "cell_m": cell_m,
            "nodes": nodes, "seed": seed, "density_factor": density_factor,
        }  # fmt: skip
        self.variables, self.shape, self.seed = list(variables), shape, seed
        self.layers = variables[0].draws.mean.shape[1]
        count = len(variables[0].draws.model)
        self.density_factor = np.ones(count) if density_factor is None else density_factor
        block = block_nodes((cell_m, cell_m, 0.0), (nodes, nodes, 1))
        rows, columns = np.indices(shape).reshape(2, -1)
        centres_m = np.column_stack([origin_m[0] + cell_m * columns, origin_m[1] - cell_m * rows, np.zeros(rows.size)])
        data_m = np.column_stack([positions_m, np.zeros(len(positions_m))])
        self._places: dict[int, _Place] = {} if like is None else dict(like._places)
        wanted = set(np.concatenate([variable.draws.model for variable in variables]).tolist())
        for number in sorted(wanted - self._places.keys()):
            range_m, nugget = models.of(int(number))
            model = CovarianceModel(nugget, (Structure(models.kind, 1 - nugget, range_m),))
            simulation = ConditionalSimulation(
                positions_m, np.zeros(len(positions_m)), model, origin_m, shape, cell_m, mean=0.0, block_nodes=block, seed=seed, threads=1
            )
            order = simulation.order
            covariance = block_covariance(model, centres_m, data_m[order], *block)
            with threadpool_limits(1):
                weights = np.linalg.solve(model.between(data_m[order], data_m[order]) + nugget * np.eye(len(order)), covariance.T)
            told = np.einsum("dc,cd->c", weights, covariance)
            unknown = np.sqrt(np.maximum(1 - told, 0.0))
            self._places[int(number)] = _Place(simulation, weights.astype(np.float32), unknown.astype(np.float32))

    def __getstate__(self) -> dict[str, Any]:
        """What it was made from: another process sets up the rest again, the same bits in a fraction of the bytes."""
        return self._made_from

    def __setstate__(self, state: dict[str, Any]) -> None:
        LayeredSimulation.__init__(self, **state)

    @property
    def covariance_error(self) -> float:
        """Largest error of the covariance of any two blocks under any horizontal model, over the variance."""
        return max(place.simulation.embedding.covariance_error for place in self._places.values())

    def draws(self, count: int, first: int = 0) -> Iterator[Blocks]:
        """Realisations ``first`` to ``first + count - 1`` in order; made some ahead, by threads, of which no bit depends."""
        return drawn_ahead(self.realisation, count, first)

    def realisation(self, number: int) -> Blocks:
        """One realisation, on one thread."""
        fields = self._fields(number)
        places = [self._places[int(variable.draws.model[number])] for variable in self.variables]
        inside, left = self._inside(places)
        density, metal = blocks_of(self.variables, number, fields, inside, left, self.density_factor[number])
        return Blocks(number, density.reshape(-1, *self.shape), metal.reshape(len(metal), -1, *self.shape))

    def _inside(self, places: Sequence[_Place]) -> tuple[Singles, list[float]]:
        """What varies inside a block: standard deviation of the first variable, by cell, and variance of each, over that of a point."""
        # The field of blocks where it is drawn, else all that the cores do not tell, varies as if inside a block.
        inside = np.full(int(np.prod(self.shape)), np.sqrt(1 - places[0].simulation.embedding.variance), dtype=np.float32)
        left = [1 - place.simulation.embedding.variance for place in places]
        for k, (variable, place) in enumerate(zip(self.variables, places, strict=True)):
            if not variable.varies:
                inside = place.unknown if k == 0 else inside
                left[k] = float(np.mean(place.unknown**2)) if variable.is_conditional else 1.0
        return inside, left

    def points(self, number: int, cells: Integers) -> Array:
        """Values of all variables at a point of each of some cells (flat indices): a (variables, layers, cells) array.

        What varies inside a block is drawn independently for each cell, which is right for cells that lie apart.
        """
        fields = self._fields(number)[:, :, cells].astype(np.float64)
        random = np.random.Generator(np.random.SFC64(np.random.SeedSequence([self.seed, number, 1])))
        scores, values = np.empty_like(fields), np.empty_like(fields)
        for k, variable in enumerate(self.variables):
            place = self._places[int(variable.draws.model[number])]
            inside = variable.draws.root[number] @ random.standard_normal(fields[k].shape)
            scores[k] = fields[k] + np.sqrt(1 - place.simulation.embedding.variance) * inside
            for j in range(k):
                scores[k] += variable.draws.slopes[number, j] * scores[j]
            values[k] = variable.scores.values(scores[k], np.arange(self.layers)[:, None])
        return values

    def _fields(self, number: int) -> Singles:
        """(variables, layers, cells) mean of each block on the Gaussian scale, without what it takes from the variables before."""
        random = np.random.Generator(np.random.SFC64(np.random.SeedSequence([self.seed, number])))
        out = np.empty((len(self.variables), self.layers, int(np.prod(self.shape))), dtype=np.float32)
        for k, variable in enumerate(self.variables):
            draws, place = variable.draws, self._places[int(variable.draws.model[number])]
            simulation = place.simulation
            fields, at_data = np.empty_like(out[k]), np.empty((self.layers, len(simulation.order)))
            for layer in range(self.layers):
                drawn, at_data[layer] = simulation.unconditional(random)
                fields[layer] = drawn.reshape(-1)
            if not variable.varies:
                fields[:], at_data[:] = 0.0, 0.0
            if variable.is_conditional:
                whitened = whitened_scores(self.variables, number, k, simulation.order)
                fields += (whitened - at_data).astype(np.float32) @ place.weights
            out[k] = draws.root[number].astype(np.float32) @ fields + draws.mean[number, :, None].astype(np.float32)
        return out


def whitened_scores(variables: Sequence[LayeredVariable], number: int, k: int, order: Integers) -> Array:
    """(layers, cores) what the cores, in the given order, ask of the independent fields of one variable: its scores less mean and other variables."""
    draws = variables[k].draws
    missed = draws.values[number] - draws.mean[number]
    for j in range(k):
        missed = missed - draws.slopes[number, j] * variables[j].draws.values[number]
    return np.asarray(np.linalg.solve(draws.root[number], missed[order].T))


def blocks_of(
    variables: Sequence[LayeredVariable], number: int, fields: Singles, inside: Singles, left: Sequence[float], density_factor: float
) -> tuple[Singles, Singles]:
    """Density and metal of blocks from their means on the Gaussian scale, of one realisation.

    Parameters
    ----------
    variables : sequence of LayeredVariable
    number : int
        Of the realisation.
    fields : (variables, layers, cells) array
        Mean of each block, without what it takes from the variables before.
    inside : (cells,) array
        Standard deviation of the first variable inside a block, over that of a point.
    left : sequence of float
        Variance of each variable inside a block, over that of a point.
    density_factor : float

    Returns
    -------
    density : (layers, cells) array
    metal : (elements, layers, cells) array
    """
    first, cells, elements = variables[0], fields.shape[2], len(variables) - 1
    density, metal = np.empty((fields.shape[1], cells), dtype=np.float32), np.empty((elements, fields.shape[1], cells), dtype=np.float32)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_FIRST_NODES)
    spread = np.sqrt((first.draws.root[number] ** 2).sum(axis=1))
    slopes = np.zeros((len(variables), len(variables)))
    for k, variable in enumerate(variables):
        slopes[k, :k] = variable.draws.slopes[number]
    _blocks(fields, slopes, _tables(variables, number, slopes, left), first.scores.knots[0], first.scores.knots[1] - first.scores.knots[0],
            inside, spread, nodes, weights / weights.sum(), density, metal)  # fmt: skip
    factor = np.float32(density_factor)
    return density * factor, metal * factor


def _tables(variables: Sequence[LayeredVariable], number: int, slopes: Array, left: Sequence[float]) -> Singles:
    """(variables, layers, knots) values of scores: of the first variable at a point, of the others as means over what varies inside a block."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_OTHER_NODES)
    weights /= weights.sum()
    tables = [variables[0].scores.table()]
    layers = len(tables[0])
    variances = [np.zeros(layers)]
    for k, variable in enumerate(variables[1:], start=1):
        # ASSUME: inside a block, density and ratios vary together as far as both follow the first element's grade, and no further.
        variance = left[k] * (variable.draws.root[number] ** 2).sum(axis=1) + sum(slopes[k, j] ** 2 * variances[j] for j in range(1, k))
        variances.append(variance)
        knots, table = variable.scores.knots, variable.scores.table()
        smooth = np.zeros_like(table)
        for layer in range(layers):
            for node, weight in zip(nodes, weights, strict=True):
                smooth[layer] += weight * np.interp(knots + np.sqrt(variance[layer]) * node, knots, table[layer])
        tables.append(smooth)
    return np.array(tables, dtype=np.float32)


def frozen(draws: LayerDraws, *, values: Array | None = None, model: bool = False, parameters: bool = False) -> LayerDraws:
    """Draws with some of what varies between them held at one value, to see how much of the uncertainty it makes.

    Parameters
    ----------
    draws : LayerDraws
    values : (draws, cores, layers) array, optional
        Take the place of the fields at the cores.
    model : bool
        Hold the horizontal model at the one drawn most often.
    parameters : bool
        Hold means, covariances of layers and slopes at their means.
    """
    if values is not None:
        draws = replace(draws, values=values)
    if model:
        draws = replace(draws, model=np.full_like(draws.model, np.bincount(draws.model).argmax()))
    if parameters:
        count = len(draws.model)
        root = np.linalg.cholesky(np.einsum("dij,dkj->ik", draws.root, draws.root) / count)
        draws = replace(
            draws,
            mean=np.repeat(draws.mean.mean(axis=0)[None], count, axis=0),
            root=np.repeat(root[None], count, axis=0),
            slopes=np.repeat(draws.slopes.mean(axis=0)[None], count, axis=0),
        )
    return draws


@numba.njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _blocks(  # pragma: no cover - compiled
    fields: Singles, slopes: Array, tables: Singles, lowest: float, step: float, inside: Singles, spread: Array, nodes: Array, weights: Array,
    density: Singles, metal: Singles,
) -> None:  # fmt: skip
    variables, layers, cells = fields.shape
    most = np.float32(tables.shape[2] - 1.001)
    start, scale = np.float32(lowest), np.float32(1 / step)
    scores = np.empty(variables, dtype=np.float32)
    found = np.empty(variables, dtype=np.float32)
    for layer in range(layers):
        for cell in range(cells):
            density[layer, cell] = 0.0
            for e in range(variables - 1):
                metal[e, layer, cell] = 0.0
            for node in range(nodes.size):
                for k in range(variables):
                    y = fields[k, layer, cell]
                    if k == 0:
                        y += np.float32(nodes[node] * spread[layer]) * inside[cell]
                    for j in range(k):
                        y += np.float32(slopes[k, j]) * scores[j]
                    scores[k] = y
                    at = min(max((y - start) * scale, np.float32(0.0)), most)
                    low = int(at)
                    share = at - np.float32(low)
                    found[k] = tables[k, layer, low] * (1 - share) + tables[k, layer, low + 1] * share
                weight = np.float32(weights[node])
                density[layer, cell] += weight * found[1]
                mass = weight * found[0] * found[1]
                metal[0, layer, cell] += mass
                for k in range(2, variables):
                    metal[k - 1, layer, cell] += mass * found[k]
