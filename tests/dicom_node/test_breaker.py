"""The circuit breaker: pure decisions, and what a destination that is down sees and shows."""

from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.breaker import Breaker, backoff_seconds
from dicom_node.destination_loop import DestinationLoop
from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState
from tests.dicom_node.destination import Destination, free_port

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("n_failures", "chance", "expected"),
    [
        (1, 0.5, 5.0),
        (2, 0.5, 10.0),
        (4, 0.5, 40.0),
        (1, 0.0, 3.75),
        (1, 1.0, 6.25),
        (9, 0.5, 900.0),
        (9, 1.0, 900.0),
        (9, 0.0, 675.0),
        (10_000, 0.5, 900.0),
    ],
)
def test_backoff_doubles_up_to_a_limit_and_is_spread(n_failures, chance, expected):
    assert backoff_seconds(n_failures, 5.0, 900.0, chance) == pytest.approx(expected)


def test_breaker_opens_after_failures_in_a_row_and_closes_with_an_answer():
    breaker = Breaker(2, lambda n_failures: 10.0 * n_failures)
    assert breaker.failed(NOW) == 10.0
    assert not breaker.is_open
    assert breaker.rest_seconds(NOW) == 0.0
    breaker.answered()
    breaker.failed(NOW)
    assert breaker.failed(NOW) == 20.0
    assert breaker.is_open
    assert breaker.rest_seconds(NOW + timedelta(seconds=5)) == 15.0
    assert breaker.rest_seconds(NOW + timedelta(seconds=20)) == 0.0
    breaker.answered()
    assert not breaker.is_open


@pytest.fixture
def calm(settings):
    """Wait for hours, so that what happens at once was not waited for."""
    delivery = settings.delivery.model_copy(
        update={"first_retry_seconds": 1e4, "maximum_retry_seconds": 1e5}
    )
    return settings.model_copy(update={"delivery": delivery})


def add(registry, port):
    return registry.destinations.add("pacs", ae_title="PACS", host="127.0.0.1", port=port)


def fail(loop, n_times):
    for _ in range(n_times):
        loop._fresh = True
        loop.step()


def test_open_breaker_sends_nothing_until_a_person_or_time_has_it_probed(
    registry, publish, settings, calm
):
    port = free_port()
    destination = add(registry, port)
    job_id = publish()
    loop = DestinationLoop(destination, calm, registry, lambda: 0.5)
    fail(loop, 3)
    health = registry.health.get(destination.id)
    assert health.n_failures == 3
    assert health.open_since is not None
    assert health.last_reason is Reason.DESTINATION_UNREACHABLE
    there = Destination(port)
    other = publish()
    assert loop.step() > 0
    assert there.arrived == []  # though it is back: nobody asked yet
    registry.health.forget(destination.id)  # destination retry
    loop.step()
    states = {registry.deliveries.for_job(one)[0].state for one in (job_id, other)}
    assert states == {DeliveryState.SENT}
    assert registry.health.get(destination.id).open_since is None
    there.stop()


def test_restart_probes_an_open_destination_at_once_and_counts_on(registry, publish, calm):
    port = free_port()
    destination = add(registry, port)
    publish()
    fail(DestinationLoop(destination, calm, registry), 3)
    since = registry.health.get(destination.id).open_since
    again = DestinationLoop(destination, calm, registry)
    again.step()
    health = registry.health.get(destination.id)
    assert (health.n_failures, health.open_since) == (4, since)
    there = Destination(port)
    DestinationLoop(destination, calm, registry).step()
    assert registry.health.get(destination.id).n_failures == 0
    assert len(there.arrived) == 1
    there.stop()


def test_probe_is_content_with_a_destination_that_knows_no_echo(registry, publish, calm):
    port = free_port()
    destination = add(registry, port)
    publish()
    fail(DestinationLoop(destination, calm, registry), 3)
    there = Destination(port, echo=False)
    DestinationLoop(destination, calm, registry).step()
    assert len(there.arrived) == 1
    there.stop()
