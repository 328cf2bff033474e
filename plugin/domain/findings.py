"""What the system states about a heart: measurements, findings, what was not assessed.

Plain immutable data with codes; who measures is ``worker.findings``, who writes DICOM is
``worker.report``. ``to_json``/``from_json`` give the ``result.json`` that people and tests read.
"""

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from plugin.domain.comparison import Comparison


class Certainty(StrEnum):
    """How sure a finding is: met outside its uncertainty, or only inside it."""

    PRESENT = "present"
    UNDETERMINED = "undetermined"


class Priority(StrEnum):
    """Suggested reading priority; there is no level below routine on purpose."""

    STAT = "STAT"
    URGENT = "URGENT"
    ROUTINE = "ROUTINE"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (DICOM PS3.3 8); schemes are SCT, LN, DCM, UCUM and 99CMRTRIAGE."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class NormalRange:
    """Reference interval, open where None; ``population`` says for whom it holds."""

    low: float | None
    high: float | None
    population: str
    source: str

    def side(self, value: float) -> str:
        """Return ``"below"``, ``"within"`` or ``"above"``."""
        if self.low is not None and value < self.low:
            return "below"
        if self.high is not None and value > self.high:
            return "above"
        return "within"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number with everything needed to read it.

    Attributes
    ----------
    key
        Stable name, e.g. ``lv_ejection_fraction``; segments add ``segment``.
    unit
        UCUM unit (``ml``, ``%``, ``g/m2``, ``mm``).
    interval
        About 90 % uncertainty interval (low, high) in the same unit, or None when not known.
    normal_ranges
        One per population when sex is unknown; empty when no grade may be given (under 18).
    segment
        AHA segment 1..17 for regional values.
    """

    key: str
    name: str
    value: float
    unit: str
    code: Code
    definition: str
    finding_site: Code | None = None
    interval: tuple[float, float] | None = None
    normal_ranges: tuple[NormalRange, ...] = ()
    segment: int | None = None
    phase: str | None = None  # "ED" or "ES" where a value belongs to one phase
    method: Code | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One coded statement with the measurements that it rests on and the rule's printed source."""

    key: str
    code: Code
    sentence: str
    certainty: Certainty
    basis: tuple[str, ...]  # measurement keys
    source: str
    grade: str | None = None
    finding_site: Code | None = None


@dataclass(frozen=True, slots=True)
class Stratum:
    """A printed band that a measurement lies in, or may lie in; no diagnosis and no advice."""

    key: str
    certainty: Certainty
    sentence: str
    basis: tuple[str, ...]  # measurement keys
    source: str


@dataclass(frozen=True, slots=True)
class PatternEstimate:
    """Which groups of a collective of patients the measured pattern resembles; no diagnosis.

    Attributes
    ----------
    candidates
        The conformal set, likeliest first; with none or several the pattern is indeterminate.
    confidence_percent
        Calibrated probability of the one candidate, 1 to 99; None when indeterminate.
    n_patients
        On how many the estimate is calibrated.
    """

    candidates: tuple[str, ...]
    confidence_percent: int | None
    n_patients: int
    sentence: str


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """Something that this analysis did not look at, so that nothing implies its absence."""

    key: str
    code: Code
    sentence: str


class ReasonKind(StrEnum):
    """What a condition of a triage policy looks at."""

    MEASUREMENT = "measurement"
    FINDING = "finding"
    STRATUM = "stratum"
    TEXT = "text"
    PATIENT_CLASS = "patient_class"
    ORDER = "order"
    WAITING = "waiting"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class PriorityReason:
    """One condition that a rule found met, or nearly met.

    Attributes
    ----------
    key
        Of the measurement, finding, stratum or flag; else the class or priority of the order.
    side, threshold
        Only of measurements (``"at or below"``, in the measurement's unit), of changes of one
        (``"fell_by"``) and of waiting (in minutes).
    within_days
        Only of a change: how old the earlier result may be; None: as old as it is.
    source
        The rule's.
    """

    kind: ReasonKind
    key: str
    source: str
    side: str = ""
    threshold: float | None = None
    within_days: int | None = None


@dataclass(frozen=True, slots=True)
class PrioritySuggestion:
    """A suggestion only; ``ROUTINE`` means no reason to promote.

    Attributes
    ----------
    rule
        Names of the policy's rules that promoted, joined by ``+``; ``near_threshold`` or ``review``
        where a physician is asked to look; else ``none``.
    basis
        Keys of the measurements among the reasons.
    policy
        Version of the policy that decided.
    """

    level: Priority
    rule: str
    sentence: str
    basis: tuple[str, ...] = ()
    reasons: tuple[PriorityReason, ...] = ()
    policy: str = ""

    @property
    def has_reason(self) -> bool:
        """Whether the sentence says more than that there is no reason."""
        return bool(self.basis or self.reasons)


