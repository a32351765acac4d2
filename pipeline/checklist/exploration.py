"""Section 2: reporting of exploration results."""

from __future__ import annotations

from pipeline.checklist.facts import (
    Criterion,
    Facts,
    Finding,
    absent,
    both,
    check_at,
    composites_at,
    given,
    joined,
    metres,
    named,
    number,
    partly,
    percent,
    samples_at,
    setting_at,
    span,
)
from pipeline.text import printable
from pipeline.web.texts import below, symbol_of

_MOST_FILES = 5


def _tenure(_: Facts) -> Finding:
    return absent(
        both(
            "Not assessed: licences, permits, jurisdiction and the legal limits of the zone are no part of the inputs. The zone drawn on the maps "
            "is a constructed circle, not an official limit.",
            "評価していません。鉱業権・許認可・管轄・法的な境界は入力に含まれません。地図の水域は作図した円で、公式の境界ではありません。",
        )
    )


def _others(facts: Facts) -> Finding:
    sources = {
        printable(row["source"])
        for row in facts.published.figures().values()
        if row.get("status") == "published" and "et al" in row.get("source", "")
    }
    if not sources:
        return absent(both("No published work is listed in data/raw/published.", "data/raw/published に公表された調査がありません。"))
    told = named(sources)
    return partly(
        both(f"Published work whose figures are used for comparison only: {told['en']}.", f"比較にだけ用いる公表文献：{told['ja']}。"),
        both(
            "No review of earlier work was made; samples behind those papers are used only where they stand in the core tables.",
            "既往調査の網羅的な検討はしていません。それらの試料は、コア表に含まれる場合だけ用いています。",
        ),
        *samples_at("source_file"),
    )


def _geology(facts: Facts) -> Finding:
    parts = []
    for element in facts.elements:
        profile = [part for part in facts.check(element, "swaths")["depth_m"] if part["data_ppm"] is not None]
        if not profile:
            continue
        richest, poorest = (choose(profile, key=lambda part: part["data_ppm"]) for choose in (max, min))
        symbol, plane = symbol_of(element), below(facts.composites.layers.marker)
        if richest["data_ppm"] == poorest["data_ppm"]:
            mean = number(richest["data_ppm"], 1)
            parts.append(both(f"{symbol}: the means of all layers are {mean} ppm.", f"{symbol}：全層の平均が {mean} ppm です。"))
            continue
        parts.append(
            both(
                f"{symbol} is richest around {number(richest['middle_m'], 1)} m {plane['en']} (layer mean {number(richest['data_ppm'], 1)} "
                f"ppm) and poorest around {number(poorest['middle_m'], 1)} m ({number(poorest['data_ppm'], 1)} ppm).",
                f"{symbol} は{plane['ja']} {number(richest['middle_m'], 1)} m付近で最も高く（層平均 {number(richest['data_ppm'], 1)} ppm）、"
                f"{number(poorest['middle_m'], 1)} m付近で最も低い値です（{number(poorest['data_ppm'], 1)} ppm）。",
            )
        )
    why = both("Genesis, host minerals, stratigraphy and age are not described by any input.", "成因、含有鉱物、層序、年代に関する入力はありません。")
    if not parts:
        return absent(why)
    return partly(joined(parts), why, *(check_at("elements", element, "swaths", "depth_m") for element in facts.elements))


def _cores(facts: Facts) -> Finding:
    cores = facts.cores
    long, deep = span(cores["reach_m"].min(), cores["reach_m"].max(), 1), span(cores["water_depth_m"].min(), cores["water_depth_m"].max())
    lacking = {column: int(cores[column].isna().sum()) for column in ("water_depth_m", "penetration_m") if cores[column].isna().any()}
    value = both(
        f"Id, longitude, latitude, water depth and length of all {len(cores)} cores: length {long['en']} m, water depth {deep['en']} m. No core "
        "is left out of the table.",
        f"全{len(cores)}本の番号・経度・緯度・水深・長さ：長さ {long['ja']} m、水深 {deep['ja']} m。表から除いたコアはありません。",
    )
    evidence = samples_at("core_id", "longitude_deg", "latitude_deg", "water_depth_m", "penetration_m")
    if not lacking:
        return given(value, *evidence)
    names = {"water_depth_m": both("water depth", "水深"), "penetration_m": both("penetration", "貫入長")}
    english = "; ".join(f"{names[column]['en']} {count}" for column, count in lacking.items())
    japanese = "、".join(f"{names[column]['ja']} {count}本" for column, count in lacking.items())
    return partly(value, both(f"Cores without a value: {english}.", f"値のないコア：{japanese}。"), *evidence)


