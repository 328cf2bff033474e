"""What the figures of quality are made of, read for one selection of studies in a few queries."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, or_, select

from plugin.domain.feedback import Diagnosis, PriorityVerdict, Verdict
from plugin.domain.job import DeliveryState, JobState
from plugin.domain.quality.drift import REFERENCE_STUDIES
from plugin.domain.quality.facts import (
    Analysed,
    Opinion,
    Origin,
    Record,
    Refused,
    ResultFigures,
    Sent,
)
from plugin.domain.reasons import Reason
from plugin.domain.study import StudyState
from plugin.registry.engine import Database
from plugin.registry.people_tables import feedback
from plugin.registry.quality_tables import result_figures, study_origins
from plugin.registry.records import PublishedResult, StudyRecord
from plugin.registry.tables import deliveries, jobs, studies


@dataclass(frozen=True, slots=True)
class Selection:
    """Which studies: reported or refused in a span of time, of one site, from one peer.

    Attributes
    ----------
    since, until
        The span holds its first moment and not its last.
    site, peer
        Empty for all.
    """

    since: datetime
    until: datetime
    site: str = ""
    peer: str = ""


class Quality:
    """Reads the facts; makes no figure itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, wanted: Selection) -> Record:
        """Return everything that the figures of a selection need."""
        with self._database.read() as connection:
            reference = _reference(connection, wanted)
            return Record(
                analysed=_analysed(connection, wanted),
                refused=_refused(connection, wanted),
                opinions=_opinions(connection, wanted),
                sent=_sent(connection, wanted),
                reference=reference,
                n_reference_refused=_refused_until(connection, wanted, reference),
            )

    def sites(self) -> list[str]:
        """Return the sites that images named."""
        query = select(study_origins.c.site).where(study_origins.c.site != "").distinct()
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())

    def peers(self) -> list[str]:
        """Return who sent studies."""
        sender = studies.c.calling_ae_title
        with self._database.read() as connection:
            found = connection.execute(select(sender).where(sender != "").distinct())
            return sorted(found.scalars())

    def now(self) -> datetime:
        """Return the registry's time."""
        return self._database.now()


def note_figures(
    connection: Connection,
    study: StudyRecord,
    job_id: str,
    result: PublishedResult,
    now: datetime,
) -> None:
    """Keep what a result tells for these figures, in the transaction that makes it true."""
    if result.figures is None:
        return
    figures, decision = result.figures, result.decision
    query = select(jobs.c.automatic, jobs.c.generation).where(jobs.c.id == job_id)
    job = connection.execute(query).one()
    # A person who asks again does not wait since the last image; nor does the older of two results.
    waited = job.automatic and job.generation == study.generation
    seconds = (now - study.last_received_at).total_seconds() if waited else None
    known = asdict(figures)
    connection.execute(
        result_figures.insert().values(
            job_id=job_id,
            at=now,
            seconds_to_result=seconds,
            level="" if decision is None else decision.level.value,
            wants_review=decision is not None and decision.wants_review,
            measured=known.pop("values"),
            **{**known, "notes": list(figures.notes)},
        )
    )


def _of(wanted: Selection) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.site:
        conditions.append(study_origins.c.site == wanted.site)
    if wanted.peer:
        conditions.append(studies.c.calling_ae_title == wanted.peer)
    return conditions


def _with_origin(query: Select[Any]) -> Select[Any]:
    return query.outerjoin(study_origins, study_origins.c.study_id == studies.c.id)


_ORIGIN = (
    func.coalesce(study_origins.c.site, "").label("site"),
    studies.c.calling_ae_title.label("peer"),
    func.coalesce(study_origins.c.scanner, "").label("scanner"),
    study_origins.c.field_strength_t,
)


def _origin(row: RowMapping) -> Origin:
    return Origin(row["site"], row["peer"], row["scanner"], row["field_strength_t"])


def _standing(wanted: Selection) -> Select[Any]:
    query = (
        select(jobs.c.study_id, *result_figures.c, *_ORIGIN)
        .join_from(result_figures, jobs, jobs.c.id == result_figures.c.job_id)
        .join(studies, studies.c.id == jobs.c.study_id)
    )
    return (
        _with_origin(query)
        .where(jobs.c.state == JobState.REPORTED.value, *_of(wanted))
        .order_by(result_figures.c.at, jobs.c.id)
    )


