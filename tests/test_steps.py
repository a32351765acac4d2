"""Whole numbers of steps."""

import numpy as np
import pytest

from pipeline.artefacts import STEP_PROBABILITY, not_below, on_steps, step_ppm_of

STEPS = [0.001, 0.002, 0.01, 0.1, 1.0, 10.0, 100.0]
NUMBERS = np.arange(65_001)


@pytest.mark.parametrize("step", STEPS)
def test_a_value_on_a_step_is_the_number_that_a_person_writes(step):
    values = on_steps(NUMBERS * step, step)
    written = [float(f"{number * round(step * 1000)}e-3") for number in range(0, 65_001, 37)]
    assert np.array_equal(values[::37], written)


@pytest.mark.parametrize("step", STEPS)
def test_the_file_gives_back_whole_number_and_value(step):
    values = on_steps(NUMBERS * step, step)
    stored = not_below(values)
    assert stored.dtype == np.float32
    assert np.array_equal(np.rint(stored.astype(np.float64) / step), NUMBERS)
    assert np.array_equal(on_steps(stored, step), values)


@pytest.mark.parametrize(
    ("step", "cutoff", "number"), [(0.1, 20.0, 200), (0.1, 0.3, 3), (0.1, 0.7, 7), (0.01, 1.1, 110), (0.002, 0.9, 450), (1.0, 400.0, 400)]
)
def test_a_grade_at_the_cutoff_passes_it_in_the_file_and_in_memory(step, cutoff, number):
    """The float32 nearest to 0.7 lies below 0.7: what is stored does not."""
    at, below = on_steps(np.array([number * step, (number - 1) * step]), step)
    for kind in (lambda value: value, not_below, lambda value: not_below(value).astype(np.float64)):
        assert kind(np.array([at]))[0] >= cutoff
        assert not kind(np.array([below]))[0] >= cutoff


def test_nothing_stays_nothing_and_a_trace_stays_a_number():
    values = not_below(on_steps(np.array([np.nan, 0.0, 1e-6, 0.04, 0.06]), 0.1))
    assert np.isnan(values[0])
    assert values[1:4].tolist() == [0, 0, 0]
    assert values[4] == np.float32(0.1)


def test_rounding_twice_changes_nothing():
    values = on_steps(np.random.default_rng(0).uniform(0, 6_000, 10_000), 0.1)
    assert np.array_equal(on_steps(values, 0.1), values)


@pytest.mark.parametrize("highest_ppm", [0.004, 0.8, 12.0, 99.9, 100.0, 183.0, 1_299.0, 1_300.0, 8_000.0, 60_000.0, 1e6])
def test_the_step_leaves_room_for_five_times_the_highest_composite_and_tells_a_thousandth_of_it(highest_ppm):
    step = step_ppm_of(highest_ppm)
    assert 5 * highest_ppm / step < 65_000
    assert highest_ppm / step >= 1_000
    assert step == float(f"1e{round(np.log10(step))}")


def test_grades_like_those_of_dysprosium_have_a_tenth_of_a_ppm():
    assert [step_ppm_of(highest_ppm) for highest_ppm in (100.0, 183.0, 1_000.0)] == [0.1, 0.1, 0.1]
    assert [step_ppm_of(highest_ppm) for highest_ppm in (0.0, np.nan)] == [0.1, 0.1]
    assert STEP_PROBABILITY == 1 / 500
