"""The ``.toml`` beside a depth grid of the same stem: where the grid comes from, and what its file does not say itself."""

from __future__ import annotations

import tomllib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import BathymetryError


class SideFile(BaseModel):
    """Notes on a depth grid. The first keys tell how to read it, the others where it comes from."""

    model_config = ConfigDict(extra="forbid", strict=True)
    vertical: str = Field("", description='"elevation" or "depth", or a sentence that holds one of the two words')
    positive: Literal["", "up", "down"] = Field("", description="Where values grow")
    unit: str = Field("", description="m, km, cm, ft, fathom")
    crs: str = Field("", description='Coordinate system, as in "EPSG:4326"')
    variable: str = Field("", description="Field to read where a NetCDF holds several")
    fill: float | None = Field(None, description="Stored value that means nothing is known")
    title: str = ""
    source: str = ""
    licence: str = ""
    doi: str = ""
    date: str = ""
    resolution: str = ""
    note: str = ""
    synthetic: bool = False


def side_file(name: str, content: bytes) -> SideFile:
    """Read the notes beside a grid.

    Parameters
    ----------
    name : str
        File, for messages.
    content : bytes
        The file.

    Raises
    ------
    BathymetryError
        The file is no TOML, or a key is unknown or of another kind.
    """
    try:
        return SideFile(**tomllib.loads(content.decode("utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{name} is no valid TOML: {error}. Save it as UTF-8 text of lines key = value."
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        msg = f"{name} key {key}: {problem['msg']}; known keys are {', '.join(SideFile.model_fields)}."
    raise BathymetryError(msg)
