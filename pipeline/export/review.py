"""One archive for a reviewer: every product and page, settings, hashes of inputs and program, the lock; the same results are the same bytes."""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pipeline.files import TEMPORARY_PREFIX, atomic_path, json_text, sha256_of
from pipeline.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.export.results import Results

Inputs = Literal["none", "licensed", "all"]
"""Which inputs the archive carries; it always carries their hashes."""

_ROOT: Final = Path(__file__).parents[2]
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows
_PACKED: Final = (".tif", ".nc", ".parquet", ".gpkg", ".zip", ".png")
# ASSUME: a licence that names one of these, and nothing that takes it back, lets a copy be passed on. Any other words do not.
_OPEN: Final = re.compile(r"\b(CC0|CC[ -]BY|MIT|public domain|PDDL|ODC[ -]BY|ODbL|BSD|Apache)\b", re.IGNORECASE)
_NOT_OPEN: Final = re.compile(r"\b(NC|ND|non-?commercial|no[ -]deriv\w*|not|except|restricted|confidential|unknown)\b", re.IGNORECASE)


@dataclass(frozen=True)
class InputFile:
    """A file of RAW.

    Parameters
    ----------
    name : str
        Relative to RAW.
    sha256 : str
        As the build listed it.
    licence : str
        As the note beside it says; empty without one.
    is_carried : bool
        Whether the archive holds it.
    """

    name: str
    sha256: str
    licence: str
    is_carried: bool


