"""What a destination gets instead of what it does not take, and how that is remembered."""

import pytest
from pynetdicom import _config

from dicom_node import association
from dicom_node.destination_loop import DestinationLoop
from dicom_node.switches import set_process_switches
from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState
from plugin.domain.objects import FALLBACKS, OBJECT_KINDS
from tests.dicom_node.destination import IMPLICIT, SC, SR, Destination

ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"
REPLACED, SENT, DEAD = DeliveryState.REPLACED, DeliveryState.SENT, DeliveryState.DEAD


@pytest.fixture
def destination(monkeypatch, registry, settings):
    """Open a destination that takes only its own classes, and a loop that sends there."""
    set_process_switches()
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)
    monkeypatch.setattr(association, "set_process_switches", lambda: None)
    opened = []

    def make(objects=("sr", "summary"), **arguments):
        there = Destination(**arguments)
        opened.append(there)
        record = registry.destinations.add(
            "pacs", ae_title="PACS", host="127.0.0.1", port=there.port, objects=objects
        )
        return there, DestinationLoop(record, settings, registry)

    yield make
    for one in opened:
        one.stop()


def states(registry, job_id):
    return {one.kind: one.state for one in registry.deliveries.for_job(job_id)}


def send_all(loop):
    for _ in range(4):
        loop.step()


def test_report_that_is_not_taken_goes_as_enhanced_report(registry, publish, destination):
    there, loop = destination(classes=(ENHANCED_SR, SC))
    job_id = publish("sr", "sr_enhanced", "summary")
    send_all(loop)
    assert states(registry, job_id) == {"sr": REPLACED, "summary": SENT, "sr_enhanced": SENT}
    assert len(there.arrived) == 2
    (known,) = registry.health.substitutions()
    assert (known.destination_name, known.kind, known.instead) == ("pacs", "sr", "sr_enhanced")
    assert known.status is None
    replaced = registry.deliveries.for_job(job_id)[0]
    assert replaced.last_reason is Reason.REPLACED_BY_OTHER_KIND


def test_what_was_learnt_holds_for_the_next_result_and_after_a_restart(
    registry, publish, destination, settings
):
    there, loop = destination(classes=(ENHANCED_SR, SC))
    publish("sr", "sr_enhanced")
    send_all(loop)
    since = registry.health.substitutions()[0].since
    n_before = len(there.arrived)
    job_id = publish("sr", "sr_enhanced")
    again = DestinationLoop(registry.destinations.get("pacs"), settings, registry)
    assert again.step() == 0.0  # at once, for the one that goes instead
    assert states(registry, job_id)["sr"] is REPLACED
    send_all(again)
    assert len(there.arrived) == n_before + 1
    assert registry.health.substitutions()[0].since == since


def test_archive_that_takes_no_report_at_all_has_the_summary(registry, publish, destination):
    there, loop = destination(classes=(SC,), objects=("sr",))
    job_id = publish("sr", "sr_enhanced", "summary")
    send_all(loop)
    assert states(registry, job_id) == {"sr": REPLACED, "sr_enhanced": REPLACED, "summary": SENT}
    kinds = {item.kind: item.instead for item in registry.health.substitutions()}
    assert kinds == {"sr": "sr_enhanced", "sr_enhanced": "summary"}
    later = publish("sr", "sr_enhanced", "summary")
    send_all(loop)
    assert states(registry, later) == {"sr": REPLACED, "summary": SENT}
    assert len(there.arrived) == 2


@pytest.mark.parametrize("status", [0x0122, 0xA900])
def test_refusal_by_status_counts_like_one_by_negotiation(registry, publish, destination, status):
    there, loop = destination(classes=(SR, ENHANCED_SR, SC), statuses=[status])
    job_id = publish("sr", "sr_enhanced")
    send_all(loop)
    assert states(registry, job_id) == {"sr": REPLACED, "sr_enhanced": SENT}
    assert registry.health.substitutions()[0].status == status
    assert len(there.arrived) == 1


def test_object_without_a_substitute_is_dead_and_says_why(registry, publish, destination):
    _, loop = destination(classes=(SR,))
    job_id = publish("sr", "summary")
    send_all(loop)
    assert states(registry, job_id) == {"sr": SENT, "summary": DEAD}
    (dead,) = registry.deliveries.list(states=(DEAD,))
    assert dead.last_reason is Reason.DESTINATION_NO_CONTEXT
    assert registry.health.substitutions() == []


def test_destination_that_takes_none_of_what_is_due_answers_all_the_same(
    registry, publish, destination
):
    _, loop = destination(classes=(), echo=True, objects=("sr",))
    job_id = publish("sr")
    send_all(loop)
    assert states(registry, job_id) == {"sr": DEAD}
    assert registry.health.get(loop.destination.id).n_failures == 0


def test_other_address_is_learnt_anew_and_a_retry_too(registry, publish, destination):
    _, loop = destination(classes=(ENHANCED_SR, SC))
    publish("sr", "sr_enhanced")
    send_all(loop)
    registry.destinations.edit("pacs", objects=("sr",))
    assert len(registry.health.substitutions()) == 1
    registry.destinations.edit("pacs", ae_title="OTHER")
    assert registry.health.substitutions() == []


def test_implicit_destination_is_visible(registry, publish, destination):
    there, loop = destination(syntaxes=(IMPLICIT,))
    publish("sr", "summary")
    send_all(loop)
    assert len(there.arrived) == 2
    assert registry.health.get(loop.destination.id).implicit_since is not None


def test_substitutes_are_kinds_that_exist():
    named = {kind for chain in FALLBACKS.values() for kind in chain} | set(FALLBACKS)
    planned = {"pdf", "gsps", "cine", "key_objects", "saliency"}  # gone when all builders are there
    assert named - set(OBJECT_KINDS) <= planned
    for kind, chain in FALLBACKS.items():
        assert kind not in chain
        assert chain[-1] in {"summary", "contours"}
