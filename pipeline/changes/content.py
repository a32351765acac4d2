"""The comparison of two builds as ``delta.json`` holds it: every number exact, every sentence in both languages."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

from pipeline.changes import words
from pipeline.changes.waterfall import Waterfall, as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.artefacts.changes import Snapshot
    from pipeline.changes.compare import Change, ClassAreas
    from pipeline.changes.differences import Differences
    from pipeline.changes.held_fixed import Foretold
    from pipeline.web.texts import Text

_UNITS = {"metal_t": "t", "dry_mud_t": "t", "grade_ppm": "ppm", "area_km2": "km2", "range_t": "t", "recoverable_t": "t"}
_MOST_CORES_SAID = 3
_AREA_SHARE = 0.01


def first_build(now: Snapshot, fault: Text) -> dict[str, Any]:
    """What is said where there is nothing to compare with, and why."""
    summary = [words.FIRST_BUILD]
    if fault:
        said = words.both(
            f"{fault['en'][0].upper()}{fault['en'][1:]}, so this counts as a first build.", f"{fault['ja']}。このため最初のビルドとして扱います。"
        )
        summary.insert(0, said)
    return {"state": "first build", "summary": summary, "cores": len(now["cores"])}


def compared(
    old: Snapshot, new: Snapshot, different: Differences, changes: Sequence[Change], foretold: Sequence[Foretold], classes: ClassAreas
) -> dict[str, Any]:
    """Everything that changed, and what it did."""
    kinds = different.kinds()
    return {
        "state": "compared",
        "summary": _summary(old, new, different, changes, foretold),
        "changed": {
            "kinds": kinds,
            "cores": {
                **{
                    what: [_core(new, core) for core in getattr(different.cores, what)]
                    for what in ("added", "edited", "read_differently", "refilled")
                },
                "removed": [_core(old, core) for core in different.cores.removed],
            },
            "files": different.files,
            "settings": different.settings,
            "program": different.program,
        },
        "new_cores": [
            {
                **asdict(core),
                "sd_said": "of what a core would show there, as the model of the build before has it",
                "surprise": core.surprise,
                "richer_share": core.richer_share,
                "verdict": words.verdict(core),
                "said": words.core_said(core),
            }
            for core in foretold
        ],
        "elements": {change.element: _element(change) for change in changes},
        "class_areas_km2": {name: as_json(area, "km2") for name, area in classes.areas.items()},
        "class_moves_km2": classes.moved_km2,
    }


def _core(kept: Snapshot, core: str) -> dict[str, Any]:
    known = kept["cores"][core]
    return {"core_id": core, **{name: known[name] for name in ("file", "longitude_deg", "latitude_deg", "samples", "deepest_m")}}


def _element(change: Change) -> dict[str, Any]:
    content: dict[str, Any] = {
        "region": change.region,
        **{name: as_json(found, _UNITS[name]) for name, found in change.figures.items()},
        "causes": change.causes,
        "all_cells_metal_t": list(change.everywhere_t),
        "draws_standard_error_t": change.draws_t,
        "draws_standard_error_range_share": change.draws_range_share,
        "closed_form": {step: asdict(kriged) for step, kriged in change.closed_form.items()},
    }
    if change.physical is not None:
        content["physical_metal_t"] = as_json(change.physical, "t")
    if change.reason:
        content["reason"] = words.REASONS[change.reason]
    return content


def _summary(old: Snapshot, new: Snapshot, different: Differences, changes: Sequence[Change], foretold: Sequence[Foretold]) -> list[Text]:
    """What a planner reads first."""
    cores, said = different.cores, []
    for what in ("added", "removed", "edited"):
        names: list[str] = getattr(cores, what)
        if names:
            said.append(words.cores_said(len(names), words.listed(names), what))
    if cores.read_differently:
        said.append(words.read_differently_said(len(cores.read_differently), words.listed(cores.read_differently)))
    said += _files_said(different)
    if different.settings:
        said.append(words.settings_said(different.settings))
    if different.program:
        said.append(words.program_said(len(different.program)))
    kinds = different.kinds()
    said.append(words.attribution_said(kinds) if kinds else words.NO_DIFFERENCE)
    said += [words.newly_said(element, gone=True) for element in old["elements"] if element not in new["elements"]]
    said += [words.newly_said(element, gone=False) for element in new["elements"] if element not in old["elements"]]
    # The first element speaks for a core; the table tells of all.
    first = [core for core in foretold if core.element == foretold[0].element]
    said += [words.core_said(core) for core in sorted(first, key=lambda core: -abs(core.surprise))[:_MOST_CORES_SAID]]
    for change in changes:
        said += _headline_said(change, len(cores.added))
    return said


def _files_said(different: Differences) -> list[Text]:
    """Files that changed; core tables only where no core tells of it."""
    said = []
    for folder, found in different.files.items():
        count = {what: len(rows) for what, rows in found.items()}
        told = different.cores.any_data
        if any(count.values()) and (folder != "cores" or not told):
            names = [row.get("file", row.get("to", "")).partition("/")[2] for rows in found.values() for row in rows]
            said.append(words.files_said(folder, count, words.listed(names)))
    return said


def _headline_said(change: Change, new_cores: int) -> list[Text]:
    """What became of one element."""
    metal = change.figures.get("metal_t")
    if metal is None:
        return []
    levels, power = metal.shown()
    direction = (levels[-1] > levels[0]) - (levels[-1] < levels[0])
    share = float((metal.new - metal.old) / metal.old) if metal.old else 0.0
    width = change.figures.get("range_t")
    range_share = float((width.new - width.old) / width.old) if width is not None and width.old else None
    old, new, apart = (words.digits(number, power) for number in (levels[0], levels[-1], abs(levels[-1] - levels[0])))
    said = [words.headline_said(change.element, old, new, apart, share, direction, range_share)]
    said += filter(None, [words.draws_said(float(metal.new - metal.old), change.draws_t, range_share, change.draws_range_share)])
    said += _area_said(change, power)
    steps = list(change.closed_form)
    if "added" in steps:
        earlier, added = (change.closed_form[step] for step in (steps[steps.index("added") - 1], "added"))
        sd_share = added.metal_sd_t / earlier.metal_sd_t - 1 if earlier.metal_sd_t > 0 else 0.0
        said.append(words.held_fixed_said(change.element, new_cores, added.metal_t - earlier.metal_t, power, sd_share))
    return said


def _area_said(change: Change, power: int) -> list[Text]:
    """How the region itself changed, where that moves tonnes that one can see: no word of richer or poorer mud is meant then."""
    area, metal = change.figures.get("area_km2"), change.figures["metal_t"]
    if area is None or not area.old or abs(area.new / area.old - 1) < _AREA_SHARE:
        return []
    by_cells = next((float(step.change) for step in metal.steps if step.steps == ("cells",)), None)
    everywhere = None
    if change.everywhere_t and all(map(isfinite, change.everywhere_t)):
        everywhere = [round(value / 10**power) for value in change.everywhere_t]
    return [words.area_said(change.element, float(area.old), float(area.new), by_cells, everywhere, power)]


# --- for the page ----------------------------------------------------------------------------------------------------------------------------------


def waterfall_of(stored: dict[str, Any]) -> Waterfall:
    """Read back a waterfall of ``delta.json``."""
    from pipeline.changes.waterfall import Step

    steps = tuple(Step(tuple(step["over"]), Decimal(repr(step["change"])), Decimal(repr(step["level"]))) for step in stored["steps"])
    return Waterfall(Decimal(repr(stored["old"])), steps)
