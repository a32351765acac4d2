"""Tasks for tests of tiles: a module of its own, so that workers can import it."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.tiles import COMPUTE_BLOCK


@dataclass(frozen=True)
class Noise:
    """A number for every cell, drawn by compute block; a line in a log for each tile that is done."""

    seed: int
    log: Path | None = None
    pause_s: float = 0.0

    def __call__(self, tile):
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"{tile.number}\n")
        time.sleep(self.pause_s)
        value = np.empty(tile.shape)
        for rows, columns in tile.blocks():
            corner = tile.rows[0] + rows.start, tile.columns[0] + columns.start
            drawn = np.random.default_rng([self.seed, *corner]).standard_normal((COMPUTE_BLOCK, COMPUTE_BLOCK))
            value[rows, columns] = drawn[: rows.stop - rows.start, : columns.stop - columns.start]
        return {"value": value}


@dataclass(frozen=True)
class Deadly(Noise):
    """Kills the process that does one of the tiles, as often as it is told to."""

    at: int = 2
    times: int = 1

    def __call__(self, tile):
        found = super().__call__(tile)
        if tile.number == self.at and done(self.log).count(tile.number) <= self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        return found


@dataclass(frozen=True)
class Wrong:
    """Fails at every tile."""

    def __call__(self, tile):
        msg = f"tile {tile.number} is wrong"
        raise ValueError(msg)


class Awkward(Exception):
    """Cannot be unpickled."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


@dataclass(frozen=True)
class Awkwardly:
    """Fails with an error that cannot be sent."""

    def __call__(self, tile):
        raise Awkward(tile.number, "more")


@dataclass(frozen=True)
class Doubled:
    """Twice what it is given."""

    def __call__(self, tile, values):
        return {"values": 2 * values, "rows": np.array(tile.rows)}


def done(log):
    """Numbers of the tiles that were done, in the order of time."""
    return [int(line) for line in log.read_text(encoding="utf-8").split()] if log.exists() else []


@dataclass(frozen=True)
class Nothing:
    """A task without work: one number for each cell of a compute block."""

    number: int

    def __call__(self, tile):
        return {"value": np.full(tile.shape, float(self.number))}
