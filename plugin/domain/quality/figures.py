"""All figures of quality of one selection of studies, by week or month."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import TypeVar

from plugin.domain.job import DeliveryState
from plugin.domain.quality.drift import (
    Change,
    Judged,
    change,
    judge_kinds,
    judge_shares,
    judge_values,
)
from plugin.domain.quality.facts import Analysed, Record, Sent
from plugin.domain.quality.layers import layer_of
from plugin.domain.quality.opinions import Reliability, groups, priorities, reliability, verdicts
from plugin.domain.quality.shares import Agreement, Share, agreement, percentile

UNKNOWN = "not known"
_Any = TypeVar("_Any")


class Step(StrEnum):
    """By what the time is divided; in UTC, weeks begin on Monday."""

    WEEK = "week"
    MONTH = "month"

    def begin(self, at: datetime) -> date:
        """Return the first day of the period that holds a moment."""
        day = at.date()
        if self is Step.MONTH:
            return day.replace(day=1)
        return day - timedelta(days=day.weekday())


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that is watched: its key among the values of a result, name and unit."""

    key: str
    name: str
    unit: str = ""


QUANTITIES = (
    Quantity("lv_ejection_fraction", "LV ejection fraction", "%"),
    Quantity("lv_end_diastolic_volume", "LV end-diastolic volume", "ml"),
    Quantity("rv_ejection_fraction", "RV ejection fraction", "%"),
    Quantity("lv_mass", "LV mass", "g"),
    Quantity("familiarity.distance", "distance from the hearts of training"),
    Quantity("agreement.confidence", "mean confidence of the contours"),
    Quantity("pictures.signal_to_noise", "signal-to-noise ratio"),
    Quantity("pictures.sharpness", "sharpness of edges"),
    Quantity("pictures.pixel_mm", "pixel size", "mm"),
)
"""Measurements, and numbers of the gate as ``layer.quantity``."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The values of one period: quartiles and median."""

    start: date
    n: int
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class WatchedValue:
    """One number over time; ``changed`` says since when it looks different."""

    quantity: Quantity
    reference: Spread | None
    spreads: tuple[Spread, ...]
    judged: tuple[Judged, ...]
    changed: Change | None


@dataclass(frozen=True, slots=True)
class WatchedKinds:
    """How the studies divide into kinds (scanners, priorities), over time."""

    name: str
    reference: Mapping[str, int]
    counts: Mapping[date, Mapping[str, int]]
    judged: tuple[Judged, ...]
    changed: Change | None


