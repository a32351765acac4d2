"""What a calibration says: statistics of its records, lines on the screen, ``docs/calibration.md`` and ``pipeline/calibration.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.stats import beta, chisquare, norm, t

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

Record = dict[str, Any]

QUANTILES: Final = {"p05": 0.05, "p10": 0.10, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p90": 0.90, "p95": 0.95}
LEVELS: Final = {"50": ("p25", "p75"), "80": ("p10", "p90"), "90": ("p05", "p95")}
MULTIPLES: Final = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Cut-offs over the mean grade."""

TOTAL, MEDIAN = "0", "median"
RANGE_CLASSES: Final = ((0.75, 1.25), (1.25, 2.0), (2.0, 3.0))
RANKS: Final = 10
ELEMENTS: Final = {"dy": "Dy", "gd": "Gd"}
METHODS: Final = {
    "simulated": "simulation",
    "cores": "cores, t-interval",
    "whole_cores": "whole cores, t-interval",
    "kriging": "kriging, plug-in",
}
SOURCE_NAMES: Final = {
    "grade_field": "grade between the cores",
    "density": "density",
    "assay_error": "error of assay and sampling",
    "unsampled_layers": "layers that a core did not reach",
    "mean_and_spread": "mean and spread of the grades",
    "variogram": "variogram",
}
TARGET_LAYOUT: Final = 25


# ------------------------------------------------------------------ intervals of one deposit


def layered_mean(values: Array, *, whole: bool = False) -> tuple[float, float, int]:
    r"""Sum over layers of the mean of the cores that saw each, its standard error, and degrees of freedom.

    .. math:: T = \sum_l \bar z_l, \quad u_i = \sum_{l\,\mathrm{seen}} (z_{il} - \bar z_l)/n_l, \quad s_T^2 = \frac{n}{n-1} \sum_i u_i^2

    The influence :math:`u_i` of a core (linearisation; Cochran 1977, ch. 6) keeps the layers of a core together. Where every core saw every layer
    this is the mean of their accumulations and :math:`s^2/n`. Stations count as drawn at random: any spatial correlation is left unused.

    Parameters
    ----------
    values : (cores, layers) array
        Accumulation; NaN where a core has not seen a layer. A layer that no core saw adds nothing.
    whole : bool
        Cores that saw every layer alone.

    Examples
    --------
    >>> layered_mean(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, np.nan]]))[0]
    6.0
    """
    if whole:
        values = values[np.isfinite(values).all(axis=1)]
    seen = np.isfinite(values)
    values, seen = values[seen.any(axis=1)], seen[seen.any(axis=1)]
    cores, in_layer = len(values), np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, values, 0.0).sum(axis=0) / in_layer
    influence = (np.where(seen, values - mean, 0.0) / in_layer).sum(axis=1)
    if cores < 2:
        return float(mean.sum()), math.nan, 0
    return float(mean.sum()), math.sqrt(cores / (cores - 1) * float(influence @ influence)), cores - 1


def t_quantiles(mean_t: float, error_t: float, degrees: int) -> dict[str, float]:
    """Quantiles of Student's t around a mean; NaN without a standard error."""
    values = {f"{name}_t": mean_t + float(t.ppf(share, max(degrees, 1))) * error_t for name, share in QUANTILES.items()}
    return {"mean_t": mean_t, **values}


def lognormal_quantiles(mean_t: float, sd_t: float) -> dict[str, float]:
    r"""Quantiles of the lognormal distribution with a mean and a standard deviation.

    .. math:: s^2 = \ln(1 + \sigma^2/m^2), \quad q = m\, e^{-s^2/2 + s\,\Phi^{-1}(p)}
    """
    log_sd = math.sqrt(math.log1p((sd_t / mean_t) ** 2))
    values = {f"{name}_t": mean_t * math.exp(-(log_sd**2) / 2 + log_sd * float(norm.ppf(share))) for name, share in QUANTILES.items()}
    return {"mean_t": mean_t, **values}


# ------------------------------------------------------------------ many deposits


