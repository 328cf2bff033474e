"""Our side as a sender: one association to one destination, stored bytes out, answers explained.

Knows associations and statuses; when to try again is ``deliverer``, what is sent is the registry.
The bytes that a job wrote are sent as they lie, unless a destination takes nothing but the default
transfer syntax: then the same values are sent in Implicit VR Little Endian, under the same UID.

References
----------
DICOM PS3.4 A (Verification), B (Storage), PS3.5 10.1 (the default transfer syntax), PS3.7 9.1.1
(C-STORE).
"""

import io
import os
import time
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import build_context

from dicom_node.association import (
    Address,
    Caller,
    accepted_classes,
    address_of,
    open_association,
)
from dicom_node.contexts import STORAGE_COMMITMENT, STUDY_ROOT_FIND, VERIFICATION
from dicom_node.statuses import Outcome, meaning_of_store_status
from plugin.domain.errors import Reason, TransientError
from plugin.domain.objects import FALLBACKS, SOP_CLASSES_OF_KIND, SYNTAXES_OF_KIND
from plugin.registry import DeliveryRecord, DestinationRecord

_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"


@dataclass(frozen=True, slots=True)
class SendResult:
    """What happened to one delivery.

    Attributes
    ----------
    status
        The DIMSE status (or the failure reason of STOW-RS) when there was an answer.
    implicit
        Whether it went in Implicit VR Little Endian, because nothing else was accepted.
    """

    delivery_id: int
    outcome: Outcome
    reason: Reason | None
    status: int | None
    implicit: bool = False

    @property
    def says_nothing_of_destination(self) -> bool:
        """Whether our own file could not be read; the destination was perhaps not even called."""
        return self.reason in {Reason.RESULT_MISSING, Reason.STORAGE_UNREADABLE}


@dataclass(frozen=True, slots=True)
class Verified:
    """What a destination that answered would do with our objects.

    Attributes
    ----------
    instead
        Kinds that it does not take, and what it would get instead.
    confirms_by
        What it offers of ``commitment`` and ``query``.
    """

    seconds: float
    instead: Mapping[str, str]
    confirms_by: tuple[str, ...]


def verify(address: Address, caller: Caller) -> float:
    """Ask whether an application entity answers (C-ECHO).

    Returns
    -------
    float
        Seconds from the first packet to the answer.

    Raises
    ------
    TransientError
        ``DESTINATION_UNREACHABLE`` or ``DESTINATION_REJECTED_ASSOCIATION``, or of TLS; the detail
        says what to look at.
    """
    started = time.monotonic()
    with open_association(address, caller, [build_context(VERIFICATION)]) as association:
        _echo(association)
        return time.monotonic() - started


def verify_destination(destination: DestinationRecord, caller: Caller) -> Verified:
    """Ask whether a destination answers, what it takes and how it can confirm.

    Raises
    ------
    TransientError
        As ``verify``; ``DESTINATION_NO_CONTEXT`` names the kinds that it does not take and for
        which it takes no other.
    """
    kinds = {*destination.objects}
    for kind in destination.objects:
        kinds.update(known for known in FALLBACKS.get(kind, ()) if known in SOP_CLASSES_OF_KIND)
    wanted = {(SOP_CLASSES_OF_KIND[kind], SYNTAXES_OF_KIND[kind]) for kind in kinds}
    contexts = [
        *(build_context(uid) for uid in (VERIFICATION, STORAGE_COMMITMENT, STUDY_ROOT_FIND)),
        *_contexts(wanted),
    ]
    started = time.monotonic()
    with open_association(address_of(destination), caller, contexts) as association:
        accepted = accepted_classes(association)
        if VERIFICATION in accepted:
            _echo(association)
        seconds = time.monotonic() - started
        taken = {kind for kind in kinds if _encoding(association, *_wire(kind)) is not None}
    instead, refused = _instead(destination.objects, taken)
    if refused:
        raise TransientError(Reason.DESTINATION_NO_CONTEXT, ", ".join(refused))
    offers = {"commitment": STORAGE_COMMITMENT, "query": STUDY_ROOT_FIND}
    return Verified(seconds, instead, tuple(by for by, uid in offers.items() if uid in accepted))


def _echo(association: Any) -> None:
    if association.send_c_echo().get("Status") != 0:
        detail = "connected, but C-ECHO was not answered"
        raise TransientError(Reason.DESTINATION_UNREACHABLE, detail)


