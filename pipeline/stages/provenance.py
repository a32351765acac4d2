"""Say where every published number comes from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.artefacts import CALIBRATION, BathymetryFiles, CoreFiles, CrossValidation, Provenance, Samples, Simulation, Tonnage
from pipeline.config import Section
from pipeline.files import sha256_of

_UNITS = {"area_km2": "km2", "dry_mud_t": "t", "grade_ppm": "ppm", "metal_t": "t", "oxide_t": "t"}


def run(
    tonnage: Tonnage,
    simulation: Simulation,
    cross_validation: CrossValidation,
    samples: Samples,
    cores: CoreFiles,
    bathymetry: BathymetryFiles,
    settings: list[Section],
) -> Provenance:
    """List every figure of the tonnage table with its id, and the estimators, inputs, settings and code behind all of them.

    Elements that were not simulated are told with the reason: their figures have no interval.
    """
    rows = samples.frame.groupby("source_file").size()
    inputs = {name: {"sha256": sha256, "rows": int(rows.get(name, 0))} for name, sha256 in {**cores.hashes, **bathymetry.hashes}.items()}
    numbers = [
        {"id": f"{row['element']}/{row['region']}/{row['cutoff_ppm']:g}/{row['statistic']}/{column}", "value": row[column], "unit": unit}
        for row in tonnage.frame.to_dict("records")
        for column, unit in _UNITS.items()
        if row[column] == row[column]
    ]
    estimators = {
        element: {"estimator": part.estimator.name, "drift": list(part.estimator.drift), "reason": part.reason}
        for element, part in cross_validation.comparisons.items()
    }
    return Provenance(
        {
            **samples.marks.tags(),
            "code_sha256": _program_sha256(),
            "estimators": estimators,
            "inputs": inputs,
            "numbers": numbers,
            "simulated": sorted(simulation.grades),
            "not_simulated": simulation.summary.get("not_simulated", {}),
            "settings": {section.section: section.model_dump(mode="json") for section in settings},
        }
    )


def _program_sha256() -> str:
    """One hash over every file of the program and the lock; no state of version control, and not what was found by calibrating it."""
    package = Path(__file__).resolve().parents[1]
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts and path.name != CALIBRATION)
    lock = package.parent / "requirements.lock"
    lines = [f"{path.relative_to(package.parent).as_posix()} {sha256_of(path)}" for path in [*files, *([lock] if lock.is_file() else [])]]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
