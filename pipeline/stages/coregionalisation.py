"""Fit how the elements and density vary together: one linear model of coregionalisation of their standardised layer residuals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import DENSITY, Composites, JointModel, Seafloor, Variogram
from pipeline.config import VariogramSettings
from pipeline.domains import apart, parts_of
from pipeline.errors import TooFewSamples
from pipeline.field import composite_positions_m, domain_numbers, known_values, range_bounds_m, statistics_across, statistics_of
from pipeline.geostatistics.coregionalisation import fit_coregionalisation, shared_structures
from pipeline.geostatistics.variogram import Experimental, experimental_cross_variogram, lag_edges_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = list[list[Experimental]]


def run(composites: Composites, variograms: list[Variogram], seafloor: Seafloor, settings: VariogramSettings) -> JointModel:
    """Measure every direct and cross variogram, fit ranges that all variables share, then the sill matrices (Goulard & Voltz 1992).

    Variables need not be known at the same places. One without data or without any spread has no part in the model, and the product says so. With
    domains the residuals are those from the means and spreads of each; one with a variogram of its own has a joint model of its own too.
    """
    whole = _fitted(composites, variograms, seafloor, settings)
    if seafloor.domains is None:
        return whole
    found = {}
    for part in parts_of(composites, seafloor):
        own = [variogram.of(part.name) for variogram in variograms]
        if all("why_borrowed" not in variogram.fit for variogram in own if variogram.model is not None):
            found[part.name] = _fitted(part.composites, own, part.seafloor, settings)
            continue
        # The model is that of all domains together: the variables are the same, with the statistics of this one.
        known = {variogram.subject: statistics_of(variogram) for variogram in own if (variogram.layer_pool >= 0).any()}
        kept = {subject: known[subject] for subject in whole.statistics if subject in known}
        model = whole.model if len(kept) == len(whole.statistics) else None
        found[part.name] = replace(whole, statistics=kept, model=model, experimental=[], fit={"method": "the model of all domains together"})
    return replace(whole, domains=found)


def _fitted(composites: Composites, variograms: list[Variogram], seafloor: Seafloor, settings: VariogramSettings) -> JointModel:
    subjects, left_out = _varying(composites, variograms)
    if not subjects:
        return JointModel({}, None, [], {"method": "none: no variable varies", "left_out": left_out}, composites.marks)
    statistics = {subject: statistics_of(variogram) for subject, variogram in subjects.items()}
    frame = composites.frame.sort_values(["core_id", "layer"])
    positions_m, layer = composite_positions_m(frame, seafloor.grid), frame["layer"].to_numpy(dtype=np.int64)
    stratum = domain_numbers(composites, frame) * seafloor.layers.count + layer
    across = {subject: statistics_across(variogram, composites, seafloor.layers) for subject, variogram in subjects.items()}
    residuals = np.column_stack([(known_values(frame, subject) - part.mean[stratum]) / part.sd[stratum] for subject, part in across.items()])
    cores = frame["core_id"].to_numpy(dtype=str)
    edges_m = lag_edges_m(positions_m, settings.lags, settings.max_lag_share)
    domains = seafloor.domains
    paired_m = apart(positions_m, domain_numbers(composites, frame)) if domains is not None and domains.boundary == "hard" else positions_m
    experimental = _experimental(paired_m, residuals, cores, seafloor.layers.layer_m, edges_m)
    horizontal_m, vertical_m = range_bounds_m(positions_m, seafloor.layers, settings)
    # ASSUME: all variables share the ranges of one nested model; only nugget and sills differ between them.
    structures = shared_structures(experimental, settings.model, horizontal_m, vertical_m)
    fitted = fit_coregionalisation(experimental, structures)
    sd = np.sqrt(np.diag(fitted.model.variance))
    fit = {
        "method": "ranges by weighted least squares on all direct variograms (Cressie 1985), sill matrices by Goulard & Voltz 1992",
        "weighted_sum_of_squares": fitted.cost,
        "sweeps": fitted.sweeps,
        "correlation": (fitted.model.variance / np.outer(sd, sd)).tolist(),
        "horizontal_range_bounds_m": list(horizontal_m),
        "vertical_range_bounds_m": list(vertical_m),
        "left_out": left_out,
    }
    return JointModel(statistics, fitted.model, _table(list(subjects), experimental), fit, composites.marks)


def _varying(composites: Composites, variograms: list[Variogram]) -> tuple[dict[str, Variogram], dict[str, str]]:
    """Variograms of the variables that vary, elements first in the order of the settings, and why the others have no part."""
    by_subject = {variogram.subject: variogram for variogram in variograms}
    varying, left_out = {}, {}
    for subject in (*composites.elements, DENSITY):
        model = by_subject[subject].model
        if model is None:
            left_out[subject] = "nothing was measured"
        elif model.sill == 0:
            left_out[subject] = "all values are equal"
        else:
            varying[subject] = by_subject[subject]
    return varying, left_out


def _experimental(positions_m: Array, residuals: Array, cores: NDArray[np.str_], layer_m: float, edges_m: Array) -> Rows:
    """Row i holds the cross-variograms of variable i with variables 0 to i; one without lags where two are never known together."""
    nothing = Experimental(np.empty(0), np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))
    rows: Rows = []
    for i in range(residuals.shape[1]):
        rows.append([])
        for j in range(i + 1):
            try:
                rows[i].append(experimental_cross_variogram(positions_m, residuals[:, i], residuals[:, j], cores, layer_m, edges_m))
            except TooFewSamples:
                if i == j:
                    raise
                rows[i].append(nothing)
    return rows


def _table(subjects: list[str], experimental: Rows) -> list[dict[str, Any]]:
    """Every lag of every variogram as one row."""
    return [
        {
            "one": subjects[i],
            "other": subjects[j],
            "direction": "vertical" if part.vertical_m[lag] > 0 else "horizontal",
            "lag_m": float(max(part.horizontal_m[lag], part.vertical_m[lag])),
            "semivariance": float(part.semivariance[lag]),
            "pairs": int(part.pairs[lag]),
        }
        for i, row in enumerate(experimental)
        for j, part in enumerate(row)
        for lag in range(len(part.pairs))
    ]
