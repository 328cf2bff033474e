"""One study: what was found, the cine, what became of the results, what happened, what readers say.

Addresses hold numbers of this installation only, never anything of the patient.
"""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.errors import SENTENCES
from plugin.domain.feedback import Diagnosis, PriorityVerdict
from plugin.domain.triage import OrderFacts
from plugin.registry import StudyRecord
from plugin.registry.worklist import WorklistEntry
from plugin.web.looks import note_look
from plugin.web.numbers import Id
from plugin.web.opinion import opinion_of, that_count
from plugin.web.result import read_result
from plugin.web.site import Site
from plugin.web.timeline import timeline
from plugin.web.visitor import Change, Door, Visitor
from plugin.web.worklist import (
    delivered,
    doing,
    level_of,
    level_of_older_report,
    reason_of,
    stage_of,
    why,
)

READING = {
    "claim": "claim",
    "release": "release",
    "read": "mark_read",
    "unread": "mark_unread",
}


def study_routes(site: Site, door: Door) -> APIRouter:
    """Return the addresses of a study."""
    routes = APIRouter(include_in_schema=False)
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]
    reader = Annotated[Change, Depends(door.change(Permission.READ))]
    requeuer = Annotated[Change, Depends(door.change(Permission.REQUEUE))]

    @routes.get("/studies/{study_id}")
    def study(request: Request, study_id: Id, visitor: viewer) -> Response:
        shown = _whole_page(site, study_id)
        site.registry.audit.add(visitor.name, "study.view", subject_of(find_study(site, study_id)))
        return site.page(request, "study.html", visitor, **shown)

    @routes.get("/studies/{study_id}/state")
    def state(request: Request, study_id: Id, visitor: viewer) -> Response:
        shown = _state(site, find_study(site, study_id))
        return site.page(request, "study_state.html", visitor, **shown)

    @routes.post("/studies/{study_id}/reading/{action}")
    def reading(request: Request, study_id: Id, action: str, change: reader) -> Response:
        words = _change_reading(site, study_id, action, change.visitor)
        return _answer(site, request, study_id, change, words)

    @routes.post("/studies/{study_id}/requeue")
    def requeue(study_id: Id, change: requeuer) -> Response:
        find_study(site, study_id)
        site.registry.studies.requeue(study_id, change.visitor.name)
        return RedirectResponse(f"/studies/{study_id}", 303)

    @routes.post("/studies/{study_id}/feedback")
    def feedback(request: Request, study_id: Id, change: reader) -> Response:
        words = _give_feedback(site, study_id, change)
        return _answer(site, request, study_id, change, words)

    @routes.get("/studies/{study_id}/pacs")
    def pacs(study_id: Id, visitor: viewer) -> Response:
        record = find_study(site, study_id)
        if not site.settings.web.viewer_url:
            raise HTTPException(404)
        note_look(site, visitor, record.study_key)
        return RedirectResponse(pacs_link(site.settings.web.viewer_url, record), 303)

    return routes


def _change_reading(site: Site, study_id: int, action: str, visitor: Visitor) -> str:
    """Claim, give back, mark; return a sentence when somebody else was faster."""
    if action not in READING:
        raise HTTPException(404)
    act = getattr(site.registry.readings, READING[action])
    return "" if act(study_id, visitor.name) else "Somebody else has this study now."


def _give_feedback(site: Site, study_id: int, change: Change) -> str:
    """Keep an opinion; return a sentence when it cannot be used."""
    try:
        opinion = opinion_of(change.form)
    except ValueError as error:
        return str(error)
    readings = site.registry.readings
    if readings.add_feedback(study_id, change["job"], change.visitor.name, opinion) is None:
        raise HTTPException(404)
    return ""


def _answer(site: Site, request: Request, study_id: int, change: Change, words: str) -> Response:
    """Show the page anew: at its address, or at once with what went wrong."""
    if not words:
        return RedirectResponse(f"/studies/{study_id}", 303)
    shown = _whole_page(site, study_id, words)
    return site.page(request, "study.html", change.visitor, 409, **shown)


def find_study(site: Site, study_id: int) -> StudyRecord:
    """Return a study; 404 when there is none."""
    record = site.registry.studies.by_id(study_id)
    if record is None:
        raise HTTPException(404)
    return record


def subject_of(study: StudyRecord) -> str:
    """Return what the audit trail calls a study."""
    return f"study {study.study_key}"


def pacs_link(template: str, study: StudyRecord) -> str:
    """Return where the PACS viewer shows a study."""
    return template.replace(
        "{study_instance_uid}", quote(study.study_instance_uid, safe="")
    ).replace("{accession_number}", quote(study.accession_number, safe=""))


def _entry(site: Site, study_id: int) -> WorklistEntry:
    entry = site.registry.worklist.entry(study_id)
    if entry is None:
        raise HTTPException(404)
    return entry


def _state(site: Site, record: StudyRecord) -> dict[str, Any]:
    """Return what changes while a page is open."""
    entry = _entry(site, record.id)
    job_id = entry.job_id
    return {
        "study": record,
        "entry": entry,
        "stage_of": stage_of,
        "why": why,
        "doing": doing,
        "delivered": delivered,
        "deliveries": site.registry.deliveries.for_job(job_id) if job_id else [],
        "ordered": OrderFacts.from_dict(record.order_facts or {}),
        "orders": site.registry.orders.of_study(record),
        "sentences": SENTENCES,
        "events": timeline(site.registry, record),
    }


def other_studies(site: Site, record: StudyRecord) -> list[WorklistEntry]:
    """Return the other studies of the person; not those of somebody else under the same ID."""
    same = site.registry.earlier.same_person(record)
    found = site.registry.worklist.of_patient(record.patient_id, but=record.id)
    return [one for one in found if one.study_id in same]


def _whole_page(site: Site, study_id: int, words: str = "") -> dict[str, Any]:
    record = find_study(site, study_id)
    state = _state(site, record)
    job_id = state["entry"].job_id
    decision = next(iter(site.registry.triage.of_study(study_id)), None)
    feedback = site.registry.readings.feedback(record.id)
    return {
        **state,
        "level_of": level_of,
        "reason": reason_of(state["entry"], decision),
        "policy": "" if decision is None else decision.policy,
        "level_of_report": level_of_older_report(state["entry"]),
        "words": words,
        "result": read_result(site.registry, job_id) if job_id else None,
        "priors": other_studies(site, record),
        "feedback": feedback,
        "that_count": that_count(feedback),
        "diagnoses": Diagnosis,
        "priorities": PriorityVerdict,
        "has_pacs": bool(site.settings.web.viewer_url),
    }
