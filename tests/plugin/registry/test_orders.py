"""Orders before and after their studies: kept once, raising only, gone with their studies."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from plugin.domain.errors import Reason
from plugin.domain.findings import Priority
from plugin.domain.order import ImagingOrder
from plugin.domain.triage import (
    ClinicalFlag,
    IncomingPriority,
    OrderFacts,
    OrderSource,
    PatientClass,
    decide,
)
from plugin.registry.orders import TakeOutcome, hold_orders
from tests.plugin.domain.triage.policies import lvef, policy_text, rule
from tests.plugin.registry.samples import START, STUDY_UID, make_instance, make_result
from tests.plugin.registry.test_triage import WEAK, publish

P = IncomingPriority
NEW, UPDATED = TakeOutcome.NEW, TakeOutcome.UPDATED
KNOWN, OUTDATED = TakeOutcome.KNOWN, TakeOutcome.OUTDATED


def order(minutes=-60, **told):
    """Return an order of study A1, told so many minutes after the clock's start."""
    told = {"accession_number": "A1", "filler_number": "F1", "priority": P.STAT} | told
    at = START + timedelta(minutes=minutes)
    return ImagingOrder(OrderSource.HL7, at, written="TQ1-9 S", **told)


def take(registry, *told):
    return registry.orders.take(told, "ris")


def arrive(registry, number=1, **changes):
    registry.studies.add_instance(make_instance(number, **changes))
    return registry.studies.get(changes.get("study_instance_uid", STUDY_UID))


def facts(study):
    return OrderFacts.from_dict(study.order_facts)


def test_order_that_came_before_its_study_takes_the_fast_lane(registry):
    (taken,) = take(registry, order())
    assert (taken.outcome, taken.study_ids) == (NEW, ())
    study = arrive(registry)
    assert (facts(study).priority, facts(study).told_by) == (P.STAT, OrderSource.HL7)
    assert study.order_urgency == 3
    assert registry.studies.mark_complete(study.id).fast_lane


def test_order_that_comes_later_raises_a_study_that_waits(registry):
    other = arrive(registry, study_instance_uid="1.2.9", accession_number="A9")
    first = registry.studies.mark_complete(other.id)
    study = arrive(registry)
    job = registry.studies.mark_complete(study.id)
    assert not job.fast_lane
    (taken,) = take(registry, order())
    assert taken.study_ids == taken.raised_ids == (study.id,)
    assert registry.jobs.get(job.id).fast_lane
    assert registry.studies.by_id(study.id).order_urgency == 3
    claimed = [registry.jobs.claim_next(first.id, "w", 30).id for _ in range(2)]
    assert claimed == [job.id, first.id]


def test_decision_names_what_told_the_priority_and_is_made_again_upwards(registry):
    ordered = rule("ordered", "STAT", '{ order_priority = "STAT" }')
    registry.policies.activate(policy_text(ordered, rule("weak", "URGENT", lvef())), "me")
    study = arrive(registry)
    job = registry.studies.mark_complete(study.id)
    publish(registry, job, decide(registry.policies.in_force(), WEAK))
    take(registry, order())
    newest, first = registry.triage.of_study(study.id)
    assert (newest.level, newest.job_id) == (Priority.STAT, None)
    assert newest.inputs.order.told_by is OrderSource.HL7
    assert (first.level, first.job_id) == (Priority.URGENT, job.id)
    assert registry.worklist.entry(study.id).ai_urgency == 3
    take(registry, order(minutes=-30, priority=P.ROUTINE))
    registry.triage.reconsider()
    assert registry.worklist.entry(study.id).ai_urgency == 3
    assert len(registry.triage.of_study(study.id)) == 2


def test_rule_on_result_and_order_comes_true_when_the_order_comes_late(registry):
    both = rule("both", "STAT", f'{lvef()}, {{ patient_class = "emergency" }}')
    registry.policies.activate(policy_text(both), "me")
    study = arrive(registry)
    publish(
        registry,
        registry.studies.mark_complete(study.id),
        decide(registry.policies.in_force(), WEAK),
    )
    take(registry, order(patient_class=PatientClass.EMERGENCY, priority=None))
    assert registry.triage.of_study(study.id)[0].level is Priority.STAT
    assert registry.triage.reconsider() == 0


