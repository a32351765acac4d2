"""Blocks for programs that draw or mine them: which there are, what they hold, and where their corners lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from pipeline.export.results import Results
    from pipeline.grid import Grid, Layers

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """Blocks of one cell and one layer.

    Parameters
    ----------
    grid, layers
        Their frame.
    known : (layers, rows, columns) bool array
        Blocks with an estimate.
    values : dict of str to (layers, rows, columns) float32 array
        By name with the unit; what belongs to a cell stands in each of its layers.
    codes : dict of str to (dict of int to str)
        Meaning of the values that are codes.
    surface_m : (rows, columns) array
        Elevation of the seafloor, positive up: minus the water depth; NaN where the assessment knows none.
    below_seafloor_m : (layers + 1, rows, columns) array, or (layers + 1, 1, 1)
        Depth of the edges of layers below the seafloor: that of the layers, or, where they are relative to a marker, the expected one.
    """

    grid: Grid
    layers: Layers
    known: NDArray[np.bool_]
    values: dict[str, NDArray[np.float32]]
    codes: dict[str, dict[int, str]]
    surface_m: Array
    below_seafloor_m: Array

    @property
    def has_elevations(self) -> bool:
        """Whether every block can be put at its true elevation."""
        return bool(np.isfinite(self.surface_m[self.known.any(axis=0)]).all() and self.known.any())

    @property
    def edges_m(self) -> tuple[Array, Array, Array]:
        """Edges of columns (eastward), rows (southward) and layers (downward, below the seafloor or the marker), in metres."""
        west, _, _, north = self.grid.bounds_m
        rows, columns = self.grid.shape
        easting_m: Array = west + self.grid.cell_m * np.arange(columns + 1, dtype=np.float64)
        northing_m: Array = north - self.grid.cell_m * np.arange(rows + 1, dtype=np.float64)
        return easting_m, northing_m, layer_edges_m(self.layers)

    def middles_m(self) -> Array:
        """(known blocks, 3) easting, northing and elevation of the middle of each known block."""
        layer, row, column = np.nonzero(self.known)
        easting_m, northing_m = self.grid.axes_m()
        depth_m = np.broadcast_to(self.below_seafloor_m, (self.layers.count + 1, *self.grid.shape))
        middle_m = (depth_m[layer, row, column] + depth_m[layer + 1, row, column]) / 2
        return np.stack([easting_m[column], northing_m[row], self.surface_m[row, column] - middle_m], axis=1)

    def corner_elevation_m(self) -> Array:
        """(layers + 1, rows + 1, columns + 1) elevation of the corners of blocks: mean of the cells that meet there.

        So that draped blocks close without steps. NaN where no cell with a depth meets.
        """
        return at_corners(self.surface_m) - at_corners(np.broadcast_to(self.below_seafloor_m, (self.layers.count + 1, *self.grid.shape)))


def layer_edges_m(layers: Layers) -> Array:
    """(layers + 1,) boundaries of layers from the top down, in metres below what they are relative to."""
    edges_m: Array = layers.top_m + layers.layer_m * np.arange(layers.count + 1, dtype=np.float64)
    return edges_m


def at_corners(values: Array) -> Array:
    """(…, rows + 1, columns + 1) mean of the cells that meet at each corner; cells that are NaN do not count, NaN where all are.

    Examples
    --------
    >>> at_corners(np.array([[1.0, 3.0]]))
    array([[1., 2., 3.],
           [1., 2., 3.]])
    """
    *lead, rows, columns = values.shape
    total = np.zeros((*lead, rows + 1, columns + 1))
    count = np.zeros(total.shape)
    finite = np.isfinite(values)
    filled = np.where(finite, values, 0.0)
    for down in (0, 1):
        for right in (0, 1):
            total[..., down : down + rows, right : right + columns] += filled
            count[..., down : down + rows, right : right + columns] += finite
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def blocks_of(results: Results) -> Blocks | None:
    """Blocks of the results, or ``None`` where there is no block model."""
    model = results.blocks
    if model is None:
        return None
    layers, shape = results.layers, (results.layers.count, *results.grid.shape)
    estimates = [model[f"{element}_ppm"].to_numpy() for element in results.elements if f"{element}_ppm" in model]
    known = np.zeros(shape, dtype=bool)
    for estimate in estimates:
        known |= np.isfinite(estimate)
    values: dict[str, NDArray[np.float32]] = {}
    codes: dict[str, dict[int, str]] = {}
    for name, variable in model.data_vars.items():
        if "flag_values" in variable.attrs:
            flags = np.atleast_1d(variable.attrs["flag_values"])
            codes[str(name)] = {int(code): text for code, text in zip(flags, str(variable.attrs["flag_meanings"]).split(), strict=True)}
        values |= dict(_per_block(str(name), variable, shape))
    edges_m = layer_edges_m(layers)
    below_m = edges_m[:, None, None] if results.horizon is None else results.horizon.expected_depth_m(edges_m)
    # What lies above the seafloor does not exist, and has no body to draw.
    known &= np.diff(below_m, axis=0) > 0
    return Blocks(results.grid, layers, known, values, codes, -results.seafloor.depth_m, below_m)


def _per_block(name: str, variable: xr.DataArray, shape: tuple[int, int, int]) -> list[tuple[str, NDArray[np.float32]]]:
    """A variable of the block model as arrays over all blocks; one for each cut-off where it has them."""
    array = variable.to_numpy()
    if array.shape == shape:
        return [(name, array)]
    if array.shape == shape[1:]:
        return [(name, np.broadcast_to(array, shape))]
    if array.ndim == len(shape) + 1 and array.shape[1:] == shape:
        cutoffs = variable[variable.dims[0]].to_numpy()
        element = name.removesuffix("_probability")
        return [(f"{element}_over_{cutoff:g}_ppm_probability", part) for cutoff, part in zip(cutoffs, array, strict=True)]
    return []
