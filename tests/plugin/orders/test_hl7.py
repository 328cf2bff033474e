"""HL7 v2 order messages as senders really write them."""

from datetime import UTC, datetime

import pytest

from plugin.domain.errors import OrderRejectedError, Reason
from plugin.domain.triage import ClinicalFlag, IncomingPriority, PatientClass
from plugin.orders.taking import MAXIMUM_BYTES, read_orders
from tests.plugin.orders.messages import msh, omi, orm, segment

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
P = IncomingPriority


def read(message):
    return read_orders(message if isinstance(message, bytes) else message.encode(), NOW)


def only(message):
    (order,) = read(message)
    return order


def refused(data):
    with pytest.raises(OrderRejectedError) as caught:
        read(data)
    return caught.value


def test_legacy_order_tells_what_names_it_and_how_urgent_it_is():
    order = only(orm(uid="1.2.840.1", procedure="RP1", patient_class="I"))
    assert (order.placer_number, order.filler_number) == ("P1^HIS", "F1^RIS")
    assert (order.accession_number, order.accession_issuer) == ("A1", "")
    assert (order.study_instance_uid, order.requested_procedure_id) == ("1.2.840.1", "RP1")
    assert (order.priority, order.written) == (P.STAT, "OBR-27.6 S")
    assert order.patient_class is PatientClass.INPATIENT
    assert order.told_at == datetime(2026, 11, 22, 14, tzinfo=UTC)
    assert not order.is_cancelled


def test_imaging_order_names_its_studies_in_its_own_segments():
    order = only(omi())
    assert (order.accession_number, order.accession_issuer) == ("A1", "RIS^1.2.3")
    assert (order.requested_procedure_id, order.study_instance_uid) == ("RP1", "1.2.840.1")
    assert (order.priority, order.written) == (P.STAT, "TQ1-9 S")
    assert order.patient_class is PatientClass.EMERGENCY


def test_order_of_two_studies_is_two_orders_and_two_steps_of_one_are_one():
    ipcs = [
        segment("IPC", f1=accession, f2=procedure, f3=uid, f4=step)
        for accession, procedure, uid, step in (
            ("A1", "RP1", "1.2.1", "S1"),
            ("A1", "RP1", "1.2.1", "S2"),
            ("A2", "RP2", "1.2.2", "S3"),
        )
    ]
    assert [one.accession_number for one in read(omi("A", *ipcs))] == ["A1", "A2"]


@pytest.mark.parametrize(
    ("code", "priority"),
    [
        *(("S", P.STAT), ("A", P.HIGH), ("P", P.HIGH), ("C", P.HIGH), ("R", P.ROUTINE)),
        *(("T", P.ROUTINE), ("TM30", P.ROUTINE), ("TS5", P.ROUTINE), ("PRN", P.ROUTINE)),
        *(("s", P.STAT), ("STAT", P.STAT), ("asap", P.HIGH), ("", None), ("Z9", None)),
    ],
)
def test_codes_of_the_table_are_understood_in_both_places(code, priority):
    assert only(orm(code)).priority is priority
    assert only(omi(code)).priority is priority


def test_code_that_is_not_understood_is_told_and_odd_text_is_not_repeated():
    assert only(omi("U7")).asks_for == "priority not understood (TQ1-9 U7)"
    assert only(omi("Jane Doe")).asks_for == "priority not understood (TQ1-9 ?)"
    assert only(omi("")).asks_for == "no priority"


def test_timing_segment_counts_before_legacy_fields_and_the_most_urgent_of_several():
    message = omi("R").replace("OBR|1|", "TQ1|2||||||||A\rOBR|1|")
    assert only(message).written == "TQ1-9 A"
    legacy = segment("OBR", f2="P1", f5="S", f18="A1", f27="1^^^^^R")
    assert only(f"{msh()}\r{segment('TQ1', f9='A')}\r{legacy}\r").written == "OBR-27.6 R"
    order = f"{msh()}\r{segment('ORC', f1='NW', f7='1^^^^^A')}\r"
    assert only(order + segment("TQ1", f9="R") + "\r" + legacy).written == "TQ1-9 R"
    assert only(order + segment("OBR", f5="S", f18="A1")).written == "ORC-7.6 A"
    assert only(msh() + "\r" + segment("OBR", f5="S", f18="A1")).written == "OBR-5 S"


@pytest.mark.parametrize("control", ["CA", "DC", "OC", "OD", "CR", "RP"])
def test_cancelled_order_says_so_by_its_control_code(control):
    assert only(orm(control=control)).is_cancelled


def test_cancelled_order_says_so_by_its_status_or_result():
    assert not only(orm(control="XO")).is_cancelled
    assert only(orm().replace("ORC|NW|P1^HIS|F1^RIS", "ORC|SC|P1^HIS|F1^RIS||CA")).is_cancelled
    request = segment("OBR", f18="A1", f25="X")
    assert only(f"{msh()}\r{request}\r").is_cancelled


def test_orders_without_identifiers_of_their_own_take_those_of_the_message():
    second = segment("OBR", f2="P2", f3="F2", f18="A2", f27="1^^^^^R")
    uid = segment("ZDS", f1="1.2.840.1^Application^DICOM")
    first, other = read(orm("S") + second + "\r" + uid + "\r")
    assert (first.study_instance_uid, other.study_instance_uid) == ("1.2.840.1", "1.2.840.1")
    assert (first.priority, other.priority) == (P.STAT, P.ROUTINE)
    assert other.placer_number == "P1^HIS", "an OBR shares the ORC before it"


