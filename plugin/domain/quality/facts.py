"""What is known of each study for the figures of quality: numbers and codes, no patient."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from plugin.domain.feedback import Diagnosis, PriorityVerdict, Verdict
from plugin.domain.job import DeliveryState
from plugin.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class ResultFigures:
    """What a worker tells of one result for these figures, besides its summary.

    Attributes
    ----------
    values
        Measurements and what the layers of the gate measured, by key.
    notes
        Keys of the notes on images and contours.
    group, confidence_percent
        The one group that the pattern resembles, and its calibrated probability; empty and None
        where the pattern is indeterminate.
    bundle
        Name and version of the model bundle.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    group: str = ""
    confidence_percent: int | None = None
    bundle: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a study comes from; empty or None where the images do not say."""

    site: str = ""
    peer: str = ""
    scanner: str = ""
    field_strength_t: float | None = None


@dataclass(frozen=True, slots=True)
class Analysed:
    """A study whose result stands.

    Attributes
    ----------
    at
        When it was reported.
    seconds_to_result
        From the last image until then; None where a person asked for the analysis.
    level
        The priority that the policy suggested; empty where none was asked.
    """

    study_id: int
    at: datetime
    origin: Origin
    seconds_to_result: float | None
    level: str
    wants_review: bool
    figures: ResultFigures


@dataclass(frozen=True, slots=True)
class Refused:
    """A study without a result, and why."""

    at: datetime
    origin: Origin
    reason: Reason


@dataclass(frozen=True, slots=True)
class Opinion:
    """The opinion of one reader about one result that counts: the latest of theirs.

    Attributes
    ----------
    lvef_percent_ai
        What the result said then; None where it was not measured.
    group, confidence_percent
        As in ``ResultFigures``.
    """

    at: datetime
    verdict: Verdict
    lvef_percent: float | None
    lvef_percent_ai: float | None
    diagnosis: Diagnosis | None
    group: str
    confidence_percent: int | None
    priority: PriorityVerdict | None


@dataclass(frozen=True, slots=True)
class Sent:
    """How many objects are in one state at one destination."""

    destination: str
    state: DeliveryState
    n: int


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that the figures of a span of time are made of.

    Attributes
    ----------
    reference
        The first studies with a result of the same selection, whatever the span; the earlier first.
    n_reference_refused
        Studies refused until the last study of the reference was reported.
    """

    analysed: tuple[Analysed, ...] = ()
    refused: tuple[Refused, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    sent: tuple[Sent, ...] = ()
    reference: tuple[Analysed, ...] = ()
    n_reference_refused: int = 0
