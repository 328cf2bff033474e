"""The delivering process: follows the configured destinations until it is told to stop.

Besides, it reports what is audited to the hospital's audit repository, and asks a peer or a
destination for a sign of life when a page wants to know.

It uses no Celery: the registry is its queue (decision record 0002).
"""

import signal
import threading

from dicom_node.deliverer import Deliverer
from dicom_node.requests import make_desk
from dicom_node.switches import set_process_switches
from plugin.atna import AuditReporter
from plugin.domain.errors import TransientError
from plugin.logs import configure, get_logger
from plugin.registry import Registry
from plugin.settings import Settings

log = get_logger(__name__)

_REFRESH_SECONDS = 1.0
_DRAIN_SECONDS = 20.0
_REPORTER_SECONDS = 3.0


def main(settings: Settings) -> None:
    """Deliver until SIGTERM or SIGINT."""
    configure(settings.logs.level, "deliver")
    set_process_switches()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        reporter = AuditReporter(settings, registry)
        reporter.start()
        try:
            with registry.audit.running("deliver"):
                _deliver(settings, registry, stopping)
        finally:
            reporter.stop(_REPORTER_SECONDS)


def _deliver(settings: Settings, registry: Registry, stopping: threading.Event) -> None:
    desk = make_desk(settings, registry)
    desk.open()
    log.info("delivery_started", state=settings.operation.mode)
    deliverer = Deliverer(settings, registry)
    try:
        while not stopping.is_set():
            try:
                deliverer.refresh()
            except TransientError as error:
                log.warning("destinations_not_read", reason=error.reason)
            stopping.wait(_REFRESH_SECONDS)
    finally:
        desk.close()
        deliverer.stop(_DRAIN_SECONDS)
