"""A deposit in domains with hard boundaries: simulated domain by domain, each from its own cores, independently of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.spatial.distance import pdist

from pipeline.deposit import Deposit, Known, Lent, Measured, Soft, by_composites, deposit_of, known_of, nearest_cells, not_simulated
from pipeline.domains import cores_of, lending, own_composites, parts_of, seed_of
from pipeline.field import core_positions_m, prior_in
from pipeline.geostatistics.layer_scores import LayerScores
from pipeline.geostatistics.layered_simulation import Blocks, LayeredSimulation, drawn_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pipeline.artefacts import Composites, Seafloor, Variogram
    from pipeline.config import DensitySettings, SimulationSettings, VariogramSettings
    from pipeline.domains import Part
    from pipeline.grid import Grid

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class DomainDeposit:
    """All that realisations of the domains are drawn from.

    Parameters
    ----------
    elements : tuple of str
        Those simulated, in every domain.
    layers : (layers,) int array
        Layers simulated in any of them.
    deposits : dict of str to Deposit
        By the name of the domain.
    grid : Grid
        On which ``of_cell`` says which of the deposits, by its place, a cell belongs to; -1 to none.
    of_cell : (rows, columns) int array
    """

    elements: tuple[str, ...]
    layers: Integers
    deposits: dict[str, Deposit]
    grid: Grid
    of_cell: Integers

    def grades_ppm(self, number: int) -> Array:
        """(composites,) measured grades of an element by its number; NaN where there is none."""
        return np.concatenate([deposit.grades_ppm(number).ravel() for deposit in self.deposits.values()])

    @property
    def mean_density_t_m3(self) -> float:
        """Mean over the domains, each by its cells."""
        cells = [float(np.sum(self.of_cell == number)) for number in range(len(self.deposits))]
        return float(np.average([deposit.mean_density_t_m3 for deposit in self.deposits.values()], weights=np.maximum(cells, 1.0)))

    def simulation(
        self, origin_m: tuple[float, float], shape: tuple[int, int], cell_m: float, nodes: int, seed: int, off: set[str]
    ) -> DomainSimulation:
        """Simulation on a grid, with some sources of uncertainty off: each domain inside the frame of its cells."""
        of_cell = nearest_cells(self.grid, self.of_cell, origin_m, shape, cell_m)
        simulations, frames = [], []
        for number, (name, deposit) in enumerate(self.deposits.items()):
            rows, columns = np.nonzero(of_cell == number)
            if not rows.size:
                continue
            frame = slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)
            corner_m = origin_m[0] + cell_m * frame[1].start, origin_m[1] - cell_m * frame[0].start
            size = frame[0].stop - frame[0].start, frame[1].stop - frame[1].start
            simulations.append(deposit.simulation(corner_m, size, cell_m, nodes, seed_of(seed, name), off))
            frames.append(_Frame(frame, of_cell[frame] == number, np.searchsorted(self.layers, deposit.layers)))
        return DomainSimulation(simulations, frames, shape, self.layers.size, len(self.elements))


@dataclass(frozen=True)
class _Frame:
    """Where the blocks of a domain stand among those of all."""

    frame: tuple[slice, slice]
    mine: Mask
    layers: Integers


class DomainSimulation:
    """Realisations in which every domain has its own, drawn independently of the others.

    A layer that is not simulated in a domain has no mud there, and a cell of no domain none that is known.
    """

    def __init__(
        self, simulations: Sequence[LayeredSimulation], frames: Sequence[_Frame], shape: tuple[int, int], layers: int, elements: int
    ) -> None:
        self._simulations, self._frames, self._shape, self._layers, self._elements = list(simulations), list(frames), shape, layers, elements

    @property
    def covariance_error(self) -> float:
        """Largest of the domains'."""
        return max(simulation.covariance_error for simulation in self._simulations)

    def draws(self, count: int, first: int = 0) -> Iterator[Blocks]:
        """Realisations ``first`` to ``first + count - 1`` in order; made some ahead, by threads, of which no bit depends."""
        return drawn_ahead(self.realisation, count, first)

    def realisation(self, number: int) -> Blocks:
        """One realisation, on one thread."""
        density = np.full((self._layers, *self._shape), np.nan, dtype=np.float32)
        metal = np.zeros((self._elements, self._layers, *self._shape), dtype=np.float32)
        for simulation, where in zip(self._simulations, self._frames, strict=True):
            blocks = simulation.realisation(number)
            mine = density[:, *where.frame]
            mine[:, where.mine] = 0.0
            for at, layer in enumerate(where.layers):
                mine[layer][where.mine] = blocks.density_t_m3[at][where.mine]
                metal[:, layer, *where.frame][:, where.mine] = blocks.metal_g_m3[:, at][:, where.mine]
        return Blocks(number, density, metal)


