"""Rare earths against their neighbours in the shale-normalised pattern."""

from __future__ import annotations

import numpy as np
import pytest
from survey_frame import core, shuffled, table

from pipeline.intake.shale import SHALE_PPM, neighbours, pattern, pattern_ratio
from pipeline.units import oxide_per_element

LANTHANIDES = list(SHALE_PPM)
INNER = [element for element in LANTHANIDES if element not in ("la", "lu")]
NUMBERS = dict(zip(LANTHANIDES, (57, 58, 59, 60, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71), strict=True))


def mud(enrichment=1.0, slope=0.0, **factors):
    """Grades on a straight line through the logarithms of the pattern, some of them off by a factor."""
    line = {element: enrichment * np.exp(slope * (NUMBERS[element] - 64)) for element in LANTHANIDES}
    return {f"{element}_ppm": SHALE_PPM[element] * line[element] * factors.get(element, 1.0) for element in LANTHANIDES}


def survey(*samples):
    return table(*({**row, **sample} for row, sample in zip(core("A", tops_m=np.arange(len(samples)) / 2), samples, strict=True)))


def without(sample, *elements):
    return {column: np.nan if column.removesuffix("_ppm") in elements else value for column, value in sample.items()}


@pytest.mark.parametrize("element", INNER)
@pytest.mark.parametrize(("enrichment", "slope"), [(1.0, 0.0), (9.0, 0.08), (3.0, -0.1)])
def test_straight_pattern_gives_ratio_one(element, enrichment, slope):
    assert pattern_ratio(survey(mud(enrichment, slope)), element)[0] == pytest.approx([1.0], rel=1e-12)


def test_dysprosium_is_held_against_the_geometric_mean_of_its_neighbours():
    sample = {"dy_ppm": 30.0, "tb_ppm": 6.0, "ho_ppm": 7.0}
    expected = 4.68 * np.sqrt((6.0 / 0.774) * (7.0 / 0.991))
    ratio, below, above = pattern_ratio(survey(sample), "dy")
    assert ratio == pytest.approx([30.0 / expected], rel=1e-12)
    assert (below.tolist(), above.tolist()) == ([65], [67])


def test_gadolinium_is_nearer_to_terbium_than_to_samarium():
    sample = {"gd_ppm": 40.0, "sm_ppm": 30.0, "tb_ppm": 6.0, "eu_ppm": 99.0}
    expected = 4.66 * (30.0 / 5.55) ** (1 / 3) * (6.0 / 0.774) ** (2 / 3)
    assert pattern_ratio(survey(sample), "gd")[0] == pytest.approx([40.0 / expected], rel=1e-12)


def test_europium_stands_in_where_samarium_is_missing():
    sample = {"gd_ppm": 40.0, "sm_ppm": np.nan, "tb_ppm": 6.0, "eu_ppm": 8.0}
    expected = 4.66 * np.sqrt((8.0 / 1.08) * (6.0 / 0.774))
    ratio, below, _ = pattern_ratio(survey(sample), "gd")
    assert ratio == pytest.approx([40.0 / expected], rel=1e-12)
    assert below.tolist() == [63]


def test_neighbours_are_chosen_row_by_row():
    frame = survey(mud(), without(mud(), "sm"), without(mud(), "sm", "eu"), without(mud(), "tb"), without(mud(), "tb", "dy", "ho"))
    ratio, below, above = pattern_ratio(frame, "gd")
    np.testing.assert_array_equal(below, [62, 63, np.nan, 62, 62])
    np.testing.assert_array_equal(above, [65, 65, 65, 66, np.nan])
    np.testing.assert_allclose(ratio, [1, 1, np.nan, 1, np.nan])


@pytest.mark.parametrize("element", ["la", "lu", "y", "zn"])
def test_nothing_is_extrapolated(element):
    assert np.isnan(pattern_ratio(survey({**mud(), "y_ppm": 30.0, "zn_ppm": 1.0}), element)[0]).all()


def test_anomalous_elements_are_the_last_choice():
    assert neighbours("nd") == (("pr", "la", "ce"), ("sm", "eu"))


