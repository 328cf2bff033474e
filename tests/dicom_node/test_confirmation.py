"""From sent to confirmed: commitment on either association, queries, and all that goes wrong."""

import time
from datetime import timedelta

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_node.archive import PlayedArchive
from dicom_node.commitment import read_report
from dicom_node.deliverer import Deliverer
from dicom_node.destination_loop import DestinationLoop
from plugin.domain.errors import Reason
from plugin.domain.job import ConfirmMode, DeliveryState
from plugin.registry.engine import utc_now
from tests.dicom_node.archive import Archive
from tests.dicom_node.images import associate, mr_image
from tests.dicom_node.test_handlers import wait_for

# With a patience of 0.3 s a report may arrive in the moment of the release; answering it then ends
# that thread of pynetdicom (Evt9 in Sta7), and the archive reports again.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*run_reactor:pytest.PytestUnhandledThreadExceptionWarning"
)


@pytest.fixture
def fast(settings):
    """Ask at once, and again soon."""
    delivery = settings.delivery.model_copy(
        update={
            "confirm_after_seconds": 0.05,
            "commitment_wait_seconds": 1.0,
            "commitment_timeout_seconds": 0.3,
            "maximum_retry_seconds": 0.2,
        }
    )
    return settings.model_copy(update={"delivery": delivery})


@pytest.fixture
def archive():
    opened = []

    def make(**arguments):
        opened.append(Archive(**arguments))
        return opened[-1]

    yield make
    for one in opened:
        one.stop()


@pytest.fixture
def deliver(fast, registry):
    """Start delivering to an archive; return the destination."""
    started = []

    def start(there, confirm=ConfirmMode.AUTO, settings=fast):
        destination = registry.destinations.add(
            "pacs", ae_title="PACS", host="127.0.0.1", port=there.port, confirm=confirm
        )
        started.append(Deliverer(settings, registry))
        started[-1].refresh()
        return destination

    start.refresh = lambda: [one.refresh() for one in started]
    yield start
    for one in started:
        one.stop(10)


def only(registry, job_id):
    (delivery,) = registry.deliveries.for_job(job_id)
    return delivery


def confirmed(registry, job_id):
    return wait_for(lambda: (d := only(registry, job_id)).state is DeliveryState.CONFIRMED and d)


def in_state(registry, job_id, state, reason=None):
    return wait_for(
        lambda: (
            (d := only(registry, job_id)).state is state
            and (reason is None or d.last_reason is reason)
            and d
        )
    )


@pytest.mark.parametrize("how", ["same", "early"])
def test_report_on_the_association_of_the_request_confirms(
    registry,
    publish,
    archive,
    deliver,
    how,
):
    there = archive(how=how)
    destination = deliver(there)
    delivery = confirmed(registry, publish())
    assert delivery.confirmed_by == "commitment"
    assert delivery.confirmed_at >= delivery.sent_at
    assert delivery.last_reason is None
    wait_for(lambda: registry.health.get(destination.id).confirms_by == "commitment")
    wait_for(lambda: there.reported == [0x0000])
    assert len(there.requests) == there.n_stores == 1


def test_report_on_a_new_association_reaches_the_node(
    registry,
    publish,
    archive,
    deliver,
    node,
):
    there = archive(how="new")
    there.our_port = node.port
    deliver(there)
    assert confirmed(registry, publish()).confirmed_by == "commitment"
    wait_for(lambda: there.reported == [0x0000])  # the node answers after it has noted it


def test_commitment_that_comes_after_the_next_request_counts_all_the_same(
    registry,
    publish,
    archive,
    deliver,
    node,
):
    there = archive(how="late")
    there.our_port = node.port
    deliver(there, ConfirmMode.COMMITMENT)
    job_id = publish()
    waiting = in_state(registry, job_id, DeliveryState.SENT, Reason.COMMITMENT_UNANSWERED)
    assert waiting.n_asked >= 2
    there.report(there.requests[0])
    confirmed(registry, job_id)
    there.report(there.requests[0])  # an archive may repeat itself
    assert there.reported == [0x0000, 0x0000]
    assert there.n_stores == 1


def test_commitment_that_is_never_reported_ends_in_a_query(
    registry,
    publish,
    archive,
    deliver,
):
    there = archive(how="never", finds=True)
    deliver(there)
    assert confirmed(registry, publish()).confirmed_by == "query"
    assert len(there.requests) == 3


@pytest.mark.parametrize("how", ["refused", None])
def test_archive_without_commitment_is_queried(registry, publish, archive, deliver, how):
    there = archive(how=how, finds=True)
    destination = deliver(there)
    assert confirmed(registry, publish()).confirmed_by == "query"
    wait_for(lambda: registry.health.get(destination.id).confirms_by == "query")
    confirmed(registry, publish())
    assert len(there.requests) == (how == "refused")  # learnt, not asked again


