"""Every control of a map in a real browser: what it shows is what the table and the rasters say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import map_world
import numpy as np
import pytest
from map_world import CUTOFFS, cell_centre, world
from visits import Visit, browser_running

from pipeline.artefacts import QUANTILES
from pipeline.map_page import rasters

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser

FIGURES = {"area_km2": 1, "dry_mud_t": 1e-6, "grade_ppm": 1, "metal_t": 1, "oxide_t": 1}
PIXELS = "(() => { const c = document.querySelector('canvas.grade-image'); return c.toDataURL(); })()"


@pytest.fixture(scope="module")
def chromium():
    with browser_running() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("pages")
    here = world(base / "raw", more=("gd",))
    for element in ("dy", "gd"):
        (base / f"grade_{element}.html").write_text(here.map_page(element).html, encoding="utf-8")
    (base / "index.html").write_text(here.index_page().html, encoding="utf-8")
    return base


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return world(tmp_path_factory.mktemp("same"), more=("gd",))


def slide(page, name, value):
    page.evaluate("([id, value]) => { const e = document.getElementById(id); e.value = value; e.dispatchEvent(new Event('input')); }", [name, value])


def until(page, claim):
    """Wait until a claim about the page holds; its policy forbids what Playwright itself would wait with."""
    later = "await new Promise((later) => setTimeout(later, 25))"
    assert page.evaluate(f"(async () => {{ for (let i = 0; i < 200; i++) {{ if ({claim}) return true; {later}; }} return false }})()"), claim


def rasters_of(here, element, layer):
    """What the files say, by statistic of the page."""
    grade = here.grade if element == here.grade.element else here.more[0]
    simulated, names = here.simulation.grades[element], list(QUANTILES)
    blocks = simulated.column_ppm if layer == 0 else simulated.block_ppm[:, layer - 1]
    estimate, sd = (grade.mean_ppm, grade.sd_ppm) if layer == 0 else (grade.layer_ppm[layer - 1], grade.layer_sd_ppm[layer - 1])
    found = {"grade": estimate, "sd": sd, **{name: blocks[names.index(name)] for name in ("p10", "p50", "p90")}}
    over = simulated.probability if layer == 0 else simulated.block_probability[:, layer - 1]
    return found, over


@pytest.mark.parametrize("element", ["dy", "gd"])
@pytest.mark.parametrize("region", ["supported", "all"])
def test_the_slider_tells_the_rows_of_the_table(chromium, folder, here, element, region):
    frame = here.tonnage.frame
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        page.check(f"input[name=element][value={element}]", force=True)
        page.select_option("#region", index=["supported", "all"].index(region))
        for cut, cutoff in enumerate(CUTOFFS):
            slide(page, "cutoff", cut)
            mine = frame[(frame.element == element) & (frame.region == region) & (frame.cutoff_ppm == cutoff)].set_index("statistic")
            for figure, scale in FIGURES.items():
                for statistic in ("mean", "p10", "p90"):
                    shown = page.locator(f"#figures [data-figure='{statistic}/{figure}']")
                    assert float(shown.get_attribute("value")) == mine.loc[statistic, figure]
                    assert np.isclose(float(shown.inner_text().replace(",", "")), mine.loc[statistic, figure] * scale, rtol=6e-3)
            for statistic in ("p05", "p95", "kriged"):
                assert float(page.get_attribute(f"[data-figure='{statistic}/metal_t']", "value")) == mine.loc[statistic, "metal_t"]
            assert page.get_attribute("#curve .dot", "data-cutoff") == f"{cutoff:g}"
            assert ("none" if cutoff == 0 else f"≥ {cutoff:g} ppm") in page.locator("#cutoff-out").inner_text()


def test_the_curve_tells_each_quantity_over_every_cutoff(chromium, folder, here):
    rows = here.tonnage.frame.query("element == 'dy' and region == 'supported'").set_index(["statistic", "cutoff_ppm"])
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        for figure, scale in FIGURES.items():
            page.select_option("#curve-figure", figure)
            said = page.get_attribute("#curve svg", "aria-label")
            for cutoff in CUTOFFS:
                told = [f"{float(f'{rows.loc[(name, cutoff), figure] * scale:.3g}'):,g}" for name in ("mean", "p10", "p90")]
                assert f"cut-off {cutoff:g} ppm: {told[0]}, {told[1]} to {told[2]}" in said
        page.locator("#curve .strip").nth(2).click()
        assert page.evaluate("seabed.state.cut") == 2
        assert page.input_value("#cutoff") == "2"


@pytest.mark.parametrize("element", ["dy", "gd"])
@pytest.mark.parametrize("layer", [0, 2])
def test_every_value_of_the_page_is_that_of_the_raster(chromium, folder, here, element, layer):
    found, over = rasters_of(here, element, layer)
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        value = "([e, s, l, c]) => Array.from({length: seabed.cells.count}, (_, cell) => seabed.value(e, s, l, cell, c))"
        for statistic, raster in found.items():
            shown = np.array(page.evaluate(value, [element, statistic, layer, 0]), float).reshape(here.grid.shape)
            assert np.array_equal(shown, raster, equal_nan=True), statistic
        for cut in range(len(CUTOFFS)):
            shown = np.array(page.evaluate(value, [element, "probability", layer, cut]), float).reshape(here.grid.shape)
            assert np.array_equal(shown, over[cut], equal_nan=True)


def test_a_click_tells_the_values_of_that_cell(chromium, folder, here):
    rows, columns = here.grid.shape
    with Visit(chromium, folder / "grade_dy.html", "#lang=en&layer=2&cut=40") as page:
        for row, column in ((1, 1), (rows // 2, columns // 2), (rows // 3, columns - 2), (rows - 4, 8)):
            longitude_deg, latitude_deg = cell_centre(here.grid, row, column)
            x, y = page.evaluate(
                "([lat, lng]) => { seabed.map.closePopup(); seabed.map.setView([lat, lng], 12, {animate: false});"
                " const p = seabed.map.latLngToContainerPoint([lat, lng]), box = seabed.map.getContainer().getBoundingClientRect();"
                " return [p.x + box.x, p.y + box.y] }",
                [latitude_deg, longitude_deg],
            )
            page.mouse.click(x, y)
            for layer in (2, 0):
                found, over = rasters_of(here, "dy", layer)
                for statistic, raster in {**found, "probability": over[1]}.items():
                    assert float(page.get_attribute(f"#values [data-value='{statistic}/{layer}']", "value")) == raster[row, column]
            assert float(page.get_attribute("#values [data-place=depth_m]", "value")) == round(here.seafloor.depth_m[row, column])
            text = page.locator("#values").inner_text()
            assert "too coarse" in text
            code = here.simulation.classes.code[row, column]
            assert ("inferred" if code == 1 else "unclassified") in text
            assert page.get_attribute("#values [data-reason]", "data-reason") == f"{here.simulation.classes.reason[row, column]:g}"
        longitude_deg, latitude_deg = cell_centre(here.grid, rows - 1, 0)
        page.evaluate("([lat, lng]) => seabed.inspect([lat, lng])", [latitude_deg, longitude_deg])
        assert "too far from any core" in page.locator("#values").inner_text()


def test_the_values_in_the_middle_open_by_keyboard(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        page.locator(".map").focus()
        page.keyboard.press("Enter")
        assert "Kriged estimate" in page.locator("#values").inner_text()
        page.keyboard.press("Escape")
        page.locator("#values").wait_for(state="detached")


def test_a_popup_follows_layer_cutoff_element_and_language(chromium, folder, here):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        longitude_deg, latitude_deg = cell_centre(here.grid, 10, 10)
        page.evaluate("([lat, lng]) => seabed.inspect([lat, lng])", [latitude_deg, longitude_deg])
        slide(page, "depth", 3)
        assert page.locator("#values [data-value='grade/3']").count() == 1
        page.evaluate("seabed.set({element: 'gd'})")
        assert float(page.get_attribute("#values [data-value='grade/3']", "value")) == here.more[0].layer_ppm[2, 10, 10]
        page.click("#lang-ja")
        assert "クリギング推定値" in page.locator("#values").inner_text()


def test_statistic_depth_opacity_and_element_change_the_picture(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        seen = [page.evaluate(PIXELS)]
        slide(page, "cutoff", 1)
        for statistic, title in (
            ("p10", "Dy grade, low (P90), ppm"),
            ("p50", "Dy grade, median, ppm"),
            ("p90", "Dy grade, high (P10), ppm"),
            ("probability", "Probability of mean Dy ≥ 40 ppm, %"),
            ("sd", "Dy standard deviation, ppm"),
        ):
            page.check(f"input[name=statistic][value={statistic}]", force=True)
            assert page.locator(".legend-title").inner_text() == title
            seen.append(page.evaluate(PIXELS))
        slide(page, "depth", 2)
        assert page.locator("#depth-out").inner_text() == "1–2 m"
        seen.append(page.evaluate(PIXELS))
        page.check("input[name=statistic][value=grade]", force=True)
        seen.append(page.evaluate(PIXELS))
        page.check("input[name=element][value=gd]", force=True)
        assert page.locator("h1").inner_text() == "Gadolinium (Gd) grade below the seafloor"
        seen.append(page.evaluate(PIXELS))
        assert len(set(seen)) == len(seen)
        slide(page, "opacity", 30)
        assert page.evaluate("getComputedStyle(document.querySelector('canvas.grade-image')).opacity") == "0.3"


def test_one_range_of_colours_serves_estimate_low_median_and_high(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        for layer in (0, 1, 3):
            ranges = [page.evaluate("([s, l]) => seabed.limits('dy', s, l)", [statistic, layer]) for statistic in ("grade", "p10", "p50", "p90")]
            assert all(found == ranges[0] for found in ranges)
        assert page.evaluate("seabed.limits('dy', 'probability', 1)") == [0, 1]


@pytest.mark.parametrize(("statistic", "layer"), [("grade", 0), ("grade", 1), ("p10", 2), ("p90", 0), ("sd", 1), ("probability", 1)])
def test_cells_under_the_cutoff_are_grey(chromium, folder, here, statistic, layer):
    """In a layer the shown value is held against it, over the interval the richest block; a deviation is judged by its estimate."""
    kept = statistic if statistic in ("grade", "p10", "p90") else "grade"
    blocks = here.grade.layer_ppm if kept == "grade" else here.simulation.grades["dy"].block_ppm[list(QUANTILES).index(kept)]
    held = blocks.max(axis=0) if layer == 0 else blocks[layer - 1]
    below = np.zeros(here.grid.shape, bool) if statistic == "probability" else held < CUTOFFS[2]
    with Visit(chromium, folder / "grade_dy.html", f"#lang=en&stat={statistic}&layer={layer}&cut=80") as page:
        found = page.evaluate(
            "(() => { const c = document.querySelector('canvas.grade-image'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
            " const out = Array(seabed.cells.count).fill(-1);"
            " seabed.lookup.cell.forEach((cell, i) => { if (cell >= 0) out[cell] = d[4 * i + 3]; }); return out })()"
        )
        opacity = np.array(found).reshape(here.grid.shape)
        known = np.isfinite(here.grade.mean_ppm)
        assert (opacity >= 0).all()
        assert np.array_equal(opacity == 102, below & known)
        assert np.array_equal(opacity == 0, ~known)


def test_each_layer_comes_and_goes_with_its_legend(chromium, folder, here):
    entries = {
        "next": "next best core",
        "panels": "starting panels",
        "uncertain": "wider than 80 % of the median",
        "far": "no estimate",
        "classes": "inferred",
        "excluded": "steeper than 7°",
        "region": "Assessed region",
        "contours": "Depth contours",
        "zone": "constructed, not official",
        "cores": "core",
    }
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        for layer, entry in entries.items():
            page.check(f"#layer-{layer}")
            with_it = page.locator("#legend ul").inner_text()
            assert entry in with_it
            page.uncheck(f"#layer-{layer}")
            assert page.locator("#legend ul").inner_text() != with_it
        page.uncheck("#layer-grade")
        assert page.locator(".grade-image").count() == 0
        page.check("#layer-grade")
        assert page.locator(".grade-image").count() == 1
        page.uncheck("#layer-relief")
        page.check("#layer-relief")


def test_masks_cover_exactly_their_cells(chromium, folder, here):
    """Whether each cell's middle lies inside the outline, by even and odd crossings."""
    column = here.simulation.grades["dy"].column_ppm
    masks = {
        "uncertain": (column[5] - column[1]) / column[3] > 0.8,
        "far": ~np.isfinite(here.grade.mean_ppm) & (here.seafloor.region_share > 0),
        "classes": here.simulation.classes.code == 1,
    }
    colours = {"uncertain": "pattern-uncertain", "far": "pattern-far", "classes": "pattern-class-1"}
    easting_m, northing_m = here.grid.centres_m()
    longitude_deg, latitude_deg = here.grid.to_lonlat(easting_m, northing_m)
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        for layer, mask in masks.items():
            page.check(f"#layer-{layer}")
            rings = page.evaluate(
                "(name) => { let found = []; seabed.map.eachLayer((l) => { if (l.options.fillColor === `url(#${name})`)"
                " found = l.getLatLngs().map((ring) => ring.map((p) => [p.lat, p.lng])); }); return found }",
                colours[layer],
            )
            inside = np.zeros(here.grid.shape, bool)
            for ring in rings:
                points = np.array(ring)
                for (y0, x0), (y1, x1) in zip(points, np.roll(points, -1, axis=0), strict=True):
                    crossing = (y0 > latitude_deg) != (y1 > latitude_deg)
                    with np.errstate(divide="ignore", invalid="ignore"):
                        inside ^= crossing & (longitude_deg < (x1 - x0) * (latitude_deg - y0) / (y1 - y0) + x0)
            assert mask.any()
            assert np.array_equal(inside, mask), layer


