"""What every answer of every address has in common: names we answer to, origin, size, headers."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from plugin.registry.audit import USED_FROM
from plugin.settings import WebSettings, is_loopback
from plugin.web.body import BodyLimit

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not "no-referrer": browsers would then hide from ourselves where a form came from.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def add_guard(app: FastAPI, web: WebSettings) -> None:
    """Check every request before any page sees it, and complete every answer."""
    app.add_middleware(BodyLimit)

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        USED_FROM.set(client_address(request))
        host = request.headers.get("host", "")
        if not answers_to(host, web):
            # A foreign name for this machine (DNS rebinding) would make foreign pages ours.
            refused = PlainTextResponse("This system does not answer to this name.", 400)
            refused.headers.update(HEADERS)
            return refused
        if request.method not in _SAFE_METHODS and not same_origin(request, host):
            refused = PlainTextResponse("The request came from another site.", 403)
            refused.headers.update(HEADERS)
            return refused
        response = await answer(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if web.public_url and not is_loopback(host_name(host)):
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response


def client_address(request: Request) -> str | None:
    """Return the IP address of whoever asks: of the peer, or as a trusted proxy tells it."""
    text = request.client.host if request.client else ""
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def answers_to(host: str, web: WebSettings) -> bool:
    """Tell whether a Host header (with or without port) is a name of ours."""
    name = host_name(host)
    return is_loopback(name) or bool(
        web.public_url and name.lower() == urlsplit(web.public_url).hostname
    )


def host_name(host: str) -> str:
    """Return the name in a Host header."""
    return host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


def same_origin(request: Request, host: str) -> bool:
    """Tell whether a browser says that our own page sent the request; scripts say nothing."""
    fetched_from = request.headers.get("sec-fetch-site")
    if fetched_from is not None:
        return fetched_from in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == host
