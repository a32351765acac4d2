"""What one pass over the realisations leaves behind: totals of each, percentiles and probabilities per cell, classes."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self

import numpy as np

from pipeline.artefacts.formats import layer_tags, layers_from, plain, read_raster, read_table, write_dataset, write_json, write_raster, write_table
from pipeline.artefacts.steps import STEP_PROBABILITY, not_below, on_steps
from pipeline.artefacts.survey import Marks
from pipeline.errors import ArtefactError
from pipeline.files import TEMPORARY_PREFIX, put_folder_in_place, remove_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from pipeline.artefacts.survey import Seafloor
    from pipeline.geostatistics.layered_simulation import Blocks
    from pipeline.grid import Grid, Layers

    Array = NDArray[np.float64]

QUANTILES: Final = {"p05": 0.05, "p10": 0.10, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p90": 0.90, "p95": 0.95}
"""Share of the realisations below each percentile."""

PERCENTILES_SAID = "p05 is the value that 5 % of the realisations lie below: what the resource industry calls P95"

TOTALS_COLUMNS: Final = {
    "realisation": "int64",
    "element": "string",
    "region": "string",
    "cutoff_ppm": "double",
    "area_km2": "double",
    "dry_mud_t": "double",
    "metal_t": "double",
}
"""Columns of ``totals.parquet`` and how they are stored; the first four identify a row and sort the table."""

SQUARES = "squares.nc"
"""Name of the file of :class:`Squares`."""

REALISATIONS = "realisations.zarr"
"""Folder beside the totals in which realisations are kept on request."""

CLASSES: Final = {0: "unclassified", 1: "inferred", 2: "indicated", 3: "measured"}
"""Classes of ``classes.tif``; those above 0 are regions of the totals where they hold a cell."""

REASONS: Final = {
    0: "no interval: nothing was simulated",
    1: "too far outside the hull of the cores",
    2: "slope of regression below the limit",
    3: "supported, but the metal of a year's production is not known within the limit",
    4: "the metal of a year's production is known within the limit, that of a quarter's is not",
    5: "the metal of a quarter's production is known within the limit",
}
"""Why a cell has its class: 0 to 2 leave it unclassified, 3 makes it inferred, 4 indicated, 5 measured."""


@dataclass(frozen=True)
class SimulatedGrade:
    """Grade of one element over the realisations, at block support; NaN outside the estimated cells.

    Grades are whole numbers of the element's step, probabilities of ``STEP_PROBABILITY``.

    Parameters
    ----------
    cutoffs_ppm : tuple of float
    column_ppm : (quantiles, rows, columns) array
        Percentiles of the mass-weighted mean over the assessed interval, in the order of ``QUANTILES``.
    column_mean_ppm, column_sd_ppm : (rows, columns) arrays
    block_ppm : (quantiles, layers, rows, columns) array
    block_mean_ppm : (layers, rows, columns) array
        Mean metal over mean mud.
    probability : (cutoffs, rows, columns) array
        Share of the realisations in which the column's grade is at least the cut-off.
    block_probability : (cutoffs, layers, rows, columns) array
    step_ppm : float
        As that of the :class:`Grade` of the element.
    """

    cutoffs_ppm: tuple[float, ...]
    column_ppm: Array
    column_mean_ppm: Array
    column_sd_ppm: Array
    block_ppm: Array
    block_mean_ppm: Array
    probability: Array
    block_probability: Array
    step_ppm: float


@dataclass(frozen=True)
class Classes:
    """Class of each cell and why.

    Parameters
    ----------
    code : (rows, columns) array
        Key of ``CLASSES``; NaN outside the estimated cells.
    reason : (rows, columns) array
        Key of ``REASONS``; NaN outside the estimated cells.
    year_half_width_share, quarter_half_width_share : (rows, columns) arrays
        Half-width of the interval of the metal in the volume of a year's or a quarter's production, relative to its mean; the largest over the
        elements. NaN where it was not simulated.
    """

    code: Array
    reason: Array
    year_half_width_share: Array
    quarter_half_width_share: Array

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "classes.tif"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the raster alone; :class:`Simulation` writes it."""
        _, bands, _ = read_raster(path)
        return cls(*bands.values())


@dataclass(frozen=True)
class SquareTotals:
    """Tonnes of one element in squares of cells, by realisation: what lies in the blocks at or over each cut-off.

    Parameters
    ----------
    cutoffs_ppm : tuple of float
    dry_mud_t, metal_t : (realisations, cutoffs, rows, columns) arrays
        0 where a square holds no estimated cell.
    """

    cutoffs_ppm: tuple[float, ...]
    dry_mud_t: Array
    metal_t: Array


