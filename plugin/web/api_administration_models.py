"""What administration through the REST interface takes and gives, field by field."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from plugin.domain.certificates import PeerTls
from plugin.domain.errors import Reason
from plugin.domain.job import ConfirmMode, DeliveryState
from plugin.domain.objects import OBJECT_KINDS
from plugin.domain.request import RequestKind, RequestState
from plugin.domain.study import PeerKind
from plugin.web.api_models import Answer, RequestBody

AeTitle = Annotated[str, Field(min_length=1, max_length=16)]
Host = Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z0-9.:%_-]*$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86400, allow_inf_nan=False)]
Line = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Objects = Annotated[list[str], Field(max_length=len(OBJECT_KINDS))]
PolicyText = Annotated[str, Field(max_length=100_000)]
Mark = Annotated[str, Field(max_length=16)]


class PeerBody(RequestBody):
    """A sender that becomes known."""

    ae_title: AeTitle
    host: Host | None = None
    port: Port | None = None
    kind: PeerKind = PeerKind.ARCHIVE
    enabled: bool = True
    quiet_seconds: Seconds | None = None
    cap_seconds: Seconds | None = None
    tls: PeerTls = PeerTls.ALLOWED
    certificate_name: Line | None = None
    certificate_fingerprint: Line | None = None


class PeerChanges(RequestBody):
    """Fields of a sender to change; what is not sent stays.

    ``mark`` is that of the state that was seen: when somebody changed it since, the answer is 409
    with what was changed and by whom. Without it the change is made whatever the state is.
    """

    mark: Mark | None = None
    ae_title: AeTitle = ""
    host: Host | None = None
    port: Port | None = None
    kind: PeerKind = PeerKind.ARCHIVE
    enabled: bool = True
    quiet_seconds: Seconds | None = None
    cap_seconds: Seconds | None = None
    tls: PeerTls = PeerTls.ALLOWED
    certificate_name: Line | None = None
    certificate_fingerprint: Line | None = None


class TrafficAnswer(Answer):
    """What a sender sent within 24 hours."""

    n_associations: int = 0
    n_aborted: int = 0
    n_images: int = 0


class PeerAnswer(Answer):
    """A known sender."""

    id: int
    mark: str
    ae_title: str
    host: str | None
    port: int | None
    kind: PeerKind
    enabled: bool
    quiet_seconds: float | None
    cap_seconds: float | None
    tls: PeerTls
    certificate_name: str | None
    certificate_fingerprint: str | None
    last_seen_at: datetime | None
    last_day: TrafficAnswer


class RefusedAnswer(Answer):
    """Refused associations of one kind."""

    calling_ae_title: str
    called_ae_title: str
    address: str
    reason: Reason
    n_times: int
    first_at: datetime
    last_at: datetime


class PeersAnswer(Answer):
    """Known senders, newest first, and the 100 kinds of associations that were refused last.

    ``next`` is ``before_id`` of the following page of senders.
    """

    peers: list[PeerAnswer]
    refused: list[RefusedAnswer]
    next: int | None


class DestinationBody(RequestBody):
    """A new place where results go: AE title, host and port, or a URL."""

    name: Name
    ae_title: str = Field("", max_length=16)
    host: Host | None = None
    port: Port | None = None
    url: Line | None = None
    tls: bool = False
    tls_name: Line | None = None
    credentials_file: Line | None = None
    ca_file: Line | None = None
    confirm: ConfirmMode = ConfirmMode.AUTO
    reject_superseded: bool = False
    objects: Objects | None = None
    enabled: bool = True


class DestinationChanges(RequestBody):
    """Fields of a destination to change; what is not sent stays. ``mark``: as with peers."""

    mark: Mark | None = None
    name: Name = "-"
    ae_title: str = Field("", max_length=16)
    host: Host | None = None
    port: Port | None = None
    url: Line | None = None
    tls: bool = False
    tls_name: Line | None = None
    credentials_file: Line | None = None
    ca_file: Line | None = None
    confirm: ConfirmMode = ConfirmMode.AUTO
    reject_superseded: bool = False
    objects: Objects = Field(default_factory=list)
    enabled: bool = True


class DestinationAnswer(Answer):
    """Where results go, and how that goes."""

    id: int
    mark: str
    name: str
    ae_title: str
    host: str
    port: int
    url: str | None
    tls: bool
    tls_name: str | None
    credentials_file: str | None
    ca_file: str | None
    confirm: ConfirmMode
    reject_superseded: bool
    objects: list[str]
    enabled: bool
    is_held: bool
    failing_since: datetime | None
    last_reason: Reason | None
    confirms_by: str | None
    n_open_commitments: int
    instead: dict[str, str]
    deliveries: dict[DeliveryState, int]


class DestinationsAnswer(Answer):
    """Destinations, newest first; ``next`` is ``before_id`` of the following page."""

    destinations: list[DestinationAnswer]
    next: int | None


class RequestAnswer(Answer):
    """Something that another process was asked to do: ask again until it is answered."""

    id: int
    kind: RequestKind
    state: RequestState
    asked_by: str
    asked_at: datetime
    answered_at: datetime | None
    reason: Reason | None
    answer: dict[str, Any]


class SwitchBody(RequestBody):
    """What to switch; without a destination everything."""

    destination_id: int | None = None


class SwitchedOffAnswer(Answer):
    """One switch that is off; without a destination it is that of everything."""

    destination: str | None
    off_since: datetime
    switched_by: str


class SwitchAnswer(Answer):
    """Whether results are sent and orders changed."""

    mode: str
    off: list[SwitchedOffAnswer]


class RetryBody(RequestBody):
    """Deliveries that were given up, to be tried again."""

    ids: list[Annotated[int, Field(ge=1, le=2**53)]] = Field(min_length=1, max_length=1000)


class CountAnswer(Answer):
    """How many objects wait to be sent again."""

    n_objects: int


class DeliveryAnswer(Answer):
    """One object on its way to one destination."""

    id: int
    job_id: str
    destination_name: str
    kind: str
    sop_instance_uid: str
    state: DeliveryState
    attempts: int
    last_status: int | None
    last_reason: Reason | None
    why: str
    created_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None
    confirmed_at: datetime | None


class DeliveryPage(Answer):
    """Deliveries, newest first; ``next`` is ``before_id`` of the following page."""

    deliveries: list[DeliveryAnswer]
    next: int | None


class PolicyBody(RequestBody):
    """The text of a triage policy (TOML)."""

    text: PolicyText


class ActivationBody(PolicyBody):
    """A policy to put into force; ``expected_id`` is that of the activation that was seen.

    0 stands for the policy that ships. When another one is in force by now, the answer is 409.
    """

    expected_id: int | None = Field(None, ge=0, le=2**53)


class ExpectedBody(RequestBody):
    """The activation that was seen (0: none yet); when another one is in force, 409."""

    expected_id: int | None = Field(None, ge=0, le=2**53)


class ProblemAnswer(Answer):
    """What is wrong, and the line that it is about, where it is about one."""

    sentence: str
    number: int | None
    line: str


class ProblemsAnswer(Answer):
    """What is wrong with a policy; empty when it can be used."""

    problems: list[ProblemAnswer]


class ActivationAnswer(Answer):
    """One activation of a policy."""

    id: int
    name: str
    version: str
    digest: str
    activated_at: datetime
    activated_by: str


class RuleAnswer(Answer):
    """One rule of a policy, in words."""

    name: str
    level: str
    when: list[str]
    source: str


class PolicyAnswer(Answer):
    """The policy in force; ``activation`` is null while it is the one that ships."""

    name: str
    version: str
    activation: ActivationAnswer | None
    rules: list[RuleAnswer]
    text: str


class PoliciesAnswer(Answer):
    """Activations, newest first; ``next`` is ``before_id`` of the following page."""

    activations: list[ActivationAnswer]
    next: int | None


class SimulatedChange(Answer):
    """One study that would have got another level."""

    study_id: int
    before: str
    after: str
    sentence: str


class SimulationAnswer(Answer):
    """What another policy would have decided about past results; counts by level."""

    n_studies: int
    n_before: dict[str, int]
    n_after: dict[str, int]
    n_review: int
    changed: list[SimulatedChange]


class SettingAnswer(Answer):
    """One setting; secrets are hidden."""

    key: str
    value: str
    default: str
    source: str
    description: str


class SettingsAnswer(Answer):
    """All settings."""

    settings: list[SettingAnswer]
