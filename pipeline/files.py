"""Files that are whole or absent: atomic writes, content hashes and the lock of a build. Standard library only."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from pipeline.errors import ArtefactError, PipelineError

TEMPORARY_PREFIX = ".partial-"
"""Starts the name of every file that is still being written; such a file is no product."""


@contextmanager
def atomic_path(out: Path, check: Callable[[Path], object] | None = None) -> Iterator[Path]:
    """Write beside a file and put the result in its place only when it is complete.

    A build that is killed, or a disk that fills up, leaves the last good file untouched.

    Parameters
    ----------
    out : Path
        The file to make or replace. Its folder is made if need be.
    check : callable, optional
        Called with the finished temporary file; it should open it again and raise if it is not what was meant.

    Yields
    ------
    Path
        A temporary path in the same folder and with the same suffix, for the block to write.

    Raises
    ------
    FileNotFoundError
        If the block wrote nothing.
    ArtefactError
        If the check fails.
    OSError
        If nothing can be written there, also where the block's own error hides it (GDAL tells of a full disk as a failed seek).

    Examples
    --------
    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "grade.txt"
    >>> with atomic_path(out) as path:
    ...     _ = path.write_text("whole")
    >>> out.read_text()
    'whole'
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = _unused_name(out)
    try:
        try:
            yield temporary
            _check(temporary, out, check)
        except PipelineError:
            raise
        except OSError as error:
            if error.errno is not None and (error.filename is None or temporary.name in str(error.filename)):
                error.filename = str(out)  # the name that people know
            raise
        except Exception as error:
            _raise_what_hinders_writing(out, error)
            raise
        _replace(temporary, out)
    finally:
        for left in out.parent.glob(f"{escape(temporary.name)}*"):  # a driver may leave side files (.aux.xml, -journal)
            left.unlink(missing_ok=True)


def _unused_name(out: Path) -> Path:
    """A name that nobody has yet: libraries choose their driver by the suffix, and refuse or append to files that exist."""
    try:
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f"{TEMPORARY_PREFIX}{out.stem}-", suffix=out.suffix) as reserved:
            return Path(reserved.name)
    except OSError as error:
        error.filename = str(out)
        raise


def write_whole(out: Path, content: bytes, check: Callable[[Path], object] | None = None) -> None:
    """Write a file from memory, and put it in its place when it reads back as it should; arguments as in :func:`atomic_path`.

    For libraries that report a full disk badly: HDF5 dies of it, GDAL does not say what happened.
    """

    def same(path: Path) -> None:
        _require_content(path, content)
        if check is not None:
            check(path)

    with atomic_path(out, same) as temporary:
        temporary.write_bytes(content)


def _check(temporary: Path, out: Path, check: Callable[[Path], object] | None) -> None:
    if check is None:
        return
    try:
        check(temporary)
    except Exception as error:
        _raise_what_hinders_writing(out, error)
        message = f"{out} was written, but cannot be read back: {error}. Check the disk, then run make all again; the last good file is still there."
        raise ArtefactError(message) from error


def _raise_what_hinders_writing(out: Path, error: Exception) -> None:
    """Try to write a block beside a file that could not be made: if that fails too, the machine is at fault."""
    try:
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=TEMPORARY_PREFIX) as block:
            block.write(bytes(1 << 16))
            block.flush()
            os.fsync(block.fileno())
    except OSError as hindrance:
        raise OSError(hindrance.errno, hindrance.strerror, str(out)) from error


