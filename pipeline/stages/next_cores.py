"""Say where the next cores would narrow total metal most.

The part of the kriging variance of total metal that one more core would take away, in closed form, with the kriging model held fixed; and a few cores
chosen together, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import Composites, CrossValidation, JointModel, NextCores, Seafloor, Variogram
from pipeline.config import GradeSettings, NextCoreSettings, SimulationSettings
from pipeline.field import cell_drift, core_positions_m, estimated_cells, kriging_of, median_spacing_m, variogram_of
from pipeline.geostatistics.data_worth import DataWorth
from pipeline.units import TONNE_PER_GRAM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.geostatistics.layers import LayeredKriging

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

_MOST_CANDIDATES = 20_000  # a set is chosen among so many; on larger grids among every second, third ... row and column

_NO_CELL = {
    "en": "no estimated cell of the region lies far enough from the cores there are",
    "ja": "対象海域内の推定済みセルのうち、既存コアから十分に離れたものがありません",
}
_NO_MODEL = {"en": "nothing was measured", "ja": "測定値がありません"}
_NO_SPREAD = {
    "en": "all values are equal: one more core would change nothing",
    "ja": "すべての値が等しいため、コアを追加しても何も変わりません",
}


@dataclass(frozen=True)
class _Element:
    """Worth of cores for one element, and where they may stand."""

    worth: DataWorth
    cells: Mask
    tonnes: float

    def figures(self, reductions: Array) -> list[dict[str, float]]:
        """What is told of a set of cores, after each of them."""
        before = self.worth.variance
        return [
            {
                "sd_before_t": sqrt(before) * self.tonnes,
                "sd_after_t": sqrt(max(before - reduction, 0.0)) * self.tonnes,
                "reduction_share": float(reduction / before),
            }
            for reduction in reductions
        ]


def run(
    composites: Composites,
    variograms: list[Variogram],
    joint: JointModel,
    cross_validation: CrossValidation,
    seafloor: Seafloor,
    settings: NextCoreSettings,
    grade_settings: GradeSettings,
    simulation_settings: SimulationSettings,
) -> NextCores:
    """Map the worth of one more core for every element, and choose the next cores for the first one.

    Total metal is that of the region ``all``, without a cut-off: tonnes over a cut-off are not linear in what a core shows.
    """
    reasons = {element: why for element in composites.elements if (why := _not_computed(variogram_of(variograms, element)))}
    known = {
        element: _element(
            composites, variogram_of(variograms, element), joint, cross_validation, seafloor, settings, grade_settings, simulation_settings
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
    }
    if not known:
        return NextCores(seafloor.grid, [], shares, {**summary, "reason": reasons[composites.elements[0]]}, composites.marks)
    # ASSUME: the first element assessed drives the choice; for the others the same cores are reckoned, not chosen.
    first = next(iter(known))
    summary |= {"element": first, "sd_before_t": {element: sqrt(part.worth.variance) * part.tonnes for element, part in known.items()}}
    allowed = _allowed(composites, seafloor, known, summary["min_distance_m"])
    chosen = known[first].worth.greedy(_thinned(allowed), settings.count, summary["min_distance_m"])
    if not chosen.cells.size:
        return NextCores(seafloor.grid, [], shares, {**summary, "reason": _NO_CELL}, composites.marks)
    figures = {element: part.figures(part.worth.joint(chosen.cells)) for element, part in known.items()}
    return NextCores(seafloor.grid, _cores(chosen.cells, first, figures, seafloor), shares, summary, composites.marks)


def _not_computed(variogram: Variogram) -> dict[str, str] | None:
    """Why nothing can be said of an element, in both languages."""
    if variogram.model is None:
        return _NO_MODEL
    return _NO_SPREAD if variogram.model.sill == 0 else None


def _element(
    composites: Composites,
    variogram: Variogram,
    joint: JointModel,
    cross_validation: CrossValidation,
    seafloor: Seafloor,
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
    return _Element(worth, cells, block_m3 * TONNE_PER_GRAM)


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


def _allowed(composites: Composites, seafloor: Seafloor, known: dict[str, _Element], min_distance_m: float) -> Mask:
    """Cells that lie mostly in the region, are estimated for every element, and are far enough from every core."""
    from scipy.spatial import cKDTree

    easting_m, northing_m = seafloor.grid.centres_m()
    distance_m, _ = cKDTree(core_positions_m(composites, seafloor.grid)).query(np.column_stack([easting_m.ravel(), northing_m.ravel()]))
    far = np.asarray(distance_m).reshape(seafloor.grid.shape) >= min_distance_m
    return np.asarray(np.logical_and.reduce([far, seafloor.region_share >= 0.5, *(part.cells for part in known.values())]))


def _thinned(allowed: Mask) -> Integers:
    """Flat numbers of the cells among which a set is chosen."""
    step = max(1, ceil(sqrt(np.count_nonzero(allowed) / _MOST_CANDIDATES)))
    kept = np.zeros_like(allowed)
    kept[step // 2 :: step, step // 2 :: step] = True
    return np.flatnonzero(allowed & kept)


def _cores(cells: Integers, first: str, figures: dict[str, list[dict[str, float]]], seafloor: Seafloor) -> list[dict[str, Any]]:
    """One record for each new core."""
    longitude_deg, latitude_deg = seafloor.grid.to_lonlat(*(axis.ravel()[cells] for axis in seafloor.grid.centres_m()))
    depth_m = seafloor.depth_m.ravel()[cells]
    return [
        {
            "rank": number + 1,
            "longitude_deg": round(float(longitude_deg[number]), 6),
            "latitude_deg": round(float(latitude_deg[number]), 6),
            "water_depth_m": round(float(depth_m[number]), 1) if np.isfinite(depth_m[number]) else None,
            "element": first,
            **figures[first][number],
            "by_element": {element: found[number] for element, found in figures.items()},
        }
        for number in range(len(cells))
    ]