def test_archive_that_has_no_time_for_a_commitment_is_asked_again(
    registry,
    publish,
    archive,
    deliver,
):
    there = archive(how="busy")
    deliver(there, ConfirmMode.COMMITMENT)
    job_id = publish()
    in_state(registry, job_id, DeliveryState.SENT, Reason.COMMITMENT_FAILED)
    there.how = "same"
    confirmed(registry, job_id)


def test_archive_that_offers_nothing_keeps_what_it_took_as_sent(
    registry,
    publish,
    archive,
    deliver,
):
    there = archive(how=None)
    destination = deliver(there)
    job_id = publish()
    wait_for(lambda: registry.health.get(destination.id).confirms_by == "nothing")
    first = only(registry, job_id)
    assert (first.state, first.confirm_at) == (DeliveryState.SENT, None)
    second = in_state(registry, publish(), DeliveryState.SENT)
    assert second.confirm_at is None


def test_commitment_that_a_person_demands_and_nobody_offers_stays_visible(
    registry,
    publish,
    archive,
    deliver,
):
    deliver(archive(how=None, finds=True), ConfirmMode.COMMITMENT)
    waiting = in_state(registry, publish(), DeliveryState.SENT, Reason.COMMITMENT_NOT_OFFERED)
    assert waiting.confirm_at is not None
    registry.destinations.edit("pacs", confirm=ConfirmMode.NONE)
    assert only(registry, waiting.job_id).confirm_at is None


def test_destination_that_nobody_wants_to_ask_is_not_asked(
    registry,
    publish,
    archive,
    deliver,
):
    there = archive(finds=True)
    deliver(there, ConfirmMode.NONE)
    delivery = in_state(registry, publish(), DeliveryState.SENT)
    time.sleep(0.3)
    assert there.requests == []
    assert delivery.confirm_at is None


def test_instance_that_the_archive_lost_is_sent_again(registry, publish, archive, deliver):
    there = archive(how="same")
    there.hooks["action"] = lambda: len(there.requests) == 1 and there.kept.clear()
    deliver(there)
    job_id = publish()
    delivery = confirmed(registry, job_id)
    assert (delivery.attempts, delivery.n_lost, there.n_stores) == (2, 1, 2)
    assert list(there.kept) == [delivery.sop_instance_uid]


def test_archive_of_the_demo_commits(registry, publish, deliver, tmp_path):
    there = PlayedArchive("PACS", tmp_path / "archive")
    there.start()
    deliver(there)
    assert confirmed(registry, publish()).confirmed_by == "commitment"
    there.stop()


def test_archive_that_hangs_up_on_the_request_is_asked_again(registry, publish, archive, deliver):
    there = archive(how="same")
    there.hooks["action"] = lambda: (
        len(there.requests) == 1 and [one.abort() for one in there.server.active_associations]
    )
    deliver(there, ConfirmMode.COMMITMENT)
    delivery = confirmed(registry, publish())
    assert (len(there.requests), there.n_stores, delivery.n_asked) == (2, 1, 2)


def test_archive_that_always_hangs_up_on_the_request_is_queried_and_not_paused(
    registry, publish, archive, deliver
):
    there = archive(how="same", finds=True)
    there.hooks["action"] = lambda: [one.abort() for one in there.server.active_associations]
    destination = deliver(there)
    assert confirmed(registry, publish()).confirmed_by == "query"
    assert len(there.requests) == 3
    assert registry.health.get(destination.id).n_failures == 0


def test_archive_that_answers_a_query_without_end_is_cut_short(
    registry, publish, archive, deliver, monkeypatch
):
    monkeypatch.setattr("dicom_node.query._MAXIMUM_ANSWERS", 5)
    there = archive(how=None, finds=True)
    there.n_extra = 50
    deliver(there)
    job_id = publish()
    in_state(registry, job_id, DeliveryState.SENT, Reason.QUERY_FAILED)
    there.n_extra = 0
    confirmed(registry, job_id)


@pytest.mark.parametrize("how", ["same", None])
def test_archive_that_loses_everything_is_given_up(registry, publish, archive, deliver, how):
    there = archive(how=how, finds=True)
    there.hooks = {"action": there.kept.clear, "find": there.kept.clear}
    deliver(there)
    dead = in_state(registry, publish(), DeliveryState.DEAD)
    assert (dead.last_reason, dead.n_lost) == (Reason.DESTINATION_LOST_INSTANCE, 3)
    assert there.n_stores == 3
    there.hooks.clear()
    registry.deliveries.retry(dead.id)
    assert confirmed(registry, dead.job_id).n_lost == 0


def test_instance_that_shows_up_late_in_queries_is_sent_once(
    registry,
    publish,
    archive,
    deliver,
):
    there = archive(how=None, finds=True)
    looks = []

    def find():
        looks.append(1)
        there.invisible = set(there.kept) if len(looks) < 3 else set()

    there.hooks["find"] = find
    deliver(there)
    delivery = confirmed(registry, publish())
    assert (delivery.n_asked, there.n_stores) == (2, 1)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0x0122, Reason.DESTINATION_NO_CONTEXT),
        (0x0119, Reason.DESTINATION_REFUSED_INSTANCE),
    ],
)
def test_failure_that_stays_is_dead_with_its_reason(
    registry, publish, archive, deliver, status, reason
):
    there = archive(how="same")
    there.hooks["action"] = lambda: there.failures.update(dict.fromkeys(there.kept, status))
    deliver(there)
    dead = in_state(registry, publish(), DeliveryState.DEAD)
    assert (dead.last_reason, dead.last_status) == (reason, status)


