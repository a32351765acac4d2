"""Who does the work: this process, a pool of processes on this machine, or a dask cluster."""

from __future__ import annotations

import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pipeline.errors import SettingsError, WorkersError
from pipeline.tiles.work import Parcel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from pipeline.tiles.work import Arrays, Order, Work

_ATTEMPTS = 3
"""How often a part is sent out again when the worker that did it is gone."""

_AHEAD = 4
"""Parts for each worker that are on their way at a time: none waits for work, and memory does not grow with their number."""


class WorkerLost(Exception):
    """A worker died over a part, or before its result was fetched."""


class Executor(ABC):
    """Carries out orders, and gives their results in the same order; a context manager, which lets go of its workers at the end.

    Workers are started or sought when there is work for them.
    """

    workers: int = 1
    """How many do the work."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @abstractmethod
    def results(self, work: Work, orders: Iterable[Order]) -> Iterator[Arrays | None]:
        """Carry out the orders.

        Raises
        ------
        WorkersError
            The workers cannot be reached, are not fit, or were lost again and again.
        """

    def close(self) -> None:  # noqa: B027 - most have something to let go of, this process has not
        """Let go of the workers."""


class InProcess(Executor):
    """The process that asks does the work, one part after the other."""

    def results(self, work: Work, orders: Iterable[Order]) -> Iterator[Arrays | None]:
        """Carry out the orders."""
        return map(work, orders)


@dataclass
class _Sent:
    """An order on its way."""

    order: Order
    future: Any
    attempts: int = 1


class OtherProcesses(Executor):
    """Work that leaves this process: sent ahead, taken back in order, and sent again when a worker is lost."""

    reaches_this_machine_only = True
    """Whether a temporary folder of this machine is seen by all workers."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def prepare(self, folder: Path) -> None:
        """Make sure of the workers, and that they see the folder in which they find the work."""

    @abstractmethod
    def send(self, parcel: Parcel, order: Order) -> Any:
        """Send an order, and give the promise of its result."""

    @abstractmethod
    def received(self, promise: Any) -> Arrays | None:
        """Wait for a result; raises :class:`WorkerLost` where the order must be sent again, and what the task raised."""

    @abstractmethod
    def is_lost(self, promise: Any) -> bool:
        """Whether an order must be sent again, as far as is known now."""

    def results(self, work: Work, orders: Iterable[Order]) -> Iterator[Arrays | None]:
        """Carry out the orders."""
        folder = self._folder_for(work)
        self.prepare(folder)
        parcel, ahead = Parcel.of(work, folder), deque[_Sent]()
        for order in orders:
            ahead.append(_Sent(order, self.send(parcel, order)))
            if len(ahead) >= self.workers * _AHEAD:
                yield self._next(parcel, ahead)
        while ahead:
            yield self._next(parcel, ahead)

    def _next(self, parcel: Parcel, ahead: deque[_Sent]) -> Arrays | None:
        while True:
            try:
                found = self.received(ahead[0].future)
            except WorkerLost as lost:
                for sent in ahead:
                    if self.is_lost(sent.future):
                        self._send_again(parcel, sent, lost)
            else:
                ahead.popleft()
                return found

    def _send_again(self, parcel: Parcel, sent: _Sent, lost: WorkerLost) -> None:
        if sent.attempts > _ATTEMPTS:
            msg = (
                f"part {sent.order.part.number} was lost {sent.attempts} times with the worker that did it: {lost}. Most often no memory is left: "
                "give each worker more of it, or start fewer, then type make all again; finished tiles are kept."
            )
            raise WorkersError(msg)
        sent.future, sent.attempts = self.send(parcel, sent.order), sent.attempts + 1

    def _folder_for(self, work: Work) -> Path:
        """Where the work is put for the workers to fetch."""
        if work.store is not None:
            work.store.folder.mkdir(parents=True, exist_ok=True)
            return work.store.folder
        if not self.reaches_this_machine_only:
            msg = "workers on other machines need a store: a folder that all of them see"
            raise ValueError(msg)
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tiles-")
        return Path(self._folder.name)

    def close(self) -> None:
        """Remove what was put down for the workers."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def executor_of(scheduler: str | None = None, workers: int | None = None) -> Executor:
    """Who does the work, by name.

    Parameters
    ----------
    scheduler : str, optional
        ``in-process`` (default); ``pool`` or ``pool:4``: processes on this machine; ``local`` or ``local:4``: a dask cluster on this machine;
        ``tcp://host:8786``: the dask scheduler there.
    workers : int, optional
        How many, where the name does not say; default: one for each processor.

    Raises
    ------
    SettingsError
        There is no such scheduler.
    """
    if scheduler is None or scheduler in ("", "in-process"):
        return InProcess()
    if re.fullmatch(r"(tcp|tls)://\S+:\d+", scheduler):
        from pipeline.tiles.cluster import Cluster

        return Cluster(scheduler)
    found = re.fullmatch(r"(pool|local)(?::([1-9]\d{0,3}))?", scheduler)
    if found is None:
        msg = f"SCHEDULER is {scheduler!r}; it may be in-process, pool, pool:4, local, local:4 or the address of a dask scheduler as in tcp://host:8786."
        raise SettingsError(msg)
    count = int(found.group(2)) if found.group(2) else workers or available_processors()
    if found.group(1) == "local":
        from pipeline.tiles.cluster import LocalCluster

        return LocalCluster(count)
    from pipeline.tiles.pool import Pool

    return Pool(count)


def available_processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
