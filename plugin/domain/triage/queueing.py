"""How long urgent studies wait to be read, in order of arrival and with the AI's suggestions.

A simulation with made-up days and the AI's measured errors: studies arrive at random while scanners
run, readers work their hours, a suggestion is known a few minutes after arrival and is wrong as
often as it was measured to be. Both orders see the same studies, so that only the order differs.
Pure standard library; the same seed gives the same figures.

References
----------
Poisson arrivals and log-normal service times are usual in such models; that a queue of one
priority class moved forward delays the others as much as it gains is Kleinrock's conservation law
(Queueing Systems, vol. 2, 1976, ch. 3).
"""

import heapq
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MEASURED_SENSITIVITY = 0.953
MEASURED_SPECIFICITY = 0.877
"""Of the policy that ships on the 100 patients of ACDC, out of fold: docs/measurements.md. The
share of urgent studies is not: it belongs to a collective of ill hearts."""

_MINUTES_PER_DAY = 1440.0
_SPREAD = 0.5
"""Standard deviation of the logarithm of the reading time."""


@dataclass(frozen=True, slots=True)
class QueueSetup:
    """A department; the defaults are an example, not a measurement.

    Attributes
    ----------
    scan_hours, reading_hours
        Opening and end, hours of the day; a study that was begun is read to its end.
    analysis_minutes
        From arrival until a suggestion is known.
    sensitivity, specificity
        Of the suggestion.
    """

    studies_per_day: float = 14.0
    urgent_share: float = 0.15
    n_readers: int = 1
    reading_minutes: float = 30.0
    scan_hours: tuple[float, float] = (7.0, 19.0)
    reading_hours: tuple[float, float] = (8.0, 17.0)
    analysis_minutes: float = 5.0
    sensitivity: float = MEASURED_SENSITIVITY
    specificity: float = MEASURED_SPECIFICITY
    n_days: int = 500
    seed: int = 1

    @property
    def load(self) -> float:
        """Share of the readers' time that the studies need; from 1 on the list only grows."""
        hours = self.reading_hours[1] - self.reading_hours[0]
        return self.studies_per_day * self.reading_minutes / (60.0 * hours * self.n_readers)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One study; times in minutes since the beginning."""

    at: float
    is_urgent: bool
    is_suggested: bool
    reading_minutes: float


@dataclass(frozen=True, slots=True)
class Waits:
    """Minutes from arrival until reading begins, of urgent and of other studies."""

    urgent: tuple[float, ...]
    other: tuple[float, ...]


def simulate(setup: QueueSetup) -> tuple[Waits, Waits]:
    """Return the waits first in first out, and with the AI's suggestions, of the same studies."""
    arrivals = list(_arrivals(setup))
    return _waits(arrivals, _read(arrivals, setup, ai=False)), _waits(
        arrivals, _read(arrivals, setup, ai=True)
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _arrivals(setup: QueueSetup) -> Iterator[Arrival]:
    chance = random.Random(setup.seed)  # noqa: S311 - a simulation
    opens, closes = (60.0 * hour for hour in setup.scan_hours)
    mean_gap = (closes - opens) / setup.studies_per_day
    # The mean of a log-normal time is exp(mu + sigma^2 / 2).
    mu = math.log(setup.reading_minutes) - _SPREAD**2 / 2
    for day in range(setup.n_days):
        at = opens + chance.expovariate(1.0 / mean_gap)
        while at < closes:
            is_urgent = chance.random() < setup.urgent_share
            right = setup.sensitivity if is_urgent else setup.specificity
            is_suggested = (chance.random() < right) == is_urgent
            minutes = chance.lognormvariate(mu, _SPREAD)
            yield Arrival(day * _MINUTES_PER_DAY + at, is_urgent, is_suggested, minutes)
            at += chance.expovariate(1.0 / mean_gap)


def _read(arrivals: Sequence[Arrival], setup: QueueSetup, *, ai: bool) -> list[float]:
    """Return when each study's reading begins.

    A free reader takes, of the studies that are suggested by then, the longest waiting one; without
    any (or without the AI) the longest waiting of all.
    """
    begins = [math.nan] * len(arrivals)
    free_at = [0.0] * setup.n_readers
    unread: list[int] = []
    n_arrived = 0
    for _ in arrivals:
        now = _when_open(heapq.heappop(free_at), setup)
        oldest = unread[0] if unread else n_arrived
        now = max(now, _when_open(arrivals[oldest].at, setup))
        while n_arrived < len(arrivals) and arrivals[n_arrived].at <= now:
            unread.append(n_arrived)
            n_arrived += 1
        # Of several readers one may already have waited for what this one cannot know of yet.
        suggested = (n for n in unread if ai and _is_known(arrivals[n], now, setup))
        chosen = next(suggested, unread[0])
        unread.remove(chosen)
        begins[chosen] = now
        heapq.heappush(free_at, now + arrivals[chosen].reading_minutes)
    return begins


def _is_known(arrival: Arrival, now: float, setup: QueueSetup) -> bool:
    return arrival.is_suggested and arrival.at + setup.analysis_minutes <= now


def _when_open(at: float, setup: QueueSetup) -> float:
    """Return the first moment from ``at`` on at which readers work."""
    opens, closes = (60.0 * hour for hour in setup.reading_hours)
    day, minute = divmod(at, _MINUTES_PER_DAY)
    if minute >= closes:
        return (day + 1) * _MINUTES_PER_DAY + opens
    return day * _MINUTES_PER_DAY + max(minute, opens)


def _waits(arrivals: Sequence[Arrival], begins: Sequence[float]) -> Waits:
    waits = [(one.is_urgent, begin - one.at) for one, begin in zip(arrivals, begins, strict=True)]
    return Waits(
        tuple(wait for is_urgent, wait in waits if is_urgent),
        tuple(wait for is_urgent, wait in waits if not is_urgent),
    )
