"""Joint conditional simulation of a layered deposit on a grid of any size, a few blocks of it at a time.

What :class:`~pipeline.geostatistics.layered_simulation.LayeredSimulation` draws, from fields that are sums of waves in place of fields on a torus:
the same variables, posterior draws, conditioning and back-transform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_covariance, block_nodes, block_variance
from pipeline.geostatistics.kriging_system import blas_threads
from pipeline.geostatistics.layered_simulation import blocks_of, whitened_scores
from pipeline.geostatistics.smooth_surfaces import BLOCK_CELLS, on_block
from pipeline.geostatistics.spectral_fields import SpectralFields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pipeline.geostatistics.covariance import Block
    from pipeline.geostatistics.layer_sampler import HorizontalModels
    from pipeline.geostatistics.layered_simulation import LayeredVariable

    Array = NDArray[np.float64]
    Singles = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_WEIGHT_SCALE = 1e3  # weights end in single precision: 1e-8 of the variance is enough


class _Model(NamedTuple):
    """One horizontal model: covariances of the cores, nugget included, and of a block with itself."""

    model: CovarianceModel
    between_cores: Array
    block_variance: float


class _Drawn(NamedTuple):
    """Unconditional fields of one variable, and the nugget of each core, (layers, cores)."""

    fields: SpectralFields
    nugget: Array


class SpectralSimulation:
    """Blocks of a layered deposit, conditional on its cores, by waves.

    A realisation is a pure function of model, seed and number: the same in a part of the grid as on the whole, wherever and in whatever order its
    blocks are made.

    Parameters
    ----------
    variables : sequence of LayeredVariable
        As of :class:`~pipeline.geostatistics.layered_simulation.LayeredSimulation`; each field is drawn.
    models : HorizontalModels
    positions_m : (cores, 2) array
    cell_m : float
    nodes : int
        Gauss-Legendre nodes along each side of a block.
    frequencies : int
        Waves of which a field is made.
    seed : int
        Realisation k draws the fields of variable j from ``SeedSequence([seed, k, 2, j])``.
    density_factor : (draws,) array
        Unknown factor of the deposit's density, one for each realisation.

    Raises
    ------
    ValueError
        A variable's field is not drawn.
    """

    def __init__(
        self,
        variables: Sequence[LayeredVariable],
        models: HorizontalModels,
        positions_m: Array,
        cell_m: float,
        nodes: int,
        frequencies: int,
        seed: int,
        density_factor: Array,
    ) -> None:
        if not all(variable.varies for variable in variables):
            msg = "a field that is not drawn has no waves: simulate it on a torus"
            raise ValueError(msg)
        self.variables, self.models, self.cell_m = list(variables), models, cell_m
        self.frequencies, self.seed, self.density_factor = frequencies, seed, density_factor
        self.layers = variables[0].draws.mean.shape[1]
        # Whatever order the cores come in, they are summed in this one.
        self.order = np.lexsort(positions_m.T[::-1])
        self._positions_m = positions_m[self.order]
        self._support: Block = block_nodes((cell_m, cell_m, 0.0), (nodes, nodes, 1))
        self._models: dict[int, _Model] = {}
        self._missed: dict[tuple[int, int], Array] = {}

    def prepare(self, numbers: Sequence[int]) -> None:
        """Find what the fields of some realisations miss at the cores, before the simulation is handed to other processes."""
        with blas_threads().limit(limits=1, user_api="blas"):
            for number in numbers:
                for k in range(len(self.variables)):
                    self._missed_scores(number, k, self._fields(number, k))

    def blocks(self, centres_m: Sequence[tuple[float, float]], wanted: Sequence[Mask], numbers: Sequence[int]) -> Iterator[tuple[Singles, Singles]]:
        """Realisations in the wanted cells of some blocks of 64 x 64 cells.

        Memory grows with the number of blocks: weights of the cores are kept for each horizontal model that was drawn.

        Parameters
        ----------
        centres_m : sequence of (easting, northing)
            Centre of the north-western cell of each block.
        wanted : sequence of (64, 64) arrays
        numbers : sequence of int
            Of the realisations.

        Yields
        ------
        density : (layers, cells) array
            Of the wanted cells, block by block in row-major order.
        metal : (elements, layers, cells) array
        """
        cells = [np.flatnonzero(mask) for mask in wanted]
        kept: dict[int, list[Singles]] = {}
        with blas_threads().limit(limits=1, user_api="blas"):
            for number in numbers:
                out = np.empty((len(self.variables), self.layers, sum(part.size for part in cells)), dtype=np.float32)
                for k, variable in enumerate(self.variables):
                    drawn = int(variable.draws.model[number])
                    if drawn not in kept:
                        kept[drawn] = [self._weights(drawn, *place) for place in zip(centres_m, wanted, strict=True)]
                    self._fill(out[k], number, k, centres_m, cells, kept[drawn])
                inside = [self._of(int(variable.draws.model[number])).block_variance for variable in self.variables]
                share = np.full(out.shape[2], np.sqrt(1 - inside[0]), dtype=np.float32)
                yield blocks_of(self.variables, number, out, share, [1 - part for part in inside], float(self.density_factor[number]))

    def scores_at(self, number: int, k: int, positions_m: Array) -> Array:
        """(layers, positions) field of one variable at points, without nugget and without what it takes from the variables before."""
        draws = self.variables[k].draws
        model = self._of(int(draws.model[number]))
        drawn = self._fields(number, k)
        values = np.sqrt(model.model.continuous_sill) * drawn.fields.at(positions_m)
        if self.variables[k].is_conditional:
            covariance = block_covariance(model.model, _flat(positions_m), _flat(self._positions_m), np.zeros((1, 3)), np.ones(1))
            values += self._missed_scores(number, k, drawn) @ np.linalg.solve(model.between_cores, covariance.T)
        return np.asarray(draws.root[number] @ values + draws.mean[number, :, None])

    def _fill(
        self,
        out: Singles,
        number: int,
        k: int,
        centres_m: Sequence[tuple[float, float]],
        cells: Sequence[NDArray[np.intp]],
        weights: Sequence[Singles],
    ) -> None:
        """Write the (layers, cells) field of one variable."""
        draws = self.variables[k].draws
        drawn = self._fields(number, k)
        missed = self._missed_scores(number, k, drawn).astype(np.float32) if self.variables[k].is_conditional else None
        on_cells = drawn.fields.on_blocks(self.cell_m, self._support)
        spread = np.float32(np.sqrt(self._of(int(draws.model[number])).model.continuous_sill))
        root, mean = draws.root[number].astype(np.float32), draws.mean[number, :, None].astype(np.float32)
        begin = 0
        for centre_m, chosen, weight in zip(centres_m, cells, weights, strict=True):
            # The whole block enters each product: which cells are wanted changes no bit.
            field = spread * on_cells.block(centre_m).reshape(self.layers, -1)
            if missed is not None:
                field += missed @ weight
            out[:, begin : begin + chosen.size] = (root @ field + mean)[:, chosen]
            begin += chosen.size

    def _fields(self, number: int, k: int) -> _Drawn:
        random = np.random.Generator(np.random.SFC64(np.random.SeedSequence([self.seed, number, 2, k])))
        range_m, _ = self.models.of(int(self.variables[k].draws.model[number]))
        fields = SpectralFields(self.models.kind, range_m, self.layers, self.frequencies, random)
        return _Drawn(fields, random.standard_normal((self.layers, len(self.order))))

    def _missed_scores(self, number: int, k: int, drawn: _Drawn) -> Array:
        """(layers, cores) what the unconditional fields of one variable miss at the cores."""
        if (number, k) not in self._missed:
            model = self._of(int(self.variables[k].draws.model[number])).model
            at_cores = np.sqrt(model.continuous_sill) * drawn.fields.at(self._positions_m) + np.sqrt(model.nugget) * drawn.nugget
            self._missed[number, k] = whitened_scores(self.variables, number, k, self.order) - at_cores
        return self._missed[number, k]

    def _weights(self, number: int, centre_m: tuple[float, float], wanted: Mask) -> Singles:
        """(cores, cells) simple kriging weights of the cores in the cells of a block; 0 in parts without a wanted cell."""
        held = self._of(number)
        rough_m = np.full((1, 2), np.nan) if held.model.kernel().is_finite else self._positions_m

        def weights(easting_m: Array, northing_m: Array) -> Array:
            at_m = _flat(np.column_stack([easting_m, northing_m]))
            return np.asarray(np.linalg.solve(held.between_cores, block_covariance(held.model, at_m, _flat(self._positions_m), *self._support).T).T)

        scale = np.full(len(self.order), _WEIGHT_SCALE)
        found = on_block(weights, scale, centre_m, self.cell_m, rough_m, wanted).reshape(BLOCK_CELLS**2, -1)
        return np.ascontiguousarray(np.nan_to_num(found).T, dtype=np.float32)

    def _of(self, number: int) -> _Model:
        """What belongs to one horizontal model."""
        if number not in self._models:
            range_m, nugget = self.models.of(number)
            model = CovarianceModel(nugget, (Structure(self.models.kind, 1 - nugget, range_m),))
            between = model.between(_flat(self._positions_m), _flat(self._positions_m)) + nugget * np.eye(len(self.order))
            self._models[number] = _Model(model, between, block_variance(model, *self._support))
        return self._models[number]


def _flat(positions_m: Array) -> Array:
    """Positions in the plane with a third coordinate."""
    return np.column_stack([positions_m, np.zeros(len(positions_m))])
