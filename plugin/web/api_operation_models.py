"""What the REST interface takes and gives about operation: queue, processes, storage, dry runs."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from plugin.domain.errors import Reason
from plugin.domain.job import JobState
from plugin.domain.study import StudyState
from plugin.web.api_administration_models import RequestAnswer
from plugin.web.api_models import Answer


class QueueAnswer(Answer):
    """Analyses by state, since when the first one waits, and objects that wait or were given up."""

    jobs: dict[JobState, int]
    waiting_since: datetime | None
    n_objects_waiting: int
    n_objects_given_up: int


class RunningAnswer(Answer):
    """What a process works on."""

    job_id: str
    study_id: int
    activity: str | None
    progress: float | None


class ProcessAnswer(Answer):
    """One process as it last said of itself.

    ``facts`` holds load, memory and GPU of its machine, and of a worker its bundle, or the problem
    for which it has none.
    """

    name: str
    kind: str
    is_alive: bool
    started_at: datetime
    seen_at: datetime
    facts: dict[str, Any]
    works_on: list[RunningAnswer]


class ProcessesAnswer(Answer):
    """The processes that compute and send."""

    processes: list[ProcessAnswer]


class JobAnswer(Answer):
    """One analysis; ``why`` is the sentence of its reason."""

    id: str
    study_id: int
    generation: int
    state: JobState
    reason: Reason | None
    why: str
    detail: str
    worker: str
    attempts: int
    fast_lane: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reported_at: datetime | None


class JobPage(Answer):
    """Analyses, newest first; ``next`` is ``before_id`` of the following page."""

    jobs: list[JobAnswer]
    next: str | None


class QuarantinedAnswer(Answer):
    """A received file that could not be indexed."""

    id: int
    calling_ae_title: str
    received_at: datetime
    reason: Reason
    why: str


class QuarantinePage(Answer):
    """Files in quarantine, newest first; ``next`` is ``before_id`` of the following page."""

    files: list[QuarantinedAnswer]
    next: int | None


class RetentionAnswer(Answer):
    """When images, studies and files in quarantine go; 0: never, or no quota (``quota_bytes``).

    Of ``retention_days`` 0 means: at once.
    """

    retention_days: float
    rejected_retention_days: float
    study_retention_days: float
    quarantine_retention_days: float
    quota_bytes: int
    minimum_free_bytes: int


class KeptAnswer(Answer):
    """A study whose images retention takes."""

    id: int
    first_received_at: datetime
    n_instances: int
    n_bytes: int


class StorageAnswer(Answer):
    """What lies on the disk, and what retention takes next: within a minute, within a day.

    Of ``due`` and ``soon`` at most 20 studies are named.
    """

    folder: Path
    free_bytes: int
    total_bytes: int
    by_state: dict[StudyState, int]
    image_bytes: int
    result_bytes: int
    n_incoming: int
    n_quarantine: int
    retention: RetentionAnswer
    n_due: int
    due: list[KeptAnswer]
    soon: list[KeptAnswer]


class SeenSeriesAnswer(Answer):
    """The role that a series would play, and what it was recognised by."""

    role: str
    reason: str
    n_instances: int
    uid_end: str


class SeenAnswer(Answer):
    """What a worker made of the headers of a study; ``reason`` is why it would not be analysed."""

    series: list[SeenSeriesAnswer]
    is_analysable: bool
    reason: Reason | None
    sentence: str
    n_slices: int | None
    n_phases: int | None
    notes: list[str]


class RuleSaysAnswer(Answer):
    """What a rule of the policy in force says about a study."""

    name: str
    level: str
    truth: str
    conditions: str


class GetsAnswer(Answer):
    """What a destination would get; ``why_not`` where it would get nothing now."""

    name: str
    kinds: list[str]
    why_not: str


class ProspectAnswer(Answer):
    """What would follow; without ``is_measured`` rules about measurements are not judged yet.

    ``study_id`` is null for uploaded images. ``is_first``: it would be analysed before others, for
    its order.
    """

    study_id: int | None
    seen: SeenAnswer
    policy: str
    is_first: bool
    is_measured: bool
    suggested: Literal["", "URGENT", "STAT"]
    sentence: str
    rules: list[RuleSaysAnswer]
    gets: list[GetsAnswer]
    notice: Literal["AI, not verified by a physician, not for diagnosis"] = (
        "AI, not verified by a physician, not for diagnosis"
    )


class DryRunAnswer(Answer):
    """A dry run; ``prospect`` is null until a worker has looked, and when the study is gone."""

    request: RequestAnswer
    prospect: ProspectAnswer | None
