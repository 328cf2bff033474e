"""DICOMweb destinations: bytes, each object's own answer, credentials, certificates, searches."""

import errno
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_node import stow
from dicom_node.association import Caller
from dicom_node.destination_loop import DestinationLoop
from dicom_node.statuses import Outcome
from dicom_node.tls import Identity
from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.domain.job import ConfirmMode, DeliveryState
from tests.dicom_node.destination import free_port
from tests.dicom_node.web_archive import WebArchive, basic, failed, stored

CALLER = Caller("CMRTRIAGE", 3.0)
SECRET = "hunter2-not-for-logs"


@pytest.fixture
def archive():
    opened = []

    def make(**arguments):
        opened.append(WebArchive(**arguments))
        return opened[-1]

    yield make
    for one in opened:
        one.stop()


@pytest.fixture
def pending(registry, publish):
    """Publish objects for a DICOMweb destination; return it and what waits for it."""

    def make(there, *kinds, **arguments):
        destination = registry.destinations.add("web", url=there.url, **arguments)
        publish(*kinds)
        return destination, registry.deliveries.due(destination.id)

    return make


def send(destination, deliveries):
    return list(stow.send_objects(destination, deliveries, CALLER))


def test_stored_bytes_arrive_as_they_lie_each_in_a_request_of_its_own(archive, pending):
    there = archive()
    destination, due = pending(there, "sr", "summary")
    results = send(destination, due)
    assert [(one.outcome, one.status) for one in results] == [(Outcome.SENT, 0)] * 2
    assert there.kept == {one.sop_instance_uid: Path(one.path).read_bytes() for one in due}
    paths = [path for _, path, _ in there.requests]
    assert paths == [f"/dicom-web/studies/{due[0].study_instance_uid}"] * 2


@pytest.mark.parametrize(
    ("answer", "outcome", "reason", "status"),
    [
        ((200, stored), Outcome.SENT, None, 0),
        ((200, b"not json"), Outcome.SENT, None, 0),
        ((202, lambda uid: stored(uid, 0xB007)), Outcome.SENT, None, 0xB007),
        ((409, lambda uid: failed(uid, 0x0111)), Outcome.SENT, None, 0x0111),
        ((200, lambda uid: failed(uid, 0xB000)), Outcome.DEAD,
         Reason.DESTINATION_REFUSED_INSTANCE, 0xB000),
        ((202, lambda uid: failed(uid, 0x0110)), Outcome.RETRY,
         Reason.DESTINATION_REFUSED_INSTANCE, 0x0110),
        ((409, lambda uid: failed(uid, 0xA700)), Outcome.RETRY,
         Reason.DESTINATION_OUT_OF_RESOURCES, 0xA700),
        ((409, lambda uid: failed(uid, 0x0122)), Outcome.DEAD,
         Reason.DESTINATION_NO_CONTEXT, 0x0122),
        ((409, None), Outcome.DEAD, Reason.DESTINATION_REFUSED_INSTANCE, 409),
        ((400, b"\xff\xfe"), Outcome.DEAD, Reason.DESTINATION_REFUSED_INSTANCE, 400),
        ((413, None), Outcome.DEAD, Reason.DESTINATION_REFUSED_INSTANCE, 413),
        ((415, None), Outcome.DEAD, Reason.DESTINATION_NO_CONTEXT, 415),
        ((429, None), Outcome.RETRY, Reason.DESTINATION_OUT_OF_RESOURCES, 429),
        ((507, None), Outcome.RETRY, Reason.DESTINATION_OUT_OF_RESOURCES, 507),
        ((500, [1, 2]), Outcome.RETRY, Reason.DESTINATION_REFUSED_INSTANCE, 500),
        ((409, {"00081198": {"Value": "?"}}), Outcome.DEAD,
         Reason.DESTINATION_REFUSED_INSTANCE, 409),
    ],
)  # fmt: skip
def test_each_answer_means_something_for_its_object(
    archive, pending, answer, outcome, reason, status
):
    there = archive()
    there.answers = [answer]
    first, second = send(*pending(there, "sr", "summary"))
    assert (first.outcome, first.reason, first.status) == (outcome, reason, status)
    assert second.outcome is Outcome.SENT


