"""One association: what is sent, what each answer becomes, and what people are told."""

import errno
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pynetdicom import _config, dimse_messages

from dicom_node import association, sender
from dicom_node.association import Address, Caller
from dicom_node.sender import send_objects, verify, verify_destination
from dicom_node.statuses import Outcome
from dicom_node.switches import set_process_switches
from plugin.domain.errors import Reason, TransientError
from plugin.domain.job import DeliveryState
from plugin.registry import DeliveryRecord, DestinationRecord
from tests.dicom_node.destination import EXPLICIT, IMPLICIT, SC, SR, Destination, free_port
from tests.dicom_node.images import dataset_bytes, mr_image, save

CALLER = Caller("CMRTRIAGE", 3.0)


@pytest.fixture
def open_destination(monkeypatch):
    """Open destinations that take only their own classes, which pynetdicom's switch would not."""
    set_process_switches()
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)
    monkeypatch.setattr(association, "set_process_switches", lambda: None)
    opened = []

    def make(**arguments):
        opened.append(Destination(**arguments))
        return opened[-1]

    yield make
    for destination in opened:
        destination.stop()


def record(port, ae_title="PACS", host="127.0.0.1"):
    return DestinationRecord(1, "pacs", ae_title, host, port, ("sr", "summary"), enabled=True)


def delivery(number, path, sop_class_uid, sop_instance_uid):
    now = datetime.now(UTC)
    return DeliveryRecord(
        id=number,
        job_id="j",
        destination_id=1,
        destination_name="pacs",
        object_id=number,
        kind="sr",
        path=str(path),
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        state=DeliveryState.PENDING,
        attempts=0,
        next_attempt_at=now,
        last_status=None,
        last_reason=None,
        created_at=now,
        sent_at=None,
        confirmed_at=None,
    )


@pytest.fixture
def objects(tmp_path):
    """Two result objects on disk, an SR and a secondary capture."""
    found = []
    for number, uid in enumerate((SR, SC), start=1):
        image = mr_image(SOPClassUID=uid)
        path = save(image, tmp_path / f"{number}.dcm")
        found.append(delivery(number, path, uid, image.SOPInstanceUID))
    return found


def send(destination, deliveries, timeout_seconds=3.0):
    return list(send_objects(destination, deliveries, Caller("CMRTRIAGE", timeout_seconds)))


def test_stored_bytes_arrive_as_they_lie(open_destination, objects):
    there = open_destination()
    results = send(record(there.port), objects)
    assert [result.outcome for result in results] == [Outcome.SENT] * 2
    assert [result.status for result in results] == [0, 0]
    assert there.arrived == [
        (one.sop_instance_uid, dataset_bytes(Path(one.path))) for one in objects
    ]


def test_destination_that_takes_only_the_default_syntax_gets_the_same_values(
    open_destination, objects
):
    there = open_destination(syntaxes=[IMPLICIT])
    results = send(record(there.port), objects)
    assert [result.outcome for result in results] == [Outcome.SENT] * 2
    for (uid, received), one in zip(there.arrived, objects, strict=True):
        stored = pydicom.dcmread(one.path)
        assert uid == stored.SOPInstanceUID
        assert received != dataset_bytes(Path(one.path))
        values = pydicom.dcmread(BytesIO(received), force=True)
        assert values.is_implicit_VR
        assert values == stored
        assert values.PixelData == stored.PixelData


@pytest.mark.parametrize("syntaxes", [[EXPLICIT, IMPLICIT], [IMPLICIT, EXPLICIT]])
def test_stored_bytes_are_preferred_whatever_the_destination_prefers(
    open_destination, objects, syntaxes
):
    there = open_destination(syntaxes=syntaxes)
    send(record(there.port), objects)
    assert [sent for _, sent in there.arrived] == [dataset_bytes(Path(one.path)) for one in objects]


def test_each_object_has_its_own_answer(open_destination, objects):
    there = open_destination(statuses=[0xA900, 0x0111])
    first, second = send(record(there.port), objects)
    assert (first.outcome, first.reason, first.status) == (
        Outcome.DEAD,
        Reason.DESTINATION_REFUSED_INSTANCE,
        0xA900,
    )
    assert (second.outcome, second.reason, second.status) == (Outcome.SENT, None, 0x0111)


def test_class_that_is_not_accepted_is_dead_and_the_other_goes(open_destination, objects):
    there = open_destination(classes=[SC])
    first, second = send(record(there.port), objects)
    assert (first.outcome, first.reason) == (Outcome.DEAD, Reason.DESTINATION_NO_CONTEXT)
    assert second.outcome is Outcome.SENT


