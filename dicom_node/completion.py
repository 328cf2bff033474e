"""Whether a study that is being received is complete, and what becomes of it: a pure decision.

A function of the facts, the policy and the time; it reads no clock, no file and no database.
Completion is evidence, not only silence: who sends, whether the sender's association is still
open, and how many images the headers announce. Deciding too early costs little: an image that
comes later makes a new generation of the study.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from plugin.domain.errors import Reason
from plugin.domain.study import PeerKind
from plugin.registry.records import AssemblyFacts, InstanceRecord, SeriesFacts

# An archive whose announced images are all there and whose association is closed has nothing more
# to say; one that announced more has probably been interrupted.
_QUIET_FACTOR_ALL_THERE = 0.25
_QUIET_FACTOR_SOME_MISSING = 3.0
# Some senders keep one association open for ever and send other studies on it.
_QUIET_FACTOR_OPEN = 5.0


class Action(StrEnum):
    """What to do with a study now."""

    WAIT = "wait"
    COMPLETE = "complete"
    KEEP = "keep"
    REJECT = "reject"
    NEEDS_PERSON = "needs_person"


class Counts(StrEnum):
    """Announced counts against what arrived."""

    UNKNOWN = "unknown"
    REACHED = "reached"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings of the decision; a peer's own values come with the facts."""

    archive_quiet_seconds: float
    modality_quiet_seconds: float
    cap_seconds: float
    automatic_generations: int


@dataclass(frozen=True, slots=True)
class StudyContent:
    """What the headers of the current instances say together.

    Attributes
    ----------
    n_elsewhere
        MR images whose body part is not near the heart.
    n_cardiac_hints
        MR images with gating, cardiac counts or a word that speaks for the heart.
    last_mr_image_at
        When the newest MR image was received; None where that is not known.
    """

    n_mr_images: int
    n_elsewhere: int
    n_cardiac_hints: int
    n_patients: int
    last_mr_image_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer: ``until`` is when to look again, ``basis`` says in words what decided."""

    action: Action
    basis: str
    until: datetime | None = None
    reason: Reason | None = None


def content_of(instances: Iterable[InstanceRecord]) -> StudyContent:
    """Sum up the header facts that ``headers.read_headers`` left with each instance."""
    received = [(instance.header, instance.received_at) for instance in instances]
    facts = [fact for fact, _ in received]
    mr = [fact for fact in facts if fact.get("is_mr_image")]
    mr_received_at = [at for fact, at in received if fact.get("is_mr_image")]
    return StudyContent(
        n_mr_images=len(mr),
        n_elsewhere=sum(bool(fact.get("elsewhere")) for fact in mr),
        n_cardiac_hints=sum(bool(fact.get("cardiac_hint")) for fact in mr),
        n_patients=len({fact["patient"] for fact in facts if fact.get("patient")}),
        last_mr_image_at=max(mr_received_at, default=None),
    )


def announced_counts(series: Iterable[SeriesFacts]) -> Counts:
    """Compare what the MR series announce with what arrived.

    A series announces Images in Acquisition (0020,1002) or, for a cine, Cardiac Number of Images
    (0018,1090) for each slice position that was seen.
    """
    outcome = Counts.UNKNOWN
    for one in series:
        if one.modality != "MR" or (one.number_of_frames or 1) > 1:
            continue
        expected = max(
            one.images_in_acquisition or 0,
            (one.cardiac_number_of_images or 0) * one.n_slice_positions,
        )
        if expected > one.n_instances:
            return Counts.MISSING
        if expected > 0:
            outcome = Counts.REACHED
    return outcome


def decide(
    facts: AssemblyFacts, content: Callable[[], StudyContent], policy: Policy, now: datetime
) -> Decision:
    """Decide what happens to one study that is in ``RECEIVING``.

    Parameters
    ----------
    content
        Called only when the waiting is over: it costs a read of all instances.
    now
        Aware time.
    """
    until, basis = _wait_until(facts, policy)
    if now < until:
        return Decision(Action.WAIT, basis, until=until)
    return _judge(facts, content(), policy, basis)


def _wait_until(facts: AssemblyFacts, policy: Policy) -> tuple[datetime, str]:
    archive = facts.peer_kind is PeerKind.ARCHIVE
    default = policy.archive_quiet_seconds if archive else policy.modality_quiet_seconds
    quiet = default if facts.quiet_seconds is None else facts.quiet_seconds
    cap = policy.cap_seconds if facts.cap_seconds is None else facts.cap_seconds
    counts = announced_counts(facts.series)
    factor, basis = 1.0, f"quiet for {quiet:g} s"
    if facts.n_open_associations:
        factor, basis = _QUIET_FACTOR_OPEN, "the sender's association is still open"
    elif archive and counts is Counts.REACHED:
        factor, basis = _QUIET_FACTOR_ALL_THERE, "all announced images are there"
    elif archive and counts is Counts.MISSING:
        factor, basis = _QUIET_FACTOR_SOME_MISSING, "fewer images than announced"
    quiet_at = facts.study.last_received_at + timedelta(seconds=quiet * factor)
    cap_at = facts.study.receiving_since + timedelta(seconds=cap)
    if cap_at < quiet_at:
        return cap_at, f"cap of {cap:g} s"
    return quiet_at, basis


def _judge(facts: AssemblyFacts, content: StudyContent, policy: Policy, basis: str) -> Decision:
    if content.n_patients > 1:
        return Decision(Action.REJECT, basis, reason=Reason.MIXED_PATIENTS)
    if content.n_mr_images == 0:
        return Decision(Action.REJECT, basis, reason=Reason.NOT_MR)
    if content.n_elsewhere == content.n_mr_images and content.n_cardiac_hints == 0:
        return Decision(Action.REJECT, basis, reason=Reason.NOT_CARDIAC)
    if facts.has_result and _only_others_came(facts, content):
        return Decision(Action.KEEP, f"no MR image since the result; {basis}")
    if facts.n_deleted_instances:
        return Decision(Action.NEEDS_PERSON, basis, reason=Reason.IMAGES_DELETED)
    if facts.n_automatic_results >= policy.automatic_generations:
        return Decision(Action.NEEDS_PERSON, basis, reason=Reason.TOO_MANY_GENERATIONS)
    return Decision(Action.COMPLETE, basis)


def _only_others_came(facts: AssemblyFacts, content: StudyContent) -> bool:
    """Tell whether what came since the study was settled changes no result (a reader's own PR)."""
    last = content.last_mr_image_at
    return last is not None and last < facts.study.receiving_since
