"""A small assessment for tests of the pages: known rasters, three cores, one bathymetry grid; built without estimating anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from affine import Affine

from pipeline.artefacts import (
    QUANTILES,
    RECOVERABLE_COLUMNS,
    SENSITIVITY_COLUMNS,
    STEP_PROBABILITY,
    TONNAGE_COLUMNS,
    BathymetryFiles,
    Classes,
    Composites,
    Density,
    DomainFiles,
    Grade,
    Marks,
    NextCores,
    Page,
    PanelPlan,
    PanelTotals,
    Production,
    Provenance,
    PublishedFiles,
    Recoverable,
    RecoverableTotals,
    Samples,
    Seafloor,
    SimulatedGrade,
    Simulation,
    Squares,
    SquareTotals,
    Subject,
    Tonnage,
    Validation,
    on_steps,
)
from pipeline.config import (
    AssessmentSettings,
    CutoffSettings,
    ElementSettings,
    GridSettings,
    MapSettings,
    PlaceSettings,
    ProductionSettings,
    RecoverableSettings,
    RegionSettings,
)
from pipeline.files import sha256_of
from pipeline.grid import Grid, layers_of, region_grid, region_share
from pipeline.stages import index, production
from pipeline.stages import map as map_stage
from pipeline.units import oxide_per_element

REGION = RegionSettings(west_deg=153.5, east_deg=154.1, south_deg=21.8, north_deg=22.25)
GRID = GridSettings(cell_m=2000.0, layer_m=1.0, top_m=0.0, bottom_m=3.0)
ISLAND = {"island_longitude_deg": 153.98667, "island_latitude_deg": 24.28306, "island_name": "Minamitorishima"}
CUTOFFS = (0.0, 40.0, 80.0)
CORES = (("A-1", 153.65, 21.9), ("B-2", 153.8, 22.05), ("C-3", 153.95, 22.15))

CHECKS: dict[str, Any] = {
    "simulation": {
        "sources": {
            "dy": {
                "one_off": {
                    "grade_field": {"share_of_variance": 0.6123, "low": 0.5, "high": 0.7},
                    "mean_and_spread": {"share_of_variance": 0.3456, "low": 0.3, "high": 0.4},
                    "density": {"share_of_variance": 0.7, "low": -0.1, "high": 0.9},
                }
            }
        },
        "production_volume": {"limit_half_width_share": 0.15, "year": {"smallest_half_width_share": 0.2345, "share_of_cells_passing": 0.0}},
    },
    "calibration": {
        "state": "calibrated",
        "runs": [{"layout": layout, "twins": 200, "elements": {"dy": {"total": {"90": {"held": held}}}}} for layout, held in ((4, 181), (25, 187))],
    },
}
"""What the checks of a survey of three cores may have found."""


@dataclass(frozen=True)
class World:
    """What the stages of the pages take."""

    raw: Path
    grade: Grade
    density: Density
    seafloor: Seafloor
    samples: Samples
    composites: Composites
    tonnage: Tonnage
    simulation: Simulation
    squares: Squares
    next_cores: NextCores
    production: Production
    more: tuple[Grade, ...] = ()
    title: str = "Test region"
    island: bool = True
    checks: dict[str, Any] = field(default_factory=lambda: CHECKS)

    @property
    def grid(self) -> Grid:
        return self.grade.grid

    def _listed(self, kind):
        folder = self.raw / kind.name
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return kind(self.raw, {path.relative_to(self.raw).as_posix(): sha256_of(path) for path in files})

    def map_page(
        self, element: str | None = None, recoverable: RecoverableSettings | None = None, island: dict[str, Any] | None = None, **settings
    ) -> Page:
        """Map of the first element, or of another."""
        place = PlaceSettings(**(ISLAND | (island or {}))) if self.island else PlaceSettings()
        grades = [self.grade, *self.more]
        elements = [grade.element for grade in grades]
        return map_stage.run(
            Subject(element or self.grade.element),
            grades,
            self.density,
            self.seafloor,
            self.samples,
            self.composites,
            self.simulation,
            self.squares,
            self.next_cores,
            self.production,
            self.tonnage,
            self._listed(BathymetryFiles),
            self._listed(DomainFiles),
            self._listed(PublishedFiles),
            MapSettings(**settings),
            AssessmentSettings.model_construct(title=self.title),
            REGION,
            ElementSettings(assessed=elements),
            CutoffSettings(**{f"{element}_ppm": list(CUTOFFS) for element in elements}),
            recoverable or RecoverableSettings(),
            place,
        )

    def index_page(self) -> Page:
        return index.run(
            [self.grade],
            self.tonnage,
            self.samples,
            self.seafloor,
            self.composites,
            Validation({"elements": {}, **self.checks}),
            self._listed(PublishedFiles),
            Provenance({"numbers": [1, 2]}),
            Recoverable(pd.DataFrame(columns=list(RECOVERABLE_COLUMNS)), pd.DataFrame(columns=list(SENSITIVITY_COLUMNS))),
            MapSettings(),
            AssessmentSettings.model_construct(title=self.title),
            ElementSettings(assessed=[self.grade.element]),
        )


def world(
    raw: Path,
    *,
    element: str = "dy",
    more: tuple[str, ...] = (),
    not_simulated: tuple[str, ...] = (),
    layers: int = 3,
    data_kind: str = "measured",
    rows_left_out: int = 0,
    title: str = "Test region",
    first_core: str = "A-1",
    island: bool = True,
    more_cores: tuple[tuple[str, float, float], ...] = (),
) -> World:
    """Assessment on a slope of the seafloor with grades that rise to the north-east and with depth; any text passes, also a title too long.

    Grades of each further element are 10 ppm higher than those of the one before.
    """
    grid, marks = region_grid(REGION, GRID), Marks(data_kind, rows_left_out)
    frame = layers_of(GRID.model_copy(update={"bottom_m": float(layers)}))
    elements = (element, *more)
    easting_m, _ = grid.centres_m()
    grades = [_grade(name, 10.0 * i, grid, frame, marks) for i, name in enumerate(elements)]
    shapes = (grid.shape, grid.shape, (layers, *grid.shape), (layers, *grid.shape))
    density = Density(grid, frame, *(np.full(shape, 0.5) for shape in shapes), "measured", marks)
    share = region_share(grid, REGION)
    seafloor = Seafloor(grid, frame, 5500 + easting_m / 100, np.ones(grid.shape), share, "bathymetry/slope.tif (11,000 m)", 11_000.0)
    cores = ((first_core, *CORES[0][1:]), *CORES[1:], *more_cores)
    simulated = [grade for grade in grades if grade.element not in not_simulated]
    return World(
        _raw(raw),
        grades[0],
        density,
        seafloor,
        Samples(_samples(cores, elements), pd.DataFrame(), marks),
        Composites(_composites(cores, elements, layers), frame, elements, "measured", marks),
        Tonnage(_tonnage(elements, not_simulated, data_kind)),
        _simulation(simulated, share, marks),
        _squares(simulated, marks),
        _next_cores(grid, elements, marks),
        planted_production(seafloor, [grade.element for grade in simulated], marks),
        tuple(grades[1:]),
        title,
        island,
    )


def cell_centre(grid, row, column):
    """Longitude and latitude of a cell's centre."""
    easting_m, northing_m = grid.centres_m()
    return tuple(float(value) for value in grid.to_lonlat(easting_m[row, column], northing_m[row, column]))