@dataclass(frozen=True)
class Coverage:
    """How many of some intervals held the truth."""

    held: int
    count: int

    @property
    def share(self) -> float:
        """Share that held it; NaN of none."""
        return self.held / self.count if self.count else math.nan

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Exact binomial interval of the coverage (Clopper & Pearson 1934).

        Examples
        --------
        >>> [round(bound, 4) for bound in Coverage(0, 10).bounds(0.95)]
        [0.0, 0.3085]
        """
        if not self.count:
            return 0.0, 1.0
        tail = (1 - confidence) / 2
        low = float(beta.ppf(tail, self.held, self.count - self.held + 1)) if self.held else 0.0
        high = float(beta.ppf(1 - tail, self.held + 1, self.count - self.held)) if self.held < self.count else 1.0
        return low, high

    def verdict(self, nominal: float, confidence: float = 0.99) -> str:
        """Whether the coverage may be the nominal one: ``yes``, ``too rarely`` or ``too often``."""
        low, high = self.bounds(confidence)
        return "too rarely" if high < nominal else "too often" if low > nominal else "yes"


def interval_score(low: Array, high: Array, truth: Array, level: float) -> Array:
    r"""Interval score (Gneiting & Raftery 2007, eq. 43): width, and a penalty for each truth outside; the lower the better.

    .. math:: (u - l) + \frac{2}{\alpha}(l - x)_+ + \frac{2}{\alpha}(x - u)_+, \qquad \alpha = 1 - \mathrm{level}

    Examples
    --------
    >>> interval_score(np.array([1.0]), np.array([3.0]), np.array([4.0]), 0.9).round(9).tolist()
    [22.0]
    """
    return (high - low) + 2 / (1 - level) * (np.maximum(low - truth, 0.0) + np.maximum(truth - high, 0.0))


@dataclass(frozen=True)
class Intervals:
    """Intervals of one kind over many deposits: truth, mean and quantiles in tonnes, one number for each deposit."""

    truth_t: Array
    mean_t: Array
    quantile_t: dict[str, Array]

    @classmethod
    def of(cls, records: Sequence[Record], element: str, method: str = "simulated", cutoff: str = TOTAL) -> Intervals:
        """Those of one element."""
        parts = [record["elements"][element] for record in records]
        truth = np.array([part["totals"][cutoff]["truth_t"] for part in parts])
        found = [part["totals"][cutoff] if method == "simulated" else part[method] for part in parts]
        return cls(truth, np.array([part["mean_t"] for part in found]), {name: np.array([part[f"{name}_t"] for part in found]) for name in QUANTILES})

    def bounds(self, level: str) -> tuple[Array, Array]:
        """Lower and upper ends."""
        low, high = LEVELS[level]
        return self.quantile_t[low], self.quantile_t[high]

    def coverage(self, level: str) -> Coverage:
        """How many hold the truth; the ends belong to the interval. One that could not be computed holds nothing."""
        low, high = self.bounds(level)
        return Coverage(int(np.count_nonzero((low <= self.truth_t) & (self.truth_t <= high))), self.truth_t.size)

    def width(self, level: str) -> Array:
        """Widths in tonnes."""
        low, high = self.bounds(level)
        return high - low

    def score(self, level: str) -> float:
        """Mean interval score over the truth."""
        return float(np.mean(interval_score(*self.bounds(level), self.truth_t, int(level) / 100) / self.truth_t))

    def bias(self) -> Array:
        """Mean of the distribution over the truth, less one."""
        return self.mean_t / self.truth_t - 1


def mean_and_error(values: Array) -> tuple[float, float]:
    """Mean and its standard error."""
    if values.size < 2:
        return float(values.mean()) if values.size else math.nan, math.nan
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size))


def multiple_name(multiple: float) -> str:
    """Name of a cut-off."""
    return f"{multiple:g}"


def promise(cutoffs: dict[str, dict[str, Any]]) -> float | None:
    """Highest multiple of the mean grade up to which, without a gap, the coverage may be 90 %; None where it is not even for the total."""
    held = None
    for multiple in MULTIPLES:
        if cutoffs[multiple_name(multiple)]["90"]["may_be_nominal"] != "yes":
            break
        held = multiple
    return held


def rank_histogram(below: Array, bins: int = RANKS) -> tuple[list[int], float]:
    """Counts of the truth's place among the realisations, in equal bins, and the probability of counts so uneven if the method is right."""
    counts = np.bincount(np.clip((below * bins).astype(int), 0, bins - 1), minlength=bins)
    return counts.tolist(), float(chisquare(counts).pvalue)


def summaries(records: Iterable[Record]) -> list[dict[str, Any]]:
    """One summary for each layout."""
    records = sorted(records, key=lambda record: (record["seed"], record["off"]))
    return [summary([record for record in records if record["layout"] == layout]) for layout in sorted({record["layout"] for record in records})]


