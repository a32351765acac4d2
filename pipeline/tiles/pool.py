"""A pool of processes on this machine."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from typing import TYPE_CHECKING

from pipeline.tiles.executors import OtherProcesses, WorkerLost
from pipeline.tiles.work import carry_out

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from pipeline.tiles.work import Arrays, Order, Parcel


class Pool(OtherProcesses):
    """Processes that are spawned, never forked (a fork after a parallel numba kernel dies). Each has a thread here that waits for it.

    Unlike a ``ProcessPoolExecutor`` it loses only the order that a dead process was at, and has no semaphore that a killed build would leave behind.

    Parameters
    ----------
    workers : int
    """

    def __init__(self, workers: int) -> None:
        super().__init__()
        self.workers = workers
        self._threads: ThreadPoolExecutor | None = None
        self._helpers: list[_Helper] = []
        self._idle: SimpleQueue[_Helper] = SimpleQueue()

    def send(self, parcel: Parcel, order: Order) -> Future[Arrays | None]:
        """Send an order."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.workers)
            self._helpers = [_Helper() for _ in range(self.workers)]
            for helper in self._helpers:
                self._idle.put(helper)
        return self._threads.submit(self._done, parcel, order)

    def _done(self, parcel: Parcel, order: Order) -> Arrays | None:
        helper = self._idle.get()
        try:
            return helper.done(parcel, order)
        finally:
            self._idle.put(helper)

    def received(self, promise: Future[Arrays | None]) -> Arrays | None:
        """Wait for a result."""
        return promise.result()

    def is_lost(self, promise: Future[Arrays | None]) -> bool:
        """Whether the process died over the order."""
        return promise.done() and isinstance(promise.exception(), WorkerLost)

    def close(self) -> None:
        """End the processes."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            for helper in self._helpers:
                helper.kill()
            self._threads.shutdown(wait=True)
            self._threads, self._idle = None, SimpleQueue()
        super().close()


class _Helper:
    """One process, started when it is needed, and again when it died."""

    def __init__(self) -> None:
        self._process: SpawnProcess | None = None
        self._is_ended = False
        self._line: Connection | None = None

    def done(self, parcel: Parcel, order: Order) -> Arrays | None:
        """Have an order done, and wait for the result."""
        line = self._line or self._started()
        try:
            line.send((parcel, order))
            arrays, error = line.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        if error is not None:
            raise error
        found: Arrays | None = arrays
        return found

    def kill(self) -> None:
        """End the process in the middle of whatever it does, and start no other."""
        self._is_ended = True
        if self._process is not None:
            self._process.kill()

    def _started(self) -> Connection:
        spawn = multiprocessing.get_context("spawn")
        self._line, other_end = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(other_end,), daemon=True)
        self._process.start()
        if self._is_ended:
            self._process.kill()
        other_end.close()  # so that the death of the process ends the line
        return self._line

    def _lost(self) -> WorkerLost:
        assert self._process is not None
        assert self._line is not None
        self._line.close()
        self._process.join()
        code = self._process.exitcode or 0
        self._line = None
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return WorkerLost(f"a process of the pool {how}")


def _serve(line: Connection) -> None:
    """In a process of the pool: do one order after the other, until nobody is at the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that gives the orders
    while True:
        try:
            parcel, order = line.recv()
        except EOFError:
            return
        try:
            answer: tuple[Arrays | None, Exception | None] = carry_out(parcel, order), None
        except Exception as error:
            answer = None, _portable(error)
        try:
            line.send(answer)
        except BrokenPipeError:
            return


def _portable(error: Exception) -> Exception:
    """The error with its traceback as a note; as text alone where it cannot be sent."""
    note = f"In a process of the pool:\n{traceback.format_exc()}"
    error.add_note(note)
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
        error.add_note(note)
    return error
