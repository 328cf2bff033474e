"""Studies and their instances: receiving, completing, asking again, forgetting.

Decides nothing about when a study is complete (that is the assembler) but makes every such
decision one transaction, refused when the study changed since it was looked at.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Select, func, or_, select, update

from plugin.domain.errors import Reason, StudyRejectedError
from plugin.domain.identifiers import study_key
from plugin.domain.study import StudyState
from plugin.registry import facts, settling
from plugin.registry.audit import note
from plugin.registry.engine import Database, insert_unless_known
from plugin.registry.generations import create_job
from plugin.registry.intake import add_all
from plugin.registry.orders import forget_orders_of
from plugin.registry.records import (
    AddOutcome,
    AssemblyFacts,
    IndexedInstance,
    InstanceRecord,
    JobRecord,
    PurgedStudy,
    QuarantineRecord,
    StudyRecord,
)
from plugin.registry.rows import (
    instance_record,
    lock_study,
    stored_instances,
    study_record,
)
from plugin.registry.tables import instances, jobs, own_results, quarantine, studies

_SHORTEST_PREFIX = 4


class Studies:
    """The studies that were received."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_instance(self, instance: IndexedInstance) -> AddOutcome:
        """Add one indexed instance; see ``add_instances``."""
        return self.add_instances([instance])[0]

    def add_instances(self, added: Sequence[IndexedInstance]) -> list[AddOutcome]:
        """Add indexed instances in one transaction.

        Something new (an instance, or other bytes under a known UID) brings the study back to
        ``RECEIVING`` whatever its state; duplicates and restored bytes change no state.

        Returns
        -------
        list of AddOutcome
            One per instance, in order.
        """
        if not added:
            return []
        with self._database.write() as connection:
            return add_all(connection, added)

    def receiving(self) -> list[AssemblyFacts]:
        """Return the facts of every study that waits for a decision, longest quiet first."""
        with self._database.read() as connection:
            return facts.receiving(connection, self._database)

    def mark_complete(
        self, study_id: int, *, revision: int | None = None, automatic: bool = True
    ) -> JobRecord | None:
        """Complete a study and create the job of its next generation in the same transaction.

        Parameters
        ----------
        revision
            The revision that the decision was made on; if images came since, nothing happens.

        Returns
        -------
        JobRecord or None
            None when the study is no longer receiving, or has another revision.

        Raises
        ------
        StudyRejectedError
            ``IMAGES_DELETED`` when bytes of current instances are gone; ``RESULT_WITHDRAWN`` when
            the last result was withdrawn and no person asked for this analysis.
        """
        with self._database.write() as connection:
            now = self._database.now()
            return settling.complete(connection, study_id, revision, now, automatic=automatic)

    def mark_kept(self, study_id: int, *, revision: int | None = None) -> bool:
        """Leave a study as it was before the last instances came: its result stands, no job.

        Returns
        -------
        bool
            False when it changed meanwhile, or has no such result (``AssemblyFacts.has_result``).
        """
        with self._database.write() as connection:
            return settling.keep(connection, study_id, revision, self._database.now())

    def mark_rejected(
        self, study_id: int, reason: Reason, detail: str = "", *, revision: int | None = None
    ) -> bool:
        """Keep a study without analysing it, and say why; False when it changed meanwhile."""
        return self._settle(study_id, StudyState.REJECTED, (reason, detail), revision)

    def mark_needs_person(
        self,
        study_id: int,
        reason: Reason = Reason.TOO_MANY_GENERATIONS,
        detail: str = "",
        *,
        revision: int | None = None,
    ) -> bool:
        """Stop analysing a study by itself; somebody must requeue it."""
        return self._settle(study_id, StudyState.COMPLETE, (reason, detail), revision)

    def by_id(self, study_id: int) -> StudyRecord | None:
        """Return the study with this registry id, or None."""
        return next(iter(self._read(select(studies).where(studies.c.id == study_id))), None)

    def by_keys(self, keys: Collection[str]) -> dict[str, StudyRecord]:
        """Return studies by the name that logs and the audit trail have for them (``study_key``).

        Looks from the newest study back, because what is asked for happened lately.
        """
        wanted, ids = set(keys), {}
        query = select(studies.c.id, studies.c.study_instance_uid).order_by(studies.c.id.desc())
        with self._database.read() as connection:
            for row in connection.execute(query.execution_options(yield_per=500)):
                if (key := study_key(row.study_instance_uid)) in wanted:
                    ids[row.id] = key
                    if len(ids) == len(wanted):
                        break
        found = self._read(select(studies).where(studies.c.id.in_(ids)))
        return {ids[one.id]: one for one in found}

    def find(self, term: str) -> list[StudyRecord]:
        """Return studies by UID, beginning or end of a UID, accession number or patient id."""
        exact = self._read(select(studies).where(studies.c.study_instance_uid == term))
        if exact or not term:
            return exact
        wanted = [studies.c.accession_number == term, studies.c.patient_id == term]
        if len(term) >= _SHORTEST_PREFIX:
            uid = studies.c.study_instance_uid
            # The list shows the end of a UID, so that is what people copy.
            end = term.removeprefix("…")
            wanted += [uid.startswith(term, autoescape=True), uid.endswith(end, autoescape=True)]
        newest = studies.c.last_received_at.desc()
        return self._read(select(studies).where(or_(*wanted)).order_by(newest))

    def get(self, term: str) -> StudyRecord | None:
        """Return the one study that ``find`` finds; None when there is none or more than one."""
        found = self.find(term)
        return found[0] if len(found) == 1 else None

    def current_instances(self, study_id: int) -> list[InstanceRecord]:
        """Return the newest version of every instance, in order of arrival."""
        with self._database.read() as connection:
            return stored_instances(connection, study_id)

    def versions(self, study_id: int) -> list[InstanceRecord]:
        """Return every stored version of every instance of a study."""
        query = select(instances).where(instances.c.study_id == study_id).order_by(instances.c.id)
        with self._database.read() as connection:
            return [instance_record(row) for row in connection.execute(query).mappings()]

    def n_changed_instances(self) -> dict[int, int]:
        """Count, by study id, the instances that came again with other content under their UID.

        Studies without any are left out. The newest content counts; the others are kept.
        """
        columns = instances.c
        query = (
            select(columns.study_id, func.count(columns.sop_instance_uid.distinct()))
            .where(columns.differs)
            .group_by(columns.study_id)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def requeue(self, study_id: int, actor: str) -> JobRecord:
        """Have a study analysed again because a person asks for it.

        Raises
        ------
        StudyRejectedError
            ``IMAGES_DELETED`` when bytes are gone, ``NO_READABLE_INSTANCE`` when there are none.
        """
        with self._database.write() as connection:
            study = lock_study(connection, study_id)
            if study is None or study.n_instances == 0:
                raise StudyRejectedError(Reason.NO_READABLE_INSTANCE)
            settling.require_images(connection, study_id)
            now = self._database.now()
            job = create_job(connection, study, now, automatic=False)
            what = (actor, "study.requeue", f"study {study.study_key}")
            note(connection, now, what, after={"job_id": job.id, "generation": job.generation})
            return job

    def purge(
        self, study_id: int, actor: str, *, safe_before: datetime | None = None
    ) -> PurgedStudy | None:
        """Forget a study with its jobs, results, deliveries and orders; only the audit remembers.

        The UIDs of its results stay known, so that they are recognised when a PACS sends them
        back. A worker that is at it cannot publish any more. The caller deletes the files.

        Parameters
        ----------
        safe_before
            Only if the study still is one of ``to_forget``; None: whatever became of it.
        """
        with self._database.write() as connection:
            study = lock_study(connection, study_id)
            if study is None:
                return None
            if safe_before and not facts.studies_to_forget(connection, safe_before, study_id):
                return None
            job_ids = connection.execute(
                select(jobs.c.id).where(jobs.c.study_id == study_id).order_by(jobs.c.generation)
            ).scalars()
            purged = PurgedStudy(study.study_key, study.n_instances, tuple(job_ids))
            forget_orders_of(connection, study)
            connection.execute(studies.delete().where(studies.c.id == study_id))
            what = (actor, "study.purge", f"study {study.study_key}")
            before = {"n_instances": study.n_instances, "job_ids": list(purged.job_ids)}
            note(connection, self._database.now(), what, before=before)
            return purged

    def is_own_result(self, sop_instance_uid: str) -> bool:
        """Tell whether an instance is a result that this installation published once."""
        query = select(own_results).where(own_results.c.sop_instance_uid == sop_instance_uid)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def quarantine_add(
        self, path: str, reason: Reason, calling_ae_title: str, received_at: datetime
    ) -> None:
        """Note a file that could not be indexed; noting it twice is one row."""
        values = {
            "path": path,
            "reason": reason.value,
            "calling_ae_title": calling_ae_title,
            "received_at": received_at,
        }
        with self._database.write() as connection:
            insert_unless_known(connection, quarantine, values, "path")

    def quarantine_list(
        self,
        limit: int = 100,
        before_id: int | None = None,
        received_before: datetime | None = None,
    ) -> list[QuarantineRecord]:
        """Return what is in quarantine (before one, before a moment), newest first."""
        query = select(quarantine).order_by(quarantine.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(quarantine.c.id < before_id)
        if received_before is not None:
            query = query.where(quarantine.c.received_at < received_before)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings()
            return [QuarantineRecord(**{**row, "reason": Reason(row["reason"])}) for row in rows]

    def quarantine_forget(self, ids: Collection[int], actor: str) -> None:
        """Forget files in quarantine that the caller has deleted."""
        with self._database.write() as connection:
            connection.execute(quarantine.delete().where(quarantine.c.id.in_(ids)))
            what = (actor, "quarantine.delete", "quarantine")
            note(connection, self._database.now(), what, before={"n_files": len(ids)})

    def stored_bytes(self, state: StudyState | None = None) -> int:
        """Return how many bytes of images lie in the spool (all versions), of studies in a state.

        Parameters
        ----------
        state
            None counts all studies.
        """
        with self._database.read() as connection:
            return facts.stored_bytes(connection, state)

    def images_to_delete(
        self,
        delivered_before: datetime,
        quota_bytes: int,
        *,
        rejected_before: datetime | None = None,
    ) -> list[StudyRecord]:
        """Return the studies whose images may go now, oldest first.

        Those whose results were all delivered (or, where they go to no destination, reported)
        before ``delivered_before``, those rejected before ``rejected_before``, and above
        ``quota_bytes`` (0: none) the oldest reported others. Never one that may still get a report:
        without a published result, with work in progress, or still receiving.
        """
        with self._database.read() as connection:
            return facts.images_to_delete(
                connection, delivered_before, rejected_before, quota_bytes
            )

    def to_forget(self, before: datetime) -> list[StudyRecord]:
        """Return the studies that may be purged now: at rest, and their images gone already.

        Those of which everything that was ever made is safe at every destination since before
        ``before``, and those rejected before it. Never one with work in progress or still
        receiving; without images nobody can ask for a new analysis.
        """
        with self._database.read() as connection:
            return facts.studies_to_forget(connection, before)

    def mark_images_deleted(self, study_id: int, *, revision: int) -> bool:
        """Note that the images go; the caller deletes the files after True.

        Only the process that also adds instances may do both, so that no image arrives between.

        Returns
        -------
        bool
            False when the study changed meanwhile, or somebody has just had it queued again.
        """
        now = self._database.now()
        with self._database.write() as connection:
            study = lock_study(connection, study_id)
            if study is None or study.state is StudyState.RECEIVING or study.revision != revision:
                return False
            if facts.is_worked_on(connection, study_id):
                return False
            connection.execute(
                update(instances)
                .where(instances.c.study_id == study_id, instances.c.deleted_at.is_(None))
                .values(deleted_at=now)
            )
            connection.execute(
                update(studies).where(studies.c.id == study_id).values(images_deleted_at=now)
            )
            return True

    def _read(self, query: Select[tuple[object, ...]]) -> list[StudyRecord]:
        with self._database.read() as connection:
            return [study_record(row) for row in connection.execute(query).mappings()]

    def _settle(
        self, study_id: int, state: StudyState, why: tuple[Reason, str], revision: int | None
    ) -> bool:
        with self._database.write() as connection:
            return settling.settle(
                connection,
                study_id,
                revision,
                self._database.now(),
                state=state,
                reason=why[0],
                detail=why[1],
            )

    def list(self, limit: int = 100, state: StudyState | None = None) -> list[StudyRecord]:
        """Return studies, the latest received first."""
        query = select(studies).order_by(studies.c.last_received_at.desc()).limit(limit)
        if state is not None:
            query = query.where(studies.c.state == state.value)
        return self._read(query)
