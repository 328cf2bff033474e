from itertools import pairwise

import pytest

from dicom_node.statuses import (
    REJECTIONS,
    STORE_ANSWERS,
    Outcome,
    explain_rejection,
    meaning_of_store_status,
)
from plugin.domain.errors import Reason


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (0x0000, Outcome.SENT, None),
        (0x0111, Outcome.SENT, None),
        (0xB000, Outcome.SENT, None),
        (0xB007, Outcome.SENT, None),
        (0xA700, Outcome.RETRY, Reason.DESTINATION_OUT_OF_RESOURCES),
        (0xA702, Outcome.RETRY, Reason.DESTINATION_OUT_OF_RESOURCES),
        (0xA900, Outcome.DEAD, Reason.DESTINATION_REFUSED_INSTANCE),
        (0xC000, Outcome.DEAD, Reason.DESTINATION_REFUSED_INSTANCE),
        (0xCFFF, Outcome.DEAD, Reason.DESTINATION_REFUSED_INSTANCE),
        (0x0122, Outcome.DEAD, Reason.DESTINATION_NO_CONTEXT),
        (0x0110, Outcome.RETRY, Reason.DESTINATION_REFUSED_INSTANCE),
        (0x0211, Outcome.RETRY, Reason.DESTINATION_REFUSED_INSTANCE),
    ],
)
def test_store_status_means_sent_retry_or_dead(status, outcome, reason):
    answer = meaning_of_store_status(status)
    assert (answer.outcome, answer.reason) == (outcome, reason)


def test_ranges_are_in_order_and_apart():
    for lower, upper in pairwise(STORE_ANSWERS):
        assert lower.first <= lower.last < upper.first


def test_rejections_are_those_of_the_standard():
    wrong = REJECTIONS[Reason.WRONG_CALLED_AE_TITLE]
    unknown = REJECTIONS[Reason.UNKNOWN_CALLING_AE_TITLE]
    assert (wrong.result, wrong.source, wrong.diagnostic) == (1, 1, 7)
    assert (unknown.result, unknown.source, unknown.diagnostic) == (1, 1, 3)
    assert "source 1, reason 7" in explain_rejection(1, 7)
    assert "rejected (source 9, reason 9)" in explain_rejection(9, 9)
