"""Pages are whole: nothing is fetched, nothing unknown runs, what people wrote stays text, the same inputs give the same bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from map_world import CHECKS, world

from pipeline.errors import WebError
from pipeline.web.colours import nice_limits
from pipeline.web.inline import check_script, check_style, embedded_text, escaped_json, json_block, manifest, self_contained
from pipeline.web.mercator import Frame, frame_around
from pipeline.web.start_page import filled

HOSTILE = "</script><script>window.canary=1</script><img src=x onerror=window.canary=1>{{ 7*7 }}{% raw %}\u2028'\"&"


def page(head="", body=""):
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


@pytest.mark.parametrize(
    ("head", "body", "says"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "", "cdn.example"),
        ('<script src="//cdn.example/x.js"></script>', "", "cdn.example"),
        ('<script src="x.js"></script>', "", "x.js is not vendored"),
        ('<script src="own:../errors.py"></script>', "", "does not exist"),
        ('<link rel="stylesheet" href="https://cdn.example/x.css">', "", "cdn.example"),
        ('<link rel="icon" href="/favicon.ico">', "", "favicon"),
        ('<link rel="preconnect" href="https://fonts.example">', "", "fonts.example"),
        ("<style>@import 'https://cdn.example/x.css';</style>", "", "cdn.example"),
        ("<style>@import url(x.css);</style>", "", "x.css"),
        ("<style>a { background: url(https://cdn.example/x.png) }</style>", "", "x.png"),
        ("<style>a { background: URL( 'x.png' ) }</style>", "", "x.png"),
        ("", '<img src="https://tiles.example/1.png">', "tiles.example"),
        ("", '<img srcset="a.png 2x">', "a.png"),
        ("", '<div style="background: url(x.png)"></div>', "x.png"),
        ("", '<iframe src="data:text/html,x"></iframe>', "data:text/html"),
        ("", '<object data="x.svg"></object>', "x.svg"),
        ("", '<svg><use href="sprite.svg#a"></use></svg>', "sprite"),
        ("", '<video poster="x.png"></video>', "x.png"),
        ("", '<form action="https://collect.example"></form>', "collect.example"),
        ("", '<p onclick="x()">', "onclick"),
        ("", "<script>L.tileLayer('https://{s}.tile.example/{z}.png')</script>", "tile.example"),
        ("", "<script>fetch('//collect.example/x')</script>", "collect.example"),
        ('<base href="https://x.example/">', "", "x.example"),
        ('<meta http-equiv="refresh" content="0; url=https://x.example">', "", "x.example"),
        ('<meta http-equiv="Content-Security-Policy" content="default-src *">', "", "written once"),
    ],
)
def test_an_address_that_would_be_fetched_fails_the_build(head, body, says):
    if "s}.tile" in body:
        says = "script names"
        body = body.replace("{s}.", "")
    with pytest.raises(WebError, match=re.escape(says)):
        self_contained(page(head, body))


def test_links_a_person_follows_and_embedded_images_are_allowed():
    body = '<a href="https://doi.org/10.1038/x">paper</a><img alt="" src="data:image/png;base64,AA=="><svg><use href="#a"></use></svg>'
    assert body in self_contained(page(body=body))


def test_vendored_files_are_what_the_manifest_says():
    for package in manifest()["packages"]:
        assert package["version"]
        assert package["licence"] == "BSD-2-Clause"
        assert package["licence_file"] in package["files"]
        for name in package["files"]:
            assert embedded_text(f"vendored:{name}")


def test_a_changed_vendored_file_is_noticed(monkeypatch):
    wrong = {"packages": [{"files": {"leaflet-1.9.4/leaflet.js": "0" * 64}}]}
    monkeypatch.setattr("pipeline.web.inline.manifest", lambda: wrong)
    with pytest.raises(WebError, match="sha256 differs"):
        embedded_text.__wrapped__("vendored:leaflet-1.9.4/leaflet.js")


def test_vendored_styles_and_scripts_name_no_file_of_their_own():
    check_style(embedded_text("vendored:leaflet-1.9.4/leaflet.css"))
    assert "sourceMappingURL" not in embedded_text("vendored:leaflet-1.9.4/leaflet.js")
    for path in (Path(__file__).parents[1] / "pipeline" / "web").glob("*.js"):
        check_script(embedded_text(f"own:{path.name}"))


class _Inline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.texts, self.tag = [], None

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "style") and dict(attrs).get("type") != "application/json":
            self.tag = tag
            self.texts.append([tag, ""])
        else:
            self.tag = None

    def handle_data(self, data):
        if self.tag:
            self.texts[-1][1] += data

    def handle_endtag(self, _tag):
        self.tag = None


@pytest.mark.parametrize("kind", ["map_page", "index_page"])
def test_policy_names_exactly_the_scripts_and_styles_of_the_page(tmp_path, kind):
    html = getattr(world(tmp_path), kind)().html
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    parser = _Inline()
    parser.feed(html)
    for tag in ("script", "style"):
        hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for kind, text in parser.texts if kind == tag}
        directive = "script-src" if tag == "script" else "style-src-elem"
        assert set(re.findall(r"'sha256-([^']+)'", re.search(rf"{directive} ([^;]+)", policy)[1])) == hashes
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")
    # The policy binds only what comes after it.
    assert html.index("Content-Security-Policy") < html.index("<style") < html.index("<body")


def test_json_in_a_page_cannot_end_its_element():
    text = escaped_json({"id": HOSTILE})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text)["id"] == HOSTILE
    with pytest.raises(ValueError, match="not JSON compliant"):
        escaped_json(float("nan"))
    with pytest.raises(ValueError, match="no name"):
        json_block('x"><script>', 1)


@pytest.mark.parametrize("kind", ["map_page", "index_page"])
def test_what_people_wrote_stays_text(tmp_path, kind):
    html = getattr(world(tmp_path, title=HOSTILE, first_core=HOSTILE), kind)().html
    assert "<script>window.canary" not in html
    assert "<img src=x" not in html
    assert "49" not in re.findall(r"<title>([^<]*)", html)[0]
    assert "{{ 7*7 }}" in html


def test_same_inputs_give_the_same_bytes(tmp_path):
    one, two = world(tmp_path / "a"), world(tmp_path / "b")
    assert one.map_page().html == two.map_page().html
    assert one.index_page().html == two.index_page().html
    assert not re.search(r"_[0-9a-f]{32}\b", one.map_page().html)


def test_a_map_stays_small(tmp_path):
    assert len(world(tmp_path, more=("gd",)).map_page().html.encode()) < 1_500_000


@pytest.mark.parametrize("kind", ["map_page", "index_page"])
@pytest.mark.parametrize(("data_kind", "marked"), [("measured", False), ("synthetic", True), ("partly synthetic", True)])
def test_the_synthetic_mark_is_there_only_where_due(tmp_path, kind, data_kind, marked):
    html = getattr(world(tmp_path, data_kind=data_kind), kind)().html.lower()
    assert ("synthetic" in html) is marked
    assert ("合成" in html) is marked


@pytest.mark.parametrize("kind", ["map_page", "index_page"])
def test_rows_left_out_are_told(tmp_path, kind):
    assert "17 refused rows left out" in without_marks(getattr(world(tmp_path / "a", rows_left_out=17), kind)().html)
    # What a page holds about origins tells formulas, too.
    assert "left out" not in getattr(world(tmp_path / "b"), kind)().html.partition('id="origin"')[0]


def test_no_zone_is_drawn_where_the_settings_name_no_island(tmp_path):
    html = world(tmp_path, island=False).map_page().html
    assert json.loads(re.search(r'id="map-data">(.*?)</script>', html)[1])["island"] is None
    assert "zone: polygon" not in html


def without_marks(html):
    """The page without the names of its numbers."""
    return re.sub(r'<span data-(?:n|figure)="[^"]*">([^<]*)</span>', r"\1", html)


def compared(metal, area_km2=3000.0):
    """Checks of a survey whose truth is known at two cut-offs."""
    area = {"truth": 3000.0, "mean": area_km2, "p05": area_km2, "p95": area_km2, "inside": True, "share_below": 0.5}
    rows = [{"cutoff_ppm": cutoff, "metal_t": metal, "area_km2": area} for cutoff in (0.0, 40.0)]
    return {**CHECKS, "elements": {"dy": {"truth": rows}}}


def test_the_truth_stands_on_the_start_page_as_validation_found_it(tmp_path):
    found = {"truth": 123_456.7, "mean": 130_000.0, "p05": 110_000.0, "p95": 150_000.0, "inside": True, "share_below": 0.336}
    result = replace(world(tmp_path), checks=compared(found)).index_page()
    section = result.html[result.html.index('id="truth"') :].partition("</section>")[0]
    assert section.count("<tr>") == 2
    assert "33.6 % of the distribution lie below" in without_marks(section)
    assert 'class="mark in"' in section
    assert "different areas" not in section
    assert result.warnings == (
        "Dy truth 123,500 t is inside the 90 % interval 110,000 to 150,000 t (estimate 130,000 t), at 33.6 % of the distribution",
    )
    outside = replace(world(tmp_path), checks=compared({**found, "inside": False}, area_km2=2900.0)).index_page()
    assert "OUTSIDE" in outside.warnings[0]
    assert "Truth and estimate cover different areas (3,000 and 2,900 km²)" in without_marks(outside.html)


@pytest.mark.parametrize("truth", [None, [], [{"cutoff_ppm": 0.0, "metal_t": {"truth": 1.0}, "area_km2": {"truth": 1.0}}]])
def test_nothing_is_compared_where_validation_has_no_truth_or_no_realisations(tmp_path, truth):
    result = replace(world(tmp_path), checks={**CHECKS, "elements": {"dy": {"truth": truth}}}).index_page()
    assert "Check against the known deposit" not in result.html
    assert result.warnings == ()


def test_an_element_without_realisations_has_no_interval_on_any_page(tmp_path):
    here = world(tmp_path)
    frame = here.tonnage.frame
    here = replace(here, tonnage=replace(here.tonnage, frame=frame[frame["statistic"] == "kriged"]))
    html = here.index_page().html
    assert "sum of kriged blocks; no interval is given" in html
    assert "90 % interval " not in html[html.index('id="card-dy"') : html.index("</article>")]


def test_a_class_is_named_in_both_languages(tmp_path):
    here = world(tmp_path)
    frame = here.tonnage.frame
    more = frame[frame["region"] == "supported"].assign(region="inferred")
    html = replace(here, tonnage=replace(here.tonnage, frame=pd.concat([frame, more]))).index_page().html
    assert "Class: inferred" in html
    assert "区分：予測" in html


def test_start_page_says_how_sure_and_why_from_the_checks(tmp_path):
    html = without_marks(world(tmp_path).index_page().html)
    reasons = html[html.index('id="sure"') : html.index("report.html")].replace("\xa0", " ")
    assert "the 90 % interval reaches from 20 % below to 22 % above the mean" in reasons
    # A share whose interval holds nothing is no reason, however large.
    assert "comes from what lies between the cores (about 61 %) and the mean and spread of each layer, known from few cores (about 35 %)" in reasons
    assert "known within 23 % at the best cell, and 15 % is asked" in reasons
    # Three cores: the deposits with four are nearest.
    assert "tried on 200 made-up deposits with 4 cores each: its 90 % interval held the true total 181 times (90 %)" in reasons
    assert "コア4本ずつの架空の鉱床200個" in reasons


def test_start_page_claims_no_more_than_the_checks(tmp_path):
    nothing = {"simulation": {"sources": {}}, "calibration": {"state": "not calibrated"}}
    html = replace(world(tmp_path), checks=nothing).index_page().html
    reasons = html[html.index('id="sure"') : html.index("report.html")].replace("\xa0", " ")
    assert "was not tried" in reasons
    assert "most of the variance" not in reasons
    assert "inferred" not in reasons
    passing = {"limit_half_width_share": 0.15, "year": {"smallest_half_width_share": 0.1, "share_of_cells_passing": 0.3}}
    some = {"simulation": {"sources": {}, "production_volume": passing}, "calibration": {"state": "not calibrated"}}
    assert "No block is better known" not in replace(world(tmp_path), checks=some).index_page().html


def test_the_bar_of_a_card_begins_at_nothing(tmp_path):
    here = world(tmp_path)
    rows = here.tonnage.frame.query("region == 'supported' and cutoff_ppm == 0").set_index("statistic")["metal_t"]
    bar = here.index_page().html.partition('class="bar"')[2].partition("</svg>")[0]
    assert 'class="axis"' in bar
    left, width = (float(found) for found in re.search(r'<rect x="([\d.]+)" width="([\d.]+)"[^>]*class="narrow"', bar).groups())
    assert left / (left + width) == pytest.approx(rows["p10"] / rows["p90"], abs=1e-3)


@pytest.mark.parametrize(("estimator", "said"), [("ordinary", "kriging_ordinary"), ("drift", "kriging_drift"), ("cokriging", "kriging_cokriging")])
def test_map_says_what_its_grades_are_kriged_with(tmp_path, estimator, said):
    here = world(tmp_path)
    html = replace(here, grade=replace(here.grade, estimator=estimator)).map_page().html
    assert ["about_method", {"kriging": said}] in json.loads(re.search(r'id="map-data">(.*?)</script>', html)[1])["about"]["dy"]
    assert said in json.loads(re.search(r'id="words">(.*?)</script>', html)[1])


def test_words_filled_in_are_not_filled_again():
    assert filled("{name} and {value}", "en", {"name": "{value}", "value": {"en": "x", "ja": "y"}}) == "{value} and x"


@pytest.mark.parametrize("values", [[5.0, 5.0], [0.0], [], [1e-3, 2e-3], [1e6, 3e6], [33.0, 118.0]])
def test_limits_of_colours_enclose_the_values(values):
    low, high = nice_limits(np.array(values))
    assert low < high
    assert all(low <= value <= high for value in values)


def test_frame_has_square_pixels_and_encloses_its_positions():
    frame = frame_around(np.array([153.5, 154.1]), np.array([21.8, 22.25]), 125.0, 600_000)
    longitude_deg, latitude_deg = frame.centres_deg()
    assert isinstance(frame, Frame)
    assert frame.west_deg < longitude_deg[0] < longitude_deg[-1] < frame.east_deg
    assert frame.south_deg < latitude_deg[-1] < latitude_deg[0] < frame.north_deg
    width_m = np.diff(longitude_deg)[0] * np.cos(np.radians(22.0))
    assert np.isclose(width_m, -np.diff(latitude_deg)[len(latitude_deg) // 2], rtol=0.01)


def test_the_start_page_names_twenty_core_files_and_counts_the_rest(tmp_path):
    here = world(tmp_path)
    rows = pd.concat([here.samples.frame] * 30, ignore_index=True)
    rows = rows.assign(source_file=[f"cores/{number % 25:02d}.csv" for number in range(len(rows))])
    html = replace(here, samples=replace(here.samples, frame=rows)).index_page().html
    assert "cores/19.csv" in html
    assert "cores/20.csv" not in html
    assert "and 5 more files" in without_marks(html)
    assert "more files" not in here.index_page().html.partition('id="origin"')[0]
