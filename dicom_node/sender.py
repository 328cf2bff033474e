"""Our side as a sender: one association to one destination, stored bytes out, answers explained.

Knows associations and statuses; when to try again is ``deliverer``, what is sent is the registry.
The bytes that a job wrote are sent as they lie, unless a destination takes nothing but the default
transfer syntax: then the same values are sent in Implicit VR Little Endian, under the same UID.

References
----------
DICOM PS3.4 A (Verification), B (Storage), PS3.5 10.1 (the default transfer syntax), PS3.7 9.1.1
(C-STORE), PS3.8 9.3.4 (A-ASSOCIATE-RJ).
"""

import io
import socket
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, build_context, evt

from dicom_node.answers import keep_answers
from dicom_node.contexts import VERIFICATION
from dicom_node.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.statuses import Outcome, explain_rejection, meaning_of_store_status
from dicom_node.switches import set_process_switches
from plugin.domain.errors import Reason, TransientError
from plugin.domain.objects import SOP_CLASSES_OF_KIND
from plugin.registry import DeliveryRecord, DestinationRecord

_ANSWER_TIMEOUT_FACTOR = 6  # an archive may take a while to store; a dead connection is noticed
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to call: host, port, the AE title there."""

    host: str
    port: int
    ae_title: str


@dataclass(frozen=True, slots=True)
class SendResult:
    """What happened to one delivery; ``status`` is the DIMSE status when there was an answer."""

    delivery_id: int
    outcome: Outcome
    reason: Reason | None
    status: int | None


def verify(host: str, port: int, ae_title: str, our_ae_title: str, timeout_seconds: float) -> float:
    """Ask whether an application entity answers (C-ECHO).

    Returns
    -------
    float
        Seconds from the first packet to the answer.

    Raises
    ------
    TransientError
        ``DESTINATION_UNREACHABLE`` or ``DESTINATION_REJECTED_ASSOCIATION``; the detail says what
        to look at.
    """
    return _verify(Address(host, port, ae_title), our_ae_title, timeout_seconds, ())


def verify_destination(
    destination: DestinationRecord, our_ae_title: str, timeout_seconds: float
) -> float:
    """Ask whether a destination answers and takes the kinds of objects that it should get.

    Raises
    ------
    TransientError
        As ``verify``; ``DESTINATION_NO_CONTEXT`` names the kinds that it does not take.
    """
    address = Address(destination.host, destination.port, destination.ae_title)
    return _verify(address, our_ae_title, timeout_seconds, destination.objects)


def _verify(
    address: Address, our_ae_title: str, timeout_seconds: float, kinds: Sequence[str]
) -> float:
    wanted = {(SOP_CLASSES_OF_KIND[kind], _EXPLICIT_LITTLE_ENDIAN) for kind in kinds}
    contexts = [build_context(VERIFICATION), *_contexts(wanted)]
    started = time.monotonic()
    with _association(address, our_ae_title, timeout_seconds, contexts) as association:
        accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
        if VERIFICATION in accepted:
            status = association.send_c_echo().get("Status")
            if status != 0:
                detail = "connected, but C-ECHO was not answered"
                raise TransientError(Reason.DESTINATION_UNREACHABLE, detail)
        seconds = time.monotonic() - started
        refused = [kind for kind in kinds if SOP_CLASSES_OF_KIND[kind] not in accepted]
        if refused:
            raise TransientError(Reason.DESTINATION_NO_CONTEXT, ", ".join(refused))
        return seconds


def send_objects(
    destination: DestinationRecord,
    deliveries: Sequence[DeliveryRecord],
    our_ae_title: str,
    timeout_seconds: float,
) -> Generator[SendResult, None, None]:
    """Send objects over one association, each with its own answer.

    Raises
    ------
    TransientError
        No association could be opened; nothing was sent.

    Yields
    ------
    SendResult
        As soon as each answer is there. When the association breaks at an object, that one is to
        be retried, and the rest, which was not tried, has no result.
    """
    sendable: list[tuple[DeliveryRecord, str]] = []
    syntaxes: set[tuple[str, str]] = set()
    for delivery in deliveries:
        syntax = _transfer_syntax(Path(delivery.path))
        if syntax is None:
            yield SendResult(delivery.id, Outcome.DEAD, Reason.RESULT_MISSING, None)
            continue
        sendable.append((delivery, syntax))
        syntaxes.add((delivery.sop_class_uid, syntax))
    if not sendable:
        return
    contexts = _contexts(syntaxes)
    address = Address(destination.host, destination.port, destination.ae_title)
    with _association(address, our_ae_title, timeout_seconds, contexts) as association:
        for delivery, syntax in sendable:
            result = _send_one(association, delivery, syntax)
            yield result
            # Without an answer the association is over, though pynetdicom may not have noticed it.
            if result.status is None and result.outcome is Outcome.RETRY:
                return


def _contexts(wanted: Iterable[tuple[str, str]]) -> list[Any]:
    """Propose each class in the encoding of its file and, on its own, in the default one.

    Two contexts let us choose among what is accepted; in one, the other side would.
    """
    pairs = {(uid, proposed) for uid, own in wanted for proposed in (own, _IMPLICIT_LITTLE_ENDIAN)}
    return [build_context(*pair) for pair in sorted(pairs)]


def _send_one(association: Any, delivery: DeliveryRecord, syntax: str) -> SendResult:
    if not association.is_established:
        return _unanswered(delivery)
    accepted = {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if str(context.abstract_syntax) == delivery.sop_class_uid
    }
    if syntax in accepted:
        content: str | Dataset = delivery.path
    elif _IMPLICIT_LITTLE_ENDIAN in accepted and syntax == _EXPLICIT_LITTLE_ENDIAN:
        try:
            content = _in_default_syntax(Path(delivery.path))
        except OSError:
            return SendResult(delivery.id, Outcome.DEAD, Reason.RESULT_MISSING, None)
    else:
        return SendResult(delivery.id, Outcome.DEAD, Reason.DESTINATION_NO_CONTEXT, None)
    try:
        answer = association.send_c_store(content)
    except (RuntimeError, ValueError):  # the association ended in this moment
        return _unanswered(delivery)
    status = answer.get("Status")
    if status is None:  # no answer in time, or an abort
        return _unanswered(delivery)
    meaning = meaning_of_store_status(int(status))
    return SendResult(delivery.id, meaning.outcome, meaning.reason, int(status))


def _in_default_syntax(path: Path) -> Dataset:
    """Read a result of ours and write it anew in Implicit VR Little Endian.

    Our results hold uncompressed pixels only, so nothing but the encoding of elements changes.
    """
    buffer = io.BytesIO()
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(buffer, implicit_vr=True, little_endian=True, enforce_file_format=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


def _unanswered(delivery: DeliveryRecord) -> SendResult:
    return SendResult(delivery.id, Outcome.RETRY, Reason.DESTINATION_UNREACHABLE, None)


def _transfer_syntax(path: Path) -> str | None:
    try:
        return str(pydicom.filereader.read_file_meta_info(path).TransferSyntaxUID)
    except (OSError, AttributeError, pydicom.errors.InvalidDicomError):
        return None


@contextmanager
def _association(
    address: Address, our_ae_title: str, timeout_seconds: float, contexts: Iterable[Any]
) -> Iterator[Any]:
    """Open an association and release it at the end.

    Raises
    ------
    TransientError
        It could not be opened; the detail tells a closed port from a refused AE title.
    """
    set_process_switches()
    entity = AE(ae_title=our_ae_title)
    entity.connection_timeout = timeout_seconds
    entity.acse_timeout = timeout_seconds
    entity.dimse_timeout = timeout_seconds * _ANSWER_TIMEOUT_FACTOR
    entity.network_timeout = timeout_seconds * _ANSWER_TIMEOUT_FACTOR
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    connected = []

    def on_connected(event: Any) -> None:
        connected.append(True)
        sock = event.assoc.dul.socket.socket
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    try:
        host = socket.gethostbyname(address.host) if ":" not in address.host else address.host
        association = entity.associate(
            host,
            address.port,
            contexts=list(contexts),
            ae_title=address.ae_title,
            max_pdu=0,
            evt_handlers=[(evt.EVT_CONN_OPEN, on_connected)],
        )
    except OSError:
        detail = f"{address.host} is not a known host name"
        raise TransientError(Reason.DESTINATION_UNREACHABLE, detail) from None
    if not association.is_established:
        raise _not_established(association, address, our_ae_title, connected=bool(connected))
    keep_answers(association)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _not_established(
    association: Any, address: Address, our_ae_title: str, *, connected: bool
) -> TransientError:
    place = f"{address.host}:{address.port}"
    if association.is_rejected:
        answer = association.acceptor.primitive
        text = explain_rejection(answer.result_source, answer.diagnostic)
        detail = f"{place}: {text}; called {address.ae_title}, calling {our_ae_title}"
        return TransientError(Reason.DESTINATION_REJECTED_ASSOCIATION, detail)
    if association.acceptor.primitive is not None:
        return TransientError(Reason.DESTINATION_NO_CONTEXT, f"{place}: no context was accepted")
    detail = "connected, but no DICOM answer" if connected else "no connection"
    return TransientError(Reason.DESTINATION_UNREACHABLE, f"{place}: {detail}")
