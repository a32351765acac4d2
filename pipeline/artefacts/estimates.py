"""What is estimated: density, grades, tonnages, the block model."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pipeline.artefacts.formats import layer_tags, layers_from, read_csv, read_raster, write_csv, write_dataset, write_raster
from pipeline.artefacts.steps import STEP_PPM, not_below, on_steps
from pipeline.artefacts.survey import Marks

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from pipeline.grid import Grid, Layers

    Array = NDArray[np.float64]

TONNAGE_COLUMNS = ("element", "region", "cutoff_ppm", "statistic", "area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t", "data_kind")


@dataclass(frozen=True)
class Density:
    """Dry bulk density of the blocks.

    Parameters
    ----------
    column_t_m3, column_sd_t_m3 : (rows, columns) arrays
        Mean over the assessed interval and its standard deviation.
    layer_t_m3, layer_sd_t_m3 : (layers, rows, columns) arrays
    source : str
        As in :class:`Composites`.
    """

    grid: Grid
    layers: Layers
    column_t_m3: Array
    column_sd_t_m3: Array
    layer_t_m3: Array
    layer_sd_t_m3: Array
    source: str
    marks: Marks

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "density.tif"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the raster."""
        grid, bands, tags = read_raster(path)
        layers, values = layers_from(tags), list(bands.values())
        return cls(grid, layers, values[0], values[1], np.array(values[2::2]), np.array(values[3::2]), tags["source"], Marks.from_tags(tags))

    def write(self, out: Path) -> None:
        """Write ``density.tif``."""
        bands = {"dry_bulk_density_t_m3": self.column_t_m3, "dry_bulk_density_sd_t_m3": self.column_sd_t_m3}
        for layer in range(self.layers.count):
            label = self.layers.label(layer)
            bands[f"dry_bulk_density_t_m3 {label}"] = self.layer_t_m3[layer]
            bands[f"dry_bulk_density_sd_t_m3 {label}"] = self.layer_sd_t_m3[layer]
        write_raster(out, self.grid, bands, {**layer_tags(self.layers), **self.marks.tags(), "source": self.source})


def grade_bands(element: str, layers: Layers) -> list[str]:
    """Names of the bands of ``grade_<element>.tif``, in their order."""
    places = ["", *(f" {layers.label(layer)}" for layer in range(layers.count))]
    return [*(f"{element}_{name}ppm{place}" for place in places for name in ("", "sd_")), "slope_of_regression"]


@dataclass(frozen=True)
class Grade:
    """Grade of one element in the blocks, at block support; grades and standard deviations are whole numbers of steps.

    Parameters
    ----------
    mean_ppm, sd_ppm : (rows, columns) arrays
        Mass-weighted mean over the assessed interval; its standard deviation includes the covariance between layers.
    layer_ppm, layer_sd_ppm : (layers, rows, columns) arrays
    slope_of_regression : (rows, columns) array
        Of the column's accumulation: 1 where the estimate is conditionally unbiased.
    estimator : str
        Name of the :class:`Estimator` of the accumulation.
    step_ppm : float
        Step of the grades and their standard deviations (:func:`step_ppm_of`).
    """

    element: str
    grid: Grid
    layers: Layers
    mean_ppm: Array
    sd_ppm: Array
    layer_ppm: Array
    layer_sd_ppm: Array
    slope_of_regression: Array
    marks: Marks
    estimator: str
    step_ppm: float = STEP_PPM

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return re.fullmatch(r"grade_\w+\.tif", path.name) is not None

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the raster."""
        grid, bands, tags = read_raster(path)
        layers, step_ppm = layers_from(tags), float(tags["step_ppm"])
        values = on_steps(np.array(list(bands.values())[: 2 + 2 * layers.count]), step_ppm)
        slope, marks = bands["slope_of_regression"], Marks.from_tags(tags)
        return cls(tags["element"], grid, layers, values[0], values[1], values[2::2], values[3::2], slope, marks, tags["estimator"], step_ppm)

    def write(self, out: Path) -> None:
        """Write ``grade_<element>.tif``."""
        by_layer = [values for layer in range(self.layers.count) for values in (self.layer_ppm[layer], self.layer_sd_ppm[layer])]
        values: list[NDArray[Any]] = [not_below(grades) for grades in (self.mean_ppm, self.sd_ppm, *by_layer)]
        bands = dict(zip(grade_bands(self.element, self.layers), [*values, self.slope_of_regression], strict=True))
        own = {"element": self.element, "estimator": self.estimator, "step_ppm": repr(self.step_ppm)}
        tags = {**layer_tags(self.layers), **self.marks.tags(), **own}
        write_raster(out, self.grid, bands, tags)


@dataclass(frozen=True)
class Tonnage:
    """Tonnage table: columns as in ``TONNAGE_COLUMNS``, one row per element, region, cut-off and statistic."""

    frame: pd.DataFrame
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "tonnage.csv"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the table."""
        return cls(read_csv(path, na_values=[""]))

    def write(self, out: Path) -> None:
        """Write ``tonnage.csv``."""
        write_csv(self.frame.loc[:, list(TONNAGE_COLUMNS)], out)


@dataclass(frozen=True)
class BlockModel:
    """All elements and layers in one CF data set."""

    dataset: xr.Dataset

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "block_model.nc"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the data set."""
        import xarray as xr

        with xr.open_dataset(path, engine="h5netcdf", decode_coords="all") as dataset:
            return cls(dataset.load())

    def write(self, out: Path) -> None:
        """Write ``block_model.nc``."""
        write_dataset(self.dataset, out)
