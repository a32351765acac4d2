"""What is told: checks, origins, pages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pipeline.artefacts.formats import plain, write_json
from pipeline.files import write_whole

CALIBRATION = "calibration.json"
"""Name of the file beside the program that ``make calibrate`` writes."""


@dataclass(frozen=True)
class Validation:
    """Scores, checks of the simulation, and the comparison with other models and with the truth; content of ``validation.json``."""

    content: dict[str, Any]
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "validation.json" and path.parent.name != ".settings"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the JSON."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def write(self, out: Path) -> None:
        """Write ``validation.json``."""
        write_json(plain(self.content), out)


@dataclass(frozen=True)
class Calibration:
    """How often intervals held the truth of drawn deposits, as ``make calibrate`` last found: a file of the program, not of an assessment.

    Parameters
    ----------
    content : dict or None
        ``None`` where nothing was calibrated.
    """

    content: dict[str, Any] | None

    @classmethod
    def shipped(cls) -> Self:
        """What lies beside the program."""
        path = Path(__file__).parents[1] / CALIBRATION
        return cls(json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None)


@dataclass(frozen=True)
class Provenance:
    """Where the published numbers come from."""

    content: dict[str, Any]

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "provenance.json"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the JSON."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def write(self, out: Path) -> None:
        """Write ``provenance.json``."""
        write_json(self.content, out)


@dataclass(frozen=True)
class Page:
    """A finished HTML page that needs nothing outside itself."""

    html: str
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.suffix == ".html"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the page."""
        return cls(path.read_text(encoding="utf-8"))

    def write(self, out: Path) -> None:
        """Write the page."""
        write_whole(out, self.html.encode(), _require_end)


def _require_end(path: Path) -> None:
    if not path.read_bytes().rstrip().endswith(b"</html>"):
        message = "it does not end in </html>"
        raise ValueError(message)