@dataclass(frozen=True)
class Squares:
    """Tonnes in squares of cells, of the first realisations: the range of any area is that of the sum of its squares, realisation by realisation.

    Square (i, j) holds the cells ``[i * side_cells:(i + 1) * side_cells, j * side_cells:(j + 1) * side_cells]`` from the north-western corner; those
    at the far edges are cut. Only estimated cells count (region ``all``), each by its share inside the region: the squares of a realisation add up to
    its rows of ``totals.parquet``.

    Parameters
    ----------
    side_cells : int
        Cells along the side of a square.
    grid : Grid
        That of the cells.
    grades : dict of str to SquareTotals
        By element; without those that were not simulated.
    marks : Marks
    """

    side_cells: int
    grid: Grid
    grades: dict[str, SquareTotals]
    marks: Marks

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of squares."""
        rows, columns = (-(-count // self.side_cells) for count in self.grid.shape)
        return rows, columns

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == SQUARES

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the data set."""
        import xarray as xr
        from affine import Affine
        from pyproj import CRS

        from pipeline.grid import Grid

        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            notes, crs = dataset.attrs, CRS.from_wkt(dataset["crs"].attrs["crs_wkt"])
            cell_m = float(notes["cell_m"])
            transform = Affine(cell_m, 0, float(notes["west_m"]), 0, -cell_m, float(notes["north_m"]))
            grid = Grid(crs, transform, (int(notes["cell_rows"]), int(notes["cell_columns"])))
            grades = {}
            for element in json.loads(notes["elements"]):
                cutoffs = tuple(float(cutoff) for cutoff in dataset[f"{element}_cutoff_ppm"].to_numpy())
                mud_t, metal_t = (dataset[f"{element}_{name}"].to_numpy().astype(np.float64) for name in ("dry_mud_t", "metal_t"))
                grades[element] = SquareTotals(cutoffs, mud_t, metal_t)
            return cls(int(notes["side_cells"]), grid, grades, Marks.from_tags(notes))

    def write(self, out: Path) -> None:
        """Write ``squares.nc``: CF NetCDF, float32."""
        write_dataset(self._dataset(), out)

    def _dataset(self) -> xr.Dataset:
        """Coordinates are the centres of whole squares, also of those that the grid's edge cuts."""
        import xarray as xr

        west_m, _, _, north_m = self.grid.bounds_m
        cell_m, side_m = self.grid.cell_m, self.grid.cell_m * self.side_cells
        rows, columns = self.shape
        axis = {"units": "m", "long_name": "centre of the square"}
        coordinates: dict[str, tuple[str, NDArray[Any], dict[str, str]]] = {
            "northing_m": ("northing_m", north_m - side_m * (np.arange(rows) + 0.5), {**axis, "standard_name": "projection_y_coordinate"}),
            "easting_m": ("easting_m", west_m + side_m * (np.arange(columns) + 0.5), {**axis, "standard_name": "projection_x_coordinate"}),
        }
        variables = {}
        for element, found in sorted(self.grades.items()):
            cutoff = f"{element}_cutoff_ppm"
            coordinates[cutoff] = (cutoff, np.array(found.cutoffs_ppm), {"units": "1e-6", "long_name": "cut-off grade of blocks"})
            dimensions = ("realisation", cutoff, "northing_m", "easting_m")
            said = f"in the blocks of a square whose grade of {element} is at least the cut-off"
            variables[f"{element}_dry_mud_t"] = (dimensions, found.dry_mud_t.astype(np.float32), {"units": "t", "long_name": f"dry mud {said}"})
            variables[f"{element}_metal_t"] = (dimensions, found.metal_t.astype(np.float32), {"units": "t", "long_name": f"{element} {said}"})
        place = {"cell_m": cell_m, "west_m": west_m, "north_m": north_m, "cell_rows": self.grid.shape[0], "cell_columns": self.grid.shape[1]}
        notes = {"Conventions": "CF-1.8", "side_cells": self.side_cells, **place, "elements": json.dumps(list(self.grades)), **self.marks.tags()}
        dataset = xr.Dataset(variables, coordinates, notes)
        dataset["crs"] = xr.DataArray(np.int32(0), attrs=self.grid.crs.to_cf())
        return dataset


class Beside(Protocol):
    """An artefact of its own that the pass over the realisations leaves beside the totals."""

    NAME: ClassVar[str]

    def write(self, out: Path) -> None:
        """Write it."""