def not_simulated_in_domains(composites: Composites, variograms: list[Variogram], seafloor: Seafloor) -> dict[str, str]:
    """Elements for which no interval can be given, and why: what one domain cannot tell, no total can."""
    if seafloor.domains is None:
        return not_simulated(composites, variograms)
    reasons: dict[str, str] = {}
    for part in parts_of(composites, seafloor):
        for element, reason in not_simulated(_own(composites, part), [variogram.of(part.name) for variogram in variograms]).items():
            reasons.setdefault(element, f"in the domain {part.name}, {reason}")
    return reasons


def deposit_in_domains(
    composites: Composites,
    variograms: list[Variogram],
    seafloor: Seafloor,
    settings: SimulationSettings,
    prior: DensitySettings,
    variogram_settings: VariogramSettings,
) -> DomainDeposit:
    """Draw what the data of every domain leave open, one draw for each realisation.

    A domain with few cores varies around its own mean as the others do around theirs, under a prior of the range that is scaled with the extent of
    all cores. The one unknown factor of a density prior is the same in all domains.
    """
    order, deposits = deposits_of_domains(composites, variograms, seafloor, settings, prior, variogram_settings)
    layers = np.unique(np.concatenate([deposit.layers for deposit in deposits.values()]))
    return DomainDeposit(order, layers, deposits, seafloor.grid, _of_cell(seafloor, list(deposits)))


def deposits_of_domains(
    composites: Composites,
    variograms: list[Variogram],
    seafloor: Seafloor,
    settings: SimulationSettings,
    prior: DensitySettings,
    variogram_settings: VariogramSettings,
) -> tuple[tuple[str, ...], dict[str, Deposit]]:
    """Elements simulated in every domain, and the deposit behind each hard boundary by the name of its domain; no cell is looked at."""
    told = _Told.of(composites, variograms, seafloor, settings, variogram_settings)
    deposits = {}
    for name, part in told.parts.items():
        given = settings.model_copy(update={"seed": seed_of(settings.seed, name)})
        own_prior = prior if composites.density_source == "prior" else _prior(part, composites, prior)
        deposits[name] = deposit_of(
            part.composites, told.variograms[name], part.seafloor, given, own_prior, variogram_settings, told.lent[name], told.known[name]
        )
    return told.order, deposits


def soft_deposit(
    composites: Composites,
    variograms: list[Variogram],
    seafloor: Seafloor,
    settings: SimulationSettings,
    prior: DensitySettings,
    variogram_settings: VariogramSettings,
) -> Deposit:
    """Draw what the data of all domains leave open, as one field of the scores that each composite has among those of its domain."""
    told = _Told.of(composites, variograms, seafloor, settings, variogram_settings)
    return deposit_of(composites, variograms, seafloor, settings, prior, variogram_settings, Lent(order=told.order), _joined(told, seafloor))


@dataclass(frozen=True)
class _Told:
    """What is known of every domain by its own cores, and what those with few of them take from the others."""

    order: tuple[str, ...]
    parts: dict[str, Part]
    variograms: dict[str, list[Variogram]]
    lent: dict[str, Lent]
    known: dict[str, Known]

    @classmethod
    def of(
        cls,
        composites: Composites,
        variograms: list[Variogram],
        seafloor: Seafloor,
        settings: SimulationSettings,
        variogram_settings: VariogramSettings,
    ) -> Self:
        assert seafloor.domains is not None
        order = tuple(by_composites(composites, not_simulated_in_domains(composites, variograms, seafloor)))
        parts = {part.name: replace(part, composites=_own(composites, part)) for part in parts_of(composites, seafloor)}
        own = {name: [variogram.of(name) for variogram in variograms] for name in parts}
        cores = {name: count for name, count in cores_of(composites).items() if name in parts}
        extent_m = float(pdist(core_positions_m(composites, seafloor.grid)).max())

        def known(name: str, lent: Lent) -> Known:
            return known_of(parts[name].composites, own[name], parts[name].seafloor, settings, variogram_settings, lent)

        alone = Lent(seed=settings.seed, order=order)
        thin = {name for name, count in cores.items() if count < seafloor.domains.min_cores}
        pooled = (
            _pooled({name: known(name, alone) for name in lending(cores, seafloor.domains.min_cores)}, cores, seafloor.layers.count) if thin else {}
        )
        # ASSUME: the mean density that a prior states is one unknown number for the mud of all domains.
        # ASSUME: a range in a domain with few cores is as likely as one in the whole survey.
        lent = {name: Lent(pooled, extent_m, settings.seed, order) if name in thin else alone for name in parts}
        return cls(order, parts, own, lent, {name: known(name, lent[name]) for name in parts})


