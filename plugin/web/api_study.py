"""The REST interface of one study: result, files, what happened and why, withdrawing, analysing."""

import json
import uuid
from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Response
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.findings import Assessment
from plugin.registry import StudyRecord
from plugin.registry.triage import DecisionRecord
from plugin.registry.worklist import WorklistEntry
from plugin.web.api_administration_models import RequestAnswer
from plugin.web.api_models import ChangeAnswer, ComparisonAnswer, ListedStudy, ObjectAnswer
from plugin.web.api_study_models import (
    DecisionAnswer,
    DecisionsAnswer,
    EventAnswer,
    EventsAnswer,
    FindBody,
    StudiesAnswer,
    StudyAnswer,
    WithdrawalBody,
)
from plugin.web.files import send_object, send_picture, send_viewer_file
from plugin.web.looks import note_look
from plugin.web.numbers import Before, Id, Size, following
from plugin.web.result import folder_of, read_assessment, read_result
from plugin.web.site import Site
from plugin.web.study import find_study, other_studies, pacs_link, subject_of
from plugin.web.timeline import timeline
from plugin.web.visitor import Door, Visitor
from plugin.web.withdrawal import ask_to_withdraw, withdrawal_of
from plugin.web.worklist import level_of, reason_of, why

_SAME_NAMES = set(ListedStudy.model_fields) & {one.name for one in fields(WorklistEntry)}
_N_FOUND = 20


def add_study(routes: APIRouter, site: Site, door: Door) -> None:
    """Add the addresses to those of the interface."""
    _add_study(routes, site, door)
    _add_files(routes, site, door)
    _add_history(routes, site, door)
    _add_withdrawal(routes, site, door)


def _add_study(routes: APIRouter, site: Site, door: Door) -> None:
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]
    searcher = Annotated[Visitor, Depends(door.command(Permission.VIEW))]
    requeuer = Annotated[Visitor, Depends(door.command(Permission.REQUEUE))]

    @routes.post("/studies/find", tags=["studies"])
    def find(_visitor: searcher, body: Annotated[FindBody, Body()]) -> StudiesAnswer:
        """Return studies by UID (or a part of it), accession number or patient ID; 20 at most."""
        found = site.registry.studies.find(body.term.strip())[:_N_FOUND]
        return StudiesAnswer(studies=[one_study(site, one.id) for one in found])

    @routes.get("/studies/{study_id}", tags=["studies"])
    def study(study_id: Id, visitor: viewer) -> StudyAnswer:
        """Return one study with its objects and where they are."""
        record = find_study(site, study_id)
        site.registry.audit.add(visitor.name, "study.view", subject_of(record))
        return _study(site, record)

    @routes.post("/studies/{study_id}/requeue", tags=["studies"], status_code=202)
    def requeue(study_id: Id, visitor: requeuer) -> StudyAnswer:
        """Have a study analysed again."""
        record = find_study(site, study_id)
        site.registry.studies.requeue(record.id, visitor.name)
        return _study(site, find_study(site, study_id))


def _add_files(routes: APIRouter, site: Site, door: Door) -> None:
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]

    @routes.get("/studies/{study_id}/result", tags=["studies"])
    def result(study_id: Id, visitor: viewer) -> dict[str, Any]:
        """Return every number and sentence of the standing result (``result.json``)."""
        record = find_study(site, study_id)
        site.registry.audit.add(visitor.name, "study.view", subject_of(record))
        job = site.registry.jobs.last_reported(record.id)
        folder = None if job is None else folder_of(site.registry.jobs.result_objects(job.id))
        try:
            if folder is None:
                raise HTTPException(404)
            written: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
        except (OSError, ValueError):
            raise HTTPException(404) from None
        return written

    @routes.get("/jobs/{job_id}/files/{name}", tags=["studies"], response_class=Response)
    def file(job_id: uuid.UUID, name: str, visitor: viewer) -> Response:
        """Return one result object, such as ``sr.dcm``."""
        return send_object(site, str(job_id), name, visitor)

    @routes.get("/jobs/{job_id}/pictures/{kind}", tags=["studies"], response_class=Response)
    def picture(job_id: uuid.UUID, kind: str, visitor: viewer) -> Response:
        """Return the picture of an object, such as ``summary``, as PNG."""
        return send_picture(site, str(job_id), kind, visitor)

    @routes.get("/jobs/{job_id}/viewer/{name}", tags=["studies"], response_class=Response)
    def viewer_file(job_id: uuid.UUID, name: str, visitor: viewer) -> Response:
        """Return a part of the cine: ``viewer.json`` names the pictures of slices and contours."""
        return send_viewer_file(site, str(job_id), name, visitor)


