"""Small surveys planted for one question each, written as a folder laid out like data/raw."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Field = Callable[[float, float, float], float | None]

ROOT = Path(__file__).parents[1]
BATHYMETRY = ROOT / "data" / "raw" / "bathymetry"

Row = dict[str, object]

SETTINGS = """\
title = "Planted survey"

[region]
west_deg = 153.5
east_deg = 153.9
south_deg = 21.8
north_deg = 22.2

[grid]
cell_m = 5000.0
layer_m = 1.0
top_m = 0.0
bottom_m = 4.0

[elements]
assessed = ["dy", "gd"]

[density]
dry_bulk_density_t_m3 = 0.55
mean_sd_t_m3 = 0.06
missing = "layer_mean"

[cutoffs]
dy_ppm = [0.0, 20.0, 40.0, 60.0, 80.0]
gd_ppm = [0.0, 20.0, 40.0]

[simulation]
realisations = 100
checks = false

[intake]
on_refused = "stop"

[composites]
min_sampled_share = 0.25
"""


def csv_text(rows: Sequence[Row], columns: Iterable[str] | None = None) -> str:
    """Rows as a CSV file; numbers keep every digit, ``None`` is an empty cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns or rows[0]), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_raw(folder: Path, files: dict[str, str | bytes], settings: str = SETTINGS) -> Path:
    """Write RAW: the real bathymetry, the settings, and the given files below ``cores``."""
    cores = folder / "cores"
    cores.mkdir(parents=True)
    shutil.copytree(BATHYMETRY, folder / "bathymetry")
    (folder / "assessment.toml").write_text(settings, encoding="utf-8")
    for name, content in files.items():
        (cores / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def cores_on_a_grid(dy: Field, density: Field | None = None, gd: Field | None = None, side: int = 4, bottom_m: float = 4.0) -> list[Row]:
    """Rows of ``side`` x ``side`` cores inside the planted region, two samples per metre.

    Parameters
    ----------
    dy, density, gd : function of longitude_deg, latitude_deg and depth_m
        Grade in ppm and dry bulk density in t/m³ (0.5 unless given) at the middle of a sample; gd is dy unless given.
    side : int
        Cores along each side.
    bottom_m : float
        Length of every core.
    """
    rows: list[Row] = []
    for i in range(side):
        for j in range(side):
            # A jitter that repeats: equal spacings would be a special case.
            longitude_deg = round(153.52 + 0.36 * (i + 0.2 * ((i + 2 * j) % 3 - 1)) / (side - 1), 5)
            latitude_deg = round(21.82 + 0.36 * (j + 0.2 * ((2 * i + j) % 3 - 1)) / (side - 1), 5)
            for number in range(round(2 * bottom_m)):
                place = longitude_deg, latitude_deg, number / 2 + 0.25
                rows.append(
                    {
                        "core_id": f"C{i}{j}",
                        "longitude_deg": longitude_deg,
                        "latitude_deg": latitude_deg,
                        "water_depth_m": 5700,
                        "penetration_m": bottom_m + 1,
                        "from_m": number / 2,
                        "to_m": number / 2 + 0.5,
                        "dy_ppm": dy(*place),
                        "gd_ppm": (gd or dy)(*place),
                        "dry_bulk_density_t_m3": density(*place) if density is not None else 0.5,
                    }
                )
    return rows


def varied_ppm(longitude_deg: float, latitude_deg: float, depth_m: float) -> float:
    """A grade that varies in every direction, 12 to 78 ppm, and does not lie on any line."""
    step = round(1e5 * longitude_deg) * 7 + round(1e5 * latitude_deg) * 13 + round(4 * depth_m) * 101
    return 30.0 + 6.0 * depth_m + step % 37 * 0.6 - 15.0 * (longitude_deg - 153.5) / 0.4


def unrelated_ppm(longitude_deg: float, latitude_deg: float, depth_m: float) -> float:
    """A grade that has nothing to do with :func:`varied_ppm`."""
    step = round(1e5 * longitude_deg) * 11 + round(1e5 * latitude_deg) * 3 + round(4 * depth_m) * 89
    return 20.0 + 3.0 * (step % 31)


def varied_density_t_m3(longitude_deg: float, latitude_deg: float, depth_m: float) -> float:
    """A density that varies in every direction, about 0.45 to 0.65 t/m³."""
    return 0.45 + (round(1e5 * longitude_deg) * 3 + round(1e5 * latitude_deg) * 5 + round(4 * depth_m) * 17) % 29 / 145
