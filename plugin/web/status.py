"""What the status page shows, put together from registry, spool and queue; nothing of HTTP here."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from plugin.domain.errors import SENTENCES, Reason, TransientError
from plugin.domain.job import DeliveryState, JobState
from plugin.domain.study import StudyState
from plugin.registry import (
    DeliveryRecord,
    JobRecord,
    QuarantineRecord,
    Registry,
    RejectedAssociation,
    StudyRecord,
)
from plugin.settings import MODE_SENTENCES, Settings
from plugin.spool import Spool

PROCESSES_NAME = "processes.json"
_N_STUDIES = 100
_STALE_SECONDS = 15.0
"""The supervisor writes its file every few seconds; an older one is from a system that ended."""

_STATES = {
    JobState.QUEUED: ("waiting", "wait"),
    JobState.RUNNING: ("being analysed", "busy"),
    JobState.REPORTED: ("measured", "good"),
    JobState.UNCHANGED: ("measured, unchanged", "good"),
    JobState.FAILED: ("not analysed", "bad"),
    JobState.SUPERSEDED: ("superseded", "wait"),
    JobState.WITHDRAWN: ("withdrawn", "bad"),
}


@dataclass(frozen=True, slots=True)
class Light:
    """One thing that works or not; ``tone`` is good, wait, busy or bad."""

    name: str
    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """How far the objects of a job are at one destination."""

    destination: str
    text: str
    tone: str
    sentence: str


@dataclass(frozen=True, slots=True)
class StudyLine:
    """One study as a row; numbers are texts, a dash where there is none."""

    patient_id: str
    accession_number: str
    description: str
    sender: str
    n_instances: int
    last_received_at: datetime
    state: str
    tone: str
    sentence: str
    finding: str
    priority: str
    priority_reason: str
    lvef: str
    lvedv: str
    rvef: str
    mass: str
    job_id: str
    images: tuple[str, ...]
    deliveries: tuple[DeliveryLine, ...]


@dataclass(frozen=True, slots=True)
class QuarantineLine:
    """One file that could not be indexed."""

    name: str
    sender: str
    received_at: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """Refused associations of one kind."""

    record: RejectedAssociation
    sentence: str


@dataclass(frozen=True, slots=True)
class Status:
    """Everything on the page."""

    at: datetime
    lights: tuple[Light, ...]
    counts: tuple[tuple[str, int, str], ...]
    studies: tuple[StudyLine, ...]
    rejected: tuple[RejectedLine, ...]
    quarantine: tuple[QuarantineLine, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing that the system needs is missing."""
        return all(light.tone != "bad" for light in self.lights)


def collect(
    settings: Settings, registry: Registry, spool: Spool, ask_queue: Callable[[], None]
) -> Status:
    """Read everything that the page shows.

    Raises
    ------
    TransientError
        If the registry does not answer.
    """
    studies = tuple(
        _study_line(registry, study) for study in registry.studies.list(limit=_N_STUDIES)
    )
    return Status(
        at=datetime.now(UTC),
        lights=(
            mode_light(settings, registry),
            *process_lights(spool.run / PROCESSES_NAME),
            _queue_light(ask_queue),
            _disk_light(settings, spool),
        ),
        counts=_counts(studies),
        studies=studies,
        rejected=tuple(
            RejectedLine(item, SENTENCES[item.reason])
            for item in registry.associations.list_rejected()
        ),
        quarantine=tuple(_quarantine_line(item) for item in registry.studies.quarantine_list()),
    )


def mode_light(settings: Settings, registry: Registry) -> Light:
    """Say whether results are sent and orders changed, and what a person switched off."""
    switches = registry.switches.state()
    if switches.everything_is_off:
        return Light("mode", "switched off: nothing is sent and no order is changed", "wait")
    held = [one.destination for one in switches.off if one.destination]
    text = MODE_SENTENCES[settings.operation.mode]
    if held:
        return Light("mode", f"{text}; switched off: {', '.join(held)}", "wait")
    return Light("mode", text, "good" if settings.is_live else "wait")


