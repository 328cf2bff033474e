"""What the registry hands out about results on their way: destinations and deliveries.

As in ``records``: frozen, aware UTC times, never a row.
"""

from dataclasses import dataclass
from datetime import datetime

from plugin.domain.errors import Reason
from plugin.domain.job import ConfirmMode, DeliveryState, Remedy


@dataclass(frozen=True, slots=True)
class DestinationRecord:
    """Where results go, which kinds of objects (``plugin.domain.objects``), how they are confirmed.

    Attributes
    ----------
    url
        Of a DICOMweb server (STOW-RS); None for a DIMSE destination. With one, ``ae_title`` is
        empty, and host and port are those of the URL.
    credentials_file
        Path of a file with ``user:password`` (Basic) or a token (Bearer); never its content.
    ca_file
        Path of the certificates (PEM) that the server's is checked against.
    reject_superseded
        Whether it gets a rejection note for objects that a newer analysis superseded.
    tls
        Whether a DIMSE destination is called by TLS; with a URL its scheme says so.
    tls_name
        Name that its certificate must carry, where that is not ``host``.
    """

    id: int
    name: str
    ae_title: str
    host: str
    port: int
    objects: tuple[str, ...]
    enabled: bool
    confirm: ConfirmMode = ConfirmMode.AUTO
    url: str | None = None
    credentials_file: str | None = None
    ca_file: str | None = None
    reject_superseded: bool = False
    tls: bool = False
    tls_name: str | None = None


@dataclass(frozen=True, slots=True)
class DestinationHealth:
    """What was learnt of a destination by talking to it.

    Attributes
    ----------
    open_since
        Since when nothing is sent because it does not answer (circuit breaker), else None.
    next_probe_at
        When it is asked next whether it answers again.
    confirms_by
        ``commitment``, ``query`` or ``nothing``; None before the first object was sent.
    implicit_since
        Since when objects go there in Implicit VR Little Endian, because it takes nothing else.
    """

    n_failures: int = 0
    open_since: datetime | None = None
    next_probe_at: datetime | None = None
    last_reason: Reason | None = None
    last_answer_at: datetime | None = None
    confirms_by: str | None = None
    confirms_since: datetime | None = None
    implicit_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Substitution:
    """A kind of object that a destination does not take, and what it gets instead.

    ``status`` is the status of the refusal, None where its SOP class was not negotiated.
    """

    destination_name: str
    kind: str
    instead: str
    status: int | None
    since: datetime


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One result object on its way to one destination.

    Attributes
    ----------
    confirm_at
        When to ask next whether the destination keeps it; None: nobody will ask.
    confirmed_by
        ``commitment`` or ``query``.
    transaction_uid
        Of the newest request for Storage Commitment that names it.
    n_asked, n_lost
        Requests without a confirmation since it was sent; times the destination no longer had it.
    """

    id: int
    job_id: str
    destination_id: int | None
    destination_name: str
    object_id: int
    kind: str
    path: str
    sop_class_uid: str
    sop_instance_uid: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    last_status: int | None
    last_reason: Reason | None
    created_at: datetime
    sent_at: datetime | None
    confirmed_at: datetime | None
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    confirm_at: datetime | None = None
    confirmed_by: str | None = None
    transaction_uid: str | None = None
    n_asked: int = 0
    n_lost: int = 0


@dataclass(frozen=True, slots=True)
class UnconfirmedObject:
    """One object that a destination could not confirm, and what is done about it."""

    sop_instance_uid: str
    remedy: Remedy
    reason: Reason
    status: int | None
