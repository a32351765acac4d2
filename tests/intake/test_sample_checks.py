"""What rows of a survey cannot both say, and what files cannot both be."""

from __future__ import annotations

import re

import numpy as np
import pytest
from survey_frame import core, shuffled, table

from pipeline.config import IntakeSettings
from pipeline.intake.row_groups import core_numbers, interval_numbers
from pipeline.intake.sample_checks import clashes, more_than_all, same_files

INTAKE = IntakeSettings()
DEGREES_PER_METRE = 1 / 111_195


def refused(frame, intake=INTAKE):
    """File, row, column and value of each refusal, and its reason."""
    return {(file, row, column, value): reason for file, row, column, value, reason in clashes(frame, intake)}


def test_rows_that_agree_are_not_refused():
    assert clashes(table(*core("A"), *core("B", longitude_deg=153.7)), INTAKE) == []


def test_empty_frame_has_no_clash():
    assert clashes(table(*core()).iloc[:0], INTAKE) == []


def test_intervals_that_only_touch_do_not_overlap():
    rows = core("A", tops_m=np.arange(30) * 0.1)
    for row in rows:
        row["to_m"] = row["from_m"] + 0.1
    assert clashes(table(*rows), INTAKE) == []


def test_gap_is_no_clash():
    assert clashes(table(*core("A", tops_m=(0.0, 1.5))), INTAKE) == []


@pytest.mark.parametrize("start_deg", [153.6, 179.9999, -180.0, 0.0])
@pytest.mark.parametrize(("away_m", "expected"), [(49.0, 0), (51.0, 1)])
def test_position_may_differ_by_the_tolerance_on_either_side_of_the_antimeridian(start_deg, away_m, expected):
    rows = core("A", latitude_deg=60.0, longitude_deg=start_deg)
    east_deg = start_deg + away_m * DEGREES_PER_METRE / np.cos(np.radians(60.0))
    rows[2]["longitude_deg"] = (east_deg + 180) % 360 - 180
    assert len(clashes(table(*rows), INTAKE)) == expected


def test_position_in_the_north_is_measured_in_metres_too():
    rows = core("A")
    rows[1]["latitude_deg"] += 1000 * DEGREES_PER_METRE
    [(file, row, column, value, reason)] = clashes(table(*rows), INTAKE)
    assert (file, row, column, value) == ("cores/a.csv", 3, "longitude_deg", "153.6")
    assert "core A lies 1,000 m from the core's other rows (153.6 E 21.9 N); a core has one position. Correct it or rename the core." in reason


def test_position_that_most_rows_carry_is_right():
    rows = core("A")
    rows[0]["longitude_deg"] = 153.0
    assert [(row, value) for _, row, _, value, _ in clashes(table(*rows), INTAKE)] == [(2, "153")]


def test_on_a_tie_the_position_met_first_is_right():
    rows = core("A", tops_m=(0.0, 0.5, 1.0, 1.5))
    for row in rows[2:]:
        row["longitude_deg"] = 150.0
    assert [row for _, row, *_ in clashes(table(*rows), INTAKE)] == [4, 5]


def test_row_at_another_position_takes_no_interval_from_the_others():
    rows = core("A")
    stranger = {**rows[0], "from_m": 0.0, "to_m": 0.4, "longitude_deg": 150.0, "source_row": 9}
    assert [row for _, row, *_ in clashes(table(*rows, stranger), INTAKE)] == [9]


def test_interval_twice_in_one_file_at_two_positions_is_another_position():
    rows = core("A")
    [refusal] = clashes(table(*rows, {**rows[1], "longitude_deg": 150.0, "source_row": 9}), INTAKE)
    assert refusal.row == 9
    assert "a core has one position" in refusal.reason


def test_overlap_is_measured_against_the_deepest_accepted_row():
    """Row 3 reaches far down but is refused itself, so that rows 4 and 5 may stand."""
    rows = core("A", tops_m=(0.0, 0.4, 0.5, 1.0))
    rows[1]["to_m"] = 3.0
    [(_, row, column, value, reason)] = clashes(table(*rows), INTAKE)
    assert (row, column, value) == (3, "from_m", "0.4")
    assert reason == "core A: interval 0.4-3 m overlaps cores/a.csv row 2. Correct the depths."


def test_overlap_is_found_across_a_row_between():
    rows = core("A", tops_m=(0.0, 0.1, 1.0))
    rows[0]["to_m"] = 2.0
    assert [row for _, row, *_ in clashes(table(*rows), INTAKE)] == [3, 4]