@pytest.mark.parametrize("status", [404, 405, 301, 307, 502, 503])
def test_server_that_is_not_there_costs_no_object(archive, pending, status):
    there = archive()
    there.answers = [(status, None)]
    with pytest.raises(TransientError) as error:
        send(*pending(there, "sr"))
    assert error.value.reason is Reason.DESTINATION_UNREACHABLE
    assert len(there.requests) == 1  # no redirect was followed


@pytest.mark.parametrize("moment", ["stat", "open"])
def test_file_that_cannot_be_read_for_a_moment_is_tried_again(
    archive, pending, monkeypatch, moment
):
    there = archive()
    destination, due = pending(there, "sr", "summary")
    work = getattr(Path, moment)

    def fails(path, *arguments, **options):
        if str(path) == due[0].path:
            raise OSError(errno.EIO, "Input/output error")
        return work(path, *arguments, **options)

    monkeypatch.setattr(Path, moment, fails)
    first, second = send(destination, due)
    assert (first.outcome, first.reason) == (Outcome.RETRY, Reason.STORAGE_UNREADABLE)
    assert second.outcome is Outcome.SENT


def test_file_that_is_gone_is_dead_unless_all_results_are(archive, pending):
    there = archive()
    destination, due = pending(there, "sr", "summary")
    Path(due[0].path).unlink()
    away = replace(due[1], path="/nowhere/results/j-1/sr.dcm")
    first, second = send(destination, [due[0], away])
    assert (first.outcome, first.reason) == (Outcome.DEAD, Reason.RESULT_MISSING)
    assert (second.outcome, second.reason) == (Outcome.RETRY, Reason.STORAGE_UNREADABLE)
    assert there.kept == {}


def test_port_that_is_closed(registry, publish):
    destination = registry.destinations.add("web", url=f"http://127.0.0.1:{free_port()}/dicom-web")
    publish()
    with pytest.raises(TransientError) as error:
        send(destination, registry.deliveries.due(destination.id))
    assert error.value.reason is Reason.DESTINATION_UNREACHABLE


@pytest.mark.parametrize(
    ("content", "sent"),
    [(f"triage:{SECRET}\n", basic("triage", SECRET)), (f"{SECRET}\n", f"Bearer {SECRET}")],
)
def test_credentials_come_from_a_file_and_are_nowhere_else(
    archive, pending, tmp_path, content, sent, registry
):
    there = archive(credentials=sent)
    file = tmp_path / "credentials"
    file.write_text("wrong")
    destination, due = pending(there, "sr", credentials_file=str(file))
    with pytest.raises(TransientError) as error:
        send(destination, due)
    assert error.value.reason is Reason.DESTINATION_REFUSED_CREDENTIALS
    file.write_text(content)  # read anew with each connection
    assert send(destination, due)[0].outcome is Outcome.SENT
    known = json.dumps([str(record) for record in registry.audit.list()]) + repr(destination)
    assert SECRET not in known


@pytest.mark.parametrize("content", [None, "", "two\nlines: x"])
def test_credentials_file_that_cannot_be_used(archive, pending, tmp_path, content):
    file = tmp_path / "credentials"
    if content is not None:
        file.write_text(content)
    there = archive()
    with pytest.raises(TransientError) as error:
        send(*pending(there, "sr", credentials_file=str(file)))
    assert error.value.reason is Reason.CREDENTIALS_UNREADABLE
    assert there.requests == []


def test_certificate_is_checked_against_the_named_authority(archive, pending, registry, trust):
    there = archive(certificate=trust.pacs)
    destination, due = pending(there, "sr")
    with pytest.raises(TransientError) as error:
        send(destination, due)
    assert error.value.reason is Reason.DESTINATION_CERTIFICATE
    trusting = registry.destinations.edit("web", ca_file=trust.ca_file)
    assert send(trusting, due)[0].outcome is Outcome.SENT
    with pytest.raises(TransientError) as error:
        send(registry.destinations.edit("web", ca_file=trust.pacs.private_key), due)
    assert error.value.reason is Reason.CERTIFICATE_UNUSABLE


