"""Experimental variograms down and across cores, and the nested model fitted to both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.distance import pdist

from pipeline.geostatistics.covariance import CovarianceModel, Structure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_ROUNDING = 1e-20  # values are standardised: a variance this small is their last bits
_START_RANGES = (0.1, 0.3, 0.9)


@dataclass(frozen=True)
class Experimental:
    """Half the mean squared difference of pairs, by lag (Matheron 1963).

    Parameters
    ----------
    horizontal_m, vertical_m : (lags,) arrays
        Mean lag of the pairs in metres; one of them is 0.
    semivariance : (lags,) array
    pairs : (lags,) int array
    """

    horizontal_m: Array
    vertical_m: Array
    semivariance: Array
    pairs: NDArray[np.int64]


@dataclass(frozen=True)
class Fit:
    """A fitted model and what a reader must know about it.

    Parameters
    ----------
    model : CovarianceModel
    cost : float
        Weighted sum of squares.
    at_bounds : tuple of str
        Parameters that ended on a bound: the data do not say more.
    """

    model: CovarianceModel
    cost: float
    at_bounds: tuple[str, ...]


def experimental_variogram(positions_m: Array, values: Array, cores: NDArray[Any], layer_m: float, lag_edges_m: Array) -> Experimental:
    """Down-core pairs by whole layers, and pairs of different cores at equal depth by horizontal lag.

    Parameters
    ----------
    positions_m : (n, 3) array
        Easting, northing, depth below the seafloor in metres.
    values : (n,) array
    cores : (n,) array
        Label of each datum's core.
    layer_m : float
        Step of the vertical lags in metres.
    lag_edges_m : (lags + 1,) array
        Edges of the horizontal lags in metres; lags without a pair are left out.
    """
    upper = np.triu_indices(len(values), k=1)
    half_square = 0.5 * (values[upper[0]] - values[upper[1]]) ** 2
    horizontal_m = pdist(positions_m[:, :2])
    vertical_m = np.abs(positions_m[upper[0], 2] - positions_m[upper[1], 2])
    same_core = cores[upper[0]] == cores[upper[1]]
    steps = np.rint(vertical_m / layer_m).astype(np.int64)
    rows = []
    for step in np.unique(steps[same_core & (steps > 0)]):
        chosen = same_core & (steps == step)
        rows.append((0.0, vertical_m[chosen].mean(), half_square[chosen].mean(), int(chosen.sum())))
    across = ~same_core & (steps == 0) & (horizontal_m > 0)
    bins = np.digitize(horizontal_m, lag_edges_m)
    for number in range(1, len(lag_edges_m)):
        chosen = across & (bins == number)
        if chosen.any():
            rows.append((horizontal_m[chosen].mean(), 0.0, half_square[chosen].mean(), int(chosen.sum())))
    table = np.array(rows, dtype=float).reshape(-1, 4)
    return Experimental(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(np.int64))


def lag_edges_m(positions_m: Array, lags: int, max_lag_share: float) -> Array:
    """Edges of equally wide horizontal lags up to a share of the largest distance, in metres."""
    return np.linspace(0.0, float(pdist(positions_m[:, :2]).max()) * max_lag_share, lags + 1)


def fit_variogram(experimental: Experimental, kind: str, horizontal_range_m: tuple[float, float], vertical_range_m: tuple[float, float]) -> Fit:
    r"""Fit nugget, one anisotropic structure and one zonal structure by weighted least squares.

    .. math:: \gamma(d_h, d_v) = c_0 + c_1\,\gamma_1\!\big(\sqrt{(d_h/a_h)^2 + (d_v/a_v)^2}\big) + c_2\,\gamma_1(d_h/a_h)

    minimises :math:`\sum_j N_j (\hat\gamma_j/\gamma_j - 1)^2` (Cressie 1985). The zonal part :math:`c_2` differs between cores and not within
    one: without vertical lags it is left out. Several starts, the best wins; positive definite by construction.

    Parameters
    ----------
    experimental : Experimental
        Of standardised values, whose variance is near 1, or 0 where nothing varies.
    kind : {"spherical", "exponential"}
    horizontal_range_m, vertical_range_m : (lowest, highest)
        Bounds in metres.
    """
    has_vertical = bool((experimental.vertical_m > 0).any())
    scale = float(np.average(experimental.semivariance, weights=experimental.pairs)) if experimental.pairs.sum() else 0.0
    low_h, high_h = np.log(horizontal_range_m)
    low_v, high_v = np.log(vertical_range_m)
    names = ["nugget", "sill", "horizontal range", "vertical range", "zonal sill"]
    free = np.array([True, True, True, has_vertical, has_vertical])
    lower = np.array([0.0, 0.0, low_h, low_v, 0.0])
    upper = np.array([10.0, 10.0, high_h, high_v, 10.0])
    if scale <= _ROUNDING:
        flat = CovarianceModel(0.0, (Structure(kind, 0.0, horizontal_range_m[1], vertical_range_m[1]),))
        return Fit(flat, 0.0, ("sill",))

    def model_of(reduced: Array) -> CovarianceModel:
        full = np.array([0.0, 0.0, 0.0, 0.5 * (low_v + high_v), 0.0])
        full[free] = reduced
        nugget, sill, horizontal, vertical, zonal = (float(value) for value in full)
        parts = [Structure(kind, sill * scale, float(np.exp(horizontal)), float(np.exp(vertical)) if has_vertical else np.inf)]
        if has_vertical:
            parts.append(Structure(kind, zonal * scale, float(np.exp(horizontal)), np.inf))
        return CovarianceModel(nugget * scale, tuple(parts))

    def misfit(reduced: Array) -> Array:
        modelled = model_of(reduced).semivariance(experimental.horizontal_m, experimental.vertical_m)
        return np.sqrt(experimental.pairs) * (experimental.semivariance / np.maximum(modelled, 1e-6 * scale) - 1)

    starts = (np.array([0.1, 0.7, low_h + share * (high_h - low_h), low_v + 0.5 * (high_v - low_v), 0.2])[free] for share in _START_RANGES)
    fits = [
        least_squares(misfit, start, bounds=(lower[free], upper[free]), x_scale=np.maximum(upper - lower, 1.0)[free], xtol=1e-12) for start in starts
    ]
    best = min(fits, key=lambda result: result.cost)
    touched = np.isclose(best.x, lower[free], atol=1e-5) | np.isclose(best.x, upper[free], atol=1e-5)
    at_bounds = tuple(str(name) for name, on in zip(np.array(names)[free], touched, strict=True) if on)
    return Fit(model_of(best.x), float(2 * best.cost), at_bounds)
