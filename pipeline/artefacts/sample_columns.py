"""The columns of the sample table: the one place that says what each holds, in English and in Japanese.

The check of ``samples.parquet`` (pandera), the Table Schema beside a core table and its data dictionary are all made from these columns.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pipeline.units import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    import pandera.pandas as pandera

DEEPEST_WATER_M: Final = 12_000.0
"""No water on Earth is deeper."""

SAMPLE, CHECK_ASSAY = "sample", "check assay"
"""Roles of a row of ``samples.parquet``: a sample, or a further assay of one."""

ORIGINAL, DUPLICATE = "original", "duplicate"
"""What ``qc_type`` says of a row of a core table."""

INTERVAL = ("core_id", "from_m", "to_m")
"""What tells a sample from any other."""

_GRADE = re.compile(r"[a-z][a-z0-9]{0,11}_ppm")


class Text(NamedTuple):
    """The same words in both languages."""

    en: str
    ja: str


@dataclass(frozen=True)
class SampleColumn:
    """One column of the sample table.

    Parameters
    ----------
    name : str
        Its name; ``<element>`` in it stands for a chemical symbol in lower case.
    kind : str
        ``text``, ``number``, ``integer`` or ``date``. A date is stored as the text that was given.
    title, meaning : Text
    unit : str
        Of a number.
    least, most : float
        Bounds of a number, both allowed.
    choices : tuple of str
        The only texts allowed, where there are such.
    empty : Text or None
        What an empty cell means; ``None`` where every row needs a value.
    needed : bool
        Whether a core table must have the column. An element's grade is needed where the element is assessed.
    by_program : bool
        Whether the program writes it, and no core table may.
    in_samples : str
        Whether it stands in ``samples.parquet``: ``always``, ``where given`` or ``never``.
    example : str
        A cell as it may stand in a core table.
    """

    name: str
    kind: Literal["text", "number", "integer", "date"]
    title: Text
    meaning: Text
    unit: str = ""
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()
    empty: Text | None = None
    needed: bool = False
    by_program: bool = False
    in_samples: Literal["always", "where given", "never"] = "where given"
    example: str = ""

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in ("number", "integer")

    def of(self, element: str) -> SampleColumn:
        """The column of one element, or of a group of them, where this one stands for any."""
        symbol = f"Σ{element.upper()}" if element in GROUPS else element.capitalize() if len(element) <= 2 else element.upper()

        def named(text: Text) -> Text:
            return Text(*(words.replace("<element>", symbol) for words in text))

        return replace(self, name=self.name.replace("<element>", element), title=named(self.title), meaning=named(self.meaning))


_NOT_MEASURED = Text("not measured", "未測定")
_NOT_STATED = Text("not stated", "記載なし")

SAMPLE_COLUMNS: Final = (
    SampleColumn(
        "core_id",
        "text",
        Text("Core", "コア番号"),
        Text(
            "Id of the core, the same in all of its rows and in no other core.",
            "コアの識別番号。同じコアの全行で同一とし、他のコアと重複しないこと。",
        ),
        needed=True,
        in_samples="always",
        example="PC-01",
    ),
    SampleColumn(
        "longitude_deg",
        "number",
        Text("Longitude", "経度"),
        Text(
            "Longitude of the core in WGS 84, east positive; repeated in every row of the core.",
            "コアの経度（WGS 84、東経が正）。同じコアの全行に記入する。",
        ),
        unit="°",
        least=-180,
        most=360,
        needed=True,
        in_samples="always",
        example="153.81",
    ),
    SampleColumn(
        "latitude_deg",
        "number",
        Text("Latitude", "緯度"),
        Text(
            "Latitude of the core in WGS 84, north positive; repeated in every row of the core.",
            "コアの緯度（WGS 84、北緯が正）。同じコアの全行に記入する。",
        ),
        unit="°",
        least=-90,
        most=90,
        needed=True,
        in_samples="always",
        example="22.04",
    ),
    SampleColumn(
        "easting_m",
        "number",
        Text("Easting", "東距"),
        Text(
            "With northing_m, in place of longitude_deg and latitude_deg where the .toml beside the table names its projection (crs).",
            "表の .toml に投影座標系（crs）を示した場合に、northing_m とともに longitude_deg・latitude_deg の代わりに用いる。",
        ),
        unit="m",
        in_samples="never",
        example="583587",
    ),
    SampleColumn(
        "northing_m",
        "number",
        Text("Northing", "北距"),
        Text("See easting_m.", "easting_m を参照。"),
        unit="m",
        in_samples="never",
        example="2437476",
    ),
    SampleColumn(
        "sample_id",
        "text",
        Text("Sample", "試料番号"),
        Text(
            "Id of the sample; tables of the same samples may be joined on it (joined_on in the .toml).",
            "試料の識別番号。同じ試料の複数の表を .toml の joined_on で結合するときに使える。",
        ),
        empty=_NOT_STATED,
        example="PC-01 0.10",
    ),
    SampleColumn(
        "at_m",
        "number",
        Text("Depth of the sample", "試料の深度"),
        Text(
            "One depth of the sample below the seafloor, in place of from_m and to_m where [interval] in the .toml says which depth it is.",
            "試料の海底面下深度（1 つの値）。.toml の [interval] に示した場合に、from_m・to_m の代わりに用いる。",
        ),
        unit="m",
        least=0,
        empty=_NOT_STATED,
        example="0.1",
    ),
    SampleColumn(
        "sample_length_m",
        "number",
        Text("Length of the sample", "試料の長さ"),
        Text(
            "Length of the sample along the core, more than 0; with at_m, where not all samples have one length.",
            "コアに沿った試料の長さ（0 より大きい）。試料ごとに異なる場合に at_m とともに用いる。",
        ),
        unit="m",
        least=0,
        empty=_NOT_STATED,
        example="0.02",
    ),
    SampleColumn(
        "water_depth_m",
        "number",
        Text("Water depth", "水深"),
        Text("Depth of the seafloor at the core, positive down.", "コア採取地点の水深（下向きが正）。"),
        unit="m",
        least=0,
        most=DEEPEST_WATER_M,
        empty=_NOT_MEASURED,
        in_samples="always",
        example="5720",
    ),
    SampleColumn(
        "penetration_m",
        "number",
        Text("Penetration", "貫入長（採取長）"),
        Text(
            "Length of the core below the seafloor, more than 0; no sample lies deeper.",
            "コアが達した海底面下の長さ（0 より大きい）。これより深い試料はない。",
        ),
        unit="m",
        least=0,
        empty=Text("not known", "不明"),
        in_samples="always",
        example="11.2",
    ),
    SampleColumn(
        "from_m",
        "number",
        Text("Top of the sample", "試料区間の上端"),
        Text("Depth of the sample's top below the seafloor, positive down.", "試料区間の上端の海底面下深度（下向きが正）。"),
        unit="m",
        least=0,
        needed=True,
        in_samples="always",
        example="0.0",
    ),
    SampleColumn(
        "to_m",
        "number",
        Text("Bottom of the sample", "試料区間の下端"),
        Text("Depth of the sample's bottom below the seafloor; larger than from_m.", "試料区間の下端の海底面下深度。from_m より大きいこと。"),
        unit="m",
        least=0,
        needed=True,
        in_samples="always",
        example="0.2",
    ),
    SampleColumn(
        "marker_m",
        "number",
        Text("Depth of the marker", "マーカー層の深度"),
        Text(
            "Depth below the seafloor of the marker horizon as picked in the core, positive down; the same in all rows of a core. "
            'With [grid] reference = "marker" all depths are counted from it.',
            "コアで同定したマーカー層の海底面下深度（下向きが正）。同じコアの全行で同一とする。"
            '[grid] reference = "marker" のとき、深度はすべてこの層から数える。',
        ),
        unit="m",
        least=0,
        empty=Text("not picked in this core", "このコアでは同定していない"),
        example="3.4",
    ),
    SampleColumn(
        "unit",
        "text",
        Text("Unit", "層序ユニット"),
        Text(
            "Unit that the interval belongs to, as the core was described; [horizon] unit and boundary may name one of its boundaries as the marker.",
            "コア記載による区間の層序ユニット。[horizon] の unit・boundary で、その上面または下面をマーカー層に指定できる。",
        ),
        empty=_NOT_STATED,
        example="II",
    ),
    SampleColumn(
        "<element>_ppm",
        "number",
        Text("Grade of <element>", "<element> 品位"),
        Text(
            "Mass of <element> (the element, not its oxide) per dry mass of mud, 1 ppm = 1 mg/kg; <0.5 for a grade below a detection limit of 0.5.",
            "乾燥した泥の質量あたりの <element> の質量（酸化物ではなく元素、1 ppm = 1 mg/kg）。検出下限 0.5 未満の場合は <0.5 と記入する。",
        ),
        unit="ppm",
        least=0,
        most=1e6,
        empty=_NOT_MEASURED,
        example="18.2",
    ),
    SampleColumn(
        "dry_bulk_density_t_m3",
        "number",
        Text("Dry bulk density", "乾燥かさ密度"),
        Text("Dry, salt-free mass per volume of wet mud.", "湿潤状態の泥の体積あたりの乾燥質量（塩分を除く）。"),
        unit="t/m3",
        least=0,
        empty=_NOT_MEASURED,
        in_samples="always",
        example="0.54",
    ),
    SampleColumn(
        "abundance_kg_m2",
        "number",
        Text("Abundance", "賦存密度（単位面積質量）"),
        Text(
            "Dry mass per area of the interval, as nodules are weighed: over its length it makes dry_bulk_density_t_m3. More than 0.",
            "区間の単位面積あたりの乾燥質量（団塊など）。区間長で割って dry_bulk_density_t_m3 とする。0 より大きいこと。",
        ),
        unit="kg/m2",
        least=0,
        empty=_NOT_MEASURED,
        example="14.2",
    ),
    SampleColumn(
        "cruise",
        "text",
        Text("Cruise", "航海名"),
        Text("Cruise on which the core was taken.", "コアを採取した航海の名称または番号。"),
        empty=_NOT_STATED,
        example="XX26-01",
    ),
    SampleColumn(
        "device",
        "text",
        Text("Coring device", "採泥器"),
        Text("What the core was taken with.", "コアの採取に用いた採泥器の種類。"),
        empty=_NOT_STATED,
        example="piston corer",
    ),
    SampleColumn(
        "date",
        "date",
        Text("Date", "採取日"),
        Text("Day on which the core was taken; year first.", "コアを採取した年月日（西暦年を先に書く）。"),
        empty=_NOT_STATED,
        example="2026-05-14",
    ),
    SampleColumn(
        "laboratory",
        "text",
        Text("Laboratory", "分析機関"),
        Text("Who made the assay.", "分析を行った機関。"),
        empty=_NOT_STATED,
        example="Laboratory A",
    ),
    SampleColumn(
        "method",
        "text",
        Text("Method", "分析方法"),
        Text("How the assay was made.", "分析に用いた方法。"),
        empty=_NOT_STATED,
        example="ICP-MS",
    ),
    SampleColumn(
        "detection_limit_ppm",
        "number",
        Text("Detection limit", "検出下限"),
        Text(
            "Detection limit of the assessed elements in this row, more than 0; a grade under it counts as below detection.",
            "この行における評価対象元素の検出下限（0 より大きい）。これを下回る品位は検出下限未満として扱う。",
        ),
        unit="ppm",
        least=0,
        most=1e6,
        empty=_NOT_STATED,
        example="0.05",
    ),
    SampleColumn(
        "<element>_detection_limit_ppm",
        "number",
        Text("Detection limit of <element>", "<element> の検出下限"),
        Text(
            "In place of detection_limit_ppm for <element> alone; more than 0.",
            "<element> のみの検出下限（0 より大きい）。detection_limit_ppm に優先する。",
        ),
        unit="ppm",
        least=0,
        most=1e6,
        empty=_NOT_STATED,
        example="0.05",
    ),
    SampleColumn(
        "qc_type",
        "text",
        Text("Kind of assay", "品質管理区分"),
        Text(
            "duplicate: a check assay of an interval whose first assay is another row (original, or empty). It tells of bias only.",
            "duplicate は、別の行（original または空欄）に最初の分析値がある区間の再分析を示す。偏りの確認に用い、別の試料とは数えない。",
        ),
        choices=("", ORIGINAL, DUPLICATE),
        empty=Text("an ordinary sample", "通常の試料"),
        example=ORIGINAL,
    ),
    SampleColumn(
        "note",
        "text",
        Text("Note", "備考"),
        Text("Anything else.", "その他の特記事項。"),
        empty=Text("nothing to say", "特記事項なし"),
        example="brown clay",
    ),
    SampleColumn(
        "<element>_censored_ppm",
        "number",
        Text("Detection limit that <element> lies below", "<element> が下回った検出下限"),
        Text(
            "Detection limit of a grade that was reported below it; <element>_ppm then holds what [intake] below_detection says.",
            "検出下限未満と報告された品位の検出下限。品位の列には [intake] below_detection に従った値が入る。",
        ),
        unit="ppm",
        least=0,
        most=1e6,
        empty=Text("not below a detection limit", "検出下限未満ではない"),
        by_program=True,
    ),
    SampleColumn(
        "role",
        "text",
        Text("Role", "行の役割"),
        Text(
            "sample: used for the estimate; check assay: a further assay of a sample, used for checks only.",
            "sample は推定に用いる試料、check assay は確認のみに用いる再分析。",
        ),
        choices=(SAMPLE, CHECK_ASSAY),
        by_program=True,
    ),
    SampleColumn(
        "source_file",
        "text",
        Text("Source file", "出典ファイル"),
        Text("Core table from which the row comes, relative to RAW.", "行の元となった表（RAW からの相対パス）。"),
        by_program=True,
        in_samples="always",
    ),
    SampleColumn(
        "source_row",
        "integer",
        Text("Source row", "出典の行"),
        Text(
            "Row in that file; the header is row 1 of a file that starts with it.",
            "元の表における行番号（先頭行が見出しなら、それを 1 行目とする）。",
        ),
        least=2,
        by_program=True,
        in_samples="always",
    ),
    SampleColumn(
        "joined_rows",
        "text",
        Text("Joined rows", "結合した行"),
        Text("Rows of other tables whose values stand in the row, by file and row.", "この行に値が取り込まれた他の表の行（ファイルと行番号）。"),
        empty=Text("all values come from one table", "すべて 1 つの表による"),
        by_program=True,
    ),
    SampleColumn(
        "conversions",
        "text",
        Text("Conversions", "換算"),
        Text("What was converted in the row, in words.", "その行に適用した換算の内容。"),
        empty=Text("nothing was converted", "換算なし"),
        by_program=True,
        in_samples="always",
    ),
    SampleColumn(
        "data_kind",
        "text",
        Text("Kind of data", "データの種別"),
        Text("Whether the row was measured or drawn by a computer.", "実測（measured）か、計算機による合成（synthetic）か。"),
        choices=("measured", "synthetic"),
        by_program=True,
        in_samples="always",
    ),
)
"""Every known column, in the order of a core table and then of what the program adds."""

_BY_NAME: Final = {column.name: column for column in SAMPLE_COLUMNS}
_OF_AN_ELEMENT: Final = tuple(
    (re.compile(column.name.replace("<element>", "([a-z][a-z0-9]{0,11})")), column) for column in SAMPLE_COLUMNS if "<element>" in column.name
)

_INSTEAD: Final = ("easting_m", "northing_m", "sample_id", "at_m", "sample_length_m", "abundance_kg_m2")
"""Columns for tables from elsewhere, in place of those that a new table has."""

TEMPLATE: Final = tuple(column for column in SAMPLE_COLUMNS if not column.by_program and column.name not in _INSTEAD)
"""What a new core table has columns for; a limit of one element alone is left to those who need it."""


def grade_columns(columns: Iterable[object]) -> list[str]:
    """Those of the columns that hold a grade: ``<element>_ppm``, in the order given.

    Examples
    --------
    >>> grade_columns(["core_id", "nd_ppm", "detection_limit_ppm", "dy_censored_ppm", "dy_ppm"])
    ['nd_ppm', 'dy_ppm']
    """
    return [column for column in map(str, columns) if _GRADE.fullmatch(column)]


def known_column(name: str) -> SampleColumn | None:
    """What a column of this name holds; ``None`` for a free column, which is kept as text.

    Examples
    --------
    >>> known_column("nd_ppm").title
    Text(en='Grade of Nd', ja='Nd 品位')
    >>> known_column("colour") is None
    True
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    for pattern, column in _OF_AN_ELEMENT:
        found = pattern.fullmatch(name)
        if found:
            return column.of(found[1])
    return None


