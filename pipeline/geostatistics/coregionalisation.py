"""Linear model of coregionalisation: how several variables vary together in space, and its fit to direct and cross variograms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import CovarianceModel, Structure, structure_from_dict, structure_to_dict
from pipeline.geostatistics.variogram import Experimental, experimental_cross_variogram, fit_variogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CoregionalisationWeights = Literal["cressie", "pairs"]

_ROUNDING = 1e-9
_SWEEPS = 20_000
_SETTLED = 1e-12
_REWEIGHTINGS = 20


@dataclass(frozen=True)
class Coregionalisation:
    r"""Linear model of coregionalisation of several variables.

    .. math:: C_{ij}(h) = \sum_k B^k_{ij}\,\rho_k(h),\qquad \gamma_{ij}(h) = B^0_{ij} + \sum_k B^k_{ij}\,\big(1 - \rho_k(h)\big)\ (h \ne 0)

    with correlations :math:`\rho_k` shared by all variables. It is positive definite if every matrix :math:`B^k`, that of the nugget
    :math:`B^0` included, is positive semi-definite (Journel & Huijbregts 1978, ch. III.B.3; Wackernagel 2003, ch. 26).

    Parameters
    ----------
    nugget : (variables, variables) array
        Variances and covariances without spatial correlation, each in the product of its variables' units.
    structures : tuple of Structure
        Each with sill 1.
    sills : (structures, variables, variables) array
        Variances and covariances of each structure.

    Raises
    ------
    ValueError
        Shapes do not fit, a structure's sill is not 1, or a matrix is not symmetric or not positive semi-definite: an eigenvalue below
        -1e-9 of the trace, after scaling every variable to unit variance so that units do not matter.

    Examples
    --------
    >>> sills = np.array([[[0.9, 0.6], [0.6, 0.8]]])
    >>> model = Coregionalisation(np.diag([0.1, 0.2]), (Structure("spherical", 1.0, 500.0),), sills)
    >>> model.variables, model.variance.tolist()
    (2, [[1.0, 0.6], [0.6, 1.0]])
    """

    nugget: Array
    structures: tuple[Structure, ...]
    sills: Array

    def __post_init__(self) -> None:
        """Refuse what is not positive definite."""
        object.__setattr__(self, "nugget", np.array(self.nugget, dtype=float))
        object.__setattr__(self, "sills", np.array(self.sills, dtype=float))
        v = len(self.nugget)
        if self.nugget.shape != (v, v) or self.sills.shape != (len(self.structures), v, v):
            msg = f"nugget {self.nugget.shape} and sills {self.sills.shape} must be (variables, variables) and ({len(self.structures)}, same, same)"
            raise ValueError(msg)
        if any(structure.sill != 1 for structure in self.structures):
            msg = f"sills of the structures are {[structure.sill for structure in self.structures]}; each must be 1, the matrices hold the sills"
            raise ValueError(msg)
        sd = np.sqrt(np.maximum(np.diag(self.variance), 0.0))
        sd[sd == 0] = 1.0
        for name, matrix in zip(["nugget", *(f"structure {k}" for k in range(len(self.structures)))], [self.nugget, *self.sills], strict=True):
            _refuse_indefinite(name, matrix / np.outer(sd, sd))

    @property
    def variables(self) -> int:
        """Number of variables."""
        return len(self.nugget)

    @property
    def variance(self) -> Array:
        """(variables, variables) covariance of the variables at one point, nugget included."""
        total: Array = self.nugget + self.sills.sum(axis=0)
        return total

    def marginal(self, i: int) -> CovarianceModel:
        """Covariance model of one variable."""
        structures = tuple(replace(part, sill=max(float(sill), 0.0)) for part, sill in zip(self.structures, self.sills[:, i, i], strict=True))
        return CovarianceModel(max(float(self.nugget[i, i]), 0.0), structures)

    def at(self, lag_m: Array, i: int, j: int) -> Array:
        """Covariance without nugget of variables i and j at lag vectors (..., 3) of easting, northing and depth in metres."""
        total = np.zeros(np.shape(lag_m)[:-1])
        for part, sill in zip(self.structures, self.sills[:, i, j], strict=True):
            total += sill * CovarianceModel(0.0, (part,)).at(lag_m)
        return total

    def scaled(self, factors: Array) -> Self:
        """Model of the variables multiplied by one factor each, (variables,): a change of units or of standardisation."""
        both = np.outer(factors, factors)
        return replace(self, nugget=self.nugget * both, sills=self.sills * both)

    def to_dict(self) -> dict[str, Any]:
        """JSON form; structures as :class:`CovarianceModel` writes them."""
        structures = [structure_to_dict(part) for part in self.structures]
        return {"nugget": self.nugget.tolist(), "structures": structures, "sills": self.sills.tolist()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` made."""
        structures = tuple(structure_from_dict(part) for part in content["structures"])
        nugget = np.array(content["nugget"], dtype=float)
        return cls(nugget, structures, np.array(content["sills"], dtype=float).reshape(len(structures), *nugget.shape))


