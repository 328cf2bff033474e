"""The order of the reading worklist: a pure function of level, incoming priority, time and state.

No suggestion can move a study behind the place that it has without one; tests hold this for every
list. Without the AI (shadow, or switched off) the order is the hospital's: priority of the order,
then who waits longest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from plugin.domain.findings import Priority
from plugin.domain.triage.inputs import IncomingPriority


class Reading(StrEnum):
    """What readers did with a study."""

    UNREAD = "unread"
    CLAIMED = "claimed"
    READ = "read"


URGENCY_OF_ORDER: Mapping[IncomingPriority | None, int] = {
    None: 1,
    IncomingPriority.LOW: 0,
    IncomingPriority.ROUTINE: 1,
    IncomingPriority.HIGH: 2,
    IncomingPriority.STAT: 3,
}
"""A study whose order tells no priority counts as routine."""
URGENCY_OF_LEVEL: Mapping[Priority, int] = {
    Priority.ROUTINE: 0,
    Priority.URGENT: 2,
    Priority.STAT: 3,
}
"""A study that is not promoted keeps the urgency of its order."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the place of one study depends on.

    Attributes
    ----------
    level
        Suggested; ``ROUTINE`` where nothing is suggested, also for a study not analysed.
    incoming
        None where the order tells none; it counts as routine.
    """

    level: Priority
    incoming: IncomingPriority | None
    waiting_seconds: float
    reading: Reading = Reading.UNREAD


def urgency(standing: Standing, *, ai_orders: bool) -> int:
    """Return the higher of what the order and, where it may, the AI says: 0 to 3 (STAT)."""
    ordered = URGENCY_OF_ORDER[standing.incoming]
    return max(ordered, URGENCY_OF_LEVEL[standing.level]) if ai_orders else ordered


def rank_key(standing: Standing, *, ai_orders: bool) -> tuple[bool, int, float]:
    """Return what a worklist is sorted by, first study smallest.

    Parameters
    ----------
    ai_orders
        False in shadow mode and while the AI is switched off.
    """
    return (
        standing.reading is Reading.READ,
        -urgency(standing, ai_orders=ai_orders),
        -standing.waiting_seconds,
    )
