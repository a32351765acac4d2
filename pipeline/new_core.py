"""Write an empty core table for a person to fill in: header, notes, data dictionary in English and Japanese, Table Schema.

The one command besides the reference survey that writes into RAW, and it replaces nothing there.
"""

from __future__ import annotations

import errno
import math
import re
import tempfile
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from pipeline.artefacts import SAMPLE_COLUMNS, SampleColumn, core_table_schema, datapackage, template_columns
from pipeline.config import ElementSettings, read_settings
from pipeline.errors import CoreFileError, SettingsError
from pipeline.files import TEMPORARY_PREFIX, json_text, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Hiragana, katakana and kanji, with the marks that repeat or lengthen.
_LETTERS = "0-9A-Za-z_ぁ-ゖァ-ヺー々〇一-鿿"
_NAME = re.compile(f"[{_LETTERS}][{_LETTERS}-]*")
_LONGEST_NAME = 60
"""Letters; in UTF-8, and with the prefix of a temporary file, three bytes each still make a file name."""


def write(raw: Path, name: str, elements: Sequence[str] = ()) -> list[Path]:
    """Write a folder ``RAW/cores/<name>`` with an empty core table of that name, whole or not at all.

    Parameters
    ----------
    raw : Path
        The folder RAW. The table gets a grade for each element that its ``assessment.toml`` assesses.
    name : str
        Name of the table.
    elements : sequence of str
        Further elements to have grades of, in lower case; all of them where RAW has no ``assessment.toml`` yet.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    CoreFileError
        The name cannot be a file's, or something of that name is there.
    SettingsError
        The settings cannot be read, or an element is none.
    """
    name = _checked_name(name)
    folder = raw / "cores" / name
    _refuse_to_replace(folder)
    texts = _texts(name, _elements(raw, elements))
    folder.parent.mkdir(parents=True, exist_ok=True)
    # A hidden folder, which no build looks into.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=TEMPORARY_PREFIX) as hidden:
        made = folder.parent / hidden / name
        for file, text in texts.items():
            write_whole(made / file, text.encode())
        try:
            # Fails where a folder that holds something has appeared meanwhile.
            made.rename(folder)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                _refuse_to_replace(folder)
            raise
    return [folder / file for file in texts]


def _checked_name(name: str) -> str:
    if not name:
        msg = "the new core table needs a name. For instance: make new-core NAME=kr13_02"
        raise CoreFileError(msg)
    # Some systems hand over が as two characters.
    composed = unicodedata.normalize("NFC", name)
    if _NAME.fullmatch(composed) is None or len(composed) > _LONGEST_NAME:
        msg = (
            f"{name!r} cannot be the name of a core table: it takes letters (A to Z, Japanese), digits, _ and - (not first), "
            f"at most {_LONGEST_NAME}. For instance: make new-core NAME=kr13_02"
        )
        raise CoreFileError(msg)
    return composed


def _refuse_to_replace(folder: Path) -> None:
    for place in (folder.parent.parent, folder.parent):
        if place.exists() and not place.is_dir():
            msg = f"{place} is no folder; nothing was written. Name another RAW, or move it away."
            raise CoreFileError(msg)
    held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if held or folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        what = f" and holds {', '.join(held[:10])}{' and more' if len(held) > 10 else ''}" if held else ""
        msg = f"{folder} is there already{what}; nothing was written. Choose another NAME, or move it away."
        raise CoreFileError(msg)


def _elements(raw: Path, further: Sequence[str]) -> list[str]:
    """The assessed elements, then the others."""
    settings = raw / "assessment.toml"
    assessed = read_settings(settings).elements.assessed if settings.exists() else []
    try:
        others = ElementSettings(assessed=list(further)).assessed if further else []
    except ValidationError:
        msg = f"ELEMENTS {' '.join(further)!r}: give chemical symbols in lower case, each once, with spaces between them, for instance 'dy gd nd'"
        raise SettingsError(msg) from None
    chosen = dict.fromkeys([*assessed, *others])
    return list(chosen or ElementSettings().assessed)


def _texts(name: str, elements: Sequence[str]) -> dict[str, str]:
    """Every file by its name."""
    columns = template_columns(elements)
    table = f"{name}.csv"
    return {
        table: ",".join(column.name for column in columns) + "\n",
        f"{name}.toml": _NOTES.format(table=table),
        "README.md": _dictionary(table, columns),
        "datapackage.json": json_text(datapackage(name, table, core_table_schema(elements))),
    }


_NOTES = """\
# Notes on {table}. Remove the # before a line to use it.
# {table} についての情報。行頭の # を外すと有効になる。

source = ""         # report, paper or data set / 出典（報告書・論文・データ集）
licence = ""        # under which it may be passed on / 利用条件
synthetic = false   # true: drawn by a computer / true は計算機による合成データ
# title = ""
# doi = ""
# date = ""
# note = ""

# Positions in easting_m and northing_m, in this projection / 位置を easting_m・northing_m で与えるときの投影座標系
# crs = "EPSG:32656"

# For a table from elsewhere that takes the place of {table} / 他所の表をそのまま {table} として使う場合
# encoding = "cp932"    # utf-8 or cp932 / 文字コード
# decimal = ","         # decimal mark / 小数点
# header_row = 3        # row that names the columns / 見出しの行
# skip_rows = [4]       # rows to pass over / 読み飛ばす行

# [columns]             # our name = "name in the table" / 本書式の列名 = "表の列名"
# core_id = "Station"
# from_m = "Top"
# to_m = "Bottom"

# [units]               # our name = "unit in the table" / 本書式の列名 = "表の単位"
# from_m = "cm"
# to_m = "cm"
"""


