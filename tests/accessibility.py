"""What axe-core finds wrong with a page, run inside the page while its policy holds."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"
GRAVE = ("serious", "critical")


@cache
def axe() -> str:
    """The engine, as its manifest describes it."""
    (package,) = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))["packages"]
    contents = {name: (VENDOR / name).read_bytes() for name in package["files"]}
    assert {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()} == package["files"]
    return contents[f"axe-core-{package['version']}/axe.min.js"].decode()


def violations(page) -> list[str]:
    """Serious and critical faults: rule, what it asks, and where."""
    # The debugger's evaluation needs no permission of the page, so its policy stays as it is.
    page.evaluate(axe())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"] or found["incomplete"] or found["inapplicable"]
    return [
        f"{fault['id']} ({fault['impact']}): {fault['help']}: {node['html'][:160]}: {node.get('failureSummary', '')[:300]}"
        for fault in found["violations"]
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
