"""The registry's tests run on SQLite and on PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from plugin.registry import Registry
from plugin.registry.tables import metadata
from tests.plugin.registry.postgresql import find_binaries, running_server
from tests.plugin.registry.samples import FakeClock


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Give the URL of a server, with ``{database}`` where the name of a database goes."""
    given = os.environ.get("CMR_TRIAGE_TEST_POSTGRESQL_URL")
    if given:
        url = make_url(given).set(database="{database}").render_as_string(hide_password=False)
        yield url.replace("%7Bdatabase%7D", "{database}")
        return
    binaries = find_binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed, and CI must test on it")
        pytest.skip("PostgreSQL is not installed")
    with running_server(binaries) as url:
        yield url


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Give the URL of an empty database on the server, dropped at the end."""
    name = f"t_{uuid4().hex}"
    plain = server.replace("+psycopg", "").format(database="postgres")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield server.format(database=name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> Iterator[str]:
    """Give the URL of one database with tables: making one for each test costs too much."""
    with fresh_database(postgresql) as url:
        with Registry(url) as registry:
            registry.migrate()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def registry_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of an empty database of each kind."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'registry.sqlite'}"
        return
    with fresh_database(request.getfixturevalue("postgresql")) as url:
        yield url


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock
) -> Iterator[Registry]:
    """Give a registry of each kind with empty tables."""
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'registry.sqlite'}"
    else:
        url = request.getfixturevalue("migrated_postgresql")
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            tables = ", ".join(f'"{name}"' for name in metadata.tables)
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
    with Registry(url, clock) as registry:
        if kind == "sqlite":
            registry.migrate()
        yield registry
