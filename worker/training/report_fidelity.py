"""Whether a report says what was measured: every text is read again by the checker.

A check that cannot fail proves nothing, so it is also tried on sentences with one number changed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from plugin.domain.findings import Assessment
from worker.findings.checker import check_text
from worker.findings.checker.reader import Lexicon, load_lexicon
from worker.findings.language import load_language
from worker.findings.report_text import report_text

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What was found in one report in one language.

    Attributes
    ----------
    n_numbers
        Numbers of the text, printed limits of rules left out.
    disagreements
        Kinds of what disagrees with the assessment, one entry each.
    n_planted, n_planted_found
        Sentences of which one number was changed, and in how many of them the checker objected.
    """

    language: str
    n_sentences: int
    n_numbers: int
    disagreements: tuple[str, ...]
    n_planted: int
    n_planted_found: int


def read_back(assessment: Assessment, language: str) -> Fidelity:
    """Write the report of an assessment and read it again."""
    words = load_language(language)
    bands = tuple(words.tables["strata"].values())
    lines = report_text(assessment, words).lines()
    lexicon = load_lexicon(language)
    found = check_text(lines, assessment, language, rules=bands, complete=True)
    planted = list(dict.fromkeys(one for line in lines for one in changed_numbers(line, lexicon)))
    caught = [one for one in planted if check_text([one], assessment, language, rules=bands)]
    readings = [reading for line in lines for reading in lexicon.read(line)]
    n_numbers = sum(len(a.numbers) for r in readings for a in r.amounts if not a.is_limit)
    return Fidelity(
        language,
        len(readings),
        n_numbers,
        tuple(one.kind.value for one in found),
        len(planted),
        len(caught),
    )


def changed_numbers(line: str, lexicon: Lexicon) -> Iterator[str]:
    """Yield the line with the last digit of a value changed, once for each sentence with one."""
    for reading in lexicon.read(line):
        amount = next((a for a in reading.amounts if not a.is_limit), None)
        if amount is not None:
            number = amount.numbers[0]
            changed = number[:-1] + str((int(number[-1]) + 1) % 10)
            yield re.sub(rf"(?<![\d.,]){re.escape(number)}(?!\d)", changed, line, count=1)
