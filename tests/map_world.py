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
    TONNAGE_COLUMNS,
    BathymetryFiles,
    Composites,
    Density,
    Grade,
    Marks,
    Page,
    Provenance,
    PublishedFiles,
    Samples,
    Seafloor,
    Tonnage,
    TruthFiles,
    Validation,
)
from pipeline.config import AssessmentSettings, CutoffSettings, ElementSettings, GridSettings, MapSettings, RegionSettings
from pipeline.files import sha256_of
from pipeline.grid import Grid, layers_of, region_grid, region_share
from pipeline.stages import index
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

    def map_page(self, **settings) -> Page:
        maps = MapSettings(**({**ISLAND, **settings} if self.island else settings))
        return map_stage.run(
            self.grade,
            self.density,
            self.seafloor,
            self.samples,
            self.composites,
            self.tonnage,
            self._listed(BathymetryFiles),
            self._listed(PublishedFiles),
            maps,
            AssessmentSettings.model_construct(title=self.title),
            CutoffSettings(**{f"{self.grade.element}_ppm": list(CUTOFFS)}),
        )

    def index_page(self) -> Page:
        return index.run(
            [self.grade],
            self.tonnage,
            self.samples,
            self.seafloor,
            self.composites,
            Validation(self.checks),
            self._listed(TruthFiles),
            self._listed(PublishedFiles),
            Provenance({"numbers": [1, 2]}),
            MapSettings(),
            AssessmentSettings.model_construct(title=self.title),
            ElementSettings(assessed=[self.grade.element]),
        )


def world(
    raw: Path,
    *,
    element: str = "dy",
    data_kind: str = "measured",
    rows_left_out: int = 0,
    title: str = "Test region",
    first_core: str = "A-1",
    island: bool = True,
    more_cores: tuple[tuple[str, float, float], ...] = (),
) -> World:
    """Assessment on a slope of the seafloor with grades that rise to the north-east and with depth; any text passes, also a title too long."""
    grid, layers, marks = region_grid(REGION, GRID), layers_of(GRID), Marks(data_kind, rows_left_out)
    easting_m, northing_m = grid.centres_m()
    mean_ppm = 60 + 30 * (easting_m / easting_m.max() + northing_m / northing_m.max()) / 2
    mean_ppm[-2:, :3] = np.nan
    layer_ppm = mean_ppm + np.array([-20.0, 0.0, 20.0])[:, None, None]
    sd_ppm = np.where(np.isfinite(mean_ppm), 5.0 + easting_m / 1e4, np.nan)
    layer_sd_ppm = np.stack([sd_ppm * 2, sd_ppm + northing_m / 1e4, sd_ppm * 3])
    grade = Grade(element, grid, layers, mean_ppm, sd_ppm, layer_ppm, layer_sd_ppm, np.ones(grid.shape), marks, "ordinary")
    density = Density(grid, layers, *(np.full(shape, 0.5) for shape in (grid.shape, grid.shape, layer_ppm.shape, layer_ppm.shape)), "measured", marks)
    share = region_share(grid, REGION)
    seafloor = Seafloor(grid, layers, 5500 + easting_m / 100, np.ones(grid.shape), share, "bathymetry/slope.tif (11,000 m)", 11_000.0)
    cores = ((first_core, *CORES[0][1:]), *CORES[1:], *more_cores)
    return World(
        _raw(raw),
        grade,
        density,
        seafloor,
        Samples(_samples(cores, element), pd.DataFrame(), marks),
        Composites(_composites(cores, element), layers, (element,), "measured", marks),
        Tonnage(_tonnage(element, data_kind)),
        title,
        island,
    )


def _raw(raw: Path) -> Path:
    for kind in ("bathymetry", "published", "truth"):
        (raw / kind).mkdir(parents=True, exist_ok=True)
    x, y = np.meshgrid(np.linspace(0, 12, 60), np.linspace(0, 9, 60))
    profile = {"driver": "GTiff", "width": 60, "height": 60, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(raw / "bathymetry" / "slope.tif", "w", transform=Affine(0.2, 0, 149, 0, -0.2, 29), **profile) as raster:
        raster.write((-5500 + 900 * np.sin(x) * np.cos(y)).astype(np.float32), 1)
    (raw / "published" / "place.csv").write_text("id,value,unit,source\neez_published,428875,km2,a gazette\n", encoding="utf-8")
    return raw


def _samples(cores, element):
    rows = [
        {
            "core_id": name,
            "longitude_deg": longitude,
            "latitude_deg": latitude,
            "water_depth_m": 5512.0,
            "penetration_m": 3.5,
            "from_m": top,
            "to_m": top + 0.2,
            f"{element}_ppm": 50.0 + 10 * top,
            "source_file": "cores/cruise.csv",
        }
        for name, longitude, latitude in cores
        for top in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
    ]
    frame = pd.DataFrame(rows)
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["longitude_deg"], frame["latitude_deg"]), crs="EPSG:4326")


def _composites(cores, element):
    rows = [
        {
            "core_id": name,
            "layer": layer,
            f"{element}_ppm": 50.0 + 10 * layer,
            f"{element}_g_m3": (50.0 + 10 * layer) * 0.5,
            f"{element}_sampled_share": 0.4,
            "dry_bulk_density_t_m3": 0.5,
            "longitude_deg": longitude,
            "latitude_deg": latitude,
        }
        for name, longitude, latitude in cores
        for layer in range(3)
    ]
    frame = pd.DataFrame(rows)
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["longitude_deg"], frame["latitude_deg"]), crs="EPSG:4326")


def _tonnage(element, data_kind):
    factor = oxide_per_element(element) or np.nan
    rows = []
    for region, size in (("all", 1.0), ("supported", 0.9)):
        rows += [_row(element, region, cutoff, "kriged", size * (1 - cutoff / 100), factor, data_kind) for cutoff in CUTOFFS]
        spread = {"mean": 1.0, "p05": 0.8, "p10": 0.85, "p50": 0.99, "p90": 1.15, "p95": 1.22, "sd": 0.12}
        rows += [_row(element, region, 0.0, statistic, size * share, factor, data_kind) for statistic, share in spread.items()]
    return pd.DataFrame(rows, columns=list(TONNAGE_COLUMNS))


def _row(element, region, cutoff, statistic, size, factor, data_kind):
    metal_t = 123_456.789 * size
    return (element, region, cutoff, statistic, 3000.0 * size, 2.5e9 * size, 49.4, metal_t, metal_t * factor, data_kind)
