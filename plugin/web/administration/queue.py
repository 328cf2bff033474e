"""Queue and workers: what waits, who works and how busy they are, what was given up."""

import re
from datetime import UTC, datetime

from plugin.domain.errors import SENTENCES, ConfigurationError, Reason, StudyRejectedError
from plugin.domain.job import DeliveryState, JobState
from plugin.web.administration.card import Card, Shown, whole
from plugin.web.site import Site
from plugin.web.visitor import Change

N_DEAD = 50
_N_FAILED = 20
_CHOSEN = "dead-"
_NUMBER = re.compile(r"[0-9]{1,15}")


def _show(site: Site) -> Shown:
    registry = site.registry
    deliveries = registry.deliveries.counts()
    dead = [counts.get(DeliveryState.DEAD, 0) for counts in deliveries.values()]
    waiting = [counts.get(DeliveryState.PENDING, 0) for counts in deliveries.values()]
    return {
        "jobs": registry.jobs.counts(),
        "states": JobState,
        "waiting_since": registry.jobs.waiting_since(),
        "running": registry.jobs.list(states=[JobState.RUNNING]),
        "processes": registry.heartbeats.list(),
        "now": datetime.now(UTC),
        "failed": registry.jobs.list(states=[JobState.FAILED], limit=_N_FAILED),
        "dead": registry.deliveries.list(states=[DeliveryState.DEAD], limit=N_DEAD),
        "n_dead": sum(dead),
        "n_waiting": sum(waiting),
        "quarantine": registry.studies.quarantine_list(),
        "sentences": SENTENCES,
    }


def _replay(site: Site, change: Change) -> Shown:
    """Send chosen objects again that were given up."""
    numbers = [name.removeprefix(_CHOSEN) for name in change.form if name.startswith(_CHOSEN)]
    if not numbers or not all(_NUMBER.fullmatch(one) for one in numbers):
        raise ConfigurationError(Reason.SETTING_INVALID, "choose at least one object")
    n_objects = site.registry.deliveries.retry_some(
        [int(one) for one in numbers], actor=change.visitor.name
    )
    return {"done": f"{n_objects} of {len(numbers)} objects wait to be sent again."}


def _requeue(site: Site, change: Change) -> Shown:
    """Have a study analysed again whose analysis failed."""
    study_id = whole(change, "study") or 0
    if site.registry.studies.by_id(study_id) is None:
        raise ConfigurationError(Reason.NOT_FOUND, "study")
    try:
        site.registry.studies.requeue(study_id, change.visitor.name)
    except StudyRejectedError as error:
        raise ConfigurationError(error.reason, error.detail) from None
    return {"done": "The study waits to be analysed again."}


CARD = Card("queue", "Queue and workers", _show, {"replay": _replay, "requeue": _requeue})
