"""Say where the next cores would narrow metal most: total metal in closed form, metal over a cut-off from the realisations.

The part of the kriging variance of total metal that one more core would take away, with the kriging model held fixed; the part of the variance of
metal over a cut-off, by regression over the realisations; and for each a few cores chosen together, one after the other, where a ship can take them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import (
    OVER_CUTOFF,
    TOTAL_METAL,
    Composites,
    CrossValidation,
    DomainFiles,
    JointModel,
    NextCores,
    Seafloor,
    SimulatedColumns,
    Variogram,
)
from pipeline.config import GradeSettings, NextCoreSettings, PlaceSettings, RegionSettings, SimulationSettings
from pipeline.coring.over_cutoff import Interval, OverCutoff, between_candidates, nearest_candidates
from pipeline.coring.sites import CoreSites
from pipeline.coring.voyage import Voyage
from pipeline.field import cell_drift, core_positions_m, estimated_cells, kriging_of, median_spacing_m, variogram_of
from pipeline.geostatistics.cutoff_worth import Explained, cross_validated
from pipeline.geostatistics.data_worth import Apart, DataWorth
from pipeline.units import TONNE_PER_GRAM

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pipeline.geostatistics.layers import LayeredKriging

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

_MOST_CANDIDATES = 20_000  # a set is chosen among so many; on larger grids among every second, third ... row and column

_DOMAINS = {
    "en": "the worth of a core is reckoned for one deposit, and this assessment is divided into domains ([domains] boundary)",
    "ja": "コア1本の価値は、ドメインに分けない鉱床についてのみ計算します。この評価はドメインに分かれています（[domains] boundary）",
}
_NO_CELL = {
    "en": "no estimated cell of the region lies far enough from the cores there are and within the limits of depth, zone, no-go areas and track",
    "ja": "対象海域内の推定済みセルのうち、既存コアから十分に離れ、水深・EEZ・立入禁止区域・航程の制約を満たすものがありません",
}
_NO_MODEL = {"en": "nothing was measured", "ja": "測定値がありません"}
_NO_SPREAD = {
    "en": "all values are equal: one more core would change nothing",
    "ja": "すべての値が等しいため、コアを追加しても何も変わりません",
}
_NO_CUTOFF = {
    "en": "no cut-off is named in [next_cores] cutoffs_ppm that is one of the element's in [cutoffs]",
    "ja": "[next_cores] cutoffs_ppm に、[cutoffs] にあるその元素のカットオフが指定されていません",
}
_NO_COLUMNS = {
    "en": "the element was not simulated, or a new core would not reach through the upper third of the layers",
    "ja": "この元素はシミュレーションされていないか、新しいコアが層の上部3分の1に届きません",
}
_BELOW_A_MARKER = {
    "en": "the worth of a new core is not computed where layers are relative to a marker: how far a core reaches into them differs from place "
    "to place",
    "ja": "層をマーカー層から数える場合、新しいコアの価値は計算しません。コアが届く層は場所ごとに異なるためです",
}
_NO_WORTH = {
    "en": "too few realisations, or no metal over the cut-off in them",
    "ja": "実現値が少なすぎるか、カットオフ以上の金属量がありません",
}


@dataclass(frozen=True)
class _Element:
    """Worth of cores for one element, and where they may stand."""

    worth: DataWorth
    cells: Mask
    tonnes: float
    simulated: OverCutoff | None

    def figures(self, reductions: Array) -> list[dict[str, float]]:
        """What is told of total metal with a set of cores, after each of them."""
        before = self.worth.variance
        interval = None if self.simulated is None else Interval.of(self.simulated.metal_t(0.0))
        # ASSUME: the interval of the realisations, which knows more sources, narrows as the standard deviation by kriging does.
        return [_narrowed(sqrt(before) * self.tonnes, float(reduction / before), interval) for reduction in reductions]


@dataclass(frozen=True)
class _Candidates:
    """Where cores may stand, and what holds of a set of them."""

    seafloor: Seafloor
    sites: CoreSites
    voyage: Voyage | None
    count: int
    min_distance_m: float

    def places_deg(self, cells: Integers) -> tuple[Array, Array]:
        """Longitudes and latitudes of cells."""
        longitude_deg, latitude_deg = self.seafloor.grid.to_lonlat(*(axis.ravel()[cells] for axis in self.seafloor.grid.centres_m()))
        return np.asarray(longitude_deg), np.asarray(latitude_deg)

    def on_track(self, cells: Integers) -> Callable[[list[int]], Mask] | None:
        """Which of the cells the ship can still reach after those chosen."""
        return None if self.voyage is None else self.voyage.within(*self.places_deg(cells))

    def may_follow(self, cells: Integers) -> Callable[[list[int]], Mask]:
        """Which of the cells may be chosen after those chosen."""
        easting_m, northing_m = (axis.ravel()[cells] for axis in self.seafloor.grid.centres_m())
        apart = Apart(easting_m, northing_m, self.min_distance_m)
        on_track = self.on_track(cells)
        return apart if on_track is None else lambda chosen: apart(chosen) & on_track(chosen)

    def track(self, cells: Integers) -> dict[str, Any] | None:
        """Of the ship that takes them all."""
        return None if self.voyage is None or not cells.size else self.voyage.track(*self.places_deg(cells))


def run(
    composites: Composites,
    variograms: list[Variogram],
    joint: JointModel,
    cross_validation: CrossValidation,
    seafloor: Seafloor,
    columns: SimulatedColumns,
    domains: DomainFiles,
    settings: NextCoreSettings,
    grade_settings: GradeSettings,
    simulation_settings: SimulationSettings,
    place: PlaceSettings,
    region: RegionSettings,
) -> NextCores:
    """Map the worth of one more core for every element, and choose the next cores for the first one.

    The metal is that of the region ``all``. Without a cut-off it is linear in what a core shows, and its worth has a closed form; tonnes over a
    cut-off are not linear.
    """
    reasons = {element: why for element in composites.elements if (why := _not_computed(variogram_of(variograms, element), seafloor))}
    known = {
        element: _element(
            composites, variogram_of(variograms, element), joint, cross_validation, seafloor, columns, settings, grade_settings, simulation_settings
        )
        for element in composites.elements
        if element not in reasons
    }
    shares = {element: _share(known.get(element), seafloor) for element in composites.elements}
    spacing_m = median_spacing_m(core_positions_m(composites, seafloor.grid))
    summary: dict[str, Any] = {
        "not_computed": reasons,
        "count": settings.count,
        "min_distance_m": settings.min_distance_spacings * spacing_m,
        "penetration_m": float(_reached(seafloor, settings).sum() * seafloor.layers.layer_m),
        "assay_relative_sd": simulation_settings.assay_relative_sd,
        "max_water_depth_m": settings.max_water_depth_m,
        "max_track_km": settings.max_track_km,
        "over_cutoff": {},
    }
    if not known:
        return NextCores(seafloor.grid, [], shares, {**summary, "reason": reasons[composites.elements[0]]}, composites.marks)
    # ASSUME: the first element assessed drives the choice; for the others the same cores are reckoned, not chosen.
    first = next(iter(known))
    estimated = np.logical_and.reduce([part.cells for part in known.values()])
    sites = CoreSites.of(estimated, summary["min_distance_m"], composites, seafloor, settings, place, domains, region)
    candidates = _Candidates(seafloor, sites, Voyage.of(place, settings), settings.count, summary["min_distance_m"])
    said = tuple(f"{name} cannot be used as a polygon: next cores may stand there" for name in sites.unusable)
    summary |= {
        "element": first,
        "sd_before_t": {element: sqrt(part.worth.variance) * part.tonnes for element, part in known.items()},
        "limits": sites.limits,
    }
    cells = sites.thinned(_MOST_CANDIDATES)
    greedy = known[first].worth.greedy(cells, settings.count, summary["min_distance_m"], candidates.on_track(cells))
    chosen = greedy.cells
    reductions = {element: greedy.reduction if element == first else part.worth.joint(chosen) for element, part in known.items()}
    over = _over_cutoff(known, first, columns, candidates, settings)
    summary["over_cutoff"] = {**over.summary, "check_without_cutoff": _check(known, columns, chosen, reductions, seafloor)}
    if not chosen.size:
        summary["reason"] = _NO_CELL
    figures = {element: part.figures(reductions[element]) for element, part in known.items()}
    tracks = {TOTAL_METAL: candidates.track(chosen), OVER_CUTOFF: candidates.track(over.cells)}
    return NextCores(
        seafloor.grid,
        _cores(chosen, first, figures, candidates),
        shares,
        summary,
        composites.marks,
        _cores(over.cells, first, over.figures, candidates),
        over.shares,
        over.errors,
        {objective: track for objective, track in tracks.items() if track is not None},
        said,
    )


def _not_computed(variogram: Variogram, seafloor: Seafloor) -> dict[str, str] | None:
    """Why nothing can be said of an element, in both languages."""
    if seafloor.layers.marker:
        return _BELOW_A_MARKER
    if seafloor.domains is not None:
        return _DOMAINS
    if variogram.model is None:
        return _NO_MODEL
    return _NO_SPREAD if variogram.model.sill == 0 else None


def _element(
    composites: Composites,
    variogram: Variogram,
    joint: JointModel,
    cross_validation: CrossValidation,
    seafloor: Seafloor,
    columns: SimulatedColumns,
    settings: NextCoreSettings,
    grade_settings: GradeSettings,
    simulation_settings: SimulationSettings,
) -> _Element:
    """Kriging as the grades are kriged, and the worth of cores under it."""
    estimator = cross_validation.estimator(variogram.subject)
    cells = estimated_cells(composites, seafloor, grade_settings.max_distance_spacings, estimator.drift)
    # ASSUME: a new core informs an element by that element alone, also under cokriging: what its other elements add is not counted.
    kriging = kriging_of(composites, variogram, seafloor, grade_settings.block_nodes, estimator, joint)
    everywhere = cell_drift(seafloor, estimator.drift, np.ones_like(cells)).reshape(*cells.shape, -1)
    worth = DataWorth(
        kriging,
        *seafloor.grid.centres_m(),
        np.where(cells, seafloor.region_share, 0.0),
        drift=everywhere,
        error_variance=_error_variance(kriging, simulation_settings.assay_relative_sd),
        reached=_reached(seafloor, settings)[kriging.layers],
    )
    block_m3 = seafloor.grid.cell_area_m2 * seafloor.layers.layer_m
    return _Element(worth, cells, block_m3 * TONNE_PER_GRAM, OverCutoff.of(columns, variogram.subject, worth))


def _error_variance(kriging: LayeredKriging, assay_relative_sd: float) -> Array:
    """(layers estimated,) variance of the error of a new composite beyond the model's nugget."""
    statistics, layers = kriging.statistics, kriging.layers
    # ASSUME: one assay for each layer. The nugget was fitted to composites with such errors and holds them; only what exceeds it is added.
    assay = (assay_relative_sd * statistics.mean[layers]) ** 2
    return np.maximum(assay - kriging.model.nugget * statistics.sd[layers] ** 2, 0.0)