def _analysed(connection: Connection, wanted: Selection) -> tuple[Analysed, ...]:
    at = result_figures.c.at
    query = _standing(wanted).where(at >= wanted.since, at < wanted.until)
    return tuple(_result(row) for row in connection.execute(query).mappings())


def _reference(connection: Connection, wanted: Selection) -> tuple[Analysed, ...]:
    found = connection.execute(_standing(wanted).limit(REFERENCE_STUDIES)).mappings()
    return tuple(_result(row) for row in found)


def _result(row: RowMapping) -> Analysed:
    return Analysed(
        row["study_id"],
        row["at"],
        _origin(row),
        row["seconds_to_result"],
        row["level"],
        row["wants_review"],
        ResultFigures(
            row["measured"],
            tuple(row["notes"]),
            row["group"],
            row["confidence_percent"],
            row["bundle"],
        ),
    )


_reason = func.coalesce(studies.c.reason, jobs.c.reason)
_refused_at = func.coalesce(
    jobs.c.finished_at, studies.c.completed_at, type_=jobs.c.finished_at.type
)


def _without_result(wanted: Selection) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of studies that were judged and have no result."""
    return (
        or_(studies.c.state == StudyState.REJECTED.value, jobs.c.state == JobState.FAILED.value),
        _reason.is_not(None),
        *_of(wanted),
    )


def _joined_refusals(query: Select[Any]) -> Select[Any]:
    newest = and_(jobs.c.study_id == studies.c.id, jobs.c.generation == studies.c.generation)
    return _with_origin(query.select_from(studies).outerjoin(jobs, newest))


def _refused(connection: Connection, wanted: Selection) -> tuple[Refused, ...]:
    query = (
        _joined_refusals(select(_refused_at.label("at"), _reason.label("reason"), *_ORIGIN))
        .where(*_without_result(wanted))
        .where(_refused_at >= wanted.since, _refused_at < wanted.until)
    )
    return tuple(
        Refused(row["at"], _origin(row), Reason(row["reason"]))
        for row in connection.execute(query).mappings()
    )


def _refused_until(
    connection: Connection, wanted: Selection, reference: tuple[Analysed, ...]
) -> int:
    if not reference:
        return 0
    query = _joined_refusals(select(func.count())).where(*_without_result(wanted))
    until = reference[-1].at
    return int(connection.execute(query.where(_refused_at <= until)).scalar_one())


def _opinions(connection: Connection, wanted: Selection) -> tuple[Opinion, ...]:
    """Return the latest opinion of every reader about every result."""
    latest = select(func.max(feedback.c.id)).group_by(feedback.c.job_id, feedback.c.by)
    query = (
        select(feedback, result_figures.c.group, result_figures.c.confidence_percent)
        .join_from(feedback, studies, studies.c.id == feedback.c.study_id)
        .outerjoin(result_figures, result_figures.c.job_id == feedback.c.job_id)
    )
    query = (
        _with_origin(query)
        .where(feedback.c.id.in_(latest), *_of(wanted))
        .where(feedback.c.at >= wanted.since, feedback.c.at < wanted.until)
        .order_by(feedback.c.id)
    )
    return tuple(_opinion(row) for row in connection.execute(query).mappings())


def _opinion(row: RowMapping) -> Opinion:
    said: Mapping[str, Any] = row["result"]
    return Opinion(
        row["at"],
        Verdict(row["verdict"]),
        row["lvef_percent"],
        said.get("lvef_percent"),
        None if row["diagnosis"] is None else Diagnosis(row["diagnosis"]),
        row["group"] or "",
        row["confidence_percent"],
        None if row["priority"] is None else PriorityVerdict(row["priority"]),
    )


def _sent(connection: Connection, wanted: Selection) -> tuple[Sent, ...]:
    """Count the objects made in the span by destination and state."""
    columns = (deliveries.c.destination_name, deliveries.c.state)
    query = (
        select(*columns, func.count().label("n"))
        .join_from(deliveries, jobs, jobs.c.id == deliveries.c.job_id)
        .join(studies, studies.c.id == jobs.c.study_id)
    )
    query = (
        _with_origin(query)
        .where(deliveries.c.created_at >= wanted.since, deliveries.c.created_at < wanted.until)
        .where(*_of(wanted))
        .group_by(*columns)
    )
    return tuple(
        Sent(row.destination_name, DeliveryState(row.state), row.n)
        for row in connection.execute(query)
    )
