"""Earlier results of the same person: found by identifiers and dates, never by a name.

Only results that stand count: one that was withdrawn or superseded is not there. Whether a result
can be read and compared is decided by ``worker.earlier``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from plugin.domain.comparison import Obstacle
from plugin.domain.job import JobState
from plugin.domain.person import Sameness
from plugin.registry.engine import Database
from plugin.registry.records import StudyRecord
from plugin.registry.rows import study_record
from plugin.registry.tables import jobs, result_objects, studies
from plugin.registry.withdrawal import holders

_MOST_LOOKED_AT = 100
_MOST_RESULTS = 8


@dataclass(frozen=True, slots=True)
class EarlierResultRecord:
    """One earlier result.

    Attributes
    ----------
    folder
        Where its objects and ``result.json`` were written.
    held_kinds
        Kinds of its objects that some destination may have.
    """

    job_id: str
    study_id: int
    folder: Path
    held_kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class EarlierResults:
    """What is known of a person before one study; ``results`` latest first."""

    results: tuple[EarlierResultRecord, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()


class Earlier:
    """What results stand of a person besides that of one study."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def results(self, study_id: int) -> EarlierResults:
        """Return the standing results of earlier studies of the person whom a study is of.

        A study whose headers do not tell a birth date is kept as a candidate: studies that arrived
        before the registry kept birth dates have none here, and their results tell it.
        """
        with self._database.read() as connection:
            row = connection.execute(select(studies).where(studies.c.id == study_id))
            study = study_record(row.mappings().one())
            chosen, obstacles = _earlier_ones(study, _reported_under_id(connection, study))
            records = (_record(connection, other.id) for other in chosen[:_MOST_RESULTS])
            results = tuple(one for one in records if one is not None)
        return EarlierResults(results, obstacles)

    def same_person(self, study: StudyRecord) -> frozenset[int]:
        """Return the ids of the other studies of a person that nothing contradicts."""
        query = select(studies).where(studies.c.patient_id == study.patient_id)
        with self._database.read() as connection:
            others = [study_record(row) for row in connection.execute(query).mappings()]
        kept = (Sameness.SAME, Sameness.UNCONFIRMED)
        return frozenset(
            one.id
            for one in others
            if one.id != study.id and study.person.compared_with(one.person) in kept
        )


def _reported_under_id(connection: Connection, study: StudyRecord) -> list[StudyRecord]:
    """Return the other studies under one Patient ID that have a standing result."""
    query = (
        select(studies)
        .join(jobs, jobs.c.study_id == studies.c.id)
        .where(studies.c.patient_id == study.patient_id, studies.c.patient_id != "")
        .where(studies.c.id != study.id, jobs.c.state == JobState.REPORTED.value)
        .order_by(studies.c.study_date.desc(), studies.c.id.desc())
        .limit(_MOST_LOOKED_AT)
    )
    return [study_record(row) for row in connection.execute(query).mappings()]


def _earlier_ones(
    study: StudyRecord, others: Sequence[StudyRecord]
) -> tuple[list[StudyRecord], tuple[Obstacle, ...]]:
    """Return the studies to compare with, latest first, and why others under the ID are none."""
    chosen: list[StudyRecord] = []
    obstacles: list[Obstacle] = []
    for other in others:
        sameness = study.person.compared_with(other.person)
        is_earlier = other.moment.is_before(study.moment)
        if sameness is Sameness.UNRELATED or is_earlier is False:
            continue
        if sameness is Sameness.CONTRADICTED:
            obstacles.append(Obstacle.OTHER_PERSON)
        elif is_earlier is None:
            obstacles.append(Obstacle.ORDER_UNKNOWN)
        else:
            chosen.append(other)
    chosen.sort(key=lambda one: (one.moment.day, one.moment.clock), reverse=True)
    return chosen, tuple(dict.fromkeys(obstacles))


def _record(connection: Connection, study_id: int) -> EarlierResultRecord | None:
    """Return the standing result of a study; None where it has no object."""
    query = (
        select(jobs.c.id, result_objects.c.path)
        .join(result_objects, result_objects.c.job_id == jobs.c.id)
        .where(jobs.c.study_id == study_id, jobs.c.state == JobState.REPORTED.value)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    held = holders(connection, row.id).values()
    kinds = frozenset(item.kind for objects in held for item in objects)
    return EarlierResultRecord(row.id, study_id, Path(row.path).parent, kinds)
