"""What is known of where numbers come from: what ``provenance.json`` says, and what follows from it for one number.

Nothing is repeated per number. A number names its table, product or page; the rules of the Makefile lead from there to every product above it, to the
folders of RAW with the hashes and rows of their files, and to the sections of the settings.

Input rows are told as far as they are known to be read apart. Of a core table, rows that are samples enter every estimate: the elements and the
density are modelled together, so that one grade of one row moves the numbers of all. Check assays are named only by what is made from
``samples.parquet`` itself: no estimate reads them. A figure of the supply lens names the rows of the published figures that it is divided by. Files
that are no tables (bathymetry, domains, truth, notes beside a table) count as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.number_ids import unit_of
from pipeline.provenance.formulas import PRODUCTS, TABLES, VARIOGRAM
from pipeline.provenance.graph import Behind, Made, behind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_FROM_SAMPLES: Final = "samples.parquet"
_ACCEPTED_ONLY: Final = "composites.parquet"
"""The one stage that reads samples and leaves the check assays alone."""

_CHINA: Final = "china_"


@dataclass(frozen=True)
class Input:
    """A file of RAW behind a number.

    Parameters
    ----------
    file : str
        Relative to RAW.
    sha256 : str
    rows : str
        Numbers of the rows that count, as in ``2-251``; empty: the whole file.
    """

    file: str
    sha256: str
    rows: str


def row_ranges(rows: Iterable[int]) -> str:
    """Numbers of rows as ranges.

    Examples
    --------
    >>> row_ranges([5, 2, 3, 4, 9])
    '2-5, 9'
    """
    ordered = sorted(set(rows))
    starts = [row for place, row in enumerate(ordered) if place == 0 or ordered[place - 1] != row - 1]
    ends = [row for place, row in enumerate(ordered) if place == len(ordered) - 1 or ordered[place + 1] != row + 1]
    return ", ".join(str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True))


def rows_in(ranges: str) -> set[int]:
    """Read back what :func:`row_ranges` made."""
    found: set[int] = set()
    for part in filter(None, ranges.split(", ")):
        start, _, end = part.partition("-")
        found |= set(range(int(start), int(end or start) + 1))
    return found


def rules_told(graph: Mapping[str, Made]) -> list[dict[str, Any]]:
    """The graph as ``provenance.json`` holds it: one entry for products that are made together."""
    together: dict[Made, list[str]] = {}
    for name, made in graph.items():
        together.setdefault(made, []).append(name)
    return [
        {"makes": names, "stage": made.stage, "from": list(made.products), "inputs": list(made.inputs), "settings": list(made.settings)}
        for made, names in together.items()
    ]


def tables_told() -> dict[str, Any]:
    """The tables of numbers as ``provenance.json`` holds them: file, keys, and formula and unit of each column."""
    return {
        name: {
            "file": table.file,
            "keys": list(table.keys),
            "note": table.note,
            "columns": {column: {"unit": unit_of(column), "formula": formula} for column, formula in table.formulas.items()},
        }
        for name, table in TABLES.items()
    }


@dataclass(frozen=True)
class Origin:
    """``provenance.json``, asked for single numbers."""

    content: Mapping[str, Any]

    @property
    def graph(self) -> dict[str, Made]:
        """How each product is made."""
        return {
            name: Made(rule["stage"], tuple(rule["from"]), tuple(rule["inputs"]), tuple(rule["settings"]))
            for rule in self.content.get("rules", [])
            for name in rule["makes"]
        }

    def behind(self, products: Sequence[str], inputs: Sequence[str] = (), settings: Sequence[str] = ()) -> Behind:
        """Everything above some products, these included, and what else is read beside them."""
        above = behind(self.graph, products)
        return Behind(above.products, tuple(sorted({*above.inputs, *inputs})), tuple(sorted({*above.settings, *settings})))

    def inputs(self, above: Behind, published_ids: Collection[str] | None = None) -> list[Input]:
        """Files of RAW behind products, with the rows that count.

        Parameters
        ----------
        above : Behind
        published_ids : collection of str, optional
            The published figures that alone count, by the beginning of their ids.
        """
        graph = self.graph
        checks_too = any(_FROM_SAMPLES in graph[name].products for name in above.products if name != _ACCEPTED_ONLY)
        # The table itself: every row of it is an input.
        checks_too = checks_too or above.products[:1] == (_FROM_SAMPLES,)
        found = []
        for file, told in sorted(self.content["inputs"].items()):
            if told["folder"] not in above.inputs:
                continue
            rows = rows_in(told["sample_rows"])
            if checks_too:
                rows |= rows_in(told["check_assay_rows"])
            elif told["check_assay_rows"] and not rows:
                continue
            if told["ids"] and published_ids is not None:
                rows = {row for name, row in told["ids"].items() if any(name.startswith(begin) for begin in published_ids)}
                if not rows:
                    continue
            found.append(Input(file, told["sha256"], row_ranges(rows)))
        return found

    def settings(self, above: Behind) -> dict[str, dict[str, Any]]:
        """Settings behind products, by section."""
        return {name: self.content["settings"][name] for name in above.settings if name in self.content["settings"]}


def published_ids_of(denominator: str) -> set[str]:
    """Beginnings of the ids of the published figures that a figure of the supply lens depends on.

    Where the latest month of a country's production is taken, every month that is told may be the latest.

    Examples
    --------
    >>> sorted(published_ids_of("japan_rare_earths x china_share_of_imports")), sorted(published_ids_of("china_dy_oxide_june_2024"))
    (['china_share_of_imports', 'japan_rare_earths'], ['china_dy_oxide'])
    """
    return {"_".join(name.split("_")[:3]) if name.startswith(_CHINA) and "_oxide" in name else name for name in denominator.split(" x ")}


def formula_of_product(product: str) -> dict[str, str] | None:
    """What a number inside a JSON product is; ``None`` for a product that is not known."""
    return VARIOGRAM if product.startswith("variogram_") else PRODUCTS.get(product)
