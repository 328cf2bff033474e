"""From rows to records; queries that more than one repository needs."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, select

from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState, JobState
from plugin.domain.study import StudyState
from plugin.registry.delivery_records import DeliveryRecord
from plugin.registry.records import (
    InstanceRecord,
    JobRecord,
    ResultObject,
    StudyRecord,
)
from plugin.registry.tables import deliveries, instances, jobs, result_objects, studies

_INSTANCE_FIELDS = tuple(name for name in InstanceRecord.__slots__ if name != "deleted")
_JOB_FIELDS = tuple(name for name in JobRecord.__slots__ if name != "study_instance_uid")
_CARRIED = ("kind", "path", "sop_class_uid", "sop_instance_uid", "series_instance_uid")
_DELIVERY_FIELDS = tuple(
    name for name in DeliveryRecord.__slots__ if name not in {*_CARRIED, "study_instance_uid"}
)


def newest(
    query: Select[Any], ids: ColumnElement[int], limit: int | None, before_id: int | None
) -> Select[Any]:
    """Return the page of a query that follows a row, the newest first; no limit: all of them."""
    page = query.order_by(ids.desc()).limit(limit)
    return page if before_id is None else page.where(ids < before_id)


def select_jobs() -> Select[Any]:
    """Select jobs with the UID of their study."""
    columns = [jobs.c[name] for name in _JOB_FIELDS]
    return select(*columns, studies.c.study_instance_uid).join_from(jobs, studies)


def select_deliveries() -> Select[Any]:
    """Select deliveries with the object that they carry."""
    columns = [deliveries.c[name] for name in _DELIVERY_FIELDS]
    carried = [result_objects.c[name] for name in _CARRIED]
    return (
        select(*columns, *carried, studies.c.study_instance_uid)
        .join_from(deliveries, result_objects)
        .join(jobs, jobs.c.id == deliveries.c.job_id)
        .join(studies, studies.c.id == jobs.c.study_id)
    )


def job_by_id(connection: Connection, job_id: str) -> JobRecord | None:
    """Return one job, or None."""
    row = connection.execute(select_jobs().where(jobs.c.id == job_id)).mappings().one_or_none()
    return None if row is None else job_record(row)


def lock_study(connection: Connection, study_id: int) -> StudyRecord | None:
    """Return the study and keep all others from changing it until the transaction ends."""
    query = select(studies).where(studies.c.id == study_id).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else study_record(row)


def lock_study_of_job(connection: Connection, job_id: str) -> StudyRecord | None:
    """Lock the study of a job; always before the job itself, so that two writers cannot cross."""
    study_id = connection.execute(
        select(jobs.c.study_id).where(jobs.c.id == job_id)
    ).scalar_one_or_none()
    return None if study_id is None else lock_study(connection, study_id)


def study_record(row: RowMapping) -> StudyRecord:
    """Make a record of a row of ``studies``."""
    return StudyRecord(**{**row, "state": StudyState(row["state"]), "reason": _reason(row)})


def instance_record(row: RowMapping) -> InstanceRecord:
    """Make a record of a row of ``instances``."""
    values = {name: row[name] for name in _INSTANCE_FIELDS}
    return InstanceRecord(**values, deleted=row["deleted_at"] is not None)


def job_record(row: RowMapping) -> JobRecord:
    """Make a record of a row of ``select_jobs``."""
    return JobRecord(**{**row, "state": JobState(row["state"]), "reason": _reason(row)})


def object_record(row: RowMapping) -> ResultObject:
    """Make a record of a row of ``result_objects``."""
    return ResultObject(**{name: row[name] for name in ResultObject.__slots__})


def delivery_record(row: RowMapping) -> DeliveryRecord:
    """Make a record of a row of ``select_deliveries``."""
    reason = row["last_reason"]
    return DeliveryRecord(
        **{
            **row,
            "state": DeliveryState(row["state"]),
            "last_reason": None if reason is None else Reason(reason),
        }
    )


def stored_instances(connection: Connection, study_id: int) -> list[InstanceRecord]:
    """Return the current version of every instance of a study, in order of arrival."""
    query = (
        select(instances)
        .where(instances.c.study_id == study_id, instances.c.is_current)
        .order_by(instances.c.id)
    )
    return [instance_record(row) for row in connection.execute(query).mappings()]


def _reason(row: RowMapping) -> Reason | None:
    return None if row["reason"] is None else Reason(row["reason"])
