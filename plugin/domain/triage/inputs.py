"""What a triage policy may look at: measurements, findings, strata, the order, time waiting.

Plain data that goes into the registry as JSON and comes back equal, so that a decision can be
replayed under another policy. Holds no text of a person: of clinical text only which flags it
raises. A language model's words and the resemblance to groups of patients are not here, so no
priority can depend on them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from plugin.domain.comparison import Changed, Comparison, changed
from plugin.domain.findings import Certainty, Finding, Measurement, Stratum


class IncomingPriority(StrEnum):
    """Priority that a study arrived with; people gave it, and nothing here lowers it.

    References
    ----------
    DICOM PS3.3 C.4.11: Requested Procedure Priority (0040,1003).
    """

    STAT = "STAT"
    HIGH = "HIGH"
    ROUTINE = "ROUTINE"
    LOW = "LOW"


class PatientClass(StrEnum):
    """Where the patient is; that somebody is an outpatient asks for nothing and is not kept."""

    EMERGENCY = "emergency"
    INPATIENT = "inpatient"


class ClinicalFlag(StrEnum):
    """What the words of the order speak of; raised by ``worker.clinical.flags``."""

    CHEST_PAIN = "chest_pain"
    SYNCOPE_OR_ARREST = "syncope_or_arrest"
    ACUTE_HEART_FAILURE = "acute_heart_failure"
    MYOCARDITIS = "myocarditis"
    INTRACARDIAC_MASS = "intracardiac_mass"


class OrderSource(StrEnum):
    """What told of an order."""

    HEADERS = "dicom_headers"
    HL7 = "hl7_v2"
    UPS = "ups"

    @property
    def words(self) -> str:
        """Name it for people."""
        return {"dicom_headers": "the DICOM headers", "hl7_v2": "an HL7 v2 order", "ups": "a UPS"}[
            self.value
        ]


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What headers and order messages tell about the order; empty where they tell nothing.

    Attributes
    ----------
    requesting_service, location
        Requesting Service (0032,1033); Current Patient Location (0038,0300) or Patient's
        Institution Residence (0038,0400).
    has_admission
        Whether there is an Admission ID (0038,0010).
    told_by
        What told the priority; means nothing where there is none.
    patient_class
        What an order message says itself; the headers only name places.
    text_flags
        What the reason for the study in an order message raised; the text is not kept.
    """

    priority: IncomingPriority | None = None
    requesting_service: str = ""
    location: str = ""
    has_admission: bool = False
    told_by: OrderSource = OrderSource.HEADERS
    patient_class: PatientClass | None = None
    text_flags: frozenset[ClinicalFlag] = frozenset()

    def to_dict(self) -> dict[str, Any]:
        """Serialise for the registry."""
        return {
            "priority": None if self.priority is None else self.priority.value,
            "requesting_service": self.requesting_service,
            "location": self.location,
            "has_admission": self.has_admission,
            "told_by": self.told_by.value,
            "patient_class": None if self.patient_class is None else self.patient_class.value,
            "text_flags": sorted(flag.value for flag in self.text_flags),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read what ``to_dict`` gave; an empty mapping tells nothing."""
        priority, patient_class = raw.get("priority"), raw.get("patient_class")
        return cls(
            None if priority is None else IncomingPriority(priority),
            str(raw.get("requesting_service", "")),
            str(raw.get("location", "")),
            bool(raw.get("has_admission", False)),
            OrderSource(raw.get("told_by", OrderSource.HEADERS)),
            None if patient_class is None else PatientClass(patient_class),
            frozenset(ClinicalFlag(flag) for flag in raw.get("text_flags", ())),
        )


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """One number of the whole heart; ``interval`` is its 90 % uncertainty in the same unit."""

    value: float
    unit: str
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class TriageInputs:
    """Everything that one decision looked at.

    Attributes
    ----------
    waiting_minutes
        Since the first image arrived; None when not known.
    is_analysed
        False while, or because, there is no result; then nothing measured can be judged.
    changes
        Since the latest earlier result that was compared with; empty without one.
    """

    measurements: Mapping[str, MeasuredValue] = field(default_factory=dict)
    findings: Mapping[str, Certainty] = field(default_factory=dict)
    strata: Mapping[str, Certainty] = field(default_factory=dict)
    text_flags: frozenset[ClinicalFlag] = frozenset()
    order: OrderFacts = OrderFacts()
    waiting_minutes: float | None = None
    is_analysed: bool = True
    changes: Mapping[str, Changed] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Serialise for the registry."""
        return {
            "measurements": {
                key: {
                    "value": one.value,
                    "unit": one.unit,
                    "interval": None if one.interval is None else list(one.interval),
                }
                for key, one in self.measurements.items()
            },
            "findings": {key: certainty.value for key, certainty in self.findings.items()},
            "strata": {key: certainty.value for key, certainty in self.strata.items()},
            "text_flags": sorted(flag.value for flag in self.text_flags),
            "order": self.order.to_dict(),
            "waiting_minutes": self.waiting_minutes,
            "is_analysed": self.is_analysed,
            "changes": {key: asdict(one) for key, one in self.changes.items()},
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read what ``to_dict`` gave."""
        return cls(
            {
                key: MeasuredValue(one["value"], one["unit"], _interval(one["interval"]))
                for key, one in raw["measurements"].items()
            },
            {key: Certainty(value) for key, value in raw["findings"].items()},
            {key: Certainty(value) for key, value in raw["strata"].items()},
            frozenset(ClinicalFlag(flag) for flag in raw["text_flags"]),
            OrderFacts.from_dict(raw["order"]),
            raw["waiting_minutes"],
            raw["is_analysed"],
            {key: Changed(**one) for key, one in raw.get("changes", {}).items()},
        )


def inputs_of(
    measurements: Sequence[Measurement],
    findings: Sequence[Finding] = (),
    strata: Sequence[Stratum] = (),
    *,
    text_flags: frozenset[ClinicalFlag] = frozenset(),
    order: OrderFacts | None = None,
    waiting_minutes: float | None = None,
    comparison: Comparison | None = None,
) -> TriageInputs:
    """Take from a result what a policy may look at; values of AHA segments are left out."""
    return TriageInputs(
        {
            one.key: MeasuredValue(one.value, one.unit, one.interval)
            for one in measurements
            if one.segment is None
        },
        {one.key: one.certainty for one in findings},
        {one.key: one.certainty for one in strata},
        text_flags,
        order or OrderFacts(),
        waiting_minutes,
        changes=changed(comparison),
    )


def _interval(raw: Sequence[float] | None) -> tuple[float, float] | None:
    return None if raw is None else (raw[0], raw[1])
