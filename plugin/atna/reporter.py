"""Reporting the audit trail: what the repository has not got yet, in order, until it has.

Runs as one thread of the delivering process. A repository that is down costs nothing but a try now
and then; the registry keeps what waits.
"""

import contextlib
import threading
from collections.abc import Sequence

from plugin.atna.events import message_of
from plugin.atna.message import encode
from plugin.atna.syslog import send_messages, syslog_message
from plugin.domain.errors import Reason, TransientError
from plugin.logs import get_logger
from plugin.registry import AuditRecord, Registry
from plugin.settings import Settings

log = get_logger(__name__)

_LOOKS_EVERY_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 300.0
_BATCH = 200


class AuditReporter:
    """Reports what is audited, while it runs; does nothing where no repository is set."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to report in the background, also what is audited from this moment on."""
        if self._settings.audit.repository:
            with contextlib.suppress(TransientError):
                self._registry.audit_reports.begin()
            self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
            self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Report what still waits, if that works at once; the rest at the next start."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def report(self) -> int:
        """Report the oldest entries that wait; return how many.

        Raises
        ------
        TransientError
            The repository or the registry cannot be reached; nothing is lost.
        """
        entries = self._registry.audit_reports.waiting(_BATCH)
        if entries:
            send_messages(self._settings.audit, self._messages(entries))
            self._registry.audit_reports.sent([entry.id for entry in entries])
        return len(entries)

    def _messages(self, entries: Sequence[AuditRecord]) -> list[bytes]:
        node, audit = self._settings.node.ae_title, self._settings.audit
        of_studies = {
            entry.subject.removeprefix("study ")
            for entry in entries
            if entry.subject.startswith("study ")
        }
        studies = self._registry.studies.by_keys(of_studies) if of_studies else {}
        written = []
        for entry in entries:
            study = studies.get(entry.subject.removeprefix("study "))
            message = message_of(entry, study, node)
            xml = encode(message, audit.source or node, audit.site)
            written.append(syslog_message(xml, int(message.outcome), entry.at))
        return written

    def _run(self) -> None:
        pause_seconds = 0.0
        while not self._stopping.wait(pause_seconds):
            try:
                self._registry.audit_reports.begin()
                n_reported = self.report()
            except TransientError as error:
                pause_seconds = min(max(2 * pause_seconds, 5.0), _LONGEST_PAUSE_SECONDS)
                self._failed(error.reason)
            except Exception as error:
                # A fault of ours must not end the reporting of everything that follows.
                pause_seconds = _LONGEST_PAUSE_SECONDS
                log.error("audit_not_reported", reason=Reason.INTERNAL_ERROR, exc_info=error)
                self._failed(Reason.INTERNAL_ERROR)
            else:
                pause_seconds = 0.0 if n_reported == _BATCH else _LOOKS_EVERY_SECONDS
        if pause_seconds <= _LOOKS_EVERY_SECONDS:
            with contextlib.suppress(TransientError):
                self.report()

    def _failed(self, reason: Reason) -> None:
        log.warning("audit_repository_failed", reason=reason)
        try:
            self._registry.audit_reports.failed(reason)
        except TransientError as error:
            log.warning("audit_repository_failed", reason=error.reason)
