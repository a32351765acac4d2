"""A bar on a terminal while Make builds; elsewhere Make's own lines pass as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")

_WATCHED = "SEABED_REE_WATCHED"
"""Set for a build below a bar, whose stages then say how far they are."""

_COUNTED = "counted: "


def steps_of(command: Sequence[str]) -> int:
    """Number of stages that Make would run."""
    plan = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=False)
    return sum(" -m pipeline " in line for line in plan.stdout.splitlines())


def run_with_bar(command: Sequence[str]) -> int:
    """Run Make below a progress bar that counts finished stages, and return its exit code."""
    with _bar() as progress:
        task = progress.add_task("building", total=max(steps_of(command), 1))
        # Descriptors stay open: the build's lock and Make's jobserver live in them.
        watched = {**os.environ, _WATCHED: "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, close_fds=False, env=watched) as make:
            assert make.stdout is not None
            try:
                for line in make.stdout:
                    if line.startswith(_COUNTED):
                        progress.update(task, description=f"building, {line.removeprefix(_COUNTED).rstrip()}")
                        continue
                    progress.console.print(line.rstrip("\n"), markup=False, highlight=False)
                    progress.advance(task, int(line.endswith(" s\n")))
            except SystemExit:  # SIGTERM: without this, the whole build would be waited for
                make.terminate()
                raise
            return make.wait()


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(), transient=True)


def counted(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Pass items on, and tell a person who watches how many there have been: with a bar, or through the one of the build.

    Parameters
    ----------
    items : iterable
    total : int
        How many there will be.
    what : str
        What they are, for the bar.
    """
    if os.environ.get(_WATCHED):
        for number, item in enumerate(items, start=1):
            print(f"{_COUNTED}{what} {number}/{total}", flush=True)
            yield item
    elif on_a_terminal():
        with _bar() as progress:
            yield from progress.track(items, total=total, description=what)
    else:
        yield from items


def on_a_terminal() -> bool:
    """Whether a person is watching."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
