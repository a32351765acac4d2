"""What a map page carries: exactly the whole numbers of the rasters, the rows of the tonnage table, and less of a grid too large for a page."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from map_world import CUTOFFS, REGION, world

from pipeline.artefacts import QUANTILES, DomainFiles
from pipeline.config import RecoverableSettings
from pipeline.files import sha256_of
from pipeline.map_page import outlines, rasters
from pipeline.map_page.rasters import Thinning, thinning
from pipeline.web.packing import NOTHING, packed, steps_of, unpacked


def block(html, name):
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', html)[1])


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=3, max_side=9), elements=st.integers(0, 65535)))
def test_packing_loses_nothing(values):
    assert np.array_equal(unpacked(packed(values), values.shape), values)


def test_steps_are_kept_within_sixteen_bits():
    assert steps_of(np.array([1e9, -3.0]), 0.1).tolist() == [NOTHING - 1, 0]
    assert steps_of(np.array([np.nan]), 0.1).tolist() == [NOTHING]


def test_smooth_rasters_shrink_to_less_than_a_byte_per_value():
    x, y = np.meshgrid(np.linspace(0, 3, 128), np.linspace(0, 3, 100))
    values = steps_of(50 + 30 * np.sin(x) * np.cos(y), 0.1)
    assert len(packed(values)) < values.size


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return world(tmp_path_factory.mktemp("raw"), more=("gd",))


@pytest.fixture(scope="module")
def html(here):
    return here.map_page().html


@pytest.mark.parametrize("element", ["dy", "gd"])
def test_map_carries_every_raster_to_its_last_digit(here, html, element):
    cells, grade, simulated = block(html, "map-cells")[element], {"dy": here.grade, "gd": here.more[0]}[element], here.simulation.grades[element]
    kept = [list(QUANTILES).index(name) for name in ("p10", "p50", "p90")]
    expected = {
        "grade": [grade.mean_ppm, grade.sd_ppm] + [band for pair in zip(grade.layer_ppm, grade.layer_sd_ppm, strict=True) for band in pair],
        "percentiles": [*simulated.column_ppm[kept], *(simulated.block_ppm[k, layer] for layer in range(3) for k in kept)],
        "probability": [*simulated.probability, *(simulated.block_probability[c, layer] for layer in range(3) for c in range(len(CUTOFFS)))],
    }
    for name, bands in expected.items():
        steps = unpacked(cells[name], (len(bands), *here.grid.shape))
        per_unit = 500 if name == "probability" else 10
        assert np.array_equal(np.where(steps == NOTHING, np.nan, steps / per_unit), np.array(bands), equal_nan=True)


@pytest.mark.parametrize("element", ["dy", "gd"])
def test_map_carries_the_rows_of_the_tonnage_table(here, html, element):
    data = next(one for one in block(html, "map-data")["elements"] if one["key"] == element)
    assert data["cutoffs"] == list(CUTOFFS)
    assert [region["region"] for region in data["tonnage"]] == ["supported", "all"]
    frame = here.tonnage.frame[here.tonnage.frame.element == element]
    for region in data["tonnage"]:
        assert set(region["rows"]) == {"kriged", "mean", "p05", "p10", "p50", "p90", "p95"}
        for statistic, rows in region["rows"].items():
            for cutoff, row in zip(CUTOFFS, rows, strict=True):
                same = frame[(frame.region == region["region"]) & (frame.cutoff_ppm == cutoff) & (frame.statistic == statistic)].iloc[0]
                assert row == {key: same[key] for key in ("area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t")}


def test_places_are_what_the_seafloor_and_the_cores_say(here, html):
    how = block(html, "map-data")["places"]
    planes = dict(zip(how["names"], unpacked(block(html, "map-places"), (len(how["names"]), *here.grid.shape)), strict=True))
    assert np.abs(planes["depth_m"] - here.seafloor.depth_m).max() <= 0.5
    assert np.abs(planes["share"] * how["steps"]["share"] - here.seafloor.region_share).max() <= how["steps"]["share"]
    # The cell that holds a core is within half its diagonal of it.
    core = here.samples.frame.iloc[0]
    easting_m, northing_m = here.grid.from_lonlat(core["longitude_deg"], core["latitude_deg"])
    x, y = here.grid.centres_m()
    away_m = np.hypot(x - easting_m, y - northing_m)
    nearest = np.unravel_index(away_m.argmin(), away_m.shape)
    assert planes["distance_m"][nearest] == round(away_m.min())
    assert np.array_equal(np.where(planes["class"] == NOTHING, np.nan, planes["class"]), here.simulation.classes.code, equal_nan=True)


def test_places_too_steep_or_too_deep_are_told_apart(here):
    slope_deg = np.where(np.arange(here.grid.shape[1]) < 3, 9.0, 1.0) * np.ones(here.grid.shape)
    page = (
        replace(here, seafloor=replace(here.seafloor, slope_deg=slope_deg)).map_page(recoverable=RecoverableSettings(max_water_depth_m=5600.0)).html
    )
    how = block(page, "map-data")["places"]
    excluded = unpacked(block(page, "map-places"), (len(how["names"]), *here.grid.shape))[how["names"].index("excluded")]
    assert np.array_equal(excluded, 1 * (slope_deg > 7) + 2 * (here.seafloor.depth_m > 5600))


def test_squares_keep_the_tonnes_of_each_realisation(here, html):
    carried = block(html, "map-squares")
    totals, (rows, columns) = here.squares.grades["dy"], here.squares.shape
    assert (carried["rows"], carried["columns"], carried["realisations"], carried["side_cells"]) == (rows, columns, 20, 8)
    steps = unpacked(carried["elements"]["dy"]["packed"], (2, len(CUTOFFS), 20, rows * columns))
    for plane, name, tonnes in ((0, "mud_steps_t", totals.dry_mud_t), (1, "metal_steps_t", totals.metal_t)):
        step_t = np.array(carried["elements"]["dy"][name])[:, None, None]
        kept = np.moveaxis(steps[plane] * step_t, 0, 1).reshape(tonnes.shape)
        assert np.abs(kept - tonnes).max() <= tonnes.max() / 3900
        assert np.allclose(kept.sum(axis=(2, 3)), tonnes.sum(axis=(2, 3)), rtol=1e-3)


def test_the_lattice_finds_every_corner_of_the_cells(here):
    lattice, grid = outlines.lattice(here.grid), here.grid
    west_m, _, _, north_m = grid.bounds_m
    rows, columns = np.arange(grid.shape[0] + 1.0), np.arange(grid.shape[1] + 1.0)
    longitude_deg, latitude_deg = grid.to_lonlat(*np.meshgrid(west_m + columns * grid.cell_m, north_m - rows * grid.cell_m))

    def between(values):
        along = np.array([np.interp(columns, lattice["columns"], line) for line in values])
        return np.array([np.interp(rows, lattice["rows"], line) for line in along.T]).T

    assert np.abs(between(lattice["latitude_deg"]) - latitude_deg).max() < 2e-5  # about 2 m
    assert np.abs(between(lattice["longitude_deg"]) - longitude_deg).max() < 2e-5


def test_a_grid_too_large_for_a_page_is_thinned_to_means(here, monkeypatch):
    monkeypatch.setattr(rasters, "_MOST_VALUES", 8000)
    page = here.map_page().html
    data = block(page, "map-data")
    factor, (rows, columns) = data["factor"], data["cells"]
    assert factor > 1
    assert ["about_thinned", {"factor": factor}] in data["about"]["dy"]
    steps = unpacked(block(page, "map-cells")["dy"]["grade"], (8, rows, columns))[0]
    for row, column in ((0, 0), (3, 4), (rows - 1, columns - 1)):
        group = here.grade.mean_ppm[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        assert abs(steps[row, column] / 10 - np.nanmean(group)) <= 0.05 + 1e-9


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (8, 8), (13, 2)])
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_thinning_keeps_sums_codes_and_gaps(shape, factor):
    random = np.random.default_rng(3)
    values = np.where(random.random(shape) < 0.3, np.nan, random.integers(0, 4, shape).astype(float))
    thin = Thinning(factor, shape)
    assert thin.share(values).sum() * factor**2 == pytest.approx(np.nansum(values))
    for row in range(thin.shown[0]):
        for column in range(thin.shown[1]):
            group = values[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            known = group[np.isfinite(group)]
            found = thin.mean(values)[row, column], thin.lowest(values)[row, column]
            assert np.allclose(found, (known.mean(), known.min()) if known.size else (np.nan, np.nan), equal_nan=True)


def test_a_page_of_two_elements_holds_as_many_values_as_one_of_fifty_layers():
    assert thinning((100, 128), 10, [9, 9]).factor == 1
    assert thinning((5000, 5000), 10, [9, 9]).factor > 5


@pytest.mark.parametrize(("element", "carried"), [("dy", ["dy", "gd"]), ("gd", ["dy", "gd"]), ("nd", ["dy", "nd"]), ("tb", ["dy", "tb"])])
def test_a_page_carries_its_own_element_and_the_other_of_the_first_two(tmp_path, element, carried):
    data = block(world(tmp_path, more=("gd", "nd", "tb")).map_page(element).html, "map-data")
    assert data["own"] == element
    assert [one["key"] for one in data["elements"]] == ["dy", "gd", "nd", "tb"]
    assert {one["key"]: one["href"] for one in data["elements"]} == {
        key: None if key in carried else f"grade_{key}.html" for key in ("dy", "gd", "nd", "tb")
    }


def test_an_element_that_was_not_simulated_has_no_range(tmp_path):
    page = world(tmp_path, more=("gd",), not_simulated=("gd",)).map_page().html
    dy, gd = block(page, "map-data")["elements"]
    assert (dy["simulated"], gd["simulated"]) == (True, False)
    assert [set(region["rows"]) for region in gd["tonnage"]] == [{"kriged"}, {"kriged"}]
    assert block(page, "map-cells")["gd"]["percentiles"] is None
    assert list(block(page, "map-squares")["elements"]) == ["dy"]


def test_an_unknown_element_is_shown_by_its_symbol(tmp_path):
    page = world(tmp_path, element="xx").map_page().html
    (xx,) = block(page, "map-data")["elements"]
    assert (xx["name"], xx["oxide"]) == ({"en": "Xx", "ja": "Xx"}, None)
    assert "<title>Xx grade map · Test region</title>" in page


def test_one_colour_range_holds_estimate_low_median_and_high(here, html):
    for one in block(html, "map-data")["elements"]:
        simulated = here.simulation.grades[one["key"]]
        for (low, high), values in zip(one["limits"]["grade"], (simulated.column_ppm[[1, 3, 5]], simulated.block_ppm[[1, 3, 5]]), strict=True):
            assert low <= np.nanmin(values)
            assert np.nanmax(values) <= high


def test_the_published_box_is_drawn_only_from_its_figures(here, tmp_path):
    assert block(here.map_page().html, "map-data")["published"] is None
    other = world(tmp_path)
    rows = {"west": 153.5, "east": 154.116667, "south": 21.8, "north": 22.25, "area": 2500}
    text = "id,value,unit,source\n" + "".join(f"takaya_2018_{key},{value},x,a paper\n" for key, value in rows.items())
    (other.raw / "published" / "place.csv").write_text(text, encoding="utf-8")
    box = block(other.map_page().html, "map-data")["published"]
    assert round(box["bounds_km2"]) == 3172
    assert (box["area_km2"], box["source"]) == (2500, "a paper")


SQUARE = [[153.6, 21.9], [153.8, 21.9], [153.8, 22.1], [153.6, 21.9]]
FEATURES = {
    "Polygon": {"type": "Feature", "properties": {"name": "no-go"}, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}},
    "MultiPolygon": {"type": "Feature", "properties": None, "geometry": {"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE]]}},
    "Point": {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [153.6, 21.9]}},
    "nothing": {"type": "Feature", "properties": {}, "geometry": None},
    "text": {"type": "Polygon", "coordinates": [[["a", "b"]]]},
}


def domains(raw, **files):
    (raw / "domains").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (raw / "domains" / f"{name}.geojson").write_text(text, encoding="utf-8")
    return DomainFiles(raw, {f"domains/{name}.geojson": sha256_of(raw / "domains" / f"{name}.geojson") for name in files})


def test_domains_that_are_no_polygons_are_counted_not_refused(tmp_path, here):
    collection = json.dumps({"type": "FeatureCollection", "features": list(FEATURES.values())})
    found = domains(tmp_path, a=collection, b="{no json", region=json.dumps(FEATURES["Polygon"]))
    drawn, skipped = outlines.domain_outlines(found, here.grid, "domains/region.geojson")
    assert [(domain["name"], len(domain["rings"])) for domain in drawn] == [("no-go", 1), ("a", 2)]
    assert skipped == 4
    assert drawn[0]["rings"][0][0] == [21.9, 153.6]


def test_a_region_across_the_date_line_stays_in_one_piece(tmp_path, here):
    from pipeline.grid import region_grid

    region = REGION.model_copy(update={"west_deg": 179.7, "east_deg": 180.3})
    from map_world import GRID

    grid = region_grid(region, GRID)
    longitudes = np.array(outlines.lattice(grid)["longitude_deg"])
    assert np.ptp(longitudes) < 1.0
    (_, west), (_, east) = outlines.bounds(grid)
    assert east - west < 1.0