def test_association_that_breaks_is_the_fault_of_one_object_only(open_destination, objects):
    there = open_destination(statuses=["abort"])
    (result,) = send(record(there.port), objects)
    assert result.delivery_id == objects[0].id
    assert (result.outcome, result.reason) == (Outcome.RETRY, Reason.DESTINATION_UNREACHABLE)


def test_file_that_is_gone_is_dead_and_says_so(open_destination, objects, tmp_path):
    there = open_destination()
    (tmp_path / "1.dcm").unlink()
    first, second = send(record(there.port), objects)
    assert (first.outcome, first.reason) == (Outcome.DEAD, Reason.RESULT_MISSING)
    assert not second.says_nothing_of_destination
    assert second.outcome is Outcome.SENT


def test_file_that_cannot_be_read_for_a_moment_is_tried_again(
    open_destination, objects, monkeypatch
):
    there = open_destination()
    read = pydicom.filereader.read_file_meta_info

    def unreadable(path):
        if str(path) == objects[0].path:
            raise OSError(errno.ESTALE, "Stale file handle")
        return read(path)

    monkeypatch.setattr(pydicom.filereader, "read_file_meta_info", unreadable)
    first, second = send(record(there.port), objects)
    assert (first.outcome, first.reason) == (Outcome.RETRY, Reason.STORAGE_UNREADABLE)
    assert first.says_nothing_of_destination
    assert second.outcome is Outcome.SENT


def test_file_is_not_gone_when_all_results_are(open_destination, objects, tmp_path):
    there = open_destination()
    away = replace(objects[0], path=str(tmp_path / "unmounted" / "results" / "j-1" / "sr.dcm"))
    first, second = send(record(there.port), [away, objects[1]])
    assert (first.outcome, first.reason) == (Outcome.RETRY, Reason.STORAGE_UNREADABLE)
    assert second.outcome is Outcome.SENT


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_file_that_fails_while_it_is_sent_is_tried_again(
    open_destination, objects, monkeypatch, syntax
):
    """Half of the object may be on its way, so the association ends, and the rest comes later."""
    there = open_destination(syntaxes=[syntax])

    def unreadable(*_arguments):
        raise OSError(errno.EIO, "Input/output error")

    if syntax == EXPLICIT:  # when the request was sent and its dataset was not
        monkeypatch.setattr(dimse_messages, "open", unreadable, raising=False)
    else:
        monkeypatch.setattr(sender, "_in_default_syntax", unreadable)
    (result,) = send(record(there.port), objects)
    assert (result.delivery_id, result.outcome) == (objects[0].id, Outcome.RETRY)
    assert result.reason is Reason.STORAGE_UNREADABLE
    assert there.arrived == []
    monkeypatch.undo()
    again = send(record(there.port), objects)
    assert [one.outcome for one in again] == [Outcome.SENT] * 2


def test_nothing_listens_there(objects):
    with pytest.raises(TransientError) as error:
        send(record(free_port()), objects)
    assert error.value.reason is Reason.DESTINATION_UNREACHABLE
    assert "no connection" in str(error.value)


def test_host_name_that_does_not_exist(objects):
    with pytest.raises(TransientError) as error:
        send(record(104, host="no-such-host.invalid"), objects)
    assert "not a known host name" in str(error.value)


def test_verify_measures_the_time_to_an_answer(open_destination):
    there = open_destination()
    assert 0 < verify(Address("127.0.0.1", there.port, "PACS"), CALLER) < 10


def test_verify_explains_a_rejected_title(open_destination):
    there = open_destination()
    with pytest.raises(TransientError) as error:
        verify(Address("127.0.0.1", there.port, "WRONG"), CALLER)
    assert error.value.reason is Reason.DESTINATION_REJECTED_ASSOCIATION
    assert "called WRONG" in str(error.value)
    assert "source 1, reason 7" in str(error.value)


def test_verify_explains_a_port_that_is_closed():
    with pytest.raises(TransientError) as error:
        verify(Address("127.0.0.1", free_port(), "PACS"), CALLER)
    assert error.value.reason is Reason.DESTINATION_UNREACHABLE


def test_verify_destination_names_the_objects_that_are_not_taken(open_destination):
    there = open_destination(classes=[])
    with pytest.raises(TransientError) as error:
        verify_destination(record(there.port), CALLER)
    assert error.value.reason is Reason.DESTINATION_NO_CONTEXT
    assert "(sr, summary)" in str(error.value)
    for syntax in (EXPLICIT, IMPLICIT):
        full = open_destination(syntaxes=[syntax])
        assert verify_destination(record(full.port), CALLER).seconds > 0


def test_verify_destination_says_what_goes_there_instead(open_destination):
    there = open_destination(classes=[SC])
    verified = verify_destination(record(there.port), CALLER)
    assert verified.instead == {"sr": "summary"}
    assert verified.confirms_by == ()
