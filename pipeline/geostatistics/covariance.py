"""Covariance models: a nugget and nested structures, each with its own anisotropy in three dimensions.

Positions are (n, 3): easting, northing and depth below the seafloor (positive down), in metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numba
import numpy as np

from pipeline.geostatistics.compiled import CACHE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_KINDS = {"spherical": 0, "exponential": 1, "gaussian": 2, "cubic": 3, "matern32": 4, "matern52": 5}
_FINITE = ("spherical", "cubic")
# Reduced lags at which the correlation has fallen to 5 %: roots of (1 + x) e^-x = 0.05 and (1 + x + x^2/3) e^-x = 0.05.
MATERN32_SCALE = 4.743864518390577
MATERN52_SCALE = 5.918649346310187


@dataclass(frozen=True)
class Structure:
    r"""One correlated part of a covariance, :math:`C(\mathbf d) = s\,\rho(h)`.

    The reduced lag :math:`h` divides the lag by the range along each axis of an ellipsoid (geometric anisotropy; Journel & Huijbregts 1978, p. 177).
    An infinite range means that this direction does not decorrelate (zonal anisotropy).

    ===========  ==========================================================================  =============================  ==========
    kind         :math:`\rho(h)`                                                              reference                      dimensions
    ===========  ==========================================================================  =============================  ==========
    spherical    :math:`1 - \tfrac32 h + \tfrac12 h^3`, 0 from :math:`h = 1`                  Matheron 1963                  1 to 3
    cubic        :math:`1 - 7h^2 + \tfrac{35}4 h^3 - \tfrac72 h^5 + \tfrac34 h^7`, 0 from 1   Chilès & Delfiner 2012, § 2.5  1 to 3
    exponential  :math:`e^{-3h}`                                                             Chilès & Delfiner 2012, § 2.5  any
    gaussian     :math:`e^{-3h^2}`                                                           Chilès & Delfiner 2012, § 2.5  any
    matern32     :math:`(1 + x)\,e^{-x},\ x = 4.7439\,h`                                     Stein 1999, p. 31              any
    matern52     :math:`(1 + x + \tfrac13 x^2)\,e^{-x},\ x = 5.9186\,h`                      Stein 1999, p. 31              any
    ===========  ==========================================================================  =============================  ==========

    The range of the last four is the practical one: 5 % of the sill is left at :math:`h = 1`. A Gaussian without nugget makes kriging
    systems that are singular to rounding.

    Parameters
    ----------
    kind : str
        One of the table.
    sill : float
        Variance of this part, not negative.
    horizontal_range_m, vertical_range_m : float
        Range along the major axis, and along the axis that is vertical where dip and rake are 0; positive, may be infinite.
    minor_range_m : float, optional
        Range across the major axis; the same as along it unless given.
    azimuth_deg, dip_deg : float
        Direction of the major axis: clockwise from north, and below the horizontal.
    rake_deg : float
        Rotation of the other two axes about the major one; positive turns the minor axis down.

    Raises
    ------
    ValueError
        The covariance would not be positive definite.

    Examples
    --------
    >>> part = Structure("spherical", 0.9, 8_000.0, vertical_range_m=4.0, minor_range_m=5_000.0, azimuth_deg=30.0)
    >>> part.ranges_m, part.is_layered
    ((8000.0, 5000.0, 4.0), False)
    """

    kind: str
    sill: float
    horizontal_range_m: float
    vertical_range_m: float = np.inf
    minor_range_m: float | None = None
    azimuth_deg: float = 0.0
    dip_deg: float = 0.0
    rake_deg: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is not positive definite."""
        if self.kind not in _KINDS:
            msg = f"unknown covariance {self.kind!r}; known are {', '.join(sorted(_KINDS))}"
            raise ValueError(msg)
        if not self.sill >= 0:
            msg = f"sill is {self.sill}; a variance is not negative"
            raise ValueError(msg)
        if not all(range_m > 0 for range_m in self.ranges_m):
            msg = f"ranges are {', '.join(f'{range_m:g}' for range_m in self.ranges_m)} m; all must be positive"
            raise ValueError(msg)

    @property
    def ranges_m(self) -> tuple[float, float, float]:
        """Ranges along the major, the minor and the third axis."""
        return self.horizontal_range_m, self.minor_range_m or self.horizontal_range_m, self.vertical_range_m

    @property
    def is_layered(self) -> bool:
        """Whether the covariance depends on horizontal distance and vertical distance alone."""
        return self.ranges_m[0] == self.ranges_m[1] and self.dip_deg == 0 and self.rake_deg == 0

    @property
    def is_finite(self) -> bool:
        """Whether the covariance is exactly zero from the range on."""
        return self.kind in _FINITE

    def reduction(self) -> Array:
        """(3, 3) matrix that turns a lag in metres into a reduced lag vector, whose length is h."""
        return ellipsoid_reduction(self.ranges_m, self.azimuth_deg, self.dip_deg, self.rake_deg)


