"""Realisations of one tile of the fine grid: percentiles of its columns, and what each realisation adds to the totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import QUANTILES, on_steps
from pipeline.artefacts.steps import not_below
from pipeline.fine_grid.grades import supported_cells
from pipeline.geostatistics.block_reducers import totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from pipeline.fine_grid.frame import Frame, TileBlock
    from pipeline.fine_grid.grades import Drift
    from pipeline.geostatistics.gridded_columns import GriddedColumns
    from pipeline.geostatistics.spectral_simulation import SpectralSimulation
    from pipeline.tiles import Tile

    Array = NDArray[np.float64]
    Singles = NDArray[np.float32]
    Mask = NDArray[np.bool_]

REGIONS = ("all", "supported")
STATISTICS = (*QUANTILES, "mean", "sd")
_BLOCKS = 4  # simulated together: what is set up for a realisation serves them all


@dataclass(frozen=True)
class Realisations:
    """Task: every realisation in the cells of a tile.

    Parameters
    ----------
    frame : Frame
    simulation : SpectralSimulation
    elements : tuple of str
        In the order of the simulation.
    cutoffs_ppm : tuple of tuples of float
        Of each element.
    steps_ppm : tuple of float
    estimates : tuple of (GriddedColumns or None, Drift)
        Whose slopes of regression say which cells are supported.
    min_slope : float
    count : int
        Realisations.
    """

    frame: Frame
    simulation: SpectralSimulation
    elements: tuple[str, ...]
    cutoffs_ppm: tuple[tuple[float, ...], ...]
    steps_ppm: tuple[float, ...]
    estimates: tuple[tuple[GriddedColumns | None, Drift], ...]
    min_slope: float
    count: int

    def __call__(self, tile: Tile) -> dict[str, NDArray[Any]]:
        """What a tile leaves behind.

        Returns
        -------
        dict of arrays
            ``columns_<element>`` (statistics, rows, columns): percentiles, mean and sd of the mass-weighted mean over the interval, in ppm; no
            statistics where no cell is near. ``totals_<element>`` (blocks, realisations, regions, cutoffs, 3): of each block of cells, the sums of
            :func:`~pipeline.geostatistics.block_reducers.totals`.
        """
        blocks = list(self.frame.blocks(tile))
        shape = tile.shape
        out: dict[str, NDArray[Any]] = {}
        for element, limits in zip(self.elements, self.cutoffs_ppm, strict=True):
            out[f"columns_{element}"] = np.full((len(STATISTICS) if blocks else 0, *shape), np.nan, dtype=np.float32)
            out[f"totals_{element}"] = np.zeros((len(blocks), self.count, len(REGIONS), len(limits), 3))
        for first in range(0, len(blocks), _BLOCKS):
            self._simulate(blocks[first : first + _BLOCKS], first, out)
        return out

    def _simulate(self, blocks: Sequence[TileBlock], first: int, out: dict[str, NDArray[Any]]) -> None:
        """Every realisation in some blocks, of which the first has this number among those of the tile."""
        ends = np.cumsum([int(block.near.sum()) for block in blocks])
        parts = [slice(int(end) - int(block.near.sum()), int(end)) for block, end in zip(blocks, ends, strict=True)]
        shares = [self._shares(block) for block in blocks]
        columns_ppm = np.empty((len(self.elements), self.count, int(ends[-1])), dtype=np.float32)
        centres_m, wanted = [block.centre_m for block in blocks], [block.near for block in blocks]
        for number, (density, metal) in enumerate(self.simulation.blocks(centres_m, wanted, range(self.count))):
            mud = density.sum(axis=0)
            for e, (element, limits) in enumerate(zip(self.elements, self.cutoffs_ppm, strict=True)):
                columns_ppm[e, number] = metal[e].sum(axis=0) / mud
                for index, (part, share) in enumerate(zip(parts, shares, strict=True)):
                    found = totals(np.ascontiguousarray(density[:, part]), np.ascontiguousarray(metal[e][:, part]), share, np.array(limits))
                    out[f"totals_{element}"][first + index, number] = found
        for e, (element, step) in enumerate(zip(self.elements, self.steps_ppm, strict=True)):
            statistics = np.array(list(_statistics(columns_ppm[e])))
            for block, part in zip(blocks, parts, strict=True):
                out[f"columns_{element}"][(slice(None), *block.at)][:, block.near] = not_below(on_steps(statistics[:, part], step))

    def _shares(self, block: TileBlock) -> Array:
        """(regions, cells) share of each estimated cell in each region."""
        supported = supported_cells(self.estimates, block, self.min_slope)
        return np.array([np.where(mask, block.share, 0.0)[block.near] for mask in (block.near, supported)])


def _statistics(values: Singles) -> Iterator[Array]:
    """Percentiles, mean and standard deviation over the realisations, the first axis, in the order of ``STATISTICS``."""
    wide = values.astype(np.float64)
    # The percentile p is the value below which p (n + 1) of n realisations lie (Weibull 1939).
    yield from np.quantile(wide, list(QUANTILES.values()), axis=0, method="weibull")
    yield wide.mean(axis=0)
    yield wide.std(axis=0, ddof=1) if len(wide) > 1 else np.full(wide.shape[1], np.nan)
