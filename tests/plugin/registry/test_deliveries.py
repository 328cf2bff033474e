"""One queue per destination, and only transitions that exist."""

from datetime import timedelta

import pytest

from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState
from tests.plugin.registry.samples import make_instance, report_job


@pytest.fixture
def pacs(registry):
    return registry.destinations.add("pacs", ae_title="PACS", host="h", port=104)


def test_due_gives_each_destination_its_own_queue_in_order(registry, pacs):
    other = registry.destinations.add("other", ae_title="O", host="h", port=104, objects=("sr",))
    first = report_job(registry, "first")
    second = report_job(registry, "second", make_instance(study_instance_uid="1.2.3"))

    due = registry.deliveries.due(pacs.id)

    assert [d.job_id for d in due] == [first.id, first.id, second.id, second.id]
    assert due[0].path == "results/first/sr.dcm"
    assert due[0].destination_name == "pacs"
    assert len(registry.deliveries.due(pacs.id, limit=3)) == 3
    assert [d.kind for d in registry.deliveries.due(other.id)] == ["sr", "sr"]


def test_sent_takes_an_object_out_of_the_queue_once(registry, pacs, clock):
    report_job(registry)
    delivery = registry.deliveries.due(pacs.id)[0]

    assert registry.deliveries.sent(delivery.id, 0xB000)
    assert not registry.deliveries.sent(delivery.id)

    sent = registry.deliveries.get(delivery.id)
    assert (sent.state, sent.sent_at, sent.attempts) == (DeliveryState.SENT, clock.now, 1)
    assert sent.last_status == 0xB000
    assert delivery.id not in [d.id for d in registry.deliveries.due(pacs.id)]
    assert registry.deliveries.confirmed(delivery.id)
    assert registry.deliveries.get(delivery.id).state is DeliveryState.CONFIRMED


def test_failed_waits_until_its_next_attempt(registry, pacs, clock):
    report_job(registry)
    delivery = registry.deliveries.due(pacs.id)[0]

    assert registry.deliveries.failed(
        delivery.id, Reason.DESTINATION_UNREACHABLE, None, clock.now + timedelta(seconds=5)
    )

    assert delivery.id not in [d.id for d in registry.deliveries.due(pacs.id)]
    clock.advance(5)
    (again, *_) = registry.deliveries.due(pacs.id)
    assert (again.id, again.attempts) == (delivery.id, 1)
    assert again.last_reason is Reason.DESTINATION_UNREACHABLE


def test_dead_is_over_until_a_person_retries(registry, pacs):
    report_job(registry, "r")
    delivery = registry.deliveries.due(pacs.id)[0]

    assert registry.deliveries.dead(delivery.id, Reason.DESTINATION_REFUSED_INSTANCE, 0xC000)
    assert not registry.deliveries.sent(delivery.id)
    dead = registry.deliveries.get(delivery.id)
    assert (dead.state, dead.last_status) == (DeliveryState.DEAD, 0xC000)

    assert registry.deliveries.retry(delivery.id)
    assert not registry.deliveries.retry(delivery.id)
    assert registry.deliveries.get(delivery.id).attempts == 0
    assert delivery.id in [d.id for d in registry.deliveries.due(pacs.id)]


def test_confirmed_needs_sent_first(registry, pacs):
    report_job(registry)
    delivery = registry.deliveries.due(pacs.id)[0]
    assert not registry.deliveries.confirmed(delivery.id)
    assert not registry.deliveries.confirmed(10_000)


def test_counts_are_by_destination(registry, pacs):
    report_job(registry)
    registry.deliveries.sent(registry.deliveries.due(pacs.id)[0].id)

    counts = registry.deliveries.counts()

    assert counts["pacs"][DeliveryState.SENT] == 1
    assert counts["pacs"][DeliveryState.PENDING] == 1
    assert counts["pacs"][DeliveryState.DEAD] == 0


def test_removing_a_destination_ends_what_waits_for_it(registry, pacs):
    job = report_job(registry)
    registry.deliveries.sent(registry.deliveries.due(pacs.id)[0].id)

    assert registry.destinations.remove("pacs") == 1

    sent, waiting = registry.deliveries.for_job(job.id)
    assert sent.state is DeliveryState.SENT
    assert (waiting.state, waiting.last_reason) == (
        DeliveryState.DEAD,
        Reason.DESTINATION_REMOVED,
    )
    assert waiting.destination_name == "pacs"
    assert registry.destinations.get("pacs") is None


def test_destination_added_again_gets_what_waited_for_it(registry, pacs):
    sent, waiting = registry.deliveries.for_job(report_job(registry).id)
    registry.deliveries.sent(sent.id)
    registry.destinations.remove("pacs")

    other = registry.destinations.add("other", ae_title="PACS", host="h", port=104)
    assert registry.deliveries.due(other.id) == []
    again = registry.destinations.add("pacs", ae_title="PACS", host="elsewhere", port=104)

    assert [delivery.id for delivery in registry.deliveries.due(again.id)] == [waiting.id]


def test_retry_all_is_for_one_destination_and_for_what_was_given_up(registry, pacs):
    registry.destinations.add("other", ae_title="PACS", host="h", port=104)
    job = report_job(registry)
    for delivery in registry.deliveries.for_job(job.id):
        if delivery.kind == "sr":
            registry.deliveries.dead(delivery.id, Reason.DESTINATION_NO_CONTEXT)

    assert registry.destinations.retry(pacs.name) == 1

    states = {(d.destination_name, d.kind): d.state for d in registry.deliveries.for_job(job.id)}
    assert states["pacs", "sr"] is DeliveryState.PENDING
    assert states["other", "sr"] is DeliveryState.DEAD


def test_failed_counts_only_when_the_object_was_tried(registry, pacs, clock):
    report_job(registry)
    first = registry.deliveries.due(pacs.id)[0]
    unreachable = Reason.DESTINATION_UNREACHABLE

    registry.deliveries.failed(first.id, unreachable, None, clock.now, counts=False)
    assert registry.deliveries.get(first.id).attempts == 0
    registry.deliveries.failed(first.id, unreachable, None, clock.now)
    assert registry.deliveries.get(first.id).attempts == 1
