"""States of jobs and deliveries, and the only transitions that exist.

A job is one analysis of one generation of a study; a delivery is one result object on its way to
one destination. The registry refuses every transition that is not in these tables.
"""

from enum import StrEnum


class JobState(StrEnum):
    """State of a job.

    ``UNCHANGED`` ends a job of a later generation whose used images are those already reported
    (a re-send in another transfer syntax, corrected demographics, a late series of another kind).
    """

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    REPORTED = "REPORTED"
    UNCHANGED = "UNCHANGED"
    FAILED = "FAILED"
    SUPERSEDED = "SUPERSEDED"
    WITHDRAWN = "WITHDRAWN"


class DeliveryState(StrEnum):
    """State of one object at one destination.

    ``SENT`` was acknowledged; ``CONFIRMED`` is known to be kept there (Storage Commitment, or found
    by a query); ``REPLACED`` is not taken there, another kind of object goes instead.
    """

    PENDING = "PENDING"
    SENT = "SENT"
    CONFIRMED = "CONFIRMED"
    DEAD = "DEAD"
    REPLACED = "REPLACED"


class ConfirmMode(StrEnum):
    """How a destination is asked whether it keeps what it took; ``AUTO`` tries both in order."""

    AUTO = "auto"
    COMMITMENT = "commitment"
    QUERY = "query"
    NONE = "none"


class Remedy(StrEnum):
    """What is done about an object that a destination could not confirm."""

    SEND_AGAIN = "send_again"
    ASK_AGAIN = "ask_again"
    GIVE_UP = "give_up"


# An archive that takes an object and loses it so often will not keep it the next time either.
MAXIMUM_LOSSES = 3


JOB_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.SUPERSEDED, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {
            JobState.REPORTED,
            JobState.UNCHANGED,
            JobState.FAILED,
            JobState.QUEUED,
            JobState.SUPERSEDED,
        }
    ),
    JobState.REPORTED: frozenset({JobState.SUPERSEDED, JobState.WITHDRAWN}),
    JobState.UNCHANGED: frozenset(),
    JobState.FAILED: frozenset({JobState.SUPERSEDED}),
    JobState.SUPERSEDED: frozenset(),
    JobState.WITHDRAWN: frozenset(),
}

DELIVERY_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PENDING: frozenset(
        {DeliveryState.SENT, DeliveryState.DEAD, DeliveryState.REPLACED}
    ),
    DeliveryState.SENT: frozenset(
        {DeliveryState.CONFIRMED, DeliveryState.PENDING, DeliveryState.DEAD}
    ),
    DeliveryState.CONFIRMED: frozenset(),
    DeliveryState.DEAD: frozenset({DeliveryState.PENDING}),
    DeliveryState.REPLACED: frozenset(),
}
