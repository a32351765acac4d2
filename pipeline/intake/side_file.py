"""The ``.toml`` beside a core table: what it is, where it comes from, and how a foreign one is to be read."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.intake.csv_text import Form
from pipeline.intake.refusals import Refusal


class OneDepth(BaseModel):
    """Where a sample lies whose place is written as a single depth (``at_m``), or as none: samples of the surface."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    at: Literal["top", "middle", "bottom", "surface"] = Field(description="Which depth of the sample that is; surface: it has none and begins at 0")
    length_m: float | None = Field(None, gt=0, description="Length of every sample, metres; not where a column sample_length_m says it of each")


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
    core_per_row: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_]{1,20}$", description="Each row is a core of its own, named by this and the row's number; the table names none"
    )
    columns: dict[str, str] = Field({}, description="Our name of a column = its name in the file")
    units: dict[str, str] = Field({}, description="Our name of a column = the unit it has in the file")
    split: dict[str, str] = Field({}, description="Our name of a column whose cells hold several = their form, for instance '{core_id} {at_m}'")
    interval: OneDepth | None = Field(None, description="What at_m means, where samples have one depth each")
    sums: dict[str, list[str]] = Field({}, description="Our name of a grade that the file has in parts = the parts that are added up")
    oxide_per_metal: dict[str, Annotated[float, Field(ge=1, le=1.5)]] = Field(
        {}, description="Our name of a group's grade that the file has as oxides = mass of the oxides over that of the metals"
    )
    adds_to: str | None = Field(None, description="File in the same folder whose rows this one completes")
    joined_on: list[str] = Field([], description="Our names of the columns by which rows of the two belong together")
    unmatched: Literal["refuse", "keep"] = Field("refuse", description="A row that completes none: refused, or kept as a sample of its own")

    @model_validator(mode="after")
    def _joined(self) -> Self:
        if self.adds_to is not None and not self.joined_on:
            msg = 'adds_to needs joined_on, for instance joined_on = ["core_id", "from_m", "to_m"]'
            raise ValueError(msg)
        if self.adds_to is None and (self.joined_on or self.unmatched != "refuse"):
            msg = "joined_on and unmatched need adds_to, the file whose rows this one completes"
            raise ValueError(msg)
        return self

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
    if problem["type"] == "value_error":  # a rule between keys, in words of its own
        return Refusal(name, 0, key, "", str(problem["msg"]).removeprefix("Value error, "))
    rule = "is unknown" if problem["type"] == "extra_forbidden" else str(problem["msg"]).lower()
    known = OneDepth if problem["loc"][:1] == ("interval",) and len(problem["loc"]) > 1 else SideFile
    return Refusal(name, 0, key, repr(problem.get("input")), f"{rule}; known keys are {', '.join(known.model_fields)}")
