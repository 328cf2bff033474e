"""A process serves what others ask of it while it does its own work."""

import threading
import time

import pytest

from plugin.desk import Desk
from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.domain.request import RequestKind, RequestState
from plugin.machine import LoadMeter
from plugin.registry import Registry


@pytest.fixture
def registry(tmp_path):
    with Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}") as registry:
        registry.migrate()
        yield registry


def ask(registry, kind=RequestKind.ECHO_PEER):
    return registry.requests.ask(kind, {"ae_title": "PACS"}, "admin", "peer PACS")


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def desk_that(registry, handler):
    return Desk(registry, "host:1", "deliver", {RequestKind.ECHO_PEER: handler}, lambda: {"n": 1})


def test_desk_answers_beats_and_is_gone_when_it_closes(registry):
    asked = ask(registry)
    with desk_that(registry, lambda request: {"about": request.asked["ae_title"]}):
        wait_until(lambda: registry.requests.get(asked.id).state is RequestState.DONE)
        wait_until(registry.heartbeats.list)
        (beat,) = registry.heartbeats.list()
        assert (beat.name, beat.kind, beat.facts) == ("host:1", "deliver", {"n": 1})
    assert registry.requests.get(asked.id).answer == {"about": "PACS"}
    assert registry.heartbeats.list() == []


def test_desk_beats_on_while_it_carries_something_out(registry, monkeypatch):
    monkeypatch.setattr("plugin.desk._BEAT_SECONDS", 0.05)
    asked, done = ask(registry), threading.Event()

    def slow(_request):
        assert done.wait(20)
        return {}

    held = []
    monkeypatch.setattr(registry.requests, "hold", lambda *which: held.append(which))
    with desk_that(registry, slow):
        wait_until(lambda: registry.requests.get(asked.id).state is RequestState.TAKEN)
        wait_until(lambda: held)
        assert set(held) == {(asked.id, "host:1")}
        (before,) = registry.heartbeats.list()
        wait_until(lambda: registry.heartbeats.list()[0].seen_at > before.seen_at)
        assert registry.requests.get(asked.id).state is RequestState.TAKEN
        done.set()
    assert registry.heartbeats.list() == []


def test_desk_beats_again_when_the_registry_is_back(registry, monkeypatch):
    monkeypatch.setattr("plugin.desk._BEAT_SECONDS", 0.05)
    beat, failures = registry.heartbeats.beat, [TransientError(Reason.REGISTRY_UNAVAILABLE)]

    def fail_once(*facts):
        if failures:
            raise failures.pop()
        beat(*facts)

    monkeypatch.setattr(registry.heartbeats, "beat", fail_once)
    with desk_that(registry, lambda _request: {}):
        wait_until(registry.heartbeats.list)
    assert not failures


def test_desk_leaves_what_it_cannot_do_to_others(registry):
    asked = ask(registry, RequestKind.WITHDRAW_RESULT)
    assert desk_that(registry, lambda _request: {}).tick() is False
    assert registry.requests.get(asked.id).state is RequestState.WAITING


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConfigurationError(Reason.NOT_FOUND, "peer"), Reason.NOT_FOUND),
        (RuntimeError("Doe^Jane"), Reason.INTERNAL_ERROR),
    ],
)
def test_what_fails_is_refused_with_a_sentence_and_without_its_text(registry, error, reason):
    def fail(_request):
        raise error

    asked = ask(registry)
    assert desk_that(registry, fail).tick()
    answered = registry.requests.get(asked.id)
    assert (answered.state, answered.reason) == (RequestState.REFUSED, reason)
    assert "Doe" not in str(answered.answer)


def test_load_is_what_the_kernel_says(tmp_path):
    (tmp_path / "self").mkdir()
    (tmp_path / "stat").write_text("cpu  10 0 10 70 10 0 0 0 0 0\n")
    (tmp_path / "meminfo").write_text("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n")
    (tmp_path / "self" / "statm").write_text("100 25 0 0 0 0 0\n")
    meter = LoadMeter(proc=tmp_path)
    first = meter.look()
    assert first["cpu_percent"] == 20.0
    assert first["memory_used_bytes"] == 750 * 1024
    assert first["process_bytes"] >= 25 * 4096
    (tmp_path / "stat").write_text("cpu  60 0 10 120 10 0 0 0 0 0\n")
    assert meter.look()["cpu_percent"] == 50.0


def test_load_of_a_machine_that_tells_nothing_is_empty(tmp_path):
    assert set(LoadMeter(proc=tmp_path).look()) == {"n_processors"}
