"""How a job begins: the next generation of a study, in the transaction that completes it."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, select, update

from plugin.domain.job import JobState
from plugin.domain.study import StudyState
from plugin.domain.triage import OrderFacts
from plugin.registry.policies import policy_in_force
from plugin.registry.records import JobRecord, StudyRecord
from plugin.registry.rows import job_by_id
from plugin.registry.tables import jobs, studies
from plugin.registry.transitions import may_become


def create_job(
    connection: Connection, study: StudyRecord, now: datetime, *, automatic: bool
) -> JobRecord:
    """Complete a locked study and queue its next generation.

    A job of an earlier generation that has not reported yet is superseded: its images are no
    longer all the images. If it runs, its next heartbeat says so and it can publish nothing.
    """
    supersede_unfinished(connection, study.id, now)
    generation = study.generation + 1
    order = OrderFacts.from_dict(study.order_facts or {})
    job_id = str(uuid4())
    connection.execute(
        jobs.insert().values(
            id=job_id,
            study_id=study.id,
            generation=generation,
            state=JobState.QUEUED.value,
            automatic=automatic,
            predecessor_job_id=_reported(connection, study.id),
            created_at=now,
            hinted_at=now,
            fast_lane=policy_in_force(connection).is_urgent_order(order),
        )
    )
    connection.execute(
        update(studies)
        .where(studies.c.id == study.id)
        .values(
            state=StudyState.COMPLETE.value,
            reason=None,
            detail="",
            completed_at=now,
            generation=generation,
            needs_person=False,
        )
    )
    job = job_by_id(connection, job_id)
    assert job is not None  # noqa: S101 - inserted above, in this transaction
    return job


def supersede_unfinished(
    connection: Connection, study_id: int, now: datetime, *conditions: ColumnElement[bool]
) -> None:
    """Supersede the jobs of a study (or those that meet conditions) that wait or run."""
    unfinished = {JobState.QUEUED, JobState.RUNNING}
    connection.execute(
        update(jobs)
        .where(jobs.c.study_id == study_id, *conditions)
        .where(may_become(jobs.c.state, JobState.SUPERSEDED, unfinished))
        .values(state=JobState.SUPERSEDED.value, finished_at=now, lease_until=None)
    )


def _reported(connection: Connection, study_id: int) -> str | None:
    query = (
        select(jobs.c.id)
        .where(jobs.c.study_id == study_id, jobs.c.state == JobState.REPORTED.value)
        .order_by(jobs.c.generation.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()
