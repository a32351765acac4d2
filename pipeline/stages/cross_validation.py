"""Score every estimator on cores that it has not seen, and choose the one that drives the grades.

Folds leave out whole cores that lie together. Every estimator states a distribution: kriging its own, the others the spread of their residuals in
folds of the training cores, because a bare number scored by CRPS loses by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import ORDINARY, Comparison, Composites, CrossValidation, Estimator, JointModel, Seafloor, Variogram
from pipeline.config import CrossValidationSettings, VariogramSettings
from pipeline.domains import WHOLE, apart
from pipeline.errors import TooFewSamples
from pipeline.field import (
    LayerData,
    cell_drift,
    core_drift,
    core_positions_m,
    drift_at,
    krigings_of,
    layer_data,
    range_bounds_m,
    statistics_across,
    statistics_by_domain,
    variogram_of,
)
from pipeline.geostatistics import scores
from pipeline.geostatistics.cross_validation import area_of_applicability, cross_validate, spatial_folds
from pipeline.geostatistics.layers import LayeredVariable, LayerStatistics
from pipeline.geostatistics.simple_estimators import declustered_mean, depth_pool, inverse_distance, nearest_neighbour, polygonal, with_sd
from pipeline.geostatistics.variogram import experimental_variogram, fit_variogram, lag_edges_m

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pipeline.geostatistics.cross_validation import FoldEstimator

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Simple = Callable[[Array, Array, Array], Array]
    Scores = dict[str, float | None]

_REFERENCE = "declustered_mean"
_MOST_COKRIGED = 3_000  # composites of all variables: a factorisation in every fold of every element takes minutes beyond
_NAMES = {"ordinary": "ordinary kriging", "drift": "kriging with drift", "cokriging": "cokriging"}


@dataclass(frozen=True)
class _Case:
    """One element, and what its estimators are made from."""

    composites: Composites
    variogram: Variogram
    joint: JointModel
    seafloor: Seafloor
    data: LayerData
    fold_of: dict[str, int]
    settings: CrossValidationSettings
    variogram_settings: VariogramSettings

    @property
    def element(self) -> str:
        return self.variogram.subject

    @property
    def is_hard(self) -> bool:
        """Whether nothing is told across the boundaries of domains."""
        return self.seafloor.domains is not None and self.seafloor.domains.boundary == "hard"

    @property
    def fold(self) -> Integers:
        """Fold of each composite; a single one where nothing can be scored."""
        return np.array([self.fold_of.get(core, 0) for core in self.data.cores], dtype=np.int64)

    @property
    def fewest_places(self) -> int:
        """Core positions that remain when the fold with most of them is left out."""
        positions_m = self.data.positions_m[:, :2]
        return min(len(np.unique(positions_m[self.fold != number], axis=0)) for number in np.unique(self.fold))


@dataclass(frozen=True)
class _Result:
    """Estimate, spread and CRPS of every composite, NaN where an estimator has none."""

    estimate: Array
    sd: Array
    crps: Array


def run(
    composites: Composites,
    variograms: list[Variogram],
    joint: JointModel,
    seafloor: Seafloor,
    settings: CrossValidationSettings,
    variogram_settings: VariogramSettings,
) -> CrossValidation:
    """Compare seven estimators per element under the same folds; ordinary kriging drives the grades unless another is named or shown to be better.

    Raises
    ------
    TooFewSamples
        The settings name an estimator that these data do not allow.
    """
    fold_of = _folds(composites, seafloor, settings)
    comparisons = {}
    for element in composites.elements:
        data = layer_data(composites, element, seafloor.grid)
        case = _Case(composites, variogram_of(variograms, element), joint, seafloor, data, fold_of, settings, variogram_settings)
        comparisons[element] = _comparison(case)
    folds = [sorted(core for core, number in fold_of.items() if number == fold) for fold in sorted(set(fold_of.values()))]
    said = tuple(f"{element}: {part.reason}" for element, part in comparisons.items())
    return CrossValidation(comparisons, folds, settings.model_dump(mode="json"), composites.marks, said)


def _folds(composites: Composites, seafloor: Seafloor, settings: CrossValidationSettings) -> dict[str, int]:
    """Fold of each core; empty where there are too few cores."""
    cores = np.array(sorted(set(composites.frame["core_id"])), dtype=str)
    positions_m = core_positions_m(composites, seafloor.grid)
    places = len(np.unique(positions_m, axis=0))
    if places < settings.min_cores:
        return {}
    fold = spatial_folds(positions_m, cores, min(settings.folds, places))
    return dict(zip(cores.tolist(), fold.tolist(), strict=True))


def _comparison(case: _Case) -> Comparison:
    """Scores of one element, and the choice that follows from them."""
    places = len(np.unique(case.data.positions_m[:, :2], axis=0))
    results: dict[str, _Result] = {}
    notes: dict[str, str] = {}
    challengers, unusable = _challengers(case)
    if places < case.settings.min_cores:
        why = f"{places} core positions carry {case.element} and {case.settings.min_cores} are needed ([cross_validation] min_cores)"
    elif case.variogram.model is None or case.variogram.model.sill == 0:
        why = f"all values of {case.element} are equal"
    elif case.fewest_places < 2:
        why = f"the cores that carry {case.element} lie so near each other that a fold leaves fewer than two core positions"
    else:
        results, notes = _results(case, challengers)
        why = f"ordinary kriging could not be estimated in every fold: {notes.get('ordinary', notes.get(_REFERENCE, ''))}"
    scored = _scored(results)
    gains = _gains(case, results, scored)
    estimator, verdict, reason = _choice(case, challengers, unusable, gains, why if "ordinary" not in results else "")
    return Comparison(
        estimator,
        verdict,
        reason,
        int(np.unique(case.data.cores).size),
        int(case.data.values.size),
        int(scored.sum()),
        {name: _scores(case, result, results[_REFERENCE], scored) for name, result in results.items()},
        dict(sorted((notes | unusable).items())),
        gains,
        _applicability(case, estimator) if results else {},
    )


def _results(case: _Case, challengers: dict[str, Estimator]) -> tuple[dict[str, _Result], dict[str, str]]:
    """Cross-validation of every estimator that the data allow, and why the others were not scored."""
    results, notes = {}, {}
    kriged = {name: partial(_kriged, case, part) for name, part in {"ordinary": ORDINARY, **challengers}.items()}
    tried: dict[str, FoldEstimator] = {**_simple_by_domain(case), **kriged}
    for name, estimator in tried.items():
        try:
            found = cross_validate(estimator, case.fold)
        except TooFewSamples as error:
            notes[name] = str(error)
            continue
        # ASSUME: every estimator's distribution is taken as normal, although grades are skewed: the same for all.
        results[name] = _Result(found.estimate, found.sd, scores.crps_gaussian(found.estimate, found.sd, case.data.values))
    if _REFERENCE not in results:
        return {}, notes
    return results, notes


def _simple_by_domain(case: _Case) -> dict[str, FoldEstimator]:
    """The same estimators inside each domain: all of them behind a hard boundary, the mean alone behind a soft one."""
    whole = _simple_estimators(case)
    if not case.composites.domains:
        return whole
    inside = whole if case.is_hard else (_REFERENCE,)
    return {name: partial(_inside_domains, case, name) if name in inside else estimator for name, estimator in whole.items()}


def _inside_domains(case: _Case, name: str, train: Integers, test: Integers) -> tuple[Array, Array]:
    """Estimate and sd of composites from those of their own domain; NaN where too few are left of it."""
    value, sd = np.full(test.size, np.nan), np.full(test.size, np.nan)
    for number in np.unique(case.data.domain[test]):
        members = np.flatnonzero(case.data.domain == number)
        mine, others = np.isin(test, members), train[np.isin(train, members)]
        # Coordinates do not matter to the mean: a domain is set apart by its data alone.
        part = replace(case, data=_of_domain(case.data, members))
        try:
            estimator = _simple_estimators(part)[name]
            value[mine], sd[mine] = estimator(np.searchsorted(members, others), np.searchsorted(members, test[mine]))
        except (TooFewSamples, ValueError):
            continue
    return value, sd


def _of_domain(data: LayerData, members: Integers) -> LayerData:
    return LayerData(*(getattr(data, name)[members] for name in ("values", "positions_m", "layer", "cores", "weights", "domain")))


def _simple_estimators(case: _Case) -> dict[str, FoldEstimator]:
    """Estimators without a model, each with the spread of its residuals in folds of the training cores."""
    data, pool, between_layers_m = case.data, case.variogram.layer_pool, case.seafloor.layers.tops_m[1:]
    estimated = np.flatnonzero(pool >= 0)
    between_pools_m = case.seafloor.layers.tops_m[estimated[1:][np.diff(pool[estimated]) != 0]]
    by_layer = partial(_in_layers, partial(inverse_distance, power=case.settings.inverse_distance_power), between_layers_m)
    estimators: dict[str, Simple] = {
        "nearest_neighbour": partial(nearest_neighbour, anisotropy=_anisotropy(case.variogram)),
        "polygonal": partial(polygonal, edges_m=between_layers_m),
        "inverse_distance": by_layer,
    }
    spread = partial(
        with_sd,
        positions_m=data.positions_m,
        values=data.values,
        cores=data.cores,
        folds=min(case.settings.folds, case.fewest_places),
        edges_m=between_pools_m,
    )
    # ASSUME: declustering weights stay those of all cores: they follow from positions alone, so no value of a left-out core enters.
    mean = spread(partial(declustered_mean, edges_m=between_pools_m), weights=data.weights)
    return {**{name: spread(estimator) for name, estimator in estimators.items()}, _REFERENCE: mean}


def _in_layers(estimator: Simple, edges_m: Array, positions_m: Array, values: Array, targets_m: Array) -> Array:
    """Apply an estimator inside each layer; NaN in a layer without data."""
    of_datum, of_target = depth_pool(positions_m[:, 2], edges_m), depth_pool(targets_m[:, 2], edges_m)
    estimate = np.full(len(targets_m), np.nan)
    for layer in np.intersect1d(of_datum, of_target):
        asked, data = of_target == layer, of_datum == layer
        estimate[asked] = estimator(positions_m[data], values[data], targets_m[asked])
    return estimate


def _anisotropy(variogram: Variogram) -> float:
    """Horizontal over vertical range of the first structure that has both; 1 with a single layer, where depth plays no part."""
    for part in variogram.model.structures if variogram.model is not None else ():
        if np.isfinite(part.vertical_range_m) and np.isfinite(part.horizontal_range_m):
            return part.horizontal_range_m / part.vertical_range_m
    return 1.0


def _kriged(case: _Case, estimator: Estimator, _train: Integers, test: Integers) -> tuple[Array, Array]:
    """Estimate and sd of the composites of a fold, from a kriging system without any of its cores, for any variable."""
    left_out = {core for core, number in case.fold_of.items() if number == case.fold[test[0]]}
    rest = replace(case.composites, frame=case.composites.frame[~case.composites.frame["core_id"].isin(left_out)])
    # ASSUME: variogram, joint model and the drift's model stay those of all cores in every fold; layer means and spreads are fitted anew.
    variogram, joint = _with_statistics(case.variogram, _refitted(case, rest, case.element)), case.joint
    if estimator.name == "cokriging":
        joint = _joint_with_statistics(joint, {subject: _refitted(case, rest, subject) for subject in joint.statistics})
    positions_m, layer = case.data.positions_m[test], case.data.layer[test]
    value, sd = np.full(test.size, np.nan), np.full(test.size, np.nan)
    for found in krigings_of(rest, variogram, case.seafloor, 1, estimator, joint):
        name = found.part.name
        mine = case.data.domain[test] == (case.composites.domains.index(name) if name else 0)
        if found.kriging is not None and mine.any():
            drift = drift_at(case.seafloor, estimator.drift, positions_m[mine, :2])
            estimate = found.kriging.composites(positions_m[mine], layer[mine], drift)
            value[mine], sd[mine] = estimate.value, np.sqrt(estimate.variance)
    return value, sd


def _refitted(case: _Case, rest: Composites, subject: str) -> dict[str, LayerStatistics]:
    """Layer means and spreads of the composites at hand, by domain."""
    return statistics_by_domain(rest, case.seafloor, subject, case.variogram_settings.min_layer_cores)


def _with_statistics(variogram: Variogram, found: dict[str, LayerStatistics]) -> Variogram:
    """A variogram with these layer means and spreads; where nothing is left, it has none."""
    nothing = _nothing(variogram.layer_pool.size)

    def given(part: Variogram, name: str) -> Variogram:
        own = found.get(name, nothing)
        return replace(part, layer_mean=own.mean, layer_sd=own.sd, layer_pool=own.pool)

    if not variogram.domains:
        return given(variogram, WHOLE)
    return replace(variogram, domains={name: given(part, name) for name, part in variogram.domains.items()})


def _joint_with_statistics(joint: JointModel, found: dict[str, dict[str, LayerStatistics]]) -> JointModel:
    """The same of a joint model, by subject."""

    def given(part: JointModel, name: str) -> JointModel:
        nothing = {subject: _nothing(old.pool.size) for subject, old in part.statistics.items()}
        return replace(part, statistics={subject: found[subject].get(name, nothing[subject]) for subject in part.statistics})

    return replace(joint, domains={name: given(part, name) for name, part in joint.domains.items()}) if joint.domains else given(joint, WHOLE)


def _nothing(layers: int) -> LayerStatistics:
    empty = np.full(layers, np.nan)
    return LayerStatistics(empty, empty, np.full(layers, -1, dtype=np.int64))


def _challengers(case: _Case) -> tuple[dict[str, Estimator], dict[str, str]]:
    """What may replace ordinary kriging, and why the others cannot be kriged from these data."""
    usable: dict[str, Estimator] = {}
    reasons = {} if case.settings.drift else {"drift": "no drift is named ([cross_validation] drift)"}
    if case.settings.drift and not case.seafloor.has_depths:
        reasons["drift"] = f"{', '.join(case.settings.drift)} cannot be followed: the assessment has no depths"
    if case.element not in case.joint.statistics:
        reasons["cokriging"] = f"no joint model: {case.joint.fit['left_out'][case.element]}"
    elif len(case.joint.statistics) < 2:
        reasons["cokriging"] = f"{case.element} is the only variable that varies"
    count = sum(layer_data(case.composites, subject, case.seafloor.grid).values.size for subject in case.joint.statistics)
    if count > _MOST_COKRIGED and case.settings.estimator != "cokriging":
        reasons["cokriging"] = f"{count:,} composites of all variables, more than {_MOST_COKRIGED:,}, take long: it is tried only where it is named"
    for name, made in (("drift", partial(_with_drift, case)), ("cokriging", partial(Estimator, "cokriging"))):
        if name in reasons:
            continue
        try:
            estimator = made()
            krigings_of(case.composites, case.variogram, case.seafloor, 1, estimator, case.joint)
        except TooFewSamples as error:
            reasons[name] = str(error)
        else:
            usable[name] = estimator
    return usable, reasons


def _with_drift(case: _Case) -> Estimator:
    """Kriging with drift, and the model of what an ordinary least-squares fit of the drift leaves.

    Raises
    ------
    TooFewSamples
        The drift is not known at a core, or is the same at all of them.
    """
    data, settings = case.data, case.variogram_settings
    drift = core_drift(data, case.seafloor, case.settings.drift)
    if (np.ptp(drift, axis=0) == 0).all():
        msg = f"{', '.join(case.settings.drift)} is the same at every core"
        raise TooFewSamples(msg)
    layers = case.seafloor.layers
    across = statistics_across(case.variogram, case.composites, layers)
    variable = LayeredVariable(data.positions_m, data.values, data.domain * layers.count + data.layer, across)
    columns = np.hstack([variable.means, drift - drift.mean(axis=0)])
    left = variable.residuals - columns @ np.linalg.lstsq(columns, variable.residuals)[0]
    edges_m = lag_edges_m(data.positions_m, settings.lags, settings.max_lag_share)
    paired_m = apart(data.positions_m, data.domain) if case.is_hard else data.positions_m
    experimental = experimental_variogram(paired_m, left, data.cores, layers.layer_m, edges_m, settings.semivariance)
    fitted = fit_variogram(experimental, settings.model, *range_bounds_m(data.positions_m, layers, settings))
    return Estimator("drift", tuple(case.settings.drift), fitted.model)


def _scored(results: dict[str, _Result]) -> NDArray[np.bool_]:
    """Composites that every scored estimator could estimate: all are judged on the same ones."""
    return np.logical_and.reduce([np.isfinite(result.crps) for result in results.values()]) if results else np.zeros(0, dtype=np.bool_)


def _scores(case: _Case, result: _Result, reference: _Result, scored: NDArray[np.bool_]) -> Scores:
    """Row of the table."""
    if not scored.any():
        return dict.fromkeys(("rmse_g_m3", "mae_g_m3", "bias_g_m3", "crps_g_m3", "msdr", "skill"))
    estimate, sd, truth = result.estimate[scored], result.sd[scored], case.data.values[scored]
    crps, reference_crps = (float(np.mean(part.crps[scored])) for part in (result, reference))
    spread = (sd > 0) | (estimate != truth)
    ratio = scores.mean_squared_deviation_ratio(estimate, sd, truth).value if spread.any() else np.inf
    return {
        "rmse_g_m3": scores.root_mean_square_error(estimate, truth).value,
        "mae_g_m3": scores.mean_absolute_error(estimate, truth).value,
        "bias_g_m3": scores.bias(estimate, truth).value,
        "crps_g_m3": crps,
        "msdr": ratio if np.isfinite(ratio) else None,
        "skill": scores.skill(crps, reference_crps) if reference_crps > 0 else None,
    }


def _gains(case: _Case, results: dict[str, _Result], scored: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """Gain in CRPS of each challenger on ordinary kriging, with its standard error over cores."""
    gains = {}
    for name in ("drift", "cokriging"):
        if {"ordinary", name} <= results.keys() and scored.any():
            challenger, ordinary = (results[part].crps[scored] for part in (name, "ordinary"))
            gain = scores.paired_gain(challenger, ordinary, case.data.cores[scored])
            if np.isfinite(gain.standard_error):
                gains[name] = {"mean_g_m3": gain.mean, "standard_error_g_m3": gain.standard_error}
    return gains


def _choice(
    case: _Case, challengers: dict[str, Estimator], unusable: dict[str, str], gains: dict[str, dict[str, float]], unscored: str
) -> tuple[Estimator, str, str]:
    """Estimator, verdict and reason.

    Raises
    ------
    TooFewSamples
        The settings name an estimator that the data do not allow.
    """
    named, needed = case.settings.estimator, case.settings.min_gain_standard_errors
    by_name = {"ordinary": ORDINARY, **challengers}
    errors = f"{needed:g} standard error{'' if needed == 1 else 's'}"
    each = ", ".join(f"{_NAMES[name]} {gain['mean_g_m3']:+.3g} ± {gain['standard_error_g_m3']:.2g} g/m³" for name, gain in gains.items())
    figures = f"mean gain in CRPS over cores: {each}" if gains else "no other one could be scored"
    if named != "auto":
        if named in unusable:
            msg = f'[cross_validation] estimator = "{named}" cannot krige {case.element}: {unusable[named]}. Choose "ordinary" or "auto".'
            raise TooFewSamples(msg)
        return by_name[named], "named", f"{_NAMES[named]}: named by the settings ({unscored or figures})"
    if unscored:
        return ORDINARY, "unscored", f"ordinary kriging: nothing was scored, because {unscored}"
    passed = {name: gain for name, gain in gains.items() if gain["mean_g_m3"] > needed * gain["standard_error_g_m3"]}
    if not passed:
        return ORDINARY, "kept", f"ordinary kriging: no other one gains more than {errors} ({figures})"
    best = max(passed, key=lambda name: passed[name]["mean_g_m3"])
    return by_name[best], "replaced", f"{_NAMES[best]}: its gain exceeds {errors} ({figures})"


def _applicability(case: _Case, estimator: Estimator) -> dict[str, Any]:
    """Share of the region's cells that resemble the cores, in position and drift, as much as folds resemble each other."""
    inside = case.seafloor.ground
    _, first = np.unique(case.data.cores, return_index=True)
    easting_m, northing_m = (axis[inside] for axis in case.seafloor.grid.centres_m())
    places_m = case.data.positions_m[first, :2]
    names = ["easting_m", "northing_m", *estimator.drift]
    training = np.hstack([places_m, drift_at(case.seafloor, estimator.drift, places_m)])
    new = np.hstack([np.column_stack([easting_m, northing_m]), cell_drift(case.seafloor, estimator.drift, inside)])
    varies = np.ptp(training, axis=0) > 0
    found = area_of_applicability(training[:, varies], new[:, varies], case.fold[first])
    share = case.seafloor.region_share[inside]
    return {
        "predictors": [name for name, used in zip(names, varies, strict=True) if used],
        "inside_share": float(share[found.inside].sum() / share.sum()),
        "threshold": found.threshold,
    }
