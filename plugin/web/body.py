"""How much of the body of a request is taken; counted here, whoever reads it.

FastAPI reads a body that a function asks for before it asks who sends it. So anybody may send a
little to every address; who wants more reads for itself, and says so when it knows the sender.
"""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAXIMUM_BODY_BYTES = 524_288
"""A triage policy of 100 000 characters fits, also when a program or browser escapes most of them.

One limit for all addresses: who has no account would choose the one that takes most.
"""
_COUNTED = "cmr_triage.counted"


class TooLargeError(HTTPException):
    """The body is larger than what is taken; FastAPI passes this kind on while it reads one."""

    def __init__(self) -> None:
        super().__init__(413)


class BodyLimit:
    """Refuses bodies above ``MAXIMUM_BODY_BYTES``, or what ``take_up_to`` says instead."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            receive = scope[_COUNTED] = _Counted(receive, Headers(scope=scope))
        await self._app(scope, receive, send)


def take_up_to(request: Request, maximum_bytes: int) -> None:
    """Take another amount of a body than from anybody; before it is read."""
    request.scope[_COUNTED].maximum_bytes = maximum_bytes


class _Counted:
    """Passes the parts of a body on until they are too much."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self.maximum_bytes = MAXIMUM_BODY_BYTES
        self._receive = receive
        announced = headers.get("content-length", "")
        self._announced_bytes = int(announced) if announced.isdecimal() else 0
        self._n_bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._n_bytes += len(message.get("body", b""))
            if max(self._n_bytes, self._announced_bytes) > self.maximum_bytes:
                raise TooLargeError
        return message
