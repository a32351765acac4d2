"""Comparison with the published estimate: its steps add up, nothing is invented, and what says nothing is said to say nothing."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from assess import listed
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artefacts import Marks, PublishedFiles, Samples, Tonnage
from pipeline.grid import Layers
from pipeline.published_comparison import exact_steps, published_comparison

NEEDED = (
    "takaya_2018_reo_total",
    "takaya_2018_area",
    "takaya_2018_top",
    "takaya_2018_bottom",
    "takaya_2018_implied_density",
    "takaya_2018_rey_mean",
    "takaya_2018_west",
    "takaya_2018_east",
    "takaya_2018_south",
    "takaya_2018_north",
)


@pytest.fixture(scope="module")
def figures(reference_raw):
    return listed(PublishedFiles, reference_raw, ".csv").figures()


def samples(kind="measured", *, rey=True, longitude_deg=153.8):
    """Four samples of 1 m: Dy is 3 % of the rare earths in the upper two, 4 % in the lower, denser two; one lies below the interval."""
    columns = {
        "longitude_deg": [longitude_deg] * 4,
        "latitude_deg": [22.0] * 4,
        "from_m": [0.0, 1.0, 2.0, 11.0],
        "to_m": [1.0, 2.0, 3.0, 12.0],
        "dy_ppm": [30.0, 30.0, 40.0, 900.0],
        "rey_ppm": [1000.0, 1000.0, 1000.0, 1000.0],
        "dry_bulk_density_t_m3": [0.5, 0.5, 0.6, 0.5],
    }
    if not rey:
        del columns["rey_ppm"]
    return Samples(pd.DataFrame(columns), pd.DataFrame(), Marks(kind))


SHARE = (0.5 * 30 + 0.5 * 30 + 0.6 * 40) / (0.5 * 1000 + 0.5 * 1000 + 0.6 * 1000)


def tonnage(elements=("dy",), *, metal_t=500_000.0, statistics=("kriged", "mean", "p05", "p95"), region="supported"):
    """3,000 km², 10 m and 0.55 t/m³; the mean is ``metal_t``, p05 and p95 a tenth below and above."""
    factor = {"kriged": 0.98, "mean": 1.0, "p05": 0.9, "p95": 1.1}
    rows = [
        {
            "element": element,
            "region": region,
            "cutoff_ppm": 0.0,
            "statistic": statistic,
            "area_km2": 3000.0,
            "dry_mud_t": 3000e6 * 10 * 0.55,
            "metal_t": metal_t * factor[statistic] * (30.0 if element == "rey" else 1.0),
        }
        for element in elements
        for statistic in statistics
    ]
    return Tonnage(pd.DataFrame(rows))


def seafloor(bottom_m=10.0):
    return SimpleNamespace(layers=Layers(0.0, bottom_m, 1.0))


def compared(figures, element="dy", **given_):
    parts = {"tonnage": tonnage(), "samples": samples(), "seafloor": seafloor(), **given_}
    return published_comparison(element, figures, parts["tonnage"], parts["samples"], parts["seafloor"], parts.get("grade"), parts.get("density"))


def by_key(comparison):
    return {step.key: step for step in comparison.steps}


# --- sums ------------------------------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e12, allow_subnormal=False), min_size=2, max_size=8).filter(lambda levels: max(levels) > 0), st.randoms())
def test_steps_add_up_to_the_last_bit_in_any_order(levels, random):
    kept, steps = exact_steps(levels)
    random.shuffle(steps)
    total = 0.0
    for step in steps:
        total += step
    assert total == math.fsum(steps) == kept[-1] - kept[0]
    assert all(abs(one - other) <= math.ulp(len(levels) * max(levels)) / 2 for one, other in zip(kept, levels, strict=True))


def test_the_waterfall_of_the_reference_survey_adds_up_and_ends_at_the_table(reference, figures):
    for element in ("dy", "gd"):
        found = published_comparison(element, figures, reference.tonnage, reference.samples, reference.seafloor)
        assert found.start == 16e6
        assert found.end == pytest.approx(reference.tonnes(element, "mean", region="supported"), abs=1e-6)  # a gram
        assert math.fsum(step.value_t for step in found.steps) == found.end - found.start
        for order in itertools.islice(itertools.permutations(found.steps), 50):
            assert sum(step.value_t for step in order) == found.end - found.start
        assert [step.level_t for step in found.steps] == [found.start + value for value in itertools.accumulate(step.value_t for step in found.steps)]


def test_each_step_replaces_one_factor(figures):
    """16 Mt x 3,000/2,500 km²; the same 10 m; the same 0.55 t/m³; our grade over the published one; then oxygen and the share."""
    found = by_key(compared(figures))
    mud_t = 3000e6 * 10 * 0.55
    rey_ppm = 500_000 / mud_t * 1e6 / SHARE
    factor = 16e6 / (2500e6 * 10 * 0.55 * 964e-6)
    assert list(found) == ["area", "thickness", "density", "rey_grade", "oxygen", "element_share"]
    assert found["area"].value_t == pytest.approx(16e6 * 500 / 2500)
    assert found["thickness"].value_t == 0
    assert found["density"].value_t == pytest.approx(0, abs=1e-6)
    assert found["rey_grade"].level_t == pytest.approx(mud_t * rey_ppm * 1e-6 * factor)
    assert found["oxygen"].level_t == pytest.approx(mud_t * rey_ppm * 1e-6)
    assert found["element_share"].level_t == pytest.approx(500_000)
    assert (found["area"].published, found["area"].own) == ("2,500 km²", "3,000 km²")
    assert found["element_share"].own == f"{100 * SHARE:.2f} %"
    assert [step.conversion for step in found.values()] == [False, False, False, False, True, True]


def test_density_and_oxygen_are_one_equation_for_two_unknowns(figures):
    """Another published density moves tonnes between the two steps and nowhere else: that is why both are circular."""
    other = {**figures, "takaya_2018_implied_density": {**figures["takaya_2018_implied_density"], "value": "0.53"}}
    one, two = (by_key(compared(part)) for part in (figures, other))
    assert one["oxygen"].level_t == two["oxygen"].level_t
    assert one["area"] == two["area"]
    assert float(one["oxygen"].published) * 0.55 == pytest.approx(float(two["oxygen"].published) * 0.53, abs=1e-3)
    assert one["density"].circular
    assert one["oxygen"].circular


def test_like_for_like_is_the_level_before_the_conversions_with_the_spread_of_the_element(figures):
    found = compared(figures)
    assert found.like_for_like_t == by_key(found)["rey_grade"].level_t
    assert found.like_for_like_range_t == pytest.approx((0.9 * found.like_for_like_t, 1.1 * found.like_for_like_t))
    without = compared(figures, tonnage=tonnage(statistics=("kriged",)))
    assert without.like_for_like_range_t is None
    assert without.end == pytest.approx(490_000)


# --- what is circular, and what is unknown ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "circular"),
    [
        ("measured", {"thickness", "density", "oxygen"}),
        ("synthetic", {"thickness", "density", "rey_grade", "oxygen", "element_share"}),
        ("partly synthetic", {"thickness", "density", "rey_grade", "oxygen", "element_share"}),
    ],
)
def test_steps_that_are_no_evidence_say_so(figures, kind, circular):
    found = compared(figures, samples=samples(kind))
    assert {step.key for step in found.steps if step.circular} == circular
    for step in found.steps:
        assert ("Circular" in step.note["en"]) == step.circular == ("循環" in step.note["ja"])
    assert ("confirms nothing" in found.verdict["en"]) == (kind != "measured")


def test_another_interval_is_a_difference_not_a_circle(figures):
    thickness = by_key(compared(figures, seafloor=seafloor(bottom_m=8.0)))["thickness"]
    assert not thickness.circular
    assert thickness.value_t == pytest.approx(-16e6 * 1.2 * 0.2)


def test_a_share_that_nobody_knows_is_not_invented(figures):
    """Measured mud without a column of all rare earths: the shale's share and the synthetic survey's are at hand, and are not taken."""
    assert {"dy_share_of_rey_shale", "dy_share_of_rey_reference_survey"} <= figures.keys()
    found = compared(figures, samples=samples(rey=False))
    assert [step.key for step in found.steps] == ["area", "thickness", "density", "rey_grade_oxygen_share"]
    assert found.like_for_like_t is None
    assert (found.steps[-1].published, found.steps[-1].own) == ("", "")
    assert math.fsum(step.value_t for step in found.steps) == found.end - found.start
    assert "cannot be held against each other" in found.verdict["en"]


def test_a_drawn_survey_without_that_column_takes_the_share_it_was_drawn_with(figures):
    share = by_key(compared(figures, samples=samples("synthetic", rey=False)))["element_share"]
    assert share.own == "3.30 %"
    assert "assumption" in share.note["en"]
    assert "仮定" in share.note["ja"]
    mixed = compared(figures, samples=samples("partly synthetic", rey=False))
    assert mixed.steps[-1].key == "rey_grade_oxygen_share"


def test_a_share_found_for_the_mud_is_taken_with_its_state(figures):
    row = {"id": "dy_share_of_rey", "value": "0.05", "status": "published"}
    share = by_key(compared({**figures, "dy_share_of_rey": row}, samples=samples(rey=False)))["element_share"]
    assert share.own == "5.00 %"
    assert "(published)" in share.note["en"]


def test_all_rare_earths_estimated_beside_the_element_give_the_share(figures):
    both = tonnage(("dy", "rey"))
    assert by_key(compared(figures, tonnage=both))["element_share"].own == f"{100 / 30:.2f} %"
    whole = compared(figures, "rey", tonnage=both)
    assert [step.key for step in whole.steps] == ["area", "thickness", "density", "rey_grade", "oxygen"]
    assert whole.end == pytest.approx(15_000_000)


# --- nothing to compare ----------------------------------------------------------------------------------------------------------------------------


def is_empty(found):
    return found.steps == () and math.isnan(found.start) and math.isnan(found.end) and found.best_square is None


def test_without_published_figures_there_is_no_comparison():
    found = compared({})
    assert is_empty(found)
    assert "No published estimate" in found.reason["en"]


@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_figure_is_named(figures, missing):
    found = compared({key: row for key, row in figures.items() if key != missing})
    assert is_empty(found)
    assert missing in found.reason["en"]
    assert missing in found.reason["ja"]


@pytest.mark.parametrize("figure", ["takaya_2018_area", "takaya_2018_rey_mean", "takaya_2018_implied_density", "takaya_2018_reo_total"])
def test_a_figure_of_zero_is_no_figure(figures, figure):
    assert figure in compared({**figures, figure: {**figures[figure], "value": "0"}}).reason["en"]


def test_another_sea_floor_is_not_compared(figures):
    found = compared(figures, samples=samples(longitude_deg=-130.0))
    assert is_empty(found)
    assert "another sea floor" in found.reason["en"]


def test_an_element_without_tonnes_is_not_compared(figures):
    assert "No tonnes of Dy" in compared(figures, tonnage=tonnage(("gd",))).reason["en"]
    assert "No tonnes of Dy" in compared(figures, tonnage=tonnage(metal_t=0.0)).reason["en"]


def test_names_and_order_of_the_published_files_do_not_matter(reference_raw, tmp_path, figures):
    published = tmp_path / "published"
    published.mkdir()
    for number, path in enumerate(sorted((reference_raw / "published").glob("*.csv"), reverse=True)):
        head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (published / f"{number}.csv").write_text(head + "".join(reversed(rows)), encoding="utf-8")
    turned = listed(PublishedFiles, Path(tmp_path), ".csv").figures()
    assert compared(turned) == compared(figures)


def test_order_of_the_samples_does_not_matter_beyond_rounding(figures):
    given_ = samples()
    turned = replace(given_, frame=given_.frame.iloc[::-1].reset_index(drop=True))
    for one, other in zip(compared(figures).steps, compared(figures, samples=turned).steps, strict=True):
        assert one.level_t == pytest.approx(other.level_t, rel=1e-14)


# --- the richest square ----------------------------------------------------------------------------------------------------------------------------


def square_world(richness, share=None, cell_m=5000.0):
    """A field on cells of 5 km: 105 km² are 2 x 2 of them."""
    ppm = np.array(richness, dtype=float)
    shares = np.ones(ppm.shape) if share is None else np.array(share, dtype=float)
    floor = SimpleNamespace(layers=Layers(0.0, 10.0, 1.0), grid=SimpleNamespace(cell_m=cell_m, shape=ppm.shape), region_share=shares)
    return {"seafloor": floor, "grade": SimpleNamespace(mean_ppm=ppm), "density": SimpleNamespace(column_t_m3=np.full(ppm.shape, 0.5))}


def test_an_even_deposit_has_no_richest_square(figures):
    found = compared(figures, **square_world(np.full((6, 7), 40.0))).best_square
    assert found.own == pytest.approx(1)
    assert (found.published, found.side_m) == (1.79, 10_000.0)


def test_the_richest_square_is_found_wherever_it_lies(figures):
    field = np.full((5, 5), 10.0)
    field[2:4, 3:5] = 50.0
    assert compared(figures, **square_world(field)).best_square.own == pytest.approx(50 / ((21 * 10 + 4 * 50) / 25))


def test_a_square_lies_inside_the_region_as_a_whole(figures):
    """The richest cells lie half outside and unestimated beside the edge: neither can be in the square."""
    field, share = np.full((4, 4), 10.0), np.ones((4, 4))
    field[0, :2], share[0, :] = 500.0, 0.5
    field[3, 3] = np.nan
    metal, area = 2 * 250 + 2 * 5 + 11 * 10, 2 + 11
    assert compared(figures, **square_world(field, share)).best_square.own == pytest.approx(10 / (metal / area))


def test_where_no_square_fits_there_is_none(figures):
    assert compared(figures, **square_world(np.full((1, 9), 10.0))).best_square is None
    assert compared(figures, **square_world(np.full((3, 3), np.nan))).best_square is None
    assert compared(figures).best_square is None
