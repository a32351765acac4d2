"""Numbers of the start page and of the report say where they come from: by mouse and by keyboard, in both languages, network off."""

from __future__ import annotations

import pytest
from accessibility import violations
from test_explain import built  # noqa: F401 the fixture
from visits import Visit, browser_running

from pipeline.provenance.page_numbers import numbers_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HEAD = {"en": "Where this number comes from", "ja": "この数値の由来"}
FIRST = {
    "index": "data[data-figure='tonnage/dy/supported/0/mean/metal_t']:visible",
    "report": "[data-under='tonnage/dy/supported/0/mean/'] data[data-name='metal_t']:visible, "
    "[data-under='tonnage/dy/supported/0/'] data[data-name='mean/metal_t']:visible, data[data-figure='tonnage/dy/supported/0/mean/metal_t']:visible",
}
# The names as the page's own script makes them are told by the command in the panel.
NAMES = """() => [...document.querySelectorAll("data, [data-n], [data-figure]")].map((number) => {
    const at = number.closest("[data-at]"), cell = number.closest("td, th"), place = at ? [at.dataset.at] : [];
    if (cell && at && cell !== at && at.contains(cell)) {
        if (cell.closest("thead, tbody").tagName === "TBODY") place.push(cell.parentElement.sectionRowIndex + 1);
        place.push(cell.cellIndex + 1);
    }
    const row = number.closest("[data-under]");
    const told = number.dataset.name ? row.dataset.under + number.dataset.name : null;
    return number.dataset.figure ?? told ?? [...place, number.dataset.n ?? 1].join("/");
})"""


@pytest.fixture(scope="module")
def chromium():
    with browser_running() as running:
        yield running


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", ["index", "report"])
def test_click_and_enter_tell_where_a_number_comes_from(chromium, built, name, language):  # noqa: F811
    with Visit(chromium, built[1] / f"{name}.html", f"#lang={language}") as page:
        number = page.locator(FIRST[name]).first
        source = "tonnage/dy/supported/0/mean/metal_t"
        number.click()
        panel = page.locator("dialog.origin")
        assert panel.locator("h2").inner_text() == HEAD[language]
        said = panel.inner_text()
        for told in (source, "cores/reference_survey.csv", "2-", "tonnage.csv", f"python -m pipeline explain '{source}'"):
            assert told in said
        assert violations(page) == []
        page.keyboard.press("Escape")
        assert not panel.is_visible()
        # One stop of Tab in each part; arrows lead on; Enter opens, and closing gives the place back.
        stop = page.locator("main [data-stop]:visible").first
        stop.focus()
        page.keyboard.press("ArrowRight")
        shown = page.evaluate("document.activeElement.textContent")
        assert page.evaluate("document.activeElement.matches('[data-stop][role=button][tabindex=\"0\"]')")
        page.keyboard.press("Enter")
        assert panel.is_visible()
        assert shown.strip() in panel.inner_text()
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.textContent") == shown
        stops = page.evaluate("document.querySelectorAll('[data-stop]').length")
        assert 0 < stops <= page.evaluate("document.querySelectorAll('main section, .facts, .notice, header.head').length")


@pytest.mark.parametrize("name", ["index", "report"])
def test_the_page_and_the_command_name_numbers_alike(chromium, built, name):  # noqa: F811
    with Visit(chromium, built[1] / f"{name}.html", "#lang=en") as page:
        told = page.evaluate(NAMES)
    read = numbers_of((built[1] / f"{name}.html").read_text(encoding="utf-8"))
    assert told == [number.id.removeprefix(f"{name}/") if number.is_placed else number.id for number in read.shown]
