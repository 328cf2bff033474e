"""Everything that readers said, as one table for statistics and training.

Studies and jobs go by the numbers of this registry, readers by the number of their account: only
who has the registry can tell who is meant. Comments may name a patient; they go only where asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plugin.registry.readings import FeedbackRecord
from plugin.registry.registry import Registry

COLUMNS = (
    "id",
    "at",
    "reader",
    "study_id",
    "job_id",
    "counts",
    "verdict",
    "lvef_percent",
    "diagnosis",
    "priority",
    "lvef_percent_ai",
    "lvedv_ml_ai",
    "lvesv_ml_ai",
    "rvef_percent_ai",
    "lv_mass_g_ai",
    "priority_ai",
    "comment",
)
"""``counts`` is yes for the latest opinion of a reader about a result, no for those before it."""
_OF_RESULT = ("lvef_percent", "lvedv_ml", "lvesv_ml", "rvef_percent", "lv_mass_g", "priority")
_PAGE = 500


def feedback_rows(
    registry: Registry, *, with_comments: bool = False
) -> tuple[Sequence[str], list[Mapping[str, Any]]]:
    """Return columns and rows, the oldest opinion first."""
    readers = {user.name: f"reader-{user.id}" for user in registry.users.list()}
    latest: set[tuple[str, str]] = set()
    rows = []
    for one in _newest_first(registry):
        who = (one.job_id, one.by)
        rows.append(_row(one, readers.get(one.by, "reader-gone"), counts=who not in latest))
        latest.add(who)
    return COLUMNS if with_comments else COLUMNS[:-1], rows[::-1]


def _newest_first(registry: Registry) -> Iterator[FeedbackRecord]:
    before: int | None = None
    while found := registry.readings.feedback(before_id=before, limit=_PAGE):
        yield from found
        before = found[-1].id


def _row(one: FeedbackRecord, reader: str, *, counts: bool) -> Mapping[str, Any]:
    return {
        "id": one.id,
        "at": one.at.isoformat(),
        "reader": reader,
        "study_id": one.study_id,
        "job_id": one.job_id,
        "counts": "yes" if counts else "no",
        "verdict": one.verdict.value,
        "lvef_percent": one.lvef_percent,
        "diagnosis": "" if one.diagnosis is None else one.diagnosis.value,
        "priority": "" if one.priority is None else one.priority.value,
        "comment": one.comment,
        **{f"{name}_ai": one.result.get(name) for name in _OF_RESULT},
    }
