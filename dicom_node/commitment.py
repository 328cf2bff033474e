"""Storage Commitment as an SCU: asking an archive to keep what it took, and hearing its report.

The report comes on the association of the request or on one that the archive opens to our node;
both hear it with ``hear_report``, which answers after the registry has written it down.

References
----------
DICOM PS3.4 J (Storage Commitment Push Model), PS3.3 C.14 (its attributes).
"""

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydicom import Dataset
from pynetdicom import evt

from dicom_node.association import Caller, open_service
from dicom_node.contexts import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from dicom_node.statuses import (
    INVALID_ARGUMENT,
    NOT_OFFERED,
    PROCESSING_FAILURE,
    SUCCESS,
    meaning_of_commitment_failure,
)
from plugin.domain.errors import Reason, TransientError
from plugin.domain.identifiers import is_valid_uid
from plugin.logs import get_logger
from plugin.registry import DeliveryRecord, DestinationRecord, Registry, UnconfirmedObject

log = get_logger(__name__)

_REQUEST = 1  # Action Type ID (PS3.4 Table J.3-1)
_EVENT_TYPES = (1, 2)  # all committed; failures exist
_POLL_SECONDS = 0.02
_MAXIMUM_OBJECTS = 1000  # far more than one request of ours names


@dataclass(frozen=True, slots=True)
class Report:
    """What an archive says about one transaction."""

    transaction_uid: str
    committed: tuple[str, ...]
    failed: tuple[UnconfirmedObject, ...]


def new_transaction_uid() -> str:
    """Make a Transaction UID; nobody can guess it, so who knows it was asked."""
    return f"2.25.{uuid.uuid4().int}"


def ask_for_commitment(
    destination: DestinationRecord,
    transaction_uid: str,
    deliveries: Sequence[DeliveryRecord],
    caller: Caller,
    hear: "Hearing",
) -> None:
    """Ask an archive to commit, and wait a moment on the association for its report.

    Parameters
    ----------
    hear
        Hears reports on this association.

    Raises
    ------
    TransientError
        ``COMMITMENT_NOT_OFFERED``; ``COMMITMENT_FAILED`` when the archive has no time for it now,
        or no answer; or there was no association.
    """
    not_offered = Reason.COMMITMENT_NOT_OFFERED
    handlers = [(evt.EVT_N_EVENT_REPORT, hear)]
    with open_service(
        destination, caller, STORAGE_COMMITMENT, not_offered, handlers
    ) as association:
        _request(association, _request_of(transaction_uid, deliveries))
        hear.wait(association)


def _request(association: Any, request: Dataset) -> None:
    try:
        answer, _ = association.send_n_action(
            request, _REQUEST, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
        )
    except (RuntimeError, ValueError):  # the association ended in this moment
        answer = Dataset()
    status = answer.get("Status")
    if status is None:
        raise TransientError(Reason.COMMITMENT_FAILED, "no answer to N-ACTION")
    if int(status) in NOT_OFFERED:
        raise TransientError(Reason.COMMITMENT_NOT_OFFERED, f"status {int(status):04X}")
    if int(status) != SUCCESS:
        raise TransientError(Reason.COMMITMENT_FAILED, f"status {int(status):04X}")


def _request_of(transaction_uid: str, deliveries: Sequence[DeliveryRecord]) -> Dataset:
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = []
    for delivery in deliveries:
        item = Dataset()
        item.ReferencedSOPClassUID = delivery.sop_class_uid
        item.ReferencedSOPInstanceUID = delivery.sop_instance_uid
        request.ReferencedSOPSequence.append(item)
    return request


class Hearing:
    """Hears reports on an association and writes them into the registry before it answers.

    Parameters
    ----------
    ask_again_seconds
        When to ask again about what was not committed for a reason that may pass.
    wait_seconds
        How long ``wait`` keeps the association open for a report.
    """

    def __init__(
        self,
        registry: Registry,
        ask_again_seconds: float,
        wait_seconds: float = 0.0,
    ) -> None:
        self._registry = registry
        self._ask_again_seconds = ask_again_seconds
        self._wait_seconds = wait_seconds
        self._heard = threading.Event()

    def __call__(self, event: Any) -> tuple[int, None]:
        """Handle an N-EVENT-REPORT request of pynetdicom; return the status of the answer."""
        try:
            status = self._hear(event)
        except TransientError as error:
            log.error("commitment_not_noted", reason=error.reason)
            status = PROCESSING_FAILURE
        except Exception as error:
            log.error("commitment_not_noted", reason=Reason.INTERNAL_ERROR, exc_info=error)
            status = PROCESSING_FAILURE
        return status, None

    def wait(self, association: Any) -> None:
        """Keep the association open until a report was answered, or the time is over."""
        deadline = time.monotonic() + self._wait_seconds
        while association.is_established and time.monotonic() < deadline:
            if self._heard.wait(_POLL_SECONDS):
                time.sleep(_POLL_SECONDS)  # our answer to the report is on its way
                return

    def _hear(self, event: Any) -> int:
        report = None
        if event.request.EventTypeID in _EVENT_TYPES:
            report = read_report(_information(event))
        if report is None:
            log.warning("commitment_report_unreadable", reason=Reason.DAMAGED_DATASET)
            return INVALID_ARGUMENT
        ask_again_at = datetime.now(UTC) + timedelta(seconds=self._ask_again_seconds)
        result = self._registry.commitments.report(
            report.transaction_uid, report.committed, report.failed, ask_again_at
        )
        if result is None:
            log.warning("commitment_report_unknown", reason=Reason.NOT_FOUND)
            return INVALID_ARGUMENT
        log.info(
            "commitment_reported",
            n_confirmed=result.n_confirmed,
            n_unconfirmed=result.n_unconfirmed,
        )
        self._heard.set()
        return SUCCESS


def _information(event: Any) -> Dataset | None:
    """Return the Event Information, None where it cannot be decoded."""
    try:
        information: Dataset = event.event_information
        # Decoding is lazy: what is broken shows when it is read.
        return Dataset({element.tag: element for element in information})
    except Exception:  # noqa: BLE001  whatever a hostile dataset makes pydicom raise
        return None


def read_report(information: Dataset | None) -> Report | None:
    """Read the Event Information of a report; None where it is not one."""
    if information is None or not is_valid_uid(str(information.get("TransactionUID", ""))):
        return None
    good = information.get("ReferencedSOPSequence") or []
    bad = information.get("FailedSOPSequence") or []
    if len(good) + len(bad) > _MAXIMUM_OBJECTS:
        return None
    failed = []
    for item in bad:
        status = item.get("FailureReason")
        number = status if isinstance(status, int) else None
        remedy, reason = meaning_of_commitment_failure(number)
        failed.append(UnconfirmedObject(_uid_of(item), remedy, reason, number))
    committed = tuple(uid for item in good if (uid := _uid_of(item)))
    return Report(
        str(information.TransactionUID),
        committed,
        tuple(one for one in failed if one.sop_instance_uid),
    )


def _uid_of(item: Dataset) -> str:
    """Return the instance that an item names, an empty text where it names none."""
    uid = str(item.get("ReferencedSOPInstanceUID", ""))
    return uid if is_valid_uid(uid) else ""
