"""Time and memory of large grids against cells, cores, realisations and workers: ``make bench-large``.

Every figure is that of ``python -m pipeline fine-grid`` on the survey of :mod:`eez_survey`, in a process of its own: wall time, processor time of all
processes, and the largest sum of their resident sets (pages that processes share are counted in each). The result goes into docs/benchmarks.md,
behind the part that ``make bench-engines`` writes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import bench_report  # noqa: E402
import eez_survey  # noqa: E402
from assess import assess  # noqa: E402
from finished_build import finished  # noqa: E402

STORE = ROOT / "build" / "bench_large.json"
TITLE = "## Large grids"
COARSE_M = 20_000.0
EEZ_M2 = 3.14159 * eez_survey.RADIUS_M**2
LAYERS = eez_survey.LAYERS
FULL = {
    "cells": [4000.0, 2000.0, 1000.0],
    "cores": [15, 30, 60, 120],
    "realisations": [5, 10, 20, 40],
    "workers": [1, 2],
    "cell_m": 4000.0,
}
QUICK = {"cells": [16000.0], "cores": [], "zone_cores": 15, "realisations": [2], "workers": [1], "cell_m": 16000.0}
WHOLE = {"grades": (250.0, 0), "realisations": (500.0, 100)}
FIGURES = {"cells": "columns", "cores": "cores", "realisations": "realisations"}


HEAD = """\
Written by `make bench-large`; not edited by hand. `make fine-grid` on the whole zone of 200 nautical miles around Minamitorishima, 430,000 km²,
with 10 layers and 60 cores (`tests/eez_survey.py`: **synthetic**, drawn with a fixed seed): two grades with their standard deviations and one
density, all three kriged from every core. Wall and processor seconds contain the start of the program; memory is the largest sum of the resident
sets of all processes. Where other programs used the processors meanwhile (load), wall time says little and processor time is what counts."""
PROJECTION = """\
### Projection to 100 m and to 1,000 processor cores

Assumed: processor time is {once_s:.0f} s, and {each_us:.0f} µs for every further column (the two largest runs above), and stays so on finer cells. It
falls rather: the finer the cells, the more of a block of 64 × 64 of them lies where kriging is smooth, and 256 evaluations do for 4,096 cells.
Then the zone on 100 m, {fine:,} columns and {blocks:,} blocks, takes {hours:.1f} processor hours: {minutes:.0f} minutes on two cores. Memory stays
that of a tile for each worker and its data.

On 1,000 cores the {tiles:,} tiles of 256 × 256 cells are {most} for the busiest worker and {mean:.1f} in the mean: {slowest_s:.0f} s of kriging.
Assumed further: workers start once (about 10 s: imports and compiled kernels) and read their task once, and one writer makes each raster,
{gb:.0f} GB a grade uncompressed, at 100 MB/s: {writing:.0f} s for two. So the writer bounds such a run, not the kriging: it is the part that
more workers do not shorten.
{realisations}
### Projection to 1,000 cores of mud

1,000 cores with 10 composites each are 10,000 data in place of 600, all of which inform every cell. Assumed: all of the processor time is the
algebra of a target, a triangular product of n² operations, which overstates it. Then the zone on 250 m takes {more:.0f} times its time at most,
{long:,.0f} processor hours; each worker holds the root of the inverse, 0.8 GB for each variable; the factorisation, n³/3 operations, is under a
minute on one core. So many cores want a neighbourhood of the data around each tile, which `make fine-grid` does not take yet."""

REALISATIONS = """
{count} realisations on 500 m took {each_ms:.2f} ms of processor time for a column, its grade included. If that stays so on finer cells (waves are
evaluated at every node, whatever its size), the zone on 100 m takes {hours:.0f} processor hours, {half:.0f} hours on two cores. On 1,000 cores the
busiest worker is done with its tiles in {worker_s:.0f} s: more workers than tiles want smaller tiles (`[fine_grid] tile_cells`).
"""


def main() -> int:
    """Measure, keep, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that everything runs, and no figure that means anything")
    parser.add_argument("--whole", action="store_true", help="the whole zone: grades on 250 m, 100 realisations on 500 m")
    parser.add_argument("--write", action="store_true", help="write the page from what was measured before, and measure nothing")
    arguments = parser.parse_args()
    store = json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() and not arguments.quick else {}
    if not arguments.write:
        with tempfile.TemporaryDirectory() as folder:
            measure(store, Path(folder), QUICK if arguments.quick else FULL, whole=arguments.whole)
        if arguments.quick:
            return 0
        STORE.parent.mkdir(exist_ok=True)
        STORE.write_text(json.dumps(store, indent=1), encoding="utf-8")
    write_section(store, ROOT / "docs")
    print("written: docs/benchmarks.md")
    return 0