def _aggregation(facts: Facts) -> Finding:
    share = facts.setting("composites", "min_sampled_share")
    value = both(
        f"Samples are cut at the boundaries of {metres(facts.composites.layers.layer_m)} m layers and averaged by length × dry bulk density; a "
        f"layer sampled to less than {percent(share)} % is left out. {len(facts.composites.frame):,} composites. No grade is cut, no equivalent "
        "grade is used.",
        f"試料を {metres(facts.composites.layers.layer_m)} m層の境界で分け、長さ×乾燥かさ密度で加重平均します。試料が層厚の {percent(share)} "
        f"%未満の層は除外。コンポジット{len(facts.composites.frame):,}個。高品位の打ち切りも等価品位の換算もありません。",
    )
    columns = [f"{element}_{unit}" for element in facts.elements for unit in ("ppm", "g_m3")]
    return given(value, *composites_at(*columns, "sampled_share"), *setting_at("composites", "min_sampled_share"))


def _intercepts(facts: Facts) -> Finding:
    layers, cores = facts.composites.layers, facts.cores
    # Below a marker the interval ends at another depth in each core.
    through = int((cores["reach_m"].to_numpy(dtype=float) >= facts.composites.bottoms_m(cores.index) - 1e-9).sum())
    return partly(
        both(
            f"Lengths down a core are taken as true thickness. {through} of {len(cores)} cores reach the bottom of the assessed interval "
            f"({metres(layers.bottom_m)} m); richness below the end of a core is unknown, not zero.",
            f"コアの長さを真の厚さとして扱います。{len(cores)}本中{through}本が評価区間の下端（{metres(layers.bottom_m)} m）に届きます。"
            "コア末端より下は不明であり、ゼロではありません。",
        ),
        both(
            "The mineralised layer has no logged top or bottom; its thickness is set by the interval.",
            "鉱化層の上面・下面は記載がなく、厚さは評価区間の設定によります。",
        ),
        *samples_at("penetration_m"),
        *setting_at("grid", "top_m", "bottom_m"),
    )


def _diagrams(facts: Facts) -> Finding:
    pages = ", ".join(f"maps/grade_{element}.html" for element in facts.elements)
    value = both(
        f"Plan maps with cores, scale, coordinates and core profiles: {pages}; swath profiles, variograms and grade–tonnage curves in "
        "maps/report.html.",
        f"コア・縮尺・座標・コア断面を示した平面図（{pages}）。スワスプロット、バリオグラム、品位・鉱量曲線は maps/report.html。",
    )
    evidence = [(f"grade_{element}.tif", f"{element}_ppm") for element in facts.elements]
    return given(value, *evidence, *(check_at("elements", element, "swaths") for element in facts.elements))


def _balance(facts: Facts) -> Finding:
    refused, left_out = len(facts.samples.rejected), facts.samples.marks.rows_left_out
    value = both(
        f"All {len(facts.samples.frame):,} accepted samples enter, rich and poor alike; refused rows: {refused:,}, of which left out of this build: "
        f"{left_out:,}. Low, median and high figures stand side by side.",
        f"受理した{len(facts.samples.frame):,}試料を、高品位・低品位の別なくすべて使用。不受理{refused:,}行（うち除外して作成：{left_out:,}行）。"
        "低位・中央値・高位を並べて示します。",
    )
    return given(value, *samples_at("source_row"), ("rejected.csv", "reason"), ("samples.parquet", "notes/rows_left_out"))


def _other_data(facts: Facts) -> Finding:
    free = [column for column in facts.samples.frame if str(column).endswith("_ppm") and str(column).removesuffix("_ppm") not in facts.elements]
    more = [str(column) for column in free if not str(column).endswith(("_detection_limit_ppm", "_censored_ppm")) and column != "detection_limit_ppm"]
    told = named(more) if more else both("none", "なし")
    return partly(
        both(
            f"Bathymetry and slope; further grades in the core tables: {told['en']}.",
            f"水深と傾斜。コア表にあるその他の品位：{told['ja']}。",
        ),
        both(
            "No sub-bottom profile, no geotechnical strength, no nodule, outcrop or habitat survey and no bulk sample is among the inputs.",
            "サブボトムプロファイル、土質強度、ノジュール・露頭・生物の調査、大量試料は入力に含まれません。",
        ),
        ("seafloor.tif", "depth_m"),
        ("seafloor.tif", "slope_deg"),
        *samples_at(*more),
    )


