"""The page that tells what changed, from ``delta.json`` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.changes import words
from pipeline.changes.content import waterfall_of
from pipeline.changes.words import both
from pipeline.text import printable
from pipeline.web.start_page import filled_in
from pipeline.web.terms import MUD
from pipeline.web.texts import element_name, left_out, not_measured

if TYPE_CHECKING:
    from pipeline.web.texts import Text

_FIGURES = ("metal_t", "grade_ppm", "range_t", "dry_mud_t", "area_km2", "recoverable_t")
_MOST_ROWS = 40
_MEGA = 6

_WORDS: Final[dict[str, Text]] = {
    "skip": both("Skip to what changed", "本文へ移動"),
    "heading": both("what changed since the last build", "前回のビルドからの変更点"),
    "start": both("Overview", "概要"),
    "report": both("Technical report", "技術報告"),
    "words": both("In words", "要点"),
    "from": both("What is different in the inputs", "入力の違い"),
    "cores": both("Cores", "コア"),
    "core": both("Core", "コア"),
    "what": both("What", "変更"),
    "added": both("added", "追加"),
    "removed": both("removed", "削除"),
    "edited": both("edited", "修正"),
    "renamed": both("renamed", "改名"),
    "read_differently": both("same file, read differently", "ファイルは同じ、読み方が変更"),
    "file": both("File", "ファイル"),
    "files": both("Files", "ファイル"),
    "samples": both("Samples", "試料数"),
    "deepest": both("Deepest sample, m", "最深の試料 (m)"),
    "position": both("Longitude, latitude", "経度・緯度"),
    "rows": both("Rows used", "使用した行数"),
    "settings": both("Settings", "設定"),
    "key": both("Setting", "設定項目"),
    "before": both("Before", "変更前"),
    "after": both("After", "変更後"),
    "unit": both("Unit", "単位"),
    "meaning": both("Meaning", "意味（英語）"),
    "program": both("Program files behind the estimate that differ", "推定に関わるプログラムファイルの変更"),
    "foretold": both("New cores beside what was predicted for their places", "新しいコアと、その地点の予測"),
    "foretold_lead": both(
        "The prediction is that of the previous model from the previous cores, for the layers that the core shows. ± is one standard deviation of "
        "what a core would show. The surprise is the difference in standard deviations: within ±2 in about 19 of 20 cores if the model is right.",
        "予測は前回のコアと前回のモデルによるもので、コアが示す層について比べます。±はその地点でコアが示す値の標準偏差1つ分です。"
        "「意外さ」は差を標準偏差で割った値で、モデルが正しければ20本中およそ19本が±2以内です。",
    ),
    "element": both("Element", "元素"),
    "layers": both("Layers", "層数"),
    "observed": both("Observed, ppm", "観測 (ppm)"),
    "predicted": both("Predicted, ppm", "予測 (ppm)"),
    "observed_g": both("Observed, g/m³", "観測 (g/m³)"),
    "predicted_g": both("Predicted, g/m³", "予測 (g/m³)"),
    "surprise": both("Surprise", "意外さ"),
    "verdict": both("Verdict", "判定"),
    "steps": both("From the old figure to the new one", "前回の値から今回の値まで"),
    "steps_lead": both(
        "The steps add up exactly, as shown and in delta.json. Kriging is done again with the old model and the new data, so that what the cores say "
        "is told apart from what fitting the model anew makes of them. The axis of the bars does not begin at zero.",
        "各段階の合計は、表示上も delta.json でも厳密に一致します。前回のモデルと新しいデータで再クリギングし、"
        "コア自体の効果とモデルの再推定の効果を分けています。棒の軸は0から始まりません。",
    ),
    "step": both("Step", "段階"),
    "change": both("Change", "増減"),
    "level": both("Level", "値"),
    "cause": both("What lies behind it", "原因"),
    "old": both("Last build", "前回のビルド"),
    "new": both("This build", "今回のビルド"),
    "physical": both(
        "The same difference of metal, as area × mud on each km² × grade, t", "同じ金属量の差を「面積 × 1 km² 当たりの泥量 × 品位」で見た内訳 (t)"
    ),
    "physical_lead": both(
        "Logarithmic mean Divisia index (Ang 2005): it leaves no remainder and takes no order of the factors. It says where the tonnes are, not why.",
        "対数平均ディビジア指数（Ang 2005）による。残差がなく、要因の順序によりません。どこに量があるかを示すもので、理由ではありません。",
    ),
    "classes": both("Area by class, km²", "区分別の面積 (km²)"),
    "class": both("Class", "区分"),
    "moves": both("Area by class before (rows) and now (columns), km²", "前回（行）と今回（列）の区分による面積 (km²)"),
    "from_class": both("from or to {name}", "{name}との出入り"),
    "unchanged": both("No change.", "変更なし。"),
    "no_numbers": both(
        "No element can be compared: the two builds share none that has tonnes in both.",
        "比較できる元素がありません（両方のビルドに共通する数値がありません）。",
    ),
    "more": both("and {count} more, in delta.json", "ほか{count}件（delta.json に記載）"),
    "about": both("How to read this page", "このページについて"),
    "about_1": both(
        "Compared are this build and the last one that differed in inputs, settings (titles and colours apart), program or numbers. This page and "
        "delta.json are the only products that depend on earlier builds; make clean forgets them.",
        "入力・設定（題名と色を除く）・プログラム・数値のいずれかが異なる直近のビルドと比べています。"
        "過去のビルドに依存する成果物はこのページと delta.json だけで、make clean で記録は消えます。",
    ),
    "about_2": both(
        "“Model held fixed”: variogram, layer means and layer spreads of the last build, with the new data (kriging in closed form). A core equal to "
        "its prediction then moves nothing and still narrows the range.",
        "「モデル固定」とは、前回のバリオグラムと層別の平均・ばらつきのまま、新しいデータでクリギングすることです。予測どおりのコアは量を動かさず、幅だけを狭めます。",
    ),
    "about_3": both(
        "Steps of the range take kriging errors as normal; what logarithms, density and unknown parameters add to the range is in its last step.",
        "幅の段階ではクリギング誤差を正規分布とみなします。対数、密度、未知パラメータによる分は最後の段階に含まれます。",
    ),
    "region": both("Region: {name}", "対象域：{name}"),
}


def changes_page(content: dict[str, Any], title: str, deposit: str = MUD) -> str:
    """Whole page, self-contained: the same comparison makes the same bytes."""
    told = {
        "title": printable(title),
        "banner": content["data_kind"] != "measured",
        "rows_left_out": int(content["rows_left_out"]),
        "summary": content["summary"],
        "compared": content["state"] == "compared",
    }
    if told["compared"]:
        told |= _compared(content)
    own = {**_WORDS, **not_measured(content["data_kind"]), **left_out(int(content["rows_left_out"]))}
    return filled_in("changes.html.j2", own, told, deposit=deposit)


def _compared(content: dict[str, Any]) -> dict[str, Any]:
    changed = content["changed"]
    cores = [(what, core) for what in ("added", "removed", "edited", "read_differently") for core in changed["cores"][what]]
    refilled = [core["core_id"] for core in changed["cores"]["refilled"]]
    files = [(what, row) for folder in changed["files"].values() for what, rows in folder.items() for row in rows]
    settings = changed["settings"]
    return {
        "cores": [
            {
                "what": what,
                "core_id": words.short(core["core_id"]),
                "file": words.short(core["file"]),
                "samples": f"{core['samples']:,}",
                "deepest": f"{core['deepest_m']:g}",
                "position": f"{core['longitude_deg']:.4f}, {core['latitude_deg']:.4f}",
            }
            for what, core in cores[:_MOST_ROWS]
        ],
        "more_cores": f"{len(cores) - _MOST_ROWS:,}" if len(cores) > _MOST_ROWS else "",
        "refilled": words.refilled_said(len(refilled), words.listed(refilled)) if refilled else None,
        "files": [{"what": what, "file": _file(row), "rows": _rows(row)} for what, row in files[:_MOST_ROWS]],
        "more_files": f"{len(files) - _MOST_ROWS:,}" if len(files) > _MOST_ROWS else "",
        "settings": [
            {
                "key": f"[{row['section']}] {row['key']}",
                "old": words.value_said(row["old"]),
                "new": words.value_said(row["new"]),
                "unit": row["unit"],
                "description": row["description"],
            }
            for row in settings
        ],
        "program": changed["program"][:_MOST_ROWS],
        "foretold": [_foretold(core) for core in content["new_cores"][:_MOST_ROWS]],
        "more_foretold": f"{len(content['new_cores']) - _MOST_ROWS:,}" if len(content["new_cores"]) > _MOST_ROWS else "",
        "elements": [_element(element, found) for element, found in content["elements"].items()],
        "classes": [
            _table(f"class-{name}", words.CLASSES[name], stored, {step: _from(step) for step in words.CLASSES} | {"frame": words.STEPS["frame"]}, {})
            for name, stored in content["class_areas_km2"].items()
            if stored["old"] != stored["new"] or any(step["change"] for step in stored["steps"])
        ],
        "moves": _moves(content["class_moves_km2"]),
    }


def _file(row: dict[str, Any]) -> str:
    return words.short(row["file"]) if "file" in row else f"{words.short(row['from'])} → {words.short(row['to'])}"


def _rows(row: dict[str, Any]) -> str:
    return f"{row['rows_before']:,} → {row['rows']:,}" if "rows_before" in row else f"{row['rows']:,}"


def _from(name: str) -> Text:
    said = words.CLASSES[name]
    return both(f"from or to: {said['en']}", f"{said['ja']}との出入り")


def _foretold(core: dict[str, Any]) -> dict[str, Any]:
    sd_ppm = core["foretold_ppm"] * core["sd_g_m3"] / core["foretold_g_m3"] if core["foretold_g_m3"] > 0 else float("nan")
    surprise = core["surprise"]
    return {
        "core_id": words.short(core["core_id"]),
        "name": element_name(core["element"]),
        "layers": f"{core['layers']}" + (f" + {core['deeper']}" if core["deeper"] else ""),
        "observed_ppm": words.rounded(core["observed_ppm"]),
        "foretold_ppm": f"{words.rounded(core['foretold_ppm'])} ± {words.rounded(sd_ppm, 2)}",
        "observed_g": words.rounded(core["observed_g_m3"]),
        "foretold_g": f"{words.rounded(core['foretold_g_m3'])} ± {words.rounded(core['sd_g_m3'], 2)}",
        "surprise": "–" if surprise is None else "0.0" if abs(surprise) < 0.05 else f"{surprise:+.1f}".replace("-", "−"),
        "verdict": words.VERDICTS[core["verdict"]],
        "mark": {"equal": "in", "near": "in", "far_above": "out", "far_below": "out"}.get(core["verdict"], "part"),
    }


def _element(element: str, found: dict[str, Any]) -> dict[str, Any]:
    causes = {step: words.causes_said(names) for step, names in found["causes"].items()}
    tables = [_table(f"{element}-{name}", words.FIGURES[name], found[name], words.STEPS, causes) for name in _FIGURES if name in found]
    physical = found.get("physical_metal_t")
    return {
        "element": element,
        "name": element_name(element),
        "region": words.REGIONS[found["region"]],
        "reason": found.get("reason"),
        "tables": tables,
        "physical": _table(f"{element}-physical", _WORDS["physical"], physical, words.PHYSICAL, {}) if physical else None,
    }


def _table(name: str, caption: Text, stored: dict[str, Any], steps: dict[str, Text], causes: dict[str, Text]) -> dict[str, Any]:
    """One waterfall as rows with bars; what is shown adds up."""
    found = waterfall_of(stored)
    levels, power = found.shown()
    shown_power = power - (_MEGA if name.endswith("dry_mud_t") else 0)
    low, high = min(levels), max(levels)
    # Room on both sides, so that a bar that ends at the edge is seen.
    space = (high - low) / 20 or 1.0
    places = [round(100 * (level - low + space) / (high - low + 2 * space), 2) for level in levels]
    rows = [{"label": _WORDS["old"], "level": words.digits(levels[0], shown_power), "at": places[0], "whole": True}]
    for number, step in enumerate(found.steps, start=1):
        change = levels[number] - levels[number - 1]
        names = [steps[over] for over in step.steps if over in steps]
        rows.append(
            {
                "label": both("; ".join(said["en"] for said in names), "、".join(said["ja"] for said in names)) if names else _WORDS["unchanged"],
                "change": ("+" if change > 0 else "") + words.digits(change, shown_power) if change else "0",
                "level": words.digits(levels[number], shown_power),
                "cause": causes.get(step.steps[-1]) if len(step.steps) == 1 and step.change else None,
                "from": min(places[number - 1], places[number]),
                "width": round(abs(places[number] - places[number - 1]), 2),
                "up": change >= 0,
                "note": words.STEP_NOTES.get(step.steps[-1]) if causes and len(step.steps) == 1 else None,
                "whole": False,
            }
        )
    rows.append({"label": _WORDS["new"], "level": words.digits(levels[-1], shown_power), "at": places[-1], "whole": True})
    return {
        "id": name,
        "caption": caption,
        "rows": rows,
        "causes": bool(causes),
        "same": found.old == found.new and all(not step.change for step in found.steps),
    }


def _moves(moved: dict[str, dict[str, float]]) -> dict[str, Any] | None:
    """Which class went where; nothing where no area moved."""
    if not any(area for one, row in moved.items() for other, area in row.items() if one != other):
        return None
    names = list(moved)
    return {
        "head": [words.CLASSES[name] for name in names],
        "rows": [{"name": words.CLASSES[one], "areas": [words.rounded(moved[one][other], 4) for other in names]} for one in names],
    }
