"""Draw the cores of docs/tutorial.ipynb from the deposit that its last part opens: ``python tests/tutorial_world.py --write``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pipeline.geostatistics import CirculantEmbedding, CovarianceModel, Structure  # noqa: E402

CORES = ROOT / "docs" / "tutorial_cores.csv"
SEED = 1
SIDE_M, NODE_M = 20_000.0, 100.0
NODES = int(SIDE_M / NODE_M)
STATIONS_A_SIDE, RICH, REVISITS, NEAR_NODES = 6, 8, 3, 10


def planted_dy_ppm():
    """Grade at the nodes, row 0 in the north: lognormal, with a nugget."""
    random = np.random.default_rng(SEED)
    model = CovarianceModel(0.0, (Structure("spherical", 0.9, 6_000.0),))
    field = CirculantEmbedding.of_model(model, (NODES, NODES), NODE_M).draw(random, 1, dtype=np.float64)[0]
    nugget = np.sqrt(0.1) * random.standard_normal(field.shape)
    return 100.0 * np.exp(0.6 * (field + nugget) - 0.18)


def cores_csv():
    """A first cruise on a loose grid, and a second one that goes back to its richest stations: text of the table."""
    dy_ppm, random = planted_dy_ppm(), np.random.default_rng([SEED, 1])
    part = NODES / STATIONS_A_SIDE
    at = [tuple(int((number + random.uniform(0.15, 0.85)) * part) for number in divmod(k, STATIONS_A_SIDE)) for k in range(STATIONS_A_SIDE**2)]
    richest = sorted(at, key=lambda node: -dy_ppm[node])[:RICH]
    for node in richest:
        at += [tuple(int(np.clip(k + random.integers(-NEAR_NODES, NEAR_NODES + 1), 0, NODES - 1)) for k in node) for _ in range(REVISITS)]
    lines = [
        "# SYNTHETIC: drawn by a computer from a made-up deposit (tests/tutorial_world.py); it says nothing about real mud.",
        "core_id,easting_m,northing_m,dy_ppm",
    ]
    for number, (row, column) in enumerate(dict.fromkeys(at), start=1):
        lines.append(f"TC-{number:02d},{(column + 0.5) * NODE_M:.0f},{SIDE_M - (row + 0.5) * NODE_M:.0f},{dy_ppm[row, column]:.1f}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        CORES.write_text(cores_csv(), encoding="utf-8")
    else:
        print(cores_csv(), end="")
