"""The REST interface, version 1: what the pages do, for programs; described by OpenAPI.

Somebody is who a key (``Authorization: Bearer``) or a session belongs to; a session sends the
token of its page with every change. Searches are bodies, so that no address holds patient data.
"""

import json
import uuid
from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Response
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.findings import Assessment
from plugin.registry import StudyRecord
from plugin.registry.readings import FeedbackRecord, Opinion
from plugin.registry.triage import DecisionRecord
from plugin.registry.worklist import WorklistEntry
from plugin.web.api_administration import Id, add_administration
from plugin.web.api_models import (
    AuditPage,
    ChangeAnswer,
    ComparisonAnswer,
    CountsAnswer,
    FeedbackAnswer,
    FeedbackPage,
    Health,
    ListedStudy,
    ObjectAnswer,
    OpinionBody,
    SearchBody,
    StudyAnswer,
    StudyPage,
)
from plugin.web.api_orders import add_orders
from plugin.web.api_people import add_people
from plugin.web.api_triage import add_triage
from plugin.web.files import send_object
from plugin.web.result import folder_of, read_assessment
from plugin.web.site import Site
from plugin.web.status import is_healthy
from plugin.web.study import READING, find_study, subject_of
from plugin.web.visitor import Door, Visitor
from plugin.web.worklist import level_of, list_page, reason_of, wanted_of, why

_SAME_NAMES = set(ListedStudy.model_fields) & {one.name for one in fields(WorklistEntry)}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {"description": words}
    for code, words in {
        401: "Nobody is logged in.",
        403: "The role does not allow it.",
        404: "There is no such thing.",
        409: "Somebody else was faster, or the study cannot.",
        422: "A value cannot be used.",
        503: "The registry does not answer.",
    }.items()
}


def api_routes(site: Site, door: Door, prefix: str) -> APIRouter:
    """Return the addresses of the interface."""
    routes = APIRouter(prefix=prefix, responses=_RESPONSES)
    _add_lists(routes, site, door)
    _add_study(routes, site, door)
    _add_reading(routes, site, door)
    _add_oversight(routes, site, door)
    add_administration(routes, site, door)
    add_triage(routes, site, door)
    add_orders(routes, site, door)
    add_people(routes, site, door)
    return routes


def _add_lists(routes: APIRouter, site: Site, door: Door) -> None:
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]
    searcher = Annotated[Visitor, Depends(door.command(Permission.VIEW))]

    @routes.post("/worklist/search", tags=["worklist"])
    def search(visitor: searcher, body: Annotated[SearchBody, Body()]) -> StudyPage:
        """Return a page of the list; ``next`` is the cursor of the following one."""
        form = {name: value for name, value in body.model_dump().items() if value is not None}
        form["promoted"] = "on" if body.promoted_only else ""
        wanted = wanted_of(form, visitor.name, ai_orders=site.ai_orders())
        page = list_page(site, wanted, body.cursor, body.limit)
        decisions = site.registry.triage.latest([one.study_id for one in page.entries])
        studies = [_listed(one, decisions.get(one.study_id)) for one in page.entries]
        return StudyPage(studies=studies, next=page.following)

    @routes.get("/worklist/counts", tags=["worklist"])
    def counts(_visitor: viewer) -> CountsAnswer:
        """Return how many studies are to be read, by stage."""
        found = site.registry.worklist.counts()
        by_stage = {stage.value: n for stage, n in found.by_stage.items()}
        return CountsAnswer(to_read=found.n_to_read, promoted=found.n_promoted, by_stage=by_stage)


def _add_study(routes: APIRouter, site: Site, door: Door) -> None:
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]
    requeuer = Annotated[Visitor, Depends(door.command(Permission.REQUEUE))]

    @routes.get("/studies/{study_id}", tags=["studies"])
    def study(study_id: Id, visitor: viewer) -> StudyAnswer:
        """Return one study with its objects and where they are."""
        record = find_study(site, study_id)
        site.registry.audit.add(visitor.name, "study.view", subject_of(record))
        return _study(site, record)

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

    @routes.post("/studies/{study_id}/requeue", tags=["studies"], status_code=202)
    def requeue(study_id: Id, visitor: requeuer) -> StudyAnswer:
        """Have a study analysed again."""
        record = find_study(site, study_id)
        site.registry.studies.requeue(record.id, visitor.name)
        return _study(site, find_study(site, study_id))