@dataclass(frozen=True, slots=True)
class QualityNote:
    """Something a reader must know about the input or the contours (key, sentence)."""

    key: str
    sentence: str


@dataclass(frozen=True, slots=True)
class VolumeCurve:
    """Volumes over the beat: times after R in ms, LV and RV cavity in ml, one value per phase."""

    trigger_times_ms: tuple[float, ...]
    lv_ml: tuple[float, ...]
    rv_ml: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SegmentCurve:
    """Wall thickness of an AHA segment, one value per phase, None where it was not seen."""

    segment: int
    thickness_mm: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """All that is stated about one study; what the report and the pages are made from.

    Segments that could not be placed are left out of ``measurements``; ``quality`` says why.
    ``comparison`` is None where nobody knows of an earlier result.
    """

    measurements: tuple[Measurement, ...]
    findings: tuple[Finding, ...]
    not_assessed: tuple[NotAssessed, ...]
    impression: tuple[str, ...]
    narrative: tuple[str, ...]
    priority: PrioritySuggestion
    quality: tuple[QualityNote, ...]
    curve: VolumeCurve
    ed_phase: int
    es_phase: int
    bsa_m2: float | None
    bsa_formula: str | None
    strata: tuple[Stratum, ...] = ()
    pattern: PatternEstimate | None = None
    segment_curves: tuple[SegmentCurve, ...] = ()
    comparison: Comparison | None = None

    def value(self, key: str) -> float | None:
        """Return the global (not segmental) value of ``key``, or None when it was not measured."""
        for measurement in self.measurements:
            if measurement.key == key and measurement.segment is None:
                return measurement.value
        return None

    def measurement(self, key: str, segment: int | None = None) -> Measurement | None:
        """Return the measurement ``key`` (of ``segment``), or None."""
        for measurement in self.measurements:
            if measurement.key == key and measurement.segment == segment:
                return measurement
        return None

    def to_json(self) -> str:
        """Serialise for ``result.json``."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            measurements=tuple(_measurement(m) for m in raw["measurements"]),
            findings=tuple(_finding(f) for f in raw["findings"]),
            not_assessed=tuple(
                NotAssessed(n["key"], Code(**n["code"]), n["sentence"]) for n in raw["not_assessed"]
            ),
            impression=tuple(raw["impression"]),
            narrative=tuple(raw["narrative"]),
            priority=PrioritySuggestion(
                level=Priority(raw["priority"]["level"]),
                rule=raw["priority"]["rule"],
                sentence=raw["priority"]["sentence"],
                basis=tuple(raw["priority"]["basis"]),
                reasons=tuple(_reason(one) for one in raw["priority"].get("reasons", ())),
                policy=raw["priority"].get("policy", ""),
            ),
            quality=tuple(QualityNote(**q) for q in raw["quality"]),
            curve=VolumeCurve(**{name: tuple(v) for name, v in raw["curve"].items()}),
            ed_phase=raw["ed_phase"],
            es_phase=raw["es_phase"],
            bsa_m2=raw["bsa_m2"],
            bsa_formula=raw["bsa_formula"],
            strata=tuple(_stratum(one) for one in raw.get("strata", ())),
            pattern=_pattern(raw.get("pattern")),
            segment_curves=tuple(
                SegmentCurve(one["segment"], tuple(one["thickness_mm"]))
                for one in raw.get("segment_curves", ())
            ),
            comparison=_comparison(raw.get("comparison")),
        )


def _comparison(raw: dict[str, Any] | None) -> Comparison | None:
    return None if raw is None else Comparison.from_dict(raw)


def _code(raw: dict[str, str] | None) -> Code | None:
    return None if raw is None else Code(**raw)


def _measurement(raw: dict[str, Any]) -> Measurement:
    interval = raw["interval"]
    return Measurement(
        **{
            **raw,
            "code": Code(**raw["code"]),
            "finding_site": _code(raw["finding_site"]),
            "method": _code(raw["method"]),
            "interval": None if interval is None else (interval[0], interval[1]),
            "normal_ranges": tuple(NormalRange(**r) for r in raw["normal_ranges"]),
        }
    )


def _finding(raw: dict[str, Any]) -> Finding:
    return Finding(
        **{
            **raw,
            "code": Code(**raw["code"]),
            "finding_site": _code(raw["finding_site"]),
            "certainty": Certainty(raw["certainty"]),
            "basis": tuple(raw["basis"]),
        }
    )


def _reason(raw: dict[str, Any]) -> PriorityReason:
    return PriorityReason(**{**raw, "kind": ReasonKind(raw["kind"])})


def _stratum(raw: dict[str, Any]) -> Stratum:
    return Stratum(
        **{**raw, "certainty": Certainty(raw["certainty"]), "basis": tuple(raw["basis"])}
    )


def _pattern(raw: dict[str, Any] | None) -> PatternEstimate | None:
    return (
        None if raw is None else PatternEstimate(**{**raw, "candidates": tuple(raw["candidates"])})
    )
