"""Whether an id_token is genuine, meant for us, of this log-in and not too old.

References
----------
OpenID Connect Core 1.0, 3.1.3.7 (validation of the id_token); RFC 8725 (JWT best practice: only
listed algorithms, none of them symmetric, the algorithm belongs to the key).
"""

import hmac
from collections.abc import Mapping
from typing import Any

import jwt

from plugin.domain.errors import ConfigurationError, Reason
from plugin.openid.provider import Provider

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_CLOCKS_DIFFER_SECONDS = 60
_LONGEST_SUBJECT = 255
_UNUSABLE = Reason.PROVIDER_ANSWER_UNUSABLE
_NEEDED = ["iss", "sub", "aud", "exp", "iat", "nonce"]


def read_id_token(
    provider: Provider, token: str, *, issuer: str, client_id: str, nonce: str
) -> Mapping[str, Any]:
    """Return the claims of an id_token.

    Raises
    ------
    ConfigurationError
        ``PROVIDER_ANSWER_UNUSABLE``, with the rule that it breaks; never with what it holds.
    TransientError
        ``PROVIDER_UNREACHABLE``: its keys cannot be read.
    """
    try:
        header = jwt.get_unverified_header(token)
        key = _key(provider, header)
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[str(header["alg"])],
            audience=client_id,
            issuer=issuer,
            leeway=_CLOCKS_DIFFER_SECONDS,
            options={"require": _NEEDED, "enforce_minimum_key_length": True},
        )
    except jwt.PyJWTError as error:
        # The class names the rule; the text may hold claims.
        rule = type(error).__name__.removesuffix("Error")
        raise ConfigurationError(_UNUSABLE, f"id_token: {rule}") from None
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise ConfigurationError(_UNUSABLE, "id_token: nonce")
    if not 0 < len(str(claims["sub"])) <= _LONGEST_SUBJECT:
        raise ConfigurationError(_UNUSABLE, "id_token: sub")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise ConfigurationError(_UNUSABLE, "id_token: azp")
    return claims


def _key(provider: Provider, header: Mapping[str, Any]) -> jwt.PyJWK:
    """Return the provider's key that a token names; a provider with one key need not name it."""
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise ConfigurationError(_UNUSABLE, "id_token: algorithm")
    for anew in (False, True):
        fitting = [
            one
            for one in provider.keys(anew=anew)
            if header.get("kid") in {None, one.get("kid")}
            and one.get("use", "sig") == "sig"
            and one.get("alg", algorithm) == algorithm
            and one.get("kty") in {"RSA", "EC", "OKP"}
        ]
        if len(fitting) == 1:
            return jwt.PyJWK(fitting[0], str(algorithm))
    raise ConfigurationError(_UNUSABLE, "id_token: key")