def _add_reading(routes: APIRouter, site: Site, door: Door) -> None:
    reader = Annotated[Visitor, Depends(door.command(Permission.READ))]

    @routes.post("/studies/{study_id}/reading/{action}", tags=["reading"])
    def reading(study_id: Id, action: str, visitor: reader) -> ListedStudy:
        """Claim, release, read or unread a study."""
        find_study(site, study_id)
        if action not in READING:
            raise HTTPException(404)
        if not getattr(site.registry.readings, READING[action])(study_id, visitor.name):
            raise HTTPException(409)
        return _one(site, study_id)

    @routes.post("/studies/{study_id}/feedback", tags=["reading"], status_code=201)
    def feedback(
        study_id: Id, visitor: reader, body: Annotated[OpinionBody, Body()]
    ) -> FeedbackAnswer:
        """Say whether the standing result is right."""
        find_study(site, study_id)
        opinion = Opinion(
            body.verdict,
            body.lvef_percent,
            body.diagnosis,
            body.comment.strip(),
            body.priority,
        )
        readings = site.registry.readings
        kept = readings.add_feedback(study_id, str(body.job_id), visitor.name, opinion)
        if kept is None:
            raise HTTPException(404)
        return _feedback(kept)


def _add_oversight(routes: APIRouter, site: Site, door: Door) -> None:
    auditor = Annotated[Visitor, Depends(door.need(Permission.AUDIT))]
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]
    before = Annotated[int | None, Query(ge=1, le=2**53)]
    size = Annotated[int, Query(ge=1, le=1000)]

    @routes.get("/feedback", tags=["oversight"])
    def all_feedback(_visitor: viewer, before_id: before = None, limit: size = 100) -> FeedbackPage:
        """Return what readers said, newest first; ``next`` is ``before_id`` of the next page."""
        found = site.registry.readings.feedback(before_id=before_id, limit=limit)
        following = found[-1].id if len(found) == limit else None
        return FeedbackPage(feedback=[_feedback(one) for one in found], next=following)

    @routes.get("/audit", tags=["oversight"])
    def audit(visitor: auditor, before_id: before = None, limit: size = 100) -> AuditPage:
        """Return who did what, newest first."""
        found = site.registry.audit.list(limit, before_id)
        site.registry.audit.add(visitor.name, "audit.view", "audit trail")
        return AuditPage.model_validate(
            {"entries": found, "next": found[-1].id if len(found) == limit else None},
            from_attributes=True,
        )

    @routes.get("/health", tags=["oversight"])
    def health(_visitor: admin) -> Health:
        """Return whether everything works."""
        shown = site.lights()
        return Health(healthy=is_healthy(shown), parts={one.name: one.text for one in shown})


def _listed(entry: WorklistEntry, decision: DecisionRecord | None) -> ListedStudy:
    return ListedStudy(
        **{name: getattr(entry, name) for name in _SAME_NAMES},
        why=why(entry),
        suggested=level_of(entry.ai_urgency),
        ordered=level_of(entry.order_urgency),
        priority_reason=reason_of(entry, decision),
    )


def _one(site: Site, study_id: int) -> ListedStudy:
    entry = site.registry.worklist.entry(study_id)
    if entry is None:
        raise HTTPException(404)
    return _listed(entry, site.registry.triage.latest([study_id]).get(study_id))


def _study(site: Site, record: StudyRecord) -> StudyAnswer:
    listed = _one(site, record.id)
    job_id = listed.job_id
    objects = site.registry.jobs.result_objects(job_id) if job_id else []
    sent = site.registry.deliveries.for_job(job_id) if job_id else []
    return StudyAnswer(
        **listed.model_dump(),
        study_instance_uid=record.study_instance_uid,
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


def _feedback(record: FeedbackRecord) -> FeedbackAnswer:
    return FeedbackAnswer.model_validate(record, from_attributes=True)
