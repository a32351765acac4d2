"""Draw the reference survey: a synthetic deposit that is fully known, and the cores that a cruise would bring home from it.

No published core table with positions and Dy and Gd grades is free to redistribute, so the repository ships a survey drawn from
a deposit whose truth is kept beside it. Every number in :class:`ReferenceParameters` is an input, not a result.
What is drawn, with formulas and limits: ``docs/reference_survey.md``.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from affine import Affine
from scipy import fft
from scipy.special import ndtr

from pipeline.config import read_settings
from pipeline.errors import BathymetryError
from pipeline.files import atomic_path, json_text
from pipeline.grid import Grid, layers_of, region_grid, region_lonlat, region_share
from pipeline.units import KM2_PER_M2, TONNE_PER_GRAM

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.config import Settings
    from pipeline.grid import Layers

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Bounds = tuple[float, float, float, float]

GENERATOR: Final = "pipeline/reference_survey.py"
VERSION: Final = 1
"""Raise it with every change that alters a drawn number."""

SEED: Final = 20260201
"""Seed of the survey that ships: chosen once, before the first draw, and never tuned."""

ELEMENTS: Final = ("rey", "dy", "gd")
COLUMNS: Final = (
    *("core_id", "longitude_deg", "latitude_deg", "water_depth_m", "penetration_m", "from_m", "to_m"),
    *("dy_ppm", "gd_ppm", "dry_bulk_density_t_m3", "rey_ppm", "cruise", "device", "laboratory", "method", "note"),
)
BATHYMETRY: Final = "bathymetry/etopo1_6min_148-160E_18-30N.nc"

_TRUTH_DIGITS: Final = 7
_SCALING_STEPS: Final = 6


@dataclass(frozen=True)
class Peak:
    """One REY-rich horizon: a bump in depth, draped below the seafloor, before the deposit is scaled to its mean.

    Parameters
    ----------
    depth_m, depth_sd_m : float
        Mean and lateral spread (normal) of the depth of its crest below the seafloor.
    thickness_m, thickness_log_sd : float
        Median and log spread of its full width at half height.
    amplitude_ppm, amplitude_log_sd : float
        Median and log spread of its height, ppm of total REY over the background.
    patchy : bool
        Whether it is present in about half of the area only, with soft edges.
    """

    depth_m: float
    depth_sd_m: float
    thickness_m: float
    thickness_log_sd: float
    amplitude_ppm: float
    amplitude_log_sd: float
    patchy: bool = False


@dataclass(frozen=True)
class ReferenceParameters:
    """Inputs of the generator. Two are published figures used as targets; the rest are assumptions that make a plausible deposit.

    Parameters
    ----------
    rey_mean_ppm : float
        Mass-weighted mean of total REY over the region and the assessed interval, to which each deposit is scaled
        (after Takaya et al. 2018: 964).
    rey_cap_ppm, rey_knee_ppm : float
        No node exceeds the cap; grades are bent towards it above the knee (after Takaya et al. 2018: maximum almost 8,000).
    background_ppm : float
        Median of the background before scaling.
    background_log_sd, zonal_log_sd : float
        Log spread of the background's three-dimensional part, and of the part that is the same over the whole depth.
    peaks : tuple of Peak
    horizontal_range_m, lateral_range_m, vertical_range_m : float
        Practical ranges (correlation 5 %) of the exponential covariances: three-dimensional fields, purely lateral ones, and along depth.
    dy_share, gd_share : float
        Mean of Dy and Gd over total REY.
    share_log_sd, share_correlation, share_smooth : float
        Log spread of the shares, the correlation between the two, and the part of the variance that is spatially correlated.
    density_t_m3, density_at_ppm, density_per_log_grade_t_m3, density_sd_t_m3 : float
        Dry bulk density at a grade, its rise per e-fold of total REY, and its spread around that line.
    density_low_t_m3, density_high_t_m3 : float
        Density is held between these.
    nodes_per_cell : int
        Nodes along each side of a cell.
    slab_m : float
        Vertical spacing of nodes.
    station_rows, station_columns, station_jitter : int, int, float
        Stations: one per stratum of a regular division of the region's bounds, off its centre by at most this share of its sides.
    long_cores : (least, most)
        Number of long cores, both ends included; the other stations give short ones.
    long_core_m, short_core_m : (least, most)
        Penetration of either kind.
    sample_m, sample_spacing_m, sample_shifts_m : float, float, tuple of float
        Length and spacing of samples, and the shifts among which each one is drawn.
    assay_relative_sd, density_error_sd_t_m3, density_missing : float
        Relative error of each assay, error of each density, and the share of densities that are missing.
    sounding_sd_m : float
        Spread of the sounding at a station around the depth grid.

    Notes
    -----
    Dy and Gd shares, ranges, spreads, the density line and the errors are assumptions: none is published for this mud.
    """

    rey_mean_ppm: float = 960.0
    rey_cap_ppm: float = 8000.0
    rey_knee_ppm: float = 5000.0
    background_ppm: float = 520.0
    background_log_sd: float = 0.35
    zonal_log_sd: float = 0.30
    peaks: tuple[Peak, ...] = (
        Peak(3.0, 0.6, 0.8, 0.25, 2600.0, 0.65),
        Peak(8.0, 0.6, 0.8, 0.25, 1600.0, 0.65),
        Peak(5.5, 0.4, 0.6, 0.25, 900.0, 0.65, patchy=True),
    )
    horizontal_range_m: float = 15_000.0
    lateral_range_m: float = 20_000.0
    vertical_range_m: float = 1.2
    dy_share: float = 0.033
    gd_share: float = 0.036
    share_log_sd: float = 0.05
    share_correlation: float = 0.7
    share_smooth: float = 0.5
    density_t_m3: float = 0.55
    density_at_ppm: float = 750.0
    density_per_log_grade_t_m3: float = 0.04
    density_sd_t_m3: float = 0.035
    density_low_t_m3: float = 0.40
    density_high_t_m3: float = 0.70
    nodes_per_cell: int = 2
    slab_m: float = 0.1
    station_rows: int = 5
    station_columns: int = 5
    station_jitter: float = 0.25
    long_cores: tuple[int, int] = (18, 20)
    long_core_m: tuple[float, float] = (10.0, 20.0)
    short_core_m: tuple[float, float] = (4.0, 9.0)
    sample_m: float = 0.2
    sample_spacing_m: float = 0.5
    sample_shifts_m: tuple[float, ...] = (0.0, 0.1, 0.2)
    assay_relative_sd: float = 0.03
    density_error_sd_t_m3: float = 0.01
    density_missing: float = 0.065
    sounding_sd_m: float = 4.0


class Tonnage(NamedTuple):
    """Area, mud, grade and metal of a set of blocks; the grade is NaN where the set is empty."""

    area_km2: float
    dry_mud_t: float
    grade_ppm: float
    metal_t: float


@dataclass(frozen=True)
class Deposit:
    """The known deposit on its nodes.

    Parameters
    ----------
    grade_ppm : dict of (slabs, node rows, node columns) arrays
        Per element of :data:`ELEMENTS`, ppm of dry mass.
    density_t_m3 : (slabs, node rows, node columns) array
        Dry bulk density.
    slab_edges_m : (slabs + 1,) array
        Depths below the seafloor between which a node's value holds.
    """

    grade_ppm: dict[str, Array]
    density_t_m3: Array
    slab_edges_m: Array


@dataclass(frozen=True)
class Truth:
    """The known deposit on the blocks of the assessment; nothing here is estimated.

    Parameters
    ----------
    density_t_m3 : (layers, rows, columns) array
        Mean dry bulk density of each block.
    grade_ppm : dict of (layers, rows, columns) arrays
        Mass-weighted mean grade of each block, per element.
    share : (rows, columns) array
        Share of each cell's area inside the region.
    cell_area_m2 : float
    layers : Layers
    highest_rey_ppm : float
        Highest node inside the region and the assessed interval.
    """

    density_t_m3: Array
    grade_ppm: dict[str, Array]
    share: Array
    cell_area_m2: float
    layers: Layers
    highest_rey_ppm: float

    def over(self, element: str, cutoff_ppm: float = 0.0) -> Tonnage:
        """Blocks at or over a cut-off; the area is that of the cells that hold at least one."""
        return self._sum(element, self.grade_ppm[element] >= cutoff_ppm)

    def in_layer(self, element: str, layer: int) -> Tonnage:
        """All blocks of one layer."""
        return self._sum(element, np.broadcast_to((np.arange(self.layers.count) == layer)[:, None, None], self.density_t_m3.shape))

    def _sum(self, element: str, chosen: NDArray[np.bool_]) -> Tonnage:
        dry_mud_t = np.where(chosen, self.density_t_m3, 0.0) * self.share * self.cell_area_m2 * self.layers.layer_m
        mud_t = float(dry_mud_t.sum())
        metal_t = float((dry_mud_t * self.grade_ppm[element]).sum()) * TONNE_PER_GRAM
        area_km2 = float((chosen.any(axis=0) * self.share).sum()) * self.cell_area_m2 * KM2_PER_M2
        return Tonnage(area_km2, mud_t, metal_t / TONNE_PER_GRAM / mud_t if mud_t > 0 else math.nan, metal_t)


@dataclass(frozen=True)
class Survey:
    """What the cruise brought home, rounded as in the file.

    Parameters
    ----------
    longitude_deg, latitude_deg, penetration_m, sounding_offset_m : (cores,) arrays
        The offset is what the sounding at the station differs from the depth grid.
    core : (samples,) integers
        Number of the core, from 0, of each sample.
    from_m, to_m : (samples,) arrays
        Interval below the seafloor.
    grade_ppm : dict of (samples,) arrays
        Per element.
    dry_bulk_density_t_m3 : (samples,) array
        NaN where it was not measured.
    """

    longitude_deg: Array
    latitude_deg: Array
    penetration_m: Array
    sounding_offset_m: Array
    core: Integers
    from_m: Array
    to_m: Array
    grade_ppm: dict[str, Array]
    dry_bulk_density_t_m3: Array

    @cached_property
    def core_ids(self) -> list[str]:
        """Names of the cores, for instance ``RS-01``."""
        return [f"RS-{number + 1:02d}" for number in range(len(self.penetration_m))]


def draw(seed: int, settings: Settings, parameters: ReferenceParameters | None = None) -> tuple[Survey, Truth]:
    """Draw one deposit and one survey of it; another seed draws everything random anew.

    Parameters
    ----------
    seed : int
        Seed of every random number.
    settings : Settings
        Region and grid of the assessment. The deposit is drawn on nodes inside the grid's cells, so another grid is another deposit.
    parameters : ReferenceParameters, optional
        Inputs of the generator.

    Returns
    -------
    Survey, Truth
    """
    parameters = parameters or ReferenceParameters()
    grid, layers = region_grid(settings.region, settings.grid), layers_of(settings.grid)
    share = region_share(grid, settings.region)
    # Streams of their own: a change to the survey leaves the deposit as it is.
    in_ground, on_board = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    deposit = draw_deposit(in_ground, grid, layers, share, parameters)
    nodes = node_grid(grid, parameters.nodes_per_cell)
    survey = draw_survey(on_board, deposit, nodes, region_lonlat(settings.region).bounds, parameters)
    return survey, truth_of(deposit, grid, layers, share)


def draw_deposit(random: np.random.Generator, grid: Grid, layers: Layers, share: Array, parameters: ReferenceParameters) -> Deposit:
    r"""Draw a deposit on nodes inside the cells of a grid.

    .. math::
        g = \kappa\left(s\,\left[b\,e^{\sigma_3 Y(x,z) + \sigma_2 Z(x)}
            + \textstyle\sum_p a_p(x)\,e^{-4 \ln 2\,((z - d_p(x))/t_p(x))^2}\right]\right), \qquad
        \rho = \rho_0 + \beta \ln(g / g_0) + \sigma_\rho D(x,z)

    with :math:`\kappa` the cap of :func:`capped` and the scale :math:`s` such that the mass-weighted mean over region and assessed
    interval is the input. Y and D are three-dimensional Gaussian fields of exponential covariance; Z, the depth of each peak and the logs
    of its amplitude and thickness are lateral ones.
    """
    cell_nodes = parameters.nodes_per_cell
    nodes = node_grid(grid, cell_nodes)
    deepest_m = max(layers.bottom_m, parameters.long_core_m[1])
    slab_edges_m: Array = np.arange(math.ceil(deepest_m / parameters.slab_m - 1e-9) + 1, dtype=np.float64) * parameters.slab_m
    background, density_t_m3, dy_noise, gd_noise = _layered_fields(random, nodes, slab_edges_m.size - 1, parameters)

    depth_m = (slab_edges_m[:-1] + slab_edges_m[1:]) / 2
    unscaled_ppm = _stack_ppm(random, nodes, background, depth_m, parameters)
    weight = overlap_m([layers.top_m], [layers.bottom_m], slab_edges_m)[0][:, None, None] * _on_nodes(share, cell_nodes)
    scale = _scale(unscaled_ppm, density_t_m3, weight, parameters)
    rey_ppm, log_sd = np.empty_like(unscaled_ppm), parameters.share_log_sd
    for slab in range(depth_m.size):  # slab by slab, so that temporaries stay small
        rey_ppm[slab] = capped(scale * unscaled_ppm[slab], parameters.rey_knee_ppm, parameters.rey_cap_ppm)
        density_t_m3[slab] = _density_t_m3(rey_ppm[slab], density_t_m3[slab], parameters)
        for noise, mean_share in ((dy_noise, parameters.dy_share), (gd_noise, parameters.gd_share)):
            # The mean of exp(sd N - sd²/2) is 1, so the mean share is the input.
            element_share = mean_share * np.exp(log_sd * noise[slab] - log_sd**2 / 2)
            noise[slab] = rey_ppm[slab] * element_share
    return Deposit({"rey": rey_ppm, "dy": dy_noise, "gd": gd_noise}, density_t_m3, slab_edges_m)


def _stack_ppm(random: np.random.Generator, nodes: Grid, background: Array, depth_m: Array, parameters: ReferenceParameters) -> Array:
    """Background and peaks before scaling, (slabs, node rows, node columns); overwrites the field of the background."""
    lateral = _Fields(nodes, parameters.lateral_range_m)
    zonal, _ = lateral.pair(random)
    unscaled_ppm = background
    for slab in range(depth_m.size):
        log_grade = parameters.background_log_sd * background[slab] + parameters.zonal_log_sd * zonal
        unscaled_ppm[slab] = parameters.background_ppm * np.exp(log_grade)
    for peak in parameters.peaks:
        (height, width), (drape, presence) = lateral.pair(random), lateral.pair(random)
        amplitude_ppm = peak.amplitude_ppm * np.exp(peak.amplitude_log_sd * height)
        if peak.patchy:
            amplitude_ppm *= ndtr(3.0 * presence)
        crest_m = peak.depth_m + peak.depth_sd_m * drape
        thickness_m = peak.thickness_m * np.exp(peak.thickness_log_sd * width)
        for slab in range(depth_m.size):
            unscaled_ppm[slab] += amplitude_ppm * np.exp(-4 * math.log(2) * ((depth_m[slab] - crest_m) / thickness_m) ** 2)
    return unscaled_ppm


def capped(grade_ppm: Array, knee_ppm: float, cap_ppm: float) -> Array:
    r"""Bend grades over a knee smoothly towards a cap that none exceeds.

    .. math:: \kappa(g) = k + (c - k) \tanh\frac{g - k}{c - k} \quad\text{for } g > k, \text{ else } g

    Examples
    --------
    >>> capped(np.array([960.0, 5000.0, 1e6]), 5000.0, 8000.0)
    array([ 960., 5000., 8000.])
    """
    room_ppm = cap_ppm - knee_ppm
    return np.where(grade_ppm > knee_ppm, knee_ppm + room_ppm * np.tanh((grade_ppm - knee_ppm) / room_ppm), grade_ppm)


def _scale(unscaled_ppm: Array, density_noise: Array, weight: Array, parameters: ReferenceParameters) -> float:
    """Factor that brings the mass-weighted mean to the input; a fixed number of steps, each of which cuts the error at least tenfold."""
    slabs = np.flatnonzero(weight.any(axis=(1, 2)))
    scale = 1.0
    for _ in range(_SCALING_STEPS):
        mud = metal = 0.0
        for slab in slabs:
            grade_ppm = capped(scale * unscaled_ppm[slab], parameters.rey_knee_ppm, parameters.rey_cap_ppm)
            mass = weight[slab] * _density_t_m3(grade_ppm, density_noise[slab], parameters)
            mud += float(mass.sum())
            metal += float((mass * grade_ppm).sum())
        scale *= parameters.rey_mean_ppm * mud / metal
    return float(f"{scale:.6g}")  # so that a sum's last bits do not reach every sample


def _density_t_m3(rey_ppm: Array, noise: Array, parameters: ReferenceParameters) -> Array:
    """Dry bulk density: apatite, which carries the REY, is denser than clay, so density rises with log grade."""
    line = parameters.density_t_m3 + parameters.density_per_log_grade_t_m3 * np.log(rey_ppm / parameters.density_at_ppm)
    return np.clip(line + parameters.density_sd_t_m3 * noise, parameters.density_low_t_m3, parameters.density_high_t_m3)


class _Fields:
    """Standard normal fields of exponential covariance on a grid, by circulant embedding (Dietrich & Newsam 1997).

    The torus is two practical ranges wider than the grid, where correlation is 0.25 %: opposite edges do not see each other.
    """

    def __init__(self, nodes: Grid, practical_range_m: float) -> None:
        self.shape = nodes.shape
        margin = math.ceil(2 * practical_range_m / nodes.cell_m)
        rows, columns = (fft.next_fast_len(length + margin) for length in nodes.shape)
        down_m, right_m = (nodes.cell_m * np.minimum(np.arange(length), length - np.arange(length)) for length in (rows, columns))
        covariance = np.exp(-3.0 * np.hypot(down_m[:, None], right_m[None, :]) / practical_range_m)
        # Rounding, and the cut at the torus' edge, can leave tiny negative eigenvalues; the unit variance is restored after clipping them.
        power = np.maximum(fft.fft2(covariance).real, 0.0)
        self.amplitude = np.sqrt(power * (rows * columns / power.sum()))

    def pair(self, random: np.random.Generator) -> tuple[Array, Array]:
        """Two independent fields: real and imaginary part of one transform."""
        noise = random.standard_normal((2, *self.amplitude.shape))
        field = fft.ifft2(self.amplitude * (noise[0] + 1j * noise[1]), norm="ortho")[: self.shape[0], : self.shape[1]]
        return field.real, field.imag


def _layered_fields(random: np.random.Generator, nodes: Grid, slabs: int, parameters: ReferenceParameters) -> Array:
    """Draw the standard normal fields of background, density, Dy share and Gd share, (4, slabs, node rows, node columns).

    Along depth each is a first-order Markov chain of lateral fields, which is exactly an exponential covariance.
    """
    lateral = _Fields(nodes, parameters.horizontal_range_m)
    keep = math.exp(-3.0 * parameters.slab_m / parameters.vertical_range_m)
    fields = np.empty((4, slabs, *nodes.shape))
    for slab in range(slabs):
        fresh = np.stack([*lateral.pair(random), *lateral.pair(random)])
        fields[:, slab] = keep * fields[:, slab - 1] + math.sqrt(1 - keep**2) * fresh if slab else fresh
    # The shares also vary from node to node, and are correlated with each other.
    smooth, rough = math.sqrt(parameters.share_smooth), math.sqrt(1 - parameters.share_smooth)
    alike, apart = parameters.share_correlation, math.sqrt(1 - parameters.share_correlation**2)
    dy, gd = fields[2], fields[3]
    for slab in range(slabs):
        noise = random.standard_normal((2, *nodes.shape))
        dy[slab], gd[slab] = smooth * dy[slab] + rough * noise[0], smooth * gd[slab] + rough * noise[1]
        gd[slab] = alike * dy[slab] + apart * gd[slab]
    return fields


def node_grid(grid: Grid, nodes_per_cell: int) -> Grid:
    """Grid of the nodes: each cell divided into equal squares, a node in the middle of each."""
    rows, columns = grid.shape
    spacing_m = grid.cell_m / nodes_per_cell
    transform = Affine(spacing_m, 0, grid.transform.c, 0, -spacing_m, grid.transform.f)
    return Grid(grid.crs, transform, (rows * nodes_per_cell, columns * nodes_per_cell))


def _on_nodes(values: Array, nodes_per_cell: int) -> Array:
    """Value of each cell at its nodes."""
    return np.repeat(np.repeat(values, nodes_per_cell, axis=0), nodes_per_cell, axis=1)


def overlap_m(from_m: Sequence[float] | Array, to_m: Sequence[float] | Array, edges_m: Array) -> Array:
    """Length that each interval shares with each slab, (intervals, slabs), metres.

    Examples
    --------
    >>> overlap_m([0.5], [2.0], np.array([0.0, 1.0, 2.0, 3.0]))
    array([[0.5, 1. , 0. ]])
    """
    lower = np.minimum(np.asarray(to_m, float)[:, None], edges_m[None, 1:])
    upper = np.maximum(np.asarray(from_m, float)[:, None], edges_m[None, :-1])
    length_m = np.maximum(lower - upper, 0.0)
    return np.where(length_m < 1e-9, 0.0, length_m)  # rounding of 0.1 m steps is no overlap


def truth_of(deposit: Deposit, grid: Grid, layers: Layers, share: Array) -> Truth:
    r"""Blocks (one cell x one layer) of a deposit, from all nodes inside each.

    .. math:: \rho_B = \overline{\rho}, \qquad g_B = \overline{g\rho} / \overline{\rho}
    """
    weights = overlap_m(layers.tops_m, layers.bottoms_m, deposit.slab_edges_m)

    def block_sum(values: Array) -> Array:
        rows, columns = grid.shape
        in_cells = values.reshape(values.shape[0], rows, values.shape[1] // rows, columns, values.shape[2] // columns).mean(axis=(2, 4))
        return np.tensordot(weights, in_cells, axes=1) / layers.layer_m

    density_t_m3 = block_sum(deposit.density_t_m3)
    grade_ppm = {element: block_sum(values * deposit.density_t_m3) / density_t_m3 for element, values in deposit.grade_ppm.items()}
    assessed = weights.any(axis=0)
    inside = _on_nodes(share, deposit.density_t_m3.shape[1] // grid.shape[0]) > 0
    highest_ppm = float(deposit.grade_ppm["rey"][assessed][:, inside].max())
    return Truth(density_t_m3, grade_ppm, share, grid.cell_area_m2, layers, highest_ppm)


def draw_survey(random: np.random.Generator, deposit: Deposit, nodes: Grid, bounds_deg: Bounds, parameters: ReferenceParameters) -> Survey:
    """Core a deposit and assay the cores.

    A station stands on the node nearest to its drawn position, so that its core is the deposit's own column: nothing is interpolated.
    """
    row, column = _stations(random, nodes, bounds_deg, parameters)
    easting_m, northing_m = nodes.centres_m()
    longitude_deg, latitude_deg = nodes.to_lonlat(easting_m[row, column], northing_m[row, column])
    penetration_m = _penetration_m(random, row.size, parameters)
    core, from_m = _sample_tops(random, penetration_m, parameters)
    to_m = np.round(from_m + parameters.sample_m, 3)

    length_m = overlap_m(from_m, to_m, deposit.slab_edges_m)
    density_t_m3 = deposit.density_t_m3[:, row, column].T[core]
    mass = length_m * density_t_m3
    true_density_t_m3 = mass.sum(axis=1) / length_m.sum(axis=1)
    measured_ppm = {}
    for element, values in deposit.grade_ppm.items():
        true_ppm = (mass * values[:, row, column].T[core]).sum(axis=1) / mass.sum(axis=1)
        error = 1 + parameters.assay_relative_sd * random.standard_normal(core.size)
        measured_ppm[element] = np.round(true_ppm * error, 1)
    measured_t_m3 = np.round(true_density_t_m3 + parameters.density_error_sd_t_m3 * random.standard_normal(core.size), 3)
    missing = random.choice(core.size, size=round(parameters.density_missing * core.size), replace=False)
    measured_t_m3[missing] = np.nan
    return Survey(
        longitude_deg=np.round(longitude_deg, 5),
        latitude_deg=np.round(latitude_deg, 5),
        penetration_m=penetration_m,
        sounding_offset_m=parameters.sounding_sd_m * random.standard_normal(row.size),
        core=core,
        from_m=from_m,
        to_m=to_m,
        grade_ppm=measured_ppm,
        dry_bulk_density_t_m3=measured_t_m3,
    )


def _stations(random: np.random.Generator, nodes: Grid, bounds_deg: Bounds, parameters: ReferenceParameters) -> tuple[Integers, Integers]:
    """Node row and column of each station, from the north-west, row by row."""
    west, south, east, north = bounds_deg
    rows, columns = parameters.station_rows, parameters.station_columns
    shift = parameters.station_jitter * random.uniform(-1, 1, (2, rows, columns))
    latitude_deg = north - (north - south) * (np.arange(rows)[:, None] + 0.5 + shift[0]) / rows
    longitude_deg = west + (east - west) * (np.arange(columns)[None, :] + 0.5 + shift[1]) / columns
    easting_m, northing_m = nodes.from_lonlat(longitude_deg.ravel(), latitude_deg.ravel())
    column = np.floor((easting_m - nodes.transform.c) / nodes.cell_m).astype(np.int64)
    row = np.floor((nodes.transform.f - northing_m) / nodes.cell_m).astype(np.int64)
    return row, column


def _penetration_m(random: np.random.Generator, cores: int, parameters: ReferenceParameters) -> Array:
    """Penetration of each core, to the decimetre: mostly long ones, and short ones scattered among them."""
    long = int(random.integers(parameters.long_cores[0], parameters.long_cores[1] + 1))
    of_long_m, of_short_m = random.uniform(*parameters.long_core_m, cores), random.uniform(*parameters.short_core_m, cores)
    penetration_m: Array = np.where(random.permutation(cores) < long, of_long_m, of_short_m)
    return np.round(penetration_m, 1)


def _sample_tops(random: np.random.Generator, penetration_m: Array, parameters: ReferenceParameters) -> tuple[Integers, Array]:
    """Core number and top of each sample; a sample that the core does not wholly reach is not taken."""
    core, from_m = [], []
    for number, reached_m in enumerate(penetration_m):
        count = math.ceil(reached_m / parameters.sample_spacing_m)
        top_m = np.round(parameters.sample_spacing_m * np.arange(count) + random.choice(parameters.sample_shifts_m, count), 3)
        top_m = top_m[top_m + parameters.sample_m <= reached_m + 1e-9]
        core.append(np.full(top_m.size, number, dtype=np.int64))
        from_m.append(top_m)
    return np.concatenate(core), np.concatenate(from_m)


def write(raw: Path, seed: int = SEED) -> list[Path]:
    """Draw the survey for a folder's settings and write core file, its note and the truth.

    Parameters
    ----------
    raw : Path
        Folder laid out like ``data/raw``, with ``assessment.toml`` and the depth grid.
    seed : int
        Another seed writes another survey.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    SettingsError
        The settings are missing or wrong.
    BathymetryError
        The depth grid is missing or does not cover a station.

    Notes
    -----
    Transforms and exponentials differ in their last bits between processors. All that is written is rounded far above that, so that the
    files are the same bytes everywhere.
    """
    settings, parameters = read_settings(raw / "assessment.toml"), ReferenceParameters()
    survey, truth = draw(seed, settings, parameters)
    depth_m = water_depth_m(raw / BATHYMETRY, survey.longitude_deg, survey.latitude_deg) + survey.sounding_offset_m
    contents = {
        raw / "cores" / "reference_survey.csv": survey_csv(survey, depth_m),
        raw / "cores" / "reference_survey.toml": _note(seed, parameters),
        raw / "truth" / "reference_survey.json": json_text(truth_record(truth, seed, settings, parameters)),
    }
    for path, content in contents.items():
        with atomic_path(path) as temporary:
            temporary.write_text(content, encoding="utf-8", newline="\n")
    return list(contents)


def water_depth_m(path: Path, longitude_deg: Array, latitude_deg: Array) -> Array:
    """Water depth in metres, positive down, bilinear between nodes of a NetCDF (``lat``, ``lon`` in degrees, ``elevation`` in metres)."""
    import xarray as xr
    from scipy.interpolate import RegularGridInterpolator

    if not path.is_file():
        message = (
            f"{path.name} is missing from {path.parent}: the water depth at the stations comes from it. "
            "Copy it there from the folder data/raw/bathymetry of the repository."
        )
        raise BathymetryError(message)
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        elevation = dataset["elevation"].sortby(["lat", "lon"]).load()
    at = RegularGridInterpolator((elevation["lat"].values, elevation["lon"].values), elevation.values.astype(float), bounds_error=False)
    depth_m = -at(np.column_stack([latitude_deg, longitude_deg]))
    if np.isnan(depth_m).any():
        worst = int(np.flatnonzero(np.isnan(depth_m))[0])
        message = (
            f"{path.name} gives no depth at {latitude_deg[worst]:.3f} N {longitude_deg[worst]:.3f} E, where a station stands. "
            "The reference survey needs a [region] inside the grid, all of it under water."
        )
        raise BathymetryError(message)
    return np.asarray(depth_m, dtype=np.float64)


def survey_csv(survey: Survey, water_depth_m: Array) -> str:
    """Flat sample table, one row per interval, with the columns of ``data/raw/cores``."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for sample in range(survey.core.size):
        core = survey.core[sample]
        density_t_m3 = survey.dry_bulk_density_t_m3[sample]
        unmeasured = bool(np.isnan(density_t_m3))
        table.writerow(
            [
                survey.core_ids[core],
                f"{survey.longitude_deg[core]:.5f}",
                f"{survey.latitude_deg[core]:.5f}",
                f"{water_depth_m[core]:.0f}",
                f"{survey.penetration_m[core]:.1f}",
                f"{survey.from_m[sample]:.1f}",
                f"{survey.to_m[sample]:.1f}",
                f"{survey.grade_ppm['dy'][sample]:.1f}",
                f"{survey.grade_ppm['gd'][sample]:.1f}",
                "" if unmeasured else f"{density_t_m3:.3f}",
                f"{survey.grade_ppm['rey'][sample]:.1f}",
                "COMPUTER-DRAWN-1",
                "none (computer-drawn)",
                "none (computer-drawn)",
                "computer-drawn from a known deposit",
                "computer-drawn; density left out on purpose" if unmeasured else "computer-drawn",
            ]
        )
    return text.getvalue()