def write_review(results: Results, out: Path, inputs: Inputs = "licensed", besides: Path | None = None) -> Path:
    """Write the archive.

    Parameters
    ----------
    results : Results
    out : Path
    inputs : str
        ``none``; ``licensed``: those whose note names an open licence; ``all``.
    besides : Path, optional
        Folder that is no product: where exports go.
    """
    listed = input_files(results, inputs)
    entries: dict[str, bytes | Path] = dict(_products(results, besides))
    entries |= {f"inputs/{file.name}": results.raw / file.name for file in listed if file.is_carried}
    entries["settings/assessment.toml"] = results.raw / "assessment.toml"
    entries |= {f"settings/resolved/{path.name}": path for path in sorted((results.processed / ".settings").glob("[!.]*.json"))}
    entries["inputs.json"] = json_text(
        {file.name: {"sha256": file.sha256, "licence": file.licence, "carried": file.is_carried} for file in listed}
    ).encode()
    entries["program.json"] = json_text({"code_sha256": _code(results), "files": results.program}).encode()
    if (_ROOT / "requirements.lock").is_file():
        entries["requirements.lock"] = _ROOT / "requirements.lock"
    entries["README.md"], entries["README.ja.md"] = (text.encode() for text in _readme(results, listed))
    sums = "".join(f"{_sha256(content)}  {printable(name)}\n" for name, content in sorted(entries.items()))
    entries["SHA256SUMS"] = sums.encode()

    def check(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            torn = archive.testzip()
        if torn is not None:
            message = f"{torn} is torn in it"
            raise ValueError(message)

    with atomic_path(out, check) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in sorted(entries.items()):
            about = zipfile.ZipInfo(name, _DATE)
            about.compress_type = zipfile.ZIP_STORED if name.endswith(_PACKED) else zipfile.ZIP_DEFLATED
            about.external_attr, about.create_system = 0o644 << 16, 3
            archive.writestr(about, content if isinstance(content, bytes) else content.read_bytes(), compresslevel=6)
    return out


def _sha256(content: bytes | Path) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256_of(content)


def _code(results: Results) -> str:
    return str(results.provenance.get("code_sha256", "unknown"))


def _products(results: Results, besides: Path | None) -> Iterator[tuple[str, Path]]:
    """Every file of PROCESSED and MAPS but hidden ones, realisations that were kept, and exports."""
    for name, folder in (("products", results.processed), ("maps", results.maps)):
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            hidden = any(part.startswith((".", TEMPORARY_PREFIX)) or part.endswith(".zarr") for part in parts)
            exported = besides is not None and (path == besides or besides in path.parents)
            if path.is_file() and not hidden and not exported:
                yield f"{name}/{'/'.join(parts)}", path


def input_files(results: Results, inputs: Inputs = "licensed") -> list[InputFile]:
    """Every input with its hash and licence, and whether the archive may carry it."""
    found = []
    for name, sha256 in results.inputs.items():
        path = results.raw / name
        licence = _licence(path)
        # What changed since the build is no input of these products.
        same = path.is_file() and sha256_of(path) == sha256
        carried = same and (inputs == "all" or (inputs == "licensed" and is_open(licence)))
        found.append(InputFile(name, sha256, licence, carried))
    return found


def is_open(licence: str) -> bool:
    """Whether words of a licence let a copy be passed on.

    Examples
    --------
    >>> is_open("CC BY 4.0"), is_open("CC BY-NC 4.0"), is_open("for this project alone"), is_open("")
    (True, False, False, False)
    """
    return _OPEN.search(licence) is not None and _NOT_OPEN.search(licence) is None


def _licence(path: Path) -> str:
    """Licence that the note beside a file names; the note itself has the licence of its file."""
    try:
        told = tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ""
    return next((str(told[key]) for key in ("licence", "license") if told.get(key)), "")


def _readme(results: Results, inputs: list[InputFile]) -> tuple[str, str]:
    """What the archive holds and how to check it, in English and Japanese."""
    title = printable(results.assessment.title)
    rows = "".join(
        f"| `{_in_a_table(file.name)}` | `{file.sha256}` | {_in_a_table(file.licence) or '-'} | {'yes' if file.is_carried else 'no'} |\n"
        for file in inputs
    )
    left_out = results.marks.rows_left_out
    kind = results.marks.data_kind
    banner = f"**{kind.upper()} DATA: drawn by a computer, no measurement.**\n\n" if results.marks.is_synthetic else ""
    banner_ja = "**合成データ：計算機で生成したもので、実測ではない。**\n\n" if results.marks.is_synthetic else ""
    carried = all(file.is_carried for file in inputs)
    warning = (
        ""
        if carried
        else "Inputs that are not carried are named by their hash alone; products still hold their values (`products/samples.parquet`).\n\n"
    )
    warning_ja = "" if carried else "収録していない入力はハッシュだけを示すが、その値は成果物（`products/samples.parquet`）に含まれる。\n\n"
    numbers = json.dumps(_headline(results), ensure_ascii=False)
    en = (
        f"# {title}\n\n{banner}Archive for a reviewer. Program version (sha256 of its files and lock): `{_code(results)}`. "
        f"Data kind: {kind}; refused rows left out: {left_out}.\n\n"
        "| what | where |\n|---|---|\n| every product | `products/` |\n| pages | `maps/` (open `index.html`) |\n"
        "| settings, as written and with defaults | `settings/` |\n| inputs that may be passed on | `inputs/` |\n"
        "| hash and licence of every input | `inputs.json` |\n| hash of every file of the program | `program.json` |\n"
        "| exact versions of the libraries | `requirements.lock` |\n| hash of every file here | `SHA256SUMS` |\n\n"
        "Check: `sha256sum -c SHA256SUMS`. Build again: put `settings/assessment.toml` and the inputs into a folder laid out like `data/raw` "
        "and type `make all RAW=that/folder PROCESSED=new/products MAPS=new/maps` with the same version of the program: the products are the "
        f"same bytes on the same kind of machine.\n\nSupported region, cut-off 0, mean metal in tonnes: `{numbers}`.\n\n"
        f"## Inputs\n\n{warning}| file | sha256 | licence, as its note says | in this archive |\n|---|---|---|---|\n{rows}"
    )
    ja = (
        f"# {title}\n\n{banner_ja}査読者のための書庫。プログラムの版（ファイルとロックの sha256）：`{_code(results)}`。"
        f"データの種別：{kind}、除いた行の数：{left_out}。\n\n"
        "| 内容 | 場所 |\n|---|---|\n| すべての成果物 | `products/` |\n| ページ | `maps/`（`index.html` を開く） |\n"
        "| 設定（原文と、既定値を補ったもの） | `settings/` |\n| 再配布できる入力 | `inputs/` |\n| 全入力のハッシュとライセンス | `inputs.json` |\n"
        "| プログラムの全ファイルのハッシュ | `program.json` |\n| ライブラリの正確な版 | `requirements.lock` |\n"
        "| この書庫の全ファイルのハッシュ | `SHA256SUMS` |\n\n"
        "確認：`sha256sum -c SHA256SUMS`。再計算：`settings/assessment.toml` と入力を `data/raw` と同じ構成のフォルダに置き、同じ版のプログラムで "
        "`make all RAW=フォルダ PROCESSED=成果物の出力先 MAPS=地図の出力先` と打つ。同種の計算機なら成果物はバイト単位で一致する。\n\n"
        f"supported の範囲、カットオフ 0、金属量の平均（t）：`{numbers}`。\n\n"
        f"## 入力\n\n{warning_ja}| ファイル | sha256 | ライセンス（添付ノートの記載） | 収録（yes / no） |\n|---|---|---|---|\n{rows}"
    )
    return en, ja


def _in_a_table(text: str) -> str:
    """Text as a cell of a Markdown table: on one line, and neither a border nor markup."""
    return printable(text).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def _headline(results: Results) -> dict[str, float | None]:
    """Mean metal of each element in the supported region, as the table of tonnages tells it."""
    told = {number["id"]: number["value"] for number in results.provenance.get("numbers", [])}
    return {element: told.get(f"tonnage/{element}/supported/0/mean/metal_t") for element in results.elements}
