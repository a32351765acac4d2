"""Worth of cores for metal over a cut-off, from the columns that the realisations left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from pipeline.geostatistics.cutoff_worth import CutoffWorth, Explained, explained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.artefacts import SimulatedColumn, SimulatedColumns
    from pipeline.geostatistics.data_worth import DataWorth

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

_LOW, _HIGH = 0.10, 0.90


@dataclass(frozen=True)
class Interval:
    """Spread of tonnes over the realisations.

    Parameters
    ----------
    sd_t : float
    low_t, high_t : float
        Values that 10 % and 90 % of the realisations lie below.
    """

    sd_t: float
    low_t: float
    high_t: float

    @classmethod
    def of(cls, tonnes: Array) -> Interval:
        """Spread of the tonnes of realisations."""
        low_t, high_t = np.quantile(tonnes, [_LOW, _HIGH])
        return cls(float(tonnes.std(ddof=1)) if tonnes.size > 1 else 0.0, float(low_t), float(high_t))


@dataclass(frozen=True)
class OverCutoff:
    """Columns and tonnes of one element, and what a core there differs by from its column.

    Parameters
    ----------
    column : SimulatedColumn
    scores : (candidates, realisations, 1) array
        Mean metal per volume over the groups of layers that a new core reaches through.
    noise : (1, 1) array
    """

    column: SimulatedColumn
    scores: Array
    noise: Array

    @classmethod
    def of(cls, columns: SimulatedColumns, element: str, worth: DataWorth) -> OverCutoff | None:
        """What the realisations say of one element; ``None`` where it was not simulated, or a new core reaches through no group of layers."""
        column = columns.elements.get(element)
        reached = worth.reached_layers()
        # ASSUME: a group of layers that a core does not reach through tells nothing.
        used = [number for number, group in enumerate(columns.groups) if np.isin(group, reached).all()]
        if column is None or not used or not columns.cells.size:
            return None
        sizes = np.array([len(columns.groups[number]) for number in used], dtype=np.float64)
        # ASSUME: what a core tells of tonnes over a cut-off lies in its mean over the layers; layer by layer costs more chance than it tells.
        scores = np.einsum("rgc,g->cr", column.metal_g_m3[:, used], sizes / sizes.sum())[:, :, None]
        mean = np.isin(reached, np.concatenate([columns.groups[number] for number in used])) / sizes.sum()
        # ASSUME: what varies inside a block, and nugget and error of a core, are those of the kriging model; the realisations hold blocks.
        return cls(column, scores, np.array([[mean @ worth.noise() @ mean]]))

    def metal_t(self, cutoff_ppm: float) -> Array:
        """(realisations,) metal over a cut-off."""
        return self.column.metal_t[:, self.column.cutoffs_ppm.index(cutoff_ppm)]

    def dry_mud_t(self, cutoff_ppm: float) -> Array:
        """(realisations,) dry mud over a cut-off."""
        return self.column.dry_mud_t[:, self.column.cutoffs_ppm.index(cutoff_ppm)]

    def worth(self, tonnes: Array, candidates: Integers) -> CutoffWorth:
        """Worth of cores at some of the candidates, given by their numbers, for tonnes of the realisations."""
        return CutoffWorth(tonnes, self.scores[candidates], self.noise)

    def alone(self, tonnes: Array) -> Explained:
        """What one core at each candidate would take away."""
        return explained(tonnes, self.scores, self.noise)


def nearest_candidates(columns: SimulatedColumns, cells: Integers, shape: tuple[int, int]) -> Integers:
    """Number of the candidate that is nearest to each of some cells."""
    places = [np.column_stack(np.unravel_index(part, shape)) for part in (columns.cells, cells)]
    return np.asarray(cKDTree(places[0]).query(places[1])[1], dtype=np.int64)


def between_candidates(columns: SimulatedColumns, values: Array, cells: Mask) -> Array:
    """(rows, columns) values at the candidates, linear between them; beyond their lattice, and where none is around, that of the nearest.

    NaN outside the cells.
    """
    shape, step = cells.shape, columns.spacing_cells
    rows, across = np.unravel_index(columns.cells, shape)
    lattice = np.full((rows.max() // step + 2, across.max() // step + 2), np.nan)
    lattice[rows // step, across // step] = values
    places = np.column_stack(np.nonzero(cells))
    at = np.maximum((places - step // 2) / step, 0.0)
    low = np.minimum(at.astype(np.int64), np.array(lattice.shape) - 2)
    part = np.clip(at - low, 0.0, 1.0)
    total, weight = np.zeros(len(places)), np.zeros(len(places))
    for down in (0, 1):
        for right in (0, 1):
            corner = lattice[low[:, 0] + down, low[:, 1] + right]
            share = np.where(down, part[:, 0], 1 - part[:, 0]) * np.where(right, part[:, 1], 1 - part[:, 1]) * np.isfinite(corner)
            total += share * np.nan_to_num(corner)
            weight += share
    out = np.full(shape, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = total / weight
    alone = weight < 1e-9
    found[alone] = values[nearest_candidates(columns, np.ravel_multi_index(tuple(places[alone].T), shape), shape)]
    out[cells] = found
    return out
