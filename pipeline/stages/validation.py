"""Hold the estimate against what it did not use: cores left out, another model of blocks, a top cut, drawn deposits, and the truth where it is known.

Nothing here changes an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import (
    QUANTILES,
    Calibration,
    Composites,
    CrossValidation,
    Density,
    Grade,
    Horizon,
    Seafloor,
    Simulation,
    Tonnage,
    TruthFiles,
    Validation,
    Variogram,
)
from pipeline.config import NO_DOMAINS, DomainSettings, GradeSettings
from pipeline.contacts import contacts_of
from pipeline.field import composite_positions_m, variogram_of
from pipeline.geostatistics.covariance import block_nodes
from pipeline.geostatistics.support import DiscreteGaussian, support_factor
from pipeline.grid import require_same_grid
from pipeline.units import TONNE_PER_GRAM

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Content = dict[str, Any]

_COPIED = ("realisations", "checks", "accuracy", "sources", "closed_form", "tail", "parameters", "not_simulated", "production_volume", "domains")
_SLICES = 8  # of a swath profile along easting and northing
_TOP_CUT = 0.99
_FIGURES = ("area_km2", "dry_mud_t", "metal_t")
_DIGITS = 1e-6  # relative: files of the truth are rounded


@dataclass(frozen=True)
class _Blocks:
    """One element: its composites, and its blocks that are estimated.

    Parameters
    ----------
    grade : Grade
    grade_ppm, mass : (composites,) arrays
        Grade, and declustered mass per composite: weights of a layer times density, every layer counting as one.
    positions_m : (composites, 3) array
    layer : (composites,) int array
    mud_t : (layers, rows, columns) array
        Kriged dry mud inside the region; 0 where no grade is estimated.
    """

    grade: Grade
    grade_ppm: Array
    mass: Array
    positions_m: Array
    layer: Integers
    mud_t: Array


_DIGITS = 1e-6  # relative: the files of the truth are rounded


def run(
    composites: Composites,
    variograms: list[Variogram],
    cross_validation: CrossValidation,
    grades: list[Grade],
    density: Density,
    simulation: Simulation,
    tonnage: Tonnage,
    seafloor: Seafloor,
    truth: TruthFiles,
    settings: GradeSettings,
    calibration: Calibration,
    horizon: Horizon | None = None,
    domains: DomainSettings = NO_DOMAINS,
) -> Validation:
    """Gather every check of the estimate; what the simulation found of itself is copied through."""
    seafloor = seafloor.over(horizon)
    require_same_grid(seafloor.grid, density.grid, simulation.grid, *(grade.grid for grade in grades))
    elements = {}
    # The truth is that of an interval below the seafloor: what lies beside a marker is another one.
    has_truth = composites.marks.data_kind == "synthetic" and not seafloor.layers.marker
    for grade in sorted(grades, key=lambda grade: grade.element):
        blocks = _blocks(composites, grade, density, seafloor)
        elements[grade.element] = {
            "cross_validation": _scores(cross_validation, grade.element),
            "closed_form": _closed_form(grade.element, tonnage),
            "discrete_gaussian": _discrete_gaussian(blocks, variogram_of(variograms, grade.element), tonnage, seafloor, settings),
            "swaths": _swaths(blocks, simulation, seafloor),
            "top_cut": _top_cut(blocks),
            "truth": _truth(grade.element, truth, tonnage, simulation) if has_truth else None,
        }
    marker = {} if seafloor.horizon is None else {"marker": seafloor.horizon.fit}
    content = {
        **composites.marks.tags(),
        **marker,
        **({"contacts": contacts_of(composites, domains, seafloor.grid)} if composites.domains else {}),
        "elements": elements,
        "simulation": {key: simulation.summary[key] for key in _COPIED if key in simulation.summary},
        "calibration": {"state": "not calibrated"} if calibration.content is None else {"state": "calibrated", **calibration.content},
    }
    notes = ("intervals are not calibrated on drawn deposits: make calibrate",) if calibration.content is None else ()
    return Validation(content, notes)


def _blocks(composites: Composites, grade: Grade, density: Density, seafloor: Seafloor) -> _Blocks:
    frame = composites.frame.sort_values(["core_id", "layer"])
    frame = frame.loc[frame[f"{grade.element}_g_m3"].notna()]
    density_t_m3 = frame["dry_bulk_density_t_m3"].to_numpy(dtype=float)
    layer, weight = frame["layer"].to_numpy(dtype=np.int64), frame["declustering_weight"].to_numpy(dtype=float)
    weight = weight / np.bincount(layer, weight)[layer]
    block_m3 = seafloor.grid.cell_area_m2 * seafloor.layers.layer_m * seafloor.region_share * seafloor.thickness_share
    mud_t = np.where(np.isfinite(grade.layer_ppm), density.layer_t_m3 * block_m3, 0.0)
    grade_ppm = frame[f"{grade.element}_g_m3"].to_numpy(dtype=float) / density_t_m3
    return _Blocks(grade, grade_ppm, weight * density_t_m3, composite_positions_m(frame, seafloor.grid), layer, mud_t)


def _scores(cross_validation: CrossValidation, element: str) -> Content:
    part = cross_validation.comparisons[element]
    return {"estimator": part.estimator.name, "reason": part.reason, "cores": part.cores, "scored": part.scored, "scores": part.scores}


def _closed_form(element: str, tonnage: Tonnage) -> Content | None:
    """Standard deviation of the total metal of region all over the realisations, and of its kriging; none without realisations."""
    simulated, closed = (_row(tonnage, element, statistic, 0.0) for statistic in ("sd", "sd_closed_form"))
    if simulated is None or closed is None:
        return None
    return {"sd_t": simulated["metal_t"], "sd_closed_form_t": closed["metal_t"]}


# --- blocks by another model -----------------------------------------------------------------------------------------------------------------------


def _discrete_gaussian(blocks: _Blocks, variogram: Variogram, tonnage: Tonnage, seafloor: Seafloor, settings: GradeSettings) -> list[Content]:
    """Tonnes over each cut-off by the discrete Gaussian model of each layer's composites, beside the rows ``mean`` and ``kriged`` of region all."""
    cutoffs_ppm = sorted(set(tonnage.frame.loc[tonnage.frame["element"] == blocks.grade.element, "cutoff_ppm"]))
    mud_t, metal_t = np.zeros(len(cutoffs_ppm)), np.zeros(len(cutoffs_ppm))
    # ASSUME: a block's grade varies less than a composite's in the proportion in which its accumulation does.
    cell_m = seafloor.grid.cell_m
    block = block_nodes((cell_m, cell_m, 0.0), (settings.block_nodes, settings.block_nodes, 1))
    factor = 1.0 if variogram.model is None else support_factor(variogram.model, *block)
    for layer in np.flatnonzero(variogram.layer_pool >= 0):
        here = variogram.layer_pool[blocks.layer] == variogram.layer_pool[layer]
        found = DiscreteGaussian.of(blocks.grade_ppm[here], factor, blocks.mass[here]).grade_tonnage(cutoffs_ppm)
        layer_t = float(blocks.mud_t[layer].sum())
        mud_t += layer_t * found.tonnage_share
        metal_t += layer_t * found.metal * TONNE_PER_GRAM
    rows = []
    for number, cutoff_ppm in enumerate(cutoffs_ppm):
        row: Content = {"cutoff_ppm": float(cutoff_ppm), "support_factor": factor, "dgm": _tonnes(mud_t[number], metal_t[number])}
        for statistic in ("mean", "kriged"):
            figures = _row(tonnage, blocks.grade.element, statistic, float(cutoff_ppm))
            row[statistic] = None if figures is None else _tonnes(figures["dry_mud_t"], figures["metal_t"])
        rows.append(row)
    return rows