def measure(store: dict, folder: Path, sizes: dict, *, whole: bool) -> None:
    """Add what is measured to the store."""
    store.pop("notes", None)
    store["machine"] = {name: value for name, value in machine().items() if name in ("processor", "cores", "memory", "system")}
    build = built(folder / "zone", sizes.get("zone_cores", eez_survey.CORES))
    run(build, sizes["cell_m"], 1, "in-process")  # compiles
    if whole:
        store["whole"] = {name: run(build, cell_m, count, "pool") for name, (cell_m, count) in WHOLE.items()}
        return
    store["cells"] = [[columns(cell_m), run(build, cell_m, 0, "pool")] for cell_m in sizes["cells"]]
    store["cores"] = [[count, run(built(folder / f"{count}", count), sizes["cell_m"], 0, "in-process")] for count in sizes["cores"]]
    store["realisations"] = [[count, run(build, sizes["cell_m"], count, "in-process")] for count in sizes["realisations"]]
    store["workers"] = [[count, run(build, sizes["cells"][-1], 0, f"pool:{count}")] for count in sizes["workers"]]


def machine() -> dict[str, str]:
    """What the figures hold for; packages of the other engines are none of it."""
    packages, bench_report.PACKAGES = bench_report.PACKAGES, ("numpy", "scipy", "numba")
    try:
        return bench_report.machine()
    finally:
        bench_report.PACKAGES = packages


def built(folder: Path, cores: int) -> tuple[Path, Path]:
    """RAW, and PROCESSED with a finished build on coarse cells."""
    raw = eez_survey.write(folder / "raw", COARSE_M, cores=cores)
    return raw, finished(folder / "processed", assess(raw))


def columns(cell_m: float) -> int:
    """Columns of the zone."""
    return round(EEZ_M2 / cell_m**2)


def run(build: tuple[Path, Path], cell_m: float, realisations: int, scheduler: str) -> dict[str, float]:
    """Wall and processor seconds and peak memory of a fine grid."""
    raw, processed = build
    command = [sys.executable, "-m", "pipeline", "fine-grid", "--raw", raw, "--processed", processed, "--cell-m", str(cell_m)]
    command += ["--realisations", str(realisations or ""), "--scheduler", scheduler]
    begin_s = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT, stdout=subprocess.DEVNULL)
    peak_kb, ticks = 0, {}
    while process.poll() is None:
        resident_kb = 0
        for pid in family(process.pid):
            resident_kb += status_kb(pid)
            ticks[pid] = max(processor_ticks(pid), ticks.get(pid, 0))
        peak_kb = max(peak_kb, resident_kb)
        time.sleep(0.1)
    if process.returncode:
        sys.exit(f"bench: fine-grid ended with {process.returncode}")
    found = {
        "cell_m": cell_m, "columns": columns(cell_m), "layers": LAYERS, "realisations": realisations, "scheduler": scheduler,
        "wall_s": time.perf_counter() - begin_s, "cpu_s": sum(ticks.values()) / os.sysconf("SC_CLK_TCK"), "peak_mb": peak_kb / 1024,
        "load": os.getloadavg()[0],
    }  # fmt: skip
    print(f"{columns(cell_m):>12,} columns, {realisations:>3} realisations, {scheduler:<10} wall {found['wall_s']:7.1f} s  "
          f"cpu {found['cpu_s']:7.1f} s  peak {found['peak_mb']:6.0f} MB", flush=True)  # fmt: skip
    return found