@dataclass(frozen=True)
class Simulation:
    """What the reducers of the simulation found.

    Parameters
    ----------
    grid, layers
        Frame of the rasters.
    totals : DataFrame
        One row per realisation, element, region and cut-off, columns as in ``TOTALS_COLUMNS``; empty where nothing was simulated.
    grades : dict of str to SimulatedGrade
        By element; without those that were not simulated.
    classes : Classes
    summary : dict
        How it was simulated, its checks, and ``not_simulated``: the reason by element.
    marks : Marks
    warnings : tuple of str
    kept : bool
        Whether the realisations of this very run are stored beside the totals.
    squares : Squares or None
        ``None`` where the artefact was read: they are an artefact of their own.
    beside : tuple of Beside
        What else the pass left; empty where the artefact was read.
    """

    grid: Grid
    layers: Layers
    totals: pd.DataFrame
    grades: dict[str, SimulatedGrade]
    classes: Classes
    summary: dict[str, Any]
    marks: Marks
    warnings: tuple[str, ...] = field(default=(), compare=False)
    kept: bool = field(default=False, compare=False)
    squares: Squares | None = field(default=None, compare=False)
    beside: tuple[Beside, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact; the files beside it are read with it."""
        return path.name == "totals.parquet"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the table and, from beside it, ``simulation.json``, ``classes.tif`` and the rasters of each simulated element."""
        totals, notes = read_table(path)
        summary = json.loads(path.with_name("simulation.json").read_text(encoding="utf-8"))
        grid, bands, tags = read_raster(path.with_name("classes.tif"))
        layers, classes = layers_from(tags), Classes(*bands.values())
        grades = {element: _read_grade(path, element, layers) for element in notes["elements"]}
        return cls(grid, layers, totals, grades, classes, summary["summary"], Marks.from_tags(notes))

    def write(self, out: Path) -> None:
        """Write ``totals.parquet``, and all else beside it; realisations that an earlier run kept there are removed."""
        if not self.kept:
            remove_folder(out.with_name(REALISATIONS))
        tags = {**layer_tags(self.layers), **self.marks.tags()}
        for element, grade in self.grades.items():
            self._write_grade(out, element, grade, tags)
        legend = {"classes": json.dumps(CLASSES), "reasons": json.dumps(REASONS)}
        bands = {
            "class_code": self.classes.code,
            "reason_code": self.classes.reason,
            "year_half_width_share": self.classes.year_half_width_share,
            "quarter_half_width_share": self.classes.quarter_half_width_share,
        }
        write_raster(out.with_name("classes.tif"), self.grid, bands, {**tags, **legend})
        write_json({**self.marks.tags(), "summary": plain(self.summary)}, out.with_name("simulation.json"))
        if self.squares is not None:
            self.squares.write(out.with_name(SQUARES))
        for artefact in self.beside:
            artefact.write(out.with_name(artefact.NAME))
        # Last: it stands for the whole group.
        rows = self.totals.sort_values(list(TOTALS_COLUMNS)[:4])
        write_table(rows, TOTALS_COLUMNS, {**tags, "elements": list(self.grades)}, out)

    def _write_grade(self, out: Path, element: str, grade: SimulatedGrade, tags: dict[str, str]) -> None:
        tags = {**tags, "element": element, "percentiles": PERCENTILES_SAID}
        percentiles, probability = _percentile_bands(element, grade, self.layers), _probability_bands(element, grade, self.layers)
        bands = {name: not_below(values) for name, values in percentiles}
        write_raster(out.with_name(f"percentiles_{element}.tif"), self.grid, bands, {**tags, "step_ppm": repr(grade.step_ppm)})
        cutoffs = {"cutoffs_ppm": json.dumps(grade.cutoffs_ppm), "probability": "that the grade is at least the cut-off"}
        bands = {name: not_below(values) for name, values in probability}
        write_raster(out.with_name(f"probability_{element}.tif"), self.grid, bands, {**tags, **cutoffs, "step_probability": repr(STEP_PROBABILITY)})


def _percentile_bands(element: str, grade: SimulatedGrade, layers: Layers) -> Iterator[tuple[str, Array]]:
    """Percentiles, mean and standard deviation over the interval, then percentiles and mean of each layer."""
    yield from zip((f"{element}_{name}_ppm" for name in QUANTILES), grade.column_ppm, strict=True)
    yield f"{element}_mean_ppm", grade.column_mean_ppm
    yield f"{element}_sd_ppm", grade.column_sd_ppm
    for layer in range(layers.count):
        label = layers.label(layer)
        yield from zip((f"{element}_{name}_ppm {label}" for name in QUANTILES), grade.block_ppm[:, layer], strict=True)
        yield f"{element}_mean_ppm {label}", grade.block_mean_ppm[layer]


def _probability_bands(element: str, grade: SimulatedGrade, layers: Layers) -> Iterator[tuple[str, Array]]:
    """One band per cut-off over the interval, then for each layer."""
    names = [f"{element}_over_{np.format_float_positional(cutoff, trim='-')}_ppm_probability" for cutoff in grade.cutoffs_ppm]
    yield from zip(names, grade.probability, strict=True)
    for layer in range(layers.count):
        yield from zip((f"{name} {layers.label(layer)}" for name in names), grade.block_probability[:, layer], strict=True)


def _read_grade(path: Path, element: str, layers: Layers) -> SimulatedGrade:
    """Read back what :meth:`Simulation.write` made of one element."""
    grid, bands, tags = read_raster(path.with_name(f"percentiles_{element}.tif"))
    step_ppm = float(tags["step_ppm"])
    values, count = on_steps(np.array(list(bands.values())), step_ppm), len(QUANTILES)
    per_layer = values[count + 2 :].reshape(layers.count, count + 1, *grid.shape)
    _, bands, tags = read_raster(path.with_name(f"probability_{element}.tif"))
    cutoffs = tuple(float(cutoff) for cutoff in json.loads(tags["cutoffs_ppm"]))
    probability = on_steps(np.array(list(bands.values())), STEP_PROBABILITY).reshape(1 + layers.count, len(cutoffs), *grid.shape)
    return SimulatedGrade(
        cutoffs,
        values[:count],
        values[count],
        values[count + 1],
        np.moveaxis(per_layer[:, :count], 1, 0),
        per_layer[:, count],
        probability[0],
        np.moveaxis(probability[1:], 1, 0),
        step_ppm,
    )


@dataclass(frozen=True)
class Keep:
    """Folder that the realisations are to be stored in one by one, ``REALISATIONS`` beside the totals; ``None``: they are not kept."""

    path: Path | None = None

    def storing(
        self, draws: Iterable[Blocks], count: int, elements: Sequence[str], simulated: NDArray[np.int64], frame: Seafloor, marks: Marks
    ) -> Iterator[Blocks]:
        """Pass realisations on, and store each on its way.

        Parameters
        ----------
        draws : iterable of Blocks
        count : int
            How many there will be.
        elements : sequence of str
            In the order of their metal.
        simulated : (layers simulated,) int array
            Their numbers; the other layers of the frame are NaN.
        frame : Seafloor
        marks : Marks
        """
        if self.path is None:
            yield from draws
            return
        import zarr

        # Moved to its place when it is whole.
        partial = Path(tempfile.mkdtemp(dir=self.path.parent, prefix=f"{TEMPORARY_PREFIX}{self.path.name}-"))
        try:
            group = zarr.open_group(partial, mode="w")
            west, _, _, north = frame.grid.bounds_m
            group.attrs.update({**layer_tags(frame.layers), **marks.tags(), "crs_wkt": frame.grid.crs.to_wkt(), "cell_m": frame.grid.cell_m})
            group.attrs.update(
                {"west_m": west, "north_m": north, "dimensions": ["realisation", "layer", "row from the north", "column from the west"]}
            )
            shape = (frame.layers.count, *frame.grid.shape)
            names = ["dry_bulk_density_t_m3", *(f"{element}_ppm" for element in elements)]
            arrays = [group.create_array(name, shape=(count, *shape), chunks=(1, *shape), dtype="float32", fill_value=float("nan")) for name in names]
            if frame.layers.marker:
                own = frame.grid.shape
                marker = group.create_array("marker_m", shape=(count, *own), chunks=(1, *own), dtype="float32", fill_value=float("nan"))
            for blocks in draws:
                if blocks.marker_m is not None:
                    marker[blocks.number] = blocks.marker_m.astype(np.float32)
                with np.errstate(invalid="ignore"):  # a block without mud has no grade
                    grades = blocks.metal_g_m3 / blocks.density_t_m3
                for array, values in zip(arrays, [_density(blocks, frame, simulated), *grades], strict=True):
                    whole = np.full(shape, np.nan, dtype=np.float32)
                    whole[simulated] = values
                    array[blocks.number] = whole
                yield blocks
            _require_realisations(partial, count)
            put_folder_in_place(partial, self.path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _density(blocks: Blocks, frame: Seafloor, simulated: NDArray[np.int64]) -> NDArray[np.float32]:
    """Density of the mud in each block: of that part of it which lies below the seafloor, NaN where none does."""
    if blocks.marker_m is None:
        return blocks.density_t_m3
    from pipeline.geostatistics.marker_surface import thickness_share

    share = thickness_share(blocks.marker_m, 0.0, frame.layers.tops_m[simulated], frame.layers.layer_m).astype(np.float32)
    with np.errstate(invalid="ignore"):
        return np.asarray(blocks.density_t_m3 / share)


def _require_realisations(folder: Path, count: int) -> None:
    """Raise if a realisation is missing from an array of the folder: a chunk that is not there would read as empty."""
    import zarr

    for name, array in zarr.open_group(folder, mode="r").arrays():
        if array.nchunks_initialized != count:
            message = f"{folder}: {name} holds {array.nchunks_initialized} of {count} realisations. Check the disk, then run make all again."
            raise ArtefactError(message)


NOT_KEPT = Keep()
"""Realisations are not stored."""
