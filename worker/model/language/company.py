"""Which facts may stand in one sentence.

A sentence joins what it names: a finding beside a value says that it rests on it, a cause beside a
finding that this brings it to mind. So only facts that the evidence itself connects may be named
together; all others have a sentence each.
"""

from plugin.domain.evidence import Evidence, Fact, FactKind

_LISTS = frozenset({FactKind.MEASUREMENT, FactKind.NOT_ASSESSED})
"""Kinds of which several may be listed in a sentence."""


def belong_together(evidence: Evidence, one: Fact, other: Fact) -> bool:
    """Tell whether two facts may be named in one sentence, in whatever order."""
    if one.id == other.id:
        return False
    if one.kind is other.kind:
        same_reason = one.kind is FactKind.CONSIDERATION and one.basis == other.basis
        return same_reason or one.kind in _LISTS
    return other.id in _rests_on(evidence, one) or one.id in _rests_on(evidence, other)


def _rests_on(evidence: Evidence, fact: Fact) -> frozenset[str]:
    """Facts that one rests on; a rule also on the values of its finding."""
    if fact.kind is FactKind.PRIORITY:
        return frozenset()  # the reasons have sentences of their own
    if fact.kind is FactKind.QUALITY and fact.key == "under_18":
        return frozenset(one.id for one in evidence.of_kind(FactKind.MEASUREMENT))
    if fact.kind is FactKind.RULE:
        findings = (evidence.fact(one) for one in fact.basis)
        values = (value for one in findings if one is not None for value in one.basis)
        return frozenset({*fact.basis, *values})
    return frozenset(fact.basis)
