"""Bringing the tables to this version, once, however many processes start together."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

from plugin.registry.engine import Database, translated

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 0x636D7274  # any number that nobody else locks in this database


def migrate(database: Database) -> None:
    """Run the missing migrations in one transaction, under a lock.

    Tables that are of this version already are only looked at: every process and every command
    comes here at its start, and none of them may lock out the others for nothing.
    """
    # Only here: most processes import the registry, few need the migrations' machinery.
    from alembic import command

    engine = database.engine
    if _is_current(database):
        return
    with translated(), _sqlite_alone(engine), engine.connect() as connection:
        connection.execution_options(registry_write=True)
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            command.upgrade(_configuration(connection), "head")


def _is_current(database: Database) -> bool:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    engine = database.engine
    path = engine.url.database
    if engine.dialect.name == "sqlite" and not (path and Path(path).exists()):
        return False  # and looking would make the file
    newest = ScriptDirectory.from_config(_configuration()).get_heads()
    with database.read() as connection:
        present = MigrationContext.configure(connection).get_current_heads()
    return set(present) == set(newest)


def _configuration(connection: Connection | None = None) -> "Config":
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    configuration.attributes["connection"] = connection
    return configuration


@contextlib.contextmanager
def _sqlite_alone(engine: Engine) -> Iterator[None]:
    """Hold a file lock on SQLite: changing to WAL waits for nobody, it fails when not alone."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path or path == ":memory:":
        yield
        return
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA journal_mode=WAL")
        finally:
            raw.close()
        Path(path).chmod(0o600)
        yield
