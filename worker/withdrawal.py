"""Taking results back: builds the rejection notes and has the registry send them.

Knows the registry and the spool; what a note holds is ``worker.report.rejection``. A destination
gets a note about the objects that it may have and no others, because an archive may refuse a note
that names something it never saw; destinations with the same objects get the same note.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from plugin.domain.errors import ConfigurationError, Reason, StudyRejectedError
from plugin.domain.objects import REJECTION
from plugin.registry import Registry, RejectionNote, ResultObject
from plugin.registry.records import JobRecord
from plugin.spool import Spool
from worker.report import ResultFile
from worker.report.build import write_object
from worker.report.rejection import rejected, rejection_note

SUPERSEDED = "A newer analysis of the study took their place."


def withdraw_result(
    registry: Registry, spool: Spool, study_id: int, why: str, actor: str, software_version: str
) -> tuple[JobRecord, int]:
    """Withdraw the result of a study that stands.

    Parameters
    ----------
    why
        In words, for the audit trail, the pages and the archives; no patient data.

    Returns
    -------
    tuple
        The withdrawn job, and how many destinations are told.

    Raises
    ------
    StudyRejectedError
        ``NOTHING_TO_WITHDRAW``.
    ConfigurationError
        ``RESULT_MISSING``: not one stored object of the result is left to make the note from.
    """
    job = registry.jobs.last_reported(study_id)
    if job is None:
        raise StudyRejectedError(Reason.NOTHING_TO_WITHDRAW)
    folder = spool.result_folder(job.id, job.fence)
    held = registry.jobs.holders(job.id)
    now = datetime.now(UTC)
    source = representative(registry.jobs.result_objects(job.id))
    notes = write_notes(held, source, folder, why, software_version, now)
    spool.sync_results(folder)
    if not registry.jobs.withdraw(job.id, why, notes, actor):
        raise StudyRejectedError(Reason.NOTHING_TO_WITHDRAW)
    return job, len(held)


def write_notes(
    held: Mapping[int, Sequence[ResultObject]],
    source: Path,
    folder: Path,
    why: str,
    software_version: str,
    created_at: datetime,
) -> tuple[RejectionNote, ...]:
    """Write one note for each set of objects that destinations hold.

    Parameters
    ----------
    held
        What each destination (id) may have.
    source
        A stored object of the study: whose it is.
    """
    told: dict[tuple[str, ...], list[int]] = {}
    by_uid = {item.sop_instance_uid: item for items in held.values() for item in items}
    for destination_id, items in held.items():
        told.setdefault(tuple(item.sop_instance_uid for item in items), []).append(destination_id)
    notes = []
    for uids, destination_ids in told.items():
        objects = [
            rejected(item.sop_class_uid, item.sop_instance_uid, item.series_instance_uid)
            for item in (by_uid[uid] for uid in uids)
        ]
        note = rejection_note(objects, why, source, software_version, created_at)
        # Two may withdraw at the same moment: the note that is registered stays as it was written.
        written = write_object(REJECTION, note, folder, f"{REJECTION}-{note.SOPInstanceUID}")
        notes.append(RejectionNote(as_stored(written), tuple(destination_ids)))
    return tuple(notes)


def as_stored(written: ResultFile) -> ResultObject:
    """Describe an object that was written, with the hash of its content, for the registry."""
    content = written.path.read_bytes()
    return ResultObject(
        kind=written.kind,
        sop_class_uid=written.sop_class_uid,
        sop_instance_uid=written.sop_instance_uid,
        series_instance_uid=written.series_instance_uid,
        path=str(written.path),
        sha256=hashlib.sha256(content).hexdigest(),
        n_bytes=len(content),
    )


def representative(stored: Sequence[ResultObject | ResultFile]) -> Path:
    """Return a stored object: a page rather than a document, it names the request as images do.

    Raises
    ------
    ConfigurationError
        ``RESULT_MISSING``: none is left.
    """
    paths = sorted((item.kind != "summary", Path(item.path)) for item in stored)
    for _, path in paths:
        if path.exists():
            return path
    raise ConfigurationError(Reason.RESULT_MISSING)
