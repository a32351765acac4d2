"""What the machine lends a build, and what the user reads when it takes it back: disk, rights, memory. Standard library only."""

import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pipeline.errors import MachineError

FOREIGN_VARIABLES = (
    "PROJ_DATA",
    "PROJ_LIB",
    "PROJ_AUX_DB",
    "PROJ_NETWORK",
    "GDAL_DATA",
    "GDAL_DRIVER_PATH",
    "GDAL_CONFIG_FILE",
    "GDAL_SKIP",
    "HDF5_PLUGIN_PATH",
)
"""Variables with which another program's installation would lead our libraries to its own data; the Makefile names the same."""

WHOLE = "every finished file is whole"
_MEMORY = ("no memory is left", "Close other programs, lift the limit (ulimit -v unlimited), or build one thing at a time (make -j1 all)")
_NO_MEMORY = f"most often because no memory is left. {_MEMORY[1]}"
_WRITE = "Make it writable, or name another folder with PROCESSED=… and MAPS=…"

_FAULTS = {
    errno.ENOSPC: ("the disk is full", "Free some room"),
    errno.EDQUOT: ("your share of the disk is used up", "Free some room"),
    errno.EROFS: ("it lies on a read-only disk", _WRITE),
    errno.EACCES: ("permission is denied", _WRITE),
    errno.EPERM: ("permission is denied", _WRITE),
    errno.EMFILE: ("too many files are open", "Lift the limit (ulimit -n 1024)"),
    errno.ENFILE: ("too many files are open on this machine", "Close other programs"),
    errno.EFBIG: ("it would be larger than a file may be", "Lift the limit (ulimit -f unlimited), or use another disk"),
    errno.EIO: ("the disk cannot be read or written", "Check the disk"),
    errno.ESTALE: ("the network folder is gone", "Connect it again"),
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: ("no further process or thread can be started", "Close other programs, or lift the limit (ulimit -u)"),
}
"""What each failure means and how to cure it."""

_SAID = (
    (errno.ENOSPC, r"no space left on device"),
    (errno.EDQUOT, r"quota exceeded"),
    (errno.EROFS, r"read-only file system"),
    (errno.EMFILE, r"too many open files"),
    (errno.EFBIG, r"file too large"),
    (errno.EIO, r"input/output error"),
    (errno.EACCES, r"permission denied"),
    (errno.ENOMEM, r"cannot allocate memory|failed to map segment|bad_alloc|out of memory|unable to allocate|memoryerror"),
    (errno.EAGAIN, r"can't start new thread|resource temporarily unavailable"),
)
"""How libraries word a failure of the machine when they lose its number."""


def fault_of(error: BaseException, where: str) -> MachineError | None:
    """What the machine did to make this happen, or None if it is our bug.

    Parameters
    ----------
    error : exception
        Whatever came up; its causes are looked at too, because libraries wrap what the system told them.
    where : str
        What was being made, said when the failure itself names no file.

    Returns
    -------
    MachineError or None
        One line: where, what, and the cure.

    Examples
    --------
    >>> print(fault_of(OSError(errno.ENOSPC, "No space left on device", "grade_dy.tif"), "grade"))
    grade_dy.tif: the disk is full. Free some room, then type make all again; every finished file is whole.
    """
    for link in _chain(error):
        number = _number_of(link)
        if number is not None:
            found, cure = _FAULTS[number]
            named = getattr(link, "filename", None)
            place = os.fsdecode(named) if isinstance(named, str | bytes | os.PathLike) else where
            return MachineError(f"{place}: {found}. {cure}, then type make all again; {WHOLE}.")
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _number_of(error: BaseException) -> int | None:
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, OSError) and error.errno in _FAULTS:
        return error.errno
    # Only what may carry the words of the system: a message of ours could quote them from a file.
    if isinstance(error, OSError | ImportError | RuntimeError | SystemError) or type(error).__module__.partition(".")[0] in ("rasterio", "pyarrow"):
        return next((number for number, words in _SAID if re.search(words, str(error), re.IGNORECASE)), None)
    return None


def clear_foreign_variables(environment: MutableMapping[str, str] = os.environ) -> list[str]:
    """Forget variables of another installation, and return one note for each.

    Examples
    --------
    >>> surroundings = {"PROJ_DATA": "/opt/other/share/proj", "HOME": "/home/me"}
    >>> clear_foreign_variables(surroundings)
    ['note: PROJ_DATA=/opt/other/share/proj is ignored: the program uses the data of its own libraries']
    >>> surroundings
    {'HOME': '/home/me'}
    """
    return [
        f"note: {name}={environment.pop(name)} is ignored: the program uses the data of its own libraries"
        for name in FOREIGN_VARIABLES
        if name in environment
    ]


