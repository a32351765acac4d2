"""Open exports with QGIS and run its algorithms on them: ``make test-qgis``. Long, because QGIS is large; no part of CI.

A tiny export is made, then read by the QGIS of the system: by ``qgis_process`` (zonal statistics, areas, sampling) and by its Python, which also
draws the styled layers to a picture. ``python tests/qgis/check.py FOLDER`` checks an export that is there.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import install, may_install  # noqa: E402
from debian_gdal import clean_environment  # noqa: E402

PACKAGES = ["qgis", "python3-qgis", "qgis-providers"]


def main(arguments: list[str]) -> int:
    """Check an export; 1 where QGIS is missing or finds something else than was written."""
    if program() is None and may_install():
        install(PACKAGES, "QGIS")
    if program() is None:
        print(f"QGIS is not installed: sudo apt-get install {' '.join(PACKAGES)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(arguments[0]).resolve() if arguments else made(Path(scratch))
        return checked(folder, Path(scratch))


def program() -> str | None:
    """``qgis_process``; on Debian the one behind a script that hands it an option it does not know."""
    return shutil.which("qgis_process.bin") or shutil.which("qgis_process")


def made(scratch: Path) -> Path:
    """A build of the small assessment of the tests, and its export."""
    from conftest import write_tiny

    raw = write_tiny(scratch / "raw")
    folders = [f"RAW={raw}", f"PROCESSED={scratch / 'processed'}", f"MAPS={scratch / 'maps'}"]
    subprocess.run(["make", "-C", ROOT, "export", *folders, f"EXPORT={scratch / 'export'}"], check=True, stdout=subprocess.DEVNULL)
    return scratch / "export"


def checked(folder: Path, scratch: Path) -> int:
    """Run every check and print what was found."""
    import geopandas as gpd
    import numpy as np
    import rasterio

    env = {**clean_environment(), "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(scratch)}
    said = subprocess.run([program(), "--version"], env=env, capture_output=True, text=True, check=False).stdout
    print(next((line for line in said.splitlines() if line.startswith("QGIS")), "QGIS of unknown version"))
    faults: list[str] = []

    def holds(claim: str, is_true: object) -> None:
        print(f"{'ok   ' if is_true else 'FAULT'} {claim}")
        faults.extend([] if is_true else [claim])

    def algorithm(name: str, **parameters: object) -> dict:
        given = [f"{key}={value}" for key, value in parameters.items()]
        done = subprocess.run([program(), "--json", "run", name, "--", *given], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout[-500:], done.stderr[-1500:], file=sys.stderr)
            return {}
        return json.loads(done.stdout[done.stdout.index("{") :])["results"]

    raster, package = folder / "rasters" / "grade_dy.tif", folder / "assessment.gpkg"
    with rasterio.open(raster) as written:
        values, cell_m = written.read(1).astype(float), written.transform.a
    found = algorithm("native:rasterlayerstatistics", INPUT=raster, BAND=1)
    agree = found and np.allclose([found["MIN"], found["MAX"], found["MEAN"]], [np.nanmin(values), np.nanmax(values), np.nanmean(values)], rtol=1e-6)
    holds("native:rasterlayerstatistics gives least, most and mean of grade_dy.tif", agree)

    zones = scratch / "zones.gpkg"
    algorithm("native:zonalstatisticsfb", INPUT=f"{package}|layername=region", INPUT_RASTER=raster, RASTER_BAND=1, STATISTICS="0,2", OUTPUT=zones)
    zonal = gpd.read_file(zones) if zones.is_file() else None
    whole = abs(zonal["_mean"].item() / np.nanmean(values) - 1) < 0.02 if zonal is not None else False
    holds(
        "native:zonalstatisticsfb puts the raster inside the region of the GeoPackage (mean within 2 %, cells at the edge count by their centre)",
        whole,
    )

    areas = scratch / "areas.gpkg"
    algorithm(
        "native:fieldcalculator", INPUT=f"{package}|layername=classes", FIELD_NAME="km2", FIELD_TYPE=0, FORMULA="area($geometry)/1e6", OUTPUT=areas
    )
    classes = gpd.read_file(areas) if areas.is_file() else None
    holds(
        "native:fieldcalculator finds the areas that the layer classes tells",
        classes is not None and np.allclose(classes["km2"], classes["area_km2"], rtol=1e-9),
    )

    sampled = scratch / "sampled.gpkg"
    projected = scratch / "cores.gpkg"
    algorithm("native:reprojectlayer", INPUT=f"{package}|layername=cores", TARGET_CRS=f"wkt:{crs_wkt(raster)}", OUTPUT=projected)
    algorithm("native:rastersampling", INPUT=projected, RASTERCOPY=raster, COLUMN_PREFIX="grade_", OUTPUT=sampled)
    cores = gpd.read_file(sampled) if sampled.is_file() else None
    if cores is not None:
        with rasterio.open(raster) as written:
            expected = np.array([value[0] for value in written.sample(zip(cores.geometry.x, cores.geometry.y, strict=True), indexes=1)])
        holds("native:rastersampling finds the grade of the cell under each core", np.allclose(cores["grade_1"], expected, rtol=1e-6))
    else:
        holds("native:rastersampling finds the grade of the cell under each core", False)
    picture = ROOT / ".cache" / "qgis.png"
    picture.parent.mkdir(exist_ok=True)
    drawn = subprocess.run(
        ["/usr/bin/python3", Path(__file__).with_name("draw.py"), folder, picture], env=env, capture_output=True, text=True, check=False
    )
    told = json.loads(drawn.stdout.splitlines()[-1]) if drawn.returncode == 0 else {}
    if not told:
        print(drawn.stderr[-1500:], file=sys.stderr)
    rasters = {path.stem for path in (folder / "rasters").glob("*.tif")}
    holds(
        "every raster opens with the style beside it",
        set(told.get("rasters", {})) == rasters and set(told["rasters"].values()) <= {"singlebandpseudocolor", "paletted"},
    )
    holds("the unit stands in the legend", told.get("suffix") == " ppm")
    holds(
        "every layer of the GeoPackage opens with its own style",
        bool(told.get("layers"))
        and set(told["layers"].values()) <= {"singleSymbol", "categorizedSymbol", "graduatedSymbol"}
        and "graduatedSymbol" in told["layers"].values(),
    )
    holds("the projection is the grid's", told.get("cell_m") == cell_m and "Lambert" in told.get("crs", ""))
    holds(f"the picture is drawn ({picture})", picture.is_file() and told.get("colours", 0) > 50)
    return 1 if faults else 0


def crs_wkt(raster: Path) -> str:
    """Projection of a raster."""
    import rasterio

    with rasterio.open(raster) as written:
        return written.crs.to_wkt()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
