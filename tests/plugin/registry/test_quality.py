"""What the figures of quality are read from: origins, results, refusals, opinions, deliveries."""

from datetime import timedelta

import pytest

from plugin.domain.errors import Reason
from plugin.domain.feedback import Diagnosis, PriorityVerdict, Verdict
from plugin.domain.job import DeliveryState
from plugin.domain.quality.facts import Origin, ResultFigures, Sent
from plugin.registry import PublishedResult
from plugin.registry.quality import Selection
from plugin.registry.readings import Opinion
from tests.plugin.registry.samples import START, make_instance, make_result, queue_job

FIGURES = ResultFigures(
    {"lv_ejection_fraction": 31.4}, ("unusual_pictures",), "normal", 90, "acdc-unet 1"
)
HEADER = {
    "is_mr_image": True,
    "InstitutionName": "North  Hospital",
    "Manufacturer": "SIEMENS",
    "ManufacturerModelName": "Aera",
    "MagneticFieldStrength": 1.5,
}
ALL = Selection(START - timedelta(days=1), START + timedelta(days=1))


def receive_from(registry, number, header=HEADER, **changes):
    uid = f"1.2.{number}"
    names = {"study_instance_uid": uid, "sop_instance_uid": f"{uid}.1"}
    return queue_job(registry, make_instance(header=header, **names, **changes))


def report_from(registry, number, figures=FIGURES, **changes):
    job = registry.jobs.claim(receive_from(registry, number, **changes).id, "w", 60)
    made = make_result(f"r{number}")
    result = PublishedResult(made.objects, made.input_digest, made.summary, figures=figures)
    assert registry.jobs.publish(job.id, job.fence, result)
    return job


def test_a_result_brings_its_figures_and_where_it_comes_from(registry, clock):
    clock.advance(90)
    job = report_from(registry, 1)
    (one,) = registry.quality.record(ALL).analysed
    assert one.study_id == job.study_id
    assert one.origin == Origin("North Hospital", "PACS", "SIEMENS Aera", 1.5)
    assert one.seconds_to_result == 90.0
    assert one.figures == FIGURES


@pytest.mark.parametrize("tesla", [0.0, 15000.0, None, "1.5"])
def test_a_field_strength_that_can_be_none_is_not_known(registry, tesla):
    report_from(registry, 1, header=HEADER | {"MagneticFieldStrength": tesla})
    (one,) = registry.quality.record(ALL).analysed
    assert one.origin.field_strength_t is None


def test_what_is_no_image_says_nothing_of_the_origin(registry):
    report_from(registry, 1, header=HEADER | {"is_mr_image": False})
    (one,) = registry.quality.record(ALL).analysed
    assert one.origin == Origin(peer="PACS")


def test_a_selection_is_a_span_a_site_and_a_peer(registry, clock):
    report_from(registry, 1)
    report_from(registry, 2, header=HEADER | {"InstitutionName": "South"})
    clock.advance(7200)
    report_from(registry, 3, calling_ae_title="OTHER")
    hour = timedelta(hours=1)
    assert len(registry.quality.record(ALL).analysed) == 3
    assert len(registry.quality.record(Selection(START, START + hour)).analysed) == 2
    south = Selection(ALL.since, ALL.until, site="South")
    assert len(registry.quality.record(south).analysed) == 1
    assert len(registry.quality.record(Selection(ALL.since, ALL.until, peer="OTHER")).analysed) == 1
    assert registry.quality.sites() == ["North Hospital", "South"]
    assert registry.quality.peers() == ["OTHER", "PACS"]


def test_the_reference_is_the_first_studies_whatever_the_span(registry, clock):
    first = report_from(registry, 1)
    clock.advance(3 * 86400)
    report_from(registry, 2)
    later = Selection(clock.now - timedelta(hours=1), clock.now + timedelta(hours=1))
    record = registry.quality.record(later)
    assert len(record.analysed) == 1
    assert record.reference[0].study_id == first.study_id


def test_a_withdrawn_result_is_none(registry):
    job = report_from(registry, 1)
    assert registry.jobs.withdraw(job.id, "wrong heart", (), "admin")
    assert registry.quality.record(ALL).analysed == ()


def test_refusals_of_the_worker_and_of_the_assembler_both_count(registry):
    job = registry.jobs.claim(receive_from(registry, 1).id, "w", 60)
    registry.jobs.reject(job.id, job.fence, Reason.PICTURES_UNUSABLE, "blank")
    registry.studies.add_instances([make_instance(7, study_instance_uid="1.2.3", header=HEADER)])
    assert registry.studies.mark_rejected(registry.studies.get("1.2.3").id, Reason.NOT_CARDIAC)
    found = registry.quality.record(ALL).refused
    assert sorted(one.reason.value for one in found) == ["not_cardiac", "pictures_unusable"]


def test_the_latest_opinion_of_a_reader_counts_and_the_earlier_stays(registry):
    job = report_from(registry, 1)
    say = registry.readings.add_feedback
    say(job.study_id, job.id, "ann", Opinion(Verdict.AGREE))
    said = Opinion(
        Verdict.CORRECT, 40.0, Diagnosis.DILATED, "", priority=PriorityVerdict.SHOULD_PROMOTE
    )
    say(job.study_id, job.id, "ann", said)
    say(job.study_id, job.id, "bob", Opinion(Verdict.DISAGREE))
    opinions = registry.quality.record(ALL).opinions
    assert [one.verdict for one in opinions] == [Verdict.CORRECT, Verdict.DISAGREE]
    ann = opinions[0]
    assert (ann.lvef_percent, ann.lvef_percent_ai) == (40.0, 61.0)
    assert (ann.group, ann.confidence_percent) == ("normal", 90)
    assert ann.priority is PriorityVerdict.SHOULD_PROMOTE
    assert len(registry.readings.feedback(job.study_id)) == 3


def test_objects_are_counted_by_destination_and_state(registry):
    registry.destinations.add("archive", ae_title="PACS", host="127.0.0.1", port=104)
    report_from(registry, 1)
    (sent,) = registry.quality.record(ALL).sent
    assert sent == Sent("archive", DeliveryState.PENDING, sent.n)
    assert sent.n > 0
