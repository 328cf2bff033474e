"""The listening process: an application entity with the handlers, and its orderly end.

Knows sockets, timeouts and the start and stop of the acceptor; decides nothing about images.
"""

import errno
import signal
import ssl
import threading
import time
from typing import Any

from pynetdicom import AE, evt

from dicom_node.commitment import Hearing
from dicom_node.contexts import acceptor_contexts
from dicom_node.handlers import Admission, NodeHandlers
from dicom_node.listeners import MAXIMUM_PDU_BYTES, PlainListener, TlsListener
from dicom_node.logbook import Logbook
from dicom_node.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.renewal import Renewal
from dicom_node.switches import set_process_switches
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.identifiers import check_ae_title
from plugin.logs import configure, get_logger
from plugin.registry import Registry
from plugin.settings import Settings
from plugin.spool import Spool

log = get_logger(__name__)

DRAIN_SECONDS = 20.0  # less than what supervisors wait before they kill
_NOTING_SECONDS = 5.0  # the next start closes in the registry what could not be noted
_TICK_SECONDS = 1.0
_REQUEST_SECONDS = 30.0  # from the connection to its A-ASSOCIATE-RQ
_ANY_NUMBER_OF_ASSOCIATIONS = 10_000  # ours is checked in the handler, which also notes it