def summary(records: Sequence[Record]) -> dict[str, Any]:
    """All figures of one layout."""
    full = [record for record in records if not record["off"]]
    seconds = np.array([record["seconds"] for record in full])
    elements = sorted({element for record in full for element in record["elements"]})
    return {
        "layout": full[0]["layout"],
        "twins": len(full),
        "refused": sum("refused" in record for record in full),
        "realisations": sorted({record["realisations"] for record in full}),
        "seconds_median": float(np.median(seconds)),
        "seconds_highest": float(seconds.max()),
        "elements": {element: element_summary(full, element) | {"sources": source_summary(records, element)} for element in elements},
    }


def element_summary(full: Sequence[Record], element: str) -> dict[str, Any]:
    """Figures of one element and layout."""
    records = [record for record in full if element in record["elements"]]
    ours, cores, whole = (Intervals.of(records, element, method) for method in ("simulated", "cores", "whole_cores"))
    spacings = np.array([record["spacing_ratio"] for record in records])
    cutoffs = {name: cutoff_summary(records, element, name) for name in [TOTAL, MEDIAN, *map(multiple_name, MULTIPLES[1:])]}
    counts, probability = rank_histogram(np.array([record["elements"][element]["totals"][TOTAL]["below"] for record in records]))
    last = RANGE_CLASSES[-1]
    return {
        "twins": len(records),
        "methods": {method: method_summary(Intervals.of(records, element, method)) for method in METHODS},
        "width_to_cores": {
            "all": ratio_summary(ours, cores, whole, np.ones(spacings.size, dtype=bool)),
            **{
                f"{low:g}-{high:g}": ratio_summary(ours, cores, whole, (spacings >= low) & ((spacings < high) | ((low, high) == last)))
                for low, high in RANGE_CLASSES
            },
        },
        "cutoffs": cutoffs,
        "promise_in_mean_grades": promise(cutoffs),
        "blocks": block_summary(records, element),
        "groups": {name: group_summary(chosen, element) for name, chosen in grouped(records).items()},
        "ranks": {"counts": counts, "probability": probability},
    }


def coverage_summary(coverage: Coverage, nominal: float) -> dict[str, Any]:
    """Coverage with its exact bounds."""
    return {
        "held": coverage.held,
        "count": coverage.count,
        "bounds_95": list(coverage.bounds(0.95)),
        "bounds_99": list(coverage.bounds(0.99)),
        "may_be_nominal": coverage.verdict(nominal),
    }


def method_summary(intervals: Intervals) -> dict[str, Any]:
    """Coverage, width, score and bias of one kind of interval of the total."""
    bias = intervals.bias()
    mean, error = mean_and_error(bias)
    return {
        "levels": {
            level: {
                **coverage_summary(intervals.coverage(level), int(level) / 100),
                "width_median": float(np.median(intervals.width(level) / intervals.truth_t)),
                "score": intervals.score(level),
            }
            for level in LEVELS
        },
        "bias_median": float(np.median(bias)),
        "bias_mean": mean,
        "bias_mean_error": error,
    }


def ratio_summary(ours: Intervals, cores: Intervals, whole: Intervals, chosen: Mask) -> dict[str, Any]:
    """Width of our 90 % interval over that of the t-interval: median of the ratios, and ratio of the medians; the first also over whole cores'."""
    if not chosen.any():
        return {"twins": 0, "median": math.nan, "of_medians": math.nan, "whole_cores": math.nan}
    one, other, third = (intervals.width("90")[chosen] for intervals in (ours, cores, whole))
    return {
        "twins": int(chosen.sum()),
        "median": float(np.median(one / other)),
        "of_medians": float(np.median(one) / np.median(other)),
        "whole_cores": float(np.median(one / third)),
    }


def cutoff_summary(records: Sequence[Record], element: str, cutoff: str) -> dict[str, Any]:
    """Coverage of the metal over one cut-off."""
    intervals = Intervals.of(records, element, "simulated", cutoff)
    some = intervals.truth_t > 0
    return {
        **{level: coverage_summary(intervals.coverage(level), int(level) / 100) for level in LEVELS},
        "without_metal": int(np.count_nonzero(~some)),
        "width_median": float(np.median(intervals.width("90")[some] / intervals.truth_t[some])) if some.any() else math.nan,
        # A ratio of sums: single deposits with next to nothing over the cut-off would rule a mean of ratios.
        "bias_of_sum": float(intervals.mean_t.sum() / intervals.truth_t.sum() - 1) if some.any() else math.nan,
    }


