"""What is asked of many rows at once: facts for the assembler, candidates for deletion."""

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, or_, select

from plugin.domain.job import DeliveryState, JobState
from plugin.domain.study import PeerKind, StudyState
from plugin.registry.associations import is_open
from plugin.registry.deliveries import TAKEN_BACK
from plugin.registry.engine import Database
from plugin.registry.records import AssemblyFacts, SeriesFacts, StudyRecord
from plugin.registry.rows import study_record
from plugin.registry.tables import associations, deliveries, instances, jobs, peers, studies

_NEVER = datetime.max.replace(tzinfo=UTC)
_ON_DISK = (
    select(instances.c.id)
    .where(instances.c.study_id == studies.c.id, instances.c.deleted_at.is_(None))
    .exists()
)
"""Whether a study has images on the disk."""


def receiving(connection: Connection, database: Database) -> list[AssemblyFacts]:
    """Collect the facts of all studies that are being received, in a handful of queries."""
    query = (
        select(studies)
        .where(studies.c.state == StudyState.RECEIVING.value)
        .order_by(studies.c.last_received_at)
    )
    found = [study_record(row) for row in connection.execute(query).mappings()]
    if not found:
        return []
    ids = [study.id for study in found]
    senders = {study.calling_ae_title for study in found}
    series = _series(connection, ids)
    policies = _policies(connection, senders)
    opened = _open_associations(connection, database, senders)
    results = _automatic_results(connection, ids)
    settled = with_result_as_settled(connection, ids)
    collected = []
    for study in found:
        policy = policies.get(study.calling_ae_title)
        collected.append(
            AssemblyFacts(
                study=study,
                peer_kind=PeerKind.ARCHIVE if policy is None else PeerKind(policy["kind"]),
                quiet_seconds=None if policy is None else policy["quiet_seconds"],
                cap_seconds=None if policy is None else policy["cap_seconds"],
                n_open_associations=opened.get(study.calling_ae_title, 0),
                series=tuple(facts for facts, _ in series[study.id]),
                n_automatic_results=results.get(study.id, 0),
                n_deleted_instances=sum(n_deleted for _, n_deleted in series[study.id]),
                has_result=study.id in settled,
            )
        )
    return collected


def with_result_as_settled(connection: Connection, ids: Collection[int]) -> set[int]:
    """Return the studies with a result, whose newest analysis has all that came until settling.

    Settling by a job gives both one time; any decision after it (rejected, waits for a person)
    says that images came which no analysis has. A newest one that failed settled nothing.
    """
    as_settled = and_(
        jobs.c.generation == studies.c.generation, jobs.c.created_at == studies.c.completed_at
    )
    newest = _has_job(JobState.REPORTED, JobState.UNCHANGED, JobState.QUEUED, JobState.RUNNING)
    query = (
        select(studies.c.id)
        .where(studies.c.id.in_(ids), _has_job(JobState.REPORTED).exists())
        .where(newest.where(as_settled).exists())
    )
    return set(connection.execute(query).scalars())


def is_worked_on(connection: Connection, study_id: int) -> bool:
    """Tell whether an analysis of a study waits or runs, and so needs the images."""
    working = _has_job(JobState.QUEUED, JobState.RUNNING).exists()
    query = select(studies.c.id).where(studies.c.id == study_id, working)
    return connection.execute(query).first() is not None


def stored_bytes(connection: Connection, state: StudyState | None = None) -> int:
    """Sum the bytes of all versions that are still on the disk (of studies in one state)."""
    query = select(func.coalesce(func.sum(instances.c.n_bytes), 0))
    query = query.where(instances.c.deleted_at.is_(None))
    if state is not None:
        query = query.join_from(instances, studies).where(studies.c.state == state.value)
    return int(connection.execute(query).scalar_one())


def images_to_delete(
    connection: Connection,
    delivered_before: datetime,
    rejected_before: datetime | None,
    quota_bytes: int,
) -> list[StudyRecord]:
    """Choose the studies whose images may be deleted; see ``Studies.images_to_delete``."""
    candidates = _reported_studies(connection)
    delivered = _delivered_at(connection, [study.id for study in candidates])
    excess = stored_bytes(connection) - quota_bytes if quota_bytes else 0
    aged = [] if rejected_before is None else _rejected_studies(connection, rejected_before)
    others: list[StudyRecord] = []
    for study in candidates:
        (aged if delivered[study.id] < delivered_before else others).append(study)
    excess -= sum(study.n_bytes for study in aged)
    chosen = aged
    for study in others:
        if excess <= 0:
            break
        chosen.append(study)
        excess -= study.n_bytes
    return chosen


def studies_to_forget(
    connection: Connection, before: datetime, study_id: int | None = None
) -> list[StudyRecord]:
    """Choose the studies (or see whether it is one of them) that may be forgotten altogether.

    See ``Studies.to_forget``.
    """
    without = ~_ON_DISK if study_id is None else and_(~_ON_DISK, studies.c.id == study_id)
    reported = _reported_studies(connection, without)
    delivered = _delivered_at(connection, [study.id for study in reported], every_job=True)
    return [
        *(study for study in reported if delivered[study.id] < before),
        *_rejected_studies(connection, before, without),
    ]