class _Words(NamedTuple):
    """What the dictionary is written with in one language."""

    language: int
    head: tuple[str, ...]
    meaning: str
    empty_not_allowed: str
    needed: str
    column_needed: str
    with_crs: str
    not_needed: str
    text: str
    date: str
    number: str
    least: str
    least_and_most: str
    comma: str


_ENGLISH = _Words(
    language=0,
    head=("Column", "Meaning", "Unit", "Allowed", "Required", "Example", "Empty means"),
    meaning="**{title}.** {meaning}",
    empty_not_allowed="not allowed",
    needed="yes",
    column_needed="the column",
    with_crs="with `crs`",
    not_needed="no",
    text="any text",
    date="year-month-day",
    number="any number",
    least="{least} or more",
    least_and_most="{least} to {most}",
    comma=", ",
)
_JAPANESE = _Words(
    language=1,
    head=("列", "内容", "単位", "許される値", "必須", "例", "空欄の意味"),
    meaning="**{title}。** {meaning}",
    empty_not_allowed="空欄は不可",
    needed="必須",
    column_needed="列",
    with_crs="`crs` を示す場合",
    not_needed="任意",
    text="任意の文字列",
    date="年-月-日",
    number="任意の数値",
    least="{least} 以上",
    least_and_most="{least}～{most}",
    comma="、",
)


def dictionary(table: str, elements: Sequence[str]) -> str:
    """Data dictionary of a table that is there already: what each column may hold, in English, then in Japanese."""
    return _dictionary(table, template_columns(elements))


def _dictionary(table: str, columns: Sequence[SampleColumn]) -> str:
    """What each column holds, in English, then in Japanese."""
    named = {column.name for column in columns}
    others = [column for column in SAMPLE_COLUMNS if not column.by_program and column.name not in named]
    return _DICTIONARY.format(
        table=table,
        english=_table(columns, _ENGLISH),
        english_others=_table(others, _ENGLISH),
        japanese=_table(columns, _JAPANESE),
        japanese_others=_table(others, _JAPANESE),
    )


_DICTIONARY = """\
# Data dictionary of {table}

日本語の説明は後半にある。

One row per sample, that is, an interval of a core; position, water depth and penetration are the same in all rows of a core.
Save as CSV UTF-8 with decimal points. An empty cell is a value that is not known: never write 0 or -999 for it.
Where it comes from, and how a table with other names or units is read, is said in the .toml beside it.
`datapackage.json` says the same as this page to machines.
What cannot be used is refused with its row, column and cure; `assessment.toml`, section `[intake]`, may narrow the ranges of grade and density.

{english}

Columns that may be added; any other column is kept as text:

{english_others}

Required: "the column" must be there and its cells may be empty; "with `crs`" means in place of longitude and latitude,
where the .toml names a projection.

# {table} のデータ辞書

1 行が 1 試料（コアの 1 区間）である。位置・水深・貫入長は同じコアの全行に同じ値を記入する。
CSV（UTF-8）で保存し、小数点にはピリオドを用いる。値が分からないセルは空欄とし、0 や -999 は記入しない。
出典や、列名・単位の異なる表の読み方は、同じ場所の .toml に記す。`datapackage.json` はこの説明を機械可読にしたものである。
使えない行は、行・列・直し方を示して拒否される。品位と密度の範囲は `assessment.toml` の `[intake]` でさらに狭められる。

{japanese}

追加できる列（これら以外の列は文字列として保持される）:

{japanese_others}

必須の欄が「列」のものは、列は必要だが、セルは空欄でよい。「`crs` を示す場合」は、.toml に投影座標系を示し、経度・緯度の代わりに用いることを示す。
"""


def _table(columns: Sequence[SampleColumn], words: _Words) -> str:
    rows = [words.head, ("---",) * len(words.head), *(_row(column, words) for column in columns)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _row(column: SampleColumn, words: _Words) -> tuple[str, ...]:
    meaning = words.meaning.format(title=column.title[words.language], meaning=column.meaning[words.language])
    meaning = meaning.replace("<", "\\<")  # Markdown would take <element> for markup and hide it
    empty = words.empty_not_allowed if column.empty is None else column.empty[words.language]
    return f"`{column.name}`", meaning, column.unit or "–", _allowed(column, words), _required(column, words), f"`{column.example}`", empty


def _required(column: SampleColumn, words: _Words) -> str:
    if column.needed:
        return words.needed if column.empty is None else words.column_needed
    return words.with_crs if column.in_samples == "never" else words.not_needed


def _allowed(column: SampleColumn, words: _Words) -> str:
    if column.choices:
        return words.comma.join(f"`{choice}`" for choice in column.choices if choice)
    if not column.is_numeric:
        return words.date if column.kind == "date" else words.text
    if math.isinf(column.least):
        return words.number
    bounds = words.least if math.isinf(column.most) else words.least_and_most
    return bounds.format(least=f"{column.least:,.0f}", most=f"{column.most:,.0f}")
