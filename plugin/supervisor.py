"""``cmr-triage up``: one parent that starts every process, restarts what dies, stops in order.

Knows commands, exit codes and signals. Knows nothing of what the processes do: each of them can be
started alone with the same command line, by systemd or a container, and needs nothing of this file.
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from plugin.accounts import FIRST_ADMIN, FIRST_PASSWORD_NAME, ensure_first_admin
from plugin.broker import embedded_broker_command
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.licences import permitted_use
from plugin.registry import Registry
from plugin.settings import MODE_SENTENCES, Settings
from plugin.spool import Spool
from worker.bundle import load_bundle

EXIT_CONFIGURATION = 2
EXIT_MODEL = 4
_FINAL_EXIT_CODES = frozenset({EXIT_CONFIGURATION, EXIT_MODEL})

_TICK_SECONDS = 0.2
_FIRST_BACKOFF_SECONDS = 1.0
_MAXIMUM_BACKOFF_SECONDS = 60.0
_SETTLED_AFTER_SECONDS = 60.0
"""A process that lived this long starts its next backoff from the beginning."""
_STOP_SECONDS = 30.0
_WRITE_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1
STATE_NAME = "processes.json"

START_ORDER = ("web", "node", "assemble", "worker", "deliver")
STOP_ORDER = ("node", "assemble", "worker", "deliver", "web", "redis")
"""From the entrance to the exit; the page stays while the work drains."""

Tell = Callable[[str], None]


@dataclass(slots=True)
class Child:
    """One process and what is known about its life."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    backoff_seconds: float = _FIRST_BACKOFF_SECONDS
    n_starts: int = 0


def command_of(name: str, config: Path | None) -> list[str]:
    """Return the command line of one process, the same that a unit or a container uses."""
    command = [sys.executable, "-m", "plugin.cli", name]
    return command if config is None else [*command, "--config", str(config.absolute())]


def environment() -> dict[str, str]:
    """Return our environment, so that children run this very code from any folder."""
    here = str(Path(__file__).resolve().parent.parent)
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([here, *(path for path in others if path != here)]),
        "PYTHONSAFEPATH": "1",
    }


def run_everything(settings: Settings, config: Path | None) -> None:
    """Run the whole system until SIGTERM or SIGINT.

    Raises
    ------
    ConfigurationError
        If another supervisor runs on this spool, there is no Redis server or no such model bundle,
        or a process cannot run with these settings.
    ModelError
        The files of the model bundle are not what its manifest says.
    """
    spool = Spool(settings.spool.folder)
    with _alone(spool):
        registry = Registry(settings.registry_url)
        registry.migrate()
        first_password = ensure_first_admin(registry, spool.folder)
        bundle = bundle_and_terms(registry, settings)
        registry.close()
        commands: dict[str, Sequence[str]] = {}
        if settings.embedded_queue:
            log = spool.run / "redis.log"
            commands["redis"] = [*embedded_broker_command(spool), "--logfile", str(log)]
        commands |= {name: command_of(name, config) for name in START_ORDER}
        supervisor = Supervisor(commands, _say, state_file=spool.run / STATE_NAME)
        _say(f"mode      {MODE_SENTENCES[settings.operation.mode]}")
        _say(f"bundle    {bundle}")
        _say(f"node      listens as {settings.node.ae_title} on port {_ports(settings)}")
        host = f"[{settings.web.host}]" if ":" in settings.web.host else settings.web.host
        _say(f"web       {settings.web.public_url or f'http://{host}:{settings.web.port}'}/")
        if first_password is not None:
            _say(f"login     {_first_login(first_password, spool)}")
        supervisor.run()


def bundle_and_terms(registry: Registry, settings: Settings) -> str:
    """Say which model bundle analyses, and what its licence permits."""
    in_force = registry.bundles.in_force()
    if in_force is None:
        return load_bundle(settings.worker.bundle or None).manifest.terms
    licence = str(in_force.facts.get("licence"))
    return f"{in_force.name} {in_force.version}: {licence}, {permitted_use(licence)}"


def _ports(settings: Settings) -> str:
    plain = [f"{settings.node.port}"] if settings.node.plain else []
    secure = [f"{settings.tls.port} (TLS)"] if settings.tls.certificate else []
    return ", ".join(plain + secure)


