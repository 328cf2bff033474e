"""What a reader must see before the numbers: that it is AI, the impression, and what changed.

It stands at the top of the document (TID 1500 is extensible), because viewers print it from top to
bottom and some hundred lines of measurements follow.
"""

from highdicom.sr import ContentItem

from plugin.domain.findings import Assessment
from worker.findings.language import Language
from worker.report import codes
from worker.report.earlier_result import summary_item
from worker.report.evidence import of_sentence
from worker.report.identity import EarlierReport
from worker.report.items import add_children, text


def opening(
    assessment: Assessment, earlier: EarlierReport | None, language: Language
) -> list[ContentItem]:
    """Return the notice and the sentences of the impression with the numbers that they state.

    Behind them stands what changed since the result that ``earlier`` is the report of.
    """
    items: list[ContentItem] = [text(codes.NOTICE, language.say("sentences", "disclaimer"))]
    for sentence in assessment.impression:
        item = text(codes.IMPRESSION, sentence)
        add_children(item, of_sentence(sentence, assessment, language))
        items.append(item)
    return [*items, *summary_item(assessment, earlier, language)]
