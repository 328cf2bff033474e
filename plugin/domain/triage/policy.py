"""A triage policy: rules of conditions, each of which is met, nearly met, unknown or not met.

Pure. Who reads a policy from its file is ``parse``; what follows from the rules is ``decide``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Protocol, Self

from plugin.domain.findings import Certainty, PriorityReason, ReasonKind
from plugin.domain.triage.inputs import (
    ClinicalFlag,
    IncomingPriority,
    OrderFacts,
    PatientClass,
    TriageInputs,
)
from plugin.domain.triage.vocabulary import FINDINGS, STRATA


class Level(StrEnum):
    """What a rule asks for. There is nothing below the place that a study has anyway."""

    STAT = "STAT"
    URGENT = "URGENT"
    REVIEW = "REVIEW"


class Truth(IntEnum):
    """How a condition stands; of several that must all hold the least one counts."""

    NOT_MET = 0
    UNKNOWN = 1
    NEAR = 2
    MET = 3


class Side(StrEnum):
    """On which side of its threshold a value must lie."""

    BELOW = "below"
    AT_OR_BELOW = "at or below"
    ABOVE = "above"
    AT_OR_ABOVE = "at or above"

    def holds(self, value: float, threshold: float) -> bool:
        """Tell whether ``value`` lies there."""
        if self is Side.BELOW:
            return value < threshold
        if self is Side.AT_OR_BELOW:
            return value <= threshold
        return value > threshold if self is Side.ABOVE else value >= threshold


class Condition(Protocol):
    """One thing that must hold."""

    def truth(self, inputs: TriageInputs, places: Mapping[PatientClass, tuple[str, ...]]) -> Truth:
        """Tell how it stands; ``places`` are the policy's words for a class of patients."""
        ...

    def reason(self, source: str) -> PriorityReason:
        """Describe it for people and reports."""
        ...


