"""What the registry hands out and takes in: frozen records, aware UTC times.

Callers never see a row, a session or a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from plugin.domain.certificates import PeerTls
from plugin.domain.errors import Reason
from plugin.domain.identifiers import study_key
from plugin.domain.job import JobState
from plugin.domain.person import Moment, Person
from plugin.domain.quality.facts import ResultFigures
from plugin.domain.study import PeerKind, StudyState
from plugin.domain.triage import Decision, OrderFacts


class AddOutcome(StrEnum):
    """What adding an instance changed.

    ``RESTORED`` is a duplicate whose stored bytes had been deleted and are back.
    """

    NEW = "new"
    DUPLICATE = "duplicate"
    NEW_VERSION = "new_version"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """A sender that may open associations; ``host`` None matches every address.

    Attributes
    ----------
    certificate_name, certificate_fingerprint
        What its certificate must carry (a common name or host name) or be (SHA-256, hexadecimal):
        the AE title alone proves nothing. None: any that is trusted.
    """

    id: int
    ae_title: str
    host: str | None
    port: int | None
    kind: PeerKind
    quiet_seconds: float | None
    cap_seconds: float | None
    enabled: bool
    last_seen_at: datetime | None
    tls: PeerTls = PeerTls.ALLOWED
    certificate_name: str | None = None
    certificate_fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class AssociationRecord:
    """One association that was accepted; ``outcome`` is None while it is open."""

    id: str
    calling_ae_title: str
    called_ae_title: str
    address: str
    opened_at: datetime
    seen_at: datetime
    closed_at: datetime | None
    outcome: str | None
    n_received: int


@dataclass(frozen=True, slots=True)
class RejectedAssociation:
    """Refused associations of one kind: who asked for whom, why, how often, when last."""

    calling_ae_title: str
    called_ae_title: str
    address: str
    reason: Reason
    n_times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """One study; the patient's attributes are those of the newest instance that has them.

    Attributes
    ----------
    revision
        Counts changes of the images; a decision names the revision that it was made on.
    receiving_since
        First instance since the study was last complete; what the modality cap counts from.
    n_instances, n_bytes
        Of the current versions of all instances.
    needs_person
        Nothing happens automatically until somebody requeues the study.
    order_facts
        What is known of the order (``plugin.domain.triage.OrderFacts``); None: nothing yet.
    order_urgency, policy_urgency
        What the order asks for, and what the triage policy gives without a result (waiting, class),
        as ``plugin.domain.triage.urgency`` counts.
    """

    id: int
    study_instance_uid: str
    state: StudyState
    reason: Reason | None
    detail: str
    patient_name: str
    patient_id: str
    accession_number: str
    study_date: str
    description: str
    calling_ae_title: str
    first_received_at: datetime
    receiving_since: datetime
    last_received_at: datetime
    completed_at: datetime | None
    images_deleted_at: datetime | None
    n_instances: int
    n_bytes: int
    revision: int
    generation: int
    needs_person: bool
    order_facts: Mapping[str, Any] | None = None
    order_urgency: int = 1
    policy_urgency: int = 0
    study_time: str = ""
    issuer_of_patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    accession_issuer: str = ""
    requested_procedure_id: str = ""

    @property
    def person(self) -> Person:
        """Whom the study is of, as far as its headers tell."""
        return Person(
            self.patient_id, self.issuer_of_patient_id, self.patient_birth_date, self.patient_sex
        )

    @property
    def moment(self) -> Moment:
        """When the study was made."""
        return Moment(self.study_date, self.study_time)

    @property
    def study_key(self) -> str:
        """The name of the study in paths and logs."""
        return study_key(self.study_instance_uid)


@dataclass(frozen=True, slots=True)
class IndexedInstance:
    """What the indexer read from the header of one kept file.

    Attributes
    ----------
    header
        Small and JSON-able: expected counts by keyword (``CardiacNumberOfImages``,
        ``ImagesInAcquisition``, ``NumberOfTemporalPositions``, ``NumberOfFrames``),
        ``BodyPartExamined`` and what else the assembler and the gate look at.
    slice_position
        Any text that is equal exactly for images of one slice; empty when unknown.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    path: str
    sha256: str
    n_bytes: int
    received_at: datetime
    calling_ae_title: str
    association_id: str = ""
    patient_name: str = ""
    patient_id: str = ""
    accession_number: str = ""
    study_date: str = ""
    description: str = ""
    slice_position: str = ""
    header: Mapping[str, Any] = field(default_factory=dict)
    order: OrderFacts = field(default_factory=OrderFacts)
    study_time: str = ""
    issuer_of_patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    accession_issuer: str = ""
    requested_procedure_id: str = ""


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """One stored version of one instance.

    Attributes
    ----------
    version
        1 for the first bytes received under this SOP Instance UID.
    differs
        Same UID as an earlier version, other bytes.
    deleted
        The bytes are no longer there (retention).
    """

    id: int
    study_id: int
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    path: str
    sha256: str
    n_bytes: int
    version: int
    is_current: bool
    differs: bool
    deleted: bool
    association_id: str
    received_at: datetime
    header: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """What arrived of one series, and the largest counts that its headers announce (or None)."""

    series_instance_uid: str
    modality: str
    n_instances: int
    n_slice_positions: int
    last_received_at: datetime
    cardiac_number_of_images: int | None
    images_in_acquisition: int | None
    number_of_temporal_positions: int | None
    number_of_frames: int | None


