"""What the REST interface takes and gives, field by field; FastAPI makes OpenAPI of it."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plugin.domain.comparison import Obstacle
from plugin.domain.comparison import Verdict as ChangeVerdict
from plugin.domain.feedback import (
    MAXIMUM_COMMENT_CHARACTERS,
    PERCENT,
    Diagnosis,
    PriorityVerdict,
    Verdict,
)
from plugin.domain.quality.span import Span
from plugin.registry.worklist import Order, Shown, Stage

Percent = Annotated[float, Field(ge=PERCENT[0], le=PERCENT[1], allow_inf_nan=False)]


class RequestBody(BaseModel):
    """What all bodies share: nothing unknown, and no value in an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Answer(BaseModel):
    """What answers that are made of records share."""

    model_config = ConfigDict(from_attributes=True)


class SearchBody(RequestBody):
    """Which studies of the list, in which order."""

    shown: Shown = Shown.TO_READ
    stage: Stage | None = None
    promoted_only: bool = False
    words: str = Field("", max_length=100)
    order: Order = Order.PRIORITY
    cursor: str = Field("", max_length=500)
    limit: int = Field(50, ge=1, le=200)


class OpinionBody(RequestBody):
    """What a reader says about a result."""

    job_id: uuid.UUID
    verdict: Verdict
    lvef_percent: Percent | None = None
    diagnosis: Diagnosis | None = None
    priority: PriorityVerdict | None = None
    comment: str = Field("", max_length=MAXIMUM_COMMENT_CHARACTERS)

    @model_validator(mode="after")
    def _says_what_it_should_be(self) -> Self:
        said = (self.lvef_percent, self.diagnosis, self.priority)
        if self.verdict is Verdict.CORRECT and said == (None, None, None):
            message = "a correction names lvef_percent, diagnosis or priority"
            raise ValueError(message)
        return self


class ListedStudy(BaseModel):
    """One study of the list; every suggestion is AI, not verified by a physician."""

    study_id: int
    patient_name: str
    patient_id: str
    accession_number: str
    study_date: str
    description: str
    n_instances: int
    received_at: datetime
    stage: Stage
    why: str
    activity: str
    progress: float | None
    job_id: str | None
    summary: dict[str, Any]
    suggested: Literal["", "URGENT", "STAT"]
    ordered: Literal["", "URGENT", "STAT"]
    wants_review: bool
    priority_reason: str
    claimed_by: str | None
    read_by: str | None
    read_at: datetime | None
    n_objects: int
    n_sent: int
    n_confirmed: int
    n_dead: int
    notice: Literal["AI, not verified by a physician, not for diagnosis"] = (
        "AI, not verified by a physician, not for diagnosis"
    )


class ObjectAnswer(BaseModel):
    """One result object, and its state per destination."""

    kind: str
    sop_instance_uid: str
    deliveries: dict[str, str]


class ChangeAnswer(BaseModel):
    """One value beside that of the latest earlier result; ``limit`` is the error of both."""

    key: str
    unit: str
    now: float
    before: float
    difference: float
    limit: float | None
    verdict: ChangeVerdict


class ComparisonAnswer(BaseModel):
    """What changed since the latest earlier result, and why further ones were not compared.

    ``study_date`` is empty where no result is compared with.
    """

    study_date: str
    days: int | None
    job_id: str
    same_version: bool | None
    is_doubtful: bool | None
    changes: list[ChangeAnswer]
    defined_otherwise: list[str]
    not_compared: list[Obstacle]


class StudyPage(BaseModel):
    """A page of the list."""

    studies: list[ListedStudy]
    next: str


class CountsAnswer(BaseModel):
    """How many studies are to be read."""

    to_read: int
    promoted: int
    by_stage: dict[str, int]


class FeedbackAnswer(BaseModel):
    """One opinion, with what the result said then."""

    id: int
    study_id: int
    job_id: str
    by: str
    at: datetime
    verdict: Verdict
    lvef_percent: float | None
    diagnosis: Diagnosis | None
    priority: PriorityVerdict | None
    comment: str
    result: dict[str, Any]


class FeedbackPage(BaseModel):
    """Opinions, newest first."""

    feedback: list[FeedbackAnswer]
    next: int | None


class AuditAnswer(BaseModel):
    """One entry of the audit trail; ``can_take_back``: it is of a kind that can be taken back.

    ``address`` is where the pages or this interface were used from, null for all other ways.
    """

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None
    can_take_back: bool


class AuditPage(BaseModel):
    """Entries, newest first."""

    entries: list[AuditAnswer]
    next: int | None


class FigureRow(BaseModel):
    """One figure of quality; shares are from 0 to 1."""

    section: str
    name: str
    period: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    meaning: str
    n: int
    differs: bool | None


class QualityAnswer(BaseModel):
    """All figures of quality of one selection of studies."""

    span: Span
    site: str
    peer: str
    n_analysed: int
    n_refused: int
    n_reference: int
    looks_different: list[str]
    rows: list[FigureRow]


class Health(BaseModel):
    """Whether everything that the system needs works; of each part its state and how good it is."""

    healthy: bool
    parts: dict[str, str]
    tones: dict[str, Literal["good", "wait", "busy", "warn", "bad"]]
