"""The supply lens: every figure has its denominator, an unknown one stays unknown, units are converted or refused."""

from __future__ import annotations

import csv
import inspect
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from assess import listed

from pipeline.artefacts import PRODUCTION_COLUMNS, START_PANEL_COLUMNS, WHYS, Marks, Production, PublishedFiles, Supply
from pipeline.errors import ArtefactError
from pipeline.stages import production, supply
from pipeline.units import oxide_per_element

PUBLISHED = Path(__file__).parents[2] / "data" / "raw" / "published"
FACTOR = oxide_per_element("dy")


def produced(elements=("dy", "gd")):
    """A year wins 30, 40 or 55 t of an element (low, median, high), and all that is recoverable 3, 4 or 5 Mt."""
    rows = [
        {
            "rate_t_day": 3500.0, "basis": basis, "where": where, "element": element, "statistic": statistic,
            "leached_metal_t_year": year_t, "metal_t_year": year_t / 0.95, "leached_metal_t": total_t, "metal_t": total_t / 0.95,
            "data_kind": "synthetic",
        }
        for basis in ("dry", "wet")
        for where in ("start_panels", "recoverable_average")
        for element in elements
        for statistic, year_t, total_t in (("p10", 30.0, 3e6), ("p50", 40.0, 4e6), ("p90", 55.0, 5e6))
    ]  # fmt: skip
    return Production(
        pd.DataFrame(rows, columns=list(PRODUCTION_COLUMNS)), pd.DataFrame(columns=list(START_PANEL_COLUMNS)), None, {}, {}, Marks("synthetic")
    )


@pytest.fixture
def raw(tmp_path):
    shutil.copytree(PUBLISHED, tmp_path / "published")
    return tmp_path


def changed(raw, name, **cells):
    """The shipped figures with one row changed, as a user would in a spreadsheet."""
    path = raw / "published" / "supply.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if name not in {row["id"] for row in rows}:
        rows.append(dict.fromkeys(rows[0], "") | {"id": name})
    for row in rows:
        if row["id"] == name:
            row.update(cells)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return supply.run(produced(), listed(PublishedFiles, raw, ".csv"))


def told(made, question, element="dy", where="recoverable_average", basis="dry"):
    frame = made.frame
    chosen = (frame["question"] == question) & (frame["element"] == element) & (frame["where"] == where) & (frame["basis"] == basis)
    return frame[chosen].iloc[0]


def values(row):
    return [float(row[name]) for name in ("value_low", "value", "value_high")]


def test_as_shipped_what_nobody_published_is_unknown_and_empty(raw):
    made = supply.run(produced(), listed(PublishedFiles, raw, ".csv"))
    for question in (
        "years_of_japan_demand",
        "years_of_world_demand",
        "share_of_japan_demand",
        "share_of_world_demand",
        "share_of_import_from_china",
    ):
        rows = made.frame[made.frame["question"] == question]
        assert set(rows["element"]) == {"dy", "gd"}
        assert set(rows["state"]) == {"unknown"}
        assert set(rows["why"]) == {WHYS["no_value"]}
        assert rows[["value_low", "value", "value_high", "denominator_value"]].isna().all(axis=None)
        assert set(rows["denominator_status"]) == {"unknown"}
    assert made.warnings == ()


def test_one_month_of_china_is_counted_in_months_and_never_as_a_year(raw):
    made = supply.run(produced(), listed(PublishedFiles, raw, ".csv"))
    row = told(made, "months_of_china_production_a_year", where="start_panels")
    assert row["state"] == "known"
    np.testing.assert_allclose(values(row), np.array([30.0, 40.0, 55.0]) * FACTOR / 214)
    assert (row["unit"], row["denominator_value"], row["denominator_unit"], row["denominator_date"]) == ("months", 214.0, "t Dy2O3", "2024-06")
    np.testing.assert_allclose(values(told(made, "months_of_china_production_in_all")), np.array([3e6, 4e6, 5e6]) * FACTOR / 214)
    gd = told(made, "months_of_china_production_a_year", "gd")
    assert gd["value"] == pytest.approx(40 * oxide_per_element("gd") / 298.9)


