"""``make fine-grid``: from the products of a finished build to grades, and realisations, on finer cells."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from contextlib import ExitStack
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import (
    DENSITY,
    ORDINARY,
    PERCENTILES_SAID,
    TOTALS_COLUMNS,
    BathymetryFiles,
    Composites,
    CrossValidation,
    Domains,
    Estimator,
    JointModel,
    Seafloor,
    Variogram,
)
from pipeline.artefacts.estimates import grade_bands
from pipeline.artefacts.formats import layer_tags, write_json, write_table
from pipeline.artefacts.windows import raster_in_windows
from pipeline.bathymetry import read_grids
from pipeline.config import (
    CutoffSettings,
    DensitySettings,
    DomainSettings,
    FineGridSettings,
    GradeSettings,
    GridSettings,
    RegionSettings,
    SimulationSettings,
    TonnageSettings,
    VariogramSettings,
    read_section,
)
from pipeline.deposit import SOURCES, deposit_of
from pipeline.deposit_in_domains import deposits_of_domains, not_simulated_in_domains
from pipeline.domains import own_composites, seed_of
from pipeline.errors import ArtefactError, SettingsError
from pipeline.field import correlation, kriging_of, step_ppm, variogram_of
from pipeline.files import sha256_of
from pipeline.fine_grid.frame import Frame
from pipeline.fine_grid.grades import Accumulation, Densities, Drift, Grades
from pipeline.fine_grid.in_domains import InDomains
from pipeline.fine_grid.realisations import REGIONS, STATISTICS, Realisations
from pipeline.geostatistics.gridded_columns import GriddedColumns
from pipeline.geostatistics.spectral_simulation import SpectralSimulation
from pipeline.grid import layers_of
from pipeline.machine import tell
from pipeline.tiles import TILES, Tile, Workers, tiles_of, workers_of
from pipeline.tiles.content import program_sha256
from pipeline.units import KM2_PER_M2, TONNE_PER_GRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.deposit import Deposit
    from pipeline.grid import Layers

    Array = NDArray[np.float64]

FOLDER = "fine_grid"
"""Folder of PROCESSED that holds one folder for each size of cells."""

_LIBRARIES = ("numpy", "scipy", "numba", "rasterio")


def make(processed: Path, raw: Path, cell_m: float, realisations: int, scheduler: str) -> Path:
    """Estimate the region of a finished build on cells of another size, tile by tile.

    Parameters
    ----------
    processed, raw : Path
        Folders of the build.
    cell_m : float
        Side of a cell, metres.
    realisations : int
        How many are drawn; 0: grades alone.
    scheduler : str
        Who works (:func:`~pipeline.tiles.executor_of`).

    Returns
    -------
    Path
        The folder of the products.

    Raises
    ------
    SettingsError
        The settings ask for what is not done out of core.
    ArtefactError
        The build is not finished.
    """
    started = perf_counter()
    built = Built.read(processed, raw, cell_m)
    built.refuse_what_is_not_done(realisations)
    out = processed / FOLDER / f"{cell_m:g}m"
    _say(
        f"{built.frame.shape[0]:,} x {built.frame.shape[1]:,} cells of {cell_m:g} m, {built.layers.count} layers, in {len(built.tiles)} tiles",
        started,
    )
    with workers_of(scheduler, processed / TILES / f"{FOLDER}-{cell_m:g}m") as workers:
        _write_grades(built, out, workers)
        _say("grade_<element>.tif", started)
        if realisations:
            _write_realisations(built, realisations, out, workers)
            _say(f"totals.parquet, columns_<element>.tif: {realisations} realisations", started)
        workers.forget()
    write_json(built.said(realisations), out / "run.json")
    _remove_others(built, realisations, out)
    return out


def _remove_others(built: Built, realisations: int, out: Path) -> None:
    """Remove products of an earlier run that this one did not make: what lies beside ``run.json`` is what it tells of."""
    made = {f"grade_{element}.tif" for element in built.composites.elements}
    if realisations:
        simulated = set(built.composites.elements) - built.not_simulated.keys()
        made |= {"totals.parquet", *(f"columns_{element}.tif" for element in simulated)}
    for path in [*out.glob("grade_*.tif"), *out.glob("columns_*.tif"), *out.glob("totals.parquet")]:
        if path.name not in made:
            path.unlink()


def _say(what: str, started: float) -> None:
    tell(f"{'fine-grid':<17} {what}   {perf_counter() - started:.1f} s", what)


@dataclass(frozen=True)
class Built:
    """What a finished build found, and the fine grid; or one domain of it, as an assessment of its own.

    Parameters
    ----------
    processed : Path
    frame : Frame
    layers : Layers
    composites, variograms, joint, cross_validation
        Products of the build.
    native_grids : tuple of NativeGrid
        Bathymetry, where an estimator follows it.
    sections : dict of str to Section
        Settings that act here.
    name : str
        Of the domain; empty for the whole.
    """

    processed: Path
    frame: Frame
    layers: Layers
    composites: Composites
    variograms: list[Variogram]
    joint: JointModel
    cross_validation: CrossValidation
    native_grids: tuple[Any, ...]
    sections: dict[str, Any]
    name: str = ""

    @classmethod
    def read(cls, processed: Path, raw: Path, cell_m: float) -> Built:
        """Read what the build left."""
        kinds = (
            RegionSettings, GridSettings, GradeSettings, TonnageSettings, DensitySettings, CutoffSettings, SimulationSettings, VariogramSettings,
            FineGridSettings, DomainSettings,
        )  # fmt: skip
        sections: dict[str, Any] = {kind.section: read_section(_there(processed / ".settings" / f"{kind.section}.json")) for kind in kinds}
        composites = Composites.read(_there(processed / "composites.parquet"))
        variograms = [Variogram.read(_there(processed / f"variogram_{subject}.json")) for subject in (*sorted(composites.elements), DENSITY)]
        cross_validation = CrossValidation.read(_there(processed / "cross_validation.json"))
        frame = Frame.of(sections["region"], sections["grid"], cell_m, composites, sections["grade"], sections["tonnage"])
        follows = any(cross_validation.estimator(element).drift for element in composites.elements)
        native = tuple(read_grids(BathymetryFiles.read(_there(processed / ".lists" / "bathymetry.json"), raw))) if follows else ()
        joint = JointModel.read(_there(processed / "coregionalisation.json"))
        return cls(processed, frame, layers_of(sections["grid"]), composites, variograms, joint, cross_validation, native, sections)

    @property
    def tiles(self) -> list[Tile]:
        """Tiles of the fine grid."""
        return tiles_of(self.frame.shape, self.sections["fine_grid"].tile_cells)

    @property
    def off(self) -> set[str]:
        """Sources of uncertainty that the settings switch off."""
        return {source for source in SOURCES if not getattr(self.sections["simulation"], source)}

    @property
    def parts(self) -> list[Built]:
        """Every domain in which a core stands, by its own cores on its own cells; the whole where there are none."""
        told, settings = set(self.composites.frame["domain"]) if self.composites.domains else set(), self.sections["domains"]
        return [
            replace(
                self,
                name=name,
                frame=replace(self.frame, domains=settings, domain=number),
                composites=own_composites(self.composites, name),
                variograms=[variogram.of(name) for variogram in self.variograms],
                joint=self.joint.of(name),
            )
            for number, name in enumerate(self.composites.domains)
            if name in told
        ] or [self]

    @property
    def seafloor(self) -> Seafloor:
        """Frame, layers and names of domains; no cell is known of it."""
        unknown: Any = np.empty((0, 0))
        names, settings = self.composites.domains, self.sections["domains"]
        domains = Domains(settings.boundary, names, unknown.astype(np.int64), settings.min_cores) if names else None
        return Seafloor(self.frame.grid, self.layers, unknown, unknown, unknown, "", np.nan, domains=domains)

    @property
    def not_simulated(self) -> dict[str, str]:
        """Elements for which no interval can be given, and why."""
        return not_simulated_in_domains(self.composites, self.variograms, self.seafloor)

    @property
    def prior_t_m3(self) -> float:
        """Density where none was measured: in a domain that which its composites were supplied with (:func:`~pipeline.field.prior_in`)."""
        return float(self.composites.frame["dry_bulk_density_t_m3"].mean() if self.name else self.sections["density"].dry_bulk_density_t_m3)

    def is_known(self, subject: str) -> bool:
        """Whether a variable was measured here at all."""
        variogram = variogram_of(self.variograms, subject)
        return variogram.model is not None and bool((variogram.layer_pool >= 0).any())

    def refuse_what_is_not_done(self, realisations: int) -> None:
        """Say at once what cannot be made out of core.

        Raises
        ------
        SettingsError
            Soft domains, a marker, or for realisations a source of uncertainty that is off.
        """
        if self.sections["domains"].boundary == "soft":
            msg = '[domains] boundary: a fine grid knows no soft one yet. Set boundary = "hard", or use make all on cells that fit into memory.'
            raise SettingsError(msg)
        if self.sections["grid"].reference != "seafloor":
            msg = '[grid] reference: a fine grid knows no marker horizon yet. Set reference = "seafloor", or make all on cells that fit into memory.'
            raise SettingsError(msg)
        still = [source for source in ("grade_field", "density") if source in self.off]
        if realisations and still:
            msg = f"[simulation] {', '.join(still)}: realisations of a fine grid are drawn with this source of uncertainty on. Set it to true."
            raise SettingsError(msg)
        reasons = self.not_simulated
        if realisations and len(reasons) == len(self.composites.elements):
            said = "; ".join(f"{element}: {reason}" for element, reason in sorted(reasons.items()))
            msg = f"no element can be simulated ({said}). Leave REALISATIONS out for grades alone."
            raise SettingsError(msg)

    def drift(self, estimator: Estimator) -> Drift:
        """What an estimator follows."""
        return Drift(tuple(estimator.drift), self.native_grids if estimator.drift else ())

    def columns(self, subject: str, estimator: Estimator = ORDINARY) -> GriddedColumns:
        """Kriging of the columns of the fine grid."""
        bands = self._bands_at_cores(self.drift(estimator)) if estimator.drift else {}
        # Of the seafloor only the cells with a core are looked at.
        seafloor = replace(self.seafloor, **bands)
        variogram = variogram_of(self.variograms, subject)
        nodes = self.sections["grade"].block_nodes
        return GriddedColumns(kriging_of(self.composites, variogram, seafloor, nodes, estimator, self.joint))

    def _bands_at_cores(self, drift: Drift) -> dict[str, Any]:
        """Bands of the seafloor that an estimator follows, known in the cells with a core."""
        grid = self.frame.grid
        row = np.floor((self.frame.north_m - self.frame.cores_m[:, 1]) / grid.cell_m).astype(np.int64)
        column = np.floor((self.frame.cores_m[:, 0] - self.frame.west_m) / grid.cell_m).astype(np.int64)
        easting_m, northing_m = (self.frame.west_m + (column + 0.5) * grid.cell_m, self.frame.north_m - (row + 0.5) * grid.cell_m)
        values = drift.at(grid, np.asarray(easting_m, dtype=np.float64), np.asarray(northing_m, dtype=np.float64)).T
        cells = list(zip(row.tolist(), column.tolist(), strict=True))
        return {band: _AtCores(dict(zip(cells, found.tolist(), strict=True))) for band, found in zip(drift.bands, values, strict=True)}

    def estimates(self) -> tuple[tuple[GriddedColumns | None, Drift], ...]:
        """Kriging of the accumulation of every element, and what it follows; none of one that was never measured here."""
        estimators = [(element, self.cross_validation.estimator(element)) for element in sorted(self.composites.elements)]
        return tuple(
            (self.columns(element, estimator) if self.is_known(element) else None, self.drift(estimator)) for element, estimator in estimators
        )

    def said(self, realisations: int) -> dict[str, Any]:
        """What the products were made from, and how; no time of day, so that it is the same whenever they are."""
        names = ["composites.parquet", "coregionalisation.json", "cross_validation.json", *(f"variogram_{v.subject}.json" for v in self.variograms)]
        simulation, fine = self.sections["simulation"], self.sections["fine_grid"]
        drawn = {
            "realisations": realisations,
            "seed": simulation.seed,
            "method": "conditional simulation by waves (geostatistics/spectral_fields.py)",
            "frequencies": fine.frequencies,
            "switched_off": sorted(self.off),
            "not_simulated": self.not_simulated,
        }
        return {
            **self.composites.marks.tags(),
            "cell_m": self.frame.cell_m,
            "shape": list(self.frame.shape),
            "west_m": self.frame.west_m,
            "north_m": self.frame.north_m,
            "crs": self.frame.crs,
            "layers": layer_tags(self.layers),
            "grades": {
                "method": "kriging of columns on blocks of cells (geostatistics/gridded_columns.py)",
                "estimator": {element: self.cross_validation.estimator(element).name for element in self.composites.elements},
            },
            "simulation": drawn if realisations else None,
            "settings": {name: section.model_dump(mode="json") for name, section in sorted(self.sections.items())},
            "made_from": {name: sha256_of(self.processed / name) for name in names},
            "program_sha256": program_sha256(),
            "python": platform.python_version(),
            "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        }


@dataclass(frozen=True)
class _AtCores:
    """A band that is known in some cells, read as an array is."""

    known: dict[tuple[int, int], float]

    def __getitem__(self, at: tuple[Array, Array]) -> Array:
        return np.array([self.known[row, column] for row, column in zip(*(part.tolist() for part in at), strict=True)])


def _there(path: Path) -> Path:
    if not path.is_file():
        msg = f"{path.name} is missing from {path.parent}: a fine grid begins with a finished build. Type make all first."
        raise ArtefactError(msg)
    return path


def _write_grades(built: Built, out: Path, workers: Workers) -> None:
    steps, write = {element: step_ppm(built.composites, element) for element in sorted(built.composites.elements)}, {}
    with ExitStack() as stack:
        for element, step in steps.items():
            own = {"element": element, "estimator": built.cross_validation.estimator(element).name, "step_ppm": repr(step)}
            tags = {**layer_tags(built.layers), **built.composites.marks.tags(), **own}
            file, bands = out / f"grade_{element}.tif", grade_bands(element, built.layers)
            write[element] = stack.enter_context(raster_in_windows(file, built.frame.grid, bands, tags))
        task = _of_all(built, [_grades(part, steps) for part in built.parts])
        for tile, found in workers.map(task, built.tiles, name="grades"):
            for element, values in found.items():
                if len(values):
                    write[element](tile.slices, values)


def _of_all(built: Built, tasks: Sequence[Callable[[Tile], dict[str, NDArray[Any]]]]) -> Callable[[Tile], dict[str, NDArray[Any]]]:
    """The one task, or those of all domains."""
    return InDomains(tuple(tasks)) if built.composites.domains else tasks[0]


def _grades(part: Built, steps: Mapping[str, float]) -> Grades:
    """Task of the grades of a part, with steps that hold for all parts."""
    density, has_density = variogram_of(part.variograms, DENSITY), part.is_known(DENSITY)
    parts = []
    for element, step in steps.items():
        if part.name and not part.is_known(element):
            continue
        estimator, variogram = part.cross_validation.estimator(element), variogram_of(part.variograms, element)
        r = correlation(part.composites, part.frame.grid, variogram, density) if has_density else 0.0
        parts.append(Accumulation(element, part.columns(element, estimator), part.drift(estimator), r, step))
    return Grades(part.frame, tuple(parts), Densities(part.columns(DENSITY) if has_density else None, part.prior_t_m3, part.layers.count))


def simulations_of(built: Built, count: int) -> dict[str, tuple[Deposit, SpectralSimulation]]:
    """What realisations of every part are drawn from, by its name: the posterior of the stage ``simulation``, and fields of waves."""
    settings: SimulationSettings = built.sections["simulation"].model_copy(update={"realisations": count})
    given = (built.composites, built.variograms, built.seafloor, settings, built.sections["density"], built.sections["variogram"])
    deposits = deposits_of_domains(*given)[1] if built.composites.domains else {"": deposit_of(*given)}
    nodes, frequencies = built.sections["grade"].block_nodes, built.sections["fine_grid"].frequencies
    found = {}
    for name, deposit in deposits.items():
        rest = (built.frame.cell_m, nodes, frequencies, seed_of(settings.seed, name), deposit.density_factor)
        found[name] = deposit, SpectralSimulation(deposit.variables(built.off), deposit.models, deposit.positions_m, *rest)
    return found


def _write_realisations(built: Built, count: int, out: Path, workers: Workers) -> None:
    simulations, parts = simulations_of(built, count), built.parts
    elements = next(iter(simulations.values()))[0].elements
    cutoffs = tuple(tuple(built.sections["cutoffs"].of(element)) for element in elements)
    steps = tuple(step_ppm(built.composites, element) for element in elements)
    tasks = []
    for part in parts:
        _, simulation = simulations[part.name]
        simulation.prepare(range(count))
        min_slope = built.sections["tonnage"].min_slope_of_regression
        tasks.append(Realisations(part.frame, simulation, elements, cutoffs, steps, part.estimates(), min_slope, count))
    totals: dict[str, list[Array]] = {element: [] for element in elements}
    for tile, found in _written(built, elements, steps, out, workers.map(_of_all(built, tasks), built.tiles, name="realisations")):
        del tile
        for element in elements:
            totals[element].append(found[f"totals_{element}"])
    sums = {element: exact_sums(blocks) for element, blocks in totals.items()}
    regions = [*REGIONS, *(part.name for part in parts if part.name)]
    _write_totals(built, elements, cutoffs, sums, regions, out)


def _written(
    built: Built, elements: Sequence[str], steps: Sequence[float], out: Path, results: Iterable[tuple[Tile, dict[str, NDArray[Any]]]]
) -> Iterator[tuple[Tile, dict[str, NDArray[Any]]]]:
    """Tiles on their way, after their columns were written to the raster of each element."""
    tags = {**layer_tags(built.layers), **built.composites.marks.tags(), "percentiles": PERCENTILES_SAID}
    write = {}
    with ExitStack() as stack:
        for element, step in zip(elements, steps, strict=True):
            bands, own = [f"{element}_{name}_ppm" for name in STATISTICS], {"element": element, "step_ppm": repr(step)}
            write[element] = stack.enter_context(raster_in_windows(out / f"columns_{element}.tif", built.frame.grid, bands, {**tags, **own}))
        for tile, found in results:
            for element in elements:
                if len(found[f"columns_{element}"]):
                    write[element](tile.slices, found[f"columns_{element}"])
            yield tile, found


def exact_sums(parts: Sequence[Array]) -> Array:
    """Sums over the blocks of all tiles, the first axis of each part, rounded once: no order, and so no size of tile, changes a bit."""
    blocks = np.concatenate(parts)
    flat = blocks.reshape(len(blocks), -1)
    return np.array([math.fsum(column) for column in flat.T]).reshape(blocks.shape[1:])


def _write_totals(
    built: Built, elements: Sequence[str], cutoffs: Sequence[Sequence[float]], sums: dict[str, Array], regions: Sequence[str], out: Path
) -> None:
    """``totals.parquet`` as that of the stage ``simulation``."""
    import pandas as pd

    cell_m2 = built.frame.cell_m**2
    block_m3 = cell_m2 * built.layers.layer_m
    frames = []
    for element, limits in zip(elements, cutoffs, strict=True):
        found = sums[element]
        index = pd.MultiIndex.from_product([range(len(found)), [element], regions, limits], names=list(TOTALS_COLUMNS)[:4])
        values = found.reshape(-1, 3) * [cell_m2 * KM2_PER_M2, block_m3, block_m3 * TONNE_PER_GRAM]
        frames.append(pd.DataFrame(values, index=index, columns=["area_km2", "dry_mud_t", "metal_t"]).reset_index())
    table = pd.concat(frames).sort_values(list(TOTALS_COLUMNS)[:4])
    notes = {**layer_tags(built.layers), **built.composites.marks.tags(), "elements": list(elements), "cell_m": built.frame.cell_m}
    write_table(table, TOTALS_COLUMNS, notes, out / "totals.parquet")