def test_order_that_came_during_the_analysis_is_decided_on_with_the_result(registry):
    both = rule("both", "STAT", f'{lvef()}, {{ order_priority = "HIGH" }}')
    ordered = rule("ordered", "URGENT", '{ order_priority = "HIGH" }')
    registry.policies.activate(policy_text(both, ordered), "me")
    study = arrive(registry)
    job = registry.studies.mark_complete(study.id)
    claimed = registry.jobs.claim(job.id, "w", 30)
    take(registry, order())
    assert registry.triage.of_study(study.id)[0].level is Priority.URGENT
    without_order = replace(
        make_result(job.id), decision=decide(registry.policies.in_force(), WEAK)
    )
    assert registry.jobs.publish(job.id, claimed.fence, without_order)
    newest, of_result, _ = registry.triage.of_study(study.id)
    assert (newest.level, of_result.level) == (Priority.STAT, Priority.ROUTINE)
    assert newest.inputs.measurements == WEAK.measurements
    assert registry.worklist.entry(study.id).ai_urgency == 3
    assert registry.triage.reconsider() == 0


def test_low_order_that_came_before_its_study_gives_it_its_low_place(registry):
    take(registry, order(priority=P.LOW))
    assert arrive(registry).order_urgency == 0
    other = {"study_instance_uid": "1.2.9", "accession_number": "A2"}
    study = arrive(registry, 2, **other)
    take(registry, order(priority=P.LOW, accession_number="A2", filler_number="F2"))
    assert registry.studies.by_id(study.id).order_urgency == 1


def test_flag_of_an_order_is_seen_by_the_policy(registry):
    registry.policies.activate(policy_text(rule(when='{ text = "chest_pain" }')), "me")
    study = arrive(registry)
    take(registry, order(text_flags=frozenset({ClinicalFlag.CHEST_PAIN})))
    assert registry.studies.by_id(study.id).policy_urgency == 2


def test_study_that_was_read_keeps_its_decision(registry):
    registry.policies.activate(policy_text(rule(when='{ order_priority = "STAT" }')), "me")
    study = arrive(registry)
    registry.studies.mark_complete(study.id)
    registry.readings.mark_read(study.id, "reader")
    take(registry, order())
    assert registry.triage.of_study(study.id) == []


def test_message_again_changes_nothing_and_an_older_one_neither(registry):
    told = order(priority=P.ROUTINE)
    study = arrive(registry)
    assert [one.outcome for one in take(registry, told)] == [NEW]
    assert [one.outcome for one in take(registry, told)] == [KNOWN]
    assert [one.outcome for one in take(registry, order(minutes=-120))] == [OUTDATED]
    assert registry.studies.by_id(study.id).order_urgency == 1
    assert [one.outcome for one in take(registry, order(minutes=-30))] == [UPDATED]
    assert registry.studies.by_id(study.id).order_urgency == 3
    (record,) = registry.orders.list()
    assert record.order.priority is P.STAT
    assert [one.action for one in registry.audit.list() if one.action.startswith("order")] == [
        "order.updated",
        "order.new",
    ]


def test_clock_of_a_sender_that_is_ahead_does_not_win_for_ever(registry, clock):
    take(registry, order(minutes=60 * 24 * 365, priority=P.ROUTINE))
    clock.advance(60)
    assert take(registry, order(minutes=1))[0].outcome is UPDATED


def test_what_an_order_raised_is_not_lowered_by_it_again(registry):
    study = arrive(registry)
    take(registry, order())
    take(registry, order(minutes=-30, priority=P.LOW))
    take(registry, order(minutes=-20, is_cancelled=True))
    assert registry.studies.by_id(study.id).order_urgency == 3
    (record,) = registry.orders.of_study(registry.studies.by_id(study.id))
    assert record.order.asks_for == "cancelled"


def test_order_that_was_cancelled_before_its_study_came_asks_for_nothing(registry):
    take(registry, order())
    take(registry, order(minutes=-30, accession_number="", priority=None, is_cancelled=True))
    assert arrive(registry).order_urgency == 1
    assert len(registry.orders.list()) == 1


def test_highest_of_headers_and_of_two_orders_that_disagree_counts(registry):
    take(registry, order(priority=P.ROUTINE), order(filler_number="F2", priority=P.HIGH))
    headers = OrderFacts(P.STAT, "Cardiology")
    study = arrive(registry, order=headers)
    assert facts(study) == headers
    other = arrive(registry, 2, study_instance_uid="1.2.9", order=OrderFacts(P.LOW))
    assert (facts(other).priority, facts(other).told_by) == (P.HIGH, OrderSource.HL7)
    assert [one.order.asks_for for one in registry.orders.of_study(study)] == [
        "ROUTINE (TQ1-9 S)",
        "HIGH (TQ1-9 S)",
    ]


