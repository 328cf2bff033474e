"""Telling open pages that something changed, as server-sent events; says never what.

One task asks several times a second whether anything was written, and only then whether the list
shows something else by it, however many pages are open; a page that is told fetches its part again,
with its own rights.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from plugin.domain.errors import Reason, TriageError
from plugin.logs import get_logger
from plugin.web.site import Site
from plugin.web.visitor import Door, Visitor

log = get_logger(__name__)

_ASK_SECONDS = 0.1
_RESTS = 4.0
_REST_AFTER_FAILURE_SECONDS = 5.0
_SIGN_OF_LIFE_SECONDS = 15.0
_MAXIMUM_READERS = 200


class Watcher:
    """Watches a stamp and wakes everybody who waits when it changes.

    Parameters
    ----------
    stamp
        Differs whenever pages may show something else; may raise ``TriageError``.
    pulse
        Differs whenever ``stamp`` may, and costs nothing; may raise ``TriageError``.
    """

    def __init__(
        self,
        stamp: Callable[[], str],
        pulse: Callable[[], str],
        ask_seconds: float = _ASK_SECONDS,
        rest_after_failure_seconds: float = _REST_AFTER_FAILURE_SECONDS,
    ) -> None:
        self._stamp = stamp
        self._pulse = pulse
        self._ask_seconds = ask_seconds
        self._rest_after_failure_seconds = rest_after_failure_seconds
        self._changed = asyncio.Event()
        self._heard: str | None = None
        self._last: str | None = None
        self._task: asyncio.Task[None] | None = None
        self.n_readers = 0

    async def wait(self, seconds: float) -> bool:
        """Wait for the next change; False when none came in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
                return True
        return False

    def enter(self) -> None:
        """Begin to watch for one more page."""
        self.n_readers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())

    def leave(self) -> None:
        """Stop watching when the last page is gone."""
        self.n_readers -= 1
        if self.n_readers == 0 and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        while True:
            rest = self._ask_seconds
            try:
                rest = max(rest, await self._look())
            except TriageError:
                pass  # the registry is away; pages say so when they fetch
            except Exception as error:
                # Open pages would go on listening, and hear of nothing any more.
                log.error("watch_failed", reason=Reason.INTERNAL_ERROR, exc_info=error)
                rest = max(rest, self._rest_after_failure_seconds)
            await asyncio.sleep(rest)

    async def _look(self) -> float:
        """Ask once, wake everybody when something changed, and return how long to rest."""
        pulse = await run_in_threadpool(self._pulse)
        if pulse == self._heard:
            return 0.0
        began = time.monotonic()
        stamp = await run_in_threadpool(self._stamp)
        if self._last is not None and stamp != self._last:
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()
        self._heard, self._last = pulse, stamp
        # While much is written, most of the time belongs to those who write.
        return _RESTS * (time.monotonic() - began)


def event_routes(site: Site, door: Door, watcher: Watcher | None = None) -> APIRouter:
    """Return the address that pages listen to."""
    routes = APIRouter(include_in_schema=False)
    watched = watcher or Watcher(site.registry.worklist.stamp, site.registry.worklist.pulse)
    listener = Annotated[Visitor, Depends(door.need(by_itself=True))]

    @routes.get("/events")
    async def events(request: Request, _visitor: listener) -> StreamingResponse:
        return StreamingResponse(_tell(door, request, watched), media_type="text/event-stream")

    return routes


async def _tell(door: Door, request: Request, watcher: Watcher) -> AsyncIterator[str]:
    """Yield an event per change until the page goes or its session ends."""
    if watcher.n_readers >= _MAXIMUM_READERS:
        yield "retry: 30000\n\n"
        return
    watcher.enter()
    try:
        yield "retry: 3000\nevent: changed\ndata: -\n\n"
        while True:
            changed = await watcher.wait(_SIGN_OF_LIFE_SECONDS)
            with suppress(TriageError):
                if await run_in_threadpool(door.visitor, request, touch=False) is None:
                    yield "event: signedout\ndata: -\n\n"
                    return
            yield "event: changed\ndata: -\n\n" if changed else ": alive\n\n"
    finally:
        watcher.leave()
