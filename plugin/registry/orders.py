"""Orders that messages told of, and what they ask for of the studies they are of.

The table is the truth: an order may come before its study (intake asks ``told_by_orders``) or after
it (``Orders.take`` raises the study then). What was raised stays raised: a later message that asks
for less, or a cancellation, changes the order but lowers no study.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, or_, select, update

from plugin.domain.job import JobState
from plugin.domain.order import ImagingOrder, Requested, is_of, is_same, joined
from plugin.domain.triage import (
    URGENCY_OF_ORDER,
    ClinicalFlag,
    IncomingPriority,
    OrderFacts,
    OrderSource,
    PatientClass,
)
from plugin.registry.audit import note
from plugin.registry.engine import Database
from plugin.registry.order_tables import orders
from plugin.registry.policies import policy_in_force
from plugin.registry.records import StudyRecord
from plugin.registry.rows import lock_study, newest, study_record
from plugin.registry.tables import jobs, studies
from plugin.registry.triage import reconsider_studies

_FIELDS = tuple(one.name for one in fields(ImagingOrder))
_NAMES_OF_STUDY = ("study_instance_uid", "accession_number", "requested_procedure_id")
_NUMBERS = ("placer_number", "filler_number", "work_item_uid")
SYSTEM = "system"
"""Who raised a study whose order was here before it."""
_LOCK = 0x636D6F72  # any number that nobody else locks in this database


class TakeOutcome(StrEnum):
    """What a message changed about one order.

    ``KNOWN`` says nothing new, ``OUTDATED`` is older than what is known, ``NAMELESS`` names no
    study and no known order.
    """

    NEW = "new"
    UPDATED = "updated"
    KNOWN = "known"
    OUTDATED = "outdated"
    NAMELESS = "nameless"

    @property
    def words(self) -> str:
        """Say it to people."""
        return {
            "known": "nothing new",
            "outdated": "older than what is known",
            "nameless": "names no study and no known order",
        }.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as it stands after its latest message."""

    id: int
    received_at: datetime
    order: ImagingOrder


@dataclass(frozen=True, slots=True)
class TakenOrder:
    """What became of one order of a message.

    Attributes
    ----------
    record
        None where the outcome is ``NAMELESS``.
    study_ids
        Studies here that it is of.
    raised_ids
        Those of them whose priority, class or flags it raised just now.
    """

    outcome: TakeOutcome
    record: OrderRecord | None
    study_ids: tuple[int, ...] = ()
    raised_ids: tuple[int, ...] = ()


class Orders:
    """The orders, by what names them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, told: Sequence[ImagingOrder], actor: str) -> list[TakenOrder]:
        """Keep what a message tells and raise the studies that are here, in one transaction.

        The later message wins, by its own time. Taking a message twice changes nothing.
        """
        now = self._database.now()
        with self._database.write() as connection:
            hold_orders(connection, alone=True)
            return [taken for order in told for taken in _take(connection, order, actor, now)]

    def get(self, order_id: int) -> OrderRecord | None:
        """Return one order, or None."""
        query = select(orders).where(orders.c.id == order_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else _record(row)

    def of_study(self, study: StudyRecord) -> list[OrderRecord]:
        """Return the orders of a study, cancelled ones too, the latest told first."""
        with self._database.read() as connection:
            found = _orders_of(connection, study)
        return sorted(found, key=lambda one: one.order.told_at, reverse=True)

    def studies_of(self, record: OrderRecord) -> list[StudyRecord]:
        """Return the studies here that an order is of."""
        with self._database.read() as connection:
            return _studies_of(connection, record.order)

    def find(self, term: str, limit: int = 100) -> Sequence[OrderRecord]:
        """Return orders by what names them or their study, the latest known first.

        An order number is found without its authority too; nothing else by a part of it.
        """
        named = [orders.c[name] == term for name in (*_NUMBERS, *_NAMES_OF_STUDY)]
        numbers = [
            orders.c[name].startswith(f"{term}^", autoescape=True)
            for name in ("placer_number", "filler_number")
        ]
        query = newest(select(orders).where(or_(*named, *numbers)), orders.c.id, limit, None)
        with self._database.read() as connection:
            found = connection.execute(query).mappings() if term else ()
            return [_record(row) for row in found]

    def cancel(self, order_id: int, actor: str) -> OrderRecord | None:
        """Cancel an order as a message of now would; None where there is none.

        A study that came already stays where it is; a later message of the order counts again.
        """
        now = self._database.now()
        with self._database.write() as connection:
            hold_orders(connection, alone=True)
            row = connection.execute(select(orders).where(orders.c.id == order_id)).mappings()
            known = next((_record(one) for one in row), None)
            if known is None or known.order.is_cancelled:
                return known
            cancelled = replace(known.order, is_cancelled=True, told_at=now)
            changed = update(orders).where(orders.c.id == order_id)
            connection.execute(changed.values(**_row(cancelled)))
            what = (actor, "order.cancel", f"order {order_id}")
            note(connection, now, what, {"cancelled": False}, {"cancelled": True})
        return replace(known, order=cancelled)

    def forget_unmatched(self, received_before: datetime) -> int:
        """Delete orders of which no study came; those of a study go when it is purged."""
        came = [
            select(studies.c.id).where(studies.c[name] == orders.c[name], orders.c[name] != "")
            for name in _NAMES_OF_STUDY
        ]
        query = orders.delete().where(
            orders.c.received_at < received_before, *(~one.exists() for one in came)
        )
        with self._database.write() as connection:
            return connection.execute(query).rowcount

    def list(self, limit: int = 100, before_id: int | None = None) -> list[OrderRecord]:
        """Return orders, the latest known first."""
        query = newest(select(orders), orders.c.id, limit, before_id)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]


def hold_orders(connection: Connection, *, alone: bool) -> None:
    """Keep orders from being taken while studies arrive, and the other way round.

    Otherwise neither transaction would see the other's row and the order would be of no study.
    SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        kind = "" if alone else "_shared"
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{kind}({_LOCK})")


