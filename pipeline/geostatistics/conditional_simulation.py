"""Conditional simulation of Gaussian fields on regular grids: an unconditional field, and kriging of what it misses at the data.

Every realisation is ``field + kriging of (data - field at the data)`` (Journel & Huijbregts 1978, ch. VII; Chilès & Delfiner 2012, ch. 7). The mean
over many is the kriging estimate, their variance the kriging variance.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.compiled import CACHE
from pipeline.geostatistics.covariance import POINT, Block, CovarianceModel, add_covariance, block_covariance, contiguous
from pipeline.geostatistics.kriging_system import Kriging, _in_reach
from pipeline.geostatistics.random_fields import CirculantEmbedding, reach_nodes, spacings_m, white_noise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

_BATCH = 32  # realisations that share one evaluation of the covariances between cells and data, fewer where that would take more than
_BATCH_CELLS = 2**25
_TILE_CELLS = 128
_SAME_PLACE = 1e-6  # of the spacing
_FEW_DATA = 400
_SINGULAR = 1e-10  # of the variance: what is less is rounding


class _Draw(NamedTuple):
    """One unconditional realisation."""

    field: NDArray[Any]
    noise: NDArray[np.float32] | None
    at_data: Array
    errors: Array


class ConditionalSimulation:
    r"""Gaussian fields on a regular grid that honour data.

    With :math:`Y` an unconditional field, :math:`y` its values at the data, :math:`\varepsilon` simulated measurement errors and
    :math:`K, F, c, f` as in :class:`~pipeline.geostatistics.kriging_system.Kriging`,

    .. math::
        Z(x) = Y(x) + c(x)^T\alpha + f\beta, \qquad \alpha = K^{-1}(r - F\beta), \qquad r = z - y - \varepsilon

    (Journel & Huijbregts 1978, p. 495). With a known mean the residuals are kriged with mean 0, and the variance over realisations is that of simple
    kriging. With an unknown mean they are kriged with an unknown mean, and the variance is that of ordinary kriging: it contains what is not known of
    the mean, so that far from all data it is larger than the sill. Realisations share no error of the mean: each has a mean of its own.

    Data need not lie on nodes. Their unconditional values are :math:`y_i = w_i^T Y_{N_i} + e_i`, with simple kriging weights :math:`w_i` on the
    nodes :math:`N_i` around and :math:`e` a normal vector with the covariance that is left of theirs. Covariances between nodes are exact; those
    between a datum and a node, and between data some few nodes apart, are as good as the nodes around a datum screen it: measured, to 0.003 of the
    sill at worst. The mean over realisations is that of kriging whatever they are.

    Nodes and data at one place share their nugget; other nodes have one of their own. Blocks have none.

    Parameters
    ----------
    positions_m : (data, 2) or (data, 3) array
        Easting, northing and, with layers, depth below the seafloor, in metres.
    values : (data,) array
        Standard normal scores for most uses: fields are Gaussian.
    model : CovarianceModel
    origin_m : (easting, northing) or (easting, northing, depth)
        Centre of cell 0: of the north-western cell of the top layer.
    shape : (rows, columns) or (layers, rows, columns)
        Row 0 in the north, layer 0 on top.
    spacing_m : float, (easting, northing) or (easting, northing, depth)
        Between neighbouring centres.
    error_variance : (data,) array, optional
        Variance of the measurement error of each datum; unlike the nugget it is no part of the field.
    mean : float or "unknown"
    block_nodes : Block, optional
        Cells are means over these nodes (:func:`~pipeline.geostatistics.covariance.block_nodes`); points unless given.
    seed : int
        Realisation k is drawn from ``SeedSequence([seed, k])``, whichever others are drawn.
    threads : int, optional
        As many as numba uses unless given. No bit depends on them.
    dtype : float32 or float64
        Of fields and realisations. What concerns the data is always in double precision.

    Raises
    ------
    TooFewSamples
        There is no datum, or data coincide without nugget or error.
    ValueError
        Shapes do not fit, a number is not finite or negative where it may not be, or the ranges are too long for the grid
        (:meth:`CirculantEmbedding.of_model`).

    Examples
    --------
    Grades by their normal scores, back-transformed after the simulation:

    >>> from pipeline.geostatistics.covariance import CovarianceModel, Structure
    >>> from pipeline.geostatistics.normal_score import NormalScore
    >>> grades_ppm, positions_m = np.array([310.0, 650.0, 1_200.0]), np.array([[250.0, 250.0], [800.0, 400.0], [400.0, 900.0]])
    >>> table = NormalScore.of(grades_ppm)
    >>> model = CovarianceModel(0.1, (Structure("spherical", 0.9, 600.0),))
    >>> simulation = ConditionalSimulation(positions_m, table.transform(grades_ppm), model, (50.0, 950.0), (10, 10), 100.0, seed=7)
    >>> realisations_ppm = np.array([table.back_transform(scores, minimum=100.0) for scores in simulation.draws(20)])
    >>> realisations_ppm.shape, bool(realisations_ppm.min() >= 100.0)
    ((20, 10, 10), True)
    >>> table.back_transform(simulation.at_data(3)).round(6).tolist()
    [310.0, 650.0, 1200.0]
    """

    def __init__(
        self,
        positions_m: Array,
        values: Array,
        model: CovarianceModel,
        origin_m: Sequence[float],
        shape: Sequence[int],
        spacing_m: float | Sequence[float],
        *,
        error_variance: Array | None = None,
        mean: float | Literal["unknown"] = "unknown",
        block_nodes: Block | None = None,
        seed: int = 0,
        threads: int | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.spacing_m = spacings_m(shape, spacing_m)
        self.shape, self.model, self.seed, self.dtype = tuple(int(count) for count in shape), model, seed, np.dtype(dtype)
        self.threads = threads or numba.get_num_threads()
        self.support = POINT if block_nodes is None else block_nodes
        errors = np.zeros(len(values)) if error_variance is None else np.asarray(error_variance, dtype=np.float64)
        self._refuse(positions_m, values, errors, origin_m, mean)
        self._origin_m = np.array([*map(float, origin_m), *[0.0] * (3 - len(origin_m))])
        positions = np.column_stack([positions_m, np.full((len(values), 3 - np.shape(positions_m)[1]), self._origin_m[2])]).astype(np.float64)
        # Whatever order the data come in, they are summed in this one.
        self._order = np.lexsort((errors, values, *positions.T[::-1]))
        self._positions_m, self._errors = positions[self._order], errors[self._order]
        self._mean = 0.0 if mean == "unknown" else float(mean)
        self._residuals = np.asarray(values, dtype=np.float64)[self._order] - self._mean
        drift = np.ones((len(values), 1 if mean == "unknown" else 0))
        system = Kriging(self._positions_m, model, drift, self._errors)
        upper = np.triu(system._factor[0])
        self._kernel, self._factor = system.kernel, np.ascontiguousarray(upper + np.triu(upper, 1).T)
        self._solved_drift = np.ascontiguousarray(system._solved_drift[:, 0]) if drift.size else np.zeros(0)
        with threadpool_limits(limits=1, user_api="blas"):
            self._around_data()

    @property
    def is_point(self) -> bool:
        """Whether cells are points."""
        return len(self.support.weights) == 1

    def realisation(self, number: int) -> NDArray[Any]:
        """One realisation, an array of the shape ``shape``; the same one that :meth:`draws` gives."""
        return np.asarray(self._batch(number, 1)[0])

    def draws(self, count: int, first: int = 0) -> Iterator[NDArray[Any]]:
        """Realisations ``first`` to ``first + count - 1``, in order, each an array of the shape ``shape``.

        They are made while they are taken, a batch for each thread at a time: memory does not grow with ``count``.
        """
        cuts = self._cuts(count, first)
        with ThreadPoolExecutor(self.threads) as pool:
            running: deque[Future[NDArray[Any]]] = deque()
            for begin, end in pairwise(cuts):
                running.append(pool.submit(self._batch, begin, end - begin))
                if len(running) > self.threads:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()

    def realisations(self, count: int, first: int = 0) -> NDArray[Any]:
        """What :meth:`draws` gives in one (count, *shape) array, without a copy."""
        out = np.empty((count, *self.shape), dtype=self.dtype)
        cuts = self._cuts(count, first)
        with ThreadPoolExecutor(self.threads) as pool:
            parts = [pool.submit(self._batch, begin, end - begin, out[begin - first : end - first]) for begin, end in pairwise(cuts)]
            for part in parts:
                part.result()
        return out

    @property
    def order(self) -> Integers:
        """(data,) order in which data are summed, whatever order they came in."""
        return self._order

    def unconditional(self, random: np.random.Generator) -> tuple[NDArray[Any], Array]:
        """A field of cells without nugget, an array of the shape ``shape``, and its values at the data, nugget included, in :attr:`order`."""
        field = np.empty(self.embedding.shape, dtype=self.dtype)
        self.embedding.draw_into(random, field, self.embedding.buffer(self.dtype))
        left, nugget = random.standard_normal((2, len(self._order)))
        at_data = np.empty(len(self._order))
        _values_at_data(field.reshape(-1), self._begin, self._window, self._weights, self._left, left, at_data)
        return field[self._inside], at_data + np.sqrt(self.model.nugget) * nugget

    def at_data(self, number: int) -> Array:
        """(data,) values of a realisation at the data, in their order, without measurement error: the data themselves if they have none."""
        drawn = self._unconditional(number, np.empty(self.embedding.shape, dtype=self.dtype), self.embedding.buffer(self.dtype))
        out = np.empty(len(self._order))
        out[self._order] = self._signal(drawn, self._solved(drawn)[0])
        return out

    # -------------------------------------------------------------- data and the nodes around them

    def _around_data(self) -> None:
        """Embed the field on the grid and the data around it, and set out how values at the data follow from it."""
        axes = len(self.shape)
        signs, place = np.array([1.0, -1.0, 1.0]), (self._positions_m - self._origin_m)[:, :axes]
        index = (place * signs[:axes] / np.array(self.spacing_m))[:, ::-1]
        differences = (self.support.offsets_m[:, None] - self.support.offsets_m).reshape(-1, 3)
        reach = reach_nodes(self.model, self.spacing_m, differences)[:axes][::-1]
        last = np.array(self.shape) - 1.0
        side = self._window_side()
        begin = np.ceil(index - side / 2)
        # Data that some cell correlates with are to lie inside the simulated grid, as far as it need not grow more than threefold.
        matters = np.all((index >= -reach) & (index <= last + reach), axis=1)
        low, high = np.zeros(axes), last.copy()
        if matters.any():
            low = np.maximum(np.minimum(begin[matters].min(axis=0), 0), -last - side)
            high = np.minimum(np.maximum((begin[matters] + side - 1).max(axis=0), last), 2 * last + side)
        # A single layer that holds all data has no neighbours.
        is_flat = (last == 0) & (np.abs(index).max(axis=0) <= _SAME_PLACE)
        low, high = np.where(is_flat, 0.0, low), np.where(is_flat, 0.0, high)
        extended = tuple(int(count) for count in high - low + 1)
        side = np.minimum(side, extended).astype(np.int64)
        self.embedding = CirculantEmbedding.of_model(self.model, extended, self.spacing_m, block_nodes=None if self.is_point else self.support)
        self._inside = tuple(slice(int(-start), int(-start) + count) for start, count in zip(low, self.shape, strict=True))
        begin = np.clip(np.ceil(index - side / 2) - low, 0, np.array(extended) - side).astype(np.int64)
        window = np.stack(np.meshgrid(*(np.arange(part) for part in side), indexing="ij"), axis=-1).reshape(-1, axes)
        strides = np.append(np.cumprod(extended[:0:-1])[::-1], 1).astype(np.int64)
        self._begin, self._window = begin @ strides, window @ strides
        weights = self._window_weights(begin, window, low)
        # A point that is a node has its value, and its nugget.
        nearest = np.rint(index)
        off_m = np.abs((index - nearest)[:, ::-1] * np.array(self.spacing_m)).max(axis=1, initial=0.0)
        is_node = (off_m <= _SAME_PLACE * min(self.spacing_m)) & np.all((nearest >= low) & (nearest <= high), axis=1) & self.is_point
        if axes == 2:
            is_node &= np.abs(self._positions_m[:, 2] - self._origin_m[2]) <= _SAME_PLACE * min(self.spacing_m)
        node = (nearest - low).astype(np.int64)
        weights[is_node] = np.all(begin[is_node, None] + window == node[is_node, None], axis=-1)
        self._weights = np.ascontiguousarray(weights)
        inside = is_node & np.all((nearest >= 0) & (nearest <= last), axis=1)
        cell = np.full(len(index), -1)
        cell[inside] = np.ravel_multi_index(tuple(nearest[inside].astype(np.int64).T), self.shape)
        # Of several data on one node the first shares its nugget.
        _, first = np.unique(cell, return_index=True)
        is_first = np.zeros(len(cell), dtype=bool)
        is_first[first] = True
        self._cell = np.where(is_first, cell, -1)
        self._left = self._left_over(begin, window, side, reach)

    def _window_side(self) -> NDArray[np.int64]:
        """Nodes along each axis that a datum's value is taken from: what they do not screen falls as their number rises."""
        # ASSUME: of many data each has others around it that screen it too, and fewer nodes do.
        fewer = 0 if len(self._order) <= _FEW_DATA else 2
        if len(self.shape) == 3:
            return np.array([3, 4, 4])
        return np.array([6, 6] if self.is_point else [8, 8]) - fewer

    def _window_weights(self, begin: Integers, window: Integers, low: Array) -> Array:
        """(data, window) simple kriging weights of the nodes around each datum."""
        axes = len(self.shape)
        signs = np.array([1.0, -1.0, 1.0])[:axes]
        nodes = (begin[:, None] + window + low)[..., ::-1] * signs * np.array(self.spacing_m)
        lags = np.zeros((*nodes.shape[:2], 3))
        lags[..., :axes] = nodes
        lags += self._origin_m - self._positions_m[:, None]
        covariance = block_covariance(self.model, lags.reshape(-1, 3), np.zeros((1, 3)), *self.support).reshape(len(begin), -1)
        among = self.embedding.covariance[tuple(np.moveaxis(window[:, None] - window, -1, 0))]
        # Smooth covariances make nodes so alike that only some of their combinations can be told apart.
        values, vectors = np.linalg.eigh(among)
        keep = values > _SINGULAR * max(values[-1], np.finfo(float).tiny)
        return np.asarray((covariance @ vectors[:, keep] / values[keep]) @ vectors[:, keep].T)

    def _left_over(self, begin: Integers, window: Integers, side: Integers, reach: Array) -> Array:
        """(data, data) root of the covariance of what the nodes around do not tell of the data."""
        pad = 3 - begin.shape[1]
        table = self.embedding.covariance.reshape((1,) * pad + self.embedding.torus)
        near = np.concatenate([np.zeros(pad), np.minimum(reach + side, 1e9)]).astype(np.int64)
        begin, window = np.pad(begin, ((0, 0), (pad, 0))), np.pad(window, ((0, 0), (pad, 0)))
        told = np.zeros((len(begin), len(begin)))
        _told_covariance(table, begin, window, near, self._weights, told)
        left = self.model.between(self._positions_m, self._positions_m) - told
        least = _SINGULAR * max(self.model.continuous_sill, np.finfo(float).tiny)
        root = np.zeros_like(left)
        kept = np.flatnonzero(np.diag(left) > least)
        part = left[np.ix_(kept, kept)]
        try:
            root[np.ix_(kept, kept)] = np.linalg.cholesky(part + least * np.eye(len(kept)))
        except np.linalg.LinAlgError:
            values, vectors = np.linalg.eigh(part)
            root[np.ix_(kept, kept)] = vectors * np.sqrt(np.maximum(values, 0.0))
        return root

    # -------------------------------------------------------------- realisations

    def _cuts(self, count: int, first: int) -> list[int]:
        """First realisations of batches, and the end: as many batches as threads, or a multiple, so that none waits for the last."""
        most = int(np.clip(_BATCH_CELLS // np.prod(self.shape, dtype=np.int64), 1, _BATCH))
        batches = min(count, self.threads * -(-count // (self.threads * most)))
        return [first + count * batch // max(batches, 1) for batch in range(batches + 1)]

    def _batch(self, first: int, count: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Realisations in a row, on one thread; written to ``out`` where given."""
        out = np.empty((count, *self.shape), dtype=self.dtype) if out is None else out
        field, normals = np.empty(self.embedding.shape, dtype=self.dtype), self.embedding.buffer(self.dtype)
        dual, shift = np.empty((count, len(self._order))), np.empty(count)
        signal = []
        for number in range(count):
            drawn = self._unconditional(first + number, field, normals)
            dual[number], shift[number] = self._solved(drawn)
            out[number] = drawn.field[self._inside]
            if drawn.noise is not None:
                out[number] += drawn.noise
            signal.append(self._signal(drawn, dual[number]))
        self._condition(dual, shift + self._mean, out)
        for number, at in enumerate(signal):
            out[number].reshape(-1)[self._cell[self._cell >= 0]] = at[self._cell >= 0]
        return out

    def _unconditional(self, number: int, field: NDArray[Any], normals: NDArray[Any]) -> _Draw:
        """Draw a field, its nugget, its values at the data, and measurement errors."""
        random = np.random.Generator(np.random.SFC64(np.random.SeedSequence([self.seed, number])))
        self.embedding.draw_into(random, field, normals)
        left, nugget, errors = random.standard_normal((3, len(self._order)))
        noise = None
        nugget *= np.sqrt(self.model.nugget)
        if self.is_point and self.model.nugget > 0:
            noise = np.empty(self.shape, dtype=np.float32)
            white_noise(random, float(np.sqrt(self.model.nugget)), noise)
            nugget = np.where(self._cell >= 0, noise.reshape(-1)[self._cell], nugget)
        at_data = np.empty(len(self._order))
        _values_at_data(field.reshape(-1), self._begin, self._window, self._weights, self._left, left, at_data)
        return _Draw(field, noise, at_data + nugget, errors * np.sqrt(self._errors))

    def _solved(self, drawn: _Draw) -> tuple[Array, float]:
        """Dual weights of the data, and the mean, of what a draw misses."""
        dual = self._residuals - drawn.at_data - drawn.errors
        shift = _solve(self._factor, self._solved_drift, dual)
        return dual, shift

    def _signal(self, drawn: _Draw, dual: Array) -> Array:
        """Values at the data: y + (K - E) α + F β, which is z - ε - E α, for K α + F β = z - y - ε."""
        return self._residuals + self._mean - drawn.errors - self._errors * dual

    def _condition(self, dual: Array, shift: Array, out: NDArray[Any]) -> None:
        """Add the kriging of the residuals to fields."""
        layers, rows, columns = (1,) * (3 - len(self.shape)) + self.shape
        counts, step_m = np.array([columns, rows, layers]), np.ones(3)
        step_m[: len(self.spacing_m)] = self.spacing_m
        step_m[1] *= -1
        sills, data_m, offsets_m, weights, origin_m, step_m = contiguous(
            self._kernel.sills[:, 0, 0], self._positions_m, self.support.offsets_m, self.support.weights, self._origin_m, step_m
        )
        kernel = self._kernel
        _add_kriged(
            kernel.kinds, kernel.reductions, kernel.is_finite, sills, data_m, offsets_m, weights, origin_m, step_m, counts, dual, shift,
            out.reshape(len(out), -1),
        )  # fmt: skip

    def _refuse(self, positions_m: Array, values: Array, errors: Array, origin_m: Sequence[float], mean: object) -> None:
        """Refuse what cannot be simulated, with what would do."""
        axes = len(self.shape)
        if len(values) == 0:
            msg = "there is no datum to condition on: draw from CirculantEmbedding for unconditional fields"
            raise TooFewSamples(msg)
        if np.ndim(positions_m) != 2 or len(positions_m) != len(values) or np.shape(positions_m)[1] not in (axes, 3):
            msg = f"positions are {np.shape(positions_m)} for {len(values)} values on a grid with {axes} axes; give {axes} coordinates for each value"
            raise ValueError(msg)
        if len(origin_m) not in (axes, 3) or np.shape(positions_m)[1] > max(axes, len(origin_m)):
            msg = f"the origin has {len(origin_m)} coordinates and positions {np.shape(positions_m)[1]}; depth must be given for both or for none"
            raise ValueError(msg)
        if np.shape(errors) != np.shape(values):
            msg = f"{np.shape(errors)} error variances came with {np.shape(values)} values; give one per value"
            raise ValueError(msg)
        for name, numbers in (("a position", positions_m), ("a value", values), ("an error variance", errors), ("the origin", origin_m)):
            if not np.all(np.isfinite(np.asarray(numbers, dtype=np.float64))):
                msg = f"{name} is not finite: leave out what is missing"
                raise ValueError(msg)
        if np.any(errors < 0):
            msg = f"an error variance is {errors.min():g}; a variance is not negative"
            raise ValueError(msg)
        if isinstance(mean, str) and mean != "unknown":
            msg = f'mean is {mean!r}; give a number or "unknown"'
            raise ValueError(msg)
        if not isinstance(mean, str) and not np.isfinite(float(mean)):  # type: ignore[arg-type]
            msg = f'mean is {mean}; give a number or "unknown"'
            raise ValueError(msg)
        if self.seed < 0:
            msg = f"seed is {self.seed}; give an integer from 0 on"
            raise ValueError(msg)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            msg = f"dtype is {self.dtype}; fields are float32 or float64"
            raise ValueError(msg)


# ------------------------------------------------------------------ compiled
#
# Each realisation is computed by the same instructions in the same order, however many are in a batch: batches and threads change no bit.


@numba.njit(parallel=True, cache=CACHE, nogil=True, error_model="numpy")
def _told_covariance(
    table: Array, begin: Integers, window: Integers, near: Integers, weights: Array, out: Array
) -> None:  # pragma: no cover - compiled
    """Covariance of the data's interpolations from the nodes around them, from the covariance of the torus."""
    layers, rows, columns = table.shape
    for i in numba.prange(begin.shape[0]):
        for j in range(i + 1):
            z, y, x = begin[i, 0] - begin[j, 0], begin[i, 1] - begin[j, 1], begin[i, 2] - begin[j, 2]
            if abs(z) > near[0] or abs(y) > near[1] or abs(x) > near[2]:
                continue
            total = 0.0
            for a in range(window.shape[0]):
                if weights[i, a] == 0.0:
                    continue
                part = 0.0
                for b in range(window.shape[0]):
                    layer = (z + window[a, 0] - window[b, 0] + layers) % layers
                    row = (y + window[a, 1] - window[b, 1] + rows) % rows
                    column = (x + window[a, 2] - window[b, 2] + columns) % columns
                    part += weights[j, b] * table[layer, row, column]
                total += weights[i, a] * part
            out[i, j] = total
            out[j, i] = total


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _values_at_data(
    field: NDArray[Any], begin: Integers, window: Integers, weights: Array, left: Array, normals: Array, out: Array
) -> None:  # pragma: no cover - compiled
    for i in range(out.size):
        total = 0.0
        for a in range(window.size):
            total += weights[i, a] * field[begin[i] + window[a]]
        for j in range(out.size):
            total += left[i, j] * normals[j]
        out[i] = total


@numba.njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _solve(factor: Array, solved_drift: Array, x: Array) -> float:  # pragma: no cover - compiled
    """Dual kriging weights in place of residuals, and the mean of these: by the Cholesky factor, its upper triangle mirrored in the lower one."""
    n = x.size
    for i in range(n):
        x[i] /= factor[i, i]
        for j in range(i + 1, n):
            x[j] -= factor[i, j] * x[i]
    for i in range(n - 1, -1, -1):
        x[i] /= factor[i, i]
        for j in range(i):
            x[j] -= factor[i, j] * x[i]
    if solved_drift.size == 0:
        return 0.0
    total, weight = 0.0, 0.0
    for i in range(n):
        total += x[i]
        weight += solved_drift[i]
    for i in range(n):
        x[i] -= solved_drift[i] * (total / weight)
    return total / weight


@numba.njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_kriged(
    kinds: Integers, reductions: Array, is_finite: bool, sills: Array, data_m: Array, offsets_m: Array, node_weights: Array, origin_m: Array,
    step_m: Array, counts: Integers, dual: Array, shift: Array, out: NDArray[Any],
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Add kriged residuals to fields (realisations, cells), tile by tile along rows; only data in reach of a tile enter its sums."""
    n, structures, nodes = data_m.shape[0], kinds.size, node_weights.size
    columns, rows, layers = counts
    reduced_data, reduced_nodes = np.empty((structures, 3, n)), np.empty((structures, 3, nodes))
    for s in range(structures):
        for axis in range(3):
            m = reductions[s, axis]
            for j in range(n):
                reduced_data[s, axis, j] = (
                    m[0] * (data_m[j, 0] - origin_m[0]) + m[1] * (data_m[j, 1] - origin_m[1]) + m[2] * (data_m[j, 2] - origin_m[2])
                )
            for k in range(nodes):
                reduced_nodes[s, axis, k] = m[0] * offsets_m[k, 0] + m[1] * offsets_m[k, 1] + m[2] * offsets_m[k, 2]
    at, h2, total = np.empty((structures, 3, _TILE_CELLS)), np.empty(_TILE_CELLS), np.empty(_TILE_CELLS)
    covariance = np.empty((n, _TILE_CELLS))
    for line in range(rows * layers):
        y, z = (line % rows) * step_m[1], (line // rows) * step_m[2]
        for begin in range(0, columns, _TILE_CELLS):
            held = min(_TILE_CELLS, columns - begin)
            for s in range(structures):
                for axis in range(3):
                    m = reductions[s, axis]
                    for c in range(_TILE_CELLS):
                        # A tile that is not full repeats its last cell, so that every cell takes the same instructions.
                        at[s, axis, c] = m[0] * ((begin + min(c, held - 1)) * step_m[0]) + m[1] * y + m[2] * z
            chosen, count = _in_reach(is_finite, reduced_data, reduced_nodes, at)
            for row in range(count):
                j, line_out = chosen[row], covariance[row]
                line_out[:] = 0.0
                for s in range(structures):
                    for k in range(nodes):
                        dx = reduced_data[s, 0, j] - reduced_nodes[s, 0, k]
                        dy = reduced_data[s, 1, j] - reduced_nodes[s, 1, k]
                        dz = reduced_data[s, 2, j] - reduced_nodes[s, 2, k]
                        for c in range(_TILE_CELLS):
                            u, v, w = at[s, 0, c] - dx, at[s, 1, c] - dy, at[s, 2, c] - dz
                            h2[c] = u * u + v * v + w * w
                        add_covariance(kinds[s], sills[s] * node_weights[k], h2, _TILE_CELLS, line_out)
            first = line * columns + begin
            for r in range(out.shape[0]):
                _weighted_sum(covariance, dual[r], chosen, count, shift[r], total)
                for c in range(held):
                    out[r, first + c] += total[c]


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _weighted_sum(covariance: Array, dual: Array, chosen: Integers, count: int, shift: float, total: Array) -> None:  # pragma: no cover - compiled
    """Sum of the rows of a tile, each times the weight of its datum, eight at a time."""
    n = total.size
    for c in range(n):
        total[c] = shift
    whole = count // 8 * 8
    for row in range(0, whole, 8):
        a0, a1, a2, a3 = dual[chosen[row]], dual[chosen[row + 1]], dual[chosen[row + 2]], dual[chosen[row + 3]]
        a4, a5, a6, a7 = dual[chosen[row + 4]], dual[chosen[row + 5]], dual[chosen[row + 6]], dual[chosen[row + 7]]
        x0, x1, x2, x3 = covariance[row], covariance[row + 1], covariance[row + 2], covariance[row + 3]
        x4, x5, x6, x7 = covariance[row + 4], covariance[row + 5], covariance[row + 6], covariance[row + 7]
        for c in range(n):
            low = total[c] + a0 * x0[c] + a1 * x1[c] + a2 * x2[c] + a3 * x3[c]
            total[c] = low + a4 * x4[c] + a5 * x5[c] + a6 * x6[c] + a7 * x7[c]
    for row in range(whole, count):
        a, x = dual[chosen[row]], covariance[row]
        for c in range(n):
            total[c] += a * x[c]
