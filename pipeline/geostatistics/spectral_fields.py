"""Gaussian fields in the plane as sums of waves: drawn once, evaluated anywhere, so that a field can be larger than memory.

A field on a circulant torus exists on the whole grid or not at all. One made of waves has the same value at a place whichever part of the grid asks
for it, in whichever process, and its values at the cores are known exactly.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import j0

from pipeline.geostatistics.covariance import MATERN32_SCALE, MATERN52_SCALE
from pipeline.geostatistics.smooth_surfaces import BLOCK_CELLS, chebyshev_at, chebyshev_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from pipeline.geostatistics.covariance import Block

    Array = NDArray[np.float64]
    Singles = NDArray[np.float32]
    Waves = NDArray[np.complex64]

_GOLDEN = (np.sqrt(5) - 1) / 2
# Waves so long that so many points along each side of a block hold them; the rest is evaluated in every cell.
_POINTS = (12, 20, 32)
_INTERPOLATION_ERROR = 1e-7  # of the amplitude of a wave: the rounding of single precision
_TABLE_STEPS = 2_500
_PANEL_NODES = 20


class SpectralFields:
    r"""Independent Gaussian fields in the plane with mean 0, variance 1 and one correlation.

    .. math:: Y(x) = \frac{1}{\sqrt N} \sum_{n=1}^{N} a_n \cos(w_n \cdot x) - b_n \sin(w_n \cdot x), \qquad a_n, b_n \sim N(0, 1)

    with frequencies :math:`w_n` from the spectral density of the correlation (Shinozuka 1971; Mantoglou & Wilson 1982; Chilès & Delfiner 2012,
    § 7.5.3). Given the frequencies the field is Gaussian, with variance 1 everywhere and the covariance
    :math:`\frac1N\sum\cos(w_n \cdot h)`. Over the frequencies that covariance is the model's, exactly, whatever N. In one realisation it is off;
    were frequencies independent, by a standard deviation of at most :math:`\sqrt{1/(2N)}`. They are a lattice with a random shift (Cranley &
    Patterson 1976) in the share of the variance that lies below a frequency and in its direction, which leaves a small part of that.

    The mean over a block, by the nodes that kriging takes it with, multiplies a wave by :math:`\sum_k u_k \cos(w_n \cdot o_k)`: its covariances with
    blocks and points are those of kriging.

    Parameters
    ----------
    kind : str
        Of the correlation, as in :class:`~pipeline.geostatistics.covariance.Structure`.
    range_m : float
        Horizontal range.
    fields : int
        Fields that share their frequencies and nothing else.
    frequencies : int
        The number N.
    random : numpy.random.Generator
        What is drawn is used up here.

    Examples
    --------
    >>> fields = SpectralFields("exponential", 5_000.0, 2, 512, np.random.default_rng(1))
    >>> values = fields.at(np.array([[0.0, 0.0], [250.0, 0.0], [1e6, 0.0]]))
    >>> values.shape
    (2, 3)
    """

    def __init__(self, kind: str, range_m: float, fields: int, frequencies: int, random: np.random.Generator) -> None:
        radius, angle = lattice(frequencies, random.random(2))
        reduced = spectral_radius(kind, radius)
        # Longer waves first: those of one group lie together. The direction of a wave and its opposite are one.
        self.waves_m = np.column_stack([reduced * np.cos(np.pi * angle), reduced * np.sin(np.pi * angle)]) / range_m
        self.waves_m = self.waves_m[np.argsort(np.abs(self.waves_m).max(axis=1), kind="stable")]
        self.amplitude: Array = random.standard_normal((fields, frequencies, 2)) / np.sqrt(frequencies)

    def at(self, positions_m: Array) -> Array:
        """(fields, positions) values at points, (positions, 2) easting and northing."""
        phase = positions_m @ self.waves_m.T
        return np.asarray(self.amplitude[..., 0] @ np.cos(phase).T - self.amplitude[..., 1] @ np.sin(phase).T)

    def on_blocks(self, cell_m: float, support: Block) -> BlockFields:
        """The same fields as means of cells."""
        return BlockFields(self, cell_m, support)


class BlockFields:
    """Fields as means of the square cells of a grid, a block of 64 x 64 cells at a time, in single precision.

    A wave much longer than a block is evaluated at few Chebyshev points of the block and interpolated; how many are enough follows from its
    frequency alone. All else is a matrix product for each group of waves: products of a wave along easting, one along northing and the amplitude.

    Parameters
    ----------
    fields : SpectralFields
    cell_m : float
    support : Block
        Nodes of a cell, symmetric about its centre.
    """

    def __init__(self, fields: SpectralFields, cell_m: float, support: Block) -> None:
        waves_m = fields.waves_m
        factor = np.cos(waves_m @ support.offsets_m[:, :2].T) @ support.weights
        self._waves_m = waves_m
        self._amplitude = (fields.amplitude[..., 0] + 1j * fields.amplitude[..., 1]) * factor
        half_m = (BLOCK_CELLS - 1) * cell_m / 2
        self._to_middle_m = half_m
        self._groups = list(_groups(np.abs(waves_m).max(axis=1) * half_m))
        self._across = []
        self._down = []
        for points, waves in self._groups:
            at_m = half_m * (np.linspace(-1, 1, BLOCK_CELLS) if points == BLOCK_CELLS else chebyshev_points(points))
            across = np.exp(1j * np.multiply.outer(waves_m[waves, 0], at_m)).astype(np.complex64)
            # Real part of a product of complex numbers as one real product: real and imaginary parts stand side by side, the latter negative.
            self._across.append(np.stack([across.real, -across.imag], axis=1).reshape(-1, at_m.size))
            self._down.append(np.exp(-1j * np.multiply.outer(at_m, waves_m[waves, 1])).astype(np.complex64))

    def block(self, centre_m: tuple[float, float]) -> Singles:
        """(fields, 64, 64) means of the cells of the block whose north-western cell has this centre; the caller holds BLAS to one thread."""
        middle_m = np.array([centre_m[0] + self._to_middle_m, centre_m[1] - self._to_middle_m])
        amplitude = (self._amplitude * np.exp(1j * (self._waves_m @ middle_m))).astype(np.complex64)
        total: Singles | None = None
        before = 0
        for (points, waves), across, down in zip(self._groups, self._across, self._down, strict=True):
            turned = np.ascontiguousarray(amplitude[:, None, waves] * down[None])
            found = (turned.view(np.float32).reshape(-1, len(across)) @ across).reshape(len(amplitude), points, points)
            total = found if total is None else found + _carried(total, before, points)
            before = points
        assert total is not None
        return total


def lattice(count: int, shift: Array) -> tuple[Array, Array]:
    """Points of a lattice in the unit square, shifted: each is uniform over shifts, and together they are even."""
    number = np.arange(count)
    return (number + shift[0]) / count, (number * _GOLDEN + shift[1]) % 1.0


def _groups(reduced: Array) -> Iterator[tuple[int, slice]]:
    """Points along a side, and the waves they hold, of which the last group has the cells; waves rise."""
    begin = 0
    for points in _POINTS:
        end = int(np.searchsorted(reduced, _longest(points), side="right"))
        yield points, slice(begin, end)
        begin = end
    yield BLOCK_CELLS, slice(begin, len(reduced))


@cache
def _longest(points: int) -> float:
    r"""Largest half-width of a block, times the frequency, at which so many Chebyshev points hold a wave.

    On the ellipse with parameter :math:`\rho` a wave :math:`e^{izt}` is at most :math:`e^{z(\rho - 1/\rho)/2}`, and the polynomial of degree n
    through Chebyshev points is off by at most :math:`4 M \rho^{-n} / (\rho - 1)` (Trefethen 2013, th. 8.2).
    """
    rho = np.geomspace(1.01, 1e3, 4000)
    reduced = np.linspace(0.01, points, 2000)
    log_error = reduced[:, None] * (rho - 1 / rho) / 2 - (points - 1) * np.log(rho) + np.log(4 / (rho - 1))
    return float(reduced[log_error.min(axis=1) <= np.log(_INTERPOLATION_ERROR)].max(initial=0.0))


@cache
def _carry(before: int, points: int) -> Singles:
    """Matrix from values at Chebyshev points to those at more points, or in cells."""
    at = np.linspace(-1, 1, points) if points == BLOCK_CELLS else chebyshev_points(points)
    return chebyshev_at(before, at).astype(np.float32)


def _carried(values: Singles, before: int, points: int) -> Singles:
    matrix = _carry(before, points)
    return np.asarray(np.matmul(np.matmul(matrix, values), matrix.T))


# ------------------------------------------------------------------ spectra


def spectral_radius(kind: str, share: Array) -> Array:
    r"""Radial frequency below which a share of the variance lies, in radians per range, of a field in the plane.

    The share is :math:`F(k) = k \int_0^\infty \rho(h) J_1(kh)\,dh`, the distribution of the radius under the spectral measure (Chilès &
    Delfiner 2012, § 2.3). With :math:`x = c\,h` the argument of :class:`~pipeline.geostatistics.covariance.Structure`,

    ===========  ======================================================  =============================================
    kind         :math:`F(k)`                                             reference
    ===========  ======================================================  =============================================
    exponential  :math:`1 - (1 + k^2/c^2)^{-1/2},\ c = 3`                 Matérn of smoothness 1/2 (Stein 1999, p. 49)
    matern32     :math:`1 - (1 + k^2/c^2)^{-3/2},\ c = 4.7439`            Stein 1999, p. 49
    matern52     :math:`1 - (1 + k^2/c^2)^{-5/2},\ c = 5.9186`            Stein 1999, p. 49
    gaussian     :math:`1 - e^{-k^2/12}`                                  Chilès & Delfiner 2012, § 2.5
    spherical    :math:`1 - \tfrac32 \int_0^1 (1 - h^2) J_0(kh)\,dh`      by parts from above, integrated numerically
    cubic        :math:`1 + \int_0^1 \rho'(h) J_0(kh)\,dh`                likewise
    ===========  ======================================================  =============================================

    Parameters
    ----------
    kind : str
    share : (n,) array
        From 0 to below 1.
    """
    if kind in _MATERN:
        smoothness, scale = _MATERN[kind]
        return np.asarray(scale * np.sqrt((1 - share) ** (-1 / smoothness) - 1))
    if kind == "gaussian":
        return np.asarray(np.sqrt(-12 * np.log1p(-share)))
    radius, below, power, rest = _table(kind)
    beyond = share >= below[-1]
    # Past the table what is left falls as a power: the kink of the correlation at lag 0 is all that is seen there.
    tail = (rest / np.where(beyond, 1 - share, 1.0)) ** (1 / power)
    return np.where(beyond, tail, np.interp(share, below, radius))


_MATERN = {"exponential": (0.5, 3.0), "matern32": (1.5, MATERN32_SCALE), "matern52": (2.5, MATERN52_SCALE)}
_SLOPES: dict[str, tuple[Callable[[Array], Array], float, float]] = {
    "spherical": (lambda h: -1.5 + 1.5 * h**2, 2000.0, 1.0),
    "cubic": (lambda h: -14 * h + 26.25 * h**2 - 17.5 * h**4 + 5.25 * h**6, 200.0, 3.0),
}
"""Slope of a correlation that ends at its range, where its table ends, and the power with which the rest falls."""


@cache
def _table(kind: str) -> tuple[Array, Array, float, float]:
    """Radial frequencies and shares of the variance below them, and what follows: the share beyond is ``rest / k ** power``."""
    slope, last, power = _SLOPES[kind]
    nodes, weights = np.polynomial.legendre.leggauss(_PANEL_NODES)
    panels = int(last / 20) + 4  # three waves or so in each
    h = ((np.arange(panels)[:, None] + (nodes + 1) / 2) / panels).ravel()
    radius = np.concatenate([np.linspace(0, 60, _TABLE_STEPS), np.geomspace(60, last, _TABLE_STEPS)[1:]])
    weighted = np.tile(weights / 2 / panels, panels) * slope(h)
    below = np.concatenate([1 + j0(np.multiply.outer(part, h)) @ weighted for part in np.array_split(radius, 100)])
    below = np.maximum.accumulate(np.maximum(below - below[0], 0.0))
    return radius, below, power, float((1 - below[-1]) * last**power)
