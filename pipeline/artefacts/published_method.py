"""The published estimate made again by its own method on the cores at hand: what is compared, and every square and metre of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pipeline.artefacts.formats import plain, read_csv, write_csv, write_json

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

PUBLISHED_METHOD_COLUMNS = (
    "element", "interpolation", "square", "top_m", "bottom_m", "sites", "area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t", "data_kind",
)  # fmt: skip


@dataclass(frozen=True)
class PublishedMethod:
    """Their method beside ours, on the same cores.

    Parameters
    ----------
    content : dict
        ``state`` (``made`` or ``nothing``, then with ``reason`` in both languages), ``layout`` of the squares, ``density`` and whether it is
        circular, and by element under ``elements`` what each interpolation gives, what other places of the squares give, and this program's estimate
        of the same squares with its range.
    frame : DataFrame
        Columns of ``PUBLISHED_METHOD_COLUMNS``: one row per element, interpolation, square (``all`` for the whole) and metre, then one for all
        metres. ``sites`` counts the cores that show the metre.
    """

    NAME: ClassVar[str] = "published_method.json"
    content: dict[str, Any]
    frame: pd.DataFrame
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact; the table beside it is read with it."""
        return path.name == cls.NAME and path.parent.name != ".settings"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read what is compared and, from beside it, the table."""
        # A depth of 0.0 m stands there as 0.
        numeric = dict.fromkeys((*PUBLISHED_METHOD_COLUMNS[3:5], *PUBLISHED_METHOD_COLUMNS[6:-1]), float)
        frame = read_csv(path.with_suffix(".csv"), na_values={column: [""] for column in numeric}, dtype=numeric)
        return cls(json.loads(path.read_text(encoding="utf-8")), frame)

    def write(self, out: Path) -> None:
        """Write ``published_method.csv``, then ``published_method.json``, which stands for both."""
        write_csv(self.frame.loc[:, list(PUBLISHED_METHOD_COLUMNS)], out.with_suffix(".csv"))
        write_json(plain(self.content), out)