def open_closed_streams() -> None:
    """Lead a standard stream that is closed nowhere: the next file opened would take its number, and what is printed would land in that file."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process


def tell(line: str, made: str) -> None:
    """Print a line for the person at the keyboard.

    Parameters
    ----------
    line : str
        What to say.
    made : str
        What is finished by now, for the message.

    Raises
    ------
    MachineError
        If nobody reads on (``make all | head -1``) or what was to take the output is full.
    """
    try:
        print(line, flush=True)
    except OSError as error:
        # What is left in the buffer must not fail once more when the process ends.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        message = f"{made}, but nothing more can be printed ({error.strerror}). Keep the reader of the output open, then type make all again."
        raise MachineError(message) from None


def warn(line: str) -> None:
    """Print a line apart from any output that is data; nobody may be there to read it."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


_STOPS = (signal.SIGTERM, signal.SIGINT)

ONCE_MORE = 75
"""Exit code of work that is to be done once more: it removed what stood in its way (``EX_TEMPFAIL`` of BSD)."""


def run_apart(work: Callable[[], int], made: str) -> int:
    """Do work in a child process, so that its death is a message: too little memory ends C and C++ code by a signal.

    Parameters
    ----------
    work : callable
        Gives an exit code. Nothing heavy may be imported before: the child is forked.
    made : str
        What it makes, for the message.

    Returns
    -------
    int
        The exit code of the work; 128 and the number of the signal that ended it.
    """
    for attempt in (1, 2):
        code, in_order = _exit_code_of_child(work)
        if code != ONCE_MORE or attempt == 2:
            break
    if code < 0:
        return _say_died(-code, made)
    if code and not in_order:
        warn(f"error: {made}: a library gave up, {_NO_MEMORY}, then type make all again; {WHOLE}.")
    return code


def _exit_code_of_child(work: Callable[[], int]) -> tuple[int, bool]:
    """Exit code of the child, below zero for a signal, and whether Python ended it: OpenBLAS leaves a program where it stands."""
    ends, told = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        try:
            code = _code_of(work)
        finally:
            os.write(told, b".")
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        # Not by Python's own way out: where a thread of a library is left running, C++ aborts a process that has done its work.
        os._exit(code)
    os.close(told)
    # Make tells this process alone to end; Ctrl-C reaches the child by itself.
    signal.signal(signal.SIGTERM, lambda number, _frame: _pass_on(child, number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # nothing is left to be stopped, and the number may soon be another's
    os.set_blocking(ends, False)  # a grandchild may still hold the other end
    with suppress(BlockingIOError), os.fdopen(ends, "rb", buffering=0) as pipe:
        return code, bool(pipe.read(1))
    return code, False


def _code_of(work: Callable[[], int]) -> int:
    """Exit code of work that returns it, or leaves with it."""
    try:
        return work()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)


def _pass_on(child: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, number)


def _say_died(number: int, made: str) -> int:
    if number in _STOPS:  # before it could say so itself, or when it was about to end
        warn(_stopped(made))
        return 128 + number
    warn(f"error: {made}: the program was ended by {signal.Signals(number).name}, {_NO_MEMORY}, then type make all again; {WHOLE}.")
    return 128 + number


def _stopped(made: str) -> str:
    return f"stopped: {made}; {WHOLE}; type make all to go on"


class MemoryRanOut:
    """The line that says so, made while there is memory.

    Parameters
    ----------
    made : str
        What is being made.
    """

    def __init__(self, made: str) -> None:
        self._line = f"error: {fault_of(MemoryError(), made)}\n".encode()

    def leave(self) -> NoReturn:
        """Say the line and end the process at once, with exit code 2: Python's own way out needs memory, and fails in many words."""
        with suppress(OSError):
            os.write(2, self._line)
        os._exit(2)


def stop_politely(made: str) -> None:
    """From now on, SIGTERM and Ctrl-C end this process in order: temporary files go, one line is said, the exit code is 128 and the number."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        for later in _STOPS:
            signal.signal(later, signal.SIG_IGN)
        # Not print: the signal may have come in the middle of one.
        with suppress(OSError):
            os.write(2, f"{_stopped(made)}\n".encode())
        raise SystemExit(128 + number)

    for number in _STOPS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
