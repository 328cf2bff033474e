"""The registry's tests run on SQLite and on PostgreSQL."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from plugin.registry import Registry
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


@pytest.fixture(params=["sqlite", "postgresql"])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'registry.sqlite'}"
        return
    server: str = request.getfixturevalue("postgresql")
    name = f"t_{uuid4().hex}"
    plain = server.replace("+psycopg", "").format(database="postgres")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield server.format(database=name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(registry_url: str, clock: FakeClock) -> Iterator[Registry]:
    with Registry(registry_url, clock) as registry:
        registry.migrate()
        yield registry
