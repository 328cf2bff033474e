"""What a text says changed since an earlier result, against the values of both.

Every number must be the value, the earlier value, the difference or the uncertainty of the
measurement named before it; a date or a number of days that of the result compared with. What is
said to exceed the uncertainty must do so, and everything that does must be said.
"""

import re
from collections.abc import Iterable, Iterator

from plugin.domain.comparison import Change, Comparison, Verdict
from worker.findings.checker.disagreement import Disagreement, DisagreementKind
from worker.findings.checker.reader import Lexicon, Reading, load_lexicon
from worker.findings.checker.subjects import quantity_key

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER = re.compile(r"(?<![\d.])[-+]?\d+(?:\.\d+)?")


def check_comparison(
    lines: Iterable[str], comparison: Comparison, language: str
) -> tuple[Disagreement, ...]:
    """Compare sentences about an earlier result with the comparison.

    Parameters
    ----------
    language
        Code of the lexicon to read with.
    """
    lexicon = load_lexicon(language)
    changes = {one.key: one for one in comparison.changes}
    found: list[Disagreement] = []
    said: set[str] = set()
    for line in lines:
        for reading in lexicon.read(line):
            verdict = _verdict(reading, lexicon)
            named = [key for _, key in _quantities(reading)]
            if verdict == Verdict.BEYOND:
                said.update(named)
            problems = (
                *_number_problems(reading, comparison, changes),
                *_verdict_problems(verdict, named, changes),
            )
            found += [Disagreement(kind, reading.sentence, detail) for kind, detail in problems]
    missing = [one.key for one in comparison.with_verdict(Verdict.BEYOND) if one.key not in said]
    found += [Disagreement(DisagreementKind.OMITTED, "", key) for key in missing]
    return tuple(found)


def _quantities(reading: Reading) -> list[tuple[int, str]]:
    """Return where measurements are named, and their keys."""
    return [
        (token.end, key)
        for token in reading.tokens("quantities")
        if (key := quantity_key(reading, token)) is not None
    ]


def _verdict(reading: Reading, lexicon: Lexicon) -> str | None:
    """Return how the sentence says that a difference stands to its uncertainty."""
    verdicts = {
        "beyond": Verdict.BEYOND.value,
        "within": Verdict.WITHIN.value,
        "unknown": Verdict.UNKNOWN.value,
    }
    for key, pattern in lexicon.comparison:  # the denial first: it holds the words of the claim
        if pattern.search(reading.sentence):
            return verdicts.get(key, key)
    return None


def _number_problems(
    reading: Reading, comparison: Comparison, changes: dict[str, Change]
) -> Iterator[tuple[DisagreementKind, str]]:
    latest = comparison.latest
    for day in _DAY.findall(reading.sentence):
        if latest is None or day != latest.day:
            yield DisagreementKind.UNKNOWN_NUMBER, day
    named = _quantities(reading)
    blank = _DAY.sub(lambda match: " " * len(match[0]), reading.sentence)
    for match in _NUMBER.finditer(blank):
        before = [key for end, key in named if end <= match.start()]
        if not before:
            right = latest is not None and match[0] == str(latest.days)
        else:
            change = changes.get(before[-1])
            right = change is not None and match[0] in _written(change)
        if not right:
            yield DisagreementKind.UNKNOWN_NUMBER, match[0]


def _written(change: Change) -> set[str]:
    numbers = {f"{change.now:.1f}", f"{change.before:.1f}", f"{change.difference:+.1f}"}
    return numbers if change.limit is None else numbers | {f"{change.limit:.1f}"}


def _verdict_problems(
    verdict: str | None, named: Iterable[str], changes: dict[str, Change]
) -> Iterator[tuple[DisagreementKind, str]]:
    if verdict == "none_beyond":
        for key, one in changes.items():
            if one.verdict is Verdict.BEYOND:
                yield DisagreementKind.CONTRADICTION, key
        return
    for key in named if verdict is not None else ():
        if key not in changes or changes[key].verdict != verdict:
            yield DisagreementKind.CONTRADICTION, key
