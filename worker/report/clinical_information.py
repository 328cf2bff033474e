"""The clinical information that came with the study, as a section of the report.

Knows how a ``ClinicalContext`` becomes content items; the texts of the study stay in the language
that they were written in, what is said about them is in the report's. Values of other reports are
written as text and never as NUM: no program may take the ejection fraction of last year for the one
of today.

References
----------
DICOM PS3.16 TID 2000 and CID 7001, 7002 (headings and elements of a diagnostic imaging report).
"""

from collections.abc import Iterator

from highdicom.sr import ContainerContentItem, ContentItem, ContentSequence
from pydicom.datadict import dictionary_description

from plugin.domain.findings import Code
from worker.clinical import ClinicalContext, ClinicalText, PriorReport, PriorValue, TextFlag, Topic
from worker.findings.definitions import DEFINITIONS
from worker.findings.language import Language
from worker.report import codes
from worker.report.codes import concept
from worker.report.items import text
from worker.report.wording import readable_unit

_HEADINGS: dict[Topic, Code] = {
    Topic.REASON: codes.INDICATIONS,
    Topic.PROCEDURE: codes.REQUEST,
    Topic.HISTORY: codes.HISTORY,
    Topic.DIAGNOSIS: codes.HISTORY,
    Topic.ALERT: codes.HISTORY,
    Topic.COMMENT: codes.HISTORY,
    Topic.PRIOR_REPORT: codes.PREVIOUS_FINDING,
}
_REMARKS = (TextFlag.CHARACTER_SET_UNCERTAIN, TextFlag.TRUNCATED, TextFlag.INSTRUCTION_LIKE)


def clinical_information(
    clinical: ClinicalContext, language: Language
) -> ContainerContentItem | None:
    """Return the section, or None when the study brought nothing to say."""
    items: list[ContentItem] = [_text_item(one, language) for one in clinical.texts]
    items += [
        text(codes.PREVIOUS_FINDING, sentence)
        for report in clinical.prior_reports
        if not report.is_own
        for sentence in _sentences(report, language)
    ]
    if not items:
        return None
    if clinical.n_texts_left_out:
        n_texts = str(clinical.n_texts_left_out)
        left_out = language.say("clinical", "left_out", n_texts=n_texts)
        items.append(text(codes.NOTICE, left_out))
    section = ContainerContentItem(
        concept(codes.CLINICAL_INFORMATION), relationship_type="CONTAINS"
    )
    origin = text(codes.NOTICE, language.say("clinical", "origin"))
    section.ContentSequence = ContentSequence([origin, *items])
    return section


def clinical_text(clinical: ClinicalContext, language: Language) -> str:
    """Return all that the section says, as one text: what a content digest has to cover."""
    section = clinical_information(clinical, language)
    return "" if section is None else str(section.to_json())


def _text_item(piece: ClinicalText, language: Language) -> ContentItem:
    """Return the text, with the attribute that it came from and what to beware of below it."""
    item = text(_HEADINGS[piece.topic], piece.text)
    remarks = [language.say("clinical", one.value) for one in _REMARKS if one in piece.flags]
    origin = "; ".join([f"{dictionary_description(piece.keyword)} {piece.tag}", *remarks])
    item.ContentSequence = ContentSequence(
        [text(codes.EQUIVALENT_MEANING, origin, "HAS CONCEPT MOD")]
    )
    return item


def _sentences(report: PriorReport, language: Language) -> Iterator[str]:
    signed = language.say("clinical", "verified" if report.is_verified else "not_verified")
    for value in report.values:
        yield language.say(
            "clinical",
            "value",
            value=_value(value, language),
            method=value.code.meaning,
            title=report.title,
            signed=signed,
        )
    if not report.is_readable:
        yield language.say("clinical", "unreadable", title=report.title, signed=signed)


def _value(value: PriorValue, language: Language) -> str:
    day = language.say("clinical", "no_date")
    if value.measured_on is not None:
        day = value.measured_on.isoformat()
    known = value.key in DEFINITIONS
    name = language.tables["measurements"][value.key] if known else value.key
    return f"{day}: {name} {value.value:g} {readable_unit(value.unit)}"
