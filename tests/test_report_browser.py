"""The report in a real browser, network off: both languages, three sizes, keyboard, filter, anchors, print; nothing overlaps or is cut."""

from __future__ import annotations

import re

import pytest
from accessibility import violations
from test_pages import CUT_OFF
from test_report import CHAPTERS, html_of, listed
from visits import Visit, browser_running

from pipeline.artefacts import PublishedFiles

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = [(1440, 900), (1024, 768), (390, 844)]
# Words of a figure that reach out of it, or lie on one another.
CROWDED = """() => {
    const faults = [];
    for (const svg of document.querySelectorAll(".plot svg")) {
        if (!svg.checkVisibility()) continue;
        const frame = svg.getBoundingClientRect();
        const texts = [...svg.querySelectorAll("text")].filter((text) => text.checkVisibility());
        const boxes = texts.map((text) => text.getBoundingClientRect());
        const name = svg.closest("figure").id;
        boxes.forEach((box, i) => {
            if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2) {
                faults.push(`${name}: ${texts[i].textContent} reaches out`);
            }
            for (let j = 0; j < i; j += 1) {
                const other = boxes[j];
                const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
                const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
                if (across > 3 && down > 5) faults.push(`${name}: ${texts[i].textContent} on ${texts[j].textContent}`);
            }
        });
    }
    return faults;
}"""


@pytest.fixture(scope="module")
def chromium():
    with browser_running() as running:
        yield running


@pytest.fixture(scope="module")
def page_file(reference, reference_raw, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html_of(reference, listed(PublishedFiles, reference_raw, ".csv")), encoding="utf-8")
    return path


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_nothing_is_cut_off_or_crowded_and_everyone_can_read_it(chromium, page_file, language, size):
    with Visit(chromium, page_file, f"#lang={language}", size) as page:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(CUT_OFF) == []
        assert page.evaluate(CROWDED) == []
        assert violations(page) == []


def test_the_language_changes_every_word_and_every_figure(chromium, page_file):
    with Visit(chromium, page_file, "#lang=en") as page:
        for language, other in (("ja", "en"), ("en", "ja")):
            page.click(f"#lang-{language}")
            shown = f"[...document.querySelectorAll('span[lang={other}], text[lang={other}]')].filter((e) => e.checkVisibility()).length"
            assert page.evaluate(shown) == 0
            assert page.evaluate(f"[...document.querySelectorAll('text[lang={language}]')].filter((e) => e.checkVisibility()).length") > 50
        page.click("#lang-ja")
        links = page.evaluate("[...document.querySelectorAll('a[data-map]')].map((link) => link.getAttribute('href'))")
        assert links == ["index.html#lang=ja", "grade_dy.html#lang=ja", "grade_gd.html#lang=ja", "changes.html#lang=ja"]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_link_opens_its_chapter_in_its_language(chromium, page_file, chapter):
    with Visit(chromium, page_file, f"#lang=ja&at={chapter}") as page:
        page.wait_for_function("location.hash.includes('at=')")
        place = page.evaluate(f"document.getElementById('{chapter}').getBoundingClientRect().top")
        bottom = page.evaluate("document.documentElement.scrollHeight - innerHeight - scrollY")
        assert abs(place) < 60 or bottom < 2
        assert page.evaluate("document.documentElement.lang") == "ja"


def test_the_contents_lead_there_by_keyboard_and_keep_the_language(chromium, page_file):
    with Visit(chromium, page_file, "#lang=ja") as page:
        page.emulate_media(reduced_motion="reduce")
        page.focus(".contents a[href='#sources']")
        page.keyboard.press("Enter")
        assert page.evaluate("location.hash") == "#lang=ja&at=sources"
        assert page.evaluate("document.activeElement.id") == "sources"
        page.wait_for_function("document.querySelector('.contents a[aria-current]')?.getAttribute('href') === '#sources'")


def test_the_checklist_shows_one_state_or_all(chromium, page_file):
    with Visit(chromium, page_file, "#lang=en") as page:
        rows = "[...document.querySelectorAll('[id^=table-checklist] tbody tr')].filter((row) => row.checkVisibility())"
        states = f"[...new Set({rows}.map((row) => row.dataset.state))]"
        every = page.evaluate(f"{rows}.length")
        told = 0
        for state in ("available", "partly", "not-available"):
            page.click(f".filter button[data-state='{state}']")
            assert page.evaluate(states) == [state]
            assert page.get_attribute(f".filter button[data-state='{state}']", "aria-pressed") == "true"
            told += page.evaluate(f"{rows}.length")
        assert told == every
        page.click(".filter button[data-state='']")
        assert page.evaluate(f"{rows}.length") == every


@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_prints_on_upright_sheets_with_no_figure_wider_than_the_paper(chromium, page_file, language, tmp_path):
    with Visit(chromium, page_file, f"#lang={language}") as page:
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 695, "height": 1000})  # the width of A4 between its margins
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        wide = "(e) => e.checkVisibility() && e.getBoundingClientRect().width > innerWidth + 1"
        assert page.evaluate(f"[...document.querySelectorAll('.plot svg, table')].filter({wide}).map((e) => e.outerHTML.slice(0, 90))") == []
        printed = page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True, print_background=True)
    assert printed.startswith(b"%PDF")
    width, height = (float(number) for number in re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed).groups())
    assert (round(width), round(height)) == (595, 842)
