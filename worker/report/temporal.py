"""The study in time: which examination it is, and what earlier reports say of the same values.

Knows reports that came with the study (``worker.clinical``). Values of earlier days are compared
and said in words; they are never written as NUM, so no program takes them for today's.

References
----------
DICOM PS3.16 TID 1502 (Time Point Context).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from highdicom.sr import ContentItem, TimePointContext
from pydicom.dataset import Dataset

from plugin.domain.comparison import Comparison as BesideEarlier
from plugin.domain.findings import Assessment, Measurement
from worker.clinical import ClinicalContext, PriorValue
from worker.clinical.people import calendar_day
from worker.findings.language import Language
from worker.findings.sentences import Sentences, digits
from worker.report import codes
from worker.report.evidence import evidence_items
from worker.report.items import PROPERTY, add_children, number, text


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measurement of today beside the latest earlier value of its quantity by one method."""

    now: Measurement
    before: PriorValue
    measured_on: date

    @property
    def same_method(self) -> bool:
        """Whether both are the same quantity by code, by MR that is."""
        return (self.now.code.value, self.now.code.scheme) == (
            self.before.code.value,
            self.before.code.scheme,
        )

    @property
    def difference(self) -> float:
        """Today's value minus the earlier one."""
        return self.now.value - self.before.value

    @property
    def is_beyond_uncertainty(self) -> bool | None:
        """Whether two measurements as uncertain as today's would rarely differ by that much.

        None where the method differs or the uncertainty is not known.
        """
        if not self.same_method or self.now.interval is None:
            return None
        low, high = self.now.interval
        return abs(self.difference) > math.sqrt(2) * (high - low) / 2


def study_day(reference: Dataset) -> date | None:
    """Return the date of the study, or None when the images do not tell."""
    return calendar_day(str(reference.get("StudyDate") or ""))


def time_point(
    reference: Dataset, clinical: ClinicalContext, comparison: BesideEarlier | None = None
) -> TimePointContext | None:
    """Return TID 1502: the day of the study, and its place in order when earlier ones are known.

    Days of reports and of earlier results count once; an earlier study of the same day counts too.
    """
    today = study_day(reference)
    if today is None:
        return None
    results = () if comparison is None else comparison.results
    days = {on.isoformat() for one in clinical.prior_reports if (on := one.written_on)}
    before = {day for day in days if day < today.isoformat()}
    before |= {one.day for one in results if one.days}
    n_before = len(before) + sum(one.days == 0 for one in results)
    return TimePointContext(
        time_point=today.isoformat(), time_point_order=n_before + 1 if n_before else None
    )


def compare(
    assessment: Assessment, clinical: ClinicalContext, today: date | None
) -> list[Comparison]:
    """Return the latest earlier value of each quantity and method; none without a study date.

    Reports of our own are left out where the result itself is compared with.
    """
    if today is None:
        return []
    known_better = assessment.comparison is not None and assessment.comparison.latest is not None
    latest: dict[tuple[str, str], Comparison] = {}
    for value, day in _earlier(clinical, today, with_own=not known_better):
        now = assessment.measurement(value.key)
        slot = (value.key, value.code.value)
        known = latest.get(slot)
        if now is None or now.unit != value.unit or (known and known.measured_on >= day):
            continue
        latest[slot] = Comparison(now, value, day)
    order = [one.key for one in assessment.measurements]
    return sorted(latest.values(), key=lambda one: order.index(one.now.key))


def _earlier(
    clinical: ClinicalContext, today: date, *, with_own: bool
) -> Iterator[tuple[PriorValue, date]]:
    for report in clinical.prior_reports:
        for value in report.values if with_own or not report.is_own else ():
            if value.measured_on is not None and value.measured_on < today:
                yield value, value.measured_on


def comparison_items(comparisons: list[Comparison], language: Language) -> list[ContentItem]:
    """Return each comparison as a sentence, with today's number and the coded difference."""
    items: list[ContentItem] = []
    for one in comparisons:
        item = text(codes.COMPARISON, _sentence(one, language))
        children: list[ContentItem] = []
        difference = codes.DIFFERENCES.get(one.now.key)
        if one.same_method and difference is not None:
            children.append(number(difference, one.difference, one.now.unit, PROPERTY))
        add_children(item, [*children, *evidence_items([one.now])])
        items.append(item)
    return items


def _sentence(one: Comparison, language: Language) -> str:
    key, unit = one.now.key, language.unit(one.now.unit)
    remark = {None: "methods_differ", False: "within_uncertainty", True: "beyond_uncertainty"}
    said = remark[one.is_beyond_uncertainty]
    if one.same_method and one.now.interval is None:
        said = "uncertainty_unknown"
    sign = "+" if one.difference >= 0 else "-"
    return language.say(
        "comparison",
        "value",
        measured=Sentences(language).measured(one.now),
        before=f"{digits(key, one.before.value)}{unit}",
        day=one.measured_on.isoformat(),
        method=one.before.code.meaning,
        difference=f"{sign}{digits(key, abs(one.difference))}{unit}",
        remark=language.say("comparison", said),
    )
