"""How often somebody may try to log in. Kept in memory: one process serves the pages."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

_PER_NAME, _PER_ADDRESS = 8, 40
_WINDOW_SECONDS = 600.0
_MAXIMUM_KEYS = 10_000


class LoginLimit:
    """Counts failures per name and per address within ten minutes.

    A name is refused after few failures, from wherever they come; an address after more, because
    a ward may share one (and behind a proxy all have the same).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, name: str, address: str) -> float:
        """Return how long these must wait; 0 when they may try."""
        with self._lock:
            return max(
                self._wait(f"name {name}", _PER_NAME), self._wait(f"at {address}", _PER_ADDRESS)
            )

    def failed(self, name: str, address: str) -> None:
        """Note a failure."""
        with self._lock:
            for key in (f"name {name}", f"at {address}"):
                self._failures.setdefault(key, deque(maxlen=_PER_ADDRESS)).append(self._clock())
                self._failures.move_to_end(key)
            while len(self._failures) > _MAXIMUM_KEYS:
                self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name."""
        with self._lock:
            self._failures.pop(f"name {name}", None)

    def _wait(self, key: str, allowed: int) -> float:
        times = self._failures.get(key)
        if times is None:
            return 0.0
        while times and times[0] <= self._clock() - _WINDOW_SECONDS:
            times.popleft()
        return 0.0 if len(times) < allowed else times[-allowed] + _WINDOW_SECONDS - self._clock()
