"""UPS work items as DICOM JSON and as DICOM files."""

import io
from datetime import UTC, datetime

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from plugin.domain.errors import OrderRejectedError, Reason
from plugin.domain.triage import ClinicalFlag, IncomingPriority, OrderSource, PatientClass
from plugin.orders.taking import read_orders
from tests.plugin.orders.messages import as_json, coded_priority, text, ups

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
P = IncomingPriority


def read(*items):
    return read_orders(as_json(*items), NOW)


def file_of(item):
    dataset = Dataset.from_json(item)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def test_work_item_tells_the_same_as_json_and_as_a_file():
    item = ups(**{"00404010": text("DT", "20261122130000+0000")})
    (order,) = read(item)
    assert read_orders(file_of(item), NOW) == [order]
    assert (order.source, order.work_item_uid) == (OrderSource.UPS, "1.2.840.99.1")
    assert (order.accession_number, order.study_instance_uid) == ("A1", "1.2.840.1")
    assert (order.priority, order.written) == (P.HIGH, "UPS HIGH")
    assert order.told_at == datetime(2026, 11, 22, 13, tzinfo=UTC)
    assert "Doe" not in repr(order)


@pytest.mark.parametrize(
    ("item", "priority", "written"),
    [
        (ups("HIGH", **coded_priority("25876001")), P.STAT, "UPS HIGH, Emergent"),
        (ups("HIGH", **coded_priority("103391001")), P.HIGH, "UPS HIGH"),
        (ups("MEDIUM", **coded_priority("25876001")), P.ROUTINE, "UPS MEDIUM"),
        (ups("LOW"), P.LOW, "UPS LOW"),
        (ups("SOON"), None, "UPS SOON"),
    ],
)
def test_code_tells_stat_from_other_high_work_items(item, priority, written):
    (order,) = read(item)
    assert (order.priority, order.written) == (priority, written)


def test_every_request_is_an_order_and_names_its_study_or_the_one_of_the_input():
    issuer = {"00400031": text("UT", "RIS"), "00400032": text("UT", "1.2.3")}
    requests = [
        {"00080050": text("SH", "A1"), "00080051": text("SQ", issuer)},
        {"00401001": text("SH", "RP2"), "0020000D": text("UI", "1.2.2")},
    ]
    inputs = text("SQ", {"0020000D": text("UI", "1.2.9")}, {"0020000D": text("UI", "1.2.9")})
    first, second = read(ups(**{"0040A370": text("SQ", *requests), "00404021": inputs}))
    assert (first.accession_issuer, first.study_instance_uid) == ("RIS^1.2.3", "1.2.9")
    assert (second.requested_procedure_id, second.study_instance_uid) == ("RP2", "1.2.2")


def test_canceled_work_item_class_and_reason_are_understood():
    reason = text("SQ", {"00080050": text("SH", "A1"), "00401002": text("LO", "New syncope")})
    (order,) = read(
        ups(**{"00741000": text("CS", "CANCELED"), "00380010": text("LO", "X"), "0040A370": reason})
    )
    assert order.is_cancelled
    assert order.patient_class is PatientClass.INPATIENT
    assert order.text_flags == {ClinicalFlag.SYNCOPE_OR_ARREST}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", Reason.ORDER_NOT_UNDERSTOOD),
        (b"[1]", Reason.ORDER_NOT_UNDERSTOOD),
        (b"[" * 100_000, Reason.ORDER_NOT_UNDERSTOOD),
        (b'{"\xff": 1}', Reason.ORDER_NOT_UNDERSTOOD),
        (b"[]", Reason.ORDER_OF_OTHER_KIND),
        (b"{}", Reason.ORDER_OF_OTHER_KIND),
        (b"\0" * 128 + b"DICM\xff\xff", Reason.ORDER_OF_OTHER_KIND),
    ],
)
def test_what_is_no_work_item_is_refused_with_a_reason(data, reason):
    with pytest.raises(OrderRejectedError) as caught:
        read_orders(data, NOW)
    assert caught.value.reason is reason


@pytest.mark.parametrize("broken", [None, [], {}, {"Value": 1}, {"Value": [None]}, {"Value": [{}]}])
def test_broken_element_costs_only_itself(broken):
    (order,) = read(ups(**{"00080018": broken, "00404010": broken, "00741210": broken}))
    assert (order.priority, order.work_item_uid, order.told_at) == (P.HIGH, "", NOW)
