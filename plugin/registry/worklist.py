"""The reading worklist: studies in the order in which they should be read, a page at a time.

A page begins after a position (keyset): the ten-thousandth study costs what the first does, and
none is skipped when studies arrive meanwhile. What rows show is read for those of a page only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, or_, select

from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState, JobState
from plugin.domain.study import StudyState
from plugin.registry.engine import Database
from plugin.registry.people_tables import readings
from plugin.registry.tables import deliveries, jobs, studies


class Stage(StrEnum):
    """Where a study is, as the list groups them."""

    ARRIVING = "arriving"
    QUEUED = "queued"
    ANALYSING = "analysing"
    DONE = "done"
    NOT_ANALYSED = "not_analysed"


class Shown(StrEnum):
    """Which studies are listed by their reading."""

    TO_READ = "to_read"
    MINE = "mine"
    READ = "read"
    ALL = "all"


class Order(StrEnum):
    """The order of the list."""

    PRIORITY = "priority"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which studies, in which order.

    Attributes
    ----------
    who
        Who asks, for ``Shown.MINE``.
    ai_orders
        Whether what the AI suggests changes the order; not in shadow mode or switched off.
    """

    shown: Shown = Shown.TO_READ
    stage: Stage | None = None
    promoted_only: bool = False
    words: str = ""
    order: Order = Order.PRIORITY
    who: str = ""
    ai_orders: bool = True


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the order's values of its last study."""

    rank: int
    at: datetime
    study_id: int


@dataclass(frozen=True, slots=True)
class WorklistEntry:
    """One study of the list.

    Attributes
    ----------
    reason, detail
        Why it is not analysed, or what holds it up.
    progress
        Share of the running analysis that is done, 0 to 1.
    job_id, generation, summary
        Of the result that stands; None where there is none.
    order_urgency, ai_urgency
        What the order and what the policy says, as ``plugin.domain.triage.ranking`` counts.
    wants_review
        A value lies near a threshold of the policy.
    rank
        Higher is read earlier.
    n_objects, n_sent, n_confirmed, n_dead
        Deliveries of the standing result.
    """

    study_id: int
    patient_name: str
    patient_id: str
    accession_number: str
    study_date: str
    description: str
    sender: str
    n_instances: int
    received_at: datetime
    last_received_at: datetime
    stage: Stage
    needs_person: bool
    reason: Reason | None
    detail: str
    activity: str
    progress: float | None
    job_id: str | None
    generation: int | None
    reported_at: datetime | None
    summary: Mapping[str, Any]
    order_urgency: int
    ai_urgency: int
    wants_review: bool
    rank: int
    claimed_by: str | None
    read_by: str | None
    read_at: datetime | None
    n_objects: int = 0
    n_sent: int = 0
    n_confirmed: int = 0
    n_dead: int = 0

    @property
    def position(self) -> Position:
        """Where the next page begins if this is the last study of one."""
        return Position(self.rank, self.received_at, self.study_id)


@dataclass(frozen=True, slots=True)
class WorklistCounts:
    """How many studies there are to read, by stage, and how many of them are promoted."""

    by_stage: Mapping[Stage, int] = field(default_factory=dict)
    n_to_read: int = 0
    n_promoted: int = 0


_latest = jobs.alias("latest")
_standing = jobs.alias("standing")

_of_result = func.coalesce(_standing.c.triage_urgency, 0)
_of_policy = studies.c.policy_urgency
_ai_urgency = case((_of_policy > _of_result, _of_policy), else_=_of_result)
_order_urgency = studies.c.order_urgency
_higher = case((_ai_urgency > _order_urgency, _ai_urgency), else_=_order_urgency)
_has_failed = or_(
    studies.c.state == StudyState.REJECTED.value,
    studies.c.needs_person,
    _latest.c.state.in_([JobState.FAILED.value, JobState.WITHDRAWN.value]),
)
_stage = case(
    (studies.c.state == StudyState.RECEIVING.value, Stage.ARRIVING.value),
    (_has_failed, Stage.NOT_ANALYSED.value),
    (_latest.c.state == JobState.RUNNING.value, Stage.ANALYSING.value),
    (_latest.c.state == JobState.QUEUED.value, Stage.QUEUED.value),
    (_standing.c.id.is_not(None), Stage.DONE.value),
    else_=Stage.QUEUED.value,
)
_is_read = and_(
    readings.c.read_at.is_not(None),
    func.coalesce(readings.c.read_generation, 0) >= func.coalesce(_standing.c.generation, 0),
)
_COLUMNS = (
    studies.c.id.label("study_id"),
    studies.c.patient_name,
    studies.c.patient_id,
    studies.c.accession_number,
    studies.c.study_date,
    studies.c.description,
    studies.c.calling_ae_title.label("sender"),
    studies.c.n_instances,
    studies.c.first_received_at.label("received_at"),
    studies.c.last_received_at,
    _stage.label("stage"),
    studies.c.needs_person,
    func.coalesce(studies.c.reason, _latest.c.reason).label("reason"),
    case((studies.c.reason.is_not(None), studies.c.detail), else_=_latest.c.detail).label("detail"),
    func.coalesce(_latest.c.activity, "").label("activity"),
    _latest.c.progress,
    _standing.c.id.label("job_id"),
    _standing.c.generation,
    _standing.c.reported_at,
    _standing.c.summary,
    _order_urgency.label("order_urgency"),
    _ai_urgency.label("ai_urgency"),
    func.coalesce(_standing.c.wants_review, false()).label("wants_review"),
    readings.c.claimed_by,
    case((_is_read, readings.c.read_by), else_=None).label("read_by"),
    case((_is_read, readings.c.read_at), else_=None).label("read_at"),
)