def ellipsoid_reduction(radii_m: tuple[float, float, float], azimuth_deg: float, dip_deg: float, rake_deg: float) -> Array:
    """(3, 3) matrix that maps an ellipsoid onto the unit sphere: rows are its axes over their radii (major, minor, third).

    Parameters
    ----------
    radii_m : (major, minor, third)
        Along the axes of the ellipsoid, in metres; infinite ones give rows of zeros.
    azimuth_deg, dip_deg, rake_deg : float
        As in :class:`Structure`.
    """
    azimuth, dip, rake = np.radians([azimuth_deg, dip_deg, rake_deg])
    major = np.array([np.sin(azimuth) * np.cos(dip), np.cos(azimuth) * np.cos(dip), np.sin(dip)])
    across = np.array([np.cos(azimuth), -np.sin(azimuth), 0.0])
    down = np.array([-np.sin(azimuth) * np.sin(dip), -np.cos(azimuth) * np.sin(dip), np.cos(dip)])
    minor = np.cos(rake) * across + np.sin(rake) * down
    third = np.cos(rake) * down - np.sin(rake) * across
    return np.asarray(np.array([major, minor, third]) / np.array(radii_m)[:, None])


class Kernel(NamedTuple):
    """A model as arrays for compiled code, for one variable or several.

    Parameters
    ----------
    kinds : (structures,) int array
    reductions : (structures, 3, 3) array
        In 1/m.
    sills : (structures, variables, variables) array
    nugget : (variables, variables) array
    is_finite : bool
        Whether every structure is exactly zero from its range on.
    """

    kinds: NDArray[np.int64]
    reductions: Array
    sills: Array
    nugget: Array
    is_finite: bool


def kernel_of(structures: tuple[Structure, ...], sills: Array, nugget: Array) -> Kernel:
    """Arrays of structures whose own sills are replaced by the given ones."""
    kinds = np.array([_KINDS[part.kind] for part in structures], dtype=np.int64)
    reductions = np.array([part.reduction() for part in structures], dtype=np.float64).reshape(-1, 3, 3)
    return Kernel(kinds, reductions, sills, nugget, all(part.is_finite for part in structures))


