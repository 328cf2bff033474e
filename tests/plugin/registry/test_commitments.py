"""Requests for commitment and what reports of archives change, and what is learnt of them."""

from datetime import timedelta

import pytest

from plugin.domain.errors import Reason
from plugin.domain.job import MAXIMUM_LOSSES, ConfirmMode, DeliveryState, Remedy
from plugin.registry import DestinationHealth, UnconfirmedObject
from tests.plugin.registry.samples import make_instance, report_job

TRANSACTION = "2.25.77"
LATER = timedelta(hours=1)


@pytest.fixture
def pacs(registry):
    return registry.destinations.add("pacs", ae_title="PACS", host="h", port=104)


@pytest.fixture
def sent(registry, pacs, clock):
    """Two objects that were sent and are due to be asked about."""
    report_job(registry)
    for delivery in registry.deliveries.due(pacs.id):
        registry.deliveries.sent(delivery.id, 0, clock.now)
    return registry.deliveries.to_confirm(pacs.id)


def ask(registry, pacs, sent, clock, transaction=TRANSACTION):
    ids = [one.id for one in sent]
    registry.commitments.request(pacs.id, transaction, ids, clock.now + LATER)


def failure(delivery, remedy, status=0x0110, reason=Reason.COMMITMENT_FAILED):
    return UnconfirmedObject(delivery.sop_instance_uid, remedy, reason, status)


def test_request_puts_the_question_off_until_its_deadline(registry, pacs, sent, clock):
    assert len(sent) == 2
    ask(registry, pacs, sent, clock)
    assert registry.deliveries.to_confirm(pacs.id) == []
    assert registry.commitments.open_transactions(pacs.id) == 1
    clock.advance(3601)
    (again, _) = registry.deliveries.to_confirm(pacs.id)
    assert (again.n_asked, again.transaction_uid, again.last_reason) == (1, TRANSACTION, None)
    ask(registry, pacs, sent, clock, "2.25.78")
    unanswered = registry.deliveries.get(again.id)
    assert (unanswered.n_asked, unanswered.last_reason) == (2, Reason.COMMITMENT_UNANSWERED)


def test_request_that_was_not_made_is_due_again_and_does_not_count(registry, pacs, sent, clock):
    ask(registry, pacs, sent, clock)
    registry.commitments.not_made(TRANSACTION, clock.now)
    assert [one.n_asked for one in registry.deliveries.to_confirm(pacs.id)] == [0, 0]


def test_report_confirms_once_and_may_be_repeated(registry, pacs, sent, clock):
    ask(registry, pacs, sent, clock)
    uids = [one.sop_instance_uid for one in sent]
    result = registry.commitments.report(TRANSACTION, uids, [], clock.now)
    assert (result.destination_id, result.n_confirmed, result.n_unconfirmed) == (pacs.id, 2, 0)
    assert registry.commitments.report(TRANSACTION, uids, [], clock.now).n_confirmed == 0
    (one, _) = registry.deliveries.for_job(sent[0].job_id)
    assert (one.state, one.confirmed_by) == (DeliveryState.CONFIRMED, "commitment")
    assert (one.confirmed_at, one.confirm_at) == (clock.now, None)
    assert registry.commitments.open_transactions(pacs.id) == 0


def test_report_of_an_unknown_transaction_changes_nothing(registry, pacs, sent, clock):
    ask(registry, pacs, sent, clock)
    uids = [one.sop_instance_uid for one in sent]
    assert registry.commitments.report("2.25.1", uids, [], clock.now) is None
    assert registry.deliveries.get(sent[0].id).state is DeliveryState.SENT


def test_report_confirms_nothing_at_another_destination(registry, pacs, clock):
    other = registry.destinations.add("other", ae_title="O", host="h", port=104, objects=("sr",))
    report_job(registry)
    for destination in (pacs, other):
        for delivery in registry.deliveries.due(destination.id):
            registry.deliveries.sent(delivery.id, 0, clock.now)
    here = registry.deliveries.to_confirm(pacs.id)
    ask(registry, pacs, here, clock)
    registry.commitments.report(TRANSACTION, [one.sop_instance_uid for one in here], [], clock.now)
    (there,) = registry.deliveries.to_confirm(other.id)
    assert there.state is DeliveryState.SENT


def test_each_failure_has_its_remedy(registry, pacs, sent, clock):
    ask(registry, pacs, sent, clock)
    lost, refused = sent
    failures = [
        failure(lost, Remedy.SEND_AGAIN, 0x0112, Reason.DESTINATION_LOST_INSTANCE),
        failure(refused, Remedy.GIVE_UP, 0x0122, Reason.DESTINATION_NO_CONTEXT),
    ]
    both = [one.sop_instance_uid for one in sent]
    registry.commitments.report(TRANSACTION, both, failures, clock.now)
    again, dead = (registry.deliveries.get(one.id) for one in sent)
    assert (again.state, again.n_lost, again.last_status) == (DeliveryState.PENDING, 1, 0x0112)
    assert [one.id for one in registry.deliveries.due(pacs.id)] == [again.id]
    assert (dead.state, dead.last_reason) == (DeliveryState.DEAD, Reason.DESTINATION_NO_CONTEXT)


