"""What the benchmark says: lines on the screen, ``docs/benchmarks.md`` and its figures."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from pathlib import Path

import numpy as np

ENGINE_NOTES = {
    "krigekit": "solves in single precision; held to 2e-3 here, the others to 1e-6; simulates cell after cell from 16 neighbours",
    "gstlearn": (
        "tree search left off: it measures distances without anisotropy; blocks and cokriging run on one core; the variance inside a block is a "
        "random sum, one number for all blocks, taken out before comparing"
    ),
    "gstlearn SPDE": (
        "in task s alone, by stochastic partial differential equations, which are for Matérn models: its model is not that of the others; the other "
        "gstlearn there draws by turning bands"
    ),
    "GSTools": "with GSTools-Core and the inverse instead of the pseudo-inverse; no moving neighbourhood, no blocks, no cokriging",
    "PyKrige": (
        "in three dimensions it cross-validates at set-up, which cannot be turned off; its cells are handed over in chunks by us: one call for all "
        "cells, as its manual has it, is slower and needs gigabytes"
    ),
    "R gstat": "version {gstat}, one core; its first call is a whole one",
}
PACKAGES = ("numpy", "scipy", "numba", "gstools", "gstools-core", "gstools-cython", "pykrige", "gstlearn", "krigekit")
FASTEST = "fastest"


def machine() -> dict[str, str]:
    """What the figures hold for."""
    from threadpoolctl import threadpool_info

    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.*)$", cpuinfo.read_text(encoding="utf-8"), re.MULTILINE) if cpuinfo.exists() else None
    # Loads scipy's BLAS beside numpy's.
    import scipy.linalg  # noqa: F401

    kernels = sorted(
        {
            f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
            for pool in threadpool_info()
            if "blas" in pool["user_api"]
        }
    )
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": found.group(1) if found else platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory_gib:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "BLAS of numpy and scipy": ", ".join(kernels),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def print_task(key: str, record: dict, with_targets: bool) -> bool:
    """Say what was measured; whether every engine ran and agrees."""
    if "engines" not in record:
        print(f"{key}: " + (record.get("failed") or ", ".join(f"{name} done" for name in ("cells", "data"))), flush=True)
        return "failed" not in record
    for row in rows(record):
        print("  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(row, (13, 8, 7, 10, 13, 6, 9, 8, 20, 9), strict=True)), flush=True)
    for name, wanted, got, is_met in verdicts(record) if with_targets else []:
        print(f"  target {wanted:g} x {name}: {got:.3g}, {'met' if is_met else 'not met'}", flush=True)
    return all("failed" not in result and result["agrees"] for result in record["engines"].values())


def rows(record: dict) -> list[tuple[str, ...]]:
    """A head and one row for each engine."""
    table = [("engine", "first s", "once s", "seconds", "per second", "cores", "start MB", "peak MB", "differs by", "× ours")]
    for engine, result in record["engines"].items():
        if "failed" in result:
            table.append((engine, "", "", result["failed"], "", "", "", "", "", ""))
            continue
        part = "" if result["timed_cells"] == record["cells"] else " *"
        is_told = "differences" in result and (engine != "ours" or record.get("against_kriging"))
        form = ".2g" if record.get("against_kriging") else ".0e"
        differences = "  ".join(f"{difference:{form}}" for difference in result["differences"]) if is_told else ""
        ratio = "" if engine == "ours" or "ratio" not in result else f"{result['ratio']:,.3g}"
        first_s = result.get("compile_s", result["first_s"])
        once = f"{result['once_s']:.2g}" if result.get("once_s") else ""
        figures = f"{first_s:.1f}", once, f"{result['seconds']:.3g}{part}", f"{result['per_s']:,.0f}", f"{result['cores']:.1f}"
        table.append((engine, *figures, f"{result['start_mb']:,.0f}", f"{result['peak_mb']:,.0f}", differences, ratio))
    return table


def verdicts(record: dict) -> list[tuple[str, float, float, bool]]:
    """Each target: its peer, the ratio wanted and found, and whether it is met."""
    ratios = {engine: result["ratio"] for engine, result in record["engines"].items() if engine != "ours" and "ratio" in result}
    if not ratios:
        return []
    fastest = min(ratios, key=lambda engine: ratios[engine])
    found = []
    for peer, wanted in record["targets"].items():
        name = fastest if peer == FASTEST else peer
        if name in ratios:
            found.append((name, float(wanted), ratios[name], ratios[name] >= wanted))
    return found


# ------------------------------------------------------------------ the page

HEAD = """# Benchmarks

Written by `make bench`; not edited by hand. Every engine is given the same seeded input, in one run, in a fresh process of its own, with both cores,
and in the fastest of the configurations that were tried. Each computes the estimate and its variance in every cell (task s: realisations). Models
have no nugget, because programs differ in whether the variance of a point contains it, and its size costs no time.
"""

LEGEND = """
* **first s**: import and a first small call, which loads (and, for our engine, compiles and keeps) what is needed. Not in *seconds*.
* **once s**: the part of *seconds* that an engine spends before it is given a cell, where that can be told apart.
* **seconds**: set-up and kriging of all cells; the median of five calls where one takes less than 5 s. Those with \\* were given a part of the
  cells (runs of 200 neighbours drawn at random, as many as fit in the time given; data are never left out), the rest added at the pace of that.
