"""What every failure becomes: a page for people, JSON for the API."""

from collections.abc import Callable, Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from plugin.domain.errors import Reason, StudyRejectedError, TransientError, TriageError
from plugin.web.login import login_address
from plugin.web.site import Site
from plugin.web.visitor import NotSignedInError, PasswordFirstError, RefusedError

API = "/api/v1"
_HEADINGS = {403: "Not allowed", 404: "Not found", 409: "Changed meanwhile"}
_HTTP_WORDS = {
    400: "The request cannot be understood.",
    404: "There is no such page.",
    405: "This address is not asked this way.",
    409: "Somebody else was faster.",
    413: "The request is too large.",
}
_UNAUTHORIZED = 401


def add_answers(app: FastAPI, site: Site) -> None:
    """Register a handler per kind of failure."""

    def say(request: Request, status_code: int, words: str) -> Response:
        if request.url.path.startswith(API):
            headers = {"WWW-Authenticate": "Bearer"} if status_code == _UNAUTHORIZED else {}
            return JSONResponse({"detail": words}, status_code, headers)
        shown = {"heading": _HEADINGS.get(status_code, "Not possible"), "words": words}
        return site.page(request, "message.html", None, status_code, **shown)

    for kind, handler in _handlers(say).items():
        app.add_exception_handler(kind, handler)


_Say = Callable[[Request, int, str], Response]
_Handler = Callable[[Request, Exception], Response]


def _handlers(say: _Say) -> Mapping[type[Exception], _Handler]:
    def not_signed_in(request: Request, _error: Exception) -> Response:
        if request.url.path.startswith(API):
            return say(request, _UNAUTHORIZED, "Log in, or send a key: Authorization: Bearer KEY.")
        is_page = request.method == "GET" and "hx-request" not in request.headers
        return _lead(request, login_address(request.url.path if is_page else "/"))

    def password_first(request: Request, _error: Exception) -> Response:
        if request.url.path.startswith(API):
            return say(request, 403, "The one-time password must be changed first.")
        return _lead(request, "/password")

    def failed(request: Request, error: Exception) -> Response:
        return say(request, *_said(error))

    return {
        NotSignedInError: not_signed_in,
        PasswordFirstError: password_first,
        RefusedError: failed,
        RequestValidationError: failed,
        HTTPException: failed,
        TriageError: failed,
    }


def _lead(request: Request, address: str) -> Response:
    """Send a browser elsewhere; htmx follows a header of its own."""
    if request.headers.get("hx-request") == "true":
        return Response(status_code=200, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _said(error: Exception) -> tuple[int, str]:
    """Return status and sentence; never what was sent (FastAPI would repeat it)."""
    match error:
        case RefusedError():
            return 403, "Your role does not allow this, or the page was too old; load it again."
        case RequestValidationError():
            places = {".".join(map(str, one["loc"][:3])) for one in error.errors()}
            return 422, f"Not usable: {', '.join(sorted(places))}."
        case HTTPException():
            words = _HTTP_WORDS.get(error.status_code, "Not possible.")
            return error.status_code, words
        case TriageError():
            return _status_of(error), error.sentence
    raise error


def _status_of(error: TriageError) -> int:
    if isinstance(error, TransientError):
        return 503
    if error.reason is Reason.NOT_FOUND:
        return 404
    changed = {Reason.CHANGED_MEANWHILE, Reason.POLICY_CHANGED, Reason.BUNDLE_IN_USE}
    if error.reason in changed or isinstance(error, StudyRejectedError):
        return 409
    return 422
