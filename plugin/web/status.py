"""Whether everything that the system needs works; nothing of HTTP here."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from plugin.certificates import own_certificates, read_certificate
from plugin.domain.errors import SENTENCES, ConfigurationError, TransientError
from plugin.registry import Registry
from plugin.registry.audit_reports import AuditReporting
from plugin.registry.heartbeats import Heartbeat
from plugin.settings import Settings
from plugin.spool import Spool

PROCESSES_NAME = "processes.json"
_STALE_SECONDS = 15.0
"""The supervisor writes its file every few seconds; an older one is from a system that ended."""
_BEATING = ("worker", "deliver")
"""Processes that beat in the registry; the others only a supervisor or systemd knows of."""


@dataclass(frozen=True, slots=True)
class Light:
    """One thing that works or not; ``tone`` is good, wait, busy, warn or bad."""

    name: str
    text: str
    tone: str


def lights(
    settings: Settings,
    registry: Registry,
    spool: Spool,
    ask_queue: Callable[[], None],
    audit_reporting: AuditReporting | None = None,
) -> tuple[Light, ...]:
    """Return how processes, registry, queue, disk, certificates and the audit repository are.

    Parameters
    ----------
    audit_reporting
        None where nothing is reported, or where whoever asks need not know.
    """
    audit_lights = () if audit_reporting is None else (_audit_light(audit_reporting),)
    supervised = process_lights(spool.run / PROCESSES_NAME)
    return (
        *supervised,
        *_registry_lights(registry, is_supervised=bool(supervised)),
        _queue_light(ask_queue),
        _disk_light(settings, spool),
        *_certificate_lights(settings, datetime.now(UTC)),
        *audit_lights,
    )


def is_healthy(shown: tuple[Light, ...]) -> bool:
    """Tell whether nothing that the system needs is missing."""
    return all(light.tone != "bad" for light in shown)


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


def _registry_lights(registry: Registry, *, is_supervised: bool) -> tuple[Light, ...]:
    """Say whether the registry answers, and what it knows of processes that nobody supervises."""
    try:
        registry.check()
        beating = () if is_supervised else tuple(_beating_lights(registry, datetime.now(UTC)))
    except TransientError as error:
        return (Light("registry", error.sentence, "bad"),)
    return (*beating, Light("registry", "answers", "good"))


def _beating_lights(registry: Registry, now: datetime) -> Iterator[Light]:
    beats = registry.heartbeats.list()
    for kind in _BEATING:
        n_alive = sum(one.kind == kind and one.is_alive(now) for one in beats)
        if n_alive:
            yield Light(kind, f"{n_alive} heard of", "good")
        elif _was_started(registry, kind, beats):
            yield Light(kind, "none is heard of", "bad")
        else:
            yield Light(kind, "none was started yet", "wait")


def _was_started(registry: Registry, kind: str, beats: Sequence[Heartbeat]) -> bool:
    """Tell whether a process of a kind ever ran: one that ended as it should left no heartbeat."""
    known = any(one.kind == kind for one in beats)
    return known or bool(registry.audit.of_subject(f"process {kind}", 1))


def _queue_light(ask_queue: Callable[[], None]) -> Light:
    try:
        ask_queue()
    except TransientError as error:
        return Light("queue", error.sentence, "bad")
    return Light("queue", "answers", "good")


def _audit_light(state: AuditReporting) -> Light:
    """Say how many entries wait; nothing that the hospital's road needs is missing meanwhile."""
    waits = f"{state.n_waiting} entries wait"
    if state.failing_since is None or state.reason is None:
        return Light("audit repository", waits if state.n_waiting else "has all", "good")
    since = f"since {state.failing_since:%Y-%m-%d %H:%M} UTC"
    return Light("audit repository", f"{waits}, {since}: {SENTENCES[state.reason]}", "warn")


def _disk_light(settings: Settings, spool: Spool) -> Light:
    free_bytes = spool.free_bytes()
    text = f"{free_bytes / 2**30:.1f} GiB free"
    if free_bytes <= settings.spool.minimum_free_bytes:
        return Light("disk", f"{text}: images are refused", "bad")
    return Light("disk", text, "good")


def _certificate_lights(settings: Settings, now: datetime) -> Iterator[Light]:
    for setting, path, _ in own_certificates(settings):
        # What is audited waits here: nothing that the hospital's road needs is missing meanwhile.
        missing = "warn" if setting == "audit.certificate" else "bad"
        try:
            certificate = read_certificate(path)
        except ConfigurationError as error:
            yield Light(setting, error.sentence, missing)
            continue
        days, end = certificate.days_left(now), f"{certificate.not_after:%Y-%m-%d}"
        if not certificate.is_valid(now):
            yield Light(setting, f"not valid (until {end}): others refuse it", missing)
        elif days < settings.tls.warn_days:
            yield Light(setting, f"ends in {days:.0f} days ({end})", "wait")
        else:
            yield Light(setting, f"valid until {end}", "good")
