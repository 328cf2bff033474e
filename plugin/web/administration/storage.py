"""Storage: how full the disk is, what lies there, what goes next and why."""

from datetime import UTC, datetime, timedelta

from plugin.domain.study import StudyState
from plugin.registry import StudyRecord
from plugin.web.administration.card import Card, Shown
from plugin.web.site import Site

_SOON = timedelta(days=1)
_N_SHOWN = 20


def stored(site: Site) -> Shown:
    """Return what lies on the disk, and what retention takes next; at most 20 studies of a kind."""
    studies, spool, settings = site.registry.studies, site.spool, site.settings.spool
    now = datetime.now(UTC)
    due, soon = _to_delete(site, now), _to_delete(site, now + _SOON)
    due_ids = {one.id for one in due}
    return {
        "folder": settings.folder,
        "free_bytes": spool.free_bytes(),
        "total_bytes": spool.total_bytes(),
        "by_state": {state: studies.stored_bytes(state) for state in StudyState},
        "image_bytes": studies.stored_bytes(),
        "result_bytes": site.registry.jobs.result_bytes(),
        "n_incoming": len(spool.incoming_files()),
        "n_quarantine": len(studies.quarantine_list(1000)),
        "retention": settings,
        "due": due[:_N_SHOWN],
        "n_due": len(due),
        "soon": [one for one in soon if one.id not in due_ids][:_N_SHOWN],
    }


def _to_delete(site: Site, at: datetime) -> list[StudyRecord]:
    """Return the studies whose images retention may take at a time, oldest first."""
    settings = site.settings.spool
    rejected_days = settings.rejected_retention_days
    return site.registry.studies.images_to_delete(
        at - timedelta(days=settings.retention_days),
        settings.quota_bytes,
        rejected_before=at - timedelta(days=rejected_days) if rejected_days else None,
    )


CARD = Card("storage", "Storage", stored)