def block_summary(records: Sequence[Record], element: str) -> dict[str, Any]:
    """Coverage of block grades: mean over deposits and its standard error, for blocks of one deposit are not independent."""
    blocks = [record["elements"][element]["blocks"] for record in records]
    parts = {name: mean_and_error(np.array([block[name] for block in blocks])) for name in (*LEVELS, "bias", "width")}
    return {name: {"mean": mean, "error": error} for name, (mean, error) in parts.items()} | {
        "bias_median": float(np.median([block["bias"] for block in blocks]))
    }


def grouped(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Deposits inside and outside the prior, and by the way they lie outside."""
    groups = {
        "inside": [record for record in records if not record["departure"]],
        "outside": [record for record in records if record["departure"]],
    }
    for departure in dict.fromkeys(record["departure"] for record in sorted(records, key=lambda record: record["departure"])):
        if departure:
            groups[departure] = [record for record in records if record["departure"] == departure]
    return {name: chosen for name, chosen in groups.items() if chosen}


def group_summary(records: Sequence[Record], element: str) -> dict[str, Any]:
    """Coverage, bias and width of some deposits."""
    ours, cores = Intervals.of(records, element), Intervals.of(records, element, "cores")
    return {
        "levels": {level: coverage_summary(ours.coverage(level), int(level) / 100) for level in LEVELS},
        "bias_median": float(np.median(ours.bias())),
        "width_to_cores": float(np.median(ours.width("90") / cores.width("90"))),
        "blocks_90": float(np.mean([record["elements"][element]["blocks"]["90"] for record in records])),
    }


def source_summary(records: Sequence[Record], element: str) -> dict[str, Any]:
    """What the variance of the total loses with each source off, and what the decreases leave over; empty where no source was switched off."""
    by_source = {record["off"]: {} for record in records if record["off"]}
    full = {record["seed"]: record for record in records if not record["off"] and element in record["elements"]}
    for record in records:
        if record["off"] and element in record["elements"] and record["seed"] in full:
            by_source[record["off"]][record["seed"]] = record
    complete = sorted(set(full).intersection(*by_source.values())) if by_source else []
    if not complete:
        return {}

    def variance(record: Record) -> float:
        return record["elements"][element]["totals"][TOTAL]["sd_t"] ** 2

    decrease = {
        source: np.array([1 - variance(found[seed]) / variance(full[seed]) for seed in complete]) for source, found in sorted(by_source.items())
    }
    result: dict[str, Any] = {}
    for source, values in decrease.items():
        without = Intervals.of([by_source[source][seed] for seed in complete], element)
        result[source] = {**_decrease(values), "lower_in": int(np.count_nonzero(values > 0)), "coverage_90": without.coverage("90").share}
    # Sources that only add up would leave nothing.
    result["interaction"] = _decrease(1 - sum(decrease.values()))
    result["none"] = {"twins": len(complete), "coverage_90": Intervals.of([full[seed] for seed in complete], element).coverage("90").share}
    return result


def _decrease(values: Array) -> dict[str, Any]:
    mean, error = mean_and_error(values)
    reach = float(t.ppf(0.975, values.size - 1)) * error if values.size > 1 else math.nan
    return {"twins": int(values.size), "mean": mean, "bounds_95": [mean - reach, mean + reach]}


# ------------------------------------------------------------------ targets


@dataclass(frozen=True)
class Target:
    """A target, what was measured, and whether it is met; ``None`` where it was not measured."""

    wanted: str
    found: str
    is_met: bool | None

    @property
    def verdict(self) -> str:
        """In words."""
        return "not measured" if self.is_met is None else "met" if self.is_met else "not met"


def targets(found: dict[str, Any]) -> list[Target]:
    """Every target of the survey of 25 cores."""
    rows = []
    for element, part in found["elements"].items():
        name, levels = ELEMENTS.get(element, element), part["methods"]["simulated"]["levels"]
        share = levels["90"]["held"] / levels["90"]["count"]
        if element == "dy":
            rows.append(Target(f"{name}: 90 % interval of the total holds the truth in 86–94 %", percent(share), 0.86 <= share <= 0.94))
        else:
            rows.append(_may_be(f"{name}: coverage of the total may be 90 %", levels["90"]))
        rows += [
            _may_be(f"{name}: coverage over {cutoff_name(cutoff)} may be 90 %", row["90"])
            for cutoff, row in part["cutoffs"].items()
            if cutoff != TOTAL
        ]
        blocks = part["blocks"]["90"]
        rows.append(
            Target(f"{name}: 90 % interval of a block holds the truth in 87–93 %", with_error(blocks), 0.87 <= blocks["mean"] <= 0.93),
        )
        bias = part["methods"]["simulated"]["bias_median"]
        rows.append(Target(f"{name}: median bias of the total under 2 %", percent(bias, signed=True), abs(bias) < 0.02))
        for group, row in part["width_to_cores"].items():
            most = 0.80 if group == "all" else 1.0
            where = "all twins" if group == "all" else f"ranges of {group.replace('-', '–')} spacings"
            met = row["median"] <= most if row["twins"] else None
            rows.append(
                Target(f"{name}: median width at most {most:.2f} of the t-interval, {where}", ratio_text(row["median"]), met),
            )
        rows += _source_targets(name, part["sources"])
    rows.append(
        Target(
            "a twin takes at most 6 s",
            f"median {found['seconds_median']:.1f} s, longest {found['seconds_highest']:.1f} s",
            found["seconds_highest"] <= 6,
        )
    )
    return rows


def _may_be(wanted: str, row: dict[str, Any]) -> Target:
    low, high = row["bounds_99"]
    found = f"{percent(row['held'] / row['count'])}, 99 % interval {percent(low)} to {percent(high)}"
    return Target(wanted, found, row["may_be_nominal"] == "yes")


def _source_targets(name: str, sources: dict[str, Any]) -> list[Target]:
    if not sources:
        return [Target(f"{name}: each source off lowers the variance of the total", "", None)]
    return [
        Target(f"{name}: {SOURCE_NAMES.get(source, source)} off lowers the variance", f"by {bounded(row)}", row["bounds_95"][0] > 0)
        for source, row in sources.items()
        if "lower_in" in row
    ]


# ------------------------------------------------------------------ words


def percent(value: float, digits: int = 1, *, signed: bool = False) -> str:
    """A share as a percentage.

    Examples
    --------
    >>> percent(0.915), percent(-0.0123, signed=True)
    ('91.5 %', '-1.2 %')
    """
    if math.isnan(value):
        return "–"
    return f"{value:{'+' if signed else ''}.{digits}%}".replace("%", " %")


def ratio_text(value: float) -> str:
    """A ratio; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.2f}"


