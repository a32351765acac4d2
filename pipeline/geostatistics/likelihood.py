r"""Restricted maximum likelihood of a covariance model, and how much the data say about each of its parameters.

With :math:`K` the covariance of the n data :math:`y` and :math:`F` their p drift functions, the likelihood of the n - p contrasts that no drift
can change (Patterson & Thompson 1971; Harville 1974) is

.. math::
    \ell = -\tfrac12\big[(n-p)\ln 2\pi - \ln|F^TF| + \ln|K| + \ln|F^TK^{-1}F| + y^TPy\big], \qquad
    P = K^{-1} - K^{-1}F(F^TK^{-1}F)^{-1}F^TK^{-1}

Marchant & Lark (2004) and Pardo-Iguzquiza & Dowd (2013) use it for variograms of few data: unlike least squares on an experimental variogram it
needs no lags, and its curvature tells how uncertain the parameters are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, lapack
from scipy.optimize import Bounds, brentq, minimize
from scipy.special import ndtri

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import CovarianceModel, Structure, correlation

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Objective = Callable[[Array], tuple[float, Array]]

_NO_VARIANCE = 1e-20
_LOWEST_SHARE, _HIGHEST_SHARE = 1e-6, 1e2  # of the variance of the data: the least and the most that nugget or sill may be
_START_SHARES = (0.15, 0.5, 0.85)
_START_NUGGETS = (0.05, 0.5)
_REFINED = 2
_SLOPE_STEP = 1e-4
_CURVATURE_STEP = 1e-3
_INTERVAL_STEP = 0.005


@dataclass(frozen=True)
class LikelihoodFit:
    """A model fitted by restricted maximum likelihood.

    Parameters
    ----------
    model : CovarianceModel
    log_likelihood : float
        Restricted; infinite where the data do not vary.
    parameters : tuple of str
        ``nugget``, ``sill``, ``horizontal range``, ``vertical range``, ``zonal sill``, as far as the model has them.
    estimates : (parameters,) array
        Variances in squared units of the data, ranges in metres.
    log_covariance : (parameters, parameters) array
        Of the natural logarithms of the estimates, from the curvature at the maximum; NaN where the data give none.
    at_bounds : tuple of str
        Parameters that ended on a bound: the data do not say more.
    remarks : tuple of str
        Why a covariance is missing.
    bounds : (parameters, 2) array
        Lowest and highest value searched.
    """

    model: CovarianceModel
    log_likelihood: float
    parameters: tuple[str, ...]
    estimates: Array
    log_covariance: Array
    at_bounds: tuple[str, ...]
    remarks: tuple[str, ...]
    bounds: Array

    @property
    def log_sd(self) -> Array:
        """(parameters,) standard errors of the natural logarithms of the estimates; 0.5 means a factor of 1.65 either way."""
        return np.sqrt(np.diag(self.log_covariance))


class RestrictedLikelihood:
    """Restricted likelihood of a set of data.

    Parameters
    ----------
    positions_m : (n, 3) array
        Easting, northing, depth below the seafloor in metres.
    values : (n,) array
        Finite.
    drift : (n, p) array
        Columns of known functions; a column of ones is an unknown mean.
    error_variance : (n,) array, optional
        Known variance of the measurement error of each datum, in squared units of the data.

    Raises
    ------
    TooFewSamples
        No more data than drift functions, or drift functions that the data cannot tell apart.
    ValueError
        A value, position or drift is not finite, or an error variance is negative.

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import Structure
    >>> line_m = np.column_stack([np.arange(20.0), np.zeros(20), np.zeros(20)])
    >>> likelihood = RestrictedLikelihood(line_m, np.sin(line_m[:, 0] / 3), np.ones((20, 1)))
    >>> smooth, rough = (CovarianceModel(nugget, (Structure("matern52", 1.0 - nugget, 10.0),)) for nugget in (0.001, 0.5))
    >>> likelihood.log_likelihood(smooth) > likelihood.log_likelihood(rough)
    True
    """

    def __init__(self, positions_m: Array, values: Array, drift: Array, error_variance: Array | None = None) -> None:
        error = np.zeros(len(values)) if error_variance is None else np.asarray(error_variance, dtype=float)
        if not all(np.isfinite(part).all() for part in (positions_m, values, drift, error)) or (error < 0).any():
            msg = "values, positions and drift must be finite, and error variances finite and not negative; leave other data out"
            raise ValueError(msg)
        # In one order: that of the data changes no bit.
        order = np.lexsort((values, *np.asarray(positions_m).T))
        self.positions_m, self._drift = np.asarray(positions_m, dtype=float)[order], np.asarray(drift, dtype=float)[order]
        n, p = self._drift.shape
        if n <= p or np.linalg.matrix_rank(self._drift) < p:
            msg = f"likelihood of {n} data with {p} drift functions: the data cannot tell them apart. Add samples, or pool layers."
            raise TooFewSamples(msg)
        y = np.asarray(values, dtype=float)[order]
        residuals = y - self._drift @ np.linalg.lstsq(self._drift, y)[0]
        self.degrees = n - p
        self.variance = float(residuals @ residuals) / self.degrees
        self.varies = self.variance > _NO_VARIANCE * max(float(np.mean(y**2)), np.finfo(float).tiny)
        # Everything below is in units of the standard deviation, so that the search does not depend on units.
        self.scale = float(np.sqrt(self.variance)) if self.varies else 1.0
        self._y, self._error = residuals / self.scale, error[order] / self.scale**2
        self.has_error = bool(self._error.any())
        self._log_det_drift = np.linalg.slogdet(self._drift.T @ self._drift)[1]
        self._lag2, self._lag_of = self._lags()

    def log_likelihood(self, model: CovarianceModel) -> float:
        """Restricted log-likelihood of any model.

        Raises
        ------
        TooFewSamples
            The covariance of the data is singular: data coincide without nugget or error.
        """
        covariance = model.between(self.positions_m, self.positions_m) / self.scale**2
        covariance[np.diag_indices(len(covariance))] += model.nugget / self.scale**2 + self._error
        try:
            value = self._reduced(covariance)[0]
        except LinAlgError:
            msg = f"the covariance of {len(covariance)} data is singular: data coincide without nugget. Merge coincident samples."
            raise TooFewSamples(msg) from None
        return float(value - self.degrees * np.log(self.scale))

    def of_logs(self, shape: Shape, logs: Array, concentrated: bool) -> tuple[float, Array, float]:
        r"""Log-likelihood of standardised data, its gradient, and the factor of the variance.

        Concentrated, all variances are multiplied by the factor that makes the likelihood largest,
        :math:`\hat\sigma^2 = y^TPy/(n-p)` (Kitanidis & Lane 1985); otherwise the factor is 1.

        Parameters
        ----------
        shape : Shape
        logs : (parameters,) array
            Natural logarithms of the parameters, variances in units of the data's.
        concentrated : bool
        """
        nugget, *rest = np.exp(logs)
        table, slopes = shape.correlations(self._lag2, rest)
        covariance = table[self._lag_of]
        covariance[np.diag_indices(len(covariance))] += nugget + self._error
        value, projector, solved = self._reduced(covariance)
        factor = float(self._y @ solved) / self.degrees if concentrated else 1.0
        if concentrated:
            value -= 0.5 * self.degrees * (np.log(factor) + 1 - factor)
        weight = projector - np.outer(solved, solved) / factor
        by_lag = np.bincount(self._lag_of.ravel(), weights=weight.ravel(), minlength=len(table))
        gradient = -0.5 * np.array([nugget * np.trace(weight), *(by_lag @ slope for slope in slopes)])
        return float(value), gradient, factor

    def _reduced(self, covariance: Array) -> tuple[float, Array, Array]:
        """Log-likelihood of the standardised data, the matrix P, and P y."""
        factor, info = lapack.dpotrf(covariance, lower=1)
        if info != 0:
            raise LinAlgError
        log_det = 2 * np.log(np.diag(factor)).sum()
        inverse, _ = lapack.dpotri(factor, lower=1)
        lower = np.tril(inverse)
        inverse = lower + np.tril(lower, -1).T
        solved_drift = inverse @ self._drift
        drift_factor = cho_factor(self._drift.T @ solved_drift, lower=True)
        projector = inverse - solved_drift @ cho_solve(drift_factor, solved_drift.T)
        solved = projector @ self._y
        log_det += 2 * np.log(np.diag(drift_factor[0])).sum() - self._log_det_drift
        value = -0.5 * (self.degrees * np.log(2 * np.pi) + log_det + self._y @ solved)
        return float(value), projector, solved

    def _lags(self) -> tuple[Array, NDArray[np.int64]]:
        """Distinct squared lags (lags, 2), horizontal and vertical, and which one each pair has (n, n): layered cores share few."""
        x, y, z = self.positions_m.T
        pairs = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2 + 1j * (z[:, None] - z) ** 2
        distinct, lag_of = np.unique(pairs, return_inverse=True)
        return np.stack([distinct.real, distinct.imag], axis=1), np.asarray(lag_of).reshape(pairs.shape)


@dataclass(frozen=True)
class Shape:
    """Which parameters a model has: nugget, one structure, and a zonal one that shares its horizontal range.

    Parameters
    ----------
    kind : str or None
        Of both structures; ``None`` is a nugget alone.
    has_vertical : bool
        Whether the vertical range is finite.
    has_zonal : bool

    Examples
    --------
    >>> Shape("exponential", has_vertical=True, has_zonal=True).parameters
    ('nugget', 'sill', 'horizontal range', 'vertical range', 'zonal sill')
    """

    kind: str | None
    has_vertical: bool
    has_zonal: bool

    @classmethod
    def of(cls, model: CovarianceModel) -> Shape:
        """Shape of a model as :func:`fit_variogram` makes it.

        Raises
        ------
        ValueError
            The model has other structures.
        """
        if not model.structures:
            return cls(None, False, False)
        first, *others = model.structures
        zonal = [replace(first, sill=part.sill, vertical_range_m=np.inf) for part in others]
        if len(others) > 1 or zonal != others or not first.is_layered:
            msg = "the likelihood fits a nugget, one structure, and a zonal one of the same kind and horizontal range; the model has others"
            raise ValueError(msg)
        return cls(first.kind, bool(np.isfinite(first.vertical_range_m)), bool(others))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names, in order."""
        structure = ("sill", "horizontal range") if self.kind else ()
        return ("nugget", *structure, *(("vertical range",) if self.has_vertical else ()), *(("zonal sill",) if self.has_zonal else ()))

    def values(self, model: CovarianceModel) -> Array:
        """(parameters,) array of a model of this shape."""
        every = {"nugget": model.nugget}
        for name, part in zip(("sill", "zonal sill"), model.structures, strict=False):
            every |= {name: part.sill, "horizontal range": part.horizontal_range_m}
        if self.has_vertical:
            every["vertical range"] = model.structures[0].vertical_range_m
        return np.array([every[name] for name in self.parameters])

    def model(self, values: Array) -> CovarianceModel:
        """Model of these parameters."""
        every = dict(zip(self.parameters, (float(value) for value in values), strict=True))
        if self.kind is None:
            return CovarianceModel(every["nugget"], ())
        first = Structure(self.kind, every["sill"], every["horizontal range"], every.get("vertical range", np.inf))
        zonal = (replace(first, sill=every["zonal sill"], vertical_range_m=np.inf),) if self.has_zonal else ()
        return CovarianceModel(every["nugget"], (first, *zonal))

    def correlations(self, lag2: Array, values: list[float]) -> tuple[Array, list[Array]]:
        """Covariance without nugget at squared lags (lags, 2), and its slopes in the logarithms of the parameters after the nugget."""
        if self.kind is None:
            return np.zeros(len(lag2)), []
        every = dict(zip(self.parameters[1:], values, strict=True))
        across = lag2[:, 0] / every["horizontal range"] ** 2
        down = lag2[:, 1] / every["vertical range"] ** 2 if self.has_vertical else np.zeros(len(lag2))
        part, slope = _correlation_and_slope(self.kind, across + down)
        covariance = every["sill"] * part
        share = np.divide(across, across + down, out=np.zeros_like(across), where=across + down > 0)
        slopes = {"sill": covariance.copy(), "horizontal range": -2 * every["sill"] * slope * share}
        if self.has_vertical:
            slopes["vertical range"] = -2 * every["sill"] * slope * (1 - share)
        if self.has_zonal:
            part, slope = _correlation_and_slope(self.kind, across)
            slopes["zonal sill"] = every["zonal sill"] * part
            slopes["horizontal range"] -= 2 * every["zonal sill"] * slope
            covariance += slopes["zonal sill"]
        return covariance, [slopes[name] for name in self.parameters[1:]]


