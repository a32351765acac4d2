"""What work is divided into: tiles of a grid, batches of realisations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPUTE_BLOCK = 64
"""Cells along the side of a compute block: arithmetic runs in blocks aligned to the grid, so that no bit depends on the side of a tile.

A matrix product differs in its last bits with the number of its rows; another number here may change last bits of a product.
"""


@dataclass(frozen=True)
class Tile:
    """Rectangle of cells of a grid, made of whole compute blocks (and of the parts of them that the grid's edge leaves).

    Parameters
    ----------
    number : int
        From 0, row by row.
    rows, columns : (first, end)
        Half-open ranges.
    """

    number: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the tile in an array of the grid."""
        return slice(*self.rows), slice(*self.columns)

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Index of each compute block in an array of the tile."""
        for row in range(0, self.shape[0], COMPUTE_BLOCK):
            for column in range(0, self.shape[1], COMPUTE_BLOCK):
                yield slice(row, min(row + COMPUTE_BLOCK, self.shape[0])), slice(column, min(column + COMPUTE_BLOCK, self.shape[1]))


def tiles_of(shape: tuple[int, int], side_cells: int = COMPUTE_BLOCK) -> list[Tile]:
    """Tiles that cover a grid, row by row.

    Parameters
    ----------
    shape : (rows, columns)
    side_cells : int
        A multiple of :data:`COMPUTE_BLOCK`.

    Raises
    ------
    ValueError
        The side is no such multiple.

    Examples
    --------
    >>> [tile.shape for tile in tiles_of((100, 64), 64)]
    [(64, 64), (36, 64)]
    """
    if side_cells < COMPUTE_BLOCK or side_cells % COMPUTE_BLOCK:
        msg = f"the side of a tile is {side_cells} cells; it must be a multiple of {COMPUTE_BLOCK}"
        raise ValueError(msg)
    rows, columns = ([(start, min(start + side_cells, count)) for start in range(0, count, side_cells)] for count in shape)
    return [Tile(number, *ranges) for number, ranges in enumerate((row, column) for row in rows for column in columns)]


@dataclass(frozen=True)
class Batch:
    """Run of realisations.

    Parameters
    ----------
    number : int
        Of the batch, from 0.
    first, count : int
        Number of the first realisation, and how many there are.
    """

    number: int
    first: int
    count: int


def batches_of(realisations: int, each: int) -> list[Batch]:
    """Batches of so many realisations each; the last one may be shorter.

    Examples
    --------
    >>> [(batch.first, batch.count) for batch in batches_of(5, 2)]
    [(0, 2), (2, 2), (4, 1)]
    """
    return [Batch(number, first, min(each, realisations - first)) for number, first in enumerate(range(0, realisations, each))]
