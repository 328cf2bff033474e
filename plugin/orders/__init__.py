"""Orders in: HL7 v2 and UPS, as bytes, to the registry.

Whatever brings an order (a file, the REST interface, one day a listener) gives its bytes to
``take_orders``; nothing else is to be known about formats.
"""

from plugin.orders.limits import MAXIMUM_BYTES
from plugin.orders.taking import take_orders

__all__ = ["MAXIMUM_BYTES", "take_orders"]
