"""Content hashes of tasks: by what they hold, not by how it is kept in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache, cached_property, partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from pipeline.files import sha256_of

_PROGRAM = Path(__file__).parents[1]


@cache
def program_sha256() -> str:
    """One hash over every module of the program and the lock, as they were when this process first asked: a worker that runs on keeps its old one."""
    lock = _PROGRAM.parent / "requirements.lock"
    files = [*sorted(_PROGRAM.rglob("*.py")), *([lock] if lock.is_file() else [])]
    lines = [f"{path.relative_to(_PROGRAM.parent).as_posix()} {sha256_of(path)}" for path in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def content_sha256(value: object) -> str:
    """Hash of a value by its content: numbers, text, arrays, containers, functions by name, and objects by their class and state.

    Values that a class computes when first asked for (``cached_property``) are no part of an object's content.

    Examples
    --------
    >>> content_sha256({"a": 1, "b": np.arange(3)}) == content_sha256({"b": np.arange(3), "a": 1})
    True
    >>> content_sha256(1) == content_sha256(1.0)
    False
    """
    return _digest(value).hex()


def _digest(value: Any) -> bytes:
    kind = type(value)
    sha256 = hashlib.sha256(f"{kind.__module__}.{kind.__qualname__}\0".encode())
    for part in _parts(value):
        sha256.update(len(part).to_bytes(8, "little"))
        sha256.update(part)
    return sha256.digest()


def _parts(value: Any) -> list[bytes]:
    """Bytes that tell a value from all others of its class."""
    if value is None or isinstance(value, bool | int | float | complex | str | Path):
        return [(value.hex() if isinstance(value, float) else str(value)).encode("utf-8", "surrogateescape")]
    if isinstance(value, bytes | bytearray):
        return [bytes(value)]
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.hasobject:
            return [str(array.shape).encode(), *map(_digest, array.ravel().tolist())]
        return [array.dtype.str.encode(), str(array.shape).encode(), np.ascontiguousarray(array).tobytes()]
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        return [f"{value.__module__}.{value.__qualname__}".encode()]
    if isinstance(value, partial):
        return [_digest(value.func), _digest(value.args), _digest(value.keywords)]
    if isinstance(value, Mapping):
        return sorted(_digest(key) + _digest(held) for key, held in value.items())
    if isinstance(value, AbstractSet):
        return sorted(map(_digest, value))
    if isinstance(value, Sequence):
        return list(map(_digest, value))
    return [_digest(_state(value))]


def _state(value: Any) -> Any:
    state = value.__getstate__()
    if isinstance(state, dict):
        state = {name: held for name, held in state.items() if not isinstance(getattr(type(value), name, None), cached_property)}
    if state is None:  # nothing to tell from others of its class
        return ()
    return state
