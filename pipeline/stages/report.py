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
    PanelTotals,
    Production,
    Provenance,
    PublishedFiles,
    PublishedMethod,
    Recoverable,
    Samples,
    Seafloor,
    Supply,
    Table1,
    Tonnage,
    Validation,
    Variogram,
)
from pipeline.config import AssessmentSettings, ElementSettings, MapSettings
from pipeline.provenance.origin import Origin, published_ids_of
from pipeline.provenance.page_origin import page_origin
from pipeline.report_page import checks, closing, data, headline, model, results
from pipeline.report_page import domains as domains_chapter
from pipeline.report_page import next_cores as next_cores_chapter
from pipeline.report_page import production as production_part
from pipeline.report_page import recoverable as recoverable_part
from pipeline.report_page import supply as supply_part
from pipeline.report_page.facts import Facts
from pipeline.report_page.page import report_page
from pipeline.report_page.reads import written
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
    domains_chapter.domains,
    model.cross_validation,
    checks.swaths,
    checks.reproduction,
    results.grade_tonnage,
    results.sources,
    checks.tail,
    results.classes,
    recoverable_part.chapter,
    production_part.production,
    supply_part.supply,
    closing.published,
    checks.truth,
    checks.calibration,
    next_cores_chapter.next_cores,
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
    recoverable: Recoverable,
    panels: PanelTotals,
    production: Production,
    supply: Supply,
    published_method: PublishedMethod,
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
        recoverable,
        panels,
        production,
        supply,
        published_method,
        tuple(elements.assessed),
        printable(assessment.title),
        maps.colour_map,
        assessment.deposit,
    )
    chapters, places = written(_CHAPTERS, facts, Origin(provenance.content).graph)
    return Page(report_page(facts, chapters, page_origin(provenance.content, "report", places, _published_ids(supply))))


def _published_ids(supply: Supply) -> dict[str, list[str]]:
    """Published figures behind the figures of the supply lens, by element and question."""
    rows = supply.frame[["element", "question", "denominator_id"]].drop_duplicates().to_dict("records")
    return {f"{row['element']}/{row['question']}": sorted(published_ids_of(str(row["denominator_id"]))) for row in rows if row["denominator_id"]}
