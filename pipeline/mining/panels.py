"""Starting panels: where mining would begin and in which order, and what each year's panel holds in every realisation.

The order is planned once, on the kriged estimate, before a realisation is drawn. The realisations price that one plan. So no panel is chosen for the
luck of a draw (no winner's curse of the simulation): what is left of it is the smoothing of the kriged estimate that the plan follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import PanelPlan, PanelTotals, Reserve
from pipeline.mining.funnel import FIRST, MINED, Column, cumulated
from pipeline.mining.recoverable import kriged_mud
from pipeline.units import BASES, KM2_PER_M2, TONNE_PER_GRAM, Pores, grade_ppm_of, t_year_of_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.artefacts import Density, Grade, Marks, Seafloor
    from pipeline.config import PlaceSettings, ProductionSettings
    from pipeline.geostatistics.layered_simulation import Blocks
    from pipeline.mining.recoverable import RecoverableReducer
    from pipeline.units import Basis

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

# How hard is searched, not what is meant: a wider search can only find a better plan.
_WIDTH = 64  # orders kept at each step
_MOST_KEPT = 3_000  # orders kept, all steps together, so that a fine grid takes seconds too
_MOST_GREEDY = 20_000  # cells added to greedy orders, all starts together
_MOST_STARTS = 20_000  # cells that may come first, the richest

_HAIR = 1e-9  # of a year

_AROUND = {4: ((-1, 0), (0, 1), (1, 0), (0, -1)), 8: ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))}


@dataclass(frozen=True)
class Ground:
    """Columns of mud to plan on, (rows, columns) arrays.

    Parameters
    ----------
    lifted_t : array
        Mud in each column, on the basis on which the rate is counted.
    metal_t : array
        Metal in the same mud.
    allowed : bool array
        Cells that may be mined. Cells without mud are left out by themselves.
    neighbours : int
        4: cells touch by a side; 8: by a corner too.
    """

    lifted_t: Array
    metal_t: Array
    allowed: Mask
    neighbours: int = 4

    @property
    def usable(self) -> Mask:
        """Allowed cells that hold mud."""
        return np.asarray(self.allowed & np.isfinite(self.metal_t) & (np.nan_to_num(self.lifted_t) > 0))


@dataclass(frozen=True)
class Order:
    """Cells in the order in which they are mined.

    Parameters
    ----------
    cells : (k,) int array
        Flat numbers.
    shares : (years, k) array
        Share of each cell that each year takes; a cell may last several years, and a year may take parts of several cells.
    discounted_t : float
        Metal of the years, each weighted by its order.
    bound_t : float
        No order can reach more. Equal to ``discounted_t`` where the order is proven to be the best.
    """

    cells: Integers
    shares: Array
    discounted_t: float
    bound_t: float


class _Discount:
    """Weight of the mud lifted up to a tonne: a year's mud weighs ``weight`` times that of the year before, and mud after the last year nothing."""

    def __init__(self, year_t: float, years: int, weight: float) -> None:
        self.year_t, self.horizon_t, self.weight = year_t, year_t * years, weight
        self.before = np.concatenate([[0.0], np.cumsum(weight ** np.arange(years))]) * year_t
        self.weights = np.append(weight ** np.arange(years), 0.0)

    def up_to(self, lifted_t: Array) -> Array:
        """Weighted tonnes among the first so many."""
        year = np.minimum(np.floor(lifted_t / self.year_t + _HAIR).astype(np.int64), len(self.weights) - 1)
        return np.asarray(self.before[year] + np.maximum(lifted_t - year * self.year_t, 0.0) * self.weights[year])


@dataclass(frozen=True)
class _Begun:
    """An order as far as it goes: its mud and value so far, the cells of the year that is being mined, the one before, and two fingerprints."""

    cell: int
    lifted_t: float
    value_t: float
    panel: tuple[int, ...]
    before: _Begun | None
    of_all: int
    of_panel: int

    def cells(self) -> list[int]:
        """All cells, the last first."""
        found, at = [], self
        while True:
            found.append(at.cell)
            if at.before is None:
                return found
            at = at.before


