"""Variables of a NetCDF-4 (HDF5) file, from memory; nothing outside of the file is followed."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.bathymetry.limits import readable
from pipeline.bathymetry.variable import Attribute, Variable, attribute_of
from pipeline.errors import BathymetryError

if TYPE_CHECKING:
    from collections.abc import Iterator

_KIND = "NetCDF-4"
_MOST_OBJECTS = 10_000
_INNER = frozenset(("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", "_Netcdf4Dimid", "_Netcdf4Coordinates"))
"""Attributes by which the NetCDF library keeps its books."""


@contextmanager
def hdf5_variables(name: str, content: bytes) -> Iterator[dict[str, Variable]]:
    """Variables of the root group by name, readable while the context lasts.

    Raises
    ------
    BathymetryError
        The file cannot be read, or any part of it lies in another file.
    """
    import h5py

    with readable(name, _KIND):
        file = h5py.File(io.BytesIO(content), "r")
    with file:
        with readable(name, _KIND):
            _refuse_outside(name, file)
            variables = {key: _variable(name, key, item) for key, item in file.items() if isinstance(item, h5py.Dataset)}
        yield variables


def _refuse_outside(name: str, file: Any) -> None:
    """Refuse links and storage that lead to other files, in any group, without following them."""
    import h5py

    groups, seen = [file], 0
    while groups:
        group = groups.pop()
        for key in group:
            seen += 1
            if seen > _MOST_OBJECTS:  # also ends a group that holds itself
                msg = f"{name} holds more than {_MOST_OBJECTS:,} variables and groups. Keep the elevation and its axes only."
                raise BathymetryError(msg)
            outside = not isinstance(group.get(key, getlink=True), h5py.HardLink)
            item = None if outside else group[key]
            if isinstance(item, h5py.Group):
                groups.append(item)
            if outside or (isinstance(item, h5py.Dataset) and (item.is_virtual or item.external)):
                msg = f"{name}: {key!r} is a link or lies in another file. Save the grid as one file of its own, for instance with nccopy."
                raise BathymetryError(msg)


def _variable(name: str, key: str, dataset: Any) -> Variable:
    def read() -> Any:
        with readable(name, _KIND):
            return dataset[()]

    import h5py

    attributes: dict[str, Attribute] = {}
    for label in dataset.attrs:
        if label not in _INNER:
            value = dataset.attrs[label]
            attributes[label] = "" if isinstance(value, h5py.Empty) else attribute_of(value)
    return Variable(key, _dimensions(key, dataset), dataset.shape or (), dataset.dtype, attributes, read)


def _dimensions(key: str, dataset: Any) -> tuple[str, ...]:
    if dataset.is_scale and dataset.ndim == 1:
        return (key,)
    return tuple(str(axis[0].name).rpartition("/")[2] if len(axis) else "" for axis in dataset.dims)
