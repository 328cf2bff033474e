"""What a page or the API may ask another process to do, and which process does it.

The pages speak no DICOM and load no model: they write a request into the registry, the process
that can carry it out takes it, and its answer is read from there.
"""

from enum import StrEnum


class RequestKind(StrEnum):
    """One thing that can be asked for."""

    ECHO_PEER = "peer.echo"
    TEST_DESTINATION = "destination.test"
    LOOK_AT_STUDY = "study.look"
    LOOK_AT_UPLOAD = "upload.look"
    WITHDRAW_RESULT = "study.withdraw"
    VERIFY_BUNDLE = "bundle.verify"
    INSTALL_BUNDLE = "bundle.install"
    REMOVE_BUNDLE = "bundle.remove"


class RequestState(StrEnum):
    """How far a request is; ``OVERDUE``: nobody took it while its answer was of use."""

    WAITING = "waiting"
    TAKEN = "taken"
    DONE = "done"
    REFUSED = "refused"
    OVERDUE = "overdue"


BY_DELIVERY = frozenset({RequestKind.ECHO_PEER, RequestKind.TEST_DESTINATION})
"""What the delivering process carries out."""

LOOKS = frozenset({RequestKind.LOOK_AT_STUDY, RequestKind.LOOK_AT_UPLOAD})
"""Dry runs."""

UPLOADS = frozenset({RequestKind.INSTALL_BUNDLE, RequestKind.LOOK_AT_UPLOAD})
"""What is about an uploaded file; whoever carries it out deletes that, so it never lapses."""

QUESTIONS = frozenset(
    {
        RequestKind.ECHO_PEER,
        RequestKind.TEST_DESTINATION,
        RequestKind.LOOK_AT_STUDY,
        RequestKind.VERIFY_BUNDLE,
    }
)
"""What changes nothing: whoever asked has gone when it is answered much later, so it lapses."""
