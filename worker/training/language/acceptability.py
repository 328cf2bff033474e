"""A rubric for printed reports, and an automatic judge that applies it. No radiologist's vote.

Three grades, after the question that readers were asked about CXR-LLaVA's reports (Lee S et al.,
Eur Radiol 2025, doi:10.1007/s00330-024-11339-6): could it be used as it is, after a minor edit, or
only after a major one? What counts as which is this project's choice and stands in ``MAJOR`` and
``MINOR``. The judge reads the four worded parts of a report; it knows no medicine and no style that
is not listed here.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from plugin.domain.evidence import FactKind
from plugin.domain.findings import Assessment
from worker.findings.checker.check import RULE, read_marked
from worker.findings.checker.reader import Reading, load_lexicon
from worker.findings.checker.subjects import quantity_key
from worker.findings.evidence import make_evidence
from worker.findings.language import load_language
from worker.model.language.vocabulary import Task
from worker.training.language.dictation import WrittenStudy
from worker.training.language.fidelity_table import share_text
from worker.training.language.reading_back import read_back

MAJOR = {
    "wrong_number": "a number that is not the measurement's",
    "contradiction": "a sentence that says what was found otherwise, not found or not looked at",
    "missing_finding": "an abnormal finding that the impression does not tell",
    "missing_not_assessed": "something not assessed that the limits do not name",
    "criterion": "a criterion that is none, or a rule that is quoted as something else",
    "slot": "the mark of a fact in the place of its text",
}
MINOR = {
    "repetition": "a sentence twice in one part, or a value twice in the impression",
    "monotony": "four sentences in a row that begin with the same three words",
    "without_unit": "a value without its unit",
    "order": "a finding behind the sentence about the method in the impression",
    "broken_sentence": "punctuation that nothing follows, or a list with an empty place",
    "too_long": "more than twelve sentences in the impression",
    "agreement": "several things that 'was' not assessed, or one that 'were' not",
    "value_for_value": "a value that a colon says of another value",
}

_BROKEN = re.compile(
    r"[:;,：；，、]\s*[.;,:。；，、：]|[;,]\s*(?:was|were)\b|\s[.;,]|[(（]\s*[)）]"
)
_CRITERION = re.compile(r"(?:criterion (?:is |\()|标准为：|对照标准：)")
_COLON = re.compile(r"[:：]\s*")
_SLOT = re.compile(r"\[E\d{1,2}\]")
_N_MONOTONE, _N_OPENING_WORDS, _LONGEST_IMPRESSION = 4, 3, 12


class Grade(StrEnum):
    """What a reader would have to do before the report could be signed."""

    ACCEPTABLE = "acceptable as it is"
    MINOR = "minor edit"
    MAJOR = "major edit"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A grade with the faults that gave it, keys of ``MAJOR`` and ``MINOR``."""

    grade: Grade
    faults: tuple[str, ...]


def judge_report(written: WrittenStudy, assessment: Assessment) -> Verdict:
    """Grade the printed parts of one report."""
    parts: dict[Task, tuple[str, ...]] = {
        text.task: text.printed for text in written.texts if text.task is not Task.ANSWER
    }
    major = tuple(dict.fromkeys(_major(parts, written.language, assessment)))
    minor = tuple(dict.fromkeys(_minor(parts, written.language)))
    grade = Grade.MAJOR if major else Grade.MINOR if minor else Grade.ACCEPTABLE
    return Verdict(grade, (*major, *minor))


def _major(parts: dict[Task, tuple[str, ...]], code: str, assessment: Assessment) -> Iterator[str]:
    evidence = make_evidence(assessment, load_language(code))
    rules = [one.text for one in evidence.of_kind(FactKind.RULE)]
    for sentences in parts.values():
        read = read_back(sentences, assessment, evidence)
        if read.n_wrong_numbers:
            yield "wrong_number"
        if read.n_hallucinated:
            yield "contradiction"
        if any(_SLOT.search(sentence) for sentence in sentences):
            yield "slot"
        if not all(_quotes_rightly(one) for one in read_marked(sentences, code, rules=rules)):
            yield "criterion"
    told = read_back(parts[Task.IMPRESSION], assessment, evidence).told
    if any(one.key not in told for one in assessment.findings):
        yield "missing_finding"
    limits = load_lexicon(code).read(" ".join(parts[Task.LIMITS]))
    named = {token.key for reading in limits for token in reading.tokens("topics")}
    if any(thing.key not in named for thing in assessment.not_assessed):
        yield "missing_not_assessed"


def _quotes_rightly(reading: Reading) -> bool:
    """Tell whether a criterion is a printed rule, and every printed rule is said to be one."""
    said = [match.end() for match in _CRITERION.finditer(reading.sentence)]
    quoted = [match.start() for match in re.finditer(re.escape(RULE), reading.sentence)]
    return said == quoted


