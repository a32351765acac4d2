r"""From what lies in place to what can be lifted, in one realisation: arrays in, arrays out.

A column is mined from the seafloor through the cover down to a base, and everything between comes up. With :math:`D_k` and :math:`M_k` the mud and
the metal of the lead element between the seafloor and the bottom of layer k, and c the cut-off, the base is where

.. math:: k^* = \arg\max_k \; (M_k - c\,D_k), \qquad M_{k^*} - c\,D_{k^*} \ge 0

the deepest of several (rule ``break_even``): the optimal pit of one column (Lerchs & Grossmann 1965), in which every group of layers at the base
carries itself and the whole reaches the cut-off. Rule ``deepest`` takes the deepest k with :math:`M_k \ge c\,D_k` instead, and so the most metal that
a mean of c allows. The ore begins with the first layer that reaches c; what lies on it is cover. A column is left where no base pays, the cover is
too thick, or the base too near to the top of the ore.

Both rules are monotone in c: as it rises the base never sinks, so that mud and metal of a column never grow, and the grade of what is mined never
falls.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from pipeline.geostatistics.compiled import CACHE
from pipeline.geostatistics.marker_surface import expected_depth_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.grid import Layers

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Bases = NDArray[np.int16]


@dataclass(frozen=True)
class ColumnRule:
    """How deep a column is mined, and whether it is.

    Parameters
    ----------
    cutoff_ppm : float
        Of the lead element.
    max_cover_m : float
        Most mud below the cut-off above the first layer that reaches it.
    min_layer_m : float
        Least distance from the top of that layer to the base.
    break_even : bool
        Base where metal beyond the cut-off is most; otherwise the deepest at which the mean reaches the cut-off.
    """

    cutoff_ppm: float
    max_cover_m: float
    min_layer_m: float
    break_even: bool = True


@dataclass(frozen=True)
class PanelRule:
    """Which connected groups of mined columns are worth a campaign.

    Parameters
    ----------
    min_dry_mud_t : float
        Least mud of a group.
    neighbours : int
        4: cells touch by a side; 8: by a corner too.
    """

    min_dry_mud_t: float
    neighbours: int


@dataclass(frozen=True)
class Column:
    """Layers that are simulated, seen from the seafloor: the same in all cells, or, below a marker, in each its own.

    Parameters
    ----------
    tops_m, bottoms_m : (layers, 1) or (layers, cells) arrays
        Below the seafloor; 0 where it would lie above it.
    above_m : (layers, 1) or (layers, cells) array
        Mud on top of each layer that no layer holds: above the assessed interval, or where no core tells the grade.
    layer_m : float
    """

    tops_m: Array
    bottoms_m: Array
    above_m: Array
    layer_m: float

    @classmethod
    def of(cls, layers: Layers, simulated: NDArray[np.int64], marker_m: Array | None = None, marker_sd_m: Array | float = 0.0) -> Column:
        """The column of an assessment.

        Parameters
        ----------
        layers : Layers
        simulated : (layers simulated,) int array
            Their numbers, rising.
        marker_m, marker_sd_m : (cells,) arrays, optional
            Depth below the seafloor of the marker that the layers are relative to, and its standard deviation: depths are then the expected ones.
        """
        tops_m, bottoms_m = layers.tops_m[simulated][:, None], layers.bottoms_m[simulated][:, None]
        if marker_m is not None:
            tops_m, bottoms_m = (expected_depth_m(marker_m.ravel()[None], np.ravel(marker_sd_m)[None], edge_m) for edge_m in (tops_m, bottoms_m))
            # Outside the region nothing is known of the marker, and nothing is mined.
            tops_m, bottoms_m = np.nan_to_num(tops_m), np.nan_to_num(bottoms_m)
        above_m = tops_m - np.concatenate([np.zeros((1, tops_m.shape[1])), bottoms_m[:-1]])
        # A layer's bottom and the next one's top may differ in the last bit.
        above_m = np.where(above_m > 1e-6 * layers.layer_m, above_m, 0.0)
        if marker_m is not None:
            # What lies on top is as dense as the mud of the layer, of which blocks tell only what is expected to exist.
            exists = (bottoms_m - tops_m) / layers.layer_m
            above_m = np.where(exists > 0, above_m / np.where(exists > 0, exists, 1.0), 0.0)
        return cls(tops_m, bottoms_m, above_m, layers.layer_m)

    def among(self, cells: NDArray[np.int64]) -> Column:
        """The columns of some cells, by their flat numbers."""
        if self.tops_m.shape[1] == 1:
            return self
        return replace(self, tops_m=self.tops_m[:, cells], bottoms_m=self.bottoms_m[:, cells], above_m=self.above_m[:, cells])

    def depths_m(self, cells: NDArray[np.int64], bases: NDArray[np.int64]) -> Array:
        """(n,) depth below the seafloor of the base of some cells, each mined through so many layers, at least one."""
        at = np.zeros_like(cells) if self.bottoms_m.shape[1] == 1 else cells
        return np.asarray(self.bottoms_m[bases - 1, at])


INTERVAL, MINED, FIRST = 0, 1, 2
"""Places of the quantities of :func:`cumulated`: mud of the interval, mud that is lifted, and from there on the metals."""


def cumulated(density_t_m3: NDArray[Any], metal_g_m3: NDArray[Any], column: Column) -> Array:
    """What lies above the bottom of each layer, per area.

    Parameters
    ----------
    density_t_m3 : (layers, cells) array
        NaN or 0 is no block.
    metal_g_m3 : (elements, layers, cells) array
    column : Column

    Returns
    -------
    (cells, layers + 1, 2 + elements) array
        From nothing down: t/m² of mud in the layers, t/m² of mud lifted with what lies on top of them, g/m² of each metal.
    """
    layers, cells = density_t_m3.shape
    out = np.empty((cells, layers + 1, FIRST + len(metal_g_m3)))
    _cumulate(density_t_m3, metal_g_m3, column.above_m, column.layer_m, out)
    return out


def bases(sums: Array, lead: int, column: Column, rule: ColumnRule) -> Bases:
    """Number of layers that each column is mined through, 0 where it is left.

    Parameters
    ----------
    sums : (cells, layers + 1, 2 + elements) array
        As :func:`cumulated` gives them.
    lead : int
        Element that the cut-off is of.
    column : Column
    rule : ColumnRule
    """
    out = np.zeros(len(sums), dtype=np.int16)
    limits = rule.cutoff_ppm, rule.max_cover_m, rule.min_layer_m
    _bases(sums, FIRST + lead, column.bottoms_m, column.tops_m, *limits, rule.break_even, out)
    return out


def panels(mud_t: Array, shape: tuple[int, int], rule: PanelRule) -> Mask:
    """Cells of the connected groups that hold enough mud.

    Parameters
    ----------
    mud_t : (cells,) array
        Mud of each mined column, row by row; 0 or less: it is not mined.
    shape : (rows, columns)
    rule : PanelRule
    """
    out = np.empty(mud_t.size, dtype=np.bool_)
    _panels(mud_t, shape[0], shape[1], rule.neighbours == 8, rule.min_dry_mud_t, out)
    return out


def mud_of(sums: Array, base: Bases, area_m2: Array) -> Array:
    """(cells,) tonnes lifted of each column over its base."""
    return np.asarray(sums[np.arange(len(sums)), base, MINED] * area_m2)


def whole(cells: int, layers: int) -> Bases:
    """Bases that leave nothing."""
    return np.full(cells, layers, dtype=np.int16)


def added(sums: Array, base: Bases, shares: Array, *, lifted: bool) -> Array:
    """Area, mud and metals above the bases, each cell by its share.

    Terms are added cell by cell in one order, and none is negative: where a share or a base is smaller, so is the sum, to the last bit.

    Parameters
    ----------
    sums : (cells, layers + 1, 2 + elements) array
    base : (cells,) array
    shares : (cells, n) array
        Of n selections; 0 where a cell does not count.
    lifted : bool
        Mud with what lies on top of the layers; otherwise that of the layers alone.

    Returns
    -------
    (n, 2 + elements) array
        Cells, t/m² and g/m², times the area of a cell.
    """
    out = np.zeros((shares.shape[1], sums.shape[2]))
    _add(sums, base, np.ascontiguousarray(shares), MINED if lifted else INTERVAL, out)
    return out


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _cumulate(density: Any, metal: Any, above_m: Array, layer_m: float, out: Array) -> None:  # pragma: no cover - compiled
    elements, layers, cells = metal.shape
    own = 1 if above_m.shape[1] > 1 else 0
    for cell in range(cells):
        for quantity in range(2 + elements):
            out[cell, 0, quantity] = 0.0
        for layer in range(layers):
            mud = float(density[layer, cell])
            is_block = mud > 0
            if not is_block:
                mud = 0.0
            out[cell, layer + 1, 0] = out[cell, layer, 0] + mud * layer_m
            # ASSUME: mud of unknown grade that is lifted on the way is barren, and as dense as the layer below it.
            out[cell, layer + 1, 1] = out[cell, layer, 1] + mud * (layer_m + above_m[layer, own * cell])
            for element in range(elements):
                here = float(metal[element, layer, cell]) if is_block else 0.0
                out[cell, layer + 1, 2 + element] = out[cell, layer, 2 + element] + here * layer_m


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _bases(
    sums: Array, lead: int, bottoms_m: Array, tops_m: Array, cutoff: float, max_cover_m: float, min_layer_m: float, break_even: bool, out: Any
) -> None:  # pragma: no cover - compiled
    cells, count, _ = sums.shape
    own = 1 if tops_m.shape[1] > 1 else 0
    for cell in range(cells):
        out[cell] = 0
        top_m = np.nan
        for layer in range(count - 1):
            # Through the sums, as the base is: what reaches the cut-off here carries itself there.
            mud = sums[cell, layer + 1, 0] - sums[cell, layer, 0]
            metal = sums[cell, layer + 1, lead] - sums[cell, layer, lead]
            if mud > 0 and metal >= cutoff * mud:
                top_m = tops_m[layer, own * cell]
                break
        # ASSUME: a cut-off of 0 has no cover, whatever lies above the first layer: everything is ore.
        cover_m = 0.0 if cutoff == 0 else top_m
        if not cover_m <= max_cover_m:
            continue
        best, most = 0, 0.0
        for layer in range(1, count):
            beyond = sums[cell, layer, lead] - cutoff * sums[cell, layer, 1]
            if sums[cell, layer, 1] > 0 and (beyond >= most if break_even else beyond >= 0):
                best, most = layer, beyond
        if best > 0 and bottoms_m[best - 1, own * cell] - cover_m >= min_layer_m:
            out[cell] = best


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _root(parent: Any, cell: int) -> int:  # pragma: no cover - compiled
    while parent[cell] != cell:
        parent[cell] = parent[parent[cell]]
        cell = parent[cell]
    return cell


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _panels(mud: Array, rows: int, columns: int, corners: bool, least: float, out: Any) -> None:  # pragma: no cover - compiled
    parent = np.full(mud.size, -1, dtype=np.int64)
    for row in range(rows):
        for column in range(columns):
            cell = row * columns + column
            if not mud[cell] > 0:
                continue
            parent[cell] = cell
            for number in range(4 if corners else 2):
                # West, north, and the two corners in the north: those that were seen before.
                other_row = row - (number > 0)
                other_column = column - 1 if number in (0, 2) else column + (number == 3)
                if other_row < 0 or other_column < 0 or other_column >= columns:
                    continue
                other = other_row * columns + other_column
                if parent[other] >= 0:
                    one, two = _root(parent, cell), _root(parent, other)
                    if one != two:
                        parent[max(one, two)] = min(one, two)
    held = np.zeros(mud.size)
    for cell in range(mud.size):
        if parent[cell] >= 0:
            held[_root(parent, cell)] += mud[cell]
    for cell in range(mud.size):
        out[cell] = parent[cell] >= 0 and held[_root(parent, cell)] >= least


@numba.njit(cache=CACHE, nogil=True, error_model="numpy")
def _add(sums: Array, base: Any, shares: Array, mud: int, out: Array) -> None:  # pragma: no cover - compiled
    quantities = sums.shape[2]
    for cell in range(base.size):
        depth = base[cell]
        if not (depth > 0 and sums[cell, depth, 1] > 0):
            continue
        for number in range(shares.shape[1]):
            part = shares[cell, number]
            if part > 0:
                out[number, 0] += part
                out[number, 1] += part * sums[cell, depth, mud]
                for quantity in range(2, quantities):
                    out[number, quantity] += part * sums[cell, depth, quantity]