def _reached(seafloor: Seafloor, settings: NextCoreSettings) -> Mask:
    """(layers,) whether a new core reaches the bottom of the layer; the first one always."""
    layers = seafloor.layers
    depth_m = layers.top_m + settings.penetration_share * (layers.bottom_m - layers.top_m)
    return np.asarray((layers.bottoms_m <= depth_m + 1e-9) | (np.arange(layers.count) == 0))


def _share(part: _Element | None, seafloor: Seafloor) -> Array:
    """(rows, columns) share of the variance that one more core in each estimated cell takes away."""
    out = np.full(seafloor.grid.shape, np.nan)
    if part is not None:
        out[part.cells] = part.worth.reductions(np.flatnonzero(part.cells)) / part.worth.variance
    return out


def _narrowed(sd_t: float, share: float, interval: Interval | None) -> dict[str, float]:
    """A standard deviation before and after a share of the variance is gone, and with it the interval between low and high."""
    left = sqrt(min(max(1 - share, 0.0), 1.0))
    found = {"sd_before_t": sd_t, "sd_after_t": sd_t * left, "reduction_share": share}
    if interval is not None:
        width_t = interval.high_t - interval.low_t
        found |= {"width_before_t": width_t, "width_after_t": width_t * left, "narrowing_t": width_t * (1 - left)}
    return found


