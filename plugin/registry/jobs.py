"""Jobs: claimed by compare-and-set, kept by a lease, published once by fencing number.

Two runs of one job may overlap (a paused process wakes up); one result exists. Clocks only decide
when a job is given to another worker; that only one of them publishes does not depend on them.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update

from plugin.domain.errors import Reason
from plugin.domain.job import JobState
from plugin.registry.engine import Database
from plugin.registry.publishing import change_claim, end_claim, publish, reject
from plugin.registry.records import JobRecord, PublishedResult, RejectionNote, ResultObject
from plugin.registry.rows import (
    job_by_id,
    job_record,
    object_record,
    select_jobs,
)
from plugin.registry.tables import (
    jobs,
    result_objects,
)
from plugin.registry.transitions import may_become
from plugin.registry.withdrawal import holders, withdraw

_MAXIMUM_ATTEMPTS = 3
_FIRST_RELEASE_WAIT_SECONDS = 5.0
_LONGEST_RELEASE_WAIT_SECONDS = 300.0
_LONGEST_HINT_DOUBLINGS = 3
_AS_URGENT_AFTER_SECONDS = 1800.0
_N_TRIED = 8
"""Other workers may take the first ones at the same moment."""


class Jobs:
    """The analyses, one per generation of a study."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, job_id: str) -> JobRecord | None:
        """Return one job, or None."""
        with self._database.read() as connection:
            return job_by_id(connection, job_id)

    def latest(self, study_id: int) -> JobRecord | None:
        """Return the job of the newest generation of a study, or None."""
        return next(iter(self.list(study_id, limit=1)), None)

    def last_reported(self, study_id: int) -> JobRecord | None:
        """Return the job whose result stands for the study now, or None."""
        query = (
            select_jobs()
            .where(jobs.c.study_id == study_id, jobs.c.state == JobState.REPORTED.value)
            .order_by(jobs.c.generation.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else job_record(row)

    def claim(
        self,
        job_id: str,
        worker: str,
        lease_seconds: float,
        maximum_attempts: int = _MAXIMUM_ATTEMPTS,
    ) -> JobRecord | None:
        """Take a job that is queued, or whose lease has ended; None when somebody else has it.

        Parameters
        ----------
        worker
            Name for people (host and process), nothing depends on it.
        maximum_attempts
            A job that was claimed so often and never ended is left to the sweeper.
        """
        now = self._database.now()
        queued = and_(
            may_become(jobs.c.state, JobState.RUNNING, {JobState.QUEUED}),
            or_(jobs.c.not_before.is_(None), jobs.c.not_before <= now),
        )
        # A lost run goes through QUEUED and RUNNING at once: both transitions exist.
        lost = and_(
            may_become(jobs.c.state, JobState.QUEUED, {JobState.RUNNING}),
            jobs.c.lease_until < now,
            jobs.c.attempts < maximum_attempts,
        )
        values = {
            "state": JobState.RUNNING.value,
            "reason": None,
            "detail": "",
            "fence": jobs.c.fence + 1,
            "attempts": jobs.c.attempts + 1,
            "worker": worker,
            "lease_until": now + timedelta(seconds=lease_seconds),
            "started_at": func.coalesce(jobs.c.started_at, now),
        }
        with self._database.write() as connection:
            taken = connection.execute(
                update(jobs).where(jobs.c.id == job_id, or_(queued, lost)).values(**values)
            ).rowcount
            return job_by_id(connection, job_id) if taken else None

    def claim_next(
        self,
        job_id: str,
        worker: str,
        lease_seconds: float,
        maximum_attempts: int = _MAXIMUM_ATTEMPTS,
    ) -> JobRecord | None:
        """Take the job that is to be analysed next; ``job_id``, the hint, when none waits.

        Urgent ones by order or class first, then the longest waiting. One that waits for half an
        hour counts as urgent, so that a stream of urgent studies holds up nobody for ever.
        """
        for waiting_id in (*self._waiting(), job_id):
            job = self.claim(waiting_id, worker, lease_seconds, maximum_attempts)
            if job is not None:
                return job
        return None

    def _waiting(self) -> list[str]:
        """Return the next jobs in the order in which they are to be analysed."""
        now = self._database.now()
        columns = jobs.c
        long_ago = now - timedelta(seconds=_AS_URGENT_AFTER_SECONDS)
        urgent = case((or_(columns.fast_lane, columns.created_at <= long_ago), 0), else_=1)
        query = (
            select(columns.id)
            .where(columns.state == JobState.QUEUED.value)
            .where(or_(columns.not_before.is_(None), columns.not_before <= now))
            .order_by(urgent, columns.created_at)
            .limit(_N_TRIED)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def heartbeat(self, job_id: str, fence: int, lease_seconds: float) -> bool:
        """Keep the lease; False says to stop: somebody else has the job, or it is over."""
        until = self._database.now() + timedelta(seconds=lease_seconds)
        with self._database.write() as connection:
            return change_claim(connection, job_id, fence, lease_until=until)

    def advance(self, job_id: str, fence: int, activity: str, progress: float) -> bool:
        """Note what a running job does and how much of it is done, for people who wait."""
        with self._database.write() as connection:
            return change_claim(connection, job_id, fence, activity=activity, progress=progress)

    def publish(self, job_id: str, fence: int, result: PublishedResult) -> bool:
        """Make a result true: in one transaction or not at all.

        The job is reported, its objects are registered, a delivery per enabled destination and
        wanted object waits, and the earlier result of the study is superseded.

        Returns
        -------
        bool
            False when the claim is not the newest one any more; then nothing happened.
        """
        with self._database.write() as connection:
            return publish(connection, job_id, fence, result, self._database.now())

    def unchanged(self, job_id: str, fence: int, input_digest: str) -> bool:
        """End a job whose images are those of the standing result; that result stands."""
        return self._finish(
            job_id,
            fence,
            JobState.UNCHANGED,
            reason=Reason.SAME_IMAGES.value,
            input_digest=input_digest,
        )

    def fail(self, job_id: str, fence: int, reason: Reason, detail: str = "") -> bool:
        """End a job for good; a person is told."""
        return self._finish(job_id, fence, JobState.FAILED, reason=reason.value, detail=detail)

    def reject(self, job_id: str, fence: int, reason: Reason, detail: str = "") -> bool:
        """End a job because of its input, and mark the study rejected unless images came since."""
        with self._database.write() as connection:
            return reject(connection, job_id, fence, (reason, detail), self._database.now())

    def withdraw(self, job_id: str, why: str, notes: Sequence[RejectionNote], actor: str) -> bool:
        """Take a result back: in one transaction or not at all.

        The job is withdrawn, what still waits is not sent any more, and the notes are on their way.

        Returns
        -------
        bool
            False when the result does not stand (any more); then nothing happened.
        """
        with self._database.write() as connection:
            return withdraw(connection, job_id, why, notes, actor, self._database.now())

    def release(self, job_id: str, fence: int, reason: Reason, detail: str = "") -> bool:
        """Give a job back because something outside failed; it waits a little and is tried again.

        Such an attempt does not count: a full disk is not the job's fault.
        """
        now = self._database.now()
        with self._database.write() as connection:
            job = connection.execute(
                select(jobs.c.n_releases).where(jobs.c.id == job_id).with_for_update()
            ).one_or_none()
            wait_seconds = _FIRST_RELEASE_WAIT_SECONDS * 2 ** min(job.n_releases if job else 0, 10)
            not_before = now + timedelta(seconds=min(wait_seconds, _LONGEST_RELEASE_WAIT_SECONDS))
            return change_claim(
                connection,
                job_id,
                fence,
                may_become(jobs.c.state, JobState.QUEUED, {JobState.RUNNING}),
                state=JobState.QUEUED.value,
                reason=reason.value,
                detail=detail,
                lease_until=None,
                attempts=jobs.c.attempts - 1,
                n_releases=jobs.c.n_releases + 1,
                not_before=not_before,
                hinted_at=not_before,
                n_hints=0,
            )

    def queued(self, older_than_seconds: float) -> list[str]:
        """Return jobs that wait and were not hinted lately, and note that they are hinted now.

        The pause doubles (up to eight-fold), so that a long queue does not fill Redis with hints.
        """
        now = self._database.now()
        columns = jobs.c
        query = (
            select(columns.id, columns.hinted_at, columns.n_hints)
            .where(columns.state == JobState.QUEUED.value)
            .where(or_(columns.not_before.is_(None), columns.not_before <= now))
            .order_by(columns.created_at)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        due = [
            row.id
            for row in rows
            if _hint_due(row.hinted_at, row.n_hints, older_than_seconds) <= now
        ]
        if due:
            with self._database.write() as connection:
                connection.execute(
                    update(jobs)
                    .where(columns.id.in_(due))
                    .values(hinted_at=now, n_hints=columns.n_hints + 1)
                )
        return due

    def sweep_expired(self, maximum_attempts: int = _MAXIMUM_ATTEMPTS) -> list[str]:
        """Re-queue jobs without a live lease; give up those that were claimed too often.

        Returns
        -------
        list of str
            The jobs that wait again.
        """
        now = self._database.now()
        expired = and_(
            may_become(jobs.c.state, JobState.QUEUED, {JobState.RUNNING}),
            may_become(jobs.c.state, JobState.FAILED, {JobState.RUNNING}),
            jobs.c.lease_until < now,
        )
        with self._database.read() as connection:
            if connection.execute(select(jobs.c.id).where(expired).limit(1)).first() is None:
                return []
        with self._database.write() as connection:
            connection.execute(
                update(jobs)
                .where(expired, jobs.c.attempts >= maximum_attempts)
                .values(
                    state=JobState.FAILED.value,
                    reason=Reason.TOO_MANY_ATTEMPTS.value,
                    lease_until=None,
                    finished_at=now,
                )
            )
            lost = list(connection.execute(select(jobs.c.id).where(expired)).scalars())
            connection.execute(
                update(jobs)
                .where(expired, jobs.c.id.in_(lost))
                .values(
                    state=JobState.QUEUED.value,
                    reason=Reason.WORKER_LOST.value,
                    lease_until=None,
                    hinted_at=now,
                    n_hints=0,
                )
            )
            return lost

    def result_objects(self, job_id: str) -> list[ResultObject]:
        """Return the objects that a job published, in the order written."""
        query = (
            select(result_objects)
            .where(result_objects.c.job_id == job_id)
            .order_by(result_objects.c.id)
        )
        with self._database.read() as connection:
            return [object_record(row) for row in connection.execute(query).mappings()]

    def holders(self, job_id: str) -> Mapping[int, tuple[ResultObject, ...]]:
        """Return which results of a job each destination (id) may have."""
        with self._database.read() as connection:
            return holders(connection, job_id)

    def counts(self) -> Mapping[JobState, int]:
        """Count the jobs in every state."""
        query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        with self._database.read() as connection:
            found = {JobState(row[0]): row[1] for row in connection.execute(query)}
        return {state: found.get(state, 0) for state in JobState}

    def _finish(self, job_id: str, fence: int, state: JobState, **values: object) -> bool:
        with self._database.write() as connection:
            return end_claim(connection, job_id, fence, state, self._database.now(), **values)

    def waiting_since(self) -> datetime | None:
        """Return since when the job waits that waits longest, None when none does."""
        query = select(func.min(jobs.c.created_at)).where(jobs.c.state == JobState.QUEUED.value)
        with self._database.read() as connection:
            oldest: datetime | None = connection.execute(query).scalar_one()
        return oldest

    def result_bytes(self) -> int:
        """Return how many bytes of result objects were written."""
        with self._database.read() as connection:
            found = connection.execute(select(func.sum(result_objects.c.n_bytes))).scalar_one()
            return int(found or 0)

    def list(
        self,
        study_id: int | None = None,
        limit: int = 100,
        states: Collection[JobState] = (),
        before: JobRecord | None = None,
    ) -> list[JobRecord]:
        """Return jobs (of one study, in some states, before one), the latest first."""
        order = (jobs.c.created_at, jobs.c.generation, jobs.c.id)
        query = select_jobs().order_by(*(column.desc() for column in order))
        if before is not None:
            query = query.where(_earlier(before))
        if study_id is not None:
            query = query.where(jobs.c.study_id == study_id)
        if states:
            query = query.where(jobs.c.state.in_([state.value for state in states]))
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit)).mappings()
            return [job_record(row) for row in rows]


def _earlier(job: JobRecord) -> ColumnElement[bool]:
    """Return what holds of the jobs that a list has after one."""
    columns = jobs.c
    in_one_moment = or_(
        columns.generation < job.generation,
        and_(columns.generation == job.generation, columns.id < job.id),
    )
    at = job.created_at
    return or_(columns.created_at < at, and_(columns.created_at == at, in_one_moment))


def _hint_due(hinted_at: datetime, n_hints: int, older_than_seconds: float) -> datetime:
    doublings = min(n_hints, _LONGEST_HINT_DOUBLINGS)
    return hinted_at + timedelta(seconds=older_than_seconds * 2**doublings)
