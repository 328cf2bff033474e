"""Who asks, and whether they may: sessions, API keys, permissions, forged requests.

Each address depends on ``Door.need`` (look) or ``Door.change`` (change something); what is left
out is public. Knows headers and cookies, no page.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from plugin.accounts import Accounts
from plugin.domain.access import PERMISSIONS, Permission
from plugin.registry.users import UserRecord
from plugin.web.body import TooLargeError, take_up_to

SESSION_COOKIE = "cmr_triage_session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"
BY_ITSELF_HEADER = "x-by-itself"
MAXIMUM_FORM_BYTES = 65_536
MAXIMUM_FIELDS = 100


class NotSignedInError(Exception):
    """Nobody is logged in, or the session has ended."""


class PasswordFirstError(Exception):
    """The one-time password must be changed before anything else."""


class RefusedError(Exception):
    """Somebody asks for what their role does not allow, or the request is not theirs."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is logged in.

    Attributes
    ----------
    session
        Secret of the session; empty with an API key, which no browser sends by itself.
    """

    user: UserRecord
    session: str = ""

    @property
    def name(self) -> str:
        """The user's name."""
        return self.user.name

    @property
    def csrf(self) -> str:
        """What forms carry to show that our own page made them."""
        return hmac.digest(self.session.encode(), b"csrf", "sha256").hex()

    def may(self, permission: Permission) -> bool:
        """Tell whether the role allows something."""
        return permission in PERMISSIONS[self.user.role]


@dataclass(frozen=True, slots=True)
class Change:
    """A form from somebody who may send it."""

    visitor: Visitor
    form: dict[str, str]

    def __getitem__(self, field: str) -> str:
        return self.form.get(field, "").strip()


def form_reader(
    maximum_bytes: int = MAXIMUM_FORM_BYTES,
) -> Callable[[Request], Awaitable[dict[str, str]]]:
    """Return a dependency that gives the fields of a form (the last value of each)."""

    async def read_form(request: Request) -> dict[str, str]:
        take_up_to(request, maximum_bytes)
        text = (await request.body()).decode("utf-8", "replace")
        try:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAXIMUM_FIELDS))
        except ValueError:
            raise TooLargeError from None

    return read_form


Form = Annotated[dict[str, str], Depends(form_reader())]


class Door:
    """Makes the dependencies that let people in."""

    def __init__(self, accounts: Accounts, idle_seconds: float) -> None:
        self._accounts = accounts
        self._idle_seconds = idle_seconds

    def visitor(self, request: Request, *, touch: bool) -> Visitor | None:
        """Return who asks, by API key or by session; None for nobody."""
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            user = self._accounts.of_token(key.strip())
            return None if user is None else Visitor(user)
        secret = request.cookies.get(SESSION_COOKIE, "")
        if not secret:
            return None
        user = self._accounts.of_session(secret, self._idle_seconds, touch=touch)
        return None if user is None else Visitor(user, secret)

    def need(
        self, permission: Permission | None = None, *, by_itself: bool = False
    ) -> Callable[[Request], Visitor]:
        """Return a dependency that gives somebody who has ``permission``.

        Parameters
        ----------
        permission
            None: whoever is logged in.
        by_itself
            Pages ask for this without a person; it keeps no session alive. Nor does a request that
            says so of itself.
        """

        def visitor(request: Request) -> Visitor:
            touch = not by_itself and BY_ITSELF_HEADER not in request.headers
            found = self.visitor(request, touch=touch)
            if found is None:
                raise NotSignedInError
            if found.user.one_time:
                raise PasswordFirstError
            if permission is not None and not found.may(permission):
                raise RefusedError
            return found

        return visitor

    def change(
        self, permission: Permission | None = None, *, maximum_bytes: int = MAXIMUM_FORM_BYTES
    ) -> Callable[..., Change]:
        """Return a dependency that gives a form which somebody with ``permission`` sent."""
        who = self.need(permission)
        reader = form_reader(maximum_bytes)

        def change(
            request: Request,
            visitor: Annotated[Visitor, Depends(who)],
            form: Annotated[dict[str, str], Depends(reader)],
        ) -> Change:
            check_own(request, visitor, form.get(CSRF_FIELD, ""))
            return Change(visitor, form)

        return change

    def command(self, permission: Permission | None = None) -> Callable[..., Visitor]:
        """Return a dependency for addresses of the API that change something."""
        who = self.need(permission)

        def command(request: Request, visitor: Annotated[Visitor, Depends(who)]) -> Visitor:
            check_own(request, visitor, "")
            return visitor

        return command


def check_own(request: Request, visitor: Visitor, given: str) -> None:
    """Refuse a request that another site made a browser send.

    Raises
    ------
    RefusedError
        The token of the session is missing or wrong.
    """
    if not visitor.session:
        return
    token = request.headers.get(CSRF_HEADER) or given
    if not hmac.compare_digest(token.encode(), visitor.csrf.encode()):
        raise RefusedError
