"""The identity provider over HTTP: where it has what, its keys, its token endpoint.

References
----------
OpenID Connect Discovery 1.0; RFC 6749, 4.1.3 (token request); RFC 7517 (keys).
"""

import base64
import http.client
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.settings import OpenIdSettings, is_loopback

_TIMEOUT_SECONDS = 10.0
_MAXIMUM_ANSWER_BYTES = 1_000_000
_DISCOVERY_IS_GOOD_SECONDS = 3600.0
_KEYS_ARE_GOOD_SECONDS = 3600.0
_AGAIN_SECONDS = 10.0
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_UNUSABLE = Reason.PROVIDER_ANSWER_UNUSABLE


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is asked of the provider holds secrets, so it follows nobody elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Provider:
    """One identity provider; safe for threads.

    Parameters
    ----------
    clock
        Monotonic seconds, for tests.
    """

    def __init__(
        self, settings: OpenIdSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._found: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, list[dict[str, Any]]] | None = None
        self._silent_at: float | None = None
        self._opener: urllib.request.OpenerDirector | None = None

    def metadata(self) -> Mapping[str, Any]:
        """Return what the provider says of itself (kept for an hour).

        When it does not answer, it is not asked again for some seconds: each try may take long, and
        whoever wants to log in must not use up the threads that serve the others.

        Raises
        ------
        TransientError
            ``PROVIDER_UNREACHABLE``.
        ConfigurationError
            ``PROVIDER_ANSWER_UNUSABLE``: it is another issuer, or its addresses cannot be used.
        """
        with self._lock:
            if self._found is None or self._age(self._found) > _DISCOVERY_IS_GOOD_SECONDS:
                address = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
                if self._silent_at is not None and self._clock() - self._silent_at < _AGAIN_SECONDS:
                    raise TransientError(Reason.PROVIDER_UNREACHABLE)
                try:
                    found = self._ask(urllib.request.Request(address))  # noqa: S310 - a setting
                except TransientError:
                    self._silent_at = self._clock()
                    raise
                self._check(found)
                self._found = (self._clock(), found)
            return self._found[1]

    def keys(self, *, anew: bool = False) -> list[dict[str, Any]]:
        """Return the provider's keys (JWK), kept for an hour.

        Parameters
        ----------
        anew
            A token names a key that is not among them: the provider may have changed its keys.
            Still asked only once in ten seconds, whoever sends tokens with invented keys.
        """
        address = str(self.metadata()["jwks_uri"])
        with self._lock:
            good_for = _AGAIN_SECONDS if anew else _KEYS_ARE_GOOD_SECONDS
            if self._keys is None or self._age(self._keys) > good_for:
                answer = self._ask(urllib.request.Request(address))  # noqa: S310 - checked
                keys = answer.get("keys")
                if not isinstance(keys, list) or not all(isinstance(one, dict) for one in keys):
                    raise ConfigurationError(_UNUSABLE, "jwks_uri gives no keys")
                self._keys = (self._clock(), keys)
            return self._keys[1]

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        """Return the tokens that a code stands for."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": self._settings.client_id,
        }
        metadata = self.metadata()
        request = urllib.request.Request(str(metadata["token_endpoint"]))  # noqa: S310 - checked
        secret = self._settings.client_secret.get_secret_value()
        ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret and "client_secret_basic" in ways:
            # RFC 6749, 2.3.1: both parts are form-encoded before they are joined.
            pair = f"{quote_plus(self._settings.client_id)}:{quote_plus(secret)}"
            request.add_header("Authorization", f"Basic {_base64(pair)}")
        elif secret:
            form["client_secret"] = secret
        request.data = urlencode(form).encode()
        return self._ask(request)

    def userinfo(self, access_token: str) -> dict[str, Any]:
        """Return the claims that the provider keeps out of its tokens; {} where it has none."""
        address = self.metadata().get("userinfo_endpoint")
        if not address:
            return {}
        request = urllib.request.Request(str(address))  # noqa: S310 - checked
        request.add_header("Authorization", f"Bearer {access_token}")
        return self._ask(request)

    def _age(self, kept: tuple[float, object]) -> float:
        return self._clock() - kept[0]

    def _check(self, found: Mapping[str, Any]) -> None:
        if found.get("issuer") != self._settings.issuer:
            raise ConfigurationError(_UNUSABLE, "it names another issuer than openid.issuer")
        for name in _NEEDED:
            if not isinstance(found.get(name), str):
                raise ConfigurationError(_UNUSABLE, f"it names no {name}")
        for name in (*_NEEDED, "userinfo_endpoint", "end_session_endpoint"):
            if found.get(name) and not is_protected(str(found[name])):
                raise ConfigurationError(_UNUSABLE, f"its {name} is not https")

    def _ask(self, request: urllib.request.Request) -> dict[str, Any]:
        request.add_header("Accept", "application/json")
        try:
            with self._open(request) as answer:
                text = answer.read(_MAXIMUM_ANSWER_BYTES + 1)
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
            if status >= http.client.INTERNAL_SERVER_ERROR:
                raise TransientError(Reason.PROVIDER_UNREACHABLE, f"status {status}") from None
            place = urlsplit(request.full_url).path
            raise ConfigurationError(_UNUSABLE, f"status {status} at {place}") from None
        except (OSError, http.client.HTTPException):
            # A certificate that is not trusted is an OSError too; its text may name more.
            raise TransientError(Reason.PROVIDER_UNREACHABLE) from None
        try:
            read = json.loads(text) if len(text) <= _MAXIMUM_ANSWER_BYTES else None
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise ConfigurationError(
                _UNUSABLE, f"no JSON object at {urlsplit(request.full_url).path}"
            )
        return read

    def _open(self, request: urllib.request.Request) -> Any:
        if self._opener is None:
            context = ssl.create_default_context(cafile=self._settings.ca_file or None)
            handler = urllib.request.HTTPSHandler(context=context)
            self._opener = urllib.request.build_opener(handler, _NoRedirect)
        return self._opener.open(request, timeout=_TIMEOUT_SECONDS)


def is_protected(address: str) -> bool:
    """Tell whether an address is https, or on this machine."""
    parsed = urlsplit(address)
    if parsed.scheme == "http":
        return is_loopback(parsed.hostname or "")
    return parsed.scheme == "https" and bool(parsed.hostname)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
