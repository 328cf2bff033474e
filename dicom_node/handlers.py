"""What the node does when something arrives: admit or reject, store, answer.

``store`` acknowledges after the bytes are durable and never looks into them: a broken dataset can
neither lose an image nor stop a transfer. Reading them is ``indexer``, later and elsewhere. The
registry is asked once per association, who may send; what is written to it goes through
``logbook``, so that no answer waits for a database.

References
----------
DICOM PS3.4 A.4 (C-ECHO), B.2 (C-STORE), PS3.8 9.3.4 (A-ASSOCIATE-RJ).
"""

import contextlib
import socket
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dicom_node.logbook import Logbook
from dicom_node.part10 import part10_header
from dicom_node.peers import KnownPeer, reason_to_reject
from dicom_node.statuses import (
    CANNOT_UNDERSTAND,
    CLASS_NOT_SUPPORTED,
    NOT_AUTHORISED,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    REJECTIONS,
    SUCCESS,
)
from dicom_node.tls import proof_of
from plugin.domain.certificates import PeerTls
from plugin.domain.errors import Reason, TransientError, TriageError
from plugin.logs import get_logger
from plugin.registry import DestinationRecord, PeerRecord, Registry
from plugin.spool import Spool

log = get_logger(__name__)

_BEAT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Admission:
    """What decides about associations, from the settings."""

    ae_title: str
    accept_unknown_peers: bool
    maximum_associations: int


@dataclass(slots=True)
class _Tally:
    """One open association: its id in the registry and what it has sent so far."""

    association_id: str
    calling_ae_title: str
    called_ae_title: str
    n_received: int
    beat_at: float
    may_store: bool


