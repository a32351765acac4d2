"""Visits of a page in a real browser with the network off: whatever the page asks for, complains of or runs is noted."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from browser import find_browser, how_to_get_one

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def browser_running():
    """A browser; the test is skipped without one, or fails where CI=true."""
    found = None if os.environ.get("BROWSER") == "skip" else find_browser()
    if found is None:
        message = f"no browser: {how_to_get_one()}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(found), args=FLAGS)
        yield running
        running.close()


class Visit:
    """One page with everything it complains about."""

    def __init__(self, chromium, path: Path, anchor: str, size=(1440, 900), locale="en-US", *, policy=True):
        self.context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, offline=True, locale=locale, bypass_csp=not policy)
        self.page = self.context.new_page()
        self.outside, self.complaints = [], []
        # Every request is seen here, also one that the missing network would have stopped.
        self.page.on("request", lambda request: None if _is_inside(request.url) else self.outside.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None)
        self.page.on("dialog", self._close)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.add_init_script(
            "window.violations = []; addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective + ' ' + e.blockedURI))"
        )
        self.page.goto(f"file://{path}{anchor}")
        if path.name.startswith("grade"):
            self.page.wait_for_selector("html[data-ready=yes]")

    def _close(self, dialog):
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def __enter__(self):
        return self.page

    def __exit__(self, kind, *_):
        if kind is None:
            assert self.outside == []
            assert self.complaints == []
            assert self.page.evaluate("violations") == []
            assert self.page.evaluate("window.canary") is None
        self.context.close()


def _is_inside(url):
    """Whether an address is that of a page of ours, or lies in one."""
    return url.startswith(("data:", "blob:")) or (url.startswith("file:") and url.partition("#")[0].endswith(".html"))