def _correlation_and_slope(kind: str, reduced2: Array) -> tuple[Array, Array]:
    """Correlation at squared reduced lags q, and its slope in ln q by a central difference (error 1e-8, whatever the kind)."""
    up, down = (correlation(kind, reduced2 * (1 + step)) for step in (_SLOPE_STEP, -_SLOPE_STEP))
    return correlation(kind, reduced2), (up - down) / (2 * _SLOPE_STEP)


def fit_likelihood(
    likelihood: RestrictedLikelihood, start: CovarianceModel, horizontal_range_m: tuple[float, float], vertical_range_m: tuple[float, float]
) -> LikelihoodFit:
    """Fit a model by restricted maximum likelihood.

    The logarithms of the parameters are searched by L-BFGS-B (Byrd et al. 1995) from the given model and from the best two of a grid of others; the
    variance as a whole is found in closed form unless measurement errors fix its scale. Nugget and sills lie between a millionth and a hundred
    times the variance of the data. No draw is made: the same data give the same model.

    Parameters
    ----------
    likelihood : RestrictedLikelihood
    start : CovarianceModel
        Also says what is fitted: the nugget, and one structure with or without a zonal one, or none. As :func:`fit_variogram` makes it.
    horizontal_range_m, vertical_range_m : (lowest, highest)
        Bounds in metres.

    Returns
    -------
    LikelihoodFit
        If the data do not vary, the model has no sill.

    Raises
    ------
    ValueError
        The start has other structures.

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import Structure
    >>> line_m = np.column_stack([np.arange(40.0), np.zeros(40), np.zeros(40)])
    >>> likelihood = RestrictedLikelihood(line_m, np.sin(line_m[:, 0] / 3) + 0.1 * (-1.0) ** np.arange(40), np.ones((40, 1)))
    >>> start = CovarianceModel(0.1, (Structure("matern52", 0.9, 10.0),))
    >>> fit = fit_likelihood(likelihood, start, (1.0, 100.0), (1.0, 1.0))
    >>> fit.parameters, fit.at_bounds
    (('nugget', 'sill', 'horizontal range'), ())
    """
    shape = Shape.of(start)
    names = shape.parameters
    variances = np.array(["range" not in name for name in names])
    limits = {"horizontal range": horizontal_range_m, "vertical range": vertical_range_m}
    bounds = np.array([limits.get(name, (_LOWEST_SHARE, _HIGHEST_SHARE)) for name in names])
    unit = np.where(variances, likelihood.scale**2, 1.0)
    missing = np.full((len(names), len(names)), np.nan)
    if not likelihood.varies:
        values = np.where(variances, 0.0, bounds[:, 1])
        remark = "the data do not vary: there is nothing to fit"
        return LikelihoodFit(shape.model(values), np.inf, names, values, missing, ("sill",), (remark,), bounds * unit[:, None])
    lower, upper = np.log(bounds).T
    concentrated = not likelihood.has_error
    objective = _objective(likelihood, shape, concentrated)
    first = np.clip(np.log(np.maximum(shape.values(start) / unit, np.finfo(float).tiny)), lower, upper)
    tried = sorted((objective(logs)[0], tuple(logs)) for logs in _other_starts(shape, lower, upper))
    ends = [_minimise(objective, np.array(logs), lower, upper) for logs in (first, *(logs for _, logs in tried[:_REFINED]))]
    logs = min(ends, key=lambda end: end[0])[1]
    if concentrated:
        # The factor of the variance belongs to nugget and sills.
        factor = likelihood.of_logs(shape, logs, True)[2]
        logs = np.where(variances, np.clip(logs + np.log(factor), lower, upper), logs)
    values = np.exp(logs)
    low_share = variances & (values < 10 * _LOWEST_SHARE * values[variances].sum())
    on_bound = low_share | np.isclose(logs, lower, atol=1e-4) | np.isclose(logs, upper, atol=1e-4)
    covariance, remarks = _log_covariance(_objective(likelihood, shape, False), logs, on_bound, names)
    value = likelihood.of_logs(shape, logs, False)[0] - likelihood.degrees * np.log(likelihood.scale)
    at_bounds = tuple(name for name, on in zip(names, on_bound, strict=True) if on)
    return LikelihoodFit(shape.model(values * unit), float(value), names, values * unit, covariance, at_bounds, remarks, bounds * unit[:, None])