def _minor(parts: dict[Task, tuple[str, ...]], code: str) -> Iterator[str]:
    lexicon = load_lexicon(code)
    for sentences in parts.values():
        if len(set(sentences)) < len(sentences):
            yield "repetition"
        if _is_monotone(sentences, code):
            yield "monotony"
        if any(_BROKEN.search(sentence) for sentence in sentences):
            yield "broken_sentence"
        for reading in (one for sentence in sentences for one in lexicon.read(sentence)):
            if _disagrees(reading):
                yield "agreement"
            if _equates_values(reading):
                yield "value_for_value"
            values = [one for one in reading.amounts if len(one.numbers) == 1 and not one.is_limit]
            ratio = any(t.key == "wall_thickening_ratio" for t in reading.tokens("quantities"))
            if reading.tokens("quantities") and not ratio and any(v.unit is None for v in values):
                yield "without_unit"
    yield from _minor_of_impression(parts[Task.IMPRESSION], code)


def _minor_of_impression(sentences: Sequence[str], code: str) -> Iterator[str]:
    """Order, length, values said twice."""
    lexicon = load_lexicon(code)
    readings = [lexicon.read(sentence) for sentence in sentences]
    judging = [
        index
        for index, read in enumerate(readings)
        if any(one.tokens("concepts") or one.tokens("hedges") for one in read)
    ]
    scope = load_language(code).say("evidence", "scope").lower()
    method = [i for i, sentence in enumerate(sentences) if scope in sentence.lower()]
    if judging and method and max(judging) > min(method):
        yield "order"
    if len(sentences) > _LONGEST_IMPRESSION:
        yield "too_long"
    values = Counter(
        (quantity_key(one, token), amount.numbers)
        for read in readings
        for one in read
        for token, amount in zip(one.tokens("quantities"), one.amounts, strict=False)
        if len(amount.numbers) == 1
    )
    if any(n > 1 for n in values.values()):
        yield "repetition"


def _is_monotone(sentences: Sequence[str], code: str) -> bool:
    """Tell whether several sentences in a row begin alike."""
    openings = [
        sentence[: 2 * _N_OPENING_WORDS]
        if code == "zh"
        else " ".join(sentence.split()[:_N_OPENING_WORDS])
        for sentence in sentences
    ]
    run = longest = 1
    for before, after in pairwise(openings):
        run = run + 1 if before == after else 1
        longest = max(longest, run)
    return longest >= _N_MONOTONE


def _disagrees(reading: Reading) -> bool:
    """Tell whether verb and number differ in what was not assessed; English only."""
    n_things = len(reading.tokens("topics"))
    if not n_things:
        return False
    plural = n_things > 1 or re.search(r"(?<!s)s w(?:as|ere) not assessed", reading.sentence)
    return bool(re.search(rf"\b{'was' if plural else 'were'} not assessed", reading.sentence))


def _equates_values(reading: Reading) -> bool:
    """Tell whether a colon says one value of another."""
    values = [one for one in reading.amounts if not one.is_limit]
    subjects = {one.start for one in (*reading.tokens("quantities"), *reading.tokens("sides"))}
    for first, second in pairwise(values):
        colon = _COLON.search(reading.sentence, first.end, second.start)
        if colon and colon.end() in subjects:
            return True
    return False


def acceptability_tables(verdicts: Sequence[tuple[str, Verdict]]) -> str:
    """Return grades by language and faults, as Markdown.

    Parameters
    ----------
    verdicts
        Language and verdict of each report.
    """
    codes = sorted({code for code, _ in verdicts})
    lines = [
        f"| judged automatically | {' | '.join(codes)} | all |",
        f"|---|{'---|' * len(codes)}---|",
    ]
    for grade in Grade:
        cells = []
        for code in (*codes, None):
            own = [one for of, one in verdicts if code in (None, of)]
            cells.append(share_text(sum(one.grade is grade for one in own), len(own)))
        lines.append(f"| {grade.value} | {' | '.join(cells)} |")
    faults = Counter(fault for _, one in verdicts for fault in one.faults)
    lines += ["", "| fault | grade | reports |", "|---|---|---|"]
    for named, weight in ((MAJOR, "major"), (MINOR, "minor")):
        lines += [f"| {text} | {weight} | {faults[key]} |" for key, text in named.items()]
    return "\n".join(lines)


def sheet(written: Sequence[WrittenStudy]) -> str:
    """Return printed reports for reading, with the faults to look for, as Markdown."""
    faults = "\n".join(f"* {text}" for text in (*MAJOR.values(), *MINOR.values()))
    reports = (_for_reading(one) for one in written)
    return "\n\n".join(("# Printed reports to grade by eye", faults, *reports)) + "\n"


def _for_reading(written: WrittenStudy) -> str:
    parts = (
        f"**{text.task}** ({text.author}): {' '.join(text.printed)}"
        for text in written.texts
        if text.task is not Task.ANSWER
    )
    told = f"History: {written.history or 'none'}"
    return "\n\n".join((f"## {written.index}, {written.language}", told, *parts))
