"""Starting panels on a map page: their shapes are the cells of the raster, a popup tells the table's figures, by keyboard and in both languages."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from accessibility import violations
from map_world import world
from visits import Visit, browser_running

from pipeline.map_page.panels import panel_records


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return world(tmp_path_factory.mktemp("panels"), more=("gd",), data_kind="synthetic")


def test_each_shape_is_the_cells_that_begin_to_be_mined_in_its_year(here):
    records = panel_records(here.production, ["dy", "gd"])
    assert [(one["rate_t_day"], one["basis"], one["years"]) for one in records] == [
        (350.0, "dry", 6), (350.0, "wet", 6), (3500.0, "dry", 6), (3500.0, "wet", 6),
    ]  # fmt: skip
    grid = here.grid
    for record in records:
        first_year = here.production.first_year[record["rate_t_day"], record["basis"]]
        for panel in record["panels"]:
            (rings,) = panel["rings"]
            latitude, longitude = np.array(rings[0]).T
            outline = shapely.Polygon(np.column_stack(grid.from_lonlat(longitude, latitude)))
            inside = shapely.contains_xy(outline, *grid.centres_m())
            np.testing.assert_array_equal(inside, first_year == panel["year"])
            assert outline.area == pytest.approx(inside.sum() * grid.cell_area_m2, rel=1e-3)
            easting_m, northing_m = grid.from_lonlat(panel["point"][1], panel["point"][0])
            assert outline.contains(shapely.Point(easting_m, northing_m))
    slow = records[0]["panels"]
    assert [(panel["year"], panel["until"]) for panel in slow] == [(1, 3), (3, 5), (5, 6)]


def test_what_a_panel_tells_is_the_row_of_its_year(here):
    years = here.production.years
    for record in panel_records(here.production, ["dy", "gd", "absent"]):
        for panel in record["panels"]:
            assert set(panel["by_element"]) == {"dy", "gd"}
            for element, told in panel["by_element"].items():
                chosen = (years["rate_t_day"] == record["rate_t_day"]) & (years["basis"] == record["basis"]) & (years["year"] == panel["year"])
                rows = years[chosen & (years["element"] == element)].set_index("statistic")
                for name, values in told.items():
                    np.testing.assert_allclose(values, [rows.loc[statistic, name] for statistic in ("p10", "p50", "p90")], rtol=1e-8)
                assert panel["dry_mud_t_year"] == pytest.approx(rows.loc["p50", "dry_mud_t_year"], rel=1e-8)


def test_a_plan_of_which_nothing_is_told_is_no_layer(tmp_path):
    alone = world(tmp_path, more=("gd",), not_simulated=("dy",))
    assert panel_records(alone.production, ["dy"]) == []
    assert len(panel_records(alone.production, ["gd"])) == 4


@pytest.mark.browser
def test_panels_open_by_keyboard_for_each_scenario_in_both_languages(here, tmp_path):
    path = tmp_path / "grade_dy.html"
    path.write_text(here.map_page("dy").html, encoding="utf-8")
    assert path.stat().st_size < 5_000_000
    with browser_running() as running, Visit(running, path, "#lang=en") as page:
        page.check("#layer-panels")
        assert page.locator("#legend-panels").inner_text() == "starting panels, mined from dark to pale"
        names = page.locator("#panel-scenario option").all_inner_texts()
        assert names == ["350 t of mud a day, dry", "350 t of mud a day, wet", "3,500 t of mud a day, dry", "3,500 t of mud a day, wet"]
        assert page.locator("#panel-scenario").input_value() == "2"
        assert page.locator("path.panel-cell").count() == 6
        page.locator(".next.start").focus()
        page.keyboard.press("Enter")
        told = page.locator(".leaflet-popup .popup").last.inner_text()
        years = here.production.years
        row = years[(years["rate_t_day"] == 3500) & (years["basis"] == "dry") & (years["year"] == 1) & (years["element"] == "dy")].set_index(
            "statistic"
        )
        assert "Panel of year 1" in told
        for statistic in ("p10", "p50", "p90"):
            assert f"{row.loc[statistic, 'grade_ppm']:.3g}" in told
        assert "low (P90)" in told
        assert "upper bound" in told
        page.keyboard.press("Escape")
        page.select_option("#panel-scenario", "1")
        assert page.locator("path.panel-cell").count() == 3
        third = page.locator("path.panel-cell").nth(2)
        assert (third.get_attribute("role"), third.get_attribute("tabindex"), third.get_attribute("aria-label")) == ("button", "0", "Panel of year 5")
        third.focus()
        page.keyboard.press("Enter")
        assert "Its cells are mined until year 6" in page.locator(".leaflet-popup .popup").last.inner_text()  # the closed one fades for 0.2 s
        page.keyboard.press("Escape")
        page.click("#lang-ja")
        assert page.locator("#panel-scenario option").all_inner_texts()[1] == "揚泥量 350 t/日（湿泥）"
        assert page.locator("path.panel-cell").nth(0).get_attribute("aria-label") == "1年目の区画"
        assert violations(page) == []
        page.uncheck("#layer-panels")
        assert page.locator("path.panel-cell").count() == 0