@dataclass(frozen=True)
class _OverCutoff:
    """What was found for metal over the cut-off."""

    cells: Integers
    figures: dict[str, list[dict[str, Any]]]
    shares: dict[str, Array]
    errors: dict[str, Array]
    summary: dict[str, Any]


def _over_cutoff(
    known: dict[str, _Element], first: str, columns: SimulatedColumns, candidates: _Candidates, settings: NextCoreSettings
) -> _OverCutoff:
    """Worth of one core at each candidate for every element, and the set chosen for the first."""
    cutoffs = {element: _cutoffs_of(part, settings) for element, part in known.items()}
    reasons = {element: why for element, part in known.items() if (why := _not_told(part, cutoffs[element]))}
    told = {element: part.simulated for element, part in known.items() if element not in reasons and part.simulated is not None}
    shares, errors = {}, {}
    for element, simulated in told.items():
        alone = simulated.alone(simulated.metal_t(cutoffs[element][0]))
        shares[element] = between_candidates(columns, alone.share, known[element].cells)
        errors[element] = between_candidates(columns, alone.error, known[element].cells)
    summary: dict[str, Any] = {
        "approximate": True,
        "method": "linear regression of simulated metal on the mean of simulated columns; a set's share is cross-validated over the realisations",
        "cutoff_ppm": cutoffs[first][0] if cutoffs[first] else None,
        "candidates": int(columns.cells.size),
        "spacing_m": columns.spacing_cells * candidates.seafloor.grid.cell_m,
        "realisations": len(told[first].column.metal_t) if first in told else 0,
        "not_computed": reasons,
    }
    nothing = np.zeros(0, dtype=np.int64)
    if first not in told:
        return _OverCutoff(nothing, {}, shares, errors, {**summary, "reason": reasons[first]})
    allowed = np.flatnonzero(candidates.sites.allowed.ravel()[columns.cells])
    cells = columns.cells[allowed]
    worth = told[first].worth(told[first].metal_t(cutoffs[first][0]), allowed)
    may_follow = candidates.may_follow(cells)
    chosen = worth.greedy(settings.count, may_follow) if cells.size else []
    if not chosen:
        return _OverCutoff(nothing, {}, shares, errors, {**summary, "reason": _NO_CELL})
    asked = [(element, cutoff_ppm) for element in told for cutoff_ppm in dict.fromkeys([0.0, *cutoffs[element]])]
    metal = [told[element].worth(told[element].metal_t(cutoff_ppm), allowed) for element, cutoff_ppm in asked]
    mud = [told[element].worth(told[element].dry_mud_t(cutoff_ppm), allowed) for element, cutoff_ppm in asked]
    honest = cross_validated(worth, [*metal, *mud], settings.count, may_follow)
    of_metal, of_mud = dict(zip(asked, honest[: len(asked)], strict=True)), dict(zip(asked, honest[len(asked) :], strict=True))
    # Where chance left a fold fewer cores, so many are told of.
    chosen = chosen[: min(len(found.share) for found in honest)]
    figures = {element: _over_figures(part, cutoffs[element][0], of_metal[element, cutoffs[element][0]]) for element, part in told.items()}
    flattering = worth.joint(chosen)
    closed = {element: part.worth.joint(cells[chosen]) / part.worth.variance for element, part in known.items()}
    summary |= {
        "interval_t": {element: _interval(simulated.metal_t(cutoffs[element][0])) for element, simulated in told.items()},
        "in_sample_share": [float(share) for share in flattering.share],
        "total_metal_reduction_share": {element: float(shares_[-1]) for element, shares_ in closed.items()},
        "set_by_cutoff": [
            {
                "element": element,
                "cutoff_ppm": cutoff_ppm,
                **_last("metal", of_metal[element, cutoff_ppm]),
                **_last("mud", of_mud[element, cutoff_ppm]),
            }
            for element, cutoff_ppm in asked
        ],
    }
    return _OverCutoff(cells[chosen], figures, shares, errors, summary)