def _first_login(password: str, spool: Spool) -> str:
    """Say how to log in first; a password is shown on a terminal, never in a journal or a file."""
    where = f"as {FIRST_ADMIN}, one-time password in {spool.folder / FIRST_PASSWORD_NAME}"
    return f"{where}: {password}" if sys.stdout.isatty() else where


@contextmanager
def _alone(spool: Spool) -> Iterator[None]:
    """Hold the spool for this supervisor; two of them would start everything twice."""
    with (spool.run / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(Reason.ALREADY_RUNNING, str(spool.folder)) from None
        yield


def _say(line: str) -> None:
    """Print a status line at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Supervisor:
    """Keeps a set of processes alive.

    Parameters
    ----------
    commands
        Command line per process name, in the order of their start.
    tell
        Gets one line per event.
    state_file
        Where the pages read which processes run; None writes nothing.
    clock
        Seconds, rising.
    """

    def __init__(
        self,
        commands: dict[str, Sequence[str]],
        tell: Tell,
        state_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._children = {name: Child(name, command) for name, command in commands.items()}
        self._tell = tell
        self._state_file = state_file
        self._clock = clock
        self._stopping = False
        self._written_at = -_WRITE_SECONDS

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask the loop to end; also the handler of SIGTERM and SIGINT."""
        self._stopping = True

    def run(self) -> None:
        """Start everything and stay until ``stop``; always leaves without a child.

        Raises
        ------
        ConfigurationError
            If a process reports at its first start that its configuration or model is unusable;
            its own sentence was printed before.
        """
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        try:
            while not self._stopping:
                self.tick()
                time.sleep(_TICK_SECONDS)
        finally:
            self.shut_down()

    def tick(self) -> None:
        """Look at every process once: start what waits, notice what died, write it down."""
        now = self._clock()
        for child in self._children.values():
            if child.process is None:
                if now >= child.start_at:
                    self._start(child, now)
            elif child.process.poll() is not None:
                self._died(child, now)
        if now - self._written_at >= _WRITE_SECONDS:
            self._written_at = now
            self._write_state(now)

    def shut_down(self) -> None:
        """Stop the processes one after the other, letting each finish what it holds."""
        known = [name for name in STOP_ORDER if name in self._children]
        others = [name for name in self._children if name not in STOP_ORDER]
        for name in (*known, *others):
            child = self._children[name]
            process, child.process = child.process, None
            if process is None or process.poll() is not None:
                continue
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self._tell(f"{name:<9} did not stop within {_STOP_SECONDS:.0f} s and was killed")
                continue
            self._tell(f"{name:<9} stopped")
        if self._state_file is not None:
            # What systemd or a container starts from now on, pages must not ask this file about.
            with suppress(OSError):
                self._state_file.unlink()

    def _write_state(self, now: float) -> None:
        if self._state_file is None:
            return
        states = {
            child.name: "running" if child.process else f"starts in {child.start_at - now:.0f} s"
            for child in self._children.values()
        }
        text = json.dumps({"at": time.time(), "processes": states})
        temporary = self._state_file.with_suffix(".tmp")
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(self._state_file)
        except OSError as error:
            self._tell(f"up        cannot write its state: {error.strerror}")

    def _start(self, child: Child, now: float) -> None:
        child.process = _popen(child.command)
        child.started_at = now
        child.n_starts += 1
        again = "started" if child.n_starts == 1 else "started again"
        self._tell(f"{child.name:<9} {again} (pid {child.process.pid})")

    def _died(self, child: Child, now: float) -> None:
        if child.process is None:
            return
        code = child.process.returncode
        child.process = None
        if code in _FINAL_EXIT_CODES and child.n_starts == 1:
            raise ConfigurationError(Reason.PROCESS_FAILED, child.name)
        if now - child.started_at >= _SETTLED_AFTER_SECONDS:
            child.backoff_seconds = _FIRST_BACKOFF_SECONDS
        child.start_at = now + child.backoff_seconds
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._tell(
            f"{child.name:<9} ended ({how}); starting again in {child.backoff_seconds:.0f} s"
        )
        child.backoff_seconds = min(2 * child.backoff_seconds, _MAXIMUM_BACKOFF_SECONDS)


def _popen(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a child in its own process group, so that Ctrl-C reaches only us."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
        list(command),
        stdin=subprocess.DEVNULL,
        env=environment(),
        process_group=0,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has one thread
    )


def _end_with_parent() -> None:
    """Have the kernel terminate this child when the supervisor is killed (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
