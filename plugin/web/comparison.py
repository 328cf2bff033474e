"""A result beside earlier ones, as the page of a study shows it: a table, small curves, remarks.

The worker compared; this tells it, and whether the result that was compared with stands today.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from plugin.domain.comparison import Change, Comparison, Obstacle, Verdict
from plugin.domain.findings import Assessment
from plugin.domain.job import JobState
from plugin.registry import JobRecord, Registry

VERDICTS: Mapping[Verdict, str] = {
    Verdict.BEYOND: "more than the measurement uncertainty",
    Verdict.WITHIN: "within the measurement uncertainty",
    Verdict.UNKNOWN: "uncertainty not known",
}
OBSTACLES: Mapping[Obstacle, str] = {
    Obstacle.OTHER_PERSON: "A result under the same patient ID is of a person with another birth "
    "date or sex and was not compared: the identity should be checked.",
    Obstacle.IDENTITY_UNCONFIRMED: "An earlier result under the same patient ID was not compared, "
    "because a birth date is missing and the identity cannot be confirmed.",
    Obstacle.UNREADABLE: "An earlier result is stored here but could not be read.",
    Obstacle.NOT_EARLIER: "A result of a later study was not compared.",
    Obstacle.ORDER_UNKNOWN: "A result under the same patient ID was not compared, because dates "
    "and times do not tell which study is earlier.",
    Obstacle.SAME_STUDY: "A result of this very study was not compared.",
    Obstacle.UNRELATED: "A result of another patient ID was not compared.",
    Obstacle.NOTHING_IN_COMMON: "The earlier result has no value in common with this one.",
}
_SINCE = {
    JobState.WITHDRAWN: "The earlier result was withdrawn after this comparison.",
    JobState.SUPERSEDED: "The earlier study has a newer result since this comparison.",
}
_GONE = "The earlier result is no longer kept here."
_TRENDS = (
    "lv_ejection_fraction",
    "lv_end_diastolic_volume",
    "lv_end_systolic_volume",
    "lv_mass",
    "rv_ejection_fraction",
    "rv_end_diastolic_volume",
)
_FEWEST_EARLIER = 2
"""Two values are in the table; a curve needs more."""
_WIDTH, _HEIGHT, _EDGE = 160.0, 44.0, 5.0


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One value beside the earlier one, as text."""

    key: str
    name: str
    now: str
    before: str
    difference: str
    limit: str
    unit: str
    verdict: Verdict
    words: str


@dataclass(frozen=True, slots=True)
class Trend:
    """One value over all results: ``points`` of a polyline in a box, and the values as text."""

    name: str
    unit: str
    points: str
    last: tuple[float, float]
    first_value: str
    last_value: str
    words: str


@dataclass(frozen=True, slots=True)
class ShownComparison:
    """What the page shows.

    Attributes
    ----------
    day, days, made_by
        Of the result compared with; empty and 0 where there is none.
    study_id
        Of that result, for a link; None where it is not kept here.
    remarks
        What a reader must know of the earlier result, and why others are not compared.
    """

    day: str
    days: int
    made_by: str
    study_id: int | None
    lines: tuple[ChangeLine, ...]
    trends: tuple[Trend, ...]
    remarks: tuple[str, ...]


def shown_comparison(registry: Registry, assessment: Assessment) -> ShownComparison | None:
    """Return what a page tells of a comparison; None where there is nothing to tell."""
    comparison = assessment.comparison
    if comparison is None:
        return None
    latest = comparison.latest
    names = {one.key: one.name for one in assessment.measurements if one.segment is None}
    job = registry.jobs.get(latest.job_id) if latest is not None and latest.job_id else None
    return ShownComparison(
        day="" if latest is None else latest.day,
        days=0 if latest is None else latest.days,
        made_by="" if latest is None else latest.made_by,
        study_id=None if job is None else job.study_id,
        lines=tuple(_line(one, names) for one in comparison.changes),
        trends=tuple(_trends(comparison, assessment, names)),
        remarks=tuple(_remarks(comparison, job, names)),
    )


def _line(change: Change, names: Mapping[str, str]) -> ChangeLine:
    return ChangeLine(
        key=change.key,
        name=names.get(change.key, change.key),
        now=f"{change.now:.1f}",
        before=f"{change.before:.1f}",
        difference=f"{change.difference:+.1f}",
        limit="" if change.limit is None else f"{change.limit:.1f}",
        unit=_unit(change.unit),
        verdict=change.verdict,
        words=VERDICTS[change.verdict],
    )


def _remarks(
    comparison: Comparison, job: JobRecord | None, names: Mapping[str, str]
) -> Sequence[str]:
    latest, told = comparison.latest, []
    if latest is not None:
        if latest.job_id:
            told.append(_GONE if job is None else _SINCE.get(job.state, ""))
        if not latest.same_version:
            told.append("Measured by another version of software or model.")
        if latest.is_doubtful:
            told.append("Notes of the earlier report put its numbers in doubt.")
    if comparison.defined_otherwise:
        listed = ", ".join(names.get(key, key) for key in comparison.defined_otherwise)
        told.append(f"Defined otherwise in the earlier result and not compared: {listed}.")
    return [one for one in (*told, *(OBSTACLES[one] for one in comparison.obstacles)) if one]


def _trends(
    comparison: Comparison, assessment: Assessment, names: Mapping[str, str]
) -> Sequence[Trend]:
    """Return a curve of each key value that at least three results have."""
    latest = comparison.latest
    if latest is None:
        return []
    today = (date.fromisoformat(latest.day) + timedelta(days=latest.days)).isoformat()
    trends = []
    errors = {one.key: one.limit or 0.0 for one in comparison.changes}
    for key in _TRENDS:
        now = assessment.measurement(key)
        known = [one for one in comparison.results if key in one.values]
        if now is not None and len(known) >= _FEWEST_EARLIER:
            said = [(one.day, one.days, one.values[key]) for one in known]
            values = [*said, (today, 0, now.value)]
            trends.append(_trend(names[key], now.unit, values, errors.get(key, 0.0)))
    return trends


def _trend(name: str, unit: str, values: Sequence[tuple[str, int, float]], error: float) -> Trend:
    """Lay values out in time; each is (day, days before this study, value), oldest first.

    The box is at least twice the error of both high, so that noise does not look like a course.
    """
    span = max(days for _, days, _ in values) or 1
    low, high = min(v for *_, v in values), max(v for *_, v in values)
    room = max(high - low, 2 * error, 1.0)
    bottom = (low + high - room) / 2
    places = [
        (
            _EDGE + (_WIDTH - 2 * _EDGE) * (1 - days / span),
            _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * (value - bottom) / room,
        )
        for _, days, value in values
    ]
    shown = _unit(unit)
    return Trend(
        name=name,
        unit=shown,
        points=" ".join(f"{x:.1f},{y:.1f}" for x, y in places),
        last=(round(places[-1][0], 1), round(places[-1][1], 1)),
        first_value=f"{values[0][2]:.0f}",
        last_value=f"{values[-1][2]:.0f}",
        words="; ".join(f"{day}: {value:.1f} {shown}".strip() for day, _, value in values),
    )


def _unit(ucum: str) -> str:
    return "" if ucum == "1" else ucum.replace("m2", "m²")


def days_words(result: ShownComparison) -> str:
    """Return how long before this study the other one was."""
    if result.days == 0:
        return "on the same day"
    return "1 day before" if result.days == 1 else f"{result.days} days before"
