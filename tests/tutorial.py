"""Run docs/tutorial.ipynb and, with ``--write``, keep what it shows (make tutorial).

It is stored with its outputs, so that it can be read where it is not run. Times and versions are left out: the same notebook gives the same text.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"


def stored():
    return nbformat.read(NOTEBOOK, as_version=4)


def executed(timeout_s=300):
    """The notebook after a run from top to bottom in a new kernel, with the libraries of this Python."""
    notebook = stored()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    client = NotebookClient(
        notebook,
        timeout=timeout_s,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    client.execute(env=environment)
    notebook.metadata.pop("language_info", None)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def texts(notebook):
    """What each code cell says, pictures left out: their bytes depend on fonts."""
    said = []
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        # What is printed may arrive in several pieces.
        printed = "".join(output["text"] for output in outputs if output.output_type == "stream")
        shown = [output.get("data", {}).get("text/plain") for output in outputs if output.output_type != "stream"]
        said.append([printed, *shown])
    return said


if __name__ == "__main__":
    made = executed()
    if "--write" in sys.argv[1:]:
        nbformat.write(made, NOTEBOOK)
    for said in texts(made):
        print(*said, sep="\n")
