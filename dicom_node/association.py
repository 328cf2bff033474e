"""Opening an association as a requestor, and saying in words why it could not be opened.

Knows sockets, time-outs and rejections; what is said on an association is ``sender``,
``commitment`` and ``query``.

References
----------
DICOM PS3.8 9.3.4 (A-ASSOCIATE-RJ).
"""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, build_context, evt

from dicom_node.answers import keep_answers, keep_requests
from dicom_node.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.statuses import explain_rejection
from dicom_node.switches import set_process_switches
from dicom_node.tls import NOBODY, ClientContext, Identity, client_context, why_destination_failed
from plugin.domain.certificates import PeerTls
from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.registry import DestinationRecord, PeerRecord

_ANSWER_TIMEOUT_FACTOR = 6  # an archive may take a while to store; a dead connection is noticed


@dataclass(frozen=True, slots=True)
class Address:
    """Where to call: host, port, the AE title there.

    Attributes
    ----------
    tls
        Whether by TLS.
    tls_name
        Name that its certificate must carry; None: ``host``.
    ca_file
        Certificates (PEM) that its is checked against; None: the caller's.
    """

    host: str
    port: int
    ae_title: str
    tls: bool = False
    tls_name: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: our AE title and certificate, and how long the other side has for an answer."""

    ae_title: str
    timeout_seconds: float
    identity: Identity = NOBODY


def address_of(destination: DestinationRecord) -> Address:
    """Return where a DIMSE destination is."""
    return Address(
        destination.host,
        destination.port,
        destination.ae_title,
        destination.tls,
        destination.tls_name,
        destination.ca_file,
    )


def address_of_peer(peer: PeerRecord) -> Address:
    """Return where a peer listens itself; one that must come by TLS is called by TLS too.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: nobody said where.
    """
    if not peer.host or peer.port is None:
        detail = f"peer {peer.ae_title} has no host and port: peer edit --host --port"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    return Address(peer.host, peer.port, peer.ae_title, tls=peer.tls is PeerTls.REQUIRED)


def accepted_classes(association: Any) -> set[str]:
    """Return the SOP classes for which a context was accepted."""
    return {str(context.abstract_syntax) for context in association.accepted_contexts}


@contextmanager
def open_association(
    address: Address,
    caller: Caller,
    contexts: Iterable[Any],
    handlers: Iterable[tuple[Any, Any]] = (),
) -> Iterator[Any]:
    """Open an association and release it at the end.

    Parameters
    ----------
    handlers
        For what the other side asks on it, as pynetdicom binds them.

    Raises
    ------
    TransientError
        It could not be opened; the detail tells a closed port from a refused AE title. With TLS
        also what is wrong with a certificate or the handshake (``DESTINATION_CERTIFICATE`` and its
        neighbours), or with a file of ours.
    """
    set_process_switches()
    context = client_context(caller.identity, address.ca_file) if address.tls else None
    connected: list[bool] = []

    def on_connected(event: Any) -> None:
        connected.append(True)
        sock = event.assoc.dul.socket.socket
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    try:
        host = socket.gethostbyname(address.host) if ":" not in address.host else address.host
        association = _application_entity(caller).associate(
            host,
            address.port,
            contexts=list(contexts),
            ae_title=address.ae_title,
            max_pdu=0,
            tls_args=context and (context, address.tls_name or address.host),
            evt_handlers=[(evt.EVT_CONN_OPEN, on_connected), *handlers],
        )
    except OSError:
        detail = f"{address.host} is not a known host name"
        raise TransientError(Reason.DESTINATION_UNREACHABLE, detail) from None
    if not association.is_established:
        raise _of_tls(context, address) or _not_established(
            association, address, caller, connected=bool(connected)
        )
    keep_answers(association)
    keep_requests(association)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


@contextmanager
def open_service(
    destination: DestinationRecord,
    caller: Caller,
    sop_class_uid: str,
    not_offered: Reason,
    handlers: Iterable[tuple[Any, Any]] = (),
) -> Iterator[Any]:
    """Open an association for one service of a destination.

    Raises
    ------
    TransientError
        ``not_offered`` when the destination does not negotiate it; else as ``open_association``.
    """
    contexts = [build_context(sop_class_uid)]
    try:
        with open_association(address_of(destination), caller, contexts, handlers) as association:
            yield association
    except TransientError as error:
        if error.reason is Reason.DESTINATION_NO_CONTEXT:
            raise TransientError(not_offered) from None
        raise


def _application_entity(caller: Caller) -> Any:
    entity = AE(ae_title=caller.ae_title)
    entity.connection_timeout = caller.timeout_seconds
    entity.acse_timeout = caller.timeout_seconds
    entity.dimse_timeout = caller.timeout_seconds * _ANSWER_TIMEOUT_FACTOR
    entity.network_timeout = caller.timeout_seconds * _ANSWER_TIMEOUT_FACTOR
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return entity


def _of_tls(context: ClientContext | None, address: Address) -> TransientError | None:
    """Return what TLS itself says about an association that was not opened."""
    known = why_destination_failed(context.failure) if context is not None else None
    if known is None:
        return None
    reason, words = known
    return TransientError(reason, f"{address.host}:{address.port}: {words}")


def _not_established(
    association: Any, address: Address, caller: Caller, *, connected: bool
) -> TransientError:
    place = f"{address.host}:{address.port}"
    if association.is_rejected:
        answer = association.acceptor.primitive
        text = explain_rejection(answer.result_source, answer.diagnostic)
        detail = f"{place}: {text}; called {address.ae_title}, calling {caller.ae_title}"
        return TransientError(Reason.DESTINATION_REJECTED_ASSOCIATION, detail)
    if association.acceptor.primitive is not None:
        return TransientError(Reason.DESTINATION_NO_CONTEXT, f"{place}: no context was accepted")
    detail = "connected, but no DICOM answer" if connected else "no connection"
    return TransientError(Reason.DESTINATION_UNREACHABLE, f"{place}: {detail}")
