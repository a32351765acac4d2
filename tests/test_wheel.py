"""The wheel: what is in it, and that it works where there is no checkout.

It is built and installed without an index, by the pip and setuptools that virtualenv carries; the libraries are those of this environment.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from planted import cores_on_a_grid, csv_text, varied_ppm

from pipeline import installation

ROOT = Path(__file__).parents[1]
BUILT_FROM = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "Makefile")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "LINKS", "PYTHON", "PIP_", "VIRTUAL_ENV"))}


class Installed:
    """An environment with the wheel in it, and a place to stand that is no repository."""

    def __init__(self, folder):
        self.python, self.here = folder / "env" / "bin" / "python", folder / "elsewhere"
        self.here.mkdir()
        # A folder of this name where the person stands must not be taken for the program.
        (self.here / "pipeline").mkdir()
        said = self._run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout
        self.packages = Path(said.strip())

    def _run(self, *arguments, **options):
        return subprocess.run(
            [self.python, *map(str, arguments)], cwd=self.here, env=CLEAN, capture_output=True, text=True, timeout=120, check=False, **options
        )

    def command(self, *arguments):
        # Safe path: as from any folder without a package of that name.
        return self._run("-P", "-m", "pipeline", *arguments)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source, environment = folder / "source", folder / "env"
    shutil.copytree(ROOT / "pipeline", source / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILT_FROM:
        shutil.copy2(ROOT / name, source)
    quiet = {"env": CLEAN, "check": True, "stdout": subprocess.DEVNULL, "timeout": 120}
    subprocess.run([sys.executable, "-m", "virtualenv", "-q", "--no-download", "--pip", "bundle", "--setuptools", "bundle", environment], **quiet)
    install = ["install", "-q", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile", "--disable-pip-version-check", source]
    subprocess.run([environment / "bin" / "python", "-m", "pip", *install], **quiet)
    made = Installed(folder)
    (made.packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return made


def test_the_wheel_holds_every_file_of_the_program_and_the_makefile_and_nothing_else(installed):
    def files(folder):
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}

    assert files(installed.packages / "pipeline") == files(ROOT / "pipeline") | {"Makefile"}
    assert {"py.typed", "calibration.json", "web/map.js", "web/vendor/manifest.json"} <= files(installed.packages / "pipeline")
    (record,) = installed.packages.glob("seabed_ree-*.dist-info/RECORD")
    top = {line.partition("/")[0] for line in record.read_text(encoding="utf-8").splitlines()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"pipeline"}


def test_help_answers_in_less_than_a_second(installed):
    times_s = []
    for _ in range(2):
        before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        done = installed.command("--help")
        # Processor time: what other tests do beside it is no part of it.
        times_s.append(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before)
        assert done.returncode == 0, done.stderr
    assert "reference-survey" in done.stdout
    assert min(times_s) < 1.0


def test_a_person_without_a_checkout_builds_an_assessment(installed, plant):
    """From raw files to the first refusal: the graph, the scan, Make and a stage are all those of the wheel."""
    rows = cores_on_a_grid(varied_ppm)
    rows[3]["dy_ppm"] = -1.0
    raw = plant({"survey.csv": csv_text(rows)})
    done = installed.command("make", "all", f"RAW={raw}", "PROCESSED=made here", "MAPS=maps")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "negative" in done.stderr
    processed = installed.here / "made here"
    assert "dy_ppm" in (processed / "rejected.csv").read_text(encoding="utf-8")
    # Without a lock it is the libraries themselves that the products depend on.
    files = json.loads((processed / ".lists" / "program_samples.json").read_text(encoding="utf-8"))["files"]
    assert installation.INSTALLED_LIBRARIES in files
    assert not (installed.packages / ".cache").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("make", "RAWE=x"), "'RAWE=x' means nothing here"),
        (("make", "RAW=nowhere"), "which is no folder"),
        (("doctor",), "installed without its repository"),
    ],
)
def test_what_cannot_be_done_is_one_line(installed, arguments, says):
    done = installed.command(*arguments)
    assert done.returncode == 2
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_requirements_are_followed_to_the_versions_that_are_installed():
    assert list(installation._needed(["pandera[pandas]>=0.24; python_version > '3'", "Some_Thing", 'pytest>=8; extra == "test"'])) == [
        "pandera",
        "some-thing",
    ]
