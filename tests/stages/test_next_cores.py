"""Where to core next: the worth of cores for total metal, on a grid, with constraints."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import rasterio
from assess import assess, listed
from planted import cores_on_a_grid
from pyproj import Geod
from scipy.spatial.distance import pdist

from pipeline.artefacts import NEXT_CORES_COLUMNS, OVER_CUTOFF, TOTAL_METAL, DomainFiles, NextCores, SimulatedColumns
from pipeline.coring.over_cutoff import OverCutoff, between_candidates
from pipeline.coring.voyage import Voyage
from pipeline.errors import SettingsError
from pipeline.field import core_positions_m, estimated_cells, median_spacing_m
from pipeline.stages import next_cores


def run(made, columns=None, domains=None, place=None, **changes):
    given = made.settings
    settings = given.next_cores.model_copy(update=changes)
    return next_cores.run(
        made.composites,
        made.variograms,
        made.joint,
        made.cross_validation,
        made.seafloor,
        made.beside(SimulatedColumns) if columns is None else columns,
        listed(DomainFiles, made.raw, ".geojson") if domains is None else domains,
        settings,
        given.grade,
        given.simulation,
        given.place if place is None else place,
        given.region,
    )


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
    assert {path.name for path in tmp_path.iterdir()} == {"next_cores.json", "next_cores.csv", "next_cores_dy.tif", "next_cores_gd.tif"}
    with rasterio.open(tmp_path / "next_cores_dy.tif") as raster:
        assert raster.descriptions == ("reduction_of_variance_share", "over_cutoff_reduction_of_variance_share", "over_cutoff_error_share")
        assert raster.units == ("1", "1", "1")
        assert raster.tags()["cutoff_ppm"] == "40"
        assert "approximate" in raster.tags()["over_cutoff"]
        assert raster.tags()["data_kind"] == "synthetic"
    again = NextCores.read(tmp_path / "next_cores.json")
    assert again.cores == json.loads(json.dumps(found.cores))
    np.testing.assert_allclose(again.reduction_share["gd"], found.reduction_share["gd"], rtol=1e-6)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again.write(tmp_path / "next_cores.json")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


# --- metal over a cut-off, from the realisations ---------------------------------------------------------------------------------------------------


def test_the_columns_kept_are_those_of_the_totals(tiny):
    columns, totals = tiny.beside(SimulatedColumns), tiny.simulation.totals
    for element, column in columns.elements.items():
        rows = totals[(totals["element"] == element) & (totals["region"] == "all")].set_index(["realisation", "cutoff_ppm"])[["dry_mud_t", "metal_t"]]
        rows = {name: rows[name].to_numpy().reshape(-1, len(column.cutoffs_ppm)) for name in rows}
        assert column.cutoffs_ppm == tuple(tiny.settings.cutoffs.of(element))
        np.testing.assert_allclose(column.metal_t, rows["metal_t"], rtol=1e-12)
        np.testing.assert_allclose(column.dry_mud_t, rows["dry_mud_t"], rtol=1e-12)
        # Columns add up to the total where every estimated cell is a candidate, and counts by its share inside.
        inside = tiny.seafloor.region_share.ravel()[columns.cells]
        assert columns.spacing_cells == 1
        sizes = np.array([len(group) for group in columns.groups])
        block_m3 = tiny.seafloor.grid.cell_area_m2 * tiny.seafloor.layers.layer_m
        summed = np.einsum("rgc,g,c->r", column.metal_g_m3, sizes, inside) * block_m3 * 1e-6
        np.testing.assert_allclose(summed, column.metal_t[:, 0], rtol=1e-4)


def test_the_columns_come_back_from_their_file(tiny, tmp_path):
    columns = tiny.beside(SimulatedColumns)
    columns.write(tmp_path / SimulatedColumns.NAME)
    again = SimulatedColumns.read(tmp_path / SimulatedColumns.NAME)
    assert (again.groups, again.spacing_cells, again.marks) == (columns.groups, columns.spacing_cells, columns.marks)
    assert np.array_equal(again.cells, columns.cells)
    for element, column in columns.elements.items():
        np.testing.assert_allclose(again.elements[element].metal_g_m3, column.metal_g_m3, rtol=1e-6)
        np.testing.assert_allclose(again.elements[element].metal_t, column.metal_t, rtol=1e-6)
    kept = (tmp_path / SimulatedColumns.NAME).read_bytes()
    again.write(tmp_path / SimulatedColumns.NAME)
    assert (tmp_path / SimulatedColumns.NAME).read_bytes() == kept


def test_cores_for_metal_over_a_cutoff_keep_to_the_same_limits(tiny, found):
    assert found.summary["over_cutoff"]["cutoff_ppm"] == 40.0
    places = np.column_stack(found.grid.from_lonlat(*np.array([(c["longitude_deg"], c["latitude_deg"]) for c in found.cutoff_cores]).T))
    cores_m = core_positions_m(tiny.composites, found.grid)
    assert 1 <= len(places) <= 5
    assert np.linalg.norm(places[:, None] - cores_m, axis=-1).min() >= found.summary["min_distance_m"] - 0.1
    if len(places) > 1:
        assert pdist(places).min() >= found.summary["min_distance_m"] - 0.1


def test_what_is_told_of_a_set_over_a_cutoff_is_what_is_left_out_finds_and_no_more(tiny, found):
    """A set flatters itself in the realisations that it was chosen from."""
    over = found.summary["over_cutoff"]
    assert over["approximate"] is True
    for core in found.cutoff_cores:
        for told in core["by_element"].values():
            assert 0 <= told["reduction_share"] < 1
            assert told["reduction_error_share"] > 0
            assert told["sd_after_t"] ** 2 == pytest.approx(told["sd_before_t"] ** 2 * (1 - told["reduction_share"]), rel=1e-9)
            assert told["width_before_t"] - told["width_after_t"] == pytest.approx(told["narrowing_t"], rel=1e-9)
    totals = tiny.simulation.totals
    metal_t = totals.query("element == 'dy' and region == 'all' and cutoff_ppm == 40")["metal_t"]
    first = found.cutoff_cores[0]["by_element"]["dy"]
    assert first["sd_before_t"] == pytest.approx(metal_t.std(), rel=1e-6)
    assert first["width_before_t"] == pytest.approx(metal_t.quantile(0.9) - metal_t.quantile(0.1), rel=1e-6)
    assert (
        over["in_sample_share"][-1] > found.cutoff_cores[-1]["reduction_share"] - found.cutoff_cores[-1]["by_element"]["dy"]["reduction_error_share"]
    )


def test_a_core_where_tonnes_follow_one_column_is_found_there(tiny):
    """Planted columns: the metal over the cut-off is that of one cell, and chance elsewhere."""
    columns = tiny.beside(SimulatedColumns)
    random = np.random.default_rng(0)
    allowed = [cell for cell in columns.cells if run_allowed(tiny)[cell]]
    where = int(np.flatnonzero(columns.cells == allowed[len(allowed) // 2])[0])
    values = random.uniform(20, 60, (400, len(columns.groups), columns.cells.size))
    tonnes = 1e5 + 1e4 * values[:, :, where].mean(axis=1)
    column = replace(
        columns.elements["dy"], metal_g_m3=values, metal_t=np.repeat(tonnes[:, None], 9, axis=1), dry_mud_t=np.repeat(tonnes[:, None], 9, axis=1)
    )
    planted = run(tiny, columns=replace(columns, elements={"dy": column}), count=1)
    (core,) = planted.cutoff_cores
    easting_m, northing_m = planted.grid.from_lonlat(np.array(core["longitude_deg"]), np.array(core["latitude_deg"]))
    at_m = [axis.ravel()[columns.cells[where]] for axis in planted.grid.centres_m()]
    assert (float(easting_m), float(northing_m)) == pytest.approx(at_m, abs=1.0)
    assert core["by_element"].keys() == {"dy"}
    # All of it, but what a core differs by from its column.
    simulated = OverCutoff.of(replace(columns, elements={"dy": column}), "dy", worth_of(tiny))
    spread = values[:, :, where].mean(axis=1).var()
    assert core["reduction_share"] == pytest.approx(spread / (spread + simulated.noise[0, 0]), abs=0.1)
    assert planted.summary["over_cutoff"]["not_computed"].keys() == {"gd"}
    assert np.isnan(planted.cutoff_share.get("gd", np.nan)).all()


def run_allowed(made):
    """(cells,) whether a core may stand there."""
    cells_m = np.stack(made.seafloor.grid.centres_m(), axis=-1)
    cores_m = core_positions_m(made.composites, made.seafloor.grid)
    far = np.linalg.norm(cells_m[:, :, None] - cores_m, axis=-1).min(axis=-1) >= 0.5 * median_spacing_m(cores_m)
    near = estimated_cells(made.composites, made.seafloor, made.settings.grade.max_distance_spacings)
    return (far & near & (made.seafloor.region_share >= 0.5)).ravel()


def worth_of(made):
    given = made.settings
    return next_cores._element(
        made.composites, made.variograms[0], made.joint, made.cross_validation, made.seafloor, made.beside(SimulatedColumns), given.next_cores,
        given.grade, given.simulation,
    ).worth  # fmt: skip


def test_the_map_over_a_cutoff_is_known_where_that_of_the_total_is(found):
    for element, share in found.reduction_share.items():
        assert np.array_equal(np.isfinite(found.cutoff_share[element]), np.isfinite(share))
        assert np.nanmax(found.cutoff_share[element]) < 1
        assert np.nanmin(found.cutoff_error_share[element]) > 0


def test_values_between_candidates_are_linear_and_hold_at_them():
    cells = np.zeros((11, 13), dtype=bool)
    cells[1:10, 1:12] = True
    lattice = np.zeros_like(cells)
    lattice[1::3, 1::3] = True
    at = np.flatnonzero(lattice & cells)
    columns = SimulatedColumns(at, 3, ((0,),), {}, None)
    rows, across = np.unravel_index(at, cells.shape)
    found = between_candidates(columns, 2.0 * rows + across, cells)
    assert np.array_equal(np.isfinite(found), cells)
    np.testing.assert_allclose(found.ravel()[at], 2.0 * rows + across)
    inside = np.ix_(range(1, 8), range(1, 11))
    np.testing.assert_allclose(found[inside], (2.0 * np.arange(11)[:, None] + np.arange(13))[inside], rtol=1e-12)


def test_both_ways_are_compared_where_both_can_go(found):
    for told in found.summary["over_cutoff"]["check_without_cutoff"].values():
        assert 0 < told["closed_form_share"] < 1
        assert told["regression_error_share"] > 0
        assert abs(told["regression_share"] - told["closed_form_share"]) < 5 * told["regression_error_share"]


def test_without_a_cutoff_of_the_settings_it_says_so(tiny):
    nothing = run(tiny, cutoffs_ppm=[41.0])
    assert nothing.cutoff_cores == []
    assert "cutoffs_ppm" in nothing.summary["over_cutoff"]["reason"]["en"]
    assert len(nothing.cores) == 5


def test_without_realisations_total_metal_is_told_alone(tiny, tmp_path):
    marks = tiny.composites.marks
    alone = run(tiny, columns=SimulatedColumns.nothing(marks))
    assert len(alone.cores) == 5
    assert alone.cutoff_cores == []
    assert "narrowing_t" not in alone.cores[0]["by_element"]["dy"]
    alone.write(tmp_path / "next_cores.json")
    again = NextCores.read(tmp_path / "next_cores.json")
    assert np.isnan(again.cutoff_share["dy"]).all()
    SimulatedColumns.nothing(marks).write(tmp_path / SimulatedColumns.NAME)
    assert SimulatedColumns.read(tmp_path / SimulatedColumns.NAME).elements == {}


# --- limits and the ship ---------------------------------------------------------------------------------------------------------------------------


class NoGo:
    """Domains of one polygon."""

    def __init__(self, ring, kind="no_go"):
        from pipeline.artefacts import Domain

        self.domain = Domain("area", [ring], kind, [1])

    def features(self, besides=None):
        assert besides is None or besides.startswith("domains/")
        return [self.domain]


def box(west, east, south, north):
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def test_no_core_stands_in_a_no_go_area_and_any_other_polygon_is_no_limit(tiny, found):
    first = found.cores[0]
    ring = box(first["longitude_deg"] - 0.06, first["longitude_deg"] + 0.06, first["latitude_deg"] - 0.06, first["latitude_deg"] + 0.06)
    kept_out = run(tiny, domains=NoGo(ring))
    for core in [*kept_out.cores, *kept_out.cutoff_cores]:
        assert abs(core["longitude_deg"] - first["longitude_deg"]) > 0.06 or abs(core["latitude_deg"] - first["latitude_deg"]) > 0.06
    assert run(tiny, domains=NoGo(ring, "facies")).cores == found.cores


def test_no_core_is_taken_in_water_too_deep_or_outside_the_zone(tiny, found):
    limit_m = float(np.median([core["water_depth_m"] for core in found.cores]))
    shallow = run(tiny, max_water_depth_m=limit_m)
    assert shallow.cores
    assert all(core["water_depth_m"] <= limit_m + 0.05 for core in shallow.cores)
    north = tiny.settings.place.model_copy(update={"eez_radius_nmi": 132.0})
    inside = run(tiny, place=north)
    island = tiny.settings.place.island_longitude_deg, tiny.settings.place.island_latitude_deg
    for core in inside.cores:
        assert Geod(ellps="WGS84").inv(*island, core["longitude_deg"], core["latitude_deg"])[2] <= 132 * 1852
    assert run(tiny, place=tiny.settings.place.model_copy(update={"eez_radius_nmi": 10.0})).cores == []
    left = [step["cells"] for step in inside.summary["limits"]]
    assert left == sorted(left, reverse=True)


def test_the_track_is_a_round_trip_through_every_station(tiny, found):
    geod, settings = Geod(ellps="WGS84"), tiny.settings.next_cores
    for objective, cores in found.sets.items():
        track = found.tracks[objective]
        assert sorted(track["ranks"]) == [core["rank"] for core in cores]
        start = tiny.settings.place.port_longitude_deg, tiny.settings.place.port_latitude_deg
        stops = [start, *((cores[rank - 1]["longitude_deg"], cores[rank - 1]["latitude_deg"]) for rank in track["ranks"]), start]
        legs_km = [geod.inv(*one, *other)[2] / 1000 for one, other in pairwise(stops)]
        np.testing.assert_allclose(track["legs_km"], legs_km, atol=0.002)
        assert track["track_km"] == pytest.approx(sum(legs_km), rel=1e-6)
        hours = track["track_km"] / 1.852 / settings.ship_speed_kn + len(cores) * settings.station_hours
        assert track["days"] == pytest.approx(hours / 24, rel=1e-9)


def test_a_limit_of_the_track_is_kept_to_and_takes_stations_away(tiny, found):
    whole_km = found.tracks[TOTAL_METAL]["track_km"]
    least_km = run(tiny, count=1, track_from="port").tracks[TOTAL_METAL]["track_km"]
    limit_km = (whole_km + min(least_km, whole_km)) / 2 if least_km < whole_km else 0.99 * whole_km
    short = run(tiny, max_track_km=limit_km)
    for objective in (TOTAL_METAL, OVER_CUTOFF):
        if objective in short.tracks:
            assert short.tracks[objective]["track_km"] <= limit_km + 1e-6
    assert short.cores != found.cores
    assert run(tiny, max_track_km=100.0).cores == []
    assert run(tiny, max_track_km=1e6).cores == found.cores


def test_without_a_start_there_is_no_track_and_none_can_be_limited(tiny):
    nowhere = tiny.settings.place.model_copy(update={"port_longitude_deg": None})
    found = run(tiny, place=nowhere)
    assert found.tracks == {}
    assert found.frame["leg_km"].isna().all()
    with pytest.raises(SettingsError, match=r"max_track_km is 500, but \[place\] has no port"):
        run(tiny, place=nowhere, max_track_km=500.0)
    assert Voyage.of(nowhere, tiny.settings.next_cores.model_copy(update={"track_from": "island"})).start == "island"


def test_the_table_has_a_row_for_each_objective_core_and_element(found, tmp_path):
    found.write(tmp_path / "next_cores.json")
    table = pd.read_csv(tmp_path / "next_cores.csv")
    assert tuple(table.columns) == NEXT_CORES_COLUMNS
    assert not table.duplicated(["objective", "rank", "element"]).any()
    assert len(table) == 2 * (len(found.cores) + len(found.cutoff_cores))
    total = table[table["objective"] == TOTAL_METAL]
    assert (total["cutoff_ppm"] == 0).all()
    assert total["reduction_error_share"].isna().all()
    for row in table.to_dict("records"):
        told = found.sets[row["objective"]][row["rank"] - 1]["by_element"][row["element"]]
        for name in ("sd_before_t", "sd_after_t", "reduction_share", "width_before_t", "narrowing_t"):
            assert row[name] == pytest.approx(told[name], rel=1e-8)
    # Stations are numbered as they are sailed to; the last leg, home, belongs to none.
    for objective in (TOTAL_METAL, OVER_CUTOFF):
        part = table[(table["objective"] == objective) & (table["element"] == "dy")].sort_values("station_number")
        assert part["rank"].tolist() == found.tracks[objective]["ranks"]
        np.testing.assert_allclose(part["leg_km"], found.tracks[objective]["legs_km"][:-1], rtol=1e-6)
