"""Short form of the trial of the next cores: they are worth what they are said to be. ``make core-trial`` is the long one."""

from __future__ import annotations

import core_layouts
import numpy as np
import pytest

TRUTHS = 60


@pytest.fixture(scope="module")
def found():
    return core_layouts.trial(3, TRUTHS, side=8, layers=3)


@pytest.mark.parametrize("way", ["before", *core_layouts.WAYS])
def test_errors_against_drawn_deposits_are_those_expected(found, way):
    """The mean of 180 squared errors, of several sets that share them at worst: within four standard deviations."""
    ratio = found[way] / found[f"{way}_expected"]
    assert ratio.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / (len(found) * TRUTHS)))


def test_the_reduction_predicted_in_closed_form_is_the_one_expected_of_the_nodes(found):
    """Nodes of blocks here, nodes of quadrature there: two per cent between them."""
    expected = found["before_expected"] - found["greedy_expected"]
    np.testing.assert_allclose(found["predicted_reduction"], expected, rtol=0.02)


@pytest.mark.parametrize("other", ["random", "max_variance"])
def test_cores_chosen_for_the_total_leave_less_of_its_error_than_others(found, other):
    assert np.all(found["greedy_expected"] < found[f"{other}_expected"])


def test_the_document_says_what_was_found(found):
    text = core_layouts.text_of(found, TRUTHS)
    assert text.count("\n| ") == 3 + 4 + 2
    mean, low, high = core_layouts.gain(found, "random")
    assert low < mean < high
    assert f"{100 * mean:.1f} %" in text
    assert f"**{core_layouts.predicted_over_realised(found):.3f}**" in text
