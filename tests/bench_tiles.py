"""What tiles cost and what workers bring: a table for docs/scale_out.md (make bench-tiles).

Wall time of kriging the dysprosium of a finished build on its own cells and on cells of half the side, by each executor, with workers that are
started and have done it once before; and the time that a tile takes beyond its task, from a task that does nothing.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from affine import Affine
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from separate_workers import Dask  # noqa: E402
from tile_tasks import Nothing  # noqa: E402

from pipeline.artefacts import Composites, Seafloor, Variogram  # noqa: E402
from pipeline.config import GradeSettings, read_section  # noqa: E402
from pipeline.field import kriging_of  # noqa: E402
from pipeline.grid import Grid  # noqa: E402
from pipeline.tiled_kriging import kriged_cells  # noqa: E402
from pipeline.tiles import Executor, Workers, executor_of, map_tiles, tiles_of  # noqa: E402

_TILES = 200
_BEGIN, _END = "<!-- measured -->\n", "<!-- end -->\n"


def overhead_ms(executor: Executor, folder: Path | None) -> float:
    """Time for a tile beyond its task."""
    tiles = tiles_of((_TILES * 64, 64))
    for number in range(2):  # the first time starts workers and loads libraries
        begin = time.perf_counter()
        for _ in map_tiles(Nothing(number), tiles, executor, store=folder):
            pass
    return (time.perf_counter() - begin) / _TILES * 1e3


def kriging_s(executor: Executor, processed: Path, refine: int, folder: Path) -> float:
    """Time to krige every column of the assessment on cells of its side divided by ``refine``."""
    seafloor = Seafloor.read(processed / "seafloor.tif")
    composites, variogram = Composites.read(processed / "composites.parquet"), Variogram.read(processed / "variogram_dy.json")
    given = read_section(processed / ".settings" / "grade.json")
    assert isinstance(given, GradeSettings)
    whole = seafloor.grid
    grid = Grid(whole.crs, whole.transform @ Affine.scale(1 / refine), (whole.shape[0] * refine, whole.shape[1] * refine))
    with threadpool_limits(limits=1, user_api="blas"):
        kriging = kriging_of(composites, variogram, seafloor, given.block_nodes)
        for number in range(2):
            workers = Workers(executor, folder / f"{refine}-{number}")
            begin = time.perf_counter()
            kriged_cells(kriging, grid, np.ones(grid.shape, dtype=bool), workers=workers)
    return time.perf_counter() - begin


def table(processed: Path) -> str:
    """Figures of every executor as a Markdown table."""
    rows = {}
    with tempfile.TemporaryDirectory() as scratch, Dask() as dask:
        for name, scheduler in (("in-process", None), ("`pool:2`", "pool:2"), ("`local:2`", "local:2"), ("`tcp://`, two workers", dask.address)):
            folder = Path(scratch) / name.strip("`")[:5]
            with executor_of(scheduler) as executor:
                stored = math.nan if scheduler is None else overhead_ms(executor, folder / "nothing")
                rows[name] = stored, *(kriging_s(executor, processed, refine, folder) for refine in (1, 2))
    here = rows["in-process"]
    cells = math.prod(Seafloor.read(processed / "seafloor.tif").grid.shape)
    lines = [
        f"| | a tile costs, ms | {cells:,} columns, s | times as fast | {4 * cells:,} columns, s | times as fast |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, (cost, *seconds) in rows.items():
        gain = [f"{s:.2f} | {one / s:.2f}" for s, one in zip(seconds, here[1:], strict=True)]
        lines.append(f"| {name} | {'' if math.isnan(cost) else f'{cost:.1f}'} | {' | '.join(gain)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processed", type=Path, default=Path("data/processed"), help="products of a finished build")
    parser.add_argument("--write", type=Path, help="document that takes the table between its two marks")
    options = parser.parse_args()
    measured = table(options.processed)
    print(measured)
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        begin, _, rest = text.partition(_BEGIN)
        options.write.write_text(f"{begin}{_BEGIN}\n{measured}\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
