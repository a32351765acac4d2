"""The drawing in docs/architecture.md is that of the Makefile."""

from __future__ import annotations

import re
from pathlib import Path

import flow
import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_page_shows_the_flow_of_the_makefile():
    page = flow.PAGE.read_text(encoding="utf-8")
    assert flow.placed(page, MAKEFILE) == page, "type make flow"


def test_the_drawing_leads_wherever_the_makefile_does_and_nowhere_else():
    found = flow.flow_of(MAKEFILE)
    every = found.arrows | found.only_with_a_marker
    for arrows in (found.arrows, every):
        few = flow.reduced(arrows)
        assert few <= arrows
        for stage in found.products:
            assert flow.behind(few, stage) == flow.behind(arrows, stage), stage
        # None is left that others stand for.
        for arrow in few:
            assert arrow[0] not in flow.behind(few - {arrow}, arrow[1]), arrow
    assert not [stage for stage in found.products if stage in flow.behind(every, stage)], "a circle"


def test_each_stage_stands_in_the_drawing_once_and_in_the_table():
    section = flow.section(MAKEFILE)
    stages = sorted(path.stem for path in (ROOT / "pipeline" / "stages").glob("[!_]*.py"))
    assert sorted(re.findall(r'^    (\w+)\["', section, re.MULTILINE)) == stages
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == stages


@pytest.mark.parametrize("folder", flow.FOLDERS)
def test_each_folder_of_raw_is_read_by_a_rule(folder):
    assert any(before == folder for before, _ in flow.flow_of(MAKEFILE).arrows)