def test_the_import_of_all_rare_earths_is_a_range_that_holds_both_readings_of_its_tonnes(raw):
    row = told(supply.run(produced(), listed(PublishedFiles, raw, ".csv")), "share_of_import_of_all_rare_earths_from_china", where="start_panels")
    assert (row["state"], row["why"]) == ("range", WHYS["unsaid"])
    assert row["value_low"] == pytest.approx(30 / (18835 * 0.72))
    assert row["value_high"] == pytest.approx(55 * FACTOR / (18835 * 0.63))
    assert np.isnan(row["value"])
    assert row["denominator_low"] == pytest.approx(11866.05)
    assert row["denominator_high"] == pytest.approx(13561.2)
    assert row["denominator_id"] == "japan_rare_earths x china_share_of_imports"


def test_who_fills_in_the_demand_gets_the_years_at_once_and_nothing_else_moves(raw):
    before = supply.run(produced(), listed(PublishedFiles, raw, ".csv")).frame
    made = changed(raw, "dy_demand_japan", value="500", status="published", source="a yearbook", date="2025")
    row = told(made, "years_of_japan_demand")
    assert row["state"] == "known"
    np.testing.assert_allclose(values(row), [6000.0, 8000.0, 10000.0])
    assert (row["denominator_value"], row["denominator_source"], row["denominator_date"]) == (500.0, "a yearbook", "2025")
    np.testing.assert_allclose(values(told(made, "share_of_japan_demand", where="start_panels")), [0.06, 0.08, 0.11])
    moved = made.frame["denominator_id"] == "dy_demand_japan"
    pd.testing.assert_frame_equal(made.frame[~moved], before[~moved])
    assert made.warnings == ()


def test_no_stage_before_it_knows_the_published_figures():
    """A denominator cannot move a tonne: production takes no published file."""
    assert PublishedFiles.__name__ in str(inspect.signature(supply.run))
    assert PublishedFiles.__name__ not in str(inspect.signature(production.run))


def test_a_value_without_a_source_is_used_and_told(raw):
    made = changed(raw, "dy_demand_world", value="3000")
    assert told(made, "years_of_world_demand")["state"] == "known"
    assert made.warnings == (
        "supply: dy_demand_world has a value and its status is unknown: write date, source and status beside it, or no reader can check the figures",
    )


def test_ends_of_a_published_range_are_outer_ends(raw):
    row = told(changed(raw, "dy_demand_japan", value="500", low="400", high="800"), "years_of_japan_demand")
    assert (row["state"], row["why"]) == ("range", WHYS["range"])
    np.testing.assert_allclose(values(row), [3e6 / 800, 4e6 / 500, 5e6 / 400])
    row = told(changed(raw, "dy_demand_japan", value="", low="400", high="800"), "years_of_japan_demand")
    np.testing.assert_allclose(values(row), [3e6 / 800, np.nan, 5e6 / 400])


def test_outer_ends_hold_four_fifths_of_the_draws_whatever_the_denominator_is():
    draws = np.random.default_rng(2).lognormal(3.0, 0.8, 20_000)
    low, high = np.quantile(draws, [0.1, 0.9])
    for denominator in np.linspace(400.0, 800.0, 9):
        assert np.mean((draws / denominator >= low / 800.0) & (draws / denominator <= high / 400.0)) >= 0.8 - 1e-4


@pytest.mark.parametrize(
    ("unit", "tonnes_of_dy"),
    [("t Dy/year", 1.0), ("t Dy2O3/year", 1 / FACTOR), ("kg Dy/year", 1e-3), ("kt dy2o3/year", 1e3 / FACTOR)],
)
def test_units_of_the_element_and_its_oxide_are_converted(raw, unit, tonnes_of_dy):
    row = told(changed(raw, "dy_demand_japan", value="500", unit=unit, status="published"), "years_of_japan_demand")
    assert row["state"] == "known"
    assert row["value"] == pytest.approx(4e6 / (500 * tonnes_of_dy), rel=1e-12)
    assert row["denominator_unit"] == unit


def test_a_unit_that_does_not_say_of_what_holds_both_readings(raw):
    row = told(changed(raw, "dy_demand_japan", value="500", unit="t/year"), "years_of_japan_demand")
    assert (row["state"], row["why"]) == ("range", WHYS["unsaid"])
    np.testing.assert_allclose(values(row), [3e6 / 500, 4e6 / 500, 5e6 / (500 / FACTOR)])