def truth_record(truth: Truth, seed: int, settings: Settings, parameters: ReferenceParameters) -> dict[str, object]:
    """Content of ``data/raw/truth/reference_survey.json``: recipe, totals, cut-offs and layers, to seven digits."""
    layers = truth.layers
    assessment = {"grid": settings.grid.model_dump(mode="json"), "region": settings.region.model_dump(mode="json", exclude={"outline"})}
    return {
        "about": "Truth of a SYNTHETIC survey. No estimating stage reads this file; written only by make reference-survey.",
        "synthetic": True,
        "generator": {"module": GENERATOR, "version": VERSION, "seed": seed, "parameters": asdict(parameters)},
        # Cut-offs and layers hold for these blocks only; the totals hold for the region and interval.
        "assessment": assessment,
        "rey_highest_node_ppm": _digits(truth.highest_rey_ppm),
        "elements": {
            element: {
                "total": _record(truth.over(element)),
                "cutoffs": [{"cutoff_ppm": cutoff, **_record(truth.over(element, cutoff))} for cutoff in settings.cutoffs.of(element)],
                "layers": [
                    {
                        "from_m": _digits(layers.tops_m[layer]),
                        "to_m": _digits(layers.bottoms_m[layer]),
                        **_record(truth.in_layer(element, layer)),
                    }
                    for layer in range(layers.count)
                ],
            }
            for element in ELEMENTS
        },
    }


