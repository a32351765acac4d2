"""Where to core next: the worth of cores for total metal, on a grid, with constraints."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from assess import assess
from planted import cores_on_a_grid
from scipy.spatial.distance import pdist

from pipeline.artefacts import NextCores
from pipeline.field import core_positions_m, estimated_cells, median_spacing_m
from pipeline.stages import next_cores


def run(made, **changes):
    given = made.settings
    settings = given.next_cores.model_copy(update=changes)
    return next_cores.run(made.composites, made.variograms, made.joint, made.cross_validation, made.seafloor, settings, given.grade, given.simulation)


@pytest.fixture(scope="module")
def found(tiny):
    return run(tiny)


def places_m(found):
    cores = np.array([(core["longitude_deg"], core["latitude_deg"]) for core in found.cores])
    return np.column_stack(found.grid.from_lonlat(*cores.T))


def test_the_variance_before_is_that_of_the_closed_form_in_the_table(tiny, found):
    for element, sd_t in found.summary["sd_before_t"].items():
        assert sd_t == pytest.approx(tiny.tonnes(element, "sd_closed_form"), rel=1e-9)


def test_the_first_core_stands_where_the_map_of_the_first_element_is_highest_of_all_cells_allowed(tiny, found):
    assert found.summary["element"] == tiny.composites.elements[0] == found.cores[0]["element"]
    share = found.reduction_share[found.cores[0]["element"]]
    cores_m, cells_m = core_positions_m(tiny.composites, found.grid), np.stack(found.grid.centres_m(), axis=-1)
    apart_m = np.linalg.norm(cells_m[:, :, None] - cores_m, axis=-1).min(axis=-1)
    allowed = (apart_m >= found.summary["min_distance_m"]) & (tiny.seafloor.region_share >= 0.5)
    assert found.cores[0]["reduction_share"] == pytest.approx(np.nanmax(share[allowed]), rel=1e-9)


def test_chosen_cores_keep_their_distance_from_cores_and_from_each_other(tiny, found):
    at_m, cores_m = places_m(found), core_positions_m(tiny.composites, found.grid)
    least_m = 0.5 * median_spacing_m(cores_m)
    assert [core["rank"] for core in found.cores] == [1, 2, 3, 4, 5]
    assert found.summary["min_distance_m"] == least_m
    assert pdist(at_m).min() >= least_m - 0.1
    assert np.linalg.norm(at_m[:, None] - cores_m, axis=-1).min() >= least_m - 0.1


def test_every_further_core_narrows_every_element(found):
    for element in found.reduction_share:
        shares = [core["by_element"][element]["reduction_share"] for core in found.cores]
        assert np.all(np.diff([0.0, *shares]) > 0)
        for core in found.cores:
            told = core["by_element"][element]
            assert told["sd_after_t"] ** 2 == pytest.approx(told["sd_before_t"] ** 2 * (1 - told["reduction_share"]), rel=1e-9)


def test_the_map_is_known_where_a_grade_is(tiny, found):
    cells = estimated_cells(tiny.composites, tiny.seafloor, tiny.settings.grade.max_distance_spacings)
    for share in found.reduction_share.values():
        assert np.array_equal(np.isfinite(share), cells)
        assert np.nanmin(share) >= 0
        assert np.nanmax(share) < 1


def test_a_shorter_core_is_worth_less(tiny, found):
    short = run(tiny, penetration_share=0.3)
    assert short.summary["penetration_m"] == 3.0
    for element, share in found.reduction_share.items():
        known = np.isfinite(share)
        assert np.all(short.reduction_share[element][known] < share[known])


def test_where_no_cell_is_left_the_list_is_empty_and_says_why(tiny):
    nothing = run(tiny, min_distance_spacings=10.0)
    assert nothing.cores == []
    assert set(nothing.summary["reason"]) == {"en", "ja"}
    assert np.isfinite(nothing.reduction_share["dy"]).any()


def test_equal_values_leave_nothing_to_find_out(plant):
    flat = run(assess(plant(cores_on_a_grid(lambda *_: 50.0))))
    assert flat.cores == []
    assert "equal" in flat.summary["reason"]["en"]
    assert all(np.isnan(share).all() for share in flat.reduction_share.values())


def test_a_large_grid_is_searched_on_every_second_row_and_column(tiny, found, monkeypatch):
    cells = int(np.isfinite(found.reduction_share["dy"]).sum())
    monkeypatch.setattr(next_cores, "_MOST_CANDIDATES", cells // 4)
    coarse = run(tiny, count=1)
    assert 0 < coarse.cores[0]["reduction_share"] <= found.cores[0]["reduction_share"]
    np.testing.assert_array_equal(coarse.reduction_share["dy"], found.reduction_share["dy"])


def test_the_files_hold_the_list_and_a_raster_of_each_element(found, tmp_path):
    found.write(tmp_path / "next_cores.json")
    assert {path.name for path in tmp_path.iterdir()} == {"next_cores.json", "next_cores_dy.tif", "next_cores_gd.tif"}
    with rasterio.open(tmp_path / "next_cores_dy.tif") as raster:
        assert raster.descriptions == ("reduction_of_variance_share",)
        assert raster.units == ("1",)
        assert raster.tags()["data_kind"] == "synthetic"
    again = NextCores.read(tmp_path / "next_cores.json")
    assert again.cores == json.loads(json.dumps(found.cores))
    np.testing.assert_allclose(again.reduction_share["gd"], found.reduction_share["gd"], rtol=1e-6)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again.write(tmp_path / "next_cores.json")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept
