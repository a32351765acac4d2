"""Table 1: the checklist of reporting codes, item by item, with its JSON Schema.

The models below are the one definition: the stage fills them in, ``table1.json`` is checked against them before it is written, and
``table1.schema.json`` is made from them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.artefacts.formats import write_json
from pipeline.errors import ArtefactError

if TYPE_CHECKING:
    from pathlib import Path

TABLE1, TABLE1_SCHEMA = "table1.json", "table1.schema.json"

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Words(_Part):
    """The same words in English and in Japanese."""

    en: str = Field(min_length=1)
    ja: str = Field(min_length=1)


class Evidence(_Part):
    """Where a value can be looked up."""

    product: str = Field(min_length=1, description="name of a file of the processed data or the maps")
    where: str = Field(
        min_length=1,
        description="in a JSON file a JSON Pointer (RFC 6901); in a CSV table element/region/cut-off/statistic/column; in a Parquet table the name "
        "of a column, or notes and a JSON Pointer into them; in a raster the name of a band, or tags and the name of a tag; in NetCDF a variable",
    )


_VALUE, _REASON = {"value": {"type": "object"}}, {"why_not": {"type": "object"}}
_NO_VALUE, _NO_REASON = {"value": {"type": "null"}}, {"why_not": {"type": "null"}}
_EVIDENCE = {"evidence": {"type": "array", "minItems": 1}}
_STATES: Final[dict[str, dict[str, Any]]] = {
    "available": {**_VALUE, **_EVIDENCE, **_NO_REASON},
    "partly": {**_VALUE, **_EVIDENCE, **_REASON},
    "not available": {**_NO_VALUE, **_REASON},
}
"""What each state asks of the other properties of an item."""


class Item(_Part):
    """One criterion: a value with its evidence, or the reason why there is none; both where only a part of what is asked for is there."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"if": {"properties": {"state": {"const": state}}}, "then": {"properties": asked}}
                for state, asked in _STATES.items()
            ]
        }
    )  # fmt: skip

    id: str = Field(pattern=r"^[1-9]\.[1-9][0-9]*$", description="number of the section, dot, number within the section")
    section: str
    criterion: Words
    state: Literal["available", "partly", "not available"]
    value: Words | None
    evidence: tuple[Evidence, ...]
    why_not: Words | None

    @model_validator(mode="after")
    def _state_is_that_of_value_and_reason(self) -> Self:
        held = (self.value is not None, self.why_not is not None)
        expected = {"available": (True, False), "partly": (True, True), "not available": (False, True)}[self.state]
        if held != expected or (held[0] and not self.evidence):
            message = f"item {self.id} is {self.state}: value and evidence, why_not {'do' if held == expected else 'do not'} agree with that"
            raise ValueError(message)
        return self


class TableSection(_Part):
    """A section of the checklist."""

    key: str
    title: Words


class Code(_Part):
    """A code on one axis of UNFC 2019, or of none, and why."""

    code: str | None = Field(description="as in E3.2; null where the axis cannot be told")
    reason: Words


class Unfc(_Part):
    """Codes of the United Nations Framework Classification for Resources, update 2019: environmental-socio-economic, technical, confidence."""

    E: Code
    F: Code
    G: Code
    note: Words


class Table1Content(_Part):
    """Checklist of the kind that the CRIRSCO template calls Table 1, filled in by a program: no statement under any reporting code."""

    model_config = ConfigDict(title="Table 1", populate_by_name=True)

    schema_: Literal["table1.schema.json"] = Field(alias="$schema")
    title: str
    data_kind: Literal["measured", "synthetic", "partly synthetic"]
    rows_left_out: int = Field(ge=0)
    statement: Words
    sections: tuple[TableSection, ...] = Field(min_length=1)
    items: tuple[Item, ...] = Field(min_length=1)
    unfc: Unfc

    @model_validator(mode="after")
    def _every_item_has_its_section_and_an_id_of_its_own(self) -> Self:
        known = {section.key for section in self.sections}
        ids = [item.id for item in self.items]
        if len(set(ids)) != len(ids) or not all(item.section in known for item in self.items):
            message = "an id stands twice, or an item belongs to no section"
            raise ValueError(message)
        return self


def table1_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of ``table1.json``."""
    return {"$schema": _DIALECT, "$id": TABLE1_SCHEMA, **Table1Content.model_json_schema(by_alias=True, mode="validation")}


@dataclass(frozen=True)
class Table1:
    """The filled-in checklist.

    Parameters
    ----------
    content : dict
        As :class:`Table1Content` dumps it: ``items`` (``id, section, criterion, state, value, evidence, why_not``; texts are ``{"en", "ja"}``),
        ``sections`` (``key, title``), ``unfc`` (``E``, ``F``, ``G`` with ``code`` and ``reason``; ``note``), ``statement``, ``title`` and marks.
        Items stand in the order in which they are shown.
    warnings : tuple of str
    """

    content: dict[str, Any]
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, content: Table1Content) -> Self:
        """The artefact of filled-in models."""
        return cls(content.model_dump(mode="json", by_alias=True))

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact; the schema beside it is made with it."""
        return path.name == TABLE1

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the JSON and check it against the models."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            Table1Content.model_validate_json(json.dumps(content))
        except (ValidationError, ValueError) as error:
            msg = f"{path.name} is no Table 1 ({error}). Delete it and run make all."
            raise ArtefactError(msg) from None
        return cls(content)

    def write(self, out: Path) -> None:
        """Write ``table1.json``, and ``table1.schema.json`` beside it."""
        Table1Content.model_validate_json(json.dumps(self.content))
        write_json(table1_schema(), out.with_name(TABLE1_SCHEMA))
        write_json(self.content, out)
