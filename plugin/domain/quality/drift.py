"""Whether what comes in or goes out looks different from the first studies; says since when.

Two plain statistics. Values and kinds: the population stability index of a period against the
reference. Shares: a p-chart. A period looks different when its statistic lies beyond its limit; a
quantity does when this holds of the last periods without a break, two at least, so that one odd
week makes no alarm. Periods with few studies are not judged.

References
----------
Siddiqi N, Credit Risk Scorecards, Wiley 2006 (index; 0.1 as the least that is worth a look).
Yurdakul B, Statistical properties of the population stability index, Western Michigan University
2018 (without a change the index times nm/(n+m) is about chi-square with B-1 degrees of freedom).
Montgomery DC, Introduction to Statistical Quality Control (p-chart with limits of three standard
errors). Wilson EB, Hilferty MM, PNAS 1931;17:684-688 (quantile of chi-square).
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import log, sqrt
from statistics import quantiles

REFERENCE_STUDIES = 200
"""How many studies, the first ones of the selection, make the reference."""
MINIMUM_REFERENCE = 50
"""With fewer studies in the reference nothing is compared."""
MINIMUM_PERIOD = 20
"""A period with fewer studies is shown and not judged."""
MINIMUM_RUN = 2
_LEAST_INDEX = 0.1
_N_BINS = 5
_Z_99 = 2.326348
_STANDARD_ERRORS = 3.0
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Judged:
    """One period against the reference.

    Attributes
    ----------
    statistic, limits
        What was compared with what; None where the period was not judged.
    side
        -1 or 1 for a share below or above its limits, 0 for an index.
    """

    start: date
    n: int
    statistic: float | None = None
    limits: tuple[float, float] | None = None

    @property
    def differs(self) -> bool:
        """Whether the statistic lies beyond its limits."""
        if self.statistic is None or self.limits is None:
            return False
        return not self.limits[0] <= self.statistic <= self.limits[1]

    @property
    def side(self) -> int:
        """-1 below the limits, 1 above them, 0 within."""
        if not self.differs or self.statistic is None or self.limits is None:
            return 0
        return 1 if self.statistic > self.limits[1] else -1


@dataclass(frozen=True, slots=True)
class Change:
    """Since when something looks different, and how many studies that is."""

    since: date
    n: int


def stability_index(reference: Mapping[str, int], found: Mapping[str, int]) -> float:
    """Return the population stability index of two counts by kind.

    Half a study is added to every kind on both sides, so that a kind that one side lacks counts and
    divides by nothing.
    """
    kinds = {*reference, *found}
    n = sum(reference.values()) + _HALF * len(kinds)
    m = sum(found.values()) + _HALF * len(kinds)
    index = 0.0
    for kind in kinds:
        expected = (reference.get(kind, 0) + _HALF) / n
        actual = (found.get(kind, 0) + _HALF) / m
        index += (actual - expected) * log(actual / expected)
    return index


def index_limit(n_kinds: int, n_reference: int, n_found: int) -> float:
    """Return what the index exceeds by chance in one of a hundred periods; 0.1 at least."""
    degrees = max(1, n_kinds - 1)
    third = 2 / (9 * degrees)
    chi_square = degrees * (1 - third + _Z_99 * sqrt(third)) ** 3
    return max(_LEAST_INDEX, chi_square * (1 / n_reference + 1 / n_found))


def binning(reference: Sequence[float]) -> Callable[[float], str]:
    """Return what sorts a value among the fifths of the reference; equal edges become one."""
    edges = sorted(set(quantiles(reference, n=_N_BINS, method="inclusive")))
    return lambda value: str(bisect_right(edges, value))


def judge_kinds(
    reference: Iterable[str], periods: Mapping[date, Sequence[str]]
) -> tuple[Judged, ...]:
    """Compare the kinds of each period with those of the reference."""
    expected = Counter(reference)
    n_reference = expected.total()
    judged = []
    for start in sorted(periods):
        found = Counter(periods[start])
        n = found.total()
        if n < MINIMUM_PERIOD or n_reference < MINIMUM_REFERENCE:
            judged.append(Judged(start, n))
            continue
        limit = index_limit(len({*expected, *found}), n_reference, n)
        judged.append(Judged(start, n, stability_index(expected, found), (0.0, limit)))
    return tuple(judged)


def judge_values(
    reference: Sequence[float], periods: Mapping[date, Sequence[float]]
) -> tuple[Judged, ...]:
    """Compare the values of each period with the fifths of the reference."""
    if len(reference) < MINIMUM_REFERENCE:
        return tuple(Judged(start, len(periods[start])) for start in sorted(periods))
    sort = binning(reference)
    return judge_kinds(
        map(sort, reference), {start: [sort(v) for v in found] for start, found in periods.items()}
    )


def judge_shares(
    reference: tuple[int, int], periods: Mapping[date, tuple[int, int]]
) -> tuple[Judged, ...]:
    """Compare the share (so many, of so many) of each period with that of the reference: a p-chart.

    Half a study is added to the reference, so that a share of none has limits too.
    """
    p = (reference[0] + _HALF) / (reference[1] + 1)
    judged = []
    for start in sorted(periods):
        n, of = periods[start]
        if of < MINIMUM_PERIOD or reference[1] < MINIMUM_REFERENCE:
            judged.append(Judged(start, of))
            continue
        reach = _STANDARD_ERRORS * sqrt(p * (1 - p) / of)
        judged.append(Judged(start, of, n / of, (max(0.0, p - reach), min(1.0, p + reach))))
    return tuple(judged)


def change(judged: Sequence[Judged]) -> Change | None:
    """Return since when it looks different; None where the last judged periods do not, all of them.

    Periods that were not judged break nothing and count for nothing.
    """
    run: list[Judged] = []
    for one in reversed([one for one in judged if one.statistic is not None]):
        if not one.differs or (run and run[0].side != one.side):
            break
        run.append(one)
    if len(run) < MINIMUM_RUN:
        return None
    return Change(run[-1].start, sum(one.n for one in run))
