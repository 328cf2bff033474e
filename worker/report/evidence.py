"""What a statement rests on: the numbers below it, each as INFERRED FROM.

The numbers are repeated by value, because Enhanced SR has no references to other content items and
because a reader sees them where the statement is. They have the concept, unit and phase of the
measurement in its group, and its name for people.
"""

from collections.abc import Iterable, Sequence

from highdicom.sr import ContentItem, ContentSequence

from plugin.domain.findings import Assessment, Measurement
from worker.findings.checker import stated_measurements
from worker.findings.language import Language
from worker.report import codes
from worker.report.items import INFERRED, MODIFIER, number, text
from worker.report.measurement_properties import modifiers


def evidence_items(measurements: Iterable[Measurement]) -> list[ContentItem]:
    """Return one NUM for each measurement."""
    return [_evidence(one) for one in measurements]


def of_keys(keys: Sequence[str], assessment: Assessment) -> list[ContentItem]:
    """Return the measurements of the whole heart among ``keys``; other keys are no numbers."""
    found = (assessment.measurement(key) for key in dict.fromkeys(keys))
    return evidence_items(one for one in found if one is not None)


def of_sentence(words: str, assessment: Assessment, language: Language) -> list[ContentItem]:
    """Return the measurements whose values stand in a sentence, as its checker reads them."""
    return evidence_items(stated_measurements(words, assessment, language.code))


def _evidence(measurement: Measurement) -> ContentItem:
    item = number(measurement.code, measurement.value, measurement.unit, INFERRED)
    name = text(codes.EQUIVALENT_MEANING, measurement.name, MODIFIER)
    item.ContentSequence = ContentSequence([*modifiers(measurement), name])
    return item
