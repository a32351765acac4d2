"""One function for every task over tiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline.machine import tell
from pipeline.progress import counted
from pipeline.tiles.content import content_sha256
from pipeline.tiles.store import TileStore
from pipeline.tiles.versions import fingerprint
from pipeline.tiles.work import Order, Part, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.tiles.executors import Executor
    from pipeline.tiles.work import Arrays, Task

AnyPart = TypeVar("AnyPart", bound=Part)


def map_tiles(
    task: Task,
    tiles: Sequence[AnyPart],
    executor: Executor,
    *,
    given: Callable[[AnyPart], Arrays] | None = None,
    store: Path | None = None,
    name: str = "",
) -> Iterator[tuple[AnyPart, Arrays]]:
    """Do a task for every tile.

    Parameters
    ----------
    task : callable
        ``task(tile, **given)`` gives arrays by name. It is picklable and pure, and its module can be imported by the workers. It travels once to each
        worker: it holds data and models, never arrays of a whole grid.
    tiles : sequence of Tile
        Or of other parts (:class:`~pipeline.tiles.Batch`).
    executor : Executor
    given : callable, optional
        Arrays that the task needs for one tile, by the name of its parameter; called here, a few tiles ahead.
    store : Path, optional
        Folder, seen by all workers under the same path. Each writes its finished tiles there as Zarr, and a tile that is there already, from
        whatever run, is not done again: it is named by the hash of task, tile, given arrays, program and machine. Without it results stay in memory.
    name : str
        What is made, for the person who waits.

    Yields
    ------
    tile : Tile
        In the order of ``tiles``.
    arrays : dict of arrays

    Raises
    ------
    WorkersError
        The workers cannot be reached, are not fit, or were lost again and again. Tiles in the store are kept.
    """
    tiles_store = None if store is None else TileStore(store)
    work = Work(task, tiles_store)

    def order_of(tile: AnyPart, key: str = "") -> Order:
        return Order(tile, {} if given is None else given(tile), key)

    if tiles_store is None:
        found = executor.results(work, map(order_of, tiles))
        yield from zip(tiles, _arrays(counted(found, len(tiles), name)), strict=True)
        return
    about_task = content_sha256((fingerprint(), task))
    keys = [content_sha256((about_task, tile, {} if given is None else given(tile))) for tile in tiles]
    missing = {key for key in keys if tiles_store.read(key) is None}
    if len(missing) < len(tiles):
        tell(f"  note: {name}: {len(tiles) - len(missing)} of {len(tiles)} tiles were finished by an earlier run", name)
    done = executor.results(work, (order_of(tile, key) for tile, key in zip(tiles, keys, strict=True) if key in missing))
    results = counted(done, len(missing), name)
    for tile, key in zip(tiles, keys, strict=True):
        if key in missing:
            next(results)
        yield tile, tiles_store.written(key)


def _arrays(results: Iterator[Arrays | None]) -> Iterator[Arrays]:
    for found in results:
        assert found is not None, "without a store arrays come back"
        yield found
