"""What a reader entered about a result, checked; used by the study page and the API alike."""

from collections.abc import Mapping, Sequence

from plugin.domain.feedback import (
    MAXIMUM_COMMENT_CHARACTERS,
    PERCENT,
    Diagnosis,
    PriorityVerdict,
    Verdict,
)
from plugin.registry.readings import FeedbackRecord, Opinion


def opinion_of(fields: Mapping[str, str]) -> Opinion:
    """Return the opinion in a form.

    Raises
    ------
    ValueError
        With a sentence for the person.
    """
    verdict = fields.get("verdict", "")
    if verdict not in set(Verdict):
        message = "Choose whether you agree."
        raise ValueError(message)
    diagnosis = fields.get("diagnosis", "").strip()
    if diagnosis and diagnosis not in set(Diagnosis):
        message = "Choose one of the groups."
        raise ValueError(message)
    priority = fields.get("priority", "").strip()
    if priority and priority not in set(PriorityVerdict):
        message = "Choose what the priority should have been."
        raise ValueError(message)
    lvef_percent = _percent(fields.get("lvef_percent", "").strip())
    if verdict == Verdict.CORRECT and lvef_percent is None and not diagnosis and not priority:
        message = "Say what it should have been: ejection fraction, group or priority."
        raise ValueError(message)
    comment = fields.get("comment", "").strip()
    if len(comment) > MAXIMUM_COMMENT_CHARACTERS:
        message = f"A comment has at most {MAXIMUM_COMMENT_CHARACTERS} characters."
        raise ValueError(message)
    return Opinion(
        Verdict(verdict),
        lvef_percent,
        Diagnosis(diagnosis) if diagnosis else None,
        comment,
        PriorityVerdict(priority) if priority else None,
    )


def that_count(newest_first: Sequence[FeedbackRecord]) -> set[int]:
    """Return which opinions (ids) count: the latest of each reader about each result."""
    latest: dict[tuple[str, str], int] = {}
    for one in newest_first:
        latest.setdefault((one.job_id, one.by), one.id)
    return set(latest.values())


def _percent(text: str) -> float | None:
    if not text:
        return None
    low, high = PERCENT
    message = f"An ejection fraction is a number from {low:g} to {high:g} percent."
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise ValueError(message) from None
    if not low <= value <= high:
        raise ValueError(message)
    return round(value, 1)
