"""Open pages hear of changes: at once, not without need, and not after their session."""

import asyncio
import threading
from itertools import count

import httpx
import pytest
import uvicorn

from plugin.demo.stage import free_ports
from plugin.web.events import Watcher
from tests.plugin.web.conftest import PASSWORD, receive


def test_watcher_wakes_all_readers_once_per_change():
    stamps = iter(["a", "a", "b", "b"])

    async def scene():
        last = "a"

        def stamp():
            nonlocal last
            last = next(stamps, last)
            return last

        pulses = count()
        watcher = Watcher(stamp, lambda: str(next(pulses)), ask_seconds=0.01)
        watcher.enter()
        watcher.enter()
        first = await asyncio.gather(watcher.wait(2.0), watcher.wait(2.0))
        again = await watcher.wait(0.2)
        watcher.leave()
        watcher.leave()
        return first, again, watcher.n_readers

    assert asyncio.run(scene()) == ([True, True], False, 0)


def test_without_a_pulse_the_list_is_not_looked_at():
    asked = []

    async def scene():
        watcher = Watcher(lambda: asked.append(1) or "a", lambda: "same", ask_seconds=0.01)
        watcher.enter()
        heard = await watcher.wait(0.2)
        watcher.leave()
        return heard

    assert asyncio.run(scene()) is False
    assert len(asked) == 1


def test_watcher_outlives_a_fault_of_the_registry():
    """Pages that are open would go on listening to nobody, and look as if nothing arrived."""
    pulses, stamps = count(), iter(["a", ValueError("broken"), "b"])

    def stamp():
        found = next(stamps, "b")
        if isinstance(found, Exception):
            raise found
        return found

    async def scene():
        watcher = Watcher(stamp, lambda: str(next(pulses)), 0.01, rest_after_failure_seconds=0.01)
        watcher.enter()
        heard = await watcher.wait(5.0)
        watcher.leave()
        return heard

    assert asyncio.run(scene()) is True


@pytest.fixture
def address(app):
    """Serve the pages on a real port: the test client knows no endless answers."""
    (port,) = free_ports(1)
    config = uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)


def test_page_hears_of_a_study_that_arrives_and_of_the_end_of_its_session(address, registry):
    with httpx.Client(base_url=address, timeout=30) as client:
        client.post("/login", data={"name": "reader", "password": PASSWORD})
        with client.stream("GET", "/events") as stream:
            lines = (line for line in stream.iter_lines() if line.startswith("event"))
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert next(lines) == "event: changed"  # for what happened before it listened
            threading.Timer(1.5, lambda: receive(registry)).start()
            assert next(lines) == "event: changed"
            registry.users.edit("reader", enabled=False, actor="test")
            threading.Timer(1.5, lambda: receive(registry, uid="1.2.840.2")).start()
            assert next(lines) == "event: signedout"


def test_nobody_listens_without_a_session(address):
    answer = httpx.get(f"{address}/events", follow_redirects=False)
    assert answer.status_code == 303
