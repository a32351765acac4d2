"""Every page of a whole build, in both languages and three sizes: no network, no complaint, nothing cut off, nothing that shuts people out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from accessibility import violations
from conftest import write_tiny
from visits import Visit, browser_running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[1]
LOOKS = ROOT / "build" / "looks"
"""Pictures of every page as it was tested, to be looked at."""

SIZES = [(1440, 900), (1024, 768), (390, 844)]
PAGES = ("index", "report", "changes", "grade_dy", "grade_gd")
# Letters that reach beyond what shows them, unless one can scroll there.
CUT_OFF = """() => {
    const faults = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const parent = node.parentElement;
        if (!node.textContent.trim() || parent.closest("svg, option, .leaflet-map-pane")) continue;
        if (!parent.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const box = range.getBoundingClientRect();
        if (box.width < 1 || box.height < 1) continue;
        for (let around = parent; around && around !== document.documentElement; around = around.parentElement) {
            const style = getComputedStyle(around), frame = around.getBoundingClientRect();
            const forScreenReaders = style.clip !== "auto" && style.position === "absolute";
            if (["auto", "scroll"].includes(style.overflowX) || forScreenReaders || style.webkitLineClamp !== "none") break;
            const hidden = style.overflowX !== "visible" || around === document.body;
            if (hidden && (box.right > frame.right + 1 || box.left < frame.left - 1)) {
                faults.push(`${parent.outerHTML.slice(0, 120)} reaches out of ${around.tagName} ${around.className}`);
                break;
            }
        }
    }
    return faults;
}"""


@pytest.fixture(scope="module")
def chromium():
    with browser_running() as running:
        yield running


@pytest.fixture(scope="module")
def maps(tmp_path_factory) -> Path:
    """Folder of the pages of a small survey, made as a person makes them."""
    folder = tmp_path_factory.mktemp("built")
    raw = write_tiny(folder / "raw")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "LINKS"))}
    folders = [f"--raw={raw}", f"--processed={folder / 'processed'}", f"--maps={folder / 'maps'}", f"--links={folder / 'links'}"]
    command = [sys.executable, "-m", "pipeline", "scan", *folders, "--", "make", "-j2", "products"]
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "maps"


def test_the_build_makes_these_pages_and_no_other(maps):
    assert {path.stem for path in maps.iterdir()} == set(PAGES)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_everyone_at_every_size(chromium, maps, name, language, size):
    with Visit(chromium, maps / f"{name}.html", f"#lang={language}", size) as page:
        assert page.evaluate("document.documentElement.lang") == language
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(CUT_OFF) == []
        LOOKS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=LOOKS / f"{name}_{language}_{size[0]}x{size[1]}.png", full_page=name in ("index", "report", "changes"))
        assert violations(page) == []


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints(chromium, maps, name, language):
    with Visit(chromium, maps / f"{name}.html", f"#lang={language}") as page:
        LOOKS.mkdir(parents=True, exist_ok=True)
        printed = page.pdf(path=LOOKS / f"{name}_{language}.pdf", prefer_css_page_size=True, print_background=True)
    assert printed.startswith(b"%PDF")
    sheets = printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/")
    assert sheets == 1 if name.startswith("grade") else sheets >= 1


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_reaches_everything_and_leaves_it_again(chromium, maps, name, language):
    with Visit(chromium, maps / f"{name}.html", f"#lang={language}") as page:
        wanted = page.evaluate(
            "[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')].filter((e) => e.tabIndex >= 0 && !e.disabled"
            " && e.checkVisibility({visibilityProperty: true})).map((e) => { e.dataset.wanted = ''; return e.type === 'radio' ? e.name : ''; })"
        )
        assert wanted
        page.evaluate("document.activeElement.blur()")
        for _ in range(2 * len(wanted) + 10):
            page.keyboard.press("Tab")
            page.evaluate("delete document.activeElement.dataset.wanted")
            if page.evaluate("document.activeElement === document.body"):
                break
        else:
            pytest.fail("the focus never leaves the page")
        # A group of radio buttons is one stop.
        missed = page.evaluate(
            "[...document.querySelectorAll('[data-wanted]')].filter((e) => e.checkVisibility({visibilityProperty: true}) && !(e.type === 'radio' &&"
            " document.querySelector(`input[name='${e.name}']:not([data-wanted])`))).map((e) => e.outerHTML.slice(0, 120))"
        )
        assert missed == []
