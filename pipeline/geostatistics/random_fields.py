"""Gaussian random fields on regular grids, by circulant embedding and the fast Fourier transform.

The covariance of a stationary field on a grid is written on a larger torus, whose eigenvectors are the Fourier modes: independent normals times the
roots of the eigenvalues, transformed, are a field with that very covariance (Dietrich & Newsam 1997; Wood & Chan 1994). Exact wherever no eigenvalue
is negative; where some are, the covariance that is reached is computed and its distance from the wanted one stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, Self

import numba
import numpy as np
from scipy import fft

from pipeline.geostatistics.compiled import CACHE
from pipeline.geostatistics.covariance import POINT, Block, CovarianceModel, add_covariance, contiguous

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import DTypeLike, NDArray

    from pipeline.geostatistics.covariance import Kernel

    Array = NDArray[np.float64]

# Reduced lag at which a correlation has fallen to 1e-6: beyond it nothing is lost by wrapping round the torus.
_ENDS = {"spherical": 1.0, "cubic": 1.0, "exponential": 4.606, "gaussian": 2.146, "matern32": 3.504, "matern52": 3.114}
_GROWTH = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
_MOST_NODES = 2**25
_FEW_TIMES = 4.0  # the nodes of the smallest torus: up to here larger ones are tried before sweeps
_SWEEPS = 12
_TRIED = 4  # sweeps after which the error must have come near
_HOPELESS = 30.0  # times the tolerance: so far off, sweeps do not help
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class CirculantEmbedding:
    r"""Stationary Gaussian field with mean 0 on a regular grid, ready to be drawn.

    On a torus of :math:`n` nodes with covariance :math:`c` from node 0, the eigenvalues are :math:`\lambda = \mathrm{FFT}(c)`, and with complex
    :math:`\xi` of independent standard normals

    .. math:: Z = \mathrm{Re}\,\mathrm{FFT}^{-1}\big(\sqrt{n\lambda}\;\xi\big)

    has covariance :math:`c` (Dietrich & Newsam 1997). Only half of the :math:`\xi` are drawn, for :math:`Z` is real, and only nodes of the grid go on
    from one axis to the next.

    The torus is the grid and the range, or twice the grid, whichever is smaller. Where its covariance has negative eigenvalues, the lags beyond
    the grid, which no pair of nodes has, are free. They are bent to a plateau (a cut-off embedding of the covariance less a constant; Stein 2002;
    Gneiting et al. 2006), the torus grows, or lags and eigenvalues are set right by turns (the feasible embedding that Helgason, Kechagias & Pipiras
    2014 find by convex optimisation). Negative eigenvalues that are left are taken as 0, and all are scaled to the right variance (Wood & Chan 1994).

    Parameters
    ----------
    shape : (rows, columns) or (layers, rows, columns)
        Row 0 in the north, layer 0 on top, as in :mod:`pipeline.grid`.
    spacing_m : (easting, northing) or (easting, northing, depth)
        Distance of neighbouring columns, rows and layers, in metres.
    torus : tuple of int
        Nodes of the torus along the axes of ``shape``.
    spectrum : (..., torus[-1] // 2 + 1) array
        Eigenvalues, not negative, of the half that a real transform keeps.
    covariance_error : float
        Largest error of the covariance of any two nodes of the grid, over the variance.
    clipped_share : float
        Sum of the negative eigenvalues that were taken as 0 over the sum of all absolute ones.

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import CovarianceModel, Structure
    >>> model = CovarianceModel(0.0, (Structure("spherical", 2.0, 1_000.0),))
    >>> embedding = CirculantEmbedding.of_model(model, (40, 60), 100.0)
    >>> embedding.torus, embedding.covariance_error < 1e-12
    ((50, 72), True)
    >>> fields = embedding.draw(np.random.default_rng(1), 3)
    >>> fields.shape, fields.dtype.name
    ((3, 40, 60), 'float32')
    """

    shape: tuple[int, ...]
    spacing_m: tuple[float, ...]
    torus: tuple[int, ...]
    spectrum: Array
    covariance_error: float
    clipped_share: float

    @classmethod
    def of_model(
        cls,
        model: CovarianceModel,
        shape: Sequence[int],
        spacing_m: float | Sequence[float],
        *,
        block_nodes: Block | None = None,
        tolerance: float = 1e-3,
    ) -> Self:
        r"""Embed the structures of a model; its nugget is left out, for it is white noise that the caller adds.

        Parameters
        ----------
        model : CovarianceModel
        shape : (rows, columns) or (layers, rows, columns)
        spacing_m : float, (easting, northing) or (easting, northing, depth)
            In metres; a single number for all axes.
        block_nodes : Block, optional
            The field of block means, with covariance :math:`\bar C(h) = \sum_{kl} w_k w_l C(h + o_k - o_l)` and so with variance
            :math:`\bar C(v, v)`, over these nodes (:func:`~pipeline.geostatistics.covariance.block_nodes`). Values at nodes unless given.
        tolerance : float
            Largest covariance error that is accepted, over the variance.

        Raises
        ------
        ValueError
            The grid has no node, or other than two or three axes; a spacing is not positive; no torus of at most 33 million nodes comes within the
            tolerance.
        """
        shape, spacing_m = tuple(int(count) for count in shape), spacings_m(shape, spacing_m)
        support = POINT if block_nodes is None else block_nodes
        differences = _differences(support)
        kernel = model.kernel()
        best: tuple[tuple[int, ...], Array, float, float] | None = None
        # A torus that is a little larger costs less than sweeps, and often needs none.
        for may_sweep, (torus, is_enough) in product((False, True), list(_tori(model, shape, spacing_m, differences[0]))):
            if not may_sweep and best is not None and np.prod(torus, dtype=float) > _FEW_TIMES * np.prod(best[0], dtype=float):
                continue
            found = _embedded(kernel, shape, spacing_m, torus, differences, tolerance, may_sweep, is_enough)
            if best is None or found[1] < best[2]:
                best = (torus, *found)
            if best[2] <= tolerance:
                break
        if best is None or not best[2] <= tolerance:
            error = "" if best is None else f"; the best misses the covariance by {best[2]:.1e} of the variance"
            msg = (
                f"no torus of at most {_MOST_NODES:,} nodes holds this covariance on a grid of {shape} nodes to {tolerance:g}{error}. "
                "Its ranges are too long for the grid: coarsen the grid, shorten the ranges, or accept a larger tolerance."
            )
            raise ValueError(msg)
        return cls(shape, spacing_m, *best)

    @property
    def variance(self) -> float:
        """Variance of a node."""
        return float(self.covariance[(0,) * len(self.shape)])

    @cached_property
    def covariance(self) -> Array:
        """Covariance of the field between node 0 and every node of the torus, an array of the shape ``torus``; index -1 is lag -1."""
        return np.asarray(fft.irfftn(self.spectrum, s=self.torus, workers=1))

    def draw(self, random: np.random.Generator, count: int, *, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Independent fields, a (count, *shape) array.

        Fields take their normals from the generator one after the other: five of them are the two and the three that the same generator gives in
        two calls.

        Parameters
        ----------
        random : numpy.random.Generator
        count : int
        dtype : float32 or float64
            Of normals, transform and result. In single precision a field is rounded to some 1e-7 of its standard deviation.
        """
        out = np.empty((count, *self.shape), dtype=dtype)
        normals = self.buffer(dtype)
        for number in range(count):
            self.draw_into(random, out[number], normals)
        return out

    def buffer(self, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Room for the normals of one field, for :meth:`draw_into`; one for each thread."""
        return np.empty((*self.spectrum.shape, 2), dtype=dtype)

    def draw_into(self, random: np.random.Generator, out: NDArray[Any], normals: NDArray[Any]) -> None:
        """Write one field to ``out``, an array of the shape ``shape`` and the type of ``normals``, on one thread.

        In single precision normals come in pairs from 64 random bits (Box & Muller 1958), and so end at 6.8 standard deviations.
        """
        if normals.dtype == np.float32:
            bits = _random_bits(random, self.spectrum.size)
            _normal_modes(bits, self._amplitude.ravel(), normals.reshape(-1))
            modes: NDArray[Any] = normals.view(np.complex64)[..., 0]
        else:
            random.standard_normal(out=normals)
            normals *= self._amplitude[..., None]
            modes = normals.view(np.complex128)[..., 0]
        # Along every axis but the last only the nodes of the grid go on to the next transform. The real transform takes the real part of modes
        # that are their own mirror image, which is what makes a field of them.
        for axis, kept in enumerate(self.shape[:-1]):
            modes = fft.ifft(modes, axis=axis, norm="forward", overwrite_x=True, workers=1)
            modes = modes[(slice(None),) * axis + (slice(kept),)]
        out[...] = fft.irfft(modes, n=self.torus[-1], norm="forward", workers=1)[..., : self.shape[-1]]

    @cached_property
    def _amplitude(self) -> Array:
        """Standard deviation of the real and of the imaginary part of each mode."""
        amplitude = np.sqrt(self.spectrum / (2 * np.prod(self.torus, dtype=float)))
        # Modes that are no other's conjugate in the last axis are counted once by the real transform, the others twice.
        amplitude[..., 0] *= np.sqrt(2)
        if self.torus[-1] % 2 == 0:
            amplitude[..., -1] *= np.sqrt(2)
        return np.asarray(amplitude)


def spacings_m(shape: Sequence[int], spacing_m: float | Sequence[float]) -> tuple[float, ...]:
    """One spacing for each axis, easting first."""
    if len(shape) not in (2, 3) or not all(count >= 1 for count in shape):
        msg = f"shape is {tuple(shape)}; a grid has (rows, columns) or (layers, rows, columns), each at least 1"
        raise ValueError(msg)
    given = tuple(float(part) for part in np.ravel(spacing_m))
    given = given * len(shape) if len(given) == 1 else given
    if len(given) != len(shape) or not all(0 < part < np.inf for part in given):
        msg = f"spacing_m is {given} for a grid with {len(shape)} axes; give one positive length for easting, northing and, with layers, depth"
        raise ValueError(msg)
    return given


def white_noise(random: np.random.Generator, sd: float, out: NDArray[np.float32]) -> None:
    """Write independent normals with mean 0 and this standard deviation to a contiguous array; on one thread, as fields draw theirs."""
    pairs = -(-out.size // 2)
    bits = _random_bits(random, pairs)
    flat = out.reshape(-1) if out.size % 2 == 0 else np.empty(2 * pairs, dtype=np.float32)
    _normal_modes(bits, np.full(pairs, sd), flat)
    if out.size % 2:
        out.reshape(-1)[:] = flat[:-1]


def _random_bits(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Words of 64 random bits."""
    source = random.bit_generator
    if isinstance(source, np.random.PCG64 | np.random.SFC64 | np.random.Philox):
        return np.asarray(source.random_raw(count), dtype=np.uint64).view(np.int64)
    return random.integers(0, 2**64 - 1, count, dtype=np.uint64, endpoint=True).view(np.int64)


def _differences(support: Block) -> tuple[Array, Array]:
    """Distinct differences of the nodes of a block and the weight of each, in a fixed order."""
    offsets = (support.offsets_m[:, None] - support.offsets_m[None]).reshape(-1, 3)
    weights = np.multiply.outer(support.weights, support.weights).ravel()
    size = max(float(np.abs(offsets).max()), 1.0)
    _, first, place = np.unique(np.rint(offsets / (size * 1e-9)), axis=0, return_index=True, return_inverse=True)
    return offsets[first], np.bincount(np.ravel(place), weights=weights).astype(np.float64)


# ------------------------------------------------------------------ the torus


def _tori(
    model: CovarianceModel, shape: tuple[int, ...], spacing_m: tuple[float, ...], differences_m: Array
) -> Iterator[tuple[tuple[int, ...], bool]]:
    """Sizes of torus, from the smallest that holds every lag of the grid up to the one, marked so, on which nothing wraps round."""
    reach = reach_nodes(model, spacing_m, differences_m)[::-1][-len(shape) :]
    least = [count + min(end, count - 1) for count, end in zip(shape, reach, strict=True)]
    enough = [count + end for count, end in zip(shape, reach, strict=True)]
    before: tuple[int, ...] | None = None
    for growth in _GROWTH:
        wanted = [min(few * growth, many) for few, many in zip(least, enough, strict=True)]
        torus = tuple(int(fft.next_fast_len(int(np.ceil(part)), real=axis == len(shape) - 1)) for axis, part in enumerate(wanted))
        if before is not None and np.prod(torus, dtype=float) > _MOST_NODES:
            return
        if torus != before:
            before = torus
            yield torus, all(size >= many for size, many in zip(torus, enough, strict=True))


def reach_nodes(model: CovarianceModel, spacing_m: tuple[float, ...], differences_m: Array) -> Array:
    """Nodes along easting, northing and depth beyond which no structure correlates; infinite where a long axis lies aslant of the grid."""
    reach_m = np.zeros(3)
    axes = np.arange(len(spacing_m))
    for part in model.structures:
        metric = part.reduction()[:, axes]
        # A direction that does not decorrelate wraps round the torus as it is.
        varies = np.flatnonzero(np.abs(metric).max(axis=0) > _ROUNDING * np.abs(metric).max())
        if part.sill == 0 or not varies.size or not np.abs(metric).max() > 0:
            continue
        square = metric[:, varies].T @ metric[:, varies]
        scale = np.sqrt(np.diag(square))
        is_closed = np.linalg.cond(square / np.outer(scale, scale)) < 1 / _ROUNDING
        half_m = np.sqrt(np.diag(np.linalg.inv(square))) if is_closed else np.full(varies.size, np.inf)
        reach_m[axes[varies]] = np.maximum(reach_m[axes[varies]], half_m * _ENDS[part.kind])
    ends = np.zeros(3)
    ends[axes] = np.ceil((reach_m[axes] + np.abs(differences_m[:, axes]).max(axis=0)) / np.array(spacing_m) - 1e-9)
    return ends


def _embedded(
    kernel: Kernel, shape: tuple[int, ...], spacing_m: tuple[float, ...], torus: tuple[int, ...], differences: tuple[Array, Array], tolerance: float,
    may_sweep: bool, is_enough: bool,
) -> tuple[Array, float, float]:  # fmt: skip
    """Spectrum, covariance error and clipped share on one torus: of what wraps round it, or of lags beyond the grid that are set to fit."""
    wrapped = [np.where(np.arange(size) <= size // 2, np.arange(size), np.arange(size) - size).astype(np.float64) for size in torus]
    target = _table(kernel, wrapped, spacing_m, differences)
    inside = np.zeros(torus, dtype=bool)
    inside[np.ix_(*(np.abs(lags) <= count - 1 for lags, count in zip(wrapped, shape, strict=True)))] = True
    starts = [target]
    best = _clipped(target, target, inside)
    if best[1] > _ROUNDING and any(size / 2 > count for size, count in zip(torus, shape, strict=True)):
        bent = [_bent(lags, count - 1, size / 2) for lags, count, size in zip(wrapped, shape, torus, strict=True)]
        starts.append(_table(kernel, bent, spacing_m, differences))
    if best[1] > _ROUNDING and is_enough:
        starts.append(_images(kernel, wrapped, torus, spacing_m, differences))
    for start in starts[1:]:
        start[inside] = target[inside]
        found = _clipped(start, target, inside)
        best = found if found[1] < best[1] else best
    for start in starts if may_sweep else []:
        if best[1] <= tolerance:
            break
        found = _swept(start, target, inside, tolerance)
        best = found if found[1] < best[1] else best
    return best


def _bent(lags: Array, most: float, half: float) -> Array:
    """Lags that go on beyond ``most`` ever more slowly and stand still at half of the torus, where they meet those from the other side."""
    if not half > most:
        return lags
    share = np.clip((np.abs(lags) - most) / (half - most), 0.0, 1.0)
    return np.asarray(np.sign(lags) * np.where(np.abs(lags) <= most, np.abs(lags), most + (half - most) * share * (1 - share / 2)))


def _images(kernel: Kernel, lags: list[Array], torus: tuple[int, ...], spacing_m: tuple[float, ...], differences: tuple[Array, Array]) -> Array:
    """Covariance summed over the nearest images of a node: its eigenvalues sample a spectral density, which is not negative."""
    total = np.zeros(torus)
    for shift in np.ndindex((3,) * len(torus)):
        total += _table(kernel, [part + (step - 1) * size for part, step, size in zip(lags, shift, torus, strict=True)], spacing_m, differences)
    return total


def _clipped(covariance: Array, target: Array, inside: NDArray[np.bool_]) -> tuple[Array, float, float]:
    """Eigenvalues of a torus, the negative ones taken as 0 and all scaled to the variance; the error of their covariance, and what was taken."""
    spectrum = fft.rfftn(covariance, workers=1).real
    counted = np.full(spectrum.shape[-1], 2.0)
    counted[0] = 1.0
    if covariance.shape[-1] % 2 == 0:
        counted[-1] = 1.0
    mass = float((np.abs(spectrum) * counted).sum())
    negative = float((np.minimum(spectrum, 0.0) * counted).sum())
    spectrum = np.maximum(spectrum, 0.0)
    variance = float(target.flat[0])
    if not variance > 0:
        return spectrum * 0.0, 0.0, 0.0
    spectrum *= variance * covariance.size / float((spectrum * counted).sum())
    reached = fft.irfftn(spectrum, s=covariance.shape, workers=1)
    return spectrum, float(np.abs(reached - target)[inside].max()) / variance, -negative / mass


def _swept(start: Array, target: Array, inside: NDArray[np.bool_], tolerance: float) -> tuple[Array, float, float]:
    """Set lags of the grid and negative eigenvalues right by turns: projections on two convex sets come nearer to both (Bregman 1965)."""
    covariance, best = start, _clipped(start, target, inside)
    for sweep in range(_SWEEPS):
        if best[1] <= tolerance / 2 or best[1] > _HOPELESS * tolerance / (1 if sweep < _TRIED else 3):
            break
        spectrum = np.maximum(fft.rfftn(covariance, workers=1).real, 0.0)
        covariance = np.where(inside, target, fft.irfftn(spectrum, s=target.shape, workers=1))
        found = _clipped(covariance, target, inside)
        if found[1] < best[1]:
            best = found
    return best


def _table(kernel: Kernel, lags: Sequence[Array], spacing_m: tuple[float, ...], differences: tuple[Array, Array]) -> Array:
    """Covariance at every combination of lags, in nodes along the axes of the grid; rows run south."""
    signs = (1.0, -1.0, 1.0)
    east_m, north_m, down_m = (np.asarray(lags[-1 - axis]) * spacing_m[axis] * signs[axis] if axis < len(lags) else np.zeros(1) for axis in range(3))
    out = np.zeros((down_m.size, north_m.size, east_m.size))
    sills, east_m, north_m, down_m, offsets_m, weights = contiguous(kernel.sills[:, 0, 0], east_m, north_m, down_m, *differences)
    _fill_lags(kernel.kinds, kernel.reductions, sills, east_m, north_m, down_m, offsets_m, weights, out)
    return out.reshape(tuple(len(part) for part in lags))


@numba.njit(parallel=True, cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _fill_lags(
    kinds: NDArray[np.int64],
    reductions: Array,
    sills: Array,
    east_m: Array,
    north_m: Array,
    down_m: Array,
    offsets_m: Array,
    weights: Array,
    out: Array,
) -> None:  # pragma: no cover - compiled
    """Mean covariance at lags on a regular grid, added to out (down, north, east)."""
    n = east_m.size
    for line in numba.prange(down_m.size * north_m.size):
        layer, row = line // north_m.size, line % north_m.size
        h2 = np.empty(n)
        for s in range(kinds.size):
            m = reductions[s]
            for k in range(weights.size):
                x, y, z = offsets_m[k, 0], north_m[row] + offsets_m[k, 1], down_m[layer] + offsets_m[k, 2]
                u0, v0, w0 = m[0, 1] * y + m[0, 2] * z, m[1, 1] * y + m[1, 2] * z, m[2, 1] * y + m[2, 2] * z
                for j in range(n):
                    dx = east_m[j] + x
                    u, v, w = m[0, 0] * dx + u0, m[1, 0] * dx + v0, m[2, 0] * dx + w0
                    h2[j] = u * u + v * v + w * w
                add_covariance(kinds[s], weights[k] * sills[s], h2, n, out[layer, row])


_MAGIC = 4503599627370496.0  # 2^52: its last bits are an integer
_ROUNDED = 6755399441055744.0  # 1.5 x 2^52: what is added to it loses its fraction
_MAGIC_BITS = np.int64(0x4330000000000000)
_ONE_BITS = np.int64(0x3FF0000000000000)
_ROOT_HALF_TO_ONE = np.int64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)  # carries numbers from the root of 1/2 on into the next power of 2


@numba.njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _normal_modes(bits: NDArray[np.int64], amplitude: Array, out: NDArray[np.float32]) -> None:  # pragma: no cover - compiled
    """Complex normals from 64 bits each, times an amplitude (Box & Muller 1958); to single precision, in instructions that vectorise.

    The logarithm is that of a number between the root of 1/2 and that of 2, and sine and cosine those of an eighth of a turn at most (Cody & Waite
    1980, ch. 5 and 8; polynomials of the Cephes library).
    """
    for i in range(amplitude.size):
        high, low = (bits[i] >> 32) & 0xFFFFFFFF, bits[i] & 0xFFFFFFFF
        u = (np.int64(high | _MAGIC_BITS).view(np.float64) - _MAGIC + 0.5) * 2.3283064365386963e-10
        u_bits = np.float64(u).view(np.int64)
        power = (u_bits + _ROOT_HALF_TO_ONE) >> 52
        f = np.int64(u_bits - (power << 52) + _ONE_BITS).view(np.float64) - 1.0
        exponent = np.int64(power | _MAGIC_BITS).view(np.float64) - (_MAGIC + 1023.0)
        p = 7.0376836292e-2
        p = p * f - 1.1514610310e-1
        p = p * f + 1.1676998740e-1
        p = p * f - 1.2420140846e-1
        p = p * f + 1.4249322787e-1
        p = p * f - 1.6668057665e-1
        p = p * f + 2.0000714765e-1
        p = p * f - 2.4999993993e-1
        p = p * f + 3.3333331174e-1
        logarithm = f - 0.5 * f * f + p * f * f * f + exponent * 0.6931471805599453
        radius = amplitude[i] * np.sqrt(max(-2.0 * logarithm, 0.0))
        turns = (np.int64(low | _MAGIC_BITS).view(np.float64) - _MAGIC) * 9.313225746154785e-10
        shifted = turns + _ROUNDED
        quarter = np.float64(shifted).view(np.int64)
        x = (turns - (shifted - _ROUNDED)) * 1.5707963267948966
        z = x * x
        sine = x + x * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4))
        cosine = 1.0 - 0.5 * z + z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5))
        # Arithmetic in place of branches: a quarter of a turn swaps sine and cosine, half a turn changes both signs.
        swap = np.float64(quarter & 1)
        one, other = cosine + swap * (sine - cosine), sine + swap * (cosine - sine)
        out[2 * i] = np.float32(radius * one * (1.0 - np.float64((quarter + 1) & 2)))
        out[2 * i + 1] = np.float32(radius * other * (1.0 - np.float64(quarter & 2)))
