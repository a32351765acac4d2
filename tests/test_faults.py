"""Whatever the machine does to a build, no file is torn and the next build gives the same bytes; ``make faults`` does it at length."""

from __future__ import annotations

import os
from pathlib import Path

import faults
import pytest

ROOT = Path(__file__).parents[1]
KILLS = 10

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The tiny assessment, built undisturbed."""
    bench = faults.Bench(ROOT, tmp_path_factory.mktemp("faults"))
    bench.prepare()
    assert bench.violations == []
    return bench


@pytest.fixture
def bench(prepared):
    """The same with an empty tally; every test must fill it, and violate nothing."""
    prepared.violations.clear()
    prepared.rows.clear()
    yield prepared
    assert prepared.violations == []
    assert sum(row[1] for row in prepared.rows) > 0
    assert sum(row[2] for row in prepared.rows) == 0


@pytest.mark.timeout(1200)
def test_builds_killed_at_random_times_leave_no_torn_file_and_the_next_heals(bench):
    faults.kill_rounds(bench, KILLS, seed=int.from_bytes(os.urandom(3)))
    assert sum(row[1] for row in bench.rows) == KILLS


def test_a_full_or_read_only_disk_is_one_line_and_the_next_build_heals(bench):
    faults.full_disk(bench, short=True)
    if any(row[0].startswith("NOT SHOWN") for row in bench.rows):
        bench.rows.append(("skipped", 1, 0, ""))
        pytest.skip("NOT SHOWN HERE: a small disk cannot be mounted; run the tests as root")


def test_too_few_files_or_too_little_memory_is_one_line_and_the_next_build_heals(bench):
    faults.limits(bench, short=True)


def test_a_build_that_is_stopped_leaves_nothing_behind(bench):
    faults.stopped(bench, short=True)


def test_a_reader_that_goes_away_stops_the_build_with_a_line_and_a_closed_output_does_not(bench):
    faults.nobody_listens(bench, short=True)


def test_two_builds_at_once_give_the_products_of_one(bench):
    faults.at_once(bench, (2,))


def test_the_surroundings_change_no_byte(bench):
    faults.surroundings_that_change_nothing(bench, short=True)


# ------------------------------------------------------------------ the runner itself


def test_a_torn_file_is_found(bench):
    bench.restore("update")
    torn = bench.work / "processed" / "tonnage.csv"
    torn.write_bytes(torn.read_bytes()[:-10])
    assert bench.torn("cut") == 1
    assert bench.violations == ["cut: processed/tonnage.csv is torn"]
    bench.violations.clear()
    bench.say("a torn file", 1, 0)


def test_half_a_folder_of_realisations_is_found(bench):
    bench.restore("update")
    next((bench.work / "processed" / "realisations.zarr").rglob("zarr.json")).unlink()
    assert bench.torn("cut") == 1
    bench.violations.clear()
    bench.say("half a folder", 1, 0)


@pytest.mark.parametrize(
    ("code", "err"),
    [
        (0, "error: the disk is full"),
        (2, ""),
        (2, "make: *** [Makefile:1: x] Error 2"),
        (2, "error: the disk is full\nTraceback (most recent call last):"),
        (2, "OSError: [Errno 28] No space left on device"),
        (2, "error: it does not work"),
    ],
)
def test_what_is_not_one_clear_line_is_a_violation(bench, code, err):
    bench.refused("case", faults.Ended(code, "", err), "disk is full")
    assert len(bench.violations) == 1
    bench.violations.clear()
    bench.refused("case", faults.Ended(2, "", "error: x: the disk is full. Free some room\nmake: *** Error 2"), "disk is full")
    assert bench.violations == []
    bench.say("a message", 1, 0)
