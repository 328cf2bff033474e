"""``cmr-triage demo``: the whole system on this machine, with a played PACS and generated patients.

A composition root: it knows the archive of ``dicom_node``, the phantoms of ``worker`` and the
command line of the system, and starts the latter as a hospital would (``cmr-triage up``).
"""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from dicom_node.archive import ArchivedInstance, PlayedArchive
from plugin.domain.errors import ConfigurationError, Reason, TriageError
from plugin.domain.job import JobState
from plugin.domain.study import PeerKind, StudyState
from plugin.registry import Registry
from plugin.registry.records import OBJECT_KINDS
from plugin.settings import load_settings
from plugin.supervisor import command_of, environment

if TYPE_CHECKING:
    from worker.phantom.study import GeneratedPatient

_ARCHIVE_AE_TITLE = "DEMOPACS"
_NODE_AE_TITLE = "CMRTRIAGE"
_START_SECONDS = 90.0
_RESULT_SECONDS = 300.0
_STOP_SECONDS = 60.0
_TICK_SECONDS = 0.25
_N_PHASES = 20
_SLICE_DISTANCE_MM = 10.0

_SETTINGS = """\
[node]
ae_title = "{ae_title}"
host = "127.0.0.1"
port = {node_port}

[spool]
folder = "{spool}"
minimum_free_bytes = 268435456

[assembly]
archive_quiet_seconds = 2.0
tick_seconds = 0.25

[delivery]
poll_seconds = 0.2

[web]
port = {web_port}
"""


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
        return len(self.arrived) >= len(OBJECT_KINDS) and bool(self.summary)

    @property
    def seconds(self) -> float | None:
        """Time from the last instance acknowledged to the last result in the archive."""
        if self.sent_at is None or not self.arrived:
            return None
        return self.arrived[-1].arrived_at - self.sent_at


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays."""

    folder: Path
    config: Path
    node_port: int
    web_port: int

    @property
    def page(self) -> str:
        """Address of the status page."""
        return f"http://127.0.0.1:{self.web_port}/"


class System:
    """``cmr-triage up`` as a child, its output in a file."""

    def __init__(self, stage: Stage) -> None:
        self._log = stage.folder / "logs" / "up.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command_of("up", stage.config),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(),
                process_group=0,
            )

    def check(self) -> None:
        """Raise when the system ended by itself.

        Raises
        ------
        ConfigurationError
            With the last sentence that it printed.
        """
        if self._process.poll() is not None:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            said = [line for line in lines if line.startswith("cmr-triage:")]
            raise ConfigurationError(Reason.PROCESS_FAILED, said[0] if said else str(self._log))

    def stop(self) -> None:
        """Let the system drain and stop."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(folder: Path | None, *, keep: bool) -> None:
    """Run the demo; raises ``SystemExit(1)`` when something did not arrive.

    Parameters
    ----------
    folder
        Where it works and leaves its results; a new temporary folder when None.
    keep
        Leave everything running until Ctrl-C.
    """
    console = Console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stage = prepare(folder)
    console.print(f"The demo works in {stage.folder}", highlight=False)
    with ExitStack() as opened:
        archive = PlayedArchive(_ARCHIVE_AE_TITLE, stage.folder / "archive")
        archive.start()
        opened.callback(archive.stop)
        registry = connect(stage, archive)
        opened.callback(registry.close)
        system = System(stage)
        opened.callback(system.stop)
        visits = play(console, stage, archive, registry, system)
        collect_results(stage, registry, visits)
        console.print(result_table(visits))
        _say_where(console, stage, visits, keep=keep)
        if keep:
            _wait_for_interrupt(console, system)
    if not keep:
        _tidy(stage.folder)
    if not all(visit.complete for visit in visits):
        raise SystemExit(1)


def prepare(folder: Path | None) -> Stage:
    """Make the folder and the settings file, on free loopback ports."""
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="cmr-triage-demo-"))
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise ConfigurationError(Reason.OUTPUT_NOT_WRITABLE, str(folder)) from None
    config = folder / "cmr-triage.toml"
    node_port, web_port = free_ports(2)
    text = _SETTINGS.format(
        ae_title=_NODE_AE_TITLE, node_port=node_port, web_port=web_port, spool=folder / "spool"
    )
    config.write_text(text, encoding="utf-8")
    return Stage(folder, config, node_port, web_port)


