"""Every word of judgement in a sentence against the findings, ranges and priority.

Knows which finding a statement is about, its grade, how sure it is said and whether it is denied;
that a ventricle or a value lies below, within or above its range; what must not be said at all.
"""

from collections.abc import Iterator

from plugin.domain.findings import Assessment, Certainty, Finding, Measurement, Priority
from worker.findings.checker.disagreement import DisagreementKind, Problem
from worker.findings.checker.reader import Lexicon, Reading, Token
from worker.findings.checker.subjects import (
    PREFIX,
    keys_of,
    population_behind,
    quantity_key,
    side_of,
)

CAUSE = "⟦cause⟧"
"""Stands in a sentence in the place of a cause that may be considered."""

_VENTRICLE_FINDINGS = {
    ("reduced", "left"): "lv_systolic_dysfunction",
    ("reduced", "right"): "rv_systolic_dysfunction",
    ("dilated", "left"): "lv_dilation",
    ("dilated", "right"): "rv_dilation",
}
_PRIORITIES = {
    "urgent": Priority.URGENT,
    "stat": Priority.STAT,
    "not_promoted": Priority.ROUTINE,
}
_WALLS = {"wall": None, "massive_wall": "massive"}
_GRADES = {"severely": "severely reduced", "mildly": "mildly reduced"}
_MASS = ("lv_mass", "lv_mass_index")
_NEGATION_REACH = 24


def word_problems(reading: Reading, assessment: Assessment) -> Iterator[Problem]:
    """Yield words that nothing supports, and topics that nobody looked at."""
    for token in reading.tokens("never"):
        yield DisagreementKind.UNSUPPORTED_WORD, token.text
    topics = reading.tokens("topics")
    if topics and (not reading.tokens("unassessed") or reading.tokens("presence")):
        yield DisagreementKind.NOT_ASSESSED, topics[0].text
    if CAUSE in reading.sentence and not reading.tokens("cautions"):
        yield DisagreementKind.WRONG_CERTAINTY, "a cause is stated, not considered"
    young = any(note.key == "under_18" for note in assessment.quality)
    if reading.tokens("ages") and not young:
        yield DisagreementKind.CONTRADICTION, "not known to be under 18"
    for token in reading.tokens("concepts"):
        said = _PRIORITIES.get(token.key)
        if said is not None and said is not assessment.priority.level:
            yield DisagreementKind.WRONG_PRIORITY, token.text


def finding_problems(
    reading: Reading, assessment: Assessment, lexicon: Lexicon
) -> Iterator[Problem]:
    """Yield statements that no finding makes, or makes otherwise."""
    for key, grade, token in stated_findings(reading, assessment, lexicon):
        finding = next((one for one in assessment.findings if one.key == key), None)
        denied = any(
            0 <= token.start - one.end <= _NEGATION_REACH for one in reading.tokens("negations")
        )
        if denied != (finding is None):
            yield DisagreementKind.CONTRADICTION, f"{key or 'which side'}: {token.text}"
        elif finding is not None:
            yield from _grade_and_certainty(reading, finding, grade)
            said = {key for amount in reading.amounts for key in keys_of(reading, amount)}
            if said and said.isdisjoint(finding.basis):
                yield DisagreementKind.WRONG_MEASUREMENT, f"{key} beside another value"
    yield from _hedge_problems(reading, assessment, lexicon)


def stated_findings(
    reading: Reading, assessment: Assessment, lexicon: Lexicon
) -> Iterator[tuple[str | None, str | None, Token]]:
    """Yield finding key, grade and word of each statement; no key where no side is said."""
    for token in reading.tokens("concepts"):
        if token.key in _WALLS:
            yield "lv_wall_thickening", _WALLS[token.key], token
        elif token.key not in _PRIORITIES:
            side = side_of(reading, token, lexicon)
            key = _VENTRICLE_FINDINGS.get((token.key, side or ""))
            yield key, _grade(reading, token, key), token
    ranges = [amount for amount in reading.amounts if population_behind(reading, amount)]
    for relation in reading.tokens("relations"):
        given = any(printed.start > relation.end for printed in ranges)
        last = _subjects(reading, relation)[-1:]
        if relation.key == "above" and not given and set(last) & set(_MASS):
            yield "lv_hypertrophy", None, relation


