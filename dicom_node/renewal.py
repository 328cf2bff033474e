"""The node's certificate over time: new files are taken while it runs, an end is told beforehand.

Knows files and clocks; how a context is made of them is ``tls``.
"""

import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime

from dicom_node.tls import server_context
from plugin.certificates import CertificateFiles, read_certificate
from plugin.domain.errors import ConfigurationError, Reason
from plugin.logs import get_logger
from plugin.settings import TlsSettings

log = get_logger(__name__)

_REMIND_SECONDS = 86400.0


class Renewal:
    """Watches the files of the node's certificate.

    Parameters
    ----------
    use
        Gets each context that is to be used from then on.

    Raises
    ------
    ConfigurationError
        The files cannot be used at the start; later the context before stays in use.
    """

    def __init__(self, settings: TlsSettings, use: Callable[[ssl.SSLContext], None]) -> None:
        self._settings = settings
        self._use = use
        self._files = CertificateFiles(settings.certificate, settings.private_key, settings.ca_file)
        self._is_asked = False
        self._remind_at = 0.0
        use(server_context(settings))
        self._remind(time.monotonic())

    def ask(self) -> None:
        """Read the files again at the next look, changed or not (SIGHUP)."""
        self._is_asked = True

    def look(self) -> None:
        """Take files that changed and then stayed for a moment; remind of an end once a day."""
        now = time.monotonic()
        if self._files.are_renewed() or self._is_asked:
            self._is_asked = False
            self._reload()
            self._remind_at = now
        if now >= self._remind_at:
            self._remind(now)

    def _reload(self) -> None:
        try:
            self._use(server_context(self._settings))
        except ConfigurationError as error:
            log.error("certificate_not_taken", reason=error.reason)
            return
        log.info("certificate_taken")

    def _remind(self, now: float) -> None:
        self._remind_at = now + _REMIND_SECONDS
        try:
            certificate = read_certificate(self._settings.certificate)
        except ConfigurationError as error:
            log.error("certificate_unreadable", reason=error.reason)
            return
        today = datetime.now(UTC)
        n_days = int(certificate.days_left(today))
        if not certificate.is_valid(today):
            log.error("certificate_ended", reason=Reason.CERTIFICATE_EXPIRED, n_days=n_days)
        elif n_days < self._settings.warn_days:
            log.warning("certificate_ends_soon", n_days=n_days)
