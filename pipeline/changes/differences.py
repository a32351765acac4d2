"""What two builds were made from, side by side: cores, files, settings, program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.config import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.artefacts.changes import Snapshot

FOLDERS = ("cores", "bathymetry", "domains", "published")
"""Folders of RAW that are compared."""

_UNITS = {
    "_t_m3": "t/m³", "_t_day": "t/day", "_days_year": "days/year", "_ppm": "ppm", "_deg": "°", "_nmi": "nmi", "_km": "km", "_m": "m",
    "_usd_kg": "USD/kg", "_years": "years", "_spacings": "station spacings", "_extents": "extents", "_standard_errors": "standard errors",
    "_cores": "cores",
}  # fmt: skip
"""Unit of a setting by the last words of its key."""


@dataclass(frozen=True)
class Cores:
    """How the cores of two builds differ, by id.

    Parameters
    ----------
    added, removed : list of str
    edited : list of str
        Those of which other samples were accepted, from files that changed.
    read_differently : list of str
        Those of which other samples were accepted, or that were composited to other values, although their files did not change.
    refilled : list of str
        Those that differ only in layers where a density was not measured: what fills such a gap comes from all cores.
    """

    added: list[str]
    removed: list[str]
    edited: list[str]
    read_differently: list[str]
    refilled: list[str]

    @property
    def any_data(self) -> bool:
        """Whether the data of any core are others."""
        return bool(self.added or self.removed or self.edited)

    @property
    def changed(self) -> list[str]:
        """Cores in both builds whose own values differ."""
        return sorted([*self.edited, *self.read_differently])


@dataclass(frozen=True)
class Differences:
    """Everything that differs in what two builds were made from.

    Parameters
    ----------
    cores : Cores
    files : dict of str to dict
        By folder: names that were ``added``, ``removed``, ``edited``, and ``renamed`` (from, to; the content is the same).
    settings : list of dict
        ``section, key, old, new, unit, description``.
    program : list of str
        Program files behind the estimate that differ.
    """

    cores: Cores
    files: dict[str, dict[str, list[Any]]]
    settings: list[dict[str, Any]]
    program: list[str]

    @property
    def sections(self) -> set[str]:
        """Sections of the settings in which a key moved."""
        return {row["section"] for row in self.settings}

    def kinds(self) -> list[str]:
        """Kinds of things that changed: ``cores``, ``bathymetry``, ``domains``, ``published``, ``settings``, ``program``."""
        found = [folder for folder in FOLDERS if any(self.files[folder].values())]
        if "cores" not in found and self.cores.any_data:
            found.insert(0, "cores")
        return found + (["settings"] if self.settings else []) + (["program"] if self.program else [])


def differences(old: Snapshot, new: Snapshot) -> Differences:
    """Hold two builds side by side."""
    program = {path for path in old["program"].keys() | new["program"].keys() if old["program"].get(path) != new["program"].get(path)}
    return Differences(
        _cores(old, new), {folder: _files(folder, old["inputs"], new["inputs"]) for folder in FOLDERS}, _settings(old, new), sorted(program)
    )


def _cores(old: Snapshot, new: Snapshot) -> Cores:
    before, after = old["cores"], new["cores"]
    # An element that one build alone assesses is no difference of a core.
    shared = old["composites"].keys() & new["composites"].keys()
    one, other = (_by_core(kept, shared) for kept in (old, new))
    edited: list[str] = []
    read_differently: list[str] = []
    refilled: list[str] = []
    for core in sorted(before.keys() & after.keys()):
        was, is_now = before[core]["sha256"], after[core]["sha256"]
        same_samples = all(was[column] == is_now[column] for column in was.keys() & is_now.keys())
        if same_samples and one.get(core) == other.get(core):
            continue
        if same_samples and _differ_where_supplied(one.get(core, {}), other.get(core, {})):
            refilled.append(core)
        else:
            (read_differently if same_samples or _source(old, core) == _source(new, core) else edited).append(core)
    return Cores(sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys()), edited, read_differently, refilled)


def _differ_where_supplied(one: dict[int, dict[str, Any]], other: dict[int, dict[str, Any]]) -> bool:
    """Whether two tables of a core have the same layers, and differ only in those whose density was supplied."""
    return one.keys() == other.keys() and all(row == other[layer] or row["density_supplied_share"] > 0 for layer, row in one.items())


def _source(kept: Snapshot, core: str) -> list[Any]:
    """Content of the table that a core comes from, and of the notes beside it that say how to read it."""
    file = kept["cores"][core]["file"]
    return [kept["inputs"].get(name, {}).get("sha256") for name in (file, f"{file.rpartition('.')[0]}.toml")]


def _by_core(kept: Snapshot, columns: Iterable[str]) -> dict[str, dict[int, dict[str, Any]]]:
    """Composites of each core by layer."""
    table, names = kept["composites"], sorted(set(columns) - {"core_id", "layer"})
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for number, (core, layer) in enumerate(zip(table["core_id"], table["layer"], strict=True)):
        found.setdefault(core, {})[layer] = {name: table[name][number] for name in names}
    return found


def _files(folder: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    before, after = ({name: file for name, file in inputs.items() if name.startswith(f"{folder}/")} for inputs in (old, new))
    added, removed = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    renamed = []
    for name in list(removed):
        twin = next((other for other in added if after[other]["sha256"] == before[name]["sha256"]), None)
        if twin is not None:
            renamed.append({"from": name, "to": twin, "rows": after[twin]["rows"]})
            removed.remove(name)
            added.remove(twin)
    edited = sorted(name for name in before.keys() & after.keys() if before[name]["sha256"] != after[name]["sha256"])
    return {
        "added": [{"file": name, "rows": after[name]["rows"]} for name in added],
        "removed": [{"file": name, "rows": before[name]["rows"]} for name in removed],
        "edited": [{"file": name, "rows_before": before[name]["rows"], "rows": after[name]["rows"]} for name in edited],
        "renamed": renamed,
    }


def _settings(old: Snapshot, new: Snapshot) -> list[dict[str, Any]]:
    before, after = old["settings"], new["settings"]
    found: list[dict[str, Any]] = []
    for section in sorted(before.keys() | after.keys()):
        one, other = before.get(section, {}), after.get(section, {})
        moved = [key for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key) or (key in one) != (key in other)]
        found += [{"section": section, "key": key, "old": one.get(key), "new": other.get(key), **_said(section, key)} for key in moved]
    return found


def _said(section: str, key: str) -> dict[str, str]:
    model = SECTIONS.get(section)
    field = model.model_fields.get(key) if model is not None else None
    unit = next((unit for suffix, unit in sorted(_UNITS.items(), key=lambda pair: -len(pair[0])) if f"_{key}".endswith(suffix)), "")
    return {"unit": unit, "description": (field.description or "") if field is not None else ""}
