"""Adding instances: what is new, what is known, what has changed under the same UID."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from plugin.domain.order import joined
from plugin.domain.study import StudyState
from plugin.domain.triage import URGENCY_OF_ORDER, OrderFacts
from plugin.registry.engine import insert_unless_known
from plugin.registry.orders import SYSTEM, hold_orders, note_raised, told_by_orders
from plugin.registry.origins import note_origin
from plugin.registry.records import AddOutcome, IndexedInstance, StudyRecord
from plugin.registry.rows import study_record
from plugin.registry.tables import instances, studies

_PATIENT_FIELDS = (
    "patient_name",
    "patient_id",
    "accession_number",
    "study_date",
    "description",
    "calling_ae_title",
    "study_time",
    "issuer_of_patient_id",
    "patient_birth_date",
    "patient_sex",
    "accession_issuer",
    "requested_procedure_id",
)
_COUNTS = {
    "cardiac_number_of_images": "CardiacNumberOfImages",
    "images_in_acquisition": "ImagesInAcquisition",
    "number_of_temporal_positions": "NumberOfTemporalPositions",
    "number_of_frames": "NumberOfFrames",
}
_LARGEST_COUNT = 1_000_000
_Change = tuple[IndexedInstance, AddOutcome]


def add_all(connection: Connection, added: Sequence[IndexedInstance]) -> list[AddOutcome]:
    """Add instances in the order given and bring changed studies back to ``RECEIVING``."""
    hold_orders(connection, alone=False)
    # Studies are locked in one order, so that two indexers cannot wait for each other.
    changes: dict[str, list[_Change]] = {}
    locked = {
        uid: _study(connection, first)
        for uid, first in sorted({i.study_instance_uid: i for i in reversed(added)}.items())
    }
    outcomes = []
    for instance in added:
        uid = instance.study_instance_uid
        outcome = _add_one(connection, locked[uid].id, instance)
        changes.setdefault(uid, []).append((instance, outcome))
        outcomes.append(outcome)
    for uid, study in locked.items():
        _update_study(connection, study, changes[uid])
    return outcomes


def _study(connection: Connection, instance: IndexedInstance) -> StudyRecord:
    at = instance.received_at
    values = {
        "study_instance_uid": instance.study_instance_uid,
        "state": StudyState.RECEIVING.value,
        "first_received_at": at,
        "receiving_since": at,
        "last_received_at": at,
        "n_instances": 0,
        "n_bytes": 0,
        "revision": 0,
        "generation": 0,
        "needs_person": False,
    }
    insert_unless_known(connection, studies, values, "study_instance_uid")
    query = (
        select(studies)
        .where(studies.c.study_instance_uid == instance.study_instance_uid)
        .with_for_update()
    )
    return study_record(connection.execute(query).mappings().one())


def _add_one(connection: Connection, study_id: int, instance: IndexedInstance) -> AddOutcome:
    columns = instances.c
    known = connection.execute(
        select(columns.id, columns.sha256, columns.version, columns.deleted_at).where(
            columns.study_id == study_id, columns.sop_instance_uid == instance.sop_instance_uid
        )
    ).all()
    for row in known:
        if row.sha256 == instance.sha256:
            return _known_again(connection, row.id, instance, deleted=row.deleted_at is not None)
    if known:
        connection.execute(
            update(instances)
            .where(columns.id.in_([row.id for row in known]))
            .values(is_current=False)
        )
    version = 1 + max((row.version for row in known), default=0)
    connection.execute(instances.insert().values(**_row(study_id, instance, version)))
    return AddOutcome.NEW_VERSION if known else AddOutcome.NEW


def _known_again(
    connection: Connection, instance_id: int, instance: IndexedInstance, *, deleted: bool
) -> AddOutcome:
    if not deleted:
        return AddOutcome.DUPLICATE
    connection.execute(
        update(instances)
        .where(instances.c.id == instance_id)
        .values(deleted_at=None, path=instance.path)
    )
    return AddOutcome.RESTORED


def _row(study_id: int, instance: IndexedInstance, version: int) -> dict[str, Any]:
    header = {key: _storable(value) for key, value in instance.header.items()}
    return {
        "study_id": study_id,
        "series_instance_uid": instance.series_instance_uid,
        "sop_instance_uid": instance.sop_instance_uid,
        "sop_class_uid": instance.sop_class_uid,
        "transfer_syntax_uid": instance.transfer_syntax_uid,
        "modality": instance.modality,
        "path": instance.path,
        "sha256": instance.sha256,
        "n_bytes": instance.n_bytes,
        "version": version,
        "is_current": True,
        "differs": version > 1,
        "association_id": instance.association_id,
        "received_at": instance.received_at,
        "slice_position": instance.slice_position,
        "header": header,
        **{column: _count(header.get(keyword)) for column, keyword in _COUNTS.items()},
    }


def _update_study(connection: Connection, study: StudyRecord, changes: list[_Change]) -> None:
    new = [i for i, outcome in changes if outcome in {AddOutcome.NEW, AddOutcome.NEW_VERSION}]
    if not new and all(outcome is AddOutcome.DUPLICATE for _, outcome in changes):
        return
    values = _totals(connection, study.id)
    if new:
        since = min(i.received_at for i in new)
        texts = _newest_texts(new)
        values |= {
            "state": StudyState.RECEIVING.value,
            "reason": None,
            "detail": "",
            "revision": study.revision + 1,
            "first_received_at": min(study.first_received_at, since),
            "receiving_since": _receiving_since(study, since),
            "last_received_at": max(study.last_received_at, *(i.received_at for i in new)),
            **texts,
            **_order(connection, replace(study, **texts), new),
        }
        note_origin(connection, study.id, new)
    connection.execute(update(studies).where(studies.c.id == study.id).values(**values))


def _receiving_since(study: StudyRecord, since: datetime) -> datetime:
    if study.state is StudyState.RECEIVING:
        return min(study.receiving_since, since)
    return since


def _totals(connection: Connection, study_id: int) -> dict[str, Any]:
    columns = instances.c
    row = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(columns.n_bytes), 0),
            func.count(columns.deleted_at),
        ).where(columns.study_id == study_id, columns.is_current)
    ).one()
    totals: dict[str, Any] = {"n_instances": row[0], "n_bytes": int(row[1])}
    if row[2] == 0:
        totals["images_deleted_at"] = None
    return totals


def _newest_texts(new: Iterable[IndexedInstance]) -> dict[str, Any]:
    texts: dict[str, Any] = {}
    for instance in sorted(new, key=lambda i: i.received_at):
        texts |= {name: text for name in _PATIENT_FIELDS if (text := getattr(instance, name))}
    return texts


def _order(
    connection: Connection, study: StudyRecord, new: Sequence[IndexedInstance]
) -> dict[str, Any]:
    """Add what order messages and new images tell of the order; the most urgent priority counts."""
    known = None if study.order_facts is None else OrderFacts.from_dict(study.order_facts)
    told = told_by_orders(connection, study)
    facts = known if told is None else joined(known, told)
    for instance in new:
        facts = joined(facts, instance.order)
    facts = facts or OrderFacts()
    if told is not None:
        change = (known or OrderFacts(), facts)
        note_raised(connection, study, change, SYSTEM, new[-1].received_at)
    return {
        "order_facts": {key: _storable(value) for key, value in facts.to_dict().items()},
        "order_urgency": URGENCY_OF_ORDER[facts.priority],
    }


def _count(value: object) -> int | None:
    """Return an announced count if it can be one; headers hold anything."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= _LARGEST_COUNT else None


def _storable(value: object) -> object:
    """Make header values JSON that both databases take: no NUL, NaN, infinity, odd type."""
    if isinstance(value, dict):
        return {str(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if value is None or isinstance(value, bool | int):
        return value
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode()
