"""The pages in a real browser with the network off: nothing fetched, no error, every control does what the data say, in both languages."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from map_world import cell_centre, world
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
    here = world(base / "raw", more=("gd",), data_kind="synthetic", rows_left_out=3, title=f"Survey {CANARY}", first_core=f"A {CANARY}")
    (base / "grade_dy.html").write_text(here.map_page().html, encoding="utf-8")
    (base / "index.html").write_text(here.index_page().html, encoding="utf-8")
    return base


def on_screen(page, longitude_deg, latitude_deg):
    """Where Leaflet puts a position, in pixels of the window, unrounded."""
    return page.evaluate(
        "([lat, lng]) => { const m = seabed.map, z = m.getZoom(), box = m.getContainer().getBoundingClientRect();"
        " const p = m.project([lat, lng], z).subtract(m.getPixelOrigin()).add(m.layerPointToContainerPoint([0, 0]));"
        " return [p.x + box.x, p.y + box.y] }",
        [latitude_deg, longitude_deg],
    )


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
            "['.leaflet-control-zoom', '.views', '#tools', '#readout', '#legend', '.leaflet-control-scale', '.head', '#notices', '#panel']"
            ".map((s) => [s, document.querySelector(s)]).filter(([, e]) => e.checkVisibility())"
            ".map(([s, e]) => [s, e.getBoundingClientRect().toJSON()])"
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
        told = "[...document.querySelectorAll('[data-word]')].map((e) => [e.dataset.word, e.textContent])"
        english = dict(page.evaluate(told))
        page.click("#lang-ja")
        japanese = dict(page.evaluate(told))
        words = page.evaluate("seabed.words")
        # Letters and numbers alone are the same everywhere.
        same = {key for key, text in english.items() if japanese[key] == text}
        assert all(words[key]["en"] == words[key]["ja"] for key in same), same
        assert not any("{" in text for text in [*english.values(), *japanese.values()])
        assert "ジスプロシウム" in page.title()
        assert page.locator("#legend").inner_text().startswith("Dy 品位")
        assert "乾燥泥量" in page.locator("#figures").inner_text()
        assert page.get_attribute("#lang-ja", "aria-pressed") == "true"
        assert page.get_attribute("#start", "href") == "index.html#lang=ja"
        assert page.get_attribute("#report", "href") == "report.html#lang=ja"
        page.locator("path.core").nth(1).focus()
        page.keyboard.press("Enter")
        assert "水深" in page.locator(".popup").inner_text()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_word_of_the_maps_is_filled_in(chromium, folder, language):
    """Braces that nobody fills would reach a reader."""
    with Visit(chromium, folder / "grade_dy.html", f"#lang={language}") as page:
        for layer in ("next", "uncertain", "far", "classes", "excluded"):
            page.check(f"#layer-{layer}")
        for statistic in ("p10", "p50", "p90", "probability", "sd", "grade"):
            page.evaluate("(statistic) => seabed.set({statistic, layer: 1})", statistic)
            page.evaluate("seabed.inspect(seabed.map.getCenter())")
            text = page.evaluate("document.body.innerText") + page.evaluate(
                "[...document.querySelectorAll('[aria-label]')].map((e) => e.ariaLabel).join()"
            )
            assert not set("{}") & set(text.replace(CANARY, "").replace("{{7*7}}", ""))


def test_japanese_browsers_open_in_japanese(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "", locale="ja-JP") as page:
        assert page.evaluate("document.documentElement.lang") == "ja"


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
        assert popup.locator("svg .bar").count() == 12  # six samples of two elements; no density was measured
        assert page.locator("#assessment").inner_text() == f"Survey {CANARY}"
        page.keyboard.press("Escape")
        popup.wait_for(state="detached")


def test_tab_reaches_every_control(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        reached = []
        for _ in range(80):
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
            "curve-figure",
            "element",
            "report",
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
        longitude_deg, latitude_deg = cell_centre(here.grid, *((number, columns // 2) if axis == "row" else (rows // 2, number)))
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
