"""The decision as a table: who sends, what is open, what was announced, how long it is quiet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.completion import (
    Action,
    Counts,
    Policy,
    StudyContent,
    announced_counts,
    content_of,
    decide,
)
from plugin.domain.errors import Reason
from plugin.domain.study import PeerKind, StudyState
from plugin.registry import AssemblyFacts, InstanceRecord, SeriesFacts, StudyRecord

T0 = datetime(2024, 1, 1, tzinfo=UTC)
POLICY = Policy(
    archive_quiet_seconds=60,
    modality_quiet_seconds=900,
    cap_seconds=7200,
    automatic_generations=3,
)
CARDIAC = StudyContent(n_mr_images=100, n_elsewhere=0, n_cardiac_hints=100, n_patients=1)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def study(since=0.0, last=0.0) -> StudyRecord:
    return StudyRecord(
        id=1,
        study_instance_uid="1.2",
        state=StudyState.RECEIVING,
        reason=None,
        detail="",
        patient_name="",
        patient_id="",
        accession_number="",
        study_date="",
        description="",
        calling_ae_title="ARCHIVE",
        first_received_at=at(0),
        receiving_since=at(since),
        last_received_at=at(last),
        completed_at=None,
        images_deleted_at=None,
        n_instances=100,
        n_bytes=1,
        revision=1,
        generation=0,
        needs_person=False,
    )


def series(n=100, slices=10, cardiac=None, acquisition=None, modality="MR", frames=None):
    return SeriesFacts(
        series_instance_uid="1.2.3",
        modality=modality,
        n_instances=n,
        n_slice_positions=slices,
        last_received_at=at(0),
        cardiac_number_of_images=cardiac,
        images_in_acquisition=acquisition,
        number_of_temporal_positions=None,
        number_of_frames=frames,
    )


def facts(**changes) -> AssemblyFacts:
    base = AssemblyFacts(
        study=study(),
        peer_kind=PeerKind.ARCHIVE,
        quiet_seconds=None,
        cap_seconds=None,
        n_open_associations=0,
        series=(series(),),
        n_automatic_results=0,
        n_deleted_instances=0,
    )
    return replace(base, **changes)


MODALITY = PeerKind.MODALITY
REACHED = (series(100, 10, cardiac=10),)
MISSING = (series(90, 10, cardiac=10),)


@pytest.mark.parametrize(
    ("changes", "complete_at"),
    [
        ({}, 60),
        ({"peer_kind": MODALITY}, 900),
        ({"quiet_seconds": 5.0}, 5),
        ({"peer_kind": MODALITY, "quiet_seconds": 30.0}, 30),
        ({"series": REACHED}, 15),
        ({"series": MISSING}, 180),
        ({"peer_kind": MODALITY, "series": REACHED}, 900),
        ({"peer_kind": MODALITY, "series": MISSING}, 900),
        ({"n_open_associations": 1}, 300),
        ({"n_open_associations": 1, "series": REACHED}, 300),
        ({"n_open_associations": 1, "peer_kind": MODALITY}, 4500),
        ({"n_open_associations": 1, "cap_seconds": 100.0}, 100),
        ({"study": study(since=0, last=7190), "peer_kind": MODALITY}, 7200),
        # Late images start a new count of the cap, however long ago the study began.
        ({"study": study(since=50_000, last=50_010), "peer_kind": MODALITY}, 50_910),
    ],
)
def test_decide_waits_until_the_evidence_is_there(changes, complete_at):
    given = facts(**changes)
    before = decide(given, lambda: CARDIAC, POLICY, at(complete_at - 0.5))
    assert (before.action, before.until) == (Action.WAIT, at(complete_at))
    assert decide(given, lambda: CARDIAC, POLICY, at(complete_at)).action is Action.COMPLETE


@pytest.mark.parametrize(
    ("content", "changes", "action", "reason"),
    [
        (StudyContent(0, 0, 0, 1), {}, Action.REJECT, Reason.NOT_MR),
        (StudyContent(9, 9, 0, 1), {}, Action.REJECT, Reason.NOT_CARDIAC),
        (StudyContent(9, 9, 1, 1), {}, Action.COMPLETE, None),
        (StudyContent(9, 8, 0, 1), {}, Action.COMPLETE, None),
        (StudyContent(9, 0, 0, 1), {}, Action.COMPLETE, None),
        (StudyContent(9, 0, 9, 2), {}, Action.REJECT, Reason.MIXED_PATIENTS),
        (StudyContent(0, 0, 0, 2), {}, Action.REJECT, Reason.MIXED_PATIENTS),
        (CARDIAC, {"n_automatic_results": 2}, Action.COMPLETE, None),
        (
            CARDIAC,
            {"n_automatic_results": 3},
            Action.NEEDS_PERSON,
            Reason.TOO_MANY_GENERATIONS,
        ),
        (CARDIAC, {"n_deleted_instances": 1}, Action.NEEDS_PERSON, Reason.IMAGES_DELETED),
    ],
)
def test_decide_judges_a_quiet_study_by_its_headers(content, changes, action, reason):
    decision = decide(facts(**changes), lambda: content, POLICY, at(60))
    assert (decision.action, decision.reason) == (action, reason)


@pytest.mark.parametrize("changes", [{}, {"n_deleted_instances": 9}, {"n_automatic_results": 3}])
def test_decide_keeps_a_result_that_no_mr_image_came_after(changes):
    given = facts(study=study(since=50, last=50), has_result=True, **changes)

    def decided(given, last_mr_image_at):
        content = replace(CARDIAC, last_mr_image_at=last_mr_image_at)
        return decide(given, lambda: content, POLICY, at(110)).action

    assert decided(given, at(49)) is Action.KEEP
    assert decided(given, at(50)) is not Action.KEEP
    assert decided(given, None) is not Action.KEEP
    assert decided(replace(given, has_result=False), at(49)) is not Action.KEEP


def test_decide_reads_no_instance_while_it_waits():
    def content() -> StudyContent:
        pytest.fail("read while waiting")

    assert decide(facts(), content, POLICY, at(1)).action is Action.WAIT


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        ([series()], Counts.UNKNOWN),
        ([], Counts.UNKNOWN),
        (REACHED, Counts.REACHED),
        (MISSING, Counts.MISSING),
        ([series(50, 0, acquisition=60)], Counts.MISSING),
        ([series(60, 0, acquisition=60)], Counts.REACHED),
        ([*REACHED, series(5, 1)], Counts.REACHED),
        ([*REACHED, *MISSING], Counts.MISSING),
        ([series(1, 1, cardiac=25, frames=25)], Counts.UNKNOWN),
        ([series(1, 1, acquisition=9, modality="CT")], Counts.UNKNOWN),
    ],
)
def test_announced_counts_compare_with_what_arrived(found, counts):
    assert announced_counts(found) is counts


def test_content_counts_only_mr_images_for_the_heart_but_everybody_for_patients():
    def instance(**header) -> InstanceRecord:
        return InstanceRecord(
            id=1,
            study_id=1,
            series_instance_uid="1",
            sop_instance_uid="1",
            sop_class_uid="1",
            transfer_syntax_uid="1",
            modality="",
            path="",
            sha256="",
            n_bytes=1,
            version=1,
            is_current=True,
            differs=False,
            deleted=False,
            association_id="",
            received_at=T0,
            header=header,
        )

    content = content_of(
        [
            instance(is_mr_image=True, elsewhere=True, cardiac_hint="", patient="a"),
            instance(is_mr_image=True, elsewhere=False, cardiac_hint="HeartRate", patient="a"),
            instance(is_mr_image=False, elsewhere=True, cardiac_hint="HeartRate", patient="b"),
        ]
    )
    assert content == StudyContent(
        n_mr_images=2, n_elsewhere=1, n_cardiac_hints=1, n_patients=2, last_mr_image_at=T0
    )
