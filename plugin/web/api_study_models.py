"""What the REST interface takes and gives about one study."""

from datetime import datetime
from typing import Any

from pydantic import Field

from plugin.domain.findings import Priority
from plugin.domain.triage import Outcome
from plugin.web.api_models import (
    Answer,
    ComparisonAnswer,
    ListedStudy,
    ObjectAnswer,
    RequestBody,
)
from plugin.web.withdrawal import LONGEST_REASON


class FindBody(RequestBody):
    """What names a study."""

    term: str = Field(min_length=1, max_length=200)


class StudiesAnswer(Answer):
    """Studies that fit."""

    studies: list[ListedStudy]


class StudyAnswer(ListedStudy):
    """One study with what was written about it; ``comparison`` is null without earlier results.

    ``files``, ``pictures`` and ``has_viewer`` say what ``/jobs/{job_id}`` gives of the result,
    ``other_studies`` are of the same person and have a result too, ``viewer_url`` leads into the
    viewer of the PACS (null: the settings name none).
    """

    study_instance_uid: str
    viewer_url: str | None
    other_studies: list[int]
    files: list[str]
    pictures: list[str]
    has_viewer: bool
    objects: list[ObjectAnswer]
    comparison: ComparisonAnswer | None


class EventAnswer(Answer):
    """One thing that happened."""

    at: datetime
    text: str


class EventsAnswer(Answer):
    """Everything that happened to a study, the latest first."""

    events: list[EventAnswer]


class DecisionAnswer(Answer):
    """One decision of the triage policy; ``job_id`` is null where it was made without a result.

    ``ROUTINE`` means not promoted: the study keeps the place that it arrived with.
    """

    id: int
    job_id: str | None
    decided_at: datetime
    policy: str
    level: Priority
    outcome: Outcome
    rules: list[str]
    not_judged: list[str]
    sentence: str
    inputs: dict[str, Any]


class DecisionsAnswer(Answer):
    """Decisions about a study, newest first; ``next`` is ``before_id`` of the following page."""

    decisions: list[DecisionAnswer]
    next: int | None


class WithdrawalBody(RequestBody):
    """Why a result is taken back: for the audit trail and the archives, no patient data."""

    reason: str = Field(min_length=1, max_length=LONGEST_REASON)
