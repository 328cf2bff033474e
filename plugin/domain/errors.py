"""Every way in which the system can fail, as exceptions that carry a reason and its sentence.

The exception class decides whether something is tried again; the ``Reason`` says what happened.

    TriageError
    ├── TransientError        try again (dead PACS, lost Redis, full disk)
    ├── StudyRejectedError    the input's fault, final; the worklist says why
    ├── OrderRejectedError    an order message cannot be used; who sent it is told
    ├── ModelError            the answer is unusable, final; a person is told
    └── ConfigurationError    stop at start, say which key or file
"""

from plugin.domain.reasons import Reason
from plugin.domain.sentences import SENTENCES

__all__ = [
    "SENTENCES",
    "ConfigurationError",
    "ModelError",
    "OrderRejectedError",
    "Reason",
    "StudyRejectedError",
    "TransientError",
    "TriageError",
]


class TriageError(Exception):
    """Base of all errors of this project.

    Parameters
    ----------
    reason
        What happened.
    detail
        Facts that help (a count, a setting's name, a millimetre value); never patient data.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """The sentence for people, with the detail in brackets when there is one."""
        text = SENTENCES[self.reason]
        return f"{text} ({self.detail})" if self.detail else text


class TransientError(TriageError):
    """It may work later; the caller tries again."""


class StudyRejectedError(TriageError):
    """The study cannot be analysed, whoever tries; final until its images change."""


class OrderRejectedError(TriageError):
    """An order message cannot be used, however often it is sent; nothing of it was kept."""


class ModelError(TriageError):
    """The model or its answer is unusable; final, a person is told."""


class ConfigurationError(TriageError):
    """The installation is wrong; the process stops at start and says which key or file."""