def test_next_cores_are_numbered_and_say_what_they_would_narrow(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        page.check("#layer-next")
        assert page.locator(".next").all_inner_texts() == ["1", "2"]
        page.locator(".next").nth(1).focus()
        page.keyboard.press("Enter")
        text = page.locator(".popup").inner_text()
        for part in ("Next core 2", "27,800 → 26,100 t", "−12.0 % of the variance", "5,600 m", "model held fixed"):
            assert part in text


def test_next_cores_are_those_of_the_objective_that_is_chosen_and_the_ship_s_track_joins_them(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        page.check("#layer-next")
        assert page.locator("#next-objective option").all_inner_texts() == ["total metal", "metal over 40 ppm (approximate)"]
        line = page.evaluate(
            "() => { let found; seabed.map.eachLayer((l) => { if (l.options.className === 'next-track') found = l.getLatLngs() });"
            " return found.map((p) => [p.lat, p.lng]) }"
        )
        assert len(line) == 4
        assert line[0] == line[-1] == [35.65, 139.77]
        page.select_option("#next-objective", "1")
        page.locator(".next").nth(1).focus()
        page.keyboard.press("Enter")
        text = page.locator(".popup").inner_text()
        for part in ("Next core 2", "over 40 ppm", "± 3 % of the variance", "100,000 → 94,000 t", "(−6,000 t)", "approximate"):
            assert part in text
        page.evaluate("seabed.set({ lang: 'ja' })")
        assert page.locator("#next-objective option").all_inner_texts() == ["総金属量", "40 ppm 以上の金属量（近似）"]


LINK = "map=10.5/22.0100/153.8200&el=gd&stat=p90&layer=3&cut=40&region=all&on=cores.grade.next&lang=ja"


def test_a_deep_link_goes_round(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", f"#{LINK}") as page:
        assert page.evaluate("seabed.hash()") == f"#{LINK}"
        until(page, "decodeURIComponent(location.hash) === seabed.hash()")
        assert page.locator("#depth-out").inner_text() == "2–3 m"
        assert page.locator("#cutoff-out").inner_text() == "40 ppm 以上"
        assert page.is_checked("input[value=p90]")
        assert page.is_checked("input[name=element][value=gd]")
        assert page.evaluate("[...document.querySelectorAll('#layers input:checked')].map((e) => e.id.slice(6)).sort()") == ["cores", "grade", "next"]
        page.evaluate("location.hash = 'map=9.5/22.1/153.9&el=dy&stat=sd&layer=1&cut=80&lang=en'")
        until(page, "seabed.state.statistic === 'sd'")
        assert page.evaluate("[seabed.state.element, seabed.state.layer, seabed.state.cut, seabed.state.lang, seabed.map.getZoom()]") == [
            "dy",
            1,
            2,
            "en",
            9.5,
        ]
        slide(page, "cutoff", 1)
        until(page, "location.hash.includes('cut=40')")
        assert "map=9.5/22.1000/153.9000" in page.evaluate("location.hash")


def test_links_of_older_pages_still_open_what_they_named(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=ja&stat=sd&layer=3&cut=40") as page:
        assert page.locator("#depth-out").inner_text() == "2–3 m"
        assert page.locator("#cutoff-out").inner_text() == "40 ppm 以上"
        assert page.is_checked("input[value=sd]")


@pytest.mark.parametrize(
    "link", ["#el=xx&stat=toString&layer=99&cut=abc&region=nowhere&map=a/b/c&on=x.y&lang=fr", "#layer=-1&cut=-5&map=1/2", "#%E0%A4%A"]
)
def test_a_link_with_nonsense_opens_the_page(chromium, folder, link):
    with Visit(chromium, folder / "grade_dy.html", link) as page:
        assert page.evaluate("[seabed.state.element, seabed.state.statistic, seabed.state.cut, seabed.state.region]") == ["dy", "grade", 0, 0]


def test_the_page_of_the_second_element_opens_with_it(chromium, folder):
    with Visit(chromium, folder / "grade_gd.html", "#lang=en") as page:
        assert page.evaluate("seabed.state.element") == "gd"
        assert page.locator("h1").inner_text().startswith("Gadolinium")


def test_squares_of_the_page_add_up_to_the_realisations(chromium, folder, here):
    totals = here.squares.grades["gd"].metal_t.sum(axis=(2, 3))
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        found = page.evaluate(
            "(() => { const s = seabed.squares('gd'), out = []; for (let r = 0; r < s.realisations; r++) out.push(s.cutoffs.map((_, c) => {"
            " let sum = 0; for (let i = 0; i < s.rows * s.columns; i++) sum += s.metal_t(r, c, i); return sum; })); return out })()"
        )
        assert np.allclose(found, totals, rtol=1e-3)
        of_cell = np.array(page.evaluate("[...seabed.squares('gd').ofCell]")).reshape(here.grid.shape)
        rows, columns = np.indices(here.grid.shape) // 8
        assert np.array_equal(of_cell, rows * here.squares.shape[1] + columns)


def page_of(chromium, tmp_path, anchor="#lang=en", **how):
    (tmp_path / "grade_dy.html").write_text(world(tmp_path / "raw", **how).map_page().html, encoding="utf-8")
    return Visit(chromium, tmp_path / "grade_dy.html", anchor)


def test_an_element_that_was_not_simulated_says_so(chromium, tmp_path):
    with page_of(chromium, tmp_path, "#el=gd&stat=p90&lang=en", more=("gd",), not_simulated=("gd",)) as page:
        assert page.evaluate("seabed.state.statistic") == "grade"
        assert [page.is_disabled(f"input[value={name}]") for name in ("p10", "p50", "p90", "probability", "grade", "sd")] == [True] * 4 + [False] * 2
        assert "was not simulated" in page.locator("#statistic-note").inner_text()
        assert page.locator("#figures [data-figure='kriged/metal_t']").count() == 1
        page.check("input[name=element][value=dy]", force=True)
        assert page.is_enabled("input[value=p90]")


def test_one_element_of_one_layer_without_an_island_or_figures_is_enough(chromium, tmp_path):
    here = world(tmp_path / "raw", layers=1, island=False)
    (here.raw / "published" / "place.csv").unlink()
    here = replace(
        here, next_cores=replace(here.next_cores, cores=[], cutoff_cores=[], summary={"reason": {"en": "Too few cores.", "ja": "コアが足りません。"}})
    )
    (tmp_path / "grade_dy.html").write_text(here.map_page().html, encoding="utf-8")
    with Visit(chromium, tmp_path / "grade_dy.html", "#lang=en") as page:
        for hidden in ("#depth-row", "#elements-row"):
            assert page.is_hidden(hidden)
        for absent in ("#layer-zone", "#layer-published", "#layer-domains", "#layer-next"):
            assert page.locator(absent).count() == 0
        assert page.locator("#next-reason").inner_text() == "Too few cores."


def test_further_elements_are_links_that_keep_what_is_shown(chromium, tmp_path):
    with page_of(chromium, tmp_path, "#layer=2&cut=40&lang=ja", more=("gd", "nd", "tb")) as page:
        until(page, "document.querySelector('a.further').href.includes('layer=2')")
        links = page.evaluate("[...document.querySelectorAll('a.further')].map((e) => e.getAttribute('href'))")
        assert [link.partition("#")[0] for link in links] == ["grade_nd.html", "grade_tb.html"]
        assert all("cut=40" in link and "lang=ja" in link and "el=" not in link for link in links)
        page.evaluate("seabed.openCore(1)")
        assert [text for text in ("Dy、", "Gd、", "Nd、", "Tb、") if text not in page.locator(".popup").inner_text()] == []


def test_a_thinned_page_says_that_a_value_is_a_mean(chromium, tmp_path, monkeypatch):
    monkeypatch.setattr(rasters, "_MOST_VALUES", 8000)
    with page_of(chromium, tmp_path) as page:
        page.evaluate("seabed.inspect(seabed.map.getCenter())")
        factor = page.evaluate("seabed.cells.factor")
        assert factor > 1
        assert f"means of the {factor} × {factor} cells" in page.locator("#values").inner_text()


def test_domains_show_their_names_as_text(chromium, tmp_path):
    here, name = world(tmp_path / "raw"), "<img src=x onerror='window.canary=1'>{symbol}"
    ring = [[153.6, 21.9], [153.8, 21.9], [153.8, 22.1], [153.6, 21.9]]
    feature = {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (here.raw / "domains" / "a.geojson").write_text(json.dumps(feature), encoding="utf-8")
    (tmp_path / "grade_dy.html").write_text(here.map_page().html, encoding="utf-8")
    with Visit(chromium, tmp_path / "grade_dy.html", "#lang=en") as page:
        page.check("#layer-domains")
        page.evaluate("seabed.map.eachLayer((l) => { if (l.options.color === '#7a4a00') l.openPopup(); })")
        assert page.locator(".popup h3").inner_text() == name


def test_a_region_across_the_date_line_is_one_map(chromium, tmp_path, monkeypatch):
    monkeypatch.setattr(map_world, "REGION", map_world.REGION.model_copy(update={"west_deg": 179.7, "east_deg": 180.3}))
    monkeypatch.setattr(map_world, "CORES", (("A-1", 179.8, 21.9), ("B-2", -179.9, 22.05), ("C-3", 179.95, 22.15)))
    here = world(tmp_path / "raw", island=False)
    (tmp_path / "grade_dy.html").write_text(here.map_page().html, encoding="utf-8")
    row, column = here.grid.shape[0] // 2, here.grid.shape[1] - 3
    longitude_deg, latitude_deg = cell_centre(here.grid, row, column)
    assert longitude_deg < 0
    with Visit(chromium, tmp_path / "grade_dy.html", "#lang=en") as page:
        for layer in ("far", "classes", "next"):
            page.check(f"#layer-{layer}")
        page.evaluate("([lat, lng]) => seabed.inspect([lat, lng])", [latitude_deg, longitude_deg + 360])
        assert float(page.get_attribute("#values [data-value='grade/0']", "value")) == here.grade.mean_ppm[row, column]
        assert "W" in page.locator("#values h3").inner_text()
        assert page.evaluate("seabed.map.getZoom()") > 8
