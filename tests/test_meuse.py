"""The same program on real samples: 155 topsoil samples along the Meuse, one layer, Dutch grid."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

from pipeline.artefacts import Composites, Variogram
from pipeline.geostatistics.kriging import Kriging

ROOT = Path(__file__).parents[1]
PAGES = ("index.html", "report.html", "changes.html", "grade_zn.html", "grade_pb.html")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folders of a whole build by make."""
    base = tmp_path_factory.mktemp("meuse")
    raw = base / "raw"
    shutil.copytree(ROOT / "tests" / "meuse", raw)
    (raw / "README.md").unlink()
    (raw / "bathymetry").mkdir()
    profile = {"driver": "GTiff", "width": 60, "height": 60, "count": 1, "dtype": "float32", "crs": "EPSG:28992"}
    with rasterio.open(raw / "bathymetry" / "flat.tif", "w", transform=Affine(100, 0, 177_000, 0, -100, 335_000), **profile) as raster:
        raster.write(np.zeros((1, 60, 60), dtype=np.float32))
    folders = [f"RAW={raw}", f"PROCESSED={base / 'processed'}", f"MAPS={base / 'maps'}"]
    # Make's own variables must not leak in: the tests themselves run below make.
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "LINKS")}
    result = subprocess.run(["make", "all", *folders], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return base


def test_rasters_and_maps_are_made(built):
    for name in ("grade_zn.tif", "grade_pb.tif", "seafloor.tif", "density.tif"):
        with rasterio.open(built / "processed" / name) as raster:
            assert np.isfinite(raster.read(1)).sum() > 1_000
    assert sorted(path.name for path in (built / "maps").glob("*.html")) == sorted(PAGES)


def test_leave_one_out_error_of_log_zinc_is_the_published_size(built):
    """The accumulation is modelled, not its logarithm: the error of the log may differ from the published 0.392 by a tenth of the spread."""
    composites, variogram = (
        Composites.read(built / "processed" / "composites.parquet"),
        Variogram.read(built / "processed" / "variogram_zn.json"),
    )
    frame = composites.frame.to_crs("EPSG:28992")
    positions_m = np.column_stack([frame.geometry.x, frame.geometry.y, np.full(len(frame), 0.1)])
    grade_ppm = frame["zn_g_m3"].to_numpy() / frame["dry_bulk_density_t_m3"].to_numpy()
    estimate_ppm, _ = Kriging(positions_m, variogram.model, np.ones((len(frame), 1))).leave_one_out(grade_ppm, np.arange(len(frame)))
    assert len(frame) == 155
    error = np.log(np.maximum(estimate_ppm, 50)) - np.log(grade_ppm)
    assert 0.30 < np.sqrt(np.mean(error**2)) < 0.46


def test_total_metal_is_between_what_the_samples_bound(built):
    """Mean grade of the estimated area lies between the quartiles of the samples; mud follows from area, 0.2 m and 1.3 t/m3."""
    table = pd.read_csv(built / "processed" / "tonnage.csv").set_index(["element", "region", "cutoff_ppm", "statistic"])
    samples = pd.read_csv(ROOT / "tests" / "meuse" / "cores" / "meuse.csv")
    for element in ("zn", "pb"):
        row = table.loc[(element, "all", 0.0, "mean")]
        kriged, spread = (table.loc[(element, "all", 0.0, statistic)] for statistic in ("kriged", "sd"))
        assert kriged["dry_mud_t"] == pytest.approx(kriged["area_km2"] * 1e6 * 0.2 * 1.3, rel=1e-6)
        # The prior's mean density is drawn anew for each of 500 realisations: four standard errors of their mean.
        assert abs(row["dry_mud_t"] - kriged["dry_mud_t"]) < 4 * spread["dry_mud_t"] / np.sqrt(500)
        assert samples[f"{element}_ppm"].quantile(0.25) < row["grade_ppm"] < samples[f"{element}_ppm"].quantile(0.75)
        assert row["metal_t"] == pytest.approx(row["dry_mud_t"] * row["grade_ppm"] * 1e-6, rel=1e-6)
        assert np.isnan(row["oxide_t"])
        assert table.loc[(element, "all", 0.0, "p05"), "metal_t"] < row["metal_t"] < table.loc[(element, "all", 0.0, "p95"), "metal_t"]


def test_nothing_of_a_measured_survey_is_called_synthetic(built):
    products = [path for folder in ("processed", "maps") for path in (built / folder).rglob("*") if path.is_file()]
    assert len(products) > 12
    # The schema names every mark there may be.
    told = [path for path in products if path.name != "table1.schema.json"]
    marked = [path.name for path in told if b"synthetic" in path.read_bytes().lower() or "合成データ".encode() in path.read_bytes()]
    assert marked == []
