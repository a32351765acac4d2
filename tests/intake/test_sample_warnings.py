"""What ought to be seen although every row can be used."""

from __future__ import annotations

import numpy as np
import pytest
from survey_frame import core, shuffled, table

from pipeline.config import IntakeSettings, RegionSettings
from pipeline.intake.sample_warnings import checks_made, core_rows, folded, warnings

INTAKE = IntakeSettings()
REGION = RegionSettings(west_deg=150, east_deg=156, south_deg=20, north_deg=24)


def said(frame, about, intake=INTAKE, region=REGION, **more):
    """The one warning that holds some words, empty where none does."""
    found = [line for line in warnings(frame, intake, region, **more) if about in line]
    assert len(found) <= 1
    return found[0] if found else ""


def test_sound_survey_is_not_warned_about():
    frame = table(*core("A"), *core("B", longitude_deg=153.7))
    assert warnings(frame, INTAKE, REGION, np.array([5600.0, 5900.0]), "etopo1.nc") == ()


def test_empty_survey_is_not_warned_about():
    assert warnings(table(*core("A")).iloc[:0], INTAKE, REGION) == ()


def test_gaps_are_counted_and_measured_core_by_core():
    frame = table(*core("A", tops_m=(0.0, 0.7, 2.0)), *core("B", longitude_deg=153.7), *core("C", tops_m=(0.0, 1.5), longitude_deg=153.8))
    assert said(frame, "gap") == (
        "3 gaps between the intervals of 2 cores, 2 m together: A (2, 1 m), C (1, 1 m). What lies there is missing, not zero"
    )


def test_core_that_begins_below_the_seafloor_is_counted():
    frame = table(*core("A", tops_m=(0.2, 0.7)), *core("B", longitude_deg=153.7))
    assert said(frame, "begin") == "1 core begins below the seafloor: A (at 0.2 m). What lies above is missing, not zero"


@pytest.mark.parametrize(
    "other",
    ["pc-01", "ＰＣ－０１", "PC - 01", "PC\N{EN DASH}01", "PC\N{MINUS SIGN}01", "PCー01", "PC\N{SOFT HYPHEN}-01", "PC\N{ZERO WIDTH SPACE}-01"],
)
def test_ids_that_only_typing_tells_apart_are_taken_for_one_core(other):
    frame = table(*core("PC-01"), *core(other, longitude_deg=153.7), *core("PC-02", longitude_deg=153.8))
    assert "2 core ids differ only in width, case, spaces or kind of hyphen" in said(frame, "differ only")
    assert "PC-02" not in said(frame, "differ only")


@pytest.mark.parametrize(
    ("one", "other"), [("PC-01", "PC-1"), ("PC-01", "PC01"), ("PC_01", "PC-01"), ("1.50", "1.5"), ("A", "B"), ("南鳥島-1", "南鳥島-2")]
)
def test_ids_that_differ_in_a_sign_stay_apart(one, other):
    assert folded(one) != folded(other)


def test_two_names_at_one_place_are_mentioned_where_depths_overlap():
    near = 153.6 + 20 / 111_195
    frame = table(*core("A"), *core("B", longitude_deg=near), *core("C", longitude_deg=153.7))
    assert said(frame, "two names") == ("1 pair of cores hold the same depths at one position (within 50 m); is it one core under two names? A and B")


def test_two_names_at_one_place_on_both_sides_of_the_antimeridian_are_found():
    frame = table(*core("A", longitude_deg=179.9999), *core("B", longitude_deg=-179.9999))
    assert "A and B" in said(frame, "two names")


@pytest.mark.parametrize("cells", [{"longitude_deg": 153.61}, {"tops_m": (1.5, 2.0)}])
def test_cores_apart_in_place_or_in_depth_are_not_one(cells):
    assert said(table(*core("A"), *core("B", **cells)), "two names") == ""


def test_chain_of_near_cores_pairs_only_those_within_the_tolerance():
    """The first core reaches below all others, so that each of them runs into it."""
    step = 40 / 111_195
    rows = [row for n in range(4) for row in core(f"C{n}", latitude_deg=21.9 + n * step)]
    rows[0]["to_m"] = 9.0
    assert said(table(rows[0], *rows[3:]), "two names").endswith("is it one core under two names? C0 and C1")


def test_water_depth_off_the_bathymetry_is_mentioned_with_both_depths_and_the_grid():
    cores = [core(name, longitude_deg=153.6 + number) for number, name in enumerate("ABDE")]
    frame = table(*(row for rows in cores for row in rows), *core("F", longitude_deg=153.8, water_depth_m=np.nan))
    depth_m, grids = np.array([5401.0, 5399.0, 5999.0, 6001.0, 10.0]), ["one.nc", "two.nc", "two.nc", "one.nc", "two.nc"]
    found = said(frame, "bathymetry", bathymetry_depth_m=depth_m, grid_names=grids)
    assert "water_depth_m of 2 cores is off the bathymetry by more than 300 m" in found
    assert ": B (5700 m, 5399 m in two.nc), E (5700 m, 6001 m in one.nc)." in found


