"""What happens in the demo: patients are generated, sent, and followed until results are back."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from dicom_node.archive import ArchivedInstance, PlayedArchive
from plugin.demo.stage import NODE_AE_TITLE, Stage, System
from plugin.domain.errors import ConfigurationError, Reason, TriageError
from plugin.domain.job import JobState
from plugin.domain.objects import DEFAULT_OBJECTS
from plugin.domain.study import StudyState
from plugin.registry import Registry

if TYPE_CHECKING:
    from rich.console import RenderableType

    from worker.phantom.study import GeneratedPatient

_START_SECONDS = 90.0
_RESULT_SECONDS = 900.0
_TICK_SECONDS = 0.25
_N_PHASES = 20
_SLICE_DISTANCE_MM = 10.0


@dataclass(slots=True)
class Visit:
    """One generated patient on the way through the system."""

    patient: "GeneratedPatient"
    status: str = "waits"
    sent_at: float | None = None
    arrived: list[ArchivedInstance] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    failure: str = ""
    results: Path | None = None

    @property
    def patient_id(self) -> str:
        """Patient ID in the headers; it also names folders."""
        return self.patient.study.patient.patient_id

    @property
    def study_instance_uid(self) -> str:
        """Study Instance UID in the headers."""
        return str(self.patient.study.study_instance_uid)

    @property
    def complete(self) -> bool:
        """Whether every object is back in the archive."""
        return len(self.arrived) >= len(DEFAULT_OBJECTS) and bool(self.summary)

    @property
    def seconds(self) -> float | None:
        """Time from the last instance acknowledged to the last result in the archive."""
        if self.sent_at is None or not self.arrived:
            return None
        return self.arrived[-1].arrived_at - self.sent_at


def play(
    console: Console,
    stage: Stage,
    archive: PlayedArchive,
    registry: Registry,
    system: System,
    progress_of: "Callable[[Sequence[Visit]], RenderableType]",
) -> list[Visit]:
    """Generate and send every patient, and wait until the results are back.

    Parameters
    ----------
    progress_of
        Draws where the patients are.
    """
    from worker.phantom.study import demo_patients, write_study

    visits = [Visit(shortened(patient)) for patient in demo_patients()]
    with Live(progress_of(visits), console=console, refresh_per_second=4) as live:

        def look() -> None:
            system.check()
            for visit in visits:
                observe(visit, archive, registry)
            live.update(progress_of(visits))

        for visit in visits:
            visit.status = "is generated"
            look()
            paths = write_study(visit.patient.instances(), stage.system / "sent" / visit.patient_id)
            wait_for_node(stage, archive, look)
            visit.status = "is sent"
            look()
            visit.sent_at = archive.send(paths, "127.0.0.1", stage.node_port, NODE_AE_TITLE)
            visit.status = "was received"
        deadline = time.monotonic() + _RESULT_SECONDS
        while not all(v.complete or v.failure for v in visits) and time.monotonic() < deadline:
            look()
            time.sleep(_TICK_SECONDS)
        look()
    return visits


def shortened(patient: "GeneratedPatient") -> "GeneratedPatient":
    """Acquire fewer and wider slices and fewer phases: the demo shows the road in two minutes."""
    protocol = replace(patient.protocol, n_phases=_N_PHASES, slice_distance_mm=_SLICE_DISTANCE_MM)
    return replace(patient, protocol=protocol)


def wait_for_node(stage: Stage, archive: PlayedArchive, look: Callable[[], None]) -> None:
    """Wait until the node answers C-ECHO.

    Raises
    ------
    ConfigurationError
        When the system ended instead, or never answered.
    """
    deadline = time.monotonic() + _START_SECONDS
    while not archive.echo("127.0.0.1", stage.node_port, NODE_AE_TITLE):
        look()
        if time.monotonic() > deadline:
            raise ConfigurationError(Reason.PROCESS_FAILED, "node")
        time.sleep(_TICK_SECONDS)


def observe(visit: Visit, archive: PlayedArchive, registry: Registry) -> None:
    """Bring what is known of one patient up to date, from the archive and the registry."""
    if visit.sent_at is None or visit.complete:
        return
    uid = visit.study_instance_uid
    visit.arrived = archive.arrived(uid)
    study = registry.studies.get(uid)
    if study is None:
        return
    job = registry.jobs.latest(study.id)
    if study.state is StudyState.REJECTED and study.reason is not None:
        visit.failure = TriageError(study.reason, study.detail).sentence
    elif job is None:
        visit.status = f"was received ({study.n_instances} images)"
    elif job.state is JobState.FAILED and job.reason is not None:
        visit.failure = TriageError(job.reason, job.detail).sentence
    elif job.state is JobState.REPORTED:
        visit.summary = dict(job.summary or {})
        visit.status = f"{len(visit.arrived)} of {len(DEFAULT_OBJECTS)} results are in the archive"
    else:
        visit.status = "is analysed" if job.state is JobState.RUNNING else "waits for a worker"