def template_columns(elements: Sequence[str]) -> list[SampleColumn]:
    """Columns of a new core table with grades of these elements."""
    columns: list[SampleColumn] = []
    for column in TEMPLATE:
        if column.name == "<element>_ppm":
            # The intake refuses a table without a grade of an assessed element.
            columns += [replace(column.of(element), needed=True) for element in elements]
        elif "<element>" not in column.name:
            columns.append(column)
    return columns


def samples_schema(frame: pd.DataFrame) -> pandera.DataFrameSchema:
    """What every row of ``samples.parquet`` keeps to; nothing is coerced, for numbers were parsed by the strict reader.

    Parameters
    ----------
    frame : DataFrame
        Says which optional columns there are. Free columns have no rule.
    """
    found = [known_column(str(name)) for name in frame]
    given = [column for column in found if column is not None and column.in_samples == "where given"]
    always = [column for column in SAMPLE_COLUMNS if column.in_samples == "always"]
    return _schema([*always, *given], "role" if "role" in frame else None, CHECK_ASSAY)


def core_table_schema(elements: Sequence[str]) -> pandera.DataFrameSchema:
    """What a core table with grades of these elements keeps to, its numbers parsed and an empty text a text."""
    return _schema(template_columns(elements), "qc_type", DUPLICATE)


