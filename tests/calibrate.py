"""How often the stated intervals hold the truth: ``make calibrate``.

Twins of the deposit (:mod:`twins`) are cored, assessed by the estimating stages without their truth, and compared with it. Each twin leaves a line
of JSON, so that a run that was stopped goes on where it was. What is made of the lines is in :mod:`calibration_report`.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

# ruff: noqa: E402 - the script is started from anywhere
import calibration_report as report
import numpy as np
import twins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.artefacts import Composites, Seafloor, Variogram
    from pipeline.config import Settings, SimulationSettings
    from pipeline.reference_survey import Truth

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

STORE: Final = ROOT / ".cache" / "calibration"
SOURCES: Final = ("grade_field", "density", "assay_error", "unsampled_layers", "mean_and_spread", "variogram")
CELL_M: Final = 2000.0
REALISATIONS: Final = 200
FINAL_SEEDS: Final = 1000
"""Seeds below are for the measurement; whoever works on the estimator takes higher ones."""
WARMING_SEED: Final = 9999

BLOCK_QUANTILES: Final = ("p05", "p10", "p25", "p50", "p75", "p90", "p95")


@dataclass(frozen=True)
class Task:
    """One twin, and the sources of uncertainty to switch off in turn; an empty name leaves all on."""

    layout: int
    seed: int
    realisations: int = REALISATIONS
    off: tuple[str, ...] = ("",)


def main() -> int:
    """Assess the twins asked for that are not on record, and say how often the truth was held."""
    asked = parsed()
    off = ("", *SOURCES) if asked.sources else ("",)
    tasks = [Task(layout, seed, asked.realisations, off) for layout in asked.layouts for seed in range(*asked.seeds)]
    path = record_file(asked.realisations)
    try:
        records = run(tasks, path, asked.jobs)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    if asked.write:
        records = [record for record in stored(path) if record["seed"] < FINAL_SEEDS]
        if not records:
            sys.exit(f"calibrate: no twin with a seed below {FINAL_SEEDS} was assessed, so there is nothing to write")
        for written in report.write(records, program_hash(), ROOT / "docs" / "calibration.md", ROOT / "pipeline" / "calibration.json"):
            print(f"written: {written.relative_to(ROOT)}")
    print("\n".join(report.lines(records)))
    return 0


def parsed() -> argparse.Namespace:
    """Arguments of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layouts", nargs="+", type=int, default=list(twins.LAYOUTS), choices=list(twins.LAYOUTS), help="numbers of cores")
    parser.add_argument("--seeds", nargs=2, type=int, default=[0, 200], metavar=("FIRST", "END"), help="the seed END is left out")
    parser.add_argument("--realisations", type=int, default=REALISATIONS)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--sources", action="store_true", help="each twin again with one source of uncertainty off, each in turn")
    parser.add_argument("--write", action="store_true", help=f"write docs/calibration.md from all on record with a seed below {FINAL_SEEDS}")
    return parser.parse_args()


# ------------------------------------------------------------------ records


def program_hash() -> str:
    """Hash of the program that is judged, by which the report later tells whether it is still the same."""
    from pipeline.report_page.judged import estimating_program_sha256

    return estimating_program_sha256()


def record_file(realisations: int, folder: Path = STORE) -> Path:
    """Where lines of this program, generator, measurement and these settings are kept; a change in any of them is another file."""
    measurement = [ROOT / "tests" / name for name in ("twins.py", "assess.py", "calibrate.py")]
    settings = [ROOT / "data" / "raw" / "assessment.toml", ROOT / "requirements.lock"]
    key = f"{program_hash()} {_hash_of([*measurement, *settings])} {realisations} {CELL_M}"
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.jsonl"


