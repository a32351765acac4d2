"""Layered simulation across soft boundaries: one field, and in every domain a mean, a spread and a shape of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.geostatistics.layered_simulation import Blocks, LayeredSimulation, LayeredVariable, blocks_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.geostatistics.layer_sampler import LayerDraws
    from pipeline.geostatistics.layer_scores import LayerScores

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SoftDomains:
    """Domains that one field goes through.

    Parameters
    ----------
    of_core : (cores,) int array
        Domain of each core.
    of_cell : (cells,) int array
        Domain of each cell; -1 where nothing is simulated.
    scores : sequence of sequence of LayerScores
        Of every domain, by variable.
    shifts : sequence of (draws, domains) arrays
        Of every variable: how far the mean of its scores lies from that of all domains, the same in all layers.
    layers : (domains, layers) bool array
        Layers that are known in each domain; in the others it has no mud.
    """

    of_core: Integers
    of_cell: Integers
    scores: Sequence[Sequence[LayerScores]]
    shifts: Sequence[Array]
    layers: Mask


class SoftSimulation(LayeredSimulation):
    r"""Blocks of a layered deposit whose domains share one field.

    In domain d the variables are, with the letters of :class:`LayeredSimulation`,

    .. math:: Y^k_l(x) = \mu^k_l + s^k_d + \sum_{j<k} b_{kj}\,Y^j_l(x) + E^k_l(x), \qquad z^k_l(x) = \phi^k_{dl}\big(Y^k_l(x)\big)

    with a transform :math:`\phi_d` of the domain's own composites. What is left without the shifts, :math:`X^k = Y^k - t^k_d` with
    :math:`t^k_d = s^k_d + \sum_{j<k} b_{kj} t^j_d`, follows the same equation without them: it is simulated and conditioned as one field.

    Parameters
    ----------
    variables, models, positions_m, origin_m, shape, cell_m, nodes, seed
        As of :class:`LayeredSimulation`; the transforms of the variables are not used.
    domains : SoftDomains
    **further
        As of :class:`LayeredSimulation`.
    """

    def __init__(self, variables: Sequence[LayeredVariable], *rest: Any, domains: SoftDomains, **further: Any) -> None:
        shifted = _without_shifts(variables, domains)
        super().__init__(shifted, *rest, **further)
        self.domains = domains

    def __getstate__(self) -> dict[str, Any]:
        """As of :class:`LayeredSimulation`: the variables are those without shifts."""
        return {**super().__getstate__(), "domains": self.domains}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set up again, without taking the shifts away a second time."""
        LayeredSimulation.__init__(self, **{name: value for name, value in state.items() if name != "domains"})
        self.domains = state["domains"]

    def realisation(self, number: int) -> Blocks:
        """One realisation, on one thread; a cell of no domain has no mud that is known."""
        fields = self._fields(number)
        places = [self._places[int(variable.draws.model[number])] for variable in self.variables]
        inside, left = self._inside(places)
        density = np.full(fields.shape[1:], np.nan, dtype=np.float32)
        metal = np.zeros((len(self.variables) - 1, *fields.shape[1:]), dtype=np.float32)
        for domain, scores in enumerate(self.domains.scores):
            cells = np.flatnonzero(self.domains.of_cell == domain)
            if not cells.size:
                continue
            own = [replace(variable, scores=score) for variable, score in zip(self.variables, scores, strict=True)]
            shifts = np.array([shift[number, domain] for shift in self.domains.shifts], dtype=np.float32)
            here = np.ascontiguousarray(fields[:, :, cells] + shifts[:, None, None])
            mud, metals = blocks_of(own, number, here, inside[cells], left, self.density_factor[number])
            known = self.domains.layers[domain]
            density[:, cells], metal[:, :, cells] = np.where(known[:, None], mud, 0), np.where(known[None, :, None], metals, 0)
        return Blocks(number, density.reshape(-1, *self.shape), metal.reshape(len(metal), -1, *self.shape))


def _without_shifts(variables: Sequence[LayeredVariable], domains: SoftDomains) -> list[LayeredVariable]:
    """Variables whose fields at the cores lack what the shifts of their domains make, directly and through the variables before."""
    out: list[LayeredVariable] = []
    totals: list[Array] = []
    for variable, shift in zip(variables, domains.shifts, strict=True):
        draws: LayerDraws = variable.draws
        total = shift + sum(draws.slopes[:, j, None] * before for j, before in enumerate(totals))
        totals.append(total)
        out.append(replace(variable, draws=replace(draws, values=draws.values - total[:, domains.of_core, None])))
    return out
