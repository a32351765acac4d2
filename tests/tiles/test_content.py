from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pytest
from tile_tasks import Noise

from pipeline.tiles import Tile
from pipeline.tiles.content import content_sha256, program_sha256


@dataclass(frozen=True)
class Model:
    range_m: float
    data: np.ndarray

    @cached_property
    def squared(self):
        return self.data**2


MODEL = Model(1000.0, np.arange(6.0).reshape(2, 3))


def test_equal_content_has_one_hash_whatever_way_it_came():
    transposed = Model(1000.0, np.asfortranarray(MODEL.data.copy()))
    assert content_sha256(transposed) == content_sha256(MODEL) == content_sha256(pickle.loads(pickle.dumps(MODEL)))


def test_what_a_class_computes_when_asked_is_no_content():
    before = content_sha256(MODEL)
    assert MODEL.squared.sum() == 55
    assert content_sha256(MODEL) == before


@pytest.mark.parametrize(
    "other",
    [
        replace(MODEL, range_m=1000.0000000001),
        replace(MODEL, data=MODEL.data.reshape(3, 2)),
        replace(MODEL, data=MODEL.data.astype(np.float32)),
        replace(MODEL, data=-0.0 * MODEL.data),
        (1000.0, MODEL.data),
    ],
)
def test_other_content_has_another_hash(other):
    assert content_sha256(other) != content_sha256(MODEL)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 2), (2, 1)),
        ("ab", ("a", "b")),
        ({"a": 1}, {"a": 2}),
        (None, False),
        (np.float64(1), 1.0),
        (Path("a"), "a"),
        (np.array(["a"], dtype=object), np.array(["b"], dtype=object)),
        (partial(min, 1), partial(min, 2)),
        (Tile(0, (0, 64), (0, 64)), Tile(1, (0, 64), (0, 64))),
        (Noise(1), Noise(2)),
        (0.0, -0.0),
    ],
)
def test_what_differs_is_told_apart(one, other):
    assert content_sha256(one) != content_sha256(other)


def test_sets_and_mappings_have_no_order():
    assert content_sha256({"b", "a"}) == content_sha256({"a", "b"})
    assert content_sha256({"x": 1, "y": {2, 3}}) == content_sha256({"y": {3, 2}, "x": 1})


def test_the_program_has_one_hash_in_a_process():
    assert len(program_sha256()) == 64
    assert program_sha256() is program_sha256()
