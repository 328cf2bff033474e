"""Bringing results to their destinations: a thread for each, the registry as its queue.

A dead PACS blocks nobody: every destination has its own thread, its own association and its own
wait. Nothing is remembered outside the registry, so a restart continues where it stopped; an
object that was sent twice because of a crash is the same object (decision records 0002 and 0009).
"""

import time

from dicom_node.destination_loop import DestinationLoop
from plugin.registry import Registry
from plugin.settings import Settings


class Deliverer:
    """Keeps one running loop for every enabled destination, as they are edited."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry
        self._loops: dict[int, DestinationLoop] = {}

    def refresh(self) -> None:
        """Start loops of new destinations, replace changed ones, end removed or disabled ones.

        In shadow mode there is none. A destination that is switched off has none until it is
        switched on; what waits for it stays in its queue.

        Raises
        ------
        TransientError
            The registry does not answer; the loops go on as they are.
        """
        switches = self._registry.switches.state()
        wanted = {
            d.id: d
            for d in self._registry.destinations.list()
            if self._settings.is_live and d.enabled and not switches.holds(d.id)
        }
        for destination_id, loop in list(self._loops.items()):
            if wanted.get(destination_id) != loop.destination:
                loop.stop()
                del self._loops[destination_id]
        for destination_id, destination in wanted.items():
            if destination_id not in self._loops:
                loop = DestinationLoop(destination, self._settings, self._registry)
                self._loops[destination_id] = loop
                loop.start()

    def stop(self, timeout_seconds: float) -> None:
        """End all loops within a time; each finishes the object that it is sending."""
        for loop in self._loops.values():
            loop.stop()
        deadline = time.monotonic() + timeout_seconds
        for loop in self._loops.values():
            loop.join(max(0.0, deadline - time.monotonic()))
        self._loops.clear()
