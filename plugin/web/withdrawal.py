"""Taking a wrong result back on the page of its study: asked for here, carried out by a worker."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.errors import ConfigurationError, Reason, StudyRejectedError
from plugin.domain.request import BY_DELIVERY, RequestKind
from plugin.registry import Registry
from plugin.registry.requests import RequestRecord
from plugin.web.numbers import Id
from plugin.web.site import Site
from plugin.web.visitor import Change, Door, Visitor

LONGEST_REASON = 500


def withdrawal_routes(site: Site, door: Door) -> APIRouter:
    """Return the addresses of withdrawing."""
    routes = APIRouter(include_in_schema=False)
    withdrawer = Annotated[Change, Depends(door.change(Permission.WITHDRAW))]
    watcher = Annotated[Visitor, Depends(door.need(Permission.WITHDRAW, by_itself=True))]

    @routes.post("/studies/{study_id}/withdraw")
    def withdraw(request: Request, study_id: Id, change: withdrawer) -> Response:
        asked = ask_to_withdraw(site.registry, study_id, change["reason"], change.visitor.name)
        if request.headers.get("hx-request") == "true":
            return answer(request, change.visitor, asked)
        return RedirectResponse(f"/studies/{study_id}", 303)

    @routes.get("/studies/{study_id}/withdrawal/{request_id}")
    def watch(request: Request, study_id: Id, request_id: Id, visitor: watcher) -> Response:
        return answer(request, visitor, withdrawal_of(site.registry, study_id, request_id))

    def answer(request: Request, visitor: Visitor, asked: RequestRecord) -> Response:
        shown: dict[str, Any] = {
            "asked": asked,
            "by_delivery": BY_DELIVERY,
            "poll": f"/studies/{asked.asked['study_id']}/withdrawal/{asked.id}",
        }
        return site.page(request, "administration/request.html", visitor, **shown)

    return routes


def withdrawal_of(registry: Registry, study_id: int, request_id: int) -> RequestRecord:
    """Return a withdrawal of a study that was asked for; 404 for whatever else was."""
    asked = registry.requests.get(request_id)
    known = asked is not None and asked.kind is RequestKind.WITHDRAW_RESULT
    if asked is None or not known or asked.asked.get("study_id") != study_id:
        raise HTTPException(404)
    return asked


def ask_to_withdraw(registry: Registry, study_id: int, why: str, actor: str) -> RequestRecord:
    """Ask a worker to withdraw the standing result of a study.

    Parameters
    ----------
    why
        For the audit trail, the pages and the archives; no patient data.

    Raises
    ------
    ConfigurationError
        ``NOT_FOUND``: no such study; ``SETTING_INVALID``: the reason is empty or too long.
    StudyRejectedError
        ``NOTHING_TO_WITHDRAW``.
    """
    study = registry.studies.by_id(study_id)
    if study is None:
        raise ConfigurationError(Reason.NOT_FOUND, "study")
    if not 0 < len(why.strip()) <= LONGEST_REASON:
        detail = f"say why, in 1 to {LONGEST_REASON} characters"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    if registry.jobs.last_reported(study_id) is None:
        raise StudyRejectedError(Reason.NOTHING_TO_WITHDRAW)
    return registry.requests.ask(
        RequestKind.WITHDRAW_RESULT,
        {"study_id": study_id, "why": why.strip()},
        actor,
        f"study {study.study_key}",
    )