def process_lights(path: Path) -> tuple[Light, ...]:
    """Read what the supervisor last wrote about its processes; nothing when there is none."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        age = datetime.now(UTC).timestamp() - float(written["at"])
        processes = dict(written["processes"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    if age > _STALE_SECONDS:
        return (Light("supervisor", f"not heard of for {age:.0f} s", "bad"),)
    return tuple(
        Light(name, "running" if state == "running" else f"{state}", _process_tone(state))
        for name, state in processes.items()
    )


def _process_tone(state: str) -> str:
    return "good" if state == "running" else "bad"


def _queue_light(ask_queue: Callable[[], None]) -> Light:
    try:
        ask_queue()
    except TransientError as error:
        return Light("queue", error.sentence, "bad")
    return Light("queue", "answers", "good")


def _disk_light(settings: Settings, spool: Spool) -> Light:
    free_bytes = spool.free_bytes()
    text = f"{free_bytes / 2**30:.1f} GiB free"
    if free_bytes <= settings.spool.minimum_free_bytes:
        return Light("disk", f"{text}: images are refused", "bad")
    return Light("disk", text, "good")


def _counts(studies: Sequence[StudyLine]) -> tuple[tuple[str, int, str], ...]:
    counted = Counter((study.state, study.tone) for study in studies)
    return tuple((state, n, tone) for (state, tone), n in counted.most_common())


def _study_line(registry: Registry, study: StudyRecord) -> StudyLine:
    job = registry.jobs.latest(study.id)
    shown = registry.jobs.last_reported(study.id) or job
    summary = dict(shown.summary or {}) if shown else {}
    state, tone = state_of(study, job)
    return StudyLine(
        patient_id=study.patient_id or "–",
        accession_number=study.accession_number,
        description=study.description,
        sender=study.calling_ae_title,
        n_instances=study.n_instances,
        last_received_at=study.last_received_at,
        state=state,
        tone=tone,
        sentence=sentence_of(study, job),
        finding=str(summary.get("finding", "")),
        priority=str(summary.get("priority", "")),
        priority_reason=str(summary.get("priority_reason", "")),
        lvef=_number(summary.get("lvef_percent"), "%"),
        lvedv=_number(summary.get("lvedv_ml"), "ml"),
        rvef=_number(summary.get("rvef_percent"), "%"),
        mass=_number(summary.get("lv_mass_g"), "g"),
        job_id=shown.id if shown else "",
        images=image_kinds(registry, shown) if shown else (),
        deliveries=_delivery_lines(registry.deliveries.for_job(shown.id)) if shown else (),
    )


def state_of(study: StudyRecord, job: JobRecord | None) -> tuple[str, str]:
    """Return how a study stands, in words and as a tone."""
    if study.needs_person:
        return "a person must decide", "bad"
    if study.state is StudyState.REJECTED:
        return "not analysed", "bad"
    if study.state is StudyState.RECEIVING:
        return "receiving", "busy"
    if job is None:
        return "complete", "wait"
    return _STATES[job.state]


def sentence_of(study: StudyRecord, job: JobRecord | None) -> str:
    """Return why a study stands as it does; empty when there is nothing to say."""
    source = study if study.reason is not None or job is None else job
    reason: Reason | None = source.reason
    if reason is None:
        return ""
    return f"{SENTENCES[reason]} ({source.detail})" if source.detail else SENTENCES[reason]


def image_kinds(registry: Registry, job: JobRecord) -> tuple[str, ...]:
    """Return the kinds of objects of a job that have an image for people."""
    return tuple(
        item.kind
        for item in registry.jobs.result_objects(job.id)
        if Path(item.path).with_suffix(".png").is_file()
    )


def _delivery_lines(deliveries: Sequence[DeliveryRecord]) -> tuple[DeliveryLine, ...]:
    lines = []
    # A replaced object is not missing: the one that goes instead is counted.
    deliveries = [item for item in deliveries if item.state is not DeliveryState.REPLACED]
    for destination in sorted({item.destination_name for item in deliveries}):
        here = [item for item in deliveries if item.destination_name == destination]
        arrived = sum(item.state in (DeliveryState.SENT, DeliveryState.CONFIRMED) for item in here)
        dead = [item for item in here if item.state is DeliveryState.DEAD]
        reasons = {SENTENCES[item.last_reason] for item in here if item.last_reason is not None}
        done = arrived == len(here)
        tone = "bad" if dead else "good" if done else "wait"
        text = f"{arrived} of {len(here)}"
        lines.append(
            DeliveryLine(destination, text, tone, "" if done else " ".join(sorted(reasons)))
        )
    return tuple(lines)


def _quarantine_line(item: QuarantineRecord) -> QuarantineLine:
    return QuarantineLine(
        name=Path(item.path).name,
        sender=item.calling_ae_title,
        received_at=item.received_at,
        sentence=SENTENCES[item.reason],
    )


def _number(value: object, unit: str) -> str:
    return f"{value:.0f} {unit}" if isinstance(value, (int, float)) else "–"
