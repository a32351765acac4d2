"""In-process and pool: the same bytes, whatever the tile, the number of workers, and who dies."""

from __future__ import annotations

import time

import numpy as np
import pytest
from tile_tasks import Awkwardly, Deadly, Doubled, Noise, Wrong, done

from pipeline.errors import SettingsError, WorkersError
from pipeline.tiles import InProcess, executor_of, map_tiles, tiles_of

SHAPE = (200, 260)


def field(task, executor, side=64, **options):
    """All tiles of a task put together."""
    whole = np.full(SHAPE, np.nan)
    for tile, found in map_tiles(task, tiles_of(SHAPE, side), executor, **options):
        whole[tile.slices] = found["value"]
    return whole


@pytest.fixture(scope="module")
def expected():
    return field(Noise(1), InProcess())


@pytest.fixture(scope="module")
def pool():
    with executor_of("pool:2") as executor:
        yield executor


@pytest.mark.parametrize("side", [64, 128, 320])
def test_no_bit_depends_on_the_tile_or_on_who_does_it(expected, pool, side, tmp_path):
    assert np.array_equal(field(Noise(1), InProcess(), side), expected)
    assert np.array_equal(field(Noise(1), pool, side), expected)
    assert np.array_equal(field(Noise(1), pool, side, store=tmp_path), expected)


def test_each_tile_gets_what_is_given_for_it(pool, tmp_path):
    values = np.arange(SHAPE[0] * SHAPE[1], dtype=float).reshape(SHAPE)
    tiles = tiles_of(SHAPE, 128)
    for executor, store in ((InProcess(), None), (pool, tmp_path)):
        found = list(map_tiles(Doubled(), tiles, executor, given=lambda tile: {"values": values[tile.slices]}, store=store))
        assert [tile for tile, _ in found] == tiles
        for tile, arrays in found:
            assert np.array_equal(arrays["values"], 2 * values[tile.slices])
            assert tuple(arrays["rows"]) == tile.rows


@pytest.mark.parametrize("stored", [False, True])
def test_a_worker_killed_in_the_middle_changes_no_byte(expected, pool, tmp_path, stored):
    log = tmp_path / "log"
    found = field(Deadly(1, log), pool, store=tmp_path / "tiles" if stored else None)
    assert np.array_equal(found, expected)
    assert sorted(done(log)) == sorted([*range(len(tiles_of(SHAPE))), 2])


def test_a_tile_that_kills_every_worker_ends_with_a_reason_and_the_others_are_kept(expected, tmp_path):
    log, store = tmp_path / "log", tmp_path / "tiles"
    with executor_of("pool", workers=1) as executor:
        with pytest.raises(WorkersError, match=r"part 2 was lost 4 times with .* ended by SIGKILL.*finished tiles are kept"):
            field(Deadly(1, log, times=4), executor, store=store)
        assert done(log).count(2) == 4
        before, finished = len(done(log)), len(list(store.glob("*.zip")))
        assert finished >= 2
        assert np.array_equal(field(Deadly(1, log, times=4), executor, store=store), expected)
    assert len(done(log)) - before == len(tiles_of(SHAPE)) - finished


def test_a_second_run_does_only_what_is_missing(expected, pool, tmp_path, capsys):
    log, store = tmp_path / "log", tmp_path / "tiles"
    field(Noise(1, log), pool, store=store)
    files = sorted(store.glob("*.zip"))
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-20])
    assert np.array_equal(field(Noise(1, log), InProcess(), store=store, name="noise"), expected)
    tiles = len(tiles_of(SHAPE))
    assert len(done(log)) == tiles + 2
    assert f"noise: {tiles - 2} of {tiles} tiles were finished by an earlier run" in capsys.readouterr().out


def test_another_task_or_another_tile_is_never_taken_for_a_finished_one(tmp_path):
    log = tmp_path / "log"
    for number, (seed, side) in enumerate(((1, 64), (2, 64), (1, 128)), start=1):
        before = len(done(log))
        field(Noise(seed, log), InProcess(), side, store=tmp_path / "tiles")
        assert len(done(log)) - before == len(tiles_of(SHAPE, side)), number


def test_an_error_of_a_task_comes_back_as_it_is(pool):
    with pytest.raises(ValueError, match="tile 0 is wrong") as caught:
        field(Wrong(), pool)
    assert "In a process of the pool" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="Awkward: 0 and more"):
        field(Awkwardly(), pool)


def test_a_pool_that_is_left_ends_at_once(tmp_path):
    begin = time.monotonic()
    with executor_of("pool:2") as executor:
        next(map_tiles(Noise(1, pause_s=0.5), tiles_of(SHAPE), executor))
        left = time.monotonic()
    assert time.monotonic() - left < 5
    assert begin < left


@pytest.mark.parametrize("name", ["pools", "pool:0", "pool:x", "tcp://", "tcp://host", "http://host:80", "local;ls"])
def test_an_unknown_scheduler_is_said_with_those_there_are(name):
    with pytest.raises(SettingsError, match=r"it may be in-process, pool, .* tcp://host:8786"):
        executor_of(name)


@pytest.mark.parametrize("name", [None, "", "in-process"])
def test_by_default_this_process_works(name):
    assert isinstance(executor_of(name), InProcess)