def free_ports(n_ports: int) -> list[int]:
    """Return loopback ports that nobody listens on now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(n_ports)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [int(item.getsockname()[1]) for item in sockets]


def connect(stage: Stage, archive: PlayedArchive) -> Registry:
    """Make the archive known to the system, both as a sender and as a destination."""
    settings = load_settings(stage.config)
    settings.spool.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    registry = Registry(settings.registry_url)
    registry.migrate()
    if registry.peers.get(archive.ae_title) is None:
        registry.peers.add(
            archive.ae_title,
            host=archive.host,
            port=archive.port,
            kind=PeerKind.ARCHIVE,
            actor="demo",
        )
        registry.destinations.add(
            "archive",
            ae_title=archive.ae_title,
            host=archive.host,
            port=archive.port,
            actor="demo",
        )
    return registry


def play(
    console: Console, stage: Stage, archive: PlayedArchive, registry: Registry, system: System
) -> list[Visit]:
    """Generate and send every patient, and wait until the results are back."""
    from worker.phantom.study import demo_patients, write_study

    visits = [Visit(shortened(patient)) for patient in demo_patients()]
    with Live(progress_table(visits), console=console, refresh_per_second=4) as live:

        def look() -> None:
            system.check()
            for visit in visits:
                observe(visit, archive, registry)
            live.update(progress_table(visits))

        for visit in visits:
            visit.status = "is generated"
            look()
            paths = write_study(visit.patient.instances(), stage.folder / "sent" / visit.patient_id)
            wait_for_node(stage, archive, look)
            visit.status = "is sent"
            look()
            visit.sent_at = archive.send(paths, "127.0.0.1", stage.node_port, _NODE_AE_TITLE)
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
    while not archive.echo("127.0.0.1", stage.node_port, _NODE_AE_TITLE):
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
        visit.status = f"{len(visit.arrived)} of {len(OBJECT_KINDS)} results are in the archive"
    else:
        visit.status = "is analysed" if job.state is JobState.RUNNING else "waits for a worker"


def collect_results(stage: Stage, registry: Registry, visits: Sequence[Visit]) -> None:
    """Copy what came back in the archive, and the images for people, to ``results/<patient>``."""
    for visit in visits:
        study = registry.studies.get(visit.study_instance_uid)
        job = None if study is None else registry.jobs.last_reported(study.id)
        if job is None:
            continue
        visit.results = stage.folder / "results" / visit.patient_id
        visit.results.mkdir(parents=True, exist_ok=True)
        back = {item.sop_instance_uid: item.path for item in visit.arrived}
        for item in registry.jobs.result_objects(job.id):
            written = Path(item.path)
            if item.sop_instance_uid in back:
                shutil.copy(back[item.sop_instance_uid], visit.results / f"{item.kind}.dcm")
            for extra in (written.with_suffix(".png"), written.parent / "result.json"):
                if extra.is_file():
                    shutil.copy(extra, visit.results / extra.name)


def progress_table(visits: Sequence[Visit]) -> Table:
    """Show where every patient is."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for visit in visits:
        colour = "red" if visit.failure else "green" if visit.complete else "cyan"
        table.add_row(visit.patient.title, f"[{colour}]{visit.failure or visit.status}[/{colour}]")
    return table


def result_table(visits: Sequence[Visit]) -> Table:
    """Show what was measured beside the truth of the generated hearts."""
    table = Table(title="AI, not verified by a physician, not for diagnosis", title_style="bold")
    table.add_column("patient")
    for name in ("LVEF %\n(true)", "LVEDV ml\n(true)", "LV mass g\n(true)"):
        table.add_column(name, justify="right")
    table.add_column("finding", overflow="fold")
    table.add_column("priority")
    table.add_column("seconds\nto archive", justify="right")
    for visit in visits:
        truth = visit.patient.truth
        table.add_row(
            visit.patient.title,
            _beside(visit.summary.get("lvef_percent"), truth.lv_ef_percent),
            _beside(visit.summary.get("lvedv_ml"), truth.lv_edv_ml),
            _beside(visit.summary.get("lv_mass_g"), truth.lv_mass_g),
            visit.failure or str(visit.summary.get("finding", "did not arrive")),
            str(visit.summary.get("priority", "-")),
            "-" if visit.seconds is None or not visit.complete else f"{visit.seconds:.1f}",
        )
    return table


def _beside(measured: float | None, true: float) -> str:
    return f"{'-' if measured is None else f'{measured:.0f}'} ({true:.0f})"


def _say_where(console: Console, stage: Stage, visits: Sequence[Visit], *, keep: bool) -> None:
    for visit in visits:
        if visit.results is not None:
            names = ", ".join(sorted(path.name for path in visit.results.iterdir()))
            console.print(f"{visit.results}: {names}", highlight=False, soft_wrap=True)
    if keep:
        console.print(f"Status page: {stage.page}", highlight=False)
        console.print(
            f"Settings for other commands: --config {stage.config}", highlight=False, soft_wrap=True
        )
    else:
        console.print("Status page: run again with --keep to look at it while it lives.")


def _wait_for_interrupt(console: Console, system: System) -> None:
    console.print("Running until Ctrl-C.")
    try:
        while True:
            system.check()
            time.sleep(1)
    except KeyboardInterrupt:
        console.print("Stopping ...")


def _tidy(folder: Path) -> None:
    """Remove what only the running system needs; results, logs and settings stay."""
    for name in ("spool", "sent", "archive"):
        shutil.rmtree(folder / name, ignore_errors=True)
