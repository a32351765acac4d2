"""Realisations of a deposit in order, drawn by this process or, batch by batch, by other workers: the same bytes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline.geostatistics.layered_simulation import Blocks
from pipeline.tiles import HERE, Batch, Workers, batches_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Singles = NDArray[np.float32]

_BATCH_BYTES = 2**25
_MOST_IN_BATCH = 25
_ARRAYS = [field.name for field in fields(Blocks) if field.name != "number"]


class Simulated(Protocol):
    """What realisations are drawn from, each a pure function of its number: :class:`~pipeline.geostatistics.LayeredSimulation`."""

    def draws(self, count: int, first: int = 0) -> Iterator[Blocks]:
        """Realisations in order, made some ahead by threads."""

    def realisation(self, number: int) -> Blocks:
        """One realisation, on one thread."""


@dataclass(frozen=True)
class RealisationsOfBatch:
    """Task: the realisations of a batch.

    Parameters
    ----------
    simulation : Simulated
    """

    simulation: Simulated

    def __call__(self, batch: Batch) -> dict[str, Singles]:
        """Every array of a realisation, by its name in :class:`Blocks`: (realisations, ...)."""
        drawn = [self.simulation.realisation(number) for number in range(batch.first, batch.first + batch.count)]
        known = {name: [getattr(blocks, name) for blocks in drawn] for name in _ARRAYS}
        return {name: np.array(values) for name, values in known.items() if values[0] is not None}


def realisations(simulation: Simulated, count: int, values: int, workers: Workers = HERE) -> Iterator[Blocks]:
    """Realisations 0 to ``count - 1``, in order.

    Parameters
    ----------
    simulation : Simulated
    count : int
    values : int
        Numbers that one realisation holds: of them depends how many make a batch.
    workers : Workers
    """
    if workers.are_here:
        yield from simulation.draws(count)
        return
    each = max(1, min(_MOST_IN_BATCH, _BATCH_BYTES // (values * np.dtype(np.float32).itemsize)))
    for batch, drawn in workers.map(RealisationsOfBatch(simulation), batches_of(count, each), name="realisations"):
        for at in range(batch.count):
            yield Blocks(number=batch.first + at, **{name: values[at] for name, values in drawn.items()})