def _objective(likelihood: RestrictedLikelihood, shape: Shape, concentrated: bool) -> Objective:
    """Negative log-likelihood and its gradient; a singular covariance is as unlikely as can be."""

    def negative(logs: Array) -> tuple[float, Array]:
        try:
            value, gradient, _ = likelihood.of_logs(shape, logs, concentrated)
        except LinAlgError:
            return 1e100, np.zeros(len(logs))
        return -value, -gradient

    return negative


def _minimise(objective: Objective, start: Array, lower: Array, upper: Array) -> tuple[float, Array]:
    limits = Bounds(lower, upper)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 200, "ftol": 1e-11, "gtol": 1e-6})
    return float(found.fun), np.asarray(found.x)


def _other_starts(shape: Shape, lower: Array, upper: Array) -> list[Array]:
    """Ranges over their bounds, with little and with much nugget."""
    names = shape.parameters
    ranges = [k for k, name in enumerate(names) if "range" in name]
    starts = []
    for nugget, *shares in product(_START_NUGGETS, *([_START_SHARES] * len(ranges))):
        logs = np.log(np.full(len(names), (1 - nugget) / max(len(names) - len(ranges) - 1, 1)))
        logs[0] = np.log(nugget)
        for k, share in zip(ranges, shares, strict=True):
            logs[k] = lower[k] + share * (upper[k] - lower[k])
        starts.append(logs)
    return starts