class _Search:
    """Orders on one ground."""

    def __init__(self, ground: Ground, discount: _Discount) -> None:
        usable, self.discount = ground.usable, discount
        self.numbers = np.flatnonzero(usable)
        self.lifted_t = ground.lifted_t.ravel()[self.numbers]
        self.grade = ground.metal_t.ravel()[self.numbers] / self.lifted_t
        self.around = self._around(usable, _AROUND[ground.neighbours])
        self.print = [int(value) for value in np.random.default_rng(0).integers(1, 2**62, self.numbers.size)]
        self.mud, self.worth = self.lifted_t.tolist(), self.grade.tolist()
        best_first = np.argsort(-self.grade, kind="stable")
        held_t = np.concatenate([[0.0], np.cumsum(self.lifted_t[best_first])])
        self.steps = max(1, round(discount.horizon_t / float(np.median(self.lifted_t))))
        enough = int(np.searchsorted(held_t, discount.horizon_t)) + 1
        self.richest, self.held_t = self.grade[best_first][: enough - 1], held_t[:enough]

    def _around(self, usable: Mask, steps: Sequence[tuple[int, int]]) -> list[list[int]]:
        """Usable cells that touch each."""
        rows, columns = usable.shape
        at = np.full((rows + 2, columns + 2), -1, dtype=np.int64)
        at[1:-1, 1:-1][usable] = np.arange(self.numbers.size)
        row, column = np.nonzero(usable)
        around = np.stack([at[row + 1 + down, column + 1 + right] for down, right in steps], axis=1)
        return [[int(cell) for cell in line if cell >= 0] for line in around]

    def most_t(self, lifted_t: Array) -> Array:
        """More value than this no mud can add after so many tonnes: that of the richest cells, wherever they lie."""
        upto = self.discount.up_to(np.minimum(lifted_t[:, None] + self.held_t, self.discount.horizon_t))
        return np.asarray(np.diff(upto, axis=1) @ self.richest)

    def begin(self, cell: int) -> _Begun:
        """Order of one cell."""
        return self._with(None, cell)

    def _with(self, begun: _Begun | None, cell: int) -> _Begun:
        """Order with one more cell at its end."""
        start_t, value_t, panel = (0.0, 0.0, ()) if begun is None else (begun.lifted_t, begun.value_t, begun.panel)
        discount, end_t = self.discount, start_t + self.mud[cell]
        first, last = (int(lifted_t / discount.year_t + _HAIR) for lifted_t in (start_t, end_t))
        weighted_t = self._weighted_t(end_t) - self._weighted_t(start_t)
        new_year = (cell,) if end_t - last * discount.year_t > _HAIR * discount.year_t else ()
        panel = (*panel, cell) if last == first else new_year
        of_all = self.print[cell] ^ (0 if begun is None else begun.of_all)
        of_panel = 0
        for one in panel:
            of_panel ^= self.print[one]
        return _Begun(cell, end_t, value_t + self.worth[cell] * weighted_t, panel, begun, of_all, of_panel)

    def _weighted_t(self, lifted_t: float) -> float:
        """As :meth:`_Discount.up_to`, of one number."""
        discount = self.discount
        year = min(int(lifted_t / discount.year_t + _HAIR), len(discount.weights) - 1)
        return float(discount.before[year] + max(lifted_t - year * discount.year_t, 0.0) * discount.weights[year])

    def is_whole(self, begun: _Begun) -> bool:
        """Whether the last year is mined."""
        return begun.lifted_t >= self.discount.horizon_t * (1 - _HAIR)

    def further(self, begun: _Begun) -> list[int]:
        """Cells that may come next: what touches the panel of the year that is being mined; or, without any, what touches a cell mined."""
        mined = set(begun.cells())
        for group in (begun.panel, mined):
            found = {other for cell in group for other in self.around[cell]} - mined
            if found:
                return sorted(found)
        return []

    def greedy(self, start: int) -> _Begun:
        """The richest next cell again and again."""
        begun = self.begin(start)
        while not self.is_whole(begun) and (choices := self.further(begun)):
            begun = self._with(begun, max(choices, key=lambda cell: (self.worth[cell], -cell)))
        return begun

    def best(self, width: int) -> tuple[_Begun, float]:
        """Best order found, and a bound on all."""
        starts = np.argsort(-self.grade, kind="stable")[:_MOST_STARTS]
        everywhere = [self.begin(int(cell)) for cell in starts]
        hopes_t = self._hopes_t(everywhere)
        best: _Begun | None = None
        found = np.full(len(everywhere), -np.inf)
        for number in np.argsort(-hopes_t, kind="stable")[: max(1, _MOST_GREEDY // self.steps)]:
            if best is not None and hopes_t[number] <= best.value_t:
                break
            order = self.greedy(int(starts[number]))
            found[number] = order.value_t
            best = order if best is None or order.value_t > best.value_t else best
        assert best is not None
        kept = sorted(range(len(everywhere)), key=lambda number: (-found[number], -hopes_t[number], number))
        kept = [number for number in kept if hopes_t[number] > best.value_t]
        bound_t = max((hopes_t[number] for number in kept[width:]), default=-np.inf)
        # No order reaches more than the richest cells mined one after the other, wherever they lie: that covers the starts left out too.
        most_t = float(self.most_t(np.zeros(1))[0])
        bound_t = most_t if starts.size < self.grade.size else bound_t
        begun = [everywhere[number] for number in kept[:width]]
        while begun:
            best, begun, left_t = self._longer(best, begun, width)
            bound_t = max(bound_t, left_t)
        return best, max(best.value_t, min(float(bound_t), most_t))

    def _hopes_t(self, begun: Sequence[_Begun]) -> Array:
        """What each order could come to at most."""
        if not begun:
            return np.empty(0)
        lifted_t = np.array([one.lifted_t for one in begun])
        values_t = np.array([one.value_t for one in begun])
        parts = [self.most_t(part) for part in np.array_split(lifted_t, ceil(lifted_t.size * self.richest.size / 2e6))]
        return np.asarray(values_t + np.concatenate(parts))

    def _longer(self, best: _Begun, begun: list[_Begun], width: int) -> tuple[_Begun, list[_Begun], float]:
        """The best whole order, the most hopeful orders with one more cell, and the most that one of those left out could come to."""
        longer: dict[tuple[int, int], _Begun] = {}
        for one in begun:
            choices = [] if self.is_whole(one) else self.further(one)
            if not choices and one.value_t > best.value_t:
                best = one
            for cell in choices:
                new = self._with(one, cell)
                # What can follow depends on the cells mined and those of the year's panel alone: of several ways to them the best is kept.
                key = new.of_all, new.of_panel
                if key not in longer or longer[key].value_t < new.value_t:
                    longer[key] = new
        orders = list(longer.values())
        hopes_t = self._hopes_t(orders)
        ranked = [number for number in np.argsort(-hopes_t, kind="stable") if hopes_t[number] > best.value_t]
        left_t = float(hopes_t[ranked[width]]) if len(ranked) > width else -np.inf
        return best, [orders[number] for number in ranked[:width]], left_t


def best_order(ground: Ground, year_t: float, years: int, weight: float, width: int | None = None) -> Order | None:
    r"""Order of mining with the highest discounted metal that a search finds.

    .. math:: \max \sum_{y=1}^{n} w^{\,y-1} m_y

    where :math:`m_y` is the metal of year y's panel. All years lift the same mud, so that this is the discounted grade. Each cell touches one of the
    year's panel (or, where none is free there or the year just began, any cell mined), so that what is mined stays connected.
    Greedy orders from the starts come first; a beam search tries to do better. It drops an order only where another way to the same cells is
    better, where the richest mud that is left could not make it the best, or where ``width`` better ones are there; only the last can lose the best,
    and then ``bound_t`` says by how much at most.

    Parameters
    ----------
    ground : Ground
    year_t : float
        Mud of a year, on the basis of ``ground.lifted_t``.
    years : int
        Length of the plan; where the cells end earlier, so does the order.
    weight : float
        Of a year relative to the year before, above 0 up to 1.
    width : int, optional
        Orders kept at each step; by default as many as take about a second.

    Returns
    -------
    Order or None
        ``None`` where no cell may be mined.
    """
    if not ground.usable.any():
        return None
    search = _Search(ground, _Discount(year_t, years, weight))
    if width is None:
        width = max(4, min(_WIDTH, _MOST_KEPT // search.steps))
    found, bound_t = search.best(width)
    cells = np.array(found.cells()[::-1], dtype=np.int64)
    ends_t = np.cumsum(search.lifted_t[cells])
    return Order(search.numbers[cells], _shares(ends_t, search.lifted_t[cells], year_t, years), found.value_t, bound_t)


def _shares(ends_t: Array, lifted_t: Array, year_t: float, years: int) -> Array:
    """(years, cells) share of each cell lifted in each year; years in which nothing is left to lift are dropped."""
    edges_t = np.arange(years + 1) * year_t
    overlap_t = np.minimum(edges_t[1:, None], ends_t) - np.maximum(edges_t[:-1, None], ends_t - lifted_t)
    shares = np.where(overlap_t > _HAIR * year_t, overlap_t, 0.0) / lifted_t
    return np.asarray(shares[shares.any(axis=1)])


@dataclass(frozen=True)
class Columns:
    """Columns that are mined, in flat numbers of their cells.

    Parameters
    ----------
    cells : (n,) int array
    bases : (n,) int array
        Layers that each is mined through.
    area_m2 : (n,) array
        Seabed of each that counts.
    column : Column
        The layers, in these cells.
    """

    cells: Integers
    bases: Integers
    area_m2: Array
    column: Column

    @property
    def volume_m3(self) -> Array:
        """(n,) mud in place that is lifted, from the seafloor to the base."""
        return np.asarray(self.area_m2 * self.column.depths_m(np.arange(self.cells.size), self.bases))

    def lifted(self, sums: Array) -> Array:
        """(n, 1 + elements) dry mud and metals of each, in tonnes.

        Parameters
        ----------
        sums : (n, layers + 1, 2 + elements) array
            Of the cells, as :func:`cumulated` gives them.
        """
        found = sums[np.arange(self.cells.size), self.bases][:, MINED:] * self.area_m2[:, None]
        found[:, FIRST - MINED :] *= TONNE_PER_GRAM
        return np.asarray(found)


@dataclass(frozen=True)
class Surroundings:
    """Depth of the water over each cell, and where port and island lie.

    Parameters
    ----------
    seafloor : Seafloor
    place : PlaceSettings
    """

    seafloor: Seafloor
    place: PlaceSettings

    def of(self, cells: Integers, volume_m3: Array) -> tuple[float | None, float | None, float | None]:
        """Mean water depth in metres of some mud, and distance of its middle from port and island in km; ``None`` where not known."""
        depth_m = self.seafloor.depth_m.ravel()[cells]
        known = np.isfinite(depth_m) & (volume_m3 > 0)
        mean_m = float(np.average(depth_m[known], weights=volume_m3[known])) if known.any() else None
        middle_m = [np.average(axis.ravel()[cells], weights=volume_m3) for axis in self.seafloor.grid.centres_m()]
        longitude_deg, latitude_deg = (float(value) for value in self.seafloor.grid.to_lonlat(*map(np.asarray, middle_m)))
        port = self.place.port_longitude_deg, self.place.port_latitude_deg
        island = self.place.island_longitude_deg, self.place.island_latitude_deg
        return mean_m, _distance_km(longitude_deg, latitude_deg, *port), _distance_km(longitude_deg, latitude_deg, *island)


def _distance_km(longitude_deg: float, latitude_deg: float, other_longitude_deg: float | None, other_latitude_deg: float | None) -> float | None:
    """Along the geodesic: a ship sails farther."""
    from pyproj import Geod

    if other_longitude_deg is None or other_latitude_deg is None:
        return None
    _, _, distance_m = Geod(ellps="WGS84").inv(longitude_deg, latitude_deg, other_longitude_deg, other_latitude_deg)
    return float(distance_m) / 1000


class PanelReducer:
    """The plans, and what each realisation holds in their panels.

    Parameters
    ----------
    elements : sequence of str
        Those simulated, in the order of their metal.
    lead : int
        Element, by its place, whose metal the plans follow.
    reserve : Columns
        All columns that may be mined, as chosen on the kriged estimate.
    estimate : (n, layers + 1, 2 + elements) array
        Sums of the kriged blocks of these columns.
    neighbours : int
        4 or 8 cells around each that touch it.
    production : ProductionSettings
    simulated : (layers simulated,) int array
        Their numbers.
    """

    def __init__(
        self, elements: Sequence[str], lead: int, reserve: Columns, estimate: Array, surroundings: Surroundings, neighbours: int,
        production: ProductionSettings, simulated: Integers,
    ) -> None:  # fmt: skip
        self.simulated, self.elements, self.lead, self.around, self.production = simulated, list(elements), lead, surroundings, production
        self.pores = Pores(production.grain_density_t_m3, production.seawater_density_t_m3)
        kriged = reserve.lifted(estimate)
        self.reserve = self._reserve(reserve, kriged)
        self.plans: list[PanelPlan] = []
        self.parts: list[tuple[Integers, Array]] = []
        for rate_t_day in production.rates_t_day:
            for basis in BASES:
                self._plan(rate_t_day, basis, reserve, kriged, neighbours)
        # Only the columns that some plan mines are looked at.
        mined = np.unique(np.concatenate([cells for cells, _ in self.parts])) if self.parts else np.empty(0, dtype=np.int64)
        self.mined = Columns(reserve.cells[mined], reserve.bases[mined], reserve.area_m2[mined], reserve.column.among(mined))
        self.parts = [(np.searchsorted(mined, cells), shares) for cells, shares in self.parts]
        self.found: list[Array] = []

    def _reserve(self, columns: Columns, kriged: Array) -> Reserve | None:
        if not columns.cells.size:
            return None
        totals, volume_m3 = kriged.sum(axis=0), columns.volume_m3
        metal_t = {element: float(total) for element, total in zip(self.elements, totals[1:], strict=True)}
        where = self.around.of(columns.cells, volume_m3)
        return Reserve(float(volume_m3.sum()), float(columns.area_m2.sum()) * KM2_PER_M2, *where, float(totals[0]), metal_t)

    def _plan(self, rate_t_day: float, basis: Basis, reserve: Columns, kriged: Array, neighbours: int) -> None:
        """Plan one scenario."""
        shape, settings = self.around.seafloor.grid.shape, self.production
        lifted_t, metal_t, allowed = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
        volume_m3, dry_mud_t = reserve.volume_m3, kriged[:, 0]
        density_t_m3 = self.pores.bulk_density_t_m3(basis, dry_bulk_density_t_m3=dry_mud_t / volume_m3)
        lifted_t.ravel()[reserve.cells] = volume_m3 * density_t_m3
        # ASSUME: the plan follows the metal of the element whose grade decides how deep a column is mined; the others come along.
        metal_t.ravel()[reserve.cells] = kriged[:, 1 + self.lead]
        allowed.ravel()[reserve.cells] = True
        year_t = t_year_of_rate(rate_t_day=rate_t_day, days_year=settings.days_year)
        order = best_order(Ground(lifted_t, metal_t, allowed, neighbours), year_t, settings.plan_years, settings.order_weight)
        if order is None:
            return
        at = np.searchsorted(reserve.cells, order.cells)
        # ASSUME: a part of a cell is like the whole: nothing is known of what varies inside a cell, so that a year in it is less sure than it looks.
        in_years = order.shares @ kriged[at]
        volumes_m3 = order.shares * volume_m3[at]
        where = [self.around.of(order.cells, volume) for volume in volumes_m3]
        row, column = np.divmod(order.cells, shape[1])
        weights = settings.order_weight ** np.arange(len(where))
        plan = PanelPlan(
            rate_t_day=rate_t_day,
            basis=basis,
            year_t=year_t,
            rows=row.tolist(),
            columns=column.tolist(),
            shares=order.shares.tolist(),
            volume_m3=volumes_m3.sum(axis=1).tolist(),
            area_km2=(order.shares @ reserve.area_m2[at] * KM2_PER_M2).tolist(),
            depth_m=[depth_m for depth_m, _, _ in where],
            port_km=[port_km for _, port_km, _ in where],
            island_km=[island_km for _, _, island_km in where],
            kriged_dry_mud_t=in_years[:, 0].tolist(),
            kriged_metal_t={element: in_years[:, 1 + number].tolist() for number, element in enumerate(self.elements)},
            discounted_ppm=float(grade_ppm_of(metal_t=order.discounted_t, dry_mud_t=float(weights @ in_years[:, 0]))),
            bound_share=order.bound_t / order.discounted_t - 1,
        )
        self.plans.append(plan)
        self.parts.append((at, order.shares))

    def add(self, blocks: Blocks, _totals: list[Array]) -> None:
        """Take in one realisation."""
        layers, cells = len(blocks.density_t_m3), self.mined.cells
        density = blocks.density_t_m3.reshape(layers, -1)[:, cells]
        metal = blocks.metal_g_m3.reshape(len(self.elements), layers, -1)[:, :, cells]
        column = self.mined.column
        if blocks.marker_m is not None:
            column = Column.of(self.around.seafloor.layers, self.simulated, blocks.marker_m.ravel()[cells])
        lifted = self.mined.lifted(cumulated(density, metal, column))
        self.found.append(np.concatenate([shares @ lifted[at] for at, shares in self.parts]) if self.parts else np.empty((0, lifted.shape[1])))

    def artefact(self, marks: Marks) -> PanelTotals:
        """Rows of every realisation."""
        import pandas as pd

        lead = self.elements[self.lead]
        if not (self.plans and self.found):
            return PanelTotals(PanelTotals.nothing(marks).frame, self.plans, self.reserve, lead, marks)
        values = np.array(self.found)
        keys = [(plan.rate_t_day, plan.basis, year) for plan in self.plans for year in range(1, 1 + len(plan.shares))]
        count, panels, elements = len(values), len(keys), len(self.elements)
        rates, bases, years = zip(*keys, strict=True)
        columns: dict[str, Any] = {"realisation": np.repeat(np.arange(count), panels * elements)}
        for name, key, kind in (("rate_t_day", rates, np.float64), ("basis", bases, object), ("year", years, np.int64)):
            columns[name] = np.tile(np.repeat(np.array(key, dtype=kind), elements), count)
        columns["element"] = np.tile(np.array(self.elements, dtype=object), count * panels)
        columns["dry_mud_t"] = np.repeat(values[:, :, 0].ravel(), elements)
        columns["metal_t"] = values[:, :, 1:].ravel()
        return PanelTotals(pd.DataFrame(columns), self.plans, self.reserve, lead, marks)


def panel_reducer(
    funnel: RecoverableReducer,
    simulated: Integers,
    seafloor: Seafloor,
    grades: Sequence[Grade],
    kriged_density: Density,
    place: PlaceSettings,
    production: ProductionSettings,
) -> PanelReducer:
    """Reducer of an assessment: its plans mine the columns that the funnel's headline would mine, chosen on the kriged estimate.

    Parameters
    ----------
    funnel : RecoverableReducer
    simulated : (layers simulated,) int array
        Their numbers, rising.
    seafloor, grades, kriged_density, place, production
    """
    settings = funnel.settings
    chosen = funnel.planned.get((funnel.headline_region, settings.column_cutoff_ppm, "applied"))
    share = np.zeros(seafloor.depth_m.size) if chosen is None else chosen.panels
    cells = np.flatnonzero(share > 0)
    bases = np.zeros(0, dtype=np.int64) if chosen is None else chosen.base[cells].astype(np.int64)
    column = funnel.site.column.among(cells)
    by_element = {grade.element: grade for grade in grades}
    unknown = np.full(kriged_density.layer_t_m3.shape, np.nan)
    grades_ppm = [by_element[element].layer_ppm if element in by_element else unknown for element in funnel.elements]
    ppm = [values[simulated].reshape(simulated.size, -1)[:, cells] for values in grades_ppm]
    mud = kriged_mud(simulated, kriged_density, seafloor)[:, cells]
    # Where another element has no estimate, it adds nothing.
    metal = np.array([np.nan_to_num(one * mud) for one in ppm])
    kriged = cumulated(np.where(np.isfinite(ppm[funnel.site.lead]), mud, np.nan), metal, column)
    reserve = Columns(cells, bases, share[cells] * funnel.site.cell_area_m2, column)
    around = Surroundings(seafloor, place)
    return PanelReducer(funnel.elements, funnel.site.lead, reserve, kriged, around, settings.panel_neighbours, production, simulated)
