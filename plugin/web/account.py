"""One's own account: the password and the keys to the API."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from plugin.accounts import FIRST_ADMIN, forget_first_password
from plugin.domain.access import MINIMUM_PASSWORD_CHARACTERS
from plugin.domain.errors import ConfigurationError
from plugin.web.limit import LoginLimit
from plugin.web.login import address_of, give_cookie
from plugin.web.numbers import Id
from plugin.web.site import Site
from plugin.web.visitor import (
    Change,
    Door,
    Form,
    NotSignedInError,
    RefusedError,
    Visitor,
    check_own,
)

KEY_DAYS = 90


def account_routes(site: Site, door: Door, limit: LoginLimit) -> APIRouter:
    """Return the addresses about one's own account."""
    routes = APIRouter(include_in_schema=False)
    somebody = Annotated[Visitor, Depends(door.need())]
    own_change = Annotated[Change, Depends(door.change())]

    def with_session(request: Request) -> Visitor:
        """Return who is logged in, also with a one-time password."""
        visitor = door.visitor(request, touch=True)
        if visitor is None or not visitor.session:
            raise NotSignedInError
        return visitor

    owner = Annotated[Visitor, Depends(with_session)]

    @routes.get("/password")
    def ask_password(request: Request, visitor: owner) -> Response:
        return _password_page(site, request, visitor)

    @routes.post("/password")
    def change_password(request: Request, visitor: owner, form: Form) -> Response:
        check_own(request, visitor, form.get("csrf", ""))
        words = _change_password(site, limit, request, visitor, form)
        if words:
            return _password_page(site, request, visitor, words, 422)
        response = RedirectResponse("/", 303)
        found = site.accounts.sign_in(visitor.name, form["new"])
        if found is not None:
            give_cookie(response, request, found[1])
        return response

    @routes.get("/account")
    def account(request: Request, visitor: somebody) -> Response:
        return _account_page(site, request, visitor)

    @routes.post("/account/keys")
    def add_key(request: Request, change: own_change) -> Response:
        key = make_own_key(site, change.visitor, change["label"], KEY_DAYS)
        return _account_page(site, request, change.visitor, key)

    @routes.post("/account/keys/{key_id}/remove")
    def remove_key(key_id: Id, change: own_change) -> Response:
        site.registry.users.remove_token(change.visitor.name, key_id, actor=change.visitor.name)
        return RedirectResponse("/account", 303)

    return routes


def make_own_key(site: Site, visitor: Visitor, label: str, days: float) -> str:
    """Return a new key to the API of somebody's own account.

    Raises
    ------
    RefusedError
        A key asks for it: one that was stolen must not beget others that outlive it.
    """
    if not visitor.session:
        raise RefusedError
    return site.accounts.add_token(visitor.user, label, days)


def _change_password(
    site: Site, limit: LoginLimit, request: Request, visitor: Visitor, form: dict[str, str]
) -> str:
    """Change a password; return a sentence when that is not possible."""
    name, new, address = visitor.name, form.get("new", ""), address_of(request)
    if limit.wait_seconds(name, address) > 0:
        return "Too many attempts; try again later."
    if site.accounts.verify(name, form.get("old", "")) is None:
        limit.failed(name, address)
        return "The present password is wrong."
    if new != form.get("again", ""):
        return "The new password was typed differently the second time."
    try:
        site.accounts.set_password(name, new, name)
    except ConfigurationError as error:
        return error.sentence
    if name == FIRST_ADMIN:
        forget_first_password(site.spool.folder)
    return ""


def _password_page(
    site: Site, request: Request, visitor: Visitor, words: str = "", status_code: int = 200
) -> Response:
    shown = {"words": words, "minimum": MINIMUM_PASSWORD_CHARACTERS}
    return site.page(request, "password.html", visitor, status_code, **shown)


def _account_page(site: Site, request: Request, visitor: Visitor, key: str = "") -> Response:
    keys = site.registry.users.tokens(visitor.name)
    return site.page(request, "account.html", visitor, keys=keys, key=key)
