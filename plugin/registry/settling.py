"""How receiving ends: each way is one transaction, refused when the study changed since the look.

Decides nothing about when a study is complete; that is the assembler.
"""

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from plugin.domain.errors import Reason, StudyRejectedError
from plugin.domain.study import StudyState
from plugin.registry.audit import note
from plugin.registry.facts import with_result_as_settled
from plugin.registry.generations import create_job
from plugin.registry.records import JobRecord, StudyRecord
from plugin.registry.rows import lock_study
from plugin.registry.tables import instances, studies
from plugin.registry.withdrawal import withdrawn_because


def complete(
    connection: Connection, study_id: int, revision: int | None, now: datetime, *, automatic: bool
) -> JobRecord | None:
    """Complete a study and queue its next generation; see ``Studies.mark_complete``."""
    study = _received(connection, study_id, revision)
    if study is None:
        return None
    why = withdrawn_because(connection, study_id) if automatic else None
    if why is not None:
        raise StudyRejectedError(Reason.RESULT_WITHDRAWN, why)
    require_images(connection, study_id)
    _note_received(connection, study, now)
    return create_job(connection, study, now, automatic=automatic)


def keep(connection: Connection, study_id: int, revision: int | None, now: datetime) -> bool:
    """Settle a study as it was settled before; see ``Studies.mark_kept``."""
    study = _received(connection, study_id, revision)
    if study is None or not with_result_as_settled(connection, [study_id]):
        return False
    _note_received(connection, study, now)
    mine = studies.c.id == study_id
    connection.execute(update(studies).where(mine).values(state=StudyState.COMPLETE.value))
    return True


def settle(
    connection: Connection,
    study_id: int,
    revision: int | None,
    now: datetime,
    *,
    state: StudyState,
    reason: Reason,
    detail: str,
) -> bool:
    """Settle a study without a job; one that is ``COMPLETE`` then waits for a person."""
    study = _received(connection, study_id, revision)
    if study is None:
        return False
    _note_received(connection, study, now)
    connection.execute(
        update(studies)
        .where(studies.c.id == study_id)
        .values(
            state=state.value,
            reason=reason.value,
            detail=detail,
            completed_at=now,
            needs_person=state is StudyState.COMPLETE,
        )
    )
    return True


def require_images(connection: Connection, study_id: int) -> None:
    """Make sure that the bytes of all current instances are there.

    Raises
    ------
    StudyRejectedError
        ``IMAGES_DELETED``.
    """
    deleted = connection.execute(
        select(func.count())
        .select_from(instances)
        .where(instances.c.study_id == study_id, instances.c.is_current)
        .where(instances.c.deleted_at.is_not(None))
    ).scalar_one()
    if deleted:
        raise StudyRejectedError(Reason.IMAGES_DELETED, f"{deleted} images")


def _received(connection: Connection, study_id: int, revision: int | None) -> StudyRecord | None:
    """Lock a study; None when it is no longer what the decision was made on."""
    study = lock_study(connection, study_id)
    if study is None or study.state is not StudyState.RECEIVING:
        return None
    return study if revision in {None, study.revision} else None


def _note_received(connection: Connection, study: StudyRecord, now: datetime) -> None:
    """Note in the audit trail who sent a study, and what."""
    mine = (instances.c.study_id == study.id, instances.c.is_current)
    counted = (
        select(instances.c.sop_class_uid, func.count())
        .where(*mine)
        .group_by(instances.c.sop_class_uid)
    )
    classes = {row[0]: row[1] for row in connection.execute(counted)}
    what = (study.calling_ae_title or "unknown", "study.receive", f"study {study.study_key}")
    note(connection, now, what, after={"n_instances": study.n_instances, "sop_classes": classes})