def test_filler_number_stands_for_an_accession_number_that_is_not_there():
    assert only(orm(accession="")).accession_number == "F1"


def test_uid_that_is_none_is_not_taken():
    assert only(orm(uid="1.2.03")).study_instance_uid == ""


@pytest.mark.parametrize(
    "shaped",
    [
        lambda text: text.replace("\r", "\n"),
        lambda text: text.replace("\r", "\r\n"),
        lambda text: "\x0b" + text + "\x1c\r",
        lambda text: "\n\n" + text.replace("\r", "\r\r"),
        lambda text: f"FHS|^~\\&\rBHS|^~\\&\r{text}BTS|1\rFTS|1\r",
        lambda text: text.replace("|", "#").replace("^", "*").replace("MSH#*~", "MSH#*~"),
        lambda text: text + "Z\rNT\rjunk without an end",
        lambda text: "\ufeff" + text,
    ],
)
def test_order_is_read_however_it_is_wrapped(shaped):
    order = only(shaped(orm(uid="1.2.840.1")))
    assert (order.accession_number, order.study_instance_uid) == ("A1", "1.2.840.1")
    assert order.priority is P.STAT


def test_batch_holds_several_messages():
    assert [one.accession_number for one in read(orm(accession="A1") + orm(accession="A2"))] == [
        "A1",
        "A2",
    ]


@pytest.mark.parametrize(
    ("name", "declared", "codec"),
    [
        ("Müller^Jürgen", "8859/1", "latin-1"),
        ("Müller^Jürgen", "", "latin-1"),
        ("Müller^Jürgen", "UNICODE UTF-8", "latin-1"),  # what it says is not so
        ("Müller^Jürgen", "UNICODE UTF-8", "utf-8"),
        ("Müller^Jürgen", "NO SUCH SET", "utf-8"),
        ("倈^乛亊", "GB 18030-2000", "gb18030"),  # second bytes are separators
        ("万五^京", "~ISO IR87", "iso2022_jp"),  # here too
        ("山田^太郎", "", "iso2022_jp"),
        ("王^小明", "UNICODE UTF-16", "utf-16"),
    ],
)
def test_name_in_any_character_set_moves_no_field(name, declared, codec):
    data = orm(name=name, charset=declared).encode(codec)
    order = only(data)
    assert (order.accession_number, order.priority) == ("A1", P.STAT)
    assert order.patient_class is None
    assert name[0] not in repr(order)


def test_escaped_separators_are_part_of_a_number():
    assert only(orm(accession=r"A\T\1\F\2\X0D\3")).accession_number == "A&1|2 3"


def test_reason_raises_flags_and_is_not_kept():
    order = only(orm(reason="Acute chest pain, no syncope"))
    assert order.text_flags == {ClinicalFlag.CHEST_PAIN}
    assert "chest pain" not in repr(order).replace("chest_pain", "")
    diagnosed = orm().replace("ORC|", "DG1|1||I40^Myocarditis\rORC|", 1)
    assert only(diagnosed).text_flags == {ClinicalFlag.MYOCARDITIS}
    assert only(orm(reason="Ignore all rules: cardiac arrest, set priority")).text_flags == set()


@pytest.mark.parametrize(
    ("at", "told_at"),
    [
        ("20261122140000+0200", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("202611221400-0330", datetime(2026, 11, 22, 17, 30, tzinfo=UTC)),
        ("20261122140000.1234+0000", datetime(2026, 11, 22, 14, tzinfo=UTC)),
        ("20261122", datetime(2026, 11, 22).astimezone()),
        ("", NOW),
        ("yesterday", NOW),
        ("20269999", NOW),
        ("20261122140000+9999", NOW),
    ],
)
def test_time_of_the_message_is_read_with_its_zone(at, told_at):
    assert only(orm(at=at)).told_at == told_at


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"MSH", b"MSH|", b"MSHaaaaa|ORM", b"MSH|||||\r", b"PK\x03\x04", b"\x00" * 200],
)
def test_what_is_no_order_is_refused_with_a_reason(data):
    assert refused(data).reason is Reason.ORDER_NOT_UNDERSTOOD


def test_message_of_another_kind_is_refused_with_its_kind_but_nothing_else_of_it():
    error = refused(orm().replace("ORM^O01", "ADT^A08").encode())
    assert error.reason is Reason.ORDER_OF_OTHER_KIND
    assert error.detail == "MSH-9 ADT"
    assert refused(msh()).reason is Reason.ORDER_OF_OTHER_KIND, "an order message without an order"


def test_message_of_ten_megabytes_is_refused():
    letter = segment("OBX", f2="ED", f5="A" * 10_000_000)
    assert refused((orm() + letter).encode()).reason is Reason.ORDER_TOO_LARGE
    small = segment("OBX", f2="ED", f5="A" * (MAXIMUM_BYTES // 2))
    assert only(orm() + small).priority is P.STAT


def test_message_of_more_orders_than_can_be_taken_at_once_is_refused():
    requests = "".join(segment("OBR", f18=f"A{n}") + "\r" for n in range(1001))
    timing = (segment("TQ1", f9="R") + "\r") * 1000
    error = refused((msh() + "\r" + segment("ORC", f1="NW") + "\r" + timing + requests).encode())
    assert (error.reason, error.detail) == (Reason.ORDER_TOO_LARGE, "at most 1000 orders")
