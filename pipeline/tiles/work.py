"""What is carried to whoever does a tile, and what is done there."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipeline.errors import ArtefactError, WorkersError
from pipeline.files import write_whole
from pipeline.tiles.store import TileStore

Arrays = dict[str, NDArray[Any]]
Task = Callable[..., Mapping[str, NDArray[Any]]]
"""``task(part, **arrays given for that part)``: picklable, and pure."""


class Part(Protocol):
    """A tile, a batch, or another unit of work: frozen and picklable."""

    @property
    def number(self) -> int:
        """Its place among all parts."""


@dataclass(frozen=True)
class Order:
    """One part to be done.

    Parameters
    ----------
    part : Part
    given : dict of arrays
        What the task needs to know of this part alone.
    key : str
        Hash of all that the result depends on, when it goes into a store.
    """

    part: Part
    given: Arrays = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True)
class Work:
    """A task, and where its results go: into a store, or back to the caller.

    Parameters
    ----------
    task : callable
    store : TileStore, optional
    """

    task: Task
    store: TileStore | None = None

    def __call__(self, order: Order) -> Arrays | None:
        """Do one part, on one BLAS thread; the arrays, or None when they went into the store."""
        # A part that was lost with its worker after it was written need not be done twice.
        if self.store is not None and self.store.read(order.key) is not None:
            return None
        # A solve differs in its last bits with the number of BLAS threads.
        with threadpool_limits(limits=1, user_api="blas"):
            arrays = dict(self.task(order.part, **order.given))
        if self.store is None:
            return arrays
        self.store.write(order.key, arrays)
        return None


@dataclass(frozen=True)
class Parcel:
    """Work on its way to other processes: a file, sent once, whatever the number of parts and of workers that come and go.

    Parameters
    ----------
    path : Path
    sha256 : str
        Of the file. It comes by another way than the file does: nothing else is ever unpickled.
    """

    path: Path
    sha256: str

    @classmethod
    def of(cls, work: Work, folder: Path) -> Parcel:
        """Put work into a folder that every worker sees."""
        content = pickle.dumps(work, protocol=5)
        sha256 = hashlib.sha256(content).hexdigest()
        path = folder / f"{sha256}.work"
        write_whole(path, content)
        return cls(path, sha256)

    def opened(self) -> Work:
        """The work.

        Raises
        ------
        WorkersError
            The file is not seen from here.
        ArtefactError
            It is not what was sent.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            msg = f"{self.path} cannot be read by a worker ({error.strerror}). Put PROCESSED on a folder that every worker sees under the same path."
            raise WorkersError(msg) from None
        if hashlib.sha256(content).hexdigest() != self.sha256:
            msg = f"{self.path} is not what was written there. Check the disk, then type make all again."
            raise ArtefactError(msg)
        work: Work = pickle.loads(content)
        return work


_one_at_a_time = Lock()
"""Limits on threads hold for a whole process, and some of numba's threading layers die of two calls at once."""


@lru_cache(maxsize=2)
def _opened(parcel: Parcel) -> Work:
    return parcel.opened()


def carry_out(parcel: Parcel, order: Order) -> Arrays | None:
    """Do one part in a worker process, on one thread: workers share a machine as processes."""
    import numba

    with _one_at_a_time:
        numba.set_num_threads(1)  # of this thread
        return _opened(parcel)(order)
