"""Section 1: sampling techniques and data."""

from __future__ import annotations

import numpy as np

from pipeline.checklist.facts import (
    Criterion,
    Facts,
    Finding,
    absent,
    both,
    given,
    joined,
    metres,
    named,
    number,
    partly,
    percent,
    pointer,
    samples_at,
    setting_at,
    span,
)
from pipeline.web.texts import symbol_of


def _techniques(facts: Facts) -> Finding:
    cores, frame = facts.cores, facts.samples.frame
    length_m = frame["to_m"] - frame["from_m"]
    length = span(length_m.min(), length_m.max(), 2)
    value = both(
        f"{len(frame):,} samples from {len(cores):,} cores, each an interval of a core assayed as one; length {length['en']} m, median "
        f"{number(length_m.median(), 2)} m.",
        f"コア{len(cores):,}本から{len(frame):,}試料。コアの各区間を一試料として分析。試料長 {length['ja']} m、中央値 "
        f"{number(length_m.median(), 2)} m。",
    )
    why = both(
        "How the intervals were chosen, and whether sampling was even or drawn to rich mud, is not recorded.",
        "区間の選び方（等間隔か、高品位部を選んだか）は記録されていません。",
    )
    return partly(value, why, *samples_at("core_id", "from_m", "to_m"))


def _device(facts: Facts) -> Finding:
    names, with_name, rows = facts.texts("device")
    if names is None:
        return absent(both("The core tables name no coring device.", "コア表に採泥器の記載がありません。"))
    value = both(f"Coring device: {names['en']}.", f"採泥器：{names['ja']}。")
    if with_name < rows:
        why = both(f"{rows - with_name:,} of {rows:,} samples name none.", f"{rows:,}試料のうち{rows - with_name:,}試料に記載がありません。")
        return partly(value, why, *samples_at("device"))
    why = both("Bore, liner, free fall and inclination of the device are not recorded.", "内径、ライナー、自由落下長、傾斜は記録されていません。")
    return partly(value, why, *samples_at("device"))


def _recovery(facts: Facts) -> Finding:
    cores = facts.cores
    known = cores["penetration_m"].notna()
    shorter = int((cores["reach_m"] < facts.composites.layers.bottom_m - 1e-9).sum())
    share = float(cores["sampled_m"].sum() / cores["reach_m"].sum())
    value = both(
        f"Samples cover {percent(share)} % of {number(cores['reach_m'].sum(), 1)} m cored; what lies between them counts as missing, not as zero. "
        f"{shorter} of {len(cores)} cores end above the bottom of the assessed interval.",
        f"コア全長 {number(cores['reach_m'].sum(), 1)} m の {percent(share)} %を試料が占めます。試料間は欠測として扱い、ゼロとはしません。"
        f"{len(cores)}本中{shorter}本は評価区間の下端に届いていません。",
    )
    missing = "" if known.all() else f"{int((~known).sum())} cores have no penetration; their deepest sample stands in. "
    missing_ja = "" if known.all() else f"{int((~known).sum())}本は貫入長がなく、最深の試料で代えています。"
    why = both(
        f"{missing}Shortening and stretching of the mud in the barrel, and loss of its top, are not recorded: depths are taken as they were logged.",
        f"{missing_ja}採取時の圧縮・伸長や表層の流失は記録がなく、深度は記録のまま用いています。",
    )
    return partly(value, why, *samples_at("penetration_m", "from_m", "to_m"))


_LOGGED = ("lithology", "facies", "description", "colour", "color", "unit", "log")


def _logging(facts: Facts) -> Finding:
    frame = facts.real_rows()
    found = [column for column in _LOGGED if column in frame and frame[column].notna().any()]
    if not found:
        return absent(
            both(
                "The core tables carry no lithological log, no photograph and no physical property but density.",
                "コア表に岩相記載・写真はなく、物性値は密度のほかにありません。",
            )
        )
    value = both(f"Columns {', '.join(found)} of the core tables; no estimate uses them.", f"コア表の列 {'、'.join(found)}。推定には使っていません。")
    why = both("There is no photograph and no log to a common standard.", "写真や共通基準による記載はありません。")
    return partly(value, why, *samples_at(*found))


def _preparation(_: Facts) -> Finding:
    return absent(
        both(
            "Splitting, drying, grinding and the mass of the samples are not recorded, so neither is the error that they bring.",
            "分割・乾燥・粉砕の方法と試料量の記録がなく、それらによる誤差も分かりません。",
        )
    )


