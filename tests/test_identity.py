"""Same inputs, same bytes: whatever the hash seed, the number of jobs, the time zone, the folder the program lives in, or who does the work."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from separate_workers import Dask

from pipeline.files import sha256_of

ROOT = Path(__file__).parents[1]
PROGRAM = ("Makefile", "pipeline", "requirements.lock", "requirements-peers.lock", "pyproject.toml")


def build(program: Path, raw: Path, out: Path, *flags: str, **environment: str) -> dict[str, str]:
    """Run make all and give the hash of every product."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "LINKS"))}
    command = ["make", "all", *flags, f"RAW={raw}", f"PROCESSED={out / 'processed'}", f"MAPS={out / 'maps'}"]
    result = subprocess.run(command, cwd=program, env={**clean, **environment}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return {path.relative_to(out).as_posix(): sha256_of(path) for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_two_clean_builds_are_identical_whatever_the_surroundings(tiny_assessment, tmp_path):
    elsewhere = tmp_path / "別の 場所"
    elsewhere.mkdir()
    for name in PROGRAM:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, elsewhere / name)
    (elsewhere / ".venv").symlink_to(ROOT / ".venv")
    one = build(ROOT, tiny_assessment, tmp_path / "one", PYTHONHASHSEED="1", TZ="UTC")
    # Set-up would make an environment anew, because this one was made elsewhere: a minute, and the same libraries.
    with Dask() as dask:
        flags = ("-j4", "-o", "set-up", f"SCHEDULER={dask.address}")
        other = build(elsewhere, tiny_assessment, tmp_path / "別 two", *flags, PYTHONHASHSEED="7", TZ="Asia/Tokyo", LC_ALL="C")
    assert len(one) > 20
    assert {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)} == set()
