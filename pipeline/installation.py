"""Where the program lies: in a checkout, or installed from a wheel, which carries the Makefile inside the package. Standard library only."""

import hashlib
import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
"""The checkout, or the folder of installed packages."""

DISTRIBUTION = "seabed-ree"
LOCK = "requirements.lock"
INSTALLED_LIBRARIES = "installed libraries"
"""Stands for the lock where the program was installed without it: one line for each library, name and version."""


def is_checkout(root: Path = ROOT) -> bool:
    """Whether this is the repository: what it says in .cache, .venv and the lock is its own."""
    return (root / "pyproject.toml").is_file()


def makefile() -> Path:
    """The graph: beside the package in a checkout, inside it where a wheel was installed."""
    beside = ROOT / "Makefile"
    return beside if is_checkout() else PACKAGE / "Makefile"


def library_versions() -> dict[str, str]:
    """Version of every library that the installed program needs, those of its extras left out; empty where none of this was installed.

    Returns
    -------
    dict of str to str
        By name, sorted.
    """
    versions: dict[str, str] = {}
    waiting = [DISTRIBUTION]
    while waiting:
        name = waiting.pop()
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # needed on another system only
            continue
        versions[name] = found.version
        waiting += [needed for needed in _needed(found.requires or []) if needed not in versions]
    return dict(sorted(versions.items()))


def library_hash() -> str:
    """One sha256 over names and versions of the libraries that are installed."""
    return hashlib.sha256("".join(f"{name} {version}\n" for name, version in library_versions().items()).encode()).hexdigest()


def _needed(requirements: list[str]) -> Iterator[str]:
    """Names in requirements such as ``pandera[pandas]>=0.24; python_version < "3.15"``."""
    for requirement in requirements:
        text, _, condition = requirement.partition(";")
        name = re.match(r"[A-Za-z0-9._-]+", text)
        if name is not None and "extra ==" not in condition.replace("extra==", "extra =="):
            yield re.sub(r"[-_.]+", "-", name[0]).lower()