def with_error(row: dict[str, float], *, signed: bool = False) -> str:
    """A mean over deposits and its standard error."""
    return f"{percent(row['mean'], signed=signed)} ± {percent(row['error'])}"


def bounded(row: dict[str, Any]) -> str:
    """A mean over deposits and its 95 % interval."""
    low, high = row["bounds_95"]
    return f"{percent(row['mean'])} ({percent(low)} to {percent(high)})"


def cutoff_name(cutoff: str) -> str:
    """A cut-off in words."""
    return {TOTAL: "no cut-off", MEDIAN: "the median grade", "1": "the mean grade"}.get(cutoff, f"{cutoff} × the mean grade")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> list[str]:
    """A Markdown table; all but the first columns to the right."""
    marks = "---|" * left + "---:|" * (len(head) - left)
    return ["", f"| {' | '.join(head)} |", f"|{marks}", *(f"| {' | '.join(row)} |" for row in rows)]


def lines(records: Iterable[Record]) -> list[str]:
    """The main figures for the screen."""
    said = []
    for found in summaries(records):
        said.append(f"{found['layout']} cores: {found['twins']} twins, {found['refused']} refused, {found['seconds_median']:.1f} s each (median)")
        rows = targets(found) if found["layout"] == TARGET_LAYOUT else []
        said += [f"  {row.verdict:<13}{row.wanted}: {row.found}" for row in rows]
        for element, part in found["elements"].items():
            for method, row in part["methods"].items():
                shares = " / ".join(percent(row["levels"][level]["held"] / row["levels"][level]["count"]) for level in LEVELS)
                width, score = row["levels"]["90"]["width_median"], row["levels"]["90"]["score"]
                said.append(f"  {element} {METHODS[method]:<24}{shares} hold the truth; width {width:.3f}, score {score:.3f}")
    return said


