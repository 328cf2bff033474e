"""The REST interface, version 1: what the pages do, for programs; described by OpenAPI.

Somebody is who a key (``Authorization: Bearer``) or a session belongs to; a session sends the
token of its page with every change. Searches are bodies, so that no address holds patient data.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.registry import AuditRecord
from plugin.registry.readings import FeedbackRecord, Opinion
from plugin.undo import CHANGES, can_take_back
from plugin.web.api_administration import add_administration
from plugin.web.api_bundles import add_bundles
from plugin.web.api_models import (
    AuditAnswer,
    AuditPage,
    CountsAnswer,
    FeedbackAnswer,
    FeedbackPage,
    Health,
    ListedStudy,
    OpinionBody,
    SearchBody,
    StudyPage,
)
from plugin.web.api_operation import add_operation
from plugin.web.api_orders import add_orders
from plugin.web.api_people import add_people
from plugin.web.api_study import add_study, listed_study, one_study
from plugin.web.api_triage import add_triage
from plugin.web.numbers import Before, Id, Size, following
from plugin.web.site import Site
from plugin.web.status import is_healthy
from plugin.web.study import READING, find_study
from plugin.web.visitor import Door, Visitor
from plugin.web.worklist import list_page, wanted_of

_RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {"description": words}
    for code, words in {
        401: "Nobody is logged in.",
        403: "The role does not allow it.",
        404: "There is no such thing.",
        409: "Somebody else was faster, or the study cannot.",
        413: "The body is too large.",
        422: "A value cannot be used.",
        503: "The registry does not answer.",
    }.items()
}


def api_routes(site: Site, door: Door, prefix: str) -> APIRouter:
    """Return the addresses of the interface."""
    routes = APIRouter(prefix=prefix, responses=_RESPONSES)
    _add_lists(routes, site, door)
    add_study(routes, site, door)
    _add_reading(routes, site, door)
    _add_oversight(routes, site, door)
    add_administration(routes, site, door)
    add_triage(routes, site, door)
    add_bundles(routes, site, door)
    add_operation(routes, site, door)
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
        studies = [listed_study(one, decisions.get(one.study_id)) for one in page.entries]
        return StudyPage(studies=studies, next=page.following)

    @routes.get("/worklist/counts", tags=["worklist"])
    def counts(_visitor: viewer) -> CountsAnswer:
        """Return how many studies are to be read, by stage."""
        found = site.registry.worklist.counts()
        by_stage = {stage.value: n for stage, n in found.by_stage.items()}
        return CountsAnswer(to_read=found.n_to_read, promoted=found.n_promoted, by_stage=by_stage)


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
        return one_study(site, study_id)

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

    @routes.get("/feedback", tags=["oversight"])
    def all_feedback(
        _visitor: viewer,
        study_id: Annotated[int | None, Query(ge=1, le=2**53)] = None,
        before_id: Before = None,
        limit: Size = 100,
    ) -> FeedbackPage:
        """Return what readers said, newest first; ``next`` is ``before_id`` of the next page."""
        found = site.registry.readings.feedback(study_id, before_id, limit)
        answers = [_feedback(one) for one in found]
        return FeedbackPage(feedback=answers, next=following(found, limit))

    @routes.get("/audit", tags=["oversight"])
    def audit(
        visitor: auditor,
        changes_only: bool = False,  # noqa: FBT001, FBT002 - a query of the address
        before_id: Before = None,
        limit: Size = 100,
    ) -> AuditPage:
        """Return who did what, newest first; ``changes_only``: of kinds that can be taken back."""
        found = site.registry.audit.list(limit, before_id, CHANGES if changes_only else ())
        site.registry.audit.add(visitor.name, "audit.view", "audit trail")
        return AuditPage(entries=[_entry(one) for one in found], next=following(found, limit))

    @routes.get("/health", tags=["oversight"])
    def health(_visitor: admin) -> Health:
        """Return whether everything works, and what does not."""
        shown = site.lights()
        return Health(
            healthy=is_healthy(shown),
            parts={one.name: one.text for one in shown},
            tones={one.name: one.tone for one in shown},
        )


def _entry(record: AuditRecord) -> AuditAnswer:
    return AuditAnswer(**asdict(record), can_take_back=can_take_back(record))


def _feedback(record: FeedbackRecord) -> FeedbackAnswer:
    return FeedbackAnswer.model_validate(record, from_attributes=True)
