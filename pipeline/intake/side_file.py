"""The ``.toml`` beside a core table: what it is, where it comes from, and how a foreign one is to be read."""

from __future__ import annotations

import tomllib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.intake.csv_text import Form
from pipeline.intake.refusals import Refusal


class SideFile(BaseModel):
    """Keys of that file; all may be missing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    synthetic: bool = Field(False, description="Whether a computer drew the numbers")
    title: str = ""
    source: str = ""
    licence: str = ""
    doi: str = ""
    date: str = ""
    note: str = ""
    generator: str = ""
    seed: int | None = None
    inputs: list[str] = []
    real: str = ""
    crs: str | None = Field(None, description="Projection of easting_m and northing_m, for instance EPSG:32656")
    encoding: Literal["utf-8", "cp932"] | None = Field(None, description="How its bytes are text; found by itself unless given")
    separator: Literal[",", ";", "\t"] | None = Field(None, description="Between cells; found in the header unless given")
    decimal: Literal[".", ","] | None = Field(None, description="Decimal mark; a comma is found by itself only where it cannot mean anything else")
    header_row: int = Field(1, ge=1, le=1000, description="Row that names the columns")
    skip_rows: list[int] = Field([], description="Rows to pass over, for instance a row of units")
    fill_down: list[str] = Field([], description="Our names of columns whose empty cells mean: as above")
    columns: dict[str, str] = Field({}, description="Our name of a column = its name in the file")
    units: dict[str, str] = Field({}, description="Our name of a column = the unit it has in the file")

    @property
    def form(self) -> Form:
        """How the table is laid out."""
        return Form(self.separator, self.header_row, frozenset(self.skip_rows))


def read_side_file(name: str, content: bytes) -> tuple[SideFile, list[Refusal]]:
    """Keys of a side file, and every problem with it.

    Parameters
    ----------
    name : str
        File, for messages.
    content : bytes
    """
    try:
        keys = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return SideFile(), [Refusal(name, 0, "", "", f"is no valid TOML: {error}. Text takes quotes, and the file is UTF-8")]
    try:
        return SideFile(**keys), []
    except ValidationError as error:
        return SideFile(), [_explained(name, problem) for problem in error.errors()]


def _explained(name: str, problem: Any) -> Refusal:
    key = ".".join(map(str, problem["loc"]))
    rule = "is unknown" if problem["type"] == "extra_forbidden" else str(problem["msg"]).lower()
    return Refusal(name, 0, key, repr(problem.get("input")), f"{rule}; known keys are {', '.join(SideFile.model_fields)}")
