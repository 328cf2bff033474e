"""Qualitative evaluations of TID 1500: coded statements first, then the same and more as text.

References
----------
DICOM PS3.16 TID 1500 (rows of Qualitative Evaluations), CID 240, 3414, 7036.
"""

from highdicom.sr import ContainerContentItem, ContentItem, ContentSequence

from plugin.domain.findings import Assessment, Certainty, Finding
from worker.findings.language import Language
from worker.findings.report_text import puts_numbers_in_doubt
from worker.findings.sentences import Sentences
from worker.report import codes
from worker.report.codes import concept
from worker.report.evidence import of_keys, of_sentence
from worker.report.items import (
    CONTAINS,
    MODIFIER,
    PROPERTY,
    add_children,
    coded,
    number,
    text,
)
from worker.report.material import Material
from worker.volume.types import CineStack


def evaluations(
    material: Material, assessment: Assessment, language: Language, more: list[ContentItem]
) -> ContainerContentItem:
    """Return the container; ``more`` follows its own items.

    Parameters
    ----------
    assessment
        With its sentences in the report's language.

    Notes
    -----
    A finding is ``(finding) = (present | undetermined)``; what was not looked at is
    ``(thing) = (not assessed)``. The priority is there only when the study is promoted; its reason
    also when a value lies so near a threshold that a physician should look. Each statement has the
    numbers that it rests on below it.
    """
    container = ContainerContentItem(
        concept(codes.QUALITATIVE_EVALUATIONS), relationship_type=CONTAINS
    )
    items = [
        *_statements(assessment),
        *_texts(material.stack, assessment, language),
        *more,
    ]
    container.ContentSequence = ContentSequence(items)
    return container


def _statements(assessment: Assessment) -> list[ContentItem]:
    """Return what programs read."""
    items: list[ContentItem] = []
    priority = codes.PRIORITY_VALUES.get(assessment.priority.level)
    if priority is not None:
        item = coded(codes.PRIORITY, priority)
        add_children(item, of_keys(assessment.priority.basis, assessment))
        items.append(item)
    items += [_finding(one, assessment) for one in assessment.findings]
    items += _pattern(assessment)
    if any(puts_numbers_in_doubt(note) for note in assessment.quality):
        items.append(coded(codes.SERIES_QUALITY, codes.LIMITED_QUALITY))
    items += [coded(thing.code, codes.NOT_ASSESSED) for thing in assessment.not_assessed]
    return items


def _finding(finding: Finding, assessment: Assessment) -> ContentItem:
    """Return a finding with its certainty, its place and the values that it rests on."""
    present = finding.certainty is Certainty.PRESENT
    item = coded(finding.code, codes.PRESENT if present else codes.UNDETERMINED)
    children: list[ContentItem] = []
    if finding.finding_site is not None:
        children.append(coded(codes.FINDING_SITE, finding.finding_site, MODIFIER))
    severity = codes.SEVERITIES.get(finding.grade or "")
    if present and severity is not None:
        children.append(coded(codes.SEVERITY, severity, MODIFIER))
    add_children(item, [*children, *of_keys(finding.basis, assessment)])
    return item


def _pattern(assessment: Assessment) -> list[ContentItem]:
    """Return which group the pattern resembles; undetermined with several candidates or none."""
    estimate = assessment.pattern
    if estimate is None:
        return []
    if estimate.confidence_percent is None:
        return [coded(codes.PATTERN, codes.UNDETERMINED)]
    item = coded(codes.PATTERN, codes.PATTERN_VALUES[estimate.candidates[0]])
    certainty = number(codes.CERTAINTY, estimate.confidence_percent, "%", PROPERTY)
    add_children(item, [certainty])
    return [item]


def _texts(stack: CineStack, assessment: Assessment, language: Language) -> list[ContentItem]:
    """Return what people read."""
    say = Sentences(language)
    items: list[ContentItem] = []
    if assessment.priority.has_reason:
        item = text(codes.PRIORITY_REASON, assessment.priority.sentence)
        add_children(item, of_keys(assessment.priority.basis, assessment))
        items.append(item)
    items += [text(codes.FINDING, _finding_text(one, language)) for one in assessment.findings]
    for stratum in assessment.strata:
        item = text(codes.RISK_STRATUM, say.cited(stratum))
        add_children(item, of_keys(stratum.basis, assessment))
        items.append(item)
    if assessment.pattern is not None:
        items.append(text(codes.PATTERN_NOTE, assessment.pattern.sentence))
    items.append(text(codes.NARRATIVE, acquisition_text(stack, assessment, language)))
    for words in _narrative(assessment, language):
        item = text(codes.NARRATIVE, words)
        add_children(item, of_sentence(words, assessment, language))
        items.append(item)
    items += [text(codes.QUALITY_NOTE, note.sentence) for note in assessment.quality]
    if assessment.not_assessed:
        sentences = " ".join(thing.sentence for thing in assessment.not_assessed)
        items.append(text(codes.NOT_ASSESSED_NOTE, sentences))
    return items


def _finding_text(finding: Finding, language: Language) -> str:
    """Return the finding with its grade and its rule; the numbers are in the impression."""
    words = language.tables["report"]
    grade = language.tables["grades"].get(finding.grade or "", finding.grade)
    return language.say(
        "report",
        "finding" if grade is None else "graded_finding",
        name=language.tables["finding_names"].get(finding.key, finding.code.meaning),
        certainty=words[finding.certainty.value],
        source=finding.source,
        **({} if grade is None else {"grade": grade}),
    )


def _narrative(assessment: Assessment, language: Language) -> list[str]:
    """Return the sentences about values that have no item of their own in the report."""
    say = Sentences(language)
    names = (say.not_assessed_name(thing) for thing in assessment.not_assessed)
    listed = language.tables["joins"]["names"].join(names)
    said = {
        *assessment.impression,
        *(note.sentence for note in assessment.quality),
        *(thing.sentence for thing in assessment.not_assessed),
        language.say("sentences", "not_assessed", names=listed),
        language.say("sentences", "disclaimer"),
    }
    return [words for words in assessment.narrative if words not in said]


def acquisition_text(stack: CineStack, assessment: Assessment, language: Language) -> str:
    """Return slices, phases, RR interval and which phases are end-diastole and end-systole."""
    rr = ""
    if stack.rr_interval_ms is not None:
        rr = language.say("report", "rr_interval", rr_ms=f"{stack.rr_interval_ms:.0f}")
    ed, es = assessment.ed_phase, assessment.es_phase
    return language.say(
        "report",
        "acquisition",
        n_slices=str(stack.n_slices),
        spacing_mm=f"{stack.slice_spacing_mm:.1f}",
        n_phases=str(stack.n_phases),
        rr_interval=rr,
        ed=str(ed + 1),
        ed_ms=f"{stack.trigger_times_ms[ed]:.0f}",
        es=str(es + 1),
        es_ms=f"{stack.trigger_times_ms[es]:.0f}",
    )
