"""Which order is of which study, which messages are of one order, and what is joined."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from plugin.domain.order import ImagingOrder, is_of, is_same, joined
from plugin.domain.triage import (
    URGENCY_OF_ORDER,
    ClinicalFlag,
    IncomingPriority,
    OrderFacts,
    OrderSource,
    PatientClass,
)

AT = datetime(2026, 11, 22, 14, tzinfo=UTC)
P = IncomingPriority


def order(**told):
    return ImagingOrder(OrderSource.HL7, AT, **told)


@pytest.mark.parametrize(
    ("ordered", "study", "expected"),
    [
        ({"accession_number": "A"}, {"accession_number": "A"}, True),
        ({"accession_number": "A"}, {"accession_number": "B"}, False),
        # The issuers decide where both name one.
        (
            {"accession_number": "A", "accession_issuer": "RIS"},
            {"accession_number": "A", "accession_issuer": "OTHER"},
            False,
        ),
        (
            {"accession_number": "A", "accession_issuer": "RIS"},
            {"accession_number": "A", "accession_issuer": "ris^1.2"},
            True,
        ),
        (
            {"accession_number": "A", "accession_issuer": "RIS^1.2"},
            {"accession_number": "A", "accession_issuer": "OTHER^1.2"},
            True,
        ),
        (
            {"accession_number": "A", "accession_issuer": "RIS^1.2"},
            {"accession_number": "A", "accession_issuer": "RIS^1.3"},
            False,
        ),
        ({"accession_number": "A", "accession_issuer": "RIS"}, {"accession_number": "A"}, True),
        # A UID is one study whatever else is told.
        (
            {"accession_number": "A", "study_instance_uid": "1.2"},
            {"accession_number": "B", "study_instance_uid": "1.2"},
            True,
        ),
        ({"study_instance_uid": "1.2"}, {"study_instance_uid": "1.3"}, False),
        # A procedure's ID only where nothing better is told by both.
        ({"requested_procedure_id": "R"}, {"requested_procedure_id": "R"}, True),
        (
            {"requested_procedure_id": "R", "accession_number": "A"},
            {"requested_procedure_id": "R", "accession_number": "B"},
            False,
        ),
        (
            {"requested_procedure_id": "R", "study_instance_uid": "1.2"},
            {"requested_procedure_id": "R", "study_instance_uid": "1.3"},
            False,
        ),
        ({}, {}, False),
    ],
)
def test_order_is_of_a_study_by_its_numbers(ordered, study, expected):
    assert is_of(order(**ordered), order(**study)) is expected


@pytest.mark.parametrize(
    ("told", "known", "expected"),
    [
        ({"filler_number": "F"}, {"filler_number": "F", "accession_number": "A"}, True),
        ({"placer_number": "P"}, {"placer_number": "P", "filler_number": "F"}, True),
        (
            {"placer_number": "P", "filler_number": "F2"},
            {"placer_number": "P", "filler_number": "F"},
            False,
        ),
        (
            {"placer_number": "P", "accession_number": "A"},
            {"placer_number": "P", "accession_number": "B"},
            False,
        ),
        (
            {"placer_number": "P", "requested_procedure_id": "R"},
            {"placer_number": "P", "requested_procedure_id": "S"},
            False,
        ),
        ({"accession_number": "A"}, {"accession_number": "A"}, True),
        ({"work_item_uid": "1.2"}, {"work_item_uid": "1.2"}, True),
        ({"work_item_uid": "1.2"}, {"work_item_uid": "1.3"}, False),
        ({}, {}, False),
    ],
)
def test_messages_are_of_one_order_by_its_numbers(told, known, expected):
    assert is_same(order(**told), order(**known)) is expected


def test_orders_of_different_systems_are_never_one():
    other = replace(order(accession_number="A"), source=OrderSource.UPS)
    assert not is_same(order(accession_number="A"), other)


def test_later_message_replaces_what_it_tells_and_keeps_the_rest():
    known = order(placer_number="P", accession_number="A", priority=P.STAT, written="TQ1-9 S")
    cancelled = known.updated(order(placer_number="P", is_cancelled=True))
    assert cancelled == replace(known, is_cancelled=True)
    lowered = known.updated(order(placer_number="P", priority=P.ROUTINE, written="TQ1-9 R"))
    assert (lowered.priority, lowered.written) == (P.ROUTINE, "TQ1-9 R")


@pytest.mark.parametrize("known", [None, *P])
@pytest.mark.parametrize("told", [None, *P])
def test_joined_facts_are_never_less_urgent_than_what_was_known(known, told):
    after = joined(OrderFacts(known), OrderFacts(told, told_by=OrderSource.HL7))
    assert URGENCY_OF_ORDER[after.priority] >= URGENCY_OF_ORDER[known]
    assert after.priority in {known, told}
    if after.priority is not known:
        assert after.told_by is OrderSource.HL7


def test_joined_facts_know_all_that_was_told():
    headers = OrderFacts(P.HIGH, "Cardiology", "Ward 7", has_admission=True)
    message = OrderFacts(
        P.STAT,
        told_by=OrderSource.HL7,
        patient_class=PatientClass.EMERGENCY,
        text_flags=frozenset({ClinicalFlag.CHEST_PAIN}),
    )
    after = joined(headers, message)
    assert after == joined(joined(None, headers), message)
    assert (after.priority, after.told_by) == (P.STAT, OrderSource.HL7)
    assert (after.location, after.has_admission) == ("Ward 7", True)
    assert after.patient_class is PatientClass.EMERGENCY
    assert OrderFacts.from_dict(after.to_dict()) == after


def test_facts_of_an_earlier_version_were_told_by_headers():
    known = {"priority": "STAT", "requesting_service": "", "location": "", "has_admission": False}
    assert OrderFacts.from_dict(known).told_by is OrderSource.HEADERS
