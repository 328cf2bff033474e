"""What is stated has below it what it rests on."""

from __future__ import annotations

from dataclasses import replace

from pydicom.dataset import Dataset

from plugin.domain.findings import (
    Assessment,
    Certainty,
    Code,
    Measurement,
    PatternEstimate,
    Priority,
    QualityNote,
)
from tests.worker.report import samples
from tests.worker.report.test_structured_report import items, make

_LV, _SEVERE = "87878005", "24484000"


def report_of(**changes: object) -> Dataset:
    return make(assessment=replace(samples.assessment(), **changes))  # type: ignore[arg-type]


def evidence(item: Dataset) -> list[tuple[str, float, str]]:
    """Return concept, value and unit of the numbers that an item is inferred from."""
    found = []
    for child in item.get("ContentSequence", []):
        if child.RelationshipType == "INFERRED FROM" and child.ValueType == "NUM":
            measured = child.MeasuredValueSequence[0]
            concept = str(child.ConceptNameCodeSequence[0].CodeValue)
            unit = str(measured.MeasurementUnitsCodeSequence[0].CodeValue)
            found.append((concept, float(measured.NumericValue), unit))
    return found


def code_of(item: Dataset, concept: str) -> list[str]:
    return [str(i.ConceptCodeSequence[0].CodeValue) for i in items(item, concept)]


def test_a_sentence_of_the_impression_rests_on_the_numbers_in_it() -> None:
    sentences = (
        "LV ejection fraction 38 % (35 to 42 %): reduced left ventricular systolic function.",
        "LV mass 999 g.",
        "Only the short-axis cine was measured; see what was not assessed.",
    )
    wrong, right = report_of(impression=sentences), sentences[0]
    by_text = {str(item.TextValue): item for item in items(wrong, "121073")}
    assert evidence(by_text[right]) == [("8811-2", 38.4, "%")]
    assert evidence(by_text[sentences[1]]) == []  # no such value was measured
    assert evidence(by_text[sentences[2]]) == []


def test_numbers_below_statements_are_those_of_the_groups() -> None:
    report = make()
    groups = {
        (str(i.ConceptNameCodeSequence[0].CodeValue), float(m.NumericValue))
        for group in items(report, "125007")
        for i in group.ContentSequence
        if i.ValueType == "NUM"
        for m in i.MeasuredValueSequence
    }
    repeated = [
        (concept, value)
        for item in items(report)
        if item.ValueType in ("TEXT", "CODE")
        for concept, value, _ in evidence(item)
    ]
    assert len(repeated) > 5
    assert set(repeated) <= groups


def test_a_finding_has_its_place_its_severity_and_its_values() -> None:
    finding = replace(samples.assessment().findings[0], grade="severely reduced")
    report = report_of(findings=(finding,))
    (item,) = [i for i in items(report, "371862006") if i.ValueType == "CODE"]
    assert code_of(item, "363698007") == [_LV]
    assert code_of(item, "246112005") == [_SEVERE]
    assert evidence(item) == [("8811-2", 38.4, "%")]
    unsure = report_of(findings=(replace(finding, certainty=Certainty.UNDETERMINED),))
    (item,) = [i for i in items(unsure, "371862006") if i.ValueType == "CODE"]
    assert code_of(item, "246112005") == []


def test_a_suggested_priority_has_the_value_that_suggested_it() -> None:
    (item,) = items(make(priority=Priority.URGENT), "260870009")
    assert evidence(item) == [("8811-2", 38.4, "%")]
    (reason,) = items(make(priority=Priority.URGENT), "PRIORITY-REASON")
    assert evidence(reason) == [("8811-2", 38.4, "%")]


def test_only_a_calibrated_confidence_is_coded() -> None:
    likely = PatternEstimate(("infarction",), 87, 99, "Like infarction, confidence 87 %.")
    (item,) = items(report_of(pattern=likely), "PATTERN")
    (certainty,) = items(item, "111012")
    assert float(certainty.MeasuredValueSequence[0].NumericValue) == 87
    unsure = PatternEstimate(("infarction", "normal"), None, 99, "Indeterminate.")
    (item,) = items(report_of(pattern=unsure), "PATTERN")
    assert item.ConceptCodeSequence[0].CodeValue == "373068000"
    assert "ContentSequence" not in item


def test_quality_is_coded_only_where_it_is_limited() -> None:
    doubt = QualityNote("low_confidence", "The network is unsure.")
    usual = QualityNote("base_at_edge", "The base may be missing.")
    assert code_of(report_of(quality=(usual, doubt)), "130550") == ["RID13"]
    assert items(report_of(quality=(usual,)), "130550") == []


def test_each_segment_has_its_grade_of_wall_motion() -> None:
    report = make(assessment=with_scores({1: 1, 2: 2, 3: 3, 4: 4}))
    found = {code_of(i, "363698007")[0]: code_of_item(i) for i in items(report, "60797005")}
    sites = {segment: samples.SEGMENT_SITES[segment][0] for segment in (1, 2, 3, 4)}
    assert found == {
        sites[1]: "373122000",
        sites[2]: "37706002",
        sites[3]: "195675009",
        sites[4]: "25437005",
    }


def code_of_item(item: Dataset) -> str:
    return str(item.ConceptCodeSequence[0].CodeValue)


def with_scores(scores: dict[int, int]) -> Assessment:
    """Return the assessment with wall motion scores of segments."""
    assessment = samples.assessment()
    added = tuple(
        Measurement(
            "wall_motion_score",
            "Wall motion score",
            float(score),
            "1",
            Code("MOTION-SCORE", "99CMRTRIAGE", "Wall motion score, derived"),
            "By thresholds.",
            finding_site=Code(*_site(segment)),
            segment=segment,
        )
        for segment, score in scores.items()
    )
    return replace(assessment, measurements=(*assessment.measurements, *added))


def _site(segment: int) -> tuple[str, str, str]:
    value, meaning = samples.SEGMENT_SITES[segment]
    return value, "SCT", f"{meaning} segment"
