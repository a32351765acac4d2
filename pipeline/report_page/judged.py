"""Which program a calibration judged: so that a reader is told when it was another one."""

from __future__ import annotations

import hashlib
from pathlib import Path

_STAGES = ("samples", "seafloor", "composites", "variogram", "density", "grade", "simulation")
_SHARED = ("deposit", "field", "grid", "units")
_FOLDERS = ("geostatistics", "intake", "bathymetry")


def estimating_program_sha256() -> str:
    """Hash of the files that simulated tonnes come from, as ``make calibrate`` records it."""
    program = Path(__file__).parents[1]
    paths = [path for name in _FOLDERS for path in (program / name).rglob("*.py")]
    paths += [program / "stages" / f"{name}.py" for name in _STAGES] + [program / f"{name}.py" for name in _SHARED]
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.relative_to(program.parent).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
