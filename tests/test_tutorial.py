"""The tutorial runs, says what is stored in it, and its cores are those of the deposit that it opens at the end."""

from __future__ import annotations

import re

import nbformat
import tutorial
import tutorial_world


def test_the_cores_are_drawn_from_the_planted_deposit():
    assert tutorial_world.CORES.read_text(encoding="utf-8") == tutorial_world.cores_csv(), (
        "type python tests/tutorial_world.py --write, then make tutorial"
    )
    assert tutorial_world.cores_csv().startswith("# SYNTHETIC")


def test_the_notebook_runs_and_gives_what_it_shows():
    made = tutorial.executed()  # an assert in the notebook that fails is an error here
    assert tutorial.texts(made) == tutorial.texts(tutorial.stored()), "type make tutorial, and read what changed"


def test_the_notebook_is_stored_whole_and_without_traces_of_a_machine():
    notebook = tutorial.stored()
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    pictures = [output for cell in code for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 5
    assert all(not cell.metadata for cell in notebook.cells)
    text = tutorial.NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 500_000
    assert not re.search(r"/(?:home|root|tmp|Users|work)/", re.sub(r'"image/png": "[^"]*"', "", text))


def test_it_says_that_its_cores_are_synthetic_in_both_languages():
    opening = "".join(cell.source for cell in tutorial.stored().cells[:2])
    assert "synthetic" in opening
    assert "合成データ" in opening
