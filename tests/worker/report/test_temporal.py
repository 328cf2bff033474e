"""The study in time, and beside what earlier reports say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pydicom.dataset import Dataset

from plugin.domain.findings import Code
from tests.worker.report import samples
from tests.worker.report.test_structured_report import items, make
from worker.clinical import ClinicalContext, PriorReport, PriorValue
from worker.clinical.prior import read_report
from worker.findings.language import load_language
from worker.report.temporal import compare, comparison_items, study_day

TODAY = date(2025, 1, 2)
LATER = date(2027, 1, 2)
BY_MR = Code("8811-2", "LN", "Left ventricular ejection fraction by MR")
BY_US = Code("18043-0", "LN", "Left Ventricular Ejection Fraction by US")


def fraction(percent: float, day: date | None, code: Code = BY_MR) -> PriorValue:
    return PriorValue("lv_ejection_fraction", percent, "%", code, day)


def context(*values: PriorValue, own: bool = False) -> ClinicalContext:
    reports = (PriorReport("Report", one.measured_on, (one,), own, True) for one in values)
    return ClinicalContext(prior_reports=tuple(reports))


def said(*values: PriorValue, language: str = "en") -> list[str]:
    found = compare(samples.assessment(), context(*values), TODAY)
    return [str(item.TextValue) for item in comparison_items(found, load_language(language))]


def report_with(*values: PriorValue) -> Dataset:
    loaded = samples.loaded_sample(n_phases=3, n_slices=3, size=48)[0]
    return make(replace(loaded, clinical=context(*values)))


def test_a_small_and_a_large_difference_by_mr_are_told_apart() -> None:
    """The value of today is 38.4 % (35.3 to 41.8): two such values differ by up to 4.6."""
    assert said(fraction(42.0, date(2024, 3, 1))) == [
        "LV ejection fraction 38 % in this study, 42 % on 2024-03-01 "
        "(Left ventricular ejection fraction by MR): difference -4 %. "
        "Two such measurements may differ by that much."
    ]
    (sentence,) = said(fraction(55.0, date(2024, 3, 1)))
    assert sentence.endswith("difference -17 %. Two such measurements rarely differ by that much.")


def test_another_method_is_compared_with_a_warning_only() -> None:
    (sentence,) = said(fraction(39.0, date(2024, 3, 1), BY_US))
    assert "(Left Ventricular Ejection Fraction by US)" in sentence
    assert sentence.endswith("The methods differ: part of the difference may come from that.")


def test_only_earlier_values_count_and_the_latest_by_each_method() -> None:
    found = compare(
        samples.assessment(),
        context(
            fraction(60.0, date(2020, 1, 1)),
            fraction(50.0, date(2024, 1, 1)),
            fraction(45.0, date(2023, 1, 1), BY_US),
            fraction(30.0, TODAY),
            fraction(31.0, date(2026, 1, 1)),
            fraction(32.0, None),
            replace(fraction(33.0, date(2024, 1, 1)), key="rv_stroke_volume"),
            replace(fraction(34.0, date(2024, 1, 1)), unit="1"),
        ),
        TODAY,
    )
    assert [(one.before.value, one.before.code) for one in found] == [(50.0, BY_MR), (45.0, BY_US)]
    assert compare(samples.assessment(), context(fraction(50.0, date(2024, 1, 1))), None) == []


def test_the_report_states_the_difference_but_no_number_of_an_earlier_day() -> None:
    report = report_with(fraction(42.0, date(2024, 3, 1)))
    (item,) = items(report, "COMPARISON")
    (difference,) = items(item, "122768")
    assert float(difference.MeasuredValueSequence[0].NumericValue) == -3.6
    (today,) = items(item, "8811-2")
    assert float(today.MeasuredValueSequence[0].NumericValue) == 38.4
    numbers = [i for i in items(report) if i.ValueType == "NUM"]
    values = [float(i.MeasuredValueSequence[0].NumericValue) for i in numbers]
    assert 42.0 not in values


def test_groups_name_the_day_and_its_order_among_known_ones() -> None:
    group = items(make(), "125007")[0]
    assert [i.TextValue for i in items(group, "C2348792")] == ["2025-01-02"]
    assert items(group, "126073") == []
    later = report_with(fraction(42.0, date(2023, 3, 1)), fraction(43.0, date(2024, 3, 1)))
    (order,) = items(items(later, "125007")[0], "126073")
    assert float(order.MeasuredValueSequence[0].NumericValue) == 3


def test_a_study_without_a_date_has_no_time_point() -> None:
    header = samples.reference_header()
    header.StudyDate = ""
    assert study_day(header) is None
    loaded = samples.loaded_sample(n_phases=3, n_slices=3, size=48)[0]
    report = make(replace(loaded, reference=header))
    assert items(report, "C2348792") == []


def test_a_comparison_is_said_in_the_report_s_language() -> None:
    (sentence,) = said(fraction(42.0, date(2024, 3, 1)), language="zh")
    assert sentence.startswith("本次检查")
    assert "2024-03-01" in sentence


def test_both_forms_of_a_report_are_read_back_as_an_earlier_one() -> None:
    read = [read_report(make(kind=kind)).report for kind in ("sr", "sr_enhanced")]
    assert read[0] == read[1]
    assert read[0].is_own
    assert read[0].is_readable
    values = {one.key: one.value for one in read[0].values}
    assert values["lv_ejection_fraction"] == 38.4
    assert values["lv_end_diastolic_volume_index"] == 110.7
    assert len(read[0].values) == len(values), "a value that is repeated counts once"
    later = compare(samples.assessment(), ClinicalContext(prior_reports=(read[0],)), LATER)
    assert {one.now.key for one in later} >= {"lv_ejection_fraction", "lv_mass"}
    assert all(one.same_method and one.difference == 0 for one in later)
