"""Taking objects back: what waits is not sent any more, and a note goes to whoever may have them.

A destination counts as one that may have an object as long as the object waits for it, because it
may be under way in this very moment; only what was given up, or replaced by another kind, without
ever being taken is not there.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, case, or_, select, update

from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState, JobState
from plugin.domain.objects import REJECTION
from plugin.domain.study import StudyState
from plugin.registry.audit import note
from plugin.registry.deliveries import insert_delivery
from plugin.registry.engine import insert_unless_known
from plugin.registry.generations import supersede_unfinished
from plugin.registry.records import RejectionNote, ResultObject
from plugin.registry.rows import lock_study_of_job, object_record
from plugin.registry.tables import (
    deliveries,
    destinations,
    jobs,
    own_results,
    result_objects,
    studies,
)
from plugin.registry.transitions import may_become


def withdraw(
    connection: Connection,
    job_id: str,
    why: str,
    notes: Sequence[RejectionNote],
    actor: str,
    now: datetime,
) -> bool:
    """Take back a result that stands; see ``Jobs.withdraw``."""
    study = lock_study_of_job(connection, job_id)
    if study is None:
        return False
    changed = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .where(may_become(jobs.c.state, JobState.WITHDRAWN, {JobState.REPORTED}))
        .values(state=JobState.WITHDRAWN.value, reason=Reason.RESULT_WITHDRAWN.value, detail=why)
    ).rowcount
    if changed != 1:
        return False
    supersede_unfinished(connection, study.id, now, jobs.c.automatic)
    _leave_to_a_person(connection, study.id, why)
    stop_sending(connection, job_id, Reason.RESULT_WITHDRAWN)
    send_notes(connection, job_id, notes, now)
    what = (actor, "study.withdraw", f"study {study.study_key}")
    note(connection, now, what, {"job_id": job_id}, {"reason": why, "n_notes": len(notes)})
    return True


def _leave_to_a_person(connection: Connection, study_id: int, why: str) -> None:
    """Show the study as withdrawn; a wrong result is not followed by another one by itself.

    An analysis that is under way still goes on: a person asked for it.
    """
    under_way = select(jobs.c.id).where(
        jobs.c.study_id == study_id,
        jobs.c.state.in_([JobState.QUEUED.value, JobState.RUNNING.value]),
    )
    connection.execute(
        update(studies)
        .where(studies.c.id == study_id, studies.c.state == StudyState.COMPLETE.value)
        .where(~under_way.exists())
        .values(needs_person=True, reason=Reason.RESULT_WITHDRAWN.value, detail=why)
    )


def withdrawn_because(connection: Connection, study_id: int) -> str | None:
    """Return why the last result of a study was withdrawn; None where none was.

    None also where a result stands since, or an analysis is under way: a person asked for it.
    """
    states = (JobState.WITHDRAWN, JobState.REPORTED, JobState.QUEUED, JobState.RUNNING)
    query = (
        select(jobs.c.state, jobs.c.detail)
        .where(jobs.c.study_id == study_id, jobs.c.state.in_([state.value for state in states]))
        .order_by(jobs.c.generation.desc())
    )
    found = connection.execute(query).all()
    if not found or any(row.state != JobState.WITHDRAWN.value for row in found):
        return None
    return str(found[0].detail)


def stop_sending(
    connection: Connection, job_id: str, reason: Reason, destination_ids: Sequence[int] = ()
) -> None:
    """Send no result of a job any more (to some destinations, or to all), and ask about none.

    What was sent stays noted as sent. Notes that the job sent go on: they are about others.
    """
    columns = deliveries.c
    results = select(result_objects.c.id).where(
        result_objects.c.job_id == job_id, result_objects.c.kind != REJECTION
    )
    chosen = [columns.object_id.in_(results)]
    if destination_ids:
        chosen.append(columns.destination_id.in_(destination_ids))
    waits = columns.state == DeliveryState.PENDING.value
    connection.execute(
        update(deliveries)
        .where(*chosen)
        .values(
            state=case((waits, DeliveryState.DEAD.value), else_=columns.state),
            last_reason=reason.value,
            confirm_at=None,
        )
    )


def send_notes(
    connection: Connection, job_id: str, notes: Sequence[RejectionNote], now: datetime
) -> None:
    """Register notes as objects of a job and queue each for its destinations."""
    for one in notes:
        object_id = register_object(connection, job_id, one.note)
        wanted = select(destinations.c.id, destinations.c.name).where(
            destinations.c.id.in_(one.destination_ids)
        )
        for row in connection.execute(wanted).all():
            insert_delivery(connection, job_id, object_id, (row.id, row.name), now)


def register_object(connection: Connection, job_id: str, item: ResultObject) -> int:
    """Add an object that a job wrote, and remember its UID for good; return its id."""
    values = {name: getattr(item, name) for name in ResultObject.__slots__}
    object_id = connection.execute(
        result_objects.insert().values(job_id=job_id, **values).returning(result_objects.c.id)
    ).scalar_one()
    own = {"sop_instance_uid": item.sop_instance_uid}
    insert_unless_known(connection, own_results, own, "sop_instance_uid")
    return int(object_id)


def holders(connection: Connection, job_id: str) -> dict[int, tuple[ResultObject, ...]]:
    """Return which results of a job each destination (id) may have."""
    columns = deliveries.c
    never_there = (DeliveryState.DEAD.value, DeliveryState.REPLACED.value)
    may_have = or_(columns.state.not_in(never_there), columns.sent_at.is_not(None))
    query = (
        select(columns.destination_id, result_objects)
        .join(result_objects, result_objects.c.id == columns.object_id)
        .where(result_objects.c.job_id == job_id, result_objects.c.kind != REJECTION)
        .where(columns.destination_id.is_not(None), may_have)
        .order_by(columns.destination_id, columns.object_id)
    )
    found: dict[int, list[ResultObject]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["destination_id"], []).append(object_record(row))
    return {destination_id: tuple(objects) for destination_id, objects in found.items()}