HEAD = """# Do the intervals hold the truth?

Written by `make calibrate`; not edited by hand.

Every figure below rests on deposits of which each block is known, because a program drew them (*twins*, `tests/twins.py`, version {generator}). Each
was cored on paper as a ship would core it: cores that end too soon, densities not measured, errors of assay. The assessment saw the cores, not the
deposit. Then its interval was laid beside the true tonnes. A 90 % interval should hold the truth in 90 of 100 deposits. If it holds it in fewer, it
promises too much; if in more, it is wider than it need be. So its width stands beside its coverage.

The generator was fixed before the estimator. Horizontal ranges are 0.75 to 3 station spacings. A third of the twins break what the estimator takes
for granted (another kind of correlation, strong anisotropy or trend, heavy tails, patches): they lie *outside the prior*. **These deposits are
synthetic. They show what the method does where the ground is of this kind, and nothing about the ground itself.**

Cells of 2 km, layers of 1 m, {realisations} realisations. Tonnes are metal in the whole region.

"""

TERMS = """
* **held**: deposits whose true value lay within the interval. **95 %** and **99 % bounds**: where the true coverage may lie, given so many deposits
  (exact binomial, Clopper & Pearson 1934). **as claimed**: whether the 99 % bounds contain what the interval claims.
* **width**: upper end less lower end, over the true tonnes; the median over deposits. **score**: the width and, where the truth was missed, 2/α
  times the distance by which it was, over the true tonnes (Gneiting & Raftery 2007; α is 0.1 for 90 %); the mean over deposits. The lower
  the better: neither wide nor wrong pays.
* **bias**: mean of the interval's distribution over the truth, less one.
* **cores, t-interval**: what the cores say without a map. In each layer the mean accumulation (grade × density) of the cores that saw it, summed
  over layers, times the area; the standard error keeps the layers of a core together; Student's t with one degree of freedom less than cores. Ours is
  held against this one. **whole cores**: the same from the cores that saw every layer alone.
* **kriging, plug-in**: ordinary kriging of the accumulation, the fitted variogram taken for certain; lognormal, with the kriging variance of the
  total.
* Percentiles from n realisations are the values at i / (n + 1), so that a simulator that is right holds 90 in 100 whatever n is.
"""

RANK_NOTE = """
Deposits by tenths of the realisations that lie below the truth. Even counts: right. Heaped at both ends: intervals too narrow; in the middle: too
wide; on one side: biased. The last column is the probability of counts at least so uneven if the method is right (chi-squared).
"""

SOURCE_NOTE = """
The same twins and random numbers again, with one source off. Decrease of the variance of the total: mean over deposits and its 95 % interval. What
the decreases do not add up to is the interaction of the sources.
"""


def write(records: Sequence[Record], program: str, page: Path, figures: Path) -> list[Path]:
    """Write the document and its figures; the same records give the same bytes.

    Parameters
    ----------
    records : sequence of dict
        Lines of ``calibrate.py``.
    program : str
        Hash of the program that was judged.
    page, figures : Path
        Where the document and the JSON go.
    """
    found = summaries(records)
    generator = sorted({record["generator"] for record in records})
    content = {"generator": generator[-1], "program": program, "runs": [_plain(compact(part)) for part in found]}
    figures.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8", newline="\n")
    page.write_text(document(found, records, program), encoding="utf-8", newline="\n")
    return [page, figures]


def compact(found: dict[str, Any]) -> dict[str, Any]:
    """The figures of a layout that other programs may quote; shares where the document has bounds too."""
    elements = {}
    for element, part in found["elements"].items():
        total, blocks = part["methods"]["simulated"], part["blocks"]
        elements[element] = {
            "twins": part["twins"],
            "total": {level: {key: row[key] for key in ("held", "bounds_99", "width_median", "score")} for level, row in total["levels"].items()},
            "bias_median": total["bias_median"],
            "bias_mean": total["bias_mean"],
            "other_intervals_90": {
                method: {key: row["levels"]["90"][key] for key in ("held", "width_median", "score")}
                for method, row in part["methods"].items()
                if method != "simulated"
            },
            "width_to_cores": {group: row["median"] for group, row in part["width_to_cores"].items()},
            "cutoffs_90": {name: {key: row["90"][key] for key in ("held", "bounds_99")} for name, row in part["cutoffs"].items()},
            "promise_in_mean_grades": part["promise_in_mean_grades"],
            "blocks": {level: blocks[level]["mean"] for level in LEVELS} | {"bias_median": blocks["bias_median"]},
            "prior_90": {
                side: {key: part["groups"][side]["levels"]["90"][key] for key in ("held", "count")}
                for side in ("inside", "outside")
                if side in part["groups"]
            },
            "decrease_of_variance": {source: row["mean"] for source, row in part["sources"].items() if "mean" in row},
        }
    return {key: found[key] for key in ("layout", "twins", "refused", "realisations", "seconds_median", "seconds_highest")} | {"elements": elements}


