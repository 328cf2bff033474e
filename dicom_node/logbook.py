"""Notes about associations on their way into the registry, written by a thread of their own.

No sender waits for these: a registry that is slow, locked by another process or gone must not
hold back the answer to an image whose bytes are safe. What a note says is the caller's.
"""

import queue
import threading
from collections.abc import Callable

from plugin.domain.errors import Reason, TransientError
from plugin.logs import get_logger

log = get_logger(__name__)

# A registry that is gone for hours while a sender knocks every second must not fill the memory.
_MAXIMUM_WAITING = 10_000

Note = Callable[[], object]


class Logbook:
    """Writes notes in the order given; a note that cannot be written is logged and left out.

    Nothing depends on a lost note for long: an association without a sign of life stops holding
    studies open after a while (``Associations.open_for``).
    """

    def __init__(self, maximum_waiting: int = _MAXIMUM_WAITING) -> None:
        self._waiting: queue.Queue[Note | None] = queue.Queue(maximum_waiting)
        self._thread = threading.Thread(target=self._run, name="logbook", daemon=True)

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    def write(self, note: Note) -> None:
        """Have a note written soon; returns at once."""
        try:
            self._waiting.put_nowait(note)
        except queue.Full:
            log.error("association_not_noted", reason=Reason.REGISTRY_UNAVAILABLE)

    def close(self, timeout_seconds: float) -> bool:
        """Write what waits, then end; tell whether all was written in time."""
        try:
            self._waiting.put(None, timeout=timeout_seconds)
        except queue.Full:
            return False
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (note := self._waiting.get()) is not None:
            try:
                note()
            except TransientError as error:
                log.error("association_not_noted", reason=error.reason)
            except Exception as error:
                log.error("association_not_noted", reason=Reason.INTERNAL_ERROR, exc_info=error)
