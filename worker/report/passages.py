"""What the language model worded, as content of the report: each text with who worded it."""

from dataclasses import replace

from highdicom.sr import ContentItem, ContentSequence

from plugin.domain.findings import Assessment
from plugin.domain.wording import Author, Part, Passage, Wording
from worker.findings.language import Language
from worker.report import codes
from worker.report.content import text


def with_worded_impression(
    assessment: Assessment, wording: Wording | None, language: Language
) -> Assessment:
    """Return the assessment with the impression as the language model worded it.

    Warnings that the rules put into an impression stay in it, and its last sentence says whose
    words these are. Without such words the assessment is returned as it is.

    Parameters
    ----------
    assessment
        With its sentences in ``language``.
    """
    passage = None if wording is None else wording.passage(Part.IMPRESSION)
    same_language = wording is not None and wording.language == language.code
    if passage is None or passage.author is Author.RULES or not same_language:
        return assessment
    warning = language.tables["quality"]["text_not_confirmed"]
    advice = language.tables["sentences"]["see_quality"]
    words = (
        *(one for one in assessment.impression if one == warning),
        *(statement.text for statement in passage.statements),
        *(one for one in assessment.impression if one == advice),
        language.say("written", "by_language_model"),
    )
    return replace(assessment, impression=words)


def passage_items(wording: Wording | None, language: Language) -> list[ContentItem]:
    """Return explanation, differential and limits as texts; each says below who worded it."""
    if wording is None:
        return []
    return [
        _item(passage, language)
        for passage in wording.passages
        if passage.part is not Part.IMPRESSION and passage.statements
    ]


def _item(passage: Passage, language: Language) -> ContentItem:
    title = language.tables["written"][f"title_{passage.part.value}"]
    space = "" if language.code == "zh" else " "
    words = space.join(statement.text for statement in passage.statements)
    item = text(codes.NARRATIVE, f"{title}{space}{words}")
    author = language.say("written", f"by_{passage.author.value}")
    item.ContentSequence = ContentSequence(
        [text(codes.EQUIVALENT_MEANING, author, "HAS CONCEPT MOD")]
    )
    return item
