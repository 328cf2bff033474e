"""DIMSE status codes as data: what we answer, and what an answer means for a delivery.

References
----------
DICOM PS3.3 C.14.1.1 (commitment failure reasons), PS3.4 B.2.3 (C-STORE statuses), PS3.7 C (general
statuses), PS3.8 9.3.4 (rejections).
"""

from dataclasses import dataclass
from enum import StrEnum

from plugin.domain.errors import Reason
from plugin.domain.job import Remedy

# What the node answers as an acceptor (PS3.4 Table B.2-1, PS3.7 C.5).
SUCCESS = 0x0000
NOT_AUTHORISED = 0x0124
INVALID_ARGUMENT = 0x0115
CLASS_NOT_SUPPORTED = 0x0122
NO_SUCH_INSTANCE = 0x0112
OUT_OF_RESOURCES = 0xA700
PROCESSING_FAILURE = 0x0110
CANNOT_UNDERSTAND = 0xC000


class Outcome(StrEnum):
    """What an answer to our C-STORE means: done, try again, or a person has to look."""

    SENT = "sent"
    RETRY = "retry"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """Meaning of one C-STORE status.

    Attributes
    ----------
    reason
        None when the instance is stored there.
    """

    outcome: Outcome
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class StatusRange:
    """A range of statuses, both ends included, with its printed meaning."""

    first: int
    last: int
    meaning: str
    outcome: Outcome
    reason: Reason | None


_WRONG_CLASS = (0xA900, 0xA9FF)
# First match counts. A duplicate is a success: the archive has this instance, and one UID of ours
# always means one content.
STORE_ANSWERS: tuple[StatusRange, ...] = (
    StatusRange(0x0000, 0x0000, "Success", Outcome.SENT, None),
    StatusRange(0x0001, 0x0001, "Warning: requested optional attributes", Outcome.SENT, None),
    StatusRange(0x0107, 0x0107, "Warning: attribute list", Outcome.SENT, None),
    StatusRange(0x0111, 0x0111, "Duplicate SOP Instance", Outcome.SENT, None),
    StatusRange(0x0116, 0x0116, "Warning: attribute value out of range", Outcome.SENT, None),
    StatusRange(
        0x0122,
        0x0122,
        "SOP Class not supported",
        Outcome.DEAD,
        Reason.DESTINATION_NO_CONTEXT,
    ),
    StatusRange(
        0x0124, 0x0124, "Not authorised", Outcome.DEAD, Reason.DESTINATION_REFUSED_INSTANCE
    ),
    StatusRange(
        0xA700,
        0xA7FF,
        "Refused: out of resources",
        Outcome.RETRY,
        Reason.DESTINATION_OUT_OF_RESOURCES,
    ),
    StatusRange(
        *_WRONG_CLASS,
        "Error: dataset does not match SOP Class",
        Outcome.DEAD,
        Reason.DESTINATION_REFUSED_INSTANCE,
    ),
    StatusRange(0xB000, 0xBFFF, "Warning (coercion, elements discarded)", Outcome.SENT, None),
    StatusRange(
        0xC000,
        0xCFFF,
        "Error: cannot understand",
        Outcome.DEAD,
        Reason.DESTINATION_REFUSED_INSTANCE,
    ),
)


def meaning_of_store_status(status: int) -> StoreAnswer:
    """Tell what a C-STORE status of a destination means for the delivery.

    A failure that is in no range (processing failure 0x0110 and the general ones of PS3.7 C) is
    tried again: it says something about the moment, not about the instance.
    """
    for known in STORE_ANSWERS:
        if known.first <= status <= known.last:
            return StoreAnswer(known.outcome, known.reason)
    return StoreAnswer(Outcome.RETRY, Reason.DESTINATION_REFUSED_INSTANCE)


def refuses_the_class(reason: Reason | None, status: int | None) -> bool:
    """Tell whether a refusal is about the kind of object, so that another kind may be taken."""
    return reason is Reason.DESTINATION_NO_CONTEXT or (
        status is not None and _WRONG_CLASS[0] <= status <= _WRONG_CLASS[1]
    )


