"""The reading process: ``python -m pipeline.bathymetry.child``. A crash, a hang or a bomb in a file ends this process and not the build.

Jobs come as one JSON text on standard input. For each file a line of JSON goes to standard output when it is begun, and one when it is
done; after the line of a grid follow its heights, rows x columns little-endian float64. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipeline.bathymetry.limits import refuse_too_many_bytes
from pipeline.bathymetry.parsing import parse_grid
from pipeline.bathymetry.side_file import SideFile
from pipeline.errors import BathymetryError


def main() -> None:
    """Read every job's file and send what came of it."""
    given = json.load(sys.stdin)
    _limit(given["memory_bytes"])
    # Whatever a library prints goes to standard error: standard output is ours alone.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        for job in given["jobs"]:
            _send(answers, {"begun": job["name"]})
            _answer(answers, job, given["time_s"])


def _limit(memory_bytes: int) -> None:
    for what, limit in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # a stricter limit of the user's stays; some systems know no such limit
            resource.setrlimit(what, (limit, resource.getrlimit(what)[1]))


def _answer(answers: IO[bytes], job: dict[str, Any], time_s: float) -> None:
    name = job["name"]
    try:
        content = _content(name, Path(job["path"]), job["sha256"])
        if content is None:
            _send(answers, {"changed": name})
            return
        # The signal's default ends the process also inside of a library; parsing alone counts, not a slow disk.
        signal.setitimer(signal.ITIMER_REAL, time_s)
        grid = parse_grid(name, content, SideFile(**job["side"]))
        signal.setitimer(signal.ITIMER_REAL, 0)
    except BathymetryError as error:
        _send(answers, {"refused": name, "message": str(error)})
    except MemoryError:
        _send(answers, {"refused": name, "message": f"{name} asks for more memory than a depth grid may take. Is it whole? Cut it to the region."})
    except Exception:
        _send(answers, {"failed": name, "traceback": traceback.format_exc()})
    else:
        rows, columns = grid.elevation_m.shape
        place = {"crs": grid.crs.to_wkt(), "transform": list(grid.transform)[:6], "shape": [rows, columns], "notes": grid.notes}
        _send(answers, {"read": name, **place}, np.ascontiguousarray(grid.elevation_m, dtype="<f8"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _content(name: str, path: Path, sha256: str) -> bytes | None:
    """The bytes that are parsed are the bytes that were listed; ``None`` where they no longer are."""
    try:
        refuse_too_many_bytes(name, path.stat().st_size)
        content = path.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None


def _send(answers: IO[bytes], line: dict[str, Any], values: np.ndarray[Any, Any] | None = None) -> None:
    answers.write(json.dumps(line).encode() + b"\n")
    if values is not None:
        answers.write(values.data.cast("B"))
    answers.flush()


if __name__ == "__main__":
    main()
