"""When to try a destination again that does not answer: a circuit breaker, as pure decisions.

Closed, everything is sent. After failures in a row it opens: nothing is sent, and after a wait
that grows with each failure one cheap question (C-ECHO, or an empty QIDO-RS search) tells whether
it closes again. Reads no clock and no registry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

_JITTER = 0.25


def backoff_seconds(
    n_failures: int, first_seconds: float, maximum_seconds: float, chance: float
) -> float:
    """Return how long to wait after the ``n_failures``-th failure in a row.

    Doubles from ``first_seconds`` up to ``maximum_seconds``, then spread by a quarter either way so
    that many objects (or many installations) do not come back in the same moment.

    Parameters
    ----------
    n_failures
        From 1.
    chance
        Uniform in 0..1.
    """
    doublings = min(n_failures - 1, 30)
    wait = min(first_seconds * 2.0**doublings, maximum_seconds)
    return min(wait * (1 + _JITTER * (2 * chance - 1)), maximum_seconds)


@dataclass(slots=True)
class Breaker:
    """The failures in a row of one destination.

    Attributes
    ----------
    opens_after
        Failures in a row.
    next_probe_at
        When an open one is asked again; None while it is closed.
    """

    opens_after: int
    wait_seconds: Callable[[int], float]
    n_failures: int = 0
    next_probe_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing is sent before a probe succeeds."""
        return self.n_failures >= self.opens_after

    def failed(self, now: datetime) -> float:
        """Count a failure; return how many seconds to wait before anything is tried."""
        self.n_failures += 1
        wait = self.wait_seconds(self.n_failures)
        self.next_probe_at = now + timedelta(seconds=wait)
        return wait

    def answered(self) -> None:
        """Close."""
        self.n_failures = 0
        self.next_probe_at = None

    def rest_seconds(self, now: datetime) -> float:
        """Return how long an open one still waits for its probe; 0 when it is time."""
        if not self.is_open or self.next_probe_at is None:
            return 0.0
        return max(0.0, (self.next_probe_at - now).total_seconds())
