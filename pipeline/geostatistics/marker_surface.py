r"""A marker horizon between cores: its depth as a kriged surface with a trend, draws of it, and what of a layer beside it exists.

Layers that follow a marker lie at depths :math:`[t, b]` below it, negative above. With :math:`H(x)` the depth of the marker below the seafloor, only
what lies below the seafloor exists:

.. math:: \tau(x) = \max(0,\, H(x) + b) - \max(0,\, H(x) + t)

Where :math:`H` is known as :math:`N(m, s^2)`, the expectation of a positive part is that of a censored normal variable (Tobin 1958; Johnson, Kotz &
Balakrishnan 1994, § 10.1), with :math:`\Phi, \varphi` the standard normal distribution and density:

.. math:: E\big[\max(0, H + z)\big] = (m + z)\,\Phi(u) + s\,\varphi(u), \qquad u = (m + z) / s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr
from threadpoolctl import threadpool_limits

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.conditional_simulation import ConditionalSimulation
from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_covariance, block_nodes
from pipeline.geostatistics.kriging_system import Kriging
from pipeline.geostatistics.likelihood import RestrictedLikelihood, fit_likelihood
from pipeline.geostatistics.variogram import experimental_variogram, fit_variogram, lag_edges_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_NO_SPREAD = 1e-9  # of the depths: what is less is rounding
_SAME_PLACE_DECIMALS = 3
_STREAM = 0x4D61  # tells draws of a marker from every other stream of the same seed
_LEAST = 1e-6  # of a layer: a smaller share is rounding


def expected_depth_m(marker_m: Array, sd_m: Array | float, offset_m: Array | float) -> Array:
    """Expectation of the depth below the seafloor of what lies so far below a marker; 0 where it would lie above the seafloor.

    Parameters
    ----------
    marker_m, sd_m : arrays or floats
        Depth of the marker below the seafloor, as a normal variable; NaN stays NaN. With ``sd_m`` 0 it is known.
    offset_m : array or float
        Below the marker, negative above it; broadcasts with the others.

    Examples
    --------
    >>> expected_depth_m(np.array([2.0, 2.0, -1.0]), np.array([0.0, 1.0, 0.0]), -1.0).round(6).tolist()
    [1.0, 1.083315, 0.0]
    """
    mean_m, sd = np.asarray(marker_m, dtype=np.float64) + offset_m, np.asarray(sd_m, dtype=np.float64)
    spread = np.where(sd > 0, sd, 1.0)
    u = mean_m / spread
    uncertain = mean_m * ndtr(u) + spread * np.exp(-0.5 * u**2) / np.sqrt(2 * np.pi)
    return np.asarray(np.where(sd > 0, np.maximum(uncertain, 0.0), np.maximum(mean_m, 0.0)))


def thickness_share(marker_m: Array, sd_m: Array | float, tops_m: Array, layer_m: float) -> Array:
    """Expected share of each layer that lies below the seafloor: what exists of it.

    Parameters
    ----------
    marker_m, sd_m : (…) arrays
        As in :func:`expected_depth_m`.
    tops_m : (layers,) array
        Below the marker, negative above it.
    layer_m : float

    Returns
    -------
    (layers, …) array
        From 0 to 1; exactly that where the marker is known.

    Examples
    --------
    >>> thickness_share(np.array([2.5]), 0.0, np.array([-4.0, -3.0, -2.0]), 1.0).ravel().tolist()
    [0.0, 0.5, 1.0]
    """
    at_m = np.asarray(tops_m, dtype=np.float64).reshape(-1, *[1] * np.ndim(marker_m))
    share = (expected_depth_m(marker_m, sd_m, at_m + layer_m) - expected_depth_m(marker_m, sd_m, at_m)) / layer_m
    share = np.where(share > 1 - _LEAST, 1.0, np.where(share < _LEAST, 0.0, share))
    return np.asarray(np.where(np.isfinite(marker_m), share, np.nan))


@dataclass(frozen=True)
class Picks:
    """Where cores meet a marker, one place each.

    Parameters
    ----------
    positions_m : (picks, 2) array
        Easting and northing in metres.
    marker_m : (picks,) array
        Depth below the seafloor in metres.
    error_variance : (picks,) array
        Of the error of each pick, in m².
    """

    positions_m: Array
    marker_m: Array
    error_variance: Array

    @classmethod
    def of(cls, positions_m: Array, marker_m: Array, error_sd_m: Array) -> Picks:
        """Picks in one order, those of cores at one place (to the millimetre) as their mean."""
        order = np.lexsort((marker_m, *np.asarray(positions_m).T))
        at, depth_m, variance = (np.asarray(part, dtype=np.float64)[order] for part in (positions_m, marker_m, np.square(error_sd_m)))
        _, first, index = np.unique(np.round(at, _SAME_PLACE_DECIMALS), axis=0, return_index=True, return_inverse=True)
        number = np.asarray(index).ravel()
        count = np.bincount(number)
        mean_m, mean_variance = np.bincount(number, depth_m) / count, np.bincount(number, variance) / count**2
        # A single pick keeps its last bit.
        return cls(at[first], np.where(count == 1, depth_m[first], mean_m), mean_variance)


@dataclass(frozen=True)
class MarkerSurface:
    r"""Depth of a marker between its picks, by kriging with an unknown plane, or an unknown mean (Matheron 1969; Chilès & Delfiner 2012, § 3.4).

    Parameters
    ----------
    picks : Picks
    model : CovarianceModel
        Of what the trend leaves, in m².
    has_plane : bool
        Whether the unknown mean is a plane.

    Examples
    --------
    >>> at_m = np.array([[0.0, 0.0], [4_000.0, 0.0], [0.0, 4_000.0], [4_000.0, 4_000.0]])
    >>> picks = Picks.of(at_m, np.array([2.0, 4.0, 2.0, 4.0]), np.zeros(4))
    >>> surface = MarkerSurface(picks, CovarianceModel(0.0, (Structure("exponential", 0.04, 5_000.0),)), has_plane=True)
    >>> depth_m, sd_m = surface.points(np.array([[2_000.0, 1_000.0], [4_000.0, 0.0]]))
    >>> depth_m.round(6).tolist(), bool(sd_m[0] > 0.05), float(sd_m[1].round(6))
    ([3.0, 4.0], True, 0.0)
    """

    picks: Picks
    model: CovarianceModel
    has_plane: bool

    @property
    def varies(self) -> bool:
        """Whether anything is left to chance between the picks."""
        return self.model.sill > 0

    @cached_property
    def _middle_m(self) -> float:
        return float(self.picks.marker_m.mean())

    @cached_property
    def _system(self) -> Kriging:
        at_m = np.column_stack([self.picks.positions_m, np.zeros(len(self.picks.marker_m))])
        return Kriging(at_m, self.model, self.drift(self.picks.positions_m), self.picks.error_variance)

    def drift(self, positions_m: Array) -> Array:
        """(n, 1) or (n, 3) unknown mean at (n, 2) positions: the horizontal axes are shifted and scaled, so that a solve keeps its digits."""
        return _drift(positions_m, self.picks.positions_m, has_plane=self.has_plane)

    def points(self, positions_m: Array) -> tuple[Array, Array]:
        """Kriged depth and its standard deviation at (n, 2) points, in metres; the picks themselves where they have no error."""
        at_m = np.column_stack([positions_m, np.zeros(len(positions_m))])
        found = self._system.at(self.picks.marker_m - self._middle_m, at_m, self.drift(positions_m))
        return found.value + self._middle_m, np.sqrt(found.variance)

    def blocks(self, easting_m: Array, northing_m: Array, block_m: float, nodes: int) -> tuple[Array, Array]:
        """Kriged mean depth over square cells, and its standard deviation, in metres.

        Parameters
        ----------
        easting_m, northing_m : (cells,) arrays
            Centres.
        block_m : float
            Side of a cell.
        nodes : int
            Gauss-Legendre nodes along each side.
        """
        at_m, support = np.column_stack([easting_m, northing_m]), block_nodes((block_m, block_m, 0.0), (nodes, nodes, 1))
        # A plane's mean over a cell is its value in the middle.
        found = self._system.at(self.picks.marker_m - self._middle_m, np.column_stack([at_m, np.zeros(len(at_m))]), self.drift(at_m), support)
        sd_m = np.sqrt(found.variance) if self.varies or self.picks.error_variance.any() else np.zeros(len(at_m))
        return found.value + self._middle_m, sd_m

    def weights(self, covariance: Array, positions_m: Array) -> Array:
        """(targets, picks) weights on the picks of targets at (targets, 2) positions, given by their covariance with the picks."""
        return self._system.weights(covariance, self.drift(positions_m))

    def leave_one_out(self) -> tuple[Array, Array]:
        """(picks,) pick less what the others say of it, and the standard deviation that they give, both in metres."""
        left_m = self.picks.marker_m - self._middle_m
        foretold_m, variances = self._system.leave_one_out(left_m, np.arange(len(left_m), dtype=np.float64))
        return left_m - foretold_m, np.sqrt(np.maximum(variances, 0.0))


class SurfaceDraws:
    r"""Realisations of a marker over the cells of a grid: an unconditional field, and the kriging of what it misses at the picks.

    .. math:: H(v) = Y(v) + \sum_i \lambda_i(v)\,(h_i - y_i - \varepsilon_i)

    with the weights of kriging with the unknown plane or mean, so that the mean over realisations is the kriged surface, their variance the kriging
    variance, the trend's part of it included (Journel & Huijbregts 1978, p. 495; Chilès & Delfiner 2012, § 7.3), and at a pick without error each is
    the pick.

    Parameters
    ----------
    surface : MarkerSurface
    origin_m : (easting, northing)
        Centre of the north-western cell.
    shape : (rows, columns)
    cell_m : float
    nodes : int
        Gauss-Legendre nodes along each side of a cell.
    seed : int
        Realisation k depends on the seed and k alone.

    Attributes
    ----------
    kriged_cells_m : two (rows, columns) arrays
        Kriged mean of each cell and its standard deviation.
    """

    def __init__(self, surface: MarkerSurface, origin_m: tuple[float, float], shape: tuple[int, int], cell_m: float, nodes: int, seed: int) -> None:
        self.surface, self.shape, self.seed = surface, shape, seed
        rows, columns = np.indices(shape).reshape(2, -1)
        easting_m = np.asarray(origin_m[0] + cell_m * columns, dtype=np.float64)
        northing_m = np.asarray(origin_m[1] - cell_m * rows, dtype=np.float64)
        kriged_m, sd_m = surface.blocks(easting_m, northing_m, cell_m, nodes)
        self.kriged_cells_m = kriged_m.reshape(shape), sd_m.reshape(shape)
        self._simulation: ConditionalSimulation | None = None
        if not surface.varies:
            return
        support, at_m = block_nodes((cell_m, cell_m, 0.0), (nodes, nodes, 1)), np.column_stack([easting_m, northing_m])
        picks, model = surface.picks, surface.model
        # Known mean: only unconditional fields are taken from it, and their values at the picks.
        self._simulation = ConditionalSimulation(
            picks.positions_m, np.zeros(len(picks.marker_m)), model, origin_m, shape, cell_m, mean=0.0, block_nodes=support, seed=seed, threads=1,
            dtype=np.float64,
        )  # fmt: skip
        data_m = np.column_stack([picks.positions_m, np.zeros(len(picks.marker_m))])
        covariance = block_covariance(model, np.column_stack([at_m, np.zeros(len(at_m))]), data_m, *support)
        with threadpool_limits(1):
            self._weights = surface.weights(covariance, at_m)

    def realisation(self, number: int) -> Array:
        """(rows, columns) mean depth of the marker over each cell, metres below the seafloor."""
        if self._simulation is None:
            return self.kriged_cells_m[0]
        field, at_picks, errors = self._drawn(self._simulation, number)
        with threadpool_limits(1):
            return np.asarray(self.kriged_cells_m[0] + field - (self._weights @ (at_picks + errors)).reshape(self.shape))

    def at_picks(self, number: int) -> Array:
        """(picks,) the same realisation at the picks: the picks themselves where they have no error."""
        surface, picks = self.surface, self.surface.picks
        kriged_m, _ = surface.points(picks.positions_m)
        if self._simulation is None:
            return kriged_m
        _, at_picks, errors = self._drawn(self._simulation, number)
        data_m = np.column_stack([picks.positions_m, np.zeros(len(picks.marker_m))])
        covariance = surface.model.between(data_m, data_m) + surface.model.nugget * np.eye(len(data_m))
        return np.asarray(kriged_m + at_picks - surface.weights(covariance, picks.positions_m) @ (at_picks + errors))

    def _drawn(self, simulation: ConditionalSimulation, number: int) -> tuple[Array, Array, Array]:
        """Unconditional field of the cells, its values at the picks and errors of picking, both in the picks' order."""
        random = np.random.Generator(np.random.SFC64(np.random.SeedSequence([self.seed, number, _STREAM])))
        field, ordered = simulation.unconditional(random)
        at_picks = np.empty(len(ordered))
        at_picks[simulation.order] = ordered
        return field, at_picks, np.sqrt(self.surface.picks.error_variance) * random.standard_normal(len(ordered))


