"""A bar on a terminal while Make builds; elsewhere Make's own lines pass as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence


def steps_of(command: Sequence[str]) -> int:
    """Number of stages that Make would run."""
    plan = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=False)
    return sum(" -m pipeline " in line for line in plan.stdout.splitlines())


def run_with_bar(command: Sequence[str]) -> int:
    """Run Make below a progress bar that counts finished stages, and return its exit code."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(), transient=True) as progress:
        task = progress.add_task("building", total=max(steps_of(command), 1))
        # Descriptors stay open: the build's lock and Make's jobserver live in them.
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, close_fds=False) as make:
            assert make.stdout is not None
            try:
                for line in make.stdout:
                    progress.console.print(line.rstrip("\n"), markup=False, highlight=False)
                    progress.advance(task, int(line.endswith(" s\n")))
            except SystemExit:  # SIGTERM: without this, the whole build would be waited for
                make.terminate()
                raise
            return make.wait()


def on_a_terminal() -> bool:
    """Whether a person is watching."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
