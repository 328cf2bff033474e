"""The report beside an earlier result: sentences, differences, and what they rest on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from pydicom.dataset import Dataset

from plugin.domain.comparison import Comparison, EarlierResult, Obstacle
from tests.worker.earlier_results import REPORT, beside
from tests.worker.report import samples
from tests.worker.report.test_structured_report import items, make
from worker.clinical import ClinicalContext, PriorReport

EF = "lv_ejection_fraction"


def compared(kind: str = "sr", **changes: object) -> Dataset:
    assessment = beside(samples.assessment(), {EF: 15.0})
    return make(assessment=assessment, kind=kind, **{"earlier": REPORT, **changes})


def numbers(item: Dataset, value: str) -> list[float]:
    return [float(one.MeasuredValueSequence[0].NumericValue) for one in items(item, value)]


def test_report_says_at_its_top_what_changed_and_below_each_value_beside_the_earlier_one() -> None:
    report = compared()
    top = [one for one in report.ContentSequence if one.get("TextValue")]
    (summary,) = [one for one in top if one.ConceptNameCodeSequence[0].CodeValue == "COMPARISON"]
    assert summary.TextValue == (
        "Compared with the earlier result of 2024-03-01, 307 days before, measured by the same "
        "version. Changed more than the measurement uncertainty: LV ejection fraction -15.0 "
        "percentage points. The other compared values changed within it."
    )
    told = items(report, "COMPARISON")[1:]
    assert len(told) == len(beside(samples.assessment(), {}).comparison.changes)
    assert told[0].TextValue.startswith("LV ejection fraction 38.4 % in this study, 53.4 % on 2024")
    assert numbers(told[0], "122768") == [-15.0]
    assert numbers(told[0], "8811-2") == [38.4]
    assert numbers(told[2], "DIFFERENCE") == [0.0]


def test_no_number_of_an_earlier_day_is_a_measurement_of_the_report() -> None:
    report = compared()
    values = [one for one in items(report) if one.ValueType == "NUM"]
    assert 53.4 not in [float(one.MeasuredValueSequence[0].NumericValue) for one in values]


@pytest.mark.parametrize("kind", ["sr", "sr_enhanced"])
def test_what_is_said_rests_on_the_earlier_report_which_is_evidence_of_its_own_study(
    kind: str,
) -> None:
    report = compared(kind)
    (study,) = report.PertinentOtherEvidenceSequence
    assert study.StudyInstanceUID == REPORT.study_instance_uid != report.StudyInstanceUID
    (series,) = study.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == REPORT.report.series_instance_uid
    (named,) = series.ReferencedSOPSequence
    assert named.ReferencedSOPInstanceUID == REPORT.report.sop_instance_uid
    for item in items(report, "COMPARISON"):
        (prior,) = items(item, "122075")
        assert (prior.ValueType, prior.RelationshipType) == ("COMPOSITE", "INFERRED FROM")
        (reference,) = prior.ReferencedSOPSequence
        assert reference.ReferencedSOPInstanceUID == REPORT.report.sop_instance_uid


def test_a_report_that_no_archive_has_is_not_referred_to() -> None:
    report = compared(earlier=None)
    assert items(report, "COMPARISON")
    assert items(report, "122075") == []
    assert "PertinentOtherEvidenceSequence" not in report


def test_without_an_earlier_result_nothing_is_said() -> None:
    assert items(make(), "COMPARISON") == []
    assert "PertinentOtherEvidenceSequence" not in make(earlier=REPORT)


def test_why_nothing_is_compared_is_said() -> None:
    why = Comparison(obstacles=(Obstacle.OTHER_PERSON, Obstacle.UNREADABLE))
    report = make(assessment=replace(samples.assessment(), comparison=why), earlier=REPORT)
    (item,) = items(report, "COMPARISON")
    assert "another birth date or sex and was not compared" in item.TextValue
    assert item.TextValue.endswith("could not be read, and was not compared.")
    assert "PertinentOtherEvidenceSequence" not in report


def test_report_in_chinese_compares_in_chinese() -> None:
    summary, first, *_ = items(compared(report_language="zh"), "COMPARISON")
    assert summary.TextValue.startswith("与 2024-03-01（307 天前）的既往结果比较")
    assert "超出两次测量的不确定度" in first.TextValue


def test_earlier_results_give_the_place_of_the_time_point() -> None:
    def result(day: str, days: int) -> EarlierResult:
        return EarlierResult(day, days, "", "", True, False, {})

    found = (result("2020-01-01", 1828), result("2024-03-01", 307), result("2025-01-02", 0))
    assessment = replace(samples.assessment(), comparison=Comparison(found))
    group = items(make(assessment=assessment), "125007")[0]
    assert numbers(group, "126073") == [4]
    loaded = samples.loaded_sample(n_phases=3, n_slices=3, size=48)[0]
    day = date(2024, 3, 1)
    told = PriorReport("Report", day, (), True, False)
    both = replace(loaded, clinical=ClinicalContext(prior_reports=(told,)))
    group = items(make(both, assessment=assessment), "125007")[0]
    assert numbers(group, "126073") == [4], "a day counts once"
