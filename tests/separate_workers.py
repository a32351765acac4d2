"""A dask scheduler and workers in processes of their own, as a person starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextmanager
def process(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of dask, ended at the end."""
    command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--no-dashboard"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            yield running
        finally:
            running.kill()


class Dask:
    """A scheduler and two separate worker processes."""

    def __init__(self) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self._processes = ExitStack()

    def __enter__(self) -> Self:
        host, port = self.address.removeprefix("tcp://").split(":")
        self.scheduler = self._processes.enter_context(process("dask_scheduler", "--host", host, "--port", port))
        self.workers = [self.worker(), self.worker()]
        return self

    def worker(self) -> subprocess.Popen[bytes]:
        """One more worker of one thread."""
        return self._processes.enter_context(process("dask_worker", self.address, "--no-nanny", "--nthreads", "1"))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._processes.close()
