"""Time and memory of our engine beside GSTools, PyKrige, gstlearn, krigekit and R's gstat: ``make bench``.

Every engine gets the same seeded input, in a fresh process of its own, with both cores. Run with the Python of ``.venv-peers``.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import importlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

# ruff: noqa: E402 - the script is started from anywhere
from bench_report import machine, print_task, write_report
from peers.engines import (
    ENGINES,
    SIMULATIONS,
    SOLVERS,
    CannotError,
    Problem,
    Simulation,
    Solver,
    gstat_variogram,
    gstlearn_variogram,
    gstools_variogram,
    has_gstat,
    ours_variogram,
)
from peers.tasks import (
    SIMULATION,
    SIMULATION_ENGINES,
    SIMULATION_TARGETS,
    TASKS,
    VARIOGRAM,
    VARIOGRAM_DATA,
    VARIOGRAM_TARGETS,
    Task,
    deep,
    flat,
    simulation_input,
    variogram_input,
)

from pipeline.geostatistics.kriging import Kriging

STORE = ROOT / ".cache" / "benchmarks.json"
SCALING = "scaling"
KEYS = [*TASKS, VARIOGRAM, SIMULATION, SCALING]
LIMIT_S = 60.0
RUN = 200  # neighbouring cells that are drawn together: engines may use that neighbours share their data
FIRST, FEW, MORE, CHECKED = 64, 400, 4_000, 400
SHORT_S, REPEATS = 5.0, 5
PATIENCE = 12  # limits that a process may last before it is ended
TOLERANCE = {"krigekit": 2e-3}  # solves in single precision
DOUBLE = 1e-6

# Realisations against kriging: root mean square error of their mean in Monte-Carlo standard errors, which is 1 by chance alone; error of their mean
# variance; largest miss of a datum at a cell's centre. Looser for engines that approximate.
REALISED = {"ours": (1.25, 0.05, 2e-6)}
REALISED_BY_PEERS = (4.0, 0.8, 0.5)

MODULES = {"ours": "pipeline.geostatistics.kriging", "GSTools": "gstools", "PyKrige": "pykrige.ok3d", "gstlearn": "gstlearn", "krigekit": "krigekit"}
SIMULATION_MODULES = {"ours": "pipeline.geostatistics.conditional_simulation", "gstlearn SPDE": "gstlearn"}
VARIOGRAMS = {
    "ours": (ours_variogram, [{}]),
    "GSTools": (gstools_variogram, [{"compiled": "core"}, {"compiled": "cython"}]),
    "gstlearn": (gstlearn_variogram, [{}]),
}


def main() -> int:
    """Run the tasks asked for; 1 if an engine failed or disagrees."""
    arguments = parsed()
    if arguments.child:
        key, engine, out = arguments.child
        json_out(Path(out), measured_here(key, engine, arguments))
        return 0
    keys = arguments.tasks or KEYS
    unknown = set(keys) - set(KEYS)
    if unknown:
        sys.exit(f"bench: no task {', '.join(sorted(unknown))}; there are {', '.join(KEYS)}")
    store = stored(arguments.quick)
    is_right = True
    with tempfile.TemporaryDirectory() as folder:
        # A compiled function is kept for the run, so that its compilation is timed once and weighs on no other process.
        os.environ["NUMBA_CACHE_DIR"] = str(Path(folder) / "numba")
        for key in keys:
            store["tasks"][key] = record = scaling(Path(folder), arguments) if key == SCALING else timed(key, Path(folder), arguments)
            is_right &= print_task(key, record, with_targets=not arguments.quick)
            if not arguments.quick:
                json_out(STORE, store)
    if not arguments.quick and set(store["tasks"]) >= set(KEYS):
        write_report({**store, "tasks": {key: store["tasks"][key] for key in KEYS}}, ROOT / "docs")
        print("written: docs/benchmarks.md")
    return 0 if is_right else 1


def parsed() -> argparse.Namespace:
    """Arguments of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", help="which tasks; all unless named")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that everything runs, and no figure that means anything")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds an engine may take; one that needs longer gets a part of the cells")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def stored(quick: bool) -> dict:
    """Records of earlier runs of the same engine on the same machine; others are dropped."""
    source = hashlib.sha256()
    for path in sorted((ROOT / "pipeline" / "geostatistics").glob("*.py")):
        source.update(path.read_bytes())
    fresh = {"source": source.hexdigest(), "machine": machine(), "tasks": {}}
    if quick or not STORE.exists():
        return fresh
    old = json.loads(STORE.read_text(encoding="utf-8"))
    return old if all(old.get(name) == fresh[name] for name in ("source", "machine")) else fresh


