"""Work in tiles, done by this process, by others on this machine, or by a cluster; no bit of a result depends on which.

Arithmetic runs in compute blocks of fixed size that are aligned to the grid, and a tile is a whole number of them. A task is a pure function of a
tile, so that a tile may be done anywhere, twice, or in an earlier run. Nothing here knows what is computed.
"""

from pipeline.tiles.executors import Executor, InProcess, executor_of
from pipeline.tiles.mapping import map_tiles
from pipeline.tiles.parts import COMPUTE_BLOCK, Batch, Tile, batches_of, tiles_of
from pipeline.tiles.workers import HERE, TILES, Workers, workers_of

__all__ = [
    "COMPUTE_BLOCK",
    "HERE",
    "TILES",
    "Batch",
    "Executor",
    "InProcess",
    "Tile",
    "Workers",
    "batches_of",
    "executor_of",
    "map_tiles",
    "tiles_of",
    "workers_of",
]