@dataclass(frozen=True)
class CoregionalisationFit:
    """A fitted model and how it was reached.

    Parameters
    ----------
    model : Coregionalisation
    cost : float
        Weighted sum of squares over all pairs of variables, those of two variables counted twice, of variables scaled to unit variance.
    sweeps : int
        Over the structures, until nothing moved (20,000 at most in one solution).
    """

    model: Coregionalisation
    cost: float
    sweeps: int


def _refuse_indefinite(name: str, matrix: Array) -> None:
    """Refuse a matrix of standardised variables that is not symmetric positive semi-definite."""
    if not np.isfinite(matrix).all():
        msg = f"sill matrix of the {name} is not finite"
        raise ValueError(msg)
    tolerance = _ROUNDING * max(float(np.trace(matrix)), 1.0)
    if np.abs(matrix - matrix.T).max(initial=0.0) > tolerance:
        msg = f"sill matrix of the {name} is not symmetric: covariance of i with j must equal that of j with i"
        raise ValueError(msg)
    lowest = float(np.linalg.eigvalsh(matrix).min(initial=0.0))
    if lowest < -tolerance:
        msg = f"sill matrix of the {name} has the eigenvalue {lowest:.3g} (variables scaled to unit variance); none may be negative"
        raise ValueError(msg)


def direct_and_cross_variograms(
    positions_m: Array, values: Array, cores: NDArray[Any], layer_m: float, lag_edges_m: Array
) -> tuple[tuple[Experimental, ...], ...]:
    """Variograms of every variable and cross-variograms of every two, down and across cores.

    Parameters
    ----------
    positions_m : (n, 3) array
        Easting, northing, depth below the seafloor in metres.
    values : (n, variables) array
        NaN where unknown; a pair counts where both variables are known.
    cores, layer_m, lag_edges_m
        As for :func:`experimental_variogram`.

    Returns
    -------
    tuple of rows
        Row i holds the cross-variograms of variable i with variables 0 to i; the last of a row is direct.

    Raises
    ------
    TooFewSamples
        Two variables are never known together at a pair in any lag.

    Examples
    --------
    >>> positions_m = np.array([[0.0, 0.0, 0.5], [100.0, 0.0, 0.5], [200.0, 0.0, 0.5]])
    >>> values = np.array([[1.0, 5.0], [2.0, 4.0], [4.0, 1.0]])
    >>> rows = direct_and_cross_variograms(positions_m, values, np.array(["a", "b", "c"]), 1.0, np.array([0.0, 150.0]))
    >>> [[one.semivariance.tolist() for one in row] for row in rows]
    [[[1.25]], [[-1.75], [2.5]]]
    """
    return tuple(
        tuple(experimental_cross_variogram(positions_m, values[:, i], values[:, j], cores, layer_m, lag_edges_m) for j in range(i + 1))
        for i in range(values.shape[1])
    )


