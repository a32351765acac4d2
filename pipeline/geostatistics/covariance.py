"""Covariance models: nugget plus nested structures with a horizontal and a vertical range.

Positions are (n, 3): easting, northing and depth below the seafloor, in metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_KINDS = {"spherical": 0, "exponential": 1}


@dataclass(frozen=True)
class Structure:
    r"""One correlated part of a covariance.

    With the reduced lag :math:`h = \sqrt{(d_h/a_h)^2 + (d_v/a_v)^2}` (geometric anisotropy; Journel & Huijbregts 1978, p. 177)

    .. math::
        C(h) = s\,(1 - \tfrac32 h + \tfrac12 h^3)\ (h<1,\ \text{spherical}), \qquad C(h) = s\,e^{-3h}\ (\text{exponential})

    Both are positive definite in three dimensions. The range of the exponential is the practical one, at 5 % of the sill.

    Parameters
    ----------
    kind : {"spherical", "exponential"}
    sill : float
        Variance of this part, not negative.
    horizontal_range_m, vertical_range_m : float
        Positive; an infinite range means that this direction does not decorrelate (zonal anisotropy).
    """

    kind: str
    sill: float
    horizontal_range_m: float
    vertical_range_m: float

    def __post_init__(self) -> None:
        """Refuse what is not positive definite."""
        if self.kind not in _KINDS:
            msg = f"unknown covariance {self.kind!r}; known are {', '.join(sorted(_KINDS))}"
            raise ValueError(msg)
        if not self.sill >= 0:
            msg = f"sill is {self.sill}; a variance is not negative"
            raise ValueError(msg)
        if not (self.horizontal_range_m > 0 and self.vertical_range_m > 0):
            msg = f"ranges are {self.horizontal_range_m} and {self.vertical_range_m} m; both must be positive"
            raise ValueError(msg)


@dataclass(frozen=True)
class CovarianceModel:
    """Nugget and nested structures.

    The nugget is part of the variance of a point; it is absent between distinct points, inside a block, and between a datum and a block
    (the convention of gstat; Pebesma 2004).
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

    def at_lag(self, horizontal_m: Array, vertical_m: Array) -> Array:
        """Covariance without nugget at horizontal and vertical lags in metres (broadcast against each other)."""
        total = np.zeros(np.broadcast_shapes(np.shape(horizontal_m), np.shape(vertical_m)))
        for structure in self.structures:
            h = np.hypot(np.asarray(horizontal_m) / structure.horizontal_range_m, np.asarray(vertical_m) / structure.vertical_range_m)
            shape = np.where(h < 1, 1 - 1.5 * h + 0.5 * h**3, 0.0) if structure.kind == "spherical" else np.exp(-3 * h)
            total += structure.sill * shape
        return total

    def semivariance(self, horizontal_m: Array, vertical_m: Array) -> Array:
        """Semivariance at lags in metres; 0 at lag 0, nugget included elsewhere."""
        apart = (np.asarray(horizontal_m) > 0) | (np.asarray(vertical_m) > 0)
        return np.where(apart, self.sill - self.at_lag(horizontal_m, vertical_m), 0.0)

    def between(self, one_m: Array, other_m: Array) -> Array:
        """Covariance without nugget between positions (n, 3) and (m, 3): an (n, m) array."""
        return block_covariance(self, one_m, other_m, np.zeros((1, 3)), np.ones(1))

    def parameters(self) -> Array:
        """(structures, 4) array for compiled code: kind, sill, inverse ranges in 1/m."""
        return np.array(
            [[_KINDS[part.kind], part.sill, 1 / part.horizontal_range_m, 1 / part.vertical_range_m] for part in self.structures],
            dtype=float,
        ).reshape(-1, 4)

    def to_dict(self) -> dict[str, Any]:
        """JSON has no infinity: an infinite range is ``null``."""
        return {
            "nugget": self.nugget,
            "structures": [
                {
                    "kind": part.kind,
                    "sill": part.sill,
                    "horizontal_range_m": part.horizontal_range_m,
                    "vertical_range_m": part.vertical_range_m if np.isfinite(part.vertical_range_m) else None,
                }
                for part in self.structures
            ],
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` made."""
        parts = content["structures"]
        return cls(content["nugget"], tuple(Structure(**{**part, "vertical_range_m": part["vertical_range_m"] or np.inf}) for part in parts))


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
    out = np.empty((len(centres_m), len(data_m)))
    _fill(model.parameters(), np.ascontiguousarray(centres_m), np.ascontiguousarray(data_m), np.ascontiguousarray(offsets_m), weights, out)
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _at(parameters: Array, horizontal2: float, vertical2: float) -> float:  # pragma: no cover - compiled
    """Covariance without nugget at squared lags."""
    total = 0.0
    for s in range(parameters.shape[0]):
        ih, iv = parameters[s, 2], parameters[s, 3]
        h = np.sqrt(horizontal2 * ih * ih + vertical2 * iv * iv)
        if parameters[s, 0] == 0:
            if h < 1.0:
                total += parameters[s, 1] * (1.0 - h * (1.5 - 0.5 * h * h))
        else:
            total += parameters[s, 1] * np.exp(-3.0 * h)
    return total


@numba.njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _fill_columns(
    parameters: Array, centres_m: Array, data_m: Array, vertical_lags_m: Array, offsets_m: Array, weights: Array, out: Array
) -> None:  # pragma: no cover - compiled
    """Sums run in fixed order inside a column, so threads do not change a bit."""
    for i in numba.prange(centres_m.shape[0]):
        for j in range(data_m.shape[0]):
            for lag in range(vertical_lags_m.shape[0]):
                out[i, j, lag] = 0.0
            for k in range(offsets_m.shape[0]):
                x = centres_m[i, 0] + offsets_m[k, 0] - data_m[j, 0]
                y = centres_m[i, 1] + offsets_m[k, 1] - data_m[j, 1]
                horizontal2 = x * x + y * y
                for s in range(parameters.shape[0]):
                    part = parameters[s : s + 1]
                    if parameters[s, 3] == 0.0:
                        # A zonal structure does not change downwards: one evaluation serves every lag.
                        zonal = weights[k] * _at(part, horizontal2, 0.0)
                        for lag in range(vertical_lags_m.shape[0]):
                            out[i, j, lag] += zonal
                    else:
                        for lag in range(vertical_lags_m.shape[0]):
                            out[i, j, lag] += weights[k] * _at(part, horizontal2, vertical_lags_m[lag] ** 2)


@numba.njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _fill(parameters: Array, centres_m: Array, data_m: Array, offsets_m: Array, weights: Array, out: Array) -> None:  # pragma: no cover - compiled
    """Sums run in fixed order inside a block, so threads do not change a bit."""
    for i in numba.prange(centres_m.shape[0]):
        for j in range(data_m.shape[0]):
            total = 0.0
            for k in range(offsets_m.shape[0]):
                x = centres_m[i, 0] + offsets_m[k, 0] - data_m[j, 0]
                y = centres_m[i, 1] + offsets_m[k, 1] - data_m[j, 1]
                z = centres_m[i, 2] + offsets_m[k, 2] - data_m[j, 2]
                total += weights[k] * _at(parameters, x * x + y * y, z * z)
            out[i, j] = total


def column_covariance(model: CovarianceModel, centres_m: Array, data_m: Array, vertical_lags_m: Array, offsets_m: Array, weights: Array) -> Array:
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

    Returns
    -------
    (columns, cores, lags) array
    """
    out = np.empty((len(centres_m), len(data_m), len(vertical_lags_m)))
    centres_m, data_m, offsets_m = (np.ascontiguousarray(positions, dtype=float) for positions in (centres_m, data_m, offsets_m))
    _fill_columns(model.parameters(), centres_m, data_m, vertical_lags_m, offsets_m, weights, out)
    return out


def block_nodes(size_m: tuple[float, float, float], nodes: tuple[int, int, int]) -> tuple[Array, Array]:
    """Gauss-Legendre nodes of a block: offsets from its centre (nodes, 3) in metres and weights (nodes,) that sum to 1.

    Parameters
    ----------
    size_m : (easting, northing, depth)
        Sides of the block; a zero side is a point in that direction.
    nodes : (easting, northing, depth)
        Nodes along each side.
    """
    sides = [np.polynomial.legendre.leggauss(count) for count in nodes]
    offsets = np.stack(np.meshgrid(*(side[0] * length / 2 for side, length in zip(sides, size_m, strict=True)), indexing="ij"), axis=-1)
    weights = np.einsum("i,j,k->ijk", *(side[1] / 2 for side in sides))
    return offsets.reshape(-1, 3), weights.ravel()


def block_variance(model: CovarianceModel, offsets_m: Array, weights: Array) -> float:
    r"""Mean covariance inside a block, without nugget: :math:`\bar C(v,v) = \sum_{kl} w_k w_l C(o_k - o_l)` (Journel & Huijbregts 1978, p. 55)."""
    return float(weights @ model.between(offsets_m, offsets_m) @ weights)
