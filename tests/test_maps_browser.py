"""The pages in a real browser with the network off: nothing fetched, no error, every control does what the data say, in both languages."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from map_world import CUTOFFS, world
from visits import Visit, browser_running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser

SIZES = [(1440, 900), (1024, 768), (390, 844)]
CANARY = "</script><img src=x onerror='window.canary=1'><script>window.canary=1</script>{{7*7}}"


@pytest.fixture(scope="module")
def chromium():
    with browser_running() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Pages of one small assessment, with marks and hostile names."""
    base = tmp_path_factory.mktemp("pages")
    here = world(base / "raw", data_kind="synthetic", rows_left_out=3, title=f"Survey {CANARY}", first_core=f"A {CANARY}")
    (base / "grade_dy.html").write_text(here.map_page().html, encoding="utf-8")
    (base / "index.html").write_text(here.index_page().html, encoding="utf-8")
    return base


def centre_deg(grid, row, column):
    """Longitude and latitude of a cell's centre."""
    easting_m, northing_m = grid.centres_m()
    return tuple(float(value) for value in grid.to_lonlat(easting_m[row, column], northing_m[row, column]))


def on_screen(page, longitude_deg, latitude_deg):
    """Where Leaflet puts a position, in pixels of the window, unrounded."""
    return page.evaluate(
        "([lat, lng]) => { const m = seabed.map, z = m.getZoom(), box = m.getContainer().getBoundingClientRect();"
        " const p = m.project([lat, lng], z).subtract(m.getPixelOrigin()).add(m.layerPointToContainerPoint([0, 0]));"
        " return [p.x + box.x, p.y + box.y] }",
        [latitude_deg, longitude_deg],
    )


def slide(page, name, value):
    page.evaluate("([id, value]) => { const e = document.getElementById(id); e.value = value; e.dispatchEvent(new Event('input')); }", [name, value])


def pixels(png: bytes):
    import matplotlib.image

    return matplotlib.image.imread(BytesIO(png))[..., :3]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", ["grade_dy.html", "index.html"])
def test_page_opens_without_a_network(chromium, folder, name, language, size):
    with Visit(chromium, folder / name, f"#lang={language}", size) as page:
        assert page.evaluate("document.documentElement.lang") == language
        seen = pixels(page.screenshot())
        assert len(np.unique((seen.reshape(-1, 3) * 255).astype(np.uint8), axis=0)) > 200
        # Nothing is wider than the window.
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        banner = page.locator("#banner").inner_text()
        assert ("合成データ" in banner) if language == "ja" else ("Synthetic data" in banner)
        assert "3" in page.locator("#left-out").inner_text()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_nothing_overlaps_on_the_map_or_spills_out_of_the_panel(chromium, folder, language, size):
    with Visit(chromium, folder / "grade_dy.html", f"#lang={language}", size) as page:
        boxes = page.evaluate(
            "['.leaflet-control-zoom', '.views', '#readout', '#legend', '.leaflet-control-scale', '.head', '#notices', '#panel']"
            ".map((s) => [s, document.querySelector(s).getBoundingClientRect().toJSON()])"
        )
        for i, (one, a) in enumerate(boxes):
            for other, b in boxes[i + 1 :]:
                apart = (
                    a["right"] <= b["left"] + 0.5 or b["right"] <= a["left"] + 0.5 or a["bottom"] <= b["top"] + 0.5 or b["bottom"] <= a["top"] + 0.5
                )
                assert apart, (one, other, a, b)
        spilt = page.evaluate(
            "[...document.querySelectorAll('.card, .legend, .chip, .head')].flatMap((card) => [...card.querySelectorAll('*')].filter((e) =>"
            " e.getBoundingClientRect().right > card.getBoundingClientRect().right + 1).map((e) => e.outerHTML.slice(0, 90)))"
        )
        assert spilt == []


