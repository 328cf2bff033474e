"""Deleting what nobody needs here any more: images after delivery or above a quota, idle orders.

Where the settings say so also whole studies and files in quarantine. The registry chooses (never a
study that may still get its report); this module deletes, row first, quarantined files before it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from plugin.logs import get_logger
from plugin.registry import Registry
from plugin.settings import RegistrySettings, SpoolSettings
from plugin.spool import Spool

log = get_logger(__name__)

_BATCH = 500
_ACTOR = "retention"


def delete_old_images(
    spool: Spool, registry: Registry, settings: SpoolSettings, now: datetime
) -> int:
    """Delete the images of studies that may go now, oldest first.

    A crash between row and files leaves files that nobody refers to; ``delete_leftovers`` finds
    them.

    Parameters
    ----------
    settings
        Uses ``retention_days``, ``rejected_retention_days`` (0: never), ``quota_bytes`` (0: none).

    Returns
    -------
    int
        Studies whose images were deleted.
    """
    n_studies = 0
    rejected_days = settings.rejected_retention_days
    chosen = registry.studies.images_to_delete(
        now - timedelta(days=settings.retention_days),
        settings.quota_bytes,
        rejected_before=now - timedelta(days=rejected_days) if rejected_days else None,
    )
    for study in chosen:
        if not registry.studies.mark_images_deleted(study.id, revision=study.revision):
            continue
        spool.remove_study(study.study_key)
        n_studies += 1
        log.info("images_deleted", study_key=study.study_key, n_bytes=study.n_bytes)
    return n_studies


def forget_old_studies(
    spool: Spool, registry: Registry, settings: SpoolSettings, now: datetime
) -> int:
    """Purge studies long after delivery: results, records, what is left of their files.

    Parameters
    ----------
    settings
        Uses ``study_retention_days`` (0: never).

    Returns
    -------
    int
        Studies that were purged.
    """
    if not settings.study_retention_days:
        return 0
    n_studies = 0
    before = now - timedelta(days=settings.study_retention_days)
    for study in registry.studies.to_forget(before)[:_BATCH]:
        purged = registry.studies.purge(study.id, _ACTOR, safe_before=before)
        if purged is None:
            continue
        _remove_files(spool, purged.study_key, purged.job_ids)
        n_studies += 1
        log.info("study_purged", study_key=purged.study_key)
    return n_studies


def _remove_files(spool: Spool, study_key: str, job_ids: Iterable[str]) -> None:
    spool.remove_study(study_key)
    for job_id in job_ids:
        spool.remove_results(job_id)


def empty_quarantine(
    spool: Spool, registry: Registry, settings: SpoolSettings, now: datetime
) -> int:
    """Delete files in quarantine after ``quarantine_retention_days`` (0: never).

    Returns
    -------
    int
        Files that were deleted.
    """
    if not settings.quarantine_retention_days:
        return 0
    before = now - timedelta(days=settings.quarantine_retention_days)
    chosen = registry.studies.quarantine_list(_BATCH, received_before=before)
    for one in chosen:
        spool.remove_quarantined(Path(one.path))
    if chosen:
        registry.studies.quarantine_forget([one.id for one in chosen], _ACTOR)
        log.info("quarantine_emptied", n_files=len(chosen))
    return len(chosen)


def forget_orders(registry: Registry, settings: RegistrySettings, now: datetime) -> None:
    """Delete orders whose study never came; those of a study go with it."""
    n_orders = registry.orders.forget_unmatched(now - timedelta(days=settings.unmatched_order_days))
    if n_orders:
        log.info("orders_deleted", n_orders=n_orders)


def delete_leftovers(spool: Spool, registry: Registry) -> None:
    """Delete files of images that count as deleted, and of purged studies; once at start.

    A folder that the registry does not know is not enough: the registry may be an older copy. Only
    what the audit trail tells to be purged goes, and only if the study has not come again.
    """
    with_files = sorted(path.name for path in spool.studies.iterdir())
    for start in range(0, len(with_files), _BATCH):
        known = registry.studies.by_keys(with_files[start : start + _BATCH])
        for key, study in known.items():
            if study.images_deleted_at is None:
                continue
            if all(version.deleted for version in registry.studies.versions(study.id)):
                spool.remove_study(key)
    purged = [
        (entry.subject.removeprefix("study "), (entry.before or {}).get("job_ids", ()))
        for entry in registry.audit.list(_BATCH, actions=("study.purge",))
    ]
    again = registry.studies.by_keys([key for key, _ in purged])
    for key, job_ids in purged:
        if key not in again:
            _remove_files(spool, key, job_ids)