def fit_marker_surface(
    picks: Picks,
    kind: str,
    ranges_m: tuple[float, float],
    *,
    has_plane: bool,
    likelihood: bool,
    lags: int,
    max_lag_share: float,
) -> tuple[MarkerSurface, dict[str, Any]]:
    """Fit the model of a marker's depth to its picks.

    The plane (or mean) is taken off by least squares, and the variogram of what is left fitted; with ``likelihood`` that is only the start of a fit
    by restricted maximum likelihood, which the trend does not bias (Patterson & Thompson 1971; Kitanidis 1983): residuals of a plane fitted to few
    picks vary less than the surface does. What is fitted as a nugget becomes a part of the shortest range: it would average out inside a cell.

    Parameters
    ----------
    picks : Picks
    kind : str
        Shape of the correlated part.
    ranges_m : (lowest, highest)
        Bounds of the range in metres.
    has_plane : bool
        Whether the unknown mean is a plane.
    likelihood : bool
    lags : int
    max_lag_share : float
        Longest lag as a share of the largest distance.

    Returns
    -------
    surface : MarkerSurface
    fit : dict
        ``method``, ``at_bounds``, and what the least squares say of the plane: ``mean_m``, ``dip_m_per_km``, ``dip_azimuth_deg``.

    Raises
    ------
    TooFewSamples
        The picks do not determine the trend: too few, or on one line.
    """
    count, drift = len(picks.marker_m), _drift(picks.positions_m, picks.positions_m, has_plane=has_plane)
    if count <= drift.shape[1] or np.linalg.matrix_rank(drift) < drift.shape[1]:
        what = "a plane" if has_plane else "a mean"
        cure = 'Add picks, or set trend = "none".'
        msg = f"{count} picks of the marker do not determine {what} ([horizon] trend): too few, or on one line. {cure}"
        raise TooFewSamples(msg)
    coefficients = np.asarray(np.linalg.lstsq(drift, picks.marker_m)[0], dtype=np.float64)
    left_m = picks.marker_m - drift @ coefficients
    spread_m = float(np.sqrt(left_m @ left_m / (count - drift.shape[1])))
    said: dict[str, Any] = {"mean_m": float(picks.marker_m.mean()), **_dip(coefficients, picks.positions_m, has_plane=has_plane)}
    if spread_m <= _NO_SPREAD * max(float(np.abs(picks.marker_m).max()), 1.0):
        flat = CovarianceModel(0.0, (Structure(kind, 0.0, ranges_m[1]),))
        return MarkerSurface(picks, flat, has_plane), {"method": "every pick lies on the trend", "at_bounds": [], **said}
    at_m = np.column_stack([picks.positions_m, np.zeros(count)])
    edges_m = lag_edges_m(at_m, lags, max_lag_share)
    experimental = experimental_variogram(at_m, left_m / spread_m, np.arange(count), 1.0, edges_m)
    found, method = fit_variogram(experimental, kind, ranges_m, (1.0, 1.0)), "weighted least squares (Cressie 1985) on what the trend leaves"
    model, bounds = found.model, found.at_bounds
    if likelihood:
        likely = fit_likelihood(
            RestrictedLikelihood(at_m, picks.marker_m / spread_m, drift, picks.error_variance / spread_m**2), found.model, ranges_m, (1.0, 1.0)
        )
        model, bounds, method = likely.model, likely.at_bounds, "restricted maximum likelihood (Patterson & Thompson 1971)"
    structures = [replace(part, sill=part.sill * spread_m**2) for part in model.structures]
    # ASSUME: a surface has no nugget but errors of picks, which are told apart: what the fit takes for one is relief shorter than the survey shows.
    structures.append(Structure(kind, model.nugget * spread_m**2, ranges_m[0]))
    scaled = CovarianceModel(0.0, tuple(part for part in structures if part.sill > _NO_SPREAD * spread_m**2))
    table = [
        {"lag_m": float(lag), "semivariance_m2": float(value) * spread_m**2, "pairs": int(pairs)}
        for lag, value, pairs in zip(experimental.horizontal_m, experimental.semivariance, experimental.pairs, strict=True)
    ]
    return MarkerSurface(picks, scaled, has_plane), {"method": method, "at_bounds": list(bounds), "experimental": table, **said}


def _drift(positions_m: Array, picks_m: Array, *, has_plane: bool) -> Array:
    ones = np.ones((len(positions_m), 1))
    if not has_plane:
        return ones
    middle_m, extent_m = picks_m.mean(axis=0), max(float(np.ptp(picks_m, axis=0).max()), 1.0)
    return np.hstack([ones, (positions_m - middle_m) / extent_m])


def _dip(coefficients: Array, picks_m: Array, *, has_plane: bool) -> dict[str, Any]:
    """How the plane of least squares dips: metres deeper by kilometre, and towards which azimuth."""
    if not has_plane:
        return {}
    extent_m = max(float(np.ptp(picks_m, axis=0).max()), 1.0)
    east, north = coefficients[1:] / extent_m
    return {"dip_m_per_km": float(np.hypot(east, north) * 1000), "dip_azimuth_deg": float(np.degrees(np.arctan2(east, north)) % 360)}
