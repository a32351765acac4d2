"""Fit the spatial model of one variable: the accumulation of an element, or dry bulk density."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist

from pipeline.artefacts import DENSITY, Composites, Seafloor, Subject, Variogram
from pipeline.config import VariogramSettings
from pipeline.errors import TooFewSamples
from pipeline.field import layer_data, median_spacing_m
from pipeline.geostatistics.layers import layer_statistics
from pipeline.geostatistics.variogram import experimental_variogram, fit_variogram, lag_edges_m

_WAYS_BY_AXIS = ("horizontal", "vertical")


def run(composites: Composites, seafloor: Seafloor, subject: Subject, settings: VariogramSettings) -> Variogram:
    """Standardise by layer, measure the variogram down and across cores, and fit one nested model to both.

    Raises
    ------
    TooFewSamples
        Fewer cores than the settings ask for carry the variable.
    """
    layers = seafloor.layers
    data = layer_data(composites, subject.name, seafloor.grid)
    if subject.name == DENSITY and data.values.size == 0:
        empty = np.full(layers.count, np.nan)
        return Variogram(DENSITY, None, empty, empty, np.full(layers.count, -1), [], {"method": "prior: no sample carries density"}, composites.marks)
    cores = np.unique(data.cores).size
    places = np.unique(np.round(data.positions_m[:, :2], 3), axis=0)
    if cores < settings.min_cores or len(places) < settings.min_cores:
        msg = (
            f"variogram of {subject.name}: {min(cores, len(places))} core positions carry it, {settings.min_cores} are needed "
            "([variogram] min_cores). Add cores, or leave the element out of [elements] assessed."
        )
        raise TooFewSamples(msg)
    statistics = layer_statistics(data.values, data.layer, data.weights, layers.count, settings.min_layer_cores)
    residuals = (data.values - statistics.mean[data.layer]) / statistics.sd[data.layer]
    edges_m = lag_edges_m(data.positions_m, settings.lags, settings.max_lag_share)
    experimental = experimental_variogram(data.positions_m, residuals, data.cores, layers.layer_m, edges_m)
    # ASSUME: the survey cannot show a range far below its station spacing or far beyond its extent; the settings bound it.
    horizontal_m = (
        settings.min_range_spacings * median_spacing_m(data.positions_m[:, :2]),
        settings.max_range_extents * float(pdist(places).max()),
    )
    vertical_m = (0.5 * layers.layer_m, 3 * max(layers.bottom_m - layers.top_m, layers.layer_m))
    fitted = fit_variogram(experimental, settings.model, horizontal_m, vertical_m)
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
    pooled = [layers.label(layer) for layer in range(layers.count) if statistics.pool[layer] not in (-1, layer)]
    fit = {
        "method": "weighted least squares (Cressie 1985) on residuals standardised by layer",
        "weighted_sum_of_squares": fitted.cost,
        "at_bounds": list(fitted.at_bounds),
        "horizontal_range_bounds_m": list(horizontal_m),
        "vertical_range_bounds_m": list(vertical_m),
        "cores": int(cores),
        "composites": int(data.values.size),
        "pooled_layers": pooled,
        "layers_without_data": [layers.label(layer) for layer in range(layers.count) if statistics.pool[layer] == -1],
    }
    return Variogram(subject.name, fitted.model, statistics.mean, statistics.sd, statistics.pool, table, fit, composites.marks)
