"""A dask cluster: the same bytes as in this process, and a clear end when it is not fit or not there."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from separate_workers import Dask, free_port, process
from tile_tasks import Deadly, Doubled, Noise, Wrong, done

from pipeline.errors import WorkersError
from pipeline.tiles import InProcess, cluster, executor_of, map_tiles, tiles_of
from pipeline.tiles.versions import fingerprint, require_same

pytest.importorskip("distributed")

SHAPE = (200, 260)
TILES = len(tiles_of(SHAPE))


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
def dask():
    with Dask() as started:
        yield started


def test_two_worker_processes_give_the_bytes_of_this_one(dask, expected, tmp_path):
    with executor_of(dask.address) as executor:
        for side in (64, 128):
            assert np.array_equal(field(Noise(1), executor, side, store=tmp_path / str(side)), expected)
        values = np.arange(SHAPE[0] * SHAPE[1], dtype=float).reshape(SHAPE)
        given = map_tiles(Doubled(), tiles_of(SHAPE, 128), executor, given=lambda tile: {"values": values[tile.slices]}, store=tmp_path / "given")
        assert all(np.array_equal(found["values"], 2 * values[tile.slices]) for tile, found in given)
        with pytest.raises(ValueError, match="tile 0 is wrong"):
            field(Wrong(), executor, store=tmp_path / "wrong")
        with pytest.raises(ValueError, match="need a store"):
            field(Noise(1), executor)


def test_a_worker_of_another_version_is_named_with_both_versions_and_the_cure(dask, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "fingerprint", lambda: fingerprint() | {"numba": "0.1.0"})
    with (
        executor_of(dask.address) as executor,
        pytest.raises(WorkersError, match=r"^worker tcp://127.0.0.1:\d+: numba is \S+ there and 0\.1\.0 here\. Start the worker with the Python"),
    ):
        field(Noise(1), executor, store=tmp_path)


def test_a_worker_that_joins_later_is_looked_at_too():
    with pytest.raises(WorkersError, match=r"worker on .*: program is \w+ there and another here. Bring the same files there"):
        cluster._carry_out_alike(None, None, fingerprint() | {"program": "another"})


def test_all_that_differs_is_said():
    ours = {"program": "a", "numpy": "2.0", "processor": "one"}
    require_same("w", dict(ours), ours)
    with pytest.raises(WorkersError, match=r"worker w: numpy is missing there and 2\.0 here; processor is two there and one here"):
        require_same("w", {"program": "a", "processor": "two"}, ours)


def test_a_worker_that_does_not_see_the_folder_or_has_no_program_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_ANSWER_S", 0.1)
    there = cluster.Cluster("tcp://there:8786")
    with pytest.raises(WorkersError, match=r"worker w does not see .* under the same path"):
        there._require_fit("w", cluster._look_around(str(tmp_path / "nowhere")), tmp_path)
    with pytest.raises(WorkersError, match=r"worker w cannot run this program: No module named 'pipeline'\. Start it in the repository"):
        there._require_fit("w", ModuleNotFoundError("No module named 'pipeline'"), tmp_path)
    (tmp_path / "token").touch()
    there._require_fit("w", cluster._look_around(str(tmp_path / "token")), tmp_path)


def test_a_scheduler_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_ANSWER_S", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    with executor_of(address) as executor, pytest.raises(WorkersError, match=f"no dask scheduler answers at {address}"):
        field(Noise(1), executor, store=tmp_path)


def test_who_dies_in_the_middle_changes_no_byte_and_costs_no_finished_tile(expected, tmp_path, monkeypatch):
    log, store = tmp_path / "log", tmp_path / "tiles"

    def until(tile, act, executor):
        for number, (_, found) in enumerate(map_tiles(Noise(1, log, 0.05), tiles_of(SHAPE), executor, store=store)):
            whole[tiles_of(SHAPE)[number].slices] = found["value"]
            if number == tile:
                act()

    with Dask() as dask:
        # A worker.
        whole = np.full(SHAPE, np.nan)
        with executor_of(dask.address) as executor:
            until(4, dask.workers[0].kill, executor)
        assert np.array_equal(whole, expected)
        assert TILES <= len(done(log)) <= TILES + 2
        assert set(done(log)) == set(range(TILES))

        # The scheduler.
        log, store = tmp_path / "log 2", tmp_path / "tiles 2"
        with executor_of(dask.address) as executor, pytest.raises(WorkersError, match=r"scheduler .* is gone\. Finished tiles are kept"):
            until(4, lambda: dask.scheduler.send_signal(signal.SIGKILL), executor)
    finished, before = len(list(store.glob("*.zip"))), len(done(log))
    assert 5 <= finished < TILES
    assert np.array_equal(field(Noise(1, log, 0.05), InProcess(), store=store), expected)
    assert len(done(log)) - before == TILES - finished


def test_a_scheduler_without_workers_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_WORKERS_S", 0.5)
    port = free_port()
    with (
        process("dask_scheduler", "--host", "127.0.0.1", "--port", str(port)),
        executor_of(f"tcp://127.0.0.1:{port}") as executor,
        pytest.raises(WorkersError, match=r"has no workers\. Start some: .venv/bin/dask worker tcp://"),
    ):
        field(Noise(1), executor, store=tmp_path)


def test_a_cluster_of_our_own_gives_the_same_bytes_also_when_a_worker_dies(expected, tmp_path, capsys):
    with executor_of("local:2") as executor:
        assert np.array_equal(field(Deadly(1, tmp_path / "log"), executor, store=tmp_path / "tiles"), expected)
        assert np.array_equal(field(Noise(1), executor, 128), expected)  # without a store results come back
    assert done(tmp_path / "log").count(2) == 2
    assert capsys.readouterr().out.count("dashboard http://127.0.0.1:") == 1