@dataclass(frozen=True, slots=True)
class CommitmentFailure:
    """A Failure Reason (0008,1197) of a commitment report and what is done about it."""

    status: int
    meaning: str
    remedy: Remedy
    reason: Reason


# PS3.3 C.14.1.1; any other reason is asked again.
COMMITMENT_FAILURES: dict[int, CommitmentFailure] = {
    failure.status: failure
    for failure in (
        CommitmentFailure(0x0110, "Processing failure", Remedy.ASK_AGAIN, Reason.COMMITMENT_FAILED),
        CommitmentFailure(
            0x0112, "No such object instance", Remedy.SEND_AGAIN, Reason.DESTINATION_LOST_INSTANCE
        ),
        CommitmentFailure(
            0x0119, "Class / instance conflict", Remedy.GIVE_UP, Reason.DESTINATION_REFUSED_INSTANCE
        ),
        CommitmentFailure(
            0x0122,
            "Referenced SOP Class not supported",
            Remedy.GIVE_UP,
            Reason.DESTINATION_NO_CONTEXT,
        ),
        CommitmentFailure(
            0x0131, "Duplicate transaction UID", Remedy.ASK_AGAIN, Reason.COMMITMENT_FAILED
        ),
        CommitmentFailure(
            0x0213, "Resource limitation", Remedy.ASK_AGAIN, Reason.COMMITMENT_FAILED
        ),
    )
}


def meaning_of_commitment_failure(status: int | None) -> tuple[Remedy, Reason]:
    """Tell what is done about an object that a destination did not commit to keep."""
    known = COMMITMENT_FAILURES.get(status or 0)
    return (
        (Remedy.ASK_AGAIN, Reason.COMMITMENT_FAILED)
        if known is None
        else (
            known.remedy,
            known.reason,
        )
    )


# Of N-ACTION and of C-FIND (PS3.7 C): the service is not there for us, whatever was negotiated.
NOT_OFFERED = frozenset({0x0112, 0x0118, 0x0119, 0x0122, 0x0124, 0x0211, 0xA900})


@dataclass(frozen=True, slots=True)
class Rejection:
    """A-ASSOCIATE-RJ fields (PS3.8 Table 9-21) and our reason."""

    result: int  # 1 permanent, 2 transient
    source: int
    diagnostic: int
    reason: Reason


_USER = 1
_PRESENTATION = 3
REJECTIONS: dict[Reason, Rejection] = {
    rejection.reason: rejection
    for rejection in (
        Rejection(1, _USER, 7, Reason.WRONG_CALLED_AE_TITLE),
        Rejection(1, _USER, 3, Reason.UNKNOWN_CALLING_AE_TITLE),
        Rejection(1, _USER, 3, Reason.CALLING_ADDRESS_MISMATCH),
        Rejection(1, _USER, 3, Reason.PEER_DISABLED),
        Rejection(1, _USER, 1, Reason.TLS_REQUIRED),
        Rejection(1, _USER, 1, Reason.CERTIFICATE_NOT_OF_PEER),
        Rejection(2, _PRESENTATION, 2, Reason.TOO_MANY_ASSOCIATIONS),
        Rejection(2, _PRESENTATION, 1, Reason.REGISTRY_UNAVAILABLE),
        Rejection(2, _PRESENTATION, 1, Reason.INTERNAL_ERROR),
    )
}


# PS3.8 Table 9-21: (source, diagnostic) of an A-ASSOCIATE-RJ that we get, as an administrator
# reads it.
_REJECTION_TEXTS: dict[tuple[int, int], str] = {
    (1, 1): "rejected without a reason",
    (1, 2): "application context not supported",
    (1, 3): "our AE title is not known there; have it added",
    (1, 7): "the AE title that we call is not the one there",
    (2, 1): "rejected by its network layer without a reason",
    (2, 2): "protocol version not supported",
    (3, 1): "temporarily congested",
    (3, 2): "too many associations there",
}


def explain_rejection(source: int, diagnostic: int) -> str:
    """Say in words why an association was rejected, with the numbers for the other side's support.

    Parameters
    ----------
    source, diagnostic
        As in PS3.8 Table 9-21.
    """
    text = _REJECTION_TEXTS.get((source, diagnostic), "rejected")
    return f"{text} (source {source}, reason {diagnostic})"