def _further_work(facts: Facts) -> Finding:
    cores, summary = facts.next_cores.cores, facts.next_cores.summary
    if not cores:
        reason = summary.get("reason")
        return absent(reason if isinstance(reason, dict) else both("No further core could be proposed.", "追加コアの候補は示せませんでした。"))
    first, last = cores[0], cores[-1]
    symbol, where = symbol_of(str(last["element"])), _position(first["longitude_deg"], first["latitude_deg"])
    value = both(
        f"{len(cores)} further cores are proposed where they tell most; the first at {where['en']}. Together they would take "
        f"{percent(last['reduction_share'])} % off the variance of the total metal ({symbol}: kriging standard deviation "
        f"{number(last['sd_before_t'])} to {number(last['sd_after_t'])} t).",
        f"最も情報の得られる追加コア{len(cores)}地点を提案。第1候補は{where['ja']}。全地点で総金属量の分散が {percent(last['reduction_share'])} "
        f"%減る見込みです（{symbol}：クリギング標準偏差 {number(last['sd_before_t'])} → {number(last['sd_after_t'])} t）。",
    )
    why = both(
        "Only what cores can tell is reckoned; check assays, density, environmental and metallurgical work are not planned here.",
        "コアから得られる情報だけを計算しています。チェック分析、密度、環境、製錬の調査計画は含みません。",
    )
    return partly(value, why, ("next_cores.json", "/cores"), ("next_cores.json", f"/cores/{len(cores) - 1}/reduction_share"))


def _position(longitude_deg: float, latitude_deg: float) -> dict[str, str]:
    """Position in words, on either side of the equator and of the meridians 0 and 180."""
    east = (longitude_deg + 180) % 360 - 180
    x, y = number(abs(east), 3), number(abs(latitude_deg), 3)
    return both(
        f"{y}° {'N' if latitude_deg >= 0 else 'S'}, {x}° {'E' if east >= 0 else 'W'}",
        f"{'北緯' if latitude_deg >= 0 else '南緯'} {y}°、{'東経' if east >= 0 else '西経'} {x}°",
    )


def _inputs(facts: Facts) -> Finding:
    inputs = facts.provenance.content["inputs"]
    files = [name for name, part in inputs.items() if part["rows"]]
    told = named(files[:_MOST_FILES]) if files else both("none", "なし")
    more = len(files) - min(len(files), _MOST_FILES)
    value = both(
        f"Core tables that carry samples: {told['en']}{f' and {more} more' if more else ''}; every input has its sha256. Data are {facts.kind}.",
        f"試料を含むコア表：{told['ja']}{f' ほか{more}件' if more else ''}。すべての入力に sha256 を記録。データの種別：{_KINDS[facts.kind]}。",
    )
    return given(value, ("provenance.json", "/inputs"), ("provenance.json", "/data_kind"))


_KINDS = {"measured": "実測", "synthetic": "合成", "partly synthetic": "一部合成"}


def _elements(facts: Facts) -> Finding:
    where = "[elements] assessed"
    value = both(
        f"Elements assessed: {facts.symbols['en']} (setting {where}), as mass of the element; tonnes of oxide stand in a column of their own.",
        f"評価した元素：{facts.symbols['ja']}（設定 {where}）。元素の質量で示し、酸化物の量は別の列に示します。",
    )
    return given(value, *setting_at("elements", "assessed"))


CRITERIA = (
    Criterion(both("Mineral tenement and land tenure status", "鉱業権・海域の権利関係"), "program", _tenure),
    Criterion(both("Exploration done by other parties", "他者による探査"), "program", _others),
    Criterion(both("Geology", "地質"), "data", _geology),
    Criterion(both("Drill hole information (cores)", "掘削孔の情報（コア）"), "data", _cores),
    Criterion(both("Origin of the data", "データの出所"), "data", _inputs),
    Criterion(both("Data aggregation methods", "データの集約方法"), "program", _aggregation),
    Criterion(both("Relationship between mineralisation widths and intercept lengths", "鉱化幅と捕捉長の関係"), "data", _intercepts),
    Criterion(both("Diagrams", "図面"), "program", _diagrams),
    Criterion(both("Balanced reporting", "偏りのない報告"), "program", _balance),
    Criterion(both("Elements reported", "報告する元素"), "program", _elements),
    Criterion(both("Other substantive exploration data", "その他の重要な探査データ"), "program", _other_data),
    Criterion(both("Further work", "今後の調査"), "data", _further_work),
)
