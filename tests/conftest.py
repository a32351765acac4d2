"""Worlds that many tests share. BLAS is told how many threads to use before anything imports it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RAW = ROOT / "data" / "raw"

# A Cholesky solve differs in its last bits with the number of threads.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[variable] = "1"


def write_tiny(folder: Path) -> Path:
    """Every second core of the reference survey (13 of 25) on 5 km cells: a whole build takes seconds."""
    from assess import with_settings

    shutil.copytree(RAW / "bathymetry", folder / "bathymetry")
    shutil.copytree(RAW / "published", folder / "published")
    shutil.copytree(RAW / "truth", folder / "truth")
    settings = with_settings((RAW / "assessment.toml").read_text(encoding="utf-8"), cell_m="5000.0", realisations="100")
    (folder / "assessment.toml").write_text(settings, encoding="utf-8")
    (folder / "cores").mkdir()
    shutil.copy2(RAW / "cores" / "reference_survey.toml", folder / "cores")
    header, *rows = (RAW / "cores" / "reference_survey.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [row for row in rows if int(row.split(",")[0].removeprefix("RS-")) % 2]
    (folder / "cores" / "reference_survey.csv").write_text(header + "".join(kept), encoding="utf-8", newline="\n")
    return folder


@pytest.fixture(scope="session")
def shipped_grid():
    """The depth grid that ships, read once in this process."""
    from pipeline.bathymetry.parsing import parse_grid
    from pipeline.bathymetry.side_file import SideFile
    from pipeline.files import sha256_of

    (path,) = (RAW / "bathymetry").glob("*.nc")
    name = f"bathymetry/{path.name}"
    return {name: sha256_of(path)}, parse_grid(name, path.read_bytes(), SideFile())


@pytest.fixture(autouse=True)
def samples_read_the_shipped_grid_here(request, monkeypatch):
    """The stage samples starts no process of its own for the depth grid that ships: hundreds of tests run it. Others are read as in a build."""
    if request.node.get_closest_marker("peers"):
        return  # their environment holds the engine and nothing else
    from pipeline.stages import samples

    hashes, grid = request.getfixturevalue("shipped_grid")
    in_a_process = samples.read_grids
    monkeypatch.setattr(samples, "read_grids", lambda files: [grid] if files.hashes == hashes else in_a_process(files))


@pytest.fixture(scope="session")
def reference_raw():
    """Folder RAW that ships; never written."""
    return RAW


@pytest.fixture
def tiny_assessment(tmp_path):
    """Folder RAW of a small synthetic assessment, free to be changed."""
    return write_tiny(tmp_path / "raw")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Every artefact of the small assessment."""
    from assess import assess

    return assess(write_tiny(tmp_path_factory.mktemp("tiny") / "raw"))


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """Every artefact of the reference survey on 2 km cells."""
    from assess import assess, with_settings

    raw = tmp_path_factory.mktemp("reference")
    for name in ("bathymetry", "cores", "truth"):
        shutil.copytree(RAW / name, raw / name)
    settings = with_settings((RAW / "assessment.toml").read_text(encoding="utf-8"), cell_m="2000.0")
    (raw / "assessment.toml").write_text(settings, encoding="utf-8")
    return assess(raw)


@pytest.fixture(scope="session")
def plant(tmp_path_factory):
    """Write a planted survey: rows, or the text of several files, to a new folder RAW."""
    from planted import SETTINGS, csv_text, write_raw

    def write(files, settings=SETTINGS):
        if isinstance(files, list):
            files = {"survey.csv": csv_text(files)}
        return write_raw(tmp_path_factory.mktemp("planted") / "raw", files, settings)

    return write


@pytest.fixture(scope="session")
def varied(plant):
    """Every artefact of a planted survey of 16 cores: two grades and a density that vary and are unrelated."""
    from assess import assess
    from planted import cores_on_a_grid, unrelated_ppm, varied_density_t_m3, varied_ppm

    return assess(plant(cores_on_a_grid(varied_ppm, varied_density_t_m3, unrelated_ppm)))