def _own(composites: Composites, part: Part) -> Composites:
    return part.composites if not part.composites.domains else own_composites(composites, part.name)


def _of_cell(seafloor: Seafloor, names: list[str]) -> Integers:
    """Place of each cell's domain among some of them; -1 where it is none of these."""
    assert seafloor.domains is not None
    found = np.full(seafloor.grid.shape, -1, dtype=np.int64)
    for number, name in enumerate(names):
        found[seafloor.domains.cells(name)] = number
    return found


def _joined(told: _Told, seafloor: Seafloor) -> Known:
    """What is known of all domains, on one scale: rows of cores, one domain after the other, and all layers known in any."""
    known = list(told.known.values())
    layers = np.unique(np.concatenate([part.layers for part in known]))
    at = [np.searchsorted(layers, part.layers) for part in known]
    of_core = np.repeat(np.arange(len(known)), [len(part.positions_m) for part in known])
    kinds: list[list[Measured | None]] = [[part.grade for part in known], [part.density for part in known]]
    kinds += [[part.ratios[number] for part in known] for number in range(len(told.order) - 1)]
    joined: list[Measured | None] = []
    scores: list[list[LayerScores]] = []
    for parts in kinds:
        if all(part is None for part in parts):
            joined.append(None)
            continue
        given = [(own, part.scores, float(len(of_core))) for own, part in zip(at, parts, strict=True) if part is not None]
        # ASSUME: a domain in which a variable was never measured is like the mean of the others.
        elsewhere = LayerScores.pooled(given, layers.size).around(np.mean([np.mean(part.statistics.mean) for _, part, _ in given]))
        own = [elsewhere if part is None else part.scores.spread_to(where, elsewhere) for part, where in zip(parts, at, strict=True)]
        shape = [(len(part.positions_m), layers.size) for part in known]
        scores.append(own)
        first = next(part for part in parts if part is not None)
        fields = {
            name: np.vstack([_wide(part, name, where, size) for part, where, size in zip(parts, at, shape, strict=True)])
            for name in ("observed", "error_variance", "values", "weights")
        }
        joined.append(Measured(first.name, own[0], **fields))
    positions_m = np.vstack([part.positions_m for part in known])
    inside = np.array([np.isin(layers, part.layers) for part in known])
    by_domain = [list(parts) for parts in zip(*scores, strict=True)]
    soft = Soft(seafloor.grid, _of_cell(seafloor, list(told.known)), of_core, by_domain, [], inside)
    grade, density, *ratios = joined
    assert grade is not None
    return Known(told.order, layers, positions_m, grade, density, [ratio for ratio in ratios if ratio is not None], soft=soft)


def _wide(part: Measured | None, name: str, at: Integers, shape: tuple[int, int]) -> Array:
    """A matrix of one domain with the columns of all layers."""
    out = np.full(shape, np.nan if name in ("observed", "values") else 0.0)
    if part is not None:
        out[:, at] = getattr(part, name)
    return out


def checked_in_domains(composites: Composites, seafloor: Seafloor, settings: SimulationSettings) -> dict[str, SimulationSettings]:
    """What every domain is checked with: its own seed, and nothing but parameters where its cores are few."""
    assert seafloor.domains is not None
    enough = {name: count >= seafloor.domains.min_cores for name, count in cores_of(composites).items()}
    return {name: settings.model_copy(update={"seed": seed_of(settings.seed, name), "checks": settings.checks and enough[name]}) for name in enough}


def _prior(part: Part, composites: Composites, prior: DensitySettings) -> DensitySettings:
    """The prior of a domain: where none of its samples carries density, what its composites were supplied with."""
    return prior_in(part, composites, prior) if part.composites.density_source == "prior" else prior


def _pooled(known: dict[str, Known], cores: dict[str, int], layers: int) -> dict[str, LayerScores]:
    """Spreads and shapes of each variable over the domains that lend theirs, each by its cores."""
    found: dict[str, list[tuple[Integers, LayerScores, float]]] = {}
    for domain, one in known.items():
        for part in one.variables:
            found.setdefault(part.name, []).append((one.layers, part.scores, cores[domain]))
    return {name: LayerScores.pooled(given, layers) for name, given in found.items()}
