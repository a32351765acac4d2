"""From bytes to text: UTF-8, then the CP932 of Japanese spreadsheets, else refused with the bytes that are neither."""

from __future__ import annotations

import re

from pipeline.intake.refusals import refused_file

_SAVE = "Save the file as CSV UTF-8"
_CONTAINERS = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old kind"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PAR1", "a Parquet file"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)
_MOST_BYTES = 2_000_000_000


def decoded(name: str, content: bytes, encoding: str | None = None) -> tuple[str, str]:
    """Text of a file and the encoding it was read by.

    Parameters
    ----------
    name : str
        File, for messages.
    content : bytes
        The file.
    encoding : str, optional
        ``utf-8`` or ``cp932`` where the ``.toml`` beside the file says so; otherwise UTF-8 is tried first.

    Raises
    ------
    FileRefused
        The bytes are neither, or are no text.
    """
    if len(content) > _MOST_BYTES:
        reason = f"has {len(content):,} bytes, more than {_MOST_BYTES:,}. Cut it into several files"
        raise refused_file(name, reason)
    for start, what in _CONTAINERS:
        if content.startswith(start):
            raise refused_file(name, f"is {what}, not a text table. {_SAVE}", value=repr(content[: len(start)]))
    text, used = _strictly(name, content, encoding)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise refused_file(name, f"holds NUL bytes (first in line {line}) and is no text table. {_SAVE}", value="\\x00")
    return text.removeprefix("\ufeff"), used


def _strictly(name: str, content: bytes, encoding: str | None) -> tuple[str, str]:
    if encoding in (None, "utf-8"):
        try:
            return content.decode("utf-8"), "utf-8"
        except UnicodeDecodeError as error:
            wrong = error
            if encoding is not None:
                raise refused_file(name, f"{_bytes_at(content, error.start)} no UTF-8 text. {_SAVE}, or correct encoding in its .toml") from None
    try:
        text = content.decode("cp932")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise refused_file(name, f"{_bytes_at(content, error.start)} no CP932 text. {_SAVE}, or correct encoding in its .toml") from None
    else:
        if encoding is not None or not (_broken_utf_8(content, wrong) or _could_be_western(text)):
            return text, "cp932"
    raise refused_file(name, f"{_bytes_at(content, wrong.start)} no UTF-8 text, nor surely CP932. {_SAVE}, or set encoding in its .toml")


def _bytes_at(content: bytes, start: int) -> str:
    """Where and what: as in ``line 3, byte 120 (F1 6F) is``."""
    line = content.count(b"\n", 0, start) + 1
    return f"line {line}, byte {start} ({content[start : start + 2].hex(' ').upper()}) is"


def _broken_utf_8(content: bytes, wrong: UnicodeDecodeError) -> bool:
    """Whether Japanese text in UTF-8 goes before the wrong byte, or the file ends within a character."""
    return wrong.reason == "unexpected end of data" or any(character >= "\u3000" for character in content[: wrong.start].decode("utf-8"))


def _could_be_western(text: str) -> bool:
    """Whether the text, read as CP932, may be the accented letters of a Western encoding.

    An accented letter and the plain one after it read as one character of CP932: a rare kanji between Latin letters, or one of the private use
    area. Japanese text is told by a second byte that is no letter, or by several such characters in a row.
    """
    if any("\ue000" <= character <= "\uf8ff" for character in text):
        return True
    # Single bytes over 0x7F are half-width katakana in CP932, accented letters elsewhere.
    if re.search(r"[\uff61-\uff9f]", text) and not re.search(r"[\u3040-\u30ff\u4e00-\u9fff\uff61-\uff9f]{2}", text):
        return True
    runs = re.findall(r"[^\x00-\x7f\uff61-\uff9f]+", text)
    return not any(len(run) > 1 or not re.fullmatch(rb"[\x81-\xfc][A-Za-z]", run.encode("cp932")) for run in runs) and bool(runs)
