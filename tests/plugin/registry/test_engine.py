"""Databases that are away, locked, wrong; and values that never leave in an error."""

import socket
import sqlite3
import threading
import time
import traceback

import pytest
from sqlalchemy import text

from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.registry import Registry
from plugin.registry import engine as engine_module
from plugin.registry.engine import Database
from tests.plugin.registry.samples import make_instance

SECRET = "Geheim^Gudrun"


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://h/d", "oracle://h/d", "xyz://h"])
def test_a_url_that_cannot_be_used_stops_the_start(url):
    with pytest.raises(ConfigurationError) as refused:
        Registry(url)
    assert "registry.url" in refused.value.detail


def test_a_password_is_not_in_the_error():
    with pytest.raises(ConfigurationError) as refused:
        Registry("mysql://me:topsecret@h/d")
    shown = "".join(traceback.format_exception_only(refused.value))
    assert "topsecret" not in shown
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_database_that_does_not_answer_is_transient():
    with Registry("postgresql+psycopg://me@127.0.0.1:1/none?connect_timeout=2") as registry:
        with pytest.raises(TransientError) as lost:
            registry.check()
        assert lost.value.reason is Reason.REGISTRY_UNAVAILABLE


def test_a_server_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(engine_module, "_POSTGRESQL_TIMEOUTS", {"connect_timeout": 2})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://me@127.0.0.1:{silent.getsockname()[1]}/none"
        with Registry(url) as registry, pytest.raises(TransientError):
            registry.check()


def test_a_locked_sqlite_waits_and_then_is_transient(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "_BUSY_TIMEOUT_MS", 300)
    path = tmp_path / "registry.sqlite"
    with Registry(f"sqlite:///{path}") as registry:
        registry.migrate()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        used = time.process_time()
        with pytest.raises(TransientError):
            registry.peers.add("PACS")
        assert time.process_time() - used < 0.15  # it slept, it did not spin
        other.execute("ROLLBACK")
        other.close()
        registry.peers.add("PACS")


def test_an_error_of_the_database_holds_no_values(registry):
    with pytest.raises(Exception) as failed:  # noqa: PT011 - which one depends on the driver
        registry.studies.add_instance(make_instance(patient_name=SECRET, sha256=None))
    assert SECRET not in str(failed.value)


def test_readers_are_not_blocked_by_a_writer(registry_url):
    database = Database(registry_url)
    with Registry(registry_url) as registry:
        registry.migrate()
    inside, done = threading.Event(), threading.Event()

    def write() -> None:
        with database.write() as connection:
            connection.execute(text("UPDATE peers SET enabled = enabled"))
            inside.set()
            done.wait(5)

    writer = threading.Thread(target=write)
    writer.start()
    assert inside.wait(5)
    started = time.monotonic()
    with database.read() as connection:
        connection.execute(text("SELECT count(*) FROM peers")).scalar_one()
    assert time.monotonic() - started < 1
    done.set()
    writer.join()
    database.close()


def test_the_pulse_changes_with_every_commit_of_anybody_and_not_without_one(registry_url):
    with Registry(registry_url) as registry, Registry(registry_url) as other:
        registry.migrate()
        first = registry.worklist.pulse()
        registry.worklist.counts()
        assert registry.worklist.pulse() == first
        registry.studies.add_instances([make_instance()])
        second = registry.worklist.pulse()
        other.studies.add_instances([make_instance(2)])
        assert len({first, second, registry.worklist.pulse()}) == 3


def test_counts_are_made_again_after_a_change(registry_url):
    with Registry(registry_url) as registry:
        registry.migrate()
        assert registry.worklist.counts().n_to_read == 0
        registry.studies.add_instances([make_instance()])
        assert registry.worklist.counts().n_to_read == 1
        assert registry.worklist.counts() is registry.worklist.counts()
