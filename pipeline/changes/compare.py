"""From one build to the next: each figure in steps, each with what may lie behind it.

Between the old headline S and the new one stand kriged totals K, because kriging can be done again with the old model and the new data:

    S + (K with the new cores, model held fixed - K) + (the same on the new cells) + (K of the new model) + what only the realisations show

The steps telescope: whatever K is, they add up. What changed at once and acts on one step is named together, never shared out by guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import hypot, isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np

from pipeline.changes.held_fixed import Foretold, Kriged, Memory, Model, foretold, kept_composites, kriged
from pipeline.changes.snapshot import OUTSIDE, REGIONS, class_areas_km2, classes_of, region_of, table_of
from pipeline.changes.waterfall import Level, Waterfall, divisia, waterfall
from pipeline.errors import PipelineError
from pipeline.units import TONNE_PER_GRAM

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.artefacts import Composites, Seafloor
    from pipeline.artefacts.changes import Snapshot
    from pipeline.changes.differences import Differences

RANGE_IN_SD = 2 * 1.2815515655446004
"""Width from low (P90) to high (P10) of a normal distribution, in standard deviations."""

_WIDTH_ERROR = 0.889
"""Standard error of that width over the width itself, times the root of the number of draws of a normal variable (David & Nagaraja 2003, ch. 10)."""

_ROWS = ("intake", "composites", "density", "elements")
_MODEL = (*_ROWS, "domains", "variogram", "cross_validation", "grade")
ACTS_ON: dict[str, tuple[str, ...]] = {
    "removed": (),
    "edited": _ROWS,
    "added": (),
    "refilled": _ROWS,
    "cells": (*_MODEL, "tonnage"),
    "model": _MODEL,
    "realisations": (*_MODEL, "tonnage", "simulation", "horizon"),
    "frame": ("region", "grid", "horizon"),
    "lifted": (*_MODEL, "region", "grid", "tonnage", "simulation", "recoverable", "place", "production"),
}
"""Sections of the settings that act on a step; the other sections act on no tonnes in place."""


@dataclass(frozen=True)
class Change:
    """What became of one element.

    Parameters
    ----------
    element, region : str
    figures : dict of str to Waterfall
        ``metal_t, dry_mud_t, grade_ppm, area_km2, range_t, recoverable_t``; without those that one of the builds does not have.
    causes : dict of str to list of str
        By step: the kinds of changes that act on it, a section of the settings as ``[section]``; empty where nothing recorded does.
    closed_form : dict of str to Kriged
        By step, ``before`` first: kriged totals.
    draws_t, draws_range_share : float
        Standard error of the difference from the number of realisations alone: of the mean in tonnes, and of the width as a share of it; NaN where
        it is not known.
    physical : Waterfall or None
        Metal by area, mud per area and grade.
    everywhere_t : tuple of float
        Expected metal of all estimated cells, before and after; empty where that is the region followed.
    reason : str
        Why nothing was followed step by step: a key of the words; empty where it was.
    """

    element: str
    region: str
    figures: dict[str, Waterfall]
    causes: dict[str, list[str]]
    closed_form: dict[str, Kriged] = field(default_factory=dict)
    draws_t: float = float("nan")
    draws_range_share: float = float("nan")
    physical: Waterfall | None = None
    everywhere_t: tuple[float, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class ClassAreas:
    """Area of each class, and from which class to which it went.

    Parameters
    ----------
    areas : dict of str to Waterfall
        Steps are named by the other class.
    moved_km2 : dict
        By old class and new class; empty where the cells are not the same.
    """

    areas: dict[str, Waterfall]
    moved_km2: dict[str, dict[str, float]]


def changed_elements(
    old: Snapshot, new: Snapshot, different: Differences, composites: Composites, seafloor: Seafloor
) -> tuple[list[Change], list[Foretold]]:
    """Follow every element that both builds have, and hold new cores against what was foretold."""
    changes, cores, memory = [], [], Memory()
    for element in (element for element in new["elements"] if element in old["elements"]):
        region = _region(old, new, element)
        if region is None:
            continue
        following = _Following(old, new, different, composites, seafloor, element, region, memory)
        changes.append(following.change())
        cores += following.foretold()
    return changes, cores


def _region(old: Snapshot, new: Snapshot, element: str) -> str | None:
    """The first region that holds something in both builds."""
    for region in REGIONS:
        rows = [_headline(kept, element, region) for kept in (old, new)]
        if all(row and row.get("area_km2", 0) > 0 for row in rows):
            return region
    return None


def _headline(kept: Snapshot, element: str, region: str) -> dict[str, float]:
    """The mean of the realisations, or the kriged total of an element that was not simulated."""
    rows = kept["headline"].get(element, {}).get(region, {})
    found: dict[str, float] = rows.get("mean") or rows.get("kriged") or {}
    return found


def _spread(kept: Snapshot, element: str, region: str) -> tuple[float, float]:
    """Width of the range of metal, and the standard error of its mean; NaN where it was not simulated."""
    rows = kept["headline"].get(element, {}).get(region, {})
    if not {"p10", "p90", "sd"} <= rows.keys():
        return np.nan, np.nan
    error_t = rows["sd"].get("metal_t", np.nan) / sqrt(kept["settings"]["simulation"]["realisations"])
    return rows["p90"]["metal_t"] - rows["p10"]["metal_t"], error_t


@dataclass(frozen=True)
class _Following:
    """One element from build to build."""

    old: Snapshot
    new: Snapshot
    different: Differences
    composites: Composites
    seafloor: Seafloor
    element: str
    region: str
    memory: Memory

    def change(self) -> Change:
        """Its figures in steps."""
        closed_form, reason = self._closed_form()
        steps = [*list(closed_form)[1:], "realisations"] if closed_form else ["frame"]
        before, after = (_headline(kept, self.element, self.region) for kept in (self.old, self.new))
        first = closed_form.get("before")
        figures: dict[str, Waterfall] = {}
        for name in ("metal_t", "dry_mud_t", "grade_ppm", "area_km2"):
            if name in before and name in after:
                levels = [Level(step, self._level(name, before, first, closed_form.get(step))) for step in steps]
                figures[name] = waterfall(before[name], self._with_area(levels, after) if name == "area_km2" else levels, after[name])
        (width_t, error_t), (new_width_t, new_error_t) = (_spread(kept, self.element, self.region) for kept in (self.old, self.new))
        if isfinite(width_t) and isfinite(new_width_t):
            # ASSUME: the kriging errors of a total are normal; what logarithms, density and unknown parameters add is in the last step.
            levels = [
                Level(step, width_t + RANGE_IN_SD * (closed_form[step].metal_sd_t - first.metal_sd_t) if first and step in closed_form else np.nan)
                for step in steps
            ]
            figures["range_t"] = waterfall(width_t, levels, new_width_t)
        lifted = [kept["recoverable_t"].get(self.element, {}).get("mean", np.nan) for kept in (self.old, self.new)]
        if all(map(isfinite, lifted)):
            figures["recoverable_t"] = waterfall(lifted[0], [Level("lifted", lifted[1])], lifted[1])
            steps.append("lifted")
        causes = {step: self._causes(step) for step in steps}
        # ASSUME: draws of two builds are independent. They share a seed, so that the true error is smaller where little changed.
        draws = [kept["settings"]["simulation"]["realisations"] for kept in (self.old, self.new)]
        range_error = _WIDTH_ERROR * hypot(*(1 / sqrt(count) for count in draws)) if "range_t" in figures else np.nan
        everywhere_t = (
            () if self.region == "all" else tuple(_headline(kept, self.element, "all").get("metal_t", np.nan) for kept in (self.old, self.new))
        )
        return Change(
            self.element, self.region, figures, causes, closed_form, hypot(error_t, new_error_t), range_error, self._physical(before, after),
            everywhere_t, reason,
        )  # fmt: skip

    def _level(self, name: str, before: dict[str, float], first: Kriged | None, here: Kriged | None) -> float:
        """A figure of the realisations moved by what kriging moved."""
        if first is None or here is None:
            return np.nan
        metal_t = before["metal_t"] + here.metal_t - first.metal_t
        mud_t = before["dry_mud_t"] + here.dry_mud_t - first.dry_mud_t
        if name == "metal_t":
            return metal_t
        if name == "dry_mud_t":
            return mud_t
        return metal_t / mud_t / TONNE_PER_GRAM if mud_t > 0 and name == "grade_ppm" else np.nan

    @staticmethod
    def _with_area(levels: list[Level], after: dict[str, float]) -> list[Level]:
        """Area changes with the cells and with nothing else; where they were not followed, in one step."""
        if all(level.step != "cells" for level in levels):
            return levels
        return [Level("cells", after["area_km2"])]

    def _physical(self, before: dict[str, float], after: dict[str, float]) -> Waterfall | None:
        """Metal as area times mud per area times grade."""
        names = ("area_km2", "dry_mud_t", "metal_t")
        if any(name not in row or not row[name] > 0 for row in (before, after) for name in names):
            return None
        factors = [[row["area_km2"], row["dry_mud_t"] / row["area_km2"], row["metal_t"] / row["dry_mud_t"]] for row in (before, after)]
        parts = divisia(*factors)
        if parts is None:
            return None
        levels = [Level(name, before["metal_t"] + sum(parts[: number + 1])) for number, name in enumerate(("area", "mud", "grade"))]
        return waterfall(before["metal_t"], levels, after["metal_t"])

    def _causes(self, step: str) -> list[str]:
        """Kinds of changes that act on a step, among those that there were."""
        cores, program = self.different.cores, bool(self.different.program)
        sections = [f"[{section}]" for section in sorted(self.different.sections) if section in ACTS_ON[step]]
        if step in ("removed", "added"):
            return ["cores"]
        data = ["cores"] if cores.any_data else []
        if step == "edited":
            by_file = ["cores"] if cores.edited else []
            return [*by_file, *((sections + (["program"] if program else [])) if cores.read_differently else [])]
        if step == "frame":
            in_place = [part for name, part in ACTS_ON.items() if name != "lifted"]
            sections = [f"[{section}]" for section in sorted(self.different.sections) if any(section in part for part in in_place)]
        deeper = step in ("frame", "lifted") or self._follows_floor()
        floor = ["bathymetry"] if self.old["floor"] != self.new["floor"] and deeper else []
        if step == "lifted" and any(self.different.files["domains"].values()):
            floor.append("domains")
        return [*data, *floor, *sections, *(["program"] if program else [])]

    def _follows_floor(self) -> bool:
        """Whether the estimate follows a field of the seafloor."""
        return any(kept["estimators"][self.element]["drift"] for kept in (self.old, self.new))

    # --- kriging again -----------------------------------------------------------------------------------------------------------------------------

    def _closed_form(self) -> tuple[dict[str, Kriged], str]:
        """Kriged totals from step to step, or why there are none."""
        if self.old["frame"] != self.new["frame"]:
            return {}, "other_frame"
        if self.seafloor.layers.marker:
            return {}, "below_a_marker"
        if self.seafloor.domains is not None or self.old["settings"].get("domains", {}).get("boundary", "none") != "none":
            return {}, "in_domains"
        if any(kept["variograms"][self.element]["model"] is None for kept in (self.old, self.new)):
            return {}, "no_model"
        if self.old["floor"] != self.new["floor"] and self.old["estimators"][self.element]["drift"]:
            return {}, "other_floor"
        try:
            return self._kriged_again(), ""
        except (PipelineError, np.linalg.LinAlgError, KeyError, ValueError):  # too few cores are left, or an element is gone that helped
            return {}, "not_solvable"

    def _kriged_again(self) -> dict[str, Kriged]:
        shape = self.seafloor.grid.shape
        was, is_now = (region_of(kept, self.element, self.region, shape) for kept in (self.old, self.new))
        model = Model.of(self.old, self.element, self.composites)
        stages = self._data()
        data = kept_composites(self.old, self.composites)
        # Both regions each time, so that data at the same places share their covariances.
        totals = self._kriged(model, data, [was, is_now])
        found = {"before": totals[0]}
        for step, table in stages:
            totals = self._kriged(model, kept_composites(self.old, self.composites, table), [was, is_now])
            found[step] = totals[0]
        if not np.array_equal(was, is_now):
            found["cells"] = totals[1]
        if self._same_model():
            return found
        fitted = Model.of(self.new, self.element, self.composites)
        found["model"] = self._kriged(fitted, kept_composites(self.new, self.composites), [is_now])[0]
        return found

    def _kriged(self, model: Model, data: Composites, regions: list[NDArray[np.bool_]]) -> list[Kriged]:
        return kriged(model, data, self.seafloor, regions, self.memory)

    def _same_model(self) -> bool:
        """Whether nothing that kriging takes besides the data differs."""
        builds = (self.old, self.new)
        kept_keys = ("variograms", "joint", "estimators", "elements")
        one, other = ([*(kept[key] for key in kept_keys), kept["settings"]["grade"]["block_nodes"], kept["settings"]["density"]] for kept in builds)
        return bool(one == other)

    def _data(self) -> list[tuple[str, pd.DataFrame]]:
        """Composites after cores went, changed and came, one after the other; steps without a core are left out."""
        import pandas as pd

        table, after, cores = table_of(self.old), table_of(self.new), self.different.cores
        columns = [name for name in table.columns if name in after.columns]
        table, after = table[columns], after[columns]
        stages = []
        if cores.removed:
            table = table.loc[~table["core_id"].isin(cores.removed)]
            stages.append(("removed", table))
        if cores.changed:
            table = pd.concat([table.loc[~table["core_id"].isin(cores.changed)], after.loc[after["core_id"].isin(cores.changed)]], ignore_index=True)
            stages.append(("edited", table))
        if cores.added:
            table = pd.concat([table, after.loc[after["core_id"].isin(cores.added)]], ignore_index=True)
            stages.append(("added", table))
        if cores.refilled:
            # They follow from all the others, so they come last.
            kept = table.loc[~table["core_id"].isin(cores.refilled)]
            stages.append(("refilled", pd.concat([kept, after.loc[after["core_id"].isin(cores.refilled)]], ignore_index=True)))
        return stages

    def foretold(self) -> list[Foretold]:
        """New cores beside what the old model says of their places."""
        added = self.different.cores.added
        if not added or self.old["variograms"][self.element]["model"] is None or not self._same_layers():
            return []
        model = Model.of(self.old, self.element, self.composites)
        before, after = (kept_composites(kept, self.composites) for kept in (self.old, self.new))
        try:
            return foretold(model, before, after, added, self.seafloor)
        except (PipelineError, np.linalg.LinAlgError, KeyError, ValueError):
            return []

    def _same_layers(self) -> bool:
        """Whether frames are the same: what was foretold for one layer says nothing of another."""
        same: bool = self.old["frame"] == self.new["frame"]
        return same


def class_areas(old: Snapshot, new: Snapshot, seafloor: Seafloor) -> ClassAreas:
    """Area of every class that one of the builds has; by where it went where the cells are the same."""
    names = [name for name in new["class_areas_km2"] if any(kept["class_areas_km2"].get(name, 0) > 0 for kept in (old, new))]
    if old["frame"] != new["frame"]:
        areas = {
            name: waterfall(old["class_areas_km2"].get(name, 0.0), [Level("frame", 0.0)], new["class_areas_km2"].get(name, 0.0)) for name in names
        }
        return ClassAreas({name: area for name, area in areas.items() if name != OUTSIDE}, {})
    was, is_now = (classes_of(kept, seafloor.grid.shape) for kept in (old, new))
    # Whole square metres add up without rounding.
    moved = {one: {other: round(class_areas_km2(np.where(was == one, is_now, ""), seafloor)[other], 6) for other in names} for one in names}
    areas = {}
    for name in names:
        if name == OUTSIDE:
            continue
        at = start = sum(moved[name].values())
        levels = []
        for other in names:
            if other != name and moved[other][name] != moved[name][other]:
                at += moved[other][name] - moved[name][other]
                levels.append(Level(other, at))
        end = sum(row[name] for row in moved.values())
        areas[name] = waterfall(start, levels or [Level("none", end)], end)
    return ClassAreas(areas, moved)
