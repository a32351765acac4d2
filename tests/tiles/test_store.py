from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ArtefactError
from pipeline.tiles import store as stores
from pipeline.tiles.store import TileStore

ARRAYS = {
    "value": np.linspace(0, 1, 24).reshape(4, 3, 2),
    "single": np.array([[np.nan, 1], [np.inf, -0.0]], dtype=np.float32),
    "mask": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "number": np.array(7),
}


@pytest.fixture
def store(tmp_path):
    return TileStore(tmp_path / "tiles")


def test_arrays_come_back_to_the_bit(store):
    store.write("key", ARRAYS)
    found = store.read("key")
    assert {name: (values.dtype, values.shape, values.tobytes()) for name, values in found.items()} == {
        name: (values.dtype, values.shape, values.tobytes()) for name, values in ARRAYS.items()
    }


def test_what_is_not_there_is_not_finished(store):
    assert store.read("key") is None


@pytest.mark.parametrize("left", [0, 10, 0.3, 0.9, -1])
def test_half_a_tile_never_counts(store, left):
    store.write("key", ARRAYS)
    (path,) = store.folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left * len(whole)) if isinstance(left, float) else left])
    assert store.read("key") is None


def test_a_tile_with_other_numbers_than_were_written_never_counts(store):
    store.write("key", ARRAYS)
    (path,) = store.folder.iterdir()
    stores._write_archive(path, ARRAYS | {"value": ARRAYS["value"] + 1})
    assert store.read("key") is not None  # a tile as good as any
    changed = bytearray(path.read_bytes())
    at = changed.find(b'"sha256"') + 20
    changed[at] ^= 1
    path.write_bytes(changed)
    assert store.read("key") is None


def test_nothing_is_left_of_a_tile_that_could_not_be_written(store):
    with pytest.raises(ValueError, match="Object"):
        store.write("key", {"value": np.array([object()])})
    assert list(store.folder.iterdir()) == []


def test_a_tile_that_never_arrives_is_said(store, monkeypatch):
    monkeypatch.setattr(stores, "_PATIENCE_S", 0.1)
    with pytest.raises(ArtefactError, match="a worker has written this tile"):
        store.written("key")


def test_tiles_are_forgotten_together(store):
    store.write("key", ARRAYS)
    store.forget()
    assert not store.folder.exists()
    store.forget()