def _wire(kind: str) -> tuple[str, str]:
    return SOP_CLASSES_OF_KIND[kind], SYNTAXES_OF_KIND[kind]


def _encoding(association: Any, sop_class_uid: str, syntax: str) -> str | None:
    """Return the transfer syntax to send an object in: its own, else the default one, else none.

    Only what is not compressed can be written in the default one without touching its pixels.
    """
    accepted = {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if str(context.abstract_syntax) == sop_class_uid
    }
    if syntax in accepted:
        return syntax
    if _IMPLICIT_LITTLE_ENDIAN in accepted and syntax == _EXPLICIT_LITTLE_ENDIAN:
        return _IMPLICIT_LITTLE_ENDIAN
    return None


def _instead(kinds: Sequence[str], taken: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Return what is sent instead of kinds that are not taken, and those with no substitute."""
    instead, refused = {}, []
    for kind in kinds:
        if kind in taken:
            continue
        for other in FALLBACKS.get(kind, ()):
            if other in taken:
                instead[kind] = other
                break
        else:
            refused.append(kind)
    return instead, refused


def send_objects(
    destination: DestinationRecord, deliveries: Sequence[DeliveryRecord], caller: Caller
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
        be retried, and the rest, which was not tried, has no result. An object whose file cannot
        be read is told without an association.
    """
    sendable: list[tuple[DeliveryRecord, str]] = []
    syntaxes: set[tuple[str, str]] = set()
    for delivery in deliveries:
        try:
            syntax = _transfer_syntax(Path(delivery.path))
        except OSError as error:
            yield not_read(delivery, error)
            continue
        except (AttributeError, pydicom.errors.InvalidDicomError):
            yield SendResult(delivery.id, Outcome.DEAD, Reason.RESULT_MISSING, None)
            continue
        sendable.append((delivery, syntax))
        syntaxes.add((delivery.sop_class_uid, syntax))
    if not sendable:
        return
    contexts = _contexts(syntaxes)
    with open_association(address_of(destination), caller, contexts) as association:
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
    encoding = _encoding(association, delivery.sop_class_uid, syntax)
    if encoding is None:
        return SendResult(delivery.id, Outcome.DEAD, Reason.DESTINATION_NO_CONTEXT, None)
    implicit = encoding != syntax
    content: str | Dataset = delivery.path
    if implicit:
        try:
            content = _in_default_syntax(Path(delivery.path))
        except OSError:
            return _read_later(delivery)
    try:
        answer = association.send_c_store(content)
    except (RuntimeError, ValueError):  # the association ended in this moment
        return _unanswered(delivery)
    except OSError:  # of our file: half of an object may be on its way
        association.abort()
        return _read_later(delivery)
    status = answer.get("Status")
    if status is None:  # no answer in time, or an abort
        return _unanswered(delivery)
    meaning = meaning_of_store_status(int(status))
    return SendResult(delivery.id, meaning.outcome, meaning.reason, int(status), implicit)


def _in_default_syntax(path: Path) -> Dataset:
    """Read a result of ours and write it anew in Implicit VR Little Endian.

    Values and UIDs stay; the encoding of elements changes, so these bytes are not those on disk
    (and a UN element of unknown VR stays what it is). Results hold uncompressed pixels, or pixels
    that have no Implicit VR encoding (a compressed cine), which then are not offered here at all.
    """
    buffer = io.BytesIO()
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(buffer, implicit_vr=True, little_endian=True, enforce_file_format=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


def _unanswered(delivery: DeliveryRecord) -> SendResult:
    return SendResult(delivery.id, Outcome.RETRY, Reason.DESTINATION_UNREACHABLE, None)


def not_read(delivery: DeliveryRecord, error: OSError) -> SendResult:
    """Say what becomes of an object whose file could not be opened: dead only when it is gone.

    A share that is away takes the folder of all results with it, or answers with another error.
    """
    results = Path(delivery.path).parent.parent
    if isinstance(error, FileNotFoundError) and os.path.isdir(results):  # noqa: PTH112 - says no where pathlib raises
        return SendResult(delivery.id, Outcome.DEAD, Reason.RESULT_MISSING, None)
    return _read_later(delivery)


def _read_later(delivery: DeliveryRecord) -> SendResult:
    return SendResult(delivery.id, Outcome.RETRY, Reason.STORAGE_UNREADABLE, None)


def _transfer_syntax(path: Path) -> str:
    return str(pydicom.filereader.read_file_meta_info(path).TransferSyntaxUID)
