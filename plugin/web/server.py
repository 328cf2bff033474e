"""HTTP for the status page: three read-only addresses, this machine only, nothing to log in to.

Knows requests, headers and templates; what is shown comes from ``plugin.web.status``. Addresses
hold job ids only, never patient data.
"""

import errno
import signal
import socket
import sys
import uuid
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from plugin.domain.errors import ConfigurationError, Reason, TriageError
from plugin.logs import configure
from plugin.queue import make_app as make_queue
from plugin.queue import ping
from plugin.registry import Registry
from plugin.settings import Settings
from plugin.spool import Spool
from plugin.web.status import collect

_HERE = Path(__file__).parent
_REFRESH_SECONDS = 5
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_KINDS = frozenset({"summary", "contours"})


def make_site(
    settings: Settings, registry: Registry, spool: Spool, ask_queue: Callable[[], None]
) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    ask_queue
        Raises ``TransientError`` when the queue does not answer.
    """
    site = FastAPI(title="cmr-triage", docs_url=None, redoc_url=None, openapi_url=None)
    templates = Jinja2Templates(_HERE / "templates")
    templates.env.filters["clock"] = lambda at: at.astimezone().strftime("%Y-%m-%d %H:%M:%S")

    @site.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        """Refuse names that are not this machine (DNS rebinding) and set the headers."""
        if not is_this_machine(request.headers.get("host", "")):
            return PlainTextResponse("This page answers on this machine only.", status_code=400)
        response = await answer(request)
        response.headers.update(_HEADERS)
        return response

    @site.exception_handler(TriageError)
    async def sentence(_request: Request, error: TriageError) -> Response:
        return PlainTextResponse(error.sentence, status_code=503, headers=_HEADERS)

    @site.get("/")
    def status(request: Request) -> Response:
        return templates.TemplateResponse(
            request,
            "status.html",
            {
                "status": collect(settings, registry, spool, ask_queue),
                "node": settings.node,
                "refresh_seconds": _REFRESH_SECONDS,
            },
        )

    @site.get("/style.css")
    def style() -> Response:
        return FileResponse(_HERE / "static" / "style.css", media_type="text/css")

    @site.get("/jobs/{job_id}/{kind}.png")
    def image(job_id: uuid.UUID, kind: str) -> Response:
        path = _image_path(registry, str(job_id), kind)
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, media_type="image/png")

    @site.get("/health")
    def health() -> Response:
        shown = collect(settings, registry, spool, ask_queue)
        content = {
            "healthy": shown.healthy,
            **{light.name: light.text for light in shown.lights},
        }
        return JSONResponse(content, status_code=200 if shown.healthy else 503)

    return site


def _image_path(registry: Registry, job_id: str, kind: str) -> Path | None:
    if kind not in _KINDS:
        return None
    for item in registry.jobs.result_objects(job_id):
        path = Path(item.path).with_suffix(".png")
        if item.kind == kind and path.is_file():
            return path
    return None


def is_this_machine(host: str) -> bool:
    """Tell whether a Host header (with or without port) names the loopback interface."""
    name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Bind the page's address.

    Raises
    ------
    ConfigurationError
        ``PAGE_NOT_LOOPBACK`` for any address that other machines reach, ``PORT_IN_USE``,
        ``ADDRESS_NOT_USABLE``.
    """
    if not is_this_machine(f"[{host}]" if ":" in host else host):
        raise ConfigurationError(Reason.PAGE_NOT_LOOPBACK, "web.host")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        reason = Reason.PORT_IN_USE if taken else Reason.ADDRESS_NOT_USABLE
        raise ConfigurationError(reason, f"web.port {port}, web.host {host}") from None
    return listener


def main(settings: Settings) -> None:
    """Serve the page until SIGTERM or SIGINT."""
    configure(settings.logs.level, "web")
    # uvicorn raises the signal again when it is done; being asked to stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listener = listen(settings.web.host, settings.web.port)
    registry = Registry(settings.registry_url)
    registry.migrate()
    queue = make_queue(settings)
    site = make_site(
        settings, registry, Spool(settings.spool.folder), ask_queue=lambda: ping(queue)
    )
    server = uvicorn.Server(
        uvicorn.Config(site, log_config=None, access_log=False, timeout_graceful_shutdown=3)
    )
    try:
        server.run(sockets=[listener])
    finally:
        registry.close()
