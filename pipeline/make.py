"""Build an assessment with the Python that runs this: ``python -m pipeline make``, for a program that was installed from a wheel.

It is ``make all`` without set-up: the libraries are those that are installed, whatever their versions. Standard library only.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from pipeline.errors import MachineError, PipelineError
from pipeline.installation import ROOT, makefile
from pipeline.machine import warn
from pipeline.text import printable_message

FOLDERS = {"RAW": "data/raw", "PROCESSED": "data/processed", "MAPS": "maps"}
"""Variables that name the folders of an assessment, and where they are unless they are given; those of the Makefile."""

SWITCHES = ("KEEP", "SCHEDULER")
"""Variables that reach the rules of products."""


def main(arguments: Sequence[str]) -> int:
    """Scan the inputs and hand over to Make, as ``make all`` does in a checkout.

    Parameters
    ----------
    arguments : sequence of str
        ``[all] [RAW=…] [PROCESSED=…] [MAPS=…] [KEEP=1] [SCHEDULER=…] [-j N]``, in any order.

    Returns
    -------
    int
        As of :func:`pipeline.scan.main`; 2 for a word that means nothing here, or without GNU Make.
    """
    from pipeline.scan import main as scan

    parser = argparse.ArgumentParser(
        prog="python -m pipeline make",
        description="Build an assessment: raw cores and bathymetry to grades, tonnages and maps.",
        epilog="RAW, PROCESSED and MAPS are folders (data/raw, data/processed and maps unless they are named); KEEP=1 stores every realisation.",
    )
    parser.add_argument("words", nargs="*", metavar="[all] NAME=VALUE", help=" ".join([*FOLDERS, *SWITCHES]))
    parser.add_argument("-j", "--jobs", type=int, default=2, help="products that are made at a time (2)")
    options = parser.parse_args(arguments)
    try:
        values = _values(options.words)
        command = [_gnu_make(), "--no-print-directory", f"-j{options.jobs}", "-C", os.fspath(ROOT), "-f", os.fspath(makefile())]
    except PipelineError as error:
        warn(f"error: {printable_message(error)}")
        return 2
    # Safe path: a folder "pipeline" where the person stands is not this program.
    switches = [f"{name}={values[name]}" for name in SWITCHES if name in values]
    command += [f"PY={shlex.quote(sys.executable)} -P", *switches, "products"]
    folders = [text for name, place in FOLDERS.items() for text in (f"--{name.lower()}", values.get(name, place))]
    return scan([*folders, "--", *command])


def _values(words: Sequence[str]) -> dict[str, str]:
    """Variables by name."""
    values = {}
    for word in words:
        name, is_assigned, value = word.partition("=")
        if word == "all":
            continue
        if not is_assigned or name not in (*FOLDERS, *SWITCHES):
            message = f"{word!r} means nothing here: say all, or a variable of {', '.join((*FOLDERS, *SWITCHES))}, as in RAW=survey/raw"
            raise MachineError(message)
        values[name] = value
    return values


def _gnu_make() -> str:
    """The first GNU Make of 4.3 or newer; elsewhere than on Linux it is often called gmake."""
    for name in ("make", "gmake"):
        if path := shutil.which(name):
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
            found = re.match(r"GNU Make (\d+)\.(\d+)", said)
            if found is not None and (int(found[1]), int(found[2])) >= (4, 3):
                return path
    message = "GNU Make 4.3 or newer is needed: install it (Debian, Ubuntu: apt install make; macOS: brew install make)"
    raise MachineError(message)
