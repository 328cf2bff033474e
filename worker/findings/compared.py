"""What changed since an earlier result, in sentences of any language.

By rules alone: no language model words a comparison. Every number is one of ``Comparison``'s, as
printed; ``worker.findings.checker.comparison`` reads the sentences again.
"""

from collections.abc import Iterable, Iterator

from plugin.domain.comparison import Change, Comparison, EarlierResult, Verdict
from worker.findings.language import Language

_SENTENCES = {
    Verdict.BEYOND: "change_beyond",
    Verdict.WITHIN: "change_within",
    Verdict.UNKNOWN: "change_unknown",
}


def summary_sentences(comparison: Comparison, language: Language) -> tuple[str, ...]:
    """Return what a reader needs first: with what it is compared, what changed, what is in doubt.

    Without a result to compare with, only why there is none.
    """
    return tuple(_summary(comparison, language))


def change_sentence(change: Change, latest: EarlierResult, language: Language) -> str:
    """Say one value beside the earlier one, with the difference and what it is beside."""
    return language.say(
        "earlier",
        _SENTENCES[change.verdict],
        name=language.tables["measurements"][change.key],
        now=_value(change, change.now, language),
        before=_value(change, change.before, language),
        day=latest.day,
        difference=signed_difference(change, language),
        **({} if change.limit is None else {"limit": _points(change, change.limit, language)}),
    )


def comparison_lines(comparison: Comparison, language: Language) -> tuple[str, ...]:
    """Return every sentence that a comparison is told by."""
    latest = comparison.latest
    changes = [] if latest is None else comparison.changes
    told = [change_sentence(one, latest, language) for one in changes] if latest else []
    return (*summary_sentences(comparison, language), *told)


def signed_difference(change: Change, language: Language) -> str:
    """Return ``-12.3 percentage points`` or ``+8.0 ml``."""
    sign = "-" if change.difference < 0 else "+"
    return f"{sign}{_points(change, abs(change.difference), language)}"


def days_before(days: int, language: Language) -> str:
    """Return ``412 days before``; words for the same day and for one day."""
    keys = {0: "same_day", 1: "one_day"}
    return language.say("earlier", keys.get(days, "days"), days=str(days))


def _summary(comparison: Comparison, language: Language) -> Iterator[str]:
    say, latest = language.tables["earlier"], comparison.latest
    if latest is not None:
        version = "same_version" if latest.same_version else "other_version"
        before = days_before(latest.days, language)
        yield language.say("earlier", version, day=latest.day, before=before)
        yield from _changed(comparison, language)
        if latest.is_doubtful:
            yield say["doubtful"]
    if comparison.defined_otherwise:
        names = _names(comparison.defined_otherwise, language)
        yield language.say("earlier", "defined_otherwise", names=names)
    for obstacle in comparison.obstacles:
        yield say[obstacle.value]


def _changed(comparison: Comparison, language: Language) -> Iterator[str]:
    say = language.tables["earlier"]
    beyond = comparison.with_verdict(Verdict.BEYOND)
    if beyond:
        told = (
            language.say(
                "earlier",
                "changed",
                name=language.tables["measurements"][one.key],
                difference=signed_difference(one, language),
            )
            for one in beyond
        )
        changes = language.tables["joins"]["values"].join(told)
        yield language.say("earlier", "beyond", changes=changes)
    within = comparison.with_verdict(Verdict.WITHIN)
    if within:
        yield say["others_within"] if beyond else say["none_beyond"]
    unknown = comparison.with_verdict(Verdict.UNKNOWN)
    if unknown:
        names = _names((one.key for one in unknown), language)
        yield language.say("earlier", "unknown", names=names)


def _names(keys: Iterable[str], language: Language) -> str:
    names = language.tables["measurements"]
    return language.tables["joins"]["names"].join(names[key] for key in keys)


def _value(change: Change, value: float, language: Language) -> str:
    return f"{value:.1f}{language.unit(change.unit)}"


def _points(change: Change, value: float, language: Language) -> str:
    """Return a difference with its unit: of per cents the points, which cannot be misread."""
    points = change.unit == "%"
    unit = language.tables["earlier"]["points"] if points else language.unit(change.unit)
    return f"{value:.1f}{unit}"