def told_by_orders(connection: Connection, study: Requested) -> OrderFacts | None:
    """Return what the orders of a study ask for together; None where there is none."""
    facts = None
    for record in _orders_of(connection, study):
        if not record.order.is_cancelled:
            facts = joined(facts, record.order.facts)
    return facts


def forget_orders_of(connection: Connection, study: StudyRecord) -> None:
    """Delete the orders of a study that is purged, unless they are of another one too."""
    gone = [
        record.id
        for record in _orders_of(connection, study)
        if all(other.id == study.id for other in _studies_of(connection, record.order))
    ]
    connection.execute(orders.delete().where(orders.c.id.in_(gone)))


def _take(
    connection: Connection, told: ImagingOrder, actor: str, now: datetime
) -> list[TakenOrder]:
    told = replace(told, told_at=min(told.told_at, now))  # a wrong clock must not win for ever
    known = _known(connection, told)
    if not known and not told.names_a_study:
        return [TakenOrder(TakeOutcome.NAMELESS, None)]
    kept = [_update(connection, one, told, now) for one in known] or [
        (TakeOutcome.NEW, _insert(connection, told, now))
    ]
    return [_apply(connection, outcome, record, actor, now) for outcome, record in kept]


def _known(connection: Connection, told: ImagingOrder) -> list[OrderRecord]:
    alike = [
        orders.c[name] == value
        for name in (*_NUMBERS, *_NAMES_OF_STUDY)
        if (value := getattr(told, name))
    ]
    if not alike:
        return []
    query = select(orders).where(orders.c.source == told.source.value, or_(*alike))
    found = [_record(row) for row in connection.execute(query.order_by(orders.c.id)).mappings()]
    return [record for record in found if is_same(told, record.order)]


def _insert(connection: Connection, told: ImagingOrder, now: datetime) -> OrderRecord:
    number = connection.execute(
        orders.insert().values(**_row(told), received_at=now).returning(orders.c.id)
    ).scalar_one()
    return OrderRecord(number, now, told)


def _update(
    connection: Connection, known: OrderRecord, told: ImagingOrder, now: datetime
) -> tuple[TakeOutcome, OrderRecord]:
    if told.told_at < known.order.told_at:
        return TakeOutcome.OUTDATED, known
    updated = known.order.updated(told)
    same = replace(updated, told_at=known.order.told_at) == known.order
    record = OrderRecord(known.id, known.received_at if same else now, updated)
    connection.execute(
        update(orders)
        .where(orders.c.id == known.id)
        .values(**_row(updated), received_at=record.received_at)
    )
    return (TakeOutcome.KNOWN if same else TakeOutcome.UPDATED), record


