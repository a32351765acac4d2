"""Codes of the United Nations Framework Classification for Resources (UNFC, update 2019) beside the checklist, as far as the artefacts bear them.

Three axes: E, environmental, social and economic viability; F, technical status of a project; G, degree of confidence in the estimate. The framework
classifies projects, and none is defined here: what can be told is why no better code than these could be given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.checklist.confidence import CLASS_NAMES, class_areas_km2
from pipeline.checklist.facts import Facts, both, joined, number
from pipeline.web.texts import symbol_of

if TYPE_CHECKING:
    Text = dict[str, str]

_G: Final = {"measured": "G1", "indicated": "G2", "inferred": "G3"}
"""Confidence by class: high, moderate, low."""


def unfc(facts: Facts) -> dict[str, Any]:
    """Codes ``E``, ``F`` and ``G`` with their reasons, and a note on what they are.

    Parameters
    ----------
    facts : Facts
    """
    return {"E": _viability(), "F": _feasibility(), "G": _confidence(facts), "note": _note(facts)}


def _viability() -> dict[str, Any]:
    return {
        "code": "E3.2",
        "reason": both(
            "Viability cannot be judged yet: nothing about environment, society, law, cost or price is among the inputs. E1 and E2 would need it; "
            "E3.3, the usual companion of F4, would need a finding against viability, and there is none either.",
            "環境・社会・法令・費用・価格に関する入力がなく、成立性をまだ判断できません。E1・E2 にはその情報が必要で、E3.3 "
            "とする否定的な根拠もありません。",
        ),
    }


def _feasibility() -> dict[str, Any]:
    return {
        "code": "F4",
        "reason": both(
            "Quantities in place, and no development project is defined in the inputs: no mining method, recovery or schedule. No sub-category is "
            "given, because the state of the lifting technology is not assessed here. With a project under study F3 would be the next to examine.",
            "原位置量であり、入力に開発プロジェクト（採掘法・回収率・工程）の定義がありません。揚泥技術の段階は評価していないため、"
            "細区分は付けません。検討中のプロジェクトがあれば、次に F3 を検討することになります。",
        ),
    }


def _confidence(facts: Facts) -> dict[str, Any]:
    areas = class_areas_km2(facts)
    if not areas:
        return {
            "code": None,
            "reason": both(
                "Without realisations no cell has a class, so no degree of confidence can be told.",
                "実現値がなく区分もないため、信頼度を示せません。",
            ),
        }
    codes = [_G[name] for name in areas]
    told = both(
        "; ".join(f"{_G[name]}: {number(area)} km² {CLASS_NAMES[name]['en']}" for name, area in areas.items()),
        "；".join(f"{_G[name]}：{CLASS_NAMES[name]['ja']} {number(area)} km²" for name, area in areas.items()),
    )
    parts = [
        both(
            f"From the classes: {told['en']}. Cells that no core supports get no code; G4 would mean a deposit known from indirect evidence only.",
            f"区分から：{told['ja']}。コアで裏付けられないセルには付けません（G4 は間接的な証拠だけの場合）。",
        )
    ]
    ranges = [found for element in facts.elements if (found := _range(facts, element)) is not None]
    if ranges:
        lead = both(
            "The same confidence as a range, low G1, best G1+G2, high G1+G2+G3, read as P90, P50 and P10 of the headline:",
            "同じ信頼度を幅で示すと（低位 G1、最良 G1+G2、高位 G1+G2+G3 を主要値の P90・P50・P10 とみなす）：",
        )
        parts.append(joined([lead, *ranges]))
    return {"code": "+".join(codes), "reason": joined(parts)}


def _range(facts: Facts, element: str) -> Text | None:
    rows = [facts.row(element, name) for name in ("p10", "p50", "p90")]
    values = [number(row["metal_t"]) for row in rows if row is not None]
    if len(values) < len(rows):
        return None
    symbol = symbol_of(element)
    return both(f"{symbol} {' / '.join(values)} t.", f"{symbol} {' / '.join(values)} t。")


def _note(facts: Facts) -> Text:
    parts = [
        both(
            "A mapping made by this program from its own classes and from what its inputs lack. It is no classification by a qualified expert, and "
            "UNFC classifies projects, of which none is defined here.",
            "本プログラムが自らの区分と入力の欠落から機械的に対応づけたもので、有資格の専門家による分類ではありません。UNFC "
            "はプロジェクトを分類する枠組みですが、ここにはプロジェクトの定義がありません。",
        )
    ]
    if facts.samples.marks.is_synthetic:
        whole = facts.kind == "synthetic"
        parts.append(
            both(
                "The samples were drawn by a computer: the codes describe a made-up deposit."
                if whole
                else "Some samples were drawn by a computer: the codes describe no real deposit.",
                "試料は計算機で作られたもので、コードは架空の鉱床についてのものです。"
                if whole
                else "試料の一部は計算機で作られたもので、コードは実在の鉱床を表しません。",
            )
        )
    return joined(parts)