def test_issuers_keep_equal_accession_numbers_apart(registry):
    take(registry, order(accession_issuer="OTHER"))
    assert arrive(registry, accession_issuer="RIS^1.2").order_urgency == 1
    take(registry, order(filler_number="F2", accession_issuer="RIS"))
    assert registry.studies.get(STUDY_UID).order_urgency == 3


def test_study_is_found_by_its_uid_or_its_requested_procedure(registry):
    take(registry, order(accession_number="", study_instance_uid=STUDY_UID))
    take(registry, order(accession_number="", requested_procedure_id="RP", filler_number="F2"))
    assert arrive(registry, accession_number="").order_urgency == 3
    other = {"study_instance_uid": "1.2.9", "requested_procedure_id": "RP"}
    assert arrive(registry, 2, accession_number="", **other).order_urgency == 3
    assert arrive(registry, 3, study_instance_uid="1.2.10", accession_number="").order_urgency == 1


def test_order_that_names_nothing_is_not_kept(registry):
    (taken,) = take(registry, order(accession_number="", filler_number="F9"))
    assert (taken.outcome, taken.record) == (TakeOutcome.NAMELESS, None)
    assert registry.orders.list() == []


def test_later_images_and_failed_analyses_keep_the_order(registry):
    take(registry, order())
    study = arrive(registry)
    job = registry.studies.mark_complete(study.id)
    arrive(registry, 2)
    assert registry.studies.mark_complete(study.id).fast_lane
    assert not registry.jobs.fail(job.id, job.fence, Reason.HEART_NOT_FOUND)
    raised = [one for one in registry.audit.list() if one.action == "study.order"]
    assert len(raised) == 1
    assert raised[0].after["priority"] == "STAT"


def test_purged_study_takes_its_orders_along_unless_another_study_has_them(registry):
    first = arrive(registry)
    second = arrive(registry, 2, study_instance_uid="1.2.9")
    take(registry, order())
    registry.studies.purge(first.id, "me")
    assert len(registry.orders.list()) == 1
    registry.studies.purge(second.id, "me")
    assert registry.orders.list() == []


def test_orders_whose_study_never_came_are_forgotten(registry, clock):
    take(registry, order(), order(accession_number="A2", filler_number="F2"))
    arrive(registry)
    clock.advance(86_400)
    assert registry.orders.forget_unmatched(START) == 0
    assert registry.orders.forget_unmatched(clock()) == 1
    assert [one.order.accession_number for one in registry.orders.list()] == ["A1"]


def test_orders_are_listed_page_by_page_and_found_by_number(registry):
    take(registry, *(order(accession_number=f"A{n}", filler_number=f"F{n}") for n in range(1, 4)))
    newest, *_ = registry.orders.list(1)
    assert newest.order.accession_number == "A3"
    assert [one.order.accession_number for one in registry.orders.list(9, newest.id)] == [
        "A2",
        "A1",
    ]
    assert registry.orders.get(newest.id) == newest
    assert registry.orders.get(99) is None
    assert registry.orders.studies_of(newest) == []


@pytest.mark.parametrize("changes", [{}, {"work_item_uid": "1.2.3"}])
def test_order_comes_back_as_it_was_told(registry, changes):
    told = replace(
        order(
            placer_number="P^HIS",
            accession_issuer="RIS^1.2",
            requested_procedure_id="RP",
            patient_class=PatientClass.INPATIENT,
            text_flags=frozenset({ClinicalFlag.MYOCARDITIS}),
            **changes,
        ),
        source=OrderSource.UPS,
    )
    assert take(registry, told)[0].record.order == told
    assert registry.orders.list()[0].order == told


def test_order_and_study_that_come_at_one_moment_see_each_other(registry):
    """Neither may commit between the other's look and its commit."""
    come = threading.Thread(target=arrive, args=(registry,))
    with registry.orders._database.write() as connection:
        hold_orders(connection, alone=True)
        come.start()
        come.join(0.3)
        assert come.is_alive(), "a study waits while an order is taken"
    come.join(20)
    assert registry.studies.get(STUDY_UID) is not None
