"""A variable of a NetCDF file, of either make: its shape and attributes at hand, its values read when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Attribute = str | float | tuple[float, ...]


@dataclass(frozen=True)
class Variable:
    """One variable.

    Parameters
    ----------
    name : str
    dimensions : tuple of str
        Names; empty text for one that has none.
    shape : tuple of int
    dtype : numpy.dtype
        As stored.
    attributes : dict
        Text, a number, or several numbers.
    read : callable
        Gives the stored values.
    """

    name: str
    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: dict[str, Attribute]
    read: Callable[[], NDArray[Any]]

    @property
    def is_numeric(self) -> bool:
        """Whether values are real numbers."""
        return self.dtype.kind in "iuf"

    def text(self, key: str) -> str:
        """An attribute that should be text; empty where it is missing or a number."""
        value = self.attributes.get(key, "")
        return value if isinstance(value, str) else ""


def attribute_of(value: Any) -> Attribute:
    """An attribute as libraries give it, made plain; what is neither text nor numbers becomes a text that tells so and means nothing."""
    if isinstance(value, bytes | np.bytes_):
        return value.decode("utf-8", "replace").rstrip("\0")
    if isinstance(value, str):
        return str(value).rstrip("\0")
    array = np.asarray(value)
    if array.dtype.kind in "iuf":
        numbers = tuple(float(number) for number in array.ravel())
        return numbers[0] if len(numbers) == 1 else numbers
    if array.size == 1 and array.dtype.kind in "SUO":
        only = array.ravel()[0]
        if isinstance(only, bytes | str):
            return attribute_of(only)
    return f"a value of the type {array.dtype}"
