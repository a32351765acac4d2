"""What a finished build leaves for a fine grid, from an assessment made in this process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assess import listed

from pipeline.artefacts import BathymetryFiles
from pipeline.config import section_texts

if TYPE_CHECKING:
    from pathlib import Path

    from assess import Assessment


def finished(folder: Path, assessment: Assessment, **fine_grid: Any) -> Path:
    """Write composites, models, settings and lists; keys of ``[fine_grid]`` may be given."""
    (folder / ".settings").mkdir(parents=True)
    (folder / ".lists").mkdir()
    for name, text in section_texts(assessment.raw / "assessment.toml").items():
        (folder / ".settings" / f"{name}.json").write_text(text, encoding="utf-8")
    bathymetry = listed(BathymetryFiles, assessment.raw, ".nc", ".tif", ".toml")
    (folder / ".lists" / "bathymetry.json").write_text(json.dumps({"files": bathymetry.hashes}), encoding="utf-8")
    assessment.composites.write(folder / "composites.parquet")
    for variogram in assessment.variograms:
        variogram.write(folder / f"variogram_{variogram.subject}.json")
    assessment.joint.write(folder / "coregionalisation.json")
    assessment.cross_validation.write(folder / "cross_validation.json")
    change(folder, "fine_grid", **fine_grid)
    return folder


def change(folder: Path, section: str, **values: Any) -> None:
    """Change settings of a finished build."""
    path = folder / ".settings" / f"{section}.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")
