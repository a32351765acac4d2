"""Rasters of a map page as whole numbers of steps, exactly those of the files; thinned where the whole grid would be too much for a page."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.artefacts import QUANTILES, STEP_PROBABILITY
from pipeline.web.mercator import cells_of
from pipeline.web.packing import NOTHING, packed, steps_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.artefacts import Classes, Grade, SimulatedGrade, Squares
    from pipeline.grid import Grid
    from pipeline.web.mercator import DisplayFrame

    Array = NDArray[np.float64]

SHOWN: Final = ("p10", "p50", "p90")
"""Percentiles on the map: low (P90), median and high (P10)."""

STEP_SHARE: Final = 0.0001
"""Step of the share of a cell inside the region."""

_MARKER_STEP_M: Final = 0.05

TOO_STEEP, TOO_DEEP = 1, 2
"""Bits of the places left out of mining."""

# How the page is built, not what it says.
_MOST_VALUES = 4_500_000  # packed values of all rasters, so that a page stays under 5 MB
_SQUARE_LEVELS = 2000  # of a square's tonnes: finer than the area of a drawn polygon is known
_MOST_SQUARES_VALUES = 900_000


@dataclass(frozen=True)
class Thinning:
    """Square groups of cells that the page shows as one.

    Parameters
    ----------
    factor : int
        Cells along the side of a group; 1 shows every cell.
    shape : (rows, columns) of the grid
    """

    factor: int
    shape: tuple[int, int]

    @property
    def shown(self) -> tuple[int, int]:
        """Rows and columns of the page."""
        rows, columns = (ceil(side / self.factor) for side in self.shape)
        return rows, columns

    def _groups(self, values: Array) -> Array:
        """(rows, columns, cells of a group) values, NaN beyond the grid."""
        (rows, columns), factor = self.shown, self.factor
        padded = np.full((rows * factor, columns * factor), np.nan)
        padded[: self.shape[0], : self.shape[1]] = values
        return padded.reshape(rows, factor, columns, factor).swapaxes(1, 2).reshape(rows, columns, factor * factor)

    def mean(self, values: Array) -> Array:
        """Mean of the known cells of each group; NaN where none is known."""
        if self.factor == 1:
            return values
        groups = self._groups(values)
        known = np.isfinite(groups).sum(axis=-1)
        return np.where(known > 0, np.nansum(groups, axis=-1) / np.maximum(known, 1), np.nan)

    def share(self, values: Array) -> Array:
        """Mean over all cells of each group, nothing counting as 0."""
        return np.asarray(np.nan_to_num(self._groups(values)).mean(axis=-1))

    def lowest(self, values: Array) -> Array:
        """Least value of each group: of codes that rise with what is known, the most cautious."""
        if self.factor == 1:
            return values
        groups = self._groups(values)
        lowest = np.where(np.isfinite(groups), groups, np.inf).min(axis=-1)
        return np.where(np.isfinite(lowest), lowest, np.nan)


def thinning(shape: tuple[int, int], layers: int, cutoffs: Sequence[int]) -> Thinning:
    """Least thinning with which the rasters fit into a page.

    Parameters
    ----------
    shape : (rows, columns) of the grid
    layers : int
    cutoffs : sequence of int
        Number of cut-offs of each element of the page.
    """
    planes = sum((1 + layers) * (2 + len(SHOWN) + count) for count in cutoffs)
    return Thinning(max(1, ceil(sqrt(shape[0] * shape[1] * planes / _MOST_VALUES))), shape)


def grade_rasters(grade: Grade, simulated: SimulatedGrade | None, cutoffs_ppm: Sequence[float], thin: Thinning) -> dict[str, str | None]:
    """Packed rasters of one element, the whole interval first, then layer by layer.

    Returns
    -------
    dict
        ``grade`` (estimate and standard deviation), ``percentiles`` (``SHOWN``) and ``probability`` (one per cut-off); the last two are ``None``
        where nothing was simulated.
    """
    estimates = [grade.mean_ppm, grade.sd_ppm, *(band for pair in zip(grade.layer_ppm, grade.layer_sd_ppm, strict=True) for band in pair)]
    out: dict[str, str | None] = {"grade": _packed(estimates, grade.step_ppm, thin), "percentiles": None, "probability": None}
    if simulated is not None:
        kept = [list(QUANTILES).index(name) for name in SHOWN]
        over = [simulated.cutoffs_ppm.index(cutoff) for cutoff in cutoffs_ppm]
        percentiles = [*simulated.column_ppm[kept], *np.moveaxis(simulated.block_ppm[kept], 1, 0).reshape(-1, *grade.grid.shape)]
        probability = [*simulated.probability[over], *np.moveaxis(simulated.block_probability[over], 1, 0).reshape(-1, *grade.grid.shape)]
        out["percentiles"] = _packed(percentiles, simulated.step_ppm, thin)
        out["probability"] = _packed(probability, STEP_PROBABILITY, thin)
    return out


def _packed(bands: Sequence[Array], step: float, thin: Thinning) -> str:
    return packed(np.array([steps_of(thin.mean(band), step) for band in bands]))


def place_rasters(places: dict[str, Array], classes: Classes, thin: Thinning) -> tuple[str, dict[str, Any]]:
    """What is known of each cell besides grades, packed, with the names and steps to read it.

    Parameters
    ----------
    places : dict
        ``depth_m, slope_deg, distance_m, share`` and ``excluded`` (bits ``TOO_STEEP``, ``TOO_DEEP``), (rows, columns) arrays; below a marker also
        ``marker_m, marker_sd_m``.
    classes : Classes
    thin : Thinning
    """
    bands = {name: thin.mean(places[name]) for name in ("depth_m", "slope_deg", "distance_m")}
    bands["share"] = thin.share(places["share"])
    bands |= {"class": thin.lowest(classes.code), "reason": thin.lowest(classes.reason)}
    # A group is left out where any of its cells is.
    bits = [(np.nan_to_num(places["excluded"]).astype(int) & bit) > 0 for bit in (TOO_STEEP, TOO_DEEP)]
    bands["excluded"] = np.sum([bit * (thin.share(found.astype(float)) > 0) for bit, found in zip((TOO_STEEP, TOO_DEEP), bits, strict=True)], axis=0)
    farthest = float(np.nanmax(places["distance_m"], initial=0.0))
    steps = {"depth_m": 1.0, "slope_deg": 0.1, "distance_m": 1.0 if farthest < NOTHING else 10.0, "share": STEP_SHARE}
    steps |= {"class": 1.0, "reason": 1.0, "excluded": 1.0}
    for name in ("marker_m", "marker_sd_m"):
        if name in places:
            # Where the marker is eroded it would lie above the seafloor.
            bands[name], steps[name] = thin.mean(np.maximum(places[name], 0.0)), _MARKER_STEP_M
    text = packed(np.array([steps_of(band, steps[name]) for name, band in bands.items()]))
    return text, {"names": list(bands), "steps": steps}


def square_totals(squares: Squares, elements: Sequence[str]) -> dict[str, Any] | None:
    """Tonnes in squares by realisation, packed; each cut-off has a step of its own. Nothing where they would be too much, or were not simulated."""
    here = [element for element in elements if element in squares.grades]
    size = sum(2 * squares.grades[element].metal_t.size for element in here)
    if not here or size > _MOST_SQUARES_VALUES * len(here):
        return None
    rows, columns = squares.shape
    out: dict[str, Any] = {"side_cells": squares.side_cells, "rows": rows, "columns": columns, "elements": {}}
    for element in here:
        totals = squares.grades[element]
        out["realisations"] = len(totals.metal_t)
        found, planes = {"cutoffs": list(totals.cutoffs_ppm)}, []
        for name, tonnes in (("mud_steps_t", totals.dry_mud_t), ("metal_steps_t", totals.metal_t)):
            steps_t = np.maximum(tonnes.max(axis=(0, 2, 3)), 1e-9) / _SQUARE_LEVELS
            planes.append(np.rint(np.moveaxis(tonnes, 1, 0) / steps_t[:, None, None, None]).astype(np.uint16))
            found[name] = [float(f"{step:.9g}") for step in steps_t]
        flat = np.array(planes).reshape(-1, len(totals.metal_t), rows * columns)
        out["elements"][element] = {**found, "packed": packed(flat)}
    return out


def lookup(picture: DisplayFrame, grid: Grid, thin: Thinning) -> NDArray[np.uint16]:
    """(2, rows, columns) row and column of the shown cell under each pixel."""

    def pixel_of(longitude_deg: Array, latitude_deg: Array) -> tuple[Array, Array]:
        easting_m, northing_m = grid.from_lonlat(longitude_deg, latitude_deg)
        west_m, _, _, north_m = grid.bounds_m
        return (north_m - northing_m) / grid.cell_m, (easting_m - west_m) / grid.cell_m

    indices = cells_of(picture, grid.shape, pixel_of)
    assert max(thin.shown) < NOTHING
    return np.array([np.where(index < 0, NOTHING, index // thin.factor) for index in indices]).astype(np.uint16)


def distance_to_cores_m(grid: Grid, longitude_deg: Array, latitude_deg: Array) -> Array:
    """(rows, columns) distance from each cell's centre to the nearest position, in metres; NaN without any."""
    from scipy.spatial import KDTree

    if len(longitude_deg) == 0:
        return np.full(grid.shape, np.nan)
    positions_m = np.column_stack(grid.from_lonlat(longitude_deg, latitude_deg))
    centres_m = np.column_stack([values.ravel() for values in grid.centres_m()])
    distance_m, _ = KDTree(positions_m).query(centres_m)
    return np.asarray(distance_m).reshape(grid.shape)
