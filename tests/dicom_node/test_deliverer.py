"""Queues of destinations: retry, backoff, live changes, restarts; a dead PACS blocks nobody."""

import errno
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pydicom
import pytest

from dicom_node import tasks
from dicom_node.deliverer import Deliverer
from dicom_node.destination_loop import DestinationLoop
from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState
from tests.dicom_node.destination import Destination, free_port
from tests.dicom_node.test_handlers import wait_for


@pytest.fixture
def deliverer(settings, registry):
    deliverer = Deliverer(settings, registry)
    yield deliverer
    deliverer.stop(10)


def state_at(registry, job_id, name="pacs"):
    for delivery in registry.deliveries.for_job(job_id):
        if delivery.destination_name == name:
            return delivery
    return None


def add(registry, port, name="pacs"):
    return registry.destinations.add(name, ae_title="PACS", host="127.0.0.1", port=port)


def sent(registry, job_id, name="pacs"):
    delivery = state_at(registry, job_id, name)
    return delivery.state is DeliveryState.SENT and delivery


def test_destination_that_was_down_gets_everything_when_it_is_up(registry, deliverer, publish):
    port = free_port()
    add(registry, port)
    job_id = publish()
    deliverer.refresh()
    failed = wait_for(lambda: (d := state_at(registry, job_id)).last_reason and d)
    assert (failed.state, failed.last_reason) == (
        DeliveryState.PENDING,
        Reason.DESTINATION_UNREACHABLE,
    )
    there = Destination(port)
    delivered = wait_for(lambda: sent(registry, job_id))
    assert delivered.sent_at is not None
    assert len(there.arrived) == 1
    there.stop()


def test_dead_destination_blocks_no_other(registry, deliverer, publish):
    there = Destination()
    add(registry, free_port(), "dead")
    add(registry, there.port, "alive")
    job_id = publish()
    deliverer.refresh()
    wait_for(lambda: sent(registry, job_id, "alive"))
    assert state_at(registry, job_id, "dead").state is DeliveryState.PENDING
    there.stop()


def test_refused_object_is_dead_and_out_of_resources_is_tried_again(registry, deliverer, publish):
    there = Destination(statuses=[0xC001, 0xA700, 0x0000])
    add(registry, there.port)
    refused, later = publish(), publish()
    deliverer.refresh()
    wait_for(lambda: sent(registry, later))
    dead = state_at(registry, refused)
    assert (dead.state, dead.last_status) == (DeliveryState.DEAD, 0xC001)
    assert state_at(registry, later).attempts == 2
    there.stop()


def test_changed_destination_is_tried_at_once(registry, settings, publish):
    slow = settings.delivery.model_copy(
        update={"first_retry_seconds": 600.0, "maximum_retry_seconds": 900.0}
    )
    deliverer = Deliverer(settings.model_copy(update={"delivery": slow}), registry)
    add(registry, free_port())
    job_id = publish()
    deliverer.refresh()
    wait_for(lambda: state_at(registry, job_id).last_reason)
    there = Destination()
    registry.destinations.edit("pacs", port=there.port)
    deliverer.refresh()
    wait_for(lambda: sent(registry, job_id))
    deliverer.stop(10)
    there.stop()


def test_disabled_destination_waits_and_goes_on_when_enabled(registry, deliverer, publish):
    there = Destination()
    add(registry, there.port)
    deliverer.refresh()
    job_id = publish()
    registry.destinations.edit("pacs", enabled=False)
    deliverer.refresh()
    time.sleep(0.3)
    waiting = state_at(registry, job_id)
    registry.destinations.edit("pacs", enabled=True)
    deliverer.refresh()
    wait_for(lambda: sent(registry, job_id))
    assert waiting is not None
    there.stop()


def test_object_is_given_up_after_the_maximum_of_attempts(registry, settings, publish):
    few = settings.delivery.model_copy(update={"maximum_attempts": 2})
    deliverer = Deliverer(settings.model_copy(update={"delivery": few}), registry)
    there = Destination(statuses=[0xA700, 0xA701])
    add(registry, there.port)
    job_id = publish()
    deliverer.refresh()
    dead = wait_for(lambda: (d := state_at(registry, job_id)).state is DeliveryState.DEAD and d)
    assert (dead.attempts, dead.last_status) == (2, 0xA701)
    assert dead.last_reason is Reason.DESTINATION_OUT_OF_RESOURCES
    registry.destinations.retry(dead.destination_name)
    wait_for(lambda: sent(registry, job_id))
    deliverer.stop(10)
    there.stop()


