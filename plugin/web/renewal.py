"""The certificate of the pages over time: new files are taken while they are served.

That a certificate ends soon is said on the administration page and in ``/health``.
"""

import contextlib
import ssl
import threading
from collections.abc import Iterator

from plugin.certificates import CIPHERS_TLS_1_2, CertificateFiles, load_identity
from plugin.domain.errors import ConfigurationError
from plugin.logs import get_logger
from plugin.settings import WebSettings

log = get_logger(__name__)

_LOOK_SECONDS = 1.0


def check_certificate(web: WebSettings) -> None:
    """Try the certificate of the pages, if there is one, before anything uses it.

    Raises
    ------
    ConfigurationError
        As ``plugin.certificates.load_identity``.
    """
    if web.certificate:
        trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        load_identity(trial, web.certificate, web.private_key)


@contextlib.contextmanager
def renewed(web: WebSettings, context: ssl.SSLContext | None) -> Iterator[None]:
    """Show new connections the certificate as its files are then, while entered.

    Parameters
    ----------
    context
        That of the server; None: it speaks no TLS.
    """
    if context is None:
        yield
        return
    ended, files = threading.Event(), CertificateFiles(web.certificate, web.private_key)

    def watch() -> None:
        while not ended.wait(_LOOK_SECONDS):
            if files.are_renewed():
                take(web, context)

    threading.Thread(target=watch, name="certificate", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def take(web: WebSettings, context: ssl.SSLContext) -> None:
    """Have a context show the certificate of the files; what cannot be used changes nothing.

    The certificate goes into a context of its own, to which each connection turns as it begins: a
    context that is loaded anew while it serves has no certificate for a moment.
    """
    fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    fresh.set_ciphers(CIPHERS_TLS_1_2)  # as the server's own
    try:
        load_identity(fresh, web.certificate, web.private_key)
    except ConfigurationError as error:
        log.error("certificate_not_taken", reason=error.reason)
        return

    def turn(connection: ssl.SSLObject, _name: str | None, _first: ssl.SSLContext) -> None:
        connection.context = fresh

    context.sni_callback = turn  # also called where a client names no server
    log.info("certificate_taken")
