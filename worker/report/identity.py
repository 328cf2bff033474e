"""Who made a result, from what: the parts that UIDs are derived from, and what comes back.

Knows how the UIDs of result objects are made; knows nothing of their content.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from plugin.domain.identifiers import derive_uid

NOT_VERIFIED = "AI, not verified by a physician, not for diagnosis"


@dataclass(frozen=True, slots=True)
class PredecessorReport:
    """The report that a new one supersedes (same study).

    Attributes
    ----------
    enhanced
        The same report as Enhanced SR: what an archive has that refused the first.
    """

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    enhanced: "PredecessorReport | None" = None


@dataclass(frozen=True, slots=True)
class EarlierReport:
    """The report of an earlier study of the person, which this one compares with."""

    study_instance_uid: str
    report: PredecessorReport


@dataclass(frozen=True, slots=True)
class AnalysisIdentity:
    """What a result depends on besides the images' patient data.

    Attributes
    ----------
    input_digest
        sha256 over the decoded images that the analysis used.
    bundle_digest
        sha256 of the model bundle's manifest.
    created_at
        Aware time that all dates of the result objects show. Give the same one (the job's creation)
        to get the same bytes again.
    segmentation_phases
        Which phases the Segmentation holds: ``ends`` (end-diastole and end-systole) or ``all``.
    report_language
        Code of the language of the Structured Report (``worker.findings.languages``).
    earlier
        What the report refers to where it compares; None where an archive has no such report.
    generation
        Of the study. What an earlier one published may be withdrawn: archives hide those UIDs.
    """

    software_version: str
    bundle_name: str
    bundle_version: str
    bundle_digest: str
    input_digest: str
    predecessor: PredecessorReport | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(tz=UTC))
    report_language: str = "en"
    segmentation_phases: str = "ends"
    earlier: EarlierReport | None = None
    generation: int = 1

    @property
    def bundle(self) -> str:
        """Name and version of the bundle, as people read it."""
        return f"{self.bundle_name} {self.bundle_version}"


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One DICOM object that was written; ``kind`` is ``sr``, ``summary`` or ``contours``."""

    kind: str
    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str


@dataclass(frozen=True, slots=True)
class ResultUids:
    """Makes the UIDs of one result: equal parts give equal UIDs, and one UID means one content.

    ``content_digest`` covers what the identity does not (values, contours, demographics), so a
    repeated analysis that says anything else gets other UIDs: archives keep the first copy.
    """

    study_instance_uid: str
    identity: AnalysisIdentity
    content_digest: str

    def series(self, kind: str) -> str:
        """Return the Series Instance UID of one kind of object."""
        return self._derive("series", kind)

    def instance(self, kind: str) -> str:
        """Return the SOP Instance UID of one kind of object."""
        return self._derive("instance", kind)

    def tracking(self, subject: str) -> str:
        """Return the Tracking UID of a subject: the same in every later report of the study."""
        return derive_uid("tracking", self.study_instance_uid, subject)

    def _derive(self, level: str, kind: str) -> str:
        identity = self.identity
        predecessor = identity.predecessor
        return derive_uid(
            level,
            kind,
            self.study_instance_uid,
            identity.input_digest,
            identity.bundle_digest,
            identity.software_version,
            predecessor.sop_instance_uid if predecessor else "",
            identity.report_language,
            identity.segmentation_phases,
            self.content_digest,
            *([f"generation {identity.generation}"] if identity.generation > 1 else []),
        )


def digest_of(*parts: bytes) -> str:
    """Return a sha256 over parts, each preceded by its length."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
