"""Requests: what one process asks of another, taken once and answered in the registry.

A request is taken by compare-and-set and held for a while; when its process dies, another one may
take it. Answers hold no patient data beyond what their kind says.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, or_, select, update

from plugin.domain.errors import Reason
from plugin.domain.request import QUESTIONS, RequestKind, RequestState
from plugin.registry.audit import note
from plugin.registry.engine import Database
from plugin.registry.operation_tables import requests

QUESTION_LAPSES_AFTER = timedelta(seconds=120)
_HELD_FOR = timedelta(seconds=300)
_KEPT_FOR = timedelta(days=7)
_OF_RECORD = ("id", "kind", "asked", "asked_by", "asked_at", "answered_at", "reason", "answer")


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request.

    Attributes
    ----------
    asked
        What it is about, by name (``ae_title``, ``study_id``).
    reason
        Why it was refused, None where it was not.
    answer
        What its kind answers; of a refused one ``detail`` and ``sentence``.
    """

    id: int
    kind: RequestKind
    asked: Mapping[str, Any]
    asked_by: str
    asked_at: datetime
    state: RequestState
    answered_at: datetime | None
    reason: Reason | None
    answer: Mapping[str, Any]


class Requests:
    """What is asked of other processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(
        self, kind: RequestKind, asked: Mapping[str, Any], actor: str, subject: str
    ) -> RequestRecord:
        """Ask for something; ``subject`` is what the audit trail names (``peer ARCHIVE``)."""
        now = self._database.now()
        lapses_at = now + QUESTION_LAPSES_AFTER if kind in QUESTIONS else None
        with self._database.write() as connection:
            old = requests.c.asked_at < now - _KEPT_FOR
            over = or_(requests.c.answered_at.is_not(None), requests.c.lapses_at < now)
            connection.execute(requests.delete().where(old, over))
            number = connection.execute(
                requests.insert()
                .values(
                    kind=kind.value,
                    asked=dict(asked),
                    asked_by=actor,
                    asked_at=now,
                    lapses_at=lapses_at,
                )
                .returning(requests.c.id)
            ).scalar_one()
            note(connection, now, (actor, f"{kind.value}.ask", subject), after={"request": number})
            row = connection.execute(select(requests).where(requests.c.id == number)).mappings()
            return _record(row.one(), now)

    def get(self, request_id: int) -> RequestRecord | None:
        """Return a request with its answer, as far as there is one."""
        query = select(requests).where(requests.c.id == request_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _record(row, self._database.now())

    def unanswered(self, kinds: Collection[RequestKind]) -> list[RequestRecord]:
        """Return what was asked of these kinds and is not answered, oldest first."""
        wanted = requests.c.kind.in_([kind.value for kind in kinds])
        open_ones = (wanted, requests.c.answered_at.is_(None))
        query = select(requests).where(*open_ones).order_by(requests.c.id)
        now = self._database.now()
        with self._database.read() as connection:
            return [_record(row, now) for row in connection.execute(query).mappings()]

    def take(self, kinds: Collection[RequestKind], name: str) -> RequestRecord | None:
        """Take the oldest request of these kinds that nobody holds; None when there is none."""
        now = self._database.now()
        wanted = (requests.c.kind.in_([kind.value for kind in kinds]), *_open(now))
        query = select(requests).where(*wanted).order_by(requests.c.id).limit(1)
        with self._database.read() as connection:
            if connection.execute(query).first() is None:
                return None
        with self._database.write() as connection:
            row = connection.execute(query.with_for_update()).mappings().one_or_none()
            if row is None:
                return None
            connection.execute(
                update(requests)
                .where(requests.c.id == row["id"])
                .values(taken_by=name, taken_until=now + _HELD_FOR)
            )
            return _record({**row, "taken_until": now + _HELD_FOR}, now)

    def hold(self, request_id: int, name: str) -> None:
        """Keep a request that ``name`` took and still works at, so that nobody else takes it."""
        with self._database.write() as connection:
            connection.execute(
                update(requests)
                .where(requests.c.id == request_id, requests.c.taken_by == name)
                .values(taken_until=self._database.now() + _HELD_FOR)
            )

    def answer(self, request_id: int, answer: Mapping[str, Any]) -> None:
        """Answer a request that was carried out."""
        self._end(request_id, answer=dict(answer))

    def refuse(self, request_id: int, reason: Reason, sentence: str) -> None:
        """Answer a request that could not be carried out, with the sentence for people."""
        self._end(request_id, reason=reason.value, answer={"sentence": sentence})

    def _end(self, request_id: int, **values: object) -> None:
        now = self._database.now()
        unanswered = (requests.c.id == request_id, requests.c.answered_at.is_(None))
        with self._database.write() as connection:
            connection.execute(
                update(requests).where(*unanswered).values(answered_at=now, **values)
            )


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    columns = requests.c
    return (
        columns.answered_at.is_(None),
        or_(columns.taken_until.is_(None), columns.taken_until < now),
        or_(columns.lapses_at.is_(None), columns.lapses_at >= now),
    )


def _record(row: RowMapping | Mapping[str, Any], now: datetime) -> RequestRecord:
    values = {name: row[name] for name in _OF_RECORD}
    reason = values["reason"]
    return RequestRecord(
        **{
            **values,
            "kind": RequestKind(values["kind"]),
            "state": _state(row, now),
            "reason": None if reason is None else Reason(reason),
            "answer": values["answer"] or {},
        }
    )


def _state(row: RowMapping | Mapping[str, Any], now: datetime) -> RequestState:
    if row["answered_at"] is not None:
        return RequestState.DONE if row["reason"] is None else RequestState.REFUSED
    if row["taken_until"] is not None and row["taken_until"] >= now:
        return RequestState.TAKEN
    if row["lapses_at"] is not None and row["lapses_at"] < now:
        return RequestState.OVERDUE
    return RequestState.WAITING if row["taken_until"] is None else RequestState.TAKEN
