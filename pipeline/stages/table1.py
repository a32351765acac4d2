"""Fill in Table 1: the checklist by which reporting codes ask what an estimate rests on, item by item, from the artefacts of this build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from pipeline.artefacts import (
    Classes,
    Composites,
    CrossValidation,
    JointModel,
    NextCores,
    Provenance,
    PublishedFiles,
    Samples,
    Seafloor,
    Table1,
    Table1Content,
    Tonnage,
    Validation,
    Variogram,
)
from pipeline.checklist import basis, confidence, estimation, exploration, sampling
from pipeline.checklist.facts import Facts, Finding, absent, both, joined, partly
from pipeline.checklist.unfc import unfc
from pipeline.text import printable
from pipeline.web.terms import all_in_terms

if TYPE_CHECKING:
    from typing import Any

    from pipeline.checklist.facts import Criterion

    Text = dict[str, str]

_SECTIONS: Final = (
    ("sampling", both("Sampling techniques and data", "試料採取とデータ"), sampling.CRITERIA),
    ("exploration", both("Reporting of exploration results", "探査結果の報告"), exploration.CRITERIA),
    (
        "resources",
        both("Estimation and reporting of mineral resources", "鉱物資源量の推定と報告"),
        (*estimation.CRITERIA, *basis.CRITERIA, *confidence.CRITERIA),
    ),
    ("reserves", both("Estimation and reporting of mineral reserves", "鉱物埋蔵量の推定と報告"), confidence.RESERVES),
)
"""Sections and their criteria, in the order in which they are numbered: an item keeps its number in every assessment."""

_STATEMENT: Final = both(
    "This checklist follows the table of contents of the CRIRSCO template's Table 1 to show what the estimate rests on and what is missing. It was "
    "filled in by a program and is not a CRIRSCO, JORC or NI 43-101 statement: nothing here is declared a resource or a reserve.",
    "このチェックリストは、推定の根拠と欠けているものを示すため、CRIRSCO テンプレートの Table 1 の項目に沿ってプログラムが作成したものです。"
    "CRIRSCO・JORC・NI 43-101 に基づく報告ではなく、資源量・埋蔵量を宣言するものではありません。",
)
_NO_WORK: Final = both(
    "There was no such work: the samples were drawn by a computer.",
    "該当する作業はありません。試料は計算機で作られたものです。",
)
_DRAWN: Final = both(
    "Samples drawn by a computer: no evidence of a real deposit.",
    "試料は計算機で作られたもので、実在の鉱床の証拠ではありません。",
)
_PARTLY_DRAWN: Final = both(
    "Some samples were drawn by a computer: no evidence of a real deposit.",
    "試料の一部は計算機で作られたもので、実在の鉱床の証拠ではありません。",
)
_ONLY_MEASURED: Final = both("Samples drawn by a computer do not count here.", "計算機で作られた試料は含みません。")


def run(
    samples: Samples,
    composites: Composites,
    seafloor: Seafloor,
    variograms: list[Variogram],
    joint: JointModel,
    cross_validation: CrossValidation,
    validation: Validation,
    classes: Classes,
    tonnage: Tonnage,
    provenance: Provenance,
    next_cores: NextCores,
    published: PublishedFiles,
) -> Table1:
    """Answer every criterion with a value and where to look it up, or with the reason why there is none.

    Returns
    -------
    Table1
        All criteria in their order, whatever the survey.
    """
    facts = Facts(
        samples, composites, seafloor, tuple(variograms), joint, cross_validation, validation, classes, tonnage, provenance, next_cores, published
    )
    items = [
        _item(f"{chapter}.{position}", section, criterion, facts)
        for chapter, (section, _, criteria) in enumerate(_SECTIONS, start=1)
        for position, criterion in enumerate(criteria, start=1)
    ]
    said = {
        "$schema": get_args(Table1Content.model_fields["schema_"].annotation)[0],
        "title": printable(facts.setting("assessment", "title")),
        "data_kind": samples.marks.data_kind,
        "rows_left_out": samples.marks.rows_left_out,
        "statement": _STATEMENT,
        "sections": tuple({"key": key, "title": title} for key, title, _ in _SECTIONS),
        "items": tuple(items),
        "unfc": unfc(facts),
    }
    return Table1.of(Table1Content.model_validate(all_in_terms(said, facts.setting("assessment", "deposit"))))


def _item(number: str, section: str, criterion: Criterion, facts: Facts) -> dict[str, Any]:
    found = _honest(criterion, criterion.find(facts), facts)
    state = "not available" if found.value is None else "available" if found.why_not is None else "partly"
    return {
        "id": number,
        "section": section,
        "criterion": criterion.name,
        "state": state,
        "value": found.value,
        "evidence": tuple({"product": product, "where": where} for product, where in found.evidence),
        "why_not": found.why_not,
    }


def _honest(criterion: Criterion, found: Finding, facts: Facts) -> Finding:
    """What is found, as far as it is evidence: samples that a computer drew are none."""
    if not facts.samples.marks.is_synthetic or criterion.of == "program":
        return found
    whole = facts.kind == "synthetic"
    if criterion.of == "real":
        return absent(_NO_WORK) if whole else _qualified(found, _ONLY_MEASURED)
    return _qualified(found, _DRAWN if whole else _PARTLY_DRAWN)


def _qualified(found: Finding, by: Text) -> Finding:
    """A finding with a reservation in front of its own; what is absent stays as it is."""
    if found.value is None:
        return found
    return partly(found.value, by if found.why_not is None else joined([by, found.why_not]), *found.evidence)
