"""Everything that happened to a study, in order of time; from the registry alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from plugin.domain.errors import SENTENCES
from plugin.domain.job import JobState
from plugin.domain.triage import OrderSource
from plugin.registry import AuditRecord, DeliveryRecord, JobRecord, Registry, StudyRecord
from plugin.registry.orders import SYSTEM

_AUDITED = {
    "study.claim": "claimed",
    "study.release": "given back",
    "study.read": "marked as read",
    "study.unread": "marked as unread",
    "study.requeue": "asked for a new analysis",
    "study.feedback": "gave feedback",
    "study.withdraw": "withdrew the result",
    "study.withdraw.ask": "asked to withdraw the result",
    "study.look.ask": "asked what would happen",
    "study.export": "downloaded a result",
}
_TOLD_OTHERWISE = frozenset({"study.receive", "study.send", "study.view"})
"""Arrival and delivery have more to tell; who looked is for the auditor, in the audit trail."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    at: datetime
    text: str
    tone: str = ""


def timeline(registry: Registry, study: StudyRecord) -> list[Event]:
    """Return what happened, the latest first."""
    jobs = registry.jobs.list(study.id)
    events = [*_arrival(registry, study)]
    for job in jobs:
        events += _work(job)
        events += _delivery(registry.deliveries.for_job(job.id))
    for entry in registry.audit.of_subject(f"study {study.study_key}"):
        if entry.action in _TOLD_OTHERWISE:
            continue
        if entry.action == "study.order":
            events.append(_ordered(entry))
            continue
        words = _AUDITED.get(entry.action, entry.action)
        events.append(Event(entry.at, f"{entry.actor}: {words}"))
    return sorted(events, key=lambda event: event.at, reverse=True)


def _ordered(entry: AuditRecord) -> Event:
    """Return who brought an order, and what is asked for now: priority, class and flags."""
    after = entry.after or {}
    priority, teller = after.get("priority"), OrderSource(after["told_by"]).words
    asked = (
        f"{priority} by {teller}" if priority else "",
        after.get("patient_class") or "",
        *(flag.replace("_", " ") for flag in after.get("text_flags", ())),
    )
    brought = "its order was here" if entry.actor == SYSTEM else f"{entry.actor} brought an order"
    return Event(entry.at, f"{brought}: {', '.join(filter(None, asked))}", "busy")


def _arrival(registry: Registry, study: StudyRecord) -> Iterator[Event]:
    for one in registry.associations.of_study(study.id):
        yield Event(one.opened_at, f"{one.calling_ae_title} opened an association", "busy")
        if one.closed_at is not None:
            ended = "ended it" if one.outcome == "released" else "broke it off"
            tone = "" if one.outcome == "released" else "bad"
            text = f"{one.calling_ae_title} {ended} after {one.n_received} images"
            yield Event(one.closed_at, text, tone)
    if study.completed_at is not None:
        if study.reason is None:
            yield Event(study.completed_at, f"complete: {study.n_instances} images")
        else:
            yield Event(study.completed_at, f"not analysed: {SENTENCES[study.reason]}", "bad")
    if study.images_deleted_at is not None:
        yield Event(study.images_deleted_at, "the images were deleted here (retention)")


def _work(job: JobRecord) -> Iterator[Event]:
    name = f"analysis {job.generation}"
    yield Event(job.created_at, f"{name} queued")
    if job.started_at is not None:
        yield Event(job.started_at, f"{name} started", "busy")
    if job.reported_at is not None:
        yield Event(job.reported_at, f"{name} reported", "good")
    elif job.finished_at is not None and job.state is not JobState.QUEUED:
        why = "" if job.reason is None else f": {SENTENCES[job.reason]}"
        ended = {JobState.FAILED: "failed", JobState.UNCHANGED: "changed nothing"}
        words = ended.get(job.state, job.state.value.lower())
        tone = "bad" if job.state is JobState.FAILED else ""
        yield Event(job.finished_at, f"{name} {words}{why}", tone)


def _delivery(deliveries: Sequence[DeliveryRecord]) -> Iterator[Event]:
    for name in sorted({one.destination_name for one in deliveries}):
        here = [one for one in deliveries if one.destination_name == name]
        sent = [one.sent_at for one in here if one.sent_at is not None]
        confirmed = [one.confirmed_at for one in here if one.confirmed_at is not None]
        if sent:
            yield Event(max(sent), f"{len(sent)} of {len(here)} results sent to {name}", "good")
        if confirmed:
            text = f"{name} confirmed {len(confirmed)} of {len(here)} results"
            yield Event(max(confirmed), text, "good")