def _grade(reading: Reading, token: Token, key: str | None) -> str | None:
    """Grade that stands right before a word, in the terms of the findings."""
    before = [one for one in reading.tokens("grades") if 0 <= token.start - one.end <= 1]
    if before:
        return _GRADES[before[-1].key]
    return "reduced" if key == "lv_systolic_dysfunction" else None


def _grade_and_certainty(
    reading: Reading, finding: Finding, grade: str | None
) -> Iterator[Problem]:
    known = finding.grade
    if known is None and finding.key == "lv_systolic_dysfunction":
        known = "reduced"
    if grade != known:
        yield DisagreementKind.WRONG_SEVERITY, f"{finding.key}: {grade}, not {known}"
    hedged = bool(reading.tokens("hedges"))
    if hedged is not (finding.certainty is Certainty.UNDETERMINED):
        yield DisagreementKind.WRONG_CERTAINTY, finding.key


def _hedge_problems(
    reading: Reading, assessment: Assessment, lexicon: Lexicon
) -> Iterator[Problem]:
    """Yield a value called borderline on which no undetermined finding rests."""
    if not reading.tokens("hedges") or any(stated_findings(reading, assessment, lexicon)):
        return
    said = {key for amount in reading.amounts for key in keys_of(reading, amount)}
    unsure = [one for one in assessment.findings if one.certainty is Certainty.UNDETERMINED]
    if said and not said.intersection(key for one in unsure for key in one.basis):
        yield DisagreementKind.WRONG_CERTAINTY, "called borderline"


def range_problems(reading: Reading, assessment: Assessment, lexicon: Lexicon) -> Iterator[Problem]:
    """Yield statements of a side of the reference range that are not so."""
    claimed = {token.start for _, _, token in stated_findings(reading, assessment, lexicon)}
    for relation in reading.tokens("relations"):
        if relation.start in claimed:
            continue
        subjects = _subjects(reading, relation)
        wrong = [one for one in subjects if relation.key not in _sides(assessment, one)]
        if not subjects:
            side = side_of(reading, relation, lexicon)
            wrong = [] if relation.key == "within" and _within(assessment, side) else [str(side)]
        for one in wrong:
            yield DisagreementKind.CONTRADICTION, f"{one}: {relation.text}"


def _subjects(reading: Reading, relation: Token) -> list[str]:
    """Keys of the quantities that a relation is said of; none where it is about a ventricle.

    All since the relation before it: "A 34 % and B 60 % lie within" says it of both.
    """
    earlier = [one.end for one in reading.tokens("relations") if one.end <= relation.start]
    since = max(earlier, default=0)
    before = [one for one in reading.tokens("quantities") if since <= one.start < relation.start]
    return [key for one in before if (key := quantity_key(reading, one)) is not None]


def _sides(assessment: Assessment, key: str) -> set[str]:
    """Sides of a value in the ranges of its populations."""
    one = assessment.measurement(key)
    return set() if one is None else {normal.side(one.value) for normal in one.normal_ranges}


def _within(assessment: Assessment, side: str | None) -> bool:
    """Whether all graded values of a ventricle lie within and no finding is about it."""
    if side is None:
        return False
    prefix = PREFIX[side]
    if any(key.startswith(prefix) for one in assessment.findings for key in one.basis):
        return False
    own = [one for one in assessment.measurements if one.key.startswith(prefix)]
    return all(
        normal.side(one.value) == "within"
        for one in own
        if not _has_graded_index(assessment, one)
        for normal in one.normal_ranges
    )


def _has_graded_index(assessment: Assessment, one: Measurement) -> bool:
    index = assessment.measurement(f"{one.key}_index")
    return index is not None and bool(index.normal_ranges)
