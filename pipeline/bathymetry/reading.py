"""Read every depth grid of the folder in a process of its own, and tell all that is wrong at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
from affine import Affine
from pyproj import CRS

from pipeline.bathymetry.file_kind import is_note
from pipeline.bathymetry.limits import MEMORY_BYTES, MOST_CELLS, TIME_S
from pipeline.bathymetry.native_grid import NativeGrid
from pipeline.bathymetry.side_file import SideFile, side_file
from pipeline.errors import ArtefactError, BathymetryError, MachineError
from pipeline.grid import WGS84

if TYPE_CHECKING:
    from pipeline.artefacts import BathymetryFiles

_ROOT: Final = Path(__file__).resolve().parents[2]
_CHILD: Final = ("-m", "pipeline.bathymetry.child")
# Nothing else: no plug-in of HDF5, no setting of GDAL or PROJ, in the environment or at HOME, may change what is read.
_KEPT: Final = ("PATH", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def read_grids(files: BathymetryFiles) -> list[NativeGrid]:
    """Read every listed bathymetry grid, coarse ones first.

    Raises
    ------
    BathymetryError
        No grid is there, or some cannot be read or understood; all of them are told.
    ArtefactError
        A file is no longer what was listed.
    MachineError
        The reading process could not start.
    """
    refusals: list[str] = []
    jobs = _jobs(files, refusals)
    if not jobs and not refusals:
        msg = "no bathymetry grid (.nc or .tif) in bathymetry. Put at least one there that covers the region."
        raise BathymetryError(msg)
    grids = _read_all(jobs, refusals)
    if len(refusals) == 1:
        raise BathymetryError(refusals[0])
    if refusals:
        # On one line: a line break would be one that a file's name may hold.
        told = " ".join(f"({number}) {refusal}" for number, refusal in enumerate(sorted(refusals), 1))
        msg = f"{len(refusals)} files in bathymetry cannot be used: {told}"
        raise BathymetryError(msg)
    return sorted(grids, key=lambda grid: (-grid.resolution_m, grid.name))


def _jobs(files: BathymetryFiles, refusals: list[str]) -> list[dict[str, Any]]:
    """What the reading process is asked for: every listed file that is not a note, with what the ``.toml`` beside it says."""
    names = [name for name in sorted(files.hashes) if not name.lower().endswith(".toml") and not _is_note(files, name)]
    stems = {_stem(name) for name in names}
    sides: dict[str, SideFile | None] = {}
    for name, _ in files.paths(".toml"):
        try:
            sides[_stem(name)] = side_file(name, files.verified(name).read_bytes())
        except BathymetryError as error:
            refusals.append(str(error))
            sides[_stem(name)] = None
        if _stem(name) not in stems:
            refusals.append(f"{name} describes a depth grid {Path(name).stem}.nc or .tif that is not there. Rename or remove it with its grid.")
    jobs = []
    for name in names:
        side = sides.get(_stem(name), SideFile())
        if side is not None:
            path = os.path.abspath(files.raw / name)  # noqa: PTH100 -- links stay as they are
            jobs.append({"name": name, "path": path, "sha256": files.hashes[name], "side": side.model_dump()})
    return jobs


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _is_note(files: BathymetryFiles, name: str) -> bool:
    if not name.lower().endswith(".txt"):
        return False
    with files.verified(name).open("rb") as file:
        return is_note(name, file.read(1024))


def _read_all(jobs: list[dict[str, Any]], refusals: list[str]) -> list[NativeGrid]:
    """Ask one process for all; where a file ends it, that file is refused and another process goes on behind it."""
    grids: list[NativeGrid] = []
    while jobs:
        done, ended_by = _ask(jobs, grids, refusals)
        if ended_by is not None:
            refusals.append(f"{jobs[done]['name']} {ended_by}. Is it whole? Copy or download it again, or convert it with gdal_translate.")
            done += 1
        jobs = jobs[done:]
    return grids


def _ask(jobs: list[dict[str, Any]], grids: list[NativeGrid], refusals: list[str]) -> tuple[int, str | None]:
    """Run one reading process: how many files it answered for, and how it ended if one of them ended it."""
    environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
    environment |= {"PYTHONPATH": os.fspath(_ROOT), "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1", "PROJ_NETWORK": "OFF"}
    question = json.dumps({"jobs": jobs, "memory_bytes": MEMORY_BYTES, "time_s": TIME_S}).encode()
    done, begun = 0, False
    with tempfile.TemporaryFile() as complaints:
        command = [sys.executable, *_CHILD]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": complaints}
        with subprocess.Popen(command, cwd=_ROOT, env=environment, **pipes) as child:  # type: ignore[call-overload]
            try:
                with suppress(BrokenPipeError):
                    child.stdin.write(question)
                with suppress(BrokenPipeError):
                    child.stdin.close()
                while (answer := _line(child.stdout)) is not None:
                    if "begun" in answer:
                        begun = True
                        continue
                    _take(answer, child.stdout, grids, refusals)
                    done, begun = done + 1, False
            except EOFError:
                pass  # it ended within the heights of a grid
            except BaseException:
                child.kill()
                raise
        if done == len(jobs):
            return done, None
        if not begun:
            complaints.seek(0)
            last = (complaints.read().decode(errors="replace").strip().splitlines() or [""])[-1]
            msg = f"the process that reads depth grids did not start ({_ending(child.returncode)}; {last}). Free memory and run make all again."
            raise MachineError(msg)
    return done, f"ended the process that read it: {_ending(child.returncode)}"


def _line(stream: IO[bytes]) -> dict[str, Any] | None:
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    answer: dict[str, Any] = json.loads(line)
    return answer


def _take(answer: dict[str, Any], stream: IO[bytes], grids: list[NativeGrid], refusals: list[str]) -> None:
    """Put one answer where it belongs."""
    if "refused" in answer:
        refusals.append(answer["message"])
    elif "changed" in answer:
        msg = f"{answer['changed']} changed while the build was running. Run make all again."
        raise ArtefactError(msg)
    elif "failed" in answer:
        raise RuntimeError(answer["traceback"])
    else:
        rows, columns = answer["shape"]
        assert 0 < rows * columns <= MOST_CELLS
        heights_m = np.empty((rows, columns), dtype="<f8")
        _fill(heights_m.data.cast("B"), stream)
        crs = CRS.from_wkt(answer["crs"])
        grids.append(NativeGrid(answer["read"], WGS84 if crs == WGS84 else crs, Affine(*answer["transform"]), heights_m, tuple(answer["notes"])))


def _fill(buffer: memoryview, stream: IO[bytes]) -> None:
    at = 0
    while at < len(buffer):
        size = stream.readinto(buffer[at:])  # type: ignore[attr-defined]
        if not size:
            raise EOFError
        at += size


def _ending(code: int) -> str:
    if code == -signal.SIGALRM:
        return f"it took longer than {TIME_S:g} s"
    if code < 0:
        return f"{signal.Signals(-code).name}"
    return f"exit code {code}"
