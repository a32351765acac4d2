"""The tools of a map in a real browser with the network off: tonnes in a polygon, distances, comparison, search, downloads, print."""

from __future__ import annotations

import csv
import json
from io import BytesIO, StringIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from accessibility import violations
from map_world import CUTOFFS, world
from matplotlib.path import Path as Ring
from pyproj import Geod
from visits import Visit, browser_running

from pipeline.units import oxide_per_element

pytestmark = pytest.mark.browser

HOSTILE = "A </script><img src=x onerror='window.canary=1'>"
GEOD = Geod(ellps="WGS84")
CARDS = ("polygon", "measure", "search", "export")
LOOKS_INSIDE = [[21.9, 153.6], [22.2, 153.75], [22.1, 154.05], [21.85, 153.9]]


@pytest.fixture(scope="module")
def chromium():
    with browser_running() as running:
        yield running


def survey(base):
    return world(base / "raw", more=("gd", "nd"), not_simulated=("gd",), data_kind="synthetic", first_core=HOSTILE)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return survey(tmp_path_factory.mktemp("same"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A page of two elements, one of them not simulated; one of a measured survey; one of a single element."""
    base = tmp_path_factory.mktemp("tools")
    (base / "grade_dy.html").write_text(survey(base).map_page("dy").html, encoding="utf-8")
    (base / "grade_pair.html").write_text(world(base / "pair", more=("gd",)).map_page("dy").html, encoding="utf-8")
    (base / "grade_one.html").write_text(world(base / "one").map_page("dy").html, encoding="utf-8")
    return base


def box_of(page):
    return page.evaluate("(() => { const b = seabed.map.getContainer().getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()")


def drawn(page, ring):
    """What the page says about a polygon."""
    page.evaluate(
        "(ring) => { if (seabed.activeTool !== 'polygon') document.getElementById('tool-polygon').click(); seabed.tools.polygon.replace(ring) }", ring
    )
    return page.evaluate("seabed.tools.found()")


def mercator(positions):
    latitude, longitude = np.radians(np.asarray(positions, float)).T
    return np.column_stack([longitude, np.arcsinh(np.tan(latitude))])


def shares_inside(page, ring, shape):
    """Share of each cell's pixels inside a ring, found without the page's script."""
    cell = np.array(page.evaluate("Array.from(seabed.lookup.cell)"))
    (rows, columns), ((south, west), (north, east)) = page.evaluate("seabed.frame.size"), page.evaluate("seabed.frame.bounds")
    low, high = mercator([[south, west], [north, east]])
    x = low[0] + (np.arange(columns) + 0.5) / columns * (high[0] - low[0])
    y = high[1] - (np.arange(rows) + 0.5) / rows * (high[1] - low[1])
    inside = Ring(mercator(ring)).contains_points(np.column_stack([np.tile(x, rows), np.repeat(y, columns)]))
    seen = np.bincount(cell[cell >= 0], minlength=np.prod(shape))
    held = np.bincount(cell[(cell >= 0) & inside], minlength=np.prod(shape))
    return (held / np.maximum(seen, 1)).reshape(shape)


def expected_inside(here, element, cut, share):
    """Mud and metal of each realisation inside, from the squares and the probabilities of the files."""
    simulated, totals = here.simulation.grades[element], here.squares.grades[element]
    grade = here.grade if element == here.grade.element else here.more[0]
    region = np.where(np.isfinite(grade.mean_ppm), here.seafloor.region_share, 0.0)
    over = np.nan_to_num(simulated.block_probability)
    mud = over[cut].sum(axis=0) * region
    steps = np.diff(CUTOFFS)[cut:, None, None, None]
    beyond = ((over[cut:-1] + over[cut + 1 :]) / 2 * steps).sum(axis=0)
    per_block = np.nan_to_num(grade.layer_ppm) if CUTOFFS[cut] == 0 else CUTOFFS[cut] * over[cut] + beyond
    metal = per_block.sum(axis=0) * region
    side, (rows, columns) = here.squares.side_cells, here.squares.shape

    def summed(values):
        padded = np.zeros((rows * side, columns * side))
        padded[: values.shape[0], : values.shape[1]] = values
        return padded.reshape(rows, side, columns, side).sum(axis=(1, 3))

    out = []
    for weight, tonnes in ((mud, totals.dry_mud_t), (metal, totals.metal_t)):
        part = summed(weight * share) / np.maximum(summed(weight), 1e-300)
        out.append((tonnes[:, cut] * part).sum(axis=(1, 2)))
    return out


def same_figures(found, mud_t, metal_t, tolerance):
    factor = oxide_per_element("dy")
    grade_ppm = metal_t / mud_t * 1e6
    wanted = {"mean": (mud_t.mean(), metal_t.mean(), metal_t.sum() / mud_t.sum() * 1e6)}
    for name, share in (("p10", 0.1), ("p90", 0.9)):
        wanted[name] = tuple(np.quantile(values, share, method="weibull") for values in (mud_t, metal_t, grade_ppm))
    for statistic, (mud, metal, grade) in wanted.items():
        told = found["figures"][statistic]
        assert np.allclose(
            [told["dry_mud_t"], told["metal_t"], told["grade_ppm"], told["oxide_t"]], [mud, metal, grade, metal * factor], rtol=tolerance
        ), statistic


@pytest.mark.parametrize("cut", range(len(CUTOFFS)))
def test_a_polygon_holds_its_part_of_each_realisation(chromium, folder, here, cut):
    with Visit(chromium, folder / "grade_dy.html", f"#lang=en&el=dy&cut={CUTOFFS[cut]:g}") as page:
        for ring in (
            LOOKS_INSIDE,
            [[21.95, 153.55], [22.3, 153.8], [22.0, 153.75]],
            [[22.0, 153.8], [22.06, 153.8], [22.06, 153.88], [22.0, 153.88]],
        ):
            found = drawn(page, ring)
            share = shares_inside(page, ring, here.grid.shape)
            same_figures(found, *expected_inside(here, "dy", cut, share), 2e-3)
            region = np.where(np.isfinite(here.grade.mean_ppm), here.seafloor.region_share, 0.0)
            assert np.isclose(found["area_km2"], (share * region).sum() * here.grid.cell_area_m2 / 1e6, rtol=1e-3)
            assert found["realisations"] == 20


def test_a_polygon_around_everything_holds_all_squares(chromium, folder, here):
    totals = here.squares.grades["dy"]
    with Visit(chromium, folder / "grade_dy.html", "#lang=en&el=dy") as page:
        ring = [[21, 153], [23, 153], [23, 155], [21, 155]]
        for cut in range(len(CUTOFFS)):
            page.evaluate("(cut) => seabed.set({cut})", cut)
            known = expected_inside(here, "dy", cut, np.ones(here.grid.shape))
            same_figures(drawn(page, ring), *known, 5e-4)
        assert np.allclose(known[1], totals.metal_t[:, -1].sum(axis=(1, 2)), rtol=1e-9)


def test_a_polygon_that_is_one_square_has_the_range_of_that_square(chromium, folder, here):
    grid, side, totals = here.grid, here.squares.side_cells, here.squares.grades["dy"]
    west_m, _, _, north_m = grid.bounds_m
    row, column = 2, 3
    along = np.linspace(0, 1, 9)[:-1]
    x = west_m + side * grid.cell_m * (column + np.concatenate([along, np.ones(8), 1 - along, np.zeros(8)]))
    y = north_m - side * grid.cell_m * (row + np.concatenate([np.zeros(8), along, np.ones(8), 1 - along]))
    longitude, latitude = grid.to_lonlat(x, y)
    with Visit(chromium, folder / "grade_dy.html", "#lang=en&el=dy&cut=40") as page:
        found = drawn(page, np.column_stack([latitude, longitude]).tolist())
        same_figures(found, totals.dry_mud_t[:, 1, row, column], totals.metal_t[:, 1, row, column], 1e-2)


def test_an_element_that_was_not_simulated_has_a_sum_and_no_range(chromium, folder, here):
    rows = here.tonnage.frame.query("element == 'gd' and region == 'all' and statistic == 'kriged'").set_index("cutoff_ppm")
    with Visit(chromium, folder / "grade_dy.html", "#lang=en&el=gd") as page:
        for cut, cutoff in enumerate(CUTOFFS):
            page.evaluate("(cut) => seabed.set({cut})", cut)
            found = drawn(page, [[21, 153], [23, 153], [23, 155], [21, 155]])
            assert list(found["figures"]) == ["mean"]
            assert np.isclose(found["figures"]["mean"]["metal_t"], rows.loc[cutoff, "metal_t"], rtol=1e-9)
            assert np.isclose(found["figures"]["mean"]["dry_mud_t"], rows.loc[cutoff, "dry_mud_t"], rtol=1e-9)
        text = page.locator("#tool-card").inner_text()
        assert "No range" in text
        assert "Low (P90)" not in page.locator("#inside").inner_text()


def test_a_polygon_outside_the_estimate_says_so(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en&el=dy") as page:
        found = drawn(page, [[22.5, 153.7], [22.6, 153.7], [22.6, 153.9]])
        assert found["area_km2"] == 0
        assert "Nothing was estimated" in page.locator("#tool-card").inner_text()


def test_the_card_follows_the_slider_and_says_what_it_is(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en&el=dy") as page:
        drawn(page, LOOKS_INSIDE)
        figure = "#inside [data-inside='mean/metal_t']"
        before = float(page.get_attribute(figure, "value"))
        page.evaluate("(() => { const e = document.getElementById('cutoff'); e.value = 2; e.dispatchEvent(new Event('input')); })()")
        after = float(page.get_attribute(figure, "value"))
        assert after < 0.5 * before
        assert np.isclose(float(page.locator(figure).inner_text().replace(",", "")), after, rtol=6e-3)
        text = page.locator("#tool-card").inner_text()
        assert "≥ 80 ppm" in text
        assert "from 20 of 20 realisations on squares of 16 km" in text
        assert "90 % probability" in text
        page.click("#lang-ja")
        assert "概算" in page.locator("#tool-card").inner_text()
        assert page.get_attribute(figure, "value") == str(after)
        page.click("#lang-en")
        drawn(page, [[21.9, 153.6], [22.2, 153.9], [22.2, 153.6], [21.9, 153.9]])
        assert "crosses itself" in page.locator("#tool-card").inner_text()


def test_areas_and_distances_are_those_of_the_ellipsoid(chromium, folder):
    random = np.random.default_rng(3)
    pairs = [[[random.uniform(-80, 80), random.uniform(-180, 180)], [random.uniform(-80, 80), random.uniform(-180, 180)]] for _ in range(200)]
    pairs += [[[22, 179.5], [22.5, -179.5]], [[22, 179.5], [22.5, 180.5]], [[0, 0], [0, 90]], [[20, 150], [20, 150]], [[89.9, 0], [89.9, 180]]]
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        told = page.evaluate("(pairs) => pairs.map(([a, b]) => seabedDistance(a, b))", pairs)
        (lat1, lng1), (lat2, lng2) = np.array(pairs).transpose(1, 2, 0)
        _, _, length_m = GEOD.inv(lng1, lat1, lng2, lat2)
        assert np.allclose(told, length_m, rtol=1e-8, atol=1e-3)
        assert page.evaluate("seabedDistance([0, 0], [0, 180])") is None or np.isclose(
            page.evaluate("seabedDistance([0, 0], [0, 180])"), 20003931.4586
        )
        for ring in (LOOKS_INSIDE, [[-5, 150], [30, 152], [28, 160]], [[21, 179.5], [22, 180.5], [23, 180]]):
            area_m2 = page.evaluate("(ring) => seabedArea(ring)", ring)
            at = mercator([*ring, ring[0]])
            # Straight on the map: many geodesic pieces along each side.
            x, y = np.concatenate([np.linspace(a, b, 2000, endpoint=False) for a, b in pairwise(at)]).T
            wanted, _ = GEOD.polygon_area_perimeter(np.degrees(x), np.degrees(np.arctan(np.sinh(y))))
            assert np.isclose(area_m2, abs(wanted), rtol=1e-6)


def test_measuring_by_mouse_adds_up(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en") as page:
        page.click("#tool-measure")
        x, y, wide, high = box_of(page)
        places = [(x + u * wide, y + v * high) for u, v in ((0.3, 0.4), (0.5, 0.5), (0.6, 0.3))]
        for place in places[:2]:
            page.mouse.click(*place)
        page.mouse.dblclick(*places[2])
        points = np.array(page.evaluate("seabed.tools.line.points.map((p) => [p.lat, p.lng])"))
        assert len(points) == 3
        assert page.evaluate("seabed.tools.line.done")
        legs = GEOD.line_lengths(points[:, 1], points[:, 0])
        told = [float(one.get_attribute("value")) for one in page.locator("[data-leg]").all()]
        assert np.allclose(told, legs, rtol=1e-8)
        assert np.isclose(float(page.get_attribute("#tool-total", "value")), sum(legs), rtol=1e-8)
        assert page.locator(".distance").all_inner_texts() == [f"{leg / 1000:.2f} km" for leg in legs]
        assert page.locator("#values").count() == 0  # a click that measures does not also ask for values
        before = sum(legs)
        vertex = page.locator(".vertex").nth(1)
        vertex.focus()
        page.keyboard.press("ArrowDown")
        assert float(page.get_attribute("#tool-total", "value")) != before
        page.keyboard.press("Escape")
        assert page.evaluate("seabed.activeTool") is None
        assert not page.locator("#tool-card").is_visible()
        assert page.locator(".vertex").count() == 0


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_polygon_is_drawn_edited_and_closed_by_keyboard_alone(chromium, folder, language):
    with Visit(chromium, folder / "grade_dy.html", f"#lang={language}&el=dy") as page:
        page.focus("#tool-polygon")
        page.keyboard.press("Enter")
        assert page.get_attribute("#tool-polygon", "aria-pressed") == "true"
        assert page.evaluate("document.activeElement === seabed.map.getContainer()")
        centre = page.evaluate("[seabed.map.getCenter().lat, seabed.map.getCenter().lng]")
        for key, times in (("ArrowLeft", 6), ("ArrowUp", 6), ("ArrowRight", 8)):
            for _ in range(times):
                page.keyboard.press(key)
            page.keyboard.press("Space")
        page.keyboard.press("Space")
        page.keyboard.press("Backspace")
        assert page.evaluate("seabed.tools.polygon.points.length") == 3
        assert centre == page.evaluate("[seabed.map.getCenter().lat, seabed.map.getCenter().lng]")  # the arrows moved the cross, not the map
        page.keyboard.press("Enter")
        assert page.evaluate("seabed.tools.polygon.done")
        assert page.locator("#inside").is_visible()
        before = page.evaluate("seabed.tools.polygon.points.map((p) => p.lng)")
        page.locator(".vertex").nth(0).focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("seabed.tools.polygon.points.map((p) => p.lng)")[0] > before[0]
        assert page.evaluate("document.activeElement.classList.contains('vertex')")
        page.keyboard.press("Escape")
        assert page.evaluate("seabed.activeTool") is None
        assert page.evaluate("seabed.map.keyboard.enabled()")


def test_escape_gives_up_the_drawing_first_and_then_the_tool(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en&el=dy") as page:
        page.click("#tool-polygon")
        page.keyboard.press("Space")
        assert page.evaluate("seabed.tools.polygon.points.length") == 1
        page.keyboard.press("Escape")
        assert page.evaluate("seabed.tools.polygon.points.length") == 0
        assert page.evaluate("seabed.activeTool") == "polygon"
        page.keyboard.press("Escape")
        assert page.evaluate("seabed.activeTool") is None


def test_typed_coordinates_make_the_polygon(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en&el=dy") as page:
        page.click("#tool-polygon")
        page.click("#tool-typed summary")
        page.fill("#tool-coordinates", "21.9, 153.6\nnowhere\n22.1, 154")
        page.click("#tool-take")
        assert "Line 2" in page.locator(".said").inner_text()
        page.fill("#tool-coordinates", "21.9, 153.6\n22.2N 153.75E\n154°03′E 22°06′N\n21.9, 153.6")
        page.click("#tool-take")
        points = page.evaluate("seabed.tools.polygon.points.map((p) => [p.lat, p.lng])")
        assert np.allclose(points, [[21.9, 153.6], [22.2, 153.75], [22.1, 154.05]])


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("22.05, 153.8", [22.05, 153.8]),
        ("22.05 153.8", [22.05, 153.8]),
        ("153.8E 22.05N", [22.05, 153.8]),
        ("N22.05 E153.8", [22.05, 153.8]),
        ("153.8 22.05", [22.05, 153.8]),
        ("22°03′N, 153°48′30″E", [22.05, 153 + 48.5 / 60]),
        ("北緯22.05度 東経153.8度", [22.05, 153.8]),
        ("22.05S 153.8W", [-22.05, -153.8]),
        ("-22.05, -153.8", [-22.05, -153.8]),
        ("２２．０５，１５３．８", [22.05, 153.8]),
        ("22.05N 153.8N", None),
        ("22.05", None),
        ("core 22, 153", None),
        ("95, 200, 3", None),
        ("22°75′N 153°E", None),
        ("", None),
    ],
)
def test_positions_are_read_as_people_write_them(reader, text, position):
    found = reader(text)
    assert found is None if position is None else np.allclose(found, position)


@pytest.fixture(scope="module")
def reader(chromium, folder):
    with Visit(chromium, folder / "grade_one.html", "#lang=en") as page:
        yield lambda text: page.evaluate("(text) => seabedPosition(text)", text)


def test_search_finds_cores_and_positions_and_says_when_it_does_not(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en&el=dy") as page:
        page.click("#tool-search")
        assert page.evaluate("document.activeElement.id") == "tool-query"
        page.keyboard.type("b-2")
        page.keyboard.press("Enter")
        assert "B-2" in page.locator(".leaflet-popup h3").last.inner_text()
        page.fill("#tool-query", "img")
        assert page.locator("#tool-hits li").all_inner_texts() == [HOSTILE]
        page.keyboard.press("Enter")
        assert page.locator(".leaflet-popup h3").last.inner_text().endswith(HOSTILE)
        assert page.locator("#tool-hits img").count() == 0
        page.fill("#tool-query", "153.8E 22.05N")
        page.keyboard.press("Enter")
        assert "22.0500° N" in page.locator("#values h3").inner_text()
        for text, says in (("Z-99", "Not found: Z-99"), ("-60, 10", "outside this map")):
            page.fill("#tool-query", text)
            page.keyboard.press("Enter")
            assert says in page.locator(".said[role=status]").inner_text()
        page.click("#lang-ja")
        assert page.input_value("#tool-query") == "-60, 10"
        assert "検索" in page.locator("#tool-title").inner_text()


def test_each_side_of_the_swipe_shows_its_own_element(chromium, folder):
    page_of = (
        "(() => { const c = document.createElement('canvas'); [c.height, c.width] = seabed.frame.size;"
        " seabed.paintOn(c, %s); return c.toDataURL(); })()"
    )
    with Visit(chromium, folder / "grade_pair.html", "#lang=en&el=dy&cut=40&on=grade") as page:
        page.evaluate("seabed.set({opacity: 1})")
        page.click("#tool-swipe")
        knob = page.locator("[role=slider].knob")
        assert page.evaluate("document.activeElement.classList.contains('knob')")
        names = page.locator(".swipe .side b").all_inner_texts()
        assert names == ["Dy", "Gd"]
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        assert knob.get_attribute("aria-valuenow") == "44"
        for statistic in ("grade", "p90", "probability"):
            page.evaluate("(statistic) => seabed.set({statistic})", statistic)
            assert page.evaluate("seabed.tools.swipe.canvas.toDataURL()") == page.evaluate(page_of % "'gd'")
            assert page.evaluate("document.querySelectorAll('canvas.grade-image')[0].toDataURL()") == page.evaluate(page_of % "'dy'")
            page.evaluate("seabed.map.panBy([15, 0], {animate: false})")
            seen = pixels(page.screenshot())
            x, y, wide, high = box_of(page)
            line_x = x + 0.44 * wide
            for key, at in (("dy", line_x - 60), ("gd", line_x + 60)):
                colour = page.evaluate(
                    "([key, x, y]) => { const c = document.createElement('canvas'), [h, w] = seabed.frame.size; c.height = h; c.width = w;"
                    " seabed.paintOn(c, key); const m = (p) => L.Projection.SphericalMercator.project(L.latLng(p)),"
                    " [a, b] = seabed.frame.bounds.map(m), at = m(seabed.map.containerPointToLatLng([x, y]));"
                    " const column = Math.floor((at.x - a.x) / (b.x - a.x) * w), row = Math.floor((b.y - at.y) / (b.y - a.y) * h);"
                    " return [...c.getContext('2d').getImageData(column, row, 1, 1).data]; }",
                    [key, at - x, 0.72 * high],
                )
                assert colour[3] == 255
                assert np.abs(255 * seen[round(y + 0.72 * high), round(at)] - colour[:3]).max() <= 3, (statistic, key)
        assert page.locator(".swipe .colours").count() == 0  # probabilities have one range
        page.evaluate("seabed.set({statistic: 'grade'})")
        assert page.locator(".swipe .colours").count() == 2
        page.keyboard.press("Escape")
        assert not page.locator(".swipe").is_visible()
        assert page.get_attribute("#tool-swipe", "aria-pressed") == "false"


def test_a_page_of_one_element_has_nothing_to_swipe(chromium, folder):
    with Visit(chromium, folder / "grade_one.html", "#lang=en") as page:
        assert page.locator("#tool-swipe").count() == 0
        assert page.locator("#tool-print").count() == 1


def pixels(png: bytes):
    import matplotlib.image

    return matplotlib.image.imread(BytesIO(png))[..., :3]


def saved(page, button):
    with page.expect_download() as waiting:
        page.click(button)
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


@pytest.mark.parametrize("region", ["supported", "all"])
@pytest.mark.parametrize("element", ["dy", "gd"])
def test_the_saved_tonnage_is_that_of_the_table_to_the_last_digit(chromium, folder, here, tmp_path, element, region):
    here.tonnage.write(tmp_path / "tonnage.csv")
    head, *lines = (tmp_path / "tonnage.csv").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line.startswith(f"{element},{region},")]
    with Visit(chromium, folder / "grade_dy.html", f"#lang=en&el={element}&region={region}") as page:
        page.click("#tool-export")
        name, content = saved(page, "#tool-tonnage")
        told_head, *told = content.decode().splitlines()
        shown = page.evaluate("([e, r]) => Object.keys(seabed.element(e).tonnage.find((one) => one.region === r).rows)", [element, region])
    assert name == f"{element}_tonnage_{region}.csv"
    assert told_head == head
    statistics = {line.split(",")[3] for line in told}
    assert statistics == set(shown)
    assert sorted(told) == sorted(line for line in wanted if line.split(",")[3] in statistics)


def test_numbers_are_written_as_in_the_table(chromium, folder):
    random = np.random.default_rng(5)
    values = [
        0.0,
        1.0,
        40.0,
        0.5,
        123456.789,
        9999999999.4,
        99999999999.0,
        1e10,
        1e-5,
        0.0001,
        -2.5,
        1.716914068e10,
        *(10 ** random.uniform(-7, 14, 300)),
    ]
    with Visit(chromium, folder / "grade_one.html", "#lang=en") as page:
        assert page.evaluate("(values) => values.map(seabedDigits)", values) == [f"{value:.10g}" for value in values]
        unsafe = ["=1+1", "@x", "+5", "-5", 'a"b', "a,b", "plain", "'quoted"]
        told = page.evaluate("(texts) => texts.map(seabedCell)", unsafe)
        assert [next(csv.reader(StringIO(text)))[0] for text in told] == ["'=1+1", "'@x", "'+5", "'-5", 'a"b', "a,b", "plain", "''quoted"]


@pytest.mark.parametrize("statistic", ["grade", "p90", "probability"])
def test_the_saved_cells_are_those_of_the_raster(chromium, folder, here, statistic):
    simulated = here.simulation.grades["dy"]
    raster = {"grade": here.grade.layer_ppm[1], "p90": simulated.block_ppm[5, 1], "probability": simulated.block_probability[1, 1]}[statistic]
    with Visit(chromium, folder / "grade_dy.html", f"#lang=en&el=dy&layer=2&cut=40&stat={statistic}") as page:
        page.click("#tool-export")
        _, content = saved(page, "#tool-cells")
    rows = list(csv.DictReader(StringIO(content.decode())))
    assert len(rows) == np.isfinite(raster).sum()
    value = list(rows[0])[4]
    easting_m, northing_m = here.grid.centres_m()
    for row in rows:
        at = int(row["row"]), int(row["column"])
        assert float(row[value]) == raster[at]
    longitude, latitude = (np.array([float(row[name]) for row in rows]) for name in ("longitude_deg", "latitude_deg"))
    wanted = here.grid.to_lonlat(easting_m[np.isfinite(raster)], northing_m[np.isfinite(raster)])
    assert np.allclose([longitude, latitude], wanted, atol=2e-5)
    assert {row["data_kind"] for row in rows} == {"synthetic"}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_saved_picture_shows_the_map_with_its_marks(chromium, folder, language):
    amber = np.array([255, 211, 92]) / 255
    for name, marked in (("grade_dy.html", True), ("grade_pair.html", False)):
        with Visit(chromium, folder / name, f"#lang={language}&el=dy") as page:
            for layer in ("next", "uncertain", "classes", "excluded", "published"):
                if page.locator(f"#layer-{layer}").count():
                    page.check(f"#layer-{layer}")
            drawn(page, LOOKS_INSIDE)
            page.click("#tool-export")
            told, content = saved(page, "#tool-png")
            size = page.evaluate("[seabed.map.getSize().x, seabed.map.getSize().y]")
        picture = pixels(content)
        assert told == f"dy_map_kriged_0-3m_cutoff0ppm_{language}.png"
        assert picture.shape[1] == 2 * (size[0] + 344)
        assert picture.shape[0] > 2 * size[1]
        assert (np.abs(picture[116:160, 4] - amber).max() < 0.02) == marked
        body = picture[200 : 200 + 2 * size[1], : 2 * size[0]].reshape(-1, 3)
        assert len(np.unique((body[::7] * 255).astype(np.uint8), axis=0)) > 200
        line = np.array([138, 28, 91]) / 255
        assert (np.abs(body - line).max(axis=1) < 0.02).sum() > 500  # the polygon stays in the picture


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_map_prints_on_one_page_with_all_that_it_needs(chromium, folder, language):
    with Visit(chromium, folder / "grade_dy.html", f"#lang={language}&el=dy&cut=40") as page:
        drawn(page, LOOKS_INSIDE)
        page.evaluate("seabed.tools.sheet.lay()")
        text = page.evaluate("document.querySelector('.sheet').textContent")
        words, data = page.evaluate("seabed.words"), page.evaluate("seabed.data")
        for told in (words["banner_head"], words["statement"]):
            assert told[language] in text
        assert data["title"] in text
        assert "P90" in text
        assert "grade_dy.html#map=" in text
        assert "cut=40" in text
        assert "/tmp" not in text  # whose disk it lay on is no part of the sheet
        assert page.locator(".sheet canvas").count() == 1
        lost = (
            "(() => { const fit = document.querySelector('.sheet-fit');"
            " return fit.getBoundingClientRect().bottom - fit.parentElement.getBoundingClientRect().bottom; })()"
        )
        for layer in ("next", "uncertain", "far", "classes", "excluded"):
            page.check(f"#layer-{layer}")
        page.evaluate("seabed.tools.sheet.lay()")
        assert page.evaluate(lost) <= 1
        page.evaluate("seabed.tools.sheet.clear()")
        assert page.locator(".sheet").count() == 0
        printed = page.pdf(prefer_css_page_size=True, print_background=True)
        assert page.locator(".sheet").count() == 0
    assert printed.count(b"/Type /Page\n") == 1


def test_the_map_takes_the_whole_window_and_gives_it_back(chromium, folder):
    with Visit(chromium, folder / "grade_dy.html", "#lang=en&el=dy") as page:
        # Where a browser refuses the screen, the window is still the map's.
        page.evaluate("() => { Element.prototype.requestFullscreen = () => Promise.reject(new TypeError('refused')); }")
        before = page.evaluate("seabed.map.getSize().x")
        page.click("#tool-screen")
        assert page.evaluate("seabed.map.getSize().x") == 1440 > before
        assert page.locator("#banner").is_visible()
        assert not page.locator(".head").is_visible()
        page.click("#tool-measure")
        assert page.locator("#tool-card").is_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        assert page.evaluate("seabed.map.getSize().x") == before
        assert page.get_attribute("#tool-screen", "aria-pressed") == "false"


@pytest.mark.parametrize("size", [(1440, 900), (1024, 768), (390, 844)])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_open_tools_shut_nobody_out_and_spill_nothing(chromium, folder, language, size):
    with Visit(chromium, folder / "grade_dy.html", f"#lang={language}&el=dy", size) as page:
        drawn(page, LOOKS_INSIDE)
        for name in CARDS:
            if page.evaluate("seabed.activeTool") != name:
                page.click(f"#tool-{name}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            spilt = page.evaluate(
                "[...document.querySelectorAll('#tool-card *')].filter((e) => e.getBoundingClientRect().right >"
                " document.getElementById('tool-card').getBoundingClientRect().right + 1).map((e) => e.outerHTML.slice(0, 90))"
            )
            assert spilt == []
            assert violations(page) == []
            assert "{" not in page.locator("#tool-card").inner_text()
        labels = page.evaluate("[...document.querySelectorAll('#tools button')].map((b) => [b.getAttribute('aria-label'), b.title])")
        assert all(label == title and label for label, title in labels)
        assert json.dumps(labels, ensure_ascii=True).count("\\u") > 10 if language == "ja" else True
