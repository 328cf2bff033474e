"""Who reads which study, and what readers say about the results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, or_, select, update

from plugin.domain.feedback import Diagnosis, PriorityVerdict, Verdict
from plugin.domain.job import JobState
from plugin.registry.audit import note
from plugin.registry.engine import Database, insert_unless_known
from plugin.registry.people_tables import feedback, readings
from plugin.registry.rows import lock_study
from plugin.registry.tables import jobs


@dataclass(frozen=True, slots=True)
class ReadingRecord:
    """How far the reading of a study is; ``read_generation`` is of the result that was read."""

    study_id: int
    claimed_by: str | None
    claimed_at: datetime | None
    read_by: str | None
    read_at: datetime | None
    read_generation: int | None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a reader enters about a result; at least the verdict."""

    verdict: Verdict
    lvef_percent: float | None = None
    diagnosis: Diagnosis | None = None
    comment: str = ""
    priority: PriorityVerdict | None = None


@dataclass(frozen=True, slots=True)
class FeedbackRecord:
    """One opinion, with what the result said then (numbers and bundle, nothing of the patient)."""

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
    result: Mapping[str, Any]


class Readings:
    """Claims, readings and feedback; each is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, study_id: int) -> ReadingRecord | None:
        """Return how far the reading of a study is; None when nobody touched it."""
        with self._database.read() as connection:
            return _reading(connection, study_id)

    def claim(self, study_id: int, by: str) -> bool:
        """Take a study to read; False when somebody else has it (or there is no such study)."""
        mine = or_(readings.c.claimed_by.is_(None), readings.c.claimed_by == by)
        values = {"claimed_by": by, "claimed_at": self._database.now()}
        return self._change(study_id, by, "study.claim", mine, values)

    def release(self, study_id: int, by: str) -> bool:
        """Give a claimed study back; False when it is not theirs."""
        values = {"claimed_by": None, "claimed_at": None}
        return self._change(study_id, by, "study.release", readings.c.claimed_by == by, values)

    def mark_read(self, study_id: int, by: str) -> bool:
        """Note that a study was read, as its result stands now; False when somebody else has it."""
        mine = or_(readings.c.claimed_by.is_(None), readings.c.claimed_by == by)
        with self._database.read() as connection:
            generation = _generation(connection, study_id)
        values = {
            "claimed_by": None,
            "claimed_at": None,
            "read_by": by,
            "read_at": self._database.now(),
            "read_generation": generation,
        }
        return self._change(study_id, by, "study.read", mine, values)

    def mark_unread(self, study_id: int, by: str) -> bool:
        """Put a study back among those to read."""
        values = {"read_by": None, "read_at": None, "read_generation": None}
        return self._change(study_id, by, "study.unread", readings.c.read_at.is_not(None), values)

    def _change(
        self, study_id: int, by: str, action: str, condition: Any, values: dict[str, Any]
    ) -> bool:
        with self._database.write() as connection:
            study = lock_study(connection, study_id)
            if study is None:
                return False
            insert_unless_known(connection, readings, {"study_id": study_id}, "study_id")
            which = update(readings).where(readings.c.study_id == study_id, condition)
            if connection.execute(which.values(**values)).rowcount != 1:
                return False
            subject = f"study {study.study_key}"
            note(connection, self._database.now(), (by, action, subject))
            return True

    def add_feedback(
        self, study_id: int, job_id: str, by: str, opinion: Opinion
    ) -> FeedbackRecord | None:
        """Keep an opinion about one result; None when that is not a result of the study."""
        with self._database.write() as connection:
            study = lock_study(connection, study_id)
            query = select(jobs.c.summary).where(jobs.c.id == job_id, jobs.c.study_id == study_id)
            row = connection.execute(query).one_or_none()
            if study is None or row is None or row.summary is None:
                return None
            now = self._database.now()
            values = {
                "study_id": study_id,
                "job_id": job_id,
                "by": by,
                "at": now,
                "verdict": opinion.verdict.value,
                "lvef_percent": opinion.lvef_percent,
                "diagnosis": None if opinion.diagnosis is None else opinion.diagnosis.value,
                "priority": None if opinion.priority is None else opinion.priority.value,
                "comment": opinion.comment,
                "result": dict(row.summary),
            }
            returned = feedback.insert().values(**values).returning(*feedback.c)
            record = _feedback(connection.execute(returned).mappings().one())
            # The comment may name a patient; it is in the feedback only.
            said = ("verdict", "lvef_percent", "diagnosis", "priority")
            after = {name: values[name] for name in said}
            what = (by, "study.feedback", f"study {study.study_key}")
            note(connection, now, what, after=after)
            return record

    def feedback(
        self, study_id: int | None = None, before_id: int | None = None, limit: int = 100
    ) -> "Sequence[FeedbackRecord]":
        """Return opinions (on one study), newest first, ``before_id`` for the next page."""
        query = select(feedback).order_by(feedback.c.id.desc()).limit(limit)
        if study_id is not None:
            query = query.where(feedback.c.study_id == study_id)
        if before_id is not None:
            query = query.where(feedback.c.id < before_id)
        with self._database.read() as connection:
            return [_feedback(row) for row in connection.execute(query).mappings()]


def _reading(connection: Connection, study_id: int) -> ReadingRecord | None:
    query = select(readings).where(readings.c.study_id == study_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else ReadingRecord(**row)


def _generation(connection: Connection, study_id: int) -> int:
    """Return the generation of the standing result, 0 when there is none."""
    query = select(jobs.c.generation).where(
        jobs.c.study_id == study_id, jobs.c.state == JobState.REPORTED.value
    )
    return connection.execute(query.order_by(jobs.c.generation.desc())).scalars().first() or 0


def _feedback(row: RowMapping) -> FeedbackRecord:
    diagnosis, priority = row["diagnosis"], row["priority"]
    return FeedbackRecord(
        **{
            **row,
            "verdict": Verdict(row["verdict"]),
            "diagnosis": None if diagnosis is None else Diagnosis(diagnosis),
            "priority": None if priority is None else PriorityVerdict(priority),
        }
    )
