"""Shares with intervals, agreement of two methods, percentiles: the plain statistics.

References
----------
Wilson EB, J Am Stat Assoc 1927;22:209-212 (interval of a share). Bland JM, Altman DG, Lancet
1986;327:307-310 (limits of agreement).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import fmean, stdev

Z_95 = 1.959964
_LIMITS = 1.96
MINIMUM_PAIRS = 5
"""With fewer pairs no limits of agreement are given."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    n: int
    of: int

    @property
    def value(self) -> float | None:
        """The share; None of none."""
        return self.n / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's score interval, 95 %; None of none."""
        if not self.of:
            return None
        p, z2 = self.n / self.of, Z_95**2
        middle = p + z2 / (2 * self.of)
        reach = Z_95 * sqrt(p * (1 - p) / self.of + z2 / (4 * self.of**2))
        whole = 1 + z2 / self.of
        return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far ours lies from the readers' value, in the unit of both (positive: ours is higher).

    Attributes
    ----------
    pairs
        The readers' value and ours.
    bias, limits
        Mean difference, and that minus and plus 1.96 standard deviations; None with too few pairs.
    """

    pairs: tuple[tuple[float, float], ...]
    bias: float | None
    limits: tuple[float, float] | None


def agreement(pairs: Sequence[tuple[float, float]]) -> Agreement:
    """Compare pairs of (reader's value, our value)."""
    off = [ours - theirs for theirs, ours in pairs]
    if len(off) < MINIMUM_PAIRS:
        return Agreement(tuple(pairs), None, None)
    bias, reach = fmean(off), _LIMITS * stdev(off)
    return Agreement(tuple(pairs), bias, (bias - reach, bias + reach))


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the smallest value that at least ``percent`` of all do not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, ceil(percent / 100 * len(ordered)) - 1)]
