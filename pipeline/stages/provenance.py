"""Say where every published number comes from."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.artefacts import (
    CALIBRATION,
    TONNAGE_COLUMNS,
    BathymetryFiles,
    CoreFiles,
    CrossValidation,
    DomainFiles,
    Provenance,
    PublishedFiles,
    RawFiles,
    Samples,
    Tonnage,
    TruthFiles,
    Validation,
)
from pipeline.config import Section
from pipeline.errors import ArtefactError
from pipeline.files import sha256_of
from pipeline.installation import INSTALLED_LIBRARIES, LOCK, is_checkout, library_hash, makefile
from pipeline.number_ids import number_id, unit_of
from pipeline.provenance.formulas import TABLES
from pipeline.provenance.graph import graph_of
from pipeline.provenance.origin import row_ranges, rules_told, tables_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_JOINED: Final = re.compile(r"([^;]+?) row (\d+)(?:; |$)")
"""How a row of samples names rows of other tables whose values stand in it: ``cores/collars.csv row 3``."""


def run(
    tonnage: Tonnage,
    validation: Validation,
    cross_validation: CrossValidation,
    samples: Samples,
    cores: CoreFiles,
    bathymetry: BathymetryFiles,
    domains: DomainFiles,
    published: PublishedFiles,
    truth: TruthFiles,
    settings: list[Section],
) -> Provenance:
    """List every figure of the tonnage table with its id, and what leads from any number to its inputs.

    The other tables of numbers are there by their keys, units and formulas: their numbers are named as those of the tonnage table are, and stay in
    their files. Which products, inputs and settings stand behind a table is the graph of the Makefile, and is told once. Elements that were not
    simulated are told with the reason: their figures have no interval.

    Raises
    ------
    ArtefactError
        The Makefile is not beside the program.
    """
    sections = {section.section: section.model_dump(mode="json") for section in settings}
    marker = "horizon" if sections["grid"]["reference"] == "marker" else ""
    simulated = sorted(set(tonnage.frame.loc[tonnage.frame["statistic"] == "mean", "element"]))
    estimators = {
        element: {"estimator": part.estimator.name, "drift": list(part.estimator.drift), "reason": part.reason}
        for element, part in cross_validation.comparisons.items()
    }
    return Provenance(
        {
            **samples.marks.tags(),
            "code_sha256": _program_sha256(),
            "estimators": estimators,
            "inputs": {name: told for files in (cores, bathymetry, domains, published, truth) for name, told in _inputs(files, samples)},
            "numbers": list(_numbers(tonnage)),
            "rules": rules_told(graph_of(_makefile(), sections["elements"]["assessed"], marker)),
            "tables": tables_told(),
            "simulated": simulated,
            "not_simulated": validation.content.get("simulation", {}).get("not_simulated", {}),
            "settings": sections,
        }
    )


def _numbers(tonnage: Tonnage) -> Iterator[dict[str, Any]]:
    table = TABLES["tonnage"]
    for row in tonnage.frame.to_dict("records"):
        for column in (name for name in TONNAGE_COLUMNS if name in table.formulas):
            if row[column] == row[column]:
                name = number_id("tonnage", *(row[key] for key in table.keys), column=column)
                yield {"id": name, "value": row[column], "unit": unit_of(column)}


def _inputs(files: RawFiles, samples: Samples) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file with its hash and its rows: of samples, of check assays, and by the id of a published figure."""
    accepted, checked = (_rows_of(frame) for frame in (samples.frame, samples.check_assays))
    ids = files.lines() if isinstance(files, PublishedFiles) else {}
    counts = samples.frame.groupby("source_file").size()
    for name, sha256 in files.hashes.items():
        yield (
            name,
            {
                "folder": files.name,
                "sha256": sha256,
                "rows": int(counts.get(name, 0)),
                "sample_rows": row_ranges(accepted.get(name, ())),
                "check_assay_rows": row_ranges(checked.get(name, ())),
                "ids": ids.get(name, {}),
            },
        )


def _rows_of(frame: pd.DataFrame | None) -> dict[str, set[int]]:
    """Numbers of the rows of each file that stand in a table of samples, those that were joined to them too."""
    rows: dict[str, set[int]] = {}
    if frame is None:
        return rows
    for file, part in frame.groupby("source_file"):
        rows[str(file)] = {int(row) for row in part["source_row"]}
    for text in frame["joined_rows"].dropna().unique() if "joined_rows" in frame else ():
        for file, row in _JOINED.findall(str(text)):
            rows.setdefault(file, set()).add(int(row))
    return rows


def _makefile() -> str:
    path = makefile()
    if not path.is_file():
        message = f"{path} is missing: it says what each number is made from. Put it back beside the program."
        raise ArtefactError(message)
    return path.read_text(encoding="utf-8")


def _program_sha256() -> str:
    """One hash over every file of the program and the lock; no state of version control, and not what was found by calibrating it."""
    files = sorted(path for path in _PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts and path.name != CALIBRATION)
    lock = _PACKAGE.parent / LOCK
    lines = [f"{path.relative_to(_PACKAGE.parent).as_posix()} {sha256_of(path)}" for path in [*files, *([lock] if lock.is_file() else [])]]
    if not is_checkout() and not lock.is_file():
        lines.append(f"{INSTALLED_LIBRARIES} {library_hash()}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
