"""Make the report: what an expert asks before trusting the figures, chapter by chapter, on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.artefacts import (
    Composites,
    CrossValidation,
    Density,
    Grade,
    JointModel,
    NextCores,
    Page,
    Provenance,
    PublishedFiles,
    Samples,
    Seafloor,
    Table1,
    Tonnage,
    Validation,
    Variogram,
)
from pipeline.config import AssessmentSettings, ElementSettings, MapSettings
from pipeline.report_page import checks, closing, data, headline, model, results
from pipeline.report_page.facts import Facts
from pipeline.report_page.page import report_page
from pipeline.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.report_page.blocks import Chapter

_CHAPTERS: tuple[Callable[[Facts], Chapter | None], ...] = (
    headline.chapter,
    data.quality,
    data.compositing,
    data.declustering,
    model.variograms,
    model.cross_validation,
    checks.swaths,
    checks.reproduction,
    results.grade_tonnage,
    results.sources,
    checks.tail,
    results.classes,
    closing.published,
    checks.truth,
    checks.calibration,
    results.next_cores,
    closing.limits,
    closing.checklist,
    closing.settings,
)
"""In the order of the page; a chapter that does not apply is None."""


def run(
    samples: Samples,
    composites: Composites,
    seafloor: Seafloor,
    variograms: list[Variogram],
    joint: JointModel,
    cross_validation: CrossValidation,
    validation: Validation,
    tonnage: Tonnage,
    grades: list[Grade],
    density: Density,
    published: PublishedFiles,
    provenance: Provenance,
    table1: Table1,
    next_cores: NextCores,
    elements: ElementSettings,
    assessment: AssessmentSettings,
    maps: MapSettings,
) -> Page:
    """Tell what was found, how, and what speaks for and against it; every number is one of the artefacts'."""
    facts = Facts(
        samples,
        composites,
        seafloor,
        {variogram.subject: variogram for variogram in variograms},
        joint,
        cross_validation,
        validation,
        tonnage,
        {grade.element: grade for grade in grades},
        density,
        published,
        provenance,
        table1,
        next_cores,
        tuple(elements.assessed),
        printable(assessment.title),
        maps.colour_map,
    )
    chapters = [chapter for make in _CHAPTERS if (chapter := make(facts)) is not None]
    return Page(report_page(facts, chapters))
