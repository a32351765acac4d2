"""What a build leaves for the next one to be compared with, and what the comparison says."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pipeline.artefacts.formats import plain, write_json
from pipeline.files import write_whole

HISTORY = ".history/history.json"
"""The last two builds, beside the products: the only file of PROCESSED that a build reads and writes."""

FROM_HISTORY = ("delta.json", "changes.html")
"""The products that depend on the history too: all others are functions of the inputs alone, byte for byte."""

FORMAT = 1
"""Of what is kept; what another format holds is not compared."""

OTHER_FORM = {
    "en": "the history of earlier builds was kept in another form by another version of the program",
    "ja": "過去のビルドの記録は、プログラムの別の版による別の形式です",
}
"""Why a history that is whole cannot be used."""

Snapshot = dict[str, Any]
"""What one build is compared by, as JSON knows it; :mod:`pipeline.changes.snapshot` says what it holds."""


@dataclass(frozen=True)
class ProgramFiles:
    """Program files that can change the product of one stage.

    Parameters
    ----------
    hashes : dict of str to str
        sha256 by path.
    """

    hashes: dict[str, str]

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is such a list."""
        return path.parent.name == ".lists" and path.name.startswith("program_")

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the list."""
        return cls(json.loads(path.read_text(encoding="utf-8"))["files"])


@dataclass(frozen=True)
class History:
    """The last two builds that differ in anything that a number depends on.

    Parameters
    ----------
    current, previous : Snapshot or None
        The last build, and the one before; ``None`` where there was none.
    fault : dict
        Why what lay there cannot be used, in both languages; empty where it can, or where nothing lay there.
    """

    current: Snapshot | None = None
    previous: Snapshot | None = None
    fault: dict[str, str] = field(default_factory=dict)

    @classmethod
    def beside(cls, out: Path) -> Self:
        """What lies beside the product that is made; never an error: a history that cannot be read is none, and says why."""
        path = out.parent / HISTORY
        try:
            kept = json.loads(path.read_bytes())
            content = kept["content"]
            if kept["sha256"] != _digest(content):
                return cls(fault={"en": "the history of earlier builds is damaged", "ja": "過去のビルドの記録が壊れています"})
            if content["format"] != FORMAT:
                return cls(fault=OTHER_FORM)
            return cls(content["current"], content["previous"])
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return cls(fault={"en": "the history of earlier builds cannot be read", "ja": "過去のビルドの記録を読み取れません"})

    def before(self, now: Snapshot) -> Snapshot | None:
        """The build that another one is compared with: the last one that was not the same."""
        return self.previous if self.current == now else self.current

    def followed_by(self, now: Snapshot) -> History:
        """The history with a build added; the same one again changes nothing, however often it is made."""
        return History(now, self.before(now))

    def write(self, out: Path) -> None:
        """Write it beside a product: both builds in one file, so that whenever the machine stops one whole history is there."""
        content = {"format": FORMAT, "current": self.current, "previous": self.previous}
        text = json.dumps({"sha256": _digest(content), "content": content}, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        # What somebody put in its place is left alone, and was said to be no history.
        with suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
            write_whole(out.parent / HISTORY, text.encode(), lambda path: json.loads(path.read_bytes()))


def _digest(content: Any) -> str:
    """Hash by which a torn or edited history is found."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Delta:
    """What changed since the last build; content of ``delta.json``.

    Parameters
    ----------
    content : dict
    history : History or None
        What the next build is compared with; ``None`` where the artefact was read.
    warnings : tuple of str
    """

    content: dict[str, Any]
    history: History | None = field(default=None, compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "delta.json"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the JSON."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def write(self, out: Path) -> None:
        """Write the history, then ``delta.json``: killed between the two, the next build makes the same comparison again."""
        if self.history is not None:
            self.history.write(out)
        write_json(plain(self.content), out)
