"""From a policy and what is known of a study to a decision with its reasons.

The decision only promotes. What is uncertain is put to review and keeps its place; what was not
analysed keeps its place and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from plugin.domain.findings import (
    Assessment,
    Priority,
    PriorityReason,
    PrioritySuggestion,
    ReasonKind,
)
from plugin.domain.rounding import rounded_beside
from plugin.domain.triage.inputs import ClinicalFlag, OrderFacts, TriageInputs, inputs_of
from plugin.domain.triage.policy import Direction, Level, Policy, Rule, Truth
from plugin.domain.triage.vocabulary import FINDINGS, MEASUREMENTS, STRATA

_LEVELS = (Priority.ROUTINE, Priority.URGENT, Priority.STAT)
_FLAGS = {
    ClinicalFlag.CHEST_PAIN: "chest pain",
    ClinicalFlag.SYNCOPE_OR_ARREST: "syncope or cardiac arrest",
    ClinicalFlag.ACUTE_HEART_FAILURE: "acute heart failure",
    ClinicalFlag.MYOCARDITIS: "myocarditis",
    ClinicalFlag.INTRACARDIAC_MASS: "a mass or thrombus in the heart",
}


class Outcome(StrEnum):
    """What a decision comes to; ``NEAR`` and ``REVIEW`` both ask a physician to look."""

    PROMOTED = "promoted"
    NEAR = "near_threshold"
    REVIEW = "review"
    KEPT = "none"
    NOT_ANALYSED = "not_analysed"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, with everything needed to explain and to repeat it.

    Attributes
    ----------
    level
        ``ROUTINE`` means: not promoted. It is never written anywhere as a lower priority.
    rules
        Names of the rules that decided: those met, or, for review, those nearly met.
    not_judged
        Names of rules that something not measured kept from being judged.
    policy
        Label of the policy.
    """

    level: Priority
    outcome: Outcome
    rules: tuple[str, ...]
    reasons: tuple[PriorityReason, ...]
    sentence: str
    not_judged: tuple[str, ...]
    policy: str
    inputs: TriageInputs

    @property
    def wants_review(self) -> bool:
        """Whether the study belongs on the list that a physician should look through."""
        return self.outcome in (Outcome.NEAR, Outcome.REVIEW)

    def suggestion(self) -> PrioritySuggestion:
        """Return what reports carry of it."""
        is_promoted = self.outcome is Outcome.PROMOTED
        return PrioritySuggestion(
            self.level,
            "+".join(self.rules) if is_promoted else self.outcome.value,
            self.sentence,
            tuple(dict.fromkeys(r.key for r in self.reasons if r.kind is ReasonKind.MEASUREMENT)),
            self.reasons,
            self.policy,
        )


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a study besides its result: the policy in force, the order, the wait."""

    policy: Policy
    order: OrderFacts = field(default_factory=OrderFacts)
    waiting_minutes: float | None = None

    def decide(
        self, result: Assessment, text_flags: frozenset[ClinicalFlag] = frozenset()
    ) -> Decision:
        """Apply the policy to a result."""
        inputs = inputs_of(
            result.measurements,
            result.findings,
            result.strata,
            text_flags=text_flags,
            order=self.order,
            waiting_minutes=self.waiting_minutes,
            comparison=result.comparison,
        )
        return decide(self.policy, inputs)


def decide(policy: Policy, inputs: TriageInputs) -> Decision:
    """Apply a policy to what is known of one study."""
    truths = [(rule, rule.truth(inputs, policy.places)) for rule in policy.rules]
    met = [rule for rule, truth in truths if truth is Truth.MET]
    not_judged = tuple(rule.name for rule, truth in truths if truth is Truth.UNKNOWN)
    promoting = [rule for rule in met if rule.level is not Level.REVIEW]
    if promoting:
        level = max((Priority(rule.level.value) for rule in promoting), key=_LEVELS.index)
        deciding, outcome = promoting, Outcome.PROMOTED
        words = f"{level.value} suggested: {_words(deciding, inputs)}."
    else:
        level = Priority.ROUTINE
        near = [rule for rule, truth in truths if truth is Truth.NEAR]
        deciding = met or near
        outcome, words = _not_promoted(met, near, inputs)
    return Decision(
        level,
        outcome,
        tuple(rule.name for rule in deciding),
        _reasons(deciding),
        words,
        not_judged,
        policy.label,
        inputs,
    )


def condition_words(reason: PriorityReason) -> str:
    """Say what a condition asks for: ``LV ejection fraction at or below 35 %``."""
    if reason.kind is not ReasonKind.MEASUREMENT:
        return _plain(reason)
    known = MEASUREMENTS[reason.key]
    return f"{known.name} {reason.side} {reason.threshold:g}{known.unit_after_number}"


def _not_promoted(
    met: Sequence[Rule], near: Sequence[Rule], inputs: TriageInputs
) -> tuple[Outcome, str]:
    if met:
        words = f"No promotion, but a physician should review it: {_words(met, inputs)}."
        return Outcome.REVIEW, words
    if near:
        near_words = ", ".join(
            dict.fromkeys(_near(reason, inputs) for rule in near for reason in rule.reasons())
        )
        return Outcome.NEAR, (
            f"No promotion, but near a threshold of priority: {near_words}. A physician should "
            "review it."
        )
    if not inputs.is_analysed:
        return Outcome.NOT_ANALYSED, "Not analysed; it keeps the place that it arrived with."
    return Outcome.KEPT, (
        "No measured value gives a reason to promote this study; what was not assessed may."
    )


def _reasons(rules: Sequence[Rule]) -> tuple[PriorityReason, ...]:
    return tuple(dict.fromkeys(reason for rule in rules for reason in rule.reasons()))


def _words(rules: Sequence[Rule], inputs: TriageInputs) -> str:
    return "; ".join(dict.fromkeys(_said(reason, inputs) for reason in _reasons(rules)))


def _said(reason: PriorityReason, inputs: TriageInputs) -> str:
    """Word a reason with the value that it rests on and the source of its rule."""
    if reason.kind is ReasonKind.MEASUREMENT:
        value = _value(reason, inputs)
        unit = MEASUREMENTS[reason.key].unit_after_number
        return f"{value} ({reason.side} {reason.threshold:g}{unit}; {reason.source})"
    return f"{_plain(reason)} ({reason.source})"


def _near(reason: PriorityReason, inputs: TriageInputs) -> str:
    if reason.kind is ReasonKind.MEASUREMENT:
        unit = MEASUREMENTS[reason.key].unit_after_number
        return f"{_value(reason, inputs)} (threshold {reason.threshold:g}{unit})"
    return _plain(reason)


def _value(reason: PriorityReason, inputs: TriageInputs) -> str:
    measured, known = inputs.measurements[reason.key], MEASUREMENTS[reason.key]
    limits = () if reason.threshold is None else (reason.threshold,)
    number = rounded_beside(measured.value, known.decimals, limits)
    return f"{known.name} {number}{known.unit_after_number}"


def _plain(reason: PriorityReason) -> str:
    match reason.kind:
        case ReasonKind.FINDING:
            return FINDINGS[reason.key].words
        case ReasonKind.STRATUM:
            return STRATA[reason.key].words
        case ReasonKind.TEXT:
            return f"the order speaks of {_FLAGS[ClinicalFlag(reason.key)]}"
        case ReasonKind.PATIENT_CLASS:
            return f"{reason.key} patient"
        case ReasonKind.CHANGE:
            return _change(reason)
        case ReasonKind.ORDER:
            return f"ordered as {reason.key} or higher"
        case _:
            return f"waiting for {reason.threshold:g} minutes or more"


def _change(reason: PriorityReason) -> str:
    """``LV ejection fraction fell by 10 percentage points or more ...``."""
    known = MEASUREMENTS[reason.key]
    unit = " percentage points" if known.unit == "%" else known.unit_after_number
    moved = "fell" if reason.side == Direction.FELL else "rose"
    since = (
        "the earlier result"
        if reason.within_days is None
        else f"a result of at most {reason.within_days} days before"
    )
    return (
        f"{known.name} {moved} by {reason.threshold:g}{unit} or more since {since}, beyond the "
        "measurement uncertainty"
    )
