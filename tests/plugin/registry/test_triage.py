"""Policies, decisions, the fast lane and switches, on both databases."""

from dataclasses import replace

import pytest

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.findings import Priority
from plugin.domain.triage import (
    IncomingPriority,
    MeasuredValue,
    OrderFacts,
    Outcome,
    Situation,
    TriageInputs,
    decide,
    default_policy,
    default_policy_text,
)
from tests.plugin.domain.triage.policies import lvef, policy_text, rule
from tests.plugin.registry.samples import make_instance, make_result

STAT = OrderFacts(IncomingPriority.STAT)
WEAK = TriageInputs({"lv_ejection_fraction": MeasuredValue(22.0, "%", (18.0, 26.0))})
WAITS = rule("waits", "URGENT", f"{lvef('below', 60)}, {{ waiting_minutes = 60 }}")
ORDERED = rule("ordered", "STAT", '{ order_priority = "STAT" }')


def receive(registry, name, order=None, clock=None):
    """Receive one study and complete it; return its job."""
    uid = f"1.2.3.{name}"
    changes = {} if clock is None else {"received_at": clock()}
    registry.studies.add_instance(
        make_instance(
            study_instance_uid=uid,
            sop_instance_uid=f"{uid}.1",
            sha256=str(name) * 64,
            order=order or OrderFacts(),
            **changes,
        )
    )
    return registry.studies.mark_complete(registry.studies.get(uid).id)


def publish(registry, job, decision=None, **changes):
    claimed = registry.jobs.claim(job.id, "w", 30)
    result = replace(make_result(job.id), decision=decision, **changes)
    assert registry.jobs.publish(job.id, claimed.fence, result)


def test_urgent_orders_are_claimed_first_whatever_the_hint_says(registry, clock):
    jobs = {}
    for number, order in enumerate((None, STAT, None, OrderFacts(None, "ED")), start=1):
        jobs[number] = receive(registry, number, order)
        clock.advance(1)
    claimed = [registry.jobs.claim_next(jobs[1].id, "w", 30).id for _ in jobs]
    assert claimed == [jobs[n].id for n in (2, 4, 1, 3)]
    assert registry.jobs.claim_next(jobs[1].id, "w", 30) is None


def test_study_that_waits_for_long_is_not_held_up_by_a_stream_of_urgent_ones(registry, clock):
    routine = receive(registry, 1)
    clock.advance(1801)
    receive(registry, 2, STAT)
    assert registry.jobs.claim_next(routine.id, "w", 30).id == routine.id


def test_job_whose_worker_died_is_taken_by_its_hint(registry, clock):
    job = receive(registry, 1)
    registry.jobs.claim_next(job.id, "w", 30)
    clock.advance(31)
    assert registry.jobs.claim_next(job.id, "w", 30).id == job.id


def test_released_job_waits_its_time_in_the_fast_lane_too(registry, clock):
    urgent = receive(registry, 1, STAT)
    routine = receive(registry, 2)
    claimed = registry.jobs.claim_next(urgent.id, "w", 30)
    registry.jobs.release(urgent.id, claimed.fence, Reason.DISK_FULL)
    assert registry.jobs.claim_next(urgent.id, "w", 30).id == routine.id
    clock.advance(10)
    assert registry.jobs.claim_next(urgent.id, "w", 30).id == urgent.id


def test_fast_lane_follows_the_policy_in_force(registry):
    registry.policies.activate(policy_text(rule()), "me")
    assert not receive(registry, 1, STAT).fast_lane
    registry.policies.rollback("me")
    assert receive(registry, 2, STAT).fast_lane


def test_order_of_a_study_is_the_most_urgent_that_its_images_tell(registry):
    uid = "1.2.3"
    for number, order in enumerate(
        (
            OrderFacts(IncomingPriority.ROUTINE, "Cardiology"),
            OrderFacts(IncomingPriority.STAT),
            OrderFacts(IncomingPriority.LOW, has_admission=True),
            OrderFacts(),
        )
    ):
        registry.studies.add_instance(make_instance(number, study_instance_uid=uid, order=order))
    study = registry.studies.get(uid)
    known = OrderFacts(IncomingPriority.STAT, "Cardiology", "", has_admission=True)
    assert OrderFacts.from_dict(study.order_facts) == known
    assert study.order_urgency == 3


def test_decision_is_kept_with_its_inputs_and_policy(registry):
    job = receive(registry, 1)
    publish(registry, job, decide(default_policy(), WEAK))
    (kept,) = registry.triage.of_study(job.study_id)
    assert (kept.level, kept.outcome, kept.rules) == (
        Priority.URGENT,
        Outcome.PROMOTED,
        ("lvef_35",),
    )
    assert (kept.inputs, kept.job_id, kept.policy) == (WEAK, job.id, default_policy().label)
    assert registry.triage.latest([job.study_id, 999]) == {job.study_id: kept}
    assert list(registry.triage.results()) == [kept]


def test_replay_leaves_out_results_that_no_longer_stand(registry):
    job = receive(registry, 1)
    publish(registry, job, decide(default_policy(), WEAK))
    again = registry.studies.requeue(job.study_id, "me")
    publish(registry, again, decide(default_policy(), TriageInputs()))
    assert [one.job_id for one in registry.triage.results()] == [again.id]
    replayed = registry.triage.replay(default_policy())
    assert (replayed.n_studies, replayed.changed) == (1, ())
    assert len(registry.triage.of_study(job.study_id)) == 2


def test_purged_study_takes_its_decisions_along(registry):
    job = receive(registry, 1)
    publish(registry, job, decide(default_policy(), WEAK))
    registry.studies.purge(job.study_id, "me")
    assert registry.triage.of_study(job.study_id) == []


