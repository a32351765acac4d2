"""One tile of a fine grid in domains with hard boundaries: what each of them finds in its own cells, put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from numpy.typing import NDArray

    from pipeline.tiles import Tile

    Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class InDomains:
    """Task: the tasks of all domains, none of which knows of another.

    Parameters
    ----------
    tasks : tuple of callables
        Of each domain, on a frame of its cells alone.
    """

    tasks: tuple[Callable[[Tile], Arrays], ...]

    def __call__(self, tile: Tile) -> Arrays:
        """Rasters with the cells of every domain, and totals of the blocks of all of them.

        Totals (blocks, realisations, regions, cutoffs, 3) of a domain have two regions, all and supported; here every domain is one more region, in
        the order of the tasks: what is all of a domain counts in it, and in no other one.
        """
        found = [task(tile) for task in self.tasks]
        out: Arrays = {}
        for name in dict.fromkeys(name for part in found for name in part):
            own = [(number, part[name]) for number, part in enumerate(found) if name in part]
            out[name] = _with_regions(own, len(found)) if name.startswith("totals_") else _in_one(values for _, values in own)
        return out


def _in_one(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Rasters of which each cell is known in one at most."""
    known = list(parts)
    full = [values for values in known if len(values)]
    if not full:
        return known[0]
    out = full[0]
    for values in full[1:]:
        out = np.where(np.isnan(out), values, out)
    return out


def _with_regions(parts: Iterable[tuple[int, NDArray[Any]]], domains: int) -> NDArray[Any]:
    """Totals of blocks, those of all blocks of a domain once more as those of its region."""
    out = []
    for number, values in parts:
        of_domains = np.zeros((*values.shape[:2], domains, *values.shape[3:]))
        of_domains[:, :, number] = values[:, :, 0]
        out.append(np.concatenate([values, of_domains], axis=2))
    return np.concatenate(out)