class NodeHandlers:
    """Event handlers of the acceptor; one object for all associations, safe across threads."""

    def __init__(
        self,
        spool: Spool,
        registry: Registry,
        admission: Admission,
        minimum_free_bytes: int,
        count_associations: Callable[[], int],
        logbook: Logbook,
    ) -> None:
        self._spool = spool
        self._registry = registry
        self._logbook = logbook
        self._admission = admission
        self._minimum_free_bytes = minimum_free_bytes
        self._count_associations = count_associations
        self._open: dict[Any, _Tally] = {}
        # Associations of destinations that are no peers: they may report, not store.
        self._reporters: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()

    def connected(self, event: Any) -> None:
        """Switch Nagle's algorithm off: with it every answer waits for the sender's delayed ACK."""
        sock = event.assoc.dul.socket.socket
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def received(self, event: Any) -> None:
        """Acknowledge each TCP segment at once: a sender with Nagle's algorithm waits for it.

        Linux switches this off again by itself, so it is set after every PDU.
        """
        sock = event.assoc.dul.socket.socket
        if sock is not None:
            with contextlib.suppress(OSError):  # closed in this moment
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def requested(self, event: Any) -> None:
        """Admit or reject an association request (A-ASSOCIATE-RQ), and note a rejection.

        A fault of ours rejects for the moment: pynetdicom goes on to accept when this handler
        fails, and nobody may enter because nobody looked.
        """
        calling, called, address = "", "", ""
        try:
            request = event.assoc.requestor.primitive
            calling = str(request.calling_ae_title).strip(" ")
            called = str(request.called_ae_title).strip(" ")
            address = str(event.assoc.requestor.address)
            reason = self._reason_to_reject(event.assoc, calling, called, address)
        except Exception as error:
            log.error("admission_failed", reason=Reason.INTERNAL_ERROR, exc_info=error)
            reason = Reason.INTERNAL_ERROR
        if reason is None:
            return
        try:
            rejection = REJECTIONS[reason]
            event.assoc.acse.send_reject(rejection.result, rejection.source, rejection.diagnostic)
        finally:
            event.assoc.kill()
        log.warning(
            "association_rejected",
            reason=reason,
            calling_ae_title=calling,
            called_ae_title=called,
            address=address,
        )
        self._logbook.write(
            lambda: self._registry.associations.rejected(calling, called, address, reason)
        )

    def _reason_to_reject(
        self, assoc: Any, calling: str, called: str, address: str
    ) -> Reason | None:
        if self._count_associations() >= self._admission.maximum_associations:
            return Reason.TOO_MANY_ASSOCIATIONS
        try:
            record: PeerRecord | DestinationRecord | None = self._registry.peers.get(calling)
            if record is None and not self._admission.accept_unknown_peers:
                record = self._registry.destinations.with_ae_title(calling)
        except TriageError:
            return Reason.REGISTRY_UNAVAILABLE
        if isinstance(record, DestinationRecord):
            self._reporters.add(assoc)
        return reason_to_reject(
            called_ae_title=called,
            our_ae_title=self._admission.ae_title,
            address=address,
            peer=None if record is None else _known(record),
            proof=proof_of(assoc.dul.socket.socket),
            accept_unknown_peers=self._admission.accept_unknown_peers,
        )

    def refused(self, address: str, reason: Reason) -> None:
        """Note a connection that ended before it could ask for an association."""
        log.warning("connection_refused", reason=reason, address=address)
        self._logbook.write(lambda: self._registry.associations.rejected("", "", address, reason))

    def established(self, event: Any) -> None:
        """Note an open association, so that the assembler waits for its end."""
        tally = _Tally(
            association_id=uuid.uuid4().hex,
            calling_ae_title=str(event.assoc.requestor.primitive.calling_ae_title).strip(" "),
            called_ae_title=str(event.assoc.requestor.primitive.called_ae_title).strip(" "),
            n_received=0,
            beat_at=time.monotonic(),
            may_store=event.assoc not in self._reporters,
        )
        with self._lock:
            self._open[event.assoc] = tally
        address = str(event.assoc.requestor.address)

        def note() -> None:
            self._registry.associations.opened(
                tally.association_id, tally.calling_ae_title, tally.called_ae_title, address
            )
            self._registry.peers.seen(tally.calling_ae_title)

        self._logbook.write(note)

    def released(self, event: Any) -> None:
        """Note the orderly end of an association."""
        self._end(event.assoc, "released")

    def aborted(self, event: Any) -> None:
        """Note an aborted association; what it sent and got acknowledged stays."""
        self._end(event.assoc, "aborted")

    def tend(self) -> None:
        """Note which associations still live, and end those that were lost without an abort."""
        with self._lock:
            tallies = list(self._open.items())
        now = time.monotonic()
        for assoc, tally in tallies:
            if not assoc.is_alive():
                self._end(assoc, "aborted")
            elif now - tally.beat_at > _BEAT_SECONDS:
                tally.beat_at = now
                self._beat(tally)

    def _end(self, assoc: Any, outcome: str) -> None:
        with self._lock:
            tally = self._open.pop(assoc, None)
        if tally is None:
            return
        tell = log.info if outcome == "released" else log.warning
        tell(
            "association_ended",
            association_id=tally.association_id,
            calling_ae_title=tally.calling_ae_title,
            outcome=outcome,
            reason=None if outcome == "released" else Reason.ASSOCIATION_ABORTED,
            n_instances=tally.n_received,
        )
        n_received = tally.n_received
        self._logbook.write(
            lambda: self._registry.associations.closed(tally.association_id, outcome, n_received)
        )

    def echo(self, _event: Any) -> int:
        """Answer C-ECHO."""
        return SUCCESS

    def action(self, _event: Any) -> tuple[int, None]:
        """Refuse N-ACTION: we ask others to commit, and keep images only until the result is out.

        Who needs a commitment for what is sent here must ask the archive.
        """
        return CLASS_NOT_SUPPORTED, None

    def store(self, event: Any) -> int:
        """Keep the bytes of a C-STORE request, then answer.

        Returns
        -------
        int
            0x0000 when the bytes are on disk; 0xA700 when the disk has no room (the sender keeps
            its copy and tries again); 0xC000 without a dataset; 0x0124 to a destination that is
            no peer; 0x0110 for a fault of ours.
        """
        try:
            return self._keep(event)
        except TransientError as error:
            log.error("instance_refused", reason=error.reason)
            return OUT_OF_RESOURCES
        except Exception as error:
            log.error(
                "instance_refused",
                reason=Reason.INTERNAL_ERROR,
                exc_info=error,
            )
            return PROCESSING_FAILURE

    def _keep(self, event: Any) -> int:
        request = event.request
        tally = self._open[event.assoc]
        if not tally.may_store:
            return NOT_AUTHORISED
        if request.DataSet is None:
            return CANNOT_UNDERSTAND
        if not self._spool.has_room(self._minimum_free_bytes):
            raise TransientError(Reason.DISK_FULL)
        header = part10_header(
            sop_class_uid=str(request.AffectedSOPClassUID),
            sop_instance_uid=str(request.AffectedSOPInstanceUID),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            calling_ae_title=tally.calling_ae_title,
            called_ae_title=tally.called_ae_title,
        )
        name = f"{time.time_ns():020d}-{tally.association_id}-{tally.n_received:06d}.dcm"
        self._spool.write_incoming(name, (header, event.encoded_dataset(include_meta=False)))
        tally.n_received += 1
        return SUCCESS

    def _beat(self, tally: _Tally) -> None:
        n_received = tally.n_received
        self._logbook.write(
            lambda: self._registry.associations.beat(tally.association_id, n_received)
        )


def _known(record: PeerRecord | DestinationRecord) -> KnownPeer:
    """Return what admission needs of a peer, or of a destination that reports back.

    A destination that is called by TLS must report by TLS too.
    """
    if isinstance(record, DestinationRecord):
        return KnownPeer(record.host, record.enabled, needs_tls=record.tls)
    return KnownPeer(
        record.host,
        record.enabled,
        record.tls is PeerTls.REQUIRED,
        record.certificate_name,
        record.certificate_fingerprint,
    )
