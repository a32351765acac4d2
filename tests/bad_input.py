"""Cases of bad input: what is put into RAW, and the clean twin or the refusal that it must lead to."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from planted import SETTINGS, csv_text, write_raw

from pipeline.errors import PipelineError, RowsRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHERE_IT_STOOD = ["source_file", "source_row", "joined_rows", "conversions"]
"""Columns of samples.parquet that tell where a value stood and how it was written: they may differ between twins."""


def sound_rows() -> list[dict[str, object]]:
    """Rows 2 to 4 are core A, rows 5 to 7 are core B: 0.0-0.5, 0.5-1.0 and 1.5-2.0 m."""
    return [
        {
            "core_id": core,
            "longitude_deg": longitude_deg,
            "latitude_deg": 21.9,
            "water_depth_m": 5700,
            "penetration_m": 3.0,
            "from_m": from_m,
            "to_m": from_m + 0.5,
            "dy_ppm": 40.5,
            "gd_ppm": 44.0,
            "dry_bulk_density_t_m3": 0.55,
            "note": "hand, logged",
        }
        for core, longitude_deg in (("A", 153.6), ("B", 153.7))
        for from_m in (0.0, 0.5, 1.5)
    ]


def sound_csv() -> str:
    """The sound survey as a file."""
    return csv_text(sound_rows())


@dataclass(frozen=True)
class Case:
    """One kind of bad input.

    Parameters
    ----------
    name : str
        What is wrong, in a few words.
    files : dict of str to str or bytes
        Files below ``cores``; a name that starts with ``../`` lies beside ``cores``.
    refusal : str or None
        Pattern of the message it must get; ``None`` where it must equal its twin.
    twin : dict of str to str or bytes
        Files whose samples are the same; the sound survey unless given.
    rejected : tuple of (row, column), optional
        What ``rejected.csv`` must list, all of it.
    settings : str
        ``assessment.toml``.
    change : callable, optional
        Called with RAW after the files were written, for what files cannot say.
    """

    name: str
    files: dict[str, str | bytes] = field(default_factory=dict)
    refusal: str | None = None
    twin: dict[str, str | bytes] = field(default_factory=lambda: {"survey.csv": sound_csv()})
    rejected: tuple[tuple[int, str], ...] | None = None
    settings: str = SETTINGS
    change: Callable[[Path], object] | None = None

    def write(self, folder: Path) -> Path:
        """Write RAW."""
        raw = write_raw(folder, self.files, self.settings)
        if self.change is not None:
            self.change(raw)
        return raw

    def check(self, folder: Path) -> None:
        """Refused with the right words and the right rows, or equal to the clean twin; RAW untouched in either case."""
        from assess import read_samples

        raw = self.write(folder / "raw")
        before = contents(raw)
        if self.refusal is None:
            twin = read_samples(write_raw(folder / "twin", self.twin, self.settings))
            found = read_samples(raw)
            assert_frame_equal(comparable(found.frame), comparable(twin.frame))
        else:
            with pytest.raises(PipelineError, match=self.refusal) as caught:
                read_samples(raw)
            if self.rejected is not None:
                assert isinstance(caught.value, RowsRefused)
                assert {(row, column) for _, row, column, *_ in caught.value.refused} == set(self.rejected)
        assert contents(raw) == before
        shutil.rmtree(folder)


class Given:
    """Core files that are nowhere on a disk, by their names below ``cores``; for what reads tables alone."""

    def __init__(self, files):
        self.files = {f"cores/{name}": content if isinstance(content, bytes) else content.encode() for name, content in files.items()}

    def paths(self, *suffixes):
        return [(name, name) for name in sorted(self.files) if name.lower().endswith(suffixes)]

    def content(self, name):
        return self.files[name]


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Samples without what tells where they stood."""
    return pd.DataFrame(frame.drop(columns=["geometry", *WHERE_IT_STOOD], errors="ignore"))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
