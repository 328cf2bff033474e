"""What a worker does with the policy in force, the order, and shadow mode."""

from datetime import UTC, datetime

import pytest

from plugin.domain.findings import Priority
from plugin.domain.triage import IncomingPriority, OrderFacts
from plugin.registry import IndexedInstance, Registry
from plugin.settings import Settings
from plugin.spool import Spool
from tests.generated import TruthSegmenter, small_patient, write_small_study
from tests.plugin.domain.triage.policies import policy_text, rule
from worker.tasks import Analyst, Outcome

EASY = '{ measurement = "lv_ejection_fraction", above = 1, unit = "%" }'


@pytest.fixture
def settings(tmp_path):
    return Settings(
        operation={"mode": "shadow"},
        spool={"folder": tmp_path / "spool", "minimum_free_bytes": 0},
    )


@pytest.fixture
def registry(settings):
    Spool(settings.spool.folder)
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        registry.destinations.add("pacs", ae_title="PACS", host="127.0.0.1", port=104)
        yield registry


def receive(registry, paths):
    uid = str(small_patient().study.study_instance_uid)
    for number, path in enumerate(paths):
        registry.studies.add_instance(
            IndexedInstance(
                uid,
                "1.2.3",
                f"1.2.3.{number}",
                "1.2.840.10008.5.1.4.1.1.4",
                "1.2.840.10008.1.2.1",
                "MR",
                str(path),
                f"{number:064d}",
                path.stat().st_size,
                datetime.now(UTC),
                "PACS",
                order=OrderFacts(IncomingPriority.STAT, "ED"),
            )
        )
    return registry.studies.mark_complete(registry.studies.get(uid).id)


def test_worker_decides_by_the_policy_in_force_and_sends_nothing_in_shadow(
    settings, registry, tmp_path
):
    registry.policies.activate(
        policy_text(rule("easy", "STAT", f'{EASY}, {{ order_priority = "HIGH" }}')), "me"
    )
    job = receive(registry, write_small_study(tmp_path / "images"))
    spool = Spool(settings.spool.folder)
    analyst = Analyst(settings, registry, spool, TruthSegmenter(), "test")
    assert analyst.analyse(job.id) is Outcome.PUBLISHED
    (decision,) = registry.triage.of_study(job.study_id)
    assert (decision.level, decision.rules) == (Priority.STAT, ("easy",))
    assert decision.inputs.order.requesting_service == "ED"
    assert decision.inputs.waiting_minutes is not None
    assert decision.policy == registry.policies.in_force().label
    after = registry.jobs.get(job.id)
    assert after.summary["priority"] == "STAT"
    assert "A guideline 2024" in after.summary["priority_reason"]
    assert registry.jobs.result_objects(job.id)
    assert registry.deliveries.for_job(job.id) == []


def test_worker_runs_the_urgent_job_whichever_it_was_woken_for(settings, registry, monkeypatch):
    jobs = []
    for number, order in enumerate((OrderFacts(), OrderFacts(IncomingPriority.STAT))):
        uid = f"1.2.9.{number}"
        registry.studies.add_instance(
            IndexedInstance(
                uid,
                f"{uid}.1",
                f"{uid}.1.1",
                "1.2",
                "1.2",
                "MR",
                "/x",
                f"{number:064d}",
                1,
                datetime.now(UTC),
                "PACS",
                order=order,
            )
        )
        jobs.append(registry.studies.mark_complete(registry.studies.get(uid).id))
    ran = []
    monkeypatch.setattr(
        Analyst, "_run", lambda _self, job, _lease: ran.append(job.id) or Outcome.PUBLISHED
    )
    analyst = Analyst(settings, registry, Spool(settings.spool.folder), TruthSegmenter(), "test")
    routine, urgent = (job.id for job in jobs)
    assert [analyst.analyse(routine), analyst.analyse(urgent)] == [Outcome.PUBLISHED] * 2
    assert ran == [urgent, routine]
    assert analyst.analyse(routine) is Outcome.NOT_CLAIMED