def _cutoffs_of(part: _Element, settings: NextCoreSettings) -> list[float]:
    """Cut-offs of the settings that the realisations know of an element."""
    return [] if part.simulated is None else [cutoff for cutoff in settings.cutoffs_ppm if cutoff in part.simulated.column.cutoffs_ppm]


def _not_told(part: _Element, cutoffs_ppm: list[float]) -> dict[str, str] | None:
    """Why nothing can be said of an element's metal over a cut-off."""
    if part.simulated is None:
        return _NO_COLUMNS
    if not cutoffs_ppm:
        return _NO_CUTOFF
    metal_t = part.simulated.metal_t(cutoffs_ppm[0])
    few = len(metal_t) < 2 * (part.simulated.scores.shape[2] + 1)
    return _NO_WORTH if few or not metal_t.std() > 0 else None


def _over_figures(simulated: OverCutoff, cutoff_ppm: float, found: Explained) -> list[dict[str, Any]]:
    """What is told of metal over a cut-off with a set of cores, after each of them."""
    interval = Interval.of(simulated.metal_t(cutoff_ppm))
    # A further core takes nothing back: who knows it may leave it aside.
    shares = np.maximum.accumulate(np.maximum(found.share, 0.0))
    return [
        {"cutoff_ppm": cutoff_ppm, **_narrowed(interval.sd_t, float(share), interval), "reduction_error_share": float(error)}
        for share, error in zip(shares, found.error, strict=True)
    ]