def _dry_basis(facts: Facts) -> Finding:
    told = facts.samples.quality.get("conversions", [])
    value = both(
        "Grades are taken as mass of the element per dry, salt-free mass. "
        + (f"Converted at intake: {'; '.join(named([line])['en'] for line in told)}." if told else "Nothing was converted at intake."),
        "品位は塩分を除いた乾燥質量あたりの元素質量として扱います。"
        + (f"受付時の換算：{'、'.join('「' + named([line])['ja'] + '」' for line in told)}。" if told else "受付時の換算はありません。"),
    )
    why = both(
        "Whether pore salt was washed out or allowed for before the assay is not recorded; it is some 5 % of the dried mass of such mud.",
        "分析前に間隙水の塩分を除いたか、補正したかは記録されていません（この種の泥では乾燥質量の約5 %）。",
    )
    return partly(value, why, ("samples.parquet", "notes" + pointer("quality", "conversions")))


def _laboratory(facts: Facts) -> Finding:
    laboratories, methods = facts.texts("laboratory"), facts.texts("method")
    if laboratories[0] is None and methods[0] is None:
        return absent(both("The core tables name neither laboratory nor method.", "コア表に分析機関も分析方法も記載がありません。"))
    parts = []
    if laboratories[0] is not None:
        parts.append(both(f"Laboratory: {laboratories[0]['en']}.", f"分析機関：{laboratories[0]['ja']}。"))
    if methods[0] is not None:
        parts.append(both(f"Method: {methods[0]['en']}.", f"分析方法：{methods[0]['ja']}。"))
    why = both(
        "No assay certificate, calibration or digestion is in the data; total or partial digestion is not told.",
        "分析証明書、校正、分解法の資料がなく、全分解か部分分解かも分かりません。",
    )
    columns = [column for column, found in (("laboratory", laboratories), ("method", methods)) if found[0] is not None]
    return partly(joined(parts), why, *samples_at(*columns))


def _detection_limits(facts: Facts) -> Finding:
    frame = facts.real_rows()
    limits = [column for column in frame if str(column).endswith("detection_limit_ppm") and frame[column].notna().any()]
    censored = {element: int(frame[f"{element}_censored_ppm"].notna().sum()) for element in facts.elements if f"{element}_censored_ppm" in frame}
    if not limits and not any(censored.values()):
        return absent(
            both(
                "The core tables state no detection limit, and no grade is marked as below one.",
                "コア表に検出下限の記載がなく、検出下限未満とされた値もありません。",
            )
        )
    widths = {column: span(frame[column].min(), frame[column].max(), 2) for column in limits}
    parts = [both(f"{column}: {width['en']}.", f"{column}：{width['ja']}。") for column, width in widths.items()]
    below = both(
        ", ".join(f"{symbol_of(element)} {count:,}" for element, count in censored.items()) or "none",
        "、".join(f"{symbol_of(element)} {count:,}" for element, count in censored.items()) or "なし",
    )
    rule = facts.setting("intake", "below_detection")
    parts.append(
        both(
            f"Samples below a limit: {below['en']}; they enter as the setting below_detection = {rule} says.",
            f"検出下限未満の試料：{below['ja']}。設定 below_detection = {rule} に従って扱います。",
        )
    )
    columns = [*map(str, limits), *(f"{element}_censored_ppm" for element in censored)]
    return given(joined(parts), *samples_at(*columns), *setting_at("intake", "below_detection"))


def _check_assays(facts: Facts) -> Finding:
    checks, biases = facts.samples.check_assays, facts.samples.quality.get("laboratory_bias", [])
    count = 0 if checks is None else len(checks)
    if count == 0:
        return absent(
            both(
                "There are no check assays (qc_type = duplicate): a bias between laboratories cannot be seen, nor the precision of one assay.",
                "チェック分析（qc_type = duplicate）がなく、分析機関間の偏りも1回の分析の精度も確かめられません。",
            )
        )
    lines = [_bias(found) for found in biases]
    share = count / (count + len(facts.samples.frame))
    value = both(
        f"{count:,} check assays ({percent(share, 1)} % of all assays); they enter no estimate. {' '.join(line['en'] for line in lines)}".rstrip(),
        f"チェック分析 {count:,}件（全分析の {percent(share, 1)} %）。推定には使いません。{''.join(line['ja'] for line in lines)}",
    )
    why = both(
        "Whether the checks were blind, and whether by an independent laboratory, is not recorded. No bias is corrected.",
        "ブラインド分析か、独立した機関によるかは記録されていません。偏りは補正していません。",
    )
    return partly(value, why, ("samples.parquet", "role"), ("samples.parquet", "notes" + pointer("quality", "laboratory_bias")))


