"""Say what changed since the last build: in what went in, and from there in the headline, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.artefacts import (
    BathymetryFiles,
    Classes,
    Composites,
    CoreFiles,
    CrossValidation,
    Delta,
    DomainFiles,
    Grade,
    History,
    Horizon,
    JointModel,
    ProgramFiles,
    PublishedFiles,
    Recoverable,
    Samples,
    Seafloor,
    Tonnage,
    Variogram,
)
from pipeline.artefacts.changes import OTHER_FORM
from pipeline.changes.compare import changed_elements, class_areas
from pipeline.changes.content import compared, first_build
from pipeline.changes.differences import differences
from pipeline.changes.snapshot import snapshot
from pipeline.config import Section

if TYPE_CHECKING:
    from pipeline.artefacts.changes import Snapshot


def run(
    history: History,
    tonnage: Tonnage,
    recoverable: Recoverable,
    classes: Classes,
    samples: Samples,
    composites: Composites,
    variograms: list[Variogram],
    joint: JointModel,
    cross_validation: CrossValidation,
    grades: list[Grade],
    seafloor: Seafloor,
    cores: CoreFiles,
    bathymetry: BathymetryFiles,
    domains: DomainFiles,
    published: PublishedFiles,
    program: list[ProgramFiles],
    settings: list[Section],
    horizon: Horizon | None = None,
) -> Delta:
    """Compare with the last build that was not the same, and keep what the next comparison needs.

    The same build made again is compared with the same one as before: a comparison is lost only when something a number depends on changes.
    """
    seafloor = seafloor.over(horizon)
    sections = {section.section: section for section in settings}
    raw = (cores, bathymetry, domains, published)
    now = snapshot(
        tonnage, recoverable, classes, samples, composites, variograms, joint, cross_validation, grades, seafloor, raw, sections, program
    )  # fmt: skip
    content = _compared(history, now, composites, seafloor) or first_build(now, history.fault or (OTHER_FORM if history.before(now) else {}))
    # A first build that is one says nothing on the terminal; whatever else is said there too.
    said = content["summary"] if content["state"] == "compared" else content["summary"][:-1]
    return Delta({**composites.marks.tags(), **content}, history.followed_by(now), tuple(sentence["en"] for sentence in said))


def _compared(history: History, now: Snapshot, composites: Composites, seafloor: Seafloor) -> dict[str, Any] | None:
    """The comparison; ``None`` where there is nothing to compare with, or a build of another version that lacks what is asked for."""
    before = history.before(now)
    if before is None:
        return None
    try:
        different = differences(before, now)
        changes, foretold = changed_elements(before, now, different, composites, seafloor)
        return compared(before, now, different, changes, foretold, class_areas(before, now, seafloor))
    except KeyError:
        return None
