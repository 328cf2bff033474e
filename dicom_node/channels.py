"""One door to a destination, whether it speaks DIMSE or DICOMweb."""

from collections.abc import Generator, Iterable, Sequence

from dicom_node import query, sender, stow
from dicom_node.association import Caller, address_of
from dicom_node.sender import SendResult, Verified
from dicom_node.tls import Identity
from plugin.domain.errors import Reason, TransientError
from plugin.registry import DeliveryRecord, DestinationRecord
from plugin.settings import Settings


def caller_of(settings: Settings) -> Caller:
    """Return who we are to destinations."""
    tls = settings.tls
    return Caller(
        settings.node.ae_title,
        settings.delivery.connection_timeout_seconds,
        Identity(tls.certificate, tls.private_key, tls.ca_file),
    )


def send(
    destination: DestinationRecord, deliveries: Sequence[DeliveryRecord], caller: Caller
) -> Generator[SendResult, None, None]:
    """Send objects; see ``sender.send_objects`` and ``stow.send_objects``."""
    if destination.url:
        return stow.send_objects(destination, deliveries, caller)
    return sender.send_objects(destination, deliveries, caller)


def find(
    destination: DestinationRecord, deliveries: Iterable[DeliveryRecord], caller: Caller
) -> set[str]:
    """Return the SOP Instance UIDs of those objects that the destination has."""
    if destination.url:
        return stow.find_instances(destination, deliveries, caller)
    return query.find_instances(destination, deliveries, caller)


def verify(destination: DestinationRecord, caller: Caller) -> Verified:
    """Ask whether a destination answers, what it takes and how it can confirm."""
    if destination.url:
        return stow.verify(destination, caller)
    return sender.verify_destination(destination, caller)


def probe(destination: DestinationRecord, caller: Caller) -> None:
    """Ask as cheaply as can be whether a destination answers.

    Raises
    ------
    TransientError
        It does not.
    """
    if destination.url:
        stow.verify(destination, caller)
        return
    try:
        sender.verify(address_of(destination), caller)
    except TransientError as error:
        # It answers, only not to C-ECHO.
        if error.reason is not Reason.DESTINATION_NO_CONTEXT:
            raise