def _bias(found: dict[str, object]) -> dict[str, str]:
    """One comparison of two laboratories."""
    one, other = (named([str(found[key])])["en"] or "?" for key in ("original_laboratory", "check_laboratory"))
    symbol, difference = symbol_of(str(found["element"])), found["mean_relative_difference_percent"]
    verdict = {"unknown": "不明", "no bias shown": "偏りは認められない", "biased": "偏りあり"}.get(str(found["verdict"]), str(found["verdict"]))
    shown = number(float(difference), 1) if isinstance(difference, int | float) else "–"
    return both(
        f"{symbol}, {other} against {one}: {found['pairs']} pairs, mean difference {shown} %: {found['verdict']}.",
        f"{symbol}（{one} に対する {other}）：{found['pairs']}組、平均差 {shown} %、{verdict}。",
    )


def _standards(_: Facts) -> Finding:
    return absent(
        both(
            "Results of certified reference materials and blanks are no part of the core tables.",
            "標準物質・ブランクの分析結果はコア表に含まれていません。",
        )
    )


def _assay_error(facts: Facts) -> Finding:
    sd = facts.setting("simulation", "assay_relative_sd")
    used = facts.setting("simulation", "assay_error")
    value = both(
        f"The simulation takes a relative standard deviation of {percent(sd, 1)} % per assay, sampling "
        f"included{'' if used else ', but it is switched off'}.",
        f"シミュレーションでは、採取を含む1分析あたりの相対標準偏差を {percent(sd, 1)} %としています{'' if used else '（現在は無効）'}。",
    )
    why = both("It is an assumption of the settings, not taken from check assays.", "設定上の仮定で、チェック分析から求めた値ではありません。")
    return partly(value, why, *setting_at("simulation", "assay_relative_sd", "assay_error"))


_CHECKED = "checked"


def _verification(facts: Facts) -> Finding:
    checks: dict[str, str] = facts.samples.quality.get("checks", {})
    made = sum(state.startswith(_CHECKED) for state in checks.values())
    warnings, refused = len(facts.samples.warnings), len(facts.samples.rejected)
    value = both(
        f"{made} of {len(checks)} plausibility checks could be made; {warnings} remark{'s' if warnings != 1 else ''} remain, {refused:,} "
        f"row{'s' if refused != 1 else ''} refused. Every sample names its source file and row, and what was converted.",
        f"妥当性検査{len(checks)}種のうち{made}種を実施。注記{warnings}件、不受理{refused:,}行。"
        "各試料に出典のファイル・行と換算内容を記録しています。",
    )
    why = both(
        "A program compared numbers with numbers. Nobody re-sampled a core, twinned a site or compared the tables with certificates.",
        "数値どうしの照合にとどまります。再サンプリング、近接地点での再採取、証明書との照合は行われていません。",
    )
    return partly(
        value, why, ("samples.parquet", "notes" + pointer("quality", "checks")), ("rejected.csv", "reason"), *samples_at("source_file", "source_row")
    )


def _positions(facts: Facts) -> Finding:
    tolerance_m = facts.setting("intake", "position_tolerance_m")
    value = both(
        f"{len(facts.cores)} positions in WGS 84 (longitude, latitude). Rows of one core may differ by up to {number(tolerance_m)} m.",
        f"{len(facts.cores)}地点の位置（WGS 84 の経度・緯度）。同じコアの行どうしは {number(tolerance_m)} m までの差を許容。",
    )
    why = both(
        "How a position was found (ship or device on the seafloor) and how exact it is, is not recorded; in deep water the two can lie hundreds of "
        "metres apart.",
        "測位の方法（船位か海底の採泥器位置か）と精度の記録がありません。深海では両者が数百 m 離れることがあります。",
    )
    return partly(value, why, *samples_at("longitude_deg", "latitude_deg"), *setting_at("intake", "position_tolerance_m"))


