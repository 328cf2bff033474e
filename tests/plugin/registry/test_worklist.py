"""The order of the reading worklist, its pages, its counts, and who has what."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from plugin.domain.errors import Reason
from plugin.domain.feedback import Verdict
from plugin.domain.findings import Priority
from plugin.domain.triage import Decision, Outcome, Standing, TriageInputs, rank_key
from plugin.domain.triage.inputs import IncomingPriority
from plugin.domain.triage.ranking import URGENCY_OF_ORDER
from plugin.registry import PublishedResult
from plugin.registry.readings import Opinion
from plugin.registry.tables import studies
from plugin.registry.worklist import Order, Shown, Stage, Wanted
from tests.plugin.registry.samples import make_instance

TO_READ = Wanted()


def arrive(registry, number, *, priority=None, finding="", **changes):
    uid = f"1.2.840.{number}"
    values = {"study_instance_uid": uid, "sop_instance_uid": f"{uid}.1", **changes}
    values.setdefault("received_at", registry.worklist._database.now())
    registry.studies.add_instance(make_instance(number, **values))
    study = registry.studies.get(uid)
    if priority is not None:
        report(registry, study, priority, finding)
    return study.id


def report(registry, study, priority, finding=""):
    job = registry.studies.mark_complete(study.id)
    claimed = registry.jobs.claim(job.id, "test", 60)
    summary = {"finding": finding, "lvef_percent": 40.0}
    result = PublishedResult((), "d", summary, decided(priority))
    assert registry.jobs.publish(job.id, claimed.fence, result)
    return job


def decided(priority):
    level = Priority(priority)
    outcome = Outcome.KEPT if level is Priority.ROUTINE else Outcome.PROMOTED
    return Decision(level, outcome, (), (), "because", (), "test", TriageInputs())


def listed(registry, wanted=TO_READ, after=None, limit=50):
    return [one.study_id for one in registry.worklist.page(wanted, after, limit)]


def test_promoted_studies_come_first_and_then_the_longest_waiting(registry, clock):
    ids = []
    for number, priority in enumerate(("ROUTINE", "URGENT", None, "STAT", "URGENT")):
        ids.append(arrive(registry, number, priority=priority))
        clock.advance(60)
    assert listed(registry) == [ids[3], ids[1], ids[4], ids[0], ids[2]]
    assert listed(registry, Wanted(order=Order.NEWEST)) == ids[::-1]
    assert listed(registry, Wanted(promoted_only=True)) == [ids[3], ids[1], ids[4]]
    assert listed(registry, Wanted(ai_orders=False)) == ids


def test_order_of_the_list_is_the_ranking_of_the_domain(registry, clock):
    for number in range(12):
        priority = (None, "ROUTINE", "URGENT", "STAT")[number % 4]
        arrive(registry, number, priority=priority)
        study = registry.studies.get(f"1.2.840.{number}")
        incoming = (None, *IncomingPriority)[number % 5]
        with registry.worklist._database.write() as connection:
            urgency = URGENCY_OF_ORDER[incoming]
            changed = update(studies).where(studies.c.id == study.id)
            connection.execute(changed.values(order_urgency=urgency))
        clock.advance(30)
    for ai_orders in (True, False):
        entries = registry.worklist.page(Wanted(ai_orders=ai_orders))
        standings = [
            Standing(
                level={0: Priority.ROUTINE, 2: Priority.URGENT, 3: Priority.STAT}[one.ai_urgency],
                incoming={v: k for k, v in URGENCY_OF_ORDER.items()}[one.order_urgency],
                waiting_seconds=(clock() - one.received_at).total_seconds(),
            )
            for one in entries
        ]
        keys = [rank_key(one, ai_orders=ai_orders) for one in standings]
        assert keys == sorted(keys)


@pytest.mark.parametrize("order", list(Order))
def test_pages_join_without_gap_or_double(registry, clock, order):
    for number in range(23):
        arrive(registry, number, priority=("URGENT", "ROUTINE", None)[number % 3])
        clock.advance(number % 2)  # some arrive at the same moment
    wanted = Wanted(order=order)
    whole = listed(registry, wanted)
    assert len(whole) == 23
    joined, after = [], None
    while True:
        page = registry.worklist.page(wanted, after, limit=5)
        if not page:
            break
        joined += [one.study_id for one in page]
        after = page[-1].position
    assert joined == whole


def test_stages_follow_study_and_job(registry):
    arriving = arrive(registry, 1)
    queued = arrive(registry, 2)
    registry.studies.mark_complete(queued)
    running = arrive(registry, 3)
    job = registry.studies.mark_complete(running)
    claimed = registry.jobs.claim(job.id, "test", 60)
    assert registry.jobs.advance(job.id, claimed.fence, "segment", 0.4)
    rejected = arrive(registry, 4)
    registry.studies.mark_rejected(rejected, Reason.NOT_CARDIAC)
    done = arrive(registry, 5, priority="ROUTINE")
    stages = {one.study_id: one for one in registry.worklist.page(Wanted())}
    assert {key: one.stage for key, one in stages.items()} == {
        arriving: Stage.ARRIVING,
        queued: Stage.QUEUED,
        running: Stage.ANALYSING,
        rejected: Stage.NOT_ANALYSED,
        done: Stage.DONE,
    }
    assert (stages[running].activity, stages[running].progress) == ("segment", 0.4)
    assert stages[rejected].reason is Reason.NOT_CARDIAC
    counts = registry.worklist.counts()
    assert counts.n_to_read == 5
    assert all(counts.by_stage[stage] == 1 for stage in Stage)
    assert listed(registry, Wanted(stage=Stage.NOT_ANALYSED)) == [rejected]


def test_progress_of_a_lost_claim_is_not_taken(registry):
    study = arrive(registry, 1)
    job = registry.studies.mark_complete(study)
    claimed = registry.jobs.claim(job.id, "test", 60)
    assert not registry.jobs.advance(job.id, claimed.fence + 1, "segment", 0.4)


def test_words_are_found_in_names_and_numbers_and_never_act_as_wildcards(registry):
    anna = arrive(registry, 1, patient_name="Müller^Anna", patient_id="A%1")
    arrive(registry, 2, patient_name="Bauer^Bernd", patient_id="B_2")
    assert listed(registry, Wanted(words="anna")) == [anna]
    assert listed(registry, Wanted(words="a%1 müller")) == [anna]
    assert listed(registry, Wanted(words="%")) == [anna]
    assert listed(registry, Wanted(words="anna bernd")) == []


def test_only_one_reader_has_a_study(registry):
    study = arrive(registry, 1, priority="ROUTINE")
    readings = registry.readings
    assert readings.claim(study, "anna")
    assert readings.claim(study, "anna")
    assert not readings.claim(study, "bernd")
    assert not readings.mark_read(study, "bernd")
    assert not readings.release(study, "bernd")
    assert listed(registry, Wanted(shown=Shown.MINE, who="anna")) == [study]
    assert listed(registry, Wanted(shown=Shown.MINE, who="bernd")) == []
    assert readings.release(study, "anna")
    assert readings.claim(study, "bernd")
    assert not readings.claim(12345, "anna")


def test_read_studies_leave_the_list_until_a_new_result_comes(registry):
    study = arrive(registry, 1, priority="ROUTINE")
    assert registry.readings.mark_read(study, "anna")
    assert listed(registry) == []
    assert registry.worklist.counts().n_to_read == 0
    (entry,) = registry.worklist.page(Wanted(shown=Shown.READ))
    assert entry.read_by == "anna"
    arrive(registry, 1, sha256="f" * 64)  # other bytes: a new generation follows
    assert listed(registry) == []
    report(registry, registry.studies.by_id(study), "URGENT")
    (entry,) = registry.worklist.page(Wanted())
    assert (entry.study_id, entry.read_by) == (study, None)
    assert registry.readings.mark_read(study, "anna")
    assert registry.readings.mark_unread(study, "bernd")
    assert listed(registry) == [study]


def test_stamp_changes_with_everything_that_the_list_shows(registry, clock):
    def changed(act):
        before = registry.worklist.stamp()
        assert registry.worklist.stamp() == before
        clock.advance(1)
        act()
        return registry.worklist.stamp() != before

    assert changed(lambda: arrive(registry, 1))
    study = registry.studies.get("1.2.840.1")
    jobs = []
    assert changed(lambda: jobs.append(registry.studies.mark_complete(study.id)))
    claims = []
    assert changed(lambda: claims.append(registry.jobs.claim(jobs[0].id, "test", 60)))
    fence = claims[0].fence
    assert changed(lambda: registry.jobs.advance(jobs[0].id, fence, "segment", 0.2))
    result = PublishedResult((), "d", {}, decided("URGENT"))
    assert changed(lambda: registry.jobs.publish(jobs[0].id, fence, result))
    assert changed(lambda: registry.readings.claim(study.id, "anna"))
    assert changed(lambda: registry.readings.release(study.id, "anna"))
    assert changed(lambda: registry.readings.mark_read(study.id, "anna"))
    arrive(registry, 1, sha256="f" * 64)
    assert changed(lambda: registry.studies.mark_kept(study.id))


def test_other_studies_of_a_patient_are_priors_when_they_have_a_result(registry):
    now = arrive(registry, 1, priority="ROUTINE", patient_id="P", study_date="20260601")
    before = arrive(registry, 2, priority="URGENT", patient_id="P", study_date="20250601")
    arrive(registry, 3, patient_id="P")
    arrive(registry, 4, priority="ROUTINE", patient_id="Q")
    found = registry.worklist.of_patient("P", but=now)
    assert [one.study_id for one in found] == [before]
    assert registry.worklist.of_patient("", but=now) == []


def test_feedback_keeps_what_the_result_said_and_is_audited_without_the_comment(registry, clock):
    study = arrive(registry, 1, priority="URGENT")
    job = registry.jobs.last_reported(study)
    opinion = Opinion(Verdict.CORRECT, lvef_percent=52.0, comment="Mrs Secret")
    kept = registry.readings.add_feedback(study, job.id, "anna", opinion)
    assert kept.result["lvef_percent"] == 40.0
    assert registry.readings.feedback(study) == [kept]
    assert registry.readings.feedback(before_id=kept.id) == []
    entry = registry.audit.list()[0]
    assert (entry.actor, entry.action) == ("anna", "study.feedback")
    assert "Secret" not in repr(entry)
    other = arrive(registry, 2, priority="URGENT")
    assert registry.readings.add_feedback(other, job.id, "anna", opinion) is None
    registry.studies.purge(study, "test")
    assert registry.readings.feedback() == []
    assert clock() - timedelta(days=1) < kept.at
