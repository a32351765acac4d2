"""Where compiled kernels are kept.

numba looks for edits in a kernel's own file, not in those that it imports. So the folder is named by all files of this package: an edit in any of
them is another folder.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba

_PACKAGE = Path(__file__).parent


def kernel_folder(parents: Iterable[Path]) -> Path | None:
    """Folder for the kernels of these very files in the first parent that can be written; made if need be.

    Returns
    -------
    Path or None
        None where no parent can be written: then kernels are compiled anew by every process.
    """
    files = sorted(_PACKAGE.glob("*.py"))
    digest = hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)).hexdigest()[:12]
    for parent in parents:
        folder = parent / f"numba-{digest}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def _parents() -> Iterable[Path]:
    """The repository, if this is one; the user's cache; a folder for temporary files."""
    repository = _PACKAGE.parents[1]
    if (repository / "pyproject.toml").is_file():
        yield repository / ".cache"
    with suppress(RuntimeError):  # a user without a home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "seabed-ree"
    with suppress(FileNotFoundError):  # no folder for temporary files can be written
        yield Path(tempfile.gettempdir()) / f"seabed-ree-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def _keep() -> bool:
    """Name the folder to numba, unless someone has named one."""
    config: Any = numba.config
    if not config.CACHE_DIR:
        config.CACHE_DIR = str(kernel_folder(_parents()) or "")
    return bool(config.CACHE_DIR)


CACHE = _keep()
"""Whether kernels are kept on disk; for numba's ``cache``."""
