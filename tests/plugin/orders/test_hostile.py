"""Whatever is sent as an order is read or refused, never anything else, and in a short time."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin.domain.errors import OrderRejectedError, Reason
from plugin.domain.order import ImagingOrder
from plugin.orders.limits import MAXIMUM_BYTES
from plugin.orders.taking import read_orders
from tests.plugin.orders.messages import as_json, coded_priority, msh, omi, orm, segment, ups

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
MESSAGES = [
    orm(uid="1.2.840.1", reason="Chest pain").encode(),
    omi().encode("utf-16"),
    orm(name="万五^京", charset="~ISO IR87").encode("iso2022_jp"),
    as_json(ups(**coded_priority("25876001"))),
    b"\0" * 128 + b"DICM" + bytes(64),
]


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.sampled_from(MESSAGES), st.data())
def test_damaged_message_is_read_or_refused(message, data):
    for _ in range(3):
        at = data.draw(st.integers(0, len(message)))
        end = data.draw(st.integers(at, min(len(message), at + 8)))
        message = message[:at] + data.draw(st.binary(max_size=6)) + message[end:]
    try:
        found = read_orders(message, NOW)
    except OrderRejectedError:
        return
    assert all(isinstance(one, ImagingOrder) for one in found)


@pytest.mark.parametrize(
    "message",
    [
        msh() + "\r" + segment("ORC", f1="NW") + "\r" + "OBR|\r" * 500_000,
        msh() + "\r" + segment("ORC", f1="NW") + "\r" + segment("TQ1", f9="S~" * 1_500_000),
        msh() + "\r" + segment("ORC", f2="\\E\\" * 900_000),
        msh() + "\r" + (segment("DG1", f4="chest " * 300) + "\r") * 2000 + orm(),
        as_json(*[ups()] * 10_000).decode(),
    ],
    ids=["requests", "repetitions", "escapes", "diagnoses", "work items"],
)
def test_message_that_is_all_repetition_holds_up_nobody(message):
    assert len(message) <= MAXIMUM_BYTES
    began, reason = time.process_time(), None
    try:
        read_orders(message.encode(), NOW)
    except OrderRejectedError as error:
        reason = error.reason
    assert reason in {None, Reason.ORDER_TOO_LARGE}
    assert time.process_time() - began < 20, "without limits it takes minutes"