Places = Mapping[PatientClass, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class MeasurementCondition:
    """A value on one side of a threshold; when ``surely``, with its whole uncertainty interval."""

    key: str
    side: Side
    threshold: float
    surely: bool = False

    def truth(self, inputs: TriageInputs, _places: Places) -> Truth:
        """Tell how it stands: near when only a part of the uncertainty interval fulfils it."""
        measured = inputs.measurements.get(self.key)
        if measured is None:
            return Truth.UNKNOWN
        holds = self.side.holds(measured.value, self.threshold)
        ends = [self.side.holds(end, self.threshold) for end in measured.interval or ()]
        if holds and (not self.surely or (ends and all(ends))):
            return Truth.MET
        return Truth.NEAR if holds or any(ends) else Truth.NOT_MET

    def reason(self, source: str) -> PriorityReason:
        """Describe it."""
        return PriorityReason(
            ReasonKind.MEASUREMENT, self.key, source, self.side.value, self.threshold
        )


@dataclass(frozen=True, slots=True)
class StatedCondition:
    """A finding or a stratum that is stated; ``undetermined`` ones count only when asked for."""

    kind: ReasonKind
    key: str
    counts_undetermined: bool = False

    def truth(self, inputs: TriageInputs, _places: Places) -> Truth:
        """Tell how it stands: near when stated as undetermined, unknown when nothing measured."""
        is_finding = self.kind is ReasonKind.FINDING
        certainty = (inputs.findings if is_finding else inputs.strata).get(self.key)
        if certainty is None:
            rests_on = (FINDINGS if is_finding else STRATA)[self.key].rests_on
            known = any(key in inputs.measurements for key in rests_on)
            return Truth.NOT_MET if known else Truth.UNKNOWN
        if certainty is Certainty.PRESENT or self.counts_undetermined:
            return Truth.MET
        return Truth.NEAR

    def reason(self, source: str) -> PriorityReason:
        """Describe it."""
        return PriorityReason(self.kind, self.key, source)


@dataclass(frozen=True, slots=True)
class TextCondition:
    """The words of the order raise a flag."""

    flag: ClinicalFlag

    def truth(self, inputs: TriageInputs, _places: Places) -> Truth:
        """Tell how it stands."""
        raised = inputs.text_flags | inputs.order.text_flags
        return Truth.MET if self.flag in raised else Truth.NOT_MET

    def reason(self, source: str) -> PriorityReason:
        """Describe it."""
        return PriorityReason(ReasonKind.TEXT, self.flag.value, source)


@dataclass(frozen=True, slots=True)
class ClassCondition:
    """The patient is of a class."""

    patient_class: PatientClass

    def truth(self, inputs: TriageInputs, places: Places) -> Truth:
        """Tell how it stands."""
        found = patient_class_of(inputs.order, places)
        if found is None:
            return Truth.UNKNOWN
        return Truth.MET if found is self.patient_class else Truth.NOT_MET

    def reason(self, source: str) -> PriorityReason:
        """Describe it."""
        return PriorityReason(ReasonKind.PATIENT_CLASS, self.patient_class.value, source)


@dataclass(frozen=True, slots=True)
class OrderCondition:
    """The order came with this priority or a higher one."""

    at_least: IncomingPriority

    def truth(self, inputs: TriageInputs, _places: Places) -> Truth:
        """Tell how it stands; an order that states none was not sent as an urgent one."""
        return Truth.MET if is_at_least(inputs.order.priority, self.at_least) else Truth.NOT_MET

    def reason(self, source: str) -> PriorityReason:
        """Describe it."""
        return PriorityReason(ReasonKind.ORDER, self.at_least.value, source)


@dataclass(frozen=True, slots=True)
class WaitingCondition:
    """The study waits at least so long."""

    at_least_minutes: float

    def truth(self, inputs: TriageInputs, _places: Places) -> Truth:
        """Tell how it stands."""
        if inputs.waiting_minutes is None:
            return Truth.UNKNOWN
        return Truth.MET if inputs.waiting_minutes >= self.at_least_minutes else Truth.NOT_MET

    def reason(self, source: str) -> PriorityReason:
        """Describe it."""
        return PriorityReason(
            ReasonKind.WAITING, "", source, Side.AT_OR_ABOVE.value, self.at_least_minutes
        )


class Direction(StrEnum):
    """Which way a value must have changed; also the key of the condition."""

    FELL = "fell_by"
    ROSE = "rose_by"


@dataclass(frozen=True, slots=True)
class ChangeCondition:
    """A value changed by so much since an earlier result, beyond the uncertainty of both.

    Attributes
    ----------
    within_days
        An older result is as none at all; None: however old it is.
    """

    key: str
    direction: Direction
    at_least: float
    within_days: int | None = None

    def truth(self, inputs: TriageInputs, _places: Places) -> Truth:
        """Tell how it stands: unknown without an earlier result, near within the uncertainty."""
        change = inputs.changes.get(self.key)
        if change is None or (self.within_days is not None and change.days > self.within_days):
            return Truth.UNKNOWN
        fell = self.direction is Direction.FELL
        if (-change.difference if fell else change.difference) < self.at_least:
            return Truth.NOT_MET
        return Truth.MET if change.is_beyond else Truth.NEAR

    def reason(self, source: str) -> PriorityReason:
        """Describe it."""
        return PriorityReason(
            ReasonKind.CHANGE,
            self.key,
            source,
            self.direction.value,
            self.at_least,
            self.within_days,
        )


_CHANGING = (WaitingCondition, OrderCondition, ClassCondition, TextCondition)
"""What may hold later although no image and no result came; all else rests on a result."""


@dataclass(frozen=True, slots=True)
class Rule:
    """All conditions together give the level; ``line`` is where the file has it.

    Conditions of rules that it refers to are among its own.
    """

    name: str
    level: Level
    conditions: tuple[Condition, ...]
    source: str
    line: int = 0

    def truth(self, inputs: TriageInputs, places: Places) -> Truth:
        """Tell how the rule stands: as its weakest condition."""
        return min(condition.truth(inputs, places) for condition in self.conditions)

    @property
    def may_change_without_result(self) -> bool:
        """Whether time, or an order that is told later, can make it come true."""
        return any(isinstance(one, _CHANGING) for one in self.conditions)

    def reasons(self) -> tuple[PriorityReason, ...]:
        """Describe every condition."""
        return tuple(condition.reason(self.source) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class FastLane:
    """Which studies are analysed before others: by the order's priority, or by class."""

    order_at_least: IncomingPriority | None = None
    patient_classes: frozenset[PatientClass] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """A site's rules.

    Attributes
    ----------
    version
        The site's own word for it.
    digest
        SHA-256 of the file: what a decision names, because a version can be written twice.
    places
        Words for a class of patients in what the headers tell of service and location.
    """

    name: str
    version: str
    digest: str
    rules: tuple[Rule, ...]
    places: Places = field(default_factory=dict)
    fast_lane: FastLane = FastLane()

    @property
    def label(self) -> str:
        """Version with the beginning of the digest, as decisions and pages show it."""
        return f"{self.version} ({self.digest[:8]})"

    def without_result(self) -> Self:
        """Return the policy with only the rules that may come true without a new result."""
        rules = tuple(rule for rule in self.rules if rule.may_change_without_result)
        return replace(self, rules=rules)

    def is_urgent_order(self, order: OrderFacts) -> bool:
        """Tell whether a study goes into the fast lane; nothing of the images is known yet."""
        lane = self.fast_lane
        if lane.order_at_least and is_at_least(order.priority, lane.order_at_least):
            return True
        return patient_class_of(order, self.places) in lane.patient_classes


_ORDER = (
    IncomingPriority.LOW,
    IncomingPriority.ROUTINE,
    IncomingPriority.HIGH,
    IncomingPriority.STAT,
)


def is_at_least(priority: IncomingPriority | None, least: IncomingPriority) -> bool:
    """Tell whether an order's priority is ``least`` or higher; none is below all."""
    return priority is not None and _ORDER.index(priority) >= _ORDER.index(least)


def patient_class_of(order: OrderFacts, places: Places) -> PatientClass | None:
    """Tell the class, from what an order message says or from places; None when nothing tells.

    A place is meant when its words stand in the text as whole words, in any case.
    """
    texts = [_words(order.requesting_service), _words(order.location)]
    for patient_class in PatientClass:  # emergency first
        named = places.get(patient_class, ())
        if order.patient_class is patient_class or any(
            _contains(text, place) for place in named for text in texts
        ):
            return patient_class
    return PatientClass.INPATIENT if order.has_admission else None


def _words(text: str) -> str:
    return " ".join(_letters(text.casefold())).strip()


def _letters(text: str) -> Iterable[str]:
    return "".join(c if c.isalnum() or c == "&" else " " for c in text).split()


def _contains(text: str, place: str) -> bool:
    wanted = _words(place)
    if not wanted:
        return False
    # Chinese and Japanese have no spaces between words.
    return wanted in text if not wanted.isascii() else f" {wanted} " in f" {text} "
