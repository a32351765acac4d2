"""The published estimate by its own method: equal to a reckoning by hand, and nothing is claimed that the data do not hold."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from assess import listed

from pipeline.artefacts import Marks, PublishedFiles, PublishedMethod
from pipeline.config import PublishedMethodSettings, RegionSettings
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.grid import region_grid
from pipeline.published_method import (
    INTERPOLATIONS,
    Metres,
    _kriging,
    at_other_places,
    estimate,
    grades_in_squares,
    interpolation,
    metres_of,
    squares_in,
)
from pipeline.stages import published_method

ROOT = Path(__file__).parents[2]
BOUNDS = (153.5, 21.8, 154.116667, 22.25)
COARSE = PublishedMethodSettings(square_nodes=3)


@pytest.fixture(scope="module")
def published():
    return listed(PublishedFiles, ROOT / "data" / "raw", ".csv")


@pytest.fixture(scope="module")
def found(tiny, published):
    return tiny.published_method_of(published)


@pytest.fixture(scope="module")
def grid(tiny):
    return tiny.seafloor.grid


def by_hand(frame, column, grid, squares, power, neighbours, per_side):
    """Inverse distance of each metre at each node in plain Python: (metre, row, column) -> mean grade of the square."""
    cores = {}
    for row in frame.to_dict("records"):
        if row[column] == row[column]:
            cores.setdefault(row["core_id"], []).append(row)
    out = {}
    for metre in range(10):
        data = []
        for rows in cores.values():
            metal = length = 0.0
            for row in rows:
                inside = max(0.0, min(row["to_m"], metre + 1) - max(row["from_m"], metre))
                metal, length = metal + inside * row[column], length + inside
            if length > 1e-9:
                x, y = grid.from_lonlat(rows[0]["longitude_deg"], rows[0]["latitude_deg"])
                data.append((float(x), float(y), metal / length))
        for north in range(squares.north):
            for east in range(squares.east):
                total = 0.0
                for i in range(per_side):
                    for j in range(per_side):
                        x = squares.west_m + squares.side_m * (east + (i + 0.5) / per_side)
                        y = squares.south_m + squares.side_m * (squares.north - 1 - north + (j + 0.5) / per_side)
                        near = sorted((math.hypot(x - a, y - b), value) for a, b, value in data)[:neighbours]
                        weights = [distance**-power for distance, _ in near]
                        total += sum(weight * value for weight, (_, value) in zip(weights, near, strict=True)) / sum(weights)
                out[metre, north, east] = total / per_side**2
    return out


def test_every_square_and_metre_equals_a_reckoning_by_hand(tiny, published):
    given = tiny.settings
    result = published_method.run(
        tiny.samples, tiny.composites, tiny.seafloor, tiny.grades, tiny.density, tiny.simulation.squares, tiny.tonnage, published,
        given.elements, COARSE,
    )  # fmt: skip
    squares = squares_in(BOUNDS, tiny.seafloor.grid, COARSE)
    expected = by_hand(tiny.samples.frame, "rey_ppm", tiny.seafloor.grid, squares, 2.0, 12, 3)
    frame = result.frame[(result.frame["element"] == "rey") & (result.frame["interpolation"] == "inverse_distance")]
    grades = {(row["square"], row["top_m"], row["bottom_m"]): row for row in frame.to_dict("records")}
    assert len(grades) == 25 * 11
    total_t = 0.0
    for (metre, north, east), grade_ppm in expected.items():
        row = grades[squares.names[north][east], metre, metre + 1]
        assert row["grade_ppm"] == pytest.approx(grade_ppm, rel=1e-11)
        metal_t = 10247.0**2 * 1.0 * 0.55 * grade_ppm * 1e-6
        assert row["metal_t"] == pytest.approx(metal_t, rel=1e-11)
        total_t += metal_t
    whole = grades["all", 0.0, 10.0]
    assert whole["metal_t"] == pytest.approx(total_t, rel=1e-11)
    assert whole["oxide_t"] == pytest.approx(1.2 * total_t, rel=1e-11)
    assert sum(row["metal_t"] for (name, *_), row in grades.items() if name == "all") == pytest.approx(2 * total_t, rel=1e-11)
    best = max(sum(expected[metre, north, east] for metre in range(10)) for north in range(squares.north) for east in range(squares.east))
    ratio = best / (sum(expected.values()) / 24)
    assert result.content["elements"]["rey"]["interpolations"]["inverse_distance"]["best_over_whole"] == pytest.approx(ratio, rel=1e-11)


def test_twenty_four_squares_of_105_km2_lie_whole_in_the_quoted_bounds(grid):
    squares = squares_in(BOUNDS, grid, PublishedMethodSettings())
    assert squares.area_km2 == pytest.approx(24 * 105, rel=1e-4)
    assert min(squares.room_m) > 0
    corners = [
        (squares.west_m + east * squares.side_m, squares.south_m + north * squares.side_m)
        for east in range(squares.east + 1)
        for north in range(squares.north + 1)
    ]
    longitude_deg, latitude_deg = grid.to_lonlat(*(np.array(axis) for axis in zip(*corners, strict=True)))
    assert ((longitude_deg >= BOUNDS[0]) & (longitude_deg <= BOUNDS[2])).all()
    assert ((latitude_deg >= BOUNDS[1]) & (latitude_deg <= BOUNDS[3])).all()
    # No other 24 fit whole: a row or a column more would reach beyond.
    assert max(room / squares.side_m for room in squares.room_m) < 1


def test_the_squares_hold_their_own_area_of_the_cells(grid):
    squares = squares_in(BOUNDS, grid, PublishedMethodSettings())
    share = squares.share_of_cells(grid)
    assert share.sum() * grid.cell_area_m2 == pytest.approx(squares.area_km2 * 1e6, rel=1e-12)
    assert ((share >= 0) & (share <= 1 + 1e-12)).all()


def metres(values, sites_m=None):
    values = np.asarray(values, dtype=float)
    sites_m = np.array([[0.0, 0.0], [9000.0, 2000.0], [-4000.0, 12000.0], [15000.0, -9000.0]])[: len(values)] if sites_m is None else sites_m
    return Metres(np.array([f"C{number}" for number in range(len(values))], dtype=object), sites_m, values, np.arange(values.shape[1] + 1.0))


@pytest.mark.parametrize("name", ["inverse_distance", "nearest"])
def test_one_grade_everywhere_stays_that_grade(grid, name):
    same = metres(np.full((4, 3), 37.0))
    squares = squares_in(BOUNDS, grid, COARSE)
    part = estimate(grades_in_squares(same, squares, interpolation(name, same, COARSE), 3), same.thickness_m)
    assert part.mean_ppm == pytest.approx(37.0, rel=1e-14)
    assert part.best_over_whole == pytest.approx(1.0, rel=1e-14)


def test_a_metre_without_a_core_is_missing_and_not_zero(grid):
    some = metres([[10.0, np.nan, 30.0], [10.0, np.nan, 30.0]])
    squares = squares_in(BOUNDS, grid, COARSE)
    grades = grades_in_squares(some, squares, interpolation("inverse_distance", some, COARSE), 2)
    assert np.isnan(grades[1]).all()
    assert estimate(grades, some.thickness_m).mean_ppm == pytest.approx(20.0, rel=1e-14)


def test_the_dual_form_of_kriging_equals_weights_solved_for_each_place():
    model = CovarianceModel(0.2, (Structure("spherical", 1.0, 9000.0),))
    random = np.random.default_rng(3)
    sites_m, values, targets_m = random.uniform(0, 2e4, (9, 2)), random.uniform(20, 80, 9), random.uniform(0, 2e4, (7, 2))

    def covariance(h):
        r = np.minimum(h / 9000.0, 1)
        return 1 - 1.5 * r + 0.5 * r**3

    apart = np.hypot(*(sites_m[:, None] - sites_m[None]).transpose(2, 0, 1))
    left = np.block([[covariance(apart) + 0.2 * np.eye(9), np.ones((9, 1))], [np.ones((1, 9)), np.zeros((1, 1))]])
    for target, value in zip(targets_m, _kriging(model, sites_m, values, targets_m), strict=True):
        weights = np.linalg.solve(left, np.append(covariance(np.hypot(*(sites_m - target).T)), 1.0))[:9]
        assert weights.sum() == pytest.approx(1, rel=1e-12)
        assert value == pytest.approx(weights @ values, rel=1e-10)
    # Two cores at one place are one datum, their mean.
    twice = _kriging(model, np.vstack([sites_m, sites_m[:1]]), np.append(values, values[0] + 10), targets_m)
    raised = _kriging(model, sites_m, values + np.eye(9)[0] * 5, targets_m)
    assert twice == pytest.approx(raised, rel=1e-10)


def test_samples_count_in_a_metre_by_their_length_there(grid):
    frame = pd.DataFrame(
        {
            "core_id": ["B", "A", "A", "A"], "longitude_deg": [153.7, 153.6, 153.6, 153.6], "latitude_deg": [22.0] * 4,
            "from_m": [0.0, 0.0, 0.8, 3.0], "to_m": [0.2, 0.4, 1.4, 3.5], "dy_ppm": [7.0, 10.0, 40.0, np.nan],
        }
    )  # fmt: skip
    found = metres_of(frame, "dy_ppm", np.arange(5.0), grid)
    assert found.core_id.tolist() == ["A", "B"]
    assert found.grade_ppm[0].tolist() == pytest.approx([(0.4 * 10 + 0.2 * 40) / 0.6, 40.0, np.nan, np.nan], nan_ok=True)
    assert found.grade_ppm[1].tolist() == pytest.approx([7.0, np.nan, np.nan, np.nan], nan_ok=True)
    assert found.cores.tolist() == [2, 1, 0, 0]


# --- beside ours ---------------------------------------------------------------------------------------------------------------------------------


def test_ours_is_what_the_blocks_in_the_squares_hold(tiny, found):
    squares = squares_in(BOUNDS, tiny.seafloor.grid, tiny.settings.published_method)
    share = np.minimum(squares.share_of_cells(tiny.seafloor.grid), tiny.seafloor.region_share)
    for grade in tiny.grades:
        expected = 0.0
        for layer in range(10):
            for row, column in np.argwhere(np.isfinite(grade.layer_ppm[layer])):
                block_t = share[row, column] * 5000.0**2 * tiny.density.layer_t_m3[layer, row, column]
                expected += block_t * grade.layer_ppm[layer, row, column] * 1e-6
        ours = found.content["elements"][grade.element]["ours"]
        assert ours["kriged"]["metal_t"] == pytest.approx(expected, rel=1e-10)
        assert ours["simulated"]["p05_metal_t"] < ours["simulated"]["metal_t"] < ours["simulated"]["p95_metal_t"]


def test_squares_over_everything_give_the_totals_of_the_realisations(tiny, published):
    """One square larger than the region: every realisation counts whole."""
    given = tiny.settings
    wide = PublishedMethodSettings(squares_east=1, squares_north=1, square_side_m=300_000.0, square_nodes=2)
    result = published_method.run(
        tiny.samples, tiny.composites, tiny.seafloor, tiny.grades, tiny.density, tiny.simulation.squares, tiny.tonnage, published,
        given.elements, wide,
    )  # fmt: skip
    totals = tiny.simulation.totals
    for element in ("dy", "gd"):
        here = totals[(totals["element"] == element) & (totals["region"] == "all") & (totals["cutoff_ppm"] == 0)]
        ours = result.content["elements"][element]["ours"]["simulated"]
        assert ours["metal_t"] == pytest.approx(here["metal_t"].mean(), rel=1e-6)  # squares are kept as float32
        assert ours["p05_metal_t"] == pytest.approx(np.quantile(here["metal_t"], 0.05, method="weibull"), rel=1e-6)


def test_steps_add_up_to_the_last_bit_and_end_at_the_table(tiny, found):
    for element in ("dy", "gd"):
        steps = found.content["elements"][element]["steps"]
        levels = steps["levels"]
        assert levels[0]["key"] == "rebuilt"
        assert math.fsum(step["adds_t"] for step in levels) == levels[-1]["level_t"] - levels[0]["level_t"]
        assert levels[-1]["level_t"] == pytest.approx(tiny.tonnes(element, "mean", region="supported"), rel=1e-12)
    rey = found.content["elements"]["rey"]["steps"]
    assert [step["key"] for step in rey["levels"]] == ["published", "rebuilt"]
    assert rey["counts"] == "oxide"


def test_the_density_of_the_paper_moves_tonnes_and_no_grade(tiny, published, found):
    class Denser:
        def figures(self):
            known = published.figures()
            known["takaya_2018_implied_density"] = {**known["takaya_2018_implied_density"], "value": "1.1"}
            return known

    other = tiny.published_method_of(Denser())
    for element in ("rey", "dy"):
        one, two = (part.content["elements"][element]["interpolations"]["inverse_distance"] for part in (found, other))
        assert two["metal_t"] == pytest.approx(2 * one["metal_t"], rel=1e-12)
        assert two["grade_ppm"] == one["grade_ppm"]
        assert two["best_over_whole"] == one["best_over_whole"]


def test_other_places_hold_the_one_in_the_middle(tiny, grid):
    given = PublishedMethodSettings(square_nodes=8)
    column = metres_of(tiny.samples.frame, "rey_ppm", np.arange(11.0), grid)
    interpolate = interpolation("inverse_distance", column, given)
    means, ratios = at_other_places(column, BOUNDS, grid, interpolate, given)
    middle = estimate(grades_in_squares(column, squares_in(BOUNDS, grid, given), interpolate, 8), column.thickness_m)
    assert means.size == ratios.size == 25
    assert middle.mean_ppm in means
    assert middle.best_over_whole in ratios


# --- what is not known ---------------------------------------------------------------------------------------------------------------------------


def test_without_a_total_of_rare_earths_none_is_made_up(tiny, published):
    samples = replace(tiny.samples, frame=tiny.samples.frame.drop(columns="rey_ppm"))
    bare = replace(tiny, samples=samples)
    bare.__dict__.update(simulation=tiny.simulation, tonnage=tiny.tonnage)
    result = bare.published_method_of(published)
    assert set(result.content["elements"]) == {"dy", "gd"}
    assert not result.content["has_rey"]
    assert set(result.frame["element"]) == {"dy", "gd"}


def test_an_unknown_oxide_factor_leaves_oxides_empty(tiny, published):
    unknown = tiny.settings.elements.model_copy(update={"reo_per_rey": "unknown"})
    result = published_method.run(
        tiny.samples, tiny.composites, tiny.seafloor, tiny.grades, tiny.density, tiny.simulation.squares, tiny.tonnage, published, unknown, COARSE
    )
    rey = result.content["elements"]["rey"]
    assert rey["oxide_per_metal"] is None
    assert rey["oxide_per_metal_source"] == "unknown"
    assert all(part["oxide_t"] is None for part in rey["interpolations"].values())
    assert result.frame.loc[result.frame["element"] == "rey", "oxide_t"].isna().all()
    assert rey["steps"]["counts"] == "metal"


def test_another_sea_floor_has_nothing_to_compare(tiny, published, tmp_path):
    frame = tiny.samples.frame.assign(longitude_deg=10.0)
    moved = replace(tiny, samples=replace(tiny.samples, frame=frame))
    moved.__dict__.update(simulation=tiny.simulation, tonnage=tiny.tonnage)
    result = moved.published_method_of(published)
    assert result.content["state"] == "nothing"
    assert "of another sea floor" in result.content["reason"]["en"]
    result.write(tmp_path / "published_method.json")
    again = PublishedMethod.read(tmp_path / "published_method.json")
    assert again.content == result.content
    assert len(again.frame) == 0


def test_marks_of_the_data_stand_in_both_products(tiny, published, found):
    assert found.content["data_kind"] == "synthetic"
    assert set(found.frame["data_kind"]) == {"synthetic"}
    measured = replace(tiny, samples=replace(tiny.samples, marks=Marks("measured", 3)))
    measured.__dict__.update(simulation=tiny.simulation, tonnage=tiny.tonnage)
    result = measured.published_method_of(published)
    assert set(result.frame["data_kind"]) == {"measured; 3 refused rows left out"}
    assert result.content["rows_left_out"] == "3"


def test_every_interpolation_is_told_or_says_why_not(found):
    for part in found.content["elements"].values():
        assert set(part["interpolations"]) | set(part["not_made"]) == set(INTERPOLATIONS)


def test_a_single_core_gives_no_variogram_and_still_a_map(tiny, published):
    frame = tiny.samples.frame
    alone = replace(tiny, samples=replace(tiny.samples, frame=frame[frame["core_id"] == frame["core_id"].iloc[0]].reset_index(drop=True)))
    alone.__dict__.update(simulation=tiny.simulation, tonnage=tiny.tonnage)
    part = alone.published_method_of(published).content["elements"]["rey"]
    assert set(part["not_made"]) == {"kriging"}
    assert part["interpolations"]["inverse_distance"]["best_over_whole"] == pytest.approx(1, rel=1e-12)


def test_a_grid_elsewhere_has_its_own_bounds():
    """The squares follow the bounds, not the region: another region changes no corner by more than the projection does."""
    settings = PublishedMethodSettings()
    one, other = (
        squares_in(BOUNDS, region_grid(RegionSettings(west_deg=west, east_deg=west + 1, south_deg=21.5, north_deg=22.5), tiny_grid()), settings)
        for west in (153.3, 153.4)
    )
    assert one.room_m == pytest.approx(other.room_m, abs=200)


def tiny_grid():
    from pipeline.config import GridSettings

    return GridSettings(cell_m=5000.0)
