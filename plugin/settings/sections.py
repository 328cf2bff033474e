"""Every setting by section: default, unit and check. Knows no file and no environment."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.identifiers import check_ae_title
from plugin.domain.urls import parts_of

_GIBIBYTE = 1024**3

Seconds = Annotated[float, Field(gt=0, le=30 * 86400, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65535)]

MODE_SENTENCES: Mapping[str, str] = {
    "shadow": "shadow: studies are analysed and shown; nothing is sent and no order is changed",
    "live": "live: results are sent and the worklist is ordered by them",
}
"""What the two modes mean, as every start and page says it."""


class Section(BaseModel):
    """What all sections share: nothing unknown, nothing changed later, no value in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class OperationSettings(Section):
    """Whether the hospital already relies on what the system says."""

    mode: Literal["shadow", "live"] = Field(
        "shadow",
        description='"shadow": analyse and show, send nothing, change no order; or "live".',
    )


class NodeSettings(Section):
    """The DICOM node that receives images."""

    ae_title: str = Field("CMRTRIAGE", description="AE title that senders must call.")
    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104
    port: Port = Field(11112, description="TCP port to listen on; 0 takes a free one.")
    plain: bool = Field(
        default=True,
        description="Listen on node.port without TLS; false: on tls.port only.",
    )
    accept_unknown_peers: bool = Field(
        default=False,
        description="Accept images from AE titles that are not known peers; treated as archives.",
    )
    maximum_associations: int = Field(
        32, ge=1, le=1000, description="Simultaneous associations; more are rejected for a while."
    )
    idle_timeout_seconds: Seconds = Field(
        60, description="An association on which nothing arrives for so long is aborted."
    )

    @field_validator("ae_title")
    @classmethod
    def _check_ae_title(cls, value: str) -> str:
        return check_ae_title(value)


class TlsSettings(Section):
    """DICOM over TLS: how the node is reached, and who we are to peers and destinations."""

    certificate: str = Field(
        "",
        description=(
            "Certificate chain (PEM) of the node, shown to callers and to destinations that want "
            "one; empty: the node speaks no TLS."
        ),
    )
    private_key: str = Field("", description="Private key (PEM) of tls.certificate.")
    ca_file: str = Field(
        "",
        description=(
            "Certificates (PEM) that those of callers are checked against, and those of DIMSE "
            "destinations without a file of their own."
        ),
    )
    port: Port = Field(2762, description="TCP port to listen on with TLS; 0 takes a free one.")
    require_client_certificate: bool = Field(
        default=True, description="Refuse callers without a certificate (mutual TLS)."
    )
    warn_days: int = Field(
        30, ge=1, le=365, description="Warn so many days before a certificate of ours ends."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.certificate) != bool(self.private_key):
            detail = "tls.certificate and tls.private_key go together"
            raise ConfigurationError(Reason.SETTING_INVALID, detail)
        if self.certificate and self.require_client_certificate and not self.ca_file:
            detail = "tls.ca_file: needed to check the certificates of callers"
            raise ConfigurationError(Reason.SETTING_INVALID, detail)
        return self


class SpoolSettings(Section):
    """Where images and results lie."""

    folder: Path = Field(
        Path("~/.local/state/cmr-triage"),
        validate_default=True,
        description="Folder of everything that is stored; on one file system, on a real disk.",
    )
    minimum_free_bytes: int = Field(
        2 * _GIBIBYTE,
        ge=0,
        description="Below so much free space images are refused (C-STORE status A700).",
    )
    retention_days: float = Field(
        7, ge=0, description="Images go so many days after delivery (the report, if sent nowhere)."
    )
    rejected_retention_days: float = Field(
        0, ge=0, description="Images of rejected studies go so many days later; 0: at study purge."
    )
    study_retention_days: float = Field(
        0, ge=0, description="Whole studies go so many days after delivery; 0: at study purge."
    )
    quarantine_retention_days: float = Field(
        0, ge=0, description="Files in quarantine are deleted so many days later; 0: never."
    )
    quota_bytes: int = Field(
        0,
        ge=0,
        description="Above so many bytes the oldest reported images go earlier; 0: no quota.",
    )

    @field_validator("folder")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()


class RegistrySettings(Section):
    """The database that knows every study, job and delivery."""

    url: str = Field(
        "",
        description=(
            "SQLAlchemy URL, e.g. postgresql+psycopg://user:password@host/cmr_triage; empty: "
            "SQLite in the spool folder."
        ),
    )
    unmatched_order_days: float = Field(
        30, gt=0, le=3650, description="Orders of which no study came are deleted after so long."
    )


class QueueSettings(Section):
    """The broker that wakes the workers."""

    url: str = Field(
        "",
        description="Redis or Valkey, e.g. redis://host:6379/0; empty: an own server is started.",
    )


class AssemblySettings(Section):
    """When a study is taken to be complete."""

    archive_quiet_seconds: Seconds = Field(
        60, description="Silence after the last image from an archive."
    )
    modality_quiet_seconds: Seconds = Field(
        900, description="Silence after the last image from a modality."
    )
    modality_cap_seconds: Seconds = Field(
        7200, description="A modality's study is analysed after so long even without silence."
    )
    tick_seconds: Seconds = Field(1.0, description="How often the assembler looks.")
    automatic_generations: int = Field(
        3, ge=1, description="Results per study before later changes need a person's decision."
    )


