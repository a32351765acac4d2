"""Reducer of the pass over the realisations that keeps the columns of blocks at which a core might be drilled."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np

from pipeline.artefacts import SimulatedColumn, SimulatedColumns
from pipeline.artefacts.core_columns import in_steps
from pipeline.units import TONNE_PER_GRAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.artefacts import Marks, Seafloor
    from pipeline.config import CutoffSettings
    from pipeline.geostatistics.layered_simulation import Blocks

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

_MOST_CANDIDATES = 1_000
_MOST_VALUES = 6_000_000  # of all elements, realisations and groups: 24 MB while the pass runs
_GROUPS = 3


class ColumnReducer:
    """Columns at a lattice of estimated cells, and the tonnes over every cut-off.

    Memory grows with the realisations and not with the grid: where there are many, the lattice is wider.

    Parameters
    ----------
    elements : sequence of str
        In the order of the metal of :class:`Blocks`.
    layers : (layers,) int array
        Numbers of the layers simulated.
    near : (rows, columns) bool array
        Estimated cells, the first region of the totals.
    seafloor : Seafloor
    cutoffs : CutoffSettings
    realisations : int
    """

    def __init__(self, elements: Sequence[str], layers: Integers, near: Mask, seafloor: Seafloor, cutoffs: CutoffSettings, realisations: int) -> None:
        self._elements, self._cutoffs_ppm = list(elements), [tuple(cutoffs.of(element)) for element in elements]
        self._groups = np.array_split(layers, min(_GROUPS, layers.size))
        self._starts = np.searchsorted(layers, [group[0] for group in self._groups])
        values_each = max(len(self._elements) * realisations * len(self._groups), 1)
        self._spacing, self._cells = _lattice(near, min(_MOST_CANDIDATES, max(_MOST_VALUES // values_each, 1)))
        self._block_m3 = seafloor.grid.cell_area_m2 * seafloor.layers.layer_m
        self._columns: list[list[NDArray[np.float32]]] = [[] for _ in self._elements]
        self._tonnes: list[list[Array]] = [[] for _ in self._elements]

    def add(self, blocks: Blocks, totals: list[Array]) -> None:
        """Take in one realisation, and its (regions, cutoffs, 3) totals of each element."""
        metals = blocks.metal_g_m3.reshape(*blocks.metal_g_m3.shape[:2], -1)[:, :, self._cells]
        sizes = np.array([group.size for group in self._groups], dtype=np.float32)[:, None]
        for number, (metal, found) in enumerate(zip(metals, totals, strict=True)):
            self._columns[number].append((np.add.reduceat(metal, self._starts, axis=0) / sizes).astype(np.float32))
            self._tonnes[number].append(found[0, :, 1:] * np.array([self._block_m3, self._block_m3 * TONNE_PER_GRAM]))

    def artefact(self, marks: Marks) -> SimulatedColumns:
        """All of them."""
        elements = {}
        for element, limits, columns, tonnes in zip(self._elements, self._cutoffs_ppm, self._columns, self._tonnes, strict=True):
            both = np.array(tonnes).reshape(len(tonnes), len(limits), 2)
            values = np.array(columns).reshape(len(columns), len(self._groups), self._cells.size)
            elements[element] = SimulatedColumn(limits, both[..., 1], both[..., 0], in_steps(values))
        groups = tuple(tuple(int(layer) for layer in group) for group in self._groups)
        return SimulatedColumns(self._cells, self._spacing, groups, elements, marks)


def _lattice(near: Mask, most: int) -> tuple[int, Integers]:
    """Spacing, and flat numbers of at most so many of the cells, on every so many rows and columns."""
    step = max(1, ceil(sqrt(np.count_nonzero(near) / most)))
    while True:
        kept = np.zeros_like(near)
        kept[step // 2 :: step, step // 2 :: step] = True
        cells = np.flatnonzero(near & kept)
        if cells.size <= most:
            break
        step += 1
    if not cells.size:
        # Few cells, none of them on the lattice.
        cells = np.flatnonzero(near)[:most]
    return step, np.asarray(cells, dtype=np.int64)
