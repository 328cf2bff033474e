"""States of a study and what may follow what."""

from enum import StrEnum


class StudyState(StrEnum):
    """Where a study is on its way in.

    ``RECEIVING`` images still arrive; ``COMPLETE`` handed to a job; ``REJECTED`` kept, not
    analysed, with a reason. New images bring a complete or rejected study back to ``RECEIVING``.
    """

    RECEIVING = "RECEIVING"
    COMPLETE = "COMPLETE"
    REJECTED = "REJECTED"


class PeerKind(StrEnum):
    """How a peer sends: an archive pushes a finished study, a modality series by series."""

    ARCHIVE = "archive"
    MODALITY = "modality"