def test_zero_grade_is_no_neighbour():
    frame = survey({**mud(), "tb_ppm": 0.0}, {**mud(), "dy_ppm": 0.0})
    np.testing.assert_allclose(pattern_ratio(frame, "dy")[0], [1.0, np.nan])


@pytest.mark.parametrize(("off", "mentioned"), [(1.0, 0), (1.49, 0), (1 / 1.49, 0), (1.51, 1), (1 / 1.51, 1)])
def test_mentioned_outside_the_factor_only(off, mentioned):
    assert len(pattern(survey(mud(dy=off)), 1.5, ["dy"])) == mentioned


def test_natural_gadolinium_anomaly_of_seawater_is_not_mentioned():
    assert pattern(survey(mud(slope=0.05, gd=1.3, la=1.4, ce=0.2)), 1.5) == ()


def test_mention_names_core_file_row_ratio_and_neighbours():
    [line] = pattern(survey(mud(), mud(dy=2.5)), 1.5)
    assert line == (
        "dy_ppm is off its shale-normalised neighbours by more than a factor of 1.5 ([intake] pattern_factor) in 1 sample of 1 core: "
        "A (cores/a.csv row 3: 2.5 times what tb and ho suggest). Is the value, or a neighbour's, mistyped?"
    )


@pytest.mark.parametrize(
    ("off", "says"),
    [
        (1e-3, "1,000 times too low: is it in g/kg"),
        (1e3, "1,000 times too high: is it in ppb"),
        (1e-4, "10,000 times too low: is it in wt%"),
        (1e4, "ppm taken for wt%"),
    ],
)
def test_wrong_unit_is_suggested(off, says):
    [line] = pattern(survey(mud(dy=off * 1.2)), 1.5, ["dy"])
    assert says in line


@pytest.mark.parametrize(("power", "says"), [(1, "was oxide taken for element?"), (-1, "was it converted twice?")])
def test_oxide_is_suggested_where_the_factor_is_set_tight(power, says):
    assert pattern(survey(mud(dy=oxide_per_element("dy") ** power)), 1.5, ["dy"]) == ()
    [line] = pattern(survey(mud(dy=oxide_per_element("dy") ** power)), 1.1, ["dy"])
    assert says in line


def test_swapped_columns_are_suggested():
    sample = mud(slope=0.3)
    sample["dy_ppm"], sample["gd_ppm"] = sample["gd_ppm"], sample["dy_ppm"]
    lines = pattern(survey(sample), 1.5)
    assert len(lines) == 2
    assert all("dy and gd are off in opposite ways: are their columns swapped?" in line for line in lines)


def test_two_mistakes_of_different_size_are_no_swap():
    assert not any("swapped" in line for line in pattern(survey(mud(dy=1e-3, gd=2.0)), 1.5))


def test_neighbour_that_both_share_is_suspected():
    lines = pattern(survey(mud(tb=100.0)), 1.5)
    assert len(lines) == 2
    assert all("dy and gd are off the same way: is a neighbour of both wrong?" in line for line in lines)


def test_anomaly_of_europium_is_owned_up_to():
    [line] = pattern(survey(without(mud(gd=2.0), "sm")), 1.5)
    assert "eu and tb suggest" in line
    assert line.endswith("(eu may have an anomaly of its own)")


def test_mention_is_bounded():
    [line] = pattern(survey(*(mud(dy=2.0) for _ in range(300))), 1.5)
    assert "in 300 samples of 1 core" in line
    assert "and 280 more. " in line
    assert line.count("row ") == 20


def test_survey_without_neighbours_is_not_mentioned():
    assert pattern(table(*core("A")), 1.5) == ()


def test_order_of_rows_makes_no_difference_to_the_pattern():
    frame = survey(mud(dy=2.0), mud(gd=0.1), mud(), mud(dy=1e3), mud(tb=100.0))
    assert pattern(shuffled(frame), 1.5) == pattern(frame, 1.5)
    assert len(pattern(frame, 1.5)) == 5
