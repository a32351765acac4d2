"""Whether a worker computes what this process would: the same program, libraries and kind of processor, to the last bit."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from pipeline.errors import WorkersError
from pipeline.tiles.content import program_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "zarr", "distributed")
_CURES = {
    "program": "Bring the same files there, and start the worker again",
    "python": "Start the worker with the Python of .venv, made from the same lock (make set-up there)",
    "processor": (
        "Last bits agree between processors of one kind. Take workers of the kind that runs make, or start make and all workers with "
        "OPENBLAS_CORETYPE=Haswell and NUMBA_CPU_NAME=haswell"
    ),
}


@cache
def fingerprint() -> dict[str, str]:
    """All that last bits may depend on, by name; of the program as this process found it when it first asked."""
    return {
        "program": program_sha256()[:16],
        "python": platform.python_version(),
        **{library: _version(library) for library in _LIBRARIES},
        "processor": _processor(),
    }


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "missing"


def _processor() -> str:
    """Kind of machine, and the kinds of processor that its compiled code is made for."""
    import llvmlite.binding
    import numba
    import scipy.linalg  # noqa: F401 - brings its BLAS
    from threadpoolctl import threadpool_info

    blas = sorted({str(library.get("architecture", library["prefix"])) for library in threadpool_info() if library["user_api"] == "blas"})
    config: Any = numba.config
    compiled = config.CPU_NAME or llvmlite.binding.get_host_cpu_name()
    return f"{platform.uname().system} {platform.machine()}, {compiled}, BLAS for {' and '.join(blas)}"


def require_same(worker: str, theirs: Mapping[str, str], ours: Mapping[str, str]) -> None:
    """Raise if a worker differs from this process.

    Parameters
    ----------
    worker : str
        How it is called.
    theirs, ours : mapping
        As :func:`fingerprint` gives them.

    Raises
    ------
    WorkersError
        Which worker, what differs, both versions, and the cure.
    """
    differ = [name for name, here in ours.items() if theirs.get(name) != here]
    if differ:
        found = "; ".join(f"{name} is {theirs.get(name, 'missing')} there and {ours[name]} here" for name in differ)
        cure = _CURES.get(differ[0], _CURES["python"])
        msg = f"worker {worker}: {found}. {cure}, then type make all again."
        raise WorkersError(msg)
