"""A dask cluster: a scheduler somewhere and its workers, or one of our own on this machine."""

from __future__ import annotations

import importlib
import logging
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipeline.errors import WorkersError
from pipeline.machine import tell
from pipeline.tiles.executors import OtherProcesses, WorkerLost
from pipeline.tiles.versions import fingerprint, require_same
from pipeline.tiles.work import carry_out

if TYPE_CHECKING:
    from pipeline.tiles.work import Arrays, Order, Parcel

_ANSWER_S = 30.0
"""How long a scheduler may take to answer."""

_WORKERS_S = 60.0
"""How long a scheduler may have no worker."""

_LOOK_S = 2.0
"""How often it is looked whether anybody is there to wait for."""

_KEPT = "Finished tiles are kept: when that is mended, make all does the others"


class Cluster(OtherProcesses):
    """Workers of a dask scheduler. Each is looked at before it does anything, also when it joins later.

    Parameters
    ----------
    address : str
        As in ``tcp://host:8786``.
    """

    reaches_this_machine_only = False

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self._client: Any = None
        self._looked_at = self._seen_at = 0.0

    def prepare(self, folder: Path) -> None:
        """Connect, look at every worker, and say who works."""
        if self._client is not None:
            return
        self._client = self._connected()
        token = folder / f"{uuid4().hex}.token"
        token.touch()
        try:
            told = self._client.run(_look_around, os.fspath(token), on_error="return")
        finally:
            token.unlink()
        for worker, found in sorted(told.items()):
            self._require_fit(worker, found, folder)
        self._look()
        has_dashboard = "dashboard" in self._client.scheduler_info()["services"]
        link = f"; dashboard {self._client.dashboard_link}" if has_dashboard else ""
        tell(f"  note: {self.workers} worker{'s' if self.workers > 1 else ''} of {self.address}{link}", "the cluster is ready")

    def _connected(self) -> Any:
        """Client of the scheduler, once it has a worker."""
        distributed = _distributed()
        try:
            client = distributed.Client(self.address, timeout=_ANSWER_S, set_as_default=False)
        except (OSError, ValueError) as error:
            msg = f"no dask scheduler answers at {self.address}: {error}. Start one there (.venv/bin/dask scheduler), or build without SCHEDULER."
            raise WorkersError(msg) from None
        try:
            client.wait_for_workers(1, timeout=_WORKERS_S)
        except TimeoutError:
            _close(client)
            raise WorkersError(self._no_workers()) from None
        return client

    def _require_fit(self, worker: str, found: Any, folder: Path) -> None:
        """Raise if a worker cannot do what this process does; of it is given what it told of itself."""
        if isinstance(found, BaseException):
            msg = f"worker {worker} cannot run this program: {found}. Start it in the repository: .venv/bin/dask worker {self.address} --nthreads 1"
            raise WorkersError(msg)
        theirs, sees_folder = found
        require_same(worker, theirs, fingerprint())
        if not sees_folder:
            msg = f"worker {worker} does not see {folder}. Put PROCESSED on a folder that every worker sees under the same path."
            raise WorkersError(msg)

    def send(self, parcel: Parcel, order: Order) -> Any:
        """Send an order."""
        return self._client.submit(_carry_out_alike, parcel, order, fingerprint(), key=f"tile-{uuid4().hex}", pure=False)

    def received(self, promise: Any) -> Arrays | None:
        """Wait for a result."""
        distributed = _distributed()
        if time.monotonic() - self._looked_at > _LOOK_S:
            self._look()
        while True:
            try:
                found: Arrays | None = promise.result(timeout=_LOOK_S)
            except TimeoutError:
                if promise.status == "error":  # the task's own
                    raise
                self._look()
            except OSError:
                if promise.status == "error":
                    raise
                raise self._gone() from None
            except distributed.client.CancelledError as error:
                if self._client.status != "running" or "scheduler" in str(error):
                    raise self._gone() from None
                raise WorkerLost(str(error)) from None
            except distributed.scheduler.KilledWorker as error:
                msg = f"{error} {_KEPT}."
                raise WorkersError(msg) from None
            else:
                return found

    def is_lost(self, promise: Any) -> bool:
        """Whether a result was lost with its worker."""
        return bool(promise.cancelled())

    def close(self) -> None:
        """Leave the cluster to others."""
        if self._client is not None:
            _close(self._client)
            self._client = None
        super().close()

    def _look(self) -> None:
        """Count the workers, which may come and go, and raise if nobody is there to wait for."""
        try:
            count = len(self._client.nthreads())
        except (OSError, RuntimeError, _distributed().client.CancelledError):
            raise self._gone() from None
        self._looked_at = time.monotonic()
        if count:
            self.workers, self._seen_at = count, self._looked_at
        elif self._looked_at - self._seen_at > _WORKERS_S:
            raise WorkersError(self._no_workers())

    def _gone(self) -> WorkersError:
        return WorkersError(f"the scheduler {self.address} is gone. {_KEPT}.")

    def _no_workers(self) -> str:
        return f"the scheduler {self.address} has no workers. Start some: .venv/bin/dask worker {self.address} --nworkers 4 --nthreads 1. {_KEPT}."


class LocalCluster(Cluster):
    """A scheduler and workers of our own on this machine.

    Parameters
    ----------
    workers : int
    """

    reaches_this_machine_only = True

    def __init__(self, workers: int) -> None:
        super().__init__("")
        self.workers = workers
        self._cluster: Any = None

    def prepare(self, folder: Path) -> None:
        """Start scheduler and workers."""
        if self._cluster is None:
            self._cluster = _distributed().LocalCluster(
                n_workers=self.workers, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL
            )
            self.address = self._cluster.scheduler_address
        super().prepare(folder)

    def close(self) -> None:
        """End them."""
        super().close()
        if self._cluster is not None:
            with suppress(TimeoutError):  # workers that are slow to end do so when this process does
                self._cluster.close(timeout=_ANSWER_S)
            self._cluster = None


def _distributed() -> Any:
    """The library, quiet: what goes wrong is said by this module."""
    try:
        distributed = importlib.import_module("distributed")
    except ModuleNotFoundError as error:
        msg = f"{error.name} is missing: a cluster needs dask.distributed. Type make set-up, or pip install 'seabed-ree[cluster]'."
        raise WorkersError(msg) from None
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed


def _close(client: Any) -> None:
    with suppress(Exception):  # whatever is left of the connection, nothing is waited for
        client.close(timeout=_ANSWER_S)


def _look_around(token: str) -> tuple[dict[str, str], bool]:
    """On a worker: what it is, and whether it sees a file."""
    until = time.monotonic() + _ANSWER_S
    while not Path(token).exists() and time.monotonic() < until:  # a shared folder may show it late
        time.sleep(0.1)
    return fingerprint(), Path(token).exists()


def _carry_out_alike(parcel: Parcel, order: Order, ours: dict[str, str]) -> Arrays | None:
    """On a worker: do one part, if it would be done alike everywhere."""
    require_same(f"on {socket.gethostname()}, process {os.getpid()}", fingerprint(), ours)
    return carry_out(parcel, order)
