"""What stands in a text about a study, read from the printed words alone, and what is not so.

Two readers that share nothing with the writer: the checker, and a plain look that takes every
number as it stands and asks whether the study has it at all. Neither knows of slots.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plugin.domain.evidence import Evidence, FactKind
from plugin.domain.findings import Assessment
from worker.findings.checker import DisagreementKind, check_text, stated_measurements
from worker.findings.checker.check import read_marked
from worker.findings.checker.reader import load_lexicon
from worker.findings.checker.statements import stated_findings

WRONG_NUMBERS = frozenset(
    {
        DisagreementKind.UNKNOWN_NUMBER,
        DisagreementKind.WRONG_MEASUREMENT,
        DisagreementKind.WRONG_RANGE,
    }
)
HALLUCINATED = frozenset(
    {
        DisagreementKind.CONTRADICTION,
        DisagreementKind.WRONG_SEVERITY,
        DisagreementKind.WRONG_CERTAINTY,
        DisagreementKind.UNSUPPORTED_WORD,
        DisagreementKind.NOT_ASSESSED,
        DisagreementKind.WRONG_PRIORITY,
    }
)
"""Says of the heart what was not found, was found otherwise, or was not looked at."""

_NUMBER = re.compile(r"(?<![A-Za-z\d.])\d+(?:\.\d+)?(?!\d)")
_STATEMENTS = ("concepts", "relations", "hedges", "topics", "never")


@dataclass(frozen=True, slots=True)
class ReadBack:
    """One text as it was read.

    Attributes
    ----------
    n_numbers, n_wrong_numbers
        Numbers of the text; those that the checker doubts or that the study does not have,
        whichever are more.
    n_statements, n_hallucinated
        Sentences that judge something; those that say what is not so.
    told
        Keys of the study's findings that the text tells, by name or by the value they rest on.
    problems
        Kinds of what the checker doubts, each once.
    """

    n_numbers: int
    n_wrong_numbers: int
    n_statements: int
    n_hallucinated: int
    told: frozenset[str]
    problems: tuple[str, ...]

    @property
    def is_true(self) -> bool:
        """Whether nothing in it is wrong."""
        return not (self.n_wrong_numbers or self.n_hallucinated or self.problems)


def read_back(sentences: Sequence[str], assessment: Assessment, evidence: Evidence) -> ReadBack:
    """Read sentences as they are printed.

    Parameters
    ----------
    evidence
        Of the same study, in the language of the sentences: its causes and printed rules may stand
        in them.
    """
    code = evidence.language
    causes = [one.text for one in evidence.of_kind(FactKind.CONSIDERATION)]
    rules = [one.text for one in evidence.of_kind(FactKind.RULE)]
    found = check_text(sentences, assessment, code, causes=causes, rules=rules)
    readings = read_marked(sentences, code, causes=causes, rules=rules)
    numbers = [number for line in sentences for number in _NUMBER.findall(line)]
    known = frozenset(_known_numbers(assessment, rules))
    strange = sum(not known.intersection(_ways(number)) for number in numbers)
    doubted = sum(one.kind in WRONG_NUMBERS for one in found)
    wrong = {one.sentence for one in found if one.kind in HALLUCINATED}
    statements = {
        one.sentence for one in readings if any(one.tokens(table) for table in _STATEMENTS)
    }
    lexicon = load_lexicon(code)
    said = {key for one in readings for key, _, _ in stated_findings(one, assessment, lexicon)}
    stated = {one.key for line in sentences for one in stated_measurements(line, assessment, code)}
    told = {
        one.key for one in assessment.findings if one.key in said or stated.intersection(one.basis)
    }
    return ReadBack(
        n_numbers=len(numbers),
        n_wrong_numbers=max(strange, doubted),
        n_statements=len(statements | wrong),
        n_hallucinated=len(wrong),
        told=frozenset(told),
        problems=tuple(dict.fromkeys(one.kind.value for one in found)),
    )


def _known_numbers(assessment: Assessment, rules: Sequence[str]) -> Iterator[str]:
    """Yield every number that a text about the study may hold, with up to 3 decimals."""
    for one in assessment.measurements:
        for value in (one.value, *(one.interval or ())):
            yield from (f"{value:.{decimals}f}" for decimals in range(4))
        for normal in one.normal_ranges:
            yield from (f"{end:g}" for end in (normal.low, normal.high) if end is not None)
    if assessment.bsa_m2 is not None:
        yield f"{assessment.bsa_m2:.2f}"
    for text in (*rules, *(note.sentence for note in assessment.quality)):
        yield from _NUMBER.findall(text)


def _ways(number: str) -> frozenset[str]:
    """Ways in which a number is written: ``2.0`` of a note may stand as ``2``."""
    return frozenset({number, f"{float(number):g}"})