def test_destination_that_is_long_down_costs_no_object(registry, settings, publish):
    """Only answers to an object count: a PACS may be away for longer than any number of tries."""
    few = settings.delivery.model_copy(
        update={"maximum_attempts": 1, "maximum_retry_seconds": 0.1, "first_retry_seconds": 0.05}
    )
    port = free_port()
    destination = add(registry, port)
    job_id = publish()
    loop = DestinationLoop(
        destination, settings.model_copy(update={"delivery": few}), registry, lambda: 0.0
    )
    for _ in range(5):
        time.sleep(0.1)
        assert loop.step() < 0.2
    assert state_at(registry, job_id).last_reason is Reason.DESTINATION_UNREACHABLE
    there = Destination(port)
    time.sleep(0.1)
    loop.step()
    assert sent(registry, job_id)
    there.stop()


def test_result_that_cannot_be_read_for_a_moment_is_delivered_later(
    registry, settings, publish, monkeypatch
):
    """It never counts towards giving the object up, and is no answer of the destination."""
    once = settings.delivery.model_copy(update={"maximum_attempts": 1})
    there = Destination()
    destination = add(registry, there.port)
    job_id = publish()

    def step():
        loop = DestinationLoop(
            destination, settings.model_copy(update={"delivery": once}), registry
        )
        loop.step()
        return state_at(registry, job_id)

    def unreadable(_path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(pydicom.filereader, "read_file_meta_info", unreadable)
    for _ in range(3):
        waiting = step()
        assert (waiting.state, waiting.attempts) == (DeliveryState.PENDING, 0)
        assert waiting.last_reason is Reason.STORAGE_UNREADABLE
    assert registry.health.get(destination.id).last_answer_at is None
    monkeypatch.undo()
    assert step().state is DeliveryState.SENT
    assert registry.health.get(destination.id).last_answer_at is not None
    there.stop()


def test_destination_that_nobody_called_did_not_answer(registry, settings, publish):
    destination = add(registry, free_port())
    job_id = publish()
    Path(registry.jobs.result_objects(job_id)[0].path).unlink()
    DestinationLoop(destination, settings, registry).step()
    assert state_at(registry, job_id).state is DeliveryState.DEAD
    assert registry.health.get(destination.id).last_answer_at is None


def test_object_that_breaks_the_association_holds_up_no_other(registry, settings, publish):
    slow = settings.delivery.model_copy(update={"first_retry_seconds": 600.0})
    deliverer = Deliverer(settings.model_copy(update={"delivery": slow}), registry)
    there = Destination(statuses=["abort"])
    add(registry, there.port)
    poison, other = publish(), publish()
    deliverer.refresh()
    wait_for(lambda: sent(registry, other))
    assert state_at(registry, poison).state is DeliveryState.PENDING
    assert state_at(registry, other).attempts == 1
    deliverer.stop(10)
    there.stop()


def test_stopping_waits_for_all_destinations_together(registry, settings, publish):
    """Three that accept a connection and say nothing are not waited for one after the other."""
    silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    patient = settings.delivery.model_copy(update={"connection_timeout_seconds": 8})
    deliverer = Deliverer(settings.model_copy(update={"delivery": patient}), registry)
    for number, server in enumerate(silent):
        add(registry, server.getsockname()[1], f"silent{number}")
    publish()
    deliverer.refresh()
    time.sleep(0.5)
    started = time.monotonic()
    deliverer.stop(1.0)
    assert time.monotonic() - started < 2.5
    for server in silent:
        server.close()


def test_process_delivers_what_an_earlier_one_left_and_stops_on_sigterm(
    settings, registry, publish
):
    there = Destination()
    add(registry, there.port)
    job_id = publish()

    def end():
        wait_for(lambda: sent(registry, job_id))
        os.kill(os.getpid(), signal.SIGTERM)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    watcher = threading.Thread(target=end)
    watcher.start()
    try:
        tasks.main(settings)
    finally:
        watcher.join()
        for number, handler in before.items():
            signal.signal(number, handler)
    assert len(there.arrived) == 1
    there.stop()