def _apply(
    connection: Connection, outcome: TakeOutcome, record: OrderRecord, actor: str, now: datetime
) -> TakenOrder:
    """Raise the studies of an order and audit what was taken."""
    found = [one.id for one in _studies_of(connection, record.order)]
    raised = [one for one in found if _raise(connection, one, actor, now)]
    if outcome in {TakeOutcome.NEW, TakeOutcome.UPDATED}:
        order = record.order
        told = {
            "source": order.source.value,
            "priority": order.priority,
            "cancelled": order.is_cancelled,
            "n_studies": len(found),
        }
        what = (actor, f"order.{outcome.value}", f"order {record.id}")
        note(connection, now, what, after=told)
    return TakenOrder(outcome, record, tuple(found), tuple(raised))


def _raise(connection: Connection, study_id: int, actor: str, now: datetime) -> bool:
    """Give a study what its orders ask for, only upwards; decide again where it asks for more."""
    study = lock_study(connection, study_id)
    told = None if study is None else told_by_orders(connection, study)
    if study is None or told is None:
        return False
    before = OrderFacts.from_dict(study.order_facts or {})
    after = joined(before, told)
    if after == before:
        return False
    connection.execute(
        update(studies)
        .where(studies.c.id == study_id)
        .values(order_facts=after.to_dict(), order_urgency=URGENCY_OF_ORDER[after.priority])
    )
    note_raised(connection, study, (before, after), actor, now)
    if policy_in_force(connection).is_urgent_order(after):
        connection.execute(
            update(jobs)
            .where(jobs.c.study_id == study_id, jobs.c.state == JobState.QUEUED.value)
            .values(fast_lane=True)
        )
    reconsider_studies(connection, now, [study_id])
    return True


def note_raised(
    connection: Connection,
    study: StudyRecord,
    change: tuple[OrderFacts, OrderFacts],
    actor: str,
    now: datetime,
) -> None:
    """Audit what an order message raised of a study; nothing when it raised nothing."""
    before, after = map(_audited, change)
    if before != after:
        what = (actor, "study.order", f"study {study.study_key}")
        note(connection, now, what, before=before, after=after)


def _audited(facts: OrderFacts) -> dict[str, Any]:
    return {
        "priority": facts.priority,
        "told_by": facts.told_by.value,
        "patient_class": facts.patient_class,
        "text_flags": sorted(facts.text_flags),
    }


def _orders_of(connection: Connection, study: Requested) -> list[OrderRecord]:
    named = _named_as(orders.c, study)
    if named is None:
        return []
    query = select(orders).where(named).order_by(orders.c.id)
    found = [_record(row) for row in connection.execute(query).mappings()]
    return [record for record in found if is_of(record.order, study)]


def _studies_of(connection: Connection, order: ImagingOrder) -> list[StudyRecord]:
    named = _named_as(studies.c, order)
    if named is None:
        return []
    query = select(studies).where(named).order_by(studies.c.id)
    found = [study_record(row) for row in connection.execute(query).mappings()]
    return [study for study in found if is_of(order, study)]


def _named_as(columns: Any, named: Requested) -> ColumnElement[bool] | None:
    """Return the condition that one of the names is the same; None where nothing is named."""
    same = [columns[name] == value for name in _NAMES_OF_STUDY if (value := getattr(named, name))]
    return or_(*same) if same else None


def _row(order: ImagingOrder) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(order, name) for name in _FIELDS}
    return {
        **values,
        "source": order.source.value,
        "priority": order.priority,
        "patient_class": order.patient_class,
        "text_flags": sorted(order.text_flags),
    }


def _record(row: RowMapping) -> OrderRecord:
    values: dict[str, Any] = {name: row[name] for name in _FIELDS}
    priority, patient_class = row["priority"], row["patient_class"]
    values |= {
        "source": OrderSource(row["source"]),
        "priority": None if priority is None else IncomingPriority(priority),
        "patient_class": None if patient_class is None else PatientClass(patient_class),
        "text_flags": frozenset(ClinicalFlag(one) for one in row["text_flags"]),
    }
    return OrderRecord(row["id"], row["received_at"], ImagingOrder(**values))
