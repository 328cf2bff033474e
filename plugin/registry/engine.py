"""Connections and transactions on SQLite and PostgreSQL; the only place that knows they differ.

Every write is one short transaction. On SQLite it begins with ``BEGIN IMMEDIATE``, so writers of
all processes queue in the database (which sleeps, never spins) instead of failing half-way; on
PostgreSQL rows are locked where two writers could decide differently.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import NoSuchModuleError as UnknownDatabaseError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from plugin.domain.errors import ConfigurationError, Reason, TransientError

_BUSY_TIMEOUT_MS = 30_000
# A server that went away without a word is noticed, so that no process waits for minutes.
_POSTGRESQL_TIMEOUTS = {"connect_timeout": 10, "tcp_user_timeout": 30_000}  # s, ms

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


class Database:
    """An engine and a clock; safe for threads, made anew in every process (never forked)."""

    def __init__(self, url: str, clock: Clock = utc_now) -> None:
        self.engine = _make_engine(url)
        self.now = clock
        self._listening: Connection | None = None
        self._listener = Lock()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes; it is committed at the end or leaves no trace."""
        with translated(), self.engine.connect() as connection:
            connection.execution_options(registry_write=True)
            with connection.begin():
                yield connection

    def pulse(self) -> str:
        """Return a text that differs after every commit by anybody; it may differ without one.

        Costs a fraction of a millisecond, so that it can be asked several times a second.

        References
        ----------
        SQLite: ``PRAGMA data_version`` tells a connection of commits by all others, so one is kept
        that never writes. PostgreSQL: the current snapshot names what has not ended yet.
        """
        is_sqlite = self.engine.dialect.name == "sqlite"
        asked = "PRAGMA data_version" if is_sqlite else "SELECT pg_current_snapshot()::text"
        with self._listener, translated():
            if self._listening is None or self._listening.invalidated:
                self._hang_up()
                self._listening = self.engine.connect()
            with self._listening.begin():
                return str(self._listening.exec_driver_sql(asked).scalar_one())

    def _hang_up(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def close(self) -> None:
        """Close all connections."""
        with self._listener:
            self._hang_up()
        self.engine.dispose()


def insert_unless_known(
    connection: Connection, table: Table, values: Mapping[str, Any], *key: str
) -> bool:
    """Insert a row unless one with the same unique ``key`` exists; tell whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values).on_conflict_do_nothing(index_elements=key)
    # PostgreSQL returns the number of a new row, and its driver's count would be forgotten by that.
    kept = statement.execution_options(preserve_rowcount=True)
    return connection.execute(kept).rowcount == 1


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn a lost, locked or broken database into ``TransientError``; other faults are bugs."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise TransientError(Reason.REGISTRY_UNAVAILABLE) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise TransientError(Reason.REGISTRY_UNAVAILABLE) from error
        raise


def _make_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        # Values never reach a log or an exception text: rows hold names of patients.
        engine = create_engine(
            parsed, hide_parameters=True, pool_pre_ping=True, connect_args=_timeouts(parsed)
        )
    except (ArgumentError, UnknownDatabaseError, ImportError):
        raise ConfigurationError(
            Reason.SETTING_INVALID, "registry.url: not a database that can be used"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.name != "postgresql":
        raise ConfigurationError(
            Reason.SETTING_INVALID, "registry.url: only sqlite and postgresql are supported"
        )
    return engine


def _timeouts(url: URL) -> dict[str, int]:
    """Return the limits for connecting that the URL does not set itself."""
    if url.get_backend_name() != "postgresql":
        return {}
    return {name: limit for name, limit in _POSTGRESQL_TIMEOUTS.items() if name not in url.query}


def _prepare_sqlite(dbapi_connection: DBAPIConnection, _record: object) -> None:
    # The driver must not open transactions behind our back: _begin_sqlite says which kind.
    dbapi_connection.isolation_level = None
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
        "synchronous=FULL",
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("registry_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")