def _schema(columns: Sequence[SampleColumn], kind_column: str | None, again: str) -> pandera.DataFrameSchema:
    """Schema of a table in which an interval stands once, not counting rows whose ``kind_column`` says that it stands there again."""
    import pandera.pandas as pandera

    def once(table: pd.DataFrame) -> bool:
        return not table.loc[table[kind_column] != again, list(INTERVAL)].duplicated().any()

    checks = [pandera.Check(lambda table: table["from_m"] < table["to_m"], error="from_m above to_m")]
    if kind_column is not None:
        checks.append(pandera.Check(once, error="one row per core and interval"))
    unique = list(INTERVAL) if kind_column is None else None
    return pandera.DataFrameSchema({column.name: _pandera_column(column) for column in columns}, checks=checks, unique=unique)


def _pandera_column(column: SampleColumn) -> pandera.Column:
    import pandera.pandas as pandera

    types: dict[str, type] = {"number": float, "integer": int}
    return pandera.Column(
        types.get(column.kind, str),
        _checks(column),
        nullable=column.is_numeric and column.empty is not None,
        title=column.title.en,
        description=column.meaning.en,
        metadata={"unit": column.unit, "title_ja": column.title.ja, "ja": column.meaning.ja},
    )


def _checks(column: SampleColumn) -> list[pandera.Check]:
    import pandera.pandas as pandera

    if column.choices:
        return [pandera.Check.isin(list(column.choices))]
    if not column.is_numeric:
        # An empty text is text: where it may not stand, a length says so.
        return [] if column.empty is not None else [pandera.Check.str_length(min_value=1)]
    bounds = [pandera.Check.ge(column.least)] if math.isfinite(column.least) else []
    return bounds + ([pandera.Check.le(column.most)] if math.isfinite(column.most) else [])


