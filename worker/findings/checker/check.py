"""A whole text against an assessment: reads each sentence and collects what disagrees.

It reads what a report of this kind may say. A sentence that holds no number, no word of judgement
and no topic that the lexicon knows passes.
"""

from collections.abc import Iterable, Iterator, Sequence

from plugin.domain.findings import Assessment
from worker.findings.checker.disagreement import Disagreement, DisagreementKind
from worker.findings.checker.numbers import amounts_of_notes, number_problems
from worker.findings.checker.patterns import pattern_problems
from worker.findings.checker.reader import Lexicon, Reading, load_lexicon
from worker.findings.checker.statements import (
    CAUSE,
    finding_problems,
    range_problems,
    stated_findings,
    word_problems,
)

RULE = "⟦rule⟧"
"""Stands in a sentence in the place of a printed rule that is quoted."""


def check_text(
    lines: Iterable[str],
    assessment: Assessment,
    language: str,
    *,
    causes: Sequence[str] = (),
    rules: Sequence[str] = (),
    complete: bool = False,
) -> tuple[Disagreement, ...]:
    """Compare a text with an assessment.

    Parameters
    ----------
    lines
        Sentences or paragraphs.
    language
        Code of the lexicon to read with.
    causes
        Names of causes that may be named, but only as something to consider.
    rules
        Printed rules that may be quoted as they are; they state nothing about this heart.
    complete
        Also require that every finding is said and that everything not assessed is named.
    """
    lexicon = load_lexicon(language)
    readings = read_marked(lines, language, causes=causes, rules=rules)
    notes = amounts_of_notes(assessment)
    sources = _sources(assessment)
    found = []
    for reading in readings:
        problems = (
            *word_problems(reading, assessment),
            *finding_problems(reading, assessment, lexicon),
            *range_problems(reading, assessment, lexicon),
            *(
                pattern_problems(reading, assessment)
                if reading.tokens("patterns")
                else number_problems(reading, assessment, notes)
            ),
            *(
                (DisagreementKind.UNKNOWN_SOURCE, citation)
                for citation in reading.citations
                if citation not in sources
            ),
        )
        found += [Disagreement(kind, reading.sentence, detail) for kind, detail in problems]
    if complete:
        found += _omitted(readings, assessment, lexicon)
    return tuple(found)


def read_marked(
    lines: Iterable[str], language: str, *, causes: Sequence[str] = (), rules: Sequence[str] = ()
) -> list[Reading]:
    """Read lines as ``check_text`` does: marks stand in the places of rules and causes."""
    lexicon = load_lexicon(language)
    return [
        reading
        for line in lines
        for reading in lexicon.read(_marked(_marked(line, rules, RULE), causes, CAUSE))
    ]


def _marked(line: str, phrases: Sequence[str], mark: str) -> str:
    for phrase in sorted(phrases, key=len, reverse=True):
        for written in (phrase, phrase[:1].upper() + phrase[1:]):
            line = line.replace(written, mark)
    return line


def _sources(assessment: Assessment) -> str:
    """Every citation that the assessment itself makes."""
    ranges = (normal.source for one in assessment.measurements for normal in one.normal_ranges)
    rules = (finding.source for finding in assessment.findings)
    return "\n".join((assessment.priority.sentence, *rules, *ranges))


def _omitted(
    readings: Sequence[Reading], assessment: Assessment, lexicon: Lexicon
) -> Iterator[Disagreement]:
    said = {key for one in readings for key, _, _ in stated_findings(one, assessment, lexicon)}
    named = {token.key for one in readings for token in one.tokens("topics")}
    missing = [one.key for one in assessment.findings if one.key not in said]
    missing += [one.key for one in assessment.not_assessed if one.key not in named]
    for key in missing:
        yield Disagreement(DisagreementKind.OMITTED, "", key)