def test_failure_of_the_moment_is_asked_again(registry, publish, archive, deliver):
    there = archive(how="same")

    def action():
        first = len(there.requests) == 1
        there.failures = dict.fromkeys(there.kept, 0x0110) if first else {}

    there.hooks["action"] = action
    deliver(there)
    assert confirmed(registry, publish()).n_lost == 0
    assert (len(there.requests), there.n_stores) == (2, 1)


def test_restart_waits_for_the_report_that_an_earlier_process_asked_for(
    registry,
    publish,
    archive,
    settings,
    node,
):
    delivery = settings.delivery.model_copy(
        update={"confirm_after_seconds": 0.01, "commitment_wait_seconds": 0.05}
    )
    calm = settings.model_copy(update={"delivery": delivery})
    there = archive(how="late")
    there.our_port = node.port
    destination = registry.destinations.add(
        "pacs", ae_title="PACS", host="127.0.0.1", port=there.port
    )
    job_id = publish()
    first = DestinationLoop(destination, calm, registry)
    first.step()
    time.sleep(0.05)
    first.step()
    assert len(there.requests) == 1
    second = DestinationLoop(destination, calm, registry)  # all that the first one knew is gone
    second.step()
    assert len(there.requests) == 1
    there.report(there.requests[0])
    assert only(registry, job_id).state is DeliveryState.CONFIRMED


def request_of(registry, publish, deliver, there):
    """Have an object sent and a commitment asked for that nobody reported yet."""
    deliver(there, ConfirmMode.COMMITMENT)
    job_id = publish()
    wait_for(lambda: there.requests)
    return job_id, there.requests[0]


def test_hostile_reports_are_refused_and_change_nothing(
    registry,
    publish,
    archive,
    deliver,
    node,
):
    there = archive(how="late")
    there.our_port = node.port
    job_id, request = request_of(registry, publish, deliver, there)
    unknown = there.information(request)
    unknown.TransactionUID = generate_uid()
    empty = Dataset()
    empty.RetrieveAETitle = "PACS"
    huge = there.information(request)
    huge.ReferencedSOPSequence = list(huge.ReferencedSOPSequence) * 1500
    for information in (unknown, empty, huge):
        there.report(request, information=information)
    assert there.reported == [0x0115] * 3
    stranger = there.information(request)
    stranger.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = generate_uid()
    there.report(request, information=stranger)  # names nothing of ours: heard, and no effect
    assert there.reported[-1] == 0x0000
    assert only(registry, job_id).state is DeliveryState.SENT


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_report_whose_transaction_is_no_uid_is_none():
    information = Dataset()
    information.TransactionUID = "../../etc"
    information.ReferencedSOPSequence = []
    assert read_report(information) is None
    assert read_report(None) is None


def test_object_that_a_report_calls_both_kept_and_failed_counts_as_failed(
    registry,
    publish,
    archive,
    deliver,
    node,
):
    there = archive(how="late")
    there.our_port = node.port
    job_id, request = request_of(registry, publish, deliver, there)
    both = there.information(request)
    item = Dataset()
    item.update(both.ReferencedSOPSequence[0])
    item.FailureReason = 0x0122
    both.FailedSOPSequence = [item]
    there.report(there.requests[-1], information=both)
    there.information = lambda _request: both
    wait_for(lambda: there.reported)
    assert only(registry, job_id).state is not DeliveryState.CONFIRMED


def test_destination_that_is_no_peer_may_report_and_not_store(
    registry,
    publish,
    archive,
    deliver,
    node,
):
    deliver(archive(how="never"))
    association = associate(node.port, "PACS")
    assert association.send_c_store(mr_image()).Status == 0x0124
    association.release()
    assert registry.associations.list_rejected() == []


def test_images_stay_until_their_results_are_confirmed(
    registry,
    publish,
    archive,
    deliver,
):
    there = archive(how="never")
    deliver(there, ConfirmMode.COMMITMENT)
    job_id = publish()
    sent = in_state(registry, job_id, DeliveryState.SENT)
    later = utc_now() + timedelta(days=30)
    assert registry.studies.images_to_delete(later, 0) == []
    registry.deliveries.confirmed(sent.id)
    assert len(registry.studies.images_to_delete(later, 0)) == 1
    registry.destinations.edit("pacs", confirm=ConfirmMode.NONE)
    deliver.refresh()
    unasked = publish()
    in_state(registry, unasked, DeliveryState.SENT)
    assert len(registry.studies.images_to_delete(later, 0)) == 2
