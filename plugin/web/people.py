"""Accounts and the audit trail: who may come in, and who did what."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission, Role
from plugin.domain.errors import ConfigurationError
from plugin.web.numbers import Before
from plugin.web.site import Site
from plugin.web.visitor import Change, Door, Visitor

_AUDIT_PAGE = 100


def people_routes(site: Site, door: Door) -> APIRouter:
    """Return the addresses of accounts and audit."""
    routes = APIRouter(include_in_schema=False)
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    admin_change = Annotated[Change, Depends(door.change(Permission.ADMINISTER))]
    auditor = Annotated[Visitor, Depends(door.need(Permission.AUDIT))]

    @routes.get("/users")
    def users(request: Request, visitor: admin) -> Response:
        return _users_page(site, request, visitor)

    @routes.post("/users/add")
    def add(request: Request, change: admin_change) -> Response:
        role = Role(change["role"]) if change["role"] in set(Role) else Role.READER
        try:
            user, password = site.accounts.add(change["name"], role, change.visitor.name)
        except ConfigurationError as error:
            return _users_page(site, request, change.visitor, words=error.sentence, code=422)
        given = f"{user.name}: {password}"
        return _users_page(site, request, change.visitor, given=given)

    @routes.post("/users/{name}/{action}")
    def act(request: Request, name: str, action: str, change: admin_change) -> Response:
        try:
            given = _act(site, name, action, change)
        except ConfigurationError as error:
            return _users_page(site, request, change.visitor, words=error.sentence, code=422)
        if given:
            return _users_page(site, request, change.visitor, given=given)
        return RedirectResponse("/users", 303)

    @routes.get("/audit")
    def audit(request: Request, visitor: auditor, before: Before = None) -> Response:
        entries = site.registry.audit.list(_AUDIT_PAGE + 1, before)
        site.registry.audit.add(visitor.name, "audit.view", "audit trail")
        shown = entries[:_AUDIT_PAGE]
        following = shown[-1].id if len(entries) > _AUDIT_PAGE else None
        return site.page(request, "audit.html", visitor, entries=shown, following=following)

    return routes


def _act(site: Site, name: str, action: str, change: Change) -> str:
    """Change an account; return what its owner must be given, if anything."""
    actor = change.visitor.name
    match action:
        case "password":
            return f"{name}: {site.accounts.reset_password(name, actor)}"
        case "disable" | "enable":
            site.registry.users.edit(name, enabled=action == "enable", actor=actor)
        case "role" if change["role"] in set(Role):
            site.registry.users.edit(name, role=Role(change["role"]), actor=actor)
        case _:
            raise HTTPException(404)
    return ""


def _users_page(
    site: Site,
    request: Request,
    visitor: Visitor,
    *,
    words: str = "",
    given: str = "",
    code: int = 200,
) -> Response:
    shown = {"users": site.registry.users.list(), "roles": Role, "words": words, "given": given}
    return site.page(request, "users.html", visitor, code, **shown)