def _series(connection: Connection, ids: list[int]) -> dict[int, list[tuple[SeriesFacts, int]]]:
    columns = instances.c
    query = (
        select(
            columns.study_id,
            columns.series_instance_uid,
            func.max(columns.modality).label("modality"),
            func.count().label("n_instances"),
            # The empty text means unknown: such images cannot be counted by position.
            func.count(func.nullif(columns.slice_position, "").distinct()).label("n_slices"),
            func.max(columns.received_at, type_=columns.received_at.type).label("last_received_at"),
            func.count(columns.deleted_at).label("n_deleted"),
            func.max(columns.cardiac_number_of_images).label("cardiac_number_of_images"),
            func.max(columns.images_in_acquisition).label("images_in_acquisition"),
            func.max(columns.number_of_temporal_positions).label("number_of_temporal_positions"),
            func.max(columns.number_of_frames).label("number_of_frames"),
        )
        .where(columns.study_id.in_(ids), columns.is_current)
        .group_by(columns.study_id, columns.series_instance_uid)
        .order_by(columns.study_id, func.min(columns.id))
    )
    found: dict[int, list[tuple[SeriesFacts, int]]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[row["study_id"]].append((_series_facts(row), row["n_deleted"]))
    return found


def _series_facts(row: RowMapping) -> SeriesFacts:
    return SeriesFacts(
        series_instance_uid=row["series_instance_uid"],
        modality=row["modality"],
        n_instances=row["n_instances"],
        n_slice_positions=row["n_slices"],
        last_received_at=row["last_received_at"],
        cardiac_number_of_images=row["cardiac_number_of_images"],
        images_in_acquisition=row["images_in_acquisition"],
        number_of_temporal_positions=row["number_of_temporal_positions"],
        number_of_frames=row["number_of_frames"],
    )


def _policies(connection: Connection, senders: set[str]) -> dict[str, RowMapping]:
    query = select(peers).where(peers.c.ae_title.in_(senders))
    return {row["ae_title"]: row for row in connection.execute(query).mappings()}


def _open_associations(
    connection: Connection, database: Database, senders: set[str]
) -> dict[str, int]:
    title = associations.c.calling_ae_title
    query = select(title, func.count()).where(title.in_(senders), is_open(database)).group_by(title)
    return {row[0]: row[1] for row in connection.execute(query)}


def _automatic_results(connection: Connection, ids: list[int]) -> dict[int, int]:
    query = (
        select(jobs.c.study_id, func.count())
        .where(jobs.c.study_id.in_(ids), jobs.c.automatic, jobs.c.reported_at.is_not(None))
        .group_by(jobs.c.study_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _has_job(*states: JobState) -> Select[Any]:
    values = [state.value for state in states]
    return select(jobs.c.id).where(jobs.c.study_id == studies.c.id, jobs.c.state.in_(values))


def _reported_studies(
    connection: Connection, which: ColumnElement[bool] = _ON_DISK
) -> list[StudyRecord]:
    """Studies at rest that have a published result, of those with images, oldest first."""
    newest = jobs.c.generation == studies.c.generation
    query = (
        select(studies)
        .where(studies.c.state == StudyState.COMPLETE.value, which)
        .order_by(studies.c.last_received_at)
        .where(~studies.c.needs_person, _has_job(JobState.REPORTED).exists())
        # A later generation that still works or has failed may need its images again.
        .where(_has_job(JobState.REPORTED, JobState.UNCHANGED).where(newest).exists())
    )
    return [study_record(row) for row in connection.execute(query).mappings()]


def _rejected_studies(
    connection: Connection, before: datetime, which: ColumnElement[bool] = _ON_DISK
) -> list[StudyRecord]:
    """Studies that were rejected long ago and that no job works on, oldest first."""
    query = (
        select(studies)
        .where(studies.c.state == StudyState.REJECTED.value, which)
        .order_by(studies.c.last_received_at)
        .where(studies.c.completed_at < before, studies.c.last_received_at < before)
        .where(~_has_job(JobState.QUEUED, JobState.RUNNING).exists())
    )
    return [study_record(row) for row in connection.execute(query).mappings()]


def _delivered_at(
    connection: Connection, ids: list[int], *, every_job: bool = False
) -> dict[int, datetime]:
    """When the last object was safe at the last destination, for studies where all are.

    One is safe when it is confirmed, or sent to a destination that confirms nothing. Objects that
    died are not delivered; those of a removed destination are nobody's any more, and for a replaced
    one its replacement counts. A result that goes to no destination is where it should be as soon
    as it is reported. ``every_job``: what superseded results still have to send counts too, unless
    it was taken back.
    """
    own = jobs.c.study_id.in_(ids)
    reported = (own, jobs.c.state == JobState.REPORTED.value)
    latest: dict[int, datetime] = {
        row.study_id: row.reported_at
        for row in connection.execute(select(jobs.c.study_id, jobs.c.reported_at).where(*reported))
    }
    query = (
        select(
            jobs.c.study_id,
            deliveries.c.state,
            deliveries.c.sent_at,
            deliveries.c.confirm_at,
            deliveries.c.confirmed_at,
        )
        .join_from(deliveries, jobs)
        .where(*((own,) if every_job else reported), deliveries.c.destination_id.is_not(None))
        .where(deliveries.c.state != DeliveryState.REPLACED.value)
    )
    if every_job:
        why = deliveries.c.last_reason
        query = query.where(or_(why.is_(None), why.not_in([one.value for one in TAKEN_BACK])))
    for row in connection.execute(query).mappings():
        latest[row["study_id"]] = max(latest[row["study_id"]], _safe_at(row))
    return latest


def _safe_at(delivery: RowMapping) -> datetime:
    """Return when an object was known to be safe at its destination; never, while it is not."""
    if delivery["state"] == DeliveryState.CONFIRMED.value:
        found = delivery["confirmed_at"]
    elif delivery["state"] == DeliveryState.SENT.value and delivery["confirm_at"] is None:
        found = delivery["sent_at"]
    else:
        found = None
    return found or _NEVER