def test_server_that_wants_our_certificate_gets_it(archive, pending, trust):
    there = archive(certificate=trust.pacs, ca_file=trust.ca_file)
    destination, due = pending(there, "sr", ca_file=trust.ca_file)
    with pytest.raises(TransientError) as error:
        send(destination, due)
    assert error.value.reason is Reason.DESTINATION_WANTS_CERTIFICATE
    ours = Identity(trust.node.certificate, trust.node.private_key)
    (result,) = stow.send_objects(destination, due, Caller("CMRTRIAGE", 3.0, ours))
    assert result.outcome is Outcome.SENT


def test_objects_are_found_again_by_search(archive, pending):
    there = archive()
    destination, due = pending(there, "sr", "summary")
    send(destination, due[:1])
    found = stow.find_instances(destination, due, CALLER)
    assert found == {due[0].sop_instance_uid}
    path = there.requests[-1][1]
    assert path.startswith(f"/dicom-web/studies/{due[1].study_instance_uid}/series/")


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        ((501, None), Reason.QUERY_NOT_OFFERED),
        ((405, None), Reason.QUERY_NOT_OFFERED),
        ((500, None), Reason.QUERY_FAILED),
        ((200, b"<html>"), Reason.QUERY_FAILED),
        ((503, None), Reason.DESTINATION_UNREACHABLE),
    ],
)
def test_search_that_fails_is_not_a_loss(archive, pending, search, reason):
    there = archive()
    destination, due = pending(there, "sr")
    there.searches = [search]
    with pytest.raises(TransientError) as error:
        stow.find_instances(destination, due, CALLER)
    assert error.value.reason is reason


def test_verify_asks_for_no_patient(archive, registry):
    there = archive()
    destination = registry.destinations.add("web", url=there.url)
    assert stow.verify(destination, CALLER).confirms_by == ("query",)
    assert "StudyInstanceUID=2.25.0" in there.requests[0][1]
    there.searches = [(404, None)]
    with pytest.raises(TransientError):
        stow.verify(destination, CALLER)


def test_result_goes_over_the_web_and_is_confirmed_by_search(archive, registry, publish, settings):
    there = archive()
    delivery = settings.delivery.model_copy(update={"confirm_after_seconds": 0.01})
    destination = registry.destinations.add("web", url=there.url, objects=("sr", "summary"))
    loop = DestinationLoop(
        destination, settings.model_copy(update={"delivery": delivery}), registry
    )
    job_id = publish("sr", "summary")
    there.answers = [(200, lambda uid: failed(uid, 0x0122))]  # no Comprehensive 3D SR
    for _ in range(3):
        loop.step()
        time.sleep(0.02)  # what was sent is asked about a little later
    by_kind = {one.kind: one for one in registry.deliveries.for_job(job_id)}
    assert by_kind["sr"].state is DeliveryState.REPLACED
    assert by_kind["summary"].state is DeliveryState.CONFIRMED
    assert by_kind["summary"].confirmed_by == "query"


@pytest.mark.parametrize(
    "arguments",
    [
        {"url": "ftp://host/dicom"},
        {"url": "https:///dicom-web"},
        {"url": "https://host:99999/dicom-web"},
        {"url": "https://user:secret@host/dicom-web"},
        {"url": "https://host/dicom-web?x=1"},
        {"url": "https://host/dicom-web", "confirm": ConfirmMode.COMMITMENT},
        {"host": "host", "port": 104},
        {"ae_title": "PACS", "port": 104},
        {"ae_title": "PACS", "host": "host", "port": 104, "ca_file": "/ca.pem"},
    ],
)
def test_destination_that_cannot_be_reached_as_written_is_refused(registry, arguments):
    with pytest.raises(ConfigurationError) as error:
        registry.destinations.add("web", **arguments)
    assert "secret" not in str(error.value)
