"""What changed since an earlier result, as content of the report.

The sentences are made by rules. Values of earlier days stand in them as text and never as NUM, so
that no program takes them for today's; the difference is a number. Each sentence rests on the
report that is compared with, which is named as evidence of another study.

References
----------
DICOM PS3.3 C.17.2 (Pertinent Other Evidence Sequence), PS3.16 CID 3407 (prior report).
"""

from highdicom.sr import CompositeContentItem, ContentItem
from pydicom.dataset import Dataset

from plugin.domain.comparison import Change
from plugin.domain.findings import Assessment
from worker.findings.compared import change_sentence, summary_sentences
from worker.findings.language import Language
from worker.report import codes
from worker.report.codes import concept
from worker.report.evidence import of_keys
from worker.report.identity import AnalysisIdentity, EarlierReport
from worker.report.items import INFERRED, PROPERTY, add_children, number, text
from worker.report.references import hierarchical, instance_item


def summary_item(
    assessment: Assessment, earlier: EarlierReport | None, language: Language
) -> list[ContentItem]:
    """Return what changed in one text, for the top of the report; nothing without a comparison."""
    if assessment.comparison is None:
        return []
    space = language.tables["joins"]["sentences"]
    words = space.join(summary_sentences(assessment.comparison, language))
    item = text(codes.COMPARISON, words)
    add_children(item, _rests_on(earlier))
    return [item]


def change_items(
    assessment: Assessment, earlier: EarlierReport | None, language: Language
) -> list[ContentItem]:
    """Return one text for each compared value, with the difference as a number."""
    comparison = assessment.comparison
    latest = None if comparison is None else comparison.latest
    if comparison is None or latest is None:
        return []
    items: list[ContentItem] = []
    for change in comparison.changes:
        item = text(codes.COMPARISON, change_sentence(change, latest, language))
        now = of_keys([change.key], assessment)
        add_children(item, [_difference(change), *now, *_rests_on(earlier)])
        items.append(item)
    return items


def compared_report(assessment: Assessment, identity: AnalysisIdentity) -> EarlierReport | None:
    """Return the report that is compared with; None where nothing is, or no archive has it."""
    comparison = assessment.comparison
    return None if comparison is None or comparison.latest is None else identity.earlier


def other_evidence(earlier: EarlierReport) -> Dataset:
    """Return the item of Pertinent Other Evidence Sequence that names the earlier report."""
    report = earlier.report
    item = instance_item(report.sop_class_uid, report.sop_instance_uid)
    return hierarchical(earlier.study_instance_uid, {report.series_instance_uid: [item]})


def _difference(change: Change) -> ContentItem:
    code = codes.DIFFERENCES.get(change.key, codes.DIFFERENCE)
    return number(code, change.difference, change.unit, PROPERTY)


def _rests_on(earlier: EarlierReport | None) -> list[ContentItem]:
    if earlier is None:
        return []
    return [
        CompositeContentItem(
            concept(codes.PRIOR_REPORT),
            earlier.report.sop_class_uid,
            earlier.report.sop_instance_uid,
            relationship_type=INFERRED,
        )
    ]