class Node:
    """The DICOM acceptor of one process.

    Parameters
    ----------
    settings
        Uses ``node``, ``tls`` and ``spool.minimum_free_bytes``.
    """

    def __init__(self, settings: Settings, spool: Spool, registry: Registry) -> None:
        self._settings = settings
        self._plain: Any = None
        self._secure: Any = None
        self._threads: list[threading.Thread] = []
        self._renewal: Renewal | None = None
        self._ae_title = check_ae_title(settings.node.ae_title)
        self._logbook = Logbook()
        self._hearing = Hearing(registry, settings.delivery.maximum_retry_seconds)
        self.handlers = NodeHandlers(
            spool,
            registry,
            Admission(
                self._ae_title,
                settings.node.accept_unknown_peers,
                settings.node.maximum_associations,
            ),
            settings.spool.minimum_free_bytes,
            self.n_associations,
            self._logbook,
        )

    @property
    def port(self) -> int:
        """The port that is listened on without TLS (the real one when 0 was configured)."""
        return int(self._plain.server_address[1])

    @property
    def tls_port(self) -> int:
        """The port that is listened on with TLS."""
        return int(self._secure.server_address[1])

    @property
    def _listeners(self) -> list[Any]:
        return [one for one in (self._plain, self._secure) if one is not None]

    def n_associations(self) -> int:
        """Count the established associations; a mere TCP connection (a port scan) is none."""
        return len(self._established())

    def _established(self) -> list[Any]:
        return [one for one in self._active() if one.is_established]

    def _active(self) -> list[Any]:
        return [one for listener in self._listeners for one in listener.active_associations]

    def start(self) -> None:
        """Listen.

        Raises
        ------
        ConfigurationError
            ``PORT_IN_USE`` when another program listens there, ``ADDRESS_NOT_USABLE`` when the
            address is not ours or the port needs a right that we have not; or the certificate
            cannot be used.
        """
        set_process_switches()
        node, tls = self._settings.node, self._settings.tls
        entity = self._application_entity()
        try:
            if node.plain:
                self._plain = self._listen(entity, PlainListener, node.port, "node.port")
            if tls.certificate:
                self._secure = self._listen(entity, TlsListener, tls.port, "tls.port")
                self._renewal = Renewal(tls, self._use)
        except ConfigurationError:
            for listener in self._listeners:
                listener.server_close()
            self._plain = self._secure = None
            raise
        self._logbook.open()
        for listener in self._listeners:
            thread = threading.Thread(
                target=listener.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
            )
            self._threads.append(thread)
            thread.start()
        log.info(
            "node_started",
            ae_title=self._ae_title,
            port=self.port if self._plain else self.tls_port,
            is_tls=self._secure is not None,
            is_plain=self._plain is not None,
        )

    def _listen(self, entity: Any, kind: type[PlainListener], port: int, setting: str) -> Any:
        host = self._settings.node.host
        try:
            listener = entity.make_server(
                (host, port),
                ae_title=self._ae_title,
                contexts=acceptor_contexts(),
                evt_handlers=self._bindings(),
                server_class=kind,
            )
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise ConfigurationError(
                Reason.PORT_IN_USE if taken else Reason.ADDRESS_NOT_USABLE,
                f"{setting} {port}, node.host {host}",
            ) from None
        listener.refused = self.handlers.refused
        entity._servers.append(listener)  # noqa: SLF001  its shutdown() removes it
        return listener

    def _use(self, context: ssl.SSLContext) -> None:
        """Use a certificate from the next connection on; open associations go on."""
        self._secure.ssl_context = context

    def renew(self) -> None:
        """Have the certificate read anew at the next look."""
        if self._renewal is not None:
            self._renewal.ask()

    def tend(self) -> None:
        """Do what is due now and then; called about once a second."""
        self.handlers.tend()
        if self._renewal is not None:
            self._renewal.look()

    def _application_entity(self) -> Any:
        entity = AE(ae_title=self._ae_title)
        entity.maximum_pdu_size = MAXIMUM_PDU_BYTES
        entity.maximum_associations = _ANY_NUMBER_OF_ASSOCIATIONS
        entity.network_timeout = self._settings.node.idle_timeout_seconds
        entity.acse_timeout = min(_REQUEST_SECONDS, self._settings.node.idle_timeout_seconds)
        entity.dimse_timeout = self._settings.node.idle_timeout_seconds
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        return entity

    def _bindings(self) -> list[tuple[Any, Any]]:
        handlers = self.handlers
        return [
            (evt.EVT_CONN_OPEN, handlers.connected),
            (evt.EVT_DATA_RECV, handlers.received),
            (evt.EVT_REQUESTED, handlers.requested),
            (evt.EVT_ESTABLISHED, handlers.established),
            (evt.EVT_RELEASED, handlers.released),
            (evt.EVT_ABORTED, handlers.aborted),
            (evt.EVT_C_ECHO, handlers.echo),
            (evt.EVT_C_STORE, handlers.store),
            (evt.EVT_N_ACTION, handlers.action),
            (evt.EVT_N_EVENT_REPORT, self._hearing),
        ]

    def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Stop listening, let open associations finish for a while, abort the rest."""
        if not self._listeners:
            return
        for listener in self._listeners:
            listener.shutdown()  # closes the listening socket only
        deadline = time.monotonic() + drain_seconds
        while self._established() and time.monotonic() < deadline:
            time.sleep(0.05)
        for association in self._established():
            association.abort()
        for connection in self._active():
            connection.dul.kill_dul()  # never asked for an association; its thread would linger
        for thread in self._threads:
            thread.join(timeout=5)
        self.handlers.tend()
        self._logbook.close(_NOTING_SECONDS)
        self._plain = self._secure = None
        log.info("node_stopped")


def main(settings: Settings) -> None:
    """Run the node until SIGTERM or SIGINT; SIGHUP has it read its certificate anew.

    Raises
    ------
    ConfigurationError
        When it cannot listen, or the AE title cannot be one.
    """
    configure(settings.logs.level, "node")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    spool = Spool(settings.spool.folder)
    registry = Registry(settings.registry_url)
    registry.migrate()
    registry.associations.close_stale()
    spool.remove_unfinished()
    node = Node(settings, spool, registry)
    signal.signal(signal.SIGHUP, lambda *_: node.renew())
    try:
        node.start()
        with registry.audit.running("node"):
            while not stopping.wait(_TICK_SECONDS):
                node.tend()
    finally:
        node.stop()
        registry.close()
