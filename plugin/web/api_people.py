"""The REST interface of people: accounts, keys, and how the audit trail is reported."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.registry.users import UserRecord
from plugin.undo import take_back
from plugin.web.account import make_own_key
from plugin.web.api_people_models import (
    KeyAnswer,
    PasswordAnswer,
    ReportingAnswer,
    TokenAnswer,
    TokenBody,
    TokensAnswer,
    UserAnswer,
    UserBody,
    UserChanges,
    UsersAnswer,
)
from plugin.web.numbers import Before, Id, Size, following
from plugin.web.site import Site
from plugin.web.visitor import Door, Visitor

UserName = Annotated[str, Path(max_length=64)]


def add_people(routes: APIRouter, site: Site, door: Door) -> None:
    """Add the addresses to those of the interface."""
    _add_users(routes, site, door)
    _add_keys(routes, site, door)
    _add_audit(routes, site, door)


def _add_users(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]

    @routes.get("/users", tags=["users"])
    def users(_visitor: admin, before_id: Before = None, limit: Size = 100) -> UsersAnswer:
        """Return the accounts, newest first."""
        found = site.registry.users.page(limit, before_id)
        answers = [UserAnswer.model_validate(one) for one in found]
        return UsersAnswer(users=answers, next=following(found, limit))

    @routes.post("/users", tags=["users"], status_code=201)
    def add_user(visitor: changer, body: Annotated[UserBody, Body()]) -> PasswordAnswer:
        """Add a local account; its one-time password is told this once."""
        user, password = site.accounts.add(body.name, body.role, visitor.name)
        return PasswordAnswer(user=UserAnswer.model_validate(user), one_time_password=password)

    @routes.patch("/users/{name}", tags=["users"])
    def edit_user(
        name: UserName, visitor: changer, body: Annotated[UserChanges, Body()]
    ) -> UserAnswer:
        """Change role or state; a disabled account is logged out everywhere."""
        changed = site.registry.users.edit(
            _user(site, name).name, role=body.role, enabled=body.enabled, actor=visitor.name
        )
        return UserAnswer.model_validate(changed)

    @routes.post("/users/{name}/password", tags=["users"])
    def reset_password(name: UserName, visitor: changer) -> PasswordAnswer:
        """Give a local account a new one-time password; all its sessions end."""
        password = site.accounts.reset_password(_user(site, name).name, visitor.name)
        user = UserAnswer.model_validate(_user(site, name))
        return PasswordAnswer(user=user, one_time_password=password)


def _add_keys(routes: APIRouter, site: Site, door: Door) -> None:
    somebody = Annotated[Visitor, Depends(door.need())]
    owner = Annotated[Visitor, Depends(door.command())]
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]
    users = site.registry.users

    @routes.get("/tokens", tags=["tokens"])
    def own_tokens(visitor: somebody, before_id: Before = None, limit: Size = 100) -> TokensAnswer:
        """Return one's own living keys, newest first."""
        return _tokens(site, visitor.name, limit, before_id)

    @routes.post("/tokens", tags=["tokens"], status_code=201)
    def add_own_token(visitor: owner, body: Annotated[TokenBody, Body()]) -> KeyAnswer:
        """Make a key of one's own, told this once; in a session only: a key makes no others."""
        return KeyAnswer(key=make_own_key(site, visitor, body.label, body.days))

    @routes.delete("/tokens/{token_id}", tags=["tokens"], status_code=204)
    def remove_own_token(token_id: Id, visitor: owner) -> None:
        """Take a key of one's own away."""
        if not users.remove_token(visitor.name, token_id, actor=visitor.name):
            raise HTTPException(404)

    @routes.get("/users/{name}/tokens", tags=["tokens"])
    def tokens(
        name: UserName, _visitor: admin, before_id: Before = None, limit: Size = 100
    ) -> TokensAnswer:
        """Return the living keys of an account, newest first."""
        return _tokens(site, _user(site, name).name, limit, before_id)

    @routes.post("/users/{name}/tokens", tags=["tokens"], status_code=201)
    def add_token(
        name: UserName, visitor: changer, body: Annotated[TokenBody, Body()]
    ) -> KeyAnswer:
        """Make a key for an account, as for a program; it is told this once."""
        key = site.accounts.add_token(_user(site, name), body.label, body.days, visitor.name)
        return KeyAnswer(key=key)

    @routes.delete("/users/{name}/tokens/{token_id}", tags=["tokens"], status_code=204)
    def remove_token(name: UserName, token_id: Id, visitor: changer) -> None:
        """Take a key away."""
        if not users.remove_token(_user(site, name).name, token_id, actor=visitor.name):
            raise HTTPException(404)


def _add_audit(routes: APIRouter, site: Site, door: Door) -> None:
    auditor = Annotated[Visitor, Depends(door.need(Permission.AUDIT))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]

    @routes.get("/audit/reporting", tags=["oversight"])
    def reporting(_visitor: auditor) -> ReportingAnswer:
        """Return how the audit trail is reported; 404 where no repository is set."""
        state = site.registry.audit_reports.state()
        if not site.settings.audit.repository or state is None:
            raise HTTPException(404)
        return ReportingAnswer(
            repository=site.settings.audit.repository,
            n_waiting=state.n_waiting,
            oldest_at=state.oldest_at,
            last_sent_at=state.last_sent_at,
            failing_since=state.failing_since,
            reason=state.reason,
        )

    @routes.post("/audit/{entry_id}/take-back", tags=["oversight"], status_code=204)
    def undo(entry_id: Id, visitor: changer) -> None:
        """Take a change back; 409 when something was changed since."""
        take_back(site.registry, entry_id, visitor.name)


def _user(site: Site, name: str) -> UserRecord:
    found = site.registry.users.get(name)
    if found is None:
        raise HTTPException(404)
    return found


def _tokens(site: Site, name: str, limit: int, before_id: int | None) -> TokensAnswer:
    found = site.registry.users.tokens(name, limit, before_id)
    answers = [TokenAnswer.model_validate(one) for one in found]
    return TokensAnswer(tokens=answers, next=following(found, limit))