def test_waiting_promotes_when_its_time_has_come(registry, clock):
    registry.policies.activate(policy_text(WAITS), "me")
    job = receive(registry, 1, clock=clock)
    situation = Situation(registry.policies.in_force())
    publish(registry, job, decide(situation.policy, WEAK))
    assert registry.triage.reconsider() == 0
    clock.advance(3601)
    assert registry.triage.reconsider() == 1
    assert registry.triage.reconsider() == 0
    newest = registry.triage.of_study(job.study_id)[0]
    assert (newest.level, newest.job_id) == (Priority.URGENT, None)
    assert newest.inputs.waiting_minutes == pytest.approx(60.0, abs=0.1)
    assert registry.studies.by_id(job.study_id).policy_urgency == 2


def test_study_without_a_result_is_promoted_by_its_order(registry):
    registry.policies.activate(policy_text(ORDERED), "me")
    job = receive(registry, 1, STAT)
    claimed = registry.jobs.claim(job.id, "w", 30)
    registry.jobs.fail(job.id, claimed.fence, Reason.HEART_NOT_FOUND)
    assert registry.triage.reconsider() == 1
    assert registry.studies.by_id(job.study_id).policy_urgency == 3


def test_rule_that_is_no_longer_in_force_promotes_no_more(registry):
    registry.policies.activate(policy_text(ORDERED), "me")
    job = receive(registry, 1, STAT)
    registry.triage.reconsider()
    registry.policies.rollback("me")
    assert registry.triage.reconsider() == 1
    assert registry.studies.by_id(job.study_id).policy_urgency == 0
    assert registry.studies.by_id(job.study_id).order_urgency == 3


def test_study_that_was_read_is_left_alone(registry):
    registry.policies.activate(policy_text(ORDERED), "me")
    job = receive(registry, 1, STAT)
    registry.readings.mark_read(job.study_id, "reader")
    assert registry.triage.reconsider() == 0


def test_policy_that_ships_is_in_force_until_another_is_activated(registry):
    assert registry.policies.in_force() == default_policy()
    assert registry.policies.current() is None
    record = registry.policies.activate(policy_text(rule()), "me")
    assert registry.policies.current() == record
    assert registry.policies.in_force().version == "1"
    entry = registry.audit.list()[0]
    assert (entry.actor, entry.action) == ("me", "policy.activate")
    assert entry.after["digest"] == record.digest


def test_rollback_goes_to_the_text_before_and_in_the_end_to_the_policy_that_ships(registry):
    with pytest.raises(ConfigurationError):
        registry.policies.rollback("me")
    first, second = policy_text(rule()), policy_text(rule("b"))
    registry.policies.activate(first, "me")
    registry.policies.activate(second, "me")
    assert registry.policies.rollback("me").text == first
    assert [one.text for one in registry.policies.history()] == [first, second, first]


def test_rollback_of_the_first_activation_is_the_policy_that_ships(registry):
    registry.policies.activate(policy_text(rule()), "me")
    assert registry.policies.rollback("me").text == default_policy_text()


def test_policy_that_cannot_be_used_changes_nothing(registry):
    with pytest.raises(ConfigurationError) as error:
        registry.policies.activate(policy_text(rule(level="LOW")), "me")
    assert error.value.reason is Reason.POLICY_INVALID
    assert registry.policies.history() == []


def test_two_admins_do_not_overwrite_each_other_unseen(registry):
    registry.policies.activate(policy_text(rule()), "one", expected_id=0)
    with pytest.raises(ConfigurationError) as error:
        registry.policies.activate(policy_text(rule("b")), "two", expected_id=0)
    assert error.value.reason is Reason.POLICY_CHANGED
    assert len(registry.policies.history()) == 1


def test_shadow_result_is_shown_and_goes_nowhere(registry):
    registry.destinations.add("pacs", ae_title="PACS", host="127.0.0.1", port=104)
    job = receive(registry, 1)
    publish(registry, job, is_shadow=True)
    assert registry.jobs.result_objects(job.id)
    assert registry.deliveries.for_job(job.id) == []


def test_switches_hold_everything_or_one_destination(registry):
    near = registry.destinations.add("near", ae_title="A", host="127.0.0.1", port=104)
    far = registry.destinations.add("far", ae_title="B", host="127.0.0.1", port=104)
    assert registry.switches.switch_off("me", "far")
    assert not registry.switches.switch_off("me", "far")
    state = registry.switches.state()
    assert (state.holds(near.id), state.holds(far.id)) == (False, True)
    assert not state.everything_is_off
    assert registry.switches.switch_off("me")
    assert registry.switches.state().holds(near.id)
    assert registry.switches.switch_on("me")
    assert not registry.switches.state().holds(near.id)
    assert registry.switches.state().holds(far.id)
    assert registry.switches.switch_on("me", "far")
    assert not registry.switches.switch_on("me", "far")
    assert registry.switches.state().off == ()
    actions = [one.action for one in registry.audit.list() if one.action.startswith("switch")]
    assert actions == ["switch.on", "switch.on", "switch.off", "switch.off"]


def test_switch_of_an_unknown_destination_is_refused(registry):
    with pytest.raises(ConfigurationError) as error:
        registry.switches.switch_off("me", "nowhere")
    assert error.value.reason is Reason.NOT_FOUND


def test_removed_destination_takes_its_switch_along(registry):
    registry.destinations.add("far", ae_title="B", host="127.0.0.1", port=104)
    registry.switches.switch_off("me", "far")
    registry.destinations.remove("far")
    assert registry.switches.state().off == ()
