"""Say where a number comes from: its value, unit and formula, the rows of input, the settings and the code behind it, and the chain between.

A number of a table is named ``<table>/<keys>/<column>``, one inside a JSON product by the way to it (``validation/elements/dy/…``), a setting
``settings/<section>/<key>``, and what a page alone shows by its place there (``report/<chapter>/…``). The beginning of a name lists what is below it.
"""

from __future__ import annotations

import csv
import difflib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import ArtefactError
from pipeline.number_ids import id_part, number_id, pointer_id, unit_of
from pipeline.provenance.facts import FACTS
from pipeline.provenance.origin import Origin, formula_of_product, published_ids_of
from pipeline.provenance.page_numbers import NumberedPage, numbers_of
from pipeline.text import printable, text_of_cell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

PAGES: Final = ("report", "index")
_MOST_LISTED: Final = 60  # names below a beginning; more are counted part by part
_SETTING: Final = {"en": "chosen by a person in assessment.toml, or the default", "ja": "assessment.toml で人が決めた値、または既定値"}
_ON_PAGE: Final = {
    "en": "reckoned for this page from what its chapter reads; the words around it say what it is",
    "ja": "この章が読む成果物からページのために求めた値（内容は前後の文を参照）",
}
_COUNTED: Final = frozenset(("year", "rank"))


@dataclass(frozen=True)
class Explanation:
    """Where one number comes from.

    Parameters
    ----------
    id : str
    value : float, int, str or None
        ``None`` where the table holds nothing.
    unit : str
        Empty for a count or a bare number.
    formula : dict of str to str
        In both languages.
    words : str
        The sentence, or the caption, row and column, of a number that a page alone shows.
    made_from : list of str
        Product that holds it, or products that the page reads.
    chain : list of dict
        Every product above, nearest first: ``product``, ``stage`` and what it is made ``from``.
    inputs : list of dict
        ``file``, ``sha256`` and ``rows``: empty where the whole file counts.
    settings : dict
        By section.
    code_sha256 : str
    notes : list of str
    """

    id: str
    value: float | int | str | None
    unit: str
    formula: dict[str, str]
    words: str
    made_from: list[str]
    chain: list[dict[str, Any]]
    inputs: list[dict[str, str]]
    settings: dict[str, Any]
    code_sha256: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """A number before it is explained."""

    value: float | int | str | None
    unit: str
    formula: dict[str, str]
    products: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    words: str = ""
    published_ids: Collection[str] | None = None
    only_setting: tuple[str, ...] = ()


