"""What the map says where depths are below a marker: its name, its depth in a cell and in a core, in both languages."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from map_world import GRID, world

from pipeline.artefacts import Horizon, Marks
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.marker_surface import MarkerSurface, Picks
from pipeline.grid import layers_of
from pipeline.map_page.tables import core_records
from pipeline.web.texts import BELOW_MARKER, MAP, below

NAME = 'ash {name} <b onload="x">'


def block(page, name):
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', page)[1])


@pytest.fixture
def beside(tmp_path):
    """The planted world with its layers below a marker that dips to the east and is picked in all cores but the last."""
    made = world(tmp_path / "raw")
    layers = layers_of(GRID.model_copy(update={"reference": "marker", "marker_name": NAME, "top_m": -1.0, "bottom_m": 2.0}))
    easting_m, _ = made.grid.centres_m()
    marker_m = np.round(1.5 + easting_m / 1e5, 5)
    surface = MarkerSurface(
        Picks(np.zeros((1, 2)), np.ones(1), np.zeros(1)), CovarianceModel(0.0, (Structure("exponential", 0.1, 9_000.0),)), has_plane=False
    )
    horizon = Horizon(made.grid, layers, marker_m, np.full(marker_m.shape, 0.2), surface, {}, Marks("measured", 0))
    frame = made.composites.frame
    last = max(frame["core_id"])
    frame = frame[frame["core_id"] != last].assign(marker_m=1.25).reset_index(drop=True)
    simulation = replace(made.simulation, layers=layers)
    return replace(
        made,
        grade=replace(made.grade, layers=layers),
        density=replace(made.density, layers=layers),
        seafloor=replace(made.seafloor, layers=layers, horizon=horizon),
        composites=replace(made.composites, frame=frame, layers=layers),
        simulation=simulation,
    )


def test_the_map_names_the_marker_and_carries_its_depth(beside):
    page = beside.map_page().html
    data, words = block(page, "map-data"), block(page, "words")
    assert data["marker"] == NAME
    assert data["layers"] == [[-1.0, 0.0], [0.0, 1.0], [1.0, 2.0]]
    assert {"marker_m", "marker_sd_m"} <= set(data["places"]["names"])
    for key, text in BELOW_MARKER.items():
        assert words[key] == text
    # Filled in by the script, as text: no markup of a user reaches the page.
    assert "<b onload" not in page


def test_a_core_says_where_it_meets_the_marker_or_that_it_does_not(beside):
    cores, _ = core_records(["dy"], beside.samples, beside.composites, beside.grid)
    picked = {core["id"]: core["marker_m"] for core in cores}
    assert list(picked.values())[:-1] == [1.25] * (len(picked) - 1)
    assert list(picked.values())[-1] is None
    # Samples stay where the core has them, below the seafloor.
    assert cores[0]["samples"][0][:2] == [0.0, 0.2]


def test_without_a_marker_the_map_says_what_it_said(tmp_path):
    page = world(tmp_path / "raw").map_page().html
    assert block(page, "words")["heading"] == MAP["heading"]
    assert block(page, "map-data")["marker"] is None
    assert "marker_m" not in block(page, "map-data")["places"]["names"]


def test_depths_are_named_in_both_languages():
    assert below("") == {"en": "below the seafloor", "ja": "海底下"}
    assert below("ash") == {"en": "below the marker ash", "ja": "マーカー層「ash」下"}


def test_every_word_of_a_marker_has_the_same_gaps_in_both_languages():
    for text in BELOW_MARKER.values():
        assert set(re.findall(r"\{(\w+)\}", text["en"])) == set(re.findall(r"\{(\w+)\}", text["ja"]))
