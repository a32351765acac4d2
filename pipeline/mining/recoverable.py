"""The funnel of every realisation: what each limit leaves, in one pass, and what it would leave if one setting were another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import SLOPES, RecoverableTotals
from pipeline.mining.funnel import FIRST, Column, ColumnRule, PanelRule, added, bases, cumulated, mud_of, panels, whole
from pipeline.mining.masks import SiteMasks
from pipeline.units import KM2_PER_M2, TONNE_PER_GRAM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pipeline.artefacts import Density, DomainFiles, Grade, Marks, Seafloor
    from pipeline.config import CutoffSettings, PlaceSettings, ProductionSettings, RecoverableSettings, RegionSettings
    from pipeline.geostatistics.layered_simulation import Blocks
    from pipeline.mining.funnel import Bases

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

Key = tuple[str, float, str, str, str, str]
"""Region, cut-off, step, slope, selection, what was tried."""

_CHOSEN = ("column_cutoff", "connected")


@dataclass(frozen=True)
class Limits:
    """All limits up to the panels, for one cut-off.

    Parameters
    ----------
    workable : (cells,) array
        Where a machine may and can work.
    column : ColumnRule
    panel : PanelRule
    """

    workable: Mask
    column: ColumnRule
    panel: PanelRule


@dataclass(frozen=True)
class Choice:
    """Columns that are mined: to which layer, and the share of each cell that counts, before and after the rule of panels."""

    base: Bases
    columns: Array
    panels: Array


@dataclass(frozen=True)
class Fixed:
    """Selections that are the same in every realisation and have the same bases.

    Parameters
    ----------
    base : (cells,) array
    shares : (cells, n) array
    keys : list of list of Key
        Of the rows that each of the n selections is told in.
    lifted : bool
        As in :func:`added`.
    """

    base: Bases
    shares: Array
    keys: list[list[Key]]
    lifted: bool


@dataclass(frozen=True)
class Site:
    """What does not change from one realisation to the next.

    Parameters
    ----------
    shape : (rows, columns)
    cell_area_m2 : float
    column : Column
    lead : int
        Element, by its place, that the cut-offs are of.
    """

    shape: tuple[int, int]
    cell_area_m2: float
    column: Column
    lead: int

    def chosen(self, sums: Array, share: Array, limits: Limits) -> Choice:
        """Columns and panels that are best on these sums.

        Parameters
        ----------
        sums : (cells, layers + 1, 2 + elements) array
            Of a realisation, or of the estimate.
        share : (cells,) array
            Share of each cell in the region.
        limits : Limits
        """
        base = bases(sums, self.lead, self.column, limits.column)
        return self.with_panels(sums, base, share, limits)

    def with_panels(self, sums: Array, base: Bases, share: Array, limits: Limits) -> Choice:
        """The same where the bases are known."""
        columns = np.where(limits.workable, share, 0.0)
        kept = panels(mud_of(sums, base, columns * self.cell_area_m2), self.shape, limits.panel)
        return Choice(base, columns, np.where(kept, columns, 0.0))


class RecoverableReducer:
    """What every limit leaves of the realisations that pass.

    Parameters
    ----------
    elements : sequence of str
        Those simulated, in the order of their metal.
    simulated : (layers simulated,) int array
        Their numbers, rising.
    regions : mapping of str to (rows, columns) array
        Cells that the funnel begins with, the main region last.
    grades, kriged_density
        The kriged estimate that columns and panels are planned on.
    """

    def __init__(
        self,
        elements: Sequence[str],
        simulated: NDArray[np.int64],
        regions: Mapping[str, Mask],
        seafloor: Seafloor,
        masks: SiteMasks,
        grades: Sequence[Grade],
        kriged_density: Density,
        cutoffs: CutoffSettings,
        settings: RecoverableSettings,
        production: ProductionSettings,
    ) -> None:
        lead = lead_of(elements, settings)
        self.elements, self.masks, self.settings = list(elements), masks, settings
        self.simulated, self.layers = simulated, seafloor.layers
        self.site = Site(seafloor.grid.shape, seafloor.grid.cell_area_m2, column_of(seafloor, simulated), lead)
        shares = {name: np.where(mask, seafloor.region_share, 0.0).ravel() for name, mask in regions.items()}
        self.shares = {name: share for name, share in shares.items() if share.any()}
        self.cutoffs_ppm = sorted({*cutoffs.of(elements[lead]), settings.column_cutoff_ppm})
        # ASSUME: a panel feeds the highest rate that the settings name, read as dry mud.
        self.panel_dry_mud_t = settings.min_panel_years * production.rates_t_day[-1] * production.days_year
        self.slope_matters = not np.array_equal(masks.workable(), masks.workable(with_slope=False))
        self.headline_region = [*self.shares][-1] if self.shares else "all"
        self.limits = {(cutoff_ppm, slope): self._limits(cutoff_ppm, slope) for cutoff_ppm in self.cutoffs_ppm for slope in SLOPES}
        self.tried = dict(self._tried(masks, production))
        self.keys: list[Key] = []
        self.values: list[Array] = []
        self.planned, self.planned_tried = self._planned(kriged_sums(elements[lead], simulated, grades, kriged_density, seafloor, self.site.column))
        self.fixed = list(self._fixed(simulated.size))

    def _planned(self, estimate: Array) -> tuple[dict[tuple[str, float, str], Choice], dict[str, Choice]]:
        """What is chosen on the estimate, by region, cut-off and slope, and for the headline under each setting tried."""
        site = replace(self.site, lead=0)
        planned = {
            (region, cutoff_ppm, slope): site.chosen(estimate, share, limits)
            for region, share in self.shares.items()
            for (cutoff_ppm, slope), limits in self.limits.items()
        }
        if self.headline_region not in self.shares or self.settings.selection != "planned":
            return planned, {}
        main = self.shares[self.headline_region]
        return planned, {name: site.chosen(estimate, main, limits) for name, limits in self.tried.items()}

    def _fixed(self, layers: int) -> Iterator[Fixed]:
        """All that is the same selection in every realisation."""
        every = whole(int(np.prod(self.site.shape)), layers)
        yield from _grouped([(key, every, share) for key, share in self._masked()], lifted=False)
        chosen = []
        for (region, cutoff_ppm, slope), choice in self.planned.items():
            for step, share in zip(_CHOSEN, (choice.columns, choice.panels), strict=True):
                chosen.append(((region, cutoff_ppm, step, slope, "planned", ""), choice.base, share))
        chosen += [(self._tried_key(name), choice.base, choice.panels) for name, choice in self.planned_tried.items()]
        yield from _grouped(chosen, lifted=True)

    def _limits(self, cutoff_ppm: float, slope: str) -> Limits:
        return limits_of(self.masks.workable(with_slope=slope == "applied").ravel(), self.settings, cutoff_ppm, self.panel_dry_mud_t)

    def _tried(self, masks: SiteMasks, production: ProductionSettings) -> Iterator[tuple[str, Limits]]:
        """Limits with one setting changed, named ``setting=value``."""
        settings, place = self.settings, self.cutoffs_ppm.index(self.settings.column_cutoff_ppm)
        steps_ppm = [self.cutoffs_ppm[near] for near in (place - 1, place + 1) if 0 <= near < len(self.cutoffs_ppm)]
        changes: dict[str, Sequence[Any]] = {
            "max_slope_deg": settings.tried_slope_deg,
            "max_water_depth_m": settings.tried_water_depth_m,
            "flank_rise_m": settings.tried_flank_rise_m,
            "column_cutoff_ppm": steps_ppm,
            "column_base": [{"break_even": "deepest", "deepest": "break_even"}[settings.column_base]],
            "max_cover_m": settings.tried_cover_m,
            "min_layer_m": settings.tried_layer_m,
            "panel_neighbours": [12 - settings.panel_neighbours],
            "min_panel_years": settings.tried_panel_years,
        }
        for name, values in changes.items():
            for value in values:
                if value == getattr(settings, name):
                    continue
                other = settings.model_copy(update={name: value})
                workable = masks.under(other).workable().ravel()
                panel_t = other.min_panel_years * production.rates_t_day[-1] * production.days_year
                yield (
                    f"{name}={value if isinstance(value, str) else format(value, 'g')}",
                    limits_of(workable, other, other.column_cutoff_ppm, panel_t),
                )

    def add(self, blocks: Blocks, _totals: list[Array]) -> None:
        """Take in one realisation."""
        layers = len(blocks.density_t_m3)
        metal = blocks.metal_g_m3.reshape(len(self.elements), layers, -1)
        # The marker lies elsewhere in each realisation, and with it the cover and the base of a column.
        column = self.site.column if blocks.marker_m is None else Column.of(self.layers, self.simulated, blocks.marker_m)
        sums = cumulated(blocks.density_t_m3.reshape(layers, -1), metal, column)
        found = dict(self._measured(sums, replace(self.site, column=column)))
        if not self.keys:
            self.keys = list(found)
        self.values.append(np.array([found[key] for key in self.keys]))

    def _measured(self, sums: Array, site: Site) -> Iterator[tuple[Key, Array]]:
        for fixed in self.fixed:
            for keys, values in zip(fixed.keys, added(sums, fixed.base, fixed.shares, lifted=fixed.lifted), strict=True):
                yield from ((key, values) for key in keys)
        for cutoff_ppm in self.cutoffs_ppm:
            base = bases(sums, site.lead, site.column, self.limits[cutoff_ppm, SLOPES[0]].column)
            for region, share in self.shares.items():
                for slope in SLOPES if self.slope_matters else SLOPES[:1]:
                    choice = site.with_panels(sums, base, share, self.limits[cutoff_ppm, slope])
                    both = added(sums, base, np.column_stack([choice.columns, choice.panels]), lifted=True)
                    for step, values in zip(_CHOSEN, both, strict=True):
                        for told in (slope,) if self.slope_matters else SLOPES:
                            yield (region, cutoff_ppm, step, told, "perfect", ""), values
        if self.settings.selection == "perfect" and self.headline_region in self.shares:
            for name, limits_tried in self.tried.items():
                choice = site.chosen(sums, self.shares[self.headline_region], limits_tried)
                yield self._tried_key(name), added(sums, choice.base, choice.panels[:, None], lifted=True)[0]

    def _tried_key(self, name: str) -> Key:
        return self.headline_region, self.settings.column_cutoff_ppm, "connected", "applied", self.settings.selection, name

    def _masked(self) -> Iterator[tuple[Key, Array]]:
        """Shares of the cells that the steps before any column leave."""
        masks = self.masks
        flat = {name: getattr(masks, name).ravel() for name in ("inside_zone", "within_depth", "within_slope", "outside_exclusions")}
        for region, share in self.shares.items():
            left = share
            for step, name in (("in_situ", ""), ("zone", "inside_zone"), ("water_depth", "within_depth")):
                left = np.where(flat[name], left, 0.0) if name else left
                yield (region, 0.0, step, "", "", ""), left
            for slope in SLOPES:
                gentle = np.where(flat["within_slope"], left, 0.0) if slope == "applied" else left
                yield (region, 0.0, "slope", slope, "", ""), gentle
                yield (region, 0.0, "exclusions", slope, "", ""), np.where(flat["outside_exclusions"], gentle, 0.0)

    def artefact(self, marks: Marks) -> RecoverableTotals:
        """Rows of every realisation."""
        import pandas as pd

        if not self.keys:
            return RecoverableTotals.nothing(marks)
        area_m2 = self.site.cell_area_m2
        values = np.array(self.values) * np.array([area_m2 * KM2_PER_M2, area_m2, *[area_m2 * TONNE_PER_GRAM] * len(self.elements)])
        count, keys, elements = len(values), len(self.keys), len(self.elements)
        columns: dict[str, Any] = {"realisation": np.repeat(np.arange(count), keys * elements)}
        columns["element"] = np.tile(np.array(self.elements, dtype=object), count * keys)
        for place, name in enumerate(("region", "cutoff_ppm", "step", "slope", "selection", "tried")):
            kind: Any = np.float64 if name == "cutoff_ppm" else object
            columns[name] = np.tile(np.repeat(np.array([key[place] for key in self.keys], dtype=kind), elements), count)
        columns["area_km2"], columns["dry_mud_t"] = (np.repeat(values[:, :, place].ravel(), elements) for place in range(2))
        columns["metal_t"] = values[:, :, FIRST:].ravel()
        return RecoverableTotals(pd.DataFrame(columns), self._notes(), marks)

    def _notes(self) -> dict[str, Any]:
        masks, settings = self.masks, self.settings
        return {
            "lead_element": self.elements[self.site.lead],
            "elements": self.elements,
            "headline": {
                "region": self.headline_region,
                "cutoff_ppm": settings.column_cutoff_ppm,
                "slope": "applied",
                "selection": settings.selection,
            },
            "cutoffs_ppm": self.cutoffs_ppm,
            "panel_dry_mud_t": self.panel_dry_mud_t,
            "has_zone": masks.has_zone,
            "coarse": masks.coarse,
            "resolution_m": masks.resolution_m,
            "plain_depth_m": masks.plain_depth_m,
            "unknown_cells": masks.unknown,
            "polygons": masks.polygons,
            "unusable": list(masks.unusable),
        }


def _grouped(chosen: Sequence[tuple[Key, Bases, Array]], *, lifted: bool) -> Iterator[Fixed]:
    """Selections by their bases, each of them once."""
    groups: dict[bytes, tuple[Bases, dict[bytes, tuple[Array, list[Key]]]]] = {}
    for key, base, share in chosen:
        _, shares = groups.setdefault(base.tobytes(), (base, {}))
        shares.setdefault(share.tobytes(), (share, []))[1].append(key)
    for base, shares in groups.values():
        yield Fixed(base, np.column_stack([share for share, _ in shares.values()]), [keys for _, keys in shares.values()], lifted)


def lead_of(elements: Sequence[str], settings: RecoverableSettings) -> int:
    """Place, among the elements simulated, of the one that the cut-offs are of."""
    # ASSUME: where the lead element was not simulated, the first one that was leads.
    return list(elements).index(settings.lead_element) if settings.lead_element in elements else 0


def column_of(seafloor: Seafloor, simulated: NDArray[np.int64]) -> Column:
    """The column as it is estimated."""
    horizon = seafloor.horizon
    return Column.of(seafloor.layers, simulated) if horizon is None else Column.of(seafloor.layers, simulated, horizon.marker_m, horizon.marker_sd_m)


def kriged_mud(simulated: NDArray[np.int64], kriged_density: Density, seafloor: Seafloor) -> Array:
    """(layers simulated, cells) kriged density of blocks, by what is expected to exist of each."""
    mud = (kriged_density.layer_t_m3 * seafloor.thickness_share)[simulated]
    return np.asarray(mud.reshape(simulated.size, -1))


def kriged_sums(
    lead: str, simulated: NDArray[np.int64], grades: Sequence[Grade], kriged_density: Density, seafloor: Seafloor, column: Column
) -> Array:
    """Sums of the kriged blocks with the metal of the lead element alone, as :func:`cumulated` gives them; a block without an estimate is none."""
    grade = next(grade for grade in grades if grade.element == lead)
    mud, ppm = kriged_mud(simulated, kriged_density, seafloor), grade.layer_ppm[simulated].reshape(simulated.size, -1)
    known = np.isfinite(mud) & np.isfinite(ppm)
    return cumulated(np.where(known, mud, np.nan), np.where(known, mud * ppm, 0.0)[None], column)


def planned_columns(
    elements: Sequence[str],
    simulated: NDArray[np.int64],
    seafloor: Seafloor,
    masks: SiteMasks,
    grades: Sequence[Grade],
    kriged_density: Density,
    settings: RecoverableSettings,
) -> tuple[Mask, Mask]:
    """Columns that are mined by today's estimate, at the headline's cut-off, before any rule of panels.

    Parameters
    ----------
    elements, simulated, masks, grades, kriged_density, settings
        As :class:`RecoverableReducer` takes them.

    Returns
    -------
    mined : (layers simulated, rows, columns) array
        Blocks that are lifted, from the seafloor to the base.
    allowed : (rows, columns) array
        Cells that every mask leaves and whose column is mined.
    """
    column = column_of(seafloor, simulated)
    sums = kriged_sums(elements[lead_of(elements, settings)], simulated, grades, kriged_density, seafloor, column)
    limits = limits_of(masks.workable().ravel(), settings, settings.column_cutoff_ppm, 0.0)
    base = np.where(limits.workable, bases(sums, 0, column, limits.column), 0).reshape(seafloor.grid.shape)
    return np.arange(simulated.size)[:, None, None] < base, base > 0


def limits_of(workable: Mask, settings: RecoverableSettings, cutoff_ppm: float, panel_dry_mud_t: float) -> Limits:
    """Limits as the settings name them."""
    column = ColumnRule(cutoff_ppm, settings.max_cover_m, settings.min_layer_m, settings.column_base == "break_even")
    return Limits(workable, column, PanelRule(panel_dry_mud_t, settings.panel_neighbours))


def recoverable_reducer(
    elements: Sequence[str],
    simulated: NDArray[np.int64],
    regions: Mapping[str, Mask],
    seafloor: Seafloor,
    grades: Sequence[Grade],
    kriged_density: Density,
    domains: DomainFiles,
    region: RegionSettings,
    cutoffs: CutoffSettings,
    place: PlaceSettings,
    settings: RecoverableSettings,
    production: ProductionSettings,
) -> RecoverableReducer:
    """Reducer of an assessment."""
    masks = SiteMasks.of(seafloor, place, domains, region, settings)
    return RecoverableReducer(elements, simulated, regions, seafloor, masks, grades, kriged_density, cutoffs, settings, production)
