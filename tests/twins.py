r"""Synthetic twins of the deposit: deposits that are fully known, and surveys of them, to judge an estimator by.

Version 1 was fixed **before** the estimator that is judged by it, and is not tuned to any result. A change that alters any drawn number needs
``VERSION`` raised, for results of two versions cannot be compared; a test holds recorded numbers of each version.

The reference survey (``docs/reference_survey.md``) is one set of inputs, each deposit scaled to one mean grade. A twin draws its inputs too.
With :math:`Y, D` three-dimensional standard normal fields, :math:`Z` and everything marked :math:`(x)` lateral ones, and z the depth in metres,

.. math::
    g(x,z) = \kappa\Big(s\,e^{\tau\,t(x)}\Big[b\,e^{\sigma_3 Y(x,z) + \sigma_2 Z(x)}
        + \sum_p a_p(x)\,e^{-4\ln 2\,((z-d_p(x))/w_p(x))^2}\Big]\Big), \qquad \rho = \rho_0 + \beta \ln(g / g_0) + \sigma_\rho D(x,z)

as in the reference survey (:math:`\kappa` is the cap), and Dy and Gd are shares of g with lognormal noise. What differs:

* **Horizontal correlation**, one for all fields: :math:`(1-\eta)\,\rho(h) + \eta\,[h = 0]`, with the nugget :math:`\eta` between nodes. It belongs to
  whole columns (background, horizons, their depths), as stations see it: were it white in depth too, it would vanish from a core's accumulation.
  Exponential inside the prior. The range is ``spacing_ratio`` x station spacing = sqrt(region area / cores): the geometric mean of the ranges
  along and across the major axis. It is the practical range (5 % left); for the spherical kind, the range at which nothing is left.
* **Trend** :math:`\tau\,t(x)`: t rises by 1 across the grid in the trend's direction; its factor has mean 1.
* **Mean grade**: s makes the *expected* mean of ΣREY (by volume, before the cap, over all deposits of the same inputs) equal to a drawn target.
  Nothing is scaled to what was realised: totals differ between twins by their targets and by their ground, and the mean by mass is a few per cent
  over the target, for rich mud is denser. Under heavy tails s is that of the normal, whose mean exists.
* **Patches**: :math:`\Phi(k\,(P(x) - c))` times the amplitude, with c such that its mean is the share of the area, one share
  for all patchy horizons of a twin.

======================================  =====================================================  ========================================
input                                   inside the prior (two thirds)                          outside: ``departure`` (one of)
======================================  =====================================================  ========================================
``spacing_ratio``, ``nugget``           0.75-3, 0-0.2                                          as inside
``covariance``                          exponential                                            smooth: gaussian or matern32; spherical
``anisotropy``, its azimuth             1-2, any                                               anisotropic: 2-3
``trend_log``, its azimuth              0-0.4, any                                             trend: 0.6-1.0
amplitude of a horizon over background  median log-uniform 600-3,000 ppm, log sd 0.4-0.9       heavy_tailed: Student t, 3 degrees of freedom,
                                        (normal); nodes capped at 8,000 ppm                    in place of the normal; cap 16,000 ppm
patches                                 other horizons than the strongest, one in four, over   patchy: the strongest horizon, 2,000-4,000 ppm,
                                        0.4-0.7 of the area with soft edges                    over 0.1-0.3 of the area with sharp edges
horizons                                1-3, crest at 1-9 m, at least 1.5 m apart, lateral     as inside, down to the last row
                                        sd 0.3-0.8 m; width log-uniform 0.5-1.5 m,
                                        log sd 0.15-0.35
background                              median 520 ppm before scaling; log sd 0.25-0.45 (3-D)
                                        and 0.20-0.40 (whole column); vertical range 0.8-2 m
target of mean ΣREY                     lognormal, median 960 ppm (near Takaya et al. 2018),
                                        log sd 0.3
shares                                  Dy 0.030-0.036, Gd 0.033-0.039, log sd 0.03-0.08,
                                        correlation 0.5-0.85, smooth part 0.3-0.7
density                                 0.50-0.60 t/m³ at 750 ppm, +0.02-0.06 per e-fold,
                                        sd 0.025-0.045
survey                                  3 x 4, 5 x 5 or 7 x 7 strata, jitter up to 0.25-0.35
                                        of a stratum; 20-40 % of the cores 4-9 m long, the
                                        others 10-12 m
======================================  =====================================================  ========================================

Inputs are uniform unless another word stands there; all are assumptions. Errors of assay and density are those of the reference survey. Seeds that
leave 2 over 3 lie outside the prior and take the departures in turn: any 3 seeds in a row hold one, any 18 hold each once. A departure changes what
the table says; all else is drawn as inside (a patchy horizon is raised to a uniform draw, never lowered).

Everything random comes from ``SeedSequence([VERSION, layout, seed])``, with streams of their own for inputs, ground and survey. Nodes are 3 x 3 per
cell, every 0.2 m, meant for cells of 2 km; another grid or region is another deposit. A draw takes 0.1 to 0.3 s.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import fft
from scipy.special import ndtr, ndtri, stdtrit

from pipeline import reference_survey
from pipeline.config import read_settings
from pipeline.grid import layers_of, region_grid, region_lonlat, region_share
from pipeline.reference_survey import Deposit, Peak, ReferenceParameters, Survey, Truth, capped, draw_survey, node_grid, survey_csv, truth_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.config import Settings
    from pipeline.grid import Grid, Layers

    Array = NDArray[np.float64]

VERSION: Final = 1
"""Raise it with every change that alters a drawn number."""

LAYOUTS: Final = {12: (3, 4), 25: (5, 5), 49: (7, 7)}
"""Cores, and the rows and columns of their strata."""

DEPARTURES: Final = ("smooth", "spherical", "anisotropic", "trend", "heavy_tailed", "patchy")
"""Ways to lie outside the prior, in the order in which seeds take them."""

NODES_PER_CELL: Final = 3
SLAB_M: Final = 0.2
UNSEEN_SHARE: Final = (0.2, 0.4)
LONG_CORE_M: Final = (10.0, 12.0)
SHORT_CORE_M: Final = (4.0, 9.0)

_BACKGROUND_PPM: Final = 520.0
_DENSITY_AT_PPM: Final = 750.0
_DENSITY_T_M3: Final = (0.40, 0.70)
# The torus is wider than the grid by this many ranges: opposite edges then share a correlation of 1 %.
_MARGIN_RANGES: Final = 1.5
_LOG_AMPLITUDE: Final = 10.0
_MATERN32_SCALE: Final = 4.743864518390577  # root of (1 + x) e^-x = 0.05

_RAW: Final = Path(__file__).parents[1] / "data" / "raw"


@dataclass(frozen=True)
class TwinParameters:
    """Inputs of one twin; their ranges stand in the table above.

    Parameters
    ----------
    layout : int
        Number of cores, of :data:`LAYOUTS`.
    departure : str
        How the twin lies outside the prior, of :data:`DEPARTURES`; empty inside.
    spacing_ratio : float
        Horizontal range over station spacing.
    nugget : float
        Share of the variance of every field that is uncorrelated between nodes.
    covariance : str
        ``exponential``, ``spherical``, ``gaussian`` or ``matern32``.
    anisotropy, azimuth_deg : float
        Range along the major axis over that across it, and its direction, clockwise from north.
    trend_log, trend_azimuth_deg : float
        Rise of log grade across the grid, and its direction.
    vertical_range_m : float
        Practical range along depth (exponential).
    rey_mean_ppm : float
        Target of the expected mean ΣREY.
    background_log_sd, zonal_log_sd : float
        Log spread of the background in three dimensions, and of whole columns.
    peaks : tuple of Peak
        Horizons, from the top down, before scaling.
    amplitude_df : float
        Degrees of freedom of the log amplitudes; infinite is normal.
    patch_share, patch_sharpness : float
        Share of the area in which a patchy horizon is present, and how sharp its edges are.
    rey_knee_ppm, rey_cap_ppm : float
        Grades over the knee are bent towards the cap.
    dy_share, gd_share, share_log_sd, share_correlation, share_smooth : float
        Dy and Gd over ΣREY: means, log spread, their correlation, and the part of the variance that is spatially correlated.
    density_t_m3, density_per_log_grade_t_m3, density_sd_t_m3 : float
        Dry bulk density at 750 ppm, its rise per e-fold, and its spread.
    station_jitter : float
        Stations are off the centre of their stratum by at most this share of its sides.
    short_cores : int
        Cores that do not reach the deepest layers.
    """

    layout: int
    departure: str
    spacing_ratio: float
    nugget: float
    covariance: str
    anisotropy: float
    azimuth_deg: float
    trend_log: float
    trend_azimuth_deg: float
    vertical_range_m: float
    rey_mean_ppm: float
    background_log_sd: float
    zonal_log_sd: float
    peaks: tuple[Peak, ...]
    amplitude_df: float
    patch_share: float
    patch_sharpness: float
    rey_knee_ppm: float
    rey_cap_ppm: float
    dy_share: float
    gd_share: float
    share_log_sd: float
    share_correlation: float
    share_smooth: float
    density_t_m3: float
    density_per_log_grade_t_m3: float
    density_sd_t_m3: float
    station_jitter: float
    short_cores: int

    @property
    def outside(self) -> bool:
        """Whether the twin lies outside the estimator's prior."""
        return bool(self.departure)

    def range_m(self, area_m2: float) -> float:
        """Horizontal range in a region, the geometric mean over directions."""
        return self.spacing_ratio * math.sqrt(area_m2 / self.layout)


