"""Earlier results of a person: only those that stand, only of the same person, only earlier."""

import pytest

from plugin.domain.comparison import Obstacle
from tests.plugin.registry.samples import claim_job, make_instance, make_result, receive, report_job

PERSON = {"patient_birth_date": "19610203", "patient_sex": "M"}


def instance(name, date, **changes):
    """Make the one image of study ``name``."""
    uid = f"1.2.3.{name}"
    values = {
        "study_instance_uid": uid,
        "sop_instance_uid": f"{uid}.1",
        "study_date": date,
        **PERSON,
        **changes,
    }
    return make_instance(**values)


def reported(registry, name, date, **changes):
    """Report study ``name`` and return its job."""
    return report_job(registry, str(name), instance(name, date, **changes))


@pytest.fixture
def today(registry):
    return receive(registry, instance(99, "20260301", study_time="101500"))


def found(registry, study):
    earlier = registry.earlier.results(study.id)
    return [one.job_id for one in earlier.results], earlier.obstacles


def test_earlier_results_come_latest_first_and_later_ones_not_at_all(registry, today):
    oldest = reported(registry, 1, "2023.05.01")
    latest = reported(registry, 2, "20250701")
    reported(registry, 3, "20260302")
    assert found(registry, today) == ([latest.id, oldest.id], ())
    (first, _) = registry.earlier.results(today.id).results
    assert first.folder.name == "2"


def test_study_of_the_same_day_counts_by_its_time(registry, today):
    morning = reported(registry, 1, "20260301", study_time="080000")
    reported(registry, 2, "20260301", study_time="170000")
    assert found(registry, today) == ([morning.id], ())


def test_study_of_the_same_day_without_a_time_is_not_compared_and_that_is_said(registry, today):
    reported(registry, 1, "20260301")
    assert found(registry, today) == ([], (Obstacle.ORDER_UNKNOWN,))


@pytest.mark.parametrize("other", [{"patient_birth_date": "19700101"}, {"patient_sex": "F"}])
def test_another_person_under_the_id_is_left_out_and_that_is_said(registry, today, other):
    mine = reported(registry, 1, "20240101")
    reported(registry, 2, "20250101", **other)
    assert found(registry, today) == ([mine.id], (Obstacle.OTHER_PERSON,))
    mine_alone = {registry.jobs.get(mine.id).study_id}
    assert registry.earlier.same_person(today) == mine_alone


def test_name_is_never_looked_at(registry, today):
    married = reported(registry, 1, "20240101", patient_name="Roe^Jane")
    reported(registry, 2, "20240101", patient_id="P2")
    assert found(registry, today) == ([married.id], ())


def test_same_id_of_another_issuer_is_nobody_we_know(registry):
    reported(registry, 1, "20240101", issuer_of_patient_id="NORTH")
    study = receive(registry, instance(99, "20260301", issuer_of_patient_id="SOUTH"))
    assert found(registry, study) == ([], ())


def test_studies_without_a_patient_id_are_never_one_person(registry):
    reported(registry, 1, "20240101", patient_id="")
    study = receive(registry, instance(99, "20260301", patient_id=""))
    assert found(registry, study) == ([], ())
    assert registry.earlier.same_person(study) == frozenset()


def test_withdrawn_superseded_and_unfinished_results_are_not_there(registry, today):
    withdrawn = reported(registry, 1, "20240101")
    assert registry.jobs.withdraw(withdrawn.id, "wrong", (), "test")
    first = reported(registry, 2, "20240201")
    claimed = claim_job(registry, instance(3, "20240301"))
    again = registry.studies.requeue(registry.jobs.get(first.id).study_id, "test")
    running = registry.jobs.claim(again.id, "w", 60)
    assert registry.jobs.publish(running.id, running.fence, make_result("again"))
    assert claimed.id not in found(registry, today)[0]
    assert found(registry, today) == ([again.id], ())


def test_objects_that_no_destination_may_have_are_not_held(registry, today):
    reported(registry, 1, "20240101")
    assert registry.earlier.results(today.id).results[0].held_kinds == frozenset()
    registry.destinations.add("pacs", ae_title="PACS", host="127.0.0.1", port=104)
    reported(registry, 2, "20250101")
    assert registry.earlier.results(today.id).results[0].held_kinds >= {"sr", "summary"}