def test_overlaps_equal_those_of_a_walk_through_every_core():
    random = np.random.default_rng(3)
    rows = [
        {**core(f"C{n // 12}")[0], "from_m": top, "to_m": top + length, "source_row": n + 2}
        for n, (top, length) in enumerate(zip(random.integers(0, 40, 600) / 10, random.integers(1, 6, 600) / 10, strict=True))
    ]
    frame = table(*rows)
    expected, deepest = [], {}
    for name, top, bottom, row in zip(frame["core_id"], frame["from_m"], frame["to_m"], frame["source_row"], strict=True):
        if top < deepest.get(name, -1.0) - 1e-9:
            expected.append(row)
        else:
            deepest[name] = bottom
    assert [row for _, row, *_ in clashes(frame, INTAKE)] == expected
    assert 100 < len(expected) < 500


def test_interval_twice_in_one_file_is_a_duplicate():
    rows = core("A")
    [(_, row, column, value, reason)] = clashes(table(*rows, {**rows[1], "source_row": 9}), INTAKE)
    assert (row, column, value) == (9, "from_m", "0.5")
    assert reason == "core A: duplicate interval 0.5-1 m of cores/a.csv row 3. Keep one of them."


def test_interval_twice_in_one_file_with_other_values_may_be_a_check_assay():
    rows = core("A")
    [refusal] = clashes(table(*rows, {**rows[1], "source_row": 9, "dy_ppm": 41.0}), INTAKE)
    assert "duplicate interval 0.5-1 m of cores/a.csv row 3. Keep one of them: dy_ppm is 40.5 there and 41 here." in refusal.reason
    assert refusal.reason.endswith("If this is a check assay, write duplicate in its qc_type.")


def test_core_in_a_second_file_with_equal_values_is_a_duplicate_and_the_whole_file_is_named():
    found = refused(table(*core("A"), *core("A", file="cores/b.csv", first_row=7)))
    assert [key[:3] for key in found] == [("cores/b.csv", row, "from_m") for row in (7, 8, 9)]
    assert all(
        "Keep one of them. Every row of cores/b.csv stands in another file too: remove one of the files." in reason for reason in found.values()
    )


def test_file_with_a_row_of_its_own_is_no_copy():
    found = refused(table(*core("A"), *core("A", tops_m=(0.0, 0.5, 1.0, 1.5), file="cores/b.csv")))
    assert len(found) == 3
    assert not any("Every row" in reason for reason in found.values())


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ({"dy_ppm": 41.0}, "dy_ppm", "dy_ppm is 40.5 there and 41 here. Remove the older of the two files"),
        ({"dy_ppm": 41.0, "gd_ppm": 1.0}, "dy_ppm", "dy_ppm is 40.5 there and 41 here, and 1 other column differs."),
        ({"dry_bulk_density_t_m3": 0.6}, "dry_bulk_density_t_m3", "dry_bulk_density_t_m3 is 0.55 there and 0.6 here."),
        ({"longitude_deg": 153.7}, "longitude_deg", "longitude_deg is 153.6 there and 153.7 here."),
        ({"latitude_deg": 22.0}, "latitude_deg", "latitude_deg is 21.9 there and 22 here."),
    ],
)
def test_core_issued_again_with_other_values_says_which(cells, column, says):
    found = refused(table(*core("A"), *core("A", file="cores/b.csv", **cells)))
    assert [key[:3] for key in found] == [("cores/b.csv", row, column) for row in (2, 3, 4)]
    for row, reason in zip((2, 3, 4), found.values(), strict=True):
        assert re.search(rf"core A: interval .* was issued again with other values than cores/a.csv row {row}: ", reason)
        assert says in reason


def test_core_of_the_same_name_elsewhere_with_depths_of_its_own_is_another_position():
    found = refused(table(*core("A"), *core("A", tops_m=(2.0, 2.5), file="cores/b.csv", longitude_deg=150.0)))
    assert all("a core has one position" in reason for reason in found.values())
    assert len(found) == 2


def test_rounding_of_a_conversion_is_no_other_value():
    [refusal, *_] = clashes(table(*core("A", dy_ppm=40.5), *core("A", file="cores/b.csv", dy_ppm=np.nextafter(40.5, 41.0))), INTAKE)
    assert "duplicate interval" in refusal.reason


def test_halves_of_one_row_in_two_files_are_to_be_joined():
    frame = table(*core("A", gd_ppm=np.nan), *core("A", file="cores/b.csv", dy_ppm=np.nan))
    assert all("dy_ppm stands in one of them only: bring it into the row that you keep." in reason for reason in refused(frame).values())