class Worklist:
    """The list, its counts, and a stamp that changes when anything on it does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted: tuple[str, WorklistCounts] | None = None

    def page(
        self, wanted: Wanted, after: Position | None = None, limit: int = 50
    ) -> Sequence[WorklistEntry]:
        """Return the studies after a position, in the wanted order."""
        rank = _rank(wanted)
        which = _joined(select(studies.c.id)).where(*_conditions(wanted))
        if after is not None:
            which = which.where(_later(wanted.order, rank, after))
        query = _joined(select(*_COLUMNS, rank.label("rank")))
        with self._database.read() as connection:
            ids = connection.execute(_ordered(which, wanted.order, rank).limit(limit)).scalars()
            shown = query.where(studies.c.id.in_(ids.all()))
            rows = connection.execute(_ordered(shown, wanted.order, rank)).mappings().all()
            job_ids = [row["job_id"] for row in rows if row["job_id"]]
            counted: dict[str, dict[DeliveryState, int]] = {}
            for one in connection.execute(_delivered(job_ids)) if job_ids else ():
                counted.setdefault(one.job_id, {})[DeliveryState(one.state)] = one.n
        return [_entry(row, counted.get(row["job_id"], {})) for row in rows]

    def entry(self, study_id: int) -> WorklistEntry | None:
        """Return one study as the list shows it, or None."""
        query = _joined(select(*_COLUMNS, _higher.label("rank"))).where(studies.c.id == study_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return None
            found = connection.execute(_delivered([row["job_id"]])) if row["job_id"] else ()
            counted = {DeliveryState(one.state): one.n for one in found}
        return _entry(row, counted)

    def counts(self) -> WorklistCounts:
        """Count the studies to read by stage; counts again only when something was written."""
        pulse = self._database.pulse()
        if self._counted is None or self._counted[0] != pulse:
            self._counted = (pulse, self._count())
        return self._counted[1]

    def _count(self) -> WorklistCounts:
        query = _joined(
            select(
                _stage.label("stage"), func.count().label("n"), func.sum(_promoted()).label("up")
            )
        )
        with self._database.read() as connection:
            rows = connection.execute(query.where(~_is_read_safely()).group_by(_stage)).all()
        by_stage = dict.fromkeys(Stage, 0) | {Stage(row.stage): int(row.n) for row in rows}
        n_promoted = sum(int(row.up or 0) for row in rows)
        return WorklistCounts(by_stage, sum(by_stage.values()), n_promoted)

    def of_patient(self, patient_id: str, but: int, limit: int = 20) -> Sequence[WorklistEntry]:
        """Return other studies of a patient that have a result, the latest first."""
        if not patient_id:
            return []
        query = (
            _joined(select(*_COLUMNS, _higher.label("rank")))
            .where(studies.c.patient_id == patient_id, studies.c.id != but)
            .where(_standing.c.id.is_not(None))
            .order_by(studies.c.study_date.desc(), studies.c.id.desc())
        )
        with self._database.read() as connection:
            return [_entry(row, {}) for row in connection.execute(query.limit(limit)).mappings()]

    def pulse(self) -> str:
        """Return a text that differs after whatever is written to the registry; costs nothing."""
        return self._database.pulse()

    def stamp(self) -> str:
        """Return a text that differs whenever the list may show something else."""
        parts = (
            select(
                func.count(),
                func.sum(studies.c.revision),
                func.sum(studies.c.n_instances),
                func.max(studies.c.last_received_at),
                func.max(studies.c.completed_at),
                func.count(studies.c.reason),
                func.count().filter(studies.c.state == StudyState.RECEIVING.value),
                func.sum(studies.c.order_urgency),
                func.sum(studies.c.policy_urgency),
            ),
            select(
                func.count(),
                func.sum(jobs.c.fence),
                func.sum(jobs.c.progress),
                func.max(jobs.c.finished_at),
            ),
            select(jobs.c.state, func.count()).group_by(jobs.c.state).order_by(jobs.c.state),
            select(deliveries.c.destination_id, deliveries.c.state, func.count())
            .group_by(deliveries.c.destination_id, deliveries.c.state)
            .order_by(deliveries.c.destination_id, deliveries.c.state),
            select(
                func.count(),
                func.count(readings.c.claimed_by),
                func.max(readings.c.claimed_at),
                func.count(readings.c.read_at),
                func.max(readings.c.read_at),
            ),
        )
        with self._database.read() as connection:
            return repr([tuple(map(tuple, connection.execute(part).all())) for part in parts])


def _joined(query: Select[Any]) -> Select[Any]:
    """Add the newest job, the standing result and the reading of each study."""
    latest = and_(_latest.c.study_id == studies.c.id, _latest.c.generation == studies.c.generation)
    standing = and_(
        _standing.c.study_id == studies.c.id, _standing.c.state == JobState.REPORTED.value
    )
    return (
        query.select_from(studies)
        .outerjoin(_latest, latest)
        .outerjoin(_standing, standing)
        .outerjoin(readings, readings.c.study_id == studies.c.id)
    )


def _is_read_safely() -> ColumnElement[bool]:
    """Return the condition as true or false, never unknown."""
    return func.coalesce(_is_read, false())


def _promoted() -> ColumnElement[int]:
    return case((_ai_urgency > 0, 1), else_=0)


def _rank(wanted: Wanted) -> ColumnElement[int]:
    return _higher if wanted.ai_orders else _order_urgency


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.shown is Shown.READ:
        conditions.append(_is_read_safely())
    elif wanted.shown is not Shown.ALL:
        conditions.append(~_is_read_safely())
    if wanted.shown is Shown.MINE:
        conditions.append(readings.c.claimed_by == wanted.who)
    if wanted.stage is not None:
        conditions.append(_stage == wanted.stage.value)
    if wanted.promoted_only:
        conditions.append(_ai_urgency > 0)
    conditions.extend(_holds(word) for word in wanted.words.split())
    return conditions


def _holds(word: str) -> ColumnElement[bool]:
    columns = ("patient_name", "patient_id", "accession_number", "description")
    return or_(*(studies.c[name].icontains(word, autoescape=True) for name in columns))


def _ordered(query: Select[Any], order: Order, rank: ColumnElement[int]) -> Select[Any]:
    if order is Order.NEWEST:
        return query.order_by(studies.c.first_received_at.desc(), studies.c.id.desc())
    return query.order_by(rank.desc(), studies.c.first_received_at, studies.c.id)


def _later(order: Order, rank: ColumnElement[int], after: Position) -> ColumnElement[bool]:
    """Return the condition that a study stands behind a position."""
    at, study_id = studies.c.first_received_at, studies.c.id
    if order is Order.NEWEST:
        return or_(at < after.at, and_(at == after.at, study_id < after.study_id))
    same = rank == literal(after.rank)
    behind = or_(at > after.at, and_(at == after.at, study_id > after.study_id))
    return or_(rank < after.rank, and_(same, behind))


def _delivered(job_ids: Sequence[str]) -> Select[Any]:
    return (
        select(deliveries.c.job_id, deliveries.c.state, func.count().label("n"))
        .where(deliveries.c.job_id.in_(job_ids))
        .group_by(deliveries.c.job_id, deliveries.c.state)
    )


def _entry(row: Mapping[Any, Any], delivered: Mapping[DeliveryState, int]) -> WorklistEntry:
    n_confirmed = delivered.get(DeliveryState.CONFIRMED, 0)
    values = {
        **row,
        "stage": Stage(row["stage"]),
        "reason": None if row["reason"] is None else Reason(row["reason"]),
        "detail": row["detail"] or "",
        "summary": row["summary"] or {},
    }
    return WorklistEntry(
        **values,
        n_objects=sum(delivered.values()),
        n_sent=delivered.get(DeliveryState.SENT, 0) + n_confirmed,
        n_confirmed=n_confirmed,
        n_dead=delivered.get(DeliveryState.DEAD, 0),
    )