def test_core_outside_every_grid_has_no_depth_to_compare_with():
    assert said(table(*core("A")), "bathymetry", bathymetry_depth_m=np.array([np.nan])) == ""


def test_first_water_depth_that_a_core_has_counts():
    rows = core("A")
    rows[0]["water_depth_m"], rows[1]["water_depth_m"] = np.nan, 5650.0
    assert core_rows(table(*rows))["water_depth_m"].tolist() == [5650.0]


@pytest.mark.parametrize(("column", "within", "beyond"), [("water_depth_m", 49.0, 51.0), ("penetration_m", 0.4, 0.6)])
def test_number_that_a_core_has_once_may_differ_by_a_tolerance(column, within, beyond):
    for more, expected in ((within, False), (beyond, True)):
        rows = core("A")
        rows[1][column] += more
        rows[2][column] = np.nan
        assert (f"{column} differs by more than" in said(table(*rows), "between rows of 1 core")) is expected


@pytest.mark.parametrize(
    ("west_deg", "east_deg", "longitude_deg", "outside"),
    [
        (150, 156, 153.6, False),
        (150, 156, 157.0, True),
        (170, 190, -175.0, False),
        (350, 370, 5.0, False),
        (350, 370, -5.0, False),
        (350, 370, 15.0, True),
    ],
)
def test_region_across_the_antimeridian_or_greenwich_holds_its_cores(west_deg, east_deg, longitude_deg, outside):
    region = RegionSettings(west_deg=west_deg, east_deg=east_deg, south_deg=20, north_deg=24)
    found = said(table(*core("A", longitude_deg=longitude_deg)), "outside the region", region=region)
    assert found == ("1 cores lie outside the region; they inform the estimate within the search range: A" if outside else "")


def test_samples_without_density_are_counted():
    rows = core("A")
    rows[0]["dry_bulk_density_t_m3"] = np.nan
    assert said(table(*rows), "density") == "1 of 3 samples carry no density; [density] says what takes its place"


def test_warnings_stay_short_however_many_cores_are_at_fault():
    rows = [row for n in range(500) for row in core(f"{'long' * 500}{n}", tops_m=(0.1, 1.0), longitude_deg=100.0, water_depth_m=5700.0 + n)]
    for row in rows[::2]:
        row["penetration_m"] = 9.0
    found = warnings(table(*rows), INTAKE, REGION, np.zeros(500), "a.nc")
    assert len(found) == 6
    assert all(len(line) < 6000 for line in found)
    assert sum(" more" in line for line in found) == 6


def test_order_of_rows_makes_no_difference_to_warnings():
    rows = [*core("A", tops_m=(0.1, 1.0)), *core("a", tops_m=(0.0, 1.0)), *core("B", longitude_deg=140.0, penetration_m=2.0)]
    rows[-1]["penetration_m"] = 5.0
    frame = table(*rows)
    assert len(warnings(frame, INTAKE, REGION)) == 6
    assert warnings(shuffled(frame), INTAKE, REGION) == warnings(frame, INTAKE, REGION)


def test_checks_that_lack_a_column_are_told():
    made = checks_made(table(*core("A")), 0, ["dy", "gd", "y"])
    assert made == {
        "depth of intervals against penetration": "checked",
        "water depth against bathymetry": "not checked, no bathymetry was compared",
        "one rare earth against all together": "not checked, needs rey_ppm",
        "laboratory bias": "not checked, needs check assays (qc_type = duplicate)",
        "pattern of dy": "not checked, needs tb, gd or eu, and ho, er or tm, in the same sample",
        "pattern of gd": "not checked, needs sm or eu, and tb, dy or ho, in the same sample",
        "pattern of y": "not checked, it is no lanthanide",
    }


def test_checks_that_were_made_are_told_too():
    rows = core("A", rey_ppm=3000.0, tb_ppm=7.0, ho_ppm=9.0)
    rows[0]["ho_ppm"], rows[1]["water_depth_m"] = np.nan, np.nan
    made = checks_made(table(*rows), 2, ["dy"], np.array([5700.0]))
    assert made["pattern of dy"] == "checked in 2 of 3 samples"
    assert made["water depth against bathymetry"] == "checked in 2 of 3 samples"
    assert made["one rare earth against all together"] == made["laboratory bias"] == "checked"