def test_overlap_of_two_files_asks_whether_the_core_was_issued_again():
    [refusal] = clashes(table(*core("A"), {**core("A", tops_m=(0.2,))[0], "source_file": "cores/b.csv"}), INTAKE)
    assert "interval 0.2-0.7 m overlaps cores/a.csv row 2. Correct the depths. If the core was issued again, remove the older file." in refusal.reason


def test_order_of_rows_makes_no_difference_to_clashes():
    rows = [*core("A"), *core("A", file="cores/b.csv", dy_ppm=41.0), *core("B", tops_m=(0.0, 0.2, 0.4)), *core("C")]
    rows[-1]["longitude_deg"] = 150.0
    frame = table(*rows)
    assert len(clashes(frame, INTAKE)) == 6
    assert clashes(shuffled(frame), INTAKE) == clashes(frame, INTAKE)


def test_row_is_refused_once():
    frame = table(*core("A"), *core("A", file="cores/b.csv", longitude_deg=150.0, dy_ppm=1.0))
    places = [refusal[:2] for refusal in clashes(frame, INTAKE)]
    assert len(places) == len(set(places)) == 3


def test_depths_that_differ_by_rounding_are_one_interval():
    frame = table(*core("A", tops_m=(0.3,)), *core("A", tops_m=(0.1 + 0.2,), file="cores/b.csv"), *core("A", tops_m=(0.3001,), file="cores/c.csv"))
    numbers = interval_numbers(core_numbers(frame), frame["from_m"].to_numpy(), frame["to_m"].to_numpy())
    assert numbers.tolist() == [0, 0, 1]


def test_same_file_twice_is_refused_under_the_later_name():
    [refusal] = same_files({"cores/b.csv": "1", "cores/a.csv": "1", "cores/c.csv": "2"})
    assert refusal == ("cores/b.csv", 0, "", "", "is the same file as cores/a.csv; remove one")


def test_every_further_copy_names_the_first():
    assert [(file, reason) for file, *_, reason in same_files(dict.fromkeys(("cores/3.csv", "cores/1.csv", "cores/2.CSV"), "x"))] == [
        ("cores/2.CSV", "is the same file as cores/1.csv; remove one"),
        ("cores/3.csv", "is the same file as cores/1.csv; remove one"),
    ]


def test_equal_notes_and_collars_shared_by_two_pairs_are_no_copies():
    hashes = {f"cores/{name}{kind}": kind for name in "xy" for kind in (".toml", "_collars.csv")}
    hashes |= {"cores/x_intervals.csv": "1", "cores/y_intervals.csv": "2"}
    assert same_files(hashes) == []


def test_more_of_one_rare_earth_than_of_all_is_refused():
    rows = core("A", rey_ppm=40.0)
    rows[0]["rey_ppm"], rows[1]["rey_ppm"] = 3000.0, np.nan
    [refusal] = more_than_all(table(*rows))
    assert refusal[:4] == ("cores/a.csv", 4, "gd_ppm", "44")
    assert "is more of gd than of all rare earths together (rey_ppm is 40)" in refusal.reason


@pytest.mark.parametrize("cells", [{}, {"rey_ppm": 84.5}, {"rey_ppm": np.nan}, {"rey_ppm": 90.0, "zn_ppm": 200.0}])
def test_total_that_holds_every_rare_earth_is_accepted(cells):
    assert more_than_all(table(*core("A", **cells))) == []


def test_rare_earths_that_add_up_to_more_than_their_total_are_refused_beyond_rounding():
    """40.5 of dy and 44 of gd are 84.5: a total of 83 allows them by 2 %, one of 82 does not."""
    assert more_than_all(table(*core("A", rey_ppm=83.0)), 0.02) == []
    found = more_than_all(table(*core("A", rey_ppm=82.0)), 0.02)
    assert {(refusal.column, refusal.value) for refusal in found} == {("rey_ppm", "82")}
    assert "the 2 of its rare earths that are given add up to (84.5 ppm)" in found[0].reason
    # Yttrium is no part of the total without it, and that total no more than the one with it.
    assert more_than_all(table(*core("A", ree_ppm=84.5, y_ppm=300.0))) == []
    (without, *_) = more_than_all(table(*core("A", rey_ppm=400.0, ree_ppm=401.0)))
    assert (without.column, without.value) == ("ree_ppm", "401")