def json_out(path: Path, content: dict) -> None:
    """Write a record."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


# ------------------------------------------------------------------ one task, every engine


def timed(key: str, folder: Path, arguments: argparse.Namespace) -> dict:
    """Every engine's record of one task, with its agreement with ours."""
    if key == VARIOGRAM:
        engines, record = [*VARIOGRAMS, *(["R gstat"] if has_gstat() else [])], variogram_record(arguments.quick)
    elif key == SIMULATION:
        engines, record = list(SIMULATION_ENGINES), simulation_record(arguments.quick)
    else:
        task = chosen(key, arguments.quick)
        engines, record = list(task.engines), task_record(task)
    print(f"\n{key}: {record['title']} ({record['size']}; {record['reach']})", flush=True)
    compiling = child(key, "ours", folder, arguments)
    for engine in engines:
        result = child(key, engine, folder, arguments)
        if engine == "ours":
            result["compile_s"] = compiling.get("first_s", float("nan"))
        record["engines"][engine] = result
    compare(record, chosen(key, arguments.quick).scattered_own_variance if key in TASKS else ())
    return record


def chosen(key: str, quick: bool) -> Task:
    """A task at full or at trial size."""
    return TASKS[key].quick() if quick else TASKS[key]


def child(key: str, engine: str, folder: Path, arguments: argparse.Namespace) -> dict:
    """Run one engine in a process of its own."""
    out = folder / f"{key}-{engine.replace(' ', '-')}.json"
    out.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--child", key, engine, str(out), "--limit", str(arguments.limit), *(["--quick"] if arguments.quick else [])]
    before_s, begin_s = busy_s(), time.perf_counter()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * arguments.limit, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"ended after {PATIENCE * arguments.limit:.0f} s"}
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    mine_s = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    others = (busy_s() - before_s - mine_s) / (time.perf_counter() - begin_s)
    if done.returncode or not out.exists():
        return {"failed": (done.stderr.strip().splitlines() or ["no word"])[-1][:200]}
    return {**json.loads(out.read_text(encoding="utf-8")), "others_cores": max(0.0, others)}


def busy_s() -> float:
    """Seconds that all processes of the machine have computed so far; 0 where the system does not tell."""
    try:
        numbers = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system = (int(number) for number in numbers[:3])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def task_record(task: Task) -> dict:
    """What a reader must know of a task."""
    problem = task.problem
    part = problem.model.structures[0]
    near = share_in_range(task)
    reach = f"{part.kind}, range 0.3 of every side of the extent, {near:.1%} of the pairs of cell and datum within it"
    cells = " × ".join(f"{count:,}" for count in task.cells)
    return {
        "title": task.title,
        "size": f"{len(problem.values):,} data, {cells} cells",
        "reach": reach,
        "cells": len(problem.targets_m),
        "targets": task.targets,
        "engines": {},
    }


def share_in_range(task: Task) -> float:
    """Share of the pairs of cell and datum whose reduced lag is below 1, from some of the cells."""
    problem = task.problem
    reduction = problem.model.structures[0].reduction()
    some = problem.targets_m[np.random.default_rng(1).integers(0, len(problem.targets_m), 2_000)]
    lag = (some[:, None] - problem.data_m[None]) @ reduction.T
    return float(np.mean(np.sum(lag**2, axis=-1) < 1))


def variogram_record(quick: bool) -> dict:
    """The same of the task of variograms."""
    count = 2_000 if quick else VARIOGRAM_DATA
    return {
        "title": "experimental variogram, all pairs",
        "size": f"{count:,} points in the plane, 30 lags",
        "reach": f"{count * (count - 1) // 2:,} pairs, all within the last lag",
        "cells": count * (count - 1) // 2,
        "targets": VARIOGRAM_TARGETS,
        "one_target_is_enough": True,
        "engines": {},
    }


def simulation_record(quick: bool) -> dict:
    """The same of the task of conditional simulation."""
    simulation = simulation_input("spherical", quick)
    rows, columns = simulation.shape
    return {
        "title": f"{simulation.realisations} conditional realisations, {columns} × {rows} cells, {len(simulation.values)} data",
        "size": f"{len(simulation.values):,} data, {columns:,} × {rows:,} cells, {simulation.realisations} realisations",
        "reach": "spherical (gstlearn SPDE: Matérn 3/2), range 0.3 of every side of the extent, mean known",
        "cells": rows * columns * simulation.realisations,
        "targets": SIMULATION_TARGETS,
        "against_kriging": True,
        "engines": {},
    }


