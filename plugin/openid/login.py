"""One log-in at the provider from its beginning to a person: state, nonce, PKCE, roles.

What was begun is kept in memory for ten minutes (one process serves the pages) and belongs to the
browser that began it.

References
----------
OpenID Connect Core 1.0, 3.1; RFC 7636 (PKCE, S256); RFC 9207 (iss in the answer); OpenID Connect
RP-Initiated Logout 1.0.
"""

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from plugin.domain.access import Role
from plugin.domain.errors import ConfigurationError, Reason
from plugin.openid.provider import Provider
from plugin.openid.tokens import read_id_token
from plugin.settings import OpenIdSettings

LOGIN_LASTS_SECONDS = 600.0
_MAXIMUM_BEGUN = 10_000
_STRONGEST_FIRST = (Role.ADMIN, Role.READER, Role.TECHNOLOGIST, Role.AUDITOR)


@dataclass(frozen=True, slots=True)
class LoginBegun:
    """Where to send the browser, and what it keeps meanwhile."""

    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom the provider vouches for.

    Attributes
    ----------
    subject
        The provider's own name of the person; never used for anybody else.
    name
        What people call the account; may change, and may be anybody's.
    role
        None when no group of the person has one here.
    id_token
        For logging out at the provider.
    to
        Where the person wanted to go when the log-in began.
    """

    issuer: str
    subject: str
    name: str
    role: Role | None
    id_token: str
    to: str


@dataclass(frozen=True, slots=True)
class _Begun:
    browser: str
    nonce: str
    verifier: str
    redirect_uri: str
    to: str
    until: float


class HospitalLogin:
    """The provider that the settings name; safe for threads."""

    def __init__(
        self, settings: OpenIdSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._provider = Provider(settings, clock)
        self._begun: OrderedDict[str, _Begun] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def label(self) -> str:
        """What people call the provider."""
        return self._settings.label

    def begin(self, redirect_uri: str, to: str, browser: str = "") -> LoginBegun:
        """Begin a log-in.

        Parameters
        ----------
        redirect_uri
            Our address that the provider sends the browser back to.
        browser
            What a browser already keeps of another log-in, which then stays good; what cannot be
            of ours is replaced.

        Raises
        ------
        TransientError, ConfigurationError
            As ``Provider.metadata``.
        """
        metadata = self._provider.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        if len(browser) != len(state):
            browser = secrets.token_urlsafe(32)
        until = self._clock() + LOGIN_LASTS_SECONDS
        with self._lock:
            self._begun[state] = _Begun(browser, nonce, verifier, redirect_uri, to, until)
            while len(self._begun) > _MAXIMUM_BEGUN:
                self._begun.popitem(last=False)
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": self._settings.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        return LoginBegun(_with_query(str(metadata["authorization_endpoint"]), asked), browser)

    def finish(self, answer: Mapping[str, str], browser: str) -> Identity:
        """Return who came back from the provider.

        Parameters
        ----------
        answer
            Query of the address that the provider sent the browser to.

        Raises
        ------
        ConfigurationError
            ``LOGIN_EXPIRED`` (not begun here, too late, another browser, used already),
            ``PROVIDER_REFUSED``, ``PROVIDER_ANSWER_UNUSABLE``.
        TransientError
            ``PROVIDER_UNREACHABLE``.
        """
        begun = self._take(answer.get("state", ""), browser)
        if "error" in answer:
            raise ConfigurationError(Reason.PROVIDER_REFUSED)
        if answer.get("iss", self._settings.issuer) != self._settings.issuer:
            raise ConfigurationError(Reason.PROVIDER_ANSWER_UNUSABLE, "iss")
        tokens = self._provider.exchange(answer.get("code", ""), begun.verifier, begun.redirect_uri)
        id_token = str(tokens.get("id_token", ""))
        claims = read_id_token(
            self._provider,
            id_token,
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            nonce=begun.nonce,
        )
        return Identity(
            issuer=self._settings.issuer,
            subject=str(claims["sub"]),
            name=str(claims.get(self._settings.name_claim, "")),
            role=self._role(claims, str(tokens.get("access_token", ""))),
            id_token=id_token,
            to=begun.to,
        )

    def logout_address(self, id_token: str, back_to: str) -> str | None:
        """Return where a browser logs out at the provider too; None where it offers that not.

        Raises
        ------
        TransientError, ConfigurationError
            As ``Provider.metadata``.
        """
        address = self._provider.metadata().get("end_session_endpoint")
        if not address:
            return None
        asked = {
            "id_token_hint": id_token,
            "client_id": self._settings.client_id,
            "post_logout_redirect_uri": back_to,
        }
        return _with_query(str(address), asked)

    def _take(self, state: str, browser: str) -> _Begun:
        """Return what was begun with a state, once."""
        with self._lock:
            begun = self._begun.get(state)
            if begun is None or not hmac.compare_digest(begun.browser.encode(), browser.encode()):
                raise ConfigurationError(Reason.LOGIN_EXPIRED)
            del self._begun[state]
        if self._clock() > begun.until:
            raise ConfigurationError(Reason.LOGIN_EXPIRED)
        return begun

    def _role(self, claims: Mapping[str, Any], access_token: str) -> Role | None:
        groups = _at(claims, self._settings.roles_claim)
        if groups is None and access_token:
            # Some providers keep groups out of the id_token.
            told = self._provider.userinfo(access_token)
            if told.get("sub") == claims["sub"]:
                groups = _at(told, self._settings.roles_claim)
        named = groups if isinstance(groups, list) else [groups]
        roles = {self._settings.roles.get(one) for one in named if isinstance(one, str)}
        return next((role for role in _STRONGEST_FIRST if role in roles), None)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """Return the claim of a name, else at a path with dots (``realm_access.roles``)."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _with_query(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"
