"""What a build left, read once for every format; a part that an assessment does not have is ``None`` or empty."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pipeline.artefacts import (
    BlockModel,
    Classes,
    Composites,
    Density,
    DomainFiles,
    Grade,
    Horizon,
    Marks,
    NextCores,
    Production,
    Samples,
    Seafloor,
    symbol,
)
from pipeline.config import AssessmentSettings, ElementSettings, MapSettings, RegionSettings, Section
from pipeline.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import xarray as xr

    from pipeline.grid import Grid, Layers

Kind = TypeVar("Kind")
Chosen = TypeVar("Chosen", bound=Section)

CLASSES_FILE = "classes.tif"


@dataclass(frozen=True)
class Results:
    """Products of one assessment.

    Parameters
    ----------
    raw, processed, maps : Path
        The folders RAW, PROCESSED and MAPS.
    """

    raw: Path
    processed: Path
    maps: Path

    @classmethod
    def of(cls, raw: Path, processed: Path, maps: Path) -> Self:
        """Results in these folders.

        Raises
        ------
        ArtefactError
            There are none.
        """
        results = cls(raw, processed, maps)
        missing = [name for name in ("samples.parquet", "seafloor.tif", "density.tif", ".settings", ".lists") if not (processed / name).exists()]
        if missing:
            msg = f"{processed} lacks {', '.join(missing)}: there is nothing to export yet. Run make all first."
            raise ArtefactError(msg)
        return results

    @cached_property
    def assessment(self) -> AssessmentSettings:
        """Title and kind of deposit."""
        return self._section(AssessmentSettings)

    @cached_property
    def region(self) -> RegionSettings:
        """Where it is."""
        return self._section(RegionSettings)

    @cached_property
    def map_settings(self) -> MapSettings:
        """Colours."""
        return self._section(MapSettings)

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """Elements that are assessed."""
        return tuple(self._section(ElementSettings).assessed)

    def _section(self, kind: type[Chosen]) -> Chosen:
        return kind.model_validate_json((self.processed / ".settings" / f"{kind.section}.json").read_text(encoding="utf-8"))

    def _product(self, kind: type[Kind], name: str) -> Kind | None:
        path = self.processed / name
        return kind.read(path, self.raw) if path.is_file() else None  # type: ignore[attr-defined]

    @cached_property
    def samples(self) -> Samples:
        """Accepted intervals."""
        return Samples.read(self.processed / "samples.parquet")

    @cached_property
    def seafloor(self) -> Seafloor:
        """Grid, layers, depth, and the marker that the layers are relative to, where there is one."""
        return Seafloor.read(self.processed / "seafloor.tif").over(self.horizon)

    @cached_property
    def horizon(self) -> Horizon | None:
        """The marker horizon."""
        return self._product(Horizon, "horizon.tif")

    @property
    def below(self) -> str:
        """What depths of layers count from, for people."""
        return f"below the marker {self.layers.marker!r}" if self.layers.marker else "below the seafloor"

    @cached_property
    def density(self) -> Density:
        """Density, and with it the marks of what is estimated."""
        return Density.read(self.processed / "density.tif")

    @cached_property
    def composites(self) -> Composites | None:
        """One row per core and layer."""
        return self._product(Composites, "composites.parquet")

    @cached_property
    def grades(self) -> list[Grade]:
        """Grades of the elements assessed, in their order."""
        found = [self._product(Grade, f"grade_{element}.tif") for element in self.elements]
        return [grade for grade in found if grade is not None]

    @cached_property
    def classes(self) -> Classes | None:
        """Class of each cell."""
        return self._product(Classes, CLASSES_FILE)

    @cached_property
    def next_cores(self) -> NextCores | None:
        """Where to core next."""
        return self._product(NextCores, "next_cores.json")

    @cached_property
    def production(self) -> Production | None:
        """Starting panels."""
        return self._product(Production, "production.csv")

    @cached_property
    def blocks(self) -> xr.Dataset | None:
        """The block model."""
        model = self._product(BlockModel, "block_model.nc")
        return None if model is None else model.dataset

    @cached_property
    def domains(self) -> DomainFiles:
        """Polygons of a user."""
        return DomainFiles.read(self.processed / ".lists" / "domains.json", self.raw)

    @property
    def grid(self) -> Grid:
        """Frame of the rasters."""
        return self.seafloor.grid

    @property
    def layers(self) -> Layers:
        """Layers below the seafloor."""
        return self.seafloor.layers

    @property
    def marks(self) -> Marks:
        """Whether the data are synthetic, and what was left out."""
        return self.density.marks

    @property
    def title(self) -> str:
        """Title of the assessment, with the mark of synthetic data."""
        return self.assessment.title + (f" [{self.marks.data_kind.upper()} DATA]" if self.marks.is_synthetic else "")

    @property
    def symbols(self) -> str:
        """Symbols of the elements, for titles."""
        return ", ".join(map(symbol, self.elements))

    @cached_property
    def inputs(self) -> dict[str, str]:
        """sha256 of every input by its path relative to RAW, as the build listed them."""
        return dict(sorted(self._listed("cores", "bathymetry", "domains", "published", "truth")))

    @cached_property
    def program(self) -> dict[str, str]:
        """sha256 of every file of the program that made the products."""
        return dict(sorted(self._listed("program_provenance")))

    def _listed(self, *lists: str) -> Iterator[tuple[str, str]]:
        for name in lists:
            path = self.processed / ".lists" / f"{name}.json"
            if path.is_file():
                yield from json.loads(path.read_text(encoding="utf-8"))["files"].items()

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Where every number comes from; empty where that was not made."""
        path = self.processed / "provenance.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
