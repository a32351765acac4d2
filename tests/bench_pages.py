"""Size of the pages, and how long a browser takes to show them and to redraw: ``make bench``. Opened from the disk with the network off."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from visits import Visit, browser_running

SLIDERS = ("cutoff", "depth")
ROUNDS = 5
# Work of the page alone, then until the frame that shows it is drawn.
REDRAW = """async ([id, value]) => {
    const slider = document.getElementById(id), begin = performance.now();
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const worked = performance.now() - begin;
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    return [worked, performance.now() - begin];
}"""
FIRST_PAINT = """async () => {
    const first = () => performance.getEntriesByName("first-contentful-paint")[0];
    while (!first()) await new Promise((drawn) => requestAnimationFrame(drawn));
    return first().startTime;
}"""


def main(arguments: list[str]) -> int:
    """Print a line for each page of a folder of maps, and one for each slider of each map."""
    pages = sorted(Path(arguments[0]).resolve().glob("*.html"))
    if not pages:
        print(f"{arguments[0]} holds no page: make all", file=sys.stderr)
        return 2
    print(f"{'page':22}{'size, MB':>10}{'first paint, ms':>18}{'ready, ms':>12}")
    lines = []
    with browser_running() as chromium:
        for path in pages:
            paints, readies = [], []
            for _ in range(ROUNDS):
                with Visit(chromium, path, "#lang=en") as page:
                    readies.append(page.evaluate("performance.now()"))
                    paints.append(page.evaluate(FIRST_PAINT))
                    if path.name.startswith("grade") and len(paints) == ROUNDS:
                        lines += [f"{path.name} {slider}: {_redraw(page, slider)}" for slider in SLIDERS]
            print(f"{path.name:22}{path.stat().st_size / 1e6:10.2f}{median(paints):18.0f}{median(readies):12.0f}", flush=True)
    print("\n".join(lines))
    return 0


def _redraw(page, slider: str) -> str:
    highest = int(page.get_attribute(f"#{slider}", "max"))
    if highest < 1:
        return "has one step"
    times = [page.evaluate(REDRAW, [slider, str(value)]) for _ in range(ROUNDS) for value in range(highest + 1)]
    worked, drawn = (sorted(part) for part in zip(*times, strict=True))
    return f"redraw {median(worked):.1f} ms (longest {worked[-1]:.1f}), on the screen after {median(drawn):.1f} ms (longest {drawn[-1]:.1f})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