def _grade(element, higher_ppm, grid, layers, marks):
    easting_m, northing_m = grid.centres_m()
    mean_ppm = on_steps(60 + higher_ppm + 30 * (easting_m / easting_m.max() + northing_m / northing_m.max()) / 2, 0.1)
    mean_ppm[-2:, :3] = np.nan
    layer_ppm = on_steps(mean_ppm + np.linspace(-20.0, 20.0, layers.count)[:, None, None], 0.1)
    sd_ppm = on_steps(np.where(np.isfinite(mean_ppm), 5.0 + easting_m / 1e4, np.nan), 0.1)
    layer_sd_ppm = on_steps(np.stack([sd_ppm * 2 + abs(northing_m) / 1e4 * layer for layer in range(layers.count)]), 0.1)
    return Grade(element, grid, layers, mean_ppm, sd_ppm, layer_ppm, layer_sd_ppm, np.ones(grid.shape), marks, "ordinary", 0.1)


def _simulation(grades, share, marks):
    """Percentiles at fixed shares of the estimate, wider to the east; probabilities that fall with the cut-off."""
    grid, layers = grades[0].grid, grades[0].layers
    spread = np.linspace(0.1, 0.6, grid.shape[1])
    around = np.linspace(-1.0, 1.2, len(QUANTILES))[:, None, None] * spread
    found = {}
    for grade in grades:
        column = on_steps(grade.mean_ppm * (1 + around), 0.1)
        blocks = on_steps(grade.layer_ppm * (1 + around[:, None]), 0.1)
        over = [
            on_steps(np.clip(0.5 + (values - np.array(CUTOFFS).reshape(-1, *[1] * values.ndim)) / 100, 0, 1), STEP_PROBABILITY)
            for values in (grade.mean_ppm, grade.layer_ppm)
        ]
        found[grade.element] = SimulatedGrade(CUTOFFS, column, column[3], grade.sd_ppm, blocks, blocks[3], *over, 0.1)
    known = np.isfinite(grades[0].mean_ppm)
    code = np.where(known, np.where(np.arange(grid.shape[1]) < 5, 0.0, 1.0), np.nan)
    classes = Classes(code, np.where(known, np.where(code == 0, 1.0, 3.0), np.nan), np.full(grid.shape, 0.3), np.full(grid.shape, 0.5))
    return Simulation(grid, layers, pd.DataFrame(), found, classes, {"not_simulated": {}}, marks)