class Numbers:
    """Every number of a build, found by its name.

    Parameters
    ----------
    processed, maps : Path
        The folders of products and of pages.

    Raises
    ------
    ArtefactError
        Nothing was built there.
    """

    def __init__(self, processed: Path, maps: Path) -> None:
        self.processed, self.maps = processed, maps
        path = processed / "provenance.json"
        if not path.is_file():
            message = f"{path} is missing: nothing was built in {processed}. Run make all, or name the folder with --processed (make: PROCESSED=…)."
            raise ArtefactError(message)
        self.origin = Origin(json.loads(path.read_text(encoding="utf-8")))
        self._tables: dict[str, dict[str, Found]] = {}
        self._products: dict[str, Any] = {}
        self._pages: dict[str, NumberedPage] = {}

    # --- one number

    def explain(self, name: str) -> Explanation:
        """Where a number comes from.

        Raises
        ------
        ArtefactError
            No number is called so; the message names those that come nearest.
        """
        wanted, notes = self.today(name)
        found = self.found(wanted)
        if found is None:
            near = ", ".join(self.nearest(wanted))
            nearest = f" Nearest: {printable(near)}." if near else ""
            below = f"The beginning of a name lists what is below it: {', '.join(self.heads)}."
            message = f"no number is called {printable(name)}.{nearest} {below}"
            raise ArtefactError(message)
        return self._explained(wanted, found, notes)

    def today(self, name: str) -> tuple[str, list[str]]:
        """The name of today, and a note on an old one: names of figures of the tonnage table used to begin with the element."""
        head = name.partition("/")[0]
        if head in self.origin.content["settings"]["elements"]["assessed"] and "/" in name:
            return f"tonnage/{name}", [f"{name} is an old name: it is tonnage/{name} today"]
        return name, []

    def _explained(self, name: str, found: Found, notes: list[str]) -> Explanation:
        origin, graph = self.origin, self.origin.graph
        above = origin.behind(found.products, found.inputs, found.settings)
        settings = origin.settings(above)
        if found.only_setting:
            section, key = found.only_setting
            settings = {section: {key: settings[section][key]}}
        return Explanation(
            name, found.value, found.unit, found.formula, found.words, list(found.products),
            [{"product": one, "stage": graph[one].stage, "from": list(graph[one].products)} for one in above.products],
            [] if found.only_setting else [asdict(one) for one in origin.inputs(above, found.published_ids)],
            settings, origin.content["code_sha256"], notes,
        )  # fmt: skip

    def found(self, name: str) -> Found | None:
        """A number by its name of today; ``None`` where there is none."""
        head, _, rest = name.partition("/")
        if head in self.origin.content["tables"]:
            found = self.table(head).get(name)
            if found is not None:
                return found
        if name in FACTS:
            fact = FACTS[name]
            return Found(fact.value(self.processed), unit_of(name.rpartition("/")[2]), fact.formula, (fact.product,))
        if head == "settings":
            return self._setting(rest)
        if head in PAGES:
            return self._page_number(head, name)
        return self._pointed(head, rest.split("/")) if rest else None

    def table(self, head: str) -> dict[str, Found]:
        """Numbers of a table by their names."""
        if head not in self._tables:
            self._tables[head] = dict(self._read_table(head))
        return self._tables[head]

    def _read_table(self, head: str) -> Iterator[tuple[str, Found]]:
        table = self.origin.content["tables"][head]
        path = self.processed / table["file"]
        if not path.is_file():
            return
        formulas = {name: _with_note(column["formula"], table["note"]) for name, column in table["columns"].items()}
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                keys = [_key(column, text_of_cell(row[column])) for column in table["keys"]]
                published = published_ids_of(row["denominator_id"]) if row.get("denominator_id") else None
                for column, told in table["columns"].items():
                    if row.get(column):
                        unit = row["unit"] if column.startswith("value") and "unit" in row else told["unit"]
                        unit = row.get("denominator_unit", unit) if column.startswith("denominator_") else unit
                        found = Found(float(row[column]), unit, formulas[column], (table["file"],), published_ids=published)
                        yield number_id(head, *keys, column=column), found

    def _setting(self, way: str) -> Found | None:
        section, _, key = way.partition("/")
        value = self.origin.content["settings"].get(section, {}).get(key)
        if value is None:
            return None
        return Found(json.dumps(value) if isinstance(value, list | dict) else value, unit_of(key), _SETTING, (), settings=(section,),
                      only_setting=(section, key))  # fmt: skip

    def product(self, head: str) -> Any:
        """Content of a JSON product; ``None`` where there is none."""
        if head not in self._products:
            path = self.processed / f"{head}.json"
            known = formula_of_product(head) is not None and path.is_file()
            self._products[head] = json.loads(path.read_text(encoding="utf-8")) if known else None
        return self._products[head]

    def _pointed(self, head: str, way: list[str]) -> Found | None:
        content = self.product(head)
        unit = ""
        for part in way:
            key = _key_of(content, part)
            if key is None:
                return None
            content = content[key]
            unit = unit_of(part) or unit
        formula = formula_of_product(head)
        if formula is None or isinstance(content, bool) or not isinstance(content, int | float):
            return None
        return Found(content, unit, formula, (f"{head}.json",))

    def page(self, name: str) -> NumberedPage | None:
        """A page read back; ``None`` where it is not built."""
        path = self.maps / f"{name}.html"
        if name not in self._pages and path.is_file():
            self._pages[name] = numbers_of(path.read_text(encoding="utf-8"))
        return self._pages.get(name)

    def _page_number(self, head: str, name: str) -> Found | None:
        page = self.page(head)
        number = page.numbers.get(name) if page is not None else None
        if page is None or number is None or not number.is_placed:
            return None
        rule = self.origin.graph[f"{head}.html"]
        reads = page.places.get(number.place, {"products": rule.products, "inputs": rule.inputs, "settings": rule.settings})
        value = float(number.value) if number.value else None
        products, inputs, settings = (tuple(reads[kind]) for kind in ("products", "inputs", "settings"))
        return Found(value, "", _ON_PAGE, products, inputs, settings, number.words)

    # --- many numbers

    @cached_property
    def heads(self) -> list[str]:
        """First parts of all names."""
        tables = [name for name, table in self.origin.content["tables"].items() if (self.processed / table["file"]).is_file()]
        products = [path.stem for path in sorted(self.processed.glob("*.json")) if formula_of_product(path.stem) is not None]
        pages = [name for name in PAGES if (self.maps / f"{name}.html").is_file()]
        return list(dict.fromkeys([*tables, *(name.partition("/")[0] for name in FACTS), *products, "settings", *pages]))

    def names(self, head: str) -> Iterator[str]:
        """Names of all numbers that begin with a first part."""
        if head in self.origin.content["tables"]:
            yield from self.table(head)
        yield from (name for name in FACTS if name.startswith(f"{head}/"))
        if head == "settings":
            for section, values in self.origin.content["settings"].items():
                yield from (pointer_id("settings", section, key) for key, value in values.items() if value is not None)
        elif head in PAGES:
            page = self.page(head)
            yield from (name for name, number in (page.numbers.items() if page is not None else ()) if number.is_placed)
        elif self.product(head) is not None:
            yield from _pointers(head, self.product(head))

    def below(self, beginning: str) -> list[str]:
        """Names that begin so, or how many there are of each next part where they are many; empty where none does."""
        start = self.today(beginning.rstrip("/"))[0]
        names = [name for name in self.names(start.partition("/")[0]) if name.startswith(f"{start}/")]
        if len(names) <= _MOST_LISTED:
            return names
        counts: dict[str, int] = {}
        for name in names:
            part = name[len(start) + 1 :].partition("/")[0]
            counts[part] = counts.get(part, 0) + 1
        return [f"{start}/{part}" + (f"/… ({count:,} numbers)" if count > 1 else "") for part, count in counts.items()]

    def nearest(self, name: str, count: int = 3) -> list[str]:
        """Names that differ least from one that is none: part by part, the first that is wrong is replaced by those most like it."""
        head, *parts = name.split("/")
        if head not in self.heads:
            close = difflib.get_close_matches(head, self.heads, count, 0.5)
            return [self._completed(one, parts) for one in close]
        names = list(self.names(head))
        good = head
        for place, part in enumerate(parts):
            following = {one[len(good) + 1 :].partition("/")[0] for one in names if one.startswith(f"{good}/")}
            if part not in following:
                close = difflib.get_close_matches(part, sorted(following), count, 0.3) or sorted(following)[:count]
                return [self._completed(f"{good}/{one}", parts[place + 1 :]) for one in close]
            good = f"{good}/{part}"
        return [good]

    def _completed(self, good: str, parts: list[str]) -> str:
        """A beginning with as many further parts as lead to a number."""
        names = list(self.names(good.partition("/")[0]))
        for part in parts:
            if not any(one == f"{good}/{part}" or one.startswith(f"{good}/{part}/") for one in names):
                break
            good = f"{good}/{part}"
        return good


