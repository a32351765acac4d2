"""Run the estimating stages on a folder laid out like data/raw, in this process."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.artefacts import (
    BathymetryFiles,
    Calibration,
    Composites,
    CoreFiles,
    CrossValidation,
    Density,
    DomainFiles,
    Grade,
    JointModel,
    NextCores,
    PanelTotals,
    Production,
    Provenance,
    PublishedFiles,
    PublishedMethod,
    Recoverable,
    RecoverableTotals,
    Samples,
    Seafloor,
    SimulatedColumns,
    Simulation,
    Subject,
    Supply,
    Tonnage,
    TruthFiles,
    Validation,
    Variogram,
)
from pipeline.config import SECTIONS, Settings, read_settings
from pipeline.files import sha256_of
from pipeline.scan import RAW_LISTS
from pipeline.stages import (
    composites,
    coregionalisation,
    cross_validation,
    density,
    grade,
    horizon,
    next_cores,
    production,
    provenance,
    published_method,
    recoverable,
    samples,
    seafloor,
    simulation,
    supply,
    tonnage,
    validation,
    variogram,
)

NOT_CALIBRATED = Calibration(None)


@dataclass(frozen=True)
class Assessment:
    """Every artefact up to the grades; what follows is made when it is first asked for."""

    raw: Path
    settings: Settings
    samples: Samples
    seafloor: Seafloor
    composites: Composites
    variograms: list[Variogram]
    joint: JointModel
    cross_validation: CrossValidation
    density: Density
    grades: list[Grade]

    @cached_property
    def simulation(self) -> Simulation:
        """Summaries of the realisations."""
        given = self.settings
        return simulation.run(
            self.composites, self.variograms, self.grades, self.seafloor, given.simulation, given.density, given.cutoffs, given.grade,
            given.tonnage, given.variogram, given.classes, self.density, listed(DomainFiles, self.raw, ".geojson"), given.region, given.place,
            given.recoverable, given.production,
        )  # fmt: skip

    def published_method_of(self, published: PublishedFiles) -> PublishedMethod:
        """The published estimate by its own method on these cores."""
        given = self.settings
        return published_method.run(
            self.samples, self.composites, self.seafloor, self.grades, self.density, self.simulation.squares, self.tonnage, published,
            given.elements, given.published_method,
        )  # fmt: skip

    @cached_property
    def next_cores(self) -> NextCores:
        """Worth of one more core, and the best few."""
        given = self.settings
        return next_cores.run(
            self.composites, self.variograms, self.joint, self.cross_validation, self.seafloor, self.beside(SimulatedColumns),
            listed(DomainFiles, self.raw, ".geojson"), given.next_cores, given.grade, given.simulation, given.place, given.region,
        )  # fmt: skip

    @cached_property
    def recoverable(self) -> Recoverable:
        """The funnel."""
        return recoverable.run(self.beside(RecoverableTotals), self.settings.recoverable)

    @cached_property
    def tonnage(self) -> Tonnage:
        """The table."""
        return self.tonnage_of(self.simulation)

    def tonnage_of(self, simulation: Simulation) -> Tonnage:
        """The table that follows from another simulation."""
        given = self.settings
        return tonnage.run(
            self.composites, self.variograms, self.joint, self.cross_validation, self.grades, self.density, self.seafloor, simulation,
            given.cutoffs, given.tonnage, given.grade, given.density,
        )  # fmt: skip

    @cached_property
    def validation(self) -> Validation:
        """Every check."""
        return self.validation_of(self.simulation, self.tonnage)

    def validation_of(self, simulation: Simulation, table: Tonnage, calibration: Calibration = NOT_CALIBRATED) -> Validation:
        """Every check of another simulation, or with a calibration."""
        truth = listed(TruthFiles, self.raw, ".json")
        return validation.run(
            self.composites, self.variograms, self.cross_validation, self.grades, self.density, simulation, table, self.seafloor, truth,
            self.settings.grade, calibration, domains=self.settings.domains,
        )  # fmt: skip

    @cached_property
    def provenance(self) -> Provenance:
        """Where the numbers come from."""
        sections = [getattr(self.settings, name) for name in SECTIONS if name != "maps"]
        lists = [listed(kind, self.raw, *RAW_LISTS[kind.name]) for kind in (CoreFiles, BathymetryFiles, DomainFiles, PublishedFiles, TruthFiles)]
        return provenance.run(self.tonnage, self.validation, self.cross_validation, self.samples, *lists, sections)

    def beside(self, kind: type[Any]) -> Any:
        """An artefact that the pass over the realisations left beside the totals."""
        (found,) = (artefact for artefact in self.simulation.beside if isinstance(artefact, kind))
        return found

    @cached_property
    def production(self) -> Production:
        """What each scenario would lift."""
        given = self.settings
        return production.run(self.beside(PanelTotals), self.beside(RecoverableTotals), self.seafloor, given.production, given.recoverable)

    @cached_property
    def supply(self) -> Supply:
        """What that means beside the published figures."""
        return supply.run(self.production, listed(PublishedFiles, self.raw, ".csv"))

    def tonnes(self, element: str, statistic: str, column: str = "metal_t", region: str = "all", cutoff_ppm: float = 0.0) -> float:
        """One figure of the tonnage table."""
        frame = self.tonnage.frame
        chosen = (frame["element"] == element) & (frame["statistic"] == statistic) & (frame["region"] == region) & (frame["cutoff_ppm"] == cutoff_ppm)
        return float(frame.loc[chosen, column].item())


def listed(kind: type[Any], raw: Path, *suffixes: str) -> Any:
    """Raw files of one kind with their hashes, as the scan lists them."""
    paths = sorted(path for path in (raw / kind.name).rglob("*") if path.is_file() and path.suffix in suffixes)
    return kind(raw, {path.relative_to(raw).as_posix(): sha256_of(path) for path in paths})


def read_samples(raw: Path) -> Samples:
    """The first stage alone."""
    settings = read_settings(raw / "assessment.toml")
    bathymetry = listed(BathymetryFiles, raw, ".nc", ".tif")
    return samples.run(listed(CoreFiles, raw, *RAW_LISTS["cores"]), bathymetry, settings.intake, settings.elements, settings.region)


def assess(raw: Path) -> Assessment:
    """All estimating stages; those that simulate wait until they are asked for."""
    settings = read_settings(raw / "assessment.toml")
    accepted = read_samples(raw)
    floor = seafloor.run(listed(BathymetryFiles, raw, ".nc", ".tif"), settings.region, settings.grid, settings.domains)
    if settings.grid.reference == "marker":
        floor = floor.over(horizon.run(accepted, floor, settings.horizon, settings.variogram, settings.grade))
    layered = composites.run(
        accepted, floor, settings.region, settings.composites, settings.density, settings.elements, settings.domains, settings.horizon
    )
    subjects = [*settings.elements.assessed, "density"]
    variograms = [variogram.run(layered, floor, Subject(subject), settings.variogram) for subject in subjects]
    joint = coregionalisation.run(layered, variograms, floor, settings.variogram)
    compared = cross_validation.run(layered, variograms, joint, floor, settings.cross_validation, settings.variogram)
    mud = density.run(layered, variograms[-1], floor, settings.grade, settings.density)
    grades = [grade.run(layered, [model, variograms[-1]], joint, compared, mud, floor, settings.grade) for model in variograms[:-1]]
    return Assessment(raw, settings, accepted, floor, layered, variograms, joint, compared, mud, grades)


def with_settings(text: str, **changes: str) -> str:
    """Settings with single keys replaced (``cell_m="2000.0"``); the result must still be TOML."""
    for key, value in changes.items():
        lines = text.splitlines()
        found = [i for i, line in enumerate(lines) if line.split("=")[0].strip() == key]
        assert len(found) == 1, key
        lines[found[0]] = f"{key} = {value}"
        text = "\n".join(lines) + "\n"
    tomllib.loads(text)
    return text