def _tonnes(mud_t: float, metal_t: float) -> Content:
    return {"dry_mud_t": float(mud_t), "metal_t": float(metal_t), "grade_ppm": float(metal_t / mud_t / TONNE_PER_GRAM) if mud_t > 0 else None}


def _row(tonnage: Tonnage, element: str, statistic: str, cutoff_ppm: float) -> dict[str, float] | None:
    """Figures of one row of region all; none where the table has no such row."""
    frame = tonnage.frame
    chosen = (frame["element"] == element) & (frame["region"] == "all") & (frame["statistic"] == statistic) & (frame["cutoff_ppm"] == cutoff_ppm)
    return {key: float(frame.loc[chosen, key].iloc[0]) for key in _FIGURES} if chosen.any() else None


# --- profiles and the top cut ----------------------------------------------------------------------------------------------------------------------


def _swaths(blocks: _Blocks, simulation: Simulation, seafloor: Seafloor) -> dict[str, list[Content]]:
    """Mean grade in slices: of the declustered composites, of kriged blocks, and of simulated blocks with the mean of their p05 and p95.

    The last two are those of a block, not of the mean of a slice: a slice is surer than its blocks.
    """
    easting_m, northing_m = seafloor.grid.centres_m()
    shape, estimated = blocks.mud_t.shape, blocks.mud_t.any(axis=0)
    layers, profiles = seafloor.layers, {}
    if not estimated.any():
        return {"easting_m": [], "northing_m": [], "depth_m": []}
    for axis, (name, centre_m) in enumerate({"easting_m": easting_m, "northing_m": northing_m}.items()):
        half_m = seafloor.grid.cell_m / 2
        edges_m = np.linspace(centre_m[estimated].min() - half_m, centre_m[estimated].max() + half_m, _SLICES + 1)
        block = np.broadcast_to(_slice(centre_m, edges_m), shape)
        profiles[name] = _profile(blocks, simulation, block, _slice(blocks.positions_m[:, axis], edges_m), (edges_m[:-1] + edges_m[1:]) / 2)
    depth = np.broadcast_to(np.arange(layers.count)[:, None, None], shape)
    profiles["depth_m"] = _profile(blocks, simulation, depth, blocks.layer, (layers.tops_m + layers.bottoms_m) / 2)
    return profiles