def family(pid: int) -> list[int]:
    """A process and all that it started and that still runs; no waited-for total, which leaves out workers that nobody waits for."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="utf-8").split():
                found += family(int(child))
    except (OSError, ValueError):  # it ended meanwhile
        return found
    return found


def status_kb(pid: int) -> int:
    """Resident set of a process; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def processor_ticks(pid: int) -> int:
    """Processor time that a process has taken; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


# ------------------------------------------------------------------ the page


def write_section(store: dict, docs: Path) -> None:
    """Put the section at the end of the page, in place of the one that is there."""
    page = docs / "benchmarks.md"
    text = page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n"
    before = text.partition(f"\n{TITLE}\n")[0].rstrip()
    page.write_text(f"{before}\n\n" + "\n".join(section(store, docs / "images")) + "\n", encoding="utf-8")


def section(store: dict, images: Path) -> list[str]:
    """Lines of the section; figures beside it."""
    lines = [
        TITLE,
        "",
        HEAD,
        "",
        *(f"* {name}: {value}" for name, value in store["machine"].items()),
        "",
    ]
    # What a person should know of these figures, put into the store by hand; a run begins without.
    lines += [*store.get("notes", []), ""] if store.get("notes") else []
    if "whole" in store:
        table = [("whole zone", "columns", "blocks", "realisations", "wall s", "processor s", "peak GB", "load")]
        for name, found in store["whole"].items():
            table.append((name, *size(found), *cost(found)))
        lines += [*bench_report.markdown(table), ""]
    lines += ["### Against cells, cores, realisations and workers", ""]
    for key, across in FIGURES.items():
        if key not in store:
            continue
        series = {
            "processor seconds": [[n, found["cpu_s"]] for n, found in store[key]],
            "wall seconds": [[n, found["wall_s"]] for n, found in store[key]],
        }
        bench_report.figure(series, across, "seconds", {"proportional": 1}, images / f"benchmark_large_{key}.svg")
        lines += [f"![Cost against {across}](images/benchmark_large_{key}.svg)", ""]
    memory = {across: [[n, found["peak_mb"]] for n, found in store[key]] for key, across in FIGURES.items() if key in store}
    if memory:
        bench_report.figure(memory, "columns, cores or realisations", "MB, all processes", {}, images / "benchmark_large_memory.svg")
        lines += ["![Memory](images/benchmark_large_memory.svg)", ""]
    table = [("varied", "columns", "blocks", "realisations", "wall s", "processor s", "peak GB", "load")]
    for key in ("cells", "cores", "realisations", "workers"):
        table += [(f"{key}: {n:,}", *size(found), *cost(found)) for n, found in store.get(key, [])]
    return [*lines, *bench_report.markdown(table), "", *projection(store)]


def size(found: dict) -> tuple[str, ...]:
    """Columns, blocks and realisations of a run."""
    return f"{found['columns']:,}", f"{found['columns'] * found['layers']:,}", str(found["realisations"] or "")


def cost(found: dict) -> tuple[str, ...]:
    """Wall, processor, memory and load of a run."""
    return f"{found['wall_s']:,.0f}", f"{found['cpu_s']:,.0f}", f"{found['peak_mb'] / 1024:.2f}", f"{found['load']:.1f}"


def projection(store: dict) -> list[str]:
    """To 100 m, and to 1,000 cores of a processor: what is assumed, and what follows."""
    whole = store.get("whole", {})
    rows = [*store.get("cells", []), *([[whole["grades"]["columns"], whole["grades"]]] if whole else [])]
    if len(rows) < 2:
        return []
    (small, one), (large, other) = rows[-2], rows[-1]
    each_us = (other["cpu_s"] - one["cpu_s"]) / (large - small) * 1e6
    once_s = max(other["cpu_s"] - each_us * 1e-6 * large, 0.0)
    fine = columns(100.0)
    cpu_s, tiles = once_s + each_us * 1e-6 * fine, round(fine / 256**2)
    most, raster_gb = -(-tiles // 1000), fine * (3 + 2 * LAYERS) * 4 / 1e9
    more = (10_000 / 600) ** 2
    said = PROJECTION.format(
        more=more, long=more * (once_s + each_us * 1e-6 * columns(250.0)) / 3600,
        once_s=once_s, each_us=each_us, fine=fine, blocks=fine * LAYERS, hours=cpu_s / 3600, minutes=cpu_s / 120, tiles=tiles, most=most,
        mean=tiles / 1000, slowest_s=cpu_s / tiles * most, gb=raster_gb, writing=2 * raster_gb * 1e9 / 100e6,
        realisations=projected_realisations(whole["realisations"], fine, most, tiles) if whole else "",
    )  # fmt: skip
    return [said]


def projected_realisations(found: dict, fine: int, most: int, tiles: int) -> str:
    """What realisations on 100 m would take."""
    each_s = found["cpu_s"] / found["columns"]
    hours = each_s * fine / 3600
    return REALISATIONS.format(count=found["realisations"], each_ms=each_s * 1e3, hours=hours, half=hours / 2, worker_s=hours * 3600 / tiles * most)


if __name__ == "__main__":
    sys.exit(main())