def shared_structures(
    experimental: Sequence[Sequence[Experimental]], kind: str, horizontal_range_m: tuple[float, float], vertical_range_m: tuple[float, float]
) -> tuple[Structure, ...]:
    """Structures of sill 1 whose ranges suit all variables: one fit to their direct variograms, each scaled to unit variance.

    Parameters
    ----------
    experimental
        As :func:`direct_and_cross_variograms` gives them; only the direct ones count.
    kind, horizontal_range_m, vertical_range_m
        As for :func:`fit_variogram`.

    Returns
    -------
    tuple of Structure
        An anisotropic one and, where there are vertical lags, a zonal one.

    Raises
    ------
    TooFewSamples
        A variable has no pair in any lag.

    Examples
    --------
    >>> from itertools import product
    >>> positions_m = np.array([[x, y, 0.5] for x, y in product(range(0, 600, 100), repeat=2)], dtype=float)
    >>> one = np.sin(positions_m[:, 0] / 150) + np.cos(positions_m[:, 1] / 200)
    >>> values = np.column_stack([one, 2 * one + np.tile([0.1, -0.1], 18)])
    >>> rows = direct_and_cross_variograms(positions_m, values, np.arange(36), 1.0, np.arange(0.0, 500.0, 100.0) + 50.0)
    >>> structures = shared_structures(rows, "spherical", (100.0, 2_000.0), (1.0, 1.0))
    >>> len(structures), structures[0].sill
    (1, 1.0)
    """
    scales = _scales(experimental)
    direct = [row[-1] for row in experimental]
    pooled = Experimental(
        np.concatenate([part.horizontal_m for part in direct]),
        np.concatenate([part.vertical_m for part in direct]),
        np.concatenate([part.semivariance / scale**2 for part, scale in zip(direct, scales, strict=True)]),
        np.concatenate([part.pairs for part in direct]),
    )
    return tuple(replace(part, sill=1.0) for part in fit_variogram(pooled, kind, horizontal_range_m, vertical_range_m).model.structures)


def fit_coregionalisation(
    experimental: Sequence[Sequence[Experimental]], structures: Sequence[Structure], weights: CoregionalisationWeights = "cressie"
) -> CoregionalisationFit:
    r"""Fit the sill matrices of nugget and structures whose ranges are known.

    .. math:: \min_{B^k \succeq 0}\ \sum_{ij}\sum_l w_{ijl}\,\Big(\hat\gamma_{ij}(h_{ijl}) - \sum_k B^k_{ij}\,g_k(h_{ijl})\Big)^2

    by sweeps over the structures, in each of which :math:`B^k` takes the least-squares step on the residuals of the others and is projected on the
    positive semi-definite matrices by dropping its negative eigenvalues (Goulard & Voltz 1992). If lags and weights are the same for every pair
    of variables the step is theirs; where they differ (variables known at different places) the step is shortened to the steepest pair, which
    keeps the sum of squares from rising (majorisation; Kiers 1997). The problem is convex: the sweeps end at its one minimum.

    Variables are scaled to unit mean semivariance first: units do not change the scaled result.

    Parameters
    ----------
    experimental : sequence of rows
        Row i holds the cross-variograms of variable i with variables 0 to i (:func:`direct_and_cross_variograms`); without lags where two
        variables are never known together: their covariance then stays as small as the fit allows.
    structures : sequence of Structure
        Ranges; their sills do not matter (:func:`shared_structures`).
    weights : {"cressie", "pairs"}
        :math:`2N/(\gamma_{ii}\gamma_{jj} + \gamma_{ij}^2)` of the model, the reciprocal variance of a mean product of normal differences
        up to a factor (Cressie 1985, eq. 17, for i = j), by repeated fits; or the number of pairs :math:`N`.

    Returns
    -------
    CoregionalisationFit

    Raises
    ------
    TooFewSamples
        A variable has no pair in any lag.
    ValueError
        A structure depends on the direction of the horizontal lag.

    Examples
    --------
    >>> from itertools import product
    >>> positions_m = np.array([[x, y, 0.5] for x, y in product(range(0, 600, 100), repeat=2)], dtype=float)
    >>> one = np.sin(positions_m[:, 0] / 150) + np.cos(positions_m[:, 1] / 200)
    >>> values = np.column_stack([one, 2 * one + np.tile([0.1, -0.1], 18)])
    >>> rows = direct_and_cross_variograms(positions_m, values, np.arange(36), 1.0, np.arange(0.0, 500.0, 100.0) + 50.0)
    >>> structures = shared_structures(rows, "spherical", (100.0, 2_000.0), (1.0, 1.0))
    >>> model = fit_coregionalisation(rows, structures).model
    >>> model.sills.shape, bool(model.variance[0, 1] > 0)
    ((1, 2, 2), True)
    """
    scales = _scales(experimental)
    v = len(experimental)
    rows = [[experimental[max(i, j)][min(i, j)] for j in range(v)] for i in range(v)]
    shapes = [[_shapes(rows[i][j], structures) for j in range(v)] for i in range(v)]
    measured = [[rows[i][j].semivariance / (scales[i] * scales[j]) for j in range(v)] for i in range(v)]
    weight = [[rows[i][j].pairs.astype(float) for j in range(v)] for i in range(v)]
    sills, sweeps = _sweep(shapes, measured, weight, np.zeros((len(structures) + 1, v, v)))
    for _ in range(_REWEIGHTINGS if weights == "cressie" else 0):
        before = sills
        weight = [[_cressie_weight(shapes[i][j], sills, i, j, rows[i][j].pairs) for j in range(v)] for i in range(v)]
        sills, more = _sweep(shapes, measured, weight, sills)
        sweeps += more
        if np.abs(sills - before).max() < _ROUNDING:
            break
    cost = sum(float(weight[i][j] @ (measured[i][j] - shapes[i][j] @ sills[:, i, j]) ** 2) for i in range(v) for j in range(v))
    both = np.outer(scales, scales)
    model = Coregionalisation(sills[0] * both, tuple(replace(part, sill=1.0) for part in structures), sills[1:] * both)
    return CoregionalisationFit(model, cost, sweeps)


