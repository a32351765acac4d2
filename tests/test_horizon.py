"""The marker in core tables: where each core meets it, what is refused, and which cores are left out and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from assess import assess, listed, read_samples, with_settings
from planted import SETTINGS, cores_on_a_grid, csv_text, write_raw

from pipeline.artefacts import BathymetryFiles, template_columns
from pipeline.config import GridSettings, HorizonSettings, read_settings
from pipeline.errors import RowsRefused, TooFewSamples
from pipeline.grid import layers_of
from pipeline.horizon import core_picks
from pipeline.intake.columns import role_of
from pipeline.stages import composites, seafloor

MARKER = SETTINGS.replace("[grid]\n", '[grid]\nreference = "marker"\nmarker_name = "ash"\n')


def rows_of(**columns):
    """A single core of four samples of half a metre, with further columns."""
    rows = cores_on_a_grid(lambda *_: 30.0, side=2, bottom_m=2.0)
    for name, values in columns.items():
        for number, row in enumerate(rows):
            row[name] = values(row) if callable(values) else values[number % 4]
    return rows


def frame(units, from_m=None, to_m=None, **more):
    """Accepted intervals of one core as the stage ``samples`` hands them on."""
    count = len(units)
    from_m = np.arange(count) * 0.5 if from_m is None else np.array(from_m)
    to_m = from_m + 0.5 if to_m is None else np.array(to_m)
    columns = {"core_id": "A", "longitude_deg": 153.5, "latitude_deg": 22.0, "from_m": from_m, "to_m": to_m, "unit": units, **more}
    return pd.DataFrame(columns)


# --- intake ----------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("header", "factor"), [("marker_m", 1.0), ("marker_cm", 0.01), ("Marker (cm)", 0.01), ("Marker [m]", 1.0)])
def test_a_marker_is_read_in_its_unit(header, factor):
    role = role_of(header)
    assert (role.column, role.factor, role.fault) == ("marker_m", factor, "")


def test_a_column_that_is_called_marker_may_hold_its_name():
    assert role_of("Marker") is None
    assert role_of("Unit").column == "unit"


def test_a_marker_in_one_row_holds_for_its_core(tmp_path):
    raw = write_raw(tmp_path, {"a.csv": csv_text(rows_of(marker_m=[None, 1.2, None, 1.2]))}, MARKER)
    found = core_picks(read_samples(raw).frame, HorizonSettings(), "ash")
    assert found.marker_m.tolist() == [1.2] * 4
    assert found.without == {}


def test_two_depths_of_the_marker_in_a_core_are_refused(tmp_path):
    """File, row, column, value, rule and cure."""
    raw = write_raw(tmp_path, {"a.csv": csv_text(rows_of(marker_m=[1.2, 1.2, 1.5, None]))})
    with pytest.raises(RowsRefused) as refused:
        read_samples(raw)
    first = refused.value.refused[0]
    assert (first.file, first.row, first.column, first.value) == ("cores/a.csv", 4, "marker_m", "1.5")
    assert "C00: its marker lies at 1.2 m in cores/a.csv row 2; a core has one depth of the marker. Correct one of them" in first.reason
    assert len(refused.value.refused) == 4


@pytest.mark.parametrize(("value", "says"), [(-0.1, "lies above the seafloor"), (3.5, "deeper than penetration_m")])
def test_an_impossible_marker_is_explained(tmp_path, value, says):
    raw = write_raw(tmp_path, {"a.csv": csv_text(rows_of(marker_m=[value] * 4))})
    with pytest.raises(RowsRefused, match=says):
        read_samples(raw)


def test_the_template_has_both_columns():
    names = [column.name for column in template_columns(["dy"])]
    assert {"marker_m", "unit"} <= set(names)


# --- boundaries of units ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "boundary", "marker_m", "why"),
    [
        (["I", "I", "II", "II", "III"], "top", 1.0, ""),
        (["I", "I", "II", "II", "III"], "base", 2.0, ""),
        (["I", "I", "ii ", "II", "III"], "top", 1.0, ""),  # case, width and blanks do not matter
        (["II", "II", "III"], "top", None, "nothing is seen above the unit II"),
        (["I", "II", "II"], "base", None, "the base of the unit II is not reached"),
        (["I", "II", "I", "II"], "top", None, "the unit II is seen more than once"),
        (["I", "I", "III"], "top", None, "the unit II is not seen"),
    ],
)
def test_a_boundary_is_taken_where_it_is_seen_and_never_guessed(units, boundary, marker_m, why):
    samples = frame(units)
    settings = HorizonSettings(unit="II", boundary=boundary)
    if marker_m is None:
        with pytest.raises(TooFewSamples, match=why):
            core_picks(samples, settings, "ash")
        return
    found = core_picks(samples, settings, "ash")
    assert (found.marker_m.tolist(), found.error_sd_m.tolist()) == ([marker_m], [0.0])


def test_a_boundary_between_two_samples_lies_midway_with_a_uniform_error():
    samples = frame(["I", "", "II"], from_m=[0.0, 0.5, 0.9], to_m=[0.5, 0.6, 1.4])
    found = core_picks(samples, HorizonSettings(unit="II", pick_sd_m=0.03), "ash")
    assert found.marker_m.tolist() == pytest.approx([0.7])
    assert found.error_sd_m.tolist() == pytest.approx([np.hypot(0.03, 0.4 / np.sqrt(12))])
    with pytest.raises(TooFewSamples, match=r"gap of more than 0\.3 m"):
        core_picks(samples, HorizonSettings(unit="II", max_gap_m=0.3), "ash")


def test_a_pick_comes_before_a_boundary():
    samples = frame(["I", "II"], marker_m=[0.45, np.nan])
    assert core_picks(samples, HorizonSettings(unit="II"), "ash").marker_m.tolist() == [0.45]


def test_no_marker_anywhere_is_explained(tmp_path):
    raw = write_raw(tmp_path, {"a.csv": csv_text(rows_of())}, MARKER)
    with pytest.raises(
        TooFewSamples, match=r'reference is "marker", and no core says where the marker \'ash\' lies .*column marker_m.*\[horizon\] unit'
    ):
        assess(raw)


# --- composites ------------------------------------------------------------------------------------------------------------------------------------


def test_composites_carry_both_depths_and_cores_without_a_marker_are_left_out(tmp_path):
    """Samples move by the pick of their core; what would lie above the seafloor is not there."""
    depths_m = {"C00": 0.5, "C01": 1.0, "C10": 1.5, "C11": None}
    rows = rows_of(marker_m=lambda row: depths_m[row["core_id"]], dy_ppm=lambda row: 10 * row["from_m"] + 1)
    settings = with_settings(MARKER, top_m="-1.0", bottom_m="1.0", layer_m="0.5") + '[horizon]\nmin_cores = 3\ntrend = "none"\n'
    raw = write_raw(tmp_path, {"a.csv": csv_text(rows)}, settings)
    given = read_settings(raw / "assessment.toml")
    floor = seafloor.run(listed(BathymetryFiles, raw, ".nc"), given.region, given.grid)
    made = composites.run(read_samples(raw), floor, given.region, given.composites, given.density, given.elements, horizon=given.horizon)
    assert any("1 core says not where the marker lies and is left out: marker_m is empty (C11)" in line for line in made.warnings)
    for core, group in made.frame.groupby("core_id"):
        marker_m = depths_m[core]
        assert set(group["marker_m"]) == {marker_m}
        np.testing.assert_allclose(group["top_below_seafloor_m"], np.maximum(group["top_m"] + marker_m, 0))
        # A layer that lies above the seafloor has no composite.
        assert (group["bottom_below_seafloor_m"] > 0).all()
        np.testing.assert_allclose(group["dy_ppm"], 10 * group["top_below_seafloor_m"] + 1)
    assert set(made.frame["core_id"]) == {"C00", "C01", "C10"}
    path = tmp_path / "composites.parquet"
    made.write(path)
    again = type(made).read(path)
    assert again.layers == made.layers
    assert again.layers.marker == "ash"
    np.testing.assert_allclose(again.bottoms_m(["C00", "C11"]), [1.5, np.nan])


def test_layers_above_a_marker_are_negative_and_above_the_seafloor_impossible():
    layers = layers_of(GridSettings(reference="marker", marker_name="ash", top_m=-2.0, bottom_m=2.0))
    assert [layers.label(layer) for layer in (0, 2)] == ["-2 to -1 m", "0 to 1 m"]
    with pytest.raises(ValueError, match='Only with reference = "marker"'):
        GridSettings(top_m=-2.0)
