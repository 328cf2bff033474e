"""Where the demo plays: a folder, free ports, settings, and the system as a child process."""

import shutil
import socket
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicom_node.archive import PlayedArchive
from plugin.accounts import Accounts, one_time_password
from plugin.domain.access import Role
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.study import PeerKind
from plugin.registry import Registry
from plugin.settings import load_settings
from plugin.supervisor import command_of, environment

NODE_AE_TITLE = "CMRTRIAGE"
DEMO_USER = "demo"
_STOP_SECONDS = 60.0

_SETTINGS = """\
[operation]
mode = "live"

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


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays."""

    folder: Path
    config: Path
    node_port: int
    web_port: int

    @property
    def page(self) -> str:
        """Address of the pages."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def system(self) -> Path:
        """What only the running system needs."""
        return self.config.parent

    @property
    def results(self) -> Path:
        """What stays for people to look at."""
        return self.folder / "results"


class System:
    """``cmr-triage up`` as a child, its output in a file."""

    def __init__(self, stage: Stage) -> None:
        self._log = stage.folder / "logs" / "up.log"
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


def prepare(folder: Path | None) -> Stage:
    """Make the folder and the settings file, on free loopback ports.

    Raises
    ------
    ConfigurationError
        If the folder holds anything that no earlier demo left there, or cannot be written.
    """
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="cmr-triage-demo-"))
    folder = folder.absolute()
    system = folder / "system"
    config = system / "cmr-triage.toml"
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / "logs").is_dir():
            raise ConfigurationError(Reason.OUTPUT_NOT_WRITABLE, f"{folder} is not empty")
        shutil.rmtree(system, ignore_errors=True)
        system.mkdir(parents=True)
        (folder / "logs").mkdir(exist_ok=True)
        node_port, web_port = free_ports(2)
        text = _SETTINGS.format(
            ae_title=NODE_AE_TITLE, node_port=node_port, web_port=web_port, spool=system / "spool"
        )
        config.write_text(text, encoding="utf-8")
    except OSError:
        raise ConfigurationError(Reason.OUTPUT_NOT_WRITABLE, str(folder)) from None
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
    where: dict[str, Any] = {"host": archive.host, "port": archive.port}
    registry.peers.add(archive.ae_title, kind=PeerKind.ARCHIVE, actor="demo", **where)
    registry.destinations.add("archive", ae_title=archive.ae_title, actor="demo", **where)
    return registry


def let_in(registry: Registry) -> str:
    """Make the account that may do everything in the demo; return its password.

    It is no one-time password: the system lives as long as the demo and holds no patient.
    """
    password = one_time_password()
    Accounts(registry).add(DEMO_USER, Role.ADMIN, "demo", password)
    return password
