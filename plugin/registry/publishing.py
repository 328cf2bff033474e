"""How a job ends: by compare-and-set on its newest claim, all consequences in one transaction."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select, update

from plugin.domain.errors import Reason
from plugin.domain.job import JobState
from plugin.domain.study import StudyState
from plugin.registry.deliveries import insert_delivery
from plugin.registry.quality import note_figures
from plugin.registry.records import PublishedResult
from plugin.registry.rows import lock_study_of_job
from plugin.registry.tables import (
    destinations,
    jobs,
    studies,
)
from plugin.registry.transitions import may_become
from plugin.registry.triage import note_decision, reconsider_studies, standing_of
from plugin.registry.withdrawal import register_object, send_notes, stop_sending


def change_claim(
    connection: Connection,
    job_id: str,
    fence: int,
    *conditions: ColumnElement[bool],
    **values: object,
) -> bool:
    """Change a running job if ``fence`` is its newest claim: the compare-and-set of everything."""
    return (
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.fence == fence)
            .where(jobs.c.state == JobState.RUNNING.value, *conditions)
            .values(**values)
        ).rowcount
        == 1
    )


def end_claim(
    connection: Connection,
    job_id: str,
    fence: int,
    state: JobState,
    now: datetime,
    **values: object,
) -> bool:
    """End a running job in ``state``, by the same compare-and-set."""
    return change_claim(
        connection,
        job_id,
        fence,
        may_become(jobs.c.state, state, {JobState.RUNNING}),
        state=state.value,
        lease_until=None,
        finished_at=now,
        **values,
    )


def publish(
    connection: Connection, job_id: str, fence: int, result: PublishedResult, now: datetime
) -> bool:
    """Make a result true; see ``Jobs.publish``."""
    study = lock_study_of_job(connection, job_id)
    if study is None or not end_claim(
        connection,
        job_id,
        fence,
        JobState.REPORTED,
        now,
        reported_at=now,
        input_digest=result.input_digest,
        summary=dict(result.summary),
        **standing_of(result.decision),
    ):
        return False
    if result.decision is not None:
        note_decision(connection, study.id, job_id, result.decision, now)
    note_figures(connection, study, job_id, result, now)
    superseded = connection.execute(
        update(jobs)
        .where(jobs.c.study_id == study.id, jobs.c.id != job_id)
        .where(may_become(jobs.c.state, JobState.SUPERSEDED, {JobState.REPORTED}))
        .values(state=JobState.SUPERSEDED.value)
        .returning(jobs.c.id)
    ).scalars()
    told = [uid for one in result.rejections for uid in one.destination_ids]
    for superseded_id in superseded.all() if told else ():
        stop_sending(connection, superseded_id, Reason.RESULT_SUPERSEDED, told)
    _register_objects(connection, job_id, result, now)
    send_notes(connection, job_id, result.rejections, now)
    reconsider_studies(connection, now, [study.id], after_result=True)
    return True


def reject(
    connection: Connection, job_id: str, fence: int, why: tuple[Reason, str], now: datetime
) -> bool:
    """End a job because of its input and mark its study; see ``Jobs.reject``."""
    study = lock_study_of_job(connection, job_id)
    reason, detail = why
    if study is None or not end_claim(
        connection, job_id, fence, JobState.FAILED, now, reason=reason.value, detail=detail
    ):
        return False
    generation = select(jobs.c.generation).where(jobs.c.id == job_id).scalar_subquery()
    connection.execute(
        update(studies)
        .where(studies.c.id == study.id, studies.c.generation == generation)
        .where(studies.c.state == StudyState.COMPLETE.value)
        .values(state=StudyState.REJECTED.value, reason=reason.value, detail=detail)
    )
    return True


def _register_objects(
    connection: Connection, job_id: str, result: PublishedResult, now: datetime
) -> None:
    enabled = select(destinations).where(destinations.c.enabled).order_by(destinations.c.id)
    wanted = [] if result.is_shadow else connection.execute(enabled).all()
    for item in result.objects:
        object_id = register_object(connection, job_id, item)
        for destination in wanted:
            if item.kind in destination.objects:
                where = (destination.id, destination.name)
                insert_delivery(connection, job_id, object_id, where, now)