* **per second**: cells, set-up included; pairs in a variogram.
* **cores**: processor time by wall time. **peak MB**: largest resident set of the process, with interpreter, libraries, input and result;
  **start MB** of it were there before the engine was loaded (Python, NumPy, Numba, the input).
* **differs by**: largest difference from our estimates, in standard deviations of the data, and from our variances, in sills, in 400 cells.
  In task s it is told of every engine, ours too, against kriging by our engine: root mean square of the error of the mean over realisations, in its
  Monte-Carlo standard errors (1 by chance alone; more from an engine that approximates, or whose realisations depend on each other); relative error
  of their variance, averaged over the grid; largest miss of a datum that lies on a cell's centre.
* **× ours**: their time by ours.
"""


def write_report(store: dict, docs: Path) -> None:
    """The page and its figures."""
    images = docs / "images"
    tasks = store["tasks"]
    lines = [HEAD, "| | " + "task | range and pairs | target: times faster than | measured | |", "|---|---|---|---|---|---|"]
    for key, record in tasks.items():
        for name, wanted, got, is_met in verdicts(record) if "engines" in record else []:
            either = " (or)" if record.get("one_target_is_enough") else ""
            lines.append(
                f"| {key} | {record['title']} | {record['reach']} | {name}, {wanted:g}{either} | {got:,.3g} | {'met' if is_met else 'not met'} |"
            )
    lines += ["", *(f"* {name}: {value}" for name, value in store["machine"].items()), "", "## Figures", LEGEND]
    version = next((str(result["options"]["version"]) for record in tasks.values() for result in record.get("engines", {}).values()
                    if "version" in result.get("options", {})), "not installed")  # fmt: skip
    lines += [f"* {engine}: {note.format(gstat=version)}." for engine, note in ENGINE_NOTES.items()]
    for key, record in tasks.items():
        if "engines" in record:
            lines += ["", f"### {key}: {record['title']}", "", f"{record['size']}; {record['reach']}.", "", *markdown(rows(record))]
            chosen = [f"{engine} {options}" for engine, options in configurations(record).items()]
            lines += ["", "Configurations: " + "; ".join(chosen) + "."] if chosen else []
            busy = max(result.get("others_cores", 0.0) for result in record["engines"].values())
            if busy > 0.1:
                lines += ["", f"Other programs used up to {busy:.1f} cores meanwhile."]
    lines += ["", "## How cost grows", *grown(tasks["scaling"], images)]
    # What make bench-large wrote behind it stays.
    page = docs / "benchmarks.md"
    _, title, large = page.read_text(encoding="utf-8").partition("\n## Large grids\n") if page.exists() else ("", "", "")
    page.write_text("\n".join(lines).replace("\n\n\n", "\n\n") + "\n" + title + large, encoding="utf-8")


def markdown(table: list[tuple[str, ...]]) -> list[str]:
    """A table; figures to the right."""
    head, *body = table
    return [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1), *(f"| {' | '.join(row)} |" for row in body)]


def configurations(record: dict) -> dict[str, str]:
    """The configuration of each engine that has any."""
    return {
        engine: ", ".join(f"{name} {value}" for name, value in result["options"].items())
        for engine, result in record["engines"].items()
        if result.get("options")
    }


def grown(record: dict, images: Path) -> list[str]:
    """Figures of cost against cells and data, and the powers that the last decade shows."""
    figure(record["cells"], "cells", "seconds", {"proportional": 1}, images / "benchmark_scaling_cells.svg")
    figure(record["data"], "data", "seconds", {"proportional to n": 1, "proportional to n²": 2}, images / "benchmark_scaling_data.svg")
    table = [("series", "from", "to", "seconds", "power")]
    for series in (record["cells"], record["data"]):
        for name, points in series.items():
            (n, seconds), (last_n, last_s) = points[-2], points[-1]
            power = np.log(last_s / seconds) / np.log(last_n / n) if seconds > 0 and last_s > 0 else float("nan")
            table.append((name, f"{points[0][0]:,}", f"{last_n:,}", f"{last_s:.3g}", f"{power:.2f}"))
    return [
        "",
        "Seconds of one call by number of cells (data in the plane, or composites of 60 cores in space), and by number of data in the plane: once,",
        "and for every further cell (of 40,000). Range 0.3 of the extent. The power is that between the last two points. Set-up runs on one core, so",
        "that its last bits do not depend on how many there are.",
        "",
        "![Cost against number of cells](images/benchmark_scaling_cells.svg)",
        "",
        "![Cost against number of data](images/benchmark_scaling_data.svg)",
        "",
        *markdown(table),
    ]


def figure(series: dict, across: str, up: str, guides: dict[str, int], path: Path) -> None:
    """Curves on logarithmic axes, and lines of known powers to hold them against; the same numbers give the same file."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "benchmark", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for (name, points), marker in zip(series.items(), "os^vD", strict=False):
        ax.loglog(*np.transpose(points), marker=marker, label=name)
    low, high = ax.get_ylim()
    n, seconds = np.transpose(next(iter(series.values())))
    for (name, power), style in zip(guides.items(), (":", "--"), strict=False):
        ax.loglog(n, seconds[-1] * (n / n[-1]) ** power, style, color="0.5", label=name)
    ax.set(xlabel=across, ylabel=up, ylim=(low, high))
    ax.legend(fontsize="small")
    path.parent.mkdir(exist_ok=True)
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)
