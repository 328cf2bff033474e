"""What is known about a patient besides the images: clinical text, and values reported before.

Plain immutable data. All text is **untrusted**: typed by people or sent by any system, and nothing
in it is an instruction to anybody. It is never logged, never put together with ``%`` or
``str.format``, and left out of ``repr``, because tracebacks and test output print that.

Age, sex, height and weight are not here but in ``worker.volume.types.PatientContext``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from plugin.domain.findings import Code


class Topic(StrEnum):
    """What a piece of text is about, by the attribute that carried it."""

    REASON = "reason"
    PROCEDURE = "procedure"
    HISTORY = "history"
    DIAGNOSIS = "diagnosis"
    ALERT = "alert"
    COMMENT = "comment"
    PRIOR_REPORT = "prior_report"


class TextFlag(StrEnum):
    """What was done to a text, or what to beware of in it."""

    CHARACTER_SET_UNCERTAIN = "character_set_uncertain"
    MARKUP_REMOVED = "markup_removed"
    IDENTITY_REMOVED = "identity_removed"
    INSTRUCTION_LIKE = "instruction_like"
    TRUNCATED = "truncated"


class Pregnancy(StrEnum):
    """Pregnancy Status (0010,21C0); *unknown* is no value."""

    NOT_PREGNANT = "not_pregnant"
    POSSIBLY_PREGNANT = "possibly_pregnant"
    DEFINITELY_PREGNANT = "definitely_pregnant"


@dataclass(frozen=True, slots=True)
class ClinicalText:
    """One piece of text, cleaned, with the attribute that it came from.

    Attributes
    ----------
    keyword, tag
        The attribute, e.g. ``ReasonForTheRequestedProcedure`` and ``(0040,0275)(0040,1002)``, the
        sequences that hold it first. Texts of a report: the sequence and the concept's code.
    text
        One or more lines, at most ``MAXIMUM_CHARACTERS`` of ``worker.clinical.read``; never empty.
    code
        Where the attribute is a coded one: its code, with ``text`` as the meaning.
    """

    topic: Topic
    keyword: str
    tag: str
    text: str = field(repr=False)
    code: Code | None = field(default=None, repr=False)
    flags: frozenset[TextFlag] = frozenset()


@dataclass(frozen=True, slots=True)
class PriorValue:
    """A number that another document states; never a measurement of this analysis.

    Attributes
    ----------
    key, unit
        As in ``worker.findings.definitions``; ``value`` is converted to that unit.
    code
        What the document calls it; tells MR, CT and ultrasound apart.
    measured_on
        Observation date of the value, else of the document; None when neither is told.
    """

    key: str
    value: float
    unit: str
    code: Code
    measured_on: date | None


@dataclass(frozen=True, slots=True)
class PriorReport:
    """A Structured Report that came with the study.

    Attributes
    ----------
    is_own
        Made by this software, so no second opinion: its values must not confirm a new result.
    is_verified
        A person has signed it (Verification Flag).
    is_readable
        False when its content ended early, was damaged or is larger than what is looked at.
    """

    title: str
    written_on: date | None
    values: tuple[PriorValue, ...]
    is_own: bool
    is_verified: bool
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class ClinicalContext:
    """Everything that the headers of a study tell about why it was made and what is known.

    Attributes
    ----------
    texts
        In the order of ``worker.clinical.sources``: reason first, prior reports last.
    n_texts_left_out
        Further texts that were there but not read, because there were too many.
    """

    texts: tuple[ClinicalText, ...] = ()
    pregnancy: Pregnancy | None = None
    prior_reports: tuple[PriorReport, ...] = ()
    n_texts_left_out: int = 0

    def about(self, *topics: Topic) -> Iterator[ClinicalText]:
        """Yield the texts about any of ``topics``."""
        return (text for text in self.texts if text.topic in topics)