def draw(seed: int, layout: int, settings: Settings) -> tuple[Survey, Truth, TwinParameters]:
    """Draw one twin and one survey of it.

    Parameters
    ----------
    seed : int
        Not negative; every other seed is another twin.
    layout : int
        Number of cores, of :data:`LAYOUTS`; another layout is another deposit too.
    settings : Settings
        Region and grid of the assessment.
    """
    parameters = draw_parameters(seed, layout)
    grid, layers = region_grid(settings.region, settings.grid), layers_of(settings.grid)
    share = region_share(grid, settings.region)
    _, in_ground, on_board = _streams(seed, layout)
    deposit = draw_deposit(in_ground, grid, layers, parameters, float(share.sum()) * grid.cell_area_m2)
    nodes = node_grid(grid, NODES_PER_CELL)
    survey = draw_survey(on_board, deposit, nodes, region_lonlat(settings.region).bounds, _cruise(parameters))
    return survey, truth_of(deposit, grid, layers, share), parameters


def draw_parameters(seed: int, layout: int) -> TwinParameters:
    """Draw the inputs of a twin; ``seed % 3 == 2`` lies outside the prior."""
    random, _, _ = _streams(seed, layout)
    uniform = random.uniform
    peaks = _peaks(random)
    inputs = {
        "spacing_ratio": uniform(0.75, 3.0),
        "nugget": uniform(0.0, 0.2),
        "covariance": "exponential",
        "anisotropy": uniform(1.0, 2.0),
        "azimuth_deg": uniform(0.0, 180.0),
        "trend_log": uniform(0.0, 0.4),
        "trend_azimuth_deg": uniform(0.0, 360.0),
        "vertical_range_m": uniform(0.8, 2.0),
        "rey_mean_ppm": 960.0 * math.exp(0.3 * random.standard_normal()),
        "background_log_sd": uniform(0.25, 0.45),
        "zonal_log_sd": uniform(0.20, 0.40),
        "peaks": peaks,
        "amplitude_df": math.inf,
        "patch_share": uniform(0.4, 0.7),
        "patch_sharpness": 3.0,
        "rey_knee_ppm": 5000.0,
        "rey_cap_ppm": 8000.0,
        "dy_share": uniform(0.030, 0.036),
        "gd_share": uniform(0.033, 0.039),
        "share_log_sd": uniform(0.03, 0.08),
        "share_correlation": uniform(0.5, 0.85),
        "share_smooth": uniform(0.3, 0.7),
        "density_t_m3": uniform(0.50, 0.60),
        "density_per_log_grade_t_m3": uniform(0.02, 0.06),
        "density_sd_t_m3": uniform(0.025, 0.045),
        "station_jitter": uniform(0.25, 0.35),
        "short_cores": int(random.integers(math.ceil(UNSEEN_SHARE[0] * layout), math.floor(UNSEEN_SHARE[1] * layout) + 1)),
    }
    departure = DEPARTURES[seed // 3 % len(DEPARTURES)] if seed % 3 == 2 else ""
    return TwinParameters(layout=layout, departure=departure, **(inputs | _departed(random, departure, peaks)))


def _streams(seed: int, layout: int) -> list[np.random.Generator]:
    """Random numbers of inputs, ground and survey: a change to one leaves the others as they are."""
    if layout not in LAYOUTS:
        msg = f"layout is {layout}; known are {', '.join(map(str, LAYOUTS))} cores"
        raise ValueError(msg)
    return [np.random.default_rng(child) for child in np.random.SeedSequence([VERSION, layout, seed]).spawn(3)]


def _peaks(random: np.random.Generator) -> tuple[Peak, ...]:
    """Horizons from the top down; the strongest is never patchy."""
    count = int(random.integers(1, 4))
    apart_m = 1.5
    depth_m = 1.0 + (8.0 - apart_m * (count - 1)) * np.sort(random.uniform(size=count)) + apart_m * np.arange(count)
    depth_sd_m, thickness_log_sd = random.uniform(0.3, 0.8, count), random.uniform(0.15, 0.35, count)
    thickness_m = np.exp(random.uniform(math.log(0.5), math.log(1.5), count))
    amplitude_ppm, amplitude_log_sd = np.exp(random.uniform(math.log(600), math.log(3000), count)), random.uniform(0.4, 0.9, count)
    patchy = (random.uniform(size=count) < 0.25) & (np.arange(count) != amplitude_ppm.argmax())
    columns = (depth_m, depth_sd_m, thickness_m, thickness_log_sd, amplitude_ppm, amplitude_log_sd, patchy)
    return tuple(Peak(*values) for values in zip(*(column.tolist() for column in columns), strict=True))


def _departed(random: np.random.Generator, departure: str, peaks: tuple[Peak, ...]) -> dict[str, object]:
    """Inputs that a departure replaces."""
    if departure == "smooth":
        return {"covariance": str(random.choice(["gaussian", "matern32"]))}
    if departure == "spherical":
        return {"covariance": "spherical"}
    if departure == "anisotropic":
        return {"anisotropy": random.uniform(2.0, 3.0)}
    if departure == "trend":
        return {"trend_log": random.uniform(0.6, 1.0)}
    if departure == "heavy_tailed":
        # Under the cap of the others the tail would be cut off again.
        return {"amplitude_df": 3.0, "rey_knee_ppm": 10_000.0, "rey_cap_ppm": 16_000.0}
    if departure == "patchy":
        strongest = max(range(len(peaks)), key=lambda number: peaks[number].amplitude_ppm)
        # Not below what it was, or another horizon would be the strongest.
        rich = {**vars(peaks[strongest]), "amplitude_ppm": max(peaks[strongest].amplitude_ppm, random.uniform(2000.0, 4000.0)), "patchy": True}
        changed = tuple(Peak(**rich) if number == strongest else peak for number, peak in enumerate(peaks))
        return {"peaks": changed, "patch_share": random.uniform(0.1, 0.3), "patch_sharpness": 10.0}
    return {}


def _cruise(parameters: TwinParameters) -> ReferenceParameters:
    """Plan of the survey; errors and sampling are those of the reference survey."""
    rows, columns = LAYOUTS[parameters.layout]
    long_cores = parameters.layout - parameters.short_cores
    return ReferenceParameters(
        station_rows=rows,
        station_columns=columns,
        station_jitter=parameters.station_jitter,
        long_cores=(long_cores, long_cores),
        long_core_m=LONG_CORE_M,
        short_core_m=SHORT_CORE_M,
    )


def draw_deposit(random: np.random.Generator, grid: Grid, layers: Layers, parameters: TwinParameters, area_m2: float) -> Deposit:
    """Draw the ground of a twin on nodes inside the cells of a grid; the region's area sets the station spacing."""
    nodes = node_grid(grid, NODES_PER_CELL)
    lateral = Fields(nodes, parameters.range_m(area_m2), parameters)
    slabs = math.ceil(max(layers.bottom_m, LONG_CORE_M[1]) / SLAB_M - 1e-9)
    slab_edges_m = np.arange(slabs + 1, dtype=np.float64) * SLAB_M
    depth_m = (slab_edges_m[:-1] + slab_edges_m[1:]) / 2

    background, density_noise, dy, gd = _layered(random, lateral, slabs, parameters)
    zonal, _ = lateral.pair(random)
    unscaled_ppm = _BACKGROUND_PPM * np.exp(parameters.background_log_sd * background + parameters.zonal_log_sd * zonal)
    for peak in parameters.peaks:
        unscaled_ppm += _horizon_ppm(random, lateral, depth_m, peak, parameters)
    factor = np.exp(parameters.trend_log * trend_coordinate(nodes, parameters.trend_azimuth_deg))
    scale = parameters.rey_mean_ppm / _expected_ppm(parameters, layers) * factor / factor.mean()
    rey_ppm = capped(scale * unscaled_ppm, parameters.rey_knee_ppm, parameters.rey_cap_ppm)
    line_t_m3 = parameters.density_t_m3 + parameters.density_per_log_grade_t_m3 * np.log(rey_ppm / _DENSITY_AT_PPM)
    density_t_m3 = np.clip(line_t_m3 + parameters.density_sd_t_m3 * density_noise, *_DENSITY_T_M3)
    dy, gd = _shares(random, dy, gd, parameters)
    return Deposit({"rey": rey_ppm, "dy": rey_ppm * dy, "gd": rey_ppm * gd}, density_t_m3, slab_edges_m)


class Fields:
    """Standard normal fields on nodes, by circulant embedding of the periodised correlation (after Dietrich & Newsam 1997).

    The sum over the images of a valid correlation is valid on the torus, whatever kind and range, so nothing has to be clipped but rounding.
    """

    def __init__(self, nodes: Grid, range_m: float, parameters: TwinParameters) -> None:
        self.shape = nodes.shape
        stretch, azimuth = math.sqrt(parameters.anisotropy), math.radians(parameters.azimuth_deg)
        major_m, minor_m = range_m * stretch, range_m / stretch
        along, across = np.array([math.cos(azimuth), math.sin(azimuth)]), np.array([-math.sin(azimuth), math.cos(azimuth)])  # northing, easting
        reach_m = np.hypot(major_m * along, minor_m * across)
        size = [fft.next_fast_len(length + math.ceil(_MARGIN_RANGES * m / nodes.cell_m)) for length, m in zip(nodes.shape, reach_m, strict=True)]
        down, right = (nodes.cell_m * fft.fftfreq(length, 1 / length) for length in size)
        images = np.zeros(size)
        for turn_down in (-1, 0, 1):
            for turn_right in (-1, 0, 1):
                north_m = -(down + turn_down * size[0] * nodes.cell_m)[:, None]  # row 0 is in the north
                east_m = (right + turn_right * size[1] * nodes.cell_m)[None, :]
                h = np.hypot((north_m * along[0] + east_m * along[1]) / major_m, (north_m * across[0] + east_m * across[1]) / minor_m)
                images += correlation(parameters.covariance, h)
        power = np.maximum(fft.fft2(images).real, 0.0)
        # White noise has a flat spectrum: this is the nugget.
        self.amplitude = np.sqrt((1 - parameters.nugget) * power / power.mean() + parameters.nugget)

    def pair(self, random: np.random.Generator) -> tuple[Array, Array]:
        """Two independent fields: real and imaginary part of one transform."""
        noise = random.standard_normal((*self.amplitude.shape, 2)).view(np.complex128)[..., 0]
        field = fft.ifft2(self.amplitude * noise, norm="ortho", overwrite_x=True)[: self.shape[0], : self.shape[1]]
        return field.real, field.imag


def correlation(kind: str, h: Array) -> Array:
    """Correlation at a lag over the range, without nugget.

    Examples
    --------
    >>> [float(correlation(kind, np.array(1.0)).round(2)) for kind in ("exponential", "spherical", "gaussian", "matern32")]
    [0.05, 0.0, 0.05, 0.05]
    """
    if kind == "exponential":
        return np.exp(-3.0 * h)
    if kind == "gaussian":
        return np.exp(-3.0 * h**2)
    if kind == "matern32":
        return (1 + _MATERN32_SCALE * h) * np.exp(-_MATERN32_SCALE * h)
    if kind == "spherical":
        return np.where(h < 1, 1 - 1.5 * h + 0.5 * h**3, 0.0)
    msg = f"unknown covariance {kind!r}"
    raise ValueError(msg)


def _layered(random: np.random.Generator, lateral: Fields, slabs: int, parameters: TwinParameters) -> Array:
    """Fields of background, density, Dy and Gd share, (4, slabs, node rows, node columns); exponential along depth (first-order Markov chains)."""
    keep = math.exp(-3.0 * SLAB_M / parameters.vertical_range_m)
    fields = np.empty((4, slabs, *lateral.shape))
    for slab in range(slabs):
        for first in (0, 2):
            fields[first, slab], fields[first + 1, slab] = lateral.pair(random)
        if slab:
            fields[:, slab] *= math.sqrt(1 - keep**2)
            fields[:, slab] += keep * fields[:, slab - 1]
    return fields


def _horizon_ppm(random: np.random.Generator, lateral: Fields, depth_m: Array, peak: Peak, parameters: TwinParameters) -> Array:
    """ΣREY of a horizon over the background before scaling, (slabs, node rows, node columns)."""
    (height, width), (drape, presence) = lateral.pair(random), lateral.pair(random)
    amplitude_ppm = peak.amplitude_ppm * np.exp(peak.amplitude_log_sd * tailed(height, parameters.amplitude_df, peak.amplitude_log_sd))
    if peak.patchy:
        amplitude_ppm = amplitude_ppm * patches(presence, parameters.patch_share, parameters.patch_sharpness)
    crest_m = peak.depth_m + peak.depth_sd_m * drape
    thickness_m = peak.thickness_m * np.exp(peak.thickness_log_sd * width)
    return amplitude_ppm * np.exp(-4 * math.log(2) * ((depth_m[:, None, None] - crest_m) / thickness_m) ** 2)


def tailed(normal: Array, df: float, log_sd: float) -> Array:
    """Standard normal values turned to Student t ones of the same rank; held where their exponential would overflow."""
    if math.isinf(df):
        return normal
    limit = _LOG_AMPLITUDE / log_sd
    return np.clip(stdtrit(df, ndtr(normal)), -limit, limit)


def patches(normal: Array, share: float, sharpness: float) -> Array:
    """Presence from 0 to 1 whose mean is the share of the area."""
    edge = -float(ndtri(share)) * math.sqrt(1 + sharpness**2) / sharpness
    return ndtr(sharpness * (normal - edge))


def trend_coordinate(nodes: Grid, azimuth_deg: float) -> Array:
    """From -1/2 to 1/2 across the nodes, rising in one direction."""
    easting_m, northing_m = nodes.centres_m()
    along_m = easting_m * math.sin(math.radians(azimuth_deg)) + northing_m * math.cos(math.radians(azimuth_deg))
    return (along_m - (along_m.max() + along_m.min()) / 2) / np.ptp(along_m)


def _expected_ppm(parameters: TwinParameters, layers: Layers) -> float:
    """Mean of ΣREY before scaling, over the assessed interval and all deposits of these inputs; every horizon is taken to lie in the interval."""
    expected_ppm = _BACKGROUND_PPM * math.exp((parameters.background_log_sd**2 + parameters.zonal_log_sd**2) / 2)
    for peak in parameters.peaks:
        amplitude_ppm = peak.amplitude_ppm * math.exp(peak.amplitude_log_sd**2 / 2) * (parameters.patch_share if peak.patchy else 1.0)
        area_m = peak.thickness_m * math.exp(peak.thickness_log_sd**2 / 2) * math.sqrt(math.pi / (4 * math.log(2)))
        expected_ppm += amplitude_ppm * area_m / (layers.bottom_m - layers.top_m)
    return expected_ppm


def _shares(random: np.random.Generator, dy: Array, gd: Array, parameters: TwinParameters) -> tuple[Array, Array]:
    """Dy and Gd over ΣREY: correlated with each other, and partly different from node to node."""
    smooth, rough = math.sqrt(parameters.share_smooth), math.sqrt(1 - parameters.share_smooth)
    alike, apart = parameters.share_correlation, math.sqrt(1 - parameters.share_correlation**2)
    dy = smooth * dy + rough * random.standard_normal(dy.shape)
    gd = alike * dy + apart * (smooth * gd + rough * random.standard_normal(gd.shape))
    log_sd = parameters.share_log_sd
    # The mean of exp(sd N - sd²/2) is 1, so the mean share is the input.
    return parameters.dy_share * np.exp(log_sd * dy - log_sd**2 / 2), parameters.gd_share * np.exp(log_sd * gd - log_sd**2 / 2)


def write_raw(folder: Path, seed: int, layout: int, cell_m: float = 2000.0) -> tuple[Truth, TwinParameters]:
    """Write a folder laid out like ``data/raw`` with a twin's cores and nothing of its truth, which is returned; an older twin there is replaced."""
    from assess import with_settings

    text = with_settings((_RAW / "assessment.toml").read_text(encoding="utf-8"), cell_m=str(cell_m))
    (folder / "cores").mkdir(parents=True, exist_ok=True)
    (folder / "assessment.toml").write_text(text, encoding="utf-8", newline="\n")
    shutil.copytree(_RAW / "bathymetry", folder / "bathymetry", dirs_exist_ok=True)
    survey, truth, parameters = draw(seed, layout, read_settings(folder / "assessment.toml"))
    depth_m = reference_survey.water_depth_m(folder / reference_survey.BATHYMETRY, survey.longitude_deg, survey.latitude_deg)
    (folder / "cores" / "twin.csv").write_text(survey_csv(survey, depth_m + survey.sounding_offset_m), encoding="utf-8", newline="\n")
    note = f'synthetic = true\ngenerator = "tests/twins.py, version {VERSION}"\nseed = {seed}\n'
    (folder / "cores" / "twin.toml").write_text(note, encoding="utf-8", newline="\n")
    return truth, parameters