def _add_history(routes: APIRouter, site: Site, door: Door) -> None:
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]

    @routes.get("/studies/{study_id}/events", tags=["studies"])
    def events(study_id: Id, visitor: viewer) -> EventsAnswer:
        """Return everything that happened to a study, the latest first."""
        record = find_study(site, study_id)
        note_look(site, visitor, record.study_key)
        found = timeline(site.registry, record)
        return EventsAnswer(events=[EventAnswer.model_validate(one) for one in found])

    @routes.get("/studies/{study_id}/decisions", tags=["studies"])
    def decisions(
        study_id: Id, visitor: viewer, before_id: Before = None, limit: Size = 100
    ) -> DecisionsAnswer:
        """Return every decision of the triage policy about a study, newest first, and why."""
        record = find_study(site, study_id)
        note_look(site, visitor, record.study_key)
        found = site.registry.triage.of_study(record.id, limit, before_id)
        answers = [_decision(one) for one in found]
        return DecisionsAnswer(decisions=answers, next=following(found, limit))


def _add_withdrawal(routes: APIRouter, site: Site, door: Door) -> None:
    withdrawer = Annotated[Visitor, Depends(door.command(Permission.WITHDRAW))]
    watcher = Annotated[Visitor, Depends(door.need(Permission.WITHDRAW))]

    @routes.post("/studies/{study_id}/withdraw", tags=["studies"], status_code=202)
    def withdraw(
        study_id: Id, visitor: withdrawer, body: Annotated[WithdrawalBody, Body()]
    ) -> RequestAnswer:
        """Have a worker take the standing result back, also from whoever may have its objects."""
        asked = ask_to_withdraw(site.registry, study_id, body.reason, visitor.name)
        return RequestAnswer.model_validate(asked)

    @routes.get("/studies/{study_id}/withdrawals/{request_id}", tags=["studies"])
    def withdrawal(study_id: Id, request_id: Id, _visitor: watcher) -> RequestAnswer:
        """Return how far a withdrawal is."""
        return RequestAnswer.model_validate(withdrawal_of(site.registry, study_id, request_id))


def listed_study(entry: WorklistEntry, decision: DecisionRecord | None) -> ListedStudy:
    """Return a study as a row of the list."""
    return ListedStudy(
        **{name: getattr(entry, name) for name in _SAME_NAMES},
        why=why(entry),
        suggested=level_of(entry.ai_urgency),
        ordered=level_of(entry.order_urgency),
        priority_reason=reason_of(entry, decision),
    )


def one_study(site: Site, study_id: int) -> ListedStudy:
    """Return one study as a row of the list; 404 when there is none."""
    entry = site.registry.worklist.entry(study_id)
    if entry is None:
        raise HTTPException(404)
    return listed_study(entry, site.registry.triage.latest([study_id]).get(study_id))


def _study(site: Site, record: StudyRecord) -> StudyAnswer:
    listed = one_study(site, record.id)
    job_id, template = listed.job_id, site.settings.web.viewer_url
    objects = site.registry.jobs.result_objects(job_id) if job_id else []
    sent = site.registry.deliveries.for_job(job_id) if job_id else []
    shown = read_result(site.registry, job_id) if job_id else None
    return StudyAnswer(
        **listed.model_dump(),
        study_instance_uid=record.study_instance_uid,
        viewer_url=pacs_link(template, record) if template else None,
        other_studies=[one.study_id for one in other_studies(site, record)],
        files=[name for name, _ in shown.files] if shown else [],
        pictures=[one.kind for one in shown.pictures] if shown else [],
        has_viewer=shown is not None and shown.has_viewer,
        objects=[
            ObjectAnswer(
                kind=item.kind,
                sop_instance_uid=item.sop_instance_uid,
                deliveries={
                    one.destination_name: one.state.value
                    for one in sent
                    if one.sop_instance_uid == item.sop_instance_uid
                },
            )
            for item in objects
        ],
        comparison=_comparison(read_assessment(objects)),
    )


def _comparison(assessment: Assessment | None) -> ComparisonAnswer | None:
    if assessment is None or assessment.comparison is None:
        return None
    comparison = assessment.comparison
    latest = comparison.latest
    return ComparisonAnswer(
        study_date="" if latest is None else latest.day,
        days=None if latest is None else latest.days,
        job_id="" if latest is None else latest.job_id,
        same_version=None if latest is None else latest.same_version,
        is_doubtful=None if latest is None else latest.is_doubtful,
        changes=[
            ChangeAnswer.model_validate(one, from_attributes=True) for one in comparison.changes
        ],
        defined_otherwise=list(comparison.defined_otherwise),
        not_compared=list(comparison.obstacles),
    )


def _decision(record: DecisionRecord) -> DecisionAnswer:
    known = {
        name: getattr(record, name) for name in DecisionAnswer.model_fields if name != "inputs"
    }
    return DecisionAnswer(**known, inputs=record.inputs.to_dict())