def test_language_switch_changes_every_word(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        words = json.loads(page.locator("#words").inner_text() or page.evaluate("document.getElementById('words').textContent"))
        english = page.evaluate("[...document.querySelectorAll('[data-word]')].map((e) => [e.dataset.word, e.textContent])")
        page.click("#lang-ja")
        japanese = page.evaluate("[...document.querySelectorAll('[data-word]')].map((e) => [e.dataset.word, e.textContent])")
        assert dict(english) == {key: words[key]["en"] for key, _ in english}
        assert dict(japanese) == {key: words[key]["ja"] for key, _ in japanese}
        assert "ジスプロシウム" in page.title()
        assert page.locator("#legend").inner_text().startswith("Dy 品位")
        assert "百万t" in page.locator("#figures").inner_text()
        assert page.get_attribute("#lang-ja", "aria-pressed") == "true"
        assert page.get_attribute("#start", "href") == "index.html#lang=ja"
        page.locator("path.core").nth(1).focus()
        page.keyboard.press("Enter")
        assert "水深" in page.locator(".popup").inner_text()


def test_japanese_browsers_open_in_japanese(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "", locale="ja-JP") as page:
        assert page.evaluate("document.documentElement.lang") == "ja"


@pytest.mark.parametrize("cut", range(len(CUTOFFS)))
@pytest.mark.parametrize("region", ["supported", "all"])
def test_figures_are_those_of_the_table(chromium, folder, tmp_path, cut, region):
    frame = world(tmp_path).tonnage.frame
    row = frame[(frame.region == region) & (frame.cutoff_ppm == CUTOFFS[cut]) & (frame.statistic == "kriged")].iloc[0]
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        page.select_option("#region", index=["supported", "all"].index(region))
        slide(page, "cutoff", cut)
        for column, scale in (("area_km2", 1), ("dry_mud_t", 1e-6), ("grade_ppm", 1), ("metal_t", 1), ("oxide_t", 1)):
            shown = page.locator(f"[data-figure={column}] data")
            assert float(shown.get_attribute("value")) == row[column]
            assert np.isclose(float(shown.inner_text().replace(",", "")), row[column] * scale, rtol=5e-4)
        total = frame[(frame.region == region) & (frame.statistic == "p10")].iloc[0]
        assert float(page.get_attribute("[data-figure='p10/metal_t']", "value")) == total["metal_t"]
        assert ("40 ppm" in page.locator("#cutoff-out").inner_text()) == (CUTOFFS[cut] == 40)


def test_values_under_the_pointer_are_those_of_the_raster(chromium, folder, tmp_path):
    here = world(tmp_path)
    rows, columns = here.grid.shape
    chosen = [(0, 0), (3, 5), (rows // 2, columns // 2), (rows - 1, columns - 1), (rows - 1, 0)]
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        for row, column in chosen:
            longitude_deg, latitude_deg = centre_deg(here.grid, row, column)
            cell = page.evaluate("([lat, lng]) => seabed.cellAt(L.latLng(lat, lng))", [latitude_deg, longitude_deg])
            assert cell == row * columns + column
            for layer, values in ((0, here.grade.mean_ppm), (2, here.grade.layer_ppm[1])):
                shown = page.evaluate("([layer, cell]) => seabed.value('grade', layer, cell)", [layer, cell])
                known = values[row, column]
                assert (shown is None) if np.isnan(known) else np.isclose(shown, known, atol=0.0501)
        longitude_deg, latitude_deg = centre_deg(here.grid, rows // 2, columns // 2)
        at = on_screen(page, longitude_deg, latitude_deg)
        page.mouse.move(*at)
        assert f"{here.grade.mean_ppm[rows // 2, columns // 2]:.1f}" in page.locator("#readout").inner_text()


def test_statistic_depth_opacity_and_layers_change_the_picture(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        source = "seabed.handles.grade.getElement().src"
        first = page.evaluate(source)
        page.click("#statistics label:nth-of-type(2)")
        second = page.evaluate(source)
        assert page.locator("#legend").inner_text().startswith("Dy standard deviation, ppm")
        slide(page, "depth", 2)
        third = page.evaluate(source)
        assert page.locator("#depth-out").inner_text() == "1–2 m"
        page.click("#statistics label:nth-of-type(1)")
        slide(page, "cutoff", 2)
        fourth = page.evaluate(source)
        assert "below the cut-off" in page.locator("#legend").inner_text()
        assert len({first, second, third, fourth}) == 4
        slide(page, "opacity", 30)
        assert page.evaluate("getComputedStyle(seabed.handles.grade.getElement()).opacity") == "0.3"
        for layer, selector in (("grade", ".grade-image"), ("cores", "path.core")):
            page.uncheck(f"#layer-{layer}")
            assert page.locator(selector).count() == 0
            page.check(f"#layer-{layer}")
            assert page.locator(selector).count() > 0
        for layer in ("region", "contours", "zone", "relief"):
            page.uncheck(f"#layer-{layer}")
            page.check(f"#layer-{layer}")
        assert "layer=2" in page.evaluate("location.hash")
        assert "cut=80" in page.evaluate("location.hash")


def test_a_deep_link_opens_what_it_names(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=ja&stat=sd&layer=3&cut=40") as page:
        assert page.locator("#depth-out").inner_text() == "2–3 m"
        assert page.locator("#cutoff-out").inner_text() == "40 ppm 以上"
        assert page.is_checked("input[value=sd]")


def test_cores_open_by_keyboard_and_show_names_as_text(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        assert page.locator("path.core").count() == 3
        page.locator("path.core").first.focus()
        page.keyboard.press("Enter")
        popup = page.locator(".popup")
        assert popup.locator("h3").inner_text() == f"Core A {CANARY}"
        text = popup.inner_text()
        for part in ("21.9000° N 153.6500° E", "5,512 m", "3.5 m", "60.0 ppm", "40 % sampled"):
            assert part in text
        assert popup.locator("svg rect").count() == 7
        assert page.locator("#assessment").inner_text() == f"Survey {CANARY}"
        page.keyboard.press("Escape")
        popup.wait_for(state="detached")


def test_tab_reaches_every_control(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        reached = []
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("(({id, className, name}) => id || className.baseVal || className || name)(document.activeElement)"))
        text = " ".join(str(name) for name in reached)
        for wanted in (
            "start",
            "lang-en",
            "lang-ja",
            "statistic",
            "depth",
            "opacity",
            "cutoff",
            "region",
            "layer-grade",
            "layer-relief",
            "map_1",
            "core",
            "zoom-in",
            "view-region",
        ):
            assert wanted in text, (wanted, reached)
        unnamed = page.evaluate(
            "[...document.querySelectorAll('button, input, select, a[href], [role=button]')].filter((e) =>"
            " !(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length))).map((e) => e.outerHTML)"
        )
        assert unnamed == []


@pytest.mark.parametrize("view", ["region", "zone"])
@pytest.mark.parametrize("axis", ["row", "column"])
def test_a_burnt_line_lies_within_a_pixel_on_the_screen(chromium, tmp_path, view, axis):
    """A white line on black cells, nothing else shown; its middle is compared with where Leaflet puts its longitude and latitude."""
    here = world(tmp_path / "raw", island=True)
    rows, columns = here.grid.shape
    values = np.full(here.grid.shape, 10.0)
    number = (rows if axis == "row" else columns) // 3
    values[(number, slice(None)) if axis == "row" else (slice(None), number)] = 90.0
    here = replace(here, grade=replace(here.grade, mean_ppm=values, layer_ppm=np.stack([values] * 3)))
    (tmp_path / "grade_dy.html").write_text(here.map_page(colour_map="davos", opacity=1.0).html, encoding="utf-8")
    with Visit(chromium, tmp_path / "grade_dy.html", "#lang=en") as page:
        page.click(f"#view-{view}")
        for layer in ("cores", "contours", "region", "zone", "relief"):
            page.uncheck(f"#layer-{layer}")
        page.evaluate("document.querySelectorAll('.leaflet-control').forEach((e) => { e.style.visibility = 'hidden' })")
        page.wait_for_timeout(400)
        longitude_deg, latitude_deg = centre_deg(here.grid, *((number, columns // 2) if axis == "row" else (rows // 2, number)))
        at = on_screen(page, longitude_deg, latitude_deg)
        seen = pixels(page.screenshot()).mean(axis=2)
        x, y = round(at[0]), round(at[1])
        reach = 25 if view == "region" else 8
        across = seen[y - reach : y + reach + 1, x] if axis == "row" else seen[y, x - reach : x + reach + 1]
        start = (y if axis == "row" else x) - reach
        # Only the bright band that touches the middle: outside the grid the background is bright too.
        weight = np.clip(across - across.min(), 0, None)
        bright = np.flatnonzero(weight > 0.6 * weight[reach - 1 : reach + 2].max())
        band = [i for i in bright if all(j in bright for j in range(min(i, reach), max(i, reach) + 1))] or list(bright)
        centre = start + np.average(band, weights=weight[band]) + 0.5
        assert abs(centre - at[1 if axis == "row" else 0]) <= 1.0


def test_start_page_switches_language_and_links_to_the_maps(chromium, folder):
    with Visit(chromium, folder / "index.html", "#lang=en") as page:
        assert page.locator("h1").inner_text() == f"Survey {CANARY}"
        assert "Metal, t" in page.locator("#table-dy-0").inner_text()
        assert "not a CRIRSCO, JORC or NI 43-101 statement" in page.locator("main").inner_text()
        page.click("#lang-ja")
        assert "金属量" in page.locator("#table-dy-0").inner_text()
        assert "Metal, t" not in page.locator("#table-dy-0").inner_text()
        page.click("#card-dy .go a")
        page.wait_for_selector("html[data-ready=yes]")
        assert page.evaluate("document.documentElement.lang") == "ja"
        assert "品位" in page.locator("h1").inner_text()
