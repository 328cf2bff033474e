"""Texts about a study by rule: what is printed where no language model words them.

Made of slots like those of the language model, so each sentence names its evidence. The same
evidence gives the same text. The impression by rule is ``report_text``'s.
"""

from collections.abc import Iterator
from itertools import groupby

from plugin.domain.evidence import Evidence, Fact, FactKind, cited, fill_slots
from plugin.domain.wording import Part, Statement
from worker.findings.language import Language


def by_rules(part: Part, evidence: Evidence, language: Language) -> tuple[Statement, ...]:
    """Return the sentences of explanation, differential or limits.

    Raises
    ------
    KeyError
        For a part that has no such text.
    """
    make = {
        Part.EXPLANATION: _explanation,
        Part.DIFFERENTIAL: _differential,
        Part.LIMITS: _limits,
    }[part]
    return tuple(state(text, evidence) for text in make(evidence, language))


def state(text: str, evidence: Evidence) -> Statement:
    """Fill the slots of a sentence and note what it names."""
    facts = (evidence.fact(one) for one in cited(text))
    keys = tuple(fact.key for fact in facts if fact is not None)
    return Statement(fill_slots(text, evidence), keys)


def _explanation(evidence: Evidence, language: Language) -> Iterator[str]:
    """Yield each finding with its value and its printed criterion."""
    findings = evidence.of_kind(FactKind.FINDING)
    for finding in findings:
        rule = evidence.find(FactKind.RULE, finding.key)
        value = evidence.fact(finding.basis[0])
        if rule is not None and value is not None:
            places = {"finding": finding.slot, "value": value.slot, "rule": rule.slot}
            yield language.say("written", "explanation", **places)
    if not findings:
        yield language.say("written", "no_finding", scope=_scope(evidence).slot)


def _differential(evidence: Evidence, language: Language) -> Iterator[str]:
    """Yield causes to consider, those of one pattern together."""
    causes = evidence.of_kind(FactKind.CONSIDERATION)
    for basis, group in groupby(causes, key=lambda cause: cause.basis):
        names = language.tables["joins"]["names"].join(cause.slot for cause in group)
        yield language.say("written", "differential", causes=names, finding=f"[{basis[0]}]")
    if not causes:
        yield language.say("written", "no_cause", scope=_scope(evidence).slot)


def _limits(evidence: Evidence, language: Language) -> Iterator[str]:
    """Yield what was not assessed, notes on quality, and what was measured."""
    things = evidence.of_kind(FactKind.NOT_ASSESSED)
    if things:
        names = language.tables["joins"]["names"].join(thing.slot for thing in things)
        yield language.say("written", "not_assessed", names=names)
    for fact in (*evidence.of_kind(FactKind.QUALITY), _scope(evidence)):
        yield language.say("written", "fact", fact=fact.slot)


def _scope(evidence: Evidence) -> Fact:
    (fact,) = evidence.of_kind(FactKind.SCOPE)
    return fact
