"""Hold the map of cadmium against the 100 sites that were kept apart: ``python examples/jura/check.py PROCESSED``."""  # noqa: INP001 - scripts, no package

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

PUBLISHED_MG_KG = 0.574
"""Mean absolute error at these sites from cadmium alone (one Gaussian process: Alvarez & Lawrence 2011, J. Mach. Learn. Res. 12:1459-1500)."""

LARGEST_MG_KG = 0.65


def error_at_validation_sites_mg_kg(processed: Path, sites: list[dict[str, float]]) -> tuple[int, float]:
    """Number of sites on the map, and the mean absolute error there of the cell that each stands in."""
    from pipeline.artefacts import Grade

    grade = Grade.read(processed / "grade_cd.tif")
    longitude_deg, latitude_deg, measured = (np.array([site[name] for site in sites], dtype=float) for name in ("long", "lat", "Cd"))
    easting_m, northing_m = grade.grid.from_lonlat(longitude_deg, latitude_deg)
    west, _, _, north = grade.grid.bounds_m
    row, column = ((north - northing_m) / grade.grid.cell_m).astype(int), ((easting_m - west) / grade.grid.cell_m).astype(int)
    estimated = grade.mean_ppm[row, column]
    known = np.isfinite(estimated)
    return int(known.sum()), float(np.mean(np.abs(estimated - measured)[known]))


def main(processed: Path) -> int:
    """Print the comparison; 1 where it fails."""
    from examples.fetch import jura_validation

    count, error = error_at_validation_sites_mg_kg(processed, jura_validation())
    print(f"Jura: {count} validation sites, mean absolute error of cadmium {error:.3f} mg/kg; published {PUBLISHED_MG_KG}; at most {LARGEST_MG_KG}")
    return 0 if count >= 95 and error < LARGEST_MG_KG else 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.exit(main(Path(sys.argv[1])))