def _last(what: str, found: Explained) -> dict[str, float]:
    """What a whole set takes away."""
    return {f"{what}_reduction_share": float(found.share[-1]), f"{what}_error_share": float(found.error[-1])}


def _interval(metal_t: Array) -> dict[str, float]:
    found = Interval.of(metal_t)
    return {"sd_t": found.sd_t, "low_t": found.low_t, "high_t": found.high_t}


def _check(
    known: dict[str, _Element], columns: SimulatedColumns, chosen: Integers, reductions: dict[str, Array], seafloor: Seafloor
) -> dict[str, dict[str, float | None]]:
    """Both ways side by side where both can go: total metal without a cut-off, for the set chosen in closed form and for single cores.

    They need not agree: the realisations know sources of uncertainty that kriging holds fixed, on some of which a core tells something too.
    """
    found: dict[str, dict[str, float | None]] = {}
    for element, part in known.items():
        if part.simulated is None or not chosen.size:
            continue
        metal_t = part.simulated.metal_t(0.0)
        numbers = nearest_candidates(columns, chosen, seafloor.grid.shape)
        joint = part.simulated.worth(metal_t, numbers).joint(list(range(len(numbers))))
        here = part.cells.ravel()[columns.cells]
        closed, alone = part.worth.reductions(columns.cells[here]) / part.worth.variance, part.simulated.alone(metal_t)
        varies = np.count_nonzero(here) > 2 and np.ptp(closed) > 0 and np.ptp(alone.share[here]) > 0
        found[element] = {
            "closed_form_share": float(reductions[element][-1] / part.worth.variance),
            "regression_share": float(joint.share[-1]),
            "regression_error_share": float(joint.error[-1]),
            "mean_of_single_cores_closed_form_share": float(closed.mean()) if closed.size else None,
            "mean_of_single_cores_regression_share": float(alone.share[here].mean()) if closed.size else None,
            "correlation_of_maps": float(np.corrcoef(closed, alone.share[here])[0, 1]) if varies else None,
        }
    return found


def _cores(cells: Integers, first: str, figures: dict[str, list[dict[str, Any]]], candidates: _Candidates) -> list[dict[str, Any]]:
    """One record for each new core."""
    longitude_deg, latitude_deg = candidates.places_deg(cells)
    depth_m = candidates.seafloor.depth_m.ravel()[cells]
    return [
        {
            "rank": number + 1,
            "longitude_deg": round(float(longitude_deg[number]), 6),
            "latitude_deg": round(float(latitude_deg[number]), 6),
            "water_depth_m": round(float(depth_m[number]), 1) if np.isfinite(depth_m[number]) else None,
            **figures[first][number],
            "element": first,
            "by_element": {element: found[number] for element, found in figures.items()},
        }
        for number in range(len(cells))
    ]
