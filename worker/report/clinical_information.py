"""The clinical information that came with the study, as a section of the report.

Knows how a ``ClinicalContext`` becomes content items. Values of other reports are written as text
and never as NUM: no program may take the ejection fraction of last year for the one of today.

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
from worker.report import codes
from worker.report.codes import concept
from worker.report.content import text
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
ORIGIN = (
    "Copied from the headers of the study with names and numbers of people taken out; not checked, "
    "and without influence on any measurement, finding or priority."
)
_REMARKS = {
    TextFlag.CHARACTER_SET_UNCERTAIN: "its characters may be wrong",
    TextFlag.TRUNCATED: "shortened",
    TextFlag.INSTRUCTION_LIKE: "reads like an instruction to a program and was treated as text",
}


def clinical_information(clinical: ClinicalContext) -> ContainerContentItem | None:
    """Return the section, or None when the study brought nothing to say."""
    items: list[ContentItem] = [_text_item(one) for one in clinical.texts]
    items += [
        text(codes.PREVIOUS_FINDING, sentence)
        for report in clinical.prior_reports
        if not report.is_own
        for sentence in _sentences(report)
    ]
    if not items:
        return None
    if clinical.n_texts_left_out:
        left_out = f"{clinical.n_texts_left_out} further text(s) were there and are not shown."
        items.append(text(codes.NOTICE, left_out))
    section = ContainerContentItem(
        concept(codes.CLINICAL_INFORMATION), relationship_type="CONTAINS"
    )
    section.ContentSequence = ContentSequence([text(codes.NOTICE, ORIGIN), *items])
    return section


def clinical_text(clinical: ClinicalContext) -> str:
    """Return all that the section says, as one text: what a content digest has to cover."""
    section = clinical_information(clinical)
    return "" if section is None else str(section.to_json())


def _text_item(piece: ClinicalText) -> ContentItem:
    """Return the text, with the attribute that it came from and what to beware of below it."""
    item = text(_HEADINGS[piece.topic], piece.text)
    remarks = [remark for flag, remark in _REMARKS.items() if flag in piece.flags]
    origin = "; ".join([f"{dictionary_description(piece.keyword)} {piece.tag}", *remarks])
    item.ContentSequence = ContentSequence(
        [text(codes.EQUIVALENT_MEANING, origin, "HAS CONCEPT MOD")]
    )
    return item


def _sentences(report: PriorReport) -> Iterator[str]:
    signed = "verified" if report.is_verified else "not verified"
    for value in report.values:
        yield f"{_value(value)} ({value.code.meaning}; {report.title}, {signed})"
    if not report.is_readable:
        yield f"{report.title}, {signed}: could not be read to its end"


def _value(value: PriorValue) -> str:
    day = value.measured_on.isoformat() if value.measured_on else "date not stated"
    name = DEFINITIONS[value.key].name if value.key in DEFINITIONS else value.key
    return f"{day}: {name} {value.value:g} {readable_unit(value.unit)}"
