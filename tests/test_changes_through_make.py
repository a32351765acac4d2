"""Dropping a core into RAW and taking it out again, as a person does: what the page says, and that every other product comes back byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from accessibility import violations
from faults import write_tinier
from visits import Visit, browser_running

from pipeline.artefacts import FROM_HISTORY
from pipeline.files import sha256_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[1]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "LINKS"))}
NEW = "<img src=x>コア 14"
"""Whoever names a core may name it like this."""


class World:
    """A tiny assessment in a folder of its own."""

    def __init__(self, folder):
        self.raw, self.processed, self.maps, self.links = (folder / name for name in ("raw", "processed", "maps", "links"))
        write_tinier(self.raw)
        (self.raw / "cores" / "reference_survey.csv").write_bytes((self.raw / "old.text").read_bytes())
        for name in ("old.text", "new.text"):
            (self.raw / name).rename(folder / name)
        self.dropped = self.raw / "cores" / "dropped" / "new core.csv"
        header, *rows = (folder / "new.text").read_text(encoding="utf-8").splitlines(keepends=True)
        last = rows[-1].split(",")[0]
        self.rows = header + "".join(row.replace(f"{last},", f"{NEW},", 1) for row in rows if row.startswith(f"{last},"))

    def make(self):
        folders = ["--raw", self.raw, "--processed", self.processed, "--maps", self.maps, "--links", self.links]
        command = [sys.executable, "-m", "pipeline", "scan", *folders, "--", "make", "-j2", "products"]
        done = subprocess.run(command, cwd=ROOT, env=CLEAN, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def sums(self):
        files = [path for folder in (self.processed, self.maps) for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(self.processed.parent).as_posix(): sha256_of(path) for path in files}

    def told(self):
        return json.loads((self.processed / "delta.json").read_text(encoding="utf-8"))


DEPEND_ON_HISTORY = {"processed/.history/history.json", "processed/delta.json", "maps/changes.html"}


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The states of a walk: built, a core dropped in, the same again, and the core taken out."""
    world = World(tmp_path_factory.mktemp("walk"))
    states = {}

    def state(name):
        said = world.make()
        page = (world.maps / "changes.html").read_bytes()
        states[name] = {"said": said, "sums": world.sums(), "told": world.told(), "page": page}

    state("first")
    world.dropped.parent.mkdir()
    world.dropped.write_text(world.rows, encoding="utf-8")
    world.dropped.with_suffix(".toml").write_text("synthetic = true\n", encoding="utf-8")
    state("dropped")
    state("again")
    for path in (world.dropped, world.dropped.with_suffix(".toml")):
        path.unlink()
    state("taken out")
    return world, states


def test_the_first_build_says_so(walked):
    _, states = walked
    assert states["first"]["told"]["state"] == "first build"
    assert {f"{'maps' if name.endswith('.html') else 'processed'}/{name}" for name in FROM_HISTORY} < DEPEND_ON_HISTORY


def test_a_core_that_is_taken_out_again_leaves_no_trace_but_in_the_comparison(walked):
    _, states = walked
    first, last = states["first"]["sums"], states["taken out"]["sums"]
    assert {name for name in first.keys() | last.keys() if first.get(name) != last.get(name)} == DEPEND_ON_HISTORY
    assert len(first) > 30


def test_a_dropped_core_is_told_with_its_file_and_its_rows(walked):
    _, states = walked
    told = states["dropped"]["told"]
    (core,) = told["changed"]["cores"]["added"]
    assert (core["core_id"], core["file"]) == (NEW, "cores/dropped/new core.csv")
    assert core["samples"] == len(walked[0].rows.splitlines()) - 1
    assert told["changed"]["kinds"] == ["cores"]
    assert not told["changed"]["settings"]
    assert [row["file"] for row in told["changed"]["files"]["cores"]["added"]] == ["cores/dropped/new core.csv", "cores/dropped/new core.toml"]
    assert told["elements"]["dy"]["metal_t"]["old"] != told["elements"]["dy"]["metal_t"]["new"]
    assert {core["core_id"] for core in told["new_cores"]} == {NEW}
    assert NEW in told["summary"][0]["en"]


def test_the_way_back_is_the_way_there(walked):
    _, states = walked
    there, back = (states[name]["told"] for name in ("dropped", "taken out"))
    assert [core["core_id"] for core in back["changed"]["cores"]["removed"]] == [NEW]
    for figure in ("metal_t", "grade_ppm", "range_t", "dry_mud_t"):
        one, other = (told["elements"]["dy"][figure] for told in (there, back))
        assert (one["old"], one["new"]) == (other["new"], other["old"])


def test_a_build_with_nothing_to_do_leaves_everything_alone(walked):
    _, states = walked
    assert "up to date" in states["again"]["said"]
    assert states["again"]["sums"] == states["dropped"]["sums"]


@pytest.fixture(scope="module")
def chromium():
    with browser_running() as running:
        yield running


@pytest.mark.browser
@pytest.mark.parametrize(("language", "says"), [("en", "One core was added: "), ("ja", "コア1本が追加されました：")])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_the_page_tells_it_to_everyone_in_both_languages(chromium, walked, tmp_path, language, says, size):
    _, states = walked
    path = tmp_path / "changes.html"
    path.write_bytes(states["dropped"]["page"])
    with Visit(chromium, path, f"#lang={language}", size) as page:
        said = page.evaluate("[...document.querySelectorAll('#words li')].map((e) => e.innerText)")
        assert f"{says}{NEW}" in said[0]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # What the rows show adds up.
        tables = page.evaluate(
            "[...document.querySelectorAll('table.steps')].map((t) => [...t.tBodies[0].rows].map((r) => [2, 3].map((n) => r.cells[n].innerText)))"
        )
        assert len(tables) >= 6
        for rows in tables:
            levels = [number(level) for _, level in rows]
            assert levels[0] + sum(number(change) for change, _ in rows[1:-1]) == pytest.approx(levels[-1], abs=1e-9)
        assert violations(page) == []


def number(text):
    return float(text.replace(",", "").replace("−", "-"))
