"""Composites: not a gram made or lost, gaps missing and never zero."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from assess import Composites, Samples, assess, composites, read_samples
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from planted import cores_on_a_grid, csv_text, varied_density_t_m3, varied_ppm

from pipeline.artefacts import Marks, Seafloor
from pipeline.config import CompositeSettings, DensitySettings, ElementSettings, GridSettings, RegionSettings
from pipeline.errors import TooFewSamples
from pipeline.grid import layers_of, region_grid

REGION = RegionSettings(west_deg=153.5, east_deg=153.9, south_deg=21.8, north_deg=22.2)
GRID = GridSettings(cell_m=5000.0, layer_m=1.0, top_m=1.0, bottom_m=4.0)
PLACES = {"A": (153.6, 21.9), "B": (153.7, 22.0), "C": (153.8, 22.1)}
NAN = float("nan")


def compose(intervals, min_sampled_share=1e-6, prior=None, elements=("dy", "gd")) -> Composites:
    """Composites of (core, from_m, to_m, dy_ppm, gd_ppm, density) tuples, layers 1-2, 2-3 and 3-4 m."""
    import geopandas as gpd

    frame = pd.DataFrame(intervals, columns=["core_id", "from_m", "to_m", "dy_ppm", "gd_ppm", "dry_bulk_density_t_m3"])
    numbers = frame.columns.drop("core_id")
    frame[numbers] = frame[numbers].astype(float)
    frame["longitude_deg"], frame["latitude_deg"] = (frame["core_id"].map(lambda core, axis=axis: PLACES[core][axis]) for axis in (0, 1))
    points = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["longitude_deg"], frame["latitude_deg"]), crs="EPSG:4326")
    grid = region_grid(REGION, GRID)
    flat = np.zeros(grid.shape)
    floor = Seafloor(grid, layers_of(GRID), flat, flat, flat + 1, "", 1.0)
    samples = Samples(points, pd.DataFrame(), Marks("measured"))
    choice = CompositeSettings(min_sampled_share=min_sampled_share)
    return composites.run(samples, floor, REGION, choice, prior or DensitySettings(), ElementSettings(assessed=list(elements)))


def length_in_assessed_m(from_m, to_m):
    return max(0.0, min(to_m, 4.0) - max(from_m, 1.0))


def only(result: Composites) -> pd.Series:
    assert len(result.frame) == 1
    return result.frame.iloc[0]


def test_grade_is_weighted_by_length_and_density():
    """1,000 ppm at 0.50 t/m3 and 5,000 ppm at 0.62 t/m3 average 3,214 ppm, not 3,000."""
    row = only(compose([("A", 1.0, 1.5, 1000, 10, 0.50), ("A", 1.5, 2.0, 5000, 10, 0.62)]))
    assert row["dy_ppm"] == pytest.approx(3214.2857, abs=1e-4)
    assert row["gd_ppm"] == pytest.approx(10)
    assert row["dry_bulk_density_t_m3"] == pytest.approx(0.56)
    assert row["dy_g_m3"] == pytest.approx((1000 * 0.50 + 5000 * 0.62) / 2)


def test_density_is_weighted_by_length():
    row = only(compose([("A", 1.0, 1.2, 10, 10, 0.4), ("A", 1.2, 2.0, 10, 10, 0.6)]))
    assert row["dry_bulk_density_t_m3"] == pytest.approx(0.2 * 0.4 + 0.8 * 0.6)


@st.composite
def intervals(draw):
    """Up to three cores of touching and gaping intervals between 0 and 5 m, some without a grade or a density."""
    grade = st.one_of(st.none(), st.floats(0, 1e5))
    density = st.one_of(st.none(), st.floats(0.1, 4))
    rows = []
    for core in PLACES:
        edges = sorted(draw(st.sets(st.integers(0, 500), max_size=12)))
        for top, bottom in itertools.pairwise(edges):
            if draw(st.integers(0, 3)):
                rows.append((core, top / 100, bottom / 100, draw(grade), draw(grade), draw(density)))
    return rows


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(rows=intervals())
def test_mass_and_metal_are_conserved(rows):
    """The sum of length x density x grade is the same before and after, to 1e-9."""
    if not any(length_in_assessed_m(top, bottom) and (dy or gd or density) is not None for _, top, bottom, dy, gd, density in rows):
        return
    prior = DensitySettings(dry_bulk_density_t_m3=0.55, missing="prior")
    frame = compose(rows, prior=prior).frame
    for number, element in enumerate(("dy", "gd"), start=3):
        known = [(length_in_assessed_m(row[1], row[2]), row[number], 0.55 if row[5] is None else row[5]) for row in rows if row[number] is not None]
        metal = sum(length * grade * density for length, grade, density in known)
        composed = (frame[f"{element}_g_m3"] * frame[f"{element}_sampled_share"]).sum()
        assert composed == pytest.approx(metal, rel=1e-9, abs=1e-12)
        assert frame[f"{element}_sampled_share"].sum() == pytest.approx(sum(length for length, *_ in known), rel=1e-9, abs=1e-12)
    informing = [row for row in rows if any(value is not None for value in row[3:])]
    mud = sum(length_in_assessed_m(row[1], row[2]) * (0.55 if row[5] is None else row[5]) for row in informing)
    assert (frame["dry_bulk_density_t_m3"] * frame["sampled_share"]).sum() == pytest.approx(mud, rel=1e-9)
    assert frame["sampled_share"].between(0, 1 + 1e-9).all()


def test_gap_is_missing_not_zero():
    frame = compose([("A", 1.0, 2.0, 40, 44, 0.5), ("A", 3.0, 4.0, 40, None, 0.5)]).frame
    assert list(frame["layer"]) == [0, 2]
    assert np.isnan(frame["gd_ppm"].iloc[1])
    assert np.isnan(frame["gd_g_m3"].iloc[1])
    assert frame["gd_sampled_share"].iloc[1] == 0


def test_gap_inside_a_layer_does_not_dilute_it():
    row = only(compose([("A", 1.0, 1.2, 40, 44, 0.5), ("A", 1.6, 1.9, 40, None, 0.5)]))
    assert row["dy_ppm"] == pytest.approx(40)
    assert row["dy_g_m3"] == pytest.approx(20)
    assert row["gd_g_m3"] == pytest.approx(22)
    assert (row["dy_sampled_share"], row["gd_sampled_share"], row["sampled_share"]) == pytest.approx((0.5, 0.2, 0.5))


def test_measured_zero_is_a_grade():
    row = only(compose([("A", 1.0, 1.5, 0, 44, 0.5), ("A", 1.5, 2.0, 40, 44, 0.5)]))
    assert row["dy_ppm"] == pytest.approx(20)


def test_sample_across_a_boundary_is_shared_by_length():
    frame = compose([("A", 0.5, 2.5, 40, 44, 0.5), ("A", 2.5, 9.0, 80, 88, 0.5)]).frame
    assert list(frame["layer"]) == [0, 1, 2]
    assert list(frame["dy_ppm"]) == pytest.approx([40, 60, 80])
    assert list(frame["sampled_share"]) == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(("share", "layers"), [(0.2, [0, 1]), (0.25, [0, 1]), (0.3, [1])])
def test_layer_sampled_too_little_is_missing(share, layers):
    rows = [("A", 1.0, 1.25, 40, 44, 0.5), ("A", 2.0, 3.0, 40, 44, 0.5)]
    assert list(compose(rows, min_sampled_share=share).frame["layer"]) == layers


def test_element_sampled_too_little_is_missing_where_another_is_not():
    rows = [("A", 1.0, 1.2, 40, 44, 0.5), ("A", 1.2, 2.0, None, 44, 0.5)]
    row = only(compose(rows, min_sampled_share=0.25))
    assert np.isnan(row["dy_ppm"])
    assert np.isnan(row["dy_g_m3"])
    assert row["gd_ppm"] == pytest.approx(44)


def test_a_quarter_is_a_quarter_whatever_its_last_bit():
    assert len(compose([("A", 1.05, 1.3, 40, 44, 0.5), ("B", 2.7, 2.95, 40, 44, 0.5)], min_sampled_share=0.25).frame) == 2


def test_no_layer_left_is_explained():
    with pytest.raises(TooFewSamples, match=r"no layer of any core is sampled to 0\.5 of its thickness \(\[composites\] min_sampled_share\)"):
        compose([("A", 1.0, 1.25, 40, 44, 0.5)], min_sampled_share=0.5)
    with pytest.raises(TooFewSamples, match=r"no sample lies between 1 and 4 m below the seafloor\. Check \[grid\]"):
        compose([("A", 0.0, 1.0, 40, 44, 0.5), ("A", 4.0, 5.0, 40, 44, 0.5)])


GAPPY = [
    ("A", 1.0, 1.4, 40, 44, 0.40),
    ("A", 1.4, 2.0, 40, 44, None),
    ("B", 1.0, 1.8, 40, 44, 0.60),
    ("B", 2.0, 3.0, 40, 44, None),
    ("C", 3.0, 4.0, 40, 44, 0.80),
]
IN_LAYER = (0.4 * 0.40 + 0.8 * 0.60) / 1.2
IN_ALL = (0.4 * 0.40 + 0.8 * 0.60 + 1.0 * 0.80) / 2.2


@pytest.mark.parametrize(("rule", "first", "second"), [("layer_mean", IN_LAYER, IN_ALL), ("prior", 0.55, 0.55)])
def test_missing_density_is_supplied_by_the_rule_and_flagged(rule, first, second):
    result = compose(GAPPY, prior=DensitySettings(dry_bulk_density_t_m3=0.55, missing=rule))
    frame = result.frame.set_index(["core_id", "layer"])
    assert frame.loc[("A", 0), "dry_bulk_density_t_m3"] == pytest.approx(0.4 * 0.40 + 0.6 * first)
    assert frame.loc[("A", 0), "dy_g_m3"] == pytest.approx(40 * (0.4 * 0.40 + 0.6 * first))
    assert frame.loc[("B", 1), "dry_bulk_density_t_m3"] == pytest.approx(second)
    assert list(frame["density_supplied_share"]) == pytest.approx([0.6, 0, 1, 0])
    assert result.density_source == "measured, gaps supplied"


def test_density_comes_from_the_prior_where_none_is_measured():
    result = compose([(*row[:5], None) for row in GAPPY], prior=DensitySettings(dry_bulk_density_t_m3=0.7))
    assert result.density_source == "prior"
    assert list(result.frame["dry_bulk_density_t_m3"]) == pytest.approx([0.7] * 4)
    assert list(result.frame["density_supplied_share"]) == [1] * 4


def test_density_alone_informs_mud_but_no_grade():
    result = compose([("A", 1.0, 2.0, 40, 44, 0.5), ("B", 1.0, 2.0, None, None, 0.9)])
    assert result.density_source == "measured"
    assert list(result.frame["dry_bulk_density_t_m3"]) == [0.5, 0.9]
    assert result.frame["dy_ppm"].isna().tolist() == [False, True]


def test_samples_of_a_composite_are_counted_and_their_logarithms_compared():
    row = only(compose([("A", 1.0, 1.3, 20, 30, 0.4), ("A", 1.3, 1.9, 40, 30, 0.5), ("A", 1.9, 2.0, 80, 60, None)]))
    assert [row[f"{name}_samples"] for name in ("dy", "gd", "density")] == [3, 3, 2]
    # Logarithms of 20, 40 and 80 are a step of ln 2 apart, those of 1.5, 0.75 and 0.75 have one step in them.
    assert row["dy_log_variance"] == pytest.approx(np.log(2) ** 2)
    assert row["gd_log_variance"] == pytest.approx(np.log(2) ** 2 / 3)
    assert row["gd_ratio_log_variance"] == pytest.approx(np.log(2) ** 2 / 3)
    assert row["dy_ratio_log_variance"] == 0
    assert row["density_log_variance"] == pytest.approx(np.log(0.5 / 0.4) ** 2 / 2)


def test_one_sample_has_no_variance_and_none_counts_as_none():
    row = only(compose([("A", 1.0, 1.5, 20, None, 0.4), ("A", 1.5, 2.0, 40, None, None)], elements=("dy", "gd")))
    assert [row[f"{name}_samples"] for name in ("dy", "gd", "density")] == [2, 0, 1]
    assert np.isfinite(row["dy_log_variance"])
    assert np.isnan([row["gd_log_variance"], row["gd_ratio_log_variance"], row["density_log_variance"]]).all()


def test_zero_has_no_logarithm_and_is_no_sample_of_the_variance():
    row = only(compose([("A", 1.0, 1.3, 0, 30, 0.5), ("A", 1.3, 1.6, 40, 30, 0.5), ("A", 1.6, 2.0, 80, 0, 0.5)]))
    assert (row["dy_samples"], row["gd_samples"]) == (2, 2)
    assert row["dy_log_variance"] == pytest.approx(np.log(2) ** 2 / 2)
    # Of the ratios one is infinite and one 0: a single one is left.
    assert np.isnan(row["gd_ratio_log_variance"])
    assert row["gd_log_variance"] == 0


def test_sample_across_a_boundary_counts_in_both_layers_and_cores_keep_apart():
    frame = compose([("A", 1.0, 1.5, 20, 44, 0.5), ("A", 1.5, 2.5, 40, 44, 0.5), ("A", 2.5, 3.0, 80, 44, 0.5), ("B", 1.0, 2.0, 5, 44, 0.5)]).frame
    assert list(frame["dy_samples"]) == [2, 2, 1]
    assert list(frame["dy_log_variance"])[:2] == pytest.approx([np.log(2) ** 2 / 2] * 2)
    assert np.isnan(frame["dy_log_variance"].iloc[2])


def test_supplied_density_is_no_sample_of_density():
    frame = compose(GAPPY, prior=DensitySettings(dry_bulk_density_t_m3=0.55, missing="prior")).frame
    assert list(frame["density_samples"]) == [1, 1, 0, 1]
    assert frame["density_log_variance"].isna().all()


def test_declustering_weights_sum_to_1_in_every_layer(reference):
    sums = reference.composites.frame.groupby("layer")["declustering_weight"].sum()
    assert len(sums) == 10
    assert list(sums) == pytest.approx([1.0] * 10)
    assert (reference.composites.frame["declustering_weight"] > 0).all()


def test_layers_are_those_of_the_settings(tiny):
    frame = tiny.composites.frame
    assert sorted(set(zip(frame["layer"], frame["top_m"], frame["bottom_m"], strict=True))) == [(i, i, i + 1) for i in range(10)]


def test_order_of_rows_and_files_changes_no_bit(plant):
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3, gd=lambda *place: None if place[2] > 3 else 50.0)
    shuffled = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    one, other, split = (assess(plant(files)) for files in (rows, shuffled, {"z.csv": csv_text(shuffled[::2]), "a.csv": csv_text(shuffled[1::2])}))
    for twin in (other, split):
        assert_frame_equal(one.composites.frame, twin.composites.frame, check_exact=True)
        assert_frame_equal(one.tonnage.frame, twin.tonnage.frame, check_exact=True)
        for grade, same in zip(one.grades, twin.grades, strict=True):
            assert np.array_equal(grade.layer_ppm, same.layer_ppm, equal_nan=True)
            assert np.array_equal(grade.sd_ppm, same.sd_ppm, equal_nan=True)


def test_boundary_written_with_rounding_error_makes_no_sliver(plant):
    rows = cores_on_a_grid(varied_ppm)
    for row in rows:
        row["to_m"] += 2e-16 * 4 if row["to_m"] == 1.0 else 0.0
    assert set(composites_of(plant(rows))["sampled_share"].round(9)) == {1.0}


def composites_of(raw):
    return assess(raw).composites.frame


def test_positions_of_one_core_that_differ_within_tolerance_are_one_core(plant):
    rows = cores_on_a_grid(varied_ppm)
    moved = [{**row, "longitude_deg": row["longitude_deg"] + (1e-4 if row["from_m"] >= 1.5 else 0)} for row in rows]
    assert len(read_samples(plant(moved)).frame) == len(rows)
    frame = composites_of(plant(moved))
    assert len(frame) == 16 * 4
    assert frame.groupby("core_id")["longitude_deg"].nunique().max() == 1
