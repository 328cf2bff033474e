"""What is asked of many rows at once: facts for the assembler, candidates for deletion."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from plugin.domain.job import DeliveryState, JobState
from plugin.domain.study import PeerKind, StudyState
from plugin.registry.associations import is_open
from plugin.registry.engine import Database
from plugin.registry.records import AssemblyFacts, SeriesFacts, StudyRecord
from plugin.registry.rows import study_record
from plugin.registry.tables import associations, deliveries, instances, jobs, peers, studies

_DONE = (DeliveryState.SENT.value, DeliveryState.CONFIRMED.value)


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
            )
        )
    return collected


def stored_bytes(connection: Connection) -> int:
    """Sum the bytes of all versions that are still on the disk."""
    query = select(func.coalesce(func.sum(instances.c.n_bytes), 0))
    return int(connection.execute(query.where(instances.c.deleted_at.is_(None))).scalar_one())


def images_to_delete(
    connection: Connection, delivered_before: datetime, quota_bytes: int
) -> list[StudyRecord]:
    """Choose the studies whose images may be deleted; see ``Studies.images_to_delete``."""
    candidates = _reported_studies(connection)
    delivered = _delivered_at(connection, [study.id for study in candidates])
    excess = stored_bytes(connection) - quota_bytes if quota_bytes else 0
    aged: list[StudyRecord] = []
    others: list[StudyRecord] = []
    for study in candidates:
        at = delivered.get(study.id)
        (aged if at is not None and at < delivered_before else others).append(study)
    excess -= sum(study.n_bytes for study in aged)
    chosen = aged
    for study in others:
        if excess <= 0:
            break
        chosen.append(study)
        excess -= study.n_bytes
    return chosen


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


def _reported_studies(connection: Connection) -> list[StudyRecord]:
    """Studies at rest that have a published result and images on the disk, oldest first."""

    def has_job(*states: JobState) -> Select[Any]:
        values = [state.value for state in states]
        return select(jobs.c.id).where(jobs.c.study_id == studies.c.id, jobs.c.state.in_(values))

    newest = jobs.c.generation == studies.c.generation
    has_images = (
        select(instances.c.id)
        .where(instances.c.study_id == studies.c.id, instances.c.deleted_at.is_(None))
        .exists()
    )
    query = (
        select(studies)
        .where(studies.c.state == StudyState.COMPLETE.value, ~studies.c.needs_person)
        .where(has_job(JobState.REPORTED).exists(), has_images)
        # A later generation that still works or has failed may need its images again.
        .where(has_job(JobState.REPORTED, JobState.UNCHANGED).where(newest).exists())
        .order_by(studies.c.last_received_at)
    )
    return [study_record(row) for row in connection.execute(query).mappings()]


def _delivered_at(connection: Connection, ids: list[int]) -> dict[int, datetime]:
    """When the last object reached the last destination, for studies where all have.

    Objects that died are not delivered; those of a removed destination are nobody's any more.
    """
    query = (
        select(jobs.c.study_id, deliveries.c.state, deliveries.c.sent_at)
        .join_from(deliveries, jobs)
        .where(jobs.c.study_id.in_(ids), jobs.c.state == JobState.REPORTED.value)
        .where(deliveries.c.destination_id.is_not(None))
    )
    latest: dict[int, datetime] = {}
    waiting = set()
    for study_id, state, sent_at in connection.execute(query):
        if state not in _DONE or sent_at is None:
            waiting.add(study_id)
        elif study_id not in latest or sent_at > latest[study_id]:
            latest[study_id] = sent_at
    return {study_id: at for study_id, at in latest.items() if study_id not in waiting}