def _slice(at_m: Array, edges_m: Array) -> Integers:
    """Slice of each position; those of cores beyond the outermost cells belong to the outermost slices."""
    return np.clip(np.searchsorted(edges_m, at_m, side="right") - 1, 0, len(edges_m) - 2)


def _profile(blocks: _Blocks, simulation: Simulation, block: Integers, composite: Integers, middle_m: Array) -> list[Content]:
    count = len(middle_m)
    simulated = simulation.grades.get(blocks.grade.element)
    known = blocks.mud_t > 0
    fields = {"kriged_ppm": blocks.grade.layer_ppm}
    if simulated is not None:
        quantiles = list(QUANTILES)
        fields["simulated_mean_ppm"] = simulated.block_mean_ppm
        fields |= {f"simulated_block_{name}_ppm": simulated.block_ppm[quantiles.index(name)] for name in ("p05", "p95")}
        known = known & np.isfinite(simulated.block_mean_ppm)
    columns = {"data_ppm": _means(composite, blocks.grade_ppm, blocks.mass, count)}
    columns |= {name: _means(block[known], values[known], blocks.mud_t[known], count) for name, values in fields.items()}
    composites = np.bincount(composite, minlength=count)
    return [
        {"middle_m": float(middle_m[number]), "composites": int(composites[number]), **{name: values[number] for name, values in columns.items()}}
        for number in range(count)
    ]


def _means(of: Integers, values: Array, weights: Array, count: int) -> list[float | None]:
    """Weighted mean of each group; none for a group without weight."""
    sums, weight = (np.bincount(of, part, minlength=count) for part in (values * weights, weights))
    return [float(total / mass) if mass > 0 else None for total, mass in zip(sums, weight, strict=True)]


def _top_cut(blocks: _Blocks) -> Content:
    """Declustered mean grade with and without composites capped at their 99th percentile: how much hangs on a few."""
    order = np.argsort(blocks.grade_ppm, kind="stable")
    below = np.cumsum(blocks.mass[order]) / blocks.mass.sum()
    cap_ppm = float(blocks.grade_ppm[order][min(np.searchsorted(below, _TOP_CUT), below.size - 1)])
    mean_ppm, capped_ppm = (float(np.average(values, weights=blocks.mass)) for values in (blocks.grade_ppm, np.minimum(blocks.grade_ppm, cap_ppm)))
    return {
        "cap_ppm": cap_ppm,
        "capped_composites": int(np.sum(blocks.grade_ppm > cap_ppm)),
        "mean_ppm": mean_ppm,
        "capped_mean_ppm": capped_ppm,
        "change_share": capped_ppm / mean_ppm - 1 if mean_ppm > 0 else None,
    }


# --- the truth -------------------------------------------------------------------------------------------------------------------------------------


def _truth(element: str, truth: TruthFiles, tonnage: Tonnage, simulation: Simulation) -> list[Content]:
    """Estimate beside truth over every cut-off that both know; the truth is that of the whole region, so it is region all that is compared."""
    totals = simulation.totals
    totals = totals[(totals["element"] == element) & (totals["region"] == "all")]
    rows = []
    for name, elements in truth.elements():
        known = elements.get(element, {})
        over = {float(part["cutoff_ppm"]): part for part in known.get("cutoffs", [])}
        for cutoff_ppm, part in sorted(({0.0: known["total"]} | over if "total" in known else over).items()):
            kriged = _row(tonnage, element, "kriged", cutoff_ppm)
            if kriged is None:
                continue
            row: Content = {"file": name, "cutoff_ppm": cutoff_ppm}
            for key in _FIGURES:
                row[key] = {"truth": float(part[key]), "kriged": kriged[key], **_place(float(part[key]), totals, cutoff_ppm, key)}
            rows.append(row)
    return rows


def _place(truth: float, totals: pd.DataFrame, cutoff_ppm: float, key: str) -> Content:
    """Where the truth lies among the realisations; nothing where there are none."""
    draws = totals.loc[totals["cutoff_ppm"] == cutoff_ppm, key].to_numpy(dtype=float)
    if draws.size == 0:
        return {}
    low, high = (float(np.quantile(draws, QUANTILES[name], method="weibull")) for name in ("p05", "p95"))
    # A truth that many realisations meet (all of the area, or nothing) lies in their middle; the truth is kept to seven digits.
    met = np.isclose(draws, truth, rtol=_DIGITS, atol=0.0)
    below = (np.count_nonzero((draws < truth) & ~met) + np.count_nonzero((draws < truth) | met)) / 2 / draws.size
    inside = low * (1 - _DIGITS) <= truth <= high * (1 + _DIGITS)
    return {"mean": float(draws.mean()), "p05": low, "p95": high, "inside": inside, "share_below": below}