def table_schema(schema: pandera.DataFrameSchema) -> dict[str, Any]:
    """Table Schema (Frictionless Data) of a pandera schema, with unit and Japanese texts as properties of our own.

    A rule between two columns has no place there, and neither has an interval that may stand twice; the descriptions say both.

    Raises
    ------
    ValueError
        A check of a column that Table Schema cannot express.
    """
    fields = [_field(name, column) for name, column in schema.columns.items()]
    key = {"primaryKey": list(schema.unique)} if schema.unique else {}
    return {"fields": fields, "missingValues": [""], **key}


def _field(name: str, column: pandera.Column) -> dict[str, Any]:
    from pandera import dtypes

    kind = "integer" if dtypes.is_int(column.dtype) else "number" if dtypes.is_float(column.dtype) else "string"
    metadata = column.metadata or {}
    constraints: dict[str, Any] = {"required": True} if kind != "string" and not column.nullable else {}
    for check in column.checks:
        constraints |= _constraints(check)
    described = {"name": name, "type": kind, "title": column.title, "description": column.description, "constraints": constraints}
    ours = {"unit": metadata.get("unit"), "title_ja": metadata.get("title_ja"), "description_ja": metadata.get("ja")}
    return {key: value for key, value in (described | ours).items() if value}


def _constraints(check: pandera.Check) -> dict[str, Any]:
    """The same rule in the words of Table Schema, where an empty text is a missing value that no rule but ``required`` applies to."""
    given = check.statistics or {}
    if check.name == "greater_than_or_equal_to":
        return {"minimum": given["min_value"]}
    if check.name == "less_than_or_equal_to":
        return {"maximum": given["max_value"]}
    if check.name == "isin":
        allowed = list(given["allowed_values"])
        return {"enum": [value for value in allowed if value != ""]} | ({} if "" in allowed else {"required": True})
    if check.name == "str_length" and given["min_value"] == 1 and given["max_value"] is None:
        return {"required": True}
    message = f"the check {check.name} has no counterpart in Table Schema"
    raise ValueError(message)


def datapackage(name: str, path: str, schema: pandera.DataFrameSchema) -> dict[str, Any]:
    """Description of a core table as a Tabular Data Package.

    Parameters
    ----------
    name : str
        What people call the table. The specification allows lower-case letters, digits, ``_`` and ``-`` in a name only; the title is as given.
    path : str
        The table, relative to the description.
    schema : DataFrameSchema
    """
    plain = name.lower() if name.isascii() else "core-table"
    resource = {
        "profile": "tabular-data-resource",
        "name": plain,
        "path": path,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": {"delimiter": ",", "quoteChar": '"', "doubleQuote": True, "header": True},
        "schema": table_schema(schema),
    }
    return {"profile": "tabular-data-package", "name": plain, "title": name, "resources": [resource]}