def _record(tonnage: Tonnage) -> dict[str, float | None]:
    """Field by field; a grade of nothing is null."""
    return {name: None if math.isnan(value) else _digits(value) for name, value in tonnage._asdict().items()}


def _digits(value: float) -> float:
    return float(f"{value:.{_TRUTH_DIGITS}g}")


def _note(seed: int, parameters: ReferenceParameters) -> str:
    """Note beside the core file: what it is, and which of its features were put in."""
    depths = ", ".join(f"{peak.depth_m:g}" for peak in parameters.peaks)
    inputs = (
        f"mean total REY {parameters.rey_mean_ppm:g} ppm over region and assessed interval: an INPUT (after Takaya et al. 2018, 964 ppm)",
        f"total REY capped at {parameters.rey_cap_ppm:g} ppm: an INPUT (after Takaya et al. 2018, maximum almost 8,000 ppm)",
        f"REY-rich peaks near {depths} m below the seafloor: INPUTS (the first two after published cores, the last assumed)",
        f"Dy/REY {parameters.dy_share:.1%}, Gd/REY {parameters.gd_share:.1%}, scatter {parameters.share_log_sd:.0%}: INPUTS, assumed",
        f"dry bulk density {parameters.density_t_m3:g} t/m3 at {parameters.density_at_ppm:g} ppm, rising with grade: INPUT, assumed",
        f"assay error {parameters.assay_relative_sd:.0%}, density error {parameters.density_error_sd_t_m3:g} t/m3: INPUTS, assumed",
    )
    lines = [
        "# Written by make reference-survey. SYNTHETIC: no core, cruise or laboratory stands behind these numbers.",
        "synthetic = true",
        'source = "Synthetic reference survey drawn from a known deposit; docs/reference_survey.md"',
        'licence = "MIT, as the program that draws it"',
        f'generator = "{GENERATOR}, version {VERSION}"',
        f"seed = {seed}",
        "inputs = [",
        *(f'  "{line}",' for line in inputs),
        "]",
        'real = "only the water depth: ETOPO1 (Amante & Eakins 2009) at the station plus a few drawn metres"',
    ]
    return "\n".join(lines) + "\n"
