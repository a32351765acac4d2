"""Columns of blocks where a core might be drilled, of every realisation: what the worth of cores for tonnes over a cut-off is found from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from pipeline.artefacts.formats import write_dataset
from pipeline.artefacts.steps import on_steps
from pipeline.artefacts.survey import Marks

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

_STEPS = 1_000  # of a mean column: far finer than what a core can tell, and a quarter of the bytes


@dataclass(frozen=True)
class SimulatedColumn:
    """What the realisations hold of one element.

    Parameters
    ----------
    cutoffs_ppm : tuple of float
    metal_t, dry_mud_t : (realisations, cutoffs) arrays
        In the blocks of the region ``all`` at or over each cut-off, as in ``totals.parquet``.
    metal_g_m3 : (realisations, groups, candidates) array
        Mean metal per volume over each group of layers.
    """

    cutoffs_ppm: tuple[float, ...]
    metal_t: Array
    dry_mud_t: Array
    metal_g_m3: Array


@dataclass(frozen=True)
class SimulatedColumns:
    """Columns at a lattice of cells.

    Parameters
    ----------
    cells : (candidates,) int array
        Flat numbers of the cells, in rows from the north-west.
    spacing_cells : int
        Between the rows and the columns of the lattice.
    groups : tuple of tuple of int
        Numbers of the layers of each group, from the top.
    elements : dict of str to SimulatedColumn
        Without those that were not simulated.
    marks : Marks
    """

    NAME: ClassVar[str] = "simulated_columns.nc"

    cells: Integers
    spacing_cells: int
    groups: tuple[tuple[int, ...], ...]
    elements: dict[str, SimulatedColumn]
    marks: Marks

    @classmethod
    def nothing(cls, marks: Marks) -> Self:
        """Where nothing was simulated."""
        return cls(np.zeros(0, dtype=np.int64), 1, (), {}, marks)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == cls.NAME

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the data set."""
        import xarray as xr

        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            notes, elements = dataset.attrs, {}
            for element in json.loads(notes["elements"]):
                metal_t, mud_t, metal_g_m3 = (
                    dataset[f"{element}_{name}"].to_numpy().astype(np.float64) for name in ("metal_t", "dry_mud_t", "metal_g_m3")
                )
                cutoffs = tuple(float(cutoff) for cutoff in dataset[f"{element}_cutoff_ppm"].to_numpy())
                elements[element] = SimulatedColumn(cutoffs, metal_t, mud_t, metal_g_m3)
            cells = dataset["candidate"].to_numpy().astype(np.int64)
        groups = tuple(tuple(group) for group in json.loads(notes["groups"]))
        return cls(cells, int(notes["spacing_cells"]), groups, elements, Marks.from_tags(notes))

    def write(self, out: Path) -> None:
        """Write ``simulated_columns.nc``: CF NetCDF, float32; metal per volume in thousandths of its mean."""
        write_dataset(self._dataset(), out)

    def _dataset(self) -> xr.Dataset:
        import xarray as xr

        said = {"long_name": "number of the cell that holds the candidate, in rows from the north-west, from 0"}
        coordinates: dict[str, tuple[str, NDArray[Any], dict[str, str]]] = {"candidate": ("candidate", self.cells, said)}
        variables: dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, str]]] = {}
        for element, found in sorted(self.elements.items()):
            cutoff = f"{element}_cutoff_ppm"
            coordinates[cutoff] = (cutoff, np.array(found.cutoffs_ppm), {"units": "1e-6", "long_name": "cut-off grade of blocks"})
            over = f"of the region all, in the blocks whose grade of {element} is at least the cut-off"
            for name, values, what in (("metal_t", found.metal_t, element), ("dry_mud_t", found.dry_mud_t, "dry mud")):
                variables[f"{element}_{name}"] = (("realisation", cutoff), values.astype(np.float32), {"units": "t", "long_name": f"{what} {over}"})
            said = {"units": "g m-3", "long_name": f"mean {element} per volume over a group of layers"}
            variables[f"{element}_metal_g_m3"] = (("realisation", "group", "candidate"), found.metal_g_m3.astype(np.float32), said)
        groups = json.dumps([list(group) for group in self.groups])
        notes = {"Conventions": "CF-1.8", "spacing_cells": self.spacing_cells, "groups": groups, "elements": json.dumps(list(self.elements))}
        return xr.Dataset(variables, coordinates, {**notes, **self.marks.tags()})


def in_steps(metal_g_m3: NDArray[Any]) -> Array:
    """Metal per volume in steps of a power of ten, a thousand or more of them in its mean: float32 with fewer digits, which pack well."""
    mean = float(np.mean(metal_g_m3)) if metal_g_m3.size else 0.0
    if not mean > 0:
        return np.asarray(metal_g_m3, dtype=np.float64)
    return on_steps(metal_g_m3, float(f"1e{int(np.floor(np.log10(mean / _STEPS)))}"))