def _plain(value: Any) -> Any:
    """Numbers with four digits after the point, and null for those that are none."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def document(found: Sequence[dict[str, Any]], records: Sequence[Record], program: str) -> str:
    """Text of ``docs/calibration.md``."""
    realisations = ", ".join(map(str, sorted({record["realisations"] for record in records})))
    text = HEAD.format(generator=records[0]["generator"], realisations=realisations).splitlines()
    judged = next((part for part in found if part["layout"] == TARGET_LAYOUT), None)
    if judged:
        text += ["", f"## Targets, {judged['twins']} twins of {TARGET_LAYOUT} cores"]
        text += table(("target", "measured", ""), ((row.wanted, row.found, row.verdict) for row in targets(judged)), left=3)
        text += ["", *promised(judged)]
    text += ["", "## How to read the tables", *TERMS.splitlines()]
    for part in found:
        text += section(part)
    text += ["", "## How it was measured", "", f"* program: {program[:16]} (hash of its files)"]
    text += [f"* machine: {machine}" for machine in sorted({record["machine"] for record in records})]
    for part in found:
        text.append(
            f"* {part['layout']} cores: {part['twins']} twins, {part['refused']} refused; {part['seconds_median']:.1f} s a twin (median), "
            f"{part['seconds_highest']:.1f} s the longest, drawing and comparing included"
        )
    return "\n".join(text).replace("\n\n\n", "\n\n") + "\n"


def promised(found: dict[str, Any]) -> list[str]:
    """Where the promise ends, one line for each element."""
    said = []
    for element, part in found["elements"].items():
        name, highest = ELEMENTS.get(element, element), part["promise_in_mean_grades"]
        if highest is None:
            said.append(f"* **{name}: the 90 % interval of the total is not shown to be one.**")
        elif highest == MULTIPLES[-1]:
            said.append(f"* **{name}: the promise of 90 % stands at every cut-off tried, up to {highest:g} × the mean grade.**")
        else:
            following = MULTIPLES[MULTIPLES.index(highest) + 1]
            row = part["cutoffs"][multiple_name(following)]["90"]
            reach = "for the total alone" if highest == 0 else f"up to a cut-off of {highest:g} × the mean grade"
            said.append(
                f"* **{name}: the promise of 90 % stands {reach}.** Over {following:g} × the mean grade the interval holds the truth "
                f"{row['may_be_nominal']}, {percent(row['held'] / row['count'])}."
            )
    return said


def section(found: dict[str, Any]) -> list[str]:
    """Tables of one layout."""
    elements = {ELEMENTS.get(element, element): part for element, part in found["elements"].items()}
    text = ["", f"## {found['layout']} cores", "", f"{found['twins']} twins, {found['refused']} refused by the program."]
    if not elements:
        return text
    text += ["", "### The total", *table(("", "interval", *COVERAGE_HEAD, "width", "score"), _total_rows(elements), left=2)]
    text += ["", "### Beside other ways", *table(METHOD_HEAD, _method_rows(elements), left=2)]
    text += ["", "### Width over that of the cores' t-interval", "", "By the true horizontal range, in station spacings; 90 % intervals."]
    text += table(("", "range", "twins", "median of ratios", "ratio of medians", "median of ratios, whole cores"), _width_rows(elements), left=2)
    text += ["", "### Over a cut-off", "", "Metal of the blocks at or over a cut-off; cut-offs are those of each twin's own cores."]
    text += table(("", "cut-off", *COVERAGE_HEAD, "80 %", "50 %", "width", "bias of the sum", "twins without metal"), _cutoff_rows(elements), left=2)
    text += ["", *promised(found)]
    text += [
        "",
        "### Blocks",
        "",
        "Grades of single blocks (2 km × 2 km × 1 m): mean over deposits ± its standard error; the width is over the mean grade.",
    ]
    text += table(("", "90 %", "80 %", "50 %", "bias", "median bias", "width of 90 %"), _block_rows(elements))
    text += ["", "### Inside and outside the prior", *table(GROUP_HEAD, _group_rows(elements), left=2)]
    text += ["", "### Place of the truth among the realisations", *RANK_NOTE.splitlines()]
    text += table(("", *(f"{tenth * 10}–{tenth * 10 + 10} %" for tenth in range(RANKS)), "probability"), _rank_rows(elements))
    return text + _source_section(elements)


COVERAGE_HEAD = ("held", "coverage", "95 % bounds", "99 % bounds", "as claimed")
METHOD_HEAD = ("", "interval", "90 %", "80 %", "50 %", "width of 90 %", "score of 90 %", "score of 80 %", "score of 50 %", "median bias", "mean bias")
GROUP_HEAD = ("", "deposits", "90 % held", "coverage", "95 % bounds", "80 %", "50 %", "median bias", "width / t-interval", "blocks, 90 %")


def _coverage_cells(row: dict[str, Any]) -> list[str]:
    bounds = (" to ".join(percent(bound) for bound in row[name]) for name in ("bounds_95", "bounds_99"))
    return [f"{row['held']} of {row['count']}", percent(row["held"] / row["count"]), *bounds, row["may_be_nominal"]]


def _share(row: dict[str, Any]) -> str:
    return percent(row["held"] / row["count"])


def _total_rows(elements: dict[str, Any]) -> list[list[str]]:
    return [
        [name, f"{level} %", *_coverage_cells(row), percent(row["width_median"]), percent(row["score"])]
        for name, part in elements.items()
        for level, row in reversed(part["methods"]["simulated"]["levels"].items())
    ]


def _method_rows(elements: dict[str, Any]) -> list[list[str]]:
    return [
        [
            name, METHODS[method], *(_share(row["levels"][level]) for level in ("90", "80", "50")), percent(row["levels"]["90"]["width_median"]),
            *(percent(row["levels"][level]["score"]) for level in ("90", "80", "50")), percent(row["bias_median"], signed=True),
            f"{percent(row['bias_mean'], signed=True)} ± {percent(row['bias_mean_error'])}",
        ]
        for name, part in elements.items()
        for method, row in part["methods"].items()
    ]  # fmt: skip


def _width_rows(elements: dict[str, Any]) -> list[list[str]]:
    return [
        [name, group.replace("-", "–"), str(row["twins"]), ratio_text(row["median"]), ratio_text(row["of_medians"]), ratio_text(row["whole_cores"])]
        for name, part in elements.items()
        for group, row in part["width_to_cores"].items()
    ]


def _cutoff_rows(elements: dict[str, Any]) -> list[list[str]]:
    return [
        [
            name, cutoff_name(cutoff), *_coverage_cells(row["90"]), _share(row["80"]), _share(row["50"]), percent(row["width_median"]),
            percent(row["bias_of_sum"], signed=True), str(row["without_metal"]),
        ]
        for name, part in elements.items()
        for cutoff, row in part["cutoffs"].items()
    ]  # fmt: skip


def _block_rows(elements: dict[str, Any]) -> list[list[str]]:
    rows = []
    for name, part in elements.items():
        blocks = part["blocks"]
        shares = (with_error(blocks[level]) for level in ("90", "80", "50"))
        rows.append(
            [name, *shares, with_error(blocks["bias"], signed=True), percent(blocks["bias_median"], signed=True), percent(blocks["width"]["mean"])]
        )
    return rows


def _group_rows(elements: dict[str, Any]) -> list[list[str]]:
    return [
        [
            name, group.replace("_", " "), *_coverage_cells(row["levels"]["90"])[:3], _share(row["levels"]["80"]), _share(row["levels"]["50"]),
            percent(row["bias_median"], signed=True), f"{row['width_to_cores']:.2f}", percent(row["blocks_90"]),
        ]
        for name, part in elements.items()
        for group, row in part["groups"].items()
    ]  # fmt: skip


def _rank_rows(elements: dict[str, Any]) -> list[list[str]]:
    return [[name, *map(str, part["ranks"]["counts"]), f"{part['ranks']['probability']:.2f}"] for name, part in elements.items()]


def _source_section(elements: dict[str, Any]) -> list[str]:
    rows = []
    for name, part in elements.items():
        for source, row in part["sources"].items():
            if source == "interaction":
                rows.append([name, "left over (interaction)", bounded(row), "", ""])
            elif source == "none":
                rows.append([name, "none off", "", "", percent(row["coverage_90"])])
            else:
                rows.append(
                    [name, SOURCE_NAMES.get(source, source), bounded(row), f"{row['lower_in']} of {row['twins']}", percent(row["coverage_90"])]
                )
        if part["sources"]:
            plug_in = part["methods"]["kriging"]["levels"]["90"]
            rows.append([name, "kriging, plug-in (all twins)", "", "", _share(plug_in)])
    if not rows:
        return []
    text = ["", "### Without one source of uncertainty", *SOURCE_NOTE.splitlines()]
    return text + table(("", "off", "decrease of variance", "lower in", "90 % coverage left"), rows, left=2)
