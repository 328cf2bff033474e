"""Explanation, differential and limits as content of the report: each with who worded it.

Where no language model did, they are worded by rules from the same evidence.
"""

from dataclasses import replace

from highdicom.sr import ContentItem

from plugin.domain.findings import Assessment
from plugin.domain.wording import REPORT_PARTS, Author, Part, Passage, Wording
from worker.findings.by_rules import by_rules
from worker.findings.evidence import make_evidence
from worker.findings.language import Language
from worker.report import codes
from worker.report.evidence import of_keys
from worker.report.items import MODIFIER, add_children, text

_CONCEPTS = {Part.DIFFERENTIAL: codes.DIFFERENTIAL}


def with_worded_impression(
    assessment: Assessment, wording: Wording | None, language: Language
) -> Assessment:
    """Return the assessment with the impression as the language model worded it.

    Warnings that the rules put into an impression stay in it, and its last sentence says whose
    words these are. Sentences that only repeat a note on quality are left out, since every object
    prints the notes themselves. Without such words the assessment is returned as it is.

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
        *(statement.text for statement in passage.beside_notes(_notes(assessment))),
        *(one for one in assessment.impression if one == advice),
        language.say("written", "by_language_model"),
    )
    return replace(assessment, impression=words)


def worded_by_rules(assessment: Assessment, language: Language) -> Wording:
    """Return explanation, differential and limits by rules, for want of a language model.

    Parameters
    ----------
    assessment
        With its English sentences.
    """
    evidence = make_evidence(assessment, language)
    parts = (part for part in REPORT_PARTS if part is not Part.IMPRESSION)
    passages = (Passage(one, Author.RULES, by_rules(one, evidence, language)) for one in parts)
    return Wording(language.code, tuple(passages))


def passage_items(
    wording: Wording, assessment: Assessment, language: Language
) -> list[ContentItem]:
    """Return explanation, differential and limits as texts.

    Below each stand who worded it and the values that its sentences name. Notes on quality are
    items of their own and not said again.
    """
    notes = _notes(assessment)
    told = (
        replace(passage, statements=passage.beside_notes(notes))
        for passage in wording.passages
        if passage.part is not Part.IMPRESSION
    )
    return [_item(passage, assessment, language) for passage in told if passage.statements]


def _notes(assessment: Assessment) -> frozenset[str]:
    return frozenset(note.key for note in assessment.quality)


def _item(passage: Passage, assessment: Assessment, language: Language) -> ContentItem:
    title = language.tables["written"][f"title_{passage.part.value}"]
    space = language.tables["joins"]["sentences"]
    words = space.join(statement.text for statement in passage.statements)
    item = text(_CONCEPTS.get(passage.part, codes.NARRATIVE), f"{title}{space}{words}")
    author = language.say("written", f"by_{passage.author.value}")
    keys = [key for statement in passage.statements for key in statement.evidence]
    add_children(
        item, [text(codes.EQUIVALENT_MEANING, author, MODIFIER), *of_keys(keys, assessment)]
    )
    return item