def _squares(grades, marks):
    side, grid = 8, grades[0].grid
    rows, columns = (-(-count // side) for count in grid.shape)
    random = np.random.default_rng(7)
    totals = {}
    for grade in grades:
        mud_t = random.uniform(0.9, 1.1, (20, 1, rows, columns)) * 1e7 * np.array([1.0, 0.6, 0.2])[:, None, None]
        totals[grade.element] = SquareTotals(CUTOFFS, mud_t, mud_t * 70e-6)
    return Squares(side, grid, totals, marks)


def _next_cores(grid, elements, marks):
    cores = [
        {
            "rank": rank,
            "longitude_deg": longitude,
            "latitude_deg": latitude,
            "water_depth_m": 5600.0,
            "element": elements[0],
            "sd_before_t": 27_800.0,
            "sd_after_t": 27_800.0 * (1 - 0.03 * rank),
            "reduction_share": 0.06 * rank,
            "by_element": {
                element: {"sd_before_t": 27_800.0, "sd_after_t": 27_800.0 * (1 - 0.03 * rank), "reduction_share": 0.06 * rank} for element in elements
            },
        }
        for rank, longitude, latitude in ((1, 153.72, 22.12), (2, 154.0, 21.9))
    ]
    over = [
        {**core, "cutoff_ppm": 40.0, "by_element": {element: {**core["by_element"][element], **_OVER} for element in elements}}
        for core in cores[::-1]
    ]
    for rank, core in enumerate(over, 1):
        core["rank"] = rank
    track = {
        "start": "port",
        "start_name": "Tokyo",
        "start_longitude_deg": 139.77,
        "start_latitude_deg": 35.65,
        "ranks": [2, 1],
        "legs_km": [1990.0, 20.0, 2000.0],
    }
    length = {"track_km": 4010.0, "between_stations_km": 20.0, "sailing_days": 9.0, "station_days": 0.5, "days": 9.5}
    return NextCores(grid, cores, {}, {"element": elements[0]}, marks, over, tracks={"total_metal": {**track, **length}})


_OVER = {"reduction_error_share": 0.03, "width_before_t": 100_000.0, "width_after_t": 94_000.0, "narrowing_t": 6_000.0}


def planted_production(seafloor, elements, marks, realisations=40):
    """Two rates, dry and wet: cells in a row, of which each lasts two years at the lower rate and half a year at the higher one.

    Mud of density 0.5 t/m³, 3 m of it; in realisation r it is 1 + r/1000 times as much, and the grade of year y is 60 + y + r/10 ppm.
    """
    draws = np.arange(realisations)
    cell_m3 = seafloor.grid.cell_area_m2 * 3.0
    plans, rows = [], []
    for rate_t_day, years_of_cell in ((350.0, 2.0), (3500.0, 0.5)):
        for basis in ("dry", "wet"):
            count = 6
            ends = np.arange(1, 1 + max(1, round(count / years_of_cell))) * years_of_cell
            overlap = np.minimum(np.arange(1, count + 1)[:, None], ends) - np.maximum(np.arange(count)[:, None], ends - years_of_cell)
            shares = np.maximum(overlap, 0.0) / years_of_cell
            volume = shares.sum(axis=1) * cell_m3
            kriged = {element: (volume * 0.5 * 70e-6).tolist() for element in elements}
            plans.append(
                PanelPlan(
                    rate_t_day, basis, rate_t_day * 330.0, [8] * ends.size, list(range(9, 9 + ends.size)), shares.tolist(), volume.tolist(),
                    (volume / 3e6).tolist(), [5600.0] * count, [1900.0] * count, [250.0] * count, (volume * 0.5).tolist(), kriged, 70.0, 0.0,
                )
            )  # fmt: skip
            for year in range(1, count + 1):
                mud_t = volume[year - 1] * 0.5 * (1 + draws / 1000)
                for element in elements:
                    metal_t = mud_t * (60 + year + draws / 10) * 1e-6
                    keys = {"rate_t_day": rate_t_day, "basis": basis, "year": year, "element": element}
                    rows.append(pd.DataFrame({"realisation": draws, **keys, "dry_mud_t": mud_t, "metal_t": metal_t}))
    panels = PanelTotals(pd.concat(rows, ignore_index=True), plans, None, elements[0], marks) if elements else PanelTotals.nothing(marks)
    return production.run(panels, RecoverableTotals.nothing(marks), seafloor, ProductionSettings(), RecoverableSettings())


def _raw(raw: Path) -> Path:
    for kind in ("bathymetry", "domains", "published", "truth"):
        (raw / kind).mkdir(parents=True, exist_ok=True)
    x, y = np.meshgrid(np.linspace(0, 12, 60), np.linspace(0, 9, 60))
    profile = {"driver": "GTiff", "width": 60, "height": 60, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(raw / "bathymetry" / "slope.tif", "w", transform=Affine(0.2, 0, 149, 0, -0.2, 29), **profile) as raster:
        raster.write((-5500 + 900 * np.sin(x) * np.cos(y)).astype(np.float32), 1)
    (raw / "published" / "place.csv").write_text("id,value,unit,source\neez_published,428875,km2,a gazette\n", encoding="utf-8")
    return raw


def _samples(cores, elements):
    rows = [
        {
            "core_id": name,
            "longitude_deg": longitude,
            "latitude_deg": latitude,
            "water_depth_m": 5512.0,
            "penetration_m": 3.5,
            "from_m": top,
            "to_m": top + 0.2,
            **{f"{element}_ppm": 50.0 + 10 * top + i for i, element in enumerate(elements)},
            "source_file": "cores/cruise.csv",
        }
        for name, longitude, latitude in cores
        for top in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
    ]
    frame = pd.DataFrame(rows)
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["longitude_deg"], frame["latitude_deg"]), crs="EPSG:4326")


def _composites(cores, elements, layers):
    rows = []
    for name, longitude, latitude in cores:
        for layer in range(layers):
            row = {"core_id": name, "layer": layer, "dry_bulk_density_t_m3": 0.5, "longitude_deg": longitude, "latitude_deg": latitude}
            for i, element in enumerate(elements):
                ppm = 50.0 + 10 * layer + i
                row |= {f"{element}_ppm": ppm, f"{element}_g_m3": ppm * 0.5, f"{element}_sampled_share": 0.4}
            rows.append(row)
    frame = pd.DataFrame(rows)
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["longitude_deg"], frame["latitude_deg"]), crs="EPSG:4326")


def _tonnage(elements, not_simulated, data_kind):
    rows = []
    spread = {"mean": 1.0, "p05": 0.8, "p10": 0.85, "p50": 0.99, "p90": 1.15, "p95": 1.22, "sd": 0.12}
    for i, element in enumerate(elements):
        factor = oxide_per_element(element) or np.nan
        for region, part in (("all", 1.0), ("supported", 0.9)):
            for cutoff in CUTOFFS:
                size = part * (1 - cutoff / 100) * (1 + 0.1 * i)
                rows.append(_row(element, region, cutoff, "kriged", size, factor, data_kind))
                if element not in not_simulated:
                    rows += [_row(element, region, cutoff, name, size * share, factor, data_kind) for name, share in spread.items()]
    return pd.DataFrame(rows, columns=list(TONNAGE_COLUMNS))


def _row(element, region, cutoff, statistic, size, factor, data_kind):
    metal_t = 123_456.789 * size
    return (element, region, cutoff, statistic, 3000.0 * size, 2.5e9 * size, 49.4, metal_t, metal_t * factor, data_kind)
