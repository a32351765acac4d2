"""The workers that a stage is given, and where they leave what they finish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline.tiles.executors import Executor, InProcess, executor_of
from pipeline.tiles.mapping import map_tiles
from pipeline.tiles.store import TileStore
from pipeline.tiles.work import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.tiles.work import Arrays, Task

AnyPart = TypeVar("AnyPart", bound=Part)


@dataclass(frozen=True)
class Workers:
    """Who works for a stage. No product depends on it.

    Parameters
    ----------
    executor : Executor
    folder : Path, optional
        Where others leave what they finish, until the product is written. Without it, and in this process, results stay in memory.
    """

    executor: Executor = field(default_factory=InProcess)
    folder: Path | None = None

    @property
    def are_here(self) -> bool:
        """Whether this process does the work."""
        return isinstance(self.executor, InProcess)

    def map(
        self, task: Task, tiles: Sequence[AnyPart], *, given: Callable[[AnyPart], Arrays] | None = None, name: str
    ) -> Iterator[tuple[AnyPart, Arrays]]:
        """Do a task for every tile: :func:`~pipeline.tiles.map_tiles`."""
        return map_tiles(task, tiles, self.executor, given=given, store=None if self.are_here else self.folder, name=name)

    def forget(self) -> None:
        """Remove finished tiles: the product is written."""
        if self.folder is not None:
            TileStore(self.folder).forget()


HERE = Workers()
"""This process alone."""


TILES = ".tiles"
"""Folder of PROCESSED that holds finished tiles of products that are not."""


@contextmanager
def workers_of(scheduler: str, folder: Path) -> Iterator[Workers]:
    """Workers by the name of their scheduler (:func:`~pipeline.tiles.executor_of`), let go at the end."""
    with executor_of(scheduler) as executor:
        yield Workers(executor, folder)