def _hash_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def stored(path: Path) -> list[dict[str, Any]]:
    """Records of a file, one for each twin and source that is off; a line that was cut off when the run was stopped is passed over."""
    found: dict[tuple[int, int, str], dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[key_of(record)] = record
    return [found[key] for key in sorted(found)]


def key_of(record: dict[str, Any]) -> tuple[int, int, str]:
    """What a record is about."""
    return record["layout"], record["seed"], record["off"]


def missing(tasks: Sequence[Task], records: Iterable[dict[str, Any]]) -> list[Task]:
    """What is left to do of each task."""
    done = {key_of(record) for record in records}
    left = [(task, tuple(off for off in task.off if (task.layout, task.seed, off) not in done)) for task in tasks]
    return [Task(task.layout, task.seed, task.realisations, off) for task, off in left if off]


def run(tasks: Sequence[Task], path: Path, jobs: int) -> list[dict[str, Any]]:
    """Records of all tasks: those on file, and the others, which are computed and put there.

    Raises
    ------
    RuntimeError
        A stage broke down on a twin; the records of the others are kept.
    """
    left = missing(tasks, stored(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        _end_line(file)
        begin_s = time.perf_counter()
        for done, records in enumerate(assessed(left, jobs), start=1):
            file.write("".join(json.dumps(record, sort_keys=True) + "\n" for record in records).encode())
            file.flush()
            _tell(records, done, len(left), time.perf_counter() - begin_s)
    wanted = {(task.layout, task.seed, off) for task in tasks for off in task.off}
    return [record for record in stored(path) if key_of(record) in wanted]


def _end_line(file: Any) -> None:
    """A line that was cut off must not swallow the next."""
    if file.tell():
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _tell(records: Sequence[dict[str, Any]], done: int, count: int, spent_s: float) -> None:
    first = records[0]
    left_min = spent_s / done * (count - done) / 60
    said = f"{done}/{count}  {first['layout']} cores, seed {first['seed']}: {first['seconds']:.1f} s; about {left_min:.0f} min left"
    if sys.stderr.isatty():
        print(f"\r{said:<79}", end="\n" if done == count else "", file=sys.stderr, flush=True)
    elif done == count or done % 10 == 0:
        print(said, file=sys.stderr, flush=True)


def assessed(tasks: Sequence[Task], jobs: int) -> Iterator[list[dict[str, Any]]]:
    """Records of each task as they are ready, from processes that share nothing."""
    if not tasks:
        return
    with one_thread_each(), ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(_measured_warm, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                error, task = future.exception(), futures[future]
                if error is not None:
                    msg = f"a stage broke down on the twin of {task.layout} cores with seed {task.seed}"
                    raise RuntimeError(msg) from error
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Twins share the cores, not the algebra of one twin; and a solve differs in its last bits with the number of threads."""
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


# ------------------------------------------------------------------ one twin

_warm: list[bool] = []


def _measured_warm(task: Task) -> list[dict[str, Any]]:
    """Measure in a process that has loaded and compiled what it needs: that is no twin's time."""
    if not _warm:
        measured(Task(min(twins.LAYOUTS), WARMING_SEED, realisations=10))
        _warm.append(True)
    return measured(task)


def measured(task: Task) -> list[dict[str, Any]]:
    """Draw, assess and compare one twin: a record for each source that is off in turn, all with the same random numbers.

    A survey that the program refuses leaves a record that says why: no interval is no interval that misses.
    """
    from pipeline.errors import PipelineError

    begin_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder)
        truth, inputs = twins.write_raw(raw, task.seed, task.layout, CELL_M)
        about = {
            "layout": task.layout, "seed": task.seed, "departure": inputs.departure, "spacing_ratio": inputs.spacing_ratio, "nugget": inputs.nugget,
            "realisations": task.realisations, "generator": twins.VERSION, "machine": machine(),
        }  # fmt: skip
        records = []
        try:
            survey = Survey.of(raw)
        except PipelineError as error:
            return [about | {"off": off, "seconds": time.perf_counter() - begin_s, "refused": str(error), "elements": {}} for off in task.off]
        upstream_s = time.perf_counter() - begin_s
    for off in task.off:
        begin_s = time.perf_counter()
        try:
            found = {"elements": compared(survey, truth, task, off)}
        except PipelineError as error:
            found = {"elements": {}, "refused": str(error)}
        records.append(about | {"off": off, "seconds": upstream_s + time.perf_counter() - begin_s} | found)
    return records


@dataclass(frozen=True)
class Survey:
    """What the stages before the simulation make of a survey; grades come from ordinary kriging, for nothing below depends on their estimator."""

    settings: Settings
    seafloor: Seafloor
    composites: Composites
    variograms: list[Variogram]
    grades: list[Any]
    density: Any

    @classmethod
    def of(cls, raw: Path) -> Survey:
        """Run the stages."""
        from assess import read_samples

        from pipeline.artefacts import JointModel, Subject
        from pipeline.config import read_settings
        from pipeline.stages import composites, cross_validation, density, grade, variogram

        settings = read_settings(raw / "assessment.toml")
        floor = _seafloor(raw)
        layered = composites.run(read_samples(raw), floor, settings.region, settings.composites, settings.density, settings.elements)
        subjects = [*settings.elements.assessed, "density"]
        # What the likelihood says of the variogram is for the reader of its file: most of the time saved, and no estimate changed.
        with mock.patch.object(variogram, "_MOST_FOR_UNCERTAINTY", 0):
            variograms = [variogram.run(layered, floor, Subject(subject), settings.variogram) for subject in subjects]
        # Nothing is scored and nothing is cokriged: a third of the time saved.
        unscored = settings.cross_validation.model_copy(update={"estimator": "ordinary", "drift": [], "min_cores": 1_000_000})
        joint = JointModel({}, None, [], {"left_out": dict.fromkeys(subjects, "not asked for")}, layered.marks)
        ordinary = cross_validation.run(layered, variograms, joint, floor, unscored, settings.variogram)
        mud = density.run(layered, variograms[-1], floor, settings.grade, settings.density)
        grades = [grade.run(layered, [model, variograms[-1]], joint, ordinary, mud, floor, settings.grade) for model in variograms[:-1]]
        return cls(settings, floor, layered, variograms, grades, mud)


_floor: list[Any] = []


def _seafloor(raw: Path) -> Seafloor:
    """The seafloor, which all twins share, once per process."""
    if not _floor:
        from assess import listed

        from pipeline.artefacts import BathymetryFiles
        from pipeline.config import read_settings
        from pipeline.stages import seafloor

        settings = read_settings(raw / "assessment.toml")
        _floor.append(seafloor.run(listed(BathymetryFiles, raw, ".nc", ".tif"), settings.region, settings.grid))
    return _floor[0]


def compared(survey: Survey, truth: Truth, task: Task, off: str) -> dict[str, Any]:
    """Simulate, and set each element beside its truth; without one source, only the total."""
    cutoffs = {element: cutoffs_ppm(survey.composites, element) if not off else {report.TOTAL: 0.0} for element in survey.settings.elements.assessed}
    result = simulated(survey, task, off, cutoffs)
    found = {}
    # An element that cannot be simulated has no interval.
    for element in result.grades:
        blocks = result.grades[element]
        known = np.isfinite(blocks.block_ppm[BLOCK_QUANTILES.index("p50")]) & (survey.seafloor.region_share > 0)
        frame = result.totals[(result.totals["element"] == element) & (result.totals["region"] == "all")]
        found[element] = {
            "totals": {
                name: {"cutoff_ppm": cutoff_ppm}
                | against(metal_over_t(truth, element, known, cutoff_ppm), realised_t(frame, cutoff_ppm, task.realisations))
                for name, cutoff_ppm in cutoffs[element].items()
            }
        }
        if off:
            continue
        accumulations = accumulations_g_m3(survey.composites, element)
        found[element] |= {
            "blocks": block_comparison(truth.grade_ppm[element], blocks.block_ppm, blocks.block_mean_ppm, known, truth.share),
            "kriging": plug_in(survey, element, known),
            "cores": report.t_quantiles(*_in_tonnes(report.layered_mean(accumulations), survey, known)),
            "whole_cores": report.t_quantiles(*_in_tonnes(report.layered_mean(accumulations, whole=True), survey, known)),
        }
    return found


def simulated(survey: Survey, task: Task, off: str, cutoffs: dict[str, dict[str, float]]) -> Any:
    """Run the stage that is judged."""
    from pipeline.artefacts import DomainFiles
    from pipeline.config import CutoffSettings
    from pipeline.stages import simulation

    settings = survey.settings
    # Two twins with one seed would share their random numbers, and with them the error of the percentiles.
    chosen = settings.simulation.model_copy(update={"realisations": task.realisations, "seed": 1_000_000 * task.layout + task.seed, "checks": False})
    listed = CutoffSettings(**{f"{element}_ppm": sorted(set(values.values())) for element, values in cutoffs.items()})
    return simulation.run(
        survey.composites, survey.variograms, survey.grades, survey.seafloor, without(chosen, off) if off else chosen, settings.density, listed,
        settings.grade, settings.tonnage, settings.variogram, settings.classes, survey.density, DomainFiles(Path(), {}), settings.region,
        settings.place, settings.recoverable, settings.production,
    )  # fmt: skip


def without(settings: SimulationSettings, source: str) -> SimulationSettings:
    """Settings with one source off; a switch that is not there must not be passed over in silence."""
    if source not in type(settings).model_fields:
        msg = f"[simulation] has no switch {source}; known keys are {', '.join(sorted(type(settings).model_fields))}"
        raise ValueError(msg)
    return settings.model_copy(update={source: False})


def cutoffs_ppm(composites: Composites, element: str) -> dict[str, float]:
    """Cut-offs in grades of the twin: the declustered median of its composites, and multiples of their declustered mean by mass."""
    frame = composites.frame.loc[composites.frame[f"{element}_ppm"].notna()]
    mass = (frame["declustering_weight"] * frame["dry_bulk_density_t_m3"]).to_numpy()
    grade_ppm = frame[f"{element}_ppm"].to_numpy()
    order = np.argsort(grade_ppm, kind="stable")
    below = np.cumsum(mass[order]) / mass.sum()
    median_ppm = grade_ppm[order][np.searchsorted(below, 0.5)]
    mean_ppm = float(np.average(grade_ppm, weights=mass))
    multiples = {report.multiple_name(multiple): round(multiple * mean_ppm, 4) for multiple in report.MULTIPLES}
    return multiples | {report.MEDIAN: round(float(median_ppm), 4)}


def realised_t(frame: Any, cutoff_ppm: float, realisations: int) -> Array:
    """Metal over a cut-off, one number for each realisation; every realisation must have its own, be it 0."""
    rows = frame[np.isclose(frame["cutoff_ppm"], cutoff_ppm, rtol=1e-9, atol=1e-9)]
    if rows["realisation"].nunique() != realisations or len(rows) != realisations:
        msg = f"{len(rows)} totals over {cutoff_ppm:g} ppm for {realisations} realisations"
        raise ValueError(msg)
    return rows.sort_values("realisation")["metal_t"].to_numpy(dtype=float)


def metal_over_t(truth: Truth, element: str, known: Mask, cutoff_ppm: float) -> float:
    """True metal of the blocks that were estimated and whose true grade reaches the cut-off."""
    grade_ppm = truth.grade_ppm[element]
    metal_t = truth.density_t_m3 * grade_ppm * truth.share * (truth.cell_area_m2 * truth.layers.layer_m * 1e-6)
    return float(metal_t[known & (grade_ppm >= cutoff_ppm)].sum())


def against(truth_t: float, simulated_t: Array) -> dict[str, float]:
    """A truth, where it stands among the realisations, and their mean, spread and quantiles.

    Quantile i / (n + 1) is the i-th of n values (Weibull), for then a simulator that is right holds 90 in 100, however few realisations there are.
    """
    below = np.count_nonzero(simulated_t < truth_t) + np.count_nonzero(simulated_t == truth_t) / 2
    values = np.quantile(simulated_t, list(report.QUANTILES.values()), method="weibull").tolist()
    return {
        "truth_t": truth_t,
        "below": (below + 0.5) / (simulated_t.size + 1),
        "mean_t": float(simulated_t.mean()),
        "sd_t": float(simulated_t.std(ddof=1)),
        **{f"{name}_t": value for name, value in zip(report.QUANTILES, values, strict=True)},
    }


def block_comparison(true_ppm: Array, quantiles_ppm: Array, mean_ppm: Array, known: Mask, share: Array) -> dict[str, float]:
    """Share of the estimated blocks whose true grade lies in each interval; bias and width over the mean of the true grades."""
    quantile = dict(zip(BLOCK_QUANTILES, quantiles_ppm, strict=True))
    weight = np.broadcast_to(share, true_ppm.shape)[known]
    true_mean_ppm = np.average(true_ppm[known], weights=weight)
    held = {level: (quantile[low] <= true_ppm) & (true_ppm <= quantile[high]) for level, (low, high) in report.LEVELS.items()}
    return {
        "count": int(np.count_nonzero(known)),
        "bias": float(np.average(mean_ppm[known], weights=weight) / true_mean_ppm - 1),
        "width": float(np.mean((quantile["p95"] - quantile["p05"])[known]) / true_mean_ppm),
        **{level: float(np.mean(inside[known])) for level, inside in held.items()},
    }


def plug_in(survey: Survey, element: str, known: Mask) -> dict[str, float]:
    """Lognormal interval with kriged mean and kriging variance of the total, as if the variogram were known."""
    from pipeline.field import kriging_of, variogram_of

    floor = survey.seafloor
    kriging = kriging_of(survey.composites, variogram_of(survey.variograms, element), floor, survey.settings.grade.block_nodes)
    cells = known.any(axis=0)
    covariance = kriging.sum_covariance(*(axis[cells] for axis in floor.grid.centres_m()))
    value, variance = kriging.total(np.where(cells, floor.region_share, 0.0), covariance)
    tonnes = floor.grid.cell_area_m2 * floor.layers.layer_m * 1e-6
    return report.lognormal_quantiles(value * tonnes, float(np.sqrt(variance)) * tonnes)


def accumulations_g_m3(composites: Composites, element: str) -> Array:
    """(cores, layers) grade x density; NaN where a core has not seen a layer."""
    table = composites.frame.pivot_table(index="core_id", columns="layer", values=f"{element}_g_m3", aggfunc="first")
    return table.reindex(columns=range(composites.layers.count)).to_numpy(dtype=float)


def _in_tonnes(mean: tuple[float, float, int], survey: Survey, known: Mask) -> tuple[float, float, int]:
    """A mean of columns turned to tonnes on the estimated cells."""
    value, error, degrees = mean
    floor = survey.seafloor
    area_m2 = float(floor.region_share[known.any(axis=0)].sum()) * floor.grid.cell_area_m2
    tonnes = area_m2 * floor.layers.layer_m * 1e-6
    return value * tonnes, error * tonnes, degrees


@functools.cache
def machine() -> str:
    """Class of the machine and versions that the figures hold for."""
    import importlib.metadata
    import platform

    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.*)$", cpuinfo.read_text(encoding="utf-8"), re.MULTILINE) if cpuinfo.exists() else None
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy", "numba"))
    processor = found.group(1) if found else platform.processor()
    return f"{processor}, {os.cpu_count()} cores, {memory_gib:.0f} GiB; {platform.system()}, Python {platform.python_version()}, {versions}"


if __name__ == "__main__":
    sys.exit(main())