@pytest.mark.parametrize(
    ("unit", "why"),
    [
        ("t REO/year", "all_rare_earths"), ("t Gd/year", "other_element"), ("t Gd2O3/year", "other_element"), ("t Dy", "no_period"),
        ("t Dy/month", "no_period"), ("USD/kg", "no_unit"), ("", "no_unit"), ("tons", "no_unit"),
    ],
)  # fmt: skip
def test_other_units_are_refused_with_a_message_and_the_figure_stays_unknown(raw, unit, why):
    made = changed(raw, "dy_demand_japan", value="500", unit=unit, status="published")
    row = told(made, "years_of_japan_demand")
    assert (row["state"], row["why"]) == ("unknown", WHYS[why])
    assert np.isnan(values(row)).all()
    (said,) = made.warnings
    assert "dy_demand_japan" in said
    assert WHYS[why] in said
    assert told(made, "months_of_china_production_in_all")["state"] == "known"


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"value": "about 500"}, "no number"), ({"value": "-5"}, "no number above 0"), ({"value": "0"}, "no number above 0"),
        ({"value": "500", "low": "few"}, "low 'few' is no number above 0"), ({"value": "500", "low": "600"}, "do not rise"),
        ({"value": "500", "high": "400"}, "do not rise"), ({"value": "", "low": "5", "high": "4"}, "do not rise"),
    ],
)  # fmt: skip
def test_a_denominator_that_is_no_number_is_explained(raw, cells, says):
    with pytest.raises(ArtefactError, match=says):
        changed(raw, "dy_demand_japan", **cells)


def test_an_element_of_which_nothing_stands_in_the_files_is_unknown_everywhere(raw):
    made = supply.run(produced(("nd",)), listed(PublishedFiles, raw, ".csv"))
    rows = made.frame[made.frame["question"] != "share_of_import_of_all_rare_earths_from_china"]
    assert set(rows["state"]) == {"unknown"}
    assert set(rows["why"]) == {WHYS["no_row"]}
    assert made.warnings == ()


def test_oxides_of_all_rare_earths_beside_their_sum_hold_every_pattern(raw):
    made = supply.run(produced(("rey",)), listed(PublishedFiles, raw, ".csv"))
    row = told(made, "share_of_import_of_all_rare_earths_from_china", "rey", "start_panels")
    assert row["value_high"] == pytest.approx(55 * oxide_per_element("y") / (18835 * 0.63))
    changed(raw, "rey_demand_japan", value="1000", unit="t REO/year", status="published")
    row = told(supply.run(produced(("rey",)), listed(PublishedFiles, raw, ".csv")), "years_of_japan_demand", "rey")
    assert (row["state"], row["why"]) == ("range", WHYS["pattern"])
    assert 3e6 / 1000 < row["value_low"] < 3e6 / 1000 * 1.2
    assert row["value_high"] == pytest.approx(5e6 / 1000 * oxide_per_element("y"))


def test_where_leaching_is_unknown_the_metal_lifted_counts_and_is_named(raw):
    made = produced()
    made.frame[["leached_metal_t_year", "leached_metal_t"]] = np.nan
    row = told(supply.run(made, listed(PublishedFiles, raw, ".csv")), "months_of_china_production_a_year")
    assert row["numerator"] == "metal_t_year"
    assert row["value"] == pytest.approx(40 / 0.95 * FACTOR / 214)


def test_without_production_there_is_an_empty_table(raw, tmp_path):
    made = supply.run(produced(()), listed(PublishedFiles, raw, ".csv"))
    assert made.frame.empty
    made.write(tmp_path / "supply.csv")
    assert Supply.read(tmp_path / "supply.csv").frame.empty


def test_the_table_is_written_and_read_back_to_the_same_bytes(raw, tmp_path):
    made = changed(raw, "dy_demand_japan", value="500", source="=1+1", status="published")
    made.write(tmp_path / "supply.csv")
    kept = (tmp_path / "supply.csv").read_bytes()
    again = Supply.read(tmp_path / "supply.csv")
    pd.testing.assert_frame_equal(again.frame, made.frame, check_dtype=False, rtol=1e-9)
    again.write(tmp_path / "supply.csv")
    assert (tmp_path / "supply.csv").read_bytes() == kept