def compare(record: dict, scattered: tuple[str, ...]) -> None:
    """Largest difference from our results, in units of the data's spread and of the sill, and the ratio of times."""
    mine = record["engines"]["ours"]
    for engine, result in record["engines"].items():
        if "failed" in mine or "failed" in result:
            continue
        result["ratio"] = result["seconds"] / mine["seconds"]
        if "differences" in result:
            continue
        result["differences"] = []
        for name, (one, other) in enumerate(zip(mine["checked"], result["checked"], strict=True)):
            difference = np.array(other) - np.array(one)
            if name == 1 and engine in scattered:
                difference -= np.median(difference)
            result["differences"].append(float(np.abs(difference).max()))
        result["agrees"] = max(result["differences"]) <= TOLERANCE.get(engine, DOUBLE)
    for result in record["engines"].values():
        result.pop("checked", None)


# ------------------------------------------------------------------ inside a process


def measured_here(key: str, engine: str, arguments: argparse.Namespace) -> dict:
    """Time one engine on one task, in this process."""
    if key == VARIOGRAM:
        return variogram_here(engine, 2_000 if arguments.quick else VARIOGRAM_DATA)
    if key == SIMULATION:
        return simulation_here(engine, arguments.quick)
    if key == SCALING:
        return scaling_here(arguments.quick)
    task = chosen(key, arguments.quick)
    problem, variants = task.problem, task.engines[engine]
    start_mb, begin_s = peak_mb(), time.perf_counter()
    importlib.import_module(MODULES[engine])
    imported_s = time.perf_counter() - begin_s
    begin_s = time.perf_counter()
    solve = SOLVERS[engine](problem) if engine in SOLVERS else ENGINES[engine]
    # Where set-up can be called apart it is done once, however many cells are tried.
    once_s = time.perf_counter() - begin_s if engine in SOLVERS else 0.0
    call = functools.partial(timed_call, solve, problem)
    first_s = imported_s + call(variants[0], some_cells(problem, FIRST))[0]
    options, few_s = quickest(lambda options: call(options, some_cells(problem, FEW))[0], variants)
    count, more_s = 2 * FEW, 0.0
    if few_s < arguments.limit / 4:
        count = MORE
        options, more_s = quickest(lambda options: call(options, some_cells(problem, MORE))[0], variants)
    else:
        more_s = call(options, some_cells(problem, count))[0]
    pace_s = max(more_s - few_s, 0.0) / (count - FEW)
    total = len(problem.targets_m)
    if more_s + pace_s * (total - count) > arguments.limit:
        total = int(count + max(arguments.limit / 2 - more_s, 0.0) / pace_s)
    cells = some_cells(problem, total)
    taken = [call(options, cells)]
    while taken[0][0] < SHORT_S and len(taken) < REPEATS:
        taken.append(call(options, cells))
    wall_s, cpu_s, (value, variance) = sorted(taken, key=lambda run: run[0])[len(taken) // 2]
    # What is spent once is not multiplied: the pace of the cells left out is that between a small and a large part.
    left_out = len(problem.targets_m) - len(cells)
    all_s = once_s + wall_s + (left_out * (wall_s - few_s) / (len(cells) - FEW) if left_out else 0.0)
    at = np.searchsorted(cells, some_cells(problem, CHECKED))
    sill = np.atleast_2d(problem.model.variance if problem.variable is not None else problem.model.sill)[0, 0]
    return {
        "options": options,
        "first_s": first_s,
        "once_s": once_s,
        "seconds": all_s,
        "runs": len(taken),
        "timed_cells": len(cells),
        "per_s": len(problem.targets_m) / all_s,
        "cores": cpu_s / wall_s,
        "start_mb": start_mb,
        "peak_mb": peak_mb(),
        "checked": [(value[at] / np.std(problem.values)).tolist(), (variance[at] / sill).tolist()],
    }


def some_cells(problem: Problem, count: int) -> np.ndarray:
    """Numbers of some cells, drawn in runs of neighbours, in the order of the grid; the same for every engine, a smaller part inside a larger one."""
    total = len(problem.targets_m)
    if count >= total:
        return np.arange(total)
    runs = np.random.default_rng(7).permutation(-(-total // RUN))
    cells = (runs[: -(-count // RUN) + 1, None] * RUN + np.arange(RUN)).ravel()
    return np.sort(cells[cells < total][:count])


def timed_call(solve: Solver, problem: Problem, options: dict, cells: np.ndarray) -> tuple[float, float, tuple]:
    """Wall and processor time of a call, and its result."""
    part = problem if len(cells) == len(problem.targets_m) else problem.at(cells)
    begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
    result = solve(part, **options)
    return time.perf_counter() - begin_s, time.process_time() - begin_cpu_s, result


def quickest(seconds, variants: list[dict]) -> tuple[dict, float]:
    """The fastest configuration, and its time; one that cannot do the task is passed over."""
    taken = []
    for options in variants:
        try:
            taken.append((seconds(options), options))
        except CannotError:
            continue
    best_s, options = min(taken, key=lambda pair: pair[0])
    return options, best_s


def peak_mb() -> float:
    """Largest resident set of this process, with interpreter, libraries, input and result."""
    status = Path("/proc/self/status")
    if status.exists():
        # A process that another started inherits that one's ru_maxrss on Linux; this figure starts afresh.
        return int(re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(encoding="utf-8"), re.MULTILINE).group(1)) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def variogram_here(engine: str, count: int) -> dict:
    """Time one engine on an experimental variogram."""
    positions_m, values, edges_m = variogram_input(count)
    if engine == "R gstat":
        lags, all_s, known = gstat_variogram(positions_m, values, edges_m, runs=3)
        return variogram_result({"version": known["version"]}, all_s[0], sorted(all_s)[1], lags, 1.0, 3, 0.0, float(known["peak_mb"]))
    function, variants = VARIOGRAMS[engine]
    start_mb = peak_mb()

    def seconds(options, many=count):
        begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
        result = function(positions_m[:many], values[:many], edges_m, **options)
        return time.perf_counter() - begin_s, time.process_time() - begin_cpu_s, result

    first_s = seconds(variants[0], 100)[0]
    options, _ = quickest(lambda options: seconds(options, min(count, 5_000))[0], variants)
    taken = [seconds(options)]
    while taken[0][0] < SHORT_S and len(taken) < REPEATS:
        taken.append(seconds(options))
    wall_s, cpu_s, lags = sorted(taken, key=lambda run: run[0])[len(taken) // 2]
    return variogram_result(options, first_s, wall_s, lags, cpu_s / wall_s, len(taken), start_mb, peak_mb())


def variogram_result(options, first_s, wall_s, lags, cores, runs, start_mb, most_mb) -> dict:
    """A record whose cells are pairs."""
    _, semivariance, pairs = lags
    total = int(np.sum(np.asarray(pairs, dtype=np.int64)))
    held = np.asarray(pairs) > 0
    share = np.asarray(pairs, dtype=float)[held] / total
    gamma = np.asarray(semivariance)[held]
    return {
        "options": options,
        "first_s": first_s,
        "seconds": wall_s,
        "runs": runs,
        "timed_cells": total,
        "per_s": total / wall_s,
        "cores": cores,
        "start_mb": start_mb,
        "peak_mb": most_mb,
        "checked": [share.tolist(), gamma.tolist()],
    }


def simulation_here(engine: str, quick: bool) -> dict:
    """Time one engine on conditional realisations: set-up, normals, fields, conditioning, and the copy into one array."""
    kind, variants = SIMULATION_ENGINES[engine]
    simulation, function = simulation_input(kind, quick), SIMULATIONS[engine]
    start_mb, begin_s = peak_mb(), time.perf_counter()
    importlib.import_module(SIMULATION_MODULES.get(engine) or MODULES[engine])
    function(dataclasses.replace(simulation_input(kind, quick=True), realisations=2), **variants[0])
    first_s = time.perf_counter() - begin_s

    def seconds(options, realisations=simulation.realisations):
        begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
        fields = function(dataclasses.replace(simulation, realisations=realisations), **options)
        return time.perf_counter() - begin_s, time.process_time() - begin_cpu_s, fields

    options = variants[0] if len(variants) == 1 else quickest(lambda options: seconds(options, 2)[0], variants)[0]
    taken, fields = [], None
    while not taken or (taken[0][0] < SHORT_S and len(taken) < REPEATS):
        fields = None  # only one result at a time is kept
        *times, fields = seconds(options)
        taken.append(times)
    most_mb = peak_mb()
    wall_s, cpu_s = sorted(taken)[len(taken) // 2]
    differences = against_kriging(simulation, fields)
    limits = REALISED.get(engine, REALISED_BY_PEERS)
    return {
        "options": options,
        "first_s": first_s,
        "seconds": wall_s,
        "runs": len(taken),
        "timed_cells": fields.size,
        "per_s": fields.size / wall_s,
        "cores": cpu_s / wall_s,
        "start_mb": start_mb,
        "peak_mb": most_mb,
        "differences": differences,
        "agrees": all(found <= limit for found, limit in zip(differences, limits, strict=True)),
    }


def against_kriging(simulation: Simulation, fields: np.ndarray) -> list[float]:
    """Error of the mean of realisations, of their variance, and at the data, in the units of REALISED."""
    problem, count = simulation.problem, len(fields)
    known, variance = ENGINES["ours"](problem)
    known, variance = known.reshape(simulation.shape), variance.reshape(simulation.shape)
    mean = fields.mean(axis=0, dtype=np.float64)
    varies = variance > 0.02 * simulation.model.sill
    scaled = (mean - known)[varies] / np.sqrt(variance[varies] / count)
    spread = fields.var(axis=0, dtype=np.float64, ddof=1)
    row = simulation.shape[0] - 0.5 - simulation.data_m[:, 1] / simulation.cell_m
    column = simulation.data_m[:, 0] / simulation.cell_m - 0.5
    on_centre = (np.abs(row - np.rint(row)) < 1e-6) & (np.abs(column - np.rint(column)) < 1e-6)
    at = fields[:, np.rint(row[on_centre]).astype(int), np.rint(column[on_centre]).astype(int)]
    missed = np.abs(at - simulation.values[on_centre]).max()
    return [float(np.sqrt(np.mean(scaled**2))), float(abs(spread.mean() / variance.mean() - 1)), float(missed)]


# ------------------------------------------------------------------ how cost grows


def scaling(folder: Path, arguments: argparse.Namespace) -> dict:
    """Our engine at growing numbers of cells and of data, in one process."""
    print("\nscaling: our engine at growing numbers of cells and of data", flush=True)
    child(SCALING, "ours", folder, argparse.Namespace(quick=True, limit=arguments.limit))
    return child(SCALING, "ours", folder, arguments)


def scaling_here(quick: bool) -> dict:
    """Seconds of a call by number of cells, and by number of data without what is spent once."""
    solve = ENGINES["ours"]
    flat_cells = [(10, 10)] if quick else [(32, 32), (100, 100), (316, 316), (1000, 1000), (2000, 2000)]
    deep_cells = [(5, 5, 4)] if quick else [(7, 7, 20), (22, 22, 20), (71, 71, 20), (224, 224, 20)]
    by_cells = {
        "global, 100 data, spherical": (flat("spherical"), 100, flat_cells),
        "global, 100 data, exponential": (flat("exponential"), 100, flat_cells),
        "global, 1,500 composites, spherical": (deep("spherical"), 60, deep_cells),
        "24 nearest of 1,500 composites": (deep("spherical", max_data=24), 60, deep_cells),
    }
    cells_rows = {
        name: [[int(np.prod(cells)), median_s(functools.partial(solve, make(cells, count)))] for cells in sizes]
        for name, (make, count, sizes) in by_cells.items()
    }
    data_rows: dict = {}
    for count in [50, 100] if quick else [100, 200, 400, 800, 1600, 3200, 6400]:
        for kind in ("spherical", "exponential"):
            problem = flat(kind)((20, 20) if quick else (200, 200), count)
            further_s, once_s = cell_and_set_up_s(problem)
            data_rows.setdefault(f"{kind}, every further cell", []).append([count, further_s])
            data_rows.setdefault(f"{kind}, once", []).append([count, once_s])
    return {"cells": cells_rows, "data": data_rows, "peak_mb": peak_mb()}


def median_s(call) -> float:
    """Median time of up to three calls."""
    taken = []
    while len(taken) < 3 and sum(taken) < SHORT_S:
        begin_s = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin_s)
    return float(np.median(taken))


def cell_and_set_up_s(problem: Problem) -> tuple[float, float]:
    """Seconds for every further cell, and for the system with its first cell."""
    ones = np.ones((len(problem.values), 1)), np.ones((len(problem.targets_m), 1))
    begin_s = time.perf_counter()
    system = Kriging(problem.data_m, problem.model, ones[0])
    system.at(problem.values, problem.targets_m[:1], ones[1][:1])
    once_s = time.perf_counter() - begin_s
    return median_s(lambda: system.at(problem.values, problem.targets_m, ones[1])) / len(problem.targets_m), once_s


if __name__ == "__main__":
    sys.exit(main())
