"""The domain's transition tables as SQL conditions: no other state change reaches the database."""

from collections.abc import Collection

from sqlalchemy import ColumnElement

from plugin.domain.job import DELIVERY_TRANSITIONS, JOB_TRANSITIONS, DeliveryState, JobState


def may_become(
    column: ColumnElement[str], target: JobState, sources: Collection[JobState]
) -> ColumnElement[bool]:
    """Return the condition that a job is in one of ``sources``, all of which may become ``target``.

    Raises
    ------
    ValueError
        If the domain knows no such transition: a fault in the registry's own code.
    """
    for source in sources:
        if target not in JOB_TRANSITIONS[source]:
            _refuse(source, target)
    return column.in_([source.value for source in sources])


def delivery_may_become(
    column: ColumnElement[str], target: DeliveryState, sources: Collection[DeliveryState]
) -> ColumnElement[bool]:
    """Return the same condition for a delivery."""
    for source in sources:
        if target not in DELIVERY_TRANSITIONS[source]:
            _refuse(source, target)
    return column.in_([source.value for source in sources])


def _refuse(source: JobState | DeliveryState, target: JobState | DeliveryState) -> None:
    message = f"{source} never becomes {target}"
    raise ValueError(message)