@dataclass(frozen=True, slots=True)
class WatchedShare:
    """One share over time."""

    name: str
    reference: Share
    shares: Mapping[date, Share]
    judged: tuple[Judged, ...]
    changed: Change | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds from the last image to the result in one period."""

    start: date
    n: int
    median_seconds: float
    p95_seconds: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the objects for one destination."""

    destination: str
    n_objects: int
    arrived: Share
    n_waiting: int
    n_dead: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that the quality page shows of one selection."""

    n_analysed: int
    n_refused: int
    n_reference: int
    verdicts: Mapping[str, Share]
    priorities: Mapping[str, Share]
    lvef: Agreement
    groups: Mapping[tuple[str, str], int]
    reliability: tuple[Reliability, ...]
    values: tuple[WatchedValue, ...]
    kinds: tuple[WatchedKinds, ...]
    shares: tuple[WatchedShare, ...]
    refusals: Mapping[tuple[str, str], int]
    refused_by_layer: Mapping[date, Mapping[str, int]]
    waits: tuple[Wait, ...]
    deliveries: tuple[Delivery, ...]


def figures(record: Record, step: Step) -> Figures:
    """Make all figures."""
    periods = _by_period(record.analysed, step)
    return Figures(
        n_analysed=len(record.analysed),
        n_refused=len(record.refused),
        n_reference=len(record.reference),
        verdicts=verdicts(record.opinions),
        priorities=priorities(record.opinions),
        lvef=agreement(
            [
                (one.lvef_percent, one.lvef_percent_ai)
                for one in record.opinions
                if one.lvef_percent is not None and one.lvef_percent_ai is not None
            ]
        ),
        groups=groups(record.opinions),
        reliability=reliability(record.opinions),
        values=tuple(_value(one, record.reference, periods) for one in QUANTITIES),
        kinds=tuple(_kinds(name, of, record.reference, periods) for name, of in _KINDS),
        shares=tuple(_shares(record, periods, step)),
        refusals=Counter((layer_of(one.reason), one.reason.value) for one in record.refused),
        refused_by_layer={
            start: Counter(layer_of(one.reason) for one in found)
            for start, found in _by_period(record.refused, step).items()
        },
        waits=tuple(_waits(periods)),
        deliveries=tuple(_deliveries(record.sent)),
    )


def _by_period(found: Iterable[_Any], step: Step) -> dict[date, list[_Any]]:
    periods: dict[date, list[_Any]] = defaultdict(list)
    for one in found:
        periods[step.begin(one.at)].append(one)  # type: ignore[attr-defined]
    return dict(sorted(periods.items()))


def _value(
    quantity: Quantity, reference: Sequence[Analysed], periods: Mapping[date, Sequence[Analysed]]
) -> WatchedValue:
    def values(studies: Sequence[Analysed]) -> list[float]:
        found = (one.figures.values.get(quantity.key) for one in studies)
        return [value for value in found if value is not None]

    known = values(reference)
    found = {start: values(studies) for start, studies in periods.items()}
    judged = judge_values(known, found)
    spreads = [_spread(start, numbers) for start, numbers in found.items()]
    return WatchedValue(
        quantity,
        _spread(reference[0].at.date(), known) if reference else None,
        tuple(one for one in spreads if one is not None),
        judged,
        change(judged),
    )


def _spread(start: date, values: Sequence[float]) -> Spread | None:
    low, high = percentile(values, 25), percentile(values, 75)
    if low is None or high is None:
        return None
    return Spread(start, len(values), low, median(values), high)


def _scanner(one: Analysed) -> str:
    return one.origin.scanner or UNKNOWN


def _field(one: Analysed) -> str:
    tesla = one.origin.field_strength_t
    return UNKNOWN if tesla is None else f"{tesla:.1f} T"


def _priority(one: Analysed) -> str:
    return "review" if one.wants_review and one.level == "ROUTINE" else one.level or UNKNOWN


def _group(one: Analysed) -> str:
    return one.figures.group.replace("_", " ") or "indeterminate"


def _bundle(one: Analysed) -> str:
    return one.figures.bundle or UNKNOWN


_KINDS: tuple[tuple[str, Callable[[Analysed], str]], ...] = (
    ("scanner", _scanner),
    ("field strength", _field),
    ("suggested priority", _priority),
    ("group that the heart resembles", _group),
    ("model bundle", _bundle),
)


def _kinds(
    name: str,
    of: Callable[[Analysed], str],
    reference: Sequence[Analysed],
    periods: Mapping[date, Sequence[Analysed]],
) -> WatchedKinds:
    found = {start: [of(one) for one in studies] for start, studies in periods.items()}
    expected = [of(one) for one in reference]
    judged = judge_kinds(expected, found)
    counts = {start: Counter(kinds) for start, kinds in found.items()}
    return WatchedKinds(name, Counter(expected), counts, judged, change(judged))


def _shares(
    record: Record, periods: Mapping[date, Sequence[Analysed]], step: Step
) -> Iterable[WatchedShare]:
    refused = _by_period(record.refused, step)
    starts = sorted({*periods, *refused})
    n_reference = len(record.reference)
    yield _share(
        "refused",
        (record.n_reference_refused, record.n_reference_refused + n_reference),
        {start: (len(refused.get(start, ())), _ended(start, periods, refused)) for start in starts},
    )
    for name, holds in _HELD:
        yield _share(
            name,
            (sum(map(holds, record.reference)), n_reference),
            {start: (sum(map(holds, found)), len(found)) for start, found in periods.items()},
        )


def _ended(start: date, *of: Mapping[date, Sequence[object]]) -> int:
    return sum(len(one.get(start, ())) for one in of)


def _is_promoted(one: Analysed) -> bool:
    return one.level in {"URGENT", "STAT"}


def _has_note(one: Analysed) -> bool:
    return bool(one.figures.notes)


_HELD: tuple[tuple[str, Callable[[Analysed], bool]], ...] = (
    ("promoted", _is_promoted),
    ("with a note on images or contours", _has_note),
)


def _share(
    name: str, reference: tuple[int, int], periods: Mapping[date, tuple[int, int]]
) -> WatchedShare:
    judged = judge_shares(reference, periods)
    shares = {start: Share(*counted) for start, counted in periods.items()}
    return WatchedShare(name, Share(*reference), shares, judged, change(judged))


def _waits(periods: Mapping[date, Sequence[Analysed]]) -> Iterable[Wait]:
    for start, studies in periods.items():
        seconds = [one.seconds_to_result for one in studies if one.seconds_to_result is not None]
        p95 = percentile(seconds, 95)
        if p95 is not None:
            yield Wait(start, len(seconds), median(seconds), p95)


def _deliveries(sent: Iterable[Sent]) -> Iterable[Delivery]:
    by_destination: dict[str, Counter[DeliveryState]] = defaultdict(Counter)
    for one in sent:
        if one.state is not DeliveryState.REPLACED:
            by_destination[one.destination][one.state] += one.n
    for name, counts in sorted(by_destination.items()):
        n_arrived = counts[DeliveryState.SENT] + counts[DeliveryState.CONFIRMED]
        n_dead = counts[DeliveryState.DEAD]
        yield Delivery(
            name,
            counts.total(),
            # What still waits has neither arrived nor failed.
            Share(n_arrived, n_arrived + n_dead),
            counts[DeliveryState.PENDING],
            n_dead,
        )
