"""A survey of a whole exclusive economic zone for trials of size: 60 synthetic cores, drawn by this generator with a fixed seed.

The zone is the circle of 200 nautical miles around Minamitorishima (24.283 N, 153.987 E), 430,000 km2: a constructed circle, not the official
limit. Cores stand at the nodes of a triangular net, each moved by up to a fifth of its spacing. Grades of dysprosium are lognormal: a profile over
depth with its highest grade at 3.5 m, times the exponential of a Gaussian field with an exponential correlation (practical range 150 km, standard
deviation 0.45) that layers share by four fifths. Gadolinium is 1.1 times as much, with a spread of its own of 5 %. Density falls as grade rises.
Every core reaches 10 m and is sampled in full metres. Nothing here is a measurement, and the notes say so: ``synthetic = true``.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
LONGITUDE_DEG, LATITUDE_DEG, RADIUS_M = 153.987, 24.283, 200 * 1852.0
CORES, LAYERS, SEED = 60, 10, 20_260_808
RANGE_M, LOG_SD, SHARED = 150e3, 0.45, 0.8


def write(raw: Path, cell_m: float, radius_m: float = RADIUS_M, cores: int = CORES, realisations: int = 20, more: str = "") -> Path:
    """Write RAW: settings, cores, outline of the region, and the bathymetry that ships."""
    (raw / "cores").mkdir(parents=True)
    (raw / "domains").mkdir()
    shutil.copytree(ROOT / "data" / "raw" / "bathymetry", raw / "bathymetry")
    ring = [circle(azimuth, radius_m) for azimuth in np.linspace(360.0, 0.0, 721)]
    geometry = {"type": "Polygon", "coordinates": [[*ring[:-1], ring[0]]]}
    outline = {"type": "Feature", "properties": {"name": "200 nautical miles"}, "geometry": geometry}
    (raw / "domains" / "zone.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [outline]}))
    (raw / "assessment.toml").write_text(
        f'title = "Trial of size: synthetic cores"\n[region]\npolygon = "domains/zone.geojson"\n'
        f"[grid]\ncell_m = {cell_m}\ncentre_longitude_deg = {LONGITUDE_DEG}\ncentre_latitude_deg = {LATITUDE_DEG}\n"
        f"[simulation]\nrealisations = {realisations}\nchecks = false\n"
        f"[cutoffs]\ndy_ppm = [0.0, 20.0, 40.0, 60.0]\ngd_ppm = [0.0, 20.0, 40.0, 60.0]\n{more}"
    )
    rows = samples(cores)
    with (raw / "cores" / "trial.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    note = 'source = "tests/eez_survey.py, drawn by a generator with a fixed seed"\nlicence = "MIT"\nsynthetic = true\n'
    (raw / "cores" / "trial.toml").write_text(note)
    return raw


def circle(azimuth_deg: float, distance_m: float) -> tuple[float, float]:
    """Longitude and latitude of a place at a distance from the island, on the ellipsoid."""
    from pyproj import Geod

    longitude_deg, latitude_deg, _ = Geod(ellps="WGS84").fwd(LONGITUDE_DEG, LATITUDE_DEG, azimuth_deg, distance_m)
    return round(longitude_deg, 6), round(latitude_deg, 6)


def positions_m(count: int, random: np.random.Generator) -> np.ndarray:
    """(count, 2) places in metres around the island: a triangular net, shaken, the innermost nodes first."""
    spacing_m = np.sqrt(np.pi * RADIUS_M**2 / count * 2 / np.sqrt(3))
    row, column = np.indices((60, 60)).reshape(2, -1) - 30
    net_m = np.column_stack([(column + 0.5 * (row % 2)) * spacing_m, row * spacing_m * np.sqrt(3) / 2])
    net_m = net_m[np.argsort(np.hypot(*net_m.T), kind="stable")[:count]]
    return net_m + random.uniform(-0.2, 0.2, net_m.shape) * spacing_m


def samples(count: int) -> list[dict[str, object]]:
    """One row for each metre of each core."""
    random = np.random.default_rng(SEED)
    at_m = positions_m(count, random)
    lag_m = np.hypot(*(at_m[:, None] - at_m[None]).transpose(2, 0, 1))
    root = np.linalg.cholesky(np.exp(-3 * lag_m / RANGE_M))
    shared = root @ random.standard_normal(count)
    own = root @ random.standard_normal((count, LAYERS))
    field = np.sqrt(SHARED) * shared[:, None] + np.sqrt(1 - SHARED) * own
    profile = 12.0 + 45.0 * np.exp(-0.5 * ((np.arange(LAYERS) - 3.0) / 1.8) ** 2)
    dy_ppm = profile * np.exp(LOG_SD * field - LOG_SD**2 / 2)
    gd_ppm = 1.1 * dy_ppm * np.exp(0.05 * random.standard_normal(dy_ppm.shape))
    density_t_m3 = np.clip(0.58 - 0.0008 * dy_ppm + 0.02 * random.standard_normal(dy_ppm.shape), 0.3, 0.9)
    rows: list[dict[str, object]] = []
    for core in range(count):
        azimuth_deg = float(np.degrees(np.arctan2(*at_m[core])))
        longitude_deg, latitude_deg = circle(azimuth_deg, float(np.hypot(*at_m[core])))
        place = {"core_id": f"TRIAL-{core + 1:03d}", "longitude_deg": longitude_deg, "latitude_deg": latitude_deg, "penetration_m": float(LAYERS)}
        for layer in range(LAYERS):
            grades = {"dy_ppm": round(float(dy_ppm[core, layer]), 2), "gd_ppm": round(float(gd_ppm[core, layer]), 2)}
            density = {"dry_bulk_density_t_m3": round(float(density_t_m3[core, layer]), 4)}
            rows.append({**place, "from_m": float(layer), "to_m": layer + 1.0, **grades, **density})
    return rows