def _scales(experimental: Sequence[Sequence[Experimental]]) -> Array:
    """Root of the pair-weighted mean semivariance of each variable; 1 where a variable does not vary."""
    scales = np.ones(len(experimental))
    for i, row in enumerate(experimental):
        direct = row[-1]
        if not direct.pairs.sum():
            msg = f"variable {i} of a coregionalisation has no pair in any lag. Add samples that carry it, or leave it out."
            raise TooFewSamples(msg)
        scales[i] = np.sqrt(np.average(direct.semivariance, weights=direct.pairs)) or 1.0
    return scales


def _shapes(experimental: Experimental, structures: Sequence[Structure]) -> Array:
    """(lags, 1 + structures) semivariances of unit sill: nugget, then structures."""
    parts = [1 - CovarianceModel(0.0, (replace(part, sill=1.0),)).at_lag(experimental.horizontal_m, experimental.vertical_m) for part in structures]
    return np.column_stack([np.ones(len(experimental.pairs)), *parts])


def _cressie_weight(shapes: Array, sills: Array, i: int, j: int, pairs: NDArray[np.int64]) -> Array:
    modelled_i, modelled_j, modelled = shapes @ sills[:, i, i], shapes @ sills[:, j, j], shapes @ sills[:, i, j]
    return np.asarray(2 * pairs / np.maximum(modelled_i * modelled_j + modelled**2, _ROUNDING))


def _sweep(shapes: list[list[Array]], measured: list[list[Array]], weight: list[list[Array]], sills: Array) -> tuple[Array, int]:
    """Goulard & Voltz sweeps from the given sills (1 + structures, variables, variables) until nothing moves, at most 20,000."""
    parts, v = sills.shape[:2]
    gram, right = np.zeros((parts, parts, v, v)), np.zeros((parts, v, v))
    for i in range(v):
        for j in range(v):
            weighted = shapes[i][j] * weight[i][j][:, None]
            gram[:, :, i, j] = weighted.T @ shapes[i][j]
            right[:, i, j] = weighted.T @ measured[i][j]
    steepest = np.array([gram[k, k].max() for k in range(parts)])
    sills = sills.copy()
    sweeps, moved = 0, np.inf
    while moved >= _SETTLED and sweeps < _SWEEPS:
        sweeps, moved = sweeps + 1, 0.0
        for k in range(parts):
            step = (right[k] - np.einsum("lij,lij->ij", gram[k], sills)) / steepest[k]
            new = _nearest_semidefinite(sills[k] + step)
            moved = max(moved, float(np.abs(new - sills[k]).max()))
            sills[k] = new
    return sills, sweeps


def _nearest_semidefinite(matrix: Array) -> Array:
    """Nearest positive semi-definite matrix in the Frobenius norm: negative eigenvalues become 0."""
    values, vectors = np.linalg.eigh(matrix)
    half = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(half @ half.T)