class WorkerSettings(Section):
    """The processes that compute."""

    bundle: str = Field(
        "",
        description=(
            'Model bundle: "acdc-unet" (for non-commercial use only), "phantom-unet" (free of such '
            "terms, less accurate), or a folder; empty: acdc-unet."
        ),
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description='Where the model runs: "cpu", "cuda".'
    )
    threads: int = Field(0, ge=0, description="Threads of the model; 0: all processors.")
    report_language: str = Field(
        "en",
        pattern=r"^[a-z]{2,3}$",
        description='Language of the Structured Report: "en", "zh"; pages stay in English.',
    )
    segmentation_phases: Literal["ends", "all"] = Field(
        "ends",
        description=(
            'Phases in the Segmentation: "ends" (end-diastole and end-systole), or "all" (some '
            "12 times as large)."
        ),
    )
    language_model: bool = Field(
        default=True,
        description="Let the bundle's language model, where it has one, word the report.",
    )
    language_seconds: Seconds = Field(
        20, description="Time to word a report; what is not ready by then is worded by rules."
    )
    recognition: bool = Field(
        default=False,
        description=(
            "Tell on the page of a study which described categories it resembles, where the bundle "
            "can; no report and no priority rests on it."
        ),
    )
    categories: str = Field(
        "", description="File of those categories (TOML); empty: the ones that ship."
    )
    lease_seconds: Seconds = Field(
        60, description="A job whose worker is not heard of for so long is given to another one."
    )
    heartbeat_seconds: Seconds = Field(
        15, description="How often a worker is heard of; at least three times per lease."
    )
    maximum_attempts: int = Field(
        3, ge=1, description="A job that killed so many workers is given up."
    )


class DeliverySettings(Section):
    """How results are sent."""

    poll_seconds: Seconds = Field(
        0.5, description="How often each destination's queue is looked at."
    )
    first_retry_seconds: Seconds = Field(
        5, description="Wait after the first failure; doubles with each further one."
    )
    maximum_retry_seconds: Seconds = Field(900, description="Longest wait between two attempts.")
    maximum_attempts: int = Field(
        200,
        ge=1,
        description="An object that fails so often is given up; being down is no failure.",
    )
    connection_timeout_seconds: Seconds = Field(
        10, description="Time a destination has to accept a connection and to answer."
    )
    failures_until_open: int = Field(
        3,
        ge=1,
        description="After so many failed connections only C-ECHO asks whether it answers again.",
    )
    confirm_after_seconds: Seconds = Field(
        5, description="How long after sending a destination is asked whether it keeps the objects."
    )
    commitment_wait_seconds: Seconds = Field(
        3, description="How long a request for Storage Commitment waits on its own association."
    )
    commitment_timeout_seconds: Seconds = Field(
        3600, description="A Storage Commitment without a report for so long is asked for again."
    )


class WebSettings(Section):
    """The pages and the API."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on; loopback unless web.public_url is set."
    )
    port: Port = Field(8480, description="TCP port of the pages; 0 takes a free one.")
    public_url: str = Field(
        "",
        description=(
            "Address under which others reach the pages, https://name[:port]: of a reverse proxy, "
            "or of this process with web.certificate."
        ),
    )
    certificate: str = Field("", description="Certificate chain (PEM) for TLS without a proxy.")
    private_key: str = Field("", description="Private key (PEM) of web.certificate.")
    trusted_proxies: str = Field(
        "127.0.0.1, ::1",
        description=(
            "Addresses or networks of reverse proxies, separated by commas; what these say of "
            "whom they ask for (X-Forwarded-For) is believed, and goes into the audit trail."
        ),
    )
    idle_minutes: float = Field(
        30, ge=1, le=1440, description="A session in which nobody does anything ends so soon."
    )
    viewer_url: str = Field(
        "",
        description=(
            "Link into the PACS viewer, with {study_instance_uid} or {accession_number} where they "
            "go; empty: no link."
        ),
    )

    @field_validator("public_url")
    @classmethod
    def _https(cls, value: str) -> str:
        parsed = parts_of(value)
        if value and (parsed.scheme != "https" or not parsed.hostname or parsed.path not in "/"):
            raise ConfigurationError(Reason.SETTING_INVALID, "web.public_url: https://name[:port]")
        return value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: str) -> str:
        try:
            for one in filter(None, (part.strip() for part in value.split(","))):
                ip_network(one)
        except ValueError:
            detail = "web.trusted_proxies: addresses or networks such as 10.0.0.0/24"
            raise ConfigurationError(Reason.SETTING_INVALID, detail) from None
        return value

    @field_validator("viewer_url")
    @classmethod
    def _known_places(cls, value: str) -> str:
        rest = value.replace("{study_instance_uid}", "").replace("{accession_number}", "")
        if value and (parts_of(value).scheme not in {"http", "https"} or "{" in rest):
            detail = "web.viewer_url: an http address with {study_instance_uid}"
            raise ConfigurationError(Reason.SETTING_INVALID, detail)
        return value

    @model_validator(mode="after")
    def _protected(self) -> Self:
        if bool(self.certificate) != bool(self.private_key):
            detail = "web.certificate and web.private_key go together"
            raise ConfigurationError(Reason.SETTING_INVALID, detail)
        if not self.public_url and not is_loopback(self.host):
            raise ConfigurationError(Reason.PAGE_NOT_PROTECTED, "web.host")
        return self


def is_loopback(name: str) -> bool:
    """Tell whether a host name or address is that of the machine itself, for itself only."""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class LogSettings(Section):
    """What is logged; always JSON lines on standard error, never patient data."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description='Least severe level: "debug", "info", "warning", "error".'
    )
