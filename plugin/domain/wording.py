"""Text about one study in parts, each sentence with its evidence, and who worded it.

Plain immutable data. The language model words a part only where every sentence of it passed the
check; where not, the part is worded by rules and says why. ``worker.findings.word`` decides.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What a text is for; the language model has a task of the same name for each."""

    IMPRESSION = "impression"
    EXPLANATION = "explanation"
    DIFFERENTIAL = "differential"
    LIMITS = "limits"
    ANSWER = "answer"


REPORT_PARTS = (Part.IMPRESSION, Part.EXPLANATION, Part.DIFFERENTIAL, Part.LIMITS)


class Author(StrEnum):
    """Who chose the words."""

    LANGUAGE_MODEL = "language_model"
    RULES = "rules"


class Doubt(StrEnum):
    """Why words of the language model are not shown."""

    FAILED = "failed"
    CONTEXT_FULL = "context_full"
    OUT_OF_TIME = "out_of_time"
    UNFINISHED = "unfinished"
    REPEATED = "repeated"
    INCOMPLETE = "incomplete"
    NOT_JOINED = "not_joined"
    UNKNOWN_WORD = "unknown_word"
    ABOUT_HISTORY = "about_history"
    DISAGREEMENT = "disagreement"
    OFF_QUESTION = "off_question"


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence as it is printed.

    Attributes
    ----------
    evidence
        Keys of the facts that it names (``lv_ejection_fraction``), in order.
    """

    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """The sentences of one part.

    Attributes
    ----------
    doubt
        Why the language model's words were not taken; None where they were, or there is no model.
    """

    part: Part
    author: Author
    statements: tuple[Statement, ...]
    doubt: Doubt | None = None

    def beside_notes(self, notes: Collection[str]) -> tuple[Statement, ...]:
        """Return the sentences that name more than notes on quality which stand beside them.

        Every note has a place of its own in each report, picture and page, whoever words the rest;
        a sentence that names nothing else would tell it a second time.

        Parameters
        ----------
        notes
            Keys of the notes that are told in their own place.
        """
        return tuple(
            one for one in self.statements if not one.evidence or set(one.evidence) - set(notes)
        )


@dataclass(frozen=True, slots=True)
class Wording:
    """All parts about a study in one language."""

    language: str
    passages: tuple[Passage, ...]

    def passage(self, part: Part) -> Passage | None:
        """Return the passage of a part, or None."""
        return next((one for one in self.passages if one.part is part), None)

    @property
    def replaced(self) -> tuple[Passage, ...]:
        """Passages whose words by the language model were not taken."""
        return tuple(one for one in self.passages if one.doubt is not None)
