"""Fit the spatial model of one variable: the accumulation of an element, or dry bulk density."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import DENSITY, Composites, Domains, Marks, Seafloor, Subject, Variogram
from pipeline.config import VariogramSettings
from pipeline.domains import apart, own_composites, parts_of
from pipeline.errors import SettingsError, TooFewSamples
from pipeline.field import LayerData, layer_data, range_bounds_m, statistics_by_domain, strata_of
from pipeline.geostatistics.layers import layer_statistics
from pipeline.geostatistics.likelihood import LikelihoodFit, RestrictedLikelihood, fit_likelihood, profile_interval
from pipeline.geostatistics.variogram import Fit, experimental_variogram, fit_variogram, lag_edges_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.geostatistics.layers import LayerStatistics
    from pipeline.grid import Layers

    Array = NDArray[np.float64]

_WAYS_BY_AXIS = ("horizontal", "vertical")
_METHODS = {"least_squares": "weighted least squares (Cressie 1985)", "reml": "restricted maximum likelihood (Patterson & Thompson 1971)"}
_LEVEL = 0.95
# A likelihood factorises the covariance of all composites some hundred times: seconds for the first number, an hour for the second.
_MOST_FOR_UNCERTAINTY = 500
_MOST_FOR_FIT = 3_000


def run(composites: Composites, seafloor: Seafloor, subject: Subject, settings: VariogramSettings) -> Variogram:
    """Standardise by layer, measure the variogram down and across cores, and fit one nested model to both.

    With domains each of them has layer means of its own. One with enough cores has spreads of its own too and, behind a hard boundary, a model of its
    own; the others borrow the spreads of those, and the model that is fitted to what the means and spreads of all domains leave.

    Raises
    ------
    TooFewSamples
        Fewer cores than the settings ask for carry the variable, or no two of them are within the longest lag.
    SettingsError
        Restricted maximum likelihood is asked for with more composites than it can take.
    """
    data = layer_data(composites, subject.name, seafloor.grid)
    if subject.name == DENSITY and data.values.size == 0:
        nothing = _nothing(subject.name, seafloor.layers.count, composites.marks)
        return replace(nothing, domains={part.name: nothing for part in parts_of(composites, seafloor) if part.name})
    if seafloor.domains is None:
        statistics = layer_statistics(data.values, data.layer, data.weights, seafloor.layers.count, settings.min_layer_cores)
        return _fitted(data, statistics, statistics, seafloor, subject, settings, composites.marks)
    return _in_domains(composites, data, seafloor, seafloor.domains, subject, settings)


def _nothing(subject: str, layers: int, marks: Marks) -> Variogram:
    empty = np.full(layers, np.nan)
    method = "prior: no sample carries density" if subject == DENSITY else f"none: no sample carries {subject}"
    return Variogram(subject, None, empty, empty, np.full(layers, -1), [], {"method": method}, marks)


def _in_domains(
    composites: Composites, data: LayerData, seafloor: Seafloor, domains: Domains, subject: Subject, settings: VariogramSettings
) -> Variogram:
    """Variogram of all domains together, and of each."""
    layers, parts = seafloor.layers, parts_of(composites, seafloor)
    own = {part.name: layer_data(own_composites(composites, part.name), subject.name, seafloor.grid) for part in parts}
    cores = {name: int(np.unique(part.cores).size) for name, part in own.items() if part.values.size}
    statistics = statistics_by_domain(composites, seafloor, subject.name, settings.min_layer_cores)
    names, every = list(composites.domains), strata_of(statistics, composites, layers)
    together = layer_statistics(data.values, data.layer, data.weights, layers.count, settings.min_layer_cores)
    within = replace(data, layer=data.domain * layers.count + data.layer)
    apart_m = apart(within.positions_m, within.domain) if domains.boundary == "hard" else None
    pooled = _fitted(within, every, together, seafloor, subject, settings, composites.marks, apart_m)
    found = {}
    for name in (name for name in names if name in cores):
        thin = cores[name] < domains.min_cores
        found[name] = replace(
            pooled, layer_mean=statistics[name].mean, layer_sd=statistics[name].sd, layer_pool=statistics[name].pool, experimental=[],
            fit=_borrowed(own[name], pooled, layers, domains, is_thin=thin),
        )  # fmt: skip
        if thin or domains.boundary == "soft":
            continue
        try:
            found[name] = _fitted(own[name], statistics[name], statistics[name], seafloor, subject, settings, composites.marks)
        except TooFewSamples as error:
            found[name].fit["why_borrowed"] = str(error)
    empty = {part.name: _nothing(subject.name, layers.count, composites.marks) for part in parts if part.name not in cores}
    return replace(pooled, domains={name: (found | empty)[name] for name in names if name in found or name in empty})


def _borrowed(data: LayerData, pooled: Variogram, layers: Layers, domains: Domains, *, is_thin: bool) -> dict[str, Any]:
    """What is told of the fit of a domain without a model of its own."""
    cores = int(np.unique(data.cores).size)
    few = f"{cores} cores, and [domains] min_cores asks for {domains.min_cores}"
    return {
        "method": "the model of all domains together",
        "why_borrowed": few if is_thin else "across a soft boundary one field goes on",
        "borrowed_spread": is_thin,
        "at_bounds": pooled.fit.get("at_bounds", []),
        "cores": cores,
        "composites": int(data.values.size),
        "layers_without_data": [layers.label(layer) for layer in range(layers.count) if not np.any(data.layer == layer)],
    }


def _fitted(
    data: LayerData,
    statistics: LayerStatistics,
    told: LayerStatistics,
    seafloor: Seafloor,
    subject: Subject,
    settings: VariogramSettings,
    marks: Marks,
    apart_m: Array | None = None,
) -> Variogram:
    """Variogram of residuals by these statistics, beside the layer statistics that are told; pairs are taken between other positions, if given."""
    layers, paired_m = seafloor.layers, data.positions_m if apart_m is None else apart_m
    cores = np.unique(data.cores).size
    places = np.unique(np.round(data.positions_m[:, :2], 3), axis=0)
    if cores < settings.min_cores or len(places) < settings.min_cores:
        msg = (
            f"variogram of {subject.name}: {min(cores, len(places))} core positions carry it, {settings.min_cores} are needed "
            "([variogram] min_cores). Add cores, or leave the element out of [elements] assessed."
        )
        raise TooFewSamples(msg)
    residuals = (data.values - statistics.mean[data.layer]) / statistics.sd[data.layer]
    edges_m = lag_edges_m(data.positions_m, settings.lags, settings.max_lag_share)
    experimental = experimental_variogram(paired_m, residuals, data.cores, layers.layer_m, edges_m, settings.semivariance)
    if not (experimental.horizontal_m > 0).any():
        msg = (
            f"variogram of {subject.name}: no two of its {cores} cores are within {edges_m[-1]:.0f} m of each other in one layer. "
            "Raise [variogram] max_lag_share, or add cores."
        )
        raise TooFewSamples(msg)
    # ASSUME: the survey cannot show a range far below its station spacing or far beyond its extent; the settings bound it.
    horizontal_m, vertical_m = range_bounds_m(data.positions_m, layers, settings)
    fitted = fit_variogram(experimental, settings.model, horizontal_m, vertical_m)
    model, how = fitted.model, {"weighted_sum_of_squares": fitted.cost, "at_bounds": list(fitted.at_bounds)}
    uncertainty: dict[str, Any] = {"remarks": _why_no_likelihood(subject, data, fitted, settings)}
    if not uncertainty["remarks"]:
        likelihood = RestrictedLikelihood(paired_m, residuals, _drift(statistics, data.layer))
        likely = fit_likelihood(likelihood, fitted.model, horizontal_m, vertical_m)
        uncertainty = _uncertainty(likelihood, likely)
        if settings.fit == "reml":
            model, how = likely.model, {"restricted_log_likelihood": likely.log_likelihood, "at_bounds": list(likely.at_bounds)}
    table = [
        {
            "direction": _WAYS_BY_AXIS[int(vertical > 0)],
            "lag_m": float(max(horizontal, vertical)),
            "semivariance": float(value),
            "pairs": int(pairs),
        }
        for horizontal, vertical, value, pairs in zip(
            experimental.horizontal_m, experimental.vertical_m, experimental.semivariance, experimental.pairs, strict=True
        )
    ]
    pooled = [layers.label(layer) for layer in range(layers.count) if told.pool[layer] not in (-1, layer)]
    fit = {
        "method": f"{_METHODS[settings.fit]} on residuals standardised by layer",
        "semivariance": settings.semivariance,
        **how,
        "uncertainty": uncertainty,
        "horizontal_range_bounds_m": list(horizontal_m),
        "vertical_range_bounds_m": list(vertical_m),
        "cores": int(cores),
        "composites": int(data.values.size),
        "pooled_layers": pooled,
        "layers_without_data": [layers.label(layer) for layer in range(layers.count) if told.pool[layer] == -1],
    }
    return Variogram(subject.name, model, told.mean, told.sd, told.pool, table, fit, marks)


def _why_no_likelihood(subject: Subject, data: LayerData, fitted: Fit, settings: VariogramSettings) -> list[str]:
    count = data.values.size
    if fitted.model.sill == 0:
        return ["the values do not vary: there is nothing to be uncertain about"]
    if settings.fit == "reml" and count > _MOST_FOR_FIT:
        msg = (
            f'variogram of {subject.name}: [variogram] fit = "reml" takes up to {_MOST_FOR_FIT} composites and there are {count}. '
            'Set fit = "least_squares".'
        )
        raise SettingsError(msg)
    if settings.fit != "reml" and count > _MOST_FOR_UNCERTAINTY:
        return [f"not computed: {count} composites, more than {_MOST_FOR_UNCERTAINTY}"]
    return []


def _drift(statistics: LayerStatistics, layer: NDArray[np.int64]) -> NDArray[np.float64]:
    """(data, pools) drift of the kriging that follows: one unknown mean for each pool of layers, on standardised residuals."""
    pool = statistics.pool[layer]
    return np.asarray((pool[:, None] == np.unique(pool)) / statistics.sd[layer][:, None])


def _uncertainty(likelihood: RestrictedLikelihood, likely: LikelihoodFit) -> dict[str, Any]:
    """What the likelihood says about each parameter, for the reader of the JSON."""
    low_m, high_m = profile_interval(likelihood, likely, "horizontal range", _LEVEL)
    return {
        "method": _METHODS["reml"],
        "parameters": {
            name: {"estimate": float(value), "log_sd": float(sd) if np.isfinite(sd) else None}
            for name, value, sd in zip(likely.parameters, likely.estimates, likely.log_sd, strict=True)
        },
        "level": _LEVEL,
        # Null: the likelihood stays high up to the bound of the search.
        "horizontal_range_interval_m": [low_m if low_m > 0 else None, high_m if np.isfinite(high_m) else None],
        "at_bounds": list(likely.at_bounds),
        "remarks": list(likely.remarks),
    }