def _depths(facts: Facts) -> Finding:
    state = facts.samples.quality.get("checks", {}).get("water depth against bathymetry", "")
    tolerance_m = facts.setting("intake", "water_depth_tolerance_m")
    checked = state.startswith(_CHECKED)
    known = facts.cores["water_depth_m"].dropna()
    depths = (
        both(f"Water depth {span(known.min(), known.max())['en']} m. ", f"水深 {span(known.min(), known.max())['ja']} m。")
        if len(known)
        else both("No core carries a water depth. ", "水深の記載のあるコアはありません。")
    )
    held = (
        both(f"It was held against the bathymetry (tolerance {number(tolerance_m)} m).", f"水深データと照合済み（許容差 {number(tolerance_m)} m）。")
        if checked
        else both("It could not be held against the bathymetry.", "水深データとの照合はできませんでした。")
    )
    value = joined(
        [
            both("Sample depths count from the seafloor down, not from sea level. ", "試料深度は海底面下で測り、海面基準ではありません。"),
            depths,
            held,
        ],
        en="",
    )
    why = both("The vertical datum of the water depths, tide and sound speed are not recorded.", "水深の鉛直基準、潮位・音速補正の記録がありません。")
    return partly(value, why, *samples_at("from_m", "water_depth_m"), ("samples.parquet", "notes" + pointer("quality", "checks")))


def _bathymetry(facts: Facts) -> Finding:
    floor = facts.seafloor
    if not floor.has_depths:
        return absent(both("The assessment has no depths, by its settings.", "設定により、水深データを用いていません。"))
    value = both(
        f"Bathymetry, with the spacing of its nodes: {named([floor.source])['en']}. Cells: {number(floor.grid.cell_m)} m.",
        f"水深データ（格子間隔）：{named([floor.source])['ja']}。セル：{number(floor.grid.cell_m)} m。",
    )
    evidence = (("seafloor.tif", "depth_m"), ("seafloor.tif", "tags/source"), ("seafloor.tif", "tags/source_resolution_m"))
    if floor.source_resolution_m <= floor.grid.cell_m:
        return given(value, *evidence)
    why = both(
        "It is coarser than a cell: good for depth, too coarse for slope and small relief at the scale of a cell.",
        "セルより粗いため、水深には使えますが、セル規模の傾斜や微地形には不十分です。",
    )
    return partly(value, why, *evidence)


def _spacing(facts: Facts) -> Finding:
    low_m, high_m = facts.spacings_m
    per = 1000 * len(facts.cores) / facts.region_km2
    value = both(
        f"Distance to the nearest other core: median {number(facts.spacing_m / 1000, 1)} km, {number(low_m / 1000, 1)} to "
        f"{number(high_m / 1000, 1)} km; {number(per, 1)} cores per 1,000 km² of the region ({number(facts.region_km2)} km²).",
        f"最寄りのコアまでの距離：中央値 {number(facts.spacing_m / 1000, 1)} km（{number(low_m / 1000, 1)}～{number(high_m / 1000, 1)} km）。"
        f"対象域（{number(facts.region_km2)} km²）1,000 km²あたり {number(per, 1)}本。",
    )
    return given(value, *samples_at("longitude_deg", "latitude_deg"), ("seafloor.tif", "region_share"))


def _layers_seen(facts: Facts) -> Finding:
    frame, layers = facts.composites.frame, facts.composites.layers
    seen = frame.groupby("layer")["core_id"].nunique().reindex(range(layers.count), fill_value=0)
    cores = span(int(seen.min()), int(seen.max()))
    value = both(
        f"Composites per {metres(layers.layer_m)} m layer: {cores['en']} cores; samples fill, on average, "
        f"{percent(float(frame['sampled_share'].mean()))} % of the length of those that are kept.",
        f"層厚 {metres(layers.layer_m)} m の各層のコンポジット：コア{cores['ja']}本。採用した層では平均して層厚の "
        f"{percent(float(frame['sampled_share'].mean()))} %を試料が占めます。",
    )
    return given(value, *(("composites.parquet", column) for column in ("layer", "sampled_share")))


def _orientation(_: Facts) -> Finding:
    return partly(
        both(
            "Cores are taken as vertical and layers as parallel to the seafloor, so a core crosses them at a right angle.",
            "コアは鉛直、地層は海底面に平行とみなし、コアは地層に直交するものとして扱います。",
        ),
        both("Tilt of the corer and dip of the layers are not recorded.", "採泥器の傾きと地層の傾斜の記録がありません。"),
        *samples_at("from_m", "to_m"),
    )


