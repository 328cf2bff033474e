"""How much of one message is read: a wrong or hostile file must not hold up the others."""

MAXIMUM_BYTES = 4 * 1024 * 1024
"""An order with a scanned letter in it fits; a file that was chosen by mistake does not."""
MAXIMUM_ORDERS = 1000
"""All orders of a message are taken at once, and others who write wait for that."""
MAXIMUM_SEGMENTS = 20_000
MAXIMUM_REPETITIONS = 20
MAXIMUM_SHARED = 10
"""Segments of an order that the next request shares."""

MAXIMUM_CHARACTERS = 64
"""Of a number or an ID; what is longer is cut."""
MAXIMUM_REASONS = 50
MAXIMUM_REASON_CHARACTERS = 2000
