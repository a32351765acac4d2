"""Draw the flow of docs/architecture.md from the Makefile: ``python tests/flow.py --write`` (make flow).

The drawing leaves out an arrow where others lead the same way, so that it can be read; the table below it leaves out none.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pipeline.provenance.graph import Made, graph_of  # noqa: E402

PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- made by `make flow` from the Makefile: change that, not this -->", "<!-- end of what `make flow` makes -->"
ELEMENT = "ELEMENT"
FOLDERS = ("cores", "bathymetry", "domains", "published", "truth")

Edges = set[tuple[str, str]]


@dataclass(frozen=True)
class Flow:
    """Stages with what they make, and the arrows between folders of RAW and stages."""

    products: dict[str, list[str]]
    rules: dict[str, Made]
    arrows: Edges
    only_with_a_marker: Edges


def flow_of(makefile: str) -> Flow:
    """The stages and arrows of a Makefile, those of a reference plane other than the seafloor apart."""
    plain, marked = (graph_of(makefile, [ELEMENT], marker=marker) for marker in ("", "horizon"))
    products: dict[str, list[str]] = {}
    for name, made in marked.items():
        products.setdefault(made.stage, []).append(name)
    rules = {made.stage: made for made in marked.values()}
    arrows = _arrows(plain)
    return Flow(products, rules, arrows, _arrows(marked) - arrows)


def _arrows(graph: dict[str, Made]) -> Edges:
    read = {(folder, made.stage) for made in graph.values() for folder in made.inputs}
    return read | {(graph[name].stage, made.stage) for made in graph.values() for name in made.products if name in graph}


def behind(arrows: Edges, node: str) -> set[str]:
    """Everything from which arrows lead to a node."""
    found, waiting = set(), {node}
    while waiting:
        waiting = {before for before, after in arrows if after in waiting} - found
        found |= waiting
    return found


def reduced(arrows: Edges) -> Edges:
    """The arrows that no longer way stands for; they lead from everywhere to everywhere that all of them do."""
    ways = {after: [before for before, to in arrows if to == after] for _, after in arrows}
    return {(before, after) for before, after in arrows if not any(before in behind(arrows, other) for other in ways[after] if other != before)}


def drawing(flow: Flow) -> str:
    """Mermaid."""
    arrows = reduced(flow.arrows)
    dotted = reduced(flow.arrows | flow.only_with_a_marker) - flow.arrows
    order = {name: place for place, name in enumerate([*FOLDERS, *flow.products])}
    lines = ["flowchart TD"]
    lines += [f"    {folder}([RAW/{folder}])" for folder in FOLDERS]
    lines += [f'    {stage}["{"<br>".join(_shown(name, "&lt;", "&gt;") for name in names)}"]' for stage, names in flow.products.items()]
    for before, after in sorted(arrows | dotted, key=lambda one: (order[one[0]], order[one[1]])):
        lines.append(f"    {before} {'-.->' if (before, after) in dotted else '-->'} {after}")
    return "\n".join(lines)


def table(flow: Flow) -> str:
    """Every prerequisite of every rule, but for settings and program files of its own."""
    stage_of = {name: stage for stage, names in flow.products.items() for name in names}
    sections = sorted({name for made in flow.rules.values() for name in made.settings})
    lines = ["| stage | makes | from | reads of RAW | settings |", "|---|---|---|---|---|"]
    for stage, names in flow.products.items():
        made = flow.rules[stage]
        read = list(dict.fromkeys(_shown(name) for name in made.products if name in stage_of))
        left_out = [name for name in sections if name not in made.settings]
        few = len(made.settings) <= len(left_out)
        settings = _code(made.settings) if few else f"all but {_code(left_out)}" if left_out else "all"
        cells = [f"`{stage}`", _code(map(_shown, names)), _code(read), ", ".join(made.inputs), settings]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(name: str, before: str = "<", after: str = ">") -> str:
    return ("maps/" if name.endswith(".html") else "") + name.replace(ELEMENT, f"{before}element{after}")


def _code(names) -> str:
    return ", ".join(f"`{name}`" for name in names)


def section(makefile: str) -> str:
    """What stands between the marks."""
    flow = flow_of(makefile)
    return f"{BEGIN}\n\n```mermaid\n{drawing(flow)}\n```\n\nEvery prerequisite:\n\n{table(flow)}\n\n{END}"


def placed(page: str, makefile: str) -> str:
    """The page with the drawing of this Makefile."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + section(makefile) + after


if __name__ == "__main__":
    made = placed(PAGE.read_text(encoding="utf-8"), (ROOT / "Makefile").read_text(encoding="utf-8"))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(made, encoding="utf-8")
    else:
        print(made)
