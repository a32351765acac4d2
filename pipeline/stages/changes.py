"""Make the page that tells what changed since the last build."""

from __future__ import annotations

from pipeline.artefacts import Delta, Page
from pipeline.changes.page import changes_page
from pipeline.config import AssessmentSettings


def run(delta: Delta, assessment: AssessmentSettings) -> Page:
    """Tell the comparison in words, tables and bars; nothing is computed here."""
    return Page(changes_page(delta.content, assessment.title, assessment.deposit))
