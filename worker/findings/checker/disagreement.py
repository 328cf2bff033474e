"""The ways in which a text can disagree with what was measured."""

from dataclasses import dataclass
from enum import StrEnum


class DisagreementKind(StrEnum):
    """What is wrong with a sentence."""

    UNKNOWN_NUMBER = "unknown_number"
    WRONG_MEASUREMENT = "wrong_measurement"
    WRONG_RANGE = "wrong_range"
    WRONG_SEVERITY = "wrong_severity"
    WRONG_CERTAINTY = "wrong_certainty"
    CONTRADICTION = "contradiction"
    NOT_ASSESSED = "not_assessed"
    UNSUPPORTED_WORD = "unsupported_word"
    WRONG_PRIORITY = "wrong_priority"
    UNKNOWN_SOURCE = "unknown_source"
    OMITTED = "omitted"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing that a sentence says otherwise than the assessment."""

    kind: DisagreementKind
    sentence: str
    detail: str


Problem = tuple[DisagreementKind, str]
"""A kind and a detail, before the sentence is known."""
