"""The desk of a process: it takes requests that the process can carry out, answers them, and beats.

A thread of its own, so that an analysis or a slow destination holds nobody up; another one beats
and keeps the request that is being answered, however long that takes. What a request asks for is
done by the handlers that the process gives.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Self

from plugin.domain.errors import SENTENCES, Reason, TransientError, TriageError
from plugin.domain.request import RequestKind
from plugin.logs import get_logger
from plugin.registry import Registry
from plugin.registry.requests import RequestRecord

log = get_logger(__name__)

Handler = Callable[[RequestRecord], Mapping[str, Any]]
"""Carries a request out and returns its answer; a ``TriageError`` refuses it."""

_LOOK_SECONDS = 0.5
_BEAT_SECONDS = 10.0
_END_SECONDS = 5.0


class Desk:
    """Serves while it is entered.

    Parameters
    ----------
    name
        Of the process, as pages show it: host and process id.
    kind
        What the process does: ``worker``, ``deliver``.
    handlers
        What it can be asked for.
    facts
        Called at each beat: what the process says of itself; no patient data.
    """

    def __init__(
        self,
        registry: Registry,
        name: str,
        kind: str,
        handlers: Mapping[RequestKind, Handler],
        facts: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._registry = registry
        self._name = name
        self._kind = kind
        self._handlers = handlers
        self._facts = facts
        self._serving: int | None = None
        self._ended = threading.Event()
        self._beats = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._serves = threading.Thread(target=self._run, name="desk", daemon=True)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def open(self) -> None:
        """Begin to serve."""
        self._beats.start()
        self._serves.start()

    def close(self) -> None:
        """Serve no more; what is being answered is given a while."""
        self._ended.set()
        self._serves.join(_END_SECONDS)
        self._beats.join(_END_SECONDS)
        try:
            self._registry.heartbeats.ended(self._name)
        except TransientError as error:
            log.warning("desk_not_closed", reason=error.reason)

    def tick(self) -> bool:
        """Answer one request; tell whether there was one.

        Raises
        ------
        TransientError
            The registry does not answer.
        """
        request = self._registry.requests.take(frozenset(self._handlers), self._name)
        if request is None:
            return False
        self._serve(request)
        return True

    def _beat(self) -> None:
        while True:
            try:
                self._registry.heartbeats.beat(self._name, self._kind, self._facts())
                serving = self._serving
                if serving is not None:
                    self._registry.requests.hold(serving, self._name)
            except TransientError:
                pass  # the registry is away; pages that could show it are too
            except Exception as error:
                log.error("heartbeat_failed", reason=Reason.INTERNAL_ERROR, exc_info=error)
            if self._ended.wait(_BEAT_SECONDS):
                return

    def _run(self) -> None:
        found = False
        while not self._ended.wait(0.0 if found else _LOOK_SECONDS):
            try:
                found = self.tick()
            except TransientError:
                found = False  # the registry is away; what was asked waits there
            except Exception as error:
                found = False
                log.error("desk_failed", reason=Reason.INTERNAL_ERROR, exc_info=error)

    def _serve(self, request: RequestRecord) -> None:
        requests = self._registry.requests
        self._serving = request.id
        try:
            answer = self._handlers[request.kind](request)
        except TriageError as error:
            requests.refuse(request.id, error.reason, error.sentence)
        except Exception as error:
            log.error("request_failed", reason=Reason.INTERNAL_ERROR, exc_info=error)
            reason = Reason.INTERNAL_ERROR
            requests.refuse(request.id, reason, SENTENCES[reason])
        else:
            requests.answer(request.id, answer)
        finally:
            self._serving = None
