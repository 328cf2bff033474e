"""Settings of logging in at the hospital's identity provider (OpenID Connect)."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from plugin.domain.access import Role
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.urls import parts_of
from plugin.settings.sections import Section, is_loopback

_INVALID = Reason.SETTING_INVALID


class OpenIdSettings(Section):
    """The identity provider, and who may what by the groups that it tells of."""

    issuer: str = Field(
        "",
        description="Issuer of the identity provider, exactly as it names itself; empty: none.",
    )
    client_id: str = Field("", description="What the provider calls this system.")
    client_secret: SecretStr = Field(
        SecretStr(""),
        description=(
            "Secret of the client, best from the environment or the secrets folder; empty: a "
            "public client."
        ),
    )
    scopes: str = Field("openid profile", description="Scopes that are asked for.")
    label: str = Field("hospital login", description="What the login page calls the provider.")
    name_claim: str = Field(
        "preferred_username", description="Claim that becomes the name of the account."
    )
    roles_claim: str = Field(
        "groups",
        description="Claim that holds groups or roles; dots lead into it (realm_access.roles).",
    )
    roles: dict[str, Role] = Field(
        default_factory=dict,
        description=(
            'Which group has which role, { "cmr-readers" = "reader" }; nobody without one gets in.'
        ),
    )
    ca_file: str = Field(
        "", description="Certificates (PEM) to check the provider against; empty: the system's."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.issuer:
            return self
        parsed = parts_of(self.issuer)
        plain_here = parsed.scheme == "http" and is_loopback(parsed.hostname or "")
        if not parsed.hostname or not (parsed.scheme == "https" or plain_here):
            raise ConfigurationError(_INVALID, "openid.issuer: an https address")
        if not self.client_id:
            raise ConfigurationError(_INVALID, "openid.client_id goes with openid.issuer")
        if "openid" not in self.scopes.split():
            raise ConfigurationError(_INVALID, "openid.scopes: openid is one of them")
        if not self.roles:
            raise ConfigurationError(
                _INVALID, "openid.roles: without any, nobody could log in there"
            )
        return self