def _dates(facts: Facts) -> Finding:
    dates, with_date, rows = facts.texts("date")
    cruises, _, _ = facts.texts("cruise")
    if dates is None and cruises is None:
        return absent(both("The core tables carry neither dates nor cruises.", "コア表に採取日も航海名も記載がありません。"))
    parts, columns = [], []
    if dates is not None:
        written = sorted(str(cell) for cell in facts.real_rows()["date"] if isinstance(cell, str) and cell.strip())
        first, last = (named([cell])["en"] for cell in (written[0], written[-1]))
        when = both(first, first) if first == last else both(f"{first} to {last}", f"{first}～{last}")
        parts.append(both(f"Cores taken: {when['en']}.", f"採取日：{when['ja']}。"))
        columns.append("date")
    if cruises is not None:
        parts.append(both(f"Cruises: {cruises['en']}.", f"航海：{cruises['ja']}。"))
        columns.append("cruise")
    if dates is not None and with_date == rows:
        return partly(joined(parts), both("When the assays were made is not recorded.", "分析の実施日は記録されていません。"), *samples_at(*columns))
    why = both(
        f"{rows - with_date:,} of {rows:,} samples carry no date; when the assays were made is not recorded.",
        f"{rows:,}試料のうち{rows - with_date:,}試料に採取日がなく、分析の実施日も記録されていません。",
    )
    return partly(joined(parts), why, *samples_at(*columns))


def _security(_: Facts) -> Finding:
    return absent(
        both(
            "The chain of custody from deck to laboratory is not recorded. Inside this program, hashes of the files show any later change.",
            "船上から分析機関までの試料管理の記録がありません。受付後の改変はファイルのハッシュ値で検出できます。",
        )
    )


def _audits(_: Facts) -> Finding:
    return absent(both("No audit or review of sampling and assays is on record.", "採取・分析に対する監査やレビューの記録はありません。"))


def _range(facts: Facts) -> Finding:
    parts = []
    for element in facts.elements:
        grade = facts.samples.frame[f"{element}_ppm"].dropna()
        quantiles = np.quantile(grade, [0, 0.5, 1]) if len(grade) else [np.nan] * 3
        low, middle, high = (float(value) for value in quantiles)
        width, symbol = span(low, high, 1), symbol_of(element)
        parts.append(
            both(
                f"{symbol}: {len(grade):,} samples, {width['en']} ppm, median {number(middle, 1)} ppm.",
                f"{symbol}：{len(grade):,}試料、{width['ja']} ppm、中央値 {number(middle, 1)} ppm。",
            )
        )
    return given(joined(parts), *samples_at(*(f"{element}_ppm" for element in facts.elements)))


CRITERIA = (
    Criterion(both("Sampling techniques", "試料採取の方法"), "data", _techniques),
    Criterion(both("Drilling techniques (coring device)", "掘削手法（採泥器）"), "real", _device),
    Criterion(both("Drill sample recovery", "コアの採取率"), "data", _recovery),
    Criterion(both("Logging", "コアの記載"), "real", _logging),
    Criterion(both("Sub-sampling techniques and sample preparation", "試料の分割と調製"), "real", _preparation),
    Criterion(both("Dry basis and pore salt of the assays", "分析値の乾燥基準と間隙塩分"), "data", _dry_basis),
    Criterion(both("Quality of assay data: laboratory and method", "分析の品質：分析機関と方法"), "real", _laboratory),
    Criterion(both("Quality of assay data: detection limits", "分析の品質：検出下限"), "real", _detection_limits),
    Criterion(both("Quality of assay data: duplicates and check assays", "分析の品質：重複・チェック分析"), "real", _check_assays),
    Criterion(both("Quality of assay data: standards and blanks", "分析の品質：標準物質とブランク"), "real", _standards),
    Criterion(both("Quality of assay data: precision", "分析の品質：精度"), "program", _assay_error),
    Criterion(both("Verification of sampling and assaying", "採取・分析の検証"), "data", _verification),
    Criterion(both("Location of data points: position", "データ点の位置：水平位置"), "data", _positions),
    Criterion(both("Location of data points: depth", "データ点の位置：深度"), "data", _depths),
    Criterion(both("Location of data points: topographic control", "データ点の位置：海底地形"), "program", _bathymetry),
    Criterion(both("Data spacing and distribution: between cores", "データの間隔と分布：コア間"), "data", _spacing),
    Criterion(both("Data spacing and distribution: down the cores", "データの間隔と分布：深度方向"), "data", _layers_seen),
    Criterion(both("Orientation of data in relation to geological structure", "地質構造に対するデータの方向"), "data", _orientation),
    Criterion(both("Dates of sampling and assaying", "採取・分析の時期"), "real", _dates),
    Criterion(both("Sample security", "試料の保安管理"), "real", _security),
    Criterion(both("Audits or reviews of sampling", "採取に関する監査・レビュー"), "real", _audits),
    Criterion(both("Range of the assays", "分析値の範囲"), "data", _range),
)