@dataclass(frozen=True)
class CovarianceModel:
    """Nugget and nested structures.

    The nugget is part of the variance of a point; it is absent between distinct points, inside a block, and between a datum and a block
    (the convention of gstat; Pebesma 2004).

    Parameters
    ----------
    nugget : float
        Variance without spatial correlation, not negative.
    structures : tuple of Structure
        Their covariances add up.

    Examples
    --------
    >>> model = CovarianceModel(0.1, (Structure("spherical", 0.9, 1_000.0, vertical_range_m=4.0),))
    >>> model.sill, model.at_lag(np.array([0.0, 500.0, 1_000.0]), np.zeros(3)).round(6).tolist()
    (1.0, [0.9, 0.28125, 0.0])
    >>> model.semivariance(np.array([500.0]), np.array([0.0])).round(6).tolist()
    [0.71875]
    """

    nugget: float
    structures: tuple[Structure, ...]

    def __post_init__(self) -> None:
        """Refuse what is not positive definite."""
        if not self.nugget >= 0:
            msg = f"nugget is {self.nugget}; a variance is not negative"
            raise ValueError(msg)

    @property
    def sill(self) -> float:
        """Variance of a point, nugget included."""
        return self.nugget + self.continuous_sill

    @property
    def continuous_sill(self) -> float:
        """Variance of a point without the nugget."""
        return sum(structure.sill for structure in self.structures)

    def kernel(self) -> Kernel:
        """Arrays for compiled code."""
        sills = np.array([part.sill for part in self.structures], dtype=np.float64).reshape(-1, 1, 1)
        return kernel_of(self.structures, sills, np.full((1, 1), self.nugget))

    def at(self, lag_m: Array) -> Array:
        """Covariance without nugget at lag vectors (..., 3) in metres: easting, northing, depth."""
        lag_m = np.asarray(lag_m, dtype=np.float64)
        return self.between(lag_m.reshape(-1, 3), np.zeros((1, 3))).reshape(lag_m.shape[:-1])

    def at_lag(self, horizontal_m: Array, vertical_m: Array) -> Array:
        """Covariance without nugget at horizontal and vertical lags in metres (broadcast against each other).

        Raises
        ------
        ValueError
            The model depends on the direction of the horizontal lag.
        """
        self._require_layered()
        horizontal, vertical = np.broadcast_arrays(np.asarray(horizontal_m, dtype=np.float64), np.asarray(vertical_m, dtype=np.float64))
        return self.at(np.stack([horizontal, np.zeros_like(horizontal), vertical], axis=-1))

    def semivariance_at(self, lag_m: Array) -> Array:
        """Semivariance at lag vectors (..., 3) in metres; 0 at lag 0, nugget included elsewhere."""
        return np.where(np.any(np.asarray(lag_m) != 0, axis=-1), self.sill - self.at(lag_m), 0.0)

    def semivariance(self, horizontal_m: Array, vertical_m: Array) -> Array:
        """Semivariance at horizontal and vertical lags in metres, as :meth:`at_lag`."""
        apart = (np.asarray(horizontal_m) > 0) | (np.asarray(vertical_m) > 0)
        return np.where(apart, self.sill - self.at_lag(horizontal_m, vertical_m), 0.0)

    def between(self, one_m: Array, other_m: Array) -> Array:
        """Covariance without nugget between positions (n, 3) and (m, 3): an (n, m) array."""
        return block_covariance(self, one_m, other_m, np.zeros((1, 3)), np.ones(1))

    def to_dict(self) -> dict[str, Any]:
        """JSON has no infinity: an infinite range is ``null``."""
        return {"nugget": self.nugget, "structures": [structure_to_dict(part) for part in self.structures]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` made."""
        return cls(content["nugget"], tuple(structure_from_dict(part) for part in content["structures"]))

    def _require_layered(self) -> None:
        if not all(part.is_layered for part in self.structures):
            msg = "the model depends on the direction of the horizontal lag: use at, semivariance_at or between"
            raise ValueError(msg)


def structure_to_dict(part: Structure) -> dict[str, Any]:
    """Keys of a structure; an infinite range is ``null``, for JSON has no infinity."""
    ranges = zip(("horizontal_range_m", "minor_range_m", "vertical_range_m"), part.ranges_m, strict=True)
    angles = {"azimuth_deg": part.azimuth_deg, "dip_deg": part.dip_deg, "rake_deg": part.rake_deg}
    return {"kind": part.kind, "sill": part.sill, **{key: value if np.isfinite(value) else None for key, value in ranges}, **angles}


def structure_from_dict(content: dict[str, Any]) -> Structure:
    """Read back what :func:`structure_to_dict` made."""
    values: dict[str, Any] = {key: np.inf if value is None else value for key, value in content.items()}
    if values.get("minor_range_m") == values["horizontal_range_m"]:
        values["minor_range_m"] = None
    return Structure(**values)


class Block(NamedTuple):
    """Nodes that stand for a block.

    Parameters
    ----------
    offsets_m : (nodes, 3) array
        Relative to the centre.
    weights : (nodes,) array
        Sum to 1.
    """

    offsets_m: Array
    weights: Array


POINT = Block(np.zeros((1, 3)), np.ones(1))
"""A support of no size."""


def block_nodes(size_m: tuple[float, float, float], nodes: tuple[int, int, int], rule: str = "gauss") -> Block:
    """Nodes of a block: offsets from its centre (nodes, 3) in metres and weights (nodes,) that sum to 1.

    Parameters
    ----------
    size_m : (easting, northing, depth)
        Sides of the block; a zero side is a point in that direction.
    nodes : (easting, northing, depth)
        Nodes along each side.
    rule : {"gauss", "midpoint"}
        Gauss-Legendre nodes (gstat's), or centres of equal parts.

    Returns
    -------
    Block
        ``offsets_m`` and ``weights``, which unpack as a pair.

    Raises
    ------
    ValueError
        The rule is neither.

    Examples
    --------
    >>> block = block_nodes((500.0, 500.0, 1.0), (4, 4, 2))
    >>> block.offsets_m.shape, round(float(block.weights.sum()), 12)
    ((32, 3), 1.0)
    """
    if rule not in ("gauss", "midpoint"):
        msg = f"unknown rule {rule!r}; known are gauss, midpoint"
        raise ValueError(msg)
    sides = [_side(count, rule) for count in nodes]
    offsets = np.stack(np.meshgrid(*(side[0] * length / 2 for side, length in zip(sides, size_m, strict=True)), indexing="ij"), axis=-1)
    weights = np.einsum("i,j,k->ijk", *(side[1] / 2 for side in sides))
    return Block(offsets.reshape(-1, 3), weights.ravel())


def _side(count: int, rule: str) -> tuple[Array, Array]:
    """Nodes on -1 to 1 and their weights, which sum to 2."""
    if rule == "gauss":
        nodes, weights = np.polynomial.legendre.leggauss(count)
        return np.asarray(nodes), np.asarray(weights)
    return (2 * np.arange(count) + 1) / count - 1, np.full(count, 2 / count)


def correlation(kind: str, reduced_lag2: Array) -> Array:
    """Correlation of a structure at squared reduced lags, on one thread: for fits that call it often.

    Parameters
    ----------
    kind : str
        As :class:`Structure` names it.
    reduced_lag2 : (n,) array
        Lag over range, squared.
    """
    return np.asarray(_correlation(_KINDS[kind], np.ascontiguousarray(reduced_lag2, dtype=np.float64)))


def block_covariance(model: CovarianceModel, centres_m: Array, data_m: Array, offsets_m: Array, weights: Array) -> Array:
    r"""Mean covariance, without nugget, between blocks and data.

    .. math:: \bar C(v_i, x_j) = \sum_k w_k\, C(c_i + o_k - x_j)

    Parameters
    ----------
    centres_m : (blocks, 3) array
    data_m : (data, 3) array
    offsets_m : (nodes, 3) array
        Nodes of a block relative to its centre; one zero offset makes it a point.
    weights : (nodes,) array
        Sum to 1.

    Returns
    -------
    (blocks, data) array
    """
    kernel = model.kernel()
    sills = np.repeat(kernel.sills[:, 0], len(data_m), axis=1)
    return covariance_table(kernel, sills, centres_m, data_m, offsets_m, weights)


def covariance_table(kernel: Kernel, sills: Array, centres_m: Array, data_m: Array, offsets_m: Array, weights: Array) -> Array:
    """Like :func:`block_covariance`, with a sill for each structure and datum (structures, data): data may be of several variables."""
    out = np.zeros((len(centres_m), len(data_m)))
    sills, centres_m, data_m, offsets_m, weights = contiguous(sills, centres_m, data_m, offsets_m, weights)
    _fill(kernel.kinds, kernel.reductions, sills, centres_m, data_m, offsets_m, weights, out)
    return out


def block_variance(model: CovarianceModel, offsets_m: Array, weights: Array) -> float:
    r"""Mean covariance inside a block, without nugget: :math:`\bar C(v,v) = \sum_{kl} w_k w_l C(o_k - o_l)` (Journel & Huijbregts 1978, p. 55)."""
    return float(weights @ model.between(offsets_m, offsets_m) @ weights)


def column_covariance(
    model: CovarianceModel,
    centres_m: Array,
    data_m: Array,
    vertical_lags_m: Array,
    offsets_m: Array,
    weights: Array,
    sills: Array | None = None,
) -> Array:
    """Mean covariance, without nugget, between columns of blocks and vertical cores, for each vertical lag that occurs.

    Blocks and composites lie in the same few layers, so that all pairs of a column and a core share a short table of vertical lags: a
    tenth of the work of :func:`block_covariance`, the same numbers.

    Parameters
    ----------
    centres_m : (columns, 2) array
        Easting and northing of the columns.
    data_m : (cores, 2) array
        Easting and northing of the cores.
    vertical_lags_m : (lags,) array
    offsets_m : (nodes, 2) array
        Nodes of a block relative to its centre.
    weights : (nodes,) array
        Sum to 1.
    sills : (structures,) array, optional
        Take the place of the model's own: those of a covariance between two variables, which may be negative.

    Returns
    -------
    (columns, lags, cores) array

    Raises
    ------
    ValueError
        The model depends on the direction of the horizontal lag.
    """
    model._require_layered()
    kernel = model.kernel()
    out = np.zeros((len(centres_m), len(vertical_lags_m), len(data_m)))
    own = kernel.sills[:, 0, 0] if sills is None else sills
    sills, centres_m, data_m, lags_m, offsets_m, weights = contiguous(own, centres_m, data_m, vertical_lags_m, offsets_m, weights)
    _fill_columns(kernel.kinds, kernel.reductions, sills, centres_m, data_m, lags_m, offsets_m, weights, out)
    return out


def contiguous(*arrays: Array) -> tuple[Array, ...]:
    """Arrays as compiled code takes them: one layout, one compilation."""
    return tuple(np.ascontiguousarray(array, dtype=np.float64) for array in arrays)


# ------------------------------------------------------------------ compiled
#
# Loops run over the last axis without branches, so that the compiler turns them into vector instructions; "contract" lets it fuse a product
# and a sum and reorders nothing. Every sum runs in fixed order inside one target: threads and tiles do not change a bit.


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"}, inline="always")
def exponential(x: float) -> float:  # pragma: no cover - compiled
    """Exponential of x from 0 down to -700, to 1e-15, and that of -700 (1e-304) below: unlike the library's, it vectorises.

    The integer part k of x / ln 2 is read off the low bits of a sum with 1.5 x 2^52 and becomes the exponent; the rest, at most ln 2 / 2, is a
    Taylor series (Cody & Waite 1980, ch. 6).
    """
    x = max(x, -700.0)
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    k = shifted - 6755399441055744.0
    r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10
    p = 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    power = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
    return p * power


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def add_covariance(kind: int, sill: float, h2: Array, n: int, out: Array) -> None:  # pragma: no cover - compiled
    """Add one structure at squared reduced lags: the formulas of :class:`Structure`."""
    if kind == 0:
        for c in range(n):
            h = min(np.sqrt(h2[c]), 1.0)
            out[c] += sill * (1.0 - h * (1.5 - 0.5 * h * h))
    elif kind == 1:
        for c in range(n):
            out[c] += sill * exponential(-3.0 * np.sqrt(h2[c]))
    elif kind == 2:
        for c in range(n):
            out[c] += sill * exponential(-3.0 * h2[c])
    elif kind == 3:
        for c in range(n):
            q = min(h2[c], 1.0)
            h = np.sqrt(q)
            out[c] += sill * (1.0 - q * (7.0 - h * (8.75 - q * (3.5 - 0.75 * q))))
    elif kind == 4:
        for c in range(n):
            x = MATERN32_SCALE * np.sqrt(h2[c])
            out[c] += sill * (1.0 + x) * exponential(-x)
    else:
        for c in range(n):
            x = MATERN52_SCALE * np.sqrt(h2[c])
            out[c] += sill * (1.0 + x * (1.0 + x / 3.0)) * exponential(-x)


@numba.njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _correlation(kind: int, h2: Array) -> Array:  # pragma: no cover - compiled
    out = np.zeros(h2.size)
    add_covariance(kind, 1.0, h2, h2.size, out)
    return out


@numba.njit(parallel=True, cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _fill(
    kinds: NDArray[np.int64], reductions: Array, sills: Array, centres_m: Array, data_m: Array, offsets_m: Array, weights: Array, out: Array
) -> None:  # pragma: no cover - compiled
    """Covariance of blocks (rows) with data (columns), added to out."""
    n = data_m.shape[0]
    for i in numba.prange(centres_m.shape[0]):
        h2, part = np.empty(n), np.empty(n)
        for s in range(kinds.size):
            m = reductions[s]
            part[:] = 0.0
            for k in range(weights.size):
                x, y, z = centres_m[i, 0] + offsets_m[k, 0], centres_m[i, 1] + offsets_m[k, 1], centres_m[i, 2] + offsets_m[k, 2]
                for j in range(n):
                    dx, dy, dz = x - data_m[j, 0], y - data_m[j, 1], z - data_m[j, 2]
                    u = m[0, 0] * dx + m[0, 1] * dy + m[0, 2] * dz
                    v = m[1, 0] * dx + m[1, 1] * dy + m[1, 2] * dz
                    w = m[2, 0] * dx + m[2, 1] * dy + m[2, 2] * dz
                    h2[j] = u * u + v * v + w * w
                add_covariance(kinds[s], weights[k], h2, n, part)
            for j in range(n):
                out[i, j] += sills[s, j] * part[j]


@numba.njit(parallel=True, cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _fill_columns(
    kinds: NDArray[np.int64],
    reductions: Array,
    sills: Array,
    centres_m: Array,
    data_m: Array,
    vertical_lags_m: Array,
    offsets_m: Array,
    weights: Array,
    out: Array,
) -> None:  # pragma: no cover - compiled
    """Covariance of columns with cores at each vertical lag, added to out."""
    n = data_m.shape[0]
    for i in numba.prange(centres_m.shape[0]):
        horizontal2, h2, zonal = np.empty(n), np.empty(n), np.empty(n)
        for s in range(kinds.size):
            m = reductions[s]
            zonal[:] = 0.0
            for k in range(weights.size):
                x, y = centres_m[i, 0] + offsets_m[k, 0], centres_m[i, 1] + offsets_m[k, 1]
                for j in range(n):
                    dx, dy = x - data_m[j, 0], y - data_m[j, 1]
                    u, v = m[0, 0] * dx + m[0, 1] * dy, m[1, 0] * dx + m[1, 1] * dy
                    horizontal2[j] = u * u + v * v
                if m[2, 2] == 0.0:
                    # A zonal structure does not change downwards: one evaluation serves every lag.
                    add_covariance(kinds[s], weights[k] * sills[s], horizontal2, n, zonal)
                    continue
                for lag in range(vertical_lags_m.size):
                    w2 = (m[2, 2] * vertical_lags_m[lag]) ** 2
                    for j in range(n):
                        h2[j] = horizontal2[j] + w2
                    add_covariance(kinds[s], weights[k] * sills[s], h2, n, out[i, lag])
            if m[2, 2] == 0.0:
                for lag in range(vertical_lags_m.size):
                    for j in range(n):
                        out[i, lag, j] += zonal[j]