def _with_note(formula: dict[str, str], note: dict[str, str]) -> dict[str, str]:
    return {language: f"{words}; {note[language]}" for language, words in formula.items()}


def _key(column: str, text: str) -> object:
    """What stands in a key column: a number where its name says so."""
    if unit_of(column) or column in _COUNTED:
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _key_of(content: Any, part: str) -> Any:
    """Key or place in a part of JSON that a part of a name means; ``None`` for none."""
    if isinstance(content, dict):
        return next((key for key in content if id_part(key) == part), None)
    if isinstance(content, list) and part.isascii() and part.isdigit() and int(part) < len(content):
        return int(part)
    return None


def _pointers(name: str, content: Any) -> Iterator[str]:
    """Ways to all numbers inside JSON."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _pointers(f"{name}/{id_part(key)}", value)
    elif isinstance(content, list):
        for place, value in enumerate(content):
            yield from _pointers(f"{name}/{place}", value)
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield name


# --- what is printed -------------------------------------------------------------------------------------------------------------------------------


def told(name: str, processed: Path, maps: Path, *, as_json: bool = False) -> str:
    """What the command prints: an explanation, or the names below a beginning.

    Raises
    ------
    ArtefactError
        No name is or begins so.
    """
    numbers = Numbers(processed, maps)
    if not name:
        below = numbers.heads
    elif numbers.found(numbers.today(name)[0]) is not None:
        explanation = numbers.explain(name)
        return json.dumps(asdict(explanation), indent=1, ensure_ascii=False) if as_json else "\n".join(_lines(explanation))
    else:
        below = numbers.below(name)
        if not below:
            numbers.explain(name)
    return json.dumps(below, indent=1, ensure_ascii=False) if as_json else "\n".join(map(printable, below))


def _lines(told: Explanation) -> Iterator[str]:
    yield printable(told.id)
    for note in told.notes:
        yield f"  note       {printable(note)}"
    value = f"{told.value:.10g}" if isinstance(told.value, float) else str(told.value)
    yield f"  value      {printable(value)}{f' {told.unit}' if told.unit else ''}"
    if told.words:
        yield f"  where      {printable(told.words)}"
    for language, words in sorted(told.formula.items()):
        yield f"  {'formula' if language == 'en' else '式':<{11 if language == 'en' else 10}}{words}"
    for place, step in enumerate(told.chain):
        above = ", ".join(step["from"]) or "files of RAW"
        yield f"  {'chain' if place == 0 else '':<11}{step['product']} <- {step['stage']} <- {above}"
    for place, file in enumerate(told.inputs):
        rows = f" rows {file['rows']}" if file["rows"] else ""
        yield f"  {'inputs' if place == 0 else '':<11}{printable(file['file'])}{rows} sha256 {file['sha256']}"
    first = True
    for section, values in told.settings.items():
        for key, setting in values.items():
            yield f"  {'settings' if first else '':<11}[{section}] {key} = {printable(json.dumps(setting, ensure_ascii=False))}"
            first = False
    yield f"  code       sha256 {told.code_sha256}"