def put_folder_in_place(temporary: Path, out: Path) -> None:
    """Put a finished folder where an older one may be. Whenever the machine stops, what stands under the name is whole, or nothing is.

    Parameters
    ----------
    temporary : Path
        The finished folder, beside ``out``.
    out : Path
        Where it goes.
    """
    for place, _, names in os.walk(temporary):
        for name in names:
            with Path(place, name).open("rb") as file:
                os.fsync(file.fileno())
        _sync_folder(Path(place))
    temporary.chmod(0o777 & ~_umask())
    remove_folder(out)
    temporary.replace(out)
    _sync_folder(out.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that at no moment half of it stands under its name; nothing happens if it is not there."""
    if not folder.is_dir():
        return
    going = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{TEMPORARY_PREFIX}{folder.name}-"))
    folder.replace(going)
    shutil.rmtree(going)


def _replace(temporary: Path, out: Path) -> None:
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.chmod(0o666 & ~_umask())
    temporary.replace(out)
    _sync_folder(out.parent)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network and shared folders cannot; the rename itself is still atomic
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_if_changed(path: Path, content: bytes | str, newer_than: Iterable[Path] = ()) -> bool:
    """Write a small file only when its content differs, so that its date says when its meaning changed.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes or str
        What it shall hold; text is written as UTF-8.
    newer_than : iterable of Path
        Files that must count as older than a change: a clock that went back, or a product dated in the future,
        must not hide it from Make. Missing ones are passed over.

    Returns
    -------
    bool
        Whether the file was written.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data:
        return False
    newest_ns = newest_mtime_ns(newer_than)
    with atomic_path(path, lambda written: _require_content(written, data)) as temporary:
        temporary.write_bytes(data)
        for step_ns in (1_000_000, 2_000_000_000):  # the coarsest file systems count in steps of 2 s
            stamp_ns = max(time.time_ns(), newest_ns + step_ns)
            os.utime(temporary, ns=(stamp_ns, stamp_ns))
            if temporary.stat().st_mtime_ns > newest_ns:
                break
    return True


def _require_content(path: Path, content: bytes) -> None:
    if path.read_bytes() != content:
        message = "it does not read back as it was written"
        raise ValueError(message)


def newest_mtime_ns(paths: Iterable[Path]) -> int:
    """Latest modification time of the files that exist, in nanoseconds since 1970; 0 if there is none."""
    newest = 0
    for path in paths:
        with suppress(OSError):
            newest = max(newest, path.stat().st_mtime_ns)
    return newest


@contextmanager
def build_lock(folder: Path) -> Iterator[None]:
    """Hold a folder while the block runs; see :func:`take_build_lock`."""
    descriptor = take_build_lock(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def take_build_lock(folder: Path, *, inheritable: bool = False) -> int:
    """Hold a folder for one build at a time; wait while another build holds it and say who.

    The lock is on the folder itself, so no file lies around that somebody must delete, and it ends with the process.

    Parameters
    ----------
    folder : Path
        Folder to hold. It is made if need be.
    inheritable : bool
        Leave the lock to a program that replaces this one (``os.exec*``).

    Returns
    -------
    int
        The file descriptor that carries the lock; closing it ends the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _flock(descriptor, folder)
    except BaseException:
        os.close(descriptor)
        raise
    os.set_inheritable(descriptor, inheritable)
    return descriptor


def _flock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = lock_holder(folder)
        who = f"process {holder}" if holder else "another process"
        if holder and not Path(f"/proc/{holder}").exists():
            who = f"what is left of a build that was killed (process {holder})"  # its last stages inherited the lock
        print(f"waiting: {who} is building in {folder}", file=sys.stderr, flush=True)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:  # some network folders have no locks
        print(f"warning: {folder} cannot be locked ({error.strerror}); run one build at a time", file=sys.stderr, flush=True)


def lock_holder(path: Path) -> int | None:
    """Process that holds the lock of a file or folder, where the system tells (Linux), else None."""
    inode = path.stat().st_ino
    with suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            found = re.search(rf"FLOCK\s+\S+\s+WRITE\s+(\d+)\s+\w+:\w+:{inode}\s", line)
            if found and "->" not in line:
                return int(found.group(1)) or None
    return None


def clean_stale_temporaries(folder: Path) -> list[Path]:
    """Remove what a killed build left half written in a folder, and return it. Call it only while holding the build's lock."""
    stale = sorted(folder.glob(f"{TEMPORARY_PREFIX}*")) if folder.is_dir() else []
    for path in stale:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return stale


def json_text(value: object) -> str:
    """JSON with sorted keys, one per line, ending in a newline: the same value is always the same bytes."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
