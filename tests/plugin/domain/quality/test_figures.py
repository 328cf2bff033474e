"""The figures of a record: by week, against the first studies, with nothing made up."""

from datetime import UTC, date, datetime, timedelta

import pytest

from plugin.domain.feedback import Diagnosis, PriorityVerdict, Verdict
from plugin.domain.job import DeliveryState
from plugin.domain.quality.facts import (
    Analysed,
    Opinion,
    Origin,
    Record,
    Refused,
    ResultFigures,
    Sent,
)
from plugin.domain.quality.figures import Step, figures
from plugin.domain.quality.shares import Share
from plugin.domain.quality.span import Span
from plugin.domain.quality.table import looks_different, rows
from plugin.domain.reasons import Reason

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def study(number, at=MONDAY, lvef=60.0, scanner="A", seconds=60.0, **figure):
    values = {"lv_ejection_fraction": lvef}
    return Analysed(
        number,
        at,
        Origin("", "PACS", scanner, 1.5),
        seconds,
        "ROUTINE",
        False,
        ResultFigures(values, **figure),
    )


def opinion(verdict=Verdict.AGREE, **more):
    values = {
        "lvef_percent": None,
        "lvef_percent_ai": 55.0,
        "diagnosis": None,
        "group": "normal",
        "confidence_percent": 85,
        "priority": None,
    }
    return Opinion(MONDAY, verdict, **(values | more))


def weeks(n, first=MONDAY, **more):
    return [study(k, first + timedelta(weeks=week), **more) for week in range(n) for k in range(30)]


def test_weeks_begin_on_monday_and_months_on_the_first():
    sunday = datetime(2026, 3, 8, 23, 59, tzinfo=UTC)
    assert Step.WEEK.begin(sunday) == date(2026, 3, 2)
    assert Step.MONTH.begin(sunday) == date(2026, 3, 1)


@pytest.mark.parametrize("span", Span)
def test_a_span_begins_with_a_whole_period(span):
    since = span.since(datetime(2026, 11, 22, 13, tzinfo=UTC))
    assert span.step.begin(since) == since.date()
    assert since.tzinfo is UTC


def test_an_empty_record_has_figures_and_no_numbers():
    found = figures(Record(), Step.WEEK)
    assert found.verdicts["agree"] == Share(0, 0)
    assert found.waits == ()
    assert looks_different(found) == []
    assert all(row.value is None for row in rows(found))


def test_a_new_scanner_is_told_with_its_first_week_and_its_studies():
    reference = tuple(weeks(4))
    later = MONDAY + timedelta(weeks=10)
    analysed = (*weeks(2, later), *weeks(2, later + timedelta(weeks=2), scanner="B"))
    found = figures(Record(analysed=analysed, reference=reference), Step.WEEK)
    assert [one.sentence for one in looks_different(found)] == [
        "Scanner looks different since 2026-05-25 (60 studies)."
    ]


def test_time_to_result_is_median_and_95th_percentile():
    analysed = tuple(study(k, seconds=float(k)) for k in range(1, 101))
    (wait,) = figures(Record(analysed=analysed), Step.WEEK).waits
    assert (wait.n, wait.median_seconds, wait.p95_seconds) == (100, 50.5, 95.0)


def test_a_study_that_a_person_asked_for_has_no_wait():
    assert figures(Record(analysed=(study(1, seconds=None),)), Step.WEEK).waits == ()


def test_refusals_are_counted_by_layer_and_reason():
    refused = tuple(
        Refused(MONDAY, Origin(), reason)
        for reason in (Reason.NOT_CARDIAC, Reason.PICTURES_UNUSABLE, Reason.PICTURES_UNUSABLE)
    )
    found = figures(Record(analysed=tuple(weeks(1)), refused=refused), Step.WEEK)
    assert found.refusals == {("headers", "not_cardiac"): 1, ("pictures", "pictures_unusable"): 2}
    (share,) = (one for one in found.shares if one.name == "refused")
    assert share.shares == {date(2026, 3, 2): Share(3, 33)}


def test_opinions_are_shares_of_those_who_said_something():
    opinions = (
        opinion(),
        opinion(Verdict.DISAGREE),
        opinion(Verdict.CORRECT, lvef_percent=50.0),
        opinion(Verdict.CORRECT, priority=PriorityVerdict.NEED_NOT),
    )
    found = figures(Record(opinions=opinions), Step.WEEK)
    assert found.verdicts["agree"] == Share(1, 4)
    assert found.verdicts["corrected LVEF"] == Share(1, 4)
    assert found.priorities["need not have been promoted"] == Share(1, 1)
    assert found.lvef.pairs == ((50.0, 55.0),)
    assert found.lvef.bias is None


def test_calibration_counts_the_readers_group_and_says_too_few():
    agree = [opinion()] * 15
    other = [opinion(Verdict.CORRECT, diagnosis=Diagnosis.DILATED)] * 5
    silent = [opinion(Verdict.DISAGREE)] * 9
    few = [opinion(confidence_percent=95)] * 3
    bins = figures(Record(opinions=(*agree, *other, *silent, *few)), Step.WEEK).reliability
    by_low = {one.low_percent: one for one in bins}
    assert by_low[80].right == Share(15, 20)
    assert by_low[80].mean_confidence_percent == 85.0
    assert (by_low[90].n, by_low[90].right) == (3, None)


def test_the_named_group_of_the_reader_is_that_of_the_result():
    named = [opinion(Verdict.CORRECT, group="infarction", diagnosis=Diagnosis.INFARCTION)] * 20
    bins = figures(Record(opinions=tuple(named)), Step.WEEK).reliability
    assert next(one.right for one in bins if one.low_percent == 80) == Share(20, 20)


def test_delivery_counts_what_was_decided():
    sent = (
        Sent("archive", DeliveryState.CONFIRMED, 7),
        Sent("archive", DeliveryState.SENT, 1),
        Sent("archive", DeliveryState.DEAD, 2),
        Sent("archive", DeliveryState.PENDING, 5),
        Sent("archive", DeliveryState.REPLACED, 3),
    )
    (found,) = figures(Record(sent=sent), Step.WEEK).deliveries
    assert (found.n_objects, found.arrived, found.n_waiting) == (15, Share(8, 10), 5)