@dataclass(frozen=True, slots=True)
class AssemblyFacts:
    """Everything the assembler decides from, for one study that is being received.

    Attributes
    ----------
    peer_kind
        Of the sender; an unknown sender counts as an archive.
    quiet_seconds, cap_seconds
        The peer's own policy, None where the settings rule.
    n_open_associations
        Open now from the sending AE title.
    n_automatic_results
        Results already published by jobs that no person asked for.
    n_deleted_instances
        Current instances whose bytes are gone; such a study cannot be analysed.
    has_result
        A result stands, and before the last instances came nothing was left to analyse or decide.
    """

    study: StudyRecord
    peer_kind: PeerKind
    quiet_seconds: float | None
    cap_seconds: float | None
    n_open_associations: int
    series: tuple[SeriesFacts, ...]
    n_automatic_results: int
    n_deleted_instances: int
    has_result: bool = False


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """A received file that could not be indexed."""

    id: int
    path: str
    reason: Reason
    calling_ae_title: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PurgedStudy:
    """What a purge took out of the registry; the caller removes the files."""

    study_key: str
    n_instances: int
    job_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One analysis of one generation of a study.

    Attributes
    ----------
    fence
        Rises with every claim; only the newest claim may publish.
    attempts
        Claims whose end is not known to be somebody else's fault.
    automatic
        False when a person asked for it: then equal images are analysed all the same.
    predecessor_job_id
        The job whose result this one would replace.
    activity, progress
        What a running job does now, and how much of that is done (0 to 1).
    fast_lane
        Claimed before others, because its order or class is urgent by the policy.
    """

    id: str
    study_id: int
    study_instance_uid: str
    generation: int
    state: JobState
    reason: Reason | None
    detail: str
    fence: int
    lease_until: datetime | None
    worker: str
    attempts: int
    automatic: bool
    input_digest: str | None
    predecessor_job_id: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reported_at: datetime | None
    summary: Mapping[str, Any] | None
    activity: str | None = None
    progress: float | None = None
    fast_lane: bool = False


@dataclass(frozen=True, slots=True)
class ResultObject:
    """One DICOM object that a job wrote; ``path`` is where its bytes lie."""

    kind: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    path: str
    sha256: str
    n_bytes: int


@dataclass(frozen=True, slots=True)
class RejectionNote:
    """A written note that takes objects back, and the destinations (ids) that are told."""

    note: ResultObject
    destination_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """All that becomes true at once when a job is published.

    Attributes
    ----------
    input_digest
        Of the images that the analysis used, and of whom they are of.
    summary
        Key numbers for lists and pages, JSON-able.
    decision
        What the triage policy made of the result; None where no policy was asked.
    is_shadow
        Shown, but sent nowhere: no delivery is made.
    rejections
        Notes that take the superseded objects back, for destinations that want that.
    figures
        What the result tells for the figures of quality.
    """

    objects: tuple[ResultObject, ...]
    input_digest: str
    summary: Mapping[str, Any]
    decision: Decision | None = None
    is_shadow: bool = False
    rejections: tuple[RejectionNote, ...] = ()
    figures: ResultFigures | None = None
