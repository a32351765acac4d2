"""Kriging of points and blocks: simple, ordinary, universal, with external drift, and cokriging, from all data or from a moving neighbourhood."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.covariance import POINT, Block, CovarianceModel
from pipeline.geostatistics.kriging_system import Estimate, Kriging
from pipeline.geostatistics.moving_neighbourhood import Neighbourhood, krige_moving

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.geostatistics.coregionalisation import Coregionalisation

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

__all__ = ["Estimate", "Kriging", "Neighbourhood", "cokrige", "krige", "trend"]


def krige(
    data_m: Array,
    values: Array,
    model: CovarianceModel,
    targets_m: Array,
    *,
    drift: Array | None = None,
    target_drift: Array | None = None,
    mean: float | None = None,
    error_variance: Array | None = None,
    block: Block = POINT,
    neighbourhood: Neighbourhood | None = None,
    cores: Array | None = None,
) -> Estimate:
    """Krige points or blocks: ordinary unless a known mean or a drift is given.

    The order of the data changes no bit of the result.

    Parameters
    ----------
    data_m : (data, 3) array
        Easting, northing, depth below the seafloor in metres.
    values : (data,) array
    model : CovarianceModel
    targets_m : (targets, 3) array
    drift, target_drift : (data, drifts) and (targets, drifts) array, optional
        Known functions whose unknown multiples are added to the unknown constant: a trend of the coordinates (universal kriging, :func:`trend`) or
        any other field (kriging with external drift), such as water depth. A column that is the same at all data adds nothing and is left out. NaN at
        a target gives NaN there.
    mean : float, optional
        Known mean: simple kriging.
    error_variance : (data,) array, optional
        Variance of the measurement error of each datum; unlike the nugget it is no part of the target.
    block : Block
        Nodes of a block, from :func:`~pipeline.geostatistics.covariance.block_nodes`; a point unless given.
    neighbourhood : Neighbourhood, optional
        All data unless given.
    cores : (data,) array, optional
        Label of each datum's core, for ``max_per_core``.

    Returns
    -------
    Estimate
        The variance of a point contains the nugget, that of a block does not (gstat's convention; Pebesma 2004). A point that coincides with a
        datum has its value, and variance 0, unless that datum has a measurement error.

    Raises
    ------
    TooFewSamples
        There is no datum, the data do not determine the drift, or the system is singular: data coincide without nugget or error.
    ValueError
        A mean and a drift are both given, shapes do not fit, or a number is not finite.

    Examples
    --------
    >>> from pipeline.geostatistics.covariance import CovarianceModel, Structure
    >>> model = CovarianceModel(0.0, (Structure("spherical", 1.0, 100.0),))
    >>> data_m = np.array([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0]])
    >>> result = krige(data_m, np.array([1.0, 3.0]), model, np.array([[25.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    >>> result.value.round(6).tolist(), result.variance.round(6).tolist()
    ([2.0, 1.0], [0.390625, 0.0])
    """
    if mean is not None and drift is not None:
        msg = "a known mean and a drift are both given: subtract the known part from the values, or leave the mean out"
        raise ValueError(msg)
    order = _order(data_m, values, error_variance, drift)
    columns, target_columns = _drift_columns(len(values), len(targets_m), drift, target_drift)
    first = 0 if mean is None else 1
    estimate = _krige(
        data_m, values - (mean or 0.0), model, columns[:, first:], targets_m, target_columns[:, first:], order, error_variance, block, neighbourhood,
        cores, np.zeros(len(values), dtype=np.int64), 0,
    )  # fmt: skip
    return estimate if mean is None else replace(estimate, value=estimate.value + mean)


def cokrige(
    data_m: Array,
    values: Array,
    variable: Integers,
    model: Coregionalisation,
    targets_m: Array,
    target_variable: int,
    *,
    drift: Array | None = None,
    target_drift: Array | None = None,
    error_variance: Array | None = None,
    block: Block = POINT,
    neighbourhood: Neighbourhood | None = None,
    cores: Array | None = None,
) -> Estimate:
    """Cokrige one of several variables, each with an unknown mean of its own (ordinary cokriging; Journel & Huijbregts 1978, ch. V.A.5).

    Variables need not be known at the same places. All are scaled to unit variance first: units change nothing.

    Parameters
    ----------
    data_m, values : (data, 3) and (data,) arrays
        Data of all variables, one below the other.
    variable : (data,) int array
        Number of each datum's variable, from 0.
    model : Coregionalisation
    targets_m : (targets, 3) array
    target_variable : int
        Which variable is estimated.
    drift, target_drift, error_variance, block, neighbourhood, cores
        As in :func:`krige`. A drift belongs to the variable estimated.

    Returns
    -------
    Estimate
        Of the variable asked for, in its own unit.

    Raises
    ------
    TooFewSamples
        As in :func:`krige`, or the estimated variable has no datum. Coincident data of one variable must be merged.
    ValueError
        As in :func:`krige`.

    Examples
    --------
    A well-known second variable stands in where the first was not measured:

    >>> from pipeline.geostatistics.coregionalisation import Coregionalisation
    >>> from pipeline.geostatistics.covariance import Structure
    >>> model = Coregionalisation(np.zeros((2, 2)), (Structure("spherical", 1.0, 500.0),), np.array([[[1.0, 0.8], [0.8, 1.0]]]))
    >>> data_m = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [300.0, 0.0, 0.0]])
    >>> values, variable = np.array([1.0, 1.0, 3.0]), np.array([0, 1, 1])
    >>> result = cokrige(data_m, values, variable, model, np.array([[300.0, 0.0, 0.0]]), 0)
    >>> result.value.round(3).tolist(), result.variance.round(3).tolist()
    ([2.6], [0.57])
    """
    variable = np.asarray(variable, dtype=np.int64)
    if not np.any(variable == target_variable):
        msg = f"variable {target_variable} has no datum: cokriging with an unknown mean needs at least one"
        raise TooFewSamples(msg)
    sd = np.sqrt(np.diag(model.variance))
    sd = np.where(sd > 0, sd, 1.0)
    scale = sd[variable]
    order = _order(data_m, values, variable, error_variance, drift)
    extra, target_extra = _drift_columns(len(values), len(targets_m), drift, target_drift)
    is_estimated = variable == target_variable
    present = np.unique(variable)
    means = (variable[:, None] == present).astype(float)
    target_means = np.broadcast_to(present == target_variable, (len(targets_m), present.size)).astype(float)
    estimate = _krige(
        data_m, values / scale, model.scaled(1 / sd), np.hstack([means, extra[:, 1:] * is_estimated[:, None]]), targets_m,
        np.hstack([target_means, target_extra[:, 1:]]), order, None if error_variance is None else error_variance / scale**2, block, neighbourhood,
        cores, variable, target_variable,
    )  # fmt: skip
    factor = sd[target_variable]
    return Estimate(estimate.value * factor, estimate.variance * factor**2, estimate.slope_of_regression)


def trend(positions_m: Array, degree: int, axes: tuple[int, ...] = (0, 1)) -> Array:
    """Monomials of the coordinates up to a degree, without the constant: the drift of universal kriging (Matheron 1969).

    Parameters
    ----------
    positions_m : (n, 3) array
    degree : int
    axes : tuple of int
        Which coordinates: 0 easting, 1 northing, 2 depth.

    Returns
    -------
    (n, monomials) array

    Examples
    --------
    >>> trend(np.array([[2.0, 3.0, 0.0]]), 2).tolist()
    [[2.0, 3.0, 4.0, 6.0, 9.0]]
    """
    powers = [chosen for order in range(1, degree + 1) for chosen in combinations_with_replacement(axes, order)]
    return np.column_stack([np.prod(positions_m[:, list(chosen)], axis=1) for chosen in powers])


def _order(data_m: Array, values: Array, *more: NDArray[Any] | None) -> Integers:
    """Order by place, then by all else: whatever order the data come in, they are summed in this one.

    Raises
    ------
    TooFewSamples, ValueError
        There is no datum; positions and values do not fit or are not finite.
    """
    if len(values) == 0:
        msg = "there is no datum to krige from"
        raise TooFewSamples(msg)
    if np.shape(data_m) != (len(values), 3):
        msg = f"positions are {np.shape(data_m)} for {len(values)} values; each datum needs easting, northing and depth"
        raise ValueError(msg)
    keys = [values, *(column for part in more if part is not None for column in np.reshape(part, (len(values), -1)).T)]
    for name, numbers in (("a position", data_m), ("a value, an error variance or a drift", np.array(keys))):
        if not np.all(np.isfinite(numbers)):
            msg = f"{name} of the data is not finite: leave out what is missing"
            raise ValueError(msg)
    return np.lexsort((*keys, *np.transpose(data_m)[::-1]))


def _drift_columns(data: int, targets: int, drift: Array | None, target_drift: Array | None) -> tuple[Array, Array]:
    """A constant and the drifts that vary over the data, these shifted and scaled alike at data and targets, so that a solve keeps its digits."""
    constant = np.ones((data, 1)), np.ones((targets, 1))
    if (drift is None) != (target_drift is None):
        msg = "a drift must be given both at the data and at the targets"
        raise ValueError(msg)
    if drift is None or target_drift is None:
        return constant
    drift, target_drift = np.reshape(drift, (data, -1)), np.reshape(target_drift, (targets, -1))
    if drift.shape[1] != target_drift.shape[1]:
        msg = f"the data have {drift.shape[1]} drifts, the targets {target_drift.shape[1]}"
        raise ValueError(msg)
    middle, spread = drift.mean(axis=0), drift.std(axis=0)
    varies = spread > 1e-12 * np.abs(middle)
    scaled = [(part[:, varies] - middle[varies]) / spread[varies] for part in (drift, target_drift)]
    return np.hstack([constant[0], scaled[0]]), np.hstack([constant[1], scaled[1]])


def _krige(
    data_m: Array,
    values: Array,
    model: CovarianceModel | Coregionalisation,
    drift: Array,
    targets_m: Array,
    target_drift: Array,
    order: Integers,
    error_variance: Array | None,
    block: Block,
    neighbourhood: Neighbourhood | None,
    cores: Array | None,
    variable: Integers,
    target_variable: int,
) -> Estimate:
    """Krige sorted data from all of them or from a neighbourhood."""
    errors = np.zeros(len(values)) if error_variance is None else np.asarray(error_variance)[order]
    data_m, values, drift, variable = np.asarray(data_m)[order], values[order], drift[order], variable[order]
    if neighbourhood is None:
        system = Kriging(data_m, model, drift, errors, variable)
        return system.at(values, targets_m, target_drift, block, target_variable)
    numbers = None if cores is None else np.unique(cores, return_inverse=True)[1].astype(np.int64)[order]
    if neighbourhood.max_per_core is not None and numbers is None:
        msg = "max_per_core needs the label of each datum's core"
        raise ValueError(msg)
    return krige_moving(
        data_m, values, model, drift, targets_m, target_drift, neighbourhood, error_variance=errors, support=block, cores=numbers, variable=variable,
        target_variable=target_variable,
    )  # fmt: skip