def test_failure_that_may_pass_is_asked_again(registry, pacs, sent, clock):
    ask(registry, pacs, sent, clock)
    failed = failure(sent[0], Remedy.ASK_AGAIN)
    registry.commitments.report(TRANSACTION, [], [failed], clock.now + timedelta(minutes=5))
    clock.advance(301)
    (due,) = registry.deliveries.to_confirm(pacs.id)
    assert (due.id, due.last_reason) == (sent[0].id, Reason.COMMITMENT_FAILED)


def test_failure_of_an_older_request_does_not_count(registry, pacs, sent, clock):
    ask(registry, pacs, sent, clock)
    ask(registry, pacs, sent, clock, "2.25.78")
    old = [failure(one, Remedy.SEND_AGAIN, 0x0112) for one in sent]
    registry.commitments.report(TRANSACTION, [], old, clock.now)
    assert registry.deliveries.get(sent[0].id).state is DeliveryState.SENT


def test_object_that_is_lost_too_often_is_given_up(registry, pacs, sent, clock):
    one = sent[0]
    for n_lost in range(1, MAXIMUM_LOSSES + 1):
        registry.deliveries.lost(one.id)
        expected = DeliveryState.DEAD if n_lost == MAXIMUM_LOSSES else DeliveryState.PENDING
        found = registry.deliveries.get(one.id)
        assert (found.state, found.n_lost, found.confirm_at) == (expected, n_lost, None)
        registry.deliveries.sent(one.id, 0, clock.now)
    assert registry.deliveries.retry(one.id)
    assert registry.deliveries.get(one.id).n_lost == 0


def test_requests_that_nobody_will_answer_are_forgotten(registry, pacs, sent, clock):
    ask(registry, pacs, sent, clock)
    clock.advance(91 * 86400)
    ask(registry, pacs, sent, clock, "2.25.78")
    assert registry.commitments.report(TRANSACTION, [], [], clock.now) is None


def test_removed_destination_takes_its_memory_along(registry, pacs, sent, clock):
    ask(registry, pacs, sent, clock)
    registry.health.confirms(pacs.id, "commitment")
    registry.destinations.remove("pacs")
    assert registry.commitments.report(TRANSACTION, [], [], clock.now) is None
    assert registry.health.get(pacs.id) == DestinationHealth()
    registry.health.answered(pacs.id)  # the thread notices a second later
    assert registry.health.get(pacs.id) == DestinationHealth()


def test_health_counts_failures_and_keeps_since_when(registry, pacs, clock):
    unreachable = Reason.DESTINATION_UNREACHABLE
    registry.health.failed(pacs.id, unreachable, 1, clock.now, opens=False)
    assert registry.health.get(pacs.id).open_since is None
    opened = clock.now
    registry.health.failed(pacs.id, unreachable, 3, clock.now, opens=True)
    clock.advance(60)
    registry.health.failed(pacs.id, unreachable, 4, clock.now, opens=True)
    health = registry.health.get(pacs.id)
    assert (health.n_failures, health.open_since, health.last_reason) == (4, opened, unreachable)
    registry.health.answered(pacs.id)
    assert registry.health.get(pacs.id) == DestinationHealth(last_answer_at=clock.now)


def test_substitute_that_is_on_its_way_already_is_not_sent_twice(registry, pacs):
    job = report_job(registry)
    report, summary = registry.deliveries.due(pacs.id)
    assert registry.health.substitute(report) == "summary"
    assert registry.health.substitute(report) is None  # it does not wait any more
    assert [one.id for one in registry.deliveries.due(pacs.id)] == [summary.id]
    assert len(registry.deliveries.for_job(job.id)) == 2
    assert registry.health.substitute(summary) is None


def test_images_wait_for_confirmation_where_there_is_one(registry, pacs, sent, clock):
    study = registry.studies.list()[0]
    clock.advance(10 * 86400)
    assert registry.studies.images_to_delete(clock.now, 0) == []
    for one in sent:
        registry.deliveries.confirmed(one.id, "query")
    assert registry.studies.images_to_delete(clock.now, 0) == []  # confirmed a moment ago
    clock.advance(1)
    assert [one.id for one in registry.studies.images_to_delete(clock.now, 0)] == [study.id]


def test_images_do_not_wait_where_a_person_wants_no_confirmation(registry, pacs, sent, clock):
    clock.advance(1)
    registry.destinations.edit("pacs", confirm=ConfirmMode.NONE)
    assert registry.deliveries.to_confirm(pacs.id) == []
    assert len(registry.studies.images_to_delete(clock.now, 0)) == 1


def test_images_do_not_wait_for_what_was_replaced(registry, clock):
    pacs = registry.destinations.add("pacs", ae_title="P", host="h", port=104, objects=("sr",))
    report_job(registry, "r", make_instance())
    (report,) = registry.deliveries.due(pacs.id)
    registry.health.substitute(report, 0x0122)
    (summary,) = registry.deliveries.due(pacs.id)
    clock.advance(1)
    assert registry.studies.images_to_delete(clock.now, 0) == []
    registry.deliveries.sent(summary.id)
    clock.advance(1)
    assert len(registry.studies.images_to_delete(clock.now, 0)) == 1


def test_destination_changes_between_dimse_and_web(registry, pacs):
    web = registry.destinations.edit("pacs", url="https://archive:8443/dicom-web/")
    assert (web.url, web.host, web.port) == ("https://archive:8443/dicom-web", "archive", 8443)
    assert web.ae_title == ""
    back = registry.destinations.edit("pacs", url=None, ae_title="PACS", host="h", port=104)
    assert back == pacs
