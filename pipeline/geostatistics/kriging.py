"""Kriging with one factorisation for any number of targets, from points to whole regions.

A target is any linear functional of the field (a point, a block, a column, a total); it enters by its covariance with the data, its own variance and
its drift. Ordinary kriging is the case of a constant drift (Matheron 1963; Journel & Huijbregts 1978, ch. V; Chiles & Delfiner 2012, ch. 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from pipeline.errors import TooFewSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.geostatistics.covariance import CovarianceModel

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """Result of kriging.

    Parameters
    ----------
    value : (targets,) or (targets, variables) array
    variance : (targets,) array
        Kriging variance, not negative.
    slope_of_regression : (targets,) array
        Of the true value on the estimate under the model, Cov(Z, Z*) / Var(Z*); NaN where the estimate does not vary.
    """

    value: Array
    variance: Array
    slope_of_regression: Array


class Kriging:
    r"""Kriging system of a set of data, factorised once.

    With :math:`K` the covariance of the data, :math:`F` their drift, :math:`c` the covariance of target and data, :math:`f` the drift of the target,

    .. math::
        A = F^T K^{-1} F, \quad d = f - F^T K^{-1} c, \quad \lambda = K^{-1} c + K^{-1} F A^{-1} d, \quad
        \sigma^2 = C_{vv} - c^T K^{-1} c + d^T A^{-1} d

    Parameters
    ----------
    positions_m : (data, 3) array
        Easting, northing, depth below the seafloor in metres.
    model : CovarianceModel
    drift : (data, drifts) array
        Columns of known functions; a column of ones is ordinary kriging.
    error_variance : (data,) array, optional
        Variance of the measurement error of each datum; unlike the nugget it never belongs to the target.

    Raises
    ------
    TooFewSamples
        Two data coincide without nugget or error, or the drift cannot be told apart from the data.
    """

    def __init__(self, positions_m: Array, model: CovarianceModel, drift: Array, error_variance: Array | None = None) -> None:
        self.positions_m, self.model, self.drift = positions_m, model, drift
        covariance = model.between(positions_m, positions_m)
        covariance[np.diag_indices(len(positions_m))] += model.nugget + (0.0 if error_variance is None else error_variance)
        try:
            self._factor = cho_factor(covariance, lower=True)
            self._solved_drift = cho_solve(self._factor, drift)
            self._drift_factor = cho_factor(drift.T @ self._solved_drift, lower=True)
        except LinAlgError:
            msg = (
                f"the kriging system of {len(positions_m)} data has no unique solution: data coincide without nugget, or a drift has no data. "
                "Merge coincident samples, or add data."
            )
            raise TooFewSamples(msg) from None
        self._inverse = cho_solve(self._factor, np.eye(len(positions_m)))

    def weights(self, covariance: Array, target_drift: Array) -> Array:
        """Weights (targets, data) for targets with the given covariance (targets, data) and drift (targets, drifts)."""
        corrected = np.asarray(cho_solve(self._drift_factor, (target_drift - covariance @ self._solved_drift).T)).T
        return covariance @ self._inverse + corrected @ self._solved_drift.T

    def coefficients(self, values: Array) -> Array:
        """Generalised least-squares coefficients of the drift."""
        return np.asarray(cho_solve(self._drift_factor, self._solved_drift.T @ values))

    def estimate(self, values: Array, covariance: Array, target_drift: Array, target_variance: Array | float) -> Estimate:
        """Krige targets.

        Parameters
        ----------
        values : (data,) or (data, variables) array
        covariance : (targets, data) array
            Between target and data, without nugget for blocks; for a point that coincides with a datum the caller adds the nugget.
        target_drift : (targets, drifts) array
        target_variance : (targets,) array or float
        """
        shared = covariance @ self._solved_drift
        residual_drift = target_drift - shared
        corrected = np.asarray(cho_solve(self._drift_factor, residual_drift.T)).T
        explained = np.einsum("td,td->t", covariance @ self._inverse, covariance)
        drift_part = np.einsum("tp,tp->t", corrected, residual_drift)
        cross = np.einsum("tp,tp->t", corrected, shared)
        # Dual form: the data are solved once, no weights are formed for each target.
        coefficients = self.coefficients(values)
        value = covariance @ (self._inverse @ (values - self.drift @ coefficients)) + target_drift @ coefficients
        spread = explained + 2 * cross + drift_part
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(spread > 0, (explained + cross) / spread, np.nan)
        return Estimate(value, np.maximum(target_variance - explained + drift_part, 0.0), slope)

    def leave_one_out(self, values: Array, groups: Array) -> tuple[Array, Array]:
        r"""Estimate each datum from all data outside its group (a core), from the one factorisation.

        With :math:`Q` the matrix that maps data to generalised residuals, :math:`Q = K^{-1} - K^{-1}F A^{-1}F^T K^{-1}`, the errors of a left-out
        group :math:`g` are :math:`Q_{gg}^{-1} (Qz)_g` and their covariance is :math:`Q_{gg}^{-1}` (Dubrule 1983, for single data).

        Parameters
        ----------
        values : (data,) array
        groups : (data,) array
            Data with equal labels are left out together.

        Returns
        -------
        estimate, variance : (data,) arrays
            NaN where the rest cannot estimate the group (its drift has no other datum).
        """
        projector = self._inverse - self._solved_drift @ cho_solve(self._drift_factor, self._solved_drift.T)
        residuals = projector @ values
        estimate, variance = np.full(len(values), np.nan), np.full(len(values), np.nan)
        for group in np.unique(groups):
            members = np.flatnonzero(groups == group)
            block = projector[np.ix_(members, members)]
            # A drift that lives in this group alone makes its block singular: the rest says nothing about it.
            if np.linalg.matrix_rank(block, hermitian=True) < members.size:
                continue
            inverse = np.linalg.inv(block)
            estimate[members] = values[members] - inverse @ residuals[members]
            variance[members] = np.diag(inverse)
        return estimate, variance
