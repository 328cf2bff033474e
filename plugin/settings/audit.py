"""Settings of reporting the audit trail to the hospital's audit repository (IHE ATNA)."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.urls import parts_of
from plugin.settings.sections import Section

_INVALID = Reason.SETTING_INVALID
DEFAULT_PORTS = {"tls": 6514, "udp": 514}
"""RFC 5425 and RFC 5426."""


class AuditSettings(Section):
    """Where the audit trail is reported to besides being kept here."""

    repository: str = Field(
        "",
        description=(
            "Audit repository that gets every entry as a DICOM audit message by syslog, "
            "tls://host[:port] or udp://host[:port]; empty: none."
        ),
    )
    ca_file: str = Field(
        "",
        description="Certificates (PEM) to check the repository against; empty: the system's.",
    )
    certificate: str = Field(
        "", description="Certificate chain (PEM) that we show the repository; empty: none."
    )
    private_key: str = Field("", description="Private key (PEM) of audit.certificate.")
    source: str = Field(
        "", description="AuditSourceID in the messages; empty: the AE title of the node."
    )
    site: str = Field("", description="AuditEnterpriseSiteID in the messages; empty: none.")

    @property
    def address(self) -> tuple[str, str, int]:
        """Transport (``tls`` or ``udp``), host and port of the repository."""
        parsed = urlsplit(self.repository)
        port = parsed.port or DEFAULT_PORTS[parsed.scheme]
        return parsed.scheme, parsed.hostname or "", port

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.repository:
            parsed = parts_of(self.repository)
            if parsed.scheme not in DEFAULT_PORTS or not parsed.hostname or parsed.path:
                detail = "audit.repository: tls://host[:port] or udp://host[:port]"
                raise ConfigurationError(_INVALID, detail)
        if bool(self.certificate) != bool(self.private_key):
            detail = "audit.certificate and audit.private_key go together"
            raise ConfigurationError(_INVALID, detail)
        return self