def _log_covariance(objective: Objective, logs: Array, on_bound: NDArray[np.bool_], names: tuple[str, ...]) -> tuple[Array, tuple[str, ...]]:
    """Inverse of the curvature of the free parameters, by central differences of the gradient."""
    covariance = np.full((len(logs), len(logs)), np.nan)
    remarks = [f"{name} is on a bound: no standard error" for name, on in zip(names, on_bound, strict=True) if on]
    free = np.flatnonzero(~on_bound)
    curvature = np.empty((free.size, free.size))
    for row, k in enumerate(free):
        step = np.zeros(len(logs))
        step[k] = _CURVATURE_STEP
        curvature[row] = (objective(logs + step)[1] - objective(logs - step)[1])[free] / (2 * _CURVATURE_STEP)
    curvature = 0.5 * (curvature + curvature.T)
    try:
        np.linalg.cholesky(curvature)
    except LinAlgError:
        return covariance, (*remarks, "the likelihood is flat or bent upwards at its maximum: no standard errors")
    covariance[np.ix_(free, free)] = np.linalg.inv(curvature)
    return covariance, tuple(remarks)


def profile_interval(likelihood: RestrictedLikelihood, fit: LikelihoodFit, parameter: str, level: float = 0.95) -> tuple[float, float]:
    r"""Profile-likelihood interval of one parameter.

    .. math:: \{\theta: 2[\ell(\hat\theta) - \max_{\text{others}} \ell(\theta)] \le \chi^2_{1, level}\}

    (Pardo-Iguzquiza & Dowd 2013; Cox & Hinkley 1974, ch. 9). Unlike the standard error it follows a crooked likelihood. The ends are the nearest
    crossings either side of the estimate, to half a per cent.

    Parameters
    ----------
    likelihood : RestrictedLikelihood
    fit : LikelihoodFit
        Of the same data.
    parameter : str
        One of ``fit.parameters``.
    level : float
        Between 0 and 1.

    Returns
    -------
    low, high : float
        In the parameter's unit; 0 or infinity where the likelihood stays high up to the bound: the data set no limit there. NaN where the data
        do not vary.

    Raises
    ------
    ValueError
        The fit has no such parameter.

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import Structure
    >>> line_m = np.column_stack([np.arange(40.0), np.zeros(40), np.zeros(40)])
    >>> likelihood = RestrictedLikelihood(line_m, np.sin(line_m[:, 0] / 3) + 0.1 * (-1.0) ** np.arange(40), np.ones((40, 1)))
    >>> fit = fit_likelihood(likelihood, CovarianceModel(0.1, (Structure("matern52", 0.9, 10.0),)), (1.0, 100.0), (1.0, 1.0))
    >>> low_m, high_m = profile_interval(likelihood, fit, "horizontal range")
    >>> low_m < fit.model.structures[0].horizontal_range_m < high_m
    True
    """
    if parameter not in fit.parameters:
        msg = f"no parameter {parameter!r}; the model has {', '.join(fit.parameters)}"
        raise ValueError(msg)
    if not likelihood.varies:
        return np.nan, np.nan
    shape = Shape.of(fit.model)
    unit = np.array([1.0 if "range" in name else likelihood.scale**2 for name in fit.parameters])
    lower, upper = np.log(fit.bounds / unit[:, None]).T
    best = np.log(fit.estimates / unit)
    k = fit.parameters.index(parameter)
    others = np.arange(len(best)) != k
    # A range leaves the variance as a whole free: it is found in closed form.
    concentrated = "range" in parameter and not likelihood.has_error
    objective = _objective(likelihood, shape, concentrated)
    lowest = objective(best)[0]
    allowed = float(ndtri(0.5 + 0.5 * level))  # root of the chi-squared quantile with one degree of freedom
    sd = fit.log_sd[k] if np.isfinite(fit.log_sd[k]) else 0.5

    def end(limit: float) -> float:
        state = best[others]
        known: dict[float, float] = {}

        def rest(free: Array, log: float) -> tuple[float, Array]:
            logs = np.empty(len(best))
            logs[k], logs[others] = log, free
            value, gradient = objective(logs)
            return value, gradient[others]

        def excess(log: float) -> float:
            """Root of twice the loss against the maximum, less what the level allows: near linear in the logarithm."""
            nonlocal state
            if log not in known:
                value, state = (
                    _minimise(partial(rest, log=log), state, lower[others], upper[others]) if others.any() else (rest(state, log)[0], state)
                )
                known[log] = float(np.sqrt(max(2 * (value - lowest), 0.0)) - allowed)
            return known[log]

        inside, step = float(best[k]), 2 * float(sd) * float(np.sign(limit - best[k]))
        excess(inside)
        while inside != limit:
            outside = limit if abs(step) >= abs(limit - inside) else inside + step
            if excess(outside) > 0:
                return float(brentq(excess, inside, outside, xtol=_INTERVAL_STEP))
            inside, step = outside, 1.5 * step
        return float(np.copysign(np.inf, limit - 0.5 * (lower[k] + upper[k])))

    return float(np.exp(end(lower[k])) * unit[k]), float(np.exp(end(upper[k])) * unit[k])
