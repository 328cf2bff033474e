"""One message, in whatever form it came: read, kept, and its studies raised."""

from datetime import UTC, datetime

from plugin.domain.errors import OrderRejectedError, Reason
from plugin.domain.order import ImagingOrder
from plugin.logs import get_logger
from plugin.orders.hl7 import is_hl7
from plugin.orders.hl7_order import read_hl7
from plugin.orders.limits import MAXIMUM_BYTES, MAXIMUM_ORDERS
from plugin.orders.ups import is_json, is_part10, read_json, read_part10
from plugin.registry import Registry
from plugin.registry.orders import TakenOrder, TakeOutcome

log = get_logger(__name__)

_FORMS = ((is_part10, read_part10), (is_hl7, read_hl7), (is_json, read_json))


def take_orders(registry: Registry, data: bytes, actor: str) -> list[TakenOrder]:
    """Take the orders of an HL7 v2 message (or batch), a UPS as DICOM JSON or as a DICOM file.

    Returns
    -------
    list of TakenOrder
        What became of each; one message may hold several.

    Raises
    ------
    OrderRejectedError
        ``ORDER_TOO_LARGE``, ``ORDER_NOT_UNDERSTOOD``, ``ORDER_OF_OTHER_KIND``, or
        ``ORDER_NAMES_NO_STUDY`` when no order of the message names a study or a known order.
    TransientError
        The registry does not answer.
    """
    taken = registry.orders.take(read_orders(data, datetime.now(UTC)), actor)
    if all(one.outcome is TakeOutcome.NAMELESS for one in taken):
        raise OrderRejectedError(Reason.ORDER_NAMES_NO_STUDY)
    for one in taken:
        log.info(
            "order_taken",
            outcome=one.outcome,
            kind=one.record.order.source if one.record else None,
            n_studies=len(one.study_ids),
            n_raised=len(one.raised_ids),
        )
    return taken


def read_orders(data: bytes, now: datetime) -> list[ImagingOrder]:
    """Read the orders of a message; what it is, its first bytes tell.

    Raises
    ------
    OrderRejectedError
        See ``take_orders``.
    """
    if len(data) > MAXIMUM_BYTES:
        raise OrderRejectedError(Reason.ORDER_TOO_LARGE, f"at most {MAXIMUM_BYTES // 2**20} MiB")
    read = next((read for is_such, read in _FORMS if is_such(data)), None)
    if read is None:
        raise OrderRejectedError(Reason.ORDER_NOT_UNDERSTOOD)
    orders = read(data, now)
    if len(orders) > MAXIMUM_ORDERS:
        raise OrderRejectedError(Reason.ORDER_TOO_LARGE, f"at most {MAXIMUM_ORDERS} orders")
    return orders
