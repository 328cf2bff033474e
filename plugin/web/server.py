"""The pages as one application, and the process that serves them.

Knows how the parts are put together; what a page shows is in the module of its name.
"""

import errno
import signal
import socket
import sys
from collections.abc import Callable
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from plugin.accounts import Accounts
from plugin.certificates import CIPHERS_TLS_1_2
from plugin.domain.errors import ConfigurationError, Reason
from plugin.logs import configure
from plugin.openid import HospitalLogin
from plugin.queue import make_app as make_queue
from plugin.queue import ping
from plugin.registry import Registry
from plugin.settings import Settings
from plugin.spool import Spool
from plugin.web.account import account_routes
from plugin.web.administration import administration_routes
from plugin.web.administration.upload import remove_lost_uploads
from plugin.web.answers import API, add_answers
from plugin.web.api import api_routes
from plugin.web.events import event_routes
from plugin.web.files import file_routes
from plugin.web.guard import add_guard
from plugin.web.hospital_login import hospital_login_routes
from plugin.web.limit import LoginLimit
from plugin.web.login import login_routes
from plugin.web.orders import order_routes
from plugin.web.people import people_routes
from plugin.web.quality import quality_api, quality_routes
from plugin.web.renewal import check_certificate, renewed
from plugin.web.site import STATIC, Site
from plugin.web.status import is_healthy, lights
from plugin.web.study import study_routes
from plugin.web.visitor import Door
from plugin.web.withdrawal import withdrawal_routes
from plugin.web.worklist import worklist_routes


def make_site(
    settings: Settings, registry: Registry, spool: Spool, ask_queue: Callable[[], None]
) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    ask_queue
        Raises ``TransientError`` when the queue does not answer.
    """
    accounts = Accounts(registry)
    hospital_login = HospitalLogin(settings.openid) if settings.openid.issuer else None
    site = Site(settings, registry, spool, ask_queue, accounts, hospital_login)
    door = Door(accounts, settings.web.idle_minutes * 60)
    app = FastAPI(
        title="cmr-triage",
        description="AI, not verified by a physician, not for diagnosis.",
        version=version("cmr-triage"),
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
    )
    add_guard(app, settings.web)
    add_answers(app, site)
    limit = LoginLimit()
    app.include_router(login_routes(site, door, limit))
    app.include_router(hospital_login_routes(site))
    app.include_router(account_routes(site, door, limit))
    app.include_router(worklist_routes(site, door))
    app.include_router(study_routes(site, door))
    app.include_router(withdrawal_routes(site, door))
    app.include_router(file_routes(site, door))
    app.include_router(event_routes(site, door))
    app.include_router(administration_routes(site, door))
    app.include_router(order_routes(site, door))
    app.include_router(people_routes(site, door))
    app.include_router(quality_routes(site, door))
    app.include_router(api_routes(site, door, API))
    app.include_router(quality_api(site, door, API))
    app.mount("/static", StaticFiles(directory=STATIC))

    @app.get("/health", include_in_schema=False)
    def health() -> Response:
        shown = lights(settings, registry, spool, ask_queue)
        healthy = is_healthy(shown)
        content = {"healthy": healthy, **{light.name: light.text for light in shown}}
        return JSONResponse(content, status_code=200 if healthy else 503)

    return app


def listen(host: str, port: int) -> socket.socket:
    """Bind the pages' address.

    Raises
    ------
    ConfigurationError
        ``PORT_IN_USE``, ``ADDRESS_NOT_USABLE``.
    """
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
    """Serve the pages until SIGTERM or SIGINT.

    Raises
    ------
    ConfigurationError
        It cannot listen, or its certificate cannot be used.
    """
    configure(settings.logs.level, "web")
    # uvicorn raises the signal again when it is done; being asked to stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    check_certificate(settings.web)
    listener = listen(settings.web.host, settings.web.port)
    registry = Registry(settings.registry_url)
    registry.migrate()
    queue = make_queue(settings)
    spool = Spool(settings.spool.folder)
    remove_lost_uploads(registry, spool)
    site = make_site(settings, registry, spool, ask_queue=lambda: ping(queue))
    config = uvicorn.Config(
        site,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
        server_header=False,
        forwarded_allow_ips=settings.web.trusted_proxies,
        ssl_certfile=settings.web.certificate or None,
        ssl_keyfile=settings.web.private_key or None,
        ssl_ciphers=CIPHERS_TLS_1_2,  # and TLS 1.3; older ones Python itself refuses
    )
    config.load()
    try:
        with registry.audit.running("web"), renewed(settings.web, config.ssl):
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        registry.close()
